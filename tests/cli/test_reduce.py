"""`flatbook reduce` on the synthetic day: the table and what stands behind it, the files, and what bad input does."""

import json
import re

import numpy as np
import pytest

from flatbook.cli.reduce import _above_the_first
from flatbook.engine.levers import JOINT, NOTHING, OPTIONS, QUOTES
from flatbook.sim.chance import Chance
from tests.cli.test_plan import EXAMPLE, flatbook
from tests.reports.nulls import unexplained

_SEED = 3


def reduce(*args):
    """Run the command as a person would."""
    return flatbook("reduce", *args)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The command alone, with its files."""
    folder = tmp_path_factory.mktemp("reduce")
    done = reduce("--json", folder / "r.json", "--html", folder / "r.html")
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads((folder / "r.json").read_text()), (folder / "r.html").read_text()


@pytest.fixture(scope="module")
def report(run):
    """What it wrote as JSON."""
    return run[1]


def lever(report, name):
    """One row of the table."""
    return next(one for one in report["levers"] if one["name"] == name)


def test_alone_it_runs_on_a_synthetic_day_and_prints_the_table(run):
    """Levers, limits, plan, quotes, menu, slides; nothing of it ever traded, and it says so."""
    text = run[0]

    assert "SYNTHETIC" in text
    for title in ("LEVERS, USD", "LIMITS", "JOINT PLAN", "QUOTES BRING", "MENU", "SLIDES"):
        assert title in text
    for one in run[1]["levers"]:
        assert re.search(rf"^{one['name']} ", text, re.MULTILINE)


def test_the_joint_plan_keeps_every_limit_that_the_crowd_broke(report):
    """And the table says of each lever which it leaves."""
    used = np.array([row["utilisation"] for row in report["limits"]], dtype=float)

    assert lever(report, NOTHING)["limits_broken"] > 0
    assert lever(report, JOINT)["limits_broken"] == 0
    for at, one in enumerate(report["levers"]):
        assert one["limits_broken"] == int((~(used[:, at] < 1.0)).sum())
        assert one["worst_utilisation"] == pytest.approx(used[:, at].max())


def test_totals_are_cost_and_risk_and_the_joint_plan_wins_only_if_it_does(report):
    """The headline speaks of the same numbers."""
    rows = report["levers"]
    joint = rows[-1]

    assert joint["name"] == JOINT
    for one in rows:
        assert one["total_usd"] == pytest.approx(one["cost_usd"] + one["risk_usd"], rel=1e-12)
    cheaper = [one for one in rows[:-1] if one["total_usd"] <= joint["total_usd"]]
    assert report["header"]["joint_wins"] is (not cheaper and joint["limits_broken"] == 0)
    assert all(one["limits_broken"] for one in cheaper)


def test_packages_and_legs_are_the_plan(report):
    """Every contract in one package; their costs add up to what the lever costs."""
    plan = report["plan"]
    legs = {leg["symbol"]: leg["contracts"] for leg in plan["legs"]}
    packed = {}
    for package in plan["packages"]:
        assert package["reason"]
        for leg in package["legs"]:
            packed[leg["symbol"]] = packed.get(leg["symbol"], 0) + leg["contracts"]

    assert packed == legs
    for parts in (plan["legs"], plan["packages"]):
        assert sum(one["cost_usd"] for one in parts) == pytest.approx(lever(report, JOINT)["cost_usd"])
    assert lever(report, JOINT)["legs"] == len(legs)


def test_a_contract_alone_that_closes_a_position_says_so(report):
    """Of those held the other way, how many."""
    held = {leg["symbol"]: leg for leg in report["plan"]["legs"]}
    alone = [one for one in report["plan"]["packages"] if one["kind"] == "outright"]
    closing = [one for one in alone if "closes" in one["reason"]]

    assert closing
    for one in alone:
        (leg,) = one["legs"]
        before = held[leg["symbol"]]["held_before"]
        assert ("closes" in one["reason"]) is (before * leg["contracts"] < 0)
        if "closes" in one["reason"]:
            assert f"{abs(before):,d} sold" in one["reason"] or f"{abs(before):,d} bought" in one["reason"]


def test_quotes_bring_what_the_book_is_short_of(report):
    """The crowd bought; leaned quotes buy back, and cost nothing by themselves."""
    expected, quotes = report["plan"]["expected"], lever(report, QUOTES)

    assert expected["bought"] > 10.0 * expected["sold"]
    assert expected["vega_usd_per_point"] > 0.0
    assert expected["bought"] + expected["sold"] == pytest.approx(lever(report, JOINT)["expected_contracts"])
    assert quotes["cost_usd"] == quotes["legs"] == 0
    assert quotes["risk_usd"] < lever(report, NOTHING)["risk_usd"]
    assert lever(report, OPTIONS)["expected_contracts"] == 0.0


def test_slides_are_zero_where_nothing_moves_and_tell_the_gap_losses_of_the_table(report):
    """Before: doing nothing. After: the joint plan."""
    slides = report["slides"]
    still = slides["moves"].index(0.0), slides["shifts_points"].index(0.0)
    gaps = [slides["moves"].index(move) for move in (-0.2, -0.1, -0.05, 0.05, 0.1, 0.2)]
    for grids, name in (("before", NOTHING), ("after", JOINT)):
        desk, *parts = (np.array(one["pnl_usd"], dtype=float) for one in slides[grids])

        assert desk[still] == 0.0
        assert desk == pytest.approx(sum(parts), rel=1e-9, abs=1e-6)
        assert lever(report, name)["gap_loss_usd"] == pytest.approx(-min(desk[gaps, still[1]].min(), 0.0))
        assert lever(report, name)["slide_loss_usd"] == pytest.approx(-desk.min())


def test_each_null_has_a_reason(report):
    """And no number is anything but finite."""
    assert unexplained(json.dumps(report)) == []


def test_the_page_works_without_a_network_and_shows_both_slides(run):
    """No script, no address outside itself."""
    page = run[2]

    assert "http" not in re.sub(r"http-equiv", "", page)
    assert "<script" not in page
    assert page.count("P&amp;L of desk over spot and volatility") == 2
    assert run[1]["header"]["headline"] in page


def test_a_book_is_reduced_as_it_is_and_the_same_question_has_the_same_answer(tmp_path):
    """The example's own fills, at a desk that expects no customers: quotes are told to bring nothing."""
    asked = ("--market", EXAMPLE, "--config", EXAMPLE / "desk.toml", "--book", EXAMPLE / "fills.csv")
    first, second = (reduce(*asked, "--json", tmp_path / f"{n}.json") for n in "ab")
    report = json.loads((tmp_path / "a.json").read_text())

    assert first.returncode == 0, first.stderr
    assert first.stdout.replace("a.json", "b.json") == second.stdout
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert unexplained(json.dumps(report)) == []
    assert report["header"]["book"] == "fills.csv"
    assert report["header"]["flow_expected"] is False
    assert report["plan"]["expected"]["series"] == []
    assert "no customers" in first.stdout


def test_the_crowd_is_that_of_its_seed_size_and_underlying(tmp_path):
    """Other customers, another book."""
    done = reduce(
        "--customers", 40, "--seed", _SEED, "--contracts", 1, "--underlying", "ACME", "--json", tmp_path / "r.json"
    )  # fmt: skip
    header = json.loads((tmp_path / "r.json").read_text())["header"]

    assert done.returncode == 0, done.stderr
    assert header["underlyings"] == ["ACME"]
    assert header["contracts_held"] <= 40
    assert f"seed {_SEED}" in header["book"]


@pytest.mark.parametrize("mean", [1.0, 1.5, 3.0, 10.0])
def test_sizes_have_the_mean_that_was_asked_for(mean):
    """Whole contracts above the first, drawn as the crowd draws them; 4 standard errors."""
    chance, above = Chance(_SEED), _above_the_first(mean)
    sizes = np.array([1 + int(chance.wait(above)) if above else 1 for _ in range(20_000)])

    assert sizes.mean() == pytest.approx(mean, abs=4.0 * sizes.std() / np.sqrt(sizes.size) + 1e-12)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--market", EXAMPLE), "--config"),
        (("--config", EXAMPLE / "desk.toml"), "--market"),
        (("--book", EXAMPLE / "fills.csv"), "--book"),
        (("--at", "2027-01-06T20:00Z"), "--at"),
        (("--customers", 0), "--customers"),
        (("--contracts", 0.5), "--contracts"),
        (("--seed", -1), "--seed"),
        (("--underlying", "NONE"), "NONE"),
        (("--json", "/nowhere/r.json"), "no folder"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_question_that_cannot_be_answered_is_told_as_a_fault(args, told):
    """Exit code 2, what was found, what to do; never a trace."""
    done = reduce(*args)

    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_book_and_a_crowd_are_one_too_many(tmp_path):
    """As is a book without a position."""
    here = ("--market", EXAMPLE, "--config", EXAMPLE / "desk.toml", "--book")
    flat = tmp_path / "flat.csv"
    flat.write_text((EXAMPLE / "fills.csv").read_text().splitlines()[0] + "\n")

    both = reduce(*here, EXAMPLE / "fills.csv", "--customers", 5)
    none = reduce(*here, flat)

    assert (both.returncode, none.returncode) == (2, 2)
    assert "leave one of them out" in both.stderr
    assert "nothing is held" in none.stderr
