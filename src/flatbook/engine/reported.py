"""Two engines that may disagree: what others say that our book must be backed with, beside what we say."""

from collections.abc import Iterable
from math import isfinite

from flatbook.limits.measured import DESK
from flatbook.margin.capital import Capital
from flatbook.margin.reported import (
    Comparison,
    DifferenceLimits,
    OwnRequirement,
    ReportedRequirement,
    compare,
)
from flatbook.model.events import REPORT_AHEAD_MAX_NS, CapitalReported

_CURRENCY = "USD"
_NO_LIMIT = DifferenceLimits(
    ahead_max_ns=REPORT_AHEAD_MAX_NS
)  # the desk's own limits bound the difference; a report of yesterday is stale


NOTHING_REPORTED = compare((), (), _NO_LIMIT, 0)


def remember_report(reports: dict[tuple[str, str], CapitalReported], event: CapitalReported) -> None:
    """Keep the report of the latest positions of each source; one that comes late replaces nothing."""
    key = event.underlying, event.source
    if key not in reports or event.as_of_ns >= reports[key].as_of_ns:
        reports[key] = event


def compared(
    reports: Iterable[CapitalReported], capital: Capital, underlyings: tuple[str, ...], now_ns: int
) -> Comparison:
    """Our requirement beside each report, by underlying (`DESK`: all).

    Parameters
    ----------
    reports : iterable of CapitalReported
    capital : Capital
        Ours.
    underlyings : tuple of str
        As its rows.
    now_ns : int
    """
    mine = {DESK: capital.desk} | dict(zip(underlyings, capital.by_underlying.tolist(), strict=True))
    those = [
        ReportedRequirement(
            group=one.underlying,
            source=one.source,
            currency=_CURRENCY,
            requirement=one.requirement_usd,
            as_of_ns=one.as_of_ns,
        )
        for one in reports
    ]
    own = [
        OwnRequirement(
            group=one.group,
            source=one.source,
            currency=_CURRENCY,
            requirement=mine.get(one.group, float("nan")),
        )
        for one in those
    ]
    return compare(own, those, _NO_LIMIT, now_ns)


def usable_reports(comparison: Comparison) -> dict[str, dict[str, float]]:
    """The usable reports of each source, by scope."""
    out: dict[str, dict[str, float]] = {}
    for scope, source, usd in zip(
        comparison.group, comparison.source, comparison.reported.tolist(), strict=True
    ):
        if isfinite(usd):
            out.setdefault(source, {})[scope] = usd
    return out


def differences(comparison: Comparison) -> dict[str, float]:
    """The largest difference of each scope, either way; NaN where a report cannot be compared."""
    out: dict[str, float] = {}
    for scope, apart in zip(comparison.group, comparison.difference.tolist(), strict=True):
        size, before = abs(apart), out.get(scope, 0.0)
        out[scope] = size if size != size or size > before else before  # noqa: PLR0124 - NaN stays
    return out
