"""One file a page: what it shows of a snapshot.

In: a snapshot. Out: a model of JSON, and columns. Holds: pure; NaN becomes null, never 0.
"""
