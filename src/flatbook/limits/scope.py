"""What a limit bounds: rows of the instrument table, and the underlyings they belong to."""

from dataclasses import dataclass

import numpy as np

from flatbook.limits.measured import Measured
from flatbook.model.measures import BUCKET_NAMES
from flatbook.model.parameters import Limit
from flatbook.model.table import Bools, Ints

ScopeKey = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Rows and underlyings of one limit."""

    inside: Bools  # [n_rows]
    rows: Ints  # the same as row numbers
    underlyings: Ints  # indices into the table's
    names: tuple[str, ...]  # of the underlyings
    reason: str = ""  # why nobody knows what it bounds


def scope_key(limit: Limit) -> ScopeKey:
    """Equal for limits of one scope."""
    return limit.underlying, limit.group, limit.option_class, limit.bucket, limit.series


def narrows(limit: Limit) -> bool:
    """Whether it bounds less than whole underlyings."""
    return bool(limit.option_class or limit.bucket or limit.series)


def scope_of(measured: Measured, limit: Limit) -> Scope:
    """The scope of `limit`; empty where the market does not list it."""
    table = measured.market.table
    chosen, reason = _underlyings(measured, limit)
    inside = np.ones(len(table.instruments), dtype=np.bool_)
    if limit.underlying or limit.group:
        bounded = np.zeros(len(table.underlyings), dtype=np.bool_)
        bounded[chosen] = True
        inside = bounded[table.underlying_of]
    if limit.option_class:
        names = table.classes
        inside = inside & (
            table.class_of == (names.index(limit.option_class) if limit.option_class in names else -2)
        )
    if limit.bucket:
        inside = inside & (measured.exposure.row_bucket == BUCKET_NAMES.index(limit.bucket))
    if limit.series:
        only = np.zeros_like(inside)
        row = table.rows.get(limit.series)
        if row is not None:
            only[row] = inside[row]
        inside = only
    rows = np.flatnonzero(inside)
    if limit.option_class or limit.series:
        chosen = chosen[np.isin(chosen, table.underlying_of[rows])]
    names = tuple(table.underlyings[u] for u in chosen.tolist())
    return Scope(inside=inside, rows=rows, underlyings=chosen, names=names, reason=reason)


def _underlyings(measured: Measured, limit: Limit) -> tuple[Ints, str]:
    names = measured.market.table.underlyings
    if limit.group:
        members = next((one.underlyings for one in measured.desk.groups if one.name == limit.group), None)
        if members is None:
            return np.arange(len(names)), f"the desk has no group {limit.group}"
        return np.array([u for u, name in enumerate(names) if name in members], dtype=np.int64), ""
    if limit.underlying:
        return np.array([u for u, name in enumerate(names) if name == limit.underlying], dtype=np.int64), ""
    return np.arange(len(names)), ""
