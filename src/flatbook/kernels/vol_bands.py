"""What quotes say of total variance: a band with a centre and a weight for each, a level for each expiry, an order.

Weights are one over the squared half-spread in total variance, so that a quote counts by its vega and its width. The
level at the money is the median of lines through pairs of quotes (H. Theil, 1950; P. Sen, J. American Statistical
Association 63 (1968) 1379-1389), which one wild quote in three does not move. Which expiries are out of order is the
heaviest rising subsequence of those levels.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.smile_row import DEVIATION, smile_at

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

K, LOW, CENTRE, HIGH, WEIGHT = range(5)  # rows of the bands, in total variance

_VOL_MIN, _VOL_MAX = 1e-3, 20.0
_LOG_MONEYNESS_MAX = 20.0
_HALF_MIN_VOL = 0.0005  # a tighter band than a twentieth of a vol point is noise
_HALF_ALONE = 0.02, 0.2  # of the volatility: a middle without sides, a side without a middle
_HEAVIEST = 400.0  # times the middle weight
CEILING_POINTS = 97
_DENSE = 20.0  # ceilings are dense where |ln(K/F)| is below one over this
_NEAR = 8  # quotes that tell the level at the money
_FALL_ALLOWED = 0.03  # relative: further, and an expiry is out of order
_QUOTES_ENOUGH = 20  # beyond which an expiry's word counts no more
_NAN = math.nan


@njit(cache=True, error_model="numpy")
def variance_bands(
    starts: Ints,
    years: Floats,
    quotes: Floats,
    prior: Floats,
) -> Floats:
    """Bands of total variance by slice; weight 0 where a point cannot be used.

    Parameters
    ----------
    starts : int64[s + 1]
        Where each slice's points begin and end.
    years : float64[s]
        Time to expiry.
    quotes : float64[5, n]
        ln(K/F), volatility of bid, middle and offer (NaN where missing) and a factor on the weight, by slice.
    prior : float64[s, ROW]
        Smiles of the surface before, with total variance brought to the present time; zero where there is none. A
        centre is drawn half way to it, within its band.

    Returns
    -------
    float64[5, n]
        Rows K, LOW, CENTRE, HIGH (infinite without an offer), WEIGHT.
    """
    out = np.zeros(quotes.shape)
    for s in range(years.size):
        for i in range(starts[s], starts[s + 1]):
            k, importance = quotes[0, i], quotes[4, i]
            low, centre, high, half = vol_band(quotes[1, i], quotes[2, i], quotes[3, i])
            out[K, i] = k
            usable = abs(k) < _LOG_MONEYNESS_MAX and 0.0 < years[s] < math.inf and 0.0 < importance < math.inf
            if not (usable and centre > 0.0):
                continue
            before = smile_at(prior[s], k)[0] / years[s] if prior[s, DEVIATION] > 0.0 else 0.0
            if before > 0.0:
                centre = 0.5 * (centre + min(max(math.sqrt(before), low), high))
            half_w = 2.0 * centre * half * years[s]
            out[LOW, i] = low * low * years[s]
            out[CENTRE, i] = centre * centre * years[s]
            out[HIGH, i] = high * high * years[s]
            out[WEIGHT, i] = importance / (half_w * half_w)
        _hold_down(out[WEIGHT][starts[s] : starts[s + 1]])
    return out


@njit(cache=True, error_model="numpy")
def vol_band(bid: float, mid: float, ask: float) -> tuple[float, float, float, float]:
    """Low, centre, high and half-width of a quote's volatility; the centre is NaN where it says nothing."""
    has_bid, has_ask = 0.0 <= bid < _VOL_MAX, 0.0 < ask < _VOL_MAX
    has_mid = _VOL_MIN < mid < _VOL_MAX
    if has_bid and has_ask and not bid <= ask:
        return _NAN, _NAN, _NAN, _NAN
    if not has_mid and has_bid and has_ask:
        mid, has_mid = 0.5 * (bid + ask), True
    low, high = (bid if has_bid else 0.0), (ask if has_ask else math.inf)
    alone, outside = _HALF_ALONE
    if has_bid and has_ask:
        half = 0.5 * (ask - bid)
    elif has_mid:
        half = max(abs(mid - bid) if has_bid else ask - mid if has_ask else alone * mid, alone * mid)
    elif has_ask:
        half, mid = outside * ask, (1.0 - outside) * ask
    elif has_bid:
        half, mid = outside * bid, (1.0 + outside) * bid
    else:
        return _NAN, _NAN, _NAN, _NAN
    mid = min(max(mid, low), high)
    half = max(half, _HALF_MIN_VOL)
    if not has_bid and not has_ask:
        low, high = mid - half, mid + half
    return max(min(low, mid - _HALF_MIN_VOL), 0.0), mid, max(high, mid + _HALF_MIN_VOL), half


@njit(cache=True, error_model="numpy")
def _hold_down(weight: Floats) -> None:
    """No quote weighs more than so many times the middle one."""
    used = weight[weight > 0.0]
    if used.size == 0:
        return
    most = _HEAVIEST * np.median(used)
    for i in range(weight.size):
        weight[i] = min(weight[i], most)


@njit(cache=True, error_model="numpy")
def level_at_the_money(bands: Floats) -> float:
    """Total variance at k = 0 of one slice's bands, float64[5, n]; NaN without a usable point."""
    chosen = np.flatnonzero(bands[WEIGHT] > 0.0)
    if chosen.size == 0:
        return _NAN
    k, w = bands[K][chosen], bands[CENTRE][chosen]
    order = np.argsort(np.abs(k), kind="mergesort")[:_NEAR]
    k, w = k[order], w[order]
    slopes = np.zeros(k.size * k.size)
    count = 0
    span = k.max() - k.min()
    for i in range(k.size):
        for j in range(i):
            if abs(k[i] - k[j]) > 1e-3 * span:
                slopes[count] = (w[i] - w[j]) / (k[i] - k[j])
                count += 1
    slope = np.median(slopes[:count]) if count > 0 else 0.0
    if k.min() > 0.0 or k.max() < 0.0:
        slope = 0.0  # no quote on the other side: a line would reach beyond what it knows
    level = np.median(w - slope * k)
    return float(level if level > 0.0 else np.median(w))


@njit(cache=True, error_model="numpy")
def ceiling_bands(starts: Ints, bands: Floats, ordered: Bools) -> Floats:
    """The most total variance each slice may have for those after it to lie above: float64[1 + s, CEILING_POINTS].

    The first row is ln(K/F); infinite where no later slice is quoted. A later slice limits by the upper half of its
    bands, the middle one of three neighbours, so that one quote alone limits nothing.
    """
    n = ordered.size
    out = np.full((1 + n, CEILING_POINTS), math.inf)
    usable = np.flatnonzero(bands[WEIGHT] > 0.0)
    if usable.size == 0:
        out[0] = 0.0
        return out
    low, high = math.asinh(np.min(bands[K][usable]) * _DENSE), math.asinh(np.max(bands[K][usable]) * _DENSE)
    for i in range(CEILING_POINTS):
        out[0, i] = math.sinh(low + (high - low) * i / (CEILING_POINTS - 1)) / _DENSE
    for s in range(n - 2, -1, -1):
        out[1 + s] = out[2 + s]
        if not ordered[s + 1]:
            continue
        mine = bands[:, starts[s + 1] : starts[s + 2]]
        chosen = np.flatnonzero((mine[WEIGHT] > 0.0) & (mine[HIGH] < math.inf))
        if chosen.size < 3:
            continue
        k = mine[K][chosen]
        top = 0.5 * (mine[CENTRE][chosen] + mine[HIGH][chosen])
        smooth = top.copy()
        for i in range(1, k.size - 1):
            smooth[i] = max(min(top[i - 1], top[i]), min(max(top[i - 1], top[i]), top[i + 1]))
        for i in range(CEILING_POINTS):
            if k[0] <= out[0, i] <= k[-1]:
                out[1 + s, i] = min(out[1 + s, i], np.interp(out[0, i], k, smooth))
    return out


@njit(cache=True, error_model="numpy")
def in_order(level: Floats, count: Ints) -> Bools:
    """Which expiries, by time, have total variances that rise: the heaviest such subsequence, bool[s].

    An expiry weighs by its number of usable quotes, up to a cap. NaN levels are left out.
    """
    n = level.size
    total = np.zeros(n)
    before = np.full(n, -1)
    out = np.zeros(n, dtype=np.bool_)
    last = -1
    for j in range(n):
        if not level[j] > 0.0:
            continue
        best = 0.0
        for i in range(j):
            if total[i] > best and level[j] >= level[i] * (1.0 - _FALL_ALLOWED):
                best = total[i]
                before[j] = i
        total[j] = best + min(count[j], _QUOTES_ENOUGH)
        if last < 0 or total[j] > total[last]:
            last = j
    while last >= 0:
        out[last] = True
        last = before[last]
    return out
