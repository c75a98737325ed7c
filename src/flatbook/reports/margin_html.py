"""Capital as one page of HTML that works without a network: accounts, what decides each, what one contract more changes.

Plotly's own JavaScript lies inside the page (MIT licence, decision 011). Everything shown comes from the report; every text is escaped.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from flatbook.reports.margin_charts import Plot, marginal_plot, requirement_plot, scan_plot
from flatbook.reports.margin_console import (
    amount,
    binding_of,
    package_text,
    packages_of,
    rate,
    relief_text,
    reported_text,
    trades_text,
    worst_text,
)
from flatbook.reports.margin_report import by_need, most_released
from flatbook.reports.margin_schema import AccountMargin
from flatbook.reports.numbers import tally
from flatbook.reports.script_text import script_text

if TYPE_CHECKING:
    from jinja2 import Template

DRAWN = 12  # accounts in full, those that need most
METHODS = {
    "rbh": "risk-based haircut",
    "pm": "portfolio margin",
    "span": "SPAN",
    "regt": "strategy margin",
    "pme": "Deribit portfolio margin",
}


def render_margin(accounts: Sequence[AccountMargin], source: str) -> str:
    """The page of `accounts`: one self-contained document of about 5 MB, nearly all of it Plotly.

    Parameters
    ----------
    accounts : sequence of AccountMargin
        At least one, all by one method.
    source : str
        The file of positions.
    """
    from plotly.offline import get_plotlyjs  # noqa: PLC0415 - only a page pays for it

    ordered = by_need(accounts)
    drawn = ordered[:DRAWN]
    plots: dict[str, Plot] = {"requirement": requirement_plot(ordered)}
    for at, one in enumerate(drawn):
        if any(leg.buy is not None or leg.sell is not None for leg in one.marginal):
            plots[f"marginal-{at}"] = marginal_plot(one)
        if any(point.pnl is not None for scan in one.scans for point in scan.points):
            plots[f"scan-{at}"] = scan_plot(one)
    return _template().render(
        accounts=ordered,
        drawn=drawn,
        source=source,
        method=METHODS[ordered[0].method],
        strategy=ordered[0].requirement_net_of_proceeds is not msgspec.UNSET,
        compared=any(one.reported for one in ordered),
        headline=_headline(ordered),
        plotly=get_plotlyjs(),
        names=set(plots),
        plots=script_text(plots),
    )


def _headline(accounts: Sequence[AccountMargin]) -> str:
    """What all accounts need together, where one number can say it."""
    currencies = {one.currency for one in accounts}
    unknown = [one for one in accounts if one.requirement is None]
    if unknown:
        return f"{tally(len(unknown), 'account')} of {len(accounts)} without a requirement that can be told"
    total = sum(one.requirement or 0.0 for one in accounts)
    if len(currencies) == 1:
        return f"{tally(len(accounts), 'account')}: {amount(total)} {currencies.pop()}"
    return f"{tally(len(accounts), 'account')} in {', '.join(sorted(currencies))}"


@cache
def _template() -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - only a page pays for it

    page = Environment(
        loader=PackageLoader("flatbook.reports", package_path="."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    page.filters |= {
        "amount": amount,
        "worst": lambda one: worst_text(one.worst),
        "package": package_text,
        "packages": packages_of,
        "told": reported_text,
        "decided": worst_text,
        "relieved": lambda answer, account: relief_text(account, answer),
        "trades": trades_text,
        "rate": rate,
        "binding": binding_of,
        "released": lambda one: most_released(one, 5),
    }
    return page.get_template("margin.html.j2")
