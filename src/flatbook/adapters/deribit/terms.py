"""Deribit's instruments as contracts: by its own list, or by their names alone where no list was recorded.

Coin-settled options have one coin as multiplier and premiums in ticks of 0.0001 coin. Coin-settled futures are worth a number of dollars.
What settles in dollars is left out.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from flatbook.adapters.deribit.parse import Listed
from flatbook.adapters.files.expiries import deribit_expiry_ns
from flatbook.adapters.files.faults import fault
from flatbook.adapters.files.terms import deribit_option_terms, option_of
from flatbook.adapters.symbols.deribit import (
    DeribitFuture,
    DeribitOption,
    DeribitPerpetual,
    parse_deribit,
    print_deribit,
)
from flatbook.model.errors import FaultsError, InvalidValueError
from flatbook.model.instruments import Instrument, Kind, Payoff, Settlement, TickBand

_MOST_DECIMALS = 6
_CONTRACT_DOLLARS = {"BTC": 10.0}  # of a future of which no list was recorded
_FUTURE_TICK = {"BTC": 0.5, "ETH": 0.05}


def instrument_of(name: str, listed: Listed | None, where: str) -> Instrument | None:
    """The contract called `name`; None where it does not settle in coin, or nobody knows its terms.

    Parameters
    ----------
    listed : Listed, optional
        What the venue's list says of it.

    Raises
    ------
    FaultsError
        A name or terms that cannot be.
    """
    try:
        parts = parse_deribit(name)
        if "_" in parts.base or (listed is not None and "_" in listed.base_currency):
            return None
        if isinstance(parts, DeribitOption):
            return _option(parts, listed)
        return _future(parts, listed)
    except InvalidValueError as error:
        raise _wrong(where, name, str(error)) from error


def _option(parts: DeribitOption, listed: Listed | None) -> Instrument | None:
    terms = deribit_option_terms(parts.base)
    item = option_of(
        terms,
        symbol=print_deribit(parts),
        expiry_ns=deribit_expiry_ns(parts.expiry),
        strike=float(parts.strike),
        right=parts.right,
    )
    if listed is None:
        return item
    if (listed.kind, listed.quote_currency) != ("option", parts.base):
        return None
    bands = [
        (0.0, listed.tick_size),
        *((step.above_price, step.tick_size) for step in listed.tick_size_steps),
    ]
    table = tuple(_band(start, step, item.ticks_per_unit) for start, step in bands)
    return msgspec.structs.replace(item, multiplier=listed.contract_size, tick_table=table)


def _future(parts: DeribitFuture | DeribitPerpetual, listed: Listed | None) -> Instrument | None:
    if listed is None and parts.base not in _FUTURE_TICK:
        return None
    if listed is not None and (listed.kind, listed.quote_currency) != ("future", "USD"):
        return None
    tick = Decimal(repr(_FUTURE_TICK[parts.base] if listed is None else listed.tick_size))
    decimals = max(0, -int(tick.as_tuple().exponent)) if tick.is_finite() else _MOST_DECIMALS + 1
    if decimals > _MOST_DECIMALS:
        msg = f"{print_deribit(parts)}: tick {tick} has more than {_MOST_DECIMALS} decimals"
        raise InvalidValueError(msg)
    per_unit = 10**decimals
    return Instrument(
        symbol=print_deribit(parts),
        underlying=parts.base,
        kind=Kind.FUTURE,
        multiplier=_CONTRACT_DOLLARS.get(parts.base, 1.0) if listed is None else listed.contract_size,
        currency=parts.base,
        ticks_per_unit=per_unit,
        tick_table=(TickBand(0, int(tick * per_unit)),),
        expiry_ns=0 if isinstance(parts, DeribitPerpetual) else deribit_expiry_ns(parts.expiry),
        settlement=Settlement.FIXING,
        payoff=Payoff.INVERSE,
    )


def _band(start: float, step: float, per_unit: int) -> TickBand:
    ticks = [Decimal(repr(value)) * per_unit for value in (start, step)]
    if any(each != each.to_integral_value() for each in ticks):
        msg = f"tick {step} from {start} on is not in whole ticks of 1/{per_unit}"
        raise InvalidValueError(msg)
    return TickBand(int(ticks[0]), int(ticks[1]))


def listed_by_name(listings: Iterable[tuple[Listed, ...]]) -> dict[str, Listed]:
    """The latest word on each instrument."""
    return {item.instrument_name: item for listing in listings for item in listing}


def _wrong(where: str, name: str, found: str) -> FaultsError:
    return fault(
        where=f"{where} instrument {name[:40]!r}",
        found=found,
        expected="a coin-settled instrument of Deribit",
        action="record the list of instruments again, or remove it",
    )
