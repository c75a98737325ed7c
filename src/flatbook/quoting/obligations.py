"""Duties to quote: the time we have quoted, the time we may still be away, and what may go off now.

Source: domain reference 2.1. A pool of series counts whole nanoseconds: open and quoted, of each series added up, and of
the session, in all and with enough series quoted. Headroom is what may still be missed if everything is quoted legally for
the rest of the period: quoted + still to come - required share of all. A series is still to come until it expires or the
session ends, whichever is sooner. Headroom is rounded down, the requirement up: what is claimed can be taken. A change of a quote costs its own pool; a batch of changes costs the batch and the pools.

A one-sided quote is no quote to a duty: one side off costs the same headroom as both.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.obligation_terms import Breadth, Measured, ObligationRule, Pooled
from flatbook.model.table import Bools, Floats, Ints

_PPM = 1_000_000
_MOST_NS = 2**62
_NEVER_NS = 2**63 - 1
_S = 1e-9


@dataclass(slots=True, kw_only=True)
class Duty:
    """One duty of one venue: rows as in the instrument table, pools by number; only the functions here change it."""

    rule: ObligationRule
    pool_of: Ints  # [n]: -1 where the series is not ours to quote
    in_duty: Bools  # [n]: listed and not exempt
    quoted: Bools  # [n]: in duty, and quoted as the duty asks
    later_ns: Ints  # [n]: time that the series is open in later sessions of the period
    ends_ns: Ints  # [n]: when it expires
    next_end_ns: int  # the soonest of those in duty
    n_duty: Ints  # [p]: series in duty
    n_quoted: Ints  # [p]
    needed: Ints  # [p]: series that make enough breadth
    open_ns: Ints  # [p]: series-time
    quoted_ns: Ints  # [p]: series-time
    session_ns: Ints  # [p]: time
    enough_ns: Ints  # [p]: time with enough series quoted
    as_of_ns: int
    closes_ns: int  # end of the session that runs
    sessions_later_ns: int  # time of the later sessions of the period
    suspended: bool  # the clock stands still


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """What each pool may still miss. Units: series-time for pooled series, time where breadth is measured."""

    spare_ns: Ints  # [p]: below 0 where the duty can no longer be met
    all_off_s: Floats  # [p]: seconds that every series may still be off; at most what is left of the period
    share: Floats  # [p]: of the period's whole
    whole_ns: Ints  # [p]: what has passed and what is to come
    reserve_ns: Ints  # [p]: of `spare_ns`, not to be spent


def new_duty(rule: ObligationRule, pool_of: Ints, in_duty: Bools, ends_ns: Ints | None = None) -> Duty:
    """A duty before its first session; `ends_ns`, int64[n], says when each series expires (never, where nobody tells)."""
    n_pools = int(pool_of.max(initial=-1)) + 1
    zeros = np.zeros(n_pools, np.int64)
    duty = Duty(
        rule=rule,
        pool_of=pool_of.astype(np.int64),
        in_duty=in_duty & (pool_of >= 0),
        quoted=np.zeros(pool_of.size, np.bool_),
        later_ns=np.zeros(pool_of.size, np.int64),
        ends_ns=np.full(pool_of.size, _NEVER_NS) if ends_ns is None else ends_ns.astype(np.int64),
        next_end_ns=_NEVER_NS,
        n_duty=zeros.copy(),
        n_quoted=zeros.copy(),
        needed=zeros.copy(),
        open_ns=zeros.copy(),
        quoted_ns=zeros.copy(),
        session_ns=zeros.copy(),
        enough_ns=zeros.copy(),
        as_of_ns=0,
        closes_ns=0,
        sessions_later_ns=0,
        suspended=False,
    )
    _count(duty)
    return duty


def pools(rule: ObligationRule, class_of: Ints, assigned: Bools) -> Ints:
    """int64[n]: the pool of each series, by what the rule measures together; -1 where it is not assigned to us."""
    return np.where(assigned, class_of if rule.pooled is Pooled.CLASS else 0, -1)


def series_listed(
    duty: Duty,
    now_ns: int,
    pool_of: Ints,
    in_duty: Bools,
    later_ns: Ints,
    *,
    ends_ns: Ints | None = None,
    pools_before: Ints | None = None,
) -> None:
    """A listing has added rows to the table, or changed known ones.

    Parameters
    ----------
    duty : Duty
    now_ns : int
    pool_of, in_duty, later_ns : int64[n], bool[n], int64[n]
        Of all rows.
    ends_ns : int64[n], optional
        When each series expires; without it the known ones keep theirs and new ones never do.
    pools_before : int64[p], optional
        The number that each pool had until now, -1 where it had none; without it the pools keep their numbers.
    """
    _accrue(duty, now_ns)
    known, n_known = duty.n_duty.size, duty.quoted.size
    if pools_before is None:
        numbers = np.arange(max(int(pool_of.max(initial=-1)) + 1, known))
        pools_before = np.where(numbers < known, numbers, -1)
    for name in ("open_ns", "quoted_ns", "session_ns", "enough_ns", "n_duty"):
        setattr(duty, name, np.append(getattr(duty, name), 0)[pools_before])
    more = pool_of.size - n_known
    if ends_ns is None:
        ends_ns = np.concatenate((duty.ends_ns, np.full(more, _NEVER_NS)))
    duty.quoted = np.concatenate((duty.quoted, np.zeros(more, np.bool_)))
    duty.pool_of, duty.later_ns, duty.ends_ns = (
        each.astype(np.int64) for each in (pool_of, later_ns, ends_ns)
    )
    duty.in_duty = in_duty & (pool_of >= 0)
    duty.quoted &= duty.in_duty
    _count(duty)


def begin_period(duty: Duty) -> None:
    """Forget the last period's time."""
    _accrue(duty, duty.closes_ns)
    for each in (duty.open_ns, duty.quoted_ns, duty.session_ns, duty.enough_ns):
        each[:] = 0


def open_session(
    duty: Duty, opens_ns: int, closes_ns: int, *, later_ns: Ints, sessions_later_ns: int
) -> None:
    """A session begins, with nothing quoted.

    Parameters
    ----------
    duty : Duty
    opens_ns, closes_ns : int
    later_ns : int64[n]
        Time that each series will be open in later sessions of the period: 0 for a day's duty, less for what expires.
    sessions_later_ns : int
        Time of these sessions.

    Raises
    ------
    InvalidValueError
        A session without time, or more series-time than can be counted.
    """
    whole = int((later_ns + (closes_ns - opens_ns)).astype(np.float64).sum()) + int(duty.open_ns.sum())
    if not (opens_ns < closes_ns and whole < _MOST_NS):
        msg = f"duty: a session needs time, and a period less than {_MOST_NS} ns of all series, was {whole}"
        raise InvalidValueError(msg)
    _accrue(duty, min(opens_ns, duty.closes_ns))
    duty.quoted[:] = False
    duty.later_ns = later_ns.astype(np.int64)
    duty.as_of_ns, duty.closes_ns, duty.sessions_later_ns = opens_ns, closes_ns, sessions_later_ns
    _count(duty)


def change_session(
    duty: Duty, now_ns: int, closes_ns: int, *, later_ns: Ints, sessions_later_ns: int
) -> None:
    """The session that runs ends at another time than was thought; arguments as of `open_session`.

    What was counted stays: of an end that is told when it is past, the time until it was told counts.
    """
    _accrue(duty, now_ns)
    duty.later_ns = later_ns.astype(np.int64)
    duty.closes_ns, duty.sessions_later_ns = closes_ns, sessions_later_ns
    _accrue(duty, now_ns)


def quotes_changed(duty: Duty, now_ns: int, rows: Ints, legal: Bools) -> None:
    """Some series begin or cease to be quoted as the duty asks.

    Parameters
    ----------
    duty : Duty
    now_ns : int
        Not before the last call.
    rows : int64[k]
        Each once.
    legal : bool[k]
        Two-sided, no wider and no smaller than the duty asks, and no protection has frozen it (`meets`).
    """
    _accrue(duty, now_ns)
    legal = legal & duty.in_duty[rows]
    change = legal.astype(np.int64) - duty.quoted[rows].astype(np.int64)
    moved = change != 0
    np.add.at(duty.n_quoted, duty.pool_of[rows[moved]], change[moved])
    duty.quoted[rows] = legal


def quote_changed(duty: Duty, now_ns: int, row: int, *, legal: bool) -> None:
    """As `quotes_changed`, for one series."""
    _accrue(duty, now_ns)
    legal = legal and bool(duty.in_duty[row])
    if legal != bool(duty.quoted[row]):
        duty.quoted[row] = legal
        duty.n_quoted[duty.pool_of[row]] += 1 if legal else -1


def duty_changed(duty: Duty, now_ns: int, in_duty: Bools) -> None:
    """Series are listed, expire or become exempt (`in_duty` is bool[n])."""
    _accrue(duty, now_ns)
    duty.in_duty = in_duty & (duty.pool_of >= 0)
    duty.quoted &= duty.in_duty
    _count(duty)


def suspend(duty: Duty, now_ns: int, *, suspended: bool) -> None:
    """The clock of the duty stops for what the rule calls exceptional, or goes on."""
    _accrue(duty, now_ns)
    duty.suspended = suspended and duty.rule.exempt.fast_market


def headroom(duty: Duty, now_ns: int) -> Headroom:
    """What may still be missed, as of now."""
    _accrue(duty, now_ns)
    left_ns = max(duty.closes_ns - duty.as_of_ns, 0)
    rows = np.flatnonzero(duty.in_duty)
    of = duty.pool_of[rows]
    each_ns = duty.later_ns[rows] + left_ns
    if duty.next_end_ns < duty.closes_ns:
        each_ns -= duty.closes_ns - np.clip(duty.ends_ns[rows], duty.as_of_ns, duty.closes_ns)
    to_come = np.zeros(duty.n_duty.size, np.int64)
    if duty.rule.measured is Measured.SERIES_SECONDS:
        np.add.at(to_come, of, each_ns)
        whole = duty.open_ns + to_come
        spare = duty.quoted_ns + to_come - _required(duty.rule, whole)
        series = np.maximum(duty.n_duty, 1)
    else:
        np.maximum.at(to_come, of, each_ns)
        whole = duty.session_ns + to_come
        spare = duty.enough_ns + to_come - _required(duty.rule, whole)
        series = np.ones_like(to_come)
    rest_ns = left_ns + duty.sessions_later_ns
    none = duty.n_duty == 0
    off_ns = np.clip(np.where(none, rest_ns, spare // series), 0, rest_ns)
    return Headroom(
        spare_ns=spare,
        all_off_s=off_ns * _S,
        share=np.where(whole > 0, spare / np.maximum(whole, 1), 1.0),
        whole_ns=whole,
        reserve_ns=np.ceil(duty.rule.reserve_share * whole).astype(np.int64),
    )


def off_costs(duty: Duty, rows: Ints) -> Floats:
    """float64[p]: seconds of headroom that each second costs in which the quotes of `rows` are off too."""
    off = np.unique(rows[duty.quoted[rows]])
    going = np.bincount(duty.pool_of[off], minlength=duty.n_duty.size)
    if duty.rule.measured is Measured.SERIES_SECONDS:
        return going.astype(np.float64)
    was, will = duty.n_quoted >= duty.needed, duty.n_quoted - going >= duty.needed
    return (was & ~will).astype(np.float64)


def may_go_off(
    duty: Duty, now_ns: int, asked: Bools, priority: Floats, *, gone: Bools, horizon_s: float
) -> Bools:
    """Which of the series that ask for it may be off, or one-sided, until the next look.

    Series without a duty may always. Of the others the most pressing, as many as the headroom above the reserve carries for
    `horizon_s`, together with everything else that is not quoted.

    Parameters
    ----------
    duty : Duty
    now_ns : int
    asked : bool[n]
        Would be off, but for the duty.
    priority : float64[n]
        How pressing, as utilisation; equal ones by row.
    gone : bool[n]
        Off whatever is decided here: killed, frozen, without a value. What is not quoted now and does not ask counts too.
    horizon_s : float
        The longest time until this is asked again.
    """
    room = headroom(duty, now_ns)
    free = ~duty.in_duty | duty.suspended
    spare = room.spare_ns - room.reserve_ns
    horizon_ns = max(int(np.ceil(horizon_s * 1e9)), 1)
    asked_in_duty = asked & ~free & ~gone
    missing = np.bincount(
        duty.pool_of[duty.in_duty & ~asked_in_duty & (gone | ~duty.quoted)], minlength=duty.n_duty.size
    )
    if duty.rule.measured is Measured.SERIES_SECONDS:
        most = np.where(spare > 0, spare // horizon_ns, 0) - missing
    else:
        most = np.where(spare >= horizon_ns, duty.n_duty, duty.n_duty - duty.needed - missing)
    out: Bools = asked & free
    rows = np.flatnonzero(asked_in_duty)
    asking = np.bincount(duty.pool_of[rows], minlength=most.size)
    if (asking <= most).all():
        out[rows] = True
    elif (most > 0).any():
        rows = rows[np.lexsort((-np.nan_to_num(priority[rows], nan=np.inf), duty.pool_of[rows]))]
        pools = duty.pool_of[rows]
        rank = np.arange(rows.size) - np.searchsorted(pools, pools)
        out[rows[rank < most[pools]]] = True
    return out


def breadth_needed(breadth: Breadth, n_series: Ints) -> Ints:
    """int64[p]: how many series must be quoted at once."""
    needed = np.ceil(breadth.share * n_series - 1e-9).astype(np.int64)
    if breadth.all_but is not None:
        needed = np.minimum(needed, n_series - breadth.all_but)
    if breadth.series is not None:
        needed = np.minimum(needed, breadth.series)
    out: Ints = np.maximum(needed, 0)
    return out


def _required(rule: ObligationRule, whole: Ints) -> Ints:
    """The required share of a time, rounded up."""
    ppm = round(rule.time_share * _PPM)
    required: Ints = whole // _PPM * ppm - (-(whole % _PPM * ppm) // _PPM)
    return required


def _accrue(duty: Duty, now_ns: int) -> None:
    """Count the time since the last change; what expires in it leaves the duty when it does."""
    now_ns = min(now_ns, duty.closes_ns)
    while duty.as_of_ns < now_ns:
        if duty.next_end_ns <= duty.as_of_ns:
            duty.in_duty = duty.in_duty & (duty.ends_ns > duty.as_of_ns)
            duty.quoted = duty.quoted & duty.in_duty
            _count(duty)
        _pass(duty, min(now_ns, duty.next_end_ns))


def _pass(duty: Duty, until_ns: int) -> None:
    """Count time in which nothing changes."""
    passed = until_ns - duty.as_of_ns
    duty.as_of_ns = until_ns
    if duty.suspended:
        return
    session = passed * (duty.n_duty > 0)
    duty.open_ns += passed * duty.n_duty
    duty.quoted_ns += passed * duty.n_quoted
    duty.session_ns += session
    duty.enough_ns += session * (duty.n_quoted >= duty.needed)


def _count(duty: Duty) -> None:
    pools = duty.n_duty.size
    duty.n_duty = np.bincount(duty.pool_of[duty.in_duty], minlength=pools)
    duty.n_quoted = np.bincount(duty.pool_of[duty.quoted], minlength=pools)
    duty.needed = breadth_needed(duty.rule.breadth, duty.n_duty)
    duty.next_end_ns = int(duty.ends_ns[duty.in_duty].min(initial=_NEVER_NS))
