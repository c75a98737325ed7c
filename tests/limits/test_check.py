"""Every limit measure reads what it says it bounds."""

import numpy as np
import pytest

from flatbook.limits.ladder import Step
from flatbook.model.measures import Measure
from flatbook.model.parameters import Limit, LimitMeasure
from tests.engine.test_step import run
from tests.worlds import fill, index_facts

_FILLS = (fill(1, "IDXW030C5000", "sell", 60, 90.0), fill(2, "IDXW090P4800", "sell", 20, 80.0))


def standing_of(measure, hard=1e6, fills=_FILLS, **scope):
    """The standing of one limit, and the cycle it stands in."""
    cycle = run(index_facts(fills=fills, limits=(Limit(measure=measure, limit_hard=hard, **scope),)))
    return cycle.standing.limits[0], cycle


@pytest.mark.parametrize(
    ("limit", "measure"),
    [
        (LimitMeasure.DELTA_USD, Measure.DELTA_USD),
        (LimitMeasure.GAMMA_USD_PER_PCT, Measure.GAMMA_USD_PER_PCT),
        (LimitMeasure.VEGA_USD_PER_POINT, Measure.VEGA_USD_PER_POINT),
    ],
)
def test_greek_limits_read_the_total_of_their_scope(limit, measure):
    """By underlying and for the desk."""
    one, cycle = standing_of(limit, underlying="IDX")
    desk, _ = standing_of(limit)

    assert one.value == pytest.approx(cycle.exposure.by_underlying[0, measure])
    assert desk.value == pytest.approx(one.value)
    assert one.utilisation == pytest.approx(abs(one.value) / 1e6)


def test_a_bucket_limit_reads_its_bucket():
    """Thirty days are in 1m, ninety in 3m; together they are the total."""
    near, cycle = standing_of(LimitMeasure.VEGA_USD_PER_POINT, underlying="IDX", bucket="1m")
    far, _ = standing_of(LimitMeasure.VEGA_USD_PER_POINT, underlying="IDX", bucket="3m")

    assert near.value + far.value == pytest.approx(cycle.exposure.desk[Measure.VEGA_USD_PER_POINT])
    assert near.value < far.value < 0.0


def test_series_and_class_limits_count_contracts():
    """The largest series by magnitude; the class net."""
    series, _ = standing_of(LimitMeasure.SERIES_CONTRACTS, hard=100)
    net, _ = standing_of(LimitMeasure.CLASS_CONTRACTS, hard=100, option_class="IDXW")

    assert (series.value, series.where, series.utilisation) == (-60.0, "IDXW030C5000", 0.6)
    assert (net.value, net.utilisation) == (-80.0, 0.8)


def test_concentration_is_the_largest_expirys_share_of_gross_vega():
    """In percent; an empty book is not concentrated."""
    standing, cycle = standing_of(LimitMeasure.CONCENTRATION_PCT, hard=90.0, underlying="IDX")
    gross = np.abs(cycle.exposure.by_slice[:, Measure.VEGA_USD_PER_POINT])
    empty, _ = standing_of(LimitMeasure.CONCENTRATION_PCT, hard=90.0, fills=())

    assert standing.value == pytest.approx(100.0 * gross.max() / gross.sum())
    assert "IDXW expiry" in standing.where
    assert empty.value == 0.0


def test_gap_and_capital_limits_name_the_move_that_decides():
    """Short calls and puts: the rally is worse."""
    gaps, cycle = standing_of(LimitMeasure.GAP_LOSS_USD, hard=1e9, underlying="IDX")
    capital, _ = standing_of(LimitMeasure.CAPITAL_USD, hard=1e9, underlying="IDX")

    assert gaps.value == pytest.approx(cycle.gaps.worst_by_underlying[0])
    assert gaps.where == "+20%"
    assert capital.value == pytest.approx(cycle.capital.by_underlying[0])
    assert capital.where == "+6.0%"


@pytest.mark.parametrize(
    "measure", [m for m in LimitMeasure if m is not LimitMeasure.CLASS_CONTRACTS], ids=lambda m: m.value
)
def test_the_slope_of_a_limit_is_what_one_more_contract_does_to_it(measure):
    """By buying one contract of a held series and measuring again."""
    hard = 1e6
    before, cycle = standing_of(measure, hard=hard, underlying="IDX")
    after, _ = standing_of(
        measure, hard=hard, underlying="IDX", fills=(*_FILLS, fill(3, "IDXW030C5000", "buy", 1, 90.0))
    )
    slope = cycle.standing.gradient[0, cycle.table.row_of("IDXW030C5000")]

    assert after.utilisation - before.utilisation == pytest.approx(slope, rel=0.02, abs=1e-12)


def test_a_limit_on_an_underlying_that_is_not_there_bounds_nothing():
    """Utilisation zero, no step."""
    for measure in (
        LimitMeasure.DELTA_USD,
        LimitMeasure.GAP_LOSS_USD,
        LimitMeasure.CAPITAL_USD,
        LimitMeasure.SERIES_CONTRACTS,
    ):
        standing, _ = standing_of(measure, underlying="NOTHING")
        assert (standing.value, standing.step) == (0.0, Step.NORMAL)
