"""A dashboard at work with users of every role, and a day behind it."""

import pytest

from flatbook.client.desk import Desk
from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.security.passwords import Passwords, cheap
from flatbook.dashboard.security.permissions import Role
from flatbook.dashboard.security.secrets import Secret
from flatbook.dashboard.security.users import Users
from tests.dashboard.serving import Served
from tests.dashboard.worlds import pictures_of, stage_of

PASSWORDS = {
    "vera": "violet umbrella seventeen",
    "toni": "tango harbour 29 north",
    "rosa": "river lantern 31 south",
}
ROLES = {"vera": Role.VIEWER, "toni": Role.TRADER, "rosa": Role.RISK_OFFICER}


class Kept:
    """The day, to be shown again."""

    def __init__(self, pictures):
        self._by = {each.cycle.sequence: each for each in pictures}

    def span(self):
        """Of its decisions."""
        return min(self._by), max(self._by)

    async def snapshot_at(self, sequence):
        """The last one up to it."""
        before = [each for each in self._by if each <= sequence]
        if not before:
            msg = f"nothing was decided up to {sequence}"
            raise UnknownTopicError(msg)
        return self._by[max(before)]


@pytest.fixture(scope="session")
def day():
    """Snapshots of a minute."""
    return pictures_of(stage_of(minutes=1.0))


@pytest.fixture(scope="session")
def served(day):
    """A dashboard that shows the last of them; whoever is at the machine may act."""
    one = Served(archive=Kept(day)).start()
    one.publish(day[-1])
    yield one
    one.stop()


@pytest.fixture(scope="session")
def guarded(day):
    """One with users."""
    users = Users.in_memory(Passwords(cheap()))
    for name, role in ROLES.items():
        users.add(name, role, Secret(PASSWORDS[name]), 1)
    one = Served(users=users).start()
    one.publish(day[-1])
    yield one
    one.stop()


@pytest.fixture
def token_of(guarded):
    """Makes a token of somebody."""

    def make(name, role=None):
        security = guarded.app.state.security
        owner = security.users.find(name)
        return security.tokens.make(owner, "test", role or owner.role, 1)[0].reveal()

    return make


@pytest.fixture(autouse=True)
def no_token(monkeypatch):
    """Nothing comes from the environment of whoever runs the tests."""
    for name in ("FLATBOOK_TOKEN", "FLATBOOK_TOKEN_FILE", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def desk(served):
    """A client of it."""
    with Desk.connect(served.url) as one:
        yield one
