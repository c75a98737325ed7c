"""What would be: the book after some trades, beside the book, its limits and its slides."""

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.engine.measure import WhatIf
from flatbook.reports.changes import changes_of
from flatbook.reports.columns import Columns
from flatbook.reports.exposures import grid_of
from flatbook.reports.missing import Missing
from flatbook.reports.schema_what_if import LimitChange, TradeRow, WhatIfRow


def what_ifs_of(
    cycle: Cycle, asked: tuple[WhatIf, ...], columns: Columns, missing: Missing
) -> tuple[WhatIfRow, ...]:
    """Orders at work first, then what somebody asked."""
    every = (*((cycle.working,) if cycle.working else ()), *asked)
    return tuple(what_if_of(cycle, one, columns, f"what_if[{one.name}]", missing) for one in every)


def what_if_of(cycle: Cycle, one: WhatIf, columns: Columns, path: str, missing: Missing) -> WhatIfRow:
    """The row of one question at `path` of the report."""
    rows = np.flatnonzero(one.trades)
    touched = {cycle.table.underlyings[u] for u in np.unique(cycle.table.underlying_of[rows]).tolist()}
    return WhatIfRow(
        name=one.name,
        trades=tuple(
            TradeRow(
                side="buy" if one.trades[row] > 0 else "sell",
                contracts=abs(int(one.trades[row])),
                symbol=cycle.table.instruments[row].symbol,
            )
            for row in rows.tolist()
        ),
        scopes=changes_of(cycle, columns, one.after, touched, f"{path}.scopes", missing),
        limits=_limits(cycle, one, path, missing),
        desk_slide_usd=grid_of(one.after.slides.desk, f"{path}.desk_slide_usd", missing),
    )


def _limits(cycle: Cycle, one: WhatIf, path: str, missing: Missing) -> tuple[LimitChange, ...]:
    """Limits whose utilisation the trades change, the fullest after them first."""
    pairs = list(zip(cycle.standing.limits, one.standing.limits, strict=True))
    moved = [
        (before, after)
        for before, after in pairs
        if not np.array_equal(before.utilisation, after.utilisation, equal_nan=True)
    ]
    moved.sort(key=lambda pair: (-np.nan_to_num(pair[1].utilisation, nan=np.inf), pair[1].limit.name))
    why = "the measure could not be computed, which counts as a breach"
    return tuple(
        LimitChange(
            name=after.limit.name,
            utilisation_before=missing.number(
                before.utilisation, f"{path}.limits[{after.limit.name}].utilisation_before", why
            ),
            utilisation_after=missing.number(
                after.utilisation, f"{path}.limits[{after.limit.name}].utilisation_after", why
            ),
            step_before=before.step.name,
            step_after=after.step.name,
        )
        for before, after in moved
    )
