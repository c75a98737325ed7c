"""What the limits room remembers: the limits themselves, what the ladder saw of each, overrides, and fast markets; the fills and
orders of the last minute, and the P&L of the day.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from flatbook.limits.activity import Traffic, forget_old
from flatbook.limits.drawdown import Day
from flatbook.limits.ladder import Memory
from flatbook.limits.overrides import InForce, Override
from flatbook.model.errors import FlatbookError
from flatbook.model.events import FastMarketSet, LimitOverridden, LimitsSet
from flatbook.model.parameters import Limit


@dataclass(slots=True)
class LimitsState:
    """Limits in force, and the memory of the ladder, by name."""

    limits: tuple[Limit, ...] = ()
    memory: Mapping[str, Memory] = field(default_factory=dict)
    overrides: dict[str, Override] = field(default_factory=dict)
    fast_market: dict[str, str] = field(default_factory=dict)  # by underlying, empty for all: why
    traffic: Traffic = field(default_factory=Traffic)
    day: Day | None = None  # as the last cycle saw it


def set_limits(state: LimitsState, event: LimitsSet) -> None:
    """Replace all limits and end all overrides; a limit that keeps its name keeps its step until the next check."""
    state.limits = event.limits
    names = {limit.name for limit in event.limits}
    state.memory = {name: one for name, one in state.memory.items() if name in names}
    state.overrides = {}


def override_limit(state: LimitsState, event: LimitOverridden) -> None:
    """Put another hard limit in place of one until an instant.

    Raises
    ------
    FlatbookError
        There is no such limit.
    """
    if all(limit.name != event.limit for limit in state.limits):
        names = ", ".join(limit.name for limit in state.limits) or "none at all"
        msg = f"override of {event.limit!r}: there is no such limit; name one of: {names}"
        raise FlatbookError(msg)
    state.overrides[event.limit] = Override(
        limit_hard=event.limit_hard, owner=event.owner, reason=event.reason, until_ns=event.until_ns
    )


def set_fast_market(state: LimitsState, event: FastMarketSet) -> None:
    """Remember that a market is fast, or that it is no more."""
    state.fast_market.pop(event.underlying, None)
    if event.on:
        state.fast_market[event.underlying] = event.reason


def as_read(state: LimitsState) -> LimitsState:
    """What checks read of the limits now, whatever is set later: no traffic and no day."""
    return LimitsState(
        limits=state.limits,
        memory=dict(state.memory),
        overrides=dict(state.overrides),
        fast_market=dict(state.fast_market),
    )


def in_force(state: LimitsState, fast_market: Mapping[str, str] = MappingProxyType({})) -> InForce:
    """What holds beside the limits, for one cycle; `fast_market` are those that nobody had to call fast, by underlying, and why."""
    return InForce(
        overrides=MappingProxyType(dict(state.overrides)),
        fast_market=MappingProxyType({**fast_market, **state.fast_market}),
    )


def remember(state: LimitsState, memory: Mapping[str, Memory], day: Day, now_ns: int) -> None:
    """Keep what a cycle at `now_ns` saw: the ladder for hysteresis and cool-down, the day for its peak."""
    state.memory = memory
    state.day = day
    forget_old(state.traffic, now_ns)
