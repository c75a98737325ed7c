"""Users, for an admin: who may come in, and as what. Passwords are set here or on the command line, and told nowhere."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from flatbook.dashboard.security.audit import record
from flatbook.dashboard.security.bodies import StrictBody
from flatbook.dashboard.security.gate import require, security_of
from flatbook.dashboard.security.passwords import PASSWORD_LENGTH_MAX
from flatbook.dashboard.security.permissions import Permission, Principal, Role
from flatbook.dashboard.security.secrets import Secret
from flatbook.dashboard.security.users import User
from flatbook.model.operator_events import Outcome

_RoleName = Annotated[str, Field(pattern=f"^({'|'.join(Role)})$")]
_Password = Annotated[str, Field(min_length=1, max_length=PASSWORD_LENGTH_MAX)]
_Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9._-]{1,31}$")]
Admin = Annotated[Principal, Depends(require(Permission.USERS))]


class UserBody(StrictBody):
    """A user to be added."""

    name: Annotated[str, Field(max_length=32)]
    role: _RoleName
    password: _Password


class RoleBody(StrictBody):
    """Another role."""

    role: _RoleName


class PasswordOfBody(StrictBody):
    """Another password for somebody."""

    password: _Password


class UserView(BaseModel):
    """Somebody who may come in."""

    name: str
    role: str
    has_password: bool
    created_ns: str


routes = APIRouter(prefix="/api/v1/users", tags=["users"])


@routes.get("")
async def list_users(_: Admin, request: Request) -> list[UserView]:
    """All, by name."""
    return [_view(user) for user in security_of(request).users.all()]


@routes.post("", status_code=201)
async def add_user(body: UserBody, who: Admin, request: Request) -> UserView:
    """Add one. With the first, nobody comes in without a password any more."""
    security = security_of(request)
    added = await run_in_threadpool(
        security.users.add, body.name, Role(body.role), Secret(body.password), security.clock()
    )
    await _record(request, who, "user added", f"{added.name} as {added.role.value}")
    return _view(added)


@routes.post("/{name}/role")
async def set_role(name: _Name, body: RoleBody, who: Admin, request: Request) -> UserView:
    """Give another role; the sessions of the user end."""
    changed = security_of(request).users.set_role(name, Role(body.role))
    await _record(request, who, "role set", f"{name} to {body.role}")
    return _view(changed)


@routes.post("/{name}/password")
async def set_password(name: _Name, body: PasswordOfBody, who: Admin, request: Request) -> UserView:
    """Give another password; the sessions of the user end."""
    users = security_of(request).users
    changed = await run_in_threadpool(users.set_password, name, Secret(body.password))
    await _record(request, who, "password set", name)
    return _view(changed)


@routes.delete("/{name}", status_code=204)
async def remove_user(name: _Name, who: Admin, request: Request) -> None:
    """Remove one, with sessions and tokens."""
    security_of(request).users.remove(name)
    await _record(request, who, "user removed", name)


async def _record(request: Request, who: Principal, action: str, target: str) -> None:
    await record(request.state.operator, who, action, Outcome.DONE, target)


def _view(user: User) -> UserView:
    return UserView(
        name=user.name,
        role=user.role.value,
        has_password=user.has_password,
        created_ns=str(user.created_ns),
    )
