"""Rounding to whole ticks: outward, on the step of the band."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flatbook.model.instruments import Instrument, Kind, Right, TickBand
from flatbook.model.table import InstrumentTable
from flatbook.quoting.ticks import NO_PRICE, ask_ticks, bid_ticks, step_ticks

_BANDS = (TickBand(0, 5), TickBand(300, 10))


def _table(n):
    item = {
        "underlying": "X",
        "option_class": "X",
        "kind": Kind.OPTION,
        "multiplier": 100.0,
        "currency": "USD",
        "ticks_per_unit": 100,
        "tick_table": _BANDS,
        "expiry_ns": 1,
        "strike": 1.0,
        "right": Right.CALL,
    }
    return InstrumentTable(version=1, instruments=tuple(Instrument(symbol=f"X{i}", **item) for i in range(n)))


def test_a_bid_goes_down_and_an_offer_up():
    """0.05 below 3.00, 0.10 from 3.00."""
    prices = np.array([1.23, 3.07, 2.999, 1.25])

    assert bid_ticks(prices, _table(4)).tolist() == [120, 300, 295, 125]
    assert ask_ticks(prices, _table(4)).tolist() == [125, 310, 300, 125]


def test_less_than_a_tick_cannot_be_bid_and_is_offered_at_a_tick():
    """A worthless option is offered, not bid."""
    assert bid_ticks(np.array([0.04, 0.0, -1.0]), _table(3)).tolist() == [NO_PRICE] * 3
    assert ask_ticks(np.array([0.04, 0.0, -1.0]), _table(3)).tolist() == [5, 5, 5]


def test_an_unknown_price_has_no_quote():
    """NaN in, no quote out."""
    assert bid_ticks(np.array([np.nan]), _table(1)).tolist() == [NO_PRICE]
    assert ask_ticks(np.array([np.nan]), _table(1)).tolist() == [NO_PRICE]


@given(st.lists(st.floats(0.0, 5000.0), min_size=1, max_size=20))
def test_rounding_never_goes_toward_fair_value_and_stays_on_the_grid(prices):
    """bid <= price <= offer, within one step, on a multiple of the step."""
    table, price = _table(len(prices)), np.array(prices)
    bid, ask = bid_ticks(price, table), ask_ticks(price, table)
    quoted = bid != NO_PRICE

    assert np.all(bid[quoted] / 100.0 <= price[quoted] + 1e-9)
    assert np.all(ask / 100.0 >= price - 1e-9)
    assert np.all(bid[quoted] % step_ticks(bid, table)[quoted] == 0)
    assert np.all(ask % step_ticks(ask - 1, table) == 0)
    assert np.all(price - np.where(quoted, bid / 100.0, 0.0) < 0.1 + 1e-9)
    assert np.all(ask / 100.0 - price < 0.1 + 1e-9)
