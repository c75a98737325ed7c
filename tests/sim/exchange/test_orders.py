"""What the exchange takes, refuses and says of the desk's orders; who trades first; races."""

import numpy as np
import pytest

from flatbook.model.instruments import Right
from flatbook.model.table import InstrumentTable
from flatbook.sim.exchange.ledger import CROWD, CUSTOMERS, DESK
from flatbook.sim.messages import Traded
from tests.sim.exchange.desks import (
    CALL_100,
    CALL_105,
    FUTURE,
    OPEN_NS,
    OTHER_CALL,
    SECOND,
    SHARE,
    cancel,
    customer,
    exchange,
    moment,
    order,
    show,
    table,
    trades,
    words,
)
from tests.worlds import NICKEL, option

NOW = OPEN_NS + SECOND


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (order(1, CALL_105, 1, 400, 1), "duplicate"),
        (order(9, 99, 1, 400, 1), "unknown"),
        (order(9, -1, 1, 400, 1), "unknown"),
        (order(9, CALL_105, 0, 400, 1), "side"),
        (order(9, CALL_105, 1, 400, 0), "size"),
        (order(9, CALL_105, 1, 400, -3), "size"),
        (order(9, CALL_105, 1, 400, 51), "size"),
        (order(9, SHARE, 1, 400, 501), "size"),
        (order(9, CALL_105, 1, 0, 1), "price"),
        (order(9, CALL_105, 1, -1, 1), "price"),
        (order(9, CALL_105, 1, 400, 1, replaces=77), "unknown"),
        (order(9, CALL_105, 1, 400, 1, replaces=1), "replace"),
        (order(9, CALL_100, -1, 400, 1, replaces=1), "replace"),
        (order(9, CALL_100, -1, 490, 1), "self-trade"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_changes_nothing(command, reason):
    """The order of the same id, and the one that was to be replaced, work on."""
    venue = exchange(size_max_contracts=50, hedge_size_max_contracts=500)
    venue.take(order(1, CALL_100, 1, 490, 5), NOW)

    assert words(venue.take(command, NOW)) == [f"Rejected {reason}"]
    assert venue.open_orders() == [(1, 5)]


def test_the_largest_size_is_taken():
    """The bound belongs to what is allowed."""
    venue = exchange(size_max_contracts=50, hedge_size_max_contracts=500)

    said = venue.take([order(1, CALL_100, 1, 490, 50), order(2, SHARE, 1, 490, 500)], NOW)

    assert words(said) == ["Acknowledged", "Acknowledged"]


@pytest.mark.parametrize(
    ("price", "taken"), [(295, True), (296, False), (299, False), (300, True), (305, False), (310, True)]
)
def test_prices_stand_on_the_step_of_their_band(price, taken):
    """Nickels below 3, dimes from 3 on."""
    listed = InstrumentTable(version=1, instruments=(option("C", 100.0, 30, Right.CALL, tick_table=NICKEL),))
    venue = exchange(listed=listed)

    assert words(venue.take(order(1, 0, 1, price, 1), NOW)) == ["Acknowledged" if taken else "Rejected price"]


def test_nothing_is_taken_before_the_open_and_after_the_close():
    """The close ends every order, and a new session begins with empty books."""
    venue = exchange(opened=False)
    assert words(venue.take(order(1, CALL_100, 1, 490, 5), NOW)) == ["Rejected closed"]
    venue.open_session(NOW)
    venue.take(order(2, CALL_100, 1, 490, 5), NOW)
    show(venue, CALL_100, 480, 5, 500, 5, NOW)

    assert words(venue.close_session(NOW + 1)) == ["Cancelled close"]
    assert words(venue.take(order(3, CALL_100, 1, 490, 5), NOW + 2)) == ["Rejected closed"]
    assert venue.customer(customer((CALL_100, -1), limits=(1,)), moment(), NOW + 2) == []
    venue.open_session(NOW + 3)
    assert trades(venue.take(order(4, CALL_100, 1, 500, 5), NOW + 3)) == []


def test_random_refusals_come_as_often_as_told_and_leave_what_works():
    """3,000 orders, 20 %: within four standard deviations; the same seed refuses the same ones."""
    refused = []
    for _ in range(2):
        venue = exchange(reject_share=0.2, seed=5)
        said = venue.take([order(n, CALL_100, 1, 400, 1) for n in range(1, 3001)], NOW)
        refused.append([word == "Rejected system" for word in words(said)])

    assert refused[0] == refused[1]
    assert abs(sum(refused[0]) - 600) <= 4 * np.sqrt(3000 * 0.2 * 0.8), sum(refused[0])


def test_the_better_price_goes_first_and_within_it_the_earlier_order():
    """Crowd before desk at 500 as it was there first; the desk's later order last; a better one before all."""
    venue = exchange()
    show(venue, CALL_100, 480, 3, 500, 3)
    venue.take([order(n, CALL_100, -1, price, 2) for n, price in ((1, 500), (2, 499), (3, 500))], NOW)

    said = venue.customer(customer((CALL_100, 1), quantity=8, limits=(500,)), moment(), NOW)

    assert trades(said) == [(2, 2, 499), (1, 2, 500), (3, 1, 500)]
    assert venue.ledger.held[CROWD, CALL_100] == -3
    assert venue.ledger.held[CUSTOMERS, CALL_100] == 8


@pytest.mark.parametrize(("size_then", "first"), [(3, "crowd"), (2, "crowd"), (4, "desk")])
def test_the_crowd_loses_its_place_when_its_size_grows(size_then, first):
    """Not when it stays or falls."""
    venue = exchange()
    show(venue, CALL_100, None, 0, 500, 3)
    venue.take(order(1, CALL_100, -1, 500, 2), NOW)
    show(venue, CALL_100, None, 0, 500, size_then)

    said = venue.customer(customer((CALL_100, 1), quantity=2, limits=(500,)), moment(), NOW)

    assert trades(said) == ([(1, 2, 500)] if first == "desk" else [])


def test_what_customers_take_from_the_crowd_is_back_with_its_next_quote_and_behind():
    """Depleted until then; then it is later than an order of the desk's."""
    venue = exchange()
    show(venue, CALL_100, None, 0, 500, 3)
    venue.take(order(1, CALL_100, -1, 500, 1), NOW)
    taker = customer((CALL_100, 1), quantity=3, limits=(500,))

    assert trades(venue.customer(taker, moment(), NOW)) == []
    assert trades(venue.take(order(2, CALL_100, 1, 499, 1), NOW)) == []
    show(venue, CALL_100, None, 0, 500, 3)
    assert trades(venue.customer(taker, moment(), NOW)) == [(1, 1, 500)]


@pytest.mark.parametrize(
    ("price", "quantity", "keeps"), [(500, 4, True), (500, 5, True), (500, 6, False), (499, 5, False)]
)
def test_a_replacement_keeps_its_place_only_at_its_price_and_no_larger(price, quantity, keeps):
    """Order 1 was first; 3 takes its place."""
    venue = exchange()
    venue.take([order(1, CALL_100, 1, 500, 5), order(2, CALL_100, 1, price, 5)], NOW)
    venue.take(order(3, CALL_100, 1, price, quantity, replaces=1), NOW)

    said = venue.customer(customer((CALL_100, -1), quantity=1, limits=(1,)), moment(), NOW)

    assert trades(said) == [(3 if keeps else 2, 1, price)]
    assert len(venue.open_orders()) == 2


def test_races_end_as_the_order_of_arrival_says():
    """A cancel and a replacement after the fill find nothing; a fill after the cancel does not happen."""
    venue, taker = exchange(), customer((CALL_100, -1), quantity=5, limits=(1,))
    venue.take([order(1, CALL_100, 1, 500, 5), order(2, CALL_100, 1, 400, 5)], NOW)
    venue.customer(taker, moment(), NOW)

    assert words(venue.take([cancel(1), order(3, CALL_100, 1, 501, 5, replaces=1)], NOW)) == [
        "CancelRejected unknown",
        "Rejected unknown",
    ]
    assert words(venue.take([cancel(2), cancel(2)], NOW)) == ["Cancelled asked", "CancelRejected unknown"]
    assert venue.customer(taker, moment(), NOW) == []


def test_a_replacement_that_comes_after_a_partial_fill_has_all_of_its_size():
    """Its size is told, not what was left: the desk counts both."""
    venue = exchange()
    venue.take(order(1, CALL_100, 1, 500, 5), NOW)
    venue.customer(customer((CALL_100, -1), quantity=3, limits=(1,)), moment(), NOW)

    assert words(venue.take(order(2, CALL_100, 1, 500, 5, replaces=1), NOW)) == ["Acknowledged"]
    assert venue.open_orders() == [(2, 5)]


def test_the_crowd_picks_off_a_stale_quote_at_the_quotes_price_and_its_own_size():
    """Its rest stands in the book; crossing by its bid or its offer."""
    venue = exchange()
    venue.take([order(1, CALL_100, -1, 500, 5, quote=True), order(2, CALL_105, 1, 300, 5)], NOW)

    assert trades(show(venue, CALL_100, 504, 2, 510, 9)) == [(1, 2, 500)]
    assert trades(show(venue, CALL_100, 500, 9, 510, 9)) == [(1, 3, 500)]
    assert trades(venue.take(order(3, CALL_100, -1, 500, 9, immediate=True), NOW)) == [(3, 6, 500)]
    assert trades(show(venue, CALL_105, 290, 9, 300, 4)) == [(2, 4, 300)]
    assert trades(show(venue, CALL_105, 290, 9, 301, 4)) == []


def test_a_large_hedge_walks_the_levels_behind_the_best():
    """Best 10, then 10, 20 a cent apart; what is left of an immediate order is cancelled, of another rests."""
    venue = exchange(hedge_depth_shares=(1.0, 2.0))
    show(venue, SHARE, 9_999, 10, 10_001, 10)

    said = venue.take(order(1, SHARE, 1, 10_010, 50, immediate=True), NOW)

    assert trades(said) == [(1, 10, 10_001), (1, 10, 10_002), (1, 20, 10_003)]
    assert words(said)[-1] == "Cancelled immediate"
    said = venue.take(order(2, SHARE, -1, 9_998, 25), NOW)
    assert trades(said) == [(2, 10, 9_999), (2, 10, 9_998)]
    assert venue.open_orders() == [(2, 5)]


def test_an_order_that_reaches_one_of_its_own_ends_there():
    """After what it could trade with others before; an own order further off does not matter."""
    venue = exchange()
    show(venue, CALL_100, None, 0, 500, 2)
    venue.take(order(1, CALL_100, -1, 501, 5), NOW)

    assert words(venue.take(order(2, CALL_100, 1, 500, 2), NOW)) == ["Acknowledged", "Traded"]
    show(venue, CALL_100, None, 0, 500, 2)
    said = venue.take(order(3, CALL_100, 1, 501, 9), NOW)
    assert trades(said) == [(3, 2, 500)]
    assert words(said) == ["Acknowledged", "Traded", "Cancelled self-trade"]
    assert venue.open_orders() == [(1, 5)]


def test_customers_pay_fair_value_and_their_reach_and_no_more():
    """Fair 5.00, vega 0.1 a point, reach 2 points: 5.20 to buy, 4.80 to sell; an unknown value trades nothing."""
    for price, side, quantity in ((520, 1, 1), (521, 1, 0), (480, -1, 1), (479, -1, 0)):
        venue = exchange()
        venue.take(order(1, CALL_100, -side, price, 5), NOW)
        said = venue.customer(customer((CALL_100, side), reach=2.0), moment(), NOW)
        assert sum(each[1] for each in trades(said)) == quantity, (price, side)
    between = moment(fair=np.full(6, 5.005))
    for price, side, quantity in ((520, 1, 1), (521, 1, 0), (481, -1, 1), (480, -1, 0)):
        venue = exchange()
        venue.take(order(1, CALL_100, -side, price, 5), NOW)
        said = venue.customer(customer((CALL_100, side), reach=2.0), between, NOW)
        assert sum(each[1] for each in trades(said)) == quantity, (price, side)
    blind = moment(fair=np.full(6, np.nan))
    assert venue.customer(customer((CALL_100, 1), reach=2.0), blind, NOW) == []


def test_a_package_trades_whole_within_its_net_limit_or_not_at_all():
    """Buys one call, sells two of another: each leg may be poor where the sum is not, and size must be there for all."""
    spread = customer((CALL_100, 1), (CALL_105, -1, 2), quantity=3, limits=(600, 200))
    for ask, bid, size, whole in ((640, 220, 6, True), (641, 220, 6, False), (640, 220, 5, False)):
        venue = exchange()
        show(venue, CALL_105, bid, 2, None, 0)
        venue.take([order(1, CALL_100, -1, ask, 3), order(2, CALL_105, 1, bid, size - 2)], NOW)

        said = venue.customer(spread, moment(), NOW)

        assert trades(said) == ([(1, 3, ask), (2, 4, bid)] if whole else []), (ask, bid, size)
        assert venue.ledger.held[CUSTOMERS, CALL_105] == (-6 if whole else 0)


def test_a_package_with_shares_is_weighed_in_money():
    """One call against 50 shares: a cent on a call of 100 units weighs as two cents on 50 shares."""
    for share_ask, whole in ((10_002, True), (10_003, False)):
        venue = exchange()
        venue.take([order(1, CALL_100, 1, 501, 1), order(2, SHARE, -1, share_ask, 50)], NOW)
        hedged = customer((CALL_100, -1), (SHARE, 1, 50), limits=(500, 10_000))
        assert bool(venue.customer(hedged, moment(), NOW)) == whole


def test_a_package_with_two_legs_in_one_contract_does_nothing():
    """Nor one of which a leg does not trade."""
    venue = exchange()
    venue.take([order(1, CALL_100, -1, 500, 9), order(2, CALL_105, -1, 500, 9)], NOW)

    assert venue.customer(customer((CALL_100, 1), (CALL_100, 1), limits=(900, 900)), moment(), NOW) == []
    venue.suspend(np.array([CALL_105]), True, NOW)
    assert venue.customer(customer((CALL_100, 1), (CALL_105, 1), limits=(900, 900)), moment(), NOW) == []


def test_a_halt_stops_one_underlying_until_it_is_over():
    """Its options, share, crowd and customers; the other trades on. Orders go, or wait where the exchange says so."""
    for cancels in (True, False):
        venue = exchange(halt_cancels=cancels)
        show(venue, CALL_100, 480, 5, 520, 5)
        venue.take([order(1, CALL_100, -1, 500, 5), order(2, OTHER_CALL, -1, 500, 5)], NOW)

        assert words(venue.halt(0, True, NOW)) == (["Cancelled halt"] if cancels else [])
        assert words(venue.take(order(3, SHARE, 1, 400, 1), NOW)) == ["Rejected halted"]
        assert words(venue.take(order(4, FUTURE, 1, 400, 1), NOW)) == ["Acknowledged"]
        assert show(venue, CALL_100, 510, 5, 520, 5) == []
        assert venue.customer(customer((CALL_100, 1), limits=(900,)), moment(), NOW) == []
        assert len(trades(venue.customer(customer((OTHER_CALL, 1), limits=(900,)), moment(), NOW))) == 1
        assert venue.halt(0, False, NOW) == []
        assert trades(venue.take(order(5, CALL_105, -1, 1, 1), NOW)) == []
        assert trades(show(venue, CALL_100, 510, 5, 520, 5)) == ([] if cancels else [(1, 5, 500)])


def test_a_broken_session_loses_commands_and_keeps_or_cancels_orders():
    """What trades meanwhile is there to be asked for."""
    for cancels in (True, False):
        venue = exchange()
        venue.take(order(1, CALL_100, -1, 500, 5), NOW)
        assert words(venue.disconnect(cancels, NOW)) == (["Cancelled disconnect"] if cancels else [])
        assert venue.take([order(2, CALL_100, -1, 500, 5), cancel(1)], NOW) == []
        venue.customer(customer((CALL_100, 1), limits=(900,)), moment(), NOW)
        venue.reconnect()
        assert venue.open_orders() == ([] if cancels else [(1, 4)])
        assert len(venue.executions_after(0)) == (0 if cancels else 1)


def test_fees_are_by_kind_and_by_who_was_there_first():
    """A rebate for a resting option, a fee for one that takes; a share by its own."""
    terms = exchange().terms.fees
    venue = exchange()
    show(venue, SHARE, None, 0, 10_000, 500)
    show(venue, CALL_100, 400, 9, None, 0)
    said = venue.take([order(1, CALL_100, -1, 500, 5), order(2, SHARE, 1, 10_000, 300)], NOW)
    said += venue.customer(customer((CALL_100, 1), quantity=4, limits=(500,)), moment(), NOW)
    said += venue.take(order(3, CALL_100, -1, 400, 2), NOW)

    fees = [each.fee for each in said if isinstance(each, Traded)]
    assert fees == [300 * terms.share_taker, 4 * terms.option_maker, 2 * terms.option_taker]
    assert venue.ledger.fees_paid == pytest.approx(sum(fees), abs=1e-12)


def test_busts_and_corrections_count_once_and_nothing_is_lost():
    """A corrected trade is undone as corrected; what is unknown or undone stays so; ids are unique."""
    venue = exchange()
    venue.take(order(1, CALL_100, -1, 500, 9), NOW)
    for _ in range(3):
        venue.customer(customer((CALL_100, 1), quantity=2, limits=(500,)), moment(), NOW)
    first, second, third = (each.execution_id for each in venue.executions_after(0))
    assert len({first, second, third}) == 3
    assert [each.execution_id for each in venue.executions_after(1)] == [second, third]

    assert words(venue.correct(first, 1, 450, NOW)) == ["Corrected"]
    assert int(venue.positions()[CALL_100]) == -5
    assert int(venue.ledger.cash_ticks[DESK, CALL_100]) == 450 + 4 * 500
    assert words(venue.bust(first, NOW)) == ["Busted"]
    assert int(venue.positions()[CALL_100]) == -4
    assert int(venue.ledger.cash_ticks[DESK, CALL_100]) == 4 * 500
    assert venue.ledger.fees_paid == pytest.approx(4 * venue.terms.fees.option_maker, abs=1e-12)
    for nothing in (venue.bust(first, NOW), venue.bust("x", NOW), venue.correct(first, 1, 1, NOW)):
        assert nothing == []
    assert venue.correct(second, 0, 1, NOW) == []
    assert (venue.ledger.held.sum(axis=0) == 0).all()
    assert (venue.ledger.cash_ticks.sum(axis=0) == 0).all()


def test_marks_are_the_crowds_middle_also_after_the_close_and_fair_value_without_it():
    """The desk's own quotes mark nothing."""
    venue = exchange()
    show(venue, CALL_100, 480, 5, 500, 5)
    venue.take([order(1, CALL_100, 1, 489, 5), order(2, CALL_105, 1, 10, 5)], NOW)
    now = moment(fair=np.array([1.0, 2.0, np.nan, 4.0, 5.0, 6.0]))

    before = venue.marks(now)
    venue.close_session(NOW)
    np.testing.assert_array_equal(before, [4.9, 2.0, np.nan, 4.0, 5.0, 6.0])
    np.testing.assert_array_equal(venue.marks(now), before)


def test_an_expired_series_takes_nothing_even_before_it_is_settled():
    """From its expiry on, to the nanosecond."""
    venue, ends = exchange(), table().instruments[CALL_100].expiry_ns
    venue.take(order(1, CALL_100, -1, 500, 5), NOW)

    assert words(venue.take(order(2, CALL_100, -1, 500, 5), ends - 1)) == ["Acknowledged"]
    assert words(venue.take(order(3, CALL_100, -1, 500, 5), ends)) == ["Rejected expired"]
    assert venue.customer(customer((CALL_100, 1), limits=(900,)), moment(), ends) == []
    assert show(venue, CALL_100, 600, 5, 610, 5, ends) == []
