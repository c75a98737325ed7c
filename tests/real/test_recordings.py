"""Real recordings replayed: LEAN's GOOG and ES, Deribit's socket, OPRA's samples; held against their files."""

import json
import zipfile
from collections import Counter
from datetime import UTC, date, datetime

import pytest

from flatbook.adapters.recording import Conflated
from flatbook.adapters.recordings import open_recording
from flatbook.model.events import ForwardQuoted, QuotesSeen, UnderlyingQuoted
from flatbook.model.venue_events import FeedSuspect
from tests.real.test_real_chains import DATA

pytestmark = pytest.mark.market_data
_MS = 1_000_000


def _path(folder):
    path = DATA / folder
    if not path.exists():
        pytest.skip(f"no real market data: {folder} is not in the data folder (set FLATBOOK_DATA)")
    return path


def _counted(recording):
    return Counter(type(fact) for moment in recording.moments() for fact in moment.facts)


def _last(recording, until_ns=2**63):
    """Bid and ask of each series as they stand in the end."""
    out = {}
    for moment in recording.moments():
        for fact in moment.facts:
            if isinstance(fact, QuotesSeen) and moment.at_ns <= until_ns:
                out |= {
                    s: (b, a) for s, b, a in zip(fact.symbols, fact.bid_ticks, fact.ask_ticks, strict=True)
                }
    return out


def test_goog_minute_by_minute():
    """Every bar of the session, and of those before it the last of each contract; 971 two-sided at 11:00."""
    path = _path("lean-goog-20151224-minute")
    recording = open_recording(path, day=date(2015, 12, 24))
    opens_ms, closes_ms, bars = 34_200_000, 46_800_000, 0
    for name in ("20151224_quote_american.zip", "equity_20151224_quote.zip"):
        with zipfile.ZipFile(path / name) as archive:
            for entry in archive.namelist():
                ends = [int(line.split(b",")[0]) + 60_000 for line in archive.read(entry).split()]
                bars += sum(opens_ms < end <= closes_ms for end in ends) + any(
                    end <= opens_ms for end in ends
                )

    told = sum(
        len(fact.symbols)
        for moment in recording.moments()
        for fact in moment.facts
        if isinstance(fact, QuotesSeen)
    )
    assert (len(recording.table.instruments), told) == (2193, bars)
    assert _counted(recording)[UnderlyingQuoted] == 210
    eleven = _last(recording, int(datetime(2015, 12, 24, 16, 1, tzinfo=UTC).timestamp()) * 10**9)
    two_sided = sum(1 for symbol, (bid, ask) in eleven.items() if symbol != "GOOG" and bid and ask)
    assert two_sided == 971
    bid, ask = eleven["GOOG"]
    assert (bid + ask) / 200 == pytest.approx(749.22, abs=0.02)


def test_es_options_carry_the_future_that_they_settle_into():
    """3217.00/3217.25 at 12:00 UTC lies before New York's open; in the session the front future is the price of the underlying."""
    recording = open_recording(_path("lean-es-futureoption-20200106"), day=date(2020, 1, 6))

    counted = _counted(recording)
    assert (counted[UnderlyingQuoted], counted[ForwardQuoted]) == (391, 782)
    forwards = [f for moment in recording.moments() for f in moment.facts if isinstance(f, ForwardQuoted)]
    assert {fact.symbol for fact in forwards} == {"ESH20", "ESM20"}
    assert all(3190 < fact.price < 3260 for fact in forwards)


def test_deribits_books_end_where_its_tickers_do():
    """36 changes without a gap: the best of each book is the last ticker's."""
    path = _path("deribit-ws-recording-20210722")
    recording = open_recording(path)
    tickers = {}
    for line in (path / "DERIBIT.ws.1.0").read_text().splitlines():
        message = json.loads("{" + line.partition(": {")[2]) if ": {" in line and line[0].isdigit() else {}
        if message.get("params", {}).get("channel", "").startswith("ticker"):
            data = message["params"]["data"]
            tickers[data["instrument_name"]] = tuple(
                round(data[name] * 10_000) or None for name in ("best_bid_price", "best_ask_price")
            )

    assert len(recording.table.instruments) == 10
    assert recording.table.underlyings == ("BTC", "ETH")
    assert _counted(recording)[FeedSuspect] == 0
    assert _counted(recording)[QuotesSeen] == 10 + 10 + 36
    assert _last(recording) == tickers
    assert (recording.ends_ns - recording.begins_ns) / 1e9 == pytest.approx(30.4, abs=0.1)
    prices = {
        f.underlying: f.price for m in recording.moments() for f in m.facts if isinstance(f, UnderlyingQuoted)
    }
    assert prices["BTC"] == pytest.approx(32_205, abs=10)
    clocks = [
        f.source_ns - f.received_ns for m in recording.moments() for f in m.facts if isinstance(f, QuotesSeen)
    ]
    assert max(clocks) <= 0
    assert min(clocks) > -4_000 * _MS


def test_opras_samples_are_the_quotes_of_one_call():
    """One-second quotes of AAPL's 250 calls on their last day but one; those of single exchanges do not count."""
    pytest.importorskip("databento_dbn", reason="the optional library databento-dbn is not installed")
    path = _path("opra-dbn-samples")
    seconds = open_recording(path / "test_data.cbbo-1s.dbn.zst")

    (item,) = seconds.table.instruments
    assert (item.symbol, item.strike, item.multiplier) == ("AAPL250221C00250000", 250.0, 100.0)
    facts = [fact for moment in seconds.moments() for fact in moment.facts]
    assert [(f.bid_ticks[0], f.ask_ticks[0], f.bid_sizes[0], f.ask_sizes[0]) for f in facts] == [
        (None, None, None, None), (10, 25, 1, 4), (18, 21, 5, 51), (22, 24, 9, 13),
    ]  # fmt: skip
    assert facts[1].received_ns == int(datetime(2025, 2, 20, 14, 30, 1, tzinfo=UTC).timestamp()) * 10**9
    regional = open_recording(path / "test_data.mbp-1.dbn.zst")
    assert [(note.kind, note.count) for note in regional.notes] == [("regional", 3), ("no_price", 1)]
    together = open_recording(path)
    instants = [moment.at_ns for moment in together.moments()]
    assert instants == sorted(set(instants))
    assert len(instants) == 9


def test_a_day_told_as_one_moment_stands_as_it_did():
    recording = open_recording(_path("lean-es-futureoption-20200106"), day=date(2020, 1, 6))
    whole = Conflated()
    for moment in recording.moments():
        whole.add(moment.facts)
    told = whole.told(recording.ends_ns)

    last = {
        symbol: (bid, ask)
        for fact in told
        if isinstance(fact, QuotesSeen)
        for symbol, bid, ask in zip(fact.symbols, fact.bid_ticks, fact.ask_ticks, strict=True)
    }
    assert last == _last(recording)
