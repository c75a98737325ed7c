"""The view as a whole: odd markets, stale underlyings, single pairs, tables without options."""

import numpy as np
import pytest

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.market.quotes import QuoteStatus
from flatbook.market.surfaces import NO_SMILE
from flatbook.market.view import ForwardSource, RateSource
from flatbook.model.events import CycleDue, DeskSet, InstrumentsListed, QuotesSeen, UnderlyingQuoted
from flatbook.model.instruments import Right, Style
from flatbook.model.measures import Measure
from tests.engine.test_step import run
from tests.worlds import NOW_NS, desk, fill, index_facts, option, share


def market_of(instruments, quotes, *, spot):
    """The view of a few contracts; quotes by symbol as (bid, ask) in ticks."""
    facts = [
        InstrumentsListed(received_ns=NOW_NS, instruments=tuple(instruments)),
        DeskSet(received_ns=NOW_NS, desk=desk(), by="test"),
        QuotesSeen(
            received_ns=NOW_NS,
            symbols=tuple(quotes),
            bid_ticks=tuple(bid for bid, _ in quotes.values()),
            ask_ticks=tuple(ask for _, ask in quotes.values()),
        ),
        CycleDue(received_ns=NOW_NS, reason="test"),
    ]
    if spot:
        facts.insert(2, UnderlyingQuoted(received_ns=NOW_NS, underlying="XYZ", price=spot))
    return run(facts)


def test_a_book_of_shares_only_is_planned():
    """No option is listed at all."""
    cycle = run(
        [
            InstrumentsListed(received_ns=NOW_NS, instruments=(share(),)),
            DeskSet(received_ns=NOW_NS, desk=desk(), by="test"),
            UnderlyingQuoted(received_ns=NOW_NS, underlying="XYZ", price=100.0),
            fill(1, "XYZ", "buy", 10, 100.0),
            CycleDue(received_ns=NOW_NS, reason="test"),
        ]
    )

    assert cycle.exposure.desk[Measure.DELTA_USD] == 1000.0
    assert cycle.exposure.by_bucket[0, -1, Measure.DELTA_USD] == 1000.0  # the linear bucket
    assert cycle.gaps.worst_desk == pytest.approx(200.0)


def test_an_empty_desk_is_planned():
    """Before anything is listed."""
    state = State()
    step(state, DeskSet(received_ns=NOW_NS, desk=desk(), by="test"))
    cycle = step(state, CycleDue(received_ns=NOW_NS, reason="test"))

    assert cycle is not None
    assert cycle.exposure.desk.size
    assert cycle.standing.limits == ()


def test_an_index_level_that_is_stale_is_named_and_the_options_price_themselves():
    """Spot 3 % off: parity holds, the health page says that the two are apart."""
    good, stale = run(index_facts()), run(index_facts_with_spot(5150.0))

    assert not any(good.market.slice_warning)
    assert stale.market.slice_forward == pytest.approx(good.market.slice_forward, rel=1e-6)
    assert all("stale" in warning for warning in stale.market.slice_warning[:1])


def index_facts_with_spot(spot):
    """The chain of IDX at 5,000 with another level printed."""
    facts = index_facts()
    return [
        UnderlyingQuoted(received_ns=NOW_NS, underlying="IDX", price=spot)
        if isinstance(f, UnderlyingQuoted)
        else f
        for f in facts
    ]


def test_days_before_expiry_a_stock_price_a_moment_old_is_no_dividend():
    """A share quoted 0.5 % late: American calls are not exercised for a yield of 90 % a year."""
    days, strikes = 2.0, np.arange(95.0, 106.0, 1.0)
    series = [
        option(f"{right.name[0]}{strike:.0f}", float(strike), days, right, style=Style.AMERICAN)
        for strike in strikes
        for right in Right
    ]
    from flatbook.kernels.black import price_european

    quotes = {}
    for item in series:
        fair = price_european(
            *(np.array([x]) for x in (100.0, item.strike, days / 365.0, 0.3, 1.0, float(item.right)))
        )[0]
        quotes[item.symbol] = (max(round(fair * 100) - 2, 1), round(fair * 100) + 2)
    cycle = market_of(series, quotes, spot=100.5)
    market, row = cycle.market, cycle.table.row_of("C98")

    assert market.slice_spot[0] == pytest.approx(100.0, abs=0.02)
    assert market.slice_yield[0] == 0.0
    assert market.bid[row] <= cycle.values.price[row] <= market.ask[row]
    assert cycle.values.greeks[row, Measure.DELTA_SHARES] < 95.0


def test_minutes_before_expiry_a_single_tight_pair_beats_a_stale_price():
    """Only the strike at the money is two-sided, and the underlying's price is five cents old."""
    minutes = 30.0 / (24.0 * 60.0)
    series = [option("C100", 100.0, minutes, Right.CALL), option("P100", 100.0, minutes, Right.PUT)]
    cycle = market_of(series, {"C100": (9, 11), "P100": (9, 11)}, spot=100.05)

    assert cycle.market.slice_forward_source[0] == ForwardSource.PARITY
    assert cycle.market.slice_forward[0] == pytest.approx(100.0, abs=0.005)


def test_a_quote_from_the_future_is_not_used():
    """A clock is wrong somewhere."""
    facts = index_facts(days=(30,), width=0.03)
    late = [
        type(f)(**{n: getattr(f, n) for n in f.__struct_fields__} | {"received_ns": NOW_NS + 5_000_000_000})
        if isinstance(f, QuotesSeen)
        else f
        for f in facts
    ]
    cycle = run(late)
    options = cycle.table.is_option

    assert np.all(cycle.market.status[options] == QuoteStatus.STALE)
    assert set(cycle.market.slice_reason) == {NO_SMILE}


def test_an_american_chain_without_a_rate_says_that_it_is_assumed():
    """Parity is an inequality there."""
    series = [
        option(f"{r.name[0]}{k}", float(k), 60.0, r, style=Style.AMERICAN)
        for k in (95, 100, 105)
        for r in Right
    ]
    quotes = {
        item.symbol: (
            max(int(100 * max(item.right * (100 - item.strike), 0)) + 200, 1),
            int(100 * max(item.right * (100 - item.strike), 0)) + 230,
        )
        for item in series
    }
    cycle = market_of(series, quotes, spot=100.0)

    assert cycle.market.slice_rate_source[0] == RateSource.ASSUMED_ZERO
    assert cycle.market.slice_rate[0] == 0.0
