"""Stretches against a set."""

from hypothesis import given
from hypothesis import strategies as some

from flatbook.sim.exchange.used_ids import UsedIds


@given(some.lists(some.integers(0, 40)))
def test_it_holds_what_a_set_holds(numbers):
    """After every number, for every number around; and no more stretches than there are runs of neighbours."""
    used, known = UsedIds(), set()
    for number in numbers:
        used.add(number)
        known.add(number)
        assert [each in used for each in range(-1, 43)] == [each in known for each in range(-1, 43)]
        assert used.stretches == sum(each - 1 not in known for each in known)


def test_a_day_of_ascending_ids_is_one_stretch():
    """And a hole is one more, until it is filled."""
    used = UsedIds()
    for number in [*range(1, 5_000), *range(5_001, 10_000)]:
        used.add(number)
    assert used.stretches == 2
    used.add(5_000)
    assert used.stretches == 1
