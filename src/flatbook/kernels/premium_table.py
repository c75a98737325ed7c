"""Tables of the early-exercise premium, one per expiry and side, that know how far they can be trusted.

Sources: those of `premium_tile` and `andersen_lake`. A table is interpolated at Chebyshev nodes of log vol and eta and
then held against the direct engine at vols and spots that it was not fitted on. If it errs by more than was asked, it
is built finer, and at last refused.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels import andersen_lake as al
from flatbook.kernels import exercise_boundary as eb
from flatbook.kernels import exercise_premium as ep
from flatbook.kernels import exercise_tile as et
from flatbook.kernels import premium_tile as pt
from flatbook.kernels.exercise_rule import Rule
from flatbook.kernels.exercise_tile import LANES

Floats = NDArray[np.float64]
States = NDArray[np.int8]

READY, NO_PREMIUM, TOO_COARSE, NO_TABLE = range(4)  # states of a table

EXPIRY_YEARS, EXPIRY_RATE, EXPIRY_YIELD, EXPIRY_SIGN, EXPIRY_VOL_LOW, EXPIRY_VOL_HIGH = range(6)

_LEVELS = 4
_RATIOS = (3.5, 3.5, 2.0, 1.6)  # of the vols of a panel, at most
_ETA_POWERS = (8, 12, 12, 16)
_ETA_MAX = 7.0  # deviations above the boundary, were there no drift towards it
_PREMIUM_MIN = 1e-300
_CHECKS = 12
_GOLDEN = 0.6180339887498949
_DEVIATION_MIN, _DEVIATION_MAX = 1e-5, 12.0
_NAN = math.nan
_TRUTH_ROWS = 3  # log spot, European value, premium


@njit(cache=True, error_model="numpy", nogil=True)
def build_tables(
    expiries: Floats, preset: al.Preset, tolerance: float, tables: Floats, states: States
) -> None:
    """Build the table of each expiry and side.

    Parameters
    ----------
    expiries : float64[6, m]
        Rows EXPIRY_YEARS, EXPIRY_RATE, EXPIRY_YIELD (continuous annual decimals), EXPIRY_SIGN (+1 calls, -1 puts)
        and the range of vols to hold, EXPIRY_VOL_LOW below EXPIRY_VOL_HIGH, above zero.
    preset : andersen_lake.Preset
        The direct engine behind the table; its finer rule is used.
    tolerance : float
        Largest error asked, relative to max(price, 1 % of the spot); 3e-5 is usual.
    tables : float64[m, premium_tile.WIDTH]
        Written; column premium_tile.ERROR tells the error found, whether or not it is within the tolerance.
    states : int8[m]
        Written: READY; NO_PREMIUM, where early exercise never pays and the table, too, is usable; TOO_COARSE, where
        the error exceeds the tolerance at every size; NO_TABLE: two boundaries, no time left, or outside the model.
    """
    work = al.new_workspace()
    tile = pt.new_tile()
    truth = np.empty((_CHECKS, _TRUTH_ROWS, LANES))
    values = np.empty((pt.ETA_POWERS_MAX + 1, LANES))
    option = np.empty(7)
    for t in range(expiries.shape[1]):
        table = tables[t]
        states[t] = _start_table(expiries[:, t], option, table)
        if states[t] == READY:
            states[t] = TOO_COARSE
            for job in range(1 + _LEVELS):  # the truth first, then finer and finer tables
                if states[t] != TOO_COARSE or (job > 0 and not _set_level(job - 1, table)):
                    continue
                batches = 1 if job == 0 else (int(table[pt.PANELS]) + 1) // 2
                for batch in range(batches):
                    _place_vols(job, batch, table, work)
                    eb.solve_boundary(preset.steep, work)
                    rounds = _CHECKS if job == 0 else int(table[pt.ETA_POWERS])
                    for k in range(rounds):
                        _place_spots(job, k, rounds, preset.steep, table, work)
                        ep.add_premium(preset.steep, work)
                        _collect(job, k, work, truth, values)
                    if job > 0:
                        _fit(batch, preset.steep, work, values, table)
                if job > 0:
                    table[pt.ERROR] = _largest_error(table, truth, tile)
                    if table[pt.ERROR] <= tolerance:
                        states[t] = READY
        table[pt.STATE] = states[t]


@njit(cache=True, error_model="numpy")
def _start_table(expiry: Floats, option: Floats, table: Floats) -> int:
    """Write the head; the option at hand serves to ask what kind of case this is."""
    years, rate, dividend, sign = expiry[0], expiry[1], expiry[2], expiry[3]
    low, high = expiry[EXPIRY_VOL_LOW], expiry[EXPIRY_VOL_HIGH]
    option[0], option[1], option[2], option[3] = 1.0, 1.0, years, low
    option[4], option[5], option[6] = rate, dividend, sign
    kind = al.standing_of(option)
    table[:] = _NAN
    table[pt.ERROR] = 0.0
    if sign > 0.0:
        rate, dividend = dividend, rate
    root = math.sqrt(years)
    inside = 0.0 < low < high and low * root > _DEVIATION_MIN and high * root < _DEVIATION_MAX
    if not inside or kind not in (al.WAITS, al.NEVER_EARLY):
        return NO_TABLE
    table[pt.YEARS], table[pt.RATE], table[pt.YIELD], table[pt.SIGN] = years, rate, dividend, sign
    table[pt.DISCOUNT], table[pt.YIELDED] = math.exp(-rate * years), math.exp(-dividend * years)
    table[pt.ROOT_YEARS] = root
    table[pt.LOG_VOL_LOW] = math.log(low)
    table[pt.PANELS], table[pt.PANEL_WIDTH] = 1.0, math.log(high / low)
    table[pt.ETA_POWERS] = 0.0
    table[pt.LOG_CAP] = math.log(rate / dividend) if dividend > rate > 0.0 else 0.0
    table[pt.ETA_MAX] = _ETA_MAX + max(dividend - rate, 0.0) * root / low
    return NO_PREMIUM if kind == al.NEVER_EARLY else READY


@njit(cache=True, error_model="numpy")
def _set_level(level: int, table: Floats) -> bool:
    """Cut the range of vols into panels; say whether they fit."""
    span = table[pt.PANELS] * table[pt.PANEL_WIDTH]
    panels = max(math.ceil(span / math.log(_RATIOS[level])), 1.0)
    if panels > pt.PANELS_MAX:
        return False
    table[pt.PANELS], table[pt.PANEL_WIDTH] = panels, span / panels
    table[pt.ETA_POWERS] = _ETA_POWERS[level]
    return True


@njit(cache=True, error_model="numpy")
def _node(k: int, n: int) -> float:
    return math.cos(math.pi * (n - k - 0.5) / n)


@njit(cache=True, error_model="numpy")
def _fraction(x: float) -> float:
    return x - math.floor(x)


@njit(cache=True, error_model="numpy")
def _place_vols(job: int, batch: int, table: Floats, work: Floats) -> None:
    """Two panels of nodes, or vols that are not nodes, into the tile of the direct engine."""
    width = table[pt.PANEL_WIDTH]
    for j in range(LANES):
        if job == 0:
            at = table[pt.PANELS] * _fraction(0.5 + _GOLDEN * j)
        else:
            panel = min(2 * batch + j // pt.VOL_POWERS, int(table[pt.PANELS]) - 1)
            at = panel + 0.5 + 0.5 * _node(j % pt.VOL_POWERS, pt.VOL_POWERS)
        vol = math.exp(table[pt.LOG_VOL_LOW] + width * at)
        work[et.RATE * LANES + j] = table[pt.RATE] * table[pt.YEARS]
        work[et.YIELD * LANES + j] = table[pt.YIELD] * table[pt.YEARS]
        work[et.DEVIATION * LANES + j] = vol * table[pt.ROOT_YEARS]


@njit(cache=True, error_model="numpy")
def _place_spots(job: int, k: int, rounds: int, rule: Rule, table: Floats, work: Floats) -> None:
    """Spots at one eta of all lanes: a node, or, to check, a place between nodes, also one beyond the table."""
    today = (et.DEPTHS + rule.nodes.size - 1) * LANES
    for j in range(LANES):
        if job == 0:
            share = (k + 0.5 * _fraction(0.5 + _GOLDEN * (j + 1))) / (rounds - 1)
            eta = table[pt.ETA_MAX] * share * share
        else:
            eta = table[pt.ETA_MAX] * (0.5 + 0.5 * _node(k, rounds))
        log_boundary = work[et.LOG_CAP * LANES + j] - work[today + j]
        work[ep.LOG_SPOT * LANES + j] = log_boundary + eta * work[et.DEVIATION * LANES + j]
    ep.add_european(work)


@njit(cache=True, error_model="numpy")
def _collect(job: int, k: int, work: Floats, truth: Floats, values: Floats) -> None:
    for j in range(LANES):
        premium = work[ep.PREMIUM * LANES + j]
        if job == 0:
            truth[k, 0, j] = work[ep.LOG_SPOT * LANES + j]
            truth[k, 1, j] = work[ep.EUROPEAN * LANES + j]
            truth[k, 2, j] = premium
        else:
            values[1 + k, j] = math.log(max(premium, _PREMIUM_MIN))


@njit(cache=True, error_model="numpy")
def _fit(batch: int, rule: Rule, work: Floats, values: Floats, table: Floats) -> None:
    """Turn values at nodes into powers: along eta for each lane, then along vol for each power of u."""
    n = int(table[pt.ETA_POWERS])
    today = (et.DEPTHS + rule.nodes.size - 1) * LANES
    line = np.empty(pt.ETA_POWERS_MAX)
    powers = np.empty(pt.ETA_POWERS_MAX)
    for j in range(LANES):
        values[0, j] = math.log(work[today + j] / work[et.DEVIATION * LANES + j])
        for k in range(n):
            line[k] = values[1 + k, j]
        _powers(line, n, powers)
        for k in range(n):
            values[1 + k, j] = powers[k]
    for half in range(2):
        panel = 2 * batch + half
        if panel >= int(table[pt.PANELS]):
            break
        for row in range(1 + n):
            for k in range(pt.VOL_POWERS):
                line[k] = values[row, half * pt.VOL_POWERS + k]
            _powers(line, pt.VOL_POWERS, powers)
            at = pt.HEAD + panel * pt.PANEL + row * pt.VOL_POWERS
            for k in range(pt.VOL_POWERS):
                table[at + k] = powers[k]


@njit(cache=True, error_model="numpy")
def _powers(line: Floats, n: int, powers: Floats) -> None:
    """Coefficients of the polynomial through n values at the Chebyshev nodes, by its Chebyshev series."""
    before = np.zeros(pt.ETA_POWERS_MAX)
    now = np.zeros(pt.ETA_POWERS_MAX)
    now[0] = 1.0
    powers[:] = 0.0
    for degree in range(n):
        total = 0.0
        for k in range(n):
            total += line[k] * math.cos(math.pi * degree * (n - k - 0.5) / n)
        weight = total * (1.0 if degree == 0 else 2.0) / n
        last = 0.0
        for k in range(degree + 1):
            powers[k] += weight * now[k]
        for k in range(min(degree + 2, n)):
            new = (1.0 if degree == 0 else 2.0) * last - before[k]
            before[k], last = now[k], now[k]
            now[k] = new


@njit(cache=True, error_model="numpy")
def _largest_error(table: Floats, truth: Floats, tile: Floats) -> float:
    """Largest difference from the direct engine, relative to max(price, 1 % of the spot); NaN counts as infinite."""
    worst = 0.0
    for k in range(0, _CHECKS, pt.TILE // LANES):
        for j in range(pt.TILE):
            row, lane = k + j // LANES, j % LANES
            at = table[pt.PANELS] * _fraction(0.5 + _GOLDEN * lane)
            tile[pt.VOL * pt.TILE + j] = math.exp(table[pt.LOG_VOL_LOW] + table[pt.PANEL_WIDTH] * at)
            tile[pt.LOG_SPOT * pt.TILE + j] = truth[row, 0, lane]
        pt.settle_vol(table, tile)
        pt.find_premium_alone(table, tile)
        for j in range(pt.TILE):
            row, lane = k + j // LANES, j % LANES
            spot = math.exp(truth[row, 0, lane])
            european = truth[row, 1, lane]
            premium = tile[pt.PREMIUM * pt.TILE + j]
            if tile[pt.ETA * pt.TILE + j] < 0.0:
                premium = 1.0 - spot - european
            value = european + truth[row, 2, lane]
            least = 0.01 if table[pt.SIGN] > 0.0 else 0.01 * spot  # a call's strike of one is its spot
            error = abs(premium - truth[row, 2, lane]) / max(value, least)
            if not error <= worst:
                worst = min(math.inf, error)
    return worst
