"""European value and Greeks, and implied volatility, of a 10,000-option chain."""

from collections.abc import Iterator

import numpy as np
import QuantLib as ql  # noqa: N813 - as its users call it
from scipy.special import ndtr

from flatbook.kernels.black import PRICE, price_european, value_european
from flatbook.kernels.implied_vol import implied_vol_european

N = 10_000


def _chain() -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(1)
    strike = random.uniform(70.0, 130.0, N)
    years = random.uniform(0.02, 2.0, N)
    vol = random.uniform(0.1, 0.6, N)
    rate, carry = 0.03, 0.01
    forward = 100.0 * np.exp((rate - carry) * years)
    return (
        np.full(N, 100.0),
        forward,
        strike,
        years,
        vol,
        np.exp(-rate * years),
        np.where(random.random(N) < 0.5, 1.0, -1.0),
    )


def _numpy_scipy(spot, forward, strike, years, vol, discount, sign):
    """Price, delta, gamma, vega, vanna, volga by array expressions."""
    deviation = vol * np.sqrt(years)
    d1 = np.log(forward / strike) / deviation + 0.5 * deviation
    d2 = d1 - deviation
    density = np.exp(-0.5 * d1 * d1) / np.sqrt(2.0 * np.pi)
    carry = discount * forward / spot
    price = discount * sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * d2))
    vega = spot * carry * density * np.sqrt(years)
    return (
        price,
        sign * carry * ndtr(sign * d1),
        carry * density / (spot * deviation),
        vega,
        -carry * density * d2 / vol,
        vega * d1 * d2 / vol,
    )


def _quantlib(rows):
    """Price and five Greeks, an option at a time: there is no batch call."""
    for spot, forward, strike, years, vol, discount, sign in rows:
        payoff = ql.PlainVanillaPayoff(ql.Option.Call if sign > 0 else ql.Option.Put, strike)
        one = ql.BlackCalculator(payoff, forward, vol * years**0.5, discount)
        one.value(), one.delta(spot), one.gamma(spot), one.vega(years), one.theta(spot, years), one.rho(years)


def comparisons() -> Iterator[tuple]:
    """(workload, peer, ours, peer, scale)."""
    columns = _chain()
    _, forward, strike, years, vol, discount, sign = columns
    fixed = np.zeros(N, dtype=np.bool_)
    ours = value_european(*columns, fixed)
    assert np.allclose(ours[:, PRICE], _numpy_scipy(*columns)[0], rtol=1e-9, atol=1e-12)
    rows = [tuple(map(float, row)) for row in zip(*(c[:1000] for c in columns), strict=True)]
    yield (
        "value + 9 Greeks, 10,000 European",
        "numpy + scipy, value + 5",
        lambda: value_european(*columns, fixed),
        lambda: _numpy_scipy(*columns),
        1.0,
    )
    yield (
        "value + 9 Greeks, 10,000 European",
        "QuantLib BlackCalculator, value + 5",
        lambda: value_european(*columns, fixed),
        lambda: _quantlib(rows),
        N / 1000,
    )
    price = price_european(forward, strike, years, vol, discount, sign)
    noise = np.full(N, 1e-9)

    def quantlib_iv():
        for k, f, p, d, s in zip(
            strike[:500], forward[:500], price[:500], discount[:500], sign[:500], strict=True
        ):
            kind = ql.Option.Call if s > 0 else ql.Option.Put
            if p > d * max(s * (f - k), 0.0) + 1e-6:
                ql.blackFormulaImpliedStdDev(kind, float(k), float(f), float(p), float(d))

    yield (
        "implied vol, 10,000 European",
        "QuantLib blackFormulaImpliedStdDev",
        lambda: implied_vol_european(price, forward, strike, years, discount, sign, noise),
        quantlib_iv,
        N / 500,
    )
