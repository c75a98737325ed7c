"""Full revaluation, block by block: nothing is left over, orders are averaged as Shapley says, and a block alone has it all."""

from dataclasses import replace
from itertools import pairwise, permutations

import numpy as np
import pytest

from flatbook.exposure.explain import explain
from flatbook.exposure.hybrid import Block, hybrids_of, market_at, pnl_at
from flatbook.exposure.marks import mark
from flatbook.exposure.waterfall import ORDER, waterfall
from flatbook.market.clock import NS_PER_DAY
from flatbook.model.instruments import Instrument, Kind, Payoff, Right, Style, TickBand
from flatbook.valuation.spot_vol import dynamics_of
from tests.exposure.test_explain import _later
from tests.worlds import book_of_v17, desk, option, share, view_by_hand


def _moved(market, *, spot=1.0, vol=0.0, rate=0.0, carry=0.0, days=0.0):
    """The market with another spot (a factor), vol, rate and yield (added), `days` on; forwards of spot and carry alone."""
    years = np.maximum(market.slice_years - days / 365.0, 0.0)
    r, q = market.slice_rate + rate, market.slice_yield + carry
    up = market.spot * spot
    forward, discount = up[0] * np.exp((r - q) * years), np.exp(-r * years)
    of, options = market.table.slice_of, market.table.is_option
    due = tuple(each - days / 365.0 for each in market.dividend_years)
    kept = [each > 0.0 for each in due]
    for s in range(years.size):
        for ex, amount, there in zip(due, market.dividend_amount, kept, strict=True):
            counts = there & (ex < years[s])
            forward[s] -= (amount[counts] * np.exp((r - q)[s] * (years[s] - ex[counts]))).sum()
    by_row = np.where(options, np.append(forward, np.nan)[of], np.nan)
    return replace(
        market,
        now_ns=market.now_ns + round(days * NS_PER_DAY),
        spot=up,
        slice_years=years,
        slice_forward=forward,
        slice_discount=discount,
        slice_rate=r,
        slice_yield=q,
        slice_spot=market.slice_spot * spot,
        years=np.where(options, np.append(years, np.inf)[of], np.inf),
        forward=by_row,
        discount=np.where(options, np.append(discount, 1.0)[of], 1.0),
        vol=market.vol + vol,
        dividend_years=tuple(each[there] for each, there in zip(due, kept, strict=True)),
        dividend_amount=tuple(each[there] for each, there in zip(market.dividend_amount, kept, strict=True)),
    )


def _book(style=Style.EUROPEAN, *, dividends=False):
    listed = [
        option(f"{right.name}{strike:.0f}D{days}", strike, days, right, style=style)
        for days in (20, 90)
        for right, strike in ((Right.PUT, 92.0), (Right.CALL, 100.0), (Right.CALL, 107.0))
    ]
    market = view_by_hand([*listed, share()], spot=100.0, vols=[0.3, 0.25, 0.22, 0.28, 0.24, 0.22, np.nan],
                          rate=0.04, dividend_yield=0.01)  # fmt: skip
    if dividends:
        paid = replace(
            market, dividend_years=(np.array([0.02, 0.15]),), dividend_amount=(np.array([0.8, 1.1]),)
        )
        market = _moved(paid)
    return np.array([-50, 30, 20, -40, 60, -25, 300]), market


_SKEWED = np.array([0.03, 0.01, 0.0, 0.02, 0.005, -0.01, 0.0])


def test_the_step_of_v17_is_told_whole():
    """Full -7002.8663; time alone is the theta of full revaluation, +137.2456 (domain reference V17)."""
    quantity, market = book_of_v17()
    later = _later(market, spot=97.0, vol_change=0.02)
    found = waterfall(quantity, mark(market), mark(later))

    assert found.ordered[0, Block.TIME] == pytest.approx(137.2456, abs=1e-3)
    assert found.ordered.sum() == pytest.approx(-7002.8663, abs=1e-4)
    assert found.symmetric.sum() == pytest.approx(-7002.8663, abs=1e-4)
    assert found.ordered[0, [Block.VOL_SHAPE, Block.CARRY]] == pytest.approx(0.0, abs=1e-9)


def test_spot_alone_is_the_slide_of_v36():
    """Spot -5 % at unchanged volatility: -13372; +10 %: 8822 (domain reference V36)."""
    quantity, market = book_of_v17()
    for factor, published in ((0.95, -13372.0), (1.10, 8822.0)):
        found = waterfall(quantity, mark(market), mark(_moved(market, spot=factor)))

        assert found.ordered[0, Block.SPOT] == pytest.approx(published, abs=0.6)
        assert found.symmetric[0] == pytest.approx(found.ordered[0], abs=1e-9)


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("dividends", [False, True], ids=["plain", "cash dividends"])
def test_nothing_is_left_over_for_any_style_and_the_whole_is_what_the_explain_explains(style, dividends):
    """Sums to 1e-12 of gross; the whole to 1e-9, the same prices by the same engines."""
    quantity, market = _book(style, dividends=dividends)
    later = _moved(market, spot=0.96, vol=_SKEWED, rate=0.004, carry=0.003, days=8.5)
    before, after = mark(market), mark(later)
    found = waterfall(quantity, before, after)
    whole = explain(quantity, before.values, market, after.values, later)

    assert abs(found.ordered.sum() - found.pnl_by_underlying.sum()) <= 1e-12 * found.gross
    assert abs(found.symmetric.sum() - found.pnl_by_underlying.sum()) <= 1e-12 * found.gross
    assert found.pnl_by_underlying == pytest.approx(whole.pnl_by_underlying, rel=1e-9, abs=1e-6)
    assert found.ordered_by_row.sum(axis=1) == pytest.approx(whole.pnl_by_row, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize(
    ("block", "moves"),
    [
        (Block.TIME, {"days": 8.5}),
        (Block.SPOT, {"spot": 1.03}),
        (Block.VOL_LEVEL, {"vol": 0.02}),
        (Block.CARRY, {"rate": 0.01}),
        (Block.CARRY, {"carry": 0.02}),
    ],
)
def test_what_moves_alone_has_all_of_it(style, block, moves):
    """Each block by itself, with cash dividends under the Americans."""
    quantity, market = _book(style, dividends=style is Style.AMERICAN)
    found = waterfall(quantity, mark(market), mark(_moved(market, **moves)))
    others = [each for each in Block if each is not block]

    assert abs(found.ordered[0, block]) > 50.0
    for split in (found.ordered[0], found.symmetric[0]):
        assert split[others] == pytest.approx(0.0, abs=1e-6 * found.gross)


def test_the_shape_of_a_smile_is_told_from_its_level():
    quantity, market = _book()
    tilted = np.where(np.isnan(market.vol), 0.0, 0.02 * (market.table.strike - 100.0) / 10.0)
    found = waterfall(quantity, mark(market), mark(_moved(market, vol=tilted)))

    assert abs(found.symmetric[0, Block.VOL_SHAPE]) > 10.0 * abs(found.symmetric[0, Block.VOL_LEVEL])


def test_the_symmetric_split_is_the_mean_over_all_orders():
    """120 orders one by one, against the sum over 32 choices."""
    quantity, market = _book()
    before, after = (
        mark(market),
        mark(_moved(market, spot=0.95, vol=_SKEWED, rate=0.01, carry=-0.01, days=12)),
    )
    held = np.flatnonzero(quantity)
    hybrids = hybrids_of(before, after, held)
    known = {}

    def pnl(taken):
        if taken not in known:
            known[taken] = float(pnl_at(hybrids, taken) @ quantity[held]) if taken else 0.0
        return known[taken]

    total, orders = np.zeros(len(Block)), list(permutations(Block))
    for order in orders:
        steps = [frozenset(order[:count]) for count in range(len(order) + 1)]
        for block, (without, with_it) in zip(order, pairwise(steps), strict=True):
            total[block] += pnl(with_it) - pnl(without)
    found = waterfall(quantity, before, after)

    assert len(orders) == 120
    assert found.symmetric[0] == pytest.approx(total / len(orders), abs=1e-7)


def test_another_order_shares_otherwise_and_adds_up_to_the_same():
    quantity, market = _book()
    before, after = mark(market), mark(_moved(market, spot=0.95, vol=_SKEWED, days=12))
    first, last = waterfall(quantity, before, after), waterfall(quantity, before, after, ORDER[::-1])

    assert abs(first.ordered[0, Block.SPOT] - last.ordered[0, Block.SPOT]) > 1.0
    assert first.symmetric == pytest.approx(last.symmetric, abs=1e-9)
    assert first.ordered.sum() == pytest.approx(last.ordered.sum(), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_random_books_and_moves_leave_nothing_over(seed):
    random = np.random.default_rng(seed)
    _, market = _book()
    quantity = random.integers(-500, 500, market.vol.size)
    later = _moved(
        market, spot=1.0 + random.normal() * 0.05, vol=random.normal(size=market.vol.size) * 0.02,
        rate=random.normal() * 0.01, carry=random.normal() * 0.01, days=random.uniform(0.0, 15.0),
    )  # fmt: skip
    found = waterfall(quantity, mark(market), mark(later))

    assert abs(found.ordered.sum() - found.pnl_by_underlying.sum()) <= 1e-12 * found.gross, seed
    assert abs(found.symmetric.sum() - found.pnl_by_underlying.sum()) <= 1e-12 * found.gross, seed


def test_the_ends_of_the_hybrids_are_the_markets_themselves():
    """Every price of both, by Americans with cash dividends."""
    quantity, market = _book(Style.AMERICAN, dividends=True)
    later = _moved(market, spot=1.02, vol=_SKEWED, rate=0.01, carry=0.01, days=10)
    hybrids = hybrids_of(mark(market), mark(later), np.flatnonzero(quantity))
    for taken, real in ((frozenset(), market), (frozenset(Block), later)):
        found = market_at(hybrids, taken)

        assert found.slice_forward == pytest.approx(real.slice_forward, rel=1e-14)
        assert found.slice_spot == pytest.approx(real.slice_spot, rel=1e-14)
        assert found.discount == pytest.approx(real.discount, rel=1e-14)
        assert np.array_equal(found.vol, real.vol, equal_nan=True)
        assert [each.tolist() for each in found.dividend_years] == [
            each.tolist() for each in real.dividend_years
        ]


def test_volatility_that_follows_spot_is_spots():
    """By a beta of -1 a fall of 2 % lifts 30-day volatility by 2 points: a market that does just that moved by spot alone."""
    quantity, market = _book()
    terms = desk(underlyings=()).terms_of("XYZ")
    dynamics = dynamics_of(desk(underlyings=(replace_terms(terms),)), market.table.underlyings)
    lift = dynamics[0].atm_move(-0.02, np.where(np.isfinite(market.years), market.years, 1.0))
    before = mark(market, dynamics)
    after = mark(_moved(market, spot=0.98, vol=lift), dynamics)
    found = waterfall(quantity, before, after)

    assert found.symmetric[0, Block.SPOT] == pytest.approx(found.pnl_by_underlying[0], rel=1e-9)
    assert found.symmetric[0, [Block.VOL_LEVEL, Block.VOL_SHAPE]] == pytest.approx(0.0, abs=1e-6)


def replace_terms(terms):
    """Terms in which volatility follows spot."""
    from msgspec.structs import replace as struct_replace

    return struct_replace(terms, spot_vol_beta=-1.0)


def test_an_option_that_settles_at_the_later_mark_is_worth_its_exercise_then():
    """7 in the money at the instant of expiry; time and spot make all of it, whatever carry did."""
    expiring = option("C100", 100.0, 5, Right.CALL)
    market = view_by_hand([expiring], spot=100.0, vols=[0.25], rate=0.03)
    later = replace(
        _moved(market, spot=1.07, days=5), slice_forward=np.array([np.nan]), forward=np.array([np.nan]),
        slice_spot=np.array([np.nan]), slice_yield=np.array([np.nan]), vol=np.array([np.nan]),
        slice_reason=("expired at or before the time of valuation",),
    )  # fmt: skip
    before, after = mark(market), mark(later)
    found = waterfall(np.array([10]), before, after)

    assert after.values.price[0] == pytest.approx(7.0)
    assert found.unvalued == {}
    assert found.ordered[0].sum() == pytest.approx(1000.0 * (7.0 - before.values.price[0]), abs=1e-9)
    assert found.symmetric[0, [Block.VOL_LEVEL, Block.VOL_SHAPE, Block.CARRY]] == pytest.approx(0.0, abs=1e-9)


def test_coins_count_at_the_index_and_add_up():
    """A coin-settled option and a perpetual through a fall of 6 %, a premium of the future, and volatility."""
    perpetual = Instrument(
        symbol="BTC-PERPETUAL", underlying="BTC", kind=Kind.FUTURE, multiplier=10.0, currency="BTC", ticks_per_unit=10,
        tick_table=(TickBand(0, 5),), payoff=Payoff.INVERSE,
    )  # fmt: skip
    coin = option("BTC", 42_000.0, 60, Right.CALL, underlying="BTC", multiplier=1.0, payoff=Payoff.INVERSE)
    plain = view_by_hand([coin, perpetual], spot=40_000.0, vols=[0.6, np.nan])
    market = replace(
        plain, unit=np.where(plain.table.is_option, plain.forward, 1.0), forward_fixed=np.array([True, True])
    )
    forward = plain.forward * 0.945
    later = replace(
        market, spot=market.spot * 0.94, slice_forward=market.slice_forward * 0.945, slice_spot=market.slice_spot * 0.945,
        forward=forward, unit=np.where(plain.table.is_option, forward, 1.0), vol=market.vol + 0.05,
        bid=np.array([np.nan, 37_650.0]), ask=np.array([np.nan, 37_660.0]),
    )  # fmt: skip
    quantity, before, after = np.array([10, -2_000]), mark(market), mark(later)
    found = waterfall(quantity, before, after)
    whole = explain(quantity, before.values, market, after.values, later)

    assert found.pnl_by_underlying == pytest.approx(whole.pnl_by_underlying, rel=1e-9)
    assert abs(found.symmetric.sum() - found.pnl_by_underlying.sum()) <= 1e-12 * found.gross
    assert abs(found.ordered[0, Block.CARRY]) > 10.0


def test_a_series_without_a_value_is_named_and_in_no_sum():
    quantity, market = _book()
    vol = market.vol.copy()
    vol[2] = np.nan
    later = replace(_moved(market, spot=0.99), vol=vol)
    found = waterfall(quantity, mark(market), mark(later))

    assert list(found.unvalued) == [2]
    assert 2 not in found.rows
    assert np.isfinite(found.ordered).all()
