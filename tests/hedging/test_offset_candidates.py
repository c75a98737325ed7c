"""Option offsets of real chains: what the plan says against the engine's own measurement of the book with it."""

from functools import cache

import numpy as np
import pytest

from flatbook.engine.measure import what_if
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.hedging.offset_candidates import OffsetBook, answered, candidates, offset_question
from flatbook.hedging.offset_plan import plan_offset
from flatbook.market.quotes import QuoteStatus
from flatbook.model.events import CycleDue, DeskSet, Fill, LimitsSet
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.instruments import Side
from flatbook.model.offset_terms import OffsetTerms
from flatbook.model.parameters import Desk, Limit, LimitMeasure, RiskAppetite, UnderlyingTerms
from tests.real.test_real_chains import CHAINS, facts_of

pytestmark = pytest.mark.market_data
SEED = 20190503
LIMITED = (LimitMeasure.DELTA_USD, LimitMeasure.GAMMA_USD_PER_PCT, LimitMeasure.VEGA_USD_PER_POINT)


def cycle_of(name, limits, fills):
    """A desk with the chain's own hedge, some limits, and a book."""
    chain, market = CHAINS[name], facts_of(name)
    desk = Desk(
        name="test",
        underlyings=(UnderlyingTerms(symbol=chain.underlying, haircut=chain.haircut, rate=chain.rate),),
        hedges=(HedgeTerms(instrument=chain.hedge, spread=chain.spread, fee_per_contract=0.1),),
        quoting=chain.rules,
        appetite=RiskAppetite(aversion_per_usd=1e-6),
    )
    state = State()
    at_ns = market.at_ns
    for fact in (
        *market.events,
        DeskSet(received_ns=at_ns, desk=desk, by="test"),
        LimitsSet(received_ns=at_ns, limits=limits, by="test"),
        *fills,
    ):
        step(state, fact)
    cycle = step(state, CycleDue(received_ns=at_ns, reason="test"))
    assert cycle is not None
    return state, cycle


@cache
def one_sided(name, count=500):
    """Customers buy, mostly: fills of a seeded hundred liquid series, as facts."""
    market = facts_of(name)
    _, empty = cycle_of(name, (), ())
    view = empty.market
    good = view.table.is_option & (view.status == QuoteStatus.USABLE) & (view.bid > 0.0)
    good &= (view.years > 5 / 365) & (view.years < 1.0) & np.isfinite(empty.values.price)
    random = np.random.default_rng(SEED)
    rows = random.choice(np.flatnonzero(good), 100, replace=False)
    return empty, [
        Fill(
            received_ns=market.at_ns,
            fill_id=f"F{n}",
            instrument=view.table.instruments[row].symbol,
            side=Side.SELL if random.uniform() < 0.8 else Side.BUY,
            quantity=int(random.geometric(0.2)),
            price_ticks=100,
            traded_ns=market.at_ns,
        )
        for n, row in enumerate(random.choice(rows, count).tolist())
    ]


@cache
def measured(name):
    """What the book has of each measure, by limits that nothing reaches."""
    empty, fills = one_sided(name)
    underlying = empty.table.underlyings[0]
    measures = (*LIMITED, LimitMeasure.GAP_LOSS_USD, LimitMeasure.SLIDE_LOSS_USD, LimitMeasure.CAPITAL_USD)
    wide = tuple(Limit(measure=measure, underlying=underlying, limit_hard=1e15) for measure in measures)
    return cycle_of(name, wide, fills)[1].standing


def limits_at(underlying, standing, share):
    """Hard limits at a share of what the book has, and one on every series."""
    return (
        Limit(measure=LimitMeasure.SERIES_CONTRACTS, underlying=underlying, limit_hard=500.0),
        *(
            Limit(
                measure=one.limit.measure, underlying=underlying, limit_hard=max(share * abs(one.value), 1.0)
            )
            for one in standing.limits
        ),
    )


def offset_book(cycle):
    """What the engine measured, as the offset reads it."""
    return OffsetBook(
        quantity=cycle.held.quantity,
        values=cycle.values,
        market=cycle.market,
        desk=cycle.desk,
        factors=cycle.basis.factors,
        exposure=cycle.held.factors,
        covariance=cycle.basis.covariance,
        standing=cycle.standing,
        slides=cycle.held.slides,
        capital=cycle.held.capital,
    )


@cache
def offset_on(name, share, **terms):
    """A one-sided book with limits at a share of it, its question and the plan."""
    empty, fills = one_sided(name)
    limits = limits_at(empty.table.underlyings[0], measured(name), share)
    state, cycle = cycle_of(name, limits, fills)
    question = offset_question(offset_book(cycle), cycle.table.underlyings, OffsetTerms(**terms))
    plan, problem = answered(question)
    return state, cycle, question, plan, problem


@pytest.mark.parametrize("name", ["spx-0503", "goog"])
def test_the_plan_reaches_the_limits_by_the_engines_own_measurement(name):
    """Every number that the plan tells of the book after it is what a full revaluation of that book says."""
    state, cycle, question, plan, problem = offset_on(name, 0.6, legs_max=20, size_unknown=50)
    trades = np.zeros_like(cycle.held.quantity)
    trades[question.rows] = plan.contracts
    after = what_if("plan", trades, cycle.held.quantity, cycle.basis, state.limits)
    exact = after.after
    print(name, plan.status, f"{plan.cost_usd:,.0f}", len(plan.legs), [p.kind for p in plan.packages])  # noqa: T201

    assert len(question.rows) == 60
    assert plan.met, plan.status
    for one in after.standing.limits:
        if one.limit.measure is not LimitMeasure.SERIES_CONTRACTS:
            assert one.utilisation <= 0.9 + 1e-6, one.limit.name
    risk = exact.factors.complete.reshape(-1)
    known = np.isfinite(np.diag(cycle.basis.covariance.matrix))
    variance = risk[known] @ cycle.basis.covariance.matrix[np.ix_(known, known)] @ risk[known]
    assert plan.deviation_after_usd**2 == pytest.approx(variance, rel=1e-6)
    assert plan.risk_after_usd < plan.risk_before_usd
    values = problem.row_values(plan.contracts)
    for name_of_row, value in zip(problem.rows.names, values.tolist(), strict=True):
        if "slide_loss" in name_of_row:
            spot, vol = name_of_row.split(" at spot ")[1].split(", vol ")
            m = int(np.argmin(np.abs(exact.slides.moves - float(spot.rstrip("%")) / 100.0)))
            v = int(np.argmin(np.abs(exact.slides.shifts_points - float(vol))))
            assert value == pytest.approx(exact.slides.desk[m, v], rel=1e-7, abs=1.0)
    assert plan_offset(problem).contracts.tolist() == plan.contracts.tolist()


def test_candidates_are_liquid_spread_and_the_same_every_time():
    """Usable two-sided quotes, the hedge and held series among them, over most expiries there are."""
    _, cycle, question, _, _ = offset_on("goog", 0.6)
    market, table = cycle.market, cycle.table
    options = question.rows[table.is_option[question.rows]]
    again = candidates(offset_book(cycle), table.underlyings, OffsetTerms())

    assert (again == question.rows).all()
    assert (market.bid[options] > 0.0).all()
    assert (market.status[options] == QuoteStatus.USABLE).all()
    assert table.row_of("GOOG") in question.rows.tolist()
    assert 0 < np.count_nonzero(cycle.held.quantity[options]) <= 20 + 40
    assert np.unique(table.slice_of[options]).size >= 6
    assert np.unique(table.strike[options]).size >= 15


def test_limits_out_of_reach_are_said_to_be():
    """A hundredth of the book with two legs: the least breach, and which."""
    _, _, _, plan, problem = offset_on("goog", 0.01, legs_max=2)

    assert not plan.met
    assert plan.breach_after < plan.breach_before
    assert "rows stay outside" in plan.status
    assert np.count_nonzero(plan.contracts) <= 2
    assert (problem.breaches(plan.contracts) > 0).sum() == sum(b.after > 0 for b in plan.breaches)
