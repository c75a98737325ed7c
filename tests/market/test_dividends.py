"""Dividends of an expiry: one schedule for all who ask, and far ones that are a share of the price."""

import numpy as np
import pytest

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.market.build import view
from flatbook.market.clock import NS_PER_YEAR
from flatbook.market.dividends import in_cash, schedules, split
from flatbook.market.forwards import Carry
from flatbook.market.view import ForwardSource
from flatbook.model.events import DeskSet, DividendsSeen, InstrumentsListed, RatesSeen, UnderlyingQuoted
from flatbook.model.instruments import Right, Style
from flatbook.model.parameters import Desk, QuotingRules, RiskAppetite, UnderlyingTerms
from flatbook.valuation.market_class import classes_of
from tests.worlds import NOW_NS, option

SPOT, RATE = 100.0, 0.03
TIMES = np.arange(1, 17) / 4.0 - 0.05
AMOUNTS = np.full(16, 0.8)


def test_every_expiry_meets_the_dividends_of_its_underlying():
    """A future pays none, and neither does an underlying without dividends."""
    years = (np.array([0.1, 0.4]), np.empty(0), np.array([0.2]))
    amount = (np.array([1.0, 2.0]), np.empty(0), np.array([3.0]))
    of_slice, on_future = np.array([2, 0, 0, 1]), np.array([False, False, True, False])
    times, amounts, met = schedules(years, amount, of_slice, on_future)

    assert times.tolist() == [0.1, 0.4, 0.2]
    assert amounts.tolist() == [1.0, 2.0, 3.0]
    assert met.tolist() == [[2, 3], [0, 2], [0, 0], [2, 2]]
    assert schedules((), (), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.bool_))[2].shape == (0, 2)


def carry(paid, years, spot=SPOT):
    """What an expiry stands on."""
    return Carry(
        spot=spot,
        on_future=False,
        spot_is_forward=False,
        years=years,
        rate=RATE,
        dividend_years=paid.years,
        dividend_amount=paid.amount,
        far_yield=paid.far_yield(years),
    )


def told(horizon, times=TIMES, spot=SPOT):
    """The dividends above at a horizon."""
    return split(times, AMOUNTS[: times.size], np.full(times.size, RATE), spot, horizon)


def test_near_dividends_are_left_as_they_are():
    """The very arrays; as where there is no spot, or less than they carry."""
    for paid in (told(4.0), told(1.0, spot=float("nan")), told(1.0, spot=5.0)):
        assert paid.years is TIMES
        assert paid.amount.tolist() == AMOUNTS.tolist()
        assert paid.far_yield(5.0) == 0.0


def test_the_forward_stays_and_falls_with_the_price_instead():
    """At today's price as with cash, to what a yield spread over the whole life changes; the far part moves with spot."""
    paid, cash = told(1.0), in_cash(TIMES, AMOUNTS)
    for years in (0.5, 1.5, 2.5, 4.0):
        assert carry(paid, years).forward == pytest.approx(carry(cash, years).forward, rel=2e-3)
    assert carry(paid, 0.9).forward == carry(cash, 0.9).forward

    def shares(dividends, years):
        up, down = (carry(dividends, years, spot).forward for spot in (SPOT * 1.01, SPOT * 0.99))
        return (up - down) / (0.02 * SPOT) * np.exp(-RATE * years)

    far = np.prod(1.0 - paid.far_share)
    assert shares(cash, 4.0) == pytest.approx(1.0, rel=1e-12)
    assert shares(paid, 4.0) == pytest.approx(far, rel=1e-9)
    assert paid.far_share[-1] == pytest.approx(AMOUNTS[-1] / carry(cash, TIMES[-1]).forward, rel=1e-12)


def test_no_dividend_jumps_as_it_comes_within_the_horizon():
    """A dividend just beyond is all but cash: forwards move by no more than its time does."""
    times = np.array([0.5, 2.0])
    beyond = [carry(told(2.0 - apart, times), 3.0).forward for apart in (0.0, 1e-9, 1e-3)]

    assert beyond[1] == pytest.approx(beyond[0], abs=1e-8)
    assert beyond[2] == pytest.approx(beyond[0], abs=1e-4)


def market_of(terms):
    """Two Americans and two Europeans, a month and three years off, that nobody quotes."""
    state = State()
    listed = tuple(
        option(f"{style.name}{days}", 100.0, days, Right.CALL, style=style, option_class=style.name)
        for days in (30, 3 * 365)
        for style in Style
    )
    desk = Desk(underlyings=(terms,), quoting=QuotingRules(), appetite=RiskAppetite(aversion_per_usd=1e-6))
    ex_ns = tuple(int(NOW_NS + years * NS_PER_YEAR) for years in TIMES)
    for fact in (
        InstrumentsListed(received_ns=NOW_NS, instruments=listed),
        DeskSet(received_ns=NOW_NS, desk=desk, by="test"),
        UnderlyingQuoted(received_ns=NOW_NS, underlying="XYZ", price=SPOT),
        DividendsSeen(received_ns=NOW_NS, underlying="XYZ", ex_ns=ex_ns, amount=tuple(AMOUNTS.tolist())),
        RatesSeen(received_ns=NOW_NS, currency="USD", maturity_ns=(NOW_NS + NS_PER_YEAR,), rate=(RATE,)),
    ):
        step(state, fact)
    return view(state.market, state.table, NOW_NS, desk)


def test_forward_and_valuation_have_the_same_split():
    """What the engines carry from spot, less the cash that they see, is the forward of the view."""
    market = market_of(UnderlyingTerms(symbol="XYZ", cash_dividends_years=1.0))
    plain = market_of(UnderlyingTerms(symbol="XYZ", cash_dividends_years=4.0))
    ((_, whole, _),) = classes_of(market, np.array([0, 2]))
    of = market.table.slice_of[[0, 2]]
    carried = whole.rate - whole.dividend_yield
    for s in of.tolist():
        first, stop = whole.dividend_rows[s]
        times, amounts = whole.dividend_years[first:stop], whole.dividend_amounts[first:stop]
        met = times < whole.years[s]
        cash = amounts[met] * np.exp(carried[s] * (whole.years[s] - times[met]))
        engines = whole.standing[s] * np.exp(carried[s] * whole.years[s]) - cash.sum()
        assert engines == pytest.approx(market.slice_forward[s], rel=1e-12)

    assert (market.slice_forward_source == ForwardSource.CARRY).all()
    assert market.slice_yield[of] == pytest.approx([0.0, 0.0159], abs=1e-3)
    assert plain.slice_yield == pytest.approx(np.zeros(4), abs=1e-12)
    assert market.slice_forward[0] == plain.slice_forward[0]
    assert market.dividend_years[0].max() < 2.0 < plain.dividend_years[0].max()
