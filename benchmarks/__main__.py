"""`make bench`: ours against peers, interleaved in one run, as ratios with their spread.

An absolute time on a shared machine means little; the ratio of two runs taken in turn means something. Each row gives
peer time over our time: median and the 10 % to 90 % range over the rounds.
"""

from collections.abc import Callable
from time import perf_counter

import numpy as np

from flatbook.kernel_cache import use_kernel_cache

use_kernel_cache()

from benchmarks import american, european, kernels_american, kernels_dividends, kernels_european, plan  # noqa: E402 - the kernel cache is chosen before numba is imported

Work = Callable[[], object]
ROUNDS = 7


def seconds(work: Work) -> float:
    """Wall time of one call."""
    start = perf_counter()
    work()
    return perf_counter() - start


def ratio(ours: Work, peer: Work, scale: float) -> tuple[float, float, float, float]:
    """Median, 10 % and 90 % of peer / ours, and our median seconds; `scale` where the peer does a share of the work."""
    ours()
    peer()
    pairs = [(seconds(ours), seconds(peer) * scale) for _ in range(ROUNDS)]
    ratios = np.array([theirs / mine for mine, theirs in pairs])
    return (
        float(np.median(ratios)),
        *np.quantile(ratios, [0.1, 0.9]).tolist(),
        float(np.median([mine for mine, _ in pairs])),
    )


def main() -> None:
    """Run every comparison and print a line each."""
    print(f"{'workload':44} {'peer':34} {'peer/ours':>10} {'10 %':>8} {'90 %':>8} {'ours':>10}")
    for module in (european, american, kernels_european, kernels_american, kernels_dividends):
        for name, peer_name, ours, peer, scale in module.comparisons():
            middle, low, high, mine = ratio(ours, peer, scale)
            print(f"{name:44} {peer_name:34} {middle:10.1f} {low:8.1f} {high:8.1f} {mine * 1e3:8.2f}ms")
    for line in plan.timings():
        print(line)


main()
