"""Hedges that a person is asked about, in words: for the story, alerts and previews."""

from flatbook.engine.cycle import Cycle
from flatbook.hedging.approval import Waiting, WaitingHedge
from flatbook.live.snapshot import Severity, StoryKind, StoryLine

_PAUSE_NS = 5_000_000_000


def trade_of(one: WaitingHedge) -> str:
    """Its legs, as "buy 12 ESH7"."""
    return ", ".join(
        f"{'buy' if contracts > 0 else 'sell'} {abs(contracts)} {symbol}" for symbol, contracts in one.legs
    )


def asked_of(one: WaitingHedge) -> str:
    """What becomes of it, what it would do and what that costs."""
    before_usd = one.delta_before_usd
    share = -int(one.side) * one.delta_usd / before_usd if before_usd else 0.0
    removes = f", removes {share:.0%} of Δ" if share > 0.0 else ""
    what = f"{trade_of(one)}{removes}, costs {one.cost_usd:,.0f} $"
    match one.state:
        case Waiting.WAITS:
            return f"hedge of {one.underlying} waits for approval: {what}"
        case Waiting.REJECTED:
            return f"hedge of {one.underlying} held back by {one.owner}, {one.why}: {what}"
        case Waiting.APPROVED:
            return f"hedge of {one.underlying} leaves, approved by {one.owner}: {what}"
        case Waiting.UNASKED:
            return f"hedge of {one.underlying} leaves unasked, {one.why}: {what}"


class Asked:
    """What was told of hedges that a person is asked about; one that comes and goes within `_PAUSE_NS` is told once."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Waiting, int]] = {}  # by id: its state, and when it last was in it

    def lines(self, cycle: Cycle) -> list[StoryLine]:
        """A line for each hedge that begins to wait, or leaves unasked."""
        out = []
        for one in cycle.waiting:
            state, seen_ns = self._seen.get(one.id, (None, 0))
            self._seen[one.id] = (one.state, cycle.now_ns)
            new = state is not one.state or cycle.now_ns - seen_ns >= _PAUSE_NS
            if new and one.state in (Waiting.WAITS, Waiting.UNASKED):
                out.append(_line(one, cycle))
        return out


def _line(one: WaitingHedge, cycle: Cycle) -> StoryLine:
    return StoryLine(
        sequence=cycle.sequence,
        at_ns=cycle.now_ns,
        kind=StoryKind.HEDGE,
        text=asked_of(one),
        severity=Severity.AMBER,
        underlying=one.underlying,
    )
