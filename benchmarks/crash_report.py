"""Crash desks in every way we can, and count what that cost: `python -m benchmarks.crash_report --kills 200 --seed 1 --write PAGE`.

Each desk is `flatbook run` in a process of its own, beside a simulated venue that lives on. What is counted is read from the journal and from the
venue's own books, not from what the desk says of itself. It ends with code 1 where anything was lost, counted twice, or sent under an old number.
"""

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.crash_faults import SECTIONS
from benchmarks.crash_kills import Section, kills

_NAMES = {
    "records": "records in the journal",
    "acknowledged": "actions of an operator that were acknowledged",
    "fills": "fills",
    "fills_told_again": "fills that were told again",
    "orders": "orders sent",
    "restarts": "restarts on the record",
    "released": "times that a limit had stopped the desk, and the operator released it",
    "reconciled": "restarts that lived until the venue had answered",
    "lost": "**acknowledged events lost**",
    "doubled": "**fills counted twice**",
    "old_numbers": "**orders under an old number**",
    "backwards": "**facts received before the one before them**",
}
_HEAD = """# Crashes, and what they cost

Made by `make crash-report`, which crashes desks for half an hour or more and writes this page anew.

Each desk is `flatbook run` in a process of its own, beside a venue of the simulator that lives on: the live demo at {speed:g} times the speed of time,
seed {seed}. The venue keeps open orders when a session ends, and trades on. Beside each desk somebody acts fifty times a second; what was acknowledged
to them is noted elsewhere. Everything below is counted from the journal and from the venue's own books.

- **Lost**: a record that was durable at a crash and is not there afterwards, or another; an action that was acknowledged and is not in the journal under its
  number; a fill of the venue's that the journal has not, or not as the venue has it.
- **Counted twice**: a fill that stands in the engine's book more than once; a position other than that of the fills, each taken once. Positions are
  compared three ways: the engine's, the fills', the venue's.
- **Old number**: a client id that was used before, or that was open at the venue at a crash without a durable decision that sent it.
- **Time to ready**: from the start of the process (imports and compiled kernels read from their cache) until an order left, which is after the journal was proven, the
  state read, what follows it decided again, and the venue asked.

Taken on {system} {machine}, 2 shared cores, Python {python}.
"""


def sections(
    count: int, seed: int, folder: Path, speed: float, told: Callable[[str], object], only: str = ""
) -> Iterator[Section]:
    """Each part of the report whose name holds `only`, as it is done."""
    if only in kills.__name__:
        yield kills(count, seed, folder / "kills", speed, told)
    for number, section in enumerate(SECTIONS):
        if only not in section.__name__:
            continue
        told(section.__name__)
        yield section(max(count // 20, 1), seed + 1 + number, folder / section.__name__, speed)


def page(found: list[Section], seed: int, speed: float) -> str:
    """The report as Markdown."""
    head = _HEAD.format(
        seed=seed, speed=speed, system=platform.system(), machine=platform.machine(), python=platform.python_version(),
    )  # fmt: skip
    parts = [head]
    for section in found:
        rows = "\n".join(
            f"| {_NAMES.get(name, name)} | {_told(value)} |" for name, value in section.figures.items()
        )
        faults = (
            "".join(f"- FAULT: {' '.join(fault.split())}\n" for fault in section.faults)
            or "No fault was found.\n"
        )
        parts.append(f"## {section.title}\n\n{section.what}\n\n| | |\n|---|---|\n{rows}\n\n{faults}")
    return "\n".join(parts)


def _told(value: object) -> str:
    return f"{value:,d}" if isinstance(value, int) else str(value)


def main() -> int:
    """Run it, and print the report as JSON."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--kills", type=int, default=200)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--speed", type=float, default=5.0, help="market seconds in a second")
    asked.add_argument("--write", type=Path, help="the page to write")
    asked.add_argument("--only", default="", help="sections whose names hold this; kills is one")
    asked.add_argument("--folder", type=Path, help="where journals and logs stay; left out: nowhere")
    told = asked.parse_args()
    with TemporaryDirectory() as temporary:
        found: list[Section] = []
        for section in sections(
            told.kills,
            told.seed,
            told.folder or Path(temporary),
            told.speed,
            lambda words: print(words, file=sys.stderr, flush=True),
            told.only,
        ):
            found.append(section)
            if told.write is not None:  # what was counted stays, whatever becomes of the next section
                told.write.write_text(page(found, told.seed, told.speed), encoding="utf-8")
    print(json.dumps([asdict(section) for section in found], indent=2))
    return 1 if any(section.faults for section in found) else 0


if __name__ == "__main__":
    sys.exit(main())
