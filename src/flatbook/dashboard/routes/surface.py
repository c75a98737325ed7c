"""The Surface page by request: what the stream tells of one underlying, and the whole report of all smiles."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from flatbook.dashboard.context import Context
from flatbook.dashboard.routes.missing import missing_is_404
from flatbook.dashboard.security.gate import require
from flatbook.dashboard.security.permissions import Permission, Principal
from flatbook.dashboard.security.refusals import REFUSALS
from flatbook.dashboard.views.surface import SurfacePage, surface_page
from flatbook.reports.surface_report import encode_surface, surface_report
from flatbook.reports.surface_schema import SurfaceSources

Reader = Annotated[Principal, Depends(require(Permission.READ))]
_REPORT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`flatbook.surface/1`: every smile with its quotes, curve and density",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


def router(context: Context) -> APIRouter:
    """Routes under `/api/v1/surface`."""
    routes = APIRouter(prefix="/api/v1/surface", tags=["surface"], responses=REFUSALS)

    @routes.get("", response_class=Response, responses=_REPORT)
    def show_report(_: Reader) -> Response:
        """The surface report of this moment, as `flatbook fit` writes it. Made beside the event loop: it may be long."""
        snapshot = context.snapshot()
        sources = SurfaceSources(market=snapshot.cycle.desk.name, format=snapshot.mode.value.lower())
        report = surface_report(snapshot.cycle.market, sources=sources)
        return Response(encode_surface(report), media_type="application/json")

    @routes.get("/{name}")
    def show_surface(_: Reader, name: str) -> SurfacePage:
        """Every smile of one underlying: how well it fits, forwards and rates under it, what was left out."""
        with missing_is_404():
            return surface_page(context.snapshot(), name)

    return routes
