"""The calibration: where quotes stood and what traded with them, what of it is told, and the report of it on a page, a console and in a file."""

import io
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from rich.console import Console

from flatbook.adapters.desk_file.read import parse_desk
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.model.events import SessionsSeen
from flatbook.model.flow_terms import FlowShape, FlowTerms
from flatbook.model.measures import Measure
from flatbook.quoting.ticks import NO_PRICE
from flatbook.reports.calibration import (
    NO_BURSTS,
    Estimates,
    HedgeEstimate,
    UnderlyingEstimates,
    estimates,
    told_flow,
)
from flatbook.reports.calibration_charts import per_day, plots_of
from flatbook.reports.calibration_console import print_calibration
from flatbook.reports.calibration_html import render_calibration
from flatbook.reports.calibration_report import Background, calibration_report, encode_calibration
from flatbook.reports.calibration_schema import (
    CalibrationHeader,
    CalibrationParameter,
    CalibrationReport,
    FlowLine,
    RateLine,
    ShapeLine,
)
from flatbook.reports.calibration_watch import Met, QuoteWatch
from flatbook.reports.markouts import Track
from flatbook.riskprice.calibration import Calibrated
from flatbook.riskprice.flow_estimates import QuoteTimes, estimated_flow
from tests.desk_file.example import VALID
from tests.reports.nulls import unexplained
from tests.worlds import NOW_NS, fill, index_desk, index_facts

DOCS = Path(__file__).parents[2] / "docs"
HOSTILE = "<script>alert('x')</script>"
_S = 1_000_000_000
_CALL = "IDXW030C5000"


@pytest.fixture(scope="module")
def cycle():
    """One cycle of the index desk."""
    state, last = State(), None
    for fact in index_facts(days=(30,), width=0.02):
        last = step(state, fact) or last
    return last


def _trade(number, second, side, ticks, symbol=_CALL):
    at = NOW_NS + second * _S
    return replace(fill(number, symbol, side, 1, ticks / 100.0), traded_ns=at, received_ns=at)


def _watched(cycle, fills=(), sessions=None, standing_s=300.0, until_s=1000):
    watch = QuoteWatch(fills, sessions or {}, standing_s)
    watch.see(cycle)
    watch.end(NOW_NS + until_s * _S)
    return watch


def test_a_quote_stands_until_the_end_but_no_longer_than_it_may(cycle):
    """Shares of vega add up to the time of each side; distances are those of the quote, in points of the series' own vega."""
    seen = _watched(cycle).times("IDX", 300.0)
    row = cycle.table.row_of(_CALL)
    vega = cycle.values.greeks[row, Measure.VEGA_USD_PER_POINT]
    points = (cycle.values.price[row] - cycle.quotes.bid[row] / 100.0) * 100.0 / vega

    assert seen.days[seen.side > 0].sum() == pytest.approx(1.0)
    assert seen.days[seen.side < 0].sum() == pytest.approx(1.0)
    assert np.abs(seen.distance[seen.side > 0] - points).min() < 0.03
    assert _watched(cycle, until_s=30).times("IDX", 300.0).days.sum() == pytest.approx(0.2, rel=1e-6)


def test_time_counts_only_while_the_exchange_is_open(cycle):
    sessions = SessionsSeen(
        received_ns=NOW_NS, calendar="XNYS", underlyings=("IDX",),
        open_ns=(NOW_NS + 100 * _S, NOW_NS + 10_000 * _S), close_ns=(NOW_NS + 160 * _S, NOW_NS + 20_000 * _S),
    )  # fmt: skip
    bid = int(cycle.quotes.bid[cycle.table.row_of(_CALL)])
    fills = [_trade(1, 50, "buy", bid), _trade(2, 120, "buy", bid)]
    watch = _watched(cycle, fills, {"IDX": sessions})

    assert watch.watched_s["IDX"] == pytest.approx(60.0)
    assert [met.fill.fill_id for met in watch.met] == ["F2"]
    assert watch.met[0].watched_s == pytest.approx(20.0)


def test_a_trade_is_with_our_quote_if_it_was_no_worse_for_us(cycle):
    """At our bid or below, at our offer or above, while it stood; hedges in the future are no flow at all."""
    row = cycle.table.row_of(_CALL)
    bid, ask = int(cycle.quotes.bid[row]), int(cycle.quotes.ask[row])
    fills = [
        _trade(1, -5, "buy", bid),  # before the first cycle
        _trade(2, 10, "buy", bid),
        _trade(3, 20, "buy", bid - 1),
        _trade(4, 30, "buy", bid + 1),  # we paid up
        _trade(5, 40, "sell", ask),
        _trade(6, 50, "sell", ask - 1),  # we gave way
        _trade(7, 60, "buy", 500_000, symbol="IDXH1"),
        _trade(8, 400, "buy", bid),  # the quote was too old
    ]
    watch = _watched(cycle, fills)

    assert bid != NO_PRICE != ask
    assert [met.fill.fill_id for met in watch.met] == ["F2", "F3", "F5"]
    assert watch.without_quote == 4
    assert watch.times("IDX", 300.0).fills.sum() == 3.0


def test_adverse_selection_is_what_fills_lost_over_the_vega_they_traded(cycle):
    """Volatility goes 0.5 points against every fill within a minute, give or take 0.1: seed 1, 60 fills of each side."""
    random, row = np.random.default_rng(1), cycle.table.row_of(_CALL)
    vega = float(cycle.values.greeks[row, Measure.VEGA_USD_PER_POINT])
    at, value, met = [], [], []
    for number in range(120):
        buys, second = number % 2 == 0, 300 * number
        moved = (-1.0 if buys else 1.0) * (0.5 + 0.1 * random.standard_normal())
        at += [NOW_NS + second * _S, NOW_NS + (second + 60) * _S]
        value += [90.0, 90.0 + moved * vega / 100.0]
        one = _trade(number, second, "buy" if buys else "sell", 9_000)
        met.append(
            Met(fill=one, underlying="IDX", distance=0.3, vega_usd_per_point=vega, watched_s=float(second))
        )
    n = len(at)
    track = Track(
        at_ns=np.array(at), rows=np.array([row]), value=np.array(value)[:, None], told_ns=np.array(at)[:, None], spot=np.full((n, 1), 5000.0),
        delta=np.full((n, 1), 0.5),
    )  # fmt: skip
    watch = _watched(cycle)
    watch.met = met
    (found,) = estimates(watch, track, cycle, day_hours={"IDX": 6.5}, horizon_s=60.0).underlyings
    part = found.adverse_points

    assert part.value == pytest.approx(0.5, abs=3.0 * part.standard_error)
    assert part.standard_error == pytest.approx(0.1 / 120**0.5, rel=0.2)
    assert (found.fills, found.valued) == (120, 120)


def test_tiers_are_shown_together_and_one_keeps_its_errors():
    """Weighted by requests, as the desk's quotes weigh them; a tier of its own goes before that of every underlying."""
    slow = FlowTerms(tier="slow", requests_per_day=30.0, decay_per_point=1.0, adverse_selection_points=0.1)
    fast = FlowTerms(tier="fast", requests_per_day=10.0, decay_per_point=5.0, underlying="IDX")
    ours = FlowTerms(tier="fast", requests_per_day=99.0)
    both, tiers = told_flow(replace(index_desk(), flow=(slow, ours, fast)), "IDX")
    one, alone = told_flow(
        replace(index_desk(), flow=(replace(fast, decay_per_point=None, decay_error=None),)), "IDX"
    )

    assert (tiers, both.requests_per_day, both.decay_per_point) == (2, 40.0, pytest.approx(2.0))
    assert both.adverse_selection_points == pytest.approx(0.075)
    assert (alone, one.decay_per_point) == (1, pytest.approx(1.0 / 0.3))
    assert told_flow(index_desk(), "IDX")[1] == 0


def _underlying(name="IDX", seed=1, requests=500.0, shape=FlowShape.EXPONENTIAL):
    """Thirty cells a side, half an hour of vega each."""
    random = np.random.default_rng(seed)
    d = np.tile(np.linspace(-0.4, 1.5, 30), 2)
    side, days = np.repeat([1, -1], 30), np.full(60, 0.2)
    x = 2.0 * d
    rate = requests * (np.exp(-x) if shape is FlowShape.EXPONENTIAL else 1.0 / (1.0 + np.exp(x)))
    seen = QuoteTimes(side=side, distance=d, days=days, fills=random.poisson(0.5 * rate * days).astype(float))
    default = FlowTerms(underlying=name, decay_per_point=3.0)
    return UnderlyingEstimates(
        underlying=name, default=default, tiers=1, day_hours=6.5, watched_days=6.0, seen=seen,
        flow=estimated_flow(seen, default), contracts=Calibrated(value=4.0, standard_error=0.5, source="mean of 9 fills"),
        adverse_points=Calibrated(value=0.0), bursts=NO_BURSTS, fills=int(seen.fills.sum()), valued=0,
    )  # fmt: skip


def _report(*underlyings, journal="d.journal", aversion=None):
    hedge = HedgeEstimate(
        symbol="IDXH1", underlying="IDX", spread=Calibrated(value=0.25), now=0.25, impact_temporary=0.0
    )
    found = Estimates(underlyings=underlyings, hedges=(hedge,), aversion=aversion, aversion_now=2e-6)
    return calibration_report(
        found,
        Background(
            journal=journal, start_ns=NOW_NS, end_ns=NOW_NS + _S, cycles=9, fills_without_quote=2, horizon_s=60.0,
            standing_s=300.0, target_deviation_usd=None, hours_from={each.underlying: "assumed" for each in underlyings},
        ),
    )  # fmt: skip


def _printed(report, width=120):
    out = io.StringIO()
    print_calibration(report, Console(file=out, width=width, no_color=True))
    return out.getvalue()


@pytest.mark.parametrize("shape", FlowShape)
def test_rates_add_up_and_lie_around_the_curve(shape):
    """Every fill is in one bin of both sides and in one of its own side; nearly all 95 % bars hold the curve that fits best."""
    flow = _report(_underlying(shape=shape)).flows[0]
    fills = {
        side: sum(line.fills for line in flow.rates if line.side == side) for side in ("both", "bid", "offer")
    }
    best = next(line for line in flow.shapes if line.shape == flow.shape)
    both = [line for line in flow.rates if line.side == "both"]
    held = [line.low <= per_day(best, line.distance_points) <= line.high for line in both]

    assert flow.shape == shape.value
    assert fills["both"] == flow.fills == fills["bid"] + fills["offer"]
    assert len(both) == 12
    assert sum(held) >= 10
    assert all(line.low < line.fills_per_day < line.high for line in both)


def test_what_is_not_told_says_so_everywhere():
    """No fills: the desk's own numbers, no error, a flag in every place, no table for the desk file."""
    report = _report(_underlying(requests=0.0))
    text = _printed(report)

    assert {row.verified for row in report.parameters} == {True, False}  # the size of a trade was told
    assert report.flows[0].shape == ""
    assert "neither shape is told" in text
    assert "default, unverified" in render_calibration(report)
    assert unexplained(encode_calibration(report)) == []
    assert "requests_per_day = 0  # default, unverified" in report.toml
    assert parse_desk((VALID + report.toml).encode(), "d").desk.flow[0].contracts == 4.0


def test_tables_of_several_underlyings_read_back():
    report = _report(_underlying("IDX"), _underlying("BTC", shape=FlowShape.LOGISTIC))
    first, second = parse_desk((VALID + report.toml).encode(), "d").desk.flow
    values = {(row.underlying, row.name): row for row in report.parameters}

    assert (first.shape, second.shape) == (FlowShape.EXPONENTIAL, FlowShape.LOGISTIC)
    for terms in (first, second):
        for name in ("requests_per_day", "customers_buy_share", "decay_per_point", "contracts"):
            assert getattr(terms, name) == pytest.approx(values[terms.underlying, name].value, rel=1e-5)
    assert second.offset == pytest.approx(values["BTC", "offset"].value, rel=1e-5)
    assert second.decay_error == pytest.approx(values["BTC", "decay_per_point"].standard_error, rel=1e-2)


def test_pictures_hold_the_bins_and_both_curves():
    report = _report(_underlying())
    (plot,) = plots_of(report).values()
    both = [line for line in report.flows[0].rates if line.side == "both"]

    assert [trace["name"] for trace in plot["data"]] == [
        "both sides", "our bids", "our offers", "exponential, fits best", "logistic",
    ]  # fmt: skip
    assert list(plot["data"][0]["y"]) == [line.fills_per_day for line in both]
    assert list(plot["data"][0]["error_y"]["array"]) == [line.high - line.fills_per_day for line in both]


def test_hostile_names_stay_names():
    report = _report(_underlying(HOSTILE), journal=f"{HOSTILE}\n[desk]")
    page = render_calibration(report)

    assert HOSTILE not in page
    assert "&lt;script&gt;alert" in page
    assert HOSTILE in _printed(report, width=220)
    assert parse_desk((VALID + report.toml).encode(), "d").desk.flow[0].underlying == HOSTILE


def test_the_file_reads_back_the_same_and_its_fields_are_documented():
    report = _report(_underlying(), aversion=Calibrated(value=1e-5))
    raw = encode_calibration(report)
    text = (DOCS / "calibrate.md").read_text(encoding="utf-8")

    assert msgspec.json.decode(raw, type=CalibrationReport) == report
    assert encode_calibration(report) == raw
    assert unexplained(raw) == []
    for part in (CalibrationParameter, FlowLine, ShapeLine, RateLine, CalibrationHeader, CalibrationReport):
        for name in part.__struct_fields__:
            assert f"`{name}`" in text, name
    for row in report.parameters:
        assert f"`{row.name.removeprefix('IDXH1 ')}`" in text
