"""From model prices to whole ticks: bids down, offers up, each on the step of its price band."""

import numpy as np

from flatbook.model.instruments import TickBand
from flatbook.model.table import Floats, InstrumentTable, Ints

NO_PRICE = -1
_ROUNDING = 1e-9  # of a tick: a price that is a tick but for the last bits stays on it


def bid_ticks(price: Floats, table: InstrumentTable) -> Ints:
    """The highest quotable price at or below each price, in ticks; NO_PRICE where there is none above zero.

    Parameters
    ----------
    price : float64[n]
        Quote currency; NaN gives NO_PRICE.
    table : InstrumentTable
        Rows as in `price`.
    """
    return _round(price, table, up=False)


def ask_ticks(price: Floats, table: InstrumentTable) -> Ints:
    """The lowest quotable price at or above each price, at least one step; NO_PRICE where the price is NaN."""
    return _round(price, table, up=True)


def step_ticks(ticks: Ints, table: InstrumentTable) -> Ints:
    """Size of the quoting step at each price in ticks."""
    groups = sorted(table.rows_of_ticks, key=lambda group: -group[1].size)
    if not groups:
        return np.empty(ticks.size, dtype=np.int64)
    out = _step(ticks, groups[0][0])  # of all rows, as most of them are: a column is quicker than its rows
    for bands, rows in groups[1:]:
        out[rows] = _step(ticks[rows], bands)
    return out


def _step(ticks: Ints, bands: tuple[TickBand, ...]) -> Ints:
    out = np.full(ticks.size, bands[0].step_ticks, dtype=np.int64)
    for band in bands[1:]:
        np.copyto(out, band.step_ticks, where=ticks >= band.from_ticks)
    return out


def _round(price: Floats, table: InstrumentTable, *, up: bool) -> Ints:
    known = np.isfinite(price)
    exact = np.where(known, price, 0.0) * table.ticks_per_unit
    inward = np.ceil(exact - _ROUNDING) if up else np.floor(exact + _ROUNDING)
    whole = inward.astype(np.int64)
    step = step_ticks(whole, table)
    ticks = -(-whole // step) * step if up else whole // step * step
    if up:
        ticks = np.maximum(ticks, step)
    return np.where(known & (ticks > 0), ticks, NO_PRICE)
