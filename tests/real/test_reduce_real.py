"""`flatbook reduce` on real chains with a one-sided crowd: the joint plan against every lever alone, and its slides against QuantLib."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 - as its users call it

from flatbook.cli.reduce import Wanted, decided
from flatbook.cli.run import read_inputs
from flatbook.cli.times import parse_at
from flatbook.engine.levers import DELTA_ONLY, JOINT, NOTHING, OPTIONS, PROXY, QUOTES, levers_of
from flatbook.model.instruments import Payoff
from flatbook.model.measures import Measure
from tests.real.test_real_chains import DATA

pytestmark = pytest.mark.market_data

DESKS = Path(__file__).parents[2] / "examples" / "reduce"
FILLS, SEED, CONTRACTS = 500, 1, 3.0


@dataclass(frozen=True)
class Case:
    """A chain, its desk file, and how a person would ask."""

    path: str
    desk: str
    underlying: str
    at: str | None = None


CASES = {
    "spx": Case("spx-cboe-eod-2019/SPX_20190509.csv", "spx.toml", "SPX"),
    "goog": Case("lean-goog-20151224-minute", "goog.toml", "GOOG", "2015-12-24T11:00-05:00"),
    "deribit": Case(
        "deribit-chain-crash-202602/deribit_options_snapshot_20260205T212937Z.csv", "deribit.toml", "BTC"
    ),
}


@cache
def compared(name):
    """The cycle of a chain once its crowd was there, and the levers on it."""
    case = CASES[name]
    path = DATA / case.path
    if not path.exists():
        pytest.skip(f"no real market data: {case.path} is not in the data folder (set FLATBOOK_DATA)")
    wanted = Wanted(
        market=path, config=DESKS / case.desk, book=None, customers=FILLS, seed=SEED, contracts=CONTRACTS,
        at=case.at, market_format=None, underlying=case.underlying, json=None, html=None, quiet=True,
    )  # fmt: skip
    inputs = read_inputs(
        faults=[],
        book=None,
        market=path,
        config=wanted.config,
        market_format=None,
        at_ns=None if case.at is None else parse_at(case.at),
        underlying=case.underlying,
        progress=lambda _: None,
    )
    cycle, state = decided(inputs, wanted)
    return cycle, levers_of(cycle, state.limits)


@pytest.mark.parametrize("name", CASES)
def test_the_joint_plan_reaches_every_limit_that_the_crowd_broke(name):
    """At every lever's own measure: the standing of the book once its trades are done, all scenarios revalued."""
    _, levers = compared(name)

    assert levers.named(NOTHING).breached > 0
    assert levers.named(DELTA_ONLY).breached > 0
    assert levers.named(JOINT).breached == 0


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("other", [NOTHING, DELTA_ONLY, PROXY, OPTIONS, QUOTES])
def test_the_joint_plan_costs_and_risks_less_than_each_lever_alone(name, other):
    """What the plan is for."""
    _, levers = compared(name)

    assert levers.named(JOINT).total_usd < levers.named(other).total_usd


@pytest.mark.parametrize("name", CASES)
def test_the_joint_plan_stays_within_sizes_and_legs(name):
    """Nothing that nobody shows, and no more legs than the desk wants."""
    cycle, levers = compared(name)
    problem, plan = levers.offset.problem, levers.offset.plan
    trades = levers.named(JOINT).trades

    assert np.all((plan.contracts <= problem.most_bought) & (-plan.contracts <= problem.most_sold))
    for lever in (OPTIONS, JOINT):
        assert np.count_nonzero(levers.named(lever).trades) <= cycle.desk.offsets.legs_max
    option = cycle.table.is_option & (trades != 0)
    shown = np.where(trades > 0, cycle.market.ask_size, cycle.market.bid_size)
    told = np.where(np.isfinite(shown), shown, cycle.desk.offsets.size_unknown)
    assert np.all(np.abs(trades)[option] <= told[option])


@pytest.mark.parametrize("name", CASES)
def test_the_levers_say_what_their_trades_cost(name):
    """Half-spread, impact and fee of each option, of the quotes themselves."""
    cycle, levers = compared(name)
    market, table, desk = cycle.market, cycle.table, cycle.desk
    trades = levers.named(OPTIONS).trades
    rows = np.flatnonzero(trades)
    coin = np.array([table.instruments[row].payoff is Payoff.INVERSE for row in rows.tolist()])
    usd = np.where(coin, cycle.values.spot[rows], 1.0) * table.multiplier[rows]
    half = 0.5 * (market.ask[rows] - market.bid[rows]) * usd
    each = half * (1.0 + desk.offsets.impact_half_spreads) + desk.quoting.fee_per_contract

    assert table.is_option[rows].all()
    assert levers.named(OPTIONS).cost_usd == pytest.approx(float(np.abs(trades[rows]) @ each), rel=1e-9)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("cell", [(-0.10, 5.0), (0.10, -5.0), (0.20, 0.0)], ids=str)
@pytest.mark.parametrize("lever", [NOTHING, JOINT])
def test_the_slides_are_full_revaluations(name, cell, lever):
    """One cell by QuantLib: each option priced anew on the moved forward or spot at the shifted volatility; the smile sticks to strikes."""
    cycle, levers = compared(name)
    traded = levers.named(lever).traded
    move, shift = cell
    at = int(np.flatnonzero(traded.slides.moves == move)[0])
    vol = int(np.flatnonzero(traded.slides.shifts_points == shift)[0])
    pnl = [
        float(traded.quantity[row]) * _pnl(cycle, row, move, shift / 100.0)
        for row in np.flatnonzero(traded.quantity).tolist()
    ]
    gross = float(np.abs(pnl).sum())

    assert traded.slides.desk[at, vol] == pytest.approx(sum(pnl), abs=2e-6 * gross)


def _pnl(cycle, row, move, shift):
    """USD of one contract bought."""
    table, market, item = cycle.table, cycle.market, cycle.table.instruments[row]
    if not table.is_option[row]:
        return float(cycle.values.greeks[row, Measure.DELTA_USD]) * move
    if item.payoff is Payoff.INVERSE:
        before, after = (
            _european(cycle, row, m, s) / (market.forward[row] * (1.0 + m))
            for m, s in ((0.0, 0.0), (move, shift))
        )
        return (after - before) * item.multiplier * cycle.values.spot[row] * (1.0 + move)
    price = _american if table.american[row] else _european
    return (price(cycle, row, move, shift) - price(cycle, row, 0.0, 0.0)) * item.multiplier


def _european(cycle, row, move, shift):
    market = cycle.market
    kind = ql.Option.Call if cycle.table.sign[row] > 0 else ql.Option.Put
    deviation = (market.vol[row] + shift) * np.sqrt(market.years[row])
    forward, strike = market.forward[row] * (1.0 + move), float(cycle.table.strike[row])
    return ql.blackFormula(kind, strike, float(forward), float(deviation), float(market.discount[row]))


def _american(cycle, row, move, shift):
    """Rates and volatility per life of the option, which lasts a year of QuantLib's: no life is rounded to days."""
    market, s = cycle.market, int(cycle.table.slice_of[row])
    years = float(market.years[row])
    today = ql.Date(2, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    counter, expiry = ql.Actual365Fixed(), today + 365
    spot = float(market.slice_spot[s]) * (1.0 + move)
    carry, rate = (
        ql.YieldTermStructureHandle(ql.FlatForward(today, float(value) * years, counter))
        for value in (market.slice_yield[s], market.slice_rate[s])
    )
    surface = ql.BlackVolTermStructureHandle(
        ql.BlackConstantVol(
            today, ql.NullCalendar(), float(market.vol[row] + shift) * np.sqrt(years), counter
        )
    )
    process = ql.BlackScholesMertonProcess(ql.QuoteHandle(ql.SimpleQuote(spot)), carry, rate, surface)
    kind = ql.Option.Call if cycle.table.sign[row] > 0 else ql.Option.Put
    option = ql.VanillaOption(
        ql.PlainVanillaPayoff(kind, float(cycle.table.strike[row])), ql.AmericanExercise(today, expiry)
    )
    option.setPricingEngine(ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.accurateScheme()))
    return option.NPV()
