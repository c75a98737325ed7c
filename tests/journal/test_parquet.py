"""A journal as Parquet: every fact comes back field by field, by kind and day; what is not proven or not closed is refused."""

import sqlite3
from contextlib import closing
from typing import get_args

import msgspec
import polars as pl
import pytest
from tests.journal.samples import FACTS

from flatbook.engine.decision import Decision, HedgeDecision, LimitDecision, OrderDecision, encode_decision
from flatbook.journal.parquet import MANIFEST, export_parquet, schema_of
from flatbook.journal.replay import read_facts, verify
from flatbook.journal.store import Journal
from flatbook.model.errors import JournalError
from flatbook.model.events import CycleDue, Fill, QuotesSeen, UnderlyingQuoted
from flatbook.model.facts import Fact
from flatbook.model.instruments import Side

DAY_NS = 86_400_000_000_000
START = 18_000 * DAY_NS  # 2019-04-14
DECISION = Decision(
    cause=0, limits=(LimitDecision(name="SPX/delta", value=float("nan"), utilisation=0.5, step=1),),
    hedges=(HedgeDecision(underlying="SPX", symbol="ESM19", quantity=-3, delta_before_usd=1.5, delta_after_usd=0.25),),
    symbols=("A", "B"), bid_ticks=(1, -1), ask_ticks=(2, 3), bid_sizes=(4, 0), ask_sizes=(5, 6),
    orders=(OrderDecision(action=2, symbol="A", side=1, price_ticks=1, quantity=4, client_id=9, replaces=0),),
    exposure=((1.0, 2.0), (3.0, float("nan"))),
)  # fmt: skip


@pytest.fixture
def path(tmp_path):
    """Every kind of fact, two cycles with their decisions over midnight; closed."""
    path = tmp_path / "day.journal"
    with closing(Journal.create(path, {"flatbook": "test"})) as journal, journal.batch():
        for sample in FACTS:
            journal.append(msgspec.structs.replace(sample, sequence=0))
        for received_ns in (START + DAY_NS - 1, START + DAY_NS):
            due = journal.append(CycleDue(received_ns=received_ns, reason="timer"))
            journal.append_decision(encode_decision(DECISION), due.sequence)
        journal.append_decision(b"of another version", due.sequence)
    return path


def table(folder, kind):
    return pl.read_parquet(folder / kind / "**" / "*.parquet").sort("sequence")


def told(value):
    """A field as Parquet keeps it: an enumeration by its value, records by their fields, parameters as JSON."""
    if isinstance(value, msgspec.Struct):
        return {name: told(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple):
        return [told(each) for each in value]
    return getattr(value, "value", value)


@pytest.mark.parametrize("kind", get_args(Fact), ids=lambda kind: kind.__name__)
def test_every_field_of_every_fact_is_a_column(tmp_path, path, kind):
    export_parquet(path, tmp_path / "out")
    facts = [fact for fact in read_facts(path) if type(fact) is kind]
    rows = table(tmp_path / "out", kind.__name__).rows(named=True)

    assert facts, "the samples hold one of each"
    assert len(rows) == len(facts)
    for row, fact in zip(rows, facts, strict=True):
        assert set(row) - {"day"} == set(fact.__struct_fields__)
        for name in fact.__struct_fields__:
            value = getattr(fact, name)
            if name == "desk":
                assert msgspec.json.decode(row[name], type=type(value)) == value
            else:
                assert row[name] == told(value), name


def test_days_are_of_the_instant_and_decisions_lie_with_their_cause(tmp_path, path):
    export_parquet(path, tmp_path / "out", types={"CycleDue", "Decision"})

    files = sorted(str(file.relative_to(tmp_path / "out")) for file in (tmp_path / "out").rglob("*.parquet"))
    assert [name for name in files if name.startswith("Decision")] == [
        "Decision/day=1970-01-01/00000.parquet", "Decision/day=2019-04-14/00000.parquet", "Decision/day=2019-04-15/00000.parquet",
    ]  # fmt: skip
    assert {name.split("/")[0] for name in files} == {"CycleDue", "Decision"}
    first, _, other = table(tmp_path / "out", "Decision").rows(named=True)
    assert first["received_ns"] == START + DAY_NS - 1
    assert first["cause"] == first["sequence"] - 1
    assert first["limits"][0] | {"value": None} == {
        "name": "SPX/delta",
        "value": None,
        "utilisation": 0.5,
        "step": 1,
    }
    assert first["limits"][0]["value"] != first["limits"][0]["value"], "not a number stays one"
    assert first["hedges"] == [told(DECISION.hedges[0])]
    assert first["orders"] == [told(DECISION.orders[0])]
    assert (first["symbols"], first["bid_ticks"], first["ask_sizes"]) == (["A", "B"], [1, -1], [5, 6])
    assert first["exposure"][0] == [1.0, 2.0]
    assert first["payload_hex"] is None
    assert bytes.fromhex(other["payload_hex"]) == b"of another version"
    assert other["symbols"] is None


def test_the_manifest_tells_what_it_is_of(tmp_path, path):
    written = export_parquet(path, tmp_path / "out", first=3)
    proven = verify(path)

    manifest = msgspec.json.decode((tmp_path / "out" / MANIFEST).read_bytes())
    assert manifest["journal"] == proven.manifest
    assert (manifest["head"], manifest["sealed"], manifest["first"]) == (proven.head.hex(), True, 3)
    assert manifest["rows"] == written.rows
    assert sum(written.rows.values()) == proven.events + proven.decisions - 2
    assert manifest["last"] == proven.events + proven.decisions


def test_a_journal_that_was_not_closed_is_refused_unless_one_says_so(tmp_path):
    path = tmp_path / "open.journal"
    with closing(Journal.create(path, {})) as journal:
        journal.append(UnderlyingQuoted(received_ns=START, underlying="SPX", price=1.0))
        with pytest.raises(JournalError, match="was not closed after record 1"):
            export_parquet(path, tmp_path / "out")
        assert not (tmp_path / "out").exists()
        assert export_parquet(path, tmp_path / "out", unsealed=True).rows == {"UnderlyingQuoted": 1}


def test_of_a_damaged_journal_nothing_is_written_but_what_precedes_it(tmp_path, path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE records SET payload = x'00' WHERE sequence = 5")
        connection.commit()

    with pytest.raises(JournalError, match="record 5"):
        export_parquet(path, tmp_path / "out", unsealed=True)
    with pytest.raises(JournalError, match="was not closed after record 4"):
        export_parquet(path, tmp_path / "out", last=4)
    assert [each.name for each in tmp_path.iterdir() if each.is_dir()] == []

    assert sum(export_parquet(path, tmp_path / "out", last=4, unsealed=True).rows.values()) == 4


def test_a_folder_that_holds_something_is_left_alone(tmp_path, path):
    folder = tmp_path / "out"
    folder.mkdir()
    export_parquet(path, folder)
    with pytest.raises(JournalError, match="holds something already"):
        export_parquet(path, folder)
    with pytest.raises(JournalError, match="holds something already"):
        export_parquet(path, path)


def test_the_same_journal_gives_the_same_bytes(tmp_path, path):
    export_parquet(path, tmp_path / "one")
    export_parquet(path, tmp_path / "two")

    files = sorted(
        file.relative_to(tmp_path / "one") for file in (tmp_path / "one").rglob("*") if file.is_file()
    )
    assert files
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_a_table_that_grows_is_several_files(tmp_path, monkeypatch):
    monkeypatch.setattr("flatbook.journal.parquet._ROWS", 10)
    path = tmp_path / "many.journal"
    with closing(Journal.create(path, {})) as journal, journal.batch():
        for k in range(25):
            journal.append(
                Fill(
                    received_ns=START, fill_id=str(k), instrument="A", side=Side.SELL, quantity=k + 1, price_ticks=k,
                    traded_ns=START,
                )
            )  # fmt: skip
    assert export_parquet(path, tmp_path / "out").files == 3
    rows = table(tmp_path / "out", "Fill")
    assert rows["quantity"].to_list() == list(range(1, 26))
    assert rows["side"].unique().to_list() == [-1]


@pytest.mark.parametrize(
    ("fact", "told_as"),
    [
        (UnderlyingQuoted(received_ns=2**63 - 1, underlying="SPX", price=1.0), None),
        (
            QuotesSeen(received_ns=START, symbols=("A",), bid_ticks=(2**63,), ask_ticks=(1,)),
            "does not fit its column",
        ),
        (UnderlyingQuoted(received_ns=-(2**63), underlying="SPX", price=1.0), None),
        (UnderlyingQuoted(received_ns=2**64 - 1, underlying="SPX", price=1.0), "does not fit its column"),
    ],
)
def test_a_number_that_fits_no_column_is_told(tmp_path, fact, told_as):
    path = tmp_path / "odd.journal"
    with closing(Journal.create(path, {})) as journal:
        journal.append(fact)
    if told_as is None:
        assert export_parquet(path, tmp_path / "out").rows == {type(fact).__name__: 1}
        return
    with pytest.raises(JournalError, match=told_as):
        export_parquet(path, tmp_path / "out")
    assert [each.name for each in tmp_path.iterdir() if each.is_dir()] == []


def test_what_the_page_says_of_columns_is_so():
    assert schema_of("QuotesSeen")["bid_ticks"] == pl.List(pl.Int64)
    assert schema_of("Fill")["capacity"] == pl.String()
    assert schema_of("DeskSet")["desk"] == pl.String()
    assert schema_of("InstrumentsListed")["instruments"].inner.to_schema()["strike"] == pl.Float64()
