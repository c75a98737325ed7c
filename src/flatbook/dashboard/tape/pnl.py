"""P&L by what made it, from one published cycle to the next: the identity of `reports.pnl` and the Greeks of `exposure.explain`, summed.

Source: `reports.pnl` (edge at trade + inventory + hedges - fees = realised), `exposure.explain` (inventory by Greek). A mark is taken every few
seconds of the desk's time; between two marks stands one step. What the day's P&L of the cycles changed by beyond that is a source of its own
(corrections, busts, exercises, a listing that came between): nothing is spread over the others, and the sources add up to the P&L of the
cycle, whichever that is.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.exposure.explain import VEGA_TERMS, Term, explain
from flatbook.exposure.marks import mark_of
from flatbook.live.snapshot import FillRow, Snapshot
from flatbook.model.table import Floats, Ints
from flatbook.reports.pnl import PnlPart, Trade, hedge_rows, identity

_S_NS = 1_000_000_000
STEP_NS = 10 * _S_NS
_LINES_MOST = 3_000  # a day of eight hours
_WAITING_MOST = 20_000


class Source(IntEnum):
    """What makes P&L; they add up to it."""

    EDGE = 0  # of trades in options: theoretical value less price
    DELTA = 1  # of options held, at fixed volatilities
    GAMMA = 2
    VEGA = 3  # of volatility that came apart from spot
    SPOT_VOL = 4  # of volatility that came with spot
    THETA = 5
    CROSS = 6  # vanna and volga
    CARRY = 7  # rates, dividends, borrow, basis
    NEW = 8  # of options traded within a step, from the trade to its end
    HEDGES = 9  # what hedge instruments made
    HEDGE_COST = 10  # of trading them: theoretical value less price
    FEES = 11
    UNEXPLAINED = 12  # what no Greek tells
    OTHER = 13  # the rest of the cycle's P&L


TERMS: dict[Source, tuple[Term, ...]] = {
    Source.DELTA: (Term.DELTA,),
    Source.GAMMA: (Term.GAMMA,),
    Source.VEGA: VEGA_TERMS,
    Source.SPOT_VOL: (Term.SPOT_VOL,),
    Source.THETA: (Term.THETA,),
    Source.CROSS: (Term.VANNA, Term.VOLGA),
    Source.CARRY: (Term.RATES, Term.DIVIDENDS, Term.BASIS),
    Source.UNEXPLAINED: (Term.RESIDUAL,),
}
PARTS: dict[Source, tuple[PnlPart, ...]] = {
    Source.EDGE: (PnlPart.EDGE,),
    Source.NEW: (PnlPart.INVENTORY_NEW,),
    Source.HEDGES: (PnlPart.HEDGE, PnlPart.HEDGE_NEW),
    Source.HEDGE_COST: (PnlPart.HEDGE_SLIPPAGE,),
    Source.FEES: (PnlPart.FEES,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """P&L from the first mark to a cycle."""

    begun_ns: int
    at_ns: int
    sequence: int  # of the cycle
    underlyings: tuple[str, ...]
    before_usd: Floats  # [n_underlyings] P&L of the day at the first mark
    sources_usd: Floats  # [n_sources, n_underlyings]
    pnl_usd: Floats  # [n_underlyings] of the cycle: `before_usd` and all sources
    odd_positions: int  # series whose position changed by more than the trades that were seen, over all steps


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Kept:
    """The last mark, and what led to it."""

    cycle: Cycle
    told: Told
    waiting: tuple[FillRow, ...]  # seen, and not in the last mark's book


def pnl_of(cycle: Cycle) -> Floats:
    """P&L of the day, by underlying; NaN where it is unknown."""
    known = cycle.basis.day.pnl_usd
    return np.array([known.get(name, np.nan) for name in cycle.table.underlyings])


def step_between(before: Cycle, after: Cycle, fills: Sequence[FillRow]) -> tuple[Floats, int]:
    """What one step made.

    Parameters
    ----------
    before, after : Cycle
        In order; P&L is known at both.
    fills : sequence of FillRow
        Those that `after` holds and `before` does not.

    Returns
    -------
    float64[n_sources, n_underlyings], int
        USD, which add up to the change of the day's P&L; and of how many series the position changed by something else.
    """
    names = after.table.underlyings
    out = np.zeros((len(Source), len(names)))
    change = pnl_of(after)
    change[: len(before.table.underlyings)] -= pnl_of(before)
    odd = 0
    if before.table.version == after.table.version and after.now_ns > before.now_ns:
        odd = _explained(before, after, fills, out)
    out[Source.OTHER] = change - out.sum(axis=0)
    return out, odd


def _explained(before: Cycle, after: Cycle, fills: Sequence[FillRow], out: Floats) -> int:
    """Add all but the rest to `out`; returns of how many series the position is not that of the trades."""
    table = before.table
    marks = mark_of(before.market, before.values), mark_of(after.market, after.values)
    hedges = hedge_rows(table, (terms.instrument.symbol for terms in before.desk.hedges))
    theo = {each.fill_id: each.theo for each in fills if np.isfinite(each.theo)}
    (step,) = identity(marks, _trades(before, after, fills), hedges, theo)
    known = np.where(hedges, 0, step.opening)
    known[list(step.unvalued)] = 0
    terms = explain(known, before.values, before.market, after.values, after.market).by_underlying
    for source, some in TERMS.items():
        out[source] += terms[:, list(some)].sum(axis=1)
    for source, parts in PARTS.items():
        out[source] += step.by_underlying[:, list(parts)].sum(axis=1)
    return int(np.count_nonzero(step.closing != after.book.quantity))


def _trades(before: Cycle, after: Cycle, fills: Sequence[FillRow]) -> list[Trade]:
    """The opening book as trades before the step, and those of the step within it, whenever the venue says that they were."""
    held = before.book.quantity
    opening = [
        Trade(fill_id="", row=row, at_ns=before.now_ns - 1, quantity=int(held[row]), price=0.0, fee=0.0)
        for row in np.flatnonzero(held).tolist()
    ]
    rows = before.table.rows
    return opening + [
        Trade(
            fill_id=each.fill_id,
            row=rows[each.symbol],
            at_ns=min(max(each.at_ns, before.now_ns + 1), after.now_ns),
            quantity=each.side * each.quantity,
            price=each.price,
            fee=each.fee,
        )
        for each in fills
        if each.symbol in rows
    ]


class PnlTape:
    """Sums up to the last mark, and lines through time.

    `see` and `mark` belong to one task; `told` may be asked from any thread: what it reads is replaced, never changed.
    """

    def __init__(self, step_ns: int = STEP_NS) -> None:
        self._step_ns = step_ns
        self._kept: _Kept | None = None
        self._lines: deque[Told] = deque(maxlen=_LINES_MOST)

    def see(self, snapshot: Snapshot) -> None:
        """Keep its fills until a mark has them in its book; begin where nothing is known yet, anew with a day or where time went back."""
        cycle, kept = snapshot.cycle, self._kept
        if kept is None or self._is_over(cycle):
            if np.isfinite(pnl_of(cycle)).all():
                self._begin(snapshot)
            return
        self._kept = replace(kept, waiting=_waiting(kept, snapshot))

    def is_due(self, snapshot: Snapshot) -> bool:
        """Whether it is time for a mark, and the snapshot can be one."""
        kept = self._kept
        return (
            kept is not None
            and snapshot.cycle.now_ns >= kept.cycle.now_ns + self._step_ns
            and bool(np.isfinite(pnl_of(snapshot.cycle)).all())
        )

    def mark(self, snapshot: Snapshot) -> None:
        """Sum up to this snapshot."""
        kept = self._kept
        assert kept is not None, "a tape that has not begun has no mark"
        told = _on(kept, snapshot)
        left = tuple(each for each in _waiting(kept, snapshot) if each.sequence > snapshot.cycle.sequence)
        self._kept = _Kept(cycle=snapshot.cycle, told=told, waiting=left)
        self._lines.append(told)

    def told(self, snapshot: Snapshot) -> Told | None:
        """P&L up to a snapshot, exactly that of its cycle; None while no P&L was known, or where it is not known now."""
        kept = self._kept
        if kept is None or self._is_over(snapshot.cycle) or not np.isfinite(pnl_of(snapshot.cycle)).all():
            return None
        if snapshot.cycle.sequence == kept.cycle.sequence:
            return kept.told
        return _on(kept, snapshot)

    def told_at(self, sequence: int) -> Told | None:
        """P&L up to the last mark at or before a sequence of the journal; None before the first."""
        return next((each for each in reversed(self.lines) if each.sequence <= sequence), None)

    @property
    def lines(self) -> tuple[Told, ...]:
        """All marks, the oldest first."""
        return tuple(self._lines)

    def _is_over(self, cycle: Cycle) -> bool:
        kept = self._kept
        if kept is None:
            return True
        return cycle.now_ns < kept.cycle.now_ns or cycle.basis.day.number != kept.cycle.basis.day.number

    def _begin(self, snapshot: Snapshot) -> None:
        cycle = snapshot.cycle
        pnl, names = pnl_of(cycle), cycle.table.underlyings
        told = Told(
            begun_ns=cycle.now_ns,
            at_ns=cycle.now_ns,
            sequence=cycle.sequence,
            underlyings=names,
            before_usd=pnl,
            sources_usd=np.zeros((len(Source), len(names))),
            pnl_usd=pnl,
            odd_positions=0,
        )
        after = tuple(each for each in snapshot.fills if each.sequence > cycle.sequence)
        self._kept = _Kept(cycle=cycle, told=told, waiting=after)
        self._lines.clear()
        self._lines.append(told)


def _waiting(kept: _Kept, snapshot: Snapshot) -> tuple[FillRow, ...]:
    """Fills that are not in the mark's book, in order: those that wait, and what is new in a snapshot."""
    last = max((each.sequence for each in kept.waiting), default=kept.cycle.sequence)
    fresh = [each for each in snapshot.fills if each.sequence > last]  # newest first
    return (*kept.waiting, *reversed(fresh))[-_WAITING_MOST:] if fresh else kept.waiting


def _on(kept: _Kept, snapshot: Snapshot) -> Told:
    """From the last mark on to a snapshot."""
    cycle, told = snapshot.cycle, kept.told
    fills = [each for each in _waiting(kept, snapshot) if each.sequence < cycle.sequence]
    step, odd = step_between(kept.cycle, cycle, fills)
    n = len(told.underlyings)
    sums, before = step.copy(), np.zeros(step.shape[1])
    sums[:, :n] += told.sources_usd
    before[:n] = told.before_usd
    return Told(
        begun_ns=told.begun_ns,
        at_ns=cycle.now_ns,
        sequence=cycle.sequence,
        underlyings=cycle.table.underlyings,
        before_usd=before,
        sources_usd=sums,
        pnl_usd=pnl_of(cycle),
        odd_positions=told.odd_positions + odd,
    )


def thinned(at_ns: Ints, most: int) -> Ints:
    """Places of at most about `most` of these instants, the newest always."""
    if at_ns.size <= most:
        return np.arange(at_ns.size)
    return np.unique(np.linspace(0, at_ns.size - 1, most).round().astype(np.int64))
