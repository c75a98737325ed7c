"""Net exposure in the table of measures, by underlying and expiry bucket, by class, by expiry, and for the desk.

A held series without a value counts at the largest exposure any model allows it: |delta| <= 1, gamma and vega of an
option at the money. These bounds stand beside the totals, and limits read the sum of both.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.market.view import MarketView
from flatbook.model.instruments import Payoff, Right
from flatbook.model.measures import (
    BUCKET_NAMES,
    BUCKETS,
    CALENDAR_DAYS,
    LINEAR_BUCKET,
    MEANINGS,
    N_MEASURES,
    VEGA_REFERENCE_DAYS,
    Measure,
)
from flatbook.model.parameters import Desk
from flatbook.model.table import Floats, Ints
from flatbook.valuation.values import Values

_PEAK = 1.0 / np.sqrt(2.0 * np.pi)  # of the normal density
_VOL_FLOOR = 0.05  # lowest volatility that a worst-case gamma assumes
_YEARS_FLOOR = 1.0 / (CALENDAR_DAYS * 24.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Sums of position times measure. Arrays end with the measure axis (N_MEASURES)."""

    quantity: Ints  # [n_rows] contracts
    by_row: Floats  # [n_rows, N_MEASURES]; 0 where nothing is held, NaN where held and not valued
    by_bucket: Floats  # [n_underlyings, n_buckets, N_MEASURES]
    by_underlying: Floats  # [n_underlyings, N_MEASURES]
    by_class: Floats  # [n_classes, N_MEASURES]
    by_slice: Floats  # [n_slices, N_MEASURES]
    desk: Floats  # [N_MEASURES]; NaN for measures that do not add across underlyings
    beta_delta_usd: Floats  # [n_underlyings] in USD of the desk's index
    beta_delta_shares: float  # index-share equivalents of the whole desk; NaN without an index
    unvalued: dict[int, str]  # held rows without a value: why
    bound: Floats  # [n_underlyings, n_buckets, N_MEASURES] worst case of what is not valued; 0 where all is
    row_bucket: Ints  # [n_rows]

    def bound_of(self, underlying: int) -> Floats:
        """Worst case of the unvalued series of one underlying, [N_MEASURES]."""
        return np.asarray(self.bound[underlying].sum(axis=0))


def buckets_of(years: Floats) -> Ints:
    """Index of the expiry bucket of each time to expiry; what is no option (infinite time) is in LINEAR_BUCKET."""
    last_day = np.array([days for _, days in BUCKETS])
    days = np.where(np.isfinite(years), years * CALENDAR_DAYS, 0.0)
    bucket = np.minimum(np.searchsorted(last_day, days - 1e-9, side="left"), len(BUCKETS) - 1)
    return np.where(np.isfinite(years), bucket, BUCKET_NAMES.index(LINEAR_BUCKET)).astype(np.int64)


def aggregate(quantity: Ints, values: Values, market: MarketView, desk: Desk) -> Exposure:
    """Sum the book's measures.

    Parameters
    ----------
    quantity : int64[n_rows]
        Net contracts, long is plus.
    values : Values
        Per contract.
    market : MarketView
    desk : Desk
        For betas and the index.
    """
    table = market.table
    held = quantity != 0
    by_row = np.where(held[:, None], quantity[:, None] * values.greeks, 0.0)
    unvalued = {row: values.reasons[row] for row in np.flatnonzero(held).tolist() if row in values.reasons}
    counted = by_row.copy()
    counted[list(unvalued)] = 0.0
    bucket = buckets_of(market.years)
    n_underlyings, n_buckets = len(table.underlyings), len(BUCKET_NAMES)
    by_bucket = _sum_by(counted, table.underlying_of * n_buckets + bucket, n_underlyings * n_buckets)
    by_bucket = by_bucket.reshape(n_underlyings, n_buckets, N_MEASURES)
    by_underlying = by_bucket.sum(axis=1)
    options = table.is_option
    class_index = {name: number for number, name in enumerate(table.classes)}
    class_of_slice = np.array([class_index[key.option_class] for key in table.slices], dtype=np.int64)
    by_slice = _sum_by(counted[options], table.slice_of[options], len(table.slices))
    betas = np.array([desk.terms_of(name).beta for name in table.underlyings])
    beta_delta = betas * by_underlying[:, Measure.DELTA_USD]
    return Exposure(
        quantity=quantity,
        by_row=by_row,
        by_bucket=by_bucket,
        by_underlying=by_underlying,
        by_class=_sum_by(by_slice, class_of_slice, len(table.classes)),
        by_slice=by_slice,
        desk=desk_total(by_underlying),
        beta_delta_usd=beta_delta,
        beta_delta_shares=index_shares(beta_delta, market, desk),
        unvalued=unvalued,
        bound=_bounds(quantity, unvalued, values, market, bucket),
        row_bucket=bucket,
    )


def _sum_by(columns: Floats, group: Ints, n_groups: int) -> Floats:
    out = np.zeros((n_groups, N_MEASURES))
    for measure in range(N_MEASURES):
        out[:, measure] = np.bincount(group, weights=columns[:, measure], minlength=n_groups)
    return out


def desk_total(by_underlying: Floats) -> Floats:
    """Sum over underlyings, float64[N_MEASURES]; NaN for what does not add across several."""
    adds = np.array([MEANINGS[measure].adds_across_underlyings for measure in Measure])
    one = by_underlying.shape[0] == 1
    return np.where(adds | one, by_underlying.sum(axis=0), np.nan)


def index_shares(beta_delta: Floats, market: MarketView, desk: Desk) -> float:
    """Beta-weighted delta of all underlyings in shares of the desk's index; NaN without an index."""
    names = market.table.underlyings
    if desk.appetite.index not in names:
        return float("nan")
    return float(beta_delta.sum() / market.spot[names.index(desk.appetite.index)])


def _bounds(
    quantity: Ints, unvalued: dict[int, str], values: Values, market: MarketView, bucket: Ints
) -> Floats:
    table = market.table
    out = np.zeros((len(table.underlyings), len(BUCKET_NAMES), N_MEASURES))
    for row in unvalued:
        out[table.underlying_of[row], bucket[row]] += bound_of_row(int(quantity[row]), values, market, row)
    return out


def bound_of_row(quantity: int, values: Values, market: MarketView, row: int) -> Floats:
    """Worst case of a position in one series without a value, float64[N_MEASURES]."""
    units = abs(quantity) * reach(market, values, row)
    return worst_case(units, float(values.spot[row]), float(market.variance_years[row]))


def worst_loss(market: MarketView, values: Values, row: int, moves: Floats, points: Floats) -> Floats:
    """The most that one contract of a series without a value can lose.

    Parameters
    ----------
    moves : float64[...]
        Of its underlying, relative.
    points : float64[...]
        By which its volatility changes, in points of 0.01; broadcasts with `moves`. What is no option has none.

    Returns
    -------
    float64[...]
        USD, above 0; NaN where the underlying has no price.
    """
    worst = worst_case(reach(market, values, row), float(values.spot[row]), float(market.variance_years[row]))
    lost = worst[Measure.DELTA_USD] * np.abs(moves)
    if not market.table.is_option[row]:
        return np.asarray(lost + 0.0 * points)
    return np.asarray(lost + worst[Measure.VEGA_USD_PER_POINT] * np.abs(points))


def reach(market: MarketView, values: Values, row: int) -> float:
    """Units of underlying that one contract can at most move like.

    Its multiplier; for a coin-settled put (1 + K/S) times it, because its premium, up to K/S coins, is coin too.
    """
    item = market.table.instruments[row]
    if item.payoff is Payoff.INVERSE and item.right is Right.PUT:
        return item.multiplier * (1.0 + item.strike / float(values.spot[row]))
    return item.multiplier


def worst_case(units: float, spot: float, years: float) -> Floats:
    """The largest magnitude any option that moves like at most `units` of underlying can have of each measure.

    |delta| <= 1; gamma and vega peak at the money (vega = S phi(0) sqrt(T), gamma = phi(0) / (S vol sqrt(T)) at a low
    volatility). Measures without such a bound are NaN. NaN where the price of the underlying is unknown.
    """
    out = np.full(N_MEASURES, np.nan)
    root = np.sqrt(max(years, _YEARS_FLOOR))
    vega = units * spot * _PEAK * root / 100.0
    out[Measure.DELTA_SHARES] = units if np.isfinite(spot) else np.nan
    out[Measure.DELTA_USD] = units * spot
    out[Measure.GAMMA_SHARES_PER_USD] = units * _PEAK / (_VOL_FLOOR * root * spot)
    out[Measure.GAMMA_USD_PER_PCT] = units * spot * _PEAK / (_VOL_FLOOR * root) / 100.0
    out[Measure.VEGA_USD_PER_POINT] = vega
    out[Measure.VEGA_WEIGHTED_USD_PER_POINT] = vega * np.sqrt(VEGA_REFERENCE_DAYS / CALENDAR_DAYS) / root
    return out
