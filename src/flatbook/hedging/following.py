"""What history tells of a hedge instrument: its beta, its correlation, their errors, and its basis in calm and in stress.

Source: domain reference 4.11. The daily log returns of the underlying on those of the product give the ratio of least variance b with its
error (`betas.least_squares`), and a currency unit of the product carries 1 / b of exposure, with error / b^2 (delta method). The
basis x - b h, summed up, reverts to its mean (`basis.fitted_basis`): the share of the underlying's variance that it has over the holding
time is 1 - correlation^2. The error of a correlation r is (1 - r^2) / sqrt(n) (R. Fisher, Biometrika 10 (1915) 507-521). Stress are
the days after a move of the underlying beyond `_STRESS_DEVIATIONS`.
"""

from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from flatbook.hedging.basis import fitted_basis, large_moves, stressed_basis
from flatbook.hedging.betas import least_squares
from flatbook.market.history import History
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.parameters import Desk
from flatbook.model.table import Floats

DAYS_MIN = 60  # of both, without which the configured numbers stand
_STRESS_DEVIATIONS = 3.0
_STRESS_HALF_LIFE = 60.0  # days
_STRESS_AFTER = 5  # days
_STRESS_DAYS_MIN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """How one product follows its underlying."""

    ratio: float  # units of the product sold against a unit of the underlying
    ratio_error: float
    correlation: float  # over the holding time
    correlation_error: float
    stress_ratio: (
        float  # variance of the basis in stress over that in calm; NaN where there was too little stress
    )
    days: int


def following_of(terms: HedgeTerms, history: History, holding_days: float) -> Following | None:
    """What `history` tells of one product; None where it has too few days of both, or the product explains nothing.

    Parameters
    ----------
    terms : HedgeTerms
        With the underlying whose closes stand for it.
    history : History
    holding_days : float
        Calendar days.
    """
    names = history.underlyings
    if terms.history not in names or terms.instrument.underlying not in names:
        return None
    x, h = (
        np.log1p(history.moves[:, names.index(name)]) for name in (terms.instrument.underlying, terms.history)
    )
    both = np.isfinite(x) & np.isfinite(h)
    x, h, days = x[both], h[both], history.days[both]
    if x.size < DAYS_MIN or not (np.var(x) > 0.0 and np.var(h) > 0.0):
        return None
    fit = least_squares(x, h[:, None])
    ratio = float(fit.beta[0])
    if not (ratio > 0.0 and fit.effectiveness > 0.0):
        return None
    share = _basis_share(x, h, ratio, float(days.mean()), holding_days)
    correlation = float(np.sqrt(max(1.0 - share, 1e-12)))
    return Following(
        ratio=ratio,
        ratio_error=float(fit.standard_error[0]),
        correlation=correlation,
        correlation_error=(1.0 - correlation**2) / float(np.sqrt(x.size)),
        stress_ratio=_stress_ratio(x, h, ratio),
        days=int(x.size),
    )


def estimated(desk: Desk, history: History) -> Desk:
    """The desk with what history tells in place of what it says of the instruments that ask for it (`estimate`).

    Beta, correlation, their errors and the basis in stress; what it says of the others stands, and of those with too little history.
    """
    return replace(desk, hedges=tuple(_estimated(terms, history, desk) for terms in desk.hedges))


def _estimated(terms: HedgeTerms, history: History, desk: Desk) -> HedgeTerms:
    told = following_of(terms, history, desk.appetite.holding_days) if terms.estimate else None
    if told is None:
        return terms
    return replace(
        terms,
        instrument=replace(terms.instrument, beta=1.0 / told.ratio),
        beta_error=told.ratio_error / told.ratio**2,
        correlation=told.correlation,
        correlation_error=told.correlation_error,
        basis_stress_ratio=told.stress_ratio if np.isfinite(told.stress_ratio) else terms.basis_stress_ratio,
    )


def _basis_share(x: Floats, h: Floats, ratio: float, step_days: float, holding_days: float) -> float:
    """Variance of the basis over the holding time as a share of the underlying's, 0 to 1."""
    steps = holding_days / step_days
    moved = x - ratio * h
    if not np.var(moved) > 1e-12 * np.var(x):
        return 0.0
    per_step = float(np.var(moved))
    process = fitted_basis(np.concatenate(([0.0], np.cumsum(moved))), step_days / CALENDAR_DAYS)
    reverting = process.deviation(holding_days / CALENDAR_DAYS) ** 2
    known = process.reversion_per_year > 2.0 * process.reversion_error
    held = min(reverting, per_step * steps) if known and steps > 1.0 else per_step * steps
    return float(np.clip(held / (np.var(x) * steps), 0.0, 1.0))


def _stress_ratio(x: Floats, h: Floats, ratio: float) -> float:
    stress = large_moves(x, deviations=_STRESS_DEVIATIONS, half_life=_STRESS_HALF_LIFE, after=_STRESS_AFTER)
    if stress.sum() < _STRESS_DAYS_MIN or (~stress).sum() < _STRESS_DAYS_MIN:
        return float("nan")
    return stressed_basis(x, h[:, None], np.array([ratio]), stress).variance_ratio
