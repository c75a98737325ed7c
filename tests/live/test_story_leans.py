"""Leans are told when they are another than was told, one line a class, and not again for a while."""

from dataclasses import replace

import numpy as np
import pytest

from flatbook.live.snapshot import StoryKind
from flatbook.live.story import Story
from flatbook.quoting.ticks import NO_PRICE
from tests.dashboard.worlds import pictures_of, stage_of

_S = 1_000_000_000


@pytest.fixture(scope="module")
def decided():
    """A cycle in which every option is quoted where it would be without inventory."""
    cycle = pictures_of(stage_of(minutes=1.0), cycles=3)[-1].cycle
    neutral = np.where(cycle.table.is_option, 1_000, NO_PRICE)
    quotes = replace(
        cycle.quotes, neutral_bid=neutral, neutral_ask=neutral + 100, bid=neutral, ask=neutral + 100
    )
    return replace(cycle, quotes=quotes)


def leaned(cycle, at_s, ticks, which=None):
    """The cycle some seconds later, its quotes (those of `which` rows) moved by so many ticks."""
    quotes, mine = cycle.quotes, cycle.table.is_option & (True if which is None else which)
    table = cycle.table.instruments[int(np.flatnonzero(mine)[0])].tick_table
    step = max(band.step_ticks for band in table)
    moved = np.where(mine, ticks * step, 0)
    return replace(
        cycle,
        now_ns=cycle.now_ns + round(at_s * _S),
        quotes=replace(quotes, bid=quotes.bid + moved, ask=quotes.ask + moved),
    )


def told(story, cycle):
    """Lines on leans."""
    return [each.text for each in story.lines((), (), None, cycle) if each.kind is StoryKind.LEAN]


def test_a_class_that_leans_is_one_line(decided):
    """However many of its expiries and sides lean alike."""
    (line,) = told(Story(), leaned(decided, 0, -4))

    assert line.startswith("leaning: IDX ")
    assert line.endswith("; 5 more of the class moved")
    assert "bid −" in line


def test_a_neutral_desk_and_a_flicker_are_silent(decided):
    """A tick is no lean."""
    story = Story()

    assert told(story, leaned(decided, 0, 0)) == []
    assert told(story, leaned(decided, 10, 1)) == []
    assert told(story, leaned(decided, 20, -1)) == []


def test_a_lean_is_told_again_once_it_is_half_as_far_away(decided):
    """Of what was told last, not of the cycle before."""
    story = Story()

    assert len(told(story, leaned(decided, 0, -10))) == 1
    assert told(story, leaned(decided, 10, -12)) == []
    assert told(story, leaned(decided, 20, -14)) == []
    assert len(told(story, leaned(decided, 30, -15))) == 1
    assert told(story, leaned(decided, 40, -10)) == []


def test_a_class_is_not_told_twice_within_five_seconds(decided):
    """Whatever moves; then what is so is told."""
    story = Story()

    assert len(told(story, leaned(decided, 0, -4))) == 1
    assert told(story, leaned(decided, 4.9, -40)) == []
    assert len(told(story, leaned(decided, 5.0, -40))) == 1


def test_what_has_not_moved_enough_is_held_against_what_was_told_of_it(decided):
    """A drift of one expiry is not lost because another is told."""
    story = Story()
    first = decided.table.slice_of == 0
    drift = leaned(decided, 0, -4, first)

    assert len(told(story, drift)) == 1
    (line,) = told(story, leaned(leaned(decided, 10, 1, ~first), 0, -20, first))
    assert line.endswith("; 1 more of the class moved")
    (line,) = told(story, leaned(leaned(decided, 20, 2, ~first), 0, -20, first))
    assert line.endswith("; 3 more of the class moved")


def test_back_to_neutral_is_told(decided):
    """As such."""
    story = Story()
    told(story, leaned(decided, 0, -10))

    (line,) = told(story, leaned(decided, 10, 0))
    assert "neutral again" in line
