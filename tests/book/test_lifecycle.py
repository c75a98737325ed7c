"""A series leaves at its payoff exactly once, whatever is told late and in whatever order; what an option delivers is booked at the strike."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.book.naive_lifecycle import NaiveLifecycle

from flatbook.book.as_of import contracts_at
from flatbook.book.lifecycle import adjust_position, exercise, settle_series
from flatbook.book.state import Book, book_fill, bust_fill, correct_fill, net_contracts, positions_moved
from flatbook.book.view import view
from flatbook.model.errors import InvalidValueError
from flatbook.model.events import Fill, FillBusted, FillCorrected
from flatbook.model.instruments import Instrument, Kind, Payoff, Right, Side, Style, TickBand
from flatbook.model.lifecycle_events import Exercised, PositionAdjusted, SeriesSettled
from flatbook.model.table import EMPTY_TABLE

_COMMON = {"ticks_per_unit": 100, "tick_table": (TickBand(0, 1),)}


def _option(symbol, right, **more):
    terms = {
        "multiplier": 100.0,
        "currency": "USD",
        "expiry_ns": 10,
        "strike": 100.0,
        "option_class": "X",
    } | _COMMON
    return Instrument(symbol=symbol, underlying="X", kind=Kind.OPTION, right=right, **(terms | more))


CALL = _option("C", Right.CALL)
PUT = _option("P", Right.PUT, style=Style.AMERICAN)
INDEX_PUT = _option("Q", Right.PUT)
COIN = _option("K", Right.CALL, currency="BTC", multiplier=1.0, ticks_per_unit=10_000, payoff=Payoff.INVERSE)
SHARE = Instrument(symbol="S", underlying="X", kind=Kind.SHARE, multiplier=1.0, currency="USD", **_COMMON)
FUTURE = Instrument(
    symbol="F", underlying="X", kind=Kind.FUTURE, multiplier=50.0, currency="USD", expiry_ns=10, **_COMMON
)
COIN_FUTURE = Instrument(
    symbol="B", underlying="X", kind=Kind.FUTURE, multiplier=10.0, currency="BTC", expiry_ns=10,
    payoff=Payoff.INVERSE, **_COMMON,
)  # fmt: skip
TABLE = EMPTY_TABLE.listed((CALL, PUT, COIN, SHARE, FUTURE, COIN_FUTURE, INDEX_PUT))
SYMBOLS = tuple(item.symbol for item in TABLE.instruments)
ENDS = tuple(symbol for symbol in SYMBOLS if symbol != "S")

_ids = st.sampled_from(("1", "2", "3", "4"))
_prices = st.sampled_from((100.0, 99.995, 103.47, 112.345678, 87.125, 130.1))
_contracts = st.integers(-9, 9).filter(bool)
_holders = {"account": st.sampled_from(("", "M1")), "strategy": st.sampled_from(("", "flow"))}
_fees = st.sampled_from((0.0, 0.25, -0.1))
_when = st.integers(0, 4)
fills = st.builds(
    Fill, received_ns=_when, fill_id=_ids, instrument=st.sampled_from(SYMBOLS), side=st.sampled_from(Side),
    quantity=st.integers(1, 20), price_ticks=st.integers(1, 200), traded_ns=_when, fee=_fees,
    venue=st.sampled_from(("", "east", "west")), **_holders,
)  # fmt: skip
corrections = st.builds(
    FillCorrected, received_ns=_when, correction_id=_ids, fill_id=_ids, quantity=st.integers(1, 20),
    price_ticks=st.integers(1, 200), corrected_ns=_when,
)  # fmt: skip
busts = st.builds(FillBusted, received_ns=_when, bust_id=_ids, fill_id=_ids, busted_ns=st.integers(1, 4))
settled = st.builds(
    SeriesSettled, received_ns=_when, settlement_id=_ids, instrument=st.sampled_from(ENDS),
    settlement_price=_prices, settled_ns=st.integers(0, 2), fee=_fees,
)  # fmt: skip
exercised = st.builds(
    Exercised, received_ns=_when, exercise_id=_ids, instrument=st.just("P"), quantity=_contracts,
    exercised_ns=_when, delivered=st.just("S"), fee=_fees, **_holders,
) | st.builds(
    Exercised, received_ns=_when, exercise_id=_ids, instrument=st.sampled_from(("C", "K", "Q")), quantity=_contracts,
    exercised_ns=_when, settlement_price=_prices, fee=_fees, **_holders,
)  # fmt: skip
adjusted = st.builds(
    PositionAdjusted, received_ns=_when, adjustment_id=_ids, instrument=st.sampled_from(SYMBOLS), quantity=_contracts,
    price_ticks=st.integers(1, 200), owner=st.just("anna"), reason=st.just("found"), **_holders,
)  # fmt: skip


def own_id(event):
    """Ids are their kind's own."""
    return type(event), getattr(event, _ID[type(event)])


_ID = {
    Fill: "fill_id", FillCorrected: "correction_id", FillBusted: "bust_id", SeriesSettled: "settlement_id",
    Exercised: "exercise_id", PositionAdjusted: "adjustment_id",
}  # fmt: skip
stories = st.lists(
    fills | fills | corrections | busts | settled | exercised | adjusted, max_size=16, unique_by=own_id
)


def of_trades(events):
    """The same, where corrections and busts name trades and nothing else."""
    own = {FillCorrected: "correction_id", FillBusted: "bust_id"}
    return [
        replace(each, **{own[type(each)]: f"{type(each).__name__} {own_id(each)[1]}"})
        if type(each) in own
        else each
        for each in events
    ]


def tell(book, event):
    match event:
        case Fill():
            book_fill(book, TABLE.row_of(event.instrument), event)
        case FillCorrected():
            correct_fill(book, event)
        case FillBusted():
            bust_fill(book, event)
        case SeriesSettled():
            settle_series(book, TABLE, event)
        case Exercised():
            exercise(book, TABLE, event)
        case PositionAdjusted():
            adjust_position(book, TABLE, event)


def book_of(events):
    book = Book()
    for event in events:
        tell(book, event)
    return book


def columns(book):
    """Everything that a cycle sees, to the bit."""
    seen = view(book, TABLE)
    arrays = [getattr(seen, each.name) for each in fields(seen)]
    whole = [each.tobytes() for each in arrays if isinstance(each, np.ndarray)]
    held = seen.holdings
    names = [(held.accounts[a], held.strategies[s]) for a, s in zip(held.account, held.strategy, strict=True)]
    return whole, held.row.tolist(), names, held.quantity.tolist(), seen.fills


@settings(max_examples=400, deadline=None)
@given(stories)
def test_the_book_is_the_naive_one_after_every_event(events):
    book, naive, quantities = Book(), NaiveLifecycle(TABLE), dict.fromkeys(range(len(SYMBOLS)), 0)
    for event in events:
        tell(book, event)
        naive.add(event)
        seen = view(book, TABLE)
        held = zip(seen.holdings.row, seen.holdings.account, seen.holdings.strategy, strict=True)
        lines = {(int(r), seen.holdings.accounts[a], seen.holdings.strategies[s]) for r, a, s in held}

        assert seen.quantity.tolist() == [naive.quantity(symbol) for symbol in SYMBOLS]
        assert lines == naive.held().keys()
        assert sorted(seen.holdings.quantity.tolist()) == sorted(naive.held().values())
        assert seen.cash == pytest.approx([naive.cash(symbol) for symbol in SYMBOLS], rel=1e-12, abs=1e-9)
        assert seen.fees == pytest.approx([naive.fees(symbol) for symbol in SYMBOLS], abs=1e-9)
        quantities |= dict(positions_moved(book))
        assert seen.quantity.tolist() == list(quantities.values())


@settings(max_examples=300, deadline=None)
@given(stories, st.randoms(use_true_random=False))
def test_any_order_with_any_repeats_gives_the_same_book_to_the_bit(events, random):
    repeated = events + random.choices(events, k=len(events)) if events else []
    shuffled = random.sample(repeated, len(repeated))

    assert columns(book_of(events)) == columns(book_of(shuffled))
    assert book_of(shuffled).conflicts == {}


@settings(max_examples=200, deadline=None)
@given(stories, st.integers(0, 4), st.randoms(use_true_random=False))
def test_what_a_venue_counted_is_the_book_of_all_that_had_happened_by_then(events, at_ns, random):
    """Nothing later, no trade of another venue; adjustments always."""
    events = of_trades(events)
    happened = [each for each in events if _counts(each, at_ns)]
    expected = book_of(happened)
    found, executions = contracts_at(book_of(random.sample(events, len(events))), TABLE, "east", at_ns)

    quantities = {symbol: net_contracts(expected, row) for row, symbol in enumerate(SYMBOLS)}
    assert found == {symbol: held for symbol, held in quantities.items() if held}
    assert executions == sum(isinstance(each, Fill) for each in happened)


def test_of_two_corrections_the_later_counts_as_soon_as_it_was_made():
    """Whichever is told first."""
    trade = fill(1, "C", 1, 3, 100)
    first, second = (
        FillCorrected(
            received_ns=0, correction_id=f"c{at}", fill_id="1", quantity=at, price_ticks=100, corrected_ns=at
        )
        for at in (5, 7)
    )
    for order in ((trade, first, second), (second, first, trade)):
        book = book_of(order)
        assert [contracts_at(book, TABLE, "", at)[0]["C"] for at in (4, 5, 6, 7, 8)] == [3, 5, 5, 7, 7]


def _counts(event, at_ns):
    match event:
        case Fill():
            return event.traded_ns <= at_ns and event.venue != "west"
        case FillCorrected():
            return event.corrected_ns <= at_ns
        case FillBusted():
            return event.busted_ns <= at_ns
        case SeriesSettled():
            return event.settled_ns <= at_ns
        case Exercised():
            return event.exercised_ns <= at_ns
    return True


def fill(number, symbol, side, quantity, ticks):
    """A trade."""
    return Fill(
        received_ns=0, fill_id=str(number), instrument=symbol, side=Side(side), quantity=quantity, price_ticks=ticks, traded_ns=0,
    )  # fmt: skip


def over(symbol, price, number=1, at_ns=5, **more):
    """A settlement."""
    return SeriesSettled(
        received_ns=0, settlement_id=f"s{number}", instrument=symbol, settlement_price=price, settled_ns=at_ns, **more
    )  # fmt: skip


def seen_of(*events):
    """The book that a cycle sees."""
    return view(book_of(events), TABLE)


@pytest.mark.parametrize(
    ("symbol", "price", "per_contract"),
    [
        ("C", 103.47, 347.0), ("C", 100.0, 0.0), ("C", 97.0, 0.0), ("Q", 97.125, 287.5), ("Q", 103.0, 0.0), ("C", 103.123456789, 312.3456789), ("F", 103.47, 5173.5),
        ("F", -37.63, -1881.5), ("K", 125.0, 0.2), ("K", 99.0, 0.0), ("B", 125.0, -0.08), ("P", 3.0, 0.0),
    ],
)  # fmt: skip
def test_what_a_contract_is_worth_when_it_is_over(symbol, price, per_contract):
    """Seven bought for nothing that is left: the payoff is cash. An option that delivers leaves for nothing."""
    seen = seen_of(fill(1, symbol, 1, 7, 1), over(symbol, price))
    row, item = TABLE.row_of(symbol), TABLE.instruments[TABLE.row_of(symbol)]
    paid = -10.0 * 100 if symbol == "B" else 7 * item.multiplier / item.ticks_per_unit

    assert seen.quantity[row] == 0
    assert seen.settled.tolist() == [symbol == each for each in SYMBOLS]
    assert seen.holdings.row.size == 0
    assert seen.cash[row] == pytest.approx(
        7 * per_contract - (7 * paid if symbol == "B" else paid), rel=1e-12
    )


def test_a_fill_that_is_told_after_its_series_was_settled_settles_too():
    """And its bust takes the payoff back."""
    late = fill(2, "C", -1, 4, 250)
    bust = FillBusted(received_ns=9, bust_id="b", fill_id="2")

    assert seen_of(fill(1, "C", 1, 3, 0), over("C", 104.0), late).cash[0] == 3 * 400.0 - 4 * 150.0
    assert seen_of(over("C", 104.0), late, bust, fill(1, "C", 1, 3, 0)).cash[0] == 3 * 400.0
    assert seen_of(over("C", 104.0), late, bust, fill(1, "C", 1, 3, 0)).quantity[0] == 0


def test_a_settlement_counts_once_and_a_later_price_of_the_exchange_replaces_it():
    """Repeats change nothing; the same id with another price is a conflict of which the first holds."""
    bought, first, later = fill(1, "C", 1, 1, 0), over("C", 104.0), over("C", 105.0, 2, 6)

    assert seen_of(bought, first, first).cash[0] == 400.0
    for order in ((first, later), (later, first)):
        assert seen_of(bought, *order).cash[0] == 500.0
    seen = seen_of(bought, first, replace(first, settlement_price=120.0))
    assert (seen.cash[0], len(seen.conflicts)) == (400.0, 1)
    assert seen_of(bought, first, replace(first, received_ns=8, sequence=4)).conflicts == ()


@pytest.mark.parametrize(("held", "shares"), [(3, -300), (-3, 300)])
def test_a_put_that_is_exercised_sells_the_shares_at_the_strike_and_one_assigned_buys_them(held, shares):
    gone = Exercised(
        received_ns=0, exercise_id="e", instrument="P", quantity=held, exercised_ns=1, delivered="S", fee=1.5
    )
    seen = seen_of(gone, fill(1, "P", 1 if held > 0 else -1, 3, 200))

    assert seen.quantity.tolist() == [0, 0, 0, shares, 0, 0, 0]
    assert seen.cash[3] == -shares * 100.0
    assert seen.cash[1] == -held * 200.0
    assert seen.fees[1] == 1.5
    assert (seen.bought[3], seen.sold[3]) == (0, 0)


def test_what_is_left_of_an_option_that_delivers_leaves_for_nothing_and_an_opposite_exercise_undoes_one():
    gone = Exercised(
        received_ns=0, exercise_id="e", instrument="P", quantity=2, exercised_ns=1, delivered="S"
    )
    back = replace(gone, exercise_id="undone", quantity=-2)
    bought = fill(1, "P", 1, 3, 200)

    for order in ((bought, gone, over("P", 90.0)), (over("P", 90.0), gone, bought)):
        seen = seen_of(*order)
        assert (seen.quantity[1], seen.cash[1], seen.quantity[3]) == (0, -600.0, -200)
    seen = seen_of(bought, gone, back)
    assert (seen.quantity[1], seen.quantity[3], seen.cash[3], seen.cash[1]) == (3, 0, 0.0, -600.0)


def test_what_a_person_books_counts_once_and_at_its_price():
    more = PositionAdjusted(
        received_ns=0, adjustment_id="a", instrument="C", quantity=-4, price_ticks=250, owner="anna", reason="lost fill",
        account="M1",
    )  # fmt: skip
    seen = seen_of(more, more, replace(more, quantity=9))

    assert (seen.quantity[0], seen.cash[0], seen.sold[0], len(seen.conflicts)) == (-4, 1000.0, 0, 1)
    assert seen.holdings.accounts == ("M1",)


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (over("S", 100.0), "share"), (over("K", 0.0), "coin"), (over("B", -1.0), "coin"),
        (Exercised(received_ns=0, exercise_id="e", instrument="F", quantity=1, exercised_ns=0, settlement_price=1.0), "only options"),
        (Exercised(received_ns=0, exercise_id="e", instrument="C", quantity=1, exercised_ns=0, delivered="S"), "deliver"),
        (Exercised(received_ns=0, exercise_id="e", instrument="P", quantity=1, exercised_ns=0, delivered="C"), "deliver"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_leaves_no_trace(event, why):
    book = book_of([fill(1, "P", 1, 3, 200)])
    before = columns(book)
    with pytest.raises(InvalidValueError, match=why):
        tell(book, event)
    assert columns(book) == before


@pytest.mark.parametrize(
    "make",
    [
        lambda: over("C", float("nan")),
        lambda: Exercised(received_ns=0, exercise_id="e", instrument="P", quantity=0, exercised_ns=0, delivered="S"),
        lambda: Exercised(received_ns=0, exercise_id="e", instrument="P", quantity=1, exercised_ns=0),
        lambda: PositionAdjusted(
            received_ns=0, adjustment_id="a", instrument="C", quantity=0, price_ticks=1, owner="anna", reason="x"
        ),
        lambda: PositionAdjusted(
            received_ns=0, adjustment_id="a", instrument="C", quantity=1, price_ticks=1, owner=" ", reason="x"
        ),
    ],
)  # fmt: skip
def test_events_that_cannot_be_meant_are_refused(make):
    with pytest.raises(InvalidValueError):
        make()
