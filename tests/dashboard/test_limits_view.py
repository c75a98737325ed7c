"""The Limits page tells every limit of the cycle, under what it bounds, and what stands in its place."""

import math
from dataclasses import replace

import numpy as np
import pytest

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.views.limits import limits, limits_frame
from flatbook.limits.ladder import ACTIONS, Step
from flatbook.limits.overrides import Override
from flatbook.model.parameters import Limit, LimitMeasure


def with_standings(snapshot, *standings):
    """The same picture with other limits."""
    cycle = snapshot.cycle
    return replace(snapshot, cycle=replace(cycle, standing=replace(cycle.standing, limits=standings)))


def lines_of(page):
    """All limits of the tree, by name."""
    return {line.name: line for node in page.nodes for line in node.limits}


def test_each_limit_stands_once_with_the_numbers_of_the_core(picture):
    """Under the scope that its name begins with, worst first within it, and the nodes by their worst."""
    page, standings = limits(picture), picture.cycle.standing.limits
    lines = lines_of(page)

    assert sum(len(node.limits) for node in page.nodes) == len(standings) == len(lines) > 3
    for one in standings:
        line = lines[one.limit.name]
        assert (line.value, line.utilisation, line.limit_hard, line.step, line.owner) == (
            one.value, one.utilisation, one.limit_hard, one.step.name, one.limit.owner,
        )  # fmt: skip
        assert line.room == pytest.approx(one.limit_hard * (1.0 - one.utilisation))
        assert line.action == ACTIONS[one.step]
        assert line.steps[0] == one.limit.soft_share
        assert line.steps[2:] == (one.limit.critical_share, 1.0)
    for node in page.nodes:
        assert all(line.name.split("/")[0] == node.name for line in node.limits)
        shares = [line.utilisation for line in node.limits]
        assert shares == sorted(shares, reverse=True)
        assert node.utilisation == shares[0]
    worst = [node.utilisation for node in page.nodes]
    assert worst == sorted(worst, reverse=True)


def test_a_measure_that_is_not_known_is_a_breach_and_leads_with_its_reason(picture):
    """Null and not 0, in the first row of the first node."""
    first, *others, last = picture.cycle.standing.limits
    blind = replace(last, value=math.nan, utilisation=math.nan, step=Step.HARD, reason="no price of IDX")

    page = limits(with_standings(picture, first, *others, blind))
    line = page.nodes[0].limits[0]

    assert line.name == page.chosen == last.limit.name
    assert (line.value, line.utilisation, line.room, line.reason) == (None, None, None, "no price of IDX")
    assert (page.nodes[0].utilisation, page.nodes[0].step) == (None, "HARD")


def test_groups_underlyings_and_the_desk_are_nodes_of_their_own(picture):
    """And what a limit bounds within its node is told beside it."""
    one = picture.cycle.standing.limits[0]
    names = {
        "desk": Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, limit_hard=1.0),
        "rates": Limit(measure=LimitMeasure.DELTA_USD, group="rates", limit_hard=1.0),
        "IDX": Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="IDX", bucket="1m", limit_hard=1.0),
    }

    page = limits(with_standings(picture, *(replace(one, limit=each) for each in names.values())))

    assert {node.name: node.kind for node in page.nodes} == {
        "desk": "desk",
        "rates": "group",
        "IDX": "underlying",
    }
    assert {line.name: line.within for line in lines_of(page).values()} == {
        "desk/vega_usd_per_point": "",
        "rates group/delta_usd": "",
        "IDX/1m/vega_usd_per_point": "1m",
    }


def test_an_override_tells_who_why_and_until_when(picture):
    """And what a person may change is what stands in place of the limit."""
    first, *others = picture.cycle.standing.limits
    until = picture.cycle.now_ns + 90 * 10**9
    override = Override(limit_hard=7.0, owner="mara", reason="fed day", until_ns=until)
    page = limits(with_standings(picture, replace(first, override=override), *others))
    (row,) = page.overrides

    assert (row.limit, row.limit_hard_set, row.limit_hard) == (first.limit.name, first.limit.limit_hard, 7.0)
    assert (row.owner, row.reason, row.until_ns, row.left_s) == ("mara", "fed day", str(until), 90.0)
    assert lines_of(page)[first.limit.name].limit_hard_shown == 7.0
    assert all(
        line.limit_hard_shown == line.limit_hard_set
        for line in lines_of(page).values()
        if line.name != first.limit.name
    )


def test_responses_are_those_of_the_ladder(picture):
    """Bid and ask of each class, with the limit that decides."""
    responses = picture.cycle.standing.responses
    pulled = replace(responses[1], step=Step.HARD, action="pull", limit="desk/vega_usd_per_point", series=3)
    standing = replace(picture.cycle.standing, responses=(responses[0], pulled, *responses[2:]))
    page = limits(replace(picture, cycle=replace(picture.cycle, standing=standing)))

    assert [row.side for row in page.responses] == ["bid", "ask"] * len(picture.cycle.table.classes)
    told = page.responses[1]
    assert (told.step, told.action, told.limit, told.series, told.live) == (
        "HARD", "pull", "desk/vega_usd_per_point", 3, responses[1].live,
    )  # fmt: skip
    assert [rung.step for rung in page.ladder] == ["NORMAL", "NOTIFY", "ALERT", "ESCALATE", "HARD"]


def test_the_history_is_that_of_the_chosen_limit(picture):
    """Of the worst where none is; a name that is not there is refused."""
    history = picture.history
    name = history.limit_names[2]
    columns = {each.name: each.values for each in limits_frame(picture, name).columns}

    assert np.array_equal(columns["used"], history.utilisation[2].astype(np.float32))
    assert np.array_equal(columns["at_s"], history.at_ns / 1e9)
    assert limits_frame(picture, "").data["chosen"] == limits(picture).nodes[0].limits[0].name
    assert limits_frame(picture, name).topic == f"limits:{name}"
    with pytest.raises(UnknownTopicError, match="no limit 'desk/luck'"):
        limits(picture, "desk/luck")
