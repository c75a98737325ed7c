"""`flatbook simtest`: what it tells of failures and faults, its exit code, and what bad input does. Days here are made up by a fake."""

import pytest

from flatbook.cli import simtest
from flatbook.cli.simtest import Wanted, run_days
from flatbook.model.errors import FaultsError
from flatbook.sim.checks.kinds import FAULT_KINDS
from flatbook.sim.checks.run import Outcome
from flatbook.sim.checks.violation import Failure, Invariant


def wanted(**more):
    """Of one process."""
    said = {"seeds": 3, "first": 5, "seed": None, "jobs": 1, "faults": "all", "quiet": False}
    return Wanted(**said | more)


@pytest.fixture
def days(monkeypatch):
    """Seeds and kinds that were run; seed 6 fails, and nothing but busts happens."""
    ran = []

    def run_seed(seed, kinds):
        ran.append((seed, kinds))
        failure = None
        if seed == 6:
            failure = Failure(
                seed=seed, invariant=Invariant.CASH, at_ns=1_000, after_open_s=12.5, event=77, expected="100 USD",
                found="[bold] 99 USD",
            )  # fmt: skip
        return Outcome(
            seed=seed,
            failure=failure,
            events=100,
            decisions=7,
            trades=2,
            compared_s=60.0,
            happened={"bust": 1},
        )

    monkeypatch.setattr(simtest, "run_seed", run_seed)
    return ran


def test_a_failure_is_told_with_what_shows_it_again(days, capsys):
    """Invariant, instant, event, expected, found, and one command; exit code 1."""
    with pytest.raises(SystemExit) as ended:
        run_days(wanted())
    out = capsys.readouterr().out
    assert ended.value.code == 1
    assert days == [(5, FAULT_KINDS), (6, FAULT_KINDS), (7, FAULT_KINDS)]
    for text in (
        "FAILED cash is what", "12.500 s after the open", "event 77", "100 USD", "[bold] 99 USD", "flatbook simtest --seed 6\n",
        "3 days, 300 events, 21 decisions, 6 trades, 3 minutes of duty compared: 1 FAILED (6)",
    ):  # fmt: skip
        assert text in out
    assert "never happened" not in out


def test_one_seed_and_some_faults(days, capsys):
    """The command of a failure names both."""
    with pytest.raises(SystemExit):
        run_days(wanted(seed=6, faults="bust, kill"))
    assert days == [(6, ("bust", "kill"))]
    assert "flatbook simtest --seed 6 --faults bust,kill" in capsys.readouterr().out
    run_days(wanted(seed=0, faults="none", quiet=True))
    assert days[-1] == (0, ())
    assert capsys.readouterr().out == ""


def test_a_kind_that_never_happened_is_told(days, capsys):
    """Over fifty days or more."""
    run_days(wanted(seeds=50, first=100, faults="bust,kill,full_disk"))
    out = capsys.readouterr().out
    assert len(days) == 50
    assert "never happened: kill, full_disk" in out
    assert "all passed" in out


@pytest.mark.parametrize(
    ("more", "where"),
    [({"faults": "bust,kil"}, "--faults"), ({"seeds": 0}, "--seeds"), ({"first": -1}, "--from"), ({"jobs": 1000}, "--jobs")],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(days, more, where):
    """Nothing is run."""
    with pytest.raises(FaultsError) as refused:
        run_days(wanted(**more))
    assert [each.where for each in refused.value.faults] == [where]
    assert not days
