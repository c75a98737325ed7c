"""Early-exercise premium read from a table: thirty-two options of one expiry and side at once.

For fixed rate, yield and years the premium of a put of strike one depends on two numbers: its vol, and how many
deviations its spot is above the exercise boundary, `eta` = ln(spot / boundary) / (vol * sqrt(years)). The logarithm of
the premium is smooth in both, so a short polynomial holds it to many digits (T. Rivlin, "The Chebyshev Polynomials",
1974, for the interpolation), and nothing has a kink, because the side of exercise is told apart beforehand. The range
of vols is cut into panels of equal ratio; a lane takes the coefficients of its own panel. Calls are the put table
with spot and strike, rate and yield exchanged.

A table is one row of numbers: the head, then for each panel the boundary, as ln(depth / deviation) in powers of z,
and the logarithm of the premium in powers of z (within a row) and u (from row to row); z and u run from -1 to 1.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.arithmetic import exponential, log_ratio, mills_ratio

Floats = NDArray[np.float64]

VOL_POWERS = 8
ETA_POWERS_MAX = 16
PANELS_MAX = 8

# The head of a table.
YEARS, RATE, YIELD, SIGN, STATE, ERROR, PANELS, ETA_POWERS, ETA_MAX, LOG_VOL_LOW, PANEL_WIDTH = range(11)
DISCOUNT, YIELDED, LOG_CAP, ROOT_YEARS = range(11, 15)
HEAD = 16
PANEL = (1 + ETA_POWERS_MAX) * VOL_POWERS
WIDTH = HEAD + PANELS_MAX * PANEL

TILE = 32
# Rows of the tile: the puts, what their vol alone decides, and the answers.
LOG_SPOT, VOL, WHICH, DEVIATION, DEPTH, DEPTH_PER_VOL, Z_PER_VOL = range(7)
ETA, PREMIUM, SLOPE, BEND, PER_VOL, EUROPEAN, EUROPEAN_SLOPE, EUROPEAN_BEND, EUROPEAN_PER_VOL = range(7, 16)
_Z, _U, _P0, _P1, _P2, _PZ = range(16, 22)
FREE = 22  # eight rows for the caller
POWERS = 30  # ETA_POWERS_MAX rows: powers of u at the vol of each lane
SLOPES = POWERS + ETA_POWERS_MAX  # their derivatives in z
ROWS = SLOPES + ETA_POWERS_MAX

_PER_ROOT_TWO_PI = 1.0 / math.sqrt(2.0 * math.pi)


@njit(cache=True, error_model="numpy")
def new_tile() -> Floats:
    """Scratch of one tile, on a boundary of 64 bytes."""
    block = np.zeros(ROWS * TILE + 8)
    skip = (64 - block.ctypes.data % 64) % 64 // 8
    return block[skip : skip + ROWS * TILE]


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def settle_vol(table: Floats, tile: Floats) -> None:
    """From row VOL, inside the range of the table, all that does not depend on the spot."""
    low, width = table[LOG_VOL_LOW], table[PANEL_WIDTH]
    panels = table[PANELS]
    root = table[ROOT_YEARS]
    for j in range(TILE):
        at = (log_ratio(tile[VOL * TILE + j], 1.0) - low) / width
        which = min(max(math.floor(at), 0.0), panels - 1.0)
        tile[WHICH * TILE + j] = which
        tile[_Z * TILE + j] = min(max(2.0 * (at - which) - 1.0, -1.0), 1.0)
        tile[Z_PER_VOL * TILE + j] = 2.0 / (width * tile[VOL * TILE + j])
        tile[DEVIATION * TILE + j] = tile[VOL * TILE + j] * root
    for p in range(int(panels)):
        which = float(p)
        present = 0
        for j in range(TILE):
            present += 1 if tile[WHICH * TILE + j] == which else 0
        if present > 0:
            _contract(table, p, tile)
    for j in range(TILE):
        depth = tile[DEVIATION * TILE + j] * exponential(tile[DEPTH * TILE + j])
        growth = 1.0 / tile[VOL * TILE + j] + tile[DEPTH_PER_VOL * TILE + j] * tile[Z_PER_VOL * TILE + j]
        tile[DEPTH * TILE + j] = depth
        tile[DEPTH_PER_VOL * TILE + j] = depth * growth


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _contract(table: Floats, panel: int, tile: Floats) -> None:
    """Sum the powers of z for the lanes of one panel: the boundary, then each power of u."""
    first, which = HEAD + panel * PANEL, float(panel)
    for row in range(1 + int(table[ETA_POWERS])):
        at = first + row * VOL_POWERS
        c0, c1, c2, c3 = table[at], table[at + 1], table[at + 2], table[at + 3]
        c4, c5, c6, c7 = table[at + 4], table[at + 5], table[at + 6], table[at + 7]
        to = (DEPTH if row == 0 else POWERS + row - 1) * TILE
        to_slope = (DEPTH_PER_VOL if row == 0 else SLOPES + row - 1) * TILE
        value, slope = tile[to : to + TILE], tile[to_slope : to_slope + TILE]
        for j in range(TILE):
            z = tile[_Z * TILE + j]
            mine = tile[WHICH * TILE + j] == which
            z2 = z * z
            z4 = z2 * z2
            sum_ = ((c0 + c1 * z) + (c2 + c3 * z) * z2) + ((c4 + c5 * z) + (c6 + c7 * z) * z2) * z4
            up = (c1 + 2.0 * c2 * z) + (3.0 * c3 + 4.0 * c4 * z) * z2
            up += ((5.0 * c5 + 6.0 * c6 * z) + 7.0 * c7 * z2) * z4
            held, held_slope = value[j], slope[j]
            value[j] = sum_ if mine else held
            slope[j] = up if mine else held_slope


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def settle_levels(table: Floats, tile: Floats) -> None:
    """`settle_vol` without slopes, for a tile that is asked for prices alone: rows DEPTH and POWERS, to the bit."""
    low, width, panels = table[LOG_VOL_LOW], table[PANEL_WIDTH], table[PANELS]
    root = table[ROOT_YEARS]
    for j in range(TILE):
        at = (log_ratio(tile[VOL * TILE + j], 1.0) - low) / width
        which = min(max(math.floor(at), 0.0), panels - 1.0)
        tile[WHICH * TILE + j] = which
        tile[_Z * TILE + j] = min(max(2.0 * (at - which) - 1.0, -1.0), 1.0)
        tile[DEVIATION * TILE + j] = tile[VOL * TILE + j] * root
    for p in range(int(panels)):
        which = float(p)
        present = 0
        for j in range(TILE):
            present += 1 if tile[WHICH * TILE + j] == which else 0
        if present > 0:
            _contract_levels(table, p, tile)
    for j in range(TILE):
        tile[DEPTH * TILE + j] = tile[DEVIATION * TILE + j] * exponential(tile[DEPTH * TILE + j])


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _contract_levels(table: Floats, panel: int, tile: Floats) -> None:
    """`_contract` without slopes."""
    first, which = HEAD + panel * PANEL, float(panel)
    for row in range(1 + int(table[ETA_POWERS])):
        at = first + row * VOL_POWERS
        c0, c1, c2, c3 = table[at], table[at + 1], table[at + 2], table[at + 3]
        c4, c5, c6, c7 = table[at + 4], table[at + 5], table[at + 6], table[at + 7]
        to = (DEPTH if row == 0 else POWERS + row - 1) * TILE
        value = tile[to : to + TILE]
        for j in range(TILE):
            z = tile[_Z * TILE + j]
            z2 = z * z
            z4 = z2 * z2
            sum_ = ((c0 + c1 * z) + (c2 + c3 * z) * z2) + ((c4 + c5 * z) + (c6 + c7 * z) * z2) * z4
            held = value[j]
            value[j] = sum_ if tile[WHICH * TILE + j] == which else held


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def find_premium(table: Floats, tile: Floats) -> None:
    """Premium with its slope and curvature in the spot and its slope in the vol, from LOG_SPOT and `settle_vol`.

    Where ETA is below zero exercise is best and the other rows mean nothing.
    """
    per_end = 2.0 / table[ETA_MAX]
    _find_eta(table, tile)
    for g in range(int(table[ETA_POWERS]) // 4 - 1, -1, -1):
        at, at_slope = (POWERS + 4 * g) * TILE, (SLOPES + 4 * g) * TILE
        rows, slopes = tile[at : at + 4 * TILE], tile[at_slope : at_slope + 4 * TILE]
        for j in range(TILE):
            u = tile[_U * TILE + j]
            p0, p1, p2 = tile[_P0 * TILE + j], tile[_P1 * TILE + j], tile[_P2 * TILE + j]
            pz = tile[_PZ * TILE + j]
            p2, p1, p0 = p2 * u + p1, p1 * u + p0, p0 * u + rows[3 * TILE + j]
            p2, p1, p0 = p2 * u + p1, p1 * u + p0, p0 * u + rows[2 * TILE + j]
            p2, p1, p0 = p2 * u + p1, p1 * u + p0, p0 * u + rows[TILE + j]
            p2, p1, p0 = p2 * u + p1, p1 * u + p0, p0 * u + rows[j]
            pz = (pz * u + slopes[3 * TILE + j]) * u + slopes[2 * TILE + j]
            pz = (pz * u + slopes[TILE + j]) * u + slopes[j]
            tile[_P0 * TILE + j], tile[_P1 * TILE + j], tile[_P2 * TILE + j] = p0, p1, p2
            tile[_PZ * TILE + j] = pz
    end = table[ETA_MAX]
    for j in range(TILE):
        eta = tile[ETA * TILE + j]
        beyond = eta > end
        level = tile[_P0 * TILE + j] - (0.5 * (eta * eta - end * end) if beyond else 0.0)
        slope = -eta if beyond else tile[_P1 * TILE + j] * per_end
        bend = -1.0 if beyond else 2.0 * tile[_P2 * TILE + j] * per_end * per_end
        premium = exponential(level)
        per_deviation = 1.0 / tile[DEVIATION * TILE + j]
        per_spot = exponential(-tile[LOG_SPOT * TILE + j])
        moved = (
            tile[DEPTH_PER_VOL * TILE + j] - eta * table[ROOT_YEARS]
        ) * per_deviation  # eta per unit of vol
        rise = slope * per_deviation
        tile[PREMIUM * TILE + j] = premium
        tile[SLOPE * TILE + j] = premium * rise * per_spot
        tile[BEND * TILE + j] = (
            premium * ((slope * slope + bend) * per_deviation * per_deviation - rise) * per_spot * per_spot
        )
        tile[PER_VOL * TILE + j] = premium * (
            tile[_PZ * TILE + j] * tile[Z_PER_VOL * TILE + j] + slope * moved
        )


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def _find_eta(table: Floats, tile: Floats) -> None:
    cap, per_end = table[LOG_CAP], 2.0 / table[ETA_MAX]
    for j in range(TILE):
        height = tile[LOG_SPOT * TILE + j] - (cap - tile[DEPTH * TILE + j])
        eta = height / tile[DEVIATION * TILE + j]
        tile[ETA * TILE + j] = eta
        tile[_U * TILE + j] = min(max(eta, 0.0) * per_end, 2.0) - 1.0
        tile[_P0 * TILE + j] = 0.0
        tile[_P1 * TILE + j] = 0.0
        tile[_P2 * TILE + j] = 0.0
        tile[_PZ * TILE + j] = 0.0


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def find_premium_alone(table: Floats, tile: Floats) -> None:
    """Rows ETA and PREMIUM of `find_premium`, to the bit."""
    _find_eta(table, tile)
    for g in range(int(table[ETA_POWERS]) // 4 - 1, -1, -1):
        at = (POWERS + 4 * g) * TILE
        rows = tile[at : at + 4 * TILE]
        for j in range(TILE):
            u = tile[_U * TILE + j]
            p0 = tile[_P0 * TILE + j] * u + rows[3 * TILE + j]
            p0 = (p0 * u + rows[2 * TILE + j]) * u + rows[TILE + j]
            tile[_P0 * TILE + j] = p0 * u + rows[j]
    end = table[ETA_MAX]
    for j in range(TILE):
        eta = tile[ETA * TILE + j]
        level = tile[_P0 * TILE + j] - (0.5 * (eta * eta - end * end) if eta > end else 0.0)
        tile[PREMIUM * TILE + j] = exponential(level)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def find_european(table: Floats, tile: Floats) -> None:
    """European put of strike one, with its slope and curvature in the spot and its slope in the vol."""
    drift = (table[RATE] - table[YIELD]) * table[YEARS]
    discount, yielded, root = table[DISCOUNT], table[YIELDED], table[ROOT_YEARS]
    for j in range(TILE):
        v = tile[DEVIATION * TILE + j]
        spot = exponential(tile[LOG_SPOT * TILE + j])
        d1 = (tile[LOG_SPOT * TILE + j] + drift) / v + 0.5 * v
        d2 = d1 - v
        density = yielded * exponential(-0.5 * d1 * d1) * _PER_ROOT_TWO_PI
        tail = density * mills_ratio(abs(d1))
        shares = tail if d1 > 0.0 else yielded - tail
        tail = spot * density * mills_ratio(abs(d2))
        cash = tail if d2 > 0.0 else discount - tail
        tile[EUROPEAN * TILE + j] = cash - spot * shares
        tile[EUROPEAN_SLOPE * TILE + j] = -shares
        tile[EUROPEAN_BEND * TILE + j] = density / (spot * v)
        tile[EUROPEAN_PER_VOL * TILE + j] = spot * density * root
