"""Risk on a console: where along its axes the book sits, its deltas side by side, and what its deviation is made of."""

from typing import TYPE_CHECKING

from flatbook.reports.console_table import print_table, signed, styled
from flatbook.reports.numbers import brief, magnitude, percent
from flatbook.reports.risk_charts import counts
from flatbook.reports.schema import PlanReport
from flatbook.reports.schema_parts import Number
from flatbook.reports.schema_risk import DeltaRow, GroupAxis, GroupRow

if TYPE_CHECKING:
    from rich.console import Console

_AXES = {  # axes that no other table of the console has, and what they are called here
    "class": "class",
    "bucket": "expiry",
    "delta": "moneyness",
    "strategy": "strategy",
    "account": "account",
}
_GROUPS = 3  # of an axis
_LABEL = 12  # characters of a group's name
_KINDS = 5  # of factors
_DELTAS = 3  # lines of a table of deltas
_ALIKE = 1e-9


def print_risk(report: PlanReport, console: "Console") -> None:
    """Print groups, deltas and factors, each where it says something."""
    for section in (_groups, _deltas, _coin, _factors):
        section(report, console)


def _groups(report: PlanReport, console: "Console") -> None:
    axes = [axis for axis in report.groups.axes if axis.name in _AXES and len(axis.rows) > 1]
    if not axes:
        return
    titles = ("BY GROUP", "largest vegas, USD/pt", *[""] * (_GROUPS - 1), "largest gap loss", "not valued")
    left = frozenset(range(_GROUPS + 2))
    print_table(console, "", titles, [_axis(axis) for axis in axes], left=left)


def _axis(axis: GroupAxis) -> tuple[object, ...]:
    largest = sorted(axis.rows, key=_vega, reverse=True)[:_GROUPS]
    cells = [f"{_short(row.name)} {brief(row.measures.vega_usd_per_point)}" for row in largest]
    worst = max(axis.rows, key=lambda row: float("inf") if row.gap_loss_usd is None else row.gap_loss_usd)
    unvalued = sum(row.unvalued_contracts for row in axis.rows)
    return (
        _AXES[axis.name],
        *cells,
        *[""] * (_GROUPS - len(cells)),
        f"{_short(worst.name)} {magnitude(worst.gap_loss_usd)}",
        f"{unvalued:,d}" if unvalued else "",
    )


def _vega(row: GroupRow) -> float:
    return abs(row.measures.vega_usd_per_point or 0.0)


def _short(name: str) -> str:
    return name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…"


def _deltas(report: PlanReport, console: "Console") -> None:
    told = report.deltas
    if not any(map(_says_more, told.rows)):
        return
    shown = told.rows if len(told.rows) > 2 else told.rows[:1]
    rows = [
        (
            row.scope,
            signed(row.delta_usd),
            signed(row.delta_smile_usd),
            signed(row.delta_min_variance_usd),
            signed(row.beta_delta_usd),
            magnitude(row.idiosyncratic_usd),
            row.idiosyncratic_source,
        )
        for row in shown[:_DELTAS]
    ]
    titles = (
        "DELTAS, USD",
        "cash",
        "smile",
        "min variance",
        f"of {told.index or 'index'}",
        "rest SD",
        "from",
    )
    print_table(console, "", titles, rows, left={0, 6}, total=len(shown))


def _says_more(row: DeltaRow) -> bool:
    """Another delta differs from the plain one, or the index leaves something unexplained."""
    if row.delta_usd is None:
        return False
    others = (row.delta_smile_usd, row.delta_min_variance_usd, row.beta_delta_usd)
    apart = (abs(other - row.delta_usd) for other in others if other is not None)
    return any(one > _ALIKE * abs(row.delta_usd) for one in apart) or bool(row.idiosyncratic_usd)


def _coin(report: PlanReport, console: "Console") -> None:
    rows = [
        (
            f"{one.underlying}, {one.coin}",
            signed(one.value_coin),
            signed(one.delta_coin),
            signed(one.gamma_coin_per_pct),
            signed(one.vega_coin_per_point),
            signed(one.theta_coin_per_day),
            signed(one.delta_usd),
        )
        for one in report.deltas.coin
    ]
    if rows:
        titles = ("IN COIN", "value", "delta, net", "gamma/1 %", "vega/pt", "theta/day", "delta USD")
        print_table(console, "", titles, rows[:_DELTAS], total=len(rows))


def _factors(report: PlanReport, console: "Console") -> None:
    told = report.factors
    kinds = [row for row in told.by_kind if counts(row)]
    if not kinds:
        return
    rows: list[tuple[object, ...]] = [
        (
            row.factor.replace("_", " "),
            signed(row.contribution_usd),
            _percent(row.share),
            signed(row.contribution_after_usd),
            _percent(row.share_after),
        )
        for row in kinds[:_KINDS]
    ]
    titles = ("FACTORS", "SD, USD", "share", "after hedges", "share")
    print_table(console, "", titles, rows)
    console.print(styled(f"  {deviation_told(report)}", "dim"))


def _percent(share: Number) -> str:
    return percent(share if share is None else round(share, 3) + 0.0, 1)


def deviation_told(report: PlanReport) -> str:
    """The deviation of the book in a sentence: before and after the hedges, its error, and how far to trust it."""
    told = report.factors
    days = f"SD over {told.over_days:g} day{'' if told.over_days == 1.0 else 's'}"
    before, after = told.deviation_usd, told.deviation_after_usd
    if before is None:
        days = f"{days} unknown; of what has a value"
        before, after = told.deviation_valued_usd, told.deviation_valued_after_usd
    error = "" if told.deviation_error_usd is None else f" ± {magnitude(told.deviation_error_usd)}"
    figures = f"{magnitude(before)}{error} USD, after hedges {magnitude(after)}"
    return f"{days} {figures}; covariance: {told.covariance_source}"
