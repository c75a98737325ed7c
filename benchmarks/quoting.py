"""Quotes of 2,000 series: the columns of their distances, whole quotes with and without duties, and a plain Python loop: `python -m benchmarks.quoting`."""

import math
import platform
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

import numpy as np
from msgspec.structs import replace as changed
from tests.engine.test_step import run
from tests.worlds import NOW_NS, fill, index_desk, index_facts

from flatbook.engine.cycle import Cycle
from flatbook.model.obligation_terms import ObligationRule, WidthBand
from flatbook.model.protection_terms import Counted, ProtectionRule, ScopeKind, Tally, Threshold, WindowKind
from flatbook.model.quoting_terms import DutyTerms, FastMarketTerms, ProtectionTerms
from flatbook.model.table import Floats
from flatbook.quoting.distance import optimal_distance
from flatbook.quoting.propose import propose
from flatbook.quoting.state import QuotingState, conditions_at, see_quotes_at_work, up_to
from flatbook.riskprice.intensity import Intensity, logistic

_ROUNDS = 200


def timings() -> list[str]:
    """Medians and least of `_ROUNDS`, in milliseconds, and how many times as long a loop over series takes."""
    random = np.random.default_rng(7)
    cycle = _cycle()
    options = np.flatnonzero(cycle.table.is_option)[:2_000]
    n = options.size
    flows = logistic(
        random.uniform(100.0, 1000.0, 2 * n),
        random.uniform(-0.5, 1.5, 2 * n),
        random.uniform(0.5, 3.0, 2 * n),
        random.uniform(10.0, 100.0, 2 * n),
    )
    shift = (
        random.normal(0.0, 1.0, 2 * n) / flows.decay_per_usd
    )  # a fill costs about as much as a quote earns
    anywhere = np.full(2 * n, -np.inf)
    quiet = replace(flows, logistic=np.zeros(2 * n, dtype=np.bool_))
    state = _state(cycle)
    conditions = conditions_at(state, cycle.market)
    quotes = propose(
        cycle.values, cycle.price, cycle.standing, cycle.book.quantity, cycle.market, cycle.desk.quoting
    )
    decide = (
        cycle.values,
        cycle.price,
        cycle.standing,
        cycle.book.quantity,
        cycle.market,
        cycle.desk.quoting,
    )
    at_work = (quotes.bid, quotes.ask, quotes.bid_size, quotes.ask_size, NOW_NS)
    what: tuple[tuple[str, Callable[[], object]], ...] = (
        (f"distances, {n:,d} series two-sided, logistic", lambda: optimal_distance(flows, shift, anywhere)),
        (
            f"distances, {n:,d} series two-sided, exponential",
            lambda: optimal_distance(quiet, shift, anywhere),
        ),
        ("the same, logistic, a loop over series", lambda: _loop(flows, shift)),
        (f"quotes, {cycle.table.is_option.sum():,d} series", lambda: propose(*decide)),
        ("quotes, a duty, a protection, watching", lambda: propose(*decide, conditions)),
        ("conditions of that", lambda: conditions_at(state, cycle.market)),
        ("quotes at work told to the duty", lambda: see_quotes_at_work(state, cycle.market, *at_work)),
    )
    out = []
    for name, work in what:
        median, least = _seconds(work)
        out.append(f"{name:48} {1e3 * median:9.3f} ms, at least {1e3 * least:7.3f} ms")
    return out


def _cycle() -> Cycle:
    """A chain of 2,040 series, short 200 calls."""
    fills = (fill(1, "IDXW007C5000", "sell", 200, 50.0),)
    days = tuple(range(7, 7 + 12 * 8, 8))
    return run(index_facts(fills=fills, days=days, width=0.21, the_desk=index_desk()))


def _state(cycle: Cycle) -> QuotingState:
    duty = DutyTerms(
        venue="any", role="maker", rule=ObligationRule(time_share=0.9, widths=(WidthBand(width=5.0),))
    )
    counts = ProtectionRule(
        scope=ScopeKind.CLASS,
        counted=Counted.ALL,
        window=WindowKind.SLIDING,
        interval_ms=1000,
        thresholds=(Threshold(tally=Tally.QUANTITY, limit=500.0),),
    )
    desk = changed(
        cycle.desk,
        duties=(duty,),
        protections=(ProtectionTerms(venue="any", name="class", rule=counts),),
        fast_market=FastMarketTerms(watch=True),
    )
    state = QuotingState()
    up_to(state, desk, cycle.table, NOW_NS)
    return state


def _loop(flows: Intensity, shift: Floats) -> list[float]:
    """Newton's steps on the first-order condition, one series after another, as a trader's script has it."""
    rows = zip(flows.decay_per_usd.tolist(), flows.offset.tolist(), shift.tolist(), strict=True)
    out = []
    for k, b, c in rows:
        d = max(c + 1.0 / k, -b / k)
        for _ in range(200):
            odds = math.exp(-b - k * d)
            move = (d - c - (1.0 + odds) / k) / (1.0 + odds)
            d -= move
            if abs(move) < 1e-9 / k:
                break
        out.append(d)
    return out


def _seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Median and least."""
    work()
    taken = []
    for _ in range(_ROUNDS):
        start = perf_counter()
        work()
        taken.append(perf_counter() - start)
    return float(np.median(taken)), min(taken)


if __name__ == "__main__":
    print(platform.processor() or platform.machine(), platform.python_version())
    print("\n".join(timings()))
