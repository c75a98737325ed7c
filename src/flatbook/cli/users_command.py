"""`flatbook users`: who may open the dashboard, and as what. A password is asked for, never taken from the command line."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flatbook.model.errors import FlatbookError

if TYPE_CHECKING:
    from flatbook.dashboard.security.secrets import Secret
    from flatbook.dashboard.security.users import Users

users_app = typer.Typer(
    help="Add, list and remove users of the dashboard, and make API tokens for programs.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
_PASSWORD = "FLATBOOK_PASSWORD"  # noqa: S105 - the name of a variable
_DAY_NS = 86_400 * 1_000_000_000


class RoleName(StrEnum):
    """The values of `flatbook.dashboard.security.permissions.Role`, which is slow to import."""

    VIEWER = "viewer"
    TRADER = "trader"
    RISK_OFFICER = "risk_officer"
    ADMIN = "admin"


Name = Annotated[str, typer.Argument(help="Of the user: lower case, 2 to 32 characters.")]
Store = Annotated[
    Path | None,
    typer.Option(
        "--users",
        help="The file of users. Default: FLATBOOK_USERS, else flatbook/users.db below XDG_DATA_HOME or ~/.local/share.",
    ),
]


@users_app.command("add")
def add(
    name: Name,
    role: Annotated[
        RoleName,
        typer.Option(
            help="viewer reads; trader also hedges, pulls and kills; risk_officer also limits and releases; admin keeps users."
        ),
    ],
    password: Annotated[
        bool, typer.Option("--password/--no-password", help="Without one only API tokens let the user in.")
    ] = True,
    users: Store = None,
) -> None:
    """Add a user; the password is asked for twice, or read from FLATBOOK_PASSWORD or the file FLATBOOK_PASSWORD_FILE (mode 0600).

    With the first user nobody opens the dashboard without a password any more.

    Example: [bold]flatbook users add anna --role risk_officer[/bold]
    """
    from flatbook.dashboard.security.permissions import Role  # noqa: PLC0415 - heavy imports wait

    with _store(users) as store:
        secret = _password_of(name) if password else None
        added = store.add(name, Role(role.value), secret, time.time_ns())
        typer.echo(f"{added.name}: added as {added.role.value}")


@users_app.command("list")
def list_all(users: Store = None) -> None:
    """List users and their API tokens; secrets are kept nowhere."""
    with _store(users) as store:
        for user in store.all():
            how = "password" if user.has_password else "tokens only"
            typer.echo(f"{user.name:<20} {user.role.value:<13} {how}")
            for token in store.tokens(user.name):
                left = (token.expires_ns - time.time_ns()) / _DAY_NS
                until = f"{left:.0f} days left" if left > 0.0 else "expired"
                typer.echo(f"  token {token.id}  {token.role.value:<13} {until}  {token.label}")
        if not store.anybody:
            typer.echo("no users: on its own machine the dashboard needs no login")


@users_app.command("remove")
def remove(name: Name, users: Store = None) -> None:
    """Remove a user; sessions and tokens end at once."""
    with _store(users) as store:
        store.remove(name)
        typer.echo(f"{name}: removed")


@users_app.command("role")
def set_role(
    name: Name, role: Annotated[RoleName, typer.Argument(help="From now on.")], users: Store = None
) -> None:
    """Give a user another role; sessions end at once."""
    from flatbook.dashboard.security.permissions import Role  # noqa: PLC0415 - heavy imports wait

    with _store(users) as store:
        typer.echo(f"{name}: {store.set_role(name, Role(role.value)).role.value}")


@users_app.command("password")
def set_password(name: Name, users: Store = None) -> None:
    """Give a user another password; sessions end at once."""
    with _store(users) as store:
        store.set_password(name, _password_of(name))
        typer.echo(f"{name}: password set")


@users_app.command("token")
def token(
    name: Name,
    label: Annotated[str, typer.Option(help="What it is for.")],
    role: Annotated[
        RoleName | None, typer.Option(help="At most the user's own, which is the default.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="Until it ends.")] = 30,
    users: Store = None,
) -> None:
    """Make an API token and print it once; programs send it as 'Authorization: Bearer TOKEN'.

    Example: [bold]flatbook users token anna --label notebook --role viewer --days 7[/bold]
    """
    from flatbook.dashboard.security.permissions import Role  # noqa: PLC0415 - heavy imports wait
    from flatbook.dashboard.security.settings import SecuritySettings  # noqa: PLC0415
    from flatbook.dashboard.security.tokens import Tokens  # noqa: PLC0415

    with _store(users) as store:
        owner = store.find(name)
        if owner is None:
            msg = f"user {name}: there is none of that name"
            raise FlatbookError(msg)
        wanted = owner.role if role is None else Role(role.value)
        secret, made = Tokens(store, SecuritySettings(), time.time_ns).make(owner, label, wanted, days)
        typer.echo(
            f"token {made.id} of {name} as {made.role.value}, {days} days; it is shown this once:", err=True
        )
        typer.echo(secret.reveal())


@users_app.command("revoke")
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="TOKEN_ID", help="As `flatbook users list` shows it.")],
    users: Store = None,
) -> None:
    """Revoke an API token; it ends at once."""
    with _store(users) as store:
        store.revoke_token(token_id)
        typer.echo(f"token {token_id}: revoked")


@contextmanager
def _store(told: Path | None) -> "Iterator[Users]":
    from flatbook.dashboard.security.places import users_path  # noqa: PLC0415 - heavy imports wait
    from flatbook.dashboard.security.users import Users  # noqa: PLC0415

    store = Users.open(told or users_path(os.environ))
    try:
        yield store
    finally:
        store.close()


def _password_of(name: str) -> "Secret":
    from flatbook.dashboard.security.secrets import Secret, secret_from  # noqa: PLC0415 - heavy imports wait

    found = secret_from(_PASSWORD, os.environ)
    if found is not None:
        return found
    return Secret(typer.prompt(f"Password of {name}", hide_input=True, confirmation_prompt=True))
