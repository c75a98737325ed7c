"""OCC option symbols (the Options Symbology Initiative): root, expiry, right and strike in one word.

Source: OCC, "Options Symbology Initiative": six characters of root padded with blanks, yymmdd, C or P, and the strike
in thousandths in eight digits. The compact form leaves the blanks out and is the one flatbook keeps.
"""

import re
from dataclasses import dataclass
from datetime import date

from flatbook.model.errors import InvalidValueError
from flatbook.model.instruments import Right

_PATTERN = re.compile(r"([A-Z][A-Z0-9]{0,5})( {0,5})(\d\d)(\d\d)(\d\d)([CP])(\d{8})", re.ASCII)
_PADDED = re.compile(r"([A-Z][A-Z0-9]{0,5}) +(\d{6}[CP]\d{8})", re.ASCII)
_ROOT = re.compile(r"[A-Z][A-Z0-9]{0,5}", re.ASCII)
_RIGHTS = {"C": Right.CALL, "P": Right.PUT}
_EXPECTED = "an OCC symbol such as 'SPXW190621C02900000' (root, yymmdd, C or P, strike in 1/1000 as 8 digits)"


@dataclass(frozen=True, slots=True, kw_only=True)
class OsiSymbol:
    """What an OCC symbol says; the strike in thousandths of a price unit, as the symbol has it."""

    root: str  # class, with the digit of an adjusted contract: AAPL1
    expiry: date
    right: Right
    strike_thousandths: int

    def __post_init__(self) -> None:
        """Refuse parts that no symbol can carry."""
        fits = (
            _ROOT.fullmatch(self.root)
            and 0 < self.strike_thousandths < 10**8
            and 2000 <= self.expiry.year < 2100
        )
        if not fits:
            msg = (
                f"option symbol parts: found root {self.root!r}, expiry {self.expiry}, strike "
                f"{self.strike_thousandths}/1000; expected a root of 1 to 6 capitals and digits, a year from 2000 to "
                "2099 and a strike from 0.001 to 99999.999"
            )
            raise InvalidValueError(msg)

    @property
    def strike(self) -> float:
        """Strike in price units."""
        return self.strike_thousandths / 1000.0


def parse_osi(text: str) -> OsiSymbol:
    """Take an OCC symbol apart, compact or padded to 21 characters.

    Raises
    ------
    InvalidValueError
        `text` is no such symbol, or its date does not exist.
    """
    match = _PATTERN.fullmatch(text)
    if match is None or (match[2] and len(match[1]) + len(match[2]) != 6):
        msg = f"option symbol: found {text[:40]!r}; expected {_EXPECTED}"
        raise InvalidValueError(msg)
    try:
        expiry = date(2000 + int(match[3]), int(match[4]), int(match[5]))
    except ValueError as error:
        msg = f"option symbol: found {text!r}, whose date {match[3]}{match[4]}{match[5]} does not exist; expected {_EXPECTED}"
        raise InvalidValueError(msg) from error
    return OsiSymbol(root=match[1], expiry=expiry, right=_RIGHTS[match[6]], strike_thousandths=int(match[7]))


def print_osi(parts: OsiSymbol) -> str:
    """The compact symbol: `SPXW190621C02900000`."""
    day = parts.expiry
    right = "C" if parts.right is Right.CALL else "P"
    return (
        f"{parts.root}{day.year % 100:02d}{day.month:02d}{day.day:02d}{right}{parts.strike_thousandths:08d}"
    )


def print_osi_padded(parts: OsiSymbol) -> str:
    """The symbol in OCC's 21 characters: `SPXW  190621C02900000`."""
    return parts.root.ljust(6) + print_osi(parts)[len(parts.root) :]


def compact_osi(text: str) -> str:
    """`text` without the padding of an OCC symbol; any other name unchanged."""
    match = _PADDED.fullmatch(text)
    return match[1] + match[2] if match else text
