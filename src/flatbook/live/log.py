"""Structured logs off the path of decisions: a line is handed to a thread that renders it as JSON and writes it.

The queue is bounded: what a full one cannot take is dropped and counted, never waited for. What a key's name marks as a secret is
not written.
"""

import contextlib
import queue
import sys
import threading
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import structlog

_MOST_LINES = 10_000
_SECRET_MARKS = ("password", "secret", "token", "authorization", "cookie", "api_key", "ticket")
_HIDDEN = "***"
Logger = structlog.typing.FilteringBoundLogger
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class LogWriter:
    """A thread with the lines that wait for it. Use it as a context: on leaving, what waits is written."""

    def __init__(self, file: Path | None = None, stream: TextIO | None = None, level: str = "info") -> None:
        self._file: TextIO | None = None if file is None else file.open("a", encoding="utf-8", buffering=1)
        self._stream = stream if stream is not None else (sys.stderr if file is None else None)
        self._lines: queue.Queue[MutableMapping[str, Any] | None] = queue.Queue(_MOST_LINES)
        self.dropped = 0
        self._render: Callable[..., Any] = structlog.processors.JSONRenderer(default=repr)
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self.logger: Logger = structlog.wrap_logger(
            _Sink(self),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
                structlog.processors.format_exc_info,
                _without_secrets,
                _handed_over,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
            cache_logger_on_first_use=True,
        )
        self._thread.start()

    def take(self, line: MutableMapping[str, Any]) -> None:
        """Let a line be written, or count it as dropped."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what waits, and end the thread."""
        if self._thread.is_alive():
            self._lines.put(None)
            self._thread.join(timeout=5.0)
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> "LogWriter":
        """It writes already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what waits."""
        self.close()

    def _write_all(self) -> None:
        while (line := self._lines.get()) is not None:
            text = str(self._render(None, "", line))
            for out in (self._file, self._stream):
                if out is not None:
                    with contextlib.suppress(
                        OSError, ValueError
                    ):  # a full disk or a closed pipe stops no desk
                        out.write(text + "\n")


class _Sink:
    """What structlog calls with the finished line."""

    def __init__(self, writer: LogWriter) -> None:
        self._writer = writer

    def msg(self, line: MutableMapping[str, Any]) -> None:
        """Hand it over."""
        self._writer.take(line)

    debug = info = warning = error = critical = exception = msg


def silent() -> Logger:
    """A logger that writes nothing."""
    logger: Logger = structlog.wrap_logger(
        None, processors=[_dropped], wrapper_class=structlog.make_filtering_bound_logger(_LEVELS["error"])
    )
    return logger


def _without_secrets(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in line:
        if any(mark in key.lower() for mark in _SECRET_MARKS):
            line[key] = _HIDDEN
    return line


def _handed_over(
    _: object, __: str, line: MutableMapping[str, Any]
) -> tuple[tuple[MutableMapping[str, Any]], Mapping[str, Any]]:
    return (line,), {}


def _dropped(_: object, __: str, ___: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    raise structlog.DropEvent
