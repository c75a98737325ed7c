"""The Desk page by request: the same as the topic `desk` of the stream, and the header of all pages."""

from typing import Annotated

from fastapi import APIRouter, Depends

from flatbook.dashboard.context import Context
from flatbook.dashboard.security.gate import require
from flatbook.dashboard.security.permissions import Permission, Principal
from flatbook.dashboard.security.refusals import REFUSALS
from flatbook.dashboard.views.desk import Desk, desk
from flatbook.dashboard.views.head import Head, head

Reader = Annotated[Principal, Depends(require(Permission.READ))]


def router(context: Context) -> APIRouter:
    """Routes under `/api/v1`."""
    routes = APIRouter(prefix="/api/v1", tags=["desk"], responses=REFUSALS)

    @routes.get("/head")
    async def show_head(_: Reader) -> Head:
        """How the desk stands: mode, P&L, capital, freshness, speed, alerts, kills."""
        return head(context.snapshot())

    @routes.get("/desk")
    async def show_desk(_: Reader) -> Desk:
        """Limits worst first, exposure by underlying, risk price, and the story in sentences."""
        return desk(context.snapshot())

    return routes
