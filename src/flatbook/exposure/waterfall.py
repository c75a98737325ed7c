"""The P&L of one step by full revaluation: what each block of the market made, nothing left over.

Source: domain reference 4.16. In order, each block is revalued on top of those before it, so what two blocks make together goes
to the later one. The symmetric split is the Shapley value (L. Shapley, "A value for n-person games", 1953): the mean over all
orders, in which what blocks make together is shared evenly; with five blocks the 120 orders are 32 revaluations.
"""

from dataclasses import dataclass
from itertools import combinations, pairwise
from math import factorial

import numpy as np

from flatbook.exposure.explain import held_through
from flatbook.exposure.hybrid import Block, hybrids_of, pnl_at
from flatbook.exposure.marks import Mark
from flatbook.model.table import Floats, Ints

ORDER: tuple[Block, ...] = (Block.TIME, Block.SPOT, Block.VOL_LEVEL, Block.VOL_SHAPE, Block.CARRY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """USD, by `Block` in the last axis; the blocks add up to the whole revaluation."""

    rows: Ints  # [k] held and valued at both ends
    ordered_by_row: Floats  # [k, blocks] of the position
    symmetric_by_row: Floats  # [k, blocks]
    ordered: Floats  # [n_underlyings, blocks]
    symmetric: Floats  # [n_underlyings, blocks]
    pnl_by_underlying: Floats  # [n_underlyings]
    gross: float  # USD: the sum of what blocks made of each position, without signs
    unvalued: dict[int, str]  # held rows without a value before or after, in no sum: why


def waterfall(quantity: Ints, before: Mark, after: Mark, order: tuple[Block, ...] = ORDER) -> Waterfall:
    """Revalue a book held through one step, block by block.

    Parameters
    ----------
    quantity : int64[n_rows]
        Net contracts, the same before and after.
    before, after : Mark
        Of the same instrument table.
    order : tuple of Block
        Every block once.
    """
    assert sorted(order) == list(Block), f"an order holds every block once, was {order}"
    held, unvalued = held_through(quantity, before, after)
    whole = _revalued(before, after, held)
    taken = [frozenset(order[:count]) for count in range(len(order) + 1)]
    ordered = np.zeros((held.size, len(Block)))
    for block, (without, with_it) in zip(order, pairwise(taken), strict=True):
        ordered[:, block] = (whole[with_it] - whole[without]) * quantity[held]
    symmetric = _shapley(whole, held.size) * quantity[held, None]
    table = before.market.table
    of, n = table.underlying_of[held], len(table.underlyings)
    return Waterfall(
        rows=held,
        ordered_by_row=ordered,
        symmetric_by_row=symmetric,
        ordered=_summed(of, n, ordered),
        symmetric=_summed(of, n, symmetric),
        pnl_by_underlying=_summed(of, n, (whole[frozenset(Block)] * quantity[held])[:, None])[:, 0],
        gross=float(np.abs(ordered).sum()),
        unvalued=unvalued,
    )


def _revalued(before: Mark, after: Mark, rows: Ints) -> dict[frozenset[Block], Floats]:
    """P&L of one contract of each row at every choice of blocks."""
    hybrids = hybrids_of(before, after, rows)
    return {
        frozenset(some): pnl_at(hybrids, frozenset(some)) if some else np.zeros(rows.size)
        for count in range(len(Block) + 1)
        for some in combinations(Block, count)
    }


def _shapley(whole: dict[frozenset[Block], Floats], n: int) -> Floats:
    """float64[n, blocks]: what each block adds, averaged over all orders."""
    blocks = len(Block)
    out = np.zeros((n, blocks))
    for some, pnl in whole.items():
        for block in set(Block) - some:
            weight = factorial(len(some)) * factorial(blocks - len(some) - 1) / factorial(blocks)
            out[:, block] += weight * (whole[some | {block}] - pnl)
    return out


def _summed(of: Ints, n: int, by_row: Floats) -> Floats:
    out = np.zeros((n, by_row.shape[1]))
    np.add.at(out, of, by_row)
    return out
