"""Risk-based haircuts and customer portfolio margin: the worst of ten moves by full revaluation, with offsets.

Source: 17 CFR 240.15c3-1a (risk-based haircuts), FINRA Rule 4210(g) (customer portfolio margin), theocc.com/
Risk-Management/Risk-Based-Haircuts; domain reference 3.1, 3.2 and A.9. Profit is measured from each leg's own mark with
the leg's own volatility, the same at every point, and no time passes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from flatbook.margin.leg_values import NO_TIME_VALUE_VOL, MarkedLegs, mark, pnl_at, values_at
from flatbook.margin.legs import LegKind, Legs, ProductClass, faults_of
from flatbook.margin.requirement import CANDIDATE_LOST, AccountRequirement
from flatbook.margin.tims_groups import (
    NO_GROUP,
    OffsetTree,
    TimsResult,
    marginal,
    reliefs,
    tims_requirement,
    tree_of,
)
from flatbook.margin.tims_parameters import MinimumCharge, MoveRange, TimsParameters
from flatbook.model.errors import Fault, fail_on
from flatbook.model.table import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class TimsBook:
    """Legs as the aggregation takes them."""

    tree: OffsetTree
    class_of: Ints  # [n]
    factor: Floats  # [n_classes] move of the underlying for a move of 1 of its range: leverage times ratio
    moves: Floats  # [n_classes, n_points]
    minimum_per_contract: Floats  # [n]


def capital(legs: Legs, parameters: TimsParameters) -> AccountRequirement:
    """What the legs of one account must be backed with.

    Rows of the same series are one position: an amount that is long in one row and short in another is neither.

    Raises
    ------
    FaultsError
        Naming the row of everything that cannot be, or that has no range.
    """
    fail_on(faults_of(legs))
    marked, series_of = merged_series(legs)
    merged = marked.legs
    book = book_of(merged, parameters)
    pnl = pnl_at(marked, 1.0 + book.moves[book.class_of])
    result = tims_requirement(pnl, merged.quantity, book.class_of, book.minimum_per_contract, book.tree)
    bought, sold = marginal(result, pnl, merged.quantity, book.class_of, book.minimum_per_contract)
    return AccountRequirement(
        group=legs.group[0] if len(legs) else "",
        method=parameters.method,
        currency=parameters.currency,
        requirement=result.requirement,
        initial=result.requirement,
        maintenance=result.requirement,
        net_of_proceeds=np.nan,
        marginal_buy=bought[series_of],
        marginal_sell=sold[series_of],
        found={"account": parameters.account} | _found(result, book),
        notes=_notes(marked, pnl),
    )


def requirement_at(legs: Legs, spot_moves: Floats, vol_shifts: Floats, parameters: TimsParameters) -> Floats:
    """Forecast the requirement of the same legs where the market has moved.

    Marks move to the model's value at each leg's own volatility plus the shift, so that what the market paid beyond the
    model, if anything, is gone. Underlyings move by `spot_moves`, leveraged ones by their leverage times it; volatilities
    stay above 0. No time passes.

    Parameters
    ----------
    legs : Legs
        Of one account.
    spot_moves : float64[k]
        Relative, as -0.1.
    vol_shifts : float64[l]
        Added to every volatility, as 0.05 for five points.

    Returns
    -------
    float64[k, l]
        In the currency of the method; NaN where a leg that is held has no value.
    """
    fail_on(faults_of(legs))
    marked, _ = merged_series(legs)
    merged = marked.legs
    book = book_of(merged, parameters)
    factor, moves = book.factor[book.class_of], book.moves[book.class_of]
    points = np.concatenate((np.ones((len(merged), 1)), 1.0 + moves), axis=1)
    out = np.full((spot_moves.size, vol_shifts.size), np.nan)
    for at, spot_move in enumerate(spot_moves.tolist()):
        spot = (1.0 + spot_move * factor)[:, None]
        for beside, shift in enumerate(vol_shifts.tolist()):
            vol = np.maximum(marked.vol + shift, NO_TIME_VALUE_VOL)[:, None]
            values = values_at(marked, np.where(spot > 0.0, spot * points, np.nan), vol)
            pnl = merged.multiplier[:, None] * (values[:, 1:] - values[:, :1])
            out[at, beside] = tims_requirement(
                pnl, merged.quantity, book.class_of, book.minimum_per_contract, book.tree
            ).requirement
    return out


def book_of(legs: Legs, parameters: TimsParameters) -> TimsBook:
    """Classes, moves and minimum charges of legs; raises as `capital`."""
    names = tuple(dict.fromkeys(legs.underlying))
    number = {name: at for at, name in enumerate(names)}
    class_of = np.array([number[name] for name in legs.underlying], dtype=np.int64)
    terms: dict[str, _Terms] = {}
    fail_on(_range_faults(legs, parameters, terms))
    ranges = parameters.ranges[parameters.account]
    factor = np.array([terms[name].factor for name in names], dtype=np.float64)
    points = [points_of(ranges[terms[name].range], parameters.points_a_side) for name in names]
    return TimsBook(
        tree=tree_of(names, parameters.groups),
        class_of=class_of,
        factor=factor,
        moves=np.array(points).reshape(len(names), 2 * parameters.points_a_side) * factor[:, None],
        minimum_per_contract=minimum_per_contract(legs, parameters.minimum),
    )


def points_of(ends: MoveRange, points_a_side: int) -> Floats:
    """Equidistant moves from the lowest to the highest, as many down as up, without zero."""
    steps = np.arange(1, points_a_side + 1) / points_a_side
    return np.concatenate((ends.down * steps[::-1], ends.up * steps))


def minimum_per_contract(legs: Legs, minimum: MinimumCharge) -> Floats:
    """float64[n]: the least charge for a contract of each leg; none for stock."""
    rate = np.where(legs.is_option, minimum.option, 0.0)
    return np.where(legs.kind == LegKind.FUTURE, minimum.future, rate) * legs.multiplier


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """How a class moves, and which row said so."""

    range: str
    factor: float
    row: int


def _range_faults(legs: Legs, parameters: TimsParameters, terms: dict[str, _Terms]) -> Iterator[Fault]:
    """Fill `terms` by class; a fault for each row without a range, or with another than its class has."""
    without: list[int] = []
    columns = zip(legs.underlying, legs.product_class, legs.leverage.tolist(), strict=True)
    for row, (underlying, product_class, leverage) in enumerate(columns):
        own = parameters.underlyings.get(underlying)
        name = own.range if own else parameters.product_classes.get(product_class)
        if product_class is ProductClass.CRYPTO:
            yield _fault(legs, row, "crypto, settled in coin", "another product class", "use method pme")
        elif name is None:
            without.append(row)
        else:
            factor = leverage * (own.ratio if own else 1.0)
            mine = _Terms(range=name, factor=factor, row=row)
            yield from _class_faults(legs, parameters, mine, terms.setdefault(underlying, mine))
    for row in without:
        if legs.underlying[row] not in terms:
            yield _fault(
                legs,
                row,
                f"{legs.product_class[row].value} on {legs.underlying[row]}, which has no range of moves",
                "an underlying or a product class with a range",
                f"give {legs.underlying[row]} a range under [underlyings] of the parameters",
            )


def _class_faults(legs: Legs, parameters: TimsParameters, mine: _Terms, first: _Terms) -> Iterator[Fault]:
    ends = parameters.ranges[parameters.account][mine.range]
    if (mine.range, mine.factor) != (first.range, first.factor):
        yield _fault(
            legs,
            mine.row,
            f"range {mine.range} times {mine.factor:g}",
            f"{first.range} times {first.factor:g}, as {legs.where[first.row]} has for {legs.underlying[mine.row]}",
            "give one underlying one product class and one leverage",
        )
    elif min(mine.factor * ends.down, mine.factor * ends.up) <= -1.0:
        yield _fault(
            legs,
            mine.row,
            f"leverage {mine.factor:g} on range {mine.range}: a price at or below 0",
            "a leverage that leaves the price above 0 at every point",
            "correct the leverage",
        )


def _fault(legs: Legs, row: int, found: str, expected: str, action: str) -> Fault:
    return Fault(
        where=f"{legs.where[row]} column product_class", found=found, expected=expected, action=action
    )


def merged_series(legs: Legs) -> tuple[MarkedLegs, Ints]:
    """One row for each series, marked, with its whole quantity, and which one each leg is of: int64[n].

    Rows are of one series where their terms, their marks and all that their values rest on are the same. A volatility that
    nothing rests on, beside a price that implies another, is not part of that; nor are rate and yield but for options.
    """
    marked, option = mark(legs), legs.is_option
    columns = np.stack(
        [
            legs.leverage,
            legs.underlying_price,
            legs.kind,
            legs.strike,
            legs.years,
            np.where(option, legs.american, 0.0),
            marked.price,
            marked.vol,
            legs.multiplier,
            np.where(option, legs.rate, 0.0),
            np.where(option, legs.dividend_yield, 0.0),
        ],
        axis=1,
    )
    at: dict[object, int] = {}
    same = zip(legs.underlying, legs.product_class, map(np.ndarray.tobytes, columns), strict=True)
    series_of = np.array([at.setdefault(key, len(at)) for key in same], dtype=np.int64)
    first = np.unique(series_of, return_index=True)[1]
    quantity = np.bincount(series_of, weights=legs.quantity, minlength=len(at)).astype(np.float64)
    rows = first.tolist()
    one_each = MarkedLegs(
        legs=replace(legs.take(first), quantity=quantity),
        price=marked.price[first],
        vol=marked.vol[first],
        notes=tuple(marked.notes[row] for row in rows),
        unpriced=tuple(marked.unpriced[row] for row in rows),
    )
    return one_each, series_of


def _notes(marked: MarkedLegs, pnl: Floats) -> tuple[str, ...]:
    """What was assumed, and which rows have no value, so that the requirement cannot be told."""
    out = []
    missing = np.isnan(pnl.sum(axis=1)).tolist()
    for where, note, reason, lost, quantity in zip(
        marked.legs.where, marked.notes, marked.unpriced, missing, marked.legs.quantity, strict=True
    ):
        if lost:
            what = "the requirement cannot be told" if quantity != 0.0 else CANDIDATE_LOST
            out.append(f"{where}: {reason or 'no value at some point'}; {what}")
        elif note:
            out.append(f"{where}: {note}")
    return tuple(out)


def _found(result: TimsResult, book: TimsBook) -> dict[str, Any]:
    """The worst point of each class and of what no group holds, and what offsets are worth."""
    tree = result.tree
    relief, class_relief = reliefs(result)
    classes = np.arange(tree.n_classes)
    groups, offsets = [], []
    for node in np.flatnonzero(tree.parent == NO_GROUP).tolist():
        members = classes[tree.top[: tree.n_classes] == node].tolist()
        name = name_of(tree, node)
        moves = {tree.names[one]: book.moves[one].tolist() for one in members}
        groups.append({"group": name} | _worst(result, node, moves))
        if len(members) > 1:
            by_class = sorted(members, key=lambda one: -class_relief[one])
            offsets.append(
                {
                    "group": name,
                    "without_offsets": float(result.charge[node] + relief[node]),
                    "with_offsets": float(result.charge[node]),
                    "relief": float(relief[node]),
                    "by_class": [
                        {"underlying": tree.names[one], "relief": float(class_relief[one])}
                        for one in by_class
                    ],
                }
            )
    each = [
        {"underlying": tree.names[one]} | _worst(result, one, {tree.names[one]: book.moves[one].tolist()})
        for one in classes.tolist()
    ]
    return {"groups": groups, "classes": each, "offsets": sorted(offsets, key=lambda one: -one["relief"])}


def _worst(result: TimsResult, node: int, moves: dict[str, list[float]]) -> dict[str, Any]:
    """The worst point of a node, counted from 1 at the lowest; None where nothing can be told."""
    pnl = result.pnl[node]
    point = None if np.isnan(pnl).any() else int(np.argmin(pnl))
    return {
        "requirement": float(result.charge[node]),
        "minimum": float(result.minimum[node]),
        "minimum_binds": bool(result.minimum[node] >= -pnl.min()),
        "worst_point": None if point is None else point + 1,
        "worst_moves": {} if point is None else {name: row[point] for name, row in moves.items()},
        "pnl": pnl.tolist(),
    }


def name_of(tree: OffsetTree, node: int) -> str:
    """What a person calls a node: the innermost group that holds all its classes; the class itself where it is alone."""
    inside = np.flatnonzero(tree.parent == node)
    if inside.size == 1:
        return name_of(tree, int(inside[0]))
    return tree.names[node]
