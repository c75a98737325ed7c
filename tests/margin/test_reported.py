"""Two engines side by side: which binds, how far apart they are, and what never counts as agreement."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatbook.margin.reported import DifferenceLimits, OwnRequirement, ReportedRequirement, compare
from flatbook.model.errors import InvalidValueError

_NOW = 1_700_000_000 * 10**9
_HOUR = 3_600 * 10**9
_LIMITS = DifferenceLimits(absolute=500.0, relative=0.1, age_max_ns=_HOUR)


def _own(requirement, group="A", source="clearing firm", currency="USD"):
    return OwnRequirement(group=group, source=source, currency=currency, requirement=requirement)


def _report(requirement, group="A", source="clearing firm", currency="USD", as_of_ns=_NOW):
    return ReportedRequirement(
        group=group, source=source, currency=currency, requirement=requirement, as_of_ns=as_of_ns
    )


_AMOUNT = st.one_of(st.just(0.0), st.floats(1e-6, 1e9), st.just(math.nan))


@given(_AMOUNT, _AMOUNT)
def test_the_worse_binds_and_nothing_unknown_agrees(own, said):
    """Binding is at least both; a NaN on either side is a breach with a reason."""
    found = compare([_own(own)], [_report(said)], _LIMITS, _NOW)
    if math.isnan(own):
        assert np.isnan(found.binding[0])
    elif math.isnan(said):
        assert found.binding[0] == own
    else:
        assert found.binding[0] == max(own, said)
        assert found.difference[0] == said - own
        apart = abs(said - own)
        within = apart <= 500.0 and apart <= 0.1 * own
        if not math.isclose(apart, 500.0, rel_tol=1e-9) and not math.isclose(apart, 0.1 * own, rel_tol=1e-9):
            assert found.breach[0] != within
        assert found.reason == ("",)
        return
    assert found.breach[0]
    assert np.isnan(found.utilisation[0])
    assert found.reason[0]


@pytest.mark.parametrize(
    ("own", "said", "utilisation"),
    [
        (10_000.0, 10_250.0, 0.5),  # 250 of 500
        (1_000.0, 920.0, 0.8),  # 8 % of 10 %
        (10_000.0, 9_400.0, 1.2),
        (0.0, 0.0, 0.0),
        (0.0, 1.0, math.inf),
    ],
)
def test_the_nearer_limit_counts(own, said, utilisation):
    """Absolute and relative, whichever way the two differ."""
    found = compare([_own(own)], [_report(said)], _LIMITS, _NOW)
    assert found.utilisation[0] == pytest.approx(utilisation)
    assert found.breach[0] == (utilisation > 1.0)
    small = compare([_own(0.0)], [_report(1.0)], DifferenceLimits(relative=0.1, negligible=5.0), _NOW)
    assert small.utilisation.tolist() == [0.0]
    assert compare([_own(0.0)], [_report(1.0)], DifferenceLimits(), _NOW).utilisation.tolist() == [0.0]
    assert compare([_own(1.0)], [_report(2.0)], DifferenceLimits(absolute=0.0), _NOW).breach[0]
    assert not compare([_own(1.0)], [_report(1.0)], DifferenceLimits(absolute=0.0), _NOW).breach[0]


@pytest.mark.parametrize(
    ("reports", "reason"),
    [
        ([], "no report"),
        ([_report(100.0, as_of_ns=_NOW - _HOUR - 1)], "stale: 3600 s old, at most 3600 s"),
        ([_report(100.0, as_of_ns=_NOW + _HOUR)], "dated 3600 s after now"),
        ([_report(math.nan)], "not a requirement: nan"),
        ([_report(math.inf)], "not a requirement: inf"),
        ([_report(-1.0)], "not a requirement: -1"),
        ([_report(100.0, currency="BTC")], "in BTC, ours is in USD"),
        ([_report(100.0, source="venue")], "no report"),
    ],
)
def test_a_report_that_cannot_be_used_is_unknown(reports, reason):
    """Though it says exactly what we say; our own binds, and the difference is in breach."""
    found = compare([_own(100.0)], reports, _LIMITS, _NOW)
    assert found.reason[0] == reason
    assert np.isnan([found.reported[0], found.difference[0], found.relative[0], found.utilisation[0]]).all()
    assert found.breach[0]
    assert found.binding[0] == 100.0


def test_the_newest_counts_and_of_equals_the_largest():
    """In any order."""
    reports = [
        _report(100.0, as_of_ns=_NOW - 5),
        _report(300.0, as_of_ns=_NOW - 9),
        _report(120.0, as_of_ns=_NOW - 5),
        _report(math.nan, as_of_ns=_NOW - 5),
    ]
    for order in (reports, reports[::-1]):
        assert compare([_own(100.0)], order, _LIMITS, _NOW).reported.tolist() == [120.0]


def test_several_sources_and_accounts_that_we_lack():
    """The worst over the sources binds; an account that only they know is unknown to us, and said."""
    found = compare(
        [_own(100.0), _own(100.0, source="venue"), _own(50.0, group="B")],
        [_report(110.0), _report(130.0, source="venue"), _report(50.0, group="B"), _report(7.0, group="C")],
        _LIMITS,
        _NOW,
    )
    assert found.group == ("A", "A", "B", "C")
    assert found.currency == ("USD",) * 4
    binding = found.binding_by_group()
    assert (binding["A"], binding["B"]) == (130.0, 50.0)
    assert math.isnan(binding["C"])
    assert found.reported[3] == 7.0
    assert found.reason[3] == "no positions of that account here"
    assert found.breach.tolist() == [False, True, False, True]


def test_what_cannot_be_is_refused():
    """Limits below zero or unknown, and an account that comes twice."""
    for wrong in ({"absolute": -1.0}, {"relative": math.nan}, {"negligible": -1.0}, {"age_max_ns": -1}):
        with pytest.raises(InvalidValueError, match="difference limit"):
            DifferenceLimits(**wrong)
    with pytest.raises(InvalidValueError, match="twice"):
        compare([_own(1.0), _own(2.0)], [], _LIMITS, _NOW)
