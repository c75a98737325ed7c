"""The Residual page by request: the same as the topic `residual` of the stream."""

from typing import Annotated

from fastapi import APIRouter, Depends

from flatbook.dashboard.context import Context
from flatbook.dashboard.security.gate import require
from flatbook.dashboard.security.permissions import Permission, Principal
from flatbook.dashboard.security.refusals import REFUSALS
from flatbook.dashboard.views.residual import Residual, residual

Reader = Annotated[Principal, Depends(require(Permission.READ))]


def router(context: Context) -> APIRouter:
    """Routes under `/api/v1/residual`."""
    routes = APIRouter(prefix="/api/v1/residual", tags=["residual"], responses=REFUSALS)

    @routes.get("")
    def show_residual(_: Reader) -> Residual:
        """What the hedges leave behind: by kind, entry by entry, against the factor model. Made beside the event loop."""
        return residual(context.snapshot())

    return routes
