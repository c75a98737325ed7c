"""The Class page: columns in the order of the listing, equal to the core's, and quotes whose parts add up."""

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.views.anatomy import anatomy
from flatbook.dashboard.views.chain import Chain, chain
from flatbook.dashboard.views.klass import class_columns, class_frame, klass, listing
from flatbook.quoting.ticks import NO_PRICE


def columns_of(picture):
    """By name."""
    return {each.name: each.values for each in class_columns(picture.cycle, "IDX")}


def test_columns_are_those_of_the_core_row_by_row(picture):
    """Looked up by symbol, one series after the other."""
    cycle, listed, columns = picture.cycle, listing(picture.cycle, "IDX"), columns_of(picture)

    assert len(listed.symbols) == int(cycle.table.is_option.sum())
    for at, symbol in enumerate(listed.symbols):
        row = cycle.table.row_of(symbol)
        item = cycle.table.instruments[row]
        assert (listed.strikes[at], listed.rights[at]) == (item.strike, int(item.right))
        assert columns["position"][at] == cycle.book.quantity[row]
        np.testing.assert_equal(columns["theo"][at], cycle.values.price[row])
        bid = cycle.quotes.bid[row]
        np.testing.assert_equal(
            columns["bid"][at], math.nan if bid == NO_PRICE else bid / item.ticks_per_unit
        )
        np.testing.assert_equal(columns["market_ask"][at], cycle.market.ask[row])
        assert columns["reason"][at] == cycle.quotes.reason[row]


def test_the_listing_goes_by_expiry_strike_and_call_before_put(picture):
    """So that a strike's call and put are neighbours."""
    listed = listing(picture.cycle, "IDX")
    places = [each.first for each in listed.expiries]
    expiry_of = np.searchsorted(places, np.arange(len(listed.symbols)), side="right")
    keys = list(zip(expiry_of, listed.strikes, [-right for right in listed.rights], strict=True))

    assert keys == sorted(keys)
    assert sum(each.series for each in listed.expiries) == len(listed.symbols)
    assert [int(each.expiry_ns) for each in listed.expiries] == sorted(
        int(each.expiry_ns) for each in listed.expiries
    )


def test_a_series_without_a_quote_is_nan_in_columns_and_null_in_rows(picture):
    """Not 0, not -1."""
    row = picture.cycle.table.row_of(listing(picture.cycle, "IDX").symbols[3])
    quotes = picture.cycle.quotes
    bid = quotes.bid.copy()
    bid[row] = NO_PRICE
    gone = replace(picture, cycle=replace(picture.cycle, quotes=replace(quotes, bid=bid)))

    assert math.isnan(columns_of(gone)["bid"][3])
    told = msgspec.json.decode(msgspec.json.encode(chain(gone, "IDX")))
    assert told["series"][3]["bid"] is None
    assert Chain.model_validate(told).series[3].bid is None


def test_the_chain_of_one_expiry_is_a_part_of_all(picture):
    """The same rows."""
    whole = chain(picture, "IDX")["series"]
    parts = [chain(picture, "IDX", n)["series"] for n in range(len(listing(picture.cycle, "IDX").expiries))]

    assert repr([row for part in parts for row in part]) == repr(whole)


def test_the_parts_of_a_quote_add_up_to_what_is_wanted(pictures):
    """Fair value, part by part, to the price; and what is shown is no better than wanted where nothing else holds it."""
    seen = 0
    for picture in (pictures[0], pictures[-1]):
        for symbol in listing(picture.cycle, "IDX").symbols:
            told = anatomy(picture.cycle, symbol)
            if told.theo is None or told.wanted_bid is None or told.wanted_ask is None:
                continue
            bid = sum(each.bid for each in told.parts)
            ask = sum(each.ask for each in told.parts)
            assert told.wanted_bid == pytest.approx(told.theo - bid, abs=1e-9)
            assert told.wanted_ask == pytest.approx(told.theo + ask, abs=1e-9)
            assert told.bid is None or told.bid <= told.wanted_bid + 1e-6
            assert told.ask is None or told.ask >= told.wanted_ask - 1e-6
            seen += 1
    assert seen > 100


def test_what_is_not_listed_is_refused(picture):
    """By name."""
    for ask in (
        lambda: klass(picture, "NONE"),
        lambda: listing(picture.cycle, "NONE"),
        lambda: chain(picture, "IDX", 99),
        lambda: anatomy(picture.cycle, "NONE"),
        lambda: anatomy(picture.cycle, "IDXFUT"),
    ):
        with pytest.raises(UnknownTopicError):
            ask()


def test_the_page_counts_what_is_quoted_and_sums_what_is_held(picture):
    """Against the core."""
    page, cycle = klass(picture, "IDX"), picture.cycle
    options = cycle.table.is_option

    assert page.live == int((cycle.market.years[options] > 0.0).sum())
    assert page.quoted == int(
        ((cycle.quotes.bid != NO_PRICE) & (cycle.quotes.ask != NO_PRICE))[options].sum()
    )
    assert page.net == int(cycle.book.quantity[options].sum()) == sum(each.net for each in page.slices)
    assert sum(count for _, count in page.reasons) == int(options.sum())
    assert class_frame(picture, "IDX").topic == "class:IDX"
