"""One cycle at both speeds, and a reprice in which one of 20 underlyings moved beside one in which all did: `python -m benchmarks.cycle`."""

import platform
import sys
from collections.abc import Iterator
from time import perf_counter

import numpy as np
from tests.engine.incremental_worlds import World

_ROUNDS = 40


def seconds_of(world: World, moved: tuple[str, ...], *, refit: bool, rounds: int = _ROUNDS) -> float:
    """Least seconds of a cycle before which the price and all quotes of the `moved` underlyings came."""
    took = []
    for number in range(rounds):
        for name in moved:
            world.price(name, 5000.0 + number % 7)
            world.quote(name, 0.05 * (number % 3))
        world.now_ns += 1_000_000_000
        start = perf_counter()
        world.due(refit=refit, seconds=0.0)
        took.append(perf_counter() - start)
    return float(min(took[3:]))


def _ready(count: int, days: tuple[int, ...], width: float) -> World:
    world = World(count, days=days, width=width, send=True)
    for name in world.names:
        for at in range(0, 10, 2):
            world.fill(name, at, quantity=3)
    world.due(refit=True)
    return world


def timings() -> Iterator[str]:
    """Milliseconds of both speeds, and the ratio."""
    for days, width in (((30,), 0.035), ((7, 14, 30, 60, 90), 0.125)):
        world = _ready(1, days, width)
        fitted = seconds_of(world, world.names, refit=True)
        repriced = seconds_of(world, world.names, refit=False)
        series = int(world.state.table.is_option.sum())
        yield f"a cycle, {series:4d} series: refit {1e3 * fitted:5.1f} ms, reprice {1e3 * repriced:5.1f} ms"
    world = _ready(20, (30,), 0.035)
    fitted = seconds_of(world, world.names, refit=True, rounds=10)
    every = seconds_of(world, world.names, refit=False)
    one = seconds_of(world, world.names[:1], refit=False)
    none = seconds_of(world, (), refit=False)
    yield (
        f"a cycle, 20 underlyings: refit {1e3 * fitted:.1f} ms, reprice of all {1e3 * every:.1f} ms, "
        f"of one {1e3 * one:.1f} ms, of none {1e3 * none:.1f} ms; one / all {one / every:.2f}, "
        f"less what none costs {(one - none) / (every - none):.2f}"
    )


def main() -> None:
    """Print them."""
    out = sys.stdout
    out.write(f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}\n")
    for line in timings():
        out.write(f"{line}\n")


if __name__ == "__main__":
    main()
