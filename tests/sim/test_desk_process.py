"""A desk that may die at any write comes back as if it had lived, but for what was not durable yet."""

import pytest

from flatbook.engine.decision import decision_of, encode_decision
from flatbook.journal.replay import Decision, read_facts, read_records, undecided
from flatbook.model.events import CycleDue
from flatbook.model.venue_events import Restarted
from flatbook.sim.desk_process import DeskProcess, restarted
from flatbook.sim.faults import StorageFault
from flatbook.sim.storage import Killed, NoStorage, Storage
from tests.worlds import NOW_NS, fill, index_facts

_MINUTE_NS = 60_000_000_000


def _facts():
    """Of a small chain, without a cycle."""
    sold = [fill(1, "IDXW030C5000", "sell", 10, 80.0)]
    return index_facts(fills=sold, days=(30,), width=0.02)[:-1]


_NEXT = fill(2, "IDXW030C5000", "sell", 5, 80.0)


def _begun(storage, heard=None):
    """Its first facts, and one decision."""
    desk = DeskProcess(storage.begin(), heard)
    desk.take(_facts())
    desk.decide(NOW_NS, "first", refit=True)
    return desk


def _records(storage):
    return list(read_records(storage.journal))


def _lived():
    """What the journal of a desk holds that took and decided everything, and was then told that it began anew."""
    storage = Storage()
    desk = _begun(storage)
    desk.take([_NEXT])
    desk.decide(NOW_NS + _MINUTE_NS, "second", refit=False)
    desk.take([Restarted(received_ns=NOW_NS + 2 * _MINUTE_NS, reason="test")])
    desk.decide(NOW_NS + 2 * _MINUTE_NS, "third", refit=True)
    return _records(storage)


def _again(storage):
    return restarted(storage.recover(), NOW_NS + 2 * _MINUTE_NS, "test")


def test_a_desk_killed_between_a_cycle_and_its_decision_decides_it_again():
    """To the byte, and so it is with every record after it."""
    storage = Storage()
    desk = _begun(storage)
    desk.take([_NEXT])
    storage.plan(StorageFault(at_ns=0, writes=2), is_full=False)
    with pytest.raises(Killed):
        desk.decide(NOW_NS + _MINUTE_NS, "second", refit=False)
    recording = storage.recover()
    (due,) = undecided(recording.journal)
    assert (due.reason, due.refit) == ("second", False)

    after = restarted(recording, NOW_NS + 2 * _MINUTE_NS, "test")
    assert undecided(recording.journal) == ()
    after.decide(NOW_NS + 2 * _MINUTE_NS, "third", refit=True)
    assert _records(storage) == _lived()


def test_one_that_is_killed_with_everything_decided_decides_nothing_again():
    """What it decides next is what it would have decided."""
    storage = Storage()
    desk = _begun(storage)
    desk.take([_NEXT])
    desk.decide(NOW_NS + _MINUTE_NS, "second", refit=False)
    after = _again(storage)
    after.decide(NOW_NS + 2 * _MINUTE_NS, "third", refit=True)
    assert _records(storage) == _lived()


def test_a_cycle_that_was_not_durable_never_was():
    storage = Storage()
    desk = _begun(storage)
    before = _records(storage)
    storage.plan(StorageFault(at_ns=0, writes=1), is_full=False)
    with pytest.raises(Killed):
        desk.decide(NOW_NS + _MINUTE_NS, "second", refit=False)
    _again(storage)
    *first, last = _records(storage)
    assert first == before
    assert isinstance(last, Restarted)
    assert (last.reason, last.received_ns) == ("test", NOW_NS + 2 * _MINUTE_NS)


@pytest.mark.parametrize("on_disk", [False, True])
def test_of_a_batch_that_was_killed_nothing_is_left(tmp_path, on_disk):
    """Nor of a write of which half is on the disk; the next fact takes its number."""
    storage = Storage(tmp_path if on_disk else None)
    desk = _begun(storage)
    before = _records(storage)
    storage.plan(StorageFault(at_ns=0, writes=2, torn=on_disk), is_full=False)
    with pytest.raises(Killed):
        desk.take([_NEXT, fill(3, "IDXW030C5000", "buy", 1, 80.0)])
    after = _again(storage)
    assert _records(storage)[:-1] == before
    assert storage.torn == int(on_disk)
    after.take([_NEXT])
    kept = _records(storage)[-1]
    assert (kept.fill_id, kept.sequence) == ("F2", len(before) + 2)
    cycle = after.decide(NOW_NS + 2 * _MINUTE_NS, "again", refit=True)
    assert cycle.book.quantity[cycle.table.row_of("IDXW030C5000")] == -15


def test_a_full_disk_ends_the_process_and_the_next_one_goes_on():
    storage = Storage()
    desk = _begun(storage)
    durable = _records(storage)
    storage.plan(StorageFault(at_ns=0, writes=1), is_full=True)

    def fill_it():
        for number in range(3, 400):
            desk.take([fill(number, "IDXW030C5000", "buy", 1, 80.0)])

    with pytest.raises(NoStorage):
        fill_it()
    assert storage.refusals == 1
    storage.mend()
    after = _again(storage)
    records = _records(storage)
    assert records[: len(durable)] == durable
    assert isinstance(records[-1], Restarted)
    filled = sum(getattr(each, "fill_id", "") not in ("", "F1") for each in records)
    cycle = after.decide(NOW_NS + 2 * _MINUTE_NS, "again", refit=True)
    assert cycle.book.quantity[cycle.table.row_of("IDXW030C5000")] == filled - 10


def test_whoever_listens_hears_of_a_fact_once_it_is_durable():
    """Numbered as in the journal, each once, in its sequence; of a cycle once its decision is there too."""
    storage, told = Storage(), []

    def heard(facts):
        copy = storage.journal.committed_copy()
        kept = {fact.sequence: fact for fact in read_facts(copy)}
        assert all(kept[fact.sequence] == fact for fact in facts)
        assert undecided(copy) == ()
        told.extend(facts)

    desk = _begun(storage, heard)
    storage.plan(StorageFault(at_ns=0, writes=2), is_full=False)
    with pytest.raises(Killed):
        desk.take([_NEXT, _NEXT])
    again = restarted(storage.recover(), NOW_NS + _MINUTE_NS, "test", heard)
    assert told == list(read_facts(storage.journal))
    assert again.facts == len(told)


def test_a_desk_without_a_journal_decides_the_same():
    """It numbers its facts alike as long as no decision is recorded between them."""
    storage = Storage()
    kept, plain = DeskProcess(storage.begin()), DeskProcess()
    for desk in (kept, plain):
        desk.take(_facts())
        desk.take([])
        desk.decide(NOW_NS, "first", refit=True)
    assert (kept.facts, kept.decisions) == (plain.facts, plain.decisions) == (len(_facts()) + 1, 1)
    (recorded,) = [each for each in _records(storage) if isinstance(each, Decision)]
    again = DeskProcess()
    again.take(_facts())
    cycle = again.decide(NOW_NS, "first", refit=True)
    assert encode_decision(decision_of(cycle)) == recorded.payload


def test_a_cycle_is_due_through_decide_alone():
    desk = DeskProcess()
    desk.take(_facts())
    with pytest.raises(AssertionError, match="through decide"):
        desk.take([CycleDue(received_ns=NOW_NS, reason="told")])
