"""The made-up market: free of the arbitrage that a careless model would have, and blemished only on purpose."""

from itertools import groupby

import numpy as np
import pytest

from flatbook.market.clock import tau
from flatbook.model.instruments import Right, Settlement
from flatbook.sim.chain import CROSSED, MISSING, NO_OFFER
from flatbook.sim.listing import EXPIRIES, INDEX, SHARE, TODAY, option
from flatbook.sim.world import AT_NS, ISSUERS, dividends_ahead, fair
from tests.sim.days import INSTRUMENTS, SEED, day_of, quotes_of, two_sided


def test_the_listing_has_a_zero_day_expiry_and_one_date_with_two_settlements():
    index_days = [each.day for each in EXPIRIES if each.option_class != SHARE]
    doubled = {
        each.settlement for each in EXPIRIES if index_days.count(each.day) == 2 and each.option_class != SHARE
    }

    assert TODAY in index_days
    assert {Settlement.AM, Settlement.PM} == doubled
    assert len(set(index_days)) == 6
    assert 500 <= len(INSTRUMENTS) <= 700


def test_expiries_are_instants_in_new_york_on_both_sides_of_the_change_of_clocks():
    instants = {str(np.datetime64(each.instant_ns, "ns").astype("datetime64[m]")) for each in EXPIRIES}

    assert {"2027-01-06T21:00", "2027-01-15T14:30", "2027-03-19T13:30"} <= instants


@pytest.mark.parametrize("seed", [SEED, 8])
def test_every_quote_that_is_not_crossed_holds_the_fair_value(seed):
    quoted = two_sided(day_of(seed))
    for name in (INDEX, SHARE):
        items = tuple(
            item for item in INSTRUMENTS.values() if item.underlying == name and item.symbol in quoted
        )
        price = fair(items, AT_NS, ISSUERS[name].spot).price
        bid, ask = np.array([quoted[item.symbol] for item in items]).T

        assert items
        assert (bid <= price + 1e-9).all()
        assert (price <= ask + 1e-9).all()


def test_put_call_parity_holds_within_the_half_spreads():
    quoted = two_sided(day_of(SEED))
    pairs = _pairs(INDEX, quoted)
    worth = fair(tuple(call for call, _ in pairs), AT_NS, ISSUERS[INDEX].spot)
    strike = np.array([call.strike for call, _ in pairs])
    mid, half = _mids(pairs, quoted)

    assert len(pairs) > 150
    assert (np.abs(mid - worth.discount * (worth.forward - strike)) <= half + 1e-9).all()


def test_the_american_options_keep_the_bounds_of_parity():
    """S - PV(dividends) - K <= C - P <= S - K D (Hull, chapter on properties of stock options)."""
    quoted = two_sided(day_of(SEED))
    pairs = _pairs(SHARE, quoted)
    strike = np.array([call.strike for call, _ in pairs])
    worth = fair(tuple(call for call, _ in pairs), AT_NS, ISSUERS[SHARE].spot)
    mid, half = _mids(pairs, quoted)
    paid = dividends_ahead(SHARE, AT_NS)[1].sum()

    assert len(pairs) > 50
    assert (mid >= ISSUERS[SHARE].spot - paid - strike - half).all()
    assert (mid <= ISSUERS[SHARE].spot - strike * worth.discount + half).all()


@pytest.mark.parametrize("expiry", [each for each in EXPIRIES if each.option_class != SHARE], ids=str)
def test_calls_fall_with_strike_and_are_convex_in_it(expiry):
    strikes = np.linspace(expiry.low, expiry.high, 201)
    worth = fair(tuple(option(expiry, float(strike), Right.CALL) for strike in strikes), AT_NS, 5000.0)
    slope = np.diff(worth.price) / np.diff(strikes)

    assert (slope <= 1e-12).all()
    assert (slope >= -worth.discount[0] - 1e-12).all()
    assert (np.diff(slope) >= -1e-9).all()


@pytest.mark.parametrize("name", [INDEX, SHARE])
def test_total_variance_rises_with_time_at_every_moneyness(name):
    years = np.sort(tau(AT_NS, np.array([each.instant_ns for each in EXPIRIES])))
    for log_moneyness in (-0.2, -0.05, 0.0, 0.03, 0.1):
        vol = ISSUERS[name].smile.vol(np.full(years.size, log_moneyness), years)

        assert (np.diff(vol**2 * years) >= 0.0).all()


def test_spreads_widen_away_from_the_money_and_the_far_wings_have_no_bid():
    quotes = quotes_of(day_of(SEED))
    spread = {strike: _spread(quotes[f"IDX270219C{strike:05d}000"]) for strike in (4000, 5000)}
    unbid = [symbol for symbol, (bid, ask) in quotes.items() if bid is None and ask is not None]

    assert spread[4000] > spread[5000]
    assert len(unbid) > 20
    assert all(_out_of_the_money(INSTRUMENTS[symbol]) for symbol in unbid)


def test_the_chain_has_the_blemishes_that_were_meant_and_no_others():
    quotes = quotes_of(day_of(SEED)).values()

    assert sum(1 for bid, ask in quotes if bid is not None and ask is not None and bid > ask) == CROSSED
    assert sum(1 for quote in quotes if quote == (None, None)) == MISSING
    assert sum(1 for bid, ask in quotes if bid is not None and ask is None) == NO_OFFER


def _pairs(name, quoted):
    items = [item for item in INSTRUMENTS.values() if item.underlying == name and item.symbol in quoted]
    groups = groupby(items, key=lambda item: (item.option_class, item.expiry_ns, item.strike))
    return [pair for _, group in groups if len(pair := tuple(group)) == 2]


def _mids(pairs, quoted):
    call, put = (np.array([quoted[pair[side].symbol] for pair in pairs]) for side in (0, 1))
    mid = call.mean(axis=1) - put.mean(axis=1)
    return mid, 0.5 * (np.diff(call)[:, 0] + np.diff(put)[:, 0])


def _spread(quote):
    bid, ask = quote
    return ask - bid


def _out_of_the_money(item):
    return item.right * (item.strike - ISSUERS[item.underlying].spot) > 0.0
