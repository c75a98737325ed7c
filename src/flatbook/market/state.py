"""What the market room remembers: the last quotes, prices, rates, dividends and surfaces, and how volatility followed spot."""

from dataclasses import dataclass, field

import numpy as np

from flatbook.market.clock import tau
from flatbook.market.dynamics_estimate import DynamicsEstimate
from flatbook.market.dynamics_history import after_publication
from flatbook.market.history import History, align, no_history
from flatbook.market.quote_health import Snapshot, is_shut
from flatbook.market.quote_memory import Judged, QuoteMemory, QuotesNow, judge, remember
from flatbook.market.quotes import Codes, QuoteStatus
from flatbook.market.surfaces import Published
from flatbook.market.variance_clock import VarianceClock, VarianceWeights, variance_clock
from flatbook.market.view import MarketView
from flatbook.model.events import (
    DividendsSeen,
    ForwardQuoted,
    HistorySeen,
    OptionalTicks,
    QuotesSeen,
    RatesSeen,
    SessionsSeen,
    UnderlyingQuoted,
)
from flatbook.model.parameters import Desk
from flatbook.model.table import Floats, InstrumentTable, Ints, SliceKey

EventKey = tuple[str, str, int]  # underlying, name, UTC nanoseconds


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
    spot_ns: dict[str, int] = field(default_factory=dict)  # when it came
    future: dict[SliceKey, float] = field(default_factory=dict)
    rates: dict[str, RatesSeen] = field(default_factory=dict)
    dividends: dict[str, DividendsSeen] = field(default_factory=dict)
    history: dict[str, HistorySeen] = field(default_factory=dict)  # by underlying
    moves: History = field(default_factory=no_history)  # the same, aligned
    sessions: dict[str, SessionsSeen] = field(default_factory=dict)  # by underlying
    open_days: dict[str, VarianceClock] = field(default_factory=dict)  # the same, to be asked
    event_days: dict[EventKey, float] = field(default_factory=dict)  # what quotes told, in trading days
    surfaces: dict[str, Published] = field(default_factory=dict)  # by underlying, the last
    spot_vol: dict[str, DynamicsEstimate] = field(default_factory=dict)  # by underlying, from all of them


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
    rows = table.rows_of(event.symbols)
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


def remember_quotes(
    state: MarketState, table: InstrumentTable, status: Codes, now_ns: int, judged: Judged | None = None
) -> None:
    """Learn what a cycle at `now_ns` saw; `status`, and `judged` where it is known, are those of its view."""
    now = quotes_now(state, table, now_ns)
    told = (status == QuoteStatus.USABLE) | (status == QuoteStatus.WIDE)
    remember(state.memory, now, judged or judge(state.memory, now), told, now_ns)


def see_underlying(state: MarketState, event: UnderlyingQuoted) -> None:
    """Replace the price of one underlying."""
    state.spot[event.underlying] = event.price
    state.spot_ns[event.underlying] = event.received_ns


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


def see_history(state: MarketState, event: HistorySeen) -> None:
    """Replace the daily history of one underlying, and align it with the others'."""
    state.history[event.underlying] = event
    state.moves = align(state.history)


def remember_surfaces(state: MarketState, market: MarketView, desk: Desk) -> None:
    """Keep what was published, and learn from it how volatility follows spot; where nothing was, the last one stays."""
    table = market.table
    apart = np.where(market.status == QuoteStatus.USABLE, market.vol_mid - market.vol, np.nan)
    for u, (name, surface) in enumerate(zip(table.underlyings, market.surfaces, strict=True)):
        before = state.surfaces.get(name)
        if surface is None or (before is not None and before.surface is surface):
            continue
        state.surfaces[name] = Published(surface=surface, apart=apart)
        state.spot_vol[name] = after_publication(state.spot_vol.get(name), desk.terms_of(name), market, u)


def _numbers(column: OptionalTicks) -> Floats:
    return np.array([np.nan if ticks is None else ticks for ticks in column], dtype=np.float64)
