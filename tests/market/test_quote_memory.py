"""Quotes held against earlier ones: wide, copied, of a shut day; what follows for limits and quotes."""

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.limits.ladder import Step
from flatbook.market.quote_health import QuoteFault
from flatbook.market.quote_memory import SPREAD_MEMORY_S
from flatbook.market.quotes import QuoteStatus
from flatbook.model.events import (
    CycleDue,
    DeskSet,
    InstrumentsListed,
    LimitsSet,
    QuotesSeen,
    SessionsSeen,
    UnderlyingQuoted,
)
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.quoting.propose import QuoteReason
from tests.worlds import NOW_NS, desk, index_facts

SECOND = 1_000_000_000
DAY = 86_400 * SECOND


def cycles(*snapshots, limits=(), before=()):
    """One cycle a snapshot (seconds later, spot, change of its quotes); None sends no quotes."""
    state, out = State(), []
    facts = [fact for fact in index_facts(days=(30,), width=0.05) if not isinstance(fact, CycleDue)]
    seen = next(fact for fact in facts if isinstance(fact, QuotesSeen))
    for fact in facts:
        if isinstance(fact, InstrumentsListed | DeskSet):
            step(state, fact)
    step(state, LimitsSet(received_ns=NOW_NS, limits=limits, by="test"))
    for fact in before:
        step(state, fact)
    for later_s, spot, change in snapshots:
        at = NOW_NS + later_s * SECOND
        step(state, UnderlyingQuoted(received_ns=at, underlying="IDX", price=spot))
        if change is not None:
            step(state, replace(change(seen), received_ns=at))
        out.append(step(state, CycleDue(received_ns=at, reason="test")))
    return out


def every_option_is(status, cycle):
    """Whether all listed options have this status."""
    return bool((cycle.market.status[cycle.table.is_option] == status).all())


def same(seen):
    """As it was."""
    return seen


def moved(seen):
    """Every offer a nickel higher."""
    return replace(seen, ask_ticks=tuple(ask + 10 for ask in seen.ask_ticks))


def first_wide(seen):
    """The first series nine times as wide, about the same middle."""
    bid, ask = seen.bid_ticks[0], seen.ask_ticks[0]
    half = 9 * (ask - bid) // 2
    middle = (bid + ask) // 2
    return replace(
        seen,
        bid_ticks=(max(middle - half, 5), *seen.bid_ticks[1:]),
        ask_ticks=(middle + half, *seen.ask_ticks[1:]),
    )


def test_a_spread_far_beyond_the_usual_one_is_wide_and_not_used():
    """From the second snapshot on; the first one teaches what is usual."""
    first, second = cycles((0, 5000.0, same), (60, 5001.0, first_wide))

    assert not (first.market.status == QuoteStatus.WIDE).any()
    assert np.flatnonzero(second.market.status == QuoteStatus.WIDE).tolist() == [0]
    wide = list(QuoteFault).index(QuoteFault.WIDE)
    assert second.market.health.by_fault[0, wide] == 1
    assert np.isnan(first.market.health.spread_ratio[0])
    assert second.market.health.spread_ratio[0] == pytest.approx(1.0, abs=0.3)


def test_what_is_usual_fades_with_time():
    """A class that stays twice as wide is usual after a while: ln of its ratio falls by e each memory."""

    def twice(seen):
        widths = [ask - bid for bid, ask in zip(seen.bid_ticks, seen.ask_ticks, strict=True)]
        asks = tuple(ask + width for ask, width in zip(seen.ask_ticks, widths, strict=True))
        return replace(seen, ask_ticks=asks)

    memory_s = int(SPREAD_MEMORY_S)
    _, wide, later = cycles((0, 5000.0, same), (memory_s, 5001.0, twice), (2 * memory_s, 5002.0, twice))
    excess = [np.log(cycle.market.health.spread_ratio[0]) for cycle in (wide, later)]

    assert excess[1] / excess[0] == pytest.approx(np.exp(-1.0), rel=0.15)


def test_the_same_quotes_under_a_moved_price_are_a_copy_until_others_come():
    """All of the class was sent again to the last quote though spot moved 1 %; a third copy is one too, and silence changes nothing."""
    found = cycles(
        (0, 5000.0, same), (60, 5050.0, same), (70, 5050.0, None), (120, 5050.0, same), (180, 5050.0, moved)
    )
    copies = [every_option_is(QuoteStatus.STALE_COPY, cycle) for cycle in found]

    assert copies == [False, True, True, True, False]
    assert "quotes not used" in found[1].market.slice_warning[0]
    assert found[1].market.health.usable_share[0] == 0.0
    assert found[4].market.health.usable_share[0] == 1.0


def test_quotes_that_stand_while_nobody_sends_new_ones_are_no_copy():
    """Spot moves before the options do: their quotes are old, and that is all."""
    found = cycles((0, 5000.0, same), (5, 5050.0, None), (10, 5000.0, same))

    assert all(every_option_is(QuoteStatus.USABLE, cycle) for cycle in found)


@pytest.mark.parametrize("open_today", [True, False])
def test_quotes_of_a_day_without_a_session_are_a_copy(open_today):
    """By the sessions of the exchange, the day before and the day after known."""
    hours = [(NOW_NS + day * DAY - 3600 * SECOND, NOW_NS + day * DAY + 3600 * SECOND) for day in (-1, 0, 1)]
    hours = hours if open_today else [hours[0], hours[2]]
    sessions = SessionsSeen(
        received_ns=NOW_NS,
        calendar="TEST",
        underlyings=("IDX",),
        open_ns=tuple(opens for opens, _ in hours),
        close_ns=tuple(closes for _, closes in hours),
    )
    (cycle,) = cycles((0, 5000.0, same), before=(sessions,))

    assert every_option_is(QuoteStatus.STALE_COPY, cycle) == (not open_today)


def test_a_class_without_usable_quotes_breaches_its_limit_and_pulls_both_sides():
    """The limit reads the share; no trade brings it down, so bids and offers go alike."""
    limit = Limit(measure=LimitMeasure.UNUSABLE_QUOTES_PCT, option_class="IDXW", limit_hard=20.0)

    def quarter_gone(seen):
        n = len(seen.symbols)
        bids = tuple(None if row % 4 == 0 else bid for row, bid in enumerate(seen.bid_ticks))
        return replace(seen, bid_ticks=bids, ask_ticks=seen.ask_ticks[:n])

    good, bad = cycles((0, 5000.0, same), (60, 5001.0, quarter_gone), limits=(limit,))
    (standing,) = bad.standing.limits

    assert good.standing.limits[0].value == 0.0
    assert (good.quotes.reason == QuoteReason.ONE_SIDED).sum() == 0
    assert standing.value == pytest.approx(25.0, abs=1.5)
    assert (standing.step, standing.where) == (Step.HARD, "IDXW")
    assert (bad.quotes.reason[bad.table.is_option] == QuoteReason.ONE_SIDED).all()
    assert (bad.quotes.bid_size == 0).all()
    assert (bad.quotes.ask_size == 0).all()


def test_an_empty_desk_has_no_class_to_judge():
    """Nothing listed: the share of a limit is 0."""
    state = State()
    limit = Limit(measure=LimitMeasure.UNUSABLE_QUOTES_PCT, limit_hard=20.0)
    step(state, DeskSet(received_ns=NOW_NS, desk=desk(), by="test"))
    step(state, LimitsSet(received_ns=NOW_NS, limits=(limit,), by="test"))
    cycle = step(state, CycleDue(received_ns=NOW_NS, reason="test"))

    assert cycle.standing.limits[0].value == 0.0
