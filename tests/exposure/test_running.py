"""Running exposure: to the bit what a whole aggregation says, after every fill; nothing is left of a closed book."""

from dataclasses import fields

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.exposure.aggregate import aggregate
from flatbook.exposure.running import running
from flatbook.model.instruments import Right
from flatbook.valuation.values import value
from tests.worlds import desk, option, share, view_by_hand


def _market():
    items, vols = [share("XYZ"), share("ABC", underlying="ABC")], [np.nan, np.nan]
    for name in ("XYZ", "ABC"):
        for days in (0.5, 9.0, 40.0, 400.0):
            for strike in (90.0, 100.0, 110.0):
                for right in (Right.CALL, Right.PUT):
                    symbol = f"{name} {days} {right.name} {strike}"
                    items.append(
                        option(
                            symbol, strike, days, right, underlying=name, option_class=f"{name}{days > 20}"
                        )
                    )
                    vols.append(0.2 + 0.001 * len(vols))
    vols[7] = vols[20] = np.nan  # two series without a value
    return view_by_hand(items, vols=vols, spot=100.0)


MARKET = _market()
VALUES = value(MARKET)
N = len(MARKET.table.instruments)
NOTHING = aggregate(np.zeros(N, dtype=np.int64), VALUES, MARKET, desk())
fills = st.lists(st.tuples(st.integers(0, N - 1), st.integers(-50, 50)), max_size=40)


def _same(one, other):
    for item in fields(one):
        mine, theirs = getattr(one, item.name), getattr(other, item.name)
        if isinstance(mine, np.ndarray):
            np.testing.assert_array_equal(mine, theirs, err_msg=item.name, strict=True)
        else:
            np.testing.assert_equal(mine, theirs, err_msg=item.name)


@settings(max_examples=60, deadline=None)
@given(fills)
def test_after_every_fill_it_is_to_the_bit_what_the_whole_book_says(trades):
    quantity = np.zeros(N, dtype=np.int64)
    live = running(aggregate(quantity, VALUES, MARKET, desk()), VALUES, MARKET, desk())
    for row, contracts in trades:
        quantity[row] += contracts
        live.hold(row, int(quantity[row]))
        _same(live.snapshot(), aggregate(quantity, VALUES, MARKET, desk()))


@settings(max_examples=60, deadline=None)
@given(fills, st.randoms(use_true_random=False))
def test_closing_the_book_leaves_exactly_nothing(trades, random):
    live = running(NOTHING, VALUES, MARKET, desk())
    back = [(row, 0) for row, _ in trades]
    random.shuffle(back)
    for row, quantity in trades + back:
        live.hold(row, quantity)
    left = live.snapshot()

    for name in ("by_row", "by_bucket", "by_underlying", "by_class", "by_slice", "bound", "beta_delta_usd"):
        assert not getattr(left, name).any(), name
    assert not left.unvalued


def test_a_snapshot_does_not_follow():
    live = running(NOTHING, VALUES, MARKET, desk())
    before = live.snapshot()
    live.hold(2, 10)

    assert not before.by_row.any()
    assert live.snapshot().by_row[2].any()


def test_a_contract_listed_since_waits_for_the_next_cycle():
    live = running(NOTHING, VALUES, MARKET, desk())
    live.hold(N, 5)

    _same(live.snapshot(), NOTHING)
