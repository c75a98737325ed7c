"""European values in tiles: published numbers, 50-digit arithmetic, QuantLib, the slow kernel, and their own laws."""

import math
import platform
import re
import secrets
from types import FunctionType

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 - as its users call it
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from tests.kernels.columns import columns
from tests.kernels.test_black import HAUG_GREEKS, HAUG_PRICES
from tests.naive import black as naive_black
from tests.naive import european as naive

from flatbook.kernels import black, european, european_tile
from flatbook.kernels.european import (
    price_european,
    reprice_european,
    value_chain,
    value_european,
    value_european_into,
)

CALL, PUT = 1.0, -1.0
ALL = [getattr(european, name.upper()) for name in naive.NAMES]
QUIET = np.zeros(1)
FREE, FIXED = np.array([False]), np.array([True])


def spot_option(spot, rate, dividend_yield, strike, years, vol, sign):
    """Every column for an option on a spot with a yield."""
    forward = spot * math.exp((rate - dividend_yield) * years)
    return value_european(
        *columns(spot, forward, strike, years, vol, math.exp(-rate * years), sign), FREE
    ).ravel()


def random_chain(seed, n):
    """Options wider than listed markets: an hour to ten years, vol 1 to 300 %, rates -5 to 20 %, strikes 0.1 to 10."""
    random = np.random.default_rng(seed)
    years = np.exp(random.uniform(np.log(1 / 8766), np.log(10), n))
    rate, carry = random.uniform(-0.05, 0.2, (2, n))
    spot = np.full(n, 100.0)
    strike = spot * np.exp(random.uniform(np.log(0.1), np.log(10), n))
    vol = np.exp(random.uniform(np.log(0.01), np.log(3), n))
    sign = random.choice([CALL, PUT], n)
    return spot, spot * np.exp((rate - carry) * years), strike, years, vol, np.exp(-rate * years), sign


def test_the_columns_stand_in_the_order_of_their_names():
    assert list(range(european.COLUMNS)) == ALL
    assert [getattr(black, name.upper()) for name in naive.NAMES[:-1]] == ALL[:-1]
    assert [getattr(european_tile, name.upper()) for name in naive.NAMES] == ALL


@pytest.mark.parametrize(("sign", "strike", "spot", "q", "r", "years", "vol", "expected"), HAUG_PRICES)
def test_prices_are_those_that_haug_prints(sign, strike, spot, q, r, years, vol, expected):
    row = spot_option(spot, r, q, strike, years, vol, sign)

    assert pytest.approx(expected, abs=1e-4) == row[european.PRICE]


@pytest.mark.parametrize(
    ("column", "sign", "strike", "spot", "q", "r", "years", "vol", "expected"), HAUG_GREEKS
)
def test_greeks_are_those_that_haug_prints(column, sign, strike, spot, q, r, years, vol, expected):
    assert pytest.approx(expected, abs=1e-4) == spot_option(spot, r, q, strike, years, vol, sign)[column]


MERTON = [  # strike, years, jumps per year, share of the variance from jumps, call value (domain V15)
    (80, 0.1, 1, 0.25, 20.67),
    (100, 0.1, 1, 0.25, 3.42),
    (100, 0.5, 1, 0.25, 8.95),
    (100, 0.25, 5, 0.5, 5.87),
    (120, 0.5, 10, 0.25, 2.25),
    (90, 0.25, 1, 0.75, 12.75),
    (100, 0.1, 1, 0.75, 2.70),
    (110, 0.25, 1, 0.75, 1.69),
    (120, 0.1, 1, 0.75, 0.29),
    (120, 0.25, 5, 0.75, 0.71),
]


@pytest.mark.parametrize(("strike", "years", "jumps", "share", "expected"), MERTON)
def test_mertons_jumps_are_a_sum_of_our_prices(strike, years, jumps, share, expected):
    counts = np.arange(60.0)
    jump_variance = share * 0.25**2 / jumps
    vols = np.sqrt((1 - share) * 0.25**2 + jump_variance * counts / years)
    chance = np.exp(-jumps * years + counts * math.log(jumps * years)) / np.array(
        [math.factorial(int(n)) for n in counts]
    )
    inputs = columns(100 * math.exp(0.08 * years), strike, years, vols, math.exp(-0.08 * years), CALL)

    assert pytest.approx(expected, abs=0.01) == chance @ price_european(*inputs)


EXACT = [  # spot, forward, strike, years, vol, discount
    (100.0, 101.5, 95.0, 0.4, 0.25, 0.98),
    (100.0, 97.0, 130.0, 1.5, 0.4, 1.01),
    (4000.0, 4001.0, 3900.0, 0.01, 0.12, 0.9996),
    (50.0, 50.0, 50.0, 0.002, 0.03, 1.0),
    (1.0, 1.3, 0.2, 8.0, 2.5, 0.6),
]


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("sign", [CALL, PUT])
@pytest.mark.parametrize("option", EXACT)
def test_every_column_is_a_derivative_of_the_exact_price(option, sign, fixed):
    found = value_european(*columns(*option, sign), np.array([fixed])).ravel()
    expected = naive.value_rows(*columns(*option, sign), [fixed])
    scale = abs(found[european.VEGA]) / option[4]  # of what cancels in theta, vanna, volga and charm

    for column, [exact] in enumerate(expected):
        assert pytest.approx(exact, rel=1e-11, abs=1e-14 * (1.0 + scale)) == found[column], naive.NAMES[
            column
        ]


def test_the_slow_kernel_says_the_same_of_a_random_chain():
    seed = secrets.randbits(32)
    inputs = random_chain(seed, 3000)
    fixed = np.arange(3000) % 3 == 0
    found = value_european(*inputs, fixed)
    expected = black.value_european(*inputs, fixed).T
    scale = np.maximum(np.abs(expected), np.abs(found[european.VEGA]) * (1.0 + 1.0 / inputs[3]))

    for column in range(black.COLUMNS):
        gap = np.abs(found[column] - expected[column]) / (scale[column] + 1e-3)
        assert gap.max() < 1e-9, (naive.NAMES[column], f"seed {seed}")


def test_quantlib_agrees_with_20_000_options_drawn_afresh():
    seed = secrets.randbits(32)
    _, *inputs = random_chain(seed, 20_000)
    found = price_european(*inputs)
    expected = [
        ql.blackFormula(ql.Option.Call if sign > 0 else ql.Option.Put, k, f, v * math.sqrt(t), d)
        for f, k, t, v, d, sign in zip(*(column.tolist() for column in inputs), strict=True)
    ]
    scale = inputs[4] * np.maximum(inputs[0], inputs[1])

    assert (np.abs(found - expected) / scale).max() < 1e-12, f"seed {seed}"


def test_out_of_the_money_prices_keep_their_digits_down_to_1e_200():
    seed = secrets.randbits(32)
    random = np.random.default_rng(seed)
    n = 400
    deviation = np.exp(random.uniform(np.log(1e-7), np.log(5), n))
    sign = random.choice([CALL, PUT], n)
    strike = 100.0 * np.exp(sign * deviation * random.uniform(0, 30, n))
    inputs = columns(100.0, strike, 0.25, 2.0 * deviation, 0.97, sign)
    exact = np.array([naive_black.exact_price(*row) for row in zip(*inputs, strict=True)])
    held = exact > 1e-198
    gap = np.abs(price_european(*inputs)[held] / exact[held] - 1.0)

    assert held.sum() > n // 2
    assert gap.max() < 1e-11, f"seed {seed}"


@given(st.floats(50.0, 200.0), st.floats(0.01, 3.0), st.floats(0.0, 3.0), st.floats(-0.05, 0.15))
@settings(max_examples=60, deadline=None)
def test_call_less_put_is_the_discounted_forward_less_strike(strike, years, vol, rate):
    discount = math.exp(-rate * years)
    call, put = price_european(*columns(100.0, strike, years, vol, discount, [CALL, PUT]))

    assert pytest.approx(discount * (100.0 - strike), abs=1e-11) == call - put


@given(st.floats(20.0, 400.0), st.floats(1e-4, 5.0), st.floats(0.01, 2.0), st.sampled_from([CALL, PUT]))
@settings(max_examples=60, deadline=None)
def test_prices_rise_with_vol_and_bend_upward_in_strike(strike, years, vol, sign):
    strikes = strike * np.array([0.99, 1.0, 1.01])
    lower, middle, upper = price_european(*columns(100.0, strikes, years, vol, 0.97, sign))
    dearer = price_european(*columns(100.0, strike, years, vol * 1.01, 0.97, sign))[0]

    assert middle <= dearer + 1e-13
    assert 2.0 * middle <= lower + upper + 1e-12
    assert sign * (upper - lower) <= 1e-13


@given(st.floats(1e-6, 1e6), st.floats(0.2, 5.0), st.sampled_from([CALL, PUT]))
@settings(max_examples=40, deadline=None)
def test_prices_scale_with_the_currency(scale, moneyness, sign):
    one = price_european(*columns(1.0, moneyness, 0.5, 0.3, 0.98, sign))[0]
    scaled = price_european(*columns(scale, scale * moneyness, 0.5, 0.3, 0.98, sign))[0]

    assert pytest.approx(one * scale, rel=1e-13) == scaled


@pytest.mark.parametrize("sign", [CALL, PUT])
@pytest.mark.parametrize("zero", ["years", "vol"])
@pytest.mark.parametrize(("forward", "in_call"), [(110.0, 1.0), (90.0, 0.0), (100.0, 0.5)])
def test_without_time_or_vol_an_option_is_its_intrinsic_value_and_a_step(zero, forward, in_call, sign):
    years, vol = (0.0, 0.3) if zero == "years" else (0.5, 0.0)
    row = value_european(*columns(forward, forward, 100.0, years, vol, 0.97, sign), FREE).ravel()
    step = in_call if sign > 0 else in_call - 1.0

    assert 0.97 * max(sign * (forward - 100.0), 0.0) == row[european.PRICE]
    assert pytest.approx(0.97 * step, rel=1e-15) == row[european.DELTA]
    flat = (european.GAMMA, european.VEGA, european.VANNA, european.VOLGA, european.SPEED)
    assert [row[column] for column in flat] == [0.0] * 5
    assert np.isfinite(row).all()


@given(
    st.floats(1e-3, 1e6),
    st.floats(1e-3, 1e6),
    st.one_of(st.floats(0.0, 30.0), st.floats(0.0, 1e-9)),
    st.one_of(st.floats(0.0, 20.0), st.floats(0.0, 1e-9)),
    st.floats(1e-3, 2.0),
    st.sampled_from([CALL, PUT]),
)
@settings(max_examples=200, deadline=None)
def test_wings_stay_finite_and_inside_their_bounds(forward, strike, years, vol, discount, sign):
    row = value_european(*columns(forward, forward, strike, years, vol, discount, sign), FREE).ravel()

    greeks = [row[c] for c in ALL if c != european.SPEED]  # speed grows with the cube of 1 / deviation
    assert np.isfinite(greeks).all()
    assert discount * max(sign * (forward - strike), 0.0) <= row[european.PRICE]
    assert row[european.PRICE] <= discount * (forward if sign > 0 else strike) * (1 + 1e-15)
    assert 0.0 <= sign * row[european.DELTA] <= discount * (1 + 1e-15)
    assert row[european.GAMMA] >= 0.0
    assert row[european.VEGA] >= 0.0


@pytest.mark.parametrize(("forward", "strike"), [(1e300, 1e-300), (1e-300, 1e300), (1e-300, 1e-300)])
def test_huge_and_small_numbers_have_prices(forward, strike):
    call, put = price_european(*columns(forward, strike, 0.5, 0.2, 1.0, [CALL, PUT]))

    if forward > strike:
        assert (forward, 0.0) == (call, put)
    elif forward < strike:
        assert (0.0, strike) == (call, put)
    else:
        assert pytest.approx(naive_black.price(1.0, 1.0, 0.5, 0.2, 1.0, CALL), rel=1e-12) == call / forward


@pytest.mark.parametrize("place", range(7))
@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf, -1.5])
def test_one_bad_input_makes_the_row_nan_and_no_other(place, poison):
    inputs = columns(*([good] * 3 for good in (100.0, 101.0, 95.0, 0.5, 0.2, 0.98, 1.0)))
    inputs[place][0] = poison
    for fixed in (FREE, FIXED):
        out = value_european(*inputs, np.repeat(fixed, 3))

        assert np.isnan(out[:, 0]).all()
        assert np.isfinite(out[:, 1:]).all()
    assert place == 0 or math.isnan(price_european(*inputs[1:])[0])


def test_a_row_has_the_same_bits_wherever_it_stands():
    inputs = (*random_chain(7, 300), np.arange(300) % 2 == 0)
    together = value_european(*inputs)

    assert np.ascontiguousarray(together[0]).tobytes() == price_european(*inputs[1:7]).tobytes()
    for start, count in [(0, 1), (3, 1), (5, 127), (1, 128), (100, 129), (17, 260)]:
        piece = value_european(*(np.ascontiguousarray(c[start : start + count]) for c in inputs))
        assert np.ascontiguousarray(together[:, start : start + count]).tobytes() == piece.tobytes()


def test_nothing_in_gives_nothing_out():
    empty = np.empty(0)

    assert value_european(*[empty] * 7, empty > 0).shape == (european.COLUMNS, 0)
    assert price_european(*[empty] * 6).shape == (0,)


def test_the_caller_may_bring_the_columns():
    inputs = (*random_chain(11, 130), np.zeros(130, dtype=bool))
    out = np.full((european.COLUMNS, 130), math.nan)
    value_european_into(out, *inputs)

    assert value_european(*inputs).tobytes() == out.tobytes()


def test_all_columns_fit_where_there_is_room_for_more():
    inputs = (*random_chain(13, 130), np.zeros(130, dtype=bool))
    out = np.zeros((european.COLUMNS + 1, 130))
    value_european_into(out, *inputs)

    assert value_european(*inputs).tobytes() == out[:-1].tobytes()
    assert not out[-1].any()


@pytest.mark.parametrize("entry", ["value_european", "value_chain", "price_european", "reprice_european"])
def test_bulk_calls_let_other_threads_run(entry):
    assert getattr(european, f"{entry}_into").targetoptions["nogil"]


def test_the_caller_may_want_only_the_first_columns():
    inputs = (*random_chain(12, 130), np.zeros(130, dtype=bool))
    out = np.full((3, 130), math.nan)
    value_european_into(out, *inputs)

    assert value_european(*inputs)[:3].tobytes() == out.tobytes()


@pytest.mark.parametrize("in_order", [False, True])
@pytest.mark.parametrize("n_expiries", [1, 3, 200])
def test_a_chain_has_the_bits_of_its_rows(n_expiries, in_order):
    random = np.random.default_rng(n_expiries)
    years = random.uniform(0.0, 2.0, n_expiries)
    expiries = np.empty((european.EXPIRY_ROWS, n_expiries))
    expiries[european.EXPIRY_SPOT] = 100.0
    expiries[european.EXPIRY_FORWARD] = 100.0 * np.exp(0.02 * years)
    expiries[european.EXPIRY_YEARS] = years
    expiries[european.EXPIRY_DISCOUNT] = np.exp(-0.03 * years)
    expiries[european.EXPIRY_FIXED] = random.integers(0, 2, n_expiries)
    index = random.integers(0, n_expiries, 333).astype(np.int32)
    index = np.sort(index) if in_order else index
    strike, vol = random.uniform(50, 150, 333), random.uniform(0.0, 0.9, 333)
    sign = random.choice([CALL, PUT], 333)

    spot, forward, life, discount, fixed = (np.ascontiguousarray(row[index]) for row in expiries)
    expected = value_european(spot, forward, strike, life, vol, discount, sign, fixed > 0)
    assert expected.tobytes() == value_chain(expiries, index, strike, vol, sign).tobytes()


@pytest.mark.parametrize("lost", [-1, 1, 2**31 - 1])
def test_a_series_of_an_unknown_expiry_is_nan_and_its_neighbour_is_not(lost):
    expiries = np.array([[100.0, 101.0, 0.3, 0.99, 0.0]]).T.copy()
    out = value_chain(expiries, np.array([0, lost], dtype=np.int32), *columns(95.0, 0.2, [CALL, PUT]))

    assert np.isfinite(out[:, 0]).all()
    assert np.isnan(out[:, 1]).all()


MOVES = np.array([-0.2, -0.03, 0.0, 0.07])
SHIFTS = np.array([-0.5, -0.05, 0.0, 0.1])


def test_the_quiet_cell_is_the_price_to_the_bit():
    _, *inputs = random_chain(3, 200)
    cells = reprice_european(*inputs, MOVES, SHIFTS)

    assert price_european(*inputs).tobytes() == np.ascontiguousarray(cells[:, 2, 2]).tobytes()


def test_cells_have_the_same_bits_wherever_their_series_stands():
    _, *inputs = random_chain(5, 300)
    together = reprice_european(*inputs, MOVES, SHIFTS)

    for start, count in [(0, 1), (127, 2), (100, 129)]:
        piece = reprice_european(
            *(np.ascontiguousarray(c[start : start + count]) for c in inputs), MOVES, SHIFTS
        )
        assert np.ascontiguousarray(together[start : start + count]).tobytes() == piece.tobytes()


def test_a_cell_is_the_price_at_the_moved_forward_and_shifted_vol():
    inputs = columns(100.0, [80.0, 100.0, 120.0], 0.5, [0.3, 0.2, 0.0], 0.98, [CALL, PUT, CALL])
    cells = reprice_european(*inputs, MOVES, SHIFTS)

    for option, grid in zip(zip(*inputs, strict=True), cells, strict=True):
        assert pytest.approx(np.array(naive.reprice(*option, MOVES, SHIFTS)), abs=1e-11) == grid


def test_a_call_and_a_put_beside_each_other_are_each_price_to_the_bit():
    """Pairs, ones between them, pairs across the end of a tile, and neighbours that are no pair for one number each."""
    random = np.random.default_rng(5)
    strike = np.repeat(random.uniform(60.0, 140.0, 200), 2)
    sign = np.tile([1.0, -1.0], 200)
    sign[40:44], sign[90] = 1.0, -1.0
    columns = [np.full(400, 100.0), strike, np.full(400, 0.3), np.full(400, 0.25), np.full(400, 0.99), sign]
    for number, row in enumerate((11, 31, 51, 71, 111)):
        columns[number][row] *= 1.01
    columns = [np.delete(column, 7) for column in columns]
    cells = reprice_european(*columns, MOVES, SHIFTS)
    forward, strike, years, vol, discount, sign = columns
    for j, move in enumerate(MOVES):
        for k, shift in enumerate(SHIFTS):
            shifted = np.maximum(vol + shift, np.minimum(vol, 0.001))
            alone = price_european(forward * (1.0 + move), strike, years, shifted, discount, sign)
            assert np.array_equal(alone, cells[:, j, k])


def test_cells_outside_the_model_are_nan_and_no_others():
    inputs = columns(100.0, 100.0, 0.5, [0.2, -0.1, math.nan], 1.0, CALL)
    cells = reprice_european(*inputs, np.array([0.0, -1.0, math.nan]), np.array([0.0, 0.5, math.nan]))

    assert np.isfinite(cells[0, 0, :2]).all()
    assert np.isfinite(cells).sum() == 2


def fills_vectors(kernel, **replaced):
    """Whether a kernel, compiled anew with some of its names replaced, computes on whole vectors and calls nobody."""
    plain = kernel.py_func
    copy = FunctionType(plain.__code__, {**plain.__globals__, **replaced}, plain.__name__)
    bare = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    fresh = njit(error_model="numpy", fastmath={"contract"}, **bare)(copy)
    fresh.compile("void(float64[::1])")
    text = fresh.inspect_asm(fresh.signatures[0])
    packed, single = (
        len(re.findall(rf"\bv?(?:mul|div|add|sub|sqrt|fn?m(?:add|sub)\d+){kind}\b", text))
        for kind in ("pd", "sd")
    )
    return packed > 20 * single and re.search(r"\bcallq?\b", text) is None


HOT = [
    european_tile.derive_market,
    european_tile.measure_distance,
    european_tile.measure_density,
    european_tile.split_value,
    european_tile.refine_small_steps,
    european_tile.find_price,
    european_tile.find_greeks,
    european_tile.find_more_greeks,
]
needs_x86 = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="reads the assembly of an x86 processor"
)


@needs_x86
@pytest.mark.parametrize("kernel", HOT, ids=lambda kernel: kernel.__name__)
def test_hot_loops_fill_vectors(kernel):
    assert fills_vectors(kernel)


@njit(error_model="numpy")
def library_exponential(x):
    return math.exp(x)


@njit(error_model="numpy")
def looping_exponential(x):
    term, total, n = 1.0, 1.0, 1
    while abs(term) > 1e-16 * abs(total):
        term *= x / n
        total += term
        n += 1
    return total


@needs_x86
@pytest.mark.parametrize("slow", [library_exponential, looping_exponential])
def test_the_guard_sees_a_loop_that_does_not(slow):
    assert not fills_vectors(european_tile.measure_density, exponential=slow)
