"""Kill switches by desk, venue, underlying and class: latched, and released only by somebody with a reason.

Killed is not flat: until each order of the scope is proven dead the kill is pending, and what is left counts. A limit whose
utilisation is beyond the kill share of its hard limit stops its own scope. An unknown utilisation does not: it is a breach, under which nothing
goes anyway, and the desk is not stopped by every gap of a feed.
"""

from dataclasses import dataclass, field

import numpy as np

from flatbook.limits.check import LimitStanding, Standing
from flatbook.model.order_events import KillScope, KillSet
from flatbook.model.order_terms import OrderTerms
from flatbook.model.table import Bools, InstrumentTable, Ints
from flatbook.orders.state import WorkingOrders
from flatbook.quoting.conditions import Withheld

BY_LIMIT = "kill limit"  # owner of a kill that a limit set off
NOT_STOPPED = -1
_Scope = tuple[KillScope, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """Who stopped a scope, and why."""

    owner: str
    reason: str
    since_ns: int


@dataclass(slots=True, kw_only=True)
class Kills:
    """Kill switches that are on; the first reason stays until release."""

    on: dict[_Scope, Kill] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stopped:
    """What kill switches stop, and what is held back beside them."""

    since_ns: Ints  # [n_rows] when the last kill of desk, underlying or class began; NOT_STOPPED where there is none
    venues: Bools  # [n_venues]
    withheld: Ints = field(
        default_factory=lambda: np.empty(0, dtype=np.int64)
    )  # [n_rows] Withheld; empty: none

    def __post_init__(self) -> None:
        """Nothing is held back where nobody says so."""
        if self.withheld.size != self.since_ns.size:
            object.__setattr__(self, "withheld", np.zeros(self.since_ns.size, dtype=np.int64))

    @property
    def halted(self) -> Bools:
        """bool[n_rows]: nothing leaves but cancels."""
        return np.asarray(self.withheld >= Withheld.HALTED)

    @property
    def rows(self) -> Bools:
        """bool[n_rows]."""
        return np.asarray(self.since_ns != NOT_STOPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class KillStanding:
    """One kill switch that is on, and what it has not yet reached."""

    scope: KillScope
    name: str
    kill: Kill
    n_live: int
    known: bool = True  # False: nothing has the name, so that it stops nothing

    @property
    def text(self) -> str:
        """As shown to people."""
        if not self.known:
            return "UNKNOWN SCOPE (stops nothing)"
        return f"KILL_PENDING({self.n_live} live)" if self.n_live else "KILLED"


def set_kill(kills: Kills, event: KillSet) -> None:
    """Turn a kill switch on, or release it; a second kill of a scope changes nothing."""
    key = (event.scope, event.name)
    if event.on:
        kills.on.setdefault(key, Kill(owner=event.owner, reason=event.reason, since_ns=event.received_ns))
    else:
        kills.on.pop(key, None)


def latch_kill_limits(kills: Kills, standing: Standing, terms: OrderTerms, now_ns: int) -> None:
    """Stop the scope of every limit that is used beyond the kill share."""
    for one in standing.limits:
        if one.limit.measure.value in terms.kill_measures and one.utilisation > terms.kill_share:
            if not np.isfinite(one.utilisation):
                continue
            reason = f"{one.limit.name} at {one.utilisation:.0%} of its hard limit, kill limit {terms.kill_share:.0%}"
            for key in _scopes(one):
                kills.on.setdefault(key, Kill(owner=BY_LIMIT, reason=reason, since_ns=now_ns))


def stopped_by(
    kills: Kills, table: InstrumentTable, venues: tuple[str, ...], withheld: Ints | None = None
) -> Stopped:
    """What the kill switches stop of a table and of venues, beside what is held back anyway (int64[n_rows], Withheld)."""
    since = np.full(len(table.instruments), NOT_STOPPED, dtype=np.int64)
    for (scope, name), kill in kills.on.items():
        within = _inside(scope, name, table)
        since[within] = np.maximum(since[within], kill.since_ns)
    return Stopped(
        since_ns=since,
        venues=np.array([(KillScope.VENUE, name) in kills.on for name in venues], dtype=np.bool_),
        withheld=np.zeros(since.size, dtype=np.int64) if withheld is None else withheld,
    )


def kill_standings(
    kills: Kills, orders: WorkingOrders, table: InstrumentTable, venues: tuple[str, ...]
) -> tuple[KillStanding, ...]:
    """Each kill switch that is on, with the orders of its scope that are not proven dead.

    One whose name nothing has stops nothing and says so: a person must look. It stops what is listed under that name later.
    """
    alive = orders.alive
    rows, at = orders.row[alive], orders.venue[alive]
    out = []
    for (scope, name), kill in kills.on.items():
        if scope is KillScope.VENUE:
            known = name in venues
            within = at == (venues.index(name) if known else -1)
        else:
            known = _is_known(scope, name, table)
            within = _inside(scope, name, table)[rows]
        n_live = int(within.sum())
        out.append(KillStanding(scope=scope, name=name, kill=kill, n_live=n_live, known=known))
    return tuple(out)


def _is_known(scope: KillScope, name: str, table: InstrumentTable) -> bool:
    if scope is KillScope.UNDERLYING:
        return name in table.underlyings
    return scope is KillScope.DESK or name in table.classes


def _inside(scope: KillScope, name: str, table: InstrumentTable) -> Bools:
    n = len(table.instruments)
    if scope is KillScope.DESK:
        return np.ones(n, dtype=np.bool_)
    if scope is KillScope.UNDERLYING and name in table.underlyings:
        return np.asarray(table.underlying_of == table.underlyings.index(name))
    if scope is KillScope.CLASS and name in table.classes:
        return np.asarray(table.class_of == table.classes.index(name))
    return np.zeros(n, dtype=np.bool_)


def _scopes(one: LimitStanding) -> list[_Scope]:
    if one.limit.option_class:
        return [(KillScope.CLASS, one.limit.option_class)]
    if one.limit.underlying or one.limit.group or one.limit.series:
        return [(KillScope.UNDERLYING, name) for name in one.underlyings]
    return [(KillScope.DESK, "")]
