"""A book measured whole: the one we hold, the one after the hedges, the one if everything at work fills, any other.

What does not depend on the book (values, the cells of the slides) is found once, so that another book costs sums.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from flatbook.engine.reported import NOTHING_REPORTED, compared, differences, usable_reports
from flatbook.exposure.aggregate import Exposure, aggregate
from flatbook.exposure.factor_covariance import BookRisk, Covariance, book_risk
from flatbook.exposure.factor_prior import covariance_of
from flatbook.exposure.factors import (
    SKEWS,
    FactorExposure,
    Factors,
    exposure_of,
    factors,
    jumps_of,
    tenor_weighted,
)
from flatbook.exposure.historical import Historical, by_scope
from flatbook.exposure.reference_vol import reference_vols
from flatbook.exposure.scenario_sheets import past_days
from flatbook.exposure.slide_cells import Cells
from flatbook.exposure.slides import Gaps, Slides, gap, main_cells, slide_on
from flatbook.hedging.cross import basis_by_underlying, held_proxies
from flatbook.limits.check import Standing, check
from flatbook.limits.drawdown import Day
from flatbook.limits.measured import DESK, Activity, Measured, Supplied
from flatbook.limits.requirement import reported_usd
from flatbook.limits.state import LimitsState, in_force
from flatbook.margin.capital import Capital, capital_of, points_of
from flatbook.margin.desk_capital import PointPnl, PointTerms, point_terms
from flatbook.margin.reported import Comparison
from flatbook.market.underlying_age import stale_prices
from flatbook.market.view import MarketView
from flatbook.model.events import CapitalReported, OrdersWorking
from flatbook.model.measures import CALENDAR_DAYS, VEGA_REFERENCE_DAYS
from flatbook.model.parameters import Desk
from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.valuation.values import Values

_LIMIT_LEVEL = 0.99  # of the value at risk and expected shortfall that limits read
_NO_DAY = Day(number=0, underlyings=())


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
    capital_terms: PointTerms
    capital_points: PointPnl  # of every row that a book may hold, and of every other that has a value
    reported: Comparison = (
        NOTHING_REPORTED  # what others say that the book we hold must be backed with, beside what we say
    )
    activity: Mapping[str, Activity] = field(default_factory=dict)  # of fills and orders, as the facts told
    day: Day = _NO_DAY  # of the book we hold: a trade at theoretical value makes no P&L
    fast_market: Mapping[str, str] = field(default_factory=dict)  # by underlying: the signs of it


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


def basis_of(
    values: Values,
    market: MarketView,
    desk: Desk,
    rows: Ints,
    *,
    activity: Mapping[str, Activity] = MappingProxyType({}),
    day: Day = _NO_DAY,
    fast_market: Mapping[str, str] = MappingProxyType({}),
) -> Basis:
    """Make ready to measure any book of `rows`, int64[k].

    Parameters
    ----------
    values, market, desk
        The base.
    rows : int64[k]
        Of the table.
    activity : mapping of str to Activity
        By underlying, and of the desk; what is not there is not measured.
    day : Day
        Up to this cycle; by default none, and no drawdown is measured.
    fast_market : mapping of str to str
        Underlyings whose market is fast by its signs, and which.
    """
    of = factors(market, values, jumps_of(desk.factors))
    spot_vol, terms = reference_vols(market), point_terms(desk, market.table)
    return Basis(
        values=values,
        market=market,
        desk=desk,
        cells=main_cells(rows, values, market),
        factors=of,
        covariance=covariance_of(market, values, desk, of, spot_vol),
        spot_vol=spot_vol,
        capital_terms=terms,
        capital_points=points_of(rows, values, market, terms),
        activity=activity,
        day=day,
        fast_market=fast_market,
    )


def reaching(basis: Basis, rows: Ints) -> Basis:
    """The basis of books that hold `rows` too."""
    wanted = np.union1d(basis.cells.rows, rows)
    if wanted.size == basis.cells.rows.size:
        return basis
    return replace(
        basis,
        cells=main_cells(wanted, basis.values, basis.market),
        capital_points=points_of(wanted, basis.values, basis.market, basis.capital_terms),
    )


def with_reports(basis: Basis, held: Measurement, reports: Iterable[CapitalReported]) -> Basis:
    """The basis with what others say that the book we hold must be backed with, beside what we say."""
    market = basis.market
    told = compared(reports, held.capital, market.table.underlyings, market.now_ns)
    return replace(basis, reported=told)


def measure(quantity: Ints, basis: Basis, capital: Capital | None = None) -> Measurement:
    """Measure a book, int64[n_rows], of rows that the basis reaches; `capital`, where it is known already, is not found again."""
    values, market, desk = basis.values, basis.market, basis.desk
    slides = slide_on(quantity, basis.cells, market)
    exposed = exposure_of(quantity, basis.factors)
    return Measurement(
        quantity=quantity,
        exposure=aggregate(quantity, values, market, desk),
        slides=slides,
        gaps=gap(slides),
        capital=capital or capital_of(quantity, basis.capital_points, basis.capital_terms),
        factors=exposed,
        risk=book_risk(exposed.complete.reshape(-1), basis.covariance),
        past=past_days(quantity, values, market),
    )


def stand(measurement: Measurement, basis: Basis, limits: LimitsState) -> Standing:
    """Hold a measured book against the limits."""
    return check(
        measured_of(measurement, basis), limits.limits, limits.memory, in_force(limits, basis.fast_market)
    )


def measured_of(measurement: Measurement, basis: Basis) -> Measured:
    """Everything that limits read of a measured book."""
    var_usd, es_usd = _historical_risk(measurement, basis)
    return Measured(
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
            drawdown_usd=basis.day.drawdown_usd,
            capital_reported_usd=usable_reports(basis.reported),
            capital_difference_usd=differences(basis.reported),
            margin_utilisation=_margin_utilisation(measurement.capital, basis),
            activity=basis.activity,
            stale_underlyings=stale_prices(basis.market, basis.desk.price_stale_s),
        ),
    )


def _margin_utilisation(capital: Capital, basis: Basis) -> dict[str, float]:
    """The requirement, ours or what others ask for, over the equity that backs the book.

    By underlying and of the desk; empty where nobody told the equity.
    """
    equity, names = basis.desk.net_capital_usd, basis.market.table.underlyings
    if equity is None:
        return {}
    reports = usable_reports(basis.reported)
    own = {**dict(zip(names, capital.by_underlying.tolist(), strict=True)), DESK: capital.desk}
    asked = {scope: reported_usd(reports, scope, (scope,) if scope else names) for scope in own}
    return {scope: np.maximum(usd, asked[scope]).item() / equity for scope, usd in own.items()}


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
