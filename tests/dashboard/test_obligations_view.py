"""The Obligations page: clocks, headroom, widths and sizes recounted from the core's columns; protections as the core counts them."""

from dataclasses import replace

import numpy as np
import pytest

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.views.obligations import duty_detail, obligations
from flatbook.kernels.protection_windows import NEVER, NO_TIME
from flatbook.model.protection_terms import TALLIES, Tally
from flatbook.quoting.conditions import NO_CONDITIONS
from flatbook.quoting.ticks import NO_PRICE

DUTY = "cboe/market_maker IDX"


@pytest.fixture(scope="module")
def quoting(pictures):
    """The last picture in which quotes were out."""
    return next(
        each
        for each in reversed(pictures)
        if (each.cycle.quotes.bid != NO_PRICE)[each.cycle.table.is_option].any()
    )


def test_the_clock_is_the_duties_own(pictures):
    """Time passed, quoted, and what may still be missed: by the rule, from whole nanoseconds."""
    for picture in pictures[::6]:
        (row,) = obligations(picture).duties
        (now,) = picture.cycle.conditions.duties
        duty = now.duty

        assert row.name == DUTY
        assert row.passed_s == pytest.approx(duty.open_ns[0] / 1e9, rel=1e-12)
        assert row.quoted_s == pytest.approx(duty.quoted_ns[0] / 1e9, rel=1e-12)
        assert (row.series, row.quoted) == (int(duty.in_duty.sum()), int(duty.quoted.sum()))
        left_s = (duty.closes_ns - duty.as_of_ns) / 1e9
        assert row.whole_s == pytest.approx(row.passed_s + row.series * left_s, rel=1e-9)
        spare_s = row.quoted_s + row.series * left_s - row.time_share * row.whole_s
        assert row.headroom_share == pytest.approx(spare_s / row.whole_s, abs=1e-9)
        assert row.headroom_s == pytest.approx(min(max(spare_s / row.series, 0.0), left_s), abs=1e-6)


def test_the_widest_quote_and_the_smallest_size_are_found_one_by_one(quoting):
    """Over all series with two sides."""
    cycle = quoting.cycle
    (row,) = obligations(quoting).duties
    rule = cycle.conditions.duties[0].duty.rule
    widths, sizes = {}, {}
    for at, item in enumerate(cycle.table.instruments):
        bid, ask = int(cycle.quotes.bid[at]), int(cycle.quotes.ask[at])
        if item.option_class and NO_PRICE not in (bid, ask):
            widths[item.symbol] = (ask - bid) / item.ticks_per_unit
            sizes[item.symbol] = int(min(cycle.quotes.bid_size[at], cycle.quotes.ask_size[at]))

    assert row.width_allowed == rule.widths[0].width
    assert row.width == pytest.approx(max(widths.values()), rel=1e-12)
    assert widths[row.width_symbol] == pytest.approx(row.width, rel=1e-12)
    assert row.width_share == pytest.approx(row.width / row.width_allowed, rel=1e-12)
    assert row.size == min(sizes.values()) == sizes[row.size_symbol]
    assert row.size_min == rule.size_min


def test_where_nothing_is_quoted_there_is_no_width(picture):
    """Null, not 0: all are frozen in the end."""
    page = obligations(picture)

    assert picture.cycle.conditions.frozen.any()
    assert page.frozen_series == int(picture.cycle.conditions.frozen.sum())
    row = page.duties[0]
    assert (row.width, row.width_share, row.size) == (None, None, None)


def test_series_that_do_not_count_lead_and_say_why(quoting):
    """Then the widest against what is allowed."""
    told = duty_detail(quoting, DUTY)
    duty = quoting.cycle.conditions.duties[0].duty

    assert told.total == int(duty.in_duty.sum())
    assert [each.counts for each in told.series] == sorted(each.counts for each in told.series)
    counted = [each.width_share for each in told.series if each.counts and each.width_share is not None]
    assert counted == sorted(counted, reverse=True)
    for each in told.series:
        at = quoting.cycle.table.row_of(each.symbol)
        assert each.counts == bool(duty.quoted[at])
        assert (each.bid is None) == (quoting.cycle.quotes.bid[at] == NO_PRICE)
        assert each.why
    with pytest.raises(UnknownTopicError, match="cboe/market_maker IDX"):
        duty_detail(quoting, "cboe/none")


def test_protections_are_shares_of_what_trips_them(pictures):
    """Frozen ones lead; a share times its limit is what was counted."""
    for picture in pictures[::4]:
        page, now = obligations(picture), picture.protections
        rows = {each.name: each for each in page.scopes}

        assert set(rows) == {scope.name for scope in now.scopes}
        for place, scope in enumerate(now.scopes):
            row = rows[scope.name]
            assert row.used == max(each.used for each in row.tallies) == pytest.approx(now.used[place].max())
            for tally in row.tallies:
                share = now.used[place, TALLIES.index(Tally(tally.tally))]
                assert tally.at == pytest.approx(share * tally.limit)
            assert (row.state == "frozen") == (now.until_ns[place] != NO_TIME)
        assert set(picture.cycle.conditions.frozen_scopes) <= {
            each.name for each in page.scopes if each.state == "frozen"
        } | {"shadow/IDX"}
    states = [each.state for each in obligations(pictures[-1]).scopes]
    assert states == sorted(states, key=lambda state: state != "frozen")
    assert "frozen" in states


def test_a_freeze_until_a_reset_has_no_end_and_trips_are_newest_first(picture):
    """Nobody knows when; and each trip says what it stood at."""
    now = picture.protections
    until = np.where(now.until_ns == NO_TIME, NO_TIME, NEVER)
    page = obligations(replace(picture, protections=replace(now, until_ns=until)))

    assert {each.until_ns for each in page.scopes} == {""}
    assert [int(each.at_ns) for each in page.trips] == sorted(
        (each.time_ns for each in now.trips), reverse=True
    )
    assert page.trips[0].scope == now.trips[-1].scope


def test_the_message_budget_is_what_the_gate_has_left(quoting):
    """Credit over what a message costs."""
    (row,) = obligations(quoting).budgets
    terms, credit = quoting.cycle.desk.orders, quoting.cycle.outgoing.buckets.credit_ns

    assert row.burst == terms.message_burst
    assert row.left == int(credit.min() * terms.messages_per_s // 1_000_000_000)
    assert row.used == pytest.approx(1.0 - row.left / row.burst)


def test_a_duty_whose_session_nobody_told_of_has_no_headroom_but_a_reason(picture):
    """Null, and it binds."""
    (now,) = picture.cycle.conditions.duties
    conditions = replace(picture.cycle.conditions, duties=(replace(now, told=False),))
    untold = replace(picture, cycle=replace(picture.cycle, conditions=conditions))
    (row,) = obligations(untold).duties

    assert (row.headroom_s, row.headroom_share, row.whole_s, row.left_s) == (None, None, None, None)
    assert "nobody told" in row.reason


def test_a_desk_without_duties_and_counters_says_so(picture):
    """Two empty lists with their reasons."""
    bare = replace(picture, protections=None, cycle=replace(picture.cycle, conditions=NO_CONDITIONS))
    page = obligations(bare)

    assert (page.duties, page.scopes, page.trips) == ((), (), ())
    assert page.no_duty
    assert page.no_scope
