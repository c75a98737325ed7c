"""Fitted surfaces on a console: the headline, a line an expiry, what was left out; columns give way where it is narrow."""

from typing import TYPE_CHECKING, NamedTuple

from flatbook.reports.console_table import styled
from flatbook.reports.numbers import NOTHING, day, full, percent, plain
from flatbook.reports.schema_parts import Number
from flatbook.reports.surface_schema import ExpiryFit, SurfaceFit, SurfaceReport
from flatbook.reports.surface_shape import curvature_points, skew_points

if TYPE_CHECKING:
    from rich.console import Console

KIND_STYLE = {"refused": "bold red3", "convex": "", "svi": "", "essvi": ""}
_POOR = 0.95  # of the quotes within half a spread: below it the share is coloured


class Column(NamedTuple):
    """One figure of an expiry: its head with the unit, and how many characters it may take."""

    head: str
    width: int
    keep: int  # the columns of the lowest number stay longest


COLUMNS = (
    Column("expiry", 15, 0),
    Column("days", 6, 0),
    Column("forward", 9, 1),
    Column("from", 6, 4),
    Column("rate\n%", 5, 6),
    Column("quotes", 6, 2),
    Column("kind", 7, 0),
    Column("ATM\nvol %", 5, 0),
    Column("skew\npt/SD", 5, 1),
    Column("curv.\npt/SD²", 6, 5),
    Column("RMSE\npt", 5, 0),
    Column("inside\n%", 6, 1),
    Column("½ spr.\n%", 6, 0),
    Column("least g", 7, 3),
    Column("cal.\ngap %", 5, 3),
    Column("trust\n%", 5, 5),
)
_LEFT = {"expiry", "from", "kind"}


def print_surface(report: SurfaceReport, console: "Console") -> None:
    """Print `report`: every expiry, readable from 60 columns on.

    Parameters
    ----------
    report : SurfaceReport
    console : rich.console.Console
    """
    header = report.header
    source = header.sources
    console.print(
        styled(
            f"flatbook fit · {source.market} · {source.format} · {header.valued_at}"
            + " · SYNTHETIC" * source.synthetic
        )
    )
    console.print()
    console.print(styled(header.headline, "bold"))
    for sentence in header.sentences:
        console.print(styled(sentence))
    for note in source.notes:
        console.print(styled(f"note: {note}", "dim"))
    for one in report.surfaces:
        _print_expiries(one, console)
    console.print(
        styled(
            "skew, curvature: of vol at the money, in points for one standard deviation (SD) of ln(strike/forward); ½ spr.: "
            "share of two-sided quotes within half a spread of the middle, or inside; g or gap below 0: a butterfly or "
            "calendar spread could be arbitraged",
            "dim",
        )
    )


def columns_for(width: int) -> tuple[int, ...]:
    """Which columns there is room for."""
    chosen = list(range(len(COLUMNS)))
    while sum(COLUMNS[at].width + 1 for at in chosen) - 1 > width and any(COLUMNS[at].keep for at in chosen):
        chosen.remove(max(chosen, key=lambda at: COLUMNS[at].keep))
    return tuple(chosen)


def _print_expiries(one: SurfaceFit, console: "Console") -> None:
    from rich import box  # noqa: PLC0415 - rich costs start-up time; only a console pays it
    from rich.table import Table  # noqa: PLC0415

    console.print()
    spot = "" if one.spot is None else f" · spot {plain(one.spot, 2)}"
    console.print(styled(f"{one.underlying}{spot}", "bold"))
    chosen = columns_for(console.width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0, show_edge=False)
    for at in chosen:
        head = COLUMNS[at].head
        table.add_column(styled(head), justify="left" if head in _LEFT else "right", no_wrap=True)
    for each in one.expiries:
        cells = _cells(each)
        table.add_row(*(styled(*cells[at]) for at in chosen))
    console.print(table)


def _cells(each: ExpiryFit) -> tuple[tuple[str, str], ...]:
    """The words and the style of every column."""
    poor = each.share_within_half_spread is not None and each.share_within_half_spread < _POOR
    return (
        (f"{each.option_class} {day(each.expiry)}", ""),
        (plain(each.days, 1), ""),
        (plain(each.forward, 2), ""),
        (each.forward_source, ""),
        (_times(each.rate, 100.0, 2), ""),
        (f"{each.points:,d}", ""),
        (each.kind, KIND_STYLE.get(each.kind, "")),
        (_times(each.atm_vol, 100.0, 1), ""),
        (full(skew_points(each), 1), ""),
        (full(curvature_points(each), 1), ""),
        (plain(each.rmse_vol_points, 2), ""),
        (_share(each.share_inside), ""),
        (_share(each.share_within_half_spread), "dark_orange3" if poor else ""),
        (plain(each.butterfly_min, 3), _alarm(each.butterfly_min)),
        (_times(each.calendar_gap_min, 100.0, 2), _alarm(each.calendar_gap_min)),
        (_share(each.confidence), ""),
    )


def _alarm(value: Number) -> str:
    return "bold white on red3" if value is not None and value < 0.0 else ""


def _times(value: Number, factor: float, decimals: int) -> str:
    return NOTHING if value is None else plain(value * factor, decimals)


def _share(value: Number) -> str:
    return percent(value).removesuffix(" %")
