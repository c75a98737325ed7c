"""American option values and greeks on a continuous yield, sixteen options at a time, by their exercise boundary.

Sources: those of `exercise_boundary` and `exercise_premium`; calls become puts by R. McDonald and M. Schroder, "A
parity result for American options", J. Computational Finance 1 (1998) 5-13.
Holds: never below the European value nor the intrinsic value; where exercise is best the answer is exact. An option's
answer is the same to the bit whatever options it is priced with.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels import exercise_boundary as eb
from flatbook.kernels import exercise_premium as ep
from flatbook.kernels import exercise_tile as et
from flatbook.kernels.arithmetic import exponential, log_ratio
from flatbook.kernels.exercise_rule import Rule, make_rule
from flatbook.kernels.exercise_tile import LANES

Floats = NDArray[np.float64]
Standings = NDArray[np.int8]
Members = NDArray[np.int64]

SPOT, STRIKE, YEARS, VOL, RATE, DIVIDEND_YIELD, SIGN = range(7)  # rows of the options
PRICE, DELTA, GAMMA, THETA = range(4)  # rows of the answer

# Standing: what was found about exercise; the last two have no price.
WAITS, EXERCISES, NEVER_EARLY, CERTAIN, TWO_BOUNDARIES, OUTSIDE = range(6)

_DEVIATION_MIN = 1e-6  # vol * sqrt(years) below which the path is taken as certain
_DEVIATION_MAX = 40.0
_RATE_YEARS_MAX = 50.0
_INFINITE = math.inf
_NAN = math.nan

_STEEP_DOWN, _STEEP_UP = -6.0, 2.0  # drift of a put over its deviation; outside, it takes the finer rule
_SMALL_INTEREST = 1e-3  # rate over variance; below it the boundary is very deep and takes the finer rule
_RATE_MIN = 1e-10  # times years: no interest at all is taken as this much
_DRIFT_MAX = 5.5  # what is farther off in time than this drift is never reached


class Preset(NamedTuple):
    """One rule for most options, and one for those whose drift outruns their deviation.

    Error of the price relative to max(price, 1 % of the spot), from an hour to ten years, vol 1 to 300 %, rates and
    yields -5 to 20 %, 99 of 100 and the largest of 800,000: FAST 3e-5 and 6e-4, ACCURATE 3e-6 and 3e-5. REFERENCE is
    within 1e-6 of QuantLib's finest schemes over 50,000 options, next to no interest and years of yields below zero
    among them.
    """

    calm: Rule
    steep: Rule


FAST = Preset(make_rule(6, 7, 7, 13, 1), make_rule(8, 6, 10, 32, 2))
ACCURATE = Preset(make_rule(8, 6, 10, 21, 2), make_rule(12, 8, 16, 48, 2))
REFERENCE = Preset(make_rule(18, 12, 24, 64, 3), make_rule(24, 16, 32, 96, 3))

EUROPEAN_GROUP, CALM_GROUP, STEEP_GROUP = range(3)


@njit(cache=True, error_model="numpy", nogil=True)
def value_american(options: Floats, preset: Preset, out: Floats, standing: Standings) -> None:
    """Price each option that may be exercised at any time; tell its delta, gamma and theta.

    Parameters
    ----------
    options : float64[7, n]
        Rows SPOT and STRIKE above zero, YEARS, VOL, RATE and DIVIDEND_YIELD (continuous annual decimals of any
        sign), SIGN (+1 call, -1 put).
    preset : Preset
        FAST, ACCURATE or REFERENCE.
    out : float64[4, n]
        Written: PRICE, DELTA and GAMMA per unit of spot, THETA per year of time passing. NaN where `standing` is
        TWO_BOUNDARIES (for a lattice) or OUTSIDE (the model, NaN included).
    standing : int8[n]
        Written: WAITS, EXERCISES (price intrinsic, delta the sign, the rest 0), NEVER_EARLY (the European value),
        CERTAIN (no time or no vol left), TWO_BOUNDARIES (put: dividend yield < rate < 0; call: mirrored), OUTSIDE.
    """
    work = new_workspace()
    members = np.empty(LANES, dtype=np.int64)
    for group in range(3):
        first = 0
        while first < options.shape[1]:
            count, first = next_members(options, standing, group, first, members)
            if count == 0:
                break
            load_tile(options, members[:count], standing, work)
            if group != EUROPEAN_GROUP:
                rule = preset.steep if group == STEEP_GROUP else preset.calm
                eb.solve_boundary(rule, work)
                ep.add_premium(rule, work)
            store_tile(options, members[:count], standing, work, out)


@njit(cache=True, error_model="numpy")
def new_workspace() -> Floats:
    """Scratch of one tile, on a boundary of 64 bytes: vectors that straddle cache lines are slow."""
    block = np.empty(et.ROWS * LANES + 8)
    block[: et.JACOBIAN * LANES + 8] = 0.0
    skip = (64 - block.ctypes.data % 64) % 64 // 8
    return block[skip : skip + et.ROWS * LANES]


@njit(cache=True, error_model="numpy")
def next_members(
    options: Floats, standing: Standings, group: int, first: int, members: Members
) -> tuple[int, int]:
    """Fill `members` with the next options of a group; say how many, and where to go on."""
    count = 0
    for i in range(first, options.shape[1]):
        if group == EUROPEAN_GROUP:
            standing[i] = standing_of(options[:, i])
        if _group_of(options[:, i], standing[i]) == group:
            members[count] = i
            count += 1
            if count == LANES:
                return count, i + 1
    return count, options.shape[1]


@njit(cache=True, error_model="numpy")
def _group_of(option: Floats, standing: int) -> int:
    if standing not in (WAITS, EXERCISES):
        return EUROPEAN_GROUP
    drift = (option[DIVIDEND_YIELD] - option[RATE]) * option[SIGN] * math.sqrt(option[YEARS])
    interest = option[DIVIDEND_YIELD] if option[SIGN] > 0.0 else option[RATE]
    calm = _STEEP_DOWN * option[VOL] < drift < _STEEP_UP * option[VOL]
    calm = calm and interest > _SMALL_INTEREST * option[VOL] * option[VOL]
    return CALM_GROUP if calm else STEEP_GROUP


@njit(cache=True, error_model="numpy")
def load_tile(options: Floats, members: Members, standing: Standings, work: Floats) -> None:
    """Lay up to LANES options out as puts of strike one; lanes without a member repeat the first.

    Lanes without a boundary get a plain put in the rows that the boundary is solved from.
    """
    for j in range(LANES):
        i = members[j] if j < members.size else members[0]
        spot, strike = options[SPOT, i], options[STRIKE, i]
        rate, dividend = options[RATE, i], options[DIVIDEND_YIELD, i]
        if options[SIGN, i] > 0.0:
            spot, strike = strike, spot
            rate, dividend = dividend, rate
        early = standing[i] == WAITS
        priced = early or standing[i] == NEVER_EARLY
        years = options[YEARS, i]
        if early:
            years = years_that_matter(years, rate - dividend, options[VOL, i])
        work[ep.EARLY * LANES + j] = 1.0 if early else 0.0
        work[ep.LOG_SPOT * LANES + j] = log_ratio(spot, strike) if priced else 0.0
        work[et.RATE * LANES + j] = (
            (max(rate * years, _RATE_MIN) if early else rate * years) if priced else 0.05
        )
        work[et.YIELD * LANES + j] = dividend * years if priced else 0.0
        work[et.DEVIATION * LANES + j] = options[VOL, i] * math.sqrt(years) if priced else 0.2
    ep.add_european(work)


@njit(cache=True, error_model="numpy")
def years_that_matter(years: float, drift: float, vol: float) -> float:
    """Life of a put up to where its drift, above zero, has carried it off for good."""
    if drift > 0.0 and drift * math.sqrt(years) > _DRIFT_MAX * vol:
        return (_DRIFT_MAX * vol / drift) ** 2
    return years


@njit(cache=True, error_model="numpy")
def standing_of(option: Floats) -> int:
    """Say what kind of case an option is, EXERCISES excepted; `option` is a column of `value_american`."""
    spot, strike, years, vol = option[SPOT], option[STRIKE], option[YEARS], option[VOL]
    rate, dividend, sign = option[RATE], option[DIVIDEND_YIELD], option[SIGN]
    deviation = vol * math.sqrt(years)
    inside = (
        0.0 < spot < _INFINITE
        and 0.0 < strike < _INFINITE
        and 0.0 < spot / strike < _INFINITE
        and years >= 0.0
        and vol >= 0.0
        and deviation <= _DEVIATION_MAX
        and abs(rate) * years <= _RATE_YEARS_MAX
        and abs(dividend) * years <= _RATE_YEARS_MAX
        and (sign == 1.0 or sign == -1.0)  # noqa: PLR1714 - a tuple is slower to compile
    )
    if not inside:
        return OUTSIDE
    if deviation < _DEVIATION_MIN:
        return CERTAIN
    if sign > 0.0:
        rate, dividend = dividend, rate
    if rate <= 0.0 and dividend >= rate:
        return NEVER_EARLY
    return TWO_BOUNDARIES if rate < 0.0 else WAITS


@njit(cache=True, error_model="numpy")
def store_tile(options: Floats, members: Members, standing: Standings, work: Floats, out: Floats) -> None:
    """Turn the tile's puts back into the options they came from."""
    for j in range(members.size):
        i = members[j]
        if standing[i] == WAITS and is_beyond(j, work):
            standing[i] = EXERCISES
        kind = standing[i]
        if kind in (TWO_BOUNDARIES, OUTSIDE):
            out[:, i] = _NAN
        elif kind == EXERCISES:
            store_certain(options[:, i], 0.0, out[:, i])
        elif kind == CERTAIN:
            store_certain(options[:, i], best_certain_time(options[:, i]), out[:, i])
        else:
            _store_put(j, options[:, i], work, out[:, i])


@njit(cache=True, error_model="numpy")
def is_beyond(j: int, work: Floats) -> bool:
    """Say whether a put of the tile is better exercised now, by its boundary and by its European value."""
    spot = exponential(work[ep.LOG_SPOT * LANES + j])
    return bool(spot <= work[ep.BOUNDARY * LANES + j] and 1.0 - spot >= work[ep.EUROPEAN * LANES + j])


@njit(cache=True, error_model="numpy")
def _store_put(i: int, option: Floats, work: Floats, out: Floats) -> None:
    spot, strike, sign = option[SPOT], option[STRIKE], option[SIGN]
    rate, dividend, vol = option[RATE], option[DIVIDEND_YIELD], option[VOL]
    early = work[ep.EARLY * LANES + i]
    value = work[ep.EUROPEAN * LANES + i] + early * max(work[ep.PREMIUM * LANES + i], 0.0)
    slope = work[ep.EUROPEAN_SLOPE * LANES + i] + early * work[ep.SLOPE * LANES + i]
    bend = work[ep.EUROPEAN_BEND * LANES + i] + early * work[ep.BEND * LANES + i]
    if sign > 0.0:
        ratio = strike / spot
        price, delta, gamma = spot * value, value - ratio * slope, ratio * ratio * bend / spot
    else:
        price, delta, gamma = strike * value, slope, bend / strike
    price = max(price, sign * (spot - strike))
    out[PRICE] = price
    out[DELTA] = delta
    out[GAMMA] = gamma
    out[THETA] = rate * price - (rate - dividend) * spot * delta - 0.5 * vol * vol * spot * spot * gamma


@njit(cache=True, error_model="numpy")
def best_certain_time(option: Floats) -> float:
    """When to exercise if the spot follows its forward for certain; the expiry if it never pays."""
    spot, strike, years = option[SPOT], option[STRIKE], option[YEARS]
    rate, dividend, sign = option[RATE], option[DIVIDEND_YIELD], option[SIGN]
    best: float = 0.0
    when: float = years
    turn: float = years
    if rate != dividend and rate * dividend > 0.0:
        turn = math.log(dividend * spot / (rate * strike)) / (dividend - rate)
    for time in (years, min(max(turn, 0.0), years), 0.0):
        worth = sign * (spot * math.exp(-dividend * time) - strike * math.exp(-rate * time))
        if worth >= best:
            best, when = worth, time
    return when


@njit(cache=True, error_model="numpy")
def store_certain(option: Floats, when: float, out: Floats) -> None:
    """Value of exercise at a known time; delta is half a step exactly at the strike."""
    spot, strike, sign = option[SPOT], option[STRIKE], option[SIGN]
    rate, dividend = option[RATE], option[DIVIDEND_YIELD]
    shares, cash = spot * math.exp(-dividend * when), strike * math.exp(-rate * when)
    worth = sign * (shares - cash)
    step = 0.5 if worth == 0.0 else (1.0 if worth > 0.0 else 0.0)
    out[PRICE] = max(worth, 0.0)
    out[DELTA] = step * sign * shares / spot
    out[GAMMA] = 0.0
    out[THETA] = step * sign * (dividend * shares - rate * cash) if when > 0.0 else 0.0
