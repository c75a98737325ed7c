"""Flow told from fills: what `desk_flow` made of a desk's terms is told back, within its own errors."""

import numpy as np
import pytest
from msgspec.structs import replace as with_terms

from flatbook.model.flow_terms import FlowShape, FlowTerms
from flatbook.model.measures import BUSINESS_DAYS, Measure
from flatbook.riskprice.calibration import aversion_for_target
from flatbook.riskprice.desk_flow import desk_flow
from flatbook.riskprice.flow_estimates import (
    QuoteTimes,
    estimated_flow,
    inventory_flow,
    shares_of_vega,
)
from flatbook.riskprice.intensity import fills_per_year
from flatbook.valuation.values import value
from tests.worlds import book_of_v17, desk

_EXPONENTIAL = FlowTerms(requests_per_day=400.0, customers_buy_share=0.65, decay_per_point=2.0)
_LOGISTIC = FlowTerms(
    shape=FlowShape.LOGISTIC,
    requests_per_day=800.0,
    customers_buy_share=0.4,
    decay_per_point=3.0,
    offset=-1.0,
)
_DEFAULT = FlowTerms(requests_per_day=7.0, decay_per_point=9.0)


class World:
    """The V17 book's market, its flow as `desk_flow` makes it, and quotes that wander from `near` to `far` of fair value."""

    def __init__(self, terms, near=-0.5, far=1.5):
        self.near, self.far = near, far
        _, self.market = book_of_v17()
        self.values = value(self.market)
        self.flow = desk_flow(with_terms(desk(), flow=(terms,)), self.market, self.values).flow
        self.vega = np.abs(self.values.greeks[:, Measure.VEGA_USD_PER_POINT])
        self.share = shares_of_vega(self.vega, self.market.years, self.market.table)

    def seen(self, seed, cycles=400, days=5.0, crowd=1, sides=(1, -1)):
        """Fills drawn from the flow at our distances; every quote of every cycle is a cell."""
        rng = np.random.default_rng(seed)
        keep = np.isin(self.flow.side, sides)
        series, side = self.flow.series[keep], self.flow.side[keep]
        points = rng.uniform(self.near, self.far, (cycles, series.size))
        each = days / cycles
        rates = np.array([fills_per_year(self.flow.intensity, self._usd(row, keep))[keep] for row in points])
        fills = crowd * rng.poisson(rates * each / BUSINESS_DAYS / crowd)
        return QuoteTimes(
            side=np.tile(side, cycles),
            distance=points.ravel(),
            days=np.tile(self.share[series] * each, cycles),
            fills=fills.ravel().astype(float),
        )

    def _usd(self, points, keep):
        out = np.zeros(keep.size)
        out[keep] = points * self.vega[self.flow.series[keep]]
        return out


def _coverage(terms, fits):
    named = ("requests_per_day", "customers_buy_share", "decay_per_point", "offset")
    told = [name for name in named if name != "offset" or terms.shape is FlowShape.LOGISTIC]
    return {
        name: float(
            np.mean(
                [
                    abs((p := getattr(fit, name)).value - getattr(terms, name)) < 1.96 * p.standard_error
                    for fit in fits
                ]
            )
        )
        for name in told
    }


def _merged(seen, width):
    """Cells of a side and a narrow band of distances, at the mean distance over time."""
    key = np.floor(seen.distance / width).astype(np.int64) * 2 + (seen.side > 0)
    _, at = np.unique(key, return_inverse=True)
    days, fills = np.bincount(at, seen.days), np.bincount(at, seen.fills)
    return QuoteTimes(
        side=np.where(np.bincount(at, seen.side) > 0, 1, -1),
        distance=np.bincount(at, seen.days * seen.distance) / days,
        days=days,
        fills=fills,
    )


@pytest.mark.parametrize("terms", [_EXPONENTIAL, _LOGISTIC], ids=lambda each: each.shape.value)
def test_the_terms_of_the_desk_are_told_back_within_their_errors(terms):
    """200 desks of five days each: the round trip through `desk_flow`; 95 % intervals hold the truth about as often, and the shape is told."""
    seeds, world = range(100, 300), World(terms)
    found = [estimated_flow(_merged(world.seen(seed, cycles=200), 0.05), _DEFAULT) for seed in seeds]
    fits = [each.logistic if terms.shape is FlowShape.LOGISTIC else each.exponential for each in found]
    inside = _coverage(terms, fits)
    right = float(np.mean([each.best.shape is terms.shape for each in found]))

    assert all(fit.told for fit in fits)
    assert all(0.90 <= share <= 0.99 for share in inside.values()), f"seeds {seeds}: {inside}"
    assert right >= 0.95, f"seeds {seeds}: shape right {right}"
    for name in inside:
        each = np.array([getattr(fit, name).value for fit in fits])
        bias = (each.mean() - getattr(terms, name)) / (each.std() / len(fits) ** 0.5)
        assert abs(bias) < 3.5, f"seeds {seeds}: {name} off by {bias} standard errors of its mean"


@pytest.mark.parametrize("terms", [_EXPONENTIAL, _LOGISTIC], ids=lambda each: each.shape.value)
def test_shares_of_vega_are_those_that_the_desk_expects_by(terms):
    world = World(terms)
    buyers = np.where(world.flow.side < 0, terms.customers_buy_share, 1.0 - terms.customers_buy_share)
    a_year = terms.requests_per_day * BUSINESS_DAYS * buyers * world.share[world.flow.series]

    assert world.flow.intensity.arrivals_per_year == pytest.approx(a_year, rel=1e-12)
    assert np.unique(world.share).size > 2


def test_far_from_fair_the_bend_is_not_told_and_the_tail_is_an_exponential():
    """Seeds 0 to 29: quotes 1.5 to 3 points away of requests that level off at 0.3: the exponential stands, with the logistic's decay."""
    world = World(_LOGISTIC, near=1.5, far=3.0)
    found = [estimated_flow(_merged(world.seen(seed, days=120.0), 0.05), _DEFAULT) for seed in range(30)]

    assert not any(each.bend_told for each in found)
    assert {each.best.shape for each in found} == {FlowShape.EXPONENTIAL}
    assert float(np.mean([each.best.decay_per_point.value for each in found])) == pytest.approx(3.0, rel=0.05)


def test_crowds_of_fills_widen_the_errors_by_their_root():
    """Fills in fours: the dispersion is 4 and the errors twice those of single fills; seeds 0 to 39."""
    world = World(_EXPONENTIAL)
    alone, crowd = (
        [
            estimated_flow(_merged(world.seen(seed, days=20.0, crowd=each), 0.05), _DEFAULT).exponential
            for seed in range(40)
        ]
        for each in (1, 4)
    )
    error = [float(np.mean([fit.requests_per_day.standard_error for fit in fits])) for fits in (alone, crowd)]

    assert np.mean([fit.dispersion for fit in crowd]) == pytest.approx(4.0, rel=0.1)
    assert error[1] / error[0] == pytest.approx(2.0, rel=0.15)


def test_a_side_that_never_stood_tells_no_share():
    """Bids alone, seed 3: requests are those at the desk's own share, and say so; the share stays nobody's."""
    found = estimated_flow(
        _merged(World(_EXPONENTIAL).seen(3, days=20.0, sides=(1,)), 0.05), _DEFAULT
    ).exponential

    assert found.customers_buy_share.source == "default, unverified"
    assert found.customers_buy_share.value == 0.5
    assert "one side" in found.requests_per_day.source
    assert found.requests_per_day.value == pytest.approx(
        400.0 * 0.35 / 0.5, rel=0.15
    )  # bids meet 35 % of customers


def test_a_side_that_stood_and_never_traded_has_a_share_with_an_error():
    """All customers buy: the share is 1, known to about one in so many fills; seed 4."""
    found = estimated_flow(
        _merged(World(with_terms(_EXPONENTIAL, customers_buy_share=1.0)).seen(4), 0.05), _DEFAULT
    )
    share = found.exponential.customers_buy_share

    assert share.value == 1.0
    assert 0.0 < share.standard_error < 0.01
    assert found.exponential.requests_per_day.value == pytest.approx(400.0, rel=0.2)


@pytest.mark.parametrize("days", [0.0, 0.001], ids=["no quotes", "hardly any"])
def test_what_is_not_told_is_the_default(days):
    found = estimated_flow(World(_EXPONENTIAL).seen(1, cycles=5, days=days), _DEFAULT)

    for fit in (found.exponential, found.logistic):
        assert not fit.told
        assert (fit.requests_per_day.value, fit.decay_per_point.value) == (7.0, 9.0)
        assert fit.requests_per_day.source == fit.decay_per_point.source == "default, unverified"
    assert not found.bend_told
    assert found.best.shape is FlowShape.EXPONENTIAL


def test_the_aversion_of_one_factor_is_that_of_the_book_in_closed_form():
    """Exponential, no costs: a side's pull z k L / e^1 and arrivals z^2 L / e over both; Var = V / (2 M), M^2 = 2 a D Sigma (domain reference 8.4)."""
    world = World(with_terms(_EXPONENTIAL, customers_buy_share=0.5, contracts=3.0))
    e = np.where(np.isfinite(world.vega), world.vega, 0.0)[:, None]
    sigma, target = 120.0, 5_000.0
    flow = inventory_flow(world.flow, e, np.array([[sigma]]))
    a_year = 400.0 * BUSINESS_DAYS / np.e * world.share
    told = world.share > 0.0
    v, share = e[told, 0], a_year[told]
    arrivals = float((9.0 * share * v**2).sum())
    pull = float((3.0 * (2.0 / v) * 0.5 * share * v**2).sum())
    aversion = (arrivals / (2.0 * target**2)) ** 2 / (2.0 * pull * sigma)

    assert flow.curvature[0, 0] == pytest.approx(pull)
    assert flow.arrival_variance[0, 0] == pytest.approx(arrivals)
    assert aversion_for_target(flow, np.ones(1), target).value == pytest.approx(aversion)
