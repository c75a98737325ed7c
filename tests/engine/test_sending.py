"""A desk that sends: quotes and hedges leave once, follow what venues say, stop at a kill, and are the same again from the journal."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.engine.decision import decision_of, encode_decision
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.limits.ladder import Step
from flatbook.model.events import (
    Capacity,
    CycleDue,
    DeskSet,
    Fill,
    OrdersWorking,
    QuotesSeen,
    UnderlyingQuoted,
)
from flatbook.model.instruments import Side
from flatbook.model.obligation_terms import ObligationRule, WidthBand
from flatbook.model.order_events import KillScope, KillSet, OpenOrdersTold, OrderNews, OrdersAnswered
from flatbook.model.order_terms import OrderTerms
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.model.quoting_terms import DutyTerms
from flatbook.orders.columns import Purpose, Reason
from flatbook.orders.reconcile import Action, Why
from flatbook.orders.state import OrderState
from tests.worlds import NOW_NS, index_chain, index_desk, index_facts

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


def sending(*, limits=(), hedging=None, duties=(), **terms):
    """A venue with the index desk on it, after its first cycle."""
    the_desk = replace(index_desk(), orders=OrderTerms(**({"send": True, "venue": "east"} | terms)))
    the_desk = replace(the_desk, duties=duties)
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


def hedges_at_work(venue):
    """By client id: symbol and contracts, plus buys."""
    working = venue.state.outbox.working
    at = np.flatnonzero(working.alive & (working.purpose == Purpose.HEDGE))
    symbols = [venue.state.table.instruments[row].symbol for row in working.row[at].tolist()]
    contracts = (working.side[at] * working.open[at]).tolist()
    return dict(zip(working.client_id[at].tolist(), zip(symbols, contracts, strict=True), strict=True))


def fill_hedge(venue, client_id, contracts):
    """Some of a hedge is bought."""
    working = venue.state.outbox.working
    at = int(np.flatnonzero(working.client_id == client_id)[0])
    venue.trades += 1
    venue.tell(
        Fill(
            received_ns=venue.now_ns, fill_id=f"H{venue.trades}",
            instrument=venue.state.table.instruments[int(working.row[at])].symbol, side=Side(int(working.side[at])),
            quantity=contracts, price_ticks=int(working.price_ticks[at]), traded_ns=venue.now_ns, client_id=client_id,
        )
    )  # fmt: skip


def sold_elsewhere(venue, contracts):
    """Calls sold that no order of ours brought."""
    venue.tell(
        Fill(
            received_ns=venue.now_ns, fill_id="elsewhere", instrument=_CALL, side=Side.SELL, quantity=contracts,
            price_ticks=9700, traded_ns=venue.now_ns,
        )
    )  # fmt: skip


def two_futures(first, second):
    """The desk with two futures to choose from, by their spreads."""
    the_desk = index_desk()
    (one,) = the_desk.hedges
    other = replace(one, instrument=replace(one.instrument, symbol="IDXM1"), spread=second)
    terms = OrderTerms(send=True, venue="east", notional_order_max_usd=1e9)
    return replace(the_desk, orders=terms, hedges=(replace(one, spread=first), other))


def test_a_hedge_that_changes_its_contract_does_not_flip_the_delta():
    """The first fills after all: the second never left; once the first is dead it leaves."""
    venue = Venue(State())
    venue.tell(*index_facts(the_desk=two_futures(0.25, 2.0)))
    venue.answer()
    sold_elsewhere(venue, 60)
    venue.due()
    ((first, (symbol, contracts)),) = hedges_at_work(venue).items()
    assert symbol == "IDXH1"
    before = venue.cycle.hedges[0].delta_before_usd
    venue.tell(DeskSet(received_ns=venue.now_ns, desk=two_futures(2.0, 0.25), by="test"))
    venue.now_ns += _SECOND
    venue.tell(CycleDue(received_ns=venue.now_ns, reason="timer"))
    assert venue.cycle.hedges[0].chosen.row == venue.state.table.row_of("IDXM1")
    assert hedges_at_work(venue) == {first: ("IDXH1", contracts)}

    fill_hedge(venue, first, contracts - 20)
    venue.answer()  # the rest is cancelled
    venue.due()
    ((_, (symbol, rest)),) = hedges_at_work(venue).items()
    assert symbol == "IDXM1"
    assert 18 <= rest <= 22
    assert abs(venue.cycle.hedges[0].delta_before_usd) < abs(before)


def test_a_large_hedge_leaves_in_parts_until_it_is_done():
    """No order is worth more than allowed; the next part follows at the next cycle."""
    venue = sending(notional_order_max_usd=5e6)
    sold_elsewhere(venue, 60)
    venue.due()
    parts = []
    while hedges_at_work(venue):
        ((client_id, (_, contracts)),) = hedges_at_work(venue).items()
        parts.append(contracts)
        fill_hedge(venue, client_id, contracts)
        venue.due()
        assert len(parts) < 10
    assert parts[0] == parts[1] == 20
    assert 50 < sum(parts) < 65
    assert not venue.cycle.outgoing.refused_hedges


@pytest.mark.parametrize(
    "hedging",
    [
        {"informed": ("market_maker",), "policy": "fixed_band", "band_usd": 1e9},
        {"policy": "fixed_interval", "interval_minutes": 60.0},
    ],
)
def test_a_hedge_works_until_it_is_filled(hedging):
    """Of an informed trade, and of a policy by the clock; then nothing more leaves."""
    venue = sending(hedging=hedging)
    for _ in range(3):
        venue.fill(_CALL, -1, capacity=Capacity.MARKET_MAKER)
        venue.due()
        if hedges_at_work(venue):
            break
    ((client_id, (_, contracts)),) = hedges_at_work(venue).items()
    for _ in range(2):
        venue.due(0.5)
        assert hedges_at_work(venue) == {client_id: ("IDXH1", contracts)}
    fill_hedge(venue, client_id, contracts // 2)
    venue.due(0.5)
    ((last, (_, left)),) = hedges_at_work(venue).items()
    assert abs(left - (contracts - contracts // 2)) <= 1
    fill_hedge(venue, last, left)
    done_ns = venue.now_ns
    for _ in range(2):
        venue.due(0.5)
        assert not hedges_at_work(venue)
    assert venue.state.hedged_ns["IDX"] == done_ns
    assert not venue.state.informed


def test_a_hedge_that_passes_as_a_limit_kills_works_on():
    """It brings the delta down; quotes go. It is not cancelled as older than the kill."""
    venue = sending(limits=(Limit(measure=LimitMeasure.NET_CONTRACTS, underlying="IDX", limit_hard=60.0),))
    sold_elsewhere(venue, 100)
    venue.due(0.3)
    assert venue.cycle.outgoing.kills
    (hedge,) = hedges_at_work(venue).items()
    for _ in range(2):
        venue.due(0.3)
        assert dict([hedge]) == hedges_at_work(venue)


def test_a_list_of_another_venue_ends_nothing():
    """It may only name orders that are not there: those are strange. Our own venue's list is believed."""
    venue = sending()
    before = live(venue)
    told = OpenOrdersTold(
        received_ns=venue.now_ns + 1,
        venue="west",
        asked_ns=venue.now_ns + 1,
        client_ids=(7,),
        quantities=(1,),
    )
    venue.tell(told)
    assert live(venue) == before
    assert venue.state.outbox.strange == (7,)
    venue.tell(replace(told, venue="east"))
    assert len(live(venue)) == 1


def test_what_a_duty_asks_of_quotes_at_work_reaches_them():
    """Ten contracts at least, no wider than 50: a quote with six left is made whole at once, though nothing refills it."""
    rule = ObligationRule(time_share=0.9, widths=(WidthBand(width=50.0),), size_min=10)
    duty = DutyTerms(venue="east", role="mm", rule=rule)
    venue = sending(duties=(duty,), refill_share=0.0, requote_edge_usd=1e9)
    row = venue.state.table.row_of(_CALL)
    working = venue.state.outbox.working
    at = np.flatnonzero(working.alive & (working.row == row) & (working.side < 0))[0]
    left = int(working.open[at])
    venue.tell(
        Fill(
            received_ns=venue.now_ns, fill_id="part", instrument=_CALL, side=Side.SELL, quantity=left - 6,
            price_ticks=int(working.price_ticks[at]), traded_ns=venue.now_ns, client_id=int(working.client_id[at]),
        )
    )  # fmt: skip
    cycle = venue.due()
    assert cycle.quotes.in_duty[row]
    assert Why.DUTY in cycle.outgoing.commands.why[cycle.outgoing.commands.orders.row == row]


def test_orders_that_somebody_told_of_take_up_limits():
    """58 contracts bought elsewhere leave bids for 2 of 60."""
    limit = Limit(measure=LimitMeasure.NET_CONTRACTS, underlying="IDX", limit_hard=60.0)
    venue = Venue(State())
    *facts, due = index_facts(
        the_desk=replace(index_desk(), orders=OrderTerms(send=True, venue="east")), limits=(limit,)
    )
    beside = OrdersWorking(
        received_ns=NOW_NS, symbols=(_CALL,), sides=(Side.BUY,), quantities=(58,), price_ticks=(5000,)
    )
    venue.tell(*facts, beside, due)
    orders = venue.cycle.outgoing.commands.orders
    bids = (orders.side > 0) & venue.cycle.table.is_option[orders.row]
    assert int(orders.quantity[bids].sum()) == 2


def test_orders_of_an_expired_series_take_up_nothing_and_end_by_our_own_account():
    """The venue says nothing of them; a clock that was an hour ahead finds them again."""
    limit = Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="IDX", limit_hard=1e7)
    venue = sending(limits=(limit,))
    expiry = venue.state.table.expiry_ns
    first = int(expiry[expiry > 0].min())
    working = venue.state.outbox.working
    silent = int((expiry[working.row] == first).sum())
    assert 0 < silent < working.n_alive
    venue.now_ns = first + _SECOND
    listed, bid, ask = index_chain()
    venue.tell(
        UnderlyingQuoted(received_ns=venue.now_ns, underlying="IDX", price=5000.0),
        QuotesSeen(
            received_ns=venue.now_ns, symbols=tuple(one.symbol for one in listed),
            bid_ticks=tuple(round(each * 100) if each > 0 else None for each in bid),
            ask_ticks=tuple(round(each * 100) if each > 0 else None for each in ask),
        ),
        CycleDue(received_ns=venue.now_ns, reason="timer"),
    )  # fmt: skip
    left = venue.cycle.outgoing
    assert left.commands.orders.row.size > 0
    assert (expiry[left.commands.orders.row] != first).all()
    assert (left.verdicts.reason == Reason.ACCEPTED).mean() > 0.5
    assert int(((expiry[working.row] == first) & working.alive).sum()) == silent
    venue.tell(CycleDue(received_ns=first + 3 * 3600 * _SECOND, reason="timer"))
    assert not ((expiry[working.row] == first) & working.alive).any()


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
