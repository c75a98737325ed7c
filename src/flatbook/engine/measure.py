"""A book measured whole: the one we hold, the one after the hedges, the one if everything at work fills, any other.

What does not depend on the book (values, the cells of the slides) is found once, so that another book costs sums.
"""

from dataclasses import dataclass, replace

import numpy as np

from flatbook.exposure.aggregate import Exposure, aggregate
from flatbook.exposure.factor_covariance import BookRisk, Covariance, book_risk
from flatbook.exposure.factor_prior import covariance_of
from flatbook.exposure.factors import SKEWS, FactorExposure, Factors, exposure_of, factors, tenor_weighted
from flatbook.exposure.historical import Historical, by_scope
from flatbook.exposure.reference_vol import reference_vols
from flatbook.exposure.scenario_sheets import past_days
from flatbook.exposure.slide_cells import Cells
from flatbook.exposure.slides import Gaps, Slides, gap, main_cells, slide_on
from flatbook.hedging.cross import basis_by_underlying, held_proxies
from flatbook.limits.check import Standing, check
from flatbook.limits.measured import Measured, Supplied
from flatbook.limits.state import LimitsState, in_force
from flatbook.margin.haircut import Capital, requirement
from flatbook.market.underlying_age import stale_prices
from flatbook.market.view import MarketView
from flatbook.model.events import OrdersWorking
from flatbook.model.measures import CALENDAR_DAYS, VEGA_REFERENCE_DAYS
from flatbook.model.parameters import Desk
from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.valuation.values import Values

_LIMIT_LEVEL = 0.99  # of the value at risk and expected shortfall that limits read


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What stays the same whichever book is measured."""

    values: Values
    market: MarketView
    desk: Desk
    cells: Cells  # of every row that a book may hold
    factors: Factors
    covariance: Covariance  # of the factors over the desk's holding time
    spot_vol: Floats  # [n_underlyings] annual, at 30 days


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One book."""

    quantity: Ints  # int64[n_rows] contracts, net
    exposure: Exposure
    slides: Slides
    gaps: Gaps
    capital: Capital
    factors: FactorExposure
    risk: BookRisk  # standard deviation over the holding time, and what each factor has in it
    past: Historical | None  # the book over days that were; None where nobody told of any


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """The book after some trades, beside the one before."""

    name: str
    trades: Ints  # int64[n_rows] contracts, plus bought
    after: Measurement
    standing: Standing


def basis_of(values: Values, market: MarketView, desk: Desk, rows: Ints) -> Basis:
    """Make ready to measure any book of `rows`, int64[k]."""
    of, spot_vol = factors(market, values, gap_rows=rows), reference_vols(market)
    return Basis(
        values=values,
        market=market,
        desk=desk,
        cells=main_cells(rows, values, market),
        factors=of,
        covariance=covariance_of(market, values, desk, of, spot_vol),
        spot_vol=spot_vol,
    )


def reaching(basis: Basis, rows: Ints) -> Basis:
    """The basis of books that hold `rows` too."""
    wanted = np.union1d(basis.cells.rows, rows)
    if wanted.size == basis.cells.rows.size:
        return basis
    return replace(
        basis,
        cells=main_cells(wanted, basis.values, basis.market),
        factors=factors(basis.market, basis.values, gap_rows=wanted),
    )


def measure(quantity: Ints, basis: Basis) -> Measurement:
    """Measure a book, int64[n_rows], of rows that the basis reaches."""
    values, market, desk = basis.values, basis.market, basis.desk
    slides = slide_on(quantity, basis.cells, market)
    exposed = exposure_of(quantity, basis.factors)
    return Measurement(
        quantity=quantity,
        exposure=aggregate(quantity, values, market, desk),
        slides=slides,
        gaps=gap(slides),
        capital=requirement(quantity, values, market, desk),
        factors=exposed,
        risk=book_risk(exposed.complete.reshape(-1), basis.covariance),
        past=past_days(quantity, values, market),
    )


def stand(measurement: Measurement, basis: Basis, limits: LimitsState) -> Standing:
    """Hold a measured book against the limits."""
    var_usd, es_usd = _historical_risk(measurement, basis)
    measured = Measured(
        exposure=measurement.exposure,
        gaps=measurement.gaps,
        capital=measurement.capital,
        values=basis.values,
        market=basis.market,
        desk=basis.desk,
        supplied=Supplied(
            slides=measurement.slides,
            contract_skew_usd_per_point=_skew(basis.factors.e, basis, basis.market.table.underlying_of),
            skew_usd_per_point=_skew(measurement.factors.complete, basis, _each_underlying(basis)),
            var_usd=var_usd,
            es_usd=es_usd,
            basis_deviation_usd=basis_by_underlying(
                held_proxies(measurement.exposure, basis.spot_vol, basis.market.table, basis.desk),
                basis.market.table.underlyings,
            ),
            stale_underlyings=stale_prices(basis.market, basis.desk.price_stale_s),
        ),
    )
    return check(measured, limits.limits, limits.memory, in_force(limits))


def _skew(of: Floats, basis: Basis, underlying: Ints) -> Floats:
    """P&L of a point of 30-day skew when all tenors move in step, of each line of factor exposures."""
    exponent = np.array([one.tenor_exponent for one in basis.values.dynamics])
    reference = VEGA_REFERENCE_DAYS / CALENDAR_DAYS
    return tenor_weighted(of, SKEWS, exponent[underlying], reference)


def _each_underlying(basis: Basis) -> Ints:
    return np.arange(len(basis.market.table.underlyings))


def _historical_risk(measurement: Measurement, basis: Basis) -> tuple[dict[str, float], dict[str, float]]:
    if measurement.past is None:
        return {}, {}
    return by_scope(measurement.past, basis.market.table.underlyings, _LIMIT_LEVEL)


def what_if(name: str, trades: Ints, held: Ints, basis: Basis, limits: LimitsState) -> WhatIf:
    """Measure the book after `trades`.

    Parameters
    ----------
    name : str
        Who asks.
    trades : int64[n_rows]
        Contracts, plus bought.
    held : int64[n_rows]
        The book before.
    basis : Basis
    limits : LimitsState
    """
    basis = reaching(basis, np.flatnonzero(trades))
    after = measure(held + trades, basis)
    return WhatIf(name=name, trades=trades, after=after, standing=stand(after, basis, limits))


def contracts_of(orders: OrdersWorking | None, table: InstrumentTable) -> Ints:
    """What the book gains if every order fills, int64[n_rows]."""
    out = np.zeros(len(table.instruments), dtype=np.int64)
    if orders is not None:
        for symbol, side, quantity in zip(orders.symbols, orders.sides, orders.quantities, strict=True):
            out[table.row_of(symbol)] += side * quantity
    return out
