"""Seeded books that need an option offset: a made chain of one underlying, customers on one side of it, limits from wide to hopeless."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flatbook.hedging.offset_problem import OffsetProblem, OffsetRows, OffsetSeries
from flatbook.kernels.black import price_european
from flatbook.model.instruments import Right

Floats = NDArray[np.float64]
DAYS = np.array([8.0, 22.0, 50.0, 85.0, 176.0, 358.0])
MOVES = np.array([-30, -20, -15, -10, -7, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30]) / 100.0
SHIFTS = np.array([-10.0, -5.0, -2.0, -1.0, 0.0, 1.0, 2.0, 5.0, 10.0])
SPOT, RATE, MULTIPLIER, FEE_USD = 100.0, 0.03, 100.0, 0.65
HOLDING_YEARS = 1.0 / 252.0


@dataclass(frozen=True, slots=True)
class _Chain:
    strike: Floats
    expiry: NDArray[np.int64]  # into DAYS
    sign: Floats


def _chain() -> _Chain:
    strike, expiry, sign = [], [], []
    for at, days in enumerate(DAYS):
        width = 2.0 * 0.22 * np.sqrt(days / 365.0)
        for k in np.arange(60.0, 150.0, 2.5 if days > 30 else 1.0):
            if abs(np.log(k / SPOT)) < width + 0.02:
                for s in (1.0, -1.0):
                    strike.append(k)
                    expiry.append(at)
                    sign.append(s)
    return _Chain(np.array(strike), np.array(expiry), np.array(sign))


def _vol(chain: _Chain, level: Floats, skew: Floats, curve: Floats) -> Floats:
    """A smile by log strike over the root of time; level, skew and curvature are points by expiry beside it."""
    years = DAYS[chain.expiry] / 365.0
    z = np.clip(np.log(chain.strike / SPOT) / (0.2 * np.sqrt(years)), -3.0, 3.0)
    points = 20.0 + 1.5 * np.sqrt(years) - 1.6 * z + 0.35 * z**2
    points += level[chain.expiry] - skew[chain.expiry] * z + curve[chain.expiry] * z**2
    return np.maximum(points, 3.0) / 100.0


def _price(
    chain: _Chain, spot: float, shift: Floats, skew: Floats, curve: Floats, rate: float = RATE
) -> Floats:
    years = DAYS[chain.expiry] / 365.0
    vol = _vol(chain, shift, skew, curve)
    return np.asarray(
        price_european(
            spot * np.exp(rate * years), chain.strike, years, vol, np.exp(-rate * years), chain.sign
        )
    )


def _exposures(chain: _Chain) -> tuple[Floats, Floats]:
    """USD of one contract for a unit of each factor, and of a step of each cell."""
    none = np.zeros(DAYS.size)
    base = _price(chain, SPOT, none, none, none)
    up, down = (_price(chain, SPOT * (1 + x), none, none, none) for x in (0.005, -0.005))
    delta, half_gamma = (up - down) / 0.01, 0.5 * (up - 2 * base + down) / 0.005**2
    gaps = [
        _price(chain, SPOT * (1 + x), none + 100 * 0.4 * abs(x), none, none) - base - delta * x
        for x in (-0.1, 0.1)
    ]
    columns = [delta, half_gamma, *gaps, (_price(chain, SPOT, none, none, none, RATE + 1e-4) - base)]
    for kind in range(3):
        for at in range(DAYS.size):
            bump = np.zeros(DAYS.size)
            bump[at] = 0.5
            told = [bump if kind == k else none for k in range(3)]
            other = [-bump if kind == k else none for k in range(3)]
            columns.append(_price(chain, SPOT, *told) - _price(chain, SPOT, *other))
    cells = np.stack(
        [
            _price(chain, SPOT * (1 + move), none + shift, none, none) - base
            for move in MOVES
            for shift in SHIFTS
        ],
        axis=1,
    )
    return MULTIPLIER * np.stack(columns, axis=1), MULTIPLIER * cells


def _covariance() -> Floats:
    """Of spot, x^2, two gaps, rate, six levels, skews and curvatures, and the basis of the proxy, over the holding time."""
    n = 5 + 3 * DAYS.size + 1
    deviation = np.zeros(n)
    day = 0.2 * np.sqrt(HOLDING_YEARS)
    deviation[:5] = day, np.sqrt(2.0) * day**2, 0.05, 0.04, 5.0
    tenor = np.sqrt(30.0 / DAYS)
    levels, skews, curves = (slice(5 + k * DAYS.size, 5 + (k + 1) * DAYS.size) for k in range(3))
    deviation[levels], deviation[skews], deviation[curves] = 1.1 * tenor, 0.25 * tenor, 0.1 * tenor
    deviation[-1] = 0.003
    correlation = np.eye(n)
    near = np.exp(-0.35 * np.abs(np.log(DAYS[:, None] / DAYS)))
    for block in (levels, skews, curves):
        correlation[block, block] = near
    correlation[0, levels] = correlation[levels, 0] = -0.7
    value, vector = np.linalg.eigh(correlation)
    correlation = (vector * np.maximum(value, 1e-6)) @ vector.T
    return np.asarray(correlation * np.outer(deviation, deviation))


_CHAIN = _chain()
_FACTORS, _CELLS = _exposures(_CHAIN)


def book_problem(seed: int, candidates: int = 60, legs_max: int = 0) -> OffsetProblem:
    """A book of 500 customer trades, mostly of one side, and what could offset it; `legs_max` 0: six to all, as the seed has it."""
    random = np.random.default_rng(seed)
    n_series = _CHAIN.strike.size
    traded = random.choice(n_series, 120, replace=False)
    side = random.choice([-1.0, -1.0, 1.0]) * np.where(
        random.uniform(size=500) < random.uniform(0.6, 0.95), 1.0, -1.0
    )
    held = np.zeros(n_series)
    np.add.at(held, random.choice(traded, 500), side * random.geometric(0.15, 500))
    options = candidates - 2
    chosen = _liquid(random, options)
    none = np.zeros(DAYS.size)
    price = MULTIPLIER * _price(_CHAIN, SPOT, none, none, none)
    half = np.maximum(1.0, random.uniform(0.004, 0.02, options) * price[chosen]) + FEE_USD
    half = np.append(half, [1.0, 1.6])  # a hundred shares of the underlying and of the proxy
    linear = np.zeros((2, _FACTORS.shape[1] + 1))
    linear[:, 0] = MULTIPLIER * SPOT * np.array([1.0, 0.95])
    linear[1, -1] = MULTIPLIER * SPOT
    per_contract = np.vstack((np.hstack((_FACTORS[chosen], np.zeros((options, 1)))), linear))
    cells = np.vstack((_CELLS[chosen], linear[:, :1] * np.repeat(MOVES, SHIFTS.size)))
    exposure = np.append(held @ _FACTORS, 0.0)
    delta_held = 0.9 * exposure[0] / (MULTIPLIER * SPOT)  # most of it hedged already
    exposure[0] -= delta_held * MULTIPLIER * SPOT
    book_cells = held @ _CELLS - delta_held * MULTIPLIER * SPOT * np.repeat(MOVES, SHIFTS.size)
    size = random.choice([40, 150, 600])
    most = np.append(random.integers(size // 4, size, (2, options)), [[5000, 5000]] * 2, axis=1)
    return OffsetProblem(
        series=_series(chosen),
        exposure=exposure,
        per_contract=per_contract,
        covariance=_covariance(),
        aversion_per_usd=float(np.exp(random.uniform(np.log(5e-7), np.log(1e-5)))),
        buy_cost_usd=half,
        sell_cost_usd=half * random.uniform(1.0, 1.2, half.size),
        most_bought=most[0],
        most_sold=most[1],
        lot=np.ones(candidates, dtype=np.int64),
        rows=_rows(random, exposure, per_contract, book_cells, cells),
        legs_max=legs_max or int(random.choice([6, 8, 12, 20, candidates])),
        breach_usd=1e7,
    )


def _liquid(random: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Out of the money or near it, over all expiries."""
    out = np.flatnonzero(_CHAIN.sign * np.log(_CHAIN.strike / SPOT) > -0.03)
    return np.sort(random.choice(out, count, replace=False))


def _series(chosen: NDArray[np.int64]) -> tuple[OffsetSeries, ...]:
    day = 86_400_000_000_000
    options = [
        OffsetSeries(
            name=f"{_CHAIN.strike[row]:g}{'C' if _CHAIN.sign[row] > 0 else 'P'}{DAYS[_CHAIN.expiry[row]]:g}",
            underlying="XYZ",
            shares=MULTIPLIER,
            right=Right.CALL if _CHAIN.sign[row] > 0 else Right.PUT,
            strike=float(_CHAIN.strike[row]),
            expiry_ns=int(DAYS[_CHAIN.expiry[row]]) * day,
        )
        for row in chosen.tolist()
    ]
    return (
        *options,
        *(OffsetSeries(name=name, underlying="XYZ", shares=MULTIPLIER) for name in ("XYZ", "FUND")),
    )


def _rows(
    random: np.random.Generator, exposure: Floats, per_contract: Floats, book_cells: Floats, cells: Floats
) -> OffsetRows:
    """Limits on delta, gamma, vega by expiry and in all, skew; the cells of a slide; ten margin scenarios."""
    n = DAYS.size
    vega = np.sqrt(30.0 / DAYS)
    names = ["delta", "gamma", *(f"vega_{d:g}" for d in DAYS), "vega", "skew"]
    weights = np.zeros((exposure.size, len(names)))
    weights[0, 0], weights[1, 1] = 0.01, 2e-4
    weights[5 : 5 + n, 2 : 2 + n] = np.eye(n)
    weights[5 : 5 + n, 2 + n], weights[5 + n : 5 + 2 * n, 3 + n] = vega, vega
    value, slope = exposure @ weights, per_contract @ weights
    tight = float(np.exp(random.uniform(np.log(0.1), np.log(1.0))))
    limit = np.maximum(
        tight * np.abs(value) * random.uniform(0.5, 2.0, value.size), 20.0 + 0.2 * np.abs(slope).max(axis=0)
    )
    worst = max(float(-book_cells.min()), 2e4)
    room = worst * float(np.exp(random.uniform(np.log(0.25), np.log(1.5))))
    move = np.repeat(np.abs(MOVES), SHIFTS.size)
    loss = room * np.minimum(0.25 + 2.5 * move, 1.0)
    margin = np.flatnonzero((move == 0.15) | (move == 0.1))[::4]
    names += [f"cell {m:+.0%} {s:+g}" for m in MOVES for s in SHIFTS] + [f"margin {at}" for at in margin]
    low = np.concatenate((-limit, -loss, -0.9 * loss[margin]))
    return OffsetRows(
        names=tuple(names),
        value=np.concatenate((value, book_cells, book_cells[margin])),
        per_contract=np.hstack((slope, cells, cells[:, margin])),
        low=low,
        high=np.concatenate((limit, np.full(loss.size + margin.size, np.inf))),
        scale=-low,
        weight=np.ones(low.size),
    )
