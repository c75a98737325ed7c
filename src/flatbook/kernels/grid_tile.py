"""A tile of 16 options with cash dividends: which rows share it, its solution, and what a lane tells.

The steps of each stretch between dividends depend on the row alone, and only rows with the same steps share a tile:
so a row depends neither on its neighbours nor on where it stands. Source for the two implicit half steps after expiry
and after each dividend: R. Rannacher, "Finite element solution of diffusion problems with irregular data", Numerische
Mathematik 43 (1984) 309-327.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.certain_path import certain_value
from flatbook.kernels.grid_layout import cross_dividend, fill_payoff, place_nodes
from flatbook.kernels.grid_reading import P_CHARM, P_DELTA, P_EXERCISED, P_GAMMA, P_PRICE, P_THETA
from flatbook.kernels.grid_sweep import (
    AMERICAN,
    AMOUNT,
    COEFFICIENT_ROWS,
    END,
    LANES,
    LENGTH,
    OPTION_ROWS,
    PLACED_RATE,
    PLACED_VOL,
    PLACED_YIELD,
    RATE,
    SEGMENT_ROWS,
    SHOCK,
    SIGN,
    SPOT,
    STRIKE,
    VOL,
    YEARS,
    YIELD,
    fill_coefficients,
    step,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Columns = tuple[Floats, Floats, Floats, Floats, Floats, Floats, Floats, Floats]
Dividends = tuple[Floats, Floats, Ints]
Bumped = tuple[Floats, Floats, Floats]
Scratch = tuple[Floats, Floats, Floats, Floats]

# Rows of a plan: how many stretches between dividends (0: no grid), whether exercise may end on both sides, steps.
PLAN_SEGMENTS, PLAN_TWO_SIDED, PLAN_STEPS = range(3)

SOONEST = 1e-12  # years: a dividend within 30 microseconds waits for them
DEVIATION_MIN = 1e-6  # vol * sqrt(years) below which the path is taken as certain
DEVIATION_MAX = 12.0  # above it the spots of a grid leave float64
_RATE_YEARS_MAX = 50.0
NODES_MIN = 16
_STEPS_MIN = 5  # of any stretch
_DEVIATION_CALM, _STEPS_POWER, _STEPS_TIMES_MAX = (
    1.5,
    2.0,
    40.0,
)  # above it more steps, by a power of the excess


@njit(cache=True, error_model="numpy")
def inside_model(columns: Columns, i: int) -> bool:
    """Say whether the model has an answer for row `i`; NaN anywhere says no."""
    spot, strike, years, vol, rate, dividend_yield, sign, american = columns
    inside: bool = (
        0.0 < spot[i] < math.inf
        and 0.0 < strike[i] < math.inf
        and 0.0 <= years[i] < math.inf
        and vol[i] >= 0.0
        and vol[i] * math.sqrt(years[i]) <= DEVIATION_MAX
        and abs(rate[i]) * years[i] <= _RATE_YEARS_MAX
        and abs(dividend_yield[i]) * years[i] <= _RATE_YEARS_MAX
        and (sign[i] == 1.0 or sign[i] == -1.0)
        and (american[i] == 1.0 or american[i] == 0.0)
    )
    return inside


@njit(cache=True, error_model="numpy")
def read_schedule(dividends: Dividends, i: int, years: float, ends: Floats, amounts: Floats) -> int:
    """Write the ex-dates and dividends that row `i` meets before expiry, then expiry; return how many stretches.

    Dividends at one instant are one dividend. 0 where the schedule is out of order, negative,
    NaN or outside its columns.
    """
    times, paid, rows = dividends
    if not 0 <= rows[i, 0] <= rows[i, 1] <= min(times.size, paid.size):
        return 0
    count, last = 0, -math.inf
    for k in range(rows[i, 0], rows[i, 1]):
        if not (times[k] >= last and 0.0 <= paid[k] < math.inf):
            return 0
        time = max(times[k], SOONEST)
        if times[k] > 0.0 and time < years and paid[k] > 0.0:
            if count > 0 and time == ends[count - 1]:
                amounts[count - 1] += paid[k]
            else:
                ends[count], amounts[count] = time, paid[k]
                count += 1
        last = times[k]
    ends[count], amounts[count] = years, 0.0
    return count + 1


@njit(cache=True, error_model="numpy")
def make_plan(columns: Columns, dividends: Dividends, steps: int) -> Ints:
    """How each row is solved: int64[n, PLAN_STEPS + most stretches]; the steps of a stretch follow its length."""
    rows = dividends[2]
    n, most = rows.shape[0], 1
    for i in range(n):
        most = max(most, min(rows[i, 1] - rows[i, 0], dividends[0].size) + 1)
    plan = np.zeros((n, PLAN_STEPS + most), dtype=np.int64)
    ends, amounts = np.empty(most), np.empty(most)
    for i in range(n):
        years, vol, rate, dividend_yield = columns[2][i], columns[3][i], columns[4][i], columns[5][i]
        if not inside_model(columns, i) or vol * math.sqrt(years) < DEVIATION_MIN:
            continue
        count = read_schedule(dividends, i, years, ends, amounts)
        put_waits = columns[6][i] < 0.0 and count > 1
        both = columns[7][i] > 0.0 and dividend_yield < 0.0 and (rate < 0.0 or put_waits)
        plan[i, PLAN_SEGMENTS], plan[i, PLAN_TWO_SIDED] = count, 1 if both else 0
        more = max(vol * math.sqrt(years) / _DEVIATION_CALM, 1.0) ** _STEPS_POWER
        wanted = steps * min(more, _STEPS_TIMES_MAX)
        start = 0.0
        for k in range(count):
            share = math.sqrt((ends[k] - start) / years)
            plan[i, PLAN_STEPS + k] = max(_STEPS_MIN, math.ceil(wanted * share))
            start = ends[k]
    return plan


@njit(cache=True, error_model="numpy")
def gather_lanes(plan: Ints, variants: int, taken: Bools, start: int, lanes: Ints) -> tuple[int, int]:
    """Fill a tile with items of one plan, the first of them the first not taken; return how many, and where to go on.

    Item i is variant i % variants of row i // variants.
    """
    n, count = taken.size, 0
    while start < n and (taken[start] or plan[start // variants, PLAN_SEGMENTS] == 0):
        start += 1
    for i in range(start, n):
        if count == LANES:
            break
        if taken[i]:
            continue
        same = True
        for k in range(plan.shape[1]):
            if plan[i // variants, k] != plan[start // variants, k]:
                same = False
                break
        if same:
            lanes[count] = i
            taken[i] = True
            count += 1
    for k in range(count, LANES):
        lanes[k] = start
    return count, start


@njit(cache=True, error_model="numpy")
def load_lane(
    scratch: Scratch,
    lane: int,
    columns: Columns,
    bumped: Bumped,
    dividends: Dividends,
    item: int,
    shock: float,
) -> None:
    """Copy an item into a lane: its row's terms, its own vol and rates; its grid is laid for those of the row.

    `shock` is the log move of the spot, either way, that the grid must cover.
    """
    options, segments = scratch[0], scratch[1]
    i = item // (bumped[0].size // columns[0].size)
    for row, column in ((SPOT, 0), (STRIKE, 1), (YEARS, 2), (SIGN, 6), (AMERICAN, 7)):
        options[row, lane] = columns[column][i]
    for row, column in ((PLACED_VOL, 3), (PLACED_RATE, 4), (PLACED_YIELD, 5)):
        options[row, lane] = columns[column][i]
    for row, column in ((VOL, 0), (RATE, 1), (YIELD, 2)):
        options[row, lane] = bumped[column][item]
    options[SHOCK, lane] = shock
    ends, amounts = np.empty(segments.shape[0]), np.empty(segments.shape[0])
    count = read_schedule(dividends, i, columns[2][i], ends, amounts)
    for k in range(count):
        segments[k, END, lane], segments[k, AMOUNT, lane] = ends[k], amounts[k]
        segments[k, LENGTH, lane] = ends[k] - (ends[k - 1] if k > 0 else 0.0)


@njit(cache=True, error_model="numpy")
def new_scratch(most_segments: int, nodes: int) -> Scratch:
    """Room for one tile: options, segments, coefficients and four grids."""
    return (
        np.zeros((OPTION_ROWS, LANES)),
        np.zeros((most_segments, SEGMENT_ROWS, LANES)),
        np.zeros((COEFFICIENT_ROWS, LANES)),
        np.zeros((4, nodes + 2, LANES)),
    )


@njit(cache=True, error_model="numpy")
def solve_tile(scratch: Scratch, plan: Ints, nodes: int) -> Floats:
    """Worth today on the nodes of the first segment, float64[nodes + 2, LANES], of the options loaded in `scratch`."""
    options, segments, co, grids = scratch
    values: Floats = grids[0]
    other, work, spots = grids[1], grids[2], grids[3]
    last = plan[PLAN_SEGMENTS] - 1
    two_sided = plan[PLAN_TWO_SIDED] == 1
    for k in range(last, -1, -1):
        place_nodes(options, segments, k, last, nodes, spots)
        segment = segments[k]
        if k == last:
            fill_payoff(values, spots, options, segment, nodes)
        else:
            cross_dividend(other, values, spots, options, segments, (k, last, nodes))
            values, other = other, values
        count = plan[PLAN_STEPS + k]
        before = 0.0
        for j in range(1, count + 1):
            share = j / count
            after = share * math.sqrt(share)  # short steps first, where the value bends most
            if j == 1:
                fill_coefficients(co, options, segment, 0.0, 0.5 * after, True)
                step(values, work, spots, co, nodes, two_sided)
                before = 0.5 * after
            fill_coefficients(co, options, segment, before, after, j == 1)
            step(values, work, spots, co, nodes, two_sided)
            before = after
    return values


@njit(cache=True, error_model="numpy")
def certain_point(
    point: Floats, columns: Columns, bumped: Bumped, dividends: Dividends, item: int, shift: float
) -> None:
    """Write the point of an item whose path is certain, with its spot times `shift`; NaN outside the model."""
    point[:] = math.nan
    i = item // (bumped[0].size // columns[0].size)
    if not (inside_model(columns, i) and shift > 0.0):
        return
    spot, strike, years, _, _, _, sign, american = columns
    rate, dividend_yield = bumped[1][item], bumped[2][item]
    most = dividends[0].size + 1
    ends, amounts = np.empty(most), np.empty(most)
    count = read_schedule(dividends, i, years[i], ends, amounts)
    if count == 0:
        return
    moved = spot[i] * shift
    option = (moved, strike[i], years[i], rate, dividend_yield, sign[i], american[i] > 0.0)
    price, slope, now = certain_value(option, ends, amounts, count)
    held = years[i] > 0.0 and not now and price > 0.0
    point[P_PRICE], point[P_DELTA], point[P_GAMMA] = price, slope, 0.0
    point[P_THETA] = rate * price - (rate - dividend_yield) * moved * slope if held else 0.0
    point[P_CHARM] = dividend_yield * slope if held else 0.0
    point[P_EXERCISED] = 1.0 if now else 0.0
