"""Every expiry on one line, in as many columns as there is room for."""

from io import StringIO
from itertools import pairwise

import msgspec
import pytest
from rich.console import Console

from flatbook.reports.surface_console import COLUMNS, columns_for, print_surface
from tests.reports.conftest import HOSTILE
from tests.reports.surfaces import EVIL, report_of


def printed(report, width=120):
    """What a terminal of this width shows."""
    out = StringIO()
    print_surface(report, Console(file=out, width=width))
    return out.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_each_expiry_takes_one_line_that_fits(width):
    lines = printed(report_of("good"), width).splitlines()
    rows = [line for line in lines if line.startswith(("SPX 2019", "SPXW 2019"))]

    assert len(rows) == 5
    assert all(len(line) <= width for line in lines)
    assert all("…" not in row for row in rows)


def test_columns_give_way_from_the_least_important():
    """Wider is never less; 120 holds all; what stays to the last is expiry, days, kind and the fit."""
    kept = [columns_for(width) for width in (40, 60, 80, 100, 120)]

    assert all(set(a) <= set(b) for a, b in pairwise(kept))
    assert len(kept[-1]) == len(COLUMNS)
    assert [COLUMNS[at].keep for at in kept[0]] == [0] * len(kept[0])


def test_heads_say_their_units():
    text = printed(report_of("good"))

    for unit in ("vol %", "pt/SD", "pt/SD²", "gap %", "days"):
        assert unit in text


def test_headline_reasons_and_notes_are_told():
    good, hurt = printed(report_of("good")), printed(report_of("hurt"), 400)

    assert "SYNTHETIC" in good
    assert "note: one day" in good
    assert "not used" in good
    assert "refused" in hurt
    assert "1 bid above offer" in hurt


def test_arbitrage_stands_out():
    report = report_of("good")
    (one,) = report.surfaces
    bent = msgspec.structs.replace(one.expiries[0], butterfly_min=-0.25)
    surface = msgspec.structs.replace(one, expiries=(bent, *one.expiries[1:]))
    out = StringIO()
    print_surface(
        msgspec.structs.replace(report, surfaces=(surface,)),
        Console(file=out, width=120, force_terminal=True, color_system="256"),
    )

    assert "\x1b[1;37;48;5;160m -0.250" in out.getvalue() or "-0.250\x1b[0m" in out.getvalue()


def test_hostile_names_are_not_read_as_markup():
    text = printed(report_of("hurt"), 400)

    assert HOSTILE in text
    assert EVIL in text


def test_nothing_to_fit_is_no_fault():
    assert "No surface" in printed(report_of("empty"))
