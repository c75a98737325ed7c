"""Calendars, the weights of the clock and dated events of a desk file."""

import pytest
from tests.desk_file.example import VALID, parsed

from flatbook.adapters.desk_file.read import check_desk_against
from flatbook.model.errors import FaultsError
from flatbook.model.parameters import ClockTerms, EventTerms

_EVENT = """
[[event]]
underlying = "SPX"
name = "FOMC"
time = 2019-06-19T18:00:00Z
"""
_AT_NS = 1_560_967_200 * 10**9


def _found(text):
    with pytest.raises(FaultsError) as raised:
        parsed(text)
    return [(fault.where, fault.found) for fault in raised.value.faults]


def test_weights_events_and_calendars_are_read():
    """An event without a variance of its own is one that the quotes tell."""
    text = VALID.replace("rate = 0.024", 'calendar = "XNYS"') + "\n[clock]\nweekend = 0.2\n" + _EVENT
    given = _EVENT.replace("FOMC", "CPI") + "trading_days = 0.5\n"
    desk = parsed(text + given).desk

    assert desk.terms_of("SPX").calendar == "XNYS"
    assert desk.clock == ClockTerms(weekend=0.2)
    assert desk.events == (
        EventTerms(underlying="SPX", name="FOMC", at_ns=_AT_NS),
        EventTerms(underlying="SPX", name="CPI", at_ns=_AT_NS, trading_days=0.5),
    )


def test_without_a_clock_the_weights_are_those_of_the_model():
    """And no underlying has a calendar, so that nothing uses them."""
    desk = parsed(VALID).desk

    assert (desk.clock, desk.events) == (ClockTerms(), ())
    assert {terms.calendar for terms in desk.underlyings} == {""}


@pytest.mark.parametrize(
    ("more", "where", "found"),
    [
        ("[clock]\novernight = 38\n", "[clock] overnight", "38"),
        ("[clock]\nholiday = -0.1\n", "[clock] holiday", "-0.1"),
        (_EVENT + "trading_days = -1\n", "[[event]] 1 trading_days", "-1"),
        (_EVENT.replace("time = 2019-06-19T18:00:00Z\n", ""), "[[event]] 1 time", "nothing"),
        (_EVENT + _EVENT, "[[event]] 2", f"'SPX FOMC {_AT_NS}' again"),
    ],
)
def test_what_cannot_be_meant_is_told(more, where, found):
    """With its key."""
    ((told, what),) = _found(VALID + more)

    assert told.endswith(where)
    assert what == found


def test_an_event_of_an_underlying_that_the_market_does_not_know_is_told():
    """As any other name."""
    faults = check_desk_against(
        parsed(VALID + _EVENT.replace("SPX", "SPXX")), {"SPX", "BTC"}, {"SPXW", "BTC"}
    )

    assert [fault.where.split(", ")[1] for fault in faults] == ["[[event]] 1 underlying"]


def test_a_percent_of_series_is_no_decimal():
    """0.4 of a limit in percent is a mistake by a factor of a hundred."""
    ((where, found),) = _found(VALID + '[[limit]]\nmeasure = "unusable_quotes_pct"\nhard = 0.4\n')

    assert (where.split(", ")[1], found) == ("[[limit]] 3 hard", "0.4")
