"""What a desk and the simulated venue say over a socket: frames of four bytes of length, big-endian, and so many bytes of MessagePack.

Source: MessagePack specification (github.com/msgpack/msgpack). A message is an array: its number, then its fields in their sequence; so are
commands and reports within it (`sim.messages`). Columns are little-endian bytes. A frame that does not say what it should ends the
connection, with the reason in a last message; nothing of it is used.
"""

import asyncio
import hashlib
import math
from collections.abc import AsyncIterator
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct

from flatbook.model.errors import FlatbookError
from flatbook.model.events import Capacity
from flatbook.model.facts import Told
from flatbook.model.table import InstrumentTable
from flatbook.sim.desk_side import Answer, Question
from flatbook.sim.feed import FeedMessage
from flatbook.sim.messages import (
    Acknowledged,
    Cancelled,
    CancelRejected,
    Command,
    Corrected,
    Nanoseconds,
    Rejected,
    Report,
    Traded,
    Whole,
)
from flatbook.sim.wire import Envelope

VERSION = 1
FRAME_MOST_BYTES = 16 * 1024 * 1024  # from the venue
COMMANDS_MOST_BYTES = 4 * 1024 * 1024  # to the venue
HEAD_BYTES = 4
_COMMANDS_MOST = 50_000
_READ_BYTES = 256 * 1024
_CAPACITIES = frozenset(Capacity)
_ROWS = np.dtype("<i4")
_QUOTES = np.dtype("<i8")
_Words = Annotated[str, Meta(max_length=500)]
Role = Literal["feed", "trading", "control"]
FaultKind = Literal["drop", "lose", "repeat", "reorder", "silence", "jump"]


class ProtocolError(FlatbookError):
    """Bytes that say nothing, or something that cannot be said now; the connection ends."""


# From a desk.


class Hello(Struct, frozen=True, tag=1, array_like=True):
    """Who calls, and what for; the first message of every connection."""

    version: Whole
    role: Role
    name: _Words
    table_hash: _Words = ""  # of the table that the caller knows; empty: none yet


class Commands(Struct, frozen=True, tag=2, array_like=True):
    """Orders and cancels, in their sequence."""

    commands: Annotated[tuple[Command, ...], Meta(max_length=_COMMANDS_MOST)]


class Asked(Struct, frozen=True, tag=3, array_like=True):
    """Which orders are open, and what do we hold: `sim.desk_side.Question`."""

    asked_ns: int
    at_ns: int
    since_ns: int


class ResendWanted(Struct, frozen=True, tag=4, array_like=True):
    """Executions numbered above `after`, once more."""

    after: Annotated[int, Meta(ge=0, le=2**53)]


class SnapshotWanted(Struct, frozen=True, tag=5, array_like=True):
    """All that a source has said."""

    source: Whole


class Alive(Struct, frozen=True, tag=6, array_like=True):
    """Nothing to say, from either end; of the venue with the instant at which its market stands."""

    now_ns: Nanoseconds = 0


class Fault(Struct, frozen=True, tag=7, array_like=True):
    """Let something go wrong; only where the venue was started so that it listens to this."""

    kind: FaultKind
    amount: Annotated[float, Meta(ge=0.0, le=1e6)] = 1.0  # reports, seconds of silence, seconds of a jump


ToVenue = Hello | Commands | Asked | ResendWanted | SnapshotWanted | Alive | Fault

# From the venue.


class Welcome(Struct, frozen=True, tag=20, array_like=True):
    """The caller may go on; the answer to `Hello`."""

    version: Whole
    venue: _Words
    world: _Words  # the scenario and its seed
    table_hash: _Words
    now_ns: Nanoseconds
    opens_ns: Nanoseconds
    closes_ns: Nanoseconds
    speed: float
    cancelled: bool = False  # of a session: what was open was cancelled since the last one
    facts: tuple[Told, ...] = ()  # of a feed: what is known before the first message, listings first


class Refused(Struct, frozen=True, tag=21, array_like=True):
    """The last message of a connection, and why."""

    reason: _Words


class Reported(Struct, frozen=True, tag=22, array_like=True):
    """Reports that left together; a heartbeat has none in its envelope."""

    envelopes: tuple[Envelope, ...]


class Answered(Struct, frozen=True, tag=23, array_like=True):
    """The answer to `Asked`."""

    asked_ns: int
    at_ns: int
    since_ns: int
    orders: tuple[tuple[Whole, Whole], ...]  # client ids and open contracts
    positions: tuple[tuple[Whole, Whole], ...]  # rows and contracts, where there are any
    executions: Whole
    counted_ns: Nanoseconds


class Quoted(Struct, frozen=True, tag=24, array_like=True):
    """A message of the feed."""

    source: Whole
    number: Whole
    at_ns: Nanoseconds
    price: float | None
    halted: bool | None
    snapshot: bool
    rows: bytes  # int32[k]
    quotes: bytes  # int64[4, k]


class Cleared(Struct, frozen=True, tag=25, array_like=True):
    """What the clearing house says."""

    facts: tuple[Told, ...]


class Closed(Struct, frozen=True, tag=26, array_like=True):
    """The market's day is over."""

    at_ns: Nanoseconds


ToDesk = Welcome | Refused | Reported | Answered | Quoted | Cleared | Closed | Alive

_ENCODER = msgspec.msgpack.Encoder()
_AT_VENUE = msgspec.msgpack.Decoder(ToVenue)
_AT_DESK = msgspec.msgpack.Decoder(ToDesk)


def framed(message: ToVenue | ToDesk) -> bytes:
    """A message as a frame."""
    body = _ENCODER.encode(message)
    return len(body).to_bytes(HEAD_BYTES, "big") + body


def from_desk(body: bytes) -> ToVenue:
    """What a desk says.

    Raises
    ------
    ProtocolError
        It is no message of a desk.
    """
    try:
        found: ToVenue = _AT_VENUE.decode(body)

    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ProtocolError(_said("no message of a desk", fault)) from fault
    return found


def from_venue(body: bytes) -> ToDesk:
    """What the venue says.

    Raises
    ------
    ProtocolError
        It is no message of a venue, or holds a fact that cannot be.
    """
    try:
        found: ToDesk = _AT_DESK.decode(body)

    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, FlatbookError) as fault:
        raise ProtocolError(_said("no message of the venue", fault)) from fault
    return found


class Frames:
    """The reading end: bytes as they come, cut anywhere, and the frames that are whole by then."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._rest = bytearray()

    def split(self, read: bytes) -> list[bytes]:
        """Bodies of the frames that end with or within what was read.

        Raises
        ------
        ProtocolError
            A frame is empty, or longer than this end reads; its body is not waited for.
        """
        self._rest += read
        out: list[bytes] = []
        at, rest = 0, self._rest
        while len(rest) - at >= HEAD_BYTES:
            size = int.from_bytes(rest[at : at + HEAD_BYTES], "big")
            if not 0 < size <= self._most_bytes:
                msg = f"a frame of {size:,d} bytes; 1 to {self._most_bytes:,d} are read"
                raise ProtocolError(msg)
            end = at + HEAD_BYTES + size
            if end > len(rest):
                break
            out.append(bytes(rest[at + HEAD_BYTES : end]))
            at = end
        del rest[:at]
        return out

    def end(self) -> None:
        """The other end has hung up.

        Raises
        ------
        ProtocolError
            Within a frame.
        """
        if self._rest:
            msg = "the line was cut within a frame"
            raise ProtocolError(msg)


async def bodies(reader: asyncio.StreamReader, most_bytes: int) -> AsyncIterator[list[bytes]]:
    """Bodies of frames that were read together, until the other end hangs up; raises ProtocolError as `Frames` does."""
    frames = Frames(most_bytes)
    while read := await reader.read(_READ_BYTES):
        if found := frames.split(read):
            yield found
    frames.end()


def quoted(message: FeedMessage) -> Quoted:
    """A feed message as it goes over the line."""
    return Quoted(
        source=message.source,
        number=message.number,
        at_ns=message.at_ns,
        price=message.price,
        halted=message.halted,
        snapshot=message.snapshot,
        rows=message.rows.astype(_ROWS).tobytes(),
        quotes=np.ascontiguousarray(message.quotes, dtype=_QUOTES).tobytes(),
    )


def feed_message(message: Quoted, table: InstrumentTable) -> FeedMessage:
    """A feed message as it came.

    Raises
    ------
    ProtocolError
        It speaks of a source or of rows that are not there, its columns differ in length, or a price or a size is none.
    """
    if len(message.rows) % _ROWS.itemsize or len(message.quotes) % (4 * _QUOTES.itemsize):
        msg = "a feed message whose columns are cut"
        raise ProtocolError(msg)
    rows = np.frombuffer(message.rows, dtype=_ROWS).astype(np.int64)
    quotes = np.frombuffer(message.quotes, dtype=_QUOTES).astype(np.int64).reshape(4, -1)
    if quotes.shape[1] != rows.size:
        msg = f"a feed message of {rows.size} rows with {quotes.shape[1]} quotes"
        raise ProtocolError(msg)
    if message.price is not None and not 0.0 < message.price < math.inf:
        msg = f"a feed message with the price {message.price}"
        raise ProtocolError(msg)
    if (quotes[2:] < 0).any():
        msg = "a feed message with a size below 0"
        raise ProtocolError(msg)
    if not 0 <= message.source < len(table.underlyings):
        msg = f"a feed message of source {message.source}; there are {len(table.underlyings)}"
        raise ProtocolError(msg)
    inside = (rows >= 0) & (rows < len(table.instruments))
    if not inside.all() or (table.underlying_of[rows] != message.source).any():
        msg = f"a feed message of {table.underlyings[message.source]} with rows that are not its own"
        raise ProtocolError(msg)
    return FeedMessage(
        source=message.source,
        number=message.number,
        at_ns=message.at_ns,
        price=message.price,
        halted=message.halted,
        rows=rows,
        quotes=quotes,
        snapshot=message.snapshot,
    )


def answered(question: Asked, answer: Answer) -> Answered:
    """An answer as it goes over the line."""
    held = np.flatnonzero(answer.positions)
    return Answered(
        asked_ns=question.asked_ns,
        at_ns=question.at_ns,
        since_ns=question.since_ns,
        orders=tuple(answer.orders),
        positions=tuple(zip(held.tolist(), answer.positions[held].tolist(), strict=True)),
        executions=answer.executions,
        counted_ns=answer.counted_ns,
    )


def answer_of(message: Answered, table: InstrumentTable) -> Answer:
    """An answer as it came.

    Raises
    ------
    ProtocolError
        It tells of positions in rows that are not there, or counts orders or executions that cannot be.
    """
    if message.executions < 0 or any(client_id <= 0 or left <= 0 for client_id, left in message.orders):
        msg = f"an answer with {message.executions} executions, or with open orders that nobody can have"
        raise ProtocolError(msg)
    positions = np.zeros(len(table.instruments), dtype=np.int64)
    for row, quantity in message.positions:
        if not 0 <= row < positions.size:
            msg = f"an answer with a position in row {row}; there are {positions.size}"
            raise ProtocolError(msg)
        positions[row] = quantity
    question = Question(asked_ns=message.asked_ns, at_ns=message.at_ns, since_ns=message.since_ns)
    return Answer(question, message.orders, positions, message.executions, message.counted_ns)


def envelopes_of(message: Reported, table: InstrumentTable) -> tuple[Envelope, ...]:
    """Reports as they came.

    Raises
    ------
    ProtocolError
        One tells of a row that is not there, or of an order or a trade that cannot be.
    """
    for each in message.envelopes:
        if each.executions < 0 or not _can_be(each.report, len(table.instruments)):
            msg = f"a report that cannot be: {each.report}, {each.executions} executions"
            raise ProtocolError(msg[:500])
    return message.envelopes


def _can_be(report: Report | None, n_rows: int) -> bool:
    match report:
        case Traded():
            is_trade = report.quantity > 0 and report.side in (1, -1) and report.capacity in _CAPACITIES
            return is_trade and 0 <= report.row < n_rows and report.client_id >= 0
        case Corrected():
            return report.quantity > 0
        case Acknowledged() | Rejected() | Cancelled() | CancelRejected():
            return report.client_id > 0
        case _:
            return True


def table_hash(table: InstrumentTable) -> str:
    """What stands for every row of a table, 32 hexadecimal digits (BLAKE2b): two ends with one hash mean the same rows."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(msgspec.msgpack.encode((table.version, table.instruments)))
    return digest.hexdigest()


def _said(what: str, fault: Exception) -> str:
    return f"{what}: {fault}"[:500]
