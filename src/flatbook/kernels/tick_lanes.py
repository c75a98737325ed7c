"""Values and greeks of thirty-two series at once at a new spot, European and American mixed, of any expiries.

Sources: those of `premium_tile`; F. Black, "The pricing of commodity contracts", J. Financial Economics 3 (1976)
167-179; R. McDonald and M. Schroder, "A parity result for American options", J. Computational Finance 1 (1998) 5-13,
for calls as puts with spot and strike, rate and yield exchanged. Theta follows from the Black-Scholes equation.

A lane is a put of strike one. What its vol, strike and table decide is kept (`keep_lane`), so that a tick costs two
exponentials, two normal tails and a short polynomial, and neither a logarithm nor a look at the table. In the
logarithm x of spot over strike the value is V(x), with slopes V1 = dV/dx and V2, the sum of the second derivative in
the spot times its square: delta, gamma and theta of either side are linear in V, V1, V2. A lane that cannot answer
has a NaN strike. A lane's bits depend neither on its place nor on its neighbours.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels import premium_tile as pt
from flatbook.kernels.arithmetic import exponential, log_ratio, mills_pair
from flatbook.kernels.premium_table import READY
from flatbook.kernels.premium_tile import TILE

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

EUROPEAN = 4  # state of a table, after those of `premium_table`: exercise at expiry alone

# Scratch: where the rows of a tile start. The first six are for the spots and the caller's three numbers.
SPOT, PER_SPOT, LOG_SPOT, FREE = (TILE * k for k in range(4))
VALUE, _FIRST, _SECOND, _PER_VOL = (TILE * k for k in range(6, 10))
ETA, _U, _P0, _P1, _P2, _PZ = (TILE * k for k in range(10, 16))
OUT = TILE * 16  # PRICE, DELTA, GAMMA, VEGA, THETA
SCRATCH = TILE * 21

# Kept: what is read at every tick, then what early exercise adds, then the powers of u in groups of four, each followed
# by its derivatives in the vol.
_WAY, _LOG_STRIKE, _STRIKE, _PER_STRIKE, _PER_DEVIATION, _SHIFT, _DEVIATION = (TILE * k for k in range(7))
_DISCOUNT, _YIELDED, _ROOT_YEARS, _RATE, _CARRY, _HALF_VARIANCE, _SLACK = (TILE * k for k in range(7, 14))
GROUPS = TILE * 14  # its first entry: how many groups of powers the tile has
_BOUNDARY, _DEPTH_PER_VOL, _PER_END, _END = (TILE * k for k in range(15, 19))
_POWERS = TILE * 19
_GROUP = TILE * 8
KEPT = _POWERS + pt.ETA_POWERS_MAX // 4 * _GROUP

_PER_ROOT_TWO_PI = 1.0 / math.sqrt(2.0 * math.pi)
_NO_PREMIUM = -1e4  # logarithm of a premium that is none
FAR = 1e6  # of the logarithm of the spot: a boundary that is never reached
NO_END = 1e300
NO_FLOOR = 1e300  # what a European price may be below its intrinsic value
_NAN = math.nan


@njit(cache=True, error_model="numpy")
def new_lanes(tiles: int) -> Floats:
    """Scratch and what is kept of so many tiles, on a boundary of 64 bytes: float64[SCRATCH + tiles * KEPT]."""
    size = SCRATCH + tiles * KEPT
    block = np.zeros(size + 8)
    skip = (64 - block.ctypes.data % 64) % 64 // 8
    return block[skip : skip + size]


@njit(cache=True, error_model="numpy")
def clear_lanes(kept: Floats) -> None:
    """Make every lane one that answers NaN."""
    kept[:] = 0.0
    kept[_STRIKE : _STRIKE + TILE] = _NAN
    kept[_LOG_STRIKE : _LOG_STRIKE + TILE] = _NAN


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def keep_lane(
    table: Floats, tile: Floats, j: int, strike: float, vol: float, kept: Floats, lane: int
) -> None:
    """Keep one series. Where its table is READY, `premium_tile.settle_vol` has put it into lane `j` of `tile`."""
    sign, years, root = table[pt.SIGN], table[pt.YEARS], table[pt.ROOT_YEARS]
    early = table[pt.STATE] == READY
    v = vol * root
    per_deviation = 1.0 / v
    carry = table[pt.RATE] - table[pt.YIELD]
    kept[_WAY + lane] = -sign
    kept[_LOG_STRIKE + lane] = sign * log_ratio(strike, 1.0)
    kept[_STRIKE + lane] = strike
    kept[_PER_STRIKE + lane] = 1.0 / strike
    kept[_PER_DEVIATION + lane] = per_deviation
    kept[_SHIFT + lane] = carry * years * per_deviation + 0.5 * v
    kept[_DEVIATION + lane] = v
    kept[_DISCOUNT + lane], kept[_YIELDED + lane] = table[pt.DISCOUNT], table[pt.YIELDED]
    kept[_ROOT_YEARS + lane] = root
    kept[_RATE + lane], kept[_CARRY + lane] = table[pt.RATE], carry
    kept[_HALF_VARIANCE + lane] = 0.5 * vol * vol
    kept[_SLACK + lane] = NO_FLOOR if table[pt.STATE] == EUROPEAN else 0.0
    kept[_BOUNDARY + lane] = table[pt.LOG_CAP] - tile[pt.DEPTH * TILE + j] if early else -FAR
    kept[_DEPTH_PER_VOL + lane] = tile[pt.DEPTH_PER_VOL * TILE + j] if early else 0.0
    kept[_PER_END + lane] = 2.0 / table[pt.ETA_MAX] if early else 0.0
    kept[_END + lane] = table[pt.ETA_MAX] if early else NO_END
    powers = int(table[pt.ETA_POWERS]) if early else 0
    z_per_vol = tile[pt.Z_PER_VOL * TILE + j]
    for k in range(pt.ETA_POWERS_MAX):
        at = _POWERS + k // 4 * _GROUP + k % 4 * TILE + lane
        kept[at] = tile[(pt.POWERS + k) * TILE + j] if k < powers else 0.0
        kept[at + 4 * TILE] = tile[(pt.SLOPES + k) * TILE + j] * z_per_vol if k < powers else 0.0
    if not early:
        kept[_POWERS + lane] = _NO_PREMIUM
    kept[GROUPS] = max(kept[GROUPS], powers // 4)


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def value_lanes(kept: Floats, tile: Floats) -> None:
    """From rows SPOT, PER_SPOT and LOG_SPOT to the five rows of OUT, and ETA: below zero where exercise is best."""
    groups = int(kept[GROUPS])
    if groups == 0:
        _value_european(kept, tile)
    else:
        _start(kept, tile)
        for g in range(groups - 1, -1, -1):
            at = _POWERS + g * _GROUP
            _add_powers(kept[at : at + _GROUP], tile)
        _value_american(kept, tile)


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def european_put(
    ratio: float, d1: float, deviation: float, discount: float, yielded: float
) -> tuple[float, float, float]:
    """European put of strike one: its value, the shares it is short times the spot, their density times the spot."""
    d2 = d1 - deviation
    density = yielded * exponential(-0.5 * d1 * d1) * _PER_ROOT_TWO_PI
    worth = ratio * density
    near, far, both = mills_pair(abs(d1), abs(d2))
    tail = density * (near * both)
    shares = ratio * (tail if d1 > 0.0 else yielded - tail)
    tail = worth * (far * both)
    cash = tail if d2 > 0.0 else discount - tail
    return cash - shares, shares, worth


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def _turned_back(
    value: float, first: float, second: float, per_vol: float, kept: Floats, tile: Floats, j: int
) -> tuple[float, float, float, float, float]:
    """From a put of strike one to the five numbers of the series it came from."""
    spot, strike, way = tile[SPOT + j], kept[_STRIKE + j], kept[_WAY + j]
    called = way < 0.0
    scale = spot if called else strike
    per_spot = tile[PER_SPOT + j]
    share = scale * per_spot
    price = scale * value
    theta = kept[_RATE + j] * value - kept[_CARRY + j] * first - kept[_HALF_VARIANCE + j] * second
    return (
        max(price, way * (strike - spot) - kept[_SLACK + j]),
        share * (value - first if called else first),
        share * per_spot * second,
        scale * per_vol,
        scale * theta,
    )


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _value_european(kept: Floats, tile: Floats) -> None:
    """A tile without a premium."""
    for j in range(TILE):
        way, per_deviation = kept[_WAY + j], kept[_PER_DEVIATION + j]
        level = way * tile[LOG_SPOT + j] + kept[_LOG_STRIKE + j]
        up, down = kept[_STRIKE + j] * tile[PER_SPOT + j], tile[SPOT + j] * kept[_PER_STRIKE + j]
        ratio = up if way < 0.0 else down
        d1 = level * per_deviation + kept[_SHIFT + j]
        value, shares, worth = european_put(
            ratio, d1, kept[_DEVIATION + j], kept[_DISCOUNT + j], kept[_YIELDED + j]
        )
        first = 0.0 - shares  # not -shares: a -0 would turn 0 beside a neighbour that has a premium
        second, per_vol = worth * per_deviation, worth * kept[_ROOT_YEARS + j]
        price, delta, gamma, vega, theta = _turned_back(value, first, second, per_vol, kept, tile, j)
        tile[OUT + j] = price
        tile[OUT + TILE + j] = delta
        tile[OUT + 2 * TILE + j] = gamma
        tile[OUT + 3 * TILE + j] = vega
        tile[OUT + 4 * TILE + j] = theta


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _start(kept: Floats, tile: Floats) -> None:
    """The European part, and where the spot is in the table."""
    for j in range(TILE):
        way, per_deviation = kept[_WAY + j], kept[_PER_DEVIATION + j]
        level = way * tile[LOG_SPOT + j] + kept[_LOG_STRIKE + j]
        up, down = kept[_STRIKE + j] * tile[PER_SPOT + j], tile[SPOT + j] * kept[_PER_STRIKE + j]
        ratio = up if way < 0.0 else down
        d1 = level * per_deviation + kept[_SHIFT + j]
        value, shares, worth = european_put(
            ratio, d1, kept[_DEVIATION + j], kept[_DISCOUNT + j], kept[_YIELDED + j]
        )
        first = 0.0 - shares  # not -shares: a -0 would turn 0 beside a neighbour that has a premium
        second, per_vol = worth * per_deviation, worth * kept[_ROOT_YEARS + j]
        tile[VALUE + j] = value
        tile[_FIRST + j] = first
        tile[_SECOND + j] = second
        tile[_PER_VOL + j] = per_vol
        eta = (level - kept[_BOUNDARY + j]) * per_deviation
        tile[ETA + j] = eta
        tile[_U + j] = min(max(eta, 0.0) * kept[_PER_END + j], 2.0) - 1.0
        tile[_P0 + j] = 0.0
        tile[_P1 + j] = 0.0
        tile[_P2 + j] = 0.0
        tile[_PZ + j] = 0.0


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _add_powers(rows: Floats, tile: Floats) -> None:
    """Four more powers of u: the logarithm of the premium, its slopes in u, its slope in the vol."""
    for j in range(TILE):
        u = tile[_U + j]
        p0, p1, p2, pz = tile[_P0 + j], tile[_P1 + j], tile[_P2 + j], tile[_PZ + j]
        p2, p1, p0 = p2 * u + p1, p1 * u + p0, p0 * u + rows[3 * TILE + j]
        p2, p1, p0 = p2 * u + p1, p1 * u + p0, p0 * u + rows[2 * TILE + j]
        p2, p1, p0 = p2 * u + p1, p1 * u + p0, p0 * u + rows[TILE + j]
        p2, p1, p0 = p2 * u + p1, p1 * u + p0, p0 * u + rows[j]
        pz = (pz * u + rows[7 * TILE + j]) * u + rows[6 * TILE + j]
        pz = (pz * u + rows[5 * TILE + j]) * u + rows[4 * TILE + j]
        tile[_P0 + j], tile[_P1 + j], tile[_P2 + j], tile[_PZ + j] = p0, p1, p2, pz


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _value_american(kept: Floats, tile: Floats) -> None:
    """Add the premium; where exercise is best: intrinsic value, the sign, nothing else."""
    for j in range(TILE):
        eta, end, per_end = tile[ETA + j], kept[_END + j], kept[_PER_END + j]
        per_deviation = kept[_PER_DEVIATION + j]
        beyond = eta > end
        level = tile[_P0 + j] - (0.5 * (eta * eta - end * end) if beyond else 0.0)
        slope = -eta if beyond else tile[_P1 + j] * per_end
        bend = -1.0 if beyond else 2.0 * tile[_P2 + j] * per_end * per_end
        premium = exponential(level)
        rise = slope * per_deviation
        moved = (kept[_DEPTH_PER_VOL + j] - eta * kept[_ROOT_YEARS + j]) * rise
        value = tile[VALUE + j] + premium
        first = tile[_FIRST + j] + premium * rise
        second = tile[_SECOND + j] + premium * ((slope * slope + bend) * per_deviation * per_deviation - rise)
        per_vol = tile[_PER_VOL + j] + premium * (tile[_PZ + j] + moved)
        price, delta, gamma, vega, theta = _turned_back(value, first, second, per_vol, kept, tile, j)
        waits = not eta < 0.0
        way = kept[_WAY + j]
        tile[OUT + j] = price if waits else way * (kept[_STRIKE + j] - tile[SPOT + j])
        tile[OUT + TILE + j] = delta if waits else -way
        tile[OUT + 2 * TILE + j] = gamma if waits else 0.0
        tile[OUT + 3 * TILE + j] = vega if waits else 0.0
        tile[OUT + 4 * TILE + j] = theta if waits else 0.0
