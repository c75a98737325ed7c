"""Why a series is quoted as it is: from fair value, part by part, to the price in ticks."""

import math
from dataclasses import fields

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.frames import Frame, number
from flatbook.dashboard.views.head import Row, frame_of
from flatbook.dashboard.views.klass import prices_of
from flatbook.engine.cycle import Cycle
from flatbook.live.snapshot import Snapshot
from flatbook.model.measures import MEANINGS, Measure
from flatbook.quoting.distances import QuoteParts
from flatbook.quoting.propose import REASON_TEXT, QuoteReason
from flatbook.riskprice.reservation import BID, OFFER
from flatbook.valuation.values import usd_per_quote

_TEXTS = {
    "inventory": "what we hold already",
    "flow": "flow from one side, and what the desk expects",
    "own": "what the lot itself adds",
    "barrier": "limits: price of coming near them",
    "capital": "capital it takes up",
    "adverse_selection": "what the market knows better",
    "hedge": "hedging the lot",
    "edge": "edge at the best distance",
    "floor": "least half-spread",
    "limits": "widening of the side that adds to a strained limit",
    "fast": "fast market",
    "least": "least edge after fees",
}


class PartRow(Row):
    """One part of the distance from fair value, quote currency; plus is further away. Null: `reason` of the side."""

    name: str
    text: str
    bid: float | None
    ask: float | None


class Anatomy(Row):
    """Of one series."""

    symbol: str
    option_class: str
    theo: float | None
    usd_per_unit: float | None  # of quote currency, per contract
    parts: tuple[PartRow, ...]  # they add up to the distance
    distance: PartRow
    wanted_bid: float | None  # fair value less the distance, before the tick
    wanted_ask: float | None
    bid: float | None
    ask: float | None
    bid_size: int
    ask_size: int
    market_bid: float | None
    market_ask: float | None
    position: int
    measures: dict[str, float | None]  # of one contract
    reason: str
    in_duty: bool
    limits: tuple[str, ...]  # that buying or selling it would worsen, the worst first


def anatomy(cycle: Cycle, symbol: str) -> Anatomy:
    """Take a quote apart.

    Raises
    ------
    UnknownTopicError
        No such option is listed.
    """
    table = cycle.table
    row = table.rows.get(symbol)
    if row is None or not table.is_option[row]:
        msg = f"no option {symbol!r} is listed"
        raise UnknownTopicError(msg)
    quotes, theo, parts = cycle.quotes, float(cycle.values.price[row]), cycle.quotes.parts
    names = [each.name for each in fields(QuoteParts) if each.name != "distance"]
    bids, asks = prices_of(quotes.bid, table), prices_of(quotes.ask, table)
    reason = cycle.values.reasons.get(row, "")
    text = REASON_TEXT[QuoteReason(int(quotes.reason[row]))]
    return Anatomy(
        symbol=symbol,
        option_class=table.instruments[row].option_class,
        theo=number(theo),
        usd_per_unit=number(float(usd_per_quote(cycle.values, cycle.market)[row])),
        parts=tuple(_part(parts, name, row) for name in names),
        distance=_part(parts, "distance", row),
        wanted_bid=number(theo - float(parts.distance[BID, row])),
        wanted_ask=number(theo + float(parts.distance[OFFER, row])),
        bid=number(float(bids[row])),
        ask=number(float(asks[row])),
        bid_size=int(quotes.bid_size[row]),
        ask_size=int(quotes.ask_size[row]),
        market_bid=number(float(cycle.market.bid[row])),
        market_ask=number(float(cycle.market.ask[row])),
        position=int(cycle.book.quantity[row]),
        measures={
            MEANINGS[each].name: number(float(cycle.values.greeks[row, each]))
            for each in (
                Measure.DELTA_USD,
                Measure.GAMMA_USD_PER_PCT,
                Measure.VEGA_USD_PER_POINT,
                Measure.THETA_USD_PER_DAY,
            )
        },
        reason=f"{text}: {reason}" if reason else text,
        in_duty=bool(quotes.in_duty[row]),
        limits=_limits(cycle, row),
    )


def anatomy_frame(snapshot: Snapshot, symbol: str) -> Frame:
    """The same for the stream."""
    return frame_of(snapshot, "series", f"series:{symbol}", anatomy(snapshot.cycle, symbol))


def _part(parts: QuoteParts, name: str, row: int) -> PartRow:
    of = getattr(parts, name)
    return PartRow(
        name=name,
        text=_TEXTS.get(name, "distance from fair value"),
        bid=number(float(of[BID, row])),
        ask=number(float(of[OFFER, row])),
    )


def _limits(cycle: Cycle, row: int) -> tuple[str, ...]:
    standing = cycle.standing
    out = []
    for place, each in enumerate(standing.limits):
        buy, sell = float(standing.buy_slope[place, row]), float(standing.sell_slope[place, row])
        worse = [side for side, slope in (("buying", buy), ("selling", sell)) if slope > 0.0]
        if worse and each.step > 0:
            share = each.utilisation
            told = f"{share:.0%}" if math.isfinite(share) else "not computed"
            out.append((share, f"{' and '.join(worse)} adds to {each.limit.name} ({told})"))
    return tuple(text for _, text in sorted(out, key=lambda pair: -pair[0]))
