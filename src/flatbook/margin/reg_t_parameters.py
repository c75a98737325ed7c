"""What strategy margin asks for each kind of position, as numbers.

Source: Cboe Rule 10.3, FINRA Rule 4210(c) and (f)(2), Regulation T (12 CFR 220.12). The packaged numbers and the source of
each are in `adapters/margin_parameters/regt.toml`.
"""

from enum import StrEnum

import msgspec

from flatbook.model.errors import InvalidValueError
from flatbook.model.terms import Parameters


class Account(StrEnum):
    """Where positions are carried."""

    MARGIN = "margin"
    CASH = "cash"  # no credit: paid in full or covered


class ReducedIndex(Parameters, frozen=True, kw_only=True):
    """An index that is a fraction of another, whose options spread with that one's, contract value for contract value."""

    index: str
    fraction: float

    def __post_init__(self) -> None:
        """Refuse a fraction that is none."""
        if not 0.0 < self.fraction <= 1.0:
            msg = (
                f"reduced index of {self.index}: fraction must be above 0 and at most 1, was {self.fraction}"
            )
            raise InvalidValueError(msg)


class RegTParameters(Parameters, frozen=True, kw_only=True):
    """Rates are shares of a market value or of an aggregate exercise price; amounts are per share."""

    currency: str
    account: Account
    uncovered_equity: float  # of the underlying, before the out-of-the-money amount is taken off
    uncovered_narrow_index: float
    uncovered_broad_index: float
    uncovered_leveraged_etf: float  # times the size of the leverage, as the minimum is
    uncovered_minimum: float  # of the underlying for a call, of the exercise price for a put
    long_term_years: float  # listed options with more than this to expiry may be bought on credit
    long_term_initial: float
    long_term_maintenance: float
    stock_long_initial: float
    stock_long_maintenance: float
    stock_short_initial: float  # beside the proceeds of the sale
    stock_short_maintenance: float
    stock_short_minimum: float  # per share, at `stock_low_price` or above
    stock_low_price: float
    stock_short_low_minimum: float  # per share, below `stock_low_price`, where the market value is the rate
    hedged_exercise: float  # of the exercise price, for stock hedged by an option
    collar_call_exercise: float  # of the call's exercise price: the most that a collar is charged
    long_box: float  # of the difference in exercise prices, options all European
    index_funds: dict[str, str]  # fund whose shares cover options on an index -> that index
    reduced_indexes: dict[str, ReducedIndex]

    def __post_init__(self) -> None:
        """Refuse rates that cannot be meant."""
        for name in _RATES:
            _between(name, getattr(self, name), 0.0, 1.0)
        for name in ("stock_short_minimum", "stock_low_price", "stock_short_low_minimum"):
            _between(name, getattr(self, name), 0.0, 1000.0)
        _between("long_term_years", self.long_term_years, 0.0, 10.0)
        if not self.currency:
            msg = "currency must be named, as USD"
            raise InvalidValueError(msg)


_RATES = (
    "uncovered_equity",
    "uncovered_narrow_index",
    "uncovered_broad_index",
    "uncovered_leveraged_etf",
    "uncovered_minimum",
    "long_term_initial",
    "long_term_maintenance",
    "stock_long_initial",
    "stock_long_maintenance",
    "stock_short_initial",
    "stock_short_maintenance",
    "hedged_exercise",
    "collar_call_exercise",
    "long_box",
)


def _between(name: str, value: float, low: float, high: float) -> None:
    if not low < value <= high:
        msg = f"{name} must be above {low:g} and at most {high:g}, was {value:g}"
        raise InvalidValueError(msg)


def with_account(parameters: RegTParameters, account: Account) -> RegTParameters:
    """The same numbers for another kind of account."""
    return msgspec.structs.replace(parameters, account=account)
