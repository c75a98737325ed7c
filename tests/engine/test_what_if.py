"""What would be: with every order at work filled, after the hedges, after trades that somebody thinks of."""

import numpy as np

from flatbook.engine.measure import basis_of, measure, reaching, what_if
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.hedging.propose import trades
from flatbook.model.events import OrdersWorking
from flatbook.model.instruments import Side
from flatbook.model.measures import Measure
from flatbook.model.parameters import Limit, LimitMeasure
from tests.worlds import NOW_NS, fill, index_facts

_CALL, _PUT, _OTHER = "IDXW030C5000", "IDXW030P5000", "IDXW090C5200"
_LIMITS = (
    Limit(measure=LimitMeasure.CLASS_CONTRACTS, underlying="IDX", option_class="IDXW", limit_hard=100.0),
    Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="IDX", limit_hard=60_000.0),
)
_FILLS = (fill(1, _CALL, "sell", 40, 50.0), fill(2, _PUT, "sell", 20, 50.0))
_ORDERS = OrdersWorking(
    received_ns=NOW_NS,
    symbols=(_CALL, _OTHER, _CALL),
    sides=(Side.SELL, Side.SELL, Side.BUY),
    quantities=(30, 25, 5),
    price_ticks=(5000, None, 4000),
)


def _run(*facts):
    state, cycle = State(), None
    everything = index_facts(fills=_FILLS, limits=_LIMITS)
    for fact in (*everything[:-1], *facts, everything[-1]):
        cycle = step(state, fact) or cycle
    return state, cycle


def _same(one, other):
    np.testing.assert_array_equal(one.quantity, other.quantity)
    np.testing.assert_array_equal(one.exposure.desk, other.exposure.desk)
    np.testing.assert_array_equal(one.slides.desk, other.slides.desk)
    np.testing.assert_array_equal(one.capital.by_underlying, other.capital.by_underlying)


def test_orders_at_work_are_measured_as_if_they_had_filled():
    _, waiting = _run(_ORDERS)
    _, filled = _run(
        fill(11, _CALL, "sell", 30, 50.0), fill(12, _OTHER, "sell", 25, 50.0), fill(13, _CALL, "buy", 5, 50.0)
    )

    assert waiting.working.trades[waiting.table.row_of(_CALL)] == -25
    _same(waiting.working.after, filled.held)
    assert [one.utilisation for one in waiting.working.standing.limits] == [
        one.utilisation for one in filled.standing.limits
    ]
    np.testing.assert_array_equal(waiting.held.quantity, _run()[1].held.quantity)


def test_nobody_who_tells_of_no_orders_is_asked_about_them():
    assert _run()[1].working is None


def test_the_last_list_of_orders_replaces_those_before():
    none = OrdersWorking(received_ns=NOW_NS, symbols=(), sides=(), quantities=(), price_ticks=())
    _, cycle = _run(_ORDERS, none)

    assert not cycle.working.trades.any()
    _same(cycle.working.after, cycle.held)


def test_after_the_hedge_is_the_book_with_the_hedge_in_it():
    state, cycle = _run()
    traded = trades(cycle.hedges, len(cycle.table.instruments))

    assert traded.any()
    seen = what_if("hedge", traded, cycle.held.quantity, cycle.basis, state.limits)
    _same(seen.after, cycle.residual)
    assert abs(seen.after.exposure.desk[Measure.DELTA_USD]) < abs(cycle.exposure.desk[Measure.DELTA_USD])


def test_a_trade_in_a_series_that_nobody_holds_and_its_reverse():
    state, cycle = _run()
    row = cycle.table.row_of("IDXW090P4800")
    one = np.zeros(len(cycle.table.instruments), dtype=np.int64)
    one[row] = 7
    there = what_if("there", one, cycle.held.quantity, cycle.basis, state.limits)
    back = what_if("and back", -one, there.after.quantity, cycle.basis, state.limits)

    assert there.after.exposure.by_row[row].any()
    _same(back.after, cycle.held)


def test_a_basis_that_reaches_further_measures_the_same():
    _, cycle = _run()
    wide = reaching(cycle.basis, np.arange(len(cycle.table.instruments)))
    narrow = basis_of(cycle.values, cycle.market, cycle.desk, np.flatnonzero(cycle.held.quantity))

    _same(measure(cycle.held.quantity, wide), cycle.held)
    _same(measure(cycle.held.quantity, narrow), cycle.held)
