"""What is kept of one day under one policy: plain columns, from which everything else is computed.

The worth of a contract is the true one, which the world knows and the desk does not.
"""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from flatbook.model.table import Bools, Floats, InstrumentTable, Ints


def _none() -> Floats:
    return np.empty(0)


class TradeKind(IntEnum):
    """Why a position or cash changed."""

    QUOTE = 0  # a quote of the desk's was hit or lifted
    HEDGE = 1  # in a share, future or fund, against direction
    OFFSET = 2  # a leg of an option offset
    SETTLEMENT = 3  # expiry, exercise, assignment, delivery: the side that closes or opens, at what was paid
    CORRECTION = 4  # a bust: the trade back at its price; a corrected price: the trade back, and once more


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trades:
    """Everything that changed a position after the first sample, one row each, in order of time."""

    at_ns: Ints
    row: Ints
    side: Ints  # the desk's: +1 bought, -1 sold
    quantity: Ints  # contracts, above zero
    price: Floats  # price units
    fee_usd: Floats  # paid; negative for a rebate
    fair: Floats  # true worth at the trade, price units
    fair_later: (
        Floats  # true worth once the horizon of markouts has passed, at the end of the day at the latest
    )
    kind: Ints  # `TradeKind`
    maker: Bools  # the desk's order was there first
    informed: Bools  # the other side knew where the market goes


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A limit that a run was held to."""

    name: str
    measure: str  # `LimitMeasure` value
    underlying: str  # empty: the desk, or another scope that the name tells
    whole: bool  # of all the options of its underlying or desk: no class, bucket, series or group
    hard: float  # in units of the measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A stretch of time that a limit was exceeded for, with what made it so."""

    at_ns: int  # from
    limit: str  # name of the bound
    utilisation: float  # the most; NaN: could not be computed
    cause: str  # "gap", "late fill", "unknown measure", …; "unaccounted" where nothing explains it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Watched:
    """One series through the day, for the picture: the desk's quotes around what it was worth."""

    row: int  # -1: nothing was watched, and the columns are empty
    at_ns: Ints  # [m] any instants of its own
    bid: Floats  # [m] of the desk's, price units; NaN where it shows none
    ask: Floats
    fair: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DayRecord:
    """One day of a scenario under one policy.

    `at_ns` are the instants of the cycles, ascending, and the end of the day last. A sample is as of its instant, before the decisions of
    its cycle trade anything; the first is the opening.
    """

    scenario: str
    policy: str
    seed: int
    table: InstrumentTable  # as at the end of the day
    at_ns: Ints  # [k]
    spot: Floats  # [k, n_underlyings] true
    fair: Floats  # [k, n_rows] true worth of one unit, price units; NaN: not listed yet, or gone
    position: Ints  # [k, n_rows] by the exchange's account, whether or not the desk knew
    measures: Floats  # [k, n_underlyings, N_MEASURES] as the desk's engine measured them; NaN: not known
    limits: tuple[Bound, ...]
    utilisation: Floats  # [k, n_limits] as the engine measured them; 1 is the hard limit; NaN: not known
    capital_usd: Floats  # [k] that the book must be backed with; NaN: not known
    cash_usd: float  # by the exchange's account, from the first sample to the end, fees taken off
    unit_usd: Floats  # [n_rows] USD of one price unit of one contract
    trades: Trades
    watched: Watched
    duty_met: (
        float  # share of the time under obligation in which it was met, as the exchange counts; NaN: none
    )
    residual_end_usd: dict[
        str, float
    ]  # standard deviation of each kind of risk left (basis, vol, execution, event)
    residual_mean_usd: dict[str, float]  # the same, mean over the cycles
    counts: dict[str, int]  # facts, cycles, orders, rejects, late_fills, …
    breaches: tuple[Breach, ...] = field(default=())
    basis_usd: Floats = field(
        default_factory=_none
    )  # [m] P&L of hedges beyond beta times their underlying, by the market's moves; empty: not known
    basis_usd2: Floats = field(default_factory=_none)  # [m] variance that the world foretells of each
