"""Fair values of a simulated day: no arbitrage, parity, intrinsic value at settlement, decay that equals what spot moves."""

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.market.build import view
from flatbook.market.clock import tau
from flatbook.market.state import MarketState, grow, see_quotes, see_rates, see_underlying
from flatbook.model.events import QuotesSeen, RatesSeen, UnderlyingQuoted
from flatbook.model.instruments import Style, TickBand
from flatbook.model.world_price_terms import ClassTerms, PriceEventTerms, SmileTerms
from flatbook.quoting.ticks import NO_PRICE
from flatbook.sim.prices.market import simulated_market
from flatbook.sim.prices.path import path_of
from flatbook.sim.prices.session import Session
from flatbook.sim.prices.surface import atm_variance, chain_of
from tests.sim.prices.days_of_prices import interval, with_options
from tests.worlds import desk

WILD = SmileTerms(
    vol_near=0.3, vol_far=0.15, tilt=-0.8, wings=1.1, level_deviation=8.0, term_deviation=4.0, skew_deviation=15.0,
    curvature_deviation=8.0,
)  # fmt: skip
CHAIN = (
    ClassTerms(
        name="A", strikes=41, strike_spacing=1.0, expiry_days=(0, 2, 9, 44, 300), expiry_minutes=(200,)
    ),
)
SAMPLED = (0, 1, 17, 39, 41, 60, 77)
SEEDS = (1, 2, 3, 4)


def _by_expiry(market, index):
    """(expiry, strikes, calls, puts) undiscounted and the forward, of what lives at a moment."""
    table, moment = market.table, market.moment(index)
    rate = market.terms.rate
    for s, key in enumerate(table.slices):
        if key.expiry_ns <= moment.at_ns:
            continue
        rows = np.flatnonzero(table.slice_of == s)
        years = float(tau(moment.at_ns, np.array([key.expiry_ns]))[0])
        grown, worth = np.exp(rate * years), moment.fair[rows]
        yield years, table.strike[rows][::2], worth[::2] * grown, worth[1::2] * grown, moment.spot[0] * grown


@pytest.mark.parametrize("seed", SEEDS)
def test_no_butterfly_no_vertical_and_no_calendar_can_be_arbitraged(seed):
    market = simulated_market(with_options(classes=CHAIN, smile=WILD), seed)
    for index in SAMPLED:
        before = None
        for _, strike, calls, _, forward in _by_expiry(market, index):
            slope = np.diff(calls) / np.diff(strike)
            assert (slope <= 1e-12).all()
            assert (slope >= -1.0 - 1e-12).all()
            assert (np.diff(slope) >= -1e-9).all()
            assert (calls >= np.maximum(forward - strike, 0.0) - 1e-9).all()
            # by moneyness, total variance rises with expiry: so do undiscounted calls over their forward
            if before is not None:
                at = np.interp(strike / forward, before[0], before[1])
                inside = (strike / forward > before[0][0]) & (strike / forward < before[0][-1])
                convex = 0.5 * np.diff(strike)[0] ** 2 / forward**2 * 2.0  # a chord lies above what it spans
                assert (calls / forward - at >= -convex)[inside].all()
            before = strike / forward, calls / forward


@pytest.mark.parametrize("seed", SEEDS)
def test_total_variance_at_the_money_rises_with_expiry_and_never_below_zero(seed):
    news = PriceEventTerms(minute=100.0, deviation=0.02)
    terms = with_options(classes=CHAIN, smile=WILD, events=(news,))
    session, market = Session(terms), simulated_market(terms, seed)
    chain = chain_of(session, market.table)
    order = np.argsort(chain.expiry_ns)
    for index in range(session.at_ns.size):
        theta = atm_variance(chain, market.path, index)[order]
        assert (np.diff(theta) >= 0.0).all()
        assert (theta >= 0.0).all()
    assert (market.path.wings * (1.0 + np.abs(market.path.tilt)) <= 2.0 + 1e-12).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_parity_holds_exactly_in_fair_values(seed):
    market = simulated_market(with_options(classes=CHAIN, smile=WILD), seed)
    for index in SAMPLED:
        for _, strike, calls, puts, forward in _by_expiry(market, index):
            assert calls - puts == pytest.approx(forward - strike, abs=1e-9)


def test_at_the_instant_of_expiry_an_option_is_its_intrinsic_value_and_later_nobody_knows():
    market = simulated_market(with_options(classes=CHAIN, spacing_seconds=60.0), 8)
    table, close = market.table, market.at_ns[-1]
    ended = np.flatnonzero(table.is_option & (table.expiry_ns == market.at_ns[200]))
    today = np.flatnonzero(table.is_option & (table.expiry_ns == close))
    assert ended.size == today.size == 82
    for rows, index in ((ended, 200), (today, market.at_ns.size - 1)):
        moment = market.moment(index)
        payoff = np.maximum(table.sign[rows] * (moment.spot[0] - table.strike[rows]), 0.0)
        settled = [market.settlement_price(row) for row in rows.tolist()]

        assert moment.fair[rows] == pytest.approx(payoff, abs=1e-12)
        assert settled == [moment.spot[0]] * rows.size
        assert (moment.vega[rows] == 0.0).all()
        assert (moment.bid_ticks[rows] == NO_PRICE).all()
    assert np.isnan(market.moment(201).fair[ended]).all()
    assert (market.moment(199).fair[ended] >= 0.0).all()
    assert (market.moment(199).bid_ticks[ended] != NO_PRICE).any()
    later = int(np.flatnonzero(table.expiry_ns > close)[0])
    assert np.isnan(market.settlement_price(later))


def test_options_lose_in_any_stretch_of_the_day_the_variance_that_spot_is_told_to_move():
    news = PriceEventTerms(minute=100.0, deviation=0.01)
    terms = with_options(classes=CHAIN, session_weight=2.0, events=(news,))
    market = simulated_market(terms, 5)
    chain = chain_of(market.session, market.table)
    theta = np.array([atm_variance(chain, market.path, k) for k in range(market.at_ns.size)])
    today = int(np.flatnonzero(chain.expiry_ns == market.at_ns[-1])[0])
    spent = np.diff(market.session.passed) * market.session.variance_years * 0.2**2
    spent[19] += 0.01**2  # the step to minute 100

    assert -np.diff(theta[:, today]) == pytest.approx(spent)
    assert theta[0, today] == pytest.approx(market.spot_variance()[0])
    for s in np.flatnonzero(chain.expiry_ns > market.at_ns[-1]).tolist():
        assert -np.diff(theta[:, s]) == pytest.approx(spent)


def test_only_expiries_after_the_news_hold_its_variance_and_only_those_of_whom_it_is():
    news = PriceEventTerms(minute=300.0, deviation=0.02, implied_over_deviation=1.5, underlying="A")
    quiet, told = (simulated_market(with_options(classes=CHAIN, n=2, events=e), 5) for e in ((), (news,)))
    chains = [chain_of(market.session, market.table) for market in (quiet, told)]
    before, with_it = (atm_variance(c, m.path, 10) for c, m in zip(chains, (quiet, told), strict=True))
    ends_first = chains[1].expiry_ns < told.session.instant(300.0)

    assert ends_first.sum() == 1
    assert with_it - before == pytest.approx(np.where(ends_first, 0.0, 0.03**2), abs=1e-15)
    other = with_options(classes=CHAIN, n=2, events=(replace(news, underlying="B"),))
    market = simulated_market(other, 5)
    assert atm_variance(chain_of(market.session, market.table), market.path, 10) == pytest.approx(before)


def test_what_options_of_today_pay_is_what_they_are_worth_on_average():
    """A flat smile under which spot moves as told: prices of the open are expectations of payoffs."""
    flat = SmileTerms(
        vol_near=0.4, vol_far=0.4, wings=0.0, level_deviation=0.0, term_deviation=0.0, skew_deviation=0.0,
        curvature_deviation=0.0,
    )  # fmt: skip
    classes = (ClassTerms(name="A", strikes=5, strike_spacing=0.5, expiry_days=(0,)),)
    terms = with_options(classes=classes, smile=flat, spacing_seconds=1800.0, rate=0.0)
    session, market = Session(terms), simulated_market(terms, 0)
    last = np.array([path_of(session, seed).spot[-1, 0] for seed in range(3000)])
    table, fair = market.table, market.moment(0).fair
    for row in np.flatnonzero(table.is_option).tolist():
        # with half the payoff's slope in spot taken off, the same mean and less noise
        found, error = interval(
            np.maximum(table.sign[row] * (last - table.strike[row]), 0.0)
            - 0.5 * table.sign[row] * (last - 100.0)
        )

        assert abs(found - fair[row]) <= error, table.instruments[row].symbol
        assert error < 0.12 * fair[row] + 0.02


def test_american_options_are_worth_what_a_tree_says():
    classes = (
        ClassTerms(name="A", style=Style.AMERICAN, strikes=9, strike_spacing=5.0, expiry_days=(9, 180)),
    )
    market = simulated_market(with_options(classes=classes, rate=0.06), 2)
    european = simulated_market(
        with_options(classes=(replace(classes[0], style=Style.EUROPEAN),), rate=0.06), 2
    )
    table, moment, plain_one = market.table, market.moment(30), european.moment(30)
    rows = np.flatnonzero(table.is_option)
    years = tau(moment.at_ns, table.expiry_ns[rows])
    assert table.delivers[rows].all()
    assert (moment.fair[rows] >= plain_one.fair[rows]).all()
    assert (
        moment.fair[rows] >= np.maximum(table.sign[rows] * (moment.spot[0] - table.strike[rows]), 0.0) - 1e-9
    ).all()
    assert (moment.fair[rows] - plain_one.fair[rows]).max() > 0.3
    vol = np.array(
        [
            _european_vol(plain_one.fair[row], moment.spot[0], table, row, t, 0.06)
            for row, t in zip(rows, years, strict=True)
        ]
    )
    tree = _american_by_tree(moment.spot[0], table.strike[rows], years, vol, 0.06, table.sign[rows])
    assert moment.fair[rows] == pytest.approx(tree, abs=0.01)


def _european_vol(price, spot, table, row, years, rate):
    from scipy.optimize import brentq
    from scipy.stats import norm

    strike, sign = table.strike[row], table.sign[row]
    forward, discount = spot * np.exp(rate * years), np.exp(-rate * years)

    def worth(vol):
        d1 = np.log(forward / strike) / (vol * np.sqrt(years)) + 0.5 * vol * np.sqrt(years)
        return (
            discount
            * sign
            * (forward * norm.cdf(sign * d1) - strike * norm.cdf(sign * (d1 - vol * np.sqrt(years))))
        )

    return brentq(lambda vol: worth(vol) - price, 0.01, 3.0, xtol=1e-12)


def _american_by_tree(spot, strike, years, vol, rate, sign, steps=400):
    """Cox, Ross and Rubinstein."""
    out = []
    for k, t, v, s in zip(strike, years, vol, sign, strict=True):
        dt = t / steps
        up = np.exp(v * np.sqrt(dt))
        p = (np.exp(rate * dt) - 1 / up) / (up - 1 / up)
        at = spot * up ** (2.0 * np.arange(steps + 1) - steps)
        worth = np.maximum(s * (at - k), 0.0)
        for _ in range(steps):
            at = at[:-1] * up
            worth = np.maximum(np.exp(-rate * dt) * (p * worth[1:] + (1 - p) * worth[:-1]), s * (at - k))
        out.append(worth[0])
    return np.array(out)


@pytest.mark.parametrize("index", [0, 40, 70])
def test_the_engine_finds_the_forward_and_the_volatility_in_the_quotes(index):
    classes = (
        ClassTerms(
            name="A", strikes=15, strike_spacing=2.5, expiry_days=(2, 9, 44), tick_table=(TickBand(0, 1),)
        ),
    )
    terms = with_options(classes=classes, smile=SmileTerms(vol_near=0.3, vol_far=0.25))
    terms = replace(terms, underlyings=(replace(terms.underlyings[0], dividend_yield=0.02),))
    market = simulated_market(terms, 13)
    table, moment = market.table, market.moment(index)
    state = MarketState()
    grow(state, len(table.instruments))
    see_rates(state, next(fact for fact in market.opening() if isinstance(fact, RatesSeen)))
    see_underlying(state, UnderlyingQuoted(received_ns=moment.at_ns, underlying="A", price=moment.spot[0]))
    see_quotes(state, table, _told(table, moment))
    seen = view(state, table, moment.at_ns, desk())
    years = seen.slice_years
    chain = chain_of(market.session, table)
    told = np.sqrt(atm_variance(chain, market.path, index) / years)

    assert seen.slice_forward == pytest.approx(moment.spot[0] * np.exp(0.02 * years), rel=1e-4)
    assert seen.slice_atm_vol == pytest.approx(told, abs=0.004)
    rows = np.flatnonzero(table.is_option & (moment.vega > 0.02))
    assert np.isfinite(seen.vol[rows]).all()


def _told(table, moment):
    def ticks(column):
        return tuple(None if each == NO_PRICE else each for each in column.tolist())

    return QuotesSeen(
        received_ns=moment.at_ns,
        symbols=tuple(item.symbol for item in table.instruments),
        bid_ticks=ticks(moment.bid_ticks),
        ask_ticks=ticks(moment.ask_ticks),
        bid_sizes=tuple(moment.bid_size.tolist()),
        ask_sizes=tuple(moment.ask_size.tolist()),
    )
