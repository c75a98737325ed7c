"""Fills and orders of the last second and minute, against counts taken over the whole list of facts."""

import math
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.limits.activity import (
    MINUTE_NS,
    SECOND_NS,
    Traffic,
    activity_at,
    count_fill,
    count_orders,
    forget_old,
    sent,
)
from flatbook.limits.measured import DESK
from flatbook.model.events import Fill, OrdersWorking
from flatbook.model.instruments import Side

NOW = 1_700_000_000 * SECOND_NS
NAMES = ("XYZ", "ABC", "QUIET")


def _fill(number, at_ns, *, received_ns=None):
    return Fill(
        received_ns=at_ns if received_ns is None else received_ns,
        fill_id=f"F{number}",
        instrument="any",
        side=Side.BUY,
        quantity=7,
        price_ticks=1,
        traded_ns=at_ns,
    )


def _orders(*lines, at_ns=NOW):
    """Lines of series, quantity and price; a minus sells."""
    return OrdersWorking(
        received_ns=at_ns,
        symbols=tuple(symbol for symbol, _, _ in lines),
        sides=tuple(Side.BUY if quantity > 0 else Side.SELL for _, quantity, _ in lines),
        quantities=tuple(abs(quantity) for _, quantity, _ in lines),
        price_ticks=tuple(price for _, _, price in lines),
    )


@pytest.mark.parametrize(
    ("age_ns", "second", "minute"),
    [
        (0, 1, 1),
        (SECOND_NS - 1, 1, 1),
        (SECOND_NS, 0, 1),
        (MINUTE_NS - 1, 0, 1),
        (MINUTE_NS, 0, 0),
        (-1, 1, 1),  # told of before the cycle, by a clock that ran ahead
    ],
)
def test_a_window_holds_what_is_younger_than_its_length(age_ns, second, minute):
    traffic = Traffic()
    count_fill(traffic, "XYZ", _fill(1, NOW - age_ns))
    found = activity_at(traffic, NAMES, NOW)

    for name in (DESK, "XYZ"):
        assert (found[name].fills_per_s, found[name].fills_per_min) == (second, minute)
    assert (found["ABC"].fills_per_s, found["ABC"].fills_per_min) == (0, 0)


def test_fills_of_old_are_no_burst_and_a_venue_whose_clock_is_ahead_counts_when_it_reached_us():
    """A book of old fills comes at one instant; a trade cannot be later than its report."""
    traffic = Traffic()
    count_fill(traffic, "XYZ", _fill(1, NOW - 3600 * SECOND_NS, received_ns=NOW))
    count_fill(traffic, "XYZ", _fill(2, NOW + 3600 * SECOND_NS, received_ns=NOW))

    assert activity_at(traffic, NAMES, NOW)[DESK].fills_per_min == 1
    assert activity_at(traffic, NAMES, NOW + MINUTE_NS)[DESK].fills_per_min == 0


def test_orders_that_nobody_told_of_are_not_measured_and_none_at_work_are_none():
    traffic = Traffic()
    count_fill(traffic, "XYZ", _fill(1, NOW))
    silent = activity_at(traffic, NAMES, NOW)
    count_orders(traffic, (), None, _orders())
    told = activity_at(traffic, NAMES, NOW)

    for name in (DESK, *NAMES):
        assert math.isnan(silent[name].orders_per_s)
        assert math.isnan(silent[name].orders_per_min)
        assert (told[name].orders_per_s, told[name].orders_per_min) == (0, 0)
    assert silent[DESK].fills_per_s == 1


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (None, [("A", 5, 10), ("B", -5, None)], [0, 1]),  # nobody told when: all count
        ([("A", 5, 10)], [("A", 5, 10)], []),
        ([("A", 5, 10)], [], []),  # filled or cancelled
        ([("A", 5, 10)], [("A", 3, 10)], []),  # filled in part
        ([("A", 5, 10)], [("A", 6, 10)], [0]),
        ([("A", 5, 10)], [("A", 5, 11)], [0]),
        ([("A", 5, 10)], [("A", 5, None)], [0]),
        ([("A", 5, 10)], [("A", -5, 10)], [0]),
        ([("A", 5, 10)], [("B", 5, 10)], [0]),
        ([("A", 5, 10)], [("A", 5, 10), ("A", 5, 10)], [1]),
        ([("A", 2, 10), ("A", 9, 10)], [("A", 8, 10), ("A", 1, 10)], []),
        ([("A", 2, 10), ("A", 9, 10)], [("A", 3, 10), ("A", 8, 10)], [0]),
    ],
)
def test_what_was_sent_between_two_tellings(before, now, expected):
    assert sent(None if before is None else _orders(*before), _orders(*now)) == expected


_quantities = st.lists(st.integers(1, 4), max_size=3)


@given(_quantities, _quantities)
def test_as_few_orders_as_possible_were_sent(before, now):
    """Against every way to match lines of one series, side and price."""
    matches = permutations(before + [0] * len(now), len(now))
    fewest = min(sum(more > known for more, known in zip(now, one, strict=True)) for one in matches)
    found = sent(_orders(*(("A", each, 1) for each in before)), _orders(*(("A", each, 1) for each in now)))

    assert len(found) == fewest


_told = st.lists(
    st.tuples(st.sampled_from(NAMES[:2]), st.integers(0, 130), st.sampled_from(["fill", "orders"])),
    max_size=25,
)


@settings(deadline=None)
@given(_told, st.lists(st.integers(0, 130), max_size=4))
def test_counts_are_those_over_the_whole_list_whatever_is_forgotten_on_the_way(told, cycles):
    """Half seconds; a cycle forgets what no later one can need."""
    half = SECOND_NS // 2
    traffic, before, lines, whole = Traffic(), None, [], []
    timed = sorted([(at, 0, (name, kind)) for name, at, kind in told] + [(at, 1, None) for at in cycles])
    for number, (at, _, fact) in enumerate(timed):
        at_ns = NOW + at * half
        if fact is None:
            found = activity_at(traffic, NAMES, at_ns)
            forget_old(traffic, at_ns)
            for name in (DESK, *NAMES):
                for kind, known in (("fills", True), ("orders", before is not None)):
                    for length, suffix in ((2, "s"), (120, "min")):
                        value = getattr(found[name], f"{kind}_per_{suffix}")
                        count = sum(
                            what == kind and who in (name, name or who) and at - length < when <= at
                            for who, when, what in whole
                        )
                        assert value == count if known else math.isnan(value)
            continue
        name, kind = fact
        if kind == "fill":
            count_fill(traffic, name, _fill(number, at_ns))
            whole.append((name, at, "fills"))
        else:
            lines.append((name, 1, number))
            now = _orders(*lines, at_ns=at_ns)
            count_orders(traffic, tuple(line[0] for line in lines), before, now)
            before = now
            whole.append((name, at, "orders"))


@given(st.randoms(use_true_random=False))
def test_the_order_of_facts_within_an_instant_counts_for_nothing(random):
    """Fills, and what is at work now, at one instant; fills of another time come when they come."""
    ages = [0, 0, 0, SECOND_NS // 2, 2 * SECOND_NS, MINUTE_NS + 1]
    told = [_fill(number, NOW - age, received_ns=NOW) for number, age in enumerate(ages)]
    told.append(_orders(("A", 1, 1), ("B", 2, 2)))

    def counted(facts):
        traffic = Traffic()
        for fact in facts:
            if isinstance(fact, Fill):
                count_fill(traffic, NAMES[int(fact.fill_id[1:]) % 2], fact)
            else:
                count_orders(traffic, ("XYZ", "ABC"), None, fact)
        return activity_at(traffic, NAMES, NOW), traffic

    assert counted(random.sample(told, len(told))) == counted(told)
