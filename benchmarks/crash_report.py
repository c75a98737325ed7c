"""Kill a desk at random moments under load, and count what that cost: `python -m benchmarks.crash_report --kills 200 --seed 1`.

A simulated venue runs on beside it. Each desk is `flatbook run` in a process of its own on one journal; it is killed with SIGKILL after it
has decided something since its start, at an instant drawn from the seed. The last one is stopped in order. Then the journal alone is read,
by the rules below, without the engine that wrote it.

- the chain holds after every kill, and what was durable before it is still there, to the byte;
- every client id was used once, and no fill is of an order that no decision before it sent;
- a fill counts once, and what the fills add up to is what the venue counted at the end;
- after every start but the first the desk asked for orders and positions before it sent an order.
"""

import argparse
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np

from flatbook.adapters.scenario_file.read import read_scenario
from flatbook.cli.live import world_file
from flatbook.engine.decision import Decision
from flatbook.journal.replay import Decision as DecisionRecord
from flatbook.journal.replay import read_records, verify
from flatbook.live.venue_process import venue_beside
from flatbook.model.events import Fill, FillBusted
from flatbook.model.venue_events import PositionsTold, Restarted
from flatbook.orders.reconcile import Action
from flatbook.sim.stage import staged

_SCENARIO = "live-demo"
_LONGEST_S = 120.0  # until a desk has decided something
_LAST_S = 3.0  # that the last desk runs


@dataclass(kw_only=True)
class Report:
    """What was counted."""

    kills: int = 0
    records: int = 0
    fills: int = 0
    fills_told_again: int = 0
    orders: int = 0
    restarts: int = 0
    faults: list[str] = field(default_factory=list)
    start_s: list[float] = field(default_factory=list)  # from the start of a process to its first decision


def crash(kills: int, seed: int, folder: Path, speed: float = 5.0) -> Report:
    """Kill a desk so often, and read what it left."""
    chance, report = np.random.default_rng(seed), Report()
    world = read_scenario(world_file(_SCENARIO))
    stage = staged(world.scenario, world.desk.desk, world.desk.limits, None)
    journal = folder / "desk.journal"
    desk_file = world_file(_SCENARIO).with_name(world.scenario.desk)
    with venue_beside(stage, seed, speed) as port:
        heads: list[tuple[int, bytes]] = []
        for _ in range(kills):
            process = _started(desk_file, port, journal, folder, report)
            time.sleep(float(chance.uniform(0.0, 2.0)))
            process.send_signal(signal.SIGKILL)
            process.wait()
            report.kills += 1
            heads.append(_last(journal))
            _check_heads(journal, heads, report)
        process = _started(desk_file, port, journal, folder, report)
        time.sleep(_LAST_S)
        process.send_signal(signal.SIGTERM)
        if (code := process.wait(timeout=60.0)) != 0:
            report.faults.append(f"the last desk ended with code {code}")
    _check_journal(journal, report)
    return report


def _started(
    desk_file: Path, port: int, journal: Path, folder: Path, report: Report
) -> subprocess.Popen[bytes]:
    """A desk that has decided something since its start."""
    before, began = _last(journal)[0], time.monotonic()
    command = [
        sys.executable, "-m", "flatbook", "run", str(desk_file), "--venue", f"127.0.0.1:{port}", "--journal", str(journal),
        "--no-dashboard", "--log", str(folder / "desk.log"),
    ]  # fmt: skip
    with (folder / "desk.err").open("ab") as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, env=os.environ.copy())
    while not _decided_after(journal, before):
        if process.poll() is not None or time.monotonic() - began > _LONGEST_S:
            process.kill()
            process.wait()
            msg = f"a desk did not start (code {process.returncode}): {(folder / 'desk.err').read_text()[-2_000:]}"
            raise RuntimeError(msg)
        time.sleep(0.02)
    report.start_s.append(time.monotonic() - began)
    return process


def _query(journal: Path, text: str, *values: object) -> list[tuple[object, ...]]:
    if not journal.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"{journal.resolve().as_uri()}?mode=ro", uri=True)) as reader:
        try:
            return reader.execute(text, values).fetchall()
        except sqlite3.OperationalError:  # its tables are being made
            return []


def _decided_after(journal: Path, sequence: int) -> bool:
    return bool(
        _query(journal, "SELECT 1 FROM records WHERE kind = 'decision' AND sequence > ? LIMIT 1", sequence)
    )


def _last(journal: Path) -> tuple[int, bytes]:
    found = _query(journal, "SELECT sequence, chain FROM records ORDER BY sequence DESC LIMIT 1")
    return (int(str(found[0][0])), bytes(found[0][1])) if found else (0, b"")  # type: ignore[call-overload]


def _check_heads(journal: Path, heads: list[tuple[int, bytes]], report: Report) -> None:
    """What stood at each kill stands still, and the chain holds."""
    verify(journal)
    for sequence, head in heads:
        if _query(journal, "SELECT chain FROM records WHERE sequence = ?", sequence) != [(head,)]:
            report.faults.append(f"record {sequence}, durable at a kill, is lost or another")


def _check_journal(journal: Path, report: Report) -> None:
    sent: Counter[int] = Counter()
    held: Counter[str] = Counter()
    fills: dict[str, Fill] = {}
    asked = True
    told: PositionsTold | None = None
    for record in read_records(journal):
        report.records += 1
        match record:
            case DecisionRecord():
                orders = msgspec.msgpack.decode(record.payload, type=Decision).orders
                new = [one.client_id for one in orders if one.action != Action.CANCEL]
                sent.update(new)
                if new and not asked:
                    report.faults.append(
                        f"orders left after record {record.sequence_of_cause} before the venue was asked"
                    )
            case Restarted():
                report.restarts += 1
                asked = False
            case PositionsTold():
                asked, told = True, record
            case Fill():
                if record.client_id not in sent:
                    report.faults.append(
                        f"fill {record.fill_id} is of order {record.client_id}, which nobody sent"
                    )
                if record.fill_id in fills:
                    report.fills_told_again += 1
                else:
                    fills[record.fill_id] = record
                    held[record.instrument] += int(record.side) * record.quantity
            case FillBusted():
                report.faults.append("a bust, which this world has none of")
    report.orders, report.fills = len(sent), len(fills)
    report.faults += [f"client id {name} was used {count} times" for name, count in sent.items() if count > 1]
    theirs = {} if told is None else dict(zip(told.symbols, told.quantities, strict=True))
    late = {fill.instrument for fill in fills.values() if told is not None and fill.sequence > told.sequence}
    for name in sorted({*held, *theirs} - late):
        if held[name] != theirs.get(name, 0):
            report.faults.append(f"{name}: {held[name]} by the fills, {theirs.get(name, 0)} at the venue")


def main() -> int:
    """Run it, and print the report as JSON."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--kills", type=int, default=200)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--speed", type=float, default=5.0)
    told = asked.parse_args()
    with TemporaryDirectory() as folder:
        report = crash(told.kills, told.seed, Path(folder), told.speed)
    print(json.dumps(asdict(report) | {"seed": told.seed}, indent=2))
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
