"""A simulated venue in a process of its own that says prices by a plan and notes when they are answered, for `benchmarks.wire_to_wire`.

The exchange, the protocol and the socket are the simulator's; only what moves its market is made here, so that nothing but the plan
does. SYNTHETIC: one index class of 2,002 European series, and a desk that quotes it all.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from time import monotonic

import numpy as np
from tests.sim.small_days import AT_ONCE, index_prices, small_stage

from flatbook.live.venue_codec import Commands, ToVenue
from flatbook.live.venue_server import VenueServer, _Line
from flatbook.model.order_terms import OrderTerms
from flatbook.model.parameters import Limit, LimitMeasure, QuotingRules
from flatbook.model.protection_terms import Counted, ProtectionRule, ScopeKind, Tally, Threshold, WindowKind
from flatbook.model.quoting_terms import ProtectionTerms
from flatbook.model.world_flow_terms import FlowOfDay
from flatbook.model.world_price_terms import ClassTerms, UnderlyingPriceTerms
from flatbook.sim.feed import FeedMessage
from flatbook.sim.moment import CustomerOrder, Leg
from flatbook.sim.stage import Stage

DAYS, STRIKES = (2, 5, 9, 16, 23, 30, 44, 58, 79, 107, 135, 170, 261), 77
_QUIET_S = 4.0  # without a new order, after which the desk stands
_FRESH = np.empty(0, dtype=np.int64)
_LIMITS = (
    Limit(measure=LimitMeasure.DELTA_USD, limit_hard=5e9),
    Limit(measure=LimitMeasure.GAMMA_USD_PER_PCT, limit_hard=1e9),
    Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, limit_hard=1e8),
    Limit(measure=LimitMeasure.GAP_LOSS_USD, limit_hard=5e9),
    Limit(measure=LimitMeasure.SERIES_CONTRACTS, limit_hard=1e5),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the venue says once the desk stands."""

    seconds: float
    ticks_per_s: float
    step: float = 1.5e-5  # of the walk of the price, relative, on average: an index at 16 % in 50 ms
    width: float = 1.5e-3  # that it stays in
    frames_per_s: float = 0.0  # of quotes beside the prices
    rows_per_frame: int = 0
    fills_per_s: float = 0.0  # customers that take one contract of a quote


@dataclass(slots=True, kw_only=True)
class Heard:
    """What the venue noted."""

    answers_s: list[float] = field(
        default_factory=list
    )  # from the last price before commands to their receipt
    passed: int = 0  # prices with no commands before the next price
    ticks: int = 0
    events: int = 0  # prices and quotes that were said
    commands: int = 0
    executions: int = 0
    missed: int = 0  # feed messages that the line was too full for
    lag_s: float = 0.0  # by which the plan itself was late at most


def wire_stage() -> Stage:
    """One class, a quiet market, a desk with a protection and wide limits."""
    options = ClassTerms(name="IDX", expiry_days=DAYS, strikes=STRIKES, strike_spacing=10.0)
    index = UnderlyingPriceTerms(symbol="IDX", classes=(options,))
    rule = ProtectionRule(
        scope=ScopeKind.CLASS, counted=Counted.ALL, window=WindowKind.SLIDING, interval_ms=1_000, frozen_ms=0,
        thresholds=(Threshold(tally=Tally.QUANTITY, limit=1e6),),
    )  # fmt: skip
    desk = {
        "orders": OrderTerms(
            send=True, venue="sim", messages_per_s=100_000, message_burst=200_000, requote_edge_usd=50.0,
            requote_ticks=10, requote_centre_half_spreads=0.4, burst_quotes=7, notional_working_max_usd=1e12,
        ),
        "protections": (ProtectionTerms(venue="sim", name="class", rule=rule),),
        "quoting": QuotingRules(half_spread_vol_points=0.2, half_spread_pct=0.1, size=10, width_max=20.0),
    }  # fmt: skip
    prices = index_prices(underlyings=(index,), session_minutes=120.0, spacing_seconds=7_200.0)
    return small_stage(prices, limits=_LIMITS, desk=desk, wire=AT_ONCE, flow=FlowOfDay())


class PlannedVenue(VenueServer):
    """Its market moves by a plan, and by nothing else."""

    def __init__(self, stage: Stage, plan: Plan) -> None:
        super().__init__(stage, 1, patience_s=60.0)
        self.plan, self.heard = plan, Heard()
        self.done = asyncio.Event()
        self._waiting: list[float] = []  # when prices left that have no answer
        self._number = 0
        self._chance = np.random.default_rng(1)
        self._orders_at = monotonic()

    def _hear(self, line: _Line, message: ToVenue) -> None:
        if isinstance(message, Commands):
            self.heard.commands += len(message.commands)
            self.heard.answers_s += [line.heard_s - left for left in self._waiting[-1:]]
            self.heard.passed += max(len(self._waiting) - 1, 0)
            self._waiting.clear()
            self._orders_at = monotonic()
        super()._hear(line, message)

    async def _drive(self) -> None:
        exchange = self.market.world.exchange
        while monotonic() - self._orders_at < _QUIET_S or len(exchange.open_orders()) < 1_000:
            await asyncio.sleep(0.1)
            self.market.run(self.clock_ns())
        self._number = self.market.snapshot(0)[0].number
        self.heard = Heard()
        await self._play()
        await asyncio.sleep(1.0)
        self.heard.executions = len(exchange.ledger.executions)
        self.heard.missed = sum(line.missed for line in self._lines)
        self.done.set()
        await asyncio.Event().wait()

    async def _play(self) -> None:
        plan, began = self.plan, monotonic()
        count = dict.fromkeys(("ticks", "frames", "fills"), 0)
        rates = {"ticks": plan.ticks_per_s, "frames": plan.frames_per_s, "fills": plan.fills_per_s}
        acts = {"ticks": self._tick, "frames": self._quotes, "fills": self._customer}
        while (passed := monotonic() - began) < plan.seconds:
            for kind, act in acts.items():
                while count[kind] < passed * rates[kind]:
                    self.heard.lag_s = max(self.heard.lag_s, passed - count[kind] / rates[kind])
                    act()
                    count[kind] += 1
            next_s = min((count[kind] / rate for kind, rate in rates.items() if rate), default=passed)
            await asyncio.sleep(max(next_s - (monotonic() - began), 0.0))

    def _tick(self) -> None:
        plan, spot = self.plan, float(self.market.market.moment(0).spot[0])
        self._move = getattr(self, "_move", 0.0) + plan.step * float(
            self._chance.choice((-1.0, 1.0)) * self._chance.uniform(0.6, 1.4)
        )
        folded = abs((self._move + plan.width) % (4.0 * plan.width) - 2.0 * plan.width) - plan.width
        self._say(price=spot * (1.0 + folded), rows=_FRESH)
        self._waiting.append(monotonic())
        self.heard.ticks += 1
        self.heard.events += 1

    def _quotes(self) -> None:
        """Quotes of some series again, with other sizes."""
        options = np.flatnonzero(self.market.world.table.is_option)
        rows = np.sort(self._chance.choice(options, self.plan.rows_per_frame, replace=False))
        self._say(price=None, rows=rows)
        self.heard.events += rows.size

    def _say(self, *, price: float | None, rows: np.ndarray) -> None:
        self._number += 1
        moment = self.market.market.moment(0)
        size = self._chance.integers(1, 200, (2, rows.size))
        quotes = np.stack((moment.bid_ticks[rows], moment.ask_ticks[rows], *size))
        self.quoted(
            FeedMessage(source=0, number=self._number, at_ns=self.market.now_ns, price=price, rows=rows, quotes=quotes)
        )  # fmt: skip

    def _customer(self) -> None:
        """Somebody takes a contract of a series near the money."""
        table = self.market.world.table
        spot = float(self.market.market.moment(0).spot[0])
        near = np.flatnonzero(table.is_option & (np.abs(table.strike / spot - 1.0) < 0.01))
        self._taken = getattr(self, "_taken", 0) + 1
        leg = Leg(row=int(self._chance.choice(near)), side=int(self._chance.choice((-1, 1))))
        self.market.world.customer(
            CustomerOrder(
                order_id=self._taken, at_ns=self.market.now_ns, legs=(leg,), quantity=1, reach_points=500.0,
                capacity="customer",
            )
        )  # fmt: skip


@contextmanager
def planned_venue(plan: Plan) -> Iterator[tuple[int, Connection]]:
    """One in a process of its own: its port, and where it tells what it noted once the plan is played."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_beside, args=(plan, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours.recv(), ours
    finally:
        process.terminate()
        process.join()


def _beside(plan: Plan, desk: Connection) -> None:
    asyncio.run(_serve(plan, desk))


async def _serve(plan: Plan, desk: Connection) -> None:
    venue = PlannedVenue(wire_stage(), plan)
    await venue.start()
    desk.send(venue.port)
    driven = asyncio.create_task(venue.wait())
    done = asyncio.create_task(venue.done.wait())
    await asyncio.wait((driven, done), return_when=asyncio.FIRST_COMPLETED)
    if driven.done():
        driven.result()
    desk.send(venue.heard)
    await asyncio.Event().wait()
