"""The surface of each underlying in a view: fitted to today's quotes, published where it differs from the last.

All expiries of all classes of an underlying stand in one surface, so that none can be arbitraged against another.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from flatbook.market.calibrate import calibrate, material_change
from flatbook.market.quotes import Codes
from flatbook.market.surface import NO_KEY, Surface
from flatbook.market.surface_points import points_of, slice_keys, slices_of
from flatbook.model.table import Floats, InstrumentTable, Ints

NO_SMILE = "no usable quote in this expiry, nor in its neighbours, to tell a volatility from"


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
    previous: Mapping[str, Surface],
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
    previous : mapping of underlying to Surface
        As published before; a fresh surface that says no more than this is not published.
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
        before = previous.get(name)
        fresh = calibrate(points, before)
        surface = fresh if before is None or material_change(before, fresh, points) else before
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
