"""Net exposure: published totals, sums of parts, worst cases."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.exposure.aggregate import aggregate, buckets_of, worst_case
from flatbook.model.instruments import Right
from flatbook.model.measures import BUCKET_NAMES, Measure
from flatbook.valuation.values import value
from tests.worlds import book_of_v17, desk, option, share, view_by_hand


def test_the_book_has_the_published_exposure():
    """Domain reference V17; gamma -237.712 shares per USD is -23,771.2 USD per percent."""
    quantity, market = book_of_v17()
    total = aggregate(quantity, value(market), market, desk()).desk

    assert total[Measure.DELTA_SHARES] == pytest.approx(2180.797, abs=5e-4)
    assert total[Measure.GAMMA_USD_PER_PCT] == pytest.approx(-237.712 * 100.0**2 / 100.0, abs=0.05)
    assert total[Measure.VEGA_USD_PER_POINT] == pytest.approx(102.2033, abs=1e-4)
    assert total[Measure.THETA_USD_PER_DAY] == pytest.approx(136.77, abs=5e-3)  # V17's theta term of one day
    assert total[Measure.VANNA_USD_PER_POINT] == pytest.approx(-3968.98, abs=0.02)  # S/100 = 1
    assert total[Measure.VOLGA_USD_PER_POINT2] == pytest.approx(-185_086.6 / 1e4, abs=1e-2)


def test_the_value_is_the_published_one():
    """V17: 53,257.8218."""
    quantity, market = book_of_v17()

    assert aggregate(quantity, value(market), market, desk()).desk[Measure.VALUE_USD] == pytest.approx(
        53_257.8218, abs=1e-4
    )


@settings(max_examples=30, deadline=None)
@given(parts=st.lists(st.lists(st.integers(-500, 500), min_size=4, max_size=4), min_size=1, max_size=6))
def test_a_book_risks_the_sum_of_what_its_parts_risk(parts):
    """Whatever the split of the fills."""
    _, market = book_of_v17()
    values = value(market)
    whole = aggregate(np.sum(parts, axis=0), values, market, desk())
    pieces = [aggregate(np.array(part), values, market, desk()) for part in parts]

    for name in ("by_row", "by_bucket", "by_underlying", "by_slice", "by_class"):
        total = sum(getattr(piece, name) for piece in pieces)
        assert getattr(whole, name) == pytest.approx(total, rel=1e-9, abs=1e-6)


def test_buckets_add_to_their_underlying():
    """Every row is in one bucket of one underlying."""
    quantity, market = book_of_v17()
    exposure = aggregate(quantity, value(market), market, desk())

    assert exposure.by_bucket.sum(axis=1) == pytest.approx(exposure.by_underlying)
    assert exposure.by_row.sum(axis=0) == pytest.approx(exposure.by_underlying.sum(axis=0))


@pytest.mark.parametrize(
    ("days", "bucket"),
    [
        (0.1, "0DTE"),
        (0.69, "0DTE"),
        (1.0, "1w"),
        (1.5, "1w"),
        (7.0, "1w"),
        (8.0, "2w"),
        (30.0, "1m"),
        (45.0, "2m"),
        (90.0, "3m"),
        (120.0, "6m"),
        (365.0, "1y"),
        (400.0, "LEAPS"),
    ],
)
def test_each_expiry_is_in_its_bucket(days, bucket):
    """The last day of a bucket is in it."""
    assert BUCKET_NAMES[buckets_of(np.array([days / 365.0]))[0]] == bucket


def test_weighted_vega_counts_in_thirty_day_points():
    """At 120 days a point of vega is half a 30-day point."""
    market = view_by_hand([option("C", 100.0, 120, Right.CALL)], spot=100.0, vols=[0.2])
    total = aggregate(np.array([10]), value(market), market, desk()).desk

    assert total[Measure.VEGA_WEIGHTED_USD_PER_POINT] == pytest.approx(
        0.5 * total[Measure.VEGA_USD_PER_POINT]
    )


def test_a_held_series_without_a_value_is_named_and_bounded():
    """Its totals are not zero by silence: the bound stands beside them."""
    quantity, market = book_of_v17()
    vol = market.vol.copy()
    vol[1] = np.nan
    blind = replace(market, vol=vol)
    exposure = aggregate(quantity, value(blind), blind, desk())

    assert set(exposure.unvalued) == {1}
    assert np.isnan(exposure.by_row[1]).all()
    assert np.isfinite(exposure.desk).all()
    assert exposure.bound_of(0)[Measure.DELTA_USD] == pytest.approx(30 * 100 * 100.0)


@settings(max_examples=60, deadline=None)
@given(
    strike=st.floats(50.0, 200.0),
    days=st.floats(0.5, 700.0),
    vol=st.floats(0.05, 3.0),
    right=st.sampled_from(list(Right)),
)
def test_no_option_exceeds_its_worst_case(strike, days, vol, right):
    """The bounds hold for every strike, expiry and volatility from 5 % on."""
    market = view_by_hand([option("X", strike, days, right)], spot=100.0, vols=[vol])
    greeks = value(market).greeks[0]
    bound = worst_case(100.0, 100.0, float(market.years[0]))

    for measure in (
        Measure.DELTA_SHARES,
        Measure.DELTA_USD,
        Measure.GAMMA_USD_PER_PCT,
        Measure.VEGA_USD_PER_POINT,
        Measure.VEGA_WEIGHTED_USD_PER_POINT,
    ):
        assert abs(greeks[measure]) <= bound[measure] * (1.0 + 1e-9)


def test_beta_weighting_adds_across_underlyings():
    """Delta in index shares."""
    from flatbook.model.parameters import UnderlyingTerms

    market = view_by_hand(
        [share("AAA", underlying="AAA"), share("BBB", underlying="BBB")], spot=50.0, vols=[np.nan, np.nan]
    )
    found = aggregate(
        np.array([100, 200]),
        value(market),
        market,
        desk(index="AAA", underlyings=(UnderlyingTerms(symbol="BBB", beta=1.5),)),
    )

    assert found.beta_delta_usd.tolist() == [5_000.0, 15_000.0]
    assert found.beta_delta_shares == pytest.approx(400.0)
    assert np.isnan(found.desk[Measure.DELTA_SHARES])
    assert found.desk[Measure.DELTA_USD] == 15_000.0
