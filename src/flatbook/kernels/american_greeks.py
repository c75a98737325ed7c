"""Every greek of American options on a continuous yield, by re-solving the exercise boundary a little aside.

Sources: those of `andersen_lake`. A put of strike one depends on three products only, rate * years, yield * years and
vol * sqrt(years): each is moved up and down, the boundary follows by one Newton step, and the chain rule gives vega,
rho, dividend rho, vanna, volga and charm. The European part is exact; theta follows from the Black-Scholes equation.
Beside the boundary the moved values are those of the continuation, also where the moved boundary has passed the spot:
a difference across it would mix two branches.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels import andersen_lake as al
from flatbook.kernels import black
from flatbook.kernels import exercise_boundary as eb
from flatbook.kernels import exercise_premium as ep
from flatbook.kernels import exercise_start as es
from flatbook.kernels import exercise_tile as et
from flatbook.kernels.exercise_rule import NODES_MAX
from flatbook.kernels.exercise_tile import LANES

Floats = NDArray[np.float64]
Standings = NDArray[np.int8]
Members = NDArray[np.int64]

_MOVE = 1e-3  # of the product that moves
_YIELD_MOVE_MIN = 1e-3  # of the variance

# At home, then up and down in each product; the base must be settled before it is compared, and a single step errs by
# the square of the move, which the second derivative in the deviation would see.
_CASES = 7
_PRODUCTS = (-1, et.RATE, et.RATE, et.YIELD, et.YIELD, et.DEVIATION, et.DEVIATION)
_STEPS = (2, 1, 1, 1, 1, 2, 2)

# Rows of what is kept of a tile; for each product what value and slope change by per unit.
_VALUE, _SLOPE, _BEND, _BOUNDARY, _LOG_CAP, _CURVATURE = range(6)
_BASE = 6
_PER_PRODUCT = 9
_DEPTHS = 15
_KEPT_ROWS = _DEPTHS + NODES_MAX


@njit(cache=True, error_model="numpy", nogil=True)
def value_american_greeks(options: Floats, preset: al.Preset, out: Floats, standing: Standings) -> None:
    """Price each option that may be exercised at any time, and tell all its risks.

    Parameters
    ----------
    options, preset, standing
        As for `andersen_lake.value_american`.
    out : float64[black.COLUMNS, n]
        Written: rows are the columns of `black`, in its raw units. Where exercise now is best, price is intrinsic,
        delta the sign and the rest 0. NaN where there is no price.
    """
    work = al.new_workspace()
    kept = np.empty(_KEPT_ROWS * LANES)
    row = np.empty(black.COLUMNS)
    members = np.empty(LANES, dtype=np.int64)
    for group in range(3):
        first = 0
        while first < options.shape[1]:
            count, first = al.next_members(options, standing, group, first, members)
            if count == 0:
                break
            al.load_tile(options, members[:count], standing, work)
            kept[:] = 0.0
            if group != al.EUROPEAN_GROUP:
                rule = preset.steep if group == al.STEEP_GROUP else preset.calm
                n = rule.nodes.size
                eb.solve_boundary(rule, work)
                for case in range(_CASES):
                    _displace(case, n, work, kept)
                    for _ in range(_STEPS[case]):
                        eb.improve_boundary(rule.nodes, rule.inner, rule.inner_weights, work)
                    ep.add_premium(rule, work)
                    _collect(case, n, work, kept)
                _restore(work, kept)
            for j in range(count):
                i = members[j]
                if standing[i] == al.WAITS and al.is_beyond(j, work):
                    standing[i] = al.EXERCISES
                _fill_row(options[:, i], standing[i], kept[j:], row)
                for column in range(black.COLUMNS):
                    out[column, i] = row[column]


@njit(cache=True, error_model="numpy")
def _displace(case: int, n: int, work: Floats, kept: Floats) -> None:
    """Move one of the three products, and start from the boundary that was kept; the first case is at home."""
    if case == 0:
        return
    product = _PRODUCTS[case]
    direction = 1.0 if case % 2 == 1 else -1.0
    for j in range(LANES):
        for row in range(3):
            work[row * LANES + j] = kept[(_BASE + row) * LANES + j]
        size = _MOVE * abs(work[product * LANES + j])
        if product == et.YIELD:
            variance = work[et.DEVIATION * LANES + j] * work[et.DEVIATION * LANES + j]
            size = max(size, _MOVE * work[et.RATE * LANES + j], _MOVE * _YIELD_MOVE_MIN * variance)
        work[product * LANES + j] += direction * size
    es.set_caps(work)
    ep.add_european(work)
    for i in range(n):
        for j in range(LANES):
            depth = kept[(_DEPTHS + i) * LANES + j]
            shift = work[et.LOG_CAP * LANES + j] - kept[_LOG_CAP * LANES + j]
            work[(et.DEPTHS + i) * LANES + j] = max(depth + shift, 0.5 * depth)


@njit(cache=True, error_model="numpy")
def _collect(case: int, n: int, work: Floats, kept: Floats) -> None:
    """Keep the solution at home, or what the premium and its slope change by per unit of the product that moved."""
    if case == 0:
        _keep(_VALUE, ep.PREMIUM, 1, work, kept)
        _keep(_SLOPE, ep.SLOPE, 1, work, kept)
        _keep(_BEND, ep.BEND, 1, work, kept)
        _keep(_BOUNDARY, ep.BOUNDARY, 1, work, kept)
        _keep(_LOG_CAP, et.LOG_CAP, 1, work, kept)
        _keep(_BASE, 0, 3, work, kept)
        _keep(_DEPTHS, et.DEPTHS, n, work, kept)
        return
    product = _PRODUCTS[case]
    to = _PER_PRODUCT + 2 * product
    for j in range(LANES):
        move = work[product * LANES + j] - kept[(_BASE + product) * LANES + j]
        value = work[ep.PREMIUM * LANES + j] - kept[_VALUE * LANES + j]
        slope = work[ep.SLOPE * LANES + j] - kept[_SLOPE * LANES + j]
        kept[to * LANES + j] += 0.5 * value / move
        kept[(to + 1) * LANES + j] += 0.5 * slope / move
        if product == et.DEVIATION:
            kept[_CURVATURE * LANES + j] += value / (move * move)


@njit(cache=True, error_model="numpy")
def _restore(work: Floats, kept: Floats) -> None:
    for j in range(LANES):
        for row in range(3):
            work[row * LANES + j] = kept[(_BASE + row) * LANES + j]
    ep.add_european(work)
    for j in range(LANES):
        work[ep.BOUNDARY * LANES + j] = kept[_BOUNDARY * LANES + j]


@njit(cache=True, error_model="numpy")
def _keep(to: int, row: int, rows: int, work: Floats, kept: Floats) -> None:
    for j in range(rows * LANES):
        kept[to * LANES + j] = work[row * LANES + j]


@njit(cache=True, error_model="numpy")
def _fill_row(option: Floats, standing: int, kept: Floats, row: Floats) -> None:
    """Write the columns of one option; `kept` starts at its lane."""
    row[:] = math.nan
    if standing in (al.TWO_BOUNDARIES, al.OUTSIDE):
        return
    spot, strike, sign = option[al.SPOT], option[al.STRIKE], option[al.SIGN]
    years, vol, rate = option[al.YEARS], option[al.VOL], option[al.RATE]
    dividend = option[al.DIVIDEND_YIELD]
    if standing in (al.EXERCISES, al.CERTAIN):
        when = 0.0 if standing == al.EXERCISES else al.best_certain_time(option)
        _fill_certain(option, when, row)
        return
    if standing == al.WAITS:
        years = al.years_that_matter(years, sign * (dividend - rate), vol)
    forward = spot * math.exp((rate - dividend) * years)
    black.value_row(row, spot, forward, strike, years, vol, math.exp(-rate * years), sign, False)
    if standing == al.WAITS:
        _add_premium(option, years, kept, row)
    row[black.PRICE] = max(row[black.PRICE], sign * (spot - strike))


@njit(cache=True, error_model="numpy")
def _add_premium(option: Floats, years: float, kept: Floats, row: Floats) -> None:
    spot, strike, sign = option[al.SPOT], option[al.STRIKE], option[al.SIGN]
    vol, rate, dividend = option[al.VOL], option[al.RATE], option[al.DIVIDEND_YIELD]
    root = math.sqrt(years)
    called = sign > 0.0  # then strike and spot, rate and yield have changed places
    scale = spot if called else strike
    ratio = strike / spot if called else spot / strike
    by_rate, by_yield = (et.YIELD, et.RATE) if called else (et.RATE, et.YIELD)
    value, slope, bend = kept[_VALUE * LANES], kept[_SLOPE * LANES], kept[_BEND * LANES]
    row[black.PRICE] += scale * value
    row[black.DELTA] += value - ratio * slope if called else slope
    row[black.GAMMA] += ratio * ratio * bend / spot if called else bend / strike
    row[black.VEGA] += scale * root * _change(et.DEVIATION, kept)
    row[black.VOLGA] += scale * years * kept[_CURVATURE * LANES]
    row[black.VANNA] += root * _turned(et.DEVIATION, called, ratio, kept)
    row[black.RHO] += scale * years * _change(by_rate, kept)
    row[black.DIVIDEND_RHO] += scale * years * _change(by_yield, kept)
    row[black.CHARM] -= (
        rate * _turned(by_rate, called, ratio, kept)
        + dividend * _turned(by_yield, called, ratio, kept)
        + 0.5 * vol / root * _turned(et.DEVIATION, called, ratio, kept)
    )
    spread = 0.5 * vol * vol * spot * spot * row[black.GAMMA]
    row[black.THETA] = rate * row[black.PRICE] - (rate - dividend) * spot * row[black.DELTA] - spread


@njit(cache=True, error_model="numpy")
def _change(product: int, kept: Floats) -> float:
    return float(kept[(_PER_PRODUCT + 2 * product) * LANES])


@njit(cache=True, error_model="numpy")
def _turned(product: int, called: bool, ratio: float, kept: Floats) -> float:
    """What delta changes by per unit of a product."""
    slope = float(kept[(_PER_PRODUCT + 2 * product + 1) * LANES])
    return _change(product, kept) - ratio * slope if called else slope


@njit(cache=True, error_model="numpy")
def _fill_certain(option: Floats, when: float, row: Floats) -> None:
    """Columns of an option whose exercise at a known time is certain."""
    row[:] = 0.0
    few = np.empty(4)
    al.store_certain(option, when, few)
    row[black.PRICE] = few[al.PRICE]
    row[black.DELTA] = few[al.DELTA]
    row[black.THETA] = few[al.THETA]
    share = option[al.SPOT] * few[al.DELTA]
    row[black.RHO] = when * (share - few[al.PRICE])
    row[black.DIVIDEND_RHO] = -when * share
