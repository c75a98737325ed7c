"""DBN files: consolidated quotes, the share's price, halts, doubts; what is torn or damaged is a fault with its place."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

dbn = pytest.importorskip("databento_dbn", reason="the optional library databento-dbn is not installed")

from tests.adapters.dbn_samples import (  # noqa: E402
    AT,
    NUMBERS,
    cbbo,
    cmbp1,
    definition,
    mbp1,
    metadata,
    status,
)

from flatbook.adapters.dbn.decode import decoded_chunks  # noqa: E402
from flatbook.adapters.dbn.facts import Reader, Trouble  # noqa: E402
from flatbook.adapters.dbn.parse import option_named, share_named  # noqa: E402
from flatbook.adapters.dbn.read import read_recording  # noqa: E402
from flatbook.adapters.recordings import open_recording  # noqa: E402
from flatbook.model.errors import FaultsError, FlatbookError  # noqa: E402
from flatbook.model.events import InstrumentsListed, QuotesSeen, SessionsSeen, UnderlyingQuoted  # noqa: E402
from flatbook.model.venue_events import FeedSuspect, TradingHalted  # noqa: E402

CALL, PUT = NUMBERS
_S = 10**9


def _write(folder, **files):
    for name, raw in files.items():
        (folder / f"{name}.dbn").write_bytes(raw)
    return folder


def _facts(recording):
    return [fact for moment in recording.moments() for fact in moment.facts]


def test_quotes_of_options_and_of_their_share_become_facts_in_order_of_time(tmp_path):
    """Two files of two datasets whose numbers mean other things; sizes in contracts, prices in cents."""
    options = metadata() + cmbp1(7, AT + 2 * _S, 1.25, 1.30) + cmbp1(8, AT + 4 * _S, None, 2.05, sizes=(0, 3))
    shares = metadata({"XYZ": 7}, "XNAS.ITCH", dbn.Schema.MBP_1) + mbp1(
        7, AT + 3 * _S, 100.01, 100.02, publisher=2
    )
    recording = open_recording(_write(tmp_path, options=options, shares=shares))

    call, share, put = [fact for fact in _facts(recording) if isinstance(fact, QuotesSeen)]
    assert (call.symbols, call.bid_ticks, call.ask_ticks, call.bid_sizes, call.ask_sizes) == (
        ("XYZ250321C00100000",), (125,), (130,), (10,), (20,),
    )  # fmt: skip
    assert (call.received_ns, call.source_ns) == (AT + 2 * _S, AT + 2 * _S - 1000)
    assert (put.bid_ticks, put.ask_ticks, put.bid_sizes, put.ask_sizes) == ((None,), (205,), (None,), (3,))
    assert (share.symbols, share.bid_ticks, share.ask_sizes) == (("XYZ",), (10_001,), (200,))
    (price,) = [fact for fact in _facts(recording) if isinstance(fact, UnderlyingQuoted)]
    assert (price.underlying, price.price, price.received_ns) == ("XYZ", 100.015, AT + 3 * _S)
    assert [moment.at_ns for moment in recording.moments()] == [AT + 2 * _S, AT + 3 * _S, AT + 4 * _S]
    assert (recording.begins_ns, recording.ends_ns) == (AT + 2 * _S, AT + 4 * _S)


def test_what_is_listed_is_what_is_quoted_with_the_terms_of_its_definition(tmp_path):
    quotes = metadata() + definition(7, AT, CALL, multiplier=10) + cmbp1(7, AT + _S, 1.0, 1.1)
    recording = read_recording(_write(tmp_path, quotes=quotes))

    listed, sessions = recording.opening
    assert isinstance(listed, InstrumentsListed)
    assert isinstance(sessions, SessionsSeen)
    assert [(item.symbol, item.multiplier) for item in listed.instruments] == [("XYZ250321C00100000", 10.0)]
    assert recording.table.instruments == listed.instruments
    assert [note.kind for note in recording.notes] == ["no_price"]
    opens, closes = (AT - 30 * 60 * _S, AT + 6 * 3600 * _S)  # 09:30 and 16:00 in New York
    assert (recording.opens_ns, recording.closes_ns) == (opens, closes)


def test_a_quote_of_one_exchange_is_not_everybodys(tmp_path):
    """Of OPRA's MBP-1 only publisher 30 is the consolidated one."""
    raw = metadata() + mbp1(7, AT, 1.0, 1.5, publisher=22) + mbp1(7, AT + 1, 1.1, 1.2)
    recording = read_recording(_write(tmp_path, quotes=raw))

    (quote,) = _facts(recording)
    assert (quote.bid_ticks, quote.ask_ticks) == ((110,), (120,))
    assert [(note.kind, note.count) for note in recording.notes] == [("regional", 1), ("no_price", 1)]


def test_the_time_of_an_interval_is_not_that_of_its_last_trade(tmp_path):
    raw = (
        metadata() + cbbo(7, AT + _S, 1.0, 1.1, last_trade_ns=AT - 3600 * _S) + cbbo(7, AT + 2 * _S, 1.0, 1.2)
    )

    first, second = _facts(read_recording(_write(tmp_path, quotes=raw)))

    assert (first.received_ns, first.source_ns) == (AT + _S, 0)
    assert second.received_ns == AT + 2 * _S


def test_quotes_before_trades_count_too(tmp_path):
    """TCBBO has the records of CMBP-1."""
    raw = metadata() + cmbp1(7, AT, 1.0, 1.1, rtype=0xC2)

    (quote,) = _facts(read_recording(_write(tmp_path, quotes=raw)))

    assert quote.bid_ticks == (100,)


def test_a_halt_of_any_series_holds_its_underlying_until_the_last_trades_again(tmp_path):
    halt, trading, rotation = dbn.StatusAction.HALT, dbn.StatusAction.TRADING, dbn.StatusAction.ROTATION
    raw = (
        metadata() + cmbp1(7, AT, 1.0, 1.1) + cmbp1(8, AT, 1.0, 1.1)
        + status(7, AT + 1, halt) + status(8, AT + 2, halt) + status(7, AT + 3, trading)
        + status(7, AT + 4, rotation) + status(8, AT + 5, trading) + status(8, AT + 6, trading)
    )  # fmt: skip

    halts = [
        fact
        for fact in _facts(read_recording(_write(tmp_path, quotes=raw)))
        if isinstance(fact, TradingHalted)
    ]

    assert [(fact.received_ns - AT, fact.underlying, fact.on) for fact in halts] == [
        (1, "XYZ", True),
        (5, "XYZ", False),
    ]


def test_what_the_recorder_marked_as_bad_puts_the_feed_in_doubt(tmp_path):
    raw = (
        metadata() + cmbp1(7, AT, 1.0, 1.1, flags=4) + cmbp1(7, AT + 1, 1.0, 1.1) + cmbp1(7, AT + 2, 1.0, 1.1)
    )

    doubts = [
        fact for fact in _facts(read_recording(_write(tmp_path, quotes=raw))) if isinstance(fact, FeedSuspect)
    ]

    assert [(fact.underlyings, fact.on) for fact in doubts] == [(("XYZ",), True), (("XYZ",), False)]


def test_clocks_that_go_back_and_other_days(tmp_path):
    """Time never falls; of several days one has to be chosen."""
    later = AT + 86_400 * _S
    raw = metadata() + cmbp1(7, AT + 5, 1.0, 1.1) + cmbp1(8, AT + 3, 1.0, 1.1)
    raw += definition(7, later, CALL) + cmbp1(7, later, 1.0, 1.1)
    folder = _write(tmp_path, quotes=raw)

    with pytest.raises(FaultsError, match="quotes of 2025-02-20, 2025-02-21"):
        read_recording(folder)

    recording = read_recording(folder, day=date(2025, 2, 20))
    assert [moment.at_ns for moment in recording.moments()] == [AT + 5]
    assert [fact.received_ns for fact in _facts(recording)] == [AT + 5, AT + 5]
    assert [moment.at_ns for moment in read_recording(folder, day=date(2025, 2, 21)).moments()] == [later]


def test_quotes_that_nobody_names_are_counted(tmp_path):
    raw = metadata() + cmbp1(7, AT, 1.0, 1.1) + cmbp1(9, AT, 1.0, 1.1)

    recording = read_recording(_write(tmp_path, quotes=raw))

    assert [(note.kind, note.count) for note in recording.notes] == [("unnamed", 1), ("no_price", 1)]


def test_a_price_off_the_grid_is_told_with_its_place(tmp_path):
    raw = metadata() + cmbp1(7, AT, 1.0, 1.1) + cmbp1(7, AT + 1, 1.001, 1.1)

    with pytest.raises(FaultsError, match=r"quotes\.dbn record 2 XYZ250321C00100000 bid: found price 1\.001"):
        read_recording(_write(tmp_path, quotes=raw))


def test_a_torn_file_is_a_fault(tmp_path):
    raw = metadata() + cmbp1(7, AT, 1.0, 1.1)

    with pytest.raises(FaultsError, match="no record at its end"):
        read_recording(_write(tmp_path, quotes=raw[:-5]))


def test_files_without_options_say_so(tmp_path):
    raw = metadata({"XYZ": 7}, "XNAS.ITCH", dbn.Schema.MBP_1) + mbp1(7, AT, 1.0, 1.1)

    with pytest.raises(FaultsError, match="no quotes of US options"):
        read_recording(_write(tmp_path, quotes=raw))


def test_several_underlyings_need_a_choice(tmp_path):
    raw = metadata({CALL: 7, "ABC   250321C00050000": 8}) + cmbp1(7, AT, 1.0, 1.1) + cmbp1(8, AT, 2.0, 2.1)
    folder = _write(tmp_path, quotes=raw)

    with pytest.raises(FaultsError, match="options on ABC, XYZ"):
        read_recording(folder)
    assert read_recording(folder, underlying="ABC").table.underlyings == ("ABC",)


def test_an_adjusted_contract_has_no_terms_that_anybody_told():
    assert option_named("XYZ1  250321C00100000") is None
    assert option_named("XYZ") is None
    assert option_named(CALL).multiplier == 100.0


def _read(raw, packed, step):
    items = {CALL: option_named(CALL), PUT: option_named(PUT), "XYZ": share_named("XYZ")}
    chunks = (raw[start : start + step] for start in range(0, len(raw), step))
    return list(Reader(items, Trouble()).read(decoded_chunks(chunks, "fuzz.dbn", packed=packed)))


WHOLE = (
    metadata() + cmbp1(7, AT, 1.0, 1.1) + cbbo(8, AT, 1.0, 1.2) + mbp1(7, AT + 1, 1.0, 1.1)
    + status(7, AT + 2, dbn.StatusAction.HALT) + definition(7, AT, CALL)
)  # fmt: skip


def _fault_of(raw, *, packed, step):
    """What is wrong with the bytes; only the name of their file where nothing is."""
    try:
        _read(raw, packed, step)
    except FlatbookError as error:
        return str(error)
    return "fuzz.dbn"


def test_the_pieces_in_which_a_file_comes_make_no_difference():
    assert _read(WHOLE, False, 7) == _read(WHOLE, False, 10**6)
    assert len(_read(WHOLE, False, 64)) == 4


def test_a_record_of_the_wrong_length_over_which_the_library_panics_is_a_fault():
    """Its first byte is its length in words of four bytes."""
    short = bytearray(metadata() + cmbp1(7, AT, 1.0, 1.1))
    short[len(metadata())] = 8

    with pytest.raises(FaultsError, match=r"fuzz\.dbn.*no DBN"):
        _read(bytes(short), False, 1 << 14)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=6),
    st.integers(0, len(WHOLE)),
    st.sampled_from([13, 1 << 14]),
)
def test_a_damaged_file_parses_or_is_a_fault(changes, cut, step):
    """The library panics over some bytes: that is a fault like any other."""
    raw = bytearray(WHOLE)
    for place, byte in changes:
        raw[place] = byte
    assert "fuzz.dbn" in _fault_of(bytes(raw[: cut if len(changes) % 2 else None]), packed=False, step=step)


@settings(max_examples=100)
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_parse_or_are_a_fault(raw, packed):
    assert "fuzz.dbn" in _fault_of(raw, packed=packed, step=1 << 14)
