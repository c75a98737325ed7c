"""What an operator does: stop and release, limits, hedges, protections, alerts; previewed in money, journaled, and some by two persons."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from flatbook.dashboard import actions
from flatbook.dashboard.context import Context
from flatbook.dashboard.operator_desk import Armed, Done, OperatorDesk, PreviewView, RequestView, view_of
from flatbook.dashboard.security.bodies import StrictBody, Why
from flatbook.dashboard.security.gate import require, security_of
from flatbook.dashboard.security.permissions import Permission, Principal
from flatbook.dashboard.security.refusals import REFUSALS

PREFIX = "/api/v1/actions"
_ID = r"^[0-9a-f]{16}$"
_S = 1_000_000_000
_WAITS: dict[int | str, dict[str, Any]] = {
    202: {"model": Done, "description": "it waits for a second person"}
}


def _desk_of(request: Request) -> OperatorDesk:
    found = request.state.operator_desk
    assert isinstance(found, OperatorDesk), "the router provides it"
    return found


Here = Annotated[OperatorDesk, Depends(_desk_of)]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[A-Za-z0-9_-]{8,64}$",
        description="Made by the client, another for each action: the same key again gives the first answer.",
    ),
]
Id = Annotated[str, Path(pattern=_ID)]
Killer = Annotated[Principal, Depends(require(Permission.KILL))]
Puller = Annotated[Principal, Depends(require(Permission.PULL))]
Hedger = Annotated[Principal, Depends(require(Permission.HEDGE))]
Resetter = Annotated[Principal, Depends(require(Permission.RESET))]
Reader = Annotated[Principal, Depends(require(Permission.READ))]
Watcher = Annotated[Principal, Depends(require(Permission.ACKNOWLEDGE))]
RiskOfficer = Annotated[Principal, Depends(require(Permission.LIMITS))]
Releaser = Annotated[Principal, Depends(require(Permission.RELEASE))]
SecondPerson = Annotated[Principal, Depends(require(Permission.SECOND))]


class ConfirmBody(StrictBody):
    """The second step of a kill."""

    arm_id: Annotated[str, Field(pattern=_ID)]


class AnswerBody(StrictBody):
    """Why a second person answers so."""

    why: Why


class _Provided:
    """Gives each route the desk of actions, made with the first request."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._desk: OperatorDesk | None = None

    async def __call__(self, request: Request) -> None:
        """Leave it with the request."""
        self._desk = self._desk or OperatorDesk(self._context, security_of(request))
        request.state.operator_desk = self._desk


_routes = APIRouter()


def router(context: Context) -> APIRouter:
    """Routes under `/api/v1/actions`."""
    routes = APIRouter(
        prefix=PREFIX, tags=["actions"], responses=REFUSALS, dependencies=[Depends(_Provided(context))]
    )
    routes.include_router(_routes)
    return routes


@_routes.post("/kill/arm")
async def arm_kill(body: actions.StopBody, who: Killer, desk: Here) -> Armed:
    """First step of a kill: nothing stops yet."""
    intent = actions.stop(body, "kill", on=True)
    intent.make(desk.context.publisher.latest, who.name)
    one = desk.armed.add(who.name, intent)
    return Armed(arm_id=one.id, target=intent.target, expires_in_s=(one.until_ns - one.since_ns) / _S)


@_routes.post("/kill/confirm")
async def confirm_kill(body: ConfirmBody, who: Killer, desk: Here) -> Done:
    """Second step: trading stops in the scope until somebody releases it. The same confirmation again gives the first answer."""
    return await desk.confirm(body.arm_id, who)


@_routes.post("/kill/preview")
async def preview_kill(body: actions.StopBody, who: Killer, desk: Here) -> PreviewView:
    """What a kill would stop."""
    return await desk.preview(actions.stop(body, "kill", on=True), who)


@_routes.post("/pull")
async def pull(body: actions.PullBody, key: Key, who: Puller, desk: Here) -> Done:
    """Take the quotes of one class away, until somebody releases it."""
    return await desk.stop_now(actions.pull(body), who, key)


@_routes.post("/pull/preview")
async def preview_pull(body: actions.PullBody, who: Puller, desk: Here) -> PreviewView:
    """What would go."""
    return await desk.preview(actions.pull(body), who)


@_routes.post("/release", responses=_WAITS)
async def release(body: actions.StopBody, key: Key, who: Releaser, desk: Here, response: Response) -> Done:
    """Let go on what was stopped; it may wait for a second person (202)."""
    return _told(await desk.perform(actions.stop(body, "release", on=False), who, key), response)


@_routes.post("/release/preview")
async def preview_release(body: actions.StopBody, who: Releaser, desk: Here) -> PreviewView:
    """What would go on."""
    return await desk.preview(actions.stop(body, "release", on=False), who)


@_routes.post("/limit/change", responses=_WAITS)
async def change_limit(
    body: actions.LimitBody, key: Key, who: RiskOfficer, desk: Here, response: Response
) -> Done:
    """Set one limit anew, which ends all overrides; raising it may wait for a second person (202)."""
    return _told(await desk.perform(actions.change(body), who, key), response)


@_routes.post("/limit/change/preview")
async def preview_change(body: actions.LimitBody, who: RiskOfficer, desk: Here) -> PreviewView:
    """What the limit would change."""
    return await desk.preview(actions.change(body), who)


@_routes.post("/limit/override", responses=_WAITS)
async def override_limit(
    body: actions.OverrideBody, key: Key, who: RiskOfficer, desk: Here, response: Response
) -> Done:
    """Put another hard limit in place of one for a time; raising it may wait for a second person (202)."""
    return _told(await desk.perform(actions.override(body), who, key), response)


@_routes.post("/limit/override/preview")
async def preview_override(body: actions.OverrideBody, who: RiskOfficer, desk: Here) -> PreviewView:
    """What the override would change."""
    return await desk.preview(actions.override(body), who)


@_routes.post("/limit/override/end", responses=_WAITS)
async def end_override(
    body: actions.OverrideEndBody, key: Key, who: RiskOfficer, desk: Here, response: Response
) -> Done:
    """End an override now; where that loosens the limit it may wait for a second person (202)."""
    return _told(await desk.perform(actions.end_override(body), who, key), response)


@_routes.post("/limit/override/end/preview")
async def preview_override_end(body: actions.OverrideEndBody, who: RiskOfficer, desk: Here) -> PreviewView:
    """What ending it would change."""
    return await desk.preview(actions.end_override(body), who)


@_routes.post("/hedge")
async def decide_hedge(body: actions.HedgeBody, key: Key, who: Hedger, desk: Here) -> Done:
    """Let a hedge that waits for a person leave, or hold it back, for a while."""
    return await desk.call(
        actions.hedge(body),
        who,
        key,
        lambda: desk.context.operator.decide_hedge(
            body.hedge_id, body.approve, who=who.name, why=body.why, shown_usd=body.shown_usd
        ),
    )


@_routes.post("/hedge/preview")
async def preview_hedge(body: actions.HedgeBody, _: Hedger, desk: Here) -> PreviewView:
    """What the hedge removes, costs and leaves."""
    found = actions.preview_hedge(body, desk.context.publisher.latest)
    return view_of(found, second_person=False)


@_routes.post("/protection/reset")
async def reset_protection(body: actions.ResetBody, key: Key, who: Resetter, desk: Here) -> Done:
    """Arm a protection again: what it counted is forgotten."""
    return await desk.perform(actions.reset(body), who, key)


@_routes.post("/protection/reset/preview")
async def preview_reset(body: actions.ResetBody, who: Resetter, desk: Here) -> PreviewView:
    """What would be quoted again."""
    return await desk.preview(actions.reset(body), who)


@_routes.post("/alert/acknowledge")
async def acknowledge(body: actions.AlertBody, key: Key, who: Watcher, desk: Here) -> Done:
    """A person has seen an alert."""

    async def seen() -> None:
        await desk.context.operator.acknowledge(body.alert_id, who=who.name)

    return await desk.call(actions.acknowledge(body), who, key, seen)


@_routes.get("/requests")
async def list_requests(who: Reader, desk: Here) -> list[RequestView]:
    """What waits for a second person."""
    now_ns = desk.clock()
    return [
        RequestView(
            id=one.id,
            who=one.who,
            action=one.what.intent.action,
            target=one.what.intent.target,
            why=one.what.intent.why,
            expires_in_s=(one.until_ns - now_ns) / _S,
            yours=one.who == who.name,
        )
        for one in await desk.requests()
    ]


@_routes.post("/requests/{request_id}/approve")
async def approve(request_id: Id, body: AnswerBody, who: SecondPerson, desk: Here) -> Done:
    """Do what somebody else asked for, on what holds now."""
    return await desk.approve(request_id, who, body.why)


@_routes.post("/requests/{request_id}/deny")
async def deny(request_id: Id, body: AnswerBody, who: SecondPerson, desk: Here) -> Done:
    """Let it be; whoever asked may withdraw it in this way, too."""
    return await desk.deny(request_id, who, body.why)


def _told(done: Done, response: Response) -> Done:
    if done.state == "waiting":
        response.status_code = 202
    return done
