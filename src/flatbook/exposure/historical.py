"""Historical scenarios: each past day's moves on today's book by full revaluation, with value at risk and expected shortfall.

A day moves the price of every underlying by its own return and its volatilities by its own change. That change is of the
volatility at the money at a reference time to expiry: other expiries take it times (reference / T)^alpha of the
underlying's dynamics, T at least a day, and the smile keeps its shape by moneyness, because a change at the money has in it
what spot made. An underlying whose history tells no volatility at all lets its volatilities follow spot by the dynamics.

Losses L_1 >= L_2 >= ... of n days, p the level, a = 1 - p the tail:
value at risk is the order statistic L_(n - ceil(n p) + 1), the inverse of the empirical distribution (R. Hyndman and Y. Fan,
"Sample quantiles in statistical packages", American Statistician 50 (1996) 361-365, definition 1); expected shortfall is the
mean of the worst n a days, the last of them in part where n a is not whole (C. Acerbi and D. Tasche, "On the coherence of
expected shortfall", J. Banking & Finance 26 (2002) 1487-1503, prop. 4.1). So shortfall is never below value at risk and
never more for two books together than apart.
Errors take days for independent: of value at risk by the order statistics that hold it with 95 % probability (binomial), of
shortfall by (Var(L | tail) + p (ES - VaR)^2) / (n a) (J. Manistre and G. Hancock, "Variance of the CTE estimator", N. American
Actuarial J. 9 (2005) 129-156).
"""

import math
from dataclasses import dataclass

import numpy as np

from flatbook.exposure.day_pnl import scenario_pnl
from flatbook.market.view import MarketView
from flatbook.model.table import Floats, Ints
from flatbook.valuation.values import Values

__all__ = [
    "LEVELS",
    "Historical",
    "Risk",
    "UnderlyingRisk",
    "by_scope",
    "historical",
    "risk_of",
    "scenario_pnl",
]

LEVELS = (0.95, 0.99)
WORST_DAYS = 5
_TWO_SIDED_95 = 1.959963984540054  # normal quantile of 0.975
_ROUNDING = 1e-9  # n p is meant to be whole where it is by rounding alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """Losses in USD, above 0 where money is lost; NaN with a reason where too few days tell them."""

    levels: tuple[float, ...]
    value_at_risk: Floats  # by level
    value_at_risk_low: Floats  # holds the quantile with 95 % probability between here
    value_at_risk_high: Floats  # and here; infinite where no day of the history bounds it
    value_at_risk_error: Floats  # that span over 2 x 1.96; NaN where it has no end
    shortfall: Floats
    shortfall_error: Floats
    days: int  # that count
    days_left_out: int
    worst_days: Ints  # indices, the worst first
    worst_pnl: Floats
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderlyingRisk:
    """What one underlying adds to the desk's risk, by level, USD."""

    component_value_at_risk: Floats  # its loss on the desk's day; adds up to the desk's
    component_shortfall: Floats  # its mean loss on the desk's worst days; adds up to the desk's
    incremental_value_at_risk: Floats  # the desk's less that of a desk without it


@dataclass(frozen=True, slots=True, kw_only=True)
class Historical:
    """Each day's P&L of today's book, and what it says of risk."""

    pnl: Floats  # [d, n_underlyings]; 0 where nothing is held, NaN where the history does not know
    pnl_desk: Floats  # [d]; NaN where any underlying held is not known
    desk: Risk
    by_underlying: tuple[Risk, ...]
    parts: tuple[UnderlyingRisk, ...]  # by underlying
    worst_case: tuple[
        bool, ...
    ]  # by underlying: something held has no value and counts at the most it can lose
    by_dynamics: tuple[bool, ...]  # by underlying: its history tells no volatility


def historical(
    quantity: Ints, values: Values, market: MarketView, moves: Floats, vol_points: Floats
) -> Historical:
    """Value at risk and expected shortfall of the book over a history of days.

    Parameters
    ----------
    quantity, values, market, moves, vol_points
        As for `scenario_pnl`.
    """
    pnl = scenario_pnl(quantity, values, market, moves, vol_points)
    desk_pnl = pnl.sum(axis=1)
    held = np.flatnonzero(quantity)
    doubtful = {int(market.table.underlying_of[row]) for row in held.tolist() if row in values.reasons}
    underlyings = range(len(market.table.underlyings))
    return Historical(
        pnl=pnl,
        pnl_desk=desk_pnl,
        desk=risk_of(desk_pnl),
        by_underlying=tuple(risk_of(pnl[:, u]) for u in underlyings),
        parts=tuple(_part(pnl, desk_pnl, u) for u in underlyings),
        worst_case=tuple(u in doubtful for u in underlyings),
        by_dynamics=tuple(bool(np.isnan(vol_points[:, u]).all()) for u in underlyings),
    )


def risk_of(pnl: Floats, levels: tuple[float, ...] = LEVELS) -> Risk:
    """Value at risk and expected shortfall of days that weigh alike.

    Parameters
    ----------
    pnl : float64[d]
        USD; NaN days are left out and counted.
    levels : tuple of float
        Confidence, such as 0.99: the tail is the rest.
    """
    known = np.flatnonzero(np.isfinite(pnl))
    order = known[np.argsort(pnl[known], kind="stable")]  # the worst first
    losses = -pnl[order]
    told = [_at_level(losses, level) for level in levels]
    columns = np.array(told).reshape(len(levels), 6).T
    short = [
        f"{level:.0%} needs {_days_needed(level)}" for level in levels if losses.size < _days_needed(level)
    ]
    return Risk(
        levels=levels,
        value_at_risk=columns[0],
        value_at_risk_low=columns[1],
        value_at_risk_high=columns[2],
        value_at_risk_error=columns[3],
        shortfall=columns[4],
        shortfall_error=columns[5],
        days=losses.size,
        days_left_out=pnl.size - losses.size,
        worst_days=order[:WORST_DAYS],
        worst_pnl=pnl[order[:WORST_DAYS]],
        reason=f"the history has {losses.size} days that count: {', '.join(short)}" if short else "",
    )


def by_scope(
    found: Historical, names: tuple[str, ...], level: float
) -> tuple[dict[str, float], dict[str, float]]:
    """Value at risk and expected shortfall in USD at one of LEVELS, by underlying and, under the empty name, of the desk.

    Parameters
    ----------
    found : Historical
    names : tuple of str
        The underlyings of the table.
    level : float
        One of LEVELS.
    """
    n = LEVELS.index(level)
    scopes = dict(zip(("", *names), (found.desk, *found.by_underlying), strict=True))
    return (
        {name: float(risk.value_at_risk[n]) for name, risk in scopes.items()},
        {name: float(risk.shortfall[n]) for name, risk in scopes.items()},
    )


def tail_weights(n: int, level: float) -> Floats:
    """Weight of each of the n days, the worst first, in the mean of the tail, float64[n]; they add up to 1."""
    tail = n * (1.0 - level)
    return np.asarray(np.clip(tail - np.arange(n), 0.0, 1.0) / tail)


def rank_of(n: int, level: float) -> int:
    """Which of the n days, the worst being 0, is the value at risk."""
    return n - max(math.ceil(n * level - _ROUNDING), 1)


def _days_needed(level: float) -> int:
    """So many that the tail is a day or more."""
    return math.ceil(1.0 / (1.0 - level) - _ROUNDING)


def _at_level(losses: Floats, level: float) -> tuple[float, float, float, float, float, float]:
    """Value at risk, its interval and error, shortfall and its error, of losses in falling order."""
    n = losses.size
    if n < _days_needed(level):
        return (math.nan,) * 6
    at_risk = float(losses[rank_of(n, level)])
    low, high = _interval(losses, level)
    error = (high - low) / (2.0 * _TWO_SIDED_95)
    weights = tail_weights(n, level)
    shortfall = max(float(weights @ losses), at_risk)  # not below it by a rounding
    spread = float(weights @ (losses - shortfall) ** 2)
    variance = (spread + level * (shortfall - at_risk) ** 2) / (n * (1.0 - level))
    return at_risk, low, high, error if math.isfinite(error) else math.nan, shortfall, math.sqrt(variance)


def _interval(losses: Floats, level: float) -> tuple[float, float]:
    """Order statistics between which the quantile lies with 95 % probability or more, whatever the distribution.

    The number of days with a loss above the quantile is binomial(n, 1 - level). H. David and H. Nagaraja, "Order Statistics"
    (2003), section 7.1.
    """
    n, k = losses.size, np.arange(losses.size + 1)
    logs = np.cumsum(np.log(np.maximum(k, 1)))
    log_chance = logs[n] - logs - logs[::-1] + k * math.log(1.0 - level) + (n - k) * math.log(level)
    below = np.cumsum(np.exp(log_chance))  # of at most k days above the quantile
    first = int(np.searchsorted(below, 0.025, side="right"))
    last = int(np.searchsorted(below, 0.975, side="left")) + 1
    high = float(losses[first - 1]) if first >= 1 else math.inf
    low = float(losses[last - 1]) if last <= n else -math.inf
    return low, high


def _part(pnl: Floats, desk: Floats, underlying: int) -> UnderlyingRisk:
    known = np.flatnonzero(np.isfinite(desk))
    order = known[np.argsort(desk[known], kind="stable")]
    mine, rest = -pnl[order, underlying], desk[known] - pnl[known, underlying]
    whole, without = risk_of(desk[known]), risk_of(rest)
    day, tail = [], []
    for level in LEVELS:
        enough = order.size >= _days_needed(level)
        day.append(float(mine[rank_of(order.size, level)]) if enough else math.nan)
        tail.append(float(tail_weights(order.size, level) @ mine) if enough else math.nan)
    return UnderlyingRisk(
        component_value_at_risk=np.array(day),
        component_shortfall=np.array(tail),
        incremental_value_at_risk=whole.value_at_risk - without.value_at_risk,
    )
