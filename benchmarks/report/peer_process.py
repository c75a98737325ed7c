"""Peers that live in an environment of their own: the other end of the pipe to `benchmarks/peers/worker.py`.

The worker sleeps on its pipe while ours runs; the processor time it takes meanwhile is kept and reported, so that a
peer's spinning threads cannot slow ours unseen.
"""

import json
import os
import select
import subprocess
import tempfile
from pathlib import Path
from time import sleep
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from benchmarks.report.measure import LEAST_S, Timer

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".venv-peers"
_WORKER = ROOT / "benchmarks" / "peers" / "worker.py"
_PATIENCE_S = 180.0
_ENDED, _NOT_THERE = "its process ended", "not installed"
_SETTLE_S = 0.02  # after a peer's turn its threads may still spin this long


class PeerError(Exception):
    """A peer that is not there, or fell over."""


class Prepared(NamedTuple):
    """A workload that a peer has compiled and run once."""

    outputs: np.ndarray
    words: str  # what it used
    timer: Timer


class PeerProcess:
    """One worker on so many cores; started when first asked."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = tempfile.TemporaryDirectory()
        self.idle_s: list[float] = []  # processor time that the worker took in each of our turns

    def __enter__(self) -> "PeerProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        self._folder.cleanup()

    def prepare(self, name: str, **inputs: np.ndarray) -> Prepared:
        """Hand inputs over to MODULE.FUNCTION of `benchmarks/peers`; raises PeerError where that fails."""
        folder = Path(self._folder.name) / name
        folder.mkdir(exist_ok=True)
        for key, column in inputs.items():
            np.save(folder / f"{key}.npy", column)
        reply = self._ask({"prepare": name, "folder": str(folder)})
        return Prepared(np.load(folder / "outputs.npy"), reply["words"], self._timer(name))

    def _timer(self, name: str) -> Timer:
        """Returns when the worker's threads have gone to sleep."""

        def time() -> tuple[float, float]:
            reply = self._ask({"time": name, "least_s": LEAST_S})
            self.idle_s.append(reply["idle_s"])
            sleep(_SETTLE_S)
            return reply["seconds"], reply["cores"]

        return time

    def versions(self, names: list[str]) -> dict[str, str]:
        """Versions of packages in the peers' environment."""
        found: dict[str, str] = self._ask({"versions": names})["versions"]
        return found

    def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            self._stop()
            raise PeerError(_ENDED) from None
        ready, _, _ = select.select([process.stdout], [], [], _PATIENCE_S)
        line = process.stdout.readline() if ready else b""
        if not line:
            self._stop()
            raise PeerError(_ENDED if ready else f"no answer within {_PATIENCE_S:.0f} s")
        reply: dict[str, Any] = json.loads(line)
        if "fault" in reply:
            raise PeerError(reply["fault"])
        return reply

    def _start(self) -> subprocess.Popen[bytes]:
        python = ENVIRONMENT / "bin" / "python"
        if not python.exists():
            raise PeerError(_NOT_THERE)
        limits = dict.fromkeys(
            ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(self._threads)
        )
        self._process = subprocess.Popen(
            [str(python), str(_WORKER), str(self._threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ
            | limits
            | {"JAX_PLATFORMS": "cpu", "NUMBA_CACHE_DIR": str(ENVIRONMENT / "numba-cache")},
        )
        return self._process

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()  # waits, and closes the pipes
            self._process = None
