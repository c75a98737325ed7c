"""Exposure: what the book risks.

In: positions and values. Out: measures by series, class, expiry bucket, underlying and desk; scenario slides; gaps; what
a hedge would leave.
Holds: a total equals the sum of its parts; a series that cannot be valued counts at its worst case, in the open.
"""
