"""Kernels: compiled arithmetic, numbers in, numbers out.

In: float arrays, one entry per option or quote. Out: arrays of the same length.
Holds: never raises; outside the model, or from NaN, the answer is NaN; a row never depends on its neighbours.
"""
