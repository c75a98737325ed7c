"""Experiments: what a policy is worth, over many seeded days.

In: days as they were run (`record`). Out: what each came to (`account`), and what a policy came to over all of them, with intervals.
Holds: P&L is told apart without a remainder; policies meet the same seeds; the same runs give the same figures.
"""
