"""How a contract leaves the book without a trade: settled, exercised or assigned, adjusted by a person."""

from math import isfinite

from flatbook.model.errors import InvalidValueError
from flatbook.model.events import Event


class SeriesSettled(Event, frozen=True, kw_only=True):
    """A series is over: whatever its fills add up to, also those that are told later, leaves at its payoff.

    Of several settlements of one series the latest `settled_ns` holds, in whatever order they reach us. What is left of an option that
    delivers leaves for nothing: what it brought came as `Exercised`.
    """

    settlement_id: str
    instrument: str
    settlement_price: float  # of what an option settles on, in the units of its strike (of a coin: its index); of a future its own last price
    settled_ns: int
    fee: float = 0.0  # currency paid for all of it; negative for a rebate

    def __post_init__(self) -> None:
        """Refuse a price that is none."""
        if not isfinite(self.settlement_price):
            msg = f"settlement {self.settlement_id} of {self.instrument}: settlement_price must be finite, was {self.settlement_price}"
            raise InvalidValueError(msg)


class Exercised(Event, frozen=True, kw_only=True):
    """Contracts of an option that we exercised, or that were assigned to us; the opposite quantity under a new id undoes it."""

    exercise_id: str
    instrument: str
    quantity: int  # contracts that leave: plus of a long position, exercised; minus of a short one, assigned
    exercised_ns: int
    delivered: str = ""  # instrument that comes or goes at the strike; empty: settled in cash at once
    settlement_price: float = 0.0  # where it is in cash: as of `SeriesSettled`
    account: str = ""
    strategy: str = ""
    fee: float = 0.0  # currency paid; negative for a rebate

    def __post_init__(self) -> None:
        """Refuse an exercise of nothing, and one in cash without a price."""
        if not self.quantity:
            msg = f"exercise {self.exercise_id} of {self.instrument}: quantity must not be 0"
            raise InvalidValueError(msg)
        if not (isfinite(self.settlement_price) and (self.delivered or self.settlement_price > 0.0)):
            msg = (
                f"exercise {self.exercise_id} of {self.instrument}: needs the instrument delivered or a settlement_price above 0, "
                f"was {self.delivered!r} and {self.settlement_price}"
            )
            raise InvalidValueError(msg)


class PositionAdjusted(Event, frozen=True, kw_only=True):
    """Somebody booked contracts that no trade explains: a difference to the venue that a person accepts."""

    adjustment_id: str
    instrument: str
    quantity: int  # contracts that the position gains; minus: that it loses
    price_ticks: int  # at which they are booked
    owner: str
    reason: str
    account: str = ""
    strategy: str = ""

    def __post_init__(self) -> None:
        """Refuse an adjustment by nothing, and one that nobody answers for."""
        if not self.quantity:
            msg = f"adjustment {self.adjustment_id} of {self.instrument}: quantity must not be 0"
            raise InvalidValueError(msg)
        if not (self.owner.strip() and self.reason.strip()):
            msg = (
                f"adjustment {self.adjustment_id} of {self.instrument}: it needs an owner and a reason, "
                f"was {self.owner!r} and {self.reason!r}"
            )
            raise InvalidValueError(msg)


BookChange = SeriesSettled | Exercised | PositionAdjusted
