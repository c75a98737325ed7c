"""The seven claims that flatbook was founded on, each put to the runs of every scenario; verdicts follow from the intervals alone."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from benchmarks import experiments_evidence as evidence
from benchmarks.experiments_evidence import Case, Pair, Verdict, figure
from benchmarks.experiments_text import Claim, Line, Question, ratio, share, usd
from benchmarks.experiments_why import why
from flatbook.model.table import Floats
from flatbook.sim.breaches import GAP, GAP_WITH_FILLS, LATE_FILL, NOT_TRADED, TOLD_LATE
from flatbook.sim.experiments.figures import PATH_STEP_S
from flatbook.sim.experiments.outcome import Number, Outcome
from flatbook.sim.experiments.statistics import Estimate
from flatbook.sim.policies import POLICIES, SINGLE_LEVERS

NOT_CUT = 0.95  # of a ratio of variances: above it, next to nothing was cut
WIDEST = 2.0  # of an interval that is to hold a foretold value: from end to end
ACCOUNTED = (GAP, GAP_WITH_FILLS, LATE_FILL, TOLD_LATE, NOT_TRADED)
_EVERY_DAY = 1.0


def claims(cases: Sequence[Case]) -> tuple[Claim, ...]:
    """All seven, of whatever was run."""
    return (
        _direction(cases), _options(cases), _proxy(cases), _quotes(cases), _limits(cases), _joint(cases), _latency(cases),
    )  # fmt: skip


def _pairs(
    cases: Sequence[Case], first: str, second: str, line: Callable[[Case, Pair], Line]
) -> tuple[Line, ...]:
    return tuple(
        line(case, pair) for case in cases if (pair := evidence.pair_of(case, first, second)) is not None
    )


def _direction(cases: Sequence[Case]) -> Claim:
    def line(case: Case, pair: Pair) -> Line:
        found = evidence.variance_ratio(pair, figure("direction_usd"))
        whole = evidence.variance_ratio(pair, figure("pnl_usd"))
        cost = evidence.mean_difference(pair, figure("hedge_cost_usd"))
        traded = _traded(pair)
        return Line(
            name=case.name,
            cells=(f"{len(pair.seeds)}", ratio(found), ratio(whole), usd(cost), ratio(traded)),
            verdict=evidence.below(found, 1.0),
        )

    return Claim(
        number=1,
        title="Hedging cuts directional P&L variance",
        text="Hedging with the underlying cuts the variance of what direction makes and loses.",
        questions=(
            Question(
                name="direction", text="Variance over days of directional P&L, `delta` over `warehouse`: holds where the interval is below 1.",
                heads=("scenario", "days", "directional variance", "variance of all P&L", "hedging costs more, USD a day", "contracts by quotes"),
                lines=_pairs(cases, "delta", "warehouse", line),
            ),
        ),
        how="Directional P&L is measured delta times the move of spot, sample by sample (`direction_usd`). Neither policy leans its quotes "
        "or trades offsets. A desk that can hedge asks less for the risk of a lot, so customers trade more with it: the ratio stands beside.",
        silent="That the variance of all P&L falls: gamma and vega stay, and `delta` leaves them alone (claim 2). Delta is as the desk measures it; "
        "what it measures wrongly shows in all P&L, not in direction.",
    )  # fmt: skip


def _options(cases: Sequence[Case]) -> Claim:
    def cuts(path: str) -> Callable[[Case, Pair], Line]:
        def line(case: Case, pair: Pair) -> Line:
            found = evidence.mean_square_ratio(pair, path)
            whole = evidence.variance_ratio(pair, figure("pnl_usd"))
            return Line(
                name=case.name,
                cells=(f"{len(pair.seeds)}", ratio(found), ratio(whole)),
                verdict=evidence.below(found, 1.0),
            )

        return line

    def cannot(case: Case, pair: Pair) -> Line:
        vega, gamma = (evidence.mean_square_ratio(pair, path) for path in _CURVED)
        verdicts = {evidence.above(each, NOT_CUT) for each in (vega, gamma)}
        worst = next(each for each in (Verdict.FAILS, Verdict.OPEN, Verdict.HOLDS) if each in verdicts)
        return Line(
            name=case.name,
            cells=(f"{len(pair.seeds)}", ratio(vega), ratio(gamma), ratio(_traded(pair))),
            verdict=worst,
        )

    return Claim(
        number=2,
        title="Options cut vega and gamma variance that the underlying cannot",
        text="Offsets with listed options cut the variance of vega and gamma, which trades in the underlying cannot.",
        questions=(
            *(
                Question(
                    name=f"options cut {word}", text=f"Mean square of {word} about flat, over all time, `delta_options` over `delta`: holds where the interval is below 1.",
                    heads=("scenario", "days", f"mean square of {word}", "variance of all P&L"),
                    lines=_pairs(cases, "delta_options", "delta", cuts(path)),
                )
                for word, path in zip(("vega", "gamma"), _CURVED, strict=True)
            ),
            Question(
                name="the underlying cannot", text=f"The same, `delta` over `warehouse`: the underlying cannot, where both intervals are above {NOT_CUT:g}.",
                heads=("scenario", "days", "mean square of vega", "mean square of gamma", "contracts by quotes"),
                lines=_pairs(cases, "delta", "warehouse", cannot),
            ),
        ),
        how="Squares of the vega and gamma that the engine measured, weighted by the time each held for; about flat, not about their mean, since a book that is "
        "always short is exposed too. A desk that hedges also quotes closer, trades more and so carries more vega and gamma than one that does not, which is why the "
        "third ratio may be above 1. The variance of all P&L stands beside it and is not judged here.",
        silent="What the offsets cost (claim 6 weighs that), and how vega is spread over expiries and strikes: parallel vega is counted.",
    )  # fmt: skip


def _traded(pair: Pair) -> Estimate:
    """Contracts that customers traded with the first over those with the second."""
    read = figure("quoted_contracts")
    return evidence.ratio_of_sums(evidence.column(pair.first, read), evidence.column(pair.second, read))


_CURVED = ("vega_usd_per_point", "gamma_usd_per_pct")


def _directional(one: Outcome) -> Number:
    """Direction and basis together; None where either is not known."""
    direction, basis = one.figures.get("direction_usd"), one.figures.get("basis_usd")
    return None if direction is None or basis is None else direction + basis


def _proxy(cases: Sequence[Case]) -> Claim:
    def helps(case: Case, pair: Pair) -> Line:
        found = evidence.variance_ratio(pair, _directional)
        whole = evidence.variance_ratio(pair, figure("pnl_usd"))
        return Line(
            name=case.name,
            cells=(f"{len(pair.seeds)}", ratio(found), ratio(whole)),
            verdict=evidence.below(found, 1.0),
        )

    def leaves(case: Case, pair: Pair) -> Line:
        found = evidence.variance_ratio(pair, _directional)
        whole = evidence.variance_ratio(pair, figure("pnl_usd"))
        return Line(
            name=case.name,
            cells=(f"{len(pair.seeds)}", ratio(found), ratio(whole)),
            verdict=evidence.above(found, 1.0),
        )

    return Claim(
        number=3,
        title="A proxy helps, but leaves basis variance of the predicted size",
        text="A related product in place of the underlying cuts directional variance too, and what it leaves is the basis variance that was predicted.",
        questions=(
            Question(
                name="it helps", text="Variance over days of direction and basis together, `related` over `warehouse`: it helps where the interval is below 1.",
                heads=("scenario", "days", "direction and basis", "variance of all P&L"),
                lines=_pairs(cases, "related", "warehouse", helps),
            ),
            Question(
                name="it leaves more than the underlying", text="The same, `related` over `delta`: it leaves more than the underlying does where the interval is above 1.",
                heads=("scenario", "days", "direction and basis", "variance of all P&L"),
                lines=_pairs(cases, "related", "delta", leaves),
            ),
            Question(
                name="basis of the predicted size", text="Basis P&L of `related`, measured over predicted. It is of the predicted size where the interval of its squares, move by move, has "
                f"1 in it and is at most a factor of {WIDEST:g} wide.",
                heads=("scenario", "days", "SD of a day, predicted", "SD of a day, measured", "by move", "by day"),
                lines=_basis_lines(cases),
            ),
        ),
        how="Basis P&L is what the hedges' prices made beyond beta times their underlying's move, by the contracts held at each move. Predicted: the square "
        "of the hedge in USD (D / beta for a delta of D) times the variance of the log basis until the next move, by the law of the world "
        "(`SimulatedMarket.basis_variance`), and summed; given what is held, moves do not hang together, so the mean of the squares, move by move "
        "or day by day, is that sum. Squares of moves tell it sooner than squares of days. Carry is left in, a millionth of the price. Both are sums over all days, days drawn in pairs.",
        silent="That a desk could have predicted it: after the break of proxy-break the world knows the wider basis, and the desk still believes its correlation. One "
        "underlying and one proxy, whose basis does not revert. Scenarios share the seeds' basis, so their intervals miss 1 together or not at all: "
        "the row of all scenarios takes each seed once.",
    )  # fmt: skip


def _basis_lines(cases: Sequence[Case]) -> tuple[Line, ...]:
    lines = []
    shared: dict[str, tuple[dict[int, float], dict[int, float]]] = {}
    for case in cases:
        runs = case.outcomes.get("related", {})
        outcomes = [runs[seed] for seed in sorted(runs)]
        if not outcomes:
            continue
        told, squares, whole = (
            evidence.column(outcomes, figure(name))
            for name in ("basis_variance_usd2", "basis_square_usd2", "basis_usd")
        )
        lines.append(_basis_line(case.name, told, squares, whole))
        level = float(told.mean())
        if level > 0.0:
            keys = sorted(runs)
            shared[case.name] = (
                dict(zip(keys, squares / level, strict=True)),
                dict(zip(keys, told / level, strict=True)),
            )
    if len(shared) > 1:
        seeds = sorted(set.intersection(*(set(squares) for squares, _ in shared.values())))
        if seeds:
            above, below = (
                np.array([sum(each[side][seed] for each in shared.values()) for seed in seeds])
                for side in (0, 1)
            )
            found = evidence.ratio_of_sums(above, below)
            lines.append(
                Line(
                    name="all scenarios",
                    cells=(f"{len(seeds)}", "", "", ratio(found), ""),
                    verdict=evidence.equals(found, 1.0, WIDEST),
                )
            )
    return tuple(lines)


def _basis_line(name: str, told: Floats, squares: Floats, whole: Floats) -> Line:
    found = evidence.ratio_of_sums(squares, told)
    return Line(
        name=name,
        cells=(
            f"{told.size}",
            usd(_root(float(told.mean()))),
            usd(_root(float((whole**2).mean()))),
            ratio(found),
            ratio(evidence.ratio_of_sums(whole**2, told)),
        ),
        verdict=evidence.equals(found, 1.0, WIDEST),
    )


def _quotes(cases: Sequence[Case]) -> Claim:
    def back(case: Case, pair: Pair) -> Line:
        found = evidence.mean_square_ratio(pair, "inventory")
        gross = evidence.mean_square_ratio(pair, "gross")
        vega = evidence.mean_square_ratio(pair, "vega_usd_per_point")
        return Line(
            name=case.name,
            cells=(f"{len(pair.seeds)}", ratio(found), ratio(gross), ratio(vega)),
            verdict=evidence.below(found, 1.0),
        )

    def reverting(path: str) -> Callable[[Case, Pair], Line]:
        def line(case: Case, pair: Pair) -> Line:
            one, other, more = evidence.reversions(pair, path)
            return Line(
                name=case.name,
                cells=(f"{len(pair.seeds)}", share(other), share(one), share(more)),
                verdict=evidence.above(more, 0.0),
            )

        return line

    return Claim(
        number=4,
        title="Skew and size bring inventory back and raise mean reversion",
        text="Quotes that lean, widen and shrink with what is held bring inventory back, with no other trade.",
        questions=(
            Question(
                name="inventory comes back", text="Mean square of net option contracts about flat, over all time, `quotes` over `warehouse`: holds where the interval is below 1.",
                heads=("scenario", "days", "net contracts", "gross contracts", "vega"),
                lines=_pairs(cases, "quotes", "warehouse", back),
            ),
            *(
                Question(
                    name=f"{path.split('_')[0]} reverts", text=f"Mean reversion of {word}: share of the distance from the mean that is gone {PATH_STEP_S:g} s later. Holds where the interval of the "
                    "difference is above 0.",
                    heads=("scenario", "days", "`warehouse`", "`quotes`", "difference"),
                    lines=_pairs(cases, "quotes", "warehouse", reverting(path)),
                )
                for word, path in (("net option contracts", "inventory"), ("vega", "vega_usd_per_point"))
            ),
        ),
        how="Contracts by the exchange's account. Reversion is 1 - b of the least-squares y = m + b (x - m) over all pairs of values "
        f"{PATH_STEP_S:g} s apart, one mean for all days; where the desk decides less often than that, most pairs stand still, in both policies alike.",
        silent="Which of skew, width and size does how much. Customers who do not mind the price cannot be leaned away, and those who would have "
        "gone to others may come to the desk; both are in the flow of the scenario, not measured from a market.",
    )  # fmt: skip


def _limits(cases: Sequence[Case]) -> Claim:
    obeying = [policy.name for policy in POLICIES.values() if policy.obeys_limits]
    lines = tuple(
        _limit_line(case.name, name, list(case.outcomes[name].values()))
        for case in cases
        for name in obeying
        if case.outcomes.get(name)
    )
    others = tuple(
        _over_line(case.name, name, list(case.outcomes[name].values()))
        for case in cases
        for name in POLICIES
        if name not in obeying and case.outcomes.get(name)
    )
    return Claim(
        number=5,
        title="Limits are exceeded only by gaps and late fills, each accounted for",
        text="A desk that obeys its limits exceeds them only when the market moves through them or when an order that was on its way out still fills.",
        questions=(
            Question(
                name="every cause", text="Each time that a limit went beyond its hard level, by cause. Holds where every one has one of these causes, on every day; "
                "the last interval is of the share of days with one that has not (Clopper and Pearson).",
                heads=("scenario: policy", "days", "days beyond", *ACCOUNTED, "other cause", "cause not told", "worst use", "time at or over",
                       "days not accounted for"),
                lines=lines,
            ),
            Question(
                name="", text="Policies that do not obey limits, beside them: what the same limits would have seen.",
                heads=("scenario: policy", "days", "days beyond", "worst use", "time at or over"),
                lines=others,
            ),
        ),
        how="At each decision the limits that are newly exceeded are explained (`sim.breaches`): the book of the decision before, on the market "
        "of now, is beyond: gap; the book of now, on the market of before, is within: gap with fills, since what filled was within the limit as measured when its "
        "orders were let through; else an order filled whose cancel had been sent: late fill. A day on which a limit was beyond and no cause was told counts "
        "against the claim. Time at or over includes limits used to exactly 100 %, which is allowed.",
        silent="How far a limit may be exceeded: that is the size of the gap. Breaches between two decisions that were gone by the second are not seen.",
    )  # fmt: skip


def _beyond(one: Outcome) -> list[str]:
    """Limits that were used to more than their hard level, or of which nobody knows."""
    return [limit.name for limit in one.limits if limit.most is None or limit.most > 1.0]


def _untold(one: Outcome) -> int:
    """Limits that were beyond without a cause."""
    told = {each.limit for each in one.breaches}
    return sum(name not in told for name in _beyond(one))


def _limit_line(scenario: str, policy: str, outcomes: list[Outcome]) -> Line:
    causes = Counter(each.cause for one in outcomes for each in one.breaches)
    other = [f"{count} {cause}" for cause, count in causes.items() if cause not in ACCOUNTED]
    untold = sum(_untold(one) for one in outcomes)
    bad = sum(
        _untold(one) > 0 or any(each.cause not in ACCOUNTED for each in one.breaches) for one in outcomes
    )
    days = len(outcomes)
    return Line(
        name=f"{scenario}: {policy}",
        cells=(
            f"{days}",
            f"{sum(bool(_beyond(one)) for one in outcomes)}",
            *(f"{causes[cause]}" for cause in ACCOUNTED),
            ", ".join(other) or "0",
            f"{untold}",
            *_use(outcomes),
            share(share_of_days(bad, days)),
        ),
        verdict=Verdict.FAILS if bad else Verdict.HOLDS,
    )


def _over_line(scenario: str, policy: str, outcomes: list[Outcome]) -> Line:
    beyond = sum(bool(_beyond(one)) for one in outcomes)
    return Line(name=f"{scenario}: {policy}", cells=(f"{len(outcomes)}", f"{beyond}", *_use(outcomes)))


def _use(outcomes: list[Outcome]) -> tuple[str, str]:
    worst = [limit.most for one in outcomes for limit in one.limits if limit.most is not None]
    over = evidence.column(outcomes, figure("over_share"))
    return f"{100.0 * max(worst, default=0.0):.0f} %", f"{100.0 * float(over.mean()):.2f} %"


def share_of_days(found: int, days: int) -> Estimate:
    """A share with the interval of C. Clopper and E. Pearson, Biometrika 26 (1934) 404-413."""
    low = float(stats.beta.ppf(0.025, found, days - found + 1)) if found else 0.0
    high = float(stats.beta.ppf(0.975, found + 1, days - found)) if found < days else _EVERY_DAY
    return Estimate(value=found / days, low=low, high=high)


def _joint(cases: Sequence[Case]) -> Claim:
    lines, notes = [], []
    for case in cases:
        for policy in SINGLE_LEVERS:
            pair = evidence.pair_of(case, "joint", policy)
            if pair is None:
                continue
            found = evidence.objective_difference(pair, case.aversion_per_usd)
            verdict = evidence.above(found, 0.0)
            name = f"{case.name}: {policy}"
            cells = (
                f"{len(pair.seeds)}",
                usd(found),
                usd(evidence.mean_difference(pair, figure("pnl_usd"))),
                ratio(evidence.variance_ratio(pair, figure("pnl_usd"))),
            )
            lines.append(Line(name=name, cells=cells, verdict=verdict))
            if verdict is not Verdict.HOLDS:
                notes.append(why(name, pair, case.aversion_per_usd, verdict))
    return Claim(
        number=6,
        title="The joint policy beats every single lever in mean and variance",
        text="One risk price for quotes, hedges and offsets has a better mean-variance outcome than every policy with one lever, in every scenario.",
        questions=(
            Question(
                name="mean-variance", text="Mean P&L less half the desk's risk aversion times its variance, `joint` less the policy, paired: holds where the interval is above 0.",
                heads=("scenario: policy", "days", "mean-variance, USD a day", "mean P&L, USD a day", "variance, joint over policy"),
                lines=tuple(lines),
            ),
        ),
        notes=tuple(notes),
        how="Both policies meet the same prices, customers and chances; the interval is of the difference, days drawn in pairs. The aversion is that of "
        "the scenario's desk file, which the desk itself decides by. Where it does not hold, the list says what P&L is made of differently, "
        "largest first, and what the variance takes.",
        silent="That another risk aversion would say the same, or that each policy's own parameters are at their best: all run with one desk file. A day's variance says "
        "nothing of what is carried into the next day but its worth at the close.",
    )  # fmt: skip


def _latency(cases: Sequence[Case]) -> Claim:
    def outcome(case: Case, pair: Pair) -> Line:
        found = evidence.objective_difference(pair, case.aversion_per_usd)
        return Line(
            name=case.name, cells=(f"{len(pair.seeds)}", usd(found)), verdict=evidence.below(found, 0.0)
        )

    def mean(case: Case, pair: Pair) -> Line:
        found = evidence.mean_difference(pair, figure("pnl_usd"))
        return Line(
            name=case.name, cells=(f"{len(pair.seeds)}", usd(found)), verdict=evidence.below(found, 0.0)
        )

    def parts(case: Case, pair: Pair) -> Line:
        names = ("spread_usd", "adverse_usd", "inventory_usd", "hedge_cost_usd")
        return Line(
            name=case.name,
            cells=(
                f"{len(pair.seeds)}",
                *(usd(evidence.mean_difference(pair, figure(name))) for name in names),
                ratio(evidence.mean_difference(pair, _late_fills)),
            ),
        )

    def asked(name: str, text: str, head: str, line: Callable[[Case, Pair], Line]) -> Question:
        return Question(
            name=name,
            text=text,
            heads=("scenario", "days", head),
            lines=_pairs(cases, "joint_slow", "joint", line),
        )

    late = f"{POLICIES['joint_slow'].slow_s:g} s"
    return Claim(
        number=7,
        title="Latency makes it worse by a measured amount",
        text=f"The same desk, with every command {late} later, does worse.",
        questions=(
            asked(
                "mean-variance", "Mean-variance outcome, `joint_slow` less `joint`, paired: holds where the interval is below 0.",
                "mean-variance, USD a day", outcome,
            ),
            asked("mean P&L", "Mean P&L, `joint_slow` less `joint`, paired: holds where the interval is below 0.", "mean P&L, USD a day", mean),
            Question(
                name="", text="Where it comes from: the same difference, part by part.",
                heads=("scenario", "days", "spread", "adverse selection", "inventory", "cost of hedging", "late fills a day"),
                lines=_pairs(cases, "joint_slow", "joint", parts),
            ),
        ),
        how=f"Every command leaves {late} after its decision; facts come as before. When the market moves, others may trade with the desk's quotes of before "
        "until its new ones are there.",
        silent="A curve over latencies, or races with others who are slow too: everybody else is as quick as the scenario says.",
    )  # fmt: skip


def _late_fills(one: Outcome) -> Number:
    return float(one.counts.get("late_fills", 0))


def _root(square: float) -> Estimate:
    return Estimate(value=float(np.sqrt(square)))
