"""The Slides page by request: computed in a thread on the newest snapshot, once for all who ask within a moment."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from flatbook.dashboard.context import Context
from flatbook.dashboard.kept import Kept
from flatbook.dashboard.routes.missing import missing_is_404
from flatbook.dashboard.security.gate import require
from flatbook.dashboard.security.permissions import Permission, Principal
from flatbook.dashboard.security.refusals import REFUSALS
from flatbook.dashboard.views.slides import DESK, Book, Show, Slides, slides
from flatbook.model.parameters import SlideTime


def router(context: Context) -> APIRouter:
    """Routes under `/api/v1/slides`."""
    routes = APIRouter(prefix="/api/v1/slides", tags=["slides"], responses=REFUSALS)
    kept: Kept[Slides] = Kept()

    @routes.get("")
    def show_slides(
        _: Annotated[Principal, Depends(require(Permission.READ))],
        scope: Annotated[str, Query(min_length=1, max_length=64)] = DESK,
        time: SlideTime = SlideTime.NOW,
        show: Show = Show.PNL,
        book: Book = Book.HELD,
    ) -> Slides:
        """P&L or a Greek of the book over moves of spot and shifts of volatility; `took_ms` says how long it took."""
        snapshot = context.snapshot()
        with missing_is_404():
            return kept.answer(
                snapshot, (scope, time, show, book), lambda: slides(snapshot, scope, time, show, book)
            )

    return routes
