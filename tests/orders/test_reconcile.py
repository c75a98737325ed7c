"""From what works to what is wanted: when a quote moves, when it goes, and that it never has two actions on the way."""

from dataclasses import replace

import numpy as np
import pytest
from msgspec.structs import replace as changed

from flatbook.model.order_events import KillScope, KillSet, OrderNews, OrdersAnswered
from flatbook.model.order_terms import OrderTerms
from flatbook.orders.columns import Purpose, Reason, columns_of
from flatbook.orders.gate import Verdicts
from flatbook.orders.kill import Kills, set_kill, stopped_by
from flatbook.orders.rate import Buckets
from flatbook.orders.reconcile import WHY_TEXT, Action, Commands, Why, passed, reconcile, send
from flatbook.orders.state import OrderState, WorkingOrders, answer_orders, fill_orders
from flatbook.orders.wanted import WantedHedges, WantedQuotes
from flatbook.quoting.ticks import NO_PRICE
from tests.orders.desks import desks

THE = desks(1)
N, NOW_NS, LATER_NS = THE.rows, 10**12, 10**12 + 1_000_000_000
TERMS = OrderTerms(requote_ticks=2, requote_edge_usd=20.0, requote_centre_half_spreads=0.4, refill_share=0.5)
CALM = stopped_by(Kills(), THE.market.table, ("X", "Y"))


def quotes(bid=295, ask=305, size=10, *, row=1, centre=300.0, theo=300.0, **more):
    """One series."""
    column = {
        "bid": np.full(N, NO_PRICE), "ask": np.full(N, NO_PRICE), "bid_size": np.zeros(N, np.int64), "ask_size": np.zeros(N, np.int64),
        "bid_duty": np.zeros(N, np.int64), "ask_duty": np.zeros(N, np.int64), "venue": np.zeros(N, np.int64),
        "bid_unsafe": np.zeros(N, bool), "ask_unsafe": np.zeros(N, bool), "usefulness": np.zeros(N),
        "theo_ticks": np.full(N, theo), "centre_ticks": np.full(N, centre), "half_spread_ticks": np.full(N, 5.0),
        "usd_per_tick": np.ones(N), "width_most_ticks": np.full(N, np.inf), "size_least": np.zeros(N, np.int64),
    }  # fmt: skip
    for name, each in ({"bid": bid, "ask": ask, "bid_size": size, "ask_size": size} | more).items():
        column[name][row] = each
    return WantedQuotes(**column)


def hedges(*lines):
    """(row, side, price, quantity)."""
    column = np.array(lines, dtype=np.int64).reshape(-1, 4).T
    return WantedHedges(
        row=column[0], side=column[1], price_ticks=column[2], quantity=column[3], venue=0 * column[0]
    )


NOTHING, NO_HEDGE = quotes(NO_PRICE, NO_PRICE, 0), hedges()


def working(wanted=None, hedge=NO_HEDGE, *, state=OrderState.LIVE):
    """What is wanted, at work."""
    orders = WorkingOrders()
    send(orders, asked(orders, quotes() if wanted is None else wanted, hedge, now_ns=NOW_NS), NOW_NS)
    orders.state[:] = state
    return orders


def asked(orders, wanted=None, hedge=NO_HEDGE, *, stopped=CALM, terms=TERMS, now_ns=LATER_NS):
    """Commands."""
    return reconcile(orders, quotes() if wanted is None else wanted, hedge, stopped, terms, now_ns)


def told(commands):
    """As words: action, why, id, side, price, quantity."""
    o = commands.orders
    return [
        (Action(a).name, Why(w).name, i, s, p, q)
        for a, w, i, s, p, q in zip(
            *(c.tolist() for c in (commands.action, commands.why, commands.client_id, o.side, o.price_ticks, o.quantity)), strict=True
        )
    ]  # fmt: skip


def words(commands):
    """Action and why."""
    return [each[:2] for each in told(commands)]


def test_what_is_missing_is_sent_and_what_stands_stays():
    """Then nothing is to be done; once nothing is wanted both go."""
    orders = WorkingOrders()
    first = asked(orders)
    assert told(first) == [("NEW", "MISSING", 0, 1, 295, 10), ("NEW", "MISSING", 0, -1, 305, 10)]
    assert send(orders, first, NOW_NS).tolist() == [1, 2]
    orders.state[:] = OrderState.LIVE
    assert asked(orders).size == 0
    assert told(asked(orders, NOTHING)) == [
        ("CANCEL", "UNWANTED", 1, 1, 295, 10),
        ("CANCEL", "UNWANTED", 2, -1, 305, 10),
    ]
    assert set(WHY_TEXT) == set(Why)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (quotes(296, 306, centre=303.0), []),  # one tick where two are asked
        (quotes(297, 307, centre=303.0), ["CENTRE_MOVED", "CENTRE_MOVED"]),
        (quotes(297, 307, size=9, centre=303.0), ["SIZE_CHANGED", "SIZE_CHANGED"]),  # gains 18 USD of 20
        (quotes(297, 307, centre=302.0), []),  # 0.4 half-spreads are not more than 0.4
        (quotes(297, 307, centre=302.01), ["CENTRE_MOVED", "CENTRE_MOVED"]),
        (quotes(293, 307), ["WIDTH_CHANGED", "WIDTH_CHANGED"]),
        (quotes(294, 306), []),
        (quotes(size=12), []),
        (quotes(size=9), ["SIZE_CHANGED", "SIZE_CHANGED"]),
        (quotes(size=20), ["REFILL", "REFILL"]),
    ],
)
def test_a_quote_moves_for_ticks_a_gain_and_a_centre_that_left_its_anchor(wanted, expected):
    """Anchored at the centre at placement; smaller at once, larger when little of it is left."""
    found = asked(working(), wanted)
    assert words(found) == [("REPLACE", why) for why in expected]
    assert found.client_id.tolist() == found.orders.replaces.tolist() == [1, 2][: found.size]


def test_the_anchor_is_that_of_the_placement_and_not_of_the_last_look():
    """The centre creeps by one tick a cycle: the quote moves at the third, and then stands anew."""
    orders, moved = working(), []
    for cycle in range(1, 7):
        wanted = quotes(295 + cycle, 305 + cycle, centre=300.0 + cycle, theo=300.0 + cycle)
        commands = asked(orders, wanted, now_ns=LATER_NS + cycle)
        if commands.size:
            moved.append(cycle)
            ids = send(orders, commands, LATER_NS + cycle)
            event = OrdersAnswered(
                received_ns=1, client_ids=tuple(ids.tolist()), news=(OrderNews.ACKNOWLEDGED,) * ids.size
            )
            answer_orders(orders, event)
    assert moved == [3, 6]


@pytest.mark.parametrize(
    "state",
    [OrderState.PENDING_NEW, OrderState.PENDING_CANCEL, OrderState.PENDING_REPLACE, OrderState.UNKNOWN],
)
def test_a_quote_with_something_on_the_way_waits_but_for_a_side_that_must_go(state):
    """One pending action a quote; what is unsafe is cancelled at once all the same, as is a price beyond fair value."""
    orders = working(state=state)
    assert asked(orders, quotes(290, 310, centre=290.0)).size == 0
    assert told(asked(orders, quotes(bid_unsafe=True))) == [("CANCEL", "UNSAFE", 1, 1, 295, 10)]
    assert words(asked(orders, NOTHING)) == [("CANCEL", "UNWANTED")] * 2
    assert told(asked(orders, quotes(285, 296, theo=290.0))) == [("CANCEL", "BEYOND_VALUE", 1, 1, 295, 10)]


def test_a_cancel_is_sent_again_until_somebody_confirms():
    """After 250 ms, not before."""
    orders = working()
    send(orders, asked(orders, NOTHING), LATER_NS)
    assert asked(orders, NOTHING, now_ns=LATER_NS + 249_999_999).size == 0
    assert asked(orders, NOTHING, now_ns=LATER_NS + 250_000_000).client_id.tolist() == [1, 2]
    event = OrdersAnswered(
        received_ns=1, client_ids=(1, 2), news=(OrderNews.CANCELLED, OrderNews.CANCEL_REJECTED)
    )
    answer_orders(orders, event)
    assert asked(orders, NOTHING, now_ns=LATER_NS + 250_000_000).client_id.tolist() == [2]


def test_a_cancel_that_was_lost_is_sent_again_though_the_quote_is_wanted_again():
    """Otherwise it would stand at its old price for ever, and its quote wait for ever."""
    orders = working()
    send(orders, asked(orders, NOTHING), LATER_NS)
    anew = quotes(290, 310, centre=290.0)
    assert asked(orders, anew, now_ns=LATER_NS + 249_999_999).size == 0
    again = asked(orders, anew, now_ns=LATER_NS + 250_000_000)
    assert words(again) == [("CANCEL", "UNANSWERED")] * 2
    assert again.client_id.tolist() == [1, 2]
    event = OrdersAnswered(received_ns=1, client_ids=(1, 2), news=(OrderNews.CANCELLED,) * 2)
    answer_orders(orders, event)
    assert words(asked(orders, anew)) == [("NEW", "MISSING")] * 2


def test_both_halves_of_a_replacement_go_where_a_side_must_go():
    """The old and the new may fill."""
    orders = working()
    send(orders, asked(orders, quotes(297, 307, centre=303.0)), LATER_NS)
    assert orders.state.tolist() == [3, 3, 0, 0]
    assert asked(orders, quotes(290, 310, centre=290.0)).size == 0
    assert asked(orders, quotes(297, 307, bid_unsafe=True)).client_id.tolist() == [1, 3]


def test_a_price_beyond_fair_value_moves_without_asking_what_it_gains():
    """A live bid at 295 while the contract is worth 294.9."""
    found = asked(working(), quotes(294, 305, theo=294.9))
    assert words(found) == [("REPLACE", "BEYOND_VALUE")]
    assert asked(working(), quotes(294, 305, theo=295.0)).size == 0


def test_an_order_elsewhere_or_a_second_one_goes():
    """Wanted at the other venue: cancelled first, sent there once it is dead. Of two the newer stays."""
    orders = working()
    assert words(asked(orders, quotes(venue=1))) == [("CANCEL", "ASTRAY")] * 2
    orders.side[:] = 1
    orders.price_ticks[:] = 295
    found = asked(orders)
    assert told(found)[0] == ("CANCEL", "ASTRAY", 1, 1, 295, 10)
    assert words(found)[1:] == [("NEW", "MISSING")]


def test_filled_quotes_are_made_whole_and_dead_ones_placed_anew():
    """From half its size on."""
    orders = working()
    fill_orders(orders, np.array([1, 2]), np.array([4, 5]))
    assert told(asked(orders)) == [("REPLACE", "REFILL", 2, -1, 305, 10)]
    fill_orders(orders, np.array([1]), np.array([6]))
    assert told(asked(orders)) == [("NEW", "MISSING", 0, 1, 295, 10), ("REPLACE", "REFILL", 2, -1, 305, 10)]


def test_hedges_follow_every_change_and_never_work_both_ways():
    """Another price or size replaces; the other side waits until the first is dead."""
    orders = working(NOTHING, hedges((0, 1, 10_000, 50)))
    assert asked(orders, NOTHING, hedges((0, 1, 10_000, 50))).size == 0
    assert words(asked(orders, NOTHING, hedges((0, 1, 10_001, 50)))) == [("REPLACE", "HEDGE_CHANGED")]
    assert words(asked(orders, NOTHING, hedges((0, 1, 10_000, 49)))) == [("REPLACE", "HEDGE_CHANGED")]
    turned = hedges((0, -1, 9_999, 50))
    assert words(asked(orders, NOTHING, turned)) == [("CANCEL", "UNWANTED")]
    orders.state[:] = OrderState.DEAD
    assert words(asked(orders, NOTHING, turned)) == [("NEW", "MISSING")]


def test_cancels_leave_first_then_hedges_then_quotes_by_usefulness():
    """The same facts give the same sequence."""
    orders = working()
    wanted = replace(
        quotes(bid=np.array([290, 291]), ask=np.array([310, 311]), size=5, row=np.array([2, 3])),
        usefulness=np.array([0.0, 0.0, 1.0, 2.0, 0.0]),
    )
    found = asked(orders, wanted, hedges((0, -1, 9_999, 50)))
    assert found.action.tolist() == [0, 0, 2, 2, 2, 2, 2]
    assert found.orders.row.tolist() == [1, 1, 0, 3, 3, 2, 2]
    assert found.orders.side.tolist() == [1, -1, -1, 1, -1, 1, -1]


@pytest.mark.parametrize("allows", [True, False])
def test_a_kill_cancels_all_that_was_sent_before_it(allows):
    """Quotes in whatever state; a hedge sent with it or after it stays where the terms allow hedges."""
    terms, kills = changed(TERMS, kill_allows_hedges=allows), Kills()
    orders = working(hedge=hedges((0, 1, 10_000, 50)), state=OrderState.PENDING_NEW)
    set_kill(
        kills, KillSet(received_ns=NOW_NS + 1, scope=KillScope.DESK, on=True, owner="risk", reason="test")
    )
    stopped = stopped_by(kills, THE.market.table, ("X", "Y"))
    same = hedges((0, 1, 10_000, 50))
    assert words(asked(orders, None, same, stopped=stopped, terms=terms)) == [("CANCEL", "KILLED")] * 3
    orders.sent_ns[:] = NOW_NS + 1
    assert len(words(asked(orders, None, same, stopped=stopped, terms=terms))) == (2 if allows else 3)
    orders.state[:] = OrderState.DEAD
    assert words(asked(orders, None, same, stopped=stopped, terms=terms)) == [("NEW", "MISSING")] * allows
    set_kill(
        kills, KillSet(received_ns=NOW_NS + 2, scope=KillScope.DESK, on=False, owner="risk", reason="over")
    )
    set_kill(
        kills,
        KillSet(received_ns=NOW_NS, scope=KillScope.VENUE, name="X", on=True, owner="risk", reason="test"),
    )
    orders.state[:] = OrderState.LIVE
    found = asked(orders, None, same, stopped=stopped_by(kills, THE.market.table, ("X", "Y")), terms=terms)
    assert words(found) == [("CANCEL", "KILLED")] * 3


def verdicts(commands, reason, quantity, *, cancels=None, credit=100):
    """Of the sends of some commands."""
    n = int((~commands.cancels).sum())
    return Verdicts(
        reason=np.full(n, int(reason)), quantity=np.full(n, quantity), limit=np.full(n, -1),
        cancels=np.ones(commands.size - n, dtype=bool) if cancels is None else np.array(cancels),
        buckets=Buckets(credit_ns=np.full(2, credit * 2_000_000), at_ns=0),
    )  # fmt: skip


def test_a_replacement_that_the_gate_refused_takes_its_order_with_it():
    """The old price is not wanted any more; for want of a message it waits, and what only refills waits too."""
    moved = asked(working(), quotes(297, 307, centre=303.0))
    left, buckets = passed(moved, verdicts(moved, Reason.WORST_CASE, 0), TERMS)
    assert told(left) == [("CANCEL", "REFUSED", 1, 1, 297, 10), ("CANCEL", "REFUSED", 2, -1, 307, 10)]
    assert buckets.credit_ns.tolist() == [98 * 2_000_000, 100 * 2_000_000]
    assert passed(moved, verdicts(moved, Reason.WORST_CASE, 0, credit=1), TERMS)[0].size == 1
    for waits in (Reason.RATE, Reason.DUPLICATE):
        assert passed(moved, verdicts(moved, waits, 0), TERMS)[0].size == 0
        smaller = asked(working(), quotes(size=9))
        assert words(passed(smaller, verdicts(smaller, waits, 0), TERMS)[0]) == [("CANCEL", "REFUSED")] * 2
    refill = asked(working(), quotes(size=20))
    for why, quantity in ((Reason.WORST_CASE, 0), (Reason.CUT, 3)):
        assert passed(refill, verdicts(refill, why, quantity), TERMS)[0].size == 0


def test_a_price_beyond_fair_value_goes_where_no_message_is_left_to_move_it():
    """The cancels of what gives value away leave first, out of the reserve."""
    orders = working(quotes(bid=np.array([290, 295]), ask=np.array([310, 305]), row=np.array([1, 2])))
    theo = np.where(np.arange(N) == 2, 294.9, 300.0)
    moved = quotes(
        bid=np.array([290, 294]), ask=np.array([310, 305]), size=np.array([9, 10]), row=np.array([1, 2]), theo=theo
    )  # fmt: skip
    found = asked(orders, moved)
    assert words(found) == [("REPLACE", "SIZE_CHANGED")] * 2 + [("REPLACE", "BEYOND_VALUE")]
    for reason in (Reason.RATE, Reason.DUPLICATE):
        left = passed(found, verdicts(found, reason, 0, credit=2), TERMS)[0]
        assert [(each[0], each[4]) for each in told(left)] == [("CANCEL", 294), ("CANCEL", 290)]


def test_cancels_go_round_where_the_venue_is_silent_and_messages_are_few():
    """First those that never got one, of them what must go; then the oldest. Time that runs backwards starves nobody."""
    orders = working(
        quotes(bid=np.array([290, 295]), ask=np.array([310, 305]), row=np.array([1, 2])),
        hedges((0, 1, 10_000, 50)),
    )
    wanted = quotes(NO_PRICE, NO_PRICE, 0, ask_unsafe=True, row=np.array([2]))

    def next_two(now_ns):
        commands = asked(orders, wanted, now_ns=now_ns).take(np.arange(2))
        send(orders, commands, now_ns)
        return commands.client_id.tolist()

    assert orders.client_id[(orders.row == 2) & (orders.side < 0)].tolist() == [5]
    assert next_two(LATER_NS) == [5, 1]
    assert next_two(LATER_NS + 1_000_000) == [2, 3]
    assert next_two(LATER_NS + 500_000_000) == [4, 5]
    assert next_two(LATER_NS + 1_000_000_000) == [5, 1]
    assert next_two(LATER_NS + 1_500_000_000) == [5, 2]
    assert next_two(LATER_NS - 3_600_000_000_000) != []
    assert asked(orders, wanted, now_ns=LATER_NS - 3_600_000_000_000 + 1).size == 3


@pytest.mark.parametrize(
    ("most", "wanted", "expected"),
    [
        (10.0, quotes(296, 306, centre=301.0), []),  # as wide as allowed
        (9.0, quotes(296, 305, centre=301.0), [("REPLACE", "DUTY", 1, 1, 296, 10)]),
        (9.0, quotes(296, 306, centre=301.0), []),  # what is wanted is too wide itself
        (np.inf, quotes(296, 305, centre=301.0), []),
        (8.0, quotes(297, 305, centre=301.7), [("REPLACE", "CENTRE_MOVED", 1, 1, 297, 10)]),
        (np.inf, quotes(297, 305, centre=301.7), []),
    ],
)
def test_a_quote_wider_at_work_than_its_duty_allows_moves_at_once(most, wanted, expected):
    """Without a gain, a tick is enough; and the centre is anchored to the smaller of the neutral and half the legal width."""
    terms = changed(TERMS, requote_centre_half_spreads=0.4)
    found = asked(working(), replace(wanted, width_most_ticks=np.full(N, most)), terms=terms)
    assert told(found) == expected


def test_a_quote_with_less_left_than_its_duty_asks_is_made_whole_at_once():
    """At 60 of 100 parts nothing refills it, but for the duty; what the gate refuses or cuts stays as it is."""
    orders = working()
    fill_orders(orders, np.array([1, 2]), np.array([4, 2]))
    assert asked(orders).size == 0
    of_duty = asked(orders, quotes(size_least=8))
    assert told(of_duty) == [("REPLACE", "DUTY", 1, 1, 295, 10)]
    for reason, quantity in ((Reason.WORST_CASE, 0), (Reason.CUT, 3), (Reason.RATE, 0)):
        assert passed(of_duty, verdicts(of_duty, reason, quantity), TERMS)[0].size == 0
    assert asked(orders, quotes(size=6, size_least=8)).size == 1  # the offer has 8 left where 6 are wanted


def test_what_the_gate_cut_leaves_at_the_size_it_allows():
    """And a cancel without a message does not leave."""
    orders = working()
    fresh = asked(orders, quotes(row=2, bid=290, ask=310))
    assert isinstance(fresh, Commands)
    left, _ = passed(fresh, verdicts(fresh, Reason.CUT, 3, cancels=[True, False]), TERMS)
    assert [(each[0], each[5]) for each in told(left)] == [("CANCEL", 10), ("NEW", 3), ("NEW", 3)]
    send(orders, left, LATER_NS)
    assert orders.open.tolist() == [10, 10, 3, 3]
    assert orders.state.tolist() == [OrderState.PENDING_CANCEL, OrderState.LIVE, 0, 0]


def test_purposes_are_kept_apart():
    """A hedge in an option beside a quote of it."""
    orders = working(hedge=hedges((1, 1, 295, 4)))
    assert sorted(orders.purpose.tolist()) == [Purpose.HEDGE, Purpose.QUOTE, Purpose.QUOTE]
    assert asked(orders, hedge=hedges((1, 1, 295, 4))).size == 0
    assert columns_of(np.array([1]), np.array([1]), np.array([2]), np.array([3])).size == 1
