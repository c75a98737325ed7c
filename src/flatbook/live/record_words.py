"""A record of the journal in words: one sentence, and its fields with their units."""

from collections.abc import Callable, Iterator
from enum import Enum
from math import isfinite
from typing import Any

import msgspec

from flatbook.engine.decision import Decision
from flatbook.live.story_of_facts import line_of
from flatbook.model.events import (
    CycleDue,
    Fill,
    ForwardQuoted,
    HistorySeen,
    InstrumentsListed,
    QuotesSeen,
    TickDue,
    UnderlyingQuoted,
)
from flatbook.model.facts import Fact
from flatbook.model.order_events import OpenOrdersTold, OrderNews, OrdersAnswered
from flatbook.model.venue_events import PositionsTold

SHOWN_MOST = 20  # entries of a column
_TEXT_MOST = 400
_UNITS = (
    ("_usd_per_point", "USD per vol point"),
    ("_usd_per_pct", "USD per 1 %"),
    ("_usd_per_day", "USD per day"),
    ("_usd", "USD"),
    ("_pct", "%"),
    ("_ticks", "ticks"),
    ("_ns", "UTC"),
    ("_ms", "ms"),
    ("_s", "s"),
    ("quantity", "contracts"),
    ("quantities", "contracts"),
    ("_sizes", "contracts"),
    ("settlement_price", "price"),
    ("price", "price"),
    ("fee", "currency"),
)
Ticks = Callable[[str], float]
"""Ticks of a contract in one unit of its price; NaN where nobody knows."""


def summary_of(fact: Fact, ticks: Ticks) -> str:
    """One sentence."""
    line = line_of(fact)
    if line is not None:
        return line.text
    return _of_market(fact) or _of_orders(fact, ticks) or type(fact).__name__


def summary_of_decision(decision: Any) -> str:
    """One sentence on what was decided."""
    if not isinstance(decision, Decision):
        return _of_tick(decision)
    parts = [f"{len(decision.symbols)} series quoted"]
    if decision.orders:
        parts.append(f"{len(decision.orders)} command{'' if len(decision.orders) == 1 else 's'} sent")
    hedges = [one for one in decision.hedges if one.quantity]
    parts += [f"{one.underlying}: {one.quantity:+d} {one.symbol}" for one in hedges[:3]]
    strained = [one for one in decision.limits if one.step >= 2]
    parts += [f"{one.name} at {one.utilisation:.0%}" for one in strained[:3] if isfinite(one.utilisation)]
    return ", ".join(parts)


def fields_of(record: msgspec.Struct, ticks: Ticks) -> Iterator[tuple[str, str, str]]:
    """Name, value in words and unit of each field that says something."""
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if name in {"sequence", "received_ns"} or value in ("", (), None):
            continue
        yield name, _told(value), _unit(name)
        if name == "price_ticks" and isinstance(value, int):
            per_unit = ticks(getattr(record, "instrument", ""))
            if isfinite(per_unit):
                yield "price", f"{value / per_unit:g}", "price"


def _told(value: Any) -> str:  # noqa: PLR0911 - one line a type
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return value.name.lower().replace("_", " ")
    if isinstance(value, float):
        return f"{value:,.10g}" if isfinite(value) else "not known"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, msgspec.Struct):
        parts = (f"{name} {_told(getattr(value, name))}" for name in value.__struct_fields__)
        return _cut(", ".join(parts))
    if isinstance(value, dict):
        return _cut(", ".join(f"{key}: {_told(each)}" for key, each in value.items()))
    if isinstance(value, tuple | list | frozenset):
        items = list(value)
        shown = "; ".join(_told(each) for each in items[:SHOWN_MOST])
        more = len(items) - SHOWN_MOST
        return f"{shown} … and {more:,d} more" if more > 0 else shown
    return "none" if value is None else _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_MOST else f"{text[:_TEXT_MOST]} …"


def _unit(name: str) -> str:
    return next((unit for ending, unit in _UNITS if name.endswith(ending)), "")


def _of_market(fact: Fact) -> str:  # noqa: PLR0911 - one line an event
    match fact:
        case UnderlyingQuoted():
            return f"{fact.underlying} at {fact.price:g}"
        case ForwardQuoted():
            return f"forward of {fact.option_class} at {fact.price:g}"
        case QuotesSeen():
            more = f" and {len(fact.symbols) - 1} more" if len(fact.symbols) > 1 else ""
            return f"quotes of {fact.symbols[0]}{more}" if fact.symbols else "quotes of nothing"
        case HistorySeen():
            return f"{len(fact.day_ns)} days of {fact.underlying}"
        case InstrumentsListed():
            return f"{len(fact.instruments)} contracts listed"
        case CycleDue():
            return f"{'a refit' if fact.refit else 'a cycle'} is due: {fact.reason}"
        case TickDue():
            return f"a tick is due: {fact.reason}"
        case _:
            return ""


def _of_orders(fact: Fact, ticks: Ticks) -> str:
    match fact:
        case Fill():
            price = fact.price_ticks / ticks(fact.instrument)
            at = f"{price:g}" if isfinite(price) else f"{fact.price_ticks} ticks"
            return (
                f"{'bought' if fact.side > 0 else 'sold'} {fact.quantity} {fact.instrument} @ {at}"
                f"{f' with {fact.capacity.value}'.replace('_', ' ')}"
            )
        case OrdersAnswered():
            counts = [
                (news, sum(each is news for each in fact.news)) for news in OrderNews if news in fact.news
            ]
            told = ", ".join(f"{count} {news.name.lower().replace('_', ' ')}" for news, count in counts)
            return f"orders: {told}{f' ({fact.reason})' if fact.reason else ''}"
        case OpenOrdersTold():
            return f"{fact.venue} holds {len(fact.client_ids)} open orders of ours"
        case PositionsTold():
            return f"{fact.venue} counts {len(fact.symbols)} positions of ours"
        case _:
            return ""


def _of_tick(record: Any) -> str:
    count = len(getattr(record, "orders", ()))
    return f"a tick: {count} command{'' if count == 1 else 's'} sent" if count else "a tick: nothing sent"
