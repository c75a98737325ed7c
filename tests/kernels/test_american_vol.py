"""American implied vols: round trips, the slow way, every reason, quotes beside the exercise boundary."""

import math
import secrets

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernels.columns import columns
from tests.kernels.test_andersen_lake import value, wide
from tests.kernels.test_premium_table import answer, build
from tests.naive import andersen_lake as naive

from flatbook.kernels import andersen_lake as al
from flatbook.kernels import implied_vol, premium_tile
from flatbook.kernels.american_vol import OUTSIDE_TABLE, implied_vol_american, implied_vol_with_tables
from flatbook.kernels.andersen_lake import ACCURATE, Preset
from flatbook.kernels.implied_vol import ABOVE_BOUND, BELOW_INTRINSIC, EXPIRED, NO_TIME_VALUE, NOT_FINITE, OK

CALL, PUT = 1.0, -1.0
SPOT = 100.0
PUTS = (0.5, 0.04, 0.01, PUT, 0.05, 2.0)
CALLS = (0.5, 0.03, 0.06, CALL, 0.05, 2.0)
FINER = Preset(ACCURATE.steep, ACCURATE.steep)  # what the search itself solves with


def imply(price, *option, noise=0.0):
    """Vol, doubt and reason by the direct engine; the option comes without its vol."""
    spot, strike, years, rate, carry, sign = option
    price, spot, strike, years, rate, carry, sign, noise = columns(
        price, spot, strike, years, rate, carry, sign, noise
    )
    options = np.array([spot, strike, years, np.zeros(price.size), rate, carry, sign])
    vol, doubt, reason = np.empty(price.size), np.empty(price.size), np.empty(price.size, dtype=np.int8)
    implied_vol_american(options, price, noise, 1e-5, ACCURATE, vol, doubt, reason)
    return vol, doubt, reason


def imply_from(tables, index, strike, price, noise=0.0, spot=SPOT):
    index, (strike, price, noise) = np.asarray(index), columns(strike, price, noise)
    vol, doubt, reason = np.empty(price.size), np.empty(price.size), np.empty(price.size, dtype=np.int8)
    spots = np.full(len(tables), spot)
    implied_vol_with_tables(tables, spots, index, strike, price, noise, vol, doubt, reason)
    return vol, doubt, reason


def test_a_price_far_beyond_listed_markets_gives_its_vol_back():
    """Every vol of use comes back to 1e-7; where none does, the time value is within the noise."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    option = wide(seed, 300)
    out, standing = value(*option, preset=FINER)
    spot, strike, years, vol, rate, carry, sign = option
    noise = 1e-4 * spot
    found, doubt, reason = imply(out[0], spot, strike, years, rate, carry, sign, noise=noise)
    ok = reason == OK

    assert ok.sum() > 100
    assert np.abs(found / vol - 1.0)[ok].max() < 1e-7
    assert np.isin(standing[ok], [al.WAITS, al.NEVER_EARLY]).all()
    assert (np.abs(found - vol)[ok] <= doubt[ok]).all()
    assert np.isnan(found[~ok]).all()
    assert set(reason[~ok].tolist()) <= {NO_TIME_VALUE, NOT_FINITE}
    assert (reason[standing == al.EXERCISES] == NO_TIME_VALUE).all()
    assert (reason[standing == al.TWO_BOUNDARIES] == NOT_FINITE).all()


@pytest.mark.parametrize("price", [3.776258782017009e-05, 1e-4, 1e-3])
def test_a_price_of_next_to_nothing_is_not_said_to_be_that_of_a_far_vol(price):
    """On the way the search meets a vol at which the price is below the normal numbers of float64."""
    option = (100.0, 99.2395032611784, 0.779167473926491, 0.14715230207205676, 0.12412867153101635, PUT)
    vol, doubt, reason = imply(price, *option, noise=1e-6)
    again, _ = value(*option[:3], vol[0], *option[3:], preset=FINER)

    assert [OK] == reason.tolist()
    assert pytest.approx(price, rel=1e-9) == again[0, 0]
    assert 0.0 < doubt[0] < 0.02 * vol[0]


@pytest.mark.parametrize("expiry", [PUTS, CALLS])
def test_a_chain_gives_its_vols_back_through_its_table(expiry):
    tables, _ = build([expiry])
    strike = SPOT * np.exp(np.linspace(-0.7, 0.7, 60))
    vol = np.linspace(0.6, 0.15, 60)
    index = np.zeros(60, dtype=np.int64)
    out, standing = answer(tables, index, strike, vol)
    found, doubt, reason = imply_from(tables, index, strike, out[0], noise=1e-4)
    ok = reason == OK

    assert ok.sum() > 30
    assert np.abs(found - vol)[ok].max() < 1e-10
    assert (doubt[ok] > 0.0).all()
    assert (reason[standing == al.EXERCISES] == NO_TIME_VALUE).all()
    assert set(reason[~ok].tolist()) <= {NO_TIME_VALUE}


def test_the_table_and_the_direct_engine_imply_the_same_vol_within_their_doubt():
    tables, _ = build([PUTS])
    strike = SPOT * np.exp(np.linspace(-0.4, 0.4, 20))
    price, _ = value(SPOT, strike, PUTS[0], 0.25, PUTS[1], PUTS[2], PUT)
    found, doubt, reason = imply_from(tables, np.zeros(20, dtype=np.int64), strike, price[0])
    direct, direct_doubt, direct_reason = imply(price[0], SPOT, strike, PUTS[0], PUTS[1], PUTS[2], PUT)
    both = (reason == OK) & (direct_reason == OK)

    assert both.sum() > 12
    assert (np.abs(found - direct) <= doubt + direct_doubt)[both].all()
    assert (np.abs(direct - 0.25) <= direct_doubt)[both].all()


def test_the_slow_twin_has_the_price_at_the_vol_found():
    option = (SPOT, 105.0, 0.8, 0.03, 0.02, PUT)
    vol, _, reason = imply(9.0, *option)
    slow = naive.price(SPOT, 105.0, 0.8, float(vol[0]), 0.03, 0.02, PUT)

    assert [OK] == reason.tolist()
    assert pytest.approx(9.0, abs=1e-4) == slow


def test_beside_the_boundary_a_quote_is_flagged_and_not_inverted():
    """A deep put a hair above its boundary: the time value is a fraction of a cent whatever the vol."""
    tables, _ = build([PUTS])
    vol = 0.2
    price, standing = answer(tables, [0, 0], [122.0, 160.0], [vol, vol])
    assert [al.WAITS, al.EXERCISES] == standing.tolist()
    assert 0.0 < price[0, 0] - 22.0 < 0.01
    for found in (
        imply_from(tables, [0, 0], [122.0, 160.0], price[0], noise=0.02),
        imply(price[0], SPOT, [122.0, 160.0], PUTS[0], PUTS[1], PUTS[2], PUT, noise=0.02),
    ):
        assert [NO_TIME_VALUE, NO_TIME_VALUE] == found[2].tolist()
        assert np.isnan(found[0]).all()


@pytest.mark.parametrize(
    ("price", "option", "reason"),
    [
        (19.0, (SPOT, 120.0, 0.5, 0.04, 0.01, PUT), BELOW_INTRINSIC),
        (20.0, (SPOT, 120.0, 0.5, 0.04, 0.01, PUT), NO_TIME_VALUE),
        (121.0, (SPOT, 120.0, 0.5, 0.04, 0.01, PUT), ABOVE_BOUND),
        (101.0, (SPOT, 90.0, 0.5, 0.04, 0.01, CALL), ABOVE_BOUND),
        (25.0, (SPOT, 120.0, 0.0, 0.04, 0.01, PUT), EXPIRED),
        (math.nan, (SPOT, 120.0, 0.5, 0.04, 0.01, PUT), NOT_FINITE),
        (25.0, (SPOT, 120.0, 0.5, math.nan, 0.01, PUT), NOT_FINITE),
        (25.0, (SPOT, 120.0, 0.5, -0.03, -0.04, PUT), NOT_FINITE),
        (25.0, (SPOT, 120.0, 0.5, 0.04, 0.01, PUT), OK),
    ],
)
def test_every_reason_is_told(price, option, reason):
    vol, doubt, reasons = imply(price, *option, noise=0.01)

    assert [reason] == reasons.tolist()
    assert np.isnan(vol[0]) == np.isnan(doubt[0]) == (reason != OK)


def test_the_reasons_of_a_table_are_those_of_the_other_solvers_and_one_more():
    tables, _ = build([(0.5, 0.04, 0.01, PUT, 0.1, 0.5), (1.0, -0.02, -0.03, PUT, 0.1, 1.0)])
    prices = [19.0, 20.0, 121.0, math.nan, 20.2, 60.0, 23.0, 25.0]
    index = [0, 0, 0, 0, 0, 0, 0, 1]
    vol, _, reason = imply_from(tables, index, 120.0, prices, noise=0.01)

    expected = [BELOW_INTRINSIC, NO_TIME_VALUE, ABOVE_BOUND, NOT_FINITE, OK, OUTSIDE_TABLE, OK, OUTSIDE_TABLE]
    expected[4] = reason[4] if reason[4] in (OK, OUTSIDE_TABLE) else -1
    assert expected == reason.tolist()
    assert np.isnan(vol[reason != OK]).all()
    assert max(getattr(implied_vol, name) for name in ("OK", "NOT_FINITE", "EXPIRED")) < OUTSIDE_TABLE


def test_a_vol_outside_the_table_is_left_to_the_direct_engine():
    tables, _ = build([(0.5, 0.04, 0.01, PUT, 0.2, 0.5)])
    for true in (0.1, 0.9):
        price, _ = value(SPOT, 95.0, 0.5, true, 0.04, 0.01, PUT)
        assert [OUTSIDE_TABLE] == imply_from(tables, [0], 95.0, price[0])[2].tolist()
        vol, doubt, _ = imply(price[0], SPOT, 95.0, 0.5, 0.04, 0.01, PUT)
        assert abs(vol[0] - true) <= doubt[0]


def test_a_quote_does_not_depend_on_its_neighbours():
    tables, _ = build([PUTS, CALLS])
    random = np.random.default_rng(3)
    index = np.repeat([0, 1], 50)
    strike, vol = random.uniform(70, 140, 100), random.uniform(0.1, 0.8, 100)
    price = answer(tables, index, strike, vol)[0][0]
    price[7], price[60] = math.nan, 1e9
    together = imply_from(tables, index, strike, price, noise=0.001)
    order = random.permutation(100)
    shuffled = imply_from(tables, index[order], strike[order], price[order], noise=0.001)
    for left, right in zip(together, shuffled, strict=True):
        assert np.array_equal(left[order], right, equal_nan=True)
    sign = np.where(index == 0, PUT, CALL)
    rates = np.array([PUTS, CALLS])[index]
    together = imply(price, SPOT, strike, 0.5, rates[:, 1], rates[:, 2], sign)
    alone = [
        imply(price[i], SPOT, strike[i], 0.5, rates[i, 1], rates[i, 2], sign[i]) for i in range(0, 100, 9)
    ]
    for k in range(3):
        assert np.array_equal(together[k][::9], np.concatenate([one[k] for one in alone]), equal_nan=True)


@given(strike=st.floats(40.0, 250.0), price=st.floats(1e-4, 130.0), row=st.integers(0, 1))
@settings(max_examples=150)
def test_whatever_the_price_the_search_ends_and_what_it_finds_has_that_price(pair, strike, price, row):
    vol, _, reason = imply_from(pair, [row], strike, price)
    if reason[0] != OK:
        assert np.isnan(vol[0])
        return
    out, _ = answer(pair, [row], [strike], vol)

    assert pytest.approx(price, rel=1e-9, abs=1e-9 * SPOT) == out[0, 0]


@pytest.fixture(scope="module")
def pair():
    tables, _ = build([PUTS, CALLS])
    assert (tables[:, premium_tile.ERROR] < 3e-5).all()
    return tables
