"""P&L by its sources adds up to the P&L of the cycle, and markouts are those of the reports."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.tape.following import Tape
from flatbook.dashboard.tape.markouts import MarkoutTape
from flatbook.dashboard.tape.pnl import PnlTape, Source, step_between
from flatbook.dashboard.views.explain import TEXTS, explain_page, markout_table
from flatbook.exposure.explain import Term, explain
from flatbook.exposure.marks import mark_of
from flatbook.live.publisher import Publisher
from flatbook.reports.markouts import by, markouts, track_of_marks

_S_NS = 1_000_000_000


def taped(pictures, step_s=10):
    """A tape that saw them."""
    tape = PnlTape(step_s * _S_NS)
    for each in pictures:
        tape.see(each)
        if tape.is_due(each):
            tape.mark(each)
    return tape


def test_sources_add_up_to_the_profit_of_the_cycle(pictures):
    """At every publication, and nothing is left for the rest."""
    tape = PnlTape()
    for each in pictures:
        tape.see(each)
        if tape.is_due(each):
            tape.mark(each)
        told = tape.told(each)
        assert told.before_usd.sum() + told.sources_usd.sum() == pytest.approx(each.pnl_usd, abs=1e-6)
        assert abs(told.sources_usd[Source.OTHER].sum()) < 1e-6
        assert told.odd_positions == 0
    assert abs(told.pnl_usd.sum()) > 1_000.0


def test_each_source_is_told_by_what_it_is_of(pictures):
    """Edge by the fills, fees by the book, hedges by cash and value; the Greeks are of what was held through a step."""
    last, fills = pictures[-1], pictures[-1].fills
    told = taped(pictures, step_s=1).told(last)
    sources = told.sources_usd.sum(axis=1)
    table, cycle = last.cycle.table, last.cycle
    options = [each for each in fills if not each.is_hedge]
    hedges = np.array([not each for each in table.is_option.tolist()])
    worth = np.nansum((cycle.book.quantity * cycle.values.price * table.multiplier + cycle.book.cash)[hedges])

    assert len(fills) < 200
    assert sources[Source.EDGE] == pytest.approx(sum(each.edge_usd for each in options))
    assert sources[Source.FEES] == pytest.approx(-np.nansum(cycle.book.fees))
    assert sources[Source.HEDGES] + sources[Source.HEDGE_COST] == pytest.approx(worth)
    assert sources[Source.HEDGE_COST] != 0.0


def test_greeks_of_a_step_are_those_of_the_explain(pictures):
    """Of the options that were held, and not of the hedges."""
    before, after = pictures[-3].cycle, pictures[-2].cycle
    fills = [each for each in pictures[-1].fills if before.sequence < each.sequence < after.sequence]
    held = np.where(before.table.is_option, before.book.quantity, 0)

    step, odd = step_between(before, after, fills)

    terms = explain(held, before.values, before.market, after.values, after.market).desk
    assert odd == 0
    assert step[Source.DELTA].sum() == pytest.approx(terms[Term.DELTA])
    assert step[Source.THETA].sum() == pytest.approx(terms[Term.THETA])
    assert step[Source.CROSS].sum() == pytest.approx(terms[Term.VANNA] + terms[Term.VOLGA])
    assert step[Source.UNEXPLAINED].sum() == pytest.approx(terms[Term.RESIDUAL])


def test_what_no_trade_tells_is_in_other_and_is_said(pictures):
    """A position that changed without a fill that was seen; the sum is still that of the cycle."""
    silent = [replace(each, fills=()) for each in pictures]
    told = taped(silent).told(silent[-1])

    page = explain_page(silent[-1], told, ())

    assert told.odd_positions > 0
    assert abs(told.sources_usd[Source.OTHER].sum()) > 1_000.0
    assert told.before_usd.sum() + told.sources_usd.sum() == pytest.approx(silent[-1].pnl_usd)
    assert "something else than a trade" in page.notes[0]


def test_a_fill_that_the_cycle_has_not_folded_waits(pictures):
    """It is shown, and no source has it before the book has."""
    at = next(n for n, each in enumerate(pictures) if n > 3 and each.fills != pictures[n - 1].fills)
    early = replace(pictures[at - 1], fills=pictures[at].fills)
    tape = taped([*pictures[: at - 1], early, *pictures[at:]], step_s=1)

    told = tape.told(pictures[-1])

    assert abs(told.sources_usd[Source.OTHER].sum()) < 1e-6
    assert told.odd_positions == 0


def test_where_time_goes_back_it_begins_anew(pictures):
    """Another run of the same day is no step of this one."""
    tape = taped([*pictures, *pictures[:3]])

    told = tape.told(pictures[2])
    assert told.begun_ns == pictures[0].cycle.now_ns
    assert len(tape.lines) <= 3
    assert tape.told_at(pictures[0].cycle.sequence - 1) is None
    assert tape.told_at(pictures[2].cycle.sequence).sequence <= pictures[2].cycle.sequence


def test_profit_that_nobody_knows_is_no_mark(pictures):
    """Nothing begins with it, no mark is taken at it, and the page says why."""
    last = pictures[-1]
    day = replace(last.cycle.basis.day, pnl_usd={"IDX": float("nan")})
    blind = replace(
        last,
        pnl_usd=float("nan"),
        cycle=replace(last.cycle, basis=replace(last.cycle.basis, day=day)),
    )
    tape = PnlTape()
    tape.see(blind)

    page = explain_page(blind, tape.told(blind), tape.lines)

    assert (page.scopes, page.lines) == ((), None)
    assert "not known" in page.reason
    known = taped(pictures[:-1])
    assert not known.is_due(blind)
    assert known.told(blind) is None


def test_the_page_ends_at_the_profit_of_the_header(pictures):
    """Its bars lead there, of the desk and of each underlying; the lines through time end there, too."""
    last, tape = pictures[-1], taped(pictures)

    page = explain_page(last, tape.told(last), tape.lines)

    desk, index = page.scopes
    assert (desk.scope, index.scope) == ("desk", "IDX")
    assert desk.before_usd + sum(each.usd for each in desk.bars) == pytest.approx(last.pnl_usd)
    assert desk.pnl_usd == page.lines.pnl_usd[-1] == pytest.approx(last.pnl_usd)
    assert [each.name for each in desk.bars] == [TEXTS[source][0] for source in Source]
    assert page.lines.sources_usd["edge at trade"][-1] == desk.bars[0].usd
    assert 0.0 <= desk.unexplained_share < 0.05
    with pytest.raises(UnknownTopicError, match="NOPE"):
        explain_page(last, tape.told(last), (), "NOPE")


@pytest.mark.parametrize("key", ["capacity", "venue", "counterparty"])
def test_markouts_are_those_of_the_reports(pictures, key):
    """Over the same cycles, by whom trades were done with."""
    tape = MarkoutTape()
    for each in pictures:
        tape.see(each)
    found, table = tape.found(), pictures[-1].cycle.table
    rows = np.unique([table.row_of(fill.instrument) for fill in found.fills])
    track = track_of_marks((mark_of(each.cycle.market, each.cycle.values) for each in pictures), rows)

    expected = markouts(found.fills, table, track)

    assert len(found.fills) > 10
    assert np.isfinite(found.adverse_usd).any()
    np.testing.assert_allclose(found.edge_usd, expected.edge_usd, rtol=1e-9)
    np.testing.assert_allclose(found.adverse_usd, expected.adverse_usd, rtol=1e-9, atol=1e-9)
    groups = {(each.name, each.horizon_s): each for each in by(expected, key)}
    for row in markout_table(tape, key).rows[1:]:
        for each in row.horizons:
            told = groups[row.name, each.horizon_s]
            assert (each.fills, each.fills_without) == (told.fills, told.fills_without)
            if told.fills:
                assert each.adverse_usd == pytest.approx(told.adverse_usd_per_contract)
                assert each.realised_usd == pytest.approx(told.realised_usd / told.contracts)


def test_a_trade_that_is_too_young_is_in_no_mean(pictures):
    """It is counted; without any trade the table says so."""
    tape = MarkoutTape()
    empty = markout_table(tape, "capacity")
    for each in pictures:
        tape.see(each)
    everything = markout_table(tape, "all").rows[0]

    assert (empty.rows, bool(empty.reason)) == ((), True)
    assert everything.horizons[-1].fills == 0
    assert everything.horizons[-1].fills_without == everything.fills
    assert everything.horizons[-1].realised_usd is None
    assert tape.open >= everything.fills
    with pytest.raises(UnknownTopicError):
        markout_table(tape, "colour")


def test_the_tape_follows_the_publications(pictures):
    """One task, its marks beside the loop; it ends with the application."""

    async def follow():
        tape, publisher = Tape(), Publisher()
        async with tape.following(publisher):
            for each in pictures:
                publisher.publish(each)
                while tape.seen < each.number:
                    await asyncio.sleep(0.001)
        return tape

    tape = asyncio.run(asyncio.wait_for(follow(), 8.0))

    assert tape.failure == ""
    alone = taped(pictures).lines
    assert [each.sequence for each in tape.pnl.lines] == [each.sequence for each in alone]
    assert tape.pnl.told(pictures[-1]).pnl_usd.sum() == pytest.approx(pictures[-1].pnl_usd)


def test_a_tape_that_failed_says_so(picture):
    """The page is not silently old."""

    class Broken(Publisher):
        """Fails when it is waited for."""

        async def wait(self, after):
            """No."""
            raise ValueError(f"no publication after {after}")

    async def follow():
        tape = Tape()
        async with tape.following(Broken()):
            await asyncio.sleep(0.01)
            return explain_page(picture, None, (), failure=tape.failure)

    assert "no publication after -1" in asyncio.run(follow()).reason
