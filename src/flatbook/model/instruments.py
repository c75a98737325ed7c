"""What can be traded: options, futures, shares, with everything their payoff needs.

An expiry is an instant with its settlement, never a date: SPX settles on the opening, SPXW on the close,
and both may fall on one day.
"""

from enum import IntEnum, StrEnum
from itertools import pairwise

import msgspec

from flatbook.model.errors import InvalidValueError


class Right(IntEnum):
    """Call or put; the value is the sign in the payoff."""

    CALL = 1
    PUT = -1


class Side(IntEnum):
    """Bought or sold; the value is the sign of what it adds to a position."""

    BUY = 1
    SELL = -1


class Kind(StrEnum):
    """What a contract is."""

    OPTION = "option"
    FUTURE = "future"
    SHARE = "share"


class Style(StrEnum):
    """When an option may be exercised."""

    EUROPEAN = "european"
    AMERICAN = "american"


class Settlement(StrEnum):
    """Which price settles the contract on its last day."""

    AM = "am"  # the special opening quotation
    PM = "pm"  # the close
    FIXING = "fixing"  # an average or index fixing at the expiry instant


class Payoff(StrEnum):
    """In what the contract pays."""

    LINEAR = "linear"  # in the currency of its strike
    INVERSE = "inverse"  # in the coin itself: premium and payoff are in coin


class Delivery(StrEnum):
    """What changes hands when an option is exercised."""

    PHYSICAL = "physical"  # the underlying against the strike
    CASH = "cash"  # the difference


class TickBand(msgspec.Struct, frozen=True, array_like=True):
    """From this price on, quotes stand on multiples of `step_ticks`."""

    from_ticks: int
    step_ticks: int


class Instrument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One tradable contract.

    Prices are whole ticks of `1 / ticks_per_unit`; quotes stand on the coarser steps of `tick_table`.
    """

    symbol: str
    underlying: str
    option_class: str = ""
    kind: Kind
    multiplier: float  # units of underlying per contract; of quote currency for an inverse future
    currency: str  # of premium and settlement
    ticks_per_unit: int
    tick_table: tuple[TickBand, ...]
    expiry_ns: int = 0  # 0: never expires
    strike: float = 0.0
    right: Right | None = None
    style: Style = Style.EUROPEAN
    settlement: Settlement = Settlement.PM
    payoff: Payoff = Payoff.LINEAR
    beta: float = 1.0  # currency of exposure to the underlying that a currency unit of this contract carries
    price_ratio: float = 1.0  # its price as a share of the underlying's, where it has no quote of its own
    delivery: Delivery | None = None  # None: in cash where European or coin-settled, as index options are

    @property
    def delivers(self) -> bool:
        """Whether exercise brings or takes the underlying itself."""
        if self.delivery is None:
            return self.kind is Kind.OPTION and self.style is Style.AMERICAN and self.payoff is Payoff.LINEAR
        return self.delivery is Delivery.PHYSICAL

    def __post_init__(self) -> None:
        """Refuse a contract that cannot exist."""
        wrong = self._first_wrong()
        if wrong:
            msg = f"instrument {self.symbol!r}: {wrong}"
            raise InvalidValueError(msg)

    def _first_wrong(self) -> str:
        checks: tuple[tuple[bool, str], ...] = (
            (bool(self.symbol), "the symbol must not be empty"),
            (bool(self.underlying), "the underlying must not be empty"),
            (0.0 < self.multiplier < float("inf"), f"multiplier must be above 0, was {self.multiplier}"),
            (self.ticks_per_unit > 0, f"ticks_per_unit must be above 0, was {self.ticks_per_unit}"),
            (_is_tick_table(self.tick_table), f"tick_table must start at 0 and rise, was {self.tick_table}"),
            (0.0 < self.beta < float("inf"), f"beta must be above 0, was {self.beta}"),
            (0.0 < self.price_ratio < float("inf"), f"price_ratio must be above 0, was {self.price_ratio}"),
            (
                not (self.payoff is Payoff.INVERSE and self.delivery is Delivery.PHYSICAL),
                "what is paid in coin is delivered in cash",
            ),
        )
        if self.kind is Kind.OPTION:
            checks += (
                (0.0 < self.strike < float("inf"), f"strike must be above 0, was {self.strike}"),
                (self.right is not None, "an option needs a right (call or put)"),
                (self.expiry_ns > 0, "an option needs an expiry instant"),
                (bool(self.option_class), "an option needs a class"),
            )
        return next((message for holds, message in checks if not holds), "")


def _is_tick_table(bands: tuple[TickBand, ...]) -> bool:
    return (
        bool(bands)
        and bands[0].from_ticks == 0
        and all(band.step_ticks > 0 for band in bands)
        and all(low.from_ticks < high.from_ticks for low, high in pairwise(bands))
    )
