"""The snapshot is aligned with the table, in currency, and nobody can change it."""

from dataclasses import fields
from math import isnan

import numpy as np
import pytest

from flatbook.book.state import Book, book_fill, bust_fill
from flatbook.book.view import view
from flatbook.model.events import Capacity, Fill, FillBusted
from flatbook.model.instruments import Instrument, Kind, Payoff, Right, Side, TickBand
from flatbook.model.table import EMPTY_TABLE

OPTION = Instrument(
    symbol="SPXW C3000", underlying="SPX", option_class="SPXW", kind=Kind.OPTION, multiplier=100.0, currency="USD",
    ticks_per_unit=100, tick_table=(TickBand(0, 5),), expiry_ns=1, strike=3000.0, right=Right.CALL,
)  # fmt: skip
COIN = Instrument(
    symbol="BTC-PERPETUAL", underlying="BTC", kind=Kind.FUTURE, multiplier=10.0, currency="BTC",
    ticks_per_unit=10, tick_table=(TickBand(0, 5),), payoff=Payoff.INVERSE,
)  # fmt: skip
SHARE = Instrument(
    symbol="SPY", underlying="SPX", kind=Kind.SHARE, multiplier=1.0, currency="USD",
    ticks_per_unit=100, tick_table=(TickBand(0, 1),),
)  # fmt: skip
TABLE = EMPTY_TABLE.listed((SHARE, OPTION, COIN))


def fill(name, symbol, side, quantity, price_ticks, **more):
    return Fill(received_ns=0, fill_id=name, instrument=symbol, side=side, quantity=quantity, traded_ns=0,
                price_ticks=price_ticks, **more)  # fmt: skip


def viewed(*fills):
    book = Book()
    for each in fills:
        book_fill(book, TABLE.row_of(each.instrument), each)
    return view(book, TABLE)


def test_premium_counts_in_currency_on_the_row_of_its_contract():
    sold = fill("1", OPTION.symbol, Side.SELL, 3, 1250, fee=1.95)

    seen = viewed(sold)

    assert seen.quantity.tolist() == [0, -3, 0]
    assert seen.cash.tolist() == [0.0, 3 * 12.5 * 100, 0.0]
    assert seen.fees.tolist() == [0.0, 1.95, 0.0]


def test_cash_of_a_coin_future_counts_its_profit_in_coin():
    """1,000 contracts of 10 USD bought at 50,000 and sold at 60,000: 10,000 USD x (1/50,000 - 1/60,000)."""
    seen = viewed(
        fill("1", COIN.symbol, Side.BUY, 1000, 500_000), fill("2", COIN.symbol, Side.SELL, 1000, 600_000)
    )

    assert pytest.approx(seen.cash[2], rel=1e-12) == 10_000 * (1 / 50_000 - 1 / 60_000)
    assert seen.quantity[2] == 0


def test_cash_of_a_coin_future_bought_at_no_price_is_unknown():
    assert isnan(viewed(fill("1", COIN.symbol, Side.BUY, 1, 0)).cash[2])


def test_without_any_capacity_every_fill_counts_as_a_customers():
    seen = viewed(fill("1", OPTION.symbol, Side.SELL, 3, 1), fill("2", OPTION.symbol, Side.BUY, 2, 1))

    assert (seen.capacity_known, seen.customer_bought[1], seen.customer_sold[1]) == (False, 3, 2)


def test_with_capacities_only_customers_count():
    seen = viewed(
        fill("1", OPTION.symbol, Side.SELL, 3, 1, capacity=Capacity.CUSTOMER),
        fill("2", OPTION.symbol, Side.SELL, 5, 1, capacity=Capacity.MARKET_MAKER),
        fill("3", OPTION.symbol, Side.BUY, 2, 1),
    )

    assert (seen.capacity_known, seen.customer_bought[1], seen.customer_sold[1]) == (True, 3, 0)
    assert (seen.sold[1], seen.bought[1]) == (8, 2)


def test_a_new_listing_leaves_every_row_where_it_was():
    book = Book()
    book_fill(book, TABLE.row_of("SPY"), fill("1", "SPY", Side.BUY, 7, 30_000))

    later = view(book, TABLE.listed((OPTION, _renamed("NEW"))))

    assert later.quantity.tolist() == [7, 0, 0, 0]


def test_holdings_tell_accounts_and_strategies_and_add_up_to_the_position():
    seen = viewed(
        fill("1", OPTION.symbol, Side.SELL, 3, 1, account="M2", strategy="flow"),
        fill("2", OPTION.symbol, Side.BUY, 5, 1, account="M1"),
        fill("3", "SPY", Side.BUY, 2, 1, account="M1"),
        fill("4", "SPY", Side.SELL, 2, 1, account="M1"),
    )
    held = seen.holdings

    assert (held.accounts, held.strategies) == (("M1", "M2"), ("", "flow"))
    assert held.row.tolist() == [1, 1]
    assert held.account.tolist() == [0, 1]
    assert held.strategy.tolist() == [0, 1]
    assert held.quantity.tolist() == [5, -3]
    assert seen.quantity.tolist() == [0, 2, 0]


def test_no_array_can_be_written():
    seen = viewed(fill("1", "SPY", Side.BUY, 7, 30_000))
    arrays = [
        getattr(seen, item.name) for item in fields(seen) if isinstance(getattr(seen, item.name), np.ndarray)
    ]

    assert [array.flags.writeable for array in arrays] == [False] * 8


def test_what_waits_and_what_conflicts_is_told():
    book = Book()
    bust_fill(book, FillBusted(received_ns=0, bust_id="b", fill_id="nobody"))
    for price in (1, 2):
        book_fill(book, 0, fill("1", "SPY", Side.BUY, 7, price))

    seen = view(book, TABLE)

    assert (seen.pending, seen.fills, seen.conflicts[0].refused.price_ticks) == (("b",), 1, 2)


def test_an_empty_book_is_zero_everywhere():
    seen = view(Book(), TABLE)

    assert [
        column.tolist() for column in (seen.quantity, seen.cash, seen.fees, seen.customer_bought, seen.bought)
    ] == [[0, 0, 0]] * 5


def _renamed(symbol):
    return Instrument(symbol=symbol, underlying="SPX", kind=Kind.SHARE, multiplier=1.0, currency="USD",
                      ticks_per_unit=100, tick_table=(TickBand(0, 1),))  # fmt: skip
