"""What the market room remembers: the last quote of every series, prices of underlyings and futures, rates, dividends."""

from dataclasses import dataclass, field

import numpy as np

from flatbook.market.clock import tau
from flatbook.market.quote_health import Snapshot, is_shut
from flatbook.market.quote_memory import QuoteMemory, QuotesNow, judge, remember
from flatbook.market.quotes import Codes, QuoteStatus
from flatbook.market.surface import Surface
from flatbook.market.variance_clock import VarianceClock, VarianceWeights, variance_clock
from flatbook.model.events import (
    DividendsSeen,
    ForwardQuoted,
    OptionalTicks,
    QuotesSeen,
    RatesSeen,
    SessionsSeen,
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
    source_ns: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))  # when they stood
    memory: QuoteMemory = field(default_factory=QuoteMemory)
    spot: dict[str, float] = field(default_factory=dict)
    future: dict[SliceKey, float] = field(default_factory=dict)
    rates: dict[str, RatesSeen] = field(default_factory=dict)
    dividends: dict[str, DividendsSeen] = field(default_factory=dict)
    sessions: dict[str, SessionsSeen] = field(default_factory=dict)  # by underlying
    open_days: dict[str, VarianceClock] = field(default_factory=dict)  # the same, to be asked
    surfaces: dict[str, Surface] = field(default_factory=dict)  # by underlying, as published last


def grow(state: MarketState, n_rows: int) -> None:
    """Make room for rows that were listed; existing rows keep their quotes."""
    missing = n_rows - state.bid.size
    assert missing >= 0, f"the instrument table shrank from {state.bid.size} to {n_rows} rows"
    for name in ("bid", "ask", "bid_size", "ask_size"):
        setattr(state, name, np.append(getattr(state, name), np.full(missing, np.nan)))
    for name in ("quoted_ns", "source_ns"):
        setattr(state, name, np.append(getattr(state, name), np.zeros(missing, dtype=np.int64)))


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
    state.source_ns[rows] = event.source_ns or event.received_ns


def quotes_now(state: MarketState, table: InstrumentTable, now_ns: int) -> QuotesNow:
    """The quotes as they stand, ready to be held against earlier ones."""
    spot = np.array([state.spot.get(name, np.nan) for name in table.underlyings])
    shut = np.zeros(state.bid.size, dtype=np.bool_)
    for u, name in enumerate(table.underlyings):
        if name in state.open_days:
            rows = np.flatnonzero((table.underlying_of == u) & table.is_option)
            shut[rows] = is_shut(state.open_days[name], state.source_ns[rows])
    return QuotesNow(
        snapshot=Snapshot(bid=state.bid, ask=state.ask, spot_of_class=spot[table.underlying_of_class]),
        quoted_ns=state.quoted_ns,
        class_of=table.class_of,
        years=tau(now_ns, table.expiry_ns),
        is_shut=shut,
    )


def remember_quotes(state: MarketState, table: InstrumentTable, status: Codes, now_ns: int) -> None:
    """Learn what a cycle at `now_ns` saw; `status` is that of its view."""
    now = quotes_now(state, table, now_ns)
    told = (status == QuoteStatus.USABLE) | (status == QuoteStatus.WIDE)
    remember(state.memory, now, judge(state.memory, now), told, now_ns)


def see_underlying(state: MarketState, event: UnderlyingQuoted) -> None:
    """Replace the price of one underlying."""
    state.spot[event.underlying] = event.price


def see_forward(state: MarketState, event: ForwardQuoted) -> None:
    """Replace the price of the future that one expiry settles on."""
    state.future[SliceKey(event.option_class, event.expiry_ns)] = event.price


def see_rates(state: MarketState, event: RatesSeen) -> None:
    """Replace the zero curve of one currency."""
    state.rates[event.currency] = event


def see_sessions(state: MarketState, event: SessionsSeen) -> None:
    """Replace the sessions of the underlyings that `event` names."""
    opens, closes = (np.array(column, dtype=np.int64) for column in (event.open_ns, event.close_ns))
    clock = variance_clock(opens, closes, VarianceWeights())
    for name in event.underlyings:
        state.sessions[name], state.open_days[name] = event, clock


def see_dividends(state: MarketState, event: DividendsSeen) -> None:
    """Replace the dividends to come of one underlying."""
    state.dividends[event.underlying] = event


def remember_surfaces(
    state: MarketState, table: InstrumentTable, surfaces: tuple[Surface | None, ...]
) -> None:
    """Keep what was published, by underlying of `table`; where nothing was, the last one stays."""
    for name, surface in zip(table.underlyings, surfaces, strict=True):
        if surface is not None:
            state.surfaces[name] = surface


def _numbers(column: OptionalTicks) -> Floats:
    return np.array([np.nan if ticks is None else ticks for ticks in column], dtype=np.float64)
