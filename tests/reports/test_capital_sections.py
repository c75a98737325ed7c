"""The desk's capital in the report: the figures are the engine's, every null says why, and the pictures keep to their frames."""

import io
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from rich.console import Console

from flatbook.margin.capital import requirement
from flatbook.model.events import CapitalReported, DeskSet, InstrumentsListed, UnderlyingQuoted
from flatbook.model.instruments import Right, Side
from flatbook.model.parameters import HaircutRange, ProductGroup, UnderlyingTerms
from flatbook.quoting.ticks import NO_PRICE
from flatbook.reports.capital_chart import HEIGHT, WIDTH, capital_chart
from flatbook.reports.console import print_plan
from flatbook.reports.html import render_html
from flatbook.reports.plan import encode_json, plan_report
from flatbook.reports.schema_capital import CapitalForecast
from tests.reports.conftest import DAY, FILLS, NOW, SOURCES, SPOT, chain, cycle_of, desk, fill, option, quotes
from tests.reports.nulls import unexplained

NET_CAPITAL_USD = 900_000.0
_CENT = 0.005


def _reported(source, requirement_usd, age_days, underlying=""):
    return CapitalReported(
        received_ns=NOW,
        source=source,
        underlying=underlying,
        requirement_usd=requirement_usd,
        as_of_ns=NOW - age_days * DAY,
    )


@pytest.fixture(scope="module")
def grouped():
    """Short calls on one index, long calls on another like it; nine tenths of a gain offset a loss."""
    strikes = [SPOT + 25.0 * step for step in range(-12, 13)]
    second = tuple(
        option("XSP", 36, strike, right, underlying="XSP") for strike in strikes for right in Right
    )
    items = (*chain(), *second)
    terms = tuple(UnderlyingTerms(symbol=name, haircut=HaircutRange.BROAD_INDEX) for name in ("SPX", "XSP"))
    group = ProductGroup(name="indices", underlyings=("SPX", "XSP"), capital_offset=0.9)
    set_up = msgspec.structs.replace(
        desk(), underlyings=terms, groups=(group,), net_capital_usd=NET_CAPITAL_USD
    )
    return cycle_of(
        InstrumentsListed(received_ns=NOW, instruments=items),
        UnderlyingQuoted(received_ns=NOW, underlying="SPX", price=SPOT),
        UnderlyingQuoted(received_ns=NOW, underlying="XSP", price=SPOT),
        quotes(items),
        DeskSet(received_ns=NOW, desk=set_up, by="test"),
        *FILLS,
        fill(8, "XSP 036d C2950", Side.BUY, 30),
        _reported("clearing", 1.25e6, 0),
        _reported("clearing", 5e5, 3, "SPX"),
    )


@pytest.fixture(scope="module")
def told(grouped):
    """Its report."""
    return plan_report(grouped, sources=SOURCES)


def _console(report):
    out = io.StringIO()
    print_plan(report, Console(file=out, width=100, force_terminal=False))
    return out.getvalue()


def test_the_figures_are_those_of_the_cycle(grouped, told):
    """After offsets, without them, and as a share of the equity."""
    capital, one = grouped.capital, told.capital

    assert (capital.desk, capital.by_underlying.sum()) == (one.required_usd, one.alone_usd)
    assert one.alone_usd - one.required_usd == one.offsets_usd > 1_000.0
    assert pytest.approx(capital.desk / NET_CAPITAL_USD) == one.utilisation
    assert told.exposure.desk.capital_usd == one.required_usd


def test_parts_add_up_and_their_point_is_where_they_lose_most(grouped, told):
    """Recomputed from the profits of the underlyings: a loss in full and nine tenths of a gain."""
    (part,) = told.capital.parts
    pnl = grouped.capital.pnl
    together = np.minimum(pnl, 0.9 * pnl).sum(axis=0)

    assert (told.capital.required_usd, "point", "group indices") == (
        part.required_usd,
        part.decides,
        part.name,
    )
    assert int(np.argmin(together)) + 1 == part.worst_point
    assert pytest.approx(together.min()) == part.worst_pnl_usd == pytest.approx(-part.required_usd)
    for number, member in enumerate(part.members):
        assert pnl[number, part.worst_point - 1] == member.pnl_usd
        alone = grouped.capital.by_underlying[1 - number] + grouped.capital.by_underlying[number]
        assert pytest.approx(alone - grouped.capital.desk) == member.relief_usd


def test_without_offsets_every_underlying_is_a_part(cycle, report):
    """One that stands alone has no relief."""
    (part,) = report.capital.parts

    assert (cycle.capital.desk, 0.0) == (part.required_usd, report.capital.offsets_usd)
    assert ("SPX", "SPX", 0.0) == (part.name, part.members[0].underlying, part.members[0].relief_usd)
    assert report.exposure.by_underlying[0].capital.worst_move == part.members[0].move


def test_marginal_capital_is_the_difference_of_two_full_runs(grouped, told):
    """Of the first rows of both lists, and of a series held."""
    row_of, book = grouped.table.row_of, grouped.book.quantity
    args = (grouped.values, grouped.market, grouped.desk)
    rows = [(one.symbol, one.side, one.marginal_capital_usd) for one in told.capital.frees[:2]]
    rows += [(one.symbol, one.side, one.marginal_capital_usd) for one in told.capital.asks[:2]]
    held = told.inventory.series[0]
    rows += [
        (held.symbol, "buy", held.marginal_capital_bought_usd),
        (held.symbol, "sell", held.marginal_capital_sold_usd),
    ]

    for symbol, side, expected in rows:
        after = book.copy()
        after[row_of(symbol)] += 1 if side == "buy" else -1
        assert requirement(after, *args).desk - grouped.capital.desk == pytest.approx(expected, abs=1e-6)


def test_the_lists_hold_the_extremes_of_what_is_quoted_held_or_a_hedge(grouped, told):
    """Gathered from the quotes and the book of the report."""
    row_of, both = grouped.table.row_of, grouped.marginal
    open_to_us = {(one.symbol, "buy") for one in told.quotes.series if one.bid is not None or one.position}
    open_to_us |= {(one.symbol, "sell") for one in told.quotes.series if one.ask is not None or one.position}
    open_to_us |= {(each.instrument.symbol, side) for each in grouped.desk.hedges for side in ("buy", "sell")}
    changes = sorted(
        float((both.bought if side == "buy" else both.sold)[row_of(symbol)]) for symbol, side in open_to_us
    )

    frees = [one.marginal_capital_usd for one in told.capital.frees]
    asks = [one.marginal_capital_usd for one in told.capital.asks]
    assert [change for change in changes if change <= -_CENT][:10] == frees
    assert [change for change in changes[::-1] if change >= _CENT][:10] == asks
    assert 10 == len(frees) == len(asks)


def test_a_side_that_nobody_could_trade_is_in_no_list(grouped):
    """Only what is held and the hedges are left once we quote nothing."""
    silent = np.full_like(grouped.quotes.bid, NO_PRICE)
    mute = replace(grouped, quotes=replace(grouped.quotes, bid=silent, ask=silent))
    told = plan_report(mute, sources=SOURCES).capital
    hedges = {each.instrument.symbol for each in grouped.desk.hedges}

    assert all(one.position or one.symbol in hedges for one in (*told.frees, *told.asks))


def test_the_forecast_begins_with_today_and_takes_the_p_and_l_along(grouped, told):
    """Where nothing moves, what is needed now; net capital is today's with the P&L."""
    ahead = told.capital.forecast
    now = ahead.moves.index(0.0)

    assert told.capital.required_usd == pytest.approx(ahead.required_usd[now], rel=1e-9)
    assert (0.0, NET_CAPITAL_USD) == (ahead.pnl_usd[now], ahead.net_capital_usd[now])
    assert grouped.slides.moves.tolist() == list(ahead.moves)
    assert [NET_CAPITAL_USD + pnl for pnl in ahead.pnl_usd] == list(ahead.net_capital_usd)


def test_the_sentence_names_the_move_that_net_capital_does_not_survive(told):
    """The first on either side where more is needed than is there."""
    ahead = told.capital.forecast
    columns = zip(ahead.moves, ahead.required_usd, ahead.net_capital_usd, strict=True)
    short = [at for at, need, net in columns if need > net]
    up = min(at for at in short if at > 0.0)

    assert 0.0 not in short
    assert f"net capital no longer covers it from +{100 * up:.0f} % on." in told.capital.sentence


def test_own_and_reported_stand_side_by_side_and_a_stale_report_says_so(grouped, told):
    """What cannot be compared is null with the reason of the comparison."""
    one, stale = told.capital.reported

    assert ("desk", "clearing", 1.25e6, "") == (one.scope, one.source, one.reported_usd, one.reason)
    assert 1.25e6 - grouped.capital.desk == one.difference_usd
    assert max(1.25e6, grouped.capital.desk) == one.binding_usd
    assert (None, None, stale.own_usd) == (stale.reported_usd, stale.difference_usd, stale.binding_usd)
    assert "stale" in stale.reason
    reasons = {each.path: each.reason for each in told.reasons}
    assert stale.reason == reasons["capital.reported[SPX, clearing].reported_usd"]
    assert [] == unexplained(encode_json(told))


def test_without_net_capital_nothing_is_said_of_it(report):
    """Null, with the key that is missing."""
    reasons = {each.path: each.reason for each in report.reasons}

    assert (None, None) == (report.capital.net_capital_usd, report.capital.utilisation)
    assert {None} == set(report.capital.forecast.net_capital_usd)
    assert "net_capital_usd" in reasons["capital.net_capital_usd"]
    assert "net capital" not in _console(report)


def test_a_book_that_cannot_be_revalued_has_no_capital_and_no_forecast(hurt_report):
    """Unknown, and never a zero; what is known of the other underlying stands."""
    capital = hurt_report.capital
    unknown, known = capital.parts

    assert (None, None, {None}) == (
        capital.required_usd,
        capital.offsets_usd,
        set(capital.forecast.required_usd),
    )
    assert ("unknown", None, None) == (unknown.decides, unknown.worst_point, unknown.required_usd)
    assert known.required_usd > 0.0
    unvalued = {one.symbol for one in hurt_report.market_health.unvalued_held}
    assert not unvalued & {one.symbol for one in (*capital.frees, *capital.asks)}
    assert "unknown" in capital.sentence
    assert capital_chart(capital.forecast) is None


def test_a_book_that_can_lose_less_than_the_minimum_is_charged_the_minimum():
    """A call bought far from the money."""
    items = chain()
    tiny = cycle_of(
        InstrumentsListed(received_ns=NOW, instruments=items),
        UnderlyingQuoted(received_ns=NOW, underlying="SPX", price=SPOT),
        quotes(items),
        DeskSet(received_ns=NOW, desk=desk(), by="test"),
        fill(1, "SPXW 004d P2500", Side.BUY, 2),
    )
    (part,) = plan_report(tiny, sources=SOURCES).capital.parts

    assert "minimum" == part.decides
    assert part.minimum_usd == part.required_usd > -part.worst_pnl_usd


def test_nothing_held_needs_nothing_and_the_console_passes_over_it(empty_report, report):
    """A block that says nothing is not printed."""
    capital = empty_report.capital

    assert (0.0, (), "Nothing is held: no capital is needed.") == (
        capital.required_usd,
        capital.parts,
        capital.sentence,
    )
    assert "CAPITAL" not in _console(empty_report)
    assert "CAPITAL, USD" in _console(report)
    assert 'id="capital"' in render_html(empty_report)


def test_the_console_says_it_in_a_block(told):
    """What is needed, what frees, what others say, in a dozen lines or so."""
    text = _console(told)
    block = text[text.index("CAPITAL, USD") :].split("\n\n")[0]

    assert len(block.splitlines()) <= 14
    for words in ("needed", "net capital then", "relief by SPX", "frees most", "asks for most", "stale"):
        assert words in block


def test_the_page_shows_parts_lists_and_reports(told):
    """With the group's members beneath it, and the chart."""
    page = render_html(told)
    section = page[page.index('<section id="capital"') : page.index('<section id="groups"')]

    for words in ("group indices", "point ", "clearing", "stale", told.capital.frees[0].symbol, "<polyline"):
        assert words in section


def _forecast(required, net):
    n = len(required)
    moves = tuple(-0.1 + 0.2 * place / (n - 1) for place in range(n))
    return CapitalForecast(moves=moves, required_usd=required, pnl_usd=(0.0,) * n, net_capital_usd=net)


def test_the_picture_breaks_where_a_number_is_missing_and_ends_at_its_floor():
    """Net capital far below zero leaves through the floor; every point lies in the frame."""
    chart = capital_chart(_forecast((1.0, None, 2.0, 4.0, 3.0), (5.0, 5.0, 3.0, -40.0, -90.0)))
    needed, net = chart.lines

    assert 2 == len(needed.pieces)
    points = [point.split(",") for line in chart.lines for piece in line.pieces for point in piece.split()]
    assert all(0.0 <= float(x) <= WIDTH and 0.0 <= float(y) <= HEIGHT for x, y in points)
    assert net.pieces[-1].endswith(f",{HEIGHT:g}")
    assert ["", "", "short", "short"] == [dot.tone for dot in chart.dots]


def test_there_is_no_picture_of_nothing():
    """Neither where nothing is needed nor where nothing is known."""
    assert capital_chart(_forecast((0.0, 0.0, 0.0), (None,) * 3)) is None
    assert capital_chart(_forecast((None,) * 3, (1.0, 1.0, 1.0))) is None
