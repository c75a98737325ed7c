"""What venues and people say, as lines of the story."""

from flatbook.live.core import NOT_YET, SHUTDOWN
from flatbook.live.snapshot import Severity, StoryKind, StoryLine
from flatbook.model.events import (
    CapitalReported,
    DeskSet,
    FastMarketSet,
    FillBusted,
    FillCorrected,
    LimitOverridden,
    LimitsSet,
)
from flatbook.model.facts import Fact
from flatbook.model.instruments import Side
from flatbook.model.lifecycle_events import Exercised, SeriesSettled
from flatbook.model.operator_events import HedgeDecided, OperatorActed, Outcome
from flatbook.model.order_events import KillSet
from flatbook.model.quoting_events import ProtectionReset, ProtectionTripped
from flatbook.model.venue_events import FeedSuspect, Restarted, TradingHalted, VenueSession

_WAYS = {Side.BUY: "buy", Side.SELL: "sell"}
_Told = tuple[StoryKind, str, Severity, str]


def line_of(fact: Fact) -> StoryLine | None:
    """A line for what a person should know of; None for all else."""
    told = _of_people(fact) or _of_venues(fact)
    if told is None:
        return None
    kind, text, severity, underlying = told
    return StoryLine(
        sequence=fact.sequence,
        at_ns=fact.received_ns,
        kind=kind,
        text=text,
        severity=severity,
        underlying=underlying,
    )


def _of_people(fact: Fact) -> _Told | None:  # noqa: PLR0911 - one line an event
    person = StoryKind.OPERATOR
    match fact:
        case KillSet():
            scope = f"{fact.scope.value} {fact.name}".strip()
            if fact.owner == SHUTDOWN:
                text = "stopping: every order is cancelled" if fact.on else "running again: quotes may stand"
                return StoryKind.KILL, f"{text} ({fact.reason})", Severity.NOTICE, ""
            if fact.on:
                return (
                    StoryKind.KILL,
                    f"KILLED {scope} by {fact.owner}: {fact.reason}",
                    Severity.RED,
                    _named(fact),
                )
            text = f"kill of {scope} released by {fact.owner}: {fact.reason}"
            return StoryKind.KILL, text, Severity.NOTICE, _named(fact)
        case LimitOverridden():
            text = f"{fact.owner} put {fact.limit_hard:,.0f} in the place of {fact.limit}: {fact.reason}"
            return person, text, Severity.NOTICE, ""
        case LimitsSet():
            return person, f"{fact.by} set {len(fact.limits)} limits", Severity.NOTICE, ""
        case DeskSet():
            return person, f"{fact.by} set the desk", Severity.NOTICE, ""
        case ProtectionReset():
            return person, f"protection {fact.scope} armed again", Severity.NOTICE, ""
        case CapitalReported():
            text = f"{fact.source} asks for {fact.requirement_usd:,.0f} $ of capital"
            return person, text, Severity.INFO, fact.underlying
        case FastMarketSet():
            what = f"{fact.underlying or 'every market'} called {'fast' if fact.on else 'calm'}"
            return person, f"{what}: {fact.reason}", Severity.NOTICE, fact.underlying
        case HedgeDecided():
            of = f"{_WAYS[fact.side]} delta of {fact.underlying}"
            text = (
                f"{fact.owner} approves hedges that {of}, up to {fact.most_delta_usd:,.0f} $"
                if fact.approve
                else f"{fact.owner} holds back hedges that {of}"
            )
            for_s = (fact.until_ns - fact.received_ns) / 1e9
            text = f"{text} for {for_s:,.0f} s: {fact.reason}"
            return StoryKind.ANSWER, text, Severity.NOTICE, fact.underlying
        case OperatorActed() if fact.outcome is not Outcome.ASKED:
            about = f" {fact.target}" if fact.target else ""
            text = f"{fact.who}: {fact.action}{about} {fact.outcome.value}"
            return person, text, Severity.INFO, ""
        case _:
            return None


def _of_venues(fact: Fact) -> _Told | None:  # noqa: PLR0911 - one line an event
    venue = StoryKind.VENUE
    match fact:
        case VenueSession():
            if fact.up:
                return (
                    venue,
                    f"session with {fact.venue} stands; asking what it holds",
                    Severity.NOTICE,
                    "",
                )
            if fact.reason == NOT_YET:
                return venue, f"connecting to {fact.venue}: nothing is sent yet", Severity.INFO, ""
            why = f": {fact.reason}" if fact.reason not in ("", "lost") else ""
            return venue, f"session with {fact.venue} lost{why}; quotes count as unknown", Severity.RED, ""
        case TradingHalted():
            text = f"{fact.underlying or 'everything'} {'halted' if fact.on else 'open again'}: {fact.reason}"
            return venue, text, Severity.AMBER if fact.on else Severity.NOTICE, fact.underlying
        case FeedSuspect():
            names = ", ".join(fact.underlyings)
            text = f"quotes of {names} {'in doubt' if fact.on else 'trusted again'}: {fact.reason}"
            only = fact.underlyings[0] if len(fact.underlyings) == 1 else ""
            return venue, text, Severity.AMBER if fact.on else Severity.INFO, only
        case ProtectionTripped():
            return venue, f"protection {fact.scope} tripped: its quotes are frozen", Severity.AMBER, ""
        case FillBusted():
            return venue, f"fill {fact.fill_id} busted by the venue", Severity.AMBER, ""
        case FillCorrected():
            text = f"fill {fact.fill_id} corrected by the venue to {fact.quantity} contracts"
            return venue, text, Severity.AMBER, ""
        case SeriesSettled():
            return venue, f"{fact.instrument} settled at {fact.settlement_price:g}", Severity.INFO, ""
        case Exercised():
            return venue, f"{fact.instrument}: {fact.quantity:+d} contracts exercised", Severity.NOTICE, ""
        case Restarted():
            text = f"the desk came back from its journal{f': {fact.reason}' if fact.reason else ''}"
            return venue, text, Severity.NOTICE, ""
        case _:
            return None


def _named(fact: KillSet) -> str:
    return fact.name if fact.scope.value == "underlying" else ""
