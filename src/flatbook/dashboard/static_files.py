"""The built pages: read once at start, small enough to keep; every address that is no file is the page itself."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from flatbook.dashboard.security.refusals import refusal

PAGE = "index.html"
FALLBACK = "/{path:path}"
_HASHED = "assets/"
_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "html": "text/html; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
        "css": "text/css; charset=utf-8",
        "svg": "image/svg+xml",
        "json": "application/json",
        "woff2": "font/woff2",
    }
)
_KEPT_SMALL = ".gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    """One file of the bundle."""

    body: bytes
    shrunk: bytes | None  # gzip; None where that gains nothing
    media_type: str
    etag: str
    forever: bool  # its name holds the hash of its content


def bundle() -> dict[str, StaticFile]:
    """Files of the bundle by their path, without the `.gz` of those that are kept compressed; empty where none was built."""
    found = _below(files("flatbook.dashboard") / "static", "")
    told = ((name.removesuffix(_KEPT_SMALL), name, each) for name, each in found)
    return {path: _file(path, name, each.read_bytes()) for path, name, each in told if _type_of(path)}


class StaticPages:
    """Answers everything that is no API."""

    def __init__(self, found: Mapping[str, StaticFile]) -> None:
        self._files = found

    def route(self) -> Route:
        """The last route of an application."""
        return Route(FALLBACK, self.answer, methods=["GET"], include_in_schema=False)

    async def answer(self, request: Request) -> Response:
        """A file, else the page."""
        path = str(request.path_params["path"])
        if path.startswith("api/"):
            return refusal(404, "none", "there is no such route; GET /api/v1/openapi.json tells all")
        if path.startswith(_HASHED) and path not in self._files:
            return PlainTextResponse("there is no such file", 404)
        found = self._files.get(path) or self._files.get(PAGE)
        if found is None:
            return PlainTextResponse("the pages were not built: run `make frontend`", 503)
        kept = "public, max-age=31536000, immutable" if found.forever else "no-cache"
        headers = {"cache-control": kept, "etag": found.etag, "vary": "accept-encoding"}
        if request.headers.get("if-none-match") == found.etag:
            return Response(status_code=304, headers=headers)
        body = found.body
        if found.shrunk is not None and "gzip" in request.headers.get("accept-encoding", ""):
            body, headers["content-encoding"] = found.shrunk, "gzip"
        return Response(body, headers=headers, media_type=found.media_type)


def _below(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    if not folder.is_dir():
        return []
    out: list[tuple[str, Traversable]] = []
    for each in sorted(folder.iterdir(), key=lambda one: one.name):
        name = f"{prefix}{each.name}"
        out += _below(each, f"{name}/") if each.is_dir() else [(name, each)]
    return out


def _type_of(name: str) -> str:
    return _TYPES.get(name.rpartition(".")[2], "")


def _file(path: str, name: str, raw: bytes) -> StaticFile:
    if name.endswith(_KEPT_SMALL):
        body, shrunk = gzip.decompress(raw), raw
    else:
        body, shrunk = raw, gzip.compress(raw, 9, mtime=0)
    return StaticFile(
        body=body,
        shrunk=shrunk if len(shrunk) < len(body) else None,
        media_type=_type_of(path),
        etag=f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        forever=path.startswith(_HASHED),
    )
