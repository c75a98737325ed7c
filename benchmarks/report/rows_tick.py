"""Row 8: one tick of one underlying: values, four greeks, risk by expiry and side, and quotes of its whole class.

Vols stay where they are, so each side keeps what the spot leaves alone; with tables cold each finds it anew, QuantLib in
any case. Ours alone also lists the quotes that changed.
"""

import itertools
import math
from collections.abc import Iterator

import numpy as np
from scipy.special import ndtr

from benchmarks.report.measure import (
    Absent,
    Comparison,
    Entry,
    Gate,
    column_error,
    relative_error,
    timer,
)
from benchmarks.report.peer_process import PeerError, PeerProcess
from benchmarks.report.quantlib_american import FAST, PRECISE, Americans
from benchmarks.report.quantlib_european import Europeans
from benchmarks.report.rows_american import SPOT, TOLERANCE, Chain
from flatbook.kernels import premium_tile, table_values, tick

_EXPIRIES, _STRIKES = 30, 34  # of each side: 2,040 series
_SERIES = 2 * _EXPIRIES * _STRIKES
_RATE, _YIELD = 0.03, 0.01
_TICKS_PER_UNIT, _MULTIPLIER = 100.0, 100.0
_RISK_PRICE = np.array([2e-3, 1e-2, 5e-4])
_PER_ROOT_TWO_PI = 1.0 / math.sqrt(2.0 * math.pi)
_ROUNDING = 1e-9  # of a tick
_BUMP = 1e-3
_SHARE = 20
_EUROPEAN, _AMERICAN = f"Tick of a class, {_SERIES:,} European", f"Tick of a class, {_SERIES:,} American"


def ticks(peers: PeerProcess) -> Iterator[Entry]:
    """European against three peers, then American."""
    yield from _europeans(peers)
    yield from _americans()


class Desk:
    """Our side of a tick: a settled chain, positions, widths, and room for answers.

    Parameters
    ----------
    tables, index, strike, vol
        As for `table_values.settle_chain`.
    """

    def __init__(self, tables: np.ndarray, index: np.ndarray, strike: np.ndarray, vol: np.ndarray) -> None:
        random = np.random.default_rng(4)
        n, m = index.size, tables.shape[0]
        self._settle_on = (tables, index, strike, vol)
        self._index = index
        self.series = np.zeros((tick.SERIES_ROWS, n))
        self.series[tick.POSITION] = random.integers(-50, 51, n)
        self.series[tick.MULTIPLIER] = _MULTIPLIER
        self.series[tick.HALF_WIDTH] = random.uniform(0.01, 0.1, n)
        self.series[tick.TICKS_PER_UNIT] = _TICKS_PER_UNIT
        self.risk = np.zeros((m + 1, tick.RISKS))
        self.quotes = np.zeros((tick.QUOTE_ROWS, n), dtype=np.int64)
        self._standing = np.zeros(n, dtype=np.int8)
        self.spots = SPOT * np.exp(np.cumsum(random.normal(0.0, 1e-4, 64)))
        self._rows = itertools.cycle([np.full(m, spot) for spot in self.spots])
        self._chain = table_values.new_chain(index)
        self.settle()

    def settle(self) -> None:
        """Find what the vols decide."""
        table_values.settle_chain(*self._settle_on, self._chain, self._standing)

    def tick(self) -> None:
        """Go to the next spot."""
        self.tick_to(next(self._rows))

    def tick_to(self, spot: np.ndarray) -> None:
        """Go to the spot of each expiry and side."""
        tick.reprice_class(
            spot, _RISK_PRICE, self._index, self._chain, self.series, self.risk, self.quotes, self._standing
        )

    def at_first_spot(self) -> list[np.ndarray]:
        """Values, risk, bids and offers there."""
        self.tick_to(np.full(self.risk.shape[0] - 1, self.spots[0]))
        return [
            self.series[:5].copy(),
            self.risk.copy(),
            self.quotes[tick.BID].copy(),
            self.quotes[tick.ASK].copy(),
        ]


class ArrayDesk:
    """The same desk in numpy and scipy; what the spot leaves alone is found beforehand."""

    def __init__(self, desk: Desk, index, sign, strike, years, vol) -> None:
        position, multiplier, half_width, ticks_per_unit = desk.series[tick.POSITION :]
        self.inputs = {
            "sign": sign,
            "strike": strike,
            "years": years,
            "vol": vol,
            "rate": np.array(_RATE),
            "dividend_yield": np.array(_YIELD),
            "group": index,
            "held": position * multiplier,
            "half_width": half_width,
            "ticks_per_unit": ticks_per_unit,
            "risk_price": _RISK_PRICE,
            "spots": desk.spots,
        }
        self._options = {"sign": sign, "strike": strike, "years": years, "vol": vol}
        self._settle(**self._options)
        self._starts = np.flatnonzero(np.diff(index, prepend=-1))
        self._turns = itertools.cycle(desk.spots.tolist())

    def _settle(self, sign, strike, years, vol) -> None:
        carried, discount = np.exp(-_YIELD * years), np.exp(-_RATE * years)
        self._root_years = np.sqrt(years)
        self._deviation = vol * self._root_years
        self._per_deviation, self._half_deviation = 1.0 / self._deviation, 0.5 * self._deviation
        self._distance = np.log(carried / (strike * discount))
        self._sign, self._carried, self._signed_carried = sign, carried, sign * carried
        self._strike_worth, self._decay = sign * strike * discount, -0.5 * vol / years
        self._density = carried * _PER_ROOT_TWO_PI

    def tick(self) -> list[np.ndarray]:
        """Go to the next spot."""
        return self.tick_to(next(self._turns))

    def tick_anew(self) -> list[np.ndarray]:
        """Go to the next spot with nothing kept."""
        self._settle(**self._options)
        return self.tick()

    def tick_to(self, spot: float) -> list[np.ndarray]:
        """Values, risk, bids and offers at a spot."""
        d1 = (np.log(spot) + self._distance) * self._per_deviation + self._half_deviation
        d2 = d1 - self._deviation
        delta = self._signed_carried * ndtr(self._sign * d1)
        strike_worth = self._strike_worth * ndtr(self._sign * d2)
        density = self._density * np.exp(-0.5 * d1 * d1)
        vega = spot * density * self._root_years
        spot_worth = spot * delta
        theta = _YIELD * spot_worth - _RATE * strike_worth + self._decay * vega
        values = (spot_worth - strike_worth, delta, density * self._per_deviation / spot, vega, theta)
        return self.weigh(np.array(values))

    def weigh(self, values: np.ndarray) -> list[np.ndarray]:
        """Values, and from them risk, bids and offers."""
        risk = np.add.reduceat(values[1:] * self.inputs["held"], self._starts, axis=1)
        risk = np.concatenate((risk, risk.sum(axis=1, keepdims=True)), axis=1).T
        price, half_width, ticks_per_unit = (
            values[0],
            self.inputs["half_width"],
            self.inputs["ticks_per_unit"],
        )
        reservation = price - _RISK_PRICE @ values[1:4]
        low = np.minimum(price, reservation - half_width) * ticks_per_unit
        high = np.maximum(price, reservation + half_width) * ticks_per_unit
        bid, ask = np.floor(low + _ROUNDING), np.ceil(high - _ROUNDING)
        ask = np.maximum(ask, np.maximum(bid + 1.0, 1.0))
        return [values, risk, np.where(bid >= 1.0, bid, -1.0).astype(np.int64), ask.astype(np.int64)]


def _europeans(peers: PeerProcess) -> Iterator[Entry]:
    random = np.random.default_rng(3)
    expiry_days = np.unique(np.round(np.geomspace(20, 730, _EXPIRIES)).astype(np.int64))
    assert expiry_days.size == _EXPIRIES
    heads = [(day / 365.0, _RATE, _YIELD, sign, 0.0, 0.0) for day in expiry_days for sign in (-1.0, 1.0)]
    expiries = np.array(heads).T.copy()
    index = np.repeat(np.arange(expiries.shape[1]), _STRIKES)
    years, sign = expiries[0, index], expiries[3, index]
    vol = random.uniform(0.15, 0.45, index.size)
    deviations = np.tile(np.linspace(-2.5, 2.5, _STRIKES), expiries.shape[1])
    strike = SPOT * np.exp(0.25 * np.sqrt(years) * deviations)
    tables = np.empty((expiries.shape[1], premium_tile.WIDTH))
    table_values.write_european_tables(expiries, tables)
    desk = Desk(tables, index, strike, vol)
    arrays = ArrayDesk(desk, index, sign, strike, years, vol)
    objects = Europeans(SPOT, strike, np.repeat(expiry_days, 2 * _STRIKES), vol, _RATE, _YIELD, sign)
    turns = itertools.cycle(desk.spots.tolist())

    def one_at_a_time() -> list[np.ndarray]:
        return arrays.weigh(objects.values(next(turns)))

    def cold() -> None:
        table_values.write_european_tables(expiries, tables)
        desk.settle()
        desk.tick()

    ours, expected = desk.at_first_spot(), arrays.tick_to(desk.spots[0])
    sides = [
        ("numpy + scipy", expected, timer(arrays.tick), timer(arrays.tick_anew), 5.0, 10.0),
        (
            "QuantLib, AnalyticEuropeanEngine",
            one_at_a_time(),
            timer(one_at_a_time),
            timer(one_at_a_time),
            400.0,
            None,
        ),
    ]
    try:
        jax, anew = (peers.prepare(f"with_jax.{name}", **arrays.inputs) for name in ("tick", "tick_anew"))
        sides.append((f"JAX, {jax.words}", _parted(jax.outputs, expected), jax.timer, anew.timer, 3.5, None))
    except PeerError as fault:
        yield Absent(row=8, workload=_EUROPEAN, peer="JAX", reason=str(fault))
    for peer, theirs, kept, built, floor, aim in sides:
        for tables_are, work, clock in (("warm", desk.tick, kept), ("cold", cold, built)):
            judged = tables_are == "warm"
            yield Comparison(
                row=8,
                workload=_EUROPEAN,
                tables=tables_are,
                peer=peer,
                count=1,
                unit="tick",
                gate=_gate(ours, expected, theirs),
                ours=timer(work),
                theirs=clock,
                floor=floor if judged else None,
                aim=aim if judged else None,
            )


def _americans() -> Iterator[Entry]:
    chain = Chain(_SERIES)
    desk = Desk(chain.tables, chain.index, chain.strike, chain.vol)
    some = chain.options[:, ::_SHARE].copy()
    peer = Americans(some, FAST())
    move = desk.spots[0] / SPOT - 1.0
    found = desk.at_first_spot()[0][tick.PRICE, ::_SHARE]
    truth, theirs = (one.prices((move,))[:, 0, 0] for one in (Americans(some, PRECISE()), peer))

    def cold() -> None:
        chain.build()
        desk.settle()
        desk.tick()

    for tables, work in (("warm", desk.tick), ("cold", cold)):
        yield Comparison(
            row=8,
            workload=_AMERICAN,
            tables=tables,
            peer="QuantLib, QdFp fast, three prices of each series",
            count=1,
            unit="tick",
            gate=Gate(
                words="largest, of max(price, 1 % of spot)",
                most=TOLERANCE,
                found=float(relative_error(found, truth, 0.01 * SPOT).max()),
                peer=float(relative_error(theirs, truth, 0.01 * SPOT).max()),
                peer_most=1e-3,
            ),
            ours=timer(work),
            theirs=timer(lambda: peer.greeks(_BUMP)),
            share=_SERIES / some.shape[1],
            floor=1_700.0 if tables == "warm" else None,
        )


def _parted(flat: np.ndarray, like: list[np.ndarray]) -> list[np.ndarray]:
    ends = np.cumsum([part.size for part in like])[:-1]
    return [piece.reshape(part.shape) for piece, part in zip(np.split(flat, ends), like, strict=True)]


def _gate(ours: list[np.ndarray], expected: list[np.ndarray], theirs: list[np.ndarray]) -> Gate:
    return Gate(
        words="error of a column, of its largest entry; no quote differs",
        most=1e-11,
        found=_distance(ours, expected),
        peer=_distance(theirs, expected),
    )


def _distance(found: list[np.ndarray], expected: list[np.ndarray]) -> float:
    """Of values and of risk as in row 1; each quote that differs counts 1."""
    differ = sum(int((f != e).sum()) for f, e in zip(found[2:], expected[2:], strict=True))
    return differ + max(column_error(found[0], expected[0]), column_error(found[1].T, expected[1].T))
