"""The surface of each underlying in a view: fitted to today's quotes, published where it differs from the last.

All expiries of all classes of an underlying stand in one surface, so that none can be arbitraged against another.

A fit is drawn to the one before and so moves a little even where no quote did. Holds: quotes that stand where they stood
against the published surface publish no other, however often they are fitted, and an expiry whose quotes stand still has
no say in whether one is published.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from flatbook.market.calibrate import calibrate, material_change
from flatbook.market.quotes import Codes
from flatbook.market.surface import NO_KEY, SmilePointsTable, Surface
from flatbook.market.surface_points import points_of, slice_keys, slices_of
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints

_SIGMAS_STILL = (
    1.0  # half-spreads over sqrt(3) up to which a quote has not moved: a third of what is material
)
_MOVED_SHARE = 0.05  # of the quotes of an expiry that must have moved
_HALF_SPREAD_MIN = 0.0005

NO_SMILE = "no usable quote in this expiry, nor in its neighbours, to tell a volatility from"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Published:
    """A surface as others read it, and where the quotes stood when it was fitted."""

    surface: Surface
    apart: Floats  # float64[n_rows]: vol of the middle less that of the surface; NaN where one is not known or the quote was not used


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The surfaces, and what they say of every row and expiry."""

    surfaces: tuple[Surface | None, ...]  # by underlying
    slice_at: (
        Ints  # int64[s]: which slice of its underlying's surface an expiry is, NO_KEY where it is in none
    )
    vol: Floats  # float64[n_rows]
    atm_vol: Floats  # float64[s]
    confidence: Floats  # float64[s], 0 to 1


def fit_surfaces(
    table: InstrumentTable,
    previous: Mapping[str, Published],
    *,
    alive: Ints,
    slice_years: Floats,
    forward: Floats,
    status: Codes,
    vols: tuple[Floats, Floats, Floats],
) -> Fitted:
    """Fit the surface of every underlying.

    Parameters
    ----------
    table : InstrumentTable
    previous : mapping of underlying to Published
        A fresh surface that says no more than this is not published.
    alive : int64[k]
        Slices that have a forward and time left.
    slice_years, forward, status, vols
        As in `market.view`; vols of bid, middle and offer.
    """
    n_slices = len(table.slices)
    surfaces: list[Surface | None] = []
    slice_at = np.full(n_slices, NO_KEY)
    for u, name in enumerate(table.underlyings):
        slices = np.intersect1d(slices_of(table, u), alive, assume_unique=True)
        if not slices.size:
            surfaces.append(None)
            continue
        points, rows = points_of(
            table,
            slices,
            slice_years=slice_years,
            forward=forward,
            status=status,
            vol_bid=vols[0],
            vol_mid=vols[1],
            vol_ask=vols[2],
        )
        assert rows.size == points.log_moneyness.size, name
        surface = _fit(points, rows, previous.get(name))
        surfaces.append(surface)
        slice_at[slices] = surface.find(slice_keys(table, slices))
    return _read(table, tuple(surfaces), slice_at, forward)


def surface_vol(
    table: InstrumentTable,
    surfaces: tuple[Surface | None, ...],
    slice_at: Ints,
    rows: Ints,
    log_moneyness: Floats,
) -> Floats:
    """Volatility, float64[n], of the expiry of each row at ln(K/F); NaN where no surface speaks of it."""
    out = np.full(rows.size, np.nan)
    at = np.append(slice_at, NO_KEY)[table.slice_of[rows]]
    for u, surface in enumerate(surfaces):
        mine = np.flatnonzero((table.underlying_of[rows] == u) & (at != NO_KEY))
        if surface is not None and mine.size:
            out[mine] = surface.vol(at[mine], np.ascontiguousarray(log_moneyness[mine]))
    return out


def _fit(points: SmilePointsTable, rows: Ints, before: Published | None) -> Surface:
    if before is None:
        return calibrate(points, None)
    moved = _moved(points, rows, before)
    if not moved.any():
        return before.surface
    fresh = calibrate(points, before.surface)
    telling = replace(points, vol_bid=np.where(moved[points.slice_index], points.vol_bid, np.nan))
    return fresh if material_change(before.surface, fresh, telling) else before.surface


def _moved(points: SmilePointsTable, rows: Ints, before: Published) -> Bools:
    """Slices whose quotes stand elsewhere against the surface than when it was published, bool[s]."""
    surface, of = before.surface, points.slice_index
    at = surface.find(points.keys)
    if (at == NO_KEY).any() or at.size != surface.keys.size:
        return np.ones(at.size, dtype=np.bool_)
    known = rows < before.apart.size
    then = np.where(known, before.apart[np.where(known, rows, 0)], np.nan)
    now = points.vol_mid - surface.vol(at[of], points.log_moneyness)
    half = np.fmax(0.5 * (points.vol_ask - points.vol_bid), _HALF_SPREAD_MIN)
    still = np.sqrt(3.0) * np.abs(now - then) <= _SIGMAS_STILL * half
    count = np.bincount(of, minlength=at.size)
    elsewhere = np.bincount(of[~still], minlength=at.size)
    fitted = np.array([surface.slices[i].report.points > 0 for i in at.tolist()], dtype=np.bool_)
    return np.where(count > 0, elsewhere > _MOVED_SHARE * count, fitted)


def _read(
    table: InstrumentTable, surfaces: tuple[Surface | None, ...], slice_at: Ints, forward: Floats
) -> Fitted:
    rows = np.arange(len(table.instruments))
    with np.errstate(divide="ignore", invalid="ignore"):
        log_moneyness = np.log(table.strike / forward)
    atm_vol, confidence = np.full(slice_at.size, np.nan), np.zeros(slice_at.size)
    for s in np.flatnonzero(slice_at != NO_KEY).tolist():
        surface = surfaces[int(table.underlying_of_slice[s])]
        assert surface is not None, f"slice {s} is in no surface"
        one = surface.slices[int(slice_at[s])]
        confidence[s] = one.report.confidence
        atm_vol[s] = surface.vol(slice_at[s : s + 1], np.zeros(1))[0]
    return Fitted(
        surfaces=surfaces,
        slice_at=slice_at,
        vol=surface_vol(table, surfaces, slice_at, rows, log_moneyness),
        atm_vol=atm_vol,
        confidence=confidence,
    )
