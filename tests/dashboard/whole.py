"""The whole application with a day behind it and users of every role, to be asked anything."""

import asyncio
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from typer.testing import CliRunner

from flatbook.cli.main import app as command
from flatbook.dashboard.app import create_app
from flatbook.dashboard.context import DashboardSettings
from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.past.asked import SnapshotAt, Status
from flatbook.dashboard.past.librarian import Librarian
from flatbook.dashboard.security.csrf import cookie_name
from flatbook.dashboard.security.passwords import Passwords, cheap
from flatbook.dashboard.security.permissions import Role
from flatbook.dashboard.security.rate_limit import Buckets
from flatbook.dashboard.security.secrets import Secret
from flatbook.dashboard.security.users import UserError, Users
from flatbook.live.publisher import Publisher
from tests.dashboard.security.doors import PASSWORDS, ROLES, FakeDesk

ENDLESS = 1e12
DAY = Path(__file__).parent.parent.parent / "examples" / "synthetic-day"
ROLE_NAMES = {role: next(name for name, of in ROLES.items() if of is role) for role in Role}


class Read:
    """The journal of a plan, all read and taken again, in this process."""

    def __init__(self, path):
        plan = ["plan", "--book", f"{DAY}/fills.csv", "--market", str(DAY), "--config", f"{DAY}/desk.toml"]
        made = CliRunner().invoke(command, [*plan, "--journal", str(path), "--quiet"], catch_exceptions=False)
        assert made.exit_code == 0, made.output
        self._librarian, self._thread = Librarian(path), ThreadPoolExecutor(1)
        while self._librarian.work():
            pass

    def span(self):
        """Of its one decision."""
        told = json.loads(self._librarian.answer(Status()).body)
        return told["first"], told["last"]

    async def snapshot_at(self, sequence):
        """As the one of the process beside a desk does."""
        answer = await self.ask(SnapshotAt(sequence=sequence))
        if answer.status != 200:
            raise UnknownTopicError(answer.body.decode())
        return pickle.loads(answer.body)  # noqa: S301 - made here

    async def ask(self, asked):
        """One at a time."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._librarian.answer, asked)

    def close(self):
        """Done."""
        self._thread.submit(self._librarian.close).result()
        self._thread.shutdown()


class Whole:
    """One application, and a way in as anybody."""

    def __init__(self, pictures, journal, *, patient=True):
        self.users, self.desk = Users.in_memory(Passwords(cheap())), FakeDesk()
        self._add()
        self.publisher = Publisher()
        self.publisher._latest = pictures[-1]
        self.archive = Read(journal)
        settings = DashboardSettings(port=0)
        self.app = create_app(self.publisher, self.desk, self.users, settings, archive=self.archive)
        self.security = self.app.state.security
        self.known = _names_of(pictures) | {"sequence": max(self.archive.span())}
        if patient:
            for name in ("requests", "kills"):
                buckets = Buckets(ENDLESS, ENDLESS, self.security.clock)
                object.__setattr__(self.security, name, buckets)

    def close(self):
        """Done."""
        self.users.close()
        self.archive.close()

    def entered(self, role):
        """Headers of a session that begins now, whatever was done to those before; none for nobody."""
        if role is None:
            return {}
        self._add()
        cookie, session = self.security.sessions.begin(self.users.find(ROLE_NAMES[role]), "127.0.0.1")
        return {
            "cookie": f"{cookie_name(self.security.settings)}={cookie}",
            "x-csrf-token": session.csrf,
        }

    def _add(self):
        for name, role in ROLES.items():
            found = self.users.find(name)
            if found is None:
                self.users.add(name, role, Secret(PASSWORDS[name]), 1)
            elif found.role is not role:
                try:
                    self.users.set_role(name, role)
                except UserError:
                    continue


def _names_of(pictures):
    """What is there to be asked for, by the name of a parameter."""
    cycle = pictures[-1].cycle
    table = cycle.table
    option = next(each for each in table.instruments if each.option_class)
    return {
        "name": option.option_class,
        "option_class": option.option_class,
        "symbol": option.symbol,
        "series": option.symbol,
        "underlying": option.underlying,
        "path": "desk",
        "limit": cycle.standing.limits[0].limit.name,
        "topic": "desk",
        "search": option.symbol[:3],
        "expiry": 0,
        "why": "the flow of the close",
    }
