"""What an operator asked for, from the first word to the last record: done once, journaled with who and why, and some of it by two persons."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from flatbook.dashboard import actions
from flatbook.dashboard.actions import ActionError, Intent, Wish
from flatbook.dashboard.context import Context
from flatbook.dashboard.security.audit import record
from flatbook.dashboard.security.bodies import finite
from flatbook.dashboard.security.gate import Security
from flatbook.dashboard.security.permissions import Principal
from flatbook.dashboard.security.refusals import RefusedError
from flatbook.dashboard.security.repeats import Repeats
from flatbook.dashboard.security.waiting import Waiting, WaitingRoom
from flatbook.live.operator import Preview
from flatbook.model.errors import FlatbookError
from flatbook.model.events import LimitsSet
from flatbook.model.operator_events import Outcome


class Done(BaseModel):
    """What became of an action."""

    state: Literal["done", "waiting", "denied"]
    sequence: int | None = None  # of its fact in the journal
    request_id: str | None = None  # of what waits for a second person
    text: str


class Armed(BaseModel):
    """A kill that waits for its confirmation."""

    arm_id: str
    target: str
    expires_in_s: float


class ChangeView(BaseModel):
    """One number that an action would change; null where nobody knows it."""

    name: str
    before: float | None
    after: float | None
    unit: str


class PreviewView(BaseModel):
    """What an action would change, in money first."""

    text: str
    changes: list[ChangeView]
    warnings: list[str]
    cycle: int
    second_person: bool  # it would wait for one


class RequestView(BaseModel):
    """What waits for a second person."""

    id: str
    who: str
    action: str
    target: str
    why: str
    expires_in_s: float
    yours: bool  # you asked for it: you may withdraw it, not approve it


def view_of(found: Preview, *, second_person: bool) -> PreviewView:
    """A preview as the API tells it."""
    changes = [
        ChangeView(name=one.name, before=finite(one.before), after=finite(one.after), unit=one.unit)
        for one in found.changes
    ]
    return PreviewView(
        text=found.text,
        changes=changes,
        warnings=list(found.warnings),
        cycle=found.cycle,
        second_person=second_person,
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """What waits for a second person."""

    intent: Intent
    principal: Principal


class OperatorDesk:
    """The actions of one dashboard. It belongs to one event loop."""

    def __init__(self, context: Context, security: Security) -> None:
        settings, clock = security.settings, security.clock
        self.context, self.settings, self.clock, self.users = context, settings, clock, security.users
        self.repeats: Repeats[Done] = Repeats()
        self.armed: WaitingRoom[Intent] = WaitingRoom(settings.arm_ns, clock)
        self.asked: WaitingRoom[Asked] = WaitingRoom(settings.request_expires_ns, clock)
        self._limits_set = 0  # sequence of the last change of limits
        self._changing = asyncio.Lock()

    async def perform(self, intent: Intent, principal: Principal, key: str) -> Done:
        """Do what a person wants once, or let it wait for a second person."""
        body = f"{intent.action}|{intent.target}|{intent.why}"
        return await self.repeats.once(principal.name, key, body, lambda: self._begin(intent, principal, key))

    async def stop_now(self, intent: Intent, principal: Principal, key: str) -> Done:
        """Stop first, then write who did it: nothing stands before a kill."""

        body = f"{intent.action}|{intent.target}|{intent.why}"
        return await self.repeats.once(principal.name, key, body, lambda: self._stop(intent, principal, key))

    async def call(
        self, intent: Wish, principal: Principal, key: str, do: Callable[[], Awaitable[int | None]]
    ) -> Done:
        """Do what is no fact of ours, once, with its record."""

        async def recorded() -> Done:
            return await self._recorded(intent, principal, key, do)

        body = f"{intent.action}|{intent.target}|{intent.why}"
        return await self.repeats.once(principal.name, key, body, recorded)

    async def preview(self, intent: Intent, principal: Principal) -> PreviewView:
        """What it would change; the desk does not wait for the answer."""
        snapshot = self.context.publisher.latest
        fact = intent.make(snapshot, principal.name)
        found = await self.context.operator.preview(fact)
        return view_of(found, second_person=self.waits(intent))

    async def confirm(self, arm_id: str, principal: Principal) -> Done:
        """Do an armed kill, once, by whoever armed it."""

        async def do() -> Done:
            one = self.armed.take(arm_id, lambda waiting: waiting.who == principal.name)
            if one is None:
                raise RefusedError(
                    409, "not_armed", "nothing of that id is armed for you any more: arm it again"
                )
            return await self._stop(one.what, principal, arm_id)

        return await self.repeats.once(principal.name, arm_id, arm_id, do)

    def waits(self, intent: Intent) -> bool:
        """Whether a second person has to agree."""
        loosened = intent.loosens(self.context.publisher.latest)
        return self.settings.four_eyes and loosened > self.settings.four_eyes_above_pct

    async def requests(self) -> Sequence[Waiting[Asked]]:
        """What waits for a second person; what waited in vain is written down."""
        for one in self.asked.expired():
            await self._record(one.what.intent, one.what.principal, Outcome.EXPIRED, one.id)
        return self.asked.all()

    async def approve(self, request_id: str, principal: Principal, why: str) -> Done:
        """Do what somebody else asked for."""
        await self.requests()
        one = self.asked.take(request_id, lambda waiting: waiting.who != principal.name)
        if one is None:
            raise RefusedError(
                409, "not_yours", "nothing of that id waits for you: nobody approves what they asked for"
            )
        asker = self.users.find(one.who)
        if asker is None or asker.role is not one.what.principal.role:
            raise RefusedError(409, "asker_gone", f"{one.who} could no longer ask for this")
        intent = actions.with_second(one.what.intent, principal.name)
        await record(
            self.context.operator, principal, intent.action, Outcome.APPROVED, intent.target, why, one.id
        )
        return await self._do(intent, one.what.principal, one.id)

    async def deny(self, request_id: str, principal: Principal, why: str) -> Done:
        """Let it be: by a second person, or by whoever asked."""
        await self.requests()
        one = self.asked.take(request_id, lambda _: True)
        if one is None:
            raise RefusedError(404, "none", "nothing of that id waits")
        intent = one.what.intent
        await record(
            self.context.operator, principal, intent.action, Outcome.DENIED, intent.target, why, one.id
        )
        return Done(state="denied", request_id=one.id, text=f"{intent.action}: {intent.target} is not done")

    async def _stop(self, intent: Intent, principal: Principal, key: str) -> Done:
        fact = intent.make(self.context.publisher.latest, principal.name)
        sequence = await self.context.operator.submit(fact, who=principal.name, why=intent.why)
        await self._record(intent, principal, Outcome.DONE, key)
        return Done(state="done", sequence=sequence, text=f"{intent.action}: {intent.target}")

    async def _begin(self, intent: Intent, principal: Principal, key: str) -> Done:
        if not self.waits(intent):
            return await self._do(intent, principal, key)
        intent.make(self.context.publisher.latest, principal.name)
        await self._record(intent, principal, Outcome.ASKED, key)
        one = self.asked.add(principal.name, Asked(intent, principal))
        return Done(
            state="waiting",
            request_id=one.id,
            text=f"{intent.action}: {intent.target} waits for a second person",
        )

    async def _do(self, intent: Intent, principal: Principal, key: str) -> Done:
        async def submit() -> int:
            async with self._changing:
                return await self._submit(intent, principal)

        return await self._recorded(intent, principal, key, submit)

    async def _submit(self, intent: Intent, principal: Principal) -> int:
        """One at a time, so that of two changes of limits none undoes the other: a change tells all limits."""
        snapshot = self.context.publisher.latest
        fact = intent.make(snapshot, principal.name)
        whole = isinstance(fact, LimitsSet)
        if whole and (snapshot is None or snapshot.cycle.sequence < self._limits_set):
            msg = "the limits were changed a moment ago and are not shown yet; look again"
            raise ActionError(msg)
        sequence = await self.context.operator.submit(fact, who=principal.name, why=intent.why)
        self._limits_set = sequence if whole else self._limits_set
        return sequence

    async def _recorded(
        self, intent: Wish, principal: Principal, key: str, do: Callable[[], Awaitable[int | None]]
    ) -> Done:
        await self._record(intent, principal, Outcome.ASKED, key)
        try:
            sequence = await do()
        except FlatbookError:
            await self._record(intent, principal, Outcome.REFUSED, key)
            raise
        await self._record(intent, principal, Outcome.DONE, key)
        return Done(state="done", sequence=sequence, text=f"{intent.action}: {intent.target}")

    async def _record(self, intent: Wish, principal: Principal, outcome: Outcome, key: str) -> None:
        await record(self.context.operator, principal, intent.action, outcome, intent.target, intent.why, key)
