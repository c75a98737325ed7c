"""Each key of [factors] reaches the number it is about: the covariance, the gaps that are factors, the tail of dated events."""

import numpy as np
import pytest
from msgspec.structs import replace as struct_replace

from flatbook.engine.measure import basis_of, reaching
from flatbook.exposure.factor_covariance import estimate
from flatbook.exposure.factor_prior import ONE_MONTH, UNVERIFIED, configured, covariance_of
from flatbook.exposure.factors import (
    CURVATURES,
    DIVIDEND_YIELD,
    GAP_DOWN,
    GAP_UP,
    LEVELS,
    RATE,
    SKEWS,
    SPOT,
    TENOR_YEARS,
    Jumps,
    factors,
)
from flatbook.market.clock import NS_PER_DAY
from flatbook.model.errors import InvalidValueError
from flatbook.model.factor_terms import FactorTerms
from flatbook.model.parameters import EventTerms
from tests.engine.test_step import run
from tests.exposure.test_factor_prior import _history, _world
from tests.worlds import NOW_NS, index_desk, index_facts

_T = 1.0 / 365.0  # holding_days of 1
_LEVEL = (
    0.8 * 20.0 * np.sqrt(30.0 / 365.0 / TENOR_YEARS)
)  # points a year: vol_of_vol 0.8 of a volatility of 0.2


def _matrix(terms, *, names=("XYZ",), beta=0.0, history=None, vols=(0.2,)):
    market, values, the_desk, of = _world(names=names, beta=beta, history=history)
    the_desk = struct_replace(the_desk, factors=terms)
    return covariance_of(market, values, the_desk, of, np.array(vols)), of.e.shape[1]


@pytest.mark.parametrize(
    ("key", "value", "at", "variance"),
    [
        ("skew_share", 0.7, SKEWS, (0.7 * _LEVEL) ** 2 * _T),
        ("curvature_share", 0.4, CURVATURES, (0.4 * _LEVEL) ** 2 * _T),
        ("jumps_per_year", 2.0, GAP_DOWN, 2.0 * _T),
        ("jumps_per_year", 2.0, GAP_UP, 2.0 * _T),
        ("rate_bp_per_year", 30.0, RATE, 30.0**2 * _T),
        ("dividend_yield_bp_per_year", 7.0, DIVIDEND_YIELD, 7.0**2 * _T),
    ],
)
def test_a_variance_is_that_of_its_key(key, value, at, variance):
    """Written out by hand; everything else stays."""
    (told, _), (usual, _) = _matrix(FactorTerms(**{key: value})), _matrix(FactorTerms())
    changed = np.diag(told.matrix) != np.diag(usual.matrix)

    assert np.diag(told.matrix)[at] == pytest.approx(variance)
    assert changed[at].all()
    assert changed.sum() == {"jumps_per_year": 2, "skew_share": 5, "curvature_share": 5}.get(key, 1)
    assert told.source == f"{key} by the desk, all else {UNVERIFIED}"


def test_two_underlyings_move_together_as_the_key_says():
    """Spot without an index, and levels of the same tenor."""
    market, values, the_desk, of = _world(names=("A", "B"))
    told, kinds = (
        configured(market, values, the_desk, of, np.array([0.2, 0.5]), FactorTerms(correlation=0.9)),
        of.e.shape[1],
    )
    deviation = np.sqrt(np.diag(told.matrix))
    for kind in (SPOT, LEVELS.start, GAP_UP):
        r = told.matrix[kind, kinds + kind] / deviation[kind] / deviation[kinds + kind]
        assert r == pytest.approx(0.9)


def test_tenors_move_together_as_the_key_says():
    """exp(-decay |ln T / T'|): a week and a year."""
    told, _ = _matrix(FactorTerms(tenor_decay=0.4))
    week, year = LEVELS.start, LEVELS.start + 3
    r = told.matrix[week, year] / np.sqrt(told.matrix[week, week] * told.matrix[year, year])

    assert r == pytest.approx(np.exp(-0.4 * np.log(365.0 / 7.0)))


def test_spot_leaves_of_a_level_what_the_key_says():
    """A beta of -20 would explain more than all: the rest is still the least share."""
    told, _ = _matrix(FactorTerms(level_rest_min=0.25), beta=-20.0)
    levels = np.diag(told.matrix)[LEVELS]
    by_spot = told.matrix[SPOT, LEVELS] ** 2 / told.matrix[SPOT, SPOT]

    assert levels - by_spot == pytest.approx(0.25 * _LEVEL**2 * _T)


def test_half_life_and_lags_are_those_of_the_history():
    """A half-life h of many days is told by (1 + d) / (1 - d) days of equal weight, d = 0.5^(1 / h)."""
    (told, _), (usual, _) = (
        _matrix(terms, history=_history(("XYZ",)))
        for terms in (FactorTerms(half_life_days=20.0, lags=0), FactorTerms(half_life_days=20.0))
    )
    fade = 0.5 ** (1.0 / 20.0)

    assert told.effective_samples[SPOT] == pytest.approx(
        (1.0 + fade) / (1.0 - fade), rel=1e-5
    )  # a millionth of the weight lies before the days that are read
    assert "half-life 20 days" in told.source
    assert told.matrix == pytest.approx(usual.matrix, nan_ok=True)
    assert told.standard_error[SPOT, SPOT] != usual.standard_error[SPOT, SPOT]


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_correlations_are_drawn_by_the_share_of_the_key(share):
    """Of what the days tell, to what is configured: without a beta that is nothing at all."""
    history = _history(("XYZ",), days=300)
    told, _ = _matrix(FactorTerms(shrinkage=share), history=history)
    x, y = history.moves[:, 0], history.vol_points[:, 0]
    weight = 0.5 ** (np.arange(299, -1, -1) / 60.0)
    found = (weight * x * y).sum() / np.sqrt((weight * x * x).sum() * (weight * y * y).sum())
    one_month = LEVELS.start + ONE_MONTH
    r = told.matrix[SPOT, one_month] / np.sqrt(told.matrix[SPOT, SPOT] * told.matrix[one_month, one_month])

    assert r == pytest.approx((1.0 - share) * found)
    assert f"{share:.0%} drawn" in told.source


def test_a_share_left_out_is_told_by_the_noise():
    """The same numbers where it is written out: 60 days of three factors of equal correlation, seed 3."""
    common = np.random.default_rng(3).standard_normal((60, 4))
    x = common[:, :3] + common[:, 3:]
    told = estimate(x, half_life=40.0)
    share = float(told.source.split(", ")[2].split("%")[0]) / 100.0
    low, high = (estimate(x, half_life=40.0, shrinkage=share + step).matrix[0, 1] for step in (-0.005, 0.005))

    assert min(low, high) <= told.matrix[0, 1] <= max(low, high)


def test_the_gaps_of_the_desk_are_those_of_the_factors():
    """From the desk to the basis, for books of other rows too; the covariance has no other size of them."""
    cycle = run(index_facts())
    the_desk = struct_replace(cycle.desk, factors=FactorTerms(gap_down_pct=-15.0, gap_up_pct=7.0))
    few, more = np.array([10, 40]), np.array([41])
    basis = reaching(basis_of(cycle.values, cycle.market, the_desk, few), more)
    sought = factors(cycle.market, cycle.values, Jumps(down=-0.15, up=0.07))

    assert basis.factors.jumps == Jumps(down=-0.15, up=0.07)
    assert np.array_equal(basis.factors.e, sought.e, equal_nan=True)
    usual = basis_of(cycle.values, cycle.market, cycle.desk, few).factors
    assert usual.jumps == Jumps()
    assert (usual.e[few, GAP_DOWN] != basis.factors.e[few, GAP_DOWN]).all()


@pytest.mark.parametrize(("tail", "probability"), [(4.0, 0.2), (2.5, 0.0), (2.5, 0.05)])
def test_the_tail_of_an_event_is_that_of_the_desk(tail, probability):
    """Through a whole cycle: moves and probabilities, which add up to 1."""
    event = EventTerms(underlying="IDX", name="CPI", at_ns=NOW_NS + 3 * NS_PER_DAY, trading_days=2.0)
    terms = FactorTerms(event_tail_deviations=tail, event_tail_probability=probability)
    the_desk = struct_replace(index_desk(), events=(event,), factors=terms)
    (told,) = run(index_facts(the_desk=the_desk)).sheets.events
    deviation = told.move_deviation
    each = [(1.0 - probability) / 2.0] * 2 + [probability] * (probability > 0.0)

    assert deviation > 0.0
    assert told.density.probability == pytest.approx(each)
    assert told.density.probability.sum() == pytest.approx(1.0, abs=1e-15)
    assert np.abs(told.density.log_moves) == pytest.approx(
        np.array([1.0, 1.0, tail][: len(each)]) * deviation
    )


def test_a_desk_that_says_nothing_has_what_it_had():
    """The defaults, and the gaps as the room has them."""
    assert index_desk().factors == FactorTerms()
    assert Jumps(down=FactorTerms().gap_down_pct / 100.0, up=FactorTerms().gap_up_pct / 100.0) == Jumps()
    assert _matrix(FactorTerms())[0].source == UNVERIFIED


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("correlation", 1.1),
        ("correlation", np.nan),
        ("tenor_decay", 0.0),
        ("level_rest_min", -0.1),
        ("skew_share", -1.0),
        ("jumps_per_year", -0.1),
        ("half_life_days", 0.0),
        ("half_life_days", np.inf),
        ("lags", -1),
        ("shrinkage", 1.5),
        ("shrinkage", np.nan),
        ("gap_down_pct", 10.0),
        ("gap_down_pct", -100.0),
        ("gap_up_pct", 0.0),
        ("gap_up_pct", np.inf),
        ("event_tail_deviations", 0.5),
        ("event_tail_probability", 0.6),
    ],
)
def test_what_cannot_be_meant_is_refused(key, value):
    """By name, with what was found."""
    with pytest.raises(InvalidValueError, match=f"factors {key} must be .*, was {value}"):
        FactorTerms(**{key: value})
