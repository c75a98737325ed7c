"""`flatbook simulate`: what it runs and keeps, how it goes on after an interruption, and what bad input does. Days here are made up by a fake."""

import json
from io import StringIO

import pytest
from rich.console import Console

from flatbook.cli import simulate
from flatbook.cli.simulate import Wanted, find_scenario, make_simulation
from flatbook.cli.simulate_runs import INTERRUPTED, Work, outcomes_of
from flatbook.model.errors import FaultsError
from flatbook.sim.experiments.store import Results
from flatbook.sim.policies import POLICIES, Policy
from tests.cli.test_plan import flatbook
from tests.sim.experiments import fakes

SEEDS = 4


@pytest.fixture
def ran(monkeypatch):
    """Every (policy, seed) that the fake was asked for; the policies are the fake's."""
    asked = []

    def run(policy, seed):
        asked.append((policy, seed))
        return fakes.run_day(policy, seed)

    monkeypatch.setattr(simulate, "run_of", lambda _: run)
    few = {
        name: Policy(name=name, what=f"{name} it", obeys_limits=True, of=lambda desk: desk)
        for name in fakes.POLICIES
    }
    monkeypatch.setattr(simulate, "POLICIES", few)
    return asked


@pytest.fixture
def scenario(tmp_path):
    """A scenario file with its desk."""
    from importlib.resources import files

    (tmp_path / "desk.toml").write_bytes((files("flatbook.sim") / "desk.toml").read_bytes())
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\ntitle = "A day of mine"\n[prices]\n')
    return path


def wanted(path, tmp_path, **changes):
    """What a person asks for."""
    told = {
        "scenario": str(path), "seeds": SEEDS, "first_seed": 1, "policies": None, "reference": None, "jobs": 1, "pictures": 1,
        "results": tmp_path / "r.jsonl", "json": tmp_path / "s.json", "html": None, "listing": False, "quiet": False,
    }  # fmt: skip
    return Wanted(**(told | changes))


def test_it_runs_every_policy_on_the_same_seeds_and_writes_what_was_asked_for(
    scenario, tmp_path, ran, capsys
):
    """Table, JSON, page."""
    make_simulation(wanted(scenario, tmp_path, html=tmp_path / "s.html"))
    report = json.loads((tmp_path / "s.json").read_text())

    assert sorted(ran) == sorted((name, seed) for name in fakes.POLICIES for seed in range(1, SEEDS + 1))
    assert report["header"]["seeds"] == [1, 2, 3, 4]
    assert report["header"]["reference"] == "joint"
    assert [one["name"] for one in report["days"]] == ["warehouse 1", "delta 1", "joint 1"]
    assert report["header"]["headline"] in (tmp_path / "s.html").read_text()
    assert "RESULT, USD a day" in capsys.readouterr().out


def test_a_rerun_does_only_what_is_missing_and_says_the_same(scenario, tmp_path, ran):
    """Two seeds first, then all four; the file is that of one go."""
    make_simulation(wanted(scenario, tmp_path, seeds=2))
    first = len(ran)
    make_simulation(wanted(scenario, tmp_path))
    make_simulation(wanted(scenario, tmp_path, results=tmp_path / "other.jsonl", json=tmp_path / "o.json"))

    assert first == 2 * len(fakes.POLICIES)
    assert sorted(ran[first : 2 * first]) == sorted(
        (name, seed) for name in fakes.POLICIES for seed in (3, 4)
    )
    assert len(ran) == 4 * first
    assert (tmp_path / "s.json").read_bytes() == (tmp_path / "o.json").read_bytes()


def test_a_changed_scenario_or_desk_is_run_again(scenario, tmp_path, ran):
    """And so is a seed that is now to be drawn, with the others left alone."""
    make_simulation(wanted(scenario, tmp_path, policies="joint"))
    make_simulation(wanted(scenario, tmp_path, policies="joint", pictures=2))
    assert ran[SEEDS:] == [("joint", 2)]

    desk = scenario.parent / "desk.toml"
    desk.write_text(desk.read_text() + "\n# changed\n")
    make_simulation(wanted(scenario, tmp_path, policies="joint"))
    assert len(ran) == 2 * SEEDS + 1


def work(run, seeds=range(1, SEEDS + 1)):
    """An experiment of the fake."""
    return Work(
        scenario="mine", scenario_hash="h", version="v", policies=tuple(fakes.POLICIES), seeds=tuple(seeds), drawn=frozenset(), run=run,
    )  # fmt: skip


def test_processes_side_by_side_say_what_one_says(tmp_path):
    """The outcomes are the same to the bit."""
    quiet, seeds = Console(file=StringIO()), 5
    asked = work(fakes.run_day, range(1, seeds + 1))
    beside = outcomes_of(asked, Results(tmp_path / "2.jsonl"), quiet, 2)
    alone = outcomes_of(asked, Results(tmp_path / "1.jsonl"), quiet, 1)

    assert beside == alone
    assert len(alone) == seeds * len(fakes.POLICIES)


def test_an_interrupt_keeps_what_is_done_and_the_next_go_does_the_rest(tmp_path):
    """As Ctrl-C in the middle of the fifth day."""
    done = []

    def run(policy, seed):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append((policy, seed))
        return fakes.run_day(policy, seed)

    said = Console(file=StringIO(), width=200)
    with pytest.raises(SystemExit) as stopped:
        outcomes_of(work(run), Results(tmp_path / "r.jsonl"), said, 1)
    again = []

    def rest(policy, seed):
        again.append((policy, seed))
        return fakes.run_day(policy, seed)

    outcomes_of(work(rest), Results(tmp_path / "r.jsonl"), said, 1)

    assert stopped.value.code == INTERRUPTED
    assert "8 runs are left" in said.file.getvalue()
    assert len(again) == 8
    assert not set(done) & set(again)


def broken_day(policy, seed):
    """A day that does not add up, of one policy on one seed."""
    record = fakes.run_day(policy, seed)
    if (policy, seed) == ("delta", 3):
        msg = "parts add up to nothing"
        raise AssertionError(msg)
    return record


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_day_that_fails_tells_how_to_repeat_it_and_the_others_are_kept(tmp_path, jobs):
    """The exception is the day's own, with a note."""
    results = Results(tmp_path / "r.jsonl")
    asked = work(broken_day)
    with pytest.raises(AssertionError, match="parts add up") as failed:
        outcomes_of(asked, results, Console(file=StringIO()), jobs)

    assert (
        "flatbook simulate mine --policies delta --first-seed 3 --seeds 1 --jobs 1"
        in failed.value.__notes__[0]
    )
    kept = Results(tmp_path / "r.jsonl")
    assert all(kept.get(asked.key(policy, seed)) for policy in fakes.POLICIES for seed in (1, 2))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"policies": "joint,wharehouse"}, "did you mean warehouse"),
        ({"policies": " , "}, "--policies"),
        ({"reference": "delta", "policies": "joint"}, "--reference"),
        ({"seeds": 0}, "--seeds"),
        ({"first_seed": -1}, "--first-seed"),
        ({"jobs": 0}, "--jobs"),
        ({"pictures": 21}, "--pictures"),
        ({"scenario": "nowhere.toml"}, "no file is"),
        ({"json": "/nowhere/s.json"}, "no folder"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_run_is_told_before_anything_runs(scenario, tmp_path, ran, changes, told):
    """What was found, what was expected, what to do."""
    from pathlib import Path

    changes = changes | ({"json": Path(changes["json"])} if "json" in changes else {})
    with pytest.raises(FaultsError) as failed:
        make_simulation(wanted(scenario, tmp_path, **changes))

    assert told in str(failed.value)
    assert ran == []
    assert not (tmp_path / "r.jsonl").exists()


def test_an_output_is_never_the_scenario(scenario, tmp_path, ran):
    """It would be written over."""
    with pytest.raises(FaultsError, match="an input"):
        make_simulation(wanted(scenario, tmp_path, json=scenario))


def test_alone_it_tells_what_there_is():
    """Every policy, every shipped scenario, how to begin; on a terminal of a person."""
    done = flatbook("simulate")

    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in POLICIES)
    assert all(name in done.stdout for name in simulate.shipped_scenarios())
    assert "flatbook simulate" in done.stdout


def test_an_unknown_name_is_a_fault_with_exit_code_2():
    """And never a trace."""
    done = flatbook("simulate", "no-such-day")

    assert done.returncode == 2
    assert "no-such-day" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_path_may_be_given_for_a_name(scenario):
    """As it is."""
    assert find_scenario(str(scenario)) == scenario
