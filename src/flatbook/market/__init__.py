"""Market: what the market looks like now.

In: quotes, underlyings, futures, rates, dividends, and the time. Out: a view with usable quotes, and for each expiry a
forward, a discount factor and a smile; each quote that is not used has its reason.
Holds: nothing is filled in silently; what could not be found is NaN with a reason.
"""
