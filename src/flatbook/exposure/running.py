"""Exposure between cycles: after each fill, the sums that the fill touches, and no others.

A sum is taken anew over its own rows, in the order in which `aggregate` takes it. So a running exposure is to the bit what
`aggregate` would say of the same book, and a book that was closed leaves nothing behind.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from flatbook.exposure.aggregate import Exposure, bound_of_row, desk_total, index_shares
from flatbook.market.view import MarketView
from flatbook.model.measures import BUCKET_NAMES, Measure
from flatbook.model.parameters import Desk
from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.valuation.values import Values

_Groups = tuple[Ints, ...]


@dataclass(slots=True, kw_only=True)
class RunningExposure:
    """The book's measures at the values of the last cycle, kept up to date with every fill."""

    exposure: Exposure  # its arrays are written in place: readers take `snapshot`
    values: Values
    market: MarketView
    desk: Desk
    rows_of_bucket: _Groups  # by underlying and bucket, flattened
    rows_of_slice: _Groups
    slices_of_class: _Groups
    beta: Floats  # [n_underlyings]

    def hold(self, row: int, quantity: int) -> None:
        """Let the position in one row be `quantity` contracts, net.

        A row that the table of the last cycle does not have yet is measured by the next cycle.
        """
        exposure, table = self.exposure, self.market.table
        if row >= exposure.quantity.size:
            return
        exposure.quantity[row] = quantity
        exposure.by_row[row] = quantity * self.values.greeks[row] if quantity else 0.0
        u, b = int(table.underlying_of[row]), int(exposure.row_bucket[row])
        if row in self.values.reasons:
            self._count_unvalued(row, u, b)
        else:
            self._sum_again(row, u, b)

    def snapshot(self) -> Exposure:
        """A copy that later fills leave alone."""
        shares = index_shares(self.exposure.beta_delta_usd, self.market, self.desk)
        return replace(_copied(self.exposure), beta_delta_shares=shares)

    def _sum_again(self, row: int, u: int, b: int) -> None:
        exposure, table = self.exposure, self.market.table
        bucket = self.rows_of_bucket[u * len(BUCKET_NAMES) + b]
        exposure.by_bucket[u, b] = self._sum_of(bucket)
        exposure.by_underlying[u] = exposure.by_bucket[u].sum(axis=0)
        s = int(table.slice_of[row])
        if s >= 0:
            exposure.by_slice[s] = self._sum_of(self.rows_of_slice[s])
            c = int(table.class_of[row])
            exposure.by_class[c] = exposure.by_slice[self.slices_of_class[c]].sum(axis=0)
        exposure.desk[:] = desk_total(exposure.by_underlying)
        exposure.beta_delta_usd[u] = self.beta[u] * exposure.by_underlying[u, Measure.DELTA_USD]

    def _sum_of(self, rows: Ints) -> Floats:
        held = rows[self.exposure.quantity[rows] != 0]
        valued = (
            held[[row not in self.values.reasons for row in held.tolist()]] if self.values.reasons else held
        )
        return np.asarray(self.exposure.by_row[valued].sum(axis=0))

    def _count_unvalued(self, row: int, u: int, b: int) -> None:
        exposure = self.exposure
        if exposure.quantity[row]:
            exposure.unvalued[row] = self.values.reasons[row]
        else:
            exposure.unvalued.pop(row, None)
        exposure.bound[u, b] = 0.0
        for other in sorted(exposure.unvalued):
            if self.market.table.underlying_of[other] == u and exposure.row_bucket[other] == b:
                exposure.bound[u, b] += bound_of_row(
                    int(exposure.quantity[other]), self.values, self.market, other
                )


_WRITTEN = (
    "quantity",
    "by_row",
    "by_bucket",
    "by_underlying",
    "by_class",
    "by_slice",
    "desk",
    "beta_delta_usd",
    "bound",
)


def running(
    exposure: Exposure,
    values: Values,
    market: MarketView,
    desk: Desk,
    before: RunningExposure | None = None,
) -> RunningExposure:
    """Start from what a cycle measured.

    Parameters
    ----------
    exposure : Exposure
        Copied.
    values, market, desk
        Of the same cycle.
    before : RunningExposure, optional
        Of the cycle before: where its rows stand as these do, they are not sorted again.
    """
    table = market.table
    if (
        before is not None
        and before.market.table is table
        and before.desk is desk
        and np.array_equal(before.exposure.row_bucket, exposure.row_bucket)
    ):
        return replace(before, exposure=_copied(exposure), values=values, market=market)
    bucket = table.underlying_of * len(BUCKET_NAMES) + exposure.row_bucket
    return RunningExposure(
        exposure=_copied(exposure),
        values=values,
        market=market,
        desk=desk,
        rows_of_bucket=_members(bucket, len(table.underlyings) * len(BUCKET_NAMES)),
        rows_of_slice=_members(table.slice_of, len(table.slices)),
        slices_of_class=_members(_class_of_slice(table), len(table.classes)),
        beta=np.array([desk.terms_of(name).beta for name in table.underlyings]),
    )


def _copied(exposure: Exposure) -> Exposure:
    arrays = {name: getattr(exposure, name).copy() for name in _WRITTEN}
    unvalued = {row: exposure.unvalued[row] for row in sorted(exposure.unvalued)}
    return replace(exposure, **arrays, unvalued=unvalued)


def _members(group: Ints, n_groups: int) -> _Groups:
    """Where each group stands, ascending; what is in no group (-1) stands nowhere."""
    order = np.argsort(group, kind="stable")
    ends = np.searchsorted(group[order], np.arange(n_groups + 1))
    return tuple(order[start:stop] for start, stop in pairwise(ends.tolist()))


def _class_of_slice(table: InstrumentTable) -> Ints:
    index = {name: number for number, name in enumerate(table.classes)}
    return np.array([index[key.option_class] for key in table.slices], dtype=np.int64)
