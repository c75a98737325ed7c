"""The plan in sentences: one headline, then what happened, what it means and what to do."""

from flatbook.reports.numbers import brief, magnitude, move, percent, tally
from flatbook.reports.schema import Exposures, Inventory
from flatbook.reports.schema_decisions import Hedges, LimitRow, Quotes
from flatbook.reports.schema_market import MarketHealth
from flatbook.reports.schema_offset import OffsetSection

STRAINED = 0.75  # utilisation from which a limit is told
_PRESSING = frozenset({"ALERT", "ESCALATE", "HARD"})


def headline_of(
    exposure: Exposures, limits: tuple[LimitRow, ...], hedges: Hedges, offset: OffsetSection
) -> str:
    """What the desk is, and what it does next."""
    desk = exposure.desk.measures
    parts = [f"{_vega(desk.vega_usd_per_point)}, delta {brief(desk.delta_usd)} USD"]
    trades = [leg for row in hedges.rows for leg in row.legs]
    parts.append(
        " and ".join(f"{one.side} {one.contracts:,d} {one.symbol}" for one in trades[:2]) or "no hedge"
    )
    if len(trades) > 2:
        parts[-1] += f" and {len(trades) - 2} more"
    strained = strained_of(limits)
    parts.append(f"{tally(len(strained), 'limit') if strained else 'no limit'} above {percent(STRAINED)}")
    plan = offset.plan
    if plan is not None and plan.legs and _is_strained(offset):
        parts.append(f"or offset in {tally(len(plan.legs), 'leg')}")
    if exposure.desk.unvalued:
        parts.append(f"{exposure.desk.unvalued:,d} held series without a value")
    return "; ".join(parts)


def sentences_of(
    inventory: Inventory,
    exposure: Exposures,
    limits: tuple[LimitRow, ...],
    hedges: Hedges,
    offset: OffsetSection,
    quotes: Quotes,
    health: MarketHealth,
) -> tuple[str, ...]:
    """The story, in the order in which it happened."""
    told = [
        inventory.flow[0].sentence + _capacity(inventory),
        _risk(exposure),
        _limits(limits),
        *(row.sentence for row in hedges.rows),
        offset.sentence if _is_strained(offset) else "",
        _quotes(quotes),
        *_escalated(quotes),
        _unvalued(health),
    ]
    return tuple(sentence for sentence in told if sentence)


def limit_notes(row: LimitRow) -> tuple[str, ...]:
    """What a person must know of a limit beside its numbers: who overrode it, why it is tighter, what holds its step."""
    notes = []
    for one in row.override:
        told = f"overridden from {magnitude(row.limit_hard_set)} to {magnitude(one.limit_hard)} by {one.owner} until {one.until}"
        notes.append(f"{told}: {one.reason}")
    if row.tightened:
        notes.append(f"tightened to {magnitude(row.limit_hard)}: {', '.join(row.tightened)}")
    if row.cool_down_until:
        notes.append(f"{row.step} cools down until {row.cool_down_until}")
    return tuple(notes)


def strained_of(limits: tuple[LimitRow, ...]) -> tuple[LimitRow, ...]:
    """Limits at or above `STRAINED`; one that could not be computed is."""
    return tuple(row for row in limits if row.utilisation is None or row.utilisation >= STRAINED)


def _is_strained(offset: OffsetSection) -> bool:
    """A limit that a trade can move stands at ALERT or beyond."""
    return any(one.step in _PRESSING for one in offset.pressing)


def _escalated(quotes: Quotes) -> tuple[str, ...]:
    """What a person must know of quotes now."""
    return tuple(
        f"Escalated: {tally(one.series, 'series', 'series')}, {one.text}."
        for one in quotes.conditions.escalations
    )


def _vega(vega: float | None) -> str:
    if vega is None:
        return "vega unknown"
    if vega == 0.0:
        return "FLAT vega"
    return f"{'LONG' if vega > 0.0 else 'SHORT'} vega {magnitude(vega)} USD/pt"


def _capacity(inventory: Inventory) -> str:
    if inventory.book.capacity_known or not (inventory.flow[0].bought + inventory.flow[0].sold):
        return ""
    return " No fill says for whom it was: all count as customers'."


def _risk(exposure: Exposures) -> str:
    desk = exposure.desk
    known = [(each.pnl_usd, each.move) for each in desk.gaps if each.pnl_usd is not None]
    worst = min(known, default=(0.0, 0.0))
    gap = f"; worst gap {brief(worst[0])} USD at {move(worst[1])}" if worst[0] < 0.0 else "; no gap loses"
    if desk.gap_loss_usd is None:
        gap = "; the gap loss cannot be computed"
    capital = "capital unknown" if desk.capital_usd is None else f"capital {magnitude(desk.capital_usd)} USD"
    return (
        f"Net delta {brief(desk.measures.delta_usd)} USD, gamma {brief(desk.measures.gamma_usd_per_pct)} USD per 1 %, "
        f"vega {brief(desk.measures.vega_usd_per_point)} USD per point, theta "
        f"{brief(desk.measures.theta_usd_per_day)} USD a day{gap}; {capital}."
    )


def _limits(limits: tuple[LimitRow, ...]) -> str:
    if not limits:
        return "No limit is set."
    strained = strained_of(limits)
    if not strained:
        return f"{tally(len(limits), 'limit')} set, none above {percent(STRAINED)}; the fullest: {_limit(limits[0])}."
    names = ", ".join(_limit(row) for row in strained[:3])
    more = f" and {len(strained) - 3} more" if len(strained) > 3 else ""
    return f"{len(strained)} of {tally(len(limits), 'limit')} above {percent(STRAINED)}: {names}{more}."


def _limit(row: LimitRow) -> str:
    used = "not computable" if row.utilisation is None else percent(row.utilisation)
    return f"{row.name} at {used} ({row.step})"


def _quotes(quotes: Quotes) -> str:
    if not quotes.series:
        return "No option series is listed."
    quoted = sum(1 for row in quotes.series if row.bid is not None or row.ask is not None)
    parts = "; ".join(f"{count.series:,d} {count.reason.replace(':', ',')}" for count in quotes.counts)
    return f"Quotes in {quoted:,d} of {len(quotes.series):,d} series: {parts}."


def _unvalued(health: MarketHealth) -> str:
    held = health.unvalued_held
    if not held:
        return ""
    return (
        f"{tally(len(held), 'held contract')} cannot be valued and {'counts' if len(held) == 1 else 'count'} at the "
        f"worst case: {', '.join(one.symbol for one in held[:3])}{' …' if len(held) > 3 else ''}."
    )
