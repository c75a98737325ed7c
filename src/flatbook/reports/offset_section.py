"""The option offset of the book, as the plan report keeps it: packages, cost, what it leaves, how pressing it is, and what lost."""

import math
from collections.abc import Sequence
from itertools import islice

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.engine.measure import WhatIf
from flatbook.engine.offsets import Offset
from flatbook.hedging.offset_plan import Breach, OffsetAlternative
from flatbook.limits.check import LimitStanding
from flatbook.limits.ladder import Step
from flatbook.model.parameters import LimitMeasure
from flatbook.model.table import Floats
from flatbook.reports.columns import Columns
from flatbook.reports.hedge_rows import side_of
from flatbook.reports.missing import Missing
from flatbook.reports.numbers import magnitude, percent, plain, tally
from flatbook.reports.schema_offset import (
    OffsetAlternativeRow,
    OffsetBoundRow,
    OffsetLegRow,
    OffsetMenuRow,
    OffsetPackage,
    OffsetPlanOf,
    OffsetPressing,
    OffsetSection,
    OffsetTrade,
)
from flatbook.reports.what_if import what_if_of

OFFSET_RESPONSES: dict[Step, str] = {  # domain reference 8.1
    Step.NORMAL: "only if it pays",
    Step.NOTIFY: "passively: improve our own quotes of it, join the market",
    Step.ALERT: "cross the best of the menu",
    Step.ESCALATE: "trade the plan, up to its cost",
    Step.HARD: "forced: trade the plan now",
}
_NO_TRADE_MOVES = frozenset(
    {
        LimitMeasure.DRAWDOWN_USD,
        LimitMeasure.CAPITAL_DIFFERENCE_USD,
        LimitMeasure.ORDERS_PER_S,
        LimitMeasure.ORDERS_PER_MIN,
        LimitMeasure.FILLS_PER_S,
        LimitMeasure.FILLS_PER_MIN,
        LimitMeasure.UNUSABLE_QUOTES_PCT,
    }
)
_NOT_COMPUTED = "nobody asked for it"
_NOTHING_HELD = "the book holds nothing"
_UNKNOWN = "its inputs are not finite"
_NOT_KNOWN = "its value is not known: no plan can be held against it"
_RELIEF = 3
_NAMED = 4  # legs that a sentence names
_PLAN = "offset.plan"


def offset_section(
    cycle: Cycle, offset: Offset | None, after: WhatIf | None, columns: Columns, missing: Missing
) -> OffsetSection:
    """What `offset` says, and the book `after` it.

    Parameters
    ----------
    cycle : Cycle
    offset : Offset or None
        None: it was not computed.
    after : WhatIf or None
        The book once the plan is done; None: it trades nothing, or nobody asked.
    columns, missing
    """
    if after is None:
        missing.note("offset.after", "the plan trades nothing, or nobody asked for the book after it")
    if offset is None:
        reason = _NOT_COMPUTED if cycle.book.quantity.any() else _NOTHING_HELD
        missing.note(_PLAN, reason)
        return OffsetSection(
            underlyings=(),
            pressing=(),
            plan=None,
            after=None,
            reason=reason,
            sentence=f"No option offset: {reason}.",
        )
    pressing = tuple(_pressing(cycle, name, offset, after, missing) for name in offset.underlyings)
    plan = _plan(cycle, offset, missing)
    return OffsetSection(
        underlyings=offset.underlyings,
        pressing=pressing,
        plan=plan,
        after=None if after is None else what_if_of(cycle, after, columns, "offset.after", missing),
        reason="",
        sentence=_sentence(offset.underlyings, plan, pressing),
    )


def trades_told(trades: Sequence[OffsetTrade | OffsetLegRow | OffsetMenuRow], most: int = _NAMED) -> str:
    """Sides, contracts and symbols, and how many more there are."""
    named = ", ".join(f"{one.side} {one.contracts:,d} {one.symbol}" for one in trades[:most])
    return named + (f" and {len(trades) - most} more" if len(trades) > most else "")


def pressing_told(one: OffsetPressing) -> str:
    """The limit that decides, its use before and after the plan, and what the ladder asks."""
    used = f"{one.limit} stands at {one.step}"
    if one.utilisation is not None:
        used += f", {percent(one.utilisation)} to {percent(one.utilisation_after)} by the plan"
    best = one.relief[:1] if one.step == Step.ALERT.name else ()
    named = f" that brings it down: {trades_told(best)}" if best else ""
    return f"{used}: {one.response}{named}"


def worst_of(pressing: tuple[OffsetPressing, ...]) -> OffsetPressing | None:
    """The most pressing; the first where several are."""
    return max(pressing, key=lambda one: Step[one.step], default=None)


def _pressing(
    cycle: Cycle, name: str, offset: Offset, after: WhatIf | None, missing: Missing
) -> OffsetPressing:
    """The worst of the limits of an underlying that a trade can move."""
    path = f"offset.pressing[{name}]"
    worst: LimitStanding | None = None
    for one in cycle.standing.limits:
        moved = name in one.underlyings and one.limit.measure not in _NO_TRADE_MOVES
        if moved and one.step > Step.NORMAL and (worst is None or _hardness(one) > _hardness(worst)):
            worst = one
    if worst is None:
        missing.note(f"{path}.utilisation", "no limit of it is above NORMAL")
        missing.note(f"{path}.utilisation_after", "no limit of it is above NORMAL")
        step, limit, used, then = Step.NORMAL, "", None, None
    else:
        step, limit = worst.step, worst.limit.name
        why = worst.reason or "the measure could not be computed, which counts as a breach"
        used = missing.number(worst.utilisation, f"{path}.utilisation", why)
        standing = cycle.standing if after is None else after.standing
        later = next(one.utilisation for one in standing.limits if one.limit.name == limit)
        then = missing.number(later, f"{path}.utilisation_after", why)
    return OffsetPressing(
        underlying=name,
        step=step.name,
        limit=limit,
        response=_NOT_KNOWN if limit and used is None else OFFSET_RESPONSES[step],
        utilisation=used,
        utilisation_after=then,
        relief=_relief(offset, limit) if limit else (),
    )


def _relief(offset: Offset, limit: str) -> tuple[OffsetTrade, ...]:
    """The first of the menu that bring the fullest row of a limit down, in the programme's own numbers."""
    every = offset.question.every_row
    mine = [
        r
        for r, name in enumerate(every.names)
        if name == limit or name.startswith((f"{limit} at ", f"{limit} of "))
    ]
    if not mine:
        return ()
    row_of = {one.name: j for j, one in enumerate(offset.problem.series)}
    value, per_contract = every.value[mine], every.per_contract[:, mine]
    low, high = every.low[mine], every.high[mine]

    def used(at: Floats) -> float:
        """The fullest row."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(np.nanmax(np.maximum(at / high, at / low), initial=0.0))

    lines = (line for line in offset.menu if line.contracts)
    better = (
        line for line in lines if used(value + line.contracts * per_contract[row_of[line.name]]) < used(value)
    )
    return _trades(tuple((line.name, line.contracts) for line in islice(better, _RELIEF)))


def _hardness(one: LimitStanding) -> tuple[int, float]:
    return int(one.step), one.utilisation if math.isfinite(one.utilisation) else math.inf


def _plan(cycle: Cycle, offset: Offset, missing: Missing) -> OffsetPlanOf:
    plan, of = offset.plan, {one.name: one.underlying for one in offset.problem.series}

    def number(name: str) -> float | None:
        """A figure of the plan."""
        return missing.number(getattr(plan, name), f"{_PLAN}.{name}", _UNKNOWN)

    return OffsetPlanOf(
        status=_status(offset),
        legs=tuple(
            OffsetLegRow(
                symbol=leg.name,
                underlying=of[leg.name],
                side=side_of(leg.contracts),
                contracts=abs(leg.contracts),
                cost_usd=missing.number(leg.cost_usd, f"{_PLAN}.legs[{leg.name}].cost_usd", _UNKNOWN),
            )
            for leg in plan.legs
        ),
        packages=tuple(
            OffsetPackage(kind=one.kind, legs=_trades(one.legs), reason=one.reason) for one in plan.packages
        ),
        cost_usd=number("cost_usd"),
        risk_before_usd=number("risk_before_usd"),
        risk_after_usd=number("risk_after_usd"),
        deviation_before_usd=number("deviation_before_usd"),
        deviation_after_usd=number("deviation_after_usd"),
        over_days=cycle.desk.appetite.holding_days,
        limit_share=cycle.desk.offsets.limit_share,
        bounds=tuple(_bound(one, missing) for one in plan.breaches),
        all_kept=plan.met,
        proven_infeasible=plan.proven_infeasible,
        worth_usd=number("worth_usd"),
        bound_usd=number("bound_usd"),
        gap_usd=number("gap_usd"),
        gap_share=missing.number(plan.bound_gap, f"{_PLAN}.gap_share", _UNKNOWN),
        alternatives=tuple(_alternative(one, missing) for one in plan.alternatives),
        menu=_menu(offset, missing),
        candidates=len(offset.menu),
        notes=offset.question.notes,
    )


def _status(offset: Offset) -> str:
    """The status of the plan; where something could not be said in the programme it speaks of the rest."""
    said = offset.plan.status
    if offset.question.notes:
        said = said.replace("every limit is met", "every limit that the plan can be held against is met", 1)
    return said


def _trades(legs: tuple[tuple[str, int], ...]) -> tuple[OffsetTrade, ...]:
    return tuple(
        OffsetTrade(symbol=symbol, side=side_of(contracts), contracts=abs(contracts))
        for symbol, contracts in legs
    )


def _bound(one: Breach, missing: Missing) -> OffsetBoundRow:
    path = f"{_PLAN}.bounds[{one.name}]"

    def number(value: float, name: str, why: str = _UNKNOWN) -> float | None:
        """A figure of this bound."""
        return missing.number(value, f"{path}.{name}", why)

    return OffsetBoundRow(
        name=one.name,
        before=number(one.value_before, "before"),
        after=number(one.value_after, "after"),
        low=number(one.low, "low", "it has no lower level"),
        high=number(one.high, "high", "it has no upper level"),
        outside_before=number(one.before, "outside_before"),
        outside_after=number(one.after, "outside_after"),
    )


def _alternative(one: OffsetAlternative, missing: Missing) -> OffsetAlternativeRow:
    path = f"{_PLAN}.alternatives[{one.name}]"
    return OffsetAlternativeRow(
        name=one.name,
        legs=_trades(one.legs),
        cost_usd=missing.number(one.cost_usd, f"{path}.cost_usd", _UNKNOWN),
        risk_usd=missing.number(one.risk_usd, f"{path}.risk_usd", _UNKNOWN),
        bounds_outside=one.rows_broken,
        worse_by_usd=missing.number(one.worse_by_usd, f"{path}.worse_by_usd", _UNKNOWN),
        reason=one.reason,
    )


def _menu(offset: Offset, missing: Missing) -> tuple[OffsetMenuRow, ...]:
    rows = []
    for line in offset.menu:
        if not line.contracts:
            continue
        path = f"{_PLAN}.menu[{line.name}]"
        rows.append(
            OffsetMenuRow(
                symbol=line.name,
                side=side_of(line.contracts),
                contracts=abs(line.contracts),
                cost_usd=missing.number(line.cost_usd, f"{path}.cost_usd", _UNKNOWN),
                risk_removed_usd=missing.number(line.risk_removed_usd, f"{path}.risk_removed_usd", _UNKNOWN),
                breach_removed=missing.number(line.breach_removed, f"{path}.breach_removed", _UNKNOWN),
                removed_per_usd=missing.number(
                    line.removed_per_usd, f"{path}.removed_per_usd", "it costs nothing"
                ),
                bounds_mended=line.rows_mended,
            )
        )
    return tuple(rows)


def _sentence(underlyings: tuple[str, ...], plan: OffsetPlanOf, pressing: tuple[OffsetPressing, ...]) -> str:
    where = " and ".join(filter(None, (", ".join(underlyings[:-1]), *underlyings[-1:])))
    if not plan.legs:
        return f"Offset of {where}: {plan.status}."
    worst = worst_of(pressing)
    asked = "" if worst is None or worst.step == Step.NORMAL.name else f"; {pressing_told(worst)}"
    return (
        f"Or instead an offset of {where}: {tally(len(plan.legs), 'leg')} for {plain(plan.cost_usd)} USD, standard deviation over "
        f"{tally_days(plan.over_days)} {magnitude(plan.deviation_before_usd)} to {magnitude(plan.deviation_after_usd)} USD{asked}."
    )


def tally_days(days: float) -> str:
    """Days as a person says them."""
    return f"{days:g} day{'' if days == 1.0 else 's'}"
