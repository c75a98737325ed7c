"""Two engines: what a clearing firm asks for beside our own requirement; the worse binds, a stale report agrees with nobody."""

import math

import pytest
from msgspec.structs import replace

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.limits.ladder import Step
from flatbook.model.errors import InvalidValueError
from flatbook.model.events import CapitalReported, CycleDue
from flatbook.model.parameters import Limit, LimitMeasure
from tests.worlds import NOW_NS, fill, index_desk, index_facts

_HOUR = 3_600 * 10**9
_OPTION = fill(1, "IDXW030C5000", "sell", 10, 50.0)
_SCOPES = ({}, {"underlying": "IDX"})
_LIMITS = tuple(
    Limit(measure=measure, limit_hard=1e9, **scope)
    for measure in (LimitMeasure.CAPITAL_USD, LimitMeasure.CAPITAL_DIFFERENCE_USD)
    for scope in _SCOPES
)


def _said(usd, *, age_ns=_HOUR, underlying="", source="clearing firm"):
    return CapitalReported(
        received_ns=NOW_NS,
        source=source,
        underlying=underlying,
        requirement_usd=usd,
        as_of_ns=NOW_NS - age_ns,
    )


def _run(*reports, limits=_LIMITS, equity=None):
    state, cycle = State(), None
    backed = replace(index_desk(), net_capital_usd=equity)
    for fact in index_facts(fills=(_OPTION,), limits=limits, the_desk=backed):
        if isinstance(fact, CycleDue):
            for report in reports:
                step(state, report)
        cycle = step(state, fact) or cycle
    return cycle


def _values(cycle):
    return [one.value for one in cycle.standing.limits]


def test_the_worse_of_two_engines_binds_and_their_difference_has_a_limit():
    own = _run().capital.desk
    cycle = _run(_said(2.0 * own), _said(0.25 * own, underlying="IDX"))

    assert _values(cycle) == pytest.approx([2.0 * own, own, own, 0.75 * own])
    assert cycle.standing.limits[0].where == "as reported"
    assert [one.step for one in cycle.standing.limits] == [Step.NORMAL] * 4
    assert cycle.basis.reported.own.tolist() == pytest.approx([own, own])


def test_without_a_report_or_with_a_stale_one_the_difference_is_a_breach():
    """Ours binds alone; nobody says that the two agree."""
    own = _run().capital.desk
    for cycle in (
        _run(),
        _run(_said(2.0 * own, age_ns=25 * _HOUR), _said(own, age_ns=25 * _HOUR, underlying="IDX")),
    ):
        assert _values(cycle)[:2] == pytest.approx([own, own])
        assert all(math.isnan(value) for value in _values(cycle)[2:])
        assert [one.step for one in cycle.standing.limits][2:] == [Step.HARD, Step.HARD]


def test_the_latest_positions_count_and_the_worst_source():
    """A report that arrives late is of older positions; two sources are held apart."""
    own = _run().capital.desk
    late = _run(_said(3.0 * own), _said(9.0 * own, age_ns=2 * _HOUR), _said(4.0 * own, source="exchange"))

    assert _values(late)[0] == pytest.approx(4.0 * own)
    assert _values(late)[2] == pytest.approx(3.0 * own)


def test_margin_reads_what_a_clearing_firm_asks_for():
    """Twice our own requirement for the desk is twice the utilisation; of an underlying that it says less of, ours."""
    limits = tuple(Limit(measure=LimitMeasure.MARGIN_PCT, limit_hard=90.0, **scope) for scope in _SCOPES)
    own = _run().capital.desk
    plain, told = (
        _run(*reports, limits=limits, equity=4.0 * own)
        for reports in ((), (_said(2.0 * own), _said(0.25 * own, underlying="IDX")))
    )

    assert _values(plain) == pytest.approx([25.0, 25.0])
    assert _values(told) == pytest.approx([50.0, 25.0])
    assert [_values(_run(_said(5.0 * own, underlying="IDX"), limits=limits, equity=4.0 * own))] == [
        pytest.approx([125.0, 125.0])
    ]


def test_the_desk_reads_what_a_firm_asks_of_its_underlyings():
    own = _run().capital.desk
    cycle = _run(_said(5.0 * own, underlying="IDX"), _said(2.0 * own, source="exchange"))

    assert _values(cycle)[:2] == pytest.approx([5.0 * own, 5.0 * own])


def test_a_report_of_the_future_is_refused_and_shuts_nothing_out():
    """A second is what clocks differ by, and counts; a year would have kept all later ones out."""
    second = 10**9
    with pytest.raises(InvalidValueError, match=r"'clearing firm': computed 2\.000 s after it was received"):
        _said(1.0, age_ns=-2 * second)
    own = _run().capital.desk

    assert _values(_run(_said(2.0 * own, age_ns=-second)))[0] == pytest.approx(2.0 * own)


def test_a_report_is_a_requirement():
    for usd, age in ((-1.0, 1), (math.nan, 1), (math.inf, 1), (5.0, NOW_NS)):
        with pytest.raises(InvalidValueError, match="clearing firm"):
            _said(usd, age_ns=age)
