"""Whole small days: the same seed is the same day, the account adds up, and each side of the market does what it is there for."""

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.book.view import view
from flatbook.cli.simulate import shipped_scenarios
from flatbook.model.events import LimitsSet
from flatbook.model.lifecycle_events import Exercised
from flatbook.model.order_events import KillScope, KillSet
from flatbook.model.world_exchange_terms import ExchangeTerms
from flatbook.model.world_fault_terms import FaultTerms
from flatbook.model.world_price_terms import PriceEventTerms
from flatbook.sim.experiments.account import account_of
from flatbook.sim.experiments.record import TradeKind
from flatbook.sim.policies import POLICIES
from flatbook.sim.prices.market import simulated_market
from flatbook.sim.run import world_of
from tests.sim.small_days import (
    AT_ONCE,
    MINUTE_NS,
    NO_CUSTOMERS,
    Look,
    asks,
    busy,
    bytes_of,
    index_prices,
    options_of,
    share_prices,
    shortened,
    small_day,
    small_stage,
)

_SECOND_THOUGHTS = FaultTerms(busts_per_day=4.0, corrections_per_day=12.0)  # in an hour


def _desk_positions(day):
    return view(day.desk.process.state.book, day.desk.process.state.table).quantity


def test_the_same_seed_gives_the_same_bytes_and_another_another_day():
    """To the last of every array."""
    stage = small_stage()
    first, again, other = (bytes_of(small_day(stage, seed=seed).run()) for seed in (5, 5, 6))
    assert first == again
    assert len(first["Trades.price"]) > 0
    assert first["DayRecord.spot"] != other["DayRecord.spot"]


def test_two_policies_of_a_seed_meet_the_same_market_and_customers():
    """Wherever both looked, the world was the same; what they hold is not."""
    stage = small_stage()
    records = [small_day(stage, policy).run() for policy in ("warehouse", "joint")]
    both = np.intersect1d(records[0].at_ns, records[1].at_ns)
    assert both.size >= 7
    at = [np.searchsorted(record.at_ns, both) for record in records]
    for name in ("spot", "fair"):
        one, two = (getattr(record, name)[rows] for record, rows in zip(records, at, strict=True))
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(records[0].position[-1], records[1].position[-1])
    worlds = [world_of(stage.scenario, seed) for seed in (5, 5, 6)]
    assert worlds[0][1] == worlds[1][1] != worlds[2][1]


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_the_account_adds_up_under_every_policy(name):
    """With an expiry within the day, and trades that are undone or changed, also after it."""
    made = share_prices if name in ("joint", "delta") else index_prices
    stage = small_stage(made(expiry_minutes=(30,)), faults=_SECOND_THOUGHTS)
    day = small_day(stage, name, seed=11, orders=busy(simulated_market(stage.scenario.prices, 11)))
    record = day.run()
    account = account_of(record)
    assert sum(account.parts()) == pytest.approx(account.pnl_usd, abs=1e-6)
    kinds = set(record.trades.kind.tolist())
    assert {TradeKind.QUOTE, TradeKind.CORRECTION, TradeKind.SETTLEMENT} <= kinds


@pytest.mark.parametrize("number", range(len(shipped_scenarios())))
def test_the_account_adds_up_in_every_shipped_scenario(number):
    """Each cut to an hour, and each under another policy."""
    name = sorted(shipped_scenarios())[number]
    record = small_day(shortened(name), sorted(POLICIES)[number % len(POLICIES)], seed=20 + number).run()
    account_of(record)
    assert len(record.trades.row) > 0
    assert record.counts["cycles"] >= 7


def test_a_settled_trade_that_is_undone_takes_its_settlement_with_it():
    """Cash-settled at minute 30; corrections after it come in pairs that leave no position."""
    stage = small_stage(index_prices(expiry_minutes=(30,)), faults=_SECOND_THOUGHTS)
    day = small_day(stage, "warehouse", seed=11, orders=busy(simulated_market(stage.scenario.prices, 11)))
    record = day.run()
    trades, ends = record.trades, day.table.expiry_ns
    later = (trades.kind == TradeKind.CORRECTION) & (ends[trades.row] > 0) & (trades.at_ns > ends[trades.row])
    assert later.any()
    for at in np.flatnonzero(later).tolist():
        assert trades.kind[at + 1] == TradeKind.SETTLEMENT
        assert trades.side[at + 1] * trades.quantity[at + 1] == -trades.side[at] * trades.quantity[at]
    account_of(record)


def test_short_american_calls_are_assigned_after_the_close():
    """All of them, as everybody who holds them is told to exercise; the desk learns of it, and its book is the exchange's."""
    terms = ExchangeTerms(early_time_value=100.0, early_share=1.0, open_interest_contracts=0)
    stage = small_stage(share_prices(), exchange=terms, wire=AT_ONCE)
    probe = small_day(stage, orders=[])
    table, spot = probe.table, probe.moment.spot[0]
    row = next(row for row in options_of(table) if table.sign[row] > 0 and table.strike[row] < spot - 1.0)
    look = Look()
    day = small_day(stage, "warehouse", orders=[asks(probe.market, 12.0, row, 1, 60)], watch=look)
    record = day.run()
    sold = int(-record.position[-2][row])
    assert sold > 0
    assert record.position[-1][row] == 0
    share = table.row_of("SHR")
    assert record.position[-1][share] == -sold * 100
    (told,) = [fact for fact in look.facts if isinstance(fact, Exercised)]
    assert (told.instrument, told.quantity) == (table.instruments[row].symbol, -sold)
    np.testing.assert_array_equal(_desk_positions(day), record.position[-1])
    settled = record.trades.kind == TradeKind.SETTLEMENT
    assert sorted(record.trades.row[settled].tolist()) == sorted([row, share])
    assert set(record.trades.price[settled].tolist()) == {0.0, table.strike[row]}
    account_of(record)


def _news(**more):
    return index_prices(
        spacing_seconds=300.0,
        events=tuple(
            PriceEventTerms(minute=minute, move=move) for minute, move in ((15.0, 0.01), (35.0, -0.01))
        ),
        **more,
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_nobody_trades_with_a_desk_whose_quotes_are_current(seed):
    """No customers, no latency, and prices that jump both ways: there is nothing to trade for either side."""
    day = small_day(small_stage(_news(), flow=NO_CUSTOMERS, wire=AT_ONCE), "joint", seed=seed)
    record = day.run()
    assert record.counts["orders"] > 50
    assert len(record.trades.row) == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_a_slow_desk_is_picked_off_by_the_others(seed):
    """It hears of each jump two seconds late; those who trade with it gain what it loses."""
    slow = replace(AT_ONCE, feed_ms=2_000.0)
    day = small_day(small_stage(_news(), flow=NO_CUSTOMERS, wire=slow), "warehouse", seed=seed)
    record = day.run()
    quotes = record.trades.kind == TradeKind.QUOTE
    assert quotes.sum() > 0
    assert account_of(record).spread_usd < 0.0
    since_ns = (record.trades.at_ns[quotes] - day.open_ns) % (5 * MINUTE_NS)
    assert (since_ns < 2_000_000_000).all(), "only until it hears of a move"
    assert record.trades.maker[quotes][0]


def test_hedges_that_found_nothing_find_something_later():
    """Three futures at the best price and none behind: others quote whole sizes again each minute, while the market stands still."""
    future = replace(index_prices().hedges[0], depth=3.0, multiplier=10.0)
    prices = index_prices(hedges=(future,), spacing_seconds=1800.0)
    exchange = ExchangeTerms(hedge_depth_shares=())
    stage = small_stage(prices, exchange=exchange, wire=AT_ONCE, cycle_s=60.0)
    probe = small_day(stage, orders=[])
    orders = [asks(probe.market, 2.0, row, 1, 60, number=row + 1) for row in options_of(probe.table)[:3]]
    day = small_day(stage, "delta", orders=orders)
    record = day.run()
    row = day.table.row_of("IDXFUT")
    moment = day.market.moment(0)
    most = max(int(moment.bid_size[row]), int(moment.ask_size[row]))
    still = (record.trades.row == row) & (record.trades.at_ns < int(day.market.at_ns[1]))
    minutes = (record.trades.at_ns[still] - day.open_ns) // MINUTE_NS
    quantity = record.trades.quantity[still]
    assert quantity.sum() > most
    for minute in np.unique(minutes):
        assert quantity[minutes == minute].sum() <= 2 * most


def _killed(stage, *, tight):
    """A kill at minute 11; where `tight`, a limit that the book is beyond until minute 40."""
    seen = {}
    wide = stage.limits

    def does(day):
        since = day.now_ns - day.open_ns
        take = day.desk.process.take
        if since >= 11 * MINUTE_NS and "killed" not in seen:
            seen["killed"] = since
            take(
                [
                    KillSet(
                        received_ns=day.clock_ns(), scope=KillScope.DESK, on=True, owner="test", reason="test"
                    )
                ]
            )
            if tight:
                limits = tuple(replace(each, limit_hard=1.0) for each in wide)
                take([LimitsSet(received_ns=day.clock_ns(), limits=limits, by="test")])
        if since >= 40 * MINUTE_NS and "widened" not in seen:
            seen["widened"] = since
            take([LimitsSet(received_ns=day.clock_ns(), limits=wide, by="test")])
        on = bool(day.desk.process.state.outbox.kills.on)
        if "killed" in seen and not on and "released" not in seen:
            seen["released"] = since

    probe = small_day(stage, orders=[])
    orders = [asks(probe.market, 2.0, options_of(probe.table)[0], 1, 60)]
    day = small_day(stage, "quotes", orders=orders, watch=Look(does))
    record = day.run()
    assert record.counts["kills_released"] == 1
    return {name: at / MINUTE_NS for name, at in seen.items()}


def test_a_kill_is_released_once_it_is_old_enough_and_limits_hold():
    """Not before, and not while a limit is beyond its hard level."""
    stage = small_stage(wire=AT_ONCE, release_kills_minutes=5.0, cycle_s=60.0)
    held = _killed(stage, tight=False)
    assert 5.0 <= held["released"] - held["killed"] <= 6.1
    beyond = _killed(stage, tight=True)
    assert beyond["widened"] <= beyond["released"] <= beyond["widened"] + 2.1


@pytest.mark.parametrize(("every", "expected"), [(1, 7), (3, 3)])
def test_cycles_after_moves_refit_and_those_after_fills_reprice(every, expected):
    """Of moves each n-th; a cycle after a fill only prices again."""
    stage = small_stage(wire=AT_ONCE, react_s=1.0, refit_every=every)
    probe = small_day(stage, orders=[])
    row = options_of(probe.table)[0]
    orders = [asks(probe.market, 13.0, row, 1, 60), asks(probe.market, 36.0, row, -1, 60, number=2)]
    look = Look()
    day = small_day(stage, "warehouse", orders=orders, watch=look)
    day.run()
    moves = set(day.market.at_ns.tolist())
    after_moves = [cycle.refit for at_ns, cycle in look.cycles if at_ns in moves]
    assert len(after_moves) == 7
    assert sum(after_moves) == expected
    after_fills = [cycle for at_ns, cycle in look.cycles if at_ns not in moves]
    assert len(after_fills) == 2
    assert not any(cycle.refit for cycle in after_fills)
