"""`flatbook price` and `flatbook imply`: the table comes back with answers, in order."""

import csv

import polars as pl
import pytest

from tests.cli.test_plan import flatbook

_CASES = """exercise,right,spot,strike,years,rate,vol,cash_dividends,dividend_model,label
european,call,42,40,0.5,0.1,0.2,,,first
european,straddle,42,40,0.5,0.1,0.2,,,second
american,put,50,50,0.41666667,0.1,0.4,,,third
european,call,42,40,0.5,0.1,often,,,fourth
european,call,40,40,0.5,0.09,0.3,0.16666667:0.5;0.41666667:0.5,escrowed,fifth
"""


@pytest.fixture
def table(tmp_path):
    """A small file of options."""
    (tmp_path / "cases.csv").write_text(_CASES)
    return tmp_path


def _rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_row_comes_back_in_order_with_its_own_columns_and_answers(table):
    """Those that cannot be priced too, with the reason."""
    done = flatbook("price", table / "cases.csv", "--out", table / "values.csv")
    rows = _rows(table / "values.csv")

    assert done.returncode == 0, done.stderr
    assert "3 ok" in done.stdout
    assert [row["label"] for row in rows] == ["first", "second", "third", "fourth", "fifth"]
    assert [row["engine"] for row in rows] == ["black", "auto", "boundary", "auto", "black"]
    assert float(rows[0]["price"]) == pytest.approx(4.7594, abs=5e-5)
    assert float(rows[4]["price"]) == pytest.approx(3.67, abs=5e-3)
    assert [row["price"] for row in rows if row["status"] != "ok"] == ["", ""]
    assert "straddle" in rows[1]["status"]
    assert "often" in rows[3]["status"]


def test_parquet_goes_in_and_out(table):
    """The same numbers."""
    pl.read_csv(table / "cases.csv").write_parquet(table / "cases.parquet")
    flatbook("price", table / "cases.csv", "--out", table / "a.csv")
    done = flatbook("price", table / "cases.parquet", "--out", table / "b.parquet")
    text, binary = _rows(table / "a.csv"), pl.read_parquet(table / "b.parquet")

    assert done.returncode == 0, done.stderr
    assert binary["price"].to_list() == [float(row["price"]) if row["price"] else None for row in text]


def test_prices_imply_the_volatilities_they_came_from(table):
    """Round trip through two files."""
    flatbook("price", table / "cases.csv", "--out", table / "values.csv")
    quotes = [row for row in _rows(table / "values.csv") if row["status"] == "ok"]
    wanted = [float(row["vol"]) for row in quotes]
    columns = [
        "exercise",
        "right",
        "spot",
        "strike",
        "years",
        "rate",
        "cash_dividends",
        "dividend_model",
        "price",
    ]
    with (table / "quotes.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(quotes)
    done = flatbook("imply", table / "quotes.csv", "--out", table / "vols.csv", "--noise", "0.0001")

    assert done.returncode == 0, done.stderr
    assert [float(row["vol"]) for row in _rows(table / "vols.csv")] == pytest.approx(wanted, abs=5e-4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "exercise"),
        (_CASES.replace("spot,", "level,"), "spot"),
        ("", "header"),
    ],
)
def test_a_file_that_is_no_table_of_options_is_told_and_nothing_is_written(table, text, words):
    """Exit code 2."""
    (table / "cases.csv").write_text(text)
    done = flatbook("price", table / "cases.csv", "--out", table / "values.csv")

    assert done.returncode == 2
    assert words in done.stderr
    assert not (table / "values.csv").exists()


def test_the_input_is_never_written_over(table):
    """Not even when asked."""
    done = flatbook("price", table / "cases.csv", "--out", table / "cases.csv")

    assert done.returncode == 2
    assert (table / "cases.csv").read_text() == _CASES
