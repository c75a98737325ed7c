"""European kernels in tiles, one thread each: 100,000 options, a chain's tick, a slide, and implied vols.

Every peer's answer is held to ours before anything is timed. Where the peer does less, the row says so.
"""

import math
from collections.abc import Iterator

import numpy as np
import QuantLib as ql  # noqa: N813 - as its users call it
from scipy.special import ndtr

from flatbook.kernels import black, european, implied_vol, scenarios
from flatbook.kernels.european_vol import implied_vol_european

N = 100_000
SERIES, EXPIRIES = 2_040, 30
_SHARE = 50  # QuantLib does one option in so many
_RATE, _YIELD = 0.03, 0.01


def _options(n: int) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(1)
    strike = random.uniform(70.0, 130.0, n)
    years = random.uniform(0.02, 2.0, n)
    vol = random.uniform(0.1, 0.6, n)
    sign = np.where(random.random(n) < 0.5, 1.0, -1.0)
    return (
        np.full(n, 100.0),
        100.0 * np.exp((_RATE - _YIELD) * years),
        strike,
        years,
        vol,
        np.exp(-_RATE * years),
        sign,
    )


def _numpy_scipy(spot, forward, strike, years, vol, discount, sign):
    """Price, delta, gamma, vega, theta, rho, vanna, volga by array expressions."""
    root_years = np.sqrt(years)
    rate = -np.log(discount) / years
    dividend_yield = rate - np.log(forward / spot) / years
    deviation = vol * root_years
    d1 = np.log(forward / strike) / deviation + 0.5 * deviation
    d2 = d1 - deviation
    density = np.exp(-0.5 * d1 * d1) * (1.0 / math.sqrt(2.0 * math.pi))
    forward_worth = discount * forward * ndtr(sign * d1) * sign
    strike_worth = discount * strike * ndtr(sign * d2) * sign
    slope_density = discount * forward / spot * density
    vega = spot * slope_density * root_years
    return (
        forward_worth - strike_worth,
        forward_worth / spot,
        slope_density / (spot * deviation),
        vega,
        dividend_yield * forward_worth - rate * strike_worth - 0.5 * vega * vol / years,
        years * strike_worth,
        -slope_density * d2 / vol,
        vega * d1 * d2 / vol,
    )


def _quantlib_greeks(columns):
    """Price and five Greeks, an option at a time: there is no batch call."""
    for spot, forward, strike, years, vol, discount, sign in zip(*columns, strict=True):
        payoff = ql.PlainVanillaPayoff(ql.Option.Call if sign > 0 else ql.Option.Put, strike)
        one = ql.BlackCalculator(payoff, forward, vol * years**0.5, discount)
        one.value(), one.delta(spot), one.gamma(spot), one.vega(years), one.theta(spot, years), one.rho(years)


def _share(columns):
    return [column[::_SHARE].tolist() for column in columns]


def _values() -> Iterator[tuple]:
    columns = _options(N)
    out = np.empty((european.COLUMNS, N))
    free = np.zeros(N, dtype=np.bool_)
    peer = _numpy_scipy(*columns)
    european.value_european_into(out, *columns, free)
    for ours, theirs in zip(out[:8], peer, strict=True):
        assert np.allclose(ours, theirs, rtol=1e-9, atol=1e-9)
    shared = _share(columns)

    first = np.empty((8, N))
    assert first.shape[0] - 1 == european.VOLGA

    def ours():
        european.value_european_into(out, *columns, free)

    def ours_first():
        european.value_european_into(first, *columns, free)

    name = "value + 7 Greeks, 100,000 European"
    yield name, "numpy + scipy", ours_first, lambda: _numpy_scipy(*columns), 1.0
    name = "value + 10 Greeks, 100,000 European"
    yield name, "numpy + scipy, value + 7", ours, lambda: _numpy_scipy(*columns), 1.0
    yield name, "our loop of scalars (black), + 9", ours, lambda: black.value_european(*columns, free), 1.0
    yield name, "QuantLib BlackCalculator, value + 5", ours, lambda: _quantlib_greeks(shared), float(_SHARE)


def _tick() -> Iterator[tuple]:
    spot, _, strike, _, vol, _, sign = _options(SERIES)
    years = np.linspace(0.02, 2.0, EXPIRIES)
    expiries = np.empty((european.EXPIRY_ROWS, EXPIRIES))
    expiries[:] = (
        np.full(EXPIRIES, 100.0),
        100.0 * np.exp((_RATE - _YIELD) * years),
        years,
        np.exp(-_RATE * years),
        np.zeros(EXPIRIES),
    )
    index = (np.arange(SERIES) * EXPIRIES // SERIES).astype(np.int32)
    forward, life, discount = (
        np.ascontiguousarray(expiries[row][index])
        for row in (european.EXPIRY_FORWARD, european.EXPIRY_YEARS, european.EXPIRY_DISCOUNT)
    )
    columns = (spot, forward, strike, life, vol, discount, sign)
    out = np.empty((8, SERIES))
    european.value_chain_into(out, expiries, index, strike, vol, sign)
    assert np.allclose(out, np.array(_numpy_scipy(*columns)), rtol=1e-9, atol=1e-9)

    def ours():
        for _ in range(10):  # a tick is too short to time alone
            european.value_chain_into(out, expiries, index, strike, vol, sign)

    name = "10 ticks: value + 7 Greeks of 2,040 series"
    yield name, "numpy + scipy", ours, lambda: _numpy_scipy(*columns), 10.0


def _slide() -> Iterator[tuple]:
    _, *columns = _options(5_000)
    moves, shifts = np.linspace(-0.2, 0.2, 21), np.linspace(-0.1, 0.1, 9)
    out = np.empty((5_000, moves.size, shifts.size))
    european.reprice_european_into(out, *columns, moves, shifts)
    assert np.allclose(out, scenarios.reprice_european(*columns, moves, shifts), rtol=1e-9, atol=1e-11)
    forward, strike, years, vol, discount, sign = _share(columns)

    def quantlib():
        for f, k, t, v, d, s in zip(forward, strike, years, vol, discount, sign, strict=True):
            kind = ql.Option.Call if s > 0 else ql.Option.Put
            for move in moves.tolist():
                for shift in shifts.tolist():
                    ql.blackFormula(kind, k, f * (1.0 + move), max(v + shift, 0.001) * t**0.5, d)

    def ours():
        european.reprice_european_into(out, *columns, moves, shifts)

    name = "slide 21 x 9 of 5,000 European"
    yield (
        name,
        "our loop of scalars (scenarios)",
        ours,
        lambda: scenarios.reprice_european(*columns, moves, shifts),
        1.0,
    )
    yield name, "QuantLib blackFormula", ours, quantlib, float(_SHARE)


def _vols() -> Iterator[tuple]:
    """Out-of-the-money quotes, two weeks to two years, vols 10-70 %, prices of 1e-8 of the forward and above."""
    random = np.random.default_rng(2)
    years, vol = random.uniform(0.04, 2.0, N), random.uniform(0.1, 0.7, N)
    forward, discount = 100.0 * np.exp((_RATE - _YIELD) * years), np.exp(-_RATE * years)
    strike = forward * np.exp(random.uniform(-3.5, 3.5, N) * vol * np.sqrt(years))
    sign = np.where(strike > forward, 1.0, -1.0)
    price = european.price_european(forward, strike, years, vol, discount, sign)
    kept = price > 1e-6
    price, forward, strike, years, discount, sign, vol = (
        np.ascontiguousarray(column[kept]) for column in (price, forward, strike, years, discount, sign, vol)
    )
    noise = np.zeros(price.size)
    columns = (price, forward, strike, years, discount, sign, noise)
    found, reason = implied_vol_european(*columns)
    assert (reason == implied_vol.OK).all()
    assert np.abs(found / vol - 1.0).max() < 1e-12
    shared = _share((price, forward, strike, discount, sign))

    def quantlib():
        for p, f, k, d, s in zip(*shared, strict=True):
            kind = ql.Option.Call if s > 0 else ql.Option.Put
            ql.blackFormulaImpliedStdDev(kind, k, f, p, d, 0.0, ql.nullDouble(), 1e-12)

    def ours():
        implied_vol_european(*columns)

    name = "implied vol, 100,000 European, error 1e-12"
    yield name, "QuantLib blackFormulaImpliedStdDev", ours, quantlib, price.size / len(shared[0])
    yield name, "our search (implied_vol)", ours, lambda: implied_vol.implied_vol_european(*columns), 1.0


def comparisons() -> Iterator[tuple]:
    """(workload, peer, ours, peer, scale)."""
    for part in (_values, _tick, _slide, _vols):
        yield from part()
