"""The API of a dashboard as it would have answered at a moment: the same application, with a picture of the past before it."""

import asyncio
import logging
from collections.abc import MutableMapping
from dataclasses import dataclass, field, replace
from time import time_ns
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from flatbook.dashboard.app import create_app
from flatbook.dashboard.context import DashboardSettings
from flatbook.dashboard.past.asked import Answer
from flatbook.dashboard.past.nobody import Nobody
from flatbook.dashboard.security.from_desk import security_settings
from flatbook.dashboard.security.gate import Security
from flatbook.dashboard.security.refusals import Refusal
from flatbook.dashboard.security.users import Users
from flatbook.live.publisher import Publisher
from flatbook.live.snapshot import Snapshot

_LOG: Final = logging.getLogger("flatbook.past")
_OFTEN = 1e9  # requests a second: whoever asks was counted already
_PREFIX = "/api/v1"


class _Moment(Publisher):
    """Shows one picture, of any moment."""

    def show(self, snapshot: Snapshot) -> None:
        """This one from now on."""
        self._latest = snapshot


@dataclass(slots=True)
class _Told:
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message.get("body", b"")


class PagesOfPast:
    """The application, asked within this process: who may ask was found out before."""

    def __init__(self) -> None:
        self._publisher = _Moment()
        self._users = Users.in_memory()
        told = DashboardSettings(port=0)
        self._app = create_app(self._publisher, Nobody(), self._users, told)
        settings = replace(security_settings(told), requests_per_s=_OFTEN, requests_burst=_OFTEN)
        self._app.state.security = Security(users=self._users, settings=settings, clock=time_ns)
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        """Answer no more."""
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
        self._users.close()

    def get(self, snapshot: Snapshot, path: str, query: str) -> Answer:
        """What `GET /api/v1<path>?<query>` answers while this picture is the newest."""
        self._publisher.show(snapshot)
        told = _Told()
        kept = urlencode([(name, value) for name, value in parse_qsl(query) if name != "at"])
        try:
            self._loop.run_until_complete(self._app(_scope(path, kept), _receive, told.send))
        except Exception as e:  # one page is not worth the journal that was taken again
            _LOG.exception("%s of the past", path)
            body = Refusal(
                error="failed", message=f"this page of the past cannot be shown: {type(e).__name__}"
            )
            return Answer(status=500, body=body.model_dump_json().encode())
        media_type = told.headers.get("content-type", "application/json")
        return Answer(status=told.status, body=bytes(told.body), media_type=media_type)


async def _receive() -> MutableMapping[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


def _scope(path: str, query: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": _PREFIX + path,
        "raw_path": quote(_PREFIX + path).encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), (b"accept", b"application/json")],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
