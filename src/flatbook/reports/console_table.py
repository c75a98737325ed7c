"""Tables on a console: titles with their units, a few rows, and how many are left. Text is never read as markup."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flatbook.reports.numbers import brief
from flatbook.reports.schema_parts import Number

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

ROWS = 12  # of a table, before it says how many are left
_LONG, _SHORT = "dodger_blue1", "dark_orange3"


def signed(value: Number) -> "Text":
    """Three digits, blue above zero and orange below."""
    return styled(brief(value), _LONG if value and value > 0.0 else _SHORT if value else "")


def styled(words: str, style: str = "") -> "Text":
    """Words in one style, never read as markup."""
    from rich.text import Text  # noqa: PLC0415 - rich costs start-up time; only a console pays it

    return Text(words, style=style)


def print_table(
    console: "Console",
    title: str,
    titles: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    left: frozenset[int] | set[int] = frozenset({0}),
    total: int = 0,
) -> None:
    """Print at most ROWS rows; text is never read as markup."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    console.print()
    if title:
        console.print(styled(title, "bold"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for at, name in enumerate(titles):
        table.add_column(styled(name), justify="left" if at in left else "right", overflow="fold")
    for row in rows[:ROWS]:
        table.add_row(*(styled(cell) if isinstance(cell, str) else cell for cell in row))  # type: ignore[arg-type]
    console.print(table)
    more = max(total, len(rows)) - min(ROWS, len(rows))
    if more > 0:
        console.print(styled(f"  … and {more:,d} more in the HTML/JSON", "dim"))
