"""Where something is wrong in a desk file, in words a person can act on."""

import difflib
from collections.abc import Iterable
from decimal import Decimal

from flatbook.adapters.desk_file.lines import Place, line_at
from flatbook.model.errors import Fault

_SHOWN = 60  # characters of a value that a message repeats


class Findings:
    """The faults of one file, as they are found."""

    def __init__(self, name: str, lines: dict[Place, int]) -> None:
        self.faults: list[Fault] = []
        self._name = name
        self._lines = lines
        self._struck: set[Place] = set()  # every place with a fault at it or inside it

    def add(self, place: Place, *, found: str, expected: str, action: str) -> None:
        """Note one fault at `place`."""
        self.faults.append(Fault(where=self.where(place), found=found, expected=expected, action=action))
        self._struck.update(place[: n + 1] for n in range(len(place)))

    def spared(self, place: Place) -> bool:
        """Whether nothing is wrong at `place` or inside it."""
        return place not in self._struck

    def where(self, place: Place) -> str:
        """File, line and path of `place`."""
        line = line_at(self._lines, place)
        return ", ".join(
            part for part in (f"{self._name} line {line}" if line else self._name, _path(place)) if part
        )

    def line(self, place: Place) -> int:
        """The line of `place`; 0 where nobody knows."""
        return line_at(self._lines, place)


def nearest(word: str, names: Iterable[str]) -> str:
    """The name most like `word`, names with the same first word first; empty where none is near."""
    known = {name.lower(): name for name in names}
    first = word.lower().split("_")[0]
    related = [name for name in known if name.split("_")[0] == first]
    near = difflib.get_close_matches(word.lower(), related or known, n=1, cutoff=0.3 if related else 0.5)
    return known[near[0]] if near else ""


def shown(value: object) -> str:
    """A value as it may stand in a message."""
    match value:
        case bool():
            text = str(value).lower()
        case int() if abs(value) > 10**_SHOWN:
            text = "a number of very many digits"
        case dict():
            text = "a table"
        case list():
            text = f"a list of {len(value)}"
        case str():
            text = repr(value)
        case Decimal() | int():
            text = str(value)
        case _:
            text = f"{type(value).__name__} {value}"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _path(place: Place) -> str:
    """[[hedge]] 2 tick, for ("hedge", 1, "tick")."""
    parts: list[str] = []
    for part in place:
        if isinstance(part, int):
            parts[-1] = f"[[{parts[-1]}]] {part + 1}"
        else:
            parts.append(part if part.isprintable() and len(part) <= _SHOWN else shown(part))
    if len(place) > 1 and isinstance(place[1], str):
        parts[0] = f"[{parts[0]}]"
    return " ".join(parts)
