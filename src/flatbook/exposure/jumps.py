"""Event scenarios: what a dated event, or a jump out of nowhere, does to each underlying by full revaluation.

Source: domain reference 4.14. An event moves the log price by +-E, each with probability one half, E the standard deviation
that the quotes imply; or by those and a fat tail (of 2.5 E unless the desk says otherwise). Its variance is then behind the market: the volatility of
every expiry that had it ahead falls, all strikes of an expiry in points alike, from vol to
sqrt((vol^2 T - E^2) / T) at the money. Expiries that end before the event do not know it.

A jump J of a book whose delta is hedged makes V(S e^J) - V(S) - Delta S (e^J - 1) (R. Merton, "Option pricing when underlying
stock returns are discontinuous", J. Financial Economics 3 (1976) 125-144, eq. 9); jumps that come at a rate cost that
rate times the expectation of it.
"""

import math
from dataclasses import dataclass

import numpy as np

from flatbook.exposure.aggregate import worst_loss
from flatbook.exposure.slides import pnl_by_underlying
from flatbook.market.variance_clock import VarianceClock
from flatbook.market.view import EventMove, MarketView
from flatbook.model.measures import Measure
from flatbook.model.table import Floats, Ints
from flatbook.valuation.revalue import revalue
from flatbook.valuation.values import Values

TAIL = 2.5  # standard deviations of the fat tail
TAIL_PROBABILITY = 0.05
_POINT = 0.01
_NODES = 15  # of the integral over a normal log jump
_NO_SHIFT = np.zeros(1)
_NOT_SIZED = "neither quotes nor desk tell how far it moves the price"
_UNKNOWN = "what is held cannot be revalued, and has no bound"


@dataclass(frozen=True, slots=True, kw_only=True)
class JumpDensity:
    """Log moves and their probabilities, which add up to 1."""

    log_moves: Floats
    probability: Floats

    @property
    def moves(self) -> Floats:
        """The same moves relative to the price."""
        return np.asarray(np.expm1(self.log_moves))


@dataclass(frozen=True, slots=True, kw_only=True)
class EventScenario:
    """What one dated event does to the book; NaN with a reason where it cannot be told."""

    underlying: int  # of the table
    name: str
    at_ns: int
    move_deviation: float  # E, of the log price
    density: JumpDensity
    pnl_usd: Floats  # of each move, volatility fallen
    expected_usd: float
    deviation_usd: float
    worst_usd: float  # the lowest P&L
    calm_usd: float  # P&L if nothing moves and volatility falls all the same
    reason: str


def two_points(deviation: float) -> JumpDensity:
    """+-`deviation` of the log price, each with probability one half."""
    return JumpDensity(log_moves=np.array([-deviation, deviation]), probability=np.full(2, 0.5))


def three_points(
    deviation: float, *, tail: float = -TAIL, tail_probability: float = TAIL_PROBABILITY
) -> JumpDensity:
    """+-`deviation` and a fat tail on one side, down where `tail` is below 0.

    Its variance is more than that of `two_points`, by (tail^2 - 1) tail_probability of it.
    """
    body = 0.5 * (1.0 - tail_probability)
    return JumpDensity(
        log_moves=np.array([-deviation, deviation, tail * deviation]),
        probability=np.array([body, body, tail_probability]),
    )


def event_scenarios(
    quantity: Ints,
    values: Values,
    market: MarketView,
    *,
    events: tuple[EventMove, ...] | None = None,
    tail: float = TAIL,
    tail_probability: float = TAIL_PROBABILITY,
) -> tuple[EventScenario, ...]:
    """Each event ahead against the book, by the time of the event.

    Parameters
    ----------
    quantity : int64[n_rows]
        Net contracts.
    values, market
        The base.
    events : tuple of EventMove, optional
        Those of `market.term` otherwise.
    tail : float
        Standard deviations of the fat tail, on the side that hurts more.
    tail_probability : float
        Of it; 0 leaves the two points.
    """
    wanted = market.term.events if events is None else events
    ahead = [
        one for one in wanted if one.at_ns > market.now_ns and one.underlying in market.table.underlyings
    ]
    return tuple(
        _scenario(quantity, values, market, one, tail, tail_probability)
        for one in sorted(ahead, key=lambda one: (one.at_ns, one.underlying, one.name))
    )


def event_pnl(
    quantity: Ints, values: Values, market: MarketView, event: EventMove, log_moves: Floats
) -> Floats:
    """P&L in USD of each log move of an event, float64[m]: the price moves and the event's variance is gone.

    A held series without a value counts at the most it can lose.
    """
    table, moves = market.table, np.asarray(np.expm1(log_moves))
    u = table.underlyings.index(event.underlying)
    mine = np.flatnonzero((quantity != 0) & (table.underlying_of == u))
    ended = (table.expiry_ns[mine] > 0) & (table.expiry_ns[mine] < event.at_ns)
    mine = mine[~ended]
    variance = move_deviation(market, event) ** 2
    out = np.zeros(moves.size)
    for s in np.unique(table.slice_of[mine]).tolist():
        rows = mine[table.slice_of[mine] == s]
        fall = _fall_points(market, s, variance) if s >= 0 else 0.0
        pnl = revalue(market, values, rows, moves, np.array([fall]))[:, :, 0] * quantity[rows, None]
        for i, row in enumerate(rows.tolist()):
            if row in values.reasons:
                pnl[i] = -abs(int(quantity[row])) * worst_loss(market, values, row, moves, np.array(fall))
        out += pnl.sum(axis=0)
    return out


def move_deviation(market: MarketView, event: EventMove) -> float:
    """Standard deviation of the log move of an event: what the quotes imply, else what the clock gives it; NaN without both."""
    if math.isfinite(event.move_sd) or not market.clocks:
        return event.move_sd
    u = market.table.underlyings.index(event.underlying)
    clock = market.clocks[u]
    if not isinstance(clock, VarianceClock):
        return math.nan
    years = float(clock.event_years[clock.event_start_ns == event.at_ns].sum())
    expiry = np.array([key.expiry_ns for key in market.table.slices], dtype=np.int64)
    after = np.flatnonzero(
        (market.table.underlying_of_slice == u) & (expiry >= event.at_ns) & np.isfinite(market.slice_atm_vol)
    )
    if not after.size or years == 0.0:
        return math.nan
    return float(market.slice_atm_vol[after[expiry[after].argmin()]]) * math.sqrt(years)


def hedged_jump_pnl(quantity: Ints, values: Values, market: MarketView, log_moves: Floats) -> Floats:
    """P&L in USD of log jumps when the delta is hedged at today's delta, float64[n_underlyings, m].

    A held series without a value counts at the most it can lose, and has no delta that could be hedged.
    """
    table, moves = market.table, np.asarray(np.expm1(log_moves))
    pnl = pnl_by_underlying(quantity, values, market, moves, _NO_SHIFT)[:, :, 0]
    held = np.flatnonzero(quantity)
    known = held[[row not in values.reasons for row in held.tolist()]]
    delta = np.bincount(
        table.underlying_of[known],
        weights=quantity[known] * values.greeks[known, Measure.DELTA_USD],
        minlength=len(table.underlyings),
    )
    return np.asarray(pnl - delta[:, None] * moves)


def jump_cost_per_year(
    quantity: Ints,
    values: Values,
    market: MarketView,
    *,
    jumps_per_year: float,
    log_mean: float,
    log_deviation: float,
) -> Floats:
    """Expected P&L in USD a year of jumps on a book whose delta is hedged, float64[n_underlyings]; minus: they cost.

    Parameters
    ----------
    quantity, values, market
        As for `hedged_jump_pnl`.
    jumps_per_year : float
        Intensity.
    log_mean, log_deviation : float
        Of the normal log jump; integrated by Gauss-Hermite quadrature.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    pnl = hedged_jump_pnl(quantity, values, market, log_mean + log_deviation * nodes)
    return np.asarray(jumps_per_year * (pnl @ weights) / weights.sum())


def _scenario(
    quantity: Ints,
    values: Values,
    market: MarketView,
    event: EventMove,
    size: float,
    tail_probability: float,
) -> EventScenario:
    deviation = move_deviation(market, event)
    told = math.isfinite(deviation)
    u = market.table.underlyings.index(event.underlying)
    held = bool((quantity[market.table.underlying_of == u] != 0).any())
    pnl = np.full(5, math.nan if held else 0.0)
    if told and held:
        grid = deviation * np.array([-1.0, 1.0, -size, size, 0.0])
        pnl = event_pnl(quantity, values, market, event, grid)
    tail = -size if not pnl[2] > pnl[3] else size
    density = (
        three_points(deviation, tail=tail, tail_probability=tail_probability)
        if tail_probability > 0.0
        else two_points(deviation)
    )
    counted = pnl[[0, 1, 2 if tail < 0.0 else 3]][: density.probability.size]
    mean = float(density.probability @ counted)
    known = math.isfinite(mean)
    return EventScenario(
        underlying=u,
        name=event.name,
        at_ns=event.at_ns,
        move_deviation=deviation,
        density=density,
        pnl_usd=counted,
        expected_usd=mean,
        deviation_usd=math.sqrt(float(density.probability @ (counted - mean) ** 2)) if known else math.nan,
        worst_usd=float(counted.min()),
        calm_usd=float(pnl[4]),
        reason="" if told and known else (_UNKNOWN if told else event.reason or _NOT_SIZED),
    )


def _fall_points(market: MarketView, s: int, variance: float) -> float:
    """By how much the volatility of an expiry falls once the event's variance is behind; 0 where it has none."""
    vol, years = float(market.slice_atm_vol[s]), float(market.slice_variance_years[s])
    if not (math.isfinite(vol) and years > 0.0):
        return 0.0
    return (math.sqrt(max(vol * vol - variance / years, 0.0)) - vol) / _POINT
