"""Underlyings whose price is too old to measure by.

Source: domain reference 7.2 (stale filter) and 8.3 (failures to test). Silence is no evidence that a price did not move.
"""

from flatbook.market.view import MarketView


def stale_prices(market: MarketView, after_s: float) -> dict[str, str]:
    """Why a price is too old, by underlying.

    Parameters
    ----------
    market : MarketView
    after_s : float
        A price is stale once it is older than that many seconds; 0: never.

    Returns
    -------
    dict of str to str
        An underlying that never had a price is not in it: there is nothing to be old.
    """
    if after_s == 0.0:
        return {}
    return {
        name: f"the price of {name} is {age:,.0f} s old, stale after {after_s:,.0f} s"
        for name, age in zip(market.table.underlyings, market.spot_age_s.tolist(), strict=True)
        if age > after_s
    }
