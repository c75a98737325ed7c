"""A place to crash desks: a venue that lives on, a journal, desks started on it, and what the venue counts by its own books."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from flatbook.adapters.scenario_file.read import read_scenario
from flatbook.cli.live import world_file
from flatbook.engine.ticking import TickRecord, decode_decision
from flatbook.live.ports import Reports
from flatbook.live.venue_client import Address, VenueFeed, VenueSession, let_go_wrong
from flatbook.live.venue_codec import FaultKind
from flatbook.live.venue_process import VenueTerms, venue_of
from flatbook.model.table import InstrumentTable
from flatbook.orders.reconcile import Action
from flatbook.sim.desk_side import Answer, Question
from flatbook.sim.messages import Traded
from flatbook.sim.stage import staged

_SCENARIO = "live-demo"
_LONGEST_S = 300.0  # until a desk sends its first order, and until it has stopped
_LOOK_S = 0.02
_ANSWERS_S, _AGAIN_S = 60.0, 1.0  # of the venue
_LIVE = """
[live]
keep_state_s = 1.0
cycle_min_ms = 20.0
refit_s = 2.0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueBooks:
    """What the venue counts."""

    orders: dict[int, int]  # open: client id and contracts
    positions: dict[str, int]
    fills: dict[str, Traded]
    table: InstrumentTable


@dataclass(slots=True, kw_only=True)
class Running:
    """A desk in a process of its own."""

    process: "subprocess.Popen[bytes]"
    began_s: float
    before: int  # the journal's last record when it was started

    def kill(self) -> None:
        """SIGKILL."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """In order; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=_LONGEST_S)

    @property
    def age_s(self) -> float:
        """Since its start."""
        return time.monotonic() - self.began_s


@dataclass(kw_only=True)
class Stand:
    """One venue, one journal."""

    folder: Path
    port: int
    journal: Path
    speed: float
    started: int = 0
    ready_s: list[float] = field(default_factory=list)  # from the start of a process to its first order

    @property
    def acks(self) -> Path:
        """What desks have acknowledged."""
        return self.folder / "acknowledged"

    @property
    def said(self) -> str:
        """The end of what desks said on standard error."""
        return (self.folder / "desk.err").read_text(errors="replace")[-2_000:]

    @property
    def log(self) -> str:
        """All that desks logged."""
        return (self.folder / "desk.log").read_text(errors="replace")

    def start(self, *, file_bytes: int = 0) -> Running:
        """Start a desk on the journal."""
        command = [
            sys.executable, "-m", "benchmarks.crash_desk", "--acks", str(self.acks), "--file-bytes", str(file_bytes), "--",
            "run", str(self.folder / "desk.toml"), "--venue", f"127.0.0.1:{self.port}", "--journal", str(self.journal),
            "--no-dashboard", "--log", str(self.folder / "desk.log"),
        ]  # fmt: skip
        self.started += 1
        with (self.folder / "desk.err").open("ab") as errors:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        return Running(process=process, began_s=time.monotonic(), before=self.last()[0])

    def wait_ready(self, desk: Running, longest_s: float = _LONGEST_S) -> None:
        """Until it has sent an order; raises RuntimeError where it never does."""
        seen = desk.before
        while True:
            seen, orders = self._orders_after(seen)
            if orders:
                self.ready_s.append(desk.age_s)
                return
            if desk.process.poll() is not None or desk.age_s > longest_s:
                desk.process.kill()
                desk.process.wait()
                msg = f"a desk sent no order in {desk.age_s:.0f} s (code {desk.process.returncode}): {self.said}"
                raise RuntimeError(msg)
            time.sleep(_LOOK_S)

    def last(self) -> tuple[int, bytes]:
        """Number and link of the last durable record."""
        found = self.query("SELECT sequence, chain FROM records ORDER BY sequence DESC LIMIT 1")
        return found[0] if found else (0, b"")  # type: ignore[return-value]

    def query(self, text: str, *values: object) -> list[tuple[object, ...]]:
        """Of the journal, as another reader of the file sees it."""
        if not self.journal.exists():
            return []
        uri = f"{self.journal.resolve().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as reader:
            try:
                return reader.execute(text, values).fetchall()
            except sqlite3.OperationalError:  # its tables are being made
                return []

    def books(self) -> VenueBooks:
        """What the venue counts; no desk may run."""
        return asyncio.run(_books(self.port))

    def fault(self, kind: FaultKind, amount: float = 1.0) -> None:
        """Let the venue do something wrong."""
        asyncio.run(let_go_wrong(Address(port=self.port, name="crash report"), kind, amount))

    def _orders_after(self, sequence: int) -> tuple[int, bool]:
        rows = self.query(
            "SELECT sequence, payload FROM records WHERE kind = 'decision' AND sequence > ?", sequence
        )
        found = any(sent_by(payload) for _, payload in rows)  # type: ignore[arg-type]
        return (int(str(rows[-1][0])) if rows else sequence), found


def sent_by(payload: bytes) -> list[int]:
    """Client ids of the orders that a decision sent, of a cycle or of a tick."""
    decided = decode_decision(payload)
    if isinstance(decided, TickRecord):
        actions, ids = np.frombuffer(decided.actions, "i1"), np.frombuffer(decided.client_ids, "<i8")
        return [int(each) for each in ids[actions != Action.CANCEL]]
    return [one.client_id for one in decided.orders if one.action != Action.CANCEL]


@contextmanager
def stand(folder: Path, seed: int, speed: float, journal: Path | None = None) -> Iterator[Stand]:
    """A venue that keeps the orders of a session that ends, and does wrong what it is asked to, for as long as the context is entered."""
    folder.mkdir(parents=True, exist_ok=True)
    world = read_scenario(world_file(_SCENARIO))
    stage = staged(world.scenario, world.desk.desk, world.desk.limits, None)
    desk_file = world_file(_SCENARIO).with_name(world.scenario.desk)
    (folder / "desk.toml").write_text(desk_file.read_text() + _LIVE)
    os.environ.setdefault("PYTHONPATH", str(Path(__file__).resolve().parent.parent))
    with venue_of(VenueTerms(stage=stage, seed=seed, speed=speed, cancels=False, faults=True)) as port:
        yield Stand(folder=folder, port=port, journal=journal or folder / "desk.journal", speed=speed)


async def _books(port: int) -> VenueBooks:
    address = Address(port=port, name="crash report")
    feed = VenueFeed(address)
    table = (await feed.opening()).table
    await feed.close()
    session = VenueSession(address, table)
    fills: dict[str, Traded] = {}
    answer: Answer | None = None
    news, again = session.news(), asyncio.create_task(_ask_again(session))
    try:
        async with asyncio.timeout(_ANSWERS_S):
            async for said in news:
                match said:
                    case Reports(envelopes=envelopes):
                        told = [each.report for each in envelopes]
                        fills |= {each.execution_id: each for each in told if isinstance(each, Traded)}
                    case Answer():
                        answer = said
                if answer is not None and len(fills) >= answer.executions:
                    break
    finally:
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)
        await session.close()
        await news.aclose()
    assert answer is not None, "the venue answered"
    positions = {
        table.instruments[row].symbol: int(quantity)
        for row, quantity in enumerate(answer.positions)
        if quantity
    }
    return VenueBooks(orders=dict(answer.orders), positions=positions, fills=fills, table=table)


async def _ask_again(session: VenueSession) -> None:
    """For all fills, orders and positions, until somebody is content: a venue that loses reports loses some of these too."""
    while True:
        session.resend(0)
        session.ask(Question(asked_ns=0, at_ns=0, since_ns=0))
        await asyncio.sleep(_AGAIN_S)
