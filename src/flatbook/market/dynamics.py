"""How volatility moves when spot does: one object per underlying, read by deltas, slides and P&L explain alike.

Source: domain reference 4.15; L. Bergomi, "Stochastic Volatility Modeling" (2016), ch. 9: the skew stickiness ratio R of
an expiry is the move of its at-the-money volatility in units of skew times log return. With x the log return, k = ln(K/F)
and S the slope of the smile in k,

    at the money: R S x          of a fixed strike: (R - 1) S x, to first order

R = 0 keeps the smile by moneyness, R = 1 by strike, R = 2 is a local volatility near expiry. In full, the smile is read at
a moneyness that moves by (R - 1) x: vol(K) = smile(k + (R - 1) x). That is exact for R = 0 and R = 1, for a linear smile
at any R, has the first-order move as its slope, and reads no volatility that the smile does not hold, however large
the move.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.parameters import UnderlyingTerms
from flatbook.model.table import Floats

SmileVol = Callable[[Floats], Floats]


class SpotVolExplained(NamedTuple):
    """P&L of a change of volatility, float64[n] each: what spot explains of it, and the rest."""

    with_spot: Floats
    apart: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotVolDynamics:
    """How the volatilities of one underlying follow its price.

    Between tenors R is linear in the logarithm of time, flat outside. `beta` serves where no smile tells a skew.
    """

    tenor_years: tuple[float, ...]  # ascending, above 0
    stickiness: tuple[float, ...]  # R of each tenor
    beta: float = -1.0  # change of the at-the-money vol of `reference_years` per log return of 1
    reference_years: float = 30.0 / 365.0
    tenor_exponent: float = 0.5  # at-the-money moves fall with (reference_years / years) to this power

    def __post_init__(self) -> None:
        """Refuse numbers that describe no dynamics."""
        tenors, ratios = np.array(self.tenor_years), np.array(self.stickiness)
        in_order = tenors.size > 0 and bool((tenors > 0.0).all()) and bool((np.diff(tenors) > 0.0).all())
        if not (in_order and tenors.size == ratios.size and np.isfinite(ratios).all()):
            msg = (
                f"spot-vol dynamics: need tenors above 0 in ascending order and one finite stickiness each, "
                f"found tenor_years={self.tenor_years} and stickiness={self.stickiness}"
            )
            raise InvalidValueError(msg)
        if not (np.isfinite([self.beta, self.tenor_exponent]).all() and 0.0 < self.reference_years < np.inf):
            msg = (
                f"spot-vol dynamics: need a finite beta and tenor_exponent and reference_years above 0, "
                f"found {self.beta}, {self.tenor_exponent}, {self.reference_years}"
            )
            raise InvalidValueError(msg)

    @property
    def keeps_strikes(self) -> bool:
        """Whether the vol of a fixed strike stays whatever spot does."""
        return self.beta == 0.0 and all(ratio == 1.0 for ratio in self.stickiness)

    def stickiness_at(self, years: Floats) -> Floats:
        """R at each time to expiry, float64[n]; NaN for NaN."""
        time = np.log(np.maximum(years, self.tenor_years[0]))
        return np.asarray(np.interp(time, np.log(self.tenor_years), self.stickiness))

    def tenor_weight(self, years: Floats) -> Floats:
        """Move of the at-the-money vol relative to that of `reference_years`, float64[n]."""
        return np.asarray((self.reference_years / years) ** self.tenor_exponent)

    def vol_move(self, relative_move: float, years: Floats, skew: Floats) -> Floats:
        """First-order change of the vol of each fixed strike when spot moves.

        Parameters
        ----------
        relative_move : float
            Of spot: -0.1 is 10 % down; above -1.
        years : float64[n]
            To expiry.
        skew : float64[n]
            Slope of the smile in ln(K/F), vol per 1.00: at each strike, or at the money for all.

        Returns
        -------
        float64[n]
            Annual decimal.
        """
        return np.asarray((self.stickiness_at(years) - 1.0) * skew * np.log1p(relative_move))

    def vol_move_on_smile(
        self, relative_move: float, log_moneyness: Floats, years: Floats, smile_vol: SmileVol
    ) -> Floats:
        """Change of the vol of each fixed strike when spot moves, the smile read anew.

        Parameters
        ----------
        relative_move : float
            Of spot; above -1.
        log_moneyness, years : float64[n]
            ln(K/F) before the move, and time to expiry.
        smile_vol : callable
            The vol of each series at a log-moneyness, float64[n] to float64[n].

        Returns
        -------
        float64[n]
            Annual decimal.
        """
        shift = (self.stickiness_at(years) - 1.0) * np.log1p(relative_move)
        return np.asarray(smile_vol(log_moneyness + shift) - smile_vol(log_moneyness))

    def atm_move(self, relative_move: float, years: Floats) -> Floats:
        """Change of at-the-money vol by beta and tenor alone, where no smile tells a skew, float64[n]."""
        return np.asarray(self.beta * self.tenor_weight(years) * np.log1p(relative_move))

    def smile_delta(self, delta: Floats, vega: Floats, skew: Floats, spot: Floats, years: Floats) -> Floats:
        """Delta with the vol that comes with the move: delta + vega (R - 1) skew / spot.

        Parameters
        ----------
        delta : float64[n]
            dV/dS at a fixed vol of each strike.
        vega : float64[n]
            dV/dvol, per 1.00.
        skew : float64[n]
            Slope of the smile in ln(K/F), as in `vol_move`.
        spot, years : float64[n]

        Returns
        -------
        float64[n]
        """
        return np.asarray(delta + vega * (self.stickiness_at(years) - 1.0) * skew / spot)

    def explain_spot_vol(
        self, vega: Floats, skew: Floats, years: Floats, relative_move: float, vol_change: Floats
    ) -> SpotVolExplained:
        """Split the vega P&L of a step into what came with spot and what came apart from it.

        The first part is what `smile_delta` hedges and `vol_move` slides; a report that shows the delta P&L of
        `smile_delta` shows only the second as vega P&L.

        Parameters
        ----------
        vega, skew, years : float64[n]
            As in `smile_delta`.
        relative_move : float
            Of spot over the step.
        vol_change : float64[n]
            Of each fixed strike over the step.
        """
        with_spot = self.vol_move(relative_move, years, skew)
        return SpotVolExplained(with_spot=vega * with_spot, apart=vega * (vol_change - with_spot))


def dynamics_of_terms(terms: UnderlyingTerms) -> SpotVolDynamics:
    """What the desk file says of one underlying."""
    return SpotVolDynamics(
        tenor_years=tuple(days / CALENDAR_DAYS for days in terms.stickiness_days),
        stickiness=terms.stickiness,
        beta=terms.spot_vol_beta,
        reference_years=terms.spot_vol_reference_days / CALENDAR_DAYS,
        tenor_exponent=terms.spot_vol_tenor_exponent,
    )
