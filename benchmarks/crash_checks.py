"""What a journal and a venue's books say of desks that were crashed, read without the engine but for its own last count.

Lost is what was durable or acknowledged and is not there, or not as it was; doubled is a fill that counts more than once; an old number is a
client id that was used before, or reached the venue without a durable decision.
"""

import contextlib
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.crash_desk import ACTION, WHO
from benchmarks.crash_stand import Stand, VenueBooks, sent_by
from flatbook.journal.replay import Decision as DecisionRecord
from flatbook.journal.replay import read_manifest, read_records, verify
from flatbook.journal.state_file import read_state
from flatbook.live.recovery import state_beside
from flatbook.model.events import Event, Fill, FillBusted
from flatbook.model.operator_events import OperatorActed
from flatbook.model.order_events import KillSet
from flatbook.model.venue_events import PositionsTold, Restarted, VenueSession
from flatbook.sim.messages import Traded


@dataclass(kw_only=True)
class Seen:
    """What was seen from outside while desks came and went."""

    heads: list[tuple[int, bytes]] = field(
        default_factory=list
    )  # durable records, as another reader saw them
    open_orders: list[tuple[int, frozenset[int]]] = field(
        default_factory=list
    )  # at the venue, after which record


@dataclass(kw_only=True)
class Counts:
    """What was counted."""

    records: int = 0
    acknowledged: int = 0
    fills: int = 0
    fills_told_again: int = 0
    orders: int = 0
    restarts: int = 0
    released: int = 0  # kills of a limit, by the operator
    reconciled: int = 0  # restarts that lived until the venue had answered
    lost: int = 0
    doubled: int = 0
    old_numbers: int = 0
    backwards: int = 0  # facts that were received before the fact before them
    faults: list[str] = field(default_factory=list)


class _Reading:
    """One pass over a journal."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.sent: dict[int, int] = {}  # client id: the record of the decision that sent it
        self.fills: dict[str, Fill] = {}
        self.acted: dict[int, str] = {}
        self.waits = False  # since a restart, for the venue's answer
        self._asked, self._last_ns = True, 0

    def take(self, record: object) -> None:
        """One record."""
        self.counts.records += 1
        match record:
            case DecisionRecord():
                self._decided(record)
                return
            case Restarted():
                self.counts.restarts += 1
                self._asked, self.waits = False, True
            case PositionsTold():
                self._asked = True
                self.counts.reconciled += self.waits
                self.waits = False
            case VenueSession(up=False):
                self._asked = False
            case Fill():
                self._filled(record)
            case KillSet(on=False, owner=owner) if owner == WHO:
                self.counts.released += 1
            case OperatorActed(action=action) if action == ACTION:
                self.acted[record.sequence] = record.target
            case FillBusted():
                self.counts.faults.append("a bust, which this world has none of")
        if isinstance(record, Event) and self.sent:  # what a market opens with has times of its own
            self.counts.backwards += record.received_ns < self._last_ns
            self._last_ns = max(self._last_ns, record.received_ns)

    def _decided(self, record: DecisionRecord) -> None:
        new = sent_by(record.payload)
        for client_id in new:
            self.counts.old_numbers += client_id in self.sent
            self.sent[client_id] = record.sequence
        if new and not self._asked:
            self.counts.faults.append(
                f"orders left after record {record.sequence_of_cause} before the venue was asked"
            )

    def _filled(self, fill: Fill) -> None:
        if fill.client_id not in self.sent:
            self.counts.old_numbers += 1
            self.counts.faults.append(f"fill {fill.fill_id} is of order {fill.client_id}, which nobody sent")
        before = self.fills.setdefault(fill.fill_id, fill)
        if before is not fill:
            self.counts.fills_told_again += 1


def counted(stand: Stand, seen: Seen, books: VenueBooks) -> Counts:
    """Hold the journal of desks, the last of which was stopped in order, against what was seen and the venue's books."""
    reading = _Reading()
    for record in read_records(stand.journal):
        reading.take(record)
    counts = reading.counts
    counts.orders, counts.fills = len(reading.sent), len(reading.fills)
    if not verify(stand.journal).sealed:
        counts.faults.append("the journal is not sealed after an orderly stop")
    _hold_heads(stand, seen, counts)
    _hold_acknowledged(stand.acks, reading)
    for sequence, open_orders in seen.open_orders:
        counts.old_numbers += sum(
            reading.sent.get(client_id, sequence + 1) > sequence for client_id in open_orders
        )
    _hold_fills(reading, books)
    _hold_engine(stand.journal, reading, books)
    if books.orders:
        counts.faults.append(f"{len(books.orders)} orders are open at the venue after an orderly stop")
    if reading.waits:
        counts.faults.append("the last restart never had the venue's answer")
    for name in ("lost", "doubled", "old_numbers", "backwards"):
        if getattr(counts, name):
            counts.faults.append(f"{name}: {getattr(counts, name)}")
    return counts


def _hold_heads(stand: Stand, seen: Seen, counts: Counts) -> None:
    """What was durable at a crash stands still."""
    chains = dict(stand.query("SELECT sequence, chain FROM records"))  # type: ignore[arg-type]
    counts.lost += sum(chains.get(sequence) != head for sequence, head in seen.heads if sequence)


def _hold_acknowledged(acks: Path, reading: _Reading) -> None:
    """What a desk has acknowledged is in the journal, under that number."""
    lines = acks.read_text().splitlines() if acks.exists() else []
    for line in lines:
        sequence, target = line.split()
        reading.counts.acknowledged += 1
        reading.counts.lost += reading.acted.get(int(sequence)) != target


def _hold_fills(reading: _Reading, books: VenueBooks) -> None:
    """Every fill of the venue's is in the journal as the venue has it, and no other."""
    for fill_id, theirs in books.fills.items():
        ours = reading.fills.get(fill_id)
        reading.counts.lost += ours is None or _words_of(ours) != _words_of(theirs, books)
    invented = reading.fills.keys() - books.fills.keys()
    reading.counts.faults += [f"fill {name} is none of the venue's" for name in sorted(invented)]


def _words_of(fill: Fill | Traded, books: VenueBooks | None = None) -> tuple[object, ...]:
    name = fill.instrument if isinstance(fill, Fill) else ""
    if isinstance(fill, Traded):
        assert books is not None, "the venue names rows of its table"
        name = books.table.instruments[fill.row].symbol
    return name, int(fill.side), fill.quantity, fill.price_ticks, fill.client_id


def _hold_engine(journal: Path, reading: _Reading, books: VenueBooks) -> None:
    """The engine's own count, as its last state has it, is the venue's, and that of the fills each taken once."""
    manifest = read_manifest(journal)
    manifest.pop("format")
    state = read_state(state_beside(journal), manifest).state
    held = {
        state.table.instruments[row].symbol: each.quantity
        for row, each in state.book.positions.items()
        if each.quantity
    }
    once: Counter[str] = Counter()
    for fill in reading.fills.values():
        once[fill.instrument] += int(fill.side) * fill.quantity
    reading.counts.doubled += max(len(state.book.cases) - len(reading.fills), 0)
    for name in sorted({*held, *once, *books.positions}):
        ours, theirs = held.get(name, 0), books.positions.get(name, 0)
        if not ours == once[name] == theirs:
            reading.counts.doubled += ours != once[name]
            reading.counts.faults.append(
                f"{name}: {ours} by the engine, {once[name]} by the fills, {theirs} at the venue"
            )


def whole_records(journal: Path) -> list[bytes]:
    """The chain of a journal that is whole."""
    verify(journal)
    with contextlib.closing(sqlite3.connect(f"{journal.resolve().as_uri()}?mode=ro", uri=True)) as reader:
        return [chain for (chain,) in reader.execute("SELECT chain FROM records ORDER BY sequence")]
