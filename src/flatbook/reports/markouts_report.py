"""From marked-out trades to a report: a table by each key, every trade, and what it comes to in a few sentences."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import numpy as np

from flatbook import __version__
from flatbook.model.instruments import Side
from flatbook.reports.columns import iso
from flatbook.reports.markouts import KEYS, MarkoutGroup, Markouts, by
from flatbook.reports.markouts_schema import (
    MarkoutHeader,
    MarkoutLine,
    MarkoutReport,
    MarkoutTable,
    MarkoutTrade,
)
from flatbook.reports.missing import Missing
from flatbook.reports.numbers import brief, magnitude, percent, plain, tally

SIGMAS = 2.0  # beyond which a mean is told as more than chance
_MENTIONED = 3
_LEAST_SHARE = 0.5  # of the most trades that any horizon has: below it a horizon speaks for too few
_NO_EDGE = "no trade has a value then, or there is no edge above 0"
_NO_FILLS = "no trade has a value then"
_ONE_FILL = "fewer than two trades have a value then: one has no spread"
_NO_VALUE = "nothing tells the value at the trade, or soon enough after the horizon"
_NO_AGE = "no trade has a value"
ALL = "all"
_LINES = "tables[*].lines[*]"  # where they stand in the file


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """Where the trades and their values came from."""

    journal: str
    values: str  # what they were held against, in words
    cycles: int
    quote_instants: int
    age_s: float  # of the value at the trade, in the median; NaN where no trade has one


def markout_report(found: Markouts, background: Background) -> MarkoutReport:
    """Group and tell.

    Parameters
    ----------
    found : Markouts
        Of one trade or more.
    background : Background
    """
    missing = Missing()
    tables = tuple(
        MarkoutTable(name=key, lines=tuple(_line(group, missing) for group in by(found, key))) for key in KEYS
    )
    traded = [fill.traded_ns for fill in found.fills]
    return MarkoutReport(
        flatbook_version=__version__,
        header=MarkoutHeader(
            journal=background.journal,
            start=iso(min(traded)),
            end=iso(max(traded)),
            values=background.values,
            cycles=background.cycles,
            quote_instants=background.quote_instants,
            fills=len(found.fills),
            horizons_s=found.horizons_s,
            age_s=missing.number(background.age_s, "header.age_s", _NO_AGE),
            headline=headline_of(tables),
            sentences=tuple(_sentences(tables, background)),
        ),
        tables=tables,
        trades=_trades(found, missing),
        reasons=missing.reasons(),
    )


def encode_markouts(report: MarkoutReport) -> bytes:
    """The bytes of a report file: UTF-8, indented by two, the same every time.

    Raises
    ------
    ValueError
        A number is not finite: only finite numbers and None belong in a report.
    """
    text = json.dumps(msgspec.to_builtins(report), indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def headline_of(tables: Iterable[MarkoutTable]) -> str:
    """What all trades together kept of their edge."""
    whole = next(table for table in tables if table.name == ALL)
    line = spoken_of(whole.lines)
    if line is None:
        fills = whole.lines[0].fills_without
        return f"{tally(fills, 'trade')}, and none of them has a value soon enough after it"
    when = f"{line.horizon_s:g} s after {tally(line.fills, 'trade')}"
    if line.edge_usd <= 0.0:
        return f"No edge: {brief(line.edge_usd)} USD at the trade, and {brief(line.realised_usd)} USD {when}"
    what = "went back" if line.adverse_usd < 0.0 else "came on top"
    share = percent(abs(line.adverse_usd) / line.edge_usd)
    return (
        f"Of {magnitude(line.edge_usd)} USD of edge {share} {what}: {brief(line.realised_usd)} USD stayed "
        f"{when}"
    )


def spoken_of(lines: Iterable[MarkoutLine]) -> MarkoutLine | None:
    """Of one name the line of the longest horizon that has at least half as many trades as any; None where no trade has a value."""
    lines = tuple(lines)
    most = max(line.fills for line in lines)
    return max(
        (line for line in lines if most and line.fills >= _LEAST_SHARE * most),
        key=lambda line: line.horizon_s,
        default=None,
    )


def _sentences(tables: tuple[MarkoutTable, ...], background: Background) -> Iterable[str]:
    seen = f"{tally(background.cycles, 'cycle')}, quotes at {tally(background.quote_instants, 'instant')}"
    old = (
        f"; at the trade it was {plain(background.age_s, 1)} s old in the median"
        if np.isfinite(background.age_s)
        else ""
    )
    yield f"Held against {background.values} ({seen}){old}."
    whole = next(table for table in tables if table.name == ALL)
    line = spoken_of(whole.lines)
    if line is None:
        yield (
            "A trade needs a value at or before it and another soon after each horizon: a cycle or a quote of its series. The journal of one "
            "`flatbook plan` has one instant; that of a day has them all."
        )
        return
    gone = [f"{one.fills_without:,d} at {one.horizon_s:g} s" for one in whole.lines if one.fills_without]
    if gone:
        yield f"Trades without a value are in no mean: {', '.join(gone)}, of {line.fills + line.fills_without:,d}."
    names = next(table for table in tables if table.name == "counterparty").lines
    against = [
        one
        for one in names
        if one.horizon_s == line.horizon_s
        and one.adverse_usd_per_contract is not None
        and one.standard_error_usd_per_contract is not None
        and one.adverse_usd_per_contract < -SIGMAS * one.standard_error_usd_per_contract
    ]
    of = sum(one.horizon_s == line.horizon_s for one in names)
    if against:
        against.sort(key=lambda one: one.adverse_usd)
        told = ", ".join(
            f"{one.name} {brief(one.adverse_usd_per_contract)} ± {magnitude(one.standard_error_usd_per_contract)} USD a contract "
            f"({tally(one.fills, 'trade')})"
            for one in against[:_MENTIONED]
        )
        yield (
            f"More than two standard errors against us at {line.horizon_s:g} s: {told}; {len(against)} of "
            f"{tally(of, 'counterparty', 'counterparties')}, of which chance alone makes one in forty."
        )
    else:
        yield f"No counterparty is more than two standard errors against us at {line.horizon_s:g} s."


def _line(group: MarkoutGroup, missing: Missing) -> MarkoutLine:
    mean, error = group.adverse_usd_per_contract, group.standard_error
    return MarkoutLine(
        name=group.name,
        horizon_s=group.horizon_s,
        fills=group.fills,
        fills_without=group.fills_without,
        contracts=group.contracts,
        edge_usd=group.edge_usd + 0.0,
        adverse_usd=group.adverse_usd + 0.0,
        realised_usd=group.realised_usd + 0.0,
        give_back=missing.number(group.give_back, f"{_LINES}.give_back", _NO_EDGE),
        adverse_usd_per_contract=missing.number(mean, f"{_LINES}.adverse_usd_per_contract", _NO_FILLS),
        standard_error_usd_per_contract=missing.number(
            error, f"{_LINES}.standard_error_usd_per_contract", _ONE_FILL
        ),
    )


def _trades(found: Markouts, missing: Missing) -> tuple[MarkoutTrade, ...]:
    edge = missing.numbers(found.edge_usd, "trades[*].edge_usd", _NO_VALUE)
    adverse = [missing.numbers(column, "trades[*].adverse_usd", _NO_VALUE) for column in found.adverse_usd.T]
    return tuple(
        MarkoutTrade(
            fill_id=fill.fill_id,
            time=iso(fill.traded_ns),
            symbol=fill.instrument,
            counterparty=fill.counterparty,
            venue=fill.venue,
            capacity=fill.capacity.value,
            side="buy" if fill.side is Side.BUY else "sell",
            contracts=fill.quantity,
            edge_usd=edge[row],
            adverse_usd=tuple(column[row] for column in adverse),
        )
        for row, fill in enumerate(found.fills)
    )
