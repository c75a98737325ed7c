"""A line on the terminal that says what takes so long, once it has taken a second."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from flatbook.cli.run import Progress

_PATIENCE_S = 1.0


@contextmanager
def shown(console: Console) -> Iterator[Progress]:
    """Give a function to name the step under way; a step longer than a second shows with a spinner.

    Where the console is no terminal each such step is one plain line.
    """
    status = console.status("starting")
    timer: list[threading.Timer] = []

    def begin(step: str) -> None:
        stop()
        wait = threading.Timer(_PATIENCE_S, show, args=(step,))
        wait.daemon = True
        timer.append(wait)
        wait.start()

    def show(step: str) -> None:
        if console.is_terminal:
            status.update(f"{step} …")
            status.start()
        else:
            console.print(f"{step} …")

    def stop() -> None:
        while timer:
            timer.pop().cancel()
        status.stop()

    try:
        yield begin
    finally:
        stop()
