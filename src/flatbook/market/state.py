"""What the market room remembers: the last quote of every series, prices of underlyings and futures, rates, dividends."""

from dataclasses import dataclass, field

import numpy as np

from flatbook.model.events import (
    DividendsSeen,
    ForwardQuoted,
    OptionalTicks,
    QuotesSeen,
    RatesSeen,
    UnderlyingQuoted,
)
from flatbook.model.table import Floats, InstrumentTable, Ints, SliceKey


@dataclass(slots=True)
class MarketState:
    """The latest of everything, by row or by name. Prices in units of quote currency; NaN where a side is missing."""

    bid: Floats = field(default_factory=lambda: np.empty(0))
    ask: Floats = field(default_factory=lambda: np.empty(0))
    bid_size: Floats = field(default_factory=lambda: np.empty(0))
    ask_size: Floats = field(default_factory=lambda: np.empty(0))
    quoted_ns: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))  # 0: never
    spot: dict[str, float] = field(default_factory=dict)
    future: dict[SliceKey, float] = field(default_factory=dict)
    rates: dict[str, RatesSeen] = field(default_factory=dict)
    dividends: dict[str, DividendsSeen] = field(default_factory=dict)


def grow(state: MarketState, n_rows: int) -> None:
    """Make room for rows that were listed; existing rows keep their quotes."""
    missing = n_rows - state.bid.size
    assert missing >= 0, f"the instrument table shrank from {state.bid.size} to {n_rows} rows"
    for name in ("bid", "ask", "bid_size", "ask_size"):
        setattr(state, name, np.append(getattr(state, name), np.full(missing, np.nan)))
    state.quoted_ns = np.append(state.quoted_ns, np.zeros(missing, dtype=np.int64))


def see_quotes(state: MarketState, table: InstrumentTable, event: QuotesSeen) -> None:
    """Replace the quotes of the series that `event` names."""
    rows = np.fromiter(
        (table.row_of(symbol) for symbol in event.symbols), dtype=np.int64, count=len(event.symbols)
    )
    per_unit = table.ticks_per_unit[rows]
    state.bid[rows] = _numbers(event.bid_ticks) / per_unit
    state.ask[rows] = _numbers(event.ask_ticks) / per_unit
    state.bid_size[rows] = _numbers(event.bid_sizes) if event.bid_sizes else np.nan
    state.ask_size[rows] = _numbers(event.ask_sizes) if event.ask_sizes else np.nan
    state.quoted_ns[rows] = event.received_ns


def see_underlying(state: MarketState, event: UnderlyingQuoted) -> None:
    """Replace the price of one underlying."""
    state.spot[event.underlying] = event.price


def see_forward(state: MarketState, event: ForwardQuoted) -> None:
    """Replace the price of the future that one expiry settles on."""
    state.future[SliceKey(event.option_class, event.expiry_ns)] = event.price


def see_rates(state: MarketState, event: RatesSeen) -> None:
    """Replace the zero curve of one currency."""
    state.rates[event.currency] = event


def see_dividends(state: MarketState, event: DividendsSeen) -> None:
    """Replace the dividends to come of one underlying."""
    state.dividends[event.underlying] = event


def _numbers(column: OptionalTicks) -> Floats:
    return np.array([np.nan if ticks is None else ticks for ticks in column], dtype=np.float64)
