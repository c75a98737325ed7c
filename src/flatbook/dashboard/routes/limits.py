"""The Limits page by request."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from flatbook.dashboard.context import Context
from flatbook.dashboard.routes.missing import missing_is_404
from flatbook.dashboard.security.gate import require
from flatbook.dashboard.security.permissions import Permission, Principal
from flatbook.dashboard.security.refusals import REFUSALS
from flatbook.dashboard.views.limits import Limits, limits


def router(context: Context) -> APIRouter:
    """Routes under `/api/v1/limits`."""
    routes = APIRouter(prefix="/api/v1/limits", tags=["limits"], responses=REFUSALS)

    @routes.get("")
    async def show_limits(
        _: Annotated[Principal, Depends(require(Permission.READ))],
        limit: Annotated[str, Query(max_length=200)] = "",
    ) -> Limits:
        """Every limit by what it bounds, what each asks for, overrides in force; `limit` is the one that the page looks at."""
        with missing_is_404():
            return limits(context.snapshot(), limit)

    return routes
