"""`flatbook margin --relief`: a file of candidates in, the cheapest trades that free capital out; what cannot be is told first."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from flatbook.cli.margin import Wanted, make_margin
from flatbook.margin.requirement import Method
from flatbook.model.errors import FaultsError
from tests.cli.test_plan import flatbook

EXAMPLES = Path(__file__).parents[2] / "examples" / "margin"
INDEX, LISTED = EXAMPLES / "index-options.csv", EXAMPLES / "candidates.csv"


def _wanted(method="pm", relief="max", **options):
    usual = Wanted(
        positions=INDEX,
        method=Method(method),
        parameters=None,
        arrays=None,
        account=None,
        group=None,
        reported=None,
        at=None,
        difference_limit=0.1,
        marginals=False,
        relief=relief,
        candidates=LISTED,
        json=None,
        html=None,
    )
    return replace(usual, **options)


def _json(folder, **options):
    make_margin(_wanted(json=folder / "margin.json", **options))
    return json.loads((folder / "margin.json").read_text())


def _faults(**options):
    with pytest.raises(FaultsError) as error:
        make_margin(_wanted(**options))
    return error.value.faults


def test_a_person_gets_trades_a_menu_and_a_file(tmp_path):
    """For each account what is asked, or what is possible, said so."""
    done = flatbook(
        "margin",
        "--method",
        "pm",
        INDEX,
        "--relief",
        "50000",
        "--candidates",
        LISTED,
        "--json",
        tmp_path / "m.json",
    )
    first, second = json.loads((tmp_path / "m.json").read_text())
    answer = first["relief"]["answer"]

    assert done.returncode == 0, done.stderr
    assert answer["status"] == "freed"
    assert answer["freed"] >= answer["asked"] == 50_000.0
    assert answer["requirement"] == pytest.approx(first["requirement"] - answer["freed"])
    assert answer["cost"] == pytest.approx(sum(one["cost"] for one in answer["trades"]))
    assert answer["freed"] == pytest.approx(sum(one["freed"] for one in answer["trades"]))
    assert answer["trades"][-1]["worst"] == answer["worst"]
    assert {one["row"].split()[0] for one in answer["trades"]} == {"candidates.csv"}
    assert second["relief"]["answer"]["status"] == "the most that can be freed is less"
    assert second["relief"]["answer"]["freed"] < 50_000.0
    assert [one["share"] for one in first["relief"]["menu"]] == [0.25, 0.5, 0.75, 1.0]
    assert f"freed: {answer['freed']:,.2f} USD, 50,000.00 asked" in " ".join(done.stdout.split())
    assert "cost per unit freed" in done.stdout


def test_what_is_told_is_what_the_command_says_of_a_file_with_the_trades(tmp_path):
    """By the front door alone: the trades written among the positions."""
    found = _json(tmp_path, relief="100000", group="MM1")[0]
    with LISTED.open() as file:
        listed = dict(enumerate(csv.DictReader(file), 2))
    with INDEX.open() as file:
        rows = list(csv.DictReader(file))
    for one in found["relief"]["answer"]["trades"]:
        row = listed[int(one["row"].split()[-1])]
        price = (float(row["bid"]) + float(row["ask"])) / 2.0
        contracts = one["contracts"] * (1 if one["side"] == "buy" else -1)
        rows.append({name: row.get(name, "") for name in rows[0]} | {"price": price, "quantity": contracts})
    with (tmp_path / "after.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    (after,) = _json(tmp_path, positions=tmp_path / "after.csv", relief=None, candidates=None, group="MM1")

    assert "relief" not in after
    assert after["requirement"] == pytest.approx(found["relief"]["answer"]["requirement"], rel=1e-9)


def test_a_page_shows_trades_and_menu(tmp_path):
    """As tables; and the most is asked for by name."""
    found = _json(tmp_path, html=tmp_path / "page.html", group="MM2", method="rbh")
    page = (tmp_path / "page.html").read_text()

    assert found[0]["relief"]["answer"]["asked"] is None
    assert found[0]["relief"]["answer"]["status"] == "the most that can be freed"
    assert {"relief.answer.asked", "relief.menu[*].asked"} <= {one["path"] for one in found[0]["reasons"]}
    assert "of what can be freed" in page
    assert "SSO 110 put" in page
    assert any("no bid: cannot be sold" in note for note in found[0]["relief"]["notes"])


def test_nested_offsets_have_a_proof_and_no_line_beats_another(tmp_path):
    """A Dow option beside S&P and Russell nests offsets."""
    dow = "MM1,DJX,broad-index,1,270,call,280,0.13,european,,0.15,-10,100,0.024,0.02\n"
    (tmp_path / "dow.csv").write_text(INDEX.read_text() + dow)
    found = _json(tmp_path, positions=tmp_path / "dow.csv", relief="50000", group="MM1")[0]["relief"]
    told = [found["answer"], *found["menu"]]

    assert found["answer"]["freed"] >= 50_000.0
    assert 0.0 < found["answer"]["cost_at_least"] <= found["answer"]["cost"] * (1.0 + 1e-9)
    assert found["menu"][-1]["status"] == "the most that can be freed"
    assert not [
        (one["cost"], other["cost"])
        for one in told
        for other in told
        if other["freed"] >= one["freed"] and other["cost"] < one["cost"] - 1e-6
    ]


def test_the_mark_of_a_series_that_is_held_is_told_once(tmp_path):
    """The middle of bid and ask marks the others alone; a quote that no call can have is told."""
    head, held, *_ = INDEX.read_text().splitlines()
    names = [name for name in head.split(",") if name not in ("group", "price", "vol", "quantity")]
    row = dict(zip(head.split(","), held.split(","), strict=True))
    text = [",".join((*names, "bid", "ask", "bid_size", "ask_size", "fee"))]
    text += [",".join((*(row[name] for name in names), "5000", "5010", "10", "10", "0"))]
    (tmp_path / "above.csv").write_text("\n".join(text) + "\n")
    notes = _json(tmp_path, candidates=tmp_path / "above.csv", group="MM1")[0]["relief"]["notes"]

    assert any("the series is held, and index-options.csv line 2 marks it" in one for one in notes)
    assert any("no call is worth more than its underlying" in one for one in notes)
    assert any(one.endswith("the middle of bid and ask is the mark, where it is not held") for one in notes)


def test_an_account_that_cannot_be_told_has_no_relief(tmp_path):
    """Null with its reason, never 0; the others are answered."""
    (tmp_path / "odd.csv").write_text(INDEX.read_text().replace("12.30", "2990"))
    odd, other = _json(tmp_path, positions=tmp_path / "odd.csv")

    assert odd["relief"]["answer"]["freed"] is None
    assert odd["relief"]["answer"]["status"] == "the requirement cannot be told"
    assert "relief.answer.freed" in {one["path"] for one in odd["reasons"]}
    assert other["relief"]["answer"]["freed"] > 0.0


@pytest.mark.parametrize(
    ("options", "where", "words"),
    [
        ({"method": "span"}, "--candidates", "--method rbh, --method pm"),
        ({"method": "pme", "candidates": None}, "--relief", "--method rbh, --method pm"),
        ({"candidates": None}, "--candidates", "both or neither"),
        ({"relief": None}, "--relief", "both or neither"),
        ({"relief": "0"}, "--relief", "an amount above 0"),
        ({"relief": "all"}, "--relief", "or max"),
        ({"relief": "nan"}, "--relief", "an amount above 0"),
    ],
)
def test_options_that_do_not_fit_are_told(options, where, words):
    """Before any work, with what is offered."""
    told = _faults(**options)

    assert told[0].where == where
    assert words in told[0].expected


def test_faults_of_candidates_are_told_by_row(tmp_path):
    """An account that is not there, and an underlying without a range."""
    (tmp_path / "a.csv").write_text(LISTED.read_text().replace("MM2,SSO", "MM9,SSO"))
    (tmp_path / "b.csv").write_text(LISTED.read_text().replace("MM2,SSO,leveraged-etf,2", "MM2,CL,future,1"))

    assert [one.where for one in _faults(candidates=tmp_path / "a.csv")] == ["a.csv line 13 column group"]
    assert [one.where for one in _faults(candidates=tmp_path / "b.csv")] == [
        "b.csv line 13 column product_class"
    ]
