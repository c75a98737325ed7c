"""Hot loops fill wide vectors, and the guard that says so sees each of them when it is broken.

A loop that the compiler leaves scalar is several times slower and says nothing. Of each kernel a fresh copy is compiled
here and its arithmetic counted: on vectors of 256 or 512 bits, and on one number at a time. Where a loop reads one
array and writes another, the compiler adds a scalar copy for arrays that overlap, and may unroll it: so half as many of
the one as of the other are enough, where a broken loop has none.
"""

import inspect
import math
import platform
import re
import textwrap
from types import FunctionType

import pytest
from llvmlite import binding
from numba import njit

from flatbook.kernels import (
    exercise_boundary,
    exercise_premium,
    exercise_start,
    exercise_tile,
    premium_tile,
    table_slides,
    table_values,
    tick,
    tick_lanes,
)

_HAS_WIDE_VECTORS = platform.machine() in ("x86_64", "AMD64") and binding.get_host_cpu_features().get(
    "avx", False
)
pytestmark = pytest.mark.skipif(
    not _HAS_WIDE_VECTORS, reason="reads the assembly of an x86 processor with vectors of 256 bits or more"
)

_ARITHMETIC = r"\bv(?:mul|div|add|sub|sqrt|fn?m(?:add|sub)\d+)"
ONE, TWO = "void(float64[::1])", "void(float64[::1], float64[::1])"
# Each kernel with the types of its arguments.
LANES = [
    (tick_lanes._value_european, TWO),
    (tick_lanes._start, TWO),
    (tick_lanes._add_powers, TWO),
    (tick_lanes._value_american, TWO),
    (table_slides._find_parts, "void(float64[::1], float64, float64, float64, float64[::1])"),
    (table_slides._find_level, TWO),
    (table_slides._finish, "void(float64[::1], float64, float64[::1], float64[::1])"),
    (table_slides._keep, TWO),
    (tick._weigh, ONE),
    (tick._round_outward, "void(float64, float64, float64, float64[::1])"),
    (premium_tile._find_eta, TWO),
    (premium_tile._contract, "void(float64[::1], int64, float64[::1])"),
    (premium_tile._contract_levels, "void(float64[::1], int64, float64[::1])"),
    (table_values.measure_spots, TWO),
    (exercise_start.set_caps, ONE),
    (exercise_start._step_node, "void(float64, float64, float64[::1])"),
    (exercise_boundary._begin_row, "void(int64, float64, float64[::1])"),
    (exercise_boundary._add_time, "void(float64, float64[::1], float64, float64[::1])"),
    (exercise_premium._add_exercise, "void(float64[::1], float64, float64[::1])"),
    (exercise_premium._bridge, ONE),
    (exercise_premium.add_european, ONE),
]
# Loops over slices of one array: rows that the boundary's equations are made of.
ROWS = [
    (exercise_tile.weighted_sum, "void(float64[::1], int64, int64, int64, float64[::1])"),
    (exercise_tile.scale_row, "void(int64, int64, float64[::1])"),
    (exercise_tile.subtract_rows, "void(int64, int64, int64, float64[::1])"),
    (exercise_tile.invert_row, "void(int64, float64[::1])"),
]
WITH_SCALARS = [
    (tick_lanes._value_american, TWO),
    (exercise_boundary._begin_row, "void(int64, float64, float64[::1])"),
    (exercise_boundary._add_time, "void(float64, float64[::1], float64, float64[::1])"),
    (exercise_premium._add_exercise, "void(float64[::1], float64, float64[::1])"),
]


def compiled(function, signature):
    fresh = njit(error_model="numpy", fastmath={"contract"}, no_cpython_wrapper=True, no_cfunc_wrapper=True)(
        function
    )
    fresh.compile(signature)
    return fresh.inspect_asm(fresh.signatures[0])


def fills_wide_vectors(function, signature, least=0.5):
    """Whether it computes on wide vectors `least` times as much as on one number at a time, and calls nobody."""
    lines = compiled(function, signature).splitlines()
    wide = sum(1 for line in lines if re.search(_ARITHMETIC + r"pd\b.*%[yz]mm", line))
    single = sum(1 for line in lines if re.search(_ARITHMETIC + r"sd\b", line))
    return wide > 0 and wide >= least * single and not any(re.search(r"\bcallq?\b", line) for line in lines)


def with_computed_places(kernel, array):
    """A copy of a kernel whose loops take their places from what they read, so that no two are known to be neighbours."""
    source = textwrap.dedent(inspect.getsource(kernel.py_func))
    source = source[source.index("def ") :]
    broken, loops = re.subn(
        r"( *)for j in range\((.*)\):\n", rf"\1for j_ in range(\2):\n\1    j = int({array}[j_])\n", source
    )
    assert loops > 0
    names = dict(kernel.py_func.__globals__)
    exec(broken, names)  # noqa: S102 - the kernel's own text
    return names[kernel.py_func.__name__]


def name(argument):
    return getattr(argument, "__name__", "")


@pytest.mark.parametrize(("kernel", "signature"), LANES, ids=name)
def test_a_hot_loop_fills_wide_vectors(kernel, signature):
    assert fills_wide_vectors(kernel.py_func, signature)


@pytest.mark.parametrize(("kernel", "signature"), ROWS, ids=name)
def test_a_loop_over_rows_fills_wide_vectors(kernel, signature):
    """A loop of one line: its scalar copy, unrolled, and its remainder are several times as long as itself."""
    assert fills_wide_vectors(kernel.py_func, signature, least=0.1)


@pytest.mark.parametrize(("kernel", "signature"), LANES + ROWS, ids=name)
def test_the_guard_sees_a_copy_with_computed_places(kernel, signature):
    array = list(inspect.signature(kernel.py_func).parameters)[-1]

    assert not fills_wide_vectors(with_computed_places(kernel, array), signature, least=0.1)


@njit(error_model="numpy")
def library_exponential(x):
    return math.exp(x)


@pytest.mark.parametrize(("kernel", "signature"), WITH_SCALARS, ids=name)
def test_the_guard_sees_a_scalar_that_stays_a_call(kernel, signature):
    plain = kernel.py_func
    names = {**plain.__globals__, "exponential": library_exponential}
    for helper in ("density_at",):
        if helper in names:
            body = names[helper].py_func
            copy = FunctionType(
                body.__code__, {**body.__globals__, "exponential": library_exponential}, helper
            )
            names[helper] = njit(error_model="numpy", fastmath={"contract"}, forceinline=True)(copy)

    assert not fills_wide_vectors(FunctionType(plain.__code__, names, plain.__name__), signature)
