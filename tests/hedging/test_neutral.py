"""Gamma and vega neutrality against Hull's example (domain reference V13)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatbook.hedging.neutral import OptionRisk, gamma_vega_neutral


def test_hulls_book_needs_400_and_6000_contracts_and_a_sale_of_3240():
    """Book delta 0, gamma -5000, vega -8000; options (.6, .5, 2.0) and (.5, .8, 1.2)."""
    found = gamma_vega_neutral(
        OptionRisk(0.0, -5000.0, -8000.0), OptionRisk(0.6, 0.5, 2.0), OptionRisk(0.5, 0.8, 1.2)
    )

    assert found is not None
    assert found == pytest.approx((400.0, 6000.0, 3240.0))


def test_two_options_that_are_alike_tell_nothing():
    """The same ratio of gamma to vega cannot take both to zero."""
    assert (
        gamma_vega_neutral(OptionRisk(0.0, -5.0, -8.0), OptionRisk(0.6, 0.5, 2.0), OptionRisk(0.3, 0.25, 1.0))
        is None
    )


_risk = st.floats(0.01, 10.0)


@given(
    gamma=st.floats(-1e4, 1e4),
    vega=st.floats(-1e4, 1e4),
    first=st.tuples(_risk, _risk),
    second=st.tuples(_risk, _risk),
)
def test_the_contracts_found_leave_neither_gamma_nor_vega(gamma, vega, first, second):
    """Whatever the book, the two equations hold."""
    one, two = OptionRisk(0.5, *first), OptionRisk(0.4, *second)
    found = gamma_vega_neutral(OptionRisk(0.0, gamma, vega), one, two)
    if found is None:
        assert abs(one.gamma * two.vega - two.gamma * one.vega) <= 1e-8 * (
            one.gamma * two.vega + two.gamma * one.vega
        )
        return
    size = abs(found.first) + abs(found.second) + 1.0

    assert gamma + found.first * one.gamma + found.second * two.gamma == pytest.approx(
        0.0, abs=1e-9 * size * 10
    )
    assert vega + found.first * one.vega + found.second * two.vega == pytest.approx(0.0, abs=1e-9 * size * 10)
