"""Where the nodes of a dividend grid stand, what they hold at expiry, and what a dividend does to them.

Between two dividends a lane has its own grid: it covers what the spot can reach from today, as far as the value bends
there, and meets the next grid by interpolation at the ex-date. So dividends are never rounded to a time step, and a
dividend hours after today has a narrow, fine grid of its own. A grid may travel at the drift of the spot, which leaves
pure diffusion; it stands still where early exercise holds the value in place. At the ex-date a spot below the dividend
falls to 0 (the liquidator policy: no more is paid than there is).

Sources: M. Vellekoop and J. Nieuwenhuis, "Efficient pricing of derivatives on assets with discrete dividends", Applied
Mathematical Finance 13 (2006) 265-284, for the interpolation; H.-O. Kreiss, V. Thomee and O. Widlund, "Smoothing of
initial data and rates of convergence for parabolic difference equations", Communications on Pure and Applied
Mathematics 23 (1970) 241-259, for the weight of a kink, here from the Euler-Maclaurin sum.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.grid_reading import end_line, interpolate, value_ceiling
from flatbook.kernels.grid_sweep import (
    AMERICAN,
    AMOUNT,
    COSH_LESS_1,
    END,
    FIRST,
    GROWTH,
    LANES,
    LENGTH,
    PLACED_RATE,
    PLACED_VOL,
    PLACED_YIELD,
    SHOCK,
    SIGN,
    SINH,
    SPEED,
    SPOT,
    STEP,
    STRIKE,
    YEARS,
)

Floats = NDArray[np.float64]

_DEVIATIONS = 4.2  # how far the spot, or the strike's influence, is followed
_SHARES_LOW = 9.0  # a call is next to never paid once the spot has fallen by so much in its logarithm
_MORE_PER_DEVIATION, _MORE_MAX = 0.25, 1.8  # farther than that for what deviates by more than 1 to expiry
_MARGIN = 3.0  # nodes beyond that, so that interpolation and both ends have room
_LEAST_LEFT = 0.05  # share of the spot that dividends leave when nodes are placed
_FINEST = 0.004  # deviations to expiry: finer nodes would only lose digits
_NARROWEST = 0.2  # of reach and bend: where they share less, the grid keeps its full reach
_PECLET_MAX = 4.0  # drift * step / diffusion above which a grid that stands still would blur
_SERIES_MAX = 0.125  # argument up to which the logarithm is a short series
_AT_STRIKE = 1e-3  # of a step
# Rows of what a lane needs on its way over an ex-date.
_SHIFT, _PER_STEP, _RATIO, _SHRINK, _LEVEL, _SLOPE, _FAR_LEVEL, _FAR_SLOPE, _CEILING = range(9)
_CROSSING_ROWS = 9


@njit(cache=True, error_model="numpy")
def place_nodes(options: Floats, segments: Floats, which: int, last: int, nodes: int, spots: Floats) -> None:
    """Lay out the grid of segment `which` for every lane, and write its spots at the segment's end.

    `spots`, float64[nodes + 2, LANES], starts one node below index 0.
    """
    segment = segments[which]
    for lane in range(LANES):
        segment[SPEED, lane] = _speed(options, segments, which, lane, nodes)
        low, high = _reach(options, segments, which, lane)
        bend_low, bend_high = _bend(options, segments, which, last, lane)
        least = _NARROWEST * min(high - low, bend_high - bend_low)
        bend_low, bend_high = max(low, bend_low), min(high, bend_high)
        today = math.log(options[SPOT, lane]) + segment[SPEED, lane] * segment[LENGTH, lane]
        if which == 0:
            bend_low, bend_high = min(bend_low, today), max(bend_high, today)
        if bend_high - bend_low >= least:
            low, high = bend_low, bend_high
        size = (high - low) / (nodes - 1.0 - 2.0 * _MARGIN)
        left = options[YEARS, lane] - segment[END, lane] + segment[LENGTH, lane]
        size = max(size, _FINEST * options[PLACED_VOL, lane] * math.sqrt(left))
        put = options[SIGN, lane] < 0.0
        step = size if put else -size
        first = low - _MARGIN * size if put else high + _MARGIN * size
        place = (math.log(_kink(options, segments, which, last, lane)) - first) / step
        first += (place - math.floor(place + 0.5)) * step
        segment[FIRST, lane], segment[STEP, lane] = first, step
        segment[GROWTH, lane], segment[SINH, lane] = math.exp(step), math.sinh(step)
        segment[COSH_LESS_1, lane] = 2.0 * math.sinh(0.5 * step) ** 2
        spot = math.exp(first - step)
        for i in range(nodes + 2):
            spots[i, lane] = spot
            spot *= segment[GROWTH, lane]


@njit(cache=True, error_model="numpy")
def _drift(options: Floats, lane: int) -> float:
    vol: float = options[PLACED_VOL, lane]
    drift: float = options[PLACED_RATE, lane] - options[PLACED_YIELD, lane] - 0.5 * vol * vol
    return drift


@njit(cache=True, error_model="numpy")
def _deviations(options: Floats, lane: int) -> float:
    if options[SIGN, lane] > 0.0:
        return _DEVIATIONS
    more: float = _MORE_PER_DEVIATION * (options[PLACED_VOL, lane] * math.sqrt(options[YEARS, lane]) - 1.0)
    return _DEVIATIONS + min(max(more, 0.0), _MORE_MAX)


@njit(cache=True, error_model="numpy")
def _speed(options: Floats, segments: Floats, which: int, lane: int, nodes: int) -> float:
    """Speed of the grid in log spot: the drift, or 0 where the drift leads away from the exercise region."""
    drift = _drift(options, lane)
    vol, sign = options[PLACED_VOL, lane], options[SIGN, lane]
    carried = options[PLACED_RATE, lane] if sign < 0.0 else options[PLACED_YIELD, lane]
    if not (options[AMERICAN, lane] > 0.0 and sign * drift < 0.0 and carried > 0.0):
        return drift
    wide = (
        2.0 * _deviations(options, lane) * vol * math.sqrt(segments[which, END, lane])
        + abs(drift) * segments[which, LENGTH, lane]
    )
    return 0.0 if abs(drift) * wide / nodes < _PECLET_MAX * 0.5 * vol * vol else drift


@njit(cache=True, error_model="numpy")
def _reach(options: Floats, segments: Floats, which: int, lane: int) -> tuple[float, float]:
    """Log spots, in the coordinate of the grid, that can be met in the segment from today's spot."""
    drift, spot, vol = _drift(options, lane), options[SPOT, lane], options[PLACED_VOL, lane]
    end, length = segments[which, END, lane], segments[which, LENGTH, lane]
    start = max(end - length, 0.0)
    deviations, net, turn = _deviations(options, lane), drift - segments[which, SPEED, lane], end
    if net != 0.0:  # where the drift across the grid overtakes the spread
        turn = min(max((0.5 * deviations * vol / net) ** 2, start), end)
    low, high = math.inf, -math.inf
    for time in (start, turn, end):
        spread = deviations * vol * math.sqrt(time) + options[SHOCK, lane]
        rise = (
            vol * vol * time if options[SIGN, lane] > 0.0 else 0.0
        )  # a call is worth what it pays in shares
        paid = 0.0
        for k in range(which):
            paid += segments[k, AMOUNT, lane] * math.exp(drift * (time - segments[k, END, lane]))
        travelled = segments[which, SPEED, lane] * (end - time)
        top = spot * math.exp(drift * time + spread + rise)
        bottom = spot * math.exp(drift * time - spread + min(0.5 * rise, max(spread - _SHARES_LOW, 0.0)))
        high = max(high, math.log(max(top - paid, _LEAST_LEFT * top)) + travelled)
        low = min(low, math.log(max(bottom - paid, _LEAST_LEFT * bottom)) + travelled)
    return low, high


@njit(cache=True, error_model="numpy")
def _bend(options: Floats, segments: Floats, which: int, last: int, lane: int) -> tuple[float, float]:
    """Log spots outside of which the value is a straight line in the spot throughout the segment."""
    drift, strike = _drift(options, lane), options[STRIKE, lane]
    length, years = segments[which, LENGTH, lane], options[YEARS, lane]
    start = segments[which, END, lane] - length
    spread = _deviations(options, lane) * options[PLACED_VOL, lane] * math.sqrt(max(years - start, 0.0))
    leading, plain = strike * math.exp(-drift * (years - start)), strike
    for k in range(which, last):
        leading += segments[k, AMOUNT, lane] * math.exp(-drift * (segments[k, END, lane] - start))
        plain += segments[k, AMOUNT, lane]
    travelled = segments[which, SPEED, lane] * length
    low = min(math.log(min(leading, plain)) + min(travelled, 0.0), math.log(strike))
    high = max(math.log(max(leading, plain)) + max(travelled, 0.0), math.log(strike))
    rate, carry = options[PLACED_RATE, lane], options[PLACED_YIELD, lane]
    if options[AMERICAN, lane] > 0.0 and rate * carry > 0.0:
        limit = math.log(strike * rate / carry)  # an exercise boundary at expiry
        if options[SIGN, lane] < 0.0:
            low = min(low, limit)
        else:
            high = max(high, limit)
    if options[SIGN, lane] < 0.0 and plain > strike:
        low = min(
            low, math.log(plain - strike)
        )  # a dividend paid in part leaves the put below its straight line
    if options[AMERICAN, lane] > 0.0 and carry < 0.0 and which < last:
        # exercise at a dividend pays near the strike only: a spot that grows is held on to, however deep
        if options[SIGN, lane] < 0.0:
            low = -math.inf
        else:
            high = math.inf
    return low - spread, high + spread


@njit(cache=True, error_model="numpy")
def _kink(options: Floats, segments: Floats, which: int, last: int, lane: int) -> float:
    """Spot at the end of a segment, before its dividend, from which the drift leads to the strike at expiry."""
    drift, end = _drift(options, lane), segments[which, END, lane]
    spot: float = options[STRIKE, lane] * math.exp(-drift * (options[YEARS, lane] - end))
    for k in range(which, last):
        spot += segments[k, AMOUNT, lane] * math.exp(-drift * (segments[k, END, lane] - end))
    return spot


@njit(cache=True, error_model="numpy")
def fill_payoff(values: Floats, spots: Floats, options: Floats, segment: Floats, nodes: int) -> None:
    """Write the payoff at expiry; the node at the strike gets the weight of the kink."""
    for lane in range(LANES):
        strike, sign, size = options[STRIKE, lane], options[SIGN, lane], abs(segment[STEP, lane])
        for i in range(nodes):
            gain = sign * (spots[i + 1, lane] - strike)
            at_strike = abs(gain) < _AT_STRIKE * size * strike
            values[i, lane] = strike * size / 12.0 if at_strike else max(gain, 0.0)


@njit(cache=True, error_model="numpy")
def cross_dividend(
    values: Floats,
    later_values: Floats,
    spots: Floats,
    options: Floats,
    segments: Floats,
    spans: tuple[int, int, int],
) -> None:
    """Write into `values` the worth just before the dividend that ends a segment: the best of exercise and hold.

    `spans` is (which segment, the last one, nodes).
    """
    which, last, nodes = spans
    segment, later = segments[which], segments[which + 1]
    crossing = np.empty((_CROSSING_ROWS, LANES))
    for lane in range(LANES):
        first = later[FIRST, lane] - later[SPEED, lane] * later[LENGTH, lane]
        size = later[STEP, lane]
        crossing[_SHIFT, lane] = segment[FIRST, lane] - first
        crossing[_PER_STEP, lane] = 1.0 / size
        crossing[_RATIO, lane] = segment[AMOUNT, lane] / spots[1, lane]
        crossing[_SHRINK, lane] = 1.0 / segment[GROWTH, lane]
        crossing[_LEVEL, lane], crossing[_SLOPE, lane] = end_line(later_values, lane, 0, 1, first, size)
        crossing[_FAR_LEVEL, lane], crossing[_FAR_SLOPE, lane] = end_line(
            later_values, lane, nodes - 1, nodes - 2, first, size
        )
        left = options[YEARS, lane] - segment[END, lane]
        crossing[_CEILING, lane] = value_ceiling(options, lane, left)
    for i in range(nodes):
        for lane in range(LANES):
            ratio = crossing[_RATIO, lane]
            crossing[_RATIO, lane] = ratio * crossing[_SHRINK, lane]
            place = crossing[_SHIFT, lane] + i * segment[STEP, lane] + _log_of_rest(ratio)
            place *= crossing[_PER_STEP, lane]
            if 0.0 <= place <= nodes - 1.0:
                values[i, lane] = interpolate(later_values, lane, nodes, place)
            else:
                spot = max(spots[i + 1, lane] - segment[AMOUNT, lane], 0.0)
                near = crossing[_LEVEL, lane] + crossing[_SLOPE, lane] * spot
                far = crossing[_FAR_LEVEL, lane] + crossing[_FAR_SLOPE, lane] * spot
                beyond = near if place < 0.0 else far
                if options[AMERICAN, lane] > 0.0:
                    beyond = max(beyond, options[SIGN, lane] * (spot - options[STRIKE, lane]))
                values[i, lane] = min(max(beyond, 0.0), crossing[_CEILING, lane])
    for lane in range(LANES):
        early = options[AMERICAN, lane] > 0.0
        if early:
            _exercise_before(values, spots, options, lane, nodes)
        strike, sign = options[STRIKE, lane], options[SIGN, lane]
        kink = math.log(_kink(options, segments, which, last, lane)) - segment[FIRST, lane]
        i = int(kink / segment[STEP, lane] + 0.5)
        if 0 < i < nodes - 1 and not (early and sign * (spots[i + 1, lane] - strike) >= values[i, lane]):
            size = abs(segment[STEP, lane])
            left = options[YEARS, lane] - segment[END, lane]
            blurred = options[PLACED_VOL, lane] * math.sqrt(left) / size
            values[i, lane] += spots[i + 1, lane] * size / 12.0 * _sharpness(blurred)


@njit(cache=True, error_model="numpy")
def _exercise_before(values: Floats, spots: Floats, options: Floats, lane: int, nodes: int) -> None:
    """Take the better of exercise and hold, and weigh the kink where one turns into the other."""
    strike, sign, before = options[STRIKE, lane], options[SIGN, lane], 0.0
    for i in range(nodes):
        gain = sign * (spots[i + 1, lane] - strike) - values[i, lane]
        if gain > 0.0:
            values[i, lane] += gain
        elif i > 0 and before > 0.0:
            _weigh_kink(values, lane, i, before, gain)
        before = gain


@njit(cache=True, error_model="numpy")
def _sharpness(blurred: float) -> float:
    """Share of a kink's weight that is left once it is blurred by a normal of that deviation, in steps."""
    if blurred < 0.02:
        return 1.0
    share, base = 0.0, math.exp(-2.0 * math.pi * math.pi * blurred * blurred)
    for k in range(1, 9):
        share += base ** (k * k) / (k * k)
    return share * 6.0 / (math.pi * math.pi)


@njit(cache=True, error_model="numpy")
def _log_of_rest(ratio: float) -> float:
    """Logarithm of 1 - ratio, for a ratio not below 0; far below anything where nothing is left."""
    if ratio > _SERIES_MAX:
        return math.log(1.0 - ratio) if ratio < 1.0 else -1e300
    tail = 1.0 / 6.0 + ratio * (1.0 / 7.0 + ratio * (1.0 / 8.0 + ratio * (1.0 / 9.0)))
    return -ratio * (
        1.0 + ratio * (0.5 + ratio * (1.0 / 3.0 + ratio * (0.25 + ratio * (0.2 + ratio * tail))))
    )


@njit(cache=True, error_model="numpy")
def _weigh_kink(values: Floats, lane: int, i: int, before: float, gain: float) -> None:
    """Spread the weight of the kink between nodes i - 1 and i, where exercise stops paying."""
    jump = before - gain
    up = before / jump
    rest = 1.0 - up
    second = rest * rest - rest + 1.0 / 6.0  # Bernoulli polynomials
    third = rest * (rest * rest - 1.5 * rest + 0.5)
    values[i, lane] += jump * (third / 3.0 + 0.5 * up * second)
    values[i - 1, lane] += jump * (0.5 * rest * second - third / 3.0)
