"""`flatbook journal`: what a person sees of a whole journal, and of a damaged one."""

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from flatbook.cli.journal import journal_app
from flatbook.cli.main import main
from flatbook.engine.decision import decision_of, encode_decision
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.journal.reading import beside
from flatbook.journal.replay import read_facts, verify
from flatbook.journal.store import Journal
from flatbook.model.events import CycleDue, Fill
from tests.cli.test_plan import flatbook
from tests.worlds import fill, index_facts

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """Facts, two fills, a cycle and its decision; closed."""
    path = tmp_path_factory.mktemp("day") / "day.journal"
    fills = (fill(1, "IDXW030C5000", "sell", 10, 90.0), fill(2, "IDXW030P5000", "buy", 5, 80.0))
    state = State()
    with closing(Journal.create(path, {"flatbook": "test"})) as journal, journal.batch():
        for fact in index_facts(days=(30,), width=0.05, fills=fills):
            cycle = step(state, journal.append(fact))
        journal.append_decision(encode_decision(decision_of(cycle)), cycle.sequence)
    return path


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command in this process: a subprocess takes seconds to start."""

    def command(*args):
        monkeypatch.setattr(sys, "argv", ["flatbook", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return CompletedProcess(args, ended.value.code, out, err)

    return command


@pytest.fixture
def broken(day, tmp_path):
    """Its fifth record was edited."""
    path = tmp_path / "broken.journal"
    path.write_bytes(day.read_bytes())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE records SET payload = CAST(payload || x'00' AS BLOB) WHERE sequence = 5")
        connection.commit()
    return path


def test_a_whole_journal_is_told_in_figures(day, run):
    done = run("journal", "verify", day)
    found = verify(day)

    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"{day}: chain holds, closed in order"
    assert [line.split() for line in lines[1:4]] == [
        ["events", str(found.events)],
        ["decisions", "1"],
        ["head", found.head.hex()],
    ]
    assert "flatbook test" in lines[4]


def test_a_head_written_down_proves_what_was_there_then(day, tmp_path, run):
    path, kept = tmp_path / "day.journal", verify(day).head.hex()
    path.write_bytes(day.read_bytes())
    count = verify(day).events + verify(day).decisions
    assert (
        f"stood after record {count}, the last one" in run("journal", "verify", path, "--head", kept).stdout
    )
    journal = Journal.resume(path)
    journal.append(CycleDue(received_ns=1, reason="timer"))
    journal.connection.close()
    done = run("journal", "verify", path, "--head", kept.upper())

    assert done.returncode == 0
    assert "not closed" in done.stdout
    assert f"stood after record {count}; 1 followed" in done.stdout
    for head, words in (
        ("00" * 32, "is not in it"),
        ("xyz", "64 hexadecimal digits"),
        ("ab", "64 hexadecimal"),
    ):
        done = run("journal", "verify", path, "--head", head)
        assert done.returncode == 2
        assert words in done.stderr


def test_the_first_wrong_record_is_named(broken, tmp_path, run):
    for command in (("verify", broken), ("replay", broken), ("export", broken, "--out", tmp_path / "o")):
        done = run("journal", *command)
        assert (done.returncode, done.stdout) == (2, "")
        assert "record 5: its content" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["broken.journal"]
    assert run("journal", "verify", tmp_path / "nowhere").returncode == 2


def test_every_record_is_a_line_that_says_what_the_journal_says(day, tmp_path, run):
    out = tmp_path / "day.jsonl"
    done = run("journal", "export", day, "--out", out)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    facts = list(read_facts(day))

    assert done.returncode == 0, done.stderr
    assert f"{len(lines)} records of {day} in {out}" in done.stdout
    assert [line["sequence"] for line in lines] == list(range(1, len(facts) + 2))
    assert [line["type"] for line in lines] == [*(type(fact).__name__ for fact in facts), "Decision"]
    assert {(line["kind"], line["cause"]) for line in lines[:-1]} == {("event", 0)}
    assert all(list(line) == ["sequence", "kind", "cause", "type", "fields"] for line in lines)
    last = lines[-1]
    assert (last["kind"], last["cause"]) == ("decision", facts[-1].sequence)
    assert {"limits", "hedges", "symbols", "bid_ticks", "orders", "exposure"} <= set(last["fields"])
    told = next(line for line in lines if line["type"] == "Fill")["fields"]
    first = next(fact for fact in facts if isinstance(fact, Fill))
    assert told["fill_id"] == first.fill_id
    assert all(getattr(first, name) == value for name, value in told.items())
    assert not {"type", "sequence"} & set(told)


def test_only_what_was_asked_for_is_written(day, broken, tmp_path, run):
    out = tmp_path / "part.jsonl"

    def exported(path, *options):
        done = run("journal", "export", path, "--out", out, *options)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in out.read_text().splitlines()]

    fills = [fact.sequence for fact in read_facts(day) if isinstance(fact, Fill)]
    assert [line["sequence"] for line in exported(day, "--types", "Fill")] == fills
    assert [line["type"] for line in exported(day, "--types", "Fill, Decision")] == [
        "Fill",
        "Fill",
        "Decision",
    ]
    assert [line["sequence"] for line in exported(day, "--from", 2, "--to", 3)] == [2, 3]
    assert exported(day, "--from", 10**6) == []
    assert len(exported(broken, "--to", 4)) == 4
    assert not list(tmp_path.glob("*.part"))


def test_what_cannot_be_exported_is_told_at_once(day, tmp_path, run):
    done = run("journal", "export", day, "--out", day, "--types", "Fill,Gossip", "--from", 3, "--to", 2)

    assert done.returncode == 2
    for words in ("3 faults", "an input", "'Gossip'", "DeskSet", "after --to 2"):
        assert words in done.stderr
    raw = day.read_bytes()
    assert run("journal", "export", day, "--out", beside(day, "wal")).returncode == 2
    assert day.read_bytes() == raw


def test_replay_of_a_part_and_of_all_is_the_old_command(day, broken, run):
    old, new = run("replay", day), run("journal", "replay", day)
    assert (old.returncode, old.stdout) == (new.returncode, new.stdout)
    assert "chain holds, closed in order" in new.stdout
    assert "the same to the byte" in new.stdout
    part = run("journal", "replay", broken, "--until", 4)
    assert part.returncode == 0, part.stderr
    assert "up to record 4: 4 events and 0 decisions" in part.stdout


def test_a_cycle_without_its_decision_is_told_and_is_no_fault(day, tmp_path, run):
    path = tmp_path / "day.journal"
    with closing(Journal.create(path)) as journal:
        for fact in read_facts(day):
            journal.append(fact)
    done = run("journal", "replay", path)

    assert done.returncode == 0, done.stderr
    assert f"cycles due without a decision: 1 (events {journal.sequence})" in done.stdout


def test_a_shell_sees_the_exit_code(broken):
    done = flatbook("journal", "verify", broken)

    assert done.returncode == 2
    assert done.stderr.startswith("flatbook: record 5: its content")


@pytest.mark.parametrize("command", [c.name or c.callback.__name__ for c in journal_app.registered_commands])
def test_every_command_explains_itself_and_is_in_the_reference(command, run):
    shown = run("journal", command, "--help")

    assert shown.returncode == 0
    assert f"flatbook journal {command}" in shown.stdout
    assert f"flatbook journal {command}" in (DOCS / "commands.md").read_text(encoding="utf-8")
