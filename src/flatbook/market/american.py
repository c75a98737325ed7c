"""American quotes of an expiry: their volatilities, and what early exercise adds to a European option.

Without cash dividends exercise has a boundary (`kernels.andersen_lake`), or two, where a pair of trees serves; cash
dividends fall from spot, and grids serve. Each quote is inverted by the engine that will value it. Where an expiry and
side has quotes enough, or its exercise never pays early, the boundary's premium is read from a table
(`kernels.premium_table`) that is as exact as the direct engine is trusted to be.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from flatbook.kernels import american_vol, andersen_lake, premium_table, premium_tile, tree
from flatbook.kernels.dividend_grid import price_cash_dividends
from flatbook.kernels.dividend_vol import implied_vol_cash_dividends
from flatbook.kernels.european import price_european
from flatbook.kernels.implied_vol import implied_vol_american
from flatbook.model.table import Bools, Floats, Ints

Reasons = NDArray[np.int8]

_TABLE_QUOTES_MIN = 12  # a table costs what as many searches on the direct engine do
_VOL_LOW, _VOL_HIGH = 0.03, 3.0  # always: what a table answers does not depend on the other quotes
_GRID, _GRID_ERROR = (161, 54), 1e-4  # its error in 99 cases of 100
_LATTICE_STEPS = 201
_NONE = np.empty(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fineness:
    """How finely the exercise boundary is found."""

    preset: andersen_lake.Preset
    error: float  # of a price, relative to max(price, 1 % of spot)
    table_fit: (
        float  # with the error of the rule behind a table, that of the direct engine: reasons stay the same
    )


FINE = Fineness(preset=andersen_lake.ACCURATE, error=2e-5, table_fit=1e-5)
QUICK = Fineness(preset=andersen_lake.FAST, error=1e-4, table_fit=5e-5)  # in 99 cases of 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AmericanQuotes:
    """n American options and what they stand on, as columns."""

    spot: Floats  # the price that exercise delivers: the future's where a future is the underlying
    strike: Floats
    sign: Floats
    years: Floats
    rate: Floats
    dividend_yield: Floats
    dividend_years: Floats  # float64[m]: ascending within each schedule
    dividend_amounts: Floats
    schedule: Ints  # int64[n, 2]: the part of the dividends that each option meets

    def take(self, rows: Ints | Bools) -> "AmericanQuotes":
        """These options only."""
        return AmericanQuotes(
            spot=self.spot[rows],
            strike=self.strike[rows],
            sign=self.sign[rows],
            years=self.years[rows],
            rate=self.rate[rows],
            dividend_yield=self.dividend_yield[rows],
            dividend_years=self.dividend_years,
            dividend_amounts=self.dividend_amounts,
            schedule=self.schedule[rows],
        )

    @property
    def pays(self) -> Bools:
        """bool[n]: a dividend falls before expiry."""
        first, stop = self.schedule.T
        out = np.zeros(self.years.shape, dtype=np.bool_)
        some = np.flatnonzero(first < stop)
        out[some] = self.dividend_years[first[some]] < self.years[some]
        return out


def implied_vols(
    quotes: AmericanQuotes, price: Floats, noise: Floats, fineness: Fineness = FINE
) -> tuple[Floats, Reasons]:
    """The vol that each American price implies; NaN and the reason where there is none.

    Parameters
    ----------
    quotes : AmericanQuotes
    price : float64[n] or float64[k, n]
        k prices of each option, as bid, mid and ask; those asked together share their tables.
    noise : float64[n]
        Smallest price step that means something.
    fineness : Fineness
        Of the exercise boundary. QUICK is enough where the vol only tells an early-exercise premium, which changes with it
        much less than a price does; grids and trees are as fine as ever.

    Returns
    -------
    price's shape, float64 and int8
        Annual decimal; codes of `kernels.implied_vol`.
    """
    vol, reason = np.full(price.shape, np.nan), np.zeros(price.shape, dtype=np.int8)
    pays = quotes.pays
    two = has_two_boundaries(quotes.sign, quotes.rate, quotes.dividend_yield) & ~pays
    for where, imply in (
        (pays, _imply_on_grid),
        (two, _imply_on_lattice),
        (~pays & ~two, partial(_imply_at_boundary, fineness=fineness)),
    ):
        if where.any():
            asked = np.ascontiguousarray(price[..., where])
            rows = np.tile(np.flatnonzero(where), asked.size // asked.shape[-1])
            found, why = imply(quotes.take(rows), asked.reshape(-1), noise[rows])
            vol[..., where], reason[..., where] = found.reshape(asked.shape), why.reshape(asked.shape)
    return vol, reason


def exercise_premiums(quotes: AmericanQuotes, vol: Floats) -> Floats:
    """American less European value at one vol; 0 where it cannot be told, float64[n]."""
    out = np.zeros(vol.size)
    pays = quotes.pays
    two = has_two_boundaries(quotes.sign, quotes.rate, quotes.dividend_yield) & ~pays
    for where, find in (
        (pays, _premiums_on_grid),
        (two, _premiums_on_lattice),
        (~pays & ~two, _premiums_at_boundary),
    ):
        if where.any():
            out[where] = find(quotes.take(where), vol[where])
    return np.maximum(np.nan_to_num(out), 0.0)


def has_two_boundaries(sign: Floats, rate: Floats, dividend_yield: Floats) -> Bools:
    """Exercise pays between two prices only: of a put where the yield is below a negative rate, of a call mirrored.

    Parameters
    ----------
    sign, rate, dividend_yield : float64[n]
        +1 call, -1 put; continuous annual decimals. NaN rates have none.

    Returns
    -------
    bool[n]
    """
    interest = np.where(sign > 0.0, dividend_yield, rate)  # of a put of strike one
    carried = np.where(sign > 0.0, rate, dividend_yield)
    return (interest < 0.0) & (carried < interest)


def _options(quotes: AmericanQuotes, vol: Floats) -> Floats:
    columns = (
        quotes.spot, quotes.strike, quotes.years, vol, quotes.rate, quotes.dividend_yield, quotes.sign,
    )  # fmt: skip
    return np.ascontiguousarray(np.vstack(columns))


def _imply_at_boundary(
    quotes: AmericanQuotes, price: Floats, noise: Floats, fineness: Fineness
) -> tuple[Floats, Reasons]:
    vol, reason = _imply_with_tables(quotes, price, noise, fineness)
    at = np.flatnonzero(reason == american_vol.OUTSIDE_TABLE)
    if at.size:
        vol[at], reason[at] = _imply_directly(quotes.take(at), price[at], noise[at], fineness)
    return vol, reason


def _imply_with_tables(
    quotes: AmericanQuotes, price: Floats, noise: Floats, fineness: Fineness
) -> tuple[Floats, Reasons]:
    """As `_imply_at_boundary`; the reason is `american_vol.OUTSIDE_TABLE` where the direct engine is to be asked."""
    vol = np.full(price.size, np.nan)
    reason = np.full(price.size, american_vol.OUTSIDE_TABLE, dtype=np.int8)
    order, index, first = _groups(quotes)
    if not order.size:
        return vol, reason
    tables = _tables(quotes.take(first), fineness)
    found, why = np.empty(order.size), np.empty(order.size, dtype=np.int8)
    american_vol.implied_vol_with_tables(
        tables, quotes.spot[first], index, quotes.strike[order], price[order], noise[order], found,
        np.empty(order.size), why,
    )  # fmt: skip
    vol[order], reason[order] = found, why
    return vol, reason


def _groups(quotes: AmericanQuotes) -> tuple[Ints, Ints, Ints]:
    """Quotes that pay for a table in the order of their tables, the table of each, and a quote of each table."""
    keys = np.vstack((quotes.spot, quotes.rate, quotes.dividend_yield, quotes.sign, quotes.years))
    order = np.lexsort(keys)
    keys = keys[:, order]
    begins = np.concatenate(([True], (keys[:, 1:] != keys[:, :-1]).any(axis=0)))
    group = np.cumsum(begins) - 1
    _, rate, dividend_yield, sign, _ = keys
    free = np.where(sign > 0.0, dividend_yield, rate) <= 0.0  # exercise never pays early: nothing to build
    kept = free | (np.bincount(group)[group] >= _TABLE_QUOTES_MIN)
    index = np.cumsum((begins & kept)[kept]) - 1
    return order[kept], index, order[begins & kept]


def _tables(quotes: AmericanQuotes, fineness: Fineness) -> Floats:
    """The premium table of each option's expiry and side; its error is that of the direct engine."""
    m = quotes.years.size
    low, high = np.full(m, _VOL_LOW), np.full(m, _VOL_HIGH)
    expiries = np.vstack((quotes.years, quotes.rate, quotes.dividend_yield, quotes.sign, low, high))
    tables, states = np.empty((m, premium_tile.WIDTH)), np.empty(m, dtype=np.int8)
    premium_table.build_tables(expiries, fineness.preset, fineness.table_fit, tables, states)
    tables[:, premium_tile.ERROR] = fineness.error
    return tables


def _imply_directly(
    quotes: AmericanQuotes, price: Floats, noise: Floats, fineness: Fineness
) -> tuple[Floats, Reasons]:
    vol, reason = np.full(price.size, np.nan), np.empty(price.size, dtype=np.int8)
    options = _options(quotes, vol)
    american_vol.implied_vol_american(
        options, price, noise, fineness.error, fineness.preset, vol, np.empty(price.size), reason
    )
    return vol, reason


def _premiums_at_boundary(quotes: AmericanQuotes, vol: Floats) -> Floats:
    out, standing = np.full((4, vol.size), np.nan), np.empty(vol.size, dtype=np.int8)
    andersen_lake.value_american(_options(quotes, vol), FINE.preset, out, standing)
    return np.asarray(out[0] - _european(quotes, vol))


def _european(quotes: AmericanQuotes, vol: Floats) -> Floats:
    forward = quotes.spot * np.exp((quotes.rate - quotes.dividend_yield) * quotes.years)
    discount = np.exp(-quotes.rate * quotes.years)
    return np.asarray(price_european(forward, quotes.strike, quotes.years, vol, discount, quotes.sign))


def _imply_on_lattice(quotes: AmericanQuotes, price: Floats, noise: Floats) -> tuple[Floats, Reasons]:
    vol, reason = implied_vol_american(
        price, quotes.spot, quotes.strike, quotes.years, quotes.rate, quotes.dividend_yield, quotes.sign, noise,
        _LATTICE_STEPS, _NONE, _NONE,
    )  # fmt: skip
    return vol, reason


def _premiums_on_lattice(quotes: AmericanQuotes, vol: Floats) -> Floats:
    american = tree.price_american(
        quotes.spot, quotes.strike, quotes.years, vol, quotes.rate, quotes.dividend_yield, quotes.sign,
        _LATTICE_STEPS, _NONE, _NONE,
    )  # fmt: skip
    return np.asarray(american - _european(quotes, vol))


def _imply_on_grid(quotes: AmericanQuotes, price: Floats, noise: Floats) -> tuple[Floats, Reasons]:
    vol, reason = implied_vol_cash_dividends(
        price, quotes.spot, quotes.strike, quotes.years, quotes.rate, quotes.dividend_yield, quotes.sign,
        np.ones(price.size), quotes.dividend_years, quotes.dividend_amounts, quotes.schedule, noise, _GRID_ERROR,
        *_GRID,
    )  # fmt: skip
    return vol, reason


def _premiums_on_grid(quotes: AmericanQuotes, vol: Floats) -> Floats:
    american, european = (
        price_cash_dividends(
            quotes.spot, quotes.strike, quotes.years, vol, quotes.rate, quotes.dividend_yield, quotes.sign,
            np.full(vol.size, style), quotes.dividend_years, quotes.dividend_amounts, quotes.schedule, *_GRID,
        )[:, 0]
        for style in (1.0, 0.0)
    )  # fmt: skip
    return np.asarray(american - european)
