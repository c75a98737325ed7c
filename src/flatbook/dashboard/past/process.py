"""The librarian in a process of its own, so that no question about the past takes time from the desk."""

import asyncio
import os
import pickle
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import msgspec

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.past.asked import Answer, Asked, SnapshotAt
from flatbook.dashboard.security.refusals import Refusal
from flatbook.journal.following import last_number
from flatbook.live.snapshot import Snapshot
from flatbook.model.errors import FlatbookError

_END_S = 5.0
_IDLE_S = 0.5  # between two looks for what was written since
_NICENESS = 10  # the desk goes first
_WAITING_MOST = 32  # questions
_AGAIN_S = 0.2
_MOMENT_S = 600.0  # that somebody waits for a whole picture, while the journal is taken again


class PastProcess:
    """`dashboard.past.asked.Library` of a journal, for as long as it is entered.

    Parameters
    ----------
    path : Path
        The journal; it may still be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._line: _Line | None = None
        self._asking = ThreadPoolExecutor(1, thread_name_prefix="past")
        self._waiting = 0
        self._first = 1
        self._closed = False

    def __enter__(self) -> "PastProcess":
        """Start reading."""
        self._line = _started(self._path)
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, whatever it does."""
        self.close()

    def close(self) -> None:
        """Answer no more."""
        self._closed = True
        if self._line is not None:
            self._line.end()
        self._asking.shutdown()

    def span(self) -> tuple[int, int]:
        """The first and the last record that can be shown, the last one perhaps not at once."""
        return self._first, max(last_number(self._path), self._first)

    async def snapshot_at(self, sequence: int) -> Snapshot:
        """The desk at the instant of a record, as soon as the journal was taken again so far.

        Raises
        ------
        UnknownTopicError
            There is no such moment.
        FlatbookError
            The journal is not what was written, or it takes too long.
        """
        until = asyncio.get_running_loop().time() + _MOMENT_S
        while True:
            answer = await self.ask(SnapshotAt(sequence=sequence))
            if answer.status == 200:
                found = pickle.loads(answer.body)  # noqa: S301 - written by our own process
                assert isinstance(found, Snapshot), "that was asked for"
                return found
            told = msgspec.json.decode(answer.body)["message"]
            if answer.status == 404:
                raise UnknownTopicError(told)
            if answer.status != 503 or asyncio.get_running_loop().time() >= until:
                raise FlatbookError(told)
            await asyncio.sleep(_AGAIN_S)

    async def ask(self, asked: Asked) -> Answer:
        """What the librarian says, or that it does not."""
        if self._waiting >= _WAITING_MOST:
            return _silent(503, "too many look at the past at once; ask again")
        self._waiting += 1
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._asking, self._exchange, asked)
        finally:
            self._waiting -= 1
        self._first = answer.first or self._first
        return answer

    def _exchange(self, asked: Asked) -> Answer:
        if self._closed:
            return _silent(503, "the dashboard stops")
        try:
            if self._line is None:
                self._line = _started(self._path)
            return self._line.exchange(asked)
        except (EOFError, OSError):
            if self._line is not None:
                self._line.end()
            self._line = None
            return _silent(
                503, "the process that reads the journal ended; it begins anew with the next question"
            )


@dataclass(slots=True)
class _Line:
    connection: Connection
    process: BaseProcess

    def exchange(self, asked: Asked) -> Answer:
        """Ask, and wait for the answer."""
        self.connection.send(asked)
        answer = self.connection.recv()
        assert isinstance(answer, Answer), "each question has one"
        return answer

    def end(self) -> None:
        """End the process, whatever it does."""
        with suppress(ValueError):  # ended before
            self.process.terminate()  # whoever waits for an answer is let go by that
            self.process.join(_END_S)
            if self.process.is_alive():
                self.process.kill()
                self.process.join()
            self.process.close()
        self.connection.close()


def _silent(status: int, message: str) -> Answer:
    body = Refusal(error="no_answer", message=message).model_dump_json().encode()
    return Answer(status=status, body=body, headers={"retry-after": "1"})


def _started(path: Path) -> _Line:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_read, args=(path, theirs), name="journal reader", daemon=True)
    process.start()
    theirs.close()
    return _Line(ours, process)


def _read(path: Path, desk: Connection) -> None:
    """The life of the process: it ends when the other side does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    with suppress(EOFError, OSError):
        _serve(path, desk)


def _serve(path: Path, desk: Connection) -> None:
    from flatbook.dashboard.past.librarian import Librarian  # noqa: PLC0415 - only this process needs it

    try:
        librarian = Librarian(path)
    except FlatbookError as e:  # no journal, or none that can be read
        while True:
            desk.recv()
            desk.send(_silent(409, str(e)))
    try:
        busy = True
        while True:
            if desk.poll(0.0 if busy else _IDLE_S):
                desk.send(librarian.answer(desk.recv()))
            busy = librarian.work()
    finally:
        librarian.close()
