"""P&L explain: what each Greek made of one step of the market, and the residual that no Greek explains.

Source: domain reference 4.16; the terms are those of V17. With x the relative move of spot,

    delta x + gamma x^2 / 2 + vega dvol + theta dt + vanna x dvol + volga dvol^2 / 2 + residual,

dvol that of each series. Its vega P&L stands in two terms: what came with spot, by the dynamics that smile deltas and slides
read, and what came apart from it; delta and the first together are the P&L of the smile delta, to first order. What rates,
dividends and a forward that left its spot made is in the residual.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from flatbook.market.clock import NS_PER_DAY
from flatbook.market.view import MarketView
from flatbook.model.measures import Measure
from flatbook.model.table import Floats, Ints
from flatbook.valuation.spot_vol import explain_spot_vol
from flatbook.valuation.values import Values, usd_per_quote


class Term(IntEnum):
    """Columns of the explain; they add up to the P&L."""

    DELTA = 0  # at fixed volatilities
    GAMMA = 1
    VEGA = 2  # of volatility that came apart from spot
    SPOT_VOL = 3  # of volatility that came with spot
    THETA = 4
    VANNA = 5
    VOLGA = 6
    RESIDUAL = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """USD, by `Term` in the last axis."""

    by_underlying: Floats  # [n_underlyings, terms]
    desk: Floats  # [terms]
    pnl_by_underlying: Floats  # [n_underlyings] what there is to explain
    pnl_desk: float
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
    table = market.table
    assert table.version == market_later.table.version, (table.version, market_later.table.version)
    unexplained = {
        row: values.reasons.get(row) or f"after the step: {values_later.reasons[row]}"
        for row in np.flatnonzero(quantity).tolist()
        if row in values.reasons or row in values_later.reasons
    }
    held = np.setdiff1d(np.flatnonzero(quantity), list(unexplained))
    terms = _terms(values, market, market_later, held) * quantity[held, None]
    pnl = _pnl(values, market, values_later, market_later, held) * quantity[held]
    terms[:, Term.RESIDUAL] = pnl - terms.sum(axis=1)
    by_underlying = np.zeros((len(table.underlyings), len(Term)))
    pnl_by_underlying = np.zeros(len(table.underlyings))
    np.add.at(by_underlying, table.underlying_of[held], terms)
    np.add.at(pnl_by_underlying, table.underlying_of[held], pnl)
    return Explained(
        by_underlying=by_underlying,
        desk=by_underlying.sum(axis=0),
        pnl_by_underlying=pnl_by_underlying,
        pnl_desk=float(pnl_by_underlying.sum()),
        unexplained=unexplained,
    )


def _terms(values: Values, market: MarketView, later: MarketView, rows: Ints) -> Floats:
    """Terms of one contract of each row, the residual left at 0, float64[n, terms]."""
    table, greeks = market.table, values.greeks[rows]
    days = (later.now_ns - market.now_ns) / NS_PER_DAY
    move = (later.spot / market.spot - 1.0)[table.underlying_of[rows]]
    change = np.where(table.is_option[rows], later.vol[rows] - market.vol[rows], 0.0)
    points = change * 100.0
    out = np.zeros((rows.size, len(Term)))
    out[:, Term.DELTA] = greeks[:, Measure.DELTA_USD] * move
    out[:, Term.GAMMA] = 0.5 * greeks[:, Measure.GAMMA_USD_PER_PCT] * 100.0 * move**2
    out[:, Term.THETA] = greeks[:, Measure.THETA_USD_PER_DAY] * days
    out[:, Term.VANNA] = greeks[:, Measure.VANNA_USD_PER_POINT] * move * points
    out[:, Term.VOLGA] = 0.5 * greeks[:, Measure.VOLGA_USD_PER_POINT2] * points**2
    options = np.flatnonzero(table.is_option[rows])
    vega = greeks[options, Measure.VEGA_USD_PER_POINT] * 100.0
    split = explain_spot_vol(market, values.dynamics, rows[options], vega, later.spot, change[options])
    out[options, Term.SPOT_VOL], out[options, Term.VEGA] = split.with_spot, split.apart
    return out


def _pnl(values: Values, market: MarketView, values_later: Values, later: MarketView, rows: Ints) -> Floats:
    """USD of one contract of each row; what arises in coin counts at the index after the step, float64[n]."""
    table = market.table
    before, after = values.price[rows], values_later.price[rows]
    made = (after - before) * usd_per_quote(values_later, later)[rows]
    coin_future = (
        table.inverse[rows] & ~table.is_option[rows]
    )  # its multiplier is USD: it is worth 1 / price coins
    return np.asarray(made / np.where(coin_future, before * after, 1.0))
