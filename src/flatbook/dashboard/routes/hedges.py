"""The Hedges page by request; its menu is computed in a thread, once for all who ask within a moment."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from flatbook.dashboard.context import Context
from flatbook.dashboard.kept import Kept
from flatbook.dashboard.routes.missing import missing_is_404
from flatbook.dashboard.security.gate import require
from flatbook.dashboard.security.permissions import Permission, Principal
from flatbook.dashboard.security.refusals import REFUSALS
from flatbook.dashboard.views.hedge_menu import DESK, Menu, menu
from flatbook.dashboard.views.hedges import Hedges, hedges

Reader = Annotated[Principal, Depends(require(Permission.READ))]


def router(context: Context) -> APIRouter:
    """Routes under `/api/v1/hedges`."""
    routes = APIRouter(prefix="/api/v1/hedges", tags=["hedges"], responses=REFUSALS)
    kept: Kept[Menu] = Kept()

    @routes.get("")
    async def show_hedges(_: Reader) -> Hedges:
        """What each underlying's delta asks for, hedge orders at work, and what those that are done cost."""
        return hedges(context.snapshot())

    @routes.get("/menu")
    def show_menu(_: Reader, scope: Annotated[str, Query(min_length=1, max_length=64)] = DESK) -> Menu:
        """Every candidate trade, cost against risk removed, and the plan that is best now; `took_ms` says how long it took."""
        snapshot = context.snapshot()
        with missing_is_404():
            return kept.answer(snapshot, scope, lambda: menu(snapshot, scope))

    return routes
