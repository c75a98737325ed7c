"""Options with cash dividends over many spots and vols: one solution per vol tells every spot.

A slide solves each option once per vol and reads the spots from the nodes. Where slides are asked again and again,
profiles at a few vols are kept, and any vol between is a polynomial through them in the logarithm of the vol. Where each
spot has vols of its own, prices at a few vols are a polynomial in the root of the vol, which also serves next to no vol.

Sources: those of `dividend_grid`; J.-P. Berrut and L. Trefethen, "Barycentric Lagrange interpolation", SIAM Review 46
(2004) 501-517; L. Trefethen, "Approximation Theory and Approximation Practice" (2013), ch. 3-8, for the last
coefficients as a measure of the error.
"""

import math

import numpy as np
from numba import njit

from flatbook.kernels.grid_reading import P_PRICE, POINTS, price_at, value_ceiling
from flatbook.kernels.grid_sweep import AMERICAN, FIRST, LANES, LENGTH, SIGN, SPEED, SPOT, STEP, STRIKE, YEARS
from flatbook.kernels.grid_tile import (
    NODES_MIN,
    PLAN_SEGMENTS,
    PLAN_STEPS,
    Columns,
    Dividends,
    Floats,
    Ints,
    certain_point,
    gather_lanes,
    load_lane,
    make_plan,
    new_scratch,
    solve_tile,
)

PROFILE_HEAD = 5  # before its nodes a profile keeps: first log spot, log step, sign, exercise strike, ceiling

_TAIL = 3  # coefficients that measure the error of a polynomial

_VOL_FLOOR = 0.001  # a shift takes a vol no lower, as in `scenarios`


@njit(cache=True, error_model="numpy", nogil=True)
def reprice_cash_dividends(
    spot: Floats,
    strike: Floats,
    years: Floats,
    vol: Floats,
    rate: Floats,
    dividend_yield: Floats,
    sign: Floats,
    american: Floats,
    dividend_years: Floats,
    dividend_amounts: Floats,
    schedule: Ints,
    nodes: int,
    steps: int,
    moves: Floats,
    shifts: Floats,
) -> Floats:
    """Price each option at every spot * (1 + move) and vol + shift; each vol is solved, each spot read.

    Parameters
    ----------
    spot, strike, years, vol, rate, dividend_yield, sign, american, dividend_years, dividend_amounts, schedule, nodes, steps
        As for `dividend_grid.price_cash_dividends`. Dividends stay as they are when the spot moves.
    moves : float64[n_moves]
        Relative; -0.1 is a fall of 10 %. A move of -1 or below leaves the model.
    shifts : float64[n_shifts]
        Annual decimal, parallel. A shift takes a vol no lower than 0.001, or than itself where it was lower.

    Returns
    -------
    float64[n, n_moves, n_shifts]
        Price units; NaN outside the model.
    """
    n, m = spot.size, shifts.size
    item_vol, row = np.empty(n * m), np.empty(n * m, dtype=np.int64)
    for item in range(n * m):
        i = item // m
        shifted = max(vol[i] + shifts[item % m], min(vol[i], _VOL_FLOOR))
        item_vol[item], row[item] = (shifted if vol[i] >= 0.0 else math.nan), i
    columns = (
        spot[row],
        strike[row],
        years[row],
        item_vol,
        rate[row],
        dividend_yield[row],
        sign[row],
        american[row],
    )
    dividends = (dividend_years, dividend_amounts, schedule[row])
    prices, _ = _solve_spots(columns, dividends, nodes, steps, moves, False)
    out = np.empty((n, moves.size, m))
    for i in range(n):
        for k in range(m):
            out[i, :, k] = prices[i * m + k]
    return out


@njit(cache=True, error_model="numpy", nogil=True)
def profile_cash_dividends(
    spot: Floats,
    strike: Floats,
    years: Floats,
    vols: Floats,
    rate: Floats,
    dividend_yield: Floats,
    sign: Floats,
    american: Floats,
    dividend_years: Floats,
    dividend_amounts: Floats,
    schedule: Ints,
    nodes: int,
    steps: int,
    reach: float,
) -> Floats:
    """Solve each option at several vols and keep the worth at every node, for `evaluate_profiles`.

    Parameters
    ----------
    spot, strike, years, rate, dividend_yield, sign, american, dividend_years, dividend_amounts, schedule, nodes, steps
        As for `dividend_grid.price_cash_dividends`.
    vols : float64[n, m]
        Vols at which each option is solved: `vol_nodes`.
    reach : float
        Largest log move of the spot, either way, that will be asked; a fall of 20 % is 0.2231.

    Returns
    -------
    float64[n, m, PROFILE_HEAD + nodes]
        NaN outside the model, and where vol * sqrt(years) is below 1e-6.
    """
    n, m = vols.shape
    row = np.empty(n * m, dtype=np.int64)
    for item in range(n * m):
        row[item] = item // m
    columns = (
        spot[row],
        strike[row],
        years[row],
        vols.copy().reshape(n * m),
        rate[row],
        dividend_yield[row],
        sign[row],
        american[row],
    )
    moves = np.empty(2)
    moves[0], moves[1] = math.exp(-reach) - 1.0, math.exp(reach) - 1.0
    dividends = (dividend_years, dividend_amounts, schedule[row])
    _, profiles = _solve_spots(columns, dividends, nodes, steps, moves, True)
    return profiles.reshape((n, m, PROFILE_HEAD + nodes))


@njit(cache=True, error_model="numpy")
def vol_nodes(low: Floats, high: Floats, count: int) -> Floats:
    """Vols between `low` and `high`, float64[n] above zero, at the Chebyshev extrema of their logarithm: [n, count]."""
    out = np.empty((low.size, count))
    for i in range(low.size):
        middle, half = 0.5 * math.log(low[i] * high[i]), 0.5 * math.log(high[i] / low[i])
        for k in range(count):
            out[i, k] = math.exp(middle - half * math.cos(math.pi * k / (count - 1)))
    return out


@njit(cache=True, error_model="numpy", nogil=True)
def evaluate_profiles(profiles: Floats, vols: Floats, spots: Floats, wanted: Floats) -> Floats:
    """Price each option at every spot and vol from its profiles.

    Parameters
    ----------
    profiles : float64[n, m, PROFILE_HEAD + nodes]
        From `profile_cash_dividends`.
    vols : float64[n, m]
        The vols they were solved at.
    spots : float64[n, n_spots]
        Price units, within the reach of the profiles; beyond it the worth is continued as a line.
    wanted : float64[n, n_vols]
        Annual decimals between the lowest and the highest of `vols`; beyond them NaN.

    Returns
    -------
    float64[n, n_spots, n_vols]
        Price units, not below exercise where it is open; NaN outside the model.
    """
    n, m = vols.shape
    out = np.empty((n, spots.shape[1], wanted.shape[1]))
    weights, at_spot = np.empty((wanted.shape[1], m)), np.empty(m)
    for i in range(n):
        for b in range(wanted.shape[1]):
            _fill_weights(weights[b], vols[i], wanted[i, b])
        sign, strike = profiles[i, 0, 2], profiles[i, 0, 3]
        for a in range(spots.shape[1]):
            for k in range(m):
                at_spot[k] = _read_profile(profiles[i, k], spots[i, a])
            least = max(sign * (spots[i, a] - strike), 0.0)
            for b in range(wanted.shape[1]):
                price = 0.0
                for k in range(m):
                    price += weights[b, k] * at_spot[k]
                out[i, a, b] = price if price > least or math.isnan(price) else least
    return out


@njit(cache=True, error_model="numpy")
def root_vol_nodes(low: Floats, high: Floats, count: int) -> Floats:
    """Vols from `low` to `high`, float64[n] at or above zero, at the Chebyshev extrema of their roots: [n, count].

    Those of count 2 c - 1 are those of count c and one between each two.
    """
    out = np.empty((low.size, count))
    for i in range(low.size):
        first, last = math.sqrt(low[i]), math.sqrt(high[i])
        half = max(0.5 * (last - first), 1e-6 * last + 1e-9)
        for k in range(count):
            root = first + half * (1.0 - math.cos(math.pi * k / (count - 1)))
            out[i, k] = root * root
        out[i, 0], out[i, count - 1] = low[i], max(high[i], out[i, count - 1])
    return out


@njit(cache=True, error_model="numpy", nogil=True)
def read_between_vols(prices: Floats, vols: Floats, wanted: Floats) -> Floats:
    """Price at any vol from prices at a few, each spot with vols of its own.

    Parameters
    ----------
    prices : float64[n, n_nodes, n_spots]
        At `vols`, from `reprice_cash_dividends`.
    vols : float64[n, n_nodes]
        From `root_vol_nodes`.
    wanted : float64[n, n_spots, n_vols]
        Annual decimals between the first and the last of `vols`; beyond them NaN.

    Returns
    -------
    float64[n, n_spots, n_vols]
        Price units; a polynomial may undercut what exercise gives.
    """
    n, m = vols.shape
    out = np.empty(wanted.shape)
    roots = np.empty(m)
    for i in range(n):
        for k in range(m):
            roots[k] = math.sqrt(vols[i, k])
        for a in range(wanted.shape[1]):
            for b in range(wanted.shape[2]):
                out[i, a, b] = _between(prices[i, :, a], roots, math.sqrt(wanted[i, a, b]))
    return out


@njit(cache=True, error_model="numpy")
def _between(prices: Floats, roots: Floats, root: float) -> float:
    """The barycentric formula of the second kind, for Chebyshev extrema."""
    m = roots.size
    slack = 1e-12 * roots[m - 1]
    if not roots[0] - slack <= root <= roots[m - 1] + slack:
        return math.nan
    above, below, weight = 0.0, 0.0, 1.0
    for k in range(m):
        away = root - roots[k]
        if away == 0.0:
            at_node: float = prices[k]
            return at_node
        share = (0.5 if k == 0 or k == m - 1 else 1.0) * weight / away
        above, below, weight = above + share * prices[k], below + share, -weight
    return above / below


@njit(cache=True, error_model="numpy", nogil=True)
def error_between_vols(prices: Floats) -> Floats:
    """Measure of the error of `read_between_vols`: the last coefficients of its polynomial, together.

    Parameters
    ----------
    prices : float64[n, n_nodes, n_spots]

    Returns
    -------
    float64[n, n_spots]
        Price units.
    """
    n, m, spots = prices.shape
    out = np.zeros((n, spots))
    for degree in range(m - _TAIL, m):
        for i in range(n):
            for a in range(spots):
                total = 0.0
                for k in range(m):
                    share = 0.5 if k == 0 or k == m - 1 else 1.0
                    total += share * math.cos(math.pi * degree * k / (m - 1)) * prices[i, k, a]
                out[i, a] += abs(total) * (1.0 if degree == m - 1 else 2.0) / (m - 1)
    return out


@njit(cache=True, error_model="numpy")
def _fill_weights(weights: Floats, vols: Floats, vol: float) -> None:
    """Weights of a polynomial through the logarithms of `vols`; NaN outside of them."""
    m = vols.size
    low, high = min(vols[0], vols[m - 1]), max(vols[0], vols[m - 1])
    slack = 1e-12 * high
    for k in range(m):
        weight = 1.0
        for j in range(m):
            if j != k:
                weight *= math.log(vol / vols[j]) / math.log(vols[k] / vols[j])
        weights[k] = weight if low - slack <= vol <= high + slack else math.nan


@njit(cache=True, error_model="numpy")
def _read_profile(profile: Floats, spot: float) -> float:
    nodes = profile.size - PROFILE_HEAD
    values = profile[PROFILE_HEAD:].reshape((nodes, 1))
    return price_at(values, 0, profile[0], profile[1], spot, (profile[2], profile[3], profile[4]))


@njit(cache=True, error_model="numpy")
def _solve_spots(
    columns: Columns, dividends: Dividends, nodes: int, steps: int, moves: Floats, keep: bool
) -> tuple[Floats, Floats]:
    """Solve each row on a grid that covers all moves; return the prices there, and the profiles if they are kept."""
    n = columns[0].size
    prices = np.full((n, moves.size), math.nan)
    profiles = np.full((n if keep else 0, PROFILE_HEAD + nodes), math.nan)
    if nodes < NODES_MIN:
        return prices, profiles
    shock = 0.0
    for k in range(moves.size):
        shock = max(shock, abs(math.log1p(moves[k]))) if moves[k] > -1.0 else shock
    bumped = (columns[3], columns[4], columns[5])
    plan = make_plan(columns, dividends, steps)
    scratch = new_scratch(plan.shape[1] - PLAN_STEPS, nodes)
    taken, lanes, start = np.zeros(n, dtype=np.bool_), np.empty(LANES, dtype=np.int64), 0
    while True:
        count, start = gather_lanes(plan, 1, taken, start, lanes)
        if count == 0:
            break
        for lane in range(LANES):
            load_lane(scratch, lane, columns, bumped, dividends, lanes[lane], shock)
        values = solve_tile(scratch, plan[start], nodes)
        for lane in range(count):
            _read_lane(prices[lanes[lane]], values[:nodes], scratch[0], scratch[1][0], lane, moves)
            if keep:
                _keep_lane(profiles[lanes[lane]], values[:nodes], scratch[0], scratch[1][0], lane)
    point = np.empty(POINTS)
    for i in range(n):
        if plan[i, PLAN_SEGMENTS] == 0:
            for k in range(moves.size):
                certain_point(point, columns, bumped, dividends, i, 1.0 + moves[k])
                prices[i, k] = point[P_PRICE]
    return prices, profiles


@njit(cache=True, error_model="numpy")
def _read_lane(
    prices: Floats, values: Floats, options: Floats, segment: Floats, lane: int, moves: Floats
) -> None:
    first = segment[FIRST, lane] - segment[SPEED, lane] * segment[LENGTH, lane]
    for k in range(moves.size):
        spot = options[SPOT, lane] * (1.0 + moves[k])
        prices[k] = price_at(values, lane, first, segment[STEP, lane], spot, _terms(options, lane))


@njit(cache=True, error_model="numpy")
def _keep_lane(profile: Floats, values: Floats, options: Floats, segment: Floats, lane: int) -> None:
    profile[0] = segment[FIRST, lane] - segment[SPEED, lane] * segment[LENGTH, lane]
    profile[1] = segment[STEP, lane]
    profile[2], profile[3], profile[4] = _terms(options, lane)
    for i in range(values.shape[0]):
        profile[PROFILE_HEAD + i] = values[i, lane]


@njit(cache=True, error_model="numpy")
def _terms(options: Floats, lane: int) -> tuple[float, float, float]:
    sign = options[SIGN, lane]
    strike = options[STRIKE, lane] if options[AMERICAN, lane] > 0.0 else sign * math.inf
    return sign, strike, value_ceiling(options, lane, options[YEARS, lane])
