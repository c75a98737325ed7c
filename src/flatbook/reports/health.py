"""How good the market data was: expiry by expiry, quote by quote, and what could not be valued."""

import math

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.market.borrow import BORROW_TEXT, BorrowReason
from flatbook.market.quote_health import FAULT_TEXT, QuoteFault
from flatbook.market.quotes import STATUS_TEXT, QuoteStatus
from flatbook.market.view import ForwardSource, RateSource
from flatbook.model.table import Bools, Floats, Ints
from flatbook.reports.columns import Columns, iso
from flatbook.reports.missing import Missing
from flatbook.reports.schema_market import (
    ClassQuotes,
    EventRow,
    ExpiryHealth,
    FaultCount,
    MarketHealth,
    StatusCount,
    UnvaluedGroup,
    UnvaluedHeld,
)
from flatbook.reports.spot_vol import spot_vol_of

SYMBOLS_SHOWN = 20


def health_of(cycle: Cycle, columns: Columns, missing: Missing) -> MarketHealth:
    """What of the market could be used."""
    return MarketHealth(
        usable_share=missing.number(
            cycle.market.usable_share, "market_health.usable_share", "no live series has two sides"
        ),
        expiries=_expiries(cycle, columns, missing),
        statuses=_statuses(cycle),
        classes=_classes(cycle, missing),
        events=_events(cycle, missing),
        spot_vol=spot_vol_of(cycle, missing),
        unvalued_held=_unvalued_held(cycle, columns),
        unvalued_other=_unvalued_other(cycle),
    )


def _expiries(cycle: Cycle, columns: Columns, missing: Missing) -> tuple[ExpiryHealth, ...]:
    table, market = cycle.table, cycle.market
    usable = market.status == QuoteStatus.USABLE
    judged, inside = _inside(cycle, usable)
    n = len(table.slices)
    series, used, of = _count(cycle, table.is_option, n), _count(cycle, usable, n), table.slice_of
    with np.errstate(invalid="ignore"):
        share = _count(cycle, inside, n) / _count(cycle, judged, n)
    first = {int(s): row for row, s in reversed(list(enumerate(of.tolist()))) if s >= 0}
    out = []
    for s, key in enumerate(table.slices):
        item = table.instruments[first[s]]
        path = f"market_health.expiries[{key.option_class} {columns.expiry_of_slice[s]}]"
        why = market.slice_reason[s]
        numbers = _numbers(cycle, missing, s, path, share)
        out.append(
            ExpiryHealth(
                option_class=key.option_class,
                underlying=item.underlying,
                expiry=columns.expiry_of_slice[s],
                days=columns.days_of_slice[s],
                currency=item.currency,
                price_decimals=max(math.ceil(math.log10(item.ticks_per_unit)), 0),
                forward_source=ForwardSource(market.slice_forward_source[s]).name.lower(),
                rate_source=RateSource(market.slice_rate_source[s]).name.lower(),
                series=int(series[s]),
                usable=int(used[s]),
                variance_years=float(market.term.variance_years[s]),
                reason=why,
                warning=market.slice_warning[s],
                **numbers,
            )
        )
    return tuple(out)


def _numbers(cycle: Cycle, missing: Missing, s: int, path: str, share: Floats) -> dict[str, float | None]:
    market = cycle.market
    why = market.slice_reason[s] or "it could not be found"
    return {
        "forward": missing.number(float(market.slice_forward[s]), f"{path}.forward", why),
        "rate": missing.number(float(market.slice_rate[s]), f"{path}.rate", why),
        "parity_residual": missing.number(
            float(market.slice_parity_residual[s]),
            f"{path}.parity_residual",
            "the forward does not come from parity",
        ),
        "atm_vol": missing.number(float(market.slice_atm_vol[s]), f"{path}.atm_vol", why),
        **_term_numbers(cycle, missing, s, path),
        "theo_inside_share": missing.number(
            float(share[s]), f"{path}.theo_inside_share", "no series with a value, a bid and an offer"
        ),
    }


def _term_numbers(cycle: Cycle, missing: Missing, s: int, path: str) -> dict[str, float | None]:
    term, why = cycle.market.term, cycle.market.slice_reason[s] or "no at-the-money volatility"
    told = BORROW_TEXT[BorrowReason(int(term.borrow_reason[s]))]
    columns = (
        ("borrow", term.borrow, told),
        ("borrow_error", term.borrow_error, told),
        ("calendar_vol", term.calendar_vol, why),
        (
            "forward_vol",
            term.forward_vol,
            cycle.market.slice_reason[s] or "total variance falls from the expiry before",
        ),
    )
    return {
        name: missing.number(float(column[s]), f"{path}.{name}", reason) for name, column, reason in columns
    }


def _inside(cycle: Cycle, usable: Bools) -> tuple[Bools, Bools]:
    """Rows whose theo can be held against a two-sided quote with a bid, and those inside it."""
    market, theo = cycle.market, cycle.values.price
    judged = usable & (market.bid > 0.0) & np.isfinite(theo)
    return judged, judged & (theo >= market.bid) & (theo <= market.ask)


def _count(cycle: Cycle, wanted: Bools, n: int) -> Ints:
    rows = wanted & cycle.table.is_option
    return np.bincount(cycle.table.slice_of[rows], minlength=n)


def _statuses(cycle: Cycle) -> tuple[StatusCount, ...]:
    codes, counts = np.unique(cycle.market.status[cycle.table.is_option], return_counts=True)
    return tuple(
        StatusCount(status=QuoteStatus(code).name.lower(), text=STATUS_TEXT[QuoteStatus(code)], series=count)
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True)
    )


def _events(cycle: Cycle, missing: Missing) -> tuple[EventRow, ...]:
    out = []
    for move in cycle.market.term.events:
        path = f"market_health.events[{move.underlying} {move.name}]"
        why = move.reason or "the quotes leave no error to tell"
        out.append(
            EventRow(
                underlying=move.underlying,
                name=move.name,
                at=iso(move.at_ns),
                move_sd=missing.number(move.move_sd, f"{path}.move_sd", why),
                move_sd_error=missing.number(move.move_sd_error, f"{path}.move_sd_error", why),
                trading_days=missing.number(move.trading_days, f"{path}.trading_days", why),
                trading_days_error=missing.number(move.trading_days_error, f"{path}.trading_days_error", why),
                reason=move.reason,
            )
        )
    return tuple(out)


def _classes(cycle: Cycle, missing: Missing) -> tuple[ClassQuotes, ...]:
    health, out = cycle.market.health, []
    for c, name in enumerate(cycle.table.classes):
        path = f"market_health.classes[{name}]"
        counts = zip(QuoteFault, health.by_fault[c].tolist(), strict=True)
        out.append(
            ClassQuotes(
                option_class=name,
                live=int(health.n_live[c]),
                usable_share=missing.number(
                    float(health.usable_share[c]), f"{path}.usable_share", "no live series"
                ),
                spread_ratio=missing.number(
                    float(health.spread_ratio[c]),
                    f"{path}.spread_ratio",
                    "its usual spread is known from the second snapshot on",
                ),
                oldest_s=missing.number(float(health.oldest_s[c]), f"{path}.oldest_s", "no usable quote"),
                faults=tuple(
                    FaultCount(fault=str(fault.name).lower(), text=FAULT_TEXT[fault], series=count)
                    for fault, count in counts
                    if count
                ),
            )
        )
    return tuple(out)


def _unvalued_held(cycle: Cycle, columns: Columns) -> tuple[UnvaluedHeld, ...]:
    instruments = cycle.table.instruments
    return tuple(
        UnvaluedHeld(
            symbol=instruments[row].symbol,
            underlying=instruments[row].underlying,
            position=int(cycle.book.quantity[row]),
            reason=cycle.exposure.unvalued[row],
        )
        for row in columns.held_unvalued.tolist()
    )


def _unvalued_other(cycle: Cycle) -> tuple[UnvaluedGroup, ...]:
    """By reason, the most frequent first."""
    groups: dict[str, list[int]] = {}
    for row, reason in sorted(cycle.values.reasons.items()):
        if row not in cycle.exposure.unvalued:
            groups.setdefault(reason, []).append(row)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return tuple(
        UnvaluedGroup(
            reason=reason,
            series=len(rows),
            symbols=tuple(cycle.table.instruments[row].symbol for row in rows[:SYMBOLS_SHOWN]),
        )
        for reason, rows in ordered
    )
