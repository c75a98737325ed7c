"""Options with cash dividends in the spot model, American or European, on finite-difference grids, 16 at a time.

The spot is lognormal between ex-dates and falls by the dividend there, to 0 at most; this is the market's model. Steps
in time end exactly on the ex-dates. Price, delta, gamma and theta come from one solution; the other greeks solve again
on the same nodes.

Sources: M. Vellekoop and J. Nieuwenhuis, "Efficient pricing of derivatives on assets with discrete dividends", Applied
Mathematical Finance 13 (2006) 265-284; those of `grid_sweep`, `grid_layout` and `grid_tile`.
Holds: a row depends neither on its neighbours nor on where it stands; NaN outside the model, or from NaN.
"""

import math

import numpy as np
from numba import njit

from flatbook.kernels import black
from flatbook.kernels.grid_reading import (
    P_CHARM,
    P_DELTA,
    P_EXERCISED,
    P_GAMMA,
    P_PRICE,
    P_THETA,
    POINTS,
    read_point,
)
from flatbook.kernels.grid_sweep import LANES
from flatbook.kernels.grid_tile import (
    NODES_MIN,
    PLAN_SEGMENTS,
    PLAN_STEPS,
    Bumped,
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

FAST = (81, 28)  # nodes and steps: within 7e-4 of the price in 99 cases of 100
# Within 8e-5. Far beyond listed markets within 1e-3 in 999 cases of 1000, if vol * root of years < 8 and the drift is under
# 4 deviations of the life; then 3e-3, for American options beside their boundary.
ACCURATE = (241, 80)
THETA_ON_GRID = 3  # the column after those that price, delta and gamma share with `black`
GRID_COLUMNS = 4

_VOL_BUMP = 0.04  # of the vol itself
_RATE_BUMP = 0.002
_VARIANTS = 7  # the option itself, then vol, rate and yield, each up and down


@njit(cache=True, error_model="numpy", nogil=True)
def price_cash_dividends(
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
) -> Floats:
    """Price each option, with the risks that its grid tells for nothing.

    Parameters
    ----------
    spot, strike : float64[n]
        Price units, above zero.
    years : float64[n]
        Time to expiry; 0 gives intrinsic value.
    vol : float64[n]
        Annual lognormal volatility of the spot between ex-dates, as a decimal; 0 gives the certain outcome.
    rate, dividend_yield : float64[n]
        Continuous annual decimals; either may be negative.
    sign : float64[n]
        +1 call, -1 put.
    american : float64[n]
        1 where exercise is open at any time, also the instant before a dividend; 0 at expiry alone.
    dividend_years, dividend_amounts : float64[m]
        Ex-dates in years from now, and cash per unit of spot, not below zero.
    schedule : int64[n, 2]
        The part of them that row i meets, from schedule[i, 0] up to schedule[i, 1]: ascending in time. Those not
        strictly between now and expiry do not count. A dividend above the spot takes it to 0.
    nodes, steps : int
        Size of each grid, 16 or more nodes, and steps from expiry to now (each stretch between dividends has its
        share, 5 at least): FAST and ACCURATE of this module.

    Returns
    -------
    float64[n, GRID_COLUMNS]
        Columns PRICE, DELTA and GAMMA of `black` and THETA_ON_GRID, raw units: theta per year of time passing, the
        ex-dates staying where they are. Where exercise now is best: intrinsic, the sign, 0, 0. NaN, the whole row,
        outside the model: negative inputs, a schedule out of order, vol * sqrt(years) above 12.
    """
    columns = (spot, strike, years, vol, rate, dividend_yield, sign, american)
    points = solve_points(
        columns, (vol, rate, dividend_yield), (dividend_years, dividend_amounts, schedule), nodes, steps
    )
    return points[:, :GRID_COLUMNS].copy()


@njit(cache=True, error_model="numpy", nogil=True)
def value_cash_dividends(
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
) -> Floats:
    """Price each option and tell its first risks.

    Parameters are those of `price_cash_dividends`.

    Returns
    -------
    float64[n, black.COLUMNS]
        Columns and raw units of `black`; price, delta, gamma and theta have the bits of `price_cash_dividends`. The
        greeks in vol, rate and yield are central differences of solutions on one set of nodes, which moves 7 lanes
        for each option. Where exercise now is best, price is intrinsic, delta the sign and the rest 0.
    """
    n = spot.size
    columns = (spot, strike, years, vol, rate, dividend_yield, sign, american)
    vols, rates, yields = np.empty(n * _VARIANTS), np.empty(n * _VARIANTS), np.empty(n * _VARIANTS)
    for i in range(n):
        for k in range(_VARIANTS):
            item = i * _VARIANTS + k
            way = 1.0 if k % 2 == 1 else -1.0
            vols[item] = vol[i] * (1.0 + way * _VOL_BUMP) if k in (1, 2) else vol[i]
            rates[item] = rate[i] + way * _RATE_BUMP if k in (3, 4) else rate[i]
            yields[item] = dividend_yield[i] + way * _RATE_BUMP if k in (5, 6) else dividend_yield[i]
    points = solve_points(
        columns, (vols, rates, yields), (dividend_years, dividend_amounts, schedule), nodes, steps
    )
    out = np.empty((n, black.COLUMNS))
    for i in range(n):
        _fill_row(out[i], points[i * _VARIANTS : (i + 1) * _VARIANTS], vol[i])
    return out


@njit(cache=True, error_model="numpy")
def _fill_row(row: Floats, points: Floats, vol: float) -> None:
    base, up, down = points[0], points[1], points[2]
    row[black.PRICE], row[black.DELTA], row[black.GAMMA] = base[P_PRICE], base[P_DELTA], base[P_GAMMA]
    row[black.THETA], row[black.CHARM] = base[P_THETA], base[P_CHARM]
    row[black.VEGA], row[black.VANNA], row[black.VOLGA] = 0.0, 0.0, 0.0
    row[black.RHO], row[black.DIVIDEND_RHO] = 0.0, 0.0
    if math.isnan(base[P_PRICE]):
        row[:] = math.nan
    elif base[P_EXERCISED] == 0.0:
        bump = vol * _VOL_BUMP
        if bump > 0.0:
            row[black.VEGA] = (up[P_PRICE] - down[P_PRICE]) / (2.0 * bump)
            row[black.VANNA] = (up[P_DELTA] - down[P_DELTA]) / (2.0 * bump)
            row[black.VOLGA] = (up[P_PRICE] - 2.0 * base[P_PRICE] + down[P_PRICE]) / (bump * bump)
        row[black.RHO] = (points[3, P_PRICE] - points[4, P_PRICE]) / (2.0 * _RATE_BUMP)
        row[black.DIVIDEND_RHO] = (points[5, P_PRICE] - points[6, P_PRICE]) / (2.0 * _RATE_BUMP)


@njit(cache=True, error_model="numpy")
def solve_points(columns: Columns, bumped: Bumped, dividends: Dividends, nodes: int, steps: int) -> Floats:
    """Solve every item, one or more to a row with vol and rates of their own: float64[items, POINTS]."""
    items, n = bumped[0].size, columns[0].size
    points = np.full((items, POINTS), math.nan)
    if n == 0 or nodes < NODES_MIN:
        return points
    variants = items // n
    plan = make_plan(columns, dividends, steps)
    scratch = new_scratch(plan.shape[1] - PLAN_STEPS, nodes)
    taken, lanes, start = np.zeros(items, dtype=np.bool_), np.empty(LANES, dtype=np.int64), 0
    while True:
        count, start = gather_lanes(plan, variants, taken, start, lanes)
        if count == 0:
            break
        for lane in range(LANES):
            load_lane(scratch, lane, columns, bumped, dividends, lanes[lane], 0.0)
        values = solve_tile(scratch, plan[start // variants], nodes)
        for lane in range(count):
            read_point(points[lanes[lane]], values, scratch[0], scratch[1][0], lane, nodes)
    for item in range(items):
        if plan[item // variants, PLAN_SEGMENTS] == 0:
            certain_point(points[item], columns, bumped, dividends, item, 1.0)
    return points
