"""Cross hedging against Hull's jet fuel example (domain reference V10)."""

import math

import pytest

from flatbook.hedging.cross import (
    HeldProxy,
    basis_by_underlying,
    basis_deviation_usd,
    effectiveness,
    hedge_contracts,
    minimum_variance_ratio,
)
from flatbook.model.hedge_terms import HedgeTerms
from tests.worlds import share

_RHO = 0.928


def test_the_ratio_of_least_variance_is_hulls():
    """sigma_S=.0263, sigma_F=.0313, rho=.928: h*=.7798; 2,000,000 gallons at 42,000 a contract: 37.13."""
    ratio = minimum_variance_ratio(correlation=_RHO, vol_exposure=0.0263, vol_hedge=0.0313)

    assert ratio == pytest.approx(0.7798, abs=5e-5)
    assert hedge_contracts(ratio=ratio, exposure=2_000_000.0, contract_size=42_000.0) == pytest.approx(
        37.13, abs=5e-3
    )


def test_effectiveness_is_the_square_of_the_correlation():
    """V10: .8612."""
    assert effectiveness(_RHO) == pytest.approx(0.8612, abs=5e-5)


def test_what_the_hedge_removes_and_the_basis_are_the_whole_variance():
    """Hedged variance plus basis variance is the variance before."""
    vol, years, exposure = 0.2, 1.0 / 365.0, 1e6
    basis = basis_deviation_usd(hedged_usd=exposure, correlation=_RHO, vol=vol, years=years)

    assert basis**2 + effectiveness(_RHO) * (exposure * vol) ** 2 * years == pytest.approx(
        (exposure * vol) ** 2 * years
    )


def test_a_perfect_hedge_has_no_basis():
    """Correlation 1 leaves nothing."""
    assert basis_deviation_usd(hedged_usd=1e6, correlation=1.0, vol=0.2, years=0.1) == 0.0


def _proxy(underlying, deviation_usd):
    terms = HedgeTerms(
        instrument=share("PROXY", underlying=underlying), spread=0.01, fee_per_contract=0.0, correlation=0.9
    )
    return HeldProxy(terms=terms, deviation_usd=deviation_usd)


def test_bases_add_as_squares():
    """3 and 4 of one underlying are 5; with 12 of another the desk has 13; without a proxy there is none."""
    held = (_proxy("A", 3.0), _proxy("A", 4.0), _proxy("B", 12.0))

    assert basis_by_underlying(held, ("A", "B", "C")) == pytest.approx(
        {"": 13.0, "A": 5.0, "B": 12.0, "C": 0.0}
    )


def test_a_basis_that_is_unknown_leaves_the_desk_unknown_and_the_others_stand():
    told = basis_by_underlying((_proxy("A", 3.0), _proxy("B", math.nan)), ("A", "B"))

    assert told["A"] == 3.0
    assert math.isnan(told["B"])
    assert math.isnan(told[""])
