"""A step solves its complementarity problem in every lane, one-sided or two-sided, and stays vectorised."""

import platform
import re
from time import perf_counter

import numpy as np
import pytest
from numba import njit

from flatbook.kernels import grid_sweep
from flatbook.kernels.grid_sweep import (
    COEFFICIENT_ROWS,
    LANES,
    OPTION_ROWS,
    SEGMENT_ROWS,
    fill_coefficients,
    step,
    sweep,
)

NODES = 61
DOWN, UP, GAIN, KEEP, EXERCISE, SLOPE = range(6)


def tile(american=1.0, rate=0.05, dividend_yield=0.02):
    """Puts of 16 vols on grids around the strike, and the coefficients of one Crank-Nicolson step."""
    options, segment = np.zeros((OPTION_ROWS, LANES)), np.zeros((SEGMENT_ROWS, LANES))
    vol = np.linspace(0.1, 0.85, LANES)
    for row, entry in (("STRIKE", 100.0), ("VOL", vol), ("RATE", rate), ("YIELD", dividend_yield)):
        options[getattr(grid_sweep, row)] = entry
    options[grid_sweep.SIGN], options[grid_sweep.AMERICAN] = -1.0, american
    size = 8.0 * vol / NODES
    for row, entry in (("LENGTH", 1.0), ("STEP", size), ("GROWTH", np.exp(size)), ("SINH", np.sinh(size))):
        segment[getattr(grid_sweep, row)] = entry
    segment[grid_sweep.COSH_LESS_1] = np.cosh(size) - 1.0
    spots = 100.0 * np.exp((np.arange(-1, NODES + 1)[:, None] - NODES // 2) * size)
    co = np.zeros((COEFFICIENT_ROWS, LANES))
    fill_coefficients(co, options, segment, 0.0, 0.03, False)
    return np.maximum(100.0 - spots[1:-1], 0.0), np.zeros((NODES + 2, LANES)), spots, co


def test_the_vectors_do_what_the_plain_loop_says():
    values, work, spots, co = tile()
    plain, plain_work = values.copy(), work.copy()
    run = njit(error_model="numpy")(lambda *arrays: sweep(*arrays, NODES))

    run(values, work, spots, co)
    sweep(plain, plain_work, spots, co, NODES)

    assert pytest.approx(plain, abs=1e-11) == values


@pytest.mark.parametrize("american", [0.0, 1.0])
def test_a_step_solves_the_complementarity_problem(american):
    values, work, spots, co = tile(american)
    before = values.copy()
    step(values, work, spots, co, NODES, False)

    solution = values - co[KEEP] * before  # what the matrix acts on
    rows = slice(1, NODES - 1)
    equation = (
        (1.0 + co[DOWN] * co[UP]) * solution[rows] - co[UP] * solution[:-2] - co[DOWN] * solution[2:]
    ) - co[GAIN] * before[rows]
    above = values - (co[EXERCISE] + co[SLOPE] * spots[1:-1])

    assert (above > -1e-10).all()
    assert (equation > -1e-10).all()
    assert pytest.approx(0.0, abs=1e-9) == np.minimum(equation, above[rows]).max()
    assert american == float((above < 1e-10).any())


@pytest.mark.parametrize(("rate", "dividend_yield"), [(0.05, 0.02), (0.02, 0.08), (0.0, 0.0)])
def test_both_ways_of_exercise_agree_where_the_region_has_one_edge(rate, dividend_yield):
    one, work, spots, co = tile(1.0, rate, dividend_yield)
    two = one.copy()
    for _ in range(3):
        step(one, work, spots, co, NODES, False)
        step(two, work.copy(), spots, co, NODES, True)

    assert pytest.approx(one, abs=1e-9) == two


@pytest.mark.parametrize("euler", [False, True])
def test_a_bond_and_a_share_keep_their_worth_to_the_last_digits(euler):
    _, work, spots, co = tile(american=0.0)
    for wealth, growth in ((np.ones((NODES, LANES)), 0.05), (spots[1:-1].copy(), 0.02)):
        values = wealth.copy()
        step(values, work, spots, co, NODES, False)
        shrunk = np.exp(-growth * 0.03)

        assert pytest.approx(shrunk, abs=1e-9) == values / wealth


@njit(error_model="numpy")
def plain_sweep(values, work, spots, co, nodes):
    """The sweep as Numba compiles it by itself: the broken copy that the guard must catch."""
    for i in range(nodes - 1, -1, -1):
        for lane in range(LANES):
            work[i + 1, lane] = values[i, lane] + co[0, lane] * work[i + 2, lane]
    for i in range(nodes):
        for lane in range(LANES):
            kept = co[3, lane] * values[i, lane]
            held = co[2, lane] * work[i + 1, lane] + co[1, lane] * work[i, lane]
            work[i + 1, lane] = max(held, co[4, lane] + co[5, lane] * spots[i + 1, lane] - kept)
            values[i, lane] = work[i + 1, lane] + kept


@njit(error_model="numpy")
def vector_sweep(values, work, spots, co, nodes):
    sweep(values, work, spots, co, nodes)


def packed_products(kernel):
    """Multiplications of the compiled kernel that work on vectors, and those that work on one number."""
    values, work, spots, co = tile()
    kernel(values, work, spots, co, NODES)
    assembly = next(iter(kernel.inspect_asm().values()))
    products = re.findall(r"\b(?:v?mul|vfn?m(?:add|sub)\d*)([ps])d\b", assembly)
    return products.count("p"), products.count("s")


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 assembly")
def test_the_sweep_is_vectorised_and_the_guard_sees_a_copy_that_is_not():
    vectors, singles = packed_products(vector_sweep)
    broken_vectors, broken_singles = packed_products(plain_sweep)

    assert vectors >= 10
    assert singles == 0
    assert broken_singles > broken_vectors


def best_seconds(kernel, arguments):
    best = 1.0
    for _ in range(30):
        start = perf_counter()
        for _ in range(20):
            kernel(*arguments)
        best = min(best, perf_counter() - start)
    return best


def test_the_sweep_is_faster_than_the_copy_that_is_not_vectorised():
    values, work, spots, co = tile()
    arguments = (values, work, spots, co, NODES)
    vector_sweep(*arguments)
    plain_sweep(*arguments)

    assert best_seconds(plain_sweep, arguments) > 1.5 * best_seconds(vector_sweep, arguments)
