"""Numbers, tables and sections of the page of experiments."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

from benchmarks.experiments_evidence import Verdict, sentence
from flatbook.sim.experiments.statistics import Estimate

_MISSING = "—"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of a table, and what follows from it."""

    name: str  # of the scenario, and of the policy where there are several
    cells: tuple[str, ...]
    verdict: Verdict | None = None  # None: it is told, not judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One part of a claim, put to every scenario."""

    name: str  # in the table of all claims; empty: it is told, not judged
    text: str  # what is asked, and what would answer it
    heads: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def verdicts(self) -> tuple[tuple[str, Verdict], ...]:
        """Of the lines that are judged."""
        return tuple((one.name, one.verdict) for one in self.lines if one.verdict is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One of the claims with its evidence."""

    number: int
    title: str
    text: str
    questions: tuple[Question, ...]
    how: str
    silent: str  # what it does not show
    notes: tuple[str, ...] = ()  # made from numbers

    @property
    def verdict(self) -> str:
        """In one line, from all its questions."""
        told = [pair for question in self.questions for pair in question.verdicts]
        return sentence(told, names=False)


def usd(estimate: Estimate) -> str:
    """Whole dollars, with the interval."""
    return _told(estimate, lambda x: f"{x:,.0f}")


def ratio(estimate: Estimate) -> str:
    """Three digits, with the interval."""
    return _told(estimate, lambda x: f"{x:.3g}")


def share(estimate: Estimate) -> str:
    """As a percentage, with the interval."""
    return _told(estimate, lambda x: f"{100.0 * x:.2f} %")


def _told(estimate: Estimate, shown: Callable[[float], str]) -> str:
    if not isfinite(estimate.value):
        return _MISSING
    text = _minus(shown(estimate.value))
    if not (isfinite(estimate.low) and isfinite(estimate.high)):
        return f"{text} (no interval)"
    return f"{text} ({_minus(shown(estimate.low))} to {_minus(shown(estimate.high))})"


def number(value: float, digits: int) -> str:
    """With so many digits behind the point."""
    return _minus(f"{value:,.{digits}f}")


def _minus(text: str) -> str:
    plain = text.replace("-", "−") if text.startswith("-") else text
    return plain.lstrip("−") if not any(sign in "123456789" for sign in plain) else plain


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def section(claim: Claim) -> str:
    """A claim with its tables."""
    parts = [
        f"## {claim.number}. {claim.title}",
        f"> {claim.text}",
        f"{_capital(claim.verdict)}.",
        *(_question(question) for question in claim.questions),
    ]
    if claim.notes:
        parts.append("\n".join(f"- {note}" for note in claim.notes))
    parts += [f"*How it was measured.* {claim.how}", f"*What it does not show.* {claim.silent}"]
    return "\n\n".join(parts)


def _question(question: Question) -> str:
    judged = bool(question.verdicts)
    heads = (*question.heads, "verdict") if judged else question.heads
    rows = [
        (one.name, *one.cells, *([one.verdict.value if one.verdict else ""] if judged else []))
        for one in question.lines
    ]
    said = f" {_capital(sentence(question.verdicts))}." if judged else ""
    if not rows:
        return f"{question.text} Not run."
    return f"{question.text}{said}\n\n{table(heads, rows)}"


def _capital(text: str) -> str:
    at = 2 if text.startswith("**") else 0
    return text[:at] + text[at : at + 1].upper() + text[at + 1 :]
