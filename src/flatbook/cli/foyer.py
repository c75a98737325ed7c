"""What a browser is shown at the door until the desk is there: how far its start is.

Compiling the kernels takes a minute or two, once for a copy of flatbook; the address answers from the first second.
"""

import contextlib
import html
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from flatbook.dashboard.static_files import bundle

_AGAIN_S = 1
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="{again}"><title>flatbook is starting</title>
<meta name="color-scheme" content="light dark"><link rel="icon" href="/favicon.svg">{style}</head>
<body><main class="foyer"><h1>flatbook</h1><p>The desk is starting.</p><p>{told}</p></main></body></html>
"""
_POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


class Foyer:
    """An application that tells how far the start is, until another is let in behind the same door."""

    def __init__(self) -> None:
        self.told = ""  # what is being done, for a person
        self._inside: ASGIApp | None = None
        self._files = bundle()

    @contextlib.asynccontextmanager
    async def opened(self, app: FastAPI) -> AsyncIterator[None]:
        """From now on everything is answered by `app`, which is started here and ended at the end."""
        async with app.router.lifespan_context(app):
            self._inside = app
            try:
                yield
            finally:
                self._inside = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on to whoever is inside."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif self._inside is not None:
            await self._inside(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(Request(scope))(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1013})

    def _answer(self, request: Request) -> Response:
        path = request.url.path.lstrip("/")
        kept = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
        if path == "healthz":
            return JSONResponse({"alive": True, "publications": 0}, headers=kept)
        if path == "readyz":
            waits = {"ready": False, "standing": "STARTING", "reason": self.told}
            return JSONResponse(waits, 503, headers=kept)
        if path.startswith("api/") or path == "metrics":
            refused = {"error": "starting", "detail": f"the desk is starting: {self.told}"}
            return JSONResponse(refused, 503, headers={**kept, "retry-after": str(_AGAIN_S)})
        found = self._files.get(path)
        if found is not None and not path.endswith(".html"):
            return Response(found.body, media_type=found.media_type, headers=kept)
        return HTMLResponse(self._page(), headers={**kept, "content-security-policy": _POLICY})

    def _page(self) -> str:
        styles = [name for name in self._files if name.endswith(".css")]
        style = "".join(f'<link rel="stylesheet" href="/{name}">' for name in styles)
        return _PAGE.format(again=_AGAIN_S, style=style, told=html.escape(self.told))


async def _live(receive: Receive, send: Send) -> None:
    while True:
        told = await receive()
        await send({"type": f"{told['type']}.complete"})
        if told["type"] == "lifespan.shutdown":
            return
