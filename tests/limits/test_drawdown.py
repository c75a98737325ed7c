"""The day's P&L and its fall from the peak, against sums over trades and a running maximum written out."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from flatbook.book.state import Book, book_fill
from flatbook.book.view import view
from flatbook.limits.check import check
from flatbook.limits.drawdown import day_at
from flatbook.limits.ladder import Step
from flatbook.limits.measured import DESK, Supplied
from flatbook.market.clock import NS_PER_DAY
from flatbook.model.instruments import Kind, Payoff, Right
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.model.table import InstrumentTable
from flatbook.valuation.values import value
from tests.limits.books import measured, quantities
from tests.worlds import NOW_NS, fill, option, share, view_by_hand

MIDNIGHT = NOW_NS // NS_PER_DAY * NS_PER_DAY + NS_PER_DAY
SHARES = (share("XYZ"), share("ABC", underlying="ABC"))
COIN_FUTURE = changed(
    share("BTCF", underlying="BTC"), kind=Kind.FUTURE, payoff=Payoff.INVERSE, currency="BTC", multiplier=10.0
)


def _market(at_ns, spots, instruments=SHARES):
    market = view_by_hand(instruments, spot=1.0, vols=[math.nan] * len(instruments))
    return replace(market, now_ns=at_ns, spot=np.array(spots, dtype=np.float64))


def _cycle(before, book, at_ns, *spots, instruments=SHARES):
    """The day as a cycle sees it."""
    market = _market(at_ns, spots, instruments)
    return day_at(before, view(book, market.table), value(market), market)


def _booked(book, *fills, instruments=SHARES):
    table = InstrumentTable(version=1, instruments=instruments)
    for number, (symbol, side, quantity, price, *fee) in enumerate(fills, start=len(book.cases)):
        one = fill(number, symbol, side, quantity, price, **({"fee": fee[0]} if fee else {}))
        book_fill(book, table.row_of(symbol), one)
    return book


def test_a_single_cycle_has_lost_nothing_since_its_own_start():
    """Whatever its fills made before."""
    day = _cycle(None, _booked(Book(), ("XYZ", "buy", 100, 50.0)), NOW_NS, 10.0, 10.0)

    assert day.drawdown_usd == {"XYZ": 0.0, "ABC": 0.0, DESK: 0.0}


def test_a_fall_is_told_from_the_peak_and_not_from_the_start():
    """100 shares: +200, then -300 from there, then +100."""
    book, day, found = _booked(Book(), ("XYZ", "buy", 100, 9.0)), None, []
    for minute, spot in enumerate((10.0, 12.0, 9.0, 10.0)):
        day = _cycle(day, book, NOW_NS + minute, spot, 5.0)
        found.append(day.drawdown_usd["XYZ"])

    assert found == pytest.approx([0.0, 0.0, 300.0, 200.0])
    assert day.drawdown_usd[DESK] == day.drawdown_usd["XYZ"]
    assert day.pnl_usd["XYZ"] == pytest.approx(0.0)


def test_one_underlying_pays_for_another_within_a_currency():
    """Each has its own peak; the desk has that of the sum."""
    book = _booked(Book(), ("XYZ", "buy", 100, 10.0), ("ABC", "sell", 100, 10.0))
    day = _cycle(_cycle(None, book, NOW_NS, 10.0, 10.0), book, NOW_NS + 1, 8.0, 7.0)

    assert day.drawdown_usd == pytest.approx({"XYZ": 200.0, "ABC": 0.0, DESK: 0.0})


def test_a_bad_trade_and_its_fee_are_lost_at_once():
    """Bought 2 above the market, 50 in fees; flat again it needs no price."""
    book = Book()
    start = _cycle(None, book, NOW_NS, 10.0, 10.0)
    _booked(book, ("XYZ", "buy", 100, 12.0, 50.0))
    held = _cycle(start, book, NOW_NS + 1, 10.0, 10.0)
    flat = _cycle(held, _booked(book, ("XYZ", "sell", 100, 10.0)), NOW_NS + 2, math.nan, 10.0)

    assert held.drawdown_usd["XYZ"] == pytest.approx(250.0)
    assert flat.drawdown_usd == pytest.approx({"XYZ": 250.0, "ABC": 0.0, DESK: 250.0})


@pytest.mark.parametrize("unknown", ["price", "fee"])
def test_what_is_unknown_is_not_measured_and_the_peak_stays(unknown):
    """Peak +200; nobody knows; then -100 below the start."""
    book = _booked(Book(), ("XYZ", "buy", 100, 10.0))
    start = _cycle(None, book, NOW_NS, 10.0, 10.0)
    peak = _cycle(start, book, NOW_NS + 1, 12.0, 10.0)
    if unknown == "price":
        dark = _cycle(peak, book, NOW_NS + 2, math.nan, 10.0)
    else:
        dark = _cycle(peak, _booked(_copy(), ("XYZ", "buy", 1, 12.0, math.nan)), NOW_NS + 2, 12.0, 10.0)
    after = _cycle(dark, book, NOW_NS + 3, 9.0, 10.0)

    assert math.isnan(dark.drawdown_usd["XYZ"])
    assert math.isnan(dark.drawdown_usd[DESK])
    assert dark.drawdown_usd["ABC"] == 0.0
    assert after.drawdown_usd == pytest.approx({"XYZ": 300.0, "ABC": 0.0, DESK: 300.0})


def _copy():
    return _booked(Book(), ("XYZ", "buy", 100, 10.0))


def test_a_drawdown_nobody_knows_is_a_breach():
    drawdown = {DESK: math.nan, "XYZ": 0.0, "ABC": 0.0, "BTC": 0.0}
    limits = tuple(
        Limit(measure=LimitMeasure.DRAWDOWN_USD, limit_hard=1e9, underlying=name) for name in ("", "XYZ")
    )
    desk, one = check(measured(quantities(), supplied=Supplied(drawdown_usd=drawdown)), limits, {}).limits

    assert (desk.step, one.step) == (Step.HARD, Step.NORMAL)
    assert "was not measured" in desk.reason


def test_a_day_begins_at_the_last_pnl_before_midnight():
    """The gap of the night is the new day's; yesterday's peak is not."""
    book = _booked(Book(), ("XYZ", "buy", 100, 10.0))
    day = None
    for at_ns, spot in ((MIDNIGHT - 3, 10.0), (MIDNIGHT - 2, 15.0), (MIDNIGHT - 1, 11.0)):
        day = _cycle(day, book, at_ns, spot, 10.0)
    assert day.drawdown_usd["XYZ"] == pytest.approx(400.0)
    day = _cycle(day, book, MIDNIGHT, 10.5, 10.0)

    assert day.drawdown_usd["XYZ"] == pytest.approx(50.0)
    assert day.pnl_usd["XYZ"] == pytest.approx(-50.0)


def test_a_day_begins_at_the_last_known_pnl_and_else_at_the_first_known():
    book = _booked(Book(), ("XYZ", "buy", 100, 10.0))
    dark = _cycle(None, book, MIDNIGHT - 3, math.nan, 10.0)
    known = _cycle(dark, book, MIDNIGHT - 2, 12.0, 10.0)
    again = _cycle(known, book, MIDNIGHT - 1, math.nan, 10.0)
    tomorrow = _cycle(again, book, MIDNIGHT + 1, 9.0, 10.0)

    assert math.isnan(dark.drawdown_usd["XYZ"])
    assert known.drawdown_usd["XYZ"] == 0.0
    assert tomorrow.drawdown_usd["XYZ"] == pytest.approx(300.0)


def test_what_is_listed_later_had_no_pnl_before():
    """Bought 3 above the market between its listing and the first cycle that has it."""
    book = Book()
    start = _cycle(None, book, NOW_NS, 10.0, instruments=SHARES[:1])
    day = _cycle(start, _booked(book, ("ABC", "buy", 100, 13.0)), NOW_NS + 1, 10.0, 10.0)

    assert day.drawdown_usd == pytest.approx({"XYZ": 0.0, "ABC": 300.0, DESK: 300.0})


def test_an_option_that_expired_in_the_book_is_not_measured():
    """It has no value here, and nobody told what it settled at."""
    listed = (option("C", 100.0, 1, Right.CALL),)
    book = _booked(Book(), ("C", "buy", 1, 5.0), instruments=listed)
    market = replace(view_by_hand(listed, spot=100.0, vols=[0.2]))
    start = day_at(None, view(book, market.table), value(market), market)
    after = replace(market, vol=np.array([math.nan]))
    day = day_at(start, view(book, market.table), value(after), after)

    assert start.drawdown_usd == {"XYZ": 0.0, DESK: 0.0}
    assert all(math.isnan(each) for each in day.drawdown_usd.values())


def test_coins_count_at_the_index_of_the_cycle_and_pay_no_loss_in_dollars():
    """A long inverse future of 10 USD: coins made are 10 n (1 / before - 1 / now), whatever it was bought at."""
    listed = (SHARES[0], COIN_FUTURE)
    book = _booked(Book(), ("XYZ", "buy", 100, 10.0), ("BTCF", "buy", 500, 90.0), instruments=listed)
    start = _cycle(None, book, NOW_NS, 10.0, 100.0, instruments=listed)
    rise = _cycle(start, book, NOW_NS + 1, 8.0, 125.0, instruments=listed)
    fall = _cycle(rise, book, NOW_NS + 2, 8.0, 80.0, instruments=listed)
    made, lost = (5000.0 * (1 / 100 - 1 / now) * now for now in (125.0, 80.0))

    assert rise.pnl_usd == pytest.approx({"XYZ": -200.0, "BTC": made})
    assert rise.drawdown_usd == pytest.approx({"XYZ": 200.0, "BTC": 0.0, DESK: 200.0})
    assert fall.drawdown_usd == pytest.approx({"XYZ": 200.0, "BTC": made - lost, DESK: 200.0 + made - lost})


_steps = st.lists(
    st.tuples(
        st.integers(0, NS_PER_DAY // 3),
        st.sampled_from([8.0, 9.5, 10.0, 12.25, math.nan]),
        st.sampled_from([4.0, 5.0, 6.5, math.nan]),
        st.lists(
            st.tuples(
                st.sampled_from(["XYZ", "ABC"]), st.sampled_from(["buy", "sell"]), st.integers(1, 50),
                st.sampled_from([4.0, 9.0, 10.0]), st.sampled_from([0.0, 1.5, -0.5]),
            ),
            max_size=2,
        ),
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(_steps)
def test_it_is_the_running_maximum_less_what_is_and_falls_only_by_gains(steps):
    """P&L is the sum over trades of what each has made; unknown while anything held has no price."""
    book, day, at_ns, trades = Book(), None, NOW_NS, []
    known, base, peak, date = {}, {}, {}, NOW_NS // NS_PER_DAY
    for wait_ns, *spots, fills in steps:
        at_ns += wait_ns
        _booked(book, *fills)
        trades += fills
        before, day = day, _cycle(day, book, at_ns, *spots)
        if at_ns // NS_PER_DAY > date:
            date, base, peak, before = at_ns // NS_PER_DAY, dict(known), {}, None
        pnl = {}
        for name, spot in zip(("XYZ", "ABC"), spots, strict=True):
            mine = [
                (1 if side == "buy" else -1, n, at, fee) for who, side, n, at, fee in trades if who == name
            ]
            flat = sum(sign * n for sign, n, _, _ in mine) == 0
            worth = 0.0 if flat else spot
            made = sum(sign * n * (worth - at) - fee for sign, n, at, fee in mine)
            if math.isfinite(made):
                base.setdefault(name, made)
                known[name] = made
            pnl[name] = made - base.get(name, math.nan)
        pnl[DESK] = sum(pnl.values())
        for name, now in pnl.items():
            if math.isnan(now):
                assert math.isnan(day.drawdown_usd[name])
                continue
            peak[name] = max(peak.get(name, 0.0), now)
            assert day.drawdown_usd[name] == pytest.approx(peak[name] - now, abs=1e-9)
            assert day.drawdown_usd[name] >= 0.0
            if before is not None and name != DESK and math.isfinite(before.drawdown_usd[name]):
                gain = day.pnl_usd[name] - before.pnl_usd[name]
                assert day.drawdown_usd[name] >= before.drawdown_usd[name] - max(gain, 0.0) - 1e-9
