"""The residual ledger: what every hedge leaves behind, in variance, with an owner, an expected cost and a horizon.

Source: domain reference 4.11, 4.13, 4.14. Five kinds: the basis a proxy does not follow, volatility that a hedge of direction leaves,
the path while a hedge is not done yet, dated events, and the direction that a band leaves on purpose. With d the standard
deviations of the entries and R their correlations (none, unless they are given), the ledger's variance is d'Rd. It is held against
the factor model's E'SE of the same book; what either has and the other has not is a line of its own, never a silent difference.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite, nan

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Floats

_SLACK = 1e-9  # of a correlation


class RiskKind(StrEnum):
    """What kind of risk is left."""

    BASIS = "basis"
    VOLATILITY = "volatility"
    EXECUTION = "execution"
    EVENT = "event"
    DIRECTION = "direction"  # delta inside the band, and gamma


MODELLED = frozenset({RiskKind.DIRECTION, RiskKind.VOLATILITY})  # what factors of spot and volatility tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One risk that is left."""

    kind: RiskKind
    underlying: str
    source: str  # the hedge, position or event that leaves it
    owner: str
    variance_usd2: float  # over the horizon; NaN where it cannot be told, with a reason
    expected_cost_usd: float  # of bearing or of trading it, plus is a cost; NaN likewise
    horizon_days: float
    reason: str = ""

    @property
    def deviation_usd(self) -> float:
        """Standard deviation over the horizon."""
        return float(np.sqrt(self.variance_usd2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """All that is left."""

    entries: tuple[Entry, ...]
    correlation: Floats  # [n, n] of the entries
    variance_usd2: float  # of the whole; NaN where an entry has none
    expected_cost_usd: float

    @property
    def deviation_usd(self) -> float:
        """Standard deviation of the whole."""
        return float(np.sqrt(self.variance_usd2))

    @property
    def shares_usd2(self) -> Floats:
        """What each entry adds to the variance of the whole, float64[n]: they add up to it (Euler)."""
        deviations = np.array([entry.deviation_usd for entry in self.entries])
        return np.asarray(deviations * (self.correlation @ deviations))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Ledger and factor model of one book, in USD^2.

    in_both + not_in_model = ledger, in_both + not_in_ledger = model. A line below 0 says that the other counts more.
    """

    ledger: float
    model: float
    in_both: float  # the ledger's own figure for the kinds that the model tells
    not_in_ledger: float
    not_in_model: float


def ledger_of(entries: tuple[Entry, ...], correlation: Floats | None = None) -> Ledger:
    """Sum entries.

    Parameters
    ----------
    entries : tuple of Entry
    correlation : float64[n, n], optional
        Of their P&L; none of them with another where it is not given.

    Raises
    ------
    InvalidValueError
        A matrix of another shape, or one that no random variables have.
    """
    matrix = np.eye(len(entries)) if correlation is None else correlation
    _check(matrix, len(entries))
    for entry in entries:
        known = isfinite(entry.variance_usd2) and isfinite(entry.expected_cost_usd)
        assert known or entry.reason, f"{entry.kind} of {entry.source} is unknown without a reason"
    return Ledger(
        entries=entries,
        correlation=matrix,
        variance_usd2=_variance(entries, matrix),
        expected_cost_usd=float(sum(entry.expected_cost_usd for entry in entries)),
    )


def reconcile(ledger: Ledger, model_usd2: float, modelled: Collection[RiskKind] = MODELLED) -> Reconciliation:
    """Hold a ledger against the variance that a factor model gives the same book.

    Parameters
    ----------
    ledger : Ledger
    model_usd2 : float
        E'SE over the horizon of the ledger; NaN where there is none, then only the ledger's own figures are told.
    modelled : collection of RiskKind
        Kinds that the model's factors tell.
    """
    some = [at for at, entry in enumerate(ledger.entries) if entry.kind in modelled]
    both = _variance(tuple(ledger.entries[at] for at in some), ledger.correlation[np.ix_(some, some)])
    return Reconciliation(
        ledger=ledger.variance_usd2,
        model=model_usd2,
        in_both=both,
        not_in_ledger=model_usd2 - both if isfinite(model_usd2) else nan,
        not_in_model=ledger.variance_usd2 - both,
    )


def _variance(entries: tuple[Entry, ...], matrix: Floats) -> float:
    deviations = np.array([entry.deviation_usd for entry in entries])
    return float(deviations @ matrix @ deviations) if entries else 0.0


def _check(matrix: Floats, n: int) -> None:
    whole = matrix.shape == (n, n) and bool(np.isfinite(matrix).all())
    fits = (
        whole
        and np.allclose(np.diag(matrix), 1.0, atol=_SLACK)
        and np.allclose(matrix, matrix.T, atol=_SLACK)
    )
    if not (fits and (n == 0 or float(np.linalg.eigvalsh(matrix).min()) >= -_SLACK)):
        msg = (
            f"residual ledger: correlations of {n} entries must be a symmetric {n} x {n} matrix of finite numbers with 1 on its "
            f"diagonal and no eigenvalue below 0, found shape {matrix.shape}"
        )
        raise InvalidValueError(msg)
