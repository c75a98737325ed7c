"""Valuation: what one contract is worth and what it risks, in desk units.

In: the market view. Out: a theoretical price and the table of measures per contract, and full revaluations.
Holds: raw Greeks become desk units here and nowhere else; a contract that cannot be valued has a reason.
"""
