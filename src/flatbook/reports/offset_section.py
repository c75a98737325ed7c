"""The option offset of the book, as the plan report keeps it: packages, cost, what it leaves, how pressing it is, and what lost."""

import math
from collections.abc import Sequence

from flatbook.engine.cycle import Cycle
from flatbook.engine.offsets import Offset
from flatbook.hedging.offset_plan import Breach, OffsetAlternative
from flatbook.limits.check import LimitStanding
from flatbook.limits.ladder import Step
from flatbook.model.parameters import LimitMeasure
from flatbook.reports.hedge_rows import side_of
from flatbook.reports.missing import Missing
from flatbook.reports.numbers import magnitude, plain, tally
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
_NAMED = 4  # legs that a sentence names
_PLAN = "offset.plan"


def offset_section(cycle: Cycle, offset: Offset | None, missing: Missing) -> OffsetSection:
    """What `offset` says; None: it was not computed."""
    if offset is None:
        reason = _NOT_COMPUTED if cycle.book.quantity.any() else _NOTHING_HELD
        missing.note(_PLAN, reason)
        return OffsetSection(
            underlyings=(), pressing=(), plan=None, reason=reason, sentence=f"No option offset: {reason}."
        )
    pressing = tuple(_pressing(cycle, name) for name in offset.underlyings)
    plan = _plan(cycle, offset, missing)
    return OffsetSection(
        underlyings=offset.underlyings,
        pressing=pressing,
        plan=plan,
        reason="",
        sentence=_sentence(offset.underlyings, plan, pressing),
    )


def trades_told(trades: Sequence[OffsetTrade | OffsetLegRow | OffsetMenuRow], most: int = _NAMED) -> str:
    """Sides, contracts and symbols, and how many more there are."""
    named = ", ".join(f"{one.side} {one.contracts:,d} {one.symbol}" for one in trades[:most])
    return named + (f" and {len(trades) - most} more" if len(trades) > most else "")


def worst_of(pressing: tuple[OffsetPressing, ...]) -> OffsetPressing | None:
    """The most pressing; the first where several are."""
    return max(pressing, key=lambda one: Step[one.step], default=None)


def _pressing(cycle: Cycle, name: str) -> OffsetPressing:
    worst: LimitStanding | None = None
    for one in cycle.standing.limits:
        moved = name in one.underlyings and one.limit.measure not in _NO_TRADE_MOVES
        if moved and one.step > Step.NORMAL and (worst is None or _hardness(one) > _hardness(worst)):
            worst = one
    step = Step.NORMAL if worst is None else worst.step
    return OffsetPressing(
        underlying=name,
        step=step.name,
        limit="" if worst is None else worst.limit.name,
        response=OFFSET_RESPONSES[step],
    )


def _hardness(one: LimitStanding) -> tuple[int, float]:
    return int(one.step), one.utilisation if math.isfinite(one.utilisation) else math.inf


def _plan(cycle: Cycle, offset: Offset, missing: Missing) -> OffsetPlanOf:
    plan, of = offset.plan, {one.name: one.underlying for one in offset.problem.series}

    def number(name: str) -> float | None:
        """A figure of the plan."""
        return missing.number(getattr(plan, name), f"{_PLAN}.{name}", _UNKNOWN)

    return OffsetPlanOf(
        status=plan.status,
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
    asked = ""
    if worst is not None and worst.step != Step.NORMAL.name:
        best = plan.menu[:1] if worst.step == Step.ALERT.name else ()
        asked = f"; {worst.limit} stands at {worst.step}: {worst.response}"
        asked += f" ({trades_told(best)})" if best else ""
    return (
        f"Instead of the hedges, an offset of {where} with {tally(len(plan.legs), 'leg')} for {plain(plan.cost_usd)} USD: "
        f"{trades_told(plan.legs)}; standard deviation over {tally_days(plan.over_days)} "
        f"{magnitude(plan.deviation_before_usd)} to {magnitude(plan.deviation_after_usd)} USD{asked}."
    )


def tally_days(days: float) -> str:
    """Days as a person says them."""
    return f"{days:g} day{'' if days == 1.0 else 's'}"
