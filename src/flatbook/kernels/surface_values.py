"""A fitted surface read back: variances and slopes anywhere, refused expiries filled, and how well and safely it fits.

Every expiry is a mixture of two smile rows (`kernels.convex_smile`): its own, or, where it was refused, its neighbours'
total variances. Less than a whole smile has no butterfly arbitrage where the whole has none: in the factor f,
g = (1 - k w'/(2w))^2 - f (w'^2/(4w) - w''/2) - f^2 w'^2/16 is concave and not negative at 0 and 1.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.arbitrage import POINTS, butterfly_at, is_safe
from flatbook.kernels.smile_row import COEFFICIENTS, DEVIATION, ROW, smile_at
from flatbook.kernels.svi import A, B

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

COUNT, RMSE, INSIDE, WITHIN_HALF, WORST, WORST_ERROR, G_MIN, CALENDAR_GAP = range(8)  # columns of `measure`
MEASURES = 8
_G_MIN = 5e-4  # of a mixture on the grid, against what lies between its points
_NAN = math.nan


@njit(cache=True, error_model="numpy")
def mixed_at(rows: Floats, of: Ints, share: Floats, k: float) -> tuple[float, float, float]:
    """Total variance and its two derivatives at `k` of rows[of[0]] and rows[of[1]] in the shares given."""
    w, slope, bend = 0.0, 0.0, 0.0
    if not of[0] >= 0:
        return _NAN, _NAN, _NAN
    for j in range(2):
        if share[j] > 0.0:
            one, first, second = smile_at(rows[of[j]], k)
            w += share[j] * one
            slope += share[j] * first
            bend += share[j] * second
    return w, slope, bend


@njit(cache=True, error_model="numpy")
def total_variances(
    rows: Floats, of: Ints, share: Floats, slice_index: Ints, log_moneyness: Floats
) -> Floats:
    """Total variance, float64[n], at ln(K/F) float64[n] of each slice, int64[n]; NaN where there is no such slice.

    rows float64[r, ROW], of int64[s, 2] and share float64[s, 2] are those of a fitted surface.
    """
    out = np.full(log_moneyness.size, _NAN)
    for i in range(log_moneyness.size):
        s = slice_index[i]
        if 0 <= s < of.shape[0] and abs(log_moneyness[i]) < math.inf:
            out[i] = mixed_at(rows, of[s], share[s], log_moneyness[i])[0]
    return out


@njit(cache=True, error_model="numpy")
def vols(
    rows: Floats, of: Ints, share: Floats, years: Floats, slice_index: Ints, log_moneyness: Floats
) -> Floats:
    """Volatility, float64[n]; as `total_variances`, with each slice's time to expiry, float64[s]."""
    out = np.full(log_moneyness.size, _NAN)
    for i in range(log_moneyness.size):
        s = slice_index[i]
        if 0 <= s < of.shape[0] and years[s] > 0.0 and abs(log_moneyness[i]) < math.inf:
            w = mixed_at(rows, of[s], share[s], log_moneyness[i])[0]
            out[i] = math.sqrt(w / years[s]) if w > 0.0 else _NAN
    return out


@njit(cache=True, error_model="numpy")
def at_the_money(rows: Floats, of: Ints, share: Floats, years: Floats) -> Floats:
    """Level, skew and curvature of each slice: volatility and its two derivatives in ln(K/F) at 0, float64[s, 3]."""
    out = np.full((years.size, 3), _NAN)
    for s in range(years.size):
        w, slope, bend = mixed_at(rows, of[s], share[s], 0.0)
        if w > 0.0 and years[s] > 0.0:
            vol = math.sqrt(w / years[s])
            skew = 0.5 * slope / (vol * years[s])
            out[s, 0], out[s, 1] = vol, skew
            out[s, 2] = (0.5 * bend / years[s] - skew * skew) / vol
    return out


@njit(cache=True, error_model="numpy")
def fill_refused(rows: Floats, fitted: Ints, years: Floats, reach: Floats) -> tuple[Ints, Floats]:
    """What each slice is read from: its own row, or its neighbours' where `fitted` (int64[s]) is 0.

    Between two fitted slices total variance is linear in time, before the first it is proportional to time, after the
    last likewise where that has no butterfly arbitrage and constant where it would.

    Returns
    -------
    of : int64[s, 2]
        Rows; -1 where no slice of the class is fitted.
    share : float64[s, 2]
        Of each row.
    """
    n = years.size
    of, share = np.full((n, 2), -1), np.zeros((n, 2))
    far = np.max(reach) if n > 0 else 0.0
    for s in range(n):
        left, right = s - 1, s + 1
        while left >= 0 and fitted[left] == 0:
            left -= 1
        while right < n and fitted[right] == 0:
            right += 1
        if fitted[s] > 0:
            of[s], share[s, 0] = s, 1.0
        elif not 0.0 < years[s] < math.inf or (left < 0 and right >= n):
            continue
        elif left < 0:
            of[s] = right
            share[s, 0] = min(years[s] / years[right], 1.0)
        elif right < n:
            of[s, 0], of[s, 1] = left, right
            part = (years[s] - years[left]) / (years[right] - years[left])
            trial = np.array([1.0 - part, part])
            near = max(reach[left], reach[right])
            dense = _least_g(rows, of[s], trial, far, rows[left, DEVIATION])
            is_good = min(_least_g(rows, of[s], trial, near, math.inf), dense) >= _G_MIN
            share[s] = trial if is_good else share[s - 1]
        else:
            of[s] = left
            grown = years[s] / years[left]
            is_good = is_safe(_times(rows[left], grown), np.zeros(ROW), (reach[left], reach[left], far))
            share[s, 0] = grown if is_good else share[s - 1, 0]
    return of, share


@njit(cache=True, error_model="numpy")
def _times(row: Floats, factor: float) -> Floats:
    """A smile row of `factor` times the total variance."""
    out = row.copy()
    out[A] *= factor
    out[B] *= factor
    out[COEFFICIENTS:] *= factor
    return out


@njit(cache=True, error_model="numpy")
def _least_g(rows: Floats, of: Ints, share: Floats, reach: float, dense: float) -> float:
    """On even points, or on points dense within |k| of `dense` where that is finite."""
    least = math.inf
    bent = math.asinh(reach / dense) if dense < math.inf else 0.0
    for i in range(POINTS):
        at = 2.0 * i / (POINTS - 1) - 1.0
        k = dense * math.sinh(bent * at) if bent > 0.0 else reach * at
        w, slope, bend = mixed_at(rows, of, share, k)
        g = butterfly_at(k, w, slope, bend)
        if not g > -math.inf:
            return -math.inf
        least = min(least, g)
    return least


@njit(cache=True, error_model="numpy")
def measure(
    starts: Ints,
    points: Floats,
    years: Floats,
    rows: Floats,
    of: Ints,
    share: Floats,
    reach: Floats,
) -> Floats:
    """How well each slice fits its quotes, and its distance from arbitrage.

    Parameters
    ----------
    starts : int64[s + 1]
        Where each slice's points begin and end.
    points : float64[4, n]
        ln(K/F), and volatility of bid, middle and offer.
    years, rows, of, share, reach
        Of the fitted surface.

    Returns
    -------
    float64[s, MEASURES]
        Two-sided points; root mean square error to the middle (decimal); shares inside bid and offer and within half
        a spread of the middle; the worst point and its error in half-spreads; the least g and the least relative rise
        of total variance over the slice before, both on |k| up to the reach.
    """
    n = years.size
    out = np.full((n, MEASURES), _NAN)
    for s in range(n):
        _measure_points(out[s], points, starts[s], starts[s + 1], years[s], rows, of[s], share[s])
        if of[s, 0] < 0:
            continue
        far = reach[s] if reach[s] > 0.0 else reach[of[s, 0]]
        out[s, G_MIN] = _least_g(rows, of[s], share[s], far, math.inf)
        out[s, CALENDAR_GAP] = math.inf
        if s > 0 and of[s - 1, 0] >= 0:
            far = max(far, reach[s - 1])
            for i in range(POINTS):
                k = far * (2.0 * i / (POINTS - 1) - 1.0)
                before = mixed_at(rows, of[s - 1], share[s - 1], k)[0]
                gap = mixed_at(rows, of[s], share[s], k)[0] / before - 1.0
                out[s, CALENDAR_GAP] = min(out[s, CALENDAR_GAP], gap)
    return out


@njit(cache=True, error_model="numpy")
def _measure_points(
    out: Floats, points: Floats, start: int, end: int, years: float, rows: Floats, of: Ints, share: Floats
) -> None:
    count, inside, near, squares = 0, 0, 0, 0.0
    out[WORST], out[WORST_ERROR] = -1.0, 0.0
    for i in range(start, end):
        k, bid, mid, ask = points[0, i], points[1, i], points[2, i], points[3, i]
        if not (0.0 <= bid <= ask and abs(k) < math.inf):
            continue
        if not mid >= 0.0:
            mid = 0.5 * (bid + ask)
        count += 1
        w = mixed_at(rows, of, share, k)[0]
        vol = math.sqrt(w / years) if w > 0.0 and years > 0.0 else _NAN
        error, half = abs(vol - mid), 0.5 * (ask - bid)
        squares += error * error
        inside += 1 if bid <= vol <= ask else 0
        near += 1 if bid <= vol <= ask or error <= half else 0
        scaled = error / max(half, 1e-6)
        if scaled > out[WORST_ERROR]:
            out[WORST], out[WORST_ERROR] = i, scaled
    out[COUNT] = count
    if count > 0:
        out[RMSE], out[INSIDE], out[WITHIN_HALF] = math.sqrt(squares / count), inside / count, near / count
