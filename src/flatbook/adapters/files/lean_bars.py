"""LEAN quote bars: the last one known at a time, and its closing bid and ask.

A bar is stamped with its start. LEAN writes a bar only for a minute in which something was quoted, so the last bar of
the day holds until the next one. The time asked for names a minute, as LEAN's stamps do: everything up to the end of that
minute counts, so a minute bar stamped 11:00 is part of 11:00 and an hour's bar stamped 10:00 is, but not one of 11:00.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date

from flatbook.adapters.files.faults import FaultList, shown
from flatbook.adapters.files.fields import number_of, price_expected, ticks_of, whole_of

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
OLD_MS = 5 * MINUTE_MS
FIELDS = 11  # time; bid open, high, low, close, size; ask open, high, low, close, size
_STAMP = "milliseconds since midnight, or YYYYMMDD HH:MM, never falling"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The close of one bar; None where a side or a size is missing."""

    bid: int | None  # ticks
    ask: int | None  # ticks
    bid_size: int | None
    ask_size: int | None
    age_ms: int  # since the newest bar there could be


NO_BAR = Bar(bid=None, ask=None, bid_size=None, ask_size=None, age_ms=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Which bars of an archive count, and how its prices are written."""

    day: date
    at_ms: int  # since midnight of the archive's time zone
    price_scale: float  # 10,000 where prices are in hundredths of a cent
    ticks_per_unit: int


def last_bar(where: str, raw: bytes, clock: Clock, faults: FaultList) -> Bar | None:
    """The last bar of the day known at the clock's time.

    Returns
    -------
    Bar or None
        `NO_BAR` where the day has bars, but none yet; None where the file has no bar of that day.
    """
    lines = raw.split(b"\n")
    if not lines[-1]:
        lines.pop()
    hourly = b" " in lines[0][:14] if lines else False
    stamps = _hour_stamps(lines, clock.day) if hourly else _minute_stamps(lines)
    wrong = _first_fall(stamps)
    if wrong is not None:
        faults.add(
            where=f"{where} line {wrong + 1}",
            found=shown(lines[wrong][:20].decode("ascii", errors="replace")),
            expected=_STAMP,
            action="fetch the file again",
        )
        return NO_BAR
    limit = clock.at_ms + MINUTE_MS - (HOUR_MS if hourly else MINUTE_MS)
    row = bisect_right(stamps, limit) - 1
    if row < 0 or stamps[row] < 0:
        return NO_BAR if stamps and 0 <= stamps[-1] < DAY_MS else None
    return _bar_of(f"{where} line {row + 1}", lines[row], limit - stamps[row], clock, faults)


def _minute_stamps(lines: list[bytes]) -> list[int]:
    """Milliseconds since midnight; -2 where a stamp is none (a stamp cannot fall)."""
    out = []
    for line in lines:
        stamp = line.partition(b",")[0]
        out.append(int(stamp) if stamp.isdigit() and len(stamp) <= 8 else -2)
    return out


def _hour_stamps(lines: list[bytes], day: date) -> list[int]:
    """Milliseconds since midnight of `day`; -1 on days before, a day's length on days after, -2 for no stamp."""
    wanted = f"{day:%Y%m%d}".encode()
    out = []
    for line in lines:
        stamped, _, clock = line.partition(b",")[0].partition(b" ")
        hour, _, minute = clock.partition(b":")
        if not (
            stamped.isdigit()
            and len(stamped) == 8
            and hour.isdigit()
            and minute.isdigit()
            and len(clock) == 5
        ):
            out.append(-2)
        elif stamped == wanted:
            out.append(int(hour) * HOUR_MS + int(minute) * MINUTE_MS)
        else:
            out.append(-1 if stamped < wanted else DAY_MS)
    return out


def _first_fall(stamps: list[int]) -> int | None:
    before = -1
    for row, stamp in enumerate(stamps):
        if stamp < before:
            return row
        before = stamp
    return None


def _bar_of(where: str, line: bytes, age_ms: int, clock: Clock, faults: FaultList) -> Bar:
    fields = line.decode("ascii", errors="replace").strip().split(",")
    if len(fields) != FIELDS:
        faults.add(
            where=where,
            found=f"{len(fields)} values",
            expected=f"{FIELDS}: time, four prices and the size of the bid, four prices and the size of the ask",
            action="fetch the file again",
        )
        return NO_BAR
    bid = _ticks(f"{where} bid close", fields[4], clock, faults)
    ask = _ticks(f"{where} ask close", fields[9], clock, faults)
    bid_size = _size(f"{where} bid size", fields[5], faults)
    ask_size = _size(f"{where} ask size", fields[10], faults)
    return Bar(
        bid=bid,
        ask=ask,
        bid_size=None if bid is None else bid_size,
        ask_size=None if ask is None else ask_size,
        age_ms=age_ms,
    )


def _ticks(where: str, text: str, clock: Clock, faults: FaultList) -> int | None:
    if not text:
        return None
    price = number_of(text)
    ticks = (
        None if price is None or price < 0.0 else ticks_of(price / clock.price_scale, clock.ticks_per_unit)
    )
    if ticks is None:
        expected = price_expected(clock.ticks_per_unit)
        if clock.price_scale != 1.0:
            expected += f" (written x {clock.price_scale:.0f})"
        faults.add(where=where, found=shown(text), expected=expected, action="fetch the file again")
    return ticks or None


def _size(where: str, text: str, faults: FaultList) -> int | None:
    size = whole_of(text) if text else None
    if text and (size is None or size < 0):
        faults.add(
            where=where,
            found=shown(text),
            expected="a whole number of contracts, 0 or above",
            action="fetch the file again",
        )
        return None
    return size
