"""Nine real days in a row: holiday copies are told, wide quotes are few, and the rest stays usable."""

import numpy as np
import pytest

from flatbook.adapters.files.market import read_market
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.market.build import view
from flatbook.market.quotes import QuoteStatus
from flatbook.market.state import remember_quotes
from flatbook.model.events import InstrumentsListed, QuotesSeen
from tests.real.test_real_chains import DATA
from tests.worlds import desk

pytestmark = pytest.mark.market_data
_FOLDER = "spx-cboe-eod-2019"


def _days(*names):
    """The view of each day, one after the other."""
    state = State()
    for name in names:
        path = DATA / _FOLDER / f"SPX_2019{name}.csv"
        if not path.exists():
            pytest.skip(f"no real market data: {_FOLDER} is not in the data folder (set FLATBOOK_DATA)")
        market = read_market(path)
        for event in market.events:
            step(state, event)
        seen = view(state.market, state.table, market.at_ns, desk())
        remember_quotes(state.market, state.table, seen.status, market.at_ns)
        yield seen


def _share(seen, status):
    """Share of the live series that have this status."""
    live = seen.table.is_option & (seen.years > 0.0)
    return float((seen.status[live] == status).mean())


def test_the_file_of_memorial_day_is_a_stale_copy():
    """2019-05-27 alone: the exchange was shut; nothing of it is used, and each expiry says so."""
    (seen,) = _days("0527")

    assert _share(seen, QuoteStatus.STALE_COPY) > 0.9
    assert _share(seen, QuoteStatus.USABLE) == 0.0
    assert all("not used" in warning for warning in seen.slice_warning)
    assert all(seen.slice_reason)


def test_days_in_a_row_stay_usable():
    """The usual spread of the days before calls at most 3 % wide, also on 2019-05-07, when spreads were a third wider."""
    days = list(_days("0503", "0506", "0507"))
    wide = [_share(seen, QuoteStatus.WIDE) for seen in days]
    shares = np.array([seen.health.usable_share for seen in days])

    assert wide[0] == 0.0
    assert 0.0 < max(wide) < 0.03
    assert shares.min() > 0.9
    assert days[2].health.spread_ratio == pytest.approx([1.35, 1.4], abs=0.1)


def test_a_copy_of_friday_under_another_price_is_told_without_a_calendar():
    """The quotes of one day sent again a day later, with the index half a percent off."""
    state, views = State(), []
    path = DATA / _FOLDER / "SPX_20190503.csv"
    if not path.exists():
        pytest.skip(f"no real market data: {_FOLDER} is not in the data folder (set FLATBOOK_DATA)")
    market = read_market(path)
    listed, level, _, quotes = market.events
    day = 86_400 * 10**9
    for later, moved in ((0, 1.0), (day, 1.005)):
        at = market.at_ns + later
        for event in (
            InstrumentsListed(received_ns=at, instruments=listed.instruments),
            type(level)(received_ns=at, underlying="SPX", price=level.price * moved),
            QuotesSeen(
                received_ns=at,
                symbols=quotes.symbols,
                bid_ticks=quotes.bid_ticks,
                ask_ticks=quotes.ask_ticks,
            ),
        ):
            step(state, event)
        views.append(view(state.market, state.table, at, desk()))
        remember_quotes(state.market, state.table, views[-1].status, at)

    assert [_share(seen, QuoteStatus.STALE_COPY) > 0.9 for seen in views] == [False, True]
