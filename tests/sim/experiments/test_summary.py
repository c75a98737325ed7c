"""A summary is what the runs say: paired by seed, unknown where a day is, the same whatever their order."""

import numpy as np
import pytest
from msgspec.structs import replace
from scipy import stats

from flatbook.model.errors import InvalidValueError
from flatbook.sim.experiments.day_figures import outcome_of
from flatbook.sim.experiments.summary import summarise
from tests.sim.experiments.fakes import POLICIES, run_day

SEEDS = range(1, 41)
AVERSION = 1e-4


@pytest.fixture(scope="module")
def outcomes():
    """Every policy on every seed."""
    return [outcome_of(run_day(policy, seed)) for seed in SEEDS for policy in POLICIES]


@pytest.fixture(scope="module")
def summary(outcomes):
    """Of all."""
    return summarise(outcomes, policies=tuple(POLICIES), reference="joint", aversion_per_usd=AVERSION)


def pnl(outcomes, policy):
    """By seed."""
    return np.array([one.figure("pnl_usd") for one in outcomes if one.policy == policy])


def test_means_deviations_and_the_objective_are_those_of_the_runs(summary, outcomes):
    """And differences are paired."""
    warehouse, joint = pnl(outcomes, "warehouse"), pnl(outcomes, "joint")
    at = summary.policies.index("warehouse")
    paired = stats.ttest_rel(warehouse, joint).confidence_interval(0.95)
    apart = summary.row("pnl_usd").differences[at]
    objective = [one.mean() - 0.5 * AVERSION * one.var(ddof=1) for one in (warehouse, joint)]

    assert summary.row("pnl_usd").values[at].value == pytest.approx(warehouse.mean())
    assert summary.row("pnl_deviation_usd").values[at].value == pytest.approx(warehouse.std(ddof=1))
    assert (apart.low, apart.high) == pytest.approx((paired.low, paired.high))
    assert summary.row("objective_usd").differences[at].value == pytest.approx(objective[0] - objective[1])
    ratio = summary.row("pnl_deviation_usd").variance_ratios[at]
    assert ratio.value == pytest.approx(warehouse.var(ddof=1) / joint.var(ddof=1))
    assert 1.0 < ratio.low < ratio.value < ratio.high


def test_what_the_policies_do_is_found(summary):
    """Hedged: less direction; options bought back: less vega, and inventory that returns faster; the reference differs by nothing."""
    row = dict(zip(summary.policies, summary.row("delta_usd_deviation").variance_ratios, strict=True))
    vega = dict(
        zip(summary.policies, summary.row("vega_usd_per_point_deviation").variance_ratios, strict=True)
    )
    speed = dict(zip(summary.policies, summary.row("inventory_reversion").differences, strict=True))

    assert row["warehouse"].low > 10.0
    assert vega["delta"].low > 2.0
    assert speed["delta"].high < 0.0
    assert (speed["joint"].value, row["joint"].value) == (0.0, 1.0)


def test_the_order_of_runs_and_a_seed_that_not_all_met_change_nothing(summary, outcomes):
    """The pairs are the same."""
    more = [*reversed(outcomes), outcome_of(run_day("joint", 99))]
    again = summarise(more, policies=tuple(POLICIES), reference="joint", aversion_per_usd=AVERSION)

    assert again.seeds == summary.seeds == tuple(SEEDS)
    assert again.rows == summary.rows


def test_one_day_that_is_not_known_makes_the_figure_unknown(outcomes):
    """Of that policy, and of what is compared with it; the others stay."""
    spoiled = [
        replace(one, figures=one.figures | {"duty_met": None})
        if (one.policy, one.seed) == ("delta", 7)
        else one
        for one in outcomes
    ]
    row = summarise(spoiled, policies=tuple(POLICIES), reference="joint", aversion_per_usd=AVERSION).row(
        "duty_met"
    )
    known = dict(zip(POLICIES, [np.isfinite(one.value) for one in row.values], strict=True))

    assert known == {"warehouse": True, "delta": False, "joint": True}
    assert not np.isfinite(row.differences[list(POLICIES).index("delta")].value)


@pytest.mark.parametrize("days", [1, 2, 3])
def test_few_days_have_figures_and_no_false_intervals(outcomes, days):
    """A day has no deviation; two have no bootstrap."""
    few = [one for one in outcomes if one.seed <= days]
    summary = summarise(few, policies=tuple(POLICIES), reference="joint", aversion_per_usd=AVERSION)
    deviation = summary.row("pnl_deviation_usd").values[0]

    assert np.isfinite(summary.row("pnl_usd").values[0].value)
    assert np.isfinite(deviation.value) == (days > 1)
    assert np.isfinite(deviation.low) == (days > 2)


def test_no_seed_in_common_is_refused(outcomes):
    """There is nothing to compare."""
    apart = [one for one in outcomes if (one.policy == "joint") == (one.seed == 1)]

    with pytest.raises(InvalidValueError, match="no seed"):
        summarise(apart, policies=tuple(POLICIES), reference="joint", aversion_per_usd=AVERSION)
