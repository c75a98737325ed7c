"""The quotes of all market makers but the desk, as columns: one order a side and level, with its place in time.

A slot is a level: slot r is the best of row r, and what is no option has further ones behind it. Levels of a row never share a price.
"""

import numpy as np

from flatbook.model.table import Bools, Floats, InstrumentTable, Ints
from flatbook.model.world_exchange_terms import ExchangeTerms
from flatbook.quoting.ticks import NO_PRICE

BID, ASK = 0, 1


def side_index(side: int) -> int:
    """0 of what buys, 1 of what sells."""
    return BID if side > 0 else ASK


class Crowd:
    """What the crowd shows now; columns are `[2, slots]`, bids and offers."""

    def __init__(self, table: InstrumentTable, terms: ExchangeTerms) -> None:
        n = len(table.instruments)
        deep = np.flatnonzero(~table.is_option)
        levels = len(terms.hedge_depth_shares)
        slots = n + deep.size * levels
        self.price: Ints = np.full((2, slots), NO_PRICE, dtype=np.int64)
        self.size: Ints = np.zeros((2, slots), dtype=np.int64)
        self.number: Ints = np.zeros((2, slots), dtype=np.int64)  # place in time
        self._shares: Floats = np.array(terms.hedge_depth_shares, dtype=np.float64)
        self._steps: Ints = np.arange(1, levels + 1, dtype=np.int64) * terms.hedge_depth_steps
        self._table = table
        self._slots: Ints = n + np.arange(deep.size * levels, dtype=np.int64).reshape(deep.size, levels)
        self._deep_of: Ints = np.full(n, -1, dtype=np.int64)
        self._deep_of[deep] = np.arange(deep.size)
        self._every: Ints = np.arange(n)
        self._any_deep = bool(slots > n)

    def slots_of(self, row: int) -> tuple[int, ...]:
        """Of a row, best first."""
        deep = int(self._deep_of[row])
        return (row,) if deep < 0 else (row, *self._slots[deep].tolist())

    def best(self, row: int, side: int) -> int:
        """The slot of the best price of `side` that has size left; -1: none."""
        size = self.size[side]
        if size[row] > 0:
            return row
        deep = int(self._deep_of[row])
        if deep >= 0:
            return next((int(slot) for slot in self._slots[deep] if size[slot] > 0), -1)
        return -1

    def replace(self, rows: Ints, price: Ints, size: Ints, number: int) -> None:
        """Quote anew.

        Parameters
        ----------
        rows : int64[k]
            Each once.
        price, size : int64[2, k]
            Best ticks and contracts, bids and offers.
        number : int
            Place in time of every order whose price is another or whose size has grown; the others keep theirs.
        """
        slots: Ints | slice = rows
        if self._any_deep and (at := np.flatnonzero(self._deep_of[rows] >= 0)).size:
            deep = self._deep_of[rows[at]]
            behind = self._behind(rows[at], price[:, at])
            sizes = np.rint(size[:, at, None] * self._shares).astype(np.int64)
            slots = np.concatenate((rows, self._slots[deep].ravel()))
            price = np.concatenate((price, behind.reshape(2, -1)), axis=1)
            size = np.concatenate((size, sizes.reshape(2, -1)), axis=1)
        if rows.size == self._every.size and np.array_equal(rows, self._every):
            slots = slice(None)  # all slots in their sequence, without copies
        absent = (price <= 0) | (size <= 0)
        price, size = np.where(absent, NO_PRICE, price), np.where(absent, 0, size)
        newer: Bools = (price != self.price[:, slots]) | (size > self.size[:, slots])
        self.price[:, slots], self.size[:, slots] = price, size
        self.number[:, slots] = np.where(newer, number, self.number[:, slots])

    def withdraw(self, rows: Ints) -> None:
        """Quote nothing any more."""
        none = np.full((2, rows.size), NO_PRICE, dtype=np.int64)
        self.replace(rows, none, np.zeros((2, rows.size), dtype=np.int64), 0)

    def _behind(self, rows: Ints, price: Ints) -> Ints:
        """Prices of the levels behind the best, int64[2, k, levels], on the step of the band of the best price."""
        out = np.empty((2, rows.size, self._steps.size), dtype=np.int64)
        for which, row in enumerate(rows.tolist()):
            bands = self._table.instruments[row].tick_table
            for side, sign in ((BID, -1), (ASK, 1)):
                best = int(price[side, which])
                step = next((band.step_ticks for band in reversed(bands) if best >= band.from_ticks), 1)
                out[side, which] = best + sign * step * self._steps
        return np.where(price[:, :, None] > 0, out, NO_PRICE)
