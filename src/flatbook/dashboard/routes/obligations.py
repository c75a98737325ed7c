"""The Obligations page by request: the same as the topics `obligations` and `duty:` of the stream."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from flatbook.dashboard.context import Context
from flatbook.dashboard.routes.missing import missing_is_404
from flatbook.dashboard.security.gate import require
from flatbook.dashboard.security.permissions import Permission, Principal
from flatbook.dashboard.security.refusals import REFUSALS
from flatbook.dashboard.views.obligations import (
    DutyDetail,
    Obligations,
    duty_detail,
    obligations,
)

Reader = Annotated[Principal, Depends(require(Permission.READ))]


def router(context: Context) -> APIRouter:
    """Routes under `/api/v1/obligations`."""
    routes = APIRouter(prefix="/api/v1/obligations", tags=["obligations"], responses=REFUSALS)

    @routes.get("")
    async def show_obligations(_: Reader) -> Obligations:
        """Duties with their clocks, least headroom first, and how full every protection is."""
        return obligations(context.snapshot())

    @routes.get("/duty")
    async def show_duty(_: Reader, name: Annotated[str, Query(min_length=1, max_length=200)]) -> DutyDetail:
        """The series of one duty: those that do not count now, then the widest against what is allowed."""
        with missing_is_404():
            return duty_detail(context.snapshot(), name)

    return routes
