"""Kill switches: what they stop, how they are released, and that killed is not flat."""

import numpy as np
import pytest

from flatbook.model.errors import InvalidValueError
from flatbook.model.order_events import KillScope, KillSet, OrderNews, OrdersAnswered
from flatbook.model.order_terms import OrderTerms
from flatbook.orders.columns import columns_of
from flatbook.orders.kill import (
    BY_LIMIT,
    NOT_STOPPED,
    Kills,
    kill_standings,
    latch_kill_limits,
    set_kill,
    stopped_by,
)
from flatbook.orders.state import WorkingOrders, answer_orders, send_cancels, send_orders
from tests.orders.desks import TERMS, desks, limit, stand

THE = desks(2)
TABLE, VENUES = THE.market.table, ("X", "Y")


def kill(kills, scope, name="", *, on=True, at_ns=5, reason="test"):
    """Turn a switch."""
    set_kill(kills, KillSet(received_ns=at_ns, scope=scope, name=name, on=on, owner="risk", reason=reason))


@pytest.mark.parametrize(
    ("scope", "name", "rows", "venues"),
    [
        (KillScope.DESK, "", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], []), (KillScope.UNDERLYING, "U001", [5, 6, 7, 8, 9], []),
        (KillScope.CLASS, "U001", [6, 7, 8, 9], []), (KillScope.VENUE, "Y", [], [1]), (KillScope.CLASS, "nobody", [], []),
    ],
)  # fmt: skip
def test_what_a_scope_stops(scope, name, rows, venues):
    """By row and by venue; and a release gives it back."""
    kills = Kills()
    kill(kills, scope, name)
    stopped = stopped_by(kills, TABLE, VENUES)
    assert np.flatnonzero(stopped.rows).tolist() == rows
    assert np.flatnonzero(stopped.venues).tolist() == venues
    assert (stopped.since_ns[rows] == 5).all()
    kill(kills, scope, name, on=False)
    stopped = stopped_by(kills, TABLE, VENUES)
    assert not stopped.rows.any()
    assert not stopped.venues.any()
    assert (stopped.since_ns == NOT_STOPPED).all()


def test_the_first_reason_stays_and_a_release_is_of_one_scope():
    """Two clicks are one kill; the desk's release does not release an underlying."""
    kills = Kills()
    kill(kills, KillScope.DESK, reason="first")
    kill(kills, KillScope.DESK, reason="second", at_ns=6)
    kill(kills, KillScope.UNDERLYING, "U000", at_ns=7)
    assert kills.on[KillScope.DESK, ""].reason == "first"
    assert stopped_by(kills, TABLE, VENUES).since_ns.tolist() == [7] * 5 + [5] * 5
    kill(kills, KillScope.DESK, on=False)
    assert np.flatnonzero(stopped_by(kills, TABLE, VENUES).rows).tolist() == [0, 1, 2, 3, 4]


def test_killed_is_not_flat():
    """Pending until each order is confirmed dead, whatever cancels were sent."""
    orders, kills = WorkingOrders(), Kills()
    batch = columns_of(
        np.array([1, 2, 6]), np.ones(3, dtype=np.int64), np.full(3, 300), np.ones(3, dtype=np.int64)
    )
    send_orders(orders, batch, np.full(3, np.nan), 1)
    for scope, name in (
        (KillScope.DESK, ""),
        (KillScope.UNDERLYING, "U000"),
        (KillScope.VENUE, "X"),
        (KillScope.VENUE, "Z"),
    ):
        kill(kills, scope, name)

    def texts():
        return [each.text for each in kill_standings(kills, orders, TABLE, VENUES)]

    nothing = "UNKNOWN SCOPE (stops nothing)"
    assert texts() == ["KILL_PENDING(3 live)", "KILL_PENDING(2 live)", "KILL_PENDING(3 live)", nothing]
    send_cancels(orders, orders.client_id, 2)
    assert texts()[0] == "KILL_PENDING(3 live)"
    answer_orders(orders, OrdersAnswered(received_ns=3, client_ids=(1, 2), news=(OrderNews.CANCELLED,) * 2))
    assert texts() == ["KILL_PENDING(1 live)", "KILLED", "KILL_PENDING(1 live)", nothing]


@pytest.mark.parametrize(
    ("scope", "name", "known"),
    [
        (KillScope.DESK, "", True), (KillScope.VENUE, "X", True), (KillScope.VENUE, "x", False),
        (KillScope.UNDERLYING, "U001", True), (KillScope.UNDERLYING, "U001 ", False), (KillScope.CLASS, "U000", True),
        (KillScope.CLASS, "U002", False),
    ],
)  # fmt: skip
def test_a_kill_of_a_name_that_nothing_has_says_so(scope, name, known):
    """It must not read as done while everything works on."""
    kills = Kills()
    kill(kills, scope, name)
    (standing,) = kill_standings(kills, WorkingOrders(), TABLE, VENUES)
    assert standing.known is known
    assert standing.text == ("KILLED" if known else "UNKNOWN SCOPE (stops nothing)")


def test_orders_leave_only_for_a_venue_that_a_kill_can_name():
    """Nameless, no kill of a venue could reach them."""
    for name in ("", " "):
        with pytest.raises(InvalidValueError, match="needs the name of a venue"):
            OrderTerms(send=True, venue=name)
    assert OrderTerms(send=True, venue="X").send
    assert not OrderTerms().send


@pytest.mark.parametrize(("held", "on"), [(15, False), (16, True), (-16, True)])
def test_a_limit_beyond_its_kill_share_stops_its_scope_until_somebody_releases_it(held, on):
    """1.5 times 10 is not beyond; the stop stays when the book is back."""
    kills, quantity = Kills(), np.zeros(10, dtype=np.int64)
    quantity[6] = held
    limits = (limit("net_contracts", 10.0, 1), limit("var_usd", 1.0), limit("series_contracts", 1.0))
    stand(THE, quantity, limits, WorkingOrders(), kills)
    assert list(kills.on) == ([(KillScope.UNDERLYING, "U001")] if on else [])
    stand(THE, 0 * quantity, limits, WorkingOrders(), kills)
    assert len(kills.on) == on
    if on:
        assert kills.on[KillScope.UNDERLYING, "U001"].owner == BY_LIMIT
        assert "160%" in kills.on[KillScope.UNDERLYING, "U001"].reason
        kill(kills, KillScope.UNDERLYING, "U001", on=False)
        assert not kills.on


def test_the_scope_of_a_limit_is_what_it_stops():
    """Of the desk, and of a class."""
    quantity, kills = np.zeros(10, dtype=np.int64), Kills()
    quantity[6] = 100
    _, _, standing = stand(THE, quantity, (limit("net_contracts", 10.0),), WorkingOrders(), Kills())
    latch_kill_limits(kills, standing, TERMS, 1)
    assert list(kills.on) == [(KillScope.DESK, "")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"owner": " "}, {"reason": ""}, {"scope": KillScope.VENUE, "name": ""}, {"scope": KillScope.DESK, "name": "X"},
    ],
)  # fmt: skip
def test_a_kill_needs_a_scope_an_owner_and_a_reason(wrong):
    """Its release too."""
    whole = {
        "received_ns": 1,
        "scope": KillScope.CLASS,
        "name": "U000",
        "on": False,
        "owner": "risk",
        "reason": "over",
    }
    assert KillSet(**whole)
    with pytest.raises(InvalidValueError, match="kill of"):
        KillSet(**(whole | wrong))
