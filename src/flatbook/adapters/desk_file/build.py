"""From checked tables to the desk's typed parameters; what contradicts itself is a fault like any other."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

from flatbook.adapters.desk_file.check import Checked
from flatbook.adapters.desk_file.findings import Findings, nearest, shown
from flatbook.adapters.desk_file.hedge_build import check_hedge, hedge, hedging
from flatbook.adapters.desk_file.limit_keys import scope_of_measure
from flatbook.adapters.desk_file.quoting_build import (
    check_parents,
    duty_key,
    duty_of,
    fast_market_of,
    protection_key,
    protection_of,
)
from flatbook.model.errors import InvalidValueError
from flatbook.model.factor_terms import FactorTerms
from flatbook.model.flow_terms import AlphaTerms, FlowShape, FlowTerms
from flatbook.model.hedge_terms import HedgeTerms, HedgingTerms
from flatbook.model.offset_terms import OffsetTerms
from flatbook.model.order_terms import OrderTerms, SelfTrade
from flatbook.model.parameters import (
    USUAL_SLIDES,
    ClockTerms,
    Desk,
    EventTerms,
    HaircutRange,
    Limit,
    LimitMeasure,
    ProductGroup,
    QuotingRules,
    RiskAppetite,
    SlideTerms,
    SlideTime,
    UnderlyingTerms,
    VolShift,
)
from flatbook.model.quoting_terms import DutyTerms, FastMarketTerms, ProtectionTerms

Built = TypeVar("Built")
_PERCENTS = {
    LimitMeasure.CONCENTRATION_PCT: "percent of gross vega",
    LimitMeasure.UNUSABLE_QUOTES_PCT: "percent of live series",
    LimitMeasure.CLASS_SHARE_PCT: "percent of gap losses",
    LimitMeasure.UNDERLYING_SHARE_PCT: "percent of gap losses",
    LimitMeasure.MARGIN_PCT: "percent of margin",
}
_CONTRACTS = frozenset(measure for measure in LimitMeasure if measure.value.endswith("_contracts"))
_SCOPES = ("group", "option_class", "bucket", "series", "floor_usd_per_point", "floor_usd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What could be built; a part with a fault is missing, and then the whole is never made."""

    underlyings: tuple[UnderlyingTerms, ...]
    hedges: tuple[HedgeTerms, ...]
    hedging: HedgingTerms | None
    limits: tuple[Limit, ...]
    quoting: QuotingRules | None
    appetite: RiskAppetite | None
    clock: ClockTerms | None
    factors: FactorTerms | None
    events: tuple[EventTerms, ...]
    groups: tuple[ProductGroup, ...]
    slides: tuple[SlideTerms, ...]
    flow: tuple[FlowTerms, ...]
    alpha: tuple[AlphaTerms, ...]
    duties: tuple[DutyTerms, ...]
    protections: tuple[ProtectionTerms, ...]
    fast_market: FastMarketTerms | None
    orders: OrderTerms | None
    offsets: OffsetTerms | None
    name: str
    history: str  # path as written
    price_stale_s: float
    net_capital_usd: float | None

    def desk(self) -> Desk:
        """The desk, once there is no fault."""
        assert self.quoting is not None, "a file without faults has quoting rules"
        assert self.appetite is not None, "a file without faults has a desk"
        assert self.clock is not None, "a file without faults has a clock"
        assert self.factors is not None, "a file without faults has factors"
        assert self.fast_market is not None, "a file without faults has terms of fast markets"
        assert self.orders is not None, "a file without faults has terms of orders"
        assert self.offsets is not None, "a file without faults has terms of offsets"
        assert self.hedging is not None, "a file without faults has hedging"
        return Desk(
            name=self.name,
            underlyings=self.underlyings,
            hedges=self.hedges,
            hedging=self.hedging,
            quoting=self.quoting,
            appetite=self.appetite,
            clock=self.clock,
            factors=self.factors,
            events=self.events,
            groups=self.groups,
            slides=self.slides or USUAL_SLIDES,
            flow=self.flow,
            alpha=self.alpha,
            duties=self.duties,
            protections=self.protections,
            fast_market=self.fast_market,
            orders=self.orders,
            offsets=self.offsets,
            price_stale_s=self.price_stale_s,
            net_capital_usd=self.net_capital_usd,
        )


def build(sections: dict[str, list[Checked]], findings: Findings) -> Parts:
    """Every part that can be built; contradictions go to `findings`."""
    _refuse_repeats(sections["underlying"], _symbol, findings)
    _refuse_repeats(sections["hedge"], _symbol, findings)
    _refuse_repeats(sections["limit"], _scope, findings)
    _refuse_repeats(sections["event"], _event_key, findings)
    _refuse_repeats(sections["group"], _name, findings)
    _refuse_repeats(sections["slide"], _name, findings)
    _refuse_repeats(sections["flow"], _tier, findings)
    _refuse_repeats(sections["alpha"], _underlying_name, findings)
    _refuse_repeats(sections["duty"], duty_key, findings)
    _refuse_repeats(sections["protection"], protection_key, findings)
    check_parents(sections["protection"], findings)
    for table in sections["underlying"]:
        _check_stickiness(table, findings)
    for table in sections["hedge"]:
        check_hedge(table, findings)
    for table in sections["limit"]:
        _check_limit(table, findings)
        _check_group(table, sections["group"], findings)
    for table in sections["quoting"]:
        _check_quoting(table, findings)
    names, histories = (
        [str(table.values.get(key, "")) for table in sections["desk"]] for key in ("name", "history")
    )
    return Parts(
        underlyings=_all(sections["underlying"], _underlying, findings),
        hedges=_all(sections["hedge"], hedge, findings),
        limits=_all(sections["limit"], _limit, findings),
        hedging=next(iter(_all(sections["hedging"], hedging, findings)), None),
        quoting=next(iter(_all(sections["quoting"], _quoting, findings)), None),
        appetite=next(iter(_all(sections["desk"], _appetite, findings)), None),
        clock=next(iter(_all(sections["clock"], _clock, findings)), None),
        factors=next(iter(_all(sections["factors"], _factors, findings)), None),
        events=_all(sections["event"], _event, findings),
        groups=_all(sections["group"], _group, findings),
        slides=_all(sections["slide"], _slide, findings),
        flow=_all(sections["flow"], _flow, findings),
        alpha=_all(sections["alpha"], _alpha, findings),
        duties=_all(sections["duty"], duty_of, findings),
        protections=_all(sections["protection"], protection_of, findings),
        fast_market=next(iter(_all(sections["fast_market"], fast_market_of, findings)), None),
        orders=next(iter(_all(sections["orders"], _orders, findings)), None),
        offsets=next(iter(_all(sections["offsets"], _offsets, findings)), None),
        name=names[0] if names else "",
        history=histories[0] if histories else "",
        price_stale_s=next(
            (table.values["price_stale_s"] for table in sections["desk"] if "price_stale_s" in table.values),
            0.0,
        ),
        net_capital_usd=next((table.values.get("net_capital_usd") for table in sections["desk"]), None),
    )


def _all(
    tables: Iterable[Checked], make: Callable[[dict[str, Any]], Built], findings: Findings
) -> tuple[Built, ...]:
    made = []
    for table in tables:
        if not findings.spared(table.place):
            continue
        try:
            made.append(make(table.values))
        except InvalidValueError as e:
            findings.add(
                table.place, found=str(e), expected="terms that flatbook allows", action="correct it"
            )
    return tuple(made)


def _underlying(values: dict[str, Any]) -> UnderlyingTerms:
    typed = {
        "haircut": HaircutRange(values["haircut"]),
        "stickiness_days": tuple(values["stickiness_days"]),
        "stickiness": tuple(values["stickiness"]),
        "minimum_variance": tuple(values["minimum_variance"]),
    }
    return UnderlyingTerms(**(values | typed))


def _limit(values: dict[str, Any]) -> Limit:
    rest = {name: value for name, value in values.items() if name not in ("measure", "hard")}
    return Limit(measure=LimitMeasure(values["measure"]), limit_hard=values["hard"], **rest)


def _group(values: dict[str, Any]) -> ProductGroup:
    return ProductGroup(
        name=values["name"],
        underlyings=tuple(values["underlyings"]),
        capital_offset=values["capital_offset"],
    )


def _slide(values: dict[str, Any]) -> SlideTerms:
    lists = {name: tuple(values[name]) for name in ("moves_pct", "moves_deviations", "shifts_points")}
    typed = {"shift": VolShift(values["shift"]), "time": SlideTime(values["time"])}
    return SlideTerms(**(values | lists | typed))


def _quoting(values: dict[str, Any]) -> QuotingRules:
    return QuotingRules(**values)


def _appetite(values: dict[str, Any]) -> RiskAppetite:
    names = ("holding_days", "vol_of_vol", "hurdle_per_year", "barrier_halfway_usd", "index")
    rest = {name: values[name] for name in names}
    return RiskAppetite(aversion_per_usd=values["risk_aversion_per_usd"], **rest)


def _clock(values: dict[str, Any]) -> ClockTerms:
    return ClockTerms(**values)


def _factors(values: dict[str, Any]) -> FactorTerms:
    return FactorTerms(**values)


def _flow(values: dict[str, Any]) -> FlowTerms:
    return FlowTerms(**(values | {"shape": FlowShape(values["shape"])}))


def _orders(values: dict[str, Any]) -> OrderTerms:
    typed = {"self_trade": SelfTrade(values["self_trade"]), "kill_measures": tuple(values["kill_measures"])}
    return OrderTerms(**(values | typed))


def _offsets(values: dict[str, Any]) -> OffsetTerms:
    return OffsetTerms(**values)


def _alpha(values: dict[str, Any]) -> AlphaTerms:
    return AlphaTerms(**values)


def _event(values: dict[str, Any]) -> EventTerms:
    rest = {name: values[name] for name in ("underlying", "name", "trading_days")}
    return EventTerms(at_ns=values["time"], **rest)


def _event_key(values: dict[str, Any]) -> Hashable:
    key = tuple(values.get(name) for name in ("underlying", "name", "time"))
    return None if None in key else key


def _tier(values: dict[str, Any]) -> Hashable:
    key = tuple(values.get(name) for name in ("underlying", "tier"))
    return None if None in key else ("flow", *key)


def _underlying_name(values: dict[str, Any]) -> Hashable:
    return values.get("underlying")


def _symbol(values: dict[str, Any]) -> Hashable:
    return values.get("symbol")


def _name(values: dict[str, Any]) -> Hashable:
    return values.get("name")


def _scope(values: dict[str, Any]) -> Hashable:
    names = ("measure", "underlying", "option_class", "bucket", "group", "series")
    scope = tuple(values.get(name) for name in names)
    if None in scope:
        return None
    if scope[0] == LimitMeasure.CLASS_CONTRACTS:  # a class has one underlying, named or not
        return scope[0], scope[2]
    return scope


def _refuse_repeats(
    tables: list[Checked], key: Callable[[dict[str, Any]], Hashable], findings: Findings
) -> None:
    first: dict[Hashable, Checked] = {}
    for table in tables:
        told = key(table.values)
        if told is None:
            continue
        if told in first:
            parts = told if isinstance(told, tuple) else (told,)
            name = " ".join(str(part) for part in parts if part)
            line = findings.line(first[told].place)
            findings.add(
                table.place,
                found=f"{name!r} again",
                expected=f"it once; it stands on line {line} already",
                action="remove one",
            )
        first.setdefault(told, table)


def _check_stickiness(table: Checked, findings: Findings) -> None:
    days, ratios = table.values.get("stickiness_days"), table.values.get("stickiness")
    if days is not None and any(later <= earlier for earlier, later in pairwise(days)):
        findings.add(
            (*table.place, "stickiness_days"),
            found=f"{days}",
            expected="days in ascending order",
            action="sort them",
        )
    if days is not None and ratios is not None and len(days) != len(ratios):
        findings.add(
            (*table.place, "stickiness"), found=f"{len(ratios)} numbers for {len(days)} stickiness_days",
            expected="one for each", action="write both lists alike in length",
        )  # fmt: skip


def _check_limit(table: Checked, findings: Findings) -> None:
    if "measure" not in table.values:
        return
    measure = LimitMeasure(table.values["measure"])
    allowed = scope_of_measure(measure)
    for name in _SCOPES:
        if table.values.get(name) and name not in allowed:
            findings.add(
                (*table.place, name), found=f"{name} in a limit of {measure.value}",
                expected=" and ".join(("underlying", *allowed)) + " as its only scope", action="remove it",
            )  # fmt: skip
    if measure is LimitMeasure.CLASS_CONTRACTS and not table.values.get("option_class", "unread"):
        findings.add(
            (*table.place, "option_class"), found="nothing", expected=f"the class that a limit of {measure.value} bounds",
            action='add it, as option_class = "SPXW"',
        )  # fmt: skip
    _check_hard(measure, table, findings)


def _check_group(table: Checked, groups: list[Checked], findings: Findings) -> None:
    values, place = table.values, table.place
    group, named = values.get("group"), [str(each.values.get("name", "")) for each in groups]
    if group and values.get("underlying"):
        findings.add(
            (*place, "group"), found=f"group {group!r} beside underlying {values['underlying']!r}",
            expected="one of them", action="remove one",
        )  # fmt: skip
    elif group and group not in named:
        near = nearest(group, named)
        findings.add(
            (*place, "group"), found=shown(group), expected=f"a [[group]] of this file ({', '.join(named) or 'none at all'})",
            action=f"did you mean {near}?" if near else "add the group, or correct the name",
        )  # fmt: skip
    soft, critical = values.get("soft_share"), values.get("critical_share")
    if soft is not None and critical is not None and soft > critical:
        findings.add(
            (*place, "soft_share"), found=f"{soft:g}, above critical_share {critical:g}",
            expected="soft_share at most critical_share", action="lower soft_share or raise critical_share",
        )  # fmt: skip


def _check_hard(measure: LimitMeasure, table: Checked, findings: Findings) -> None:
    hard = table.values.get("hard")
    if hard is None:
        return
    if measure in _CONTRACTS and hard != int(hard):
        findings.add(
            (*table.place, "hard"),
            found=f"{hard:g}",
            expected="a whole number of contracts",
            action="round it",
        )
    if measure in _PERCENTS and not 1.0 < hard <= 100.0:
        meant = f"write {hard * 100:g} if you mean {hard * 100:g} %" if hard <= 1.0 else "correct it"
        expected = f"{_PERCENTS[measure]} above 1 to 100"
        findings.add((*table.place, "hard"), found=f"{hard:g}", expected=expected, action=meant)


def _check_quoting(table: Checked, findings: Findings) -> None:
    values, place = table.values, table.place
    size, least = values.get("size"), values.get("size_min")
    if size is not None and least is not None and size < least:
        found = f"size {size} below size_min {least}"
        findings.add((*place, "size"), found=found, expected="size_min at most size", action="raise size")
    half, widest = values.get("half_spread_min"), values.get("width_max")
    if half is not None and widest is not None and 2.0 * half > widest:
        findings.add(
            (*place, "half_spread_min"), found=f"twice {half:g}, wider than width_max {widest:g}",
            expected="twice half_spread_min at most width_max", action="lower half_spread_min or raise width_max",
        )  # fmt: skip
