"""How a request is refused: a status, a code for programs, and a sentence for people; never what was sent, which may hold a secret."""

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from flatbook.model.errors import FlatbookError


class Refusal(BaseModel):
    """The body of every refusal."""

    error: str  # code, as "csrf"
    message: str
    fields: list[str] = []  # of the body, where those are at fault


class RefusedError(HTTPException):
    """A request that is refused, with its code."""

    def __init__(self, status: int, error: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, message, headers)
        self.error = error


_TEXTS = {
    400: "not a request",
    401: "nobody is signed in",
    403: "not allowed: by role, by where it came from, or without the CSRF header",
    404: "there is none",
    405: "another method",
    408: "the body came too slowly",
    409: "the desk refuses",
    413: "the body is too large",
    415: "the body is no JSON",
    421: "another host",
    422: "a field is at fault",
    429: "too often",
    503: "the desk has not started yet",
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal, "description": text} for status, text in _TEXTS.items()
}
"""For `APIRouter(responses=REFUSALS)`: what any route may answer."""


def refusal(status: int, error: str, message: str, fields: list[str] | None = None) -> JSONResponse:
    """The answer to a request that is refused."""
    body = Refusal(error=error, message=message, fields=fields or [])
    return JSONResponse(body.model_dump(), status)


async def send_refusal(response: JSONResponse, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer without anybody behind being asked."""
    await response(scope, receive, send)


def install_refusals(app: FastAPI) -> None:
    """Let an application refuse in this manner, whatever went wrong."""
    app.add_exception_handler(RequestValidationError, _on_bad_fields)
    app.add_exception_handler(FlatbookError, _on_domain)
    app.add_exception_handler(HTTPException, _on_refused)


async def _on_refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException), "registered for it"
    code = getattr(error, "error", "") or _TEXTS.get(error.status_code, "refused").partition(":")[0]
    response = refusal(error.status_code, code.replace(" ", "_"), str(error.detail))
    response.headers.update(error.headers or {})
    return response


async def _on_domain(_: Request, error: Exception) -> JSONResponse:
    return refusal(409, "refused", str(error).encode("utf-8", "replace").decode())


async def _on_bad_fields(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError), "registered for it"
    fields = [_where(one) for one in error.errors()]
    told = [f"{where}: {one['msg']}" for where, one in zip(fields, error.errors(), strict=True)]
    return refusal(422, "fields", "; ".join(told[:10]).encode("utf-8", "replace").decode(), fields[:10])


def _where(one: Any) -> str:
    """Which field, by names of ours only: a name that was sent may hold anything."""
    known = one["loc"][:-1] if one["type"] == "extra_forbidden" else one["loc"]
    return ".".join(str(part) for part in known)
