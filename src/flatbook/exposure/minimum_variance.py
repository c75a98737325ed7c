"""The delta that leaves the least variance, by the quadratic of Hull and White, and its estimator.

Source: J. Hull, A. White, "Optimal delta hedging for options", J. Banking & Finance 82 (2017) 180-190; domain reference 4.10:

    delta_MV = delta + vega / (S sqrt(T)) (a + b d + c d^2)

with vega per 1.00 of volatility and d the delta of the call at the strike, so that call and put are corrected alike. The coefficients are
those of a regression through the origin of dV - delta dS on vega / sqrt(T) dS / S times 1, d and d^2, all days of a rolling window. Here the
time decay of the step is taken from dV first, and both sides are divided by S. Options of one day saw one dS, so standard errors
are by day (K. Liang, S. Zeger, Biometrika 73 (1986) 13-22), raised by G / (G - 1) for G days.

Where the desk has no coefficients, the delta of least variance is the smile delta, which comes of the same idea: E[dvol | dS] by the
skew and the stickiness of the desk's dynamics, or by its beta.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from flatbook.market.clock import NS_PER_DAY
from flatbook.market.quotes import QuoteStatus
from flatbook.market.view import MarketView
from flatbook.model.measures import CALENDAR_DAYS, Measure
from flatbook.model.parameters import Desk
from flatbook.model.table import Floats, Ints
from flatbook.valuation.values import Values

WINDOW_DAYS = 1095.0  # three years
DELTA_EDGES = (
    0.05,
    0.15,
    0.25,
    0.35,
    0.45,
    0.55,
    0.65,
    0.75,
    0.85,
    0.95,
)  # of the call's delta: nine buckets, 0.1 to 0.9
N_BUCKETS = len(DELTA_EDGES) - 1
_YEARS_MIN = 14.0 / CALENDAR_DAYS  # options nearer to expiry are no part of the regression
_DAYS_MIN = 4
_CONDITION_MAX = 1e12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """What one day's changes add to the regression: sums over its options, by bucket of call delta."""

    at_ns: int  # of the later market
    square: Floats  # float64[N_BUCKETS, 3, 3]: x'x
    product: Floats  # float64[N_BUCKETS, 3]: x'y
    left: Floats  # float64[N_BUCKETS]: y'y, what delta alone leaves
    count: Ints  # int64[N_BUCKETS]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HullWhite:
    """Coefficients of one underlying, with what is known of their error."""

    a: float
    b: float
    c: float
    covariance: Floats  # float64[3, 3]; NaN where configured
    days: int  # 0: configured
    options: int
    reason: str = ""  # why nothing could be told; the coefficients are NaN then

    @property
    def coefficients(self) -> Floats:
        """float64[3]."""
        return np.array([self.a, self.b, self.c])

    @property
    def standard_error(self) -> Floats:
        """float64[3]."""
        return np.asarray(np.sqrt(np.maximum(np.diag(self.covariance), 0.0)))

    def slope(self, call_delta: Floats) -> Floats:
        """a + b d + c d^2: expected change of vol times sqrt(T), per relative move of spot, float64[n]."""
        return np.asarray(self.a + self.b * call_delta + self.c * call_delta**2)


def configured(a: float, b: float, c: float) -> HullWhite:
    """Coefficients that somebody wrote down."""
    return HullWhite(a=a, b=b, c=c, covariance=np.full((3, 3), np.nan), days=0, options=0)


def coefficients_of(desk: Desk, underlyings: tuple[str, ...]) -> dict[str, HullWhite]:
    """What the desk configured, by underlying; nothing of an underlying that keeps its smile delta."""
    told = {name: desk.terms_of(name).minimum_variance for name in underlyings}
    return {name: configured(*abc) for name, abc in told.items() if abc}


def with_minimum_variance(
    values: Values, market: MarketView, coefficients: Mapping[str, HullWhite]
) -> Values:
    """The values with the delta of least variance by these coefficients, by underlying; others keep the smile delta.

    NaN coefficients are no coefficients.
    """
    table, greeks = market.table, values.greeks.copy()
    for name, told in coefficients.items():
        if name not in table.underlyings or not np.isfinite(told.coefficients).all():
            continue
        rows = np.flatnonzero(table.is_option & (table.underlying_of == table.underlyings.index(name)))
        vega = greeks[rows, Measure.VEGA_USD_PER_POINT] * 100.0
        with np.errstate(divide="ignore", invalid="ignore"):
            by_vol = told.slope(call_delta(values, market, rows)) / np.sqrt(market.variance_years[rows])
            shares = greeks[rows, Measure.DELTA_SHARES] + vega * by_vol / values.spot[rows]
        greeks[rows, Measure.DELTA_MIN_VARIANCE_SHARES] = shares
        greeks[rows, Measure.DELTA_MIN_VARIANCE_USD] = shares * values.spot[rows]
    return replace(values, greeks=greeks)


def call_delta(values: Values, market: MarketView, rows: Ints) -> Floats:
    """Delta of the call at the strike of each option, per unit, from 0 to 1, float64[n].

    A put's by parity: its own plus what a forward's delta is. A coin-settled option's before its premium.
    """
    table = market.table
    per_unit = values.greeks[rows, Measure.DELTA_SHARES] / table.multiplier[rows]
    per_unit = per_unit + np.where(table.inverse[rows], values.price[rows], 0.0)
    carried = market.discount[rows] * np.where(
        market.forward_fixed[rows], 1.0, market.forward[rows] / values.spot[rows]
    )
    return np.asarray(np.clip(np.where(table.sign[rows] < 0.0, per_unit + carried, per_unit), 0.0, 1.0))


def observe(
    underlying: str, values: Values, market: MarketView, values_later: Values, market_later: MarketView
) -> Step:
    """What the quotes of one step of the market say.

    Options with usable quotes before and after, call delta from 0.05 to 0.95, and two weeks or more to expiry, as in the source.

    Parameters
    ----------
    underlying : str
    values, market
        Before.
    values_later, market_later
        After; contracts are found again by their symbols.
    """
    table = market.table
    rows = np.flatnonzero(table.is_option & (table.underlying_of == table.underlyings.index(underlying)))
    listed = market_later.table.rows
    later = np.array([listed.get(table.instruments[row].symbol, -1) for row in rows.tolist()], dtype=np.int64)
    usable = (later >= 0) & (market.status[rows] == QuoteStatus.USABLE) & (market.years[rows] >= _YEARS_MIN)
    usable &= market_later.status[later] == QuoteStatus.USABLE
    rows, later = rows[usable], later[usable]
    d = call_delta(values, market, rows)
    units, greeks = table.multiplier[rows], values.greeks[rows]
    spot = values.spot[rows]
    days = (market_later.now_ns - market.now_ns) / NS_PER_DAY
    rise = 0.5 * (market_later.bid + market_later.ask)[later] - 0.5 * (market.bid + market.ask)[rows]
    made = rise * np.where(table.inverse[rows], spot, 1.0)
    move = values_later.spot[later] / spot - 1.0
    straight = (greeks[:, Measure.DELTA_USD] * move + greeks[:, Measure.THETA_USD_PER_DAY] * days) / units
    y = (made - straight) / spot
    vega = greeks[:, Measure.VEGA_USD_PER_POINT] * 100.0 / units / spot
    x = (vega / np.sqrt(market.variance_years[rows]) * move)[:, None] * np.column_stack(
        (np.ones(d.size), d, d**2)
    )
    return step_of(at_ns=market_later.now_ns, call_delta_of=d, x=x, y=y)


def step_of(*, at_ns: int, call_delta_of: Floats, x: Floats, y: Floats) -> Step:
    """The sums of one day.

    Parameters
    ----------
    at_ns : int
    call_delta_of, y : float64[n]
    x : float64[n, 3]
        Rows with a NaN are left out.
    """
    bucket = np.searchsorted(DELTA_EDGES, call_delta_of, side="right") - 1
    told = np.isfinite(y) & np.isfinite(x).all(axis=1) & (bucket >= 0) & (bucket < N_BUCKETS)
    bucket, x, y = bucket[told], x[told], y[told]
    square, product = np.zeros((N_BUCKETS, 3, 3)), np.zeros((N_BUCKETS, 3))
    np.add.at(square, bucket, x[:, :, None] * x[:, None, :])
    np.add.at(product, bucket, x * y[:, None])
    return Step(
        at_ns=at_ns,
        square=square,
        product=product,
        left=np.bincount(bucket, weights=y**2, minlength=N_BUCKETS).astype(np.float64),
        count=np.bincount(bucket, minlength=N_BUCKETS),
    )


def estimate(steps: Sequence[Step], *, now_ns: int, window_days: float = WINDOW_DAYS) -> HullWhite:
    """Coefficients from the steps of the window that ends at `now_ns`; NaN with a reason where they tell nothing."""
    mine = [step for step in steps if now_ns - window_days * NS_PER_DAY < step.at_ns <= now_ns]
    options = int(sum(step.count.sum() for step in mine))
    squares = np.array([step.square.sum(axis=0) for step in mine]).reshape(-1, 3, 3)
    products = np.array([step.product.sum(axis=0) for step in mine]).reshape(-1, 3)
    total = squares.sum(axis=0)
    days = int((np.trace(squares, axis1=1, axis2=2) > 0.0).sum())
    size = np.sqrt(np.diag(total))
    if days < _DAYS_MIN or not np.linalg.cond(total / np.outer(size, size)) < _CONDITION_MAX:
        few = days < _DAYS_MIN
        why = (
            f"{days} days on which spot moved, fewer than {_DAYS_MIN}"
            if few
            else "deltas are too alike to tell a slope"
        )
        return replace(configured(np.nan, np.nan, np.nan), days=days, options=options, reason=why)
    inverse = np.linalg.inv(total)
    found = inverse @ products.sum(axis=0)
    scores = products - squares @ found
    covariance = inverse @ (scores.T @ scores) @ inverse * days / (days - 1.0)
    return HullWhite(
        a=float(found[0]),
        b=float(found[1]),
        c=float(found[2]),
        covariance=covariance,
        days=days,
        options=options,
    )


def gain(of: HullWhite, steps: Sequence[Step]) -> tuple[Floats, float]:
    """Share of the squared error of delta that these coefficients take away, by bucket, float64[N_BUCKETS], and of all.

    1 - SSE(dV - delta_MV dS) / SSE(dV - delta dS); of steps that the coefficients have not seen it is what hedging would have gained.
    NaN where no option was.
    """
    left, taken = np.zeros(N_BUCKETS), np.zeros(N_BUCKETS)
    k = of.coefficients
    for step in steps:
        left += step.left
        taken += 2.0 * step.product @ k - (step.square @ k) @ k
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(taken / left), float(np.sum(taken) / np.sum(left)) if left.any() else float("nan")
