"""`flatbook plan`: read, run, report, write."""

import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from flatbook.cli.manifest import manifest
from flatbook.cli.progress import shown
from flatbook.cli.run import Inputs, Outcome, Progress, read_inputs, run
from flatbook.cli.times import parse_at
from flatbook.journal.store import Journal
from flatbook.model.errors import Fault, fail_on
from flatbook.reports.console import print_plan
from flatbook.reports.html import render_html
from flatbook.reports.plan import encode_json, plan_report
from flatbook.reports.schema import PlanReport, Sources

PIPE_WIDTH = 120  # columns of the printed plan where no terminal says how wide it is
SYNTHETIC_MARK = "SYNTHETIC"  # a file of this name in a market folder: nothing in it ever traded


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for."""

    book: Path
    market: Path
    config: Path
    at: str | None
    market_format: str | None
    underlying: str | None
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
        faults = _faults_of_outputs(wanted)
        inputs = read_inputs(
            book=wanted.book,
            market=wanted.market,
            config=wanted.config,
            market_format=wanted.market_format,
            at_ns=None if wanted.at is None else parse_at(wanted.at),
            underlying=wanted.underlying,
            progress=progress,
        )
        fail_on(faults)
        with closing(Journal.create(wanted.journal, manifest(wanted.config))) as journal:
            outcome = run(inputs, journal, progress)
        progress("making the report")
        report = plan_report(outcome.cycle, sources=_sources(wanted, inputs, outcome))
        _write(wanted, report, progress)
    print_plan(report, out)
    for kind, path in (("report", wanted.html), ("JSON", wanted.json), ("journal", wanted.journal)):
        if path is not None:
            out.print(f"{kind:8} {path}", highlight=False, soft_wrap=True)


def _faults_of_outputs(wanted: Wanted) -> list[Fault]:
    """Places that cannot be written to, told before any work is done."""
    faults = []
    for name, path in (("--json", wanted.json), ("--html", wanted.html), ("--journal", wanted.journal)):
        if path is not None and not path.resolve().parent.is_dir():
            faults.append(
                Fault(
                    where=name,
                    found=f"no folder {path.parent}",
                    expected="a folder that exists",
                    action="make it first",
                )
            )
    if wanted.journal is not None and wanted.journal.exists():
        faults.append(
            Fault(
                where="--journal",
                found=f"{wanted.journal} exists already",
                expected="a new file: a journal is never written over",
                action="name another file, or move the old one away",
            )
        )
    return faults


def _sources(wanted: Wanted, inputs: Inputs, outcome: Outcome) -> Sources:
    return Sources(
        book=wanted.book.name,
        market=wanted.market.name,
        format=inputs.market.format,
        notes=tuple(note.text for note in (*inputs.market.notes, *inputs.fills.notes)),
        journal_head=outcome.journal_head.hex() if wanted.journal else "",
        synthetic=(wanted.market / SYNTHETIC_MARK).exists(),
    )


def _write(wanted: Wanted, report: PlanReport, progress: Progress) -> None:
    if wanted.json is not None:
        progress("writing the JSON")
        _replace(wanted.json, encode_json(report))
    if wanted.html is not None:
        progress("writing the HTML")
        _replace(wanted.html, render_html(report).encode())


def _replace(path: Path, content: bytes) -> None:
    """Write the whole file or leave the old one."""
    draft = path.with_name(path.name + ".part")
    draft.write_bytes(content)
    draft.replace(path)
