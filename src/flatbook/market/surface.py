"""A class's volatility surface: smiles by expiry that cannot be arbitraged, how well they fit, how far to trust them.

k is ln(K/F) at the expiry's own forward. Volatilities are annual decimals, total variance is vol^2 years.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from flatbook.kernels import smile_fit, surface_fit, surface_values
from flatbook.model.table import Floats, Ints

NO_KEY = -1


class SmileKind(IntEnum):
    """What a smile is made of. The first that is near enough to the quotes."""

    REFUSED = smile_fit.REFUSED  # read from its neighbours
    ESSVI = smile_fit.ESSVI
    SVI = smile_fit.SVI
    CONVEX = smile_fit.CONVEX  # raw SVI and a spline


class Refusal(IntEnum):
    """Why an expiry has no smile of its own."""

    NONE = surface_fit.NO_REASON
    NO_QUOTES = surface_fit.NO_QUOTES
    OUT_OF_ORDER = surface_fit.OUT_OF_ORDER
    NO_SAFE_FIT = surface_fit.NO_SAFE_FIT


REFUSAL_TEXT: dict[Refusal, str] = {
    Refusal.NONE: "",
    Refusal.NO_QUOTES: "no usable quote to tell a volatility from",
    Refusal.OUT_OF_ORDER: "its total variance at the money lies out of order with most other expiries",
    Refusal.NO_SAFE_FIT: "no smile near its quotes is free of arbitrage with itself and the expiry before",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SmilePointsTable:
    """Quotes of a whole class as volatilities, one row each, in any order. A missing side is NaN."""

    slice_index: Ints  # int64[n]: into the slices below
    log_moneyness: Floats  # ln(K/F)
    vol_bid: Floats
    vol_mid: Floats
    vol_ask: Floats
    weight: Floats  # a factor on the weight that spread and vega give; 1 as a rule, 0 to leave a quote out
    years: Floats  # float64[s]: time to expiry of each slice, in any order
    keys: Ints  # int64[s]: what tells a slice from the others, and finds it again in the next surface

    def __post_init__(self) -> None:
        """State the shapes."""
        n, s = self.slice_index.size, self.years.size
        columns = (self.log_moneyness, self.vol_bid, self.vol_mid, self.vol_ask, self.weight)
        assert all(column.shape == (n,) for column in columns), [column.shape for column in columns]
        assert self.keys.shape == (s,), (self.keys.shape, s)
        assert np.unique(self.keys).size == s, "two slices share a key"
        assert not n or 0 <= self.slice_index.min() <= self.slice_index.max() < s


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceReport:
    """How one smile fits the two-sided quotes it was given, and how far it is from arbitrage. NaN: no such quote."""

    points: int
    rmse_vol_points: float  # to the middle
    share_inside: float  # of bid and offer
    share_within_half_spread: float  # or inside
    worst_point: int  # row of the points table, -1 without any
    worst_half_spreads: float
    butterfly_min: float  # the least g(k); at or above 0 there is no butterfly arbitrage
    calendar_gap_min: float  # the least relative rise of total variance over the expiry before
    confidence: float  # 0 to 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FitReport:
    """The whole surface: `SliceReport` over all its points."""

    points: int
    rmse_vol_points: float  # the median over slices
    share_inside: float
    share_within_half_spread: float
    worst_point: int
    worst_half_spreads: float
    butterfly_min: float
    calendar_gap_min: float
    refused: int
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One expiry's smile: what it is made of, and its shape at the money."""

    key: int
    years: float
    kind: SmileKind
    refusal: Refusal
    parameters: tuple[float, ...]  # raw SVI a, b, rho, m, s under the smile; NaN where refused
    level: float  # volatility at k = 0
    skew: float  # d vol / dk at k = 0
    curvature: float  # d2 vol / dk2 at k = 0
    report: SliceReport

    @property
    def reason(self) -> str:
        """Why it has no smile of its own, in words; empty where it has."""
        return REFUSAL_TEXT[self.refusal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """All smiles of a class, in the order of the points table's slices. Nobody changes it."""

    version: int
    slices: tuple[Slice, ...]
    report: FitReport
    keys: Ints
    years: Floats
    rows: Floats  # float64[s, ROW] of kernels.convex_smile
    of: Ints  # int64[s, 2]: the rows a slice is read from
    share: Floats  # float64[s, 2]
    reach: Floats  # float64[s]: |k| up to which the smile was checked; 0 where refused

    def vol(self, slice_index: Ints, log_moneyness: Floats) -> Floats:
        """Volatility, float64[n], at ln(K/F) of each slice; NaN where the surface has nothing to say."""
        return np.asarray(
            surface_values.vols(self.rows, self.of, self.share, self.years, slice_index, log_moneyness)
        )

    def total_variance(self, slice_index: Ints, log_moneyness: Floats) -> Floats:
        """Total variance, float64[n]; as `vol`."""
        return np.asarray(
            surface_values.total_variances(self.rows, self.of, self.share, slice_index, log_moneyness)
        )

    def skew(self, slice_index: int) -> float:
        """Slope of volatility in ln(K/F) at the money, for the skew stickiness ratio."""
        return self.slices[slice_index].skew

    def find(self, keys: Ints) -> Ints:
        """The slice of each key, int64[m]; NO_KEY where there is none."""
        if not self.keys.size:
            return np.full(keys.size, NO_KEY)
        order = np.argsort(self.keys, kind="stable")
        at = np.minimum(np.searchsorted(self.keys, keys, sorter=order), order.size - 1)
        found = order[at]
        return np.where(self.keys[found] == keys, found, NO_KEY)
