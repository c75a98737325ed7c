"""Realised variance of a price that is seen through noise, by two scales.

Source: L. Zhang, P. Mykland, Y. Ait-Sahalia, J. American Statistical Association 100 (2005) 1394-1411: the mean over K interleaved grids
less n_K / n of the sum over all ticks, with n_K = (n - K + 1) / K, over 1 - n_K / n (their small-sample form). The noise of one price has a
variance of sum over all ticks / (2 n). The best K is c n^(2/3) with c^3 = 12 N^2 / (T Q), N the variance of the noise and T Q the span times
the integrated quarticity.

The error is that of a quadratic form in normal returns, 2 n times the mean over frequencies of (q s)^2: q the weights of the estimator, (|sin
(K w / 2) / sin(w / 2)|^2 / K - n_K / n) / (1 - n_K / n), and s the spectrum of a return, v + 2 N (1 - cos w), v^2 by the quarticity. For large K
it is the paper's 8 n N^2 / K^2 + (4/3) (K / n) T Q; for a K of some ticks, where noise is small, that leaves out more than half.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from flatbook.model.table import Floats

_TICKS_MIN = 30
_GRID_MIN = 5  # returns on a slow grid


@dataclass(frozen=True, slots=True, kw_only=True)
class RealisedVariance:
    """Of the efficient price over the whole span, not annual."""

    value: float  # NaN with fewer than thirty ticks; may be below 0 where noise is all there is
    standard_error: float
    noise_deviation: float  # of one log price around the efficient one
    scale: int  # K
    ticks: int


def two_scale_variance(log_price: Floats, scale: int | None = None) -> RealisedVariance:
    """Variance of the efficient log price over the ticks given.

    Parameters
    ----------
    log_price : float64[n + 1]
        In order of time; NaN is left out.
    scale : int, optional
        K; the best one by a first pass otherwise.
    """
    x = log_price[np.isfinite(log_price)]
    n = x.size - 1
    if n + 1 < _TICKS_MIN:
        return RealisedVariance(
            value=np.nan, standard_error=np.nan, noise_deviation=np.nan, scale=0, ticks=max(n + 1, 0)
        )
    fast = float(np.diff(x) @ np.diff(x))
    first = max(2, round(n ** (2.0 / 3.0) / 2.0)) if scale is None else scale
    value, quarticity = _two_scales(x, fast, min(first, n // _GRID_MIN))
    noise = max((fast - value) / (2.0 * n), 0.0)  # the paper's fast / 2n is the limit in which noise is all
    if scale is None:
        best = (12.0 * noise**2 / quarticity) ** (1.0 / 3.0) * n ** (2.0 / 3.0) if quarticity > 0.0 else 2.0
        scale = int(min(max(best, 2.0), n // _GRID_MIN))
        value, _ = _two_scales(
            x, fast, scale
        )  # the quarticity of the first, slower scale stays: it sees less noise
        noise = max((fast - value) / (2.0 * n), 0.0)
    variance = _variance(n, scale, noise, value, quarticity)
    return RealisedVariance(
        value=value, standard_error=sqrt(variance), noise_deviation=sqrt(noise), scale=scale, ticks=n + 1
    )


def _two_scales(x: Floats, fast: float, scale: int) -> tuple[float, float]:
    """The two-scale variance, and T times the integrated quarticity from the slow returns."""
    n = x.size - 1
    slow = x[scale:] - x[:-scale]
    mean = (n - scale + 1) / scale
    value = (float(slow @ slow) / scale - mean / n * fast) / (1.0 - mean / n)
    square, noise = float((slow**2).mean()), fast / n  # noise: of a return, twice that of a price
    fourth = float((slow**4).mean()) / 3.0 - square**2 + (square - noise) ** 2  # of normal noise, taken out
    quarticity = (n / scale) ** 2 * max(fourth, (square - noise) ** 2)
    return value, quarticity


def _variance(n: int, scale: int, noise: float, value: float, quarticity: float) -> float:
    w = (np.arange(16 * scale) + 0.5) * np.pi / (16 * scale)
    share = (n - scale + 1) / scale / n
    weights = ((np.sin(0.5 * scale * w) / np.sin(0.5 * w)) ** 2 / scale - share) / (1.0 - share)
    seen = 2.0 * noise * (1.0 - np.cos(w))
    square = quarticity / n**2 + 2.0 * max(value, 0.0) / n * seen + seen**2
    return float(2.0 * n * np.mean(weights**2 * square))
