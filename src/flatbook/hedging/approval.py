"""Hedges that a person is asked about: beyond a size, one waits until somebody lets it leave, unless a limit wants it at once.

A hedge whose delta to be traded exceeds `approve_above_usd` is held back whole: none of its orders is wanted, and what works for it is taken
back, as an order that stays would trade the delta that waits. An approval lets hedges of one side of an underlying leave up to
so much delta in all, fills taken off it; a rejection holds them back and asks no more; both end at their time, and
the next answer takes the place of the last. From ESCALATE on, where the ladder of limits hedges at once, a limit on direction lets nothing
wait, whatever was answered: a person who sleeps must not cause a breach, and beyond the hard limit it would be too late (a kill stops
quotes, and the gate may have no room for so large a hedge).
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from flatbook.hedging.propose import DIRECTION, Hedge
from flatbook.limits.check import Standing
from flatbook.limits.ladder import Step
from flatbook.model.hedge_terms import HedgingTerms
from flatbook.model.instruments import Side
from flatbook.model.operator_events import HedgeDecided

_LAST_BITS = 1e-9
_AT_ONCE = Step.ESCALATE  # from which on nothing waits


class Waiting(StrEnum):
    """What becomes of a hedge that is large enough for a person to be asked."""

    WAITS = "waits"
    REJECTED = "rejected"
    APPROVED = "approved"
    UNASKED = "unasked"  # a limit wants it at once


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingHedge:
    """One hedge beyond the size from which on a person is asked."""

    underlying: str
    side: Side  # of delta that is traded
    delta_before_usd: float  # of the underlying
    delta_usd: float  # that is traded, by amount
    legs: tuple[tuple[str, int], ...]  # symbol and contracts, plus buys
    cost_usd: float
    since_ns: int  # it has been so large, on this side, without a pause
    state: Waiting
    until_ns: int  # of the answer; 0: there is none
    owner: str  # who answered
    why: str  # the reason of the answer, or why nobody is asked; of one that waits, why it is proposed

    @property
    def id(self) -> str:
        """The same as long as it waits: underlying and side."""
        return f"{self.underlying}:{self.side.name.lower()}"

    @property
    def held_back(self) -> bool:
        """Whether its orders are not wanted."""
        return self.state in (Waiting.WAITS, Waiting.REJECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    told: HedgeDecided
    left_usd: float  # of an approval: delta that may still be traded


@dataclass(slots=True)
class Approvals:
    """What is remembered between cycles; only the functions of this file change it."""

    answers: dict[str, _Answer] = field(default_factory=dict)  # by underlying
    since: dict[str, tuple[Side, int]] = field(default_factory=dict)  # by underlying: side, and since when
    usd_per_contract: dict[str, float] = field(
        default_factory=dict
    )  # by symbol: delta of a contract bought, of hedges that leave under an approval


def see_answer(approvals: Approvals, event: HedgeDecided) -> None:
    """Take an answer in the place of the last one."""
    approvals.answers[event.underlying] = _Answer(told=event, left_usd=event.most_delta_usd)


def see_hedge_fill(approvals: Approvals, underlying: str, symbol: str, contracts: int) -> None:
    """Take a fill of a hedge instrument off the approval under which it left; contracts plus bought."""
    answer, each_usd = approvals.answers.get(underlying), approvals.usd_per_contract.get(symbol)
    if answer is None or each_usd is None:
        return
    traded_usd = contracts * each_usd * answer.told.side
    if traded_usd > 0.0:
        left_usd = max(answer.left_usd - traded_usd, 0.0)
        approvals.answers[underlying] = replace(answer, left_usd=left_usd)


def waiting_of(
    approvals: Approvals, hedges: tuple[Hedge, ...], standing: Standing, terms: HedgingTerms, now_ns: int
) -> tuple[WaitingHedge, ...]:
    """Of the proposed hedges, those that are large enough for a person to be asked, and what becomes of each.

    Parameters
    ----------
    approvals : Approvals
        Nothing of it is changed.
    hedges, standing
        Of this cycle.
    terms : HedgingTerms
    now_ns : int
    """
    above_usd = terms.approve_above_usd
    if above_usd is None:
        return ()
    large = (one for one in hedges if abs(_traded_usd(one)) > above_usd)
    return tuple(_waiting(approvals, one, standing, now_ns) for one in large)


def leaving(hedges: tuple[Hedge, ...], waiting: tuple[WaitingHedge, ...]) -> tuple[Hedge, ...]:
    """The hedges that are not held back."""
    held = {one.underlying for one in waiting if one.held_back}
    return tuple(one for one in hedges if one.underlying not in held) if held else hedges


def remember(
    approvals: Approvals, hedges: tuple[Hedge, ...], waiting: tuple[WaitingHedge, ...], now_ns: int
) -> None:
    """Keep since when each waits and what leaves under an approval, and forget answers whose time is over."""
    approvals.since = {one.underlying: (one.side, one.since_ns) for one in waiting}
    for name in [name for name, one in approvals.answers.items() if now_ns >= one.told.until_ns]:
        del approvals.answers[name]
    let = {one.underlying for one in waiting if one.state is Waiting.APPROVED}
    for leg in (leg for one in hedges if one.underlying in let for leg in one.legs):
        approvals.usd_per_contract[leg.symbol] = leg.delta_usd / leg.quantity
    if not approvals.answers:
        approvals.usd_per_contract.clear()


def _waiting(approvals: Approvals, hedge: Hedge, standing: Standing, now_ns: int) -> WaitingHedge:
    name, traded_usd = hedge.underlying, _traded_usd(hedge)
    side = Side.BUY if traded_usd > 0.0 else Side.SELL
    was, since_ns = approvals.since.get(name, (side, now_ns))
    found = WaitingHedge(
        underlying=name,
        side=side,
        delta_before_usd=hedge.delta_before_usd,
        delta_usd=abs(traded_usd),
        legs=tuple((leg.symbol, leg.quantity) for leg in hedge.legs),
        cost_usd=hedge.cost_usd,
        since_ns=since_ns if was is side else now_ns,
        state=Waiting.WAITS,
        until_ns=0,
        owner="",
        why=hedge.reason,
    )
    step = standing.worst_of(name, DIRECTION)
    if step >= _AT_ONCE:
        why = f"a limit on direction stands at {step.name}: nothing waits"
        return replace(found, state=Waiting.UNASKED, why=why)
    answer = approvals.answers.get(name)
    if answer is None or answer.told.side is not side or now_ns >= answer.told.until_ns:
        return found
    told = answer.told
    if told.approve and abs(traded_usd) > answer.left_usd * (1.0 + _LAST_BITS):
        return found
    state = Waiting.APPROVED if told.approve else Waiting.REJECTED
    return replace(found, state=state, until_ns=told.until_ns, owner=told.owner, why=told.reason)


def _traded_usd(hedge: Hedge) -> float:
    return hedge.delta_after_usd - hedge.delta_before_usd if hedge.legs else 0.0
