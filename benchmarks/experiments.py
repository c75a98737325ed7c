"""`make experiments`: run every scenario under every policy on the same seeds, and write what the claims came to."""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from benchmarks.experiments_claims import claims
from benchmarks.experiments_evidence import Case, sentence
from benchmarks.experiments_tables import all_policies, avellaneda_stoikov, discrete_hedging, identity
from benchmarks.experiments_text import Claim, section, table
from flatbook.adapters.scenario_file.read import ScenarioFile, read_scenario
from flatbook.cli.simulate import find_scenario, results_in_cache, run_of, shipped_scenarios
from flatbook.cli.simulate_runs import Work, outcomes_of
from flatbook.sim.experiments.outcome import Outcome
from flatbook.sim.experiments.statistics import RESAMPLES
from flatbook.sim.experiments.store import Results, code_version
from flatbook.sim.policies import POLICIES

SEEDS_ASKED = 200
_NAMED = 10  # of the table of all claims: where more lines are judged, places are told below
VARIANTS = ("joint_wrong", "joint_slow")
VARIANTS_IN = ("calm-day", "one-sided-calls")

METHOD = f"""\
Every policy meets the same days: one seed draws prices, customers, latency and faults, and only the desk differs. Policies are compared
by pairs of days. Intervals are of 95 %: of a mean, Student's t; of everything else the bootstrap over days, bias corrected and accelerated,
{RESAMPLES:,d} draws, both policies of a pair on the same draws. [simulate.md](../simulate.md#intervals) says how often they hold the truth.

Every verdict on this page follows from numbers by the rule told with it: **holds** where all of the interval is on the claim's side,
**does not hold** where none of it is, **not decided at 95 %** in between. Each interval is judged alone: of twenty that each hold the truth with 95 %,
one misses it on average, and scenarios share their seeds, so that they miss together.

Everything here is SYNTHETIC: a world of our own making, whose parameters were set by hand and fitted to no market. What holds here says that
the desk does what it is built for where the world is as told; it says nothing of profit."""


def main() -> int:
    """Run what is missing, and write the page."""
    asked = _arguments()
    console = Console(stderr=True)
    cases = [_case(name, asked, console) for name in asked.scenarios]
    page = render(cases, asked.code)
    if asked.write:
        asked.write.parent.mkdir(parents=True, exist_ok=True)
        asked.write.write_text(page, encoding="utf-8")
        console.print(f"written: {asked.write}", highlight=False)
    else:
        print(page)
    return 0


def render(cases: Sequence[Case], code: str) -> str:
    """The page."""
    found = [*claims(cases), identity(cases), avellaneda_stoikov(), discrete_hedging()]
    parts = [
        "# What the policies are worth",
        f"Made by `make experiments SEEDS={SEEDS_ASKED}`, which runs every scenario and writes this page anew. Runs of flatbook {code}.",
        _seeds(cases),
        "## The claims",
        table(("claim", "part", "verdict"), [row for one in found for row in _rows(one)]),
        "## Method",
        METHOD,
        "Policies:\n\n" + "\n".join(f"- `{one.name}`: {one.what}" for one in POLICIES.values()),
        *(section(one) for one in found[:7]),
        "## All policies",
        "USD a day. ES 95 %: mean loss in the worst 5 % of days, plus where money is lost.",
        *(all_policies(case) for case in cases),
        *(section(one) for one in found[7:]),
    ]
    return "\n\n".join(parts) + "\n"


def _seeds(cases: Sequence[Case]) -> str:
    counts = [len(by_seed) for case in cases for by_seed in case.outcomes.values() if by_seed]
    if not counts:
        return "**Nothing was run.**"
    fewest, runs = min(counts), sum(counts)
    told = f"{runs:,d} days were run, {fewest:,d} seeds or more of each policy that was run in a scenario."
    if fewest < SEEDS_ASKED:
        told += f" **Too few: the claims ask for {SEEDS_ASKED} seeds.**"
    return told


def _rows(claim: Claim) -> Iterator[tuple[str, str, str]]:
    for number, question in enumerate(one for one in claim.questions if one.name):
        title = f"{claim.number}. {claim.title}" if number == 0 else ""
        yield title, question.name, sentence(question.verdicts, names=len(question.verdicts) <= _NAMED)


def policies_of(scenario: str, asked: Sequence[str] | None) -> tuple[str, ...]:
    """What is run of a scenario: what was asked for, else the variants of joint in two scenarios only."""
    if asked is not None:
        return tuple(asked)
    return tuple(name for name in POLICIES if name not in VARIANTS or scenario in VARIANTS_IN)


def _case(name: str, asked: argparse.Namespace, console: Console) -> Case:
    file = read_scenario(find_scenario(name))
    results = Results(asked.results or results_in_cache(file.scenario.name))
    work = Work(
        scenario=name,
        scenario_hash=file.text_hash,
        version=asked.code,
        policies=policies_of(name, asked.policies),
        seeds=tuple(range(1, asked.seeds + 1)),
        drawn=frozenset(),
        run=run_of(file),
    )
    if asked.only_write:
        outcomes = kept(replace(work, seeds=tuple(range(1, asked.seeds + 1))), results)
    else:
        console.print(f"{name}: {len(work.policies)} policies, {len(work.seeds)} seeds", highlight=False)
        outcomes = outcomes_of(work, results, console, asked.jobs)
    return case_of(file, outcomes)


def kept(work: Work, results: Results) -> list[Outcome]:
    """What is stored of `work`; nothing is run."""
    found = (results.get(work.key(policy, seed)) for seed in work.seeds for policy in work.policies)
    return [one for one in found if one is not None]


def case_of(file: ScenarioFile, outcomes: Iterable[Outcome]) -> Case:
    """Outcomes of a scenario by policy and seed."""
    by_policy: dict[str, dict[int, Outcome]] = {}
    for one in outcomes:
        by_policy.setdefault(one.policy, {})[one.seed] = one
    return Case(
        name=file.scenario.name,
        title=file.scenario.title,
        what=file.scenario.what,
        aversion_per_usd=file.desk.desk.appetite.aversion_per_usd,
        outcomes=by_policy,
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.experiments", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS_ASKED, help="of each policy, from 1 on")
    parser.add_argument(
        "--scenarios",
        type=_names,
        default=list(shipped_scenarios()),
        help="names; left out: all that are shipped",
    )
    parser.add_argument(
        "--policies",
        type=_names,
        help=f"names; left out: all, {' and '.join(VARIANTS)} in {' and '.join(VARIANTS_IN)} only",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument(
        "--results",
        type=Path,
        help="where finished runs are kept; left out: where flatbook simulate keeps them",
    )
    parser.add_argument("--write", type=Path, help="the page to write; printed if not given")
    parser.add_argument(
        "--only-write", action="store_true", help="run nothing: write the page of what is kept"
    )
    parser.add_argument(
        "--code",
        default=code_version(),
        help="with --only-write: the code whose runs are told, as the page names it",
    )
    asked = parser.parse_args()
    if asked.code != code_version() and not asked.only_write:
        parser.error("--code is for --only-write: runs are of the code that is here")
    for name in asked.policies or ():
        if name not in POLICIES:
            parser.error(f"--policies: {name!r} is none of {', '.join(POLICIES)}")
    return asked  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
