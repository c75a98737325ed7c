"""The size of a hedge from which on a person is asked: left out nobody is, and a file says only what can be meant."""

import pytest

from flatbook.adapters.desk_file.hedge_build import hedging
from flatbook.adapters.desk_file.hedge_keys import HEDGING


@pytest.mark.parametrize(
    ("said", "above"), [({}, None), ({"approve_above_usd": 2.5e6}, 2.5e6), ({"approve_above_usd": 0.0}, 0.0)]
)
def test_what_a_file_says_is_what_the_desk_asks_above(said, above):
    values = {key.name: key.default for key in HEDGING.keys} | said
    assert hedging(values).approve_above_usd == above


def test_a_size_below_zero_is_out_of_range():
    key = next(key for key in HEDGING.keys if key.name == "approve_above_usd")
    assert not key.required
    assert [key.range.holds(value) for value in (-1.0, 0.0, 1e9)] == [False, True, True]
