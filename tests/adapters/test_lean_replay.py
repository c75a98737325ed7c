"""A day of LEAN's bars as a recording: what was quoted before the open stands at the open, each bar is known at its end."""

import zipfile
from datetime import UTC, date, datetime

import numpy as np
import pytest
from tests.adapters.recordings import ITEMS, START, S

from flatbook.adapters.lean_replay.parse import recording_of
from flatbook.adapters.recordings import open_recording
from flatbook.model.errors import FaultsError
from flatbook.model.events import ForwardQuoted, InstrumentsListed, QuotesSeen, SessionsSeen, UnderlyingQuoted
from flatbook.model.instruments import Instrument, Kind, TickBand
from flatbook.model.recorded_day import RecordedDay

FUTURE = Instrument(
    symbol="XYZH1", underlying="XYZ", kind=Kind.FUTURE, multiplier=50.0, currency="USD", ticks_per_unit=100,
    tick_table=(TickBand(0, 25),), expiry_ns=START + 90 * 86_400 * S,
)  # fmt: skip
_OPTION = "20151224_xyz_minute_quote_american_call_7500000_20160115.csv"


def _day(bars):
    """Bars: end in seconds after the open, row, bid, ask; a future at row 2 into which both options settle."""
    items = (*ITEMS[:2], FUTURE)
    columns = np.array(bars, dtype=np.int64).reshape(-1, 4).T
    none = np.empty(0, dtype=np.int64)
    return RecordedDay(
        source="a test", underlying="XYZ", instruments=items, underlying_row=2, forward_row=np.array([2, 2, -1]),
        calendar="XNYS", session_open_ns=(START, START + 86_400 * S), session_close_ns=(START + 600 * S, START + 87_000 * S),
        bar_ns=60 * S, quote_ns=START + columns[0] * S, quote_row=columns[1], bid_ticks=columns[2], ask_ticks=columns[3],
        bid_size=np.where(columns[2] >= 0, 7, 0), ask_size=np.where(columns[3] >= 0, 8, 0),
        trade_ns=none, trade_row=none, trade_ticks=none, trade_quantity=none,
    )  # fmt: skip


def test_the_session_is_told_from_its_open_to_its_close():
    recording = recording_of(
        _day(
            [
                (-7200, 0, 100, 110),
                (-60, 0, 101, 111),
                (-60, 2, 10_000, 10_050),
                (60, 1, -1, 50),
                (120, 2, -1, 9_000),
                (660, 0, 1, 2),
            ]
        )
    )
    before, first, second = recording.moments()

    assert [type(fact) for fact in recording.opening] == [InstrumentsListed, SessionsSeen]
    assert (recording.begins_ns, recording.ends_ns) == (START, START + 120 * S)
    assert (recording.opens_ns, recording.closes_ns) == (START, START + 600 * S)
    price, forward, quotes = before.facts
    assert isinstance(price, UnderlyingQuoted)
    assert isinstance(forward, ForwardQuoted)
    assert isinstance(quotes, QuotesSeen)
    assert (before.at_ns, price.price, forward.price, forward.symbol) == (START, 100.25, 100.25, "XYZH1")
    assert (quotes.symbols, quotes.bid_ticks, quotes.ask_ticks) == (
        ("XYZ-100", "XYZH1"),
        (101, 10_000),
        (111, 10_050),
    )
    assert (quotes.received_ns, quotes.source_ns) == (START, START - 60 * S)
    assert first.at_ns == START + 60 * S
    assert (first.facts[0].bid_ticks, first.facts[0].bid_sizes, first.facts[0].ask_sizes) == (
        (None,),
        (None,),
        (8,),
    )
    assert [type(fact) for fact in second.facts] == [QuotesSeen], (
        "a side is missing: no price of the underlying"
    )


def test_a_day_without_bars_before_its_open_begins_with_its_first():
    recording = recording_of(_day([(60, 0, 100, 110)]))

    assert (recording.begins_ns, recording.ends_ns) == (START + 60 * S, START + 60 * S)
    assert [moment.at_ns for moment in recording.moments()] == [START + 60 * S]


def test_a_folder_is_read_and_days_have_to_be_chosen(tmp_path):
    bars = "34200000,1,1,1,85000,7,1,1,1,90000,8\n"
    for file, name, text in (
        ("20151224_quote_american.zip", _OPTION, bars),
        (
            "20151224_stock.zip",
            "20151224_xyz_minute_quote.csv",
            "34200000,1,1,1,7491000,100,1,1,1,7493000,200\n",
        ),
    ):
        with zipfile.ZipFile(tmp_path / file, "w") as archive:
            archive.writestr(name, text)
    recording = open_recording(tmp_path)

    opens_ns = int(datetime(2015, 12, 24, 14, 30, tzinfo=UTC).timestamp()) * S
    assert (recording.format, recording.opens_ns, recording.begins_ns) == (
        "lean",
        opens_ns,
        opens_ns + 60 * S,
    )

    with zipfile.ZipFile(tmp_path / "20151223_quote_american.zip", "w") as archive:
        archive.writestr(_OPTION.replace("20151224", "20151223"), bars)
    with pytest.raises(FaultsError, match="2015-12-23, 2015-12-24"):
        open_recording(tmp_path)
    assert open_recording(tmp_path, day=date(2015, 12, 24)).opens_ns == opens_ns
