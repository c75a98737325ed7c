"""Time to expiry in years: the only place where instants become years."""

import numpy as np

from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.table import Floats, Ints

NS_PER_DAY = 86_400 * 1_000_000_000
NS_PER_YEAR = CALENDAR_DAYS * NS_PER_DAY


def tau(now_ns: int, then_ns: Ints) -> Floats:
    """Calendar years (act/365) from `now_ns` to each instant; never below 0.

    Parameters
    ----------
    now_ns : int
        UTC nanoseconds.
    then_ns : int64[n]
        UTC nanoseconds.

    Returns
    -------
    float64[n]
    """
    return np.maximum(then_ns - now_ns, 0) / NS_PER_YEAR
