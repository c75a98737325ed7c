"""From a moved price to exposure, limits, hedge test and two-sided quotes of a whole class, on one core: `python -m benchmarks.tick`.

Real chains of SPX and GOOG where their files are, a made-up one otherwise. The ticks are a random walk within the trusted range. Beside
it, in the same run: a reprice cycle of the same prices, making a cycle ready for ticks, and what other libraries take for values
and greeks alone, without exposure, limits, hedges and quotes. NautilusTrader is asked where `FLATBOOK_NAUTILUS` names a Python that has it.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from time import perf_counter, perf_counter_ns, thread_time_ns

import numpy as np

from benchmarks.report.quantlib_american import FAST, Americans
from benchmarks.report.quantlib_european import Europeans
from benchmarks.tick_worlds import DATA, GOOG_DAY, SPX_DAY, TickWorld, goog_world, made_up_world, spx_world
from flatbook.engine.step import step
from flatbook.engine.tick import prepare_tick, tick
from flatbook.engine.ticking import ready, recorded
from flatbook.model.events import TickDue, UnderlyingQuoted

TICKS, FACTS, PEER_ROUNDS = 20_000, 3_000, 3
_FEW = 2_000  # ticks where other benchmarks run beside it
_STEP = 2e-5  # of the walk, relative: about a second of an index at 16 %
_WINDOW = 1_000  # ticks
_SHARE = 0.8  # of the trusted range in which the walk stays

_NAUTILUS = """
import json, sys
from time import perf_counter
import nautilus_trader
from nautilus_trader.core.nautilus_pyo3 import black_scholes_greeks
rows = json.load(sys.stdin)
best = 1e9
for _ in range(5):
    start = perf_counter()
    for spot, rate, vol, is_call, strike, years in rows:
        black_scholes_greeks(spot, rate, rate, vol, is_call, strike, years)
    best = min(best, perf_counter() - start)
print(json.dumps([nautilus_trader.__version__, best]))
"""


def walk(spot: float, reach: float, count: int, seed: int = 1) -> np.ndarray:
    """Prices that stay within the range, turned back at its ends: float64[count]."""
    moves = np.cumsum(np.random.default_rng(seed).normal(0.0, _STEP, count))
    width = _SHARE * reach
    folded = np.abs((moves + width) % (4.0 * width) - 2.0 * width) - width
    return spot * (1.0 + folded)


def ticks(world: TickWorld, count: int = TICKS) -> tuple[np.ndarray, np.ndarray, float, int]:
    """Microseconds of each tick, by the wall and of the processor, quotes changed on average, and how many asked for a reprice."""
    desk, now_ns = prepare_tick(world.cycle), world.cycle.now_ns
    took, busy, changed, refused = np.empty(count), np.empty(count), 0, 0
    for number, price in enumerate(walk(world.cycle.market.spot[0], desk.reach[0], count).tolist()):
        spot = np.array([price])
        processor, start = thread_time_ns(), perf_counter_ns()
        decided = tick(desk, spot, now_ns)
        took[number] = (perf_counter_ns() - start) / 1e3
        busy[number] = (thread_time_ns() - processor) / 1e3
        changed += decided.changed.size
        refused += decided.needs_reprice != ""
    return took[count // 100 :], busy[count // 100 :], changed / count, refused


def quietest(took: np.ndarray, share: float) -> float:
    """A percentile in the window of ticks, one after the other, in which it is least: other processes share the machine."""
    windows = took[: took.size // _WINDOW * _WINDOW].reshape(-1, min(_WINDOW, took.size))
    return float(np.percentile(windows, share, axis=1).min())


def facts(world: TickWorld, count: int = FACTS) -> tuple[np.ndarray, int]:
    """Microseconds from a price to a decision in bytes, through `step`, and how many were a reprice."""
    desk = ready(world.state)
    took, refused = np.empty(count), 0
    for number, price in enumerate(walk(world.cycle.market.spot[0], desk.reach[0], count, seed=2).tolist()):
        now_ns, at = world.now_ns + number * 1_000_000, world.state.sequence
        told = UnderlyingQuoted(received_ns=now_ns, sequence=at + 1, underlying=world.name, price=price)
        due = TickDue(received_ns=now_ns, sequence=at + 2, reason="spot")
        start = perf_counter_ns()
        step(world.state, told)
        cycle = step(world.state, due)
        recorded(world.state, cycle)
        took[number] = (perf_counter_ns() - start) / 1e3
        refused += cycle is not None
        if cycle is not None:
            ready(world.state)
    return took[count // 100 :], refused


def least_ms(work, rounds: int = 5) -> float:
    """Of some calls, the quickest."""
    took = []
    for _ in range(rounds):
        start = perf_counter()
        work()
        took.append(perf_counter() - start)
    return 1e3 * min(took)


def repriced_ms(world: TickWorld) -> float:
    """A cycle without a fit, after a move."""
    spot = world.cycle.market.spot[0]

    def again() -> None:
        world.price(spot * (1.0 + 1e-4 * (len(world.facts) % 3)))
        world.due()

    return least_ms(again)


def quantlib_ms(world: TickWorld) -> tuple[str, float]:
    """Values and greeks of the same series at a moved spot, the quickest way that it has for objects made once."""
    market, table = world.cycle.market, world.cycle.table
    rows = np.flatnonzero(table.is_option & np.isfinite(market.vol) & (market.years > 0.0))
    spot, slices = float(market.spot[0]), table.slice_of[rows]
    if table.american[rows].any():
        columns = (
            np.full(rows.size, spot), table.strike[rows], market.years[rows], market.vol[rows],
            market.slice_rate[slices], market.slice_yield[slices], table.sign[rows],
        )  # fmt: skip
        americans = Americans(np.stack(columns), FAST())
        return "American, price, delta, gamma", least_ms(lambda: americans.greeks(1e-4), 1)
    days = np.maximum(np.rint(market.years[rows] * 365.0), 1.0).astype(int)
    rate = float(np.nanmedian(market.slice_rate))
    europeans = Europeans(spot, table.strike[rows], days, market.vol[rows], rate, rate, table.sign[rows])
    moved = iter(spot * (1.0 + 1e-4 * np.arange(100)))
    return "price and four greeks", least_ms(lambda: europeans.values(next(moved)), PEER_ROUNDS)


def nautilus_ms(world: TickWorld) -> tuple[str, float]:
    """Its greeks of one option after the other; why not, and NaN, where it is not there."""
    python = os.environ.get("FLATBOOK_NAUTILUS", "")
    if not python:
        return "not measured: FLATBOOK_NAUTILUS names no Python that has it", float("nan")
    market, table = world.cycle.market, world.cycle.table
    rows = np.flatnonzero(table.is_option & np.isfinite(market.vol) & (market.years > 0.0)).tolist()
    told = [
        (
            float(market.spot[0]), 0.02, float(market.vol[row]), bool(table.sign[row] > 0.0),
            float(table.strike[row]), float(market.years[row]),
        )
        for row in rows
    ]  # fmt: skip
    ran = subprocess.run(
        [python, "-c", _NAUTILUS], input=json.dumps(told), capture_output=True, text=True, check=False
    )
    if ran.returncode:
        return f"not measured: {ran.stderr.strip().splitlines()[-1]}", float("nan")
    version, seconds = json.loads(ran.stdout)
    return f"{version}, European greeks one by one", 1e3 * seconds


def lines_of(name: str, world: TickWorld, count: int = TICKS) -> Iterator[str]:
    """What one desk took."""
    quoted = int((world.cycle.quotes.bid >= 0).sum())
    held = int((world.cycle.held.quantity != 0).sum())
    yield f"{name}: {world.series} series, {quoted} with a bid, {held} held, {len(world.cycle.standing.limits)} limits"
    took, busy, changed, refused = ticks(world, count)
    p50 = float(np.percentile(took, 50))
    yield (
        f"  tick:            p50 {p50:6.0f} us, p99 {np.percentile(took, 99):6.0f} us; in the quietest {_WINDOW} of them "
        f"{quietest(took, 50):.0f} and {quietest(took, 99):.0f} us; of the processor {np.percentile(busy, 50):.0f} and "
        f"{np.percentile(busy, 99):.0f} us"
    )
    yield f"                   {changed:.0f} quotes changed, {refused} of {count} asked for a reprice"
    made = least_ms(lambda: prepare_tick(world.cycle), 3)
    reprice = repriced_ms(world)
    words, quantlib = quantlib_ms(world)
    yield f"  made ready:      {made:6.1f} ms; a reprice cycle {reprice:.1f} ms, {1e3 * reprice / p50:.0f} ticks"
    yield f"  QuantLib:        {quantlib:6.1f} ms ({words}), {1e3 * quantlib / p50:.0f} ticks"
    words, nautilus = nautilus_ms(world)
    yield f"  NautilusTrader:  {nautilus:6.1f} ms ({words}), {1e3 * nautilus / p50:.1f} ticks"
    world.cycle = world.due(refit=True)
    through, cycles = facts(world, min(FACTS, count))
    yield (
        f"  price to bytes:  p50 {np.percentile(through, 50):6.0f} us, p99 {np.percentile(through, 99):6.0f} us, in the quietest "
        f"{_WINDOW} {quietest(through, 50):.0f} and {quietest(through, 99):.0f} us; {cycles} were a reprice"
    )


def worlds() -> Iterator[tuple[str, TickWorld]]:
    """The desks that can be made here."""
    yield (
        "made-up index",
        made_up_world(days=(3, 7, 14, 21, 30, 45, 60, 90, 120, 150, 180, 270, 365), width=0.19),
    )
    if (DATA / SPX_DAY).exists():
        yield "SPX 2019-05-09", spx_world(aversion=1e-9)
    if (DATA / GOOG_DAY).exists():
        yield "GOOG 2015-12-24", goog_world()


def timings() -> Iterator[str]:
    """The same of fewer ticks, for `make bench`."""
    for name, world in worlds():
        yield from lines_of(name, world, _FEW)


def main() -> None:
    """Print it."""
    out = sys.stdout
    out.write(f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}\n")
    for name, world in worlds():
        for line in lines_of(name, world):
            out.write(f"{line}\n")
            out.flush()


if __name__ == "__main__":
    main()
