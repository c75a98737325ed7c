"""Greeks explain a day's P&L as published (domain reference V17); every part adds up, whatever is held."""

from dataclasses import replace

import numpy as np
import pytest

from flatbook.exposure.aggregate import aggregate
from flatbook.exposure.explain import Term, explain
from flatbook.market.clock import NS_PER_DAY
from flatbook.model.instruments import Instrument, Kind, Payoff, Right, Style, TickBand
from flatbook.model.measures import Measure
from flatbook.valuation.values import value
from tests.worlds import book_of_v17, desk, option, share, view_by_hand

_PUBLISHED = {
    Term.DELTA: -6542.39,
    Term.GAMMA: -1069.70,
    Term.VEGA_LEVEL: 204.41,  # both points on every strike
    Term.VEGA_SKEW: 0.0,
    Term.VEGA_CURVATURE: 0.0,
    Term.SPOT_VOL: 0.0,  # sticky strike
    Term.THETA: 136.77,
    Term.VANNA: 238.14,
    Term.VOLGA: -37.02,
    Term.RATES: 0.0,
    Term.DIVIDENDS: 0.0,
    Term.BASIS: 0.0,
    Term.RESIDUAL: 66.93,
}


def _later(market, *, spot, vol_change, days=1):
    """The same market with another spot and volatility, `days` on, carried at 4 %."""
    options = market.table.is_option
    years = np.where(options, market.years - days / 365.0, np.inf)
    slice_years = market.slice_years - days / 365.0
    forward, discount = spot * np.exp(0.04 * slice_years), np.exp(-0.04 * slice_years)
    of = market.table.slice_of
    return replace(
        market,
        now_ns=market.now_ns + days * NS_PER_DAY,
        spot=np.full(market.spot.size, spot),
        years=years,
        slice_years=slice_years,
        slice_spot=np.full(slice_years.size, spot),
        slice_forward=forward,
        slice_discount=discount,
        forward=np.where(options, forward[of], np.nan),
        discount=np.where(options, discount[of], 1.0),
        vol=market.vol + vol_change,
    )


def test_a_move_of_three_percent_two_points_and_a_day_is_explained_as_published():
    """Full -7002.8663, and every term."""
    quantity, market = book_of_v17()
    later = _later(market, spot=97.0, vol_change=0.02)
    found = explain(quantity, value(market), market, value(later), later)

    assert found.pnl_desk == pytest.approx(-7002.8663, abs=1e-4)
    assert found.desk == pytest.approx([_PUBLISHED[term] for term in Term], abs=5e-3)
    assert found.desk.sum() == pytest.approx(found.pnl_desk, abs=1e-9)
    assert found.by_underlying[0] == pytest.approx(found.desk)
    assert found.unexplained == {}


def test_what_there_is_to_explain_is_the_change_of_value():
    """Of options and shares; a day in which nothing happens explains itself."""
    quantity, market = book_of_v17()
    later = _later(market, spot=101.0, vol_change=-0.01, days=3)
    worth = [aggregate(quantity, value(one), one, desk()).desk[Measure.VALUE_USD] for one in (market, later)]
    moved = explain(quantity, value(market), market, value(later), later)
    still = explain(quantity, value(market), market, value(market), market)

    assert moved.pnl_desk == pytest.approx(worth[1] - worth[0], abs=1e-8)
    assert (still.desk == 0.0).all()


def test_a_series_that_loses_its_value_is_named_and_in_no_sum():
    """Neither its Greeks nor its P&L; the others are explained as before."""
    quantity, market = book_of_v17()
    later = _later(market, spot=97.0, vol_change=0.02)
    vol = later.vol.copy()
    vol[1] = np.nan
    blind = replace(later, vol=vol)
    without = np.where(np.arange(4) == 1, 0, quantity)
    found = explain(quantity, value(market), market, value(blind), blind)
    expected = explain(without, value(market), market, value(later), later)

    assert list(found.unexplained) == [1]
    assert found.unexplained[1].startswith("after the step: ")
    assert found.desk == pytest.approx(expected.desk)
    assert found.pnl_desk == pytest.approx(expected.pnl_desk)


def test_a_coin_settled_future_makes_coins_that_count_at_the_index_after_the_step():
    """10 USD a contract, 40,000 to 44,000: 10 / 40,000 - 10 / 44,000 coins, 1 USD at the new index; delta explains it."""
    perpetual = Instrument(
        symbol="BTC-PERPETUAL", underlying="BTC", kind=Kind.FUTURE, multiplier=10.0, currency="BTC", ticks_per_unit=10,
        tick_table=(TickBand(0, 5),), payoff=Payoff.INVERSE,
    )  # fmt: skip
    market = view_by_hand([perpetual], spot=40_000.0, vols=[np.nan])
    later = replace(market, spot=np.array([44_000.0]))
    found = explain(np.array([100]), value(market), market, value(later), later)

    assert found.pnl_desk == pytest.approx(100.0)
    assert found.desk[Term.DELTA] == pytest.approx(100.0)
    assert found.desk[Term.RESIDUAL] == pytest.approx(0.0, abs=1e-9)


def test_a_coin_settled_option_is_explained_in_usd_of_the_index():
    """One small step of spot: delta net of premium and gamma leave a residual of third order."""
    coin = option("BTC", 42_000.0, 60, Right.CALL, underlying="BTC", multiplier=1.0, payoff=Payoff.INVERSE)
    plain = view_by_hand([coin], spot=40_000.0, vols=[0.6])
    market = replace(plain, unit=plain.forward, forward_fixed=np.ones(1, dtype=np.bool_))
    up = 1.001
    later = replace(
        market,
        spot=market.spot * up,
        slice_forward=market.slice_forward * up,
        slice_spot=market.slice_spot * up,
        forward=market.forward * up,
        unit=market.unit * up,
    )
    found = explain(np.array([10]), value(market), market, value(later), later)

    assert abs(found.desk[Term.GAMMA]) > 0.05
    assert abs(found.desk[Term.RESIDUAL]) < 0.02 * abs(found.desk[Term.GAMMA])


def test_underlyings_are_explained_apart_and_add_up():
    """One that stands still has no P&L."""
    market = view_by_hand(
        [share("AAA", underlying="AAA"), share("BBB", underlying="BBB")], spot=50.0, vols=[np.nan, np.nan]
    )
    later = replace(market, spot=np.array([51.0, 50.0]))
    found = explain(np.array([100, 200]), value(market), market, value(later), later)

    assert found.pnl_by_underlying.tolist() == [100.0, 0.0]
    assert found.by_underlying[:, Term.DELTA] == pytest.approx([100.0, 0.0])
    assert found.pnl_desk == 100.0


def _carried(market, *, rate=0.0, dividend_yield=0.0):
    """The same market at another rate and yield."""
    r, q = market.slice_rate + rate, market.slice_yield + dividend_yield
    forward = market.spot[0] * np.exp((r - q) * market.slice_years)
    discount = np.exp(-r * market.slice_years)
    options, of = market.table.is_option, market.table.slice_of
    return replace(
        market,
        slice_rate=r,
        slice_yield=q,
        slice_forward=forward,
        slice_discount=discount,
        forward=np.where(options, forward[of], np.nan),
        discount=np.where(options, discount[of], 1.0),
    )


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize(
    ("term", "move"),
    [(Term.RATES, {"rate": 1e-4}), (Term.DIVIDENDS, {"dividend_yield": 1e-4})],
)
def test_a_basis_point_of_rate_or_yield_is_its_own_term(style, term, move):
    """All but a hundredth of the P&L, and nothing anywhere else but the residual; Americans as well."""
    listed = [option(f"{r.name}{k}", k, 120, r, style=style) for r in Right for k in (95.0, 105.0)]
    market = view_by_hand(listed, spot=100.0, vols=[0.25, 0.22, 0.25, 0.22], rate=0.05, dividend_yield=0.02)
    later = _carried(market, **move)
    quantity = np.array([1000, 500, -300, 400])
    found = explain(quantity, value(market), market, value(later), later)
    others = [each for each in Term if each not in (term, Term.RESIDUAL)]

    assert abs(found.pnl_desk) > 10.0
    assert found.desk[term] == pytest.approx(found.pnl_desk, rel=0.01)
    assert found.desk[others] == pytest.approx(0.0, abs=1e-9)


def test_a_forward_that_leaves_its_spot_is_dividends_to_second_order():
    """Spot and forward move together and apart: the residual is of third order, not gamma of the forward's own move."""
    quantity, market = book_of_v17()
    up, g = 0.004, 0.003
    later = replace(
        market,
        spot=market.spot * (1.0 + up),
        slice_forward=market.slice_forward * (1.0 + up) * np.exp(g),
        forward=market.forward * (1.0 + up) * np.exp(g),
        slice_spot=market.slice_spot * (1.0 + up),
    )
    held = np.where(market.table.is_option, quantity, 0)
    found = explain(held, value(market), market, value(later), later)

    assert abs(found.desk[Term.DIVIDENDS]) > 100.0
    assert abs(found.desk[Term.RESIDUAL]) < 0.01 * abs(found.desk[Term.DIVIDENDS])


def test_a_future_that_leaves_its_index_makes_basis():
    """50 a point, 2 contracts: the index stands still, the future rises by 3."""
    future = Instrument(
        symbol="F", underlying="XYZ", kind=Kind.FUTURE, multiplier=50.0, currency="USD", ticks_per_unit=100, tick_table=(TickBand(0, 25),)
    )  # fmt: skip
    plain = view_by_hand([future], spot=1000.0, vols=[np.nan])
    market = replace(plain, bid=np.array([1001.0]), ask=np.array([1001.0]))
    later = replace(plain, bid=np.array([1004.0]), ask=np.array([1004.0]))
    found = explain(np.array([2]), value(market), market, value(later), later)

    assert found.desk[Term.BASIS] == pytest.approx(300.0)
    assert found.pnl_desk == pytest.approx(300.0)
    assert found.desk[[Term.DELTA, Term.RESIDUAL]].tolist() == [0.0, 0.0]


def test_rows_add_up_to_their_underlyings():
    """By row, to their P&L and to the desk."""
    quantity, market = book_of_v17()
    later = _later(market, spot=97.0, vol_change=0.02)
    found = explain(quantity, value(market), market, value(later), later)

    assert found.rows.tolist() == [0, 1, 2, 3]
    assert found.by_row.sum(axis=0) == pytest.approx(found.desk)
    assert found.by_row.sum(axis=1) == pytest.approx(found.pnl_by_row)
