"""Charts put numbers where they belong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatbook.reports import charts
from flatbook.reports.schema import SlideGrid
from flatbook.reports.smile_chart import EXPIRIES, smile_charts

MOVES, SHIFTS = (-0.1, 0.0, 0.1), (-5.0, 0.0, 5.0)


def _grid(*rows):
    return SlideGrid(scope="desk", pnl_usd=rows)


def test_the_cell_of_now_is_framed_and_high_volatility_is_on_top():
    """Spot to the right."""
    heat = charts.heat_map(_grid((1.0, 2.0, None), (-3.0, 0.0, 3.0), (0.0, 4.0, -5.0)), MOVES, SHIFTS)
    here = [cell for cell in heat.cells if cell.here]
    by_text = {cell.text: cell for cell in heat.cells}

    assert ["0"] == [cell.text for cell in here]
    assert by_text["-5"].x > here[0].x > by_text["+1"].x
    assert by_text["+3"].y < here[0].y < by_text["-3"].y
    assert ("minus", "plus", "none") == (by_text["-5"].tone, by_text["+4"].tone, by_text["–"].tone)
    assert max(cell.strength for cell in heat.cells) == by_text["-5"].strength


def test_a_curve_breaks_where_a_scenario_is_unknown():
    """A line never bridges what is not known."""
    before = _grid((0.0, -2.0, 0.0), (0.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    after = _grid((0.0, -1.0, 0.0), (0.0, None, 0.0), (0.0, 1.0, 0.0))
    curve = charts.pnl_curve(before, after, MOVES, SHIFTS)
    pieces = {line.label: line.pieces for line in curve.lines}

    assert (1, 2) == (len(pieces["now"]), len(pieces["after hedges"]))


def test_no_curve_where_nothing_is_known():
    """Nothing to draw."""
    nothing = _grid(*[(None,) * 3] * 3)

    assert charts.pnl_curve(nothing, nothing, MOVES, SHIFTS) is None


def test_a_bullet_ends_at_its_scale_and_an_unknown_one_is_hatched_to_the_end(report, hurt_report):
    """The hard limit stands at four fifths of the width."""
    known, unknown = charts.bullet(report.limits[0]), charts.bullet(hurt_report.limits[0])

    assert pytest.approx(report.limits[0].utilisation * 192.0, abs=0.1) == known.used
    assert (0.0, 240.0, True) == (unknown.used, unknown.unvalued, unknown.over)


@given(st.lists(st.none() | st.floats(-1e9, 1e9), min_size=1, max_size=9))
def test_bars_stay_on_their_side_of_zero(values):
    """Plus to the right, minus to the left, none longer than half the width."""
    bars = charts.diverging("Vega", "USD", [(str(n), value) for n, value in enumerate(values)]).bars

    for bar, value in zip(bars, values, strict=True):
        assert 0.0 <= bar.width <= 75.0
        assert (bar.x + bar.width <= 75.1) if (value or 0.0) < 0.0 else (bar.x >= 74.9)


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_ticks_enclose_what_they_measure(low, width):
    """And there are not many."""
    high = low + width
    if not high > low:
        return
    ticks = charts.nice_ticks(low, high, 5)

    assert ticks[0] <= low + 1e-6 * width + abs(low) * 1e-9
    assert ticks[-1] >= high - 1e-6 * width - abs(high) * 1e-9
    assert 2 <= len(ticks) <= 9


def test_a_delta_band_holds_before_and_after_in_order(report):
    """Short before, at the edge after."""
    band = charts.delta_band(report.hedges.rows[0])

    assert band.before < band.left <= band.after < band.zero < band.right


def test_smiles_are_drawn_for_a_handful_of_expiries_inside_their_frames(report):
    """The line, the bars and the positions."""
    drawn = smile_charts(report)

    assert 5 == len(drawn) <= EXPIRIES
    assert 5 == sum(len(chart.held) for chart in drawn)
    for chart in drawn:
        assert all(0.0 <= one.top <= one.bottom <= 180.0 and 0.0 <= one.x <= 420.0 for one in chart.quoted)
        assert chart.line
