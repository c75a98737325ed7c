"""What a reader is shown of a live desk: one immutable picture for each publication.

The cycle carries every measurement and decision; beside it stands what only the shell knows: fills and orders as rows, the story,
alerts, queues and how long a decision took. A number that nobody knows is NaN, and a reader never shows it as 0.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import nan
from types import MappingProxyType
from typing import overload

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.exposure.residual_ledger import RiskKind
from flatbook.market.surface import Surface
from flatbook.model.table import Floats, Ints
from flatbook.quoting.protections import ScopesNow

FILLS_SHOWN = 200
STORY_SHOWN = 200
HISTORY_NS = 30 * 60 * 1_000_000_000
RESIDUAL_KINDS = tuple(RiskKind)


class Mode(StrEnum):
    """Whose world the desk is in."""

    SIMULATED = "SIMULATED"
    REPLAY = "REPLAY"
    LIVE = "LIVE"


class DeskStanding(StrEnum):
    """Whether the desk may quote, and why not."""

    STARTING = "STARTING"  # the journal is read
    RECONCILING = "RECONCILING"  # the venue and the desk do not agree yet on orders and positions
    NORMAL = "NORMAL"
    DEGRADED = "DEGRADED"  # it quotes, but a feed is in doubt, or a part of it was stopped
    PULLED = "PULLED"  # a kill switch, or a lost session, holds all quotes back
    STOPPED = "STOPPED"


class Severity(StrEnum):
    """How much a line wants to be read."""

    INFO = "info"
    NOTICE = "notice"
    AMBER = "amber"
    RED = "red"


class StoryKind(StrEnum):
    """What a line of the story is about."""

    LEAN = "lean"
    HEDGE = "hedge"
    OFFSET = "offset"
    LIMIT = "limit"
    KILL = "kill"
    FILL = "fill"
    VENUE = "venue"
    OPERATOR = "operator"
    ANSWER = "answer"  # of a person, to a hedge that waits


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRow:
    """A trade of ours."""

    at_ns: int  # when it traded, as the venue says
    symbol: str
    side: int  # ours: +1 bought, -1 sold
    quantity: int  # contracts
    price: float
    edge_usd: float  # against our fair value of the cycle before it, plus is ours; NaN where there was none
    is_hedge: bool
    fill_id: str = ""
    underlying: str = ""
    capacity: str = ""  # of the other side
    sequence: int = 0  # of the fact in the journal
    theo: float = nan  # our fair value of the cycle before it; NaN where there was none
    spot: float = nan  # of its underlying in that cycle
    delta: float = nan  # units of the underlying in a unit of the contract, in that cycle
    fee: float = nan  # currency of the contract; NaN where nobody knows
    venue: str = ""
    counterparty: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryLine:
    """One thing that the desk did or met, as a sentence with its reason."""

    sequence: int  # of the fact or cycle in the journal
    at_ns: int
    kind: StoryKind
    text: str
    severity: Severity = Severity.INFO
    underlying: str = ""  # empty: of the whole desk


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingRow:
    """An order of ours that may still fill."""

    client_id: int
    symbol: str
    side: int  # +1 buys, -1 sells
    price: float
    quantity: int  # as sent
    open: int  # contracts that may still fill
    state: str  # orders.state.OrderState in lower case
    is_quote: bool
    sent_ns: int


class WorkingRows(Sequence[WorkingRow]):
    """Rows that are made when somebody first looks at them: there are thousands, and few readers ask."""

    def __init__(self, make: Callable[[], tuple[WorkingRow, ...]]) -> None:
        self._make: Callable[[], tuple[WorkingRow, ...]] | None = make
        self._rows: tuple[WorkingRow, ...] = ()

    def _made(self) -> tuple[WorkingRow, ...]:
        make = self._make
        if make is not None:
            self._rows, self._make = make(), None
        return self._rows

    def __len__(self) -> int:
        """How many there are."""
        return len(self._made())

    @overload
    def __getitem__(self, at: int) -> WorkingRow: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[WorkingRow]: ...

    def __getitem__(self, at: int | slice) -> WorkingRow | Sequence[WorkingRow]:
        """One of them, or some."""
        return self._made()[at]

    def __eq__(self, other: object) -> bool:
        """The same rows."""
        return isinstance(other, Sequence) and self._made() == tuple(other)

    def __hash__(self) -> int:
        """Of the rows."""
        return hash(self._made())


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that a person should look at, as long as it lasts."""

    id: str  # the same as long as the cause lasts
    at_ns: int  # since when
    severity: Severity
    text: str
    scope: str = ""  # underlying, class, venue or limit; empty: the desk
    acknowledged_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeMark:
    """A hedge that was done, for a mark in a chart."""

    at_ns: int
    underlying: str
    symbol: str
    quantity: int  # plus bought
    price: float
    shortfall_usd: float = nan  # paid against fair value of the cycle before it, without fees; minus: earned


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurfaceBefore:
    """The surface that stood before the one that stands now."""

    surface: Surface
    until_ns: int  # when the one that stands now took its place


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """The last half hour, one column for each publication; a limit or underlying that was not there yet is NaN."""

    at_ns: Ints  # int64[n]
    underlyings: tuple[str, ...]
    delta_usd: Floats  # [n_underlyings, n]
    delta_band_usd: Floats  # [n_underlyings, n] half-width within which no hedge trades
    vega_usd_per_point: Floats  # [n_underlyings, n]
    gap_usd: Floats  # [n_underlyings, n] worst loss of the gap moves, 0 or above
    limit_names: tuple[str, ...]
    utilisation: Floats  # [n_limits, n] of the limit in force
    pnl_usd: Floats  # [n]
    hedges: tuple[HedgeMark, ...]
    residual_ns: Ints = field(
        default_factory=lambda: np.empty(0, dtype=np.int64)
    )  # int64[m] cycles of which the residual ledger was taken
    residual_usd: Floats = field(
        default_factory=lambda: np.empty((len(RESIDUAL_KINDS), 0))
    )  # [n_kinds, m] what each of `RESIDUAL_KINDS` adds to the deviation of what is left; NaN where an entry is unknown


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """One publication. `number` ascends by one; `cycle` may be that of the publication before."""

    number: int
    cycle: Cycle
    at_ns: int  # by the desk's clock
    mode: Mode
    standing: DeskStanding
    tick_to_decision_p50_us: (
        float  # from the arrival of the oldest news of a cycle to its commands; NaN before the first
    )
    tick_to_decision_p99_us: float
    data_usable_pct: float  # options with a usable quote, of those that live
    pnl_usd: float  # since the open, at theoretical value, after fees
    fills: tuple[FillRow, ...]  # newest first
    story: tuple[StoryLine, ...]  # newest first
    working: Sequence[WorkingRow]  # ascending by client id
    history: History
    queues: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))  # depth by name
    alerts: tuple[Alert, ...] = ()  # the worst first, then the newest
    standing_reason: str = ""  # why it is not NORMAL
    venues: Mapping[str, str] = field(
        default_factory=lambda: MappingProxyType({})
    )  # by name: up, lost, reconciling
    speed: float = 1.0  # of the clock against the wall's
    journal_sequence: int = 0  # of the last durable record
    protections: ScopesNow | None = None  # None: nobody looked
    surfaces_before: Mapping[str, SurfaceBefore] = field(
        default_factory=lambda: MappingProxyType({})
    )  # by underlying whose surface was fitted anew
