"""What the comparison of levers comes to, in sentences."""

from collections.abc import Sequence

from flatbook.reports.levers_schema import JointPlan, LeverRow
from flatbook.reports.numbers import brief, contracts, magnitude, percent, plain, tally
from flatbook.reports.schema_parts import Number

_WORDS_OF_THEIR_OWN = frozenset({"nothing", "delta only"})
LINEAR = frozenset({"share", "future"})  # kinds of legs that the story names one by one


def joint_wins(rows: Sequence[LeverRow]) -> bool:
    """Whether the joint plan, the last, keeps every limit and costs and risks less than each of the others."""
    joint = rows[-1]
    return joint.limits_broken == 0 and all(_less(joint, other) for other in rows[:-1])


def _less(one: LeverRow, other: LeverRow) -> bool:
    return one.total_usd is not None and other.total_usd is not None and one.total_usd < other.total_usd


def rival(rows: Sequence[LeverRow]) -> LeverRow:
    """Of the levers that are not the joint plan, the one of the least cost and risk."""
    return min(rows[:-1], key=lambda one: float("inf") if one.total_usd is None else one.total_usd)


def headline_of(rows: Sequence[LeverRow], limits: int) -> str:
    """One sentence: limits before and after, and what the joint plan is worth beside the least of the others."""
    nothing, joint, least = rows[0], rows[-1], rival(rows)
    if not limits:
        told = "No limit is set; the joint plan ends at"
    elif joint.limits_broken:
        told = (
            f"The joint plan leaves {joint.limits_broken} of {tally(limits, 'limit')} at or beyond hard, from {nothing.limits_broken}, and "
            "ends at"
        )
    else:
        whole = "the limit" if limits == 1 else f"all {limits} limits"
        before = (
            f"of which {nothing.limits_broken} stood at or beyond hard"
            if nothing.limits_broken
            else "as before"
        )
        told = f"The joint plan keeps {whole}, {before}, for"
    but = f" with {least.limits_broken} at or beyond hard" if least.limits_broken else ""
    beside = "the next is" if _less(joint, least) else "cheaper is"
    return f"{told} {magnitude(joint.total_usd)} USD of cost and risk; {beside} {_alone(least)}: {magnitude(least.total_usd)}{but}"


def _alone(one: LeverRow) -> str:
    return one.name if one.name in _WORDS_OF_THEIR_OWN else f"{one.name} alone"


def days_told(days: float) -> str:
    """A holding time in words."""
    return "a day" if days == 1.0 else f"{days:g} days"


def sentences_of(rows: Sequence[LeverRow], plan: JointPlan, days: float) -> tuple[str, ...]:
    """What each lever leaves open, what the plan does, what its quotes are to bring, and what it was held to."""
    nothing, joint = rows[0], rows[-1]
    over = days_told(days)
    return (
        *_broken_by(rows[1:-1]),
        _done(nothing, joint, plan, over),
        _brought(joint, plan, over),
        _held_to(plan),
    )


def _done(nothing: LeverRow, joint: LeverRow, plan: JointPlan, over: str) -> str:
    return (
        f"It trades {_traded(joint, plan)} for {magnitude(joint.cost_usd)} USD; the standard deviation over {over} goes from "
        f"{magnitude(nothing.deviation_usd)} to {magnitude(joint.deviation_usd)} USD, the worst gap loss from "
        f"{magnitude(nothing.gap_loss_usd)} to {magnitude(joint.gap_loss_usd)}"
    )


def _held_to(plan: JointPlan) -> str:
    return (
        f"It was held to {tally(plan.rows, 'row')} (limits, slide cells, margin points): {plan.rows_broken_before} stood outside before, "
        f"{plan.rows_broken_after or 'none'} after; a better plan could save at most {magnitude(plan.gap_usd)} USD"
    )


def _traded(joint: LeverRow, plan: JointPlan) -> str:
    options = (
        f"{tally(joint.option_contracts, 'option')} of {joint.option_legs} series"
        if joint.option_legs
        else ""
    )
    hedges = [f"{contracts(leg.contracts)} {leg.symbol}" for leg in plan.legs if leg.kind in LINEAR]
    return " and ".join(part for part in (options, ", ".join(hedges)) if part) or "nothing"


def _brought(joint: LeverRow, plan: JointPlan, over: str) -> str:
    expected = plan.expected
    if not joint.expected_contracts:
        return "Quotes are expected to bring nothing: the desk file tells of no customers ([[flow]])"
    return (
        f"Its quotes are expected to buy {plain(expected.bought)} and sell {plain(expected.sold)} contracts over {over}: "
        f"{brief(expected.vega_usd_per_point)} USD of vega a point, {brief(expected.gamma_usd_per_pct)} USD of gamma a percent; should nobody "
        f"come, cost and risk are {magnitude(_unhelped(joint))} USD"
    )


def _unhelped(one: LeverRow) -> Number:
    """Cost, and the risk left if no customer comes."""
    if one.cost_usd is None or one.risk_without_quotes_usd is None:
        return None
    return one.cost_usd + one.risk_without_quotes_usd


def _broken_by(rows: Sequence[LeverRow]) -> tuple[str, ...]:
    """Which limits each of the single levers leaves."""
    told = [
        f"{one.limits_broken} by {one.name} (worst {percent(one.worst_utilisation)})"
        for one in rows
        if one.limits_broken
    ]
    return (f"Limits left at or beyond hard: {', '.join(told)}",) if told else ()
