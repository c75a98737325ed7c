"""The Surface page: quotes, smiles and reports equal the core's; a fit that was replaced is the ghost; what is left out has its reason."""

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.views.surface import surface_frame, surface_page, weights_of
from flatbook.live.picture import surfaces_before
from flatbook.live.snapshot import SurfaceBefore
from flatbook.market.calibrate import calibrate
from flatbook.market.quotes import STATUS_TEXT, QuoteStatus
from flatbook.reports.surface_report import fitted_surface, surface_report
from flatbook.reports.surface_schema import SurfaceSources


def columns_of(picture):
    """By name."""
    return {each.name: each.values for each in surface_frame(picture, "IDX").columns}


def report_of(picture):
    """As `flatbook fit` tells it."""
    sources = SurfaceSources(market="day", format="simulated")
    return surface_report(picture.cycle.market, sources=sources).surfaces[0]


@pytest.fixture(scope="module")
def shifted(picture):
    """The picture, had its surface replaced one that stood a vol point higher."""
    points = fitted_surface(picture.cycle.market, 0).points
    higher = replace(
        points,
        vol_bid=points.vol_bid + 0.01,
        vol_mid=points.vol_mid + 0.01,
        vol_ask=points.vol_ask + 0.01,
    )
    before = SurfaceBefore(surface=calibrate(higher, None), until_ns=picture.at_ns - 5_000_000_000)
    return replace(picture, surfaces_before={"IDX": before})


def test_quotes_are_those_of_the_surface_report_expiry_by_expiry(picture):
    """The same volatilities, strikes and smiles, in the same order."""
    columns, report = columns_of(picture), report_of(picture)

    seen = 0
    for place, expiry in enumerate(report.expiries):
        mine = columns["expiry"] == place
        assert columns["strike"][mine].tolist() == [each.strike for each in expiry.quotes]
        for name in ("vol_bid", "vol_mid", "vol_ask", "vol"):
            told = [math.nan if (v := getattr(each, name)) is None else v for each in expiry.quotes]
            np.testing.assert_array_equal(columns[name][mine], told)
        seen += int(mine.sum())
    assert seen == columns["k"].size > 40


def test_every_expiry_tells_what_the_core_and_the_report_tell(picture):
    """Forwards, rates, volatilities at the money, fit and distance from arbitrage."""
    page, report, market = surface_page(picture, "IDX"), report_of(picture), picture.cycle.market

    assert len(page.expiries) == len(report.expiries) == 3
    for row, told in zip(page.expiries, report.expiries, strict=True):
        s = int(np.flatnonzero(market.slice_forward == row.forward)[0])
        assert row.atm_vol == market.slice_atm_vol[s] == pytest.approx(told.atm_vol, rel=1e-12)
        assert (row.rate, row.rate_source, row.kind) == (told.rate, told.rate_source, told.kind)
        assert (row.butterfly_min, row.calendar_gap_min) == (told.butterfly_min, told.calendar_gap_min)
        assert (row.fit_rmse_vol_points, row.fit_share_inside) == (told.rmse_vol_points, told.share_inside)
        assert row.risk_reversal_vol_points == pytest.approx(100.0 * told.risk_reversal_25, abs=1e-3)
        assert row.confidence == told.confidence
    assert [(each.use, each.series) for each in page.uses] == [
        (each.use, each.series) for each in report.uses
    ]
    assert sum(each.series for each in page.uses) == int(picture.cycle.table.is_option.sum())


def test_how_far_off_the_smile_is_now_is_recounted_from_the_columns(picture):
    """Root mean square and share inside, by hand."""
    page, columns = surface_page(picture, "IDX"), columns_of(picture)
    for row in page.expiries:
        mine = (columns["expiry"] == row.place) & np.isfinite(columns["vol_bid"] + columns["vol_ask"])
        off = 100.0 * (columns["vol"][mine] - columns["vol_mid"][mine])
        inside = (columns["vol"][mine] >= columns["vol_bid"][mine]) & (
            columns["vol"][mine] <= columns["vol_ask"][mine]
        )

        assert row.two_sided == mine.sum()
        assert row.rmse_vol_points == pytest.approx(math.sqrt((off**2).mean()), rel=1e-12)
        assert row.share_inside == inside.mean()
    half = 0.5 * (columns["vol_ask"] - columns["vol_bid"])
    assert page.worst_half_spreads == pytest.approx(
        np.nanmax(np.abs(columns["vol"] - columns["vol_mid"]) / half), rel=1e-12
    )


def test_narrow_quotes_weigh_more_and_an_expirys_weights_are_one(picture):
    """One over the square of the width in total variance, but for what holds the heaviest down."""
    points = fitted_surface(picture.cycle.market, 0).points
    weights = weights_of(points)

    for s in range(points.years.size):
        mine = points.slice_index == s
        assert weights[mine].sum() == pytest.approx(1.0, rel=1e-12)
        two = mine & np.isfinite(points.vol_bid)
        half = np.maximum(0.5 * (points.vol_ask[two] - points.vol_bid[two]), 0.0005)
        expected = 1.0 / (points.vol_mid[two] * half) ** 2
        ratio = weights[two] / expected
        assert np.median(np.abs(ratio / np.median(ratio) - 1.0)) < 1e-9


def test_without_a_fit_before_there_is_no_ghost(picture):
    """Null and NaN, with no time at which it took its place."""
    page, columns = surface_page(picture, "IDX"), columns_of(picture)

    assert picture.surfaces_before == {}
    assert page.since_ns == ""
    assert [row.atm_vol_before for row in page.expiries] == [None] * 3
    assert np.isnan(columns["before"]).all()
    assert np.isnan(columns["curve_before"]).all()


def test_the_ghost_is_the_surface_that_stood_before(shifted):
    """A vol point above, at the money and along the curve."""
    page, columns = surface_page(shifted, "IDX"), columns_of(shifted)

    assert page.since_ns == str(shifted.surfaces_before["IDX"].until_ns)
    for row in page.expiries:
        assert 100.0 * (row.atm_vol_before - row.atm_vol) == pytest.approx(1.0, abs=0.1)
    near = np.abs(columns["k"]) < 0.02
    np.testing.assert_allclose(columns["before"][near] - columns["vol"][near], 0.01, atol=2e-3)
    money = np.abs(columns["curve_k"]) < 1e-6
    assert money.sum() == 3
    np.testing.assert_allclose((columns["curve_before"] - columns["curve_vol"])[money], 0.01, atol=1e-3)


def test_a_picture_remembers_the_surface_that_was_replaced_last(picture, shifted):
    """Not one that stays, and not before there was one."""
    old = shifted.surfaces_before["IDX"].surface
    was = replace(picture.cycle, market=replace(picture.cycle.market, surfaces=(old,)))

    assert surfaces_before({}, None, picture.cycle) == {}
    assert surfaces_before({}, picture.cycle, picture.cycle) == {}
    found = surfaces_before({}, was, picture.cycle)
    assert found["IDX"].surface is old
    assert found["IDX"].until_ns == picture.cycle.now_ns
    assert surfaces_before(found, picture.cycle, picture.cycle) is found


def test_what_is_left_out_says_why(picture):
    """Every living series whose quote is not used, with the text of its status."""
    page, market = surface_page(picture, "IDX"), picture.cycle.market
    table = picture.cycle.table
    out = {
        table.instruments[row].symbol: STATUS_TEXT[QuoteStatus(int(market.status[row]))]
        for row in np.flatnonzero(table.is_option & (market.status != QuoteStatus.USABLE))
    }

    assert page.left_out_count == len(out) > 0
    assert {each.symbol: each.reason for each in page.left_out} == out


def test_an_underlying_without_a_surface_has_nulls_with_their_reason(picture):
    """Not zeros."""
    market = picture.cycle.market
    nothing = np.full(len(picture.cycle.table.slices), -1)
    gone = replace(
        market,
        surfaces=(None,),
        slice_in_surface=nothing,
        slice_atm_vol=np.full(nothing.size, np.nan),
        slice_reason=("no forward",) * nothing.size,
    )
    bare = replace(picture, cycle=replace(picture.cycle, market=gone))
    page = surface_page(bare, "IDX")

    assert page.reason
    assert (page.rmse_vol_points, page.share_inside, page.butterfly_min) == (None, None, None)
    assert {(row.atm_vol, row.kind, row.reason) for row in page.expiries} == {(None, "refused", "no forward")}
    assert msgspec.json.encode(surface_frame(bare, "IDX").data)


def test_what_has_no_options_is_refused(picture):
    """By name."""
    with pytest.raises(UnknownTopicError, match="there are IDX"):
        surface_page(picture, "NONE")
