"""`flatbook plan`: read, run, report, write."""

import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from flatbook.cli.manifest import manifest
from flatbook.cli.outputs import faults_of_outputs, is_synthetic, replace_file
from flatbook.cli.progress import shown
from flatbook.cli.run import Inputs, Outcome, Progress, read_inputs, run
from flatbook.cli.times import parse_at
from flatbook.cli.warmup import families_for, warm_up
from flatbook.journal.store import Journal
from flatbook.model.errors import Fault
from flatbook.reports.console import print_plan
from flatbook.reports.html import render_html
from flatbook.reports.plan import encode_json, plan_report
from flatbook.reports.schema import PlanReport, Sources

PIPE_WIDTH = 120  # columns of the printed plan where no terminal says how wide it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for."""

    book: Path
    market: Path
    config: Path
    at: str | None
    market_format: str | None
    underlying: str | None
    working: Path | None
    what_if: Path | None
    reported: Path | None
    json: Path | None
    html: Path | None
    journal: Path | None
    quiet: bool


def make_plan(wanted: Wanted) -> None:
    """Make the plan and write what was asked for; nothing is written before all inputs are proven good.

    Raises
    ------
    FaultsError
        Everything that is wrong with the inputs, or with where the outputs should go.
    """
    out = Console(quiet=wanted.quiet, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    with shown(Console(stderr=True, quiet=wanted.quiet)) as progress:
        inputs = read_inputs(
            faults=_faults_of_outputs(wanted),
            book=wanted.book,
            market=wanted.market,
            config=wanted.config,
            market_format=wanted.market_format,
            at_ns=None if wanted.at is None else parse_at(wanted.at),
            underlying=wanted.underlying,
            working=wanted.working,
            what_if=wanted.what_if,
            reported=wanted.reported,
            progress=progress,
        )
        warm_up(Console(stderr=True, quiet=wanted.quiet), families_for(inputs.table))
        with closing(Journal.create(wanted.journal, manifest(wanted.config))) as journal:
            outcome = run(inputs, journal, progress)
        progress("making the report")
        report = plan_report(
            outcome.cycle,
            sources=_sources(wanted, inputs, outcome),
            asked=outcome.asked,
            offset=outcome.offset,
            offset_after=outcome.offset_after,
        )
        _write(wanted, report, progress)
    print_plan(report, out)
    for kind, path in (("report", wanted.html), ("JSON", wanted.json), ("journal", wanted.journal)):
        if path is not None:
            out.print(f"{kind:8} {path}", highlight=False, soft_wrap=True)


def _faults_of_outputs(wanted: Wanted) -> list[Fault]:
    inputs = {
        "--book": wanted.book,
        "--config": wanted.config,
        "--market": wanted.market,
        "--working": wanted.working,
        "--what-if": wanted.what_if,
        "--reported": wanted.reported,
    }
    return faults_of_outputs(
        {name: path for name, path in inputs.items() if path is not None},
        {"--json": wanted.json, "--html": wanted.html, "--journal": wanted.journal},
        never_over="--journal",
    )


def _sources(wanted: Wanted, inputs: Inputs, outcome: Outcome) -> Sources:
    return Sources(
        book=wanted.book.name,
        market=wanted.market.name,
        format=inputs.market.format,
        notes=tuple(
            note.text
            for note in (
                *inputs.market.notes,
                *inputs.fills.notes,
                *(inputs.history.notes if inputs.history else ()),
            )
        ),
        journal_head=outcome.journal_head.hex() if wanted.journal else "",
        synthetic=is_synthetic(wanted.market),
    )


def _write(wanted: Wanted, report: PlanReport, progress: Progress) -> None:
    if wanted.json is not None:
        progress("writing the JSON")
        replace_file(wanted.json, encode_json(report))
    if wanted.html is not None:
        progress("writing the HTML")
        replace_file(wanted.html, render_html(report).encode())
