"""How far the P&L of the day has fallen from its peak, at theoretical value.

P&L is cash received less paid, less fees, plus what is held at theoretical value, less the same at the start of the day (domain
reference 4.16: the realised side of the identity); so it has the gap of the night, corrections and new marks in it. A day is a day of
UTC, one for all underlyings, so that the desk has one peak; it starts at the last P&L known before midnight, or, where no cycle before
it knew any, at the first cycle that does. The P&L of the start is 0, and so the peak is never below 0. What was not listed in the cycle
before had no P&L then.

What arises in coin counts at the index of the cycle (decision 003). The desk is the sum of the underlyings, each settlement currency
with a peak of its own: a surplus in coin pays no loss in dollars, so the desk's drawdown is the sum of theirs.

A held series without a value, or a fee that nobody knows, makes P&L and drawdown NaN, of the underlying and of the desk. The peak
stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite, nan
from typing import NamedTuple

import numpy as np

from flatbook.book.view import BookView
from flatbook.exposure.marks import worth
from flatbook.limits.measured import DESK
from flatbook.market.clock import NS_PER_DAY
from flatbook.market.view import MarketView
from flatbook.valuation.values import Values


class Total(NamedTuple):
    """P&L since the first fill, by what it is in; NaN where it is unknown."""

    usd: float
    coin: float

    @property
    def known(self) -> bool:
        """Whether both parts are."""
        return isfinite(self.usd) and isfinite(self.coin)


_NOTHING = Total(0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day up to a cycle. Mappings go by underlying; the desk is `DESK`."""

    number: int  # days of UTC since 1970-01-01
    underlyings: tuple[str, ...]  # listed in this cycle
    start: Mapping[str, Total] = field(default_factory=dict)  # where it is known
    last: Mapping[str, Total] = field(default_factory=dict)  # the latest that was known
    peak_usd: Mapping[str, float] = field(default_factory=dict)  # of the P&L of the day
    peak_of_currency_usd: Mapping[str, float] = field(
        default_factory=dict
    )  # by the currency in which options settle
    pnl_usd: Mapping[str, float] = field(default_factory=dict)  # of the day, of each underlying; NaN: unknown
    drawdown_usd: Mapping[str, float] = field(default_factory=dict)  # 0 or above; NaN where it is unknown


def day_at(before: Day | None, book: BookView, values: Values, market: MarketView) -> Day:
    """The day as a cycle sees it.

    Parameters
    ----------
    before : Day or None
        Of the last cycle; None where there was none.
    book : BookView
    values : Values
    market : MarketView
        Its instant is the cycle's.
    """
    names, totals = market.table.underlyings, totals_of(book, values, market)
    number = market.now_ns // NS_PER_DAY
    new = before is None or number > before.number
    start = {} if before is None else dict(before.last if new else before.start)
    last = {} if before is None else dict(before.last)
    for name in names:
        if before is not None and name not in before.underlyings:
            start.setdefault(name, _NOTHING)
        if totals[name].known:
            start.setdefault(name, totals[name])
            last[name] = totals[name]
    spot = dict(zip(names, market.spot.tolist(), strict=True))
    pnl = {name: _pnl_usd(totals[name], start.get(name), spot[name]) for name in names}
    by_currency: dict[str, float] = {}
    for name, currency in zip(names, market.table.currencies, strict=True):
        by_currency[currency] = by_currency.get(currency, 0.0) + pnl[name]
    peak = _peaks({} if before is None or new else before.peak_usd, pnl)
    joint = _peaks({} if before is None or new else before.peak_of_currency_usd, by_currency)
    fallen = {name: peak[name] - pnl[name] for name in names}
    fallen[DESK] = sum((joint[currency] - now for currency, now in by_currency.items()), 0.0)
    return Day(
        number=number if before is None else max(number, before.number),
        underlyings=names,
        start=start,
        last=last,
        peak_usd=peak,
        peak_of_currency_usd=joint,
        pnl_usd=pnl,
        drawdown_usd=fallen,
    )


def totals_of(book: BookView, values: Values, market: MarketView) -> dict[str, Total]:
    """Cash less fees plus what is held at theoretical value, by underlying; an expired series has no value until it is settled."""
    table = market.table
    rows = np.flatnonzero(
        (book.bought != 0) | (book.sold != 0) | (book.quantity != 0) | (book.cash != 0.0) | (book.fees != 0.0)
    )
    unvalued = np.fromiter(values.reasons, dtype=np.int64, count=len(values.reasons))
    each = worth(table, values.price[rows], rows) * table.multiplier[rows]
    each[np.isin(rows, unvalued)] = nan
    held = book.quantity[rows]
    value = np.where(held == 0, 0.0, held * each)
    total = book.cash[rows] - book.fees[rows] + value
    of, n, coin = table.underlying_of[rows], len(table.underlyings), table.inverse[rows]
    usd, coins = (
        np.bincount(of, weights=np.where(chosen, total, 0.0), minlength=n) for chosen in (~coin, coin)
    )
    return {name: Total(float(usd[u]), float(coins[u])) for u, name in enumerate(table.underlyings)}


def _pnl_usd(total: Total, start: Total | None, spot: float) -> float:
    if start is None:
        return nan
    coin = total.coin - start.coin
    return total.usd - start.usd + (coin * spot if coin else 0.0)


def _peaks(before: Mapping[str, float], pnl: Mapping[str, float]) -> dict[str, float]:
    """Peaks with what is known now in them."""
    now = {name: max(before.get(name, 0.0), each) for name, each in pnl.items() if isfinite(each)}
    return {**dict.fromkeys(pnl, 0.0), **before, **now}
