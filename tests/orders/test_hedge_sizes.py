"""Hedges never go past the delta that they are for, whatever fills, and large ones leave in parts."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from msgspec.structs import replace as changed

from flatbook.orders.columns import Purpose, Reason, columns_of
from flatbook.orders.hedge_sizes import fit_hedges, refused_hedges
from flatbook.orders.kill import Kills
from flatbook.orders.state import WorkingOrders, fill_orders, send_cancels, send_orders
from flatbook.orders.wanted import WantedHedges
from tests.orders.desks import TERMS, desks, stand

THE = desks(2, bid_ask=0.05)


def hedges(*lines):
    """(row, side, contracts)."""
    column = np.array(lines, dtype=np.int64).reshape(-1, 3).T
    return WantedHedges(
        row=column[0], side=column[1], price_ticks=0 * column[0] + 10_000, quantity=column[2], venue=0 * column[0]
    )  # fmt: skip


def at_work(*lines):
    """The same, sent."""
    orders = WorkingOrders()
    for row, side, contracts in lines:
        column = [np.array([each]) for each in (row, side, 10_000, contracts)]
        send_orders(orders, columns_of(*column, purpose=Purpose.HEDGE), np.full(1, np.nan), 1)
    return orders


def prepared(orders, **terms):
    """A gate beside them."""
    return stand(THE, np.zeros(THE.rows, dtype=np.int64), (), orders, Kills(), terms=changed(TERMS, **terms))[
        0
    ]


def fit(orders, wanted, **terms):
    """As (row, side, contracts)."""
    found = fit_hedges(wanted, prepared(orders, **terms))
    return list(zip(found.row.tolist(), found.side.tolist(), found.quantity.tolist(), strict=True))


def test_a_hedge_waits_for_one_in_another_contract_that_may_still_fill():
    """A share and a call of one underlying; also while its cancel is on its way, and of the part that still works."""
    ready = prepared(WorkingOrders())
    share, call = float(ready.delta_usd[0]), float(ready.delta_usd[1])
    assert 0.0 < call < share * 100
    shares = round(60 * call / share)
    orders = at_work((1, 1, 60))
    assert fit(orders, hedges((0, 1, shares))) == []
    send_cancels(orders, orders.client_id, 2)
    assert fit(orders, hedges((0, 1, shares))) == []
    fill_orders(orders, np.array([1]), np.array([45]))
    left = int(np.floor(shares - 15 * call / share + 1e-6))
    assert fit(orders, hedges((0, 1, shares))) == [(0, 1, left)]
    fill_orders(orders, np.array([1]), np.array([15]))
    assert fit(orders, hedges((0, 1, shares))) == [(0, 1, shares)]


def test_what_moves_delta_the_other_way_or_elsewhere_holds_nothing():
    """A sale, and the share of another underlying; more of the same contract counts what works of it."""
    orders = at_work((1, -1, 60), (5, 1, 500))
    assert fit(orders, hedges((0, 1, 100))) == [(0, 1, 100)]
    assert fit(at_work((0, 1, 30)), hedges((0, 1, 100))) == [(0, 1, 100)]
    assert fit(at_work((0, 1, 130)), hedges((0, 1, 100))) == [(0, 1, 100)]
    put = 2 if float(prepared(WorkingOrders()).delta_usd[2]) < 0.0 else 1
    assert float(prepared(WorkingOrders()).delta_usd[put]) < 0.0
    assert fit(at_work((put, -1, 1_000)), hedges((0, 1, 100))) == []


def test_a_hedge_at_work_that_nobody_can_value_holds_every_other_of_its_underlying():
    """It may move the delta either way."""
    ready = prepared(at_work((1, 1, 1)))
    delta = ready.delta_usd.copy()
    delta[1] = np.nan
    blind = replace(ready, delta_usd=delta)
    for side in (1, -1):
        assert fit_hedges(hedges((0, side, 100)), blind).row.size == 0
        assert fit_hedges(hedges((5, side, 100)), blind).quantity.tolist() == [100]


@pytest.mark.parametrize("seed", range(30))
def test_whatever_fills_moves_the_delta_no_further_than_what_is_wanted(seed):
    """All at work and all new hedges filled, against what is wanted or works already, whichever is more."""
    random = np.random.default_rng(seed)
    lines = [
        (int(row), int(side), int(random.integers(1, 200)))
        for row in random.permutation(5)[:3]
        for side in (1,)
    ]
    orders = at_work(*lines)
    wanted = [(int(row), 1, int(random.integers(1, 200))) for row in np.sort(random.permutation(5)[:2])]
    ready = prepared(orders)
    found = fit(orders, hedges(*wanted))
    works = {row: contracts for row, _, contracts in lines}
    for sign in (1, -1):

        def total(some, sign=sign):
            return sum(max(sign * float(ready.delta_usd[row]), 0.0) * contracts for row, contracts in some)

        asked = total((row, contracts) for row, _, contracts in wanted)
        before = total(works.items())
        new = {row: contracts for row, _, contracts in found}
        after = total((row, max(works.get(row, 0), new.get(row, 0))) for row in {*works, *new})
        assert after <= max(asked, before) * (1.0 + 1e-9)


def test_a_large_hedge_leaves_in_parts_and_the_next_follows_the_last():
    """By contracts and by worth; a part that has begun to fill is left alone, one that has not grows."""
    terms = {"hedge_size_max_contracts": 40}
    assert fit(WorkingOrders(), hedges((0, 1, 100)), **terms) == [(0, 1, 40)]
    worth = float(prepared(WorkingOrders()).prices.linear_usd[0])
    assert fit(WorkingOrders(), hedges((0, 1, 100)), notional_order_max_usd=25.5 * worth) == [(0, 1, 25)]
    assert fit(WorkingOrders(), hedges((0, 1, 100)), notional_order_max_usd=0.5 * worth) == [(0, 1, 100)]
    orders = at_work((0, 1, 40))
    fill_orders(orders, np.array([1]), np.array([30]))
    assert fit(orders, hedges((0, 1, 70)), **terms) == [(0, 1, 10)]
    fill_orders(orders, np.array([1]), np.array([10]))
    assert fit(orders, hedges((0, 1, 60)), **terms) == [(0, 1, 40)]
    assert fit(at_work((0, 1, 21)), hedges((0, 1, 60)), **terms) == [(0, 1, 40)]


def test_a_hedge_that_is_refused_again_and_again_is_told():
    """Three cycles in a row; a repeat of a moment ago counts none, one that passes ends it."""
    batch = columns_of(np.array([0]), np.array([1]), np.array([10_000]), np.array([5]), purpose=Purpose.HEDGE)
    told = []
    for turn, reason in enumerate(
        [
            Reason.NOTIONAL,
            Reason.WORST_CASE,
            Reason.DUPLICATE,
            Reason.WORST_CASE,
            Reason.ACCEPTED,
            Reason.DUPLICATE,
        ]
    ):
        verdicts = SimpleNamespace(
            reason=np.array([int(reason)]), passes=np.array([reason is Reason.ACCEPTED])
        )
        told.append(refused_hedges(told[-1] if told else (), batch, verdicts, SimpleNamespace(now_ns=turn)))
    assert [len(each) for each in told] == [1, 1, 1, 1, 0, 0]
    assert [each[0].cycles for each in told[:4]] == [1, 2, 2, 3]
    assert [each[0].escalated for each in told[:4]] == [False, False, False, True]
    assert (told[3][0].since_ns, told[3][0].reason) == (0, Reason.WORST_CASE)
