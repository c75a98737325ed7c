"""Who is signed in: login, logout, tickets for the stream, the password again, sessions, API tokens."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from flatbook.dashboard.context import Context
from flatbook.dashboard.routes import users
from flatbook.dashboard.security.audit import record_coming
from flatbook.dashboard.security.bodies import Line, StrictBody
from flatbook.dashboard.security.csrf import cookie_name, drop_cookie, set_cookie
from flatbook.dashboard.security.gate import Security, require, retry_after, security_of, source_of
from flatbook.dashboard.security.passwords import PASSWORD_LENGTH_MAX
from flatbook.dashboard.security.permissions import PERMISSIONS, How, Permission, Principal, Role
from flatbook.dashboard.security.refusals import REFUSALS, RefusedError
from flatbook.dashboard.security.secrets import Secret
from flatbook.dashboard.security.sessions import Session
from flatbook.dashboard.security.users import User, UserError
from flatbook.live.operator import OperatorPort
from flatbook.model.operator_events import Outcome

PREFIX = "/api/v1/session"
_S = 1_000_000_000
RoleName = Annotated[str, Field(pattern=f"^({'|'.join(Role)})$")]
Password = Annotated[str, Field(min_length=1, max_length=PASSWORD_LENGTH_MAX)]
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]
Anybody = Annotated[Principal | None, Depends(require(Permission.PUBLIC))]
SignedIn = Annotated[Principal, Depends(require(Permission.OWN_SESSION))]
TokenMaker = Annotated[Principal, Depends(require(Permission.TOKENS))]


def _operator_of(request: Request) -> OperatorPort:
    found: OperatorPort = request.state.operator
    return found


def _security(request: Request) -> Security:
    return security_of(request)


Guard = Annotated[Security, Depends(_security)]
Operator = Annotated[OperatorPort, Depends(_operator_of)]


class LoginBody(StrictBody):
    """A name and its password."""

    name: Annotated[str, Field(min_length=1, max_length=32)]
    password: Password


class PasswordBody(StrictBody):
    """The password again."""

    password: Password


class NewPasswordBody(StrictBody):
    """Another password."""

    old: Password
    new: Password


class TokenBody(StrictBody):
    """An API token to be made."""

    label: Line
    role: RoleName
    days: Annotated[int, Field(ge=1, le=3650)]


class Me(BaseModel):
    """Who is signed in, and what the page needs to act."""

    signed_in: bool
    login_needed: bool  # somebody has to log in with a password
    name: str | None = None
    role: str | None = None
    how: str | None = None
    permissions: list[str] = []
    csrf: str | None = None  # goes back as X-CSRF-Token with everything that changes something
    four_eyes: bool
    password_again_in_s: float | None = (
        None  # until limits and releases ask for the password; null: they never do
    )


class TicketView(BaseModel):
    """Opens one connection."""

    ticket: str
    expires_in_s: float


class SessionView(BaseModel):
    """A browser that is signed in."""

    id: str
    name: str
    source: str
    began_ns: str
    used_ns: str
    yours: bool  # this very one


class TokenView(BaseModel):
    """An API token, without its secret."""

    id: str
    name: str
    label: str
    role: str
    created_ns: str
    expires_ns: str


class NewToken(TokenView):
    """An API token, with its secret this once."""

    token: str


class _Provided:
    """Gives each route the operator's door, for the audit trail."""

    def __init__(self, context: Context) -> None:
        self._operator = context.operator

    async def __call__(self, request: Request) -> None:
        """Leave it with the request."""
        request.state.operator = self._operator


_routes = APIRouter(prefix=PREFIX, tags=["session"])


def router(context: Context) -> APIRouter:
    """Routes under `/api/v1/session` and `/api/v1/users`."""
    routes = APIRouter(responses=REFUSALS, dependencies=[Depends(_Provided(context))])
    routes.include_router(_routes)
    routes.include_router(users.routes)
    return routes


@_routes.get("")
@_routes.get("/me")
async def me(request: Request, response: Response, who: Anybody, guard: Guard) -> Me:
    """Who is signed in; whoever sits at the machine is, while no user is configured."""
    _, session = guard.known(request)
    if who is not None and who.how is How.LOCAL and session is None:
        cookie, session = guard.sessions.begin_local(who.source)
        set_cookie(response, cookie, guard.settings)
    return _me(guard, who, session)


@_routes.post("/login")
async def login(
    body: LoginBody, request: Request, response: Response, _: Anybody, guard: Guard, operator: Operator
) -> Me:
    """Sign in. A name that nobody has takes as long as a wrong password, and answers alike."""
    source, name = source_of(request), body.name.lower()
    _demand_patience(guard, name, source)
    async with guard.one_login(name, source):
        user = await run_in_threadpool(guard.users.login, name, Secret(body.password))
        if user is None:
            guard.logins.failed(name, source)
    if user is None:
        known = name if guard.users.find(name) else "unknown"
        await record_coming(operator, "login", known, "", Outcome.REFUSED, source)
        raise RefusedError(401, "wrong", "name or password is wrong")
    guard.logins.succeeded(name, source)
    _end_session_of(request, guard)
    cookie, session = guard.sessions.begin(user, source)
    set_cookie(response, cookie, guard.settings)
    await record_coming(operator, "login", user.name, user.role.value, Outcome.DONE, source)
    return _me(guard, _principal(user, session), session)


@_routes.post("/logout")
async def logout(request: Request, response: Response, who: SignedIn, guard: Guard, operator: Operator) -> Me:
    """Sign out: the session, its stream and its tickets end."""
    _end_session_of(request, guard)
    drop_cookie(response, guard.settings)
    await record_coming(operator, "logout", who.name, who.role.value, Outcome.DONE, who.source)
    return _me(guard, None, None)


@_routes.post("/ticket")
async def ticket(who: SignedIn, guard: Guard) -> TicketView:
    """A ticket for one WebSocket."""
    return TicketView(ticket=guard.tickets.make(who), expires_in_s=guard.settings.ticket_ns / _S)


@_routes.post("/step-up")
async def step_up(
    body: PasswordBody, request: Request, who: SignedIn, guard: Guard, operator: Operator
) -> Me:
    """Give the password again, for limits and releases."""
    await _demand_password(body.password, who, guard, operator)
    guard.sessions.password_given(who.session)
    _, session = guard.known(request)
    return _me(guard, who, session)


@_routes.post("/password")
async def change_password(
    body: NewPasswordBody, response: Response, who: SignedIn, guard: Guard, operator: Operator
) -> Me:
    """Another password; all sessions of the user end, and a new one begins here."""
    await _demand_password(body.old, who, guard, operator)
    user = await run_in_threadpool(guard.users.set_password, who.name, Secret(body.new))
    cookie, session = guard.sessions.begin(user, who.source)
    set_cookie(response, cookie, guard.settings)
    await record_coming(operator, "password changed", who.name, who.role.value, Outcome.DONE, who.source)
    return _me(guard, _principal(user, session), session)


@_routes.get("/sessions")
async def list_sessions(who: SignedIn, guard: Guard) -> list[SessionView]:
    """Your own; an admin sees all."""
    return [
        SessionView(
            id=one.id,
            name=one.name,
            source=one.source,
            began_ns=str(one.began_ns),
            used_ns=str(one.used_ns),
            yours=one.id == who.session,
        )
        for one in guard.sessions.all(_whose(who))
    ]


@_routes.delete("/sessions/{session_id}", status_code=204)
async def end_session(session_id: Id, who: SignedIn, guard: Guard) -> None:
    """End a session: your own; an admin any. A token signs nobody out."""
    _demand_person(who)
    if not guard.sessions.end(session_id, _whose(who)):
        raise RefusedError(404, "none", "there is no session of that id")


@_routes.get("/tokens")
async def list_tokens(who: SignedIn, guard: Guard) -> list[TokenView]:
    """Your own; an admin sees all."""
    return [
        TokenView(
            id=one.id,
            name=one.name,
            label=one.label,
            role=one.role.value,
            created_ns=str(one.created_ns),
            expires_ns=str(one.expires_ns),
        )
        for one in guard.users.tokens(_whose(who))
    ]


@_routes.post("/tokens", status_code=201)
async def make_token(body: TokenBody, who: TokenMaker, guard: Guard, operator: Operator) -> NewToken:
    """An API token of your own; it is shown this once."""
    owner = guard.users.find(who.name)
    if owner is None:
        msg = "whoever sits at the machine needs no token; add a user first: flatbook users add NAME"
        raise UserError(msg)
    secret, made = guard.tokens.make(owner, body.label, Role(body.role), body.days)
    await record_coming(operator, "token made", who.name, who.role.value, Outcome.DONE, who.source)
    return NewToken(
        id=made.id,
        name=made.name,
        label=made.label,
        role=made.role.value,
        created_ns=str(made.created_ns),
        expires_ns=str(made.expires_ns),
        token=secret.reveal(),
    )


@_routes.delete("/tokens/{token_id}", status_code=204)
async def revoke_token(token_id: Id, who: SignedIn, guard: Guard, operator: Operator) -> None:
    """Revoke a token: your own; an admin any; a token itself alone."""
    if who.session != token_id:
        _demand_person(who)
    guard.users.revoke_token(token_id, _whose(who))
    await record_coming(operator, "token revoked", who.name, who.role.value, Outcome.DONE, who.source)


def _me(guard: Security, who: Principal | None, session: Session | None) -> Me:
    if who is None:
        return Me(signed_in=False, login_needed=True, four_eyes=guard.settings.four_eyes)
    left_s = None
    if session is not None and who.how is How.PASSWORD:
        left_s = max(0, session.password_ns + guard.settings.step_up_ns - guard.clock()) / _S
    return Me(
        signed_in=True,
        login_needed=False,
        name=who.name,
        role=who.role.value,
        how=who.how.value,
        permissions=sorted(PERMISSIONS[who.role]),
        csrf=None if session is None else session.csrf,
        four_eyes=guard.settings.four_eyes,
        password_again_in_s=left_s,
    )


def _principal(user: User, session: Session) -> Principal:
    return Principal(
        name=user.name, role=user.role, how=How.PASSWORD, session=session.id, source=session.source
    )


def _whose(who: Principal) -> str | None:
    return None if who.may(Permission.USERS) and who.how is not How.TOKEN else who.name


def _demand_person(who: Principal) -> None:
    if who.how is How.TOKEN:
        raise RefusedError(403, "person_needed", "an API token may not: a person signs in for this")


def _end_session_of(request: Request, guard: Security) -> None:
    cookie = request.cookies.get(cookie_name(guard.settings), "")
    found = guard.sessions.find(cookie, "") if cookie else None
    if found is not None:
        guard.sessions.end(found[0].id)


def _demand_patience(guard: Security, name: str, source: str) -> None:
    wait_s = guard.logins.wait_s(name, source)
    if wait_s:
        raise RefusedError(
            429, "too_often", f"too many wrong passwords; again in {wait_s:.0f} s", retry_after(wait_s)
        )


async def _demand_password(password: str, who: Principal, guard: Security, operator: OperatorPort) -> None:
    if who.how is not How.PASSWORD:
        raise RefusedError(403, "person_needed", "sign in with a password for this")
    _demand_patience(guard, who.name, who.source)
    async with guard.one_login(who.name, who.source):
        user = await run_in_threadpool(guard.users.login, who.name, Secret(password))
        if user is None:
            guard.logins.failed(who.name, who.source)
    if user is None:
        await record_coming(operator, "password again", who.name, who.role.value, Outcome.REFUSED, who.source)
        raise RefusedError(401, "wrong", "the password is wrong")
    guard.logins.succeeded(who.name, who.source)
