"""A dashboard on a free port of loopback, in a thread of its own, fed with snapshots by the test."""

import asyncio
import threading
from contextlib import contextmanager

import uvicorn

from flatbook.dashboard.app import create_app
from flatbook.dashboard.context import DashboardSettings
from flatbook.dashboard.security.users import Users
from flatbook.live.operator import Preview
from flatbook.live.publisher import Publisher
from flatbook.model.errors import FlatbookError


class Heard:
    """An operator's door that remembers what was said."""

    def __init__(self):
        self.facts, self.hedges, self.seen = [], [], []

    async def submit(self, fact, *, who, why):
        """Remember it."""
        self.facts.append((fact, who, why))
        return len(self.facts)

    async def decide_hedge(self, hedge_id, approve, *, who, why, shown_usd=None):
        """Remember it."""
        self.hedges.append((hedge_id, approve, who, why))
        return len(self.hedges)

    async def preview(self, fact):
        """Nothing would change."""
        return Preview(text="nothing", changes=())

    async def acknowledge(self, alert_id, *, who):
        """Only what was never there is refused."""
        if alert_id == "nothing":
            msg = "no such alert stands"
            raise FlatbookError(msg)
        self.seen.append((alert_id, who))


class Served:
    """A running dashboard."""

    def __init__(self, users=None, archive=None, **settings):
        self.publisher, self.operator = Publisher(), Heard()
        self._users = users or Users.in_memory()
        self.app = create_app(
            self.publisher,
            self.operator,
            self._users,
            DashboardSettings(port=0, **settings),
            archive=archive,
        )
        config = uvicorn.Config(
            self.app,
            host="127.0.0.1",
            port=0,
            log_level="warning",
            ws="websockets-sansio",
            ws_max_size=4096,
            ws_per_message_deflate=False,
        )
        self.server = uvicorn.Server(config)
        self.loop = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._up = threading.Event()

    def _run(self):
        async def serve():
            self.loop = asyncio.get_running_loop()
            task = asyncio.create_task(self.server.serve())
            while not self.server.started:
                await asyncio.sleep(0.01)
            self._up.set()
            await task

        asyncio.run(serve())

    def start(self):
        """Answer from now on."""
        self._thread.start()
        assert self._up.wait(10.0), "the dashboard did not start"
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        return self

    @property
    def url(self):
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def publish(self, snapshot):
        """Show a snapshot, from any thread."""

        async def show():
            self.publisher.publish(snapshot)

        asyncio.run_coroutine_threadsafe(show(), self.loop).result(10.0)

    def stop(self):
        """Answer no more."""
        self.server.should_exit = True
        self._thread.join(10.0)
        assert not self._thread.is_alive(), "the dashboard did not stop"
        self._users.close()


@contextmanager
def served(*snapshots, **settings):
    """A dashboard that shows these."""
    one = Served(**settings).start()
    try:
        for snapshot in snapshots:
            one.publish(snapshot)
        yield one
    finally:
        one.stop()
