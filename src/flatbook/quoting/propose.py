"""Quotes of every series and side: reservation price, best distance, ladder of limits, duties, protections, fast markets.

Source: domain reference A.12 (quote constructor), 8.1 (ladder), 2.1 (the strongest legal response), 4.20. A side stands at fair value
less or plus its distance (`distances`), rounded outward, behind fair value, the market and the legal width. What limits, fast markets
and the kill switch want gone goes as far as duties allow: off, or at the widest legal width and least legal size.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from flatbook.limits.check import Standing
from flatbook.limits.ladder import Step
from flatbook.market.view import MarketView
from flatbook.model.parameters import QuotingRules
from flatbook.model.table import Bools, Floats, Ints
from flatbook.quoting.conditions import NO_CONDITIONS, Conditions, Withheld
from flatbook.quoting.distances import QuoteParts, distances
from flatbook.quoting.duties import under_duty
from flatbook.quoting.legal_quotes import Ground, Response
from flatbook.quoting.prices import prices_of
from flatbook.quoting.sides import Sides, sides_of
from flatbook.quoting.sizes import sizes_of
from flatbook.quoting.strain import strain
from flatbook.quoting.ticks import NO_PRICE, ask_ticks, bid_ticks
from flatbook.riskprice.price import RiskPrice
from flatbook.riskprice.reservation import BID, OFFER
from flatbook.valuation.values import Values


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
    KILLED = 8
    FROZEN = 9  # a protection has tripped
    NO_RISK_PRICE = 10  # what a fill would cost is not known
    LEGAL_MINIMUM = 11  # a hard limit pulls, a duty holds
    OFF = 12  # limits want it gone, and no duty keeps it
    FAST = 13  # wider and smaller in a fast market, or a wing that is pulled
    SUSPECT = 14  # a gap in its feed
    HALTED = 15
    UNRECONCILED = 16  # its venue's session is down, or the venue and we do not agree
    SETTLED = 17  # it is over


REASON_TEXT: dict[QuoteReason, str] = {
    QuoteReason.NEUTRAL: "neutral",
    QuoteReason.LEANED: "leaned by inventory",
    QuoteReason.TAPERED: "leaned, adding side smaller",
    QuoteReason.STRAINED: "limit strained: adding side wide and small",
    QuoteReason.ONE_SIDED: "hard limit: adding side pulled",
    QuoteReason.NO_BID: "worth less than a tick: offer only",
    QuoteReason.NO_VALUE: "no theoretical value",
    QuoteReason.TOO_WIDE: "value outside the market by more than the legal width",
    QuoteReason.KILLED: "killed: no quotes",
    QuoteReason.FROZEN: "a protection has tripped: no quotes",
    QuoteReason.NO_RISK_PRICE: "what a fill would cost is not known: no quote on that side",
    QuoteReason.LEGAL_MINIMUM: "hard limit, but a duty binds: widest legal width, least size",
    QuoteReason.OFF: "limit strained, no duty binds: adding side pulled",
    QuoteReason.FAST: "fast market: wider and smaller, wings pulled",
    QuoteReason.SUSPECT: "a gap in its feed: no quotes",
    QuoteReason.HALTED: "trading is halted: no quotes",
    QuoteReason.UNRECONCILED: "its venue is not reconciled with us: no quotes",
    QuoteReason.SETTLED: "settled: the series is over",
}

_WITHHELD = (
    (Withheld.UNRECONCILED, QuoteReason.UNRECONCILED),
    (Withheld.HALTED, QuoteReason.HALTED),
    (Withheld.SUSPECT, QuoteReason.SUSPECT),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotes:
    """One row a contract; prices in ticks, NO_PRICE where there is no quote; options only."""

    neutral_bid: Ints
    neutral_ask: Ints
    bid: Ints
    ask: Ints
    bid_size: Ints
    ask_size: Ints
    lean: Floats  # by inventory, quote currency; minus: keener to sell
    half_spread: Floats  # neutral, quote currency; the mean of both sides
    centre: Floats  # middle of both sides before rounding, quote currency: anchor of a quote at placement
    parts: QuoteParts  # [2, n] what each side's distance is made of
    response: Ints  # [2, n] legal_quotes.Response
    ground: Ints  # legal_quotes.Ground
    escalated: Bools  # a person must know: a duty and a hard limit collide, or quotes are killed
    in_duty: Bools  # some duty covers it now
    width_max_ticks: Ints  # the widest legal quote
    reason: Ints  # QuoteReason


def propose(
    values: Values,
    price: RiskPrice,
    standing: Standing,
    quantity: Ints,
    market: MarketView,
    rules: QuotingRules,
    conditions: Conditions = NO_CONDITIONS,
) -> Quotes:
    """Quote every live option that has a value.

    Parameters
    ----------
    values, price, standing, market
    quantity : int64[n_rows]
        Net contracts held.
    rules : QuotingRules
    conditions : Conditions
        Duties, protections, fast markets. A desk without duties keeps to its own `width_max` and `size_min` until a hard limit.
    """
    table = market.table
    n = len(table.instruments)
    live = table.is_option & np.isfinite(values.price) & (market.years > 0.0)
    theo = np.where(live, values.price, np.nan)
    own = np.where(live, np.floor(rules.width_max / market.unit * table.ticks_per_unit + 1e-9), 0.0)
    pull, fast = strain(standing, n), conditions.fast
    made = distances(
        theo,
        values,
        price,
        market,
        rules,
        pull=pull,
        width=own / table.ticks_per_unit,
        fast=np.ones(1) if fast is None else fast.widen_factor[table.underlying_of],
    )
    sides = sides_of(made.parts.distance, live, pull, values, market, rules, conditions)
    prices = prices_of(theo, made, sides, market, conditions, own)
    shown = sides.shown(prices.quote)
    size = sizes_of(shown, quantity, pull, sides, standing, market, rules, conditions)
    quotes = Quotes(
        neutral_bid=bid_ticks(theo - made.half[BID], table),
        neutral_ask=ask_ticks(theo + made.half[OFFER], table),
        bid=shown.bid,
        ask=shown.ask,
        bid_size=size[BID],
        ask_size=size[OFFER],
        lean=-made.parts.inventory[BID],
        half_spread=0.5 * (made.half[BID] + made.half[OFFER]),
        centre=prices.centre,
        parts=made.parts,
        response=np.vstack((sides.response.bid, sides.response.ask)),
        ground=sides.response.ground,
        escalated=sides.response.escalated & live,
        in_duty=under_duty(conditions.duties, n),
        width_max_ticks=prices.width_max_ticks,
        reason=np.zeros(n, dtype=np.int64),
    )
    hurried = np.zeros(n, np.bool_) if fast is None else (fast.level > 0)[table.underlying_of]
    return replace(quotes, reason=_reasons(quotes, sides, live, rules, prices.too_wide, hurried))


def _reasons(
    quotes: Quotes, sides: Sides, live: Bools, rules: QuotingRules, too_wide: Bools, hurried: Bools
) -> Ints:
    step = np.maximum(sides.bid_step, sides.ask_step)
    off = (quotes.response == Response.OFF).any(axis=0)
    held = (quotes.ground == Ground.COLLISION) & (step == Step.HARD)
    conditions = (
        (sides.withheld == Withheld.SETTLED, QuoteReason.SETTLED),
        (~live, QuoteReason.NO_VALUE),
        *((sides.withheld == code, reason) for code, reason in _WITHHELD),
        (sides.killed, QuoteReason.KILLED),
        (sides.frozen, QuoteReason.FROZEN),
        (sides.bid_unknown | sides.ask_unknown, QuoteReason.NO_RISK_PRICE),
        (held & ~off, QuoteReason.LEGAL_MINIMUM),
        (off & (step == Step.HARD), QuoteReason.ONE_SIDED),
        (off & sides.wing, QuoteReason.FAST),
        (off, QuoteReason.OFF),
        (too_wide, QuoteReason.TOO_WIDE),
        (step >= Step.ALERT, QuoteReason.STRAINED),
        (hurried, QuoteReason.FAST),
        (quotes.neutral_bid == NO_PRICE, QuoteReason.NO_BID),
        ((quotes.bid_size < rules.size) | (quotes.ask_size < rules.size), QuoteReason.TAPERED),
        ((quotes.bid != quotes.neutral_bid) | (quotes.ask != quotes.neutral_ask), QuoteReason.LEANED),
    )
    out = np.full(live.size, int(QuoteReason.NEUTRAL), dtype=np.int64)
    for where, code in reversed(conditions):  # the strongest last
        np.copyto(out, int(code), where=where)
    return out
