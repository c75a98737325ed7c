"""Theoretical prices and desk-unit Greeks of every contract, and why where there are none.

Conventions: domain reference, section 0; formulas A.1 in the kernels. A coin-settled option is worth
(S/F) B(F) USD, where B is the undiscounted Black value; its delta is net of the coin premium (B/F per unit), because the
premium is paid in the coin itself. A smile delta adds the vega of the volatility that comes with spot (`spot_vol`).
"""

from dataclasses import dataclass, replace

import numpy as np

from flatbook.kernels import european, european_tile
from flatbook.market.view import MarketView
from flatbook.model.instruments import Kind
from flatbook.model.measures import BUSINESS_DAYS, CALENDAR_DAYS, N_MEASURES, VEGA_REFERENCE_DAYS, Measure
from flatbook.model.table import Bools, Floats
from flatbook.valuation.chain import prepare, value_into
from flatbook.valuation.decay import by_clock, theta_by_clock
from flatbook.valuation.market_class import classes_of
from flatbook.valuation.spot_vol import Dynamics, smile_delta, sticky_strike

_USES = 1.0  # slides prepare what they need themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """One row a contract.

    `price` is in quote currency per unit (coin for coin-settled); `greeks` is float64[n, N_MEASURES] per contract.
    """

    price: Floats
    greeks: Floats
    spot: Floats  # by row: price of the underlying
    dynamics: (
        Dynamics  # how volatility follows spot, by underlying: in smile deltas, slides and explain alike
    )
    reasons: dict[int, str]  # row: why it has no value


def value(market: MarketView, dynamics: Dynamics | None = None, only: Bools | None = None) -> Values:
    """Value every contract of the table, or some of them.

    Parameters
    ----------
    market : MarketView
    dynamics : Dynamics, optional
        How volatility follows spot, as `dynamics_of` the desk; each series keeps its volatility otherwise.
    only : bool[n], optional
        Rows to value, whole underlyings; the others have neither value nor reason. Without it all.

    Returns
    -------
    Values
        NaN in every column, and a reason, where a contract cannot be valued.
    """
    table = market.table
    n = len(table.instruments)
    spot = market.spot[table.underlying_of] if n else np.empty(0)
    raw = np.full((european_tile.COLUMNS, n), np.nan)
    asked = np.ones(n, dtype=np.bool_) if only is None else only
    alive = asked & table.is_option
    alive &= np.isfinite(market.vol) & np.isfinite(market.forward) & np.isfinite(spot)
    for rows, option_class, tolerance in classes_of(market, np.flatnonzero(alive)):
        out = np.empty((european_tile.COLUMNS, rows.size))
        value_into(prepare(option_class, tolerance=tolerance, uses=_USES), out)
        raw[:, rows] = out
    dynamics = dynamics or sticky_strike(table.underlyings)
    greeks = _desk_units(market, spot, raw)
    _add_smile_delta(market, spot, dynamics, greeks)
    price = raw[european.PRICE] / market.unit
    for row in np.flatnonzero(asked & ~table.is_option):
        price[row], greeks[row] = _linear(market, int(row), float(spot[row]))
    return Values(
        price=price,
        greeks=greeks,
        spot=spot,
        dynamics=dynamics,
        reasons=_reasons(market, price, greeks, asked),
    )


def merged(before: Values, fresh: Values, rows: Bools) -> Values:
    """The values of some rows, bool[n], and of all others those before; spot and dynamics are the fresh ones."""
    kept = {row: reason for row, reason in before.reasons.items() if not rows[row]}
    both = {**kept, **{row: reason for row, reason in fresh.reasons.items() if rows[row]}}
    return replace(
        fresh,
        price=np.where(rows, fresh.price, before.price),
        greeks=np.where(rows[:, None], fresh.greeks, before.greeks),
        reasons=dict(sorted(both.items())),
    )


def at_fixed_vol(values: Values, market: MarketView) -> Values:
    """The same values for slides in which each series keeps its volatility, as rules on capital have it."""
    return replace(values, dynamics=sticky_strike(market.table.underlyings))


def usd_per_quote(values: Values, market: MarketView) -> Floats:
    """USD per contract for one unit of quote currency per unit of underlying, float64[n]: coins count at the index."""
    table = market.table
    return np.where(table.inverse, values.spot, 1.0) * table.multiplier


def _desk_units(market: MarketView, spot: Floats, raw: Floats) -> Floats:
    """Raw Greeks per unit to desk units per contract: the one place where units change."""
    table = market.table
    scale = np.where(table.inverse, spot / market.unit, 1.0) * table.multiplier
    net = np.where(table.inverse, raw[european.PRICE] / market.unit, 0.0)  # the premium, in coin
    net_vega = np.where(table.inverse, raw[european.VEGA] / market.unit, 0.0)
    delta = raw[european.DELTA] * scale - net * table.multiplier
    vanna = raw[european.VANNA] * scale - net_vega * table.multiplier
    vega = raw[european.VEGA] * scale / 100.0
    reference = VEGA_REFERENCE_DAYS / CALENDAR_DAYS
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.sqrt(reference / market.variance_years)
    out = np.full((raw.shape[1], N_MEASURES), np.nan)
    out[:, Measure.VALUE_USD] = raw[european.PRICE] * scale
    out[:, Measure.DELTA_SHARES] = delta
    out[:, Measure.DELTA_USD] = delta * spot
    out[:, Measure.GAMMA_USD_PER_PCT] = raw[european.GAMMA] * scale * spot**2 / 100.0
    out[:, Measure.VEGA_USD_PER_POINT] = vega
    out[:, Measure.VEGA_WEIGHTED_USD_PER_POINT] = vega * weight
    out[:, Measure.THETA_USD_PER_DAY] = scale * _theta_per_day(market, raw)
    out[:, Measure.RHO_USD_PER_BP] = np.where(
        table.inverse, 0.0, raw[european.RHO] * scale / 1e4
    )  # coin bears no USD rate
    out[:, Measure.VANNA_USD_PER_POINT] = vanna * spot / 100.0
    out[:, Measure.VOLGA_USD_PER_POINT2] = raw[european.VOLGA] * scale / 1e4
    net_theta = np.where(table.inverse, raw[european.THETA] / market.unit, 0.0)
    out[:, Measure.GAMMA_SHARES_PER_USD] = raw[european.GAMMA] * scale
    out[:, Measure.CHARM_SHARES_PER_DAY] = (
        raw[european_tile.CHARM] * scale - net_theta * table.multiplier
    ) / CALENDAR_DAYS
    out[:, Measure.DIVIDEND_RHO_USD_PER_BP] = np.where(
        table.inverse, 0.0, raw[european_tile.DIVIDEND_RHO] * scale / 1e4
    )
    out[:, Measure.THETA_USD_PER_BUSINESS_DAY] = scale * np.maximum(
        raw[european.THETA] / BUSINESS_DAYS, -_time_value(market, raw)
    )
    return out


def _add_smile_delta(market: MarketView, spot: Floats, dynamics: Dynamics, greeks: Floats) -> None:
    rows = np.flatnonzero(market.table.is_option & np.isfinite(greeks[:, Measure.DELTA_SHARES]))
    vega = greeks[rows, Measure.VEGA_USD_PER_POINT] * 100.0
    delta = smile_delta(market, dynamics, rows, greeks[rows, Measure.DELTA_SHARES], vega)
    greeks[rows, Measure.DELTA_SMILE_SHARES] = delta
    greeks[rows, Measure.DELTA_SMILE_USD] = delta * spot[rows]
    greeks[rows, Measure.DELTA_MIN_VARIANCE_SHARES] = delta
    greeks[rows, Measure.DELTA_MIN_VARIANCE_USD] = delta * spot[rows]


def _theta_per_day(market: MarketView, raw: Floats) -> Floats:
    """What a calendar day costs: a day's share of a year, at most the time value; by a clock what that day really takes."""
    out = np.asarray(np.maximum(raw[european.THETA] / CALENDAR_DAYS, -_time_value(market, raw)))
    rows = np.flatnonzero(by_clock(market) & (market.years > 0.0))
    if rows.size:
        found = theta_by_clock(market, rows, raw[european.THETA, rows], raw[european.VEGA, rows])
        table, standing = market.table, market.slice_spot[market.table.slice_of[rows]]
        left = raw[european.PRICE, rows] - np.maximum(table.sign[rows] * (standing - table.strike[rows]), 0.0)
        out[rows] = np.where(
            table.american[rows], np.maximum(found, -left), found
        )  # exercise is always there
    return out


def _time_value(market: MarketView, raw: Floats) -> Floats:
    """What a contract can at most lose by waiting: its value over the discounted intrinsic value of its forward."""
    table = market.table
    intrinsic = np.maximum(market.discount * table.sign * (market.forward - table.strike), 0.0)
    return np.asarray(np.maximum(raw[european.PRICE] - intrinsic, 0.0))


def _linear(market: MarketView, row: int, spot: float) -> tuple[float, Floats]:
    """Price and measures of a future or share: direction only. A crossed market tells no price."""
    item = market.table.instruments[row]
    told = market.bid[row] <= market.ask[row]
    price = 0.5 * float(market.bid[row] + market.ask[row]) if told else spot * item.price_ratio
    notional = item.multiplier * (spot / price if market.table.inverse[row] else price)
    out = np.full(N_MEASURES, 0.0 if np.isfinite(notional) else np.nan)
    out[Measure.VALUE_USD] = (
        notional if item.kind is Kind.SHARE else 0.0 * notional
    )  # a future is worth nothing new
    out[Measure.DELTA_USD] = notional * item.beta
    out[Measure.DELTA_SHARES] = notional * item.beta / spot
    out[Measure.DELTA_SMILE_USD] = out[Measure.DELTA_USD]
    out[Measure.DELTA_SMILE_SHARES] = out[Measure.DELTA_SHARES]
    out[Measure.DELTA_MIN_VARIANCE_USD] = out[Measure.DELTA_USD]
    out[Measure.DELTA_MIN_VARIANCE_SHARES] = out[Measure.DELTA_SHARES]
    return price, out


def _reasons(market: MarketView, price: Floats, greeks: Floats, asked: Bools) -> dict[int, str]:
    table = market.table
    with np.errstate(
        invalid="ignore", over="ignore"
    ):  # a sum is quicker than a look at each; where it fails, a look
        some = np.flatnonzero(~np.isfinite(price + greeks.sum(axis=1)))
    unvalued = some[~(np.isfinite(price[some]) & np.isfinite(greeks[some]).all(axis=1))]
    unvalued = unvalued[asked[unvalued]]
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
