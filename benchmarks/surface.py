"""A class's volatility surface from its quotes, one thread: the whole refit, and SVI alone beside SciPy's least squares.

Quotes are made from an eSSVI surface with a bump that no SVI has, so that the spline has work to do; in the hard class
each also lies anywhere in its band, so that only some smiles meet all. Both SVI fits are held to the same accuracy before
anything is timed. A refit finds the surface of the quotes before, which a new surface starts from: they lie elsewhere in
their bands.
"""

from collections.abc import Iterator

import numpy as np
from scipy.optimize import least_squares

from flatbook.kernels.essvi import raw_of_ssvi
from flatbook.kernels.svi import fit_svi, svi_total_variance
from flatbook.market.calibrate import calibrate
from flatbook.market.surface import SmilePointsTable

_START = np.array([0.4, 0.6, -0.3, 0.0, 1.0])


def _quotes(expiries: int, strikes: int, bump: float, noise: float = 0.0, seed: int = 0) -> SmilePointsTable:
    """Out-of-the-money volatilities with bid and offer a fifth of a point and more apart, `noise` half-spreads off."""
    years = np.linspace(0.15, 1.6, expiries) ** 2
    theta = 0.03 * years
    index = np.repeat(np.arange(expiries), strikes)
    z = np.tile(np.linspace(-6.0, 3.0, strikes), expiries)
    k = z * np.sqrt(theta[index])
    w = np.concatenate([
        svi_total_variance(raw_of_ssvi(np.array([t, -0.6, 0.8 * np.sqrt(t)])), k[index == s])
        for s, t in enumerate(theta)
    ])  # fmt: skip
    vol = np.sqrt(w * (1.0 + bump * np.sin(2.0 * z) * np.exp(-0.2 * z * z)) / years[index])
    half = 0.001 * (1.0 + 0.3 * z * z)
    vol = vol + noise * half * np.random.default_rng(seed).uniform(-1.0, 1.0, vol.size)
    return SmilePointsTable(
        slice_index=index, log_moneyness=k, vol_bid=vol - half, vol_mid=vol, vol_ask=vol + half,
        weight=np.ones(k.size), years=years, keys=np.arange(expiries),
    )  # fmt: skip


def _scaled(table: SmilePointsTable) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """z, scaled variance and half-spread of each slice."""
    out = []
    for s, years in enumerate(table.years.tolist()):
        mine = table.slice_index == s
        level = 0.03 * years
        w, low = (column[mine] ** 2 * years / level for column in (table.vol_mid, table.vol_bid))
        out.append((table.log_moneyness[mine] / np.sqrt(level), w, w - low))
    return out


def _ours(slices: list) -> list[np.ndarray]:
    return [fit_svi(z, w - half, w, w + half, half**-2.0, _START, 0.1, 30) for z, w, half in slices]


def _scipys(slices: list) -> list[np.ndarray]:
    """Raw SVI in the same scale, weighted by the half-spread, with bounds."""

    def residuals(x, z, w, half):
        a, b, rho, m, s = x
        return (a + b * (rho * (z - m) + np.sqrt((z - m) ** 2 + s * s)) - w) / half

    bounds = ([-5.0, 1e-4, -0.999, -5.0, 0.02], [5.0, 10.0, 0.999, 5.0, 10.0])
    return [least_squares(residuals, _START, bounds=bounds, args=one).x for one in slices]


def _worst(fits: list[np.ndarray], slices: list) -> float:
    """The largest error, in half-spreads."""
    return max(
        float(np.abs((svi_total_variance(fit, z) - w) / half).max())
        for fit, (z, w, half) in zip(fits, slices, strict=True)
    )


def comparisons() -> Iterator[tuple]:
    """(workload, peer, ours, peer, scale)."""
    smooth = _scaled(_quotes(30, 34, 0.0))
    assert _worst(_ours(smooth), smooth) < 0.5
    assert _worst(_scipys(smooth), smooth) < 0.5
    name = "raw SVI of 30 slices, 34 strikes"
    yield name, "scipy least_squares", lambda: _ours(smooth), lambda: _scipys(smooth), 1.0
    for expiries, strikes, bump, noise, series in (
        (30, 34, 0.04, 0.0, "2,040"),
        (30, 34, 0.06, 0.8, "2,040 hard"),
        (41, 145, 0.04, 0.0, "11,890"),
    ):
        table = _quotes(expiries, strikes, bump, noise, 1)
        slices = _scaled(table)
        before = calibrate(_quotes(expiries, strikes, bump, noise, 2), None)
        report = calibrate(table, before).report
        assert report.share_inside >= 0.95, report
        assert report.butterfly_min >= 0.0, report
        assert report.calendar_gap_min >= 0.0, report
        name = f"checked surface of {series} series, {expiries} expiries"

        def ours(table=table, before=before):
            calibrate(table, before)

        yield name, "scipy least_squares SVI, unchecked", ours, lambda slices=slices: _scipys(slices), 1.0
