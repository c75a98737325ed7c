"""What can go wrong between a program and the desk, each with the desk's own reason."""

from flatbook.model.errors import FlatbookError


class ClientError(FlatbookError):
    """The desk did not give what was asked for."""


class UnreachableError(ClientError):
    """Nobody answers at the address, or the line broke; of what was asked nothing is known."""


class ProtocolError(ClientError):
    """Whoever answers does not speak as a desk of this version does."""


class RefusedError(ClientError):
    """The desk answered, and refuses.

    Attributes
    ----------
    status : int
        Of HTTP; 0 where the stream was closed.
    code : str
        For programs, as "step_up".
    reason : str
        For people.
    fields : tuple of str
        Of the body, where those are at fault.
    """

    def __init__(self, status: int, code: str, reason: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(f"{reason} ({status} {code})" if status else f"{reason} ({code})")
        self.status, self.code, self.reason, self.fields = status, code, reason, fields


class UnauthorizedError(RefusedError):
    """Nobody is signed in: no token, a wrong or expired one, or a wrong password."""


class ForbiddenError(RefusedError):
    """Somebody is signed in who may not do this: by role, or because it asks for a person."""


class MissingError(RefusedError):
    """There is no such class, series, page or moment."""


class StartingError(RefusedError):
    """The desk has not shown anything yet; ask again in a moment."""


class TooOftenError(RefusedError):
    """Asked too often.

    Attributes
    ----------
    retry_after_s : float
        Wait so long.
    """

    retry_after_s: float = 1.0


_KINDS: dict[int, type[RefusedError]] = {
    401: UnauthorizedError,
    403: ForbiddenError,
    404: MissingError,
    429: TooOftenError,
    503: StartingError,
}


def refusal_of(status: int, code: str, reason: str, fields: tuple[str, ...] = ()) -> RefusedError:
    """The error that stands for an answer of the desk."""
    return _KINDS.get(status, RefusedError)(status, code, reason, fields)
