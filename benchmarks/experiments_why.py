"""Why the joint policy is not better somewhere: what its P&L is made of differently, and what variance takes."""

from benchmarks import experiments_evidence as evidence
from benchmarks.experiments_evidence import Pair, Verdict, figure
from benchmarks.experiments_text import usd
from flatbook.sim.experiments.figures import FIGURES, PARTS

_LABELS = {one.name: one.label for one in FIGURES}
_SHOWN = 3


def why(name: str, pair: Pair, aversion_per_usd: float, verdict: Verdict) -> str:
    """One sentence, made of the numbers."""
    one, other = (evidence.column(runs, figure("pnl_usd")) for runs in (pair.first, pair.second))
    mean = evidence.mean_difference(pair, figure("pnl_usd"))
    if one.size < 2:
        return f"{name}: {verdict.value}; one day says nothing of variance."
    risk = 0.5 * aversion_per_usd * float(other.var(ddof=1) - one.var(ddof=1))
    parts = {part: evidence.mean_difference(pair, figure(part)) for part in PARTS}
    largest = sorted(parts, key=lambda part: -abs(parts[part].value))[:_SHOWN]
    made = ", ".join(f"{_LABELS[part].lower()} {usd(parts[part])}" for part in largest)
    moved = "saves" if risk >= 0.0 else "adds"
    return (
        f"{name}: {verdict.value}. {_cause(mean.value, risk, verdict)}: mean P&L differs by {usd(mean)} USD a day "
        f"(largest parts: {made}), and joint {moved} {abs(risk):,.0f} USD of what variance takes."
    )


def _cause(mean: float, risk: float, verdict: Verdict) -> str:
    if verdict is Verdict.OPEN:
        return f"{_balance(mean, risk)}; all of it within what chance explains"
    return _balance(mean, risk)


def _balance(mean: float, risk: float) -> str:
    if mean < 0.0 <= risk:
        less = "less" if risk < -mean else "more"
        return f"Joint earns less and risks less, and what it saves in risk is {less} than what it gives up"
    if mean >= 0.0 > risk:
        less = "less" if mean < -risk else "more"
        return f"Joint earns more and risks more, and what it gains is {less} than what the risk takes"
    if mean < 0.0:
        return "Joint earns less and risks more"
    return "Joint earns more and risks less"
