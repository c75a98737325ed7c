"""From checked tables to duties, protections and fast-market terms: names of venues' rules become the rules themselves."""

from collections.abc import Hashable
from typing import Any

from msgspec.structs import replace

from flatbook.adapters.desk_file.check import Checked
from flatbook.adapters.desk_file.findings import Findings, nearest, shown
from flatbook.adapters.venue_rules.read import Venue, read_venue_rules
from flatbook.model.errors import InvalidValueError
from flatbook.model.obligation_terms import Precedence, WidthBand
from flatbook.model.protection_terms import ProtectionRule, ScopeKind, Tally, Threshold
from flatbook.model.quoting_terms import DutyTerms, FastMarketTerms, ProtectionTerms

_WHOLE_SCOPES = (ScopeKind.GROUP, ScopeKind.ACCOUNT, ScopeKind.FIRM)


def duty_of(values: dict[str, Any]) -> DutyTerms:
    """One duty.

    Raises
    ------
    InvalidValueError
        The venue has no such role.
    """
    rules = read_venue_rules(Venue(values["venue"])).obligations
    rule = rules.get(values["role"])
    if rule is None:
        raise InvalidValueError(_unknown("role", values["role"], values["venue"], sorted(rules)))
    changed: dict[str, Any] = {
        name: values[name] for name in ("reserve_share", "size_min") if values[name] is not None
    }
    if values["precedence"]:
        changed["precedence"] = Precedence(values["precedence"])
    if values["width_max"] is not None:
        changed["widths"] = (WidthBand(width=values["width_max"]),)
    return DutyTerms(
        venue=values["venue"],
        role=values["role"],
        underlyings=tuple(values["underlyings"]),
        option_classes=tuple(values["option_classes"]),
        calendar=values["calendar"],
        rule=replace(rule, **changed),
    )


def protection_of(values: dict[str, Any]) -> ProtectionTerms:
    """One protection, with the desk's own limits in place of the venue's defaults.

    Raises
    ------
    InvalidValueError
        The venue has no such protection, or the terms are none.
    """
    rules = read_venue_rules(Venue(values["venue"])).protections
    rule = rules.get(values["rule"])
    if rule is None:
        raise InvalidValueError(_unknown("rule", values["rule"], values["venue"], sorted(rules)))
    changed = {name: values[name] for name in ("interval_ms", "frozen_ms") if values[name] is not None}
    return ProtectionTerms(
        venue=values["venue"],
        name=values["rule"],
        underlyings=tuple(values["underlyings"]),
        option_classes=tuple(values["option_classes"]),
        parent=values["parent"],
        rule=replace(rule, thresholds=_thresholds(rule, values), **changed),
    )


def fast_market_of(values: dict[str, Any]) -> FastMarketTerms:
    """When the market is fast."""
    lists = {name: tuple(values[name]) for name in ("widen_factor", "size_share")}
    return FastMarketTerms(**(values | lists))


def duty_key(values: dict[str, Any]) -> Hashable:
    """What a duty is told once of."""
    key = tuple(values.get(name) for name in ("venue", "role"))
    return None if None in key else key


def protection_key(values: dict[str, Any]) -> Hashable:
    """What a protection is told once of."""
    key = tuple(values.get(name) for name in ("venue", "rule"))
    return None if None in key else key


def check_parents(tables: list[Checked], findings: Findings) -> None:
    """A parent is another protection of the file, of the same venue, that counts all its options together."""
    whole = {}
    for table in tables:
        if findings.spared(table.place):
            rule = read_venue_rules(Venue(table.values["venue"])).protections.get(table.values["rule"])
            whole[protection_key(table.values)] = rule is not None and rule.scope in _WHOLE_SCOPES
    for table in tables:
        parent, venue = table.values.get("parent"), table.values.get("venue")
        if parent and (not whole.get((venue, parent)) or parent == table.values.get("rule")):
            findings.add(
                (*table.place, "parent"), found=shown(parent),
                expected=f"another [[protection]] of {venue} by group, account or firm", action="add it, or remove the key",
            )  # fmt: skip


def _thresholds(rule: ProtectionRule, values: dict[str, Any]) -> tuple[Threshold, ...]:
    """The rule's, each with the desk's limit where it has one, and the desk's beside them."""
    own = {tally: values[tally.value] for tally in Tally if values[tally.value] is not None}
    kept = tuple(replace(one, limit=own.pop(one.tally, one.limit)) for one in rule.thresholds)
    return kept + tuple(Threshold(tally=tally, limit=limit) for tally, limit in own.items())


def _unknown(what: str, name: str, venue: str, known: list[str]) -> str:
    near = nearest(name, known)
    hint = f"; did you mean {near}?" if near else ""
    return f"{venue} has no {what} {shown(name)}, only {', '.join(known) or 'none at all'}{hint}"
