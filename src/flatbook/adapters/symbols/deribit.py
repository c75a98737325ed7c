"""Deribit instrument names: options, dated futures and perpetuals.

Source: Deribit API documentation, "Instrument naming". Expiry is a date, at 08:00 UTC. A `d` stands for the decimal
point of a strike; linear contracts name their settlement coin after an underscore (XRP_USDC).
"""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from flatbook.model.errors import InvalidValueError
from flatbook.model.instruments import Right

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_PATTERN = re.compile(
    r"([A-Z0-9]{1,10}(?:_[A-Z0-9]{1,10})?)-"
    r"(?:(PERPETUAL)|([1-9]\d?)([A-Z]{3})(\d\d)(?:-((?:0|[1-9]\d{0,9})(?:d\d{1,9})?)-([CP]))?)",
    re.ASCII,
)
_RIGHTS = {"C": Right.CALL, "P": Right.PUT}
_EXPECTED = "a Deribit name such as 'BTC-24APR26-88000-C', 'XRP_USDC-30JUN23-0d4215-C', 'BTC-27MAR26' or 'BTC-PERPETUAL'"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeribitOption:
    """An option: `base` is the coin, or coin_currency where it settles linearly."""

    base: str
    expiry: date
    strike: Decimal
    right: Right


@dataclass(frozen=True, slots=True, kw_only=True)
class DeribitFuture:
    """A dated future."""

    base: str
    expiry: date


@dataclass(frozen=True, slots=True, kw_only=True)
class DeribitPerpetual:
    """A future that never expires."""

    base: str


DeribitSymbol = DeribitOption | DeribitFuture | DeribitPerpetual


def parse_deribit(text: str) -> DeribitSymbol:
    """Take a Deribit instrument name apart.

    Raises
    ------
    InvalidValueError
        `text` is no such name, its date does not exist, or its strike is 0.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise InvalidValueError(_complaint(text, "which is no such name"))
    base, perpetual, day, month, year, strike, right = match.groups()
    if perpetual:
        return DeribitPerpetual(base=base)
    expiry = _date_of(text, day, month, year)
    if strike is None:
        return DeribitFuture(base=base, expiry=expiry)
    price = Decimal(strike.replace("d", "."))
    if not price:
        raise InvalidValueError(_complaint(text, "whose strike is 0"))
    return DeribitOption(base=base, expiry=expiry, strike=price, right=_RIGHTS[right])


def print_deribit(parts: DeribitSymbol) -> str:
    """The name as Deribit writes it."""
    match parts:
        case DeribitPerpetual():
            return f"{parts.base}-PERPETUAL"
        case DeribitFuture():
            return f"{parts.base}-{_print_date(parts.expiry)}"
        case DeribitOption():
            strike = format(parts.strike, "f").replace(".", "d")
            return f"{parts.base}-{_print_date(parts.expiry)}-{strike}-{'C' if parts.right is Right.CALL else 'P'}"


def _date_of(text: str, day: str, month: str, year: str) -> date:
    try:
        return date(2000 + int(year), _MONTHS.index(month) + 1, int(day))
    except ValueError as error:
        raise InvalidValueError(_complaint(text, f"whose date {day}{month}{year} does not exist")) from error


def _print_date(day: date) -> str:
    return f"{day.day}{_MONTHS[day.month - 1]}{day:%y}"


def _complaint(text: str, wrong: str) -> str:
    return f"Deribit name: found {text[:40]!r}, {wrong}; expected {_EXPECTED}"
