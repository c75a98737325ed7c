"""Hold the book against its limits: utilisation, step, and what one more contract of each series would do to it.

Utilisation is |exposure| plus the worst case of what could not be valued, over `limit_hard`. Any NaN is a breach.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.limits.ladder import Step, step_of, steps_of
from flatbook.limits.readings import Measured, Reading, read, scope
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.model.table import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitStanding:
    """One limit: what it bounds, how much of it is used, and what follows."""

    limit: Limit
    value: float  # signed where the measure has a sign
    unvalued: float  # worst case of series without a value, added to the magnitude
    utilisation: float
    step: Step
    where: str  # the series, expiry or move that decides, where there is one
    reason: str = ""  # why the value is NaN, or why its direction is unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All limits, and what one more contract of each row would do to them. Arrays are [n_limits, n_rows]."""

    limits: tuple[LimitStanding, ...]
    buy_slope: Floats  # change of utilisation for one contract bought; 0 outside the limit's scope
    sell_slope: Floats  # the same for one contract sold
    utilisation: Floats  # the limit's; for series limits each row's own; inf where unknown
    step: Ints
    unknown: Bools  # in scope of a limit without a direction, or of unknown value: both sides add
    buy_room: Floats  # [n_rows] contracts that can be bought before any limit is reached
    sell_room: Floats

    @property
    def worst(self) -> Step:
        """The highest step of all."""
        return max((standing.step for standing in self.limits), default=Step.NORMAL)

    def worst_of(self, underlying: str, measures: frozenset[LimitMeasure]) -> Step:
        """The highest step among limits of these measures that bound `underlying` or the desk."""
        steps = (
            standing.step
            for standing in self.limits
            if standing.limit.measure in measures and standing.limit.underlying in ("", underlying)
        )
        return max(steps, default=Step.NORMAL)


def check(measured: Measured, limits: tuple[Limit, ...], before: dict[str, Step]) -> Standing:
    """Hold the measured book against `limits`.

    Parameters
    ----------
    measured : Measured
    limits : tuple of Limit
    before : dict
        The step each limit stood on, by name.
    """
    n = measured.exposure.quantity.size
    shape = (len(limits), n)
    standings = []
    buy, sell, used = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    steps, unknown = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.bool_)
    buy_room, sell_room = np.full(n, np.inf), np.full(n, np.inf)
    for number, limit in enumerate(limits):
        reading = read(measured, limit)
        standing = _standing(limit, reading, before.get(limit.name, Step.NORMAL))
        standings.append(standing)
        inside = scope(measured.market.table, limit)
        by_row = None if reading.by_row is None else np.abs(reading.by_row) / limit.limit_hard
        used[number] = np.where(inside, standing.utilisation if by_row is None else by_row, 0.0)
        steps[number] = np.where(inside, standing.step if by_row is None else steps_of(by_row), 0)
        unknown[number] = inside & (bool(standing.reason) or reading.both_sides)
        buy[number], sell[number] = _slopes(reading, limit.limit_hard)
        rooms = _rooms(reading, limit.limit_hard)
        buy_room, sell_room = np.minimum(buy_room, rooms[0]), np.minimum(sell_room, rooms[1])
    return Standing(
        limits=tuple(standings),
        buy_slope=buy,
        sell_slope=sell,
        utilisation=np.where(np.isnan(used), np.inf, used),
        step=steps,
        unknown=unknown,
        buy_room=buy_room,
        sell_room=sell_room,
    )


def _standing(limit: Limit, reading: Reading, before: Step) -> LimitStanding:
    utilisation = (abs(reading.value) + reading.unvalued) / limit.limit_hard
    step = step_of(float(utilisation), before)
    reason = ""
    if not np.isfinite(utilisation):
        reason = "the measure could not be computed, which counts as a breach"
    elif reading.blind and step > (
        step_of(abs(reading.value) / limit.limit_hard) if reading.signed else Step.NORMAL
    ):
        reason = "held series without a value decide it, in a direction nobody knows"
    return LimitStanding(
        limit=limit,
        value=reading.value,
        unvalued=reading.unvalued,
        utilisation=float(utilisation),
        step=step,
        where=reading.where,
        reason=reason,
    )


def _slopes(reading: Reading, hard: float) -> tuple[Floats, Floats]:
    """Change of utilisation for one contract bought and sold; at zero of a signed measure both directions add."""
    one = reading.per_contract / hard
    if not reading.signed:
        return one, -one
    sign = np.sign(reading.value if reading.by_row is None else reading.by_row)
    away = np.abs(one)
    return np.where(sign == 0.0, away, sign * one), np.where(sign == 0.0, away, -sign * one)


def _rooms(reading: Reading, hard: float) -> tuple[Floats, Floats]:
    """Contracts until the limit when bought and when sold, [n_rows]; inf where a side does not lead there."""
    one = reading.per_contract
    if not reading.linear or not np.isfinite(reading.value):
        endless = np.full(one.size, np.inf)
        return endless, endless
    left = hard - reading.unvalued
    value = reading.value if reading.by_row is None else reading.by_row
    with np.errstate(divide="ignore", invalid="ignore"):
        if reading.signed:
            buy, sell = (
                (left - np.sign(one) * value) / np.abs(one),
                (left + np.sign(one) * value) / np.abs(one),
            )
        else:
            buy, sell = (
                np.where(one > 0.0, (left - value) / one, np.inf),
                np.where(one < 0.0, (left - value) / -one, np.inf),
            )
    moved = one != 0.0
    return np.where(moved, np.maximum(buy, 0.0), np.inf), np.where(moved, np.maximum(sell, 0.0), np.inf)
