"""One book beside another: the figures that a trade is made to change, before and after."""

from collections.abc import Collection

from flatbook.engine.cycle import Cycle
from flatbook.engine.measure import Measurement
from flatbook.model.measures import MEANINGS, Measure
from flatbook.model.table import Floats
from flatbook.reports.columns import Columns
from flatbook.reports.missing import Missing
from flatbook.reports.schema_decisions import Change, ResidualOf

_TOLD = (Measure.DELTA_USD, Measure.GAMMA_USD_PER_PCT, Measure.VEGA_USD_PER_POINT)
_UNMEASURED = "it could not be measured: see the same figure in exposure"


def changes_of(
    cycle: Cycle,
    columns: Columns,
    after: Measurement,
    underlyings: Collection[str],
    path: str,
    missing: Missing,
) -> tuple[ResidualOf, ...]:
    """The desk, and each of `underlyings`, before and after.

    Parameters
    ----------
    cycle, columns
        The book before.
    after : Measurement
        The book after.
    underlyings : collection of str
        That are told of.
    path : str
        Of these rows in the report.
    missing : Missing
    """
    names = cycle.table.underlyings
    chosen = [u for u, name in enumerate(names) if name in underlyings]
    return (
        _desk(cycle, after, path, missing),
        *(_underlying(cycle, columns, after, u, path, missing) for u in chosen),
    )


def _desk(cycle: Cycle, after: Measurement, path: str, missing: Missing) -> ResidualOf:
    books = (cycle.held, after)
    return _scope(
        "desk",
        [book.exposure.desk for book in books],
        [book.gaps.worst_desk for book in books],
        [book.capital.desk for book in books],
        path,
        missing,
    )


def _underlying(
    cycle: Cycle, columns: Columns, after: Measurement, u: int, path: str, missing: Missing
) -> ResidualOf:
    mine = columns.held[cycle.table.underlying_of[columns.held] == u]
    books = (cycle.held, after)
    return _scope(
        cycle.table.underlyings[u],
        [columns.known(book.exposure.by_underlying[u], mine) for book in books],
        [float(book.gaps.worst_by_underlying[u]) for book in books],
        [float(book.capital.by_underlying[u]) for book in books],
        path,
        missing,
    )


def _scope(
    scope: str,
    measures: list[Floats],
    gap: list[float],
    capital: list[float],
    path: str,
    missing: Missing,
) -> ResidualOf:
    lines = [
        (MEANINGS[measure].name, MEANINGS[measure].unit, [float(one[measure]) for one in measures])
        for measure in _TOLD
    ]
    lines += [("gap_loss_usd", "USD", gap), ("capital_usd", "USD", capital)]
    where = f"{path}[{scope}].changes"
    return ResidualOf(
        scope=scope,
        changes=tuple(
            Change(
                name=name,
                unit=unit,
                before=missing.number(before, f"{where}[{name}].before", _UNMEASURED),
                after=missing.number(after, f"{where}[{name}].after", _UNMEASURED),
            )
            for name, unit, (before, after) in lines
        ),
    )
