"""The report of an experiment: the same numbers in file, console and page; nulls with reasons; sentences that are true."""

import json
import re
from io import StringIO

import numpy as np
import pytest
from msgspec.structs import replace
from rich.console import Console

from flatbook.reports.simulation_charts import plots_of
from flatbook.reports.simulation_console import print_simulation
from flatbook.reports.simulation_html import render_simulation
from flatbook.reports.simulation_report import Told, encode_simulation, simulation_report
from flatbook.reports.simulation_story import UNACCOUNTED
from flatbook.sim.experiments.day_figures import outcome_of
from flatbook.sim.experiments.outcome import BreachTold
from flatbook.sim.experiments.summary import summarise
from tests.reports.nulls import unexplained
from tests.sim.experiments.fakes import POLICIES, run_day

SEEDS = range(1, 13)
EVIL = "</script><b>joint"
TOLD = Told(text="A fake <day>", policies={"joint": "hedges & offsets"}, synthetic=True, notes=("a note",))


@pytest.fixture(scope="module")
def outcomes():
    """Every policy on every seed, the first drawn."""
    return [outcome_of(run_day(policy, seed), curves=seed == 1) for seed in SEEDS for policy in POLICIES]


def reported(outcomes, policies=tuple(POLICIES), reference="joint"):
    """The report of them."""
    summary = summarise(outcomes, policies=policies, reference=reference, aversion_per_usd=1e-3)
    return simulation_report(summary, TOLD)


@pytest.fixture(scope="module")
def report(outcomes):
    """Of all."""
    return reported(outcomes)


@pytest.fixture(scope="module")
def told(report):
    """As JSON."""
    return json.loads(encode_simulation(report))


def printed(report):
    """As a person reads it."""
    console = Console(file=StringIO(), width=160)
    print_simulation(report, console)
    return console.file.getvalue()


def test_the_file_holds_every_figure_of_every_policy(told, outcomes):
    """Names are unique; the runs are the outcomes'; what is null has a reason."""
    names = [one["name"] for one in told["figures"]]
    by_run = {(one["policy"], one["seed"]): one["pnl_usd"] for one in told["runs"]}

    assert len(set(names)) == len(names)
    assert all(len(one["values"]) == len(one["differences"]) == len(POLICIES) for one in told["figures"])
    assert by_run == {(one.policy, one.seed): one.figures["pnl_usd"] for one in outcomes}
    assert unexplained(json.dumps(told)) == []
    assert told["schema"] == "flatbook.simulate/1"
    assert told["synthetic"] is True


def test_the_same_runs_give_the_same_bytes(report, outcomes):
    """Whatever their order."""
    assert encode_simulation(reported(outcomes[::-1])) == encode_simulation(report)


def test_limits_count_days_and_time(told, outcomes):
    """Mean over days of the share of time."""
    for at, policy in enumerate(POLICIES):
        own = [one.limits[1] for one in outcomes if one.policy == policy]
        row = told["limits"][1]

        assert row["over_share"][at] == pytest.approx(np.mean([one.over_share for one in own]))
        assert row["days_over"][at] == sum(one.over_share > 0.0 for one in own)
        assert row["most"][at] == max(one.most for one in own)


def test_the_headline_names_the_best_and_the_interval_against_the_reference(report):
    """The largest mean-variance outcome."""
    row = report.figure("objective_usd")
    best = report.header.policies[int(np.argmax([one.value for one in row.values]))]

    assert report.header.headline.startswith(f"{best} has the best mean-variance outcome over 12 days")
    assert ("against joint" in report.header.headline) is (best != "joint")


def test_breaches_that_nothing_explains_are_shouted(outcomes):
    """Every other is accounted for, and it says so."""
    lost = BreachTold(at_s=60.0, limit="desk delta_usd", utilisation=1.2, cause=UNACCOUNTED)
    worse = [
        replace(one, breaches=(lost,))
        if (one.policy, one.seed) == ("joint", 4)
        else replace(one, breaches=())
        for one in outcomes
    ]
    some, none = reported(worse), reported([replace(one, breaches=()) for one in outcomes])

    assert "NOTHING THAT EXPLAINS IT (joint seed 4)" in some.header.sentences[-1]
    assert "unaccounted" in printed(some)
    assert some.breaches[0].seeds == (4,)
    assert none.header.sentences[-1] == "No limit was told to be exceeded"


def test_every_time_is_accounted_for_where_it_is(report):
    """The fakes' own are gaps."""
    assert report.header.sentences[-1].endswith("every time is accounted for")


def test_the_console_tells_every_table_within_its_width(report):
    """No line is wider than asked for."""
    text = printed(report)

    for title in (
        "RESULT, USD a day",
        "FROM, USD a day",
        "EXPOSURE, SD",
        "KEPT",
        "LEFT, SD",
        "AGAINST joint",
        "LIMITS EXCEEDED",
    ):
        assert title in text
    assert report.header.headline in text.replace("\n", " ")
    assert "SYNTHETIC" in text
    assert max(map(len, text.splitlines())) <= 160


def test_the_page_works_without_a_network_and_ends_no_script(outcomes):
    """Every picture has a place; a policy that is called like a tag is text."""
    evil = [replace(one, policy=EVIL) if one.policy == "joint" else one for one in outcomes]
    report = reported(evil, policies=("warehouse", EVIL), reference=EVIL)
    page = render_simulation(report)
    own = page.split('<script type="application/json"')[0]
    plots = re.search(r'id="plots">(.*?)</script>', page, re.DOTALL).group(1)

    assert "</script><b>" not in page
    assert "&lt;b&gt;joint" in own
    assert "http" not in re.sub(r"http-equiv", "", own)
    assert set(json.loads(plots)) == {"distribution", "outcome", "explain", "exposure", "days"}
    assert set(re.findall(r'data-plot="(\w+)"', own)) == {"distribution", "outcome", "explain"}
    assert set(re.findall(r'data-day="(\w+)"', own)) == {"exposure", "limits", "quotes", "hedges", "pnl"}


def test_pictures_show_the_days(report):
    """Hard limits dashed where they are near, quotes with the fills beside them, hedges by side, parts that add up."""
    plots = plots_of(report)
    exposure, day = plots["exposure"]["1"], plots["days"][-1]
    hard = [one for one in exposure["data"] if one.get("meta") == "hard"]
    fills = [one for one in day["quotes"]["data"] if one["meta"] in ("bought", "sold")]
    parts = [one for one in plots["explain"]["data"] if one["type"] == "bar"]

    assert sorted({one["y"][0] for one in hard}) == [-60_000.0, -600.0, 1.0, 600.0, 60_000.0]
    assert sum(len(one["x"]) for one in fills) == len(report.days[-1].fills)
    assert all(size > 0 for one in fills if one["meta"] == "bought" for _, size, *_ in one["customdata"])
    assert len(plots["distribution"]["data"]) == len(POLICIES)
    for at in range(len(POLICIES)):
        whole = sum(one["y"][at] for one in parts)
        assert whole == pytest.approx(report.figure("pnl_usd").values[at].value, rel=1e-6)


@pytest.mark.parametrize("days", [1, 2])
def test_a_single_day_or_policy_is_reported_too(outcomes, days):
    """Without intervals where there are none; without a comparison."""
    few = [one for one in outcomes if one.seed <= days]
    report = reported(few, policies=("joint",))

    assert "AGAINST" not in printed(report)
    assert unexplained(encode_simulation(report)) == []
    assert 'id="against"' not in render_simulation(report)
