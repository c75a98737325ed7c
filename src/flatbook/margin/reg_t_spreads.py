"""Spreads of options alone: which belong together, what they can lose, what they are called.

Rule (Cboe 10.3, FINRA 4210(f)(2)(H), after SEC releases 34-67086 and 34-67752, SR-CBOE-2012-043): long options are paid in
full; short ones require the greatest loss of what all of them are worth when exercised, over the exercise prices, if that is
less than they require uncovered. All options have one underlying and one exercise style, contract values of long and
short are equal within calls and within puts, and no long option expires before a short one.

Two spreads that may be put together never lose more together than apart. So the best way to cut options into spreads has one
pool for each date T: short options that expire by T, long ones that expire at T or later.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from flatbook.margin.legs import LegKind, ProductClass
from flatbook.margin.reg_t_parameters import Account, RegTParameters
from flatbook.margin.reg_t_positions import Position
from flatbook.model.table import Floats

GENERAL = "spread of several series"
SPREAD_RULE = "long options in full + greatest loss over the exercise prices"
_INDEXES = {ProductClass.BROAD_INDEX, ProductClass.NARROW_INDEX}
_NOTHING = 1e-6
_MOST_FOURS = 5000  # combinations of two pairs that are tried for a name


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Options that may be in one spread."""

    members: tuple[int, ...]  # indices of positions
    loss: Floats  # [strikes, members] what one contract of each, as it is held, loses when exercised there
    balance: Floats  # [2, members] signed contract value of each: calls, puts


def pools_of(positions: list[Position], rules: RegTParameters) -> list[Pool]:
    """One pool for each family, exercise style and expiry of short options; those without a long option are left out."""
    options = [i for i, one in enumerate(positions) if one.kind != LegKind.STOCK and one.quantity]
    pools: list[Pool] = []
    sides = dict.fromkeys((positions[i].family, positions[i].american) for i in options)
    for family, american in sides:
        near = [i for i in options if (positions[i].family, positions[i].american) == (family, american)]
        if rules.account is Account.CASH:
            near = [i for i in near if _cash_settled(positions[i])]
        for cutoff in sorted({positions[i].years for i in near if positions[i].quantity < 0.0}):
            pool = _pool([i for i in near if _fits(positions[i], cutoff, rules)], positions)
            if pool is not None:
                pools.append(pool)
    return pools


def _cash_settled(one: Position) -> bool:
    return not one.american and one.product_class in _INDEXES


def _fits(one: Position, cutoff: float, rules: RegTParameters) -> bool:
    if rules.account is Account.CASH:  # the long side expires with the short side
        return one.years == cutoff
    return one.years <= cutoff if one.quantity < 0.0 else one.years >= cutoff


def _pool(members: list[int], positions: list[Position]) -> Pool | None:
    """A pool, but for kinds of which all members are long or all are short; None where nothing is left."""
    for kind in (LegKind.CALL, LegKind.PUT):
        signs = {positions[i].quantity > 0.0 for i in members if positions[i].kind == kind}
        if len(signs) == 1:
            members = [i for i in members if positions[i].kind != kind]
    if not members:
        return None
    signed = np.array([np.sign(positions[i].quantity) * positions[i].multiplier for i in members])
    kinds = np.array([positions[i].kind for i in members])
    strikes = np.unique([positions[i].strike for i in members])
    return Pool(
        members=tuple(members),
        loss=-signed * _exercised(members, strikes, positions),
        balance=np.array([np.where(kinds == kind, signed, 0.0) for kind in (LegKind.CALL, LegKind.PUT)]),
    )


def _exercised(members: list[int], strikes: Floats, positions: list[Position]) -> Floats:
    """[strikes, members] what one unit of each is worth when exercised with the underlying at each strike."""
    kinds = np.array([float(positions[i].kind) for i in members])
    own = np.array([positions[i].strike for i in members])
    return np.asarray(np.maximum(kinds * (strikes[:, None] - own), 0.0))


def greatest_loss(contracts: Mapping[int, float], positions: list[Position]) -> float:
    """What signed `contracts` of positions lose when exercised at the worst strike; 0 where they lose nowhere."""
    members = list(contracts)
    if not members:
        return 0.0
    strikes = np.unique([positions[i].strike for i in members])
    units = np.array([contracts[i] * positions[i].multiplier for i in members])
    return float(max(-(_exercised(members, strikes, positions) @ units).min(), 0.0))


def named_spreads(
    contracts: Mapping[int, float], positions: list[Position]
) -> Iterator[tuple[str, dict[int, float]]]:
    """Cut a pool's signed contracts into spreads with a name that lose no more than the pool; what has none comes last."""
    left = {index: amount for index, amount in contracts.items() if amount}
    while left:
        whole = name_of(left, positions)
        cut = None if whole != GENERAL else next(_cuts(left, positions), None)
        if cut is None:
            yield whole, left
            return
        yield name_of(cut, positions), cut
        left = {index: amount - cut.get(index, 0.0) for index, amount in left.items()}
        left = {index: amount for index, amount in left.items() if amount}


def _cuts(left: dict[int, float], positions: list[Position]) -> Iterator[dict[int, float]]:
    """Named parts of `left` whose greatest loss and that of the rest add up to that of the whole, small ones first."""
    members = list(left)
    strikes = np.unique([positions[i].strike for i in members])
    units = np.array([positions[i].multiplier for i in members])
    worth = (
        units[:, None] * _exercised(members, strikes, positions).T
    )  # [members, strikes] of one contract held
    whole = np.array([left[i] for i in members])
    total = max(-(whole @ worth).min(), 0.0)
    pairs = _pairs(left, positions)
    for parts in (_of_pairs(left, pairs, members), _of_fours(left, pairs, members)):
        if not parts.size:
            continue
        apart = sum(np.maximum(-(some @ worth).min(axis=1), 0.0) for some in (parts, whole - parts))
        for row in np.flatnonzero(apart <= total + _NOTHING).tolist():
            part = {i: amount for i, amount in zip(members, parts[row].tolist(), strict=True) if amount}
            if name_of(part, positions) != GENERAL:
                yield part


def _pairs(left: dict[int, float], positions: list[Position]) -> list[tuple[int, int]]:
    """A long and a short option of a kind, those nearest to each other first."""
    found: list[tuple[tuple[float, float, int, int], tuple[int, int]]] = []
    long = [index for index, amount in left.items() if amount > 0.0]
    short = [index for index, amount in left.items() if amount < 0.0]
    for bought in long:
        for sold in short:
            one, other = positions[bought], positions[sold]
            if (one.kind, one.multiplier) == (other.kind, other.multiplier):
                apart = (abs(one.years - other.years), abs(one.strike - other.strike), bought, sold)
                found.append((apart, (bought, sold)))
    return [pair for _, pair in sorted(found)]


def _of_pairs(left: dict[int, float], pairs: list[tuple[int, int]], members: list[int]) -> Floats:
    """[pairs, members] contracts of as much of each pair as there is."""
    place = {index: at for at, index in enumerate(members)}
    parts = np.zeros((len(pairs), len(members)))
    for row, (bought, sold) in enumerate(pairs):
        lots = min(left[bought], -left[sold])
        parts[row, place[bought]], parts[row, place[sold]] = lots, -lots
    return parts


def _of_fours(left: dict[int, float], pairs: list[tuple[int, int]], members: list[int]) -> Floats:
    """[fours, members] contracts of as much of each two pairs as there is; the first `_MOST_FOURS` of them."""
    whole = np.array([left[i] for i in members])
    unit = np.sign(_of_pairs(left, pairs, members))
    first, second = np.triu_indices(len(pairs), 1)
    parts = unit[first[:_MOST_FOURS]] + unit[second[:_MOST_FOURS]]
    with np.errstate(divide="ignore", invalid="ignore"):
        lots = np.floor(np.nanmin(np.where(parts == 0.0, np.nan, whole / parts), axis=1, initial=np.inf))
    return np.asarray(parts[lots >= 1.0] * lots[lots >= 1.0, None])


def name_of(contracts: Mapping[int, float], positions: list[Position]) -> str:
    """What a trader calls these signed contracts."""
    legs = sorted(
        ((positions[i], amount * positions[i].multiplier) for i, amount in contracts.items()),
        key=lambda leg: (leg[0].strike, leg[0].kind),
    )
    lot = min(abs(units) for _, units in legs)
    shape = tuple(round(units / lot, 9) for _, units in legs)
    kinds = tuple("C" if one.kind == LegKind.CALL else "P" for one, _ in legs)
    word = "call" if kinds[0] == "C" else "put"
    together = len({one.years for one, _ in legs}) == 1
    if len(legs) == 2:
        return _pair_name(legs, shape, kinds, together, word)
    if not together:
        return GENERAL
    if len(legs) == 3 and len(set(kinds)) == 1:
        return _SHAPES.get(shape, GENERAL).format(word=word)
    if len(legs) == 4:
        return _four_name(tuple(one.strike for one, _ in legs), shape, kinds, word)
    return GENERAL


def _pair_name(
    legs: list[tuple[Position, float]],
    shape: tuple[float, ...],
    kinds: tuple[str, ...],
    together: bool,
    word: str,
) -> str:
    if len(set(kinds)) == 2 or shape[0] != -shape[1]:
        return GENERAL
    (low, _), (high, _) = legs
    if low.strike == high.strike:
        return f"{word} spread of one exercise price" if together else f"{word} calendar spread"
    debit = (shape[0] > 0.0) == (word == "call")
    kind = "spread" if together else "diagonal spread"
    return f"{word} {'debit' if debit else 'credit'} {kind}"


def _four_name(
    strikes: tuple[float, ...], shape: tuple[float, ...], kinds: tuple[str, ...], word: str
) -> str:
    if len(set(kinds)) == 1:
        return _SHAPES.get(shape, GENERAL).format(word=word)
    if strikes[0] == strikes[1] and strikes[2] == strikes[3] and kinds == ("P", "C", "P", "C"):
        return _BOXES.get(shape, GENERAL)
    if kinds == ("P", "P", "C", "C"):
        return _IRONS.get(shape, GENERAL).format(body="butterfly" if strikes[1] == strikes[2] else "condor")
    return GENERAL


_SHAPES: dict[tuple[float, ...], str] = {  # by strike, one kind of option
    (1.0, -2.0, 1.0): "long {word} butterfly",
    (-1.0, 2.0, -1.0): "short {word} butterfly",
    (1.0, -1.0, -1.0, 1.0): "long {word} condor",
    (-1.0, 1.0, 1.0, -1.0): "short {word} condor",
}
_BOXES: dict[tuple[float, ...], str] = {
    (-1.0, 1.0, 1.0, -1.0): "long box",
    (1.0, -1.0, -1.0, 1.0): "short box",
}
_IRONS: dict[tuple[float, ...], str] = {
    (1.0, -1.0, -1.0, 1.0): "short iron {body}",
    (-1.0, 1.0, 1.0, -1.0): "long iron {body}",
}
