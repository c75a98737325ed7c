"""Which two series would take gamma and vega to zero: one near, one at least twice as far, both near the money.

An indication of what an offset with options costs, not an order: half-spreads as quoted, no impact, no fee, and vegas of
all expiries counted alike. The nearer expiry has at least a week, so that its gamma is not gone tomorrow.
Source: Hull, "Options, Futures, and Other Derivatives", ch. 19, as in `neutral`.
"""

import math
from dataclasses import dataclass

import numpy as np

from flatbook.exposure.aggregate import Exposure
from flatbook.hedging.neutral import Neutral, OptionRisk, gamma_vega_neutral
from flatbook.market.quotes import QuoteStatus
from flatbook.market.view import MarketView
from flatbook.model.measures import CALENDAR_DAYS, Measure
from flatbook.model.table import Floats, Ints
from flatbook.valuation.values import Values, usd_per_quote

NEAR_DAYS_MIN = 7.0
FAR_OVER_NEAR = 2.0
DELTA_WANTED = 0.5
DELTA_REACH = 0.15  # further from it a series is not near the money


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetLeg:
    """One series of the offset."""

    symbol: str
    row: int
    exact: float  # contracts, not rounded; plus buys
    quantity: int  # whole contracts
    cost_usd: float  # half the quoted spread of the whole contracts
    delta_usd: float  # that they bring


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionOffset:
    """What two series would do about one underlying's gamma and vega; `legs` is empty where `reason` says why."""

    underlying: str
    legs: tuple[OffsetLeg, ...]
    cost_usd: float
    delta_added_usd: float
    delta_after_usd: float
    gamma_after_usd_per_pct: float
    vega_after_usd_per_point: float
    reason: str = ""


def option_offset(u: int, exposure: Exposure, values: Values, market: MarketView) -> OptionOffset:
    """The near and far series nearest 50 delta that would take gamma and vega of underlying `u` to zero.

    Parameters
    ----------
    u : int
        Index into the table's underlyings.
    exposure : Exposure
        The book to be neutralised, with its delta hedge or without.
    values, market

    Returns
    -------
    OptionOffset
        Whole contracts, and what is left after rounding. Without legs where there is nothing to offset, or no two usable
        series to do it with.
    """
    name = market.table.underlyings[u]
    book = _risk(exposure.by_underlying[u])
    if any(row in exposure.unvalued for row in np.flatnonzero(market.table.underlying_of == u).tolist()):
        return _none(name, book, "a held series has no value: gamma and vega of the book are not known")
    if not all(math.isfinite(part) for part in book):
        return _none(name, book, "gamma and vega of the book are not known")
    if book.gamma == 0.0 and book.vega == 0.0:
        return _none(name, book, "no gamma and no vega to offset")
    pair = _near_and_far(u, values, market)
    if pair is None:
        return _none(
            name,
            book,
            f"no two usable quotes near the money: one at least {NEAR_DAYS_MIN:.0f} days out, "
            f"one at least {FAR_OVER_NEAR:.0f} times as far",
        )
    risks = [_risk(values.greeks[row]) for row in pair]
    exact = gamma_vega_neutral(book, *risks)
    if exact is None:
        return _none(name, book, "the two series are too alike to tell gamma from vega")
    return _offset(name, book, pair, exact, values, market)


def _offset(
    name: str, book: OptionRisk, pair: tuple[int, int], exact: Neutral, values: Values, market: MarketView
) -> OptionOffset:
    legs = tuple(
        _leg(row, contracts, values, market)
        for row, contracts in zip(pair, (exact.first, exact.second), strict=True)
    )
    after = book
    for leg in legs:
        one = _risk(values.greeks[leg.row])
        after = OptionRisk(*(left + leg.quantity * each for left, each in zip(after, one, strict=True)))
    return OptionOffset(
        underlying=name,
        legs=legs,
        cost_usd=sum(leg.cost_usd for leg in legs),
        delta_added_usd=sum(leg.delta_usd for leg in legs),
        delta_after_usd=after.delta,
        gamma_after_usd_per_pct=after.gamma,
        vega_after_usd_per_point=after.vega,
    )


def _leg(row: int, exact: float, values: Values, market: MarketView) -> OffsetLeg:
    table = market.table
    usd_per_price = float(usd_per_quote(values, market)[row])
    quantity = round(exact)
    half_spread = 0.5 * float(market.ask[row] - market.bid[row])
    return OffsetLeg(
        symbol=table.instruments[row].symbol,
        row=row,
        exact=exact,
        quantity=quantity,
        cost_usd=abs(quantity) * half_spread * usd_per_price,
        delta_usd=quantity * float(values.greeks[row, Measure.DELTA_USD]),
    )


def _near_and_far(u: int, values: Values, market: MarketView) -> tuple[int, int] | None:
    near: int | None = None
    for row in _one_per_expiry(u, values, market):
        days = float(market.years[row]) * CALENDAR_DAYS
        if near is None:
            near = row if days >= NEAR_DAYS_MIN else None
        elif days >= FAR_OVER_NEAR * float(market.years[near]) * CALENDAR_DAYS:
            return near, row
    return None


def _one_per_expiry(u: int, values: Values, market: MarketView) -> list[int]:
    """The usable series nearest 50 delta of every expiry that has one, nearest expiry first."""
    table = market.table
    mine = (table.underlying_of == u) & table.is_option & (market.status == QuoteStatus.USABLE)
    rows = np.flatnonzero(mine & (market.bid > 0.0) & np.isfinite(values.price))
    delta = np.abs(values.greeks[rows, Measure.DELTA_SHARES]) / table.multiplier[rows]
    off = np.abs(delta - DELTA_WANTED)
    rows, off = rows[off <= DELTA_REACH], off[off <= DELTA_REACH]
    order = np.lexsort((rows, off, table.slice_of[rows]))
    _, first = np.unique(table.slice_of[rows[order]], return_index=True)
    best: Ints = rows[order][first]
    return [int(row) for row in best[np.argsort(market.years[best], kind="stable")]]


def _risk(measures: Floats) -> OptionRisk:
    return OptionRisk(
        float(measures[Measure.DELTA_USD]),
        float(measures[Measure.GAMMA_USD_PER_PCT]),
        float(measures[Measure.VEGA_USD_PER_POINT]),
    )


def _none(name: str, book: OptionRisk, reason: str) -> OptionOffset:
    return OptionOffset(
        underlying=name,
        legs=(),
        cost_usd=0.0,
        delta_added_usd=0.0,
        delta_after_usd=book.delta,
        gamma_after_usd_per_pct=book.gamma,
        vega_after_usd_per_point=book.vega,
        reason=reason,
    )
