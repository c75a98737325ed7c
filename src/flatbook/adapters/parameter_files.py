"""Parameters in TOML files: a packaged one, and what a user's file says otherwise.

Format: TOML 1.0 (toml.io/en/v1.0.0). A table of the user's file is laid over the packaged one key by key; a number, text
or list replaces the packaged one as a whole.
"""

import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from flatbook.adapters.desk_file.findings import Findings, nearest, shown
from flatbook.adapters.desk_file.lines import Place, lines_of
from flatbook.model.errors import Fault, FaultsError, InvalidValueError, fail_on
from flatbook.model.terms import Parameters

LARGEST_BYTES = 2**20
P = TypeVar("P", bound=Parameters)


def read_over(struct: type[P], name: str, packaged: str, path: Path | None) -> P:
    """The parameters of the packaged text, under those of the file at `path` where one is given.

    Parameters
    ----------
    struct : type
        What they become.
    name, packaged : str
        The packaged file: what faults call it, and its text.
    path : Path, optional

    Raises
    ------
    FaultsError
        Naming file and key of everything unknown, missing or impossible.
    """
    default = tomllib.loads(packaged)
    if path is None:
        return _converted(struct, default, Findings(name, lines_of(packaged)))
    text = _text_of(path)
    overlay = _document_of(text, path.name)
    return _converted(struct, _laid_over(default, overlay), Findings(path.name, lines_of(text)))


def read_document(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises
    ------
    FaultsError
        It cannot be read, or is no TOML.
    """
    return _document_of(_text_of(path), path.name)


def is_there(path: Path) -> bool:
    """Whether a file or folder has this name; one that no file can have is nobody's."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _laid_over(default: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    out = dict(default)
    for key, value in overlay.items():
        under = out.get(key)
        out[key] = _laid_over(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return out


def _converted(struct: type[P], document: dict[str, Any], findings: Findings) -> P:
    _check_keys(msgspec.inspect.type_info(struct), document, (), findings)
    fail_on(findings.faults)
    return msgspec.convert(document, struct, str_keys=True)


def _check_keys(kind: msgspec.inspect.Type, value: object, place: Place, findings: Findings) -> None:
    """A fault for each unknown or missing key, and for each struct that refuses what it is told; inner ones first."""
    match kind, value:
        case msgspec.inspect.StructType(), dict():
            _check_struct(kind, value, place, findings)
        case msgspec.inspect.UnionType(), _:  # a table that may be left out
            for each in kind.types:
                _check_keys(each, value, place, findings)
        case msgspec.inspect.DictType(), dict():
            for key, inner in value.items():
                _check_keys(kind.value_type, inner, (*place, key), findings)
        case ((msgspec.inspect.ListType() | msgspec.inspect.VarTupleType()), list()):
            for number, inner in enumerate(value):
                _check_keys(kind.item_type, inner, (*place, number), findings)
        case _:
            pass


def _check_struct(
    kind: msgspec.inspect.StructType, table: dict[str, Any], place: Place, findings: Findings
) -> None:
    known = {field.encode_name: field for field in kind.fields}
    before = len(findings.faults)
    for key, inner in table.items():
        if key in known:
            _check_keys(known[key].type, inner, (*place, key), findings)
            continue
        near = nearest(key, known)
        findings.add(
            (*place, key),
            found=f"unknown key {shown(key)}",
            expected=f"one of {', '.join(known)}",
            action=f"did you mean {near}?" if near else "remove it",
        )
    for key, field in known.items():
        if field.required and key not in table:
            findings.add((*place, key), found="nothing", expected=f"a value for {key}", action="add it")
    if len(findings.faults) == before:
        _check_values(kind, table, place, findings)


def _check_values(
    kind: msgspec.inspect.StructType, table: dict[str, Any], place: Place, findings: Findings
) -> None:
    try:
        msgspec.convert(table, kind.cls, str_keys=True)
    except InvalidValueError as e:
        findings.add(place, found=str(e), expected="parameters that can be meant", action="correct them")
    except msgspec.ValidationError as e:
        message, _, at = str(e).partition(" - at ")
        found = message if at.startswith("`$") else str(e)
        inner = _place_of(at.strip("`").removeprefix("$")) if at.startswith("`$") else ()
        action = "correct it; the docs say what each key means"
        findings.add((*place, *inner), found=found, expected="a value of the key's type", action=action)


def _place_of(at: str) -> Place:
    """("ranges", "equity") for '.ranges.equity', ("spreads", 1, "rate") for '.spreads[1].rate'."""
    parts: list[str | int] = []
    for part in at.replace("[...]", "").replace("[", ".[").split("."):
        if part.startswith("["):
            parts.append(int(part[1:-1]))
        elif part:
            parts.append(part)
    return tuple(parts)


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
    except OSError as e:
        raise _fault(path.name, str(e.strerror), "a readable TOML file") from e
    if len(raw) > LARGEST_BYTES:
        raise _fault(path.name, f"more than {LARGEST_BYTES} bytes", "at most that")
    try:
        return raw.decode("utf-8-sig")  # some editors put a mark before the text
    except UnicodeDecodeError as e:
        raise _fault(path.name, f"a byte {raw[e.start]:#04x} that is not UTF-8", "UTF-8 text") from e


def _document_of(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError, ArithmeticError) as e:
        raise _fault(name, str(e), "TOML") from e


def _fault(where: str, found: str, expected: str) -> FaultsError:
    return FaultsError([Fault(where=where, found=found, expected=expected, action="correct the file")])
