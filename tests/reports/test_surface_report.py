"""The report of a surface says what the view and the surface hold, and why where there is nothing."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from flatbook.market.quotes import QuoteStatus
from flatbook.reports.surface_report import encode_surface
from flatbook.reports.surface_schema import SurfaceReport
from flatbook.reports.surface_story import safety, violations
from tests.reports.surfaces import EVIL, good_view, hurt_view, report_of

DOCS = Path(__file__).parents[2] / "docs"


def _expiry(report, option_class, days, underlying="SPX"):
    (surface,) = [one for one in report.surfaces if one.underlying == underlying]
    (found,) = [
        one for one in surface.expiries if one.option_class == option_class and round(one.days) == days
    ]
    return found


def test_expiries_stand_in_time_with_the_numbers_of_their_slices():
    market, (one,) = good_view(), report_of("good").surfaces
    days = [each.days for each in one.expiries]

    assert days == sorted(days) == [4, 11, 36, 64, 160]
    for each in one.expiries:
        s = int(np.flatnonzero(np.isclose(market.slice_years * 365.0, each.days))[0])
        piece = market.surfaces[0].slices[int(market.slice_in_surface[s])]
        assert each.forward == market.slice_forward[s]
        assert (each.atm_vol, each.skew, each.curvature) == (piece.level, piece.skew, piece.curvature)
        assert (each.kind, each.reason) == (piece.kind.name.lower(), "")
        assert each.two_sided == piece.report.points


def test_a_smile_made_with_a_known_volatility_is_found_again():
    """conftest: vol = 13 % - 0.25 k + 0.6 k^2 within quotes of 2 % of the price, half a nickel at least."""
    each = _expiry(report_of("good"), "SPXW", 64)

    assert each.atm_vol == pytest.approx(0.13, abs=0.002)
    assert each.skew == pytest.approx(-0.25, abs=0.05)
    assert each.risk_reversal_25 == pytest.approx(-0.25 * 2 * 0.6745 * 0.13 * np.sqrt(64 / 365), rel=0.1)


def test_shares_are_those_of_the_quotes_listed():
    """`inside` of each quote, counted."""
    for each in report_of("good").surfaces[0].expiries:
        two_sided = [q for q in each.quotes if q.vol_bid is not None and q.vol_ask is not None]
        assert each.share_inside == pytest.approx(sum(q.inside for q in two_sided) / len(two_sided))
        errors = [100.0 * (q.vol - q.vol_mid) for q in two_sided]
        assert each.rmse_vol_points == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=1e-6)


def test_what_became_of_the_quotes_adds_up_to_all_series():
    for name, view in (("good", good_view), ("hurt", hurt_view)):
        table = view().table
        for one in report_of(name).surfaces:
            mine = table.is_option & (table.underlying_of == table.underlyings.index(one.underlying))
            assert sum(use.series for use in one.uses) == int(mine.sum())
    crossed = [
        use for use in report_of("hurt").surfaces[0].uses if use.use == QuoteStatus.CROSSED.name.lower()
    ]
    assert [use.series for use in crossed] == [1]


def test_an_expiry_without_quotes_is_refused_with_its_reason_and_read_from_its_neighbours():
    each = _expiry(report_of("hurt"), "SPXW", 20)

    assert (each.kind, each.points, each.parameters) == ("refused", 0, ())
    assert each.reason
    assert each.atm_vol == pytest.approx(0.13, abs=0.01)
    assert any(each.expiry[:10] in sentence for sentence in report_of("hurt").header.sentences)


def test_nothing_is_null_without_a_reason():
    """A path of `reasons` covers every null number of every expiry."""
    for name in ("good", "hurt", "empty"):
        report = report_of(name)
        told = {reason.path for reason in report.reasons}
        for one in report.surfaces:
            for each in one.expiries:
                path = f"surfaces[{one.underlying}].expiries[{each.option_class} {each.expiry}]"
                for field in (
                    "forward",
                    "rate",
                    "atm_vol",
                    "skew",
                    "rmse_vol_points",
                    "butterfly_min",
                    "calendar_gap_min",
                ):
                    assert getattr(each, field) is not None or f"{path}.{field}" in told


def test_an_underlying_without_a_price_is_shown_with_all_expiries_refused():
    (surface,) = [one for one in report_of("hurt").surfaces if one.underlying == EVIL]
    (each,) = surface.expiries

    assert (surface.spot, surface.points, surface.refused) == (None, 0, 1)
    assert (each.kind, each.curve, each.atm_vol) == ("refused", None, None)
    assert "no forward" in each.reason
    assert f"{EVIL}: no surface" in report_of("hurt").header.headline


def test_a_chain_without_quotes_says_so():
    report = report_of("empty")

    assert report.header.headline == "No surface: no quote tells a volatility."
    assert all(each.kind == "refused" and each.reason for one in report.surfaces for each in one.expiries)


def test_arbitrage_is_told_where_there_is_any():
    (one,) = report_of("good").surfaces
    bent = msgspec.structs.replace(one.expiries[1], butterfly_min=-0.01, calendar_gap_min=-0.001)
    hurt = msgspec.structs.replace(one, expiries=(one.expiries[0], bent, *one.expiries[2:]))

    assert (violations(one), safety(one)) == ((0, 0), "no arbitrage")
    assert violations(hurt) == (1, 1)
    assert "ARBITRAGE: 1 butterfly, 1 calendar spread" == safety(hurt)


def test_the_file_reads_back_and_is_the_same_every_time():
    for name in ("good", "hurt", "empty"):
        raw = encode_surface(report_of(name))
        assert msgspec.json.decode(raw, type=SurfaceReport) == report_of(name)
        assert raw == encode_surface(report_of(name))
        assert json.loads(raw)["schema"] == "flatbook.surface/1"


def test_a_number_that_is_not_finite_is_never_written():
    one = report_of("good")
    bad = msgspec.structs.replace(one.surfaces[0], confidence=float("nan"))

    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_surface(msgspec.structs.replace(one, surfaces=(bad,)))


def test_every_field_is_explained_on_the_page_of_the_schema():
    text = (DOCS / "surface-report.md").read_text()
    schema = msgspec.json.schema(SurfaceReport)
    fields = {name for struct in schema["$defs"].values() for name in struct.get("properties", {})}

    assert fields >= set(SurfaceReport.__struct_fields__)
    assert [] == sorted(name for name in fields if f"`{name}`" not in text)
