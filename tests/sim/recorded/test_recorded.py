"""A recording made by hand, played again: nothing before it was known, worth as the quotes say, trades on the side they were on."""

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.kernels.black import price_european
from flatbook.market.clock import tau
from flatbook.model.errors import InvalidValueError
from flatbook.model.events import InstrumentsListed, RatesSeen, SessionsSeen, UnderlyingQuoted
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.instruments import Instrument, Kind, Right, TickBand
from flatbook.model.recorded_day import RecordedDay
from flatbook.quoting.ticks import NO_PRICE
from flatbook.sim.recorded.market import recorded_market
from flatbook.sim.recorded.orders import Rule, coverage, recorded_orders, signed_trades
from flatbook.sim.recorded.worth import chain_of, forwards
from tests.worlds import NOW_NS, option

_BAR = 60 * 10**9
_OPEN = NOW_NS
_CLOSE = NOW_NS + 10 * _BAR
_DAY_NS = 86_400 * 10**9


def _share():
    return Instrument(
        symbol="XYZ", underlying="XYZ", kind=Kind.SHARE, multiplier=1.0, currency="USD", ticks_per_unit=100,
        tick_table=(TickBand(0, 1),),
    )  # fmt: skip


def _day(instruments, quotes, trades=(), *, underlying_row=-1, forward_row=None):
    """Quotes: (minute the bar begins, row, bid, ask, bid size, ask size); trades: (minute, row, ticks, contracts)."""
    told = np.array(sorted(quotes), dtype=np.int64).reshape(-1, 6).T
    traded = np.array(trades, dtype=np.int64).reshape(-1, 4).T
    return RecordedDay(
        source="by hand", underlying="XYZ", instruments=tuple(instruments), underlying_row=underlying_row,
        forward_row=np.full(len(instruments), -1) if forward_row is None else np.array(forward_row),
        calendar="XNYS", session_open_ns=(_OPEN, _OPEN + _DAY_NS), session_close_ns=(_CLOSE, _CLOSE + _DAY_NS), bar_ns=_BAR,
        quote_ns=_OPEN + (told[0] + 1) * _BAR, quote_row=told[1], bid_ticks=told[2], ask_ticks=told[3], bid_size=told[4],
        ask_size=told[5], trade_ns=_OPEN + traded[0] * _BAR, trade_row=traded[1], trade_ticks=traded[2],
        trade_quantity=traded[3],
    )  # fmt: skip


_CALL = option("C", 100.0, 30, Right.CALL)
_SPOT = (-5, 1, 9990, 10010, 100, 100)


def _quoted(quotes, **more):
    """A market of one call and the share, which stands at 100."""
    return recorded_market(_day((_CALL, _share()), [_SPOT, *quotes], underlying_row=1, **more))


def test_a_bar_is_shown_at_its_end_and_stands_until_the_next():
    market = _quoted([(-3, 0, 300, 310, 7, 8), (2, 0, 320, 330, 5, 6)])
    shown = [market.moment(k) for k in range(10)]

    assert market.at_ns.tolist() == [_OPEN + k * _BAR for k in range(1, 11)]
    assert [int(each.bid_ticks[0]) for each in shown] == [300] * 2 + [320] * 8
    assert [int(each.ask_size[0]) for each in shown] == [8] * 2 + [6] * 8
    assert [float(each.fair[0]) for each in shown] == [3.05] * 2 + [3.25] * 8
    assert all(each.spot.tolist() == [100.0] for each in shown)
    assert shown[3].at_ns == _OPEN + 4 * _BAR
    assert market.moment(3) is shown[3]


def test_what_nobody_quotes_has_no_price_and_its_last_middle_as_worth():
    """Nobody knows a worth before the first middle; 3.10 x 3.20 meets, and shows nothing."""
    market = _quoted(
        [(0, 0, NO_PRICE, 310, 0, 8), (1, 0, 300, 310, 7, 8), (3, 0, 320, 320, 7, 8), (5, 0, 300, 320, 7, 8)]
    )
    bids = [int(market.moment(k).bid_ticks[0]) for k in range(10)]
    asks = [int(market.moment(k).ask_ticks[0]) for k in range(10)]

    assert bids == [NO_PRICE, 300, 300, NO_PRICE, NO_PRICE, *[300] * 5]
    assert asks == [310, 310, 310, NO_PRICE, NO_PRICE, *[320] * 5]
    assert np.isnan(market.moment(0).fair[0])
    assert [float(market.moment(k).fair[0]) for k in range(1, 10)] == [3.05] * 4 + [3.1] * 5
    assert [int(market.moment(k).bid_size[0]) for k in (0, 1, 3)] == [0, 7, 0]
    assert [float(market.moment(k).vega[0]) > 0.0 for k in (0, 1, 3)] == [False, True, False]
    assert coverage(market).crossed_bars == 1


def test_an_expired_series_is_gone_at_its_expiry():
    short = option("S", 100.0, 5.0 / 1440.0, Right.CALL)
    spot = (3, 1, 10340, 10360, 100, 100)
    day = _day((short, _share()), [_SPOT, (0, 0, 300, 310, 7, 8), spot], underlying_row=1)
    market = recorded_market(day)

    assert [int(market.moment(k).bid_ticks[0]) for k in range(10)] == [300] * 4 + [NO_PRICE] * 6
    assert market.moment(4).fair[0] == pytest.approx(3.5)
    assert all(np.isnan(market.moment(k).fair[0]) for k in range(5, 10))


def _hedge(symbol="XYZ", spread=0.05):
    instrument = replace(_share(), symbol=symbol)
    return HedgeTerms(instrument=instrument, spread=spread)


def test_a_hedge_is_quoted_around_the_recorded_price_at_the_spread_that_the_desk_expects():
    """The share at 100.005 with 0.05 between: 99.98 and 100.03, rounded outwards; without a hedge the recorded quotes stand."""
    day = _day((_CALL, _share()), [(-5, 1, 9991, 10010, 3, 4), (0, 0, 300, 310, 7, 8)], underlying_row=1)
    plain = recorded_market(day).moment(4)
    hedged = recorded_market(day, hedges=(_hedge(),), hedge_depth=70).moment(4)

    assert [int(each[1]) for each in (plain.bid_ticks, plain.ask_ticks, plain.bid_size, plain.ask_size)] == [
        9991, 10010, 3, 4,
    ]  # fmt: skip
    assert [
        int(each[1]) for each in (hedged.bid_ticks, hedged.ask_ticks, hedged.bid_size, hedged.ask_size)
    ] == [9998, 10003, 70, 70]
    assert hedged.fair[1] == hedged.spot[0] == pytest.approx(100.005)
    assert hedged.bid_ticks[0] == plain.bid_ticks[0]
    with pytest.raises(
        InvalidValueError, match="hedge ABC: nobody recorded its price; by hand has that of XYZ"
    ):
        recorded_market(day, hedges=(_hedge("ABC"),))


def test_moments_lie_apart_as_asked_and_end_at_the_close():
    """The first bar, and every fourth counted from the close; sides of trades still go by each bar."""
    trades = [(k, 0, 310 if k % 2 else 300, 1) for k in range(1, 10)]
    day = _day(
        (_CALL, _share()), [_SPOT, (0, 0, 300, 310, 7, 8), (4, 0, 310, 330, 7, 8)], trades, underlying_row=1
    )
    fine, coarse = recorded_market(day), recorded_market(day, spacing_s=240.0)

    assert coarse.at_ns.tolist() == [_OPEN + k * _BAR for k in (1, 2, 6, 10)]
    for k, same in enumerate((0, 1, 5, 9)):
        assert coarse.moment(k).bid_ticks.tolist() == fine.moment(same).bid_ticks.tolist()
        assert coarse.moment(k).fair.tolist() == fine.moment(same).fair.tolist()
    assert recorded_orders(coarse) == recorded_orders(fine)
    for wrong in (90.0, 30.0):
        with pytest.raises(InvalidValueError, match="whole number"):
            recorded_market(day, spacing_s=wrong)


def test_what_is_never_quoted_on_both_sides_is_not_played():
    """Nobody can say what it was worth, though it traded most."""
    other = option("D", 105.0, 30, Right.CALL)
    trades = [(k, 1, 310, 1) for k in range(1, 9)]
    quotes = [(-5, 2, 9990, 10010, 100, 100), (0, 0, 300, 310, 7, 8), (0, 1, NO_PRICE, 310, 0, 8)]
    market = recorded_market(_day((_CALL, other, _share()), quotes, trades, underlying_row=2))

    assert [item.symbol for item in market.table.instruments] == ["C", "XYZ"]
    assert recorded_orders(market) == ()


def _black_chain(forward, rate, vol, days=60, strikes=range(80, 121, 5)):
    """Calls and puts at Black's prices, quoted a tick either side; what is deep in the money has no quote."""
    items, quotes = [], []
    for strike in strikes:
        for right in Right:
            item = option(f"{right.name}{strike}", float(strike), days, right)
            years = float(tau(_OPEN + _BAR, np.array([item.expiry_ns]))[0])
            one = [
                np.array([each])
                for each in (forward, strike, years, vol, np.exp(-rate * years), float(right))
            ]
            ticks = round(float(price_european(*one)[0]) * 100.0)
            quotes.append((0, len(items), ticks - 1, ticks + 1, 10, 10))
            items.append(item)
    return items, quotes, years


def test_without_underlying_the_price_is_what_parity_says():
    """Prices are whole ticks: the forward is right within one, and spot is the forward discounted."""
    items, quotes, years = _black_chain(103.7, 0.04, 0.25)
    market = recorded_market(_day(items, quotes), series=len(items), rate=0.04)

    assert market.spot[0] == pytest.approx(103.7 * np.exp(-0.04 * years), abs=0.011)


def test_vegas_are_those_of_the_volatility_that_the_quotes_imply_for_call_and_put_alike():
    """Against the change of Black's price for a point of vol, centred: 2 % covers what rounding to ticks does to a vol."""
    items, quotes, years = _black_chain(103.7, 0.04, 0.25, days=365)
    quotes = [
        (*each[:2], NO_PRICE, each[3], 0, 10) if items[each[1]].symbol == "CALL80" else each
        for each in quotes
    ]
    market = recorded_market(_day(items, quotes), series=len(items), rate=0.04)
    vega = market.moment(0).vega

    def price(strike, right, vol):
        one = [np.array([each]) for each in (103.7, strike, years, vol, np.exp(-0.04 * years), float(right))]
        return float(price_european(*one)[0])

    for item, found in zip(market.table.instruments, vega, strict=True):
        bumped = (price(item.strike, item.right, 0.26) - price(item.strike, item.right, 0.24)) / 2.0
        assert found == pytest.approx(bumped, rel=0.02), item.symbol


def test_an_expiry_of_a_future_goes_by_its_future():
    items, quotes, _ = _black_chain(103.7, 0.0, 0.25)
    future = Instrument(
        symbol="F", underlying="XYZ", kind=Kind.FUTURE, multiplier=1.0, currency="USD", ticks_per_unit=100,
        tick_table=(TickBand(0, 1),), expiry_ns=items[0].expiry_ns,
    )  # fmt: skip
    row = len(items)
    quotes = [*quotes, (0, row, 10999, 11001, 5, 5)]
    day = _day([*items, future], quotes, underlying_row=row, forward_row=[row] * row + [-1])
    market, chain = recorded_market(day, series=4), chain_of(day, 0.0)
    vega = market.moment(0).vega
    forward = forwards(chain, int(market.at_ns[0]), market.middle[0], 1.0)

    assert market.spot[0] == 110.0
    assert forward[:row].tolist() == [110.0] * row
    assert np.isnan(forward[row])
    assert [item.kind for item in market.table.instruments] == [Kind.OPTION] * 4 + [Kind.FUTURE]
    assert vega[-1] == 0.0
    assert (vega[:4] > 0.0).all()


def test_the_busiest_series_are_those_that_trade_most():
    items, quotes, _ = _black_chain(100.0, 0.0, 0.25)
    trades = [(k, row, 100, 1) for row, count in ((3, 4), (8, 2), (5, 1)) for k in range(count)]
    trades += [(11, 0, 100, 1)] * 9
    quotes += [(minute, 1, 100, 110, 1, 1) for minute in range(1, 9)]
    market = recorded_market(_day(items, quotes, sorted(trades)), series=2)

    assert market.rows.tolist() == [3, 8]
    assert recorded_market(_day(items, quotes, sorted(trades)), series=3).rows.tolist() == [3, 5, 8]
    assert recorded_market(_day(items, quotes, sorted(trades)), series=4).rows.tolist() == [1, 3, 5, 8]
    with pytest.raises(InvalidValueError, match="1 series"):
        recorded_market(_day(items, quotes), series=0)


def test_a_day_without_any_price_of_the_underlying_is_refused():
    with pytest.raises(InvalidValueError, match="nobody quotes XYZ"):
        recorded_market(_day((_CALL,), [(0, 0, 300, 310, 1, 1)]))


def test_sides_go_by_the_quotes_before_the_trade_and_at_the_middle_by_the_last_price():
    quotes = [(0, 0, 300, 310, 7, 8), (5, 0, 320, 330, 7, 8), (7, 0, NO_PRICE, 330, 0, 8)]
    trades = [
        (0, 0, 301, 9),  # before the first moment: only a last price
        (1, 0, 310, 1),  # above the middle
        (2, 0, 300, 2),  # below
        (3, 0, 305, 3),  # at the middle, up from 300
        (4, 0, 305, 4),  # the same price again: as before
        (5, 0, 310, 5),  # the bar of this minute is not known yet: above 305
        (6, 0, 310, 6),  # now it is: below 325
        (8, 0, 310, 7),  # no middle; the last change was up
        (10, 0, 310, 8),  # after the close
    ]
    market = _quoted(quotes, trades=trades)
    signed = signed_trades(market)
    orders = recorded_orders(market)

    assert signed.side.tolist() == [1, -1, 1, 1, 1, -1, 1]
    assert signed.rule.tolist() == [
        Rule.QUOTES, Rule.QUOTES, Rule.LAST_TRADE, Rule.LAST_TRADE, Rule.QUOTES, Rule.QUOTES, Rule.LAST_TRADE,
    ]  # fmt: skip
    assert [(each.order_id, each.quantity, each.limit_ticks) for each in orders] == [
        (1, 1, (310,)), (2, 2, (300,)), (3, 3, (305,)), (4, 4, (305,)), (5, 5, (310,)), (6, 6, (310,)), (7, 7, (310,)),
    ]  # fmt: skip
    assert [each.at_ns for each in orders[:2]] == [_OPEN + _BAR * 3 // 2, _OPEN + _BAR * 5 // 2]
    assert [each.legs[0].side for each in orders] == signed.side.tolist()
    assert all(each.legs[0].row == 0 and each.capacity == "unknown" for each in orders)


def test_a_trade_that_nothing_tells_is_left_out_and_counted():
    market = _quoted([(0, 0, 300, 310, 7, 8)], trades=[(1, 0, 305, 3), (2, 0, 305, 3)])

    assert recorded_orders(market) == ()
    assert coverage(market).unknown_share == 1.0


def test_the_opening_tells_what_a_desk_needs():
    market = _quoted([(0, 0, 300, 310, 7, 8)])
    kinds = [type(fact) for fact in market.opening()]

    assert kinds == [InstrumentsListed, RatesSeen, SessionsSeen, UnderlyingQuoted]
    assert market.opening()[0].instruments == market.table.instruments
