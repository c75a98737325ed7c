"""What every set of terms that somebody configures is made of."""

import msgspec

from flatbook.model.errors import InvalidValueError


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything a desk file may say."""


def demand(holds: bool, message: str) -> None:
    """Refuse terms that cannot be meant.

    Raises
    ------
    InvalidValueError
        `holds` is false; it says `message`.
    """
    if not holds:
        raise InvalidValueError(message)
