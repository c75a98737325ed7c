"""Laws of a quote, whatever its risk price: symmetric when flat, lower when longer, never worse for a trade that removes risk."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from flatbook.limits.ladder import Step
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.quoting.conditions import NO_CONDITIONS
from flatbook.quoting.prices import squeezed
from flatbook.quoting.propose import QuoteReason
from flatbook.quoting.ticks import NO_PRICE, step_ticks
from flatbook.riskprice.reservation import BID, OFFER
from tests.quoting.worlds import RULES, WIDE, flat_cycle, priced, quote
from tests.worlds import fill

_SHAPES = st.sampled_from(("exponential", "logistic"))
_USD = st.floats(-5e3, 5e3)
_COSTS = st.floats(0.0, 2e3)


def far(quotes, cycle, side):
    """Distance of a side from fair value in ticks, where both sides are shown."""
    fair = cycle.values.price * cycle.table.ticks_per_unit
    both = (quotes.bid != NO_PRICE) & (quotes.ask != NO_PRICE)
    return np.where(both, fair - quotes.bid if side == BID else quotes.ask - fair, np.nan)


@given(shape=_SHAPES, own=_COSTS, selection=_COSTS, width=st.floats(1.0, 100.0))
def test_a_flat_book_is_quoted_symmetric_around_fair_value(shape, own, selection, width):
    """Own curvature and adverse selection move both sides alike; flow and alpha are none."""
    cycle = flat_cycle()
    rules = changed(RULES, width_max=width)
    quotes = quote(cycle, priced(cycle, shape=shape, own=own, adverse_selection=selection), rules)
    live = np.isfinite(quotes.centre)

    assert live.sum() == np.isfinite(cycle.values.price[cycle.table.is_option]).sum()
    np.testing.assert_allclose(quotes.centre[live], cycle.values.price[live], rtol=0.0, atol=1e-9)
    np.testing.assert_array_equal(quotes.parts.distance[BID], quotes.parts.distance[OFFER])


@given(
    shape=_SHAPES,
    less=_USD,
    more=st.floats(0.0, 5e3),
    own=_COSTS,
    width=st.floats(1.0, 200.0),
    lean=st.floats(0.0, 3.0),
)
def test_longer_means_both_quotes_lower_and_never_crossed(shape, less, more, own, width, lean):
    """What one more contract costs rises with what is held: so does what we ask for taking it."""
    cycle = flat_cycle()
    rules = changed(RULES, width_max=width, lean_max_half_spreads=lean)
    before = quote(cycle, priced(cycle, shape=shape, inventory=less, own=own), rules)
    after = quote(cycle, priced(cycle, shape=shape, inventory=less + more, own=own), rules)
    theo, table = cycle.values.price, cycle.table

    for side in ("bid", "ask"):
        was, now = getattr(before, side), getattr(after, side)
        shown = (was != NO_PRICE) & (now != NO_PRICE)
        slack = 2 * step_ticks(was, table) * (before.ask - before.bid >= before.width_max_ticks - 2)
        assert np.all((now <= was + slack)[shown])
    both = (after.bid != NO_PRICE) & (after.ask != NO_PRICE)
    assert both.any()
    assert np.all(after.bid[both] < after.ask[both])
    assert np.all((after.bid / table.ticks_per_unit <= theo + 1e-9)[both])
    assert np.all((after.ask / table.ticks_per_unit >= theo - 1e-9)[both])
    live = np.isfinite(before.centre)
    assert np.all(after.centre[live] <= before.centre[live] + 1e-9)


@given(
    shape=_SHAPES,
    inventory=_USD,
    own=_COSTS,
    barrier=st.floats(0.0, 5e3),
    width=st.floats(0.5, 200.0),
    lean=st.floats(0.0, 3.0),
)
def test_a_trade_that_removes_risk_is_never_priced_worse_than_one_that_adds_it(
    shape, inventory, own, barrier, width, lean
):
    """Otherwise alike: the barrier charges only the side that adds."""
    cycle = flat_cycle()
    adding, removing = (BID, OFFER) if inventory >= 0.0 else (OFFER, BID)
    charge = np.zeros((2, 1))
    charge[adding] = barrier
    rules = changed(RULES, width_max=width, lean_max_half_spreads=lean)
    quotes = quote(cycle, priced(cycle, shape=shape, inventory=inventory, own=own, barrier=charge), rules)

    told = quotes.parts.distance
    live = np.isfinite(told).all(axis=0)
    assert np.all(told[removing][live] <= told[adding][live] + 1e-9)
    # Behind the market a side has no choice; each is rounded outward by less than a step.
    market, table = cycle.market, cycle.table
    touch = np.isfinite(market.bid) & np.isfinite(market.ask)
    fair = cycle.values.price
    inside = touch & (market.bid < fair) & (fair < market.ask)
    steps = step_ticks(np.maximum(quotes.ask, 0), table)
    worse = far(quotes, cycle, removing) - far(quotes, cycle, adding)
    assert not np.any(worse[inside] > steps[inside] + 1e-6)


@given(
    st.lists(
        st.tuples(st.floats(0.0, 1e3), st.floats(0.0, 1e3), st.floats(0.0, 1e3)), min_size=1, max_size=20
    )
)
def test_what_is_squeezed_keeps_its_order_and_fits(rows):
    """The further side gives way first; nothing moves outward."""
    bid, ask, width = np.array(rows).T
    out = squeezed(np.vstack((bid, ask)), width)

    assert np.all(out.sum(axis=0) <= np.maximum(width, 0.0) + 1e-9)
    assert np.all(out <= np.vstack((bid, ask)) + 1e-12)
    assert np.all((out[0] - out[1]) * np.sign(bid - ask) >= -1e-9)
    fits = bid + ask <= width
    np.testing.assert_allclose(out[:, fits], np.vstack((bid, ask))[:, fits], atol=1e-9)


@given(inventory=st.floats(1.0, 1e6), lean=st.floats(0.0, 3.0), barrier=st.floats(0.0, 1e4))
def test_the_cap_is_of_the_inventory_lean_alone(inventory, lean, barrier):
    """Limits widen the adding side without bound, however little inventory may lean."""
    cycle = flat_cycle()
    charge = np.zeros((2, 1))
    charge[BID] = barrier
    rules = changed(WIDE, lean_max_half_spreads=lean)
    leaned = quote(cycle, priced(cycle, inventory=inventory), rules)
    charged = quote(cycle, priced(cycle, inventory=inventory, barrier=charge), rules)
    live = np.isfinite(leaned.lean)
    to_quote = 1.0 / cycle.table.multiplier

    assert np.all(np.abs(leaned.lean[live]) <= lean * leaned.half_spread[live] + 1e-9)
    grown = charged.parts.distance[BID] - leaned.parts.distance[BID]
    np.testing.assert_allclose(grown[live], barrier * to_quote[live], rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(charged.parts.distance[OFFER], leaned.parts.distance[OFFER])


@pytest.mark.parametrize("shape", ["exponential", "logistic"])
def test_the_parts_of_a_distance_add_up_to_it(shape):
    cycle = flat_cycle()
    charge = np.array([[40.0], [0.0]])
    price = priced(
        cycle, shape=shape, inventory=3e3, flow=-5.0, own=2.0, barrier=charge, hedge=3.0, capital=charge / 10
    )
    parts = quote(cycle, price, changed(WIDE, edge_min_usd=300.0, fee_per_contract=0.5)).parts
    names = [name for name in parts.__slots__ if name != "distance"]
    live = np.isfinite(parts.distance)

    total = sum(getattr(parts, name) for name in names)
    np.testing.assert_allclose(total[live], parts.distance[live], rtol=1e-12, atol=1e-12)
    assert np.all(parts.distance[live] >= 3.005 - 1e-12)
    assert np.any(parts.least[live] > 0.0)


def test_a_best_distance_is_that_of_its_intensity():
    """Without floors, an exponential quote stands one decay beyond the cost of a fill."""
    cycle = flat_cycle()
    rules = changed(WIDE, half_spread_min=0.0, half_spread_pct=0.0, half_spreads_without_confidence=1.0)
    quotes = quote(cycle, priced(cycle, own=7.0), rules)
    live = np.isfinite(quotes.centre)
    usd = quotes.parts.distance[:, live] * cycle.table.multiplier[live]

    np.testing.assert_allclose(
        usd, np.broadcast_to(7.0 + 0.3 * cycle.values.greeks[live, 4], usd.shape), rtol=1e-9
    )


def test_a_side_whose_next_lot_reaches_a_hard_limit_goes_and_an_unknown_cost_takes_the_side():
    cycle = flat_cycle()
    n = len(cycle.table.instruments)
    barrier = np.zeros((2, n))
    barrier[BID] = np.inf
    gone = quote(cycle, priced(cycle, barrier=barrier))
    barrier[BID] = np.nan
    unknown = quote(cycle, priced(cycle, barrier=barrier))
    live = np.isfinite(cycle.values.price) & cycle.table.is_option

    for quotes, reason in ((gone, QuoteReason.ONE_SIDED), (unknown, QuoteReason.NO_RISK_PRICE)):
        assert np.all(quotes.bid[live] == NO_PRICE)
        assert np.all(quotes.bid_size[live] == 0)
        assert np.all(quotes.ask[live] != NO_PRICE)
        assert np.all(quotes.reason[live] == reason)


def test_the_ladder_widens_and_thins_the_adding_side_alone():
    """Short vega between ALERT and ESCALATE: offers at twice the neutral distance at least, least size."""
    limit = Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="IDX", limit_hard=1.0)
    cycle = flat_cycle(fills=(fill(1, "IDXW090C5200", "sell", 200, 50.0),))
    used = abs(cycle.exposure.desk[4])
    cycle = flat_cycle(
        limits=(changed(limit, limit_hard=float(used / 0.8)),),
        fills=(fill(1, "IDXW090C5200", "sell", 200, 50.0),),
    )
    quotes = quote(cycle, priced(cycle), WIDE)
    row = cycle.table.row_of("IDXW030C5000")

    assert cycle.standing.worst is Step.ALERT
    assert quotes.parts.distance[OFFER, row] == pytest.approx(2.0 * quotes.half_spread[row])
    assert quotes.parts.distance[BID, row] == pytest.approx(quotes.half_spread[row])
    assert (quotes.ask_size[row], quotes.bid_size[row]) == (1, 20)


def test_a_burst_of_fills_to_come_takes_size_from_the_headroom():
    """Room for 8 of the series: with three fills expected until quotes are gone, two each."""
    cycle = flat_cycle(limits=(Limit(measure=LimitMeasure.SERIES_CONTRACTS, limit_hard=8.5),))
    price = priced(cycle)
    row = cycle.table.row_of("IDXW030C5000")
    calm = quote(cycle, price)
    burst = quote(cycle, price, conditions=replace(NO_CONDITIONS, burst_fills=np.full(1, 3.0)))

    assert calm.bid_size[row] == 8
    assert burst.bid_size[row] == 2
