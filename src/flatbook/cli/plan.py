"""`flatbook plan`: read, run, report, write."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from flatbook.cli.manifest import manifest
from flatbook.cli.progress import shown
from flatbook.cli.run import Inputs, Outcome, fill_count, read_inputs, run
from flatbook.cli.times import parse_at
from flatbook.journal.store import Journal
from flatbook.model.errors import Fault, fail_on


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
    """Make the plan and write what was asked for; nothing is written before all inputs are proven good."""
    fail_on(_bad_outputs(wanted))
    with shown(Console(stderr=True, quiet=wanted.quiet)) as progress:
        inputs = read_inputs(
            book=wanted.book,
            market=wanted.market,
            config=wanted.config,
            market_format=wanted.market_format,
            at_ns=None if wanted.at is None else parse_at(wanted.at),
            underlying=wanted.underlying,
            progress=progress,
        )
        journal = Journal.create(wanted.journal, manifest(wanted.config))
        try:
            outcome = run(inputs, journal, progress)
        finally:
            journal.close()
        progress("making the report")
        _write(wanted, inputs, outcome)
