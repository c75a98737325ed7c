"""The dashboard as an application: pages, their API, the stream, and the security around them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI

from flatbook.dashboard.context import Archive, Context, DashboardSettings
from flatbook.dashboard.routes import (
    actions,
    capital,
    class_,
    desk,
    explain,
    hedges,
    journal,
    limits,
    moments,
    obligations,
    residual,
    session,
    slides,
    stream,
    surface,
)
from flatbook.dashboard.security.from_desk import security_settings
from flatbook.dashboard.security.gate import check_declared, install
from flatbook.dashboard.security.users import Users
from flatbook.dashboard.static_files import FALLBACK, StaticPages, bundle
from flatbook.dashboard.stream import Hub
from flatbook.dashboard.topics import TOPICS
from flatbook.live.operator import OperatorPort
from flatbook.live.publisher import Publisher

ROUTERS: tuple[Callable[[Context], APIRouter], ...] = (
    session.router,
    actions.router,
    desk.router,
    class_.router,
    slides.router,
    hedges.router,
    limits.router,
    capital.router,
    residual.router,
    explain.router,
    surface.router,
    obligations.router,
    journal.router,
    moments.router,
)
_DOCUMENT = "/api/v1/openapi.json"
OPEN_PATHS = (FALLBACK, _DOCUMENT)
"""What anybody may ask: pages without numbers, and what the API is."""


def create_app(
    publisher: Publisher,
    operator: OperatorPort,
    users: Users,
    settings: DashboardSettings,
    *,
    archive: Archive | None = None,
) -> FastAPI:
    """The application.

    Parameters
    ----------
    publisher : Publisher
        Of the event loop that runs the application.
    operator : OperatorPort
        Where an operator's facts go.
    users : Users
        Who may come in.
    settings : DashboardSettings
    archive : Archive, optional
        Days that were; without it there is no replay.

    Returns
    -------
    FastAPI
        With the hub of its stream at `state.hub`.

    Raises
    ------
    UndeclaredRouteError
        A route declares no permission.
    """
    context = Context(publisher=publisher, operator=operator, users=users, settings=settings, archive=archive)
    hub = Hub(publisher, TOPICS)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        hub.start()
        try:
            yield
        finally:
            await hub.stop()

    app = FastAPI(
        title="flatbook",
        version=version("flatbook"),
        summary="The live desk: exposure, limits, hedges, quotes, and what remains.",
        lifespan=lifespan,
        openapi_url=_DOCUMENT,
        docs_url=None,
        redoc_url=None,
    )
    app.state.hub = hub
    install(app, users, security_settings(settings))
    for make in ROUTERS:
        app.include_router(make(context))
    app.include_router(stream.router(hub))
    app.router.routes.append(StaticPages(bundle()).route())
    check_declared(app, public=OPEN_PATHS)
    return app
