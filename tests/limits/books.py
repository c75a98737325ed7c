"""Small books by hand, measured without an engine: two index-like underlyings in USD and a coin."""

from dataclasses import replace

import numpy as np
from msgspec.structs import replace as changed

from flatbook.exposure.aggregate import aggregate
from flatbook.exposure.slides import gap, slide
from flatbook.limits.measured import Measured, Supplied
from flatbook.margin.capital import requirement
from flatbook.model.instruments import Payoff, Right
from flatbook.model.parameters import ProductGroup
from flatbook.valuation.spot_vol import dynamics_of
from flatbook.valuation.values import value
from tests.worlds import desk, option, share, view_by_hand

SPOT = 100.0
GROUPS = (ProductGroup(name="shares", underlyings=("XYZ", "ABC"), capital_offset=0.6),)


def _options(underlying, **more):
    return tuple(
        option(
            f"{underlying}{right.name[0]}{strike:.0f}D{days}",
            strike,
            days,
            right,
            underlying=underlying,
            option_class=underlying,
            **more,
        )
        for days in (3, 60)
        for right in Right
        for strike in (90.0, 100.0, 110.0)
    )


XYZ, ABC = _options("XYZ"), _options("ABC")
COIN = tuple(changed(item, currency="BTC", payoff=Payoff.INVERSE) for item in _options("BTC"))
ALL = (*XYZ, *ABC, *COIN, share("XYZ", underlying="XYZ"))
N = len(ALL)
ROW = {item.symbol: row for row, item in enumerate(ALL)}
_VOLS = [0.2 + 0.01 * (row % 5) for row in range(N - 1)] + [np.nan]
_USD = view_by_hand(ALL, spot=SPOT, vols=_VOLS, rate=0.02)
MARKET = replace(_USD, unit=np.where(_USD.table.inverse, _USD.forward, 1.0))


def the_desk(**more):
    """A desk with a product group."""
    return changed(desk(), **({"groups": GROUPS} | more))


def quantities(**held):
    """Contracts by symbol as a column."""
    out = np.zeros(N, dtype=np.int64)
    for symbol, contracts in held.items():
        out[ROW[symbol]] = contracts
    return out


def measured(quantity, *, market=MARKET, supplied=None, **terms):
    """The book measured; `supplied` says what is there beside the slides."""
    the = the_desk(**terms)
    values = value(market, dynamics_of(the, market.table.underlyings))
    slides = slide(quantity, values, market)
    return Measured(
        exposure=aggregate(quantity, values, market, the),
        gaps=gap(slides),
        capital=requirement(quantity, values, market, the),
        values=values,
        market=market,
        desk=the,
        supplied=replace(supplied or Supplied(), slides=slides),
    )


def without(*symbols, market=MARKET):
    """The market once these series have no volatility."""
    vol = market.vol.copy()
    vol[[ROW[symbol] for symbol in symbols]] = np.nan
    return replace(market, vol=vol)
