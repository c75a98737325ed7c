"""Slides against published cells, and against Greeks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.exposure.aggregate import aggregate
from flatbook.exposure.slides import GAP_MOVES, MOVES, SHIFTS_POINTS, gap, slide
from flatbook.model.measures import Measure
from flatbook.valuation.values import value
from tests.worlds import book_of_v17, desk

_PUBLISHED_MOVES = np.array([-0.15, -0.10, -0.05, -0.02, 0.0, 0.02, 0.05, 0.10, 0.15])
_PUBLISHED = {  # domain reference V36, by shift in vol points
    -5.0: [-48051, -30923, -14814, -6016, -793, 3555, 7752, 8489, 5466],
    0.0: [-47368, -29807, -13372, -4806, 0, 3860, 7618, 8822, 6247],
    5.0: [-46329, -28524, -12292, -4150, 316, 3886, 7463, 9102, 7099],
    10.0: [-45092, -27311, -11567, -3855, 350, 3734, 7241, 9287, 7878],
}


def test_the_slide_is_the_published_one():
    """V36: every cell to the dollar."""
    quantity, market = book_of_v17()
    shifts = np.array(list(_PUBLISHED))
    found = slide(quantity, value(market), market, _PUBLISHED_MOVES, shifts)

    assert np.round(found.desk.T).tolist() == list(_PUBLISHED.values())


def test_the_zero_cell_is_exactly_zero_and_the_ladder_is_wide_enough():
    """At least 21 by 9, with the gaps on it."""
    quantity, market = book_of_v17()
    slides = slide(quantity, value(market), market)

    assert slides.desk[np.flatnonzero(MOVES == 0.0)[0], np.flatnonzero(SHIFTS_POINTS == 0.0)[0]] == 0.0
    assert slides.desk.shape == (21, 9)
    assert set(GAP_MOVES) <= set(MOVES)
    assert gap(slides).worst_desk == pytest.approx(-slides.desk[MOVES == -0.20, SHIFTS_POINTS == 0.0][0])


@settings(max_examples=25, deadline=None)
@given(
    quantity=st.lists(st.integers(-200, 200), min_size=4, max_size=4),
    move=st.floats(-1e-3, 1e-3),
    points=st.floats(-0.05, 0.05),
)
def test_a_small_slide_is_what_the_greeks_say(quantity, move, points):
    """Second order in spot and vol; the remainder is of third order."""
    _, market = book_of_v17()
    book = np.array(quantity)
    values = value(market)
    total = aggregate(book, values, market, desk()).desk
    percent = 100.0 * move
    expected = (
        total[Measure.DELTA_USD] * move
        + 0.5 * total[Measure.GAMMA_USD_PER_PCT] * percent * move
        + total[Measure.VEGA_USD_PER_POINT] * points
        + total[Measure.VANNA_USD_PER_POINT] * move * points
        + 0.5 * total[Measure.VOLGA_USD_PER_POINT2] * points**2
    )
    found = slide(book, values, market, np.array([move]), np.array([points])).desk[0, 0]
    size = float(np.abs(book).sum()) * 100.0 * 100.0

    assert found == pytest.approx(
        expected,
        abs=size
        * (
            2e2 * abs(move) ** 3
            + 1e-5 * abs(points) ** 3
            + 2e-2 * abs(points) * move**2
            + 1e-3 * points**2 * abs(move)
        )
        + 1e-6,
    )


def test_a_series_without_a_value_counts_at_the_most_it_can_lose():
    """It moves at most with the underlying, and with vol at most like an option at the money."""
    _, market = book_of_v17()
    blind = market.vol.copy()
    blind[0] = np.nan
    known, unknown = (
        value(market),
        value(type(market)(**{name: getattr(market, name) for name in market.__slots__} | {"vol": blind})),
    )
    book = np.array([-50, 0, 0, 0])
    worst = slide(book, unknown, market)
    real = slide(book, known, market)

    assert set(unknown.reasons) == {0}
    assert np.all(worst.desk <= real.desk + 1e-9)
    assert worst.desk[MOVES == 0.10, SHIFTS_POINTS == 0.0][0] == pytest.approx(-50 * 100 * 100 * 0.10)
    assert worst.desk[MOVES == 0.0, SHIFTS_POINTS == 0.0][0] == 0.0
