"""What fills add up to in one contract.

Every sum is a whole number, so that taking a fill out again leaves exactly what was there before it. A fee that is
no number cannot be summed: such fills are counted, and the position's fees are unknown while one remains.
A series that is over is not here: its payoff is taken times the sum of its fills, whenever they come (`book.lifecycle`).
"""

from dataclasses import dataclass, replace
from math import isfinite, nan

from flatbook.model.events import Capacity, Fill
from flatbook.model.instruments import Side

FEE_UNITS = 1_000_000_000  # fees count in billionths of the currency: each fee rounds once, the sum is exact
INVERSE_UNITS = 10**18  # contracts per tick of price count in these: each fill rounds once, the sum is exact
TICK_UNITS = 1_000_000_000  # a payoff or strike counts in billionths of a tick: each rounds once a contract, the sum is exact


@dataclass(frozen=True, slots=True, kw_only=True)
class FillTerms:
    """What one fill adds to a position, as last corrected."""

    side: Side
    quantity: int  # contracts, positive
    price_ticks: int
    capacity: Capacity
    fee: float  # currency paid; NaN where nobody knows


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What the live fills of one contract add up to."""

    quantity: int = 0  # contracts, net
    cash_ticks: int = 0  # contracts times ticks, received less paid
    inverse_units: int = 0  # contracts / price_ticks, bought less sold, for coin-settled futures
    bought: int = 0  # contracts
    sold: int = 0
    customer_bought: int = 0  # contracts that customers bought from us
    customer_sold: int = 0
    fee_units: int = 0
    fills: int = 0  # live fills
    fees_unknown: int = 0  # live fills whose fee is no number
    prices_not_positive: int = 0  # live fills at a price without a reciprocal
    movements: int = 0  # exercises, deliveries and adjustments
    moved_units: int = 0  # their cash: contracts times billionths of a tick, received less paid

    @property
    def fees(self) -> float:
        """Currency paid; NaN while the fee of a live fill is unknown."""
        return nan if self.fees_unknown else self.fee_units / FEE_UNITS


FLAT = Position()


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """What something else than a trade adds to a position: an exercise, a delivery, an adjustment."""

    quantity: int  # contracts, plus gained
    cash_units: int = 0  # contracts times billionths of a tick, received less paid
    inverse_units: int = 0  # contracts / price_ticks, for coin-settled futures
    fee: float = 0.0  # currency paid; NaN where nobody knows
    prices_not_positive: int = 0


def terms_of(fill: Fill) -> FillTerms:
    """The terms under which `fill` was first reported."""
    return FillTerms(
        side=fill.side,
        quantity=fill.quantity,
        price_ticks=fill.price_ticks,
        capacity=fill.capacity,
        fee=fill.fee,
    )


def after_fill(position: Position, terms: FillTerms) -> Position:
    """The position once a fill is booked."""
    return _moved(position, terms, 1)


def after_bust(position: Position, terms: FillTerms) -> Position:
    """The position once a booked fill is taken out: exactly what it was without the fill."""
    return _moved(position, terms, -1)


def after_correction(position: Position, old: FillTerms, new: FillTerms) -> Position:
    """The position once `new` terms replace the booked `old` ones."""
    return after_fill(after_bust(position, old), new)


def after_movement(position: Position, movement: Movement) -> Position:
    """The position once contracts came or went without a trade; turnover stays."""
    fee = movement.fee * FEE_UNITS
    known = isfinite(fee)
    return replace(
        position,
        quantity=position.quantity + movement.quantity,
        inverse_units=position.inverse_units + movement.inverse_units,
        fee_units=position.fee_units + (round(fee) if known else 0),
        fees_unknown=position.fees_unknown + (not known),
        prices_not_positive=position.prices_not_positive + movement.prices_not_positive,
        movements=position.movements + 1,
        moved_units=position.moved_units + movement.cash_units,
    )


def _moved(position: Position, terms: FillTerms, sign: int) -> Position:
    contracts = sign * terms.quantity
    bought = contracts if terms.side is Side.BUY else 0
    sold = contracts - bought
    customers = terms.capacity is Capacity.CUSTOMER
    fee = terms.fee * FEE_UNITS
    fee_known = isfinite(fee)
    return Position(
        quantity=position.quantity + bought - sold,
        cash_ticks=position.cash_ticks - (bought - sold) * terms.price_ticks,
        inverse_units=position.inverse_units + sign * _inverse_units(terms),
        bought=position.bought + bought,
        sold=position.sold + sold,
        customer_bought=position.customer_bought + (sold if customers else 0),
        customer_sold=position.customer_sold + (bought if customers else 0),
        fee_units=position.fee_units + (sign * round(fee) if fee_known else 0),
        fills=position.fills + sign,
        fees_unknown=position.fees_unknown + (0 if fee_known else sign),
        prices_not_positive=position.prices_not_positive + (0 if terms.price_ticks > 0 else sign),
        movements=position.movements,
        moved_units=position.moved_units,
    )


def _inverse_units(terms: FillTerms) -> int:
    if terms.price_ticks <= 0:
        return 0
    return terms.side * terms.quantity * INVERSE_UNITS // terms.price_ticks
