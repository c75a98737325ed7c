"""On which line of a TOML text each table and key stands.

The TOML library tells no lines, so this scans for headings and keys. Exact for the usual layout; inside inline
tables it gives the line on which the outermost key stands.
"""

import re

Place = tuple[str | int, ...]  # ("hedge", 1, "tick"): the key of the second [[hedge]]

_HEADING = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(
    r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


def lines_of(text: str) -> dict[Place, int]:
    """Line numbers, from 1, by place: of every heading and of every key at the first place it stands."""
    found: dict[Place, int] = {}
    counts: dict[str, int] = {}
    table: Place = ()
    inside = ""  # the quotes of a text over several lines, while we are in one
    for number, line in enumerate(text.split("\n"), start=1):
        if not inside:
            heading, key = _HEADING.match(line), _KEY.match(line)
            if heading:
                table = _table(heading, counts)
                for place in (table, table[:-1] if heading[1] == "[[" else table):
                    found.setdefault(place, number)
            elif key:
                found.setdefault(table + _parts(key[1]), number)
        inside = _still_inside(line, inside)
    return found


def line_at(lines: dict[Place, int], place: Place) -> int:
    """The line of `place`, or of what surrounds it most closely; 0 where nothing is known."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 0)


def _table(heading: re.Match[str], counts: dict[str, int]) -> Place:
    parts = _parts(heading[2])
    if heading[1] == "[[":
        name = ".".join(str(part) for part in parts)
        counts[name] = counts.get(name, -1) + 1
        return (*parts, counts[name])
    return parts


def _parts(dotted: str) -> Place:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _still_inside(line: str, inside: str) -> str:
    for quotes in re.findall(r'"""|\'\'\'', line.split("#", maxsplit=1)[0] if not inside else line):
        if not inside:
            inside = quotes
        elif inside == quotes:
            inside = ""
    return inside
