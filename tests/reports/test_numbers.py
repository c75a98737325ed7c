"""Numbers as a trader reads them."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flatbook.reports import numbers


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (12_412.0, "+12.4k"),
        (-1_234_567.0, "-1.23M"),
        (999.96, "+1k"),
        (9_999_999_999.0, "+10bn"),
        (0.0, "0"),
        (-0.0, "0"),
        (0.5, "+0.5"),
        (-5.1e-5, "-0.000051"),
        (1e-12, "0"),
        (None, "–"),
    ],
)
def test_three_digits_and_a_sign(value, told):
    """What is missing is a dash, never 0."""
    assert told == numbers.brief(value)


@given(st.floats(-1e12, 1e12))
def test_a_brief_number_reads_back_within_half_a_percent(value):
    """Three significant digits."""
    assume(abs(value) > 1e-3)
    text = numbers.brief(value)
    scale = {"k": 1e3, "M": 1e6, "n": 1e9}.get(text[-1], 1.0)

    assert pytest.approx(value, rel=5.1e-3) == float(text.rstrip("kMbn")) * scale


def test_words_for_moves_shares_counts_and_days():
    """One way to say each."""
    assert ("+5 %", "-10 %", "0 %", "+7.5 %") == (
        numbers.move(0.05),
        numbers.move(-0.1),
        numbers.move(0.0),
        numbers.move(0.075, 1),
    )
    assert ("86 %", "–") == (numbers.percent(0.861), numbers.percent(None))
    assert ("1 limit", "2 limits") == (numbers.tally(1, "limit"), numbers.tally(2, "limit"))
    assert ("2019-05-17", "–") == (numbers.day("2019-05-17T20:00:00Z"), numbers.day(""))
    assert ("+1,200", "-3", "0") == (
        numbers.contracts(1200),
        numbers.contracts(-3),
        numbers.contracts(0),
    )
    assert ("+12,400", "2,951.25", "0") == (
        numbers.full(12_400.0),
        numbers.plain(2951.25, 2),
        numbers.full(0.2),
    )
