"""Real SPX chains of May 2019 as views, read once; the test that asks is skipped where they are absent."""

import os
from functools import cache
from pathlib import Path

import pytest

from flatbook.adapters.files.market import read_market
from flatbook.market.build import view
from flatbook.market.state import MarketState, grow, see_quotes, see_underlying
from flatbook.market.view import MarketView
from flatbook.model.events import InstrumentsListed, QuotesSeen, UnderlyingQuoted
from flatbook.model.table import EMPTY_TABLE
from tests.worlds import desk

DATA = Path(os.environ.get("FLATBOOK_DATA", Path(__file__).parents[3] / "shared" / "data"))


@cache
def spx_view(day: str) -> MarketView:
    """The market at the close of one day of the month, such as "03"."""
    path = DATA / "spx-cboe-eod-2019" / f"SPX_201905{day}.csv"
    if not path.exists():
        pytest.skip(f"no real market data: {path.name} is not in the data folder (set FLATBOOK_DATA)")
    market, state, table = read_market(path), MarketState(), EMPTY_TABLE
    for fact in market.events:
        match fact:
            case InstrumentsListed():
                table = table.listed(fact.instruments)
                grow(state, len(table.instruments))
            case QuotesSeen():
                see_quotes(state, table, fact)
            case UnderlyingQuoted():
                see_underlying(state, fact)
    return view(state, table, market.at_ns, desk())
