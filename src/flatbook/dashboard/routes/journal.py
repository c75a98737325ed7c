"""The Journal page by request: search, one record in full, the chain, and which decision comes next."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from flatbook.dashboard.context import Context
from flatbook.dashboard.past.asked import Answer, Asked, Library, Prove, RecordAt, Search, Status, Step
from flatbook.dashboard.security.gate import require
from flatbook.dashboard.security.permissions import Permission, Principal
from flatbook.dashboard.security.refusals import REFUSALS, RefusedError
from flatbook.dashboard.views.journal import FoundRecords, JournalStatus, Moment, OneRecord
from flatbook.live import record_index
from flatbook.live.record_index import GROUPS, KINDS
from flatbook.live.snapshot import Severity

Reader = Annotated[Principal, Depends(require(Permission.READ))]
Text = Annotated[str, Query(max_length=100)]
SEQUENCE_MOST = 2**53
Sequence = Annotated[int, Path(ge=1, le=SEQUENCE_MOST)]
Instant = Annotated[int, Query(ge=0, le=2**63 - 1)]
PAGE = 100
"""Records of a page."""
Ask = Callable[[Asked], Awaitable[Answer]]


def router(context: Context) -> APIRouter:
    """Routes under `/api/v1/journal`."""
    routes = APIRouter(prefix="/api/v1/journal", tags=["journal"], responses=REFUSALS)
    ask = asking(context)

    @routes.get("", response_model=JournalStatus)
    async def show_status(_: Reader) -> Response:
        """How far the chain is proven, how far the journal was taken again, and what may be searched for."""
        return passed_on(await ask(Status()))

    @routes.post("/proof", response_model=JournalStatus)
    async def prove(_: Reader) -> Response:
        """Prove the whole file once more, beside the desk; the status tells what it came to."""
        return passed_on(await ask(Prove()))

    @routes.get("/records/{sequence}", response_model=OneRecord)
    async def show_record(_: Reader, sequence: Sequence) -> Response:
        """One record with its fields and units, what it follows from and what it led to."""
        return passed_on(await ask(RecordAt(sequence=sequence)))

    _add_search(routes, ask)
    _add_steps(routes, ask)
    return routes


def _add_search(routes: APIRouter, ask: Ask) -> None:
    @routes.get("/records", response_model=FoundRecords)
    async def search(
        _: Reader,
        text: Text = "",
        kind: Annotated[str, Query(max_length=40, description=f"{', '.join(GROUPS)}, or one kind")] = "all",
        underlying: Text = "",
        symbol: Text = "",
        who: Text = "",
        severity: Severity = Severity.INFO,
        from_ns: Instant = 0,
        to_ns: Instant = 2**63 - 1,
        before: Annotated[int, Query(ge=1, le=SEQUENCE_MOST)] = SEQUENCE_MOST,
        limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE,
    ) -> Response:
        """Records that are as asked, the newest first; `before` is the cursor of the next page."""
        query = record_index.Query(
            text=text,
            kinds=_kinds(kind),
            underlying=underlying,
            symbol=symbol,
            who=who,
            severity=severity,
            from_ns=from_ns,
            to_ns=to_ns,
            before=before,
        )
        return passed_on(await ask(Search(query=query, most=limit)))


def _add_steps(routes: APIRouter, ask: Ask) -> None:
    @routes.get("/decision", response_model=Moment)
    async def find_decision(
        _: Reader,
        after: Annotated[int | None, Query(ge=0, le=SEQUENCE_MOST)] = None,
        before: Annotated[int | None, Query(ge=1, le=SEQUENCE_MOST)] = None,
        at_ns: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None,
    ) -> Response:
        """The decision after a record, before it, or the last one at an instant: one of the three."""
        if [after, before, at_ns].count(None) != 2:
            raise RefusedError(422, "fields", "give one of after, before and at_ns")
        if at_ns is not None:
            return passed_on(await ask(Step(at_ns=at_ns)))
        if before is not None:
            return passed_on(await ask(Step(sequence=before, back=True)))
        return passed_on(await ask(Step(sequence=after or 0)))


def library_of(context: Context) -> Library:
    """The archive that answers by itself.

    Raises
    ------
    RefusedError
        There is none.
    """
    if not isinstance(context.archive, Library):
        raise RefusedError(404, "no_archive", "this desk keeps no journal: there is nothing to look at again")
    return context.archive


def asking(context: Context) -> Ask:
    """Asks the library of a context."""

    async def ask(asked: Asked) -> Answer:
        return await library_of(context).ask(asked)

    return ask


def passed_on(answer: Answer) -> Response:
    """An answer of the past as a response."""
    return Response(answer.body, answer.status, media_type=answer.media_type, headers=answer.headers)


def _kinds(name: str) -> frozenset[str]:
    if name in GROUPS:
        return GROUPS[name]
    if name in KINDS:
        return frozenset({name})
    msg = f"no kind {name[:40]!r}; there are {', '.join((*GROUPS, *KINDS))}"
    raise RefusedError(422, "fields", msg)
