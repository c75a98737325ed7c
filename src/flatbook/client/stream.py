"""The desk's stream: each update of a topic with its columns as read-only arrays that lie on the bytes as they came.

The desk sends the newest of every topic whenever the reader is ready for it: a reader that is slow misses what lies between, and holds
nobody up.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import polars as pl
from numpy.typing import NDArray
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidStatus, WebSocketException
from websockets.sync.client import connect

from flatbook.client.connection import API, Connection
from flatbook.client.errors import ProtocolError, RefusedError, UnauthorizedError, UnreachableError
from flatbook.client.pages import INSTANT
from flatbook.dashboard.errors import FrameError
from flatbook.dashboard.frames import decode

FRAME_MOST_BYTES = 64 * 1024 * 1024
_WAITING_MOST = 4  # frames here; more wait at the desk, where newer ones replace them
_ENDED = frozenset({1001, 1012})  # going away, as a page and as a server
_REFUSED = 1008


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Update:
    """One topic at one publication."""

    topic: str  # as "class:IDX"
    kind: str
    number: int  # of the publication
    cycle: int  # sequence of its decision in the journal
    at_ns: int  # the core's time, UTC
    data: Any  # null is a number that does not exist
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)  # NaN is a number that does not exist

    @property
    def at_utc(self) -> Any:
        """The core's time as a datetime."""
        return pl.Series([self.at_ns], dtype=INSTANT).item()

    def table(self) -> pl.DataFrame:
        """The columns as one table, those of the greatest length; NaN is null."""
        longest = max((each.size for each in self.columns.values()), default=0)
        return pl.DataFrame(
            {name: each for name, each in self.columns.items() if each.size == longest}, nan_to_null=True
        )


def update_of(raw: bytes | str) -> Update:
    """An update from a frame.

    Raises
    ------
    ProtocolError
        It is none.
    """
    try:
        frame = decode(raw if isinstance(raw, bytes) else raw.encode())
    except FrameError as e:
        raise ProtocolError(str(e)) from e
    return Update(
        topic=frame.topic,
        kind=frame.kind,
        number=frame.number,
        cycle=frame.cycle,
        at_ns=frame.at_ns,
        data=frame.data,
        columns={each.name: each.values for each in frame.columns},
    )


def watch(connection: Connection, topics: Sequence[str]) -> Iterator[Update]:
    """Updates of the topics until the desk ends."""
    with _told():
        options = _options(connection)
        with connect(_address(connection, connection.ticket()), **options) as socket:
            socket.send(_wanted(topics))
            for raw in socket:
                yield update_of(raw)


async def watch_async(connection: Connection, topics: Sequence[str]) -> AsyncIterator[Update]:
    """Updates of the topics until the desk ends, beside other tasks."""
    with _told():
        ticket = await asyncio.to_thread(connection.ticket)
        async with connect_async(_address(connection, ticket), **_options(connection)) as socket:
            await socket.send(_wanted(topics))
            async for raw in socket:
                yield update_of(raw)


@contextmanager
def _told() -> Iterator[None]:
    """Say in our words what went wrong on the line; that the desk ended in order is the end and no fault."""
    try:
        yield
    except ConnectionClosedOK:
        return
    except ConnectionClosed as e:
        code, reason = (e.rcvd.code, e.rcvd.reason) if e.rcvd else (0, "")
        if code in _ENDED:
            return
        if code == _REFUSED:
            raise RefusedError(0, "stream", reason or "the desk closed the stream") from e
        msg = f"the stream broke: {reason or e}"
        raise UnreachableError(msg) from e
    except InvalidStatus as e:
        status = e.response.status_code
        raise UnauthorizedError(status, "stream", "the desk lets this stream not begin") from e
    except (WebSocketException, OSError) as e:
        msg = f"the stream could not begin: {e}"
        raise UnreachableError(msg) from e


def _address(connection: Connection, ticket: str) -> str:
    return f"ws{connection.url.removeprefix('http')}{API}/stream?ticket={ticket}"


def _options(connection: Connection) -> dict[str, Any]:
    return {
        "ssl": connection.tls,
        "proxy": None if connection.loopback else True,
        "compression": None,
        "max_size": FRAME_MOST_BYTES,
        "max_queue": _WAITING_MOST,
        "open_timeout": connection.timeout_s,
        "close_timeout": 1.0,
    }


def _wanted(topics: Sequence[str]) -> str:
    return msgspec.json.encode({"subscribe": list(topics)}).decode()
