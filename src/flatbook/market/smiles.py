"""A smooth smile for each expiry, good enough to price series that are quoted on one side only or not at all.

Total variance w(k) in units of its own at-the-money level, as a natural cubic smoothing spline of
x = ln(K/F) / sqrt(w_atm): the smoothest curve of which nearly all points lie inside bid and ask. A point inside its
band costs nothing (each round moves its target to the nearest point of the band). Outside the quoted strikes the
curve is linear, with the slope bounded by Lee (2004): |dw/dk| <= 2.
Arbitrage between strikes and expiries is not checked here.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.kernels.spline import evaluate_slope, evaluate_spline, fit_smoothing_spline
from flatbook.market.view import Smile
from flatbook.model.table import Floats

_PENALTIES = 10.0 ** np.arange(1.0, -6.5, -0.5)  # from nearly straight to nearly interpolating
_ROUNDS = 6
_SHARE_WANTED = 0.97
_BAND_MIN_VOL = 0.0005  # a tighter band than a twentieth of a vol point is noise
_VARIANCE_MIN = 1e-4  # of the at-the-money variance


@dataclass(frozen=True, slots=True, kw_only=True)
class SmilePoints:
    """Implied volatilities of one expiry by strike, ascending: the out-of-the-money side's bid, mid and ask."""

    log_moneyness: Floats  # ln(K/F)
    vol_bid: Floats  # NaN: no lower bound
    vol_mid: Floats
    vol_ask: Floats
    years: float


def fit_smile(points: SmilePoints) -> Smile | None:
    """Fit the smoothest curve that lies inside bid and ask nearly everywhere, or None without any point."""
    n = points.log_moneyness.size
    if n == 0:
        return None
    w_atm = _atm_variance(points)
    if n < 3:
        return _flat(w_atm)
    x = points.log_moneyness / np.sqrt(w_atm)
    low, mid, high = (_variance(vol, points.years) / w_atm for vol in _band(points))
    weight = 1.0 / np.maximum(0.5 * (high - low), 1e-9) ** 2
    weight = np.minimum(weight, 100.0 * np.median(weight)) / np.median(weight)
    best: tuple[float, Floats, Floats, float] | None = None
    for penalty in _PENALTIES:
        y, y2 = _fit_band(x, low, mid, high, weight, float(penalty))
        share = float(((y >= low) & (y <= high)).mean())
        if best is None or share > best[3]:
            best = (float(penalty), y, y2, share)
        if share >= _SHARE_WANTED:
            break
    assert best is not None
    return _smile(x, best[1], best[2], w_atm, best[0], best[3])


def smile_vol(smile: Smile, log_moneyness: Floats, years: float) -> Floats:
    """Volatility at ln(K/F); NaN where there is no time left."""
    if not years > 0.0:
        return np.full(log_moneyness.size, np.nan)
    x = log_moneyness / np.sqrt(smile.w_atm)
    inside = np.clip(x, smile.x[0], smile.x[-1])
    y = evaluate_spline(smile.x, smile.y, smile.y2, inside)
    y = (
        y
        + smile.slope_left * np.minimum(x - smile.x[0], 0.0)
        + smile.slope_right * np.maximum(x - smile.x[-1], 0.0)
    )
    return np.asarray(np.sqrt(np.maximum(y, _VARIANCE_MIN) * smile.w_atm / years))


def _band(points: SmilePoints) -> tuple[Floats, Floats, Floats]:
    low = np.minimum(np.where(np.isnan(points.vol_bid), 0.0, points.vol_bid), points.vol_mid - _BAND_MIN_VOL)
    return np.maximum(low, 0.0), points.vol_mid, np.maximum(points.vol_ask, points.vol_mid + _BAND_MIN_VOL)


def _variance(vol: Floats, years: float) -> Floats:
    return vol**2 * years


def _fit_band(
    x: Floats, low: Floats, mid: Floats, high: Floats, weight: Floats, penalty: float
) -> tuple[Floats, Floats]:
    """Least squares to the nearest point of each band, by repeated projection (majorisation)."""
    target = mid
    y, y2 = fit_smoothing_spline(x, target, weight, penalty)
    for _ in range(_ROUNDS):
        target = np.clip(y, low, high)
        y, y2 = fit_smoothing_spline(x, target, weight, penalty)
    return y, y2


def _atm_variance(points: SmilePoints) -> float:
    """Variance at ln(K/F) = 0, linear between the nearest strikes."""
    return float(np.interp(0.0, points.log_moneyness, _variance(points.vol_mid, points.years)))


def _flat(w_atm: float) -> Smile:
    x = np.array([-1.0, 0.0, 1.0])
    return _smile(x, np.ones(3), np.zeros(3), w_atm, float("inf"), 1.0)


def _smile(x: Floats, y: Floats, y2: Floats, w_atm: float, penalty: float, share: float) -> Smile:
    slopes = evaluate_slope(x, y, y2, x[[0, -1]])
    steepest = 2.0 / np.sqrt(w_atm)  # dy/dx = dw/dk / sqrt(w_atm)
    return Smile(
        x=x,
        y=y,
        y2=y2,
        w_atm=w_atm,
        slope_left=float(np.clip(slopes[0], -steepest, 0.0)),
        slope_right=float(np.clip(slopes[1], 0.0, steepest)),
        penalty=penalty,
        share_inside=share,
    )
