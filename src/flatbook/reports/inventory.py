"""Section 1: net contracts by series, class and expiry, and which way customers went."""

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.model.instruments import Kind
from flatbook.model.measures import Measure
from flatbook.model.table import Bools, Ints
from flatbook.reports.capital_sections import NO_MARGINAL
from flatbook.reports.columns import NOTHING_VALUED, RIGHTS, Columns, expiry_text
from flatbook.reports.missing import Missing
from flatbook.reports.numbers import tally
from flatbook.reports.schema import (
    BookFacts,
    ClassInventory,
    ExpiryInventory,
    Flow,
    Inventory,
    SeriesInventory,
)

_FLAT_PCT = 10.0  # a smaller imbalance is told as balanced


def inventory_of(cycle: Cycle, columns: Columns, missing: Missing) -> Inventory:
    """What we hold."""
    return Inventory(
        book=_book(cycle, missing),
        flow=_flows(cycle, missing),
        by_class=_by_class(cycle, columns, missing),
        by_expiry=_by_expiry(cycle, columns, missing),
        series=tuple(_series(cycle, columns, missing, row) for row in _worth_first(cycle, columns)),
    )


def _book(cycle: Cycle, missing: Missing) -> BookFacts:
    book = cycle.book
    return BookFacts(
        fills=book.fills,
        fees_usd=_fees(cycle, missing),
        pending=book.pending,
        conflicts=len(book.conflicts),
        capacity_known=book.capacity_known,
    )


def _fees(cycle: Cycle, missing: Missing) -> float | None:
    """Fees of the whole book; coin fees count at the index."""
    coin = cycle.table.inverse
    in_usd = cycle.book.fees * np.where(coin, np.where(cycle.book.fees == 0.0, 1.0, cycle.values.spot), 1.0)
    return missing.number(
        float(in_usd.sum()), "inventory.book.fees_usd", "a fill has no fee, or a coin fee has no price"
    )


def _worth_first(cycle: Cycle, columns: Columns) -> list[int]:
    """Held rows: those without a value, then by size of vega, then of delta."""
    rows = columns.held
    measures = np.abs(cycle.exposure.by_row[rows])
    unknown = np.isin(rows, columns.held_unvalued)
    vega = np.nan_to_num(measures[:, Measure.VEGA_USD_PER_POINT])
    delta = np.nan_to_num(measures[:, Measure.DELTA_USD])
    return [int(row) for row in rows[np.lexsort((rows, -delta, -vega, ~unknown))]]


def _series(cycle: Cycle, columns: Columns, missing: Missing, row: int) -> SeriesInventory:
    item, market = cycle.table.instruments[row], cycle.market
    path = f"inventory.series[{item.symbol}]"
    reason = cycle.values.reasons.get(row, "")
    option = item.kind is Kind.OPTION
    no_vol = (reason or "its expiry has no smile") if option else "not an option"
    return SeriesInventory(
        symbol=item.symbol,
        underlying=item.underlying,
        option_class=item.option_class,
        kind=item.kind.value,
        expiry=expiry_text(cycle, columns, row),
        strike=missing.number(item.strike if option else np.nan, f"{path}.strike", "not an option"),
        right=RIGHTS[item.right],
        position=int(cycle.book.quantity[row]),
        theo=missing.number(float(cycle.values.price[row]), f"{path}.theo", reason or "no value"),
        market_bid=missing.number(float(market.bid[row]), f"{path}.market_bid", "nobody bids"),
        market_ask=missing.number(float(market.ask[row]), f"{path}.market_ask", "nobody offers"),
        vol=missing.number(float(market.vol[row]), f"{path}.vol", no_vol),
        measures=missing.measures(cycle.exposure.by_row[row], f"{path}.measures", reason or "no value"),
        marginal_capital_bought_usd=missing.number(
            float(cycle.marginal.bought[row]), f"{path}.marginal_capital_bought_usd", reason or NO_MARGINAL
        ),
        marginal_capital_sold_usd=missing.number(
            float(cycle.marginal.sold[row]), f"{path}.marginal_capital_sold_usd", reason or NO_MARGINAL
        ),
        reason=reason,
    )


def _by_class(cycle: Cycle, columns: Columns, missing: Missing) -> tuple[ClassInventory, ...]:
    table = cycle.table
    class_of = {name: number for number, name in enumerate(table.classes)}
    of_row = np.array([class_of.get(item.option_class, -1) for item in table.instruments], dtype=np.int64)
    of_row[~table.is_option] = -1
    out = []
    for number, name in enumerate(table.classes):
        mine = columns.held[of_row[columns.held] == number]
        if mine.size:
            path = f"inventory.by_class[{name}].measures"
            out.append(
                ClassInventory(
                    option_class=name,
                    underlying=table.instruments[int(mine[0])].underlying,
                    measures=missing.measures(
                        columns.known(cycle.exposure.by_class[number], mine), path, NOTHING_VALUED
                    ),
                    **_counts(cycle, columns, mine),
                )
            )
    return tuple(out)


def _by_expiry(cycle: Cycle, columns: Columns, missing: Missing) -> tuple[ExpiryInventory, ...]:
    table, out = cycle.table, []
    of_held = table.slice_of[columns.held]
    for s, key in enumerate(table.slices):
        mine = columns.held[of_held == s]
        if mine.size:
            path = f"inventory.by_expiry[{key.option_class} {columns.expiry_of_slice[s]}].measures"
            out.append(
                ExpiryInventory(
                    option_class=key.option_class,
                    expiry=columns.expiry_of_slice[s],
                    days=columns.days_of_slice[s],
                    measures=missing.measures(
                        columns.known(cycle.exposure.by_slice[s], mine), path, NOTHING_VALUED
                    ),
                    **_counts(cycle, columns, mine),
                )
            )
    return tuple(out)


def _counts(cycle: Cycle, columns: Columns, rows: Ints) -> dict[str, int]:
    quantity = cycle.book.quantity[rows]
    return {
        "series": rows.size,
        "unvalued": int(np.isin(rows, columns.held_unvalued).sum()),
        "net": int(quantity.sum()),
        "long": int(quantity[quantity > 0].sum()),
        "short": int(-quantity[quantity < 0].sum()),
    }


def _flows(cycle: Cycle, missing: Missing) -> tuple[Flow, ...]:
    """The desk, then every underlying in which options were traded."""
    table = cycle.table
    flows = [_flow(cycle, missing, "desk", table.is_option)]
    for u, name in enumerate(table.underlyings):
        mine = table.is_option & (table.underlying_of == u)
        if (cycle.book.customer_bought[mine] + cycle.book.customer_sold[mine]).any():
            flows.append(_flow(cycle, missing, name, mine))
    return tuple(flows)


def _flow(cycle: Cycle, missing: Missing, scope: str, rows: Bools) -> Flow:
    path, sign = f"inventory.flow[{scope}]", cycle.table.sign
    both = _two_ways(cycle, rows)
    calls, puts = _two_ways(cycle, rows & (sign > 0.0)), _two_ways(cycle, rows & (sign < 0.0))
    none = "customers traded none"
    imbalance = missing.number(_imbalance_pct(*both), f"{path}.imbalance_pct", none)
    return Flow(
        scope=scope,
        bought=both[0],
        sold=both[1],
        imbalance_pct=imbalance,
        calls_bought=calls[0],
        calls_sold=calls[1],
        calls_imbalance_pct=missing.number(_imbalance_pct(*calls), f"{path}.calls_imbalance_pct", none),
        puts_bought=puts[0],
        puts_sold=puts[1],
        puts_imbalance_pct=missing.number(_imbalance_pct(*puts), f"{path}.puts_imbalance_pct", none),
        sentence=_flow_sentence(both, calls, puts),
    )


def _two_ways(cycle: Cycle, rows: Bools) -> tuple[int, int]:
    return int(cycle.book.customer_bought[rows].sum()), int(cycle.book.customer_sold[rows].sum())


def _imbalance_pct(bought: int, sold: int) -> float:
    return 100.0 * (bought - sold) / (bought + sold) if bought + sold else float("nan")


def _flow_sentence(both: tuple[int, int], calls: tuple[int, int], puts: tuple[int, int]) -> str:
    if not sum(both):
        return "No option was traded with customers."
    bought, sold = both
    told = f"Customers bought {tally(bought, 'contract')} from us and sold us {sold:,d}: {_lean(*both)}"
    parts = [f"{name} {_lean(*two)}" for name, two in (("calls", calls), ("puts", puts)) if sum(two)]
    return f"{told} ({', '.join(parts)})."


def _lean(bought: int, sold: int) -> str:
    imbalance = _imbalance_pct(bought, sold)
    if abs(imbalance) < _FLAT_PCT:
        return "balanced"
    return f"{abs(imbalance):.0f} % net {'buying' if imbalance > 0.0 else 'selling'}"
