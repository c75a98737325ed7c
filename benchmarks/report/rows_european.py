"""Rows 1 and 2: European prices with their greeks, and the vols that prices imply, 100,000 at a time.

Each side gets seven columns in the form that it takes: ours forwards and discount factors, the peers rates and yields.
"""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import Executor

import numpy as np
from scipy.special import ndtr

from benchmarks.peers.stopwatch import Work
from benchmarks.report import quantlib_european
from benchmarks.report.measure import Absent, Comparison, Entry, Gate, column_error, parts, spread, timer
from benchmarks.report.peer_process import PeerError, PeerProcess
from flatbook.kernels import european, implied_vol
from flatbook.kernels.european_vol import implied_vol_european

N = 100_000
_SHARE = 20  # QuantLib does one vol in so many
_RATE, _YIELD, _SPOT = 0.03, 0.01, 100.0
_NAMES = ("spot", "strike", "years", "rate", "dividend_yield", "vol", "sign")
_PER_ROOT_TWO_PI = 1.0 / math.sqrt(2.0 * math.pi)


def values(pool: Executor, peers: PeerProcess) -> Iterator[Entry]:
    """Row 1: price and greeks."""
    columns = _options()
    expected = np.array(numpy_values(*columns))
    run, outputs = _value_work(pool, columns, 8, 1)
    yield Comparison(
        row=1,
        workload="European price + 7 greeks, 100,000",
        peer="numpy + scipy",
        count=N,
        unit="option",
        gate=_value_gate(outputs(), expected, expected),
        ours=timer(run),
        theirs=timer(lambda: numpy_values(*columns)),
        floor=8.0,
    )
    for peer, name, greeks, floor, aim in (
        ("fast-vollib", "with_fast_vollib.european_values", 5, 5.0, None),
        ("JAX", "with_jax.european_values", 7, 2.5, 4.0),
        ("JAX", "with_jax.european_values_ndtr", 7, None, None),
    ):
        workload = f"European price + {greeks} greeks, 100,000"
        try:
            theirs = peers.prepare(name, **dict(zip(_NAMES, columns, strict=True)))
        except PeerError as fault:
            yield Absent(row=1, workload=workload, peer=peer, reason=str(fault))
            continue
        run, outputs = _value_work(pool, columns, 1 + greeks, 2)
        yield Comparison(
            row=1,
            workload=workload,
            peer=f"{peer}, {theirs.words}",
            threads=(2, 2),
            count=N,
            unit="option",
            gate=_value_gate(outputs(), theirs.outputs, expected[: 1 + greeks]),
            ours=timer(run),
            theirs=theirs.timer,
            floor=floor,
            aim=aim,
        )


def implied_vols(pool: Executor, peers: PeerProcess) -> Iterator[Entry]:
    """Row 2: out-of-the-money quotes, two weeks to two years, vols 10-70 %, prices of 1e-6 and above on a forward of 100."""
    columns, vol = _quotes()
    price, forward, strike, years, discount, sign, _ = columns
    workload, unit = "European implied vol, 100,000", "quote"
    few = [column[::_SHARE].tolist() for column in (price, forward, strike, discount, sign)]
    deviations = quantlib_european.implied_vols(few)
    run, found = _vol_work(pool, columns, 1)
    yield Comparison(
        row=2,
        workload=workload,
        peer="QuantLib, blackFormulaImpliedStdDev",
        count=price.size,
        unit=unit,
        gate=_vol_gate(found(), vol, deviations / np.sqrt(years[::_SHARE]), vol[::_SHARE]),
        ours=timer(run),
        theirs=timer(lambda: quantlib_european.implied_vols(few)),
        share=price.size / len(few[0]),
        floor=30.0,
    )
    try:
        theirs = peers.prepare(
            "with_fast_vollib.implied_vols",
            price=price / discount,
            forward=forward,
            strike=strike,
            years=years,
            sign=sign,
        )
    except PeerError as fault:
        yield Absent(row=2, workload=workload, peer="fast-vollib", reason=str(fault))
        return
    run, found = _vol_work(pool, columns, 2)
    yield Comparison(
        row=2,
        workload=workload,
        peer=f"fast-vollib, {theirs.words}",
        threads=(2, 2),
        count=price.size,
        unit=unit,
        gate=_vol_gate(found(), vol, theirs.outputs, vol),
        ours=timer(run),
        theirs=theirs.timer,
        floor=12.0,
        aim=20.0,
    )


def numpy_values(spot, strike, years, rate, dividend_yield, vol, sign):
    """Price, delta, gamma, vega, theta, rho, vanna, volga by array expressions."""
    root_years = np.sqrt(years)
    deviation = vol * root_years
    d1 = (np.log(spot / strike) + (rate - dividend_yield) * years) / deviation + 0.5 * deviation
    d2 = d1 - deviation
    carried = np.exp(-dividend_yield * years)
    spot_worth = sign * spot * carried * ndtr(sign * d1)
    strike_worth = sign * strike * np.exp(-rate * years) * ndtr(sign * d2)
    density = carried * np.exp(-0.5 * d1 * d1) * _PER_ROOT_TWO_PI
    vega = spot * density * root_years
    return (
        spot_worth - strike_worth,
        spot_worth / spot,
        density / (spot * deviation),
        vega,
        dividend_yield * spot_worth - rate * strike_worth - 0.5 * vega * vol / years,
        years * strike_worth,
        -density * d2 / vol,
        vega * d1 * d2 / vol,
    )


def _options() -> tuple[np.ndarray, ...]:
    """Seven columns as the peers take them."""
    random = np.random.default_rng(1)
    strike, years, vol = (
        random.uniform(70.0, 130.0, N),
        random.uniform(0.02, 2.0, N),
        random.uniform(0.1, 0.6, N),
    )
    sign = np.where(random.random(N) < 0.5, 1.0, -1.0)
    return np.full(N, _SPOT), strike, years, np.full(N, _RATE), np.full(N, _YIELD), vol, sign


def _value_work(
    pool: Executor, columns: tuple[np.ndarray, ...], rows: int, threads: int
) -> tuple[Work, Callable[[], np.ndarray]]:
    """Our work on that many threads, and what gives its answer."""
    spot, strike, years, rate, carry, vol, sign = columns
    ours = (spot, spot * np.exp((rate - carry) * years), strike, years, vol, np.exp(-rate * years), sign)
    pieces = [tuple(column[part] for column in ours) for part in parts(N, threads)]
    outs = [np.empty((rows, piece[0].size)) for piece in pieces]
    fixed = [np.zeros(piece[0].size, dtype=np.bool_) for piece in pieces]

    def one(out: np.ndarray, piece: tuple[np.ndarray, ...], free: np.ndarray) -> Work:
        return lambda: european.value_european_into(out, *piece, free)

    run = spread(pool, [one(*each) for each in zip(outs, pieces, fixed, strict=True)])

    def answer() -> np.ndarray:
        run()
        return np.concatenate(outs, axis=1)

    return run, answer


def _value_gate(found: np.ndarray, theirs: np.ndarray, expected: np.ndarray) -> Gate:
    return Gate(
        words="error of a column, of its largest entry",
        most=1e-11,
        found=column_error(found, expected),
        peer=column_error(theirs, expected),
    )


def _quotes() -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Columns of `implied_vol_european`, and the vols that the prices were made with."""
    random = np.random.default_rng(2)
    years, vol = random.uniform(0.04, 2.0, N), random.uniform(0.1, 0.7, N)
    forward, discount = _SPOT * np.exp((_RATE - _YIELD) * years), np.exp(-_RATE * years)
    strike = forward * np.exp(random.uniform(-3.5, 3.5, N) * vol * np.sqrt(years))
    sign = np.where(strike > forward, 1.0, -1.0)
    price = european.price_european(forward, strike, years, vol, discount, sign)
    kept = price > 1e-6
    columns = tuple(
        np.ascontiguousarray(column[kept]) for column in (price, forward, strike, years, discount, sign)
    )
    return (*columns, np.zeros(columns[0].size)), vol[kept]


def _vol_work(
    pool: Executor, columns: tuple[np.ndarray, ...], threads: int
) -> tuple[Work, Callable[[], np.ndarray]]:
    found = [(np.empty(0), np.empty(0))] * threads

    def one(k: int, piece: tuple[np.ndarray, ...]) -> Work:
        def run() -> None:
            found[k] = implied_vol_european(*piece)

        return run

    rows = parts(columns[0].size, threads)
    run = spread(pool, [one(k, tuple(column[part] for column in columns)) for k, part in enumerate(rows)])

    def answer() -> np.ndarray:
        run()
        assert all((reason == implied_vol.OK).all() for _, reason in found)
        return np.concatenate([vol for vol, _ in found])

    return run, answer


def _vol_gate(found: np.ndarray, vol: np.ndarray, theirs: np.ndarray, truth: np.ndarray) -> Gate:
    return Gate(
        words="largest relative error of vol",
        most=1e-12,
        found=float(np.abs(found / vol - 1.0).max()),
        peer=float(np.abs(theirs / truth - 1.0).max()),
        peer_most=1e-5,
    )
