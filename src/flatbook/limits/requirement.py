"""What a scope must be backed with: what others report of it beside our own requirement, and what a contract adds to ours."""

from collections.abc import Mapping

import numpy as np

from flatbook.limits.measured import Measured
from flatbook.margin.capital import Part
from flatbook.model.table import Floats, Ints

Reports = Mapping[str, Mapping[str, float]]
"""USD by source, then by underlying; `limits.measured.DESK` is the whole desk."""


def reported_usd(reports: Reports, scope: str | None, names: tuple[str, ...]) -> float:
    """What others ask for a scope: the most over the sources; 0 where none says anything of it.

    A source that reports nothing for the scope itself asks for the sum of what it reports for underlyings within it: nobody told
    of an offset between them.

    Parameters
    ----------
    reports : Reports
    scope : str or None
        An underlying, or `DESK`; None for a group, of which nobody reports as such.
    names : tuple of str
        Underlyings within it.
    """
    asked = (
        said[scope]
        if scope is not None and scope in said
        else sum(said[name] for name in names if name in said)
        for said in reports.values()
    )
    return max(asked, default=0.0)


def slope_of(measured: Measured, parts: list[Part], rows: Ints) -> Floats:
    """What a contract bought of `rows` adds to the sum of `parts`, USD, float64[n_rows]; 0 for all other rows.

    Where the minimum binds, a contract is one minimum.
    """
    capital, table = measured.capital, measured.market.table
    counted, worst = np.zeros(len(table.underlyings)), np.zeros(len(table.underlyings), dtype=np.int64)
    for part in parts:
        if part.charge > part.minimum:
            counted[part.underlyings], worst[part.underlyings] = part.counted, part.worst
    slope, of = np.zeros(len(table.instruments)), table.underlying_of[rows]
    slope[rows] = np.where(
        counted[of] > 0.0,
        -counted[of] * capital.contract_pnl[rows, worst[of]],
        np.sign(measured.exposure.quantity[rows]) * minimum_of_one(measured, rows),
    )
    return slope


def minimum_of_one(measured: Measured, rows: Ints) -> Floats:
    """The least capital of one contract of each row, long or short."""
    table = measured.market.table
    rate = np.array([measured.desk.terms_of(name).capital_minimum_usd for name in table.underlyings])
    return np.where(table.is_option[rows], table.multiplier[rows] * rate[table.underlying_of[rows]], 0.0)
