"""What it costs to write a call and hedge its delta now and then: the deviation of the cost falls with the root of the number of hedges.

A call is written, and its Black-Scholes delta is held from one hedge to the next with borrowed money; costs are discounted, and
per share. All frequencies meet the same paths.

Source: J. Hull, "Options, Futures, and Other Derivatives", the chapter on the Greek letters, for the experiment; M. Kamal and E. Derman,
"When you cannot hedge continuously", Risk 12 (1999) 82-85, for sqrt(pi / 4) vega vol / sqrt(hedges); domain reference 4.9 and validation case V11.
"""

import math
from dataclasses import dataclass

import numpy as np

from flatbook.kernels.black import DELTA, PRICE, VEGA, value_european
from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Floats
from flatbook.sim.chance import stream

_SPOT, _STRIKE, _RATE, _VOL, _DRIFT = 49.0, 50.0, 0.05, 0.2, 0.13
_WEEKS = 20.0
_YEARS = _WEEKS / 52.0
_STEPS = 80  # of a quarter of a week
WEEKS_BETWEEN = (5.0, 4.0, 2.0, 1.0, 0.5, 0.25)
_PATHS_MIN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One frequency; errors are standard errors."""

    weeks_between: float
    hedges: int  # the first at once
    price: float  # of Black and Scholes, per share
    cost: float  # mean, discounted, per share
    cost_error: float
    deviation_share: float  # deviation of the cost over the price
    deviation_share_error: float
    predicted_share: float  # Derman and Kamal


def discrete_hedging_table(paths: int, seed: int) -> tuple[Row, ...]:
    """The table, from the rarest hedges to the most frequent.

    Parameters
    ----------
    paths : int
        At least 2; Hull has 1,000.
    seed : int
        0 or above.
    """
    if not paths >= _PATHS_MIN:
        msg = f"discrete hedging: needs {_PATHS_MIN} paths or more, was {paths}"
        raise InvalidValueError(msg)
    step = _YEARS / _STEPS
    normals = stream(seed, "discrete-hedging").normals(_STEPS * paths).reshape(_STEPS, paths)
    moves = (_DRIFT - 0.5 * _VOL**2) * step + _VOL * math.sqrt(step) * normals
    spot = _SPOT * np.exp(np.vstack([np.zeros(paths), np.cumsum(moves, axis=0)]))
    delta = np.array([_values(spot[n], _YEARS - n * step)[:, DELTA] for n in range(_STEPS)])
    start = _values(np.full(1, _SPOT), _YEARS)[0]
    return tuple(_row(weeks, spot, delta, float(start[PRICE]), float(start[VEGA])) for weeks in WEEKS_BETWEEN)


def _row(weeks: float, spot: Floats, delta: Floats, price: float, vega: float) -> Row:
    every = round(weeks / _WEEKS * _STEPS)
    hedges = _STEPS // every
    cost = _costs(spot, delta, every)
    deviation = float(cost.std())
    fourth = float(((cost - cost.mean()) ** 4).mean())
    root = math.sqrt(cost.size)
    return Row(
        weeks_between=weeks,
        hedges=hedges,
        price=price,
        cost=float(cost.mean()),
        cost_error=deviation / root,
        deviation_share=deviation / price,
        deviation_share_error=math.sqrt(max(fourth - deviation**4, 0.0)) / (2.0 * deviation * root) / price,
        predicted_share=math.sqrt(math.pi / 4.0) * vega * _VOL / math.sqrt(hedges) / price,
    )


def _costs(spot: Floats, delta: Floats, every: int) -> Floats:
    """Of shares bought and the option settled, discounted to the start, float64[paths]."""
    step = _YEARS / _STEPS
    held = np.zeros(spot.shape[1])
    cost = np.zeros(spot.shape[1])
    for n in range(0, _STEPS, every):
        cost += (delta[n] - held) * spot[n] * math.exp(-_RATE * n * step)
        held = delta[n]
    settled = np.maximum(spot[-1] - _STRIKE, 0.0) - held * spot[-1]
    return np.asarray(cost + settled * math.exp(-_RATE * _YEARS))


def _values(spot: Floats, years: float) -> Floats:
    """float64[n, columns] of the call."""
    ones = np.ones(spot.size)
    return value_european(
        spot,
        spot * math.exp(_RATE * years),
        _STRIKE * ones,
        years * ones,
        _VOL * ones,
        math.exp(-_RATE * years) * ones,
        ones,
        np.zeros(spot.size, dtype=np.bool_),
    )
