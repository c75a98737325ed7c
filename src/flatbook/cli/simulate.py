"""`flatbook simulate`: what policies are worth over many seeded days of a scenario."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

from rich.console import Console

from flatbook.adapters.desk_file.findings import nearest
from flatbook.adapters.scenario_file.read import ScenarioFile, read_scenario
from flatbook.cli.outputs import faults_of_outputs, replace_file
from flatbook.cli.simulate_runs import RunDay, Work, outcomes_of
from flatbook.model.errors import Fault, FaultsError, fail_on
from flatbook.reports.console_table import print_table, styled
from flatbook.reports.simulation_console import print_simulation
from flatbook.reports.simulation_report import Told, encode_simulation, simulation_report
from flatbook.reports.simulation_schema import SimulationReport
from flatbook.sim.experiments.record import DayRecord
from flatbook.sim.experiments.store import Results, code_version
from flatbook.sim.experiments.summary import summarise
from flatbook.sim.policies import POLICIES
from flatbook.sim.stage import Stage, staged

PIPE_WIDTH = 160  # columns of the printed report where no terminal says how wide it is
REFERENCE = "joint"  # where nobody says which, and it is among the policies
MOST_SEEDS, MOST_JOBS = 100_000, 512
_RECORDED = "RECORDED: the market does not react to the desk, and every seed is the same day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for."""

    scenario: str | None  # a shipped name or a path; None: tell what there is
    seeds: int
    first_seed: int
    policies: str | None  # names with commas between; None: all
    reference: str | None
    jobs: int | None  # None: a process a core
    pictures: int  # seeds whose days are drawn
    results: Path | None
    json: Path | None
    html: Path | None
    listing: bool
    quiet: bool


def make_simulation(wanted: Wanted) -> None:
    """Run what is missing of the experiment, print it and write what was asked for.

    Raises
    ------
    FaultsError
        Something in the inputs is wrong, or an output has no place to go; nothing is run or written then.
    """
    out = Console(quiet=wanted.quiet, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    if wanted.scenario is None or wanted.listing:
        _tell_what_there_is(out)
        return
    policies = _policies(wanted)
    fail_on([*_faults_of_options(wanted, policies)])
    path = find_scenario(wanted.scenario)
    fail_on(_faults_of_outputs(wanted, path))
    file = read_scenario(path)
    notes = _notes_of(file)
    results = Results(_results_file(wanted, file))
    seeds = tuple(range(wanted.first_seed, wanted.first_seed + wanted.seeds))
    work = Work(
        scenario=wanted.scenario,
        scenario_hash=file.text_hash,
        version=code_version(),
        policies=policies,
        seeds=seeds,
        drawn=frozenset(seeds[: wanted.pictures]),
        run=run_of(file),
    )
    errors = Console(stderr=True, quiet=wanted.quiet)
    outcomes = outcomes_of(work, results, errors, wanted.jobs or os.cpu_count() or 1)
    summary = summarise(
        outcomes,
        policies=policies,
        reference=_reference(wanted, policies),
        aversion_per_usd=file.desk.desk.appetite.aversion_per_usd,
    )
    texts = {name: POLICIES[name].what for name in policies}
    made_up = file.scenario.recorded is None
    told = Told(text=_text_of(file), policies=texts, synthetic=made_up, notes=notes)
    report = simulation_report(summary, told)
    _write(wanted, report)
    print_simulation(report, out)
    for kind, place in (("results", results.path), ("report", wanted.html), ("JSON", wanted.json)):
        if place is not None:
            out.print(f"{kind:8} {place}", highlight=False, soft_wrap=True)


def run_of(file: ScenarioFile) -> RunDay:
    """A day of this scenario by policy and seed."""
    return partial(_run_day, file)


def _run_day(file: ScenarioFile, policy: str, seed: int) -> DayRecord:
    from flatbook.sim.run import run_day  # noqa: PLC0415 - the whole engine, which a list of scenarios does not need

    return run_day(_stage_of(file), policy, seed)


def _stage_of(file: ScenarioFile) -> Stage:
    return staged(file.scenario, file.desk.desk, file.desk.limits, file.recording())


def _notes_of(file: ScenarioFile) -> tuple[str, ...]:
    if file.scenario.recorded is None:
        return ()
    from flatbook.cli.simulate_recorded import notes_of  # noqa: PLC0415 - kernels, which a market that is made up does not need yet

    return notes_of(file)


def shipped_scenarios() -> dict[str, Path]:
    """The scenarios that come with flatbook, by name; desk files lie beside them, and a day that is run in real time."""
    folder = Path(str(files("flatbook.sim") / "scenarios"))
    return {
        path.stem: path
        for path in sorted(folder.glob("*.toml"))
        if not path.stem.startswith(("desk", "live"))
    }


def find_scenario(asked: str) -> Path:
    """The file of a shipped name, or of a path.

    Raises
    ------
    FaultsError
        There is neither.
    """
    known = shipped_scenarios()
    path = known.get(asked, Path(asked))
    if not path.is_file():
        near = nearest(asked, known)
        fault = Fault(
            where="SCENARIO",
            found=f"{asked!r}, where no file is",
            expected=f"a scenario file, or one of {', '.join(known)}",
            action=f"did you mean {near}?" if near else "flatbook simulate --list tells what there is",
        )
        raise FaultsError([fault])
    return path


def _policies(wanted: Wanted) -> tuple[str, ...]:
    if wanted.policies is None:
        return tuple(POLICIES)
    return tuple(dict.fromkeys(name.strip() for name in wanted.policies.split(",") if name.strip()))


def _reference(wanted: Wanted, policies: Sequence[str]) -> str:
    return wanted.reference or (REFERENCE if REFERENCE in policies else policies[0])


def _faults_of_options(wanted: Wanted, policies: Sequence[str]) -> Iterator[Fault]:
    known = f"one of {', '.join(POLICIES)}"
    if not policies:
        yield Fault(where="--policies", found="nothing", expected=known, action="name at least one")
    for name in policies:
        if name not in POLICIES:
            near = nearest(name, POLICIES)
            action = f"did you mean {near}?" if near else "correct the name"
            yield Fault(where="--policies", found=repr(name), expected=known, action=action)
    if wanted.reference is not None and wanted.reference not in policies:
        yield Fault(
            where="--reference",
            found=repr(wanted.reference),
            expected=f"a policy that is run: {', '.join(policies)}",
            action="correct the name, or add it to --policies",
        )
    for name, value, least, most in (
        ("--seeds", wanted.seeds, 1, MOST_SEEDS),
        ("--first-seed", wanted.first_seed, 0, 2**62),
        ("--jobs", 1 if wanted.jobs is None else wanted.jobs, 1, MOST_JOBS),
        ("--pictures", wanted.pictures, 0, 20),
    ):
        if not least <= value <= most:
            yield Fault(
                where=name, found=f"{value}", expected=f"{least} to {most}", action="correct the number"
            )


def _faults_of_outputs(wanted: Wanted, scenario: Path) -> list[Fault]:
    outputs = {"--results": wanted.results, "--json": wanted.json, "--html": wanted.html}
    return faults_of_outputs({"SCENARIO": scenario}, outputs)


def _results_file(wanted: Wanted, file: ScenarioFile) -> Path:
    """Where somebody said, or in the cache of the platform."""
    return wanted.results if wanted.results is not None else results_in_cache(file.scenario.name)


def results_in_cache(scenario: str) -> Path:
    """The file that runs of a scenario are kept in where nobody says another; its folder is made."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flatbook" / "simulate"
    cache.mkdir(parents=True, exist_ok=True)
    plain = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in scenario)
    return cache / f"{plain}.jsonl"


def _text_of(file: ScenarioFile) -> str:
    text = ": ".join(part for part in (file.scenario.title, file.scenario.what) if part)
    return text if file.scenario.recorded is None else f"{text}. {_RECORDED}"


def _write(wanted: Wanted, report: SimulationReport) -> None:
    if wanted.json is not None:
        replace_file(wanted.json, encode_simulation(report))
    if wanted.html is not None:
        from flatbook.reports.simulation_html import render_simulation  # noqa: PLC0415 - only a page pays for it

        replace_file(wanted.html, render_simulation(report).encode())


def _tell_what_there_is(out: Console) -> None:
    """How it is called, which scenarios are shipped, and which policies there are."""
    out.print(
        styled(
            "Runs each policy on the same seeded days of a scenario, and tells what it earns, risks and leaves, with 95 % intervals. "
            "A run that is done is kept: the same command goes on where it stopped."
        )
    )
    scenarios = [
        (name, file.scenario.title)
        for name, path in shipped_scenarios().items()
        for file in [read_scenario(path)]
    ]
    for start in range(0, len(scenarios), 12):
        print_table(out, "", ("SCENARIOS", ""), scenarios[start : start + 12], left={0, 1})
    print_table(out, "", ("POLICIES", ""), [(one.name, one.what) for one in POLICIES.values()], left={0, 1})
    out.print()
    for line in (
        "flatbook simulate calm-day",
        "flatbook simulate calm-day --seeds 200 --policies warehouse,delta,joint --html calm-day.html",
        "flatbook simulate my-scenario.toml --seeds 200",
    ):
        out.print(styled(f"  {line}"))
