"""The exchange's account of positions: every kind of change, its price, its worth, and who it was with."""

import numpy as np
import pytest

from flatbook.model.instruments import Instrument, Kind, Right, Settlement, Style, TickBand
from flatbook.model.lifecycle_events import Exercised, SeriesSettled
from flatbook.model.table import InstrumentTable
from flatbook.quoting.ticks import NO_PRICE
from flatbook.sim.exchange.clearing import Exercise, Expired
from flatbook.sim.experiments.record import TradeKind
from flatbook.sim.messages import Busted, Cancel, Corrected, NewOrder, Traded
from flatbook.sim.moment import Moment
from flatbook.sim.trade_log import TradeLog, exercise_facts, settlement_facts

_OPEN_NS, _END_NS = 1_000, 2_000
_TICKS = (TickBand(0, 1),)


def _option(symbol, style, right=Right.CALL):
    return Instrument(
        symbol=symbol, underlying="XYZ", option_class="XYZ", kind=Kind.OPTION, multiplier=100.0, currency="USD",
        ticks_per_unit=100, tick_table=_TICKS, expiry_ns=_END_NS, strike=50.0, right=right, style=style,
        settlement=Settlement.PM,
    )  # fmt: skip


def _other(symbol, kind, **more):
    return Instrument(
        symbol=symbol, underlying="XYZ", kind=kind, multiplier=1.0, currency="USD", ticks_per_unit=100,
        tick_table=_TICKS, **more,
    )  # fmt: skip


TABLE = InstrumentTable(
    version=1,
    instruments=(
        _option("CASH", Style.EUROPEAN),
        _option("DELIVERS", Style.AMERICAN),
        _other("XYZ", Kind.SHARE),
        _other("HALF", Kind.FUTURE, expiry_ns=_END_NS, price_ratio=0.5),
    ),
)
CASH, DELIVERS, SHARE, HALF = range(4)


def _moment(*fair, at_ns=_OPEN_NS, spot=60.0):
    n = len(TABLE.instruments)
    none = np.full(n, NO_PRICE)
    return Moment(
        at_ns=at_ns, spot=np.array([spot]), halted=np.array([False]), fair=np.array(fair), vega=np.zeros(n),
        bid_ticks=none, ask_ticks=none, bid_size=np.zeros(n, dtype=np.int64), ask_size=np.zeros(n, dtype=np.int64),
    )  # fmt: skip


BEFORE = _moment(10.5, 11.5, 60.0, 30.0)
AFTER = _moment(np.nan, np.nan, 61.0, np.nan, at_ns=_END_NS, spot=61.0)


def _traded(number, row, side, quantity, price_ticks, **more):
    told = {"client_id": 1, "fee": 0.25 * quantity, "capacity": "customer", "order_id": 7, "maker": True}
    return Traded(
        execution_id=f"E{number}", row=row, side=side, quantity=quantity, price_ticks=price_ticks, at_ns=1_500,
        **{**told, **more},
    )  # fmt: skip


def _expired(row, payoff, quantity, exercise=None, price=61.0):
    return Expired(
        row=row, settlement_price=price, payoff=payoff, quantity=quantity, exercise=exercise, at_ns=_END_NS, reports=()
    )  # fmt: skip


def _exercise(row, quantity, to, delivered, ticks, price=0.0):
    return Exercise(
        exercise_id="X1", row=row, quantity=quantity, delivered_row=to, delivered_quantity=delivered, price_ticks=ticks,
        settlement_price=price, at_ns=_END_NS,
    )  # fmt: skip


def _told(log):
    """Row, contracts, price and kind of every change."""
    return [(each.row, each.side * each.quantity, each.price, each.kind) for each in log.rows]


def _log(*traded):
    log = TradeLog(TABLE, frozenset({7}))
    for each in traded:
        log.see(each, BEFORE, 1_500)
    return log


def test_a_fill_has_price_units_true_worth_and_who_it_was_with():
    log = _log(_traded(1, CASH, -1, 5, 1075), _traded(2, SHARE, 1, 3, 6001, order_id=0, maker=False))
    first, second = log.rows
    assert (first.row, first.side, first.quantity, first.price, first.fair) == (CASH, -1, 5, 10.75, 10.5)
    assert (first.fee_usd, first.maker, first.informed, first.at_ns) == (1.25, True, True, 1_500)
    assert (second.price, second.fair, second.maker, second.informed) == (60.01, 60.0, False, False)
    assert log.late_fills == 0


def test_kinds_are_those_of_the_orders_that_were_sent():
    """What is no quote is an offset in an option and a hedge in anything else; what nobody told of is a quote."""
    log = TradeLog(TABLE, frozenset())

    def sent(client_id, row, *, is_quote):
        return NewOrder(client_id=client_id, row=row, side=1, price_ticks=1, quantity=1, is_quote=is_quote)

    log.sent([sent(1, CASH, is_quote=True), sent(2, CASH, is_quote=False), sent(3, SHARE, is_quote=False)])
    for client_id, row in ((1, CASH), (2, CASH), (3, SHARE), (4, SHARE)):
        log.see(_traded(client_id, row, 1, 1, 100, client_id=client_id), BEFORE, 1_500)
    assert [each.kind for each in log.rows] == [
        TradeKind.QUOTE, TradeKind.OFFSET, TradeKind.HEDGE, TradeKind.QUOTE,
    ]  # fmt: skip


def test_fills_of_orders_on_their_way_out_are_late_by_row_and_side():
    """Cancelled, or replaced; those of what stays are not, and neither are those that came before."""
    log = TradeLog(TABLE, frozenset())
    log.see(_traded(1, CASH, 1, 2, 100, client_id=1), BEFORE, 1_500)
    quote = NewOrder(client_id=3, row=DELIVERS, side=-1, price_ticks=1, quantity=9, is_quote=True, replaces=2)
    log.sent([Cancel(client_id=1), quote])
    assert (log.late_fills, log.late) == (0, {})
    log.see(_traded(2, CASH, 1, 4, 100, client_id=1), BEFORE, 1_500)
    log.see(_traded(3, DELIVERS, -1, 5, 100, client_id=2), BEFORE, 1_500)
    log.see(_traded(4, DELIVERS, -1, 1, 100, client_id=2), BEFORE, 1_500)
    log.see(_traded(5, DELIVERS, -1, 9, 100, client_id=3), BEFORE, 1_500)
    assert (log.late_fills, log.late) == (3, {CASH: 4, DELIVERS: -6})


def test_a_bust_takes_trade_and_fee_back():
    log = _log(_traded(1, CASH, -1, 5, 1075))
    log.see(Busted(bust_id="B", execution_id="E1", at_ns=1_600), _moment(12.0, 1.0, 1.0, 1.0), 1_600)
    assert _told(log)[1:] == [(CASH, 5, 10.75, TradeKind.CORRECTION)]
    assert sum(each.fee_usd for each in log.rows) == 0.0
    assert (log.rows[1].at_ns, log.rows[1].fair) == (1_600, 12.0)


def test_a_correction_takes_the_trade_back_and_books_it_at_the_new_terms():
    """The fee stays as it was; a second one, and a bust after it, start from what stands then."""
    log = _log(_traded(1, CASH, -1, 5, 1075))
    for number, (quantity, ticks) in enumerate(((5, 1100), (4, 1050))):
        told = Corrected(
            correction_id=f"C{number}", execution_id="E1", quantity=quantity, price_ticks=ticks, at_ns=1_600
        )
        log.see(told, BEFORE, 1_600)
    log.see(Busted(bust_id="B", execution_id="E1", at_ns=1_700), BEFORE, 1_700)
    assert [each[1:3] for each in _told(log)] == [
        (-5, 10.75), (5, 10.75), (-5, 11.0), (5, 11.0), (-4, 10.5), (4, 10.5),
    ]  # fmt: skip
    assert sum(each.side * each.quantity for each in log.rows) == 0
    assert sum(each.fee_usd for each in log.rows) == 0.0
    assert sum(each.fee_usd for each in log.rows[:5]) == 1.25


@pytest.mark.parametrize("quantity", [-5, 3])
def test_what_settles_in_cash_leaves_at_its_payoff(quantity):
    log = _log()
    log.settle(_expired(CASH, 11.0, quantity), AFTER, _END_NS)
    assert _told(log) == [(CASH, -quantity, 11.0, TradeKind.SETTLEMENT)]
    assert log.rows[0].fair == 11.0
    assert log.rows[0].fee_usd == 0.0


def test_what_nobody_holds_settles_without_a_trade():
    log = _log()
    log.settle(_expired(CASH, 11.0, 0), AFTER, _END_NS)
    assert log.rows == []


def test_a_bust_after_settlement_takes_the_settlement_with_it():
    """Cash of trade and settlement together is that of no trade at all; so it is of a correction, but for its new price."""
    log = _log(_traded(1, CASH, -1, 5, 1075), _traded(2, CASH, -1, 5, 1075))
    log.settle(_expired(CASH, 11.0, -10), AFTER, _END_NS)
    log.see(Busted(bust_id="B", execution_id="E1", at_ns=2_500), AFTER, 2_500)
    assert _told(log)[3:] == [(CASH, 5, 10.75, TradeKind.CORRECTION), (CASH, -5, 11.0, TradeKind.SETTLEMENT)]
    told = Corrected(correction_id="C", execution_id="E2", quantity=4, price_ticks=1000, at_ns=2_600)
    log.see(told, AFTER, 2_600)
    assert sum(each.side * each.quantity for each in log.rows) == 0
    cash = -sum(each.side * each.quantity * each.price for each in log.rows)
    assert cash == pytest.approx(4 * 10.0 - 4 * 11.0, abs=1e-12)
    assert sum(each.fee_usd for each in log.rows) == 1.25


def test_a_correction_of_another_contract_after_a_settlement_has_none():
    log = _log(_traded(1, DELIVERS, 1, 5, 1075))
    log.settle(_expired(CASH, 11.0, 0), AFTER, _END_NS)
    log.see(Busted(bust_id="B", execution_id="E1", at_ns=2_500), BEFORE, 2_500)
    assert [each.kind for each in log.rows] == [TradeKind.QUOTE, TradeKind.CORRECTION]


def test_an_exercise_at_expiry_brings_the_underlying_at_the_strike():
    """The options leave for nothing, exercised or not."""
    log = _log()
    log.settle(_expired(DELIVERS, 0.0, 5, _exercise(DELIVERS, 5, SHARE, 500, 5_000)), AFTER, _END_NS)
    assert _told(log) == [(DELIVERS, -5, 0.0, TradeKind.SETTLEMENT), (SHARE, 500, 50.0, TradeKind.SETTLEMENT)]
    assert log.rows[1].fair == 61.0


def test_an_assignment_of_some_leaves_the_rest_to_expire():
    log = _log()
    log.settle(_expired(DELIVERS, 0.0, -5, _exercise(DELIVERS, -3, SHARE, -300, 5_000)), AFTER, _END_NS)
    contracts = np.zeros(4, dtype=np.int64)
    for row, quantity, *_ in _told(log):
        contracts[row] += quantity
    assert contracts.tolist() == [0, 5, -300, 0]


def test_an_exercise_without_anything_to_deliver_is_paid_in_cash():
    """What is exercised leaves at what it is worth, the rest for nothing."""
    log = _log()
    log.settle(_expired(DELIVERS, 0.0, -5, _exercise(DELIVERS, -3, -1, 0, 0, 61.0)), AFTER, _END_NS)
    assert sorted(_told(log)) == [
        (DELIVERS, 2, 0.0, TradeKind.SETTLEMENT),
        (DELIVERS, 3, 11.0, TradeKind.SETTLEMENT),
    ]


def test_an_early_exercise_leaves_for_nothing_and_brings_the_underlying():
    log = _log()
    log.exercised(_exercise(DELIVERS, -2, SHARE, -200, 5_000), BEFORE, _END_NS)
    assert _told(log) == [(DELIVERS, 2, 0.0, TradeKind.SETTLEMENT), (SHARE, -200, 50.0, TradeKind.SETTLEMENT)]
    assert [each.fair for each in log.rows] == [11.5, 60.0]


def test_a_future_ends_at_its_own_price_and_not_at_that_of_its_underlying():
    """Half the underlying's; told to the desk as well. Of an option it is told what the underlying was."""
    log = _log()
    future = _expired(HALF, 30.5, 4)
    log.settle(future, AFTER, _END_NS)
    assert _told(log) == [(HALF, -4, 30.5, TradeKind.SETTLEMENT)]
    (told,) = settlement_facts(future, TABLE, "sim")
    assert (told.instrument, told.settlement_price, told.settled_ns) == ("HALF", 30.5, _END_NS)
    (told,) = settlement_facts(_expired(CASH, 11.0, 4), TABLE, "sim")
    assert isinstance(told, SeriesSettled)
    assert told.settlement_price == 61.0


def test_the_clearing_house_tells_of_an_exercise_before_the_end_of_the_series():
    """With the price where it pays cash, without one where it delivers."""
    delivered = _exercise(DELIVERS, -3, SHARE, -300, 5_000)
    exercised, settled = settlement_facts(_expired(DELIVERS, 0.0, -5, delivered), TABLE, "sim")
    assert isinstance(exercised, Exercised)
    assert isinstance(settled, SeriesSettled)
    assert (exercised.instrument, exercised.quantity, exercised.delivered) == ("DELIVERS", -3, "XYZ")
    assert exercised.settlement_price == 0.0
    paid = _exercise(DELIVERS, -3, -1, 0, 0, 61.0)
    exercised, _ = settlement_facts(_expired(DELIVERS, 0.0, -5, paid), TABLE, "sim")
    assert (exercised.delivered, exercised.settlement_price) == ("", 61.0)
    (early,) = exercise_facts(delivered, TABLE, 77)
    assert (early.received_ns, early.settlement_price, early.delivered) == (77, 0.0, "XYZ")
