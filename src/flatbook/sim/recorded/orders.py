"""Recorded trades as what customers send: side, price and contracts of each trade bar.

Source: C. Lee and M. Ready, "Inferring trade direction from intraday data", J. Finance 46 (1991) 733-746: above the middle of the quotes
that stood before it a trade was a customer's purchase, below it a sale; at the middle, and where there is none, it goes by the last trade at
another price. A trade that neither tells is left out.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from flatbook.model.events import Capacity
from flatbook.model.table import Ints
from flatbook.sim.moment import CustomerOrder, Leg
from flatbook.sim.recorded.market import RecordedMarket


class Rule(IntEnum):
    """What told the side of a trade."""

    NONE = 0
    QUOTES = 1
    LAST_TRADE = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignedTrades:
    """Trades of a market's series after its first moment and before its close, in order of time.

    Sides go by the quotes of the bar before, however far apart the market's own moments are.
    """

    trade: Ints  # [n] into the recording's
    bar: Ints  # [n] the last one that was over before the trade
    row: Ints  # [n] of the market
    side: Ints  # [n] the customer's; 0: nobody can tell
    rule: Ints  # [n] Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of a recorded day is played again."""

    series: int
    of_series: int  # that the recording quotes
    moments: int
    two_sided_share: float  # of series and moments
    crossed_bars: int  # of the whole recording
    trades: int  # bars with a trade, in the series that are played
    of_trades: int  # in the session, in all series
    contracts: int
    by_quotes_share: float  # of trades: whose side the quotes tell
    by_last_trade_share: float
    unknown_share: float


def signed_trades(market: RecordedMarket) -> SignedTrades:
    """Tell the side of each trade that a market's customers could have sent."""
    day, stood = market.day, market.standing
    place = {int(row): number for number, row in enumerate(market.rows)}
    closes = day.session_close_ns[0]
    last_price: dict[int, int] = {}
    last_side: dict[int, int] = {}
    out: list[tuple[int, ...]] = []
    bars = np.searchsorted(stood.at_ns, day.trade_ns, side="right") - 1
    for trade, (at, row, price) in enumerate(
        zip(day.trade_ns.tolist(), day.trade_row.tolist(), day.trade_ticks.tolist(), strict=True)
    ):
        if row not in place or at >= closes:
            continue
        moved = price - last_price.get(row, price)
        last_price[row] = price
        last_side[row] = int(np.sign(moved)) or last_side.get(row, 0)
        bar = int(bars[trade])
        if bar < 0:
            continue
        side, rule = last_side[row], Rule.LAST_TRADE if last_side[row] else Rule.NONE
        if np.isfinite(market.middle[bar, row]):
            twice = int(stood.bid_ticks[bar, row] + stood.ask_ticks[bar, row])
            apart = int(np.sign(2 * price - twice))
            side, rule = (apart, Rule.QUOTES) if apart else (side, rule)
        out.append((trade, bar, place[row], side, int(rule)))
    columns = np.array(out, dtype=np.int64).reshape(-1, 5).T
    return SignedTrades(trade=columns[0], bar=columns[1], row=columns[2], side=columns[3], rule=columns[4])


def recorded_orders(
    market: RecordedMarket, capacity: Capacity = Capacity.UNKNOWN
) -> tuple[CustomerOrder, ...]:
    """An order for each trade whose side is told, in the middle of its bar, at the bar's last price and for all its contracts.

    Parameters
    ----------
    market : RecordedMarket
    capacity : Capacity
        Recordings do not say who traded.
    """
    day, signed = market.day, signed_trades(market)
    told = np.flatnonzero(signed.side)
    return tuple(
        CustomerOrder(
            order_id=number,
            at_ns=int(day.trade_ns[trade]) + day.bar_ns // 2,
            legs=(Leg(row=row, side=side),),
            quantity=int(day.trade_quantity[trade]),
            reach_points=0.0,
            capacity=capacity.value,
            limit_ticks=(int(day.trade_ticks[trade]),),
        )
        for number, (trade, row, side) in enumerate(
            zip(
                signed.trade[told].tolist(),
                signed.row[told].tolist(),
                signed.side[told].tolist(),
                strict=True,
            ),
            start=1,
        )
    )


def coverage(market: RecordedMarket) -> Coverage:
    """Count what of a recording is played, and how much of its flow has a side."""
    day, signed = market.day, signed_trades(market)
    options = market.rows[market.table.is_option]
    in_session = (day.trade_ns >= day.session_open_ns[0]) & (day.trade_ns < day.session_close_ns[0])
    share = np.bincount(signed.rule, minlength=len(Rule)) / max(signed.rule.size, 1)
    return Coverage(
        series=int(options.size),
        of_series=int(np.count_nonzero([item.strike > 0.0 for item in day.instruments])),
        moments=int(market.at_ns.size),
        two_sided_share=float(np.isfinite(market.middle[:, options]).mean()),
        crossed_bars=market.standing.crossed,
        trades=int(signed.trade.size),
        of_trades=int(in_session.sum()),
        contracts=int(day.trade_quantity[signed.trade].sum()),
        by_quotes_share=float(share[Rule.QUOTES]),
        by_last_trade_share=float(share[Rule.LAST_TRADE]),
        unknown_share=float(share[Rule.NONE]),
    )
