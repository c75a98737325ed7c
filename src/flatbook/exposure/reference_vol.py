"""The volatility of an underlying itself: at the money, at 30 days."""

import numpy as np

from flatbook.market.view import MarketView
from flatbook.model.measures import CALENDAR_DAYS, VEGA_REFERENCE_DAYS
from flatbook.model.table import Floats


def reference_vols(market: MarketView) -> Floats:
    """At-the-money volatility of each underlying at 30 days: linear in total variance between expiries.

    Returns
    -------
    float64[n_underlyings]
        NaN where no expiry has a volatility.
    """
    out = np.full(len(market.table.underlyings), np.nan)
    reference = VEGA_REFERENCE_DAYS / CALENDAR_DAYS
    for u in range(out.size):
        mine = (market.table.underlying_of_slice == u) & np.isfinite(market.slice_atm_vol)
        years, vol = market.slice_variance_years[mine], market.slice_atm_vol[mine]
        order = np.argsort(years, kind="stable")
        if order.size:
            out[u] = _interpolate(years[order], vol[order], reference)
    return out


def _interpolate(years: Floats, vol: Floats, at: float) -> float:
    if at <= years[0]:
        return float(vol[0])
    if at >= years[-1]:
        return float(vol[-1])
    return float(np.sqrt(np.interp(at, years, vol**2 * years) / at))
