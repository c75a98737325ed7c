"""The chain of a class as rows, for programs: the numbers of the stream's columns, null where there is none."""

from collections.abc import Sequence
from typing import Any

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.views.head import Row
from flatbook.dashboard.views.klass import class_columns, listing
from flatbook.live.snapshot import Snapshot


class ChainRow(Row):
    """One series; prices in its quote currency, sizes in contracts, volatilities annual decimals."""

    symbol: str
    expiry: int  # number in the listing
    strike: float
    right: int  # +1 call, -1 put
    position: int
    theo: float | None
    bid: float | None
    ask: float | None
    bid_size: int
    ask_size: int
    market_bid: float | None
    market_ask: float | None
    market_bid_size: float | None
    market_ask_size: float | None
    age_s: float | None
    vol: float | None
    vol_bid: float | None
    vol_ask: float | None
    lean: float | None
    half_spread: float | None
    delta: float | None
    vega_usd: float | None
    vega_quote: float | None
    reason: str
    status: str


class Chain(Row):
    """A class, or one expiry of it."""

    option_class: str
    version: int
    cycle: int
    at_ns: str
    series: tuple[ChainRow, ...]


def chain(snapshot: Snapshot, name: str, expiry: int | None = None) -> dict[str, Any]:
    """The chain of a class: a `Chain`, as plain rows in which NaN stands for null, because there may be thousands.

    Raises
    ------
    UnknownTopicError
        There is no such class, or no such expiry of it.
    """
    listed = listing(snapshot.cycle, name)
    first, last = 0, len(listed.symbols)
    if expiry is not None:
        if expiry >= len(listed.expiries):
            msg = f"class {name} has {len(listed.expiries)} expiries, none with number {expiry}"
            raise UnknownTopicError(msg)
        first = listed.expiries[expiry].first
        last = first + listed.expiries[expiry].series
    columns: dict[str, Sequence[Any]] = {
        "symbol": listed.symbols,
        "expiry": [each.slice for each in listed.expiries for _ in range(each.series)],
        "strike": listed.strikes,
        "right": listed.rights,
    }
    columns |= {each.name: each.values.tolist() for each in class_columns(snapshot.cycle, name)}
    for coded, words in (("reason", listed.reason_texts), ("status", listed.status_texts)):
        columns[coded] = [words[code] for code in columns[coded]]
    rows = zip(*(each[first:last] for each in columns.values()), strict=True)
    return {
        "option_class": name,
        "version": listed.version,
        "cycle": snapshot.cycle.sequence,
        "at_ns": str(snapshot.at_ns),
        "series": [dict(zip(columns, row, strict=True)) for row in rows],
    }
