"""The attribution report: three tellings of one P&L, finite or explained, on a page, on a console and in a file."""

import io
import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console

from flatbook.exposure.marks import mark
from flatbook.model.instruments import Right
from flatbook.reports.attribution import (
    BLOCKS,
    GREEKS,
    IDENTITY,
    TRADED,
    attribution_report,
    encode_attribution,
)
from flatbook.reports.attribution_charts import COLOURS, plots_of
from flatbook.reports.attribution_console import print_attribution
from flatbook.reports.attribution_html import render_attribution
from flatbook.reports.attribution_schema import AttributionReport, AttributionSources, ChainLeftOut
from flatbook.reports.attribution_story import BLOCK_LABELS, GROUPS, LABELS
from flatbook.reports.pnl import Trade, hedge_rows
from tests.exposure.test_waterfall import _book, _moved
from tests.reports.nulls import unexplained
from tests.worlds import NOW_NS, option, view_by_hand

DOCS = Path(__file__).parents[2] / "docs"
HOSTILE = "<script>alert('x')</script>"
_DAY = 86_400 * 1_000_000_000


def _sources(**more):
    return AttributionSources(chains=("a.csv", "b.csv"), format="test", fills="fills.csv", **more)


@cache
def _marks():
    _, first = _book()
    second = _moved(first, spot=1.02, vol=0.01, days=1)
    third = _moved(
        second,
        spot=0.97,
        vol=np.where(np.isnan(first.vol), 0.0, -0.02 + 0.01 * np.arange(7)),
        rate=0.005,
        days=3,
    )
    return tuple(mark(each) for each in (first, second, third))


def _trades(fee=0.65):
    quantity, _ = _book()
    price = _marks()[0].values.price
    opening = [
        Trade(fill_id=f"o{row}", row=row, at_ns=NOW_NS - 1, quantity=int(q), price=float(price[row]), fee=0.0)
        for row, q in enumerate(quantity)
    ]
    new = [
        Trade(
            fill_id="n1", row=1, at_ns=NOW_NS + _DAY // 2, quantity=-10, price=float(price[1]) + 0.2, fee=fee
        ),
        Trade(fill_id="n2", row=6, at_ns=NOW_NS + _DAY, quantity=200, price=102.03, fee=1.0),
        Trade(
            fill_id="n1",
            row=1,
            at_ns=NOW_NS + 2 * _DAY,
            quantity=10,
            price=float(price[1]) + 0.2,
            fee=0.0,
            corrects=True,
        ),
        Trade(
            fill_id="n1",
            row=1,
            at_ns=NOW_NS + 2 * _DAY,
            quantity=-10,
            price=float(price[1]) + 0.1,
            fee=0.0,
            corrects=True,
        ),
    ]
    return (*opening, *new)


@cache
def _report(fee=0.65, desk="desk", notes=()):
    return attribution_report(
        _marks(),
        _trades(fee),
        hedge_rows(_marks()[0].market.table, ["XYZ"]),
        desk=desk,
        sources=_sources(notes=notes),
        left_out=(ChainLeftOut(market="c.csv", at="2020-01-01T00:00:00Z", reason="a stale copy"),),
    )


def _sum(of, names):
    return sum(getattr(of, name) for name in names)


def test_identity_and_explain_tell_the_same_realised_pnl_in_every_scope():
    for scope in (one for part in (*(s.scopes for s in _report().steps), _report().total) for one in part):
        realised = scope.identity.realised_usd
        gross = scope.explain.gross_usd

        assert _sum(scope.identity, IDENTITY) == pytest.approx(realised, abs=max(1e-9, 1e-11 * gross))
        assert abs(scope.identity.rounding_usd) <= 1e-8
        assert _sum(scope.explain, [*GREEKS, *TRADED]) == pytest.approx(
            realised, abs=max(1e-8, 1e-11 * gross)
        )
        assert scope.explain.realised_usd == realised


def test_revaluation_tells_what_the_greeks_explain_of_positions_held():
    for step in _report().steps:
        desk = step.scopes[0]
        held = _sum(desk.explain, GREEKS)
        for split in (desk.waterfall.ordered, desk.waterfall.symmetric):
            assert _sum(split, BLOCKS) == pytest.approx(split.total_usd, abs=1e-8)
            assert split.total_usd == pytest.approx(held, rel=1e-9, abs=1e-6)


def test_steps_add_up_to_the_total_and_underlyings_to_the_desk():
    report = _report()
    for name in (*GREEKS, *TRADED, "realised_usd", "gross_usd"):
        steps = sum(getattr(step.scopes[0].explain, name) for step in report.steps)
        assert getattr(report.total[0].explain, name) == pytest.approx(steps, abs=1e-8)
    assert [one.scope for one in report.total] == ["desk", "XYZ"]
    assert report.total[1].explain.realised_usd == pytest.approx(report.total[0].explain.realised_usd)
    residual = sum(abs(step.scopes[0].explain.unexplained_usd) for step in report.steps)
    assert report.total[0].explain.unexplained_share == pytest.approx(
        residual / report.total[0].explain.gross_usd
    )


def test_trades_corrections_and_hedges_stand_in_their_own_terms():
    first, second = (step.scopes[0].explain for step in _report().steps)

    assert first.new_trades_usd != 0.0
    assert first.hedging_slippage_usd == pytest.approx(200 * (102.0 - 102.03))
    assert first.fees_usd == pytest.approx(-1.65)
    assert second.corrections_usd == pytest.approx(-10 * 100 * 0.1 * -1 * -1)
    assert second.new_trades_usd == pytest.approx(0.0, abs=1e-9)


def test_the_file_is_the_report_the_same_every_time():
    raw = encode_attribution(_report())

    assert msgspec.json.decode(raw, type=AttributionReport) == _report()
    assert raw == encode_attribution(_report())
    assert json.loads(raw)["schema"] == "flatbook.attribution/1"
    assert unexplained(raw) == []


def test_an_unknown_fee_is_null_with_its_reason_everywhere():
    report = _report(fee=float("nan"))
    raw = encode_attribution(report)

    assert report.total[0].explain.realised_usd is None
    assert report.total[0].explain.gamma_usd is not None
    assert unexplained(raw) == []
    assert "not known" in report.header.headline
    assert "–" in _printed(report)
    assert "null" in json.dumps(plots_of(report)["through"]["data"][-1]["y"])
    render_attribution(report)


def test_a_number_that_is_not_finite_is_never_written():
    report = _report()
    bad = msgspec.structs.replace(report.steps[0], days=float("nan"))

    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_attribution(msgspec.structs.replace(report, steps=(bad,)))


def test_what_cannot_be_valued_is_named_on_every_outlet():
    """The last series loses its value: out of every sum, named in the story, the file, the page."""
    marks = _marks()
    vol = marks[2].market.vol.copy()
    vol[5] = np.nan
    blind = (*marks[:2], mark(replace(marks[2].market, vol=vol)))
    report = attribution_report(
        blind, _trades(), hedge_rows(marks[0].market.table, ["XYZ"]), desk="desk", sources=_sources()
    )
    symbol = marks[0].market.table.instruments[5].symbol

    assert [one.symbol for one in report.steps[1].left_out] == [symbol]
    assert report.steps[1].left_out[0].contracts == -25
    assert any(symbol in sentence for sentence in report.header.sentences)
    assert "In no sum" in _printed(report)
    assert "In no sum" in render_attribution(report)


def test_a_book_that_never_was_has_no_pnl():
    market = view_by_hand([option("C", 100.0, 30, Right.CALL)], spot=100.0, vols=[0.2])
    marks = (mark(market), mark(_moved(market, days=1)))
    report = attribution_report(marks, (), np.zeros(1, dtype=np.bool_), desk="desk", sources=_sources())

    assert report.total[0].explain.realised_usd == 0.0
    assert report.total[0].explain.unexplained_share == 0.0
    assert "Realised 0 USD" in report.header.headline
    render_attribution(report)


def _printed(report, width=120):
    out = io.StringIO()
    print_attribution(report, Console(file=out, width=width, color_system=None))
    return out.getvalue()


def test_the_console_shows_every_term_and_keeps_to_its_width():
    text = _printed(_report())

    assert all(label in text for label in ("Gamma", "Vega: level", "New trades", "Unexplained", "Realised"))
    assert "c.csv" in text
    assert max(map(len, text.splitlines())) <= 120


def test_a_narrow_console_leaves_out_early_steps_and_says_so():
    text = _printed(_report(), width=40)

    assert "(1 earlier step in the total and the JSON)" in " ".join(text.split())
    assert "total" in text


def test_the_page_loads_nothing_and_escapes_everything():
    page = render_attribution(_report(desk=HOSTILE, notes=(HOSTILE,)))

    assert HOSTILE not in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    own = page[: page.index("plotly.js v")]
    assert not re.findall(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", own)
    assert page.count('class="plot"') == 4


def test_pictures_hold_every_term_once_and_a_colour_for_each():
    shown = [name for names in GROUPS.values() for name in names]

    assert sorted(shown) == sorted(LABELS)
    assert set(LABELS) == {*GREEKS, *TRADED}
    assert set(BLOCK_LABELS) == set(BLOCKS)
    assert set(GROUPS) <= set(COLOURS)
    steps = plots_of(_report())["steps"]["data"]
    realised = [step.scopes[0].explain.realised_usd for step in _report().steps]
    bars = [trace for trace in steps if trace["type"] == "bar"]
    assert np.sum([trace["y"] for trace in bars], axis=0) == pytest.approx(realised)


def test_every_field_is_explained_on_the_page_of_the_schema():
    text = (DOCS / "attribution.md").read_text()
    schema = msgspec.json.schema(AttributionReport)
    fields = {name for struct in schema["$defs"].values() for name in struct.get("properties", {})}

    assert fields >= set(AttributionReport.__struct_fields__)
    assert [] == sorted(name for name in fields if f"`{name}`" not in text)
