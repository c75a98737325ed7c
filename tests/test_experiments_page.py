"""The page of experiments: its verdicts follow from numbers, whichever way those go."""

import sys
from math import nan

import numpy as np
import pytest
from benchmarks import experiments, experiments_tables
from benchmarks import experiments_evidence as evidence
from benchmarks.experiments_claims import claims, share_of_days
from benchmarks.experiments_evidence import Case, Verdict, above, below, equals, sentence
from benchmarks.experiments_tables import all_policies, identity
from benchmarks.experiments_text import number, section, usd
from scipy import stats

from flatbook.adapters.scenario_file.read import read_scenario
from flatbook.cli.simulate import find_scenario
from flatbook.sim.chance import stream
from flatbook.sim.experiments.figures import FIGURES, PARTS, PATHS
from flatbook.sim.experiments.outcome import BoundTold, BreachTold, Outcome, Path
from flatbook.sim.experiments.statistics import Estimate
from flatbook.sim.experiments.store import Results, code_version, run_key
from flatbook.sim.policies import POLICIES, SINGLE_LEVERS

DAYS = 60
AVERSION = 1e-4
PLAIN = {  # of a warehouse: deviations in USD and of its book, what a day keeps of the one before, and what is earned
    "direction": 10_000.0, "basis": 0.0, "rest": 3_000.0, "mean": 1_000.0, "contracts": 50.0, "vega": 9_000.0, "gamma": 4_000.0, "keep": 0.98,
}  # fmt: skip
AS_CLAIMED = {
    "warehouse": {},
    "delta": {"direction": 1_500.0},
    "delta_options": {"direction": 1_500.0, "vega": 5_000.0, "gamma": 2_000.0},
    "quotes": {"contracts": 25.0, "vega": 4_500.0, "keep": 0.8},
    "related": {"direction": 1_500.0, "basis": 4_000.0},
    "joint": {"direction": 1_000.0, "rest": 1_000.0, "mean": 3_000.0, "contracts": 20.0, "keep": 0.8},
    "joint_slow": {"direction": 1_200.0, "rest": 1_200.0, "mean": -2_000.0},
}
FORETOLD = 4_000.0  # of the basis, by the world


def path_of(chance, deviation, keep):
    """A day of a quantity that keeps `keep` of itself from one sample to the next."""
    line, shocks = [0.0], deviation * (1.0 - keep**2) ** 0.5 * chance.normals(40)
    for shock in shocks.tolist():
        line.append(keep * line[-1] + shock)
    x, y = np.array(line[:-1]), np.array(line[1:])
    return Path(
        mean=float(x.mean()), mean_square=float((x**2).mean()), end=line[-1], pairs=x.size,
        sum_x=float(x.sum()), sum_y=float(y.sum()), sum_xx=float(x @ x), sum_xy=float(x @ y),
    )  # fmt: skip


def outcome_of(policy, seed, *, breaches=(), most=0.6, **change):
    """One day: the same shocks for every policy, each as large as the policy lets them be."""
    of = PLAIN | AS_CLAIMED.get(policy, {}) | change
    chance = stream(seed, "page")
    moves = [float(move) for move in chance.normals(3)]
    basis_moves = of["basis"] * chance.normals(16) / 4.0
    direction, rest = of["direction"] * moves[0], of["rest"] * moves[1]
    basis = float(basis_moves.sum())
    figures = dict.fromkeys((one.name for one in FIGURES), 0.0) | {
        "pnl_usd": of["mean"] + direction + basis + rest, "spread_usd": of["mean"], "inventory_usd": direction + basis + rest,
        "direction_usd": direction, "basis_usd": basis, "basis_square_usd2": float((basis_moves**2).sum()),
        "basis_variance_usd2": FORETOLD**2 if of["basis"] else 0.0, "quoted_contracts": 100.0, "gross_usd": 1e6,
    }  # fmt: skip
    deviations = {
        "inventory": of["contracts"], "gross": of["contracts"], "delta_usd": 1e5, "gamma_usd_per_pct": of["gamma"],
        "vega_usd_per_point": of["vega"],
    }  # fmt: skip
    limit = BoundTold(name="desk/vega", measure="vega_usd_per_point", underlying="", whole=True, hard=1.0, most=most, over_share=0.0)  # fmt: skip
    return Outcome(
        scenario="fake", policy=policy, seed=seed, figures=figures,
        paths={one.name: path_of(stream(seed, one.name), deviations[one.name], of["keep"]) for one in PATHS},
        limits=(limit,), residual_end_usd={}, residual_mean_usd={}, counts={"late_fills": 0},
        breaches=tuple(BreachTold(at_s=1.0, limit="desk/vega", utilisation=1.2, cause=cause) for cause in breaches),
    )  # fmt: skip


def case_of(days=DAYS, policies=tuple(AS_CLAIMED), name="fake", **changes):
    """A scenario; `changes` by policy."""
    outcomes = {
        policy: {seed: outcome_of(policy, seed, **changes.get(policy, {})) for seed in range(1, days + 1)}
        for policy in policies
    }
    return Case(name=name, title="Fake", what="Nothing.", aversion_per_usd=AVERSION, outcomes=outcomes)


def verdicts_of(case):
    """By number of the claim: the verdict of each line, question after question."""
    return {
        claim.number: [verdict for question in claim.questions for _, verdict in question.verdicts]
        for claim in claims([case])
    }


def test_where_everything_is_as_claimed_every_claim_holds():
    found = verdicts_of(case_of())

    assert sorted(found) == [1, 2, 3, 4, 5, 6, 7]
    assert all(set(verdicts) == {Verdict.HOLDS} for verdicts in found.values()), found
    assert [len(found[n]) for n in range(1, 8)] == [1, 3, 3, 3, 3, len(SINGLE_LEVERS), 2]


@pytest.mark.parametrize(
    ("claim", "part", "changes"),
    [
        (1, 0, {"delta": {"direction": 14_000.0}}),
        (2, 0, {"delta_options": {"vega": 12_000.0}}),
        (2, 1, {"delta_options": {"gamma": 6_000.0}}),
        (2, 2, {"delta": {"vega": 6_000.0}}),
        (3, 0, {"related": {"direction": 12_000.0, "basis": 9_000.0}}),
        (3, 1, {"related": {"direction": 900.0, "basis": 300.0}}),
        (3, 2, {"related": {"basis": 8_000.0}}),
        (3, 2, {"related": {"basis": 2_000.0}}),
        (4, 0, {"quotes": {"contracts": 80.0}}),
        (4, 1, {"warehouse": {"keep": 0.5}}),
        (5, 1, {"joint": {"breaches": ("unaccounted",), "most": 1.2}}),
        (5, 1, {"joint": {"breaches": ("gap", "duty"), "most": 1.2}}),
        (5, 1, {"joint": {"most": 1.01}}),
        (5, 0, {"quotes": {"most": None}}),
        (6, 3, {"quotes": {"direction": 500.0, "rest": 500.0, "mean": 9_000.0}}),
        (7, 0, {"joint_slow": {"direction": 500.0, "rest": 500.0, "mean": 4_000.0}}),
        (7, 1, {"joint_slow": {"direction": 500.0, "rest": 500.0, "mean": 4_000.0}}),
    ],
)
def test_where_it_is_not_the_page_says_so(claim, part, changes):
    """The judgement that the change is about turns round; with two days a bootstrap decides nothing."""
    assert verdicts_of(case_of(**changes))[claim][part] is Verdict.FAILS
    if claim in (1, 2, 4, 6):
        few = verdicts_of(case_of(days=2))[claim]
        assert set(few) == {Verdict.OPEN}


def test_breaches_by_gaps_and_late_fills_are_counted_and_allowed():
    changes = {"joint": {"breaches": ("gap", "gap with fills", "late fill", "gap"), "most": 1.3}}
    claim = claims([case_of(**changes)])[4]
    (line,) = (each for each in claim.questions[0].lines if each.name == "fake: joint")

    assert line.verdict is Verdict.HOLDS
    assert line.cells[:9] == ("60", "60", "120", "60", "60", "0", "0", "0", "0")
    assert line.cells[9] == "130 %"


def test_where_joint_loses_the_page_says_of_what():
    """Two ways to lose: it earns less than it saves in risk, or it risks more than it earns; and a draw is called one."""
    earns_less = section(claims([case_of(quotes={"mean": 30_000.0})])[5])
    risks_more = section(claims([case_of(joint={"direction": 40_000.0, "mean": 6_000.0})])[5])
    draw = section(claims([case_of(days=6, quotes={"mean": 8_000.0, "direction": 8_000.0})])[5])

    assert (
        "fake: quotes: does not hold. Joint earns less and risks less, and what it saves in risk is less than"
        in earns_less
    )
    assert "spread captured −27,000 (−27,000 to −27,000)" in earns_less
    assert (
        "fake: delta: does not hold. Joint earns more and risks more, and what it gains is less than what"
        in risks_more
    )
    assert "within what chance explains" in draw
    assert "does not hold." not in section(claims([case_of()])[5])


def test_what_was_not_run_is_said_to_be_missing_and_nothing_is_judged_of_it():
    found = claims([case_of(policies=("warehouse", "delta"))])

    assert found[0].verdict == "**holds** in 1 of 1"
    assert found[6].verdict == "not run"
    assert "Not run." in section(found[6])
    assert [one.verdict for one in claims([])] == ["not run"] * 7


def test_scenarios_share_seeds_in_the_row_of_all():
    """Two scenarios of the same days say no more than one."""
    found = claims([case_of(), case_of(name="again")])[2].questions[2]

    assert [line.name for line in found.lines] == ["fake", "again", "all scenarios"]
    assert found.lines[2].cells[3] == found.lines[0].cells[3]


def test_a_verdict_needs_the_whole_interval():
    inside, over, under = (Estimate(value=1.0, low=low, high=high) for low, high in ((0.9, 1.1), (1.01, 1.2), (0.5, 0.99)))  # fmt: skip

    assert [above(one, 1.0) for one in (inside, over, under)] == [Verdict.OPEN, Verdict.HOLDS, Verdict.FAILS]
    assert [below(one, 1.0) for one in (inside, over, under)] == [Verdict.OPEN, Verdict.FAILS, Verdict.HOLDS]
    assert [equals(one, 1.0, 1.5) for one in (inside, over, under)] == [Verdict.HOLDS, Verdict.FAILS, Verdict.FAILS]  # fmt: skip
    assert equals(inside, 1.0, 1.2) is Verdict.OPEN
    assert {rule(Estimate(value=1.0), 1.0) for rule in (above, below)} == {Verdict.OPEN}
    assert equals(Estimate(value=nan), 1.0, 1.5) is Verdict.OPEN
    assert above(Estimate(value=0.0, low=0.0, high=0.0), 0.0) is Verdict.FAILS


def test_words_are_counted_from_verdicts():
    told = [("a", Verdict.HOLDS), ("b", Verdict.FAILS), ("c", Verdict.OPEN), ("d", Verdict.HOLDS)]

    assert (
        sentence(told)
        == "**holds** in 2 of 4; **does not hold** in 1 of 4 (b); **not decided at 95 %** in 1 of 4 (c)"
    )
    assert sentence(told, names=False).count("(") == 0
    assert sentence([]) == "not run"


def test_numbers_as_they_are_printed():
    assert usd(Estimate(value=-1234.5, low=-2000.0, high=0.4)) == "−1,234 (−2,000 to 0)"
    assert usd(Estimate(value=-0.2)) == "0 (no interval)"
    assert usd(Estimate(value=nan)) == "—"
    assert [number(x, 2) for x in (-0.001, -0.01, 1234.5)] == ["0.00", "−0.01", "1,234.50"]


@pytest.mark.parametrize(("found", "days"), [(0, 200), (3, 200), (6, 6)])
def test_shares_of_days_have_the_interval_of_clopper_and_pearson(found, days):
    ours, theirs = share_of_days(found, days), stats.binomtest(found, days).proportion_ci(method="exact")

    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_ratios_hold_their_truth():
    """40 experiments of 60 days each, squares of half the size: at least 33 intervals hold 0.25, which 95 % of 40 miss once in 400."""
    held = 0
    for experiment in range(40):
        chance = stream(experiment, "ratios")
        one, other = 0.5 * chance.normals(DAYS), chance.normals(DAYS)
        found = evidence.ratio_of_sums(one**2, other**2)
        held += found.low <= 0.25 <= found.high

    assert held >= 33


def test_the_identity_is_added_up_once_more():
    """A part that is a cent off shows."""
    case = case_of(days=2, policies=("delta",))
    assert identity([case]).verdict == "**holds** in 1 of 1"

    wrong = dict(case.outcomes["delta"][1].figures)
    wrong[PARTS[0]] += 0.01
    broken = Outcome(**{name: getattr(case.outcomes["delta"][1], name) for name in Outcome.__struct_fields__} | {"figures": wrong})  # fmt: skip
    case.outcomes["delta"][1] = broken
    assert identity([case]).verdict == "**does not hold** in 1 of 1"


def test_every_policy_that_was_run_has_a_row():
    page = all_policies(case_of())

    assert [name for name in POLICIES if f"| `{name}` |" in page] == list(AS_CLAIMED)
    assert "| reference |" in page


def test_the_page_is_written_from_what_is_stored_and_nothing_is_run(tmp_path, monkeypatch):
    """Of the code that is asked for, and of no other."""
    monkeypatch.setattr(experiments_tables, "AS_PATHS", 500)
    monkeypatch.setattr(experiments_tables, "HEDGING_PATHS", 500)
    monkeypatch.setattr(experiments, "outcomes_of", None)
    results = Results(tmp_path / "runs.jsonl")
    text_hash = read_scenario(find_scenario("calm-day")).text_hash
    results.add(
        (run_key(text_hash, policy, seed, "then"), outcome_of(policy, seed))
        for policy in AS_CLAIMED for seed in (1, 2, 3)
    )  # fmt: skip
    asked = ["--only-write", "--seeds", "5", "--scenarios", "calm-day", "--results", f"{results.path}", "--write"]  # fmt: skip
    pages = {}
    for code in ("then", code_version()):
        page = tmp_path / "new" / f"{len(pages)}.md"
        monkeypatch.setattr(sys, "argv", ["experiments", *asked, f"{page}", "--code", code])
        assert experiments.main() == 0
        pages[code] = page.read_text()

    assert "21 days were run, 3 seeds or more of each policy" in pages["then"]
    assert "Too few" in pages["then"]
    assert "Runs of flatbook then." in pages["then"]
    assert "**Nothing was run.**" in pages[code_version()]
    assert [line for line in pages["then"].splitlines() if line.startswith("| 8. ")] == [
        "| 8. P&L is told without a remainder (V41) | parts add up | **holds** in 1 of 1 |"
    ]


def test_the_variants_of_joint_are_run_in_two_scenarios_unless_asked_for():
    assert set(experiments.policies_of("calm-day", None)) == set(POLICIES)
    assert set(POLICIES) - set(experiments.policies_of("vol-regime", None)) == {"joint_wrong", "joint_slow"}
    assert experiments.policies_of("vol-regime", ["joint_slow"]) == ("joint_slow",)
