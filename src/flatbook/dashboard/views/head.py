"""The header of every page: whose world, how the desk stands, what it earned, how full, how fresh, how fast; alerts and kills."""

from math import inf, isfinite

from pydantic import BaseModel, ConfigDict

from flatbook.dashboard.frames import Frame, number
from flatbook.engine.cycle import Cycle
from flatbook.limits.check import LimitStanding
from flatbook.live.snapshot import Snapshot
from flatbook.model.parameters import LimitMeasure
from flatbook.orders.kill import KillStanding


class Row(BaseModel):
    """A part of a page; null is a number that does not exist."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AlertRow(Row):
    """Something that a person should look at."""

    id: str
    at_ns: str
    severity: str
    text: str
    scope: str
    acknowledged_by: str


class KillRow(Row):
    """A kill switch that is on."""

    scope: str
    name: str
    owner: str
    reason: str
    since_ns: str
    text: str  # whether it is done
    pending: int  # orders of the scope that may still fill


class Scopes(Row):
    """What there is to look at, and to stop."""

    underlyings: tuple[str, ...]
    classes: tuple[str, ...]
    venues: tuple[str, ...]


class Head(Row):
    """Of every page."""

    desk: str
    mode: str
    standing: str
    standing_reason: str
    speed: float
    pnl_usd: float | None
    capital_usd: float | None
    capital_pct: float | None  # of the limit, or of the equity where no limit says
    capital_of: str  # what the percentage is of; empty: nothing says
    data_usable_pct: float | None
    tick_to_decision_p50_us: float | None
    tick_to_decision_p99_us: float | None
    worst_step: str
    hedges_waiting: int
    journal_sequence: int
    queues: dict[str, int]
    venues: dict[str, str]
    alerts: tuple[AlertRow, ...]
    kills: tuple[KillRow, ...]
    scopes: Scopes


def head(snapshot: Snapshot) -> Head:
    """The header of a snapshot."""
    cycle = snapshot.cycle
    share, of = capital_share(cycle)
    return Head(
        desk=cycle.desk.name,
        mode=snapshot.mode,
        standing=snapshot.standing,
        standing_reason=snapshot.standing_reason,
        speed=snapshot.speed,
        pnl_usd=number(snapshot.pnl_usd),
        capital_usd=number(cycle.capital.desk),
        capital_pct=share,
        capital_of=of,
        data_usable_pct=number(snapshot.data_usable_pct),
        tick_to_decision_p50_us=number(snapshot.tick_to_decision_p50_us),
        tick_to_decision_p99_us=number(snapshot.tick_to_decision_p99_us),
        worst_step=cycle.standing.worst.name,
        hedges_waiting=sum(bool(each.legs) for each in cycle.hedges),
        journal_sequence=snapshot.journal_sequence,
        queues=dict(snapshot.queues),
        venues=dict(snapshot.venues),
        alerts=tuple(
            AlertRow(
                id=each.id,
                at_ns=str(each.at_ns),
                severity=each.severity,
                text=each.text,
                scope=each.scope,
                acknowledged_by=each.acknowledged_by,
            )
            for each in snapshot.alerts
        ),
        kills=tuple(_kill(each) for each in cycle.outgoing.kills) if cycle.outgoing else (),
        scopes=Scopes(
            underlyings=cycle.table.underlyings,
            classes=cycle.table.classes,
            venues=tuple(snapshot.venues) or tuple(filter(None, (cycle.desk.orders.venue,))),
        ),
    )


def head_frame(snapshot: Snapshot) -> Frame:
    """The same for the stream."""
    return frame_of(snapshot, "head", "head", head(snapshot))


def frame_of(snapshot: Snapshot, kind: str, topic: str, data: BaseModel) -> Frame:
    """A frame of a snapshot without columns."""
    return Frame(
        kind=kind,
        topic=topic,
        number=snapshot.number,
        cycle=snapshot.cycle.sequence,
        at_ns=snapshot.at_ns,
        data=data.model_dump(),
    )


def capital_share(cycle: Cycle) -> tuple[float | None, str]:
    """Capital in percent of what it may be, and of what: the limit on the desk, else the equity that backs it."""
    limits = [each for each in cycle.standing.limits if is_capital_of_desk(each)]
    if limits:
        worst = max(limits, key=lambda each: each.utilisation if isfinite(each.utilisation) else inf)
        return number(100.0 * worst.utilisation), f"limit {worst.limit.name}"
    equity = cycle.desk.net_capital_usd
    if equity:
        return number(100.0 * cycle.capital.desk / equity), "net capital"
    return None, ""


def is_capital_of_desk(standing: LimitStanding) -> bool:
    """Whether a limit bounds the capital of the whole desk, in USD."""
    limit = standing.limit
    scoped = limit.underlying or limit.group or limit.option_class or limit.series or limit.bucket
    return limit.measure is LimitMeasure.CAPITAL_USD and not scoped


def _kill(kill: KillStanding) -> KillRow:
    return KillRow(
        scope=kill.scope,
        name=kill.name,
        owner=kill.kill.owner,
        reason=kill.kill.reason,
        since_ns=str(kill.kill.since_ns),
        text=kill.text,
        pending=kill.n_live,
    )
