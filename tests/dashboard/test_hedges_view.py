"""The Hedges page tells the cycle's decisions, and weighs every candidate in the programme that the desk itself solves."""

import math
from dataclasses import replace

import numpy as np
import pytest
from msgspec.structs import replace as with_terms

from flatbook.dashboard.actions import ActionError, HedgeBody, preview_hedge
from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.views.hedge_menu import menu
from flatbook.dashboard.views.hedges import hedges
from flatbook.engine.offsets import offset_of
from flatbook.hedging.approval import Approvals, waiting_of
from flatbook.hedging.propose import trades
from flatbook.live.snapshot import FillRow, HedgeMark, WorkingRow
from flatbook.model.measures import Measure


@pytest.fixture(scope="module")
def hedged(pictures):
    """The last picture in which a hedge leaves."""
    return next(
        each for each in reversed(pictures) if trades(each.cycle.hedges, each.cycle.book.quantity.size).any()
    )


@pytest.fixture(scope="module")
def found(picture):
    """The menu of the last picture."""
    return menu(picture)


def test_proposals_are_those_of_the_core(hedged):
    """Legs, alternatives, band, cost and what they leave."""
    page = hedges(hedged)
    told = {each.underlying: each for each in page.proposals}

    assert set(told) == {each.underlying for each in hedged.cycle.hedges}
    for one in hedged.cycle.hedges:
        row = told[one.underlying]
        assert row.id == f"{one.underlying}:{hedged.cycle.sequence}"
        assert (row.delta_before_usd, row.band_usd, row.delta_after_usd, row.cost_usd) == (
            one.delta_before_usd, one.band_usd, one.delta_after_usd, one.cost_usd,
        )  # fmt: skip
        assert [(leg.symbol, leg.contracts, leg.side, leg.cost_usd) for leg in row.legs] == [
            (leg.symbol, abs(leg.quantity), "buy" if leg.quantity > 0 else "sell", leg.cost_usd)
            for leg in one.legs
        ]
        assert [(each.symbol, each.why) for each in row.alternatives] == [
            (each.symbol, each.why) for each in one.alternatives
        ]
        assert row.reason == one.reason
        assert [policy.in_force for policy in row.policies].count(True) == 1
    assert "leave as soon as they are decided" in page.decided_by
    assert (page.waiting, page.approve_above_usd) == ((), None)


def test_what_waits_is_told_with_what_it_removes_costs_and_leaves(hedged):
    """By the cycle's own numbers; the same words and numbers are previewed, and an answer is refused to what does not wait."""
    cycle = hedged.cycle
    asking = asked(hedged)
    (told,) = hedges(asking).waiting
    one = next(each for each in cycle.hedges if each.legs)

    assert (told.id, told.state, told.underlying) == (
        f"{one.underlying}:{told.side}",
        "waits",
        one.underlying,
    )
    assert told.delta_usd == abs(one.delta_after_usd - one.delta_before_usd) > 0.0
    assert (told.delta_before_usd, told.delta_after_usd, told.cost_usd) == (
        one.delta_before_usd, one.delta_after_usd, one.cost_usd,
    )  # fmt: skip
    assert (told.waits_s, told.left_s) == (0.0, None)
    assert one.legs[0].symbol in told.trade
    assert hedges(asking).approve_above_usd == 1.0
    assert "nothing waits" in hedges(asking).decided_by

    body = HedgeBody(hedge_id=told.id, approve=True, shown_usd=told.delta_usd / 1.05, why="looks right")
    found = preview_hedge(body, asking)
    changes = {each.name: (each.before, each.after) for each in found.changes}
    assert changes["cost"] == (0.0, one.cost_usd)
    assert changes[f"delta of {one.underlying}"] == (one.delta_before_usd, one.delta_after_usd)
    assert found.warnings == ("It has grown by 5.0% since you saw it.",)
    kept = preview_hedge(HedgeBody(hedge_id=told.id, approve=False, why="not now"), asking)
    assert kept.changes == ()
    assert f"{abs(one.delta_before_usd):,.0f} $ of delta stay" in kept.text
    with pytest.raises(ActionError, match="does not wait"):
        preview_hedge(body, hedged)


def asked(snapshot):
    """The same picture of a desk that asks above a dollar."""
    cycle = snapshot.cycle
    terms = with_terms(cycle.desk.hedging, approve_above_usd=1.0)
    waiting = waiting_of(Approvals(), cycle.hedges, cycle.standing, terms, cycle.now_ns)
    assert waiting
    desk = with_terms(cycle.desk, hedging=terms)
    return replace(snapshot, cycle=replace(cycle, desk=desk, waiting=waiting))


def test_a_delta_that_is_not_known_is_null_with_its_reason(hedged):
    """Never 0."""
    blind = replace(
        hedged.cycle.hedges[0], legs=(), schedule=(), alternatives=(), delta_before_usd=math.nan,
        band_usd=math.nan, target_usd=math.nan, reason="delta unknown: the underlying has no price",
    )  # fmt: skip
    page = hedges(replace(hedged, cycle=replace(hedged.cycle, hedges=(blind,))))

    assert page.proposals[0].delta_before_usd is None
    assert page.proposals[0].band_usd is None
    assert "no price" in page.proposals[0].reason


def order(**terms):
    """A hedge at work."""
    told = {
        "client_id": 1, "symbol": "IDXH27", "side": 1, "price": 100.0, "quantity": 10, "open": 4,
        "state": "working", "is_quote": False, "sent_ns": 0,
    }  # fmt: skip
    return WorkingRow(**{**told, **terms})


def test_a_hedge_at_work_shows_progress_age_and_the_risk_of_what_is_open(picture):
    """By the formula of an even path over a minute: delta x vol x sqrt(minute / 3 of a year); quotes are no hedges."""
    cycle = picture.cycle
    symbol = cycle.desk.hedges[0].instrument.symbol
    row = cycle.table.row_of(symbol)
    working = (
        order(symbol=symbol, sent_ns=picture.at_ns - 2_500_000_000),
        order(client_id=2, symbol=symbol, is_quote=True),
    )
    (told,) = hedges(replace(picture, working=working)).working

    delta = float(cycle.values.greeks[row, Measure.DELTA_USD])
    hedging = cycle.desk.hedging
    minute = 1.0 / (hedging.day_minutes * hedging.days_per_year)
    assert told.done_share == pytest.approx(0.6)
    assert told.age_s == pytest.approx(2.5)
    assert told.risk_usd == pytest.approx(
        4 * delta * float(cycle.basis.spot_vol[0]) * math.sqrt(minute / 3.0)
    )
    assert told.bid < told.ask
    assert told.away_usd == pytest.approx(4 * (told.ask - 100.0) * cycle.table.multiplier[row])


def test_shortfall_is_what_fills_paid_against_fair_value(picture):
    """Summed by instrument, with fees of the desk file; a fill whose fair value nobody knew is counted apart."""
    terms = picture.cycle.desk.hedges[0]
    symbol = terms.instrument.symbol

    def mark(quantity, shortfall):
        return HedgeMark(
            at_ns=5, underlying="IDX", symbol=symbol, quantity=quantity, price=1.0, shortfall_usd=shortfall
        )

    history = replace(picture.history, hedges=(mark(3, 30.0), mark(-2, -5.0), mark(7, math.nan)))
    fill = FillRow(
        at_ns=5, symbol=symbol, side=1, quantity=3, price=1.0, edge_usd=-30.0, is_hedge=True, fill_id="a"
    )
    page = hedges(replace(picture, history=history, fills=(fill, replace(fill, is_hedge=False, fill_id="b"))))
    (row,) = page.shortfall

    assert (row.fills, row.bought, row.sold, row.unknown) == (3, 10, 2, 1)
    assert row.shortfall_usd == 25.0
    assert row.fees_usd == pytest.approx(5 * terms.fee_per_contract)
    assert row.per_contract_usd == pytest.approx(25.0 / 5 + terms.fee_per_contract)
    assert row.expected_per_contract_usd == pytest.approx(
        0.5 * terms.spread * terms.instrument.multiplier + terms.fee_per_contract
    )
    assert [(each.symbol, each.shortfall_usd) for each in page.done] == [(symbol, 30.0)]


def test_a_fill_without_a_fair_value_has_no_shortfall(picture):
    """Null in every place, and the reason."""
    mark = HedgeMark(
        at_ns=5,
        underlying="IDX",
        symbol=picture.cycle.desk.hedges[0].instrument.symbol,
        quantity=3,
        price=1.0,
    )
    (row,) = hedges(replace(picture, history=replace(picture.history, hedges=(mark,)))).shortfall

    assert (row.shortfall_usd, row.per_contract_usd) == (None, None)
    assert "no fair value" in row.reason


def test_the_plan_of_the_menu_is_the_one_that_the_engine_finds(picture, found):
    """The same legs, cost and risk, from the same question."""
    cycle = picture.cycle
    plan = offset_of(cycle.held, cycle.standing, cycle.basis, ("IDX",), cycle.price.value.curvature).plan
    first = found.points[0]

    assert (first.kind, first.chosen) == ("plan", True)
    assert {leg.symbol: leg.contracts for leg in first.legs} == {leg.name: leg.contracts for leg in plan.legs}
    assert first.cost_usd == plan.cost_usd
    assert first.risk_removed_usd == pytest.approx(plan.risk_before_usd - plan.risk_after_usd)
    assert first.deviation_left_usd == pytest.approx(plan.deviation_after_usd)
    assert found.status == plan.status


def test_points_are_told_by_one_programme(found):
    """Each removes what the variance of the whole book loses by it; nothing is worth more than the plan but within its proven gap."""
    before = found.deviation_before_usd
    price = found.risk_before_usd / before**2
    nothing = next(point.worse_by_usd for point in found.points if not point.legs)
    assert len(found.points) > 8
    for point in found.points:
        assert point.risk_removed_usd == pytest.approx(
            price * (before**2 - point.deviation_left_usd**2), rel=1e-9, abs=1e-6
        )
        assert point.worse_by_usd >= -1e-6
        assert point.worth == (point.worse_by_usd < nothing)
    assert len({point.legs for point in found.points}) == len(found.points)


def test_nothing_beats_a_point_of_the_edge_in_both(found):
    """And what is not on it is beaten by one that is."""
    edge = [point for point in found.points if point.edge]

    assert edge
    for point in found.points:
        beaten = any(
            other.cost_usd <= point.cost_usd
            and other.risk_removed_usd >= point.risk_removed_usd
            and other.legs != point.legs
            for other in edge
        )
        assert beaten != point.edge or point.risk_removed_usd <= 0.0


def test_a_single_that_is_not_worth_its_cost_stands_at_the_size_that_removes_most(picture, found):
    """No other whole lot of it removes more."""
    cycle = picture.cycle
    problem = offset_of(
        cycle.held, cycle.standing, cycle.basis, ("IDX",), cycle.price.value.curvature
    ).problem
    at = {one.name: j for j, one in enumerate(problem.series)}
    pale = [point for point in found.points if point.why.startswith("what it removes is worth less")]

    assert pale
    for point in pale:
        (leg,) = point.legs
        j = at[leg.symbol]

        def left(contracts, j=j):
            only = np.zeros(len(problem.series), dtype=np.int64)
            only[j] = contracts
            return problem.variance(only)

        lot = int(problem.lot[j])
        assert left(leg.contracts) <= min(left(leg.contracts + lot), left(leg.contracts - lot)) or abs(
            leg.contracts
        ) in (problem.most_bought[j], problem.most_sold[j])
        assert not point.worth


def test_a_book_without_anything_has_no_menu(pictures):
    """And says why; a scope that is not there is refused."""
    empty = pictures[0]
    assert not empty.cycle.held.quantity.any()

    assert menu(empty).points == ()
    assert "holds nothing" in menu(empty).reason
    with pytest.raises(UnknownTopicError, match="desk, IDX"):
        menu(empty, "NONE")
