"""Each check of the gate at its boundary, and what it makes of what nobody knows."""

from dataclasses import replace

import numpy as np
import pytest
from msgspec.structs import replace as changed

from flatbook.limits.check import check
from flatbook.limits.measured import Activity, Supplied
from flatbook.limits.pretrade import prepare_pretrade
from flatbook.model.measures import Measure
from flatbook.model.order_events import KillScope, KillSet
from flatbook.model.order_terms import OrderTerms, SelfTrade
from flatbook.orders.columns import REASON_TEXT, Purpose, Reason, columns_of, joined
from flatbook.orders.gate import gate, prepare_gate
from flatbook.orders.kill import Kills, set_kill, stopped_by
from flatbook.orders.rate import full_buckets
from flatbook.orders.state import OrderState, WorkingOrders, send_cancels, send_orders
from tests.orders.desks import book, desks, limit, stand
from tests.worlds import NICKEL, NOW_NS

TERMS = OrderTerms(
    collar_half_spreads=2.0, collar_theo_pct=0.0, collar_nbbo_ticks=3, collar_nbbo_pct=0.0, vol_distance_points=5.0,
    size_max_contracts=50, hedge_size_max_contracts=1000, notional_order_max_usd=20_000.0,
    notional_working_max_usd=40_000.0, message_burst=100, cancel_reserve=10,
)  # fmt: skip
CALL, PUT, SHARE = 1, 2, 0
LOOSE = (limit("net_contracts", 1e6),)
NONE = np.zeros(10, dtype=np.int64)


def the(theo=3.0, bid=2.9, ask=3.1, **columns):
    """Two desks whose contracts are worth `theo`, with vega of 10 USD a point: 0.10 in price."""
    made = desks(2)
    greeks = made.values.greeks.copy()
    greeks[made.market.table.is_option, Measure.VEGA_USD_PER_POINT] = 10.0
    price = np.full(made.rows, theo)
    price[0] = price[5] = 100.0
    column = {"bid": np.full(made.rows, bid), "ask": np.full(made.rows, ask)} | columns
    for name, each in (("bid", 99.99), ("ask", 100.01)):
        column[name][[0, 5]] = np.where(np.isnan(column[name][[0, 5]]), np.nan, each)
    market = replace(made.market, **column)
    return replace(made, values=replace(made.values, price=price, greeks=greeks), market=market)


def order(row=CALL, side=1, price=300, quantity=1, **more):
    """One."""
    more = {name: np.array([each]) if name in ("duty", "usefulness") else each for name, each in more.items()}
    return columns_of(np.array([row]), np.array([side]), np.array([price]), np.array([quantity]), **more)


def hedge(row=SHARE, side=1, price=10_000, quantity=10):
    """In the share unless said."""
    return order(row, side, price, quantity, purpose=Purpose.HEDGE)


def verdicts(
    *orders,
    world=None,
    held=NONE,
    limits=LOOSE,
    working=None,
    kills=None,
    terms=TERMS,
    credit=None,
    cancels=None,
):
    """Of orders in one batch."""
    world = world or the()
    batch = orders[0]
    for one in orders[1:]:
        batch = joined(batch, one)
    ready, _, _ = stand(world, held, limits, working or WorkingOrders(), kills or Kills(), terms=terms)
    buckets = full_buckets(2, terms, NOW_NS)
    if credit is not None:
        buckets = replace(buckets, credit_ns=np.array(credit) * (1_000_000_000 // terms.messages_per_s))
    return gate(batch, ready, buckets, cancels)


def reasons(*orders, **more):
    """Of orders in one batch, in words."""
    return [Reason(each).name for each in verdicts(*orders, **more).reason.tolist()]


def at_work(*orders, now_ns=NOW_NS - 10_000_000_000):
    """Orders that work."""
    working = WorkingOrders()
    for one in orders:
        send_orders(working, one, np.full(one.size, np.nan), now_ns)
    working.state[:] = OrderState.LIVE
    return working


def held(**rows):
    """Contracts by name of the row."""
    out = NONE.copy()
    for name, contracts in rows.items():
        out[{"call": CALL, "put": PUT, "share": SHARE}[name]] = contracts
    return out


def killed(scope=KillScope.DESK, name=""):
    """One kill switch on."""
    kills = Kills()
    set_kill(kills, KillSet(received_ns=NOW_NS, scope=scope, name=name, on=True, owner="risk", reason="test"))
    return kills


def test_every_reason_has_words():
    """For screens and the audit trail."""
    assert set(REASON_TEXT) == set(Reason)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (order(price=310), "ACCEPTED"),  # two half-spreads of 0.05
        (order(price=311), "COLLAR_THEO"),
        (order(side=-1, price=290), "ACCEPTED"),
        (order(side=-1, price=289), "COLLAR_THEO"),
        (order(price=1), "ACCEPTED"),  # a bid far below fair value gives nothing away
        (order(side=-1, price=9_000, quantity=2), "ACCEPTED"),
    ],
)
def test_the_collar_around_fair_value(one, expected):
    """On the side that gives value away, to the tick."""
    assert reasons(one) == [expected]


def test_the_wider_of_two_collars_holds():
    """20 % of 3.00 is 0.60."""
    terms = changed(TERMS, collar_theo_pct=20.0, collar_nbbo_ticks=100, vol_distance_points=50.0)

    assert reasons(order(price=360), order(row=PUT, price=361), terms=terms) == ["ACCEPTED", "COLLAR_THEO"]


def test_the_distance_in_vol_points():
    """0.10 a point: 5 points are 0.50. Without vega a tick is left, no more."""
    terms = changed(TERMS, collar_half_spreads=100.0, collar_nbbo_ticks=1000)
    assert reasons(order(price=350), order(row=PUT, price=351), terms=terms) == ["ACCEPTED", "VOL_DISTANCE"]

    flat = the()
    flat.values.greeks[:, Measure.VEGA_USD_PER_POINT] = 0.0
    found = reasons(order(price=301), order(row=PUT, price=302), world=flat, terms=terms)
    assert found == ["ACCEPTED", "VOL_DISTANCE"]


def test_the_collar_beyond_the_market():
    """Three ticks beyond the other side; where there is none, or the market is crossed, it bounds nothing."""
    terms = changed(TERMS, collar_half_spreads=10.0)
    world = the(bid=2.98, ask=3.02)
    assert reasons(order(price=305), order(row=PUT, price=306), world=world, terms=terms) == [
        "ACCEPTED",
        "COLLAR_NBBO",
    ]
    found = reasons(order(side=-1, price=295), order(row=PUT, side=-1, price=294), world=world, terms=terms)
    assert found == ["ACCEPTED", "COLLAR_NBBO"]
    assert reasons(order(price=330), world=the(ask=np.nan), terms=terms) == ["ACCEPTED"]
    assert reasons(order(price=330), world=the(bid=3.02, ask=3.01), terms=terms) == ["ACCEPTED"]


def test_size_and_worth():
    """50 contracts; 300 USD each, 66 of them are worth 19,800."""
    terms = changed(TERMS, size_max_contracts=100)
    assert reasons(order(quantity=50), order(row=PUT, quantity=51)) == ["ACCEPTED", "SIZE"]
    assert reasons(order(quantity=66), order(row=PUT, quantity=67), terms=terms) == ["ACCEPTED", "NOTIONAL"]
    assert reasons(hedge(quantity=200), hedge(row=5, quantity=201)) == ["ACCEPTED", "NOTIONAL"]


def test_all_at_work_is_worth_no_more_than_allowed():
    """40,000 USD: 36,000 at work, 3,900 more pass, then 300 do not; neither is what died counted."""
    working = at_work(order(price=300, quantity=60), order(row=PUT, price=300, quantity=60))
    batch = (order(row=3, quantity=13), order(row=4, quantity=1))
    assert reasons(*batch, working=working) == ["ACCEPTED", "NOTIONAL_WORKING"]

    working.state[:] = OrderState.DEAD
    assert reasons(*batch, working=working) == ["ACCEPTED", "ACCEPTED"]


@pytest.mark.parametrize("column", ["price", "vega"])
def test_without_a_value_only_a_closing_order_inside_the_market_passes(column):
    """Long 5: sold at the bid or better, for five contracts in all."""
    world = the()
    if column == "price":
        world.values.price[CALL] = np.nan
    else:
        world.values.greeks[CALL, Measure.VEGA_USD_PER_POINT] = np.nan
    book = held(call=5)
    assert reasons(order(side=-1, price=290, quantity=5), world=world, held=book) == ["ACCEPTED"]
    for one in (
        order(side=-1, price=289, quantity=5), order(side=-1, price=290, quantity=6), order(side=1, price=290),
    ):  # fmt: skip
        assert reasons(one, world=world, held=book) == ["NO_VALUE"]
    pair = (order(side=-1, price=290, quantity=3), order(side=-1, price=291, quantity=3))
    assert reasons(*pair, world=world, held=book) == ["ACCEPTED", "NO_VALUE"]
    blind = replace(world, market=replace(world.market, bid=np.full(10, np.nan)))
    assert reasons(order(side=-1, price=290), world=blind, held=book) == ["NO_VALUE"]
    working = at_work(order(side=-1, price=300, quantity=1))
    assert reasons(order(side=-1, price=290, quantity=5), world=world, held=book, working=working) == [
        "NO_VALUE"
    ]


def test_the_same_order_twice_within_the_window():
    """In the batch, and against what was sent in the last 100 ms, dead or alive; another size is another order."""
    assert reasons(order(), order(), order(quantity=2)) == ["ACCEPTED", "DUPLICATE", "ACCEPTED"]
    for age_ns, expected in ((99_999_999, "DUPLICATE"), (100_000_000, "ACCEPTED")):
        working = at_work(order(), now_ns=NOW_NS - age_ns)
        working.state[:] = OrderState.DEAD
        assert reasons(order(), working=working) == [expected]


def test_no_order_meets_one_of_ours():
    """At any venue, while it is not proven dead; and not one of the same batch."""
    working = at_work(order(side=-1, price=300))
    assert reasons(order(price=299), working=working) == ["ACCEPTED"]
    assert reasons(order(price=300), working=working) == ["SELF_TRADE"]
    assert reasons(order(price=300, venue=1), working=working) == ["SELF_TRADE"]
    by_venue = changed(TERMS, self_trade=SelfTrade.BY_VENUE)
    assert reasons(order(price=300), working=working, terms=by_venue) == ["ACCEPTED"]
    assert reasons(order(price=300, venue=1), working=working, terms=by_venue) == ["SELF_TRADE"]
    send_cancels(working, np.array([1]), NOW_NS)
    assert reasons(order(price=300), working=working) == ["SELF_TRADE"]
    working.state[:] = OrderState.DEAD
    assert reasons(order(price=300), working=working) == ["ACCEPTED"]
    assert reasons(order(price=299), order(side=-1, price=299)) == ["ACCEPTED", "SELF_TRADE"]


@pytest.mark.parametrize(
    "one",
    [
        order(row=10), order(row=-1), order(side=0), order(side=2), order(quantity=0), order(quantity=-1),
        order(price=0), order(price=-5), order(venue=2), order(venue=-1), order(price=2**40),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_no_order(one):
    """The rest of the batch goes on."""
    assert reasons(one, order(row=PUT)) == ["NOT_AN_ORDER", "ACCEPTED"]


def test_a_price_stands_on_its_step_and_a_contract_lives():
    """Nickels below 3.00, dimes from there on."""
    world = the()
    items = list(world.market.table.instruments)
    items[CALL] = changed(items[CALL], tick_table=NICKEL)
    items[PUT] = changed(items[PUT], expiry_ns=NOW_NS)
    world = replace(world, market=replace(world.market, table=type(world.market.table)(1, tuple(items))))
    for price, expected in (
        (295, "ACCEPTED"),
        (296, "NOT_AN_ORDER"),
        (300, "ACCEPTED"),
        (305, "NOT_AN_ORDER"),
    ):
        assert reasons(order(price=price), world=world) == [expected]
    assert reasons(order(row=PUT), world=world) == ["NOT_AN_ORDER"]


def test_orders_add_up_to_a_limit_hedges_first_then_quotes_by_usefulness():
    """Room for 10 contracts: 4 for the hedge, 5 for the more useful quote, 1 of 5 for the other, none for the last."""
    limits = (limit("net_contracts", 10.0),)
    found = verdicts(
        order(row=2, quantity=5, usefulness=1.0), order(row=1, quantity=5, usefulness=2.0),
        order(row=4, quantity=3, usefulness=0.5), order(row=3, quantity=4, purpose=Purpose.HEDGE), limits=limits,
    )  # fmt: skip

    assert found.quantity.tolist() == [1, 5, 0, 4]
    assert [Reason(each).name for each in found.reason] == ["CUT", "ACCEPTED", "WORST_CASE", "ACCEPTED"]
    assert found.limit.tolist() == [0, -1, 0, -1]


@pytest.mark.parametrize("state", [each for each in OrderState if each is not OrderState.DEAD])
def test_everything_not_proven_dead_counts_in_full(state):
    """8 at work of 10; a sale at work makes no room."""
    limits, working = (
        (limit("net_contracts", 10.0),),
        at_work(order(quantity=8), order(row=PUT, side=-1, quantity=30)),
    )
    working.state[:] = state
    assert verdicts(order(row=3, quantity=5), limits=limits, working=working).quantity.tolist() == [2]
    working.state[:] = OrderState.DEAD
    assert verdicts(order(row=3, quantity=5), limits=limits, working=working).quantity.tolist() == [5]


def test_at_work_beyond_one_limit_counts_in_full_for_the_others():
    """15 calls at work where a series may have 10: of 20 net contracts 5 are left, not 10."""
    limits = (limit("series_contracts", 10.0), limit("net_contracts", 20.0))
    found = verdicts(order(row=PUT, quantity=9), limits=limits, working=at_work(order(quantity=15)))

    assert found.quantity.tolist() == [5]
    assert found.limit.tolist() == [1]


def test_what_closes_at_work_opens_nothing_and_closes_once():
    """Short 8 of 10 gross: 8 bought back at work leave 2 to open; two times 8 at work open 8."""
    limits, book_held = (limit("gross_contracts", 10.0),), held(call=-8)
    for working, expected in (
        (at_work(order(quantity=8)), 2),
        (at_work(order(quantity=8), order(price=299, quantity=1)), 1),
        (at_work(order(quantity=8), order(price=299, quantity=8)), 0),
    ):
        found = verdicts(order(row=PUT, quantity=5), held=book_held, limits=limits, working=working)
        assert found.quantity.tolist() == [expected]
    found = verdicts(
        order(price=298, quantity=5), held=book_held, limits=limits, working=at_work(order(quantity=8))
    )
    assert found.quantity.tolist() == [2]


def test_a_replacement_counts_beside_what_it_replaces():
    """Until the venue said which of them is left."""
    limits, working = (limit("net_contracts", 10.0),), at_work(order(quantity=8))
    new = replace(order(price=299, quantity=8), replaces=np.array([1]))

    assert verdicts(new, limits=limits, working=working).quantity.tolist() == [2]


def test_in_breach_only_what_reduces_passes():
    """12 of 10: no more bought; 22 may be sold, to the other end."""
    limits, book = (limit("net_contracts", 10.0),), held(call=12)
    found = verdicts(order(), order(row=PUT, side=-1, quantity=25), held=book, limits=limits)

    assert [Reason(each).name for each in found.reason] == ["REDUCE_ONLY", "CUT"]
    assert found.quantity.tolist() == [0, 22]
    assert reasons(order(), held=held(call=10), limits=limits) == ["REDUCE_ONLY"]  # at the limit is in breach
    assert reasons(order(), held=held(call=9), limits=limits) == ["ACCEPTED"]


def test_the_least_that_a_duty_asks_passes_a_hard_limit_but_not_the_kill_limit():
    """Hard 10, kill 12.5: held 11, one passes, a second would be 13. More than the least is no least."""
    limits, book = (limit("net_contracts", 10.0),), held(call=11)
    least = order(row=PUT, duty=1)
    second = order(row=3, duty=1)
    assert reasons(least, second, order(row=4), held=book, limits=limits) == [
        "ACCEPTED",
        "KILL_LIMIT",
        "REDUCE_ONLY",
    ]
    assert reasons(order(row=PUT, quantity=2, duty=1), held=book, limits=limits) == ["REDUCE_ONLY"]
    assert reasons(
        replace(hedge(row=PUT, price=300, quantity=1), duty=np.array([1])), held=book, limits=limits
    ) == ["REDUCE_ONLY"]
    working = at_work(order(quantity=1))
    assert reasons(least, held=book, limits=limits, working=working) == ["KILL_LIMIT"]


def test_hedges_of_the_batch_count_before_the_least_of_a_duty():
    """Hard 10, kill 12.5: ten hedged, two of three for a duty."""
    least = [order(row=row, duty=1) for row in (2, 3, 4)]
    found = reasons(*least, order(quantity=10, purpose=Purpose.HEDGE), limits=(limit("net_contracts", 10.0),))

    assert found == ["ACCEPTED", "ACCEPTED", "KILL_LIMIT", "ACCEPTED"]


def test_what_the_ladder_holds_at_hard_stays_reduce_only():
    """97 of 100 after a breach: until it falls below 95 no more is bought, but for a duty."""
    world, limits, memory = the(), (limit("net_contracts", 100.0),), {}
    for contracts, expected in (
        (97, "ACCEPTED"),
        (100, "REDUCE_ONLY"),
        (97, "REDUCE_ONLY"),
        (94, "ACCEPTED"),
    ):
        measured = book(world, held(call=contracts))
        standing = check(measured, limits, memory)
        memory = standing.memory
        ready = prepare_gate(
            world.values, world.market, measured.exposure, np.full(10, 0.05), standing, prepare_pretrade(standing, measured),
            WorkingOrders(), stopped_by(Kills(), world.market.table, ("X", "Y")), TERMS,
        )  # fmt: skip
        batch = joined(joined(order(row=PUT), order(side=-1)), order(row=3, duty=1))
        found = gate(batch, ready, full_buckets(2, TERMS, NOW_NS)).reason
        assert [Reason(each).name for each in found] == [expected, "ACCEPTED", "ACCEPTED"], contracts


def test_a_duty_does_not_stretch_the_rate_of_orders():
    """A limit on orders a second holds for all."""
    limits = (limit("orders_per_s", 2.0),)
    world = the()
    measured = replace(
        book(world, NONE),
        supplied=Supplied(
            activity={"": Activity(orders_per_s=0.0, orders_per_min=0.0, fills_per_s=0.0, fills_per_min=0.0)}
        ),
    )
    standing = check(measured, limits, {})
    ready = prepare_gate(
        world.values, world.market, measured.exposure, np.full(10, 0.05), standing, prepare_pretrade(standing, measured),
        at_work(order(row=4, price=299)), stopped_by(Kills(), world.market.table, ("X", "Y")), TERMS,
    )  # fmt: skip
    batch = joined(joined(order(duty=1), order(row=PUT, duty=1)), order(row=3, duty=1))
    found = gate(batch, ready, full_buckets(2, TERMS, NOW_NS)).reason
    assert [Reason(each).name for each in found] == ["ACCEPTED", "ACCEPTED", "KILL_LIMIT"]


def test_beyond_the_kill_limit_nothing_passes_and_the_kill_stays():
    """13 of 10 where 12.5 kills: the scope is stopped, and still is when the book is back."""
    limits, kills = (limit("net_contracts", 10.0, 0),), Kills()
    batch = (order(row=PUT, duty=1), order(side=-1), order(row=6))
    assert reasons(*batch, held=held(call=13), limits=limits, kills=kills) == ["KILLED", "KILLED", "ACCEPTED"]
    assert reasons(*batch, held=NONE, limits=limits, kills=kills) == ["KILLED", "KILLED", "ACCEPTED"]
    assert reasons(*batch, held=held(call=12), limits=limits)[1] == "ACCEPTED"


def test_under_an_unknown_limit_nothing_passes():
    """Nobody measured it; neither does the least of a duty."""
    limits = (limit("var_usd", 1e9),)
    found = verdicts(order(), order(row=PUT, side=-1), order(row=3, duty=1), limits=limits, held=held(call=1))

    assert [Reason(each).name for each in found.reason] == ["REDUCE_ONLY", "REDUCE_ONLY", "KILL_LIMIT"]


@pytest.mark.parametrize(
    ("scope", "name"), [(KillScope.DESK, ""), (KillScope.UNDERLYING, "U000"), (KillScope.CLASS, "U000")]
)
def test_a_kill_of_rows_leaves_hedges_that_only_reduce(scope, name):
    """Long 5 calls: quotes stop, a sale of up to the delta passes, one past it does not, at a killed venue none does."""
    world, long, kills = the(), held(call=5), killed(scope, name)
    delta = int(
        5 * world.values.greeks[CALL, Measure.DELTA_USD] / world.values.greeks[SHARE, Measure.DELTA_USD]
    )
    terms = changed(TERMS, notional_order_max_usd=1e9, notional_working_max_usd=1e9)
    assert reasons(order(), order(side=-1), held=long, kills=kills) == ["KILLED", "KILLED"]
    assert delta > 100
    if scope is not KillScope.CLASS:
        assert reasons(hedge(side=-1, quantity=delta), world=world, held=long, kills=kills, terms=terms) == [
            "ACCEPTED"
        ]
        past = hedge(side=-1, quantity=delta + 1)
        assert reasons(past, world=world, held=long, kills=kills, terms=terms) == ["KILLED"]
        assert reasons(hedge(side=1), world=world, held=long, kills=kills, terms=terms) == ["KILLED"]
        two = (hedge(side=-1, quantity=delta), hedge(side=-1, price=9_999, quantity=1))
        assert reasons(*two, world=world, held=long, kills=kills, terms=terms) == ["ACCEPTED", "KILLED"]
        working = at_work(hedge(side=-1, price=10_001, quantity=delta))
        assert reasons(two[1], world=world, held=long, kills=kills, terms=terms, working=working) == [
            "KILLED"
        ]
        none = changed(terms, kill_allows_hedges=False)
        assert reasons(two[1], world=world, held=long, kills=kills, terms=none) == ["KILLED"]
    close = order(side=-1, quantity=5, purpose=Purpose.HEDGE)
    assert reasons(close, world=world, held=long, kills=kills) == ["ACCEPTED"]
    set_kill(
        kills,
        KillSet(received_ns=NOW_NS, scope=KillScope.VENUE, name="X", on=True, owner="risk", reason="test"),
    )
    assert reasons(
        close,
        order(side=-1, price=301, quantity=5, purpose=Purpose.HEDGE, venue=1),
        world=world,
        held=held(call=10),
        kills=kills,
    ) == ["KILLED", "ACCEPTED"]


def test_a_short_book_is_bought_back_through_a_kill_and_no_further():
    """Short 5 calls: shares are bought up to the delta, those at work counted; sales at work are another matter."""
    world, short, kills = the(), held(call=-5), killed()
    delta = int(
        5 * world.values.greeks[CALL, Measure.DELTA_USD] / world.values.greeks[SHARE, Measure.DELTA_USD]
    )
    terms = changed(TERMS, notional_order_max_usd=1e9, notional_working_max_usd=1e9)
    for working, expected in (
        (at_work(hedge(price=9_999, quantity=delta - 1)), "ACCEPTED"),
        (at_work(hedge(price=9_999, quantity=delta)), "KILLED"),
        (at_work(hedge(side=-1, price=10_001, quantity=delta)), "ACCEPTED"),
        (at_work(order(row=PUT, side=-1, price=305, quantity=500)), "KILLED"),
    ):
        one = hedge(price=10_000, quantity=1)
        assert reasons(one, world=world, held=short, kills=kills, terms=terms, working=working) == [expected]


def test_messages_are_counted_and_cancels_have_some_of_their_own():
    """15 messages left of which 10 are for cancels: 5 orders pass, hedges first; 14 cancels leave one for nobody else."""
    batch = (
        *[order(row=row, side=side, price=280 + 20 * (side < 0)) for row in (1, 2) for side in (1, -1)],
        hedge(),
        order(row=3),
    )
    assert reasons(*batch, credit=[15, 0]) == ["ACCEPTED"] * 5 + ["RATE"]
    found = verdicts(*batch, credit=[15, 0], cancels=np.zeros(14, dtype=np.int64))
    assert found.cancels.all()
    assert (found.reason == Reason.RATE).all()
    assert verdicts(order(), credit=[3, 0], cancels=np.array([0, 0, 1, 0, 0])).cancels.tolist() == [
        True,
        True,
        False,
        True,
        False,
    ]
    assert verdicts(order(), credit=[15, 0]).buckets.credit_ns[0] == 14 * 2_000_000


def test_an_empty_batch():
    """Nothing wanted, nothing refused."""
    none = order().take(np.zeros(0, dtype=np.int64))
    assert verdicts(none).reason.size == 0


def test_under_limits_of_losses_and_capital_too():
    """With slides and capital measured: what passes keeps every limit whatever fills, measured again from the start."""
    from tests.limits.books import ALL, MARKET, N, measured

    random = np.random.default_rng(17)
    rows = np.array([row for row, item in enumerate(ALL) if item.underlying != "BTC" and item.strike])
    limits = (
        limit("gap_loss_usd", 25_000.0), limit("slide_loss_usd", 30_000.0), limit("capital_usd", 40_000.0), limit("delta_usd", 2e5)
    )  # fmt: skip
    quantity = np.zeros(N, dtype=np.int64)
    sent = 0
    for turn in range(12):
        book = measured(quantity)
        standing = check(book, limits, {})
        ready = prepare_gate(
            book.values, MARKET, book.exposure, np.full(N, 0.1), standing, prepare_pretrade(standing, book),
            WorkingOrders(), stopped_by(Kills(), MARKET.table, ("X",)), OrderTerms(),
        )  # fmt: skip
        row, side = random.choice(rows, 20, replace=False), random.choice([-1, 1], 20)
        price = np.maximum(np.round(book.values.price[row] * 100), 1).astype(np.int64)
        batch = columns_of(row, side, price, random.integers(1, 40, 20))
        found = gate(batch, ready, full_buckets(1, OrderTerms(), 0))
        filled = np.where(random.random(20) < 0.6, found.quantity, 0)
        np.add.at(quantity, row, side * filled)
        sent += int(found.passes.sum())
        after = check(measured(quantity), limits, {})
        for now, before in zip(after.limits, standing.limits, strict=True):
            assert now.utilisation <= max(1.0, before.utilisation) * (1 + 1e-9), (turn, now.limit.name)
    assert sent > 30
