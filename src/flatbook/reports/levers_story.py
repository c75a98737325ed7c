"""What the comparison of levers comes to, in sentences."""

from collections.abc import Sequence

from flatbook.reports.levers_schema import JointPlan, LeverRow, LimitUse
from flatbook.reports.numbers import brief, magnitude, percent, plain, tally


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
    """One sentence: limits before and after, and what the joint plan is worth beside the best of the others."""
    nothing, joint, best = rows[0], rows[-1], rival(rows)
    if not limits:
        told = "No limit is set"
    elif joint.limits_broken:
        told = f"The joint plan leaves {joint.limits_broken} of {tally(limits, 'limit')} at or beyond hard, from {nothing.limits_broken}"
    else:
        told = f"The joint plan keeps {'the limit' if limits == 1 else f'all {limits} limits'}, of which {nothing.limits_broken} stood at or beyond hard"
    return f"{told}; cost and risk {magnitude(joint.total_usd)} USD against {magnitude(best.total_usd)} by {best.name}"


def sentences_of(
    rows: Sequence[LeverRow], limits: Sequence[LimitUse], plan: JointPlan, days: float
) -> tuple[str, ...]:
    """What each lever leaves open, what the plan does, what its quotes are to bring, and how the slides change."""
    nothing, joint = rows[0], rows[-1]
    out = [_rivals(rows)] if limits else []
    over = "a day" if days == 1.0 else f"{days:g} days"
    out.append(
        f"It trades {tally(joint.contracts, 'contract')} in {tally(joint.legs, 'instrument')} for {magnitude(joint.cost_usd)} USD and takes the standard "
        f"deviation over {over} from {magnitude(nothing.deviation_usd)} to {magnitude(joint.deviation_usd)} USD, the worst gap loss from "
        f"{magnitude(nothing.gap_loss_usd)} to {magnitude(joint.gap_loss_usd)}"
    )
    expected = plan.expected
    if joint.expected_contracts:
        out.append(
            f"Its quotes are expected to buy {plain(expected.bought)} and sell {plain(expected.sold)} contracts over {over}, which brings "
            f"{brief(expected.vega_usd_per_point)} USD of vega a point and {brief(expected.delta_usd)} USD of delta"
        )
    else:
        out.append("Quotes are expected to bring nothing: the desk file tells of no customers ([[flow]])")
    out.append(
        f"{plan.status[:1].upper()}{plan.status[1:]}; a better plan could save at most {magnitude(plan.gap_usd)} USD"
    )
    return tuple(out)


def _rivals(rows: Sequence[LeverRow]) -> str:
    """Which limits each of the others leaves broken."""
    open_ones = [one for one in rows[1:-1] if one.limits_broken]
    kept = [one.name for one in rows[1:-1] if not one.limits_broken]
    told = [f"{one.name} {one.limits_broken} (worst {percent(one.worst_utilisation)})" for one in open_ones]
    parts = []
    if told:
        parts.append(f"Limits left at or beyond hard: {', '.join(told)}")
    if kept:
        parts.append(f"{'none' if told else 'No limit is left there'} by {', '.join(kept)}")
    return "; ".join(parts)
