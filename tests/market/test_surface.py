"""Surfaces read back: values, slopes, refused expiries, and what they say of variance."""

import numpy as np
import pytest

from flatbook.market.calibrate import calibrate
from flatbook.market.surface import NO_KEY, Refusal, SmileKind
from tests.market.surfaces import YEARS, essvi_variance, faults, points, strikes, table_of
from tests.naive import svi as naive

VARIANCE = essvi_variance(YEARS)


def fitted(**changes):
    """A surface from quotes around the index-like eSSVI."""
    return calibrate(table_of(YEARS, strikes(YEARS), VARIANCE, **changes), None)


def test_volatility_is_the_root_of_total_variance_over_time():
    """At every slice and a range of strikes."""
    surface = fitted()
    index = np.repeat(np.arange(YEARS.size), 21)
    k = np.tile(np.linspace(-0.3, 0.2, 21), YEARS.size)

    assert surface.vol(index, k) ** 2 * YEARS[index] == pytest.approx(
        surface.total_variance(index, k), rel=1e-14
    )


def test_level_skew_and_curvature_are_derivatives_at_the_money():
    """Central differences of the surface's own volatilities."""
    surface = fitted()
    step = 1e-4
    for s, piece in enumerate(surface.slices):
        low, level, high = surface.vol(np.full(3, s), np.array([-step, 0.0, step]))
        assert piece.level == pytest.approx(level, rel=1e-12)
        assert surface.skew(s) == piece.skew == pytest.approx((high - low) / (2 * step), rel=1e-5)
        assert piece.curvature == pytest.approx((high - 2 * level + low) / step**2, rel=1e-2, abs=0.05)


def test_what_the_surface_does_not_know_is_nan():
    """No such slice, no strike."""
    surface = fitted()

    assert np.isnan(surface.vol(np.array([-1, 6, 0]), np.array([0.0, 0.0, np.nan]))).all()
    assert np.isnan(surface.total_variance(np.array([-1, 6]), np.zeros(2))).all()


def test_slices_are_found_by_key():
    """In any order; unknown keys say so."""
    surface = fitted()

    assert surface.find(np.array([103, 100, 7])).tolist() == [3, 0, NO_KEY]


def test_an_expiry_without_quotes_is_read_from_its_neighbours():
    """Linear in total variance between them, and safe; first and last expiries hold volatility and total variance."""
    table = table_of(YEARS, strikes(YEARS), VARIANCE)
    for missing in (0, 2, 5):
        kept = table.slice_index != missing
        part = points(
            YEARS, table.slice_index[kept], table.log_moneyness[kept],
            table.vol_bid[kept], table.vol_mid[kept], table.vol_ask[kept],
        )  # fmt: skip
        surface = calibrate(part, None)
        w = [float(surface.total_variance(np.array([s]), np.array([0.01]))[0]) for s in range(6)]
        piece = surface.slices[missing]

        assert (piece.kind, piece.refusal) == (SmileKind.REFUSED, Refusal.NO_QUOTES)
        assert piece.reason
        assert faults(surface) == []
        if missing == 2:
            share = (YEARS[2] - YEARS[1]) / (YEARS[3] - YEARS[1])
            assert w[2] == pytest.approx((1 - share) * w[1] + share * w[3], rel=1e-12)
        assert piece.level == pytest.approx(np.sqrt(VARIANCE(missing, 0.0) / YEARS[missing]), abs=0.02)
        assert piece.report.confidence <= 0.25


def test_a_variance_swap_from_the_surface_is_the_published_one():
    """Demeterfi et al. (1999), as in QuantLib's tests: 0.04189 for a smile that falls a point every five strikes."""
    spot, rate, years = 100.0, 0.05, 0.246575
    strike = np.arange(50.0, 140.0, 5.0)
    vol = 0.30 - 0.01 * (strike - 50.0) / 5.0
    k = np.log(strike / (spot * np.exp(rate * years)))
    table = points([years], np.zeros(18, dtype=np.int64), k, vol - 2e-4, vol, vol + 2e-4)
    surface = calibrate(table, None)
    read = surface.vol(np.zeros(18, dtype=np.int64), k)
    puts, calls = strike[strike <= 100.0][::-1], strike[strike >= 100.0]
    fair = naive.variance_swap(
        spot, rate, years, puts, read[strike <= 100.0][::-1], calls, read[strike >= 100.0]
    )

    assert (
        np.abs(read - vol)[1:].max() < 1e-3
    )  # the lowest strike, seven deviations out, has no price to speak of
    assert fair == pytest.approx(0.04189, abs=1e-4)
