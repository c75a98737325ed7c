"""Expiry-day sheet: what each expiring strike does to the book, and how much of it nobody can know before the next open.

Sources: domain reference 1.2, view 7. An option that ends in the money by 0.01 or more is exercised without instruction
("exercise by exception", OCC Rule 805 as told by the Options Industry Council, optionseducation.org). Probabilities are
those of the published smile, P(S >= K) = N(d2) - n(d2) sqrt(tau) dvol/dk with k = ln(K/F) (D. Breeden and R. Litzenberger,
"Prices of state-contingent claims implicit in option prices", J. Business 51 (1978) 621-651), tau in the clock of the
volatility; where no surface speaks of an expiry its series keep their own volatility and the slope is 0.

Shares after expiry are a step function of the settlement price, so their mean and deviation are sums over its steps and
exact for these probabilities. Where settlement is in cash the same numbers are the delta that vanishes, and a hedge of it
is left alone. Held series that have expired already are listed until somebody books what became of them.
"""

import math
from dataclasses import dataclass

import numpy as np

from flatbook.exposure.session_edges import last_close_ns, next_open_ns
from flatbook.market.clock import CALENDAR, NS_PER_DAY
from flatbook.market.view import MarketView
from flatbook.model.instruments import Kind, Settlement
from flatbook.model.measures import Measure
from flatbook.model.table import Floats, Ints
from flatbook.valuation.values import Values

HORIZON_DAYS = 2.0
_SLOPE_STEP = 1e-5  # in ln(K/F), for the slope of a smile
_REACH = 2.0  # standard deviations of the settlement price within which the worst position is told
_NIGHT_NODES, _NIGHT_REACH = 2001, 7.0
_EXPIRED = "expired at or before the time of valuation: book its exercise, assignment or expiry"
_UNKNOWN = "its expiry has no forward or no volatility: the worst of all settlement prices counts"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryRules:
    """How expiring options are exercised, and what counts as a pin."""

    in_the_money: float = 0.01  # price units from which exercise needs no instruction
    holders_exercise: float = 1.0  # probability that who is long against us exercises in the money
    pin_share: float = 0.0025  # of the strike: closer than this, a holder may decide either way
    contrary: float = 0.5  # probability that, so close, prices after the close decide upwards
    tick: float = 0.01  # of the underlying, where no share of it is listed


@dataclass(frozen=True, slots=True, kw_only=True)
class StrikeLine:
    """One strike of one expiry; contracts are net, long is plus."""

    strike: float
    calls: int
    puts: int
    jump_shares: float  # more shares above the strike than below
    distance_deviations: float  # ln(K/F) in standard deviations of the settlement price
    gamma_usd_per_pct: float
    gamma_shares_per_tick: float  # change of delta as the underlying moves one tick
    within_tick: float  # probability of settling within one tick of the strike
    within_pin: float  # probability of settling within the pin of the strike
    exercised: float  # contracts of ours, expected
    assigned: float  # contracts we are short of, expected
    reason: str  # why a number is NaN; empty: none is


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryLine:
    """One expiry of one class. Shares are those after settlement; in cash, the delta that vanishes."""

    option_class: str
    underlying: int  # of the table
    expiry_ns: int
    settlement: Settlement
    delivers: bool  # shares change hands
    last_trade_ns: int  # the session before, where the opening settles
    forward: float
    deviation: float  # of the log settlement price
    strikes: tuple[StrikeLine, ...]  # ascending
    delta_shares: float  # now
    expected_shares: float
    deviation_shares: float
    worst_shares: float  # largest position within two standard deviations, with its sign
    worst_price: float  # where it begins to hold, from the forward outwards
    exercised: float
    assigned: float
    assignment_deviation_shares: float  # of what holders decide after the close; 0 in cash
    assignment_deviation_usd: float  # of that, unhedged until the next open
    opening_deviation_usd: (
        float  # settled on the opening: gap of the last night on a book whose delta is hedged
    )
    reason: str


def expiry_sheet(
    quantity: Ints,
    values: Values,
    market: MarketView,
    *,
    horizon_days: float = HORIZON_DAYS,
    rules: ExpiryRules | None = None,
) -> tuple[ExpiryLine, ...]:
    """Every expiry held that settles within the horizon or has settled already, the first one first.

    Parameters
    ----------
    quantity : int64[n_rows]
        Net contracts.
    values, market
        The base.
    horizon_days : float
        Calendar days from the time of valuation.
    rules : ExpiryRules, optional
    """
    table, used = market.table, rules or ExpiryRules()
    last_ns = market.now_ns + round(horizon_days * NS_PER_DAY)
    soon = [s for s, key in enumerate(table.slices) if key.expiry_ns <= last_ns]
    held = np.flatnonzero((quantity != 0) & table.is_option)
    lines = []
    for s in soon:
        rows = held[table.slice_of[held] == s]
        for delivers in (False, True):
            some = rows[table.delivers[rows] == delivers]
            if some.size:
                lines.append(_expiry(quantity, values, market, some, used))
    return tuple(sorted(lines, key=lambda line: (line.expiry_ns, line.option_class)))


def settles_above(market: MarketView, rows: Ints, prices: Floats) -> Floats:
    """Probability that the expiry of each row settles at or above a price.

    Parameters
    ----------
    market : MarketView
    rows : int64[n]
        Options.
    prices : float64[n]
        Price units, above 0.

    Returns
    -------
    float64[n]
        NaN where an expiry has no forward or a row no volatility.
    """
    forward, years = market.forward[rows], market.variance_years[rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        k = np.log(prices / forward)
        by_smile = market.surface_vol(rows, k)
        slope = (market.surface_vol(rows, k + _SLOPE_STEP) - market.surface_vol(rows, k - _SLOPE_STEP)) / (
            2.0 * _SLOPE_STEP
        )
        vol = np.where(np.isnan(by_smile), market.vol[rows], by_smile)
        slope = np.where(np.isnan(slope), 0.0, slope)
        deviation = vol * np.sqrt(years)
        d2 = -k / deviation - 0.5 * deviation
        smooth = normal_below(d2) - np.exp(-0.5 * d2 * d2) / math.sqrt(2.0 * math.pi) * np.sqrt(years) * slope
    certain = (forward >= prices).astype(np.float64)
    known = np.isfinite(forward) & (vol >= 0.0) & (years >= 0.0)
    out = np.where(deviation > 0.0, np.clip(smooth, 0.0, 1.0), certain)
    return np.asarray(np.where(known, out, np.nan))


def normal_below(x: Floats) -> Floats:
    """The standard normal distribution function, float64[n]."""
    return np.array([0.5 * math.erfc(-one / math.sqrt(2.0)) for one in x.tolist()], dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settling:
    """Where an expiry settles around each strike held, ascending; NaN where nobody can say."""

    strike: Floats
    tick: float
    above: Floats  # probability of settling in the money for a call, by so much that nobody need say so
    not_below: Floats  # and of not doing so for a put
    within_tick: Floats
    within_pin: Floats

    def at(self, strike: float) -> int:
        """Where a strike stands."""
        return int(np.searchsorted(self.strike, strike))


def _settling(market: MarketView, rows: Ints, rules: ExpiryRules, *, over: bool) -> _Settling:
    """Each strike by the volatility of its nearest row that has one."""
    own = market.table.strike[rows]
    strike, tick = np.unique(own), _tick(market, int(market.table.underlying_of[rows[0]]), rules)
    pin = rules.pin_share * strike
    edges = np.concatenate(
        [strike + apart for apart in (rules.in_the_money, -rules.in_the_money, -tick, tick, -pin, pin)]
    )
    chance = np.full(edges.size, np.nan)
    known = np.isfinite(market.vol[rows])
    if known.any() and not over:
        nearest = rows[known][np.abs(own[known][None, :] - strike[:, None]).argmin(axis=1)]
        chance = settles_above(market, np.tile(nearest, 6), edges)
    above, not_below, from_tick, to_tick, from_pin, to_pin = chance.reshape(6, -1)
    return _Settling(
        strike=strike,
        tick=tick,
        above=above,
        not_below=not_below,
        within_tick=np.maximum(from_tick - to_tick, 0.0),
        within_pin=np.maximum(from_pin - to_pin, 0.0),
    )


def _expiry(quantity: Ints, values: Values, market: MarketView, rows: Ints, rules: ExpiryRules) -> ExpiryLine:
    table = market.table
    s, first = int(table.slice_of[rows[0]]), table.instruments[int(rows[0])]
    u, key = int(table.underlying_of[rows[0]]), table.slices[s]
    forward = float(market.slice_forward[s])
    over = key.expiry_ns <= market.now_ns
    deviation = math.nan if over else _atm_deviation(market, s)
    settling = _settling(market, rows, rules, over=over)
    strikes = tuple(
        _strike(quantity, values, market, rows[table.strike[rows] == strike], settling, rules, deviation)
        for strike in settling.strike.tolist()
    )
    shares = _shares_after(quantity, market, rows, settling, rules, forward, deviation)
    pinned = _pinned_shares(quantity, market, rows, settling, rules) if first.delivers else 0.0
    opening = first.settlement is Settlement.AM
    last_trade = last_close_ns(market, u, key.expiry_ns) if opening else key.expiry_ns
    next_open = next_open_ns(market, u, key.expiry_ns)
    after = _night_deviation(market, s, key.expiry_ns, next_open)
    night = _night_deviation(market, s, max(last_trade, market.now_ns), key.expiry_ns)
    return ExpiryLine(
        option_class=key.option_class,
        underlying=u,
        expiry_ns=key.expiry_ns,
        settlement=first.settlement,
        delivers=first.delivers,
        last_trade_ns=last_trade,
        forward=forward,
        deviation=deviation,
        strikes=strikes,
        delta_shares=float((quantity[rows] * values.greeks[rows, Measure.DELTA_SHARES]).sum()),
        expected_shares=shares[0],
        deviation_shares=shares[1],
        worst_shares=shares[2],
        worst_price=shares[3],
        exercised=math.fsum(one.exercised for one in strikes),
        assigned=math.fsum(one.assigned for one in strikes),
        assignment_deviation_shares=pinned,
        assignment_deviation_usd=pinned * forward * after if pinned else pinned,
        opening_deviation_usd=_opening_deviation(quantity, market, rows, forward, night) if opening else 0.0,
        reason=_EXPIRED if over else "" if math.isfinite(deviation) else market.slice_reason[s] or _UNKNOWN,
    )


def _atm_deviation(market: MarketView, s: int) -> float:
    return float(market.slice_atm_vol[s] * np.sqrt(market.slice_variance_years[s]))


def _strike(
    quantity: Ints,
    values: Values,
    market: MarketView,
    rows: Ints,
    settling: _Settling,
    rules: ExpiryRules,
    deviation: float,
) -> StrikeLine:
    table = market.table
    strike, held = float(table.strike[rows[0]]), quantity[rows]
    call, at = table.sign[rows] > 0.0, settling.at(strike)
    forward, spot = float(market.forward[rows[0]]), float(values.spot[rows[0]])
    inside = np.where(call, settling.above[at], 1.0 - settling.not_below[at])
    gamma = float((held * values.greeks[rows, Measure.GAMMA_USD_PER_PCT]).sum())
    unvalued = next((values.reasons[row] for row in rows.tolist() if row in values.reasons), "")
    return StrikeLine(
        strike=strike,
        calls=int(held[call].sum()),
        puts=int(held[~call].sum()),
        jump_shares=float((held * table.multiplier[rows]).sum()),
        distance_deviations=math.log(strike / forward) / deviation if deviation > 0.0 else math.nan,
        gamma_usd_per_pct=gamma,
        gamma_shares_per_tick=gamma * 100.0 / spot**2 * settling.tick,
        within_tick=float(settling.within_tick[at]),
        within_pin=float(settling.within_pin[at]),
        exercised=float((np.maximum(held, 0) * inside).sum()),
        assigned=float((np.maximum(-held, 0) * inside).sum()) * rules.holders_exercise,
        reason=unvalued or ("" if math.isfinite(inside.sum()) else _UNKNOWN),
    )


def _tick(market: MarketView, underlying: int, rules: ExpiryRules) -> float:
    """Of a listed share of the underlying that has its price, else the rule's."""
    for row in np.flatnonzero(market.table.underlying_of == underlying).tolist():
        item = market.table.instruments[row]
        if item.kind is Kind.SHARE and item.price_ratio == 1.0:
            return item.tick_table[-1].step_ticks / item.ticks_per_unit
    return rules.tick


def _shares_after(
    quantity: Ints,
    market: MarketView,
    rows: Ints,
    settling: _Settling,
    rules: ExpiryRules,
    forward: float,
    deviation: float,
) -> tuple[float, float, float, float]:
    """Mean and deviation of the shares after settlement, and the largest position with the price where it begins."""
    table = market.table
    call, units = table.sign[rows] > 0.0, quantity[rows] * table.multiplier[rows]
    taken = np.where(units < 0.0, rules.holders_exercise, 1.0) * units
    at = np.searchsorted(settling.strike, table.strike[rows])
    edge = table.strike[rows] + np.where(call, rules.in_the_money, -rules.in_the_money)
    edges, first, of = np.unique(edge, return_index=True, return_inverse=True)
    steps = np.bincount(of, weights=taken)
    shares = np.concatenate((np.zeros(1), np.cumsum(steps))) - taken[~call].sum()  # below every edge, up
    reached = np.where(call, settling.above[at], settling.not_below[at])[first]
    above = np.minimum.accumulate(np.concatenate((np.ones(1), reached, np.zeros(1))))
    chance = above[:-1] - above[1:]
    mean = float(chance @ shares)
    spread = math.sqrt(float(chance @ (shares - mean) ** 2)) if math.isfinite(mean) else math.nan
    low, high = np.append(-np.inf, edges), np.append(edges, np.inf)
    possible = np.ones(shares.size, dtype=np.bool_)
    if math.isfinite(deviation) and math.isfinite(forward):
        reach = forward * np.exp(np.array([-_REACH, _REACH]) * deviation - 0.5 * deviation**2)
        possible = (high > reach[0]) & (low <= reach[1])
    worst = int(np.flatnonzero(possible)[np.abs(shares[possible]).argmax()])
    outwards = low[worst] if low[worst] > forward or high[worst] == np.inf else high[worst]
    price = forward if low[worst] <= forward < high[worst] else outwards
    return mean, spread, float(shares[worst]), float(price)


def _pinned_shares(
    quantity: Ints, market: MarketView, rows: Ints, settling: _Settling, rules: ExpiryRules
) -> float:
    """Deviation of what assignments nobody can foresee bring, in shares.

    Prices after the close decide for all holders alike: upwards they exercise the calls we are short of, downwards the
    puts. So at a pinned strike our shares differ by the short calls and puts together.
    """
    short = np.maximum(-quantity[rows], 0) * market.table.multiplier[rows]
    at = np.searchsorted(settling.strike, market.table.strike[rows])
    apart = np.bincount(at, weights=short, minlength=settling.strike.size)
    chance = np.where(apart > 0.0, settling.within_pin, 0.0)
    return math.sqrt(float(chance @ apart**2) * rules.contrary * (1.0 - rules.contrary))


def _night_deviation(market: MarketView, s: int, from_ns: int, to_ns: int) -> float:
    """Standard deviation of the log price between two instants, by the first expiry that lives on at the second."""
    u = int(market.table.underlying_of_slice[s])
    clock = market.clocks[u] if market.clocks else CALENDAR
    years = float(clock.tau(from_ns, np.array([to_ns], dtype=np.int64))[0])
    expiry = np.array([key.expiry_ns for key in market.table.slices], dtype=np.int64)
    living = np.flatnonzero(
        (market.table.underlying_of_slice == u) & (expiry >= to_ns) & np.isfinite(market.slice_atm_vol)
    )
    told = int(living[expiry[living].argmin()]) if living.size else s
    return float(market.slice_atm_vol[told]) * math.sqrt(years)


def _opening_deviation(quantity: Ints, market: MarketView, rows: Ints, forward: float, night: float) -> float:
    """P&L deviation, USD, of options that settle on an opening when their delta is hedged best at the last close.

    The market closes at today's forward and opens lognormally around it; the payoff's part that moves along with the
    price is hedged away.
    """
    if not (math.isfinite(forward) and math.isfinite(night)):
        return math.nan
    table = market.table
    z = np.linspace(-_NIGHT_REACH, _NIGHT_REACH, _NIGHT_NODES)
    weight = np.exp(-0.5 * z * z)
    weight /= weight.sum()
    price = forward * np.exp(night * z - 0.5 * night**2)
    paid = np.maximum(table.sign[rows] * (price[:, None] - table.strike[rows]), 0.0)
    payoff = paid @ (quantity[rows] * table.multiplier[rows])
    moved, made = price - weight @ price, payoff - weight @ payoff
    variance = float(weight @ moved**2)
    slope = float(weight @ (moved * made)) / variance if variance > 0.0 else 0.0
    return math.sqrt(max(float(weight @ (made - slope * moved) ** 2), 0.0))
