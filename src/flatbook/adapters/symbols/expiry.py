"""The expiry date that a symbol names, whatever its dialect."""

from datetime import date

from flatbook.adapters.symbols.deribit import DeribitPerpetual, parse_deribit
from flatbook.adapters.symbols.osi import parse_osi
from flatbook.model.errors import InvalidValueError


def expiry_date(symbol: str) -> date | None:
    """The date in an OSI or Deribit symbol; None where the symbol is neither or never expires."""
    try:
        return parse_osi(symbol).expiry
    except InvalidValueError:
        pass
    try:
        parts = parse_deribit(symbol)
    except InvalidValueError:
        return None
    return None if isinstance(parts, DeribitPerpetual) else parts.expiry
