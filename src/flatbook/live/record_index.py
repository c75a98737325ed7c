"""What is where in a journal: of each record its kind, instant, person and underlyings, in columns that are searched at once.

What a record says in full stays in the file and is read for those that the columns leave; a search that takes long stops, says how far it
came, and goes on from there.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from flatbook.journal.codec import decode
from flatbook.journal.following import Follower
from flatbook.journal.layout import DECISION
from flatbook.journal.reading import Record, opened
from flatbook.live.record_words import summary_of
from flatbook.live.snapshot import Severity
from flatbook.live.story_of_facts import line_of
from flatbook.model.errors import FlatbookError
from flatbook.model.facts import Fact

DECISION_KIND = "Decision"
KINDS = (*sorted(each.__name__ for each in get_args(Fact)), DECISION_KIND)
GROUPS: dict[str, frozenset[str]] = {
    "all": frozenset(KINDS),
    "market data": frozenset(
        {
            "UnderlyingQuoted",
            "ForwardQuoted",
            "QuotesSeen",
            "SessionsSeen",
            "RatesSeen",
            "DividendsSeen",
            "HistorySeen",
        }
    ),
    "decisions": frozenset({"CycleDue", "TickDue", DECISION_KIND}),
    "trades": frozenset(
        {"Fill", "FillCorrected", "FillBusted", "SeriesSettled", "Exercised", "PositionAdjusted"}
    ),
    "orders": frozenset({"OrdersAnswered", "OpenOrdersTold", "OrdersWorking", "PositionsTold"}),
    "people": frozenset(
        {
            "OperatorActed", "KillSet", "LimitsSet", "LimitOverridden", "DeskSet", "CapitalReported", "FastMarketSet",
            "ProtectionReset", "PositionAdjusted", "HedgeDecided",
        }
    ),
    "venues": frozenset({"VenueSession", "TradingHalted", "FeedSuspect", "Restarted", "ProtectionTripped", "DutySession", "InstrumentsListed"}),
}  # fmt: skip
GROUPS["what happened"] = (
    GROUPS["all"]
    - GROUPS["market data"]
    - GROUPS["decisions"]
    - {"OrdersAnswered", "OpenOrdersTold", "OrdersWorking"}
)
SEVERITIES = tuple(Severity)
_RANK = {severity: rank for rank, severity in enumerate(SEVERITIES)}
_NAMES_MOST = 63  # underlyings with a bit of their own; all others share the last one
_READ_AT_ONCE = 2_000
_LOOKED_AT_ONCE = 1_000


class _Sketch(msgspec.Struct, frozen=True):
    """The fields of any fact by which it is found."""

    type: str
    received_ns: int = 0
    underlying: str = ""
    underlyings: tuple[str, ...] = ()
    instrument: str = ""
    symbols: tuple[str, ...] = ()
    option_class: str = ""
    owner: str = ""
    by: str = ""
    who: str = ""


_SKETCH: msgspec.msgpack.Decoder[_Sketch] = msgspec.msgpack.Decoder(_Sketch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is looked for; empty: anything."""

    text: str = ""  # somewhere in the record or in its sentence, whatever its case
    kinds: frozenset[str] = GROUPS["all"]
    underlying: str = ""
    symbol: str = ""  # part of a series
    who: str = ""
    severity: Severity = Severity.INFO  # at least
    from_ns: int = 0
    to_ns: int = 2**63 - 1
    before: int = 2**62  # only records with a smaller number


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A page of records, the newest first."""

    records: tuple[Record, ...]
    looked_down_to: int  # every record from here on was looked at
    complete: bool  # there are no more


@dataclass(slots=True)
class Listed:
    """Of a contract."""

    underlying: str
    ticks_per_unit: float


@dataclass(slots=True)
class _Columns:
    kind: "array[int]" = field(default_factory=lambda: array("B"))
    severity: "array[int]" = field(default_factory=lambda: array("B"))
    person: "array[int]" = field(default_factory=lambda: array("H"))
    at_ns: "array[int]" = field(default_factory=lambda: array("q"))
    mentions: "array[int]" = field(default_factory=lambda: array("Q"))


class RecordIndex:
    """One journal's records, found by what is asked of them; `read_on` takes in what was written since.

    Parameters
    ----------
    path : Path
        The journal; it may still be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.listed: dict[str, Listed] = {}
        self.damage = ""
        self._follower = Follower(path)
        self._columns = _Columns()
        self._persons: dict[str, int] = {"": 0}
        self._bits: dict[str, int] = {}
        self._kind_numbers = {name: number for number, name in enumerate(KINDS)}

    def __len__(self) -> int:
        """Records that were taken in: all of them proven."""
        return len(self._columns.kind)

    @property
    def last_ns(self) -> int:
        """When the last of them was received; 0 before the first."""
        return self._columns.at_ns[-1] if len(self) else 0

    @property
    def first_ns(self) -> int:
        """When the first of them was received; 0 before it."""
        return self._columns.at_ns[0] if len(self) else 0

    @property
    def head(self) -> bytes:
        """32 bytes that stand for all of them."""
        return self._follower.end.chain

    @property
    def persons(self) -> tuple[str, ...]:
        """Who spoke."""
        return tuple(sorted(name for name in self._persons if name))

    @property
    def underlyings(self) -> tuple[str, ...]:
        """That were mentioned."""
        return tuple(sorted(self._bits))

    def read_on(self, budget_s: float) -> bool:
        """Take in more, for about so long; False where there is no more for now."""
        until = perf_counter() + budget_s
        while not self.damage:
            try:
                records = self._follower.more(_READ_AT_ONCE)
                for record in records:
                    self._add(record)
            except FlatbookError as e:
                self.damage = str(e)
                return False
            if len(records) < _READ_AT_ONCE:
                return False
            if perf_counter() >= until:
                return True
        return False

    def sequence_at(self, at_ns: int) -> int:
        """The last record that was received at an instant or before it; 0: none was."""
        return int(np.searchsorted(self._numbers("at_ns"), at_ns, side="right"))

    def instants(self, points: int) -> tuple[list[int], list[int]]:
        """Records evenly spread over the journal, and when they were received."""
        count = len(self)
        rows = np.unique(np.linspace(0, max(count - 1, 0), min(points, count)).astype(np.int64))
        return (rows + 1).tolist(), self._numbers("at_ns")[rows].tolist() if count else []

    def next_of(self, sequence: int, kind: str, *, back: bool = False) -> int:
        """The next record of a kind after `sequence`, or before it; 0: there is none."""
        same = self._numbers("kind") == self._kind_numbers[kind]
        part = same[: sequence - 1][::-1] if back else same[sequence:]
        found = int(np.argmax(part)) if part.size else 0
        if not (part.size and part[found]):
            return 0
        return sequence - 1 - found if back else sequence + 1 + found

    def search(self, query: Query, most: int, budget_s: float) -> Found:
        """The newest records that are as asked, at most so many, looked for about so long."""
        until = perf_counter() + budget_s
        rows = self._candidates(query)
        needles = [each for each in (query.text.casefold(), query.symbol.casefold()) if each]
        out: list[Record] = []
        for start in range(0, rows.size, _LOOKED_AT_ONCE):
            part = rows[start : start + _LOOKED_AT_ONCE]
            for record in self._records(part):
                if all(self._says(record, needle) for needle in needles):
                    out.append(record)
                    if len(out) > most:
                        return Found(
                            records=tuple(out[:most]), looked_down_to=out[most - 1].sequence, complete=False
                        )
            if perf_counter() >= until and start + _LOOKED_AT_ONCE < rows.size:
                return Found(records=tuple(out), looked_down_to=int(part[-1]), complete=False)
        return Found(records=tuple(out), looked_down_to=1, complete=True)

    def record(self, sequence: int) -> Record | None:
        """One record; None where it was not taken in."""
        found = list(self._records(np.array([sequence]))) if 1 <= sequence <= len(self) else []
        return found[0] if found else None

    def at_ns(self, sequence: int) -> int:
        """When a record was received; of a decision, when its cause was."""
        return self._columns.at_ns[sequence - 1]

    def severity(self, sequence: int) -> Severity:
        """How much a record wants to be read."""
        return SEVERITIES[self._columns.severity[sequence - 1]]

    def ticks(self, symbol: str) -> float:
        """Ticks of a contract in one unit of its price; NaN of one that nobody listed."""
        return self.listed[symbol].ticks_per_unit if symbol in self.listed else float("nan")

    def sender_of(self, client_id: int, before: int) -> int:
        """The last decision before a record that sent an order; 0: none is found."""
        packed = msgspec.msgpack.encode(client_id)
        with opened(self.path) as connection:
            rows = connection.execute(
                "SELECT sequence, payload FROM records WHERE sequence < ? AND kind = ? AND instr(payload, ?) "
                "ORDER BY sequence DESC LIMIT 50",
                (before, DECISION, packed),
            ).fetchall()
        for sequence, payload in rows:
            orders = msgspec.msgpack.decode(payload).get("orders", ())
            if any(client_id in order[5:6] for order in orders if isinstance(order, list)):
                return int(sequence)
        return 0

    def _numbers(self, name: str) -> NDArray[np.int64]:
        column = getattr(self._columns, name)
        return np.frombuffer(column, dtype=np.dtype(column.typecode)) if column else np.zeros(0, np.int64)

    def _candidates(self, query: Query) -> NDArray[np.int64]:
        """Numbers of records that the columns cannot rule out, the newest first."""
        first = int(np.searchsorted(self._numbers("at_ns"), query.from_ns))
        last = min(self.sequence_at(query.to_ns), query.before - 1)
        if last <= first:
            return np.zeros(0, np.int64)
        part = slice(first, last)
        wanted = np.zeros(256, dtype=bool)
        wanted[[self._kind_numbers[kind] for kind in query.kinds]] = True
        keep = wanted[self._numbers("kind")[part]]
        if query.severity is not Severity.INFO:
            keep &= self._numbers("severity")[part] >= _RANK[query.severity]
        if query.who:
            persons = [
                number for name, number in self._persons.items() if query.who.casefold() in name.casefold()
            ]
            keep &= np.isin(self._numbers("person")[part], [each for each in persons if each])
        if query.underlying:
            keep &= (self._numbers("mentions")[part] & np.uint64(self._bits.get(query.underlying, 0))) != 0
        return np.flatnonzero(keep)[::-1].astype(np.int64) + first + 1

    def _records(self, sequences: NDArray[np.int64]) -> Iterator[Record]:
        """These, in their order."""
        numbers = sequences.tolist()
        marks = ",".join("?" * len(numbers))
        with opened(self.path) as connection:
            rows = connection.execute(
                f"SELECT sequence, kind, cause, payload, chain FROM records WHERE sequence IN ({marks}) ORDER BY sequence DESC",  # noqa: S608 - question marks only
                numbers,
            ).fetchall()
        return map(Record._make, rows)

    def _says(self, record: Record, needle: str) -> bool:
        if needle.encode() in record.payload.lower():
            return True
        if record.kind == DECISION:
            return False
        return needle in summary_of(decode(record.payload), self.ticks).casefold()

    def _add(self, record: Record) -> None:
        columns = self._columns
        if record.kind == DECISION:
            row = (self._kind_numbers[DECISION_KIND], 0, 0, columns.at_ns[record.cause - 1], 0)
        else:
            row = self._row(record.payload)
        columns.kind.append(row[0])
        columns.severity.append(row[1])
        columns.person.append(row[2])
        columns.at_ns.append(row[3])
        columns.mentions.append(row[4])

    def _row(self, payload: bytes) -> tuple[int, int, int, int, int]:
        try:
            sketch = _SKETCH.decode(payload)
            kind = self._kind_numbers[sketch.type]
        except (msgspec.MsgspecError, KeyError) as e:
            msg = f"record {len(self) + 1}: no fact of this version of flatbook ({e})"
            raise FlatbookError(msg) from e
        severity = 0
        if sketch.type in _TOLD:
            fact = decode(payload)
            line = line_of(fact)
            severity = 0 if line is None else _RANK[line.severity]
        if sketch.type == "InstrumentsListed":
            self._list(decode(payload))
        person = sketch.who or sketch.owner or sketch.by
        number = self._persons.setdefault(person, min(len(self._persons), 2**16 - 1))
        at_ns = max(
            sketch.received_ns, self.last_ns
        )  # of a journal that two clocks wrote, too: it never goes back
        return kind, severity, number, at_ns, self._mentions(sketch)

    def _mentions(self, sketch: _Sketch) -> int:
        names = {sketch.underlying, *sketch.underlyings} if sketch.underlying or sketch.underlyings else set()
        for symbol in (sketch.instrument, *sketch.symbols):
            listed = self.listed.get(symbol)
            if listed is not None:
                names.add(listed.underlying)
        out = 0
        for name in names:
            if name:
                out |= self._bits.setdefault(name, 1 << min(len(self._bits), _NAMES_MOST))
        return out

    def _list(self, fact: Fact) -> None:
        for item in getattr(fact, "instruments", ()):
            self.listed[item.symbol] = Listed(item.underlying, item.ticks_per_unit)


_TOLD = GROUPS["people"] | GROUPS["venues"] | GROUPS["trades"]
