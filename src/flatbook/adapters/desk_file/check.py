"""Hold a parsed TOML document against the table of keys; gather everything that is wrong."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from flatbook.adapters.desk_file.findings import Findings, nearest, shown
from flatbook.adapters.desk_file.key import Key, Range, Section, Type
from flatbook.adapters.desk_file.keys import SECTIONS
from flatbook.adapters.desk_file.lines import Place

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_NS = 2**63 - 1
_LONGEST_TEXT = 200
_LONGEST_LIST = 100
_OF_THE_SERVICE = ("live", "dashboard")  # how a desk runs, not what it decides: those rooms read them


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One table of the file; `values` holds what is sound, defaults included."""

    place: Place
    values: dict[str, Any]


class _MisfitError(Exception):
    """A value that does not fit its key: what was expected instead, and what to do."""

    def __init__(self, action: str) -> None:
        super().__init__(action)
        self.action = action


def check_document(document: dict[str, Any], findings: Findings) -> dict[str, list[Checked]]:
    """Every section's tables, checked; faults go to `findings`."""
    for name in document:
        if name not in SECTIONS and name not in _OF_THE_SERVICE:
            _unknown_section(name, findings)
    return {name: _check_section(section, document.get(name), findings) for name, section in SECTIONS.items()}


def _unknown_section(name: str, findings: Findings) -> None:
    headings = {each.name: each.heading for each in SECTIONS.values()}
    near = nearest(name, headings)
    holders = [section.heading for section in SECTIONS.values() if section.key(name)]
    action = f"did you mean {headings[near]}?" if near else "remove it"
    if holders and not near:
        action = f"put it under {' or '.join(holders)}"
    findings.add(
        (name,),
        found=f"unknown section {shown(name)}",
        expected=f"one of {', '.join(headings.values())}",
        action=action,
    )


def _check_section(section: Section, found: object, findings: Findings) -> list[Checked]:
    if found is None:
        if section.required:
            action = f"add it with {', '.join(key.name for key in section.keys if key.required)}"
            findings.add(
                (section.name,), found="nothing", expected=f"a section {section.heading}", action=action
            )
        return (
            []
            if section.repeated or section.required
            else [_check_table(section, {}, (section.name,), findings)]
        )
    tables = found if section.repeated else [found]
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        action = f"write {section.heading} on a line of its own, and its keys below"
        findings.add((section.name,), found=shown(found), expected=section.heading, action=action)
        return []
    places: list[Place] = [
        (section.name, n) if section.repeated else (section.name,) for n in range(len(tables))
    ]
    return [
        _check_table(section, table, place, findings) for table, place in zip(tables, places, strict=True)
    ]


def _check_table(section: Section, table: dict[str, Any], place: Place, findings: Findings) -> Checked:
    for name in table:
        if section.key(name) is None:
            _unknown_key(section, name, (*place, name), findings)
    values = {}
    for key in section.keys:
        if key.name not in table:
            if key.required:
                action = f"add it: {key.text}"
                findings.add((*place, key.name), found="nothing", expected=key.expected, action=action)
            else:
                values[key.name] = key.default
            continue
        try:
            values[key.name] = _value(key, table[key.name])
        except _MisfitError as e:
            found = shown(table[key.name])
            findings.add((*place, key.name), found=found, expected=key.expected, action=e.action)
    return Checked(place=place, values=values)


def _unknown_key(section: Section, name: str, place: Place, findings: Findings) -> None:
    near = nearest(name, (key.name for key in section.keys))
    expected = f"one of {', '.join(key.name for key in section.keys)}"
    action = f"did you mean {near}?" if near else "remove it"
    others = [each.heading for each in SECTIONS.values() if each.key(name)]
    if others and not near:
        action = f"it belongs under {' or '.join(others)}"
    findings.add(place, found=f"unknown key {shown(name)}", expected=expected, action=action)


def _value(key: Key, value: object) -> object:
    match key.type:
        case Type.TEXT:
            return _text(key, value)
        case Type.INSTANT:
            return _instant_ns(value)
        case Type.NUMBERS:
            return _numbers(key, value)
        case Type.TEXTS:
            return _texts(key, value)
        case Type.SWITCH:
            return _switch(value)
        case _:
            return _number(key, value)


def _text(key: Key, value: object) -> str:
    if not isinstance(value, str):
        msg = "put it in quotes"
        raise _MisfitError(msg)
    if key.choices and value not in (*key.choices, key.default):
        near = nearest(value, key.choices)
        msg = f"did you mean {near}?" if near else "choose one of these"
        raise _MisfitError(msg)
    if key.required and not value:
        msg = f"it must not be empty: {key.text}"
        raise _MisfitError(msg)
    if value != value.strip() or not value.isprintable() or len(value) > _LONGEST_TEXT:
        msg = f"remove spaces around it and control characters, and keep it within {_LONGEST_TEXT} characters"
        raise _MisfitError(msg)
    return value


def _number(key: Key, value: object) -> float | int:
    if isinstance(value, str):
        msg = "remove the quotes"
        raise _MisfitError(msg)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        msg = "write a number"
        raise _MisfitError(msg)
    number = _as_float(value)
    if key.range is not None and not key.range.holds(number):
        raise _MisfitError(_out_of_range(key, key.range, number))
    if key.type is Type.WHOLE and number != int(number):
        msg = "write it without a fraction"
        raise _MisfitError(msg)
    return int(number) if key.type is Type.WHOLE else number


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        msg = "write true or false, without quotes"
        raise _MisfitError(msg)
    return value


def _numbers(key: Key, value: object) -> list[float]:
    if not isinstance(value, list) or not value:
        msg = f"write them in brackets, as {key.default}"
        raise _MisfitError(msg)
    if len(value) > _LONGEST_LIST:
        msg = f"keep it within {_LONGEST_LIST} numbers"
        raise _MisfitError(msg)
    return [_number(key, one) for one in value]


def _texts(key: Key, value: object) -> list[str]:
    if not isinstance(value, list) or not value:
        msg = f"write them in brackets, as {key.default}"
        raise _MisfitError(msg)
    if len(value) > _LONGEST_LIST:
        msg = f"keep it within {_LONGEST_LIST} texts"
        raise _MisfitError(msg)
    return [_text(key, one) for one in value]


def _out_of_range(key: Key, within: Range, number: float) -> str:
    if key.decimal and within.holds(number / 100.0):
        return f"it is a decimal, not percent: write {number / 100.0:g} if you mean {number:g} %"
    if not abs(number) < float("inf"):
        return "write a finite number"
    return "correct it"


def _as_float(value: int | Decimal) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _instant_ns(value: object) -> int:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as e:
            msg = "write it like the example"
            raise _MisfitError(msg) from e
    if isinstance(value, date | time) and not isinstance(value, datetime):
        msg = "an expiry is an instant: add the time of day and the zone"
        raise _MisfitError(msg)
    if not isinstance(value, datetime):
        msg = "write it like the example, without quotes"
        raise _MisfitError(msg)
    if value.tzinfo is None:
        msg = "add the zone: Z for UTC, or an offset as -05:00"
        raise _MisfitError(msg)
    past = value - _EPOCH
    instant = ((past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds) * 1_000
    if not 0 < instant <= _LATEST_NS:
        msg = "choose a year from 1970 to 2261"
        raise _MisfitError(msg)
    return instant
