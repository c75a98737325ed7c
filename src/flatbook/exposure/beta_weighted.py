"""Delta in units of the desk's index, and beside it the deviation that the index does not explain.

An underlying's return is beta times the index's and a rest of its own. The rest is told by history, r - beta r_index day by day, or where
there is too little of it by volatilities: s^2 - beta^2 s_index^2. Rests told by history keep their correlations; the others count as
independent. Source: domain reference 1.2.5, 4.11.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.exposure.factor_covariance import estimate
from flatbook.market.view import MarketView
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.parameters import Desk
from flatbook.model.table import Bools, Floats

HALF_LIFE_DAYS = 60.0
_SAMPLES_MIN = 20.0  # effective days without which volatilities tell the rest
FROM_HISTORY, FROM_VOLATILITY = "history", "volatilities"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BetaWeighted:
    """Direction in terms of one index. Deviations over the desk's holding time."""

    delta_usd: Floats  # float64[U]: beta times delta, of a 100 % move of the index
    index_shares: float  # of all underlyings together; NaN without an index
    idiosyncratic_usd: (
        Floats  # float64[U]: standard deviation of what the index does not explain; NaN with a reason
    )
    idiosyncratic_desk_usd: float
    source: tuple[str, ...]  # of each underlying's rest: history or volatilities; empty where it is not known
    reason: tuple[str, ...]  # why it is not known; empty where it is


def beta_weighted(delta_usd: Floats, market: MarketView, desk: Desk, spot_vol: Floats) -> BetaWeighted:
    """Weigh deltas by the betas of the desk.

    Parameters
    ----------
    delta_usd : float64[U]
        Of a 100 % move of each underlying: whichever delta is wanted, Black, smile or of minimum variance.
    market : MarketView
        For prices and history.
    desk : Desk
        For betas, the index and the holding time.
    spot_vol : float64[U]
        Annual, of 30 days.
    """
    names = market.table.underlyings
    beta = np.array([desk.terms_of(name).beta for name in names])
    weighted = beta * delta_usd
    if desk.appetite.index not in names:
        unknown, reason = np.full(len(names), np.nan), "the desk names no index that the market has"
        return BetaWeighted(
            delta_usd=weighted, index_shares=float("nan"), idiosyncratic_usd=unknown,
            idiosyncratic_desk_usd=float("nan"), source=("",) * len(names), reason=(reason,) * len(names),
        )  # fmt: skip
    at = names.index(desk.appetite.index)
    rest, told, reason_of = _rests(
        market, desk, at, np.where(np.arange(len(names)) == at, 1.0, beta), spot_vol
    )
    alone = np.abs(delta_usd) * np.sqrt(np.diag(rest))
    return BetaWeighted(
        delta_usd=weighted,
        index_shares=float(weighted.sum() / market.spot[at]),
        idiosyncratic_usd=np.where(delta_usd == 0.0, 0.0, alone),
        idiosyncratic_desk_usd=_deviation(delta_usd, rest),
        source=tuple(
            "" if reason else FROM_HISTORY if known else FROM_VOLATILITY
            for known, reason in zip(told.tolist(), reason_of, strict=True)
        ),
        reason=reason_of,
    )


def _rests(
    market: MarketView, desk: Desk, at: int, beta: Floats, spot_vol: Floats
) -> tuple[Floats, Bools, tuple[str, ...]]:
    """Covariance of the rests over the holding time, which of them history told, and why some are not known."""
    years = desk.appetite.holding_days / CALENDAR_DAYS
    own = np.where(np.arange(beta.size) == at, 0.0, spot_vol**2 - (beta * spot_vol[at]) ** 2)
    rest = np.diag(np.where(own >= 0.0, own, np.nan) * years)
    history = market.history
    told = np.zeros(beta.size, dtype=np.bool_)
    if history.moves.shape[1] == beta.size and history.days.size:
        found = estimate(history.moves - beta * history.moves[:, [at]], half_life=HALF_LIFE_DAYS)
        told = found.effective_samples >= _SAMPLES_MIN
        per_year = history.days.size * CALENDAR_DAYS / history.days.sum()
        both = np.ix_(told, told)
        rest[both] = found.matrix[both] * per_year * years
    contradicts = (
        f"beta times the volatility of {desk.appetite.index} is above its own: one of the two is wrong"
    )
    unknown = "no volatility of it or of the index"
    reasons = tuple(
        "" if known or np.isfinite(one) else contradicts if np.isfinite(vol) else unknown
        for known, one, vol in zip(told.tolist(), np.diag(rest).tolist(), own.tolist(), strict=True)
    )
    return rest, told, reasons


def _deviation(delta_usd: Floats, rest: Floats) -> float:
    held = delta_usd != 0.0
    e = delta_usd[held]
    variance = float(e @ rest[np.ix_(held, held)] @ e)
    return float(np.sqrt(max(variance, 0.0))) if np.isfinite(variance) else float("nan")
