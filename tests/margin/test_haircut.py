"""The scenario haircut against the published array (domain reference V35)."""

import numpy as np
import pytest

from flatbook.margin.capital import requirement
from flatbook.margin.desk_capital import valuation_points
from flatbook.model.parameters import HaircutRange, UnderlyingTerms
from flatbook.valuation.values import value
from tests.worlds import book_of_v17, desk

_PUBLISHED = [
    -47367.51,
    -36770.49,
    -26383.57,
    -16493.35,
    -7505.38,
    5390.85,
    8322.43,
    8994.89,
    8054.84,
    6247.29,
]


def test_the_array_and_the_requirement_are_the_published_ones():
    """V35: ten points of 3 %, requirement 47,367.51."""
    quantity, market = book_of_v17()
    capital = requirement(quantity, value(market), market, desk())

    assert capital.pnl[0] == pytest.approx(_PUBLISHED, abs=0.005)
    assert capital.desk == pytest.approx(47_367.51, abs=0.005)
    assert capital.worst_move[0] == pytest.approx(-0.15)


@pytest.mark.parametrize(("rate", "minimum"), [(0.375, 4_500.0), (0.25, 3_000.0)])
def test_the_minimum_counts_every_option_contract(rate, minimum):
    """V35: 120 contracts; customer portfolio margin 4,500, risk-based haircut 3,000."""
    quantity, market = book_of_v17()
    the_desk = desk(underlyings=(UnderlyingTerms(symbol="XYZ", capital_minimum_usd=rate),))

    assert requirement(quantity, value(market), market, the_desk).minimum_by_underlying.tolist() == [minimum]


def test_a_book_that_gains_at_every_point_still_pays_the_minimum():
    """Long two strangles: 25 a contract; an empty book pays nothing."""
    _, market = book_of_v17()
    capital = requirement(np.array([2, 2, 0, 0]), value(market), market, desk())

    assert capital.pnl.min() > 0.0
    assert capital.desk == 100.0
    assert np.isnan(capital.worst_move[0])
    assert requirement(np.zeros(4, dtype=np.int64), value(market), market, desk()).desk == 0.0


def test_ten_points_a_broad_index_moves_less():
    """+6 % / -8 %, zero excluded."""
    assert valuation_points(-0.08, 0.06) == pytest.approx(
        [-0.08, -0.064, -0.048, -0.032, -0.016, 0.012, 0.024, 0.036, 0.048, 0.06]
    )
    quantity, market = book_of_v17()
    index = desk(underlyings=(UnderlyingTerms(symbol="XYZ", haircut=HaircutRange.BROAD_INDEX),))

    assert (
        requirement(quantity, value(market), market, index).desk
        < requirement(quantity, value(market), market, desk()).desk
    )
