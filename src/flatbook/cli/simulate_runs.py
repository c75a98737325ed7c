"""Run what is missing of an experiment on all cores, and keep each run as soon as it is done."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from flatbook.sim.experiments.day_figures import outcome_of
from flatbook.sim.experiments.outcome import Outcome
from flatbook.sim.experiments.record import DayRecord
from flatbook.sim.experiments.store import Results, run_key

RunDay = Callable[[str, int], DayRecord]
"""A day by policy and seed; found again by name in another process."""
_ONE_THREAD = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
INTERRUPTED = 130  # exit code: 128 and the number of the signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """An experiment."""

    scenario: str  # for messages
    scenario_hash: str
    version: str  # of the code
    policies: tuple[str, ...]
    seeds: tuple[int, ...]
    drawn: frozenset[int]  # seeds of which curves are kept
    run: RunDay

    def key(self, policy: str, seed: int) -> str:
        """What a run is kept under."""
        return run_key(self.scenario_hash, policy, seed, self.version)


@dataclass(frozen=True, slots=True)
class _Task:
    """Policies that meet one seed, one after the other."""

    seed: int
    policies: tuple[str, ...]


def outcomes_of(work: Work, results: Results, console: Console, jobs: int) -> list[Outcome]:
    """Every outcome of `work`, from `results` where it is there, else run and kept.

    Raises
    ------
    SystemExit
        With 130 on an interrupt; what is done by then is kept.
    Exception
        Whatever a day raises, with a note of how to repeat it.
    """
    tasks = list(_missing(work, results, jobs))
    if tasks:
        try:
            _run(tasks, work, results, console, jobs)
        except KeyboardInterrupt:
            left = sum(len(task.policies) for task in _missing(work, results, 1))
            console.print(
                f"stopped; {left} runs are left: the same command goes on from here ({results.path})"
            )
            raise SystemExit(INTERRUPTED) from None
    kept = (
        results.get(work.key(policy, seed), curves=seed in work.drawn)
        for seed in work.seeds
        for policy in work.policies
    )
    return [one for one in kept if one is not None]


def run_seed(run: RunDay, scenario: str, seed: int, policies: Sequence[str], curves: bool) -> list[Outcome]:
    """What one seed comes to under each policy."""
    done = []
    for policy in policies:
        try:
            done.append(outcome_of(run(policy, seed), curves=curves))
        except Exception as error:
            again = f"flatbook simulate {scenario} --policies {policy} --first-seed {seed} --seeds 1 --jobs 1"
            error.add_note(f"to repeat: {again}")
            raise
    return done


def _missing(work: Work, results: Results, jobs: int) -> Iterator[_Task]:
    """By seed, so that pairs are complete; one by one where there are fewer seeds than processes can share."""
    for seed in work.seeds:
        policies = tuple(
            policy
            for policy in work.policies
            if results.get(work.key(policy, seed), curves=seed in work.drawn) is None
        )
        if len(work.seeds) >= 2 * jobs and policies:
            yield _Task(seed, policies)
        else:
            yield from (_Task(seed, (policy,)) for policy in policies)


def _run(tasks: list[_Task], work: Work, results: Results, console: Console, jobs: int) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        shown = bar.add_task("days", total=sum(len(task.policies) for task in tasks))

        def keep(done: list[Outcome]) -> None:
            results.add((work.key(one.policy, one.seed), one) for one in done)
            bar.advance(shown, len(done))

        alone = tasks if jobs == 1 else _first(tasks)
        for task in alone:  # compiles what is not compiled yet, before others would do the same
            for policy in task.policies:
                keep(run_seed(work.run, work.scenario, task.seed, (policy,), task.seed in work.drawn))
        if jobs > 1:
            _run_beside(_rest(tasks), work, keep, jobs)


def _first(tasks: list[_Task]) -> list[_Task]:
    return [_Task(tasks[0].seed, tasks[0].policies[:1])]


def _rest(tasks: list[_Task]) -> list[_Task]:
    left = _Task(tasks[0].seed, tasks[0].policies[1:])
    return [left, *tasks[1:]] if left.policies else tasks[1:]


def _run_beside(tasks: list[_Task], work: Work, keep: Callable[[list[Outcome]], None], jobs: int) -> None:
    """In processes of one thread each; those under way when something stops are finished and kept."""
    if not tasks:
        return
    with _one_thread_each():
        pool = ProcessPoolExecutor(
            min(jobs, len(tasks)), mp_context=get_context("spawn"), initializer=_ignore_interrupts
        )
        left: set[Future[list[Outcome]]] = set()
        try:
            for task in tasks:
                curves = task.seed in work.drawn
                left.add(pool.submit(run_seed, work.run, work.scenario, task.seed, task.policies, curves))
            for done in as_completed(tuple(left)):
                keep(done.result())
                left.remove(done)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            for late in left:
                if late.done() and not late.cancelled() and late.exception() is None:
                    keep(late.result())
            raise
        pool.shutdown()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that start meanwhile compute in one thread: days run side by side already."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _ignore_interrupts() -> None:
    """The first process alone answers Ctrl-C, and lets the others finish their day."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
