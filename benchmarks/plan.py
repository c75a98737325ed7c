"""The whole command on the shipped example: from a cold kernel cache, and with warm caches."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

EXAMPLE = Path(__file__).parents[1] / "examples" / "synthetic-day"


def timings() -> Iterator[str]:
    """Wall seconds of `flatbook plan` with JSON, HTML and journal; the rest of the machine included."""
    with tempfile.TemporaryDirectory() as folder:
        cache = {"NUMBA_CACHE_DIR": str(Path(folder) / "kernels")}
        for label in ("cold", "warm", "warm"):
            yield f"flatbook plan, shipped example, {label:4} kernels   {_plan(Path(folder), cache):6.2f} s"


def _plan(folder: Path, environment: dict[str, str]) -> float:
    (folder / "p.journal").unlink(missing_ok=True)
    command = [sys.executable, "-m", "flatbook", "plan", "--book", EXAMPLE / "fills.csv", "--market", EXAMPLE]
    command += ["--config", EXAMPLE / "desk.toml", "--quiet"]
    command += ["--json", folder / "p.json", "--html", folder / "p.html", "--journal", folder / "p.journal"]
    start = perf_counter()
    subprocess.run([str(part) for part in command], check=True, env=os.environ | environment)
    return perf_counter() - start
