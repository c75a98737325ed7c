"""The corridor as a whole: the textbook case, and the laws of facts and decisions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.book.view import view as book_view
from flatbook.engine.decision import decision_of, encode_decision
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.exposure.aggregate import aggregate
from flatbook.journal.replay import read_decisions, read_facts
from flatbook.journal.store import Journal
from flatbook.limits.ladder import Step
from flatbook.model.errors import FlatbookError, UnknownInstrumentError
from flatbook.model.events import CycleDue, DeskSet, Fill, FillBusted, FillCorrected
from flatbook.model.measures import Measure
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.quoting.ticks import NO_PRICE
from tests.worlds import FUTURE, NOW_NS, fill, index_desk, index_facts, share

_CALLS = ("IDXW030C5000", "IDXW030C5100", "IDXW090C5200")
_PUTS = ("IDXW030P5000", "IDXW030P4900", "IDXW090P4800")
_SHORT_CALLS = tuple(fill(number, symbol, "sell", 60, 50.0) for number, symbol in enumerate(_CALLS))


def run(facts):
    """The last cycle of a list of facts."""
    state, cycle = State(), None
    for fact in facts:
        cycle = step(state, fact) or cycle
    return cycle


def quote_of(cycle, symbol):
    """(bid, ask, bid size, ask size) of a series."""
    row, quotes = cycle.table.row_of(symbol), cycle.quotes
    return tuple(int(column[row]) for column in (quotes.bid, quotes.ask, quotes.bid_size, quotes.ask_size))


def test_short_calls_lead_to_buying_the_hedge_leaner_offers_and_quotes_that_go_on():
    """The textbook case."""
    limits = (Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="IDX", limit_hard=200_000.0),)
    flat, short = run(index_facts(limits=limits)), run(index_facts(limits=limits, fills=_SHORT_CALLS))

    (hedge,) = short.hedges
    assert hedge.chosen.symbol == "IDXH1"
    assert hedge.chosen.quantity > 0
    assert abs(hedge.delta_after_usd) <= hedge.band_usd
    assert short.exposure.desk[Measure.VEGA_USD_PER_POINT] < 0.0
    for symbol in _CALLS:
        bid, ask, bid_size, ask_size = quote_of(short, symbol)
        flat_bid, flat_ask, flat_bid_size, flat_ask_size = quote_of(flat, symbol)
        assert ask > flat_ask  # offers further away: leaner
        assert ask_size < flat_ask_size  # and smaller
        assert bid >= flat_bid  # keener to buy them back
        assert bid_size == flat_bid_size
        assert NO_PRICE < bid < ask


def test_short_puts_lead_to_selling_the_hedge():
    """The mirror image."""
    cycle = run(index_facts(fills=tuple(fill(n, symbol, "sell", 60, 50.0) for n, symbol in enumerate(_PUTS))))

    (hedge,) = cycle.hedges
    assert hedge.chosen.quantity < 0
    assert abs(hedge.delta_after_usd) <= hedge.band_usd


def test_the_residual_is_the_book_with_the_hedge_in_it():
    """What remains is measured, not inferred."""
    cycle = run(index_facts(fills=_SHORT_CALLS))
    left, before = cycle.residual.exposure.desk, cycle.exposure.desk

    assert left[Measure.DELTA_USD] == pytest.approx(cycle.hedges[0].delta_after_usd)
    assert left[Measure.VEGA_USD_PER_POINT] == pytest.approx(before[Measure.VEGA_USD_PER_POINT])
    assert left[Measure.GAMMA_USD_PER_PCT] == pytest.approx(before[Measure.GAMMA_USD_PER_PCT])
    assert cycle.residual.gaps.worst_desk < cycle.gaps.worst_desk


@pytest.mark.parametrize(
    ("utilisation", "expected"),
    [(0.2, Step.NORMAL), (0.7, Step.NOTIFY), (0.8, Step.ALERT), (0.95, Step.ESCALATE), (1.5, Step.HARD)],
)
def test_a_tighter_limit_widens_thins_and_at_last_pulls_the_adding_side_but_never_the_reducing_one(
    utilisation, expected
):
    """Short vega: offers add, bids reduce."""
    free = run(index_facts(fills=_SHORT_CALLS[1:2]))
    hard = abs(free.exposure.desk[Measure.VEGA_USD_PER_POINT]) / utilisation
    limit = Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="IDX", limit_hard=hard)
    cycle = run(index_facts(limits=(limit,), fills=_SHORT_CALLS[1:2]))
    bid, ask, bid_size, ask_size = quote_of(cycle, "IDXW090C5000")
    free_bid, free_ask, free_bid_size, free_ask_size = quote_of(free, "IDXW090C5000")

    assert cycle.standing.limits[0].step is expected
    assert bid == free_bid
    assert bid_size == free_bid_size
    if expected is Step.NORMAL:
        assert (ask, ask_size) == (free_ask, free_ask_size)
    elif expected is Step.HARD:
        assert (ask, ask_size) == (NO_PRICE, 0)
    else:
        assert ask > free_ask
        assert ask_size < free_ask_size


def test_steps_are_remembered_between_cycles():
    """Hysteresis: just below a threshold the step of the cycle before holds."""
    used = abs(run(index_facts(fills=_SHORT_CALLS)).exposure.desk[Measure.VEGA_USD_PER_POINT])
    limit = Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="IDX", limit_hard=used / 0.755)
    facts = index_facts(limits=(limit,), fills=_SHORT_CALLS)
    state = State()
    first = [step(state, fact) for fact in facts][-1]
    step(state, fill(99, _CALLS[1], "buy", 2, 50.0))
    second = step(state, CycleDue(received_ns=NOW_NS, reason="again"))

    assert first.standing.limits[0].step is Step.ALERT
    assert second.standing.limits[0].utilisation < 0.75
    assert second.standing.limits[0].step is Step.ALERT


def test_a_price_nobody_knows_is_a_breach():
    """A share without a price: delta is unknown, and the limit says so."""
    orphan = share("ZZZ", underlying="ZZZ")
    limits = (Limit(measure=LimitMeasure.DELTA_USD, underlying="ZZZ", limit_hard=1e9),)
    facts = index_facts(limits=limits, fills=(fill(1, "ZZZ", "buy", 10, 5.0),))
    facts.insert(1, type(facts[0])(received_ns=NOW_NS, instruments=(orphan,)))
    cycle = run(facts)
    standing = cycle.standing.limits[0]

    assert np.isnan(standing.utilisation)
    assert standing.step is Step.HARD
    assert standing.reason
    assert "no price of ZZZ" in cycle.exposure.unvalued.values()


def test_a_cycle_before_the_desk_is_set_and_a_fill_in_an_unlisted_symbol_are_refused():
    """Clear errors, not guesses."""
    with pytest.raises(FlatbookError, match="desk is not set"):
        step(State(), CycleDue(received_ns=NOW_NS, reason="early"))
    with pytest.raises(UnknownInstrumentError, match="NOBODY"):
        run([*index_facts()[:-1], fill(1, "NOBODY", "buy", 1, 1.0)])


_fills = st.lists(
    st.tuples(
        st.sampled_from(_CALLS + _PUTS),
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 50),
        st.integers(1, 200),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=12, deadline=None)
@given(_fills, st.randoms(use_true_random=False))
def test_fills_commute(rows, random):
    """Venues report out of order; no decision may care."""
    fills = [fill(number, *row) for number, row in enumerate(rows)]
    shuffled = random.sample(fills, len(fills))

    assert _bytes(fills) == _bytes(shuffled)


@settings(max_examples=8, deadline=None)
@given(_fills)
def test_a_fill_and_its_bust_leave_no_trace_and_a_repeat_counts_once(rows):
    """Neither in the book nor in any decision."""
    fills = [fill(number, *row) for number, row in enumerate(rows)]
    gone = fill(77, _CALLS[0], "sell", 40, 12.0)
    bust = FillBusted(received_ns=NOW_NS, bust_id="B1", fill_id="F77")

    assert _bytes(fills) == _bytes([gone, *fills, fills[0], bust])


def test_a_correction_replaces_the_terms_of_its_fill():
    """As if it had been traded so."""
    wrong, right = fill(1, _CALLS[0], "sell", 40, 12.0), fill(1, _CALLS[0], "sell", 4, 12.5)
    correction = FillCorrected(
        received_ns=NOW_NS,
        correction_id="C1",
        fill_id="F1",
        quantity=4,
        price_ticks=1250,
        corrected_ns=NOW_NS,
    )

    assert _bytes([wrong, correction]) == _bytes([right])


def test_replaying_the_journal_gives_the_same_bytes(tmp_path):
    """A journal is the whole story."""
    journal = Journal.create(tmp_path / "day.journal", {"test": "yes"})
    state = State()
    for fact in index_facts(fills=_SHORT_CALLS):
        cycle = step(state, journal.append(fact))
    journal.append_decision(encode_decision(decision_of(cycle)), cycle.sequence)
    journal.close()
    again, state = None, State()
    for fact in read_facts(tmp_path / "day.journal"):
        again = step(state, fact) or again

    (decision,) = read_decisions(tmp_path / "day.journal")
    assert encode_decision(decision_of(again)) == decision.payload


def _bytes(fills):
    """What is decided on `fills`, to the byte."""
    assert all(isinstance(one, Fill | FillBusted | FillCorrected) for one in fills)
    facts = index_facts(fills=tuple(fills), days=(30, 90), width=0.05, the_desk=index_desk())
    return encode_decision(decision_of(run(facts)))


def test_a_desk_that_changes_its_hedges_terms_is_obeyed():
    """A tenth of the multiplier needs ten times the contracts; of a listed contract only beta and price ratio change."""
    before = run(index_facts(fills=_SHORT_CALLS))
    small = index_desk(multiplier=5.0)
    facts = index_facts(fills=_SHORT_CALLS)
    after = run([*facts[:-1], DeskSet(received_ns=NOW_NS, desk=small, by="test"), facts[-1]])
    listed = run(
        [
            type(facts[0])(received_ns=NOW_NS, instruments=(FUTURE,)),
            *facts[:-1],
            DeskSet(received_ns=NOW_NS, desk=small, by="test"),
            facts[-1],
        ]
    )

    assert after.hedges[0].chosen.quantity == pytest.approx(10 * before.hedges[0].chosen.quantity, rel=0.1)
    assert listed.table.instruments[listed.table.row_of(FUTURE.symbol)].multiplier == FUTURE.multiplier


def test_between_cycles_every_fill_correction_and_bust_is_in_the_running_exposure():
    """At the values of the last cycle; a bust that came before its fill included."""
    state, cycle = State(), None
    for fact in index_facts(fills=_SHORT_CALLS):
        cycle = step(state, fact) or cycle
    second, third = fill(7, _PUTS[0], "sell", 30, 20.0), fill(8, _PUTS[1], "buy", 9, 20.0)
    late = (
        FillBusted(received_ns=NOW_NS, bust_id="B1", fill_id=third.fill_id),
        second,
        third,
        FillBusted(received_ns=NOW_NS, bust_id="B2", fill_id=_SHORT_CALLS[0].fill_id),
        FillCorrected(
            received_ns=NOW_NS,
            correction_id="C1",
            fill_id=second.fill_id,
            quantity=12,
            price_ticks=2000,
            corrected_ns=NOW_NS,
        ),
    )
    for fact in late:
        step(state, fact)
    quantity = book_view(state.book, state.table).quantity

    seen = state.running.snapshot()
    whole = aggregate(quantity, cycle.values, cycle.market, cycle.desk)
    assert quantity[cycle.table.row_of(_PUTS[0])] == -12
    np.testing.assert_array_equal(seen.quantity, quantity)
    np.testing.assert_array_equal(seen.desk, whole.desk)
    np.testing.assert_array_equal(seen.by_bucket, whole.by_bucket)
    assert not np.array_equal(cycle.exposure.desk, seen.desk)  # the cycle's own is left alone
