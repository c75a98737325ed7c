"""Section 6: what to show in each series, against fair value and the market, and why."""

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.market.quotes import STATUS_TEXT, QuoteStatus
from flatbook.model.table import Floats, Ints
from flatbook.quoting.propose import REASON_TEXT, QuoteReason
from flatbook.quoting.ticks import NO_PRICE
from flatbook.reports.columns import RIGHTS, Columns
from flatbook.reports.conditions_section import conditions_of
from flatbook.reports.missing import Missing
from flatbook.reports.price_sections import shifts_of
from flatbook.reports.schema_decisions import QuoteCount, QuoteRow, Quotes

_ANY = "quotes.series[*]"
_NO_VALUE = "no theoretical value: `reason` of the row says why"
_NO_SIDE = "this side is not quoted: `reason` of the row says why"


def quotes_of(cycle: Cycle, columns: Columns, missing: Missing) -> Quotes:
    """Every option series, by class, expiry and strike, call before put."""
    table = cycle.table
    rows = np.flatnonzero(table.is_option)
    rows = rows[np.lexsort((-table.sign[rows], table.strike[rows], table.slice_of[rows]))]
    return Quotes(
        counts=_counts(cycle, rows),
        series=_series(cycle, columns, missing, rows),
        shifts=shifts_of(cycle, missing),
        conditions=conditions_of(cycle, missing),
    )


def _counts(cycle: Cycle, rows: Ints) -> tuple[QuoteCount, ...]:
    codes, counts = np.unique(cycle.quotes.reason[rows], return_counts=True)
    return tuple(
        QuoteCount(reason=REASON_TEXT[QuoteReason(code)], series=count)
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True)
    )


def _series(cycle: Cycle, columns: Columns, missing: Missing, rows: Ints) -> tuple[QuoteRow, ...]:
    numbers = _numbers(cycle, missing, rows)
    statuses = {int(code): STATUS_TEXT[code] for code in QuoteStatus}
    instruments, slices = cycle.table.instruments, cycle.table.slice_of[rows].tolist()
    status, reasons = cycle.market.status[rows].tolist(), _reasons(cycle, rows)
    position = cycle.book.quantity[rows].tolist()
    bid_size, ask_size = cycle.quotes.bid_size[rows].tolist(), cycle.quotes.ask_size[rows].tolist()
    columns_by_row = zip(*numbers.values(), strict=True)
    out = []
    for at, (row, values) in enumerate(zip(rows.tolist(), columns_by_row, strict=True)):
        item = instruments[row]
        theo, vol, vol_bid, vol_ask, market_bid, market_ask, n_bid, n_ask, bid, ask, lean, half = values
        out.append(
            QuoteRow(
                symbol=item.symbol,
                underlying=item.underlying,
                option_class=item.option_class,
                expiry=columns.expiry_of_slice[slices[at]],
                strike=item.strike,
                right=RIGHTS[item.right],
                position=position[at],
                theo=theo,
                vol=vol,
                vol_bid=vol_bid,
                vol_ask=vol_ask,
                market_bid=market_bid,
                market_ask=market_ask,
                market_status=statuses[status[at]],
                neutral_bid=n_bid,
                neutral_ask=n_ask,
                bid=bid,
                ask=ask,
                bid_size=bid_size[at],
                ask_size=ask_size[at],
                lean=lean,
                half_spread=half,
                reason=reasons[at],
            )
        )
    return tuple(out)


def _numbers(cycle: Cycle, missing: Missing, rows: Ints) -> dict[str, list[float | None]]:
    """Columns in the order in which `_series` takes them."""
    market, quotes = cycle.market, cycle.quotes
    no_vol = "no volatility gives this side of the market: `market_status` of the row says what it is"
    wanted: tuple[tuple[str, Floats, str], ...] = (
        ("theo", cycle.values.price, _NO_VALUE),
        ("vol", market.vol, "its expiry has no smile: see market_health.expiries"),
        ("vol_bid", market.vol_bid, no_vol),
        ("vol_ask", market.vol_ask, no_vol),
        ("market_bid", market.bid, "nobody bids"),
        ("market_ask", market.ask, "nobody offers"),
        ("neutral_bid", _prices(cycle, quotes.neutral_bid), _NO_SIDE),
        ("neutral_ask", _prices(cycle, quotes.neutral_ask), _NO_SIDE),
        ("bid", _prices(cycle, quotes.bid), _NO_SIDE),
        ("ask", _prices(cycle, quotes.ask), _NO_SIDE),
        ("lean", quotes.lean, _NO_VALUE),
        ("half_spread", quotes.half_spread, _NO_VALUE),
    )
    return {name: missing.numbers(values[rows], f"{_ANY}.{name}", why) for name, values, why in wanted}


def _prices(cycle: Cycle, ticks: Ints) -> Floats:
    return np.where(ticks == NO_PRICE, np.nan, ticks / cycle.table.ticks_per_unit)


def _reasons(cycle: Cycle, rows: Ints) -> list[str]:
    """Why each series is quoted as it is; what has no value says why it has none."""
    texts = {int(code): text for code, text in REASON_TEXT.items()}
    out = [texts[code] for code in cycle.quotes.reason[rows].tolist()]
    at = {row: place for place, row in enumerate(rows.tolist())}
    for row, why in cycle.values.reasons.items():
        if row in at:
            out[at[row]] = f"{texts[int(QuoteReason.NO_VALUE)]}: {why}"
    return out
