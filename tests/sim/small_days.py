"""Small days of an hour, made in code: one underlying, eight series, some thirty customers. SYNTHETIC: every number is invented."""

import numpy as np
from msgspec.structs import replace

from flatbook.adapters.scenario_file.read import read_scenario
from flatbook.cli.simulate import shipped_scenarios
from flatbook.model.instruments import Kind, Style, TickBand
from flatbook.model.offset_terms import OffsetTerms
from flatbook.model.order_terms import OrderTerms
from flatbook.model.parameters import Desk, Limit, LimitMeasure, QuotingRules, RiskAppetite
from flatbook.model.world_exchange_terms import ExchangeTerms
from flatbook.model.world_fault_terms import FaultTerms, WireTerms
from flatbook.model.world_flow_terms import CustomerTerms, FlowOfDay
from flatbook.model.world_price_terms import (
    ClassTerms,
    CrowdQuoteTerms,
    HedgePriceTerms,
    PriceTerms,
    UnderlyingPriceTerms,
)
from flatbook.model.world_terms import Scenario
from flatbook.sim.customers.orders import customer_orders
from flatbook.sim.day import Day
from flatbook.sim.moment import CustomerOrder, Leg
from flatbook.sim.policies import POLICIES
from flatbook.sim.prices.market import simulated_market
from flatbook.sim.stage import Stage, staged

MINUTE_NS = 60_000_000_000
AT_ONCE = WireTerms(
    to_venue_ms=0.0, to_desk_ms=0.0, feed_ms=0.0, latency_sigma=0.0, decision_ms=0.0, silence_s=700.0
)
NO_CUSTOMERS = FlowOfDay()
_FUTURE = HedgePriceTerms(
    symbol="IDXFUT", underlying="IDX", kind=Kind.FUTURE, multiplier=50.0, tick_table=(TickBand(0, 25),), spread=0.25,
    depth=60.0, fee_per_contract=0.6,
)  # fmt: skip
_SHARE = HedgePriceTerms(symbol="SHR", underlying="SHR", spread=0.02, depth=3_000.0)
_CROWD = CrowdQuoteTerms(half_spread_points=0.6, lean=0.2)  # wider than the desk, which most customers meet
_WIDE = (
    Limit(measure=LimitMeasure.DELTA_USD, limit_hard=1e8, stale_after_s=3_600.0),
    Limit(measure=LimitMeasure.SERIES_CONTRACTS, limit_hard=500.0, stale_after_s=3_600.0),
)


def index_prices(*, expiry_minutes=(), **more):
    """European options in cash on IDX, and its future."""
    days = (9,) if expiry_minutes else (9, 30)
    options = ClassTerms(
        name="IDX", expiry_days=days, expiry_minutes=expiry_minutes, strikes=2, strike_spacing=25.0
    )
    index = UnderlyingPriceTerms(symbol="IDX", classes=(options,))
    return PriceTerms(
        **{
            "session_minutes": 60.0, "spacing_seconds": 600.0, "calendar": "", "underlyings": (index,), "hedges": (_FUTURE,),
            "crowd": _CROWD, **more,
        }
    )  # fmt: skip


def share_prices(*, expiry_minutes=(), strikes=4, **more):
    """American options that deliver SHR, and the share itself."""
    options = ClassTerms(
        name="SHR", style=Style.AMERICAN, expiry_days=(9,), expiry_minutes=expiry_minutes, strikes=strikes,
        strike_spacing=2.0, tick_table=(TickBand(0, 1),),
    )  # fmt: skip
    name = UnderlyingPriceTerms(symbol="SHR", spot=120.0, classes=(options,))
    return PriceTerms(
        **{
            "session_minutes": 60.0, "spacing_seconds": 600.0, "calendar": "", "underlyings": (name,), "hedges": (_SHARE,),
            "crowd": _CROWD, **more,
        }
    )  # fmt: skip


def small_stage(prices=None, *, limits=_WIDE, desk=None, **terms):
    """A stage of an hour; `desk` are changes of the desk, the rest of the scenario."""
    prices = prices or index_prices()
    name = prices.underlyings[0].symbol
    flow = FlowOfDay(customers=(CustomerTerms(underlying=name, orders_per_day=40.0, decay_per_point=2.0),))
    scenario = Scenario(
        **{
            "name": "small", "title": "A small day", "prices": prices, "flow": flow, "exchange": ExchangeTerms(),
            "wire": WireTerms(silence_s=700.0), "faults": FaultTerms(), "cycle_s": 600.0, **terms,
        }
    )  # fmt: skip
    hedges = simulated_market(prices, 0).known_hedges()
    the_desk = Desk(
        name="small desk",
        hedges=hedges,
        quoting=QuotingRules(
            half_spread_vol_points=0.2, half_spread_pct=0.1, size=10, width_max=8.0, lean_max_half_spreads=3.0,
            half_spreads_without_confidence=1.0, inventory_full_contracts=40,
        ),
        appetite=RiskAppetite(aversion_per_usd=1.5e-5, holding_days=0.25, index=name),
        orders=OrderTerms(send=True, venue="sim", messages_per_s=5_000, message_burst=10_000),
        offsets=OffsetTerms(send=True, every_s=600.0, candidates_max=16, legs_max=4),
    )  # fmt: skip
    return staged(scenario, replace(the_desk, **(desk or {})), limits)


def small_day(stage, policy="joint", seed=5, *, orders=None, **more) -> Day:
    """A day that has not begun; `orders` in place of the customers that the seed draws."""
    market = simulated_market(stage.scenario.prices, seed)
    drawn = customer_orders(stage.scenario.flow, market, seed) if orders is None else orders
    return Day(stage, POLICIES[policy], seed, market, drawn, **more)


def asks(market, minute, row, side, quantity, *, number=1, points=500.0):
    """A customer who takes nearly any price."""
    at_ns = int(market.at_ns[0]) + round(minute * MINUTE_NS)
    return CustomerOrder(
        order_id=number, at_ns=at_ns, legs=(Leg(row=row, side=side),), quantity=quantity, reach_points=points,
        capacity="customer",
    )  # fmt: skip


def busy(market):
    """A large order every four minutes, in one series after the other, now bought and now sold."""
    rows = options_of(market.table)
    return [
        asks(market, 2.0 + 4.0 * each, rows[each % len(rows)], 1 if each % 3 else -1, 60, number=each + 1)
        for each in range(14)
    ]


def options_of(table):
    """Rows of the options, in their sequence."""
    return np.flatnonzero(table.is_option).tolist()


def shortened(name, minutes=60.0) -> Stage:
    """A shipped scenario, everything in it that much earlier, with a few customers."""
    file = read_scenario(shipped_scenarios()[name])
    scenario, prices = file.scenario, file.scenario.prices
    share = minutes / prices.session_minutes

    def earlier(each, *fields):
        told = {field: getattr(each, field) for field in fields}
        return replace(each, **{field: share * at for field, at in told.items() if at is not None})

    prices = replace(
        prices,
        session_minutes=minutes,
        spacing_seconds=600.0,
        events=tuple(earlier(each, "minute") for each in prices.events),
        regimes=tuple(earlier(each, "from_minute", "to_minute") for each in prices.regimes),
        hedges=tuple(earlier(each, "break_minute", "roll_minute") for each in prices.hedges),
        pins=tuple(earlier(each, "expiry_minute", "minutes") for each in prices.pins),
    )
    customers = tuple(
        replace(
            each,
            orders_per_day=60.0,
            regimes=tuple(earlier(one, "from_minute", "to_minute") for one in each.regimes),
        )
        for each in scenario.flow.customers
    )
    scenario = replace(
        scenario,
        prices=prices,
        flow=replace(scenario.flow, customers=customers),
        cycle_s=600.0,
        markout_s=600.0,
    )
    return staged(scenario, file.desk.desk, file.desk.limits)


def bytes_of(record) -> dict[str, bytes]:
    """Every array of a record, by name."""
    out = {}
    for owner in (record, record.trades, record.watched):
        for name in type(owner).__slots__:
            value = getattr(owner, name, None)
            if isinstance(value, np.ndarray):
                out[f"{type(owner).__name__}.{name}"] = value.tobytes()
    return out


class Look:
    """One who watches: what was heard and decided, and `does(day)` after every event."""

    def __init__(self, does=None) -> None:
        self.does, self.facts, self.cycles, self.commands = does, [], [], []

    def heard(self, _, facts):
        """Kept."""
        self.facts += facts

    def decided(self, day, cycle, commands):
        """Kept with its instant."""
        self.cycles.append((day.now_ns, cycle))
        self.commands += commands

    def happened(self, day):
        """As told."""
        if self.does is not None:
            self.does(day)
