"""Passwords and the secrets of tokens, by Argon2id (RFC 9106, through argon2-cffi).

A password costs 64 MiB and three passes on one lane, so that a login never takes more than one core from the desk. The secret of a
token is 256 random bits, which nobody guesses: it needs no cost, only that the store does not hold it.
"""

import secrets
import unicodedata

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from flatbook.model.errors import InvalidValueError

PASSWORD_LENGTH_MIN = 12
PASSWORD_LENGTH_MAX = 256


def costly() -> PasswordHasher:
    """For what a person chose."""
    return PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=1, type=Type.ID)


def cheap() -> PasswordHasher:
    """For 256 random bits."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, type=Type.ID)


class Passwords:
    """Hashes passwords, and takes as long over a user that is not there."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or costly()
        self._nobody = self._hasher.hash(secrets.token_urlsafe(32))

    def hash(self, password: str) -> str:
        """What the store keeps."""
        return self._hasher.hash(_canonical(password))

    def matches(self, kept: str | None, password: str) -> bool:
        """Whether `password` is the one behind `kept`; with None the same work, and False."""
        try:
            self._hasher.verify(kept or self._nobody, _canonical(password))
        except (VerificationError, InvalidHashError):
            return False
        return kept is not None

    def is_old(self, kept: str) -> bool:
        """Whether it was made at another cost and should be made anew at the next login."""
        return self._hasher.check_needs_rehash(kept)


def demand_strong(password: str, name: str) -> None:
    """Refuse a password that is guessed first.

    Raises
    ------
    InvalidValueError
        It is short, endless, the same few characters, or the name of the user.
    """
    fault = ""
    if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
        fault = f"need {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters, was {len(password)}"
    elif len(set(password)) < 5:
        fault = "need five different characters or more"
    elif name.casefold() in password.casefold() and len(password) < len(name) + 8:
        fault = "it is little more than the name of the user"
    if fault:
        msg = f"password of {name}: {fault}; three or four words of your own are good"
        raise InvalidValueError(msg)


def _canonical(password: str) -> str:
    """The same bytes for the same characters, however a keyboard composed them."""
    return unicodedata.normalize("NFC", password.encode("utf-8", "replace").decode())
