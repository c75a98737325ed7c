"""Contract periods of SPAN files (YYYYMMDD, or YYYYMM for a whole month) as years from the file's day."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date

from flatbook.adapters.files.fields import number_of
from flatbook.margin.span_arrays import DAYS_A_YEAR

_HALF_DAY = 0.5
_MID_MONTH = 15  # stands for a contract that is told by its month alone


def years_of(period: str, day: date) -> float | None:
    """Years to a period; a month without day counts to its middle; None where it is no date."""
    found = _date(period, _MID_MONTH)
    return None if found is None else (found - day).days / DAYS_A_YEAR


def expiry_years(words: Mapping[str, str], day: date) -> float | None:
    """Years to a contract's expiry: its settlement date, its period where that is a day, or its time in years."""
    for text in (words.get("setlDate", ""), words.get("pe", "")):
        if len(text) >= 8 and text[6:8] != "00":
            years = years_of(text, day)
            if years is not None:
                return years
    return number_of(words.get("t", ""))


def band_of(start: str, end: str, day: date) -> tuple[float, float] | None:
    """Years from the first period to past the last one; None where one is no date."""
    first = _date(start, 1)
    last = _date(end, 31)
    if first is None or last is None:
        return None
    return (
        ((first - day).days - _HALF_DAY) / DAYS_A_YEAR,
        ((last - day).days + _HALF_DAY) / DAYS_A_YEAR,
    )


def _date(period: str, day_of_month: int) -> date | None:
    if len(period) < 6 or not (period.isascii() and period[:6].isdigit()):
        return None
    year, month, told = int(period[:4]), int(period[4:6]), period[6:8]
    if not (1971 <= year <= 2261 and 1 <= month <= 12):
        return None
    if told.isdigit() and told != "00":
        return date(year, month, int(told)) if int(told) <= monthrange(year, month)[1] else None
    return date(year, month, min(day_of_month, monthrange(year, month)[1]))
