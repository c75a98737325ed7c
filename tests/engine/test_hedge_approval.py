"""Hedges that wait for a person: held back whole, let go up to a size and a time, never once a limit hedges at once, and the same again from the journal."""

from contextlib import closing

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.engine.decision import Decision, decision_of, encode_decision
from flatbook.engine.state import State
from flatbook.hedging.approval import Waiting
from flatbook.journal.redecide import redecide
from flatbook.journal.state_file import copy_of
from flatbook.journal.store import Journal
from flatbook.limits.ladder import Step
from flatbook.model.errors import InvalidValueError
from flatbook.model.events import CycleDue
from flatbook.model.hedge_terms import HedgingTerms
from flatbook.model.instruments import Side
from flatbook.model.offset_terms import OffsetTerms
from flatbook.model.operator_events import HedgeDecided
from flatbook.model.parameters import Limit, LimitMeasure
from tests.engine.test_sending import Venue, fill_hedge, hedges_at_work, sending, sold_elsewhere

_SECOND = 1_000_000_000
_ABOVE = 1_000_000.0


def desk(**more):
    """A desk that asks above a million of delta, having sold 60 calls: its hedge buys some 15 millions."""
    venue = sending(
        hedging={"approve_above_usd": _ABOVE, **more.pop("hedging", {})}, notional_order_max_usd=1e9, **more
    )
    sold_elsewhere(venue, 60)
    venue.due()
    return venue


def decided(venue, *, approve=True, side=Side.BUY, most=None, seconds=60.0):
    """A person answers; the cycle after it."""
    most = (1.1 * venue.cycle.waiting[0].delta_usd if most is None else most) if approve else 0.0
    venue.tell(
        HedgeDecided(
            received_ns=venue.now_ns, underlying="IDX", approve=approve, side=side, most_delta_usd=most,
            until_ns=venue.now_ns + round(seconds * _SECOND), owner="anna", reason="seen",
        )
    )  # fmt: skip
    return venue.due()


def test_a_large_hedge_waits_and_a_small_one_does_not():
    venue = desk()
    (one,) = venue.cycle.waiting
    (hedge,) = venue.cycle.hedges

    assert hedge.legs
    assert (one.id, one.state, one.side) == ("IDX:buy", Waiting.WAITS, Side.BUY)
    assert one.delta_usd == abs(hedge.delta_after_usd - hedge.delta_before_usd) > _ABOVE
    assert one.legs == tuple((leg.symbol, leg.quantity) for leg in hedge.legs)
    assert (one.cost_usd, one.why, one.since_ns) == (hedge.cost_usd, hedge.reason, venue.now_ns)
    assert hedges_at_work(venue) == {}
    since_ns = venue.now_ns
    assert venue.due().waiting[0].since_ns == since_ns

    free = desk(hedging={"approve_above_usd": 1.01 * one.delta_usd})
    assert free.cycle.waiting == ()
    assert list(hedges_at_work(free).values()) == list(one.legs)


def test_a_desk_that_only_proposes_asks_nobody():
    venue = desk(send=False)
    assert venue.cycle.hedges[0].legs
    assert venue.cycle.waiting == ()


def test_an_approved_hedge_leaves_and_its_fills_use_the_approval_up():
    venue = desk()
    (one,) = venue.cycle.waiting
    cycle = decided(venue)
    assert (cycle.waiting[0].state, cycle.waiting[0].owner, cycle.waiting[0].why) == (
        Waiting.APPROVED, "anna", "seen",
    )  # fmt: skip
    ((client_id, leg),) = hedges_at_work(venue).items()
    assert leg == one.legs[0]

    fill_hedge(venue, client_id, leg[1])
    assert venue.due().waiting == ()
    sold_elsewhere_again(venue, 60)
    cycle = venue.due()
    assert cycle.waiting[0].state is Waiting.WAITS  # as large again, while the approval stands: it is used up
    assert hedges_at_work(venue) == {}


def sold_elsewhere_again(venue, contracts):
    """The same trade again."""
    venue.trades += 1
    first = next(fact for fact in venue.facts if getattr(fact, "fill_id", "") == "elsewhere")
    venue.tell(
        replace(
            first, fill_id=f"again{venue.trades}", quantity=contracts, received_ns=venue.now_ns, sequence=0
        )
    )


def test_a_part_that_is_done_leaves_room_for_the_rest():
    venue = desk()
    decided(venue)
    ((client_id, (_, contracts)),) = hedges_at_work(venue).items()
    fill_hedge(venue, client_id, contracts // 2)
    venue.due()
    ((_, (_, rest)),) = hedges_at_work(venue).items()
    assert abs(rest - (contracts - contracts // 2)) <= 1
    assert venue.cycle.waiting[0].state is Waiting.APPROVED


@pytest.mark.parametrize(
    "answer",
    [{"most": 2 * _ABOVE}, {"side": Side.SELL}, {"seconds": 0.0}],
    ids=["too small", "other side", "too late"],
)
def test_an_approval_that_does_not_cover_it_lets_nothing_go(answer):
    venue = desk()
    assert decided(venue, **answer).waiting[0].state is Waiting.WAITS
    assert hedges_at_work(venue) == {}


def test_an_approval_ends_and_what_works_is_taken_back():
    """A hedge at work that nobody approves any more would trade the delta that waits."""
    venue = desk()
    decided(venue, seconds=3.0)
    assert hedges_at_work(venue)
    venue.due(1.0)
    assert hedges_at_work(venue)
    cycle = venue.due(1.5)
    assert cycle.waiting[0].state is Waiting.WAITS
    assert hedges_at_work(venue) == {}


def test_a_hedge_that_outgrows_its_approval_waits_again():
    venue = desk()
    decided(venue)
    sold_elsewhere_again(venue, 30)
    assert venue.due().waiting[0].state is Waiting.WAITS
    assert hedges_at_work(venue) == {}
    assert decided(venue).waiting[0].state is Waiting.APPROVED


def test_a_rejection_holds_back_and_asks_again_once_it_is_over():
    venue = desk()
    cycle = decided(venue, approve=False, seconds=5.0)
    (one,) = cycle.waiting
    assert (one.state, one.owner, one.until_ns) == (Waiting.REJECTED, "anna", venue.now_ns + 4 * _SECOND)
    assert hedges_at_work(venue) == {}
    assert venue.due(3.9).waiting[0].state is Waiting.REJECTED
    assert venue.due(0.1).waiting[0].state is Waiting.WAITS
    assert decided(venue).waiting[0].state is Waiting.APPROVED
    assert hedges_at_work(venue)
    decided(venue, approve=False)
    assert hedges_at_work(venue) == {}


def test_the_other_side_is_asked_anew():
    venue = desk()
    decided(venue, approve=False)
    venue.trades += 1
    first = next(fact for fact in venue.facts if getattr(fact, "fill_id", "") == "elsewhere")
    venue.tell(replace(first, fill_id="bought", side=Side.BUY, quantity=120, received_ns=venue.now_ns))
    (one,) = venue.due().waiting
    assert (one.id, one.state, one.since_ns) == ("IDX:sell", Waiting.WAITS, venue.now_ns)


@pytest.mark.parametrize(
    ("limit_hard", "step"), [(15.4e6, Step.HARD), (16.5e6, Step.ESCALATE), (19e6, Step.ALERT)]
)
def test_nothing_waits_once_a_limit_hedges_at_once(limit_hard, step):
    """Not even for somebody who has said no."""
    limit = Limit(measure=LimitMeasure.DELTA_USD, underlying="IDX", limit_hard=limit_hard)
    venue = sending(limits=(limit,), hedging={"approve_above_usd": _ABOVE}, notional_order_max_usd=1e9)
    sold_elsewhere(venue, 50)
    assert venue.due().waiting[0].state is Waiting.WAITS
    assert decided(venue, approve=False).waiting[0].state is Waiting.REJECTED
    assert hedges_at_work(venue) == {}
    sold_elsewhere_again(venue, 10)
    cycle = venue.due()
    (one,) = cycle.waiting

    assert cycle.standing.worst is step
    if step is Step.ALERT:
        assert (one.state, one.owner) == (Waiting.REJECTED, "anna")
        assert hedges_at_work(venue) == {}
        return
    assert (one.state, one.owner) == (Waiting.UNASKED, "")
    assert step.name in one.why
    ((symbol, contracts),) = hedges_at_work(
        venue
    ).values()  # as much as the gate leaves beside quotes at work
    assert symbol == one.legs[0][0]
    assert 0 < contracts <= one.legs[0][1]


def test_no_offset_trades_the_delta_that_waits():
    """Without the question the vega limit makes an offset leave, hedge instruments and all."""
    vega = Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, limit_hard=32_000.0)
    told = {}
    for above in (_ABOVE, None):
        venue = sending(hedging={"approve_above_usd": above}, limits=(vega,), notional_order_max_usd=1e9)
        offsets = OffsetTerms(send=True, every_s=30.0, candidates_max=20, legs_max=4)
        the_desk = replace(venue.state.told_desk, offsets=offsets)
        at = next(n for n, fact in enumerate(venue.facts) if hasattr(fact, "desk"))
        venue.tell(replace(venue.facts[at], desk=the_desk, received_ns=venue.now_ns, sequence=0))
        sold_elsewhere(venue, 60)
        cycle = venue.due()
        told[above] = cycle.offset_trades is not None
    assert told == {_ABOVE: False, None: True}


def day():
    """Everything that can become of a hedge."""
    venue = desk()
    decided(venue, approve=False, seconds=2.0)
    venue.due(2.0)
    decided(venue)
    ((client_id, (_, contracts)),) = hedges_at_work(venue).items()
    fill_hedge(venue, client_id, contracts - 5)
    venue.due()
    sold_elsewhere_again(venue, 60)
    venue.due()
    return venue


def _caused_by(sequence, decision):
    """The same decision of an event with a number."""
    return encode_decision(replace(msgspec.msgpack.decode(decision, type=Decision), cause=sequence))


def test_the_journal_decides_the_same_again_to_the_byte():
    """And so does a copy of the state in the midst of it; what waits is in the decisions."""
    venue = day()
    again = Venue(State())
    for fact in venue.facts:
        again.tell(fact)
        again.state = copy_of(again.state)
    assert again.decisions == venue.decisions

    with closing(Journal.create(None)) as journal:
        decisions = iter(venue.decisions)
        for fact in venue.facts:
            kept = journal.append(replace(fact, sequence=0))
            if isinstance(fact, CycleDue):
                journal.append_decision(_caused_by(kept.sequence, next(decisions)), kept.sequence)
        found = redecide(journal)
    assert (found.different, found.undecided) == ((), ())
    assert found.decisions == len(venue.decisions) > 5
    (one,) = decision_of(venue.cycle).waiting
    assert (one.underlying, one.side, one.state) == ("IDX", 1, "waits")
    assert one.delta_usd == venue.cycle.waiting[0].delta_usd


def test_a_desk_that_asks_nobody_decides_the_bytes_that_it_did():
    """Nothing of approvals is in its decisions, whatever was answered."""
    asks = sending(notional_order_max_usd=1e9)
    sold_elsewhere(asks, 60)
    asks.due()
    assert b"waiting" not in asks.decisions[-1]
    other = sending(notional_order_max_usd=1e9, hedging={"approve_above_usd": 1e12})
    sold_elsewhere(other, 60)
    other.due()
    assert asks.decisions == other.decisions


@pytest.mark.parametrize("above", [-1.0, np.nan, np.inf])
def test_a_size_that_cannot_be_meant_is_refused(above):
    with pytest.raises(InvalidValueError, match="approve_above_usd"):
        HedgingTerms(approve_above_usd=above)


@pytest.mark.parametrize(
    "terms",
    [{"underlying": ""}, {"owner": " "}, {"reason": ""}, {"most_delta_usd": 0.0}, {"approve": False},
     {"most_delta_usd": np.inf}, {"most_delta_usd": np.nan}, {"most_delta_usd": -1.0}],
    ids=str,
)  # fmt: skip
def test_an_answer_that_nobody_answers_for_is_refused(terms):
    told = {
        "received_ns": 1, "underlying": "IDX", "approve": True, "side": Side.BUY, "most_delta_usd": 1.0, "until_ns": 2,
        "owner": "anna", "reason": "seen",
    }  # fmt: skip
    HedgeDecided(**told)
    with pytest.raises(InvalidValueError, match="hedge of"):
        HedgeDecided(**{**told, **terms})
