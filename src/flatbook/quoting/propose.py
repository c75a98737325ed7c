"""Quotes leaned by inventory: reservation price from the risk price, width and size from the limits' ladder.

Source: domain reference 4.3 (marginal-risk skew), 8.1 (ladder), A.12 (quote constructor). One more contract bought moves the
reservation price down by its marginal cost g.e plus its own half curvature; the lean stays within `lean_max_half_spreads`
(leaning further is run over, 4.20), and no quote crosses fair value, the market or the legal width. The side that adds to a
strained limit is widened and thinned; at the hard limit it is pulled.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from flatbook.limits.check import Standing
from flatbook.limits.ladder import THRESHOLDS, Step
from flatbook.market.view import MarketView
from flatbook.model.instruments import Side
from flatbook.model.measures import Measure
from flatbook.model.parameters import QuotingRules
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints
from flatbook.quoting.fences import TwoSides, fences, inside, legal_width
from flatbook.quoting.strain import Strain, strain
from flatbook.quoting.ticks import NO_PRICE, ask_ticks, bid_ticks, step_ticks
from flatbook.riskprice.price import RiskPrice
from flatbook.valuation.values import Values, usd_per_quote

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
    TOO_WIDE = 7  # value and market are further apart than the legal width


REASON_TEXT: dict[QuoteReason, str] = {
    QuoteReason.NEUTRAL: "neutral",
    QuoteReason.LEANED: "leaned by inventory",
    QuoteReason.TAPERED: "leaned, adding side smaller",
    QuoteReason.STRAINED: "limit strained: adding side wide and small",
    QuoteReason.ONE_SIDED: "hard limit: adding side pulled",
    QuoteReason.NO_BID: "worth less than a tick: offer only",
    QuoteReason.NO_VALUE: "no theoretical value",
    QuoteReason.TOO_WIDE: "value outside the market by more than the legal width",
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
    widest = np.floor(rules.width_max / market.unit * table.ticks_per_unit + 1e-9)
    half = _half_spread(theo, values, market, rules, widest / table.ticks_per_unit)
    to_quote = 1.0 / usd_per_quote(values, market)
    lean = np.clip(
        -price.marginal_usd * to_quote,
        -rules.lean_max_half_spreads * half,
        rules.lean_max_half_spreads * half,
    )
    own = np.minimum(price.own_usd * to_quote, half)
    pull = strain(standing, len(table.instruments))
    fence = fences(theo, market)
    wanted = TwoSides(
        bid_ticks(theo + lean - own - half * _widening(pull.bid_utilisation, pull.bid_step), table),
        ask_ticks(theo + lean + own + half * _widening(pull.ask_utilisation, pull.ask_step), table),
    )
    quote = legal_width(
        inside(wanted, fence),
        fence,
        np.where(live, widest, 0.0).astype(np.int64),
        _far_side_is_bid(wanted, theo, pull, table),
        np.maximum(pull.bid_step, pull.ask_step) == Step.ESCALATE,
        table,
    )
    bid = np.where(pull.bid_step == Step.HARD, NO_PRICE, quote.bid)
    ask = np.where(pull.ask_step == Step.HARD, NO_PRICE, quote.ask)
    buy = _Taper(pull.bid_utilisation, pull.bid_step, standing.buy_room)
    sell = _Taper(pull.ask_utilisation, pull.ask_step, standing.sell_room)
    quotes = Quotes(
        neutral_bid=bid_ticks(theo - half, table),
        neutral_ask=ask_ticks(theo + half, table),
        bid=bid,
        ask=ask,
        bid_size=np.where(bid == NO_PRICE, 0, _size(Side.BUY, quantity, buy, rules)),
        ask_size=np.where(ask == NO_PRICE, 0, _size(Side.SELL, quantity, sell, rules)),
        lean=lean,
        half_spread=half,
        reason=np.zeros(bid.size, dtype=np.int64),
    )
    return replace(quotes, reason=_reasons(quotes, live, pull, widest, rules))


def _half_spread(
    theo: Floats, values: Values, market: MarketView, rules: QuotingRules, width: Floats
) -> Floats:
    """Neutral half-spread: vega times vol points, at least a minimum and a share of the value, and within the legal width.

    Wider where the expiry's smile is less to be trusted.
    Half the width less one step a side, so that rounding outward stays legal.
    """
    vega_usd = np.abs(values.greeks[:, Measure.VEGA_USD_PER_POINT])
    by_vol = rules.half_spread_vol_points * vega_usd / usd_per_quote(values, market)
    half = np.maximum(
        np.maximum(by_vol, rules.half_spread_min / market.unit), rules.half_spread_pct / 100.0 * theo
    )
    confidence = np.append(market.slice_confidence, 1.0)[market.table.slice_of]
    half = half * (1.0 + (rules.half_spreads_without_confidence - 1.0) * (1.0 - confidence))
    ticks = np.where(np.isfinite(theo), theo, 0.0) * market.table.ticks_per_unit
    step = step_ticks((ticks + width * market.table.ticks_per_unit).astype(np.int64), market.table)
    return np.minimum(half, np.maximum(0.5 * width - step / market.table.ticks_per_unit, 0.0))


def _far_side_is_bid(quote: TwoSides, theo: Floats, pull: Strain, table: InstrumentTable) -> Bools:
    """The side that a legal width moves: the one that adds more to limits, else the one further from fair value."""
    fair = theo * table.ticks_per_unit
    further = fair - quote.bid > quote.ask - fair
    return np.where(
        pull.bid_utilisation == pull.ask_utilisation, further, pull.bid_utilisation > pull.ask_utilisation
    ).astype(np.bool_)


def _widening(utilisation: Floats, step: Ints) -> Floats:
    """Factor on the half-spread of one side: convex from half the limit on, at least double from ALERT on."""
    over = np.clip(utilisation, THRESHOLDS[Step.NOTIFY], THRESHOLDS[Step.HARD]) - THRESHOLDS[Step.NOTIFY]
    widened = np.where(step >= Step.NOTIFY, 1.0 + CONVEXITY * over**2, 1.0)
    return np.maximum(widened, np.where(step >= Step.ALERT, ALERT_HALF_SPREADS, 1.0))


class _Taper(NamedTuple):
    """What thins one side."""

    utilisation: Floats
    step: Ints
    room: Floats  # contracts until a limit


def _size(side: Side, quantity: Ints, taper: _Taper, rules: QuotingRules) -> Ints:
    """Full size, but for what the side would add: to a strained limit, to the series' own inventory, beyond any headroom.

    By limits: full below NOTIFY, then linear to half the size, the least size from ALERT on. By inventory: linear to the
    least size at `inventory_full_contracts`. Never more than can be filled before a limit is reached.
    """
    by_limit = np.interp(taper.utilisation, [THRESHOLDS[Step.NOTIFY], THRESHOLDS[Step.ALERT]], [1.0, 0.5])
    by_limit = np.where(taper.step >= Step.ALERT, 0.0, np.where(taper.step >= Step.NOTIFY, by_limit, 1.0))
    same_side = np.maximum(int(side) * quantity, 0)
    by_inventory = np.clip(1.0 - same_side / rules.inventory_full_contracts, 0.0, 1.0)
    size = np.floor(rules.size * np.minimum(by_limit, by_inventory) + 1e-9)
    return np.maximum(np.minimum(size, np.floor(taper.room)), rules.size_min).astype(np.int64)


def _reasons(quotes: Quotes, live: Bools, pull: Strain, widest: Floats, rules: QuotingRules) -> Ints:
    step = np.maximum(pull.bid_step, pull.ask_step)
    both = (quotes.bid != NO_PRICE) & (quotes.ask != NO_PRICE)
    conditions = (
        (~live, QuoteReason.NO_VALUE),
        (step == Step.HARD, QuoteReason.ONE_SIDED),
        (both & (quotes.ask - quotes.bid > widest), QuoteReason.TOO_WIDE),
        (step >= Step.ALERT, QuoteReason.STRAINED),
        (quotes.neutral_bid == NO_PRICE, QuoteReason.NO_BID),
        ((quotes.bid_size < rules.size) | (quotes.ask_size < rules.size), QuoteReason.TAPERED),
        ((quotes.bid != quotes.neutral_bid) | (quotes.ask != quotes.neutral_ask), QuoteReason.LEANED),
    )
    return np.select(
        [where for where, _ in conditions], [code for _, code in conditions], QuoteReason.NEUTRAL
    ).astype(np.int64)
