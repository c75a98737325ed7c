"""The Class page: the chain of one option class with positions, theoretical values, our quotes beside the market's, and why they lean.

What never changes between two listings (symbols, strikes, expiries) is a listing of its own; the stream carries the rest as columns in
its order: by expiry, strike, call before put. Prices are in the quote currency of the series; a missing quote is NaN.
"""

from functools import lru_cache

import numpy as np

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.frames import Column, Frame, column, number
from flatbook.dashboard.views.head import Row
from flatbook.engine.cycle import Cycle
from flatbook.live.snapshot import Snapshot
from flatbook.market.quotes import STATUS_TEXT, Codes
from flatbook.model.measures import CALENDAR_DAYS, Measure
from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.quoting.propose import REASON_TEXT, QuoteReason
from flatbook.quoting.ticks import NO_PRICE
from flatbook.valuation.values import usd_per_quote

FILLS_SHOWN = 40


class ExpiryRow(Row):
    """One expiry, as it stands in the listing."""

    slice: int  # number of it among the class's expiries
    expiry_ns: str
    first: int  # of its series in the columns
    series: int


class Listing(Row):
    """What is listed of a class; `version` changes with it."""

    option_class: str
    underlying: str
    version: int
    currency: str
    inverse: bool
    multiplier: float
    expiries: tuple[ExpiryRow, ...]
    symbols: tuple[str, ...]
    strikes: tuple[float, ...]
    rights: tuple[int, ...]  # +1 call, -1 put
    ticks_per_unit: tuple[float, ...]
    reason_texts: dict[int, str]
    status_texts: dict[int, str]


class SliceRow(Row):
    """One expiry now."""

    slice: int
    days: float | None
    forward: float | None
    atm_vol: float | None
    confidence: float | None
    net: int  # contracts held
    vega_usd_per_point: float | None
    reason: str  # why it cannot be valued
    warning: str


class FillRow(Row):
    """A trade of ours in the class."""

    at_ns: str
    symbol: str
    side: int
    quantity: int
    price: float
    edge_usd: float | None
    is_hedge: bool


class ResponseRow(Row):
    """What the limits ask of one side."""

    side: str
    step: str
    action: str
    limit: str


class Klass(Row):
    """The page without its columns."""

    option_class: str
    underlying: str
    version: int  # of the listing that the columns belong to
    spot: float | None
    spot_age_s: float | None
    quoted: int  # series with both sides
    live: int
    net: int
    vega_usd_per_point: float | None
    delta_usd: float | None
    slices: tuple[SliceRow, ...]
    responses: tuple[ResponseRow, ...]
    fills: tuple[FillRow, ...]  # newest first
    reasons: tuple[tuple[str, int], ...]  # why series are quoted as they are, and how many of them


COLUMNS: dict[str, str] = {
    "position": "i4",
    "theo": "f8",
    "bid": "f8",
    "ask": "f8",
    "bid_size": "i4",
    "ask_size": "i4",
    "market_bid": "f8",
    "market_ask": "f8",
    "market_bid_size": "f4",
    "market_ask_size": "f4",
    "age_s": "f4",
    "vol": "f4",
    "vol_bid": "f4",
    "vol_ask": "f4",
    "lean": "f4",
    "half_spread": "f4",
    "delta": "f4",
    "vega_usd": "f4",
    "vega_quote": "f4",
    "reason": "u1",
    "status": "u1",
}


def class_of(cycle: Cycle, name: str) -> int:
    """Number of the class.

    Raises
    ------
    UnknownTopicError
        It is not listed.
    """
    if name not in cycle.table.classes:
        msg = f"no option class {name!r} is listed; listed are {', '.join(cycle.table.classes) or 'none'}"
        raise UnknownTopicError(msg)
    return cycle.table.classes.index(name)


def rows_of(table: InstrumentTable, number_of_class: int) -> Ints:
    """Rows of a class by expiry, strike, call before put, int64[k]."""
    return _rows_of(_Versioned(table), number_of_class)


def listing(cycle: Cycle, name: str) -> Listing:
    """What is listed of a class."""
    table, place = cycle.table, class_of(cycle, name)
    rows = rows_of(table, place)
    slices, first, counts = np.unique(table.slice_of[rows], return_index=True, return_counts=True)
    item = table.instruments[int(rows[0])]
    return Listing(
        option_class=name,
        underlying=item.underlying,
        version=table.version,
        currency=item.currency,
        inverse=bool(table.inverse[rows[0]]),
        multiplier=float(table.multiplier[rows[0]]),
        expiries=tuple(
            ExpiryRow(slice=number_of, expiry_ns=str(table.slices[each].expiry_ns), first=begin, series=count)
            for number_of, (each, begin, count) in enumerate(
                zip(slices.tolist(), first.tolist(), counts.tolist(), strict=True)
            )
        ),
        symbols=tuple(table.instruments[row].symbol for row in rows.tolist()),
        strikes=tuple(table.strike[rows].tolist()),
        rights=tuple(table.sign[rows].astype(int).tolist()),
        ticks_per_unit=tuple(table.ticks_per_unit[rows].tolist()),
        reason_texts={int(code): text for code, text in REASON_TEXT.items()},
        status_texts={int(code): text for code, text in STATUS_TEXT.items()},
    )


def klass(snapshot: Snapshot, name: str) -> Klass:
    """The page of a class."""
    cycle, table = snapshot.cycle, snapshot.cycle.table
    place = class_of(cycle, name)
    rows = rows_of(table, place)
    underlying = int(table.underlying_of[rows[0]])
    measures = cycle.exposure.by_class[place]
    symbols = {table.instruments[row].symbol for row in rows.tolist()}
    quotes = cycle.quotes
    both = (quotes.bid[rows] != NO_PRICE) & (quotes.ask[rows] != NO_PRICE)
    codes, counts = np.unique(quotes.reason[rows], return_counts=True)
    fills = [each for each in snapshot.fills if each.symbol in symbols][:FILLS_SHOWN]
    return Klass(
        option_class=name,
        underlying=table.underlyings[underlying],
        version=table.version,
        spot=number(float(cycle.market.spot[underlying])),
        spot_age_s=number(float(cycle.market.spot_age_s[underlying])),
        quoted=int(both.sum()),
        live=int((cycle.market.years[rows] > 0.0).sum()),
        net=int(cycle.book.quantity[rows].sum()),
        vega_usd_per_point=number(float(measures[Measure.VEGA_USD_PER_POINT])),
        delta_usd=number(float(measures[Measure.DELTA_USD])),
        slices=_slices(cycle, rows),
        responses=tuple(
            ResponseRow(
                side=each.side.name.lower(), step=each.step.name, action=each.action, limit=each.limit
            )
            for each in cycle.standing.responses
            if each.option_class == name
        ),
        fills=tuple(
            FillRow(
                at_ns=str(each.at_ns),
                symbol=each.symbol,
                side=each.side,
                quantity=each.quantity,
                price=each.price,
                edge_usd=number(each.edge_usd),
                is_hedge=each.is_hedge,
            )
            for each in fills
        ),
        reasons=tuple(
            (REASON_TEXT[QuoteReason(code)], count)
            for code, count in zip(codes.tolist(), counts.tolist(), strict=True)
        ),
    )


def class_columns(cycle: Cycle, name: str) -> tuple[Column, ...]:
    """The columns of a class, in the order of its listing."""
    rows = rows_of(cycle.table, class_of(cycle, name))
    market, quotes, values = cycle.market, cycle.quotes, cycle.values
    usd = usd_per_quote(values, market)[rows]
    vega = values.greeks[rows, Measure.VEGA_USD_PER_POINT]
    with np.errstate(divide="ignore", invalid="ignore"):
        vega_quote = vega / usd
    found: dict[str, Floats | Ints | Codes] = {
        "position": cycle.book.quantity[rows],
        "theo": values.price[rows],
        "bid": prices_of(quotes.bid, cycle.table)[rows],
        "ask": prices_of(quotes.ask, cycle.table)[rows],
        "bid_size": quotes.bid_size[rows],
        "ask_size": quotes.ask_size[rows],
        "market_bid": market.bid[rows],
        "market_ask": market.ask[rows],
        "market_bid_size": market.bid_size[rows],
        "market_ask_size": market.ask_size[rows],
        "age_s": market.age_s[rows],
        "vol": market.vol[rows],
        "vol_bid": market.vol_bid[rows],
        "vol_ask": market.vol_ask[rows],
        "lean": quotes.lean[rows],
        "half_spread": quotes.half_spread[rows],
        "delta": values.greeks[rows, Measure.DELTA_SHARES] / cycle.table.multiplier[rows],
        "vega_usd": vega,
        "vega_quote": vega_quote,
        "reason": quotes.reason[rows],
        "status": market.status[rows],
    }
    return tuple(column(each, found[each], kind) for each, kind in COLUMNS.items())


def class_frame(snapshot: Snapshot, name: str) -> Frame:
    """The page with its columns."""
    return Frame(
        kind="class",
        topic=f"class:{name}",
        number=snapshot.number,
        cycle=snapshot.cycle.sequence,
        at_ns=snapshot.at_ns,
        data=klass(snapshot, name).model_dump(),
        columns=class_columns(snapshot.cycle, name),
    )


def prices_of(ticks: Ints, table: InstrumentTable) -> Floats:
    """Prices of ticks, float64[n]; NaN where there is no quote."""
    return np.where(ticks == NO_PRICE, np.nan, ticks / table.ticks_per_unit)


def _slices(cycle: Cycle, rows: Ints) -> tuple[SliceRow, ...]:
    table, market = cycle.table, cycle.market
    slice_of = table.slice_of[rows]
    held = cycle.book.quantity[rows]
    return tuple(
        SliceRow(
            slice=place,
            days=number(float(market.slice_years[each]) * CALENDAR_DAYS),
            forward=number(float(market.slice_forward[each])),
            atm_vol=number(float(market.slice_atm_vol[each])),
            confidence=number(float(market.slice_confidence[each])),
            net=int(held[slice_of == each].sum()),
            vega_usd_per_point=number(float(cycle.exposure.by_slice[each, Measure.VEGA_USD_PER_POINT])),
            reason=market.slice_reason[each],
            warning=market.slice_warning[each],
        )
        for place, each in enumerate(np.unique(slice_of).tolist())
    )


class _Versioned:
    """A table as the key of a cache: one object is one listing."""

    __slots__ = ("table",)

    def __init__(self, table: InstrumentTable) -> None:
        self.table = table

    def __hash__(self) -> int:
        return id(self.table)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Versioned) and other.table is self.table


@lru_cache(maxsize=64)
def _rows_of(versioned: _Versioned, place: int) -> Ints:
    table = versioned.table
    rows = np.flatnonzero(table.class_of == place)
    return rows[np.lexsort((-table.sign[rows], table.strike[rows], table.slice_of[rows]))]
