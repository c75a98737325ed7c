"""What a supervisor of processes may ask: whether the desk lives, whether it may quote, and what it counts.

`/healthz` is 200 as long as the loop turns and something was published lately; `/readyz` is 200 while quotes may stand; `/metrics` is for
Prometheus. Nothing here is secret, and nothing can be changed.
"""

from time import monotonic

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from flatbook.live.metrics import CONTENT_TYPE, Metrics
from flatbook.live.publisher import Publisher
from flatbook.live.snapshot import DeskStanding

STALE_S = 10.0  # without a publication, once there was one
_READY = (DeskStanding.NORMAL, DeskStanding.DEGRADED)
PUBLIC = ("/healthz", "/readyz")
METRICS = "/metrics"
PATHS = (*PUBLIC, METRICS)


class Health:
    """Answers from the newest publication."""

    def __init__(self, publisher: Publisher, metrics: Metrics) -> None:
        self._publisher, self._metrics = publisher, metrics
        self._seen, self._seen_s = 0, monotonic()

    def routes(self) -> list[Route]:
        """To be put in an application, before whatever catches all; anybody may ask these."""
        answers = (self.alive, self.ready)
        return [Route(path, answer, methods=["GET"]) for path, answer in zip(PUBLIC, answers, strict=True)]

    async def metrics_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What answers at `METRICS`, to be put behind whatever says who may read."""
        await (await self.metrics(Request(scope)))(scope, receive, send)

    async def alive(self, _: Request) -> Response:
        """Whether it lives."""
        count = self._publisher.published
        if count != self._seen:
            self._seen, self._seen_s = count, monotonic()
        age_s = monotonic() - self._seen_s
        lives = count == 0 or age_s < STALE_S
        return JSONResponse({"alive": lives, "publications": count}, status_code=200 if lives else 503)

    async def ready(self, _: Request) -> Response:
        """Whether it may quote, and why not."""
        latest = self._publisher.latest
        standing = DeskStanding.STARTING if latest is None else latest.standing
        why = "nothing was published yet" if latest is None else latest.standing_reason
        answer = {"ready": standing in _READY, "standing": standing.value, "reason": why}
        return JSONResponse(answer, status_code=200 if standing in _READY else 503)

    async def metrics(self, _: Request) -> Response:
        """What it counts."""
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)


def health_app(publisher: Publisher, metrics: Metrics) -> Starlette:
    """An application of these alone, for a desk without a dashboard."""
    health = Health(publisher, metrics)
    return Starlette(routes=[*health.routes(), Route(METRICS, health.metrics, methods=["GET"])])
