"""American options without cash dividends: solved one by one, or read from premium tables of their expiry and side.

Tables hold vols from 3 to 300 %, always the same range, so that a series has the same bits whatever its neighbours.
Where a table does not answer (another vol, no time left, too coarse) the direct engine does.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from flatbook.kernels import (
    american_vol,
    andersen_lake,
    black,
    european,
    premium_table,
    premium_tile,
    table_slides,
    table_values,
)
from flatbook.kernels.american_greeks import value_american_greeks
from flatbook.kernels.european_tile import COLUMNS
from flatbook.model.table import Floats, Ints
from flatbook.valuation.chain_class import Rows, scenario_options
from flatbook.valuation.chain_parts import WITHOUT_BUMPS, Demand, Reasons, copy_black_columns
from flatbook.valuation.engines import Engine, Setting, setting_for, table_fit

Standings = NDArray[np.int8]

VOL_LOW, VOL_HIGH = 0.03, 3.0
_IMPLY_TOLERANCE = (
    2e-5  # a quote's time value is compared with the engine's error: a coarse engine inverts too few
)
_FEW_ROWS = (european.PRICE, european.DELTA, european.GAMMA, european.THETA)


@dataclass(frozen=True, kw_only=True)
class BoundaryPart:
    """Each option's exercise boundary is solved for it."""

    rows: Rows
    setting: Setting

    @property
    def error(self) -> float:
        """Bound of the error of a price, as `Part` has it."""
        return self.setting.error

    def value(self, out: Floats) -> None:
        """Write the columns, as `Part` has it."""
        value_directly(self.rows.boundary_options, self.setting, out)

    def reprice(self, here: slice, moves: Floats, shifts: Floats, out: Floats) -> None:
        """Write the prices of the scenarios, as `Part` has it."""
        options = scenario_options(self.rows.piece(here), moves, shifts)
        out[:] = _price_directly(options, self.setting).reshape(out.shape)

    def imply(self, price: Floats, noise: Floats, vol: Floats, reason: Reasons) -> None:
        """Write vols and reasons, as `Part` has it."""
        _imply_directly(self.rows.boundary_options, self.setting, price, noise, vol, reason)

    def refreshed(self, rows: Rows) -> "BoundaryPart":
        """Nothing is kept."""
        return replace(self, rows=rows)


def prepare_boundary(rows: Rows, setting: Setting, demand: Demand) -> BoundaryPart:
    """Nothing to prepare."""
    assert demand.uses > 0.0, demand
    return BoundaryPart(rows=rows, setting=setting)


def value_directly(options: Floats, setting: Setting, out: Floats) -> None:
    """Columns of `european` from the direct engine: price, delta, gamma and theta of one solution, the rest by moving it."""
    assert setting.preset is not None, setting
    n = options.shape[1]
    few, standing = np.empty((len(_FEW_ROWS), n)), np.empty(n, dtype=np.int8)
    andersen_lake.value_american(options, setting.preset, few, standing)
    if out.shape[0] > european.VEGA:
        many, again = np.empty((black.COLUMNS, n)), np.empty(n, dtype=np.int8)
        value_american_greeks(options, setting.preset, many, again)
        many[:, standing == andersen_lake.EXERCISES] = 0.0  # both at the boundary: one answer
        copy_black_columns(many, out)
    for row, column in enumerate(_FEW_ROWS):
        if column < out.shape[0]:
            out[column] = few[row]


def _price_directly(options: Floats, setting: Setting) -> Floats:
    assert setting.preset is not None, setting
    n = options.shape[1]
    few, standing = np.empty((len(_FEW_ROWS), n)), np.empty(n, dtype=np.int8)
    andersen_lake.value_american(options, setting.preset, few, standing)
    return np.asarray(few[0])


def _imply_directly(
    options: Floats, setting: Setting, price: Floats, noise: Floats, vol: Floats, reason: Reasons
) -> None:
    fine = setting_for(Engine.BOUNDARY, min(setting.error, _IMPLY_TOLERANCE))
    assert fine.preset is not None, fine
    american_vol.implied_vol_american(
        options, price, noise, fine.error, fine.preset, vol, np.empty(vol.size), reason
    )


@dataclass(frozen=True, kw_only=True)
class TablePart:
    """The early-exercise premium is read from the table of the expiry and side; rows stand in the order of the tables."""

    rows: Rows
    setting: Setting
    tolerance: float
    first: Ints  # a row of each table
    index: Ints  # which table a row reads
    expiries: Floats  # float64[6, n_tables], what the tables were built for
    tables: Floats
    states: Standings
    spot: Floats  # of each table's underlying

    @property
    def error(self) -> Floats:
        """Bound of the error of a price, as `Part` has it."""
        found = np.where(
            self.states == premium_table.READY,
            self.setting.error + self.tables[:, premium_tile.ERROR],
            self.direct.error,
        )
        return np.asarray(found[self.index])

    @property
    def direct(self) -> Setting:
        """The direct engine that answers where the tables do not."""
        return setting_for(Engine.BOUNDARY, self.tolerance)

    def value(self, out: Floats) -> None:
        """Write the columns, as `Part` has it."""
        rows = self.rows
        few, standing = np.empty((WITHOUT_BUMPS, rows.size)), np.empty(rows.size, dtype=np.int8)
        table_values.value_with_tables(
            self.tables, self.spot, self.index, rows.strike, rows.vol, few, standing
        )
        out[:WITHOUT_BUMPS] = few[: out.shape[0]]
        if out.shape[0] > WITHOUT_BUMPS:
            self._add_bumps(standing, out)
        at = np.flatnonzero(standing >= table_values.OUTSIDE_TABLE)
        if at.size:
            some = np.empty((out.shape[0], at.size))
            value_directly(np.ascontiguousarray(rows.boundary_options[:, at]), self.direct, some)
            out[:, at] = some

    def _add_bumps(self, standing: Standings, out: Floats) -> None:
        """Greeks in the rates and of second order, which a table does not tell."""
        assert self.setting.preset is not None, self.setting
        many, again = np.empty((black.COLUMNS, self.rows.size)), np.empty(self.rows.size, dtype=np.int8)
        value_american_greeks(self.rows.boundary_options, self.setting.preset, many, again)
        many[:, standing == table_values.EXERCISES] = 0.0
        out[WITHOUT_BUMPS : black.COLUMNS] = many[WITHOUT_BUMPS:]
        out[black.COLUMNS : COLUMNS] = np.nan

    def reprice(self, here: slice, moves: Floats, shifts: Floats, out: Floats) -> None:
        """Write the prices of the scenarios, as `Part` has it."""
        rows, index = self.rows, self.index[here]
        table_slides.reprice_with_tables(
            self.tables, self.spot, index, rows.strike[here], rows.vol[here], moves, shifts, out
        )
        if np.isfinite(out.sum()):  # the quickest way to see that nothing is missing
            return
        missing = np.isnan(out)
        at = np.flatnonzero(missing.any(axis=(1, 2)))
        if at.size:
            asked = missing[at].reshape(-1)
            options = scenario_options(rows.piece(here).piece(at), moves, shifts)[:, asked]
            out[missing] = _price_directly(np.ascontiguousarray(options), self.direct)

    def imply(self, price: Floats, noise: Floats, vol: Floats, reason: Reasons) -> None:
        """Write vols and reasons, as `Part` has it."""
        american_vol.implied_vol_with_tables(
            self.tables,
            self.spot,
            self.index,
            self.rows.strike,
            price,
            noise,
            vol,
            np.empty(vol.size),
            reason,
        )
        at = np.flatnonzero(reason == american_vol.OUTSIDE_TABLE)
        if at.size:
            options = np.ascontiguousarray(self.rows.boundary_options[:, at])
            some, why = np.empty(at.size), np.empty(at.size, dtype=np.int8)
            _imply_directly(options, self.direct, price[at], noise[at], some, why)
            vol[at], reason[at] = some, why

    def refreshed(self, rows: Rows) -> "TablePart":
        """Tables stay where rate, yield and time have stayed; the others are built."""
        expiries = _table_expiries(rows, self.first)
        stale = np.flatnonzero((expiries != self.expiries).any(axis=0))
        tables, states = self.tables, self.states
        if stale.size:
            tables, states = self.tables.copy(), self.states.copy()
            tables[stale], states[stale] = _build(expiries[:, stale], self.setting, self.tolerance)
        return replace(
            self,
            rows=rows,
            expiries=expiries,
            tables=tables,
            states=states,
            spot=rows.stands[self.first],
        )


def prepare_tables(rows: Rows, setting: Setting, demand: Demand) -> TablePart:
    """Build the table of every expiry and side; `rows` stand in their order."""
    kinds, first, index = np.unique(_side(rows), return_index=True, return_inverse=True)
    assert (np.diff(index) >= 0).all(), kinds
    expiries = _table_expiries(rows, first)
    tables, states = _build(expiries, setting, demand.tolerance)
    return TablePart(
        rows=rows,
        setting=setting,
        tolerance=demand.tolerance,
        first=first,
        index=index,
        expiries=expiries,
        tables=tables,
        states=states,
        spot=rows.stands[first],
    )


def _side(rows: Rows) -> Ints:
    return np.asarray(2 * rows.expiry + (rows.sign > 0.0))


def _table_expiries(rows: Rows, first: Ints) -> Floats:
    """What each table is built for, float64[6, n_tables]."""
    low, high = np.full(first.size, VOL_LOW), np.full(first.size, VOL_HIGH)
    columns = (rows.years[first], rows.rate[first], rows.dividend_yield[first], rows.sign[first], low, high)
    return np.ascontiguousarray(np.vstack(columns))


def _build(expiries: Floats, setting: Setting, tolerance: float) -> tuple[Floats, Standings]:
    assert setting.preset is not None, setting
    m = expiries.shape[1]
    tables, states = np.empty((m, premium_tile.WIDTH)), np.empty(m, dtype=np.int8)
    premium_table.build_tables(
        np.ascontiguousarray(expiries), setting.preset, table_fit(setting, tolerance), tables, states
    )
    return tables, states
