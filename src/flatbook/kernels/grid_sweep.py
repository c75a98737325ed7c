"""One implicit step on a tile of 16 grids at once, with exact early exercise.

Each lane of a tile is a grid of its own, uniform in the logarithm of the spot, so the matrix of a step has constant
rows and factors exactly into two first-order recursions, up and down (no stored factors). A step of any length
therefore costs the same. The scheme is M V' = L V with M = 1 + theta L, fourth order in space; since M is a mix of 1
and the matrix that is inverted, the order is free. Index 0 is the end where one exercises (low spots for a put, high
ones for a call), so that the last recursion applies the exercise value exactly.

Sources: M. Brennan and E. Schwartz, "The valuation of American put options", J. Finance 32 (1977) 449-462, for the
recursion; S. Crandall, "An optimum implicit recurrence formula for the heat conduction equation", Quarterly of Applied
Mathematics 13 (1955) 318-320, for the fourth order; R. Howard, "Dynamic Programming and Markov Processes" (1960), for
the exercise region in the middle. The recursions are written as LLVM vectors because Numba's loop vectoriser leaves
them scalar, six times slower; without the compiler they run as the plain loops that bear their name.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LANES = 16
# Rows of a tile of options, float64[OPTION_ROWS, LANES]. The PLACED rows say for which vol and rates the grid was laid.
SPOT, STRIKE, YEARS, VOL, RATE, YIELD, SIGN, AMERICAN, PLACED_VOL, PLACED_RATE, PLACED_YIELD, SHOCK = range(
    12
)
OPTION_ROWS = 12
# Rows of each segment between dividends, float64[segments, SEGMENT_ROWS, LANES]. Node i at the segment's end stands at
# exp(FIRST + i * STEP); before it, at that times exp(SPEED * (time - END)).
END, LENGTH, AMOUNT, FIRST, STEP, SPEED, GROWTH, SINH, COSH_LESS_1 = range(9)
SEGMENT_ROWS = 9
# Rows of a step's coefficients, float64[COEFFICIENT_ROWS, LANES].
(
    _DOWN,
    _UP,
    _GAIN,
    _KEEP,
    _EXERCISE,
    _EXERCISE_SLOPE,
    _TOP_LEVEL,
    _TOP_SLOPE,
    _LOW_LEVEL,
    _LOW_SLOPE,
    _PIVOT,
) = range(11)
COEFFICIENT_ROWS = 11

_NEVER = -1e300  # an exercise value below anything
_THETA_SHARE = 0.5  # of the implicit time: keeps the inverted matrix diagonally dominant
_HOWARD_ROUNDS = 8


@njit(cache=True, error_model="numpy")
def fill_coefficients(
    co: Floats, options: Floats, segment: Floats, before: float, after: float, euler: bool
) -> None:
    """Write the coefficients of one step, from share `before` to share `after` of the segment's length, backwards.

    An Euler step is fully implicit; the other is Crank-Nicolson's.
    """
    for lane in range(LANES):
        vol, rate, speed = options[VOL, lane], options[RATE, lane], segment[SPEED, lane]
        length, h = segment[LENGTH, lane], segment[STEP, lane]
        dt = (after - before) * length
        weight = 1.0 if euler else 0.5
        diffusion = 0.5 * vol * vol
        theta = min(h * h / (12.0 * diffusion), _THETA_SHARE * weight * dt)
        implicit = weight * dt - theta
        drift = rate - options[YIELD, lane] - diffusion - speed
        spread = diffusion + theta * (drift * drift - 2.0 * rate * diffusion)
        # a constant shrinks at the rate and the spot at the yield exactly: these two fix the level and the drift
        level = rate / (1.0 + theta * rate)
        fall = options[YIELD, lane] + speed
        spot_growth = -fall / (1.0 + theta * fall)
        both = 2.0 * spread / (h * h)
        tilt = (spot_growth + level - both * segment[COSH_LESS_1, lane]) / segment[SINH, lane]
        below, above = implicit * 0.5 * (both - tilt), implicit * 0.5 * (both + tilt)
        middle = 1.0 + implicit * (both + level)
        pivot = 0.5 * (middle + math.sqrt(max(middle * middle - 4.0 * below * above, 0.0)))
        gain, per_pivot = dt / implicit, 1.0 / pivot
        down = above * per_pivot
        co[_DOWN, lane] = down
        co[_UP, lane] = below * per_pivot
        co[_GAIN, lane] = gain * per_pivot
        co[_KEEP, lane] = 1.0 - gain
        co[_PIVOT, lane] = pivot
        co[_TOP_LEVEL, lane] = 1.0 / (1.0 - down)
        co[_TOP_SLOPE, lane] = 1.0 / (1.0 - down * segment[GROWTH, lane])
        co[_LOW_LEVEL, lane] = gain / (1.0 + implicit * level)
        co[_LOW_SLOPE, lane] = gain / (1.0 - implicit * spot_growth)
    for lane in range(LANES):
        sign, speed = options[SIGN, lane], segment[SPEED, lane]
        early = options[AMERICAN, lane] > 0.0
        travelled = math.exp(-speed * after * segment[LENGTH, lane]) if early and speed != 0.0 else 1.0
        co[_EXERCISE, lane] = -sign * options[STRIKE, lane] if early else _NEVER
        co[_EXERCISE_SLOPE, lane] = sign * travelled if early else 0.0


@njit(cache=True, error_model="numpy")
def step(values: Floats, work: Floats, spots: Floats, co: Floats, nodes: int, two_sided: bool) -> None:
    """Take `values`, float64[nodes, LANES], one step back in time in place.

    `work` and `spots` are float64[nodes + 2, LANES] and start one node below index 0. Beyond its ends a grid is
    continued as a constant plus a multiple of the spot. `two_sided` says that the exercise region may be bounded on
    both sides.
    """
    for lane in range(LANES):
        s1, s2 = spots[nodes, lane], spots[nodes - 1, lane]
        slope = (values[nodes - 1, lane] - values[nodes - 2, lane]) / (s1 - s2)
        level = values[nodes - 1, lane] - slope * s1
        work[nodes + 1, lane] = (
            level * co[_TOP_LEVEL, lane] + slope * spots[nodes + 1, lane] * co[_TOP_SLOPE, lane]
        )
        s0, s1, s2 = spots[0, lane], spots[1, lane], spots[2, lane]
        slope = (values[1, lane] - values[0, lane]) / (s2 - s1)
        level = values[0, lane] - slope * s1
        exercised = (
            co[_EXERCISE, lane] + co[_EXERCISE_SLOPE, lane] * s0 - co[_KEEP, lane] * (level + slope * s0)
        )
        work[0, lane] = max(level * co[_LOW_LEVEL, lane] + slope * s0 * co[_LOW_SLOPE, lane], exercised)
    if two_sided:
        for lane in range(LANES):
            _sweep_two_sided(values, work, spots, co, nodes, lane)
    else:
        sweep(values, work, spots, co, nodes)


@njit(cache=True, error_model="numpy")
def _sweep_two_sided(values: Floats, work: Floats, spots: Floats, co: Floats, nodes: int, lane: int) -> None:
    """The step of `sweep` for one lane by policy iteration, whatever the shape of the exercise region."""
    down, up, pivot, keep = co[_DOWN, lane], co[_UP, lane], co[_PIVOT, lane], co[_KEEP, lane]
    middle, gain = 1.0 + down * up, co[_GAIN, lane]
    inner = np.empty(nodes)  # solution, in the units of `work`
    factor = np.empty(nodes)
    floor = np.empty(nodes)
    active = np.zeros(nodes, dtype=np.bool_)
    top = work[nodes + 1, lane]
    for i in range(nodes):
        floor[i] = (
            co[_EXERCISE, lane] + co[_EXERCISE_SLOPE, lane] * spots[i + 1, lane] - keep * values[i, lane]
        )
    for _ in range(_HOWARD_ROUNDS):
        below, rise = work[0, lane], 0.0  # inner[i] = below + rise * inner[i + 1] once row i is eliminated
        for i in range(nodes):
            if active[i]:
                below, rise = floor[i], 0.0
            elif i < nodes - 1:
                share = 1.0 / (middle - up * rise)
                below, rise = (gain * values[i, lane] + up * below) * share, down * share
            else:
                below = (gain * (values[i, lane] + down * top) + up * below) / (1.0 - up * rise)
                rise = 0.0
            inner[i], factor[i] = below, rise
        for i in range(nodes - 2, -1, -1):
            inner[i] += factor[i] * inner[i + 1]
        changed = False
        for i in range(nodes):
            previous = inner[i - 1] if i > 0 else work[0, lane]
            if i < nodes - 1:
                rest = middle * inner[i] - up * previous - down * inner[i + 1] - gain * values[i, lane]
            else:
                rest = inner[i] - up * previous - gain * (values[i, lane] + down * top)
            better = inner[i] - floor[i] < pivot * rest
            changed = changed or better != active[i]
            active[i] = better
        if not changed:
            break
    for i in range(nodes):
        values[i, lane] = max(inner[i], floor[i]) + keep * values[i, lane]


def sweep(values: Any, work: Any, spots: Any, co: Any, nodes: Any) -> None:
    """Solve one step of every lane in place: eliminate from the top, then rise from index 0, never below exercise.

    Arrays as for `step`; `work[0]` and `work[nodes + 1]` hold what lies beyond the ends.
    """
    for i in range(nodes - 1, -1, -1):
        work[i + 1] = values[i] + co[_DOWN] * work[i + 2]
    for i in range(nodes):
        kept = co[_KEEP] * values[i]
        exercised = co[_EXERCISE] + co[_EXERCISE_SLOPE] * spots[i + 1] - kept
        work[i + 1] = np.maximum(co[_GAIN] * work[i + 1] + co[_UP] * work[i], exercised)
        values[i] = work[i + 1] + kept


# What Numba asks of the two: a plain function that answers the compiled one, and the kinds of its arguments.
@overload(sweep, strict=False)
def _compiled_sweep(values: Any, work: Any, spots: Any, co: Any, nodes: Any) -> Callable[..., None]:  # noqa: ARG001
    return lambda values, work, spots, co, nodes: _vector_sweep(values, work, spots, co, nodes)  # type: ignore[call-arg]  # noqa: PLW0108


@intrinsic
def _vector_sweep(
    _typing: Any, values: Any, work: Any, spots: Any, co: Any, _nodes: Any
) -> tuple[Any, Callable[..., Any]]:
    return types.void(values, work, spots, co, types.intp), _emit_sweep


def _emit_sweep(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    values, work, spots, co = (
        _Rows(context, builder, kind, array)
        for kind, array in zip(signature.args[:4], arguments[:4], strict=True)
    )
    nodes = arguments[4]
    one = nodes.type(1)
    down, up, gain, keep, exercise, slope = (
        co.load(nodes.type(row)) for row in (_DOWN, _UP, _GAIN, _KEEP, _EXERCISE, _EXERCISE_SLOPE)
    )
    above_top = work.load(builder.add(nodes, one))
    carried = cgutils.alloca_once_value(builder, above_top)  # type: ignore[no-untyped-call]
    with cgutils.for_range(builder, nodes) as loop:
        i = builder.sub(builder.sub(nodes, one), loop.index)
        eliminated = _fused(builder, down, builder.load(carried), values.load(i))
        builder.store(eliminated, carried)
        work.store(builder.add(i, one), eliminated)
    builder.store(work.load(nodes.type(0)), carried)
    with cgutils.for_range(builder, nodes) as loop:
        above = builder.add(loop.index, one)
        kept = builder.fmul(keep, values.load(loop.index))
        exercised = builder.fsub(_fused(builder, slope, spots.load(above), exercise), kept)
        held = _fused(builder, up, builder.load(carried), builder.fmul(gain, work.load(above)))
        best = builder.select(builder.fcmp_ordered(">", exercised, held), exercised, held)
        builder.store(best, carried)
        values.store(loop.index, builder.fadd(best, kept))
    return context.get_dummy_value()


_VECTOR = ir.VectorType(ir.DoubleType(), LANES)


class _Rows:
    """A C-contiguous float64[:, LANES] whose rows are read and written as one vector."""

    def __init__(self, context: Any, builder: Any, kind: Any, array: Any) -> None:
        self.builder = builder
        self.start = context.make_array(kind)(context, builder, array).data

    def _at(self, row: Any) -> Any:
        place = self.builder.gep(self.start, [self.builder.mul(row, row.type(LANES))])
        return self.builder.bitcast(place, _VECTOR.as_pointer())

    def load(self, row: Any) -> Any:
        """Emit the reading of a row."""
        vector = self.builder.load(self._at(row))
        vector.align = 8
        return vector

    def store(self, row: Any, vector: Any) -> None:
        """Emit the writing of a row."""
        self.builder.store(vector, self._at(row)).align = 8


def _fused(builder: Any, a: Any, b: Any, c: Any) -> Any:
    kind, name = ir.FunctionType(_VECTOR, (_VECTOR, _VECTOR, _VECTOR)), f"llvm.fma.v{LANES}f64"
    fused = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
    return builder.call(fused, (a, b, c))
