"""Customers who trade with our quotes: fills between two cycles, drawn from the intensities that a desk file's flow means.

SYNTHETIC. The number of trades of each series and side is Poisson with mean time times the intensity at the distance of our quote from the
theoretical value of the cycle (domain reference 4.20). Nothing else moves with them: such flow knows nothing.
"""

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.model.events import Fill
from flatbook.model.instruments import Side
from flatbook.model.parameters import Desk
from flatbook.quoting.ticks import NO_PRICE
from flatbook.riskprice.desk_flow import desk_flow
from flatbook.riskprice.intensity import fills_per_year
from flatbook.valuation.values import usd_per_quote


def fills_until(
    cycle: Cycle, until_ns: int, customers: Desk, day_s: float, random: np.random.Generator, label: str
) -> tuple[Fill, ...]:
    """Trades with the quotes of `cycle` before `until_ns`, in order of time.

    Parameters
    ----------
    cycle : Cycle
    until_ns : int
        The next cycle, UTC nanoseconds.
    customers : Desk
        Its `flow` is what customers truly do; our desk may believe otherwise.
    day_s : float
        Seconds of a trading day.
    random : numpy.random.Generator
    label : str
        What the numbers of these fills begin with.
    """
    flow = desk_flow(customers, cycle.market, cycle.values).flow
    buys = flow.side > 0
    ticks = np.where(buys, cycle.quotes.bid[flow.series], cycle.quotes.ask[flow.series])
    price = ticks / cycle.table.ticks_per_unit[flow.series]
    per_unit = usd_per_quote(cycle.values, cycle.market)[flow.series]
    distance_usd = flow.side * (cycle.values.price[flow.series] - price) * per_unit
    rate = np.where(ticks != NO_PRICE, fills_per_year(flow.intensity, distance_usd), 0.0)
    years = (until_ns - cycle.now_ns) / 1e9 / day_s / customers.hedging.days_per_year
    drawn = np.repeat(np.arange(rate.size), random.poisson(np.nan_to_num(rate) * years))
    at = np.sort(random.integers(cycle.now_ns + 1, until_ns, drawn.size))
    shown = np.where(buys, cycle.quotes.bid_size[flow.series], cycle.quotes.ask_size[flow.series])
    left = {(int(row), bool(buy)): int(size) for row, buy, size in zip(flow.series, buys, shown, strict=True)}
    out = []
    for number, (flow_row, when) in enumerate(
        zip(random.permutation(drawn).tolist(), at.tolist(), strict=True)
    ):
        series, buy = int(flow.series[flow_row]), bool(buys[flow_row])
        quantity = min(max(round(float(flow.contracts[flow_row])), 1), left[series, buy])
        if not quantity:
            continue
        left[series, buy] -= quantity
        out.append(
            Fill(
                received_ns=when,
                fill_id=f"{label}-{number}",
                instrument=cycle.table.instruments[series].symbol,
                side=Side.BUY if buy else Side.SELL,
                quantity=quantity,
                price_ticks=int(ticks[flow_row]),
                traded_ns=when,
            )
        )
    return tuple(out)
