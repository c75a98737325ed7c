"""Rows 5 and 7: American options with cash dividends that fall from spot: values, and the slide of a chain.

QuantLib's slide is what a loop costs: one grid a cell, its spots not shared; a share of the cells is timed.
"""

from collections.abc import Iterator

import numpy as np

from benchmarks.report.measure import Comparison, Entry, Gate, relative_error, timer
from benchmarks.report.quantlib_dividends import CashDividends
from flatbook.kernels.dividend_grid import FAST, price_cash_dividends
from flatbook.kernels.dividend_slides import (
    evaluate_profiles,
    profile_cash_dividends,
    reprice_cash_dividends,
    vol_nodes,
)

N = 200
SERIES = 64
_TIMED, _CELLS = 20, 80  # QuantLib's share, and the cells that its fine grid judges
_NODES = 8
_FINE = (400, 800)
_PAID = ((20, 0.7), (110, 0.7), (201, 0.8), (390, 1.5))
_YEARS, _AMOUNTS = np.array([day for day, _ in _PAID]) / 365.0, np.array([amount for _, amount in _PAID])
_MOVES, _SHIFTS = np.linspace(-0.2, 0.2, 21), np.linspace(-0.08, 0.16, 9)
_SPOT, _RATE = 100.0, 0.04
_LEAST = 0.01 * _SPOT
_PEER = "QuantLib, finite differences 100 x 200"


def values() -> Iterator[Entry]:
    """Row 5: price, delta and gamma."""
    columns = _chain(np.random.default_rng(5), N)
    arguments = _arguments(columns)
    truth = np.array([row[0] for row in CashDividends(columns, _PAID, _FINE).greeks()])
    peer = CashDividends([column[:_TIMED] for column in columns], _PAID)
    every = CashDividends(columns, _PAID)
    found = price_cash_dividends(*arguments, *FAST)[:, 0]
    yield Comparison(
        row=5,
        workload=f"American, cash dividends: price, delta, gamma, {N}",
        peer=_PEER,
        count=N,
        unit="option",
        gate=Gate(
            words="99 of 100, of max(price, 1 % of spot)",
            most=1e-3,
            found=float(np.quantile(relative_error(found, truth, _LEAST), 0.99)),
            peer=float(
                np.quantile(relative_error(np.array([row[0] for row in every.greeks()]), truth, _LEAST), 0.99)
            ),
            peer_most=1e-3,
        ),
        ours=timer(lambda: price_cash_dividends(*arguments, *FAST)),
        theirs=timer(peer.greeks),
        share=N / _TIMED,
        floor=40.0,
        aim=120.0,
    )


def slides() -> Iterator[Entry]:
    """Row 7: the slide, its vols solved anew, and from profiles at eight vols that are kept."""
    random = np.random.default_rng(6)
    columns = _chain(random, SERIES)
    arguments = _arguments(columns)
    spot, strike, years, vol, *rest = arguments
    wanted = np.maximum(vol[:, None] + _SHIFTS, 0.001)
    vols = vol_nodes(wanted.min(axis=1), wanted.max(axis=1), _NODES)
    spots, reach = spot[:, None] * (1.0 + _MOVES), float(-np.log(1.0 + _MOVES[0]))

    def profile() -> np.ndarray:
        return profile_cash_dividends(spot, strike, years, vols, *rest, *FAST, reach)

    kept = profile()
    series, move, shift = (random.integers(0, size, _CELLS) for size in (SERIES, _MOVES.size, _SHIFTS.size))
    asked = [column[series] for column in columns]
    truth = np.array(CashDividends(asked, _PAID, _FINE).cells(_MOVES[move], _SHIFTS[shift]))
    theirs = np.array(CashDividends(asked, _PAID).cells(_MOVES[move], _SHIFTS[shift]))
    few = CashDividends([column[:_TIMED] for column in asked], _PAID)
    for tables, work, floor, aim in (
        ("cold", lambda: reprice_cash_dividends(*arguments, *FAST, _MOVES, _SHIFTS), 180.0, 400.0),
        ("warm", lambda: evaluate_profiles(kept, vols, spots, wanted), 180.0, 400.0),
    ):
        yield Comparison(
            row=7,
            workload=f"Slide 21 x 9 of {SERIES} Americans with cash dividends",
            tables=tables,
            peer=f"{_PEER} a cell",
            count=SERIES * _MOVES.size * _SHIFTS.size,
            unit="cell",
            gate=Gate(
                words=f"largest of {_CELLS} cells, of max(price, 1 % of spot)",
                most=1e-3,
                found=float(relative_error(work()[series, move, shift], truth, _LEAST).max()),
                peer=float(relative_error(theirs, truth, _LEAST).max()),
                peer_most=3e-3,
            ),
            ours=timer(work),
            theirs=timer(lambda: few.cells(_MOVES[move[:_TIMED]], _SHIFTS[shift[:_TIMED]])),
            share=SERIES * _MOVES.size * _SHIFTS.size / _TIMED,
            floor=floor,
            aim=aim,
        )


def _chain(random: np.random.Generator, n: int) -> list[np.ndarray]:
    """Spot, strike, days, vol, rate and sign of options of a few expiries; up to four dividends within two years."""
    days = random.choice([30, 90, 180, 365, 700], n)
    strike, vol = random.uniform(75.0, 125.0, n), random.uniform(0.15, 0.6, n)
    sign = np.where(random.random(n) < 0.5, 1.0, -1.0)
    return [np.full(n, _SPOT), strike, days, vol, np.full(n, _RATE), sign]


def _arguments(columns: list[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Columns of our kernels, with the dividends."""
    spot, strike, days, vol, rate, sign = columns
    n = spot.size
    plan = np.tile(np.array([[0, len(_PAID)]]), (n, 1))
    return (spot, strike, days / 365.0, vol, rate, np.zeros(n), sign, np.ones(n), _YEARS, _AMOUNTS, plan)
