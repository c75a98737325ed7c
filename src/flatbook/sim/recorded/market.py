"""A recorded day as the market of a simulation.

Fair value is the middle of bid and ask; where a side is missing, the last middle that there was, so that a book can be marked at the close;
at the instant of expiry what exercise is worth.
It says no more than somebody quoted, and leans on no model that the desk it judges could share. It is as coarse as the quotes: half a spread
in what is far from the money. What the desk hedges with is quoted around its recorded price at the spread that the desk expects: what one
exchange displayed of a share is not what trades in it.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.events import InstrumentsListed, RatesSeen, SessionsSeen, UnderlyingQuoted
from flatbook.model.facts import Fact
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.instruments import Kind
from flatbook.model.recorded_day import RecordedDay
from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.quoting.ticks import NO_PRICE, ask_ticks, bid_ticks
from flatbook.sim.moment import Moment
from flatbook.sim.recorded.standing import Standing, standing_quotes
from flatbook.sim.recorded.worth import Chain, chain_of, forwards, spot_by_parity, vegas

_YEAR_NS = 365 * 86_400 * 1_000_000_000
_HALF_MIN_STEPS = 0.01  # a bid and an offer never meet


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HedgeQuotes:
    """How what the desk hedges with is quoted; every row of the market, NaN where the recording's own quotes are shown."""

    half_spread: Floats  # [n_rows] price units
    depth: int  # contracts a side


class RecordedMarket:
    """A `DayMarket` of the busiest series of a recording and of what they are hedged with.

    Moments are ends of its bars: that of the first bar of the session, and every so many bars until the close.
    """

    def __init__(
        self,
        day: RecordedDay,
        standing: Standing,
        chain: Chain,
        rows: Ints,
        hedges: HedgeQuotes,
        bars: int = 1,
    ) -> None:
        self.day, self.standing, self.rows = day, standing, rows
        self.table = InstrumentTable(version=1, instruments=tuple(day.instruments[row] for row in rows))
        n_bars = standing.at_ns.size
        self.shown = np.unique(np.append(np.arange(n_bars - 1, 0, -bars), 0))  # of its bars
        self.at_ns = standing.at_ns[self.shown]
        self.middle = standing.middles(chain.table.ticks_per_unit)  # of every bar and row of the recording
        spot = _spots(day, chain, standing.at_ns, self.middle)
        self.spot = spot[self.shown]
        self._worth = _worth(self.middle[:, rows], self.table, standing.at_ns, spot)
        if day.underlying_row >= 0:
            self._worth[:, rows == day.underlying_row] = spot[:, None]
        self._hedges = hedges
        self._chain = chain
        self._moments: dict[int, Moment] = {}

    def opening(self) -> tuple[Fact, ...]:
        """Listings, a flat zero curve, the sessions, and the underlying's price as it stood."""
        at, chain = int(self.at_ns[0]), self._chain
        currency = next(item.currency for item in self.table.instruments)
        years = (1, 10)
        return (
            InstrumentsListed(received_ns=at, instruments=self.table.instruments),
            RatesSeen(
                received_ns=at,
                currency=currency,
                maturity_ns=tuple(at + each * _YEAR_NS for each in years),
                rate=(chain.rate,) * len(years),
            ),
            SessionsSeen(
                received_ns=at,
                calendar=self.day.calendar,
                underlyings=(self.day.underlying,),
                open_ns=self.day.session_open_ns,
                close_ns=self.day.session_close_ns,
            ),
            UnderlyingQuoted(received_ns=at, underlying=self.day.underlying, price=float(self.spot[0])),
        )

    def moment(self, index: int) -> Moment:
        """The market at `at_ns[index]`."""
        if index not in self._moments:
            self._moments[index] = self._moment(index)
        return self._moments[index]

    def _moment(self, index: int) -> Moment:
        at, rows, stood, bar = int(self.at_ns[index]), self.rows, self.standing, int(self.shown[index])
        middle, spot = self.middle[bar], float(self.spot[index])
        forward = forwards(self._chain, at, middle, spot)
        fair, half = self._worth[bar], self._hedges.half_spread
        bid, ask = bid_ticks(fair - half, self.table), ask_ticks(fair + half, self.table)
        told = np.isfinite(half)

        def shown(recorded: Ints, hedge: Ints) -> Ints:
            return np.where(told, hedge, recorded[bar, rows])

        return Moment(
            at_ns=at,
            spot=self.spot[index : index + 1],
            halted=np.zeros(1, dtype=np.bool_),
            fair=fair,
            vega=vegas(self._chain, at, middle, forward)[rows],
            bid_ticks=shown(stood.bid_ticks, bid),
            ask_ticks=shown(stood.ask_ticks, ask),
            bid_size=shown(stood.bid_size, np.where(bid == NO_PRICE, 0, self._hedges.depth)),
            ask_size=shown(stood.ask_size, np.where(ask == NO_PRICE, 0, self._hedges.depth)),
        )


def recorded_market(
    day: RecordedDay,
    *,
    series: int = 60,
    rate: float = 0.0,
    spacing_s: float | None = None,
    hedges: tuple[HedgeTerms, ...] = (),
    hedge_depth: int = 10_000,
) -> RecordedMarket:
    """Play a recorded day again.

    Parameters
    ----------
    day : RecordedDay
    series : int
        The most options that it has: those with most trades in the session, and among equals with most quotes. What nobody quoted
        on both sides all day is left out: nobody can say what it was worth.
    rate : float
        Continuous and annual, for discounting and, where no future tells the forward, for carry.
    spacing_s : float, optional
        Of its moments, counted from the close; None: each bar is one.
    hedges : tuple of HedgeTerms
        What the desk hedges with: quoted around the recorded price at the spread told here, rounded outwards to ticks.
    hedge_depth : int
        Contracts or shares a side that are quoted of each.

    Raises
    ------
    InvalidValueError
        Less than one series; a spacing that is no whole number of bars; a hedge that nobody recorded; or a day in which nobody quotes
        the underlying or a pair that tells its price.
    """
    if series < 1:
        msg = f"recorded day: needs 1 series or more, was {series}"
        raise InvalidValueError(msg)
    bars = _bars_of(day, spacing_s)
    standing, chain = standing_quotes(day), chain_of(day, rate)
    options = busiest(day, standing, series)
    spreads = {_row_of(day, each): each.spread for each in hedges}
    beside = {day.underlying_row, *day.forward_row[options].tolist(), *spreads} - {-1}
    rows = np.array([*options.tolist(), *sorted(beside)], dtype=np.int64)
    items = [day.instruments[row] for row in rows]
    step = np.array([item.tick_table[0].step_ticks / item.ticks_per_unit for item in items])
    half = np.array([0.5 * spreads.get(row, np.nan) for row in rows.tolist()])
    quotes = HedgeQuotes(half_spread=np.maximum(half, _HALF_MIN_STEPS * step), depth=hedge_depth)
    return RecordedMarket(day, standing, chain, rows, quotes, bars)


def busiest(day: RecordedDay, standing: Standing, series: int) -> Ints:
    """int64[m]: rows of the options with most trades in the session, of those ever quoted on both sides, ascending; quotes decide among equals."""
    n_rows = len(day.instruments)
    in_session = (day.trade_ns >= day.session_open_ns[0]) & (day.trade_ns < day.session_close_ns[0])
    trades = np.bincount(day.trade_row[in_session], minlength=n_rows)
    ever = ((standing.bid_ticks != NO_PRICE) & (standing.ask_ticks != NO_PRICE)).any(axis=0)
    options = np.array(
        [row for row, item in enumerate(day.instruments) if item.kind is Kind.OPTION and ever[row]],
        dtype=np.int64,
    )
    order = np.lexsort((options, -standing.bars[options], -trades[options]))
    return np.sort(options[order[:series]])


def _spots(day: RecordedDay, chain: Chain, at_ns: Ints, middle: Floats) -> Floats:
    """float64[n_moments]: the middle of the underlying's quotes, or what parity tells; the last one known where neither does."""
    quoted = middle[:, day.underlying_row] if day.underlying_row >= 0 else np.full(at_ns.size, np.nan)
    told = np.array(
        [
            float(price) if np.isfinite(price) else spot_by_parity(chain, int(at), row)
            for price, at, row in zip(quoted, at_ns, middle, strict=True)
        ]
    )
    known = np.flatnonzero(np.isfinite(told))
    if not known.size:
        msg = f"{day.source}: nobody quotes {day.underlying}, or a call and a put that tell its price"
        raise InvalidValueError(msg)
    last = np.maximum(np.searchsorted(known, np.arange(at_ns.size), side="right") - 1, 0)
    return np.asarray(told[known[last]])


def _worth(middle: Floats, table: InstrumentTable, at_ns: Ints, spot: Floats) -> Floats:
    """float64[n_bars, n_rows]: the last middle there was, and intrinsic value at the very instant of expiry; NaN before and after."""
    known = np.isfinite(middle)
    bars = np.arange(at_ns.size)[:, None]
    last = np.maximum.accumulate(np.where(known, bars, 0), axis=0)
    out = np.take_along_axis(middle, last, axis=0)
    ends = np.where(table.expiry_ns > 0, table.expiry_ns, np.iinfo(np.int64).max)
    intrinsic = np.maximum(table.sign * (spot[:, None] - table.strike), 0.0)
    out = np.where(table.is_option & (ends == at_ns[:, None]), intrinsic, out)
    return np.where(ends < at_ns[:, None], np.nan, out)


def _bars_of(day: RecordedDay, spacing_s: float | None) -> int:
    """Bars from one moment to the next."""
    if spacing_s is None:
        return 1
    bars, left = divmod(round(spacing_s * 1e9), day.bar_ns)
    if left or not bars:
        msg = f"recorded day: its bars are {day.bar_ns / 1e9:g} s long, and spacing_s must be a whole number of them, was {spacing_s:g}"
        raise InvalidValueError(msg)
    return int(bars)


def _row_of(day: RecordedDay, hedge: HedgeTerms) -> int:
    """The row of the recording whose price a hedge has."""
    symbol = hedge.instrument.symbol
    told = {item.symbol: row for row, item in enumerate(day.instruments) if item.kind is not Kind.OPTION}
    if symbol not in told:
        msg = f"hedge {symbol}: nobody recorded its price; {day.source} has that of {', '.join(told) or 'nothing but options'}"
        raise InvalidValueError(msg)
    return told[symbol]
