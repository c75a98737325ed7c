"""What runs of an experiment say of a claim: paired estimates with 95 % intervals, and the verdict that follows from an interval alone."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from math import isfinite, nan

import numpy as np

from flatbook.model.table import Floats
from flatbook.sim.experiments import statistics
from flatbook.sim.experiments.outcome import Number, Outcome
from flatbook.sim.experiments.statistics import UNKNOWN, Estimate, PairSums, Statistic

Read = Callable[[Outcome], Number]


class Verdict(Enum):
    """What an interval says of a claim."""

    HOLDS = "holds"
    FAILS = "does not hold"
    OPEN = "not decided at 95 %"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One scenario with everything that was run of it."""

    name: str
    title: str
    what: str
    aversion_per_usd: float
    outcomes: dict[str, dict[int, Outcome]]  # by policy and seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two policies on the days that both met."""

    seeds: tuple[int, ...]
    first: tuple[Outcome, ...]
    second: tuple[Outcome, ...]


def pair_of(case: Case, first: str, second: str) -> Pair | None:
    """None where no seed was met by both."""
    one, other = case.outcomes.get(first, {}), case.outcomes.get(second, {})
    seeds = tuple(sorted(one.keys() & other.keys()))
    if not seeds:
        return None
    return Pair(
        seeds=seeds, first=tuple(one[seed] for seed in seeds), second=tuple(other[seed] for seed in seeds)
    )


def figure(name: str) -> Read:
    """One figure of a day."""
    return lambda one: one.figures.get(name)


def column(outcomes: Iterable[Outcome], read: Read) -> Floats:
    """float64[n]; NaN where a day does not know it."""
    return np.array([nan if (value := read(one)) is None else value for one in outcomes], dtype=np.float64)


def bootstrapped(statistic: Statistic, *columns: Floats) -> Estimate:
    """A statistic of `columns`, float64[n] each, with its interval; unknown where a day is, or where there is one day only."""
    days = columns[0].size
    if days < 2 or not all(np.isfinite(one).all() for one in columns):
        return UNKNOWN
    return statistics.bootstrapped(statistic, _draws(days))


@lru_cache(maxsize=4)
def _draws(days: int) -> Floats:
    return statistics.resamples(days)


def variance_ratio(pair: Pair, read: Read) -> Estimate:
    """Variance over days of the first policy's figure over that of the second's."""
    one, other = column(pair.first, read), column(pair.second, read)
    return _ratio(statistics.variance_ratio(one, other), one, other)


def ratio_of_sums(above: Floats, below: Floats) -> Estimate:
    """Sum over sum, days drawn in pairs."""

    def of(counts: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.log(counts @ above) - np.log(counts @ below))

    return _ratio(of, above, below)


def mean_square_ratio(pair: Pair, path: str) -> Estimate:
    """Mean square of a quantity about flat, over the time of all days: first policy over second."""

    def read(one: Outcome) -> Number:
        return one.paths[path].mean_square

    return ratio_of_sums(column(pair.first, read), column(pair.second, read))


def reversions(pair: Pair, path: str) -> tuple[Estimate, Estimate, Estimate]:
    """Reversion of the first, of the second, and first less second."""
    one, other = _reversion(pair.first, path), _reversion(pair.second, path)
    days = np.zeros(len(pair.seeds))
    return (
        bootstrapped(one, days),
        bootstrapped(other, days),
        bootstrapped(statistics.less(one, other), days),
    )


def objective(values: Floats, aversion_per_usd: float) -> Estimate:
    """Mean less half the aversion times the variance."""
    return bootstrapped(statistics.mean_variance(values, aversion_per_usd), values)


def objective_difference(pair: Pair, aversion_per_usd: float) -> Estimate:
    """Mean-variance outcome of the first less that of the second."""
    one, other = column(pair.first, figure("pnl_usd")), column(pair.second, figure("pnl_usd"))
    both = statistics.less(
        statistics.mean_variance(one, aversion_per_usd), statistics.mean_variance(other, aversion_per_usd)
    )
    return bootstrapped(both, one, other)


def mean_difference(pair: Pair, read: Read) -> Estimate:
    """Mean of the first less that of the second."""
    return statistics.mean_of(column(pair.first, read) - column(pair.second, read))


def above(estimate: Estimate, level: float) -> Verdict:
    """Holds where all of the interval lies above `level`, does not where none of it does."""
    if not (isfinite(estimate.low) and isfinite(estimate.high)):
        return Verdict.OPEN
    if estimate.low > level:
        return Verdict.HOLDS
    return Verdict.FAILS if estimate.high <= level else Verdict.OPEN


def below(estimate: Estimate, level: float) -> Verdict:
    """Holds where all of the interval lies below `level`, does not where none of it does."""
    turned = Estimate(value=-estimate.value, low=-estimate.high, high=-estimate.low)
    return above(turned, -level)


def equals(estimate: Estimate, level: float, widest: float) -> Verdict:
    """Does not hold where the interval leaves `level` out; holds where it has it in, and its ends are at most a factor of `widest` apart."""
    if not (isfinite(estimate.low) and isfinite(estimate.high) and estimate.low > 0.0):
        return Verdict.OPEN
    if not estimate.low <= level <= estimate.high:
        return Verdict.FAILS
    return Verdict.HOLDS if estimate.high <= widest * estimate.low else Verdict.OPEN


def sentence(verdicts: Sequence[tuple[str, Verdict]], *, names: bool = True) -> str:
    """In how many places it holds, and where not; with or without their names."""
    parts = []
    for kind in Verdict:
        where = [name for name, verdict in verdicts if verdict is kind]
        if where:
            listed = f" ({', '.join(where)})" if names and kind is not Verdict.HOLDS else ""
            parts.append(f"**{kind.value}** in {len(where)} of {len(verdicts)}{listed}")
    return "; ".join(parts) or "not run"


def _ratio(of: Statistic, *columns: Floats) -> Estimate:
    return statistics.ratio_of(bootstrapped(of, *columns))


def _reversion(outcomes: Sequence[Outcome], path: str) -> Statistic:
    paths = [one.paths[path] for one in outcomes]
    sums = PairSums(
        pairs=np.array([float(one.pairs) for one in paths]),
        x=np.array([one.sum_x for one in paths]),
        y=np.array([one.sum_y for one in paths]),
        xx=np.array([one.sum_xx for one in paths]),
        xy=np.array([one.sum_xy for one in paths]),
    )
    return statistics.reversion(sums)
