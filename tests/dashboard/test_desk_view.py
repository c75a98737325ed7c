"""The Desk page tells what the cycle holds, and null with a reason where it holds nothing."""

import math
from dataclasses import replace

import numpy as np
import pytest

from flatbook.dashboard.views.desk import POINTS, desk, desk_frame, thinned
from flatbook.dashboard.views.head import head, is_capital_of_desk
from flatbook.model.measures import Measure


def test_limits_are_those_of_the_core_worst_first(picture):
    """Every one, with its own numbers."""
    page, standings = desk(picture), picture.cycle.standing.limits
    by_name = {each.limit.name: each for each in standings}

    assert len(page.limits) == len(standings) > 0
    for row in page.limits:
        one = by_name[row.name]
        assert (row.value, row.utilisation, row.limit_hard, row.step) == (
            one.value, one.utilisation, one.limit_hard, one.step.name,
        )  # fmt: skip
    shares = [row.utilisation for row in page.limits]
    assert shares == sorted(shares, reverse=True)


def test_a_limit_that_could_not_be_computed_leads_with_its_reason(picture):
    """Null, and not at the end as a 0 would be."""
    standing = picture.cycle.standing
    blind = replace(standing.limits[-1], value=math.nan, utilisation=math.nan)
    cycle = replace(picture.cycle, standing=replace(standing, limits=(*standing.limits[:-1], blind)))

    first = desk(replace(picture, cycle=cycle)).limits[0]

    assert (first.name, first.value, first.utilisation) == (blind.limit.name, None, None)
    assert "breach" in first.reason


def test_capital_of_which_one_limit_is_unknown_is_not_known(picture):
    """Whatever the order: the share of another limit does not stand in for it."""
    standing = picture.cycle.standing
    known = next(each for each in standing.limits if is_capital_of_desk(each))
    blind = replace(known, value=math.nan, utilisation=math.nan)
    for limits in ((known, blind), (blind, known)):
        cycle = replace(picture.cycle, standing=replace(standing, limits=limits))
        assert head(replace(picture, cycle=cycle)).capital_pct is None


def test_a_minute_ago_is_the_last_publication_at_least_a_minute_old(pictures):
    """Found by a walk through the history."""
    last = pictures[-1]
    history = last.history
    then = max(n for n, at in enumerate(history.at_ns.tolist()) if at <= last.at_ns - 60_000_000_000)
    told = {row.name: row.minute_ago for row in desk(last).limits}

    assert told == dict(zip(history.limit_names, history.utilisation[:, then].tolist(), strict=True))
    assert all(row.minute_ago is None for row in desk(pictures[0]).limits)


def test_exposure_is_that_of_the_core(picture):
    """By underlying and of the desk, in the units of the table of measures."""
    page, exposed, cycle = desk(picture), picture.cycle.exposure, picture.cycle
    row = page.exposure[0]

    assert (row.name, row.spot) == ("IDX", cycle.market.spot[0])
    for name, measure in (
        ("delta_usd", Measure.DELTA_USD),
        ("gamma_usd_per_pct", Measure.GAMMA_USD_PER_PCT),
        ("vega_usd_per_point", Measure.VEGA_USD_PER_POINT),
        ("theta_usd_per_day", Measure.THETA_USD_PER_DAY),
    ):
        assert getattr(row, name) == exposed.by_underlying[0, measure] != 0.0
        assert getattr(page.desk, name) == exposed.desk[measure]
    down = cycle.gaps.moves.tolist().index(-0.10)
    assert row.gap_usd == cycle.gaps.by_underlying[0, down]
    assert (row.hedge_delta_usd, row.band_usd) == (cycle.hedges[0].delta_before_usd, cycle.hedges[0].band_usd)
    assert cycle.hedges[0].reason in row.hedge
    assert sum(each.vega_usd_per_point for each in page.buckets) == pytest.approx(row.vega_usd_per_point)


def test_an_underlying_without_a_price_shows_none(picture):
    """And says so."""
    market = replace(picture.cycle.market, spot=np.array([math.nan]))

    row = desk(replace(picture, cycle=replace(picture.cycle, market=market))).exposure[0]

    assert row.spot is None
    assert "no price" in row.reason


def test_charts_hold_the_history_and_no_more_points_than_they_need(picture):
    """The last point is the newest."""
    frame = desk_frame(picture)
    columns = {each.name: each.values for each in frame.columns}

    assert columns["at_s"].size == min(picture.history.at_ns.size, POINTS)
    assert columns["vega:IDX"][-1] == np.float32(picture.history.vega_usd_per_point[0, -1])


def test_thinning_keeps_the_newest_and_does_not_shimmer():
    """As time goes on the same points stay, but for those that leave."""
    at = np.arange(9000) * 200_000_000 + 1_799_246_385_000_000_000
    kept = thinned(at[:9000])
    later = thinned(at[100:])

    assert kept[-1] == 8999
    assert kept.size <= POINTS + 1
    shared = set(at[kept][:-1].tolist()) & set(at[100:][later].tolist())
    assert len(shared) > 0.5 * POINTS
    assert thinned(at[:5]).tolist() == [0, 1, 2, 3, 4]


def test_the_header_tells_what_the_snapshot_holds(picture):
    """NaN is null."""
    told = head(replace(picture, tick_to_decision_p99_us=math.nan))

    assert told.pnl_usd == picture.pnl_usd
    assert told.tick_to_decision_p99_us is None
    assert told.capital_usd == picture.cycle.capital.desk
    capital = next(each for each in picture.cycle.standing.limits if each.limit.name == "desk/capital_usd")
    assert told.capital_pct == 100.0 * capital.utilisation
    assert told.scopes.classes == ("IDX",)
