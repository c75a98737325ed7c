"""`make bench`: our trees against QuantLib, our surfaces against SciPy, as ratios with their spread, and the whole command.

The vectorised kernels have a report of their own: `make bench-kernels`. What goes over sockets is measured by itself:
`python -m benchmarks.wire_to_wire` and `python -m benchmarks.venue_socket`.
"""

from itertools import chain

import numpy as np

from benchmarks import (
    american,
    cycle,
    exposure,
    hedging,
    limits,
    margin,
    option_offset,
    orders,
    plan,
    quoting,
    simulation,
    surface,
    surface_look,
    tick,
    value_function,
)
from benchmarks.peers.stopwatch import Work, time_calls

ROUNDS = 7
_LEAST_S = 0.01


def ratio(ours: Work, peer: Work, scale: float) -> tuple[float, float, float, float]:
    """Median, 10 % and 90 % of peer / ours, and our median seconds; `scale` where the peer does a share of the work."""
    ours()
    peer()
    pairs = [(time_calls(ours, _LEAST_S)[0], time_calls(peer, _LEAST_S)[0] * scale) for _ in range(ROUNDS)]
    mine, theirs = np.array(pairs).T
    return (*np.quantile(theirs / mine, [0.5, 0.1, 0.9]).tolist(), float(np.median(mine)))


def main() -> None:
    """Run every comparison and print a line each."""
    print(f"{'workload':54} {'peer':34} {'peer/ours':>10} {'10 %':>8} {'90 %':>8} {'ours':>10}")
    for name, peer_name, ours, peer, scale in chain(
        american.comparisons(), surface.comparisons(), surface_look.comparisons()
    ):
        middle, low, high, mine = ratio(ours, peer, scale)
        print(f"{name:54} {peer_name:34} {middle:10.1f} {low:8.1f} {high:8.1f} {mine * 1e3:8.2f}ms")
    for line in chain(
        exposure.timings(),
        limits.timings(),
        margin.timings(),
        hedging.timings(),
        option_offset.timings(),
        value_function.timings(),
        quoting.timings(),
        orders.timings(),
        plan.timings(),
        cycle.timings(),
        tick.timings(),
        simulation.timings(),
    ):
        print(line, flush=True)


if __name__ == "__main__":
    main()
