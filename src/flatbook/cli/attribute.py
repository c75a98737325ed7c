"""`flatbook attribute`: a book through several chains, and what its P&L came from."""

import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from flatbook.adapters.calendars import sessions_of_desk
from flatbook.adapters.desk_file.read import DeskFile, check_desk_against, read_desk
from flatbook.adapters.files.fills import FillsFile, read_fills
from flatbook.adapters.files.market import read_market
from flatbook.adapters.files.snapshot import MarketFile
from flatbook.cli.outputs import faults_of_outputs, is_synthetic, replace_file
from flatbook.cli.progress import shown
from flatbook.cli.run import Progress
from flatbook.cli.warmup import families_for, warm_up
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.exposure.marks import Mark, mark_of
from flatbook.model.errors import Fault, FaultsError, fail_on
from flatbook.model.events import CycleDue, DeskSet, InstrumentsListed, LimitsSet
from flatbook.model.table import EMPTY_TABLE, InstrumentTable
from flatbook.reports.attribution import attribution_report, encode_attribution
from flatbook.reports.attribution_console import print_attribution
from flatbook.reports.attribution_schema import AttributionReport, AttributionSources, ChainLeftOut
from flatbook.reports.columns import iso
from flatbook.reports.pnl import hedge_rows, trades_of

PIPE_WIDTH = 120  # columns of the printed report where no terminal says how wide it is
_LEAST_MARKS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for."""

    chains: tuple[Path, ...]
    desk: Path
    fills: Path
    market_format: str | None
    underlying: str | None
    json: Path | None
    html: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything that was read, and found good."""

    chains: tuple[tuple[Path, MarketFile], ...]  # in order of time
    desk: DeskFile
    fills: FillsFile


def make_attribution(wanted: Wanted) -> None:
    """Attribute and write what was asked for; nothing is written before all inputs are proven good.

    Raises
    ------
    FaultsError
        Everything that is wrong with the inputs, or with where the outputs should go.
    """
    errors = Console(stderr=True)
    with shown(errors) as progress:
        inputs = read_inputs(wanted, progress)
        marks, left_out = marks_of(inputs, progress, errors)
        if len(marks) < _LEAST_MARKS:
            raise _too_few(left_out)
        progress("explaining and revaluing")
        report = report_of(inputs, marks, left_out, fills_name=wanted.fills.name)
        if wanted.json is not None:
            replace_file(wanted.json, encode_attribution(report))
        if wanted.html is not None:
            progress("drawing")
            replace_file(wanted.html, _page(report))
    out = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    print_attribution(report, out)
    for kind, path in (("pictures", wanted.html), ("JSON", wanted.json)):
        if path is not None:
            out.print(f"{kind:8} {path}", highlight=False, soft_wrap=True)


def read_inputs(wanted: Wanted, progress: Progress) -> Inputs:
    """Read the chains, the desk and the fills; the faults of all are told at once.

    Raises
    ------
    FaultsError
        Holding every fault found.
    """
    sources = {f"CHAIN {path.name}": path for path in wanted.chains}
    faults = faults_of_outputs(
        {**sources, "--desk": wanted.desk, "--fills": wanted.fills},
        {"--json": wanted.json, "--html": wanted.html},
    )
    chains: list[tuple[Path, MarketFile]] = []
    for path in wanted.chains:
        progress(f"reading {path.name}")
        try:
            chains.append(
                (path, read_market(path, format=wanted.market_format, underlying=wanted.underlying))
            )
        except FaultsError as error:
            faults += error.faults
    try:
        desk = read_desk(wanted.desk)
    except FaultsError as error:
        raise FaultsError([*faults, *error.faults]) from None
    fail_on(faults)
    chains.sort(key=lambda each: each[1].at_ns)
    fail_on(_same_instants(chains))
    if len(chains) < _LEAST_MARKS:
        raise _too_few(())
    table = _table(chains, desk)
    faults += check_desk_against(desk, table.underlyings, table.classes)
    progress("reading the fills")
    try:
        fills = read_fills(wanted.fills, table=table, at_ns=chains[-1][1].at_ns)
    except FaultsError as error:
        raise FaultsError([*faults, *error.faults]) from None
    fail_on(faults)
    return Inputs(chains=tuple(chains), desk=desk, fills=fills)


def marks_of(
    inputs: Inputs, progress: Progress, errors: Console
) -> tuple[list[Mark], tuple[ChainLeftOut, ...]]:
    """A mark of each chain through the desk's eyes, on one table of all that any chain lists; stale copies are left out."""
    state, first_ns = State(), inputs.chains[0][1].at_ns
    for _, file in inputs.chains:
        for event in file.events:
            if isinstance(event, InstrumentsListed):
                step(state, event)
    step(state, DeskSet(received_ns=first_ns, desk=inputs.desk.desk, by="desk file"))
    step(state, LimitsSet(received_ns=first_ns, limits=(), by="attribution"))
    warm_up(errors, families_for(state.table))
    last_ns = int(state.table.expiry_ns.max(initial=0))
    marks, left_out = [], []
    for path, file in inputs.chains:
        progress(f"valuing {path.name}")
        stale = next((note.text for note in file.notes if note.kind == "stale"), "")
        if stale:
            left_out.append(ChainLeftOut(market=path.name, at=iso(file.at_ns), reason=stale))
            continue
        for event in file.events:
            if not isinstance(event, InstrumentsListed):
                step(state, event)
        for sessions in sessions_of_desk(inputs.desk.desk, state.table.underlyings, file.at_ns, last_ns):
            step(state, sessions)
        cycle = step(state, CycleDue(received_ns=file.at_ns, reason="attribution"))
        assert cycle is not None, "a cycle is due"
        marks.append(mark_of(cycle.market, cycle.values))
    return marks, tuple(left_out)


def report_of(
    inputs: Inputs, marks: list[Mark], left_out: tuple[ChainLeftOut, ...], *, fills_name: str
) -> AttributionReport:
    """The report of what was read and marked."""
    table = marks[0].market.table
    notes = {
        f"{path.name}: {note.text}": None
        for path, file in inputs.chains
        for note in file.notes
        if note.kind == "stale"
    }
    return attribution_report(
        marks,
        trades_of(inputs.fills.events, table),
        hedge_rows(table, (terms.instrument.symbol for terms in inputs.desk.desk.hedges)),
        desk=inputs.desk.desk.name,
        sources=AttributionSources(
            chains=tuple(path.name for path, _ in inputs.chains),
            format=inputs.chains[0][1].format,
            fills=fills_name,
            notes=(*notes, *(note.text for note in inputs.fills.notes)),
            synthetic=any(is_synthetic(path) for path, _ in inputs.chains),
        ),
        left_out=left_out,
    )


def _table(chains: list[tuple[Path, MarketFile]], desk: DeskFile) -> InstrumentTable:
    """What can be in the book: all that any chain lists, and the hedge instruments."""
    table = EMPTY_TABLE
    for _, file in chains:
        for event in file.events:
            if isinstance(event, InstrumentsListed):
                table = table.listed(event.instruments)
    hedges = tuple(
        terms.instrument for terms in desk.desk.hedges if terms.instrument.symbol not in table.rows
    )
    return table.listed(hedges)


def _same_instants(chains: list[tuple[Path, MarketFile]]) -> list[Fault]:
    """Chains of one instant: a step between them is none."""
    seen: dict[int, Path] = {}
    faults = []
    for path, file in chains:
        other = seen.setdefault(file.at_ns, path)
        if other is not path:
            found = f"{path.name} and {other.name}, both of {iso(file.at_ns)}"
            faults.append(
                Fault(
                    where="CHAIN",
                    found=found,
                    expected="one chain of an instant",
                    action="leave one of them out",
                )
            )
    return faults


def _too_few(left_out: tuple[ChainLeftOut, ...]) -> FaultsError:
    because = "; ".join(f"{one.market}: {one.reason}" for one in left_out)
    return FaultsError(
        [
            Fault(
                where="CHAIN",
                found="fewer than two chains to mark the book against" + (f" ({because})" if because else ""),
                expected="two or more, of different instants",
                action="name more chains",
            )
        ]
    )


def _page(report: AttributionReport) -> bytes:
    from flatbook.reports.attribution_html import render_attribution  # noqa: PLC0415 - only pictures need plotly

    return render_attribution(report).encode()
