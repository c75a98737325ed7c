"""Tasks that come back: a line that breaks is tried again, ever more slowly, and what it broke of is logged."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from secrets import SystemRandom

from flatbook.live.log import Logger

_SPREAD = SystemRandom()  # so that many who lost a line do not come back in step; it decides nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait before the next try."""

    first_s: float = 0.1
    most_s: float = 5.0
    calm_s: float = 30.0  # of work without a fault after which the waits begin anew

    def wait_s(self, tries: int) -> float:
        """Before the next try, after `tries` in a row: doubled each time, and spread by a half."""
        whole = min(self.most_s, self.first_s * 2.0 ** min(tries, 30))
        return whole * _SPREAD.uniform(0.5, 1.0)


async def keep_alive(
    name: str,
    work: Callable[[], Awaitable[bool]],
    log: Logger,
    *,
    backoff: Backoff | None = None,
    lost: Callable[[str], Awaitable[None]] | None = None,
) -> None:
    """Run `work` again and again until it says that it is done.

    Parameters
    ----------
    name : str
        For the log.
    work : callable
        Returns True once there is no more to do; returning False, or raising, it is tried again.
    log : Logger
    backoff : Backoff, optional
    lost : callable, optional
        Told of every end that was not meant, in words.
    """
    waits, tries = backoff or Backoff(), 0
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            if await work():
                return
            why = "it ended"
        except (OSError, EOFError, asyncio.IncompleteReadError) as error:
            why = f"{type(error).__name__}: {error}"
        except Exception as error:  # a reader that fails may not take the desk with it
            log.error("task failed", task=name, error=f"{type(error).__name__}: {error}", exc_info=True)
            why = f"{type(error).__name__}: {error}"
        if loop.time() - began >= waits.calm_s:
            tries = 0
        if lost is not None:
            await lost(why)
        wait_s = waits.wait_s(tries)
        tries += 1
        log.warning("task restarts", task=name, why=why, tries=tries, wait_s=round(wait_s, 3))
        await asyncio.sleep(wait_s)
