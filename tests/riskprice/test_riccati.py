"""The value function: its equation, its special cases, its laws, and what it does about numbers nobody knows."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.engine.measure import basis_of
from flatbook.exposure.factors import exposure_of
from flatbook.model.errors import InvalidValueError
from flatbook.riskprice.closed_forms import OneAsset, avellaneda_stoikov, long_horizon
from flatbook.riskprice.hedge_directions import in_the_underlying
from flatbook.riskprice.intensity import Intensity, exponential, hamiltonian, logistic
from flatbook.riskprice.price import risk_price
from flatbook.riskprice.reservation import BID, OFFER, no_charges, reservation
from flatbook.riskprice.riccati import (
    FACTOR_STATUS_TEXT,
    FLOW_STATUS_TEXT,
    FactorStatus,
    Flow,
    FlowStatus,
    SeriesFactors,
    Terms,
    price_of,
    unpriced_series,
    value_function,
)
from flatbook.valuation.values import value
from tests.naive import value_function as naive
from tests.worlds import book_of_v17, desk

_TERMS = Terms(aversion_per_usd=1e-3, holding_years=0.02)


def both_sides(intensity, contracts, n):
    """The flow of n series that is the same on either side."""
    twice = Intensity(
        arrivals_per_year=np.tile(intensity.arrivals_per_year, 2),
        offset=np.tile(intensity.offset, 2),
        decay_per_usd=np.tile(intensity.decay_per_usd, 2),
        logistic=np.tile(intensity.logistic, 2),
    )
    return Flow(
        series=np.tile(np.arange(n), 2),
        side=np.repeat([1, -1], n),
        contracts=np.tile(contracts, 2),
        intensity=twice,
        cost_usd=np.zeros(2 * n),
    )


def world(seed, *, n=12, kinds=3, blocks=2):
    """A covariance, series and a flow that is the same on either side."""
    random = np.random.default_rng(seed)
    root = (
        random.normal(size=(kinds * blocks, kinds * blocks + 2))
        * random.uniform(0.1, 10.0, kinds * blocks)[:, None]
    )
    series = SeriesFactors(e=random.normal(size=(n, kinds)), block_of=np.sort(random.integers(0, blocks, n)))
    kind = random.random(n) < 0.5
    points = random.uniform(0.5, 2.0, n)
    one = logistic(random.uniform(50.0, 500.0, n), np.full(n, 0.7), np.full(n, 1.5), points)
    intensity = replace(one, logistic=kind)
    return root @ root.T, series, both_sides(intensity, random.uniform(1.0, 3.0, n), n)


def one_sided(flow, seed):
    """The flow with other arrivals, costs and sizes on each row."""
    random = np.random.default_rng(seed)
    m = flow.series.size
    arrivals = flow.intensity.arrivals_per_year * random.uniform(0.2, 1.8, m)
    return replace(
        flow,
        intensity=replace(flow.intensity, arrivals_per_year=arrivals),
        cost_usd=random.uniform(-0.2, 0.5, m),
        contracts=flow.contracts * random.uniform(0.5, 1.5, m),
    )


def taken(intensity, row):
    """One row of an intensity."""
    return intensity.take(slice(row, row + 1))


def wide(series, count):
    """Exposures of all factors, [n, F]."""
    kinds = series.e.shape[1]
    out = np.zeros((series.e.shape[0], count))
    for i, block in enumerate(series.block_of):
        out[i, block * kinds : (block + 1) * kinds] = series.e[i]
    return out


@pytest.mark.parametrize("seed", range(5))
def test_the_equation_holds_for_every_book(seed):
    """The published expansion: with H to second order at c what is left does not depend on E; v is read by differences alone."""
    covariance, series, flow = world(seed)
    flow = one_sided(flow, seed)
    random = np.random.default_rng(seed + 100)
    drift = random.normal(size=covariance.shape[0])
    terms = replace(_TERMS, drift_usd_per_year=drift, rounds=0)
    solved = value_function(covariance, series, flow, terms)
    e = wide(series, covariance.shape[0])
    h = hamiltonian(flow.intensity, flow.cost_usd)
    h0, h1, h2 = h.profit_usd_per_year, h.slope_per_year, h.curvature_per_usd_year
    trades = [
        (s * z * e[i], z, lambda p, k=k: h0[k] + h1[k] * p + 0.5 * h2[k] * p * p)
        for k, (i, s, z) in enumerate(zip(flow.series, flow.side, flow.contracts, strict=True))
    ]
    v = lambda x: -x @ solved.curvature @ x - solved.slope @ x  # noqa: E731
    told = {"covariance": covariance, "drift": drift, "aversion": 1e-3, "discount": 50.0, "trades": trades}
    books = [np.zeros(covariance.shape[0]), *random.normal(size=(6, covariance.shape[0])) * 20.0]
    left = [naive.equation(book, v, **told) for book in books]
    size = max(1e-3 * book @ covariance @ book for book in books)

    assert np.ptp(left) < 1e-9 * size


@pytest.mark.parametrize("seed", range(5))
def test_around_a_book_the_exact_equation_is_stationary_to_second_order(seed):
    """After many rounds, with H itself and v by differences: what is left has no slope and no bend at the book."""
    covariance, series, flow = world(seed)
    flow = one_sided(flow, seed)
    random = np.random.default_rng(seed + 200)
    count = covariance.shape[0]
    held = random.normal(size=count) * 3.0
    solved = value_function(covariance, series, flow, replace(_TERMS, rounds=40), held)
    e = wide(series, count)
    trades = [
        (s * z * e[i], z, lambda p, k=k: float(
            hamiltonian(taken(flow.intensity, k), flow.cost_usd[k : k + 1] + p).profit_usd_per_year[0]))
        for k, (i, s, z) in enumerate(zip(flow.series, flow.side, flow.contracts, strict=True))
    ]  # fmt: skip
    v = lambda x: -x @ solved.curvature @ x - solved.slope @ x  # noqa: E731
    told = {
        "covariance": covariance,
        "drift": np.zeros(count),
        "aversion": 1e-3,
        "discount": 50.0,
        "trades": trades,
    }
    for _ in range(3):
        way = random.normal(size=count) * 1e-2
        below, at, above = (naive.equation(held + x * way, v, **told) for x in (-1.0, 0.0, 1.0))
        slope, bend = (above - below) / 2.0, above - 2.0 * at + below
        share = 1e-3 * way @ covariance @ way

        assert abs(slope) < 1e-5 * abs(1e-3 * held @ covariance @ way) + 1e-9
        assert abs(bend) < 1e-3 * share


@pytest.mark.parametrize("seed", range(5))
def test_the_curvature_is_that_of_a_general_solver(seed):
    """One factor block, so that D is not singular; scipy's Riccati solver and, without discount, the formula of 4.5."""
    covariance, series, flow = world(seed, n=15, kinds=4, blocks=1)
    h = hamiltonian(flow.intensity, flow.cost_usd)
    e = series.e[flow.series]
    d = (e * (flow.contracts * h.curvature_per_usd_year)[:, None]).T @ e
    found = value_function(covariance, series, flow, replace(_TERMS, rounds=0)).curvature
    free = value_function(covariance, series, flow, replace(_TERMS, holding_years=1e7, rounds=0))

    assert found == pytest.approx(
        naive.curvature(covariance, d, 1e-3, 50.0), rel=1e-7, abs=1e-9 * found.max()
    )
    published = naive.published_curvature(covariance, d / 2.0, 1e-3)
    assert free.curvature == pytest.approx(published, rel=1e-6, abs=1e-8 * published.max())
    assert free.slope == pytest.approx(np.zeros(4), abs=1e-12)


def no_flow():
    """Nobody trades."""
    nothing = np.zeros(0)
    none = np.zeros(0, dtype=np.int64)
    return Flow(
        series=none,
        side=none,
        contracts=nothing,
        intensity=logistic(nothing, nothing, nothing, nothing),
        cost_usd=nothing,
    )


def test_without_flow_it_is_the_price_over_a_holding_time():
    """g = aversion x covariance over the holding time x E, as `riskprice.price` has it where nothing can be hedged."""
    book, market = book_of_v17()
    the_desk = desk(aversion=1e-6)
    basis = basis_of(value(market), market, the_desk, np.arange(book.size))
    held = exposure_of(book, basis.factors)
    nothing = in_the_underlying(np.array([np.inf]), basis.factors.e.shape[1])
    known = risk_price(held, basis.factors, basis.covariance, the_desk, basis.spot_vol, nothing)
    series = SeriesFactors(e=basis.factors.e, block_of=basis.factors.underlying_of)
    holding = 1.0 / 365.0
    terms = Terms(aversion_per_usd=1e-6, holding_years=holding)
    solved = value_function(basis.covariance.matrix / holding, series, no_flow(), terms)
    told = np.isfinite(known.price[0])
    g = price_of(solved, held.known.reshape(-1))
    shifts = reservation(
        solved, held.known.reshape(-1), series, np.ones((2, book.size)), no_charges(book.size)
    )

    assert g[told] == pytest.approx(known.price[0][told], rel=1e-10)
    assert shifts.inventory_usd[BID] == pytest.approx(known.marginal_usd, rel=1e-9)
    assert shifts.own_usd[OFFER] == pytest.approx(known.own_usd, rel=1e-9)


def one_asset(aversion, holding, arrivals=1.0):
    """One factor, one asset, exponential fills on both sides: value function and its series."""
    series = SeriesFactors(e=np.ones((1, 1)), block_of=np.zeros(1, dtype=np.int64))
    flow = both_sides(exponential(np.array([140.0]) * arrivals, np.array([1.5]), np.ones(1)), np.ones(1), 1)
    solved = value_function(
        np.array([[4.0]]), series, flow, Terms(aversion_per_usd=aversion, holding_years=holding)
    )
    return solved, series


@pytest.mark.parametrize("inventory", [-3.0, 0.0, 7.0])
def test_without_flow_it_is_avellaneda_and_stoikov(inventory):
    """Their distance less their margin is the shift of the reservation price."""
    solved, series = one_asset(0.1, 0.7, arrivals=0.0)
    shifts = reservation(solved, np.array([inventory]), series, np.ones((2, 1)), no_charges(1)).shift_usd[
        :, 0
    ]
    of = OneAsset(deviation=2.0, fills_at_mid=140.0, decay=1.5, aversion=0.1)
    theirs = avellaneda_stoikov(of, np.array([inventory]), 0.7)

    assert shifts[BID] == pytest.approx(theirs.bid[0] - of.margin)
    assert shifts[OFFER] == pytest.approx(theirs.offer[0] - of.margin)


def test_a_small_aversion_is_gueant_lehalle_and_fernandez_tapia():
    """Skew of one more unit far from the horizon; the rounds are of higher order and vanish with the aversion."""
    apart = []
    for aversion in (1e-3, 1e-5, 1e-7):
        solved, _ = one_asset(aversion, 1e9)
        of = OneAsset(deviation=2.0, fills_at_mid=140.0, decay=1.5, aversion=aversion)
        theirs = long_horizon(of, np.array([0.0, 1.0])).bid
        apart.append(abs(2.0 * solved.curvature[0, 0] / (theirs[1] - theirs[0]) - 1.0))

    assert apart[0] < 1e-2
    assert apart[1] < 1e-3
    assert apart[2] < 1e-4


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_quotes_are_symmetric_at_zero_inventory_and_fall_with_it(seed):
    """Same flow on both sides: bid and offer shifts are one; more of a series makes its bid dearer and its offer cheaper."""
    covariance, series, flow = world(seed)
    n, count = series.e.shape[0], covariance.shape[0]
    solved = value_function(covariance, series, flow, _TERMS)
    z = np.tile(flow.contracts[:n], (2, 1))
    shifts = lambda book: reservation(solved, book, series, z, no_charges(n)).shift_usd  # noqa: E731
    flat = shifts(np.zeros(count))
    e = wide(series, count)

    assert solved.slope == pytest.approx(np.zeros(count), abs=1e-12)
    assert flat[BID] == pytest.approx(flat[OFFER])
    assert (flat > 0.0).all()
    for i in range(n):
        less, more = shifts(2.0 * e[i]), shifts(5.0 * e[i])
        assert more[BID, i] > less[BID, i] > flat[BID, i]
        assert more[OFFER, i] < less[OFFER, i] < flat[OFFER, i]
        assert more[OFFER, i] < more[BID, i]  # what takes risk away is never dearer than what adds it
        assert more.sum(axis=0)[i] == pytest.approx(flat.sum(axis=0)[i])  # the sides never cross


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0.0, 1.0))
def test_splitting_over_equivalent_series_changes_nothing(seed, share):
    """Two series with the same exposures are one: positions and flow may lie in either."""
    covariance, series, flow = world(seed)
    twin = SeriesFactors(
        e=np.vstack((series.e, series.e[:1])), block_of=np.append(series.block_of, series.block_of[0])
    )
    n = series.e.shape[0]
    mine = flow.series == 0
    rows = np.concatenate((np.arange(flow.series.size), np.flatnonzero(mine)))
    arrivals = flow.intensity.arrivals_per_year[rows].copy()
    arrivals[: flow.series.size][mine] *= share
    arrivals[flow.series.size :] *= 1.0 - share
    spread = Flow(
        series=np.append(flow.series, np.full(mine.sum(), n)),
        side=flow.side[rows],
        contracts=flow.contracts[rows],
        intensity=replace(flow.intensity.take(rows), arrivals_per_year=arrivals),
        cost_usd=flow.cost_usd[rows],
    )
    one, two = (
        value_function(covariance, series, flow, _TERMS),
        value_function(covariance, twin, spread, _TERMS),
    )
    position = np.random.default_rng(seed).normal(size=n)
    split = np.append(position, (1.0 - share) * position[0])
    split[0] *= share
    e = wide(series, covariance.shape[0])
    e_twin = wide(twin, covariance.shape[0])

    assert two.curvature == pytest.approx(one.curvature, rel=1e-9, abs=1e-12)
    assert price_of(two, split @ e_twin) == pytest.approx(price_of(one, position @ e), rel=1e-9, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_units_do_not_matter_and_more_flow_never_costs_more(seed):
    """A factor told in another unit has the same price of a series; with more arrivals A falls in every direction."""
    covariance, series, flow = world(seed)
    count, kinds = covariance.shape[0], series.e.shape[1]
    random = np.random.default_rng(seed)
    unit = 10.0 ** random.uniform(-3.0, 3.0, count)
    told = SeriesFactors(e=series.e * unit.reshape(-1, kinds)[series.block_of], block_of=series.block_of)
    flow = one_sided(flow, seed)
    one = value_function(covariance, series, flow, _TERMS)
    other = value_function(covariance / np.outer(unit, unit), told, flow, _TERMS)
    more = replace(flow.intensity, arrivals_per_year=flow.intensity.arrivals_per_year * 1.5)
    busy = value_function(covariance, series, replace(flow, intensity=more), replace(_TERMS, rounds=0))
    quiet = value_function(covariance, series, flow, replace(_TERMS, rounds=0))

    assert other.own_usd == pytest.approx(one.own_usd, rel=1e-8)
    assert other.slope / unit == pytest.approx(one.slope / unit / unit, rel=1e-6, abs=1e-9)
    gap = np.linalg.eigvalsh(quiet.curvature - busy.curvature)
    assert gap.min() > -1e-12 * gap.max()
    assert np.linalg.eigvalsh(one.curvature).min() > -1e-12 * np.linalg.eigvalsh(one.curvature).max()


def test_more_customers_who_buy_make_inventory_worth_holding():
    """B below 0: we bid better and offer dearer, and drift does the same."""
    covariance, series, flow = world(3, n=1, kinds=1, blocks=1)
    series = replace(series, e=np.ones((1, 1)))
    arrivals = flow.intensity.arrivals_per_year * np.where(flow.side < 0, 2.0, 1.0)
    buyers = value_function(
        covariance,
        series,
        replace(flow, intensity=replace(flow.intensity, arrivals_per_year=arrivals)),
        _TERMS,
    )
    drifting = value_function(covariance, series, flow, replace(_TERMS, drift_usd_per_year=np.array([2.0])))

    for solved in (buyers, drifting):
        shifts = reservation(solved, np.zeros(1), series, np.ones((2, 1)), no_charges(1))
        assert solved.slope[0] < 0.0
        assert shifts.flow_usd[BID, 0] < 0.0 < shifts.flow_usd[OFFER, 0]


def test_client_tiers_are_further_rows():
    """Half the arrivals twice is all of them once."""
    covariance, series, flow = world(4)
    half = replace(flow.intensity, arrivals_per_year=flow.intensity.arrivals_per_year / 2.0)
    twice = Flow(
        series=np.tile(flow.series, 2),
        side=np.tile(flow.side, 2),
        contracts=np.tile(flow.contracts, 2),
        intensity=half.take(np.tile(np.arange(flow.series.size), 2)),
        cost_usd=np.tile(flow.cost_usd, 2),
    )

    assert value_function(covariance, series, twice, _TERMS).curvature == pytest.approx(
        value_function(covariance, series, flow, _TERMS).curvature, rel=1e-10
    )


def test_factors_that_nobody_knows_are_left_out_with_a_reason():
    """The rest is priced as if they were not there, and series that have part in them are told."""
    covariance, series, flow = world(5)
    holes = covariance.copy()
    holes[1, :] = holes[:, 1] = np.nan
    holes[4, 2] = np.nan
    e = series.e.copy()
    e[series.block_of == 0, 1] = 0.0
    part = replace(series, e=e)
    drift = np.zeros(6)
    drift[5] = np.nan
    solved = value_function(holes, part, flow, replace(_TERMS, drift_usd_per_year=drift))
    status = [FactorStatus(s) for s in solved.factor_status]
    out = np.array(status) != FactorStatus.PRICED

    assert status[1] is FactorStatus.NO_VARIANCE
    assert status[5] is FactorStatus.NO_DRIFT
    assert sorted(status[i] for i in (2, 4)) == [FactorStatus.PRICED, FactorStatus.NO_CORRELATION]
    assert np.isnan(price_of(solved, np.ones(6))).tolist() == out.tolist()
    assert np.isfinite(solved.curvature).all()
    gone = np.where(out[:, None] | out, 0.0, covariance)
    assert solved.curvature == pytest.approx(
        value_function(gone, part, flow, _TERMS).curvature, rel=1e-9, abs=1e-15
    )
    assert unpriced_series(solved, part).tolist() == [
        bool(((wide(part, 6)[i] != 0.0) & out).any()) for i in range(e.shape[0])
    ]
    assert set(FACTOR_STATUS_TEXT) == set(FactorStatus)


def test_flows_that_nobody_knows_are_left_out_with_a_reason():
    """A series without any exposure, an intensity that is NaN."""
    covariance, series, flow = world(6)
    e = series.e.copy()
    e[2] = np.nan
    decay = flow.intensity.decay_per_usd.copy()
    decay[5] = np.nan
    solved = value_function(
        covariance,
        replace(series, e=e),
        replace(flow, intensity=replace(flow.intensity, decay_per_usd=decay)),
        _TERMS,
    )
    n = e.shape[0]

    assert np.flatnonzero(solved.flow_status == FlowStatus.NO_EXPOSURE).tolist() == [2, 2 + n]
    assert np.flatnonzero(solved.flow_status == FlowStatus.NO_INTENSITY).tolist() == [5]
    assert np.flatnonzero(np.isnan(solved.own_usd)).tolist() == [2]
    assert np.isfinite(solved.curvature).all()
    assert set(FLOW_STATUS_TEXT) == set(FlowStatus)


def test_a_matrix_that_is_no_covariance_is_cut_off_and_told():
    """Correlations of 1.2: one eigenvalue below 0."""
    _, series, flow = world(7, kinds=2, blocks=1)
    solved = value_function(np.array([[1.0, 1.2], [1.2, 1.0]]), series, flow, _TERMS)

    assert solved.eigenvalue_min == pytest.approx(-0.2)
    assert np.linalg.eigvalsh(solved.curvature).min() > -1e-15
    assert value_function(np.eye(2), series, flow, _TERMS).eigenvalue_min == 0.0


def test_factors_that_move_as_one_are_priced_as_one():
    """A singular covariance, and a factor that no flow touches."""
    _, series, flow = world(8, kinds=3, blocks=1)
    series = replace(series, e=series.e * np.array([1.0, 1.0, 0.0]))
    covariance = np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 9.0]])
    solved = value_function(covariance, series, flow, _TERMS)
    g = price_of(solved, np.array([10.0, -5.0, 0.0]))

    assert g == pytest.approx(np.zeros(3), abs=1e-12)
    assert price_of(solved, np.array([0.0, 0.0, 1.0]))[2] == pytest.approx(1e-3 * 9.0 * 0.02)
    assert np.sort(solved.reversion_per_year)[:2] == pytest.approx(np.zeros(2), abs=1e-6)


@pytest.mark.parametrize("terms", [(0.0, 1.0), (1e-6, 0.0), (np.nan, 1.0), (1e-6, np.inf)])
def test_terms_without_a_solution_are_refused(terms):
    with pytest.raises(InvalidValueError, match="above 0 and finite"):
        Terms(aversion_per_usd=terms[0], holding_years=terms[1])
