"""Markouts as the file keeps them: the schema `flatbook.markouts/1`.

Money is in USD, plus is ours; shares are decimals: 0.2 is 20 %. null is a number that does not exist: `reasons` says why.
"""

from typing import Literal

from flatbook.reports.schema import Reason
from flatbook.reports.schema_parts import Number, Part

SCHEMA: Literal["flatbook.markouts/1"] = "flatbook.markouts/1"


class MarkoutHeader(Part, frozen=True, kw_only=True):
    """Which journal, what the trades were held against, and how it came out."""

    journal: str  # name of the file
    start: str  # of the first trade, ISO 8601, UTC
    end: str
    values: str  # what they were held against
    cycles: int
    quote_instants: int  # at which a quote or a price of an underlying was received
    fills: int  # as corrected; without those that were busted
    horizons_s: tuple[float, ...]
    age_s: Number  # of the value at the trade, in the median
    headline: str
    sentences: tuple[str, ...]


class MarkoutLine(Part, frozen=True, kw_only=True):
    """Trades of one name at one horizon; sums are over those with a value at it."""

    name: str
    horizon_s: float
    fills: int
    fills_without: int
    contracts: int
    edge_usd: float
    adverse_usd: float  # below 0: the price went against us
    realised_usd: float  # edge and adverse
    give_back: Number  # share of the edge
    adverse_usd_per_contract: Number
    standard_error_usd_per_contract: Number


class MarkoutTable(Part, frozen=True, kw_only=True):
    """All trades once, by one key."""

    name: str  # of the key
    lines: tuple[MarkoutLine, ...]  # by name, and by horizon within it


class MarkoutTrade(Part, frozen=True, kw_only=True):
    """One trade."""

    fill_id: str
    time: str
    symbol: str
    counterparty: str
    venue: str
    capacity: str
    side: str  # ours
    contracts: int
    edge_usd: Number
    adverse_usd: tuple[Number, ...]  # at each horizon


class MarkoutReport(Part, frozen=True, kw_only=True):
    """What the trades of a journal were worth a little later."""

    schema: Literal["flatbook.markouts/1"] = SCHEMA
    flatbook_version: str
    header: MarkoutHeader
    tables: tuple[MarkoutTable, ...]
    trades: tuple[MarkoutTrade, ...]
    reasons: tuple[Reason, ...]

    def table(self, key: str) -> MarkoutTable:
        """The table by `key`."""
        return next(table for table in self.tables if table.name == key)
