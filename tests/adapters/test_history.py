"""Daily history from a file."""

from pathlib import Path

import polars as pl
import pytest
from tests.adapters.samples import AT, the_fault, the_faults, write

from flatbook.adapters.files.history import COLUMNS, VOL_COLUMN, read_history
from flatbook.adapters.files.instants import parse_instant

PAGE = (Path(__file__).parents[2] / "docs" / "file-formats.md").read_text(encoding="utf-8")
NAMES = ("SPX", "NDX")


def _file(tmp_path: Path, *rows: str, header: str = "date,underlying,close,vol30") -> Path:
    return write(tmp_path / "closes.csv", "\n".join([header, *rows]) + "\n")


def test_rows_become_one_fact_an_underlying(tmp_path: Path) -> None:
    file = _file(
        tmp_path, "2019-05-02,SPX,2917.52,0.13", "2019-05-01,NDX,7751.84,", "2019-05-01,SPX,2923.73,"
    )
    spx, ndx = read_history(file, at_ns=AT, underlyings=NAMES).events
    first = parse_instant("2019-05-01T00:00:00Z")

    assert (spx.underlying, spx.received_ns) == ("SPX", AT)
    assert spx.day_ns == (first, first + 86_400_000_000_000)
    assert spx.close == (2923.73, 2917.52)
    assert spx.vol == (None, 0.13)
    assert ndx.vol == ()


def test_the_volatility_may_be_missing(tmp_path: Path) -> None:
    file = _file(tmp_path, "2019-05-02,SPX,2917.52", header="date,underlying,close")

    assert read_history(file, at_ns=AT, underlyings=NAMES).events[0].vol == ()


def test_a_day_that_is_not_over_is_not_known(tmp_path: Path) -> None:
    """The snapshot is of 15:00 New York on 3 May: that day's close has not been."""
    file = _file(tmp_path, *(f"2019-05-0{day},SPX,{2900 + day}," for day in (1, 2, 3, 4)))
    found = read_history(file, at_ns=AT, underlyings=NAMES)

    assert found.events[0].close == (2901.0, 2902.0)
    assert [(note.kind, note.count) for note in found.notes] == [("later", 2)]
    midnight = parse_instant("2019-05-04T00:00:00Z")
    assert len(read_history(file, at_ns=midnight, underlyings=NAMES).events[0].close) == 3


def test_underlyings_that_the_market_has_not_are_left_out(tmp_path: Path) -> None:
    file = _file(tmp_path, "2019-05-01,SPX,1,", "2019-05-01,DAX,1,", "2019-05-02,DAX,1,")
    found = read_history(file, at_ns=AT, underlyings=NAMES)

    assert [event.underlying for event in found.events] == ["SPX"]
    assert [(note.kind, note.count) for note in found.notes] == [("unused", 1)]


def test_parquet_says_the_same(tmp_path: Path) -> None:
    file = _file(tmp_path, "2019-05-01,SPX,2923.73,0.13", "2019-05-02,SPX,2917.52,")
    columnar = tmp_path / "closes.parquet"
    pl.read_csv(file, try_parse_dates=True).write_parquet(columnar)

    assert read_history(columnar, at_ns=AT, underlyings=NAMES) == read_history(
        file, at_ns=AT, underlyings=NAMES
    )


@pytest.mark.parametrize(
    ("row", "column", "found"),
    [
        ("05/02/2019,SPX,1,", "date", "'05/02/2019'"),
        ("20190502,SPX,1,", "date", "'20190502'"),
        ("2019-02-30,SPX,1,", "date", "'2019-02-30'"),
        ("2019-05-02,SPX,0,", "close", "'0'"),
        ("2019-05-02,SPX,nan,", "close", "'nan'"),
        ("2019-05-02,SPX,1,13.5", "vol30", "'13.5'"),
        ("2019-05-02,SPX,1,x", "vol30", "'x'"),
        ("2019-05-01,SPX,1,", "date", "again"),
    ],
)
def test_a_bad_cell_is_told_with_its_line(tmp_path: Path, row: str, column: str, found: str) -> None:
    file = _file(tmp_path, "2019-05-01,SPX,1,", row)
    fault = the_fault(lambda: read_history(file, at_ns=AT, underlyings=NAMES))

    assert fault.where == f"closes.csv line 3 column {column}"
    assert found in fault.found


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    file = _file(tmp_path, "x,SPX,1,", "2019-05-01,SPX,-1,9")

    assert len(the_faults(lambda: read_history(file, at_ns=AT, underlyings=NAMES))) == 3


def test_an_empty_file_and_missing_columns_are_faults(tmp_path: Path) -> None:
    assert "no rows" in the_fault(lambda: read_history(_file(tmp_path), at_ns=AT, underlyings=NAMES)).found
    short = _file(tmp_path, "2019-05-01,SPX", header="date,underlying")
    assert "close" in the_fault(lambda: read_history(short, at_ns=AT, underlyings=NAMES)).expected


@pytest.mark.parametrize("word", [*COLUMNS, VOL_COLUMN, "history"])
def test_every_column_has_its_line(word: str) -> None:
    assert f"`{word}`" in PAGE
