"""Kernels of a desk that is about to run: compiled in processes of their own, while the door answers and a signal is heard."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator

from flatbook.cli.foyer import Foyer
from flatbook.cli.warmup import LIVE_FAMILIES, cold_families
from flatbook.model.errors import FlatbookError

_LOOK_S = 0.5


async def compiled(foyer: Foyer, stop: asyncio.Event) -> bool:
    """Wait until what the desk calls from its first second is compiled; False where it was told to stop meanwhile.

    Raises
    ------
    FlatbookError
        They could not be compiled.
    """
    stopped = asyncio.ensure_future(stop.wait())
    try:
        while cold := cold_families(LIVE_FAMILIES):
            async with _warmup("--live", quiet=False) as process:
                ended = asyncio.ensure_future(process.wait())
                while not ended.done() and not stop.is_set():
                    done = len(LIVE_FAMILIES) - len(cold_families(LIVE_FAMILIES))
                    foyer.told = (
                        f"Kernels are compiled, once for this copy of flatbook: {done} of {len(LIVE_FAMILIES)} families are ready. "
                        "It takes a minute or two."
                    )
                    await asyncio.wait({ended, stopped}, timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                return False
            if ended.result():
                msg = f"kernels were not compiled ({', '.join(cold)}); `flatbook warmup` tells why"
                raise FlatbookError(msg)
        return True
    finally:
        stopped.cancel()


@contextlib.asynccontextmanager
async def compiling_the_rest() -> AsyncIterator[None]:
    """Kernels that are seldom called are compiled beside the desk, behind everything else that runs."""
    if not cold_families():
        yield
        return
    async with _warmup("--gently", quiet=True):
        yield


@contextlib.asynccontextmanager
async def _warmup(option: str, *, quiet: bool) -> AsyncIterator[asyncio.subprocess.Process]:
    """`flatbook warmup`, which is ended together with its workers at the end of the context."""
    unheard = subprocess.DEVNULL if quiet else None
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "flatbook", "warmup", option, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=unheard,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
