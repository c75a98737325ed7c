"""Discount, forward, dividends and borrow from quotes: published figures, round trips, honest errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatbook.kernels.black import price_european
from flatbook.market.borrow import (
    BORROW_TEXT,
    BlendedDividends,
    BorrowReason,
    blend_dividends,
    borrow_rates,
    parity_line,
    regress_parity,
)
from flatbook.market.forwards import Carry
from flatbook.market.rates import ParityPairs
from flatbook.model.errors import InvalidValueError

_NONE = np.empty(0)
_NO_DIVIDENDS = BlendedDividends(years=_NONE, cash=_NONE, share=_NONE, growth=_NONE)


def _v19(half=0.01):
    """Domain reference V19: S=100, r=4 %, q=1.5 %, vol 20 %, a quarter of a year, strikes 90 to 110."""
    strike = np.arange(90.0, 111.0, 5.0)
    n, years = strike.size, 0.25
    args = (
        np.full(n, 100.0 * np.exp(0.025 * years)), strike, np.full(n, years), np.full(n, 0.2),
        np.full(n, np.exp(-0.04 * years)),
    )  # fmt: skip
    call, put = price_european(*args, np.ones(n)), price_european(*args, -np.ones(n))
    return ParityPairs(strike=strike, call_less_put=call - put, variance=np.full(n, 2.0 * half**2))


def test_the_regression_is_the_published_one():
    """V19: slope -.99004983, F=100.62695720."""
    found = regress_parity(_v19())

    assert found is not None
    assert -found.discount == pytest.approx(-0.99004983, abs=5e-9)
    assert found.forward == pytest.approx(100.62695720, abs=5e-9)
    assert found.discount == pytest.approx(np.exp(-0.01), abs=1e-12)


def test_the_borrow_of_the_published_case_is_its_yield():
    """V19: 1.5 % is what rates do not explain."""
    found = regress_parity(_v19())
    assert found is not None
    told = borrow_rates(
        np.array([found.forward]), np.array([found.forward_error]), np.array([0.25]), np.array([0.04]),
        np.zeros(1), 100.0, 0.0, _NO_DIVIDENDS,
    )  # fmt: skip

    assert told.borrow == pytest.approx([0.015], abs=1e-11)
    # dF/db = -F T: the error of the forward, as a rate.
    assert told.error == pytest.approx([found.forward_error / (found.forward * 0.25)], rel=1e-9)


@pytest.mark.parametrize("lowest", [80.0, 55.0])
def test_regression_errors_cover_what_they_should(lowest):
    """Seed 5, 2,000 chains with noise of the stated size: one sigma holds 66 to 75 times of 100, two 94 to 97.5.

    Strikes about the forward, and strikes that all lie below it, where the error of the slope moves the forward. Errors
    widen and never narrow, and Huber's weights cost a little: both err to the safe side.
    """
    random, held = np.random.default_rng(5), np.zeros((2, 2))
    strike = np.arange(lowest, lowest + 41.0, 1.0)
    discount, forward = np.exp(-0.01), 100.0 * np.exp(0.00625)
    for _ in range(2_000):
        found = regress_parity(
            ParityPairs(
                strike=strike,
                call_less_put=discount * (forward - strike) + 0.03 * random.standard_normal(strike.size),
                variance=np.full(strike.size, 0.03**2),
            )
        )
        assert found is not None
        miss = np.array(
            [
                (found.forward - forward) / found.forward_error,
                (found.discount - discount) / found.discount_error,
            ]
        )
        held += np.abs(miss)[:, None] <= [1.0, 2.0]
    share = held / 2_000
    print(share)  # noqa: T201 - shown when the test fails

    assert ((share[:, 0] > 0.66) & (share[:, 0] < 0.75)).all()
    assert ((share[:, 1] > 0.94) & (share[:, 1] < 0.975)).all()


def test_the_error_that_is_believed_is_one_of_a_rate():
    """A quarter of a year: the error of the discount, over the discount and the years."""
    found = regress_parity(_v19(0.05))
    assert found is not None
    error = found.discount_error / (found.discount * 0.25)
    told = [parity_line(_v19(0.05), 0.25, 0.04, error * factor) for factor in (0.999, 1.001)]

    assert [line is not None and line.resolved for line in told] == [False, True]


def test_one_wild_pair_moves_nothing():
    """A call ten points off among forty."""
    strike = np.arange(80.0, 121.0, 1.0)
    line = np.exp(-0.01) * (100.0 - strike)
    line[3] += 10.0
    found = regress_parity(
        ParityPairs(strike=strike, call_less_put=line, variance=np.full(strike.size, 0.01**2))
    )

    assert found is not None
    assert found.forward == pytest.approx(100.0, abs=1e-4)
    assert found.discount == pytest.approx(np.exp(-0.01), abs=1e-5)


def test_the_discount_is_believed_only_where_the_quotes_resolve_it():
    """Tight quotes tell it; wide ones leave the rate that was given, and the forward of it."""
    tight, wide = parity_line(_v19(0.001), 0.25, 0.10), parity_line(_v19(0.5), 0.25, 0.10)

    assert tight is not None
    assert wide is not None
    assert (tight.resolved, wide.resolved) == (True, False)
    assert tight.discount == pytest.approx(np.exp(-0.01), abs=1e-12)
    assert wide.discount == np.exp(-0.025)
    assert np.isnan(wide.discount_error)


def test_what_is_no_line_is_none():
    """Two pairs, one strike, a slope that rises, no pair at all."""
    ones = np.ones(4)
    for strike, difference in (
        (np.array([90.0, 100.0]), np.array([10.0, 0.0])),
        (np.full(4, 100.0), np.zeros(4)),
        (np.arange(4.0), np.arange(4.0)),
    ):
        pairs = ParityPairs(strike=strike, call_less_put=difference, variance=ones[: strike.size])
        assert regress_parity(pairs) is None
    assert parity_line(ParityPairs(strike=_NONE, call_less_put=_NONE, variance=_NONE), 0.25, 0.04) is None


_schedules = st.lists(st.tuples(st.floats(0.05, 5.0), st.floats(0.0, 1.5)), max_size=12).map(sorted)


def _columns(schedule):
    return np.array([t for t, _ in schedule]), np.array([d for _, d in schedule])


@given(schedule=_schedules, rate=st.floats(-0.02, 0.08))
def test_the_blend_gives_the_forwards_of_cash(schedule, rate):
    """At no borrow and today's spot, wherever the horizons lie; cash alone is `Carry`."""
    times, amount = _columns(schedule)
    years = np.array([0.3, 1.0, 1.7, 4.0])
    rates, flat = np.full(times.size, rate), np.full(4, rate)
    blended, cash = (
        blend_dividends(times, amount, rates, 100.0, cash_until_years=first, share_from_years=last)
        for first, last in ((1.0, 2.0), (9.0, 9.0))
    )
    by_hand = [
        Carry(
            spot=100.0, on_future=False, spot_is_forward=False, years=float(t), rate=rate, dividend_years=times,
            dividend_amount=amount,
        ).forward
        for t in years
    ]  # fmt: skip

    assert blended.forward(100.0, np.zeros(4), years, flat)[0] == pytest.approx(by_hand, rel=1e-12)
    assert cash.forward(100.0, np.zeros(4), years, flat)[0] == pytest.approx(by_hand, rel=1e-12)
    assert (cash.share == 0.0).all()


@given(schedule=_schedules, borrow=st.floats(-0.05, 0.4), rate=st.floats(-0.02, 0.08))
def test_borrow_is_told_again(schedule, borrow, rate):
    """From the forwards it makes, day by day, the slow way."""
    times, amount = _columns(schedule)
    dividends = blend_dividends(times, amount, np.full(times.size, rate), 100.0)
    years = np.array([0.02, 0.5, 1.4, 3.0])
    forwards = []
    for end in years:
        price, now = 100.0, 0.0
        for at, cash, share in zip(times, dividends.cash, dividends.share, strict=True):
            if at < end:
                price = price * np.exp((rate - borrow) * (at - now)) * (1.0 - share) - cash
                now = at
        forwards.append(price * np.exp((rate - borrow) * (end - now)))
    told = borrow_rates(
        np.array(forwards), np.full(4, 0.01), years, np.full(4, rate), np.zeros(4), 100.0, 0.0, dividends
    )

    assert told.borrow == pytest.approx(np.full(4, borrow), abs=1e-8)
    assert (told.reason[1:] == BorrowReason.TOLD).all()


def test_far_dividends_move_with_the_price_and_near_ones_do_not():
    """Ten per cent up: a share grows by ten per cent, cash stays."""
    dividends = blend_dividends(np.array([0.5, 1.5, 3.0]), np.full(3, 2.0), np.zeros(3), 100.0)

    assert dividends.cash == pytest.approx([2.0, 1.0, 0.0], rel=1e-12)
    assert dividends.share == pytest.approx([0.0, 1.0 / 98.0, 2.0 / 96.0], rel=1e-12)
    up, base = (
        dividends.forward(spot, np.zeros(1), np.array([5.0]), np.zeros(1))[0][0] for spot in (110.0, 100.0)
    )
    assert base == pytest.approx(94.0, rel=1e-12)
    assert up - base == pytest.approx(10.0 * (1.0 - 1.0 / 98.0) * (1.0 - 2.0 / 96.0), rel=1e-12)


@given(schedule=_schedules, borrow=st.floats(-0.1, 0.3))
def test_derivatives_are_those_of_bumps(schedule, borrow):
    """In borrow and in spot."""
    times, amount = _columns(schedule)
    dividends = blend_dividends(times, amount, np.full(times.size, 0.03), 100.0)
    years, rate, at = np.array([0.2, 1.2, 4.0]), np.full(3, 0.03), np.full(3, borrow)
    _, slope, per_spot = dividends.forward(100.0, at, years, rate)
    low, high = (dividends.forward(100.0, at + step, years, rate)[0] for step in (-1e-5, 1e-5))
    below, above = (dividends.forward(100.0 + step, at, years, rate)[0] for step in (-1e-3, 1e-3))

    assert slope == pytest.approx((high - low) / 2e-5, rel=1e-6)
    assert per_spot == pytest.approx((above - below) / 2e-3, rel=1e-8)


def test_errors_of_spot_rate_and_forward_add_up():
    """A week out, five cents of spot are 2.6 % a year of borrow: not resolved."""
    years = np.array([7.0, 182.5]) / 365.0
    told = borrow_rates(
        np.full(2, 100.0), np.full(2, 0.03), years, np.zeros(2), np.full(2, 0.001), 100.0, 0.04, _NO_DIVIDENDS
    )

    assert told.error == pytest.approx(np.sqrt((0.05 / (100.0 * years)) ** 2 + 0.001**2), rel=1e-9)
    assert told.reason.tolist() == [BorrowReason.NOT_RESOLVED, BorrowReason.TOLD]
    level, _ = told.level
    assert level == pytest.approx(0.0, abs=1e-12)


def test_the_error_of_the_level_shares_what_all_expiries_share():
    """Seed 8: errors drawn as stated, the level misses by as much as it says, and no less for having twenty expiries."""
    random, years, misses = np.random.default_rng(8), np.linspace(0.1, 2.0, 20), []
    for _ in range(2_000):
        spot, off = 100.0 + 0.1 * random.standard_normal(), 0.002 * random.standard_normal()
        forward = 100.0 * np.exp(0.02 * years) + 0.05 * random.standard_normal(20)
        told = borrow_rates(
            forward, np.full(20, 0.05), years, np.full(20, 0.03 + off), np.full(20, 0.002), spot, 0.1,
            _NO_DIVIDENDS,
        )  # fmt: skip
        misses.append((told.level[0] - 0.01) / told.level[1])

    assert np.std(misses) == pytest.approx(1.0, abs=0.05)
    assert told.level[1] > 0.002


def test_what_is_missing_is_said():
    """No forward, an expiry that passed, no spot at all, dividends that no borrow explains."""
    years = np.array([0.5, -0.1, 0.5])
    columns = np.array([np.nan, 100.0, 100.0]), np.full(3, 0.01), years, np.zeros(3), np.zeros(3)
    told = borrow_rates(*columns, 100.0, 0.01, _NO_DIVIDENDS)
    blind = borrow_rates(*columns, float("nan"), 0.01, _NO_DIVIDENDS)

    assert told.reason.tolist() == [BorrowReason.MISSING, BorrowReason.MISSING, BorrowReason.TOLD]
    assert (blind.reason == BorrowReason.MISSING).all()
    assert np.isnan(blind.level).all()
    assert set(BorrowReason) == set(BORROW_TEXT)
    nowhere = borrow_rates(
        np.array([1e-30]), np.full(1, 0.01), np.array([0.5]), np.zeros(1), np.zeros(1), 100.0, 0.0,
        _NO_DIVIDENDS,
    )  # fmt: skip
    assert [BorrowReason.NO_ROOT] == nowhere.reason.tolist()
    assert np.isnan(nowhere.borrow).all()


def test_dividends_that_cannot_be_are_refused():
    """Out of order, in the past, more than the price, horizons reversed."""
    for times, amount, horizons in (
        ([0.5, 0.2], [1.0, 1.0], {}),
        ([0.0, 0.2], [1.0, 1.0], {}),
        ([0.1, 0.2], [60.0, 60.0], {}),
        ([0.1, 0.2], [1.0, 1.0], {"cash_until_years": 3.0}),
    ):
        with pytest.raises(InvalidValueError, match="dividends"):
            blend_dividends(np.array(times), np.array(amount), np.zeros(2), 100.0, **horizons)
