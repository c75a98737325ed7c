"""What each policy came to over the seeds that all of them met, each figure with its interval and held against a reference policy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Floats
from flatbook.sim.experiments import statistics
from flatbook.sim.experiments.figures import FIGURES, PATH_STEP_S, PATHS, Figure
from flatbook.sim.experiments.outcome import Number, Outcome, Path
from flatbook.sim.experiments.statistics import UNKNOWN, Estimate, PairSums, Statistic

REVERTING = ("inventory", "delta_usd", "vega_usd_per_point")
_T, _BCA = "Student's t", "bootstrap over days"
_DEVIATION = "standard deviation over days"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure of every policy."""

    figure: Figure
    method: str  # of the intervals
    values: tuple[Estimate, ...]  # by policy
    differences: tuple[Estimate, ...]  # policy less reference, paired; of the reference itself: zero
    variance_ratios: tuple[Estimate, ...] = ()  # policy over reference, paired; of deviations only


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """An experiment, all days together."""

    scenario: str
    policies: tuple[str, ...]
    reference: str
    seeds: tuple[int, ...]  # that every policy met
    aversion_per_usd: float
    rows: tuple[Row, ...]
    outcomes: tuple[tuple[Outcome, ...], ...]  # by policy, in the order of `seeds`

    def row(self, name: str) -> Row:
        """The row of one figure; raises KeyError where there is none."""
        for one in self.rows:
            if one.figure.name == name:
                return one
        raise KeyError(name)


def summarise(
    outcomes: Sequence[Outcome], *, policies: Sequence[str], reference: str, aversion_per_usd: float
) -> Summary:
    """Summarise the outcomes of one scenario.

    Parameters
    ----------
    outcomes : sequence of Outcome
        In any order; a seed that one of `policies` has not met is left out.
    policies : sequence of str
    reference : str
        One of them.
    aversion_per_usd : float
        Of the mean-variance objective.

    Raises
    ------
    InvalidValueError
        No seed was met by all of them.
    """
    found = {(one.policy, one.seed): one for one in outcomes}
    seeds = sorted(
        set.intersection(*({one.seed for one in outcomes if one.policy == name} for name in policies))
    )
    if not seeds:
        msg = f"no seed was met by all of {', '.join(policies)}: run them first"
        raise InvalidValueError(msg)
    by_policy = tuple(tuple(found[name, seed] for seed in seeds) for name in policies)
    of = _Study(by_policy, policies.index(reference), statistics.resamples(len(seeds)))
    rows = (
        *_results(of, aversion_per_usd),
        *(of.means(one, _figure(one.name)) for one in FIGURES),
        *(row for one in PATHS for row in _path_rows(of, one)),
        *_residuals(of),
        *_counts(of),
    )
    return Summary(
        scenario=by_policy[0][0].scenario,
        policies=tuple(policies),
        reference=reference,
        seeds=tuple(seeds),
        aversion_per_usd=aversion_per_usd,
        rows=rows,
        outcomes=by_policy,
    )


@dataclass(frozen=True, slots=True)
class _Study:
    """Outcomes by policy and seed, and the draws that all share."""

    outcomes: tuple[tuple[Outcome, ...], ...]
    reference: int
    draws: Floats

    def columns(self, read: Callable[[Outcome], Number]) -> list[Floats]:
        """float64[n] a policy."""
        return [
            np.array([nan if (value := read(one)) is None else value for one in runs])
            for runs in self.outcomes
        ]

    def means(self, figure: Figure, read: Callable[[Outcome], Number]) -> Row:
        """A mean over days of every policy."""
        columns = self.columns(read)
        base = columns[self.reference]
        return Row(
            figure=figure,
            method=_T,
            values=tuple(statistics.mean_of(one) for one in columns),
            differences=tuple(statistics.mean_of(one - base) for one in columns),
        )

    def drawn(
        self, figure: Figure, of: Sequence[Statistic | None], ratios: Sequence[Statistic | None] = ()
    ) -> Row:
        """A statistic of all days; None where something in it is not known."""
        base = of[self.reference]
        return Row(
            figure=figure,
            method=_BCA,
            values=tuple(self._estimate(one) for one in of),
            differences=tuple(
                UNKNOWN if one is None or base is None else self._estimate(statistics.less(one, base))
                for one in of
            ),
            variance_ratios=tuple(
                UNKNOWN if one is None else statistics.ratio_of(self._estimate(one)) for one in ratios
            ),
        )

    def _estimate(self, of: Statistic | None) -> Estimate:
        return UNKNOWN if of is None else statistics.bootstrapped(of, self.draws)


def _figure(name: str) -> Callable[[Outcome], Number]:
    return lambda one: one.figures.get(name)


def _results(of: _Study, aversion: float) -> tuple[Row, ...]:
    pnl = of.columns(_figure("pnl_usd"))
    direction = of.columns(_figure("direction_usd"))
    objective = Figure(
        "objective_usd",
        "Mean-variance",
        "USD",
        f"mean less half of {aversion:g} per USD times the variance",
        1,
    )
    return (
        of.drawn(objective, [_of(statistics.mean_variance(one, aversion), one) for one in pnl]),
        _spread(of, Figure("pnl_deviation_usd", "SD of P&L", "USD", _DEVIATION, -1), pnl),
        *(
            of.drawn(
                Figure(
                    name,
                    label,
                    "USD",
                    f"mean loss in the worst {share} of days: {(1.0 - level) * pnl[0].size:g} of them",
                    -1,
                ),
                [_of(statistics.expected_shortfall(one, level), one) for one in pnl],
            )
            for name, label, share, level in (
                ("shortfall_95_usd", "ES 95 %", "5 %", 0.95),
                ("shortfall_97_5_usd", "ES 97.5 %", "2.5 %", 0.975),
            )
        ),
        _spread(of, Figure("direction_deviation_usd", "SD of direction", "USD", _DEVIATION, -1), direction),
    )


def _of(statistic: Statistic, *columns: Floats) -> Statistic | None:
    """It, where all of what it is made of is known and there are two days at least."""
    fine = all(np.isfinite(one).all() and one.size > 1 for one in columns)
    return statistic if fine else None


def _spread(of: _Study, figure: Figure, columns: list[Floats]) -> Row:
    base = columns[of.reference]
    return of.drawn(
        figure,
        [_of(statistics.deviation(one), one) for one in columns],
        [_of(statistics.variance_ratio(one, base), one, base) for one in columns],
    )


def _path_rows(of: _Study, figure: Figure) -> tuple[Row, ...]:
    name = figure.name

    def path(one: Outcome) -> Path:
        return one.paths[name]

    means = of.columns(lambda one: path(one).mean)
    squares = of.columns(lambda one: path(one).mean_square)
    spread = [_of(statistics.pooled_deviation(a, b), a, b) for a, b in zip(means, squares, strict=True)]
    base = spread[of.reference]
    deviation = of.drawn(
        figure._replace(name=f"{name}_deviation", label=f"SD of {figure.label.lower()}"),
        spread,
        [None if one is None or base is None else _log_squares(one, base) for one in spread],
    )
    if name not in REVERTING:
        return (deviation,)
    reverting = figure._replace(
        name=f"{name}_reversion",
        label=f"Reversion of {figure.label.lower()}",
        unit="share",
        text=f"of its distance from the mean that is gone {PATH_STEP_S:g} s later",
        better=1,
    )
    return deviation, of.drawn(reverting, [_reversion(runs, name) for runs in of.outcomes])


def _log_squares(one: Statistic, base: Statistic) -> Statistic:
    """Logarithm of the ratio of two variances."""

    def of(counts: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(2.0 * (np.log(one(counts)) - np.log(base(counts))))

    return of


def _reversion(runs: tuple[Outcome, ...], name: str) -> Statistic | None:
    paths = [one.paths[name] for one in runs]
    if not any(one.pairs for one in paths):
        return None
    sums = PairSums(
        pairs=np.array([float(one.pairs) for one in paths]),
        x=np.array([one.sum_x for one in paths]),
        y=np.array([one.sum_y for one in paths]),
        xx=np.array([one.sum_xx for one in paths]),
        xy=np.array([one.sum_xy for one in paths]),
    )
    return statistics.reversion(sums)


def _residuals(of: _Study) -> tuple[Row, ...]:
    kinds = sorted({kind for runs in of.outcomes for one in runs for kind in one.residual_mean_usd})
    text = "standard deviation of this kind of risk left, mean over the day, by the ledger"
    return tuple(
        of.means(
            Figure(f"residual_{kind}_usd", f"Left: {kind}", "USD", text, -1),
            lambda one, kind=kind: one.residual_mean_usd.get(kind),  # type: ignore[misc]
        )
        for kind in kinds
    )


def _counts(of: _Study) -> tuple[Row, ...]:
    names = list(dict.fromkeys(name for runs in of.outcomes for one in runs for name in one.counts))
    return tuple(
        of.means(
            Figure(f"count_{name}", name.replace("_", " ").capitalize(), "a day", "counted by the simulator"),
            lambda one, name=name: float(one.counts.get(name, 0)),  # type: ignore[misc]
        )
        for name in names
    )
