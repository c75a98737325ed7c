"""A simulated day as the exchange, the customers and the desk meet it: quotes, sizes, halts, facts before the open, determinism."""

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.model.errors import InvalidValueError
from flatbook.model.events import HistorySeen, InstrumentsListed, RatesSeen, SessionsSeen
from flatbook.model.instruments import Settlement, Style
from flatbook.model.world_price_terms import (
    ClassTerms,
    CrowdQuoteTerms,
    HaltTerms,
    HedgePriceTerms,
    PriceEventTerms,
    PriceTerms,
    RegimeTerms,
    SmileTerms,
)
from flatbook.quoting.ticks import NO_PRICE, step_ticks
from flatbook.sim.prices.market import simulated_market
from tests.sim.prices.days_of_prices import with_options

EVERYTHING = with_options(
    n=3,
    smile=SmileTerms(vol_near=0.3, vol_far=0.25),
    spacing_seconds=60.0,
    jumps_per_day=3.0,
    events=(PriceEventTerms(minute=120.5, deviation=0.03, vol_drop=0.2),),
    regimes=(
        RegimeTerms(from_minute=250, realised_multiplier=2.0, spread_multiplier=3.0, depth_multiplier=0.5),
    ),
    halts=(HaltTerms(from_minute=50, to_minute=60, underlying="A"),),
    crowd=CrowdQuoteTerms(lean=1.0),
    hedges=(
        HedgePriceTerms(symbol="A", underlying="A"),
        HedgePriceTerms(symbol="B", underlying="B"),
        HedgePriceTerms(symbol="C", underlying="C"),
        HedgePriceTerms(symbol="P", underlying="A", correlation=0.97, price_ratio=0.5),
    ),
)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_quote_holds_the_fair_value_stands_on_a_tick_and_is_not_crossed(seed):
    market = simulated_market(EVERYTHING, seed)
    table, two_sided = market.table, 0
    for index in range(market.at_ns.size):
        moment = market.moment(index)
        bid, ask = moment.bid_ticks, moment.ask_ticks
        worth = moment.fair * table.ticks_per_unit
        buys, sells = bid != NO_PRICE, ask != NO_PRICE
        two_sided += int((buys & sells).sum())
        assert (bid[buys] <= worth[buys] + 1e-6).all()
        assert (ask[sells] >= worth[sells] - 1e-6).all()
        assert (bid[buys & sells] < ask[buys & sells]).all()
        for ticks, some in ((bid, buys), (ask, sells)):
            assert (ticks[some] > 0).all()
            assert (ticks[some] % step_ticks(ticks, table)[some] == 0).all()
        assert ((moment.bid_size > 0) == buys).all()
        assert ((moment.ask_size > 0) == sells).all()
    assert two_sided > 0.75 * market.at_ns.size * len(table.instruments)


def test_what_is_halted_has_no_quotes_and_what_is_not_has():
    market = simulated_market(EVERYTHING, 3)
    of_halted = market.table.underlying_of == 0
    for index in range(48, 62):
        moment, halted = market.moment(index), 50 <= index < 60

        assert moment.halted.tolist() == [halted, False, False]
        assert (moment.ask_ticks[of_halted] == NO_PRICE).all() == halted
        assert (moment.bid_size[of_halted] == 0).all() == halted
        assert (moment.ask_ticks[~of_halted] != NO_PRICE).all()
        assert np.isfinite(moment.fair).all()


def test_quotes_are_wider_in_the_wings_after_news_and_in_a_regime():
    market = simulated_market(replace(EVERYTHING, jumps_per_day=0.0), 4)
    table = market.table
    rows = np.flatnonzero(table.is_option & (table.expiry_ns > market.at_ns[-1]))

    def width(index):
        moment = market.moment(index)
        points = (moment.ask_ticks - moment.bid_ticks)[rows] / 100.0 / moment.vega[rows]
        return points, np.abs(table.strike[rows] - moment.spot[0])

    before, after, wild = (np.median(width(index)[0]) for index in (119, 121, 300))
    points, far = width(119)
    assert after > 1.8 * before
    assert wild > 2.0 * before
    assert points[far > 6.0].mean() > 1.3 * points[far < 3.0].mean()
    calm, thin = market.moment(240).bid_size[rows].mean(), market.moment(260).bid_size[rows].mean()
    assert thin < 0.5 * calm


def test_the_middle_leans_and_stays_where_it_leans_for_a_while():
    terms = replace(EVERYTHING, crowd=CrowdQuoteTerms(lean=0.8, half_spread_points=2.0), jumps_per_day=0.0)
    market = simulated_market(terms, 5)
    table = market.table
    rows = np.flatnonzero(table.is_option & (table.expiry_ns > market.at_ns[-1]))
    lean = []
    for index in range(150, 240):
        moment = market.moment(index)
        middle, half = (
            0.5 * (moment.bid_ticks + moment.ask_ticks)[rows],
            0.5 * (moment.ask_ticks - moment.bid_ticks)[rows],
        )
        lean.append((middle - 100.0 * moment.fair[rows]) / half)
    lean = np.array(lean)
    names = [market.table.instruments[row].symbol for row in rows.tolist()]
    assert [name.replace("-P-", "-C-") for name in names[1::2]] == names[::2]
    assert (
        np.abs(lean[:, ::2] - lean[:, 1::2]).mean() < 0.6 * np.abs(lean).mean()
    )  # one for a call and its put
    assert 0.2 < lean.std() < 0.6
    assert np.abs(lean).max() <= 1.0
    assert np.corrcoef(lean[:-1].ravel(), lean[1:].ravel())[0, 1] > 0.9
    assert abs(np.corrcoef(lean[:-45].ravel(), lean[45:].ravel())[0, 1]) < 0.3


def test_sizes_follow_the_volume_of_the_day():
    market = simulated_market(
        with_options(spacing_seconds=60.0, crowd=CrowdQuoteTerms(size=1000.0, open_widening=0.0)), 6
    )
    rows = np.flatnonzero(market.table.is_option)
    seen = np.array([market.moment(k).bid_size[rows].max() for k in (195, 380)])

    assert market.volume[380] > 2.5 * market.volume[195]
    assert seen[1] > 1.8 * seen[0]


def _bytes(market):
    told = [msgspec.msgpack.encode(fact) for fact in market.opening()]
    columns = [
        getattr(market.moment(k), name).tobytes()
        for k in range(0, market.at_ns.size, 7)
        for name in ("spot", "fair", "vega", "bid_ticks", "ask_ticks", "bid_size", "ask_size")
    ]
    return b"".join(told + columns)


def test_the_same_seed_is_the_same_day_to_the_byte_in_whatever_order_it_is_asked():
    terms = replace(EVERYTHING, history_days=20)
    market, backwards, other = (
        simulated_market(terms, 7),
        simulated_market(terms, 7),
        simulated_market(terms, 8),
    )
    for index in range(market.at_ns.size - 1, -1, -1):
        backwards.moment(index)

    assert _bytes(market) == _bytes(backwards)
    assert _bytes(market) != _bytes(other)
    assert market.moment(5) is market.moment(5)


def test_moments_that_are_many_are_worked_out_again_alike():
    market = simulated_market(with_options(spacing_seconds=9.0), 7)
    first = market.moment(0)
    for index in range(1, 2200):
        market.moment(index)

    assert market.moment(0) is not first
    assert market.moment(0).fair.tobytes() == first.fair.tobytes()


def test_the_desk_is_told_what_it_needs_before_the_open():
    market = simulated_market(replace(EVERYTHING, history_days=30), 9)
    facts = market.opening()
    listing, rates, sessions, *histories = facts
    assert isinstance(listing, InstrumentsListed)
    assert listing.instruments == market.table.instruments
    assert isinstance(rates, RatesSeen)
    assert isinstance(sessions, SessionsSeen)
    assert sessions.open_ns[0] == market.at_ns[0]
    assert sessions.close_ns[0] == market.at_ns[-1]
    assert all(isinstance(one, HistorySeen) and len(one.day_ns) == 30 for one in histories)
    assert [one.underlying for one in histories] == list(market.table.underlyings) == ["A", "B", "C"]
    assert all(fact.received_ns < market.at_ns[0] for fact in facts)
    days = np.array(histories[0].day_ns) // 86_400_000_000_000
    assert ((days + 3) % 7 < 5).all()
    state = State()
    for fact in facts:
        step(state, fact)
    assert state.table.instruments == market.table.instruments


def test_history_has_the_volatility_of_the_terms_and_ends_at_the_open():
    market = simulated_market(
        replace(
            EVERYTHING,
            history_days=2000,
            underlyings=EVERYTHING.underlyings[:1],
            hedges=EVERYTHING.hedges[:1],
        ),
        10,
    )
    history = market.opening()[-1]
    days, close = np.array(history.day_ns) / 86_400_000_000_000, np.log(history.close)
    years = np.diff(days) / 365.0
    found = np.sqrt((np.diff(close) ** 2 / years).mean())

    assert found == pytest.approx(0.3, rel=3.3 / np.sqrt(2 * 2000) * 1.2)
    assert abs(close[-1] - np.log(100.0)) < 5 * 0.3 / np.sqrt(365)
    assert 0.15 < min(history.vol) < max(history.vol) < 0.8


def test_contracts_have_names_that_can_be_read_and_the_terms_of_their_class():
    classes = (
        ClassTerms(name="IDX", settlement=Settlement.AM, strikes=3, strike_spacing=5.0, expiry_days=(9,)),
        ClassTerms(name="IDXW", strikes=2, strike_spacing=2.5, expiry_days=(0,), expiry_minutes=(60, 390)),
        ClassTerms(name="A", style=Style.AMERICAN, strikes=1, strike_spacing=2.5, expiry_days=(9,)),
    )
    table = simulated_market(with_options(classes=classes), 0).table
    names = [item.symbol for item in table.instruments]

    assert names[:6] == [f"IDX-20270115-{right}-{strike}" for strike in (95, 100, 105) for right in "CP"]
    assert "IDXW-20270106T1530-C-97.5" in names
    assert "IDXW-20270106-P-100" in names
    assert len(names) == 6 + 8 + 2 + 1
    at = {
        item.symbol: str(np.datetime64(item.expiry_ns, "ns").astype("datetime64[m]"))
        for item in table.instruments
    }
    assert at["IDX-20270115-C-95"] == "2027-01-15T14:30"
    assert at["IDXW-20270106-P-100"] == "2027-01-06T21:00"
    assert at["A-20270115-C-100"] == "2027-01-15T21:00"
    assert table.delivers.sum() == 2


def test_the_world_that_nobody_configured_has_options_and_two_hedges():
    market = simulated_market(PriceTerms(), 0)
    again = msgspec.convert(msgspec.to_builtins(PriceTerms()), PriceTerms)

    assert again == PriceTerms()
    assert market.table.is_option.sum() == 24
    assert [each.instrument.symbol for each in market.known_hedges()] == ["IDXFUT", "IDXETF"]
    assert market.at_ns.size == 391


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"underlyings": ()}, "needs an underlying"),
        ({"underlyings": (EVERYTHING.underlyings[0],) * 2}, "must differ"),
        ({"halts": (HaltTerms(from_minute=1, to_minute=2, underlying="Q"),)}, "'Q' is no underlying"),
        ({"correlation": ((1.0,),)}, "3 rows of 3"),
        ({"correlation": ((1.0, 0.5, 0.0), (0.4, 1.0, 0.0), (0.0, 0.0, 1.0))}, "symmetric"),
        ({"rate": float("nan")}, "rate"),
        ({"session_minutes": 100.0, "spacing_seconds": 7200.0}, "spacing_seconds"),
        ({"jump_variance_share": 1.0}, "jump_variance_share"),
    ],
)
def test_days_that_cannot_be_are_refused(changes, match):
    with pytest.raises(InvalidValueError, match=match):
        replace(EVERYTHING, **changes)


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: SmileTerms(wings=1.5, tilt=-0.5), "wings"),
        (lambda: ClassTerms(name="A", expiry_days=()), "expiry"),
        (lambda: ClassTerms(name="A", settlement=Settlement.AM, expiry_days=(0,)), "expiry_days"),
        (lambda: replace(with_options(classes=(ClassTerms(name="A", strikes=20),))), "lowest"),
        (lambda: HaltTerms(from_minute=5, to_minute=5), "before to_minute"),
        (lambda: replace(with_options(), session_minutes=100.0, underlyings=with_options(
            classes=(ClassTerms(name="A", strikes=2, expiry_days=(), expiry_minutes=(200,)),)).underlyings), "after the close"),
        (lambda: PriceEventTerms(minute=0.0), "minute"),
        (lambda: RegimeTerms(realised_multiplier=0.0), "realised_multiplier"),
    ],
)  # fmt: skip
def test_terms_that_cannot_be_meant_are_refused(build, match):
    with pytest.raises(InvalidValueError, match=match):
        build()
