"""Which contract of a clearing house's SPAN file a leg is.

A leg is found by underlying (the file's product or its combined commodity), kind, strike and expiry; arrays, deltas and
values are scaled from the file's contract size to the leg's multiplier.
"""

from dataclasses import dataclass, replace

import numpy as np

from flatbook.margin.legs import LegKind, Legs
from flatbook.margin.span_arrays import DAYS_A_YEAR, SpanContracts
from flatbook.margin.span_parameters import InterSpread, SpanCommodity
from flatbook.model.errors import Fault, fail_on
from flatbook.model.table import Ints

_STRIKE_TOLERANCE = 1e-9  # relative
_ALIKE = 1e-9  # relative: sizes of one contract, scaled to one unit
_MOST_SHOWN = 5
_Index = dict[tuple[str, int], list[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanFile:
    """Everything that was read of a file of risk arrays."""

    name: str
    contracts: SpanContracts
    commodities: tuple[SpanCommodity, ...]
    inter_spreads: tuple[InterSpread, ...]
    notes: tuple[str, ...]  # what the file holds that is not applied


def contracts_in(file: SpanFile, legs: Legs, match_days: float) -> SpanContracts:
    """The file's contracts of `legs`, one row a leg, for the leg's own multiplier.

    Raises
    ------
    FaultsError
        For each leg that the file does not hold, or holds more than once with different numbers.
    """
    index: _Index = {}
    for row, (product, combined, kind) in enumerate(
        zip(file.contracts.underlying, file.contracts.combined, file.contracts.kind.tolist(), strict=True)
    ):
        for name in {product, combined}:
            index.setdefault((name, kind), []).append(row)
    faults: list[Fault] = []
    rows = []
    for leg in range(len(legs)):
        found_rows = _find(file.contracts, index, legs, leg, match_days)
        if not found_rows.size:
            faults.append(_missing(file, index, legs, leg))
        elif not _alike(file.contracts, found_rows):
            faults.append(_several(file, found_rows, legs, leg))
        else:
            rows.append(int(found_rows[0]))
    fail_on(faults)
    found = file.contracts.take(np.array(rows, dtype=np.int64))
    scale = legs.multiplier / found.multiplier
    return replace(
        found,
        where=legs.where,
        multiplier=legs.multiplier,
        loss=found.loss * scale[:, None],
        delta=found.delta * scale,
        value=found.value * scale,
        short_minimum=found.short_minimum * scale,
    )


def _find(contracts: SpanContracts, index: _Index, legs: Legs, leg: int, match_days: float) -> Ints:
    """The rows with the leg's terms whose expiry is nearest; where there are several, those of its own product."""
    kind = int(legs.kind[leg])
    rows = np.array(index.get((legs.underlying[leg], kind), ()), dtype=np.int64)
    if rows.size and legs.is_option[leg]:
        strike = legs.strike[leg]
        rows = rows[np.abs(contracts.strike[rows] - strike) <= _STRIKE_TOLERANCE * abs(strike)]
    if rows.size and kind != LegKind.STOCK:
        days = np.abs(contracts.years[rows] - legs.years[leg]) * DAYS_A_YEAR
        rows = rows[(days == days.min()) & (days <= match_days)]
    own = [row for row in rows.tolist() if contracts.underlying[row] == legs.underlying[leg]]
    return np.array(own, dtype=np.int64) if own else rows


def _alike(contracts: SpanContracts, rows: Ints) -> bool:
    """Whether the rows say the same for one unit of the underlying, so that it is one which of them counts."""
    told = np.column_stack(
        (contracts.loss[rows], contracts.delta[rows], contracts.value[rows], contracts.short_minimum[rows])
    )
    each = told / contracts.multiplier[rows, None]
    return bool(np.allclose(each, each[0], rtol=_ALIKE, atol=0.0, equal_nan=True))


def _several(file: SpanFile, rows: Ints, legs: Legs, leg: int) -> Fault:
    where = ", ".join(file.contracts.where[row] for row in rows[:_MOST_SHOWN].tolist())
    return Fault(
        where=legs.where[leg],
        found=f"{rows.size} contracts of {file.name} with different numbers: {where}",
        expected="one contract of the file",
        action="name the product in the leg, or leave one of them in the file",
    )


def _missing(file: SpanFile, index: _Index, legs: Legs, leg: int) -> Fault:
    kind = LegKind(int(legs.kind[leg]))
    name, strike = legs.underlying[leg], f" {legs.strike[leg]:g}" if legs.is_option[leg] else ""
    rows = index.get((name, int(kind)), [])
    days = sorted({round(float(file.contracts.years[row]) * DAYS_A_YEAR) for row in rows})
    near = sorted(days, key=lambda one: abs(one - legs.years[leg] * DAYS_A_YEAR))[:_MOST_SHOWN]
    held = (
        f"one that expires in {', '.join(map(str, near))} days, say"
        if near
        else f"a {kind.name.lower()} of {name}"
    )
    return Fault(
        where=legs.where[leg],
        found=f"{name} {kind.name.lower()}{strike} of {legs.years[leg] * DAYS_A_YEAR:.1f} days, not in {file.name}",
        expected=f"a contract of the file: {held}"
        if near
        else f"a contract of the file; it has no {held[2:]}",
        action="correct the leg, or give the file that lists it",
    )
