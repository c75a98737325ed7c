"""A day of LEAN bars as moments of facts, one for each end of a bar.

Source: QuantConnect LEAN (`adapters.files.lean_day` reads the bars). LEAN writes a bar only for a minute in which something was quoted:
what is not written stands as it stood.
"""

from collections.abc import Iterator

import numpy as np

from flatbook.adapters.recording import Moment, Recording
from flatbook.model.events import (
    ForwardQuoted,
    InstrumentsListed,
    OptionalTicks,
    QuotesSeen,
    SessionsSeen,
    UnderlyingQuoted,
)
from flatbook.model.facts import Fact
from flatbook.model.recorded_day import RecordedDay
from flatbook.model.table import InstrumentTable, Ints

NAME = "lean"


def recording_of(day: RecordedDay) -> Recording:
    """The session of `day`: its first moment is the open, with all that was quoted by then."""
    opens_ns, closes_ns = day.session_open_ns[0], day.session_close_ns[0]
    within = day.quote_ns[(day.quote_ns > opens_ns) & (day.quote_ns <= closes_ns)]
    begins_ns = opens_ns if (day.quote_ns <= opens_ns).any() or not within.size else int(within[0])
    return Recording(
        format=NAME,
        source=day.source,
        table=InstrumentTable(version=1, instruments=day.instruments),
        opening=(
            InstrumentsListed(received_ns=begins_ns, instruments=day.instruments),
            SessionsSeen(
                received_ns=begins_ns,
                calendar=day.calendar,
                underlyings=(day.underlying,),
                open_ns=day.session_open_ns,
                close_ns=day.session_close_ns,
            ),
        ),
        begins_ns=begins_ns,
        ends_ns=int(within[-1]) if within.size else begins_ns,
        opens_ns=opens_ns,
        closes_ns=closes_ns,
        moments=lambda: _moments(day),
    )


def _moments(day: RecordedDay) -> Iterator[Moment]:
    opens_ns, closes_ns = day.session_open_ns[0], day.session_close_ns[0]
    shown_ns = np.maximum(day.quote_ns, opens_ns)
    forwards = _expiries_on(day)
    instants, starts = np.unique(shown_ns[shown_ns <= closes_ns], return_index=True)
    ends = [*starts[1:].tolist(), int((shown_ns <= closes_ns).sum())]
    for at_ns, start, end in zip(instants.tolist(), starts.tolist(), ends, strict=True):
        yield Moment(at_ns=at_ns, facts=_facts(day, _newest(day.quote_row, start, end), at_ns, forwards))


def _newest(rows: Ints, start: int, end: int) -> Ints:
    """The last bar of each row from `start` to `end`, by row: before the open there are several."""
    _, backwards = np.unique(rows[start:end][::-1], return_index=True)
    return np.asarray(end - 1 - backwards, dtype=np.int64)


def _facts(
    day: RecordedDay, bars: Ints, at_ns: int, forwards: dict[int, list[tuple[str, int]]]
) -> tuple[Fact, ...]:
    out: list[Fact] = []
    for bar in bars.tolist():
        row = int(day.quote_row[bar])
        if row != day.underlying_row and row not in forwards:
            continue
        price = _mid(day, bar, row)
        if price is None:
            continue
        if row == day.underlying_row:
            out.append(UnderlyingQuoted(received_ns=at_ns, underlying=day.underlying, price=price))
        symbol = day.instruments[row].symbol
        out.extend(
            ForwardQuoted(
                received_ns=at_ns, option_class=name, expiry_ns=expiry_ns, price=price, symbol=symbol
            )
            for name, expiry_ns in forwards.get(row, ())
        )
    out.extend(_quotes(day, bars, at_ns))
    return tuple(out)


def _quotes(day: RecordedDay, bars: Ints, at_ns: int) -> Iterator[QuotesSeen]:
    """One for each instant at which some of the bars ended."""
    for stood_ns in np.unique(day.quote_ns[bars]).tolist():
        mine = bars[day.quote_ns[bars] == stood_ns]
        yield QuotesSeen(
            received_ns=at_ns,
            symbols=tuple(day.instruments[row].symbol for row in day.quote_row[mine].tolist()),
            bid_ticks=_told(day.bid_ticks[mine], day.bid_ticks[mine]),
            ask_ticks=_told(day.ask_ticks[mine], day.ask_ticks[mine]),
            bid_sizes=_told(day.bid_size[mine], day.bid_ticks[mine]),
            ask_sizes=_told(day.ask_size[mine], day.ask_ticks[mine]),
            source_ns=stood_ns,
        )


def _told(values: Ints, ticks: Ints) -> OptionalTicks:
    """The values, None where the side has no price."""
    pairs = zip(values.tolist(), ticks.tolist(), strict=True)
    return tuple([value if price >= 0 else None for value, price in pairs])


def _mid(day: RecordedDay, bar: int, row: int) -> float | None:
    bid, ask = int(day.bid_ticks[bar]), int(day.ask_ticks[bar])
    if bid < 0 or ask < 0 or bid + ask <= 0:
        return None
    return (bid + ask) / 2.0 / day.instruments[row].ticks_per_unit


def _expiries_on(day: RecordedDay) -> dict[int, list[tuple[str, int]]]:
    """Classes and expiries that settle into each future's row."""
    out: dict[int, dict[tuple[str, int], None]] = {}
    for item, future in zip(day.instruments, day.forward_row.tolist(), strict=True):
        if future >= 0:
            out.setdefault(future, {})[item.option_class, item.expiry_ns] = None
    return {row: list(expiries) for row, expiries in out.items()}
