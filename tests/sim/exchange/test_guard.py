"""Protections as the exchange runs them: at their limit, scope by scope, until they end; and against the desk's own."""

from fractions import Fraction

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.model.errors import InvalidValueError
from flatbook.model.protection_terms import (
    Counted,
    Netting,
    ProtectionRule,
    ScopeKind,
    Tally,
    Threshold,
    WindowKind,
)
from flatbook.model.quoting_terms import ProtectionTerms
from flatbook.model.world_exchange_terms import ExchangeTerms
from flatbook.quoting.protections import OneFill, PerContract, count, watch
from flatbook.sim.chance import stream
from flatbook.sim.exchange.guard import Guard, GuardedFill
from flatbook.sim.exchange.venue_greeks import delta_per_unit
from flatbook.sim.messages import Tripped
from tests.naive.black import price
from tests.naive.protection import Naive
from tests.sim.exchange.desks import (
    CALL_100,
    CALL_105,
    OPEN_NS,
    OTHER_CALL,
    PUT_100,
    SECOND,
    customer,
    exchange,
    moment,
    order,
    show,
    table,
    trades,
    words,
)
from tests.worlds import desk

NOW = OPEN_NS + SECOND
MS = 1_000_000


def _terms(tally, limit, *, name="p", scope=ScopeKind.CLASS, netting=Netting.GROSS, parent="", **more):
    rule = {
        "counted": Counted.QUOTES,
        "window": WindowKind.SLIDING,
        "interval_ms": 1000,
        "frozen_ms": 500,
        "at_limit": True,
    } | more
    at_limit = rule.pop("at_limit")
    threshold = Threshold(tally=tally, limit=limit, netting=netting, at_limit=at_limit)
    return ProtectionTerms(
        venue="sim",
        name=name,
        parent=parent,
        rule=ProtectionRule(scope=scope, thresholds=(threshold,), **rule),
    )


def _quoted(*protections, rows=(CALL_100, CALL_105, PUT_100, OTHER_CALL), size=10, **terms):
    """An exchange with a quote of the desk in each row: bids 401 on, offers 501 on."""
    venue = exchange(protections=protections, **terms)
    for row in rows:
        venue.take(
            [
                order(401 + row, row, 1, 400, size, quote=True),
                order(501 + row, row, -1, 500, size, quote=True),
            ],
            NOW,
        )
    return venue


def _buy(venue, row, quantity, at_ns=NOW, side=1):
    return venue.customer(
        customer((row, side), quantity=quantity, limits=(450 + 50 * side,)), moment(), at_ns
    )


def test_a_tally_at_its_limit_trips_takes_the_class_out_and_refuses_until_the_freeze_ends():
    """Quantity 8 in two fills: 7 do nothing. The other class and plain orders stay. 500 ms later it is armed and has forgotten."""
    venue = _quoted(_terms(Tally.QUANTITY, 8))
    venue.take(order(1, CALL_105, 1, 300, 5), NOW)

    assert words(_buy(venue, CALL_100, 7)) == ["Traded"]
    said = _buy(venue, CALL_105, 1)
    assert words(said) == ["Traded", "Tripped", *["Cancelled protection"] * 6]
    assert said[1] == Tripped(scope="sim/p/XYZ", until_ns=NOW + 500 * MS)
    assert [name for name, _ in venue.open_orders()] == [401 + OTHER_CALL, 501 + OTHER_CALL, 1]
    quote = order(11, CALL_100, 1, 400, 5, quote=True)
    assert words(venue.take(quote, NOW + 500 * MS - 1)) == ["Rejected protection"]
    again = [order(12, CALL_100, -1, 500, 9, quote=True), order(13, CALL_100, 1, 300, 5)]
    assert words(venue.take(again, NOW + 500 * MS)) == ["Acknowledged"] * 2
    assert words(_buy(venue, CALL_100, 7, NOW + 500 * MS)) == ["Traded"]
    assert "Tripped" in words(_buy(venue, CALL_100, 1, NOW + 500 * MS))


@pytest.mark.parametrize(("at_limit", "trips"), [(True, True), (False, False)])
def test_beyond_the_limit_is_more_than_at_it(at_limit, trips):
    """8 of 8."""
    venue = _quoted(_terms(Tally.QUANTITY, 8, at_limit=at_limit))

    assert ("Tripped" in words(_buy(venue, CALL_100, 8))) == trips


@pytest.mark.parametrize(("later_ms", "trips"), [(999, True), (1000, False)])
def test_a_sliding_window_forgets_after_its_interval(later_ms, trips):
    """To the millisecond."""
    venue = _quoted(_terms(Tally.QUANTITY, 8))
    _buy(venue, CALL_100, 4)

    assert ("Tripped" in words(_buy(venue, CALL_100, 4, NOW + later_ms * MS))) == trips


def test_percent_of_size_is_exact_and_counts_over_series():
    """Thirds and sixths of quotes: a third, a third, a sixth, a sixth are 100 %."""
    venue = exchange(protections=(_terms(Tally.FILLED_PCT, 100.0),))
    venue.take([order(1, CALL_100, -1, 500, 3, quote=True), order(2, CALL_105, -1, 500, 6, quote=True)], NOW)

    said = [words(_buy(venue, row, 1)) for row in (CALL_100, CALL_105, CALL_100, CALL_105)]
    assert [("Tripped" in each) for each in said] == [False, False, False, True]


def test_opposite_fills_cancel_in_a_net_tally_and_add_in_a_gross_one():
    """Vega 0.1 x 100 a contract: 10 in all. Two bought and two sold are 0 net and 40 gross."""
    for netting, trips in ((Netting.NET, False), (Netting.GROSS, True), (Netting.SIDE, False)):
        venue = _quoted(_terms(Tally.VEGA, 30.0, netting=netting))
        said = words(_buy(venue, CALL_100, 2)) + words(_buy(venue, CALL_100, 2, side=-1))
        assert ("Tripped" in said) == trips, netting
        assert ("Tripped" in words(_buy(venue, CALL_105, 3))) or trips


def test_delta_is_the_venues_own_at_the_price_of_the_moment():
    """Against Black by the naive twin: the delta is that of the volatility which gives fair value."""
    vol, years, at = 0.25, 30 / 365, moment()
    strike, sign = table().strike[:4], table().sign[:4]
    spot = np.array([100.0, 100.0, 100.0, 50.0])
    fair = [price(s, k, years, vol, 1.0, c) for s, k, c in zip(spot, strike, sign, strict=True)]
    at = moment(fair=np.array([*fair, 100.0, 50.0], dtype=float))
    for row in range(4):
        up, down = (price(spot[row] + e, strike[row], years, vol, 1.0, sign[row]) for e in (1e-4, -1e-4))
        assert delta_per_unit(table(), at, row) == pytest.approx(float(up - down) / 2e-4, abs=1e-6)
    nobody = moment(fair=np.full(6, np.nan))
    assert np.isnan(delta_per_unit(table(), nobody, 0))


def test_a_delta_limit_trips_on_what_the_deltas_add_up_to():
    """A call at the money has about half a share: 20 of them trip a limit of 10, 18 do not."""
    for quantity, trips in ((18, False), (20, True)):
        venue = _quoted(_terms(Tally.DELTA, 10.0, netting=Netting.NET), size=50)
        assert ("Tripped" in words(_buy(venue, CALL_100, quantity))) == trips


def test_an_underlying_is_a_scope_and_so_is_a_group_and_a_series():
    """By underlying the name is its own; by group the rule's; by series that of the class, of which only the series goes."""
    for scope, name, gone in (
        (ScopeKind.UNDERLYING, "sim/p/XYZ", 6),
        (ScopeKind.GROUP, "sim/p", 8),
        (ScopeKind.SERIES, "sim/p/XYZ", 2),
    ):
        venue = _quoted(_terms(Tally.EXECUTIONS, 2, scope=scope))
        _buy(venue, CALL_100, 1)
        said = _buy(venue, CALL_100, 1)
        assert [each.scope for each in said if isinstance(each, Tripped)] == [name]
        assert len(venue.open_orders()) == 8 - gone
        _buy(venue, CALL_105, 1)
        assert venue.reset_protection(name, NOW)


def test_trips_of_classes_trip_their_parent_which_freezes_them_all():
    """Two classes; the parent trips at the second and stays until it is reset."""
    venue = _quoted(
        _terms(Tally.QUANTITY, 2, parent="firm"),
        _terms(Tally.TRIPS, 2, name="firm", scope=ScopeKind.FIRM, counted=Counted.ALL, frozen_ms=0),
    )
    assert [e.scope for e in _buy(venue, CALL_100, 2) if isinstance(e, Tripped)] == ["sim/p/XYZ"]
    said = [e for e in _buy(venue, OTHER_CALL, 2) if isinstance(e, Tripped)]
    assert [(e.scope, e.until_ns) for e in said] == [("sim/p/DEF", NOW + 500 * MS), ("sim/firm", 0)]
    late = NOW + 3600 * SECOND
    assert words(venue.take(order(1, CALL_100, 1, 400, 5, quote=True), late)) == ["Rejected protection"]
    assert venue.reset_protection("sim/firm", late)
    assert words(venue.take(order(2, CALL_100, 1, 400, 5, quote=True), late)) == ["Acknowledged"]


def test_the_freeze_of_a_parent_holds_for_all_below_it_also_what_it_does_not_count_itself():
    """The parent is told of one class, its children are of both."""
    rule = _terms(Tally.TRIPS, 1, scope=ScopeKind.FIRM, counted=Counted.ALL, frozen_ms=0).rule
    firm = ProtectionTerms(venue="sim", name="firm", option_classes=("DEF",), rule=rule)
    venue = _quoted(_terms(Tally.QUANTITY, 2, parent="firm"), firm)

    _buy(venue, OTHER_CALL, 2)

    assert venue.open_orders() == []
    assert words(venue.take(order(1, CALL_100, 1, 400, 5, quote=True), NOW)) == ["Rejected protection"]


def test_a_reset_comes_not_too_soon_and_only_to_a_scope_of_this_exchange():
    """200 ms after the trip at the soonest."""
    venue = _quoted(_terms(Tally.QUANTITY, 2, reset_after_ms=200, frozen_ms=0))
    _buy(venue, CALL_100, 2)

    assert not venue.reset_protection("sim/p/XYZ", NOW + 200 * MS - 1)
    assert not venue.reset_protection("shadow/XYZ", NOW + SECOND)
    assert venue.reset_protection("sim/p/XYZ", NOW + 200 * MS)
    assert words(venue.take(order(1, CALL_100, 1, 400, 5, quote=True), NOW + 200 * MS)) == ["Acknowledged"]


@pytest.mark.parametrize(
    ("counted", "quote_rests", "order_rests", "quote_takes"),
    [
        (Counted.QUOTES, True, False, True),
        (Counted.FLAGGED, True, False, True),
        (Counted.FLAGGED_MAKER, True, False, False),
        (Counted.ORDERS, False, True, False),
        (Counted.ALL, True, True, True),
    ],
)
def test_what_counts_is_told_by_the_rule(counted, quote_rests, order_rests, quote_takes):
    """One execution trips, if it counts."""
    for quote, rests, trips in (
        (True, True, quote_rests),
        (False, True, order_rests),
        (True, False, quote_takes),
    ):
        venue = exchange(protections=(_terms(Tally.EXECUTIONS, 1, counted=counted),))
        if not rests:
            show(venue, CALL_100, None, 0, 500, 1)
        said = venue.take(order(1, CALL_100, -1 if rests else 1, 500, 5, quote=quote), NOW)
        said += _buy(venue, CALL_100, 1)
        assert ("Tripped" in words(said)) == trips, (quote, rests)


def test_what_is_left_of_a_quote_that_trips_as_it_comes_in_goes_too():
    """And what comes after it in the same batch is refused."""
    venue = exchange(protections=(_terms(Tally.QUANTITY, 2),))
    show(venue, CALL_100, None, 0, 500, 2)
    batch = [order(1, CALL_100, 1, 500, 5, quote=True), order(2, CALL_105, 1, 400, 5, quote=True)]

    assert words(venue.take(batch, NOW)) == [
        "Acknowledged",
        "Traded",
        "Tripped",
        "Cancelled protection",
        "Rejected protection",
    ]
    assert venue.open_orders() == []


def test_a_sweep_stops_at_the_trip_and_a_package_is_whole_before_it():
    """A customer who takes two quotes trips at the first; as a package both legs trade, and then the quotes go."""
    venue = _quoted(_terms(Tally.QUANTITY, 4))
    venue.take(order(1, CALL_100, -1, 499, 4, quote=True), NOW)
    assert trades(_buy(venue, CALL_100, 14)) == [(1, 4, 499)]

    venue = _quoted(_terms(Tally.QUANTITY, 4))
    both = customer((CALL_100, 1), (CALL_105, 1), quantity=5, limits=(500, 500))
    said = venue.customer(both, moment(), NOW)
    assert [each[:2] for each in trades(said)] == [(501 + CALL_100, 5), (501 + CALL_105, 5)]
    assert words(said).count("Tripped") == 1
    assert len(venue.open_orders()) == 2


def test_a_crowd_that_runs_over_the_desk_is_stopped_by_the_trip():
    """Three series are crossed at once; the trip at the first spares the rest."""
    venue = _quoted(_terms(Tally.QUANTITY, 10))
    rows = np.array([CALL_100, CALL_105, PUT_100])

    said = venue.requote(rows, *(np.full(3, each) for each in (600, 610, 20, 20)), NOW)

    assert trades(said) == [(501 + CALL_100, 10, 500)]


@pytest.mark.parametrize("window", list(WindowKind))
@pytest.mark.parametrize("rearm_clears", [True, False])
@pytest.mark.parametrize("netting", list(Netting))
def test_counters_trip_when_a_sum_over_all_fills_says_so(window, rearm_clears, netting):
    """Against the plain one of the naive tests, 600 fills: at the same fills."""
    rule = ProtectionRule(
        scope=ScopeKind.CLASS,
        counted=Counted.ALL,
        window=window,
        interval_ms=1000,
        frozen_ms=300,
        rearm_clears=rearm_clears,
        thresholds=(
            Threshold(tally=Tally.QUANTITY, limit=25, netting=netting),
            Threshold(tally=Tally.EXECUTIONS, limit=9, at_limit=False),
        ),
    )
    guard = Guard((ProtectionTerms(venue="sim", name="p", rule=rule),), table())
    limits = {"quantity": (netting.value, 25, True), "executions": ("gross", 9, False)}
    naive = Naive(window.value, 1000 * MS, 300 * MS, limits, rearm_clears=rearm_clears)
    draw, now, tripped = stream(3, "fills"), NOW, 0
    for _ in range(600):
        now += int(draw.share() * 150) * MS
        signed = draw.one_of((1, -1)) * (1 + int(draw.share() * 6))
        amounts = {Tally.QUANTITY: Fraction(signed), Tally.EXECUTIONS: Fraction(1 if signed > 0 else -1)}
        hit = guard.count(GuardedFill(row=0, at_ns=now, is_quote=True, maker=True, amounts=amounts))
        plain = naive.fill(now, {"quantity": signed, "executions": 1 if signed > 0 else -1})
        assert bool(hit) == plain
        tripped += plain
        assert guard.frozen(0, now) == (naive.until is not None and naive.until > now)
    assert tripped >= (1 if window is WindowKind.CUMULATIVE else 5)


def test_the_desks_mirror_trips_at_the_same_fills_by_the_same_names():
    """The same terms at both, 500 fills: the same scopes trip at the same fills."""
    protections = (
        _terms(Tally.QUANTITY, 20, name="a", frozen_ms=200),
        _terms(
            Tally.VEGA,
            150.0,
            name="b",
            scope=ScopeKind.UNDERLYING,
            netting=Netting.NET,
            window=WindowKind.FIXED,
        ),
        _terms(Tally.TRIPS, 3, name="firm", scope=ScopeKind.FIRM, counted=Counted.ALL, interval_ms=5000),
        _terms(Tally.FILLED_PCT, 150.0, name="c", parent="firm"),
    )
    guard = Guard(protections, table())
    mirror = watch(replace(desk(), protections=protections), table())
    per = PerContract(delta=np.full(6, 0.5), vega_usd=np.full(6, 10.0), size=np.full((2, 6), 7))
    draw, now, both = stream(4, "fills"), NOW, 0
    for _ in range(500):
        now += int(draw.share() * 200) * MS
        row, signed = draw.one_of((0, 1, 2, 3)), draw.one_of((1, -1)) * (1 + int(draw.share() * 5))
        amounts = {
            Tally.QUANTITY: Fraction(signed),
            Tally.VEGA: Fraction(10 * signed),
            Tally.FILLED_PCT: Fraction(100 * signed, 7),
        }
        theirs = guard.count(GuardedFill(row=row, at_ns=now, is_quote=True, maker=True, amounts=amounts))
        fill = OneFill(row=row, venue="sim", quantity=signed, price=5.0, time_ns=now)
        ours = {trip.scope for trip in count(mirror, table(), per, fill)}
        assert {counter.name for counter in theirs} == {name for name in ours if name.startswith("sim/")}
        both += len(theirs)
    assert both >= 20


def test_terms_that_cannot_be_meant_are_refused():
    """Another venue's protection, two of one name, a parent that is many scopes or above itself."""
    other = ProtectionTerms(venue="elsewhere", name="p", rule=_terms(Tally.QUANTITY, 2).rule)
    one = _terms(Tally.QUANTITY, 2)
    circle = _terms(Tally.TRIPS, 2, name="f", scope=ScopeKind.FIRM, parent="f")
    for wrong in ((other,), (one, one), (one, _terms(Tally.QUANTITY, 2, name="q", parent="p")), (circle,)):
        with pytest.raises(InvalidValueError):
            ExchangeTerms(protections=wrong)
