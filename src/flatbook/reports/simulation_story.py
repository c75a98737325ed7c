"""What an experiment comes to, in sentences."""

from collections.abc import Sequence

from flatbook.reports.numbers import NOTHING, brief, magnitude, percent, tally
from flatbook.reports.schema_parts import Number
from flatbook.reports.simulation_schema import BreachRow, FigureRow, Interval

UNACCOUNTED = "unaccounted"


def value_of(figures: Sequence[FigureRow], name: str, at: int) -> Number:
    """A figure of the policy at `at`; None where it is not known."""
    return next((one.values[at].value for one in figures if one.name == name), None)


def headline_of(policies: Sequence[str], reference: str, figures: Sequence[FigureRow], days: int) -> str:
    """One sentence: who has the best mean-variance outcome, and whether that is sure against the reference."""
    known = [
        (usd, at)
        for at in range(len(policies))
        if (usd := value_of(figures, "objective_usd", at)) is not None
    ]
    if not known:
        return f"{tally(len(policies), 'policy', 'policies')} over {tally(days, 'day')}: too few to tell a mean-variance outcome"
    best = max(known)[1]
    base = policies.index(reference)
    mean, spread = (value_of(figures, name, best) for name in ("pnl_usd", "pnl_deviation_usd"))
    told = f"{policies[best]} has the best mean-variance outcome over {tally(days, 'day')}: {brief(mean)} USD a day, standard deviation {magnitude(spread)}"
    if best == base:
        return told
    apart = next(one.differences[best] for one in figures if one.name == "objective_usd")
    return f"{told}; against {reference} {_apart(apart)}"


def sentences_of(
    policies: Sequence[str], reference: str, figures: Sequence[FigureRow], breaches: Sequence[BreachRow]
) -> tuple[str, ...]:
    """Each policy's mean-variance outcome beside the reference, variance of P&L, and breaches that nothing explains."""
    told = []
    objective = next((one for one in figures if one.name == "objective_usd"), None)
    deviation = next((one for one in figures if one.name == "pnl_deviation_usd"), None)
    if objective is not None:
        parts = [
            f"{name} {_apart(objective.differences[at])}"
            for at, name in enumerate(policies)
            if name != reference and objective.differences[at].value is not None
        ]
        if parts:
            told.append(f"Mean-variance outcome against {reference}, USD a day: {'; '.join(parts)}")
    if deviation is not None and deviation.variance_ratios:
        parts = [
            f"{name} {_ratio(deviation.variance_ratios[at])}"
            for at, name in enumerate(policies)
            if name != reference and deviation.variance_ratios[at].value is not None
        ]
        if parts:
            told.append(f"Variance of P&L over that of {reference}: {'; '.join(parts)}")
    told.append(_broken(breaches))
    return tuple(told)


def _broken(breaches: Sequence[BreachRow]) -> str:
    if not breaches:
        return "No limit was told to be exceeded"
    lost = [one for one in breaches if one.cause == UNACCOUNTED]
    causes: dict[str, int] = {}
    for one in breaches:
        causes[one.cause] = causes.get(one.cause, 0) + one.times
    listed = ", ".join(
        f"{count:,d} by {cause}" for cause, count in sorted(causes.items()) if cause != UNACCOUNTED
    )
    if not lost:
        return f"Limits were exceeded {listed}; every time is accounted for"
    where = ", ".join(dict.fromkeys(f"{one.policy} seed {one.seeds[0]}" for one in lost))
    nobody = tally(causes[UNACCOUNTED], "time")
    return f"Limits were exceeded {listed + ', and ' if listed else ''}{nobody} with NOTHING THAT EXPLAINS IT ({where})"


def _apart(one: Interval) -> str:
    return f"{brief(one.value)}{_ends(one)}"


def _ends(one: Interval) -> str:
    return "" if one.low is None or one.high is None else f" ({brief(one.low)} to {brief(one.high)})"


def _ratio(one: Interval) -> str:
    ends = "" if one.low is None or one.high is None else f" ({one.low:.3g} to {one.high:.3g})"
    return NOTHING if one.value is None else f"{one.value:.3g}{ends}"


def figure_text(value: Number, unit: str) -> str:
    """A figure as its unit is read."""
    if unit == "share":
        return percent(value, 1)
    return brief(value) if unit.startswith("USD") else magnitude(value)
