"""Cross now or work it, against the sums of Almgren and Chriss done by hand."""

import math

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.hedging.products import Product
from flatbook.hedging.working import impact_per_contract2, working_of
from flatbook.model.errors import InvalidValueError
from flatbook.model.hedge_terms import HedgeTerms, HedgingTerms
from tests.worlds import FUTURE, share

_TERMS = HedgeTerms(instrument=share("XYZ"), spread=0.02, lot=10, impact_temporary=2e-6)
_HEDGING = HedgingTerms()
_VOL = 0.25


def _product(terms=_TERMS, held=0):
    return Product(
        terms=terms,
        row=0,
        price=100.0,
        delta_usd=100.0,
        cost_usd=0.01,
        short_usd=0.01 if terms.short_sale_restricted else 0.0,
        carry_usd=0.0,
        borrow_usd=0.0,
        held=held,
        most_bought=math.inf,
        most_sold=math.inf,
    )


def _worked(contracts, aversion, terms=_TERMS, *, urgent=False, held=0, hedging=_HEDGING):
    return working_of(
        _product(terms, held), contracts, vol=_VOL, hedging=hedging, aversion=aversion, urgent=urgent
    )


def test_without_aversion_it_is_traded_evenly_and_impact_falls_by_the_minutes():
    """20,000 over 30 minutes: 2e-6 x 20,000^2 = 800 at once, 800 / 30 evenly, and half the spread."""
    way = _worked(20_000, 1e-15)

    assert set(way.trades) == {2_000}
    assert way.expected_cost_usd == pytest.approx(200.0 + 800.0 / 30.0)
    path = sum((20_000 - 2_000 * step) ** 2 for step in range(1, 11)) * 3.0 / 390.0
    assert way.deviation_usd == pytest.approx(100.0 * _VOL / np.sqrt(252.0) * np.sqrt(path))


def test_the_more_risk_is_feared_the_faster_and_in_a_hurry_at_once():
    slow, fast = (_worked(20_000, aversion) for aversion in (1e-15, 1e-5))
    now = _worked(20_000, 1e-5, urgent=True)

    assert fast.trades[0] > slow.trades[0]
    assert fast.deviation_usd < slow.deviation_usd
    assert fast.expected_cost_usd > slow.expected_cost_usd
    assert now.now
    assert now.expected_cost_usd == pytest.approx(200.0 + 800.0)


@pytest.mark.parametrize("contracts", [20_000, -20_000, 12_340, -10, 70])
def test_trades_are_whole_lots_of_one_side_and_add_up(contracts):
    way = _worked(contracts, 1e-6)

    assert sum(way.trades) == contracts
    assert all(each % 10 == 0 and each * contracts >= 0 for each in way.trades)


def test_no_impact_urgency_and_lasting_impact_cross_it():
    assert _worked(500, 1e-6, replace(_TERMS, impact_temporary=0.0)).now
    assert _worked(500, 1e-6, urgent=True).reason == "there is no time to work it"
    lasting = _worked(500, 1e-6, replace(_TERMS, impact_permanent=1e-3))
    assert lasting.now
    assert "for good" in lasting.reason


def test_restricted_short_sales_are_worked_even_when_urgent_and_sales_of_what_is_held_are_not():
    restricted = replace(_TERMS, short_sale_restricted=True, impact_temporary=0.0)
    short = _worked(-1_000, 1e-6, restricted, urgent=True)

    assert not short.now
    assert short.expected_cost_usd == pytest.approx(1_000 * 0.02)
    assert _worked(-1_000, 1e-6, restricted, held=1_000).now
    assert _worked(-1_000, 1e-6, restricted, held=400).expected_cost_usd == pytest.approx(
        400 * 0.01 + 600 * 0.02
    )
    assert _worked(1_000, 1e-6, restricted).now


def test_the_impact_that_a_hedge_is_chosen_by_is_that_of_the_better_way():
    """With the risk of an even path: aversion / 2 delta^2 vol^2 T / 3."""
    years = 30.0 / 390.0 / 252.0
    even = 2e-6 / 30.0 + 0.5e-6 * (100.0 * _VOL) ** 2 * years / 3.0

    assert impact_per_contract2(_TERMS, 100.0, _VOL, _HEDGING, 1e-6) == pytest.approx(even)
    assert impact_per_contract2(_TERMS, 100.0, _VOL, _HEDGING, 1.0) == 2e-6
    assert impact_per_contract2(_TERMS, 100.0, math.nan, _HEDGING, 1e-6) == 2e-6


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"impact_temporary": -1.0}, "impact_temporary must be 0 or above"),
        ({"locate_contracts": -1}, "locate_contracts must be 0 or above"),
        ({"borrow_rate": -0.1}, "borrow_rate"),
        ({"estimate": True}, "needs history"),
        ({"instrument": FUTURE, "short_sale_restricted": True}, "shares alone"),
        ({"correlation": 0.0}, "correlation must be above 0"),
    ],
)
def test_terms_that_cannot_be_meant_are_refused(change, says):
    with pytest.raises(InvalidValueError, match=says):
        HedgeTerms(**({"instrument": share("XYZ"), "spread": 0.01} | change))


@pytest.mark.parametrize(
    "change", [{"ridge": 0.0}, {"steps": 0}, {"horizon_minutes": 0.0}, {"band_usd": math.nan}]
)
def test_hedging_that_cannot_be_meant_is_refused(change):
    with pytest.raises(InvalidValueError, match="hedging"):
        HedgingTerms(**change)
