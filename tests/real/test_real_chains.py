"""The desk on real chains: checked forwards and volatilities, values inside the market, hedges that go the right way."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from flatbook.adapters.files.market import read_market
from flatbook.cli.times import parse_at
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.exposure.reference_vol import reference_vols
from flatbook.kernels.black import price_european
from flatbook.market.clock import tau
from flatbook.market.quotes import QuoteStatus
from flatbook.model.events import CycleDue, DeskSet, Fill, InstrumentsListed, LimitsSet
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.instruments import Instrument, Kind, Payoff, Right, Side, TickBand
from flatbook.model.measures import Measure
from flatbook.model.parameters import (
    Desk,
    HaircutRange,
    Limit,
    LimitMeasure,
    QuotingRules,
    RiskAppetite,
    UnderlyingTerms,
)
from flatbook.quoting.propose import QuoteReason
from flatbook.quoting.ticks import NO_PRICE

DATA = Path(os.environ.get("FLATBOOK_DATA", Path(__file__).parents[3] / "shared" / "data"))
pytestmark = pytest.mark.market_data


_RULES = QuotingRules(half_spread_vol_points=0.3, half_spread_min=0.05, inventory_full_contracts=200)


@dataclass(frozen=True)
class Chain:
    """One real snapshot, and how a desk would hedge it."""

    path: str
    underlying: str
    hedge: Instrument
    spread: float
    at: str | None = None
    haircut: HaircutRange = HaircutRange.SINGLE_NAME
    rate: float | None = None
    rules: QuotingRules = _RULES


def _hedge(symbol, underlying, kind, multiplier, tick, *, payoff=Payoff.LINEAR, currency="USD"):
    return Instrument(
        symbol=symbol, underlying=underlying, kind=kind, multiplier=multiplier, currency=currency, ticks_per_unit=100,
        tick_table=(TickBand(0, tick),), payoff=payoff,
    )  # fmt: skip


_ES = _hedge("ESM19", "SPX", Kind.FUTURE, 50.0, 25)
CHAINS = {
    "spx-0503": Chain(
        "spx-cboe-eod-2019/SPX_20190503.csv", "SPX", _ES, 0.25, haircut=HaircutRange.BROAD_INDEX
    ),
    "spx-0509": Chain(
        "spx-cboe-eod-2019/SPX_20190509.csv", "SPX", _ES, 0.25, haircut=HaircutRange.BROAD_INDEX
    ),
    "goog": Chain(
        "lean-goog-20151224-minute",
        "GOOG",
        _hedge("GOOG", "GOOG", Kind.SHARE, 1.0, 1),
        0.1,
        at="2015-12-24T11:00-05:00",
        rate=0.004,
    ),
    "es": Chain(
        "lean-es-futureoption-20200106",
        "ES",
        _hedge("ESZ99", "ES", Kind.FUTURE, 50.0, 25),
        0.25,
        at="2020-01-06T12:00Z",
        haircut=HaircutRange.BROAD_INDEX,
        rate=0.016,
    ),
    "deribit": Chain(
        "deribit-chain-crash-202602/deribit_options_snapshot_20260205T212937Z.csv",
        "BTC",
        _hedge("BTC-PERPETUAL", "BTC", Kind.FUTURE, 10.0, 50, payoff=Payoff.INVERSE, currency="BTC"),
        0.5,
        rules=QuotingRules(
            half_spread_vol_points=1.0,
            half_spread_min=10.0,
            half_spread_pct=1.0,
            width_max=3_000.0,
            inventory_full_contracts=200,
        ),
    ),
}


@cache
def facts_of(name):
    """The market of a chain as events, read once."""
    chain = CHAINS[name]
    path = DATA / chain.path
    if not path.exists():
        pytest.skip(f"no real market data: {chain.path} is not in the data folder (set FLATBOOK_DATA)")
    return read_market(path, at_ns=None if chain.at is None else parse_at(chain.at))


def plan(name, orders=()):
    """The cycle of a chain with a book of (symbol, contracts)."""
    chain, market = CHAINS[name], facts_of(name)
    at_ns = market.at_ns
    desk = Desk(
        name="test",
        underlyings=(UnderlyingTerms(symbol=chain.underlying, haircut=chain.haircut, rate=chain.rate),),
        hedges=(HedgeTerms(instrument=chain.hedge, spread=chain.spread, fee_per_contract=0.1),),
        quoting=chain.rules,
        appetite=RiskAppetite(aversion_per_usd=1e-6),
    )
    limit = Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying=chain.underlying, limit_hard=1e7)
    fills = [
        Fill(
            received_ns=at_ns,
            fill_id=f"F{n}",
            instrument=symbol,
            side=Side.BUY if q > 0 else Side.SELL,
            quantity=abs(q),
            price_ticks=100,
            traded_ns=at_ns,
        )
        for n, (symbol, q) in enumerate(orders)
    ]
    state = State()
    for fact in (
        *market.events,
        DeskSet(received_ns=at_ns, desk=desk, by="test"),
        LimitsSet(received_ns=at_ns, limits=(limit,), by="test"),
        *fills,
    ):
        step(state, fact)
    cycle = step(state, CycleDue(received_ns=at_ns, reason="test"))
    assert cycle is not None
    return cycle


@cache
def flat(name):
    """The cycle of a chain with an empty book."""
    return plan(name)


def near_the_money(cycle, underlying, right, count=6):
    """Usable series next to the money, 20 to 200 days out."""
    table, market = cycle.table, cycle.market
    u = table.underlyings.index(underlying)
    good = (table.underlying_of == u) & (table.sign == int(right)) & (market.status == QuoteStatus.USABLE)
    good &= (market.years > 20 / 365) & (market.years < 200 / 365)
    rows = np.flatnonzero(good)
    order = np.argsort(np.abs(np.log(table.strike[rows] / market.forward[rows])), kind="stable")
    return [table.instruments[row].symbol for row in rows[order[:count]].tolist()]


def slice_of(cycle, option_class, day):
    """The slice of a class that expires on `day`."""
    days = [np.datetime64(key.expiry_ns, "ns").astype("datetime64[D]") for key in cycle.table.slices]
    (found,) = [
        s
        for s, key in enumerate(cycle.table.slices)
        if key.option_class == option_class and days[s] == np.datetime64(day)
    ]
    return found


@pytest.mark.parametrize(("name", "vol"), [("spx-0503", 0.102), ("spx-0509", 0.170)])
def test_spx_thirty_day_volatility_is_the_checked_one(name, vol):
    """10.2 % and 17.0 % at the money; the checked figures have three digits and their own interpolation."""
    assert reference_vols(flat(name).market)[0] == pytest.approx(vol, abs=0.0025)


@pytest.mark.parametrize("name", ["spx-0503", "spx-0509"])
def test_spx_parity_holds_as_checked(name):
    """Median residual 0.09 to 0.20 points over whole chains; nearest the money it is no larger."""
    residual = flat(name).market.slice_parity_residual

    assert float(np.nanmedian(residual)) <= 0.20
    assert np.isfinite(residual).all()


def test_spx_has_two_slices_where_both_roots_expire_on_one_day():
    """AM and PM settlement, half a day apart, each with its own forward and volatility."""
    cycle = flat("spx-0503")
    am, pm = slice_of(cycle, "SPX", "2019-06-21"), slice_of(cycle, "SPXW", "2019-06-21")

    assert cycle.market.slice_years[pm] - cycle.market.slice_years[am] == pytest.approx(6.5 / 24 / 365)
    assert cycle.market.slice_atm_vol[am] == pytest.approx(cycle.market.slice_atm_vol[pm], abs=0.003)


def test_spx_rates_from_parity_are_those_of_the_day():
    """The one-year Treasury stood at 2.38 % and one-year LIBOR at 2.72 % on 2019-05-03."""
    assert flat("spx-0503").market.slice_rate == pytest.approx(0.0255, abs=0.002)


def test_es_implied_forward_is_the_checked_one():
    """3217.03 against a future at 3217.00/3217.25; a twentieth of a point is a fifth of its tick."""
    cycle = flat("es")
    march = slice_of(cycle, "ES", "2020-03-20")

    assert cycle.market.slice_forward[march] == pytest.approx(3217.03, abs=0.06)
    assert cycle.market.slice_future[march] == pytest.approx(3217.125)


def test_goog_spot_breadth_and_volatilities_are_the_checked_ones():
    """Spot 749.22, 971 of 2,192 two-sided, at the money between 13 % and 47 %, residual about 0.15."""
    market = flat("goog").market
    two_sided = np.isfinite(market.bid) & np.isfinite(market.ask) & market.table.is_option

    assert market.spot[0] == pytest.approx(749.22)
    assert (int(two_sided.sum()), int(market.table.is_option.sum())) == (971, 2192)
    assert np.all((market.slice_atm_vol > 0.13) & (market.slice_atm_vol < 0.47))
    assert float(np.nanmedian(market.slice_parity_residual)) == pytest.approx(0.15, abs=0.10)


def test_goog_forwards_follow_the_spot_of_a_share_without_dividends():
    """At most 0.1 % from spot within two months."""
    market = flat("goog").market
    near = market.slice_years < 60 / 365

    assert market.slice_forward[near] == pytest.approx(749.22, rel=1.0e-3)


def test_deribit_forwards_agree_with_the_quoted_futures_in_the_crash():
    """Parity in coin against the venue's own future: 0.1 % for Bitcoin."""
    market = flat("deribit").market
    btc = market.table.underlying_of_slice == market.table.underlyings.index("BTC")

    assert market.slice_forward[btc] == pytest.approx(market.slice_future[btc], rel=1e-3)


@pytest.mark.parametrize(
    ("snapshot", "median", "largest"),
    [
        ("20260206T213057Z", 1e-5, 6.2e-4),  # the checked figures: median 1e-5 coin, largest 6e-4
        # In the middle of the crash marks and futures of one row were taken moments apart (the index moved 45 bp).
        ("20260205T212937Z", 2.5e-5, 2.2e-3),
    ],
)
def test_deribit_marks_are_black_76_at_the_quoted_volatility(snapshot, median, largest):
    """Through our reader's strikes and expiries, our time to expiry and our kernel."""
    path = DATA / f"deribit-chain-crash-202602/deribit_options_snapshot_{snapshot}.csv"
    if not path.exists():
        pytest.skip(
            "no real market data: the Deribit snapshots are not in the data folder (set FLATBOOK_DATA)"
        )
    market = read_market(path)
    (listing,) = (event for event in market.events if isinstance(event, InstrumentsListed))
    listed = {item.symbol: item for item in listing.instruments}
    rows = [row for row in pl.read_csv(path).iter_rows(named=True) if row["instrument_name"] in listed]
    items = [listed[row["instrument_name"]] for row in rows]
    future, vol, mark = (
        np.array([row[c] for row in rows]) for c in ("futures_price", "implied_volatility", "mark_price")
    )
    years = tau(market.at_ns, np.array([item.expiry_ns for item in items]))
    strike, sign = np.array([item.strike for item in items]), np.array([float(item.right) for item in items])
    error = np.abs(price_european(future, strike, years, vol, np.ones(len(rows)), sign) / future - mark)

    assert len(rows) > 1_500
    assert np.median(error) <= median
    assert error.max() <= largest


@pytest.mark.parametrize("name", CHAINS)
def test_at_least_80_percent_of_two_sided_series_are_valued_inside_their_market(name):
    """The brief asks 80 %; a surface without arbitrage cannot follow quotes that have some, as of coins in a crash."""
    cycle = flat(name)
    market, price = cycle.market, cycle.values.price
    two_sided = np.isfinite(market.bid) & np.isfinite(market.ask) & market.table.is_option
    inside = (price >= market.bid - 1e-9) & (price <= market.ask + 1e-9)

    assert inside[two_sided].mean() >= (0.95 if name == "deribit" else 0.98)


@pytest.mark.parametrize("name", CHAINS)
def test_every_series_has_a_value_or_a_reason(name):
    """Never silently missing, never zero."""
    cycle = flat(name)
    finite = np.isfinite(cycle.values.price) & np.isfinite(cycle.values.greeks).all(axis=1)

    assert set(np.flatnonzero(~finite).tolist()) == set(cycle.values.reasons)
    assert all(cycle.values.reasons.values())


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("right", list(Right), ids=lambda right: right.name.lower())
def test_short_calls_buy_the_hedge_and_short_puts_sell_it(name, right):
    """And the delta that is left lies inside the band; offers are leaner and smaller, and quoting goes on."""
    chain = CHAINS[name]
    symbols = near_the_money(flat(name), chain.underlying, right)
    cycle = plan(name, [(symbol, -60) for symbol in symbols])
    hedge = next(one for one in cycle.hedges if one.underlying == chain.underlying)
    u = cycle.table.underlyings.index(chain.underlying)

    assert np.sign(hedge.chosen.quantity) == int(right)
    assert abs(hedge.delta_after_usd) <= hedge.band_usd < abs(hedge.delta_before_usd)
    assert cycle.residual.exposure.by_underlying[u, Measure.DELTA_USD] == pytest.approx(
        hedge.delta_after_usd, rel=1e-9
    )
    before = flat(name).quotes
    for row in map(cycle.table.row_of, symbols):
        assert cycle.quotes.ask[row] >= before.ask[row] > NO_PRICE
        assert cycle.quotes.ask_size[row] < before.ask_size[row]
        assert cycle.quotes.bid[row] > NO_PRICE


@pytest.mark.parametrize("name", CHAINS)
def test_quotes_stand_outward_of_value_and_never_cross(name):
    """A bid below its offer, each on its side of value, legal, and neutral quotes no nearer than the half-spread."""
    cycle = flat(name)
    quotes, per_unit, theo = cycle.quotes, cycle.table.ticks_per_unit, cycle.values.price
    bid, ask, neutral = (column != NO_PRICE for column in (quotes.bid, quotes.ask, quotes.neutral_bid))

    assert np.all(quotes.bid[bid & ask] < quotes.ask[bid & ask])
    assert np.all((quotes.bid / per_unit)[bid] <= theo[bid] + 1e-9)
    assert np.all((quotes.ask / per_unit)[ask] >= theo[ask] - 1e-9)
    assert np.all((quotes.neutral_bid / per_unit)[neutral] <= (theo - quotes.half_spread)[neutral] + 1e-9)
    assert (quotes.reason == QuoteReason.TOO_WIDE).mean() < 0.01
