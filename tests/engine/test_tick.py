"""Ticks: what they decide is what a reprice of the same instant decides, within stated bounds, and where it would not be they decide nothing.

Bounds, over random moves within the trusted range: theoretical values within a tenth of a tick and quotes within one step of its band, of at most 2 %
of the series; exposures within 1e-3 of the gross of their measure; utilisations within 1e-5; deltas that hedges are decided by within 2e-5
of the band.
"""

import tracemalloc

import numpy as np
import pytest
from benchmarks.tick_worlds import DATA, GOOG_DAY, SPX_DAY, goog_world, made_up_world, spx_world

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.engine.tick import AGE_MAX_NS, prepare_tick, tick
from flatbook.engine.tick_nodes import as_five
from flatbook.engine.ticking import ready, recorded
from flatbook.journal.codec import decode, encode
from flatbook.kernels.spot_proxy import POINTS
from flatbook.model.events import CycleDue, Fill, QuotesSeen, TickDue
from flatbook.model.instruments import Side
from flatbook.model.parameters import Limit, LimitMeasure, QuotingRules, UnderlyingTerms
from flatbook.model.quoting_terms import FastMarketTerms
from flatbook.quoting.ticks import NO_PRICE, step_ticks
from tests.engine.incremental_worlds import World

DAYS = (3, 14, 60)
BOUNDS = {
    "theo_ticks": 0.1,
    "steps": 1.0,
    "quotes_off": 0.02,
    "exposure": 1e-3,
    "utilisation": 1e-5,
    "delta": 2e-5,
}
STICKY = UnderlyingTerms(symbol="IDX", rate=0.02, stickiness=(1.6,), spot_vol_beta=-1.0)


def _ask(world):
    """A tick at the prices told by now: what it decided, or the cycle that it was instead."""
    cycle = world.tell(TickDue, reason="spot")
    return cycle if cycle is not None else world.state.ticking.decided


def _off(decided, cycle, gross):
    """How far a tick is off a cycle of the same instant, by kind."""
    table = cycle.table
    apart = [np.abs(decided.bid - cycle.quotes.bid), np.abs(decided.ask - cycle.quotes.ask)]
    off = (apart[0] > 0) | (apart[1] > 0)
    steps = np.maximum(step_ticks(np.maximum(cycle.quotes.ask, 0), table), 1)
    hedges = {hedge.underlying: hedge for hedge in cycle.hedges}
    delta = [
        abs(decided.delta_usd[u] - hedges[name].delta_before_usd) / hedges[name].band_usd
        for u, name in enumerate(table.underlyings)
        if name in hedges and np.isfinite(decided.band_usd[u])
    ]
    return {
        "theo_ticks": np.nanmax(np.abs(decided.theo - cycle.values.price) * table.ticks_per_unit),
        "quotes_off": off[table.is_option].mean(),
        "steps": max(np.max(one / steps) for one in apart),
        "exposure": np.max(np.abs(decided.exposure - cycle.exposure.by_underlying) / gross),
        "utilisation": np.max(
            np.abs(decided.utilisation - [one.utilisation for one in cycle.standing.limits])
        ),
        "delta": max(delta, default=0.0),
    }


def _gross(cycle):
    held = np.abs(cycle.held.quantity)[:, None] * np.abs(np.nan_to_num(cycle.values.greeks))
    out = np.zeros((len(cycle.table.underlyings), held.shape[1]))
    np.add.at(out, cycle.table.underlying_of, held)
    return np.maximum(out, 1e-9)


def _hold(world, seed, rounds, reach):
    """Random moves: each decided by a tick, then by a reprice of the same prices from the same fit."""
    chance, first = np.random.default_rng(seed), world.cycle.market.spot[0]
    desk, worst = prepare_tick(world.cycle), {}
    for _ in range(rounds):
        world.price(first * (1.0 + reach * desk.reach[0] * chance.uniform(-1.0, 1.0)), seconds=0.2)
        cycle = world.due()
        assert not cycle.refit
        decided = tick(desk, cycle.market.spot, world.now_ns, bid=cycle.market.bid, ask=cycle.market.ask)
        assert np.isfinite(decided.exposure).all(), decided.needs_reprice
        for kind, off in _off(decided, cycle, _gross(cycle)).items():
            worst[kind] = max(worst.get(kind, 0.0), off)
    for kind, most in BOUNDS.items():
        assert worst[kind] <= most, f"seed {seed}: {kind} of {worst}"


@pytest.mark.parametrize(
    ("seed", "more"),
    [
        (1, {}),
        (2, {"terms": STICKY}),
        (3, {"rules": QuotingRules(half_spread_vol_points=0.1, width_max=0.5, inventory_full_contracts=5)}),
        (4, {"aversion": 1e-6, "contracts": 30}),
    ],
    ids=["plain", "vols follow spot", "narrow", "averse"],
)
def test_a_tick_of_an_index_is_a_reprice(seed, more):
    """European options with a skew; moves within all of the trusted range."""
    _hold(made_up_world(days=DAYS, **more), seed, 8, 1.0)


@pytest.mark.market_data
def test_a_tick_of_goog_is_a_reprice():
    """2,192 American options, real quotes."""
    if not (DATA / GOOG_DAY).exists():
        pytest.skip(f"no real market data: {GOOG_DAY} is not in the data folder (set FLATBOOK_DATA)")
    _hold(goog_world(), 5, 3, 1.0)


@pytest.mark.market_data
def test_a_tick_of_spx_is_a_reprice():
    """2,000 series of SPX, real quotes."""
    if not (DATA / SPX_DAY).exists():
        pytest.skip(f"no real market data: {SPX_DAY} is not in the data folder (set FLATBOOK_DATA)")
    _hold(spx_world(), 6, 5, 1.0)


@pytest.mark.parametrize(
    "more",
    [{}, {"aversion": 1e-6, "contracts": 50}, {"rules": QuotingRules(width_max=0.3, size_min=2)}],
    ids=["plain", "leaning", "narrow"],
)
def test_a_tick_at_the_prices_of_the_cycle_changes_nothing(more):
    """To the bit: the middle of the nodes is the cycle."""
    world = made_up_world(days=DAYS, **more)
    cycle, desk = world.cycle, prepare_tick(world.cycle)

    decided = tick(desk, cycle.market.spot, cycle.now_ns)

    assert decided.needs_reprice == ""
    assert decided.changed.size == 0
    for mine, theirs in (
        (decided.bid, cycle.quotes.bid),
        (decided.ask, cycle.quotes.ask),
        (decided.bid_size, cycle.quotes.bid_size),
        (decided.ask_size, cycle.quotes.ask_size),
        (decided.theo, cycle.values.price),
        (decided.step, [int(one.step) for one in cycle.standing.limits]),
    ):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_allclose(decided.exposure, cycle.exposure.by_underlying, rtol=1e-12, atol=1e-6)


def test_three_points_tell_a_parabola():
    """At all five; where an end is not known or infinite, the middle is all that is told."""
    three = np.stack([1.0 - 2.0 * t + 3.0 * t**2 + np.zeros(3) for t in (-1.0, 0.0, 1.0)])
    three[0, 1], three[2, 2] = np.inf, np.nan
    five = as_five(three)

    np.testing.assert_allclose(five[:, 0], 1.0 - 2.0 * POINTS + 3.0 * POINTS**2, rtol=1e-14)
    np.testing.assert_array_equal(five[:, 1:], np.ones((5, 2)))


def test_the_underlying_that_did_not_move_stays():
    """Of three one ticks: the rows of the others are those of the cycle, and all are those of a reprice."""
    world = World(3, days=(14,))
    for name in world.names:
        for at in range(0, 8, 2):
            world.fill(name, at, quantity=3, side=Side.BUY if at % 4 else Side.SELL)
    cycle = world.due(refit=True)
    desk = prepare_tick(cycle)
    world.price("U01", 5003.0)
    again = world.due(seconds=0.1)
    decided = tick(desk, again.market.spot, again.now_ns)
    others = ~world.rows("U01")

    assert decided.changed.size > 0
    assert not others[decided.changed].any()
    np.testing.assert_array_equal(decided.theo[others], cycle.values.price[others])
    worst = _off(decided, again, _gross(again))
    assert all(worst[kind] <= most for kind, most in BOUNDS.items()), worst


def test_a_replay_of_ticks_is_what_was_live():
    """Facts to bytes and back; live made columns ready before each tick, the replay when a tick asks: the same bytes, cycles between them."""
    world, live = made_up_world(days=DAYS), []
    chance = np.random.default_rng(7)
    price, kinds = world.cycle.market.spot[0], set()
    for number in range(60):
        price *= 1.0 + 2e-4 * chance.standard_normal()
        world.price(price)
        ready(world.state)
        if number % 17 == 16:
            world.tell(
                Fill, fill_id=f"late{number}", instrument=world.quoted[5], side=Side.BUY, quantity=1, price_ticks=100,
                traded_ns=world.now_ns,
            )  # fmt: skip
        kind = CycleDue if number % 11 == 10 else TickDue
        cycle = world.tell(kind, reason="due", **({"refit": False} if kind is CycleDue else {}))
        live.append(recorded(world.state, cycle))
        kinds.add((kind.__name__, cycle is not None))

    again, state = [], State()
    for raw in [encode(fact) for fact in world.facts]:
        fact = decode(raw)
        cycle = step(state, fact)
        if isinstance(fact, CycleDue | TickDue):
            again.append(recorded(state, cycle))

    assert kinds == {("TickDue", False), ("TickDue", True), ("CycleDue", True)}
    assert None not in live
    assert again[-len(live) :] == live


def test_only_what_changed_is_told():
    """Two ticks at one price: the second changes nothing; `changed` is against the decision before."""
    world = made_up_world(days=DAYS)
    desk, spot = prepare_tick(world.cycle), world.cycle.market.spot
    first = tick(desk, spot * 1.0005, world.now_ns)
    second = tick(desk, spot * 1.0005, world.now_ns)
    third = tick(desk, spot, world.now_ns)
    quotes = world.cycle.quotes

    assert set(first.changed.tolist()) == set(
        np.flatnonzero((first.bid != quotes.bid) | (first.ask != quotes.ask)).tolist()
    )
    assert second.changed.size == 0
    np.testing.assert_array_equal(third.changed, first.changed)
    np.testing.assert_array_equal(third.bid, quotes.bid)


def test_quotes_do_not_cross_the_market_of_the_moment():
    """An option's market moved since the cycle: a tick's bid stays below its offer, its offer above its bid."""
    world = made_up_world(days=DAYS)
    table, row = world.state.table, int(np.flatnonzero(world.cycle.quotes.bid > 500)[3])
    symbol, bid = table.instruments[row].symbol, int(world.cycle.quotes.bid[row])
    world.tell(QuotesSeen, symbols=(symbol,), bid_ticks=(bid - 400,), ask_ticks=(bid - 300,))

    decided = _ask(world)

    assert decided is world.state.ticking.decided
    assert row in decided.changed
    assert decided.bid[row] < bid - 300
    assert decided.bid[row] == _bid_of_a_reprice(world, row)


def _bid_of_a_reprice(world, row):
    return world.due().quotes.bid[row]


def test_a_future_that_is_quoted_is_held_at_its_quote():
    """Exposure of what is linear is at its own market, not at a ratio of the underlying's price."""
    world = made_up_world(days=DAYS)
    world.tell(
        Fill,
        fill_id="f",
        instrument="IDXF",
        side=Side.BUY,
        quantity=7,
        price_ticks=500_000,
        traded_ns=world.now_ns,
    )
    world.tell(QuotesSeen, symbols=("IDXF",), bid_ticks=(500_000,), ask_ticks=(500_050,))
    desk = prepare_tick(world.due(refit=True))
    world.tell(QuotesSeen, symbols=("IDXF",), bid_ticks=(501_000,), ask_ticks=(501_025,))
    world.price(5008.0)
    cycle = world.due()
    decided = tick(desk, cycle.market.spot, world.now_ns, bid=cycle.market.bid, ask=cycle.market.ask)
    worst = _off(decided, cycle, _gross(cycle))

    assert decided.theo[world.state.table.row_of("IDXF")] == 5010.125
    assert all(worst[kind] <= most for kind, most in BOUNDS.items()), worst


def _refused(world):
    """Why a tick asked for a reprice, which is what it was then."""
    cycle = _ask(world)
    assert cycle is not None
    assert cycle is world.state.kept.last
    assert world.state.ticking.decided is None
    assert not cycle.refit
    assert cycle.sequence == world.facts[-1].sequence
    return world.state.ticking.why_not


def test_beyond_the_range_a_tick_is_a_reprice():
    """A move further than the nodes."""
    world = made_up_world(days=DAYS)
    world.price(5000.0 * 1.01)

    assert _refused(world) == "spot has left the range in which values are known: IDX"


def test_after_a_fill_a_tick_is_a_reprice():
    """Whatever is told beside prices, the next tick is a cycle; the one after it is a tick again."""
    world = made_up_world(days=DAYS)
    world.price(5000.5)
    assert _ask(world) is world.state.ticking.decided
    world.tell(
        Fill, fill_id="late", instrument=world.quoted[5], side=Side.BUY, quantity=1, price_ticks=100,
        traded_ns=world.now_ns,
    )  # fmt: skip

    assert _refused(world) == "no cycle has been decided since more than prices was told"
    assert _ask(world) is world.state.ticking.decided


def test_an_old_cycle_is_not_ticked_on():
    """Time passes for more than prices."""
    world = made_up_world(days=DAYS)
    world.price(5000.5, seconds=AGE_MAX_NS / 1e9)
    assert _ask(world) is world.state.ticking.decided
    world.price(5000.5, seconds=0.001)

    assert "more than 10 s ago" in _refused(world)


def test_a_limit_that_is_crossed_is_for_a_reprice():
    """Gamma brings a delta to the next step of its ladder: the cycle answers."""
    world = made_up_world(days=DAYS, limits=())
    delta = abs(world.cycle.exposure.desk[2])
    gamma = abs(world.cycle.exposure.desk[3])
    world = made_up_world(
        days=DAYS, limits=(Limit(measure=LimitMeasure.DELTA_USD, limit_hard=2.0 * (delta + 0.1 * gamma)),)
    )
    sign = np.sign(world.cycle.exposure.desk[2] * world.cycle.exposure.desk[3])
    world.price(5000.0 * (1.0 + 0.0005 * sign))
    assert _ask(world) is world.state.ticking.decided
    world.price(5000.0 * (1.0 + 0.002 * sign))

    assert _refused(world) == "desk/delta_usd went from NORMAL to NOTIFY"
    assert world.state.kept.last.standing.limits[0].step == 1


def test_a_delta_that_leaves_its_band_is_for_a_reprice():
    """Inside, nothing is hedged; a tick that finds it outside lets the cycle choose the hedge."""
    (outside,) = made_up_world(days=(14, 60), aversion=2.5e-7).cycle.hedges
    just_less = 0.998 * 2.5e-7 * outside.band_usd / abs(outside.delta_before_usd)
    world = made_up_world(days=(14, 60), aversion=just_less)
    (hedge,) = world.cycle.hedges
    assert not hedge.legs, hedge
    short = (hedge.band_usd - abs(hedge.delta_before_usd)) / abs(world.cycle.exposure.desk[3]) / 100.0
    sign = np.sign(hedge.delta_before_usd * world.cycle.exposure.desk[3])
    assert short < 0.0015, "the band is too wide for the range"
    world.price(5000.0 * (1.0 + 0.1 * short * sign))
    assert _ask(world) is world.state.ticking.decided
    world.price(5000.0 * (1.0 + 3.0 * short * sign))

    assert _refused(world) == "the hedge is to be decided anew: IDX"
    assert abs(world.state.kept.last.hedges[0].delta_before_usd) > world.state.kept.last.hedges[0].band_usd
    assert _ask(world) is world.state.ticking.decided, "what the cycle has seen and left alone is no news"


def test_a_market_that_may_be_fast_is_for_a_cycle():
    """A move of many deviations within the window."""
    world = made_up_world(days=DAYS)
    watched = world.state.desk.__class__(
        **{name: getattr(world.state.told_desk, name) for name in world.state.told_desk.__struct_fields__}
        | {"fast_market": FastMarketTerms(watch=True)}
    )
    world.tell(type(world.facts[1]), desk=watched, by="test")
    world.due(refit=True)
    world.price(5000.5)
    world.due()
    world.price(5001.0)
    assert _ask(world) is world.state.ticking.decided
    world.price(5001.0 * 1.003)
    cycle = _ask(world)

    assert world.state.ticking.why_not == "the market may be fast: IDX"
    assert cycle.conditions.fast.level[0] > 0


def test_a_price_that_went_is_for_a_reprice():
    """NaN is no price."""
    world = made_up_world(days=DAYS)
    decided = tick(prepare_tick(world.cycle), np.array([np.nan]), world.now_ns)

    assert decided.needs_reprice == "a price came where there was none, or went: IDX"
    assert (decided.bid == NO_PRICE).all()
    assert (decided.ask == NO_PRICE).all()
    assert np.isinf(decided.utilisation).all()


def test_ticks_leave_nothing_behind():
    """As much memory is in use after two hundred more of them."""
    world = made_up_world(days=DAYS)
    desk, spot = prepare_tick(world.cycle), world.cycle.market.spot
    moves = 1.0 + 1e-3 * np.sin(np.arange(200.0))

    def in_use():
        for move in moves.tolist():
            tick(desk, spot * move, world.now_ns)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before, after = in_use(), in_use()
    finally:
        tracemalloc.stop()
    assert after - before < 10_000


def test_decisions_are_not_overwritten_by_later_ticks():
    """Somebody may keep one."""
    world = made_up_world(days=DAYS)
    desk, spot = prepare_tick(world.cycle), world.cycle.market.spot
    first = tick(desk, spot * 1.001, world.now_ns)
    before = [getattr(first, name).copy() for name in ("bid", "theo", "changed", "exposure", "utilisation")]
    tick(desk, spot * 0.999, world.now_ns)

    for name, kept in zip(("bid", "theo", "changed", "exposure", "utilisation"), before, strict=True):
        np.testing.assert_array_equal(getattr(first, name), kept)
