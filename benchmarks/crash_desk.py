"""`flatbook run` in a process to which things happen: `python -m benchmarks.crash_desk --acks FILE [--file-bytes N] -- run ...`.

SIGUSR1 sets the machine's clock an hour ahead, as this process sees it, SIGUSR2 an hour back. With `--file-bytes` no file of it can grow beyond
that many bytes: a write that would is refused by the kernel, as one to a full disk is. Beside the desk somebody acts all the time, and
notes in `--acks` what the desk has acknowledged, once it has.
"""

import argparse
import asyncio
import os
import resource
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

HOUR_NS = 3_600_000_000_000
ACTION = "crash report"
WHO = "benchmark"
_BETWEEN_S = 0.02


def _bend_time() -> None:
    """Before anything has taken the clock's name."""
    true, ahead = time.time_ns, [0]

    def bent() -> int:
        return true() + ahead[0]

    def jump(number: int, _: FrameType | None) -> None:
        ahead[0] += HOUR_NS if number == signal.SIGUSR1 else -HOUR_NS

    time.time_ns = bent
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, jump)


async def _act(acks: Path, service: Any) -> None:
    """Do something all the time that changes nothing, and note what was acknowledged; release what a limit has stopped."""
    from flatbook.model.errors import FlatbookError
    from flatbook.model.operator_events import OperatorActed, Outcome
    from flatbook.model.order_events import KillScope, KillSet

    noted = os.open(acks, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        for number in range(sys.maxsize):
            target = f"{os.getpid()}/{number}"
            fact = OperatorActed(received_ns=0, action=ACTION, who=WHO, outcome=Outcome.DONE, target=target)
            try:
                sequence = await service.operator.submit(fact, who=WHO, why="it is counted")
                if (KillScope.DESK, "") in service.desk.core.state.outbox.kills.on:
                    release = KillSet(received_ns=0, scope=KillScope.DESK, on=False, owner=WHO, reason=ACTION)
                    await service.operator.submit(release, who=WHO, why=ACTION)
            except FlatbookError:
                return
            os.write(noted, f"{sequence} {target}\n".encode())
            await asyncio.sleep(_BETWEEN_S)
    finally:
        os.close(noted)


def main() -> None:
    """Run a desk so."""
    at = sys.argv.index("--")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--acks", type=Path, required=True)
    parser.add_argument("--file-bytes", type=int, default=0)
    told = parser.parse_args(sys.argv[1:at])
    _bend_time()
    if told.file_bytes:
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (told.file_bytes, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
        )

    from flatbook.cli import live
    from flatbook.cli.main import main as flatbook

    def beside(service: Any, *_: object) -> Callable[[], Awaitable[None]]:
        return partial(_act, told.acks, service)

    live._beside = beside
    sys.argv = ["flatbook", *sys.argv[at + 1 :]]
    flatbook()


if __name__ == "__main__":
    main()
