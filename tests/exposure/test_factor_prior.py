"""The covariance of all factors: what is configured, written out again, and what history changes of it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.exposure.factor_covariance import Covariance, book_risk
from flatbook.exposure.factor_prior import (
    ONE_MONTH,
    UNVERIFIED,
    configured,
    covariance_of,
    history_moves,
    informed,
)
from flatbook.exposure.factors import (
    BASIS,
    GAMMA,
    GAP_UP,
    LEVELS,
    RATE,
    SKEWS,
    SPOT,
    TENOR_YEARS,
    exposure_of,
    factors,
)
from flatbook.exposure.reference_vol import reference_vols
from flatbook.hedging.cross import basis_deviation_usd, minimum_variance_ratio
from flatbook.market.clock import NS_PER_DAY
from flatbook.market.history import History
from flatbook.model.factor_terms import FactorTerms
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.instruments import Right
from flatbook.model.measures import Measure
from flatbook.model.parameters import UnderlyingTerms
from flatbook.valuation.spot_vol import dynamics_of
from flatbook.valuation.values import value
from tests.engine.test_step import run
from tests.worlds import desk, index_facts, option, share, view_by_hand

_T = 1.0 / 365.0
_TERMS = FactorTerms()


def _world(*, beta=0.0, index="", names=("XYZ",), betas=None, history=None):
    """Options on some underlyings without a surface, what the desk says of them, and their factors."""
    book = [
        option(f"{name}{right.name[0]}{days}", 100.0, days, right, underlying=name, option_class=name)
        for name in names
        for days in (20, 200)
        for right in Right
    ]
    hedges = tuple(share(f"{name}H", underlying=name, beta=1.25) for name in names)
    the_desk = desk(
        underlyings=tuple(
            UnderlyingTerms(symbol=name, spot_vol_beta=beta, beta=(betas or {}).get(name, 1.0))
            for name in names
        ),
        hedges=tuple(HedgeTerms(instrument=item, spread=0.01, correlation=0.95) for item in hedges),
        index=index,
    )
    market = view_by_hand([*book, *hedges], spot=100.0, vols=[0.2] * len(book) + [np.nan] * len(hedges))
    market = replace(market, surfaces=(None,) * len(names))
    if history is not None:
        market = replace(market, history=history)
    values = value(market, dynamics_of(the_desk, market.table.underlyings))
    return market, values, the_desk, factors(market, values)


def _at(of, underlying, kind):
    return underlying * of.e.shape[1] + kind


def test_variances_are_those_of_the_terms():
    """Spot, level by tenor, skew, gamma, gap, rate and basis of one underlying, each written out."""
    market, values, the_desk, of = _world()
    variance = np.diag(configured(market, values, the_desk, of, np.array([0.2]), _TERMS).matrix)
    level = 0.8 * 20.0 * np.sqrt(30.0 / 365.0 / TENOR_YEARS)

    assert variance[SPOT] == pytest.approx(0.04 * _T)
    assert variance[LEVELS] == pytest.approx(level**2 * _T)
    assert variance[SKEWS] == pytest.approx((0.3 * level) ** 2 * _T)
    assert variance[GAMMA] == pytest.approx(2.0 * 0.2**4 * _T**2)
    assert variance[GAP_UP] == pytest.approx(0.1 * _T)
    assert variance[RATE] == pytest.approx(100.0**2 * _T)
    assert variance[BASIS] == pytest.approx((1.25 * 0.2) ** 2 * (1.0 / 0.95**2 - 1.0) * _T)


def test_the_hedge_of_least_variance_is_the_smile_delta():
    """Volatility that follows spot is in the covariance of spot and level: shares that leave least are those of the smile delta."""
    market, values, the_desk, of = _world(beta=-0.7)
    matrix = configured(market, values, the_desk, of, np.array([0.2]), _TERMS).matrix
    for row in range(4):
        with_spot = np.nan_to_num(of.e[row]) @ matrix[:, SPOT]  # no surface, so no skew and no curvature
        assert with_spot / matrix[SPOT, SPOT] == pytest.approx(
            values.greeks[row, Measure.DELTA_SMILE_USD], rel=1e-9
        )


def test_on_a_fitted_surface_it_is_nearly_so_by_the_skew():
    """R of 1.5 on a real fit: at the money within a percent of delta; the rest is that skews differ by strike and tenor."""
    cycle = run(index_facts())
    terms = (UnderlyingTerms(symbol="IDX", stickiness=(1.5,)),)
    the_desk = desk(underlyings=terms, index="IDX")
    values = value(cycle.market, dynamics_of(the_desk, ("IDX",)))
    of = factors(cycle.market, values)
    matrix = configured(cycle.market, values, the_desk, of, np.array([0.16]), _TERMS).matrix
    rows = [cycle.table.row_of(name) for name in ("IDXW030C5000", "IDXW030P5000", "IDXW090C5000")]
    by_covariance = of.e[rows] @ matrix[:, SPOT] / matrix[SPOT, SPOT]
    smile, black = values.greeks[rows, Measure.DELTA_SMILE_USD], values.greeks[rows, Measure.DELTA_USD]

    assert np.abs(by_covariance - smile) == pytest.approx(0.0, abs=0.01 * np.abs(black).max())
    assert (np.abs(smile - black) > 0.03 * np.abs(black)).all()


def test_a_proxy_hedge_leaves_what_the_hedging_room_says():
    """Share and proxy by factors against Ederington's ratio and residual of `hedging.cross`."""
    market, values, the_desk, of = _world()
    covariance = configured(market, values, the_desk, of, np.array([0.2]), _TERMS)
    exposure, contract = np.zeros(of.e.shape[1]), of.e[4]
    exposure[SPOT] = 1e6
    contracts = -(contract @ covariance.matrix @ exposure) / (contract @ covariance.matrix @ contract)
    vol_hedge = 1.25 * 0.2 / 0.95
    ratio = minimum_variance_ratio(correlation=0.95, vol_exposure=0.2, vol_hedge=vol_hedge)

    assert contracts * 100.0 == pytest.approx(-ratio * 1e6)
    assert book_risk(exposure + contracts * contract, covariance).deviation_usd == pytest.approx(
        basis_deviation_usd(hedged_usd=1e6, correlation=0.95, vol=0.2, years=_T)
    )


def test_underlyings_move_together_by_their_betas():
    """Covariances beta_i beta_j s_index^2; an underlying whose beta explains all has no rest."""
    market, values, the_desk, of = _world(names=("IDX", "A", "B"), index="IDX", betas={"A": 1.5, "B": 0.5})
    matrix = configured(market, values, the_desk, of, np.array([0.2, 0.4, 0.08]), _TERMS).matrix
    spots = [_at(of, u, SPOT) for u in range(3)]

    wanted = np.array([[0.04, 0.06, 0.02], [0.06, 0.16, 0.03], [0.02, 0.03, 0.01]])
    assert matrix[np.ix_(spots, spots)] == pytest.approx(wanted * _T)


def test_an_index_without_a_volatility_leaves_the_others_a_covariance():
    """They go together by correlation, as without an index, and the source says so; the index itself stays unknown."""
    market, values, the_desk, of = _world(names=("IDX", "A", "B"), index="IDX", betas={"A": 1.5, "B": 0.5})
    spot_vol = np.array([np.nan, 0.3, 0.2])
    told = configured(market, values, the_desk, of, spot_vol, _TERMS)
    at = [_at(of, u, SPOT) for u in range(3)]
    spots = told.matrix[np.ix_(at, at)]
    others = slice(of.e.shape[1], None)

    assert np.isnan(spots[0]).all()
    assert spots[1, 2] == pytest.approx(_TERMS.correlation * 0.3 * 0.2 * _T)
    assert np.diag(spots)[1:] == pytest.approx([0.09 * _T, 0.04 * _T])
    assert np.isfinite(told.matrix[others, others]).all()
    assert "the index IDX has no volatility" in told.source
    known = configured(market, values, the_desk, of, np.full(3, 0.2), _TERMS)
    assert known.source == UNVERIFIED


def test_without_an_index_underlyings_share_half():
    """The correlation of the terms, in spots and levels."""
    market, values, the_desk, of = _world(names=("A", "B"))
    matrix = configured(market, values, the_desk, of, np.array([0.2, 0.4]), _TERMS).matrix
    for kind in (SPOT, LEVELS.start, GAP_UP):
        a, b = _at(of, 0, kind), _at(of, 1, kind)
        assert matrix[a, b] / np.sqrt(matrix[a, a] * matrix[b, b]) == pytest.approx(0.5)


@settings(max_examples=25, deadline=None)
@given(beta=st.floats(-8.0, 8.0), correlation=st.floats(0.0, 1.0), decay=st.floats(0.01, 2.0))
def test_no_terms_make_a_negative_variance(beta, correlation, decay):
    """Whatever a desk writes."""
    market, values, the_desk, of = _world(beta=beta, names=("A", "B"))
    terms = FactorTerms(correlation=correlation, tenor_decay=decay)
    matrix = configured(market, values, the_desk, of, np.array([0.2, 0.9]), terms).matrix
    size = np.sqrt(np.diag(matrix))
    alike = matrix / np.outer(np.maximum(size, 1e-300), np.maximum(size, 1e-300))

    assert np.linalg.eigvalsh(alike)[0] > -1e-10


def test_without_a_volatility_an_underlying_is_unknown_and_the_others_stand():
    """A held position in it makes the deviation NaN, no position does not."""
    market, values, the_desk, of = _world(names=("A", "B"))
    covariance = configured(market, values, the_desk, of, np.array([0.2, np.nan]), _TERMS)
    quantity = np.zeros(len(market.table.instruments), dtype=np.int64)
    quantity[0] = 5
    assert book_risk(exposure_of(quantity, of).known, covariance).deviation_usd > 0.0
    quantity[4] = 1
    assert np.isnan(book_risk(exposure_of(quantity, of).known, covariance).deviation_usd)


def test_it_says_that_nobody_verified_it():
    """And has no standard errors."""
    market, values, the_desk, of = _world()
    covariance = covariance_of(market, values, the_desk, of, np.array([0.2]))

    assert covariance.source == UNVERIFIED == "default, unverified"
    assert np.isnan(covariance.standard_error).all()
    assert not covariance.effective_samples.any()


# Informed by history


def _history(names, days=2000, seed=1, spot_sd=0.02, vol_sd=1.5, correlation=-0.6):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((days, len(names)))
    y = correlation * x + np.sqrt(1.0 - correlation**2) * rng.standard_normal(x.shape)
    return History(
        underlyings=names, day_ns=np.arange(days) * NS_PER_DAY, days=np.full(days, 365.0 / 252.0),
        moves=spot_sd * x, vol_points=vol_sd * y,
    )  # fmt: skip


def test_history_takes_the_place_of_what_it_tells():
    """Spot and one-month level over a calendar day, 252 rows a year; the rest keeps its regression on them."""
    market, values, the_desk, of = _world(history=_history(("XYZ",)))
    prior = configured(market, values, the_desk, of, np.array([0.2]), _TERMS)
    found = covariance_of(market, values, the_desk, of, np.array([0.2]))
    one_month = LEVELS.start + ONE_MONTH
    span = 252.0 / 365.0

    assert found.matrix[SPOT, SPOT] == pytest.approx(0.02**2 * span, rel=0.25)
    assert found.matrix[one_month, one_month] == pytest.approx(1.5**2 * span, rel=0.25)
    r = found.matrix[SPOT, one_month] / np.sqrt(found.matrix[SPOT, SPOT] * found.matrix[one_month, one_month])
    assert r == pytest.approx(-0.6, abs=0.15)
    assert found.effective_samples[SPOT] == pytest.approx(173.0, abs=1.0)
    assert found.standard_error[SPOT, SPOT] == pytest.approx(
        found.matrix[SPOT, SPOT] * np.sqrt(2.0 / 173.0), rel=0.5
    )
    assert np.isnan(found.standard_error[RATE, RATE])
    assert "half-life 60 days" in found.source
    assert UNVERIFIED in found.source
    assert found.matrix[RATE, RATE] == pytest.approx(prior.matrix[RATE, RATE])
    three = LEVELS.start + 2
    assert found.matrix[three, one_month] / found.matrix[one_month, one_month] == pytest.approx(
        prior.matrix[three, one_month] / prior.matrix[one_month, one_month]
    )


def test_a_history_that_says_what_was_configured_changes_nothing():
    """The same covariance of the told factors in, the same whole out."""
    market, values, the_desk, of = _world(names=("A", "B"))
    prior = configured(market, values, the_desk, of, np.array([0.2, 0.4]), _TERMS)
    index = np.array([_at(of, u, kind) for u in range(2) for kind in (SPOT, LEVELS.start + ONE_MONTH)])
    told = Covariance(
        matrix=prior.matrix[np.ix_(index, index)], standard_error=np.zeros((4, 4)), effective_samples=np.full(4, 50.0),
        source="the same",
    )  # fmt: skip
    found = informed(prior, told, index)

    scale = np.sqrt(np.diag(prior.matrix))
    scale[scale == 0.0] = 1.0
    assert found.matrix / np.outer(scale, scale) == pytest.approx(
        prior.matrix / np.outer(scale, scale), abs=1e-9
    )
    assert informed(prior, told, np.empty(0, dtype=np.int64)) is prior


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 100), days=st.integers(5, 60), missing=st.floats(0.0, 0.6))
def test_what_history_informs_has_no_negative_variance(seed, days, missing):
    """Few days, many missing."""
    history = _history(("A", "B"), days=days, seed=seed)
    gone = np.random.default_rng(seed).random(history.moves.shape) < missing
    history = replace(
        history,
        moves=np.where(gone, np.nan, history.moves),
        vol_points=np.where(gone, np.nan, history.vol_points),
    )
    market, values, the_desk, of = _world(names=("A", "B"), history=history)
    matrix = covariance_of(market, values, the_desk, of, np.array([0.2, 0.3])).matrix
    size = np.sqrt(np.diag(matrix))
    size[size == 0.0] = 1.0

    assert np.linalg.eigvalsh(matrix / np.outer(size, size))[0] > -1e-9


def test_levels_of_a_history_are_told_at_fixed_strikes():
    """The at-the-money volatility slides along the skew when spot moves: that part is no move of the level."""
    history = _history(("XYZ",), days=3)
    moves, index = history_moves(history, np.array([-0.5]), 10)

    assert index.tolist() == [SPOT, LEVELS.start + ONE_MONTH]
    assert moves[:, 0] == pytest.approx(history.moves[:, 0])
    assert moves[:, 1] == pytest.approx(history.vol_points[:, 0] + 50.0 * np.log1p(history.moves[:, 0]))


def test_the_whole_way_from_a_cycle():
    """Quotes to surface to factors to the deviation of a book."""
    cycle = run(index_facts())
    of = factors(cycle.market, cycle.values)
    covariance = covariance_of(cycle.market, cycle.values, cycle.desk, of, reference_vols(cycle.market))
    quantity = np.random.default_rng(0).integers(-10, 10, len(cycle.table.instruments))
    risk = book_risk(exposure_of(quantity, of).complete, covariance)

    assert risk.deviation_usd > 0.0
    assert risk.by_factor_usd.sum() == pytest.approx(risk.deviation_usd)
