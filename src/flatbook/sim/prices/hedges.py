"""What hedge instruments are worth through a day, how far their basis may go, and what a desk would know of them."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.instruments import Kind
from flatbook.model.table import Floats, InstrumentTable
from flatbook.model.world_price_terms import HedgePriceTerms
from flatbook.sim.chance import stream
from flatbook.sim.prices.listing import carried
from flatbook.sim.prices.path import Path
from flatbook.sim.prices.processes import gained_years, reverting
from flatbook.sim.prices.session import Session


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HedgePaths:
    """Of the hedges in the order of the terms, float64[n, H]."""

    price: Floats
    basis: Floats  # log; the price is e^basis times what the underlying makes of it
    half_spread: Floats  # price units
    depth: Floats  # contracts a side


def underlying_of(session: Session) -> list[int]:
    """Number of the underlying of each hedge."""
    at = {one.symbol: number for number, one in enumerate(session.terms.underlyings)}
    return [at[hedge.underlying] for hedge in session.terms.hedges]


def hedge_paths(session: Session, path: Path, seed: int) -> HedgePaths:
    """Draw the basis of each and price it."""
    terms, of = session.terms, underlying_of(session)
    n = session.at_ns.size
    if not of:
        none = np.empty((n, 0))
        return HedgePaths(price=none, basis=none, half_spread=none, depth=none)
    years = np.diff(session.passed) * session.variance_years
    normals = np.column_stack(
        [stream(seed, f"prices/basis {hedge.symbol}").normals(years.size) for hedge in terms.hedges]
    )
    reversion = np.array([hedge.basis_reversion for hedge in terms.hedges])
    basis = reverting(normals, basis_diffusion(session, path), reversion, years)
    price, half, depth = np.empty((n, len(of))), np.empty((n, len(of))), np.empty((n, len(of)))
    for h, (hedge, u) in enumerate(zip(terms.hedges, of, strict=True)):
        still = np.maximum.accumulate(np.where(path.halted[:, u], 0, np.arange(n)))
        basis[:, h] = basis[still, h]
        moved = path.spot[:, u] / path.spot[0, u]
        fair = hedge.price_ratio * path.spot[0, u] * moved**hedge.beta * np.exp(basis[:, h])
        price[:, h] = fair * carried(session, hedge, session.at_ns[still])
        if hedge.symbol == hedge.underlying:
            price[:, h] = path.spot[:, u]
        rolled = session.minute >= (np.inf if hedge.roll_minute is None else hedge.roll_minute)
        half[:, h] = (
            0.5 * hedge.spread * path.unease[:, u] * np.where(rolled, hedge.roll_spread_multiplier, 1.0)
        )
        depth[:, h] = hedge.depth * path.depth[:, u] * np.where(rolled, hedge.roll_depth_share, 1.0)
    return HedgePaths(price=price, basis=basis, half_spread=half, depth=depth)


def basis_diffusion(session: Session, path: Path) -> Floats:
    """Annual deviation of the log basis of each hedge in each step, float64[n - 1, H].

    One that is told by a correlation moves with the volatility of its underlying, as regimes and news set it.
    """
    terms, columns = session.terms, []
    for hedge, u in zip(terms.hedges, underlying_of(session), strict=True):
        one = terms.underlyings[u]
        base = hedge.basis_diffusion(one.smile.vol_near * one.realised_over_implied)
        scale = np.ones(session.at_ns.size) if hedge.correlation == 1.0 else path.scale[:, u]
        broken = session.minute >= (np.inf if hedge.break_minute is None else hedge.break_minute)
        columns.append(base * scale * np.where(broken, hedge.break_multiplier, 1.0))
    return np.column_stack(columns)[:-1]


def basis_variance(session: Session, path: Path, first: int, last: int) -> Floats:
    """Variance of each log basis's move from one moment to a later one, over all seeds, float64[H].

    In a stretch of constant diffusion s that starts with the day, of h variance years, it is s^2 (1 - e^{-2 kappa h}) / (2 kappa); a
    dollar of the underlying hedged with it keeps that, over beta squared. Halts are left out.
    """
    terms = session.terms
    if not terms.hedges:
        return np.empty(0)
    years = np.diff(session.passed) * session.variance_years
    reversion = np.array([hedge.basis_reversion for hedge in terms.hedges])
    gained = basis_diffusion(session, path) ** 2 * gained_years(reversion, years)
    before = _summed(gained[:first], reversion, years[:first])
    kept = np.exp(-reversion * float(years[first:last].sum()))
    return np.asarray((1.0 - kept) ** 2 * before + _summed(gained[first:last], reversion, years[first:last]))


def step_basis_variances(session: Session, path: Path) -> Floats:
    """`basis_variance` from each moment to the next, float64[n - 1, H]."""
    terms = session.terms
    years = np.diff(session.passed) * session.variance_years
    if not terms.hedges:
        return np.empty((years.size, 0))
    reversion = np.array([hedge.basis_reversion for hedge in terms.hedges])
    gained = basis_diffusion(session, path) ** 2 * gained_years(reversion, years)
    kept = np.exp(-reversion * years[:, None])
    before = np.zeros_like(gained)
    for k in range(1, years.size):
        before[k] = kept[k - 1] ** 2 * before[k - 1] + gained[k - 1]
    return np.asarray((1.0 - kept) ** 2 * before + gained)


def _summed(gained: Floats, reversion: Floats, years: Floats) -> Floats:
    """Each step's variance, faded by the time that follows it."""
    follows = (years.sum() - np.cumsum(years))[:, None]
    return np.asarray((gained * np.exp(-2.0 * reversion * follows)).sum(axis=0))


def known_hedges(session: Session, table: InstrumentTable) -> tuple[HedgeTerms, ...]:
    """What a desk that knows the truth of the open says of the hedges."""
    out = []
    for hedge, u in zip(session.terms.hedges, underlying_of(session), strict=True):
        instrument = table.instruments[table.row_of(hedge.symbol)]
        out.append(
            HedgeTerms(
                instrument=instrument,
                lot=1,
                spread=hedge.spread,
                fee_per_contract=hedge.fee_per_contract,
                correlation=_correlation(session, hedge, u),
                carry_rate=-hedge.carry if hedge.kind is Kind.FUTURE else 0.0,
            )
        )
    return tuple(out)


def _correlation(session: Session, hedge: HedgePriceTerms, u: int) -> float:
    """Of returns over times too short for the basis to revert."""
    if hedge.basis_deviation == 0.0:
        return hedge.correlation
    one = session.terms.underlyings[u]
    moves = hedge.beta * one.smile.vol_near * one.realised_over_implied
    return moves / sqrt(moves**2 + hedge.basis_deviation**2)
