"""Laws of every hedge that is proposed, and the joint hedge against enumeration."""

from itertools import product as every

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.hedging.bands import band_of, policies_now, whalley_wilmott_usd, worthless_usd
from flatbook.hedging.propose import direction_of, propose, trades
from flatbook.model.hedge_terms import HedgePolicy, HedgeTerms, HedgingTerms
from flatbook.model.measures import Measure
from flatbook.model.parameters import Limit, LimitMeasure, UnderlyingTerms
from tests.hedging.books import CHEAP_ETF, ETF, SHARE, SPOT, VOL, asked, plan
from tests.worlds import NOW_NS, fill, index_desk, index_facts, share

_FUTURE = HedgeTerms(
    instrument=share("FUT", multiplier=50.0), spread=0.02, fee_per_contract=0.5, correlation=0.999
)
_YEARS = 1.0 / 365.0

terms = st.builds(
    lambda spread, correlation, lot, impact, locate, restricted: {
        "spread": spread,
        "correlation": correlation,
        "lot": lot,
        "impact_temporary": impact,
        "locate_contracts": locate,
        "short_sale_restricted": restricted,
    },
    spread=st.floats(0.0, 1.0),
    correlation=st.floats(0.3, 1.0),
    lot=st.sampled_from([1, 7, 100]),
    impact=st.sampled_from([0.0, 1e-7, 1e-5]),
    locate=st.sampled_from([None, 0, 3_000, 50_000]),
    restricted=st.booleans(),
)


def _hedges(drawn):
    made = (share("XYZ"), share("ETF", price_ratio=0.5), share("IDX", price_ratio=2.0, beta=1.3))
    return tuple(HedgeTerms(instrument=one, **each) for one, each in zip(made, drawn, strict=False))


def _risk_usd2(delta, hedges, held, values):
    """Variance over a day, from the prices alone: delta, and a basis of its own for each product."""
    unit = VOL**2 * _YEARS
    total = delta**2 * unit
    for at, (one, quantity) in enumerate(zip(hedges, held, strict=True), start=1):
        own = quantity * values.greeks[at, Measure.DELTA_USD]
        total += (1.0 - one.correlation**2) * own**2 * unit
    return total


def _spread_usd(one, quantity, held):
    """Half the spread; all of it for what is sold short under the price test."""
    short = max(-quantity - max(held, 0), 0) if one.short_sale_restricted else 0
    return 0.5 * one.spread * (abs(quantity) + short) + one.fee_per_contract * abs(quantity)


@settings(max_examples=100, deadline=None)
@given(
    contracts=st.integers(-2000, 2000),
    aversion=st.sampled_from([1e-8, 1e-6, 1e-4, 1e-3]),
    drawn=st.lists(terms, min_size=1, max_size=3),
    held=st.lists(st.sampled_from([0, 0, 700, -700, 20_000]), min_size=3, max_size=3),
)
def test_no_hedge_inside_the_band_none_that_worsens_risk_after_cost_lots_bounds_and_signs(
    contracts, aversion, drawn, held
):
    """Whatever the book, the products, and what is held of them."""
    hedges = _hedges(drawn)
    held = held[: len(hedges)]
    proposed, exposure, values = plan(contracts, hedges, aversion=aversion, held=held)
    assume(proposed)
    (hedge,) = proposed
    before = exposure.by_underlying[0, Measure.DELTA_USD]
    if abs(before) <= hedge.band_usd:
        assert not hedge.legs
    if not hedge.legs:
        assert hedge.reason
        return
    traded = trades(proposed, 1 + len(hedges))
    after = before + traded @ values.greeks[:, Measure.DELTA_USD]
    assert after == pytest.approx(hedge.delta_after_usd, abs=1e-6 * abs(before))
    assert abs(after) < abs(before)
    cost = 0.0
    for one, at, own in zip(hedges, range(1, len(hedges) + 1), held, strict=True):
        quantity = int(traded[at])
        assert quantity % one.lot == 0
        if one.locate_contracts is not None and quantity < 0:
            assert -quantity <= max(own, 0) + one.locate_contracts
        cost += _spread_usd(one, quantity, own)
    risk = [
        0.5 * aversion * _risk_usd2(delta, hedges, own, values)
        for delta, own in (
            (before, held),
            (after, [q + t for q, t in zip(held, traded[1:].tolist(), strict=True)]),
        )
    ]
    assert risk[1] + cost < risk[0], f"cost {cost}, risk {risk}"
    assert hedge.deviation_after_usd**2 == pytest.approx(2.0 * risk[1] / aversion, rel=1e-6)
    if len(hedges) == 1 or not any(held):
        assert {np.sign(leg.quantity) for leg in hedge.legs} == {-np.sign(before)}


@pytest.mark.parametrize("hedges", [(SHARE,), (ETF,), (_FUTURE,), (SHARE, ETF, _FUTURE)])
def test_against_short_calls_the_underlying_or_a_substitute_is_bought(hedges):
    (short,), _, _ = plan(-400, hedges)
    (long,), _, _ = plan(400, hedges)

    assert short.legs
    assert all(leg.quantity > 0 for leg in short.legs)
    assert all(leg.quantity < 0 for leg in long.legs)


def _worth(contracts, per_lot, hedges, delta, shift, aversion):
    unit = VOL**2 * _YEARS
    traded = np.array(contracts) * per_lot
    basis = sum((1.0 - one.correlation**2) * t**2 for one, t in zip(hedges, traded, strict=True))
    cost = sum(0.5 * one.spread * one.lot * abs(q) for one, q in zip(hedges, contracts, strict=True))
    return 0.5 * aversion * unit * ((delta - shift + traded.sum()) ** 2 + basis) + cost


@pytest.mark.parametrize("seed", range(12))
def test_the_joint_hedge_is_the_best_of_all_lots_but_for_what_one_order_is_worth(seed):
    """Two products with basis risk of their own in lots of 100, against every pair of lots; one order counts for 2 % of cost and risk."""
    rng = np.random.default_rng(seed)
    aversion = 1e-4
    hedges = tuple(
        HedgeTerms(
            instrument=share(name, price_ratio=ratio), spread=float(rng.uniform(0.001, 0.02)), lot=500,
            correlation=float(rng.uniform(0.9, 0.999)),
        )
        for name, ratio in (("A", 1.0), ("B", 0.5))
    )  # fmt: skip
    proposed, exposure, values = plan(-150, hedges, aversion=aversion)
    (hedge,) = proposed
    delta = exposure.by_underlying[0, Measure.DELTA_USD]
    per_lot = values.greeks[1:, Measure.DELTA_USD] * 500
    cheapest = min(0.5 * one.spread * 500 / d for one, d in zip(hedges, per_lot, strict=True))
    worth = cheapest / (aversion * VOL**2 * _YEARS)
    shift = np.sign(delta) * (hedge.band_usd - worth)  # that the band is wider than what risk alone asks for
    most = [int(np.ceil(abs(delta) / d)) + 1 for d in per_lot]
    best = min(
        _worth(pair, per_lot, hedges, delta, shift, aversion) for pair in every(*(range(n) for n in most))
    )
    lots = trades(proposed, 3)[1:] / 500
    found = _worth(lots, per_lot, hedges, delta, shift, aversion)
    tolerance = 0.02 * _worth(lots, per_lot, hedges, delta, 0.0, aversion)
    coarse = 0.5 * aversion * VOL**2 * _YEARS * per_lot.max() ** 2

    assert best - 1e-9 <= found <= best + tolerance + coarse, f"seed {seed}"


def test_two_proxies_share_a_hedge_where_neither_follows_wholly():
    """Equal costs, correlation .95 each: half of the basis variance of one alone goes."""
    twins = tuple(
        HedgeTerms(instrument=share(name, price_ratio=0.5), spread=0.001, lot=100, correlation=0.95)
        for name in "AB"
    )
    (alone,), _, _ = plan(-400, twins[:1], aversion=1e-4)
    (both,), _, _ = plan(-400, twins, aversion=1e-4)
    sizes = sorted(leg.quantity for leg in both.legs)

    assert len(both.legs) == 2
    assert sizes[1] - sizes[0] <= 100
    assert both.deviation_after_usd < 0.8 * alone.deviation_after_usd
    assert all("more" in one.why for one in both.alternatives)


def test_at_the_centre_no_charge_keeps_delta_open_however_dear():
    """ALERT: half a lot of a whole-point spread."""
    dear = replace(SHARE, spread=1.0)
    (calm,), exposure, _ = plan(-400, (dear,), aversion=1e-7)
    hard = abs(exposure.desk[Measure.DELTA_USD]) / 0.8
    alert = Limit(measure=LimitMeasure.DELTA_USD, underlying="XYZ", limit_hard=hard)
    (strained,), _, _ = plan(-400, (dear,), aversion=1e-7, limit=alert)

    assert not calm.legs
    assert abs(strained.delta_after_usd) <= 0.51 * SPOT
    assert "ALERT" in strained.reason


def test_at_the_centre_a_dear_product_takes_what_a_bounded_cheap_one_leaves():
    limit = Limit(measure=LimitMeasure.DELTA_USD, underlying="XYZ", limit_hard=2.6e6)
    bounded = replace(SHARE, most_bought=5_000)
    (hedge,), _, _ = plan(-400, (bounded, replace(ETF, spread=1.0)), limit=limit)
    legs = {leg.symbol: leg.quantity for leg in hedge.legs}

    assert legs["XYZ"] == 5_000
    assert abs(hedge.delta_after_usd) <= 50.0 * 100.0
    assert legs["ETF"] > 0


def test_a_fast_market_hedges_to_the_centre():
    (calm,), _, _ = plan(-400)
    (fast,), _, _ = plan(-400, conditions={"urgent": frozenset({"XYZ"})})
    (all_fast,), _, _ = plan(-400, conditions={"urgent": frozenset({""})})

    assert abs(calm.delta_after_usd) > 0.5 * calm.band_usd
    assert abs(fast.delta_after_usd) <= 0.51 * SPOT
    assert repr(fast) == repr(all_fast)  # a NaN is not itself
    assert "fast" in fast.reason


def test_the_delta_of_an_informed_trade_goes_at_once_and_no_more_than_it():
    """Inside the band, 30,000 USD of it; a trade that brought the delta down needs no hedge."""
    (calm,), exposure, _ = plan(-5, aversion=1e-9)
    delta = exposure.by_underlying[0, Measure.DELTA_USD]
    (informed,), _, _ = plan(-5, aversion=1e-9, conditions={"at_once_usd": {"XYZ": 0.6 * delta}})
    (helpful,), _, _ = plan(-5, aversion=1e-9, conditions={"at_once_usd": {"XYZ": -0.6 * delta}})
    (whole,), _, _ = plan(-5, aversion=1e-9, conditions={"at_once_usd": {"XYZ": 9.0 * delta}})

    assert not calm.legs
    assert not helpful.legs
    assert informed.delta_after_usd == pytest.approx(0.4 * delta, abs=0.51 * SPOT)
    assert "informed" in informed.reason
    assert abs(whole.delta_after_usd) <= 0.51 * SPOT


def test_sales_short_are_bounded_by_locates_and_what_stays_is_said():
    located = replace(SHARE, locate_contracts=3_000)
    (hedge,), _, _ = plan(400, (located,), held=[1_000])
    (none,), _, _ = plan(400, (replace(SHARE, locate_contracts=0),))

    assert hedge.chosen.quantity == -4_000
    assert "no more of XYZ may be traded" in hedge.reason
    assert not none.legs
    assert "locates" in none.reason


def test_under_the_price_test_a_short_sale_costs_the_whole_spread_and_is_worked_and_a_sale_of_what_is_held_is_not():
    restricted = replace(SHARE, short_sale_restricted=True)
    (short,), _, _ = plan(400, (restricted,))
    (free,), _, _ = plan(400, (SHARE,))
    (bought,), _, _ = plan(-400, (restricted,))
    (held,), _, _ = plan(-100, (restricted,), held=[50_000])

    assert short.cost_usd == pytest.approx(abs(short.chosen.quantity) * 0.025)
    assert free.cost_usd == pytest.approx(abs(free.chosen.quantity) * 0.015)
    assert not short.schedule[0].now
    assert sum(short.schedule[0].trades) == short.chosen.quantity
    assert short.schedule[0].deviation_usd > 0.0
    assert bought.schedule[0].now
    assert held.schedule[0].now


def test_dear_borrow_sells_the_future_instead():
    borrowed = replace(SHARE, borrow_rate=2.0)
    (dear,), _, _ = plan(400, (borrowed, _FUTURE), aversion=1e-5)
    (cheap,), _, _ = plan(400, (SHARE, _FUTURE), aversion=1e-5)

    assert dear.chosen.symbol == "FUT"
    assert cheap.chosen.symbol == "XYZ"
    assert (
        "costs" in next(one.why for one in dear.alternatives if one.symbol == "XYZ") or not dear.alternatives
    )


def test_impact_spreads_a_hedge_over_products():
    """Each contract moves the price: half of a third of it is cheaper twice."""
    deep = replace(CHEAP_ETF, correlation=0.9999)
    thin = tuple(replace(one, impact_temporary=2e-4) for one in (SHARE, deep))
    (spread,), _, _ = plan(-400, thin, aversion=1e-5, conditions={"urgent": frozenset({"XYZ"})})
    (alone,), _, _ = plan(-400, thin[:1], aversion=1e-5, conditions={"urgent": frozenset({"XYZ"})})

    assert len(spread.legs) == 2
    assert spread.cost_usd < alone.cost_usd


def test_what_is_worked_costs_less_than_crossing_with_its_risk_and_crosses_when_it_must():
    thin = replace(SHARE, impact_temporary=1e-6)
    (calm,), _, _ = plan(-400, (thin,), aversion=1e-5)
    (fast,), _, _ = plan(-400, (thin,), aversion=1e-5, conditions={"urgent": frozenset({"XYZ"})})
    way, quantity = calm.schedule[0], calm.chosen.quantity
    crossed = 0.015 * abs(quantity) + 1e-6 * quantity**2

    assert not way.now
    assert sum(way.trades) == quantity
    assert way.expected_cost_usd + 0.5e-5 * way.deviation_usd**2 < crossed
    assert fast.schedule[0].now
    assert calm.cost_usd == way.expected_cost_usd


def test_the_band_is_the_wider_of_gamma_and_worth():
    args = asked(-400)
    book = direction_of(0, args[0], args[1], args[4], args[5])
    band = band_of(HedgePolicy.VALUE, book, HedgingTerms(), urgent=False)

    assert band.half_width_usd == max(whalley_wilmott_usd(book), worthless_usd(book)) > 0.0
    assert worthless_usd(book) == pytest.approx(book.cost_rate / (1e-6 * VOL**2 * _YEARS))


@pytest.mark.parametrize("policy", list(HedgePolicy))
def test_each_policy_ends_where_its_table_says(policy):
    """In the underlying: the trade of the hedge is that of the comparison, but for lots."""
    terms = HedgingTerms(policy=policy, band_usd=300_000.0)
    args = asked(-400, (SHARE,), hedging=terms, aversion=1e-5)
    (hedge,) = propose(*args)
    book = direction_of(0, args[0], args[1], args[4], args[5])
    (told,) = [one for one in policies_now(book, terms) if one.policy is policy]

    assert hedge.delta_after_usd - hedge.delta_before_usd == pytest.approx(told.trade_usd, abs=1.01 * SPOT)
    assert told.trade_usd > 0.0


def test_a_fixed_interval_waits_its_time_unless_the_market_is_fast():
    terms = HedgingTerms(policy=HedgePolicy.FIXED_INTERVAL, interval_minutes=30.0)
    early = {"last_hedged_ns": {"XYZ": NOW_NS - 29 * 60 * 10**9}}
    due = {"last_hedged_ns": {"XYZ": NOW_NS - 30 * 60 * 10**9}}
    (waits,), _, _ = plan(-400, hedging=terms, conditions=early)
    (trades_now,), _, _ = plan(-400, hedging=terms, conditions=due)
    (fast,), _, _ = plan(-400, hedging=terms, conditions=early | {"urgent": frozenset({"XYZ"})})

    assert not waits.legs
    assert "not yet time" in waits.reason
    assert abs(trades_now.delta_after_usd) <= 0.51 * SPOT
    assert abs(fast.delta_after_usd) <= 0.51 * SPOT


def test_every_leg_and_alternative_says_what_its_beta_is_worth():
    told = replace(ETF, beta_error=0.01, correlation_error=0.002, basis_stress_ratio=3.0)
    (hedge,), _, _ = plan(-400, (SHARE, told, _FUTURE))
    said = {one.symbol: one for one in (*hedge.legs, *hedge.alternatives)}

    assert said["XYZ"].followed == "the underlying itself"
    assert said["ETF"].followed == "beta 1 ± 0.01, correlation 0.95 ± 0.002"
    assert "unverified" in said["FUT"].followed
    assert said["ETF"].effectiveness == pytest.approx(0.95**2)
    assert said["ETF"].effectiveness_stress == pytest.approx(1.0 - 3.0 * (1.0 - 0.95**2))
    assert all(one.why for one in hedge.alternatives)


def test_without_a_volatility_cost_decides():
    (hedge,), _, _ = plan(-400, (SHARE, CHEAP_ETF), vol=VOL)
    args = asked(-400, (SHARE, CHEAP_ETF))
    price = args[1]
    unknown = type(price)(
        **{name: getattr(price, name) for name in price.__slots__}
        | {
            "deviation": np.full_like(price.deviation, np.nan),
            "spot_vol": np.full_like(price.spot_vol, np.nan),
            "value": type(price.value)(
                **{name: getattr(price.value, name) for name in price.value.__slots__}
                | {"curvature": np.zeros_like(price.value.curvature)}
            ),
        }
    )
    (found,) = propose(args[0], unknown, *args[2:])

    assert hedge.legs
    assert [leg.symbol for leg in found.legs] == ["ETF"]
    assert np.isnan(found.deviation_after_usd)


def test_a_policy_that_would_pay_more_than_the_risk_is_worth_is_refused_unless_a_limit_asks():
    """A fixed band of a thousand dollars, and a spread of two points."""
    narrow = HedgingTerms(policy=HedgePolicy.FIXED_BAND, band_usd=1_000.0)
    dear = (replace(SHARE, spread=2.0),)
    (refused,), exposure, _ = plan(-400, dear, hedging=narrow, aversion=1e-7)
    hard = abs(exposure.desk[Measure.DELTA_USD]) / 0.6
    limit = Limit(measure=LimitMeasure.DELTA_USD, underlying="XYZ", limit_hard=hard)
    (strained,), _, _ = plan(-400, dear, hedging=narrow, aversion=1e-7, limit=limit)

    assert not refused.legs
    assert "worth less than it costs" in refused.reason
    assert strained.legs


def test_where_volatility_moves_with_spot_the_delta_of_least_variance_is_hedged():
    """Straddles at a stickiness of 2: the hedge brings the engine's own deviation down, where that of a fixed-strike delta raises it."""
    the_desk = replace(
        index_desk(aversion=1e-6),
        underlyings=(UnderlyingTerms(symbol="IDX", stickiness=(2.0,)),),
    )
    straddles = [
        fill(n, symbol, "buy", 3_000, 50.0) for n, symbol in enumerate(("IDXW030C5000", "IDXW030P5000"))
    ]
    state, cycle = State(), None
    for fact in index_facts(the_desk=the_desk, fills=straddles):
        cycle = step(state, fact) or cycle
    (hedge,) = cycle.hedges
    least, black = float(cycle.price.delta_usd[0]), float(cycle.exposure.by_underlying[0, Measure.DELTA_USD])

    assert abs(least - black) > 0.1 * abs(black)
    assert hedge.legs
    assert cycle.residual.risk.deviation_usd < cycle.held.risk.deviation_usd
    assert hedge.delta_before_usd == pytest.approx(least)
