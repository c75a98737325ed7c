"""The value function of a book's factor exposures, v(E) = -E'AE - B'E, from one stationary Riccati equation.

What a year costs is aversion / 2 E'SE (S the covariance of the factors a year) less the drift m'E; what it brings are the flows: each
series, side and client tier i trades z contracts that add s z e to the exposures (s = +1 where we buy), and earns z H(c + p), H the
Hamiltonian of its intensity, c what its fills always cost, and p = (v(E) - v(E + s z e)) / z = s g.e + z e'Ae the shift of its
reservation price, g = 2AE + B. Take the book closed at fair value after an exponential time with mean `holding_years` = 1 / r, and H to
second order around the shift p0 that a book F has. Then the terms of v that are quadratic and linear in E say

    2 A D A + r A = aversion / 2 S,                      D = sum z H'' e e' over series, sides and tiers,
    (r + 2 A D) g = aversion S F - m - 2 A (V - D g0),   V = sum s z H' e,   g0 the price in p0,   B = g - 2AF.

With S = LL' and L'DL = U n U', the solution is A = W y W', W = LU, y = aversion / (r + sqrt(r^2 + 4 n aversion)): positive semidefinite
whatever comes in, also where no flow touches a factor or factors are linearly dependent. g is closed in the same W. The first solution is
that of p0 = 0, as published; `rounds` more are at the shifts that the last one found. F is the flat book, or the one held, for which g
is then exact but for third derivatives.

Special cases, each held by a test: p0 = 0, r to 0 and both sides alike is A = 1/2 sqrt(a/2) D^-1/2 (D^1/2 S D^1/2)^1/2 D^-1/2 of domain
reference 4.5 (its D counts a side, ours both); no flow is A = aversion / 2 S / r: the price g = aversion x (covariance over the holding
time) x E that `riskprice.price` has, and the reservation price of Avellaneda and Stoikov; one factor with exponential intensities is
the asymptote of Gueant, Lehalle and Fernandez-Tapia for a small aversion.

Source: P. Bergault, D. Evangelista, O. Gueant, D. Vieira, "Closed-form approximations in multi-asset market making", Applied
Mathematical Finance 28 (2021) 101-142; B. Baldacci, P. Bergault, O. Gueant, Quantitative Finance 21 (2021) 85-97; domain reference 4.5.
The discount and the rounds are ours: the one gives factors without flow a finite price, the others bring the distances on the
published book of 20 options at 5e6 of vega from 0.14 to 0.01 vol points of the exact ones.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Bools, Floats, Ints
from flatbook.riskprice.intensity import Intensity, hamiltonian

_REACH = 2.0  # decays of an intensity; shifts further out are expanded there: beyond, H no longer bends and rounds would leap
_NEGATIVE = 1e-9  # eigenvalue of a correlation matrix that is more than rounding


class FactorStatus(IntEnum):
    """Whether a factor is in the value function."""

    PRICED = 0
    NO_VARIANCE = 1
    NO_CORRELATION = 2
    NO_DRIFT = 3


FACTOR_STATUS_TEXT: dict[FactorStatus, str] = {
    FactorStatus.PRICED: "priced",
    FactorStatus.NO_VARIANCE: "left out: its variance is not known",
    FactorStatus.NO_CORRELATION: "left out: its covariance with a priced factor is not known",
    FactorStatus.NO_DRIFT: "left out: its drift is not known",
}


class FlowStatus(IntEnum):
    """Whether a flow is in the value function."""

    COUNTED = 0
    NO_EXPOSURE = 1
    NO_INTENSITY = 2


FLOW_STATUS_TEXT: dict[FlowStatus, str] = {
    FlowStatus.COUNTED: "counted",
    FlowStatus.NO_EXPOSURE: "left out: no factor exposure of its series is known",
    FlowStatus.NO_INTENSITY: "left out: its intensity, size or cost is not known",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeriesFactors:
    """Exposures of one contract of each series: `kinds` factors of its own block; `exposure.factors.Factors` has both arrays.

    Where a fill's delta is hedged at once, they are those of the contract with its hedge.
    """

    e: Floats  # [n, kinds] USD per unit of factor; NaN where not known
    block_of: Ints  # [n] its factors are block x kinds and the next

    @property
    def known(self) -> Bools:
        """Series of which something is known, bool[n]."""
        return np.asarray(np.isfinite(self.e).any(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flow:
    """What customers trade with us, a row for each series, side and tier of clients."""

    series: Ints  # row of `SeriesFactors`
    side: Ints  # +1 where we buy, -1 where we sell
    contracts: Floats  # of one trade
    intensity: Intensity
    cost_usd: Floats  # per contract, of every fill: adverse selection, hedge, capital


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Terms:
    """How much risk may cost, for how long it is held, and what exposures are expected to earn."""

    aversion_per_usd: float
    holding_years: float  # mean time after which the book is closed at fair value
    drift_usd_per_year: Floats | None = None  # [F] for each unit of exposure; None: none
    rounds: int = 2  # how often it is solved again at the shifts just found; 0 is the published closed form

    def __post_init__(self) -> None:
        """Refuse what has no solution."""
        if not (0.0 < self.aversion_per_usd < np.inf and 0.0 < self.holding_years < np.inf):
            msg = (
                "risk price: need aversion_per_usd and holding_years above 0 and finite, "
                f"was {self.aversion_per_usd} and {self.holding_years}"
            )
            raise InvalidValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ValueFunction:
    """v(E) = -E'AE - B'E in USD, but for a constant; rows and columns of factors left out are 0."""

    curvature: Floats  # A, [F, F] positive semidefinite
    slope: Floats  # B, [F]
    own_usd: Floats  # [n] e'Ae: what a contract adds to its own cost, USD per contract squared; NaN where nothing is known
    reversion_per_year: Floats  # [modes] how fast quotes take inventory back; 0 where no flow reaches
    factor_status: Ints  # [F] FactorStatus
    flow_status: Ints  # [m] FlowStatus
    eigenvalue_min: float  # of the correlations; below 0 they were cut off there


def value_function(
    covariance: Floats, series: SeriesFactors, flow: Flow, terms: Terms, around: Floats | None = None
) -> ValueFunction:
    """Solve for A and B.

    Parameters
    ----------
    covariance : float64[F, F]
        Of the factors, a year; NaN where not known.
    series : SeriesFactors
        n rows, F = blocks x kinds.
    flow : Flow
    terms : Terms
    around : float64[F], optional
        The book at which it is most exact, its unknown exposures as 0; the flat book otherwise. It matters for exposures so large
        that flow stands still, and for flow from one side.
    """
    count = covariance.shape[0]
    drift = np.zeros(count) if terms.drift_usd_per_year is None else terms.drift_usd_per_year
    deviation, correlation, factor_status = _correlations(covariance, drift)
    values, vectors = np.linalg.eigh(correlation)
    scaled = deviation[:, None] * vectors * np.sqrt(np.maximum(values, 0.0))
    blocks, count_series = _blocks(series, count), series.e.shape[0]
    r, aversion = 1.0 / terms.holding_years, terms.aversion_per_usd
    m = np.where(factor_status == FactorStatus.PRICED, drift, 0.0)
    here = np.zeros(count) if around is None else np.where(deviation > 0.0, around, 0.0)
    m -= aversion * (scaled @ (scaled.T @ here))
    own, g = np.zeros(count_series), np.zeros(count)
    known = series.known[flow.series]
    for _ in range(1 + terms.rounds):
        traded = _traded(flow, known, own, _along(blocks, g, count_series))
        d = _squares(blocks, traded.weight, count)
        n, turn = np.linalg.eigh(scaled.T @ d @ scaled)
        w = scaled @ turn
        speed = np.sqrt(r * r + 4.0 * np.maximum(n, 0.0) * aversion)
        y = aversion / (r + speed)
        a = (w * y) @ w.T
        own = _quadratic(blocks, a, count_series)
        pull = _sums(blocks, traded.drift + traded.square * own, count)
        # (r + 2AD)^-1 by the identity of Woodbury, with W'DW = n and r + 2yn = (r + speed) / 2
        gain = 4.0 * y / (r + speed)
        g = -(m - w @ (gain * (w.T @ (d @ m)))) / r - w @ (gain * (w.T @ pull))
    return ValueFunction(
        curvature=a,
        slope=g - 2.0 * a @ here,
        own_usd=np.where(series.known, own, np.nan),
        reversion_per_year=np.maximum(speed - r, 0.0) / 2.0,
        factor_status=factor_status,
        flow_status=traded.status,
        eigenvalue_min=float(values[0]) if values[0] < -_NEGATIVE else 0.0,
    )


def value_without_flow(covariance: Floats, series: SeriesFactors, terms: Terms) -> ValueFunction:
    """The same where nothing is expected to be traded: A = aversion / 2 times the covariance over the holding time; parameters as above."""
    count = covariance.shape[0]
    drift = np.zeros(count) if terms.drift_usd_per_year is None else terms.drift_usd_per_year
    deviation, correlation, status = _correlations(covariance, drift)
    known = correlation * np.outer(deviation, deviation)
    a = 0.5 * terms.aversion_per_usd * terms.holding_years * known
    own = _quadratic(_blocks(series, count), a, series.e.shape[0])
    return ValueFunction(
        curvature=a,
        slope=-terms.holding_years * np.where(status == FactorStatus.PRICED, drift, 0.0),
        own_usd=np.where(series.known, own, np.nan),
        reversion_per_year=np.zeros(count),
        factor_status=status,
        flow_status=np.zeros(0, dtype=np.int64),
        eigenvalue_min=0.0,
    )


def price_of(value: ValueFunction, exposure: Floats) -> Floats:
    """Risk price g = 2AE + B, float64[F], USD per unit of exposure; plus: another unit costs us.

    NaN for factors left out. An unknown exposure to a priced factor makes every price that hangs on it NaN: hand in what is
    known of the book, and let limits add the worst of the rest.
    """
    priced = value.factor_status == FactorStatus.PRICED
    g = 2.0 * value.curvature @ np.where(priced, exposure, 0.0) + value.slope
    return np.where(priced, g, np.nan)


def unpriced_series(value: ValueFunction, series: SeriesFactors) -> Bools:
    """Series of which part is not in their price: exposed to a factor left out, or to one nobody knows how far; bool[n]."""
    kinds = series.e.shape[1]
    left_out = (value.factor_status != FactorStatus.PRICED).reshape(-1, kinds)
    exposed = ~np.isfinite(series.e) | ((series.e != 0.0) & left_out[series.block_of])
    return np.asarray(exposed.any(axis=1))


@dataclass(frozen=True, slots=True)
class _Traded:
    weight: Floats  # [n] sum of z H''
    drift: Floats  # [n] sum of s z (H' - H'' shift)
    square: Floats  # [n] sum of s z^2 H''
    status: Ints  # [m]


def _traded(flow: Flow, known: Bools, own: Floats, flat: Floats) -> _Traded:
    """Sums of the Hamiltonians' derivatives by series, at the shifts z own +- flat, or as far as H bends."""
    rows, z = own.size, flow.contracts
    reach = _REACH / flow.intensity.decay_per_usd
    shift = np.clip(z * own[flow.series] + flow.side * flat[flow.series], -reach, reach)
    h = hamiltonian(flow.intensity, flow.cost_usd + shift)
    told = np.isfinite(h.slope_per_year) & np.isfinite(h.curvature_per_usd_year) & (z > 0.0) & np.isfinite(z)
    use = told & known
    size = np.where(use, z, 0.0)
    bend = np.where(use, size * h.curvature_per_usd_year, 0.0)
    slope = np.where(use, size * h.slope_per_year, 0.0) - bend * np.where(use, shift, 0.0)

    def summed(weights: Floats) -> Floats:
        return np.asarray(np.bincount(flow.series, weights=weights, minlength=rows), dtype=np.float64)

    status = np.where(
        known, np.where(told, FlowStatus.COUNTED, FlowStatus.NO_INTENSITY), FlowStatus.NO_EXPOSURE
    )
    return _Traded(
        weight=summed(bend),
        drift=summed(np.asarray(flow.side * slope, dtype=np.float64)),
        square=summed(np.asarray(flow.side * size * bend, dtype=np.float64)),
        status=status.astype(np.int64),
    )


def _correlations(covariance: Floats, drift: Floats) -> tuple[Floats, Floats, Ints]:
    """Deviation of each factor, 0 where it is left out, correlations of the rest, and why factors are left out."""
    variance = np.diag(covariance)
    status = np.where(
        np.isfinite(variance) & (variance >= 0.0), FactorStatus.PRICED, FactorStatus.NO_VARIANCE
    )
    status = np.where((status == FactorStatus.PRICED) & ~np.isfinite(drift), FactorStatus.NO_DRIFT, status)
    while True:
        told = status == FactorStatus.PRICED
        unknown = (~np.isfinite(covariance) & told[:, None] & told).sum(axis=1)
        if not unknown.any():
            break
        status[np.argmax(unknown)] = FactorStatus.NO_CORRELATION
    deviation = np.where(told, np.sqrt(np.where(told, variance, 0.0)), 0.0)
    inverse = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0.0)
    known = np.where(told[:, None] & told, covariance, 0.0)
    return deviation, 0.5 * (known + known.T) * np.outer(inverse, inverse), status.astype(np.int64)


class _Block(NamedTuple):
    """Series that touch the same factors."""

    rows: Ints
    at: slice  # of the factors
    e: Floats  # what is not known is 0


def _blocks(series: SeriesFactors, count: int) -> list[_Block]:
    e = np.where(np.isfinite(series.e), series.e, 0.0)
    kinds = e.shape[1]
    rows = [np.flatnonzero(series.block_of == block) for block in range(count // kinds)]
    return [_Block(own, slice(n * kinds, (n + 1) * kinds), e[own]) for n, own in enumerate(rows)]


def _squares(blocks: list[_Block], weight: Floats, count: int) -> Floats:
    """Sum of weight e e', [F, F]."""
    out = np.zeros((count, count))
    for rows, at, e in blocks:
        scaled = e * np.sqrt(weight[rows])[:, None]
        out[at, at] = scaled.T @ scaled
    return out


def _quadratic(blocks: list[_Block], a: Floats, n: int) -> Floats:
    """e'Ae, [n]."""
    out = np.zeros(n)
    for rows, at, e in blocks:
        out[rows] = np.maximum(np.einsum("ij,ij->i", e @ a[at, at], e), 0.0)
    return out


def _sums(blocks: list[_Block], weight: Floats, count: int) -> Floats:
    """Sum of weight e, [F]."""
    out = np.zeros(count)
    for rows, at, e in blocks:
        out[at] = weight[rows] @ e
    return out


def _along(blocks: list[_Block], price: Floats, n: int) -> Floats:
    """Price times exposure, [n]."""
    out = np.zeros(n)
    for rows, at, e in blocks:
        out[rows] = e @ price[at]
    return out
