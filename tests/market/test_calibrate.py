"""From quotes to surfaces: known models are found again, bad quotes never make arbitrage, good ones do not flicker."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.market.calibrate import calibrate, material_change
from flatbook.market.surface import Refusal, SmileKind
from tests.market.surfaces import YEARS, essvi_variance, faults, points, strikes, table_of
from tests.naive import svi as naive

VARIANCE = essvi_variance(YEARS)
TABLE = table_of(YEARS, strikes(YEARS), VARIANCE)
SURFACE = calibrate(TABLE, None)


def errors(surface, table):
    """Absolute difference to the middle of each quote, vol points."""
    return 100.0 * np.abs(surface.vol(table.slice_index, table.log_moneyness) - table.vol_mid)


def test_an_essvi_surface_is_found_again():
    """All slices eSSVI, every quote met, the report in agreement."""
    assert errors(SURFACE, TABLE).max() < 0.2
    assert {piece.kind for piece in SURFACE.slices} == {SmileKind.ESSVI}
    assert SURFACE.report.share_inside == 1.0
    assert SURFACE.report.butterfly_min >= 0.0
    assert SURFACE.report.calendar_gap_min >= 0.0
    assert faults(SURFACE) == []


def test_raw_svi_smiles_that_essvi_cannot_take_are_found_again():
    """A put wing on eSSVI's left, a call wing that is not its own."""
    raw = [(0.5, 0.35, -0.6, 0.1, 0.9), (0.4, 0.38, -0.55, 0.05, 1.1), (0.45, 0.36, -0.5, 0.1, 1.0)]
    years = YEARS[[1, 3, 5]]
    level = 0.04 * years

    def variance(s, k):
        return level[s] * naive.raw_svi(raw[s], k / np.sqrt(level[s]))

    table = table_of(years, strikes(years, low=-6.0, high=4.0), variance, half_vol=0.001)
    surface = calibrate(table, None)

    assert errors(surface, table).max() < 0.2
    assert surface.report.share_inside >= 0.95
    assert faults(surface) == []


def test_a_heston_surface_is_met_inside_narrow_bands():
    """Prices by its characteristic function: bands of a tenth of a point, and the wings beyond the quotes near by."""
    heston = {"kappa": 2.0, "theta": 0.04, "xi": 0.5, "rho": -0.7, "v0": 0.03}
    years = YEARS[[2, 3, 4]]

    def variance(s, k):
        return naive.heston_variance(k, years[s], **heston)

    table = table_of(years, strikes(years, count=21), variance, half_vol=0.001)
    surface = calibrate(table, None)
    beyond = [(s, x * 0.2 * np.sqrt(years[s])) for s in range(3) for x in (-3.5, 2.9)]
    found = surface.vol(np.array([s for s, _ in beyond]), np.array([k for _, k in beyond]))

    assert surface.report.share_inside >= 0.97
    assert found == pytest.approx([np.sqrt(variance(s, k) / years[s]) for s, k in beyond], abs=0.006)
    assert faults(surface) == []


def test_slices_may_come_in_any_order_and_are_answered_in_it():
    """The points table's own numbering."""
    order = np.array([3, 0, 5, 1, 4, 2])
    back = np.argsort(order)
    mixed = replace(
        TABLE, slice_index=back[TABLE.slice_index], years=TABLE.years[order], keys=TABLE.keys[order]
    )
    surface = calibrate(mixed, None)
    k = np.full(6, -0.02)

    assert surface.vol(np.arange(6), k) == pytest.approx(SURFACE.vol(order, k), rel=1e-12)
    assert surface.find(TABLE.keys).tolist() == back.tolist()


def test_the_same_quotes_give_the_same_bits():
    """No chance in it."""
    again = calibrate(TABLE, None)

    assert again.rows.tobytes() == SURFACE.rows.tobytes()


def test_a_surface_fitted_again_to_its_quotes_has_not_materially_changed():
    """Versions count; the change is noise."""
    again = calibrate(TABLE, SURFACE)

    assert again.version == SURFACE.version + 1 == 2
    assert not material_change(SURFACE, again, TABLE)
    assert material_change(None, SURFACE, TABLE)


@pytest.mark.parametrize(("shift", "material"), [(0.0005, False), (0.02, True)])
def test_a_change_is_material_beyond_the_noise_of_the_quotes(shift, material):
    """A quarter of a half-spread is not, ten half-spreads are."""
    moved = replace(
        TABLE, vol_bid=TABLE.vol_bid + shift, vol_mid=TABLE.vol_mid + shift, vol_ask=TABLE.vol_ask + shift
    )

    assert material_change(SURFACE, calibrate(moved, SURFACE), moved) is material


def test_a_lost_expiry_is_a_material_change():
    """Even where its neighbours say the same."""
    kept = TABLE.slice_index != 2
    names = ("slice_index", "log_moneyness", "vol_bid", "vol_mid", "vol_ask", "weight")
    part = replace(TABLE, **{name: getattr(TABLE, name)[kept] for name in names})

    assert material_change(SURFACE, calibrate(part, SURFACE), part)


def test_an_expiry_far_out_of_order_is_refused_and_the_others_are_not():
    """One expiry at half its volatility: the others outweigh it."""
    low = np.where(TABLE.slice_index == 3, 0.5, 1.0)
    bad = replace(
        TABLE, vol_bid=TABLE.vol_bid * low, vol_mid=TABLE.vol_mid * low, vol_ask=TABLE.vol_ask * low
    )
    surface = calibrate(bad, None)

    assert [piece.refusal for piece in surface.slices].count(Refusal.NONE) == 5
    assert surface.slices[3].refusal == Refusal.OUT_OF_ORDER
    assert faults(surface) == []


def test_one_sided_quotes_bound_the_smile():
    """Offers alone in the wings: the surface stays below nearly all of them."""
    wing = np.abs(TABLE.log_moneyness) > 1.5 * 0.2 * np.sqrt(YEARS[TABLE.slice_index])
    table = replace(
        TABLE, vol_bid=np.where(wing, np.nan, TABLE.vol_bid), vol_mid=np.where(wing, np.nan, TABLE.vol_mid)
    )
    surface = calibrate(table, None)
    vol = surface.vol(table.slice_index, table.log_moneyness)

    assert (vol <= table.vol_ask)[wing].mean() > 0.9
    assert errors(surface, table)[~wing].max() < 0.3
    assert faults(surface) == []


def test_an_event_smile_with_two_modes_is_met():
    """A W before earnings: raw SVI has one minimum, the spline two."""
    years = [7 / 365]
    k = np.linspace(-0.18, 0.18, 49)
    level = 0.5**2 * years[0]
    z = k / np.sqrt(level)
    w = level * (1.0 + 0.03 * z * z + 0.06 * np.cos(2.2 * z) * np.exp(-0.25 * z * z))
    vol = np.sqrt(w / years[0])
    table = points(years, np.zeros(49, dtype=np.int64), k, vol - 0.003, vol, vol + 0.003)
    surface = calibrate(table, None)

    assert surface.slices[0].kind == SmileKind.CONVEX
    assert surface.report.share_inside >= 0.97
    assert faults(surface) == []


def test_no_quotes_at_all_give_a_surface_of_refusals():
    """NaN everywhere, with the reason; nothing to trust."""
    empty = np.empty(0)
    surface = calibrate(points(YEARS, np.empty(0, dtype=np.int64), empty, empty, empty, empty), SURFACE)

    assert {piece.refusal for piece in surface.slices} == {Refusal.NO_QUOTES}
    assert np.isnan(surface.vol(np.arange(6), np.zeros(6))).all()
    assert surface.report.confidence == 0.0


def test_an_expired_slice_and_a_class_of_none_are_no_fault():
    """Zero, negative and NaN time; no slices."""
    for years in (0.0, -1.0, np.nan):
        table = replace(TABLE, years=np.where(np.arange(6) == 2, years, TABLE.years))
        surface = calibrate(table, None)
        assert surface.slices[2].kind == SmileKind.REFUSED
        assert np.isnan(surface.vol(np.array([2]), np.zeros(1))).all()
    none = calibrate(points([], np.empty(0, dtype=np.int64), *(np.empty(0) for _ in range(4))), None)
    assert none.slices == ()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_expiry_of_few_quotes_takes_its_shape_from_the_others(count):
    """Level from its quotes, skew from its neighbours, and less trust."""
    near = np.flatnonzero(TABLE.slice_index == 2)[20 : 20 + count]
    kept = np.append(np.flatnonzero(TABLE.slice_index != 2), near)
    names = ("slice_index", "log_moneyness", "vol_bid", "vol_mid", "vol_ask", "weight")
    surface = calibrate(replace(TABLE, **{name: getattr(TABLE, name)[kept] for name in names}), None)

    assert surface.slices[2].level == pytest.approx(np.sqrt(VARIANCE(2, 0.0) / YEARS[2]), abs=0.01)
    assert surface.slices[2].skew < 0.0
    assert surface.slices[2].report.confidence < 0.5 < surface.slices[3].report.confidence
    assert faults(surface) == []


def corrupted(seed):
    """Quotes of the index-like surface after a bad day: seeded."""
    random = np.random.default_rng(seed)
    years = np.sort(np.round(random.uniform(0.001, 1.5, random.integers(1, 7)), 3)) + np.arange(6)[:1] * 0.0
    years = years + 1e-4 * np.arange(years.size)
    k = [np.sort(random.normal(-0.5, 2.0, random.integers(1, 30))) * 0.2 * np.sqrt(t) for t in years]
    table = table_of(years, k, essvi_variance(years), half_vol=random.choice([1e-4, 0.002, 0.03]), counts=random.integers(1, 3))  # fmt: skip
    n = table.vol_mid.size
    vol = [table.vol_bid.copy(), table.vol_mid.copy(), table.vol_ask.copy()]
    noise = random.normal(0.0, random.choice([0.0, 0.01, 0.1]), n)
    vol = [column + noise for column in vol]
    wild = random.random(n) < random.choice([0.0, 0.1, 0.5])
    factor = np.exp(random.normal(0.0, 1.5, n))
    for column in vol:
        column[wild] *= factor[wild]
        column[random.random(n) < random.choice([0.0, 0.2, 0.7])] = np.nan
        column[random.random(n) < 0.03] = random.choice([0.0, -1.0, np.inf, 1e-9, 500.0])
    at = table.log_moneyness + random.choice([0.0, 0.0, 0.2, -0.2])
    at = np.where(random.random(n) < 0.02, np.nan, at)
    return points(years, table.slice_index, at, *vol)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_bad_quotes_never_give_an_arbitrage_or_an_exception(seed):
    """Missing sides, noise, wild outliers, duplicates, few strikes, nonsense; then a second day on top of it."""
    print("seed", seed)  # noqa: T201 - a failure is one integer
    first = corrupted(seed)
    surface = calibrate(first, None)
    other = corrupted(seed + 1)
    again = calibrate(other, surface)

    for one, table in ((surface, first), (again, other)):
        assert faults(one) == []
        for piece in one.slices:
            assert (piece.kind == SmileKind.REFUSED) == bool(piece.reason)
            assert 0.0 <= piece.report.confidence <= 1.0
        assert np.isfinite(one.vol(table.slice_index, np.zeros(table.slice_index.size))).all() or not any(
            piece.kind for piece in one.slices
        )


def test_a_chain_of_zeros_gives_reasons():
    """Bid, middle and offer at zero."""
    n = TABLE.vol_mid.size
    surface = calibrate(replace(TABLE, vol_bid=np.zeros(n), vol_mid=np.zeros(n), vol_ask=np.zeros(n)), None)

    assert {piece.refusal for piece in surface.slices} == {Refusal.NO_QUOTES}


def test_a_spot_jump_of_a_fifth_does_not_upset_the_fit():
    """All strikes move by 20 % against their forward while volatility doubles; the surface before is of no use."""
    jumped = table_of(YEARS, [k + 0.2 for k in strikes(YEARS)], lambda s, k: 4.0 * VARIANCE(s, k / 2.0))
    surface = calibrate(jumped, SURFACE)

    assert surface.report.share_within_half_spread >= 0.95
    assert faults(surface) == []
