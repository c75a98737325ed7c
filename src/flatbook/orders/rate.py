"""Messages to each venue: a bucket of time that fills as time goes by, of which each message takes its share.

Whole nanoseconds, so that the same facts give the same answers. In any span of t nanoseconds at most burst + t / cost
messages leave. Orders leave the reserve alone, which is for cancels.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.model.order_terms import OrderTerms
from flatbook.model.table import Bools, Ints

_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Buckets:
    """One bucket a venue."""

    credit_ns: Ints  # [n_venues]
    at_ns: int


def full_buckets(n_venues: int, terms: OrderTerms, now_ns: int) -> Buckets:
    """After a long pause."""
    return Buckets(credit_ns=np.full(n_venues, terms.message_burst * cost_ns(terms)), at_ns=now_ns)


def cost_ns(terms: OrderTerms) -> int:
    """What a message takes; rounded up, so that never more leave than allowed."""
    return -(-_SECOND_NS // terms.messages_per_s)


def refilled(buckets: Buckets, terms: OrderTerms, now_ns: int) -> Buckets:
    """The buckets at a later instant; time that runs backwards fills nothing."""
    passed = max(now_ns - buckets.at_ns, 0)
    most = terms.message_burst * cost_ns(terms)
    return Buckets(
        credit_ns=np.minimum(buckets.credit_ns + min(passed, most), most), at_ns=max(now_ns, buckets.at_ns)
    )


def take_messages(
    buckets: Buckets, terms: OrderTerms, venue: Ints, *, cancels: bool
) -> tuple[Bools, Buckets]:
    """Let as many messages leave as there is credit for, in their sequence.

    Parameters
    ----------
    buckets : Buckets
        Refilled.
    terms : OrderTerms
    venue : int64[k]
    cancels : bool
        They may use the reserve.

    Returns
    -------
    leaves : bool[k]
    Buckets
    """
    cost = cost_ns(terms)
    left = np.maximum(buckets.credit_ns // cost - (0 if cancels else terms.cancel_reserve), 0)
    leaves = np.zeros(venue.size, dtype=np.bool_)
    for number in range(left.size):
        at = np.flatnonzero(venue == number)[: left[number]]
        leaves[at] = True
    spent = np.bincount(venue[leaves], minlength=left.size)[: left.size]
    return leaves, Buckets(credit_ns=buckets.credit_ns - spent * cost, at_ns=buckets.at_ns)
