"""A change of the smile is level, skew and curvature, and nothing is lost between them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from flatbook.exposure.smile_change import smile_change
from flatbook.exposure.smile_factors import CURVATURE, LEVEL, SKEW, smile_shapes
from flatbook.model.instruments import Right
from tests.exposure.test_dynamics_agree import _book as smile_book
from tests.exposure.test_dynamics_agree import _market as smile_market
from tests.worlds import option, view_by_hand

_STRIKES = np.arange(70.0, 131.0, 2.5)
_VOL, _DAYS = 0.2, 60


def _market(strikes=_STRIKES, days=(_DAYS,)):
    listed = [option(f"C{k:.1f}D{d}", float(k), d, Right.CALL) for d in days for k in strikes]
    return view_by_hand(listed, spot=100.0, vols=[_VOL] * len(listed))


def _x(market):
    z = np.log(market.table.strike / market.forward) / (_VOL * np.sqrt(market.years))
    return 2.0 * norm.cdf(z) - 1.0


@pytest.mark.parametrize("points", [2.0, -3.5])
def test_every_strike_alike_is_a_level(points):
    market = _market()
    found = smile_change(market, np.arange(_STRIKES.size), np.full(_STRIKES.size, points / 100.0))

    assert found.level == pytest.approx(points / 100.0, abs=1e-14)
    assert found.skew == pytest.approx(0.0, abs=1e-14)
    assert found.curvature == pytest.approx(0.0, abs=1e-14)


def test_a_smile_that_tilts_and_bends_shows_each_by_itself():
    """1 point up, the risk reversal of 25 delta 2 points down, a bend of 3: the coefficients come back."""
    market = _market()
    x = _x(market)
    found = smile_change(market, np.arange(x.size), 0.01 - 0.02 * x + 0.03 * x**2)

    assert found.level == pytest.approx(0.01, abs=1e-12)
    assert found.skew == pytest.approx(-0.02 * x, abs=1e-12)
    assert found.curvature == pytest.approx(0.03 * x**2, abs=1e-12)


def test_expiries_have_nothing_to_do_with_each_other():
    market = _market(days=(30, 90))
    change = np.where(market.table.slice_of == 0, 0.01, -0.02)
    found = smile_change(market, np.arange(change.size), change)

    assert found.level == pytest.approx(change, abs=1e-13)


@pytest.mark.parametrize(("count", "shapes"), [(1, 1), (2, 2), (3, 3)])
def test_few_strikes_tell_few_shapes(count, shapes):
    """One a level, two a skew too; what they change is told in full."""
    market = _market(np.array([95.0, 100.0, 108.0])[:count])
    change = np.array([0.02, 0.01, 0.03])[:count]
    found = smile_change(market, np.arange(count), change)

    assert sum(found) == pytest.approx(change, abs=1e-15)
    if shapes < 3:
        assert found.curvature == pytest.approx(0.0, abs=1e-13)
    if shapes == 1:
        assert found.skew == pytest.approx(0.0)


@settings(max_examples=50, deadline=None)
@given(
    changes=st.lists(
        st.floats(-0.5, 0.5) | st.just(float("nan")), min_size=_STRIKES.size, max_size=_STRIKES.size
    )
)
def test_the_three_add_up_whatever_happens_and_unknown_stays_unknown(changes):
    change = np.array(changes)
    found = smile_change(_market(), np.arange(change.size), change)

    assert sum(found) == pytest.approx(change, abs=1e-12, nan_ok=True)
    assert np.array_equal(np.isnan(found.level), np.isnan(change))


def test_a_strike_far_out_bends_nothing():
    """One wild wing six deviations out: at the money nothing moved."""
    market = _market(np.array([60.0, 95.0, 100.0, 105.0]))
    found = smile_change(market, np.arange(4), np.array([0.40, 0.0, 0.0, 0.0]))

    assert found.level == pytest.approx(0.0, abs=1e-15)
    assert found.curvature[0] == pytest.approx(0.40)


@pytest.mark.parametrize(("factor", "points"), [(LEVEL, 1.5), (SKEW, -2.0), (CURVATURE, 1.0)])
def test_on_a_surface_a_factor_that_moves_alone_is_told_alone(factor, points):
    """The shapes of the factor exposures: an explain's term is the exposure to the factor times its move."""
    market = smile_market(smile_book())
    rows = np.flatnonzero(market.table.is_option)
    shapes = smile_shapes(market, rows).shape
    found = smile_change(market, rows, points / 100.0 * shapes[:, factor])

    assert np.isfinite(shapes).all()
    for number, part in enumerate(found):
        wanted = points / 100.0 * shapes[:, factor] if number == factor else np.zeros(rows.size)
        assert part == pytest.approx(wanted, abs=1e-9)
