"""The early-exercise premium of an American option, from a pair of Leisen-Reimer trees.

Sources: D. Leisen and M. Reimer, "Binomial models for option valuation", Applied Mathematical Finance 3 (1996)
319-346; nodes around the root at time zero as in A. Pelsser and T. Vorst, "The binomial model and the Greeks",
J. Derivatives 1 (1994) 45-49; Richardson extrapolation in the number of steps.
Where exercise has two boundaries these may lie between nodes, by smooth pasting; our own derivation.
Cash dividends are escrowed: the tree carries the spot less their present value, and exercise is against the spot.
Each tree prices the American and the European option; only their difference is kept, so the error they share is gone.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.exercise import never_early, present_value
from flatbook.kernels.normal import log_ratio

Floats = NDArray[np.float64]

SCRATCH_ROWS = 6
STEPS_MIN = 5
_AMERICAN, _EUROPEAN, _SPOT, _STRIKE_NOW, _SCALE_LATER, _STRIKE_LATER = range(SCRATCH_ROWS)
_CENTRE_MAX = 6.0  # deviations by which the tree may be off the forward to meet the strike
_INFINITE = math.inf


@njit(cache=True, error_model="numpy")
def early_exercise_premium(
    star: float,
    strike: float,
    years: float,
    vol: float,
    rate: float,
    dividend_yield: float,
    sign: float,
    steps: int,
    dividend_years: Floats,
    dividend_amounts: Floats,
    scratch: Floats,
) -> tuple[float, float, float, bool]:
    """Premium of the American option over the European, with its slope and curvature in `star`.

    `star` is the spot less the present value of dividends. The last answer says that both trees exercise now.
    `scratch` is float64[SCRATCH_ROWS, steps + 3 or more].
    """
    paying = present_value(rate, 0.0, 0.0, years, dividend_years, dividend_amounts) > 0.0
    if never_early(rate, dividend_yield, sign, paying):
        return 0.0, 0.0, 0.0, False
    option = (star, strike, years, vol, rate, dividend_yield, sign)
    fine = steps | 1
    coarse = (fine // 2) | 1
    price, slope, bend, now = _tree(option, fine, paying, dividend_years, dividend_amounts, scratch)
    rough, rough_slope, rough_bend, rough_now = _tree(
        option, coarse, paying, dividend_years, dividend_amounts, scratch
    )
    further = coarse / (fine - coarse)  # the error falls as 1 / steps
    return (
        max(price + further * (price - rough), 0.0),
        slope + further * (slope - rough_slope),
        bend + further * (bend - rough_bend),
        now and rough_now,
    )


@njit(cache=True, error_model="numpy")
def _tree(
    option: tuple[float, float, float, float, float, float, float],
    steps: int,
    paying: bool,
    dividend_years: Floats,
    dividend_amounts: Floats,
    scratch: Floats,
) -> tuple[float, float, float, bool]:
    star, strike, years, vol, rate, dividend_yield, sign = option
    step = years / steps
    up, down, rise = _moves(star, strike, vol * math.sqrt(years), (rate - dividend_yield) * years, steps)
    american = scratch[_AMERICAN]
    european = scratch[_EUROPEAN]
    spot = scratch[_SPOT]
    _fill_leaves(american, european, spot, option, up, down, steps)
    if paying:
        _fill_exercise(option, steps, dividend_years, dividend_amounts, scratch)
    shrink = math.exp(-rate * step)
    moves = shrink * rise, shrink * (1.0 - rise), 1.0 / down
    waiting = strike * (1.0 - shrink), 1.0 - math.exp(-dividend_yield * step)
    smooth = not paying and rate < 0.0 and dividend_yield < 0.0  # exercise has two boundaries
    for k in range(steps - 1, -1, -1):
        count = k + 3
        rows = american[: count + 1], european[: count + 1], spot[:count]
        if smooth:
            _roll_back_smoothly(*rows, moves, (strike, sign), waiting)
            continue
        strike_now = scratch[_STRIKE_NOW, k] if paying else strike
        _roll_back(*rows, moves, (strike_now, sign))
        if paying and scratch[_SCALE_LATER, k] > 0.0:
            _exercise_later(
                american[:count],
                spot[:count],
                scratch[_SCALE_LATER, k],
                scratch[_STRIKE_LATER, k],
                sign,
                k > 0,
            )
    strike_now = scratch[_STRIKE_NOW, 0] if paying else strike
    now = american[1] <= sign * (spot[1] - strike_now)
    slope, bend = _derivatives(spot, american, european)
    return american[1] - european[1], slope, bend, now


@njit(cache=True, error_model="numpy")
def _moves(
    star: float, strike: float, deviation: float, drift: float, steps: int
) -> tuple[float, float, float]:
    centre = (log_ratio(star, strike) + drift) / deviation
    # Any centre makes a valid tree; too far out the probabilities would lose their digits.
    centre = min(max(centre, -_CENTRE_MAX), _CENTRE_MAX)
    d1 = centre + 0.5 * deviation
    d2 = centre - 0.5 * deviation
    growth = math.exp(drift / steps)
    rise = _inversion(d2, steps)
    up = growth * _inversion(d1, steps) / rise
    down = growth * _inversion(-d1, steps) / _inversion(-d2, steps)
    return up, down, rise


@njit(cache=True, error_model="numpy")
def _inversion(z: float, steps: int) -> float:
    """Peizer-Pratt method 2: the binomial probability that matches a normal one; digits hold for z below zero."""
    scaled = z / (steps + 1.0 / 3.0 + 0.1 / (steps + 1.0))
    faint = math.exp(-scaled * scaled * (steps + 1.0 / 6.0))
    root = math.sqrt(1.0 - faint)
    if z >= 0.0:
        return 0.5 + 0.5 * root
    return 0.5 * faint / (1.0 + root)


@njit(cache=True, error_model="numpy")
def _fill_leaves(
    american: Floats,
    european: Floats,
    spot: Floats,
    option: tuple[float, float, float, float, float, float, float],
    up: float,
    down: float,
    steps: int,
) -> None:
    star, strike, sign = option[0], option[1], option[6]
    log_up = math.log(up)
    log_down = math.log(down)
    for j in range(steps + 3):
        spot[j] = star * math.exp((j - 1) * log_up + (steps + 1 - j) * log_down)
        american[j] = max(sign * (spot[j] - strike), 0.0)
        european[j] = american[j]


@njit(cache=True, error_model="numpy")
def _roll_back(
    american: Floats,
    european: Floats,
    spot: Floats,
    moves: tuple[float, float, float],
    exercise: tuple[float, float],
) -> None:
    rise, fall, back = moves
    strike_now, sign = exercise
    for j in range(spot.size):
        here = spot[j] * back
        spot[j] = here
        european[j] = rise * european[j + 1] + fall * european[j]
        held = rise * american[j + 1] + fall * american[j]
        exercised = sign * (here - strike_now)
        american[j] = max(held, exercised)


@njit(cache=True, error_model="numpy")
def _roll_back_smoothly(
    american: Floats,
    european: Floats,
    spot: Floats,
    moves: tuple[float, float, float],
    exercise: tuple[float, float],
    waiting: tuple[float, float],
) -> None:
    """Roll back as if the exercise boundary could lie between nodes.

    Where exercise is best, waiting a step loses `lost`. At d moves of the spot short of the boundary smooth pasting
    makes holding worth lost * d^2 above exercise; in a tree, whose moves up and down are much alike, it is less by
    lost * (1 - d)^2 / 2 where the next node lies beyond the boundary. So what the tree says tells d. The larger of
    holding and exercise instead is wrong by up to a quarter of `lost`, more or less as the nodes fall: much, where
    only a small part of a long life matters.
    """
    rise, fall, back = moves
    strike, sign = exercise
    interest, yielded = waiting
    for j in range(spot.size):
        here = spot[j] * back
        spot[j] = here
        european[j] = rise * european[j + 1] + fall * european[j]
        held = rise * american[j + 1] + fall * american[j]
        exercised = sign * (here - strike)
        lost = max(sign * (yielded * here - interest), 0.0)
        gain = held - exercised
        near = max(gain, -0.5 * lost)
        between = (lost + 2.0 * near) + 2.0 * (lost - math.sqrt(2.0 * lost * max(lost + near, 0.0)))
        american[j] = held if gain >= lost else exercised + between


@njit(cache=True, error_model="numpy")
def _exercise_later(
    american: Floats, spot: Floats, scale: float, strike_later: float, sign: float, smooth: bool
) -> None:
    gain_below = 0.0
    for j in range(spot.size):
        gain = sign * (scale * spot[j] - strike_later) - american[j]
        if gain > 0.0:
            american[j] += gain
        if smooth and j > 0 and (gain > 0.0) != (gain_below > 0.0):
            steep = abs(gain - gain_below)
            up = (
                abs(gain_below) / steep
            )  # where the gain starts, as a share of the way up from the lower node
            down = 1.0 - up
            american[j - 1] -= steep * down * (1.0 - down * down) / 6.0
            american[j] -= steep * up * (1.0 - up * up) / 6.0
        gain_below = gain


@njit(cache=True, error_model="numpy")
def _fill_exercise(
    option: tuple[float, float, float, float, float, float, float],
    steps: int,
    dividend_years: Floats,
    dividend_amounts: Floats,
    scratch: Floats,
) -> None:
    """Write, for each step, the strike in units of the tree, now and at a dividend before the next step.

    Best times to exercise are the instants of a dividend (calls just before it, puts just after), and these fall
    between steps; without them a year in 100 steps misses a day or two of interest on the strike.
    """
    years, rate, sign = option[2], option[4], option[6]
    for k in range(steps):
        now = years * k / steps
        scratch[_STRIKE_NOW, k] = option[1] - present_value(
            rate, now, now, years, dividend_years, dividend_amounts
        )
        scratch[_SCALE_LATER, k] = 0.0
        scratch[_STRIKE_LATER, k] = sign * _INFINITE
        for i in range(dividend_years.size):
            paid = dividend_years[i]
            if not (max(now, 0.0) < paid < years and paid <= years * (k + 1) / steps):
                continue
            strike_later = _strike_at_dividend(option, now, i, dividend_years, dividend_amounts)
            if sign * strike_later < sign * scratch[_STRIKE_LATER, k]:
                scratch[_STRIKE_LATER, k] = strike_later
                scratch[_SCALE_LATER, k] = math.exp(-option[5] * (paid - now))


@njit(cache=True, error_model="numpy")
def _strike_at_dividend(
    option: tuple[float, float, float, float, float, float, float],
    now: float,
    which: int,
    dividend_years: Floats,
    dividend_amounts: Floats,
) -> float:
    strike, years, rate, sign = option[1], option[2], option[4], option[6]
    paid = dividend_years[which]
    still_to_come = present_value(rate, now, paid, years, dividend_years, dividend_amounts)
    wait = math.exp(-rate * (paid - now))
    if sign > 0.0:
        still_to_come += dividend_amounts[which] * wait
    return strike * wait - still_to_come


@njit(cache=True, error_model="numpy")
def _derivatives(spot: Floats, american: Floats, european: Floats) -> tuple[float, float]:
    left = (american[1] - european[1] - american[0] + european[0]) / (spot[1] - spot[0])
    right = (american[2] - european[2] - american[1] + european[1]) / (spot[2] - spot[1])
    bend = 2.0 * (right - left) / (spot[2] - spot[0])
    return left + 0.5 * bend * (spot[1] - spot[0]), bend
