"""Ladders over time, standard deviations, tenors and beta, each against a plainer way to the same number."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.exposure.aggregate import aggregate
from flatbook.exposure.slide_cells import cells_of, pnl_by_groups
from flatbook.exposure.slides import MOVES, SHIFTS_POINTS, ladder, slide
from flatbook.kernels.black import price_european
from flatbook.market.dynamics import SpotVolDynamics
from flatbook.model.instruments import Right, Style
from flatbook.model.measures import Measure
from flatbook.model.parameters import SlideTerms, SlideTime, VolShift
from flatbook.valuation.values import value
from tests.worlds import book_of_v17, desk, option, share, view_by_hand

FLAT = SlideTerms(name="flat", moves_pct=(-5.0, 0.0, 5.0), shifts_points=(-2.0, 0.0, 2.0))


def _beta_dynamics():
    return (SpotVolDynamics(tenor_years=(30 / 365,), stickiness=(1.0,), beta=-1.5),)


def test_a_day_later_nothing_moved_is_the_days_theta():
    """V17: theta of one day by full revaluation is +137.2456."""
    quantity, market = book_of_v17()
    seen = ladder(quantity, value(market), market, replace_terms(time=SlideTime.NEXT_DAY))

    assert seen.desk[1, 1] == pytest.approx(137.2456, abs=5e-4)


def test_at_the_first_expiry_what_expires_is_worth_its_exercise():
    """Calls of 105 pay nothing at spot 100 and 5 at 110; what has time left is worth its Black price."""
    quantity, market = book_of_v17()
    table, values = market.table, value(market)
    terms = replace_terms(moves_pct=(0.0, 10.0), shifts_points=(0.0,), time=SlideTime.EXPIRY)
    seen = ladder(quantity, values, market, terms)
    expected = np.zeros(2)
    for row in np.flatnonzero(quantity).tolist():
        item = table.instruments[row]
        for m, spot in enumerate((100.0, 110.0)):
            if not table.is_option[row]:
                later = spot
            else:
                left = market.years[row] - 30.0 / 365.0
                sign = float(item.right)
                forward = spot * np.exp(0.04 * left)
                later = (
                    max(sign * (spot - item.strike), 0.0)
                    if left < 1e-9
                    else price_one(forward, item.strike, left, market.vol[row], sign)
                )
            expected[m] += quantity[row] * item.multiplier * (later - values.price[row])

    assert seen.desk[:, 0] == pytest.approx(expected, abs=1e-6)


def price_one(forward, strike, years, vol, sign):
    columns = [np.array([x]) for x in (forward, strike, years, vol, np.exp(-0.04 * years), sign)]
    return float(price_european(*columns)[0])


def replace_terms(**changes):
    return SlideTerms(**{**{name: getattr(FLAT, name) for name in FLAT.__struct_fields__}, **changes})


def test_without_time_the_ladder_is_the_slide():
    quantity, market = book_of_v17()
    values = value(market)
    seen = ladder(quantity, values, market, FLAT)
    whole = slide(quantity, values, market)

    at = [int(np.flatnonzero(MOVES == move)[0]) for move in (-0.05, 0.0, 0.05)]
    shifts = [int(np.flatnonzero(SHIFTS_POINTS == shift)[0]) for shift in (-2.0, 0.0, 2.0)]
    np.testing.assert_array_equal(seen.desk, whole.desk[np.ix_(at, shifts)])


def test_standard_deviations_are_of_the_thirty_day_volatility():
    quantity, market = book_of_v17()
    values = value(market)
    seen = ladder(quantity, values, market, replace_terms(moves_pct=(), moves_deviations=(-2.0, 0.0, 1.0)))
    deviation = market.slice_atm_vol[0] / np.sqrt(252.0)

    assert seen.relative_moves[0] == pytest.approx(np.array([-2.0, 0.0, 1.0]) * deviation)
    direct = slide(quantity, values, market, seen.relative_moves[0], seen.shifts_points)
    np.testing.assert_array_equal(seen.desk, direct.desk)
    assert seen.desk[1, 1] == 0.0


def test_a_shift_by_tenor_moves_each_expiry_by_its_weight():
    """To first order the P&L of one point is the vega weighted by (30 days / T)^0.5, which the measures hold too."""
    quantity, market = book_of_v17()
    values = value(market)
    terms = replace_terms(moves_pct=(0.0,), shifts_points=(-0.001, 0.001), shift=VolShift.TENOR)
    seen = ladder(quantity, values, market, terms).desk[0]
    weighted = aggregate(quantity, values, market, desk()).desk[Measure.VEGA_WEIGHTED_USD_PER_POINT]

    assert (seen[1] - seen[0]) / 0.002 == pytest.approx(weighted, rel=1e-6)


@pytest.mark.parametrize("style", [Style.EUROPEAN, Style.AMERICAN])
def test_spot_correlated_volatility_follows_by_beta(style):
    items = [option(f"{r.name}{days}", 100.0, days, r, style=style) for r in Right for days in (20, 200)]
    market = view_by_hand(items, spot=100.0, vols=[0.2, 0.25, 0.3, 0.35], rate=0.03)
    values = value(market, _beta_dynamics())
    quantity = np.array([3, -2, 1, 5])
    seen = ladder(quantity, values, market, replace_terms(shift=VolShift.SPOT_CORRELATED))

    for m, move in enumerate((-0.05, 0.0, 0.05)):
        points = -1.5 * np.sqrt(30.0 / np.array([20, 200, 20, 200])) * np.log1p(move) * 100.0
        parts = [
            quantity[row]
            * slide(
                np.eye(4, dtype=np.int64)[row],
                value(market),
                market,
                np.array([move]),
                np.array([points[row]]),
            ).desk[0, 0]
            for row in range(4)
        ]
        assert seen.desk[m, 1] == pytest.approx(sum(parts), abs=2e-2)


def test_a_close_that_no_calendar_tells_is_unknown_with_a_reason():
    quantity, market = book_of_v17()
    seen = ladder(quantity, value(market), market, replace_terms(time=SlideTime.CLOSE))

    assert np.isnan(seen.desk).all()
    assert "calendar" in seen.reason


def test_an_empty_book_slides_nowhere_at_any_time():
    quantity, market = book_of_v17()
    for time in (SlideTime.NOW, SlideTime.NEXT_DAY):
        seen = ladder(np.zeros_like(quantity), value(market), market, replace_terms(time=time))
        assert not seen.desk.any()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(-40, 40)), min_size=1, max_size=30)
)
def test_groups_of_cells_sum_to_the_whole(lines):
    """Whatever the grouping, with a series without a value in it."""
    items = [share("XYZ")] + [option(f"C{k}", 90.0 + 5 * k, 30, Right.CALL) for k in range(5)]
    market = view_by_hand(items, spot=100.0, vols=[np.nan, 0.2, 0.2, np.nan, 0.2, 0.2])
    values = value(market)
    row, group, quantity = (np.array(column) for column in zip(*lines, strict=True))
    cells = cells_of(np.arange(6), values, market, MOVES, SHIFTS_POINTS)
    axes = np.array([np.arange(row.size), group])
    by_line, by_group = pnl_by_groups(axes, (row.size, 3), row, quantity, cells)
    gross = np.abs(by_line).sum()

    assert np.abs(by_group.sum(axis=0) - by_line.sum(axis=0)).max() <= 1e-12 * gross
    for number in range(3):
        assert by_group[number] == pytest.approx(
            by_line[group == number].sum(axis=0), abs=1e-12 * gross + 1e-300
        )


def test_cells_refuse_a_book_they_were_not_made_for():
    _, market = book_of_v17()
    cells = cells_of(np.array([0]), value(market), market, MOVES, SHIFTS_POINTS)
    with pytest.raises(AssertionError, match="not made for"):
        pnl_by_groups(np.zeros((1, 1), dtype=np.int64), (1,), np.array([1]), np.array([1]), cells)


def test_a_jump_of_the_unknown_is_nan_and_not_zero():
    """A position in what has neither value nor price of its underlying."""
    items = [option("C", 100.0, 30, Right.CALL)]
    market = replace(view_by_hand(items, spot=100.0, vols=[np.nan]), spot=np.array([np.nan]))
    seen = slide(np.array([1]), value(market), market)

    assert np.isnan(seen.desk).all()
