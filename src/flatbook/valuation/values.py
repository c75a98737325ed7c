"""Theoretical prices and desk-unit Greeks of every contract, and why where there are none.

Conventions: domain reference, section 0; formulas A.1 in the kernels. A coin-settled option is worth
(S/F) B(F) USD, where B is the undiscounted Black value; its delta is net of the coin premium (B/F per unit), because the
premium is paid in the coin itself.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.kernels import black
from flatbook.kernels.black import value_european
from flatbook.kernels.tree import value_american
from flatbook.market.view import MarketView
from flatbook.model.instruments import Kind
from flatbook.model.measures import CALENDAR_DAYS, N_MEASURES, VEGA_REFERENCE_DAYS, Measure
from flatbook.model.table import Floats, Ints

TREE_STEPS = 101


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """One row a contract.

    `price` is in quote currency per unit (coin for coin-settled); `greeks` is float64[n, N_MEASURES] per contract.
    """

    price: Floats
    greeks: Floats
    spot: Floats  # by row: price of the underlying
    reasons: dict[int, str]  # row: why it has no value


def value(market: MarketView) -> Values:
    """Value every contract of the table.

    Parameters
    ----------
    market : MarketView

    Returns
    -------
    Values
        NaN in every column, and a reason, where a contract cannot be valued.
    """
    table = market.table
    n = len(table.instruments)
    spot = market.spot[table.underlying_of] if n else np.empty(0)
    raw = np.full((n, black.COLUMNS), np.nan)
    alive = table.is_option & np.isfinite(market.vol) & np.isfinite(market.forward) & np.isfinite(spot)
    european = np.flatnonzero(alive & ~table.american)
    raw[european] = value_european(
        spot[european],
        market.forward[european],
        table.strike[european],
        market.years[european],
        market.vol[european],
        market.discount[european],
        table.sign[european],
        market.forward_fixed[european],
    )
    for s, rows in american_slices(market, np.flatnonzero(alive & table.american)):
        raw[rows] = _american(market, s, rows)
    greeks = _desk_units(market, spot, raw)
    price = raw[:, black.PRICE] / market.unit
    for row in np.flatnonzero(~table.is_option):
        price[row], greeks[row] = _linear(market, int(row), float(spot[row]))
    return Values(price=price, greeks=greeks, spot=spot, reasons=_reasons(market, price, greeks))


def usd_per_quote(values: Values, market: MarketView) -> Floats:
    """USD per contract for one unit of quote currency per unit of underlying, float64[n]: coins count at the index."""
    table = market.table
    return np.where(table.inverse, values.spot, 1.0) * table.multiplier


def american_slices(market: MarketView, rows: Ints) -> list[tuple[int, Ints]]:
    """Group `rows` by expiry: (slice, its rows)."""
    of = market.table.slice_of[rows]
    return [(int(s), rows[of == s]) for s in np.unique(of)]


TreeInputs = tuple[Floats, Floats, Floats, Floats, Floats, Floats, Floats]


def tree_inputs(market: MarketView, s: int, rows: Ints) -> TreeInputs:
    """spot, strike, years, vol, rate, yield, sign of American `rows` of slice `s`: what the tree takes, in its order.

    `slice_spot` is the forward where a future is the underlying, without cash dividends.
    """
    table, n = market.table, rows.size
    return (
        np.full(n, market.slice_spot[s]),
        table.strike[rows],
        market.years[rows],
        market.vol[rows],
        np.full(n, market.slice_rate[s]),
        np.full(n, market.slice_yield[s]),
        table.sign[rows],
    )


def cash_dividends(market: MarketView, s: int) -> tuple[Floats, Floats]:
    """Years and amounts of the dividends that slice `s` sees; none where a future is the underlying."""
    if np.isfinite(market.slice_future[s]):
        return np.empty(0), np.empty(0)
    u = int(market.table.underlying_of_slice[s])
    return market.dividend_years[u], market.dividend_amount[u]


def _american(market: MarketView, s: int, rows: Ints) -> Floats:
    """Raw values of American options; Greeks per unit of the reference price, whatever price the tree stands on."""
    raw: Floats = value_american(*tree_inputs(market, s, rows), TREE_STEPS, *cash_dividends(market, s))
    u = int(market.table.underlying_of_slice[s])
    per_spot = market.slice_spot[s] / market.spot[u]
    raw[:, black.DELTA] *= per_spot
    raw[:, black.GAMMA] *= per_spot**2
    raw[:, black.VANNA] *= per_spot
    if np.isfinite(market.slice_future[s]):
        raw[:, black.RHO] = -market.years[rows] * raw[:, black.PRICE]
    return raw


def _desk_units(market: MarketView, spot: Floats, raw: Floats) -> Floats:
    """Raw Greeks per unit to desk units per contract: the one place where units change."""
    table = market.table
    scale = np.where(table.inverse, spot / market.unit, 1.0) * table.multiplier
    net = np.where(table.inverse, raw[:, black.PRICE] / market.unit, 0.0)  # the premium, in coin
    net_vega = np.where(table.inverse, raw[:, black.VEGA] / market.unit, 0.0)
    delta = raw[:, black.DELTA] * scale - net * table.multiplier
    vanna = raw[:, black.VANNA] * scale - net_vega * table.multiplier
    vega = raw[:, black.VEGA] * scale / 100.0
    reference = VEGA_REFERENCE_DAYS / CALENDAR_DAYS
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.sqrt(reference / market.years)
    out = np.full((raw.shape[0], N_MEASURES), np.nan)
    out[:, Measure.VALUE_USD] = raw[:, black.PRICE] * scale
    out[:, Measure.DELTA_SHARES] = delta
    out[:, Measure.DELTA_USD] = delta * spot
    out[:, Measure.GAMMA_USD_PER_PCT] = raw[:, black.GAMMA] * scale * spot**2 / 100.0
    out[:, Measure.VEGA_USD_PER_POINT] = vega
    out[:, Measure.VEGA_WEIGHTED_USD_PER_POINT] = vega * weight
    out[:, Measure.THETA_USD_PER_DAY] = scale * np.maximum(
        raw[:, black.THETA] / CALENDAR_DAYS, -_time_value(market, raw)
    )
    out[:, Measure.RHO_USD_PER_BP] = np.where(
        table.inverse, 0.0, raw[:, black.RHO] * scale / 1e4
    )  # coin bears no USD rate
    out[:, Measure.VANNA_USD_PER_POINT] = vanna * spot / 100.0
    out[:, Measure.VOLGA_USD_PER_POINT2] = raw[:, black.VOLGA] * scale / 1e4
    return out


def _time_value(market: MarketView, raw: Floats) -> Floats:
    """What a contract can at most lose by waiting: its value over the discounted intrinsic value of its forward."""
    table = market.table
    intrinsic = np.maximum(market.discount * table.sign * (market.forward - table.strike), 0.0)
    return np.maximum(raw[:, black.PRICE] - intrinsic, 0.0)


def _linear(market: MarketView, row: int, spot: float) -> tuple[float, Floats]:
    """Price and measures of a future or share: direction only."""
    item = market.table.instruments[row]
    quoted = 0.5 * (market.bid[row] + market.ask[row])
    price = float(quoted) if np.isfinite(quoted) else spot * item.price_ratio
    notional = item.multiplier * (spot / price if market.table.inverse[row] else price)
    out = np.full(N_MEASURES, 0.0 if np.isfinite(notional) else np.nan)
    out[Measure.VALUE_USD] = (
        notional if item.kind is Kind.SHARE else 0.0 * notional
    )  # a future is worth nothing new
    out[Measure.DELTA_USD] = notional * item.beta
    out[Measure.DELTA_SHARES] = notional * item.beta / spot
    return price, out


def _reasons(market: MarketView, price: Floats, greeks: Floats) -> dict[int, str]:
    table = market.table
    unvalued = np.flatnonzero(~np.isfinite(price) | ~np.isfinite(greeks).all(axis=1))
    reasons = {}
    for row in unvalued.tolist():
        s = int(table.slice_of[row])
        name = table.instruments[row].underlying
        if not np.isfinite(market.spot[table.underlying_of[row]]):
            reasons[row] = f"no price of {name}"
        elif s >= 0 and market.slice_reason[s]:
            reasons[row] = market.slice_reason[s]
        else:
            reasons[row] = "the model gives no finite value at this strike and volatility"
    return reasons
