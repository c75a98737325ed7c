"""An attribution in sentences: what was realised, what made it, what nothing explains, and what is in no sum.

Here too: how each line of the explain is called, and which lines a picture shows as one.
"""

from flatbook.reports.attribution_schema import AttributionReport, ExplainOf, StepAttribution
from flatbook.reports.numbers import brief, day, percent, tally
from flatbook.reports.schema_parts import Number

LABELS: dict[str, str] = {
    "delta_usd": "Delta",
    "gamma_usd": "Gamma",
    "theta_usd": "Theta",
    "vega_level_usd": "Vega: level",
    "vega_skew_usd": "Vega: skew",
    "vega_curvature_usd": "Vega: curvature",
    "spot_vol_usd": "Vega with spot",
    "vanna_usd": "Vanna",
    "volga_usd": "Volga",
    "rates_usd": "Rates",
    "dividends_usd": "Dividends, borrow",
    "basis_usd": "Basis",
    "new_trades_usd": "New trades",
    "hedging_slippage_usd": "Hedging slippage",
    "fees_usd": "Fees",
    "corrections_usd": "Corrections",
    "unexplained_usd": "Unexplained",
}
GROUPS: dict[str, tuple[str, ...]] = {  # for pictures: few enough to tell apart
    "Delta": ("delta_usd", "spot_vol_usd"),
    "Gamma": ("gamma_usd",),
    "Theta": ("theta_usd",),
    "Vega: level": ("vega_level_usd",),
    "Vega: skew, curvature": ("vega_skew_usd", "vega_curvature_usd"),
    "Vanna, volga": ("vanna_usd", "volga_usd"),
    "Rates, dividends, basis": ("rates_usd", "dividends_usd", "basis_usd"),
    "New trades": ("new_trades_usd",),
    "Slippage, fees, corrections": ("hedging_slippage_usd", "fees_usd", "corrections_usd"),
    "Unexplained": ("unexplained_usd",),
}
BLOCK_LABELS: dict[str, str] = {
    "time_usd": "Time",
    "spot_usd": "Spot",
    "vol_level_usd": "Vol level",
    "vol_shape_usd": "Vol skew, curvature",
    "carry_usd": "Rates, dividends, basis",
}
_NAMED = 3  # terms named in the headline, expiries or series in a sentence


def term(of: ExplainOf, name: str) -> Number:
    """One line of an explain."""
    value: Number = getattr(of, name)
    return value


def grouped(of: ExplainOf, names: tuple[str, ...]) -> Number:
    """Some lines together; None where one is not known."""
    values = [term(of, name) for name in names]
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def headline_of(report: AttributionReport) -> str:
    """The whole time in one line."""
    whole = report.total[0].explain
    if whole.realised_usd is None:
        return "The P&L is not known: a fee is missing."
    named = sorted(
        ((name, grouped(whole, names) or 0.0) for name, names in GROUPS.items() if name != "Unexplained"),
        key=lambda each: -abs(each[1]),
    )[:_NAMED]
    told = ", ".join(f"{name.lower()} {brief(usd)}" for name, usd in named)
    return (
        f"Realised {brief(whole.realised_usd)} USD in {tally(len(report.steps), 'step')}: {told}; "
        f"{percent(whole.unexplained_share, 1)} of gross unexplained"
    )


def sentences_of(report: AttributionReport) -> tuple[str, ...]:
    """What a trader should hear before looking at the lines."""
    whole = report.total[0]
    parts = whole.identity
    made = (
        f"Edge {brief(parts.edge_usd)}, inventory {brief(parts.inventory_usd)}, hedges {brief(parts.hedge_usd)}, "
        f"fees {brief(parts.fees_usd)}, corrections {brief(parts.corrections_usd)} USD: together what was realised, "
        "with nothing left over."
    )
    out = [made]
    steps = [one for one in report.steps if one.scopes[0].explain.unexplained_share is not None]
    if steps:
        worst = max(steps, key=lambda one: one.scopes[0].explain.unexplained_share or 0.0)
        out.append(_worst_step(worst))
    out += [f"{one.market} ({one.at}) is no mark: {one.reason}." for one in report.chains_left_out]
    lost = [(one, each) for one in report.steps for each in one.left_out]
    if lost:
        named = "; ".join(f"{each.symbol} to {day(one.end)}: {each.reason}" for one, each in lost[:_NAMED])
        more = f"; and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
        out.append(f"In no sum: {named}{more}.")
    return tuple(out)


def _worst_step(step: StepAttribution) -> str:
    of = step.scopes[0].explain
    text = (
        f"Least explained is the step to {day(step.end)} ({step.days:.3g} days): {brief(of.unexplained_usd)} USD, "
        f"{percent(of.unexplained_share, 1)} of gross"
    )
    if step.worst:
        text += f", of it {brief(step.worst[0].unexplained_usd)} in {step.worst[0].symbol}"
    return text + "; full revaluation leaves nothing over."
