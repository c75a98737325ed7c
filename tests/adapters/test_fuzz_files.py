"""Damaged files: whatever bytes change, a reader parses or raises FlatbookError, nothing else."""

import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.adapters.samples import (
    AT,
    FILLS_HEADER,
    an_option,
    cboe_row,
    cboe_text,
    deribit_text,
    write,
    write_zip,
)

from flatbook.adapters.files.fills import read_fills
from flatbook.adapters.files.flatbook_writer import write_tables
from flatbook.adapters.files.instants import parse_instant
from flatbook.adapters.files.market import read_market
from flatbook.model.errors import FlatbookError
from flatbook.model.events import InstrumentsListed, QuotesSeen, RatesSeen, UnderlyingQuoted
from flatbook.model.table import InstrumentTable

Damage = list[tuple[float, str, bytes]]
QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LEAN_NS = parse_instant("2015-12-24T11:00:00-05:00")
LEAN_NAME = "20151224_goog_minute_quote_american_call_7500000_20160115"
LEAN_TEXT = "39540000,0,0,0,100000,5,0,0,0,101000,6\n39600000,0,0,0,102000,7,,,,,0\n"
damage = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["replace", "insert", "cut"]),
        st.one_of(
            st.binary(min_size=1, max_size=3),
            st.sampled_from([b",", b"\n", b'"', b"-", b"9" * 30, b"nan", b"1e308", b"e9", b" ", b"0", b"\r"]),
        ),
    ),
    min_size=1,
    max_size=4,
)


def _damaged(raw: bytes, changes: Damage) -> bytes:
    for place, kind, put in changes:
        at = int(place * len(raw))
        after = {"replace": at + len(put), "insert": at, "cut": at + 1 + len(put)}[kind]
        raw = raw[:at] + (b"" if kind == "cut" else put) + raw[after:]
    return raw


def _outcome(read: Callable[[], object]) -> str:
    """What a person sees: `read`, or the faults. Any other exception fails the test."""
    try:
        read()
    except FlatbookError as error:
        return str(error)
    return "read"


@given(damage)
@QUIET
def test_damaged_cboe_chains(tmp_path: Path, changes: Damage) -> None:
    file = tmp_path / "c.csv"
    file.write_bytes(_damaged(cboe_text(cboe_row(), cboe_row("SPX190621C02900000")).encode(), changes))
    assert _outcome(lambda: read_market(file))
    assert _outcome(lambda: read_market(file, format="cboe-eod", at_ns=AT))


@given(damage)
@QUIET
def test_damaged_deribit_chains(tmp_path: Path, changes: Damage) -> None:
    file = tmp_path / "d.csv"
    file.write_bytes(_damaged(deribit_text().encode(), changes))
    assert _outcome(lambda: read_market(file, format="deribit"))


@given(damage)
@QUIET
def test_damaged_lean_bars(tmp_path: Path, changes: Damage) -> None:
    write_zip(
        tmp_path / "equity_20151224_quote.zip",
        **{"20151224_goog_minute_quote": LEAN_TEXT.replace(",,,,,0", ",0,0,0,103000,1")},
    )
    with zipfile.ZipFile(tmp_path / "20151224_quote_american.zip", "w") as archive:
        archive.writestr(f"{LEAN_NAME}.csv", _damaged(LEAN_TEXT.encode(), changes))
    assert _outcome(lambda: read_market(tmp_path, at_ns=LEAN_NS))


@given(damage)
@QUIET
def test_damaged_lean_zips(tmp_path: Path, changes: Damage) -> None:
    write_zip(tmp_path / "equity_20151224_quote.zip", **{"20151224_goog_minute_quote": LEAN_TEXT})
    whole = BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{LEAN_NAME}.csv", LEAN_TEXT)
    (tmp_path / "20151224_quote_american.zip").write_bytes(_damaged(whole.getvalue(), changes))
    assert _outcome(lambda: read_market(tmp_path, format="lean", at_ns=LEAN_NS))


@given(changes=damage, name=st.sampled_from(["instruments", "quotes", "underlyings", "rates"]))
@QUIET
def test_damaged_flatbook_tables(tmp_path: Path, changes: Damage, name: str) -> None:
    item = an_option()
    events = (
        InstrumentsListed(received_ns=AT, instruments=(item,)),
        UnderlyingQuoted(received_ns=AT, underlying="SPX", price=2946.52),
        RatesSeen(received_ns=AT, currency="USD", maturity_ns=(AT + 1,), rate=(0.02,)),
        QuotesSeen(received_ns=AT, symbols=(item.symbol,), bid_ticks=(7510,), ask_ticks=(7560,)),
    )
    write_tables(tmp_path, events, AT)
    file = tmp_path / f"{name}.csv"
    file.write_bytes(_damaged(file.read_bytes(), changes))
    assert _outcome(lambda: read_market(tmp_path, format="flatbook"))


@given(damage)
@QUIET
def test_damaged_fills(tmp_path: Path, changes: Damage) -> None:
    rows = (
        "2019-05-03T14:30:00-04:00,f1,SPXW190621C02900000,buy,10,75.10,customer,CBOE,1.5,,",
        "2019-05-03T14:31:00-04:00,c1,,,9,75.2,,,,correct,f1",
        "2019-05-03T14:32:00-04:00,b1,,,,,,,,bust,c1",
    )
    table = InstrumentTable(version=1, instruments=(an_option(),))
    file = write(tmp_path / "f.csv", "\n".join([FILLS_HEADER, *rows]) + "\n")
    file.write_bytes(_damaged(file.read_bytes(), changes))
    assert _outcome(lambda: read_fills(file, table=table, at_ns=AT))


@pytest.mark.parametrize("raw", [b"", b"PK\x05\x06" + b"\x00" * 18, b"PK\x03\x04"])
def test_a_zip_that_holds_nothing_is_no_market(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "z.zip").write_bytes(raw)
    with pytest.raises(FlatbookError):
        read_market(tmp_path, at_ns=LEAN_NS)
