"""Ticks, line numbers and nearest names, each on its own."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatbook.adapters.desk_file.findings import nearest, shown
from flatbook.adapters.desk_file.hedge_build import tick_terms
from flatbook.adapters.desk_file.key import Range
from flatbook.adapters.desk_file.lines import line_at, lines_of
from flatbook.model.errors import InvalidValueError


@pytest.mark.parametrize(
    ("tick", "terms"),
    [(0.25, (100, 25)), (0.01, (100, 1)), (0.5, (10, 5)), (5.0, (1, 5)), (1.0, (1, 1)), (1e-9, (10**9, 1)), (2.5, (10, 25))],
)  # fmt: skip
def test_ticks_count_in_the_smallest_power_of_ten(tick, terms):
    assert tick_terms(tick) == terms


@given(st.integers(1, 10**6), st.integers(0, 9))
def test_a_step_over_its_ticks_per_unit_is_the_tick(step, places):
    tick = step / 10**places
    per_unit, found = tick_terms(tick)

    assert found / per_unit == tick
    assert per_unit == 1 or found % 10 != 0


def test_a_third_is_no_tick():
    with pytest.raises(InvalidValueError, match="more than 9 decimals"):
        tick_terms(1 / 3)


TEXT = '''# a comment
top = 1
[desk]
name = """
[[hedge]]
tick = 1
"""
[[hedge]] # first
"tick" = 1
[[hedge]]
 tick=2
a.b = 3
[other.'table']
'''


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("top",), 2),
        (("desk", "name"), 4),
        (("hedge", 0), 8),
        (("hedge", 0, "tick"), 9),
        (("hedge", 1, "tick"), 11),
        (("hedge", 1, "a", "b"), 12),
        (("other", "table"), 13),
        (("hedge", 1, "lot"), 10),
        (("hedge", 7, "lot"), 8),
        (("nowhere",), 0),
    ],
)
def test_keys_are_found_on_their_lines(place, line):
    assert line_at(lines_of(TEXT), place) == line


@pytest.mark.parametrize(
    ("word", "names", "near"),
    [
        ("vega_usd", ("delta_usd", "vega_usd_per_point"), "vega_usd_per_point"),
        ("Vega_USD_per_point", ("delta_usd", "vega_usd_per_point"), "vega_usd_per_point"),
        ("limits", ("limit", "hedge"), "limit"),
        ("weather", ("limit", "hedge"), ""),
        ("any", (), ""),
    ],
)
def test_the_nearest_name_starts_with_the_same_word(word, names, near):
    assert nearest(word, names) == near


def test_a_long_value_is_shown_in_short():
    assert len(shown("x" * 500)) == 60
    assert (shown(Decimal("0.10")), shown(False), shown({})) == ("0.10", "false", "a table")


@pytest.mark.parametrize(
    ("within", "text", "inside", "outside"),
    [
        (Range(low=0.0), "from 0 up", (0.0, 1e300), (-1e-9,)),
        (Range(low=0.0, low_open=True), "above 0", (1e-300,), (0.0,)),
        (Range(low=0.0, high=1.0, low_open=True, high_open=True), "above 0, below 1", (0.5,), (0.0, 1.0)),
        (Range(low=0.0, high=1.0, low_open=True), "above 0, at most 1", (1.0,), (0.0, 1.1)),
        (Range(low=-20.0, high=1e6), "from -20 to 1,000,000", (-20.0, 1e6), (-20.1, 1e6 + 1)),
    ],
)
def test_a_range_holds_its_numbers_and_neither_nan_nor_infinity(within, text, inside, outside):
    assert str(within) == text
    assert all(within.holds(number) for number in inside)
    assert not any(within.holds(number) for number in (*outside, float("nan"), float("inf"), float("-inf")))
