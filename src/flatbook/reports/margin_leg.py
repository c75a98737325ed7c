"""A leg of an account in words."""

from flatbook.margin.legs import LegKind, Legs

CALENDAR_DAYS = 365.0


def description_of(legs: Legs, row: int) -> str:
    """A leg in words: SPX 2900 call 48 d."""
    kind = LegKind(int(legs.kind[row]))
    name = legs.underlying[row]
    if kind is LegKind.STOCK:
        return f"{name} stock"
    days = f"{legs.years[row] * CALENDAR_DAYS:.4g} d"
    if kind is LegKind.FUTURE:
        return f"{name} future {days}" if legs.years[row] > 0.0 else f"{name} perpetual"
    return f"{name} {legs.strike[row]:.10g} {kind.name.lower()} {days}"
