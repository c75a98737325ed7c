"""From two doors and a desk's parameters to a desk at work: its journal, its clock, its readers, and who is told."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from flatbook.journal.store import Journal
from flatbook.live.clock import DeskClock
from flatbook.live.core import Core, Start
from flatbook.live.desk import Lines, LiveDesk, Watch
from flatbook.live.log import Logger
from flatbook.live.metrics import Metrics
from flatbook.live.operators import LiveOperator
from flatbook.live.picture import Picture
from flatbook.live.ports import FeedPort, Opening, PortLostError, VenuePort
from flatbook.live.publisher import Publisher
from flatbook.live.recovery import Begun, begin, build_of, keeper, restarted
from flatbook.live.settings import LiveSettings
from flatbook.live.snapshot import Mode
from flatbook.live.supervision import Backoff
from flatbook.model.errors import FlatbookError
from flatbook.model.parameters import Desk, Limit
from flatbook.model.world_fault_terms import WireTerms

_OPENING_TRIES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a service runs."""

    desk: Desk
    limits: tuple[Limit, ...]
    settings: LiveSettings
    journal: Path | None  # None: nothing is kept
    mode: Mode


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Service:
    """A desk that is ready to run."""

    desk: LiveDesk
    operator: LiveOperator
    publisher: Publisher
    metrics: Metrics
    begun: Begun


async def service_of(
    terms: Terms, feed: FeedPort, venue_of: Callable[[Opening], VenuePort], log: Logger
) -> Service:
    """Hear the opening, bring the journal and the desk to where they stood, and put everything together.

    Parameters
    ----------
    terms : Terms
    feed : FeedPort
    venue_of : callable
        The session with the venue, once its table is known.
    log : Logger

    Raises
    ------
    FlatbookError
        Nobody answers, or the journal cannot be gone on with.
    """
    opening = await _opening(feed, log)
    build = build_of(opening.world)
    begun = await asyncio.to_thread(begin, terms.journal, build, log)  # the door answers meanwhile
    settings = terms.settings
    clock = DeskClock(opening.clock, not_before_ns=max(begun.last_ns, opening.opens_ns))
    wire = WireTerms(silence_s=settings.silence_s, resend_after_ms=max(settings.resend_after_ms, 1.0))
    told = begun.process.state.told_desk
    start = Start(opening=opening, desk=told or terms.desk, limits=terms.limits, wire=wire)
    core = Core(start, clock, begun.process)
    if begun.again and told is not None:
        restarted(begun.process, clock.now_ns(), "the process began anew")
        core.begin_again()
        log.info(
            "came back from the journal", records=begun.records, from_state=begun.from_state,
            seconds=round(begun.seconds, 3), orders=core.orders.n_alive,
        )  # fmt: skip
        if told != terms.desk or terms.limits != begun.process.state.limits.limits:
            log.warning(
                "the desk file says otherwise than the journal, which holds; set it anew to change it"
            )
    else:
        core.begin()
    watch = Watch(log=log, metrics=Metrics(), publisher=Publisher(), picture=Picture(terms.mode))
    keep = None
    if begun.journal is not None and terms.journal is not None:
        journal_lag(watch.metrics, begun.journal)
        keep = keeper(begun.process, begun.journal, terms.journal, build, log)
    desk = LiveDesk(core, begun.journal, Lines(feed=feed, venue=venue_of(opening)), settings, watch, keep)
    return Service(
        desk=desk, operator=LiveOperator(desk), publisher=watch.publisher, metrics=watch.metrics, begun=begun
    )


async def run(service: Service, stop: asyncio.Event, beside: Callable[[], Awaitable[None]]) -> int:
    """Run a desk and what stands beside it, as its page, until `stop`; the exit code of the process.

    What stands beside it may end or fail: the desk goes on, and the log tells.
    """
    log = service.desk.watch.log
    other = asyncio.create_task(_told(beside, log), name="beside")
    try:
        return await service.desk.run(stop)
    finally:
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)


def journal_lag(metrics: Metrics, journal: Journal) -> None:
    """Let the gauge tell what waits for the disk at the moment at which somebody asks."""
    metrics.journal_lag.set_function(lambda: float(journal.waiting))


async def _told(beside: Callable[[], Awaitable[None]], log: Logger) -> None:
    try:
        await beside()
    except Exception as error:
        log.exception("what stands beside the desk failed; the desk goes on", error=repr(error))


async def _opening(feed: FeedPort, log: Logger) -> Opening:
    waits = Backoff()
    for tries in range(_OPENING_TRIES):
        try:
            return await feed.opening()
        except PortLostError as lost:
            log.warning("the feed does not answer yet", why=str(lost), tries=tries + 1)
            await asyncio.sleep(waits.wait_s(tries))
    msg = f"{feed.name}: nobody answered {_OPENING_TRIES} times; see whether the venue runs"
    raise FlatbookError(msg)
