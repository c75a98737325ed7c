"""Hedging: what we would trade to be safe.

In: exposure, risk price, standing, hedge instruments. Out: proposed trades in whole lots, each with its band, its cost,
what it removes and what it leaves.
Holds: a hedge never makes the delta it hedges larger; it is proposed only while the risk it removes is worth more than it costs.
"""
