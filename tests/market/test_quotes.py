"""Which quotes are used, and why the others are not."""

import numpy as np
import pytest

from flatbook.market.quotes import STATUS_TEXT, QuoteStatus, outside_bounds, sort_quotes

_NAN = float("nan")


@pytest.mark.parametrize(
    ("bid", "ask", "age_s", "years", "status"),
    [
        (1.0, 1.1, 0.0, 0.1, QuoteStatus.USABLE),
        (1.0, 1.0, 0.0, 0.1, QuoteStatus.USABLE),  # locked is a price
        (1.0, 1.1, 0.0, 0.0, QuoteStatus.EXPIRED),
        (_NAN, _NAN, 0.0, 0.1, QuoteStatus.NO_QUOTE),
        (_NAN, 1.1, 0.0, 0.1, QuoteStatus.NO_BID),
        (1.0, _NAN, 0.0, 0.1, QuoteStatus.NO_ASK),
        (1.2, 1.1, 0.0, 0.1, QuoteStatus.CROSSED),
        (1.0, 1.1, 901.0, 0.1, QuoteStatus.STALE),
        (1.0, 1.1, _NAN, 0.1, QuoteStatus.STALE),  # an unknown age is an old one
        (1.0, 1.1, 0.0, _NAN, QuoteStatus.EXPIRED),
    ],
)
def test_each_quote_is_usable_or_has_its_reason(bid, ask, age_s, years, status):
    """The first reason that applies."""
    found = sort_quotes(
        np.array([bid]), np.array([ask]), np.array([age_s]), np.array([years]), 900.0,
        copied=np.zeros(1, dtype=np.bool_), wide=np.zeros(1, dtype=np.bool_),
    )  # fmt: skip

    assert [status] == found.tolist()


def test_every_status_has_words():
    """What a trader reads."""
    assert set(QuoteStatus) == set(STATUS_TEXT)


def test_quotes_that_no_model_reaches_are_out_of_bounds():
    """An offer below intrinsic value, a bid above the underlying, an American offer below exercise."""
    bid, ask = np.array([9.0, 101.0, 18.0, 11.0]), np.array([9.5, 102.0, 19.5, 12.0])
    forward, strike = np.full(4, 100.0), np.array([90.0, 90.0, 80.0, 90.0])
    floor = np.array([0.0, 0.0, 20.0, 0.0])

    assert outside_bounds(bid, ask, forward, strike, np.ones(4), np.ones(4), floor).tolist() == [
        True,
        True,
        True,
        False,
    ]
