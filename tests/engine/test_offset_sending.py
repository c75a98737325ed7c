"""Option offsets that are sent: when, what leaves, what the hedge leaves to it, what is withdrawn, and that a limit in breach is never added to."""

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.engine.decision import decision_of
from flatbook.engine.state import State
from flatbook.limits.ladder import Step
from flatbook.model.events import CycleDue, FastMarketSet, Fill
from flatbook.model.instruments import Side
from flatbook.model.measures import Measure
from flatbook.model.offset_terms import OffsetTerms
from flatbook.model.order_events import OrderNews, OrdersAnswered
from flatbook.model.order_terms import OrderTerms
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.orders.columns import Purpose
from flatbook.orders.reconcile import Action, Why
from flatbook.orders.state import OrderState
from tests.engine.test_sending import Venue
from tests.worlds import fill, index_desk, index_facts

_VEGA = Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, limit_hard=32_000.0)


def venue_of(*, sold=60, offsets=None, limits=(_VEGA,), more=()):
    """A desk that has sold calls beyond its vega limit, after its first cycle; nothing is answered yet."""
    terms = offsets or OffsetTerms(send=True, every_s=30.0, candidates_max=20, legs_max=4)
    the_desk = replace(index_desk(), orders=OrderTerms(send=True, venue="east"), offsets=terms)
    venue = Venue(State())
    fills = [fill(1, "IDXW030C5000", "sell", sold, 90.0)] if sold else []
    *facts, due = index_facts(the_desk=the_desk, limits=limits, fills=fills)
    assert isinstance(due, CycleDue)
    venue.tell(*facts, *more, due)
    return venue


def legs_at_work(venue):
    """Orders of offsets in options: alive."""
    working = venue.state.outbox.working
    return np.flatnonzero(
        working.alive & (working.purpose == Purpose.HEDGE) & venue.state.table.is_option[working.row]
    )


def sent_contracts(cycle):
    """Contracts of new hedges that leave, by row."""
    commands, out = cycle.outgoing.commands, np.zeros(len(cycle.table.instruments), dtype=np.int64)
    new = (commands.action != Action.CANCEL) & (commands.orders.purpose == Purpose.HEDGE)
    np.add.at(out, commands.orders.row[new], (commands.orders.side * commands.orders.quantity)[new])
    return out


def fill_all(venue, at):
    """Everything left of these orders trades at its price."""
    working = venue.state.outbox.working
    for one in at.tolist():
        venue.trades += 1
        venue.tell(
            Fill(
                received_ns=venue.now_ns, fill_id=f"O{venue.trades}",
                instrument=venue.state.table.instruments[int(working.row[one])].symbol, side=Side(int(working.side[one])),
                quantity=int(working.open[one]), price_ticks=int(working.price_ticks[one]),
                traded_ns=venue.now_ns, client_id=int(working.client_id[one]),
            )
        )  # fmt: skip


def test_a_breach_is_offset_at_once_and_what_leaves_is_the_plan():
    venue = venue_of()
    cycle = venue.cycle
    trades = cycle.offset_trades
    expected = np.zeros_like(trades)
    np.add.at(expected, cycle.offset.question.rows, cycle.offset.plan.contracts)

    assert cycle.standing.worst_of("IDX", {LimitMeasure.VEGA_USD_PER_POINT}) == Step.HARD
    assert (trades[cycle.table.is_option] != 0).any()
    assert np.array_equal(trades, expected)
    sent = sent_contracts(cycle)
    assert (sent[cycle.table.is_option] == trades[cycle.table.is_option]).all()
    vega = Measure.VEGA_USD_PER_POINT
    assert abs(cycle.residual.exposure.desk[vega]) < abs(cycle.exposure.desk[vega])
    told = {(leg.symbol, leg.quantity) for leg in decision_of(cycle).hedges}
    rows = np.flatnonzero(trades).tolist()
    assert {(cycle.table.instruments[row].symbol, int(trades[row])) for row in rows} <= told


def test_what_leaves_crosses_the_market_and_brings_the_breach_down():
    venue = venue_of()
    cycle, before = venue.cycle, venue.cycle.standing.limits[0].utilisation
    commands = cycle.outgoing.commands
    legs = (commands.orders.purpose == Purpose.HEDGE) & cycle.table.is_option[commands.orders.row]
    row, side = commands.orders.row[legs], commands.orders.side[legs]
    price = commands.orders.price_ticks[legs] / cycle.table.ticks_per_unit[row]
    other = np.where(side > 0, cycle.market.ask[row], cycle.market.bid[row])
    beyond = side * (price - other)
    assert ((beyond > -1e-9) & (beyond < 0.10)).all()  # on a tick, none short of the other side

    fill_all(venue, legs_at_work(venue))
    after = venue.due(1.0)
    assert before >= 1.0 > after.standing.limits[0].utilisation


def test_an_underlying_whose_options_are_traded_is_not_hedged_beside():
    cycle = venue_of().cycle
    (hedge,) = cycle.hedges
    assert hedge.legs == ()
    assert "offset" in hedge.reason
    linear = ~cycle.table.is_option
    sent, planned = sent_contracts(cycle)[linear], cycle.offset_trades[linear]
    assert planned.any()
    assert (np.sign(sent) == np.sign(planned)).all()
    assert (
        np.abs(sent) <= np.abs(planned)
    ).all()  # one that is worth more than an order may be leaves in parts


def test_nothing_is_sent_twice_while_it_is_on_its_way_and_the_rest_is_withdrawn():
    venue = venue_of()
    legs = legs_at_work(venue)
    ids = set(venue.state.outbox.working.client_id[legs].tolist())
    assert ids

    venue.now_ns += 100_000_000
    venue.tell(CycleDue(received_ns=venue.now_ns, reason="at once"))
    commands = venue.cycle.outgoing.commands
    assert venue.cycle.offset is None
    assert venue.cycle.offset_trades is None
    cancelled = commands.client_id[(commands.action == Action.CANCEL) & (commands.why == Why.UNWANTED)]
    assert ids <= set(cancelled.tolist())
    assert not (sent_contracts(venue.cycle)[venue.cycle.table.is_option] != 0).any()

    venue.now_ns += 60_000_000_000  # long after a plan would be due: its cancels are not confirmed
    venue.tell(CycleDue(received_ns=venue.now_ns, reason="later"))
    assert venue.cycle.offset is None
    venue.tell(
        OrdersAnswered(
            received_ns=venue.now_ns, client_ids=tuple(sorted(ids)), news=(OrderNews.CANCELLED,) * len(ids)
        )
    )
    venue.now_ns += 1_000_000_000
    venue.tell(CycleDue(received_ns=venue.now_ns, reason="again"))
    assert venue.cycle.offset is not None


def test_the_next_plan_waits_unless_a_limit_rises():
    venue = venue_of(sold=20)
    assert venue.cycle.offset is not None
    venue.answer()
    fill_all(venue, legs_at_work(venue))
    assert venue.due(1.0).offset is None
    venue.tell(
        Fill(
            received_ns=venue.now_ns, fill_id="more", instrument="IDXW030C5000", side=Side.SELL, quantity=90,
            price_ticks=9000, traded_ns=venue.now_ns,
        )
    )  # fmt: skip
    cycle = venue.due(1.0)
    assert cycle.standing.limits[0].step >= Step.ALERT
    assert cycle.offset is not None
    assert venue.due(31.0).offset is None  # legs still stand: they are withdrawn first
    assert venue.due(1.0).offset is not None


@pytest.mark.parametrize(
    "terms",
    [OffsetTerms(send=False), OffsetTerms(send=True, cost_most_usd=0.0, candidates_max=20, legs_max=4)],
)
def test_nothing_leaves_unsent_or_too_dear(terms):
    venue = venue_of(offsets=terms)
    assert venue.cycle.offset_trades is None
    assert not len(legs_at_work(venue))
    assert venue.cycle.hedges[0].legs or venue.cycle.hedges[0].reason
    assert (venue.cycle.offset is None) is not terms.send


def test_a_fast_market_hedges_first():
    venue = venue_of(
        more=(FastMarketSet(received_ns=1_700_000_000_000_000_000, underlying="IDX", on=True, reason="x"),)
    )
    assert venue.cycle.offset is None
    assert venue.cycle.hedges[0].legs


@pytest.mark.parametrize("seed", range(3))
def test_no_leg_adds_to_a_hard_limit_in_breach(seed):
    measures = (LimitMeasure.VEGA_USD_PER_POINT, LimitMeasure.GAMMA_USD_PER_PCT, LimitMeasure.DELTA_USD)
    hard = np.random.default_rng(seed).uniform(0.5, 1.2, 3) * np.array([3e4, 5e5, 3e6])
    limits = tuple(Limit(measure=m, limit_hard=float(h)) for m, h in zip(measures, hard, strict=True))
    venue = venue_of(limits=limits, sold=40 + 30 * seed)
    cycle = venue.cycle
    sent = sent_contracts(cycle)
    breached = cycle.standing.utilisation >= 1.0
    adds = np.where(sent > 0, cycle.standing.buy_slope, cycle.standing.sell_slope)
    assert not (breached & (adds > 1e-12) & (sent != 0)).any()
    assert venue.state.outbox.working.state[legs_at_work(venue)].tolist() == [OrderState.PENDING_NEW] * len(
        legs_at_work(venue)
    )
