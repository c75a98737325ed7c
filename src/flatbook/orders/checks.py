"""Checks of one order by itself and beside our own: price collars, worth, the same order twice, trades with ourselves.

Prices are compared on the side that gives value away: what a buyer pays above, what a seller takes below.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.market.view import MarketView
from flatbook.model.measures import Measure
from flatbook.model.order_terms import OrderTerms, SelfTrade
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints
from flatbook.orders.columns import OrderColumns, Reason
from flatbook.orders.state import WorkingOrders
from flatbook.valuation.values import Values, usd_per_quote

_EDGE = 1e-9  # relative: a price on the collar but for its last bits is on it
PRICE_ROOM = 2**38  # ticks, so that a series, a side and a price make one whole number


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prices:
    """What prices are held against, by row; quote currency where nothing else is said."""

    theo: Floats
    half_spread: Floats
    bid: Floats  # NaN where there is none, and on both sides where the market is crossed
    ask: Floats
    ticks_per_unit: Floats
    usd: Floats  # USD per contract for one unit of quote currency
    vega: Floats  # per vol point; 0 for what is no option
    linear_usd: Floats  # worth of a contract that is no option, by its delta; 0 for an option
    is_option: Bools


def prices_of(values: Values, market: MarketView, half_spread: Floats) -> Prices:
    """Read what the prices of this cycle are held against."""
    table, usd = market.table, usd_per_quote(values, market)
    crossed = market.bid > market.ask
    option = table.is_option
    return Prices(
        theo=values.price,
        half_spread=np.where(np.isfinite(half_spread), half_spread, 0.0),
        bid=np.where(crossed, np.nan, market.bid),
        ask=np.where(crossed, np.nan, market.ask),
        ticks_per_unit=table.ticks_per_unit,
        usd=usd,
        vega=np.where(option, values.greeks[:, Measure.VEGA_USD_PER_POINT] / usd, 0.0),
        linear_usd=np.where(option, 0.0, np.abs(values.greeks[:, Measure.DELTA_USD])),
        is_option=option,
    )


def price_reasons(
    batch: OrderColumns, prices: Prices, terms: OrderTerms, closes: Bools
) -> tuple[Ints, Floats]:
    """The first reason that the price or the worth of an order gives against it.

    The distance in vol points is what a buyer pays above fair value (a seller takes below it) over vega at fair value: to first
    order the implied volatility of the price less our own. Within a tick of fair value it stops nothing, however small the vega.

    Parameters
    ----------
    batch : OrderColumns
    prices : Prices
    terms : OrderTerms
    closes : bool[k]
        Closes a position: without a value it passes inside the market.

    Returns
    -------
    reason : int64[k]
        ACCEPTED where there is none.
    worth_usd : float64[k]
        Of the whole order.
    """
    row, side = batch.row, batch.side
    price = batch.price_ticks / prices.ticks_per_unit[row]
    theo, option = prices.theo[row], prices.is_option[row]
    given = side * (price - theo)
    other = np.where(side > 0, prices.ask[row], prices.bid[row])
    own = np.where(side > 0, prices.bid[row], prices.ask[row])
    collar = np.maximum(
        terms.collar_half_spreads * prices.half_spread[row], terms.collar_theo_pct / 100.0 * np.abs(theo)
    )
    beyond = np.maximum(
        terms.collar_nbbo_ticks / prices.ticks_per_unit[row], terms.collar_nbbo_pct / 100.0 * np.abs(other)
    )
    points = terms.vol_distance_points * prices.vega[row]
    known = np.isfinite(theo) & np.isfinite(prices.vega[row])
    inside = np.isfinite(own) & (side * (price - other) <= 0.0)
    near = ~option | (given <= np.maximum(points * (1.0 + _EDGE), 1.0 / prices.ticks_per_unit[row]))
    worth = batch.quantity * np.where(option, price * prices.usd[row], prices.linear_usd[row])
    told = np.isfinite(other)
    reason = np.select(
        [
            ~known & ~(closes & inside),
            known & ~(given <= collar * (1.0 + _EDGE)),
            known & ~near,
            told & ~(side * (price - other) <= beyond * (1.0 + _EDGE)),
            ~(worth <= terms.notional_order_max_usd),
        ],
        [
            int(Reason.NO_VALUE),
            int(Reason.COLLAR_THEO),
            int(Reason.VOL_DISTANCE),
            int(Reason.COLLAR_NBBO),
            int(Reason.NOTIONAL),
        ],
        int(Reason.ACCEPTED),
    )
    return reason.astype(np.int64), np.asarray(worth, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AtWork:
    """What may still fill, summed up once for all batches."""

    worth_usd: float  # of all; NaN where that of one is unknown
    contracts: Floats  # [2 n_rows] bought at 2 row, sold at 2 row + 1
    lowest_sale: Ints  # [n_rows] ticks; more than any price where there is none
    highest_buy: Ints  # [n_rows] ticks; -1 where there is none


def at_work_of(working: WorkingOrders, prices: Prices) -> AtWork:
    """Sum up what may still fill."""
    alive, n_rows = working.alive, prices.theo.size
    row, side, ticks, left = (
        column[alive] for column in (working.row, working.side, working.price_ticks, working.open)
    )
    price = ticks / prices.ticks_per_unit[row]
    each = np.where(prices.is_option[row], price * prices.usd[row], prices.linear_usd[row])
    lowest, highest = np.full(n_rows, np.iinfo(np.int64).max), np.full(n_rows, -1)
    np.minimum.at(lowest, row[side < 0], ticks[side < 0])
    np.maximum.at(highest, row[side > 0], ticks[side > 0])
    return AtWork(
        worth_usd=float((left * each).sum()),
        contracts=np.asarray(
            np.bincount(2 * row + (side < 0), weights=left, minlength=2 * n_rows), dtype=np.float64
        ),
        lowest_sale=lowest,
        highest_buy=highest,
    )


def duplicates(batch: OrderColumns, working: WorkingOrders, since_ns: int) -> Bools:
    """bool[k]: the same series, side, price and quantity was sent after `since_ns`, or stands earlier in the batch.

    Orders that are dead by now count: a refusal answered by the same order is a loop.
    """
    recent = np.flatnonzero(working.sent_ns > since_ns)
    key = _key(
        np.concatenate([working.row[recent], batch.row]),
        np.concatenate([working.side[recent], batch.side]),
        np.concatenate([working.price_ticks[recent], batch.price_ticks]),
    )
    quantity = np.concatenate([working.quantity[recent], batch.quantity])
    order = np.lexsort((quantity, key))
    same = (key[order[1:]] == key[order[:-1]]) & (quantity[order[1:]] == quantity[order[:-1]])
    out = np.zeros(key.size, dtype=np.bool_)
    out[order[1:][same]] = True
    return out[recent.size :]


def self_trades(batch: OrderColumns, working: WorkingOrders, at_work: AtWork, terms: OrderTerms) -> Bools:
    """bool[k]: at its price the order would meet one of ours on the other side, at work or earlier in the batch.

    Whether the earlier one of the batch will itself leave is not asked.
    """
    lowest, highest = at_work.lowest_sale.copy(), at_work.highest_buy.copy()
    buys = batch.side > 0
    np.minimum.at(lowest, batch.row[~buys], batch.price_ticks[~buys])
    np.maximum.at(highest, batch.row[buys], batch.price_ticks[buys])
    out = np.zeros(batch.size, dtype=np.bool_)
    crossing = np.flatnonzero(highest[batch.row] >= lowest[batch.row])
    if not crossing.size:
        return out
    at = np.flatnonzero(working.alive)
    row = np.concatenate([working.row[at], batch.row])
    side = np.concatenate([working.side[at], batch.side])
    price = np.concatenate([working.price_ticks[at], batch.price_ticks])
    venue = np.concatenate([working.venue[at], batch.venue])
    for place in crossing.tolist():
        own = at.size + place
        meets = (row[:own] == row[own]) & (side[:own] == -side[own])
        meets &= side[own] * (price[own] - price[:own]) >= 0
        if terms.self_trade is SelfTrade.BY_VENUE:
            meets &= venue[:own] != venue[own]
        out[place] = meets.any()
    return out


def on_step(price_ticks: Ints, row: Ints, table: InstrumentTable) -> Bools:
    """bool[k]: a price on the quoting step of its band."""
    out = np.zeros(row.size, dtype=np.bool_)
    number = np.empty(len(table.instruments), dtype=np.int64)
    for group, (_, rows) in enumerate(table.rows_of_ticks):
        number[rows] = group
    of = number[row]
    for group, (bands, _) in enumerate(table.rows_of_ticks):
        some = np.flatnonzero(of == group)
        begins = np.array([band.from_ticks for band in bands])
        steps = np.array([band.step_ticks for band in bands])
        band = np.maximum(np.searchsorted(begins, price_ticks[some], side="right") - 1, 0)
        out[some] = price_ticks[some] % steps[band] == 0
    return out


def _key(row: Ints, side: Ints, price: Ints) -> Ints:
    return (2 * row + (side < 0)) * PRICE_ROOM + price
