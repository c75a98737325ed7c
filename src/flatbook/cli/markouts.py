"""`flatbook markouts`: a journal's trades, and what they were worth a little later."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console

from flatbook.cli.outputs import faults_of_outputs, replace_file
from flatbook.cli.progress import shown
from flatbook.cli.run import Progress
from flatbook.cli.warmup import families_for, warm_up
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.exposure.marks import Mark, mark_of
from flatbook.journal.replay import read_facts
from flatbook.model.errors import Fault, FaultsError, fail_on
from flatbook.model.events import CycleDue, Fill, QuotesSeen, UnderlyingQuoted
from flatbook.model.table import Ints
from flatbook.reports.markouts import (
    Markouts,
    Track,
    instants_for,
    markouts,
    track_of_marks,
    track_of_quotes,
    valued,
)
from flatbook.reports.markouts_console import print_markouts
from flatbook.reports.markouts_report import Background, encode_markouts, markout_report
from flatbook.reports.markouts_schema import MarkoutReport

PIPE_WIDTH = 120  # columns of the printed report where no terminal says how wide it is
USUAL = ("counterparty", "venue", "series")
THEORETICAL, MIDDLES = "theoretical values at cycles", "middles of bid and offer between cycles"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for."""

    journal: Path
    by: tuple[str, ...]  # tables to print; empty: the usual ones
    json: Path | None
    html: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """What a journal holds of trades, before any cycle is decided again."""

    fills: tuple[Fill, ...]  # as corrected, without the busted, in order of time
    state: State  # of all facts
    quoted_ns: Ints  # int64[t], ascending: instants of quotes and of prices of underlyings


def make_markouts(wanted: Wanted) -> None:
    """Mark out and write what was asked for.

    Raises
    ------
    FaultsError
        The journal has no trade, or an output has no place to go.
    JournalError
        The journal's chain is broken.
    """
    fail_on(faults_of_outputs({"JOURNAL": wanted.journal}, {"--json": wanted.json, "--html": wanted.html}))
    errors = Console(stderr=True)
    with shown(errors) as progress:
        report = report_of(wanted.journal, progress, errors)
        if wanted.json is not None:
            replace_file(wanted.json, encode_markouts(report))
        if wanted.html is not None:
            progress("drawing")
            replace_file(wanted.html, _page(report))
    out = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    print_markouts(report, wanted.by or USUAL, out)
    for kind, path in (("pictures", wanted.html), ("JSON", wanted.json)):
        if path is not None:
            out.print(f"{kind:8} {path}", highlight=False, soft_wrap=True)


def report_of(path: Path, progress: Progress, errors: Console) -> MarkoutReport:
    """Mark out the trades of a journal against whatever of its two kinds of value tells more of them; theoretical values where both tell alike.

    Raises
    ------
    FaultsError
        It has no trade.
    JournalError
        Its chain is broken.
    """
    progress("reading the journal")
    traded = _traded(path)
    warm_up(errors, families_for(traded.state.table))
    progress("deciding every cycle again")
    table, rows = traded.state.table, _rows(traded)
    marked = track_of_marks(_marks(path), rows)
    progress("following the quotes")
    quotes = _quotes(path, traded, rows, marked)
    tracks = ((THEORETICAL, marked), (MIDDLES, quotes))
    found = [(name, markouts(traded.fills, table, track)) for name, track in tracks]
    name, best = max(found, key=lambda each: valued(each[1]))  # the first of those that tell alike
    return markout_report(
        best,
        Background(
            journal=path.name,
            values=name,
            cycles=int(marked.at_ns.size),
            quote_instants=int(traded.quoted_ns.size),
            age_s=_age_s(best),
        ),
    )


def _traded(path: Path) -> Traded:
    state, quoted = State(), set()
    for fact in read_facts(path):
        if isinstance(fact, CycleDue):
            continue
        step(state, fact)
        if isinstance(fact, QuotesSeen | UnderlyingQuoted):
            quoted.add(fact.received_ns)
    cases = [case for case in state.book.cases.values() if case.terms is not None]
    fills = [
        msgspec.structs.replace(case.fill, quantity=case.terms.quantity, price_ticks=case.terms.price_ticks)
        for case in cases
        if case.terms is not None
    ]
    if not fills:
        raise FaultsError(
            [
                Fault(
                    where=f"JOURNAL {path.name}",
                    found="no trade of ours",
                    expected="a journal with fills",
                    action="name the journal of a day on which the desk traded",
                )
            ]
        )
    return Traded(
        fills=tuple(sorted(fills, key=lambda fill: (fill.traded_ns, fill.fill_id))),
        state=state,
        quoted_ns=np.array(sorted(quoted), dtype=np.int64),
    )


def _rows(traded: Traded) -> Ints:
    table = traded.state.table
    return np.unique(np.array([table.row_of(fill.instrument) for fill in traded.fills], dtype=np.int64))


def _marks(path: Path) -> Iterator[Mark]:
    state = State()
    for fact in read_facts(path):
        cycle = step(state, fact)
        if cycle is not None:
            yield mark_of(cycle.market, cycle.values)


def _quotes(path: Path, traded: Traded, rows: Ints, marked: Track) -> Track:
    """Quotes at the delta of the cycle before them, of the first cycle where there is none before."""
    found = track_of_quotes(
        read_facts(path),
        traded.state.table,
        rows,
        np.full(rows.size, np.nan),
        instants_for(traded.fills, traded.quoted_ns, _told_ns(path, traded)),
    )
    if not marked.at_ns.size:
        return found
    at = np.searchsorted(marked.at_ns, found.at_ns, side="right") - 1
    return replace(found, delta=marked.delta[np.maximum(at, 0)])


def _told_ns(path: Path, traded: Traded) -> dict[str, Ints]:
    """Instants of the quotes of what was traded, by symbol."""
    told: dict[str, list[int]] = {fill.instrument: [] for fill in traded.fills}
    for fact in read_facts(path):
        if isinstance(fact, QuotesSeen):
            for symbol in told.keys() & set(fact.symbols):
                told[symbol].append(fact.received_ns)
    return {symbol: np.unique(np.array(seen, dtype=np.int64)) for symbol, seen in told.items()}


def _age_s(found: Markouts) -> float:
    """Of the value at the trade, in the median of trades that have one."""
    known = np.isfinite(found.age_s)
    return float(np.median(found.age_s[known])) if known.any() else float("nan")


def _page(report: MarkoutReport) -> bytes:
    from flatbook.reports.markouts_html import render_markouts  # noqa: PLC0415 - Plotly waits for a page

    return render_markouts(report).encode()
