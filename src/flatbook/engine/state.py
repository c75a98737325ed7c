"""Everything the desk remembers between events."""

from dataclasses import dataclass, field

from flatbook.book.state import Book
from flatbook.engine.kept import Kept
from flatbook.engine.ticking import Ticking
from flatbook.exposure.running import RunningExposure
from flatbook.hedging.approval import Approvals
from flatbook.limits.state import LimitsState
from flatbook.market.state import MarketState
from flatbook.model.events import CapitalReported, OrdersWorking
from flatbook.model.parameters import Desk
from flatbook.model.table import EMPTY_TABLE, InstrumentTable
from flatbook.orders.outbox import Outbox
from flatbook.quoting.state import QuotingState


@dataclass(slots=True)
class State:
    """One per desk; only `step` changes it."""

    table: InstrumentTable = EMPTY_TABLE
    market: MarketState = field(default_factory=MarketState)
    book: Book = field(default_factory=Book)
    limits: LimitsState = field(default_factory=LimitsState)
    desk: Desk | None = None  # with what history tells of its hedges
    told_desk: Desk | None = None  # as somebody set it
    working: OrdersWorking | None = None  # our orders in the market, as last told
    reported: dict[tuple[str, str], CapitalReported] = field(
        default_factory=dict
    )  # by underlying and source: the latest
    desk_listed: set[str] = field(default_factory=set)  # hedge instruments that only the desk file lists
    quoting: QuotingState = field(default_factory=QuotingState)
    outbox: Outbox = field(default_factory=Outbox)
    informed: dict[str, int] = field(
        default_factory=dict
    )  # contracts by series that informed-looking customers traded with us, and of hedges since, until nothing is to be hedged
    hedging: dict[str, tuple[int, int]] = field(
        default_factory=dict
    )  # by underlying: contracts of a hedge decided on that are not done, and when some of it last was (0: never)
    hedged_ns: dict[str, int] = field(default_factory=dict)  # by underlying: when a hedge was last done
    approvals: Approvals = field(default_factory=Approvals)  # of hedges that a person is asked about
    offset_ns: int = 0  # when an option offset was last solved to be sent; 0: never
    offset_steps: dict[str, int] = field(default_factory=dict)  # by limit: the step at which it stood then
    kept: Kept | None = None  # what the next cycle may build on
    running: RunningExposure | None = None  # of the last cycle's book and every fill since
    ticking: Ticking = field(default_factory=Ticking)
    sequence: int = 0  # of the last event
