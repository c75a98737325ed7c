"""Facts whose columns do not belong together are none: a cycle that found them could not decide."""

import pytest

from flatbook.model.errors import InvalidValueError
from flatbook.model.events import DividendsSeen, RatesSeen


def test_rates_need_an_instant_each():
    assert RatesSeen(received_ns=1, currency="USD", maturity_ns=(5,), rate=(0.01,)).rate == (0.01,)
    with pytest.raises(InvalidValueError, match="2 instants need as many rates, found 1"):
        RatesSeen(received_ns=1, currency="USD", maturity_ns=(5, 6), rate=(0.01,))


def test_dividends_need_an_instant_each():
    assert DividendsSeen(received_ns=1, underlying="SPX", ex_ns=(5,), amount=(0.5,)).amount == (0.5,)
    with pytest.raises(InvalidValueError, match="1 instants need as many amounts, found 0"):
        DividendsSeen(received_ns=1, underlying="SPX", ex_ns=(5,), amount=())
