"""What an engine does for the series it was chosen for: value them, reprice them on scenarios, imply their vols.

A part holds the series of one engine, in the engine's own order, and what it has prepared for them. Answers are raw:
greeks per unit of the spot that the engine stands on. The parts differ in how they compute, not in what they promise.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from flatbook.kernels import black, european
from flatbook.kernels.european_vol import implied_vol_european
from flatbook.model.table import Floats, Ints
from flatbook.valuation.chain_class import Rows
from flatbook.valuation.engines import Setting

Reasons = NDArray[np.int8]

WITHOUT_BUMPS = european.THETA + 1  # columns up to here are wanted on every tick, the later ones on a refit
_NONE = np.zeros(0)


@dataclass(frozen=True, kw_only=True)
class Span:
    """What a prepared class should be ready for besides its present spots and vols."""

    moves: Floats  # relative, of spot
    shifts: Floats  # annual decimal, of vol
    years_later: Floats

    @property
    def reach(self) -> float:
        """Largest log move of the spot, either way."""
        inside = self.moves[self.moves > -1.0]
        return float(np.abs(np.log1p(inside)).max(initial=0.0))


NO_SPAN = Span(moves=_NONE, shifts=_NONE, years_later=_NONE)


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What is asked of a part: how fine, how often, and over which scenarios."""

    tolerance: float
    uses: float
    span: Span


class Part(Protocol):
    """Series of one engine."""

    @property
    def rows(self) -> Rows:
        """Its series."""

    @property
    def setting(self) -> Setting:
        """How finely its engine works."""

    @property
    def error(self) -> Floats | float:
        """Bound of the error found while preparing, relative to max(price, 1 % of spot): float64[k], or one for all."""

    def value(self, out: Floats) -> None:
        """Write the columns of `european` in raw units.

        Parameters
        ----------
        out : float64[c, k]
            The first c columns; c is WITHOUT_BUMPS or fewer, or COLUMNS. SPEED is NaN but for the closed form.
        """

    def reprice(self, here: slice, moves: Floats, shifts: Floats, out: Floats) -> None:
        """Write prices of the rows `here` at every spot * (1 + move) and vol + shift, float64[rows, n_moves, n_shifts]."""

    def imply(self, price: Floats, noise: Floats, vol: Floats, reason: Reasons) -> None:
        """Write the vol that each price implies, and the reason of `implied_vol` where there is none."""

    def refreshed(self, rows: Rows) -> "Part":
        """The same series at new spots, vols or rates; what is still right is kept."""


def copy_black_columns(raw: Floats, out: Floats) -> None:
    """Columns of `black`, float64[black.COLUMNS, k], into those of `european`, whose order they share; SPEED is NaN."""
    shared = min(out.shape[0], black.COLUMNS)
    out[:shared] = raw[:shared]
    out[shared:] = np.nan


def by_expiry(rows: Rows) -> list[Ints]:
    """Positions of the rows of each expiry."""
    order = np.argsort(rows.expiry, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(rows.expiry[order])) + 1) if rows.size else []


@dataclass(frozen=True, kw_only=True)
class BlackPart:
    """European options, and American ones that are never exercised early, by the closed form on the forward."""

    rows: Rows
    setting: Setting
    first: Ints  # a row of each expiry
    index: NDArray[np.int32]  # which of these expiries a row belongs to
    expiries: Floats  # float64[EXPIRY_ROWS, n_expiries], as `value_chain_into` reads them

    @property
    def error(self) -> float:
        """Bound of the error of a price, as `Part` has it."""
        return self.setting.error

    def value(self, out: Floats) -> None:
        """Write the columns, as `Part` has it."""
        rows = self.rows
        european.value_chain_into(out, self.expiries, self.index, rows.strike, rows.vol, rows.sign)

    def reprice(self, here: slice, moves: Floats, shifts: Floats, out: Floats) -> None:
        """Write the prices of the scenarios, as `Part` has it."""
        rows = self.rows.piece(here)
        european.reprice_european_into(
            out, rows.forward, rows.strike, rows.years, rows.vol, rows.discount, rows.sign, moves, shifts
        )

    def imply(self, price: Floats, noise: Floats, vol: Floats, reason: Reasons) -> None:
        """Write vols and reasons, as `Part` has it."""
        rows = self.rows
        vol[:], reason[:] = implied_vol_european(
            price, rows.forward, rows.strike, rows.years, rows.discount, rows.sign, noise
        )

    def refreshed(self, rows: Rows) -> "BlackPart":
        """The same expiries at new spots and vols."""
        return BlackPart(
            rows=rows,
            setting=self.setting,
            first=self.first,
            index=self.index,
            expiries=_expiries(rows, self.first),
        )


def prepare_black(rows: Rows, setting: Setting, demand: Demand) -> BlackPart:
    """Nothing but the columns of the expiries."""
    assert demand.uses > 0.0, demand
    kinds, first, index = np.unique(
        2 * rows.expiry + rows.american.astype(np.int64), return_index=True, return_inverse=True
    )
    assert kinds.size == first.size
    return BlackPart(
        rows=rows,
        setting=setting,
        first=first,
        index=index.astype(np.int32),
        expiries=_expiries(rows, first),
    )


def _expiries(rows: Rows, first: Ints) -> Floats:
    columns = (rows.stands, rows.forward, rows.years, rows.discount, rows.forward_fixed.astype(np.float64))
    return np.ascontiguousarray(np.vstack(columns)[:, first])
