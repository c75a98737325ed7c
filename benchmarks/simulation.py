"""A simulated day of one class of 500 series, with 100,000 facts and more for the desk: `python -m benchmarks.simulation`.

The world is that of the shipped calm day, its listing wider (five expiries of 50 strikes) and its market finer: it moves
every second, and every move tells the desk the underlying's price and, in one message for each expiry, the quote of every series that
changed, which is most of them. Customers send 8,000 orders; the desk has every lever, sends its orders, decides once a minute and refits
every fifth time. What is counted are facts as the engine takes them, and beside them the rows of quotes within, which are many times as many.
"""

import platform
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import as_file, files
from itertools import pairwise
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from msgspec.structs import replace

from flatbook.adapters.scenario_file.read import read_scenario
from flatbook.model.events import Fill, QuotesSeen, UnderlyingQuoted
from flatbook.model.facts import Fact
from flatbook.model.order_events import OrdersAnswered
from flatbook.model.world_price_terms import ClassTerms
from flatbook.sim.customers.orders import customer_orders
from flatbook.sim.day import Day
from flatbook.sim.feed import FeedMessage
from flatbook.sim.policies import POLICIES
from flatbook.sim.prices.market import simulated_market
from flatbook.sim.stage import Stage, staged
from flatbook.sim.storage import Storage

SEED = 1
SPACING_S = 1.0
CYCLE_S = 60.0
REFIT_EVERY = 5
ORDERS = 8_000.0
_EXPIRY_DAYS = (2, 9, 16, 30, 58)
_STRIKES, _STRIKE_SPACING = 50, 25.0
_MINUTES = 390.0
_COLUMNS = ("symbols", "bid_ticks", "ask_ticks", "bid_sizes", "ask_sizes")
_KINDS: dict[type, str] = {
    UnderlyingQuoted: "prices",
    QuotesSeen: "messages of quotes",
    Fill: "fills",
    OrdersAnswered: "answers to orders",
}


@dataclass(slots=True)
class Parts:
    """Processor seconds of each part of a day, and what it took; a part within another is taken out of that one."""

    seconds: dict[str, float] = field(default_factory=dict)
    facts: dict[str, int] = field(default_factory=dict)
    rows: int = 0  # of quotes
    cycles: list[tuple[bool, float]] = field(default_factory=list)  # a refit, seconds
    _inner: list[float] = field(default_factory=lambda: [0.0])

    def time(self, part: str, owner: object, *names: str) -> None:
        """Time calls of an object's methods from now on."""
        for name in names:
            setattr(owner, name, partial(self.call, part, getattr(owner, name)))

    def call(self, part: str, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Do `work` on the account of a part."""
        start = process_time()
        self._inner.append(0.0)
        try:
            return work(*args, **kwargs)
        finally:
            took = process_time() - start
            self.seconds[part] = self.seconds.get(part, 0.0) + took - self._inner.pop()
            self._inner[-1] += took

    def take(self, work: Callable[[Iterable[Fact]], None], facts: Iterable[Fact]) -> None:
        """Count facts, and let the desk take them."""
        told = tuple(facts)
        for fact in told:
            kind = _KINDS.get(type(fact), "others")
            self.facts[kind] = self.facts.get(kind, 0) + 1
            if isinstance(fact, QuotesSeen):
                self.rows += len(fact.symbols)
        self.call("fold", work, told)

    def decide(self, work: Callable[..., Any], *args: Any, refit: bool) -> Any:
        """Time a cycle by itself too."""
        start = process_time()
        cycle = self.call("cycle", work, *args, refit=refit)
        self.cycles.append((cycle.refit, process_time() - start))
        return cycle


class TimedDay(Day):
    """A day that is timed, whose desk decides every so often and not after every move of the market."""

    def __init__(self, stage: Stage, seed: int, parts: Parts, storage: Storage | None = None) -> None:
        market = parts.call("world", simulated_market, stage.scenario.prices, seed)
        orders = parts.call("world", customer_orders, stage.scenario.flow, market, seed)
        super().__init__(stage, POLICIES["joint"], seed, market, orders, storage=storage)
        parts.time("world", market, "moment")
        parts.time("exchange", self.exchange, "see", "requote", "customer", "take", "halt", "best_of_desk")
        parts.time("wire", self.feed, "publish")
        parts.time("wire", self.wire, "to_desk", "to_venue", "heartbeat")
        parts.time("wire", self.desk, "hear", "listen", "receive")
        self._ends = np.flatnonzero(np.diff(self.table.expiry_ns)) + 1  # rows at which another expiry begins
        setattr(self.desk.feed, "read", partial(self._read, self.desk.feed.read))  # noqa: B010
        process = self.desk.process
        if process.journal is not None:
            parts.time("journal", process.journal, "append", "append_decision")
        setattr(process, "take", partial(parts.take, process.take))  # noqa: B010 - a method, replaced for this object
        setattr(process, "decide", partial(parts.decide, process.decide))  # noqa: B010

    def _read(
        self, read: Callable[..., tuple[Fact, ...]], message: FeedMessage, **when: int
    ) -> tuple[Fact, ...]:
        """Facts of a message of the feed, with one for the quotes of each expiry."""
        out: list[Fact] = []
        for fact in read(message, **when):
            if not isinstance(fact, QuotesSeen):
                out.append(fact)
                continue
            cuts = [0, *np.searchsorted(message.rows, self._ends).tolist(), len(fact.symbols)]
            out += [
                replace(fact, **{name: getattr(fact, name)[begin:end] for name in _COLUMNS})
                for begin, end in pairwise(cuts)
                if begin < end
            ]
        return tuple(out)

    def _soon(self, after_s: float = 0.0) -> None:
        super()._soon(max(after_s, CYCLE_S))


def stage_of(
    spacing_s: float = SPACING_S, orders: float = ORDERS, strikes: int = _STRIKES, minutes: float = _MINUTES
) -> Stage:
    """The stage of the day."""
    with as_file(files("flatbook.sim") / "scenarios") as folder:
        read = read_scenario(Path(folder) / "calm-day.toml")
    scenario = read.scenario
    index = scenario.prices.underlyings[0]
    options = ClassTerms(
        name=index.symbol, expiry_days=_EXPIRY_DAYS, strikes=strikes, strike_spacing=_STRIKE_SPACING
    )
    prices = replace(
        scenario.prices,
        spacing_seconds=spacing_s,
        session_minutes=minutes,
        underlyings=(replace(index, classes=(options,)), *scenario.prices.underlyings[1:]),
    )
    customers = tuple(replace(each, orders_per_day=orders) for each in scenario.flow.customers)
    scenario = replace(
        scenario,
        prices=prices,
        flow=replace(scenario.flow, customers=customers),
        cycle_s=CYCLE_S,
        refit_every=max(round(REFIT_EVERY * CYCLE_S / spacing_s), 1),
    )
    return staged(scenario, read.desk.desk, read.desk.limits)


def run(stage: Stage, *, journal: bool) -> list[str]:
    """Run the day, and say what it took."""
    parts = Parts()
    wall, start = perf_counter(), process_time()
    day = TimedDay(stage, SEED, parts, Storage() if journal else None)
    day.run()
    took, wall = process_time() - start, perf_counter() - wall
    facts, cycles = sum(parts.facts.values()), len(parts.cycles)
    series = int(day.table.is_option.sum())
    parts.seconds["loop and record"] = took - sum(parts.seconds.values())
    fits = np.array([seconds for refit, seconds in parts.cycles if refit])
    repriced = np.array([seconds for refit, seconds in parts.cycles if not refit])
    told = ", ".join(f"{number:,d} {kind}" for kind, number in sorted(parts.facts.items()))
    shares = sorted(parts.seconds.items(), key=lambda each: -each[1])
    sent, kind = day.recorder.counts.get("orders", 0), "journal in memory" if journal else "no journal"
    out = [f"a day of {series:,d} series, {kind}: {took:.1f} s of processor time, {wall:.1f} s elapsed"]
    out.append(
        f"  {facts:,d} facts ({told}), {parts.rows:,d} rows of quotes, "
        f"{cycles} cycles ({fits.size} refits), {sent:,d} orders sent"
    )
    out.append(
        f"  {facts / took:,.0f} facts/s, {parts.rows / took:,.0f} rows/s, {cycles / took:.1f} cycles/s; "
        f"refit {1e3 * np.median(fits):.1f} ms, reprice {1e3 * np.median(repriced):.1f} ms (medians)"
    )
    out.append("  " + ", ".join(f"{part} {each:.1f} s ({each / took:.0%})" for part, each in shares))
    return out


def timings() -> Iterable[str]:
    """The day without a journal, and with one in memory."""
    stage = stage_of()
    run(stage_of(spacing_s=900.0), journal=True)  # kernels are compiled, or read, before the clock runs
    for journal in (False, True):
        yield from run(stage, journal=journal)


def main() -> None:
    """Print them."""
    out = sys.stdout
    out.write(f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}\n")
    for line in timings():
        out.write(f"{line}\n")
        out.flush()


if __name__ == "__main__":
    main()
