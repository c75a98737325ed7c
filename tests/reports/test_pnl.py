"""Edge, inventory, hedges, fees and corrections are what was realised: for any stream of fills, in any market, to rounding."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.book.state import Book, book_fill, bust_fill, correct_fill
from flatbook.book.view import view
from flatbook.exposure.marks import mark
from flatbook.model.events import FillBusted, FillCorrected
from flatbook.model.instruments import Instrument, Kind, Payoff, Right, TickBand
from flatbook.reports.pnl import PnlPart, Trade, hedge_rows, identity, opening_of, trades_of
from tests.exposure.test_waterfall import _book, _moved
from tests.worlds import NOW_NS, fill, option, view_by_hand

_DAY = 86_400 * 1_000_000_000
_SYMBOLS = ("PUT92D20", "CALL100D20", "CALL107D90", "XYZ")


@cache
def _marks():
    _, first = _book()
    second = _moved(first, spot=1.02, vol=0.01, days=1)
    third = _moved(second, spot=0.95, vol=-0.02, rate=0.005, days=3)
    return tuple(mark(each) for each in (first, second, third))


def _table():
    return _marks()[0].market.table


def _hedges():
    return hedge_rows(_table(), ["XYZ"])


def _fill(number, symbol, side, quantity, price, at_days, **more):
    from msgspec.structs import replace as struct_replace

    return struct_replace(
        fill(number, symbol, side, quantity, price, **more), traded_ns=NOW_NS + round(at_days * _DAY)
    )


def _holds(step):
    return abs(step.realised - step.desk.sum()) <= max(1e-9, 1e-12 * step.gross)


_fills = st.lists(
    st.tuples(
        st.sampled_from(_SYMBOLS),
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 500),
        st.integers(1, 20_000).map(lambda ticks: ticks / 100.0),
        st.floats(-1.0, 5.0),
        st.floats(-5.0, 50.0),
    ),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(
    streams=_fills,
    notices=st.lists(
        st.tuples(st.integers(0, 11), st.booleans(), st.integers(1, 300), st.floats(0.0, 5.0)), max_size=5
    ),
)
def test_the_identity_holds_for_any_stream(streams, notices):
    """V41: to max(1e-9, 1e-12 of gross), step by step, with corrections and busts among them."""
    facts = [_fill(n, s, side, q, p, at, fee=fee) for n, (s, side, q, p, at, fee) in enumerate(streams)]
    for number, (which, bust, quantity, at) in enumerate(notices):
        at_ns = NOW_NS + round(at * _DAY)
        facts.append(
            FillBusted(received_ns=at_ns, bust_id=f"N{number}", fill_id=f"F{which}")
            if bust
            else FillCorrected(
                received_ns=at_ns, correction_id=f"N{number}", fill_id=f"F{which}", quantity=quantity,
                price_ticks=100 + number, corrected_ns=at_ns,
            )
        )  # fmt: skip
    trades = trades_of(facts, _table())
    steps = identity(_marks(), trades, _hedges())

    assert all(_holds(step) for step in steps), [step.realised - step.desk.sum() for step in steps]
    assert all(not step.unvalued for step in steps)
    known = opening_of(trades, _marks()[-1].now_ns + 1, len(_table().instruments))
    assert steps[-1].closing.tolist() == known.tolist()


@settings(max_examples=50, deadline=None)
@given(
    streams=_fills,
    notices=st.lists(st.tuples(st.integers(0, 11), st.booleans(), st.integers(1, 300)), max_size=5),
)
def test_cash_and_contracts_are_those_of_the_book(streams, notices):
    """The same stream in the desk's own book: contracts, cash less fees, and so what was realised from a flat start."""
    facts = [
        _fill(n, s, side, q, p, abs(at) * 0.7, fee=fee) for n, (s, side, q, p, at, fee) in enumerate(streams)
    ]
    table, book = _table(), Book()
    for number, (which, bust, quantity) in enumerate(notices):
        if which < len(streams):
            at_ns = facts[which].traded_ns + number
            facts.append(
                FillBusted(received_ns=at_ns, bust_id=f"N{number}", fill_id=f"F{which}")
                if bust
                else FillCorrected(
                    received_ns=at_ns, correction_id=f"N{number}", fill_id=f"F{which}", quantity=quantity,
                    price_ticks=100 + number, corrected_ns=at_ns,
                )
            )  # fmt: skip
    for fact in facts:
        if isinstance(fact, FillBusted):
            bust_fill(book, fact)
        elif isinstance(fact, FillCorrected):
            correct_fill(book, fact)
        else:
            book_fill(book, table.row_of(fact.instrument), fact)
    seen, steps = view(book, table), identity(_marks(), trades_of(facts, table), _hedges())
    # A bust takes the fee back with the fill, and so does the book.
    worth = seen.quantity * np.nan_to_num(_marks()[-1].values.price) * table.multiplier
    realised = float((seen.cash + worth - seen.fees).sum())

    assert steps[-1].closing.tolist() == seen.quantity.tolist()
    assert sum(step.realised for step in steps) == pytest.approx(realised, abs=1e-6, rel=1e-9)


def test_every_part_has_its_column():
    """Sell 10 calls 0.50 over value, buy 100 shares 0.02 over: edge 500 less fees, slippage 2, the rest inventory and hedge."""
    before, after = _marks()[:2]
    table = before.market.table
    call, stock = table.row_of("CALL100D20"), table.row_of("XYZ")
    value, spot = before.values.price[call], before.values.price[stock]
    trades = (
        Trade(fill_id="a", row=call, at_ns=before.now_ns, quantity=-10, price=value + 0.5, fee=7.0),
        Trade(fill_id="b", row=stock, at_ns=before.now_ns, quantity=100, price=spot + 0.02, fee=0.25),
    )
    (step,) = identity(_marks()[:2], trades, _hedges())
    rise = after.values.price[call] - value

    assert step.desk[PnlPart.EDGE] == pytest.approx(500.0)
    assert step.desk[PnlPart.HEDGE_SLIPPAGE] == pytest.approx(-2.0)
    assert step.desk[PnlPart.FEES] == pytest.approx(-7.25)
    assert step.desk[PnlPart.INVENTORY] == pytest.approx(-1000.0 * rise)
    assert step.desk[PnlPart.HEDGE] == pytest.approx(100.0 * (after.values.price[stock] - spot))
    assert step.desk[[PnlPart.INVENTORY_NEW, PnlPart.HEDGE_NEW, PnlPart.CORRECTIONS]].tolist() == [0.0] * 3


def test_a_trade_at_a_mark_is_held_from_it_and_one_later_is_new():
    before = _marks()[0]
    row = before.market.table.row_of("CALL100D20")
    one = Trade(fill_id="a", row=row, at_ns=before.now_ns, quantity=5, price=3.0, fee=0.0)
    at_mark, later = (
        identity(_marks()[:2], (replace(one, at_ns=at_ns),), _hedges())[0]
        for at_ns in (before.now_ns, before.now_ns + 1)
    )

    assert at_mark.opening[row] == 5
    assert later.opening[row] == 0
    assert at_mark.desk[PnlPart.INVENTORY] == pytest.approx(later.desk[PnlPart.INVENTORY_NEW])
    assert at_mark.realised == pytest.approx(later.realised)


def test_a_value_at_the_trade_moves_edge_to_inventory_and_leaves_the_sum():
    row = _table().row_of("CALL100D20")
    one = Trade(fill_id="a", row=row, at_ns=NOW_NS + _DAY // 2, quantity=-10, price=4.0, fee=0.0)
    plain, told = (identity(_marks()[:2], (one,), _hedges(), theo)[0] for theo in (None, {"a": 3.5}))

    assert told.desk[PnlPart.EDGE] == pytest.approx(500.0)
    assert plain.desk[PnlPart.EDGE] != pytest.approx(500.0)
    assert told.realised == plain.realised
    assert _holds(told)


def test_a_bust_gives_back_what_the_trade_made_as_a_correction():
    """Sold at 5, worth V at the bust: corrections take 10 * 100 * (V - 5); nothing of the fill stays, nor its fee."""
    marks = _marks()
    row = _table().row_of("CALL100D20")
    facts = [
        _fill(1, "CALL100D20", "sell", 10, 5.0, 0.0, fee=3.0),
        FillBusted(received_ns=marks[1].now_ns, bust_id="B", fill_id="F1"),
    ]
    first, second = identity(marks, trades_of(facts, _table()), _hedges())
    value = marks[1].values.price[row]

    assert first.desk[PnlPart.CORRECTIONS] == pytest.approx(1000.0 * (value - 5.0))
    assert first.desk[PnlPart.FEES] == 0.0
    assert first.realised == pytest.approx(0.0, abs=1e-9)
    assert first.closing[row] == 0
    assert second.realised == 0.0


def test_a_bust_counts_when_the_venue_undid_the_fill_and_not_when_we_heard_of_it():
    """A file of fills reaches us at its end: the bust of the first step stays in the first step."""
    marks = _marks()
    heard = [
        _fill(1, "CALL100D20", "sell", 10, 5.0, 0.0, fee=3.0),
        FillBusted(received_ns=marks[2].now_ns, bust_id="B", fill_id="F1", busted_ns=marks[1].now_ns),
    ]
    at_once = [heard[0], FillBusted(received_ns=marks[1].now_ns, bust_id="B", fill_id="F1")]

    assert trades_of(heard, _table()) == trades_of(at_once, _table())
    assert trades_of(heard, _table())[-1].at_ns == marks[1].now_ns < marks[2].now_ns


def test_a_correction_of_the_price_is_worth_its_difference():
    facts = [
        _fill(1, "CALL100D20", "buy", 10, 5.0, 0.0),
        FillCorrected(received_ns=NOW_NS + 5, correction_id="C", fill_id="F1", quantity=10, price_ticks=480, corrected_ns=NOW_NS + 5),
    ]  # fmt: skip
    step = identity(_marks()[:2], trades_of(facts, _table()), _hedges())[0]

    assert step.desk[PnlPart.CORRECTIONS] == pytest.approx(200.0)
    assert _holds(step)


def test_repeats_count_once_and_order_does_not_matter():
    facts = [
        _fill(1, "CALL100D20", "buy", 10, 5.0, 0.5),
        FillCorrected(received_ns=0, correction_id="C", fill_id="F1", quantity=7, price_ticks=480, corrected_ns=NOW_NS + _DAY),
        FillCorrected(received_ns=0, correction_id="D", fill_id="C", quantity=6, price_ticks=470, corrected_ns=NOW_NS + _DAY + 1),
    ]  # fmt: skip
    once, again = trades_of(facts, _table()), trades_of([*facts[::-1], *facts], _table())

    assert once == again
    assert sum(trade.quantity for trade in once) == 6


def test_an_unknown_fee_leaves_the_sum_unknown():
    step = identity(
        _marks()[:2],
        trades_of([_fill(1, "XYZ", "buy", 1, 100.0, 0.5, fee=float("nan"))], _table()),
        _hedges(),
    )[0]

    assert np.isnan(step.realised)
    assert np.isnan(step.desk[PnlPart.FEES])


def test_a_position_without_a_value_is_named_and_in_no_sum():
    """Not at 0: out of parts, cash and fees alike."""
    before, after = _marks()[:2]
    vol = after.market.vol.copy()
    row = _table().row_of("PUT92D20")
    vol[row] = np.nan
    blind = mark(replace(after.market, vol=vol))
    facts = [_fill(1, "PUT92D20", "buy", 10, 5.0, 0.0, fee=1.0), _fill(2, "CALL100D20", "buy", 1, 5.0, 0.0)]
    step = identity((before, blind), trades_of(facts, _table()), _hedges())[0]

    assert list(step.unvalued) == [row]
    assert step.unvalued[row].startswith("after the step: ")
    assert step.desk[PnlPart.FEES] == 0.0
    assert step.closing[row] == 10
    assert _holds(step)


def test_an_option_is_settled_at_its_expiry_and_gone_thereafter():
    """Bought at 1, worth 7 at expiry; the step after makes nothing of it."""
    market = view_by_hand(
        [option("C100", 100.0, 5, Right.CALL), option("LONG", 100.0, 50, Right.CALL)],
        spot=100.0,
        vols=[0.25, 0.25],
    )
    at_expiry = replace(_moved(market, spot=1.07, days=5), vol=np.array([np.nan, 0.25]))
    gone = replace(_moved(at_expiry, spot=0.9, days=1), vol=np.array([np.nan, 0.25]))
    marks = tuple(mark(each) for each in (market, at_expiry, gone))
    trade = Trade(fill_id="a", row=0, at_ns=NOW_NS, quantity=3, price=1.0, fee=0.0)
    first, second = identity(marks, (trade,), np.zeros(2, dtype=np.bool_))

    assert first.realised == pytest.approx(3 * 100 * 6.0)
    assert (second.realised, second.unvalued) == (0.0, {})


def test_an_expiry_between_two_marks_has_no_price_that_settles_it():
    market = view_by_hand(
        [option("C100", 100.0, 5, Right.CALL), option("LONG", 100.0, 50, Right.CALL)],
        spot=100.0,
        vols=[0.25, 0.25],
    )
    late = replace(_moved(market, spot=1.07, days=6), vol=np.array([np.nan, 0.25]))
    trade = Trade(fill_id="a", row=0, at_ns=NOW_NS, quantity=3, price=1.0, fee=0.0)
    (step,) = identity((mark(market), mark(late)), (trade,), np.zeros(2, dtype=np.bool_))

    assert step.unvalued == {0: "after the step: it expired between the two marks, and no price settles it"}


def test_coins_count_at_the_index_when_the_step_ends():
    """100 perpetuals of 10 USD bought at 40,000: at 44,000 that is 10 * 100 * (1/40,000 - 1/44,000) coins, 100 USD; a fee in coin."""
    perpetual = Instrument(
        symbol="BTC-PERPETUAL", underlying="BTC", kind=Kind.FUTURE, multiplier=10.0, currency="BTC", ticks_per_unit=10,
        tick_table=(TickBand(0, 5),), payoff=Payoff.INVERSE,
    )  # fmt: skip
    market = view_by_hand([perpetual], spot=40_000.0, vols=[np.nan])
    later = replace(market, spot=np.array([44_000.0]), now_ns=NOW_NS + 10)
    trade = Trade(fill_id="a", row=0, at_ns=NOW_NS, quantity=100, price=39_900.0, fee=0.0001)
    (step,) = identity((mark(market), mark(later)), (trade,), np.zeros(1, dtype=np.bool_))

    assert step.desk[PnlPart.INVENTORY] == pytest.approx(100.0)
    assert step.desk[PnlPart.EDGE] == pytest.approx(1000.0 * 44_000.0 * (1.0 / 39_900.0 - 1.0 / 40_000.0))
    assert step.desk[PnlPart.FEES] == pytest.approx(-4.4)
    assert _holds(step)
