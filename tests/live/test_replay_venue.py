"""Orders on paper against recorded quotes: what reaches the other side trades, what rests trades once it is reached."""

import asyncio
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.live import replay_venue
from flatbook.live.ports import PortLostError, Reports, SessionUp, VenuePort
from flatbook.live.replay_feed import ReplayFeed, ReplayTerms
from flatbook.live.replay_venue import ReplayVenue
from flatbook.sim.desk_side import Answer, Question
from flatbook.sim.messages import (
    Acknowledged,
    Cancel,
    Cancelled,
    CancelRejected,
    NewOrder,
    Rejected,
    Traded,
)
from tests.adapters.recordings import ITEMS, START, S, quote, recording

ROW = 0


def order(client_id, side, price, quantity=3, **more):
    return NewOrder(
        client_id=client_id, row=ROW, side=side, price_ticks=price, quantity=quantity, is_quote=not more.get("immediate"), **more
    )  # fmt: skip


def say(bid, ask, size=5):
    return lambda at_ns: quote(at_ns, ITEMS[ROW].symbol, bid, ask, size)


def played(script, *quotes_said):
    """Reports to the commands that `script` gives after each moment, which is one second."""

    async def run():
        feed = ReplayFeed(
            recording(*((k, each) for k, each in enumerate(quotes_said))),
            ReplayTerms(speed=inf, retell_s=1e6),
        )
        venue: VenuePort = ReplayVenue(feed, recording((0, say(1, 2))).table, "PAPER")
        stream = venue.news()
        assert await anext(stream) == SessionUp(cancelled=False)
        moment = 0

        async def act():
            nonlocal moment
            venue.send(script.get(moment, ()))
            moment += 1

        feed.taken = act
        async for _ in feed.messages():
            pass
        venue.ask(Question(asked_ns=1, at_ns=2, since_ns=3))
        venue.resend(0)
        await venue.close()
        return [news async for news in stream], venue

    return asyncio.run(run())


def reports(news):
    """Those that were told before the question, and whether their numbers ascend with the executions."""
    upto = next(k for k, each in enumerate(news) if isinstance(each, Answer))
    envelopes = [each for told in news[:upto] for each in told.envelopes]
    count = 0
    for each in envelopes:
        count += isinstance(each.report, Traded)
        assert each.executions == count
    return [each.report for each in envelopes]


def test_an_order_that_reaches_the_offer_trades_there_up_to_its_size():
    news, _ = played({0: [order(1, 1, 12, quantity=8, immediate=True)]}, say(9, 10), say(9, 10))

    acknowledged, traded, cancelled = reports(news)
    assert acknowledged == Acknowledged(client_id=1)
    assert (traded.price_ticks, traded.quantity, traded.side, traded.maker) == (10, 5, 1, False)
    assert traded.at_ns == START
    assert cancelled == Cancelled(client_id=1, reason="immediate")


def test_a_size_is_there_once_until_it_is_told_again():
    script = {0: [order(1, -1, 9, quantity=4), order(2, -1, 9, quantity=4)], 1: [order(3, -1, 9, quantity=2)]}
    news, _ = played(script, say(9, 10), say(9, 11))

    traded = [
        (each.client_id, each.quantity, each.maker) for each in reports(news) if isinstance(each, Traded)
    ]
    assert traded == [(1, 4, False), (2, 1, False), (2, 3, True), (3, 2, False)]


def test_a_quote_that_rests_trades_at_its_own_price_once_it_is_reached():
    news, _ = played(
        {0: [order(1, 1, 9), order(2, -1, 11)]}, say(9, 10), say(9, 10), say(8, 9), say(12, None)
    )

    traded = [
        (each.client_id, each.price_ticks, each.quantity, each.at_ns)
        for each in reports(news)
        if isinstance(each, Traded)
    ]
    assert traded == [(1, 9, 3, START + 2 * S), (2, 11, 3, START + 3 * S)]


def test_a_cancel_and_a_replace_end_an_order_and_nothing_else_does():
    script = {
        0: [
            order(1, 1, 5),
            order(2, 1, 6, replaces=1),
            Cancel(client_id=1),
            Cancel(client_id=2),
            Cancel(client_id=2),
        ]
    }
    news, _ = played(script, say(9, 10), say(4, 5))

    assert reports(news) == [
        Acknowledged(client_id=1), Acknowledged(client_id=2), CancelRejected(client_id=1, reason="unknown"),
        Cancelled(client_id=2, reason="asked"), CancelRejected(client_id=2, reason="unknown"),
    ]  # fmt: skip


def test_what_cannot_work_is_refused_with_its_reason():
    wrong = [
        (order(1, 1, 5), None), (order(1, 1, 5), "duplicate"), (order(2, 1, 5, replaces=9), "unknown"),
        (NewOrder(client_id=3, row=99, side=1, price_ticks=1, quantity=1, is_quote=True), "unknown"),
        (order(4, 2, 5), "side"), (order(5, 1, 5, quantity=0), "size"),
    ]  # fmt: skip
    news, _ = played({0: [each for each, _ in wrong]}, say(9, 10))

    assert [each.reason for each in reports(news) if isinstance(each, Rejected)] == [
        why for _, why in wrong if why
    ]


def test_a_question_is_answered_with_what_works_and_what_was_traded():
    news, venue = played({0: [order(1, 1, 10), order(2, -1, 20, quantity=7)]}, say(9, 10, size=2))

    answer, again = news[-2:]
    assert answer.orders == [(1, 1), (2, 7)]
    assert answer.positions.tolist() == [2, 0, 0]
    assert (answer.executions, answer.counted_ns) == (1, START)
    assert [(each.number, each.report.execution_id) for each in again.envelopes] == [(1, "PAPER-1")]
    assert isinstance(again, Reports)
    with pytest.raises(PortLostError, match="over"):
        venue.send([order(3, 1, 5)])


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(1, 12)), st.one_of(st.none(), st.integers(1, 12)), st.integers(0, 6),
            st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(1, 12), st.integers(1, 9), st.booleans()), max_size=3),
        ),
        min_size=1, max_size=12,
    )
)  # fmt: skip
def test_nothing_is_made_or_lost(moments):
    """Each order trades at most its quantity, at its price or better; positions are the sum; what works is what is left."""
    script, sent = {}, {}
    for k, (_, _, _, orders) in enumerate(moments):
        for side, price, quantity, immediate in orders:
            made = order(
                len(sent) + 1, side, price, quantity=quantity, **({"immediate": True} if immediate else {})
            )
            sent[made.client_id] = made
            script.setdefault(k, []).append(made)
    news, _ = played(script, *(say(bid, ask, size) for bid, ask, size, _ in moments))
    done = dict.fromkeys(sent, 0)
    ended = set()
    for each in reports(news):
        if isinstance(each, Traded):
            done[each.client_id] += each.quantity
            assert each.client_id not in ended
            assert (sent[each.client_id].price_ticks - each.price_ticks) * each.side >= 0
        elif isinstance(each, Cancelled):
            ended.add(each.client_id)
    (answer,) = [each for each in news if isinstance(each, Answer)]
    left = {client_id: made.quantity - done[client_id] for client_id, made in sent.items()}
    assert min(left.values(), default=0) >= 0
    assert dict(answer.orders) == {k: n for k, n in left.items() if n and k not in ended}
    net = sum(sent[client_id].side * quantity for client_id, quantity in done.items())
    assert answer.positions.tolist() == [net, 0, 0]
    assert np.count_nonzero([sent[k].immediate for k in dict(answer.orders)]) == 0


def test_a_desk_that_is_behind_finds_its_session_again(monkeypatch):
    """A send that fails is a lost session to the desk; nobody else would tell it that there is one."""

    async def run():
        monkeypatch.setattr(replay_venue, "MOST_WAITING", 1)
        recorded = recording((0, say(1, 2)))
        venue = ReplayVenue(ReplayFeed(recorded), recorded.table, "PAPER")
        news = venue.news()
        async with asyncio.timeout(5.0):
            assert await anext(news) == SessionUp(cancelled=False)
            venue.send([Cancel(client_id=1)])
            with pytest.raises(PortLostError, match="too many"):
                venue.send([Cancel(client_id=2)])
            assert isinstance(await anext(news), Reports)
            assert await anext(news) == SessionUp(cancelled=False)
            venue.send([Cancel(client_id=3)])
            assert isinstance(await anext(news), Reports)

    asyncio.run(run())
