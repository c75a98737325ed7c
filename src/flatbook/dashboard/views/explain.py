"""The Explain page: where the P&L of the day came from, and what trades were worth a little later.

The bars of a scope begin at the P&L that was there when the first mark was taken and end at the P&L of the cycle. Gains are plus; USD.
"""

from collections.abc import Sequence

import numpy as np

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.frames import number
from flatbook.dashboard.tape.markouts import MarkoutTape
from flatbook.dashboard.tape.pnl import Source, Told, thinned
from flatbook.dashboard.views.head import Row
from flatbook.live.snapshot import Snapshot
from flatbook.model.table import Floats
from flatbook.reports.markouts import KEYS, MarkoutGroup, Markouts, by

POINTS = 240  # of the lines through time, at most
ROWS_MOST = 40  # of a table of markouts
_DESK = "desk"
TEXTS: dict[Source, tuple[str, str]] = {
    Source.EDGE: ("edge at trade", "theoretical value less price of the options that we traded"),
    Source.DELTA: ("delta", "spot moved the options that we held, at fixed volatilities"),
    Source.GAMMA: ("gamma", "curvature of the options that we held"),
    Source.VEGA: ("vega", "volatility that moved apart from spot: level, skew and curvature"),
    Source.SPOT_VOL: ("spot-vol", "volatility that came with spot, by the dynamics of the smile"),
    Source.THETA: ("theta", "time, by the clock of the volatilities"),
    Source.CROSS: ("vanna, volga", "spot and volatility together; curvature in volatility"),
    Source.CARRY: ("carry", "rates, dividends, borrow, and the basis of what is no hedge"),
    Source.NEW: ("after the trade", "options within the ten seconds of their trade, from the trade on"),
    Source.HEDGES: ("hedges", "what futures and shares made that the desk hedges with"),
    Source.HEDGE_COST: ("hedge cost", "theoretical value less price of the hedges"),
    Source.FEES: ("fees", "of all trades"),
    Source.UNEXPLAINED: ("unexplained", "what no Greek tells of the options that we held"),
    Source.OTHER: (
        "other",
        "corrections, busts, exercises, and what was listed meanwhile: the rest of the P&L",
    ),
}


class BarRow(Row):
    """One source of P&L."""

    name: str
    text: str
    usd: float


class ScopeRow(Row):
    """The desk, or one underlying."""

    scope: str
    before_usd: float  # P&L of the day at the first mark
    bars: tuple[BarRow, ...]
    pnl_usd: float  # of the cycle: what was before, and all bars
    unexplained_share: float | None  # of all bars without their signs; null: nothing happened


class Lines(Row):
    """P&L through time, at marks."""

    at_s: tuple[float, ...]
    pnl_usd: tuple[float, ...]
    sources_usd: dict[str, tuple[float, ...]]  # each from the first mark on


class Explain(Row):
    """The page without its markouts."""

    begun_ns: str  # first mark; empty: none yet
    at_ns: str
    cycle: int
    scopes: tuple[ScopeRow, ...]  # the desk first; empty: nothing is known yet, and `reason` says why
    lines: Lines | None  # of the scope that was asked for
    of: str  # that scope
    notes: tuple[str, ...]
    reason: str


class HorizonRow(Row):
    """One name at one horizon; USD a contract, plus is ours."""

    horizon_s: float
    fills: int  # with a value then
    fills_without: int  # it has not come yet, or nothing was published in time
    contracts: int
    edge_usd: float | None
    adverse_usd: float | None
    realised_usd: float | None  # edge and adverse
    standard_error_usd: float | None  # of adverse; null below two trades
    give_back: float | None  # share of the edge that went; null without an edge above 0


class MarkoutRow(Row):
    """Trades with one counterparty, capacity or venue, or of one series."""

    name: str
    fills: int
    contracts: int
    edge_usd: float | None  # at the trade, of all of them, a contract
    total_edge_usd: float | None
    horizons: tuple[HorizonRow, ...]


class MarkoutTable(Row):
    """By one key."""

    by: str
    horizons_s: tuple[float, ...]
    rows: tuple[MarkoutRow, ...]  # all trades first, then by contracts
    left_out: int  # rows beyond the most that are shown
    open: int  # horizons that have not come yet
    reason: str  # why there is nothing


def explain_page(
    snapshot: Snapshot, told: Told | None, lines: Sequence[Told], of: str = "", failure: str = ""
) -> Explain:
    """The page of a snapshot.

    Raises
    ------
    UnknownTopicError
        No such underlying is listed.
    """
    cycle = snapshot.cycle
    if of and of != _DESK and of not in cycle.table.underlyings:
        msg = f"no underlying {of!r}; there are {', '.join(cycle.table.underlyings)}"
        raise UnknownTopicError(msg)
    scope = of or _DESK
    return Explain(
        begun_ns="" if told is None else str(told.begun_ns),
        at_ns=str(cycle.now_ns if told is None else told.at_ns),
        cycle=cycle.sequence if told is None else told.sequence,
        scopes=() if told is None else _scopes(told),
        lines=None if told is None else _lines((*lines, told), scope),
        of=scope,
        notes=() if told is None else _notes(told, failure),
        reason=failure or _reason(snapshot, told),
    )


def markout_table(tape: MarkoutTape, key: str) -> MarkoutTable:
    """Markouts by one of the keys of the reports.

    Raises
    ------
    UnknownTopicError
        There is no such key.
    """
    if key not in KEYS:
        msg = f"no markouts by {key!r}; there are {', '.join(KEYS)}"
        raise UnknownTopicError(msg)
    found = tape.found()
    rows = [] if key == "all" else _rows(found, key)
    return MarkoutTable(
        by=key,
        horizons_s=found.horizons_s,
        rows=(*_rows(found, "all"), *rows[:ROWS_MOST]),
        left_out=max(len(rows) - ROWS_MOST, 0),
        open=tape.open,
        reason="" if found.fills else "the desk traded no option since it began",
    )


def _reason(snapshot: Snapshot, told: Told | None) -> str:
    if told is not None:
        return ""
    if not np.isfinite(snapshot.pnl_usd):
        return "the P&L of the cycle is not known: something held has no value, or a fee is not known"
    return "no mark was taken up to there by the service that runs now"


def _notes(told: Told, failure: str) -> tuple[str, ...]:
    out = [failure] if failure else []
    if told.before_usd.any():
        out.append(
            "P&L from before this service began is one bar: `flatbook markouts` and the journal tell more of it"
        )
    if told.odd_positions:
        out.append(
            f"{told.odd_positions} positions changed by something else than a trade (a correction, a bust, an exercise): it is in other"
        )
    return tuple(out)


def _scopes(told: Told) -> tuple[ScopeRow, ...]:
    each = [_scope(_DESK, told.before_usd.sum(), told.sources_usd.sum(axis=1), told.pnl_usd.sum())]
    each += [
        _scope(name, told.before_usd[u], told.sources_usd[:, u], told.pnl_usd[u])
        for u, name in enumerate(told.underlyings)
    ]
    return tuple(each)


def _scope(name: str, before: float, sources: Floats, pnl: float) -> ScopeRow:
    gross = float(np.abs(np.delete(sources, Source.UNEXPLAINED)).sum())
    return ScopeRow(
        scope=name,
        before_usd=float(before),
        bars=tuple(
            BarRow(name=TEXTS[source][0], text=TEXTS[source][1], usd=float(sources[source]))
            for source in Source
        ),
        pnl_usd=float(pnl),
        unexplained_share=abs(float(sources[Source.UNEXPLAINED])) / gross if gross else None,
    )


def _lines(each: Sequence[Told], scope: str) -> Lines:
    at_ns = np.array([one.at_ns for one in each], dtype=np.int64)
    kept = [each[place] for place in thinned(at_ns, POINTS).tolist()]
    sources = np.array([_of(one.sources_usd, one, scope) for one in kept])
    return Lines(
        at_s=tuple(one.at_ns / 1e9 for one in kept),
        pnl_usd=tuple(float(_of(one.pnl_usd[None], one, scope)[0]) for one in kept),
        sources_usd={TEXTS[source][0]: tuple(sources[:, source].tolist()) for source in Source},
    )


def _of(by_underlying: Floats, told: Told, scope: str) -> Floats:
    """One scope of [k, n_underlyings], float64[k]; 0 of what was not listed yet."""
    if scope == _DESK:
        return np.asarray(by_underlying.sum(axis=1))
    if scope not in told.underlyings:
        return np.zeros(by_underlying.shape[0])
    return by_underlying[:, told.underlyings.index(scope)]


def _rows(found: Markouts, key: str) -> list[MarkoutRow]:
    """A row of each name, the most contracts first."""
    groups: dict[str, list[MarkoutGroup]] = {}
    for each in by(found, key):
        groups.setdefault(each.name, []).append(each)
    names = np.array([KEYS[key](fill) for fill in found.fills])
    rows = []
    for name, horizons in groups.items():
        mine = names == name
        edge, contracts = float(found.edge_usd[mine].sum()), int(found.contracts[mine].sum())
        rows.append(
            MarkoutRow(
                name=name,
                fills=int(mine.sum()),
                contracts=contracts,
                edge_usd=number(edge / contracts),
                total_edge_usd=number(edge),
                horizons=tuple(_horizon(each) for each in horizons),
            )
        )
    return sorted(rows, key=lambda each: (-each.contracts, each.name))


def _horizon(group: MarkoutGroup) -> HorizonRow:
    per = 1.0 / group.contracts if group.contracts else float("nan")
    return HorizonRow(
        horizon_s=group.horizon_s,
        fills=group.fills,
        fills_without=group.fills_without,
        contracts=group.contracts,
        edge_usd=number(group.edge_usd * per),
        adverse_usd=number(group.adverse_usd_per_contract),
        realised_usd=number(group.realised_usd * per),
        standard_error_usd=number(group.standard_error),
        give_back=number(group.give_back),
    )
