"""Numbers as a trader reads them: three significant digits at a glance, a sign where it matters, `–` where none is."""

import math

from flatbook.reports.schema_parts import Number

NOTHING = "–"
UNSIGNED = frozenset(
    {
        "gross_contracts",
        "same_side_contracts",
        "concentration_pct",
        "class_share_pct",
        "underlying_share_pct",
        "gap_loss_usd",
        "slide_loss_usd",
        "var_usd",
        "es_usd",
        "capital_usd",
        "margin_pct",
        "drawdown_usd",
        "basis_deviation_usd",
        "orders_per_s",
        "orders_per_min",
        "fills_per_s",
        "fills_per_min",
        "unusable_quotes_pct",
    }
)  # magnitudes of a loss, a need, a share, a count
_SCALES = ((1e9, "bn"), (1e6, "M"), (1e3, "k"))


def brief(value: Number) -> str:
    """Three significant digits with a sign: +12.4k, -1.2M, 0."""
    return NOTHING if value is None else _signed(value, magnitude(value))


def magnitude(value: Number) -> str:
    """Three significant digits without a sign: 12.4k."""
    if value is None:
        return NOTHING
    size = abs(value)
    for scale, suffix in _SCALES:
        if size >= scale * 0.9995:
            return f"{_three_digits(size / scale)}{suffix}"
    return _three_digits(size)


def full(value: Number, decimals: int = 0) -> str:
    """All digits with a sign and thousands separators: +12,400."""
    return NOTHING if value is None else _signed(value, f"{abs(value):,.{decimals}f}")


def plain(value: Number, decimals: int = 0) -> str:
    """All digits, signed only where below zero: 2,951.25."""
    return NOTHING if value is None else f"{value:,.{decimals}f}"


def percent(value: Number, decimals: int = 0) -> str:
    """A share as a percentage: 86 %."""
    return NOTHING if value is None else f"{100.0 * value:.{decimals}f} %"


def move(value: Number, decimals: int = 0) -> str:
    """A relative move: +5 %, -10 %, 0 %."""
    return NOTHING if value is None else f"{_signed(value, f'{abs(100.0 * value):.{decimals}f}')} %"


def contracts(value: int) -> str:
    """A position: +1,200, -3, 0."""
    return f"{value:+,d}" if value else "0"


def day(iso: str) -> str:
    """The date of an instant; `–` for what never expires."""
    return iso[:10] or NOTHING


def tally(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun: 1 limit, 2 limits."""
    return f"{count:,d} {noun if count == 1 else plural or noun + 's'}"


def _signed(value: float, text: str) -> str:
    if not any(digit in text for digit in "123456789"):
        return "0"
    return ("-" if value < 0.0 else "+") + text


def _three_digits(size: float) -> str:
    if size == 0.0:
        return "0"
    decimals = min(2 - math.floor(math.log10(size)), 6)
    rounded = round(size, decimals)
    if rounded == 0.0:
        return "0"
    text = (
        f"{rounded:.{max(2 - math.floor(math.log10(rounded)), 0)}f}" if rounded >= 1e-4 else f"{rounded:.6f}"
    )
    return text.rstrip("0").rstrip(".") if "." in text else text
