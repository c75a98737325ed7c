"""The page `docs/reference/performance.md`: tables from the figures, words from the two texts beside this file."""

from pathlib import Path

from benchmarks.report.measure import Absent, Comparison, Gate, Timed
from benchmarks.report.start import AIM_S, FLOOR_S, Started

Line = Timed | Absent | Started

_HERE = Path(__file__).parent
_HEAD = """# How fast the kernels are

Made by `make bench-kernels`, which measures on the machine at hand and writes this page anew; the figures are of the machine
below. Ratio = peer's time / ours.
"""
_JUDGED = (
    "row", "workload", "peer", "threads", "accuracy", "floor", "aim", "ratio [10 %, 90 %]",
    "ours", "tables cold: ratio, ours", "verdict",
)  # fmt: skip
_QUIET = 0.85  # of a core
_PLAIN = (
    "row",
    "workload",
    "tables",
    "peer",
    "ours",
    "peer's",
    "cores busy",
    "ratio of processor times",
    "rounds",
)


def render(lines: list[Line], machine: list[tuple[str, str]], idle_s: list[float]) -> str:
    """The whole page as Markdown."""
    quiet, idle = _quietness(lines), _idleness(idle_s)
    parts = [
        _HEAD,
        "## Machine\n",
        _table(("", ""), machine),
        _words("method.md"),
        "## Figures\n",
        _table(_JUDGED, [_judged(line, lines) for line in lines if not _is_cold(line)]),
        "Whole calls, in plain numbers; a peer's time is scaled up where it did a share.\n",
        _table(_PLAIN, [_plain(line) for line in lines if isinstance(line, Timed)]),
        *(f"{words}\n" for words in (quiet, idle) if words),
        *(_start_words(line) for line in lines if isinstance(line, Started)),
        _words("what_falls_short.md"),
    ]
    return "\n".join(parts)


def sentence(line: Line) -> str:
    """One line for the terminal."""
    if isinstance(line, Absent):
        return f"{line.row:3}  {line.workload:52} {line.peer:40} {line.verdict}: {line.reason}"
    if isinstance(line, Started):
        return f"{line.row:3}  {'first prices of a fresh process':52} {'':40} {line.middle_s:.2f} s, cold {line.cold_s:.1f} s  {line.verdict}"
    one = line.comparison
    tables = f", tables {one.tables}" if one.tables else ""
    return (
        f"{one.row:3}  {one.workload + tables:52} {one.peer:40} {line.middle:8.4g} [{line.low:.4g}, {line.high:.4g}]"
        f"  {_per_unit(line)}  {_accuracy(one.gate)}  {line.verdict}"
    )


def _quietness(lines: list[Line]) -> str:
    """A warning where threads of ours did not have a core each."""
    cores = [one.cores[0] / one.comparison.threads[0] for one in lines if isinstance(one, Timed)]
    if not cores or min(cores) >= _QUIET:
        return ""
    return f"**The machine was not quiet**: a thread of ours got as little as {min(cores):.1f} of a core."


def _idleness(idle_s: list[float]) -> str:
    if not idle_s:
        return ""
    return f"In our turns the peers' processes took at most {1e3 * max(idle_s):.1f} ms of processor time."


def _is_cold(line: Line) -> bool:
    return isinstance(line, Timed) and line.comparison.tables == "cold"


def _judged(line: Line, lines: list[Line]) -> tuple[str, ...]:
    if isinstance(line, Absent):
        return (str(line.row), line.workload, line.peer, *[""] * 7, f"{line.verdict}: {line.reason}")
    if isinstance(line, Started):
        spread = f"{line.middle_s:.2f} s [{min(line.warm_s):.2f}, {max(line.warm_s):.2f}]"
        accuracy = _accuracy(line.gate)
        return (
            str(line.row), "A fresh process, to its first prices", "", "", accuracy, f"< {FLOOR_S:.0f} s", f"< {AIM_S:.0f} s",
            spread, "", f"{line.cold_s:.1f} s, kernels not compiled", line.verdict,
        )  # fmt: skip
    one = line.comparison
    return (
        str(one.row),
        one.workload + (", tables warm" if one.tables else ""),
        one.peer,
        f"{one.threads[0]} / {one.threads[1]}",
        _accuracy(one.gate),
        _times(one.floor),
        _times(one.aim),
        _spread(line),
        _per_unit(line),
        _cold_of(one, lines),
        line.verdict,
    )


def _cold_of(warm: Comparison, lines: list[Line]) -> str:
    """The same with its tables cold."""
    for line in lines:
        if isinstance(line, Timed) and _is_cold(line):
            one = line.comparison
            if (one.row, one.workload, one.peer) == (warm.row, warm.workload, warm.peer):
                return f"{_spread(line)}, {_per_unit(line)}"
    return ""


def _plain(line: Timed) -> tuple[str, ...]:
    one = line.comparison
    busy = f"{line.cores[0]:.1f} / {line.cores[1]:.1f}"
    times = (_seconds(line.ours_s), _seconds(line.theirs_s))
    processor = line.middle * line.cores[1] / line.cores[0]
    return (
        str(one.row), one.workload, one.tables, one.peer, *times, busy, _digits(processor), str(len(line.ratios)),
    )  # fmt: skip


def _start_words(line: Started) -> str:
    return (
        f"Row {line.row}: Python that imports numpy and numba and does nothing takes {line.imports_s:.2f} s of the "
        f"{line.middle_s:.2f} s. Cold, the kernels of those prices are compiled first, which `flatbook warmup` does for all.\n"
    )


def _accuracy(gate: Gate) -> str:
    peer = "" if gate.peer is None else f", peer {gate.peer:.0e}"
    return f"{gate.found:.0e} (gate {gate.most:.0e}{peer}): {gate.words}"


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:,g}"


def _spread(line: Timed) -> str:
    return f"**{_digits(line.middle)}** [{_digits(line.low)}, {_digits(line.high)}]"


def _digits(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.1f}"


def _per_unit(line: Timed) -> str:
    one = line.comparison
    return f"{_seconds(line.ours_s / one.count)} per {one.unit}"


def _seconds(value: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def _words(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
