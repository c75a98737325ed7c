"""The largest share of quotes that a surface could meet: all where there is one, fewer where quotes contradict each other."""

import numpy as np
from benchmarks.surface_bound import most_met

from flatbook.market.surface import SmilePointsTable


def table(vol, years=(0.25, 0.5)):
    """Two expiries with nine strikes each and half a point between bid and offer."""
    vol = np.asarray(vol)
    k = np.tile(np.linspace(-0.4, 0.4, 9), 2)
    return SmilePointsTable(
        slice_index=np.repeat([0, 1], 9), log_moneyness=k, vol_bid=vol - 0.0025, vol_mid=vol, vol_ask=vol + 0.0025,
        weight=np.ones(18), years=np.array(years), keys=np.arange(2),
    )  # fmt: skip


def test_a_flat_surface_is_met_everywhere():
    assert most_met(table(np.full(18, 0.3))) == (18, 18, True)


def test_a_call_that_is_dearer_than_both_neighbours_together_is_not_met():
    """One spike of 30 points: convexity forbids it beside its neighbours, and it goes alone."""
    vol = np.full(18, 0.3)
    vol[4] = 0.6
    assert most_met(table(vol)) == (17, 18, True)


def test_a_later_expiry_with_less_variance_is_not_met_beside_the_sooner():
    """Total variance halves: of each strike one of the two goes, but for wings worth next to nothing either way."""
    vol = np.concatenate((np.full(9, 0.4), np.full(9, 0.2)))
    found, count, with_calendar = most_met(table(vol))
    assert (count, with_calendar) == (18, True)
    assert found == 9


def test_one_sided_quotes_and_past_expiries_are_left_out():
    vol = np.full(18, 0.3)
    one = table(vol, years=(0.25, -0.5))
    one.vol_bid[0] = np.nan
    assert most_met(one) == (8, 8, True)
