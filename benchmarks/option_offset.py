"""Option offsets of seeded books against SCIP: how long a plan takes, how near it comes, and how far the proven bound is.

    python -m benchmarks.option_offset --books 100 --seconds 30 --out report.md --json report.json

60 candidates (58 options, the underlying, a fund), 199 limits and cells, six to sixty legs. SCIP is no dependency (`pip install pyscipopt`); `--seconds 0`
leaves the referee out and tells times and bounds alone.
"""

import argparse
import json
import platform
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from benchmarks.offset_books import book_problem
from benchmarks.offset_referee import referee
from flatbook.hedging.offset_plan import OffsetPlan, plan_offset
from flatbook.hedging.offset_problem import OffsetProblem

_ROUNDS = 3
_NEAR = 1.02


def timings(books: int = 12) -> list[str]:
    """Median and largest milliseconds of a plan, each book at the median of three, and how far the bound is."""
    problems = [book_problem(seed) for seed in range(books)]
    plan_offset(problems[0])
    taken = np.array([_milliseconds(problem) for problem in problems])
    gaps = [plan_offset(problem).bound_gap for problem in problems]
    wall, core = np.median(taken, axis=0)
    name = "option offset plan, 60 candidates, 199 rows"
    return [
        f"{name:48} {wall:9.3f} ms, of one core {core:7.3f} ms; to the relaxation's bound {np.median(gaps):.2%} (medians)"
    ]


def _milliseconds(problem: OffsetProblem) -> tuple[float, float]:
    """By the clock, and of one core where the linear algebra is told to use one."""
    taken = []
    for _ in range(_ROUNDS):
        start, busy = perf_counter(), process_time()
        plan_offset(problem)
        taken.append((1e3 * (perf_counter() - start), 1e3 * (process_time() - busy)))
    wall, core = np.median(np.array(taken), axis=0).tolist()
    return wall, core


def measured(seed: int, seconds: float, legs_max: int = 0) -> dict[str, object]:
    """One book: ours, SCIP's, bounds."""
    problem = book_problem(seed, legs_max=legs_max)
    wall, core = _milliseconds(problem)
    plan = plan_offset(problem)
    line: dict[str, object] = {
        "seed": seed,
        "milliseconds": round(wall, 2),
        "core_milliseconds": round(core, 2),
        "legs_max": problem.legs_max,
        "legs": len(plan.legs),
        "met": plan.met,
        "proven_infeasible": plan.proven_infeasible,
        "worth_usd": plan.worth_usd,
        "relaxation_bound_usd": plan.bound_usd,
        "to_relaxation_bound": plan.bound_gap,
    }
    if seconds > 0.0:
        line |= _refereed(problem, plan, seconds)
    return line


def _refereed(problem: OffsetProblem, plan: OffsetPlan, seconds: float) -> dict[str, object]:
    verdict = referee(problem, seconds)
    bound = max(verdict.bound_usd, plan.bound_usd)
    return {
        "scip_status": verdict.status,
        "scip_seconds": round(verdict.seconds, 2),
        "scip_worth_usd": verdict.worth_usd,
        "scip_bound_usd": verdict.bound_usd,
        "over_scip": plan.worth_usd / verdict.worth_usd,
        "to_proven_bound": max(plan.worth_usd - bound, 0.0) / plan.worth_usd,
        "scip_contracts": [
            [j, int(verdict.contracts[j])] for j in np.flatnonzero(verdict.contracts).tolist()
        ],
    }


def summary(lines: list[dict[str, object]], seconds: float) -> list[str]:
    """The report as Markdown."""
    taken = np.array([line["milliseconds"] for line in lines], dtype=np.float64)
    gaps = np.array([line["to_relaxation_bound"] for line in lines], dtype=np.float64)
    core = np.array([line["core_milliseconds"] for line in lines], dtype=np.float64)
    met, hopeless = (sum(bool(line[key]) for line in lines) for key in ("met", "proven_infeasible"))
    out = [
        f"{len(lines)} books, {platform.processor() or platform.machine()}, Python {platform.python_version()}.",
        "",
        f"A plan takes {np.median(taken):.1f} ms in the median by the clock, {np.median(core):.1f} ms of one core.",
        f"{np.quantile(taken, 0.9):.1f} ms at 90 %, {taken.max():.1f} at most.",
        f"{met} books keep every limit, {hopeless} are proven not to be able to.",
        f"To the relaxation's bound: {np.median(gaps):.2%} in the median, {np.quantile(gaps, 0.9):.2%} at 90 %.",
    ]
    if seconds > 0.0:
        ratio = np.array([line["over_scip"] for line in lines], dtype=np.float64)
        out += [
            f"SCIP {seconds:g} s: within 2 % of its best or better on {(ratio <= _NEAR).sum()} of {ratio.size}.",
            f"Better by more than 0.1 % on {(ratio < 0.999).sum()}.",
            "",
            "| book | legs at most | ms | plan, USD | SCIP, USD | plan / SCIP | SCIP | to the proven bound |",
            "|---|---|---|---|---|---|---|---|",
        ]
        out += [
            f"| {line['seed']} | {line['legs_max']} | {line['milliseconds']:.1f} | {line['worth_usd']:,.0f} | {line['scip_worth_usd']:,.0f} "
            f"| {line['over_scip']:.4f} | {line['scip_status']}, {line['scip_seconds']:.0f} s | {line['to_proven_bound']:.2%} |"
            for line in lines
        ]
    return out


def main() -> None:
    """Run the books and write what was asked for."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--books", type=int, default=100)
    ask.add_argument("--first", type=int, default=0)
    ask.add_argument("--legs", type=int, default=0)
    ask.add_argument("--seconds", type=float, default=30.0)
    ask.add_argument("--json", type=Path)
    ask.add_argument("--out", type=Path)
    asked = ask.parse_args()
    plan_offset(book_problem(0))
    lines = []
    for seed in range(asked.first, asked.first + asked.books):
        lines.append(measured(seed, asked.seconds, asked.legs))
        shown = {key: value for key, value in lines[-1].items() if key != "scip_contracts"}
        print(json.dumps(shown), flush=True)
        if asked.json:
            asked.json.write_text(json.dumps(lines, indent=0) + "\n")
    report = "\n".join(summary(lines, asked.seconds))
    print(report)
    if asked.out:
        asked.out.write_text(report + "\n")


if __name__ == "__main__":
    main()
