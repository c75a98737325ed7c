"""Quotes of a class made from known smiles, and a check of a surface that shares no code with its own."""

import numpy as np

from flatbook.market.surface import SmilePointsTable
from tests.naive import svi as naive

YEARS = np.array([5 / 365, 20 / 365, 48 / 365, 0.35, 1.0, 2.0])


def table_of(years, k, variance_of, half_vol=0.002, counts=1):
    """Quotes of half_vol around sqrt(variance_of(slice, k) / years), `counts` of each."""
    index, at = [], []
    for s in range(len(years)):
        index += [s] * (len(k[s]) * counts)
        at += list(k[s]) * counts
    index, at = np.array(index, dtype=np.int64), np.array(at)
    vol = np.array([np.sqrt(variance_of(s, x) / years[s]) for s, x in zip(index, at, strict=True)])
    return points(years, index, at, vol - half_vol, vol, vol + half_vol)


def points(years, index, k, bid, mid, ask):
    """A points table with unit weights, keyed by position."""
    return SmilePointsTable(
        slice_index=index, log_moneyness=k, vol_bid=bid, vol_mid=mid, vol_ask=ask,
        weight=np.ones(index.size), years=np.asarray(years, dtype=np.float64),
        keys=np.arange(len(years), dtype=np.int64) + 100,
    )  # fmt: skip


def strikes(years, vol=0.2, low=-3.0, high=2.5, count=41):
    """ln(K/F) of each slice, in standard deviations of `vol`."""
    return [np.linspace(low, high, count) * vol * np.sqrt(t) for t in years]


def essvi_variance(years):
    """An index-like eSSVI surface at YEARS, free of arbitrage."""
    theta = 0.04 * np.asarray(years) * (1 - 0.2 * np.exp(-np.asarray(years)))
    rho = -0.7 + 0.1 * np.exp(-np.asarray(years))
    phi = 0.9 / np.sqrt(theta)
    return lambda s, k: naive.ssvi(theta[s], rho[s], phi[s], k)


def faults(surface):
    """Words for every slice whose call prices are not convex and decreasing, and for every pair out of order.

    Prices on an even strike grid over the whole class and over the slice's own range, by the textbook formula;
    a slope is known to 1e-9, and to the rounding of two prices over the distance of their strikes.
    """
    found = []
    order = np.argsort(surface.years, kind="stable").tolist()
    for wide in np.unique(surface.reach[surface.reach > 0.0]):
        grid = np.linspace(-wide, wide, 401)
        before = None
        for s in order:
            w = surface.total_variance(np.full(401, s), grid)
            if np.isnan(w).all():
                continue
            found += _smile_faults(s, grid, w)
            if before is not None and np.any(w < before * (1.0 - 1e-12)):
                found.append(
                    f"slice {s}: below the expiry before by {(w / before).min() - 1.0:.2e}, k to {wide:.2f}"
                )
            before = w
    return found


def _smile_faults(s, grid, w):
    if not np.all(w > 0.0):
        return [f"slice {s}: total variance not above zero"]
    slope = np.diff(naive.call(grid, w)) / np.diff(np.exp(grid))
    known = 1e-9 + 1e-15 / np.diff(np.exp(grid))
    if np.any(slope > known) or np.any(slope < -1.0 - known):
        return [f"slice {s}: call spreads out of bounds"]
    if np.any(np.diff(slope) < -known[1:] - known[:-1]):
        return [f"slice {s}: a butterfly is negative by {np.diff(slope).min():.2e}"]
    return []
