"""A desk that starts again decides what it had decided, and what the crash kept it from deciding, to the byte."""

from contextlib import closing

import pytest
from msgspec.structs import replace
from tests.worlds import NOW_NS, fill, index_facts

from flatbook.engine.decision import decision_of, encode_decision
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.journal.reading import End
from flatbook.journal.redecide import redecide, restore
from flatbook.journal.replay import read_on, read_records, undecided, verify
from flatbook.journal.store import Journal
from flatbook.model.errors import JournalError
from flatbook.model.events import CycleDue, FastMarketSet

_MINUTE_NS = 60_000_000_000


def day():
    """Three cycles, trades in between."""
    first = index_facts(days=(30,), width=0.05)
    later = [
        (
            replace(fill(n, "IDXW030C5000", "sell", 10 * n, 90.0), received_ns=at, traded_ns=at),
            CycleDue(received_ns=at, reason="timer"),
        )
        for n, at in ((n, NOW_NS + n * _MINUTE_NS) for n in (1, 2))
    ]
    return [*first, *later[0], *later[1]]


def run(journal, state, facts, *, crash_after=None):
    """Each fact, then each decision; the journal as it is after record `crash_after`, where that is given."""
    for fact in facts:
        cycle = step(state, journal.append(fact))
        if journal.sequence == crash_after:
            return journal.committed_copy()
        if cycle is not None:
            journal.append_decision(encode_decision(decision_of(cycle)), cycle.sequence)
            if journal.sequence == crash_after:
                return journal.committed_copy()
    return journal


@pytest.fixture(scope="module")
def whole():
    """Written in one life."""
    return run(Journal.create(None), State(), day())


def cycles(journal):
    return [record.sequence for record in read_records(journal) if isinstance(record, CycleDue)]


def test_a_day_is_decided_again_to_the_byte(whole):
    told = []
    found = redecide(whole, told=told.append)

    assert (found.events, found.decisions, found.different, found.undecided) == (len(day()), 3, (), ())
    assert told == cycles(whole)
    assert found.state.sequence == cycles(whole)[-1]


@pytest.mark.parametrize("cycle", range(3))
@pytest.mark.parametrize("after", [-1, 0, 1])
def test_a_crash_around_any_cycle_changes_no_byte_of_the_day(whole, cycle, after):
    """Before it, between it and its decision, after that."""
    died = run(Journal.create(None), State(), day(), crash_after=cycles(whole)[cycle] + after)
    left = verify(died)
    assert len(undecided(died)) == (after == 0)
    found = restore(died)
    assert undecided(died) == ()
    assert (found.events, found.decisions) == (left.events, left.decisions)
    run(died, found.state, day()[left.events :])

    assert died.head == whole.head


def test_a_part_is_decided_as_the_whole_was(whole):
    second = cycles(whole)[1]
    found = redecide(whole, until=second + 1)

    assert (found.decisions, found.different, found.undecided) == (2, (), ())
    assert redecide(whole, until=second).undecided[0][0] == second
    assert verify(whole, second).decisions == 1


@pytest.mark.parametrize("again", [True, False])
def test_a_decision_that_nothing_decided_is_told(tmp_path, whole, again):
    """One that is another, and one that follows a second time; the chain holds."""
    records = list(read_records(whole))
    with closing(Journal.create(tmp_path / "day")) as journal:
        for record in records:
            if hasattr(record, "payload"):
                journal.append_decision(record.payload + (b"" if again else b"\0"), record.sequence_of_cause)
                continue
            journal.append(record)
        if again:
            journal.append_decision(records[-1].payload, records[-1].sequence_of_cause)
    resumed = Journal.resume(tmp_path / "day")
    causes = cycles(whole)

    assert redecide(resumed).different == (tuple(causes[-1:]) if again else tuple(causes))
    with pytest.raises(
        JournalError, match=f"the first after event {causes[-1 if again else 0]}; restart with"
    ):
        restore(resumed)
    resumed.close()
    assert verify(tmp_path / "day").sealed


def test_what_precedes_a_kept_state_is_not_proven_twice_and_what_follows_is(tmp_path):
    """A journal that was resumed is proven; its tail is read from the link of the state on."""
    path = tmp_path / "a.journal"
    with closing(Journal.create(path)) as journal:
        heads = []
        for number in range(1, 7):
            journal.append(FastMarketSet(received_ns=number, underlying="", on=True, reason="test"))
            heads.append(journal.head)
    with closing(Journal.resume(path)) as journal:
        assert [each.received_ns for each in read_on(journal, End(4, heads[3]))] == [5, 6]
        with pytest.raises(JournalError, match="record 5: its content or its chain"):
            list(read_on(journal, End(4, heads[2])))
