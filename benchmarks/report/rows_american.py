"""Rows 3, 4, 6 and 9: American options on a continuous yield: alone, in a chain, in a slide, and their implied vols.

Prices are held to QuantLib's high-precision engine. What has its tables warm is followed by the same with the tables
built anew, once for that one use.
"""

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.peers.stopwatch import Work
from benchmarks.report import quantlib_european
from benchmarks.report.measure import Comparison, Entry, Gate, relative_error, timer
from benchmarks.report.quantlib_american import FAST as SCHEME_FAST
from benchmarks.report.quantlib_american import PRECISE, Americans
from flatbook.kernels import european, premium_tile
from flatbook.kernels.american_vol import implied_vol_with_tables
from flatbook.kernels.andersen_lake import ACCURATE, FAST, value_american
from flatbook.kernels.premium_table import build_tables
from flatbook.kernels.table_slides import reprice_with_tables
from flatbook.kernels.table_values import value_with_tables

SPOT = 100.0
TOLERANCE = 3e-5
_LEAST = 0.01 * SPOT
_SINGLE = 400
_EXPIRIES, _STRIKES = 30, 34  # of each side: 2,040 series
_BUMP = 1e-3
_MOVES, _SHIFTS = np.linspace(-0.15, 0.15, 21), np.linspace(-0.04, 0.08, 9)
_NO_MOVE, _NO_SHIFT = np.zeros(1), np.zeros(1)
_RATE, _YIELD = 0.043, 0.013
_QUANTLIB = "QuantLib, QdFp fast"
_WORDS = "largest, of max(price, 1 % of spot)"


class Chain:
    """Americans of thirty expiries with a smile, one table to an expiry and side, and room for answers.

    Attributes
    ----------
    expiries : float64[6, m]
        As for `premium_table.build_tables`.
    index : int64[n]
        Table of each series.
    options : float64[7, n]
        As for `andersen_lake.value_american`.
    """

    def __init__(self, series: int) -> None:
        years = np.concatenate([np.arange(1, 11) / 250, np.linspace(0.06, 2.0, _EXPIRIES - 10)])
        sides = [(t, _RATE, _YIELD, sign, 0.05, 2.0) for t in years for sign in (-1.0, 1.0)]
        self.expiries = np.array(sides).T.copy()
        tables = len(sides)
        strikes = -(-series // tables)
        self.index = np.repeat(np.arange(tables), strikes)[:series]
        deviations = np.tile(np.linspace(-2.5, 2.5, strikes), tables)[:series]
        life, sign = self.expiries[0, self.index], self.expiries[3, self.index]
        self.strike = SPOT * np.exp(0.2 * np.sqrt(life) * deviations)
        self.vol = 0.18 - 0.03 * deviations + 0.012 * deviations**2
        flat = (np.full(series, value) for value in (SPOT, _RATE, _YIELD))
        spot, rate, carry = flat
        self.options = np.array([spot, self.strike, life, self.vol, rate, carry, sign])
        self.spot = np.full(tables, SPOT)
        self.tables, self._states = np.empty((tables, premium_tile.WIDTH)), np.empty(tables, dtype=np.int8)
        self.standing = np.empty(series, dtype=np.int8)
        self.build()
        assert (self._states <= 1).all()

    def build(self) -> None:
        """Build every table anew."""
        build_tables(self.expiries, ACCURATE, TOLERANCE, self.tables, self._states)

    def after_building(self, work: Work) -> Work:
        """The same work with its tables cold."""

        def both() -> None:
            self.build()
            work()

        return both

    def warm_and_cold(self, work: Work) -> list[tuple[str, Work]]:
        """Both ways, named."""
        return [("warm", work), ("cold", self.after_building(work))]


def singles() -> Iterator[Entry]:
    """Row 3: options of all kinds, ten days to two years, no two alike."""
    random = np.random.default_rng(2)
    n = _SINGLE
    years, vol = random.uniform(10 / 365, 2.0, n), random.uniform(0.1, 0.6, n)
    rate, carry = random.uniform(0.01, 0.06, n), random.uniform(0.0, 0.06, n)
    strike, sign = random.uniform(75.0, 125.0, n), random.choice([-1.0, 1.0], n)
    options = np.array([np.full(n, SPOT), strike, years, vol, rate, carry, sign])
    out, standing = np.empty((4, n)), np.empty(n, dtype=np.int8)
    peer = Americans(options, SCHEME_FAST())

    def work() -> None:
        value_american(options, FAST, out, standing)

    work()
    truth = Americans(options, PRECISE()).prices()[:, 0, 0]
    yield Comparison(
        row=3,
        workload=f"American, single: price, delta, gamma, {n}",
        peer=f"{_QUANTLIB}, delta and gamma by bumps",
        count=n,
        unit="option",
        gate=Gate(
            words="99 of 100, of max(price, 1 % of spot)",
            most=5e-5,
            found=float(np.quantile(relative_error(out[0], truth, _LEAST), 0.99)),
            peer=float(np.quantile(relative_error(peer.prices()[:, 0, 0], truth, _LEAST), 0.99)),
            peer_most=1e-4,
        ),
        ours=timer(work),
        theirs=timer(lambda: peer.greeks(_BUMP)),
        floor=25.0,
        aim=50.0,
    )


def chains() -> Iterator[Entry]:
    """Row 4: a chain's prices; its prices with four greeks against the same price alone are told, not judged."""
    share = 20
    chain = Chain(2 * _EXPIRIES * _STRIKES)
    n = chain.index.size
    price, greeks = np.empty((n, 1, 1)), np.empty((5, n))
    some = chain.options[:, ::share].copy()
    peer, truth = Americans(some, SCHEME_FAST()), Americans(some, PRECISE()).prices()[:, 0, 0]

    def prices() -> None:
        terms = (chain.tables, chain.spot, chain.index, chain.strike, chain.vol)
        reprice_with_tables(*terms, _NO_MOVE, _NO_SHIFT, price)

    def values() -> None:
        value_with_tables(
            chain.tables, chain.spot, chain.index, chain.strike, chain.vol, greeks, chain.standing
        )

    for words, work, found, floor, aim in (
        ("price", prices, price[:, 0, 0], 150.0, 400.0),
        ("price + 4 greeks", values, greeks[0], None, None),
    ):
        work()
        gate = _gate(found[::share], truth, peer.prices()[:, 0, 0])
        for tables, way in chain.warm_and_cold(work):
            judged = tables == "warm"
            yield Comparison(
                row=4,
                workload=f"American, chain of {n:,}: {words}",
                tables=tables,
                peer=f"{_QUANTLIB}, price",
                count=n,
                unit="series",
                gate=gate,
                ours=timer(way),
                theirs=timer(peer.prices),
                share=n / some.shape[1],
                floor=floor if judged else None,
                aim=aim if judged else None,
            )


def slides() -> Iterator[Entry]:
    """Row 6: 5,000 series, half of them American, each revalued at 189 scenarios."""
    share, half = 50, 2_500
    chain = Chain(half)
    _, strike, years, vol, rate, carry, sign = chain.options
    forward, discount = SPOT * np.exp((rate - carry) * years), np.exp(-rate * years)
    moved, closed = (np.empty((half, _MOVES.size, _SHIFTS.size)) for _ in range(2))

    def work() -> None:
        terms = (chain.tables, chain.spot, chain.index, chain.strike, chain.vol)
        reprice_with_tables(*terms, _MOVES, _SHIFTS, moved)
        european.reprice_european_into(closed, forward, strike, years, vol, discount, sign, _MOVES, _SHIFTS)

    work()
    americans = Americans(chain.options[:, ::share].copy(), SCHEME_FAST())
    columns = [c[::share].tolist() for c in (forward, strike, np.sqrt(years), vol, discount, sign)]

    def peer() -> tuple[np.ndarray, np.ndarray]:
        return (
            americans.prices(tuple(_MOVES), tuple(_SHIFTS)),
            quantlib_european.slide(columns, _MOVES.tolist(), _SHIFTS.tolist()),
        )

    theirs, formula = peer()
    corners = (0, _MOVES.size - 1), (0, _SHIFTS.size - 1)
    few = slice(None, None, 3 * share)
    truth = Americans(chain.options[:, few].copy(), PRECISE()).prices(
        tuple(_MOVES[list(corners[0])]), tuple(_SHIFTS[list(corners[1])])
    )
    cells = np.ix_(np.arange(half)[few], *corners)
    gate = _gate(moved[cells], truth, theirs[::3][np.ix_(np.arange(truth.shape[0]), *corners)])
    assert np.abs(closed[::share] - formula).max() < 1e-11 * SPOT
    for tables, way in chain.warm_and_cold(work):
        judged = tables == "warm"
        yield Comparison(
            row=6,
            workload=f"Slide {_MOVES.size} x {_SHIFTS.size} of 5,000, half American",
            tables=tables,
            peer=f"{_QUANTLIB} and blackFormula, a cell at a time",
            count=2 * half * _MOVES.size * _SHIFTS.size,
            unit="cell",
            gate=gate,
            ours=timer(way),
            theirs=timer(peer),
            share=float(share),
            floor=1_000.0 if judged else None,
            aim=3_000.0 if judged else None,
        )


def implied_vols() -> Iterator[Entry]:
    """Row 9: prices of the peer's high-precision engine, so that the error of the tables counts."""
    share = 20
    chain = Chain(2 * _EXPIRIES * _STRIKES)
    few = np.arange(0, chain.index.size, share)
    truth = Americans(chain.options[:, few].copy(), PRECISE()).prices()[:, 0, 0]
    greeks = np.empty((5, chain.index.size))
    value_with_tables(chain.tables, chain.spot, chain.index, chain.strike, chain.vol, greeks, chain.standing)
    price = greeks[0].copy()
    price[few] = truth
    noise = np.full(price.size, 0.01)
    found, doubt, reason = np.empty(price.size), np.empty(price.size), np.empty(price.size, dtype=np.int8)

    def work() -> None:
        implied_vol_with_tables(
            chain.tables, chain.spot, chain.index, chain.strike, price, noise, found, doubt, reason
        )

    work()
    good = few[reason[few] == 0]
    scale = greeks[3, good] / np.maximum(price[good], _LEAST)
    peer = Americans(chain.options[:, good].copy(), SCHEME_FAST())
    theirs = peer.implied(price[good])
    gate = Gate(
        words=f"largest error of vol as price, of max(price, 1 % of spot); {good.size} of {few.size} have one",
        most=TOLERANCE,
        found=float((np.abs(found[good] - chain.vol[good]) * scale).max()),
        peer=float((np.abs(theirs - chain.vol[good]) * scale).max()),
        peer_most=1e-4,
    )
    for tables, way in chain.warm_and_cold(work):
        yield Comparison(
            row=9,
            workload=f"American implied vol, chain of {price.size:,}",
            tables=tables,
            peer=f"{_QUANTLIB} + Brent",
            count=price.size,
            unit="quote",
            gate=gate,
            ours=timer(way),
            theirs=timer(lambda: peer.implied(price[good])),
            share=price.size / good.size,
            aim=300.0 if tables == "warm" else None,
        )


def _gate(found: np.ndarray, truth: np.ndarray, theirs: np.ndarray) -> Gate:
    return Gate(
        words=_WORDS,
        most=TOLERANCE,
        found=float(relative_error(found, truth, _LEAST).max()),
        peer=float(relative_error(theirs, truth, _LEAST).max()),
        peer_most=1e-3,
    )


PARTS: dict[int, Callable[[], Iterator[Entry]]] = {3: singles, 4: chains, 6: slides, 9: implied_vols}
