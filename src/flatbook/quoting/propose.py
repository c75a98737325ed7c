"""Quotes leaned by inventory: reservation price from the risk price, width and size from the limits' ladder.

Source: domain reference 4.3 (marginal-risk skew), 8.1 (ladder), A.12 (quote constructor). One more contract bought moves the
reservation price down by its marginal cost g.e plus its own half curvature; the lean stays within `lean_max_half_spreads`
(leaning further is run over, 4.20). The side that adds to a strained limit is widened and thinned; at the hard limit it
is pulled.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from flatbook.limits.check import Standing
from flatbook.limits.ladder import THRESHOLDS, Step
from flatbook.market.view import MarketView
from flatbook.model.instruments import Side
from flatbook.model.measures import Measure
from flatbook.model.parameters import QuotingRules
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints
from flatbook.quoting.ticks import NO_PRICE, ask_ticks, bid_ticks, step_ticks
from flatbook.riskprice.price import RiskPrice
from flatbook.valuation.values import Values

CONVEXITY = 4.0  # extra width of the adding side: 1 + CONVEXITY (u - 0.5)^2
ALERT_HALF_SPREADS = 2.0


class QuoteReason(IntEnum):
    """Why a series is quoted as it is; the strongest that applies."""

    NEUTRAL = 0
    LEANED = 1
    TAPERED = 2
    STRAINED = 3  # a limit at ALERT or above widens and thins the adding side
    ONE_SIDED = 4  # a hard limit pulls the adding side
    NO_BID = 5  # worth less than a tick: nothing to bid
    NO_VALUE = 6


REASON_TEXT: dict[QuoteReason, str] = {
    QuoteReason.NEUTRAL: "neutral",
    QuoteReason.LEANED: "leaned by inventory",
    QuoteReason.TAPERED: "leaned, adding side smaller",
    QuoteReason.STRAINED: "limit strained: adding side wide and small",
    QuoteReason.ONE_SIDED: "hard limit: adding side pulled",
    QuoteReason.NO_BID: "worth less than a tick: offer only",
    QuoteReason.NO_VALUE: "no theoretical value",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotes:
    """One row a contract; prices in ticks, NO_PRICE where there is no quote; options only."""

    neutral_bid: Ints
    neutral_ask: Ints
    bid: Ints
    ask: Ints
    bid_size: Ints
    ask_size: Ints
    lean: Floats  # shift of the reservation price, quote currency; minus: keener to sell
    half_spread: Floats  # neutral, quote currency
    reason: Ints  # QuoteReason


@dataclass(frozen=True, slots=True, kw_only=True)
class _Strain:
    """How hard the limits pull on each side, by row."""

    bid_utilisation: Floats
    ask_utilisation: Floats
    bid_step: Ints
    ask_step: Ints


def propose(
    values: Values,
    price: RiskPrice,
    standing: Standing,
    quantity: Ints,
    market: MarketView,
    rules: QuotingRules,
) -> Quotes:
    """Quote every live option that has a value.

    Parameters
    ----------
    values, price, standing, market
    quantity : int64[n_rows]
        Net contracts held.
    rules : QuotingRules
    """
    table = market.table
    live = table.is_option & np.isfinite(values.price) & (market.years > 0.0)
    theo = np.where(live, values.price, np.nan)
    half = _half_spread(theo, values, market, rules)
    to_quote = _usd_to_quote(values, market)
    lean = np.clip(
        -price.marginal_usd * to_quote,
        -rules.lean_max_half_spreads * half,
        rules.lean_max_half_spreads * half,
    )
    own = np.minimum(price.own_usd * to_quote, rules.lean_max_half_spreads * half)
    strain = _strain(standing, len(table.instruments))
    bid = bid_ticks(theo + lean - own - half * _widening(strain.bid_utilisation, strain.bid_step), table)
    ask = ask_ticks(theo + lean + own + half * _widening(strain.ask_utilisation, strain.ask_step), table)
    bid, ask = _within_width(bid, ask, strain, table, rules)
    bid, ask = _off_the_market(bid, ask, market)
    bid = np.where(strain.bid_step == Step.HARD, NO_PRICE, bid)
    ask = np.where(strain.ask_step == Step.HARD, NO_PRICE, ask)
    bid_size = np.where(bid == NO_PRICE, 0, _size(Side.BUY, quantity, strain.bid_utilisation, rules))
    ask_size = np.where(ask == NO_PRICE, 0, _size(Side.SELL, quantity, strain.ask_utilisation, rules))
    neutral_bid, neutral_ask = bid_ticks(theo - half, table), ask_ticks(theo + half, table)
    return Quotes(
        neutral_bid=neutral_bid,
        neutral_ask=neutral_ask,
        bid=bid,
        ask=ask,
        bid_size=bid_size,
        ask_size=ask_size,
        lean=lean,
        half_spread=half,
        reason=_reasons(
            live, neutral_bid, (bid, ask), (neutral_bid, neutral_ask), (bid_size, ask_size), strain, rules
        ),
    )


def _half_spread(theo: Floats, values: Values, market: MarketView, rules: QuotingRules) -> Floats:
    """Neutral half-spread: vega times vol points, at least a minimum and a share of the value."""
    vega_usd = np.abs(values.greeks[:, Measure.VEGA_USD_PER_POINT])
    by_vol = rules.half_spread_vol_points * vega_usd * _usd_to_quote(values, market)
    return np.maximum(np.maximum(by_vol, rules.half_spread_min), rules.half_spread_pct / 100.0 * theo)


def _usd_to_quote(values: Values, market: MarketView) -> Floats:
    """Quote currency per unit for a USD per contract."""
    table = market.table
    return np.where(table.inverse, 1.0 / values.spot, 1.0) / table.multiplier


def _strain(standing: Standing, n_rows: int) -> _Strain:
    """Which side adds to the limits that stand highest, and how hard these pull.

    Where several stand equally high, the side that adds in sum is the adding one: of two breached limits that want
    opposite things the series keeps one side. Where a limit is unknown both sides add.
    """
    none = np.zeros((1, n_rows))
    gradient, step = np.vstack((none, standing.gradient)), np.vstack((none, standing.step))
    used, unknown = np.vstack((none, standing.utilisation)), np.vstack((none > 0.0, standing.unknown))
    touched = (gradient != 0.0) | unknown
    highest = np.where(touched, step, 0.0).max(axis=0)
    at_highest = touched & (step == highest)
    net = np.where(at_highest, gradient, 0.0).sum(axis=0)
    pull = np.where(at_highest, used, 0.0).max(axis=0)
    blind = unknown.any(axis=0)
    bid_adds, ask_adds = (net > 0.0) | blind, (net < 0.0) | blind
    return _Strain(
        bid_utilisation=np.where(bid_adds, pull, 0.0),
        ask_utilisation=np.where(ask_adds, pull, 0.0),
        bid_step=np.where(bid_adds, highest, 0.0).astype(np.int64),
        ask_step=np.where(ask_adds, highest, 0.0).astype(np.int64),
    )


def _widening(utilisation: Floats, step: Ints) -> Floats:
    """Factor on the half-spread of one side: convex from half the limit on, at least double from ALERT on."""
    over = np.clip(utilisation, THRESHOLDS[Step.NOTIFY], THRESHOLDS[Step.HARD]) - THRESHOLDS[Step.NOTIFY]
    return np.maximum(1.0 + CONVEXITY * over**2, np.where(step >= Step.ALERT, ALERT_HALF_SPREADS, 1.0))


def _within_width(
    bid: Ints, ask: Ints, strain: _Strain, table: InstrumentTable, rules: QuotingRules
) -> tuple[Ints, Ints]:
    """Keep the width legal: the adding side goes to the widest legal price at ESCALATE, and never beyond it.

    Where bid and offer are further apart than `width_max`, the side that adds more comes in; the other one holds.
    """
    widest = np.floor(rules.width_max * table.ticks_per_unit + 1e-9).astype(np.int64)
    bid_adds = strain.bid_utilisation > strain.ask_utilisation
    both = (bid != NO_PRICE) & (ask != NO_PRICE)
    too_wide = both & (ask - bid > widest)
    far_bid = _at_most(np.maximum(ask - widest, 0), table, up=True)
    far_ask = _at_most(bid + widest, table, up=False)
    bid_out = both & bid_adds & ((strain.bid_step == Step.ESCALATE) | too_wide)
    ask_out = both & ~bid_adds & ((strain.ask_step == Step.ESCALATE) | too_wide)
    return np.where(bid_out & (far_bid > 0), far_bid, bid), np.where(ask_out, far_ask, ask)


def _at_most(ticks: Ints, table: InstrumentTable, *, up: bool) -> Ints:
    """The quotable price next to `ticks` on the inner side of a width: up for bids, down for offers."""
    step = step_ticks(ticks, table)
    return -(-ticks // step) * step if up else ticks // step * step


def _off_the_market(bid: Ints, ask: Ints, market: MarketView) -> tuple[Ints, Ints]:
    """Do not lock or cross the market: a quote earns, it does not take."""
    table = market.table
    best_bid = np.where(np.isfinite(market.bid), market.bid, -np.inf) * table.ticks_per_unit
    best_ask = np.where(np.isfinite(market.ask), market.ask, np.inf) * table.ticks_per_unit
    crossed = ~(best_bid <= best_ask)
    inside_ask = np.where(np.isfinite(best_ask) & ~crossed, best_ask, 0.0).round().astype(np.int64)
    inside_bid = np.where(np.isfinite(best_bid) & ~crossed, best_bid, 0.0).round().astype(np.int64)
    below = _at_most(np.maximum(inside_ask - 1, 0), table, up=False)
    above = _at_most(inside_bid + 1, table, up=True)
    bid = np.where(
        (bid != NO_PRICE) & (inside_ask > 0) & (bid >= inside_ask), np.where(below > 0, below, NO_PRICE), bid
    )
    ask = np.where((ask != NO_PRICE) & (inside_bid > 0) & (ask <= inside_bid), above, ask)
    return bid, ask


def _size(side: Side, quantity: Ints, utilisation: Floats, rules: QuotingRules) -> Ints:
    """Full size on the reducing side; the adding side tapers with its limit and with the series' own inventory.

    By limits: full below half, then linear to half the size at ALERT, the least size beyond. By inventory: linear to the
    least size at `inventory_full_contracts`.
    """
    notify, alert = THRESHOLDS[Step.NOTIFY], THRESHOLDS[Step.ALERT]
    by_limit = np.interp(utilisation, [notify, alert], [1.0, 0.5])
    by_limit = np.where(utilisation >= alert, 0.0, by_limit)
    same_side = np.maximum(int(side) * quantity, 0)
    by_inventory = np.clip(1.0 - same_side / rules.inventory_full_contracts, 0.0, 1.0)
    size = np.floor(rules.size * np.minimum(by_limit, by_inventory) + 1e-9).astype(np.int64)
    return np.maximum(size, rules.size_min)


def _reasons(
    live: Bools,
    neutral_bid: Ints,
    prices: tuple[Ints, Ints],
    neutral: tuple[Ints, Ints],
    sizes: tuple[Ints, Ints],
    strain: _Strain,
    rules: QuotingRules,
) -> Ints:
    step = np.maximum(strain.bid_step, strain.ask_step)
    moved = (prices[0] != neutral[0]) | (prices[1] != neutral[1])
    smaller = (sizes[0] < rules.size) | (sizes[1] < rules.size)
    conditions = (
        (~live, QuoteReason.NO_VALUE),
        (step == Step.HARD, QuoteReason.ONE_SIDED),
        (step >= Step.ALERT, QuoteReason.STRAINED),
        (neutral_bid == NO_PRICE, QuoteReason.NO_BID),
        (smaller, QuoteReason.TAPERED),
        (moved, QuoteReason.LEANED),
    )
    return np.select(
        [where for where, _ in conditions], [code for _, code in conditions], QuoteReason.NEUTRAL
    ).astype(np.int64)
