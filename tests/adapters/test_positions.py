"""Positions that stand on their own: what a file may leave out, and how each fault is told."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.adapters.samples import write

from flatbook.adapters.files.positions import ONE_ACCOUNT, read_positions
from flatbook.adapters.files.reported import read_reported
from flatbook.margin.legs import LegKind, ProductClass
from flatbook.margin.requirement import Method
from flatbook.model.errors import Fault, FaultsError

HEADER = (
    "group,underlying,product_class,leverage,underlying_price,right,strike,years,exercise,price,vol,quantity,multiplier,"
    "rate,dividend_yield"
)
GOOD = {
    "group": "A",
    "underlying": "SPX",
    "product_class": "broad-index",
    "leverage": "1",
    "underlying_price": "2950",
    "right": "call",
    "strike": "3050",
    "years": "0.13",
    "exercise": "european",
    "price": "12.3",
    "vol": "",
    "quantity": "-5",
    "multiplier": "100",
    "rate": "0.024",
    "dividend_yield": "0.019",
}
STOCK = {
    "right": "stock",
    "strike": "",
    "years": "",
    "exercise": "",
    "price": "",
    "multiplier": "",
    "rate": "",
}


def table(path: Path, *rows: dict[str, str]) -> Path:
    lines = [",".join((GOOD | row)[name] for name in HEADER.split(",")) for row in rows]
    return write(path / "book.csv", "\n".join([HEADER, *lines]) + "\n")


def faults(path: Path, method: Method = Method.PORTFOLIO_MARGIN, **options: bool) -> list[Fault]:
    with pytest.raises(FaultsError) as error:
        read_positions(path, method, **options)
    return list(error.value.faults)


def test_a_row_becomes_a_leg(tmp_path: Path) -> None:
    found = read_positions(table(tmp_path, {}), Method.PORTFOLIO_MARGIN)
    legs = found.legs

    assert legs.where == ("book.csv line 2",)
    assert legs.kind.tolist() == [LegKind.CALL]
    assert legs.product_class == (ProductClass.BROAD_INDEX,)
    assert (legs.quantity[0], legs.multiplier[0], legs.strike[0], legs.price[0]) == (
        -5.0,
        100.0,
        3050.0,
        12.3,
    )
    assert np.isnan(legs.vol[0])
    assert found.notes == {"A": ()}


def test_columns_that_may_be_absent_are_filled_and_told(tmp_path: Path) -> None:
    path = write(
        tmp_path / "book.csv",
        "underlying,product_class,underlying_price,right,strike,years,vol,quantity,multiplier,rate,desk\n"
        "AAPL,equity,210,call,220,0.25,0.3,-3,100,0.02,x\nAAPL,equity,210,stock,,,,300,,,\n",
    )
    found = read_positions(path, Method.PORTFOLIO_MARGIN)
    legs = found.legs

    assert legs.group == (ONE_ACCOUNT, ONE_ACCOUNT)
    assert legs.american.tolist()[0] is True
    assert legs.leverage.tolist() == [1.0, 1.0]
    assert legs.multiplier.tolist() == [100.0, 1.0]
    assert legs.years.tolist() == [0.25, 0.0]
    assert found.notes[ONE_ACCOUNT] == (
        "columns not read: desk",
        "book.csv line 2: no dividend yield: 0 is used",
        "book.csv line 2: no exercise: american by product class",
    )


@pytest.mark.parametrize(
    ("product", "american"),
    [
        ("equity", True),
        ("leveraged-etf", True),
        ("future", True),
        ("narrow-index", False),
        ("broad-index", False),
        ("crypto", False),
    ],
)
def test_exercise_follows_the_product_class_where_none_is_said(
    tmp_path: Path, product: str, american: bool
) -> None:
    path = table(tmp_path, {"product_class": product, "exercise": ""})
    assert read_positions(path, Method.SPAN).legs.american.tolist() == [american]


@pytest.mark.parametrize(
    ("row", "column", "found"),
    [
        ({"price": "", "vol": ""}, "price", "nothing"),
        ({"price": "-1"}, "price", "-1"),
        ({"price": "nan"}, "price", "'nan'"),
        ({"price": "", "vol": "-0.2"}, "vol", "-0.2"),
        ({"price": "", "vol": "twenty"}, "vol", "'twenty'"),
        ({"product_class": "bond"}, "product_class", "'bond'"),
        ({"product_class": ""}, "product_class", "nothing"),
        ({"right": "straddle"}, "right", "'straddle'"),
        ({"leverage": "0"}, "leverage", "0"),
        ({"product_class": "leveraged-etf", "leverage": ""}, "leverage", "nothing"),
        ({"multiplier": ""}, "multiplier", "nothing"),
        ({"multiplier": "-100"}, "multiplier", "-100"),
        ({"quantity": ""}, "quantity", "nothing"),
        ({"quantity": "many"}, "quantity", "'many'"),
        ({"strike": ""}, "strike", "nothing"),
        ({"years": "-0.1"}, "years", "-0.1"),
        ({"underlying": " "}, "underlying", "nothing"),
        ({"underlying_price": ""}, "underlying_price", "nothing"),
        ({"underlying_price": "-3"}, "underlying_price", "-3"),
        ({"rate": ""}, "rate", "nothing"),
        ({"rate": "5"}, "rate", "5"),
        ({"exercise": "bermudan"}, "exercise", "'bermudan'"),
        ({"right": "future", "multiplier": ""}, "multiplier", "nothing"),
        (STOCK | {"multiplier": "100"}, "multiplier", "100"),
    ],
)
def test_a_cell_that_cannot_be_is_told_by_row_and_column(
    tmp_path: Path, row: dict[str, str], column: str, found: str
) -> None:
    told = faults(table(tmp_path, {}, row))

    assert [(one.where, one.found) for one in told] == [(f"book.csv line 3 column {column}", found)]
    assert told[0].expected


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    told = faults(
        table(tmp_path, {"price": "", "right": "put"}, {"quantity": "x", "leverage": "0"}, {"group": ""})
    )

    assert {one.where for one in told} == {
        "book.csv line 2 column price",
        "book.csv line 3 column quantity",
        "book.csv line 3 column leverage",
        "book.csv line 4 column group",
    }


def test_more_faults_than_anybody_reads_are_counted(tmp_path: Path) -> None:
    told = faults(table(tmp_path, *[{"price": "-1"}] * 80))

    assert len(told) == 51
    assert told[-1].found == "30 more faults"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "no header line"),
        (HEADER + "\n", "a header and no rows"),
        ("underlying,right\nSPX,call\n", "columns underlying, right"),
    ],
)
def test_a_file_without_legs_is_never_an_empty_account(tmp_path: Path, text: str, found: str) -> None:
    assert [one.found for one in faults(write(tmp_path / "book.csv", text))] == [found]


def test_price_and_vol_may_both_stand_and_the_price_is_the_mark(tmp_path: Path) -> None:
    found = read_positions(table(tmp_path, {"vol": "0.2"}, {}), Method.PORTFOLIO_MARGIN)

    assert (found.legs.price[0], found.legs.vol[0]) == (12.3, 0.2)
    assert [note for note in found.notes["A"] if "price and vol" in note] == [
        "book.csv line 2: price and vol: the price is the mark, the vol counts only where the price tells none"
    ]


def test_strategy_margin_needs_a_rate_only_for_an_option_that_must_be_priced(tmp_path: Path) -> None:
    marked = read_positions(table(tmp_path, {"rate": ""}), Method.REG_T)
    told = faults(table(tmp_path, {"rate": "", "price": "", "vol": "0.2"}), Method.REG_T)

    assert marked.legs.rate.tolist() == [0.0]
    assert [one.where for one in told] == ["book.csv line 2 column rate"]


def test_coins_have_no_rate_unless_one_is_given_and_it_is_said(tmp_path: Path) -> None:
    crypto = {
        "underlying": "BTC",
        "product_class": "crypto",
        "rate": "",
        "dividend_yield": "",
        "exercise": "",
    }
    found = read_positions(table(tmp_path, crypto), Method.DERIBIT_PORTFOLIO)

    assert found.legs.rate.tolist() == [0.0]
    assert found.notes["A"] == ("book.csv line 2: no rate: 0 is used",)


def test_with_risk_arrays_neither_marks_nor_prices_are_needed(tmp_path: Path) -> None:
    bare = {"price": "", "vol": "", "rate": "", "underlying_price": ""}
    legs = read_positions(table(tmp_path, bare), Method.SPAN, with_arrays=True).legs
    told = faults(
        table(tmp_path, bare | {"strike": "", "underlying_price": "-1"}), Method.SPAN, with_arrays=True
    )

    assert np.isnan([legs.price[0], legs.vol[0], legs.underlying_price[0]]).all()
    assert [one.where.split()[-1] for one in told] == ["underlying_price", "strike"]


def test_stock_at_another_price_and_two_prices_of_one_underlying_are_told(tmp_path: Path) -> None:
    found = read_positions(
        table(tmp_path, STOCK | {"price": "2940"}, {"underlying_price": "2951"}), Method.PORTFOLIO_MARGIN
    )
    assert [note.split(":")[0] for note in found.notes["A"]] == [
        "book.csv line 2",
        "rows on SPX say prices of the underlying from 2950 to 2951",
    ]


def test_parquet_holds_the_same_legs(tmp_path: Path) -> None:
    text = table(tmp_path, {}, STOCK, {"group": "B", "right": "put", "vol": "0.2", "price": ""})
    pl.read_csv(text).write_parquet(tmp_path / "book.parquet")
    one = read_positions(text, Method.PORTFOLIO_MARGIN).legs
    other = read_positions(tmp_path / "book.parquet", Method.PORTFOLIO_MARGIN).legs

    assert other.where == ("book.parquet row 1", "book.parquet row 2", "book.parquet row 3")
    for name in ("kind", "strike", "years", "american", "price", "vol", "quantity", "multiplier", "rate"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.group, one.underlying, one.product_class) == (
        other.group,
        other.underlying,
        other.product_class,
    )


def test_what_others_report_is_read_and_its_faults_are_told(tmp_path: Path) -> None:
    good = write(
        tmp_path / "r.csv",
        "group,requirement,as_of,source\nA,12.5,2020-01-03T21:00:00Z,OCC\nB,0,2020-01-03T21:00:00Z,\n",
    )
    bad = write(tmp_path / "bad.csv", "group,requirement,as_of\nA,-1,2020-01-03\n,3,2020-01-03T21:00:00Z\n")
    found = read_reported(good)

    assert [(one.group, one.requirement, one.source) for one in found] == [
        ("A", 12.5, "OCC"),
        ("B", 0.0, "reported"),
    ]
    assert found[0].as_of_ns == 1_578_085_200 * 10**9
    with pytest.raises(FaultsError) as error:
        read_reported(bad)
    assert [one.where for one in error.value.faults] == [
        "bad.csv line 3 column group",
        "bad.csv line 2 column requirement",
        "bad.csv line 2 column as_of",
    ]


def test_a_report_of_the_future_is_a_fault_where_a_moment_is_told(tmp_path: Path) -> None:
    """A second late is a clock; ten years are a wrong date, which would shut out every report after it."""
    at_ns = 1_578_085_200 * 10**9
    rows = "A,1,2020-01-03T21:00:00Z\nB,1,2020-01-03T21:00:01Z\nC,1,2020-01-03T21:00:02Z\nD,1,2030-01-03T21:00:00Z\n"
    path = write(tmp_path / "r.csv", f"group,requirement,as_of\n{rows}")

    assert len(read_reported(path)) == 4
    with pytest.raises(FaultsError) as error:
        read_reported(path, at_ns)
    assert [one.where for one in error.value.faults] == [
        "r.csv line 4 column as_of",
        "r.csv line 5 column as_of",
    ]
    assert "2 s after the moment of the plan" in str(error.value)


def test_the_page_names_every_column_and_its_example_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "margin" / "README.md").read_text(encoding="utf-8")
    example = write(tmp_path / "book.csv", page.split("```csv\n")[1].split("```")[0])

    assert [name for name in HEADER.split(",") if f"| `{name}` |" not in page] == []
    assert len(read_positions(example, Method.PORTFOLIO_MARGIN).legs) == 3
