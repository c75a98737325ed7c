"""Recorded days as scenarios: the shipped examples on GOOG on 2015-12-24 and on options on the ES future on 2020-01-06, by three policies."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from flatbook.adapters.scenario_file.read import read_scenario
from flatbook.cli.simulate import Wanted, make_simulation, run_of
from flatbook.cli.simulate_recorded import notes_of
from flatbook.model.errors import FaultsError
from flatbook.sim.experiments.account import account_of
from flatbook.sim.experiments.record import TradeKind
from flatbook.sim.recorded.world import recorded_world
from tests.real.test_real_chains import DATA

pytestmark = pytest.mark.market_data

EXAMPLES = Path(__file__).parents[2] / "examples" / "recorded-day"
FOLDERS = {"goog": "lean-goog-20151224-minute", "es": "lean-es-futureoption-20200106"}
POLICIES = ("warehouse", "delta", "joint")
SEED = 1
RUNS = [(name, policy) for name in FOLDERS for policy in POLICIES]


@pytest.fixture(scope="session")
def placed(tmp_path_factory):
    """The examples in a folder of their own, with the recording that each points at beside them."""
    folder = tmp_path_factory.mktemp("recorded")
    for file in EXAMPLES.glob("*.toml"):
        (folder / file.name).write_bytes(file.read_bytes())

    def of(name):
        data = (DATA / FOLDERS[name]).resolve()
        if not data.exists():
            pytest.skip(f"no real market data: {FOLDERS[name]} is not in the data folder (set FLATBOOK_DATA)")
        beside = folder / FOLDERS[name]
        if not beside.exists():
            beside.symlink_to(data)
        return folder / f"{name}.toml"

    return of


@cache
def _run(path, policy, seed=SEED):
    file = read_scenario(path)
    market, orders = recorded_world(file.scenario.recorded, file.recording(), file.desk.desk.hedges)
    return run_of(file)(policy, seed), market, orders, file


@pytest.mark.parametrize(("name", "policy"), RUNS)
def test_a_recorded_day_is_run_and_adds_up(placed, name, policy):
    """V41: parts are cash and worth, else `account_of` raises; a desk that is hit pays or earns, and one without hedges has none."""
    record, *_ = _run(placed(name), policy)
    account = account_of(record)
    kinds = record.trades.kind.tolist()

    assert abs(sum(account.parts()) - account.pnl_usd) <= max(1e-9, 1e-12 * account.gross_usd)
    assert account.pnl_usd != 0.0
    assert kinds.count(TradeKind.QUOTE) >= 5
    assert (kinds.count(TradeKind.HEDGE) > 0) == (policy != "warehouse")
    assert np.isfinite(record.fair[-1][record.position[-1] != 0]).all()


@pytest.mark.parametrize(("name", "policy"), RUNS)
def test_positions_come_from_what_was_recorded_alone(placed, name, policy):
    """Each fill of a quote is at the instant of a recorded trade on the other side, at a price that it reached, for no more than it traded.

    Hedges pay the spread around the recorded price.
    """
    record, market, orders, file = _run(placed(name), policy)
    left = {(order.at_ns, order.legs[0].row): order.quantity for order in orders}
    told = {(order.at_ns, order.legs[0].row): order for order in orders}
    ticks, trades = record.table.ticks_per_unit, record.trades
    for at, row, side, quantity, price, kind, maker in zip(
        trades.at_ns.tolist(), trades.row.tolist(), trades.side.tolist(), trades.quantity.tolist(),
        trades.price.tolist(), trades.kind.tolist(), trades.maker.tolist(), strict=True,
    ):  # fmt: skip
        moment = market.moment(int(np.searchsorted(market.at_ns, at, side="right")) - 1)
        tick = round(price * ticks[row])
        shown = int(moment.bid_ticks[row]) if side < 0 else int(moment.ask_ticks[row])
        if kind == TradeKind.QUOTE:
            order = told[at, row]
            left[at, row] -= quantity
            assert maker
            assert order.legs[0].side == -side
            assert order.legs[0].side * (order.limit_ticks[0] - tick) >= 0
            assert left[at, row] >= 0
        elif kind in (TradeKind.HEDGE, TradeKind.OFFSET):
            assert tick == shown, "who takes pays what is shown"
        else:
            assert kind == TradeKind.SETTLEMENT

    assert record.table.is_option.sum() == file.scenario.recorded.series


def test_a_seed_moves_latencies_alone(placed):
    """Another seed meets the same market and the same customers; the same seed says the same to the bit."""
    path = placed("es")
    first, market, orders, file = _run(path, "delta")
    other, *beside = _run(path, "delta", 2)
    again = run_of(file)("delta", SEED)

    assert beside[0] is market
    assert beside[1] is orders
    assert again.cash_usd == first.cash_usd
    assert again.trades.at_ns.tolist() == first.trades.at_ns.tolist()
    assert other.spot[-1].tolist() == first.spot[-1].tolist()


def test_the_page_says_what_such_a_day_cannot_tell(placed, tmp_path):
    """No SYNTHETIC mark; that nobody reacts, and that seeds are one day, in table, JSON and page."""
    path = placed("es")
    wanted = Wanted(
        scenario=str(path), seeds=1, first_seed=SEED, policies="warehouse", reference=None, jobs=1, pictures=1,
        results=tmp_path / "r.jsonl", json=tmp_path / "s.json", html=tmp_path / "s.html", listing=False, quiet=True,
    )  # fmt: skip
    make_simulation(wanted)
    report = json.loads((tmp_path / "s.json").read_text())
    page = (tmp_path / "s.html").read_text()

    assert report["synthetic"] is False
    assert report["days"]
    assert list(notes_of(read_scenario(path))) == report["header"]["notes"]
    assert "RECORDED: the market does not react to the desk" in report["header"]["text"]
    for text in ("DOES NOT REACT TO THE DESK", "183 bars", "market and customers are the same on every seed"):
        assert text in page
    assert '<span class="chip synthetic">' not in page


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('path = "lean', 'path = "none/lean', ("recorded.path", "where nothing is")),
        ("day = 2020-01-06", "day = 2020-01-05", ("no session",)),
        ("[recorded]", "[recorded]\nwhat = 1", ("unknown key", "what", "one of path, day")),
        ("[recorded]", "[prices]\n[recorded]", ("not both",)),
        ("[recorded]", "[flow]\ndecay = 1\n[recorded]", ("unknown key",)),
        ("silence_s = 900.0", "silence_s = 300.0", ("silence_s must be above",)),
        ("spacing_s = 300.0", "spacing_s = 90.0", ("whole number",)),
    ],
)
def test_a_fault_of_a_recorded_scenario_is_told(placed, tmp_path, old, new, told):
    """Before anything is run."""
    path = placed("es")
    text = path.read_text()
    assert old in text
    (tmp_path / "es-desk.toml").write_bytes((path.parent / "es-desk.toml").read_bytes())
    (tmp_path / FOLDERS["es"]).symlink_to((DATA / FOLDERS["es"]).resolve())
    (tmp_path / "es.toml").write_text(text.replace(old, new, 1))

    with pytest.raises(FaultsError) as failed:
        notes_of(read_scenario(tmp_path / "es.toml"))

    assert all(word in str(failed.value) for word in told), str(failed.value)


def test_a_hedge_that_nobody_recorded_is_a_fault(placed, tmp_path):
    """It would have no price."""
    path = placed("es")
    desk = (path.parent / "es-desk.toml").read_text().replace('"ESH20"', '"MESH20"')
    (tmp_path / "es-desk.toml").write_text(desk)
    (tmp_path / FOLDERS["es"]).symlink_to((DATA / FOLDERS["es"]).resolve())
    (tmp_path / "es.toml").write_text(path.read_text())

    with pytest.raises(FaultsError, match=r"hedge MESH20: nobody recorded its price.*ESH20"):
        notes_of(read_scenario(tmp_path / "es.toml"))
