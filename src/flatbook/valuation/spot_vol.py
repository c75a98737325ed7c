"""Where the volatility of each series goes when spot moves: the dynamics of its underlying on the surface of its expiry.

Smile deltas, slides and the P&L explain come here, and nobody else reads a surface away from its own strikes. Source:
`market.dynamics`. Where no surface speaks of an expiry, all its volatilities move as those at the money do by beta and tenor.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from flatbook.market.dynamics import SpotVolDynamics, SpotVolExplained, dynamics_of_terms
from flatbook.market.dynamics_estimate import DynamicsEstimate
from flatbook.market.dynamics_history import under_terms
from flatbook.market.view import MarketView
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.parameters import Desk, UnderlyingTerms
from flatbook.model.table import Floats, Ints

Dynamics = tuple[SpotVolDynamics, ...]  # one for each underlying of a table

_STEP = 1e-5  # in ln(K/F), for the slope of a smile
_LOG_RETURN_OF_ONE = float(np.expm1(1.0))  # as a relative move
_YEARS_FLOOR = 1.0 / (CALENDAR_DAYS * 24.0 * 60.0)  # moves by tenor grow no further in the last minute


def estimates_of(
    desk: Desk, underlyings: Sequence[str], known: Mapping[str, DynamicsEstimate]
) -> tuple[DynamicsEstimate, ...]:
    """What was learned of each underlying, drawn to what the desk file says of it now."""
    return tuple(under_terms(known.get(name), desk.terms_of(name)) for name in underlyings)


def dynamics_of(
    desk: Desk, underlyings: Sequence[str], estimates: Sequence[DynamicsEstimate] = ()
) -> Dynamics:
    """What the desk file says of each underlying: its numbers, or that the estimate be used.

    Parameters
    ----------
    desk : Desk
    underlyings : sequence of str
    estimates : sequence of DynamicsEstimate
        One for each underlying, from `estimates_of`; without any, the numbers stand.
    """
    terms = [desk.terms_of(name) for name in underlyings]
    if not estimates:
        return tuple(dynamics_of_terms(one) for one in terms)
    return tuple(
        estimate.dynamics if one.spot_vol_estimate else dynamics_of_terms(one)
        for one, estimate in zip(terms, estimates, strict=True)
    )


def sticky_strike(underlyings: Sequence[str]) -> Dynamics:
    """Dynamics in which each series keeps its volatility."""
    return tuple(dynamics_of_terms(UnderlyingTerms(symbol=name)) for name in underlyings)


def smile_delta(market: MarketView, dynamics: Dynamics, rows: Ints, delta: Floats, vega: Floats) -> Floats:
    """Delta with the vol that comes with the move, `SpotVolDynamics.smile_delta` of each row.

    Parameters
    ----------
    market, dynamics
    rows : int64[n]
        Options.
    delta, vega : float64[n]
        dV/dS at fixed vols, and dV/dvol per 1.00.

    Returns
    -------
    float64[n]
    """
    skew, out = _skew(market, rows), np.empty(rows.size)
    for mine, one, years, spot in _by_underlying(market, dynamics, rows):
        by_smile = one.smile_delta(delta[mine], vega[mine], skew[mine], spot, years)
        by_beta = delta[mine] + vega[mine] * one.atm_move(_LOG_RETURN_OF_ONE, years) / spot
        out[mine] = np.where(np.isnan(skew[mine]), by_beta, by_smile)
    return out


def vol_moves(market: MarketView, dynamics: Dynamics, rows: Ints, moves: Floats) -> Floats:
    """Change of the vol of each row when spot moves, the smile read anew.

    Parameters
    ----------
    market, dynamics
    rows : int64[n]
        Options.
    moves : float64[m]
        Relative, above -1.

    Returns
    -------
    float64[n, m]
        Annual decimal; exactly 0 where nothing moves and where the smile keeps its strikes.
    """
    out = np.zeros((rows.size, moves.size))
    if all(one.keeps_strikes for one in dynamics):
        return out
    log_moneyness = _log_moneyness(market, rows)
    without_smile = np.isnan(market.surface_vol(rows, log_moneyness))
    for mine, one, years, _ in _by_underlying(market, dynamics, rows):
        if one.keeps_strikes:
            continue

        def smile_vol(at: Floats, mine: Ints = mine) -> Floats:
            return market.surface_vol(rows[mine], at)

        for m, move in enumerate(moves.tolist()):
            by_smile = one.vol_move_on_smile(move, log_moneyness[mine], years, smile_vol)
            out[mine, m] = np.where(without_smile[mine], one.atm_move(move, years), by_smile)
    return out


def atm_moves(market: MarketView, dynamics: Dynamics, rows: Ints, moves: Floats) -> Floats:
    """Change of the vol of each row by beta and tenor alone, whatever its smile, float64[n, m]; 0 for what is no option."""
    out = np.zeros((rows.size, moves.size))
    options = np.flatnonzero(market.table.is_option[rows])
    for mine, one, years, _ in _by_underlying(market, dynamics, rows[options]):
        for m, move in enumerate(moves.tolist()):
            out[options[mine], m] = one.atm_move(move, years)
    return out


def tenor_weights(market: MarketView, dynamics: Dynamics) -> Floats:
    """Move of each row's vol relative to that of the dynamics' reference time, float64[n_rows]; 0 for what is no option."""
    out = np.zeros(len(market.table.instruments))
    options = np.flatnonzero(market.table.is_option)
    for mine, one, years, _ in _by_underlying(market, dynamics, options):
        out[options[mine]] = one.tenor_weight(years)
    return out


def beta_moves(market: MarketView, dynamics: Dynamics, row: int, moves: Floats) -> Floats:
    """Change of the vol of one row without a smile at each relative move of spot, float64[m]."""
    one = dynamics[int(market.table.underlying_of[row])]
    years = np.maximum(market.years[row : row + 1], _YEARS_FLOOR)
    return np.array([one.atm_move(move, years)[0] for move in moves.tolist()])


def explain_spot_vol(
    market: MarketView, dynamics: Dynamics, rows: Ints, vega: Floats, spot_later: Floats, vol_change: Floats
) -> SpotVolExplained:
    """Split the vega P&L of a step, `SpotVolDynamics.explain_spot_vol` of each row.

    Parameters
    ----------
    market, dynamics
        Before the step.
    rows : int64[n]
        Options.
    vega : float64[n]
        Per 1.00 of vol.
    spot_later : float64[n_underlyings]
        After the step.
    vol_change : float64[n]
        Of each row over the step.
    """
    skew, with_spot = _skew(market, rows), np.empty(rows.size)
    relative = spot_later / market.spot - 1.0
    for mine, one, years, _ in _by_underlying(market, dynamics, rows):
        move = float(relative[market.table.underlying_of[rows[mine[0]]]])
        by_smile = one.explain_spot_vol(vega[mine], skew[mine], years, move, vol_change[mine]).with_spot
        by_beta = vega[mine] * one.atm_move(move, years)
        with_spot[mine] = np.where(np.isnan(skew[mine]), by_beta, by_smile)
    return SpotVolExplained(with_spot=with_spot, apart=vega * vol_change - with_spot)


def _by_underlying(
    market: MarketView, dynamics: Dynamics, rows: Ints
) -> Iterator[tuple[Ints, SpotVolDynamics, Floats, Floats]]:
    """Positions in `rows`, dynamics, years and spot of each underlying that has some."""
    underlying = market.table.underlying_of[rows]
    for u in np.unique(underlying).tolist():
        mine = np.flatnonzero(underlying == u)
        years = np.maximum(market.years[rows[mine]], _YEARS_FLOOR)
        yield mine, dynamics[u], years, np.full(mine.size, market.spot[u])


def _skew(market: MarketView, rows: Ints) -> Floats:
    """Slope of the smile in ln(K/F) at the strike of each row; NaN where no surface speaks of it."""
    at = _log_moneyness(market, rows)
    rise = market.surface_vol(rows, at + _STEP) - market.surface_vol(rows, at - _STEP)
    return np.asarray(rise / (2.0 * _STEP))


def _log_moneyness(market: MarketView, rows: Ints) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):  # no forward, no moneyness
        return np.asarray(np.log(market.table.strike[rows] / market.forward[rows]))
