"""One option as the columns that kernels take."""

import numpy as np

NONE = np.empty(0)


def columns(*values):
    """Each number as a column of one row, or of as many rows as the longest."""
    arrays = np.broadcast_arrays(*(np.atleast_1d(np.asarray(value, dtype=float)) for value in values))
    return tuple(np.ascontiguousarray(array) for array in arrays)
