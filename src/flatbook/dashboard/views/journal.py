"""The Journal page: records as sentences, one of them in full, and how far the chain is proven."""

from collections.abc import Iterator
from math import isfinite
from typing import Any

import msgspec

from flatbook.dashboard.views.head import Row
from flatbook.engine.decision import Decision, HedgeDecision, OrderDecision
from flatbook.engine.ticking import decode_decision
from flatbook.journal.codec import decode
from flatbook.journal.layout import DECISION
from flatbook.journal.reading import Record
from flatbook.limits.ladder import Step
from flatbook.live.record_index import RecordIndex
from flatbook.live.record_words import fields_of, summary_of, summary_of_decision
from flatbook.model.events import QuotesSeen
from flatbook.orders.reconcile import Action
from flatbook.quoting.ticks import NO_PRICE

_ROWS_MOST = 200  # of a table of one record
_QUOTED = frozenset({"symbols", "bid_ticks", "ask_ticks", "bid_sizes", "ask_sizes"})
_DECIDED = frozenset(
    {"cause", "limits", "orders", "hedges", "exposure", "utilisation", "delta_usd", "hedge_usd", "quotes"}
)


class RecordRow(Row):
    """One record in a list."""

    sequence: int
    at_ns: str
    kind: str
    text: str
    severity: str
    who: str
    cause: int  # of a decision; 0: it has none


class FoundRecords(Row):
    """A page of them, the newest first."""

    records: tuple[RecordRow, ...]
    next_before: int | None  # cursor of the next page; null: there are no more
    complete: bool  # false: only as far as `looked_down_to`, go on with the cursor
    looked_down_to: int
    looked_down_to_ns: str


class FieldRow(Row):
    """One field of a record."""

    name: str
    value: str
    unit: str


class LinkRow(Row):
    """Another record, and what it is to this one."""

    sequence: int
    what: str
    text: str


class LimitRow(Row):
    """Where a limit stood when a decision was taken."""

    name: str
    value: float | None
    utilisation: float | None
    step: str


class OrderRow(Row):
    """What a decision sent."""

    client_id: int
    action: str
    symbol: str
    side: int
    quantity: int
    price: float | None
    replaces: int


class QuoteRow(Row):
    """Two sides of a series, as seen or as decided; null where a side is missing."""

    symbol: str
    bid: float | None
    ask: float | None
    bid_size: int | None
    ask_size: int | None


class OneRecord(Row):
    """A record in full."""

    record: RecordRow
    fields: tuple[FieldRow, ...]
    links: tuple[LinkRow, ...]
    limits: tuple[LimitRow, ...] = ()
    orders: tuple[OrderRow, ...] = ()
    orders_more: int = 0  # that are not shown
    quotes: tuple[QuoteRow, ...] = ()
    quotes_more: int = 0
    bytes: int
    chain: str  # link that binds it to all before it, hexadecimal


class Proof(Row):
    """What a look at the whole file came to."""

    state: str  # "none", "running", "holds", "broken"
    records: int = 0
    text: str = ""


class JournalStatus(Row):
    """How the journal stands."""

    name: str
    first: int  # record that can be shown
    last: int  # durable record
    first_ns: str
    last_ns: str
    proven: int  # records whose chain was followed, from the first one on
    head: str  # hexadecimal; stands for all of them
    sealed: bool  # closed in order after its last record
    taken: int  # records that were taken again
    seconds_left: float
    different: int  # decisions that came out differently when they were taken again
    damage: str
    copies: int
    proof: Proof
    groups: tuple[str, ...]
    kinds: tuple[str, ...]
    underlyings: tuple[str, ...]
    persons: tuple[str, ...]
    written_by: dict[str, str]
    points: tuple[int, ...]  # records evenly spread, for the axis of a scrubber
    points_ns: tuple[str, ...]


class Moment(Row):
    """A decision to go to."""

    sequence: int
    at_ns: str


def row_of(index: RecordIndex, record: Record) -> RecordRow:
    """A record as a sentence."""
    if record.kind == DECISION:
        kind, text, who = DECISION.title(), summary_of_decision(decode_decision(record.payload)), ""
    else:
        fact = decode(record.payload)
        kind, text = type(fact).__name__, summary_of(fact, index.ticks)
        who = next((found for name in ("who", "owner", "by") if (found := getattr(fact, name, ""))), "")
    return RecordRow(
        sequence=record.sequence,
        at_ns=str(index.at_ns(record.sequence)),
        kind=kind,
        text=text,
        severity=index.severity(record.sequence),
        who=who,
        cause=record.cause,
    )


def one_record(index: RecordIndex, record: Record) -> OneRecord:
    """A record with its fields, and what it follows from and leads to."""
    said: Any = decode_decision(record.payload) if record.kind == DECISION else decode(record.payload)
    whole = isinstance(said, Decision)
    quoted = whole or isinstance(said, QuotesSeen)
    skipped = _QUOTED if quoted else frozenset()
    if record.kind == DECISION:
        skipped |= _DECIDED
    fields = [
        FieldRow(name=name, value=value, unit=unit)
        for name, value, unit in fields_of(said, index.ticks)
        if name not in skipped
    ]
    if whole:
        fields += [
            FieldRow(name=f"hedge {one.underlying}", value=_hedge(one), unit="") for one in said.hedges
        ]
    orders: tuple[OrderDecision, ...] = said.orders if record.kind == DECISION else ()
    return OneRecord(
        record=row_of(index, record),
        fields=tuple(fields),
        links=tuple(_links(index, record, said)),
        limits=tuple(_limits(said)) if whole else (),
        orders=tuple(_order(index, one) for one in orders[:_ROWS_MOST]),
        orders_more=max(len(orders) - _ROWS_MOST, 0),
        quotes=tuple(_quotes(index, said)) if quoted else (),
        quotes_more=max(len(said.symbols) - _ROWS_MOST, 0) if quoted else 0,
        bytes=len(record.payload),
        chain=record.chain.hex(),
    )


def _links(index: RecordIndex, record: Record, said: msgspec.Struct) -> Iterator[LinkRow]:
    if record.kind == DECISION:
        yield from _link(index, record.cause, "follows from")
        return
    client_id = getattr(said, "client_id", 0)
    if client_id:
        yield from _link(index, index.sender_of(client_id, record.sequence), f"order {client_id} was sent by")
    if type(said).__name__ in {"CycleDue", "TickDue"}:
        following = index.record(record.sequence + 1)
        if following is not None and following.cause == record.sequence:
            yield from _link(index, following.sequence, "led to")
        return
    yield from _link(index, index.next_of(record.sequence, "CycleDue"), "taken into account by")


def _link(index: RecordIndex, sequence: int, what: str) -> Iterator[LinkRow]:
    found = index.record(sequence)
    if found is not None:
        yield LinkRow(sequence=sequence, what=what, text=row_of(index, found).text)


def _limits(said: Decision) -> Iterator[LimitRow]:
    for one in said.limits:
        yield LimitRow(
            name=one.name,
            value=one.value if isfinite(one.value) else None,
            utilisation=one.utilisation if isfinite(one.utilisation) else None,
            step=Step(one.step).name,
        )


def _hedge(one: HedgeDecision) -> str:
    what = f"{one.quantity:+d} {one.symbol}" if one.quantity else "nothing traded"
    if not (isfinite(one.delta_before_usd) and isfinite(one.delta_after_usd)):
        return what
    return f"{what}; delta {one.delta_before_usd:+,.0f} → {one.delta_after_usd:+,.0f} USD"


def _quotes(index: RecordIndex, said: Any) -> Iterator[QuoteRow]:
    n = min(len(said.symbols), _ROWS_MOST)
    sizes: tuple[int | None, ...] = (None,) * n
    for symbol, bid, ask, bid_size, ask_size in zip(
        said.symbols[:n],
        said.bid_ticks[:n],
        said.ask_ticks[:n],
        said.bid_sizes[:n] or sizes,
        said.ask_sizes[:n] or sizes,
        strict=True,
    ):
        per_unit = index.ticks(symbol)
        yield QuoteRow(
            symbol=symbol,
            bid=_price(bid, per_unit),
            ask=_price(ask, per_unit),
            bid_size=bid_size if _price(bid, per_unit) is not None else None,
            ask_size=ask_size if _price(ask, per_unit) is not None else None,
        )


def _price(ticks: int | None, per_unit: float) -> float | None:
    there = ticks is not None and ticks != NO_PRICE and isfinite(per_unit)
    return ticks / per_unit if ticks is not None and there else None


def _order(index: RecordIndex, one: OrderDecision) -> OrderRow:
    price = one.price_ticks / index.ticks(one.symbol)
    return OrderRow(
        client_id=one.client_id,
        action=_action(one.action),
        symbol=one.symbol,
        side=one.side,
        quantity=one.quantity,
        price=price if isfinite(price) else None,
        replaces=one.replaces,
    )


def _action(number: int) -> str:
    return Action(number).name.lower().replace("_", " ")
