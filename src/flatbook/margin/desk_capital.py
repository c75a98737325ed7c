"""The desk's book under risk-based haircuts: profits of every series at its points once, then any book as sums of them.

Source: 17 CFR 240.15c3-1a and FINRA Rule 4210(g), as `tims_groups`; domain reference 3.1, 3.2 and A.9. Each series keeps its
volatility and no time passes. A series without a value loses at every point the most that an option can, whichever way
it is held.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.exposure.slide_cells import cells_of
from flatbook.margin.tims_groups import OffsetTree, TimsResult, marginal, tims_requirement, tree_of
from flatbook.margin.tims_parameters import OffsetGroup
from flatbook.market.view import MarketView
from flatbook.model.parameters import Desk, HaircutRange, ProductGroup
from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.valuation.chain_class import Executor
from flatbook.valuation.revalue import Ready, valued
from flatbook.valuation.values import Values, at_fixed_vol

_NO_SHIFT = np.zeros(1)
RANGES: dict[HaircutRange, tuple[float, float]] = {
    HaircutRange.SINGLE_NAME: (-0.15, 0.15),
    HaircutRange.BROAD_INDEX: (-0.08, 0.06),
    HaircutRange.OTHER_INDEX: (-0.10, 0.10),
}
_POINTS_A_SIDE = 5
_LEAST_MOVE = -0.99  # of a leveraged fund


@dataclass(frozen=True, slots=True, kw_only=True)
class PointTerms:
    """How the underlyings of a table move, what a contract is charged at least, and which underlyings offset which."""

    moves: Floats  # [n_underlyings, n_points] relative
    minimum_per_contract: Floats  # [n_rows] USD
    tree: OffsetTree  # its classes are the underlyings of the table


@dataclass(frozen=True, slots=True, kw_only=True)
class PointPnl:
    """USD of one contract of each series at the points of its underlying."""

    rows: Ints  # int64[n]: of the table, ascending
    class_of: Ints  # int64[n]: underlying of each
    pnl: Floats  # [n, n_points] bought; NaN where the series has no value
    worst: Floats  # [n, n_points] what a series without a value loses, bought or sold; 0 for the others
    unvalued: Ints  # int64[k]: places of the series without a value


def valuation_points(down: float, up: float) -> Floats:
    """Ten moves from `down` to `up`, five a side, ascending, without zero."""
    steps = np.arange(1, _POINTS_A_SIDE + 1) / _POINTS_A_SIDE
    return np.concatenate((down * steps[::-1], up * steps))


def point_terms(desk: Desk, table: InstrumentTable) -> PointTerms:
    """The terms that the desk has for each underlying; members of a group with a `capital_offset` that settle in one currency offset each other.

    A surplus in coin pays no loss in dollars, as for every other limit (`limits.reading`).

    A leveraged fund moves by its leverage times the range's move at the same point, so that an inverse one gains where its
    index loses.
    """
    terms = [desk.terms_of(name) for name in table.underlyings]
    rate = np.array([term.capital_minimum_usd for term in terms])
    moves = np.array([term.leverage * valuation_points(*RANGES[term.haircut]) for term in terms])
    groups = {
        name: OffsetGroup(members=members, offset=one.capital_offset)
        for one in desk.groups
        if one.capital_offset
        for name, members in _by_currency(one, table).items()
    }
    return PointTerms(
        moves=np.maximum(moves, _LEAST_MOVE).reshape(len(terms), 2 * _POINTS_A_SIDE),
        minimum_per_contract=np.where(table.is_option, rate[table.underlying_of] * table.multiplier, 0.0),
        tree=tree_of(table.underlyings, groups),
    )


def _by_currency(group: ProductGroup, table: InstrumentTable) -> dict[str, tuple[str, ...]]:
    """The listed members of a group, by the currency in which they settle."""
    currency_of = dict(zip(table.underlyings, table.currencies, strict=True))
    listed = [name for name in group.underlyings if name in currency_of]
    currencies = tuple(dict.fromkeys(currency_of[name] for name in listed))
    return {
        f"group {group.name}" + (f" in {currency}" if len(currencies) > 1 else ""): tuple(
            name for name in listed if currency_of[name] == currency
        )
        for currency in currencies
    }


def point_pnl(
    rows: Ints,
    values: Values,
    market: MarketView,
    moves: Floats,
    ready: Ready | None = None,
    executor: Executor | None = None,
) -> PointPnl:
    """Revalue one contract of each row at the points of its underlying.

    Parameters
    ----------
    rows : int64[n]
        Of the table, ascending, each once.
    values, market
        The base.
    moves : float64[n_underlyings, n_points]
        Relative, of each underlying.
    ready : Ready, optional
        Of this market, and of exactly the options among `rows`, as the slides of the same moment have it. Every row is
        then revalued at the points of every range, which warm tables pay for; without it at those of its own.
    executor : Executor, optional
        Runs parts of the rows at once; the bits are the same without.
    """
    class_of = market.table.underlying_of[rows]
    fixed = at_fixed_vol(values, market)
    ranges, range_of_underlying = np.unique(moves, axis=0, return_inverse=True)
    range_of = range_of_underlying.reshape(-1)[class_of]
    pnl, worst = np.empty((2, rows.size, moves.shape[1]))
    if ready is not None:
        everywhere = _at_ranges(rows, fixed, market, ranges, ready, executor)
        pnl[:], worst[:] = (one[np.arange(rows.size), range_of] for one in everywhere)
    else:
        for number in np.unique(range_of).tolist():
            mine = np.flatnonzero(range_of == number)
            points = ranges[number : number + 1]
            found = _at_ranges(rows[mine], fixed, market, points, None, executor)
            pnl[mine], worst[mine] = (one[:, 0] for one in found)
    return PointPnl(
        rows=rows,
        class_of=class_of,
        pnl=pnl,
        worst=worst,
        unvalued=np.flatnonzero(~valued(values, rows)),
    )


def requirement_of_book(quantity: Ints, points: PointPnl, terms: PointTerms) -> TimsResult:
    """What a book must be backed with.

    Parameters
    ----------
    quantity : int64[n_rows]
        Of the table; holds nothing beside the rows of `points`.
    points : PointPnl
    terms : PointTerms
    """
    held = quantity[points.rows].astype(np.float64)
    assert np.count_nonzero(held) == np.count_nonzero(quantity), (
        "a book holds what the points were not made for"
    )
    pnl = points.pnl
    if points.unvalued.size:
        pnl, where = pnl.copy(), points.unvalued
        pnl[where] = -np.sign(held[where])[:, None] * points.worst[where]
    return tims_requirement(pnl, held, points.class_of, terms.minimum_per_contract[points.rows], terms.tree)


def marginals_of_book(
    result: TimsResult, quantity: Ints, points: PointPnl, terms: PointTerms, clip: float = 1.0
) -> tuple[Floats, Floats]:
    """What `clip` contracts more of each row of `points` would change, on their own: exactly the difference of two runs.

    Parameters
    ----------
    result : TimsResult
        What `requirement_of_book` found for this book.
    quantity, points, terms
        As there.
    clip : float
        Contracts, above 0.

    Returns
    -------
    float64[n], float64[n]
        Change of the requirement when bought, and when sold.
    """
    held = quantity[points.rows].astype(np.float64)
    minimum = terms.minimum_per_contract[points.rows]
    bought, sold = marginal(result, points.pnl, held, points.class_of, minimum, clip)
    some = points.unvalued
    if some.size:
        before, of = np.abs(held[some]), points.class_of[some]
        for side, (out, signed) in enumerate(((bought, clip), (sold, -clip))):
            more = (np.abs(held[some] + signed) - before) / signed
            lot = -more[:, None] * points.worst[some]
            out[some] = marginal(result, lot, held[some], of, minimum[some], clip)[side]
    return bought, sold


def _at_ranges(
    rows: Ints,
    fixed: Values,
    market: MarketView,
    ranges: Floats,
    ready: Ready | None,
    executor: Executor | None,
) -> tuple[Floats, Floats]:
    """Profit of one contract, and the largest loss of one without a value, at every range: float64[n, ranges, points] each."""
    # where the still cell is asked for, `revalue` prices nothing beside the points
    moves = np.append(ranges, 0.0)
    cells = cells_of(rows, fixed, market, moves, _NO_SHIFT, ready=ready, executor=executor)
    worst = np.zeros_like(cells.pnl)
    for place, lost in cells.worst.items():
        worst[place] = lost
    shape = (rows.size, *ranges.shape)
    return cells.pnl[:, :-1, 0].reshape(shape), worst[:, :-1, 0].reshape(shape)
