"""The covariance of all factors over the holding time: configured, and informed by history where there is one.

Configured, it is made of independent shocks through loadings, so it has no negative eigenvalue: spot with its implied volatility,
between underlyings by their betas to the desk's index (by one correlation where it has none, or one without a volatility); levels of volatility with what follows spot by the desk's spot-vol dynamics
and a rest whose tenors are alike by exp(-decay |ln T / T'|); skew and curvature in proportion to the level; jumps by their
intensity; the variance of realised variance, 2 s^4 t^2; rates; dividends; basis by the correlation of each hedge. The numbers are
`FactorTerms` of the desk; every default of them is one that nobody has verified: estimate it, or configure it.

Level is the volatility of fixed strikes, as spot is delta at fixed strikes: when spot moves by x it moves by (R - 1) skew x, by the
stickiness R, or by beta where no surface tells a skew (`market.dynamics`). At-the-money volatilities of a history move by skew x more.
The hedge of least variance is then the smile delta. Source: domain reference 4.3, 4.5, 4.11, 4.14, 4.15.

History tells spots and one-month levels, and what the configured covariance says of all other factors given those is kept: with H
their estimated covariance, C the configured one, B = C_oh C_hh^-1, the others have B H and B H B' + C_oo - B C_ho.
"""

import numpy as np

from flatbook.exposure.factor_covariance import Covariance, estimate
from flatbook.exposure.factors import (
    BASIS,
    CURVATURES,
    DIVIDEND_YIELD,
    GAMMA,
    GAP_DOWN,
    GAP_UP,
    LEVELS,
    N_TENORS,
    RATE,
    SKEWS,
    SPOT,
    TENOR_YEARS,
    Factors,
)
from flatbook.kernels.surface_values import at_the_money
from flatbook.market.history import History
from flatbook.market.view import MarketView
from flatbook.model.factor_terms import FactorTerms
from flatbook.model.measures import CALENDAR_DAYS, VEGA_REFERENCE_DAYS
from flatbook.model.parameters import Desk
from flatbook.model.table import Bools, Floats, Ints
from flatbook.valuation.values import Values

ONE_MONTH = 1  # of the reference tenors: the 30-day volatility of a history
UNVERIFIED = "default, unverified"
_OF_COVARIANCE = (
    "correlation", "tenor_decay", "level_rest_min", "skew_share", "curvature_share", "jumps_per_year", "rate_bp_per_year",
    "dividend_yield_bp_per_year",
)  # fmt: skip
_SAMPLES_MIN = 10.0  # effective days without which a history is not used
_YEARS_MIN = 1e-9
_HALF_LIVES = 20  # of history; a millionth of the weight lies before


def covariance_of(
    market: MarketView,
    values: Values,
    desk: Desk,
    of: Factors,
    spot_vol: Floats,
) -> Covariance:
    """Covariance of all factors over the desk's holding time, in the order of a flattened [U, K] exposure.

    Parameters
    ----------
    market : MarketView
        Its history informs the covariance where it has enough days.
    values : Values
        For the dynamics.
    desk : Desk
        For betas, index, hedges, the volatility of volatility, the holding time and what else it says of factors.
    of : Factors
    spot_vol : float64[U]
        Annual, of 30 days (`riskprice.price.reference_vols`).
    """
    terms = desk.factors
    prior = configured(market, values, desk, of, spot_vol, terms)
    skew = _skews(market)[:, ONE_MONTH]
    moves, index = history_moves(market.history, skew, of.e.shape[1])
    per_year = moves.shape[0] * CALENDAR_DAYS / max(float(market.history.days.sum()), 1.0)
    span = per_year * desk.appetite.holding_days / CALENDAR_DAYS
    if not index.size or not span > 0.0:
        return prior
    own = prior.matrix[np.ix_(index, index)] / span
    kinds = (index % of.e.shape[1] != SPOT).astype(np.int64)
    told = estimate(
        moves[-round(_HALF_LIVES * terms.half_life_days) :],
        half_life=terms.half_life_days,
        lags=terms.lags,
        kinds=kinds,
        prior=own if np.isfinite(own).all() else None,
        shrinkage=terms.shrinkage,
    )
    enough = told.effective_samples >= _SAMPLES_MIN
    return informed(prior, _part(told, enough).times(span), index[enough])


def configured(
    market: MarketView, values: Values, desk: Desk, of: Factors, spot_vol: Floats, terms: FactorTerms
) -> Covariance:
    """Covariance over the holding time from the desk's terms alone; NaN for an underlying without a volatility."""
    count, kinds = of.e.shape[1], len(of.underlyings)
    loadings = _loadings(market, values, desk, of, spot_vol, terms)
    flat = loadings.reshape(kinds * count, loadings.shape[-1])
    matrix = flat @ flat.T
    return Covariance(
        matrix=0.5 * (matrix + matrix.T),
        standard_error=np.full(matrix.shape, np.nan),
        effective_samples=np.zeros(matrix.shape[0]),
        source=_source(terms, desk.appetite.index if _unknown_index(of, desk, spot_vol) else ""),
    )


def _source(terms: FactorTerms, unknown_index: str) -> str:
    """Which numbers of the covariance the desk says, that nobody has verified the others, and which index is not in it."""
    usual = FactorTerms()
    said = [name for name in _OF_COVARIANCE if getattr(terms, name) != getattr(usual, name)]
    source = f"{', '.join(said)} by the desk, all else {UNVERIFIED}" if said else UNVERIFIED
    if not unknown_index:
        return source
    return f"{source}; the index {unknown_index} has no volatility, so spots go together by correlation and not by beta"


def _unknown_index(of: Factors, desk: Desk, spot_vol: Floats) -> bool:
    """Whether the desk's index is there without a volatility, so that betas to it tell nothing."""
    index = desk.appetite.index
    return index in of.underlyings and not np.isfinite(spot_vol[of.underlyings.index(index)])


def informed(prior: Covariance, told: Covariance, index: Ints) -> Covariance:
    """The prior with what history told of some factors, `index`, in its place; all else given those as the prior has it."""
    if not index.size:
        return prior
    c = prior.matrix
    known = np.isfinite(np.diag(c))
    others = np.setdiff1d(np.flatnonzero(known), index)
    use = known[index]  # what the prior does not know has no regression on it
    h = told.matrix
    matrix, error = np.full(c.shape, np.nan), np.full(c.shape, np.nan)
    c_hh, c_oh = c[np.ix_(index[use], index[use])], c[np.ix_(others, index[use])]
    b = np.zeros((others.size, index.size))
    b[:, use] = c_oh @ np.linalg.pinv(c_hh, hermitian=True)
    rest = c[np.ix_(others, others)] - b[:, use] @ c_oh.T
    matrix[np.ix_(index, index)], error[np.ix_(index, index)] = h, told.standard_error
    matrix[np.ix_(others, index)] = b @ h
    matrix[np.ix_(index, others)] = (b @ h).T
    matrix[np.ix_(others, others)] = b @ h @ b.T + rest
    effective = prior.effective_samples.copy()
    effective[index] = told.effective_samples
    return Covariance(
        matrix=matrix,
        standard_error=error,
        effective_samples=effective,
        source=f"{told.source}; other factors {prior.source}",
    )


def history_moves(history: History, skew: Floats, kinds: int) -> tuple[Floats, Ints]:
    """Daily moves of spots and of one-month levels at fixed strikes, float64[d, F], and which factors they are, int64[F].

    Parameters
    ----------
    history : History
    skew : float64[U]
        Slope of one-month volatility in ln(K/F), today's for all days; NaN counts as 0.
    kinds : int
        Of factors.
    """
    at = np.arange(len(history.underlyings)) * kinds
    slide = 100.0 * np.nan_to_num(skew) * np.log1p(history.moves)
    spots, levels = np.flatnonzero(history.count), np.flatnonzero(history.vol_count)
    moves = np.hstack((history.moves[:, spots], (history.vol_points - slide)[:, levels]))
    return moves, np.concatenate((at[spots] + SPOT, at[levels] + LEVELS.start + ONE_MONTH))


def _part(told: Covariance, keep: Bools) -> Covariance:
    at = np.ix_(keep, keep)
    return Covariance(
        matrix=told.matrix[at],
        standard_error=told.standard_error[at],
        effective_samples=told.effective_samples[keep],
        source=told.source,
    )


def _loadings(
    market: MarketView, values: Values, desk: Desk, of: Factors, spot_vol: Floats, terms: FactorTerms
) -> Floats:
    """What each factor moves by for a standard deviation of each independent shock, float64[U, K, shocks]."""
    n, t = len(of.underlyings), desk.appetite.holding_days / CALENDAR_DAYS
    spot = _spots(of, desk, spot_vol, terms) * np.sqrt(t)  # [U, 1 + U]
    together = _shared(n, terms.correlation)  # [U, 1 + U]
    follows = _follows_spot(market, values, of)
    levels = _level_points(values, spot_vol, desk) * np.sqrt(t)
    with_spot = np.abs(follows) * np.sqrt((spot**2).sum(axis=1))[:, None]
    rest = np.sqrt(np.maximum(levels**2 - with_spot**2, terms.level_rest_min * levels**2))
    jumps = np.full(n, np.sqrt(terms.jumps_per_year * t))
    basis = _basis(of, market, desk, spot_vol) * np.sqrt(t)
    shocks = [
        _block(
            of,
            {SPOT: spot}
            | dict(enumerate(np.moveaxis(follows[:, :, None] * spot[:, None], 1, 0), LEVELS.start)),
        ),
        *(
            _by_tenor(of, columns.start, size, together, terms.tenor_decay)
            for columns, size in (
                (LEVELS, rest),
                (SKEWS, terms.skew_share * levels),
                (CURVATURES, terms.curvature_share * levels),
            )
        ),
        _block(of, {GAP_DOWN: jumps[:, None] * together}),
        _block(of, {GAP_UP: jumps[:, None] * together}),
        _block(of, {GAMMA: np.sqrt(2.0) * (spot_vol**2 * t)[:, None] * together}),
        _block(of, {RATE: np.full((n, 1), terms.rate_bp_per_year * np.sqrt(t))}),
        _block(of, {DIVIDEND_YIELD: np.eye(n) * terms.dividend_yield_bp_per_year * np.sqrt(t)}),
        *(_block(of, {BASIS + number: np.diag(basis[:, number])}) for number in range(basis.shape[1])),
    ]
    return np.concatenate(shocks, axis=2)


def _block(of: Factors, columns: dict[int, Floats]) -> Floats:
    """Loadings of some kinds of factor, float64[U, shocks] each, on shocks that no other kind has."""
    width = next(iter(columns.values())).shape[1]
    out = np.zeros((len(of.underlyings), of.e.shape[1], width))
    for kind, loadings in columns.items():
        out[:, kind] = loadings
    return out


def _by_tenor(of: Factors, start: int, size: Floats, together: Floats, decay: float) -> Floats:
    """Loadings of one factor of all tenors, of standard deviation `size` (float64[U, tenors]), alike by nearness in ln T."""
    time = np.log(TENOR_YEARS)
    alike = np.linalg.cholesky(np.exp(-decay * np.abs(np.subtract.outer(time, time))))
    each = size[:, :, None, None] * alike[None, :, :, None] * together[:, None, None, :]
    flat = each.reshape(size.shape[0], N_TENORS, N_TENORS * together.shape[1])
    return _block(of, {start + b: flat[:, b] for b in range(N_TENORS)})


def _shared(n: int, correlation: float) -> Floats:
    """Loadings of unit variance on one common shock and one of each underlying, float64[n, 1 + n]; alone there is no other."""
    return np.hstack((np.full((n, 1), np.sqrt(correlation)), np.eye(n) * np.sqrt(1.0 - correlation)))


def _spots(of: Factors, desk: Desk, spot_vol: Floats, terms: FactorTerms) -> Floats:
    """Annual loadings of spots, float64[U, 1 + U]: on the index by beta and on their own; without an index, or where it has no
    volatility, on what all share.

    Where beta times the index's volatility is above the underlying's own, its variance is that of beta.
    """
    n = len(of.underlyings)
    if desk.appetite.index not in of.underlyings or _unknown_index(of, desk, spot_vol):
        return np.asarray(_shared(n, terms.correlation) * spot_vol[:, None])
    betas = np.array([desk.terms_of(name).beta for name in of.underlyings])
    at = of.underlyings.index(desk.appetite.index)
    betas[at] = 1.0
    common = betas * spot_vol[at]
    own = np.sqrt(np.maximum(spot_vol**2 - common**2, 0.0))
    return np.hstack((common[:, None], np.diag(own)))


def _level_points(values: Values, spot_vol: Floats, desk: Desk) -> Floats:
    """Annual standard deviation of each level in points, float64[U, tenors]."""
    exponent = np.array([one.tenor_exponent for one in values.dynamics])
    reference = VEGA_REFERENCE_DAYS / CALENDAR_DAYS
    by_tenor = (reference / TENOR_YEARS) ** exponent[:, None]
    return np.asarray(100.0 * desk.appetite.vol_of_vol * spot_vol[:, None] * by_tenor)


def _follows_spot(market: MarketView, values: Values, of: Factors) -> Floats:
    """Points of each level, at fixed strikes, for a relative move of spot of 1, float64[U, tenors]; to first order."""
    out = np.empty((len(of.underlyings), N_TENORS))
    skews = _skews(market)
    for u, dynamics in enumerate(values.dynamics):
        by_smile = (dynamics.stickiness_at(TENOR_YEARS) - 1.0) * skews[u]
        by_beta = dynamics.beta * dynamics.tenor_weight(TENOR_YEARS)
        out[u] = 100.0 * np.where(np.isfinite(skews[u]), by_smile, by_beta)
    return out


def _skews(market: MarketView) -> Floats:
    """Slope of volatility in ln(K/F) at the money at each reference tenor, float64[U, tenors]; NaN where no surface tells it.

    The slope times the root of time is linear in the logarithm of time between expiries, flat outside.
    """
    out = np.full((len(market.table.underlyings), N_TENORS), np.nan)
    for u, surface in enumerate(market.surfaces):
        if surface is None:
            continue
        skew = at_the_money(surface.rows, surface.of, surface.share, surface.years)[:, 1]
        told = np.flatnonzero(np.isfinite(skew) & (surface.years > _YEARS_MIN))
        told = told[np.argsort(surface.years[told], kind="stable")]
        if told.size:
            time, scaled = np.log(surface.years[told]), skew[told] * np.sqrt(surface.years[told])
            out[u] = np.interp(np.log(TENOR_YEARS), time, scaled) / np.sqrt(TENOR_YEARS)
    return out


def _basis(of: Factors, market: MarketView, desk: Desk, spot_vol: Floats) -> Floats:
    """Annual deviation of the part of each proxy's return that beta does not explain, float64[U, proxies].

    With correlation r to an underlying of volatility s the return of a proxy is beta x + e, and e has beta s sqrt(1 / r^2 - 1). A proxy
    that is no hedge of the desk counts as the underlying itself.
    """
    correlation = {hedge.instrument.symbol: hedge.correlation for hedge in desk.hedges}
    out = np.zeros((len(of.underlyings), of.e.shape[1] - BASIS))
    for u, rows in enumerate(of.proxies):
        for number, row in enumerate(rows):
            item = market.table.instruments[row]
            r = correlation.get(item.symbol, 1.0)
            out[u, number] = item.beta * spot_vol[u] * np.sqrt(1.0 / r**2 - 1.0)
    return out
