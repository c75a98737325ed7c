"""The Limits page: every limit under the underlying or group that it bounds, worst first; what each asks for, and what stands in its place.

Utilisation is a decimal: 1 is the limit. One that could not be computed is a breach and leads, with the reason.
"""

import math
from collections.abc import Iterable

import numpy as np

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.frames import Column, Frame, column, number
from flatbook.dashboard.views.desk import (
    LimitRow,
    StoryRow,
    limit_row,
    minute_ago,
    severity,
    story_row,
    thinned,
)
from flatbook.dashboard.views.head import Row
from flatbook.engine.cycle import Cycle
from flatbook.limits.check import LimitStanding
from flatbook.limits.ladder import ACTIONS, Step, thresholds_of
from flatbook.live.snapshot import Snapshot, StoryKind
from flatbook.model.parameters import Limit

LINES = 12
_TOLD = frozenset({StoryKind.LIMIT, StoryKind.OPERATOR, StoryKind.KILL})
_NS_PER_S = 1e9


class OverrideRow(Row):
    """Another hard limit that stands in place of one for a time."""

    limit: str
    unit: str
    limit_hard_set: float  # that it stands in place of
    limit_hard: float
    owner: str
    reason: str
    until_ns: str
    left_s: float


class LimitLine(LimitRow):
    """One limit, with all that is known of it."""

    within: str  # class, bucket and series below the node; empty: it bounds all of it
    owner: str
    limit_hard_set: float  # as it was set, without tightening and override
    limit_hard_shown: float  # what a person may change: as it was set, or what stands in its place
    room: float | None  # to the limit, in its unit; minus: it is exceeded
    steps: tuple[float, float, float, float]  # utilisation from which NOTIFY, ALERT, ESCALATE and HARD begin
    underlyings: tuple[str, ...]
    cool_down_until_ns: str  # empty: the step is not held by a cool-down


class Node(Row):
    """The desk, a group or an underlying, with the limits that bound it."""

    name: str
    kind: str  # desk, group, underlying
    utilisation: float | None  # of the worst
    step: str
    limits: tuple[LimitLine, ...]  # worst first


class ResponseLine(Row):
    """What the ladder asks of one side of one option class."""

    option_class: str
    side: str  # bid, ask: ours
    step: str
    action: str
    limit: str  # that decides; empty at NORMAL
    series: int  # at this step
    live: int


class Rung(Row):
    """A step of the ladder."""

    step: str
    action: str


class FastRow(Row):
    """A market that is fast, where limits are tighter."""

    underlying: str  # empty: all
    reason: str


class Limits(Row):
    """The page."""

    nodes: tuple[Node, ...]  # the one with the worst limit first
    responses: tuple[ResponseLine, ...]
    overrides: tuple[OverrideRow, ...]  # the first to end first
    ladder: tuple[Rung, ...]
    fast: tuple[FastRow, ...]
    story: tuple[StoryRow, ...]  # of limits, kills and operators, newest first
    chosen: str  # whose history the columns of the stream are; empty: there is no limit


def limits(snapshot: Snapshot, chosen: str = "") -> Limits:
    """The page of a snapshot; `chosen` is the limit whose history goes with it, the worst where it is empty.

    Raises
    ------
    UnknownTopicError
        There is no such limit.
    """
    cycle = snapshot.cycle
    ordered = sorted(cycle.standing.limits, key=lambda each: (-severity(each), each.limit.name))
    names = [each.limit.name for each in ordered]
    if chosen and chosen not in names:
        msg = f"no limit {chosen!r}; there are {', '.join(names[:20]) or 'none'}"
        raise UnknownTopicError(msg)
    return Limits(
        nodes=_nodes(ordered, minute_ago(snapshot.history, snapshot.at_ns)),
        responses=_responses(cycle),
        overrides=tuple(sorted(_overrides(cycle), key=lambda each: (int(each.until_ns), each.limit))),
        ladder=tuple(Rung(step=each.name, action=ACTIONS[each]) for each in Step),
        fast=_fast(cycle),
        story=_story(snapshot),
        chosen=chosen or next(iter(names), ""),
    )


def limits_frame(snapshot: Snapshot, chosen: str) -> Frame:
    """The page with the utilisation of one limit over the last half hour."""
    page = limits(snapshot, chosen)
    return Frame(
        kind="limits",
        topic=f"limits:{chosen}" if chosen else "limits",
        number=snapshot.number,
        cycle=snapshot.cycle.sequence,
        at_ns=snapshot.at_ns,
        data=page.model_dump(),
        columns=_history(snapshot, page.chosen),
    )


def _history(snapshot: Snapshot, name: str) -> tuple[Column, ...]:
    """Time in seconds, and utilisation: NaN where it was not computed, or the limit not there yet."""
    history = snapshot.history
    kept = thinned(history.at_ns)
    used = (
        history.utilisation[history.limit_names.index(name), kept]
        if name in history.limit_names
        else np.full(kept.size, math.nan)
    )
    return column("at_s", history.at_ns[kept] / _NS_PER_S, "f8"), column("used", used, "f4")


def _nodes(ordered: list[LimitStanding], ago: dict[str, float]) -> tuple[Node, ...]:
    """By scope, in the order in which the worst limit of each comes."""
    found: dict[tuple[str, str], list[LimitStanding]] = {}
    for each in ordered:
        found.setdefault(_whose(each.limit), []).append(each)
    return tuple(
        Node(
            name=name,
            kind=kind,
            utilisation=number(each[0].utilisation),
            step=max(one.step for one in each).name,
            limits=tuple(_line(one, ago) for one in each),
        )
        for (kind, name), each in found.items()
    )


def _whose(limit: Limit) -> tuple[str, str]:
    if limit.group:
        return "group", limit.group
    return ("underlying", limit.underlying) if limit.underlying else ("desk", "desk")


def _line(standing: LimitStanding, ago: dict[str, float]) -> LimitLine:
    limit, override = standing.limit, standing.override
    used = abs(standing.value) + standing.unvalued
    return LimitLine(
        **limit_row(standing, ago).model_dump(),
        within=" ".join(filter(None, (limit.option_class, limit.bucket, limit.series))),
        owner=limit.owner,
        limit_hard_set=limit.limit_hard,
        limit_hard_shown=override.limit_hard if override else limit.limit_hard,
        room=number(standing.limit_hard - used),
        steps=_steps(limit),
        underlyings=standing.underlyings,
        cool_down_until_ns=str(standing.cool_down_until_ns) if standing.cool_down_until_ns else "",
    )


def _steps(limit: Limit) -> tuple[float, float, float, float]:
    notify, alert, escalate, hard = thresholds_of(limit.soft_share, limit.critical_share).tolist()
    return notify, alert, escalate, hard


def _responses(cycle: Cycle) -> tuple[ResponseLine, ...]:
    return tuple(
        ResponseLine(
            option_class=each.option_class,
            side="bid" if each.side > 0 else "ask",
            step=each.step.name,
            action=each.action,
            limit=each.limit,
            series=each.series,
            live=each.live,
        )
        for each in cycle.standing.responses
    )


def _overrides(cycle: Cycle) -> Iterable[OverrideRow]:
    for standing in cycle.standing.limits:
        one = standing.override
        if one is not None:
            yield OverrideRow(
                limit=standing.limit.name,
                unit=limit_row(standing, {}).unit,
                limit_hard_set=standing.limit.limit_hard,
                limit_hard=one.limit_hard,
                owner=one.owner,
                reason=one.reason,
                until_ns=str(one.until_ns),
                left_s=(one.until_ns - cycle.now_ns) / _NS_PER_S,
            )


def _fast(cycle: Cycle) -> tuple[FastRow, ...]:
    told = {**cycle.basis.fast_market, **cycle.limits.fast_market}
    return tuple(FastRow(underlying=name, reason=why) for name, why in sorted(told.items()))


def _story(snapshot: Snapshot) -> tuple[StoryRow, ...]:
    return tuple(story_row(each) for each in snapshot.story if each.kind in _TOLD)[:LINES]
