"""The operator's door of a live desk: what a person says is held against the state, told through the one task, and answered once durable."""

import asyncio
from collections.abc import Iterable
from math import nan

import numpy as np
from msgspec.structs import replace

from flatbook.engine.cycle import Cycle
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.hedging.approval import Waiting, WaitingHedge
from flatbook.journal.state_file import dump_state, load_state
from flatbook.live.desk import LiveDesk
from flatbook.live.operator import Change, OperatorFact, Preview
from flatbook.live.validity import refuse_misnamed
from flatbook.model.errors import FlatbookError
from flatbook.model.events import (
    CapitalReported,
    CycleDue,
    DeskSet,
    FastMarketSet,
    LimitOverridden,
    LimitsSet,
)
from flatbook.model.measures import Measure
from flatbook.model.operator_events import HedgeDecided, OperatorActed
from flatbook.model.order_events import KillSet
from flatbook.orders.kill import BY_LIMIT
from flatbook.quoting.ticks import NO_PRICE
from flatbook.reports.decisions import LIMIT_UNITS

_TRIED = (DeskSet, LimitsSet)  # what may be wrong in more ways than its names tell
_CHANGED = 0.005  # of a utilisation, from which on it is told
_S_NS = 1e9


class LiveOperator:
    """`live.operator.OperatorPort` of one desk."""

    def __init__(self, desk: LiveDesk) -> None:
        self._desk = desk
        self._previewing = asyncio.Lock()

    async def submit(self, fact: OperatorFact, *, who: str, why: str) -> int:
        """Put a fact through journal and core; its sequence once it is durable."""
        fact = self._signed(fact, who, why)
        refuse_misnamed(self._state, fact)
        if isinstance(fact, _TRIED):
            _tried(dump_state(self._state), fact, self._desk.core.clock.now_ns())
        return await self._desk.say(fact)

    async def decide_hedge(
        self, hedge_id: str, approve: bool, *, who: str, why: str, shown_usd: float | None = None
    ) -> int:
        """Let a hedge that waits leave up to a little more than was seen, or hold it back, for `approve_for_s`."""
        _demand_person(who, why)
        hedge, settings = _asked(self._desk.core.last_cycle, hedge_id), self._desk.settings
        seen_usd, more = (
            hedge.delta_usd if shown_usd is None else shown_usd,
            1.0 + settings.approve_more_pct / 100.0,
        )
        most_usd = seen_usd * more
        if approve and not hedge.delta_usd <= most_usd:
            msg = f"hedge {hedge_id!r} trades {hedge.delta_usd:,.0f} USD of delta by now, no longer {seen_usd:,.0f}; look again"
            raise FlatbookError(msg)
        now_ns = self._desk.core.clock.now_ns()
        answer = HedgeDecided(
            received_ns=now_ns,
            underlying=hedge.underlying,
            approve=approve,
            side=hedge.side,
            most_delta_usd=min(most_usd, hedge.delta_usd * more) if approve else 0.0,
            until_ns=now_ns + round(settings.approve_for_s * _S_NS),
            owner=who,
            reason=why,
        )
        return await self._desk.say(answer)

    async def preview(self, fact: OperatorFact) -> Preview:
        """What a fact would change: decided twice on copies of the state, with it and without.

        The state is copied here, where nobody changes it meanwhile; the two decisions are made in a thread, one preview after the other.
        """
        async with self._previewing:
            refuse_misnamed(self._state, fact)
            sequence = self._sequence
            if isinstance(fact, OperatorActed):
                return Preview(text="It is recorded, and changes nothing.", changes=(), cycle=sequence)
            raw, now_ns = dump_state(self._state), self._desk.core.clock.now_ns()
            return await asyncio.to_thread(_previewed, raw, fact, now_ns, sequence)

    async def acknowledge(self, alert_id: str, *, who: str) -> None:
        """A person has seen an alert."""
        self._desk.watch.picture.alerts.acknowledge(alert_id, who)

    @property
    def _state(self) -> State:
        return self._desk.core.state

    @property
    def _sequence(self) -> int:
        cycle = self._desk.core.last_cycle
        return 0 if cycle is None else cycle.sequence

    def _signed(self, fact: OperatorFact, who: str, why: str) -> OperatorFact:
        """The fact with who says it, and why, where it has room for that."""
        _demand_person(who, why)
        now_ns = self._desk.core.clock.now_ns()
        match fact:
            case KillSet() | LimitOverridden():
                return replace(fact, received_ns=now_ns, owner=who, reason=why)
            case DeskSet() | LimitsSet():
                return replace(fact, received_ns=now_ns, by=who)
            case FastMarketSet():
                return replace(fact, received_ns=now_ns, reason=why)
            case CapitalReported():
                return replace(fact, received_ns=now_ns)
            case _:
                return replace(fact, received_ns=now_ns)


def _previewed(raw: bytes, fact: OperatorFact, now_ns: int, sequence: int) -> Preview:
    before, after = _decided(raw, None, now_ns), _tried(raw, fact, now_ns)
    return Preview(
        text=_text(fact, before, after),
        changes=tuple(_changes(before, after)),
        warnings=tuple(_warnings(fact, before, after)),
        cycle=sequence,
    )


def _tried(raw: bytes, fact: OperatorFact, now_ns: int) -> Cycle:
    """The cycle that would follow; raises FlatbookError where the engine could not go on."""
    try:
        return _decided(raw, fact, now_ns)
    except FlatbookError:
        raise
    except Exception as e:
        msg = f"{type(fact).__name__}: the desk could not decide after it ({type(e).__name__}: {e})"
        raise FlatbookError(msg) from e


def _decided(raw: bytes, fact: OperatorFact | None, now_ns: int) -> Cycle:
    """The cycle that follows on a state, as `dump_state` wrote it, with a fact or without."""
    state = load_state(raw)
    if fact is not None:
        step(state, replace(fact, received_ns=now_ns, sequence=0))
    cycle = step(state, CycleDue(received_ns=now_ns, reason="preview", refit=False))
    assert cycle is not None, "a cycle that is due is decided"
    return cycle


def _asked(cycle: Cycle | None, hedge_id: str) -> WaitingHedge:
    """The hedge of this id that a person is asked about."""
    waiting = () if cycle is None else cycle.waiting
    found = next((one for one in waiting if one.id == hedge_id), None)
    if found is None:
        ids = ", ".join(one.id for one in waiting) or "none at all"
        above_usd = None if cycle is None else cycle.desk.hedging.approve_above_usd
        nobody = "; this desk asks nobody" if above_usd is None else ""
        msg = f"hedge {hedge_id!r}: it does not wait; those that do: {ids}{nobody}"
        raise FlatbookError(msg)
    if found.state is Waiting.UNASKED:
        msg = f"hedge {hedge_id!r}: {found.why}"
        raise FlatbookError(msg)
    return found


def _demand_person(who: str, why: str) -> None:
    if not (who.strip() and why.strip()):
        msg = f"an operator's word needs who says it and why, was {who!r} and {why!r}"
        raise FlatbookError(msg)


def _changes(before: Cycle, after: Cycle) -> Iterable[Change]:
    for name, find, unit in (
        ("quotes shown", _quoted, "sides"),
        ("contracts quoted", _contracts, "contracts"),
        ("orders that leave now", _orders, "orders"),
        ("cancels that leave now", _cancels, "cancels"),
        ("hedges proposed", _hedged_usd, "USD of delta"),
    ):
        was, now = find(before), find(after)
        if was != now:
            yield Change(name=name, before=was, after=now, unit=unit)
    used = {one.limit.name: one.utilisation for one in before.standing.limits}
    left = {one.limit.name: one.utilisation for one in after.standing.limits}
    for name in [*left, *(gone for gone in used if gone not in left)]:
        was, now = used.get(name, nan), left.get(name, nan)
        if was != now and not (abs(now - was) < _CHANGED or (np.isnan(was) and np.isnan(now))):
            yield Change(name=f"limit {name}", before=100.0 * was, after=100.0 * now, unit="% of limit")
    for was_set in before.standing.limits:
        name, old = was_set.limit.name, was_set.limit_hard
        new = next((one.limit_hard for one in after.standing.limits if one.limit.name == name), nan)
        if old != new:
            unit = LIMIT_UNITS[was_set.limit.measure]
            yield Change(name=f"hard limit of {name}", before=old, after=new, unit=unit)


def _quoted(cycle: Cycle) -> float:
    if _stopped(cycle):
        return 0.0
    return float(
        np.count_nonzero(cycle.quotes.bid != NO_PRICE) + np.count_nonzero(cycle.quotes.ask != NO_PRICE)
    )


def _contracts(cycle: Cycle) -> float:
    return 0.0 if _stopped(cycle) else float(cycle.quotes.bid_size.sum() + cycle.quotes.ask_size.sum())


def _stopped(cycle: Cycle) -> bool:
    """Whether nothing at all is quoted."""
    return cycle.outgoing is not None and bool(
        (cycle.outgoing.stopped.rows | cycle.outgoing.stopped.halted).all()
    )


def _orders(cycle: Cycle) -> float:
    commands = None if cycle.outgoing is None else cycle.outgoing.commands
    return 0.0 if commands is None else float(np.count_nonzero(~commands.cancels))


def _cancels(cycle: Cycle) -> float:
    commands = None if cycle.outgoing is None else cycle.outgoing.commands
    return 0.0 if commands is None else float(np.count_nonzero(commands.cancels))


def _hedged_usd(cycle: Cycle) -> float:
    return float(sum(abs(one.delta_after_usd - one.delta_before_usd) for one in cycle.hedges))


def _killed_by_limits(cycle: Cycle) -> dict[str, str]:
    """Scopes that a limit stopped, and why."""
    kills = () if cycle.outgoing is None else cycle.outgoing.kills
    return {
        f"{one.scope.value} {one.name}".strip(): one.kill.reason
        for one in kills
        if one.kill.owner == BY_LIMIT
    }


def _text(fact: OperatorFact, before: Cycle, after: Cycle) -> str:
    """The change in one sentence, in money where there is any."""
    delta = float(np.nansum(np.abs(after.exposure.by_underlying[:, Measure.DELTA_USD])))
    match fact:
        case KillSet() if fact.on:
            scope = f"{fact.scope.value} {fact.name}".strip()
            return f"Every quote of {scope} is cancelled at once; {delta:,.0f} $ of delta stays, and hedges only reduce it."
        case KillSet():
            scope = f"{fact.scope.value} {fact.name}".strip()
            return f"{scope} may be quoted again as soon as nothing else holds it back."
        case LimitOverridden():
            old = next(
                (one.limit_hard for one in before.standing.limits if one.limit.name == fact.limit), nan
            )
            return f"{fact.limit}: {old:,.0f} becomes {fact.limit_hard:,.0f} until the override ends."
        case LimitsSet():
            return f"{len(fact.limits)} limits replace all there are, and end every override."
        case CapitalReported():
            return f"{fact.source} is taken to ask for {fact.requirement_usd:,.0f} $ of capital."
        case _:
            return "The desk decides anew, with this."


def _warnings(fact: OperatorFact, before: Cycle, after: Cycle) -> Iterable[str]:
    for name, reason in _killed_by_limits(after).items():
        if name not in _killed_by_limits(before):
            yield f"It kills {name} at once: {reason}."
    if isinstance(fact, KillSet) and fact.on:
        yield "Killed is not flat: positions stay, and orders count until the venue says that they are dead."
    if isinstance(fact, LimitsSet | LimitOverridden):
        over = [one.limit.name for one in after.standing.limits if not one.utilisation <= 1.0]
        if over:
            yield f"Beyond their hard limit then: {', '.join(over)}."
