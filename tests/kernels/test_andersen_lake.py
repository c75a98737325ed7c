"""American options by their boundary: published values, a slow twin, QuantLib, greeks by bumps, laws, vectors."""

import json
import math
import os
import platform
import re
import subprocess
import sys
from types import FunctionType

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 - as its users call it
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import njit
from tests.kernels.columns import columns
from tests.kernels.test_tree import REFERENCES
from tests.naive import andersen_lake as naive

from flatbook.kernels import andersen_lake as al
from flatbook.kernels import black, exercise_boundary, exercise_premium, exercise_start
from flatbook.kernels.american_greeks import value_american_greeks
from flatbook.kernels.andersen_lake import ACCURATE, FAST, REFERENCE, value_american
from flatbook.kernels.exercise_rule import make_rule

CALL, PUT = 1.0, -1.0
RULES = {"fast": FAST, "accurate": ACCURATE, "reference": REFERENCE}
PRESETS = pytest.mark.parametrize("preset", RULES.values(), ids=RULES)

PREMIUMS = [  # domain V21 and A.3: spot, rate, premium over the European value of a one-year put, strike 100
    (100.0, 0.05, 0.1069527, 4e-8),
    (100.0, 0.075, 0.3671112, 4e-7),
]

spots = st.floats(20.0, 300.0)
lives = st.floats(1 / 8760, 10.0)
vols = st.floats(0.01, 3.0)
rates = st.floats(-0.05, 0.2)
signs = st.sampled_from([CALL, PUT])


def value(*option, preset=ACCURATE):
    """Price, delta, gamma, theta as rows, and the standing."""
    options = np.array(columns(*option))
    out, standing = np.empty((4, options.shape[1])), np.empty(options.shape[1], dtype=np.int8)
    value_american(options, preset, out, standing)
    return out, standing


def greeks(*option, preset=REFERENCE):
    options = np.array(columns(*option))
    out = np.empty((black.COLUMNS, options.shape[1]))
    standing = np.empty(options.shape[1], dtype=np.int8)
    value_american_greeks(options, preset, out, standing)
    return out, standing


def european(spot, strike, years, vol, rate, dividend_yield, sign):
    forward = spot * np.exp((rate - dividend_yield) * np.asarray(years))
    return black.price_european(
        *columns(forward, strike, years, vol, np.exp(-np.multiply(rate, years)), sign)
    )


def wide(seed, n):
    """Options wider than listed markets: an hour to ten years, vol 1 to 300 %, rates -5 to 20 %, strikes 0.1 to 10."""
    random = np.random.default_rng(seed)
    years = np.exp(random.uniform(np.log(1 / 8760), np.log(10), n))
    vol = np.exp(random.uniform(np.log(0.01), np.log(3), n))
    rate, carry = random.uniform(-0.05, 0.2, (2, n))
    moneyness = np.where(
        random.random(n) < 0.4, random.uniform(-2.3, 2.3, n), random.normal(0, 1, n) * vol * np.sqrt(years)
    )
    strike = 100.0 * np.exp(np.clip(moneyness, -2.3, 2.3))
    return np.full(n, 100.0), strike, years, vol, rate, carry, random.choice([CALL, PUT], n)


def quantlib(options, scheme=None, equation=ql.QdFpAmericanEngine.Auto):
    """QdFp, in high precision if not told otherwise; a year of other rates and vol stands for any number of years."""
    today = ql.Date(2, 1, 2023)
    ql.Settings.instance().evaluationDate = today
    quotes = [ql.SimpleQuote(1.0) for _ in range(4)]
    handles = [ql.QuoteHandle(quote) for quote in quotes]
    counter = ql.Actual365Fixed()
    flat = [ql.YieldTermStructureHandle(ql.FlatForward(today, handle, counter)) for handle in handles[1:3]]
    vol = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), handles[3], counter))
    process = ql.BlackScholesMertonProcess(handles[0], *flat, vol)
    engine = ql.QdFpAmericanEngine(process, scheme or ql.QdFpAmericanEngine.highPrecisionScheme(), equation)
    out = []
    for s, k, t, v, r, q, sign in np.array(options).T.tolist():
        payoff = ql.PlainVanillaPayoff(ql.Option.Call if sign > 0 else ql.Option.Put, k)
        one = ql.VanillaOption(payoff, ql.AmericanExercise(today, today + 365))
        one.setPricingEngine(engine)
        for quote, number in zip(quotes, (s, q * t, r * t, v * math.sqrt(t)), strict=True):
            quote.setValue(number)
        out.append(one.NPV())
    return np.array(out)


@pytest.mark.parametrize(("spot", "rate", "premium", "tolerance"), PREMIUMS)
def test_premiums_are_those_published(spot, rate, premium, tolerance):
    option = (spot, 100.0, 1.0, 0.25, rate, 0.05, PUT)
    ours = value(*option, preset=REFERENCE)[0][al.PRICE, 0] - european(*option)[0]

    assert pytest.approx(premium, abs=tolerance) == ours


@PRESETS
@pytest.mark.parametrize("case", REFERENCES, ids=str)
def test_prices_are_those_of_the_references(case, preset):
    """QuantLib in high precision, as for the tree; the vols of 0 are exact."""
    *option, expected, _ = case

    assert (
        pytest.approx(expected, abs=3e-5 * max(expected, 0.01 * option[0]))
        == value(*option, preset=preset)[0][0, 0]
    )


@pytest.mark.parametrize(
    "option",
    [
        (100.0, 95.0, 0.5, 0.3, 0.04, 0.02, PUT),
        (100.0, 110.0, 2.0, 0.2, 0.03, 0.0, PUT),
        (100.0, 104.0, 1.0, 0.4, 0.02, 0.05, CALL),
        (100.0, 90.0, 0.1, 0.25, 0.05, 0.05, PUT),
        (100.0, 100.0, 1.5, 0.5, 0.06, -0.02, PUT),
        (100.0, 150.0, 1.0, 0.2, 0.05, 0.01, PUT),
    ],
)
def test_the_reference_preset_is_the_slow_twin(option):
    assert pytest.approx(naive.price(*option), abs=2e-5) == value(*option, preset=REFERENCE)[0][0, 0]


def test_greeks_are_what_bumps_say():
    """All by central differences of the price and delta; the few whose bump crosses the boundary are left out."""
    random = np.random.default_rng(4)
    n = 300
    years = np.exp(random.uniform(np.log(0.02), np.log(4), n))
    vol, rate = random.uniform(0.08, 0.9, n), random.uniform(-0.01, 0.1, n)
    carry, sign = (
        rate + random.uniform(0.003, 0.06, n) * random.choice([-1, 1], n),
        random.choice([CALL, PUT], n),
    )
    strike = 100.0 * np.exp(random.normal(0, 0.6, n) * vol * np.sqrt(years))
    option = [np.full(n, 100.0), strike, years, vol, rate, carry, sign]
    ours, standing = greeks(*option)

    def bumped(row, size):
        moved = [list(option), list(option)]
        moved[0][row], moved[1][row] = option[row] + size, option[row] - size
        (up, up_standing), (down, down_standing) = (value(*one, preset=REFERENCE) for one in moved)
        kept = (standing == up_standing) & (standing == down_standing) & (standing <= al.NEVER_EARLY)
        return up, down, kept

    middle, _ = value(*option, preset=REFERENCE)
    root, step = np.sqrt(years), 1e-3 * vol
    up, down, kept = bumped(3, step)
    assert kept.sum() > 200
    vega = (up[0] - down[0]) / (2 * step)
    assert (np.abs(ours[black.VEGA] - vega) / (100 * root))[kept].max() < 1e-6
    vanna = (up[1] - down[1]) / (2 * step)
    assert (np.abs(ours[black.VANNA] - vanna) * vol)[kept].max() < 1e-5
    volga = (up[0] - 2 * middle[0] + down[0]) / step**2
    assert (np.abs(ours[black.VOLGA] - volga) * vol / (100 * root))[kept].max() < 2e-5
    for row, column in ((4, black.RHO), (5, black.DIVIDEND_RHO)):
        up, down, kept = bumped(row, 1e-5)
        assert (np.abs(ours[column] - (up[0] - down[0]) / 2e-5) / (100 * years))[kept].max() < 2e-4
    up, down, kept = bumped(2, 1e-4 * years)
    assert (np.abs(ours[black.CHARM] + (up[1] - down[1]) / (2e-4 * years)) * years)[kept].max() < 5e-5
    theta = -(up[0] - down[0]) / (2e-4 * years)
    assert (np.abs(ours[black.THETA] - theta) * root / (100 * vol))[kept].max() < 1e-5
    up, down, kept = bumped(0, 0.002)
    assert np.abs(ours[black.DELTA] - (up[0] - down[0]) / 0.004)[kept].max() < 1e-6
    gamma = (up[1] - down[1]) / 0.004
    assert (np.abs(ours[black.GAMMA] - gamma) * 100 * vol * root)[kept].max() < 1e-3


@pytest.mark.parametrize(
    ("rate", "carry", "sign"), [(0.05, 0.02, PUT), (0.02, 0.05, PUT), (0.03, 0.07, CALL)]
)
@pytest.mark.parametrize(("preset", "tolerance"), [(ACCURATE, 6e-3), (REFERENCE, 1e-4)])
def test_beside_the_boundary_delta_and_gamma_are_those_of_the_boundary(rate, carry, sign, preset, tolerance):
    """There 1 + V_S = 0, and the equation itself gives the curvature: 2 (rK - qB) / (vol B)^2 for a put."""
    low, high = (30.0, 100.0) if sign < 0 else (100.0, 400.0)
    for _ in range(60):
        middle = 0.5 * (low + high)
        exercised = value(middle, 100.0, 0.7, 0.3, rate, carry, sign, preset=preset)[1][0] == al.EXERCISES
        low, high = (middle, high) if exercised == (sign < 0) else (low, middle)
    spot = high + 1e-9 if sign < 0 else low - 1e-9
    out, standing = value(spot, 100.0, 0.7, 0.3, rate, carry, sign, preset=preset)

    assert al.WAITS == standing[0]
    assert pytest.approx(sign, abs=tolerance) == out[al.DELTA, 0]
    bend = 2.0 * sign * (carry * spot - rate * 100.0) / (0.3 * spot) ** 2
    assert pytest.approx(bend, rel=10 * tolerance) == out[al.GAMMA, 0]
    assert pytest.approx(sign * (spot - 100.0), abs=1e-5) == out[al.PRICE, 0]
    assert abs(out[al.THETA, 0]) < 2.0 * tolerance * 100.0


def test_where_exercise_is_best_the_answer_is_exact():
    for out, standing in (
        value(40.0, 100.0, 1.0, 0.3, 0.05, 0.0, PUT),
        greeks(40.0, 100.0, 1.0, 0.3, 0.05, 0.0, PUT),
    ):
        assert al.EXERCISES == standing[0]
        assert [60.0, -1.0] == out[:2, 0].tolist()
        assert [0.0] * (out.shape[0] - 2) == out[2:, 0].tolist()


@PRESETS
def test_a_slope_stays_within_its_bounds_where_interest_is_next_to_nothing(preset):
    """Boundaries are so deep there that a search of too few steps leaves deep puts with deltas of any size."""
    random = np.random.default_rng(1)
    n = 20_000
    years = np.exp(random.uniform(np.log(0.01), np.log(10.0), n))
    vol = np.exp(random.uniform(np.log(0.01), np.log(3.0), n))
    interest = 10.0 ** random.uniform(-14.0, -2.0, n)
    option = columns(random.uniform(20.0, 300.0, n), 100.0, years, vol, interest, 0.0, PUT)
    out, standing = value(*option, preset=preset)

    assert set(standing.tolist()) <= {al.WAITS, al.EXERCISES}
    assert -1.0 - 1e-3 <= out[al.DELTA].min()
    assert out[al.DELTA].max() <= 1e-3
    price, ours = european(*option), out[al.PRICE]
    most = 100.0 * -np.expm1(-interest * years)  # the interest that exercise may earn
    assert (ours >= price - 1e-7).all()
    assert (ours <= price + most + 1e-4).all()


@given(
    spot=spots, years=lives, vol=vols, rate=rates, carry=rates, sign=signs, preset=st.sampled_from([*RULES])
)
@settings(max_examples=150)
@example(preset="fast", spot=219.0, years=2.0, vol=0.125, rate=0.0, carry=1e-127, sign=CALL)
def test_an_american_option_is_worth_no_less_than_a_european_one_or_its_intrinsic(
    preset, spot, years, vol, rate, carry, sign
):
    out, standing = value(spot, 100.0, years, vol, rate, carry, sign, preset=RULES[preset])
    if standing[0] == al.TWO_BOUNDARIES:
        assert np.isnan(out).all()
        return
    price, scale = out[al.PRICE, 0], max(out[al.PRICE, 0], 0.01 * spot)

    assert price >= european(spot, 100.0, years, vol, rate, carry, sign)[0] - 1e-7 * scale
    assert price >= sign * (spot - 100.0)
    most = (
        spot * max(1.0, math.exp(-carry * years)) if sign > 0 else 100.0 * max(1.0, math.exp(-rate * years))
    )
    assert price <= most * (1.0 + 1e-5)
    assert -1e-3 <= sign * out[al.DELTA, 0] <= max(1.0, math.exp(-carry * years)) + 2e-3


@given(spot=spots, years=st.floats(0.01, 5.0), vol=st.floats(0.05, 2.0), rate=rates, carry=rates, sign=signs)
@settings(max_examples=40)
def test_a_price_rises_with_vol_and_is_convex_in_spot(spot, years, vol, rate, carry, sign):
    out, standing = value(
        [spot, spot, 0.98 * spot, 1.02 * spot], 100.0, years, [vol, 1.02 * vol, vol, vol], rate, carry, sign
    )
    if standing[0] == al.TWO_BOUNDARIES:
        return
    here, more, below, above = out[al.PRICE]
    slack = 4e-5 * max(here, 0.01 * spot)

    assert more >= here - slack
    assert below + above >= 2.0 * here - slack


@given(spot=spots, years=lives, vol=vols, rate=rates, carry=rates)
@settings(max_examples=40)
def test_a_call_is_the_put_with_everything_exchanged(spot, years, vol, rate, carry):
    call, _ = value(spot, 100.0, years, vol, rate, carry, CALL)
    put, _ = value(100.0, spot, years, vol, carry, rate, PUT)

    assert call[al.PRICE, 0] == put[al.PRICE, 0] or (np.isnan(call).all() and np.isnan(put).all())


@given(
    spot=spots,
    years=lives,
    vol=vols,
    rate=rates,
    carry=rates,
    sign=signs,
    size=st.sampled_from([0.25, 1024.0]),
)
@settings(max_examples=40)
def test_a_price_scales_with_spot_and_strike(spot, years, vol, rate, carry, sign, size):
    one, _ = value(spot, 100.0, years, vol, rate, carry, sign)
    other, _ = value(size * spot, size * 100.0, years, vol, rate, carry, sign)

    assert np.array_equal(one[al.PRICE] * size, other[al.PRICE], equal_nan=True)
    assert np.array_equal(one[al.DELTA], other[al.DELTA], equal_nan=True)


@pytest.mark.parametrize(
    ("option", "standing"),
    [
        ((100.0, 100.0, 1.0, 0.2, 0.03, 0.0, CALL), al.NEVER_EARLY),
        ((100.0, 100.0, 1.0, 0.2, 0.0, 0.02, PUT), al.NEVER_EARLY),
        ((100.0, 100.0, 1.0, 0.2, -0.03, -0.02, PUT), al.NEVER_EARLY),
        ((100.0, 100.0, 1.0, 0.2, -0.02, -0.03, PUT), al.TWO_BOUNDARIES),
        ((100.0, 100.0, 1.0, 0.2, -0.03, -0.02, CALL), al.TWO_BOUNDARIES),
        ((100.0, 100.0, 1.0, 0.2, 0.0, -0.02, PUT), al.WAITS),
        ((100.0, 100.0, 0.0, 0.2, 0.03, 0.0, CALL), al.CERTAIN),
        ((100.0, 100.0, 1.0, 0.0, 0.03, 0.0, CALL), al.CERTAIN),
        ((100.0, 100.0, 1.0, -0.1, 0.03, 0.0, CALL), al.OUTSIDE),
        ((100.0, 100.0, 1.0, 0.2, 0.03, 0.0, 0.5), al.OUTSIDE),
    ],
)
def test_every_case_is_named(option, standing):
    assert [standing] == value(*option)[1].tolist() == greeks(*option)[1].tolist()


def test_an_option_never_exercised_early_is_the_european_one():
    option = (100.0, [90.0, 100.0, 120.0], 1.0, 0.2, 0.03, -0.01, CALL)

    assert pytest.approx(european(*option), rel=1e-13) == value(*option)[0][al.PRICE]


@pytest.mark.parametrize("row", range(7))
def test_a_number_that_is_none_gives_none(row):
    option = [100.0, 95.0, 1.0, 0.2, 0.03, 0.01, PUT]
    option[row] = math.nan
    for out, standing in (value(*option), greeks(*option)):
        assert np.isnan(out).all()
        assert al.OUTSIDE == standing[0]


@pytest.mark.parametrize(
    ("option", "price", "delta"),
    [
        ((100.0, 120.0, 0.0, 0.2, 0.05, 0.0, PUT), 20.0, -1.0),
        ((100.0, 100.0, 0.0, 0.2, 0.05, 0.0, PUT), 0.0, -0.5),
        (
            (100.0, 50.0, 1.0, 0.0, 0.05, 0.01, CALL),
            100 * math.exp(-0.01) - 50 * math.exp(-0.05),
            math.exp(-0.01),
        ),
        ((100.0, 120.0, 1.0, 0.0, 0.05, 0.0, PUT), 20.0, -1.0),
        ((100.0, 120.0, 1.0, 0.0, 0.0, 0.05, PUT), 120 - 100 * math.exp(-0.05), -math.exp(-0.05)),
    ],
)
def test_without_time_or_vol_the_limits_are_exact(option, price, delta):
    for out, _ in (value(*option), greeks(*option)):
        assert pytest.approx([price, delta], rel=1e-14) == out[:2, 0].tolist()


def test_the_last_hour_tends_to_the_intrinsic_value():
    out, _ = value([98.0, 100.0, 102.0], 100.0, 1e-9, 0.2, 0.05, 0.01, PUT)

    assert pytest.approx([2.0, 0.0, 0.0], abs=1e-3) == out[al.PRICE].tolist()


def test_an_answer_depends_on_no_neighbour():
    options = np.array(columns(*wide(9, 150)))
    options[:, 17], options[3, 40] = math.nan, 0.0
    together, alone = np.empty((4, 150)), np.empty((4, 150))
    all_greeks, one_greeks = np.empty((10, 150)), np.empty((10, 150))
    standing, single = np.empty(150, dtype=np.int8), np.empty(1, dtype=np.int8)
    value_american(options, ACCURATE, together, standing)
    value_american_greeks(options, FAST, all_greeks, standing)
    for i in range(150):
        one = np.ascontiguousarray(options[:, i : i + 1])
        few, many = np.empty((4, 1)), np.empty((10, 1))
        value_american(one, ACCURATE, few, single)
        value_american_greeks(one, FAST, many, single)
        alone[:, i], one_greeks[:, i] = few[:, 0], many[:, 0]

    assert np.array_equal(together, alone, equal_nan=True)
    assert np.array_equal(all_greeks, one_greeks, equal_nan=True)


SCRIPT = """
import json
import numpy as np
from flatbook.kernels import american_greeks, andersen_lake as al
from flatbook.kernels.exercise_rule import make_rule
options = np.array([[100.0, 100.0], [95.0, 110.0], [0.5, 1.0], [0.3, 0.2], [0.03, 0.02], [0.01, 0.05], [-1.0, 1.0]])
small = al.Preset(make_rule(3, 3, 4, 5, 1), make_rule(3, 3, 4, 5, 2))
out, standing = np.empty((10, 2)), np.empty(2, dtype=np.int8)
few = np.empty((4, 2))
with np.errstate(all="ignore"):
    al.value_american(options, small, few, standing)
    american_greeks.value_american_greeks(options, small, out, standing)
print(json.dumps([few.ravel().tolist(), out.ravel().tolist(), standing.tolist()]))
"""


def answers(disable_jit):
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | {"NUMBA_DISABLE_JIT": disable_jit},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(run.stdout)


def test_interpreted_kernels_agree_with_compiled_ones():
    plain, compiled = answers("1"), answers("0")
    assert plain[2] == compiled[2]
    for left, right in zip(plain[:2], compiled[:2], strict=True):
        assert pytest.approx(left, rel=1e-8, abs=1e-8) == right


def fills_vectors(kernel, signature, least=6, **replaced):
    """Whether a kernel, compiled anew with some of its names replaced, multiplies whole vectors.

    Where a loop works on slices, the compiler keeps a scalar copy for slices that overlap: then `least` is lower.
    """
    plain = kernel.py_func
    copy = FunctionType(plain.__code__, {**plain.__globals__, **replaced}, plain.__name__)
    fresh = njit(error_model="numpy", fastmath={"contract"}, no_cpython_wrapper=True, no_cfunc_wrapper=True)(
        copy
    )
    fresh.compile(signature)
    text = fresh.inspect_asm(fresh.signatures[0])
    packed, single = (
        len(re.findall(rf"\bv?(?:mul|div|sqrt|fn?m(?:add|sub)\d+){kind}\b", text)) for kind in ("pd", "sd")
    )
    return packed > least * max(single, 1) and re.search(r"\bcallq?\b", text) is None


HOT = [
    (exercise_boundary._add_time, "void(float64, float64[::1], float64, float64[::1])"),
    (exercise_start._step_node, "void(float64, float64, float64[::1])"),
    (exercise_premium._add_exercise, "void(float64[::1], float64, float64[::1])"),
    (exercise_premium._bridge, "void(float64[::1])"),
    (exercise_premium.add_european, "void(float64[::1])"),
]
needs_x86 = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="reads the assembly of an x86 processor"
)


@needs_x86
@pytest.mark.parametrize(("kernel", "signature"), HOT, ids=lambda x: getattr(x, "__name__", ""))
def test_hot_loops_fill_vectors(kernel, signature):
    assert fills_vectors(kernel, signature)


@njit(error_model="numpy")
def library_exponential(x):
    return math.exp(x)


@needs_x86
def test_the_guard_sees_a_loop_that_does_not():
    kernel, signature = HOT[0]
    assert not fills_vectors(kernel, signature, exponential=library_exponential)


def test_a_finer_rule_is_nearer():
    option = (100.0, 100.0, 1.0, 0.25, 0.05, 0.02, PUT)
    rules = [make_rule(n, n, n, 3 * n, 3) for n in (4, 8, 16)]
    prices = [value(*option, preset=al.Preset(rule, rule))[0][0, 0] for rule in rules]

    assert abs(prices[0] - prices[2]) > 10 * abs(prices[1] - prices[2])
