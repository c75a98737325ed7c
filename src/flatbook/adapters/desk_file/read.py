"""Read a desk file: everything in it, or everything that is wrong with it.

Format: TOML 1.0 (toml.io/en/v1.0.0); keys, units, defaults and ranges in docs/config-reference.md.
"""

import hashlib
import re
import tomllib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from flatbook.adapters.desk_file.build import build
from flatbook.adapters.desk_file.check import check_document
from flatbook.adapters.desk_file.findings import Findings, nearest, shown
from flatbook.adapters.desk_file.lines import Place, lines_of
from flatbook.model.errors import Fault, FaultsError, fail_on
from flatbook.model.parameters import Desk, Limit
from flatbook.model.quoting_terms import DutyTerms, ProtectionTerms

LARGEST_BYTES = 2**20
_AT_LINE = re.compile(r"\(at line (\d+), column (\d+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskFile:
    """What a desk file says, and where it says it."""

    desk: Desk
    limits: tuple[Limit, ...]
    name: str  # of the file
    history: str  # path of the history file, as written: from the folder of the desk file; empty where there is none
    text_hash: str  # see `desk_text_hash`
    lines: dict[Place, int]


def read_desk(path: Path) -> DeskFile:
    """The desk and its limits as `path` gives them.

    Raises
    ------
    FaultsError
        With every fault of the file, each with its line.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
    except OSError as e:
        fault = _file_fault(
            path.name, str(e.strerror), "a readable TOML file", "check its name and permissions"
        )
        raise FaultsError([fault]) from e
    return parse_desk(raw, path.name)


def parse_desk(raw: bytes, name: str) -> DeskFile:
    """The desk and its limits in the bytes of a desk file called `name`; raises as `read_desk`."""
    text, document = _document(raw, name)
    lines = lines_of(text)
    findings = Findings(name, lines)
    sections = check_document(document, findings)
    parts = build(sections, findings)
    fail_on(sorted(findings.faults, key=_line_of))
    return DeskFile(
        desk=parts.desk(),
        limits=parts.limits,
        name=name,
        history=parts.history,
        text_hash=desk_text_hash(raw),
        lines=lines,
    )


def desk_text_hash(raw: bytes) -> str:
    """64 hexadecimal digits that stand for the very bytes of a desk file (BLAKE2b, 32 bytes)."""
    return hashlib.blake2b(raw, digest_size=32).hexdigest()


def check_desk_against(
    desk_file: DeskFile, underlyings: Collection[str], classes: Collection[str]
) -> list[Fault]:
    """A fault for each underlying or option class of the desk file that the market does not know."""
    findings = Findings(desk_file.name, desk_file.lines)
    for place, word in _names_used(desk_file):
        known, what = (
            (classes, "option class")
            if place[-1] in ("option_class", "option_classes")
            else (underlyings, "underlying")
        )
        if word and word not in known:
            near = nearest(word, sorted(known))
            action = f"did you mean {near}?" if near else "correct the name, or load data that has it"
            few = ", ".join(sorted(known)[:10]) or "none at all"
            findings.add(
                place, found=shown(word), expected=f"an {what} in the market data ({few})", action=action
            )
    return sorted(findings.faults, key=_line_of)


def _names_used(desk_file: DeskFile) -> Iterator[tuple[Place, str]]:
    desk = desk_file.desk
    yield ("desk", "index"), desk.appetite.index
    for number, terms in enumerate(desk.underlyings):
        yield ("underlying", number, "symbol"), terms.symbol
    for number, hedge in enumerate(desk.hedges):
        yield ("hedge", number, "underlying"), hedge.instrument.underlying
    for number, event in enumerate(desk.events):
        yield ("event", number, "underlying"), event.underlying
    for number, group in enumerate(desk.groups):
        for name in group.underlyings:
            yield ("group", number, "underlyings"), name
    covering: dict[str, tuple[DutyTerms | ProtectionTerms, ...]] = {
        "duty": desk.duties,
        "protection": desk.protections,
    }
    for section, several in covering.items():
        for number, one in enumerate(several):
            for name in one.underlyings:
                yield (section, number, "underlyings"), name
            for name in one.option_classes:
                yield (section, number, "option_classes"), name
    for number, limit in enumerate(desk_file.limits):
        yield ("limit", number, "underlying"), limit.underlying
        yield ("limit", number, "option_class"), limit.option_class


def _document(raw: bytes, name: str) -> tuple[str, dict[str, Any]]:
    if len(raw) > LARGEST_BYTES:
        fail_on(
            [_file_fault(name, f"more than {LARGEST_BYTES} bytes", "at most that", "choose the right file")]
        )
    try:
        text = raw.decode("utf-8-sig")  # some editors put a mark before the text
    except UnicodeDecodeError as e:
        line = raw.count(b"\n", 0, e.start) + 1
        found = f"a byte {raw[e.start]:#04x} that is not UTF-8"
        fault = _file_fault(f"{name} line {line}", found, "UTF-8 text", "save the file as UTF-8")
        raise FaultsError([fault]) from e
    try:
        return text, tomllib.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError, ArithmeticError) as e:
        at = _AT_LINE.search(str(e))
        where = f"{name} line {at[1]}, column {at[2]}" if at else name
        found = _AT_LINE.sub("", str(e)).strip() or "text that is no TOML"
        fault = _file_fault(where, found, "TOML", "correct the text there; see docs/config-reference.md")
        raise FaultsError([fault]) from e


def _file_fault(where: str, found: str, expected: str, action: str) -> Fault:
    return Fault(where=where, found=found, expected=expected, action=action)


def _line_of(fault: Fault) -> int:
    at = re.search(r" line (\d+)", fault.where)
    return int(at[1]) if at else 0
