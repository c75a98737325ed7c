"""The Obligations page: what we owe venues in quoted time, width and size, and how near our protections are to a trip.

A clock counts as its rule measures: series-seconds of all series in duty, or seconds with enough series quoted. Of the period's whole
(what has passed and what is to come) it shows what was quoted, what was missed and what the duty asks for; headroom is what may
still be missed. Widths are of the quotes that this cycle decided, against the widest that the duty allows for each series.
"""

import math
from dataclasses import dataclass

import numpy as np

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.frames import Frame, number
from flatbook.dashboard.views.head import Row, frame_of
from flatbook.dashboard.views.klass import prices_of
from flatbook.engine.cycle import Cycle
from flatbook.kernels.protection_windows import NEVER, NO_TIME
from flatbook.live.snapshot import Snapshot
from flatbook.model.obligation_terms import Measured, Pooled
from flatbook.model.protection_terms import TALLIES, Netting, Tally, WindowKind
from flatbook.model.table import Bools, Floats, Ints
from flatbook.orders.rate import cost_ns
from flatbook.quoting.duties import DutyNow, around, legal_width_ticks
from flatbook.quoting.propose import REASON_TEXT, QuoteReason
from flatbook.quoting.protections import ScopesNow

SERIES_SHOWN = 80
TRIPS_SHOWN = 20
UNTOLD = "nobody told of its session: it binds always, and headroom is not counted"
OUTSIDE = "outside its session: it asks for nothing now"
NO_PROTECTION = "no venue's protection is configured: fills are not counted"
NOT_LOOKED = "this picture of the desk has no counters"
ARMED, FROZEN = "armed", "frozen"
_S = 1e-9
_ANY_WIDTH = 1e15  # ticks: no width of our own
_NETTINGS: dict[Netting, str] = {
    Netting.GROSS: "bought and sold added",
    Netting.NET: "bought less sold",
    Netting.SIDE: "the greater side",
}
_UNITS: dict[Tally, str] = {
    Tally.EXECUTIONS: "fills",
    Tally.TRIPS: "trips",
    Tally.QUANTITY: "contracts",
    Tally.FILLED_PCT: "% of displayed",
    Tally.NOTIONAL: "currency",
    Tally.DELTA: "delta",
    Tally.VEGA: "currency per point",
}


class DutyRow(Row):
    """One duty, or of a duty that each class owes by itself, one class."""

    name: str
    venue: str
    role: str
    option_class: str  # empty: all of them together
    measured: str  # series_seconds, breadth_seconds
    period: str  # day, month
    time_share: float  # that has to be quoted
    told: bool  # of its session
    suspended: bool  # its clock stands still
    reason: str  # why there is no clock, or nothing to do
    closes_ns: str  # end of the session that runs; empty: not told
    left_s: float | None  # of the session
    series: int  # in duty
    quoted: int  # of them, with quotes at work that meet it
    needed: int  # series that make enough breadth
    passed_s: float  # on the clock so far
    quoted_s: float  # of it
    whole_s: float | None  # of the period
    so_far: float | None  # share quoted of what has passed
    headroom_s: float | None  # seconds that all series may still be off at once
    headroom_share: float | None  # of the period; below 0 the duty can no longer be met
    reserve_share: float  # of the period: headroom that is never spent on purpose
    width_share: float | None  # the widest quote against what is allowed for it: 1 is the limit
    width: float | None  # of that quote, quote currency
    width_allowed: float | None
    width_symbol: str
    size_min: int  # contracts a side
    size: int | None  # the smallest side of a two-sided quote
    size_symbol: str
    size_ratio_min: float


class TallyRow(Row):
    """One count of a protection."""

    tally: str
    unit: str
    used: float  # of what trips it: 1 trips
    at: float
    limit: float
    netting: str


class ScopeRow(Row):
    """One protection: what it counts together."""

    name: str  # as venue/rule/key; shadow/class is ours
    venue: str  # empty: our own, over all venues
    covers: str
    window: str
    frozen_for: str  # what a trip brings
    state: str  # armed, frozen
    until_ns: str  # of the freeze; empty: until it is reset, or armed
    used: float  # the fullest of its counts
    tallies: tuple[TallyRow, ...]  # the fullest first
    trips: int  # among the latest that are remembered
    reset_after_s: float  # a reset is refused sooner after a trip


class TripRow(Row):
    """A protection that tripped."""

    at_ns: str
    scope: str
    text: str


class BudgetRow(Row):
    """Messages that a venue takes, as the desk counts them."""

    venue: str
    left: int  # messages that may leave at once
    burst: int  # when nothing was sent for long
    per_s: float  # that come back
    used: float  # of the burst: at 1 everything waits


class Obligations(Row):
    """The page."""

    duties: tuple[DutyRow, ...]  # least headroom first
    no_duty: str  # why there is none
    scopes: tuple[ScopeRow, ...]  # frozen ones first, then the fullest
    no_scope: str
    frozen_series: int
    budgets: tuple[BudgetRow, ...]  # empty: the desk only proposes
    trips: tuple[TripRow, ...]  # newest first


class DutySeries(Row):
    """One series of a duty."""

    symbol: str
    bid: float | None
    ask: float | None
    width: float | None
    width_allowed: float | None
    width_share: float | None
    bid_size: int
    ask_size: int
    counts: bool  # its quotes at work meet the duty
    why: str  # why it is quoted as it is


class DutyDetail(Row):
    """The series of one duty."""

    name: str
    series: tuple[DutySeries, ...]  # what does not count first, then the widest
    total: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Widths:
    """The quotes of this cycle beside one duty, by row; NaN where there are not two sides."""

    bid: Floats
    ask: Floats
    width: Floats
    allowed: Floats
    share: Floats
    size: Ints  # of the smaller side


def obligations(snapshot: Snapshot) -> Obligations:
    """The page of a snapshot."""
    cycle = snapshot.cycle
    rows = [
        _duty(cycle, one, pool, widths)
        for one in cycle.conditions.duties
        for widths in (_widths(cycle, one),)
        for pool in _pools(one.duty.pool_of)
    ]
    rows.sort(key=lambda each: (_urgency(each), each.name))
    scopes, why = _scopes(snapshot.protections)
    return Obligations(
        duties=tuple(rows),
        no_duty="" if rows else "the desk owes no venue a quote: no [[duty]] in its file",
        scopes=scopes,
        no_scope=why,
        frozen_series=int(cycle.conditions.frozen.sum()),
        budgets=_budgets(cycle),
        trips=_trips(snapshot.protections),
    )


def obligations_frame(snapshot: Snapshot) -> Frame:
    """The same for the stream."""
    return frame_of(snapshot, "obligations", "obligations", obligations(snapshot))


def duty_detail(snapshot: Snapshot, name: str) -> DutyDetail:
    """The series of one duty, by its name on the page.

    Raises
    ------
    UnknownTopicError
        There is no such duty.
    """
    cycle = snapshot.cycle
    for one in cycle.conditions.duties:
        for pool in _pools(one.duty.pool_of):
            if _name(cycle, one, pool) == name:
                return _detail(cycle, one, pool, name)
    known = [_name(cycle, one, p) for one in cycle.conditions.duties for p in _pools(one.duty.pool_of)]
    msg = f"no duty {name!r}; there are {', '.join(known) or 'none'}"
    raise UnknownTopicError(msg)


def duty_frame(snapshot: Snapshot, name: str) -> Frame:
    """The same for the stream."""
    return frame_of(snapshot, "duty", f"duty:{name}", duty_detail(snapshot, name))


def _pools(pool_of: Ints) -> list[int]:
    """Numbers of the pools that have a series."""
    return [int(pool) for pool in np.unique(pool_of[pool_of >= 0]).tolist()]


def _name(cycle: Cycle, now: DutyNow, pool: int) -> str:
    return f"{now.name} {_class_of(cycle, now, pool)}".strip()


def _class_of(cycle: Cycle, now: DutyNow, pool: int) -> str:
    return cycle.table.classes[pool] if now.duty.rule.pooled is Pooled.CLASS else ""


def _urgency(row: DutyRow) -> float:
    return math.inf if row.headroom_share is None else row.headroom_share


def _duty(cycle: Cycle, now: DutyNow, pool: int, widths: _Widths) -> DutyRow:
    duty, rule = now.duty, now.duty.rule
    venue, _, role = now.name.partition("/")
    series_time = rule.measured is Measured.SERIES_SECONDS
    passed, quoted = (duty.open_ns, duty.quoted_ns) if series_time else (duty.session_ns, duty.enough_ns)
    left_ns = max(duty.closes_ns - duty.as_of_ns, 0)
    share = float(now.headroom.share[pool])
    mine = duty.in_duty & (duty.pool_of == pool)
    widest = _most(widths.share, mine)
    least = _most(-widths.size.astype(np.float64), mine & np.isfinite(widths.width))
    symbols = cycle.table.instruments
    idle = now.told and not int(duty.n_duty[pool])
    return DutyRow(
        name=_name(cycle, now, pool),
        venue=venue,
        role=role,
        option_class=_class_of(cycle, now, pool),
        measured=rule.measured.value,
        period=rule.period.value,
        time_share=rule.time_share,
        told=now.told,
        suspended=duty.suspended,
        reason=UNTOLD if not now.told else OUTSIDE if idle else "",
        closes_ns=str(duty.closes_ns) if now.told else "",
        left_s=left_ns * _S if now.told else None,
        series=int(duty.n_duty[pool]),
        quoted=int(duty.n_quoted[pool]),
        needed=int(duty.needed[pool]),
        passed_s=float(passed[pool]) * _S,
        quoted_s=float(quoted[pool]) * _S,
        whole_s=float(now.headroom.whole_ns[pool]) * _S if now.told else None,
        so_far=float(quoted[pool] / passed[pool]) if passed[pool] else None,
        headroom_s=number(float(now.headroom.all_off_s[pool])) if now.told else None,
        headroom_share=number(share) if now.told else None,
        reserve_share=rule.reserve_share,
        size_min=rule.size_min,
        size_ratio_min=rule.size_ratio_min,
        width_share=number(float(widths.share[widest])) if widest >= 0 else None,
        width=number(float(widths.width[widest])) if widest >= 0 else None,
        width_allowed=number(float(widths.allowed[widest])) if widest >= 0 else None,
        width_symbol=symbols[widest].symbol if widest >= 0 else "",
        size=int(widths.size[least]) if least >= 0 else None,
        size_symbol=symbols[least].symbol if least >= 0 else "",
    )


def _widths(cycle: Cycle, now: DutyNow) -> _Widths:
    table, quotes, fast = cycle.table, cycle.quotes, cycle.conditions.fast
    by_hand = np.zeros(len(table.underlyings), dtype=np.bool_) if fast is None else fast.by_hand
    about = around(cycle.market, by_hand, cycle.conditions.underlying_spread)
    most = legal_width_ticks((now,), quotes.bid, np.full(quotes.bid.size, _ANY_WIDTH), about)
    bid, ask = prices_of(quotes.bid, table), prices_of(quotes.ask, table)
    allowed = np.where(now.duty.in_duty, most / table.ticks_per_unit, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (ask - bid) / allowed
    return _Widths(
        bid=bid,
        ask=ask,
        width=ask - bid,
        allowed=allowed,
        share=share,
        size=np.minimum(quotes.bid_size, quotes.ask_size),
    )


def _most(values: Floats, mine: Bools) -> int:
    """The row of the largest value that is known; -1 where none is."""
    rows = np.flatnonzero(mine & np.isfinite(values))
    return int(rows[np.argmax(values[rows])]) if rows.size else -1


def _detail(cycle: Cycle, now: DutyNow, pool: int, name: str) -> DutyDetail:
    table, quotes, duty = cycle.table, cycle.quotes, now.duty
    widths = _widths(cycle, now)
    rows = np.flatnonzero(duty.in_duty & (duty.pool_of == pool))
    rows = rows[np.lexsort((-np.nan_to_num(widths.share[rows], nan=np.inf), duty.quoted[rows]))]
    return DutyDetail(
        name=name,
        series=tuple(
            DutySeries(
                symbol=table.instruments[row].symbol,
                bid=number(float(widths.bid[row])),
                ask=number(float(widths.ask[row])),
                width=number(float(widths.width[row])),
                width_allowed=number(float(widths.allowed[row])),
                width_share=number(float(widths.share[row])),
                bid_size=int(quotes.bid_size[row]),
                ask_size=int(quotes.ask_size[row]),
                counts=bool(duty.quoted[row]),
                why=REASON_TEXT[QuoteReason(int(quotes.reason[row]))],
            )
            for row in rows[:SERIES_SHOWN].tolist()
        ),
        total=rows.size,
    )


def _scopes(now: ScopesNow | None) -> tuple[tuple[ScopeRow, ...], str]:
    if now is None:
        return (), NOT_LOOKED
    rows = [_scope(now, place) for place in range(len(now.scopes))]
    rows.sort(key=lambda each: (each.state != FROZEN, -each.used, each.name))
    return tuple(rows), "" if rows else NO_PROTECTION


def _scope(now: ScopesNow, place: int) -> ScopeRow:
    scope, rule = now.scopes[place], now.scopes[place].rule
    used = dict(zip(TALLIES, now.used[place].tolist(), strict=True))
    tallies = [
        TallyRow(
            tally=one.tally.value,
            unit=_UNITS[one.tally],
            used=used[one.tally],
            at=used[one.tally] * one.limit,
            limit=one.limit,
            netting=_NETTINGS[one.netting],
        )
        for one in rule.thresholds
    ]
    tallies.sort(key=lambda each: -each.used)
    until = int(now.until_ns[place])
    return ScopeRow(
        name=scope.name,
        venue=now.venue_of[place],
        covers=scope.name.rsplit("/", 1)[-1],
        window=_window(rule.window, rule.interval_ms / 1e3),
        frozen_for=f"{rule.frozen_ms / 1e3:g} s" if rule.frozen_ms else "until it is reset",
        state=ARMED if until == NO_TIME else FROZEN,
        until_ns="" if until in (NO_TIME, NEVER) else str(until),
        used=tallies[0].used,
        tallies=tuple(tallies),
        trips=sum(each.scope == scope.name for each in now.trips),
        reset_after_s=rule.reset_after_ms / 1e3,
    )


def _window(kind: WindowKind, seconds: float) -> str:
    if kind is WindowKind.CUMULATIVE:
        return "since the last reset"
    return {
        WindowKind.FIXED: f"{seconds:g} s from the first fill",
        WindowKind.SLIDING: f"the last {seconds:g} s",
        WindowKind.TUMBLING: f"each {seconds:g} s",
    }[kind]


def _budgets(cycle: Cycle) -> tuple[BudgetRow, ...]:
    """What is left after this cycle's commands; of several venues the least."""
    sent, terms = cycle.outgoing, cycle.desk.orders
    if sent is None or not sent.buckets.credit_ns.size:
        return ()
    left = int(sent.buckets.credit_ns.min()) // cost_ns(terms)
    return (
        BudgetRow(
            venue=terms.venue,
            left=left,
            burst=terms.message_burst,
            per_s=float(terms.messages_per_s),
            used=1.0 - left / terms.message_burst,
        ),
    )


def _trips(now: ScopesNow | None) -> tuple[TripRow, ...]:
    if now is None:
        return ()
    return tuple(
        TripRow(
            at_ns=str(each.time_ns),
            scope=each.scope,
            text=f"{each.at:,.0f} of {each.limit:,.0f} {_UNITS[each.tally]}",
        )
        for each in reversed(now.trips[-TRIPS_SHOWN:])
    )
