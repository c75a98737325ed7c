"""Cash dividends to come: which of them each expiry meets, and which are so far off that they fall with the price.

Source: domain reference 4.18 (cash near, proportional far). A board sets the next dividends in cash; those years away follow
the price. From the horizon on a dividend becomes a share of the price, step by step over a year, so that none jumps as
time brings it nearer; shares keep the forward at today's price (`market.borrow.blend_dividends`). An expiry carries the
shares before it as one continuous yield, in its forward and in its valuation alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flatbook.market.borrow import blend_dividends
from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Bools, Floats, Ints

_BLEND_YEARS = 1.0  # from all cash at the horizon to all share


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dividends:
    """Of one underlying, as its options are valued."""

    years: Floats  # float64[m]: to the ex-dates of what is paid in cash
    amount: Floats
    far_years: Floats  # float64[f]: to the ex-dates of what is a share of the price
    far_share: Floats

    def far_yield(self, years: float) -> float:
        """Continuous yield to an expiry that takes as much from its forward as the shares before it."""
        met = self.far_years < years
        return float(-np.log1p(-self.far_share[met]).sum()) / years if met.any() else 0.0


def in_cash(years: Floats, amount: Floats) -> Dividends:
    """All of them in cash."""
    return Dividends(years=years, amount=amount, far_years=np.empty(0), far_share=np.empty(0))


def split(years: Floats, amount: Floats, rate: Floats, spot: float, horizon_years: float) -> Dividends:
    """Cash until the horizon, a share of the price a year after it, in proportion between.

    Parameters
    ----------
    years, amount, rate : float64[m]
        To the ex-dates, above 0; per share; the continuous zero rate to each.
    spot : float
        Of the underlying.
    horizon_years : float
        0 or above.

    Returns
    -------
    Dividends
        All in cash where none lies beyond the horizon, where there is no spot, and where they are more than it carries.
    """
    if not ((years > horizon_years).any() and spot > 0.0):
        return in_cash(years, amount)
    order = np.argsort(years, kind="stable")
    try:
        blended = blend_dividends(
            years[order],
            amount[order],
            rate[order],
            spot,
            cash_until_years=horizon_years,
            share_from_years=horizon_years + _BLEND_YEARS,
        )
    except InvalidValueError:
        return in_cash(years, amount)
    cash, far = blended.cash > 0.0, blended.share > 0.0
    return Dividends(
        years=blended.years[cash],
        amount=blended.cash[cash],
        far_years=blended.years[far],
        far_share=blended.share[far],
    )


def schedules(
    years: Sequence[Floats], amount: Sequence[Floats], underlying_of_slice: Ints, on_future: Bools
) -> tuple[Floats, Floats, Ints]:
    """The cash dividends of all underlyings one after the other, and which part each expiry meets.

    Parameters
    ----------
    years, amount : one float64[m] an underlying
    underlying_of_slice : int64[s]
    on_future : bool[s]
        A future is what options of the expiry stand on: it pays none.

    Returns
    -------
    float64[m], float64[m], int64[s, 2]
        Times, amounts, and first and stop of each expiry.
    """
    ends = np.cumsum([0, *(one.size for one in years)], dtype=np.int64)
    met = np.column_stack((ends[:-1], ends[1:]))[underlying_of_slice]
    met[on_future] = 0
    return np.concatenate((np.empty(0), *years)), np.concatenate((np.empty(0), *amount)), met
