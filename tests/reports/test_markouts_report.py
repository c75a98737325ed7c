"""The markout report: sums that hold, errors that tell informed flow from chance, on a page, on a console and in a file."""

import io
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console

from flatbook.model.events import Capacity
from flatbook.reports.markouts import KEYS, Markouts, instants_for, valued
from flatbook.reports.markouts_charts import DRAWN, NAMES, plots_of
from flatbook.reports.markouts_console import most_traded, print_markouts
from flatbook.reports.markouts_html import render_markouts
from flatbook.reports.markouts_report import Background, encode_markouts, markout_report, spoken_of
from flatbook.reports.markouts_schema import MarkoutHeader, MarkoutLine, MarkoutReport, MarkoutTrade
from tests.reports.nulls import unexplained
from tests.worlds import NOW_NS, fill

DOCS = Path(__file__).parents[2] / "docs"
HOSTILE = "<script>alert('x')</script>"
_HORIZONS = (1.0, 10.0, 60.0, 300.0)
_NAN = float("nan")


def _found(names, adverse, *, edge=20.0, contracts=None):
    """Trades of these counterparties; `adverse` is float64[n, 4]."""
    n = len(names)
    size = np.ones(n, dtype=np.int64) if contracts is None else np.array(contracts)
    return Markouts(
        fills=tuple(
            fill(k, "C", "sell", int(size[k]), 5.0, counterparty=name, venue="V", capacity=Capacity.CUSTOMER)
            for k, name in enumerate(names)
        ),
        horizons_s=_HORIZONS,
        contracts=size,
        age_s=np.zeros(n),
        edge_usd=np.full(n, edge),
        adverse_usd=np.asarray(adverse, dtype=np.float64),
    )


def _background(**more):
    return Background(
        **{"journal": "d.journal", "values": "what", "cycles": 3, "quote_instants": 9, "age_s": 0.5} | more
    )


def _flow(seed, n=400):
    """SHARP takes 12 USD of us by and by, CALM and five others nothing; noise of 30 a trade."""
    random = np.random.default_rng(seed)
    names = [("SHARP", "CALM", "A", "B", "C", "D", "E")[k] for k in random.integers(0, 7, n)]
    taken = np.array([-12.0 if name == "SHARP" else 0.0 for name in names])
    growing = np.array([0.1, 0.5, 1.0, 1.0])
    return _found(names, taken[:, None] * growing + random.normal(size=(n, 4)) * 30.0 * growing)


def _printed(report, keys=("counterparty",), width=120):
    out = io.StringIO()
    print_markouts(report, keys, Console(file=out, width=width, no_color=True))
    return out.getvalue()


def test_informed_flow_is_named_and_the_rest_is_not():
    """Seed 4: 12 USD a contract with an error of about 4; of the six who know nothing none is named."""
    report = markout_report(_flow(4), _background())
    (told,) = [each for each in report.header.sentences if "standard errors" in each]

    assert "SHARP -" in told
    assert "1 of 7 counterparties" in told
    assert "one in forty" in told
    assert re.search(
        r"Of 8k USD of edge \d+ % went back: \+[\d.]+k USD stayed 300 s after 400 trades", _printed(report)
    )


def test_chance_names_as_many_as_it_should():
    """Sixty worlds without a single informed name, seeds 0 to 59: of 420 names about one in forty is beyond two errors."""
    named = 0
    for seed in range(60):
        random = np.random.default_rng(1000 + seed)
        names = [("G", "H", "I", "J", "K", "L", "M")[k] for k in random.integers(0, 7, 300)]
        report = markout_report(_found(names, random.normal(size=(300, 4))), _background())
        told = " ".join(report.header.sentences)
        named += int(match[1]) if (match := re.search(r"; (\d+) of 7 counterparties", told)) else 0

    assert 2 <= named <= 22  # 420 times 0.023 to 0.026 is 10; three deviations of a Poisson count either way


def test_sums_and_errors_are_those_of_the_trades():
    """Every line again, from the trades that the report itself lists."""
    report = markout_report(_flow(2, n=60), _background())
    for table in report.tables:
        for at, line in enumerate(table.lines):
            number = _HORIZONS.index(line.horizon_s)
            mine = [
                trade for trade in report.trades
                if table.name == "all" or {"series": trade.symbol}.get(table.name, getattr(trade, table.name, "")) == line.name
            ]  # fmt: skip
            each = np.array([trade.adverse_usd[number] for trade in mine])
            assert line.fills == len(mine), (table.name, at)
            assert line.adverse_usd == pytest.approx(each.sum())
            assert line.standard_error_usd_per_contract == pytest.approx(
                each.std(ddof=1) / np.sqrt(each.size)
            )
            assert line.realised_usd == line.edge_usd + line.adverse_usd

    assert [table.name for table in report.tables] == list(KEYS)


def test_what_is_missing_is_counted_and_told():
    """One of three trades has no value from 10 s on, one has none at all; no number stands for nothing."""
    adverse = [[1.0, 2.0, 3.0, 4.0], [1.0, _NAN, _NAN, _NAN], [_NAN] * 4]
    report = markout_report(_found(["A", "A", "B"], adverse), _background())
    b = [line for line in report.table("counterparty").lines if line.name == "B"]

    assert "1 at 1 s, 2 at 10 s, 2 at 60 s, 2 at 300 s, of 3" in " ".join(report.header.sentences)
    assert {(line.fills, line.fills_without, line.adverse_usd_per_contract) for line in b} == {(0, 1, None)}
    assert unexplained(encode_markouts(report)) == []
    assert valued(_found(["A", "A", "B"], adverse)) == 5


def test_nothing_at_all_is_told_too():
    report = markout_report(_found(["A"], [[_NAN] * 4], edge=_NAN), _background(age_s=_NAN))

    assert report.header.headline == "1 trade, and none of them has a value soon enough after it"
    assert report.header.age_s is None
    assert "plotly.js v" in render_markouts(report)
    assert "none of them" in _printed(report)


def test_a_horizon_of_few_trades_is_not_spoken_of():
    """Of ten trades four have a value at 300 s: the headline is of 60 s."""
    adverse = np.ones((10, 4))
    adverse[4:, 3] = np.nan
    report = markout_report(_found(["A"] * 10, adverse), _background())

    assert spoken_of(report.table("all").lines).horizon_s == 60.0
    assert "came on top" in report.header.headline
    assert "60 s after 10 trades" in report.header.headline


def test_trades_without_an_edge_have_no_share_of_it():
    report = markout_report(_found(["A", "A"], [[-1.0] * 4] * 2, edge=-3.0), _background())

    assert report.header.headline == "No edge: -6 USD at the trade, and -8 USD 300 s after 2 trades"
    assert report.table("all").lines[0].give_back is None


def test_pictures_hold_the_means_and_two_errors_of_the_fullest_names():
    names = [f"N{k:02d}" for k in range(12) for _ in range(k + 1)]
    random = np.random.default_rng(1)
    report = markout_report(_found(names, random.normal(size=(len(names), 4))), _background())
    table = report.table("counterparty")
    traces = plots_of(report)["counterparty"]["data"]

    assert (
        [trace["name"] for trace in traces]
        == list(most_traded(table, NAMES))
        == [f"N{k:02d}" for k in range(11, 3, -1)]
    )
    first = [line for line in table.lines if line.name == "N11"]
    assert list(traces[0]["y"]) == [line.adverse_usd_per_contract for line in first]
    assert list(traces[0]["error_y"]["array"]) == [
        2.0 * line.standard_error_usd_per_contract for line in first
    ]
    assert set(plots_of(report)) == set(DRAWN)
    assert "… and 2 more" in _printed(report)


def test_hostile_names_stay_names():
    report = markout_report(_found([HOSTILE, HOSTILE], np.ones((2, 4))), _background(journal=HOSTILE))
    page = render_markouts(report)

    assert HOSTILE not in page
    assert "&lt;script&gt;alert" in page
    assert HOSTILE in _printed(report, width=200)


def test_the_file_reads_back_the_same_and_its_fields_are_documented():
    report = markout_report(_flow(3, n=30), _background())
    raw = encode_markouts(report)
    text = (DOCS / "markouts.md").read_text(encoding="utf-8")

    assert msgspec.json.decode(raw, type=MarkoutReport) == report
    assert encode_markouts(report) == raw
    for part in (MarkoutLine, MarkoutTrade):
        for name in part.__struct_fields__:
            assert f"`{name}`" in text
    for name in set(MarkoutHeader.__struct_fields__) - {"journal", "start", "end", "headline", "sentences"}:
        assert f"`{name}`" in text


def test_instants_are_those_that_are_read_and_no_more():
    """The last at or before a trade, and the first at or after each horizon, of all and of the series itself."""
    at_ns = NOW_NS + np.array([-5, -1, 2, 9, 11, 50, 61, 290, 400], dtype=np.int64) * 1_000_000_000

    assert ((instants_for([fill(1, "C", "buy", 1, 5.0)], at_ns, {"C": at_ns[[0, 5, 8]]}, _HORIZONS) - NOW_NS) // 1_000_000_000).tolist() == [
        -1, 2, 11, 50, 61, 400,
    ]  # fmt: skip
