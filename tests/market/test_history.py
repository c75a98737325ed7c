"""Days aligned across underlyings: every move of a row spans the same time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.market.clock import NS_PER_DAY
from flatbook.market.history import align, no_history
from flatbook.model.errors import InvalidValueError
from flatbook.model.events import HistorySeen
from tests.worlds import index_facts


def seen(name, closes, vols=None):
    """The history of one underlying from closes (and volatilities) by day number."""
    days = sorted(closes)
    return HistorySeen(
        received_ns=0,
        underlying=name,
        day_ns=tuple(day * NS_PER_DAY for day in days),
        close=tuple(float(closes[day]) for day in days),
        vol=tuple(vols.get(day) for day in days) if vols else (),
    )


def _align(*histories):
    return align({one.underlying: one for one in histories})


def test_moves_are_relative_and_vols_in_points():
    """100 to 110 is +10 %, 20 % to 21.5 % one and a half points."""
    found = _align(seen("A", {1: 100, 2: 110, 3: 99}, {1: 0.2, 2: 0.215, 3: None}))

    assert found.moves[:, 0] == pytest.approx([0.1, -0.1])
    assert found.vol_points[:, 0] == pytest.approx([1.5, np.nan], nan_ok=True)
    assert found.day_ns.tolist() == [2 * NS_PER_DAY, 3 * NS_PER_DAY]
    assert found.count.tolist() == [2]
    assert found.vol_count.tolist() == [1]


def test_a_day_that_one_misses_is_left_out_for_all():
    """A coin trades on the weekend, a share does not: both move from Friday to Monday in one row."""
    found = _align(
        seen("COIN", {5: 100, 6: 120, 7: 90, 8: 110, 9: 99}), seen("SHARE", {5: 50, 8: 51, 9: 52.02})
    )

    assert found.days.tolist() == [3.0, 1.0]
    assert found.moves == pytest.approx(np.array([[0.10, 0.02], [-0.10, 0.02]]))


def test_days_before_the_first_and_after_the_last_close_are_unknown():
    """A young underlying shortens nobody's history."""
    found = _align(seen("OLD", {1: 100, 2: 101, 3: 102, 4: 103, 5: 104}), seen("YOUNG", {3: 10, 4: 11}))

    assert found.count.tolist() == [4, 1]
    assert found.moves[:, 1] == pytest.approx([np.nan, np.nan, 0.1, np.nan], nan_ok=True)


def test_no_move_leaps_over_a_hole():
    """Half a year without a close is no move of half a year, and takes no day from the others."""
    full = {day: 100.0 + day for day in range(200)}
    gone = {day: 50.0 + day for day in [*range(20), *range(180, 200)]}
    found = _align(seen("FULL", full), seen("GONE", gone))

    assert found.count.tolist() == [199, 19 + 19]
    assert (found.days == 1.0).all()


def test_columns_are_picked_by_name():
    """In the order of the table, NaN for what nobody saw."""
    found = _align(seen("A", {1: 100, 2: 110}), seen("B", {1: 10, 2: 12})).of(("B", "C", "A"))

    assert found.moves[0] == pytest.approx([0.2, np.nan, 0.1], nan_ok=True)
    assert found.count.tolist() == [1, 0, 1]
    assert no_history().of(("A",)).moves.shape == (0, 1)


@settings(max_examples=60)
@given(
    days=st.lists(st.sets(st.integers(0, 60), min_size=1), min_size=1, max_size=4),
    seed=st.integers(0, 10),
)
def test_moves_multiply_to_the_whole_way(days, seed):
    """Between any two aligned days of a stretch without unknown moves the product is the ratio of the closes."""
    rng = np.random.default_rng(seed)
    closes = [{day: float(rng.uniform(50.0, 150.0)) for day in each} for each in days]
    found = _align(*(seen(f"U{u}", each) for u, each in enumerate(closes)))
    ends = (found.day_ns // NS_PER_DAY).tolist()
    begins = (found.day_ns // NS_PER_DAY - found.days.astype(np.int64)).tolist()
    for u, close in enumerate(closes):
        for row, (begin, end) in enumerate(zip(begins, ends, strict=True)):
            if np.isfinite(found.moves[row, u]):
                assert found.moves[row, u] == pytest.approx(close[end] / close[begin] - 1.0)
    assert begins[1:] == ends[:-1]


def test_history_reaches_the_view_of_the_market():
    """Through the engine, by underlying of the table."""
    state, facts = State(), index_facts()
    for fact in [*facts[:-1], seen("IDX", {1: 100, 2: 110}), seen("OTHER", {1: 1, 2: 2}), facts[-1]]:
        cycle = step(state, fact)

    assert cycle.market.history.moves == pytest.approx(np.array([[0.1]]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"day_ns": (2, 1), "close": (1.0, 2.0)},
        {"day_ns": (1, 1), "close": (1.0, 2.0)},
        {"day_ns": (1, 2), "close": (1.0,)},
        {"day_ns": (), "close": ()},
        {"day_ns": (1,), "close": (0.0,)},
        {"day_ns": (1,), "close": (float("nan"),)},
        {"day_ns": (1,), "close": (1.0,), "vol": (-0.1,)},
        {"day_ns": (1, 2), "close": (1.0, 2.0), "vol": (0.1,)},
    ],
)
def test_a_history_that_cannot_be_one_is_refused(wrong):
    """Order, lengths, and numbers above zero."""
    with pytest.raises(InvalidValueError, match="history of A"):
        HistorySeen(received_ns=0, underlying="A", **wrong)
