"""One of each fact, with every field away from its default where it has one."""

from typing import get_args

from flatbook.model.events import (
    Capacity,
    CapitalReported,
    CycleDue,
    DeskSet,
    DividendsSeen,
    FastMarketSet,
    Fill,
    FillBusted,
    FillCorrected,
    ForwardQuoted,
    HistorySeen,
    InstrumentsListed,
    LimitOverridden,
    LimitsSet,
    OrdersWorking,
    QuotesSeen,
    RatesSeen,
    SessionsSeen,
    TickDue,
    UnderlyingQuoted,
)
from flatbook.model.facts import Fact
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.instruments import Instrument, Kind, Payoff, Right, Settlement, Side, Style, TickBand
from flatbook.model.lifecycle_events import Exercised, PositionAdjusted, SeriesSettled
from flatbook.model.operator_events import HedgeDecided, OperatorActed, Outcome
from flatbook.model.order_events import (
    KillScope,
    KillSet,
    OpenOrdersTold,
    OrderNews,
    OrdersAnswered,
)
from flatbook.model.parameters import (
    Desk,
    HaircutRange,
    Limit,
    LimitMeasure,
    QuotingRules,
    RiskAppetite,
    UnderlyingTerms,
)
from flatbook.model.quoting_events import DutySession, ProtectionReset, ProtectionTripped
from flatbook.model.venue_events import FeedSuspect, PositionsTold, Restarted, TradingHalted, VenueSession

OPTION = Instrument(
    symbol="BTC-28JUN19-9000-P", underlying="BTC", option_class="BTC", kind=Kind.OPTION, multiplier=1.0,
    currency="BTC", ticks_per_unit=10_000, tick_table=(TickBand(0, 1), TickBand(50, 5)),
    expiry_ns=1_561_708_800_000_000_000, strike=9000.0, right=Right.PUT, style=Style.AMERICAN,
    settlement=Settlement.FIXING, payoff=Payoff.INVERSE, beta=0.5, price_ratio=0.25,
)  # fmt: skip
FUTURE = Instrument(
    symbol="ESM19", underlying="SPX", kind=Kind.FUTURE, multiplier=50.0, currency="USD", ticks_per_unit=100,
    tick_table=(TickBand(0, 25),),
)  # fmt: skip
DESK = Desk(
    name="index desk",
    underlyings=(UnderlyingTerms(symbol="SPX", haircut=HaircutRange.BROAD_INDEX, beta=1.1, rate=0.024),),
    hedges=(HedgeTerms(instrument=FUTURE, lot=2, spread=0.25, fee_per_contract=1.2, correlation=0.9995),),
    quoting=QuotingRules(size=20),
    appetite=RiskAppetite(aversion_per_usd=2e-7, index="SPX"),
    price_stale_s=300.0,
)
LIMIT = Limit(
    measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="SPX", bucket="1m", limit_hard=120_000.0, owner="cro"
)
NOW = 1_556_000_000_000_000_123

FACTS: tuple[Fact, ...] = (
    InstrumentsListed(received_ns=NOW, instruments=(OPTION, FUTURE)),
    UnderlyingQuoted(received_ns=NOW, underlying="SPX", price=2933.68),
    ForwardQuoted(received_ns=NOW, option_class="SPXW", expiry_ns=NOW, price=2934.5, symbol="ESM19"),
    QuotesSeen(
        received_ns=NOW, symbols=("A", "B"), bid_ticks=(None, -5), ask_ticks=(10, None), bid_sizes=(None, 3),
        ask_sizes=(1, None), source_ns=NOW - 1,
    ),
    SessionsSeen(received_ns=NOW, calendar="XNYS", underlyings=("SPX",), open_ns=(1, 3), close_ns=(2, 4)),
    RatesSeen(received_ns=NOW, currency="USD", maturity_ns=(1, 2), rate=(0.02, -0.001)),
    HistorySeen(received_ns=NOW, underlying="SPX", day_ns=(1, 2), close=(2900.5, 2950.25), vol=(0.125, None)),
    DividendsSeen(received_ns=NOW, underlying="SPX", ex_ns=(1,), amount=(1.25,)),
    Fill(
        received_ns=NOW, fill_id="x-1", instrument="A", side=Side.SELL, quantity=3, price_ticks=-7, traded_ns=NOW,
        capacity=Capacity.CUSTOMER, venue="CBOE", client_id=7, fee=-0.45,
    ),
    FillCorrected(received_ns=NOW, correction_id="c", fill_id="x-1", quantity=2, price_ticks=8, corrected_ns=NOW),
    FillBusted(received_ns=NOW, bust_id="b", fill_id="x-1", busted_ns=NOW - 1),
    DeskSet(received_ns=NOW, desk=DESK, by="anna"),
    CapitalReported(received_ns=NOW, source="clearing firm", underlying="SPX", requirement_usd=1.5, as_of_ns=NOW - 1),
    OrdersWorking(received_ns=NOW, symbols=("A",), sides=(Side.SELL,), quantities=(3,), price_ticks=(None,)),
    LimitsSet(received_ns=NOW, limits=(LIMIT,), by="risk"),
    LimitOverridden(received_ns=NOW, limit=LIMIT.name, limit_hard=12.5, owner="head of desk", reason="expiry", until_ns=NOW + 1),
    FastMarketSet(received_ns=NOW, underlying="SPX", on=True, reason="rates"),
    OrdersAnswered(
        received_ns=NOW, client_ids=(1, 2), news=(OrderNews.ACKNOWLEDGED, OrderNews.UNKNOWN), venue="CBOE", reason="session lost",
    ),
    OpenOrdersTold(received_ns=NOW, venue="CBOE", asked_ns=NOW - 5, client_ids=(1,), quantities=(3,)),
    KillSet(received_ns=NOW, scope=KillScope.CLASS, name="SPXW", on=True, owner="anna", reason="runaway quoter"),
    ProtectionTripped(received_ns=NOW, scope="deribit/index/BTC", until_ns=NOW + 1),
    ProtectionReset(received_ns=NOW, scope="shadow/SPXW"),
    DutySession(received_ns=NOW, duty="eurex/regulatory", opens_ns=1, closes_ns=2, later_ns=3, new_period=False),
    SeriesSettled(
        received_ns=NOW, settlement_id="s-1", instrument="A", settlement_price=2933.68, settled_ns=NOW - 1, fee=0.5,
    ),
    Exercised(
        received_ns=NOW, exercise_id="e-1", instrument="A", quantity=-3, exercised_ns=NOW - 1, delivered="SPY",
        settlement_price=2933.68, account="M1", strategy="flow", fee=-0.5,
    ),
    PositionAdjusted(
        received_ns=NOW, adjustment_id="a-1", instrument="A", quantity=-2, price_ticks=-7, owner="anna", reason="lost fill",
        account="M1", strategy="flow",
    ),
    TradingHalted(received_ns=NOW, underlying="SPX", on=True, reason="news pending"),
    FeedSuspect(received_ns=NOW, underlyings=("SPX", "VIX"), on=True, reason="messages 7 to 9 are missing"),
    VenueSession(received_ns=NOW, venue="CBOE", up=True, orders_cancelled=True, reason="heartbeat"),
    Restarted(received_ns=NOW, reason="new version"),
    PositionsTold(
        received_ns=NOW, venue="CBOE", asked_ns=NOW - 5, executions=9, symbols=("A", "B"), quantities=(3, -2),
    ),
    OperatorActed(
        received_ns=NOW, action="limit override", who="anna", role="risk_officer", outcome=Outcome.DONE,
        target="SPX/1m/vega_usd_per_point", why="flow of the close", request="k-1", source="127.0.0.1",
    ),
    HedgeDecided(
        received_ns=NOW, underlying="SPX", approve=True, side=Side.SELL, most_delta_usd=1.5e6, until_ns=NOW + 60,
        owner="anna", reason="before the close",
    ),
    CycleDue(received_ns=NOW, reason="timer"),
    TickDue(received_ns=NOW, reason="spot"),
)  # fmt: skip

assert {type(fact) for fact in FACTS} == set(get_args(Fact)), "a fact has no sample"
