"""A dashboard to be broken into: users of every role, a clock that stands still, a desk that remembers what it was told."""

import warnings
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Annotated

from fastapi import Depends, FastAPI, WebSocket

from flatbook.dashboard.context import Context, DashboardSettings
from flatbook.dashboard.routes import actions, session
from flatbook.dashboard.security.gate import Admission, admit, install
from flatbook.dashboard.security.passwords import Passwords, cheap
from flatbook.dashboard.security.permissions import Permission, Role
from flatbook.dashboard.security.secrets import Secret
from flatbook.dashboard.security.settings import SecuritySettings
from flatbook.dashboard.security.users import Users
from flatbook.limits.check import LimitStanding
from flatbook.limits.ladder import Step
from flatbook.limits.overrides import Override
from flatbook.live.operator import Change, Preview
from flatbook.live.publisher import Publisher
from flatbook.model.errors import FlatbookError
from flatbook.model.operator_events import OperatorActed
from flatbook.model.parameters import Limit, LimitMeasure

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for another HTTP client than the one that flatbook has
    from starlette.testclient import TestClient

S = 1_000_000_000
START_NS = 1_790_000_000 * S
HOST, SOCKETS = "http://127.0.0.1", "ws://127.0.0.1"
PASSWORDS = {
    "vera": "violet umbrella 17 canary-vera",
    "toni": "tango harbour 29 canary-toni",
    "rosa": "river lantern 31 canary-rosa",
    "ruth": "rubber anchor 37 canary-ruth",
    "adam": "amber trumpet 41 canary-adam",
}
ROLES = {
    "vera": Role.VIEWER,
    "toni": Role.TRADER,
    "rosa": Role.RISK_OFFICER,
    "ruth": Role.RISK_OFFICER,
    "adam": Role.ADMIN,
}
VEGA = Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="SPX", limit_hard=100_000.0)
GAP = Limit(measure=LimitMeasure.GAP_LOSS_USD, limit_hard=500_000.0)
WHY = "the flow of the close"


@dataclass
class Clock:
    """Time that passes when it is told to."""

    now_ns: int = START_NS

    def __call__(self):
        return self.now_ns

    def pass_s(self, seconds):
        self.now_ns += round(seconds * S)


@dataclass
class FakeDesk:
    """The operator's door: everything that was said."""

    told: list = field(default_factory=list)  # fact, who, why
    hedges: list = field(default_factory=list)
    seen: list = field(default_factory=list)
    refuses: bool = False

    async def submit(self, fact, *, who, why):
        assert who
        assert why
        if self.refuses:
            msg = "the desk takes no more"
            raise FlatbookError(msg)
        self.told.append((fact, who, why))
        return len(self.told)

    async def decide_hedge(self, hedge_id, approve, *, who, why, shown_usd=None):
        if hedge_id != "SPX:buy":
            msg = f"hedge {hedge_id}: none of that id waits"
            raise FlatbookError(msg)
        self.hedges.append((hedge_id, approve, who, why))
        return len(self.told)

    async def acknowledge(self, alert_id, *, who):
        self.seen.append((alert_id, who))

    async def preview(self, fact):
        return Preview(
            text=f"{type(fact).__name__} changes",
            changes=(Change(name="capital", before=float("nan"), after=5.0, unit="USD"),),
            cycle=7,
        )

    @property
    def facts(self):
        return [fact for fact, _, _ in self.told if not isinstance(fact, OperatorActed)]

    @property
    def audit(self):
        return [fact for fact, _, _ in self.told if isinstance(fact, OperatorActed)]


def standing(limit, override=None):
    """A limit as a cycle holds it."""
    return LimitStanding(
        limit=limit, value=1.0, unvalued=0.0, limit_hard=limit.limit_hard, utilisation=0.1, step=Step.NORMAL, where="",
        override=override,
    )  # fmt: skip


def snapshot(sequence=7, overridden=0.0):
    """What actions read of a publication, and nothing else."""
    override = (
        Override(limit_hard=overridden, owner="rosa", reason="x", until_ns=START_NS + S)
        if overridden
        else None
    )
    cycle = SimpleNamespace(
        sequence=sequence,
        standing=SimpleNamespace(limits=(standing(VEGA, override), standing(GAP))),
        limits=SimpleNamespace(limits=(VEGA, GAP)),
        table=SimpleNamespace(underlyings=("SPX", "AAPL"), classes=("SPX", "SPXW", "AAPL")),
        hedges=(),
    )
    return SimpleNamespace(cycle=cycle, at_ns=START_NS, number=1)


class Visitor:
    """A client of the API with what it was given at the door."""

    def __init__(self, client, headers):
        self.client, self.headers, self._n = client, headers, 0

    def get(self, path, **more):
        return self.client.get(path, headers={**self.headers, **more.pop("headers", {})}, **more)

    def post(self, path, body=None, **more):
        self._n += 1
        key = {"Idempotency-Key": f"key-{id(self)}-{self._n:08d}"} if "/actions/" in path else {}
        headers = {**key, **self.headers, **more.pop("headers", {})}
        return self.client.post(path, json={} if body is None else body, headers=headers, **more)


async def _look(
    websocket: WebSocket, admission: Annotated[Admission, Depends(admit(Permission.READ))]
) -> None:
    """Tell, as often as somebody says something, whether they may still listen."""
    await websocket.accept()
    async for _ in websocket.iter_text():
        await websocket.send_json({"holds": admission.holds, "name": admission.principal.name})


class House:
    """One application with everybody in it."""

    def __init__(self, settings=None, *, users=True, passwords=None):
        self.clock, self.desk = Clock(), FakeDesk()
        self.users = Users.in_memory(passwords or Passwords(cheap()))
        for name, role in ROLES.items() if users else ():
            self.users.add(name, role, Secret(PASSWORDS[name]), self.clock())
        self.publisher = Publisher()
        self.publisher._latest = snapshot()
        context = Context(
            publisher=self.publisher, operator=self.desk, users=self.users, settings=DashboardSettings()
        )
        self.app = FastAPI()
        self.security = install(self.app, self.users, settings or SecuritySettings(), self.clock)
        for room in (session, actions):
            self.app.include_router(room.router(context))
        self.app.add_api_websocket_route("/api/v1/stream", _look)

    def close(self):
        self.users.close()

    def client(self, base_url=HOST, address="127.0.0.1"):
        return TestClient(
            self.app, base_url=base_url, client=(address, 50_000), raise_server_exceptions=False
        )

    def nobody(self):
        return Visitor(self.client(), {})

    def enter(self, name):
        """Log in by password."""
        client = self.client()
        told = client.post("/api/v1/session/login", json={"name": name, "password": PASSWORDS[name]})
        assert told.status_code == 200, told.text
        return Visitor(client, {"X-CSRF-Token": told.json()["csrf"]})

    def token_of(self, name, role=None, days=30):
        owner = self.users.find(name)
        secret, made = self.security.tokens.make(owner, "test", role or owner.role, days)
        return Visitor(self.client(), {"Authorization": f"Bearer {secret.reveal()}"}), made
