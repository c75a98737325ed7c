"""The variance of known events, told from the term structure of at-the-money volatility.

Source: domain reference 4.14. Total variance of an expiry T is what the base accrues in variance time, and the squared
move of every event on the way:

    vol(T)^2 years(T) = base(T) + sum of E_j^2 over events with now < event_j <= expiry
    base(T) = long x (x - b(x)) + short x b(x),    b(x) = (1 - exp(-k x)) / k,    x = clock_years(T)

a base variance that reverts from `short` to `long` (the variance curve of Heston 1993), flat where there are too few
expiries to tell the two apart. It is linear in `long`, `short` and the E_j^2, none below zero: non-negative least
squares by active set (Lawson and Hanson, "Solving Least Squares Problems", 1974, ch. 23), weighted by the errors of the
volatilities. Standard errors are those of the unconstrained fit, widened where the fit misses by more than the stated
errors. What the expiries cannot tell stays NaN and keeps its reason. An event is gone at its instant, not at midnight.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from flatbook.model.table import Bools, Floats, Ints

_RANK_TOLERANCE = 1e-9
_SD_TO_MEAN_MOVE = float(np.sqrt(2.0 / np.pi))


class EventReason(IntEnum):
    """Whether an event's variance could be told, and why not."""

    SOLVED = 0
    AT_ZERO = 1  # the volatilities are lower after the event than a base without it
    PASSED = 2
    NO_EXPIRY_AFTER = 3
    NOT_SEPARATE = 4  # no expiry between it and another event: only their sum is told
    BASE_UNKNOWN = 5  # too few expiries to tell it from the base


EVENT_TEXT: dict[EventReason, str] = {
    EventReason.SOLVED: "solved",
    EventReason.AT_ZERO: "the quotes leave no variance for it",
    EventReason.PASSED: "has passed",
    EventReason.NO_EXPIRY_AFTER: "no usable expiry after it",
    EventReason.NOT_SEPARATE: "no usable expiry between it and another event: only their sum is told",
    EventReason.BASE_UNKNOWN: "too few expiries to tell it from the base volatility",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TermVols:
    """At-the-money volatilities of one underlying's expiries, n of them in any order.

    `years` turns volatility into total variance and is the clock that implied volatilities are quoted in;
    `clock_years` is how much base variance there is to accrue: variance time, or the same as `years`.
    """

    expiry_ns: Ints
    years: Floats
    clock_years: Floats
    vol: Floats  # annual decimal; NaN where there is none
    vol_error: Floats  # standard error of each


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EventVariance:
    """What was told of a base and m events; unknowns are NaN."""

    event_ns: Ints
    move_variance: Floats  # E^2, of log returns
    move_variance_error: Floats
    joint_move_variance: Floats  # of all events that no expiry separates from this one, itself included
    group: Ints  # how many usable expiries have it ahead, the same for events that none separates; -1: passed
    reason: NDArray[np.int8]  # `EventReason`
    base_short: Floats  # float64[2]: variance per clock year, and its standard error
    base_long: Floats
    reversion_per_year: float
    misfit: (
        float  # root mean square of misses in units of stated errors, per degree of freedom; NaN without one
    )
    n_expiries: int

    @property
    def move_sd(self) -> Floats:
        """Standard deviation of each event's log move."""
        return np.asarray(np.sqrt(self.move_variance))

    @property
    def move_sd_error(self) -> Floats:
        """Its standard error, to first order; NaN where the move is zero."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.move_variance > 0.0, 0.5 * self.move_variance_error / self.move_sd, np.nan)

    @property
    def expected_move(self) -> Floats:
        """Mean absolute move of each event, a share of spot: sd times sqrt(2/pi)."""
        return np.asarray(self.move_sd * _SD_TO_MEAN_MOVE)

    def base_variance(self, clock_years: Floats) -> Floats:
        """Variance that the base accrues in `clock_years`, float64[n]."""
        used = _accrued(clock_years, self.reversion_per_year)
        return np.asarray((clock_years - used) * self.base_long[0] + used * self.base_short[0])

    def event_variance(self, now_ns: int, expiry_ns: Ints) -> Floats:
        """Variance of the events with now < event <= expiry, float64[n]; NaN where one of them is not known.

        Of events of which only the sum is known, that sum counts while all are ahead; NaN while some are.
        """
        ahead = (now_ns < self.event_ns) & (self.event_ns <= np.asarray(expiry_ns)[:, None])
        total = np.zeros(ahead.shape[0])
        for number in np.unique(self.group[self.group >= 0]):
            of_group = self.group == number
            inside = ahead[:, of_group]
            joint = self.joint_move_variance[of_group][0]
            total += np.where(inside.all(axis=1), joint, np.where(inside.any(axis=1), np.nan, 0.0))
        return total

    def vol(self, now_ns: int, expiry_ns: Ints, years: Floats, clock_years: Floats) -> Floats:
        """At-the-money volatility of each expiry at `now_ns`, with the events that are still ahead, float64[n]."""
        total = self.base_variance(clock_years) + self.event_variance(now_ns, expiry_ns)
        return np.asarray(np.sqrt(total / np.where(years > 0.0, years, np.nan)))


def straddle_move(vol: Floats, years: Floats) -> Floats:
    """What an at-the-money straddle costs as a share of the forward, to first order: sqrt(2/pi) vol sqrt(years)."""
    return np.asarray(_SD_TO_MEAN_MOVE * vol * np.sqrt(years))


def solve_events(now_ns: int, term: TermVols, event_ns: Ints, reversion_per_year: float) -> EventVariance:
    """Tell the variance of each event from the base's.

    Parameters
    ----------
    now_ns : int
        When the volatilities were quoted.
    term : TermVols
        Rows without a volatility, an error above 0 or time left are not used.
    event_ns : int64[m]
        Instants of the events, in any order.
    reversion_per_year : float
        Speed at which the base reverts; 0 keeps it flat. It is a choice and not fitted: a handful of expiries cannot
        tell it.
    """
    event_ns = np.asarray(event_ns, dtype=np.int64)
    used = _usable(now_ns, term)
    expiry, clock_years = term.expiry_ns[used], term.clock_years[used]
    total = term.vol[used] ** 2 * term.years[used]
    error = 2.0 * term.vol[used] * term.years[used] * term.vol_error[used]
    after = (expiry[:, None] >= event_ns).sum(axis=0)
    reason = np.select(
        [event_ns <= now_ns, after == 0],
        [EventReason.PASSED, EventReason.NO_EXPIRY_AFTER],
        EventReason.SOLVED,
    ).astype(np.int8)
    group = np.where(reason == EventReason.PASSED, -1, after)
    wanted = np.flatnonzero(reason == EventReason.SOLVED)
    numbers, first = np.unique(group[wanted], return_index=True)
    steps = (expiry[:, None] >= event_ns[wanted[first]]).astype(np.float64)
    fit = _fit_base(clock_years, steps, total / error, 1.0 / error, reversion_per_year)
    move, move_error = np.full(event_ns.size, np.nan), np.full(event_ns.size, np.nan)
    for column, number in enumerate(numbers):
        move[group == number] = fit.moves[column]
        move_error[group == number] = fit.move_errors[column]
    alone = np.array([(group == number).sum() for number in group], dtype=np.int64) == 1
    told = reason == EventReason.SOLVED
    reason[told & (move == 0.0)] = EventReason.AT_ZERO
    reason[told & ~alone] = EventReason.NOT_SEPARATE
    reason[told & np.isnan(move)] = EventReason.BASE_UNKNOWN
    return EventVariance(
        event_ns=event_ns,
        move_variance=np.where(alone, move, np.nan),
        move_variance_error=np.where(alone, move_error, np.nan),
        joint_move_variance=move,
        group=group,
        reason=reason,
        base_short=fit.short,
        base_long=fit.long,
        reversion_per_year=reversion_per_year,
        misfit=fit.misfit,
        n_expiries=int(used.sum()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """Base and moves of one least-squares fit, each with its standard error."""

    short: Floats
    long: Floats
    moves: Floats
    move_errors: Floats
    misfit: float


def _usable(now_ns: int, term: TermVols) -> Bools:
    told = (term.vol > 0.0) & (term.vol_error > 0.0) & np.isfinite(term.vol * term.vol_error)
    return told & (term.years > 0.0) & (term.clock_years > 0.0) & (term.expiry_ns > now_ns)


def _accrued(clock_years: Floats, reversion_per_year: float) -> Floats:
    """Time during which the short variance holds: (1 - exp(-k x)) / k, and x where nothing reverts."""
    if reversion_per_year == 0.0:
        return clock_years
    return np.asarray(-np.expm1(-reversion_per_year * clock_years) / reversion_per_year)


def _fit_base(
    clock_years: Floats, steps: Floats, target: Floats, weight: Floats, reversion_per_year: float
) -> _Fit:
    """The richest base that the expiries can tell from the events; `target` and `weight` in units of the errors."""
    n, m = steps.shape
    used = _accrued(clock_years, reversion_per_year)
    reverting = np.column_stack((clock_years - used, used, steps)) * weight[:, None]
    if reversion_per_year > 0.0 and n > m + 2 and _has_full_rank(reverting):
        found, errors, misfit = _solve(reverting, target)
        long, short = (np.array([found[i], errors[i]]) for i in (0, 1))
        return _Fit(short=short, long=long, moves=found[2:], move_errors=errors[2:], misfit=misfit)
    flat = np.column_stack((clock_years, steps)) * weight[:, None]
    if n > m and _has_full_rank(flat):
        found, errors, misfit = _solve(flat, target)
        level = np.array([found[0], errors[0]])
        return _Fit(short=level, long=level, moves=found[1:], move_errors=errors[1:], misfit=misfit)
    nothing = np.full(2, np.nan)
    return _Fit(
        short=nothing, long=nothing, moves=np.full(m, np.nan), move_errors=np.full(m, np.nan), misfit=np.nan
    )


def _has_full_rank(design: Floats) -> bool:
    scaled = design / np.linalg.norm(design, axis=0)
    return bool(np.linalg.matrix_rank(scaled, tol=_RANK_TOLERANCE) == design.shape[1])


def _solve(design: Floats, target: Floats) -> tuple[Floats, Floats, float]:
    """Non-negative solution, standard errors of the unconstrained one, root mean square of misses."""
    free = np.asarray(np.linalg.lstsq(design, target)[0], dtype=np.float64)
    spare = design.shape[0] - design.shape[1]
    excess = float(((target - design @ free) ** 2).sum()) / spare if spare else 1.0
    errors: Floats = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * max(excess, 1.0))
    found: Floats = free if (free >= 0.0).all() else _non_negative(design, target)
    misfit = float(np.sqrt(((target - design @ found) ** 2).sum() / spare)) if spare else float("nan")
    return found, errors, misfit


def _non_negative(design: Floats, target: Floats) -> Floats:
    """Least squares with every unknown at or above 0 (Lawson and Hanson 1974, algorithm NNLS)."""
    n_unknowns = design.shape[1]
    free = np.zeros(n_unknowns, dtype=np.bool_)
    found = np.zeros(n_unknowns)
    tolerance = 1e-12 * float(np.abs(design.T @ target).max(initial=0.0))
    for _ in range(3 * n_unknowns):
        gradient = design.T @ (target - design @ found)
        if free.all() or not gradient[~free].max() > tolerance:
            break
        free[np.flatnonzero(~free)[np.argmax(gradient[~free])]] = True
        found, free = _step_inside(design, target, found, free)
    return found


def _step_inside(design: Floats, target: Floats, found: Floats, free: Bools) -> tuple[Floats, Bools]:
    """The least-squares solution of the free unknowns, giving up those that it would take below 0."""
    while True:
        trial = np.zeros_like(found)
        trial[free] = np.linalg.lstsq(design[:, free], target)[0]
        below = free & (trial <= 0.0)
        if not below.any():
            return trial, free
        step = float((found[below] / (found[below] - trial[below])).min())
        found = found + step * (trial - found)
        free = free & (found > 0.0) & ~(below & (found <= 1e-15))
        found = np.where(free, found, 0.0)
