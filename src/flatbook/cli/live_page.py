"""The dashboard of a desk at work, in its process and on its event loop; what was is read by a process beside it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext

import uvicorn
from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import ASGIApp

from flatbook.cli.foyer import Foyer
from flatbook.cli.live_door import Door
from flatbook.dashboard.app import OPEN_PATHS, create_app
from flatbook.dashboard.past.process import PastProcess
from flatbook.dashboard.security.gate import Guarded, check_declared
from flatbook.dashboard.security.permissions import Permission
from flatbook.live.health import METRICS, PUBLIC, Health
from flatbook.live.service import Service, Terms

_STOPS_S = 2
_ASKED_BYTES_MOST = 4_096  # what a page may say in one message: it says which topics it wants


class _Server(uvicorn.Server):
    """One that leaves signals to the desk."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: the desk stops first."""
        yield


async def page_beside(service: Service, foyer: Foyer, door: Door, terms: Terms) -> None:
    """Let readers from the foyer in to the pages, until cancelled."""
    journal = terms.journal if door.settings.replay else None
    with nullcontext() if journal is None else PastProcess(journal) as past:
        app = create_app(service.publisher, service.operator, door.users, door.settings, archive=past)
        _watched(app, Health(service.publisher, service.metrics))
        app.openapi()  # made once, before the desk has to wait for it
        async with foyer.opened(app):
            await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, door: Door) -> AsyncIterator[asyncio.Task[None]]:
    """An application at a door, entered once it listens; the task ends when it serves no more."""
    settings = door.settings
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, proxy_headers=settings.behind_proxy,
        ws="websockets-sansio", ws_per_message_deflate=False, ws_max_size=_ASKED_BYTES_MOST,
        ssl_certfile=settings.tls_certificate or None, ssl_keyfile=settings.tls_key or None,
        timeout_graceful_shutdown=_STOPS_S,
    )  # fmt: skip
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[door.listening]))
    try:
        while not (server.started or task.done()):
            await asyncio.sleep(0.01)
        yield task
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)


def _watched(app: FastAPI, health: Health) -> None:
    """Health for anybody, metrics for those who may read, before what catches all; nothing else without a permission."""
    metrics = Route(METRICS, Guarded(health.metrics_app, Permission.READ), methods=["GET"])
    app.router.routes[:0] = [*health.routes(), metrics]
    check_declared(app, public=(*OPEN_PATHS, *PUBLIC))
