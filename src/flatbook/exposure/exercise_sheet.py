"""Early exercise sheet: which American options to exercise now or before an ex-date, and what forgetting one costs.

Source: domain reference 1.2, view 8; R. Merton, "Theory of rational option pricing", Bell J. Economics 4 (1973) 141-183.
Just before its ex-date a call is worth max(S - K, value after it at S - D), with everything that comes later by our
engines (`valuation.engines`); the difference is what forgetting costs, and what a holder gains who assigns us.
For Europeans it is D - put - K (1 - exp(-r T)), the rule of thumb told beside it, which also decides alone where a call has
no value but its put is quoted. A put, or a call on what costs yield, is exercised once its exercise value exceeds the expectation
of its own value a day later. The price of the underlying is taken to stay where it is until the ex-date.

A loss below the error of the engine is not told.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from flatbook.exposure.session_edges import last_close_ns
from flatbook.market.clock import NS_PER_DAY, NS_PER_YEAR
from flatbook.market.view import MarketView
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.table import Floats, Ints
from flatbook.valuation.chain import OptionClass, aged, prepare, reprice_into, value_into
from flatbook.valuation.market_class import classes_of
from flatbook.valuation.values import Values

TOLERANCE = 1e-5  # of a price, relative to max(price, 1 % of spot), where an engine is that fine
_NEAR = 2e-3  # time value, relative to max(exercise value, 1 % of spot), up to which waiting is looked into
_ONCE = 1.0
_NODES, _REACH = 97, 7.0  # of the integral over a day's price, in deviations of the most volatile row
_CUT_OFF_NS = 3 * NS_PER_DAY // 48  # instructions are taken until an hour and a half after the close
_NO_SHIFT = np.zeros(1)


class Why(StrEnum):
    """What makes early exercise pay."""

    DIVIDEND = "dividend"  # the share pays, the call does not
    CARRY = "carry"  # interest on the strike, or yield and borrow of the share


@dataclass(frozen=True, slots=True, kw_only=True)
class ExerciseRules:
    """How far to look, and how holders behave."""

    horizon_days: float = 10.0  # to ex-dates, calendar days
    holders_exercise: float = 1.0  # probability that who is long against us does what pays
    wait_days: float = 1.0  # calendar days to the next chance to exercise, for carry


@dataclass(frozen=True, slots=True, kw_only=True)
class ExerciseLine:
    """One held option for which early exercise pays, or might. Amounts per unit are in the strike's currency."""

    row: int  # of the table
    underlying: int
    quantity: int  # long: exercise it; short: expect to be assigned
    why: Why
    ex_ns: int  # 0 where no dividend decides
    dividend: float
    act_by_ns: int  # last moment for instructions; 0: every day, the next cut-off counts
    exercise_value: float
    hold_value: float
    put_value: float  # of the same strike, after the dividend; NaN where carry decides
    carry: float  # interest on the strike saved by waiting; NaN where carry decides
    by_rule: bool  # told by put and carry alone: the call itself has no value
    gain: float  # of exercising, per unit
    error: float  # bound of the gain's error, per unit
    loss_usd: float  # expected, where a long is forgotten or a short assigned
    reason: str  # why there is no number; empty: there is one


def exercise_sheet(
    quantity: Ints, values: Values, market: MarketView, *, rules: ExerciseRules | None = None
) -> tuple[ExerciseLine, ...]:
    """What to exercise and what may be assigned early, the largest loss first, what is unknown before all.

    Parameters
    ----------
    quantity : int64[n_rows]
        Net contracts.
    values, market
        The base.
    rules : ExerciseRules, optional
    """
    table, used = market.table, rules or ExerciseRules()
    held = np.flatnonzero((quantity != 0) & table.american & (market.years > 0.0))
    lines: list[ExerciseLine] = []
    for u in np.unique(table.underlying_of[held]).tolist():
        mine = held[table.underlying_of[held] == u]
        lines += _before_dividends(quantity, market, u, mine, used)
    lines += _for_carry(quantity, values, market, held, used)
    return tuple(sorted(lines, key=_largest_first))


def _largest_first(line: ExerciseLine) -> tuple[float, int, int]:
    return (-line.loss_usd if math.isfinite(line.loss_usd) else -math.inf, line.ex_ns, line.row)


def _before_dividends(
    quantity: Ints, market: MarketView, u: int, held: Ints, rules: ExerciseRules
) -> list[ExerciseLine]:
    """Calls in the money that meet an ex-date of underlying `u` within the horizon."""
    table, lines = market.table, []
    spots = market.slice_spot[table.slice_of[held]]
    on_share = np.isnan(market.slice_future[table.slice_of[held]])
    calls = held[(table.sign[held] > 0.0) & on_share & ~(spots <= table.strike[held])]
    paid = zip(market.dividend_years[u].tolist(), market.dividend_amount[u].tolist(), strict=True)
    for ex_years, dividend in paid:
        meets = calls[market.years[calls] > ex_years]
        if meets.size and ex_years * CALENDAR_DAYS <= rules.horizon_days:
            lines += _before(quantity, market, meets, float(ex_years), float(dividend), rules)
    return lines


def _before(
    quantity: Ints, market: MarketView, rows: Ints, ex_years: float, dividend: float, rules: ExerciseRules
) -> list[ExerciseLine]:
    table = market.table
    u, ex_ns = int(table.underlying_of[rows[0]]), market.now_ns + round(ex_years * NS_PER_YEAR)
    call, error = _after_dividend(market, rows, ex_years, dividend, 1.0)
    put, _ = _after_dividend(market, rows, ex_years, dividend, -1.0)
    s = table.slice_of[rows]
    exercised = market.slice_spot[s] - table.strike[rows]
    carry = table.strike[rows] * -np.expm1(-market.slice_rate[s] * (market.years[rows] - ex_years))
    lines = []
    for i, row in enumerate(rows.tolist()):
        by_rule = not math.isfinite(call[i])
        quoted = _quoted_put(market, row) if by_rule else math.nan
        told = quoted if by_rule else float(put[i])
        gain = dividend - told - float(carry[i]) if by_rule else float(exercised[i] - call[i])
        if gain <= (0.0 if by_rule else error[i]):
            continue
        lines.append(
            ExerciseLine(
                row=row,
                underlying=u,
                quantity=int(quantity[row]),
                why=Why.DIVIDEND,
                ex_ns=ex_ns,
                dividend=dividend,
                act_by_ns=last_close_ns(market, u, ex_ns) + _CUT_OFF_NS,
                exercise_value=float(exercised[i]),
                hold_value=float(call[i]),
                put_value=told,
                carry=float(carry[i]),
                by_rule=by_rule,
                gain=gain,
                error=float(error[i]),
                loss_usd=_loss(quantity, market, row, gain, rules),
                reason="" if math.isfinite(gain) else _why_unknown(market, row),
            )
        )
    return lines


def _after_dividend(
    market: MarketView, rows: Ints, ex_years: float, dividend: float, sign: float
) -> tuple[Floats, Floats]:
    """Value of the strike of each row once it has gone ex, and the bound of its error, float64[n] each."""
    price, error = np.full(rows.size, np.nan), np.full(rows.size, np.nan)
    for some, option_class, _ in classes_of(market, rows):
        at = np.searchsorted(rows, some)
        later = _ex(aged(option_class, ex_years), dividend)
        later = replace(later, sign=np.full(some.size, sign))
        prepared = prepare(later, tolerance=TOLERANCE, uses=_ONCE)
        out = np.empty((1, some.size))
        value_into(prepared, out)
        price[at] = out[0]
        error[at] = prepared.error * np.maximum(out[0], 0.01 * later.of_series(later.standing))
    return price, error


def _ex(option_class: OptionClass, dividend: float) -> OptionClass:
    """The class when its share has fallen by a dividend that the class has behind it already."""
    one = option_class
    left = one.standing - dividend
    with np.errstate(divide="ignore", invalid="ignore"):
        fallen = left / one.standing
    return replace(one, spot=one.spot * fallen, standing=left, forward=one.forward * fallen)


def _quoted_put(market: MarketView, row: int) -> float:
    """Middle of the quotes of the put at the strike and expiry of a call; NaN without two sides."""
    table = market.table
    same = (table.slice_of == table.slice_of[row]) & (table.strike == table.strike[row]) & (table.sign < 0.0)
    middle = 0.5 * (market.bid[same] + market.ask[same]) * market.unit[same]
    return float(middle[0]) if middle.size else math.nan


def _why_unknown(market: MarketView, row: int) -> str:
    said = market.slice_reason[int(market.table.slice_of[row])]
    if said or market.table.sign[row] < 0.0:
        return said or "it has no volatility"
    return "it has no volatility, and its put has no two-sided quote"


def _loss(quantity: Ints, market: MarketView, row: int, gain: float, rules: ExerciseRules) -> float:
    held = int(quantity[row])
    chance = rules.holders_exercise if held < 0 else 1.0
    return abs(held) * float(market.table.multiplier[row]) * gain * chance


def _for_carry(
    quantity: Ints, values: Values, market: MarketView, held: Ints, rules: ExerciseRules
) -> list[ExerciseLine]:
    """Options worth no more alive than exercised, and what a day of waiting costs; unknown where one has no value."""
    table, wait = market.table, rules.wait_days / CALENDAR_DAYS
    s = table.slice_of[held]
    spot = np.where(np.isfinite(market.slice_future[s]), market.forward[held], market.slice_spot[s])
    exercised = table.sign[held] * (spot - table.strike[held])
    alive = values.price[held] * market.unit[held] - exercised
    due = np.array([_due(market, row, wait) for row in held.tolist()])
    able = ~(exercised <= 0.0) & ~((table.sign[held] > 0.0) & (due > 0.0))
    near = able & (alive <= _NEAR * np.maximum(exercised, 0.01 * spot)) & (market.years[held] > wait)
    pays = np.where(table.sign[held] > 0.0, market.slice_yield[s], market.slice_rate[s])
    unknown = able & np.isnan(alive) & ~(pays <= 0.0)
    gain, error = np.full(held.size, -np.inf), np.zeros(held.size)
    gain[unknown] = np.nan
    hold = np.full(held.size, np.nan)
    if near.any():
        hold[near], error[near] = _after_waiting(market, held[near], due[near], wait)
        gain[near] = exercised[near] - hold[near]
    return [
        ExerciseLine(
            row=int(held[i]),
            underlying=int(table.underlying_of[held[i]]),
            quantity=int(quantity[held[i]]),
            why=Why.CARRY,
            ex_ns=0,
            dividend=0.0,
            act_by_ns=0,
            exercise_value=float(exercised[i]),
            hold_value=float(hold[i]),
            put_value=math.nan,
            carry=math.nan,
            by_rule=False,
            gain=float(gain[i]),
            error=float(error[i]) if near[i] else math.nan,
            loss_usd=_loss(quantity, market, int(held[i]), float(gain[i]), rules),
            reason="" if math.isfinite(gain[i]) else _why_unknown(market, int(held[i])),
        )
        for i in np.flatnonzero(~(gain <= error)).tolist()
    ]


def _due(market: MarketView, row: int, wait: float) -> float:
    """Dividends that go ex within the wait."""
    u = int(market.table.underlying_of[row])
    if np.isfinite(market.slice_future[int(market.table.slice_of[row])]):
        return 0.0
    return float(market.dividend_amount[u][market.dividend_years[u] <= wait].sum())


def _after_waiting(market: MarketView, rows: Ints, due: Floats, wait: float) -> tuple[Floats, Floats]:
    """Today's worth of each option that cannot be exercised before `wait` has passed, and the bound of its error.

    The expectation over the lognormal price then, by the trapezoid rule on a grid of log prices that all rows share.
    """
    table, hold, error = market.table, np.full(rows.size, np.nan), np.full(rows.size, np.nan)
    passed = market.variance_years[rows] - _years_later(market, wait)[table.slice_of[rows]]
    spread = market.vol[rows] * np.sqrt(np.maximum(passed, 0.0))
    grid = np.linspace(-_REACH, _REACH, _NODES) * float(np.nanmax(spread, initial=0.0))
    for paid in np.unique(due).tolist():
        mine = rows[due == paid]
        for some, option_class, _ in classes_of(market, mine):
            at = np.searchsorted(rows, some)
            later = _ex(aged(option_class, wait), paid)
            prepared = prepare(later, tolerance=TOLERANCE, uses=float(_NODES))
            cells = np.empty((some.size, _NODES, 1, 1))
            reprice_into(prepared, np.expm1(grid), _NO_SHIFT, np.zeros(1), cells)
            rate, taken = option_class.of_series(option_class.rate), option_class.dividend_yield
            drift = (rate - option_class.of_series(taken)) * wait - 0.5 * spread[at] ** 2
            with np.errstate(divide="ignore", invalid="ignore"):
                weight = np.exp(-0.5 * ((grid - drift[:, None]) / spread[at, None]) ** 2)
            weight /= weight.sum(axis=1, keepdims=True)
            hold[at] = np.exp(-rate * wait) * (weight * cells[:, :, 0, 0]).sum(axis=1)
            stood = option_class.of_series(option_class.standing)
            error[at] = prepared.error * np.maximum(
                np.maximum(table.sign[some] * (stood - table.strike[some]), 0.0), 0.01 * stood
            )
    return hold, error


def _years_later(market: MarketView, wait: float) -> Floats:
    """Time that the volatility of each slice will have left after the wait, float64[n_slices]."""
    time = market.variance_time
    return np.maximum(market.slice_years - wait, 0.0) if time is None else time.later(wait).years
