"""The duties of the desk beside its series: what each asks of every quote now, and the strongest response that all of them leave.

Source: domain reference 2.1, 8.1. A series under several duties owes each of them: the narrowest width, the largest size, the weakest
response. A duty whose session nobody told of binds always; outside its session it asks for nothing.
"""

from dataclasses import dataclass, replace

import numpy as np

from flatbook.market.view import MarketView
from flatbook.model.obligation_terms import ObligationRule, Period, Pooled
from flatbook.model.quoting_events import DutySession
from flatbook.model.quoting_terms import DutyTerms
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints
from flatbook.quoting.coverage import covered
from flatbook.quoting.legal_quotes import Response, Responses, SeriesFacts, in_duty, meets, respond, widest
from flatbook.quoting.obligations import (
    Duty,
    Headroom,
    begin_period,
    change_session,
    duty_changed,
    headroom,
    new_duty,
    open_session,
    pools,
    quotes_changed,
    series_listed,
)
from flatbook.quoting.ticks import NO_PRICE


@dataclass(slots=True, kw_only=True)
class HeldDuty:
    """One duty with its clock; only the functions here and `state` change it."""

    terms: DutyTerms
    assigned: Bools  # [n]
    duty: Duty
    rows_at_open: int  # of the table; what is listed later is new today
    classes: tuple[str, ...]  # of the table, in its order
    opens_ns: int = 0  # of the last session that began
    told: bool = False  # of a session, perhaps one to come
    counted_ns: int = 0  # when quotes were told last
    by_calendar: bool = True  # a calendar tells when the session ends; False: somebody did


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DutyNow:
    """One duty at one instant, to decide by; nobody changes it."""

    name: str
    duty: Duty  # a copy, as of `now_ns`
    now_ns: int
    told: bool  # of its session; otherwise it binds always
    headroom: Headroom


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Around:
    """What widths are told in, n rows each."""

    expiry_ns: Ints
    ticks_per_unit: Floats
    in_the_money: Bools
    underlying_spread: Floats  # of the underlying; NaN where not known
    fast: Bools  # the venue has said so

    def of(self, rows: Ints) -> "Around":
        """Of some rows, int64[k]."""
        return Around(
            expiry_ns=self.expiry_ns[rows],
            ticks_per_unit=self.ticks_per_unit[rows],
            in_the_money=self.in_the_money[rows],
            underlying_spread=self.underlying_spread[rows],
            fast=self.fast[rows],
        )


def new_held(terms: DutyTerms, table: InstrumentTable) -> HeldDuty:
    """A duty before its first session: every living option assigned to it is in it until something exempts it."""
    assigned = covered(terms, table)
    return HeldDuty(
        terms=terms,
        assigned=assigned,
        duty=new_duty(terms.rule, _pools(terms, table, assigned), assigned, table.expiry_ns),
        rows_at_open=len(table.instruments),
        classes=table.classes,
    )


def listed(held: HeldDuty, table: InstrumentTable, now_ns: int) -> None:
    """The table has new rows, or known ones have changed; what becomes ours is in the duty until something exempts it."""
    n, known = len(table.instruments), held.duty.pool_of.size
    more = np.zeros(n - known, np.bool_)
    before, was = (np.concatenate((each, more)) for each in (held.assigned, held.duty.in_duty))
    held.assigned = covered(held.terms, table)
    new: Bools = np.arange(n) >= known
    joins = ~before & ~(new & held.terms.rule.exempt.listed_today)
    numbers = {name: number for number, name in enumerate(held.classes)}
    before_of = np.array([numbers.get(name, -1) for name in table.classes], dtype=np.int64)
    by_class = held.terms.rule.pooled is Pooled.CLASS
    held.classes = table.classes
    series_listed(
        held.duty,
        now_ns,
        _pools(held.terms, table, held.assigned),
        held.assigned & (was | joins),
        np.concatenate((held.duty.later_ns, np.zeros(n - known, np.int64))),
        ends_ns=table.expiry_ns,
        pools_before=np.where(before_of < held.duty.n_duty.size, before_of, -1) if by_class else None,
    )


def exempt_again(held: HeldDuty, table: InstrumentTable, delta_per_unit: Floats, now_ns: int) -> None:
    """Say anew which series are in duty, by their deltas and what has expired."""
    facts = facts_of(table, delta_per_unit, held.rows_at_open)
    now = in_duty(held.terms.rule, facts, held.assigned, now_ns)
    if not np.array_equal(now, held.duty.in_duty):
        duty_changed(held.duty, now_ns, now)


def run_sessions(held: HeldDuty, table: InstrumentTable, opens: Ints, closes: Ints, now_ns: int) -> None:
    """Open the sessions of a calendar that have begun since the last one; those that nobody saw count as missed.

    The last one takes the end that the calendar tells now, unless somebody told of another.

    Parameters
    ----------
    held : HeldDuty
    table : InstrumentTable
    opens, closes : int64[m]
        Ascending.
    now_ns : int
    """
    last = np.flatnonzero(opens == held.opens_ns)
    if held.by_calendar and last.size and int(closes[last[0]]) != held.duty.closes_ns:
        later_ns, sessions_later_ns = held.duty.later_ns, held.duty.sessions_later_ns
        change_session(
            held.duty, now_ns, int(closes[last[0]]), later_ns=later_ns, sessions_later_ns=sessions_later_ns
        )
    due = np.flatnonzero((opens <= now_ns) & (closes > held.duty.closes_ns) & (opens > held.opens_ns))
    if held.duty.closes_ns == 0:
        due = due[closes[due] > now_ns][-1:]
    months = opens.astype("datetime64[ns]").astype("datetime64[M]")
    monthly = held.terms.rule.period is Period.MONTH
    for session in due.tolist():
        opens_ns, closes_ns = int(opens[session]), int(closes[session])
        before = np.datetime64(held.opens_ns, "ns").astype("datetime64[M]")
        later = np.flatnonzero((months == months[session]) & (opens >= closes_ns)) if monthly else due[:0]
        begin_session(
            held,
            opens_ns,
            closes_ns,
            later_ns=_open_ns(opens[later], closes[later], table.expiry_ns),
            sessions_later_ns=int((closes[later] - opens[later]).sum()),
            new_period=not monthly or before != months[session],
        )


def begin_session(
    held: HeldDuty, opens_ns: int, closes_ns: int, *, later_ns: Ints, sessions_later_ns: int, new_period: bool
) -> None:
    """A session begins, and with it perhaps a period."""
    if new_period:
        begin_period(held.duty)
    open_session(held.duty, opens_ns, closes_ns, later_ns=later_ns, sessions_later_ns=sessions_later_ns)
    held.opens_ns, held.rows_at_open, held.told, held.by_calendar = (
        opens_ns,
        held.duty.pool_of.size,
        True,
        True,
    )


def run_told(held: HeldDuty, table: InstrumentTable, sessions: tuple[DutySession, ...], now_ns: int) -> None:
    """Begin the sessions that somebody told of and that are due; of the one that began last, take what was told anew.

    Quotes that a duty was told of between two sessions count from the opening of the second.

    Parameters
    ----------
    held : HeldDuty
    table : InstrumentTable
    sessions : tuple of DutySession
        Of this duty, ascending; some may be to come.
    now_ns : int
    """
    held.told = held.told or bool(sessions)
    for event in sessions:
        known = (event.closes_ns, event.later_ns) == (held.duty.closes_ns, held.duty.sessions_later_ns)
        begins = held.opens_ns < event.opens_ns <= now_ns
        if not begins and (event.opens_ns != held.opens_ns or known):
            continue
        expiry_ns = table.expiry_ns[: held.assigned.size]
        later_ns = np.where(expiry_ns > event.closes_ns, event.later_ns, 0)
        if begins:
            between = held.duty.closes_ns <= held.counted_ns <= event.opens_ns
            quoted = held.duty.quoted & between
            begin_session(
                held,
                event.opens_ns,
                event.closes_ns,
                later_ns=later_ns,
                sessions_later_ns=event.later_ns,
                new_period=event.new_period,
            )
            quotes_changed(held.duty, event.opens_ns, np.arange(quoted.size), quoted)
        else:
            change_session(
                held.duty, now_ns, event.closes_ns, later_ns=later_ns, sessions_later_ns=event.later_ns
            )
        held.by_calendar = False


def duty_now(held: HeldDuty, now_ns: int) -> DutyNow:
    """A copy as of `now_ns`; outside its session no series is in duty."""
    duty = held.duty
    copy = replace(
        duty,
        quoted=duty.quoted.copy(),
        n_quoted=duty.n_quoted.copy(),
        open_ns=duty.open_ns.copy(),
        quoted_ns=duty.quoted_ns.copy(),
        session_ns=duty.session_ns.copy(),
        enough_ns=duty.enough_ns.copy(),
    )
    room = headroom(copy, now_ns)
    if held.told and not held.opens_ns <= now_ns < duty.closes_ns:
        nobody = np.zeros(duty.in_duty.size, np.bool_)
        copy = replace(copy, in_duty=nobody, quoted=nobody, n_duty=np.zeros_like(duty.n_duty))
    return DutyNow(name=held.terms.name, duty=copy, now_ns=now_ns, told=held.told, headroom=room)


def response_of(
    duties: tuple[DutyNow, ...],
    *,
    bid_step: Ints,
    ask_step: Ints,
    utilisation: Floats,
    killed: Bools,
    gone: Bools,
    horizon_s: float,
) -> Responses:
    """The strongest response of each side that every duty leaves; arguments as of `legal_quotes.respond`."""
    each = [
        respond(
            one.duty,
            one.now_ns,
            bid_step=bid_step,
            ask_step=ask_step,
            utilisation=utilisation,
            killed=killed,
            gone=gone,
            horizon_s=horizon_s,
        )
        for one in duties
    ]
    bids, asks = (np.array([getattr(one, name) for one in each]) for name in ("bid", "ask"))
    decides = (bids + asks).argmin(axis=0)  # the duty that leaves least
    grounds = np.array([one.ground for one in each])
    return Responses(
        bid=bids.min(axis=0),
        ask=asks.min(axis=0),
        ground=grounds[decides, np.arange(grounds.shape[1])],
        escalated=np.any([one.escalated for one in each], axis=0),
    )


def under_duty(duties: tuple[DutyNow, ...], n: int) -> Bools:
    """bool[n]: series that some duty covers now."""
    out = np.zeros(n, np.bool_)
    for one in duties:
        out |= one.duty.in_duty & (not one.duty.suspended)
    return out


def legal_width_ticks(duties: tuple[DutyNow, ...], bid: Ints, own: Floats, around: Around) -> Ints:
    """int64[n]: the widest quote that the desk and all duties allow around a bid, whole ticks.

    Parameters
    ----------
    duties : tuple of DutyNow
    bid : int64[n]
        Ticks; NO_PRICE where there is none.
    own : float64[n]
        The desk's own, ticks.
    around : Around
    """
    out = own
    price = np.where(bid == NO_PRICE, 0.0, bid / around.ticks_per_unit)
    for one in duties:
        width = _widest(one.duty.rule, price, around, one.now_ns) * around.ticks_per_unit
        out = np.where(one.duty.in_duty, np.minimum(out, np.floor(width * (1.0 + 1e-9) + 1e-9)), out)
    return np.asarray(out, dtype=np.int64)


def legal_sizes(duties: tuple[DutyNow, ...], n: int, least: int) -> tuple[Ints, Floats]:
    """The least size of each series, int64[n], and the least share of its smaller side to its larger, float64[n]."""
    size, ratio = np.full(n, least, np.int64), np.zeros(n)
    for one in duties:
        size = np.where(one.duty.in_duty, np.maximum(size, one.duty.rule.size_min), size)
        ratio = np.where(one.duty.in_duty, np.maximum(ratio, one.duty.rule.size_ratio_min), ratio)
    return size, ratio


def count_quotes(
    held: HeldDuty,
    rows: Ints | None,
    bid: Ints,
    ask: Ints,
    bid_size: Ints,
    ask_size: Ints,
    frozen: Bools,
    around: Around,
    now_ns: int,
) -> None:
    """Tell a duty which quotes are at work: those that meet it count from now on.

    Parameters
    ----------
    held : HeldDuty
    rows : int64[k] or None
        The series that the columns are of, each once; None: all.
    bid, ask, bid_size, ask_size, frozen
        k rows each, as are those of `around`.
    around : Around
    now_ns : int
    """
    prices = [np.where(side == NO_PRICE, np.nan, side / around.ticks_per_unit) for side in (bid, ask)]
    with np.errstate(invalid="ignore"):
        most = _widest(held.terms.rule, prices[0], around, now_ns)
        legal = meets(held.terms.rule, prices[0], prices[1], bid_size, ask_size, most)
    legal &= ~frozen
    in_duty, quoted = held.duty.in_duty, held.duty.quoted
    if rows is not None:
        in_duty, quoted = in_duty[rows], quoted[rows]
    changed = np.flatnonzero((legal & in_duty) != quoted)
    quotes_changed(held.duty, now_ns, changed if rows is None else rows[changed], legal[changed])
    held.counted_ns = now_ns


def frozen_now(held: HeldDuty, frozen: Bools, now_ns: int) -> None:
    """A protection has taken quotes away, of the series bool[n]: they count no longer."""
    rows = np.flatnonzero(held.duty.quoted & frozen)
    quotes_changed(held.duty, now_ns, rows, np.zeros(rows.size, np.bool_))


def around(market: MarketView, fast: Bools, underlying_spread: Floats | None = None) -> Around:
    """What legal widths are told in.

    Parameters
    ----------
    market : MarketView
    fast : bool[n_underlyings]
        The venue has said that the market is fast.
    underlying_spread : float64[n_underlyings], optional
    """
    table = market.table
    spread = underlying_spread if underlying_spread is not None and underlying_spread.size else None
    spot = market.spot[table.underlying_of]
    return Around(
        expiry_ns=table.expiry_ns,
        ticks_per_unit=table.ticks_per_unit,
        in_the_money=table.sign * (spot - table.strike) > 0.0,
        underlying_spread=np.full(spot.size, np.nan) if spread is None else spread[table.underlying_of],
        fast=fast[table.underlying_of],
    )


def facts_of(table: InstrumentTable, delta_per_unit: Floats, rows_at_open: int) -> SeriesFacts:
    """What exemptions read of each series.

    A contract is adjusted where its multiplier is not the usual one of its class. That a series is a quarterly cannot be told: none is
    taken for one, so a duty holds for more series than it must.
    """
    n = len(table.instruments)
    usual = np.full(n, np.nan)
    for number in range(len(table.classes)):
        mine = table.class_of == number
        kinds, counts = np.unique(table.multiplier[mine], return_counts=True)
        usual[mine] = kinds[counts.argmax()] if kinds.size else np.nan
    return SeriesFacts(
        expiry_ns=table.expiry_ns,
        delta=delta_per_unit,
        index_option=table.is_option & ~table.delivers & ~table.inverse,
        quarterly=np.zeros(n, np.bool_),
        adjusted=table.is_option & (table.multiplier != usual),
        listed_today=np.arange(n) >= rows_at_open,
    )


def _widest(rule: ObligationRule, bid: Floats, around: Around, now_ns: int) -> Floats:
    """float64[n]: price units."""
    expiry, in_the_money, spread = around.expiry_ns, around.in_the_money, around.underlying_spread
    usual = widest(rule, bid, expiry, in_the_money, spread, now_ns, fast=False)
    if not around.fast.any():
        return usual
    eased = widest(rule, bid, expiry, in_the_money, spread, now_ns, fast=True)
    return np.where(around.fast, eased, usual)


def _pools(terms: DutyTerms, table: InstrumentTable, assigned: Bools) -> Ints:
    return pools(terms.rule, table.class_of, assigned)


def _open_ns(opens: Ints, closes: Ints, expiry_ns: Ints) -> Ints:
    """int64[n]: time that each series is open in sessions to come."""
    out = np.zeros(expiry_ns.size, np.int64)
    for opens_ns, closes_ns in zip(opens.tolist(), closes.tolist(), strict=True):
        out += np.clip(expiry_ns - opens_ns, 0, closes_ns - opens_ns)
    return out


assert Response.QUOTED < Response.WIDEST < Response.OFF  # the least of several is what all of them leave
