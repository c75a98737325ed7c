"""The Class page by request: what is listed, the chain as rows, and the anatomy of a quote."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from flatbook.dashboard.context import Context
from flatbook.dashboard.routes.missing import missing_is_404
from flatbook.dashboard.security.gate import require
from flatbook.dashboard.security.permissions import Permission, Principal
from flatbook.dashboard.security.refusals import REFUSALS, RefusedError
from flatbook.dashboard.views.anatomy import Anatomy, anatomy
from flatbook.dashboard.views.chain import Chain, chain
from flatbook.dashboard.views.head import Row
from flatbook.dashboard.views.klass import Klass, Listing, klass, listing

FOUND_MOST = 12
Reader = Annotated[Principal, Depends(require(Permission.READ))]


class FoundSeries(Row):
    """A series by its name."""

    symbol: str
    option_class: str


def router(context: Context) -> APIRouter:
    """Routes under `/api/v1/class`."""
    routes = APIRouter(prefix="/api/v1/class", tags=["class"], responses=REFUSALS)

    @routes.get("")
    async def find(
        _: Reader, search: Annotated[str, Query(min_length=1, max_length=64)]
    ) -> list[FoundSeries]:
        """Series whose symbol holds a text, whatever its case; the first dozen."""
        wanted, out = search.upper(), []
        for item in context.snapshot().cycle.table.instruments:
            if item.option_class and wanted in item.symbol.upper():
                out.append(FoundSeries(symbol=item.symbol, option_class=item.option_class))
                if len(out) == FOUND_MOST:
                    break
        return out

    @routes.get("/{name}")
    async def show_class(_: Reader, name: str) -> Klass:
        """The class without its chain: expiries, responses to limits, fills."""
        with missing_is_404():
            return klass(context.snapshot(), name)

    @routes.get("/{name}/listing")
    async def show_listing(_: Reader, name: str) -> Listing:
        """What is listed: the order of every column of the topic `class:` of the stream."""
        with missing_is_404():
            return listing(context.snapshot().cycle, name)

    @routes.get("/{name}/chain", response_model=Chain)
    def show_chain(
        _: Reader, name: str, expiry: Annotated[int | None, Query(ge=0, le=10_000)] = None
    ) -> Response:
        """The chain as rows: all expiries, or the one with this number in the listing. Made beside the event loop: it may be long."""
        with missing_is_404():
            found = chain(context.snapshot(), name, expiry)
        return Response(msgspec.json.encode(found), media_type="application/json")

    @routes.get("/{name}/series/{symbol:path}")
    async def show_anatomy(_: Reader, name: str, symbol: str) -> Anatomy:
        """Why a series is quoted as it is, part by part."""
        with missing_is_404():
            found = anatomy(context.snapshot().cycle, symbol)
        if found.option_class != name:
            raise RefusedError(404, "unknown", f"{symbol} is of class {found.option_class}, not {name}")
        return found

    return routes
