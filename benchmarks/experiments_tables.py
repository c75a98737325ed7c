"""Tables of the page that are no claim of the founding idea: all policies, published experiments, and the identity of P&L."""

from collections.abc import Sequence
from math import sqrt

from scipy import stats

from benchmarks import experiments_evidence as evidence
from benchmarks.experiments_evidence import Case, Verdict, figure
from benchmarks.experiments_text import Claim, Line, Question, number, ratio, table, usd
from flatbook.sim.avellaneda_stoikov import avellaneda_stoikov_table
from flatbook.sim.discrete_hedging import discrete_hedging_table
from flatbook.sim.experiments import statistics
from flatbook.sim.experiments.account import LEAST_SLACK_USD, SLACK_OF_GROSS
from flatbook.sim.experiments.figures import PARTS
from flatbook.sim.policies import POLICIES

REFERENCE = "joint"
SEED, AS_PATHS, HEDGING_PATHS = 1, 10_000, 40_000
PUBLISHED_PATHS = 1_000  # of both
AVELLANEDA_STOIKOV = {  # aversion, leans: mean and deviation of profit, mean and deviation of inventory; tables 1 to 3 of the paper
    (0.1, True): (65.0, 6.6, 0.08, 2.9),
    (0.1, False): (68.4, 12.7, 0.26, 8.4),
    (0.01, True): (68.6, 8.7, 0.12, 5.1),
    (0.01, False): (68.8, 12.8, 0.09, 8.7),
    (1.0, True): (31.4, 5.0, 0.02, 1.7),
    (1.0, False): (44.0, 11.0, 0.00, 5.1),
}
_ROUNDING = (0.05, 0.05, 0.005, 0.05)
HULL = {
    5.0: 0.43,
    4.0: 0.39,
    2.0: 0.26,
    1.0: 0.19,
    0.5: 0.14,
    0.25: 0.09,
}  # weeks between: deviation over price
_HULL_ROUNDING = 0.005


def all_policies(case: Case) -> str:
    """One scenario: what each policy came to."""
    rows = []
    for name in POLICIES:
        outcomes = [one for _, one in sorted(case.outcomes.get(name, {}).items())]
        if not outcomes:
            continue
        pnl = evidence.column(outcomes, figure("pnl_usd"))
        pair = evidence.pair_of(case, name, REFERENCE)
        beside = ("reference", "")
        if name != REFERENCE:
            beside = (
                (usd(evidence.objective_difference(pair, case.aversion_per_usd)), ratio(evidence.variance_ratio(pair, figure("pnl_usd"))))
                if pair
                else ("not run", "")
            )  # fmt: skip
        rows.append(
            (
                f"`{name}`",
                f"{pnl.size}",
                usd(statistics.mean_of(pnl)),
                usd(evidence.bootstrapped(statistics.deviation(pnl), pnl)),
                usd(evidence.bootstrapped(statistics.expected_shortfall(pnl, 0.95), pnl)),
                usd(evidence.objective(pnl, case.aversion_per_usd)),
                *beside,
            )
        )
    heads = ("policy", "days", "mean P&L", "SD", "ES 95 %", "mean-variance", f"less `{REFERENCE}`, paired", f"variance over `{REFERENCE}`")  # fmt: skip
    return f"### {case.title} (`{case.name}`)\n\n{case.what}\n\n{table(heads, rows)}"


def identity(cases: Sequence[Case]) -> Claim:
    """V41 on every run."""
    lines = []
    for case in cases:
        runs = [one for by_seed in case.outcomes.values() for one in by_seed.values()]
        if not runs:
            continue
        off = [abs(sum(one.figure(part) for part in PARTS) - one.figure("pnl_usd")) for one in runs]
        slack = [max(LEAST_SLACK_USD, SLACK_OF_GROSS * one.figure("gross_usd")) for one in runs]
        worst = max(a / b for a, b in zip(off, slack, strict=True))
        holds = all(a <= b for a, b in zip(off, slack, strict=True))
        lines.append(
            Line(
                name=case.name,
                cells=(f"{len(runs):,d}", f"{max(off):.1e}", f"{100.0 * worst:.1f} %"),
                verdict=Verdict.HOLDS if holds else Verdict.FAILS,
            )
        )
    return Claim(
        number=8,
        title="P&L is told without a remainder (V41)",
        text="On every run the parts of P&L add up to cash and worth by the exchange's account.",
        questions=(
            Question(
                name="parts add up",
                text=f"Parts against the exchange's account, to max({LEAST_SLACK_USD:g}, {SLACK_OF_GROSS:g} of everything traded and held) USD.",
                heads=("scenario", "runs of all policies", "largest remainder, USD", "of what is allowed"),
                lines=tuple(lines),
            ),
        ),
        how="A run that does not add up stops the experiment and is never kept; here the parts of each kept run are added up once more.",
        silent="That each part is called by its right name: a trade's edge is held against the world's true worth, which no desk knows.",
    )


def avellaneda_stoikov() -> Claim:
    """V1."""
    found = {(row.aversion, row.leans): row for row in avellaneda_stoikov_table(AS_PATHS, SEED)}
    grown = sqrt(1.0 + AS_PATHS / PUBLISHED_PATHS)
    most = _most(4 * len(AVELLANEDA_STOIKOV))
    lines = []
    for key, published in AVELLANEDA_STOIKOV.items():
        row = found[key]
        ours = (row.profit, row.profit_deviation, row.inventory, row.inventory_deviation)
        errors = (row.profit_error, row.profit_deviation_error, row.inventory_error, row.inventory_deviation_error)  # fmt: skip
        worst = max(
            _away(a, b, grown * error, rounding)
            for a, b, error, rounding in zip(ours, published, errors, _ROUNDING, strict=True)
        )
        lines.append(
            Line(
                name=f"{key[0]:g}, {'leans' if key[1] else 'symmetric'}",
                cells=(
                    *(f"{number(a, 2)} ({b:g})" for a, b in zip(ours, published, strict=True)),
                    f"{worst:.1f}",
                ),
                verdict=Verdict.HOLDS if worst <= most else Verdict.FAILS,
            )
        )
    return Claim(
        number=9,
        title="Avellaneda and Stoikov's table comes out (V1)",
        text="Leaning quotes against inventory halves the deviation of profit at little cost, as published.",
        questions=(
            Question(
                name="the published numbers", text=f"Ours of {AS_PATHS:,d} paths, and in brackets the published of {PUBLISHED_PATHS:,d}. Holds where no number is more than {most:.2f} errors of both "
                f"together away, beyond its rounding: 95 % for all {4 * len(AVELLANEDA_STOIKOV)} numbers at once.",
                heads=("aversion, quotes", "profit", "its SD", "inventory at the end", "its SD", "farthest, errors"),
                lines=tuple(lines),
            ),
        ),
        how="`sim.avellaneda_stoikov`, with the quotes of the desk's own closed forms. Source: M. Avellaneda and S. Stoikov, Quantitative Finance 8 (2008) 217-224.",
        silent="Anything of the scenarios above: one asset, no spread of others, no hedge.",
    )  # fmt: skip


def discrete_hedging() -> Claim:
    """V11."""
    grown = sqrt(1.0 + HEDGING_PATHS / PUBLISHED_PATHS)
    most = _most(len(HULL))
    lines = []
    for row in discrete_hedging_table(HEDGING_PATHS, SEED):
        printed = HULL[row.weeks_between]
        away = _away(row.deviation_share, printed, grown * row.deviation_share_error, _HULL_ROUNDING)
        lines.append(
            Line(
                name=f"{row.weeks_between:g}",
                cells=(
                    f"{row.hedges}",
                    f"{row.deviation_share:.3f}",
                    f"{printed:.2f}",
                    f"{row.predicted_share:.3f}",
                    f"{away:.1f}",
                ),
                verdict=Verdict.HOLDS if away <= most else Verdict.FAILS,
            )
        )
    return Claim(
        number=10,
        title="The discrete hedging table comes out (V11)",
        text="The deviation of the cost of a hedged call falls with the root of the number of hedges.",
        questions=(
            Question(
                name="the printed numbers", text=f"Deviation of the cost over the price of the call, {HEDGING_PATHS:,d} paths. Holds where it is within {most:.2f} errors of ours and the printed "
                "one together, beyond its rounding.",
                heads=("weeks between hedges", "hedges", "ours", "printed", "Kamal and Derman", "away, errors"),
                lines=tuple(lines),
            ),
        ),
        how="`sim.discrete_hedging`. Sources: J. Hull, Options, Futures, and Other Derivatives, the chapter on the Greek letters, 1,000 paths; "
        "M. Kamal and E. Derman, Risk 12 (1999) 82-85.",
        silent="Costs of trading, and volatility that moves: the scenarios have both.",
    )  # fmt: skip


def _away(ours: float, theirs: float, error: float, rounding: float) -> float:
    return max(abs(ours - theirs) - rounding, 0.0) / error


def _most(numbers: int) -> float:
    """Errors that the farthest of so many numbers stays within with 95 % (Bonferroni)."""
    return float(stats.norm.ppf(1.0 - 0.025 / numbers))
