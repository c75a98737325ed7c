"""What the desk of a stage learns of its world, and what it does not."""

from msgspec.structs import replace

from flatbook.model.flow_terms import FlowTerms
from flatbook.model.obligation_terms import ObligationRule, WidthBand
from flatbook.model.parameters import EventTerms
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
from flatbook.model.world_price_terms import PriceEventTerms
from flatbook.sim.customers.belief import flow_terms_of
from flatbook.sim.stage import staged
from tests.sim.small_days import index_prices, share_prices, small_stage

_NEWS = (
    PriceEventTerms(name="figures", minute=20.0),
    PriceEventTerms(name="own", minute=30.5, underlying="IDX"),
)


def _rule(limit):
    return ProtectionRule(
        scope=ScopeKind.UNDERLYING, counted=Counted.QUOTES, window=WindowKind.SLIDING, interval_ms=60_000,
        frozen_ms=45_000, thresholds=(Threshold(tally=Tally.FILLED_PCT, limit=limit),),
    )  # fmt: skip


def test_a_desk_that_tells_of_no_customers_knows_those_there_are():
    """Their numbers are those of the session, not of a whole day; what informed customers know is as the scenario says."""
    stage = small_stage(adverse_points_per_root_hour=0.4)
    flow = stage.scenario.flow
    assert stage.desk.flow == flow_terms_of(flow, 60.0, 0.4)
    assert len(stage.desk.flow) > 0
    assert stage.desk.flow != flow_terms_of(flow, 390.0, 0.4) or not flow.customers[0].regimes


def test_its_own_flow_stays_and_a_scenario_may_keep_it_in_the_dark():
    own = (FlowTerms(underlying="IDX", tier="own", requests_per_day=5.0, decay_per_point=1.0),)
    assert small_stage(desk={"flow": own}).desk.flow == own
    assert small_stage(desk_knows_flow=False).desk.flow == ()


def test_news_is_known_by_name_and_minute_for_everybody_it_concerns():
    """Not how much it moves: that is in the quotes."""
    both = index_prices(
        underlyings=(*index_prices().underlyings, *share_prices().underlyings),
        hedges=(*index_prices().hedges, *share_prices().hedges),
        events=_NEWS,
    )
    desk = small_stage(both).desk
    minute_ns = 60_000_000_000
    opens_ns = round(both.opens.timestamp()) * 1_000_000_000
    assert [(each.underlying, each.name, each.at_ns - opens_ns) for each in desk.events] == [
        ("IDX", "figures", 20 * minute_ns),
        ("SHR", "figures", 20 * minute_ns),
        ("IDX", "own", round(30.5 * minute_ns)),
    ]
    usual = EventTerms(underlying="IDX", name="figures", at_ns=desk.events[0].at_ns)
    assert desk.events[0] == usual


def test_its_own_events_stay_and_a_scenario_may_hide_them():
    prices = index_prices(events=_NEWS)
    own = (EventTerms(underlying="IDX", name="own", at_ns=1_900_000_000_000_000_000),)
    assert small_stage(prices, desk={"events": own}).desk.events == own
    assert small_stage(prices, desk_knows_events=False).desk.events == ()


def test_the_exchange_runs_the_rules_of_its_venue_that_the_desk_file_tells():
    """Not those of another; and counts the duty of its own."""
    here, there = (ProtectionTerms(venue=venue, name="fills", rule=_rule(400.0)) for venue in ("sim", "east"))
    rules = [ObligationRule(time_share=0.5, widths=(WidthBand(width=width),)) for width in (3.0, 4.0)]
    duties = tuple(
        DutyTerms(venue=venue, role="market_maker", rule=rule)
        for venue, rule in zip(("east", "sim"), rules, strict=True)
    )
    exchange = small_stage(desk={"protections": (here, there), "duties": duties}).scenario.exchange
    assert exchange.protections == (here,)
    assert exchange.duty == rules[1]


def test_protections_that_the_scenario_tells_itself_stay():
    own = ProtectionTerms(venue="sim", name="own", rule=_rule(100.0))
    desk = {"protections": (ProtectionTerms(venue="sim", name="fills", rule=_rule(400.0)),)}
    stage = small_stage(desk=desk, exchange=ExchangeTerms(protections=(own,)))
    assert stage.scenario.exchange.protections == (own,)


def test_without_rules_of_the_desk_the_exchange_keeps_its_own():
    assert small_stage().scenario.exchange == ExchangeTerms()


def test_nothing_else_of_desk_limits_and_scenario_is_changed():
    """Staging twice is staging once."""
    stage = small_stage(index_prices(events=_NEWS))
    again = staged(stage.scenario, stage.desk, stage.limits)
    assert again == stage
    bare = replace(stage.desk, flow=(), events=())
    assert staged(stage.scenario, bare, stage.limits).desk == stage.desk
