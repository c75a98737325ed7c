"""The day of a seed: small, short, and with every fault; what is in it is drawn from the seed alone.

Limits are so tight that flow reaches them, a duty and a protection are on, one expiry falls within most days, and the last minutes are
calm, so that what went wrong can be mended before the close. SYNTHETIC: every number is invented.
"""

from dataclasses import dataclass

from msgspec.structs import replace

from flatbook.model.flow_terms import FlowTerms
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.instruments import Kind, Style, TickBand
from flatbook.model.obligation_terms import ObligationRule, WidthBand
from flatbook.model.offset_terms import OffsetTerms
from flatbook.model.order_terms import OrderTerms
from flatbook.model.parameters import (
    Desk,
    Limit,
    LimitMeasure,
    QuotingRules,
    RiskAppetite,
)
from flatbook.model.protection_terms import (
    Counted,
    ProtectionRule,
    ScopeKind,
    Tally,
    Threshold,
    WindowKind,
)
from flatbook.model.quoting_terms import DutyTerms, ProtectionTerms
from flatbook.model.world_exchange_terms import ExchangeTerms
from flatbook.model.world_fault_terms import FaultTerms, WireTerms
from flatbook.model.world_flow_terms import CustomerTerms, FlowOfDay, InformedTerms, PackageTerms
from flatbook.model.world_price_terms import (
    ClassTerms,
    HaltTerms,
    HedgePriceTerms,
    PriceEventTerms,
    PriceTerms,
    UnderlyingPriceTerms,
)
from flatbook.model.world_terms import Scenario
from flatbook.sim.chance import Chance, stream
from flatbook.sim.customers.orders import customer_orders
from flatbook.sim.moment import CustomerOrder
from flatbook.sim.prices.market import SimulatedMarket, simulated_market
from flatbook.sim.stage import Stage, staged

VENUE = "sim"
CALM_MINUTES = 10.0
ON_DISK_EVERY = 10  # seeds of which one keeps its journal in files
QUIET_EVERY = 25  # seeds of which one has no faults at all: what faults could hide shows there
_INDEX, _SHARE = "IDX", "SHR"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestedDay:
    """Everything of a day but its policy."""

    __test__ = False  # no test case of pytest's

    seed: int
    stage: Stage
    market: SimulatedMarket
    orders: tuple[CustomerOrder, ...]
    on_disk: bool
    is_tight: bool  # its limits may leave no room for a quote


def draw_day(seed: int, faults: FaultTerms | None = None) -> TestedDay:
    """Draw the day of a seed.

    Parameters
    ----------
    seed : int
        0 or above.
    faults : FaultTerms, optional
        In place of those that the seed draws.
    """
    draw = stream(seed, "checks/day")
    minutes = float(25 + 5 * int(4 * draw.share()))
    spacing_s = (180.0, 240.0, 300.0)[int(3 * draw.share())]
    names = ((_INDEX,), (_SHARE,), (_INDEX, _SHARE))[int(3 * draw.share())]
    prices = _prices(draw, names, minutes, spacing_s)
    on_disk = seed % ON_DISK_EVERY == 0
    drawn = faults_of(draw, minutes) if seed % QUIET_EVERY else FaultTerms(calm_last_minutes=CALM_MINUTES)
    if on_disk and drawn.kills_per_day:
        drawn = replace(drawn, kills_per_day=2.0, torn_records_share=0.8)
    scenario = Scenario(
        name=f"tested day {seed}",
        title="A tested day",
        prices=prices,
        flow=FlowOfDay(customers=tuple(_customers(draw, name, minutes) for name in names)),
        exchange=ExchangeTerms(venue=VENUE),
        wire=WireTerms(silence_s=spacing_s + 60.0, ask_again_s=240.0),
        faults=drawn if faults is None else faults,
        cycle_s=2.0 * spacing_s,
        react_s=120.0,
        refit_every=4,
    )
    market = simulated_market(prices, seed)
    tight = draw.between(0.08, 0.25) if draw.share() < 0.5 else 1.0
    stage = staged(scenario, _desk(draw, market.known_hedges()), _limits(draw, names, tight))
    return TestedDay(
        seed=seed,
        stage=stage,
        market=market,
        orders=customer_orders(scenario.flow, market, seed),
        on_disk=on_disk,
        is_tight=tight < 1.0,
    )


def faults_of(draw: Chance, minutes: float) -> FaultTerms:
    """Every fault, so often that most kinds happen in most days; shares of messages are heavy in some days."""
    heavy = 3.0 if draw.share() < 0.3 else 1.0
    closed = minutes * draw.between(0.2, 0.5)
    return FaultTerms(
        feed_gaps_per_day=1.5,
        feed_gap_s=150.0,
        feed_gap_all_share=0.3,
        stale_feeds_per_day=1.0,
        stale_feed_s=600.0,
        stale_series_per_day=2.0,
        stale_series_s=400.0,
        frozen_prices_per_day=1.0,
        frozen_price_s=300.0,
        feed_lost_share=0.02 * heavy,
        feed_repeated_share=0.05 * heavy,
        feed_reordered_share=0.05 * heavy,
        feed_crossed_share=0.2 if draw.share() < 0.35 else 0.0,
        commands_lost_share=0.004 * heavy,
        commands_repeated_share=0.01 * heavy,
        commands_reordered_share=0.01 * heavy,
        late_cancels_share=0.05 * heavy,
        late_cancel_ms=200.0,
        rejects_share=0.005 * heavy,
        reports_lost_share=0.01 * heavy,
        answers_lost_share=0.004 * heavy,
        reports_repeated_share=0.03 * heavy,
        reports_reordered_share=0.03 * heavy,
        reorder_ms=50.0,
        disconnects_per_day=1.2,
        disconnect_s=90.0,
        cancel_on_disconnect_share=0.5,
        hedge_closed_from_minute=closed if draw.share() < 0.5 else None,
        hedge_closed_to_minute=None,
        clock_jumps_per_day=0.7,
        clock_jump_s=1_800.0,
        clock_wrong_s=200.0,
        slow_decisions_share=0.03 * heavy,
        slow_decision_ms=500.0,
        kills_per_day=0.8,
        kill_writes=12,
        torn_records_share=0.5,
        full_disks_per_day=0.3,
        busts_per_day=2.0,
        corrections_per_day=2.0,
        calm_last_minutes=CALM_MINUTES,
    )


def _prices(draw: Chance, names: tuple[str, ...], minutes: float, spacing_s: float) -> PriceTerms:
    strikes = 2 if len(names) > 1 else (2, 3, 4)[int(3 * draw.share())]
    within = round(draw.between(0.4, 0.7) * minutes)
    moves = draw.share()
    return PriceTerms(
        session_minutes=minutes,
        spacing_seconds=spacing_s,
        calendar="",
        underlyings=tuple(_underlying(name, strikes, within if draw.share() < 0.7 else 0) for name in names),
        hedges=tuple(_HEDGES[name] for name in names),
        events=(
            (PriceEventTerms(minute=minutes * draw.between(0.2, 0.6), deviation=0.03),) if moves < 0.4 else ()
        ),
        halts=(
            (
                HaltTerms(
                    from_minute=minutes * 0.3,
                    to_minute=minutes * draw.between(0.35, 0.5),
                    underlying=names[int(draw.share() * len(names))],
                ),
            )
            if 0.2 < moves < 0.6
            else ()
        ),
    )


def _underlying(name: str, strikes: int, within: int) -> UnderlyingPriceTerms:
    """One underlying; `within`: minute of an expiry within the day, 0 for none."""
    index = name == _INDEX
    options = ClassTerms(
        name=name,
        style=Style.EUROPEAN if index else Style.AMERICAN,
        expiry_days=(9,) if within else (9, 30),
        expiry_minutes=(within,) if within else (),
        strikes=strikes,
        strike_spacing=25.0 if index else 2.0,
        tick_table=(TickBand(0, 5), TickBand(300, 10)) if index else (TickBand(0, 1),),
    )
    return UnderlyingPriceTerms(symbol=name, spot=5000.0 if index else 120.0, classes=(options,))


_HEDGES = {
    _INDEX: HedgePriceTerms(
        symbol="IDXFUT", underlying=_INDEX, kind=Kind.FUTURE, multiplier=50.0, tick_table=(TickBand(0, 25),), spread=0.25,
        depth=60.0, fee_per_contract=0.6,
    ),
    _SHARE: HedgePriceTerms(symbol=_SHARE, underlying=_SHARE, spread=0.02, depth=3_000.0),
}  # fmt: skip


def _customers(draw: Chance, name: str, minutes: float) -> CustomerTerms:
    return CustomerTerms(
        underlying=name,
        orders_per_day=minutes * draw.between(2.0, 6.0),
        buy_share=draw.between(0.15, 0.85),
        decay_per_point=6.0,
        informed=InformedTerms(share=0.1),
        packages=PackageTerms(share=0.15),
    )


def _desk(draw: Chance, hedges: tuple[HedgeTerms, ...]) -> Desk:
    size = 3 + int(8 * draw.share())
    burst = (0, 5, 6, 7)[int(4 * draw.share())]  # all quotes, or at least what the protection lets fill
    rule = ProtectionRule(
        scope=ScopeKind.UNDERLYING,
        counted=Counted.QUOTES,
        window=WindowKind.SLIDING,
        interval_ms=60_000,
        frozen_ms=45_000,
        thresholds=(Threshold(tally=Tally.FILLED_PCT, limit=400.0),),
    )
    duty = ObligationRule(time_share=0.9, widths=(WidthBand(width=8.0),), size_min=1)
    return Desk(
        name="tested desk",
        hedges=hedges,
        quoting=QuotingRules(
            half_spread_vol_points=0.2,
            half_spread_pct=0.1,
            size=size,
            width_max=8.0,
            lean_max_half_spreads=3.0,
            inventory_full_contracts=40,
        ),
        appetite=RiskAppetite(
            aversion_per_usd=1.5e-5, holding_days=0.25, index=hedges[0].instrument.underlying
        ),
        duties=(DutyTerms(venue=VENUE, role="market_maker", rule=duty),),
        protections=(ProtectionTerms(venue=VENUE, name="underlying", rule=rule),),
        flow=_NO_FLOW,
        orders=OrderTerms(
            send=True,
            venue=VENUE,
            messages_per_s=5_000,
            message_burst=10_000,
            burst_quotes=burst,
        ),
        offsets=OffsetTerms(send=draw.share() < 0.5, every_s=600.0, candidates_max=16, legs_max=4),
    )


_NO_FLOW: tuple[FlowTerms, ...] = ()
_STALE_S = 3_600.0


def _limits(draw: Chance, names: tuple[str, ...], tight: float) -> tuple[Limit, ...]:
    """`tight`: share of the usual limits."""
    out = [
        Limit(
            measure=LimitMeasure.SERIES_CONTRACTS,
            limit_hard=float(8 + int(40 * draw.share())),
            stale_after_s=_STALE_S,
        )
    ]
    for name in names:
        scale = tight * (1.0 if name == _INDEX else 0.024)  # of a contract's worth
        out += [
            Limit(
                measure=LimitMeasure.DELTA_USD,
                underlying=name,
                limit_hard=scale * draw.between(3e6, 2e7),
                stale_after_s=_STALE_S,
            ),
            Limit(
                measure=LimitMeasure.VEGA_USD_PER_POINT,
                underlying=name,
                limit_hard=scale * draw.between(1e4, 5e4),
                stale_after_s=_STALE_S,
            ),
            Limit(
                measure=LimitMeasure.GAMMA_USD_PER_PCT,
                underlying=name,
                limit_hard=scale * draw.between(2e7, 2e8),
                stale_after_s=_STALE_S,
            ),
        ]
    return tuple(out)
