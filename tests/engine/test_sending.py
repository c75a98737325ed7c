"""A desk that sends: quotes and hedges leave once, follow what venues say, stop at a kill, and are the same again from the journal."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.engine.decision import decision_of, encode_decision
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.limits.ladder import Step
from flatbook.model.events import Capacity, CycleDue, Fill, UnderlyingQuoted
from flatbook.model.instruments import Side
from flatbook.model.order_events import KillScope, KillSet, OrderNews, OrdersAnswered
from flatbook.model.order_terms import OrderTerms
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.orders.columns import Purpose
from flatbook.orders.reconcile import Action
from flatbook.orders.state import OrderState
from tests.worlds import NOW_NS, index_desk, index_facts

_SECOND = 1_000_000_000
_CALL = "IDXW030C5000"


@dataclass
class Venue:
    """Takes what leaves, acknowledges it, and fills what it is told to."""

    state: State
    facts: list = field(default_factory=list)
    decisions: list = field(default_factory=list)
    now_ns: int = NOW_NS
    cycle: object = None
    trades: int = 0

    def tell(self, *facts):
        """Facts, in order."""
        for fact in facts:
            self.facts.append(fact)
            found = step(self.state, fact)
            if found is not None:
                self.cycle = found
                self.decisions.append(encode_decision(decision_of(found)))

    def due(self, seconds=1.0):
        """A cycle a little later, whose orders are acknowledged and whose cancels are done."""
        self.now_ns += round(seconds * _SECOND)
        self.tell(CycleDue(received_ns=self.now_ns, reason="timer"))
        self.answer()
        return self.cycle

    def answer(self):
        """Everything pending is as we wished."""
        working = self.state.outbox.working
        new, going = (
            working.client_id[working.state == each]
            for each in (OrderState.PENDING_NEW, OrderState.PENDING_CANCEL)
        )
        ids = (*new.tolist(), *going.tolist())
        news = (*[OrderNews.ACKNOWLEDGED] * new.size, *[OrderNews.CANCELLED] * going.size)
        self.tell(OrdersAnswered(received_ns=self.now_ns, client_ids=ids, news=news))

    def fill(self, symbol, side, *, capacity=Capacity.CUSTOMER):
        """Somebody trades with all of our quote."""
        working = self.state.outbox.working
        row = self.state.table.row_of(symbol)
        at = np.flatnonzero(working.alive & (working.row == row) & (working.side == side))[0]
        self.trades += 1
        self.tell(
            Fill(
                received_ns=self.now_ns, fill_id=f"F{self.trades}", instrument=symbol, side=Side(side),
                quantity=int(working.open[at]), price_ticks=int(working.price_ticks[at]), traded_ns=self.now_ns,
                capacity=capacity, client_id=int(working.client_id[at]),
            )
        )  # fmt: skip


def sending(*, limits=(), hedging=None, **terms):
    """A venue with the index desk on it, after its first cycle."""
    the_desk = replace(index_desk(), orders=OrderTerms(**({"send": True, "venue": "east"} | terms)))
    if hedging:
        the_desk = replace(the_desk, hedging=replace(the_desk.hedging, **hedging))
    venue = Venue(State())
    venue.tell(*index_facts(the_desk=the_desk, limits=limits))
    venue.answer()
    return venue


def live(venue, purpose=Purpose.QUOTE):
    """Rows and sides that work."""
    working = venue.state.outbox.working
    at = working.alive & (working.purpose == purpose)
    return {(int(row), int(side)) for row, side in zip(working.row[at], working.side[at], strict=True)}


def test_quotes_leave_once_and_stay_where_nothing_changes():
    venue = sending()
    first = venue.cycle.outgoing
    quoted = int((venue.cycle.quotes.bid_size > 0).sum() + (venue.cycle.quotes.ask_size > 0).sum())

    assert (first.commands.action == Action.NEW).all()
    assert first.commands.size == quoted == len(live(venue))
    assert venue.due().outgoing.commands.size == 0
    assert not venue.state.outbox.strange


def test_a_fill_is_hedged_and_its_quote_moves():
    """We sell calls: the future is bought, the offer goes up; the hedge that works is not sent twice."""
    venue = sending()
    row = venue.state.table.row_of(_CALL)
    offered = int(venue.cycle.quotes.ask[row])
    for _ in range(6):
        venue.fill(_CALL, -1)
        cycle = venue.due()
        if live(venue, Purpose.HEDGE):
            break
    (hedge,) = live(venue, Purpose.HEDGE)
    again = venue.due()

    assert hedge == (venue.state.table.row_of("IDXH1"), 1)
    assert int(cycle.quotes.ask[row]) > offered
    assert live(venue, Purpose.HEDGE) == {hedge}
    assert (again.outgoing.commands.orders.purpose != Purpose.HEDGE).all()


def test_the_delta_of_an_informed_trade_is_hedged_at_once():
    """The same trade of a customer stays within the band."""
    told = {}
    for capacity in (Capacity.CUSTOMER, Capacity.MARKET_MAKER):
        venue = sending(hedging={"informed": ("market_maker",), "policy": "fixed_band", "band_usd": 1e9})
        for _ in range(3):
            venue.fill(_CALL, -1, capacity=capacity)
            venue.due()
            told[capacity] = live(venue, Purpose.HEDGE)
            if told[capacity]:
                break

    assert told[Capacity.MARKET_MAKER] == {(venue.state.table.row_of("IDXH1"), 1)}
    assert told[Capacity.CUSTOMER] == set()


def test_no_order_adds_to_a_limit_at_hard_and_none_leaves_beyond_the_kill_limit():
    """Customers buy calls until the net contracts are full, then somebody trades beyond them elsewhere."""
    limit = Limit(measure=LimitMeasure.NET_CONTRACTS, underlying="IDX", limit_hard=60.0)
    venue = sending(limits=(limit,))
    for _ in range(40):
        sold = sorted(row for row, side in live(venue) if side < 0)
        if not sold:
            break
        venue.fill(venue.state.table.instruments[sold[0]].symbol, -1)
        venue.due()
    options = venue.cycle.table.is_option
    held = int(venue.cycle.held.quantity[options].sum())

    assert -60 <= held < -30
    elsewhere = Fill(
        received_ns=venue.now_ns, fill_id="elsewhere", instrument=_CALL, side=Side.SELL, quantity=70 + held,
        price_ticks=1, traded_ns=venue.now_ns,
    )  # fmt: skip
    venue.tell(elsewhere)
    cycle = venue.due()
    assert cycle.standing.worst is Step.HARD
    quoted = {key for key in live(venue) if options[key[0]]}
    assert quoted
    assert all(side > 0 for _, side in quoted)

    venue.tell(replace(elsewhere, fill_id="more", quantity=20))
    cycle = venue.due()
    assert [one.name for one in cycle.outgoing.kills] == ["IDX"]
    assert not live(venue)
    venue.due()
    assert not live(venue)


def test_a_kill_holds_until_somebody_releases_it():
    venue = sending()
    killed = KillSet(
        received_ns=venue.now_ns, scope=KillScope.DESK, on=True, owner="anna", reason="runaway quoter"
    )
    venue.tell(killed)
    cycle = venue.due()

    assert (cycle.outgoing.commands.action == Action.CANCEL).all()
    assert cycle.outgoing.kills[0].n_live > 0
    assert not live(venue)
    assert venue.due().outgoing.kills[0].text == "KILLED"
    venue.tell(replace(killed, on=False, reason="fixed"))
    assert (venue.due().outgoing.commands.action == Action.NEW).all()
    assert live(venue)


def test_the_same_facts_leave_the_same_orders_to_the_byte():
    venue = sending()
    for turn in range(3):
        venue.fill(_CALL, -1)
        venue.tell(
            UnderlyingQuoted(received_ns=venue.now_ns, underlying="IDX", price=5000.0 + 3.0 * (turn + 1))
        )
        venue.due()
    again = Venue(State())
    again.tell(*venue.facts)

    assert again.decisions == venue.decisions
    assert any(len(decision) != len(venue.decisions[0]) for decision in venue.decisions)


@pytest.mark.parametrize("news", [OrderNews.REJECTED, OrderNews.UNKNOWN])
def test_what_a_venue_says_is_believed_only_where_it_says_that_an_order_is_dead(news):
    venue = sending()
    row = venue.state.table.row_of(_CALL)
    venue.fill(_CALL, -1)
    venue.now_ns += _SECOND
    venue.tell(CycleDue(received_ns=venue.now_ns, reason="timer"))
    working = venue.state.outbox.working
    pending = working.client_id[working.state == OrderState.PENDING_NEW]
    venue.tell(
        OrdersAnswered(
            received_ns=venue.now_ns, client_ids=tuple(pending.tolist()), news=(news,) * pending.size
        )
    )
    again = venue.due(0.2)

    assert pending.size
    sold = working.row[working.alive & (working.side < 0)]
    assert (row in sold) or news is OrderNews.REJECTED
    assert (again.outgoing.commands.size > 0) == (news is OrderNews.REJECTED)
