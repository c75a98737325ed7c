"""P&L explain: what each Greek made of one step of the market, and the residual that no Greek explains.

Source: domain reference 4.16; the terms are those of V17. With x the relative move of spot and g what the forward of the series
moved beyond spot, time and rate,

    delta x + gamma x^2 / 2 + vega dvol + theta + vanna x dvol + volga dvol^2 / 2 + rho dr + dividends + basis + residual.

Theta is time by the clock of the volatilities (`valuation.decay`); dvol is that of each series. Its vega P&L stands in four terms: what came with spot, by the dynamics that smile deltas and slides
read, and what came apart from it as level, skew and curvature of its expiry (`smile_change`); delta and the first together are the
P&L of the smile delta, to first order. Dividends are all that moves g: dividends, borrow, and a forward that parity finds elsewhere;
of a European, delta g and the gamma and vanna that x + g has beyond x, of an American its dividend rho times the yield that g
tells. Basis is what a future or share made beyond beta times spot.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from flatbook.exposure.marks import Mark
from flatbook.exposure.smile_change import smile_change
from flatbook.market.clock import NS_PER_YEAR
from flatbook.market.view import MarketView
from flatbook.model.measures import Measure
from flatbook.model.table import Bools, Floats, Ints
from flatbook.valuation.chain_class import aged
from flatbook.valuation.decay import decay_until
from flatbook.valuation.market_class import classes_of
from flatbook.valuation.spot_vol import Dynamics, explain_spot_vol
from flatbook.valuation.values import Values


class Term(IntEnum):
    """Columns of the explain; they add up to the P&L."""

    DELTA = 0  # at fixed volatilities
    GAMMA = 1
    VEGA_LEVEL = 2  # of volatility that came apart from spot, as the level of its expiry
    VEGA_SKEW = 3
    VEGA_CURVATURE = 4
    SPOT_VOL = 5  # of volatility that came with spot
    THETA = 6
    VANNA = 7
    VOLGA = 8
    RATES = 9
    DIVIDENDS = 10  # dividends, borrow, and a forward that parity found elsewhere
    BASIS = 11  # of futures and shares
    RESIDUAL = 12


VEGA_TERMS = (Term.VEGA_LEVEL, Term.VEGA_SKEW, Term.VEGA_CURVATURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """USD, by `Term` in the last axis."""

    by_underlying: Floats  # [n_underlyings, terms]
    desk: Floats  # [terms]
    pnl_by_underlying: Floats  # [n_underlyings] what there is to explain
    pnl_desk: float
    rows: Ints  # [k] held and valued at both ends
    by_row: Floats  # [k, terms] of the position
    pnl_by_row: Floats  # [k]
    unexplained: dict[int, str]  # held rows without a value before or after, in no sum: why


def explain(
    quantity: Ints, values: Values, market: MarketView, values_later: Values, market_later: MarketView
) -> Explained:
    """Explain the P&L of a book held through one step.

    Parameters
    ----------
    quantity : int64[n_rows]
        Net contracts, the same before and after: trades are no part of a step.
    values, market
        Before.
    values_later, market_later
        After, of the same instrument table.

    Returns
    -------
    Explained
        The terms of every underlying add up to its P&L exactly, by the residual.
    """
    before, after = Mark(market=market, values=values), Mark(market=market_later, values=values_later)
    held, unexplained = held_through(quantity, before, after)
    terms = _terms(before, after, held) * quantity[held, None]
    pnl = pnl_of_contracts(before, after, held) * quantity[held]
    terms[:, Term.RESIDUAL] = pnl - terms.sum(axis=1)
    of, n = market.table.underlying_of[held], len(market.table.underlyings)
    by_underlying, pnl_by_underlying = np.zeros((n, len(Term))), np.zeros(n)
    np.add.at(by_underlying, of, terms)
    np.add.at(pnl_by_underlying, of, pnl)
    return Explained(
        by_underlying=by_underlying,
        desk=by_underlying.sum(axis=0),
        pnl_by_underlying=pnl_by_underlying,
        pnl_desk=float(pnl_by_underlying.sum()),
        rows=held,
        by_row=terms,
        pnl_by_row=pnl,
        unexplained=unexplained,
    )


def held_through(quantity: Ints, before: Mark, after: Mark) -> tuple[Ints, dict[int, str]]:
    """Held rows that have a value at both ends, and why of the others.

    Returns
    -------
    int64[k], dict of row to reason
    """
    versions = before.market.table.version, after.market.table.version
    assert versions[0] == versions[1], versions
    reasons, later = before.values.reasons, after.values.reasons
    lost = {
        row: reasons.get(row) or f"after the step: {later[row]}"
        for row in np.flatnonzero(quantity).tolist()
        if row in reasons or row in later
    }
    return np.setdiff1d(np.flatnonzero(quantity), list(lost)), lost


def pnl_of_contracts(before: Mark, after: Mark, rows: Ints) -> Floats:
    """USD of one contract of each row; what arises in coin counts at the index after the step, float64[n]."""
    made = after.worth(after.values.price[rows], rows) - before.worth(before.values.price[rows], rows)
    return np.asarray(made * after.usd_per_quote[rows])


def _terms(before: Mark, after: Mark, rows: Ints) -> Floats:
    """Terms of one contract of each row, the residual left at 0, float64[n, terms]."""
    market, later = before.market, after.market
    table, greeks = market.table, before.values.greeks[rows]
    move = (later.spot / market.spot - 1.0)[table.underlying_of[rows]]
    out = np.zeros((rows.size, len(Term)))
    out[:, Term.DELTA] = greeks[:, Measure.DELTA_USD] * move
    out[:, Term.GAMMA] = 0.5 * greeks[:, Measure.GAMMA_USD_PER_PCT] * 100.0 * move**2
    theta, vega = greeks[:, Measure.THETA_USD_PER_DAY], greeks[:, Measure.VEGA_USD_PER_POINT] * 100.0
    out[:, Term.THETA] = decay_until(market, rows, theta, vega, later.now_ns)
    linear = np.flatnonzero(~table.is_option[rows])
    pnl = pnl_of_contracts(before, after, rows[linear])
    out[linear, Term.BASIS] = pnl - out[linear, Term.DELTA]
    options = np.flatnonzero(table.is_option[rows])
    if options.size:
        points = _add_vol(before, after, rows, options, out) * 100.0
        some = greeks[options]
        out[options, Term.VANNA] = some[:, Measure.VANNA_USD_PER_POINT] * move[options] * points
        out[options, Term.VOLGA] = 0.5 * some[:, Measure.VOLGA_USD_PER_POINT2] * points**2
        _add_carry(before, after, rows, options, points, out)
    return out


def _add_vol(before: Mark, after: Mark, rows: Ints, options: Ints, out: Floats) -> Floats:
    """Vega terms of the options among `rows`; returns the change of volatility of each of them, decimal."""
    market, later = before.market, after.market
    every, change, followed = vol_changes(market, later, before.values.dynamics, rows[options])
    split = smile_change(market, every, change - followed)
    at = np.searchsorted(every, rows[options])
    vega = before.values.greeks[rows[options], Measure.VEGA_USD_PER_POINT] * 100.0
    out[options, Term.SPOT_VOL] = vega * followed[at]
    for term, part in zip(VEGA_TERMS, split, strict=True):
        out[options, term] = vega * part[at]
    return np.asarray(change[at])


def vol_changes(
    market: MarketView, later: MarketView, dynamics: Dynamics, rows: Ints
) -> tuple[Ints, Floats, Floats]:
    """Changes of volatility of every series of the expiries of some rows.

    Returns
    -------
    int64[m], float64[m], float64[m]
        Series in ascending order, the change of each over the step and the part of it that came with spot, to first order;
        annual decimals. A series that settles by then changes by 0, one without a volatility before or after by NaN.
    """
    table = market.table
    every = np.flatnonzero(np.isin(table.slice_of, np.unique(table.slice_of[rows])))
    change = np.where(later.years[every] > 0.0, later.vol[every] - market.vol[every], 0.0)
    split = explain_spot_vol(market, dynamics, every, np.ones(every.size), later.spot, change)
    return every, change, np.where(later.years[every] > 0.0, split.with_spot, 0.0)


def _add_carry(before: Mark, after: Mark, rows: Ints, options: Ints, points: Floats, out: Floats) -> None:
    """Rates and dividends of the options among `rows`; points is the change of volatility of each option."""
    market, later = before.market, after.market
    table, some = market.table, rows[options]
    of, greeks = table.slice_of[some], before.values.greeks[some]
    alive = later.years[some] > 0.0
    bp = np.where(alive, later.slice_rate[of] - market.slice_rate[of], 0.0) * 1e4
    out[options, Term.RATES] = greeks[:, Measure.RHO_USD_PER_BP] * bp
    grown = np.where(market.forward_fixed[some], 0.0, bp / 1e4 * later.years[some])
    beyond = np.log(later.forward[some] / predicted_forwards(market, later, some)) - grown
    g = np.where(alive, beyond, 0.0)
    x = (later.spot / market.spot - 1.0)[table.underlying_of[some]]
    first = greeks[:, Measure.DELTA_USD] * g
    second = 0.5 * greeks[:, Measure.GAMMA_USD_PER_PCT] * 100.0 * g * (2.0 * x + g)
    cross = greeks[:, Measure.VANNA_USD_PER_POINT] * g * points
    by_yield = -g / market.years[some] * 1e4 * greeks[:, Measure.DIVIDEND_RHO_USD_PER_BP]
    on_spot = _stands_on_spot(market, some)
    out[options, Term.DIVIDENDS] = np.where(on_spot, by_yield, first + second + cross)


def _stands_on_spot(market: MarketView, rows: Ints) -> Bools:
    """Options whose forward may move while what they stand on does not: Americans, unless a future is their underlying."""
    return np.asarray(market.table.american[rows] & ~market.forward_fixed[rows])


def predicted_forwards(market: MarketView, later: MarketView, rows: Ints) -> Floats:
    """Where the forward of each row would be at the later time and spot by today's rates, yields and dividends, float64[n].

    As deltas and slides have it: the forward of a European moves in proportion to spot, cash dividends under an American stay
    in cash, and a forward that is the underlying itself takes no time.
    """
    years = (later.now_ns - market.now_ns) / NS_PER_YEAR
    carried = market.forward.copy()
    for some, option_class, _ in classes_of(market, rows):
        one = aged(option_class, years)
        carried[some] = one.of_series(one.forward)
    up = (later.spot / market.spot)[market.table.underlying_of[rows]]
    due = np.where(
        _stands_on_spot(market, rows), _dividends_due(market, later)[market.table.slice_of[rows]], 0.0
    )
    return np.asarray(carried[rows] * up + due * (up - 1.0))


def _dividends_due(market: MarketView, later: MarketView) -> Floats:
    """float64[n_slices]: what listed dividends still to come after the step take from each forward at its expiry."""
    passed = (later.now_ns - market.now_ns) / NS_PER_YEAR
    out = np.zeros(len(market.table.slices))
    for s, u in enumerate(market.table.underlying_of_slice.tolist()):
        ex, amount = market.dividend_years[u], market.dividend_amount[u]
        counts = (ex > passed) & (ex < market.slice_years[s])
        carry = market.slice_rate[s] - market.slice_yield[s]
        out[s] = (amount[counts] * np.exp(carry * (market.slice_years[s] - ex[counts]))).sum()
    return out
