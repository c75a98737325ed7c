"""Run the day of a seed under all checkers, and tell what went wrong and which faults there were."""

import tempfile
import traceback
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from flatbook.model.world_fault_terms import FaultTerms
from flatbook.sim.checks.checker import Checker
from flatbook.sim.checks.days import TestedDay, draw_day
from flatbook.sim.checks.kinds import FAULT_KINDS, happened_kinds, only
from flatbook.sim.checks.violation import Failure, Invariant, Violated
from flatbook.sim.day import Day
from flatbook.sim.policies import POLICIES
from flatbook.sim.storage import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one seed."""

    seed: int
    failure: Failure | None
    events: int
    decisions: int
    trades: int
    compared_s: float  # of stretches in which both clocks of the duty were held against each other
    happened: dict[str, int] = field(default_factory=dict)  # faults by kind


def run_seed(seed: int, kinds: tuple[str, ...] = FAULT_KINDS) -> Outcome:
    """Run one tested day.

    Parameters
    ----------
    seed : int
        0 or above.
    kinds : tuple of str
        Faults that may happen, of `kinds.FAULT_KINDS`; none: a day without any.
    """
    drawn = draw_day(seed)
    faults = only(drawn.stage.scenario.faults, kinds)
    tested = drawn if faults == drawn.stage.scenario.faults else draw_day(seed, faults)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) if tested.on_disk else None
        return _watched(tested, faults, Storage(folder))


def _watched(tested: TestedDay, faults: FaultTerms, storage: Storage) -> Outcome:
    seed = tested.seed
    day = Day(tested.stage, POLICIES["joint"], seed, tested.market, tested.orders, storage=storage)
    any_fault = replace(faults, calm_last_minutes=0.0) != FaultTerms()
    checker = Checker(tested, day.plan.calm_from_ns, faults=any_fault)
    day.watch = checker
    failure = None
    try:
        checker.ended(day, day.run())
    except Violated as violated:
        failure = _failure(day, checker, violated.invariant, violated.expected, violated.found)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        told = f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})"
        failure = _failure(day, checker, Invariant.RUNS, "a day that runs to its end", told)
    return Outcome(
        seed=seed,
        failure=failure,
        events=checker.events,
        decisions=day.cycles,
        trades=len(day.exchange.ledger.executions),
        compared_s=checker.obligations.compared_s,
        happened=happened_kinds(day, crossed=checker.freshness.crossed, rejected=checker.rejected),
    )


def _failure(day: Day, checker: Checker, invariant: Invariant, expected: str, found: str) -> Failure:
    return Failure(
        seed=day.seed,
        invariant=invariant,
        at_ns=day.now_ns,
        after_open_s=(day.now_ns - day.open_ns) / 1e9,
        event=checker.events + 1,
        expected=expected,
        found=found,
    )
