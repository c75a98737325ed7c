"""A small synthetic world: an SPX-like chain from Black prices, a desk, its limits and a wave of customer call buying."""

import math
from itertools import count

import msgspec
import pytest

from flatbook.cli.run import offset_of_book
from flatbook.engine.cycle import Cycle
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.model.events import (
    Capacity,
    CycleDue,
    DeskSet,
    Fill,
    InstrumentsListed,
    LimitsSet,
    QuotesSeen,
    UnderlyingQuoted,
)
from flatbook.model.facts import Fact
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.instruments import Instrument, Kind, Right, Settlement, Side, TickBand
from flatbook.model.parameters import (
    Desk,
    HaircutRange,
    Limit,
    LimitMeasure,
    QuotingRules,
    RiskAppetite,
    UnderlyingTerms,
)
from flatbook.reports.plan import plan_report
from flatbook.reports.schema import PlanReport, Sources

NOW = 1_555_000_000 * 1_000_000_000  # 2019-04-11 16:26:40 UTC
DAY = 86_400 * 1_000_000_000
SPOT, RATE = 2900.0, 0.02
EXPIRIES = (("SPXW", 4), ("SPXW", 11), ("SPX", 36), ("SPXW", 64), ("SPX", 160))
HOSTILE = "<script>alert(\"x\")</script>&'desk'"
SOURCES = Sources(
    book="fills.csv", market="spx.csv", format="flatbook csv", notes=("one day",), synthetic=True
)
_TICKS = (TickBand(0, 5), TickBand(300, 10))


def option(option_class: str, days: int, strike: float, right: Right, **other: object) -> Instrument:
    """One European index option."""
    named = f"{option_class} {days:03d}d {'C' if right is Right.CALL else 'P'}{strike:g}"
    terms: dict[str, object] = {
        "symbol": named,
        "underlying": "SPX",
        "option_class": option_class,
        "kind": Kind.OPTION,
        "multiplier": 100.0,
        "currency": "USD",
        "ticks_per_unit": 100,
        "tick_table": _TICKS,
        "expiry_ns": NOW + days * DAY,
        "strike": strike,
        "right": right,
        "settlement": Settlement.AM if option_class == "SPX" else Settlement.PM,
    }
    return Instrument(**(terms | other))  # type: ignore[arg-type]


def chain() -> tuple[Instrument, ...]:
    """Five expiries of 33 strikes, calls and puts."""
    strikes = [SPOT + 25.0 * step for step in range(-16, 17)]
    return tuple(
        option(name, days, strike, right) for name, days in EXPIRIES for strike in strikes for right in Right
    )


def black(item: Instrument) -> float:
    """Black (1976) with a skewed volatility."""
    years = (item.expiry_ns - NOW) / DAY / 365.0
    forward, discount = SPOT * math.exp(0.3 * RATE * years), math.exp(-RATE * years)
    k = math.log(item.strike / forward)
    total = (0.13 - 0.25 * k + 0.6 * k * k) * math.sqrt(years)
    sign = float(item.right or 0)
    d1 = -k / total + total / 2.0
    return discount * sign * (forward * _normal(sign * d1) - item.strike * _normal(sign * (d1 - total)))


def _normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def quotes(items: tuple[Instrument, ...]) -> QuotesSeen:
    """Two-sided quotes around Black; no bid below a nickel."""
    bid, ask = [], []
    for item in items:
        price = black(item)
        half = max(0.05, 0.01 * price)
        ticks = math.floor((price - half) * 20.0) * 5
        bid.append(ticks if ticks > 0 else None)
        ask.append(max(math.ceil((price + half) * 20.0) * 5, 5))
    return QuotesSeen(
        received_ns=NOW,
        symbols=tuple(item.symbol for item in items),
        bid_ticks=tuple(bid),
        ask_ticks=tuple(ask),
    )


def future(symbol: str, multiplier: float, **other: object) -> Instrument:
    """A linear future on SPX."""
    terms: dict[str, object] = {
        "symbol": symbol,
        "underlying": "SPX",
        "kind": Kind.FUTURE,
        "multiplier": multiplier,
        "currency": "USD",
        "ticks_per_unit": 100,
        "tick_table": (TickBand(0, 25),),
    }
    return Instrument(**(terms | other))  # type: ignore[arg-type]


def desk(name: str = "index desk") -> Desk:
    """A desk that hedges SPX with ES or, worse, with a related product."""
    return Desk(
        name=name,
        underlyings=(UnderlyingTerms(symbol="SPX", haircut=HaircutRange.BROAD_INDEX),),
        hedges=(
            HedgeTerms(instrument=future("ESM19", 50.0), spread=0.25, fee_per_contract=1.2),
            HedgeTerms(
                instrument=future("SPY", 1.0, kind=Kind.SHARE, price_ratio=0.1),
                spread=0.01,
                fee_per_contract=0.02,
                correlation=0.995,
            ),
        ),
        quoting=QuotingRules(),
        appetite=RiskAppetite(aversion_per_usd=1e-6, index="SPX"),
    )


LIMITS = (
    Limit(measure=LimitMeasure.SERIES_CONTRACTS, limit_hard=50.0),
    Limit(measure=LimitMeasure.DELTA_USD, underlying="SPX", limit_hard=20e6),
    Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="SPX", limit_hard=30e3),
    Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="SPX", bucket="2m", limit_hard=16e3),
    Limit(measure=LimitMeasure.GAP_LOSS_USD, limit_hard=5e6, owner="head of desk"),
    Limit(measure=LimitMeasure.CAPITAL_USD, limit_hard=1e6),
)


def fill(number: int, symbol: str, side: Side, quantity: int) -> Fill:
    """A trade with a customer."""
    return Fill(
        received_ns=NOW,
        fill_id=f"f{number}",
        instrument=symbol,
        side=side,
        quantity=quantity,
        price_ticks=1000,
        traded_ns=NOW,
        capacity=Capacity.CUSTOMER,
        fee=0.5,
    )


FILLS = (
    fill(1, "SPX 036d C2925", Side.SELL, 25),  # customers buy calls
    fill(2, "SPX 036d C2950", Side.SELL, 20),
    fill(3, "SPX 160d C3000", Side.SELL, 12),
    fill(4, "SPXW 011d P2850", Side.SELL, 4),
    fill(5, "SPXW 064d P2800", Side.BUY, 9),
)


def cycle_of(*facts: Fact) -> Cycle:
    """Number the facts, take them, and ask for a cycle."""
    return state_and_cycle(*facts)[1]


def state_and_cycle(*facts: Fact) -> tuple[State, Cycle]:
    """The same, with what the desk remembers."""
    state, numbers = State(), count(1)
    for fact in facts:
        step(state, _numbered(fact, next(numbers)))
    cycle = step(state, CycleDue(received_ns=NOW, sequence=next(numbers), reason="test"))
    assert cycle is not None
    return state, cycle


def planned(decided: tuple[State, Cycle]) -> PlanReport:
    """The plan as the front door makes it."""
    state, cycle = decided
    offset, after = offset_of_book(cycle, state)
    return plan_report(cycle, sources=SOURCES, offset=offset, offset_after=after)


def _numbered(fact: Fact, number: int) -> Fact:
    return msgspec.structs.replace(fact, sequence=number)


@pytest.fixture(scope="session")
def decided() -> tuple[State, Cycle]:
    """Everything can be valued."""
    items = chain()
    return state_and_cycle(
        InstrumentsListed(received_ns=NOW, instruments=items),
        UnderlyingQuoted(received_ns=NOW, underlying="SPX", price=SPOT),
        quotes(items),
        DeskSet(received_ns=NOW, desk=desk(), by="test"),
        LimitsSet(received_ns=NOW, limits=LIMITS, by="test"),
        *FILLS,
    )


@pytest.fixture(scope="session")
def hurt_decided() -> tuple[State, Cycle]:
    """A held series has no price of its underlying, another has expired; names are hostile."""
    items = chain()
    evil = option("EVIL", 30, 100.0, Right.CALL, symbol='<img src=x onerror="x">', underlying="<b>NOSPOT</b>")
    silent = option("SPXW", -1, 2900.0, Right.PUT)  # expired, not booked out
    return state_and_cycle(
        InstrumentsListed(received_ns=NOW, instruments=(*items, evil, silent)),
        UnderlyingQuoted(received_ns=NOW, underlying="SPX", price=SPOT),
        quotes(items),
        DeskSet(received_ns=NOW, desk=desk(HOSTILE), by="test"),
        LimitsSet(received_ns=NOW, limits=LIMITS, by="test"),
        *FILLS,
        fill(6, evil.symbol, Side.SELL, 7),
        fill(7, silent.symbol, Side.BUY, 3),
    )


@pytest.fixture(scope="session")
def empty_decided() -> tuple[State, Cycle]:
    """Nothing held, no limit set."""
    items = chain()[:20]
    return state_and_cycle(
        InstrumentsListed(received_ns=NOW, instruments=items),
        UnderlyingQuoted(received_ns=NOW, underlying="SPX", price=SPOT),
        quotes(items),
        DeskSet(received_ns=NOW, desk=desk(), by="test"),
    )


@pytest.fixture(scope="session")
def cycle(decided: tuple[State, Cycle]) -> Cycle:
    """What was decided."""
    return decided[1]


@pytest.fixture(scope="session")
def hurt_cycle(hurt_decided: tuple[State, Cycle]) -> Cycle:
    """What was decided."""
    return hurt_decided[1]


@pytest.fixture(scope="session")
def empty_cycle(empty_decided: tuple[State, Cycle]) -> Cycle:
    """What was decided."""
    return empty_decided[1]


@pytest.fixture(scope="session")
def report(decided: tuple[State, Cycle]) -> PlanReport:
    """The plan of a day without trouble."""
    return planned(decided)


@pytest.fixture(scope="session")
def hurt_report(hurt_decided: tuple[State, Cycle]) -> PlanReport:
    """The plan of a day with series that cannot be valued."""
    return planned(hurt_decided)


@pytest.fixture(scope="session")
def empty_report(empty_decided: tuple[State, Cycle]) -> PlanReport:
    """The plan of a desk that has not traded."""
    return planned(empty_decided)
