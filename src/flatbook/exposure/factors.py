"""Factor exposures: what one contract of each series makes when a risk factor moves by one unit. Position times this is the book's risk.

A series touches only the factors of its own underlying, so the matrix is [series, kinds of factor], and a book's exposure is
[underlyings, kinds]. With x the relative move of spot, and all else that happens together,

    P&L = spot x + gamma (x^2 - expected) + level dl + skew ds + curvature dc by tenor + rate + dividend yield + basis + gaps.

- **spot** is delta at fixed volatilities of fixed strikes. Volatility that follows spot is in the covariance of spot and level
  (`exposure.factor_covariance`), never in both: the hedge of least variance is then the smile delta.
- **level, skew, curvature** are points of the expiry's own smile (`exposure.smile_factors`), told as points of the nearest
  reference tenors: an expiry T between two of them is shared in proportion to the distance in ln T, times (T_ref / T)^a with the
  exponent of the underlying's spot-vol dynamics. So if every tenor moves as (T_0 / T)^a, every expiry in between does too.
- **gamma** is half the second derivative: USD per unit of realised variance x^2.
- **gaps** are what a jump of the configured size makes by full revaluation, volatility following, beyond the smile delta.
- **basis** is the notional of a share or future whose return is beta times the underlying's and a rest of its own.

Source: domain reference 1.2, 4.5, 4.11, 4.14.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from flatbook.exposure.smile_factors import SMILE_NAMES, smile_shapes
from flatbook.market.view import MarketView
from flatbook.model.errors import InvalidValueError
from flatbook.model.factor_terms import FactorTerms
from flatbook.model.measures import CALENDAR_DAYS, Measure
from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.valuation.revalue import revalue
from flatbook.valuation.values import Values

TENORS: tuple[tuple[str, float], ...] = (  # label and calendar days
    ("1w", 7.0), ("1m", 30.0), ("3m", 91.0), ("1y", 365.0), ("2y", 730.0),
)  # fmt: skip
TENOR_YEARS = np.array([days for _, days in TENORS]) / CALENDAR_DAYS
N_TENORS = len(TENORS)
_YEARS_FLOOR = 1.0 / CALENDAR_DAYS / 24.0  # volatilities by tenor grow no further in the last hour

SPOT, GAP_DOWN, GAP_UP, GAMMA, RATE, DIVIDEND_YIELD, SMILE = range(
    7
)  # columns; SMILE is the first of the smile's
LEVELS, SKEWS, CURVATURES = (slice(SMILE + n * N_TENORS, SMILE + (n + 1) * N_TENORS) for n in range(3))
BASIS = SMILE + 3 * N_TENORS  # the first basis column
_FIXED_NAMES = (
    "spot_usd",
    "gap_down_usd_per_jump",
    "gap_up_usd_per_jump",
    "gamma_usd_per_variance",
    "rate_usd_per_bp",
    "dividend_yield_usd_per_bp",
    *(f"{name}_{label}_usd_per_point" for name in SMILE_NAMES for label, _ in TENORS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jumps:
    """The gaps that are factors, as relative moves of spot."""

    down: float = -0.10
    up: float = 0.10

    def __post_init__(self) -> None:
        """Refuse jumps on the wrong side."""
        if not (-1.0 < self.down < 0.0 < self.up < np.inf):
            msg = f"gap factors: need -1 < down < 0 < up, was {self.down} and {self.up}"
            raise InvalidValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """What one contract of each series risks. K kinds of factor; the unit ends their names."""

    e: Floats  # float64[n_rows, K]; NaN with a reason
    kinds: tuple[str, ...]  # of each column; basis columns are numbered within an underlying
    by_expiry: Floats  # float64[n_rows, 3] USD per point of level, skew, curvature of the series' own expiry
    underlyings: tuple[str, ...]
    underlying_of: Ints  # int64[n_rows]
    proxies: tuple[tuple[int, ...], ...]  # by underlying: the row of each of its basis columns
    proxy_symbols: tuple[tuple[str, ...], ...]
    jumps: Jumps
    reasons: dict[int, str]  # row: why some of its exposures are NaN
    shape: Floats = field(
        default_factory=lambda: np.empty((0, 3))
    )  # float64[options, 3]: of `smile_shapes`; empty where factors are made by hand
    shares: Floats = field(
        default_factory=lambda: np.empty((0, N_TENORS))
    )  # float64[options, N_TENORS]: of `tenor_shares`

    def name(self, underlying: int, kind: int) -> str:
        """What a factor of an underlying is called, as SPX/level_1m_usd_per_point."""
        proxies, number = self.proxy_symbols[underlying], kind - BASIS
        what = f"basis_{proxies[number]}_usd" if 0 <= number < len(proxies) else self.kinds[kind]
        return f"{self.underlyings[underlying]}/{what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorExposure:
    """What the book risks by factor."""

    known: Floats  # float64[U, K] of all series whose exposure is known
    unvalued: Floats  # float64[U, K]: contracts, long plus short, whose exposure to that factor is not; 0 where all are
    reasons: dict[int, str]  # held row: why

    @property
    def complete(self) -> Floats:
        """float64[U, K]: the exposure, NaN where a held series keeps it unknown."""
        return np.where(self.unvalued > 0.0, np.nan, self.known)


def factors(market: MarketView, values: Values, jumps: Jumps | None = None) -> Factors:
    """The factor exposures of one contract of every series.

    Parameters
    ----------
    market, values
    jumps : Jumps, optional
        10 % either way otherwise.
    """
    table, greeks, jumps = market.table, values.greeks, jumps or Jumps()
    options = np.flatnonzero(table.is_option)
    proxies = _proxies(market)
    n_basis = max(map(len, proxies), default=0)
    e = np.zeros((len(table.instruments), BASIS + n_basis))
    e[:, SPOT] = greeks[:, Measure.DELTA_USD]
    e[:, GAMMA] = 0.5 * 100.0 * greeks[:, Measure.GAMMA_USD_PER_PCT]
    e[:, RATE] = greeks[:, Measure.RHO_USD_PER_BP]
    e[:, DIVIDEND_YIELD] = greeks[:, Measure.DIVIDEND_RHO_USD_PER_BP]
    reasons = dict(values.reasons)
    shapes = smile_shapes(market, options)
    by_expiry = np.zeros((len(table.instruments), 3))
    by_expiry[options] = shapes.shape * greeks[options, Measure.VEGA_USD_PER_POINT, None]
    for at, reason in shapes.reasons.items():
        reasons.setdefault(int(options[at]), reason)
    shares = tenor_shares(market.variance_years[options], _exponents(values, table.underlying_of[options]))
    for number, columns in enumerate((LEVELS, SKEWS, CURVATURES)):
        e[options, columns] = by_expiry[options, number, None] * shares
    e[options, GAP_DOWN : GAP_UP + 1] = _gaps(market, values, jumps, options)
    for rows in proxies:
        for number, row in enumerate(rows):
            e[row, BASIS + number] = greeks[row, Measure.DELTA_USD] / table.instruments[row].beta
    e[list(values.reasons)] = np.nan
    by_expiry[list(values.reasons)] = np.nan
    return Factors(
        e=e,
        kinds=(*_FIXED_NAMES, *(f"basis_{number + 1}_usd" for number in range(n_basis))),
        by_expiry=by_expiry,
        underlyings=table.underlyings,
        underlying_of=table.underlying_of,
        proxies=proxies,
        proxy_symbols=tuple(tuple(table.instruments[row].symbol for row in rows) for rows in proxies),
        jumps=jumps,
        reasons=reasons,
        shape=shapes.shape,
        shares=shares,
    )


def with_values(of: Factors, values: Values, table: InstrumentTable) -> Factors:
    """The same factors of other values: what a point of each smile does to its strikes, and the gaps, are kept.

    Parameters
    ----------
    of : Factors
        From `factors`, of the same table.
    values : Values
    table : InstrumentTable
    """
    greeks, options = values.greeks, np.flatnonzero(table.is_option)
    e = of.e.copy()
    e[:, SPOT] = greeks[:, Measure.DELTA_USD]
    e[:, GAMMA] = 0.5 * 100.0 * greeks[:, Measure.GAMMA_USD_PER_PCT]
    e[:, RATE] = greeks[:, Measure.RHO_USD_PER_BP]
    e[:, DIVIDEND_YIELD] = greeks[:, Measure.DIVIDEND_RHO_USD_PER_BP]
    by_expiry = np.zeros((len(table.instruments), 3))
    by_expiry[options] = of.shape * greeks[options, Measure.VEGA_USD_PER_POINT, None]
    for number, columns in enumerate((LEVELS, SKEWS, CURVATURES)):
        e[options, columns] = by_expiry[options, number, None] * of.shares
    for rows in of.proxies:
        for number, row in enumerate(rows):
            e[row, BASIS + number] = greeks[row, Measure.DELTA_USD] / table.instruments[row].beta
    e[list(values.reasons)] = np.nan
    by_expiry[list(values.reasons)] = np.nan
    reasons = {**of.reasons, **values.reasons}
    return replace(of, e=e, by_expiry=by_expiry, reasons=reasons)


def jumps_of(terms: FactorTerms) -> Jumps:
    """The gaps that the desk names."""
    return Jumps(down=terms.gap_down_pct / 100.0, up=terms.gap_up_pct / 100.0)


def exposure_of(quantity: Ints, of: Factors) -> FactorExposure:
    """Sum position times factor exposure by underlying.

    Parameters
    ----------
    quantity : int64[n_rows]
        Net contracts; linear, so it may as well be a trade.
    of : Factors
    """
    held = np.flatnonzero(quantity)
    group, n = of.underlying_of[held], len(of.underlyings)
    contracts = quantity[held].astype(np.float64)
    per_contract = of.e[held]
    told = np.isfinite(per_contract)
    made = np.where(told, per_contract, 0.0) * contracts[:, None]
    known, unvalued = np.zeros((n, of.e.shape[1])), np.zeros((n, of.e.shape[1]))
    for kind in range(of.e.shape[1]):
        known[:, kind] = np.bincount(group, weights=made[:, kind], minlength=n)
        left_out = np.abs(contracts) * ~told[:, kind]
        unvalued[:, kind] = np.bincount(group, weights=left_out, minlength=n)
    unclear = held[~told.all(axis=1)]
    return FactorExposure(
        known=known, unvalued=unvalued, reasons={row: of.reasons[row] for row in unclear.tolist()}
    )


def tenor_shares(years: Floats, exponent: Floats) -> Floats:
    """Points that each reference tenor counts for one point of an expiry, float64[n, N_TENORS].

    Parameters
    ----------
    years : float64[n]
        Variance time to expiry.
    exponent : float64[n]
        Moves of volatility fall with time to expiry to this power.
    """
    time = np.maximum(years, _YEARS_FLOOR)
    place = np.interp(np.log(time), np.log(TENOR_YEARS), np.arange(N_TENORS))
    shares = np.maximum(1.0 - np.abs(place[:, None] - np.arange(N_TENORS)), 0.0)
    return np.asarray(shares * (TENOR_YEARS / time[:, None]) ** exponent[:, None])


def tenor_weighted(of: Floats, columns: slice, exponent: Floats, reference_years: float) -> Floats:
    """One number for all tenors of level, skew or curvature: points of a reference tenor when all move in step, float64[U].

    Parameters
    ----------
    of : float64[U, K]
        Of a book.
    columns : slice
        LEVELS, SKEWS or CURVATURES.
    exponent : float64[U]
    reference_years : float
    """
    weight = (reference_years / TENOR_YEARS) ** exponent[:, None]
    return np.asarray((of[:, columns] * weight).sum(axis=1))


def _exponents(values: Values, underlying: Ints) -> Floats:
    return np.array([one.tenor_exponent for one in values.dynamics])[underlying]


def _proxies(market: MarketView) -> tuple[tuple[int, ...], ...]:
    """By underlying the rows of what trades its direction: shares and futures."""
    linear = np.flatnonzero(~market.table.is_option)
    of = market.table.underlying_of[linear]
    return tuple(tuple(linear[of == u].tolist()) for u in range(len(market.table.underlyings)))


def _gaps(market: MarketView, values: Values, jumps: Jumps, options: Ints) -> Floats:
    """P&L of either jump beyond the smile delta, float64[n, 2]."""
    moves = np.array([jumps.down, jumps.up])
    pnl = revalue(market, values, options, moves, np.zeros(1))[:, :, 0]
    return np.asarray(pnl - values.greeks[options, Measure.DELTA_SMILE_USD, None] * moves)
