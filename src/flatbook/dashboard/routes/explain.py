"""The Explain page by request: P&L by its sources up to the newest cycle, and markouts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, FastAPI, Query

from flatbook.dashboard.context import Context
from flatbook.dashboard.routes.missing import missing_is_404
from flatbook.dashboard.security.gate import require
from flatbook.dashboard.security.permissions import Permission, Principal
from flatbook.dashboard.security.refusals import REFUSALS
from flatbook.dashboard.tape.following import Tape
from flatbook.dashboard.views.explain import Explain, MarkoutTable, explain_page, markout_table

_SEQUENCE_MOST = 2**53
Reader = Annotated[Principal, Depends(require(Permission.READ))]


def router(context: Context) -> APIRouter:
    """Routes under `/api/v1/explain`; it follows the publications for as long as the application lives."""
    tape = Tape()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with tape.following(context.publisher):
            yield

    routes = APIRouter(prefix="/api/v1/explain", tags=["explain"], responses=REFUSALS, lifespan=lifespan)

    @routes.get("")
    def show_explain(
        _: Reader,
        of: Annotated[str, Query(max_length=64)] = "",
        at: Annotated[int | None, Query(ge=1, le=_SEQUENCE_MOST)] = None,
    ) -> Explain:
        """P&L of the day by what made it, of the desk and each underlying; lines through time of one of them. Made beside the event loop.

        With `at` up to the last mark at or before this sequence of the journal: marks are ten seconds apart.
        """
        snapshot = context.snapshot()
        told = tape.pnl.told(snapshot) if at is None else tape.pnl.told_at(at)
        lines = [each for each in tape.pnl.lines if told is not None and each.sequence < told.sequence]
        with missing_is_404():
            return explain_page(snapshot, told, lines, of, tape.failure)

    @routes.get("/markouts")
    def show_markouts(
        _: Reader, by: Literal["capacity", "venue", "counterparty", "series", "all"] = "capacity"
    ) -> MarkoutTable:
        """What trades were worth a little later, by whom they were done with and where."""
        with missing_is_404():
            return markout_table(tape.markouts, by)

    return routes
