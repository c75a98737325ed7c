"""The relaxation of an option offset: fractions of lots and any number of legs, by PIQP; its value is a bound for every plan.

A leg is what is bought less what is sold, a breach is a slack with a price, one for all rows of a limit. Rows come in as they are broken: most never are, so the programme
that PIQP factors stays small. The answer has a shadow price for every row, 0 for those that never came in.

Source: R. Schwan, Y. Jiang, D. Kuhn, C. Jones, "PIQP: a proximal interior-point quadratic programming solver", 62nd IEEE CDC (2023).
"""

from dataclasses import dataclass

import numpy as np

from flatbook.hedging.offset_problem import WholeLots
from flatbook.model.table import Floats, Ints

_TOLERANCE = 1e-7  # of PIQP
_DIGITS = 6  # of a lot: the last ones differ from processor to processor
_BROKEN = 1e-7  # of the largest level: a row beyond it comes in


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Relaxation:
    """The best in fractions."""

    lots: Floats  # float64[n]
    bound_usd: float  # no plan is worth less, without `before_usd`
    shadow: (
        Floats  # float64[r] USD for a unit of each row's level; those of a limit add up to its price at most
    )
    breach_usd: float  # price of the breaches left even so
    solved: bool  # PIQP ended as it should
    iterations: int


def used(whole: WholeLots, lots: Floats) -> Floats:
    """How much of what may be traded of each leg is, float64[n] from 0 to 1."""
    most = np.where(lots > 0.0, whole.bounds[1], -whole.bounds[0])
    return np.asarray(np.abs(lots) / np.maximum(most, 1))


def relax(
    whole: WholeLots,
    legs_max: float | None = None,
) -> Relaxation:
    """Solve the relaxation.

    Parameters
    ----------
    whole : WholeLots
    legs_max : float, optional
        The used shares of what may be traded of each leg add up to no more; they do for any plan of that many legs. No bound otherwise.
    """
    usable = np.flatnonzero((whole.bounds[0] < 0) | (whole.bounds[1] > 0))
    inside = whole.level > 0.0
    tolerance = _BROKEN * (1.0 + np.abs(whole.level))
    programme = _Programme(whole, usable, legs_max)
    while True:
        found = programme.solved_with(np.flatnonzero(inside))
        broken = whole.level + found.lots @ whole.rows > tolerance
        if not (broken & ~inside).any():
            return found
        inside |= broken


class _Programme:
    """What PIQP is handed, but for the rows."""

    def __init__(self, whole: WholeLots, usable: Ints, legs_max: float | None) -> None:
        self.whole, self.usable = whole, usable
        part = whole.quadratic[np.ix_(usable, usable)]
        self.quadratic = np.block([[part, -part], [-part, part]])
        slope, sides = whole.slope[usable], whole.sides[:, usable]
        self.linear = np.concatenate((slope + sides[0], sides[1] - slope))
        self.unit = max(float(np.abs(self.linear).max(initial=0.0)), 1e-12)  # the objective is told in it
        self.legs_max = legs_max if legs_max is not None and legs_max < usable.size else None
        self.most = np.concatenate((whole.bounds[1, usable], -whole.bounds[0, usable])).astype(np.float64)

    def solved_with(self, inside: Ints) -> Relaxation:
        """The relaxation with these rows."""
        whole, usable = self.whole, self.usable
        n, k, m = usable.size, 2 * usable.size, inside.size
        slopes = whole.rows[np.ix_(usable, inside)].T
        norm = np.abs(slopes).max(axis=1, initial=0.0)
        norm[norm == 0.0] = 1.0
        firsts, of = np.unique(whole.limit[inside], return_inverse=True)
        s = firsts.size
        unit = np.zeros(s)  # USD that a slack of 1 costs
        np.maximum.at(unit, of, whole.price[inside] * norm)
        quadratic = np.zeros((k + s, k + s), order="F")
        quadratic[:k, :k] = self.quadratic / self.unit
        linear = np.concatenate((self.linear, unit)) / self.unit
        left = np.zeros((m + (self.legs_max is not None), k + s), order="F")
        left[:m, :n] = slopes / norm[:, None]
        left[:m, n:k] = -left[:m, :n]
        left[np.arange(m), k + of] = -unit[of] / (whole.price[inside] * norm)
        right = -whole.level[inside] / norm
        if self.legs_max is not None:
            left[m, :k] = 1.0 / np.maximum(self.most, 1.0)
            right = np.append(right, self.legs_max)
        import piqp  # type: ignore[import-untyped]  # noqa: PLC0415 - only offsets wait for the solver

        solver = piqp.DenseSolver()
        solver.settings.eps_abs = solver.settings.eps_rel = _TOLERANCE
        most = np.concatenate((self.most, np.full(s, np.inf)))
        solver.setup(quadratic, linear, None, None, left, None, right, np.zeros(k + s), most)
        status = solver.solve()
        answer = solver.result
        lots, shadow = np.zeros(whole.slope.size), np.zeros(whole.level.size)
        lots[usable] = np.clip(answer.x[:n], 0.0, self.most[:n]) - np.clip(answer.x[n:k], 0.0, self.most[n:])
        shadow[inside] = np.clip(answer.z_u[:m] * self.unit / norm, 0.0, whole.price[inside])
        return Relaxation(
            lots=np.round(lots, _DIGITS),
            bound_usd=float(min(answer.info.dual_obj, answer.info.primal_obj)) * self.unit,
            shadow=shadow,
            breach_usd=float(unit @ np.maximum(answer.x[k:], 0.0)),
            solved=status == piqp.PIQP_SOLVED,
            iterations=int(answer.info.iter),
        )
