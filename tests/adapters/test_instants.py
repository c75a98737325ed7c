"""Instants: exact, and never without a zone."""

from datetime import date, time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.adapters.files.instants import NEW_YORK, local_instant, local_time, parse_instant, print_instant
from flatbook.model.errors import InvalidValueError

FIRST_NS = parse_instant("1971-01-01T00:00:00Z")
LAST_NS = parse_instant("2261-12-31T23:59:59.999999999Z")


@pytest.mark.parametrize(
    "text",
    [
        "2019-05-03T16:00:00-04:00",
        "2019-05-03 16:00:00-0400",
        "2019-05-03T20:00Z",
        "2019-05-03T20:00:00.000000000Z",
        " 2019-05-03T22:00:00+02:00 ",
    ],
)
def test_one_instant_has_many_spellings(text: str) -> None:
    assert parse_instant(text) == 1_556_913_600_000_000_000


@given(st.integers(FIRST_NS, LAST_NS))
@settings(max_examples=60)
def test_what_is_printed_parses_back_to_the_nanosecond(instant_ns: int) -> None:
    assert instant_ns == parse_instant(print_instant(instant_ns))


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(
        InvalidValueError, match="a time without a zone; expected an ISO 8601 time with its zone"
    ):
        parse_instant("2019-05-03T16:00:00")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2019-02-30T10:00Z",
        "2019-05-03T25:00Z",
        "2019-05-03T10:00+25:00",
        "9999-01-01T00:00Z",
        "2019-05-03",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError, match="time: found"):
        parse_instant(text)


@given(st.text(max_size=40))
@settings(max_examples=100)
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        instant_ns = parse_instant(text)
    except InvalidValueError:
        return
    assert FIRST_NS <= instant_ns <= LAST_NS


def test_new_york_changes_its_clocks() -> None:
    winter = local_instant(date(2020, 1, 6), time(9, 30), NEW_YORK)
    summer = local_instant(date(2020, 7, 6), time(9, 30), NEW_YORK)

    assert (print_instant(winter), print_instant(summer)) == ("2020-01-06T14:30:00Z", "2020-07-06T13:30:00Z")
    assert time(9, 30) == local_time(winter, NEW_YORK).time() == local_time(summer, NEW_YORK).time()
