"""One page that needs no network, whatever things are called, and figures that hold the numbers of the report."""

import json
import math
import re
from importlib.resources import files

import msgspec
import pytest

from flatbook.reports.surface_charts import smile_plot, term_plot
from flatbook.reports.surface_frame import frame_of
from flatbook.reports.surface_html import render_surface
from flatbook.reports.surface_thumbnails import HEIGHT, WIDTH, thumbnails
from tests.reports.conftest import HOSTILE
from tests.reports.surfaces import EVIL, report_of
from tests.reports.test_html import Page

BUNDLE = re.compile(r"<script>\s*/\*\*\s*\* plotly\.js.*?</script>", re.DOTALL)


def own(text):
    """The page without Plotly's bundle: what is ours."""
    found = BUNDLE.findall(text)
    assert len(found) <= 1
    return BUNDLE.sub("", text)


@pytest.fixture(scope="module", params=["good", "hurt", "empty"])
def page(request):
    """The page of each report."""
    return render_surface(report_of(request.param))


def test_the_page_is_well_formed(page):
    found = Page(own(page))

    assert ([], []) == (found.faults, found.open)


def test_the_page_asks_nothing_of_the_world(page):
    """No address in what is ours, and a policy that forbids addresses to what is Plotly's."""
    mine = own(page)
    found = Page(mine)
    (policy,) = [value for name, value in found.attributes if name == "content" and "-src" in value]

    assert (
        re.search(r"https?:|//[a-z]|@import|javascript:", re.sub(r"^\s*// .*$", "", mine, flags=re.MULTILINE))
        is None
    )
    assert not found.tags & {"iframe", "object", "embed", "link", "form"}
    assert [] == [name for name, _ in found.attributes if name.startswith("on") or name == "src"]
    assert policy.startswith("default-src 'none'; script-src 'unsafe-inline';")
    assert not re.search(r"(connect|frame|font)-src", policy)


def test_plotly_is_inside_and_may_not_upload(page):
    script = (files("flatbook.reports") / "surface.js").read_text()

    assert ("plots" in page) == bool(BUNDLE.search(page))
    assert "showSendToCloud: false" in script
    assert 'plotlyServerURL: ""' in script


def test_hostile_names_are_words_and_nothing_else():
    text = own(render_surface(report_of("hurt")))

    assert HOSTILE not in text
    assert "<img" not in text
    assert EVIL not in text
    assert HOSTILE in "".join(Page(text).words)


def test_figures_cannot_end_the_script_they_stand_in():
    report = report_of("good")
    (one,) = report.surfaces
    quote = msgspec.structs.replace(one.expiries[0].quotes[0], symbol="</script><b>")
    bad = msgspec.structs.replace(one.expiries[0], quotes=(quote, *one.expiries[0].quotes[1:]))
    surface = msgspec.structs.replace(one, expiries=(bad, *one.expiries[1:]))
    text = own(render_surface(msgspec.structs.replace(report, surfaces=(surface,))))
    plots = text.split('id="plots">')[1].split("</script>")[0]

    assert "<" not in plots
    assert len(json.loads(plots)[0]["smiles"]) == len(one.expiries)


def test_synthetic_data_says_so_and_real_data_does_not():
    assert own(render_surface(report_of("good"))).count("SYNTHETIC") >= 2
    assert "SYNTHETIC" not in own(render_surface(report_of("hurt")))


def test_a_smile_holds_every_quote_of_its_expiry():
    """Bars from bid to offer, markers at the middle, offers without a bid apart."""
    for each in report_of("good").surfaces[0].expiries:
        plot = smile_plot(None, each, None)
        bars = [t for t in plot["data"] if t["meta"] in ("quote", "missed") and t["mode"] == "lines"]
        drawn = {(t["x"][i], t["y"][i], t["y"][i + 1]) for t in bars for i in range(0, len(t["x"]), 3)}
        expected = {
            (q.strike, 100.0 * q.vol_bid, 100.0 * q.vol_ask)
            for q in each.quotes
            if q.vol_bid is not None and q.vol_ask is not None
        }
        offered = [t for t in plot["data"] if t["meta"] == "offered"]
        assert drawn == expected
        assert sum(len(t["x"]) for t in offered) == sum(q.vol_bid is None for q in each.quotes)


def test_quotes_that_the_fit_misses_are_drawn_apart():
    each = report_of("good").surfaces[0].expiries[2]
    missed = tuple(
        msgspec.structs.replace(q, inside=False) if q.vol_bid is not None and at % 5 == 0 else q
        for at, q in enumerate(each.quotes)
    )
    plot = smile_plot(None, msgspec.structs.replace(each, quotes=missed), None)
    shown = [
        t
        for t in plot["data"]
        if t["meta"] == "missed" and t.get("yaxis", "y") == "y" and t["mode"] == "markers"
    ]

    assert sum(len(t["x"]) for t in shown) == sum(not q.inside for q in missed) > 0


def test_the_neighbours_densities_stand_beside_the_own():
    expiries = report_of("good").surfaces[0].expiries
    alone, between = (
        [t for t in plot["data"] if t["meta"] in ("density", "faint")]
        for plot in (smile_plot(None, expiries[2], None), smile_plot(expiries[1], expiries[2], expiries[3]))
    )

    assert (["density"], ["faint", "faint", "density"]) == (
        [t["meta"] for t in alone],
        [t["meta"] for t in between],
    )


def test_the_term_structure_has_every_expiry_with_a_smile():
    (surface,) = report_of("good").surfaces
    levels = [t for t in term_plot(surface)["data"] if t.get("yaxis", "y") == "y" and t["mode"] == "markers"]
    points = {(x, round(y, 6)) for t in levels for x, y in zip(t["x"], t["y"], strict=True)}

    assert points == {(one.days, round(100.0 * one.atm_vol, 6)) for one in surface.expiries}
    assert {"SPX", "SPXW"} == {t["name"] for t in levels}


def test_frames_hold_the_money_and_the_curve():
    for each in report_of("good").surfaces[0].expiries:
        frame = frame_of(each)
        assert frame.low_k < 0.0 < frame.high_k
        for k, vol in zip(each.curve.log_moneyness, each.curve.vol, strict=True):
            assert not (frame.low_k <= k <= frame.high_k) or frame.low_vol <= vol <= frame.high_vol


def test_thumbnails_stay_inside_their_frame_and_show_what_is_missed():
    (surface,) = report_of("good").surfaces
    small = thumbnails(surface)

    assert [each.number for each in small] == list(range(len(surface.expiries)))
    for each in small:
        corners = [float(part) for piece in each.line for point in piece.split() for part in point.split(",")]
        assert all(0.0 <= x <= WIDTH for x in corners[::2])
        assert all(0.0 <= y <= HEIGHT for y in corners[1::2])
        assert each.quoted.startswith("M")
        assert math.isfinite(each.forward_x)


@pytest.mark.parametrize("name", ["surface.html.j2", "surface.css", "surface.js"])
def test_the_templates_lie_beside_the_code(name):
    """So that they ship with it."""
    assert (files("flatbook.reports") / name).is_file()
