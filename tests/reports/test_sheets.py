"""The sheets as rows of a report, on a console and on a page; every null has its reason."""

import io
import math
from dataclasses import replace
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from rich.console import Console

from flatbook.exposure.scenario_sheets import past_days, scenario_sheets
from flatbook.market.clock import NS_PER_DAY
from flatbook.market.history import History, no_history
from flatbook.market.view import EventMove, no_term
from flatbook.model.instruments import Right, Style
from flatbook.reports.console_sheets import print_sheets
from flatbook.reports.html import _template
from flatbook.reports.missing import Missing
from flatbook.reports.schema_sheets import Sheets
from flatbook.reports.sheets import sheets_of
from flatbook.valuation.values import value
from tests.reports.nulls import unexplained
from tests.worlds import NOW_NS, option, share, view_by_hand

HOSTILE = "<b>[red]results"
DAY0 = 17_897 * NS_PER_DAY  # 2019-01-01
_MACROS = """
{% macro amount(value) %}<td>{{ value | brief }}</td>{% endmacro %}
{% macro size(value) %}<td>{{ value | magnitude }}</td>{% endmacro %}
{% macro more(total, limit) %}{% if total > limit %}more{% endif %}{% endmacro %}
{% include "sheets.html.j2" %}
"""


def the_market(*, blind=False, amounts=(1.5,)):
    """American options of tomorrow and of six weeks, an ex-date in two days, an event in ten."""
    instruments = [
        option(f"{right.name}{strike:g}-{days:g}", strike, days, right, style=Style.AMERICAN)
        for days in (1.0, 45.0)
        for strike in (90.0, 100.0, 140.0)
        for right in Right
    ]
    vols = [0.3] * 12
    if blind:
        vols[6] = vols[11] = math.nan
    market = view_by_hand([*instruments, share()], spot=100.0, vols=[*vols, math.nan], rate=0.05)
    moves = (
        EventMove(
            underlying="XYZ", name=HOSTILE, at_ns=NOW_NS + 10 * NS_PER_DAY, move_sd=0.04, move_sd_error=0.01, reason=""
        ),
        EventMove(
            underlying="XYZ", name="vote", at_ns=NOW_NS + 20 * NS_PER_DAY, move_sd=math.nan, move_sd_error=math.nan,
            reason="no usable expiry after it",
        ),
    )  # fmt: skip
    return replace(
        market,
        dividend_years=(np.full(len(amounts), 2.0 / 365.0),),
        dividend_amount=(np.array(amounts),),
        term=replace(no_term(), events=moves),
    )


def the_history(days=260):
    random = np.random.default_rng(3)
    moves, points = random.normal(0, 0.02, (days, 1)), random.normal(0, 2, (days, 1))
    moves[5] = np.nan
    return History(
        underlyings=("XYZ",),
        day_ns=DAY0 + np.arange(days) * NS_PER_DAY,
        days=np.ones(days),
        moves=moves,
        vol_points=points,
    )


QUANTITY = np.array([5, -3, -20, -8, 0, 12, -4, 0, 10, 6, 0, 7, 100])


def told(market, history):
    missing = Missing()
    market = replace(market, history=history or no_history())
    values = value(market)
    found = scenario_sheets(QUANTITY, values, market, past=past_days(QUANTITY, values, market))
    return sheets_of(found, QUANTITY, market.table, missing), missing


@pytest.mark.parametrize("blind", [False, True])
@pytest.mark.parametrize("history", [None, the_history(), the_history(60)])
def test_every_null_has_its_reason_and_every_number_is_finite(blind, history):
    """A file of nothing else, read back the same."""
    sheets, missing = told(the_market(blind=blind), history)
    raw = msgspec.json.encode({"sheets": sheets, "reasons": missing.reasons()})

    assert unexplained(raw) == []
    assert b"NaN" not in raw
    assert msgspec.json.decode(msgspec.json.encode(sheets), type=Sheets) == sheets


def test_the_sheets_say_what_is_held_against_what_is_coming():
    """Tomorrow's expiry; the calls before their ex-date and the puts for their carry; both events; the past."""
    sheets, missing = told(the_market(), the_history())
    (expiry,) = sheets.expiries

    assert expiry.delivers
    assert [one.strike for one in expiry.strikes] == [90.0, 100.0, 140.0]
    assert expiry.strikes[1].jump_shares == -2800.0
    actions = {one.symbol: (one.action, one.why) for one in sheets.exercises}
    assert actions["CALL90-45"] == ("expect assignment", "dividend")
    assert sheets.events[0].worst_usd == min(jump.pnl_usd for jump in sheets.events[0].jumps)
    assert sheets.events[1].worst_usd is None
    assert any("no usable expiry" in one.reason for one in missing.reasons())
    assert [one.scope for one in sheets.history.scopes] == ["desk", "XYZ"]
    desk, mine = sheets.history.scopes
    assert (desk.days, desk.days_left_out) == (259, 1)
    assert mine.levels[0].component_shortfall_usd == pytest.approx(desk.levels[0].shortfall_usd)
    assert (sheets.history.first_day, sheets.history.last_day) == ("2019-01-01", "2019-09-17")


def test_a_short_history_says_what_it_cannot_tell():
    """Sixty days: 95 % and no 99 %."""
    sheets, _ = told(the_market(), the_history(60))
    low, high = sheets.history.scopes[0].levels

    assert low.shortfall_usd is not None
    assert high.shortfall_usd is None
    assert "99% needs 100" in sheets.history.scopes[0].reason


@pytest.mark.parametrize("width", [100, 120])
@pytest.mark.parametrize("blind", [False, True])
def test_a_console_shows_them_within_its_width(width, blind):
    """Names are never read as markup; what is not known is said."""
    sheets, _ = told(the_market(blind=blind), the_history())
    out = io.StringIO()
    print_sheets(sheets, Console(file=out, width=width, force_terminal=False))
    text = out.getvalue()

    assert max(map(len, text.splitlines())) <= width
    for title in ("EXPIRIES", "EARLY EXERCISE", "EVENTS", "PAST DAYS"):
        assert title in text
    assert "results" in text
    assert ("nobody can say" in text) == blind


def test_without_anything_to_tell_nothing_is_printed():
    """A desk without expiries, events or history."""
    empty = Sheets(expiries=(), exercises=(), events=(), history=None)
    out = io.StringIO()
    print_sheets(empty, Console(file=out, width=100, force_terminal=False))

    assert out.getvalue() == ""


@pytest.mark.parametrize("blind", [False, True])
def test_a_page_shows_them_escaped(blind):
    """Every table, and no text of others as HTML."""
    sheets, _ = told(the_market(blind=blind), the_history())
    page = _template().environment.from_string(_MACROS).render(report=SimpleNamespace(sheets=sheets), rows=60)

    assert "<b>" not in page
    assert "&lt;b&gt;" in page
    for title in ("brings shares", "Early exercise", "Dated events", "Past days"):
        assert title in page
