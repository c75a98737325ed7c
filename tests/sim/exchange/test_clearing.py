"""Expiry, exercise and assignment; and the time that the desk was quoted."""

import numpy as np
import pytest

from flatbook.model.instruments import Payoff, Right, Style
from flatbook.model.obligation_terms import ObligationRule, WidthBand
from flatbook.model.table import InstrumentTable
from flatbook.quoting.obligations import headroom, new_duty, open_session, quotes_changed
from flatbook.sim.exchange.ledger import CLEARING, CROWD, CUSTOMERS, DESK
from tests.sim.exchange.desks import (
    CALL_100,
    CALL_105,
    OPEN_NS,
    OTHER_CALL,
    PUT_100,
    SECOND,
    SHARE,
    cancel,
    customer,
    exchange,
    moment,
    order,
    show,
    table,
    words,
)
from tests.worlds import option, share

NOW = OPEN_NS + SECOND
CASH = InstrumentTable(
    version=1,
    instruments=(
        option("C", 100.0, 30, Right.CALL),
        option("P", 100.0, 30, Right.PUT),
        option("I", 100.0, 30, Right.CALL, payoff=Payoff.INVERSE, multiplier=1.0),
        share("XYZ"),
    ),
)


def _hold(venue, row, quantity, price=500):
    """The desk trades with the crowd."""
    side = 1 if quantity > 0 else -1
    show(
        venue,
        row,
        price - 1 if side > 0 else price,
        abs(quantity),
        price if side > 0 else price + 1,
        abs(quantity),
    )
    venue.take(order(9_000 + row, row, side, price, abs(quantity), immediate=True), NOW)
    assert int(venue.positions()[row]) == quantity


def _balanced(venue):
    cash = sum(venue.ledger.settled_cash(party) for party in (DESK, CROWD, CUSTOMERS, CLEARING))
    assert (venue.ledger.held.sum(axis=0) == 0).all()
    assert (venue.ledger.cash_ticks.sum(axis=0) == 0).all()
    np.testing.assert_allclose(cash, 0.0, atol=1e-9)


@pytest.mark.parametrize(
    ("row", "settles", "payoff"),
    [(0, 107.5, 7.5), (0, 99.0, 0.0), (1, 93.0, 7.0), (2, 125.0, 0.2), (3, 98.0, 98.0)],
)
def test_what_settles_in_cash_leaves_at_its_payoff(row, settles, payoff):
    """A call, a put, one that pays coins, and the underlying itself; orders end, and a second time nothing happens."""
    venue = exchange(listed=CASH)
    _hold(venue, row, -3)
    venue.take(order(1, row, -1, 800, 2), NOW)

    said = venue.expire(row, settles, NOW)

    assert (said.quantity, said.exercise, words(said.reports)) == (-3, None, ["Cancelled expiry"])
    assert said.payoff == pytest.approx(payoff, abs=1e-12)
    assert venue.ledger.settled_cash(DESK)[row] == pytest.approx(-3 * payoff, abs=1e-12)
    assert int(venue.positions()[row]) == 0
    assert venue.expire(row, settles, NOW) is None
    assert words(venue.take(order(2, row, 1, 400, 1), NOW)) == ["Rejected expired"]
    assert np.isnan(venue.marks(moment(4, spot=np.array([100.0])))[row])
    _balanced(venue)


def test_a_trade_that_is_undone_after_its_settlement_takes_it_along():
    """In cash; what was delivered stays."""
    venue = exchange(listed=CASH)
    _hold(venue, 0, 3)
    venue.expire(0, 110.0, NOW)

    assert words(venue.bust(venue.executions_after(0)[0].execution_id, NOW)) == ["Busted"]
    assert venue.ledger.settled_cash(DESK)[0] == 0.0
    assert int(venue.ledger.cash_ticks[DESK, 0]) == 0
    _balanced(venue)
    venue = exchange()
    _hold(venue, CALL_100, 3)
    venue.expire(CALL_100, 110.0, NOW)
    assert venue.bust(venue.executions_after(0)[0].execution_id, NOW) == []


@pytest.mark.parametrize(
    ("row", "held", "settles", "contracts", "shares"),
    [
        (CALL_100, 4, 100.01, 4, 400),
        (CALL_100, 4, 100.0, None, 0),
        (CALL_100, -4, 100.01, -4, -400),
        (CALL_100, -4, 99.9, None, 0),
        (PUT_100, 4, 99.99, 4, -400),
        (PUT_100, -4, 95.0, -4, 400),
        (PUT_100, -4, 100.0, None, 0),
    ],
)
def test_what_delivers_is_exercised_by_exception_or_assigned(row, held, settles, contracts, shares):
    """By a cent in the money, and all of it where every holder exercises; at the strike."""
    venue = exchange()
    _hold(venue, row, held)

    said = venue.expire(row, settles, NOW)

    assert said.payoff == 0.0
    assert (None if said.exercise is None else said.exercise.quantity) == contracts
    assert venue.positions()[[row, SHARE]].tolist() == [0, shares]
    assert int(venue.ledger.cash_ticks[DESK, SHARE]) == -shares * 10_000
    if contracts:
        made = said.exercise
        assert (made.delivered_row, made.delivered_quantity, made.price_ticks) == (SHARE, shares, 10_000)
    _balanced(venue)


def test_without_anything_to_deliver_an_exercise_pays_its_worth():
    """At the settlement price, and the series itself pays nothing."""
    listed = InstrumentTable(
        version=1, instruments=(option("C", 100.0, 30, Right.CALL, style=Style.AMERICAN),)
    )
    venue = exchange(listed=listed)
    _hold(venue, 0, -3)

    said = venue.expire(0, 108.0, NOW)

    assert (said.exercise.delivered_row, said.exercise.quantity, said.exercise.settlement_price) == (
        -1,
        -3,
        108.0,
    )
    assert venue.ledger.settled_cash(DESK)[0] == pytest.approx(-24.0, abs=1e-12)
    _balanced(venue)


def test_a_pin_is_exercised_by_some_who_need_not():
    """Within the pin out of the money; further off nobody does."""
    for settles, some in ((99.9, True), (99.0, False)):
        venue = exchange(contrary_share=0.5, pin_share=0.0025, open_interest_contracts=0)
        _hold(venue, CALL_100, -40)
        said = venue.expire(CALL_100, settles, NOW)
        assert (0 if said.exercise is None else said.exercise.quantity) == (-20 if some else 0)


def test_assignment_is_drawn_among_all_who_are_short_each_contract_as_likely():
    """200 seeds, 30 of 100 short contracts ours, half exercised: 15 on average, with the variance of draws without return."""
    drawn = []
    for seed in range(200):
        venue = exchange(seed=seed, holders_exercise_share=0.5, open_interest_contracts=70)
        _hold(venue, CALL_100, -30)
        drawn.append(-venue.expire(CALL_100, 105.0, NOW).exercise.quantity)
    variance = 30 * 0.5 * 0.5 * (100 - 30) / (100 - 1)

    assert abs(np.mean(drawn) - 15.0) < 4 * np.sqrt(variance / 200), np.mean(drawn)
    assert 0.65 < np.var(drawn) / variance < 1.5, np.var(drawn)
    assert len(set(drawn)) > 5


def test_early_exercise_falls_on_what_is_worth_no_more_than_parity():
    """Short, American, in the money and without time value: not what is long, far out, or European."""
    venue = exchange(early_share=1.0, early_time_value=0.01)
    for row, held in ((CALL_100, -5), (CALL_105, 5), (PUT_100, -5), (OTHER_CALL, -5)):
        _hold(venue, row, held)
    now = moment(spot=np.array([110.0, 60.0]), fair=np.array([10.0, 5.0, 0.0, 10.0, 110.0, 60.0]))

    at_the_strike = moment(spot=np.array([100.0, 50.0]), fair=np.zeros(6))
    assert venue.assign_early(at_the_strike, NOW) == []
    said = venue.assign_early(now, NOW)

    assert [(each.row, each.quantity, each.delivered_quantity) for each in said] == [(CALL_100, -5, -500)]
    assert venue.positions()[[CALL_100, SHARE]].tolist() == [0, -500]
    _balanced(venue)


def test_the_desk_exercises_what_it_holds_and_no_more():
    """A long call becomes shares at the strike."""
    venue = exchange()
    _hold(venue, CALL_100, 5)

    assert venue.exercise(CALL_100, 6, NOW) is None
    assert venue.exercise(SHARE, 1, NOW) is None
    assert venue.exercise(CALL_100, 2, NOW).delivered_quantity == 200
    assert venue.positions()[[CALL_100, SHARE]].tolist() == [3, 200]
    assert len({venue.exercise(CALL_100, 1, NOW).exercise_id for _ in range(3)}) == 3
    _balanced(venue)


RULE = ObligationRule(
    time_share=0.9,
    widths=(WidthBand(width=0.50), WidthBand(from_bid=10.0, width=2.0, bid_pct=10.0)),
    size_min=5,
    size_ratio_min=0.5,
)


@pytest.mark.parametrize(
    ("bid", "ask", "bid_size", "ask_size", "counts"),
    [
        (400, 450, 5, 5, True),
        (400, 451, 5, 5, False),
        (1000, 1100, 5, 5, True),
        (1000, 1101, 5, 5, False),
        (3000, 3200, 5, 5, True),
        (3000, 3201, 5, 5, False),
        (400, 450, 4, 5, False),
        (400, 450, 5, 10, True),
        (400, 450, 5, 11, False),
    ],
)
def test_a_quote_counts_where_it_is_as_narrow_and_as_large_as_asked(bid, ask, bid_size, ask_size, counts):
    """For as long as it stands; a plain order is no quote."""
    for quote in (True, False):
        venue = exchange(duty=RULE)
        venue.take(
            [order(1, 0, 1, bid, bid_size, quote=quote), order(2, 0, -1, ask, ask_size, quote=quote)],
            OPEN_NS + 3 * SECOND,
        )
        total = venue.quoted_time(OPEN_NS + 10 * SECOND)
        assert int(total.quoted_ns[0]) == (7 * SECOND if counts and quote else 0)
        assert int(total.open_ns[0]) == 10 * SECOND
        assert total.share[0] == (0.7 if counts and quote else 0.0)


def test_the_clock_stops_with_a_side_a_fill_a_halt_an_expiry_and_the_close():
    """Each ends the quote of one row; the last runs until the close and counts no second after it."""
    venue = exchange(duty=RULE, halt_cancels=False)
    for row in range(4):
        venue.take(
            [order(10 + row, row, 1, 400, 5, quote=True), order(20 + row, row, -1, 440, 5, quote=True)],
            OPEN_NS,
        )
    venue.take(cancel(10), OPEN_NS + SECOND)
    venue.customer(customer((CALL_105, 1), limits=(440,)), moment(), OPEN_NS + 2 * SECOND)
    venue.halt(0, True, OPEN_NS + 3 * SECOND)
    venue.halt(0, False, OPEN_NS + 4 * SECOND)
    venue.expire(PUT_100, 100.0, OPEN_NS + 6 * SECOND)
    venue.close_session(OPEN_NS + 10 * SECOND)

    total = venue.quoted_time(OPEN_NS + 99 * SECOND)
    assert (total.quoted_ns[:4] // SECOND).tolist() == [1, 2, 5, 10]
    assert (total.open_ns[:4] // SECOND).tolist() == [10, 10, 10, 10]


def test_the_time_is_that_of_the_desks_own_clock_of_the_duty():
    """2,000 changes of quotes in 4 series, told to both: the same nanoseconds, to the last."""
    from flatbook.sim.chance import stream

    venue, draw = exchange(duty=RULE), stream(6, "quotes")
    n, now, live, last = 4, OPEN_NS, {}, 0
    duty = new_duty(RULE, np.zeros(n, np.int64), np.ones(n, np.bool_), table().expiry_ns[:n])
    closes = OPEN_NS + 4_000 * SECOND
    open_session(duty, OPEN_NS, closes, later_ns=np.zeros(n, np.int64), sessions_later_ns=0)
    for _ in range(2_000):
        now += int(draw.share() * SECOND)
        row, side, last = int(draw.share() * n), draw.one_of((1, -1)), last + 1
        price = (400 if side > 0 else 440) + int(draw.share() * 21)
        old = live.pop((row, side), None)
        if old is not None:
            venue.take(cancel(old[0]), now)
        if draw.share() < 0.8:
            size = 4 + int(draw.share() * 8)
            venue.take(order(last, row, side, price, size, quote=True), now)
            live[row, side] = (last, price, size)
        bid, ask = live.get((row, 1)), live.get((row, -1))
        legal = bid is not None and ask is not None and 0 < ask[1] - bid[1] <= 50
        legal = legal and min(bid[2], ask[2]) >= max(5, 0.5 * max(bid[2], ask[2]))
        quotes_changed(duty, now, np.array([row]), np.array([legal]))
    headroom(duty, now)

    total = venue.quoted_time(now)
    assert int(total.quoted_ns[:n].sum()) == int(duty.quoted_ns.sum()) > 100 * SECOND
    assert int(total.open_ns[:n].sum()) == int(duty.open_ns.sum())
