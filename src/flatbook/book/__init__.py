"""Book: what we hold.

In: fills, corrections and busts, settlements, exercises and adjustments. Out: positions, cash and fees per instrument row.
Holds: each counts once, in any order; a fill and its bust leave no trace.
"""
