"""Borrow, variance time, forward volatility and event moves of a whole view."""

import numpy as np
import pytest

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.kernels.black import price_european
from flatbook.market.borrow import BorrowReason
from flatbook.market.clock import NS_PER_YEAR
from flatbook.market.term import RATE_ERRORS, clock_of
from flatbook.market.variance_clock import VarianceWeights, variance_clock, weights_of_day
from flatbook.market.view import RateSource
from flatbook.model.events import (
    CycleDue,
    DeskSet,
    DividendsSeen,
    InstrumentsListed,
    QuotesSeen,
    RatesSeen,
    SessionsSeen,
    UnderlyingQuoted,
)
from flatbook.model.instruments import Right
from flatbook.model.parameters import (
    ClockTerms,
    Desk,
    EventTerms,
    QuotingRules,
    RiskAppetite,
    UnderlyingTerms,
)
from tests.worlds import NOW_NS, option

SECOND = 1_000_000_000
HOUR, DAY = 3600 * SECOND, 86_400 * SECOND
SPOT, RATE, YIELD = 1000.0, 0.03, 0.012


def sessions(calendar="TEST", underlyings=("XYZ",), days=800):
    """Weekdays from a Monday 400 days back, seven hours each about noon UTC."""
    first = NOW_NS // DAY - 400
    first -= (first + 3) % 7
    opens = [(first + d) * DAY + 9 * HOUR for d in range(days) if d % 7 < 5]
    return SessionsSeen(
        received_ns=NOW_NS,
        calendar=calendar,
        underlyings=underlyings,
        open_ns=tuple(opens),
        close_ns=tuple(each + 7 * HOUR for each in opens),
    )


def the_desk(*, calendar="", rate=None, clock=None, events=()):
    return Desk(
        underlyings=(UnderlyingTerms(symbol="XYZ", calendar=calendar, rate=rate),),
        quoting=QuotingRules(),
        appetite=RiskAppetite(aversion_per_usd=1e-6),
        clock=clock or ClockTerms(),
        events=tuple(events),
    )


def facts_of(desk, *more, days=(3, 10, 31, 120), vols=None, curve=True, dividends=()):
    """A chain of Black prices."""
    listed, bids, asks = [], [], []
    for number, day in enumerate(days):
        years, vol = day / 365.0, 0.2 if vols is None else vols[number]
        present = sum(amount * np.exp(-RATE * at) for at, amount in dividends if at < years)
        forward = (SPOT - present) * np.exp((RATE - YIELD) * years)
        for strike in np.arange(900.0, 1101.0, 20.0):
            for right in Right:
                listed.append(option(f"{right.name[0]}{day}-{strike:.0f}", strike, day, right))
                args = (forward, strike, years, vol, np.exp(-RATE * years), float(right))
                price = price_european(*(np.array([x]) for x in args))[0]
                bids.append(max(int(np.floor(price * 100)) - 2, 1))
                asks.append(int(np.ceil(price * 100)) + 2)
    symbols = tuple(item.symbol for item in listed)
    facts = [
        InstrumentsListed(received_ns=NOW_NS, instruments=tuple(listed)),
        DeskSet(received_ns=NOW_NS, desk=desk, by="test"),
        UnderlyingQuoted(received_ns=NOW_NS, underlying="XYZ", price=SPOT),
        QuotesSeen(received_ns=NOW_NS, symbols=symbols, bid_ticks=tuple(bids), ask_ticks=tuple(asks)),
        *more,
    ]
    if curve:
        facts.append(
            RatesSeen(
                received_ns=NOW_NS,
                currency="USD",
                maturity_ns=(NOW_NS + DAY, NOW_NS + 900 * DAY),
                rate=(RATE, RATE),
            )
        )
    return facts


def term_of(desk, *more, **chain):
    """The term structure of a chain of Black prices, and the view it stands in."""
    state = State()
    for fact in facts_of(desk, *more, **chain):
        step(state, fact)
    cycle = step(state, CycleDue(received_ns=NOW_NS, reason="test"))
    return cycle.market.term, cycle.market


def test_borrow_is_what_rate_and_dividends_leave():
    """The chain carries 1.2 % a year that nobody lists, beside two dividends that are listed."""
    ex = ((0.05, 4.0), (0.2, 5.0))
    paid = DividendsSeen(
        received_ns=NOW_NS,
        underlying="XYZ",
        ex_ns=tuple(int(NOW_NS + at * NS_PER_YEAR) for at, _ in ex),
        amount=tuple(amount for _, amount in ex),
    )
    term, _ = term_of(the_desk(), paid, days=(31, 120, 240), dividends=ex)

    assert term.borrow_reason.tolist() == [BorrowReason.TOLD] * 3
    # The chain takes the dividends from spot, the residual from each forward after them: a few 1e-5 a year apart.
    assert term.borrow == pytest.approx(np.full(3, YIELD), abs=2e-4)
    assert np.all(np.abs(term.borrow - YIELD) < term.borrow_error)
    assert np.all(np.diff(term.borrow_error) < 0.0)


def test_borrow_that_cannot_be_told_has_its_reason():
    """Three days out the price of the underlying alone is too rough; without a rate nothing can be said."""
    near, _ = term_of(the_desk(), days=(1, 120))
    blind, market = term_of(the_desk(), days=(1,), curve=False)

    assert near.borrow_reason.tolist() == [BorrowReason.NOT_RESOLVED, BorrowReason.TOLD]
    assert market.slice_rate_source[0] == RateSource.ASSUMED_ZERO
    assert np.isnan(RATE_ERRORS[RateSource.ASSUMED_ZERO])
    assert blind.borrow_reason.tolist() == [BorrowReason.MISSING]
    assert np.isnan(blind.borrow[0])


def test_an_expiry_whose_quotes_tell_its_rate_has_its_own():
    """Years out, to five basis points; with a rate of the desk's own the line through all expiries stays."""
    days = (120, 730)
    _, told = term_of(the_desk(), days=days, curve=False)
    _, pooled = term_of(the_desk(rate=0.03), days=days, curve=False)
    own, line = told.slice_rate[1], pooled.slice_rate[1]

    assert told.slice_rate_source[1] == pooled.slice_rate_source[1] == RateSource.PARITY
    assert own == pytest.approx(RATE, abs=5e-4)
    assert own != line
    assert told.slice_rate[0] == pooled.slice_rate[0]


def test_without_a_calendar_variance_time_is_calendar_time():
    """To the bit, whatever sessions were seen; also where the sessions are another exchange's."""
    for desk in (the_desk(), the_desk(calendar="OTHER")):
        term, market = term_of(desk, sessions())

        assert term.variance_years.tolist() == market.slice_years.tolist()
        assert term.calendar_vol.tolist() == market.slice_atm_vol.tolist()
        assert market.clocks == ()


def test_with_a_calendar_the_same_variance_is_spread_over_variance_time():
    """By the weights of the desk; total variance stays, and forward variances add up to it."""
    seen, clock = sessions(), ClockTerms(overnight=0.3, weekend=0.2, holiday=0.05)
    term, market = term_of(the_desk(calendar="TEST", clock=clock), seen)
    opens, closes = np.array(seen.open_ns), np.array(seen.close_ns)
    weights = weights_of_day(session_hours=7.0, overnight_share=0.3, weekend=0.2, holiday=0.05)
    expiry_ns = np.array([key.expiry_ns for key in market.table.slices])
    total = market.slice_atm_vol**2 * term.variance_years

    assert term.variance_years == pytest.approx(
        variance_clock(opens, closes, weights).tau(NOW_NS, expiry_ns), rel=1e-14
    )
    assert not np.allclose(term.variance_years, market.slice_years, rtol=1e-3)
    assert term.calendar_vol**2 * market.slice_years == pytest.approx(total, rel=1e-12)
    assert total == pytest.approx(0.04 * market.slice_years, rel=1e-2)  # quotes are whole pennies
    forward = np.cumsum(term.forward_vol**2 * np.diff(term.variance_years, prepend=0.0))
    assert forward == pytest.approx(total, rel=1e-12)


def test_the_last_seconds_count_each_alike():
    """Expiry at the close: two seconds have twice the variance of one, and the nanosecond its share."""
    seen = sessions()
    clock = clock_of(seen, the_desk(calendar="TEST"), "XYZ", {})
    assert clock is not None
    close = np.array([seen.close_ns[300]])
    left = [float(clock.tau(int(close[0]) - ns, close)[0]) for ns in (1, SECOND, 2 * SECOND)]

    assert left[2] == pytest.approx(2.0 * left[1], rel=1e-12)
    assert left[1] == pytest.approx(1e9 * left[0], rel=1e-12)


def test_a_market_that_never_closes_has_no_night():
    """Its days are alike."""
    opens = tuple(NOW_NS + d * DAY for d in range(-400, 400))
    seen = SessionsSeen(
        received_ns=NOW_NS,
        calendar="24/7",
        underlyings=("XYZ",),
        open_ns=opens,
        close_ns=tuple(each + DAY for each in opens),
    )
    clock = clock_of(seen, the_desk(calendar="24/7"), "XYZ", {})

    assert clock is not None
    assert clock.tau(NOW_NS, np.array([NOW_NS + 100 * DAY]))[0] == pytest.approx(100.0 / 365.0, rel=1e-12)


def test_an_event_adds_its_trading_days_to_the_clock():
    """For expiries after it only."""
    at = NOW_NS + 20 * DAY
    event = EventTerms(underlying="XYZ", name="report", at_ns=at, trading_days=3.0)
    plain, _ = term_of(the_desk(calendar="TEST"), sessions())
    dated, _ = term_of(the_desk(calendar="TEST", events=(event,)), sessions())
    seen = sessions()
    day = variance_clock(
        np.array(seen.open_ns),
        np.array(seen.close_ns),
        VarianceWeights(session=0.62 * 24.0 / 7.0, overnight=0.38 * 24.0 / 17.0),
    ).trading_day_years

    assert dated.variance_years - plain.variance_years == pytest.approx(
        [0.0, 0.0, 3.0 * day, 3.0 * day], abs=1e-12
    )
    assert "3 trading days" in dated.events[0].reason


def test_the_move_of_an_event_is_told_by_the_expiries_around_it():
    """A base of 20 % and a move of 5 % in 15 days: total variance of later expiries has both."""
    days, move = (3, 10, 31, 59, 120), 0.05
    vols = [np.sqrt(0.04 + (move**2 / (day / 365.0) if day > 15 else 0.0)) for day in days]
    event = EventTerms(underlying="XYZ", name="report", at_ns=NOW_NS + 15 * DAY)
    term, _ = term_of(the_desk(events=(event,)), days=days, vols=vols)
    (told,) = term.events

    assert told.reason == ""
    assert told.move_sd == pytest.approx(move, abs=3.0 * told.move_sd_error)
    assert told.move_sd_error < 0.005
