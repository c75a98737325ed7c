"""Almgren and Chriss's schedule: the published base case, its two ends, and that nothing beats it."""

import numpy as np
import pytest

from flatbook.hedging.execution import Impact, even_path_deviation_usd, schedule
from flatbook.model.errors import InvalidValueError

_IMPACT = Impact(half_spread=0.0625, permanent=2.5e-7, temporary=2.5e-6)
_BASE = {"units": 1e6, "days": 5.0, "steps": 5, "deviation": 0.95, "impact": _IMPACT}


def test_the_published_base_case():
    """Domain reference V14: kappa, half-life, every holding, cost and deviation."""
    found = schedule(**_BASE, aversion_per_usd=1e-6)

    assert found.kappa_per_day == pytest.approx(0.607076, abs=1e-6)
    assert found.half_life_days == pytest.approx(1.647, abs=5e-4)
    assert found.left == pytest.approx([1e6, 541_956, 289_854, 147_897, 62_142, 0.0], abs=0.5)
    assert found.expected_cost_usd == pytest.approx(911_227, abs=1)
    assert found.deviation_usd == pytest.approx(603_431, abs=1)


@pytest.mark.parametrize(
    ("aversion", "kappa", "cost", "deviation"),
    [
        (0.0, 0.0, 662_500, 1_040_672),
        (1e-7, None, 670_057, 961_623),
        (2e-6, 0.846297, 1_140_715, 449_368),
    ],
)
def test_other_aversions_of_the_base_case(aversion, kappa, cost, deviation):
    """Domain reference V14."""
    found = schedule(**_BASE, aversion_per_usd=aversion)

    assert kappa is None or found.kappa_per_day == pytest.approx(kappa, abs=1e-6)
    assert found.expected_cost_usd == pytest.approx(cost, abs=1)
    assert found.deviation_usd == pytest.approx(deviation, abs=1)


def _objective(trades, aversion):
    """Cost plus aversion times variance of any schedule, written out."""
    left = 1e6 - np.cumsum(trades)
    temporary = _IMPACT.temporary - 0.5 * _IMPACT.permanent
    cost = (
        0.5 * _IMPACT.permanent * 1e12
        + _IMPACT.half_spread * np.abs(trades).sum()
        + temporary * (trades**2).sum()
    )
    return cost + aversion * 0.95**2 * (left**2).sum()


@pytest.mark.parametrize("aversion", [1e-7, 1e-6, 2e-6])
def test_no_other_schedule_is_better(aversion):
    """A thousand neighbours, seed 1."""
    found = schedule(**_BASE, aversion_per_usd=aversion)
    best = _objective(found.trades, aversion)
    random = np.random.default_rng(1)
    for _ in range(1000):
        change = random.normal(size=5) * random.choice([1.0, 100.0, 1e4])
        assert _objective(found.trades + change - change.mean(), aversion) >= best - 1e-6

    assert best == pytest.approx(found.expected_cost_usd + aversion * found.deviation_usd**2)


def test_a_sale_costs_what_a_purchase_does():
    bought, sold = (schedule(**{**_BASE, "units": sign * 1e6}, aversion_per_usd=1e-6) for sign in (1.0, -1.0))

    assert sold.trades == pytest.approx(-bought.trades)
    assert sold.expected_cost_usd == pytest.approx(bought.expected_cost_usd)


def test_great_haste_trades_at_once_and_overflows_nothing():
    found = schedule(**{**_BASE, "steps": 50}, aversion_per_usd=1e3)

    assert found.trades[0] == pytest.approx(1e6, rel=1e-3)
    assert np.isfinite(found.left).all()


def test_an_even_path_is_the_limit_of_many_even_steps():
    """X s sqrt(T / 3)."""
    found = schedule(**{**_BASE, "steps": 20_000}, aversion_per_usd=0.0)

    assert found.deviation_usd == pytest.approx(
        even_path_deviation_usd(traded_usd=1e6, vol=0.95, years=5.0), rel=1e-4
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"steps": 0}, "one step"), ({"days": 0.0}, "days above 0"), ({"days": 1e3}, "take more steps")],
)
def test_schedules_that_cannot_be_are_refused(changed, words):
    with pytest.raises(InvalidValueError, match=words):
        schedule(**{**_BASE, **changed}, aversion_per_usd=1e-6)
