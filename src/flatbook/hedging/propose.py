"""Hedges in the underlying, or in the related future, ETF or index product when it cannot be traded.

Inside the no-trade band nothing is proposed: the wider of the Whalley-Wilmott band, which comes from the book's gamma, and the delta
whose risk is worth less than the cost of trading it away (domain reference 4.8). Outside, trade to the band's edge; with a strained limit the band halves, and
from ALERT on the trade goes to the centre (domain reference 4.9 and 8.1). Among the desk's instruments the one with the
least cost plus aversion / 2 times basis variance is taken; the others are kept as the alternatives that lost.
"""

import math
from dataclasses import dataclass

import numpy as np

from flatbook.exposure.aggregate import Exposure
from flatbook.exposure.factors import SPOT
from flatbook.hedging.band import half_width_shares
from flatbook.hedging.cross import basis_deviation_usd, hedge_contracts
from flatbook.limits.check import Standing
from flatbook.limits.ladder import Step
from flatbook.market.view import MarketView
from flatbook.model.measures import CALENDAR_DAYS, Measure
from flatbook.model.parameters import Desk, HedgeTerms, LimitMeasure
from flatbook.model.table import Ints
from flatbook.riskprice.cost import cost_per_contract, cost_per_delta_usd, hedges_of, usd_per_price_unit
from flatbook.riskprice.price import RiskPrice
from flatbook.valuation.values import Values

DIRECTION = frozenset({LimitMeasure.DELTA_USD, LimitMeasure.GAP_LOSS_USD, LimitMeasure.CAPITAL_USD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way to hedge, in whole lots."""

    symbol: str
    row: int
    quantity: int  # contracts; plus buys
    price: float
    cost_usd: float
    basis_deviation_usd: float  # over the holding time; NaN where the underlying has no volatility
    delta_after_usd: float
    score_usd: float  # cost plus the price of the basis risk; least wins


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedge:
    """What to do about one underlying's delta."""

    underlying: str
    delta_before_usd: float
    band_usd: float  # half-width; a delta within it is left alone
    target_usd: float
    chosen: Candidate | None
    alternatives: tuple[Candidate, ...]
    reason: str

    @property
    def delta_after_usd(self) -> float:
        """Delta once the chosen trade is done."""
        return self.chosen.delta_after_usd if self.chosen else self.delta_before_usd


def propose(
    exposure: Exposure, price: RiskPrice, standing: Standing, values: Values, market: MarketView, desk: Desk
) -> tuple[Hedge, ...]:
    """One decision for each underlying that has a delta or a hedge instrument.

    Returns
    -------
    tuple of Hedge
        In the order of the table's underlyings.
    """
    held = np.abs(exposure.by_row).sum(axis=1) != 0.0
    touched = set(market.table.underlying_of[held].tolist())
    return tuple(
        _propose_one(u, exposure, price, standing, values, market, desk)
        for u, name in enumerate(market.table.underlyings)
        if u in touched or (hedges_of(desk, name) and exposure.by_underlying[u, Measure.DELTA_USD])
    )


def trades(hedges: tuple[Hedge, ...], n_rows: int) -> Ints:
    """The proposed trades as contracts by row, int64[n_rows]."""
    out = np.zeros(n_rows, dtype=np.int64)
    for hedge in hedges:
        if hedge.chosen:
            out[hedge.chosen.row] += hedge.chosen.quantity
    return out


def _propose_one(
    u: int,
    exposure: Exposure,
    price: RiskPrice,
    standing: Standing,
    values: Values,
    market: MarketView,
    desk: Desk,
) -> Hedge:
    name, spot = market.table.underlyings[u], float(market.spot[u])
    delta = float(exposure.by_underlying[u, Measure.DELTA_USD])
    terms = _priced(hedges_of(desk, name), market, values)
    if not (math.isfinite(delta) and math.isfinite(spot)):
        return _none(name, float("nan"), float("nan"), "delta unknown: the underlying has no price")
    if not terms:
        return _none(name, delta, 0.0, f"no hedge instrument with a price is configured for {name}")
    step = standing.worst_of(name, DIRECTION)
    bound = float(exposure.bound_of(u)[Measure.DELTA_USD])
    unvalued = f"; beside it up to {bound:,.0f} USD of delta in series without a value" if bound else ""
    half_lot = 0.5 * min(_lot_usd(one, market, values) for one in terms)
    worth = max(_band_usd(exposure, price, u, spot, desk), _worthless_usd(price, u, desk))
    band = max(worth * (0.5 if step is Step.NOTIFY else 1.0), half_lot)
    centre = step >= Step.ALERT
    if abs(delta) <= (half_lot if centre else band):
        return _none(
            name, delta, band, "inside the no-trade band: the risk is worth less than the cost" + unvalued
        )
    target = 0.0 if centre else math.copysign(band, delta)
    candidates = [
        _candidate(one, delta, target, float(price.spot_vol[u]), values, market, desk) for one in terms
    ]
    better = [one for one in candidates if abs(one.delta_after_usd) < abs(delta)]
    ranked = sorted(better, key=lambda one: (abs(one.delta_after_usd) > band, one.score_usd))
    if not ranked:
        return _none(name, delta, band, "no whole lot brings the delta nearer to its target")
    return Hedge(
        underlying=name,
        delta_before_usd=delta,
        band_usd=band,
        target_usd=target,
        chosen=ranked[0],
        alternatives=tuple(ranked[1:]),
        reason=_reason(step) + unvalued,
    )


def _none(name: str, delta: float, band: float, reason: str) -> Hedge:
    return Hedge(
        underlying=name,
        delta_before_usd=delta,
        band_usd=band,
        target_usd=delta,
        chosen=None,
        alternatives=(),
        reason=reason,
    )


def _reason(step: Step) -> str:
    if step >= Step.ALERT:
        return f"a limit stands at {step.name}: hedge to the centre"
    if step is Step.NOTIFY:
        return "a limit stands at NOTIFY: hedge to the edge of half the band"
    return "outside the no-trade band: hedge to its edge"


def _priced(terms: tuple[HedgeTerms, ...], market: MarketView, values: Values) -> tuple[HedgeTerms, ...]:
    return tuple(one for one in terms if math.isfinite(cost_per_delta_usd(one, market.table, values)))


def _band_usd(exposure: Exposure, price: RiskPrice, u: int, spot: float, desk: Desk) -> float:
    gamma = float(exposure.by_underlying[u, Measure.GAMMA_USD_PER_PCT]) * 100.0 / spot**2
    shares = half_width_shares(
        cost_rate=float(price.hedge_cost[u]),
        spot=spot,
        gamma=gamma,
        aversion_per_usd=desk.appetite.aversion_per_usd,
    )
    return shares * spot


def _worthless_usd(price: RiskPrice, u: int, desk: Desk) -> float:
    """The delta whose next unit of risk is worth what trading it away costs (domain reference 4.8): |D| <= psi / 2A."""
    per_unit = desk.appetite.aversion_per_usd * float(price.deviation[u, SPOT]) ** 2
    return float(price.hedge_cost[u]) / per_unit if per_unit > 0.0 else 0.0


def _lot_usd(terms: HedgeTerms, market: MarketView, values: Values) -> float:
    row = market.table.row_of(terms.instrument.symbol)
    return abs(float(values.greeks[row, Measure.DELTA_USD])) * terms.lot


def _candidate(
    terms: HedgeTerms, delta: float, target: float, vol: float, values: Values, market: MarketView, desk: Desk
) -> Candidate:
    row = market.table.row_of(terms.instrument.symbol)
    per_lot = float(values.greeks[row, Measure.DELTA_USD]) * terms.lot
    lots = hedge_contracts(
        ratio=1.0, exposure=target - delta, contract_size=per_lot
    )  # beta is in the contract's delta
    rounded = round(lots) if target == 0.0 else int(math.copysign(math.ceil(abs(lots) - 1e-9), lots))
    quantity = rounded * terms.lot
    traded = quantity * per_lot / terms.lot
    per_price = usd_per_price_unit(terms, float(values.price[row]), float(values.spot[row]))
    cost = abs(quantity) * cost_per_contract(terms, per_price)
    years = desk.appetite.holding_days / CALENDAR_DAYS
    basis = basis_deviation_usd(hedged_usd=traded, correlation=terms.correlation, vol=vol, years=years)
    left = delta + traded
    variance = basis**2 + (left * vol) ** 2 * years
    risk = (
        0.5 * desk.appetite.aversion_per_usd * variance if math.isfinite(variance) else 0.0
    )  # no vol: cost decides
    return Candidate(
        symbol=terms.instrument.symbol,
        row=row,
        quantity=quantity,
        price=float(values.price[row]),
        cost_usd=cost,
        basis_deviation_usd=basis,
        delta_after_usd=left,
        score_usd=cost + risk,
    )
