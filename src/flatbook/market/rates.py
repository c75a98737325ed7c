"""The rate of each expiry: the curve that was published, else what put-call parity implies, else the desk's own.

Source: domain reference 4.18. European calls and puts satisfy C - P = D (F - K), so the slope of C - P in K is -D.
End-of-day mids cannot resolve one expiry's D; the pooled line r(T) through all expiries, each weighted by the
precision of its slope, can.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.market.clock import tau
from flatbook.market.view import RateSource
from flatbook.model.events import RatesSeen
from flatbook.model.table import Floats

_RATE_BOUND = 0.25  # a parity slope that implies more per year is noise
_HUBER = 1.5
_ROUNDS = 20
_TERM_YEARS = 3.0  # the line in T is flat beyond


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityPairs:
    """Calls and puts of one expiry that are quoted on both sides at one strike, in strike currency."""

    strike: Floats
    call_less_put: Floats
    variance: Floats  # of the difference: the half-spreads, squared and added


def curve_rates(curve: RatesSeen, now_ns: int, years: Floats) -> Floats:
    """Continuous zero rates at `years`, linear between maturities and flat outside."""
    knots = tau(now_ns, np.array(curve.maturity_ns, dtype=np.int64))
    return np.asarray(np.interp(years, knots, np.array(curve.rate)))


def parity_rates(pairs: list[ParityPairs], years: Floats) -> Floats | None:
    """Continuous rates at `years` from the slopes of all European expiries, or None where they tell nothing.

    Parameters
    ----------
    pairs : one entry an expiry.
    years : float64[n_expiries]

    Returns
    -------
    float64[n_expiries] or None
    """
    found = [(t, *slope) for t, pair in zip(years, pairs, strict=True) if t > 0.0 and (slope := _slope(pair))]
    rows = [
        (t, -np.log(d) / t, se / (d * t))
        for t, d, se in found
        if d > 0.0 and abs(np.log(d)) <= _RATE_BOUND * max(t, 0.1)
    ]
    if not rows:
        return None
    t, rate, error = (np.array(column) for column in zip(*rows, strict=True))
    if not error.min() <= _RATE_BOUND / 10.0:
        return None
    level, tilt = _robust_line(np.minimum(t, _TERM_YEARS), rate, 1.0 / (error**2 + 1e-8))
    return level + tilt * np.minimum(years, _TERM_YEARS)


def _slope(pair: ParityPairs) -> tuple[float, float] | None:
    """Discount factor of one expiry and its standard error."""
    if pair.strike.size < 5:
        return None
    weight = 1.0 / pair.variance
    centre = (weight * pair.strike).sum() / weight.sum()
    spread = (weight * (pair.strike - centre) ** 2).sum()
    if not spread > 0.0:
        return None
    slope = (weight * (pair.strike - centre) * pair.call_less_put).sum() / spread
    return -float(slope), float(1.0 / np.sqrt(spread))


def _robust_line(x: Floats, y: Floats, weight: Floats) -> tuple[float, float]:
    """Level and tilt by Huber's iteratively reweighted least squares (Huber 1964); level only for fewer than 3 points."""
    factor = np.ones_like(x)
    level, tilt = 0.0, 0.0
    for _ in range(_ROUNDS):
        w = weight * factor
        centre, middle = (w * x).sum() / w.sum(), (w * y).sum() / w.sum()
        scatter = (w * (x - centre) ** 2).sum()
        tilt = float((w * (x - centre) * y).sum() / scatter) if x.size >= 3 and scatter > 0.0 else 0.0
        level = float(middle - tilt * centre)
        residual = np.abs(y - level - tilt * x) * np.sqrt(weight)
        scale = max(float(np.median(residual)) * 1.4826, 1e-12)
        factor = 1.0 / np.maximum(residual / (_HUBER * scale), 1.0)
    return level, tilt


def pick_source(curve: RatesSeen | None, implied: Floats | None, own: float | None) -> RateSource:
    """Which rate holds."""
    if curve is not None:
        return RateSource.CURVE
    if implied is not None:
        return RateSource.PARITY
    return RateSource.ASSUMED_ZERO if own is None else RateSource.TERMS
