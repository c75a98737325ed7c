"""Everything that a desk file says of limits: their scope, steps, tightening, and product groups."""

import pytest
from tests.desk_file.example import VALID, parsed

from flatbook.adapters.desk_file.read import check_desk_against
from flatbook.model.errors import FaultsError
from flatbook.model.parameters import Limit, LimitMeasure, ProductGroup

_GROUP = """
[[group]]
name = "indices"
underlyings = ["SPX", "NDX"]
"""
_LIMIT = """
[[limit]]
measure = "gap_loss_usd"
group = "indices"
hard = 1e6
"""


def _faults(text):
    with pytest.raises(FaultsError) as raised:
        parsed(text)
    return [(fault.where.split(", ")[1], fault.found) for fault in raised.value.faults]


def test_a_limit_says_what_it_bounds_how_it_steps_and_when_it_is_tighter():
    """Key by key, in the units of the model."""
    more = (
        "soft_share = 0.6\ncritical_share = 0.8\ncool_down_s = 30\nstale_after_s = 10\ntighten_days = 2\n"
        "tighten_expiry_factor = 0.2\ntighten_event_h = 3\ntighten_event_factor = 0.5\ntighten_fast_factor = 0.4\n"
    )
    read = parsed(VALID + _GROUP + _LIMIT + more)

    assert read.desk.groups == (ProductGroup(name="indices", underlyings=("SPX", "NDX")),)
    assert read.limits[-1] == Limit(
        measure=LimitMeasure.GAP_LOSS_USD, group="indices", limit_hard=1e6, soft_share=0.6, critical_share=0.8,
        cool_down_s=30.0, stale_after_s=10.0, tighten_days=2.0, tighten_expiry_factor=0.2, tighten_event_h=3.0,
        tighten_event_factor=0.5, tighten_fast_factor=0.4,
    )  # fmt: skip


def test_limits_of_one_measure_on_several_levels_stand_beside_each_other():
    """Desk, group, underlying, class, bucket, series."""
    scopes = (
        "", 'group = "indices"', 'underlying = "SPX"', 'option_class = "SPXW"', 'bucket = "2w"', 'series = "SPXW  190621C02900000"'
    )  # fmt: skip
    tables = "".join(f'[[limit]]\nmeasure = "delta_usd"\nhard = 1e6\n{scope}\n' for scope in scopes)

    assert len({limit.name for limit in parsed(VALID + _GROUP + tables).limits}) == 2 + len(scopes)


@pytest.mark.parametrize(
    ("more", "where", "found"),
    [
        (_LIMIT, "[[limit]] 3 group", "'indices'"),
        (_GROUP + _LIMIT + 'underlying = "SPX"\n', "[[limit]] 3 group", "group 'indices' beside underlying 'SPX'"),
        (_GROUP + _LIMIT + 'series = "SPXW  190621C02900000"\n', "[[limit]] 3 series", "series in a limit of gap_loss_usd"),
        (_GROUP + _LIMIT + "soft_share = 0.95\n", "[[limit]] 3 soft_share", "0.95, above critical_share 0.9"),
        (_GROUP + _LIMIT + "critical_share = 90\n", "[[limit]] 3 critical_share", "90"),
        (_GROUP + _LIMIT + "tighten_fast_factor = 0\n", "[[limit]] 3 tighten_fast_factor", "0"),
        (_GROUP + _LIMIT + "stale_after_s = 0\n", "[[limit]] 3 stale_after_s", "0"),
        (_GROUP + _LIMIT + "floor_usd = 5\n", "[[limit]] 3 floor_usd", "floor_usd in a limit of gap_loss_usd"),
        (_GROUP + _LIMIT + _LIMIT, "[[limit]] 4", "'gap_loss_usd indices' again"),
        (_GROUP + _GROUP, "[[group]] 2", "'indices' again"),
        (_GROUP.replace('["SPX", "NDX"]', "[]"), "[[group]] 1 underlyings", "a list of 0"),
        (_GROUP.replace('["SPX", "NDX"]', '"SPX"'), "[[group]] 1 underlyings", "'SPX'"),
        (_GROUP.replace('["SPX", "NDX"]', "[1]"), "[[group]] 1 underlyings", "a list of 1"),
        ('[[limit]]\nmeasure = "gross_contracts"\nhard = 10.5\n', "[[limit]] 3 hard", "10.5"),
        ('[[limit]]\nmeasure = "margin_pct"\nhard = 0.8\n', "[[limit]] 3 hard", "0.8"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_told(more, where, found):
    """With its key, and once."""
    assert _faults(VALID + more) == [(where, found)]


def test_a_group_of_an_underlying_that_the_market_does_not_know_is_told():
    """As any other name."""
    faults = check_desk_against(parsed(VALID + _GROUP), {"SPX", "BTC"}, {"SPXW", "BTC"})

    assert [(fault.where.split(", ")[1], fault.found) for fault in faults] == [
        ("[[group]] 1 underlyings", "'NDX'")
    ]
