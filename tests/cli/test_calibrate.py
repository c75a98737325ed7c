"""`flatbook calibrate`: a day of made-up customers at our own quotes, whose terms come back within their errors; and what bad input does."""

import json
from contextlib import closing

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.adapters.desk_file.read import parse_desk
from flatbook.engine.decision import decision_of, encode_decision
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.journal.store import Journal
from flatbook.model.events import CycleDue, DeskSet, QuotesSeen, SessionsSeen, UnderlyingQuoted
from flatbook.model.flow_terms import FlowTerms
from flatbook.sim.quote_flow import fills_until
from tests.cli.test_plan import flatbook
from tests.desk_file.example import VALID
from tests.worlds import NOW_NS, fill, index_desk, index_facts

_S = 1_000_000_000
_SEED, _CYCLES, _EVERY_S, _DAY_S = 5, 160, 60, 6.5 * 3600
_TRUE = FlowTerms(
    underlying="IDX", requests_per_day=4000.0, customers_buy_share=0.6, decay_per_point=2.5, contracts=2.0
)


class _Day:
    """A desk that quotes narrower and wider through the day, and customers who do not care what it believes."""

    def __init__(self, journal):
        self._journal, self._state = journal, State()

    def take(self, *facts):
        cycle = None
        for fact in facts:
            cycle = step(self._state, self._journal.append(fact))
            if cycle is not None:
                self._journal.append_decision(encode_decision(decision_of(cycle)), cycle.sequence)
        return cycle


def _desk(half_spread):
    desk = index_desk()
    return replace(
        desk, quoting=replace(desk.quoting, half_spread_vol_points=half_spread, half_spread_pct=0.0)
    )


def _write(path):
    """The fills that customers made."""
    random, fills = np.random.default_rng(_SEED), []
    customers = replace(index_desk(), flow=(_TRUE,))
    with closing(Journal.create(path)) as journal, journal.batch():
        day = _Day(journal)
        *before, due = index_facts(days=(30,), width=0.03, the_desk=_desk(0.4))
        cycle = day.take(*before, due)
        market = [fact for fact in before if isinstance(fact, UnderlyingQuoted | QuotesSeen)]
        for number in range(1, _CYCLES):
            at = NOW_NS + number * _EVERY_S * _S
            traded = fills_until(cycle, at, customers, _DAY_S, random, f"C{number}")
            fills += traded
            spread = float(random.choice([0.1, 0.25, 0.4, 0.7, 1.0]))
            future = QuotesSeen(
                received_ns=at,
                symbols=("IDXH1",),
                bid_ticks=(500_000,),
                ask_ticks=(500_050 if number % 2 else 500_025,),
            )
            desk = DeskSet(received_ns=at, desk=_desk(spread), by="test")
            again = [replace(fact, received_ns=at) for fact in market]
            cycle = day.take(*traded, *again, future, desk, CycleDue(received_ns=at, reason="test"))
        end = NOW_NS + _CYCLES * _EVERY_S * _S
        own = replace(fill(1, "IDXW030C5000", "buy", 7, 400.0), traded_ns=end - 1, received_ns=end)
        day.take(own)  # ours: bought far above our own bid
    return fills


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Fills, what was printed, the JSON, the page and the TOML."""
    out = tmp_path_factory.mktemp("out")
    fills = _write(out / "day.journal")
    ran = flatbook(
        "calibrate", out / "day.journal", "--json", out / "c.json", "--html", out / "c.html", "--toml", out / "c.toml",
        "--target-deviation-usd", "2000",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    files = [(out / f"c.{kind}").read_text() for kind in ("json", "html", "toml")]
    return fills, ran.stdout, json.loads(files[0]), files[1], files[2]


def _row(report, name):
    return next(row for row in report["parameters"] if row["name"] == name)


@pytest.mark.parametrize("name", ["requests_per_day", "customers_buy_share", "decay_per_point"])
def test_the_customers_are_told_back_within_their_errors(done, name):
    """Seed 5, some hundred fills at distances from 0.1 to 1 vol point: within three standard errors, which are themselves small."""
    _, _, report, _, _ = done
    row, truth = _row(report, name), getattr(_TRUE, name)

    assert abs(row["value"] - truth) < 3.0 * row["standard_error"], f"seed {_SEED}: {row}"
    assert row["standard_error"] < 0.15 * truth
    assert row["verified"]


def test_every_fill_is_counted_and_our_own_trades_are_not(done):
    fills, _, report, _, _ = done
    (flow,) = report["flows"]
    both = [line for line in flow["rates"] if line["side"] == "both"]
    offers = sum(line["fills"] for line in flow["rates"] if line["side"] == "offer")

    assert report["header"]["fills"] == flow["fills"] == len(fills) > 200
    assert report["header"]["fills_without_quote"] == 1
    assert sum(line["fills"] for line in both) == len(fills)
    assert offers == sum(one.side < 0 for one in fills)
    assert flow["watched_days"] == pytest.approx(_CYCLES * _EVERY_S / _DAY_S, rel=1e-6)
    assert _row(report, "contracts")["value"] == 2.0


def test_flow_that_knows_nothing_has_no_adverse_selection_and_hedges_their_spread(done):
    """Nothing moves in this world: 0 vol points; the future is 0.25 and 0.50 wide in turn, and was not quoted in the first minute."""
    _, _, report, _, _ = done
    adverse, spread = _row(report, "adverse_selection_points"), _row(report, "IDXH1 spread")

    assert abs(adverse["value"]) < 0.01 + 3.0 * adverse["standard_error"]
    assert adverse["source"].endswith("fills at 60 s")
    assert spread["value"] == pytest.approx(0.375, abs=0.01)
    assert spread["desk_value"] == 0.25
    assert _row(report, "IDXH1 impact_temporary")["source"] == "default, unverified"


def test_the_tables_go_into_the_desk_file(done):
    """What the reader of desk files makes of them is what the report says."""
    _, _, report, _, text = done
    (terms,) = parse_desk((VALID + text).encode(), "desk.toml").desk.flow

    assert text == report["toml"]
    assert terms.requests_per_day == pytest.approx(_row(report, "requests_per_day")["value"], rel=1e-5)
    assert terms.requests_error == pytest.approx(_row(report, "requests_per_day")["standard_error"], rel=1e-2)
    assert terms.decay_per_point == pytest.approx(_row(report, "decay_per_point")["value"], rel=1e-5)
    assert terms.contracts == 2.0


def test_the_target_tells_an_aversion(done):
    """Twice the deviation is a sixteenth of the aversion; here volatility's variance is nobody's estimate, so neither is this."""
    _, _, report, _, _ = done
    row = _row(report, "risk_aversion_per_usd")

    assert row["value"] > 0.0
    assert row["desk_value"] == 2e-6
    assert not row["verified"]


def test_it_is_printed_and_drawn(done):
    _, text, report, page, _ = done

    assert report["header"]["headline"] in text
    for words in ("requests_per_day", "default, unverified", "IDXH1 spread"):
        assert words in text
    assert "plotly.js v" in page
    assert 'data-plot="flow0"' in page


def test_a_trading_day_is_that_of_the_sessions_told(tmp_path):
    """Seven hours a day by the calendar; days that a later word leaves out stay what they were."""
    day, hour = 86_400 * _S, 3_600 * _S
    told = [
        SessionsSeen(
            received_ns=NOW_NS, calendar="XNYS", underlyings=("IDX",),
            open_ns=tuple(NOW_NS + (first + n) * day for n in range(3)),
            close_ns=tuple(NOW_NS + (first + n) * day + 7 * hour for n in range(3)),
        )
        for first in (0, 5)
    ]  # fmt: skip
    *before, due = index_facts(days=(30,), width=0.03)
    later = replace(due, received_ns=NOW_NS + 100 * _S)
    with closing(Journal.create(tmp_path / "day")) as journal, journal.batch():
        _Day(journal).take(*before, *told, due, later)
    ran = flatbook("calibrate", tmp_path / "day", "--json", tmp_path / "c.json")
    (flow,) = json.loads((tmp_path / "c.json").read_text())["flows"]

    assert ran.returncode == 0, ran.stderr
    assert "sessions of XNYS" in ran.stdout
    assert flow["day_hours"] == 7.0
    assert flow["watched_days"] == pytest.approx(100.0 / (7.0 * 3600.0))


def test_a_journal_without_fills_says_that_it_tells_nothing(tmp_path):
    """Every number of flow is the desk's own, unverified; the TOML has no table."""
    with closing(Journal.create(tmp_path / "quiet")) as journal, journal.batch():
        _Day(journal).take(*index_facts(days=(30,), width=0.03))
    ran = flatbook(
        "calibrate", tmp_path / "quiet", "--json", tmp_path / "c.json", "--toml", tmp_path / "c.toml"
    )
    report = json.loads((tmp_path / "c.json").read_text())
    flow = [row for row in report["parameters"] if row["underlying"] == "IDX"]

    assert ran.returncode == 0, ran.stderr
    assert {row["source"] for row in flow} == {"default, unverified"}
    assert {row["standard_error"] for row in flow} == {None}
    assert _row(report, "decay_per_point")["value"] == pytest.approx(1.0 / 0.3)
    assert parse_desk((VALID + (tmp_path / "c.toml").read_text()).encode(), "desk.toml").desk.flow == ()


@pytest.mark.parametrize(
    ("journal", "more", "words"),
    [
        ("nothing", (), ["no such file"]),
        ("empty", (), ["no cycle", "expected", "to do"]),
        ("empty", ("--horizon", "0"), ["--horizon", "above 0"]),
        ("empty", ("--trading-hours", "25"), ["--trading-hours", "at most 24"]),
        ("empty", ("--toml", "empty"), ["an input (JOURNAL)"]),
    ],
    ids=["missing", "no cycle", "horizon", "hours", "over the journal"],
)
def test_bad_input_is_told_in_plain_words_and_nothing_is_written(tmp_path, monkeypatch, journal, more, words):
    """Exit code 2."""
    monkeypatch.chdir(tmp_path)
    with closing(Journal.create(tmp_path / "empty")) as made, made.batch():
        _Day(made).take(*index_facts(days=(30,), width=0.03)[:-1])
    ran = flatbook("calibrate", tmp_path / journal, "--json", tmp_path / "c.json", *more)

    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    for word in words:
        assert word in ran.stderr
    assert not (tmp_path / "c.json").exists()
