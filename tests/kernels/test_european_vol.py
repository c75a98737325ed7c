"""Two fixed steps return the vol that made the price, or the reason that the slow inversion gives."""

import math
import secrets

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.kernels.columns import columns
from tests.kernels.test_european import fills_vectors, library_exponential, needs_x86
from tests.kernels.test_implied_vol import NORMALISED
from tests.naive import european as naive

from flatbook.kernels import european_vol as fast
from flatbook.kernels import implied_vol as slow
from flatbook.kernels.european import price_european
from flatbook.kernels.european_vol import implied_vol_european

CALL, PUT = 1.0, -1.0
REASONS = ("OK", "BELOW_INTRINSIC", "ABOVE_BOUND", "NO_TIME_VALUE", "EXPIRED", "NOT_FINITE")


def invert(price, *rest, noise=0.0):
    vol, reason = implied_vol_european(*columns(price, *rest, noise))
    return vol[0], reason[0]


def quotes(deviation, distance, years=0.25):
    """Out-of-the-money quotes of given total deviation, `distance` deviations from the forward, and their vols."""
    sign = np.where(np.arange(deviation.size) % 2 == 0, CALL, PUT)
    vol = deviation / math.sqrt(years)
    strike = 100.0 * np.exp(sign * np.abs(distance) * deviation)
    inputs = columns(100.0, strike, years, vol, 0.97, sign)
    market = (inputs[0], inputs[1], inputs[2], inputs[4], inputs[5])
    return vol, price_european(*inputs), market


def test_reasons_are_those_of_the_slow_inversion():
    assert [getattr(slow, name) for name in REASONS] == [getattr(fast, name) for name in REASONS]


@pytest.mark.parametrize(("log_moneyness", "deviation", "price", "tolerance"), NORMALISED)
def test_normalised_prices_give_back_their_deviation(log_moneyness, deviation, price, tolerance):
    forward, strike = math.exp(log_moneyness / 2), math.exp(-log_moneyness / 2)
    vol, reason = invert(price, forward, strike, 1.0, 1.0, CALL)

    assert reason == fast.OK
    assert pytest.approx(deviation, rel=tolerance) == vol


@pytest.mark.parametrize(
    ("low", "high", "distance", "tolerance"),
    [
        (0.03, 1.0, 3.5, 1e-13),
        (1.0, 3.0, 3.0, 1e-13),
        (
            1e-6,
            0.03,
            3.5,
            3e-13,
        ),  # of nine million the worst was 1.1e-13: the digits of the logarithm of the strike
        (1e-5, 2.0, 30.0, 1e-12),
        (3.0, 6.0, 3.0, 1e-11),  # near its bound the price itself holds no more
    ],
)
def test_the_out_of_the_money_price_gives_back_its_vol(low, high, distance, tolerance):
    seed = secrets.randbits(32)
    random = np.random.default_rng(seed)
    deviation = np.exp(random.uniform(math.log(low), math.log(high), 3000))
    vol, price, market = quotes(deviation, random.uniform(0.0, distance, 3000))
    found, reason = implied_vol_european(price, *market, np.zeros(3000))

    assert (reason == fast.OK).all()
    assert np.abs(found / vol - 1.0).max() < tolerance, f"seed {seed}"


@given(st.floats(0.05, 1.5), st.floats(0.01, 2.0), st.floats(-2.0, 2.0), st.sampled_from([CALL, PUT]))
@settings(max_examples=60, deadline=None)
def test_either_side_of_the_money_gives_back_its_vol(vol, years, deviations, sign):
    strike = 100.0 * math.exp(deviations * vol * math.sqrt(years))
    price = price_european(*columns(100.0, strike, years, vol, 0.97, sign))[0]
    found, reason = invert(price, 100.0, strike, years, 0.97, sign)

    assert reason == fast.OK
    assert pytest.approx(vol, rel=1e-9) == found


@given(st.floats(-0.999, -1e-6), st.floats(0.2, 5.0))
@settings(max_examples=60, deadline=None)
def test_any_price_between_its_bounds_has_a_vol_that_makes_it(log_share, moneyness):
    price = min(100.0, 100.0 * moneyness) * (1.0 + log_share)
    assume(price > 0.0)
    sign = CALL if moneyness >= 1.0 else PUT
    vol, reason = invert(price, 100.0, 100.0 * moneyness, 0.5, 1.0, sign)

    assert reason == fast.OK
    assert (
        pytest.approx(price, rel=1e-11)
        == price_european(*columns(100.0, 100.0 * moneyness, 0.5, vol, 1.0, sign))[0]
    )


@pytest.mark.parametrize(
    ("target", "low", "high"),
    [
        (3.21, 100.0, 108.0),
        (1e-30, 100.0, 140.0),
        (1e-250, 90.0, 100.0),
        (0.01, 100.0, 100.0),
        (99, 100, 300),
    ],
)
def test_inversion_agrees_with_60_digits(target, low, high):
    vol, _ = invert(target, low, high, 1.0, 1.0, CALL)

    assert pytest.approx(naive.exact_deviation(target, low, high), rel=3e-14) == vol


def test_the_slow_inversion_says_the_same_of_quotes_good_and_bad():
    seed = secrets.randbits(32)
    random = np.random.default_rng(seed)
    n = 4000
    bad = np.array([math.nan, math.inf, -math.inf, -1.0, 0.0, 1e-3, 2.0, 99.0, 1e3])
    good = [
        random.uniform(0.0, 40.0, n),
        random.uniform(60.0, 140.0, n),
        random.uniform(60.0, 140.0, n),
        random.uniform(0.01, 2.0, n),
        random.uniform(0.9, 1.02, n),
        random.choice([CALL, PUT], n),
        random.choice([0.0, 0.01, 1.0], n),
    ]
    inputs = [np.where(random.random(n) < 0.05, random.choice(bad, n), column) for column in good]
    vol, reason = implied_vol_european(*inputs)
    _, expected_reason = slow.implied_vol_european(*inputs)

    assert expected_reason.tobytes() == reason.tobytes(), f"seed {seed}"
    assert set(range(6)) == set(reason.tolist())
    found = reason == fast.OK
    assert np.isnan(vol[~found]).all()
    price, forward, strike, years, discount, sign = (column[found] for column in inputs[:6])
    again = price_european(forward, strike, years, vol[found], discount, sign)
    bound = discount * np.maximum(forward, strike)
    assert (np.abs(again - price) / bound).max() < 1e-13, f"seed {seed}"


def test_a_price_at_its_intrinsic_value_is_found_to_be_there():
    """Also where a fused product would tell them apart."""
    random = np.random.default_rng(2)
    forward, strike = random.uniform(60.0, 140.0, (2, 2000))
    rest = columns(0.3, random.uniform(0.9, 1.02, 2000), np.where(forward > strike, CALL, PUT))
    years, discount, sign = rest
    price = price_european(forward, strike, years, np.zeros(2000), discount, sign)
    _, reason = implied_vol_european(price, forward, strike, years, discount, sign, np.zeros(2000))

    assert set(reason.tolist()) == {fast.NO_TIME_VALUE}


@pytest.mark.parametrize(
    ("price", "noise", "expected"),
    [
        (9.0, 0.01, fast.BELOW_INTRINSIC),
        (10.0 - 0.004, 0.01, fast.NO_TIME_VALUE),
        (10.0, 0.0, fast.NO_TIME_VALUE),
        (10.0 + 0.004, 0.01, fast.NO_TIME_VALUE),
        (10.0 + 0.006, 0.01, fast.OK),
        (110.0, 0.01, fast.ABOVE_BOUND),
        (math.nan, 0.01, fast.NOT_FINITE),
        (math.inf, 0.01, fast.NOT_FINITE),
        (12.0, math.nan, fast.NOT_FINITE),
    ],
)
def test_a_price_without_a_vol_has_a_reason(price, noise, expected):
    vol, reason = invert(price, 110.0, 100.0, 0.25, 1.0, CALL, noise=noise)

    assert expected == reason
    assert math.isfinite(vol) == (expected == fast.OK)


def test_a_quote_has_the_same_bits_wherever_it_stands():
    """Also beside one that takes more steps than two."""
    random = np.random.default_rng(5)
    deviation = np.exp(random.uniform(math.log(1e-6), math.log(4), 300))
    _, price, market = quotes(deviation, random.uniform(0.0, 25.0, 300))
    inputs = [price, *market, np.zeros(300)]
    slow_share = 1e-280
    for column, value in zip(inputs, (slow_share, 1.0, 1e120, 1.0, 1.0, CALL, 0.0), strict=True):
        column[40] = value
    vol, reason = implied_vol_european(*inputs)

    for start, count in [(0, 1), (40, 1), (39, 2), (41, 127), (1, 128), (30, 260)]:
        piece, why = implied_vol_european(*(np.ascontiguousarray(c[start : start + count]) for c in inputs))
        assert vol[start : start + count].tobytes() == piece.tobytes()
        assert reason[start : start + count].tobytes() == why.tobytes()


def test_two_steps_are_enough_for_what_markets_quote():
    """The rounds after them are for quotes that no market shows; else they would cost a third of the time."""
    random = np.random.default_rng(9)
    deviation = np.exp(random.uniform(math.log(1e-3), math.log(3), 128))
    _, price, market = quotes(deviation, random.uniform(0.0, 12.0, 128))
    rows = (
        fast._PRICE,
        fast._FORWARD,
        fast._STRIKE,
        fast._YEARS,
        fast._DISCOUNT,
        fast._SIGN,
        fast._NOISE,
    )
    tile = np.ones(fast._ROWS * fast.TILE)
    for row, column in zip(rows, (price, *market, np.zeros(128)), strict=True):
        tile[row : row + 128] = column
    fast._find_target(tile)
    fast._find_start(tile)
    fast._step(tile)
    fast._step(tile)

    assert fast._count_unsettled(tile) == 0


HOT = [
    fast._find_target,
    fast._find_powers,
    fast._solve_start,
    fast._measure_density,
    fast._find_tail,
    fast._refine_tail,
    fast._improve,
]


@needs_x86
@pytest.mark.parametrize("kernel", HOT, ids=lambda kernel: kernel.__name__)
def test_hot_loops_fill_vectors(kernel):
    assert fills_vectors(kernel)


@needs_x86
def test_the_guard_sees_a_loop_that_does_not():
    assert not fills_vectors(fast._measure_density, exponential=library_exponential)
