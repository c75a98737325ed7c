"""Messages: never more than allowed in any span of time, cancels last to be without."""

import numpy as np
import pytest

from flatbook.model.errors import InvalidValueError
from flatbook.model.order_terms import OrderTerms
from flatbook.orders.rate import Buckets, cost_ns, full_buckets, refilled, take_messages


def test_no_span_of_time_sees_more_messages_than_allowed():
    """A thousand seeded streams of orders and cancels, each span between two instants counted again."""
    for seed in range(1000):
        random = np.random.default_rng(seed)
        burst = int(random.integers(2, 30))
        terms = OrderTerms(
            messages_per_s=int(random.integers(1, 3000)),
            message_burst=burst,
            cancel_reserve=int(random.integers(0, burst)),
        )
        buckets, now_ns, sent = full_buckets(1, terms, 0), 0, []
        for _ in range(20):
            now_ns += int(random.integers(0, 5 * cost_ns(terms)))
            buckets = refilled(buckets, terms, now_ns)
            cancels = bool(random.random() < 0.4)
            leaves, buckets = take_messages(
                buckets, terms, np.zeros(int(random.integers(0, 12)), dtype=np.int64), cancels=cancels
            )
            sent.append((now_ns, int(leaves.sum())))
            assert leaves.tolist() == sorted(leaves.tolist(), reverse=True), "the first leave first"
        times, counts = np.array(sent).T
        total = np.concatenate([[0], np.cumsum(counts)])
        for start in range(len(times)):
            span = times[start:] - times[start]
            assert (
                total[start + 1 :] - total[start] <= burst + span * terms.messages_per_s / 1e9 + 1e-9
            ).all(), f"seed {seed}"


def test_orders_leave_the_reserve_to_cancels():
    """Ten messages, four of them for cancels."""
    terms = OrderTerms(messages_per_s=10, message_burst=10, cancel_reserve=4)
    leaves, left = take_messages(full_buckets(1, terms, 0), terms, np.zeros(9, dtype=np.int64), cancels=False)
    assert leaves.sum() == 6
    assert take_messages(left, terms, np.zeros(1, dtype=np.int64), cancels=False)[0].sum() == 0
    assert take_messages(left, terms, np.zeros(9, dtype=np.int64), cancels=True)[0].sum() == 4


def test_a_bucket_fills_to_the_nanosecond_and_no_further():
    """100 ms a message; time that runs backwards gives nothing."""
    terms = OrderTerms(messages_per_s=10, message_burst=3, cancel_reserve=0)
    empty = Buckets(credit_ns=np.array([0]), at_ns=1_000)
    one = np.zeros(1, dtype=np.int64)
    assert not take_messages(refilled(empty, terms, 1_000 + 99_999_999), terms, one, cancels=True)[0].any()
    assert take_messages(refilled(empty, terms, 1_000 + 100_000_000), terms, one, cancels=True)[0].all()
    assert refilled(empty, terms, 0).credit_ns.tolist() == [0]
    assert refilled(empty, terms, 0).at_ns == 1_000
    assert refilled(empty, terms, 10**15).credit_ns.tolist() == [300_000_000]


def test_each_venue_has_its_own_bucket():
    """One is empty."""
    terms = OrderTerms(messages_per_s=10, message_burst=2, cancel_reserve=0)
    buckets = Buckets(credit_ns=np.array([0, 200_000_000]), at_ns=0)
    leaves, left = take_messages(buckets, terms, np.array([0, 1, 0, 1, 1]), cancels=False)
    assert leaves.tolist() == [False, True, False, True, False]
    assert left.credit_ns.tolist() == [0, 0]


def test_a_cost_is_rounded_up():
    """Three messages a second are no more than three."""
    assert cost_ns(OrderTerms(messages_per_s=3)) == 333_333_334


@pytest.mark.parametrize(
    "wrong",
    [
        {"collar_theo_pct": float("nan")}, {"collar_half_spreads": -1.0}, {"vol_distance_points": 0.0},
        {"size_max_contracts": 0}, {"notional_order_max_usd": float("inf")}, {"messages_per_s": 0},
        {"messages_per_s": 2_000_000_000}, {"cancel_reserve": 2_000}, {"cancel_reserve": -1}, {"requote_ticks": 0},
        {"requote_edge_usd": -1.0}, {"refill_share": 1.1}, {"kill_share": 0.99}, {"kill_share": float("nan")},
        {"collar_nbbo_ticks": -1}, {"duplicate_window_ms": -1}, {"requote_centre_half_spreads": float("nan")},
    ],
    ids=lambda wrong: next(iter(wrong)),
)  # fmt: skip
def test_terms_that_cannot_be_meant_are_refused(wrong):
    """Each names itself."""
    with pytest.raises(InvalidValueError, match=next(iter(wrong))):
        OrderTerms(**wrong)
