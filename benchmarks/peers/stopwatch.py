"""How long a call takes and how many cores it keeps busy: one stopwatch for ours and for every peer.

Depends on the standard library only, because peers import it in an environment of their own.
"""

import math
from collections.abc import Callable
from time import perf_counter, process_time

Work = Callable[[], object]


def time_calls(work: Work, least_s: float) -> tuple[float, float]:
    """Time one call, and where it is short, so many more that together they last.

    Parameters
    ----------
    work : callable
        Returns when its result is there.
    least_s : float
        Seconds that the timed calls last together. The first call, whose caches are cold, counts only where it lasts
        that long by itself.

    Returns
    -------
    seconds : float
        Wall time of a call.
    cores : float
        Processor time of the process over wall time.
    """
    seconds, cores = _time_many(work, 1)
    if seconds >= least_s:
        return seconds, cores
    return _time_many(work, math.ceil(least_s / max(seconds, 1e-7)))


def _time_many(work: Work, calls: int) -> tuple[float, float]:
    busy, start = process_time(), perf_counter()
    for _ in range(calls):
        work()
    seconds = perf_counter() - start
    return seconds / calls, (process_time() - busy) / seconds
