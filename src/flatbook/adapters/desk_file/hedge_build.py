"""From checked tables about hedges of direction to the desk's typed parameters."""

from decimal import Decimal
from typing import Any

from flatbook.adapters.desk_file.check import Checked
from flatbook.adapters.desk_file.findings import Findings
from flatbook.model.errors import InvalidValueError
from flatbook.model.hedge_terms import HedgePolicy, HedgeTerms, HedgingTerms
from flatbook.model.instruments import Instrument, Kind, Payoff, TickBand

_DECIMALS_OF_TICK = 9


def tick_terms(tick: float) -> tuple[int, int]:
    """Ticks per price unit and ticks per step, where steps are `tick` wide: (100, 25) for 0.25.

    The first is the smallest power of ten for which the second is whole.

    Raises
    ------
    InvalidValueError
        `tick` has more than nine decimals.
    """
    exact = Decimal(repr(tick))
    for places in range(_DECIMALS_OF_TICK + 1):
        steps = exact.scaleb(places)
        if steps == steps.to_integral_value():
            return int(10**places), int(steps)
    msg = f"tick {tick} has more than {_DECIMALS_OF_TICK} decimals; write the step of the venue, as 0.25"
    raise InvalidValueError(msg)


def hedge(values: dict[str, Any]) -> HedgeTerms:
    """One instrument."""
    per_unit, step = tick_terms(values["tick"])
    inverse = values["kind"] == "inverse_future"
    instrument = Instrument(
        symbol=values["symbol"],
        underlying=values["underlying"],
        kind=Kind.SHARE if values["kind"] == "share" else Kind.FUTURE,
        multiplier=values["multiplier"],
        currency=values["currency"],
        ticks_per_unit=per_unit,
        tick_table=(TickBand(0, step),),
        expiry_ns=values["expiry"] or 0,
        payoff=Payoff.INVERSE if inverse else Payoff.LINEAR,
        beta=values["beta"],
        price_ratio=values["price_ratio"],
    )
    own = {name: values[name] for name in HedgeTerms.__struct_fields__ if name != "instrument"}
    return HedgeTerms(instrument=instrument, **own)


def hedging(values: dict[str, Any]) -> HedgingTerms:
    """When and how far."""
    typed = {"policy": HedgePolicy(values["policy"]), "informed": tuple(values["informed"])}
    return HedgingTerms(**(values | typed))


def check_hedge(table: Checked, findings: Findings) -> None:
    """Faults that no key shows by itself."""
    values, place = table.values, table.place
    if values.get("kind") == "inverse_future" and values.get("currency") == "USD":
        findings.add(
            (*place, "currency"), found="'USD'", expected="the coin in which an inverse future settles, as BTC",
            action='add currency = "BTC", or write kind = "future"',
        )  # fmt: skip
    if values.get("kind") == "share" and values.get("expiry"):
        findings.add(
            (*place, "expiry"), found="an expiry", expected="none: a share never expires", action="remove it"
        )
    if values.get("estimate") and not values.get("history"):
        findings.add(
            (*place, "estimate"), found="true, without history", expected="history, the underlying whose closes stand for it",
            action='add it, as history = "SPY"',
        )  # fmt: skip
    try:
        tick_terms(values.get("tick", 1.0))
    except InvalidValueError as e:
        expected = f"at most {_DECIMALS_OF_TICK} decimals"
        findings.add(
            (*place, "tick"),
            found=str(e).split(" has ")[0],
            expected=expected,
            action="write the venue's step",
        )
