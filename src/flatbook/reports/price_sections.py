"""What the risk price asks of quotes, part by part, and the numbers it stands on, each with its error or the word that it has none."""

import math
from collections.abc import Iterator

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.exposure.factor_prior import UNVERIFIED
from flatbook.model.flow_terms import FlowTerms
from flatbook.model.parameters import RiskAppetite
from flatbook.reports.missing import Missing
from flatbook.reports.schema_price import PriceParameter, QuoteShift

_SIDES = ("bid", "ask")
_SHIFTED = 20  # series beside those held, from the largest shift
_LIMIT = "one more lot would reach a hard limit: this side is not quoted"
_UNKNOWN = "its factor exposure or its capital is not known: this side is not quoted"
_CHOSEN = "the desk's choice"
_CONFIGURED = "configured"
_NO_ERROR = "nobody estimated it: `source` says where it comes from"
_PARAMETERS = "residual.price_parameters[*]"
_USUAL = "left out: one over half_spread_vol_points"
_DEFAULTS = RiskAppetite(aversion_per_usd=0.5)
_CHOICES = (
    ("holding_days", "calendar days"),
    ("vol_of_vol", "annual decimal"),
    ("hurdle_per_year", "annual decimal"),
    ("barrier_halfway_usd", "USD"),
)


def shifts_of(cycle: Cycle, missing: Missing) -> tuple[QuoteShift, ...]:
    """Both sides of the series that are held, then of those that the price moves most."""
    found = cycle.price.reservation
    size = np.abs(np.where(np.isfinite(found.shift_usd), found.shift_usd, 0.0)).max(axis=0)
    live = cycle.table.is_option & np.isfinite(cycle.values.price) & (cycle.market.years > 0.0)
    held = np.flatnonzero(live & (cycle.book.quantity != 0))
    others = np.flatnonzero(live & (cycle.book.quantity == 0))
    others = others[np.argsort(-size[others], kind="stable")][:_SHIFTED]
    return tuple(
        _shift(cycle, missing, row, side) for row in (*held.tolist(), *others.tolist()) for side in range(2)
    )


def _shift(cycle: Cycle, missing: Missing, row: int, side: int) -> QuoteShift:
    found, symbol = cycle.price.reservation, cycle.table.instruments[row].symbol
    charges = found.charges
    shift = float(found.shift_usd[side, row])

    def told(name: str, value: float) -> float | None:
        """A part; `reason` of the row says why it is null."""
        return missing.number(value, f"quotes.shifts[*].{name}", "`reason` of the row says why")

    return QuoteShift(
        symbol=symbol,
        side=_SIDES[side],
        shift_usd=told("shift_usd", shift),
        inventory_usd=told("inventory_usd", float(found.inventory_usd[side, row])),
        flow_usd=told("flow_usd", float(found.flow_usd[side, row])),
        own_usd=told("own_usd", float(found.own_usd[side, row])),
        limits_usd=told("limits_usd", float(charges.barrier[side, row])),
        capital_usd=told("capital_usd", float(charges.capital[side, row])),
        adverse_selection_usd=told("adverse_selection_usd", float(charges.adverse_selection[side, row])),
        hedge_usd=told("hedge_usd", float(charges.hedge[side, row])),
        reason="" if math.isfinite(shift) else _LIMIT if math.isinf(shift) else _UNKNOWN,
    )


def parameters_of(cycle: Cycle, missing: Missing) -> tuple[PriceParameter, ...]:
    """What the desk chose, what was estimated, and what nobody verified."""
    return tuple(
        PriceParameter(
            name=name,
            scope=scope,
            value=missing.number(math.nan if value is None else value, f"{_PARAMETERS}.value", _USUAL),
            unit=unit,
            standard_error=missing.number(
                math.nan if error is None else error, f"{_PARAMETERS}.standard_error", _NO_ERROR
            ),
            source=source,
        )
        for name, scope, value, unit, error, source in _parameters(cycle)
    )


_Told = tuple[str, str, float | None, str, float | None, str]


def _parameters(cycle: Cycle) -> Iterator[_Told]:
    appetite = cycle.desk.appetite
    yield "risk_aversion_per_usd", "", appetite.aversion_per_usd, "1/USD", None, _CHOSEN
    for name, unit in _CHOICES:
        value = getattr(appetite, name)
        usual = value == getattr(_DEFAULTS, name)
        yield name, "", value, unit, None, UNVERIFIED if usual else _CHOSEN
    for terms in cycle.desk.flow:
        yield from _of_flow(terms)
    if not cycle.desk.flow:
        yield "requests_per_day", "every underlying", 0.0, "trades a trading day", None, UNVERIFIED
    for alpha in cycle.desk.alpha:
        yield "spot_pct_per_day", alpha.underlying, alpha.spot_pct_per_day, "percent a day", None, _CHOSEN
        yield (
            "vol_points_per_day",
            alpha.underlying,
            alpha.vol_points_per_day,
            "vol points a day",
            None,
            _CHOSEN,
        )
    for hedge in cycle.desk.hedges:
        symbol = hedge.instrument.symbol
        yield "spread", symbol, hedge.spread, "price units", None, _CONFIGURED
        yield "fee_per_contract", symbol, hedge.fee_per_contract, "currency", None, _CONFIGURED


def _of_flow(terms: FlowTerms) -> Iterator[_Told]:
    scope = " ".join(filter(None, (terms.underlying or "every underlying", terms.tier)))
    for name, unit, error in (
        ("requests_per_day", "trades a trading day", terms.requests_error),
        ("decay_per_point", "1/vol point", terms.decay_error),
        ("adverse_selection_points", "vol points", terms.adverse_selection_error),
    ):
        yield name, scope, getattr(terms, name), unit, error, UNVERIFIED if error is None else "estimated"
