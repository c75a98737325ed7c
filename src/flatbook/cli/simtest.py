"""`flatbook simtest`: whole seeded days with every fault, under checkers that refuse what must never be."""

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from flatbook.adapters.desk_file.findings import nearest
from flatbook.cli.simulate_runs import INTERRUPTED
from flatbook.model.errors import Fault, fail_on
from flatbook.reports.console_table import print_table, styled
from flatbook.sim.checks.kinds import FAULT_KINDS
from flatbook.sim.checks.run import Outcome, run_seed
from flatbook.sim.checks.violation import Failure

MOST_SEEDS, MOST_JOBS = 1_000_000, 512
SEEDS_TO_MEET_ALL = 50  # from which on every kind of fault should have happened
_FAILED = 1
_ROWS = 12  # of a printed table
_ONE_THREAD = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for."""

    seeds: int
    first: int
    seed: int | None  # this one alone
    jobs: int | None  # None: a process a core
    faults: str  # all, none, or names with commas between
    quiet: bool


def run_days(wanted: Wanted) -> None:
    """Run them, print what failed and which faults there were.

    Raises
    ------
    FaultsError
        What was asked for cannot be meant.
    SystemExit
        With 1 where a day failed, with 130 on an interrupt.
    """
    kinds = _kinds(wanted.faults)
    fail_on([*_faults_of(wanted, kinds)])
    first, count = (wanted.first, wanted.seeds) if wanted.seed is None else (wanted.seed, 1)
    seeds = range(first, first + count)
    errors, out = Console(stderr=True, quiet=wanted.quiet), Console(quiet=wanted.quiet)
    outcomes: list[Outcome] = []
    try:
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=errors,
            transient=True,
        ) as bar:
            shown = bar.add_task("days", total=count)
            for outcome in _run(seeds, kinds, wanted.jobs or os.cpu_count() or 1):
                outcomes.append(outcome)
                bar.advance(shown)
                if outcome.failure is not None:
                    _tell(outcome.failure, wanted.faults)
    except KeyboardInterrupt:
        errors.print(f"stopped after {len(outcomes)} of {count} days")
        raise SystemExit(INTERRUPTED) from None
    _summary(outcomes, kinds, out)
    if any(each.failure is not None for each in outcomes):
        raise SystemExit(_FAILED)


def _run(seeds: range, kinds: tuple[str, ...], jobs: int) -> Iterator[Outcome]:
    """Each as it is done; the first one here, so that kernels are compiled before others would do the same."""
    yield run_seed(seeds[0], kinds)
    rest = seeds[1:]
    if jobs == 1 or len(rest) < 2:
        yield from (run_seed(seed, kinds) for seed in rest)
        return
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    pool = ProcessPoolExecutor(min(jobs, len(rest)), mp_context=get_context("spawn"))
    try:
        runs = [pool.submit(partial(run_seed, seed, kinds)) for seed in rest]
        for done in as_completed(runs):
            yield done.result()
    finally:
        pool.shutdown(cancel_futures=True)
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _tell(failure: Failure, faults: str) -> None:
    """One failure, and what shows it again."""
    again = failure.command + ("" if faults == "all" else f" --faults {faults.replace(' ', '')}")
    Console().print(
        f"FAILED {failure.invariant}\n"
        f"  seed      {failure.seed}, {failure.after_open_s:,.3f} s after the open ({failure.at_ns}), event {failure.event:,d}\n"
        f"  expected  {failure.expected}\n  found     {failure.found}\n  again     {again}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _summary(outcomes: list[Outcome], kinds: tuple[str, ...], out: Console) -> None:
    happened: Counter[str] = Counter()
    for each in outcomes:
        happened.update(each.happened)
    rows = [(kind, f"{happened[kind]:,d}") for kind in kinds]
    for start in range(0, len(rows), _ROWS):
        print_table(out, "", ("FAULTS", "happened"), rows[start : start + _ROWS], left={0})
    never = [kind for kind in kinds if not happened[kind]]
    if never and len(outcomes) >= SEEDS_TO_MEET_ALL:
        out.print(styled(f"  never happened: {', '.join(never)}"))
    failed = [each.seed for each in outcomes if each.failure is not None]
    events, decisions, trades = (
        sum(getattr(each, name) for each in outcomes) for name in ("events", "decisions", "trades")
    )
    out.print()
    out.print(
        f"{len(outcomes):,d} days, {events:,d} events, {decisions:,d} decisions, {trades:,d} trades, "
        f"{sum(each.compared_s for each in outcomes) / 60:,.0f} minutes of duty compared: "
        + (f"{len(failed)} FAILED ({', '.join(map(str, failed[:20]))})" if failed else "all passed"),
        highlight=False,
        soft_wrap=True,
    )


def _kinds(faults: str) -> tuple[str, ...]:
    if faults in ("all", "none"):
        return FAULT_KINDS if faults == "all" else ()
    return tuple(dict.fromkeys(name.strip() for name in faults.split(",") if name.strip()))


def _faults_of(wanted: Wanted, kinds: tuple[str, ...]) -> Iterator[Fault]:
    for name in kinds:
        if name not in FAULT_KINDS:
            near = nearest(name, FAULT_KINDS)
            yield Fault(
                where="--faults",
                found=repr(name),
                expected=f"all, none, or some of {', '.join(FAULT_KINDS)}",
                action=f"did you mean {near}?" if near else "correct the name",
            )
    for where, value, least, most in (
        ("--seeds", wanted.seeds, 1, MOST_SEEDS),
        ("--from", wanted.first, 0, 2**62),
        ("--seed", wanted.seed or 0, 0, 2**62),
        ("--jobs", wanted.jobs or 1, 1, MOST_JOBS),
    ):
        if not least <= value <= most:
            yield Fault(
                where=where, found=f"{value}", expected=f"{least} to {most}", action="correct the number"
            )
