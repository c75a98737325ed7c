"""A scenario with the desk that is to run in it."""

from dataclasses import dataclass

from msgspec.structs import replace

from flatbook.model.parameters import Desk, EventTerms, Limit
from flatbook.model.recorded_day import RecordedDay
from flatbook.model.world_exchange_terms import ExchangeTerms
from flatbook.model.world_price_terms import PriceTerms
from flatbook.model.world_terms import Scenario
from flatbook.sim.customers.belief import flow_terms_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything of a run but its policy and its seed."""

    scenario: Scenario
    desk: Desk  # with every lever
    limits: tuple[Limit, ...]
    recording: RecordedDay | None = None  # where the scenario plays one


def staged(
    scenario: Scenario, desk: Desk, limits: tuple[Limit, ...], recording: RecordedDay | None = None
) -> Stage:
    """The stage of a scenario; a desk that tells of no customers learns of those there are, where the scenario lets it.

    Of a recorded day nobody knows more than the desk's own file says.
    """
    prices = scenario.prices
    if prices is not None and scenario.desk_knows_flow and not desk.flow:
        points = scenario.adverse_points_per_root_hour
        desk = replace(desk, flow=flow_terms_of(scenario.flow, prices.session_minutes, points))
    if prices is not None and scenario.desk_knows_events and not desk.events:
        desk = replace(desk, events=_events(prices))
    scenario = replace(scenario, exchange=_exchange(scenario, desk))
    return Stage(scenario=scenario, desk=desk, limits=limits, recording=recording)


def _events(prices: PriceTerms) -> tuple[EventTerms, ...]:
    """News as the desk file would tell of it; how much it moves the desk has to find in the quotes."""
    opens_ns = round(prices.opens.timestamp()) * 1_000_000_000
    names = [each.symbol for each in prices.underlyings]
    return tuple(
        EventTerms(underlying=name, name=event.name, at_ns=opens_ns + round(event.minute * 60e9))
        for event in prices.events
        for name in names
        if event.underlying in ("", name)
    )


def _exchange(scenario: Scenario, desk: Desk) -> ExchangeTerms:
    """The exchange with the rules that the desk file tells of it: protections, and the duty whose time it counts."""
    terms = scenario.exchange
    protections = tuple(each for each in desk.protections if each.venue == terms.venue)
    duty = next((each.rule for each in desk.duties if each.venue == terms.venue), terms.duty)
    return replace(terms, protections=terms.protections or protections, duty=duty)
