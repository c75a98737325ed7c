"""Intervals against scipy, against known distributions, and against how often they hold what they should."""

import numpy as np
import pytest
from scipy import stats

from flatbook.model.errors import InvalidValueError
from flatbook.sim.chance import Chance
from flatbook.sim.experiments import statistics
from flatbook.sim.experiments.statistics import PairSums, bootstrapped, mean_of, resamples
from flatbook.sim.experiments.student import quantile_of_t

SEED = 17
DAYS = 120
STUDIES = 200  # of each question how often an interval holds the truth
# of 200 intervals of 95 %, 181 to 199 hold the truth with probability 0.998 (binomial)
LEAST_HITS = int(stats.binom.ppf(0.001, STUDIES, 0.95))


@pytest.mark.parametrize("degrees", [1, 2, 3, 7, 30, 199, 1000])
@pytest.mark.parametrize("share", [0.0001, 0.025, 0.4, 0.5, 0.8, 0.975, 0.9995])
def test_quantiles_of_t_are_those_of_scipy(share, degrees):
    """To ten digits."""
    assert quantile_of_t(share, degrees) == pytest.approx(stats.t.ppf(share, degrees), rel=1e-10, abs=1e-12)


@pytest.mark.parametrize(("share", "degrees"), [(0.0, 5), (1.0, 5), (0.5, 0), (float("nan"), 5)])
def test_a_quantile_that_does_not_exist_is_refused(share, degrees):
    """No share, no freedom."""
    with pytest.raises(InvalidValueError):
        quantile_of_t(share, degrees)


def test_a_mean_has_the_interval_of_scipy():
    """And a paired difference that of the paired test."""
    x, y = Chance(SEED).normals(DAYS), Chance(SEED + 1).normals(DAYS)
    mean, paired = mean_of(x), mean_of(x - y)
    known = stats.ttest_1samp(x, 0.0).confidence_interval(0.95)
    pairs = stats.ttest_rel(x, y).confidence_interval(0.95)

    assert (mean.low, mean.high) == pytest.approx((known.low, known.high), rel=1e-10)
    assert (paired.low, paired.high) == pytest.approx((pairs.low, pairs.high), rel=1e-10)


def test_what_is_not_known_has_no_interval():
    """One day has a mean; a NaN has none."""
    one, none = mean_of(np.array([2.0])), mean_of(np.array([1.0, np.nan]))

    assert one.value == 2.0
    assert np.isnan(one.low)
    assert not one.sure
    assert np.isnan(none.value)
    assert np.isnan(bootstrapped(statistics.deviation(np.array([1.0, 2.0])), resamples(2)).low)


def test_resamples_draw_as_many_days_as_there_are():
    """With replacement, each as likely, the same every time."""
    draws = resamples(DAYS)

    assert (draws.sum(axis=1) == DAYS).all()
    assert draws.mean(axis=0) == pytest.approx(1.0, abs=5.0 / np.sqrt(statistics.RESAMPLES))
    assert (draws == resamples(DAYS)).all()
    assert draws.std() == pytest.approx(np.sqrt(1.0 - 1.0 / DAYS), rel=0.02)  # binomial


def test_the_bootstrap_is_that_of_scipy():
    """BCa of a standard deviation, on draws of its own: ends within the noise of 2,000 draws."""
    x = np.exp(Chance(SEED).normals(DAYS))
    ours = bootstrapped(statistics.deviation(x), resamples(DAYS))
    theirs = stats.bootstrap(
        (x,), lambda v, axis: v.std(ddof=1, axis=axis), method="BCa", n_resamples=20_000, rng=np.random.default_rng(SEED),
    ).confidence_interval  # fmt: skip

    assert ours.value == pytest.approx(x.std(ddof=1), rel=1e-12)
    assert ours.low == pytest.approx(theirs.low, rel=0.03)
    assert ours.high == pytest.approx(theirs.high, rel=0.06)


def naive_shortfall(values, level):
    """By definition: the worst 1 - level of the mass."""
    left, total = (1.0 - level) * values.size, 0.0
    for value in sorted(values):
        take = min(left, 1.0)
        total, left = total - take * value, left - take
    return total / ((1.0 - level) * values.size)


@pytest.mark.parametrize("level", [0.95, 0.975])
@pytest.mark.parametrize("days", [7, 100, 333])
def test_shortfall_is_the_mean_of_the_worst(level, days):
    """Days counted in part, days counted twice."""
    values = Chance(SEED).normals(days)
    of = statistics.expected_shortfall(values, level)
    twice = np.ones((1, days))
    twice[0, worst := int(values.argmin())] = 2.0

    assert of(np.ones((1, days)))[0] == pytest.approx(naive_shortfall(values, level), rel=1e-12)
    assert of(twice)[0] == pytest.approx(naive_shortfall(np.append(values, values[worst]), level), rel=1e-12)


def test_shortfall_of_a_normal_is_the_known_one():
    """phi(z) / (1 - level), 4 standard errors."""
    values = Chance(SEED).normals(50_000)
    known = stats.norm.pdf(stats.norm.ppf(0.975)) / 0.025

    assert statistics.expected_shortfall(values, 0.975)(np.ones((1, values.size)))[0] == pytest.approx(
        known, abs=0.06
    )


def shares_held(study):
    """How many of the studies hold the truth; `study` of a seed gives (low, high, truth)."""
    found = [study(SEED + at) for at in range(STUDIES)]
    return sum(low <= truth <= high for low, high, truth in found)


@pytest.mark.parametrize("question", ["deviation", "variance ratio", "objective", "pooled deviation"])
def test_intervals_hold_the_truth_nineteen_times_in_twenty(question, monkeypatch):
    """Over 200 studies of 120 days; the 500 draws of each are enough for that."""
    monkeypatch.setattr(statistics, "RESAMPLES", 500)
    draws = resamples(DAYS)

    def study(seed):
        common, own, more = Chance(10 * seed).normals(3 * DAYS).reshape(3, DAYS)
        x, y = common + own, 2.0 * common + more  # paired: variances 2 and 5
        if question == "deviation":
            return *ends(statistics.deviation(x), draws), np.sqrt(2.0)
        if question == "variance ratio":
            return *ends(statistics.variance_ratio(x, y), draws), np.log(0.4)
        if question == "objective":
            return *ends(statistics.mean_variance(x + 3.0, 0.5), draws), 3.0 - 0.25 * 2.0
        return *ends(statistics.pooled_deviation(x, x**2 + y**2), draws), np.sqrt(7.0)

    hits = shares_held(study)

    # the bootstrap of a variance is short of 95 % by one or two points at this many days
    assert hits >= LEAST_HITS - 0.02 * STUDIES, (question, hits, SEED)
    assert hits <= STUDIES - 1, (question, hits)


def ends(statistic, draws):
    """The interval alone."""
    estimate = bootstrapped(statistic, draws)
    return estimate.low, estimate.high


def reverting(seed, speed_per_h, step_s=120.0, days=60, samples=195):
    """Sums of days on which a quantity returns to 3 at this speed, begun anywhere."""
    keep = np.exp(-speed_per_h * step_s / 3600.0)
    noise = Chance(seed).normals(days * samples).reshape(days, samples)
    x = np.empty((days, samples))
    x[:, 0] = 3.0 + noise[:, 0] / np.sqrt(1.0 - keep**2)
    for k in range(1, samples):
        x[:, k] = 3.0 + keep * (x[:, k - 1] - 3.0) + noise[:, k]
    a, b = x[:, :-1], x[:, 1:]
    return PairSums(
        pairs=np.full(days, samples - 1.0), x=a.sum(axis=1), y=b.sum(axis=1), xx=(a**2).sum(axis=1), xy=(a * b).sum(axis=1)
    )  # fmt: skip


@pytest.mark.parametrize("speed", [0.5, 3.0, 60.0])
def test_the_speed_of_reversion_is_found(speed, monkeypatch):
    """The interval holds the truth nineteen times in twenty, over 60 days of 195 samples."""
    monkeypatch.setattr(statistics, "RESAMPLES", 500)
    draws, gone = resamples(60), 1.0 - np.exp(-speed * 120.0 / 3600.0)
    hits = sum(
        low <= gone <= high
        for low, high in (ends(statistics.reversion(reverting(SEED + at, speed)), draws) for at in range(60))
    )

    assert hits >= stats.binom.ppf(0.001, 60, 0.95), (speed, hits, SEED)


def test_a_difference_is_taken_on_the_same_draws():
    """Two policies that differ by a constant differ by it for sure."""
    x = Chance(SEED).normals(DAYS)
    apart = bootstrapped(
        statistics.less(statistics.mean_variance(x + 5.0, 0.1), statistics.mean_variance(x, 0.1)),
        resamples(DAYS),
    )

    assert (apart.value, apart.low, apart.high) == pytest.approx((5.0, 5.0, 5.0))
    assert apart.sure
