"""From quotes to usable quotes: each one that is not used keeps its reason.

A usable quote has two sides, is not crossed, and stands inside the bounds that no arbitrage can break:
for the European value, max(D (F - K), 0) <= call <= D F and the mirror for puts (Merton 1973, section 2), with the
bid below the upper and the ask above the lower bound. Prices that break parity bounds cannot give a volatility.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from flatbook.model.table import Bools, Floats

Codes = NDArray[np.int8]


class QuoteStatus(IntEnum):
    """Why a quote is or is not used. The first that applies."""

    USABLE = 0
    EXPIRED = 1
    NO_QUOTE = 2
    NO_BID = 3
    NO_ASK = 4
    CROSSED = 5
    STALE = 6
    OUT_OF_BOUNDS = 7
    NO_VOL = 8  # no volatility gives this price, or the price is too small to tell one
    ABSURD_VOL = 9
    WIDE = 10
    STALE_COPY = 11


STATUS_TEXT: dict[QuoteStatus, str] = {
    QuoteStatus.USABLE: "usable",
    QuoteStatus.EXPIRED: "expired at or before the time of valuation",
    QuoteStatus.NO_QUOTE: "no quote on either side",
    QuoteStatus.NO_BID: "no bid",
    QuoteStatus.NO_ASK: "no offer",
    QuoteStatus.CROSSED: "bid above offer",
    QuoteStatus.STALE: "older than the freshness limit, or from the future",
    QuoteStatus.OUT_OF_BOUNDS: "outside the no-arbitrage bounds of its forward",
    QuoteStatus.NO_VOL: "time value too small to tell a volatility",
    QuoteStatus.ABSURD_VOL: "implied volatility outside 0.5 % to 1000 %",
    QuoteStatus.WIDE: "spread far wider than its class shows at this price",
    QuoteStatus.STALE_COPY: "an earlier snapshot under a new time, or quotes of a day without a session",
}

VOL_MIN, VOL_MAX = 0.005, 10.0


def sort_quotes(
    bid: Floats, ask: Floats, age_s: Floats, years: Floats, age_max_s: float, *, copied: Bools, wide: Bools
) -> Codes:
    """Tell usable quotes from the rest, by the quote alone.

    Parameters
    ----------
    bid, ask : float64[n]
        Prices; NaN where missing.
    age_s : float64[n]
        Seconds since the quote was received.
    years : float64[n]
        Time to expiry; 0 or less is expired.
    age_max_s : float
        Older quotes are stale.
    copied, wide : bool[n]
        Of `market.quote_memory`.

    Returns
    -------
    int8[n]
        `QuoteStatus`.
    """
    conditions = (
        (~(years > 0.0), QuoteStatus.EXPIRED),
        (np.isnan(bid) & np.isnan(ask), QuoteStatus.NO_QUOTE),
        (np.isnan(bid), QuoteStatus.NO_BID),
        (np.isnan(ask), QuoteStatus.NO_ASK),
        (~(bid <= ask), QuoteStatus.CROSSED),
        (~((age_s >= 0.0) & (age_s <= age_max_s)), QuoteStatus.STALE),
        (copied, QuoteStatus.STALE_COPY),
        (wide, QuoteStatus.WIDE),
    )
    return np.select(
        [where for where, _ in conditions], [code for _, code in conditions], QuoteStatus.USABLE
    ).astype(np.int8)


def outside_bounds(
    bid: Floats,
    ask: Floats,
    forward: Floats,
    strike: Floats,
    discount: Floats,
    sign: Floats,
    lower_floor: Floats,
) -> NDArray[np.bool_]:
    """Tell which two-sided quotes no model can reach.

    `lower_floor` is the immediate exercise value for American series and 0 for European ones; all prices in the
    currency of the strike. NaN forwards are judged elsewhere and pass here.
    """
    intrinsic = np.maximum(discount * sign * (forward - strike), lower_floor)
    upper = np.where(sign > 0.0, np.maximum(discount, 1.0) * forward, np.maximum(discount, 1.0) * strike)
    return (ask < intrinsic) | (bid > upper)
