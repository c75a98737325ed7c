"""What works, from the moment it is sent until it is proven dead: answers late, lost, repeated and out of sequence."""

import numpy as np
import pytest

from flatbook.model.errors import InvalidValueError
from flatbook.model.order_events import OpenOrdersTold, OrderNews, OrdersAnswered
from flatbook.orders.columns import columns_of
from flatbook.orders.state import (
    OrderState,
    WorkingOrders,
    answer_orders,
    fill_orders,
    send_cancels,
    send_orders,
    told_open_orders,
)

S, N = OrderState, OrderNews


def ints(*values):
    """A column."""
    return np.array(values, dtype=np.int64)


def sent(orders, n=1, *, quantity=10, now_ns=1_000, replaces=0, venue=0):
    """Orders that leave; their ids."""
    batch = columns_of(
        np.arange(n), np.ones(n, dtype=np.int64), np.full(n, 300), np.full(n, quantity), venue=venue
    )
    batch.replaces[:] = replaces
    return send_orders(orders, batch, np.full(n, 300.0), now_ns)


def says(orders, *told):
    """News of (id, what)."""
    ids, news = zip(*told, strict=True)
    return answer_orders(orders, OrdersAnswered(received_ns=1, client_ids=ids, news=news)).tolist()


def states(orders):
    """By id."""
    return [S(each).name for each in orders.state.tolist()]


def test_ids_ascend_and_are_used_once():
    """Also once the dead are forgotten."""
    orders = WorkingOrders()
    first = sent(orders, 3)
    says(orders, *[(each, N.CANCELLED) for each in first.tolist()])
    second = sent(orders, 2, now_ns=10**12)

    assert first.tolist() == [1, 2, 3]
    assert second.tolist() == [4, 5]
    assert orders.client_id.tolist() in ([4, 5], [1, 2, 3, 4, 5])
    sent(orders, 1, now_ns=10**12)
    assert orders.client_id.tolist() == [4, 5, 6]
    assert says(orders, (1, N.CANCELLED)) == [1]


@pytest.mark.parametrize(
    ("news", "expected"),
    [
        (N.ACKNOWLEDGED, "LIVE"), (N.REJECTED, "DEAD"), (N.CANCELLED, "DEAD"), (N.UNKNOWN, "UNKNOWN"),
        (N.CANCEL_REJECTED, "UNKNOWN"),
    ],
)  # fmt: skip
def test_what_a_venue_says_of_a_new_order(news, expected):
    """Silence is no rejection."""
    orders = WorkingOrders()
    sent(orders)
    says(orders, (1, news))
    assert states(orders) == [expected]


def test_dead_is_final_and_a_cancel_on_its_way_counts():
    """A late acknowledgement wakes nobody up and does not make a cancelled order live."""
    orders = WorkingOrders()
    sent(orders, 2)
    send_cancels(orders, ints(1), 2_000)
    says(orders, (1, N.ACKNOWLEDGED), (2, N.REJECTED))
    assert states(orders) == ["PENDING_CANCEL", "DEAD"]
    says(orders, (2, N.ACKNOWLEDGED))
    send_cancels(orders, ints(2), 3_000)
    assert states(orders) == ["PENDING_CANCEL", "DEAD"]
    assert orders.cancel_ns.tolist() == [2_000, 0]
    says(orders, (1, N.CANCEL_REJECTED))
    assert (states(orders)[0], orders.n_alive) == ("UNKNOWN", 1)


def test_news_of_one_order_count_in_their_sequence():
    """Acknowledged and then lost; lost and then acknowledged."""
    orders = WorkingOrders()
    sent(orders, 2)
    says(orders, (1, N.ACKNOWLEDGED), (2, N.UNKNOWN), (1, N.UNKNOWN), (2, N.ACKNOWLEDGED))
    assert states(orders) == ["UNKNOWN", "LIVE"]


def test_a_replacement_ends_what_it_replaces_or_gives_it_back():
    """Acknowledged, rejected, and cancelled before anybody heard of it."""
    for news, expected in (
        (N.ACKNOWLEDGED, ["DEAD", "LIVE"]), (N.REJECTED, ["LIVE", "DEAD"]), (N.CANCELLED, ["UNKNOWN", "DEAD"]),
        (N.UNKNOWN, ["PENDING_REPLACE", "UNKNOWN"]),
    ):  # fmt: skip
        orders = WorkingOrders()
        sent(orders)
        says(orders, (1, N.ACKNOWLEDGED))
        sent(orders, replaces=1)
        assert states(orders) == ["PENDING_REPLACE", "PENDING_NEW"]
        says(orders, (2, news))
        assert states(orders) == expected, news


def test_a_replacement_that_is_being_cancelled_still_ends_what_it_replaced():
    """Acknowledged while the cancel of both is on its way."""
    orders = WorkingOrders()
    sent(orders)
    says(orders, (1, N.ACKNOWLEDGED))
    sent(orders, replaces=1)
    send_cancels(orders, ints(1, 2), 5)
    says(orders, (2, N.ACKNOWLEDGED))
    assert states(orders) == ["DEAD", "PENDING_CANCEL"]


def test_fills_before_the_acknowledgement_after_the_cancel_and_beyond_the_order():
    """What is open never falls below 0; a person is told of what cannot be."""
    orders = WorkingOrders()
    sent(orders, 3)
    assert fill_orders(orders, ints(1, 2, 2), ints(4, 3, 7)).tolist() == []
    assert orders.open.tolist() == [6, 0, 10]
    assert states(orders) == ["PENDING_NEW", "DEAD", "PENDING_NEW"]
    says(orders, (1, N.ACKNOWLEDGED), (2, N.ACKNOWLEDGED))
    assert states(orders)[:2] == ["LIVE", "DEAD"]
    assert fill_orders(orders, ints(9, 1), ints(1, 7)).tolist() == [9, 1]
    assert (orders.open.tolist(), states(orders)[:2]) == ([10, 0, 10], ["UNKNOWN", "DEAD"])
    assert fill_orders(orders, ints(2), ints(1)).tolist() == [2]
    assert (orders.open.tolist(), states(orders)[:2]) == ([10, 10, 10], ["UNKNOWN", "UNKNOWN"])
    event = OpenOrdersTold(
        received_ns=9_500, venue="X", asked_ns=9_000, client_ids=(1, 3), quantities=(4, 10)
    )
    assert told_open_orders(orders, event, 0).tolist() == []
    assert (orders.open.tolist(), states(orders)) == ([4, 10, 10], ["LIVE", "DEAD", "LIVE"])


def test_a_late_fill_of_a_dead_order_wakes_nobody():
    """Cancelled, as its venue said; the fill came before the cancel and is told after it. More than was sent is strange."""
    orders = WorkingOrders()
    sent(orders)
    says(orders, (1, N.CANCELLED))
    assert fill_orders(orders, ints(1), ints(4)).tolist() == []
    assert fill_orders(orders, ints(1), ints(7)).tolist() == [1]
    assert states(orders) == ["DEAD"]


@pytest.mark.parametrize("first", ["list", "fill"])
def test_a_list_that_overtakes_a_fill_counts_the_fill_once(first):
    """Of 20, 12 are filled; the list of 8 that are left and the report of the 12 come in either sequence."""
    orders = WorkingOrders()
    sent(orders, quantity=20)
    event = OpenOrdersTold(received_ns=9_500, venue="X", asked_ns=9_000, client_ids=(1,), quantities=(8,))
    strange = []
    for what in (first, "fill" if first == "list" else "list"):
        if what == "list":
            strange += told_open_orders(orders, event, 0).tolist()
        else:
            strange += fill_orders(orders, ints(1), ints(12)).tolist()
    assert (orders.open.tolist(), states(orders), strange) == ([8], ["LIVE"], [])
    assert fill_orders(orders, ints(1), ints(3)).tolist() == []
    assert orders.open.tolist() == [5]
    fill_orders(orders, ints(1), ints(5))
    assert states(orders) == ["DEAD"]


@pytest.mark.parametrize("whole", [True, False])
def test_a_fill_of_a_replacement_ends_what_it_replaced(whole):
    """Before its acknowledgement; that comes late or never."""
    orders = WorkingOrders()
    sent(orders)
    says(orders, (1, N.ACKNOWLEDGED))
    sent(orders, replaces=1)
    assert fill_orders(orders, ints(2), ints(10 if whole else 3)).tolist() == []
    assert states(orders) == ["DEAD", "DEAD" if whole else "PENDING_NEW"]
    says(orders, (2, N.ACKNOWLEDGED))
    assert states(orders) == ["DEAD", "DEAD" if whole else "LIVE"]
    assert fill_orders(orders, ints(1), ints(4)).tolist() == []
    assert states(orders)[0] == "DEAD"


def test_a_venues_own_list_settles_what_nobody_knew():
    """Named: it works, with no more open than we thought. Not named: dead. Sent since, or elsewhere: left alone."""
    orders = WorkingOrders()
    sent(orders, 3)
    sent(orders, venue=1)
    sent(orders, now_ns=9_000)
    says(orders, (1, N.UNKNOWN), (2, N.ACKNOWLEDGED))
    event = OpenOrdersTold(
        received_ns=9_500, venue="X", asked_ns=9_000, client_ids=(1, 2, 77), quantities=(4, 12, 1)
    )

    assert told_open_orders(orders, event, 0).tolist() == [77]
    assert states(orders) == ["LIVE", "LIVE", "DEAD", "PENDING_NEW", "PENDING_NEW"]
    assert orders.open.tolist()[:2] == [4, 10]
    says(orders, (2, N.CANCELLED))
    again = OpenOrdersTold(
        received_ns=9_500, venue="X", asked_ns=9_000, client_ids=(1, 2), quantities=(4, 10)
    )
    assert told_open_orders(orders, again, 0).tolist() == [2]


def test_an_order_that_a_clock_ahead_sent_is_judged_too():
    """Its time has not come when the venue answers: it was sent before the clock went back."""
    orders = WorkingOrders()
    sent(orders, now_ns=1_000_000)
    event = OpenOrdersTold(received_ns=9_500, venue="X", asked_ns=9_000, client_ids=(), quantities=())
    told_open_orders(orders, event, 0)
    assert states(orders) == ["DEAD"]


def test_an_order_whose_replacement_is_not_on_the_list_works_on():
    """The replacement was lost on its way."""
    orders = WorkingOrders()
    sent(orders)
    says(orders, (1, N.ACKNOWLEDGED))
    sent(orders, replaces=1)
    event = OpenOrdersTold(received_ns=9_500, venue="X", asked_ns=9_000, client_ids=(1,), quantities=(10,))
    told_open_orders(orders, event, 0)
    assert states(orders) == ["LIVE", "DEAD"]


def test_events_that_cannot_be_meant_are_refused():
    """Columns of different length, an id that no order has, nothing open."""
    with pytest.raises(InvalidValueError, match="client ids"):
        OrdersAnswered(received_ns=1, client_ids=(1, 2), news=(N.UNKNOWN,))
    with pytest.raises(InvalidValueError, match="above 0"):
        OrdersAnswered(received_ns=1, client_ids=(0,), news=(N.UNKNOWN,))
    with pytest.raises(InvalidValueError, match="positive"):
        OpenOrdersTold(received_ns=1, venue="X", asked_ns=1, client_ids=(1,), quantities=(0,))
