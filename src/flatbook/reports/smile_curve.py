"""A smile on a grid: volatility, the risk-neutral density, and the volatilities at 25 delta.

The density of x = ln(S_T / F) is p(k) = g(k) / sqrt(2 pi w(k)) exp(-d2(k)^2 / 2), d2 = -k / sqrt(w) - sqrt(w) / 2, with
total variance w and g of `kernels.arbitrage` (J. Gatheral and A. Jacquier, "Arbitrage-free SVI volatility surfaces",
Quantitative Finance 14 (2014) 59-71, section 2.2).
"""

from dataclasses import dataclass

import numpy as np

from flatbook.kernels.arbitrage import butterfly
from flatbook.market.surface import Surface
from flatbook.model.table import Floats

POINTS = 161
DEVIATIONS = 6.0  # to either side, where quotes do not reach further
_STEP = 0.005  # standard deviations: of the differences that tell slope and bend
_QUARTER = 0.6744897501960817  # the normal quantile at 75 %: the forward delta of a call is N(d1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Columns of one length; NaN where there is none."""

    log_moneyness: Floats
    vol: Floats
    density: Floats  # per unit of ln(S_T / F)


def curve_of(surface: Surface, slice_index: int, quoted: Floats) -> Curve | None:
    """One slice over its quotes and DEVIATIONS to either side; None where the surface has nothing to say.

    `quoted` are ln(K/F) of its quotes, float64[n].
    """
    at = np.array([slice_index])
    deviation = float(np.sqrt(surface.total_variance(at, np.zeros(1))[0]))
    if not (deviation > 0.0 and surface.years[slice_index] > 0.0):
        return None
    low = min(-DEVIATIONS * deviation, float(quoted.min(initial=0.0)))
    high = max(DEVIATIONS * deviation, float(quoted.max(initial=0.0)))
    k = deviation * np.sinh(np.linspace(np.arcsinh(low / deviation), np.arcsinh(high / deviation), POINTS))
    return Curve(
        log_moneyness=k,
        vol=surface.vol(np.full(k.size, slice_index), k),
        density=density_of(surface, slice_index, k, _STEP * deviation),
    )


def density_of(surface: Surface, slice_index: int, log_moneyness: Floats, step: float) -> Floats:
    """The density of ln(S_T / F), float64[n], from differences of total variance over `step`."""
    at = np.full(log_moneyness.size, slice_index)
    below, w, above = (surface.total_variance(at, log_moneyness + step * side) for side in (-1.0, 0.0, 1.0))
    g = butterfly(log_moneyness, w, (above - below) / (2.0 * step), (above - 2.0 * w + below) / step**2)
    root = np.sqrt(w)
    d2 = -log_moneyness / root - 0.5 * root
    return np.asarray(g / np.sqrt(2.0 * np.pi * w) * np.exp(-0.5 * d2 * d2))


def quarter_deltas(surface: Surface, slice_index: int, curve: Curve) -> tuple[float, float]:
    """Volatilities of the put and the call whose forward deltas are -0.25 and 0.25."""
    root = curve.vol * np.sqrt(surface.years[slice_index])
    d1 = -curve.log_moneyness / root + 0.5 * root
    falls = np.minimum.accumulate(d1)  # far in the wings d1 may turn
    k = np.interp([-_QUARTER, _QUARTER], -falls, curve.log_moneyness)
    put, call = surface.vol(np.full(2, slice_index), k).tolist()
    return put, call
