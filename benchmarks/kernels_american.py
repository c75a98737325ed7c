"""American options on a continuous yield: the boundary solver, premium tables, slides and implied vols, one thread each.

Every answer is held to QuantLib's high-precision engine before anything is timed. Where the peer does a share of the
work or less of it, the row says so; a row with tables warm is followed by the same with the tables built anew.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
import QuantLib as ql  # noqa: N813 - as its users call it
from scipy.optimize import brentq

from flatbook.kernels import premium_tile
from flatbook.kernels.american_greeks import value_american_greeks
from flatbook.kernels.american_vol import implied_vol_with_tables
from flatbook.kernels.andersen_lake import ACCURATE, FAST, value_american
from flatbook.kernels.premium_table import build_tables
from flatbook.kernels.table_values import (
    new_chain,
    reprice_with_tables,
    settle_chain,
    value_chain,
    value_with_tables,
)

SINGLE = 400
EXPIRIES, STRIKES = 30, 34
_SPOT, _TOLERANCE = 100.0, 3e-5
_BUMP = 1e-3
_SHARE = 20  # QuantLib does one series in so many
_MOVES, _SHIFTS = np.linspace(-0.15, 0.15, 21), np.linspace(-0.04, 0.08, 9)


class _Peer:
    """QuantLib options of all rows of `options` on one process, whose quotes are set before each price."""

    def __init__(self, options: np.ndarray, scheme: object) -> None:
        today = ql.Date(2, 1, 2023)
        ql.Settings.instance().evaluationDate = today
        counter = ql.Actual365Fixed()
        self._quotes = [ql.SimpleQuote(1.0) for _ in range(4)]
        handles = [ql.QuoteHandle(quote) for quote in self._quotes]
        flat = [ql.YieldTermStructureHandle(ql.FlatForward(today, h, counter)) for h in handles[1:3]]
        vol = ql.BlackVolTermStructureHandle(
            ql.BlackConstantVol(today, ql.NullCalendar(), handles[3], counter)
        )
        process = ql.BlackScholesMertonProcess(handles[0], *flat, vol)
        engine = ql.QdFpAmericanEngine(process, scheme)
        self._rows = []
        for s, k, t, v, r, q, sign in options.T.tolist():
            payoff = ql.PlainVanillaPayoff(ql.Option.Call if sign > 0 else ql.Option.Put, k)
            one = ql.VanillaOption(payoff, ql.AmericanExercise(today, today + 365))
            one.setPricingEngine(engine)
            self._rows.append((one, s, q * t, r * t, v * math.sqrt(t)))  # a year stands for any life

    def prices(self, moves: tuple[float, ...] = (0.0,)) -> np.ndarray:
        """Price of each row at each relative move of its spot."""
        spot, carry, rate, vol = self._quotes
        out = np.empty((len(self._rows), len(moves)))
        for i, (one, s, q, r, v) in enumerate(self._rows):
            carry.setValue(q), rate.setValue(r), vol.setValue(v)
            for j, move in enumerate(moves):
                spot.setValue(s * (1.0 + move))
                out[i, j] = one.NPV()
        return out

    def implied(self, prices: np.ndarray) -> None:
        """Vol of each row by Brent's method."""
        spot, carry, rate, vol = self._quotes
        for (one, s, q, r, _), price in zip(self._rows, prices.tolist(), strict=True):
            spot.setValue(s), carry.setValue(q), rate.setValue(r)

            def gap(deviation: float, one: ql.VanillaOption = one, price: float = price) -> float:
                vol.setValue(deviation)
                return one.NPV() - price

            brentq(gap, 0.005, 3.0, xtol=1e-8)


def _fast(options: np.ndarray) -> _Peer:
    return _Peer(options, ql.QdFpAmericanEngine.fastScheme())


def _error(ours: np.ndarray, options: np.ndarray) -> np.ndarray:
    """Against the precise engine, relative to max(price, 1 % of the spot)."""
    truth = _Peer(options, ql.QdFpAmericanEngine.highPrecisionScheme()).prices()[:, 0]
    return np.abs(ours - truth) / np.maximum(truth, 0.01 * options[0])


def _singles() -> np.ndarray:
    """Options of all kinds, ten days to two years, as in the published comparison of methods."""
    random = np.random.default_rng(2)
    n = SINGLE
    years, vol = random.uniform(10 / 365, 2.0, n), random.uniform(0.1, 0.6, n)
    rate, carry = random.uniform(0.01, 0.06, n), random.uniform(0.0, 0.06, n)
    strike, sign = random.uniform(75.0, 125.0, n), random.choice([-1.0, 1.0], n)
    return np.array([np.full(n, _SPOT), strike, years, vol, rate, carry, sign])


def _chain() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Expiries of both sides, the table of each series, and the series as rows of options."""
    years = np.concatenate([np.arange(1, 11) / 250, np.linspace(0.06, 2.0, EXPIRIES - 10)])
    expiries = np.array([(t, 0.043, 0.013, sign, 0.05, 2.0) for t in years for sign in (-1.0, 1.0)]).T.copy()
    index = np.repeat(np.arange(2 * EXPIRIES), STRIKES)
    deviations = np.tile(np.linspace(-2.5, 2.5, STRIKES), 2 * EXPIRIES)
    life = expiries[0, index]
    strike = _SPOT * np.exp(0.2 * np.sqrt(life) * deviations)
    vol = 0.18 - 0.03 * deviations + 0.012 * deviations**2
    rows = [
        np.full(index.size, _SPOT),
        strike,
        life,
        vol,
        expiries[1, index],
        expiries[2, index],
        expiries[3, index],
    ]
    return expiries, index, np.array(rows)


def comparisons() -> Iterator[tuple]:
    """(workload, peer, ours, peer, scale)."""
    yield from _single_comparisons()
    yield from _chain_comparisons()


def _single_comparisons() -> Iterator[tuple[str, str, Callable, Callable, float]]:
    options = _singles()
    out, standing = np.empty((4, SINGLE)), np.empty(SINGLE, dtype=np.int8)
    many = np.empty((10, SINGLE))
    peer = _fast(options)
    for name, preset, most in (("fast", FAST, 5e-5), ("accurate", ACCURATE, 5e-6)):
        value_american(options, preset, out, standing)
        assert np.quantile(_error(out[0], options), 0.99) < most
        yield (
            f"price, delta, gamma, theta, {SINGLE} American, {name}, p99 {most:.0e}",
            "QuantLib QdFp fast, delta and gamma by bumps",
            lambda preset=preset: value_american(options, preset, out, standing),
            lambda: peer.prices((0.0, -_BUMP, _BUMP)),
            1.0,
        )
    yield (
        f"value + 9 greeks, {SINGLE} American, accurate",
        "QuantLib QdFp fast, delta and gamma by bumps",
        lambda: value_american_greeks(options, ACCURATE, many, standing),
        lambda: peer.prices((0.0, -_BUMP, _BUMP)),
        1.0,
    )


def _chain_comparisons() -> Iterator[tuple[str, str, Callable, Callable, float]]:
    expiries, index, options = _chain()
    n, m = index.size, expiries.shape[1]
    tables, states = np.empty((m, premium_tile.WIDTH)), np.empty(m, dtype=np.int8)
    build_tables(expiries, ACCURATE, _TOLERANCE, tables, states)
    assert (states <= 1).all()
    spot, strike, vol = np.full(m, _SPOT), options[1].copy(), options[3].copy()
    out, standing = np.empty((5, n)), np.empty(n, dtype=np.int8)

    def value() -> None:
        value_with_tables(tables, spot, index, strike, vol, out, standing)

    def built(work: Callable) -> Callable:
        def both() -> None:
            build_tables(expiries, ACCURATE, _TOLERANCE, tables, states)
            work()

        return both

    value()
    some = options[:, ::_SHARE].copy()
    assert _error(out[0, ::_SHARE], some).max() < _TOLERANCE
    peer = _fast(some)
    scale = n / some.shape[1]
    for label, work in (("warm", value), ("cold", built(value))):
        name = f"price + 4 greeks, chain of {n} American, tables {label}"
        yield name, "QuantLib QdFp fast, price", work, peer.prices, scale
    tiles = new_chain(index)
    settle_chain(tables, index, strike, vol, tiles, standing)
    yield (
        f"tick of {n} American: price + 4 greeks, tables warm, vols still",
        "QuantLib QdFp fast, three prices",
        lambda: value_chain(tables, spot, index, tiles, out, standing),
        lambda: peer.prices((0.0, -_BUMP, _BUMP)),
        scale,
    )
    grid = np.empty((n, _MOVES.size, _SHIFTS.size))

    def slide() -> None:
        reprice_with_tables(tables, spot, index, strike, vol, _MOVES, _SHIFTS, grid)

    slide()
    few = some[:, ::3].copy()
    corner = few.copy()
    corner[0], corner[3] = _SPOT * (1.0 + _MOVES[0]), few[3] + _SHIFTS[-1]
    assert _error(grid[:: 3 * _SHARE, 0, -1], corner).max() < _TOLERANCE
    mover = _fast(few)
    for label, work in (("warm", slide), ("cold", built(slide))):
        yield (
            f"slide {_MOVES.size} x {_SHIFTS.size} of {n} American, tables {label}",
            "QuantLib QdFp fast, a vol's moves x 9",
            work,
            lambda: mover.prices(tuple(_MOVES)),
            n / few.shape[1] * _SHIFTS.size,
        )
    yield _implied_comparison(tables, spot, index, strike, options, out)


def _implied_comparison(
    tables: np.ndarray,
    spot: np.ndarray,
    index: np.ndarray,
    strike: np.ndarray,
    options: np.ndarray,
    out: np.ndarray,
) -> tuple[str, str, Callable, Callable, float]:
    n = index.size
    price, noise = out[0].copy(), np.full(n, 0.01)
    found, doubt, reason = np.empty(n), np.empty(n), np.empty(n, dtype=np.int8)

    def imply() -> None:
        implied_vol_with_tables(tables, spot, index, strike, price, noise, found, doubt, reason)

    imply()
    good = reason == 0
    assert np.abs(found - options[3])[good].max() < 1e-9
    few = np.flatnonzero(good)[:: 3 * _SHARE]
    peer, asked = _fast(options[:, few].copy()), price[few]
    return (
        f"implied vol, chain of {n} American, tables warm",
        "QuantLib QdFp fast + Brent",
        imply,
        lambda: peer.implied(asked),
        n / few.size,
    )
