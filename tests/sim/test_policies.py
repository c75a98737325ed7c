"""A lever that a policy does not have is off: in the desk's words, and in what it then decides."""

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.model.flow_terms import FlowTerms
from flatbook.model.parameters import Desk, Limit, LimitMeasure
from flatbook.sim.experiments.record import TradeKind
from flatbook.sim.policies import POLICIES, SINGLE_LEVERS, UNBOUND, desk_under, limits_under
from tests.sim.small_days import busy, index_prices, small_day, small_stage
from tests.worlds import fill, index_desk, index_facts

_LIMITS = (Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, limit_hard=1e5, stale_after_s=3_600.0),)
_NO_LEAN = {"warehouse", "delta", "delta_options", "related"}
_UNBOUND = _NO_LEAN
_NO_OFFSETS = {"warehouse", "delta", "quotes", "related"}
_HEDGES = {"warehouse": (), "quotes": (), "delta": ("own",), "delta_options": ("own",), "related": ("near",)}


def _full_desk():
    """With every lever, a hedge in the underlying itself and one in something related."""
    desk = index_desk(aversion=1e-5, correlation=1.0)
    (own,) = desk.hedges
    own = replace(own, instrument=replace(own.instrument, symbol="own"))
    near = replace(own, instrument=replace(own.instrument, symbol="near"), correlation=0.95)
    flow = (FlowTerms(underlying="IDX", tier="all", requests_per_day=100.0, decay_per_point=4.0),)
    quoting = replace(desk.quoting, inventory_full_contracts=60, lean_max_half_spreads=3.0)
    offsets = replace(desk.offsets, send=True)
    return replace(desk, hedges=(own, near), flow=flow, quoting=quoting, offsets=offsets)


def _cycle(desk, sold):
    """A decision about a book that is short of two series, or of nothing."""
    series = ("IDXW030C5000", "IDXW030P4900") if sold else ()
    fills = [fill(number, symbol, "sell", sold, 80.0) for number, symbol in enumerate(series)]
    facts = index_facts(
        fills=fills, the_desk=desk, limits=limits_under(POLICIES["delta"], _LIMITS), days=(30,),
        width=0.03,
    )  # fmt: skip
    state, cycle = State(), None
    for fact in facts:
        cycle = step(state, fact) or cycle
    return cycle


def _same(one, other, names):
    return all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in names)


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_quotes_know_the_book_only_where_the_policy_leans(name):
    """Flat, and with 50 contracts of two series sold; a desk that hedges charges for it, which knows the delta that is there."""
    desk = desk_under(POLICIES[name], _full_desk())
    flat, short = (_cycle(desk, sold).quotes for sold in (0, 50))
    knows_nothing = name in _NO_LEAN
    assert (flat.ask_size > 0).sum() > 10
    assert _same(flat, short, ("bid_size", "ask_size")) == knows_nothing
    leans = ("inventory", "flow", "barrier", "capital", "own", "limits")
    assert _same(flat.parts, short.parts, leans) == knows_nothing
    if not desk.hedges:
        assert _same(flat, short, ("bid", "ask", "lean")) == knows_nothing
    if knows_nothing:
        assert not np.nan_to_num(short.lean).any()
        for part in ("inventory", "flow", "barrier", "capital", "limits"):
            assert not np.nan_to_num(getattr(short.parts, part)).any(), part


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_hedges_are_those_of_the_policy(name):
    """None, the underlying alone, what is related alone, or both; and those that are there are used."""
    desk = desk_under(POLICIES[name], _full_desk())
    expected = _HEDGES.get(name, ("own", "near"))
    assert tuple(each.instrument.symbol for each in desk.hedges) == expected
    cycle = _cycle(desk, 50)
    used = {leg.symbol for hedge in cycle.hedges for leg in hedge.legs}
    assert used <= set(expected)
    assert bool(used) == bool(expected)


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_offsets_leave_only_where_the_policy_sends_them(name):
    assert desk_under(POLICIES[name], _full_desk()).offsets.send == (name not in _NO_OFFSETS)


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_limits_are_obeyed_or_measured_a_thousand_times_as_wide(name):
    """Nothing else of a limit changes."""
    limits = (*_LIMITS, Limit(measure=LimitMeasure.DELTA_USD, underlying="IDX", limit_hard=2e6))
    told = limits_under(POLICIES[name], limits)
    scale = UNBOUND if name in _UNBOUND else 1.0
    assert told == tuple(replace(each, limit_hard=scale * each.limit_hard) for each in limits)
    assert POLICIES[name].obeys_limits == (name not in _UNBOUND)


def _changed(one, other, path=""):
    """Names of the fields in which two parameters differ."""
    out = set()
    for name in one.__struct_fields__:
        left, right = getattr(one, name), getattr(other, name)
        if left == right:
            continue
        out |= (
            _changed(left, right, f"{path}{name}.")
            if hasattr(left, "__struct_fields__")
            else {f"{path}{name}"}
        )
    return out


def test_a_policy_changes_nothing_but_its_levers():
    """By the names of what differs from the desk with all of them."""
    full: Desk = _full_desk()
    lean = {
        "quoting.lean_max_half_spreads", "quoting.inventory_full_contracts", "appetite.barrier_halfway_usd",
        "appetite.hurdle_per_year",
    }  # fmt: skip
    expected = {
        "warehouse": lean | {"hedges", "offsets.send"},
        "delta": lean | {"hedges", "offsets.send"},
        "delta_options": lean | {"hedges"},
        "quotes": {"hedges", "offsets.send"},
        "related": lean | {"hedges", "offsets.send"},
        "joint": set(),
        "joint_slow": set(),
        "joint_wrong": {"flow", "appetite.vol_of_vol", "hedges"},
    }
    assert {name: _changed(full, desk_under(policy, full)) for name, policy in POLICIES.items()} == expected


def test_the_wrong_desk_is_wrong_by_two_and_only_where_it_says():
    """Correlations, betas and fees are right."""
    full = _full_desk()
    wrong = desk_under(POLICIES["joint_wrong"], full)
    assert wrong.appetite.vol_of_vol == 0.5 * full.appetite.vol_of_vol
    for told, true in zip(wrong.hedges, full.hedges, strict=True):
        assert _changed(true, told) == {"spread"}
        assert told.spread == 2.0 * true.spread
    for told, true in zip(wrong.flow, full.flow, strict=True):
        assert _changed(true, told) == {"requests_per_day", "decay_per_point"}
        assert told.requests_per_day == 2.0 * true.requests_per_day
        assert told.decay_per_point == 0.5 * true.decay_per_point


def test_only_the_slow_policy_is_slow_and_single_levers_are_policies():
    assert {name: policy.slow_s for name, policy in POLICIES.items() if policy.slow_s} == {"joint_slow": 0.04}
    assert set(SINGLE_LEVERS) <= set(POLICIES)
    assert all(name == policy.name for name, policy in POLICIES.items())


@pytest.mark.parametrize("name", ["delta", "joint", "quotes", "related", "warehouse"])
def test_a_day_trades_with_the_levers_of_its_policy_alone(name):
    """By the exchange's account; `related` finds no related product here."""
    stage = small_stage(index_prices())
    probe = small_day(stage, orders=[])
    record = small_day(stage, name, orders=busy(probe.market)).run()
    kinds = set(record.trades.kind.tolist())
    assert TradeKind.QUOTE in kinds
    assert (TradeKind.HEDGE in kinds) == (
        name in {"delta", "delta_options", "joint", "joint_slow", "joint_wrong"}
    )
    assert TradeKind.OFFSET not in kinds or name not in _NO_OFFSETS
    assert (record.utilisation[:, 0] <= 1.0).all() or not POLICIES[name].obeys_limits
