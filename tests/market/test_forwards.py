"""Forwards and rates from put-call parity."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatbook.kernels.black import price_european
from flatbook.kernels.tree import price_american
from flatbook.market.forwards import (
    Carry,
    Quotes,
    american_forward,
    inverse_forward,
    pairs_of,
    parity_forward,
)
from flatbook.market.rates import ParityPairs, parity_rates

_NONE = np.empty(0)


def _european_quotes(*, spot, rate, dividend_yield, vol, years, strikes, half=0.05):
    n = strikes.size
    forward = spot * np.exp((rate - dividend_yield) * years)
    args = np.full(n, forward), strikes, np.full(n, years), np.full(n, vol), np.full(n, np.exp(-rate * years))
    halves = np.full(n, half)
    return Quotes(
        strike=strikes,
        call=price_european(*args, np.ones(n)),
        put=price_european(*args, -np.ones(n)),
        call_half=halves,
        put_half=halves,
    )


_V19 = {
    "spot": 100.0,
    "rate": 0.04,
    "dividend_yield": 0.015,
    "vol": 0.2,
    "years": 0.25,
    "strikes": np.arange(90.0, 111.0, 5.0),
}


def test_parity_gives_the_published_forward():
    """Domain reference V19: F=100.62695720 from strikes 90..110 step 5."""
    found = parity_forward(pairs_of(_european_quotes(**_V19), 0.01), float(np.exp(-0.04 * 0.25)))

    assert found is not None
    assert found.forward == pytest.approx(100.62695720, abs=1e-8)
    assert found.residual == pytest.approx(0.0, abs=1e-10)


def test_parity_gives_the_published_discount():
    """V19: slope -.99004983."""
    rates = parity_rates([pairs_of(_european_quotes(**_V19, half=0.001), 1e-6)], np.array([0.25]))

    assert rates is not None
    assert np.exp(-rates[0] * 0.25) == pytest.approx(0.99004983, abs=1e-8)


def test_one_wild_quote_does_not_move_the_forward():
    """A call ten points off is told from the rest."""
    quotes = _european_quotes(**_V19)
    quotes.call[2] += 10.0
    found = parity_forward(pairs_of(quotes, 0.01), float(np.exp(-0.04 * 0.25)))

    assert found is not None
    assert found.forward == pytest.approx(100.62695720, abs=1e-6)
    assert found.n_pairs == 4


def test_one_pair_is_a_forward_of_one_pair_and_none_is_none():
    """Who reads it knows that nothing checks it."""
    discount = float(np.exp(-0.04 * 0.25))
    single = parity_forward(
        pairs_of(_european_quotes(**(_V19 | {"strikes": np.array([100.0])})), 0.01), discount
    )

    assert single is not None
    assert (single.n_pairs, single.forward) == (1, pytest.approx(100.62695720, abs=1e-8))
    assert (
        parity_forward(pairs_of(_european_quotes(**(_V19 | {"strikes": np.empty(0)})), 0.01), discount)
        is None
    )


def test_rates_that_parity_cannot_tell_are_not_told():
    """Three strikes with wide spreads say nothing of the discount."""
    quotes = _european_quotes(**(_V19 | {"strikes": np.array([99.0, 100.0, 101.0])}), half=1.0)

    assert parity_rates([pairs_of(quotes, 0.05)], np.array([0.25])) is None
    assert parity_rates([], np.empty(0)) is None


@given(rate=st.floats(-0.02, 0.10), noise=st.integers(0, 2**31))
def test_the_pooled_line_finds_a_flat_rate_through_rounded_prices(rate, noise):
    """Prices rounded to a nickel, six expiries: within five basis points."""
    random = np.random.default_rng(noise)
    years = np.array([0.1, 0.25, 0.5, 1.0, 1.5, 2.0])
    pairs = []
    for t in years:
        strikes = np.arange(2000.0, 4001.0, 25.0)
        exact = np.exp(-rate * t) * (3000.0 - strikes)
        pairs.append(
            ParityPairs(
                strike=strikes,
                call_less_put=exact + random.uniform(-0.05, 0.05, strikes.size),
                variance=np.full(strikes.size, 0.01),
            )
        )
    found = parity_rates(pairs, years)

    assert found is not None
    assert found == pytest.approx(np.full(6, rate), abs=5e-4)


def test_coin_settled_parity_gives_the_future():
    """c - p = 1 - K/F in coin."""
    strikes = np.arange(50_000.0, 80_001.0, 5_000.0)
    n, forward = strikes.size, 64_000.0
    args = np.full(n, forward), strikes, np.full(n, 0.1), np.full(n, 0.7), np.ones(n)
    call, put = price_european(*args, np.ones(n)) / forward, price_european(*args, -np.ones(n)) / forward
    half = np.full(n, 0.0005)
    found = inverse_forward(
        pairs_of(Quotes(strike=strikes, call=call, put=put, call_half=half, put_half=half), 1e-4)
    )

    assert found is not None
    assert found.forward == pytest.approx(forward, rel=1e-10)


def test_american_quotes_give_the_forward_they_were_priced_on():
    """Early-exercise premiums bias raw parity by about 0.4; without them the forward is found to a cent."""
    strikes, years, rate, q, spot = np.arange(80.0, 121.0, 2.5), 1.0, 0.06, 0.02, 100.0
    n = strikes.size
    common = np.full(n, spot), strikes, np.full(n, years), np.full(n, 0.25), np.full(n, rate), np.full(n, q)
    call, put = (price_american(*common, np.full(n, sign), 101, _NONE, _NONE) for sign in (1.0, -1.0))
    half = np.full(n, 0.02)
    quotes = Quotes(strike=strikes, call=call, put=put, call_half=half, put_half=half)
    carry = Carry(
        spot=spot,
        on_future=False,
        spot_is_forward=False,
        years=years,
        rate=rate,
        dividend_years=_NONE,
        dividend_amount=_NONE,
    )
    raw = parity_forward(pairs_of(quotes, 0.01), float(np.exp(-rate * years)))
    found = american_forward(quotes, carry, 0.01)
    forward = spot * np.exp((rate - q) * years)

    assert raw is not None
    assert found is not None
    assert abs(raw.forward - forward) > 0.2
    assert found.forward == pytest.approx(forward, abs=0.02)


def test_the_yield_meets_forward_spot_and_cash_dividends():
    """F = S e^{(r-q)T} - D e^{(r-q)(T-t)}: the dividend falls from spot."""
    carry = Carry(
        spot=100.0,
        on_future=False,
        spot_is_forward=False,
        years=0.5,
        rate=0.05,
        dividend_years=np.array([0.2, 0.7]),
        dividend_amount=np.array([2.0, 9.0]),
    )
    forward = 100.0 * np.exp((0.05 - 0.01) * 0.5) - 2.0 * np.exp((0.05 - 0.01) * 0.3)

    assert carry.standing_of(float(forward))[1] == pytest.approx(0.01, abs=1e-12)
