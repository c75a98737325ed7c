"""Futures by root, month letter and two digits of the year: ESH20 is the E-mini S&P 500 of March 2020.

Source: CME Group, "Month codes": F G H J K M N Q U V X Z for January to December. One digit of the year would name a
different contract every ten years, so it is refused.
"""

import re
from dataclasses import dataclass

from flatbook.model.errors import InvalidValueError

_CODES = "FGHJKMNQUVXZ"
_PATTERN = re.compile(r"([A-Z0-9]{1,5})([FGHJKMNQUVXZ])(\d\d)", re.ASCII)
_ROOT = re.compile(r"[A-Z0-9]{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class FutureSymbol:
    """What the symbol of a future says."""

    root: str
    year: int  # four digits, 2000 to 2099
    month: int  # 1 to 12

    def __post_init__(self) -> None:
        """Refuse parts that no symbol can carry."""
        if not (_ROOT.fullmatch(self.root) and 2000 <= self.year < 2100 and 1 <= self.month <= 12):
            msg = (
                f"future symbol parts: found root {self.root!r}, year {self.year}, month {self.month}; expected a root "
                "of 1 to 5 capitals and digits, a year from 2000 to 2099 and a month from 1 to 12"
            )
            raise InvalidValueError(msg)


def parse_future(text: str) -> FutureSymbol:
    """Take the symbol of a future apart.

    Raises
    ------
    InvalidValueError
        `text` is no such symbol.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        msg = f"future symbol: found {text[:40]!r}; expected root, month letter and two digits of the year, such as 'ESH20'"
        raise InvalidValueError(msg)
    return FutureSymbol(root=match[1], year=2000 + int(match[3]), month=_CODES.index(match[2]) + 1)


def print_future(parts: FutureSymbol) -> str:
    """The symbol: `ESH20`."""
    return f"{parts.root}{_CODES[parts.month - 1]}{parts.year % 100:02d}"
