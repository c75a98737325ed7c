"""What coin-settled contracts risk in the coin itself, beside the same in USD (decision 003).

With B(F) the undiscounted Black value in USD an option is worth V = B(F) / F coins. After a relative move m of the index, the future with
it, V(m) = B(F (1 + m)) / (F (1 + m)), so that

    dV/dm = B' - B / F          delta net of the premium: what Deribit's market-maker protection counts
    d2V/dm2 = F B'' - 2 (B' - B / F)

A coin-settled future of K USD made K / F (1 - 1 / (1 + m)) coins, whose derivatives are K / F and -2 K / F: the second is the gamma that
a book in coin has and a book in USD has not. Vega and theta are those in USD at today's index. Source: domain reference 0.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from flatbook.market.view import MarketView
from flatbook.model.measures import Measure
from flatbook.model.table import Floats, Ints
from flatbook.valuation.values import Values


class CoinMeasure(IntEnum):
    """Columns of exposures in coin."""

    VALUE_COIN = 0
    DELTA_COIN = 1  # of a 100 % move at today's slope, net of the premium
    DELTA_GROSS_COIN = 2  # before the premium: Black's delta
    GAMMA_COIN_PER_PCT = 3  # change of delta_coin for +1 %
    VEGA_COIN_PER_POINT = 4
    THETA_COIN_PER_DAY = 5


N_COIN_MEASURES = len(CoinMeasure)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinExposure:
    """The coin-settled part of a book, by underlying."""

    coin: tuple[str, ...]  # what each underlying's contracts settle in; empty where none settles in coin
    known: Floats  # float64[U, N_COIN_MEASURES]; NaN where nothing of an underlying settles in coin
    unvalued: Floats  # float64[U]: contracts, long plus short, of series without a value, in no sum
    usd_per_coin: Floats  # float64[U]


def per_contract(values: Values, market: MarketView) -> Floats:
    """One contract of each row, float64[n_rows, N_COIN_MEASURES]; NaN where it does not settle in coin or has no value."""
    table, greeks = market.table, values.greeks
    out = np.full((len(table.instruments), N_COIN_MEASURES), np.nan)
    rows = np.flatnonzero(table.inverse)
    premium = np.where(table.is_option[rows], values.price[rows] * table.multiplier[rows], 0.0)
    delta = greeks[rows, Measure.DELTA_SHARES]
    bend = greeks[rows, Measure.GAMMA_USD_PER_PCT] * 100.0 / values.spot[rows]
    out[rows, CoinMeasure.VALUE_COIN] = premium
    out[rows, CoinMeasure.DELTA_COIN] = delta
    out[rows, CoinMeasure.DELTA_GROSS_COIN] = delta + premium
    out[rows, CoinMeasure.GAMMA_COIN_PER_PCT] = (bend - 2.0 * delta) / 100.0
    out[rows, CoinMeasure.VEGA_COIN_PER_POINT] = greeks[rows, Measure.VEGA_USD_PER_POINT] / values.spot[rows]
    out[rows, CoinMeasure.THETA_COIN_PER_DAY] = greeks[rows, Measure.THETA_USD_PER_DAY] / values.spot[rows]
    out[list(values.reasons)] = np.nan
    return out


def coin_exposure(quantity: Ints, values: Values, market: MarketView) -> CoinExposure:
    """Sum position times `per_contract` over the coin-settled contracts of each underlying.

    Parameters
    ----------
    quantity : int64[n_rows]
    values, market

    Returns
    -------
    CoinExposure
        A contract on a coin that settles in USD is no part of it: it is in the table of measures alone.
    """
    table = market.table
    n = len(table.underlyings)
    coins: dict[int, str] = {}
    for row in np.flatnonzero(table.inverse).tolist():
        coins.setdefault(int(table.underlying_of[row]), table.instruments[row].currency)
    each = per_contract(values, market)
    held = np.flatnonzero((quantity != 0) & table.inverse)
    told = np.isfinite(each[held]).all(axis=1)
    known, unvalued = np.full((n, N_COIN_MEASURES), np.nan), np.zeros(n)
    known[list(coins)] = 0.0
    np.add.at(known, table.underlying_of[held[told]], each[held[told]] * quantity[held[told], None])
    np.add.at(unvalued, table.underlying_of[held[~told]], np.abs(quantity[held[~told]]).astype(np.float64))
    return CoinExposure(
        coin=tuple(coins.get(u, "") for u in range(n)),
        known=known,
        unvalued=unvalued,
        usd_per_coin=market.spot.copy(),
    )
