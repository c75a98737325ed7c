"""Proposals as the orders room reads them."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from flatbook.orders.wanted import wanted_hedges, wanted_quotes
from tests.orders.desks import desks

THE = desks(1, bid_ask=0.03)


def _hedge(row, quantity):
    return SimpleNamespace(legs=(SimpleNamespace(row=row, quantity=quantity),))


def test_quotes_are_told_in_ticks_and_money():
    """The centre is fair value leaned by inventory; 100 ticks a unit, 100 units a contract: a tick is worth 1 USD."""
    n, none = THE.rows, np.zeros(THE.rows, dtype=np.int64)
    quotes = SimpleNamespace(
        bid=none + 290, ask=none + 310, bid_size=none + 4, ask_size=none + 5, lean=np.full(n, -0.02), half_spread=np.full(n, 0.05)
    )  # fmt: skip
    wanted = wanted_quotes(quotes, THE.values, THE.market)

    np.testing.assert_allclose(wanted.theo_ticks, THE.values.price * 100.0)
    np.testing.assert_allclose(wanted.centre_ticks, THE.values.price * 100.0 - 2.0)
    np.testing.assert_allclose(wanted.half_spread_ticks, 5.0)
    np.testing.assert_allclose(wanted.usd_per_tick, [0.01, 1.0, 1.0, 1.0, 1.0])
    assert not (wanted.bid_unsafe | wanted.ask_unsafe).any()
    assert not (wanted.bid_duty | wanted.ask_duty).any()
    told = wanted_quotes(
        quotes, THE.values, THE.market, duty=(none + 1, none), unsafe=(none > 0, none == 0), venue=none + 1
    )
    assert (told.bid_duty.sum(), told.ask_duty.sum(), told.venue.sum()) == (n, 0, n)
    assert (told.bid_unsafe.any(), told.ask_unsafe.all()) == (False, True)


def test_hedges_are_priced_at_the_other_side_of_the_market():
    """Of one contract they add up; without an offer the value rounded up; without any price none is sent."""
    hedges = (_hedge(0, 30), _hedge(0, -50), _hedge(1, 2), SimpleNamespace(legs=()))
    wanted = wanted_hedges(hedges, THE.values, THE.market)
    theo = float(THE.values.price[1])

    assert wanted.row.tolist() == [0, 1]
    assert wanted.side.tolist() == [-1, 1]
    assert wanted.quantity.tolist() == [20, 2]
    assert wanted.price_ticks.tolist() == [9997, int(np.ceil((theo + 0.03) * 100.0 - 1e-9))]
    alone = replace(THE.market, bid=np.full(5, np.nan), ask=np.full(5, np.nan))
    assert wanted_hedges(hedges, THE.values, alone).price_ticks.tolist() == [
        10_000,
        int(np.ceil(theo * 100.0 - 1e-9)),
    ]
    crossed = replace(THE.market, bid=np.full(5, 300.0), ask=np.full(5, 200.0))
    assert np.array_equal(
        wanted_hedges(hedges, THE.values, crossed).price_ticks,
        wanted_hedges(hedges, THE.values, alone).price_ticks,
    ), "a crossed market tells no price"
    blank = replace(THE.values, price=np.full(5, np.nan))
    assert wanted_hedges(hedges, blank, alone).row.size == 0
    assert wanted_hedges((), THE.values, THE.market).row.size == 0
