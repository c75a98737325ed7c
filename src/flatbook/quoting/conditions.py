"""What holds for quotes beside value, price and limits: duties, frozen protections, fast markets, bursts of fills, what is killed or held back.

A snapshot of the quoting room's memory at one instant; `NO_CONDITIONS` is a desk without duties in a calm market.
"""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from flatbook.model.table import Bools, Floats, Ints
from flatbook.quoting.duties import DutyNow
from flatbook.quoting.fast_market import FastMarket


def _no_floats() -> Floats:
    return np.empty(0)


def _no_bools() -> Bools:
    return np.empty(0, dtype=np.bool_)


def _no_ints() -> Ints:
    return np.empty(0, dtype=np.int64)


class Withheld(IntEnum):
    """Why a series is held back though nobody killed it; from HALTED on hedges are, too."""

    NOTHING = 0
    SUSPECT = 1  # its feed has a gap
    HALTED = 2
    UNRECONCILED = 3  # the session of its venue is down, or the venue and we do not agree
    SETTLED = 4  # it is over


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """One underlying or venue that is held back, for people."""

    kind: Withheld
    name: str  # of the underlying (empty: all) or the venue
    reason: str
    since_ns: int
    text: str = ""  # what it waits for


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conditions:
    """Nobody changes it; a column without rows holds for no series."""

    duties: tuple[DutyNow, ...] = ()
    frozen: Bools = field(default_factory=_no_bools)  # [n]: a protection keeps its quotes away
    frozen_scopes: tuple[str, ...] = ()
    killed: Bools = field(default_factory=_no_bools)  # [n]: past the kill limit, or stopped by hand
    withheld: Ints = field(default_factory=_no_ints)  # [n]: Withheld
    held_back: tuple[HeldBack, ...] = ()
    fast: FastMarket | None = None  # None: calm
    burst_fills: Floats = field(default_factory=_no_floats)  # [u]: fills to expect until quotes are gone
    watched: Bools = field(default_factory=_no_bools)  # [n]: a protection counts its fills
    burst_quotes: int = 0  # watched quotes of an underlying that fill before the rest is gone; 0: nobody says
    underlying_spread: Floats = field(default_factory=_no_floats)  # [u]: bid-ask; NaN where not known


NO_CONDITIONS = Conditions()
