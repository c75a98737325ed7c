"""The Capital page tells the requirement of the cycle, what makes it, and what other methods ask of the same book."""

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from flatbook.adapters.margin_parameters.read import read_parameters_as
from flatbook.dashboard.views.capital import (
    NO_SCENARIO,
    ahead,
    available_of,
    capital,
    capital_frame,
    marginals,
)
from flatbook.dashboard.views.methods import legs_of, methods, strategy_margin
from flatbook.margin import reg_t, tims
from flatbook.margin.reg_t_parameters import RegTParameters
from flatbook.margin.requirement import Method
from flatbook.margin.tims_parameters import TimsParameters, UnderlyingRange
from flatbook.model.instruments import Kind
from flatbook.reports.capital_sections import capital_of
from flatbook.reports.columns import columns_of
from flatbook.reports.missing import Missing


@pytest.fixture(scope="module")
def report(picture):
    """The same of the plan report."""
    return capital_of(picture.cycle, columns_of(picture.cycle), Missing())


def test_the_requirement_is_that_of_the_cycle_and_of_the_report(picture, report):
    """With its parts, members and limits."""
    page = capital(picture)

    assert page.required_usd == picture.cycle.capital.desk == report.required_usd > 0.0
    assert (page.alone_usd, page.offsets_usd) == (report.alone_usd, report.offsets_usd)
    assert len(page.parts) == len(report.parts) == 1
    for part, told in zip(page.parts, report.parts, strict=True):
        assert (part.name, part.required_usd, part.decides) == (told.name, told.required_usd, told.decides)
        assert part.worst_point == told.worst_point - 1
        assert part.pnl_usd[part.worst_point] == told.worst_pnl_usd
        assert [each.relief_usd for each in part.members] == [each.relief_usd for each in told.members]
    limit = next(each for each in picture.cycle.standing.limits if each.limit.name == "desk/capital_usd")
    assert page.limits[0].utilisation == limit.utilisation
    assert (page.available_usd, page.available_of) == (limit.limit_hard, "limit desk/capital_usd")


def test_positions_make_the_worst_point(picture):
    """Those that are named and the others add up to it."""
    (part,) = capital(picture).parts

    made = sum(each.pnl_usd for each in part.positions) + part.positions_left_usd
    assert made == pytest.approx(part.pnl_usd[part.worst_point])
    named = {each.symbol for each in part.positions}
    held = {
        picture.cycle.table.instruments[row].symbol for row in np.flatnonzero(picture.cycle.book.quantity)
    }
    assert named <= held
    assert len(held) == len(named) + part.positions_left


def test_marginal_capital_is_that_of_the_report_and_of_the_cycle(picture, report):
    """The lists and the columns."""
    page, cycle = capital(picture), picture.cycle

    for mine, theirs in ((page.asks, report.asks), (page.frees, report.frees)):
        assert [(each.symbol, each.side, each.usd) for each in mine] == [
            (each.symbol, each.side, each.marginal_capital_usd) for each in theirs
        ]
    columns = marginals(cycle)
    for symbol, bought, sold in zip(columns.symbols, columns.bought_usd, columns.sold_usd, strict=True):
        row = cycle.table.row_of(symbol)
        assert (bought, sold) == (cycle.marginal.bought[row], cycle.marginal.sold[row])
    assert len(columns.symbols) == int(np.isfinite(cycle.values.price).sum())


def test_capital_ahead_is_that_of_the_cycle(picture):
    """Move by move; without net capital its line is null."""
    page, told = ahead(picture.cycle), picture.cycle.capital_ahead

    assert page.required_usd == tuple(told.required.tolist())
    assert page.pnl_usd == tuple(told.pnl.tolist())
    assert page.net_capital_usd == (None,) * len(page.moves)


def test_an_unknown_requirement_is_null_and_leads(picture):
    """With its reason, and not 0."""
    own = picture.cycle.capital
    result = replace(
        own.result,
        requirement=math.nan,
        pnl=np.full_like(own.result.pnl, np.nan),
        charge=np.full_like(own.result.charge, np.nan),
    )
    blind = replace(own, desk=math.nan, by_underlying=np.array([math.nan]), result=result)
    cycle = replace(picture.cycle, held=replace(picture.cycle.held, capital=blind))

    page = capital(replace(picture, cycle=cycle))

    assert (page.required_usd, page.reason) == (None, NO_SCENARIO)
    assert page.parts[0].decides == "unknown"
    assert page.parts[0].worst_point is None
    assert methods(cycle).methods[0].reason


def test_net_capital_counts_where_it_is_less_than_the_limit(picture):
    """What is available is the least of what is told."""
    desk = picture.cycle.desk
    rich, poor = (replace_desk(picture, net_capital_usd=usd) for usd in (1e12, 1e3))

    assert desk.net_capital_usd is None
    assert available_of(rich.cycle)[1] == "limit desk/capital_usd"
    assert available_of(poor.cycle) == (1e3, "net capital")


def test_portfolio_margin_is_that_of_the_margin_room_on_the_same_legs(picture):
    """Whose prices are its own: European options, one model, so to a hundredth of a percent."""
    cycle = picture.cycle
    told = {each.method: each for each in methods(cycle).methods}["pm"]
    parameters = read_parameters_as(TimsParameters, Method.PORTFOLIO_MARGIN)
    mine = {"IDX": UnderlyingRange(range="high-cap-index")}
    legs = legs_of(cycle, np.flatnonzero(cycle.book.quantity))

    found = tims.capital(legs, replace_struct(parameters, underlyings=parameters.underlyings | mine))

    assert told.required_usd == pytest.approx(found.requirement, rel=1e-4)


def test_strategy_margin_is_asked_by_itself_and_leaves_futures_out(picture):
    """In a process of its own, with the answer of the margin room."""
    cycle = picture.cycle
    by_method = {each.method: each for each in methods(cycle).methods}
    kinds = [each.kind for each in cycle.table.instruments]
    rows = [row for row in np.flatnonzero(cycle.book.quantity).tolist() if kinds[row] is Kind.OPTION]

    told = strategy_margin(cycle)

    assert by_method["regt"].required_usd is None
    assert "by itself" in by_method["regt"].reason
    found = reg_t.capital(
        legs_of(cycle, np.array(rows)), read_parameters_as(RegTParameters, Method.REG_T), marginals=False
    )
    assert (told.required_usd, told.maintenance_usd) == (found.requirement, found.maintenance)
    assert told.left_out == int(np.count_nonzero(cycle.book.quantity)) - len(rows) > 0


def test_a_method_that_cannot_take_the_book_says_why(picture):
    """Nothing is in coin; SPAN says whose ranges it has."""
    by_method = {each.method: each for each in methods(picture.cycle).methods}

    assert "coin" in by_method["pme"].reason
    assert by_method["pme"].required_usd is None
    assert "generic" in by_method["span"].notes[0]
    assert by_method["rbh"].required_usd == picture.cycle.capital.desk


def test_the_frame_carries_the_half_hour_of_the_limit(picture):
    """The last point is that of the history."""
    told = {each.name: each.values for each in capital_frame(picture).columns}
    place = picture.history.limit_names.index("desk/capital_usd")

    assert told["utilisation"][-1] == np.float32(picture.history.utilisation[place, -1])


def replace_desk(picture, **changes):
    """The picture with other terms of its desk."""
    cycle = picture.cycle
    return replace(picture, cycle=replace(cycle, desk=replace_struct(cycle.desk, **changes)))


def replace_struct(struct, **changes):
    """A struct with other fields."""
    return msgspec.structs.replace(struct, **changes)
