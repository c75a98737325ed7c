"""The barrier near a hard limit: from nothing to no bound, and only for what adds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from flatbook.model.errors import InvalidValueError
from flatbook.riskprice.barrier import Barriers, barrier_usd


def charge(utilisation, slope, contracts=1.0, *, soft=0.5, price=1000.0):
    """One limit, one series."""
    barriers = Barriers(
        utilisation=np.array([[utilisation]]), soft=np.array([soft]), halfway_usd=np.array([price])
    )
    return float(barrier_usd(barriers, np.array([[slope]]), np.array([contracts]))[0])


@given(
    utilisation=st.floats(0.0, 0.99),
    used=st.floats(1e-4, 0.5),
    soft=st.floats(0.0, 0.95),
    contracts=st.floats(0.5, 50.0),
)
def test_a_trade_pays_the_area_under_the_slope(utilisation, used, soft, contracts):
    """k x / (1 - x) integrated by scipy; infinite where the trade would reach the hard limit."""
    found = charge(utilisation, used / contracts, contracts, soft=soft)
    if utilisation + used / contracts * contracts >= 1.0:
        assert found == np.inf
        return

    def slope(u):
        x = max((u - soft) / (1.0 - soft), 0.0)
        return 1000.0 * x / (1.0 - x)

    area, _ = quad(
        slope,
        utilisation,
        utilisation + used,
        points=[soft] if utilisation < soft < utilisation + used else None,
        limit=200,
    )
    assert found * contracts == pytest.approx(area, rel=1e-4, abs=1e-6)


def test_it_starts_at_nothing_is_its_price_half_way_and_has_no_bound():
    """Along the limit, for a small lot."""
    lot = 1e-7
    at = lambda u: charge(u, lot) / lot  # noqa: E731

    assert at(0.3) == 0.0
    assert at(0.5001) == pytest.approx(0.0, abs=1.0)
    assert at(0.75) == pytest.approx(1000.0, rel=1e-4)
    assert at(0.999) > 100.0 * at(0.75)
    assert charge(0.999, 0.0011) == np.inf
    grown = [at(u) for u in np.linspace(0.5, 0.999, 50)]
    assert (np.diff(grown) > 0.0).all()


@pytest.mark.parametrize("utilisation", [0.2, 0.9, 1.0, 1.7, np.inf])
def test_what_brings_a_limit_down_pays_nothing_even_beyond_it(utilisation):
    assert charge(utilisation, -0.01) == 0.0
    assert charge(utilisation, 0.0) == 0.0


@pytest.mark.parametrize(
    ("utilisation", "slope"),
    [(1.0, 1e-6), (2.0, 0.1), (np.nan, 0.1), (np.inf, 0.1), (0.2, np.nan), (0.2, np.inf)],
)
def test_a_breached_or_unknown_limit_shuts_the_adding_side(utilisation, slope):
    """What could not be computed counts as a breach."""
    assert charge(utilisation, slope) == np.inf


def test_limits_add_up_and_a_second_lot_pays_more():
    """Two limits on one series; two lots one after another pay what both at once do."""
    barriers = Barriers(
        utilisation=np.array([[0.7, 0.7], [0.8, 0.1]]),
        soft=np.array([0.5, 0.6]),
        halfway_usd=np.array([10.0, 20.0]),
    )
    slope = np.full((2, 2), 0.02)
    both = barrier_usd(barriers, slope, np.ones(2))

    assert both[0] == pytest.approx(charge(0.7, 0.02, price=10.0) + charge(0.8, 0.02, soft=0.6, price=20.0))
    assert both[1] == pytest.approx(charge(0.7, 0.02, price=10.0))
    assert 2.0 * charge(0.7, 0.02, 2.0) == pytest.approx(charge(0.7, 0.02) + charge(0.72, 0.02))
    assert charge(0.72, 0.02) > charge(0.7, 0.02)


def test_a_barrier_that_pays_for_adding_is_refused():
    with pytest.raises(InvalidValueError, match="halfway_usd"):
        charge(0.1, 0.1, price=-1.0)
    with pytest.raises(InvalidValueError, match="soft"):
        charge(0.1, 0.1, soft=1.0)
