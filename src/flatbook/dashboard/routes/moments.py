"""The desk as it was: any topic of the stream at a moment of the journal, as the same binary frame."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from flatbook.dashboard.context import Archive, Context
from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.frames import encode
from flatbook.dashboard.past.asked import FrameAt, Library, PageAt
from flatbook.dashboard.routes.journal import library_of, passed_on
from flatbook.dashboard.routes.missing import missing_is_404
from flatbook.dashboard.security.gate import require
from flatbook.dashboard.security.permissions import Permission, Principal
from flatbook.dashboard.security.refusals import REFUSALS, RefusedError
from flatbook.dashboard.topics import TOPICS
from flatbook.dashboard.views.head import Row

Reader = Annotated[Principal, Depends(require(Permission.READ))]
_SEQUENCE_MOST = 2**53
FRAME_TYPE = "application/octet-stream"
_OF_NOW = frozenset(
    {"actions", "explain", "journal", "moments", "openapi.json", "session", "stream", "users"}
)
_TOO_LONG = "capital/strategy"


class Range(Row):
    """Sequences of the journal that can be shown."""

    first: int
    last: int


def router(context: Context) -> APIRouter:
    """Routes under `/api/v1/moments`."""
    routes = APIRouter(prefix="/api/v1/moments", tags=["moments"], responses=REFUSALS)

    @routes.get("")
    async def show_range(_: Reader) -> Range:
        """The first and the last moment that can be shown."""
        first, last = _archive(context).span()
        return Range(first=first, last=last)

    @routes.get("/{sequence}", response_class=Response, responses={200: {"content": {FRAME_TYPE: {}}}})
    async def show_moment(
        _: Reader,
        sequence: Annotated[int, Path(ge=1, le=_SEQUENCE_MOST)],
        topic: Annotated[str, Query(min_length=1, max_length=200)],
    ) -> Response:
        """A topic at the instant of this record: a frame as the stream sends it. 503 while the journal is taken again up to there."""
        archive = _archive(context)
        if isinstance(archive, Library):
            return passed_on(await archive.ask(FrameAt(sequence=sequence, topic=topic)))
        kind, _colon, of = topic.partition(":")
        with missing_is_404():
            if kind not in TOPICS:
                msg = f"no topic {topic!r}; there are {', '.join(sorted(TOPICS))}"
                raise UnknownTopicError(msg)
            raw = encode(TOPICS[kind](await archive.snapshot_at(sequence), of))
        return Response(raw, media_type=FRAME_TYPE)

    @routes.get("/{sequence}/{path:path}", response_class=Response)
    async def show_page(
        request: Request,
        _: Reader,
        sequence: Annotated[int, Path(ge=1, le=_SEQUENCE_MOST)],
        path: Annotated[str, Path(min_length=1, max_length=400)],
    ) -> Response:
        """What `GET /api/v1/{path}` would have answered at the instant of this record, for the pages of the desk."""
        if path.partition("/")[0] in _OF_NOW:
            raise RefusedError(404, "of_now", f"{path.partition('/')[0]} is of now, not of a moment")
        if path.rstrip("/") == _TOO_LONG:
            raise RefusedError(
                404, "of_now", "it takes up to a minute, for which nobody else could look back: ask it of now"
            )
        query = request.url.query
        return passed_on(
            await library_of(context).ask(PageAt(sequence=sequence, path=f"/{path}", query=query))
        )

    return routes


def _archive(context: Context) -> Archive:
    if context.archive is None:
        raise RefusedError(404, "no_archive", "this desk keeps no journal: there is nothing to show again")
    return context.archive
