"""What a body may be: JSON of at most 64 kB, the fields that are declared and no other, finite numbers, one line of text.

Python's JSON reads NaN, Infinity and 1e999; a limit of that size is none. FastAPI takes them unless it is told not to.
"""

import asyncio
import math
import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flatbook.dashboard.security.refusals import refusal, send_refusal

BODY_WITHIN_S = 10.0
_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class StrictBody(BaseModel):
    """Base of every body: nothing more than is declared, nothing converted, nothing infinite."""

    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, frozen=True, hide_input_in_errors=True
    )


def one_line(text: str) -> str:
    """The text, if it can stand on one line of a log, a page and a journal.

    Raises
    ------
    ValueError
        It is empty but for blanks, or holds control characters, half characters, or marks that turn the direction of writing.
    """
    if any(unicodedata.category(each) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for each in text):
        msg = "must be one line of plain text"
        raise ValueError(msg)
    if not text.strip():
        msg = "must not be empty"
        raise ValueError(msg)
    return text.strip()


Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(one_line)
]
"""A name as the desk writes it."""
LineOrNone = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=200),
    AfterValidator(lambda text: text and one_line(text)),
]
"""A name, or none at all."""
Why = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=4, max_length=500), AfterValidator(one_line)
]
"""A reason that somebody will read in a year."""


class BodyLimit:
    """Lets no body through that is too large or no JSON, however it says what it is."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                body = await self._read(receive)
        except TimeoutError:
            slow = refusal(408, "body_too_slow", f"a body comes within {BODY_WITHIN_S:g} s")
            slow.headers["connection"] = "close"
            await send_refusal(slow, scope, receive, send)
            return
        if body is None:
            large = refusal(413, "body_too_large", f"a body has at most {self._most} bytes")
            large.headers["connection"] = "close"
            await send_refusal(large, scope, receive, send)
        elif body and scope["method"] in _UNSAFE and not _is_json(Headers(scope=scope)):
            plain = refusal(415, "no_json", "a body is sent as application/json")
            await send_refusal(plain, scope, receive, send)
        else:
            await self._app(scope, _once(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        """All of it, or None as soon as it is too large."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return b"".join(parts)
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._most:
                return None
            if not message.get("more_body", False):
                return b"".join(parts)


def _once(body: bytes, receive: Receive) -> Receive:
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _is_json(headers: Headers) -> bool:
    kinds = headers.getlist("content-type")
    return len(kinds) == 1 and kinds[0].partition(";")[0].strip().lower() == "application/json"


def finite(value: Any) -> Any:
    """A float for JSON: None in place of one that is none."""
    return value if not isinstance(value, float) or math.isfinite(value) else None
