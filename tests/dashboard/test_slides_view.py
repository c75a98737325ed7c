"""The Slides page is a full revaluation: the cycle's own grids where it has them, and its Greeks in the cell of now."""

from dataclasses import replace

import numpy as np
import pytest

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.kept import Kept
from flatbook.dashboard.views.slides import Book, Show, slides
from flatbook.hedging.propose import trades
from flatbook.limits.check import LimitStanding
from flatbook.live.snapshot import Mode
from flatbook.model.measures import Measure
from flatbook.model.parameters import Limit, LimitMeasure, SlideTime


def grid_of(page):
    """The cells as an array, NaN for null."""
    return np.array([[np.nan if cell is None else cell for cell in row] for row in page.values])


def test_profit_and_loss_of_now_is_the_grid_that_limits_read(picture):
    """Of an underlying and of the desk; exactly 0 where nothing moves."""
    slide = picture.cycle.slides

    assert np.allclose(grid_of(slides(picture)), slide.desk, rtol=1e-12, atol=1e-9)
    assert np.allclose(grid_of(slides(picture, "IDX")), slide.by_underlying[0], rtol=1e-12, atol=1e-9)
    page = slides(picture)
    assert page.values[page.moves.index(0.0)][page.shifts_points.index(0.0)] == 0.0
    assert page.profile_now == page.profile
    assert page.profile[page.profile_moves.index(0.05)] == pytest.approx(
        page.values[page.moves.index(0.05)][page.shifts_points.index(0.0)]
    )


@pytest.mark.parametrize("time", [SlideTime.NEXT_DAY, SlideTime.EXPIRY])
def test_later_grids_are_the_ladders_that_the_desk_set(picture, time):
    """In every cell that both have."""
    ladder = next(one for one in picture.cycle.ladders if one.terms.time is time)
    page = slides(picture, time=time)
    grid = grid_of(page)
    rows = [page.moves.index(move) for move in ladder.moves.tolist()]
    columns = [page.shifts_points.index(shift) for shift in ladder.shifts_points.tolist()]

    assert np.allclose(grid[np.ix_(rows, columns)], ladder.desk, rtol=1e-10)
    assert {each.time: each.at_ns for each in page.times}[time] == str(ladder.at_ns)
    assert page.profile != page.profile_now


def test_a_time_that_nobody_knows_is_null_with_its_reason(picture):
    """No calendar, no close."""
    page = slides(picture, time=SlideTime.CLOSE)

    assert {cell for row in page.values for cell in row} == {None}
    assert "calendar" in page.reason
    assert next(each for each in page.times if each.time == "close").reason == page.reason


@pytest.mark.parametrize(
    ("show", "measure", "tolerance"),
    [
        (Show.DELTA, Measure.DELTA_SMILE_USD, 0.03),
        (Show.VEGA, Measure.VEGA_USD_PER_POINT, 0.01),
        (Show.GAMMA, Measure.GAMMA_USD_PER_PCT, 0.05),
    ],
)
def test_the_cell_of_now_holds_the_greek_of_the_book(picture, show, measure, tolerance):
    """To what a difference over half a percent of spot, or over half a point, tells of a short book of near options."""
    page = slides(picture, "IDX", show=show)
    cell = page.values[page.moves.index(0.0)][page.shifts_points.index(0.0)]
    exposed = picture.cycle.exposure.by_underlying[0]
    scale = max(abs(exposed[measure]), 0.01 * float(np.abs(grid_of(page)).max()))

    assert cell == pytest.approx(exposed[measure], abs=tolerance * scale)


def test_theta_is_the_next_days_profit_and_loss_in_every_cell(picture):
    """The grid a day later less the grid of now."""
    later = grid_of(slides(picture, time=SlideTime.NEXT_DAY)) - grid_of(slides(picture))

    assert np.allclose(grid_of(slides(picture, show=Show.THETA)), later, rtol=1e-10, atol=1e-6)


def test_once_hedged_is_the_book_after_the_proposed_trades(pictures):
    """As the residual of the cycle has it, where a hedge is proposed."""
    picture = next(
        each for each in reversed(pictures) if trades(each.cycle.hedges, each.cycle.book.quantity.size).any()
    )
    page = slides(picture, book=Book.HEDGED)

    assert np.allclose(grid_of(page), picture.cycle.residual.slides.desk, rtol=1e-9, atol=1e-6)
    assert page.hedges
    assert [row.hedged_usd for row in page.gaps] == pytest.approx(picture.cycle.residual.gaps.desk.tolist())
    assert [row.pnl_usd for row in page.gaps] == pytest.approx(picture.cycle.gaps.desk.tolist())


def test_cells_beyond_the_tightest_limit_on_losses_are_counted(picture):
    """A limit on a part of the scope, or on another one, draws no contour."""
    cycle, grid = picture.cycle, picture.cycle.slides.desk
    hard = float(-np.sort(grid.reshape(-1))[6])
    assert hard > 0.0
    one = cycle.standing.limits[0]

    def standing(**terms) -> LimitStanding:
        limit = Limit(measure=LimitMeasure.SLIDE_LOSS_USD, **terms)
        return replace(one, limit=limit, limit_hard=limit.limit_hard)

    limits = (
        standing(limit_hard=hard),
        standing(limit_hard=10.0 * hard),
        standing(limit_hard=1.0, underlying="IDX"),
        standing(limit_hard=1.0, bucket="1m"),
    )
    cycle = replace(cycle, standing=replace(cycle.standing, limits=limits))
    page = slides(replace(picture, cycle=cycle))

    assert [each.limit_hard for each in page.loss_limits] == [hard, 10.0 * hard]
    assert page.beyond == int((grid < -hard).sum()) > 0
    worst = min(page.gaps, key=lambda row: row.pnl_usd)
    assert worst.share == pytest.approx(-worst.pnl_usd / hard)


def test_a_scope_that_is_not_there_is_refused(picture):
    """With those that are."""
    with pytest.raises(UnknownTopicError, match="desk, IDX"):
        slides(picture, "NONE")


def test_an_answer_of_a_moment_ago_is_kept_and_no_other(picture):
    """By question and by the desk's clock; a clock that went back is not believed, and in replay another moment is another answer."""
    kept, made = Kept(), []

    def ask(at_ns, question, mode=Mode.SIMULATED):
        return kept.answer(
            replace(picture, at_ns=at_ns, mode=mode), question, lambda: made.append(at_ns) or len(made)
        )

    assert [ask(10**9, "a"), ask(10**9 + 1, "a"), ask(10**9 + 1, "b")] == [1, 1, 2]
    assert [ask(2 * 10**9, "a"), ask(10**9, "a")] == [3, 4]
    assert [ask(at, "a", Mode.REPLAY) for at in (10**9, 10**9 + 1, 10**9 + 1)] == [5, 6, 6]
