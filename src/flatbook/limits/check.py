"""Hold the book against its limits: utilisation, step, and what one more contract of each series would do to it.

Utilisation is |exposure| plus the worst case of what could not be valued, over the limit in force: `limit_hard`, or what
overrides it, times what tightening leaves of it. Any NaN is a breach, whatever overrides the limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from flatbook.limits.ladder import Memory, Step, no_memory, respond, respond_by_row, steps_of, thresholds_of
from flatbook.limits.measured import Measured
from flatbook.limits.overrides import NOTHING_IN_FORCE, InForce, Override
from flatbook.limits.reading import Levels, Reading
from flatbook.limits.readings import read
from flatbook.limits.responses import Response, responses_of
from flatbook.limits.scope import Scope, ScopeKey, scope_key, scope_of
from flatbook.limits.tightening import NOT_TIGHTER, Tightening, tightening_of
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.model.table import Bools, Floats, Ints

UNCOMPUTED = "the measure could not be computed, which counts as a breach"
Rows = Ints | slice  # all rows, without a copy
BLIND = "held series without a value decide it, in a direction nobody knows"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitStanding:
    """One limit: what it bounds, how much of it is used, and what follows."""

    limit: Limit
    value: float  # signed where the measure has a sign
    unvalued: float  # worst case of series without a value, added to the magnitude
    limit_hard: float  # in force
    utilisation: float
    step: Step  # of the response: a cool-down may hold it longer than utilisation does
    where: str  # the series, expiry or move that decides, where there is one
    reason: str = ""  # why the value is NaN, or why its direction is unknown
    underlyings: tuple[str, ...] = ()  # that it bounds
    tightened: tuple[str, ...] = ()  # why the limit in force is tighter than what was set
    override: Override | None = None  # in force
    cool_down_until_ns: int = 0  # until when the step is held by a cool-down alone; 0: it is not


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One limit with what it reads, from which trades are checked beforehand."""

    limit: Limit
    scope: Scope
    reading: Reading
    hard: Floats  # in force; [1], or [n_rows] where each series has its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All limits, and what one more contract of each row would do to them. Arrays are [n_limits, n_rows]."""

    limits: tuple[LimitStanding, ...]
    buy_slope: Floats  # change of utilisation for one contract bought; 0 outside the limit's scope
    sell_slope: Floats  # the same for one contract sold
    utilisation: Floats  # the limit's; for series limits each row's own; inf where unknown
    step: Ints
    unknown: Bools  # in scope of a limit without a direction, or of unknown value, or of one that nobody knows what a contract of the row adds to: both sides add
    buy_room: (
        Floats  # [n_rows] contracts that can be bought before any limit is reached; 0 where nobody knows
    )
    sell_room: Floats
    responses: tuple[Response, ...]  # of the ladder, for each side of each option class
    bounds: tuple[Bound, ...]
    memory: Mapping[str, Memory]  # of the ladder, by name of the limit

    @property
    def worst(self) -> Step:
        """The highest step of all."""
        return max((standing.step for standing in self.limits), default=Step.NORMAL)

    def worst_of(self, underlying: str, measures: frozenset[LimitMeasure]) -> Step:
        """The highest step among limits of these measures that bound `underlying`."""
        steps = (
            standing.step
            for standing in self.limits
            if standing.limit.measure in measures and underlying in standing.underlyings
        )
        return max(steps, default=Step.NORMAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """One limit held against its reading, before the ladder."""

    bound: Bound
    tightening: Tightening
    override: Override | None
    used: Floats  # [1], or one for each row of the scope

    @property
    def each(self) -> bool:
        """Whether each row has a utilisation of its own."""
        return self.bound.reading.by_row is not None


def check(
    measured: Measured,
    limits: tuple[Limit, ...],
    before: Mapping[str, Memory],
    in_force: InForce = NOTHING_IN_FORCE,
) -> Standing:
    """Hold the measured book against `limits`.

    Parameters
    ----------
    measured : Measured
    limits : tuple of Limit
    before : mapping
        What the ladder remembers of each limit, by name.
    in_force : InForce
        Overrides and fast markets.
    """
    scopes: dict[ScopeKey, Scope] = {}
    held = []
    for limit in limits:
        key = scope_key(limit)
        if key not in scopes:
            scopes[key] = scope_of(measured, limit)
        held.append(_hold(measured, limit, scopes[key], in_force))
    steps, memory = _steps(held, before, measured.market.now_ns)
    return _standing(measured, held, steps, memory)


def _hold(measured: Measured, limit: Limit, scope: Scope, in_force: InForce) -> _Held:
    reading = read(measured, limit, scope)
    tightening = tightening_of(measured, limit, scope, in_force)
    override = in_force.override_of(limit.name, measured.market.now_ns)
    hard = (override.limit_hard if override else limit.limit_hard) * tightening.factor
    if reading.by_row is None:
        hard = hard.min(keepdims=True)  # where no row has a value of its own, none has a limit of its own
        used = np.array([abs(reading.value) + reading.unvalued]) / hard
    else:
        used = np.abs(reading.by_row[scope.rows]) / (hard[scope.rows] if hard.size > 1 else hard)
    return _Held(
        bound=Bound(limit=limit, scope=scope, reading=reading, hard=hard),
        tightening=tightening,
        override=override,
        used=used,
    )


def _steps(
    held: list[_Held], before: Mapping[str, Memory], now_ns: int
) -> tuple[list[Ints], dict[str, Memory]]:
    """The step of each limit, and of each row where rows have their own; limits of one number go together."""
    single = [number for number, one in enumerate(held) if not one.each]
    steps: list[Ints] = [np.zeros(0, dtype=np.int64)] * len(held)
    memory: dict[str, Memory] = {}
    if single:
        past = [_past(before, held[number].bound.limit) for number in single]
        joint = Memory(
            reached=np.concatenate([one.reached for one in past]),
            until_ns=np.concatenate([one.until_ns for one in past]),
        )
        limits = [held[number].bound.limit for number in single]
        found, now = respond(
            joint,
            np.concatenate([held[number].used for number in single]),
            np.array([thresholds_of(limit.soft_share, limit.critical_share) for limit in limits]),
            np.array([_cool_down_ns(limit) for limit in limits]),
            now_ns,
        )
        for at, number in enumerate(single):
            steps[number] = found[at : at + 1]
            memory[limits[at].name] = Memory(
                reached=now.reached[at : at + 1], until_ns=now.until_ns[at : at + 1]
            )
    for number, one in enumerate(held):
        if one.each:
            limit = one.bound.limit
            steps[number], memory[limit.name] = respond_by_row(
                before.get(limit.name, no_memory(1)),
                one.bound.scope.rows,
                one.used,
                thresholds_of(limit.soft_share, limit.critical_share),
                _cool_down_ns(limit),
                now_ns,
            )
    return steps, memory


def _past(before: Mapping[str, Memory], limit: Limit) -> Memory:
    """What is remembered of a limit of one number; where each row had a step of its own, the worst of all."""
    past = before.get(limit.name)
    if past is None or not past.reached.size:
        return no_memory(1)
    return Memory(reached=past.reached.max(keepdims=True), until_ns=past.until_ns.max(axis=0, keepdims=True))


def _cool_down_ns(limit: Limit) -> int:
    return round(limit.cool_down_s * 1e9)


def _standing(
    measured: Measured, held: list[_Held], steps: list[Ints], memory: dict[str, Memory]
) -> Standing:
    n = measured.exposure.quantity.size
    shape = (len(held), n)
    buy, sell, used = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    step, unknown = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.bool_)
    buy_room, sell_room = np.full(n, np.inf), np.full(n, np.inf)
    standings = []
    for number, one in enumerate(held):
        bound, reading = one.bound, one.bound.reading
        standing = _limit_standing(measured, one, steps[number], memory[bound.limit.name])
        standings.append(standing)
        rows: Rows = bound.scope.rows if bound.scope.rows.size < n else slice(None)
        used[number, rows] = np.where(np.isnan(one.used), np.inf, one.used)
        if standing.step > Step.NORMAL:
            step[number, rows] = steps[number]
        if standing.reason or reading.both_sides:
            unknown[number, rows] = True
        hard = bound.hard[rows] if bound.hard.size > 1 else bound.hard
        held_now = measured.exposure.quantity[rows]
        each, dark = _each_contract(reading, rows)
        buy[number, rows], sell[number, rows] = _slopes(reading, each, rows, held_now, hard)
        if reading.linear and np.isfinite(reading.value):
            rooms = _rooms(reading, each, rows, held_now, hard)
            buy_room[rows] = np.minimum(buy_room[rows], rooms[0])
            sell_room[rows] = np.minimum(sell_room[rows], rooms[1])
        if dark is not None:
            unknown[number, rows] |= dark
            buy_room[rows], sell_room[rows] = (
                np.where(dark, 0.0, room[rows]) for room in (buy_room, sell_room)
            )
    limits = tuple(standings)
    return Standing(
        limits=limits,
        buy_slope=buy,
        sell_slope=sell,
        utilisation=used,
        step=step,
        unknown=unknown,
        buy_room=buy_room,
        sell_room=sell_room,
        responses=responses_of(
            measured.market,
            tuple(one.limit.name for one in limits),
            [number for number, one in enumerate(limits) if one.step > Step.NORMAL],
            step,
            buy,
            sell,
            unknown,
        ),
        bounds=tuple(one.bound for one in held),
        memory=memory,
    )


def _limit_standing(measured: Measured, one: _Held, steps: Ints, memory: Memory) -> LimitStanding:
    reading, scope = one.bound.reading, one.bound.scope
    value, where, hard = reading.value, reading.where, one.bound.hard
    worst = int(np.argmax(one.used)) if one.used.size else 0
    if hard.size > 1 and reading.by_row is not None and one.used.size:
        row = int(scope.rows[worst])
        value, hard = float(reading.by_row[row]), hard[row : row + 1]
        where = measured.market.table.instruments[row].symbol if value else ""
    utilisation = float(one.used[worst]) if one.used.size else 0.0
    step = Step(int(steps.max(initial=0)))
    reached = int(memory.reached.max(initial=0))
    return LimitStanding(
        limit=one.bound.limit,
        value=value,
        unvalued=reading.unvalued,
        limit_hard=float(hard[0]),
        utilisation=utilisation,
        step=step,
        where=where,
        reason=_reason(one.bound, utilisation, reached),
        underlyings=scope.names,
        tightened=one.tightening.reasons if one.tightening.factor is not NOT_TIGHTER else (),
        override=one.override,
        cool_down_until_ns=_cooling_until(memory, reached, step, measured.market.now_ns),
    )


def _cooling_until(memory: Memory, reached: int, step: Step, now_ns: int) -> int:
    """When a step ends that only a cool-down holds; 0 where utilisation reaches it."""
    if reached >= step:
        return 0
    return int(memory.until_ns[memory.until_ns > now_ns].max(initial=0))


def _reason(bound: Bound, utilisation: float, reached: int) -> str:
    reading = bound.reading
    if not np.isfinite(utilisation):
        return f"{reading.reason}, which counts as a breach" if reading.reason else UNCOMPUTED
    if not reading.blind:
        return ""
    alone = abs(reading.value) / bound.hard if reading.signed else np.zeros(1)
    thresholds = thresholds_of(bound.limit.soft_share, bound.limit.critical_share)
    return BLIND if reached > steps_of(alone, thresholds).max() else ""


def _each_contract(reading: Reading, rows: Rows) -> tuple[Floats, Bools | None]:
    """What a contract bought of each row adds, 0 where nobody knows, and where that is; None: nowhere."""
    one = reading.per_contract[rows]
    if not np.isnan(one.sum()):  # cheaper than to look at each
        return one, None
    dark = np.isnan(one)
    return np.where(dark, 0.0, one), dark


def _slopes(reading: Reading, each: Floats, rows: Rows, held: Ints, hard: Floats) -> tuple[Floats, Floats]:
    """Change of utilisation for one contract bought and sold; at zero of a signed measure both directions add."""
    if reading.levels is not None:
        return _level_slopes(reading.levels, rows, held, hard)
    one = each / hard
    if not reading.signed:
        return one, -one
    sign = np.sign(_net_of(reading, rows))
    away = np.abs(one)
    return np.where(sign == 0.0, away, sign * one), np.where(sign == 0.0, away, -sign * one)


def _net_of(reading: Reading, rows: Rows) -> Floats:
    """The signed sum that a contract of each row moves."""
    if reading.by_row is not None:
        return reading.by_row[rows]
    if reading.parts is not None and reading.part_of is not None:
        return np.asarray(reading.parts[reading.part_of[rows]])
    return np.array([reading.value])


def _level_slopes(levels: Levels, rows: Rows, held: Ints, hard: Floats) -> tuple[Floats, Floats]:
    """Of counts of opened contracts: a side opens its own level, or closes what the other side opened.

    Where a class has two, the fuller counts.
    """
    bought, sold = levels.bought[rows], levels.sold[rows]
    padded = np.append(levels.level, -np.inf)
    decisive = np.maximum(padded[bought], padded[sold])
    buys = ((bought >= 0) & (padded[bought] == decisive)) / hard
    sells = ((sold >= 0) & (padded[sold] == decisive)) / hard
    return np.where(held < 0, -sells, buys), np.where(held > 0, -buys, sells)


def _rooms(reading: Reading, one: Floats, rows: Rows, held: Ints, hard: Floats) -> tuple[Floats, Floats]:
    """Contracts until the limit when bought and when sold; inf where a side does not lead there."""
    if reading.levels is not None:
        padded = np.append(reading.levels.level, -np.inf)
        left = np.maximum(hard - padded[reading.levels.bought[rows]], 0.0)
        right = np.maximum(hard - padded[reading.levels.sold[rows]], 0.0)
        return np.maximum(-held, 0) + left, np.maximum(held, 0) + right
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if reading.signed:
            net = _net_of(reading, rows)
            total = np.abs(net) if reading.by_row is not None else abs(reading.value)
            left = hard - reading.unvalued - total + np.abs(net)
            buy = (left - np.sign(one) * net) / np.abs(one)
            sell = (left + np.sign(one) * net) / np.abs(one)
        else:
            buy = np.where(one > 0.0, (hard - reading.unvalued - reading.value) / one, np.inf)
            sell = np.where(one < 0.0, (hard - reading.unvalued - reading.value) / -one, np.inf)
    moved = np.isfinite(one) & (one != 0.0)
    return np.where(moved, np.maximum(buy, 0.0), np.inf), np.where(moved, np.maximum(sell, 0.0), np.inf)
