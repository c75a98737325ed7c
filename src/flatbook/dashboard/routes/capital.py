"""The Capital page by request: the topic `capital` of the stream, and what takes longer: methods, capital ahead, marginal capital of every series."""

import threading
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from flatbook.dashboard.context import Context
from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.routes.missing import missing_is_404
from flatbook.dashboard.security.gate import require
from flatbook.dashboard.security.permissions import Permission, Principal
from flatbook.dashboard.security.refusals import REFUSALS, RefusedError
from flatbook.dashboard.views.capital import Ahead, Capital, Marginals, ahead, capital, marginals
from flatbook.dashboard.views.methods import MethodRow, Methods, methods, strategy_margin
from flatbook.live.snapshot import Mode, Snapshot

Reader = Annotated[Principal, Depends(require(Permission.READ))]
_FRESH_NS = 10_000_000_000  # of the desk's time: methods are not asked more often, however many look


def router(context: Context) -> APIRouter:
    """Routes under `/api/v1/capital`, all answered beside the event loop."""
    routes = APIRouter(prefix="/api/v1/capital", tags=["capital"], responses=REFUSALS)
    asked = _Asked()

    @routes.get("")
    def show_capital(_: Reader) -> Capital:
        """Requirement, what drives it, and what one contract more changes most."""
        return capital(context.snapshot())

    @routes.get("/methods")
    def show_methods(_: Reader) -> Methods:
        """What every method asks of the book, at most ten seconds old; strategy margin is asked by itself."""
        return asked.methods(context.snapshot())

    @routes.get("/strategy")
    def show_strategy(_: Reader) -> MethodRow:
        """What strategy margin asks: up to a minute, in a process of its own, one at a time."""
        snapshot = context.snapshot()
        if not asked.pairing.acquire(blocking=False):
            raise RefusedError(409, "busy", "somebody asks already: try again in a minute")
        try:
            return strategy_margin(snapshot.cycle)
        finally:
            asked.pairing.release()

    @routes.get("/ahead")
    def show_ahead(_: Reader) -> Ahead:
        """The requirement of the same book after moves of spot."""
        return ahead(context.snapshot().cycle)

    @routes.get("/marginals")
    def show_marginals(_: Reader, underlying: Annotated[str, Query(max_length=64)] = "") -> Marginals:
        """Of every series with a value, or those of one underlying: what one contract more changes."""
        cycle = context.snapshot().cycle
        with missing_is_404():
            if underlying and underlying not in cycle.table.underlyings:
                msg = f"no underlying {underlying!r} is listed"
                raise UnknownTopicError(msg)
        return marginals(cycle, underlying)

    return routes


class _Asked:
    """The last answer of all methods, for whoever else asks of the same moment or soon after it."""

    def __init__(self) -> None:
        self._lock, self.pairing = threading.Lock(), threading.Lock()
        self._last: Methods | None = None

    def methods(self, snapshot: Snapshot) -> Methods:
        """Of this cycle, or of one up to ten seconds before it; in replay of no other."""
        cycle = snapshot.cycle
        fresh_ns = 1 if snapshot.mode is Mode.REPLAY else _FRESH_NS
        with self._lock:
            last = self._last
            if last is not None and 0 <= cycle.now_ns - int(last.at_ns) < fresh_ns:
                return last
            self._last = methods(cycle)
            return self._last
