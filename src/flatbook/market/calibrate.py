"""From quotes to a surface that cannot be arbitraged, and whether it differs enough from the last to be published.

The loops are `kernels.vol_bands`, `kernels.surface_fit` and `kernels.surface_values`; here slices are put in the order
of time, matched with those of the surface before, and judged.
"""

import numpy as np

from flatbook.kernels.smile_fit import REFUSED
from flatbook.kernels.smile_row import COEFFICIENTS, ROW
from flatbook.kernels.surface_fit import fit_surface
from flatbook.kernels.surface_values import (
    CALENDAR_GAP,
    COUNT,
    G_MIN,
    INSIDE,
    RMSE,
    WITHIN_HALF,
    WORST,
    WORST_ERROR,
    at_the_money,
    fill_refused,
    measure,
)
from flatbook.kernels.svi import A, B
from flatbook.kernels.vol_bands import variance_bands
from flatbook.market.surface import (
    NO_KEY,
    FitReport,
    Refusal,
    Slice,
    SliceReport,
    SmileKind,
    SmilePointsTable,
    Surface,
)
from flatbook.model.table import Floats, Ints

SHARE_WANTED = 0.97  # of each slice's quotes inside bid and offer, before a simpler smile is taken
SIGMAS_MATERIAL = 3.0
_MOVED_SHARE = 0.95  # the quantile of a slice's changes that is held against the threshold
_HALF_SPREAD_MIN = 0.0005
_POINTS_DOUBTED = 4.0  # so many quotes deserve half the trust of many
_TRUST_IN_NEIGHBOURS = 0.25


def calibrate(points: SmilePointsTable, previous: Surface | None) -> Surface:
    """Fit a surface to the quotes of a class.

    Parameters
    ----------
    points : SmilePointsTable
        Any number of quotes of any number of expiries, however bad: what cannot be used is left out, an expiry that
        cannot be fitted is refused with its reason and read from its neighbours.
    previous : Surface or None
        The surface before, to which the new one is drawn inside bid and offer.

    Returns
    -------
    Surface
        Without butterfly arbitrage in any slice or calendar arbitrage between two, on the checking grid.
    """
    in_time = np.argsort(np.where(points.years > 0.0, points.years, np.inf), kind="stable")
    years = points.years[in_time]
    rank = np.empty(years.size, dtype=np.int64)
    rank[in_time] = np.arange(years.size)
    of_point = rank[points.slice_index]
    order = np.lexsort((points.log_moneyness, of_point))
    starts = np.searchsorted(of_point[order], np.arange(years.size + 1))
    columns = (points.log_moneyness, points.vol_bid, points.vol_mid, points.vol_ask, points.weight)
    quotes = np.stack([column[order].astype(np.float64) for column in columns])
    prior = _prior(previous, points.keys[in_time], years)
    bands = variance_bands(starts, years, quotes, prior)
    rows, _, kind, refusal, reach = fit_surface(starts, bands, prior, SHARE_WANTED)
    of, share = fill_refused(rows, kind, years, reach)
    measures = measure(starts, quotes[:4], years, rows, of, share, reach)
    measures[:, WORST] = np.where(
        measures[:, WORST] >= 0.0,
        np.append(order, NO_KEY)[measures[:, WORST].astype(np.int64)],
        NO_KEY,
    )
    return _surface(
        points, rows[rank], kind[rank], refusal[rank], _renamed(of, in_time)[rank], share[rank],
        reach[rank], measures[rank], 1 if previous is None else previous.version + 1,
    )  # fmt: skip


def material_change(
    previous: Surface | None, fresh: Surface, points: SmilePointsTable, sigmas: float = SIGMAS_MATERIAL
) -> bool:
    """Whether `fresh` differs from `previous` by more than the noise of the quotes.

    One sigma of a quote is its half-spread over sqrt(3): the deviation of a value anywhere between bid and offer. A
    slice has changed where the 95 % quantile of its changes at the quotes exceeds `sigmas`. Another list of slices, and
    a slice that was refused or no longer is, is a change whatever the numbers.
    """
    if previous is None or not np.array_equal(np.sort(previous.keys), np.sort(fresh.keys)):
        return True
    before = previous.find(fresh.keys)
    was = [previous.slices[i].kind == SmileKind.REFUSED for i in before.tolist()]
    if was != [piece.kind == SmileKind.REFUSED for piece in fresh.slices]:
        return True
    moved = np.abs(
        fresh.vol(points.slice_index, points.log_moneyness)
        - previous.vol(before[points.slice_index], points.log_moneyness)
    )
    half = np.maximum(0.5 * (points.vol_ask - points.vol_bid), _HALF_SPREAD_MIN)
    in_sigmas = np.sqrt(3.0) * moved / half
    told = np.isfinite(in_sigmas)
    return any(
        np.quantile(in_sigmas[mine], _MOVED_SHARE) > sigmas
        for s in range(fresh.years.size)
        if (mine := told & (points.slice_index == s)).any()
    )


def _prior(previous: Surface | None, keys: Ints, years: Floats) -> Floats:
    """Smile rows of the surface before, by slice, at the same volatilities now; zeros where there is none."""
    rows = np.zeros((keys.size, ROW))
    if previous is None:
        return rows
    found = previous.find(keys)
    own = found != NO_KEY
    own[own] = (previous.reach[found[own]] > 0.0) & (years[own] > 0.0)
    rows[own] = previous.rows[found[own]]
    passed = (years[own] / previous.years[found[own]])[:, np.newaxis]
    rows[own, A : B + 1] *= passed
    rows[own, COEFFICIENTS:] *= passed
    return rows


def _renamed(of: Ints, names: Ints) -> Ints:
    """Rows under the numbers that the points table gives their slices; -1 stays."""
    return np.where(of >= 0, names[of], NO_KEY)


def _surface(
    points: SmilePointsTable,
    rows: Floats,
    kind: Ints,
    refusal: Ints,
    of: Ints,
    share: Floats,
    reach: Floats,
    measures: Floats,
    version: int,
) -> Surface:
    years = np.ascontiguousarray(points.years, dtype=np.float64)
    shape = at_the_money(rows, of, share, years)
    confidence = _confidence(kind, measures, of)
    slices = tuple(
        Slice(
            key=key,
            years=time,
            kind=SmileKind(kind_here),
            refusal=Refusal(why),
            parameters=tuple(row[:5]) if kind_here != REFUSED else (np.nan,) * 5,
            level=level,
            skew=skew,
            curvature=curvature,
            report=_slice_report(found, trust),
        )
        for key, time, kind_here, why, row, (level, skew, curvature), found, trust in zip(
            points.keys.tolist(), years.tolist(), kind.tolist(), refusal.tolist(), rows[:, :5].tolist(),
            shape.tolist(), measures.tolist(), confidence.tolist(), strict=True,
        )
    )  # fmt: skip
    return Surface(
        version=version,
        slices=slices,
        report=_report(kind, measures, confidence),
        keys=points.keys,
        years=years,
        rows=rows,
        of=of,
        share=share,
        reach=reach,
    )


def _confidence(kind: Ints, measures: Floats, of: Ints) -> Floats:
    """The share of quotes met, less where they are few; a quarter of its neighbours' where a slice is refused."""
    count = measures[:, COUNT]
    own = np.nan_to_num(measures[:, WITHIN_HALF]) * count / (count + _POINTS_DOUBTED)
    own = np.where(kind == REFUSED, 0.0, own)
    neighbours = np.where(of >= 0, own[of], 0.0).min(axis=1)
    return np.where(kind == REFUSED, _TRUST_IN_NEIGHBOURS * neighbours, own)


def _slice_report(found: list[float], confidence: float) -> SliceReport:
    return SliceReport(
        points=int(found[COUNT]),
        rmse_vol_points=100.0 * found[RMSE],
        share_inside=found[INSIDE],
        share_within_half_spread=found[WITHIN_HALF],
        worst_point=int(found[WORST]),
        worst_half_spreads=found[WORST_ERROR],
        butterfly_min=found[G_MIN],
        calendar_gap_min=found[CALENDAR_GAP],
        confidence=confidence,
    )


def _report(kind: Ints, measures: Floats, confidence: Floats) -> FitReport:
    count = measures[:, COUNT]
    told = (count > 0.0) & np.isfinite(measures[:, RMSE])
    total = float(count[told].sum())
    if not total:
        return FitReport(
            points=0, rmse_vol_points=np.nan, share_inside=np.nan, share_within_half_spread=np.nan,
            worst_point=NO_KEY, worst_half_spreads=0.0, butterfly_min=np.nan, calendar_gap_min=np.nan,
            refused=int((kind == REFUSED).sum()), confidence=0.0,
        )  # fmt: skip
    inside, near = (float((measures[told, c] * count[told]).sum() / total) for c in (INSIDE, WITHIN_HALF))
    worst = int(np.argmax(measures[:, WORST_ERROR]))
    safe = np.isfinite(measures[:, G_MIN])
    return FitReport(
        points=int(total),
        rmse_vol_points=100.0 * float(np.median(measures[told, RMSE])),
        share_inside=inside,
        share_within_half_spread=near,
        worst_point=int(measures[worst, WORST]),
        worst_half_spreads=float(measures[worst, WORST_ERROR]),
        butterfly_min=float(measures[safe, G_MIN].min()) if safe.any() else np.nan,
        calendar_gap_min=float(np.nanmin(measures[safe, CALENDAR_GAP])) if safe.any() else np.nan,
        refused=int((kind == REFUSED).sum()),
        confidence=float((confidence * count).sum() / count.sum()),
    )
