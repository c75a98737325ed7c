"""Real snapshots: the figures that were checked by hand when the data came in."""

from collections import Counter
from pathlib import Path

import pytest

from flatbook.adapters.files.instants import parse_instant, print_instant
from flatbook.adapters.files.market import MarketFile, read_market
from flatbook.model.events import ForwardQuoted, UnderlyingQuoted
from flatbook.model.instruments import Kind
from flatbook.model.table import InstrumentTable

pytestmark = pytest.mark.market_data


def _read(folder: Path, name: str, at: str = "", **asked: object) -> MarketFile:
    return read_market(folder / name, at_ns=parse_instant(at) if at else None, **asked)


def _prices(market: MarketFile) -> dict[str, float]:
    return {event.underlying: event.price for event in market.events if isinstance(event, UnderlyingQuoted)}


def _two_sided(market: MarketFile) -> int:
    quotes = market.events[-1]
    return sum(None not in pair for pair in zip(quotes.bid_ticks, quotes.ask_ticks, strict=True))


def _notes(market: MarketFile) -> dict[str, int]:
    return {note.kind: note.count for note in market.notes}


@pytest.mark.parametrize(
    ("day", "level", "listed", "left_out", "no_bid"),
    [("2019-05-03", 2946.52, 13376, {"expired": 430}, 795), ("2019-05-09", 2870.72, 13678, {}, 763)],
)
def test_spx_chains_are_read_whole(
    market_data: Path, day: str, level: float, listed: int, left_out: dict[str, int], no_bid: int
) -> None:
    market = _read(market_data, "spx-cboe-eod-2019", f"{day}T16:00:00-04:00")

    assert ({"SPX": level}, listed) == (_prices(market), len(market.events[0].instruments))
    assert left_out | {"one_sided": no_bid} == _notes(market)


def test_spx_am_and_pm_of_one_date_are_two_slices(market_data: Path) -> None:
    market = _read(market_data, "spx-cboe-eod-2019/SPX_20190503.csv")
    table = InstrumentTable(version=1, instruments=market.events[0].instruments)
    third_friday = [
        (key.option_class, print_instant(key.expiry_ns))
        for key in table.slices
        if "2019-05-17" in print_instant(key.expiry_ns)
    ]

    assert third_friday == [("SPX", "2019-05-17T13:30:00Z"), ("SPXW", "2019-05-17T20:00:00Z")]
    assert Counter({"SPXW": 29, "SPX": 12}) == Counter(key.option_class for key in table.slices)


def test_the_copy_of_memorial_day_is_stale(market_data: Path) -> None:
    assert _notes(_read(market_data, "spx-cboe-eod-2019/SPX_20190527.csv"))["stale"] == 1


def test_goog_at_eleven(market_data: Path) -> None:
    market = _read(market_data, "lean-goog-20151224-minute", "2015-12-24T11:00:00-05:00")

    assert _prices(market) == {"GOOG": 749.22}
    assert (len(market.events[0].instruments), _two_sided(market)) == (2192, 971)
    assert _notes(market)["stale"] == 73


def test_es_options_and_futures_at_noon(market_data: Path) -> None:
    market = _read(market_data, "lean-es-futureoption-20200106", "2020-01-06T12:00:00Z")
    kinds = Counter(item.kind for item in market.events[0].instruments)
    quotes = market.events[-1]
    front = quotes.symbols.index("ESH20")

    assert Counter({Kind.OPTION: 211, Kind.FUTURE: 5}) == kinds
    assert (quotes.bid_ticks[front], quotes.ask_ticks[front]) == (321_700, 321_725)
    assert _prices(market) == {"ES": 3217.125}
    assert [
        (event.symbol, print_instant(event.expiry_ns))
        for event in market.events
        if isinstance(event, ForwardQuoted)
    ] == [("ESH20", "2020-03-20T13:30:00Z"), ("ESM20", "2020-06-19T13:30:00Z")]


@pytest.mark.parametrize(
    ("day", "price", "listed"), [("2014-06-06", 647.425, 2352), ("2014-06-09", 92.64, 2180)]
)
def test_aapl_across_its_split(market_data: Path, day: str, price: float, listed: int) -> None:
    market = _read(market_data, "lean-aapl-split-201406", f"{day}T11:00:00-04:00")
    strikes = [item.strike for item in market.events[0].instruments]

    assert ({"AAPL": price}, listed) == (_prices(market), len(strikes))
    assert min(strikes) < price < max(strikes) < 2.5 * price
    assert not any(_is_saturday(item.expiry_ns) for item in market.events[0].instruments)


def _is_saturday(instant_ns: int) -> bool:
    return (instant_ns // (86_400 * 10**9) + 3) % 7 == 5  # 1970-01-01 was a Thursday


def test_deribit_in_the_crash(market_data: Path) -> None:
    name = "deribit-chain-crash-202602/deribit_options_snapshot_20260205T212937Z.csv"
    market = _read(market_data, name)
    classes = Counter(item.option_class for item in market.events[0].instruments)

    assert ("2026-02-05T21:29:37.885165Z", Counter({"ETH": 938, "BTC": 902})) == (
        print_instant(market.at_ns),
        classes,
    )
    assert _prices(market) == {"BTC": 63858.23, "ETH": 1873.93}
    assert sum(isinstance(event, ForwardQuoted) for event in market.events) == 24
    assert (_two_sided(market), _notes(market)["mark_outside"]) == (1169, 157)
