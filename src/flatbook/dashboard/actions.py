"""What an operator may do, as the fact it becomes: bodies of requests in, facts of the core out. Nothing is sent here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from msgspec.structs import replace as with_terms
from pydantic import Field

from flatbook.dashboard.security.bodies import Line, LineOrNone, StrictBody, Why
from flatbook.engine.cycle import Cycle
from flatbook.hedging.approval import Waiting, WaitingHedge
from flatbook.hedging.propose import Hedge
from flatbook.limits.check import LimitStanding
from flatbook.live.operator import Change, OperatorFact, Preview
from flatbook.live.snapshot import Snapshot
from flatbook.live.story_of_hedges import trade_of
from flatbook.model.errors import FlatbookError
from flatbook.model.events import LimitOverridden, LimitsSet
from flatbook.model.order_events import KillScope, KillSet
from flatbook.model.quoting_events import ProtectionReset

_MINUTE_NS = 60_000_000_000
_NOW_NS = 0  # the desk's clock sets it
LIMIT_MAX = 1e15
LimitHard = Annotated[
    float, Field(gt=0.0, le=LIMIT_MAX, description="In the unit that ends the limit's name.")
]
ShownUsd = Annotated[float, Field(gt=0.0, le=LIMIT_MAX, description="USD of delta, by amount.")]


class ActionError(FlatbookError):
    """An action on something that is not there, or no longer as it was shown."""


class StopBody(StrictBody):
    """A scope in which trading stops or goes on."""

    scope: Literal["desk", "venue", "underlying", "class"]
    name: LineOrNone = ""  # empty for the desk
    why: Why


class PullBody(StrictBody):
    """A class whose quotes go away."""

    option_class: Line
    why: Why


class LimitBody(StrictBody):
    """Another hard limit for good."""

    limit: Line
    limit_hard: LimitHard
    shown: LimitHard | None = None  # what the person saw; where it is no longer so, nothing is changed
    why: Why


class OverrideBody(LimitBody):
    """Another hard limit for a time."""

    minutes: Annotated[int, Field(ge=1, le=1_440)]


class OverrideEndBody(StrictBody):
    """An override that ends now."""

    limit: Line
    why: Why


class ResetBody(StrictBody):
    """A protection that is armed again."""

    scope: Line  # as venue/rule/key
    why: Why


class HedgeBody(StrictBody):
    """A hedge that waits for a person."""

    hedge_id: Line  # as SPX:buy
    approve: bool
    shown_usd: ShownUsd | None = None  # delta that it traded when it was seen
    why: Why


class AlertBody(StrictBody):
    """An alert that a person has seen."""

    alert_id: Line
    why: Why


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person wants."""

    action: str
    target: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent(Wish):
    """What becomes a fact: it is made when the thing is done, from what holds then."""

    make: Callable[
        [Snapshot | None, str], OperatorFact
    ]  # from the newest snapshot and the name of the person
    loosens: Callable[
        [Snapshot | None], float
    ]  # by how many percent; 0: it does not; inf: it lets trading go on


def stop(body: StopBody, action: str, on: bool) -> Intent:
    """Stop trading in a scope, or let it go on."""

    def make(snapshot: Snapshot | None, who: str) -> KillSet:
        if on and snapshot is not None:
            _demand_known(body, snapshot.cycle)
        return KillSet(
            received_ns=_NOW_NS,
            scope=KillScope(body.scope),
            name=body.name,
            on=on,
            owner=who,
            reason=body.why,
        )

    target = f"{body.scope} {body.name}".strip()
    return Intent(
        action=action, target=target, why=body.why, make=make, loosens=lambda _: 0.0 if on else float("inf")
    )


def pull(body: PullBody) -> Intent:
    """Take the quotes of one class away."""
    return stop(StopBody(scope="class", name=body.option_class, why=body.why), "pull", on=True)


def override(body: OverrideBody) -> Intent:
    """Put another hard limit in place of one for a time."""

    def make(snapshot: Snapshot | None, who: str) -> LimitOverridden:
        now = _shown(snapshot)
        _demand_as_shown(_standing_of(now.cycle, body.limit), body.shown, body.limit)
        return LimitOverridden(
            received_ns=_NOW_NS,
            limit=body.limit,
            limit_hard=body.limit_hard,
            owner=who,
            reason=body.why,
            until_ns=now.at_ns + body.minutes * _MINUTE_NS,
        )

    target = f"{body.limit} to {_exact(body.limit_hard)} for {body.minutes} min"
    return Intent(
        action="limit override",
        target=target,
        why=body.why,
        make=make,
        loosens=lambda snapshot: _raised_pct(snapshot, body.limit, body.limit_hard),
    )


def end_override(body: OverrideEndBody) -> Intent:
    """End what stands in place of a limit."""

    def make(snapshot: Snapshot | None, who: str) -> LimitOverridden:
        now = _shown(snapshot)
        if _standing_of(now.cycle, body.limit).override is None:
            msg = f"limit {body.limit}: nothing overrides it"
            raise ActionError(msg)
        set_hard = _standing_of(now.cycle, body.limit).limit.limit_hard
        return LimitOverridden(
            received_ns=_NOW_NS, limit=body.limit, limit_hard=set_hard, owner=who, reason=body.why, until_ns=0
        )

    return Intent(
        action="limit override end",
        target=body.limit,
        why=body.why,
        make=make,
        loosens=lambda snapshot: _raised_pct(snapshot, body.limit, None),
    )


def change(body: LimitBody) -> Intent:
    """Set one limit anew; all overrides end with it."""

    def make(snapshot: Snapshot | None, who: str) -> LimitsSet:
        cycle = _shown(snapshot).cycle
        _demand_as_shown(_standing_of(cycle, body.limit), body.shown, body.limit)
        limits = tuple(
            with_terms(one, limit_hard=body.limit_hard) if one.name == body.limit else one
            for one in cycle.limits.limits
        )
        return LimitsSet(received_ns=_NOW_NS, limits=limits, by=who)

    return Intent(
        action="limit change",
        target=f"{body.limit} to {_exact(body.limit_hard)}",
        why=body.why,
        make=make,
        loosens=lambda snapshot: max(
            _raised_pct(snapshot, body.limit, body.limit_hard), _raised_by_ending(snapshot, body.limit)
        ),
    )


def reset(body: ResetBody) -> Intent:
    """Arm a protection again."""

    def make(_: Snapshot | None, _who: str) -> ProtectionReset:
        return ProtectionReset(received_ns=_NOW_NS, scope=body.scope)

    return Intent(
        action="protection reset", target=body.scope, why=body.why, make=make, loosens=lambda _: 0.0
    )


def hedge(body: HedgeBody) -> Wish:
    """Let a hedge that waits leave, or hold it back."""
    seen = "" if body.shown_usd is None else f" seen at {body.shown_usd:,.0f} USD of delta"
    action = "hedge approved" if body.approve else "hedge rejected"
    return Wish(action=action, target=f"{body.hedge_id}{seen}", why=body.why)


def acknowledge(body: AlertBody) -> Wish:
    """Say that an alert was seen."""
    return Wish(action="alert acknowledged", target=body.alert_id, why=body.why)


def preview_hedge(body: HedgeBody, snapshot: Snapshot | None) -> Preview:
    """What a hedge that waits removes, costs and leaves, as the newest cycle proposes it.

    Raises
    ------
    ActionError
        No such hedge waits any more.
    """
    cycle = _shown(snapshot).cycle
    one = next((each for each in cycle.waiting if each.id == body.hedge_id), None)
    if one is None:
        msg = f"hedge {body.hedge_id}: it does not wait, or no more"
        raise ActionError(msg)
    found = next(each for each in cycle.hedges if each.underlying == one.underlying)
    stays = f"{abs(found.delta_before_usd):,.0f} $ of delta stay"
    return Preview(
        text=f"{trade_of(one)}: {found.reason}" if body.approve else f"held back: {trade_of(one)}; {stays}",
        changes=_changes_of(found) if body.approve else (),
        warnings=tuple(_of_hedge(body, one)),
        cycle=cycle.sequence,
    )


def _changes_of(hedge: Hedge) -> tuple[Change, ...]:
    name = hedge.underlying
    return (
        Change(name="cost", before=0.0, after=hedge.cost_usd, unit="USD"),
        Change(
            name=f"delta of {name}", before=hedge.delta_before_usd, after=hedge.delta_after_usd, unit="USD"
        ),
        Change(
            name=f"standard deviation of {name} over the holding time",
            before=hedge.deviation_before_usd,
            after=hedge.deviation_after_usd,
            unit="USD",
        ),
    )


def _of_hedge(body: HedgeBody, one: WaitingHedge) -> Iterator[str]:
    if one.state is Waiting.UNASKED:
        yield f"It leaves whatever is answered: {one.why}."
    elif one.owner:
        yield f"It takes the place of what {one.owner} answered: {one.state.value}, {one.why}."
    if not body.approve:
        yield "The delta stays outside its band, and other quotes of the underlying go on; a limit from ESCALATE on hedges it unasked."
    if body.shown_usd is not None and one.delta_usd > body.shown_usd:
        grown = one.delta_usd / body.shown_usd - 1.0
        yield f"It has grown by {grown:.1%} since you saw it."


def with_second(intent: Intent, second: str) -> Intent:
    """The same, once a second person has agreed."""
    return replace(intent, why=f"{intent.why} (second person: {second})")


def _shown(snapshot: Snapshot | None) -> Snapshot:
    if snapshot is None:
        msg = "the desk has shown nothing yet; wait until it has started"
        raise ActionError(msg)
    return snapshot


def _standing_of(cycle: Cycle, name: str) -> LimitStanding:
    found = next((one for one in cycle.standing.limits if one.limit.name == name), None)
    if found is None:
        names = ", ".join(one.limit.name for one in cycle.standing.limits[:20]) or "none at all"
        msg = f"limit {name!r}: there is no such limit; name one of: {names}"
        raise ActionError(msg)
    return found


def _set_hard(one: LimitStanding) -> float:
    """What was set, or stands in its place for a time: tightening apart."""
    return one.override.limit_hard if one.override is not None else one.limit.limit_hard


def _demand_as_shown(one: LimitStanding, shown: float | None, name: str) -> None:
    if shown is not None and shown != _set_hard(one):
        msg = f"limit {name}: it is {_exact(_set_hard(one))} by now, no longer {_exact(shown)}; look again"
        raise ActionError(msg)


def _exact(value: float) -> str:
    """Every digit: two limits that differ read differently, and are not taken for one request."""
    return f"{value:.17g}" if float(f"{value:.15g}") != value else f"{value:.15g}"


def _raised_pct(snapshot: Snapshot | None, name: str, limit_hard: float | None) -> float:
    """By how many percent a limit would be looser than it stands; with None once its override ends. Unknown counts as all."""
    if snapshot is None:
        return float("inf")
    found = next((one for one in snapshot.cycle.standing.limits if one.limit.name == name), None)
    if found is None:
        return float("inf")
    after = found.limit.limit_hard if limit_hard is None else limit_hard
    return max(0.0, (after / _set_hard(found) - 1.0) * 100.0)


def _raised_by_ending(snapshot: Snapshot | None, but: str) -> float:
    """The most that any other limit loosens when all overrides end."""
    if snapshot is None:
        return float("inf")
    names = (one.limit.name for one in snapshot.cycle.standing.limits if one.override is not None)
    return max((_raised_pct(snapshot, name, None) for name in names if name != but), default=0.0)


def _demand_known(body: StopBody, cycle: Cycle) -> None:
    """Refuse to stop what is not there: the person would believe that it stopped."""
    known = {"underlying": cycle.table.underlyings, "class": cycle.table.classes}.get(body.scope)
    if known is not None and body.name not in known:
        msg = f"{body.scope} {body.name!r}: there is none; name one of: {', '.join(known[:50])}"
        raise ActionError(msg)
