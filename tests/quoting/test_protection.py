"""Market-maker protections: the venues' published behaviour, an independent machine, and laws of any protection.

Published: the sources named in the packaged files of `adapters/venue_rules`.
"""

from copy import deepcopy
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from flatbook.adapters.venue_rules.read import Venue, read_venue_rules
from flatbook.kernels import protection_windows as pw
from flatbook.model.errors import InvalidValueError
from flatbook.model.protection_terms import (
    TALLIES,
    Netting,
    ProtectionRule,
    Tally,
    Threshold,
    WindowKind,
)
from flatbook.quoting.protection import (
    FILLS_REMEMBERED,
    FillColumns,
    Scope,
    amounts,
    count_fills,
    freeze,
    frozen,
    new_protection,
    reset,
    shadow_rule,
    used,
)
from tests.naive.protection import Naive

_MS = 1_000_000
_S = 1000 * _MS
DERIBIT = read_venue_rules(Venue.DERIBIT).protections["index"]
CME = read_venue_rules(Venue.CME).protections["group"]
MIAX = read_venue_rules(Venue.MIAX)
BYBIT = read_venue_rules(Venue.BYBIT).protections["base_coin"]


def _one(rule, **limits):
    """`rule` with these limits alone."""
    known = {one.tally: one for one in rule.thresholds}
    kept = tuple(
        replace(known.get(Tally(name), Threshold(tally=Tally(name), limit=1.0)), limit=limit)
        for name, limit in limits.items()
    )
    return new_protection([Scope(name="one", rule=replace(rule, thresholds=kept))])


def _fill(protection, time_ns, contracts, scopes=(0,), **per_contract):
    return count_fills(
        protection,
        FillColumns(
            time_ns=np.array([time_ns]),
            scopes=np.array([scopes]),
            quantity=np.array([contracts]),
            amount=amounts(**({"quantity": 1.0} | per_contract)),
        ),
    )


def _at(protection, tally, now_ns):
    """What a tally stands at, in its unit."""
    limit = next(one.limit for one in protection.scopes[0].rule.thresholds if one.tally is tally)
    return used(protection, now_ns)[0, TALLIES.index(tally)] * limit


def test_deribits_interval_begins_with_a_trade_and_does_not_slide():
    """0.1, 4.8 and 0.5 BTC at 0, 2.9 and 3.1 s, limit 5.0 in 3 s; a window that slides holds 5.3 of them."""
    rows = [(0, 1), (2900 * _MS, 48), (3100 * _MS, 5)]
    fixed = _one(DERIBIT, quantity=5.0)
    assert [_fill(fixed, t, q, quantity=0.1) for t, q in rows] == [(), (), ()]
    assert _at(fixed, Tally.QUANTITY, 3100 * _MS) == pytest.approx(0.5)

    sliding = _one(replace(DERIBIT, window=WindowKind.SLIDING), quantity=5.0)
    trips = [trip for t, q in rows for trip in _fill(sliding, t, q, quantity=0.1)]
    assert [(trip.time_ns, trip.at) for trip in trips] == [(3100 * _MS, 5.3)]


def test_deribits_quantity_is_gross():
    protection = _one(DERIBIT, quantity=15.0)
    assert _fill(protection, 0, 10) == ()
    (trip,) = _fill(protection, _S, -10)
    assert (trip.tally, trip.at, trip.limit, trip.until_ns) == (Tally.QUANTITY, 20.0, 15.0, 31 * _S)


def test_deribits_delta_is_net():
    netted = _one(DERIBIT, delta=10.0)
    assert [_fill(netted, 0, q, delta=1.0) for q in (8, -5, 6)] == [(), (), ()]
    assert _at(netted, Tally.DELTA, 0) == pytest.approx(9.0)
    added = _one(DERIBIT, delta=10.0)
    assert _fill(added, 0, 8, delta=1.0) == ()
    assert _fill(added, 0, 3, delta=1.0)[0].at == 11.0


def test_a_bought_put_and_a_sold_call_add_up_in_delta():
    protection = _one(DERIBIT, delta=10.0)
    assert _fill(protection, 0, 10, delta=-0.6) == ()
    assert _fill(protection, 0, -10, delta=0.4)[0].at == 10.0


def test_without_a_frozen_time_only_a_reset_arms_again_and_keeps_the_rule():
    protection = _one(replace(DERIBIT, frozen_ms=0), quantity=5.0)
    (trip,) = _fill(protection, 0, 5)
    assert trip.until_ns is None
    assert frozen(protection, 10**6 * _S).tolist() == [True]
    assert reset(protection, 0, 10**6 * _S)
    assert frozen(protection, 10**6 * _S).tolist() == [False]
    assert used(protection, 10**6 * _S).max() == 0.0
    assert _fill(protection, 10**6 * _S, 4) == ()
    assert len(_fill(protection, 10**6 * _S, 1)) == 1


def test_a_freeze_ends_at_its_time_and_may_be_reset_before():
    protection = _one(DERIBIT, quantity=5.0)
    assert len(_fill(protection, 0, 5)) == 1
    assert frozen(protection, 30 * _S - 1).tolist() == [True]
    assert frozen(protection, 30 * _S).tolist() == [False]
    assert _fill(protection, 30 * _S, 4) == ()
    assert len(_fill(protection, 30 * _S, 1)) == 1
    assert reset(protection, 0, 31 * _S)
    assert frozen(protection, 31 * _S).tolist() == [False]


def test_cmes_tally_is_forgotten_after_its_second():
    """500 lots of 1,000, then silence."""
    protection = _one(CME, quantity=1000.0)
    assert _fill(protection, 0, 500) == ()
    assert _at(protection, Tally.QUANTITY, _S - 1) == 500.0
    assert _at(protection, Tally.QUANTITY, _S) == 0.0
    assert _fill(protection, _S, 999) == ()
    assert len(_fill(protection, 2 * _S - 1, 1)) == 1


def test_cmes_delta_of_twenty_lots_at_15_is_three():
    protection = _one(CME, delta=100.0)
    _fill(protection, 0, 20, delta=0.15)
    assert _at(protection, Tally.DELTA, 0) == pytest.approx(3.0, rel=1e-15)


def test_cmes_fill_percentage_adds_partial_fills_and_a_modified_quote_is_a_new_one():
    """30 and 20 of 100, then 25 of the same quote modified to 50: 100 %."""
    protection = _one(CME, filled_pct=100.0)
    assert _fill(protection, 0, 30, filled_pct=100 / 100) == ()
    assert _fill(protection, 1, -20, filled_pct=100 / 100) == ()
    assert _fill(protection, 2, 24, filled_pct=100 / 50) == ()
    assert _fill(protection, 3, 1, filled_pct=100 / 50)[0].at == 100.0
    assert frozen(protection, 100 * _S).tolist() == [True]


def test_miax_adds_the_engagement_of_series():
    """60 % of one and 45 % of another within a second reach 105 %; a second apart they do not."""
    rule = MIAX.protections["class"]
    protection = new_protection([Scope(name="class", rule=rule)])
    assert _fill(protection, 0, 12, filled_pct=100 / 20) == ()
    assert _fill(protection, _S - 1, -9, filled_pct=100 / 20)[0].at == 105.0
    apart = new_protection([Scope(name="class", rule=rule)])
    assert _fill(apart, 0, 12, filled_pct=100 / 20) == ()
    assert _fill(apart, _S, -9, filled_pct=100 / 20) == ()


def test_thirds_of_a_quote_make_a_whole():
    """3 fills of 1 of 3 are 100 %, though a third has no last digit."""
    protection = _one(CME, filled_pct=100.0)
    assert [len(_fill(protection, 0, 1, filled_pct=100 / 3)) for _ in range(3)] == [0, 0, 1]


def test_bybits_defaults():
    protection = new_protection([Scope(name="BTC", rule=BYBIT)])
    assert _fill(protection, 0, 60, delta=0.1) == ()
    (trip,) = _fill(protection, 4999 * _MS, -40, delta=0.1)
    assert trip.until_ns == 5099 * _MS
    assert frozen(protection, 5099 * _MS - 1).tolist() == [True]
    assert frozen(protection, 5099 * _MS).tolist() == [False]
    apart = new_protection([Scope(name="BTC", rule=BYBIT)])
    assert _fill(apart, 0, 60) == () == _fill(apart, 5000 * _MS, -40)


def test_paradex_refuses_a_reset_within_a_second():
    rule = read_venue_rules(Venue.PARADEX).protections["base_asset"]
    protection = new_protection([Scope(name="BTC", rule=rule)])
    assert _fill(protection, 0, 100, delta=0.0, vega=0.0) == ()
    assert len(_fill(protection, 0, 1, delta=0.0, vega=0.0)) == 1
    assert not reset(protection, 0, _S - 1)
    assert frozen(protection, _S - 1).tolist() == [True]
    assert reset(protection, 0, _S)


def test_trips_of_classes_trip_the_firm_and_freeze_all_of_them():
    firm = replace(
        MIAX.protections["firm"], thresholds=(Threshold(tally=Tally.TRIPS, netting=Netting.GROSS, limit=2.0),)
    )
    classes = [Scope(name=name, rule=MIAX.protections["class"], parent="firm") for name in "ABC"]
    protection = new_protection([*classes, Scope(name="firm", rule=firm)])
    assert [trip.scope for trip in _fill(protection, 0, 105, (0,), filled_pct=1.0)] == ["A"]
    assert frozen(protection, 0).tolist() == [True, False, False, False]
    assert [trip.scope for trip in _fill(protection, _S, 105, (1,), filled_pct=1.0)] == ["B", "firm"]
    assert frozen(protection, _S).tolist() == [True, True, True, True]


def test_what_does_not_count_is_not_counted():
    """A hedge that carries no flag has no scope."""
    protection = _one(DERIBIT, delta=10.0)
    _fill(protection, 0, 9, delta=1.0)
    _fill(protection, 0, -9, (-1,), delta=1.0)
    assert len(_fill(protection, 0, 1, delta=1.0)) == 1


def test_an_unknown_delta_trips():
    assert len(_fill(_one(DERIBIT, delta=10.0), 0, 1, delta=np.nan)) == 1


def test_the_venues_word_goes_before_the_mirrors():
    protection = _one(DERIBIT, quantity=5.0)
    freeze(protection, 0, 0, 7 * _S)
    assert frozen(protection, 7 * _S - 1).tolist() == [True]
    assert _fill(protection, 6 * _S, 50) == ()  # in flight
    assert frozen(protection, 7 * _S).tolist() == [False]
    assert _fill(protection, 7 * _S, 4) == ()


def test_more_fills_than_can_be_remembered_trip():
    protection = _one(replace(DERIBIT, window=WindowKind.SLIDING), quantity=1e6)
    n = FILLS_REMEMBERED + 1
    columns = FillColumns(
        time_ns=np.arange(n),
        scopes=np.zeros((n, 1), np.int64),
        quantity=np.ones(n, np.int64),
        amount=amounts(quantity=np.ones(n)),
    )
    (trip,) = count_fills(protection, columns)
    assert trip.time_ns == n - 1


def test_scopes_that_cannot_be_meant_are_refused():
    for scopes in (
        [Scope(name="a", rule=DERIBIT), Scope(name="a", rule=DERIBIT)],
        [Scope(name="a", rule=DERIBIT, parent="b")],
        [Scope(name="a", rule=DERIBIT, parent="b"), Scope(name="b", rule=DERIBIT, parent="a")],
    ):
        with pytest.raises(InvalidValueError, match="protection"):
            new_protection(scopes)
    with pytest.raises(InvalidValueError, match="share"):
        shadow_rule([DERIBIT], share=0.0, frozen_ms=0)


_COUNTED = (Tally.EXECUTIONS, Tally.QUANTITY, Tally.FILLED_PCT, Tally.DELTA, Tally.VEGA)
_rules = st.builds(
    ProtectionRule,
    scope=st.just("class"),
    counted=st.just("quotes"),
    window=st.sampled_from(WindowKind),
    interval_ms=st.integers(1, 12),
    frozen_ms=st.sampled_from([0, 1, 5, 20]),
    rearm_clears=st.booleans(),
    thresholds=st.lists(
        st.builds(
            Threshold,
            tally=st.sampled_from(_COUNTED),
            netting=st.sampled_from(Netting),
            limit=st.integers(1, 60).map(lambda n: n / 2),
            at_limit=st.booleans(),
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda one: one.tally,
    ).map(tuple),
)
_quantity = st.integers(-12, 12).filter(bool)
_fills = st.lists(
    st.tuples(st.integers(0, 4), _quantity, st.integers(1, 8), st.integers(-100, 100), st.integers(0, 50)),
    min_size=1,
    max_size=30,
)


def _columns(fills, n_scopes=1, scopes=None):
    """Gaps in ms, quantity, quarters of a percent, hundredths of delta, tenths of vega."""
    gap, quantity, filled, delta, vega = np.array(fills, dtype=np.int64).reshape(-1, 5).T
    rows = np.tile(np.arange(n_scopes), (len(fills), 1)) if scopes is None else scopes
    return FillColumns(
        time_ns=np.cumsum(gap) * _MS,
        scopes=rows,
        quantity=quantity,
        amount=amounts(
            quantity=np.ones(len(fills)), filled_pct=filled / 4, delta=delta / 100, vega=vega / 10
        ),
    )


def _row(columns, i):
    return FillColumns(
        time_ns=columns.time_ns[i : i + 1],
        scopes=columns.scopes[i : i + 1],
        quantity=columns.quantity[i : i + 1],
        amount=columns.amount[i : i + 1],
    )


@given(_rules, _fills)
@settings(max_examples=300, deadline=None)
def test_it_does_what_a_machine_does_that_keeps_every_fill(rule, fills):
    protection, columns = new_protection([Scope(name="one", rule=rule)]), _columns(fills)
    naive = Naive(
        rule.window.value,
        rule.interval_ms * _MS,
        rule.frozen_ms * _MS or None,
        {one.tally: (one.netting.value, Fraction(one.limit), one.at_limit) for one in rule.thresholds},
        rearm_clears=rule.rearm_clears,
    )
    for i, (_, quantity, filled, delta, vega) in enumerate(fills):
        parts = {
            Tally.EXECUTIONS: 1 if quantity > 0 else -1,
            Tally.QUANTITY: quantity,
            Tally.FILLED_PCT: Fraction(quantity * filled, 4),
            Tally.DELTA: Fraction(quantity * delta, 100),
            Tally.VEGA: Fraction(quantity * vega, 10),
        }
        now = int(columns.time_ns[i])
        assert naive.fill(now, parts) == bool(count_fills(protection, _row(columns, i)))
        assert frozen(protection, now).tolist() == [naive.until is not None]


@given(_rules, _fills, st.data())
@settings(max_examples=300, deadline=None)
def test_splitting_a_fill_never_trips_later(rule, fills, data):
    i = data.draw(st.integers(0, len(fills) - 1))
    gap, quantity, *rest = fills[i]
    part = data.draw(st.integers(0, abs(quantity))) * (1 if quantity > 0 else -1)
    split = [*fills[:i], (gap, part, *rest), (0, quantity - part, *rest), *fills[i + 1 :]]
    rule = replace(rule, frozen_ms=0)

    def first(rows):
        trips = count_fills(new_protection([Scope(name="one", rule=rule)]), _columns(rows))
        return trips[0].time_ns if trips else np.inf

    assert first(split) <= first(fills)


@given(_rules, _fills, st.lists(st.integers(0, 40), min_size=2, max_size=6).map(sorted))
@settings(max_examples=200, deadline=None)
def test_time_only_forgets(rule, fills, later):
    """No tally grows and nothing trips with time; a net tally may, when one side of it is forgotten, but trips nothing."""
    rule = replace(
        rule,
        thresholds=tuple(
            replace(one, netting=Netting.SIDE if one.netting is Netting.NET else one.netting)
            for one in rule.thresholds
        ),
    )
    protection, columns = new_protection([Scope(name="one", rule=rule)]), _columns(fills)
    count_fills(protection, columns)
    times = [int(columns.time_ns[-1]) + ms * _MS for ms in later]
    seen = [(used(protection, now).copy(), frozen(protection, now)[0]) for now in times]
    for (before, was), (after, now) in pairwise(seen):
        assert (after <= before).all()
        assert was or not now


@given(_rules, _fills, st.integers(0, 60))
@settings(max_examples=200, deadline=None)
def test_looking_changes_nothing_and_sees_what_forgetting_leaves(rule, fills, later):
    """A protection that is looked at is the same afterwards, and reads as one whose time has passed."""
    protection, columns = new_protection([Scope(name="one", rule=rule)]), _columns(fills)
    count_fills(protection, columns)
    now = int(columns.time_ns[-1]) + later * _MS
    before = deepcopy(protection.tallies)
    seen = used(protection, now)

    for name, was, left in zip(before._fields, before, protection.tallies, strict=True):
        np.testing.assert_array_equal(was, left, err_msg=name)
    pw.forget(protection.windows, protection.tallies, now)
    np.testing.assert_array_equal(seen, used(protection, now))


@given(_rules, _fills, st.data())
@settings(max_examples=200, deadline=None)
def test_a_replay_gives_the_same_states_however_it_is_cut(rule, fills, data):
    columns = _columns(fills)
    whole, cut = (new_protection([Scope(name="one", rule=rule)]) for _ in range(2))
    count_fills(whole, columns)
    for i in range(len(fills)):
        if data.draw(st.booleans()):
            pw.forget(cut.windows, cut.tallies, int(columns.time_ns[i]))
        count_fills(cut, _row(columns, i))
    for name in (
        "start_ns",
        "last_ns",
        "until_ns",
        "tripped_ns",
        "tripped_by",
        "tripped_at",
        "bought",
        "sold",
    ):
        assert (getattr(whole.tallies, name) == getattr(cut.tallies, name)).all(), name


@given(
    st.lists(_rules, min_size=1, max_size=3),
    _fills,
    st.sampled_from([0.5, 0.8, 1.0]),
    st.sampled_from([0, 1, 7]),
    st.data(),
)
@settings(max_examples=300, deadline=None)
def test_the_shadow_is_never_later_than_a_venue(rules, fills, share, frozen_ms, data):
    """Whatever fills go to which venue: when one trips, the shadow over all of them has tripped."""
    shadow = shadow_rule(rules, share=share, frozen_ms=frozen_ms)
    scopes = [Scope(name=str(i), rule=rule) for i, rule in enumerate(rules)]
    protection = new_protection([*scopes, Scope(name="shadow", rule=shadow)])
    venue = data.draw(st.lists(st.integers(0, len(rules) - 1), min_size=len(fills), max_size=len(fills)))
    columns = _columns(fills, scopes=np.array([[v, len(rules)] for v in venue]))
    for i in range(len(fills)):
        if any(trip.scope != "shadow" for trip in count_fills(protection, _row(columns, i))):
            assert frozen(protection, int(columns.time_ns[i]))[-1]


def test_the_shadow_stands_at_its_share():
    shadow = shadow_rule([DERIBIT, BYBIT], share=0.6, frozen_ms=0)
    told = {one.tally: (one.netting, one.limit) for one in shadow.thresholds}
    assert told[Tally.QUANTITY] == (Netting.GROSS, pytest.approx(3.0))
    assert told[Tally.DELTA] == (Netting.SIDE, pytest.approx(9.0))
    assert (shadow.window, shadow.interval_ms) == (WindowKind.SLIDING, 5000)
