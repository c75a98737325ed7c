"""Limits on drawdown, margin, and rates of orders and fills, measured by the engine from its own facts."""

import math

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.engine.decision import decision_of, encode_decision
from flatbook.engine.measure import what_if
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.journal.replay import read_facts
from flatbook.journal.store import Journal
from flatbook.limits.ladder import Step
from flatbook.model.errors import InvalidValueError
from flatbook.model.events import (
    CycleDue,
    Fill,
    FillBusted,
    FillCorrected,
    InstrumentsListed,
    OrdersWorking,
    UnderlyingQuoted,
)
from flatbook.model.instruments import Side
from flatbook.model.measures import Measure
from flatbook.model.parameters import Limit, LimitMeasure
from tests.worlds import NOW_NS, fill, index_desk, index_facts, share

_S = 1_000_000_000
_CALL, _PUT = "IDXW030C5000", "IDXW030P5000"
_MEASURES = (
    LimitMeasure.DRAWDOWN_USD,
    LimitMeasure.MARGIN_PCT,
    LimitMeasure.ORDERS_PER_S,
    LimitMeasure.ORDERS_PER_MIN,
    LimitMeasure.FILLS_PER_S,
    LimitMeasure.FILLS_PER_MIN,
)
_LIMITS = tuple(
    Limit(measure=measure, underlying=name, limit_hard=hard)
    for measure, hard in zip(_MEASURES, (1e6, 50.0, 4.0, 100.0, 4.0, 100.0), strict=True)
    for name in ("", "IDX")
)
_BACKED = replace(index_desk(), net_capital_usd=50e6)
_FILLS = (fill(1, _CALL, "sell", 20, 100.0), fill(2, _PUT, "sell", 10, 100.0))


def _facts(*, fills=_FILLS, desk=_BACKED, limits=_LIMITS):
    return index_facts(fills=fills, limits=limits, the_desk=desk)


def _run(facts, state=None):
    """The state, and the cycles of a list of facts."""
    state = state or State()
    found = [step(state, fact) for fact in facts]
    return state, [cycle for cycle in found if cycle is not None]


def _of(cycle, measure, underlying=""):
    (found,) = [
        one
        for one in cycle.standing.limits
        if one.limit.measure is measure and one.limit.underlying == underlying
    ]
    return found


def _orders(*lines, at_ns=NOW_NS):
    return OrdersWorking(
        received_ns=at_ns,
        symbols=tuple(symbol for symbol, _ in lines),
        sides=(Side.SELL,) * len(lines),
        quantities=tuple(quantity for _, quantity in lines),
        price_ticks=(9000,) * len(lines),
    )


def _due(at_ns):
    return CycleDue(received_ns=at_ns, reason="again")


def _later(number, at_ns, *more):
    return replace(fill(number, *more), received_ns=at_ns, traded_ns=at_ns)


def test_all_of_them_are_measured_once_the_facts_tell():
    facts = _facts()
    _, (cycle,) = _run([*facts[:-1], _orders((_CALL, 5)), facts[-1]])

    assert not [one.reason for one in cycle.standing.limits if one.reason]
    for name in ("", "IDX"):
        assert _of(cycle, LimitMeasure.DRAWDOWN_USD, name).value == 0.0
        assert _of(cycle, LimitMeasure.ORDERS_PER_S, name).value == 1.0
        assert _of(cycle, LimitMeasure.FILLS_PER_MIN, name).value == 2.0


def test_orders_nobody_told_of_and_equity_nobody_told_are_breaches():
    _, (cycle,) = _run(_facts(desk=index_desk()))

    for measure in (LimitMeasure.MARGIN_PCT, LimitMeasure.ORDERS_PER_S, LimitMeasure.ORDERS_PER_MIN):
        for name in ("", "IDX"):
            one = _of(cycle, measure, name)
            assert one.step is Step.HARD
            assert "was not measured" in one.reason
    assert (_of(cycle, LimitMeasure.FILLS_PER_S).value, _of(cycle, LimitMeasure.FILLS_PER_S).reason) == (
        2.0,
        "",
    )


def test_a_repeat_a_correction_and_a_bust_are_no_fills():
    more = [
        _FILLS[0],
        FillCorrected(
            received_ns=NOW_NS,
            correction_id="C",
            fill_id="F1",
            quantity=3,
            price_ticks=1,
            corrected_ns=NOW_NS,
        ),
        FillBusted(received_ns=NOW_NS, bust_id="B", fill_id="F2"),
        FillBusted(received_ns=NOW_NS, bust_id="B9", fill_id="F9"),
        fill(9, _PUT, "sell", 1, 100.0),  # after its bust: it was traded all the same
    ]
    _, (cycle,) = _run(_facts(fills=(*_FILLS, *more)))

    assert _of(cycle, LimitMeasure.FILLS_PER_S).value == 3.0


def test_a_burst_breaches_and_passes():
    """Five fills in a second against four; a second later none of them counts for it, all for the minute."""
    state, (before,) = _run(_facts(fills=()))
    burst = [_later(10 + n, NOW_NS + n * _S // 10, _CALL, "sell", 1, 100.0) for n in range(5)]
    _, (within, after, gone) = _run(
        [*burst, _due(NOW_NS + _S // 2), _due(NOW_NS + 2 * _S), _due(NOW_NS + 61 * _S)], state
    )
    seen = [
        (_of(cycle, LimitMeasure.FILLS_PER_S).value, _of(cycle, LimitMeasure.FILLS_PER_MIN).value)
        for cycle in (before, within, after, gone)
    ]

    assert seen == [(0.0, 0.0), (5.0, 5.0), (0.0, 5.0), (0.0, 0.0)]
    assert _of(within, LimitMeasure.FILLS_PER_S, "IDX").step is Step.HARD
    assert state.limits.traffic.fills == {}


def test_orders_are_counted_by_what_is_new_in_what_is_at_work():
    """Two at first, one repriced by size; the rest of a partial fill and a cancel are none."""
    facts = _facts()
    told = [
        _orders((_CALL, 5), (_PUT, 5), at_ns=NOW_NS),
        _orders((_CALL, 3), (_PUT, 6), at_ns=NOW_NS + 2 * _S),
        _orders((_CALL, 3), at_ns=NOW_NS + 2 * _S),
    ]
    _, (first, second) = _run([*facts[:-1], told[0], facts[-1], *told[1:], _due(NOW_NS + 2 * _S)])

    assert [_of(first, each).value for each in _MEASURES[2:4]] == [2.0, 2.0]
    assert [_of(second, each).value for each in _MEASURES[2:4]] == [1.0, 3.0]


def test_a_move_of_the_market_draws_down_what_the_book_lost():
    """Against values of both cycles; the quotes stand, so the price alone moved."""
    state, (first,) = _run(_facts())
    quoted = [
        UnderlyingQuoted(received_ns=NOW_NS + n * _S, underlying="IDX", price=price)
        for n, price in ((1, 5020.0), (2, 4990.0))
    ]
    _, (up, down) = _run([quoted[0], _due(NOW_NS + _S), quoted[1], _due(NOW_NS + 2 * _S)], state)
    worth = [
        float(cycle.book.quantity @ np.nan_to_num(cycle.values.greeks[:, Measure.VALUE_USD]))
        for cycle in (first, up, down)
    ]
    assert len({round(each, 2) for each in worth}) == 3
    peak = 0.0
    for cycle, now in zip((first, up, down), worth, strict=True):
        peak = max(peak, now - worth[0])
        for name in ("", "IDX"):
            found = _of(cycle, LimitMeasure.DRAWDOWN_USD, name).value
            assert found == pytest.approx(peak - (now - worth[0]), abs=1e-6)


def test_a_bad_fill_is_a_drawdown_of_its_edge():
    """Ten calls bought 7 above their value."""
    state, (first,) = _run(_facts())
    price = round(float(first.values.price[first.table.row_of(_CALL)]), 2) + 7.0
    _, (cycle,) = _run([_later(5, NOW_NS + _S, _CALL, "buy", 10, price), _due(NOW_NS + _S)], state)
    lost = 10 * 100 * (price - float(cycle.values.price[cycle.table.row_of(_CALL)]))
    held = first.book.quantity @ np.nan_to_num(
        cycle.values.greeks[:, Measure.VALUE_USD] - first.values.greeks[:, Measure.VALUE_USD]
    )

    assert _of(cycle, LimitMeasure.DRAWDOWN_USD).value == pytest.approx(lost - held, abs=1e-6)


def test_a_held_series_without_a_value_breaches_and_the_peak_comes_back():
    state, _ = _run(_facts())
    orphan = share("ZZZ", underlying="ZZZ")
    dark = [
        InstrumentsListed(received_ns=NOW_NS, instruments=(orphan,)),
        _later(7, NOW_NS + _S, "ZZZ", "buy", 100, 50.0),
        _due(NOW_NS + _S),
        UnderlyingQuoted(received_ns=NOW_NS + 2 * _S, underlying="ZZZ", price=30.0),
        _due(NOW_NS + 2 * _S),
    ]
    _, (unknown, known) = _run(dark, state)

    assert _of(unknown, LimitMeasure.DRAWDOWN_USD).step is Step.HARD
    assert _of(unknown, LimitMeasure.DRAWDOWN_USD, "IDX").step is Step.NORMAL
    assert known.basis.day.drawdown_usd["ZZZ"] == pytest.approx(2000.0)


def test_margin_is_the_requirement_over_the_equity():
    _, (cycle,) = _run(_facts())

    for name in ("", "IDX"):
        found = _of(cycle, LimitMeasure.MARGIN_PCT, name).value
        assert found == pytest.approx(100.0 * cycle.capital.desk / 50e6, rel=1e-12)
    assert found > 0.0


def test_what_relieves_margin_goes_on_and_what_adds_does_not():
    """Short calls near a breach: to buy them back relieves, by what capital itself says of one contract."""
    limits = (*_LIMITS, Limit(measure=LimitMeasure.CAPITAL_USD, limit_hard=1e9))
    facts = _facts(fills=_FILLS[:1], limits=limits)
    _, (roomy,) = _run(facts)
    tight = replace(_BACKED, net_capital_usd=roomy.capital.desk / 0.6)
    _, (cycle,) = _run(_facts(fills=_FILLS[:1], desk=tight, limits=limits))
    names = [one.limit.name for one in cycle.standing.limits]
    margin, capital, row = (
        names.index("desk/margin_pct"),
        names.index("desk/capital_usd"),
        cycle.table.row_of(_CALL),
    )

    assert cycle.standing.limits[margin].step is Step.HARD
    assert cycle.standing.buy_slope[margin, row] < 0.0 < cycle.standing.sell_slope[margin, row]
    np.testing.assert_allclose(
        cycle.standing.buy_slope[margin] * 0.5 * tight.net_capital_usd,
        cycle.standing.buy_slope[capital] * 1e9,
        rtol=1e-12,
        atol=1e-9,
    )
    assert not cycle.standing.unknown[margin].any()


def test_without_a_direction_both_sides_of_margin_add():
    """A flat book: whichever side opens, a minimum is due."""
    _, (cycle,) = _run(_facts(fills=()))
    number = [one.limit.name for one in cycle.standing.limits].index("desk/margin_pct")

    assert cycle.standing.unknown[number].all()


def test_what_would_be_has_the_margin_of_its_own_book_and_the_day_of_ours():
    state, (cycle,) = _run(_facts())
    trades = np.zeros_like(cycle.book.quantity)
    trades[cycle.table.row_of(_CALL)] = -50
    asked = what_if("more", trades, cycle.book.quantity, cycle.basis, state.limits)
    after = {one.limit.name: one for one in asked.standing.limits}

    assert after["desk/margin_pct"].value == pytest.approx(100.0 * asked.after.capital.desk / 50e6)
    assert after["desk/margin_pct"].value > _of(cycle, LimitMeasure.MARGIN_PCT).value
    assert after["desk/fills_per_s"].value == 2.0
    assert after["desk/drawdown_usd"].value == 0.0


@pytest.mark.parametrize("equity", [0.0, -1.0, math.nan, math.inf])
def test_an_equity_that_is_none_is_refused(equity):
    with pytest.raises(InvalidValueError, match="net_capital_usd"):
        replace(index_desk(), net_capital_usd=equity)


def _long_day():
    facts = _facts()
    quoted = UnderlyingQuoted(received_ns=NOW_NS + _S // 2, underlying="IDX", price=4980.0)
    return [
        *facts[:-1],
        _orders((_CALL, 5), (_PUT, 5)),
        facts[-1],
        quoted,
        _later(5, NOW_NS + _S // 2, _CALL, "sell", 10, 90.0),
        _orders((_CALL, 6), at_ns=NOW_NS + _S // 2),
        _due(NOW_NS + _S),
        _due(NOW_NS + 30 * _S),
    ]


def test_replaying_the_facts_gives_the_same_bytes(tmp_path):
    """Through a journal, and with the fact of one instant in another order."""
    journal = Journal.create(tmp_path / "day.journal", {"test": "yes"})
    with journal.batch():
        told = [journal.append(fact) for fact in _long_day()]
    journal.close()

    def decided(facts):
        return [encode_decision(decision_of(cycle)) for cycle in _run(facts)[1]]

    first = decided(told)
    assert len(set(first)) == 3
    assert decided(list(read_facts(tmp_path / "day.journal"))) == first


def test_facts_of_one_instant_in_another_order_decide_the_same():
    facts = _long_day()
    at = [number for number, fact in enumerate(facts) if fact.received_ns == NOW_NS + _S // 2]
    turned = facts[: at[0]] + facts[at[0] : at[-1] + 1][::-1] + facts[at[-1] + 1 :]
    assert any(isinstance(fact, Fill) for fact in facts[at[0] : at[-1] + 1])

    def decided(told):
        return [encode_decision(decision_of(cycle)) for cycle in _run(told)[1]]

    assert decided(facts) == decided(turned)
