"""The ledger adds up, with correlations or without, and nothing differs from the model in silence."""

import numpy as np
import pytest

from flatbook.exposure.residual_ledger import Entry, RiskKind, ledger_of, reconcile
from flatbook.hedging.cross import basis_deviation_usd, effectiveness, minimum_variance_ratio
from flatbook.model.errors import InvalidValueError


def _entry(kind, deviation, cost=0.0, **more):
    return Entry(
        kind=kind, underlying="XYZ", source=more.pop("source", kind.value), owner="risk",
        variance_usd2=deviation**2, expected_cost_usd=cost, horizon_days=1.0, **more,
    )  # fmt: skip


_FOUR = (
    _entry(RiskKind.BASIS, 3.0, 1.0),
    _entry(RiskKind.VOLATILITY, 4.0),
    _entry(RiskKind.EXECUTION, 12.0, 5.0),
    _entry(RiskKind.DIRECTION, 84.0),
)


def test_uncorrelated_entries_add_their_variances():
    """3, 4, 12, 84: together 85."""
    found = ledger_of(_FOUR)

    assert found.deviation_usd == pytest.approx(85.0)
    assert found.expected_cost_usd == 6.0
    assert found.shares_usd2 == pytest.approx([9.0, 16.0, 144.0, 7056.0])


def test_correlated_entries_are_those_of_a_simulation():
    """Two million draws of three correlated risks, seed 3: the variance of their sum to four standard errors."""
    correlation = np.array([[1.0, 0.5, -0.3], [0.5, 1.0, 0.2], [-0.3, 0.2, 1.0]])
    found = ledger_of(_FOUR[:3], correlation)
    draws = np.random.default_rng(3).multivariate_normal(np.zeros(3), correlation, 2_000_000)
    drawn = float((draws @ np.array([3.0, 4.0, 12.0])).var())

    assert found.variance_usd2 == pytest.approx(drawn, rel=4.0 * np.sqrt(2.0 / 2_000_000))
    assert found.shares_usd2.sum() == pytest.approx(found.variance_usd2)


def test_what_the_model_and_the_ledger_do_not_share_has_a_line_each():
    found = reconcile(ledger_of(_FOUR), model_usd2=8000.0)

    assert found.in_both == pytest.approx(16.0 + 7056.0)
    assert found.not_in_ledger == pytest.approx(8000.0 - 7072.0)
    assert found.not_in_model == pytest.approx(9.0 + 144.0)
    assert found.in_both + found.not_in_ledger == pytest.approx(found.model)
    assert found.in_both + found.not_in_model == pytest.approx(found.ledger)


def test_an_entry_that_cannot_be_told_leaves_the_whole_unknown_and_says_why():
    blind = _entry(RiskKind.EVENT, float("nan"), reason="no expiry after it")
    found = ledger_of((*_FOUR, blind))

    assert np.isnan(found.variance_usd2)
    assert np.isnan(reconcile(found, 1.0).not_in_model)
    assert reconcile(found, 8000.0).in_both == pytest.approx(7072.0)
    with pytest.raises(AssertionError, match="without a reason"):
        ledger_of((_entry(RiskKind.EVENT, float("nan")),))


@pytest.mark.parametrize(
    "matrix",
    [
        np.eye(3),
        np.array([[1.0, 1.5], [1.5, 1.0]]),
        np.array([[1.0, 0.2], [0.1, 1.0]]),
        np.full((2, 2), np.nan),
    ],
    ids=["shape", "no correlation", "one-sided", "unknown"],
)
def test_correlations_that_nothing_has_are_refused(matrix):
    with pytest.raises(InvalidValueError, match="correlations of 2 entries"):
        ledger_of(_FOUR[:2], matrix)


def test_an_empty_ledger_is_nothing():
    assert ledger_of(()).variance_usd2 == 0.0
    assert reconcile(ledger_of(()), 4.0).not_in_ledger == 4.0


def test_the_basis_of_the_published_cross_hedge():
    """Jet fuel by heating oil (domain reference V10): h* .7798, effectiveness .8612; the rest is the ledger's basis."""
    ratio = minimum_variance_ratio(correlation=0.928, vol_exposure=0.0263, vol_hedge=0.0313)
    left = basis_deviation_usd(hedged_usd=1e6, correlation=0.928, vol=0.0263, years=1.0)
    found = ledger_of((_entry(RiskKind.BASIS, left),))

    assert ratio == pytest.approx(0.7798, abs=5e-4)
    assert found.variance_usd2 == pytest.approx((1e6 * 0.0263) ** 2 * (1.0 - effectiveness(0.928)))
    assert effectiveness(0.928) == pytest.approx(0.8612, abs=5e-5)
