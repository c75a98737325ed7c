"""Two recorded days played again: GOOG on 2015-12-24 and options on the ES future on 2020-01-06, held against their files."""

import zipfile
from datetime import UTC, date, datetime
from functools import cache

import numpy as np
import pytest

from flatbook.adapters.files.lean_day import read_lean_day
from flatbook.model.errors import FaultsError
from flatbook.quoting.ticks import NO_PRICE
from flatbook.sim.recorded.market import recorded_market
from flatbook.sim.recorded.orders import coverage, recorded_orders
from tests.real.test_real_chains import DATA

pytestmark = pytest.mark.market_data
_GOOG = ("lean-goog-20151224-minute", date(2015, 12, 24), 0.004)
_ES = ("lean-es-futureoption-20200106", date(2020, 1, 6), 0.0155)


def _path(folder):
    path = DATA / folder
    if not path.exists():
        pytest.skip(f"no real market data: {folder} is not in the data folder (set FLATBOOK_DATA)")
    return path


@cache
def _day(folder, day):
    return read_lean_day(_path(folder), day=day)


def _market(case, series=60):
    folder, day, rate = case
    return recorded_market(_day(folder, day), series=series, rate=rate)


def _ns(*when):
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 10**9


def test_goog_is_covered():
    """A half day of 210 minutes. Of the trades of the 60 busiest series with two sides 77 % are on a side of the middle, 1.6 % on none that can be told."""
    seen = coverage(_market(_GOOG))

    assert (seen.series, seen.of_series, seen.moments) == (60, 2192, 210)
    assert (seen.trades, seen.of_trades, seen.contracts, seen.crossed_bars) == (668, 958, 5482, 2)
    assert seen.two_sided_share == pytest.approx(0.847, abs=0.001)
    assert seen.by_quotes_share == pytest.approx(0.768, abs=0.001)
    assert seen.unknown_share == pytest.approx(0.016, abs=0.001)


def test_es_is_covered():
    """The hours of New York: 390 minutes, nearly always two-sided; each trade has a side."""
    seen = coverage(_market(_ES))

    assert (seen.series, seen.of_series, seen.moments) == (60, 211, 390)
    assert (seen.trades, seen.of_trades, seen.contracts, seen.crossed_bars) == (183, 184, 2531, 0)
    assert seen.two_sided_share > 0.999
    assert seen.by_quotes_share == pytest.approx(0.760, abs=0.001)
    assert seen.unknown_share == 0.0


def test_a_minute_of_goog_is_what_its_file_says():
    """GOOG160115C00750000 line by line: what is shown at the end of a minute is the close of the last bar before."""
    market = _market(_GOOG)
    row = market.table.row_of("GOOG160115C00750000")
    with zipfile.ZipFile(_path(_GOOG[0]) / "20151224_quote_american.zip") as archive:
        (name,) = (each for each in archive.namelist() if "_call_7500000_20160115" in each)
        lines = [line.split(",") for line in archive.read(name).decode().splitlines()]
    for k in range(210):
        ends_ms = (9 * 60 + 31 + k) * 60_000
        last = [each for each in lines if int(each[0]) + 60_000 <= ends_ms][-1]
        moment = market.moment(k)

        assert moment.at_ns == _ns(2015, 12, 24, 14, 31) + k * 60 * 10**9
        for shown, size, price, contracts in (
            (moment.bid_ticks[row], moment.bid_size[row], last[4], last[5]),
            (moment.ask_ticks[row], moment.ask_size[row], last[9], last[10]),
        ):
            assert (shown, size) == ((int(price) // 100, int(contracts)) if price else (NO_PRICE, 0))


def test_prices_and_vegas_are_those_of_the_checked_figures():
    """GOOG at 749.22 as of 11:00 (bars stamped 11:00 end at 11:01); an at-the-money option of 22 days has a vega of S sqrt(T) / sqrt(2 pi)."""
    market = _market(_GOOG)
    moment = market.moment(90)
    row = market.table.row_of("GOOG160115C00750000")
    years = (market.table.expiry_ns[row] - moment.at_ns) / (365 * 86_400e9)

    assert moment.at_ns == _ns(2015, 12, 24, 16, 1)
    assert moment.spot[0] == pytest.approx(749.22)
    assert moment.vega[row] == pytest.approx(749.22 * np.sqrt(years / (2.0 * np.pi)) / 100.0, rel=0.01)


@pytest.mark.parametrize("case", [_GOOG, _ES], ids=["GOOG", "ES"])
def test_every_moment_is_one_an_exchange_can_show(case):
    """Prices with sizes, never crossed; worth is the middle, from the first one on; a vega wherever both sides are and a day is left."""
    market = _market(case)
    options, vegas, fairs = market.table.is_option, 0, 0
    ever, per_unit = np.zeros(options.size, dtype=bool), market.table.ticks_per_unit
    for k in range(market.at_ns.size):
        moment = market.moment(k)
        bids, asks = moment.bid_ticks != NO_PRICE, moment.ask_ticks != NO_PRICE
        both = bids & asks

        assert (moment.bid_ticks[both] < moment.ask_ticks[both]).all()
        assert ((moment.bid_size > 0) == bids).all()
        assert ((moment.ask_size > 0) == asks).all()
        alive = ~((market.table.expiry_ns > 0) & (market.table.expiry_ns <= moment.at_ns))
        ever |= both
        middle = (moment.bid_ticks + moment.ask_ticks) / 2.0 / per_unit
        assert moment.fair[both] == pytest.approx(middle[both], rel=1e-12)
        assert (np.isfinite(moment.fair[alive]) == ever[alive]).all()
        assert (moment.vega >= 0.0).all()
        assert np.isfinite(moment.spot).all()
        later = options & both & (market.table.expiry_ns > moment.at_ns + 86_400 * 10**9)
        vegas += int((moment.vega[later] > 0.0).sum())
        fairs += int(later.sum())

    assert vegas == fairs > 1000


@pytest.mark.parametrize("case", [_GOOG, _ES], ids=["GOOG", "ES"])
def test_orders_come_in_time_with_what_the_file_traded(case):
    """At least 85 % of the contracts of all series that somebody quoted on both sides have a side."""
    market = _market(case, series=10_000)
    orders, day = recorded_orders(market), market.day
    seen = (day.trade_ns >= market.at_ns[0]) & (day.trade_ns < market.at_ns[-1])
    traded = int(day.trade_quantity[seen & np.isin(day.trade_row, market.rows)].sum())

    assert [each.at_ns for each in orders] == sorted(each.at_ns for each in orders)
    assert [each.order_id for each in orders] == list(range(1, len(orders) + 1))
    assert market.at_ns[0] < orders[0].at_ns <= orders[-1].at_ns < market.at_ns[-1]
    assert 0.85 * traded < sum(each.quantity for each in orders) <= traded
    assert len({each.legs[0].side for each in orders}) == 2


def test_most_trades_are_at_the_quotes_of_the_minute_before():
    """A recording in which side and quotes were mixed up would trade outside them: here at most a fifth does, as the market moved."""
    market = _market(_ES)
    inside = 0
    orders = recorded_orders(market)
    for order in orders:
        moment = market.moment(int(np.searchsorted(market.at_ns, order.at_ns, side="right")) - 1)
        row = order.legs[0].row
        inside += bool(moment.bid_ticks[row] <= order.limit_ticks[0] <= moment.ask_ticks[row])

    assert inside / len(orders) > 0.8


def test_a_day_without_session_or_quotes_is_refused():
    path = _path(_GOOG[0])

    with pytest.raises(FaultsError, match="no session"):
        read_lean_day(path, day=date(2015, 12, 25))
    with pytest.raises(FaultsError, match="2015-12-23"):
        read_lean_day(path, day=date(2015, 12, 22))
