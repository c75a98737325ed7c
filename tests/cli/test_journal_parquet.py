"""`flatbook journal export --parquet`: what a person sees."""

import sys
from contextlib import closing

import polars as pl
import pytest

from flatbook.cli.main import main
from flatbook.journal.store import Journal
from flatbook.model.events import UnderlyingQuoted

START = 1_600_000_000_000_000_000


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "day.journal"
    with closing(Journal.create(path, {})) as journal:
        for k in range(3):
            journal.append(UnderlyingQuoted(received_ns=START + k, underlying="SPX", price=1.0 + k))
    return path


def _run(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["flatbook", "journal", "export", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    out = capsys.readouterr()
    return ended.value.code or 0, out.out, out.err


def test_a_closed_journal_becomes_tables(monkeypatch, capsys, tmp_path, path):
    code, out, _ = _run(monkeypatch, capsys, path, "--parquet", tmp_path / "history", "--from", 2)

    assert code == 0
    assert "2 records" in out
    assert "UnderlyingQuoted       2" in out
    rows = pl.read_parquet(tmp_path / "history" / "UnderlyingQuoted" / "day=2020-09-13" / "*.parquet")
    assert rows["price"].to_list() == [2.0, 3.0]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "--out, --parquet found neither"),
        (("--out", "a.jsonl", "--parquet", "b"), "--out, --parquet found both"),
        (("--out", "a.jsonl", "--unsealed"), "--unsealed found it without --parquet"),
        (("--parquet", "b", "--types", "What"), "--types found 'What'"),
    ],
)
def test_what_cannot_be_is_told(monkeypatch, capsys, tmp_path, path, words, told):
    monkeypatch.chdir(tmp_path)
    code, _, err = _run(monkeypatch, capsys, path, *words)

    assert code == 2
    assert told in " ".join(err.split())
    assert {each.name for each in tmp_path.iterdir()} == {"day.journal"}


def test_a_journal_that_was_not_closed_wants_a_word(monkeypatch, capsys, tmp_path):
    path = tmp_path / "open.journal"
    with closing(Journal.create(path, {})) as journal:
        journal.append(UnderlyingQuoted(received_ns=START, underlying="SPX", price=1.0))
        code, _, err = _run(monkeypatch, capsys, path, "--parquet", tmp_path / "history")
        assert code == 2
        assert "was not closed after record 1" in " ".join(err.split())

        code, out, _ = _run(monkeypatch, capsys, path, "--parquet", tmp_path / "history", "--unsealed")
        assert (code, "1 record " in out) == (0, True)
