"""Which quotes make a surface: one of each strike, out of the money where there is a choice."""

import numpy as np

from flatbook.market.quotes import QuoteStatus
from flatbook.market.surface_points import points_of, slice_keys, slices_of
from tests.reports.surfaces import good_view, hurt_view


def _points(market, slices, **changed):
    names = ("slice_years", "forward", "status", "vol_bid", "vol_mid", "vol_ask")
    return points_of(market.table, slices, **({name: getattr(market, name) for name in names} | changed))


def test_each_strike_of_each_slice_stands_once_and_ascends():
    market = good_view()
    points, rows = _points(market, slices_of(market.table, 0))
    pairs = list(zip(points.slice_index.tolist(), market.table.strike[rows].tolist(), strict=True))

    assert pairs == sorted(set(pairs))
    assert len(pairs) > 100


def test_the_out_of_the_money_side_is_taken_where_both_are_usable():
    """Against a plain search, row by row."""
    market = good_view()
    table = market.table
    _, rows = _points(market, slices_of(table, 0))
    usable = (market.status == QuoteStatus.USABLE) & np.isfinite(market.vol_mid)
    expected = set()
    for s in range(len(table.slices)):
        for strike in set(table.strike[(table.slice_of == s) & usable].tolist()):
            sides = np.flatnonzero((table.slice_of == s) & (table.strike == strike) & usable).tolist()
            outside = [row for row in sides if table.sign[row] * np.log(strike / market.forward[row]) >= 0.0]
            expected.add((outside or sides)[0])

    assert set(rows.tolist()) == expected


def test_a_strike_with_one_usable_side_is_told_by_it():
    market = good_view()
    table = market.table
    slices = slices_of(table, 0)
    _, rows = _points(market, slices)
    gone = int(rows[len(rows) // 2])
    status = market.status.copy()
    status[gone] = QuoteStatus.STALE
    _, after = _points(market, slices, status=status)
    (other,) = set(after.tolist()) - set(rows.tolist())

    assert table.strike[other] == table.strike[gone]
    assert table.slice_of[other] == table.slice_of[gone]
    assert table.sign[other] == -table.sign[gone]


def test_volatilities_and_moneyness_are_those_of_the_rows():
    market = good_view()
    slices = slices_of(market.table, 0)
    points, rows = _points(market, slices)

    np.testing.assert_array_equal(points.vol_mid, market.vol_mid[rows])
    np.testing.assert_array_equal(
        points.log_moneyness, np.log(market.table.strike[rows] / market.forward[rows])
    )
    np.testing.assert_array_equal(slices[points.slice_index], market.table.slice_of[rows])
    np.testing.assert_array_equal(points.years, market.slice_years[slices])


def test_slices_can_be_chosen_and_reordered():
    """Points carry the place in the list that was asked for."""
    market = good_view()
    few = slices_of(market.table, 0)[[3, 1]]
    points, rows = _points(market, few)

    assert set(points.slice_index.tolist()) == {0, 1}
    np.testing.assert_array_equal(few[points.slice_index], market.table.slice_of[rows])


def test_without_quotes_there_are_no_points_but_the_slices_stay():
    market = good_view()
    slices = slices_of(market.table, 0)
    points, rows = _points(market, slices, vol_mid=np.full(market.vol_mid.size, np.nan))

    assert rows.size == points.slice_index.size == 0
    assert points.years.size == slices.size


def test_keys_tell_classes_apart_and_survive_a_listing():
    """AM and PM settlement on one date, and the same table after more was listed."""
    before, after = good_view().table, hurt_view().table
    keys = dict(zip(before.slices, slice_keys(before, np.arange(len(before.slices))).tolist(), strict=True))
    later = dict(zip(after.slices, slice_keys(after, np.arange(len(after.slices))).tolist(), strict=True))

    assert len(set(keys.values())) == len(keys)
    assert len(set(later.values())) == len(later)
    assert {key: later[key] for key in keys} == keys
