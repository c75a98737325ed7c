"""The front door: what a person types, what comes out, and what bad input does."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from flatbook.journal.replay import verify

EXAMPLE = Path(__file__).parents[2] / "examples" / "synthetic-day"


def flatbook(*args, cwd=None):
    """Run the command as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "flatbook", *map(str, args)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
        check=False,
    )


@pytest.fixture
def day(tmp_path):
    """A copy of the example that a test may spoil."""
    folder = tmp_path / "day"
    shutil.copytree(EXAMPLE, folder)
    return folder


def plan(day, *more):
    """Plan `day`, writing everything."""
    out = day.parent
    return flatbook(
        "plan", "--book", day / "fills.csv", "--market", day, "--config", day / "desk.toml",
        "--json", out / "r.json", "--html", out / "r.html", "--journal", out / "r.journal", *more,
    )  # fmt: skip


def written(day):
    """What a plan left behind."""
    return sorted(path.name for path in day.parent.iterdir() if path != day)


def test_the_example_is_planned_written_and_replayed(day):
    """The main job, start to end."""
    done = plan(day)
    report = json.loads((day.parent / "r.json").read_text())

    assert done.returncode == 0, done.stderr
    assert "SYNTHETIC" in done.stdout
    assert report["header"]["sources"]["synthetic"] is True
    assert written(day) == ["r.html", "r.journal", "r.json"]
    assert {"inventory", "exposure", "slides", "limits", "hedges", "quotes", "residual"} <= set(report)
    idx = next(hedge for hedge in report["hedges"]["rows"] if hedge["underlying"] == "IDX")
    assert idx["chosen"]["symbol"] == "IDXH27"
    assert idx["chosen"]["side"] == "buy"

    again = flatbook("replay", day.parent / "r.journal")
    assert again.returncode == 0, again.stderr
    assert "the same to the byte" in again.stdout


def test_a_desk_with_a_calendar_sees_variance_time_and_replays(day):
    """Variance years that are not calendar years, an event by name, and a journal that holds the sessions."""
    with (day / "desk.toml").open("a") as file:
        file.write('\n[[event]]\nunderlying = "IDX"\nname = "the report"\ntime = 2027-01-20T18:00:00Z\n')
    _replace("desk.toml", 'haircut = "broad_index"', 'haircut = "broad_index"\ncalendar = "XNYS"')(day)
    done = plan(day)
    report = json.loads((day.parent / "r.json").read_text())
    of_index = [row for row in report["market_health"]["expiries"] if row["underlying"] == "IDX"]
    others = [row for row in report["market_health"]["expiries"] if row["underlying"] != "IDX"]

    assert done.returncode == 0, done.stderr
    assert "the report" in done.stdout
    assert all(abs(row["variance_years"] / (row["days"] / 365.0) - 1.0) > 1e-6 for row in of_index)
    assert all(row["variance_years"] == pytest.approx(row["days"] / 365.0, rel=1e-12) for row in others)
    assert flatbook("replay", day.parent / "r.journal").returncode == 0


def test_two_runs_decide_the_same(day):
    """Same inputs, same chain of hashes."""
    first = plan(day)
    head = verify(day.parent / "r.journal").head
    (day.parent / "r.journal").unlink()
    second = plan(day)

    assert (first.returncode, second.returncode) == (0, 0)
    assert verify(day.parent / "r.journal").head == head


def test_a_decision_that_was_changed_is_found(day):
    """The chain breaks, and replay says where."""
    assert plan(day).returncode == 0
    with sqlite3.connect(day.parent / "r.journal") as connection:
        connection.execute("UPDATE records SET payload = x'00' WHERE kind = 'decision'")
    connection.close()
    done = flatbook("replay", day.parent / "r.journal")

    assert done.returncode == 2
    assert "record" in done.stderr


def _replace(name, old, new):
    def spoil(day):
        text = (day / name).read_text()
        assert old in text
        (day / name).write_text(text.replace(old, new, 1))

    return spoil


def _truncate(day):
    raw = (day / "quotes.csv").read_bytes()
    (day / "quotes.csv").write_bytes(raw[: len(raw) // 2 + 7])


def _duplicate(day):
    lines = (day / "instruments.csv").read_text().splitlines()
    (day / "instruments.csv").write_text("\n".join([*lines, lines[1]]) + "\n")


def _first_fill(column, value):
    def spoil(day):
        lines = (day / "fills.csv").read_text().splitlines()
        names, cells = lines[0].split(","), lines[1].split(",")
        cells[names.index(column)] = value
        (day / "fills.csv").write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n")

    return spoil


def _first_quote(column, value):
    def spoil(day):
        lines = (day / "quotes.csv").read_text().splitlines()
        names, cells = lines[0].split(","), lines[1].split(",")
        cells[names.index(column)] = value
        (day / "quotes.csv").write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n")

    return spoil


def _binary(day):
    (day / "fills.csv").write_bytes(b"\xff\xfe\x00" + (day / "fills.csv").read_bytes())


def _no_quotes(day):
    for name in ("instruments.csv", "quotes.csv"):
        (day / name).write_text((day / name).read_text().splitlines()[0] + "\n")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_truncate, ["quotes.csv"]),
        (_binary, ["fills.csv", "UTF-8"]),
        (_replace("fills.csv", "fill_id", "id"), ["fills.csv", "fill_id"]),
        (_first_fill("price", "nan"), ["fills.csv line 2", "price"]),
        (_first_fill("price", "-3.5"), ["fills.csv line 2", "price"]),
        (_first_fill("symbol", "IDXW270115C99999000"), ["fills.csv line 2", "symbol"]),
        (_first_fill("time", "2027-01-06T10:00:00"), ["fills.csv line 2", "zone"]),
        (_first_fill("quantity", "0"), ["fills.csv line 2", "quantity"]),
        (_first_quote("bid", "-1"), ["quotes.csv line 2", "bid"]),
        (_first_quote("bid", "inf"), ["quotes.csv line 2", "bid"]),
        (_duplicate, ["instruments.csv"]),
        (_no_quotes, ["instruments"]),
        (_replace("desk.toml", "hard = 25_000_000", "hard = -1"), ["desk.toml line", "hard"]),
        (_replace("desk.toml", "vol_of_vol = 0.8", "vol_of_vol = 80.0"), ["desk.toml line", "vol_of_vol"]),
        (_replace("desk.toml", "half_spread_min", "half_spred_min"), ["half_spred_min", "half_spread_min"]),
        (_replace("desk.toml", 'measure = "vega_usd_per_point"', 'measure = "vega_usd"'), ["vega_usd"]),
        (_replace("desk.toml", 'option_class = "ACME"', 'option_class = "ACMEX"'), ["ACMEX"]),
        (_replace("desk.toml", 'haircut = "broad_index"', 'calendar = "XNIX"'), ["calendar", "XNIX"]),
    ],
    ids=[
        "truncated", "not utf-8", "wrong columns", "nan price", "negative price", "unknown symbol", "time without zone",
        "zero quantity", "negative bid", "infinite bid", "duplicate", "empty chain", "limit below zero",
        "absurd volatility", "unknown key", "wrong unit", "missing class", "unknown calendar",
    ],
)  # fmt: skip
def test_bad_input_is_told_in_plain_words_and_nothing_is_written(day, spoil, words):
    """Exit code 2; where, found, expected, to do."""
    spoil(day)
    done = plan(day)

    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for word in (*words, "found", "expected", "to do"):
        assert word in done.stderr
    assert written(day) == []


def test_expired_contracts_in_the_book_are_refused(day):
    """A week later the weeklies are gone; the fills in them must be settled first."""
    done = plan(day, "--at", "2027-01-20T15:00-05:00")

    assert done.returncode == 2
    assert "expired" in done.stderr
    assert written(day) == []


def test_faults_of_all_inputs_are_told_at_once(day):
    """Five faults in three files, five told."""
    _replace("desk.toml", "hard = 25_000_000", "hard = -1")(day)
    _replace("desk.toml", "size_min", "size_mim")(day)
    _first_quote("bid", "-1")(day)
    _first_quote("ask", "nan")(day)
    done = plan(day)

    assert done.returncode == 2
    assert done.stderr.count("expected") >= 4


def test_a_time_without_zone_on_the_command_line_is_refused(day):
    """Two times are no time."""
    done = plan(day, "--at", "2027-01-06T15:00")

    assert done.returncode == 2
    assert "--at" in done.stderr
    assert written(day) == []


def test_a_journal_is_never_written_over_and_a_missing_folder_is_told(day):
    """Before any work is done."""
    (day.parent / "r.journal").write_text("precious")
    done = plan(day)
    lost = flatbook(
        "plan",
        "--book",
        day / "fills.csv",
        "--market",
        day,
        "--config",
        day / "desk.toml",
        "--json",
        day / "no" / "r.json",
    )

    assert (done.returncode, lost.returncode) == (2, 2)
    assert "exists already" in done.stderr
    assert "no folder" in lost.stderr
    assert (day.parent / "r.journal").read_text() == "precious"


def test_data_that_looks_odd_is_no_error(day):
    """Zero bids and missing asks are what real chains hold; a crossed quote is kept, flagged and not used."""
    _first_quote("bid", "0")(day)
    done = plan(day, "--quiet")
    report = json.loads((day.parent / "r.json").read_text())

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert any("above" in note or "crossed" in note for note in report["header"]["sources"]["notes"])


def test_the_commands_explain_themselves():
    """--help teaches; the version is one line."""
    shown = flatbook("--help")
    assert shown.returncode == 0
    for command in ("plan", "replay", "check-config", "formats", "example"):
        assert command in shown.stdout
    assert flatbook("--version").stdout.startswith("flatbook 0.")
    assert "deribit" in flatbook("formats").stdout


def test_check_config_tells_good_from_bad(day):
    """Without a market."""
    assert "13 limits" in flatbook("check-config", day / "desk.toml").stdout
    _replace("desk.toml", "vol_of_vol = 0.8", "vol_of_vol = -0.8")(day)
    assert flatbook("check-config", day / "desk.toml").returncode == 2


def test_the_shipped_example_is_what_the_command_makes(tmp_path):
    """Byte for byte, but for its README."""
    done = flatbook("example", tmp_path / "made", "--seed", "7")
    made = {path.name: path.read_bytes() for path in (tmp_path / "made").iterdir()}
    shipped = {path.name: path.read_bytes() for path in EXAMPLE.iterdir() if path.name != "README.md"}

    assert done.returncode == 0, done.stderr
    assert made == shipped
    assert flatbook("example", tmp_path / "made").returncode == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--json", "day/fills.csv"], "an input"),
        (["--json", "day/quotes.csv"], "an input"),
        (["--json", "one", "--html", "one"], "writes too"),
        (["--html", "one", "--journal", "one"], "writes too"),
        (["--json", "day"], "an input"),
        (["--json", "."], "a folder"),
    ],
)
def test_an_output_never_destroys_an_input_or_another_output(day, options, words):
    """Told before anything is written."""
    before = {path.name: path.read_bytes() for path in day.iterdir()}
    done = flatbook(
        "plan",
        "--book",
        "day/fills.csv",
        "--market",
        "day",
        "--config",
        "day/desk.toml",
        *options,
        cwd=day.parent,
    )

    assert done.returncode == 2
    assert words in done.stderr
    assert before == {path.name: path.read_bytes() for path in day.iterdir()}
    assert written(day) == []
