"""What a person should look at now: each alert stands as long as its cause does, and an acknowledgement as long as the alert."""

from collections.abc import Iterator
from dataclasses import replace
from math import isfinite

from flatbook.engine.cycle import Cycle
from flatbook.hedging.approval import Waiting
from flatbook.limits.ladder import Step
from flatbook.live.shown import ShownCore
from flatbook.live.snapshot import Alert, Severity
from flatbook.live.story_of_hedges import asked_of
from flatbook.model.errors import FlatbookError
from flatbook.model.facts import Fact
from flatbook.model.order_events import OrderNews, OrdersAnswered

_RANK = {Severity.RED: 0, Severity.AMBER: 1, Severity.NOTICE: 2, Severity.INFO: 3}
_CLOCK_OFF_NS = 1_000_000_000
_Cause = tuple[str, Severity, str, str]  # id, severity, text, scope


class Alerts:
    """Those that stand."""

    def __init__(self) -> None:
        self._of_cycle: dict[str, Alert] = {}
        self._of_core: dict[str, Alert] = {}
        self.rejects = 0  # orders that a venue rejected, so far

    @property
    def standing(self) -> tuple[Alert, ...]:
        """The worst first, then the newest."""
        found = (*self._of_cycle.values(), *self._of_core.values())
        return tuple(sorted(found, key=lambda one: (_RANK[one.severity], -one.at_ns, one.id)))

    def see(self, facts: tuple[Fact, ...], cycle: Cycle | None, now_ns: int) -> None:
        """Take over what one round came to."""
        for fact in facts:
            if isinstance(fact, OrdersAnswered):
                self.rejects += sum(news is OrderNews.REJECTED for news in fact.news)
        if cycle is not None:
            self._of_cycle = _kept(self._of_cycle, _causes_of_cycle(cycle), now_ns)

    def venue(self, core: ShownCore, now_ns: int) -> None:
        """Look at the session, the clock and what was refused."""
        self._of_core = _kept(self._of_core, _causes_of_core(core), now_ns)

    def acknowledge(self, alert_id: str, who: str) -> None:
        """Somebody has seen it; raises FlatbookError where no such alert stands."""
        for held in (self._of_cycle, self._of_core):
            if alert_id in held:
                held[alert_id] = replace(held[alert_id], acknowledged_by=who)
                return
        msg = f"alert {alert_id!r}: it does not stand any more"
        raise FlatbookError(msg)


def _kept(before: dict[str, Alert], causes: Iterator[_Cause], now_ns: int) -> dict[str, Alert]:
    """Alerts of the causes there are now; one that stood keeps its time, and its acknowledgement unless it got worse."""
    out: dict[str, Alert] = {}
    for name, severity, text, scope in causes:
        old = before.get(name)
        if old is not None and _RANK[old.severity] <= _RANK[severity]:
            out[name] = replace(old, severity=severity, text=text)
        else:
            out[name] = Alert(id=name, at_ns=now_ns, severity=severity, text=text, scope=scope)
    return out


def _causes_of_cycle(cycle: Cycle) -> Iterator[_Cause]:
    for one in cycle.standing.limits:
        if one.step >= Step.ALERT or not isfinite(one.utilisation):
            used = f"{one.utilisation:.0%}" if isfinite(one.utilisation) else "unknown"
            severity = Severity.RED if one.step >= Step.HARD else Severity.AMBER
            why = f": {one.reason}" if one.reason else ""
            text = f"{one.limit.name} at {used} of its limit{f', {one.where}' if one.where else ''}{why}"
            yield f"limit/{one.limit.name}", severity, text, one.limit.name
    for waiting in cycle.waiting:
        if waiting.held_back:
            severity = Severity.AMBER if waiting.state is Waiting.WAITS else Severity.NOTICE
            yield f"hedge/{waiting.id}", severity, asked_of(waiting), waiting.underlying
    for held in cycle.conditions.held_back:
        why = held.text or held.reason
        text = f"{held.name or 'everything'}: {held.kind.name.lower().replace('_', ' ')}, {why}"
        yield f"held/{held.kind.name}/{held.name}", Severity.AMBER, text, held.name
    for scope in cycle.conditions.frozen_scopes:
        yield f"protection/{scope}", Severity.AMBER, f"protection {scope} has tripped: quotes frozen", scope
    outgoing = cycle.outgoing
    if outgoing is not None:
        for kill in outgoing.kills:
            name = f"{kill.scope.value} {kill.name}".strip()
            text = f"{name} {kill.text} by {kill.kill.owner}: {kill.kill.reason}"
            yield f"kill/{kill.scope.value}/{kill.name}", Severity.RED, text, kill.name
        if outgoing.strange:
            ids = ", ".join(map(str, outgoing.strange[:5]))
            text = f"the venue speaks of orders that nobody knows, or that filled beyond what was sent: {ids}"
            yield "orders/strange", Severity.RED, text, ""
    for number, slice_reason in enumerate(cycle.market.slice_reason):
        if slice_reason:
            key = cycle.table.slices[number]
            yield (
                f"expiry/{number}",
                Severity.NOTICE,
                f"an expiry of {key.option_class} has no value: {slice_reason}",
                key.option_class,
            )


def _causes_of_core(core: ShownCore) -> Iterator[_Cause]:
    name = core.venue
    standing = core.venue_standing
    if standing is not None and not standing.up:
        text = f"session with {name} is down: {standing.reason or 'it was not there yet'}"
        yield f"session/{name}", Severity.RED, text, name
    elif standing is not None and not standing.reconciled:
        severity = Severity.RED if standing.differences or standing.unexplained else Severity.AMBER
        yield f"reconcile/{name}", severity, f"{name}: {standing.text}", name
    if abs(core.clock.wall_offset_ns) > _CLOCK_OFF_NS:
        off_s = core.clock.wall_offset_ns / 1e9
        text = (
            f"the machine's clock is {off_s:+,.1f} s off ours: it jumped; restart the desk once it is right"
        )
        yield "clock", Severity.RED, text, ""
    if core.refused:
        yield "refused", Severity.AMBER, f"a fact was left out: {core.refused[-1]}", ""
