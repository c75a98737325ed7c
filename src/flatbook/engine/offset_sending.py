"""Option offsets that leave as orders: when one is due, of which underlyings, and how it and the hedges of a cycle share the work.

A plan is due `every_s` after the last, or at once where a limit has come to ALERT or a higher step than it had then (domain reference
8.1: from there on the best offset is crossed). It makes cost, risk at the curvature of the risk price and breaches least over the options and hedge
instruments of all underlyings in the book, but for those whose market is fast or in which informed trades wait for their hedge: speed goes first there.
Nor is one planned in an underlying whose hedge waits for a person, or leaves as somebody approved it: its legs would trade that delta unasked.

In an underlying in which the plan trades options, the plan wins: all its legs leave, those in hedge instruments too, and what
`hedging.propose` proposes there in this cycle does not. Where it trades hedge instruments alone, the hedge wins and they do not leave. So no delta is
hedged twice in one cycle. Legs cross the market; the next cycle wants them no more, so that the rest is cancelled, and while any of them may
still fill nothing is planned. Hedges in between count legs that may fill as the orders room does (`orders.hedge_sizes`).
"""

from dataclasses import dataclass, replace

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.engine.measure import Basis, Measurement
from flatbook.engine.offsets import Offset, offset_of
from flatbook.engine.state import State
from flatbook.hedging import approval
from flatbook.hedging.approval import Waiting, WaitingHedge
from flatbook.hedging.propose import Hedge
from flatbook.limits.check import Standing
from flatbook.limits.ladder import Step
from flatbook.model.table import InstrumentTable, Ints
from flatbook.orders.columns import Purpose
from flatbook.riskprice.price import RiskPrice

_NS_PER_S = 1_000_000_000
_OFFSET_FIRST = "the option offset of this cycle trades its delta"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sent:
    """A plan, what of it leaves, and the hedges beside it."""

    offset: Offset | None  # None: none was due
    trades: Ints | None  # int64[n_rows] contracts, plus buys; None: nothing leaves
    hedges: tuple[Hedge, ...]
    waiting: tuple[WaitingHedge, ...]  # of them, those that a person is asked about

    @property
    def leaving(self) -> tuple[Hedge, ...]:
        """The hedges that wait for nobody."""
        return approval.leaving(self.hedges, self.waiting)


def offset_and_hedges(
    state: State,
    hedges: tuple[Hedge, ...],
    held: Measurement,
    standing: Standing,
    basis: Basis,
    price: RiskPrice,
    first: frozenset[str],
) -> Sent:
    """What leaves of both.

    Parameters
    ----------
    state : State
        Nothing of it is changed.
    hedges : tuple of Hedge
        As proposed.
    held, standing, basis, price
        Of the cycle.
    first : frozenset of str
        Underlyings whose delta is hedged before anything else.
    """
    waiting = (
        approval.waiting_of(state.approvals, hedges, standing, basis.desk.hedging, basis.market.now_ns)
        if basis.desk.orders.send
        else ()
    )
    first |= {one.underlying for one in waiting if one.state is not Waiting.UNASKED}
    none = Sent(offset=None, trades=None, hedges=hedges, waiting=waiting)
    if not (basis.desk.offsets.send and basis.desk.orders.send):
        return none
    names = _underlyings(held, basis.market.table, first)
    if not names or not _is_due(state, standing, names, basis) or _in_flight(state):
        return none
    offset = offset_of(held, standing, basis, names, price.value.curvature)
    trades = _trades(offset, basis)
    if not trades.any():
        return replace(none, offset=offset)
    table = basis.market.table
    touched = {table.underlyings[u] for u in table.underlying_of[trades != 0].tolist()}
    return Sent(
        offset=offset,
        trades=trades,
        hedges=tuple(_left_out(hedge) if hedge.underlying in touched else hedge for hedge in hedges),
        waiting=tuple(one for one in waiting if one.underlying not in touched),
    )


def remember_offset(state: State, cycle: Cycle) -> None:
    """Keep when a plan was made, and how limits stood."""
    if cycle.offset is not None:
        state.offset_ns = cycle.now_ns
        state.offset_steps = {one.limit.name: int(one.step) for one in cycle.standing.limits}


def _underlyings(held: Measurement, table: InstrumentTable, first: frozenset[str]) -> tuple[str, ...]:
    """Those of the book, in the order of the table."""
    inside = np.bincount(table.underlying_of[held.quantity != 0], minlength=len(table.underlyings)) > 0
    return tuple(
        name
        for name, is_held in zip(table.underlyings, inside.tolist(), strict=True)
        if is_held and name not in first
    )


def _is_due(state: State, standing: Standing, names: tuple[str, ...], basis: Basis) -> bool:
    now_ns, terms = basis.market.now_ns, basis.desk.offsets
    waited = now_ns - state.offset_ns
    if not state.offset_ns or waited < 0 or waited >= round(terms.every_s * _NS_PER_S):
        return True
    return any(
        one.step >= Step.ALERT
        and one.step > state.offset_steps.get(one.limit.name, Step.NORMAL)
        and not set(names).isdisjoint(one.underlyings)
        for one in standing.limits
    )


def _in_flight(state: State) -> bool:
    """Whether a leg in an option may still fill."""
    working = state.outbox.working
    legs = working.alive & (working.purpose == Purpose.HEDGE)
    return bool(state.table.is_option[working.row[legs]].any())


def _trades(offset: Offset, basis: Basis) -> Ints:
    """Contracts that leave, int64[n_rows]: of underlyings in which options are traded, if they all cost no more than they may."""
    table = basis.market.table
    out = np.zeros(len(table.instruments), dtype=np.int64)
    if not offset.plan.cost_usd <= basis.desk.offsets.cost_most_usd:
        return out
    np.add.at(out, offset.question.rows, offset.plan.contracts)
    options = (
        np.bincount(table.underlying_of[(out != 0) & table.is_option], minlength=len(table.underlyings)) > 0
    )
    return np.where(options[table.underlying_of], out, 0)


def _left_out(hedge: Hedge) -> Hedge:
    return replace(
        hedge, legs=(), schedule=(), deviation_after_usd=hedge.deviation_before_usd, reason=_OFFSET_FIRST
    )
