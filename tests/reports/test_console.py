"""The plan on a console of 100 columns."""

import io
import subprocess
import sys

import pytest
from rich.console import Console

from flatbook.reports.console import print_plan
from tests.reports.conftest import HOSTILE


def _printed(report, width):
    out = io.StringIO()
    print_plan(report, Console(file=out, width=width, force_terminal=False))
    return out.getvalue()


@pytest.mark.parametrize("width", [100, 120])
@pytest.mark.parametrize("name", ["report", "hurt_report", "empty_report"])
def test_it_prints_within_its_width(name, width, request):
    """No line is longer."""
    lines = _printed(request.getfixturevalue(name), width).splitlines()

    assert max(map(len, lines)) <= width
    assert 20 < len(lines) < 170


def test_it_shows_headline_hedge_and_worst_limit_first(report):
    """Before anything else."""
    text = _printed(report, 100)
    names = [text.index(f"\n{row.name} ") for row in report.limits]

    assert text.index(report.header.headline) < names[0]
    assert sorted(names) == names
    assert "buy 43 ESM19" in text
    assert "SYNTHETIC" in text.splitlines()[0]


def test_it_says_how_many_rows_are_left(report):
    """330 series, 12 shown."""
    assert "… and 318 more in the HTML/JSON" in _printed(report, 100)


def test_what_a_fill_costs_is_short_and_only_of_what_is_quoted(report, hurt_report):
    """Three series at most, the largest shifts first; nothing where no quote stands."""
    lines = _printed(report, 120).splitlines()
    at = next(n for n, line in enumerate(lines) if "a fill costs" in line)
    shown = [line for line in lines[at + 1 : at + 5] if line.startswith("    ")]
    largest = max((row for row in report.quotes.shifts), key=lambda row: abs(row.shift_usd or 0.0))

    assert 3 == len(shown)
    assert shown[0].startswith(f"    {largest.symbol}: bid ")
    assert "a fill costs" not in _printed(hurt_report, 120)
    assert not any(row.bid or row.ask for row in hurt_report.quotes.series)


def test_both_sides_of_a_class_at_one_step_share_a_line(hurt_report):
    """Six responses, three lines."""
    text = _printed(hurt_report, 120)

    assert 6 == sum(row.step != "NORMAL" for row in hurt_report.responses)
    assert 3 == text.count("buy and sell")


def test_markup_in_a_name_is_printed_as_it_is(hurt_report):
    """A console reads brackets, too."""
    text = _printed(hurt_report, 120)

    assert HOSTILE in text
    assert '<img src=x onerror="x">' in text


def test_reports_do_not_load_rich_or_jinja_before_they_print():
    """Start-up time is for those who print."""
    code = (
        "import sys, flatbook.reports.plan, flatbook.reports.console, flatbook.reports.html;"
        "sys.exit(bool({'rich', 'jinja2'} & set(sys.modules)))"
    )

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
