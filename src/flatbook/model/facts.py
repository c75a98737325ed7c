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
    UnderlyingQuoted,
)
from flatbook.model.order_events import KillSet, OpenOrdersTold, OrdersAnswered
from flatbook.model.quoting_events import DutySession, ProtectionReset, ProtectionTripped

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
)
"""What changes the state and asks for nothing."""

Fact = Told | CycleDue
