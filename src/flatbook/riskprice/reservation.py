"""What the next lot of each series costs us beyond fair value, on each side, and what that is made of.

Buying moves the exposures by z e, selling by -z e: with the value function v the shift is (v(E) - v(E +- z e)) / z = z e'Ae +- g.e, g = 2AE + B
(domain reference 4.5). To it come the limits' barrier, marginal capital at the hurdle rate over the holding time (3.8), what the market
knows better, and the hedge of the lot. Our bid is at fair value less its shift and distance, our offer at fair value plus its own.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.model.table import Floats
from flatbook.riskprice.riccati import FactorStatus, SeriesFactors, ValueFunction

BID, OFFER = range(2)  # rows: we buy, we sell
_SIGN = np.array([[1.0], [-1.0]])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Charges:
    """What a lot costs beside its factor risk; all [2, n], USD per contract, BID and OFFER; negative where it is a gain."""

    barrier: Floats  # `riskprice.barrier`; infinite where a hard limit would be reached
    capital: Floats  # `capital_usd`
    adverse_selection: Floats  # expected markout against us
    hedge: Floats  # spread, fee and impact of the hedge of its delta


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reservation:
    """The shift of each side and its parts; all [2, n], USD per contract; plus: we want more for it."""

    shift_usd: Floats  # sum of the parts
    inventory_usd: Floats  # +- 2 e'AE: what we hold already
    flow_usd: Floats  # +- B.e: flow that comes from one side, and drift (alpha)
    own_usd: Floats  # z e'Ae: what the lot itself adds
    charges: Charges


def reservation(
    value: ValueFunction, exposure: Floats, series: SeriesFactors, contracts: Floats, charges: Charges
) -> Reservation:
    """Shift of the reservation price for the next lot of every series and side.

    Parameters
    ----------
    value : ValueFunction
    exposure : float64[F]
        Of the book; NaN of a priced factor makes a shift NaN.
    series : SeriesFactors
        n rows; exposures that are not known are not in the shift: `riccati.unpriced_series` tells which.
    contracts : float64[2, n]
        Of the next lot of each side.
    charges : Charges
    """
    priced = value.factor_status == FactorStatus.PRICED
    held = 2.0 * value.curvature @ np.where(priced, exposure, 0.0)
    inventory = _SIGN * _along(held, series)
    flow = _SIGN * _along(value.slope, series)
    own = contracts * value.own_usd
    shift = (
        inventory + flow + own + charges.barrier + charges.capital + charges.adverse_selection + charges.hedge
    )
    return Reservation(shift_usd=shift, inventory_usd=inventory, flow_usd=flow, own_usd=own, charges=charges)


def capital_usd(marginal_usd: Floats, hurdle_per_year: float, holding_years: float) -> Floats:
    """Cost of the capital that one more contract takes up, of the shape of `marginal_usd`; negative where it frees some.

    Parameters
    ----------
    marginal_usd : float64[2, n]
        Change of the requirement, USD per contract.
    hurdle_per_year : float
        What capital must earn, as a decimal.
    holding_years : float
        For how long a contract stays.
    """
    return np.asarray(hurdle_per_year * holding_years * marginal_usd)


def no_charges(n: int) -> Charges:
    """Nothing but factor risk."""
    none = np.zeros((2, n))
    return Charges(barrier=none, capital=none, adverse_selection=none, hedge=none)


def _along(price: Floats, series: SeriesFactors) -> Floats:
    """Price times exposure of each series, [n]; NaN where nothing is known of it."""
    kinds = series.e.shape[1]
    by_block = price.reshape(-1, kinds)
    out = np.zeros(series.e.shape[0])
    for block in range(by_block.shape[0]):
        mine = series.block_of == block
        e = series.e[mine]
        out[mine] = np.where(np.isfinite(e), e, 0.0) @ by_block[block]
    return np.where(series.known, out, np.nan)
