"""Rows of an option offset: against the engine's own measurement, enumeration where limits cannot be met, and what hedges cost to hold."""

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from msgspec.structs import replace as with_terms

from flatbook.engine.measure import what_if
from flatbook.engine.offsets import offset_book, offset_of
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.hedging.offset_candidates import offset_question
from flatbook.hedging.offset_menu import offset_menu
from flatbook.hedging.offset_plan import plan_offset
from flatbook.hedging.offset_problem import OffsetProblem, OffsetRows, OffsetSeries
from flatbook.model.events import InstrumentsListed, QuotesSeen, UnderlyingQuoted
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.instruments import Right
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.offset_terms import OffsetTerms
from flatbook.model.parameters import HaircutRange, Limit, LimitMeasure, UnderlyingTerms
from tests.worlds import NOW_NS, fill, index_desk, index_facts, option, share

FEW = OffsetTerms(candidates_max=20, size_unknown=200)
CALM = 1e-9  # aversion: what the risk is worth moves nothing, limits decide
BOOK = (fill(1, "IDXW030C5000", "sell", 60, 50.0),)
EXPIRED = option("EXPIRED", 5100.0, -0.05, Right.CALL, underlying="IDX", option_class="IDXX")
UNPRICED = option("UNPRICED", 100.0, 30, Right.CALL, underlying="ZZZ", option_class="ZZZ")


def cycle_of(fills, limits, *, the_desk=None, extra=(), two=False, offsets=FEW):
    """A cycle of IDX, and of a twin of it by another name, with series that nobody quotes."""
    chosen = with_terms(the_desk or index_desk(aversion=CALM), offsets=offsets)
    if two:
        terms = UnderlyingTerms(symbol="TWO", haircut=HaircutRange.BROAD_INDEX)
        chosen = with_terms(chosen, underlyings=(*chosen.underlyings, terms))
    facts = index_facts(fills=fills, limits=limits, the_desk=chosen)
    listed, quotes = facts[0].instruments, facts[4]
    if two:
        twins = tuple(
            with_terms(
                one, symbol=f"TWO{one.symbol}", underlying="TWO", option_class=f"TWO{one.option_class}"
            )
            for one in listed
        )
        seen = tuple(one.symbol for one in twins)
        facts[5:5] = (
            UnderlyingQuoted(received_ns=NOW_NS, underlying="TWO", price=5000.0),
            QuotesSeen(
                received_ns=NOW_NS, symbols=seen, bid_ticks=quotes.bid_ticks, ask_ticks=quotes.ask_ticks
            ),
        )
        listed = (*listed, *twins)
    facts[0] = InstrumentsListed(received_ns=NOW_NS, instruments=(*listed, *extra))
    state, cycle = State(), None
    for fact in facts:
        cycle = step(state, fact) or cycle
    return state, cycle


def capital_limit(hard):
    """On the desk's capital."""
    return Limit(measure=LimitMeasure.CAPITAL_USD, limit_hard=hard)


def measured_with(state, cycle, offset, contracts):
    """The book with a plan's trades by the engine's own measurement."""
    trades = np.zeros_like(cycle.held.quantity)
    trades[offset.question.rows] = contracts
    return what_if("plan", trades, cycle.held.quantity, cycle.basis, state.limits)


@cache
def two_parts(share):
    """Two underlyings that nothing offsets, options sold in both, the limit a share of what they need."""
    fills = (*BOOK, fill(2, "TWOIDXW030P4900", "sell", 20, 50.0))
    needed = cycle_of(fills, (), two=True)[1].held.capital.desk
    state, cycle = cycle_of(fills, (capital_limit(share * needed),), two=True)
    return (
        state,
        cycle,
        offset_of(cycle.held, cycle.standing, cycle.basis, cycle.table.underlyings),
        share * needed,
    )


@pytest.mark.parametrize("share", [1.05, 0.5, 0.2])
def test_parts_share_the_room_of_a_capital_limit(share):
    """The plan reaches the limit, and no row lets the parts have more than it together."""
    state, cycle, offset, hard = two_parts(share)
    after = measured_with(state, cycle, offset, offset.plan.contracts).after.capital
    print(share, after.desk / hard, offset.plan.status, len(offset.plan.legs))  # noqa: T201

    assert (cycle.held.capital.by_underlying > 0.0).all()
    assert offset.plan.met, offset.plan.status
    assert after.desk <= 0.9 * hard * (1.0 + 1e-9)
    assert offset.problem.rows.scale == pytest.approx(hard)
    assert offset.problem.rows.low == pytest.approx(-0.9 * hard)


def test_the_sum_over_parts_is_what_the_engine_needs():
    """At the worst point of each part the P&L of random trades adds up to the requirement, where no minimum binds."""
    state, cycle, offset, _ = two_parts(0.5)
    (one,) = offset.question.sums
    random = np.random.default_rng(11)
    for _ in range(5):
        contracts = random.integers(-20, 20, offset.question.rows.size)
        capital = measured_with(state, cycle, offset, contracts).after.capital
        rows = one.rows(one.worst(contracts)[None, :])

        assert (capital.by_underlying > capital.minimum_by_underlying).all()
        assert -(rows.value + contracts @ rows.per_contract)[0] == pytest.approx(capital.desk, rel=1e-9)


@pytest.mark.parametrize("held", [10, 40])
def test_a_limit_that_the_unvalued_use_up_is_never_met(held):
    """What is told of the breach is |value| plus what is not valued, less the level; the other side is no room."""
    limit = Limit(measure=LimitMeasure.DELTA_USD, underlying="IDX", limit_hard=3e6)
    fills = (fill(1, "IDXW030C5000", "sell", 5, 50.0), fill(2, "EXPIRED", "buy", held, 50.0))
    _, cycle = cycle_of(fills, (limit,), extra=(EXPIRED,))
    standing = cycle.standing.limits[0]
    offset = offset_of(cycle.held, cycle.standing, cycle.basis, ("IDX",))
    plan, problem = offset.plan, offset.problem
    over = standing.unvalued - 0.9 * 3e6

    assert over > 0.0
    assert not plan.met
    assert plan.proven_infeasible
    assert plan.breach_before == pytest.approx((abs(standing.value) + over) / 3e6)
    assert plan.breach_after == pytest.approx((abs(problem.row_values(plan.contracts)[0]) + over) / 3e6)
    assert abs(problem.row_values(plan.contracts)[0]) < 0.02 * abs(standing.value)
    assert any("without a value use more than all" in note for note in offset.question.notes)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_what_nobody_can_value_stops_no_plan_and_is_no_limit_met(side):
    """A held series of an underlying without a price: limits of unknown value are told, and not said to be met."""
    measures = (LimitMeasure.CAPITAL_USD, LimitMeasure.GAP_LOSS_USD, LimitMeasure.VEGA_USD_PER_POINT)
    limits = tuple(Limit(measure=measure, limit_hard=1e6) for measure in measures)
    _, cycle = cycle_of((*BOOK, fill(2, "UNPRICED", side, 10, 50.0)), limits, extra=(UNPRICED,))
    offset = offset_of(cycle.held, cycle.standing, cycle.basis, cycle.table.underlyings)

    for one in cycle.standing.limits:
        assert not one.utilisation < 1.0
        assert any(note.startswith(one.limit.name) for note in offset.question.notes)
        assert one.limit.name in offset.plan.status
    assert not offset.plan.met
    assert "every limit is met" not in offset.plan.status


def grouped(seed):
    """Four candidates and six cells of one limit that no trade can meet, and a limit on its own."""
    random = np.random.default_rng(seed)
    value = np.append(-random.uniform(300.0, 900.0, 6), 50.0)
    rows = OffsetRows(
        names=tuple("abcdefg"),
        value=value,
        per_contract=random.normal(size=(4, 7)) * 60.0,
        low=np.append(np.full(6, -50.0), -100.0),
        high=np.append(np.full(6, np.inf), 100.0),
        scale=np.append(np.full(6, 50.0), 100.0),
        weight=np.ones(7),
        limit=np.array([0] * 6 + [1]),
    )
    root = random.normal(size=(2, 2)) * 10.0
    return OffsetProblem(
        series=tuple(OffsetSeries(name=name, underlying="XYZ", shares=100.0) for name in "wxyz"),
        exposure=random.normal(size=2) * 10.0,
        per_contract=random.normal(size=(4, 2)) * 3.0,
        covariance=root @ root.T,
        aversion_per_usd=1e-3,
        buy_cost_usd=random.uniform(5.0, 50.0, 4),
        sell_cost_usd=random.uniform(5.0, 50.0, 4),
        most_bought=np.full(4, 6),
        most_sold=np.full(4, 6),
        lot=np.ones(4, dtype=np.int64),
        rows=rows,
        legs_max=4,
        breach_usd=1e6,
        impact_usd=random.uniform(0.0, 5.0, 4),
    )


def least_worth(problem):
    """Of everything that is allowed; the worst cell of the one limit and the breach of the other count."""
    grid = np.array(list(product(range(-6, 7), repeat=4)))
    left = problem.exposure + grid @ problem.per_contract
    rows = problem.rows
    row = rows.value + grid @ rows.per_contract
    share = np.maximum(np.maximum(row - rows.high, rows.low - row), 0.0) / rows.scale
    worth = (
        np.maximum(grid, 0) @ problem.buy_cost_usd
        + np.maximum(-grid, 0) @ problem.sell_cost_usd
        + grid**2 @ problem.impact_usd
        + 0.5 * problem.aversion_per_usd * np.einsum("ia,ab,ib->i", left, problem.covariance, left)
        + problem.breach_usd * (share[:, :6].max(axis=1) + share[:, 6])
    )
    return float(worth.min()), float(worth[(grid == 0).all(axis=1)][0])


def test_the_worst_cell_of_a_limit_is_what_a_plan_makes_least():
    """No plan beats enumeration, the bound is below it, most plans are it, and none is worse than doing nothing."""
    ratio = []
    for seed in range(30):
        problem = grouped(seed)
        plan, (least, nothing) = plan_offset(problem), least_worth(problem)
        ratio.append(plan.worth_usd / least)

        assert plan.bound_usd <= least * (1.0 + 1e-6)
        assert least * (1.0 - 1e-9) <= plan.worth_usd <= nothing
        assert all(one.worse_by_usd >= 0.0 for one in plan.alternatives)
        assert all(not line.contracts or line.removed_per_usd > 0.0 for line in offset_menu(problem))
    print("plan over the least, seeds 0 to 29:", np.round(ratio, 4).tolist())  # noqa: T201
    assert np.mean(np.array(ratio) < 1.0001) >= 0.9
    assert max(ratio) < 1.05


def test_a_limit_out_of_reach_is_brought_nearer_and_never_made_worse():
    """A book whose held series without a value use five times the capital: its requirement falls by the engine's own measurement."""
    fills = (*BOOK, fill(2, "EXPIRED", "sell", 200, 50.0))
    state, cycle = cycle_of(fills, (capital_limit(1e6),), extra=(EXPIRED,), offsets=OffsetTerms())
    offset = offset_of(cycle.held, cycle.standing, cycle.basis, ("IDX",))
    after = measured_with(state, cycle, offset, offset.plan.contracts).after.capital

    assert not offset.plan.met
    assert after.desk < 0.8 * cycle.held.capital.desk


def costs(book=BOOK, **terms):
    """Buying, selling and impact of the hedge instrument, a unit of delta each."""
    etf = share("ETF", underlying="IDX", price_ratio=0.1)
    hedge = HedgeTerms(instrument=etf, spread=0.02, fee_per_contract=0.005, **terms)
    chosen = with_terms(index_desk(), hedges=(hedge,))
    _, cycle = cycle_of(book, (), the_desk=chosen)
    question = offset_question(offset_book(cycle.held, cycle.standing, cycle.basis), ("IDX",), FEW)
    at = [one.name for one in question.problem.series].index("ETF")
    problem, price = question.problem, float(cycle.values.price[cycle.table.row_of("ETF")])
    per_year = price * chosen.appetite.holding_days / CALENDAR_DAYS
    return problem.buy_cost_usd[at], problem.sell_cost_usd[at], problem.impact[at], per_year, problem


def test_hedges_cost_what_they_cost_to_hold():
    """Carry is paid long and saved short, borrow is paid for what is sold beyond what is held, each over the holding time."""
    plain = 0.5 * 0.02 + 0.005
    bought, sold, impact, per_year, _ = costs()
    assert (bought, sold, impact) == pytest.approx((plain, plain, 0.0))
    bought, sold, _, _, _ = costs(carry_rate=0.01)
    assert (bought, sold) == pytest.approx((plain + 0.01 * per_year, max(plain - 0.01 * per_year, 0.0)))
    bought, sold, _, _, _ = costs(borrow_rate=0.5)
    assert (bought, sold) == pytest.approx((plain, plain + 0.5 * per_year))
    held = (*BOOK, fill(2, "ETF", "buy", 600, 500.0))
    assert costs(held, borrow_rate=0.5, most_sold=500)[1] == pytest.approx(plain)
    assert costs(held, borrow_rate=0.5, most_sold=1200)[1] == pytest.approx(plain + 0.25 * per_year)


def test_impact_is_a_cost_that_grows_with_the_square():
    """Of hedges, in the cost of a plan and in what the search reads."""
    _, _, impact, _, problem = costs(impact_temporary=0.3)
    at = [one.name for one in problem.series].index("ETF")
    contracts = np.zeros(len(problem.series), dtype=np.int64)
    contracts[at] = 40
    free = replace(problem, impact_usd=None)

    assert 0.0 < impact <= 0.3
    assert problem.cost_usd(contracts) - free.cost_usd(contracts) == pytest.approx(impact * 1600.0)
    assert problem.whole.quadratic[at, at] - free.whole.quadratic[at, at] == pytest.approx(
        2.0 * impact, rel=1e-6
    )
    assert abs(plan_offset(problem).contracts[at]) < abs(plan_offset(free).contracts[at])
