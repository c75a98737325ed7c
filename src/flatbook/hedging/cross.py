"""Hedging with something related: the ratio of least variance, and the basis risk that stays.

Source: Ederington (1979); Hull, "Options, Futures, and Other Derivatives", ch. 3; domain reference 4.11.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import hypot

import numpy as np

from flatbook.exposure.aggregate import Exposure
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.measures import CALENDAR_DAYS, Measure
from flatbook.model.parameters import Desk
from flatbook.model.table import Floats, InstrumentTable


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldProxy:
    """A hedge instrument in a book that does not follow its underlying wholly."""

    terms: HedgeTerms
    deviation_usd: (
        float  # of its basis over the desk's holding time; NaN where the underlying has no volatility
    )


def minimum_variance_ratio(*, correlation: float, vol_exposure: float, vol_hedge: float) -> float:
    """h* = rho s_x / s_h: units of hedge for a unit of exposure, in the units the volatilities are in."""
    return correlation * vol_exposure / vol_hedge


def hedge_contracts(*, ratio: float, exposure: float, contract_size: float) -> float:
    """Contracts, not rounded, that hedge `exposure` units with contracts of `contract_size` units."""
    return ratio * exposure / contract_size


def effectiveness(correlation: float) -> float:
    """Share of the variance that the hedge of least variance removes: rho squared."""
    return correlation**2


def basis_deviation_usd(*, hedged_usd: float, correlation: float, vol: float, years: float) -> float:
    """Standard deviation, in USD over `years`, of an exposure of `hedged_usd` that a proxy hedges."""
    return abs(hedged_usd) * vol * float(np.sqrt(max(1.0 - effectiveness(correlation), 0.0) * years))


def held_proxies(
    exposure: Exposure, spot_vol: Floats, table: InstrumentTable, desk: Desk
) -> tuple[HeldProxy, ...]:
    """Every proxy of a book, in the order of the desk's hedges.

    Parameters
    ----------
    exposure : Exposure
        Of the book.
    spot_vol : float64[n_underlyings]
        Annual decimal, at 30 days; NaN where it is unknown.
    table : InstrumentTable
        That lists the desk's hedges.
    desk : Desk
    """
    years = desk.appetite.holding_days / CALENDAR_DAYS
    out = []
    for terms in desk.hedges:
        row = table.row_of(terms.instrument.symbol)
        if terms.correlation == 1.0 or not exposure.quantity[row]:
            continue
        deviation = basis_deviation_usd(
            hedged_usd=float(exposure.by_row[row, Measure.DELTA_USD]),
            correlation=terms.correlation,
            vol=float(spot_vol[table.underlying_of[row]]),
            years=years,
        )
        out.append(HeldProxy(terms=terms, deviation_usd=deviation))
    return tuple(out)


def basis_by_underlying(proxies: Iterable[HeldProxy], underlyings: Iterable[str]) -> dict[str, float]:
    """Standard deviation of the basis in USD, by underlying, and of the desk, "", as the root of the sum of squares.

    The bases of two proxies are taken as uncorrelated, of one underlying and of two. An underlying without a proxy has 0; NaN where a
    proxy's is unknown, and so for the desk.
    """
    out = dict.fromkeys(("", *underlyings), 0.0)
    for proxy in proxies:
        for name in ("", proxy.terms.instrument.underlying):
            out[name] = hypot(out[name], proxy.deviation_usd)
    return out
