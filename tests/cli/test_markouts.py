"""`flatbook markouts`: what comes out of a journal, to the cent, and what bad input does."""

import json
from contextlib import closing

import pytest
from msgspec.structs import replace

from flatbook.engine.decision import decision_of, encode_decision
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.journal.store import Journal
from flatbook.model.events import (
    Capacity,
    CycleDue,
    FillBusted,
    FillCorrected,
    QuotesSeen,
    UnderlyingQuoted,
)
from flatbook.model.measures import Measure
from tests.cli.test_plan import flatbook
from tests.worlds import NOW_NS, fill, index_facts

_S = 1_000_000_000
_CALL, _PUT = "IDXW030C5000", "IDXW030P5000"
_MIDDLE_TICKS, _JUMP_TICKS = 9_000, 30
_SPOT, _SPOT_LATER = 5000.0, 5002.0
HORIZONS = [1.0, 10.0, 60.0, 300.0]


def _quote(second, ticks):
    return QuotesSeen(
        received_ns=NOW_NS + second * _S, symbols=(_CALL,), bid_ticks=(ticks - 10,), ask_ticks=(ticks + 10,)
    )


def _trade(number, second, ticks, *, symbol=_CALL, quantity=2, side="sell", **more):
    done = NOW_NS + second * _S
    return replace(
        fill(number, symbol, side, quantity, ticks / 100.0, **more), traded_ns=done, received_ns=done
    )


def _facts():
    """Six minutes: quotes a second apart, no cycle but the first. SHARP buys five seconds before each of four jumps of 0.30, CALM in between.

    At the last jump the index moves by 2 as well. One trade is corrected, one busted, one in a series whose bid is gone 3 seconds later.
    """
    *before, first = index_facts(spot=_SPOT)
    facts, ticks = [*before, first], _MIDDLE_TICKS
    sharp = {"counterparty": "SHARP", "venue": "V1", "capacity": Capacity.CUSTOMER}
    calm = {"counterparty": "CALM", "venue": "V2", "capacity": Capacity.CUSTOMER}
    for second in range(1, 400):
        if second in (45, 65, 85, 105):
            ticks += _JUMP_TICKS
        if second == 105:
            facts.append(
                UnderlyingQuoted(received_ns=NOW_NS + second * _S, underlying="IDX", price=_SPOT_LATER)
            )
        facts.append(_quote(second, ticks))
        if second in (40, 60, 80, 100):
            facts.append(_trade(second, second, ticks + 50, **sharp))
        if second in (50, 70, 90):
            facts.append(_trade(second, second, ticks - 20, side="buy", quantity=1, **calm))
        if second == 98:
            facts.append(
                QuotesSeen(
                    received_ns=NOW_NS + second * _S, symbols=(_PUT,), bid_ticks=(None,), ask_ticks=(9_000,)
                )
            )
        if second == 95:
            facts.append(_trade(1, second, 10_000, symbol=_PUT, quantity=5))
            facts.append(_trade(2, second, 9_999, quantity=7, **sharp))
    at = {"received_ns": NOW_NS + 399 * _S}
    return [
        *facts,
        FillCorrected(
            correction_id="K1", fill_id="F50", quantity=3, price_ticks=9_000, corrected_ns=NOW_NS, **at
        ),
        FillBusted(bust_id="B1", fill_id="F2", **at),
    ]


def _journal(path, facts):
    """As a desk would write it; the cycles."""
    state, cycles = State(), []
    with closing(Journal.create(path)) as journal, journal.batch():
        for fact in facts:
            cycle = step(state, journal.append(fact))
            if cycle is not None:
                journal.append_decision(encode_decision(decision_of(cycle)), cycle.sequence)
                cycles.append(cycle)
    return cycles


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A journal, and its only cycle."""
    path = tmp_path_factory.mktemp("day") / "day.journal"
    (cycle,) = _journal(path, _facts())
    return path, cycle


@pytest.fixture(scope="module")
def done(day, tmp_path_factory):
    """What the command printed, its JSON and its page."""
    path, _ = day
    out = tmp_path_factory.mktemp("out")
    ran = flatbook("markouts", path, "--json", out / "m.json", "--html", out / "m.html")
    assert ran.returncode == 0, ran.stderr
    return ran.stdout, json.loads((out / "m.json").read_text()), (out / "m.html").read_text()


def _lines(report, key, name):
    table = next(table for table in report["tables"] if table["name"] == key)
    return [line for line in table["lines"] if line["name"] == name]


def test_informed_flow_is_told_to_the_cent(day, done):
    """Sold four times two at 0.50 over the middle: edge 50 USD a contract; five seconds later 30 are gone, hedged of what the index made."""
    _, report, _ = done
    _, cycle = day
    row = cycle.table.row_of(_CALL)
    delta = cycle.values.greeks[row, Measure.DELTA_SHARES] / 100.0
    one, ten, minute, five = _lines(report, "counterparty", "SHARP")
    last_jump = 30.0 - 100.0 * delta * (_SPOT_LATER - _SPOT)  # of the call, hedged

    assert [line["horizon_s"] for line in (one, ten, minute, five)] == HORIZONS
    assert [line["fills"] for line in (one, ten, minute, five)] == [4, 4, 4, 3]
    assert five["fills_without"] == 1
    assert ten["edge_usd"] == pytest.approx(8 * 50.0)
    assert one["adverse_usd"] == pytest.approx(0.0, abs=1e-9)
    assert ten["adverse_usd"] == pytest.approx(-2.0 * (30.0 * 3 + last_jump))
    assert ten["realised_usd"] == pytest.approx(ten["edge_usd"] + ten["adverse_usd"])
    assert ten["give_back"] == pytest.approx(-ten["adverse_usd"] / 400.0)
    assert ten["adverse_usd_per_contract"] == pytest.approx(ten["adverse_usd"] / 8.0)
    mean = ten["adverse_usd_per_contract"]
    apart = [-30.0 - mean] * 3 + [-last_jump - mean]
    error = (sum(4.0 * each**2 for each in apart) * 4.0 / 3.0) ** 0.5 / 8.0
    assert ten["standard_error_usd_per_contract"] == pytest.approx(error)


def test_corrections_hold_busts_are_gone_and_what_has_no_value_is_counted(done):
    """Three contracts at 90.00 in place of one; the put was quoted long before its trade, and had no bid after it."""
    _, report, _ = done
    trades = {trade["fill_id"]: trade for trade in report["trades"]}
    put = _lines(report, "series", _PUT)

    assert report["header"]["fills"] == len(trades) == 8
    assert "F2" not in trades
    assert (trades["F50"]["contracts"], trades["F50"]["side"]) == (3, "buy")
    assert trades["F50"]["edge_usd"] == pytest.approx(3 * 30.0)  # one jump before it: 90.30 less 90.00
    assert {(line["fills"], line["fills_without"]) for line in _lines(report, "counterparty", "CALM")} == {
        (3, 0)
    }
    assert [(line["fills"], line["fills_without"]) for line in put] == [(0, 1)] * 4
    assert [line["adverse_usd_per_contract"] is None for line in put] == [True] * 4
    assert {reason["reason"] for reason in report["reasons"]} >= {"no trade has a value then"}
    assert report["header"]["values"] == "middles of bid and offer between cycles"
    assert (report["header"]["cycles"], report["header"]["age_s"]) == (1, 0.0)


def test_every_key_holds_every_trade(done):
    """Sums are the same by any of them."""
    _, report, _ = done
    sums = [
        sum(line["adverse_usd"] for line in table["lines"] if line["horizon_s"] == 60.0)
        for table in report["tables"]
    ]

    assert [table["name"] for table in report["tables"]] == [
        "all",
        "counterparty",
        "venue",
        "series",
        "capacity",
    ]
    assert sums == pytest.approx([sums[0]] * 5)


def test_it_is_printed_and_drawn(done):
    text, report, page = done

    assert report["header"]["headline"] in text
    for title in ("By counterparty", "By venue", "By series", "SHARP", "given back"):
        assert title in text
    assert "By capacity" not in text
    assert "plotly.js v" in page
    assert 'data-plot="counterparty"' in page
    assert "SHARP" in page


def test_the_table_asked_for_is_the_one_that_is_printed(day):
    ran = flatbook("markouts", day[0], "--by", "capacity", "--by", "venue")

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.index("By capacity") < ran.stdout.index("By venue")
    assert "By counterparty" not in ran.stdout


def test_with_cycles_as_often_as_quotes_theoretical_values_are_used(tmp_path):
    """A cycle before the trade and one a minute after it: the value is the cycle's, hedged at its delta."""
    *before, first = index_facts(spot=_SPOT)
    later = [
        replace(fact, received_ns=NOW_NS + 60 * _S)
        for fact in index_facts(spot=5003.0)
        if isinstance(fact, UnderlyingQuoted | QuotesSeen | CycleDue)
    ]
    sold = _trade(1, 0, 9_500, symbol=_CALL, quantity=4, counterparty="A")
    one, two = _journal(tmp_path / "d.journal", [*before, sold, first, *later])
    ran = flatbook("markouts", tmp_path / "d.journal", "--json", tmp_path / "m.json")
    report = json.loads((tmp_path / "m.json").read_text())
    row = one.table.row_of(_CALL)
    moved = two.values.price[row] - one.values.price[row]
    delta = one.values.greeks[row, Measure.DELTA_SHARES] / 100.0
    (trade,) = report["trades"]

    assert ran.returncode == 0, ran.stderr
    assert report["header"]["values"] == "theoretical values at cycles"
    assert trade["edge_usd"] == pytest.approx(4 * 100.0 * (95.0 - one.values.price[row]))
    assert trade["adverse_usd"] == [None, None, pytest.approx(-400.0 * (moved - delta * 3.0)), None]


def test_the_journal_of_one_instant_says_that_it_has_no_other(tmp_path):
    """As that of one plan: its trades were done before anything was quoted, nothing is marked out, and that is not hidden."""
    before = [_trade(number, -60 * number, 9_000) for number in (1, 2, 3)]
    _journal(tmp_path / "p.journal", index_facts(fills=before))
    ran = flatbook("markouts", tmp_path / "p.journal", "--by", "counterparty")

    assert ran.returncode == 0, ran.stderr
    assert "3 trades, and none of them has a value soon enough" in ran.stdout
    assert "has one instant" in " ".join(ran.stdout.split())


@pytest.mark.parametrize(
    ("journal", "more", "words"),
    [
        ("nothing", (), ["no such file"]),
        ("text", (), ["no journal of flatbook"]),
        ("quiet", (), ["no trade of ours", "expected", "to do"]),
        ("quiet", ("--by", "colour"), ["colour"]),
    ],
    ids=["missing", "not a journal", "no fills", "unknown key"],
)
def test_bad_input_is_told_in_plain_words_and_nothing_is_written(tmp_path, journal, more, words):
    """Exit code 2."""
    (tmp_path / "text").write_text("no journal")
    _journal(tmp_path / "quiet", index_facts())
    ran = flatbook("markouts", tmp_path / journal, "--json", tmp_path / "m.json", *more)

    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    for word in words:
        assert word in ran.stderr
    assert not (tmp_path / "m.json").exists()


def test_an_output_over_the_journal_is_refused(day):
    before = day[0].read_bytes()
    ran = flatbook("markouts", day[0], "--json", day[0])

    assert ran.returncode == 2
    assert "an input (JOURNAL)" in ran.stderr
    assert day[0].read_bytes() == before
