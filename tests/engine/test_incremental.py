"""Two speeds: what a cycle that reprices keeps, what it finds anew, and when it fits all the same."""

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.engine.decision import decision_of, encode_decision
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.kernels.black import price_european
from flatbook.limits.check import Standing
from flatbook.market.clock import NS_PER_DAY, NS_PER_YEAR
from flatbook.market.quotes import QuoteStatus
from flatbook.model.events import (
    CycleDue,
    DeskSet,
    DividendsSeen,
    FastMarketSet,
    HistorySeen,
    InstrumentsListed,
    LimitOverridden,
    LimitsSet,
    OrdersWorking,
    RatesSeen,
    SessionsSeen,
)
from flatbook.model.instruments import Kind, Right, Side
from flatbook.model.measures import Measure
from flatbook.model.order_events import KillScope, KillSet
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.quoting.ticks import NO_PRICE
from tests.engine.incremental_worlds import SECOND, World
from tests.worlds import NOW_NS, option


def of_values(cycle, rows):
    """Everything that valuation says of some rows."""
    return np.column_stack(
        (cycle.values.price, cycle.values.greeks, cycle.market.forward, cycle.market.vol, cycle.market.years)
    )[rows]


def same_bits(a, b):
    """Whether two arrays are the same to the bit."""
    return a.tobytes() == b.tobytes()


def test_a_journal_that_says_nothing_of_speed_refits_and_has_the_bytes_it_had():
    due = CycleDue(received_ns=1, reason="timer")
    assert due.refit
    assert msgspec.json.decode(msgspec.json.encode(due)) == {
        "type": "CycleDue",
        "received_ns": 1,
        "reason": "timer",
    }
    assert msgspec.json.decode(b'{"type":"CycleDue","received_ns":1,"reason":"t"}', type=CycleDue).refit


def test_at_the_instant_of_the_fit_a_reprice_has_its_values_to_the_bit():
    world = World(3)
    world.fill("U01")
    fitted = world.due(refit=True)
    for name in world.names:
        world.quote(name)
    again = world.due(seconds=0.0)
    assert fitted.refit
    assert not again.refit
    rows = np.flatnonzero(world.state.table.is_option)
    assert (again.market.valued_ns == world.now_ns).all()
    assert same_bits(of_values(fitted, rows), of_values(again, rows))
    assert same_bits(fitted.basis.cells.pnl, again.basis.cells.pnl)
    assert np.allclose(fitted.basis.factors.e, again.basis.factors.e, rtol=0.0, atol=0.0, equal_nan=True)
    assert same_bits(fitted.exposure.by_underlying, again.exposure.by_underlying)
    assert same_bits(fitted.price.price, again.price.price)
    assert same_bits(fitted.quotes.bid, again.quotes.bid)


def test_of_one_that_moved_the_rows_are_as_if_all_had():
    one, every = World(6), World(6)
    for world, moved in ((one, ("U02",)), (every, every.names)):
        for name in world.names:
            world.fill(name)
        world.due(refit=True)
        world.now_ns += 60 * SECOND
        for name in moved:
            world.price(name, 5012.5)
            world.quote(name, 1.0)
        world.due()
    few, all_of_them = one.cycles[-1], every.cycles[-1]
    mine = one.rows("U02")
    assert same_bits(of_values(few, mine), of_values(all_of_them, mine))
    cells = np.isin(few.basis.cells.rows, np.flatnonzero(mine))
    assert same_bits(few.basis.cells.pnl[cells], all_of_them.basis.cells.pnl[cells])
    assert not same_bits(of_values(few, ~mine), of_values(all_of_them, ~mine))


def test_one_that_nothing_was_seen_of_keeps_its_values_and_says_since_when():
    world = World(3)
    fitted = world.due(refit=True)
    world.price("U01", 4990.0)
    first = world.due(seconds=30.0)
    world.price("U02", 4990.0)
    second = world.due(seconds=30.0)
    for name, at, since in (("U00", fitted, fitted), ("U01", first, first), ("U02", second, second)):
        u = second.table.underlyings.index(name)
        assert same_bits(of_values(second, world.rows(name)), of_values(at, world.rows(name)))
        assert second.market.valued_ns[u] == since.now_ns
    assert (world.due(refit=True).market.valued_ns == world.now_ns).all()


def test_values_follow_the_price_at_the_volatility_of_the_fit():
    """Against Black's formula at the forward that the spot moved, at each strike's volatility as it was: sticky strikes."""
    world = World(1, days=(7, 60))
    fitted = world.due(refit=True)
    world.price("U00", 5040.0)
    moved = world.due(seconds=120.0)
    table, options = moved.table, np.flatnonzero(moved.table.is_option)
    years = (table.expiry_ns[options] - moved.now_ns) / NS_PER_YEAR
    of = table.slice_of[options]
    forward = fitted.market.slice_forward[of] * 5040.0 / 5000.0
    discount = np.exp(-fitted.market.slice_rate[of] * years)
    expected = price_european(
        forward, table.strike[options], years, fitted.market.vol[options], discount, table.sign[options]
    )
    assert np.allclose(moved.values.price[options], expected, rtol=1e-10, atol=1e-10)


def test_volatilities_follow_the_surface_where_its_dynamics_do():
    """With stickiness R the volatility of a strike is the smile's at ln(K/F) + (R - 1) ln(S'/S); here R = 2."""
    world = World(1, days=(30,))
    told = world.state.told_desk
    (of,) = told.underlyings
    of = replace(of, stickiness=tuple(2.0 for _ in of.stickiness))
    world.tell(DeskSet, desk=replace(told, underlyings=(of,)), by="test")
    fitted = world.due(refit=True)
    world.price("U00", 4900.0)
    moved = world.due(seconds=1.0)
    assert not moved.refit
    rows = np.flatnonzero(moved.table.is_option)
    at = np.log(moved.table.strike[rows] / fitted.market.forward[rows]) + np.log(4900.0 / 5000.0)
    expected = fitted.market.surface_vol(rows, at)
    assert np.allclose(moved.market.vol[rows], expected, rtol=0.0, atol=1e-12)
    assert (moved.market.vol[rows] > fitted.market.vol[rows]).mean() > 0.9  # spot down, volatility up


def test_exposures_limits_and_capital_are_of_the_book_of_the_moment():
    world = World(2)
    world.due(refit=True)
    world.fill("U00", quantity=40)
    repriced = world.due(seconds=0.0)
    fitted = world.due(refit=True, seconds=0.0)
    assert not repriced.refit
    assert same_bits(repriced.exposure.by_underlying, fitted.exposure.by_underlying)
    assert repriced.capital.desk == fitted.capital.desk > 0.0
    assert repriced.standing.limits[0].value == fitted.standing.limits[0].value != 0.0
    assert same_bits(repriced.marginal.bought, fitted.marginal.bought)
    assert same_bits(repriced.slides.desk, fitted.slides.desk)


def test_old_quotes_and_prices_are_old_in_a_reprice_too():
    price_old = Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, limit_hard=1e6)
    fast, slow = World(2, limits=(price_old,)), World(2, limits=(price_old,))
    for world in (fast, slow):
        world.fill("U01")
        world.due(refit=True)
        world.now_ns += 1000 * SECOND
        world.quote("U00")
    repriced, fitted = fast.due(), slow.due(refit=True)
    assert not repriced.refit
    old = fast.rows("U01") & repriced.table.is_option
    assert (repriced.market.status[old] == QuoteStatus.STALE).all()
    assert np.array_equal(repriced.market.status, fitted.market.status)
    assert np.array_equal(repriced.market.age_s, fitted.market.age_s, equal_nan=True)
    assert np.array_equal(repriced.market.spot_age_s, fitted.market.spot_age_s)
    assert np.array_equal(repriced.market.health.oldest_s, fitted.market.health.oldest_s, equal_nan=True)
    assert np.array_equal(repriced.market.health.by_fault, fitted.market.health.by_fault)


def test_a_crossed_quote_is_seen_at_once():
    world = World(2)
    world.due(refit=True)
    world.bids, world.asks = world.asks, world.bids
    world.quote("U01")
    repriced = world.due()
    crossed = world.rows("U01") & repriced.table.is_option
    assert not repriced.refit
    assert (repriced.market.status[crossed] == QuoteStatus.CROSSED).mean() > 0.9


def test_a_kill_takes_all_quotes_away_in_a_reprice():
    world = World(2)
    before = world.due(refit=True)
    world.tell(KillSet, scope=KillScope.UNDERLYING, name="U01", on=True, owner="somebody", reason="test")
    after = world.due()
    assert not after.refit
    assert (before.quotes.bid[world.rows("U01")] != NO_PRICE).any()
    assert (after.quotes.bid[world.rows("U01")] == NO_PRICE).all()
    assert (after.quotes.bid[world.rows("U00")] != NO_PRICE).any()


_OTHER = option("U00NEW", 5000.0, 90, Right.CALL, underlying="U00", option_class="U00")


def _news(world):
    at = world.now_ns
    told = world.state.told_desk
    (limit,) = world.state.limits.limits
    day_ns = (at // NS_PER_DAY - 3) * NS_PER_DAY
    return {
        "desk": (DeskSet, {"desk": replace(told, quoting=replace(told.quoting, size=7)), "by": "x"}),
        "limits": (LimitsSet, {"limits": (replace(limit, limit_hard=9e4),), "by": "x"}),
        "override": (
            LimitOverridden,
            {"limit": limit.name, "limit_hard": 9e4, "owner": "x", "reason": "y", "until_ns": at + SECOND * 3600},
        ),
        "listing": (InstrumentsListed, {"instruments": (_OTHER,)}),
        "fast": (FastMarketSet, {"underlying": "U00", "on": True, "reason": "x"}),
        "rates": (RatesSeen, {"currency": "USD", "maturity_ns": (at + NS_PER_DAY,), "rate": (0.03,)}),
        "dividends": (DividendsSeen, {"underlying": "U00", "ex_ns": (at + NS_PER_DAY,), "amount": (1.0,)}),
        "history": (
            HistorySeen,
            {"underlying": "U00", "day_ns": (day_ns, day_ns + NS_PER_DAY), "close": (5000.0, 5010.0)},
        ),
        "sessions": (
            SessionsSeen,
            {
                "calendar": "X", "underlyings": ("U00",), "open_ns": (at - SECOND, at + NS_PER_DAY),
                "close_ns": (at + 100 * SECOND, at + NS_PER_DAY + 100 * SECOND),
            },
        ),
    }  # fmt: skip


@pytest.mark.parametrize(
    "what", ["desk", "limits", "override", "listing", "fast", "rates", "dividends", "history", "sessions"]
)
def test_news_of_the_world_is_fitted_whatever_was_asked(what):
    world = World(2)
    assert world.due().refit  # nothing is kept yet
    assert not world.due().refit
    kind, fields = _news(world)[what]
    world.tell(kind, **fields)
    assert world.due().refit
    assert not world.due().refit


def test_an_expiry_that_passes_is_fitted_and_a_session_that_closes():
    world = World(1, days=(1, 30))
    world.due(refit=True)
    assert not world.due(seconds=86_000.0).refit
    assert world.due(seconds=1000.0).refit
    kind, fields = _news(world)["sessions"]
    world.tell(kind, **fields)
    world.due(refit=True, seconds=1.0)
    assert not world.due(seconds=50.0).refit
    assert world.due(seconds=60.0).refit


def test_time_that_ran_back_and_a_first_price_are_fitted():
    world = World(2)
    world.due(refit=True)
    assert world.due(seconds=-1.0).refit
    late = World(2)
    del late.state.market.spot["U01"]
    late.due(refit=True)
    assert not late.due().refit
    late.price("U01", 5000.0)
    assert late.due().refit


def test_replay_of_mixed_speeds_is_the_same_to_the_byte():
    seed = 20260
    chance = np.random.default_rng(seed)
    world = World(4, send=True, days=(7, 30))
    for _ in range(25):
        for name in chance.choice(world.names, size=chance.integers(0, 3), replace=False).tolist():
            world.price(name, 5000.0 + float(chance.integers(-80, 80)) / 4.0)
            if chance.random() < 0.6:
                world.quote(name, float(chance.integers(-20, 20)) / 20.0)
            if chance.random() < 0.5:
                world.fill(name, int(chance.integers(0, 10)), quantity=int(chance.integers(1, 6)))
        world.due(refit=bool(chance.random() < 0.35), seconds=float(chance.integers(1, 40)))
    state, again = State(), []
    for fact in world.facts:
        cycle = step(state, fact)
        if cycle is not None:
            again.append(cycle)
    speeds = [cycle.refit for cycle in world.cycles]
    assert 2 < sum(speeds) < 20, f"seed {seed}"
    assert [cycle.refit for cycle in again] == speeds, f"seed {seed}"
    for one, other in zip(world.cycles, again, strict=True):
        assert encode_decision(decision_of(one)) == encode_decision(decision_of(other)), f"seed {seed}"


def test_what_only_readers_look_at_is_the_same_whenever_they_look():
    """One reader looks at once, another after limits, orders and the book have changed."""

    def world_of(look):
        world = World(2)
        world.fill("U00", quantity=30)
        world.tell(
            OrdersWorking, symbols=(world.chains["U01"][3].symbol,), sides=(Side.SELL,), quantities=(9,), price_ticks=(100,)
        )  # fmt: skip
        cycle = world.due(refit=True)
        if look:
            _looked(cycle)
        tight = Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, limit_hard=10.0)
        world.tell(LimitsSet, limits=(tight,), by="x")
        world.tell(OrdersWorking, symbols=(), sides=(), quantities=(), price_ticks=())
        world.fill("U01", quantity=90)
        world.due(refit=True)
        return cycle

    assert _looked(world_of(True)) == _looked(world_of(False))
    cycle = world_of(False)
    assert cycle.residual is cycle.residual


def _looked(cycle):
    """Bytes of all that is found late."""
    working: Standing = cycle.working.standing
    return [
        *(one.by_underlying.tobytes() for one in cycle.ladders),
        cycle.capital_ahead.required.tobytes(),
        cycle.residual.exposure.by_underlying.tobytes(),
        cycle.residual.slides.desk.tobytes(),
        cycle.working.after.exposure.by_underlying.tobytes(),
        *((one.limit.name, one.value, one.utilisation, int(one.step)) for one in working.limits),
        repr(cycle.sheets),
    ]


def test_linear_instruments_follow_their_underlying():
    world = World(2)
    world.due(refit=True)
    world.price("U00", 5100.0)
    cycle = world.due()
    (row,) = [
        n
        for n, one in enumerate(cycle.table.instruments)
        if one.kind is Kind.SHARE and one.underlying == "U00"
    ]
    assert cycle.values.price[row] == 5100.0
    assert cycle.values.greeks[row, Measure.DELTA_USD] == 5100.0 * 50.0
    assert NOW_NS < cycle.now_ns


def test_a_quote_of_the_same_instant_one_at_the_same_price_and_a_fill_are_news():
    world = World(3)
    world.due(refit=True, seconds=0.0)
    world.quote("U00", 0.5)  # in the nanosecond of the one before, and of the cycle
    assert _anew(world, world.due(seconds=0.001)) == {"U00"}
    world.quote("U01")  # as it stood
    assert _anew(world, world.due(seconds=0.001)) == {"U01"}
    world.fill("U02")
    assert _anew(world, world.due(seconds=0.001)) == {"U02"}
    assert _anew(world, world.due(seconds=0.001)) == set()


def _anew(world, cycle):
    """Underlyings valued in this cycle."""
    return {
        name
        for name, at in zip(cycle.table.underlyings, cycle.market.valued_ns, strict=True)
        if at == cycle.now_ns
    }


def test_a_cycle_keeps_the_limits_that_it_read():
    world = World(1)
    world.fill("U00", quantity=30)
    world.due(refit=True)
    memory, limits = dict(world.state.limits.memory), world.state.limits.limits
    assert memory
    cycle = world.due(refit=True)
    world.tell(LimitsSet, limits=(), by="x")
    world.due()
    assert cycle.limits.memory == memory
    assert cycle.limits.limits == limits
