"""What expiries tell beside their prices: borrow, variance time, forward volatility, the moves of dated events.

Source: domain reference 4.14 and 4.18; `market.borrow`, `market.variance_clock`, `market.event_variance`. Carry stays in calendar time.
Holds: without a calendar for its underlying an expiry has calendar time for variance time too, to the bit.
"""

import numpy as np

from flatbook.market.borrow import BorrowReason, blend_dividends, borrow_rates
from flatbook.market.event_variance import EVENT_TEXT, EventReason, TermVols, solve_events
from flatbook.market.quotes import QuoteStatus
from flatbook.market.state import MarketState
from flatbook.market.variance_clock import (
    DatedEvent,
    VarianceClock,
    VarianceWeights,
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
    state: MarketState, desk: Desk, seen: MarketView, forward_error: Floats, rate_error: Floats
) -> TermStructure:
    """Read each expiry of a view.

    Parameters
    ----------
    state : MarketState
        For the sessions of exchanges.
    desk : Desk
        For calendars, the weights of the clock, and dated events.
    seen : MarketView
    forward_error, rate_error : float64[n_slices]
        Standard errors from the quotes; NaN where they do not tell.
    """
    borrow, error, reason = _borrow(seen, forward_error, rate_error)
    years = seen.slice_years.copy()
    moves: list[EventMove] = []
    for u, name in enumerate(seen.table.underlyings):
        mine = np.flatnonzero(seen.table.underlying_of_slice == u)
        clock = clock_of(state.sessions.get(name), desk, name)
        if clock is not None:
            years[mine] = clock.tau(seen.now_ns, _expiry_ns(seen, mine))
        dated = tuple(event for event in desk.events if event.underlying == name)
        if dated:
            moves.extend(_moves(seen, mine, years, dated))
    with np.errstate(divide="ignore", invalid="ignore"):
        vol = seen.slice_atm_vol * np.sqrt(seen.slice_years / years)
    return TermStructure(
        forward_error=forward_error,
        borrow=borrow,
        borrow_error=error,
        borrow_reason=reason,
        variance_years=years,
        variance_vol=np.where(years > 0.0, vol, np.nan),
        forward_vol=_forward_vol(seen, years),
        events=tuple(moves),
    )


def clock_of(sessions: SessionsSeen | None, desk: Desk, underlying: str) -> VarianceClock | None:
    """The variance clock of an underlying; None where the desk names no calendar or its sessions were not seen."""
    calendar = desk.terms_of(underlying).calendar
    if sessions is None or not calendar or sessions.calendar != calendar:
        return None
    opens, closes = (np.array(column, dtype=np.int64) for column in (sessions.open_ns, sessions.close_ns))
    events = tuple(
        DatedEvent(
            name=event.name, start_ns=event.at_ns, stop_ns=event.at_ns, trading_days=event.trading_days
        )
        for event in desk.events
        if event.underlying == underlying and event.trading_days is not None
    )
    return variance_clock(opens, closes, _weights(desk.clock, opens, closes), events)


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


def _borrow(seen: MarketView, forward_error: Floats, rate_error: Floats) -> tuple[Floats, Floats, Ints]:
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
        order = np.argsort(seen.dividend_years[u], kind="stable")
        ex_years, amounts = seen.dividend_years[u][order], seen.dividend_amount[u][order]
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
    total = seen.slice_atm_vol**2 * seen.slice_years
    for u in range(len(seen.table.underlyings)):
        mine = np.flatnonzero((seen.table.underlying_of_slice == u) & np.isfinite(total))
        mine = mine[np.argsort(variance_years[mine], kind="stable")]
        gained, passed = np.diff(total[mine], prepend=0.0), np.diff(variance_years[mine], prepend=0.0)
        known = (gained >= 0.0) & (passed > 0.0)
        out[mine[known]] = np.sqrt(gained[known] / passed[known])
    return out


def _moves(
    seen: MarketView, slices: Ints, variance_years: Floats, dated: tuple[EventTerms, ...]
) -> list[EventMove]:
    """What the term structure says of each event; those whose variance the desk gives are in the clock already."""
    implied = [event for event in dated if event.trading_days is None]
    term = TermVols(
        expiry_ns=_expiry_ns(seen, slices),
        years=seen.slice_years[slices],
        clock_years=variance_years[slices],
        vol=seen.slice_atm_vol[slices],
        vol_error=_atm_errors(seen, slices),
    )
    at = np.array([event.at_ns for event in implied], dtype=np.int64)
    told = solve_events(seen.now_ns, term, at, _REVERSION_PER_YEAR)
    found = zip(
        implied, told.move_sd.tolist(), told.move_sd_error.tolist(), told.reason.tolist(), strict=True
    )
    moves = [
        EventMove(
            underlying=event.underlying,
            name=event.name,
            at_ns=event.at_ns,
            move_sd=sd,
            move_sd_error=error,
            reason="" if code == EventReason.SOLVED else EVENT_TEXT[EventReason(code)],
        )
        for event, sd, error, code in found
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
