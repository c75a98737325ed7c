"""The gate holds back by itself what a halt, a gap, a venue or a settlement stops, whatever the rooms before it wanted."""

from dataclasses import replace

import numpy as np
import pytest

from flatbook.orders.columns import Purpose, Reason, columns_of, joined
from flatbook.orders.gate import gate
from flatbook.orders.kill import Kills
from flatbook.orders.rate import full_buckets
from flatbook.orders.state import WorkingOrders
from flatbook.quoting.conditions import Withheld
from tests.orders.desks import TERMS, desks, stand

THE = desks(2)
HELD = np.zeros(THE.rows, dtype=np.int64)
HELD[0] = 100  # shares


def verdict(withheld, side=-1, quantity=10, waiting=()):
    """Of a hedge in the share and of a quote in the other desk's, which is not held back."""
    ready, _, _ = stand(THE, HELD, (), WorkingOrders(), Kills())
    codes = np.zeros(THE.rows, dtype=np.int64)
    codes[:5] = int(withheld)
    ready = replace(ready, withheld=codes, waiting=np.array(waiting, dtype=np.int64))
    at = np.array([0]), np.array([side]), np.array([10_000]), np.array([quantity])
    batch = joined(
        columns_of(*at, purpose=Purpose.HEDGE), joined(columns_of(*at), columns_of(np.array([5]), *at[1:]))
    )
    found = gate(batch, ready, full_buckets(2, TERMS, ready.now_ns))
    return [Reason(each).name for each in found.reason.tolist()]


@pytest.mark.parametrize(
    ("withheld", "side", "quantity", "hedge", "quote"),
    [
        (Withheld.NOTHING, 1, 10, "ACCEPTED", "DUPLICATE"), (Withheld.SUSPECT, -1, 10, "ACCEPTED", "SUSPECT"),
        (Withheld.SUSPECT, -1, 100, "ACCEPTED", "SUSPECT"), (Withheld.SUSPECT, -1, 101, "SUSPECT", "SUSPECT"),
        (Withheld.SUSPECT, 1, 10, "SUSPECT", "SUSPECT"), (Withheld.HALTED, -1, 10, "HALTED", "HALTED"),
        (Withheld.UNRECONCILED, -1, 10, "UNRECONCILED", "UNRECONCILED"), (Withheld.SETTLED, -1, 10, "SETTLED", "SETTLED"),
    ],
)  # fmt: skip
def test_what_is_held_back_does_not_pass_and_nothing_else_is(withheld, side, quantity, hedge, quote):
    """In a gap of the feed a hedge passes that brings the delta down and not past zero."""
    assert verdict(withheld, side, quantity) == [hedge, quote, "ACCEPTED"]


def test_a_hedge_that_waits_does_not_pass_and_the_other_side_and_quotes_do():
    assert verdict(Withheld.NOTHING, -1, waiting=[1])[0] == "BACKOFF"
    assert verdict(Withheld.NOTHING, -1, waiting=[0])[0] == "ACCEPTED"
    assert verdict(Withheld.HALTED, -1, waiting=[1])[0] == "HALTED"
