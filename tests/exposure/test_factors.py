"""Factor exposures: against full repricing of bumped surfaces and jumps, and the same book told another way."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.exposure.factors import (
    BASIS,
    CURVATURES,
    DIVIDEND_YIELD,
    GAMMA,
    GAP_DOWN,
    GAP_UP,
    LEVELS,
    N_TENORS,
    RATE,
    SKEWS,
    SPOT,
    TENOR_YEARS,
    Jumps,
    exposure_of,
    factors,
    tenor_shares,
    tenor_weighted,
)
from flatbook.exposure.smile_factors import NO_QUARTER_DELTA, NO_SURFACE, quarter_deltas, smile_shapes
from flatbook.kernels.smile_row import ROW
from flatbook.market.surface import FitReport, Surface
from flatbook.model.errors import InvalidValueError
from flatbook.model.instruments import Right, Style
from flatbook.model.measures import Measure
from flatbook.valuation.revalue import revalue
from flatbook.valuation.values import value
from tests.engine.test_step import run
from tests.market.spx import spx_view
from tests.naive.black import price as naive_price
from tests.worlds import index_facts, option, share, view_by_hand

_NO_REPORT = FitReport(
    points=0, rmse_vol_points=0.0, share_inside=1.0, share_within_half_spread=1.0, worst_point=-1, worst_half_spreads=0.0,
    butterfly_min=0.0, calendar_gap_min=0.0, refused=0, confidence=1.0,
)  # fmt: skip
_DAYS = (20.0, 50.0, 90.0)  # the middle one has no smile of its own
_SVI = ((0.0004, 0.010, -0.6, 0.005, 0.06), (0.0, 0.0, 0.0, 0.0, 0.0), (0.0020, 0.030, -0.5, 0.010, 0.15))


def _surface():
    rows = np.zeros((3, ROW))
    rows[:, :5] = _SVI
    return Surface(
        version=1, slices=(), report=_NO_REPORT, keys=np.arange(3), years=np.array(_DAYS) / 365.0, rows=rows,
        of=np.array([[0, 0], [0, 2], [2, 2]]), share=np.array([[1.0, 0.0], [0.4, 0.6], [1.0, 0.0]]), reach=np.ones(3),
    )  # fmt: skip


def _on(surface, market):
    """The market with every option on the volatility of this surface."""
    moved = replace(market, surfaces=(surface,))
    rows = np.flatnonzero(market.table.is_option)
    vol = market.vol.copy()
    vol[rows] = moved.surface_vol(rows, np.log(market.table.strike[rows] / market.forward[rows]))
    return replace(moved, vol=vol)


def _market(style=Style.EUROPEAN):
    book = [
        option(f"{right.name[0]}{strike:g}D{days:g}", strike, days, right, style=style)
        for days in _DAYS
        for strike in (70.0, 90.0, 97.0, 100.0, 104.0, 115.0)
        for right in Right
    ]
    plain = view_by_hand([*book, share()], spot=100.0, vols=[0.2] * 37, rate=0.03, dividend_yield=0.01)
    return _on(_surface(), replace(plain, slice_in_surface=np.arange(3)))


def _bumped(surface, at, factor, points):
    """A surface whose slice `at` has one factor moved by `points`, found by solving for a, b rho and b by brute force.

    Shares nothing with the code under test but the definition: at the money and at the 25-delta strikes of before.
    """
    low, high = quarter_deltas(surface)
    where, slices = np.array([0.0, low[at], high[at]]), np.full(3, at)
    mine = [row for row, share in zip(surface.of[at], surface.share[at], strict=True) if share > 0.0]

    def moved(steps):
        rows = surface.rows.copy()
        for row in mine:
            a, b, rho, m, _ = rows[row, :5]
            fresh = b + steps[2]
            tilt = b * rho + steps[1]
            # a + b rho (k - m) + b sqrt(..): the tilt turns about k = 0
            rows[row, :5] = (a + steps[0] + steps[1] * m, fresh, tilt / fresh, *rows[row, 3:5])
        return replace(surface, rows=rows)

    def told(one):
        atm, put, call = one.vol(slices, where)
        return np.array([atm, call - put, 0.5 * (put + call) - atm])

    target = told(surface)
    target[factor] += points / 100.0
    scale, found = 1e-3 * surface.total_variance(np.array([at]), np.zeros(1))[0], np.zeros(3)
    for _ in range(20):
        slopes = [told(moved(found + scale * step)) - told(moved(found - scale * step)) for step in np.eye(3)]
        found = found + np.linalg.solve(np.array(slopes).T / (2.0 * scale), target - told(moved(found)))
    assert told(moved(found)) == pytest.approx(target, abs=1e-13)
    return moved(found)


def _repriced(market, at, factor, h, rows):
    """USD per point, by central differences of the values on bumped surfaces."""
    up, down = (
        value(_on(_bumped(market.surfaces[0], at, factor, step), market)).greeks[rows, Measure.VALUE_USD]
        for step in (h, -h)
    )
    return (up - down) / (2.0 * h)


@pytest.mark.parametrize("style", [Style.EUROPEAN, Style.AMERICAN])
@pytest.mark.parametrize("factor", range(3))
@pytest.mark.parametrize("at", range(3))
def test_a_bumped_surface_repriced_in_full_makes_what_the_exposure_says(at, factor, style):
    """Central differences on smiles of their own and between two, the square of the bump taken out by a second bump."""
    market = _market(style)
    mine = np.flatnonzero((market.table.slice_of == at) & market.table.is_option)
    found = factors(market, value(market)).by_expiry[mine, factor]
    near, far = (_repriced(market, at, factor, h, mine) for h in (0.01, 0.02))
    full = (4.0 * near - far) / 3.0

    # The American engines are held to 1e-4 of a price, alike before and after: differences are smoother than that.
    tolerance = 1e-5 if style is Style.EUROPEAN else 2e-3
    assert found == pytest.approx(full, abs=tolerance * np.abs(full).max())


@pytest.mark.market_data
@pytest.mark.parametrize("factor", range(3))
def test_on_the_real_chain_every_tenth_expiry_too(factor):
    """Splines and all: SPX of one close, refitted smiles against the exposure."""
    market = spx_view("06")
    surface = market.surfaces[0]
    values = value(market)
    rows = np.flatnonzero(market.table.is_option)
    shapes = smile_shapes(market, rows)
    assert not shapes.reasons
    for at in range(0, surface.years.size, 10):
        mine = rows[market.slice_in_surface[market.table.slice_of[rows]] == at]
        near, far = (_repriced(market, at, factor, h, mine) for h in (0.005, 0.01))
        full = (4.0 * near - far) / 3.0
        exposure = shapes.shape[np.isin(rows, mine), factor] * values.greeks[mine, Measure.VEGA_USD_PER_POINT]
        assert exposure == pytest.approx(full, abs=1e-5 * np.abs(exposure).max())


def test_each_factor_moves_alone():
    """At the money and at both 25-delta strikes the shapes are those of their names; the strikes have that delta."""
    surface = _surface()
    low, high = quarter_deltas(surface)
    for s, days in enumerate(_DAYS):
        forward = 100.0 * np.exp(0.02 * days / 365.0)
        strikes = forward * np.exp([0.0, low[s], high[s]])
        book = [option(f"C{n}", strike, days, Right.CALL) for n, strike in enumerate(strikes)]
        plain = view_by_hand(book, spot=100.0, vols=[0.2] * 3, rate=0.03, dividend_yield=0.01)
        market = _on(surface, replace(plain, slice_in_surface=np.array([s])))
        level, skew, curvature = smile_shapes(market, np.arange(3)).shape.T

        assert level == pytest.approx([1.0, 1.0, 1.0])
        assert skew == pytest.approx([0.0, -0.5, 0.5], abs=1e-12)
        assert curvature == pytest.approx([0.0, 1.0, 1.0], abs=1e-12)
        h = 1e-4 * forward
        for strike, vol, wanted in zip(strikes[1:], market.vol[1:], (0.75, 0.25), strict=True):
            up, down = (naive_price(forward + x, strike, days / 365.0, vol, 1.0, 1.0) for x in (h, -h))
            assert (up - down) / (2.0 * h) == pytest.approx(wanted, abs=1e-6)


def test_a_small_step_of_everything_is_explained_to_second_order():
    """Spot, level, skew and curvature at once, the surface moved and all repriced: what is left is of third order and cross terms."""
    market = _market()
    values = value(market)
    of = factors(market, values)
    quantity = np.random.default_rng(5).integers(-20, 20, len(market.table.instruments))
    quantity[-1] = 300
    left = []
    for size in (0.1, 0.05):
        surface = market.surfaces[0]
        for at in (0, 2):
            for factor, points in enumerate((size, -2.0 * size, size / 2.0)):
                surface = _bumped(surface, at, factor, points)
        later = replace(_on(surface, market), slice_in_surface=market.slice_in_surface)
        made = (value(later).greeks[:, Measure.VALUE_USD] - values.greeks[:, Measure.VALUE_USD]) * quantity
        by_expiry = of.by_expiry * quantity[:, None]
        own = np.isin(market.table.slice_of, (0, 2))
        told = (by_expiry[own] * [size, -2.0 * size, size / 2.0]).sum()
        left.append(abs(made[own].sum() - told))

    assert left[1] < 0.3 * left[0]  # half the step, a quarter of what is left


def test_without_a_surface_the_level_is_vega_and_the_rest_is_unknown():
    """With the reason, in every series that is held."""
    market = replace(_market(), slice_in_surface=np.full(3, -1))
    values = value(market)
    of = factors(market, values)
    exposure = exposure_of(np.ones(37, dtype=np.int64), of)
    weights = tenor_shares(market.years[:36], np.full(36, 0.5))

    assert of.e[:36, LEVELS] == pytest.approx(values.greeks[:36, Measure.VEGA_USD_PER_POINT, None] * weights)
    assert np.isnan(of.e[:36, SKEWS]).all()
    assert exposure.unvalued[0, SKEWS].tolist() == [36.0] * N_TENORS
    assert np.isnan(exposure.complete[0, CURVATURES]).all()
    assert np.isfinite(exposure.complete[0, LEVELS]).all()
    assert set(exposure.reasons.values()) == {NO_SURFACE}


def test_a_smile_that_no_parameter_bends_is_said_to_be_one():
    """A vertex far off the quotes bends nothing near the money."""
    surface = _surface()
    surface.rows[0, 3:5] = (50.0, 1e-9)
    market = _on(surface, _market())
    mine = np.flatnonzero(market.table.slice_of == 0)

    assert smile_shapes(market, mine).reasons == dict.fromkeys(range(12), NO_QUARTER_DELTA)


def test_a_series_without_a_value_is_unknown_in_every_factor():
    """And in none of the sums."""
    market = _market()
    market.vol[3] = np.nan
    of = factors(market, value(market))
    quantity = np.zeros(37, dtype=np.int64)
    quantity[[3, 8]] = (-5, 2)
    exposure = exposure_of(quantity, of)

    assert exposure.known[0] == pytest.approx(2.0 * of.e[8])
    assert (exposure.unvalued[0] == 5.0).all()
    assert np.isnan(exposure.complete).all()
    assert list(exposure.reasons) == [3]


def test_spot_gamma_rate_and_yield_are_the_measures():
    """In the units of their names."""
    market = _market()
    values = value(market)
    of = factors(market, values)

    assert of.e[:, SPOT] == pytest.approx(values.greeks[:, Measure.DELTA_USD])
    assert of.e[:, GAMMA] == pytest.approx(0.5 * 100.0**2 * values.greeks[:, Measure.GAMMA_SHARES_PER_USD])
    assert of.e[:, RATE] == pytest.approx(values.greeks[:, Measure.RHO_USD_PER_BP])
    assert of.e[:, DIVIDEND_YIELD] == pytest.approx(values.greeks[:, Measure.DIVIDEND_RHO_USD_PER_BP])
    step = np.array([-1e-3, 1e-3])
    pnl = revalue(market, values, np.arange(37), step, np.zeros(1))[:, :, 0]
    assert (pnl.sum(axis=1) / 2.0) / 1e-6 == pytest.approx(of.e[:, GAMMA], rel=2e-3, abs=50.0)


def test_gaps_are_what_delta_misses_and_nothing_for_what_is_straight():
    """Full revaluation of the jump, less delta; a share gaps not at all."""
    market = _market()
    values = value(market)
    of = factors(market, values, Jumps(down=-0.2, up=0.05))
    moves = np.array([-0.2, 0.05])
    pnl = revalue(market, values, np.arange(37), moves, np.zeros(1))[:, :, 0]
    delta = values.greeks[:, Measure.DELTA_SMILE_USD, None]

    assert of.e[:, [GAP_DOWN, GAP_UP]] == pytest.approx(pnl - delta * moves, abs=1e-9)
    assert of.e[36, [GAP_DOWN, GAP_UP]].tolist() == [0.0, 0.0]


def test_a_hedge_carries_the_notional_that_beta_does_not_explain():
    """Two proxies of one underlying, each with a factor of its own and its name."""
    etf = share("ETF", price_ratio=0.1, beta=1.25)
    market = view_by_hand((share(), etf), spot=100.0, vols=[np.nan, np.nan])
    of = factors(market, value(market))

    assert of.e[:, SPOT].tolist() == [100.0, 12.5]
    assert of.e[:, BASIS:].tolist() == [[100.0, 0.0], [0.0, 10.0]]
    assert [of.name(0, kind) for kind in (SPOT, BASIS, BASIS + 1)] == [
        "XYZ/spot_usd",
        "XYZ/basis_XYZ_usd",
        "XYZ/basis_ETF_usd",
    ]


@settings(max_examples=50)
@given(years=st.floats(1e-4, 5.0), exponent=st.floats(0.0, 1.0), size=st.floats(-5.0, 5.0))
def test_tenors_that_move_by_the_power_move_every_expiry_by_it(years, exponent, size):
    """Level of each reference tenor as (T_0 / T)^a: an expiry between them moves so too; an hour from expiry it is held."""
    moves = size * (TENOR_YEARS[1] / TENOR_YEARS) ** exponent
    shares = tenor_shares(np.array([years]), np.array([exponent]))[0]
    held = max(years, 1.0 / 365.0 / 24.0)

    assert shares @ moves == pytest.approx(size * (TENOR_YEARS[1] / held) ** exponent, rel=1e-12, abs=1e-12)
    assert (shares > 0.0).sum() <= 2


def test_the_tenor_weighted_level_is_the_weighted_vega():
    """By the root of time it is the measure that everybody knows, whatever the expiries."""
    market = replace(_market(), slice_in_surface=np.full(3, -1))
    values = value(market)
    quantity = np.arange(37) - 18
    exposure = exposure_of(quantity, factors(market, values))
    found = tenor_weighted(exposure.known, LEVELS, np.array([0.5]), 30.0 / 365.0)

    assert found[0] == pytest.approx(
        (quantity * values.greeks[:, Measure.VEGA_WEIGHTED_USD_PER_POINT])[:36].sum()
    )


@settings(max_examples=20)
@given(parts=st.lists(st.lists(st.integers(-50, 50), min_size=37, max_size=37), min_size=1, max_size=4))
def test_a_book_risks_the_sum_of_its_parts(parts):
    """Linear in the position, so a trade is priced by the same sum."""
    of = _FACTORS
    whole = exposure_of(np.sum(parts, axis=0), of).known
    pieces = sum(exposure_of(np.array(part), of).known for part in parts)

    assert whole == pytest.approx(pieces, rel=1e-9, abs=1e-6 * np.abs(of.e).max())


_FACTORS = factors(_market(), value(_market()))


def test_a_fitted_surface_of_a_whole_cycle_has_every_exposure():
    """From quotes to factors: no series of the chain is left without one."""
    cycle = run(index_facts())
    of = factors(cycle.market, cycle.values)

    assert not of.reasons
    assert np.isfinite(of.e).all()
    assert of.kinds[BASIS:] == ("basis_1_usd",)


def test_jumps_on_the_wrong_side_are_refused():
    """Down is down."""
    with pytest.raises(InvalidValueError, match="-1 < down < 0 < up"):
        Jumps(down=0.1, up=0.2)
