"""What a cycle itself measures for its limits: the basis of the proxies it holds, and how old the price of an underlying is."""

import math

import pytest
from msgspec.structs import replace

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.limits.ladder import Step
from flatbook.model.errors import InvalidValueError
from flatbook.model.events import UnderlyingQuoted
from flatbook.model.parameters import Limit, LimitMeasure
from tests.worlds import NOW_NS, fill, index_desk, index_facts

_S = 1_000_000_000
_CORRELATION = 0.98
_BASIS = (
    Limit(measure=LimitMeasure.BASIS_DEVIATION_USD, underlying="IDX", limit_hard=1e6),
    Limit(measure=LimitMeasure.BASIS_DEVIATION_USD, limit_hard=1e6),
)
_PRICED = Limit(measure=LimitMeasure.DELTA_USD, underlying="IDX", limit_hard=1e9)
_COUNTED = Limit(measure=LimitMeasure.NET_CONTRACTS, underlying="IDX", limit_hard=1e3)
_OPTION, _PROXY = fill(1, "IDXW030C5000", "sell", 10, 50.0), fill(2, "IDXH1", "buy", 30, 5000.0)


def _run(facts):
    state, cycle = State(), None
    for fact in facts:
        cycle = step(state, fact) or cycle
    return cycle


def _aged(age_s, *, stale_s, fills=(_OPTION,)):
    """A cycle whose price of IDX came `age_s` before it; the quotes are of its own instant."""
    facts = index_facts(
        fills=fills, limits=(_PRICED, _COUNTED), the_desk=replace(index_desk(), price_stale_s=stale_s)
    )
    return _run(
        replace(fact, received_ns=NOW_NS - round(age_s * _S)) if isinstance(fact, UnderlyingQuoted) else fact
        for fact in facts
    )


def test_the_basis_of_a_proxy_that_is_held_is_measured():
    """30 futures of 50: their delta times vol times sqrt(1 - rho^2) over a day, written out."""
    cycle = _run(
        index_facts(fills=(_OPTION, _PROXY), limits=_BASIS, the_desk=index_desk(correlation=_CORRELATION))
    )
    row = cycle.table.row_of("IDXH1")
    delta = 30 * 50.0 * float(cycle.values.spot[row])
    expected = delta * cycle.price.spot_vol[0] * math.sqrt((1.0 - _CORRELATION**2) / 365.0)

    assert [one.value for one in cycle.standing.limits] == pytest.approx([expected, expected], rel=1e-12)
    assert [one.step for one in cycle.standing.limits] == [Step.NORMAL, Step.NORMAL]


def test_a_desk_without_proxies_has_no_basis_and_no_breach():
    """Zero is measured here, and not missing."""
    options = _run(index_facts(fills=(_OPTION,), limits=_BASIS))
    whole = _run(index_facts(fills=(_OPTION, _PROXY), limits=_BASIS, the_desk=index_desk(correlation=1.0)))

    for cycle in (options, whole):
        assert [(one.value, one.step) for one in cycle.standing.limits] == [(0.0, Step.NORMAL)] * 2


def test_the_basis_of_an_underlying_without_a_volatility_is_a_breach():
    """No quotes of its options."""
    facts = index_facts(fills=(_PROXY,), limits=_BASIS)
    cycle = _run(fact for fact in facts if type(fact).__name__ != "QuotesSeen")

    assert [one.step for one in cycle.standing.limits] == [Step.HARD, Step.HARD]
    assert all("was not measured" in one.reason for one in cycle.standing.limits)


def test_a_price_that_is_too_old_is_a_breach_that_says_how_old():
    """What no price can falsify is read on."""
    priced, counted = sorted(_aged(90.0, stale_s=60.0).standing.limits, key=lambda one: one.limit.name)

    assert priced.step is Step.HARD
    assert priced.reason == "the price of IDX is 90 s old, stale after 60 s, which counts as a breach"
    assert (counted.value, counted.step) == (-10.0, Step.NORMAL)


@pytest.mark.parametrize(("age_s", "stale_s"), [(60.0, 60.0), (0.0, 60.0), (1e6, 0.0)])
def test_a_price_young_enough_or_a_desk_that_does_not_ask_is_none(age_s, stale_s):
    """At the very age it is not older yet; 0 is never."""
    cycle = _aged(age_s, stale_s=stale_s)

    assert all(one.step is Step.NORMAL and not one.reason for one in cycle.standing.limits)


def test_what_is_not_held_is_measured_whatever_its_price():
    assert all(one.step is Step.NORMAL for one in _aged(90.0, stale_s=60.0, fills=()).standing.limits)


def test_a_newer_price_makes_it_young_again():
    facts = index_facts(
        fills=(_OPTION,), limits=(_PRICED,), the_desk=replace(index_desk(), price_stale_s=60.0)
    )
    old = UnderlyingQuoted(received_ns=NOW_NS - 90 * _S, underlying="IDX", price=4990.0)
    cycle = _run([old, *facts])

    assert cycle.market.spot_age_s.tolist() == [0.0]
    assert cycle.standing.limits[0].step is Step.NORMAL


@pytest.mark.parametrize("age", [-1.0, math.nan, math.inf])
def test_an_age_that_is_none_is_refused(age):
    with pytest.raises(InvalidValueError, match="price_stale_s"):
        replace(index_desk(), price_stale_s=age)
