"""Where finished runs are kept, so that a rerun does only what is missing.

Format: JSON lines (jsonlines.org), UTF-8, one finished run a line, `{"key": …, "outcome": {…}}`; only ever added to. A line that the
process died in the middle of, or that an earlier release wrote otherwise, is passed over, and its run done again.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from flatbook import __version__
from flatbook.model.errors import Fault, FaultsError
from flatbook.sim.experiments.outcome import Outcome


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One finished run."""

    key: str
    outcome: Outcome


_START = b'{"key":'
_NOT_RUN = frozenset({"reports", "cli", "adapters"})
_DECODER = msgspec.json.Decoder(Line)


def run_key(scenario_hash: str, policy: str, seed: int, version: str) -> str:
    """What a run is kept under: 32 hexadecimal digits for the scenario with its desk, the policy, the seed and the code (BLAKE2b)."""
    text = msgspec.json.encode([scenario_hash, policy, seed, version])
    return hashlib.blake2b(text, digest_size=16).hexdigest()


class Results:
    """The finished runs of a file, which is only ever added to."""

    def __init__(self, path: Path) -> None:
        """Read what is there.

        Raises
        ------
        FaultsError
            The file cannot be read, or is not one of results.
        """
        self.path = path
        self._found, self._torn = _read(path)

    def get(self, key: str, *, curves: bool = False) -> Outcome | None:
        """The outcome kept under `key`; None where there is none, or none with curves where those are asked for."""
        found = self._found.get(key)
        return None if found is None or (curves and found.curves is None) else found

    def add(self, runs: Iterable[tuple[str, Outcome]]) -> None:
        """Keep finished runs; they are on disk once this returns."""
        lines = [b"\n"] if self._torn else []
        for key, outcome in runs:
            self._found[key] = outcome
            lines.append(msgspec.json.encode(Line(key=key, outcome=outcome)) + b"\n")
        with self.path.open("ab") as file:
            file.write(b"".join(lines))
            file.flush()
            os.fsync(file.fileno())
        self._torn = False


def code_version() -> str:
    """The version of flatbook, and a hash of all its code that a run depends on: everything but reports and commands."""
    root = Path(__file__).parents[2]
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted((*root.rglob("*.py"), *root.rglob("*.toml"))):
        name = path.relative_to(root)
        if name.parts[0] not in _NOT_RUN and name.parts[:2] != ("sim", "scenarios"):
            digest.update(name.as_posix().encode() + b"\0" + path.read_bytes())
    return f"{__version__} {digest.hexdigest()}"


def _read(path: Path) -> tuple[dict[str, Outcome], bool]:
    """What is kept, and whether the last line is torn; of two lines of one run the later counts."""
    try:
        raw = path.read_bytes() if path.exists() else b""
    except OSError as e:
        raise FaultsError([_fault(path, str(e.strerror))]) from e
    found = {}
    for number, line in enumerate(raw.split(b"\n"), start=1):
        try:
            kept = _DECODER.decode(line) if line else None
        except (msgspec.DecodeError, UnicodeDecodeError) as e:
            if line[: len(_START)] != _START[: len(line)]:
                raise FaultsError([_fault(path, f"line {number}: {e}")]) from e
            continue
        if kept is not None:
            found[kept.key] = kept.outcome
    return found, bool(raw) and not raw.endswith(b"\n")


def _fault(path: Path, found: str) -> Fault:
    expected = "one finished run a line, as flatbook simulate writes them"
    return Fault(where=f"--results {path.name}", found=found, expected=expected, action="name another file")
