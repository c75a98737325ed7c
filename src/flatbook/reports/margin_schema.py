"""Capital as the file keeps it: the schema `flatbook.margin/1`, a list with one entry an account.

Amounts are in `currency`, a requirement is positive; P&L plus is ours. null is a number that does not exist: `reasons` says why.
"""

from typing import Any, Literal

import msgspec

from flatbook.reports.schema import Reason
from flatbook.reports.schema_parts import Number, Part

SCHEMA: Literal["flatbook.margin/1"] = "flatbook.margin/1"


class ScanPoint(Part, frozen=True, kw_only=True):
    """One scenario of one part of an account."""

    scenario: str  # as a person names it
    moves: dict[str, float]  # of each underlying's price, relative; empty where a scenario tells none
    vol: str  # what volatility does: "", up, down, same
    pnl: Number


class WorstScenario(Part, frozen=True, kw_only=True):
    """The scenario in which a part of an account loses most."""

    part: str  # group of underlyings, combined commodity, pair of coins
    scenario: str
    moves: dict[str, float]
    vol: str
    loss: Number
    minimum_binds: bool  # the minimum charge is as large as the loss, or larger


class Scan(Part, frozen=True, kw_only=True):
    """A part of an account that is scanned by itself; the requirements of all parts, and charges beside, make the account's."""

    part: str
    requirement: Number
    worst: WorstScenario | None  # None where a P&L is unknown
    points: tuple[ScanPoint, ...]


class LegMargin(Part, frozen=True, kw_only=True):
    """A leg, and what one contract more of it changes."""

    row: str  # where it stands in the file
    description: str
    quantity: float
    buy: Number
    sell: Number


class ReportedMargin(Part, frozen=True, kw_only=True):
    """What somebody else says the account needs, beside our own number."""

    source: str
    requirement: Number
    binding: Number  # the worse of the two
    difference: Number  # reported less own
    relative: Number  # of own
    breach: bool  # the difference is beyond its limit, or cannot be told
    reason: str  # why the two could not be compared; empty where they were


class ReliefLine(Part, frozen=True, kw_only=True):
    """One series to trade; what it frees is the difference of full runs."""

    row: str  # where it stands among the candidates
    description: str
    side: Literal["buy", "sell"]
    contracts: int
    price: float  # of one unit, on the side that is traded
    cost: float  # half the spread and the fee, of all contracts
    premium: float  # at mid: paid, negative received; neither cost nor capital
    freed: float  # with the lines before it done; below 0 where a later line makes it worth while
    freed_without: float  # what the answer frees when this line alone is left out
    cost_per_freed: Number
    worst: WorstScenario  # of its part, with the lines before it and itself done


class ReliefAnswer(Part, frozen=True, kw_only=True):
    """Trades, what they free and what they cost."""

    asked: Number  # null: the most was asked for
    share: float | msgspec.UnsetType = msgspec.UNSET  # in the menu: of the most that can be freed
    status: str
    freed: Number
    cost: Number
    premium: Number
    cost_per_freed: Number
    cost_at_least: Number  # proven: nothing frees what was asked for less
    requirement: Number  # after the trades
    worst: WorstScenario | None  # after them, of the part that needs most
    trades: tuple[ReliefLine, ...]


class ReliefMargin(Part, frozen=True, kw_only=True):
    """The cheapest listed trades that free capital of an account."""

    answer: ReliefAnswer
    menu: tuple[ReliefAnswer, ...]
    notes: tuple[str, ...]


class AccountMargin(Part, frozen=True, kw_only=True):
    """What one account must be backed with."""

    schema: Literal["flatbook.margin/1"] = SCHEMA
    flatbook_version: str
    group: str
    method: str
    currency: str
    requirement: Number
    initial: Number
    maintenance: Number
    requirement_net_of_proceeds: Number | msgspec.UnsetType = msgspec.UNSET  # Reg T alone
    worst: WorstScenario | msgspec.UnsetType | None = msgspec.UNSET  # of the part that needs most; no Reg T
    pairing: tuple[dict[str, Any], ...] | msgspec.UnsetType = msgspec.UNSET  # Reg T alone
    scans: tuple[Scan, ...]
    marginal: tuple[LegMargin, ...]
    reported: tuple[ReportedMargin, ...]
    relief: ReliefMargin | msgspec.UnsetType = msgspec.UNSET  # where it was asked for
    detail: dict[str, Any]  # in the method's own words
    notes: tuple[str, ...]
    reasons: tuple[Reason, ...]
