"""What legs are worth, now and where a capital method moves them.

Every option is priced with a volatility of its own: the one that its price implies, or the one that is given. Profit is
measured from the leg's own mark, so that prices which break put-call parity flow into the requirement as they do in a
clearing house's (OCC Customer Portfolio Margin: theoretical gains and losses start from the series' own marks).
"""

from dataclasses import dataclass, replace

import numpy as np

from flatbook.kernels.european import price_european
from flatbook.margin.legs import LegKind, Legs, ProductClass
from flatbook.model.table import Bools, Floats, Ints
from flatbook.valuation.case_values import imply_cases, value_cases
from flatbook.valuation.cases import AUTO, OK, Cases

NO_TIME_VALUE_VOL = (
    1e-3  # an option priced at or under what exercise brings tells no volatility: next to none is used
)
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedLegs:
    """Legs with a price and a volatility each."""

    legs: Legs
    price: Floats  # per unit; in coin for crypto options
    vol: Floats  # NaN for stock and futures
    notes: tuple[str, ...]  # one per row (empty: none): where a volatility had to be assumed
    unpriced: tuple[str, ...]  # one per row (empty: priced): why there is no price


def mark(legs: Legs) -> MarkedLegs:
    """Give every leg the price or volatility that it lacks.

    A price that is given stays the mark. Where it implies no volatility, the given one is used; where there is none either,
    next to none (`NO_TIME_VALUE_VOL`) if the price is at or under intrinsic value, and the leg is told in `unpriced`
    otherwise. Stock is marked at its underlying's price, whatever its row says; a future without price at its carried forward.
    """
    option = legs.is_option
    forward = forward_of(legs)
    linear = np.where(np.isnan(legs.price), forward, legs.price)
    linear = np.where(legs.kind == LegKind.STOCK, legs.underlying_price, linear)
    price = np.where(option, legs.price, linear)
    vol = np.where(option, legs.vol, np.nan)
    notes, unpriced = [""] * len(legs), [""] * len(legs)
    to_imply = np.flatnonzero(option & np.isfinite(legs.price))
    if to_imply.size:
        found = imply_cases(_cases(legs, to_imply, np.full(to_imply.size, np.nan)), legs.price[to_imply])
        for row, one, status in zip(to_imply.tolist(), found.vol, found.status, strict=True):
            if status == OK:
                vol[row] = one
            elif np.isfinite(legs.vol[row]):
                notes[row] = f"the given vol: {status}"
            elif status in {"below intrinsic value", "time value too small to tell a volatility", "expired"}:
                vol[row], notes[row] = NO_TIME_VALUE_VOL, f"no volatility to speak of: {status}"
            else:
                unpriced[row] = f"no volatility from its price: {status}"
    to_price = np.flatnonzero(option & np.isnan(legs.price))
    if to_price.size:
        values = value_cases(_cases(legs, to_price, legs.vol[to_price]), _TOLERANCE)
        price[to_price] = values.greeks[0]
        for row, status in zip(to_price.tolist(), values.status, strict=True):
            unpriced[row] = "" if status == OK else status
    return MarkedLegs(legs=legs, price=price, vol=vol, notes=tuple(notes), unpriced=tuple(unpriced))


def values_at(
    marked: MarkedLegs, spot_factor: Floats, vol: Floats | None = None, elapsed_years: float = 0.0
) -> Floats:
    """Value each leg in every scenario by full revaluation.

    Parameters
    ----------
    marked : MarkedLegs
    spot_factor : float64[m] or float64[n, m]
        What each scenario multiplies the underlying's price by.
    vol : float64[n, m], optional
        Volatility of each leg in each scenario; its own where nothing is given.
    elapsed_years : float
        How much later the scenarios are; an option past its expiry is worth its payoff.

    Returns
    -------
    float64[n, m]
        Price per unit, in the currency of the strike for crypto too (`pme_cells` converts); NaN where the model has no value.
    """
    legs = marked.legs
    shape = (len(legs), spot_factor.shape[-1])
    factor = np.ascontiguousarray(np.broadcast_to(spot_factor, shape))
    vols = np.ascontiguousarray(np.broadcast_to(marked.vol[:, None] if vol is None else vol, shape))
    years = np.maximum(legs.years - elapsed_years, 0.0)
    out = marked.price[:, None] * factor
    option = legs.is_option
    european = np.flatnonzero(option & ~legs.american)
    if european.size:
        carry = np.exp((legs.rate - carry_yield(legs)) * years)
        forward = (legs.underlying_price * carry)[european, None] * factor[european]
        out[european] = price_european(
            forward.ravel(),
            _spread(legs.strike, european, shape[1]),
            _spread(years, european, shape[1]),
            vols[european].ravel(),
            _spread(np.exp(-legs.rate * years), european, shape[1]),
            _spread(legs.kind.astype(np.float64), european, shape[1]),
        ).reshape(european.size, shape[1])
    american = np.flatnonzero(option & legs.american)
    if american.size:
        rows = np.repeat(american, shape[1])
        cases = _cases(legs, rows, vols[american].ravel(), years, factor[american].ravel())
        out[american] = value_cases(cases, _TOLERANCE).greeks[0].reshape(american.size, shape[1])
    return out


def pnl_at(
    marked: MarkedLegs, spot_factor: Floats, vol: Floats | None = None, elapsed_years: float = 0.0
) -> Floats:
    """Profit per contract of each leg in every scenario, from its own mark: float64[n, m]; parameters as `values_at`.

    In the currency of the strike; legs that are settled in coin have cells of their own (`pme_cells`).
    """
    values = values_at(marked, spot_factor, vol, elapsed_years)
    return marked.legs.multiplier[:, None] * (values - marked.price[:, None])


def forward_of(legs: Legs) -> Floats:
    """float64[n]: the underlying's price carried to each leg's expiry."""
    return np.asarray(legs.underlying_price * np.exp((legs.rate - carry_yield(legs)) * legs.years))


def carry_yield(legs: Legs) -> Floats:
    """float64[n]: the yield of the underlying; its rate where the underlying is a future, which costs nothing to carry."""
    return np.where(on_future(legs), legs.rate, legs.dividend_yield)


def on_future(legs: Legs) -> Bools:
    """Which legs have the price of a future as their underlying's."""
    return np.array([one is ProductClass.FUTURE for one in legs.product_class], dtype=np.bool_)


def _spread(column: Floats, rows: Ints, times: int) -> Floats:
    return np.repeat(column[rows], times)


def _cases(
    legs: Legs, rows: Ints, vol: Floats, years: Floats | None = None, spot_factor: Floats | None = None
) -> Cases:
    """Options as the notebook's door takes them; a row may be asked for more than once."""
    factor = np.ones(rows.size) if spot_factor is None else spot_factor
    forward = forward_of(legs if years is None else replace(legs, years=years))
    crypto = np.array([one is ProductClass.CRYPTO for one in legs.product_class], dtype=np.bool_)
    return Cases(
        american=legs.american[rows],
        sign=legs.kind[rows].astype(np.float64),
        spot=np.where(crypto[rows], np.nan, legs.underlying_price[rows] * factor),
        forward=np.where(crypto[rows], forward[rows] * factor, np.nan),
        strike=legs.strike[rows],
        years=(legs.years if years is None else years)[rows],
        rate=legs.rate[rows],
        dividend_yield=carry_yield(legs)[rows],
        vol=vol,
        dividends=((),) * rows.size,
        spot_model=np.ones(rows.size, dtype=np.bool_),
        coin=crypto[rows],
        engine=(AUTO,) * rows.size,
    )
