"""Sums over fills are exact and reversible."""

from functools import reduce
from math import isnan

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.book.streams import fills

from flatbook.book.position import (
    FLAT,
    INVERSE_UNITS,
    Position,
    after_bust,
    after_correction,
    after_fill,
    terms_of,
)
from flatbook.model.events import Capacity

some_terms = st.builds(terms_of, fills)


def test_a_customer_who_buys_ten_leaves_us_short_ten_and_richer():
    terms = terms_of(_fill(side=-1, quantity=10, price_ticks=25, capacity=Capacity.CUSTOMER, fee=0.1))

    assert Position(
        quantity=-10,
        cash_ticks=250,
        inverse_units=-10 * INVERSE_UNITS // 25,
        sold=10,
        customer_bought=10,
        fee_units=100_000_000,
        fills=1,
    ) == after_fill(FLAT, terms)


def test_a_round_trip_keeps_its_profit_and_its_turnover():
    bought = after_fill(FLAT, terms_of(_fill(side=1, quantity=3, price_ticks=100, capacity=Capacity.FIRM)))
    closed = after_fill(
        bought, terms_of(_fill(side=-1, quantity=3, price_ticks=110, capacity=Capacity.CUSTOMER))
    )

    assert (
        closed.quantity,
        closed.cash_ticks,
        closed.bought,
        closed.sold,
        closed.customer_bought,
        closed.customer_sold,
    ) == (0, 30, 3, 3, 3, 0)


def test_ten_fees_of_a_tenth_are_exactly_one():
    position = reduce(after_fill, [terms_of(_fill(fee=0.1))] * 10, FLAT)

    assert position.fees == 1.0


def test_an_unknown_fee_makes_the_sum_unknown_until_its_fill_is_gone():
    known, unknown = terms_of(_fill(fee=0.5)), terms_of(_fill(fee=float("nan")))
    both = after_fill(after_fill(FLAT, known), unknown)

    assert isnan(both.fees)
    assert after_bust(both, unknown).fees == 0.5


@settings(max_examples=100, deadline=None)
@given(st.lists(some_terms, max_size=6), st.randoms(use_true_random=False))
def test_fills_commute(stream, random):
    shuffled = random.sample(stream, len(stream))

    assert reduce(after_fill, stream, FLAT) == reduce(after_fill, shuffled, FLAT)


@settings(max_examples=100, deadline=None)
@given(st.lists(some_terms, max_size=4), some_terms, some_terms)
def test_taking_a_fill_out_leaves_what_was_there(before, terms, corrected):
    position = reduce(after_fill, before, FLAT)

    assert position == after_bust(after_fill(position, terms), terms)
    assert after_fill(position, corrected) == after_correction(after_fill(position, terms), terms, corrected)


def _fill(side=1, quantity=1, price_ticks=1, capacity=Capacity.UNKNOWN, fee=0.0):
    from flatbook.model.events import Fill
    from flatbook.model.instruments import Side

    return Fill(received_ns=0, fill_id="f", instrument="A", side=Side(side), quantity=quantity, traded_ns=0,
                price_ticks=price_ticks, capacity=capacity, fee=fee)  # fmt: skip
