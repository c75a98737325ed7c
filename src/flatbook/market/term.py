"""What expiries tell beside their prices: borrow, variance time, forward volatility, the moves of dated events.

Source: domain reference 4.14 and 4.18; `market.borrow`, `market.variance_clock`, `market.event_variance`. Carry stays in calendar time.
Holds: without a calendar for its underlying an expiry has calendar time for variance time too, to the bit.
"""

from collections.abc import Mapping

import numpy as np

from flatbook.market.borrow import BorrowReason, blend_dividends, borrow_rates
from flatbook.market.clock import CALENDAR, Clock
from flatbook.market.event_variance import EVENT_TEXT, EventReason, EventVariance, TermVols, solve_events
from flatbook.market.quotes import QuoteStatus
from flatbook.market.state import EventKey, MarketState
from flatbook.market.variance_clock import (
    DatedEvent,
    VarianceClock,
    VarianceWeights,
    even_clock,
    variance_clock,
    weights_of_day,
)
from flatbook.market.view import EventMove, MarketView, RateSource, TermStructure
from flatbook.model.errors import InvalidValueError
from flatbook.model.events import SessionsSeen
from flatbook.model.parameters import ClockTerms, Desk, EventTerms
from flatbook.model.table import Floats, Ints

SPOT_ERROR = 2e-4  # standard error of a price of the underlying, relative: a last, or quotes a moment apart
RATE_ERRORS: dict[RateSource, float] = {  # per year, where the expiry's own quotes do not tell it
    RateSource.CURVE: 5e-4,
    RateSource.PARITY: 5e-4,
    RateSource.TERMS: 25e-4,
    RateSource.ASSUMED_ZERO: float("nan"),
    RateSource.NONE: float("nan"),
}
_REVERSION_PER_YEAR = 2.0  # half of a shock to base variance is gone after four months
_LONGEST_SESSION_HOURS = 24.0
_HOUR_NS = 3_600 * 1_000_000_000


def term_structure(
    state: MarketState,
    desk: Desk,
    seen: MarketView,
    listed: list[tuple[Floats, Floats]],
    forward_error: Floats,
    rate_error: Floats,
) -> TermStructure:
    """Read each expiry of a view.

    Parameters
    ----------
    state : MarketState
        For the sessions of exchanges.
    desk : Desk
        For calendars, the weights of the clock, and dated events.
    seen : MarketView
    listed : list of float64[m], float64[m]
        Dividends to come, by underlying: years to the ex-dates, and amounts.
    forward_error, rate_error : float64[n_slices]
        Standard errors from the quotes; NaN where they do not tell.
    """
    borrow, error, reason = _borrow(seen, listed, forward_error, rate_error)
    years = seen.slice_variance_years
    moves: list[EventMove] = []
    for u, name in enumerate(seen.table.underlyings):
        mine = np.flatnonzero(seen.table.underlying_of_slice == u)
        dated = tuple(event for event in desk.events if event.underlying == name)
        if dated:
            base = clock_of(state.sessions.get(name), desk, name, {}) or even_clock(())
            moves.extend(_moves(seen, mine, base, dated))
    with np.errstate(divide="ignore", invalid="ignore"):
        calendar_vol = seen.slice_atm_vol * np.sqrt(years / seen.slice_years)
    return TermStructure(
        forward_error=forward_error,
        borrow=borrow,
        borrow_error=error,
        borrow_reason=reason,
        variance_years=years,
        calendar_vol=np.where(seen.slice_years > 0.0, calendar_vol, np.nan),
        forward_vol=_forward_vol(seen, years),
        events=tuple(moves),
    )


def clock_of(
    sessions: SessionsSeen | None, desk: Desk, underlying: str, told: Mapping[EventKey, float]
) -> VarianceClock | None:
    """The variance clock of an underlying; None where it goes by the calendar.

    That is where no event of it has a known variance, and the desk names no calendar or its sessions were not seen. Events
    without a calendar come on top of calendar time, in days of it.

    Parameters
    ----------
    sessions : SessionsSeen or None
    desk : Desk
        For the calendar, the weights, and events with the trading days that it gives them.
    underlying : str
    told : mapping of EventKey to float
        Trading days of the events to which the desk gives none, as quotes told them.
    """
    calendar = desk.terms_of(underlying).calendar
    mine = [event for event in desk.events if event.underlying == underlying]
    days = [
        told.get((underlying, event.name, event.at_ns)) if event.trading_days is None else event.trading_days
        for event in mine
    ]
    events = tuple(
        DatedEvent(name=event.name, start_ns=event.at_ns, stop_ns=event.at_ns, trading_days=each)
        for event, each in zip(mine, days, strict=True)
        if each is not None
    )
    if sessions is None or not calendar or sessions.calendar != calendar:
        return even_clock(events) if events else None
    opens, closes = (np.array(column, dtype=np.int64) for column in (sessions.open_ns, sessions.close_ns))
    return variance_clock(opens, closes, _weights(desk.clock, opens, closes), events)


def clocks_of(state: MarketState, desk: Desk, underlyings: tuple[str, ...]) -> tuple[Clock, ...]:
    """What the volatilities of each underlying go by; empty where all go by the calendar."""
    own = [clock_of(state.sessions.get(name), desk, name, state.event_days) for name in underlyings]
    return tuple(clock or CALENDAR for clock in own) if any(own) else ()


def _weights(terms: ClockTerms, opens: Ints, closes: Ints) -> VarianceWeights:
    """Of an exchange whose regular session is as long as the median one; one that never closes has no night."""
    hours = float(np.median(closes - opens)) / _HOUR_NS
    if hours >= _LONGEST_SESSION_HOURS:
        return VarianceWeights(session=1.0, overnight=0.0, weekend=terms.weekend, holiday=terms.holiday)
    return weights_of_day(
        session_hours=hours, overnight_share=terms.overnight, weekend=terms.weekend, holiday=terms.holiday
    )


def _expiry_ns(seen: MarketView, slices: Ints) -> Ints:
    return np.array([seen.table.slices[s].expiry_ns for s in slices], dtype=np.int64)


def _borrow(
    seen: MarketView, listed: list[tuple[Floats, Floats]], forward_error: Floats, rate_error: Floats
) -> tuple[Floats, Floats, Ints]:
    """Borrow, its standard error, and `BorrowReason` of each expiry that stands on spot."""
    n = len(seen.table.slices)
    borrow, error = np.full(n, np.nan), np.full(n, np.nan)
    reason = np.full(n, BorrowReason.MISSING, dtype=np.int64)
    given = np.array([RATE_ERRORS[RateSource(code)] for code in seen.slice_rate_source.tolist()])
    of_rate = np.where(np.isnan(rate_error), given, rate_error)
    for u, spot in enumerate(seen.spot.tolist()):
        on_spot = (seen.table.underlying_of_slice == u) & np.isnan(seen.slice_future) & np.isfinite(of_rate)
        mine = np.flatnonzero(on_spot)
        if not (mine.size and spot > 0.0):
            continue
        order = np.argsort(listed[u][0], kind="stable")
        ex_years, amounts = (column[order] for column in listed[u])
        ascending = mine[np.argsort(seen.slice_years[mine], kind="stable")]
        rate = np.interp(ex_years, seen.slice_years[ascending], seen.slice_rate[ascending])
        try:
            dividends = blend_dividends(ex_years, amounts, rate, spot)
        except InvalidValueError:  # the dividends are more than the price: no borrow explains that
            reason[mine] = BorrowReason.NO_ROOT
            continue
        told = borrow_rates(
            seen.slice_forward[mine],
            forward_error[mine],
            seen.slice_years[mine],
            seen.slice_rate[mine],
            of_rate[mine],
            spot,
            SPOT_ERROR * spot,
            dividends,
        )
        borrow[mine], error[mine], reason[mine] = told.borrow, told.error, told.reason
    return borrow, error, reason


def _forward_vol(seen: MarketView, variance_years: Floats) -> Floats:
    """Volatility in variance time from the expiry before to each one, of whatever class; of the first, from now."""
    out = np.full(variance_years.size, np.nan)
    total = seen.slice_atm_vol**2 * variance_years
    for u in range(len(seen.table.underlyings)):
        mine = np.flatnonzero((seen.table.underlying_of_slice == u) & np.isfinite(total))
        mine = mine[np.argsort(variance_years[mine], kind="stable")]
        gained, passed = np.diff(total[mine], prepend=0.0), np.diff(variance_years[mine], prepend=0.0)
        known = (gained >= 0.0) & (passed > 0.0)
        out[mine[known]] = np.sqrt(gained[known] / passed[known])
    return out


def _moves(
    seen: MarketView, slices: Ints, base: VarianceClock, dated: tuple[EventTerms, ...]
) -> list[EventMove]:
    """What the term structure says of each event; those whose variance the desk gives are in the clock already."""
    implied = [event for event in dated if event.trading_days is None]
    expiry_ns = _expiry_ns(seen, slices)
    term = TermVols(
        expiry_ns=expiry_ns,
        years=seen.slice_variance_years[slices],
        clock_years=base.tau(seen.now_ns, expiry_ns),
        vol=seen.slice_atm_vol[slices],
        vol_error=_atm_errors(seen, slices),
    )
    at = np.array([event.at_ns for event in implied], dtype=np.int64)
    told = solve_events(seen.now_ns, term, at, _REVERSION_PER_YEAR)
    days, days_error = _in_trading_days(told, base.tau(seen.now_ns, at), base.trading_day_years)
    moves = [
        EventMove(
            underlying=event.underlying,
            name=event.name,
            at_ns=event.at_ns,
            move_sd=float(told.move_sd[i]),
            move_sd_error=float(told.move_sd_error[i]),
            reason=EVENT_TEXT[EventReason(told.reason[i])] if told.reason[i] != EventReason.SOLVED else "",
            trading_days=float(days[i]),
            trading_days_error=float(days_error[i]),
            trading_day_years=base.trading_day_years,
        )
        for i, event in enumerate(implied)
    ]
    given = [event for event in dated if event.trading_days is not None]
    return moves + [
        EventMove(
            underlying=event.underlying,
            name=event.name,
            at_ns=event.at_ns,
            move_sd=float("nan"),
            move_sd_error=float("nan"),
            reason=f"the desk gives it {event.trading_days:g} trading days of variance",
        )
        for event in given
    ]


def _in_trading_days(told: EventVariance, until: Floats, day_years: float) -> tuple[Floats, Floats]:
    """Variance of each event and its standard error in trading days of the base from now to it.

    At that rate the volatility of the expiries after it is that of the base on its way there: no step at the event.
    """
    now = until <= 0.0
    base = np.where(now, told.base_short[0], told.base_variance(until) / np.where(now, 1.0, until))
    of_day = np.where(base > 0.0, base * day_years, np.nan)
    return told.move_variance / of_day, told.move_variance_error / of_day


def _atm_errors(seen: MarketView, slices: Ints) -> Floats:
    """Half the spread in volatility of the usable quote nearest the forward of each expiry; NaN without one."""
    out = np.full(slices.size, np.nan)
    half = 0.5 * (seen.vol_ask - seen.vol_bid)
    told = (seen.status == QuoteStatus.USABLE) & (half > 0.0)
    for number, s in enumerate(slices.tolist()):
        rows = np.flatnonzero(told & (seen.table.slice_of == s))
        if rows.size:
            apart = np.abs(np.log(seen.table.strike[rows] / seen.forward[rows]))
            out[number] = half[rows[np.argmin(apart)]]
    return out
