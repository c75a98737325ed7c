"""The sheets of a plan: from the lines of the cycle to rows of the report."""

import math

import numpy as np

from flatbook.exposure.exercise_sheet import ExerciseLine, Why
from flatbook.exposure.expiry_sheet import ExpiryLine, StrikeLine
from flatbook.exposure.historical import Historical, Risk
from flatbook.exposure.jumps import EventScenario
from flatbook.exposure.scenario_sheets import Sheets as Found
from flatbook.model.table import InstrumentTable, Ints
from flatbook.reports.columns import iso
from flatbook.reports.missing import Missing
from flatbook.reports.numbers import plain, tally
from flatbook.reports.schema_sheets import (
    EventSheet,
    ExerciseRow,
    ExpirySheet,
    HistoricalRisk,
    HistorySheet,
    JumpPnl,
    RiskLevel,
    Sheets,
    StrikeSheet,
    WorstDay,
)

ESTIMATOR = (
    "days weigh alike; value at risk: order statistic, Hyndman and Fan definition 1; "
    "expected shortfall: mean of the tail, Acerbi and Tasche"
)
_NO_BOUND = "no day of the history bounds it"
_NO_PART = "it is part of the desk, not of itself"
_CARRY = "carry decides, not a dividend"
_UNKNOWN = "something held in it has neither value nor bound"


def sheets_of(found: Found, quantity: Ints, table: InstrumentTable, missing: Missing) -> Sheets:
    """Report the sheets.

    Parameters
    ----------
    found : flatbook.exposure.scenario_sheets.Sheets
    quantity : int64[n_rows]
        Net contracts.
    table : InstrumentTable
    missing : Missing
        Takes the reason of every null.
    """
    if found.history is None:
        missing.note("sheets.history", "the desk has no history of days")
    return Sheets(
        expiries=tuple(_expiry(line, table, missing) for line in found.expiries),
        exercises=tuple(_exercise(line, table, missing) for line in found.exercises),
        events=tuple(_event(line, table, missing) for line in found.events),
        history=None
        if found.history is None
        else _history(found.history, found.day_ns, quantity, table, missing),
    )


def _expiry(line: ExpiryLine, table: InstrumentTable, missing: Missing) -> ExpirySheet:
    expiry = iso(line.expiry_ns)
    path, why = f"sheets.expiries[{line.option_class} {expiry}]", line.reason or _UNKNOWN

    def number(name: str) -> float | None:
        """A figure of this expiry."""
        return missing.number(getattr(line, name), f"{path}.{name}", why)

    unvalued = next((one.reason for one in line.strikes if one.reason), why)
    return ExpirySheet(
        option_class=line.option_class,
        underlying=table.underlyings[line.underlying],
        expiry=expiry,
        settlement=line.settlement.value,
        delivers=line.delivers,
        last_trade=iso(line.last_trade_ns),
        forward=number("forward"),
        move_sd=missing.number(line.deviation, f"{path}.move_sd", why),
        delta_shares=missing.number(line.delta_shares, f"{path}.delta_shares", unvalued),
        expected_shares=number("expected_shares"),
        deviation_shares=number("deviation_shares"),
        worst_shares=line.worst_shares,
        worst_price=number("worst_price"),
        exercised=number("exercised"),
        assigned=number("assigned"),
        assignment_deviation_shares=number("assignment_deviation_shares"),
        assignment_deviation_usd=number("assignment_deviation_usd"),
        opening_deviation_usd=number("opening_deviation_usd"),
        strikes=tuple(_strike(one, path, why, missing) for one in line.strikes),
        reason=line.reason,
    )


def _strike(line: StrikeLine, path: str, why: str, missing: Missing) -> StrikeSheet:
    why = line.reason or why

    def number(name: str) -> float | None:
        """A figure of this strike; the row says itself why it is null."""
        return missing.number(getattr(line, name), f"{path}.strikes", why)

    return StrikeSheet(
        strike=line.strike,
        calls=line.calls,
        puts=line.puts,
        jump_shares=line.jump_shares,
        distance_deviations=number("distance_deviations"),
        gamma_usd_per_pct=number("gamma_usd_per_pct"),
        gamma_shares_per_tick=number("gamma_shares_per_tick"),
        within_tick=number("within_tick"),
        within_pin=number("within_pin"),
        exercised=number("exercised"),
        assigned=number("assigned"),
        reason=line.reason,
    )


def _exercise(line: ExerciseLine, table: InstrumentTable, missing: Missing) -> ExerciseRow:
    item = table.instruments[line.row]
    path, why = f"sheets.exercises[{item.symbol}]", line.reason or "it has no volatility"

    def number(name: str, reason: str = why) -> float | None:
        """A figure of this option."""
        return missing.number(getattr(line, name), f"{path}.{name}", reason)

    of_put = _CARRY if line.why is Why.CARRY else why
    return ExerciseRow(
        symbol=item.symbol,
        underlying=table.underlyings[line.underlying],
        position=line.quantity,
        action="exercise" if line.quantity > 0 else "expect assignment",
        why=line.why.value,
        ex_date=iso(line.ex_ns) if line.ex_ns else "",
        dividend=line.dividend,
        act_by=iso(line.act_by_ns) if line.act_by_ns else "",
        exercise_value=number("exercise_value"),
        hold_value=number("hold_value"),
        put_value=number("put_value", of_put),
        carry=number("carry", of_put),
        by_rule=line.by_rule,
        gain=number("gain"),
        gain_error=missing.number(line.error, f"{path}.gain_error", why),
        loss_usd=number("loss_usd"),
        reason=line.reason,
        sentence=_sentence(line, item.symbol),
    )


def _sentence(line: ExerciseLine, symbol: str) -> str:
    held = f"{abs(line.quantity):,d} {symbol}"
    if not math.isfinite(line.loss_usd):
        return f"{held}: nobody can say whether early exercise pays; {line.reason}."
    told = plain(line.loss_usd)
    when = f"by {iso(line.act_by_ns)}" if line.act_by_ns else "by the next cut-off"
    cause = f"the dividend of {line.dividend:g}" if line.why is Why.DIVIDEND else "a day's carry"
    if line.quantity > 0:
        return f"Exercise {held} {when}: {cause} is worth {told} USD more than waiting."
    return f"Expect assignment of {held} {when}: {cause} costs {told} USD then."


def _event(line: EventScenario, table: InstrumentTable, missing: Missing) -> EventSheet:
    path, why = f"sheets.events[{line.name}]", line.reason or _UNKNOWN

    def number(name: str) -> float | None:
        """A figure of this event."""
        return missing.number(getattr(line, name), f"{path}.{name}", why)

    jumps = zip(
        line.density.moves.tolist(), line.density.probability.tolist(), line.pnl_usd.tolist(), strict=True
    )
    return EventSheet(
        underlying=table.underlyings[line.underlying],
        name=line.name,
        at=iso(line.at_ns),
        move_sd=missing.number(line.move_deviation, f"{path}.move_sd", why),
        jumps=tuple(
            JumpPnl(
                move=missing.number(move, f"{path}.jumps", why),
                probability=probability,
                pnl_usd=missing.number(pnl, f"{path}.jumps", why),
            )
            for move, probability, pnl in jumps
        ),
        expected_usd=number("expected_usd"),
        deviation_usd=number("deviation_usd"),
        worst_usd=number("worst_usd"),
        calm_usd=number("calm_usd"),
        reason=line.reason,
    )


def _history(
    found: Historical, day_ns: tuple[int, ...], quantity: Ints, table: InstrumentTable, missing: Missing
) -> HistorySheet:
    days = tuple(iso(one)[:10] for one in day_ns)
    held = np.unique(table.underlying_of[np.flatnonzero(quantity)]).tolist()
    scopes = [_risk(found, u, days, table, missing) for u in held]
    whole = _risk(found, None, days, table, missing)
    return HistorySheet(
        first_day=days[0],
        last_day=days[-1],
        estimator=ESTIMATOR,
        scopes=(whole, *sorted(scopes, key=_largest_first)),
    )


def _largest_first(one: HistoricalRisk) -> tuple[float, str]:
    shortfall = one.levels[-1].shortfall_usd
    return (-math.inf if shortfall is None else -shortfall, one.scope)


def _risk(
    found: Historical, underlying: int | None, days: tuple[str, ...], table: InstrumentTable, missing: Missing
) -> HistoricalRisk:
    """One underlying, or the desk."""
    risk = found.desk if underlying is None else found.by_underlying[underlying]
    scope = "desk" if underlying is None else table.underlyings[underlying]
    worst_case = any(found.worst_case) if underlying is None else found.worst_case[underlying]
    by_dynamics = any(found.by_dynamics) if underlying is None else found.by_dynamics[underlying]
    worst = zip(risk.worst_days.tolist(), risk.worst_pnl.tolist(), strict=True)
    return HistoricalRisk(
        scope=scope,
        days=risk.days,
        days_left_out=risk.days_left_out,
        levels=tuple(_level(found, underlying, risk, n, scope, missing) for n in range(len(risk.levels))),
        worst_days=tuple(WorstDay(day=days[at], pnl_usd=pnl) for at, pnl in worst),
        worst_case=worst_case,
        by_dynamics=by_dynamics,
        reason=risk.reason,
    )


def _level(
    found: Historical, underlying: int | None, risk: Risk, n: int, scope: str, missing: Missing
) -> RiskLevel:
    level = risk.levels[n]
    path, why = f"sheets.history.scopes[{scope}].levels", risk.reason or _NO_BOUND
    part = None if underlying is None else found.parts[underlying]
    desk = found.desk.reason or f"{tally(found.desk.days, 'day')} count for the desk"

    def number(values: object, name: str, reason: str) -> float | None:
        """A figure at this level."""
        value = math.nan if values is None else float(values[n])  # type: ignore[index]
        return missing.number(value, f"{path}.{name}", reason)

    of_part = _NO_PART if part is None else desk
    return RiskLevel(
        level=level,
        value_at_risk_usd=number(risk.value_at_risk, "value_at_risk_usd", why),
        value_at_risk_low_usd=number(risk.value_at_risk_low, "value_at_risk_low_usd", why),
        value_at_risk_high_usd=number(risk.value_at_risk_high, "value_at_risk_high_usd", why),
        value_at_risk_error_usd=number(risk.value_at_risk_error, "value_at_risk_error_usd", why),
        shortfall_usd=number(risk.shortfall, "shortfall_usd", why),
        shortfall_error_usd=number(risk.shortfall_error, "shortfall_error_usd", why),
        component_value_at_risk_usd=number(
            part and part.component_value_at_risk, "component_value_at_risk_usd", of_part
        ),
        component_shortfall_usd=number(part and part.component_shortfall, "component_shortfall_usd", of_part),
        incremental_value_at_risk_usd=number(
            part and part.incremental_value_at_risk, "incremental_value_at_risk_usd", of_part
        ),
    )
