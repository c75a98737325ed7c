"""The no-trade band around a flat delta.

Source: Whalley and Wilmott (1997), "An asymptotic analysis of an optimal hedging model for option pricing with
transaction costs", Math. Finance 7(3); domain reference 4.9: half-width in shares
((3/2) e^{-r(T-t)} c S Gamma^2 / aversion)^(1/3), with proportional cost c and the gamma of the whole book.
"""


def half_width_shares(
    *, cost_rate: float, spot: float, gamma: float, aversion_per_usd: float, discount: float = 1.0
) -> float:
    """Half-width of the band in shares.

    Parameters
    ----------
    cost_rate : float
        Cost of trading, as a share of the value traded.
    spot : float
    gamma : float
        Of the book, shares per currency unit of spot.
    aversion_per_usd : float
        Absolute risk aversion.
    discount : float
        e^{-r(T-t)} to the horizon of the hedge.

    Returns
    -------
    float
        0 where the book has no gamma.
    """
    return float((1.5 * discount * cost_rate * spot * gamma**2 / aversion_per_usd) ** (1.0 / 3.0))
