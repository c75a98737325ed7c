"""Quotes that a protection watches: only a few of one underlying fill before the rest is gone, so not all of them count in full.

Source: domain reference 8.1 (projected exposure with working orders and what market-maker protection lets through). The desk's
promise: a burst begins with the first fill after a cycle that found every watched quote at work within the rule below, and is over at
the next such cycle; in it at most `burst_quotes` watched quotes' worth of an underlying fill.

Rule: on top of all hedges and unwatched orders at work, filled in full, a watched quote by itself takes no more than 1/f of what each
line of a limit has left. f is `burst_quotes` times the underlyings with watched series in the limit; where the limit is the largest of
its lines, those of the line, and at most two orders for each series and side that moves it (one at work and its replacement). Then the
fills of one burst raise no limit beyond its hard one: of f orders each adds at most 1/f of what was left when the burst began.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from flatbook.kernels.burst_room import fit_each, raise_largest, spread_of
from flatbook.kernels.headroom import ORDER
from flatbook.limits.check import Standing
from flatbook.limits.pretrade import PreTrade, check_batch
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints
from flatbook.orders.columns import Purpose
from flatbook.orders.state import OrderState, WorkingOrders
from flatbook.orders.worst_case import charged, raised

ORDERS_OF_A_QUOTE = 2  # one at work and the one that takes its place; where more live they count in full
_ONCE = frozenset({"fills_per_s", "fills_per_min"})
_LAST_BITS = 1.0 + 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BurstRule:
    """What holds for watched quotes in one cycle."""

    quotes: int  # of one underlying that fill before the rest is gone
    watched: Bools  # [n_rows]
    factor: Floats  # [n_lines] f: how many of the largest order the line must bear
    rates: Bools  # [n_lines] counts orders as they leave, which no protection keeps from leaving


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Room:
    """What limits have left: `full` counts what fills in full, `largest` what the largest watched quote adds to each line."""

    full: PreTrade
    largest: Floats | None = None  # [n_lines]; None: nothing is watched
    rule: BurstRule | None = None
    closing: Ints | None = (
        None  # [2 n_rows] contracts that close a position before a watched quote at work does
    )

    def worst(self) -> PreTrade:
        """The limits once everything that may fill has filled."""
        if self.rule is None or self.largest is None:
            return self.full
        some = self.largest > 0.0
        return raised(self.full, np.where(some, self.rule.factor * np.where(some, self.largest, 1.0), 0.0))

    def fit(self, row: Ints, side: Ints, quantity: Ints) -> tuple[Ints, Ints]:
        """Contracts that each order may have, and the limit that allows no more, in their sequence."""
        return check_batch(self.worst(), row, side, quantity)

    def fit_watched(self, row: Ints, side: Ints, quantity: Ints) -> tuple[Ints, Ints]:
        """The same for watched quotes, each by itself, whatever their sequence; but for rates of orders."""
        assert self.rule is not None, "without a rule nothing is watched"
        full = self.full
        allowed, binding = _fit_each(full, _share(full, self.rule), full.free, row, side, quantity)
        if self.rule.rates.any():
            wanted = allowed
            allowed, late = check_batch(_of_lines(full, self.rule.rates), row, side, wanted)
            binding = np.where(allowed < wanted, late, binding)
        return allowed, binding

    def bearable(self, row: Ints, side: Ints, quantity: Ints) -> Ints:
        """Contracts that watched quotes may have at work, each in place of what works of it; rates do not count them."""
        assert self.rule is not None, "without a rule nothing is watched"
        assert self.closing is not None, "a room beside what works has it"
        share = np.where(self.full.shape[:, 0] == ORDER, np.inf, _share(self.full, self.rule))
        return _fit_each(self.full, share, self.closing, row, side, quantity)[0]

    def without(self, row: Ints, side: Ints, quantity: Ints) -> "Room":
        """What is left once these have filled in full."""
        full = charged(self.full, row, side, quantity)
        if self.closing is None:
            return replace(self, full=full)
        return replace(self, full=full, closing=np.maximum(self.closing - (self.full.free - full.free), 0))

    def without_watched(self, row: Ints, side: Ints, quantity: Ints, *, sent: bool = False) -> "Room":
        """What is left with these watched quotes at work.

        Each closes what no other order of its series and side may have closed before it.
        """
        assert self.rule is not None, "without a rule nothing is watched"
        assert self.largest is not None, "a room with a rule has it"
        full, key = self.full, _key(row, side)
        of_key = np.bincount(key, weights=quantity, minlength=full.free.size).astype(np.int64)
        closing = np.maximum(full.free[key] - (of_key[key] - quantity), 0)
        largest = self.largest.copy()
        orders = _orders(row, side, quantity)
        raise_largest(full.first, full.lines, full.costs, full.shape, closing, orders, int(sent), largest)
        if self.rule.rates.any() and not sent:
            counted = charged(_of_lines(full, self.rule.rates), row, side, quantity)
            full = replace(full, level=counted.level, top=counted.top, room=counted.room)
        full = replace(full, free=np.maximum(full.free - of_key, 0))
        return replace(self, full=full, largest=largest)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BurstFills:
    """Watched quotes that filled since the last cycle that found all of them within the rule."""

    filled: Mapping[str, float]  # by underlying: quotes' worth, where any
    beyond: tuple[str, ...] = ()  # underlyings of which more filled than `burst_quotes`: a person must know
    goes_on: Mapping[int, int]  # by client id: contracts filled in bursts that are not over


NO_FILLS = BurstFills(filled={}, goes_on={})


def burst_rule(
    pretrade: PreTrade, standing: Standing, table: InstrumentTable, watched: Bools | None, quotes: int
) -> BurstRule | None:
    """The rule of one cycle; None where every order counts in full.

    Parameters
    ----------
    pretrade : PreTrade
    standing : Standing
        That it was made of.
    table : InstrumentTable
    watched : bool[n_rows], optional
        Series whose quotes a protection watches; the quotes of others count in full.
    quotes : int
        `OrderTerms.burst_quotes`.
    """
    if quotes == 0 or watched is None or not (watched & table.is_option).any():
        return None
    rows = np.flatnonzero(watched & table.is_option)
    rows = rows[np.argsort(table.underlying_of[rows], kind="stable")]
    group = table.underlying_of[rows].astype(np.int64)
    n_limits = pretrade.room.size
    keys, of_line, of_limit = spread_of(pretrade.first, pretrade.lines, pretrade.shape, rows, group, n_limits)
    limit = pretrade.shape[:, 2]
    groups = np.zeros(n_limits, dtype=np.int64)
    np.add.at(groups, limit[np.unique(pretrade.shape[:, 1], return_index=True)[1]], 1)
    alone = np.minimum(quotes * of_line, ORDERS_OF_A_QUOTE * keys)
    once = np.array([bound.limit.measure.value in _ONCE for bound in standing.bounds], dtype=np.bool_)
    rates = (pretrade.shape[:, 0] == ORDER) & ~once[limit]
    factor = np.where(groups[limit] == 1, alone, quotes * of_limit[limit]).astype(np.float64)
    return BurstRule(
        quotes=quotes, watched=watched & table.is_option, factor=np.where(rates, 0.0, factor), rates=rates
    )


def room_at_work(pretrade: PreTrade, rule: BurstRule | None, working: WorkingOrders, told: Bools) -> Room:
    """What limits have left beside everything at work; `told`, bool[n_rows], is what anybody can value."""
    alive = working.alive
    row, side, left = working.row[alive], working.side[alive], working.open[alive]
    if rule is None:
        return Room(full=charged(pretrade, row, side, left, sent=True))
    few = is_watched(working, rule, told)[alive]
    full = charged(pretrade, row[~few], side[~few], left[~few], sent=True)
    room = Room(full=full, largest=np.zeros(pretrade.level.size), rule=rule, closing=full.free)
    return room.without_watched(row[few], side[few], left[few], sent=True)


def is_watched(working: WorkingOrders, rule: BurstRule, told: Bools) -> Bools:
    """bool[n]: quotes at work that do not count in full."""
    quotes = working.alive & (working.purpose == Purpose.QUOTE)
    count = np.bincount(_key(working.row[quotes], working.side[quotes]), minlength=2 * told.size)
    few = count[_key(working.row, working.side)] <= ORDERS_OF_A_QUOTE
    return np.asarray(quotes & few & rule.watched[working.row] & told[working.row])


def may_join(row: Ints, side: Ints, quotes: Bools, working: WorkingOrders, rule: BurstRule) -> Bools:
    """bool[k]: new quotes of watched series that need not count in full: the only one of the batch, beside one at work at most."""
    key, n = _key(row, side), 2 * rule.watched.size
    alive = working.alive & (working.purpose == Purpose.QUOTE)
    at_work_of = np.bincount(_key(working.row[alive], working.side[alive]), minlength=n)
    new_of = np.bincount(key[quotes], minlength=n)
    return np.asarray(quotes & rule.watched[row] & (at_work_of[key] < ORDERS_OF_A_QUOTE) & (new_of[key] == 1))


def burst_fills(
    filled: Mapping[int, int],
    working: WorkingOrders,
    room: Room,
    told: Bools,
    changing: Ints,
    table: InstrumentTable,
) -> BurstFills:
    """Count the bursts of all underlyings, and find those that are not over.

    A burst goes on while a limit of its underlying could not bear the quotes that are on their way out: those that wait for an answer or
    that this cycle changes. What stays as it is (the least of a duty) keeps no burst going.

    Parameters
    ----------
    filled : mapping of client id to contracts
        Filled since each burst began.
    working : WorkingOrders
    room : Room
        As from `room_at_work`, of this cycle.
    told : bool[n_rows]
        What anybody can value.
    changing : int64[k]
        Client ids of what this cycle cancels or replaces.
    table : InstrumentTable
    """
    rule = room.rule
    if rule is None or not filled:
        return NO_FILLS
    ids = np.array(list(filled), dtype=np.int64)
    contracts = np.array(list(filled.values()), dtype=np.float64)
    at = np.searchsorted(working.client_id, ids)
    known = np.append(working.client_id, -1)[at] == ids
    ids, contracts, at = ids[known], contracts[known], at[known]
    some = rule.watched[working.row[at]] & (working.purpose[at] == Purpose.QUOTE)
    ids, contracts, at = ids[some], contracts[some], at[some]
    of = table.underlying_of[working.row[at]]
    worth = np.bincount(
        of, weights=contracts / (contracts + working.open[at]), minlength=len(table.underlyings)
    )
    names = {table.underlyings[u]: float(worth[u]) for u in np.flatnonzero(worth > 0.0).tolist()}
    going = np.isin(of, _not_over(working, room, rule, told, changing, np.unique(of), table))
    return BurstFills(
        filled=names,
        beyond=tuple(name for name, count in names.items() if count > rule.quotes * _LAST_BITS),
        goes_on={int(i): int(n) for i, n in zip(ids[going], contracts[going], strict=True)},
    )


def _not_over(
    working: WorkingOrders,
    room: Room,
    rule: BurstRule,
    told: Bools,
    changing: Ints,
    underlyings: Ints,
    table: InstrumentTable,
) -> list[int]:
    """Of these underlyings, those in a limit that its share cannot bear what is on its way out."""
    leaving = is_watched(working, rule, told)
    leaving &= (working.state != OrderState.LIVE) | np.isin(working.client_id, changing)
    empty = replace(room, largest=np.zeros(rule.factor.size))
    row, side, left = (column[leaving] for column in (working.row, working.side, working.open))
    largest = empty.without_watched(row, side, left, sent=True).largest
    assert largest is not None, "a room with a rule has it"
    over = (largest > 0.0) & ~(largest <= _share(room.full, rule) * _LAST_BITS)
    limits = np.unique(room.full.shape[over, 2])
    if not limits.size:
        return []
    full, out = room.full, []
    for u in underlyings.tolist():
        rows = np.flatnonzero(rule.watched & (table.underlying_of == u))
        entries = np.concatenate([np.arange(full.first[2 * r], full.first[2 * r + 2]) for r in rows])
        if np.isin(full.shape[full.lines[entries], 2], limits).any():
            out.append(u)
    return out


def _share(pretrade: PreTrade, rule: BurstRule) -> Floats:
    """What one watched quote may add to each line."""
    group, limit = pretrade.shape[:, 1], pretrade.shape[:, 2]
    with np.errstate(invalid="ignore"):  # a line of unknown level bears nothing: NaN fails every comparison
        below = pretrade.top[group] - pretrade.level
        left = pretrade.room[limit] + below
    left = np.where(pretrade.shared[limit] == 1, np.maximum(left, below), left)
    return np.where(
        rule.rates,
        np.inf,
        np.where(np.isposinf(left), np.finfo(np.float64).max, left) / np.maximum(rule.factor, 1.0),
    )


def _fit_each(
    full: PreTrade, share: Floats, closing: Ints, row: Ints, side: Ints, quantity: Ints
) -> tuple[Ints, Ints]:
    closes, orders = closing[_key(row, side)], _orders(row, side, quantity)
    allowed, binding = fit_each(full.first, full.lines, full.costs, full.shape, share, closes, orders)
    return allowed, binding


def _of_lines(pretrade: PreTrade, which: Bools) -> PreTrade:
    """Of what orders move only these lines."""
    kept = which[pretrade.lines]
    first = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(kept)])[pretrade.first]
    return replace(pretrade, first=first, lines=pretrade.lines[kept], costs=pretrade.costs[kept])


def _orders(row: Ints, side: Ints, quantity: Ints) -> Ints:
    return np.column_stack((row, side, quantity)).astype(np.int64)


def _key(row: Ints, side: Ints) -> Ints:
    return np.asarray(2 * row + (side < 0))
