"""What limits have left once everything at work has filled, whatever else does not.

`limits.pretrade` cuts an order to what fits; an order that is at work already is not cut but counts in full, so that a limit may
stand beyond its room. An order counts each line that it may raise and takes nothing off any.
"""

from dataclasses import replace

import numpy as np

from flatbook.kernels.headroom import OPENING, ORDER
from flatbook.limits.check import Bound, Standing
from flatbook.limits.pretrade import PreTrade
from flatbook.model.order_terms import OrderTerms
from flatbook.model.table import Floats, Ints

_RATES = frozenset({"orders_per_s", "orders_per_min", "fills_per_s", "fills_per_min"})


def charged(pretrade: PreTrade, row: Ints, side: Ints, quantity: Ints, *, sent: bool = False) -> PreTrade:
    """The same limits once these orders count as filled in full.

    Parameters
    ----------
    pretrade : PreTrade
    row, side, quantity : int64[k]
        As in `limits.pretrade.check_batch`; an order of nothing counts nothing.
    sent : bool
        They are at work already: the rates of orders and fills, which only what is sent next moves, do not count them again.
    """
    some = quantity > 0
    if not some.any():
        return pretrade
    key, contracts = 2 * row[some] + (side[some] < 0), quantity[some]
    keys, of = np.unique(key, return_inverse=True)
    wanted = np.bincount(of, weights=contracts).astype(np.int64)
    closed = np.minimum(wanted, pretrade.free[keys])
    entry, owner = _entries(pretrade, keys)
    line = pretrade.lines[entry]
    kind = pretrade.shape[line, 0]
    amount = np.where(
        kind == OPENING,
        (wanted - closed)[owner],
        np.where(kind == ORDER, 0 if sent else np.bincount(of)[owner], wanted[owner]),
    )
    counts = amount > 0
    line, add = line[counts], pretrade.costs[entry[counts]] * amount[counts]
    free = pretrade.free.copy()
    free[keys] -= closed
    return replace(_raised(pretrade, line, add), free=free)


def raised(pretrade: PreTrade, add: Floats) -> PreTrade:
    """The same limits with so much more on each line, float64[n_lines], from 0 up."""
    line = np.flatnonzero(add)
    return _raised(pretrade, line, add[line])


def _raised(pretrade: PreTrade, line: Ints, add: Floats) -> PreTrade:
    level = pretrade.level + np.bincount(line, weights=add, minlength=pretrade.level.size)
    group = pretrade.shape[line, 1]
    top = pretrade.top.copy()
    np.maximum.at(top, group, level[line])
    limit_of = np.zeros(top.size, dtype=np.int64)
    limit_of[group] = pretrade.shape[line, 2]
    risen, up = np.zeros(top.size), top > pretrade.top
    risen[up] = top[up] - pretrade.top[up]
    room = pretrade.room - np.bincount(limit_of, weights=risen, minlength=pretrade.room.size)
    return replace(pretrade, level=level, top=top, room=room)


def kill_limits(pretrade: PreTrade, standing: Standing, terms: OrderTerms) -> PreTrade:
    """The same lines under the kill limits in place of the hard ones.

    Rates stay as they are; any other measure without a kill limit bounds nothing that is known.
    """
    return replace(
        pretrade, room=pretrade.room + np.array([_beyond(bound, terms) for bound in standing.bounds])
    )


def _beyond(bound: Bound, terms: OrderTerms) -> float:
    """From the hard limit to the kill limit."""
    measure = bound.limit.measure.value
    if measure in terms.kill_measures:
        return (terms.kill_share - 1.0) * float(bound.hard.max())
    return 0.0 if measure in _RATES else float("inf")


def of_value(pretrade: PreTrade) -> PreTrade:
    """Without what no value tells: a contract that nobody can value then counts only where contracts are counted."""
    told = np.isfinite(pretrade.costs)
    first = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(told)])[pretrade.first]
    return replace(pretrade, first=first, lines=pretrade.lines[told], costs=pretrade.costs[told])


def _entries(pretrade: PreTrade, keys: Ints) -> tuple[Ints, Ints]:
    """Numbers of all entries of these keys, and which of the keys each belongs to."""
    start, count = pretrade.first[keys], pretrade.first[keys + 1] - pretrade.first[keys]
    owner = np.repeat(np.arange(keys.size), count)
    before = np.cumsum(count) - count
    return np.arange(owner.size) + (start - before)[owner], owner
