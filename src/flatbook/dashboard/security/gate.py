"""The gate: each route and each verb of a WebSocket declares a permission, and whoever asks must have it.

`install` puts the security of a dashboard into an application; `check_declared` refuses to start one in which a route declares nothing.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, routing
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.exceptions import WebSocketException
from starlette.requests import HTTPConnection, Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from flatbook.dashboard.security.binding import is_loopback
from flatbook.dashboard.security.bodies import BodyLimit
from flatbook.dashboard.security.csrf import SAFE, cookie_name, is_cross_site, is_forged
from flatbook.dashboard.security.headers import SecurityHeaders
from flatbook.dashboard.security.origin import Origins, origins_of
from flatbook.dashboard.security.permissions import (
    LOCAL,
    STEP_UP,
    VERBS,
    How,
    Permission,
    Principal,
)
from flatbook.dashboard.security.rate_limit import Buckets, Logins
from flatbook.dashboard.security.refusals import RefusedError, install_refusals, refusal, send_refusal
from flatbook.dashboard.security.sessions import Clock, Session, Sessions
from flatbook.dashboard.security.settings import SecuritySettings
from flatbook.dashboard.security.tickets import Tickets
from flatbook.dashboard.security.tokens import Tokens
from flatbook.dashboard.security.users import Users
from flatbook.model.errors import FlatbookError

LOGINS_WAITING_MAX = 20
_FOREIGN_ORIGIN = "the request comes from another page"


class UndeclaredRouteError(FlatbookError):
    """A route or verb without a permission."""


@dataclass(frozen=True, kw_only=True)
class Security:
    """Everything that is asked before a request is heard."""

    users: Users
    settings: SecuritySettings
    clock: Clock
    origins: Origins = field(init=False)
    sessions: Sessions = field(init=False)
    tokens: Tokens = field(init=False)
    tickets: Tickets = field(init=False)
    logins: Logins = field(init=False)
    requests: Buckets = field(init=False)
    kills: Buckets = field(init=False)
    passwords_lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    passwords_waiting: list[int] = field(default_factory=lambda: [0], init=False)

    def __post_init__(self) -> None:
        """Begin with nobody signed in."""
        settings, clock = self.settings, self.clock
        made = {
            "origins": origins_of(settings),
            "sessions": Sessions(self.users, settings, clock),
            "tokens": Tokens(self.users, settings, clock),
            "tickets": Tickets(settings, clock),
            "logins": Logins(settings, clock),
            "requests": Buckets(settings.requests_per_s, settings.requests_burst, clock),
            "kills": Buckets(settings.kills_per_s, settings.kills_burst, clock),
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)

    @asynccontextmanager
    async def one_login(self, name: str, source: str) -> AsyncIterator[None]:
        """One password at a time is tried, so that logins never take more than a core and 64 MiB from the desk.

        Raises
        ------
        RefusedError
            Too many wait already, or the name has to wait by the time that it is its turn.
        """
        lock = self.passwords_lock
        if self.passwords_waiting[0] >= LOGINS_WAITING_MAX:
            raise RefusedError(
                429, "too_often", "too many are signing in; again in a few seconds", retry_after(3.0)
            )
        self.passwords_waiting[0] += 1
        try:
            async with lock:
                wait_s = self.logins.wait_s(name, source)
                if wait_s:
                    raise RefusedError(429, "too_often", "too many wrong passwords", retry_after(wait_s))
                yield
        finally:
            self.passwords_waiting[0] -= 1

    def local_allowed(self, source: str) -> bool:
        """Whether whoever sits at the machine needs no login: nobody is configured, and nobody else reaches it."""
        settings = self.settings
        private = is_loopback(settings.host) and not settings.encrypted and is_loopback(source)
        return private and not self.users.anybody

    def still_holds(self, principal: Principal) -> bool:
        """Whether a principal of before may go on: the session or token has not ended, and the role is the same."""
        if principal.how is How.TOKEN:
            return self.tokens.holds(principal.session)
        if not principal.session:
            return self.local_allowed(principal.source)
        return self.sessions.holds(principal.session)

    def known(self, connection: HTTPConnection) -> tuple[Principal | None, Session | None]:
        """Who speaks: by token, by cookie, or as whoever sits at the machine."""
        source = source_of(connection)
        authorization = connection.headers.getlist("authorization")
        if authorization:
            kind, _, written = authorization[0].partition(" ")
            alone = len(authorization) == 1 and kind.lower() == "bearer"
            return (self.tokens.find(written, source) if alone else None), None
        cookie = connection.cookies.get(cookie_name(self.settings), "")
        found = self.sessions.find(cookie, source) if cookie else None
        if found is not None:
            return found[1], found[0]
        if self.local_allowed(source):
            return Principal(name=LOCAL, role=self.settings.local_role, how=How.LOCAL, source=source), None
        return None, None


def install(app: FastAPI, users: Users, settings: SecuritySettings, clock: Clock = time.time_ns) -> Security:
    """Put the security of a dashboard into an application: middlewares, refusals, and what routes ask.

    Returns
    -------
    Security
        Also at `app.state.security`.
    """
    security = Security(users=users, settings=settings, clock=clock)
    app.state.security = security
    install_refusals(app)
    app.add_middleware(BodyLimit, most=settings.body_bytes_max)
    app.add_middleware(SecurityHeaders, origins=security.origins, encrypted=settings.encrypted)
    return security


def security_of(connection: HTTPConnection) -> Security:
    """That of the application."""
    found = connection.app.state.security
    assert isinstance(found, Security), "install(app, …) comes before the first request"
    return found


def source_of(connection: HTTPConnection) -> str:
    """Network address of who asks; a proxy in front is believed by the server alone, where it was told to."""
    return connection.client.host if connection.client else ""


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a route asks for; as a dependency it gives the principal."""

    permission: Permission

    async def __call__(self, request: Request) -> Principal | None:
        """Who asks, if allowed; None only where anybody may ask.

        Raises
        ------
        RefusedError
            Nobody is signed in, the role does not allow it, the request was forged, or it comes too often.
        """
        security = security_of(request)
        unsafe = request.method not in SAFE
        headers = request.headers
        foreign = not security.origins.origin_is_ours(headers.getlist("origin"), headers.getlist("host"))
        if is_cross_site(request) or (unsafe and foreign):
            raise RefusedError(403, "foreign_origin", _FOREIGN_ORIGIN)
        principal, session = security.known(request)
        _limit_rate(security, self.permission, principal, source_of(request))
        if self.permission is Permission.PUBLIC:
            return principal
        if principal is None:
            raise RefusedError(401, "not_signed_in", "sign in first", {"www-authenticate": "Bearer"})
        if not principal.may(self.permission):
            raise RefusedError(
                403, "role", f"a {principal.role.value} may not: it needs {self.permission.value}"
            )
        if unsafe and principal.how is not How.TOKEN and (session is None or is_forged(request, session)):
            raise RefusedError(403, "csrf", "the X-CSRF-Token header of this session is missing or another's")
        _demand_step_up(security, self.permission, principal, session)
        request.state.principal = principal
        return principal


def require(permission: Permission) -> Requirement:
    """The dependency by which a route declares what it needs: `Depends(require(Permission.READ))`."""
    return Requirement(permission)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Who may hold a WebSocket, and whether that is still so."""

    principal: Principal
    security: Security

    @property
    def holds(self) -> bool:
        """False once the session ended or the role changed: close the connection then."""
        return self.security.still_holds(self.principal)

    def allows(self, verb: str) -> bool:
        """Whether the client may send this; a verb that nobody declared is nobody's."""
        permission = VERBS.get(verb)
        return permission is not None and self.principal.may(permission)


@dataclass(frozen=True, slots=True)
class Entrance:
    """What a WebSocket asks for before it is accepted."""

    permission: Permission

    async def __call__(self, websocket: WebSocket) -> Admission:
        """Let in who holds a ticket and comes from a page of ours, or from no page at all.

        Raises
        ------
        WebSocketException
            Before anything is accepted, so that the client sees HTTP 403.
        """
        security = security_of(websocket)
        headers = websocket.headers
        if not security.origins.origin_is_ours(
            headers.getlist("origin"), headers.getlist("host")
        ) or is_cross_site(websocket):
            raise WebSocketException(1008, _FOREIGN_ORIGIN)
        if security.requests.take(f"address {source_of(websocket)}"):
            raise WebSocketException(1013, "too often")
        tickets = websocket.query_params.getlist("ticket")
        principal = security.tickets.use(tickets[0]) if len(tickets) == 1 else None
        if principal is None or not security.still_holds(principal) or not principal.may(self.permission):
            raise WebSocketException(
                1008, "no ticket: ask POST /api/v1/session/ticket for one; it opens one connection"
            )
        return Admission(principal=principal, security=security)


def admit(permission: Permission) -> Entrance:
    """The dependency by which a WebSocket declares what it needs: `Depends(admit(Permission.READ))`."""
    return Entrance(permission)


class Guarded:
    """An application that is mounted, behind a permission: for metrics and the like."""

    def __init__(self, app: ASGIApp, permission: Permission) -> None:
        self.permission = permission
        self._app, self._requirement = app, Requirement(permission)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request of who may."""
        try:
            await self._requirement(Request(scope, receive))
        except RefusedError as e:
            await send_refusal(refusal(e.status_code, e.error, e.detail), scope, receive, send)
            return
        await self._app(scope, receive, send)


def check_declared(app: FastAPI, public: Collection[str] = ()) -> dict[str, Permission]:
    """What every route declares; `public` are the paths of plain routes and mounts that anybody may ask.

    Returns
    -------
    dict of str to Permission
        By method and path, as "POST /api/v1/actions/kill/arm"; a WebSocket as "WS /api/v1/stream".

    Raises
    ------
    UndeclaredRouteError
        A route declares nothing: the application must not start.
    """
    declared, undeclared = {}, []
    for route in _every(app.routes):
        path = str(getattr(route, "path", "") or "")
        permission = Permission.PUBLIC if path in public else _permission_of(route)
        for method in _methods_of(route):
            if permission is None:
                undeclared.append(f"{method} {path}")
            else:
                declared[f"{method} {path}"] = permission
    if undeclared:
        msg = f"routes without a permission: {', '.join(undeclared)}; declare Depends(require(Permission.…))"
        raise UndeclaredRouteError(msg)
    return declared


def _every(routes: Sequence[BaseRoute]) -> Iterator[Any]:
    """Each route with the path and dependencies that it has here; newer FastAPI keeps those of included routers apart."""
    found = getattr(routing, "iter_route_contexts", None)
    return iter(routes) if found is None else iter(found(routes))


def _permission_of(route: Any) -> Permission | None:
    original = getattr(route, "original_route", route)
    if isinstance(original, APIRoute | APIWebSocketRoute):
        kind = Requirement if isinstance(original, APIRoute) else Entrance
        asked = {one.permission for one in _calls(route.dependant) if isinstance(one, kind)}
        return next(iter(asked)) if len(asked) == 1 else None
    permission = getattr(getattr(route, "app", None), "permission", None)
    return permission if isinstance(permission, Permission) else None


def _calls(dependant: Dependant) -> list[Callable[..., Any] | None]:
    return [each.call for each in dependant.dependencies] + [
        call for each in dependant.dependencies for call in _calls(each)
    ]


def _methods_of(route: Any) -> list[str]:
    original = getattr(route, "original_route", route)
    if isinstance(original, APIWebSocketRoute):
        return ["WS"]
    if isinstance(original, Route):
        return sorted(set(route.methods or {"GET"}) - {"HEAD"})
    return ["MOUNT"]


def _limit_rate(security: Security, permission: Permission, principal: Principal | None, source: str) -> None:
    speaker = f"address {source}" if principal is None else f"user {principal.name}"
    buckets = security.kills if permission is Permission.KILL else security.requests
    wait_s = buckets.take(speaker)
    if wait_s:
        raise RefusedError(
            429, "too_often", f"too many requests; again in {wait_s:.1f} s", retry_after(wait_s)
        )


def retry_after(wait_s: float) -> dict[str, str]:
    """The header that tells a client when to come again."""
    return {"retry-after": str(int(wait_s) + 1)}


def _demand_step_up(
    security: Security, permission: Permission, principal: Principal, session: Session | None
) -> None:
    """Refuse a program, and a session whose password was given too long ago, where a person must be at the keyboard."""
    if permission not in STEP_UP or principal.how is How.LOCAL:
        return
    if session is None:
        raise RefusedError(403, "person_needed", "an API token may not: a person signs in for this")
    if security.clock() - session.password_ns >= security.settings.step_up_ns:
        raise RefusedError(403, "step_up", "give your password again: POST /api/v1/session/step-up")
