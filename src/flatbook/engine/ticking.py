"""A tick as a fact: decided where nothing but prices was told since the last cycle, and a reprice of the same instant otherwise.

What a tick decides is recorded like the decision of a cycle, its columns as bytes: what changed, and the few numbers of the whole
desk. It depends on facts alone: whether columns were made ready before the tick or by it, the bytes are the same.
"""

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.engine.decision import Decision, OrderDecision, decision_of, encode_decision
from flatbook.engine.tick import TickDecision, TickDesk, prepare_tick, tick
from flatbook.market.reprice import futures_of, spots_of
from flatbook.model.events import CycleDue, ForwardQuoted, QuotesSeen, TickDue, UnderlyingQuoted
from flatbook.model.operator_events import OperatorActed
from flatbook.model.order_events import OrdersAnswered
from flatbook.orders.moves import Moves, MoveTerms

if TYPE_CHECKING:
    from flatbook.engine.kept import Kept
    from flatbook.engine.state import State
    from flatbook.model.facts import Fact

_CALM = (UnderlyingQuoted, ForwardQuoted, QuotesSeen, OrdersAnswered, OperatorActed, TickDue, CycleDue)
_FAST_SHARE = 0.9  # of the move that makes a market fast, from which a tick leaves it to a cycle to look


@dataclass(slots=True, kw_only=True, eq=False)
class Ticked:
    """A cycle that ticks may be decided on, and what was made of it."""

    cycle: Cycle
    fitted: Cycle  # the last that fitted by then
    desk: TickDesk | None = None  # None: not made ready yet
    moves: MoveTerms | None = None  # None: not made ready yet, or the desk only proposes

    def __getstate__(self) -> tuple[None, dict[str, object]]:
        """A copy is made ready again when it is asked."""
        return None, {"cycle": self.cycle, "fitted": self.fitted, "desk": None, "moves": None}


@dataclass(slots=True)
class Ticking:
    """What is remembered between ticks."""

    last: Ticked | None = None  # the last cycle
    before: Ticked | None = (
        None  # the one before it, where nothing but prices was told between them and all stands alike
    )
    disturbed: bool = False  # more than prices was told since the last
    decided: TickDecision | None = None  # by the last fact, where it was a tick that decided
    left: Moves | None = None  # what left after it; None where the desk only proposes
    why_not: str = ""  # why the last tick was a reprice


class TickRecord(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What one tick decided, as the journal keeps it: orders in full, amounts as little-endian f8, quotes by what stands for them.

    A replay of the facts finds the quotes again, and proves them by `quotes`.
    """

    cause: int  # sequence of the TickDue
    quotes: bytes  # BLAKE2b of 16 bytes of all bids, offers and sizes (i4)
    actions: bytes  # i1 of what leaves, in sequence: `OrderDecision`, column by column
    rows: bytes  # i4
    sides: bytes  # i1
    price_ticks: bytes  # i8
    quantities: bytes  # i8
    client_ids: bytes  # i8
    replaces: bytes  # i8
    exposure: bytes  # by underlying, in the order of the table of measures
    utilisation: bytes  # by limit
    delta_usd: bytes  # by underlying, held against its band
    hedge_usd: bytes

    @property
    def orders(self) -> tuple[OrderDecision, ...]:
        """What leaves, in sequence; the symbol is left empty: `rows` tells it."""
        columns = (
            ("<i1", self.actions),
            ("<i1", self.sides),
            ("<i8", self.price_ticks),
            ("<i8", self.quantities),
        )
        ids = ("<i8", self.client_ids), ("<i8", self.replaces)
        told = (np.frombuffer(raw, dtype=kind).tolist() for kind, raw in (*columns, *ids))
        return tuple(
            OrderDecision(
                action=action, symbol="", side=side, price_ticks=price, quantity=quantity, client_id=client_id,
                replaces=replaces,
            )
            for action, side, price, quantity, client_id, replaces in zip(*told, strict=True)
        )  # fmt: skip


def see_fact(ticking: Ticking, event: "Fact") -> None:
    """Remember whether more than prices was told."""
    ticking.decided = ticking.left = None
    if not isinstance(event, _CALM):
        ticking.disturbed = True


def after_cycle(ticking: Ticking, kept: "Kept") -> None:
    """A cycle was decided: ticks begin anew from it, and may go on from the one before until it is ready."""
    before = None if ticking.disturbed else ticking.last
    if before is not None and not _stands_alike(before.cycle, kept.last):
        before = None
    ticking.last, ticking.before = Ticked(cycle=kept.last, fitted=kept.fitted), before
    ticking.disturbed, ticking.decided, ticking.left = False, None, None


def _stands_alike(before: Cycle, now: Cycle) -> bool:
    """Whether no limit stands at another step, nothing else is stopped, and no hedge was decided."""
    if before.table is not now.table or before.desk is not now.desk:
        return False
    steps = ([one.step for one in each.standing.limits] for each in (before, now))
    stops = (
        {} if each.outgoing is None else {(k.scope, k.name) for k in each.outgoing.kills}
        for each in (before, now)
    )
    traded = now.offset_trades is not None or any(hedge.legs for hedge in now.hedges)
    return next(steps) == next(steps) and next(stops) == next(stops) and not traded


def ready(state: "State", on: int = 0) -> TickDesk | None:
    """The last cycle ready for ticks, or the one before it with the number `on`; None where there is none, or of another table.

    Whoever has time before the next tick calls this; else the tick does.
    """
    found = ticked(state, on)
    if found is None:
        return None
    if found.desk is None:
        found.desk = prepare_tick(found.cycle, found.fitted)
    return found.desk


def ticked(state: "State", on: int = 0) -> Ticked | None:
    """The cycle that a tick is to be decided on; None where it cannot be."""
    found = state.ticking.last
    if found is not None and on not in (0, found.cycle.sequence):
        found = state.ticking.before
        found = found if found is not None and found.cycle.sequence == on else None
    return found if found is not None and found.cycle.table is state.table else None


def decide_tick(state: "State", due: TickDue) -> TickDecision | None:
    """Decide at the prices of the state; None, and why in `state.ticking`, where a reprice is asked for."""
    ticking, kept = state.ticking, state.kept
    ticking.decided, ticking.why_not = None, ""
    if ticking.disturbed or kept is None or ticked(state, due.on) is None:
        ticking.why_not = "no cycle has been decided since more than prices was told"
        return None
    if due.received_ns >= kept.until_ns:
        ticking.why_not = "an expiry, event, open or close has passed"
        return None
    fast = _fast(state)
    if fast:
        ticking.why_not = f"the market may be fast: {fast}"
        return None
    desk = ready(state, due.on)
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
    if decided is None:
        return None
    return _ENCODER.encode(record_of(decided, state.ticking.left))


def decode_decision(payload: bytes) -> Decision | TickRecord:
    """What `recorded` gave, of a cycle or of a tick.

    Raises
    ------
    msgspec.MsgspecError
        It is neither.
    """
    found: Decision | TickRecord = _DECODER.decode(payload)
    return found


def record_of(decided: TickDecision, left: Moves | None) -> TickRecord:
    """What of a tick the journal keeps."""
    digest = hashlib.blake2b(digest_size=16)
    for column in (decided.bid, decided.ask, decided.bid_size, decided.ask_size):
        digest.update(column.astype("<i4").tobytes())
    return TickRecord(
        cause=decided.sequence,
        quotes=digest.digest(),
        **_columns_of(left),
        exposure=decided.exposure.astype("<f8", copy=False).tobytes(),
        utilisation=decided.utilisation.astype("<f8", copy=False).tobytes(),
        delta_usd=decided.delta_usd.astype("<f8", copy=False).tobytes(),
        hedge_usd=decided.hedge_usd.astype("<f8", copy=False).tobytes(),
    )


def _columns_of(left: Moves | None) -> dict[str, bytes]:
    """Orders that leave, column by column."""
    names = ("actions", "rows", "sides", "price_ticks", "quantities", "client_ids", "replaces")
    if left is None or not left.commands.size:
        return dict.fromkeys(names, b"")
    orders = left.commands.orders
    kinds = ("<i1", "<i4", "<i1", "<i8", "<i8", "<i8", "<i8")
    columns = (
        left.commands.action, orders.row, orders.side, orders.price_ticks, orders.quantity,
        left.commands.ids_from(left.next_id), orders.replaces,
    )  # fmt: skip
    return {
        name: column.astype(kind).tobytes() for name, kind, column in zip(names, kinds, columns, strict=True)
    }


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
_DECODER = msgspec.msgpack.Decoder(Decision | TickRecord)
