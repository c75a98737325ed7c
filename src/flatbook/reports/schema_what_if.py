"""What would be, as the plan report keeps it."""

from flatbook.reports.schema_decisions import ResidualOf
from flatbook.reports.schema_parts import Number, Part


class TradeRow(Part, frozen=True, kw_only=True):
    """What is added to the book in one series."""

    side: str  # buy, sell
    contracts: int
    symbol: str


class LimitChange(Part, frozen=True, kw_only=True):
    """One limit before and after."""

    name: str
    utilisation_before: Number
    utilisation_after: Number
    step_before: str
    step_after: str


class WhatIfRow(Part, frozen=True, kw_only=True):
    """The book after some trades: all orders at work filled, or trades that somebody asked about."""

    name: str
    trades: tuple[TradeRow, ...]
    scopes: tuple[ResidualOf, ...]  # the desk first, then the underlyings that are traded
    limits: tuple[LimitChange, ...]  # that change, the fullest after them first
    desk_slide_usd: tuple[tuple[Number, ...], ...]  # on the axes of `slides`
