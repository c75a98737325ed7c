"""The instrument table: ten thousand contracts as columns, whose row order is the spine of everything.

A new listing makes a new table with a higher version; existing rows keep their numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flatbook.model.errors import UnknownInstrumentError
from flatbook.model.instruments import Instrument, Kind, Payoff, Style, TickBand

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class SliceKey(NamedTuple):
    """One expiry of one option class: AM and PM settlement on one date are two slices."""

    option_class: str
    expiry_ns: int


@dataclass(frozen=True)
class InstrumentTable:
    """Columns aligned by row; groups (underlying, slice) are numbers into the tuples beside them."""

    version: int
    instruments: tuple[Instrument, ...]

    def __getstate__(self) -> dict[str, object]:
        """All that is known by now, copied at once: another thread may just be making a column, and a copy is of one moment."""
        return dict(self.__dict__)

    @cached_property
    def rows(self) -> dict[str, int]:
        """Symbol to row."""
        return {item.symbol: row for row, item in enumerate(self.instruments)}

    @cached_property
    def underlyings(self) -> tuple[str, ...]:
        """Every underlying, in order of first listing."""
        return tuple(dict.fromkeys(item.underlying for item in self.instruments))

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Every option class, in order of first listing."""
        return tuple(dict.fromkeys(item.option_class for item in self.instruments if item.option_class))

    @cached_property
    def slices(self) -> tuple[SliceKey, ...]:
        """Every (class, expiry instant), sorted by class and then time."""
        options = (item for item in self.instruments if item.kind is Kind.OPTION)
        return tuple(sorted({SliceKey(item.option_class, item.expiry_ns) for item in options}))

    @cached_property
    def underlying_of(self) -> Ints:
        """int64[n]: index into `underlyings`."""
        index = {name: number for number, name in enumerate(self.underlyings)}
        return np.array([index[item.underlying] for item in self.instruments], dtype=np.int64)

    @cached_property
    def slice_of(self) -> Ints:
        """int64[n]: index into `slices`; -1 where the contract is no option."""
        index = {key: number for number, key in enumerate(self.slices)}
        return np.array(
            [index.get(SliceKey(item.option_class, item.expiry_ns), -1) for item in self.instruments],
            dtype=np.int64,
        )

    @cached_property
    def underlying_of_slice(self) -> Ints:
        """int64[n_slices]: index into `underlyings`."""
        out = np.full(len(self.slices), -1, dtype=np.int64)
        listed = self.slice_of >= 0
        out[self.slice_of[listed]] = self.underlying_of[listed]
        return out

    @cached_property
    def class_of(self) -> Ints:
        """int64[n]: index into `classes`; -1 where the contract is no option."""
        index = {name: number for number, name in enumerate(self.classes)}
        return np.array([index.get(item.option_class, -1) for item in self.instruments], dtype=np.int64)

    @cached_property
    def underlying_of_class(self) -> Ints:
        """int64[n_classes]: index into `underlyings`."""
        out = np.full(len(self.classes), -1, dtype=np.int64)
        listed = self.class_of >= 0
        out[self.class_of[listed]] = self.underlying_of[listed]
        return out

    @cached_property
    def currencies(self) -> tuple[str, ...]:
        """Currency in which each underlying's options settle; its first contract's where it has none."""
        first = {item.underlying: item.currency for item in reversed(self.instruments)}
        options = (item for item in reversed(self.instruments) if item.kind is Kind.OPTION)
        first |= {item.underlying: item.currency for item in options}
        return tuple(first[name] for name in self.underlyings)

    @cached_property
    def is_option(self) -> Bools:
        """bool[n]."""
        return self.slice_of >= 0

    @cached_property
    def american(self) -> Bools:
        """bool[n]: may be exercised before expiry."""
        return np.array(
            [item.style is Style.AMERICAN and item.kind is Kind.OPTION for item in self.instruments],
            dtype=np.bool_,
        )

    @cached_property
    def inverse(self) -> Bools:
        """bool[n]: premium and payoff are in coin."""
        return np.array([item.payoff is Payoff.INVERSE for item in self.instruments], dtype=np.bool_)

    @cached_property
    def delivers(self) -> Bools:
        """bool[n]: an option whose exercise brings or takes the underlying itself."""
        return np.array([item.delivers for item in self.instruments], dtype=np.bool_)

    @cached_property
    def sign(self) -> Floats:
        """float64[n]: +1 call, -1 put, 0 otherwise."""
        return np.array([float(item.right or 0) for item in self.instruments], dtype=np.float64)

    @cached_property
    def strike(self) -> Floats:
        """float64[n]: price units; 0 where the contract is no option."""
        return np.array([item.strike for item in self.instruments], dtype=np.float64)

    @cached_property
    def expiry_ns(self) -> Ints:
        """int64[n]: UTC nanoseconds; 0 where the contract never expires."""
        return np.array([item.expiry_ns for item in self.instruments], dtype=np.int64)

    @cached_property
    def multiplier(self) -> Floats:
        """float64[n]: units of underlying per contract."""
        return np.array([item.multiplier for item in self.instruments], dtype=np.float64)

    @cached_property
    def ticks_per_unit(self) -> Floats:
        """float64[n]: price ticks in one unit of the quote currency."""
        return np.array([item.ticks_per_unit for item in self.instruments], dtype=np.float64)

    @cached_property
    def beta(self) -> Floats:
        """float64[n]: exposure to the underlying, in currency, of one currency unit of the contract."""
        return np.array([item.beta for item in self.instruments], dtype=np.float64)

    @cached_property
    def price_ratio(self) -> Floats:
        """float64[n]: price as a share of the underlying's."""
        return np.array([item.price_ratio for item in self.instruments], dtype=np.float64)

    @cached_property
    def rows_of_ticks(self) -> tuple[tuple[tuple[TickBand, ...], Ints], ...]:
        """Each tick table with the rows that quote on it."""
        groups: dict[tuple[TickBand, ...], list[int]] = {}
        for row, item in enumerate(self.instruments):
            groups.setdefault(item.tick_table, []).append(row)
        return tuple((bands, np.array(rows, dtype=np.int64)) for bands, rows in groups.items())

    def row_of(self, symbol: str) -> int:
        """Row of `symbol`.

        Raises
        ------
        UnknownInstrumentError
            Nobody listed it.
        """
        row = self.rows.get(symbol)
        if row is None:
            msg = f"instrument {symbol!r} is not listed; list it (InstrumentsListed) before it is quoted or traded"
            raise UnknownInstrumentError(msg)
        return row

    def rows_of(self, symbols: Sequence[str]) -> Ints:
        """int64[len(symbols)]: row of each; raises as `row_of`."""
        known = self.rows
        try:
            return np.array([known[symbol] for symbol in symbols], dtype=np.int64)
        except KeyError as e:
            self.row_of(e.args[0])
            raise

    def listed(self, new: tuple[Instrument, ...]) -> "InstrumentTable":
        """The table after a listing: known symbols keep their rows, a changed definition replaces the old."""
        changed = {item.symbol: item for item in new}
        kept = tuple(changed.pop(item.symbol, item) for item in self.instruments)
        return InstrumentTable(version=self.version + 1, instruments=kept + tuple(changed.values()))


EMPTY_TABLE = InstrumentTable(version=0, instruments=())
