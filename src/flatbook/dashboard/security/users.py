"""Users, their roles, and their API tokens, in one SQLite file of mode 0600.

The file holds hashes only. Server and command line open it at once: what one changes the other sees at its next question. `epoch` counts
what ends the sessions and tickets of a user: another role, another password, removal.
"""

import os
import re
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flatbook.dashboard.security.passwords import Passwords, demand_strong
from flatbook.dashboard.security.permissions import LOCAL, Role
from flatbook.dashboard.security.secrets import Secret, demand_private
from flatbook.model.errors import FlatbookError, InvalidValueError

_NAME = re.compile(r"[a-z][a-z0-9._-]{1,31}")
_FORMAT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT, epoch INTEGER NOT NULL, created_ns INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS tokens (
    id TEXT PRIMARY KEY, name TEXT NOT NULL REFERENCES users(name) ON DELETE CASCADE, label TEXT NOT NULL, role TEXT NOT NULL,
    hash TEXT NOT NULL, created_ns INTEGER NOT NULL, expires_ns INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS epochs (last INTEGER NOT NULL) STRICT;
"""


class UserError(FlatbookError):
    """A user or token that is there already, or is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who may come in."""

    name: str
    role: Role
    has_password: bool
    epoch: int
    created_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredToken:
    """An API token, without its secret."""

    id: str
    name: str  # of its user
    label: str
    role: Role  # at most the user's
    created_ns: int
    expires_ns: int


class Users:
    """The store. Every question is answered from the file."""

    def __init__(self, connection: sqlite3.Connection, passwords: Passwords) -> None:
        self.passwords = passwords
        self._connection = connection
        self._lock = threading.Lock()
        connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {_FORMAT}; COMMIT;")

    @classmethod
    def open(cls, path: Path, passwords: Passwords | None = None) -> "Users":
        """Open a store, or make one that nobody else may read.

        Raises
        ------
        InvalidValueError
            Others may read the file, or it is no store of users.
        """
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            demand_private(path, os.fstat(descriptor))
        finally:
            os.close(descriptor)
        connection = sqlite3.connect(path, timeout=5.0, check_same_thread=False, isolation_level=None)
        try:
            _demand_format(path, connection)
            connection.execute("PRAGMA foreign_keys = ON")
            return cls(connection, passwords or Passwords())
        except sqlite3.DatabaseError as e:
            connection.close()
            msg = f"{path}: no store of users: {e}"
            raise InvalidValueError(msg) from e
        except InvalidValueError:
            connection.close()
            raise

    @classmethod
    def in_memory(cls, passwords: Passwords | None = None) -> "Users":
        """A store that ends with the process, empty."""
        connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        connection.execute("PRAGMA foreign_keys = ON")
        return cls(connection, passwords or Passwords())

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._connection.close()

    def all(self) -> tuple[User, ...]:
        """By name."""
        return tuple(map(_user, self._rows(f"{_SELECT_USER} ORDER BY name")))

    def find(self, name: str) -> User | None:
        """The user of that name."""
        return next(map(_user, self._rows(f"{_SELECT_USER} WHERE name = ?", name)), None)

    @property
    def anybody(self) -> bool:
        """Whether a user is configured; while none is, who sits at the machine needs no login."""
        return bool(self._rows("SELECT 1 FROM users LIMIT 1"))

    @property
    def with_password(self) -> bool:
        """Whether somebody can log in by password."""
        return bool(self._rows("SELECT 1 FROM users WHERE password IS NOT NULL LIMIT 1"))

    def add(self, name: str, role: Role, password: Secret | None, now_ns: int) -> User:
        """Add a user; without a password only tokens let it in.

        Raises
        ------
        InvalidValueError
            A name or password that cannot be.
        UserError
            There is one of that name.
        """
        if not _NAME.fullmatch(name) or name in {LOCAL, "unknown"}:
            msg = f"user {name!r}: need 2 to 32 of a-z, 0-9, '.', '_', '-', a letter first, not {LOCAL!r} nor 'unknown'"
            raise InvalidValueError(msg)
        kept = self._hash_of(name, password)
        with self._changing() as rows:
            if rows.execute("SELECT 1 FROM users WHERE name = ?", (name,)).fetchone():
                msg = f"user {name}: there is one already"
                raise UserError(msg)
            values = (name, role.value, kept, _next_epoch(rows), now_ns)
            rows.execute("INSERT INTO users VALUES (?, ?, ?, ?, ?)", values)
        return self._known(name)

    def set_role(self, name: str, role: Role) -> User:
        """Give a user another role; its sessions end, and its tokens never exceed it.

        Raises
        ------
        UserError
            There is no such user, or nobody would be left who keeps users.
        """
        with self._changing() as rows:
            if role is not Role.ADMIN:
                _demand_another_admin(rows, name)
            self._change(rows, name, "role", role.value)
        return self._known(name)

    def set_password(self, name: str, password: Secret) -> User:
        """Give a user another password; its sessions end.

        Raises
        ------
        InvalidValueError
            A password that is guessed first.
        UserError
            There is no such user.
        """
        kept = self._hash_of(name, password)
        with self._changing() as rows:
            self._change(rows, name, "password", kept)
        return self._known(name)

    def remove(self, name: str) -> None:
        """Remove a user with its tokens; its sessions end.

        Raises
        ------
        UserError
            There is no such user, or nobody would be left who keeps users.
        """
        with self._changing() as rows:
            _demand_another_admin(rows, name)
            if not rows.execute("DELETE FROM users WHERE name = ?", (name,)).rowcount:
                raise _nobody(name)

    def login(self, name: str, password: Secret) -> User | None:
        """The user, where name and password fit; an unknown name takes as long as a wrong password."""
        row = next(iter(self._rows("SELECT password FROM users WHERE name = ?", name)), None)
        kept = None if row is None or row[0] is None else str(row[0])
        if not self.passwords.matches(kept, password.reveal()) or kept is None:
            return None
        if self.passwords.is_old(kept):
            made = self.passwords.hash(password.reveal())
            with self._changing() as rows:
                rows.execute(
                    "UPDATE users SET password = ? WHERE name = ? AND password = ?", (made, name, kept)
                )
        return self.find(name)

    def keep_token(self, token: StoredToken, kept: str) -> None:
        """Keep a token that `tokens` made.

        Raises
        ------
        UserError
            There is no such user.
        """
        values = (
            token.id,
            token.name,
            token.label,
            token.role.value,
            kept,
            token.created_ns,
            token.expires_ns,
        )
        with self._changing() as rows:
            if not rows.execute("SELECT 1 FROM users WHERE name = ?", (token.name,)).fetchone():
                raise _nobody(token.name)
            rows.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def tokens(self, name: str | None = None) -> tuple[StoredToken, ...]:
        """Of one user, or of all."""
        rows = self._rows(f"{_SELECT_TOKEN} WHERE ?1 IS NULL OR name = ?1 ORDER BY created_ns, id", name)
        return tuple(_token(row) for row in rows)

    def token(self, token_id: str) -> tuple[StoredToken, str] | None:
        """A token and the hash of its secret."""
        found = next(iter(self._rows(f"{_SELECT_TOKEN} WHERE id = ?", token_id)), None)
        return None if found is None else (_token(found), str(found[6]))

    def revoke_token(self, token_id: str, name: str | None = None) -> None:
        """End a token: of one user, or of whomever.

        Raises
        ------
        UserError
            There is no such token.
        """
        with self._changing() as rows:
            done = rows.execute(
                "DELETE FROM tokens WHERE id = ?1 AND (?2 IS NULL OR name = ?2)", (token_id, name)
            )
            if not done.rowcount:
                msg = f"token {token_id}: there is none of that id"
                raise UserError(msg)

    def _hash_of(self, name: str, password: Secret | None) -> str | None:
        if password is None:
            return None
        demand_strong(password.reveal(), name)
        return self.passwords.hash(password.reveal())

    def _known(self, name: str) -> User:
        found = self.find(name)
        if found is None:
            raise _nobody(name)
        return found

    def _change(self, rows: sqlite3.Cursor, name: str, column: str, value: str | None) -> None:
        changed = _CHANGES[column], (value, _next_epoch(rows), name)
        if not rows.execute(*changed).rowcount:
            raise _nobody(name)

    def _rows(self, question: str, *values: str | None) -> list[tuple[str | int | None, ...]]:
        with self._lock:
            return self._connection.execute(question, values).fetchall()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Cursor]:
        """One transaction: all of it, or nothing."""
        with self._lock:
            rows = self._connection.cursor()
            rows.execute("BEGIN IMMEDIATE")
            try:
                yield rows
            except BaseException:
                self._connection.rollback()
                raise
            self._connection.commit()


_SELECT_USER = "SELECT name, role, password IS NOT NULL, epoch, created_ns FROM users"
_SELECT_TOKEN = "SELECT id, name, label, role, created_ns, expires_ns, hash FROM tokens"  # noqa: S105 - a question
_CHANGES: Mapping[str, str] = {
    "role": "UPDATE users SET role = ?, epoch = ? WHERE name = ?",
    "password": "UPDATE users SET password = ?, epoch = ? WHERE name = ?",
}


def new_id() -> str:
    """An id that nobody guesses."""
    return secrets.token_hex(8)


def _demand_format(path: Path, connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found not in {0, _FORMAT}:
        msg = f"{path}: format {found} of users, need {_FORMAT}"
        raise InvalidValueError(msg)


def _next_epoch(rows: sqlite3.Cursor) -> int:
    """A number that no user ever had: who is added anew under an old name does not revive old sessions."""
    last = rows.execute("SELECT last FROM epochs").fetchone()
    if last is None:
        rows.execute("INSERT INTO epochs VALUES (1)")
        return 1
    rows.execute("UPDATE epochs SET last = last + 1")
    return int(last[0]) + 1


def _demand_another_admin(rows: sqlite3.Cursor, name: str) -> None:
    """Refuse to leave users, but nobody who keeps them."""
    (admin,) = rows.execute(
        "SELECT count(*) FROM users WHERE name = ? AND role = 'admin'", (name,)
    ).fetchone()
    (others,) = rows.execute(
        "SELECT count(*) FROM users WHERE name <> ? AND role = 'admin'", (name,)
    ).fetchone()
    (rest,) = rows.execute("SELECT count(*) FROM users WHERE name <> ?", (name,)).fetchone()
    if admin and rest and not others:
        msg = f"user {name}: the only admin; make somebody else one first"
        raise UserError(msg)


def _nobody(name: str) -> UserError:
    return UserError(f"user {name}: there is none of that name")


def _user(row: tuple[str | int | None, ...]) -> User:
    name, role, has_password, epoch, created_ns = row
    return User(
        name=str(name),
        role=Role(str(role)),
        has_password=bool(has_password),
        epoch=int(epoch or 0),
        created_ns=int(created_ns or 0),
    )


def _token(row: tuple[str | int | None, ...]) -> StoredToken:
    token_id, name, label, role, created_ns, expires_ns = row[:6]
    return StoredToken(
        id=str(token_id),
        name=str(name),
        label=str(label),
        role=Role(str(role)),
        created_ns=int(created_ns or 0),
        expires_ns=int(expires_ns or 0),
    )
