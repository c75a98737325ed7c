"""Which hedge, how much, and when none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.hedging.propose import trades
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.measures import Measure
from flatbook.model.parameters import Limit, LimitMeasure
from tests.hedging.books import CHEAP_ETF, SHARE, plan
from tests.worlds import share


@settings(max_examples=40, deadline=None)
@given(contracts=st.integers(-2000, 2000), aversion=st.floats(1e-8, 1e-3))
def test_a_hedge_never_makes_delta_larger_and_ends_inside_its_band(contracts, aversion):
    """Whatever the position and the appetite."""
    hedges, _, values = plan(contracts, aversion=aversion)
    for hedge in hedges:
        assert abs(hedge.delta_after_usd) <= abs(hedge.delta_before_usd) + 1e-9
        assert abs(hedge.delta_after_usd) <= hedge.band_usd + 1e-6
        if hedge.chosen:
            traded = trades(hedges, 3) @ values.greeks[:, Measure.DELTA_USD]
            assert hedge.delta_before_usd + traded == pytest.approx(hedge.delta_after_usd)
            assert hedge.chosen.quantity % (100 if hedge.chosen.symbol == "ETF" else 1) == 0


def test_the_underlying_itself_beats_a_proxy_with_basis_risk_and_the_proxy_is_named():
    """Much the same to trade; the basis decides."""
    (hedge,), _, _ = plan(-400)

    assert hedge.chosen.symbol == "XYZ"
    assert [one.symbol for one in hedge.alternatives] == ["ETF"]
    assert hedge.alternatives[0].basis_deviation_usd > hedge.chosen.basis_deviation_usd == 0.0


def test_a_proxy_that_is_cheap_enough_beats_the_underlying_unless_the_desk_fears_its_basis():
    """Cost plus aversion / 2 times variance."""
    (calm,), _, _ = plan(-400, hedges=(SHARE, CHEAP_ETF))
    (afraid,), _, _ = plan(-400, hedges=(SHARE, CHEAP_ETF), aversion=1e-3)

    assert (calm.chosen.symbol, afraid.chosen.symbol) == ("ETF", "XYZ")


def test_a_delta_inside_the_band_is_left_alone_with_a_reason():
    """A band of an indifferent desk is wide."""
    (hedge,), _, _ = plan(-5, aversion=1e-9)

    assert hedge.chosen is None
    assert "inside the no-trade band" in hedge.reason


@pytest.mark.parametrize(("utilisation", "band_share"), [(0.3, 1.0), (0.6, 0.5), (0.8, 0.0)])
def test_a_strained_limit_halves_the_band_and_then_hedges_to_the_centre(utilisation, band_share):
    """Domain reference 8.1."""
    (free,), exposure, _ = plan(-400)
    hard = abs(exposure.desk[Measure.DELTA_USD]) / utilisation
    (hedge,), _, _ = plan(
        -400, limit=Limit(measure=LimitMeasure.DELTA_USD, underlying="XYZ", limit_hard=hard)
    )

    assert abs(hedge.target_usd) == pytest.approx(free.band_usd * band_share)
    assert abs(hedge.delta_after_usd) <= free.band_usd * band_share + 100.0


def test_without_a_hedge_instrument_the_delta_stays_and_the_reason_is_told():
    """Not silently."""
    (hedge,), _, _ = plan(-400, hedges=())

    assert hedge.chosen is None
    assert "no hedge instrument" in hedge.reason
    assert hedge.delta_after_usd == hedge.delta_before_usd


def test_costs_are_half_the_spread_and_the_fee():
    """A cent and half a cent a share."""
    (hedge,), _, _ = plan(-400)

    assert hedge.chosen.cost_usd == pytest.approx(abs(hedge.chosen.quantity) * 0.015)


def test_a_delta_whose_risk_is_worth_less_than_the_trade_is_left_alone_without_any_gamma():
    """Three shares of risk against a hundred points of spread: internalise (domain reference 4.8)."""
    dear = HedgeTerms(instrument=share("XYZ"), spread=10.0)
    (dear_hedge,), _, _ = plan(-3, hedges=(dear,))
    (cheap_hedge,), _, _ = plan(-3, hedges=(SHARE,), aversion=1e-3)

    assert dear_hedge.chosen is None
    assert cheap_hedge.chosen is not None
