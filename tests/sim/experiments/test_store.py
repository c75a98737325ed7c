"""Finished runs come back as they were; torn lines cost one run, foreign files nothing."""

import pytest

from flatbook.model.errors import FaultsError
from flatbook.sim.experiments.day_figures import outcome_of
from flatbook.sim.experiments.store import Results, code_version, run_key
from tests.sim.experiments.fakes import run_day


@pytest.fixture(scope="module")
def runs():
    """Three of them, by key."""
    return {f"k{seed}": outcome_of(run_day("joint", seed), curves=seed == 1) for seed in (1, 2, 3)}


def test_what_is_kept_comes_back(tmp_path, runs):
    """Every figure to the bit, curves where they were kept."""
    file = tmp_path / "r.jsonl"
    Results(file).add(runs.items())
    again = Results(file)

    assert {key: again.get(key) for key in runs} == runs
    assert again.get("k1", curves=True) == runs["k1"]
    assert again.get("k2", curves=True) is None
    assert again.get("other") is None


def test_a_line_that_was_cut_short_costs_one_run_wherever_it_was_cut(tmp_path, runs):
    """Those before and after it are kept."""
    file = tmp_path / "r.jsonl"
    Results(file).add(runs.items())
    whole = file.read_bytes()
    start = whole.rstrip().rfind(b"\n") + 1
    for cut in (start, start + 1, start + 5, start + 300, len(whole) - 2):
        file.write_bytes(whole[:cut])
        torn = Results(file)

        assert torn.get("k3") is None
        assert torn.get("k2") == runs["k2"]
        torn.add([("k4", runs["k1"])])
        assert Results(file).get("k4") == runs["k1"]
        assert Results(file).get("k2") == runs["k2"]


def test_two_writers_do_not_lose_each_others_runs(tmp_path, runs):
    """Only ever added to."""
    first, second = Results(tmp_path / "r.jsonl"), Results(tmp_path / "r.jsonl")
    first.add([("k1", runs["k1"])])
    second.add([("k2", runs["k2"])])
    first.add([("k3", runs["k3"])])

    assert all(Results(tmp_path / "r.jsonl").get(key) == run for key, run in runs.items())


def test_the_later_of_two_lines_counts(tmp_path, runs):
    """A run that was done again with its curves."""
    results = Results(tmp_path / "r.jsonl")
    results.add([("k1", runs["k2"])])
    results.add([("k1", runs["k1"])])

    assert Results(tmp_path / "r.jsonl").get("k1", curves=True) == runs["k1"]


@pytest.mark.parametrize("text", ["my notes", '{"desk": 1}\n', "a,b\n1,2\n"])
def test_a_file_of_something_else_is_never_written_to(tmp_path, text):
    """It is told, and left as it was."""
    file = tmp_path / "notes.txt"
    file.write_text(text)

    with pytest.raises(FaultsError, match=r"notes\.txt"):
        Results(file)
    assert file.read_text() == text


def test_keys_tell_apart_everything_that_a_run_depends_on():
    """Scenario, policy, seed, code; no two texts run into each other."""
    keys = {run_key(*each) for each in (("a", "b", 1, "v"), ("ab", "", 1, "v"), ("a", "b", 2, "v"), ("a", "b", 1, "w"), ("a", "c", 1, "v"))}  # fmt: skip

    assert len(keys) == 5
    assert run_key("a", "b", 1, "v") in keys
    assert code_version() == code_version()
