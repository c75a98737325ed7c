"""Secrets come from the environment or from a file that nobody else may read, and print as `***`."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from flatbook.model.errors import InvalidValueError

_LARGEST = 65_536


class Secret:
    """A secret; only `reveal` tells it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself, for whom it is meant."""
        return self._value

    def __repr__(self) -> str:
        """Never the secret."""
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        """Never the secret."""
        return format("***", spec)

    def __reduce__(self) -> str:
        """A secret is not written anywhere."""
        msg = "a Secret cannot be pickled or copied"
        raise TypeError(msg)

    def __eq__(self, other: object) -> bool:
        """By what is in it."""
        return isinstance(other, Secret) and self._value == other._value

    __hash__ = None  # type: ignore[assignment]


def secret_from(name: str, environment: Mapping[str, str]) -> Secret | None:
    """The secret in variable `name`, or in the file that `name`_FILE points to; None where there is neither.

    Raises
    ------
    InvalidValueError
        Both are given, or the file is not ours alone.
    """
    value, path = environment.get(name), environment.get(f"{name}_FILE")
    if value and path:
        msg = f"secret {name}: give {name} or {name}_FILE, not both"
        raise InvalidValueError(msg)
    if path:
        return read_secret(Path(path))
    return Secret(value) if value else None


def read_secret(path: Path) -> Secret:
    """The secret in a file of mode 0600 or less that belongs to us; a line end at its end is not part of it.

    Raises
    ------
    InvalidValueError
        It cannot be read, is empty or endless, or others may read or write it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as e:
        msg = f"secret file {path}: {e.strerror}"
        raise InvalidValueError(msg) from e
    try:
        demand_private(path, os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            raw = file.read(_LARGEST + 1)
    finally:
        os.close(descriptor)
    try:
        text = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError as e:
        msg = f"secret file {path}: it is no UTF-8 text"
        raise InvalidValueError(msg) from e.with_traceback(None)
    if not text or len(raw) > _LARGEST:
        msg = f"secret file {path}: need 1 to {_LARGEST} bytes, found {len(raw)}"
        raise InvalidValueError(msg)
    return Secret(text)


def demand_private(path: Path, found: os.stat_result) -> None:
    """Refuse a file that is not ours alone.

    Raises
    ------
    InvalidValueError
        It is no regular file, belongs to somebody else, or its mode lets others in.
    """
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISREG(found.st_mode):
        fault = "it is no regular file"
    elif found.st_uid not in {os.geteuid(), 0}:
        fault = f"it belongs to user {found.st_uid}, need {os.geteuid()}"
    elif mode & 0o077:
        fault = f"its mode is {mode:04o}, need 0600 or less: chmod 600 {path}"
    else:
        return
    msg = f"{path}: {fault}"
    raise InvalidValueError(msg)
