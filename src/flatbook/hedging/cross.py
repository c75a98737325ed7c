"""Hedging with something related: the ratio of least variance, and the basis risk that stays.

Source: Ederington (1979); Hull, "Options, Futures, and Other Derivatives", ch. 3; domain reference 4.11.
"""

import numpy as np


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
