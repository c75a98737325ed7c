"""`flatbook calibrate`: the numbers of a desk file, estimated from a journal, each with its standard error."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console

from flatbook.cli.markouts import PIPE_WIDTH
from flatbook.cli.outputs import faults_of_outputs, replace_file
from flatbook.cli.progress import shown
from flatbook.cli.run import Progress
from flatbook.cli.warmup import families_for, warm_up
from flatbook.engine.cycle import Cycle
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.exposure.marks import Mark, mark_of
from flatbook.journal.replay import read_facts
from flatbook.model.errors import Fault, FaultsError, fail_on
from flatbook.model.events import CycleDue, Fill, SessionsSeen
from flatbook.model.table import InstrumentTable, Ints
from flatbook.reports.calibration import Estimates, estimates
from flatbook.reports.calibration_console import print_calibration
from flatbook.reports.calibration_report import Background, calibration_report, encode_calibration
from flatbook.reports.calibration_schema import CalibrationReport
from flatbook.reports.calibration_watch import QuoteWatch
from flatbook.reports.markouts import track_of_marks

_USUAL_HOURS, _ALL_HOURS = 6.5, 24.0
_NS_PER_HOUR = 3.6e12


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for."""

    journal: Path
    horizon_s: float
    standing_s: float
    trading_hours: float | None
    target_deviation_usd: float | None
    json: Path | None
    html: Path | None
    toml: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What a journal holds before any cycle is decided again."""

    fills: tuple[Fill, ...]  # as corrected, without the busted, in order of time
    table: InstrumentTable
    sessions: Mapping[str, SessionsSeen]  # by underlying, all that were told
    cycles: int
    start_ns: int  # of the first cycle
    end_ns: int  # of the last fact


@dataclass(slots=True)
class _Last:
    cycle: Cycle | None = None


def make_calibration(wanted: Wanted) -> None:
    """Estimate and write what was asked for.

    Raises
    ------
    FaultsError
        The journal has no cycle, an option makes no sense, or an output has no place to go.
    JournalError
        The journal's chain is broken.
    """
    outputs = {"--json": wanted.json, "--html": wanted.html, "--toml": wanted.toml}
    fail_on([*_faults_of_numbers(wanted), *faults_of_outputs({"JOURNAL": wanted.journal}, outputs)])
    errors = Console(stderr=True)
    with shown(errors) as progress:
        report = report_of(wanted, progress, errors)
        if wanted.json is not None:
            replace_file(wanted.json, encode_calibration(report))
        if wanted.toml is not None:
            replace_file(wanted.toml, report.toml.encode())
        if wanted.html is not None:
            progress("drawing")
            replace_file(wanted.html, _page(report))
    out = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    print_calibration(report, out)
    for kind, path in (("pictures", wanted.html), ("JSON", wanted.json), ("desk file", wanted.toml)):
        if path is not None:
            out.print(f"{kind:9} {path}", highlight=False, soft_wrap=True)


def report_of(wanted: Wanted, progress: Progress, errors: Console) -> CalibrationReport:
    """Decide every cycle of a journal again, watch its quotes, and estimate.

    Raises
    ------
    FaultsError
        It has no cycle.
    JournalError
        Its chain is broken.
    """
    progress("reading the journal")
    kept = _kept(wanted.journal)
    warm_up(errors, families_for(kept.table))
    progress("deciding every cycle again")
    watch = QuoteWatch(kept.fills, kept.sessions, wanted.standing_s)
    last, rows = _Last(), _rows(kept)
    track = track_of_marks(_marks(wanted.journal, watch, last), rows)
    watch.end(kept.end_ns)
    progress("estimating")
    assert last.cycle is not None, "a journal with cycles has a last one"
    hours = {name: _hours(name, kept, wanted.trading_hours) for name in _with_options(kept.table)}
    found: Estimates = estimates(
        watch,
        track,
        last.cycle,
        day_hours={name: each for name, (each, _) in hours.items()},
        horizon_s=wanted.horizon_s,
        target_deviation_usd=wanted.target_deviation_usd,
    )
    return calibration_report(
        found,
        Background(
            journal=wanted.journal.name,
            start_ns=kept.start_ns,
            end_ns=kept.end_ns,
            cycles=watch.cycles,
            fills_without_quote=watch.without_quote,
            horizon_s=wanted.horizon_s,
            standing_s=wanted.standing_s,
            target_deviation_usd=wanted.target_deviation_usd,
            hours_from={name: source for name, (_, source) in hours.items()},
        ),
    )


def _faults_of_numbers(wanted: Wanted) -> list[Fault]:
    told = {
        "--horizon": (wanted.horizon_s, float("inf")),
        "--standing": (wanted.standing_s, float("inf")),
        "--trading-hours": (wanted.trading_hours, 24.0),
        "--target-deviation-usd": (wanted.target_deviation_usd, float("inf")),
    }
    return [
        Fault(
            where=name,
            found=f"{value:g}",
            expected="a number above 0" + (f" and at most {most:g}" if most < float("inf") else ""),
            action="give another number",
        )
        for name, (value, most) in told.items()
        if value is not None and not (0.0 < value <= most and value < float("inf"))
    ]


def _kept(path: Path) -> _Kept:
    state, cycles, start, end = State(), 0, 0, 0
    sessions: dict[str, SessionsSeen] = {}
    for fact in read_facts(path):
        end = max(end, fact.received_ns)
        if isinstance(fact, CycleDue):
            start = start if cycles else fact.received_ns
            cycles += 1
            continue
        if isinstance(fact, SessionsSeen):
            sessions |= {name: _together(sessions.get(name), fact) for name in fact.underlyings}
        step(state, fact)
    if not cycles:
        raise FaultsError(
            [
                Fault(
                    where=f"JOURNAL {path.name}",
                    found="no cycle",
                    expected="a journal with cycles: they tell where quotes stood",
                    action="name the journal of a day on which the desk quoted",
                )
            ]
        )
    fills = [
        msgspec.structs.replace(case.fill, quantity=case.terms.quantity, price_ticks=case.terms.price_ticks)
        for case in state.book.cases.values()
        if case.terms is not None
    ]
    return _Kept(
        fills=tuple(sorted(fills, key=lambda fill: (fill.traded_ns, fill.fill_id))),
        table=state.table,
        sessions=sessions,
        cycles=cycles,
        start_ns=start,
        end_ns=end,
    )


def _together(before: SessionsSeen | None, seen: SessionsSeen) -> SessionsSeen:
    """What was told of sessions before is still true of days that the later word leaves out."""
    closes = {} if before is None else dict(zip(before.open_ns, before.close_ns, strict=True))
    closes |= dict(zip(seen.open_ns, seen.close_ns, strict=True))
    opens = tuple(sorted(closes))
    return msgspec.structs.replace(seen, open_ns=opens, close_ns=tuple(closes[each] for each in opens))


def _rows(kept: _Kept) -> Ints:
    return np.unique(np.array([kept.table.row_of(fill.instrument) for fill in kept.fills], dtype=np.int64))


def _marks(path: Path, watch: QuoteWatch, last: _Last) -> Iterator[Mark]:
    state = State()
    for fact in read_facts(path):
        cycle = step(state, fact)
        if cycle is not None:
            watch.see(cycle)
            last.cycle = cycle
            yield mark_of(cycle.market, cycle.values)


def _with_options(table: InstrumentTable) -> tuple[str, ...]:
    of = set(table.underlying_of[table.is_option].tolist())
    return tuple(name for u, name in enumerate(table.underlyings) if u in of)


def _hours(name: str, kept: _Kept, told: float | None) -> tuple[float, str]:
    """Of a trading day, and what says so."""
    if told is not None:
        return told, "as --trading-hours says"
    seen = kept.sessions.get(name)
    if seen is not None:
        length = np.array(seen.close_ns, dtype=np.int64) - np.array(seen.open_ns, dtype=np.int64)
        return float(np.median(length)) / _NS_PER_HOUR, f"sessions of {seen.calendar}"
    table = kept.table
    u = table.underlyings.index(name)
    if bool(table.inverse[table.underlying_of == u].any()):
        return _ALL_HOURS, "coin-settled: round the clock"
    return _USUAL_HOURS, "assumed: no sessions in the journal; --trading-hours says otherwise"


def _page(report: CalibrationReport) -> bytes:
    from flatbook.reports.calibration_html import render_calibration  # noqa: PLC0415 - Plotly waits for a page

    return render_calibration(report).encode()
