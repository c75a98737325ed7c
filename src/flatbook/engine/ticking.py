"""A tick as a fact: decided where nothing but prices was told since the last cycle, and a reprice of the same instant otherwise.

What a tick decides is recorded like the decision of a cycle, its columns as bytes: what changed, and the few numbers of the whole
desk. It depends on facts alone: whether columns were made ready before the tick or by it, the bytes are the same.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from flatbook.engine.cycle import Cycle
from flatbook.engine.decision import decision_of, encode_decision
from flatbook.engine.tick import TickDecision, TickDesk, prepare_tick, tick
from flatbook.market.reprice import futures_of, spots_of
from flatbook.model.events import ForwardQuoted, QuotesSeen, TickDue, UnderlyingQuoted
from flatbook.model.operator_events import OperatorActed
from flatbook.model.order_events import OrdersAnswered

if TYPE_CHECKING:
    from flatbook.engine.state import State
    from flatbook.model.facts import Fact

_CALM = (UnderlyingQuoted, ForwardQuoted, QuotesSeen, OrdersAnswered, OperatorActed, TickDue)
_FAST_SHARE = 0.9  # of the move that makes a market fast, from which a tick leaves it to a cycle to look


@dataclass(slots=True)
class Ticking:
    """What is remembered between ticks."""

    desk: TickDesk | None = None  # of the last cycle; None: not made ready yet
    disturbed: bool = False  # more than prices was told since
    decided: TickDecision | None = None  # by the last fact, where it was a tick that decided
    why_not: str = ""  # why the last tick was a reprice


class TickRecord(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What one tick decided, as the journal keeps it: columns are little-endian, i4 of rows, i8 of ticks and contracts, f8 of amounts."""

    cause: int  # sequence of the TickDue
    rows: bytes  # whose quote changed
    bid_ticks: bytes
    ask_ticks: bytes
    bid_sizes: bytes
    ask_sizes: bytes
    exposure: bytes  # by underlying, in the order of the table of measures
    utilisation: bytes  # by limit
    delta_usd: bytes  # by underlying, held against its band
    hedge_usd: bytes


def see_fact(ticking: Ticking, event: "Fact") -> None:
    """Remember whether more than prices was told."""
    ticking.decided = None
    if not isinstance(event, _CALM):
        ticking.disturbed = True


def after_cycle(ticking: Ticking) -> None:
    """A cycle was decided: ticks begin anew from it."""
    ticking.desk, ticking.disturbed, ticking.decided = None, False, None


def ready(state: "State") -> TickDesk | None:
    """The last cycle ready for ticks, made so where it is not; None where there is none, or of another table.

    Whoever has time before the next tick calls this; else the tick does.
    """
    kept = state.kept
    if kept is None or kept.last.table is not state.table:
        return None
    if state.ticking.desk is None:
        state.ticking.desk = prepare_tick(kept.last, kept.fitted)
    return state.ticking.desk


def decide_tick(state: "State", due: TickDue) -> TickDecision | None:
    """Decide at the prices of the state; None, and why in `state.ticking`, where a reprice is asked for."""
    ticking, kept = state.ticking, state.kept
    ticking.decided, ticking.why_not = None, ""
    if ticking.disturbed or kept is None or kept.last.table is not state.table:
        ticking.why_not = "no cycle has been decided since more than prices was told"
        return None
    if due.received_ns >= kept.until_ns:
        ticking.why_not = "an expiry, event, open or close has passed"
        return None
    fast = _fast(state)
    if fast:
        ticking.why_not = f"the market may be fast: {fast}"
        return None
    desk = ready(state)
    assert desk is not None, "a cycle of this table was decided"
    found = tick(
        desk,
        spots_of(state.market, state.table),
        due.received_ns,
        bid=state.market.bid,
        ask=state.market.ask,
        future=futures_of(state.market, state.table) if desk.series.on_futures else None,
        sequence=due.sequence,
    )
    ticking.why_not = found.needs_reprice
    ticking.decided = None if found.needs_reprice else found
    return ticking.decided


def recorded(state: "State", cycle: Cycle | None) -> bytes | None:
    """What the journal keeps of what the last fact decided, a cycle or a tick; None where it decided nothing."""
    if cycle is not None:
        return encode_decision(decision_of(cycle))
    decided = state.ticking.decided
    return None if decided is None else _ENCODER.encode(record_of(decided))


def record_of(decided: TickDecision) -> TickRecord:
    """What of a tick the journal keeps."""
    rows = decided.changed
    return TickRecord(
        cause=decided.sequence,
        rows=rows.astype("<i4").tobytes(),
        bid_ticks=decided.bid[rows].astype("<i8", copy=False).tobytes(),
        ask_ticks=decided.ask[rows].astype("<i8", copy=False).tobytes(),
        bid_sizes=decided.bid_size[rows].astype("<i8", copy=False).tobytes(),
        ask_sizes=decided.ask_size[rows].astype("<i8", copy=False).tobytes(),
        exposure=decided.exposure.astype("<f8", copy=False).tobytes(),
        utilisation=decided.utilisation.astype("<f8", copy=False).tobytes(),
        delta_usd=decided.delta_usd.astype("<f8", copy=False).tobytes(),
        hedge_usd=decided.hedge_usd.astype("<f8", copy=False).tobytes(),
    )


def _fast(state: "State") -> str:
    """The underlying whose price has moved nearly as far within the window as makes its market fast; none: empty.

    The deviation is that of calendar time, so that where a clock makes the window longer it is the cycle that finds nothing.
    """
    assert state.kept is not None, "a tick is of a cycle"
    last = state.kept.last
    terms = last.desk.fast_market
    if not terms.watch:
        return ""
    years = terms.window_s / (365.0 * 86_400.0)
    for u, name in enumerate(state.table.underlyings):
        now, prices = state.market.spot.get(name, math.nan), [p for _, p in state.quoting.spots.get(name, ())]
        if not prices or not now > 0.0:
            continue
        move = max(abs(math.log(now / min(prices))), abs(math.log(now / max(prices))))
        if move >= _FAST_SHARE * terms.z_score * float(last.basis.spot_vol[u]) * math.sqrt(years):
            return name
    return ""


_ENCODER = msgspec.msgpack.Encoder()
