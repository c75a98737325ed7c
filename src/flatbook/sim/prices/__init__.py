"""Prices: a simulated day's market, from its terms and a seed.

In: terms of underlyings, options, hedges and news. Out: moments of the market, what a desk is told of it before the open, and its
whole path.
Holds: the same seed gives the same bytes; fair values cannot be arbitraged, and spot moves by as much as they say.
"""
