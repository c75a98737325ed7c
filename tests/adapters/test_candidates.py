"""Candidates for relief: what a file may leave out, what is assumed, and how each fault is told."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.adapters.samples import write

from flatbook.adapters.files.candidates import QUOTES, ListedCandidates, read_candidates
from flatbook.margin.requirement import Method
from flatbook.model.errors import Fault, FaultsError

DOCS = Path(__file__).parents[2] / "docs"
HEADER = (
    "group,underlying,product_class,underlying_price,right,strike,years,exercise,price,vol,multiplier,rate,"
    "dividend_yield,bid,ask,bid_size,ask_size,fee"
)
GOOD = {
    "group": "",
    "underlying": "SPX",
    "product_class": "broad-index",
    "underlying_price": "2950",
    "right": "call",
    "strike": "3100",
    "years": "0.13",
    "exercise": "european",
    "price": "",
    "vol": "",
    "multiplier": "100",
    "rate": "0.024",
    "dividend_yield": "0.019",
    "bid": "4.70",
    "ask": "5.00",
    "bid_size": "80",
    "ask_size": "60",
    "fee": "0.65",
}
NO_BID = {"bid": "", "bid_size": "", "price": "4.5"}


def table(path: Path, *rows: dict[str, str]) -> Path:
    lines = [",".join((GOOD | row)[name] for name in HEADER.split(",")) for row in rows]
    return write(path / "c.csv", "\n".join([HEADER, *lines]) + "\n")


def read(path: Path) -> ListedCandidates:
    return read_candidates(path, Method.PORTFOLIO_MARGIN, {"A": None, "B": None})


def faults(path: Path) -> list[Fault]:
    with pytest.raises(FaultsError) as error:
        read(path)
    return list(error.value.faults)


def test_a_row_becomes_a_series_that_is_not_held(tmp_path: Path) -> None:
    found = read(table(tmp_path, {}, {"group": "A", "strike": "3200", "price": "1.1"}))
    listing = found.listing

    assert listing.legs.quantity.tolist() == [0.0, 0.0]
    assert listing.legs.price == pytest.approx([4.85, 1.1])
    assert (listing.bid[0], listing.ask[0], listing.bid_size[0], listing.ask_size[0]) == (
        4.7,
        5.0,
        80.0,
        60.0,
    )
    assert listing.fee.tolist() == [0.65, 0.65]
    assert found.notes == (
        "c.csv line 2: no price and no vol: the middle of bid and ask is the mark, where it is not held",
    )
    assert [len(listing.of(group).legs) for group in ("A", "B")] == [2, 1]


def test_a_side_that_is_missing_is_none_and_it_is_said(tmp_path: Path) -> None:
    zero = {"strike": "3200", "ask": "0", "vol": "0.2", "fee": ""}
    found = read(table(tmp_path, NO_BID, zero))

    assert np.isnan(found.listing.bid).tolist() == [True, False]
    assert np.isnan(found.listing.ask).tolist() == [False, True]
    assert (found.listing.bid_size[0], found.listing.ask_size[1], found.listing.fee[1]) == (0.0, 0.0, 0.0)
    assert found.notes == (
        "c.csv line 3: no fee: 0 is used",
        "c.csv line 2: no bid: cannot be sold",
        "c.csv line 3: no ask: cannot be bought",
    )


def test_a_file_without_fees_and_with_quantities_is_read(tmp_path: Path) -> None:
    names = [name for name in HEADER.split(",") if name != "fee"]
    text = ",".join([*names, "quantity"]) + "\n" + ",".join([*(GOOD[name] for name in names), "-5"]) + "\n"
    found = read(write(tmp_path / "c.csv", text))

    assert found.listing.legs.quantity.tolist() == [0.0]
    assert any("quantity" in note for note in found.notes)
    assert any("no fee" in note for note in found.notes)


@pytest.mark.parametrize(
    ("row", "column", "found"),
    [
        ({"bid": "-1"}, "bid", "-1"),
        ({"bid": "5.10"}, "bid", "5.10"),
        ({"ask": "five"}, "ask", "'five'"),
        ({"bid_size": ""}, "bid_size", "nothing"),
        ({"ask_size": "1.5"}, "ask_size", "1.5"),
        ({"ask_size": "-3"}, "ask_size", "-3"),
        ({"fee": "-0.1"}, "fee", "-0.1"),
        ({"group": "C"}, "group", "'C'"),
        ({"strike": ""}, "strike", "nothing"),
        (NO_BID | {"price": ""}, "price", "nothing"),
        ({"right": "straddle"}, "right", "'straddle'"),
    ],
)
def test_a_cell_that_cannot_be_is_told_by_row_and_column(
    tmp_path: Path, row: dict[str, str], column: str, found: str
) -> None:
    told = faults(table(tmp_path, {"strike": "3000"}, row))

    assert [(one.where, one.found) for one in told] == [(f"c.csv line 3 column {column}", found)]


def test_a_series_stands_once_for_each_account(tmp_path: Path) -> None:
    apart = read(table(tmp_path, {"group": "A"}, {"group": "B"}))
    told = faults(table(tmp_path, {"group": "A"}, {"group": "", "price": "4.8"}))

    assert len(apart.listing.legs) == 2
    assert [one.where for one in told] == ["c.csv line 3 column underlying"]
    assert "line 2" in told[0].found


def test_a_file_without_quotes_is_refused(tmp_path: Path) -> None:
    (told,) = faults(write(tmp_path / "c.csv", "underlying,product_class,right\nSPX,broad-index,call\n"))

    assert "bid, ask, bid_size, ask_size" in told.expected


def test_parquet_holds_the_same(tmp_path: Path) -> None:
    text = table(tmp_path, {}, NO_BID | {"strike": "3200"})
    pl.read_csv(text).write_parquet(tmp_path / "c.parquet")
    one, other = read(text).listing, read(tmp_path / "c.parquet").listing

    for name in ("bid", "ask", "bid_size", "ask_size", "fee"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(one.legs.strike, other.legs.strike)


def test_the_pages_name_every_column() -> None:
    margin = (DOCS / "margin" / "README.md").read_text(encoding="utf-8")
    formats = (DOCS / "file-formats.md").read_text(encoding="utf-8")

    assert [name for name in QUOTES if f"| `{name}` |" not in margin] == []
    assert [
        name for name in QUOTES if name not in formats.split("## Positions that stand on their own")[1]
    ] == []


def test_the_example_is_one() -> None:
    listed = Path(__file__).parents[2] / "examples" / "margin" / "candidates.csv"
    found = read_candidates(listed, Method.PORTFOLIO_MARGIN, {"MM1": None, "MM2": None})

    assert len(found.listing.legs) == 12
