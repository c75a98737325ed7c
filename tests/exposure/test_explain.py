"""Greeks explain a day's P&L as published (domain reference V17)."""

from dataclasses import replace

import numpy as np
import pytest

from flatbook.exposure.aggregate import aggregate
from flatbook.model.measures import Measure
from flatbook.valuation.values import value
from tests.worlds import book_of_v17, desk

_DAY = 1.0 / 365.0


def test_a_move_of_three_percent_two_points_and_a_day_is_explained_as_published():
    """Full -7002.8663; delta -6542.39, gamma -1069.70, vega 204.41, theta 136.77, vanna 238.14, volga -37.02; residual 66.93."""
    quantity, market = book_of_v17()
    now = aggregate(quantity, value(market), market, desk()).desk
    options = market.table.is_option
    years, slice_years = np.where(options, market.years - _DAY, np.inf), market.slice_years - _DAY
    forward = 97.0 * np.exp(0.04 * slice_years)
    of = market.table.slice_of
    later = replace(
        market,
        spot=np.array([97.0]),
        years=years,
        slice_years=slice_years,
        slice_forward=forward,
        slice_discount=np.exp(-0.04 * slice_years),
        forward=np.where(options, forward[of], np.nan),
        discount=np.where(options, np.exp(-0.04 * slice_years)[of], 1.0),
        vol=market.vol + 0.02,
    )
    full = aggregate(quantity, value(later), later, desk()).desk[Measure.VALUE_USD] - now[Measure.VALUE_USD]
    move, points = -0.03, 2.0
    terms = [
        now[Measure.DELTA_USD] * move,
        0.5 * now[Measure.GAMMA_USD_PER_PCT] * 100.0 * move**2,
        now[Measure.VEGA_USD_PER_POINT] * points,
        now[Measure.THETA_USD_PER_DAY],
        now[Measure.VANNA_USD_PER_POINT] * move * points,
        0.5 * now[Measure.VOLGA_USD_PER_POINT2] * points**2,
    ]

    assert full == pytest.approx(-7002.8663, abs=1e-4)
    assert terms == pytest.approx([-6542.39, -1069.70, 204.41, 136.77, 238.14, -37.02], abs=5e-3)
    assert full - sum(terms) == pytest.approx(66.93, abs=5e-3)
