"""A whole class's surface in one call: eSSVI through all expiries, then each smile as freely as no arbitrage allows.

Expiries are fitted from the first to the last, each above the one before, and under what the quotes of those after it
leave room for. An expiry whose level is out of order with most others, or for which no smile is safe, is refused.
Source: the order of work is that of P. Corbetta et al. (2019, see `kernels.essvi`).
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.essvi import PSI, SSVI_RHO, THETA, fit_essvi
from flatbook.kernels.smile_fit import REFUSED, fit_smile
from flatbook.kernels.smile_row import ROW
from flatbook.kernels.vol_bands import (
    CENTRE,
    HIGH,
    LOW,
    WEIGHT,
    K,
    ceiling_bands,
    in_order,
    level_at_the_money,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NO_REASON, NO_QUOTES, OUT_OF_ORDER, NO_SAFE_FIT = range(4)  # why an expiry is refused
REACH_SHARE, REACH_DEVIATIONS = (
    1.5,
    8.0,
)  # how far the checks go: times the quoted range, or standard deviations

_ROUNDS_ESSVI = 12
_TYPICAL_RHO, _TYPICAL_SHAPE = (
    -0.3,
    0.7,
)  # eSSVI of the first expiry before it is fitted: rho, psi / sqrt(theta)
_CEILING_HALF = 0.02  # relative: how firmly a later expiry's offers hold an earlier one down
_NAN = math.nan


def fit_surface(
    starts: Ints, bands: Floats, prior: Floats, share_wanted: float
) -> tuple[Floats, Floats, Ints, Ints, Floats]:
    """Fit every slice of a class, by time to expiry.

    Parameters
    ----------
    starts : int64[s + 1]
        Where each slice's points begin and end.
    bands : float64[5, n]
        Of `kernels.vol_bands.variance_bands`.
    prior : float64[s, ROW]
        Smiles of the surface before, with total variance brought to the present time; zero where there is none.
    share_wanted : float
        Of each slice's quotes inside their bands, before a simpler kind is taken.

    Returns
    -------
    rows : float64[s, ROW]
        Smiles; zero where refused.
    backbone : float64[s, 3]
        eSSVI of each slice; zero where refused.
    kind, reason : int64[s]
    reach : float64[s]
        |k| up to which each slice was checked.
    """
    n = starts.size - 1
    rows, backbone = np.zeros((n, ROW)), np.zeros((n, 3))
    kind, reason = np.full(n, REFUSED), np.full(n, NO_REASON)
    level, reach, ordered = _survey(starts, bands, reason)
    far = np.max(reach) if n > 0 else 0.0
    ceilings = ceiling_bands(starts, bands, ordered)
    floor, sooner, floor_reach = np.zeros(ROW), np.zeros(3), 0.0
    for s in range(n):
        if reason[s] != NO_REASON:
            continue
        points = _usable(bands[:, starts[s] : starts[s + 1]])
        piece = _essvi(points, level[s], sooner)
        held = _with_ceiling(points, ceilings[0], ceilings[1 + s])
        wide = (reach[s], max(reach[s], floor_reach), far)
        row, found = fit_smile(held, points.shape[1], level[s], piece, floor, prior[s], wide, share_wanted)
        if found == REFUSED:
            reason[s] = NO_SAFE_FIT
            continue
        rows[s], backbone[s], kind[s] = row, piece, found
        floor, sooner, floor_reach = row, piece, reach[s]
    reach[kind == REFUSED] = 0.0
    return rows, backbone, kind, reason, reach


@njit(cache=True, error_model="numpy")
def _survey(starts: Ints, bands: Floats, reason: Ints) -> tuple[Floats, Floats, Bools]:
    """Level at the money, reach, and whether it is in order, of each slice; those out of the game get their reason."""
    n = reason.size
    level, reach, count = np.full(n, _NAN), np.zeros(n), np.zeros(n, dtype=np.int64)
    for s in range(n):
        mine = bands[:, starts[s] : starts[s + 1]]
        count[s] = np.sum(mine[WEIGHT] > 0.0)
        if count[s] > 0:
            level[s] = level_at_the_money(mine)
            reach[s] = _reach(mine, level[s])
        else:
            reason[s] = NO_QUOTES
    ordered = in_order(level, count)
    for s in range(n):
        if reason[s] == NO_REASON and not ordered[s]:
            reason[s] = OUT_OF_ORDER
    return level, reach, ordered


@njit(cache=True, error_model="numpy")
def _usable(bands: Floats) -> Floats:
    chosen = np.flatnonzero(bands[WEIGHT] > 0.0)
    out = np.empty((5, chosen.size))
    for j in range(5):
        for i in range(chosen.size):
            out[j, i] = bands[j, chosen[i]]
    return out


@njit(cache=True, error_model="numpy")
def _with_ceiling(points: Floats, k: Floats, ceiling: Floats) -> Floats:
    """The points, and offers without bids where a later expiry limits total variance."""
    chosen = np.flatnonzero(ceiling < math.inf)
    n = points.shape[1]
    out = np.empty((5, n + chosen.size))
    out[:, :n] = points
    typical = np.median(points[WEIGHT])
    for i in range(n, n + chosen.size):
        out[K, i], out[HIGH, i] = k[chosen[i - n]], ceiling[chosen[i - n]]
        out[LOW, i], out[CENTRE, i] = 0.0, _NAN
        out[WEIGHT, i] = min(typical, 1.0 / (_CEILING_HALF * out[HIGH, i]) ** 2)
    return out


@njit(cache=True, error_model="numpy")
def _reach(bands: Floats, level: float) -> float:
    furthest = np.max(np.where(bands[WEIGHT] > 0.0, np.abs(bands[K]), 0.0))
    return float(max(REACH_SHARE * furthest, REACH_DEVIATIONS * math.sqrt(level)))


@njit(cache=True, error_model="numpy")
def _essvi(points: Floats, level: float, sooner: Floats) -> Floats:
    start = np.empty(3)
    start[THETA] = level
    if sooner[THETA] > 0.0:
        start[SSVI_RHO] = sooner[SSVI_RHO]
        start[PSI] = sooner[PSI] * math.sqrt(max(level / sooner[THETA], 1.0))
    else:
        start[SSVI_RHO] = _TYPICAL_RHO
        start[PSI] = _TYPICAL_SHAPE * math.sqrt(level)
    return fit_essvi(
        points[K], points[LOW], points[CENTRE], points[HIGH], points[WEIGHT], sooner, start, _ROUNDS_ESSVI
    )
