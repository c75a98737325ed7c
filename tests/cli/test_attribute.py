"""`flatbook attribute`: what comes out, and what bad input does."""

import csv
import json
import re
import shutil

import pytest

from tests.cli.test_plan import EXAMPLE, flatbook


def _later(text):
    """Half an hour on: calls 0.20 dearer, puts as much cheaper, the forward 0.40 higher."""
    head, *rows = csv.reader(text.splitlines())
    out = [head]
    for time, symbol, bid, ask, *sizes in rows:
        change = 0.2 if re.search(r"\dC\d{8}$", symbol) else -0.2
        sides = [
            f"{float(price) + change:.2f}" if price and float(price) > 1.0 else price for price in (bid, ask)
        ]
        out.append([time.replace("T20:00:00Z", "T20:30:00Z"), symbol, *sides, *sizes])
    return "\n".join(",".join(row) for row in out) + "\n"


@pytest.fixture(scope="module")
def chains(tmp_path_factory):
    """The example, and the same chain half an hour later with other quotes and spot; a trade between the two."""
    folder = tmp_path_factory.mktemp("chains")
    for name in ("one", "two"):
        shutil.copytree(EXAMPLE, folder / name)
    quotes, prices = (folder / "two" / name for name in ("quotes.csv", "underlyings.csv"))
    quotes.write_text(_later(quotes.read_text()))
    text = prices.read_text().replace("T20:00:00Z", "T20:30:00Z")
    prices.write_text(text.replace("IDX,5000.0", "IDX,5000.4").replace("ACME,120.0", "ACME,120.4"))
    rows = (EXAMPLE / "fills.csv").read_text().rstrip("\n").splitlines()
    new = "2027-01-06T20:10:00Z,LATE-1,IDX270219C05100000,sell,2,40.00,customer,SIM1,0.7,new,"
    (folder / "fills.csv").write_text("\n".join([*rows, new]) + "\n")
    return folder


def attribute(chains, *more, order=("one", "two"), out=None):
    """Attribute the book, writing everything."""
    where = [] if out is None else ["--json", out / "a.json", "--html", out / "a.html"]
    return flatbook(
        "attribute", *(chains / name for name in order), "--desk", EXAMPLE / "desk.toml", "--fills", chains / "fills.csv",
        *where, *more,
    )  # fmt: skip


def test_a_book_through_two_chains_is_attributed_printed_and_drawn(chains, tmp_path):
    """Start to end, whatever the order of the chains; nothing left over."""
    done = attribute(chains, order=("two", "one"), out=tmp_path)
    report = json.loads((tmp_path / "a.json").read_text())
    desk = report["total"][0]

    assert done.returncode == 0, done.stderr
    assert "SYNTHETIC" in done.stdout
    assert "Unexplained" in done.stdout
    assert [step["trades"] for step in report["steps"]] == [1]
    assert report["header"]["sources"]["chains"] == ["one", "two"]
    assert abs(desk["identity"]["rounding_usd"]) < 1e-6
    assert desk["explain"]["unexplained_share"] < 0.5
    assert [one["scope"] for one in report["total"]] == ["desk", "IDX", "ACME"]
    assert "plotly.js v" in (tmp_path / "a.html").read_text()


def test_two_runs_write_the_same_bytes(chains, tmp_path):
    written = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        assert attribute(chains, out=folder).returncode == 0
        written.append((folder / "a.json").read_bytes())

    assert written[0] == written[1]


@pytest.mark.parametrize(
    ("order", "more", "words"),
    [
        (("one",), (), ["CHAIN", "fewer than two chains"]),
        (("one", "one"), (), ["CHAIN", "both of 2027-01-06T20:00:00Z"]),
        (("one", "nothing"), (), ["nothing there"]),
        (("one", "two"), ("--format", "morse"), ["format", "morse"]),
    ],
    ids=["one chain", "the same chain twice", "missing chain", "unknown format"],
)
def test_bad_input_is_told_in_plain_words_and_nothing_is_written(chains, tmp_path, order, more, words):
    """Exit code 2; where, found, expected, to do."""
    done = attribute(chains, *more, order=order, out=tmp_path)

    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for word in (*words, "found", "expected", "to do"):
        assert word in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_faults_of_all_inputs_are_told_at_once(chains, tmp_path):
    """A desk that is none, a chain that is not there, an output over an input."""
    bad = tmp_path / "desk.toml"
    bad.write_text("[desk]\nnme = 1\n")
    done = flatbook(
        "attribute", chains / "one", chains / "nothing", "--desk", bad, "--fills", chains / "fills.csv",
        "--json", chains / "fills.csv",
    )  # fmt: skip

    assert done.returncode == 2
    for word in ("nme", "nothing there", "an input (--fills)"):
        assert word in done.stderr
