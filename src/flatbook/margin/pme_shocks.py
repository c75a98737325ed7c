"""From the cells of a pair to its risk-matrix margin: worst case, roll shock, delta shock.

Sources: domain reference 3.7 and A.10. Worst case and roll repeat the venue's published answer; the slope of the delta
shock is unverified, and tells so where it is not 0. A total that cannot be computed is NaN.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.margin.pme_cells import PairBook
from flatbook.model.table import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class PairMargin:
    """What a pair needs, in its settlement currency."""

    cells: Floats  # [m] of all legs, before offset and dampener
    worst: float
    worst_cell: int  # -1 where no cell loses
    roll: float
    delta: float  # change for a relative move of 1
    delta_shock: float
    futures_contingency: float

    @property
    def total(self) -> float:
        """The risk-matrix margin."""
        return self.worst + self.roll + self.delta_shock + self.futures_contingency


def margin_of(book: PairBook) -> PairMargin:
    """What the legs of a pair need as they are held."""
    held, quantity = book.held, book.quantity
    cells = np.asarray(quantity[held] @ book.cells[held])
    lowest = finished(cells, book)
    worst = np.maximum(-lowest.min(), 0.0)
    delta = _by_expiry(book, book.delta)
    return PairMargin(
        cells=cells,
        worst=float(worst),
        worst_cell=int(lowest.argmin()) if worst > 0.0 else -1,
        roll=float((np.abs(delta) * roll_rates(book)).sum()),
        delta=float(delta.sum()),
        delta_shock=float(delta_shock(delta.sum(), book)),
        futures_contingency=float(np.abs(_by_expiry(book, book.futures)).sum() * _contingency_per_coin(book)),
    )


def margin_with(book: PairBook, contracts: float) -> Floats:
    """float64[n]: the risk-matrix margin of the pair with so many contracts more of each leg, one leg at a time.

    Exact: only the cells, the leg's own expiry and the total delta change.
    """
    held = book.held
    cells = book.quantity[held] @ book.cells[held] + contracts * book.cells
    worst = np.maximum(-finished(cells, book).min(axis=1), 0.0)
    delta = _by_expiry(book, book.delta)
    rates, before = roll_rates(book), delta[book.expiry]
    own = np.abs(before + contracts * book.delta) - np.abs(before)
    roll = (np.abs(delta) * rates).sum() + own * rates[book.expiry]
    shock = delta_shock(delta.sum() + contracts * book.delta, book)
    futures = _by_expiry(book, book.futures)
    more = np.abs(futures[book.expiry] + contracts * book.futures) - np.abs(futures[book.expiry])
    return np.asarray(worst + roll + shock + (np.abs(futures).sum() + more) * _contingency_per_coin(book))


def finished(cells: Floats, book: PairBook, dampener: Floats | None = None) -> Floats:
    """float64[..., m]: cells once gains are offset and the extended ones dampened."""
    less = book.scenarios.dampener if dampener is None else dampener
    offset = np.where(cells > 0.0, book.currency_terms.pnl_offset * cells, cells)
    return np.asarray(np.sign(offset) * np.maximum(np.abs(offset) - less, 0.0))


def roll_rates(book: PairBook) -> Floats:
    """float64[n_expiries]: what a unit of net delta in each expiry costs."""
    terms = book.currency_terms
    return np.maximum(terms.min_annualised_move, terms.annualised_move_risk * book.expiry_years)


def roll_otherwise(book: PairBook) -> tuple[float, float]:
    """The roll shock with exp(rate x years) - 1 for rate x years, and with the other delta convention."""
    terms = book.currency_terms
    compounded = np.maximum(
        terms.min_annualised_move, np.expm1(terms.annualised_move_risk * book.expiry_years)
    )
    other = np.abs(_by_expiry(book, book.delta_otherwise))
    return (
        float((np.abs(_by_expiry(book, book.delta)) * compounded).sum()),
        float((other * roll_rates(book)).sum()),
    )


def delta_shock(delta: Floats | float, book: PairBook) -> Floats:
    """The charge on a large net delta: a share of it that grows by `m_inc` for each coin beyond the threshold.

    0 up to the threshold (verified). The slope is our reading of the parameter's name and size, which a public
    implementation shares: unverified.
    """
    terms = book.terms
    usd = np.abs(delta) * (book.index if book.inverse else 1.0)
    beyond = np.maximum(usd - terms.delta_total_liq_shock_threshold, 0.0) / book.index
    return np.asarray(np.abs(delta) * np.minimum(terms.m_inc * beyond, terms.max_delta_shock))


def _by_expiry(book: PairBook, per_contract: Floats) -> Floats:
    held = book.held
    weights = book.quantity[held] * per_contract[held]
    return np.asarray(
        np.bincount(book.expiry[held], weights=weights, minlength=book.expiry_years.size), dtype=np.float64
    )


def _contingency_per_coin(book: PairBook) -> float:
    return book.terms.futures_contingency * (1.0 if book.inverse else book.index)
