"""Bytes into tables, and formats found by looking."""

import gzip
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from tests.adapters.samples import cboe_text, deribit_text, the_fault, write

from flatbook.adapters.files import tables
from flatbook.adapters.files.faults import FaultList
from flatbook.adapters.files.market import READERS, detect_format, read_market
from flatbook.adapters.files.tables import Table, read_table


def _reading(path: Path, *required: str) -> Callable[[], Table]:
    def action() -> Table:
        faults = FaultList(path.name)
        table = read_table(path, required, faults)
        faults.raise_all()
        return table

    return action


def test_lines_are_those_an_editor_shows(tmp_path: Path) -> None:
    table = _reading(write(tmp_path / "t.csv", '\ufeffa, b\r\n1,2\r\n\r\n"x\ny",4\r\n'))()

    assert table.columns == {"a": ("1", "x\ny"), "b": ("2", "4")}
    assert (table.where(0, "a"), table.where(1)) == ("t.csv line 2 column a", "t.csv line 5")


def test_gzip_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a\n1\n"))

    assert _reading(tmp_path / "t.csv.gz")().columns == {"a": ("1",)}


def test_parquet_cells_become_text_and_rows_are_counted(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1.5, None], "b": [True, False], "c": ["x", ""]}).write_parquet(tmp_path / "t.parquet")
    table = _reading(tmp_path / "t.parquet", "a")()

    assert table.columns == {"a": ("1.5", ""), "b": ("True", "False"), "c": ("x", "")}
    assert table.where(1, "a") == "t.parquet row 2 column a"


@pytest.mark.parametrize(
    ("raw", "where", "found"),
    [
        (b"", "t.csv", "no header line"),
        (b"\n", "t.csv", "no header line"),
        (b"a,b\n1,\xff\n", "t.csv line 2", "byte 0xff, which is not UTF-8"),
        (b"a,b,a\n1,2,3\n", "t.csv header", "columns named twice: 'a'"),
        (b"a,b\n1,2\n3\n", "t.csv line 3", "1 values"),
        (b'a,b\n1,"2\n', "t.csv line 2", "text that is no CSV (unexpected end of data)"),
        (b"b\n1\n", "t.csv header", "columns b"),
    ],
)
def test_a_broken_file_is_a_fault(tmp_path: Path, raw: bytes, where: str, found: str) -> None:
    (tmp_path / "t.csv").write_bytes(raw)
    fault = the_fault(_reading(tmp_path / "t.csv", "a"))

    assert (where, found) == (fault.where, fault.found)
    assert fault.expected
    assert fault.action


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
def test_a_missing_file_is_a_fault(tmp_path: Path, name: str) -> None:
    fault = the_fault(_reading(tmp_path / name))

    assert (name, "a complete, readable file") == (fault.where, fault.expected)
    assert "No such file" in fault.found


def test_a_truncated_gzip_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(cboe_text().encode())[:-12])
    fault = the_fault(lambda: read_market(tmp_path / "t.csv.gz"))

    assert (fault.where, fault.action) == ("t.csv.gz", "check the path, or fetch the file again")


def test_a_truncated_parquet_is_a_fault(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1.5, None]}).write_parquet(tmp_path / "t.parquet")
    raw = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(raw[:-20])
    fault = the_fault(_reading(tmp_path / "t.parquet"))

    assert (fault.where, fault.expected) == ("t.parquet", "a complete Parquet file")


def test_nested_parquet_is_a_fault(tmp_path: Path) -> None:
    pl.DataFrame({"a": [[1, 2]]}).write_parquet(tmp_path / "t.parquet")

    assert the_fault(_reading(tmp_path / "t.parquet")).where == "t.parquet column a"


def test_a_file_beyond_the_limit_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_BYTES", 1 << 20)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a\n" + b"1\n" * (1 << 20)))

    assert the_fault(_reading(tmp_path / "t.csv.gz")).found == "more than 1 MiB"


def test_formats_are_found_by_looking(tmp_path: Path) -> None:
    write(tmp_path / "cboe" / "c.csv", cboe_text())
    write(tmp_path / "deribit" / "d.csv", deribit_text())
    (tmp_path / "z.csv.gz").write_bytes(gzip.compress(cboe_text().encode()))

    assert [
        detect_format(tmp_path / name)
        for name in ("cboe", "cboe/c.csv", "z.csv.gz", "deribit", "deribit/d.csv")
    ] == ["cboe-eod", "cboe-eod", "cboe-eod", "deribit", "deribit"]


@pytest.mark.parametrize("raw", [b"", b"a,b\n1,2\n", b"\x00\x01\xff"])
def test_an_unknown_format_lists_those_that_are_known(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "what.bin").write_bytes(raw)
    fault = the_fault(lambda: detect_format(tmp_path / "what.bin"))

    assert fault.found == "no format that is known"
    assert all(name in fault.expected for name in READERS)


def test_nothing_there_is_a_fault(tmp_path: Path) -> None:
    assert the_fault(lambda: read_market(tmp_path / "no")).found == "nothing there"


def test_a_format_that_nobody_reads_is_a_fault(tmp_path: Path) -> None:
    fault = the_fault(lambda: read_market(tmp_path, format="xml"))

    assert (
        fault.where,
        fault.found,
        fault.expected,
    ) == ("format", "'xml'", "one of flatbook, cboe-eod, deribit, lean")


def test_progress_names_the_file(tmp_path: Path) -> None:
    told: list[str] = []
    read_market(write(tmp_path / "c.csv", cboe_text()), progress=told.append)

    assert told == ["reading c.csv"]
