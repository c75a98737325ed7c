"""What every answer tells a browser to refuse, and the Host by which it was asked.

Plain ASGI, so that a stream of many messages is not read twice. Source of the headers: OWASP secure headers; CSP level 3.
"""

from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flatbook.dashboard.security.origin import Origins
from flatbook.dashboard.security.refusals import refusal, send_refusal

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
STRICT_TRANSPORT = "max-age=31536000"


class SecurityHeaders:
    """Adds the headers to every answer, and answers nobody who asked for another host."""

    def __init__(self, app: ASGIApp, origins: Origins, encrypted: bool) -> None:
        self._app, self._origins = app, origins
        self._headers = dict(HEADERS)
        if encrypted:
            self._headers["strict-transport-security"] = STRICT_TRANSPORT

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        private = str(scope["path"]).startswith("/api/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                if private:
                    headers["cache-control"] = "no-store"
            await send(message)

        if self._origins.host_is_ours(Headers(scope=scope).getlist("host")):
            await self._app(scope, receive, send_with_headers)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "foreign host"})
        else:
            foreign = refusal(
                421,
                "foreign_host",
                "this is not a name of this server; open it by the address that it prints",
            )
            await send_refusal(foreign, scope, receive, send_with_headers)
