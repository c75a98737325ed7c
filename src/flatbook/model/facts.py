"""Everything that can happen to a desk: the facts that change its state, and the one that asks for decisions."""

from flatbook.model.events import (
    CapitalReported,
    CycleDue,
    DeskSet,
    DividendsSeen,
    FastMarketSet,
    Fill,
    FillBusted,
    FillCorrected,
    ForwardQuoted,
    HistorySeen,
    InstrumentsListed,
    LimitOverridden,
    LimitsSet,
    OrdersWorking,
    QuotesSeen,
    RatesSeen,
    SessionsSeen,
    TickDue,
    UnderlyingQuoted,
)
from flatbook.model.lifecycle_events import Exercised, PositionAdjusted, SeriesSettled
from flatbook.model.operator_events import HedgeDecided, OperatorActed
from flatbook.model.order_events import KillSet, OpenOrdersTold, OrdersAnswered
from flatbook.model.quoting_events import DutySession, ProtectionReset, ProtectionTripped
from flatbook.model.venue_events import FeedSuspect, PositionsTold, Restarted, TradingHalted, VenueSession

Told = (
    InstrumentsListed
    | UnderlyingQuoted
    | ForwardQuoted
    | QuotesSeen
    | SessionsSeen
    | RatesSeen
    | DividendsSeen
    | HistorySeen
    | Fill
    | FillCorrected
    | FillBusted
    | DeskSet
    | OrdersWorking
    | CapitalReported
    | LimitsSet
    | LimitOverridden
    | FastMarketSet
    | OrdersAnswered
    | OpenOrdersTold
    | KillSet
    | ProtectionTripped
    | ProtectionReset
    | DutySession
    | SeriesSettled
    | Exercised
    | PositionAdjusted
    | TradingHalted
    | FeedSuspect
    | VenueSession
    | Restarted
    | PositionsTold
    | OperatorActed
    | HedgeDecided
)
"""What changes the state and asks for nothing."""

Fact = Told | CycleDue | TickDue
