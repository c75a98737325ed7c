"""The tables of a desk file that tell how the service runs, beside what the desk decides: `[live]`, and `[dashboard]` by its own room.

They are read apart from the desk itself, so that a batch plan of the same file is what it was; keys and defaults in docs/run.md.
"""

import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from flatbook.model.errors import Fault, FaultsError

_Table = TypeVar("_Table", bound=msgspec.Struct)


def _demand(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)


class LiveSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The service."""

    venue: str = ""  # host:port of a venue of the simulator; empty: one of our own in this process
    scenario: str = "live-demo"  # that our own venue plays: a shipped name or a file
    seed: int = 1
    speed: float = 1.0  # of its clock against the wall's
    journal: str = "out/live/desk.journal"
    cycle_min_ms: float = 20.0  # between two cycles, however much moves
    cycle_max_ms: float = 1_000.0  # between two cycles, though nothing moves: what is stale is seen
    tick_min_ms: float = (
        0.0  # between two ticks: decisions at moved prices on all else that the last cycle found
    )
    reprice_ms: float = 200.0  # between two cycles while nothing but prices moves and ticks follow them
    ticks: bool = True  # otherwise whatever moves is a cycle
    refit_s: float = 5.0  # between two fits of surfaces, factors and the value function
    publish_hz: float = 5.0  # snapshots for readers
    ask_s: float = 1.0  # before a question that had no answer is put again
    resend_after_ms: float = (
        500.0  # without an answer the desk asks again for executions and snapshots that it misses
    )
    silence_s: float = 30.0  # a feed that said nothing for so long is not trusted, by the market's clock
    shutdown_s: float = 5.0  # at most, until every order is confirmed dead
    keep_state_s: float = (
        60.0  # between two copies of the engine's state beside the journal; 0: at the end only
    )
    approve_for_s: float = 60.0  # for which a person's answer to a hedge that waits holds
    approve_more_pct: float = 10.0  # by which an approved hedge may have grown until it has left
    log: str = ""  # file of the structured log; empty: standard error
    log_level: str = "info"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for name in (
            "speed",
            "cycle_min_ms",
            "cycle_max_ms",
            "reprice_ms",
            "refit_s",
            "publish_hz",
            "ask_s",
            "silence_s",
            "approve_for_s",
        ):
            _demand(0.0 < getattr(self, name) < float("inf"), f"{name} must be above 0 and finite")
        for name in ("keep_state_s", "shutdown_s", "resend_after_ms", "tick_min_ms", "approve_more_pct"):
            _demand(0.0 <= getattr(self, name) < float("inf"), f"{name} must be 0 or above and finite")
        _demand(self.cycle_min_ms <= self.cycle_max_ms, "cycle_min_ms must be at most cycle_max_ms")
        _demand(0 <= self.seed < 2**62, "seed must be 0 or above")
        _demand(
            self.log_level in ("debug", "info", "warning", "error"),
            "log_level is debug, info, warning or error",
        )
        _demand(not self.venue or self.venue.rpartition(":")[2].isdigit(), "venue is host:port")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the venue."""
        host, _, port = self.venue.rpartition(":")
        return host or "127.0.0.1", int(port)


def document_of(path: Path | None) -> dict[str, Any]:
    """The tables of a desk file; none where there is no file.

    Raises
    ------
    FaultsError
        The file cannot be read.
    """
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, ArithmeticError) as e:
        fault = Fault(
            where=path.name,
            found=str(e),
            expected="a readable TOML file",
            action="check its name and its text",
        )
        raise FaultsError([fault]) from e


def table_of(document: dict[str, Any], table: str, kind: type[_Table], name: str) -> _Table:
    """One table of a desk file called `name`, at its defaults where the file has none.

    Raises
    ------
    FaultsError
        It is not what `kind` wants.
    """
    try:
        return msgspec.convert(document.get(table, {}), kind, strict=True)
    except msgspec.ValidationError as e:
        fault = Fault(
            where=f"{name} [{table}]",
            found=str(e).replace("Object", "the table"),
            expected=f"keys out of {', '.join(kind.__struct_fields__)}",
            action="correct it; docs/run.md tells each key",
        )
        raise FaultsError([fault]) from e
