"""Recorded: a real day played again as the market of a simulation, its trades as what customers send.

In: bars of a recording, as columns. Out: moments of a market, and customers' orders.
Holds: nothing is shown before it was known; what nobody quoted has no worth here; a trade whose side nobody can tell is left out.
"""
