"""The shift of the reservation price of the next lot: differences of v, and parts that add up."""

import numpy as np
import pytest

from flatbook.riskprice.reservation import BID, OFFER, Charges, capital_usd, no_charges, reservation
from flatbook.riskprice.riccati import Terms, value_function
from tests.riskprice.test_riccati import one_sided, wide, world

_TERMS = Terms(aversion_per_usd=1e-3, holding_years=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_what_the_lot_takes_from_the_value_function(seed):
    """(v(E) - v(E +- z e)) / z, v from its matrices."""
    covariance, series, flow = world(seed)
    solved = value_function(covariance, series, one_sided(flow, seed), _TERMS)
    random = np.random.default_rng(seed)
    n, count = series.e.shape[0], covariance.shape[0]
    book, z, e = random.normal(size=count) * 5.0, random.uniform(1.0, 20.0, (2, n)), wide(series, count)
    v = lambda x: -x @ solved.curvature @ x - solved.slope @ x  # noqa: E731
    found = reservation(solved, book, series, z, no_charges(n)).shift_usd
    for i in range(n):
        for side, sign in ((BID, 1.0), (OFFER, -1.0)):
            size = z[side, i]
            assert found[side, i] == pytest.approx((v(book) - v(book + sign * size * e[i])) / size, rel=1e-9)


def test_its_parts_add_up_and_nothing_is_known_of_an_unknown_series():
    """Charges on top; a NaN charge makes a shift NaN, an infinite barrier an infinite one."""
    covariance, series, flow = world(1)
    n = series.e.shape[0]
    random = np.random.default_rng(1)
    barrier = random.uniform(0.0, 1.0, (2, n))
    barrier[OFFER, 3] = np.inf
    charges = Charges(
        barrier=barrier,
        capital=capital_usd(random.normal(size=(2, n)) * 1000.0, 0.12, 0.01),
        adverse_selection=random.uniform(0.0, 1.0, (2, n)),
        hedge=random.uniform(0.0, 1.0, (2, n)),
    )
    e = series.e.copy()
    e[5] = np.nan
    unknown = type(series)(e=e, block_of=series.block_of)
    found = reservation(
        value_function(covariance, unknown, flow, _TERMS), np.ones(6), unknown, np.full((2, n), 2.0), charges
    )
    parts = found.inventory_usd + found.flow_usd + found.own_usd
    whole = parts + charges.barrier + charges.capital + charges.adverse_selection + charges.hedge

    assert found.shift_usd == pytest.approx(whole, nan_ok=True)
    assert np.isnan(found.shift_usd[:, 5]).all()
    assert found.shift_usd[OFFER, 3] == np.inf
    assert np.isfinite(np.delete(found.shift_usd[BID], 5)).all()


def test_capital_is_charged_at_the_hurdle_for_as_long_as_it_is_held():
    """10,000 USD at 12 % over a tenth of a year; what frees capital is paid."""
    assert capital_usd(np.array([[10_000.0], [-10_000.0]]), 0.12, 0.1).tolist() == [[120.0], [-120.0]]
