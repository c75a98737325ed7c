"""`python -m benchmarks.report`: time every row against its peers, hold answers to their gates, write the page."""

import argparse
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

from benchmarks.report import rows_american, rows_dividends, rows_european, rows_tick
from benchmarks.report.machine import describe
from benchmarks.report.measure import Absent, Comparison, Entry, time_in_turn
from benchmarks.report.page import Line, render, sentence
from benchmarks.report.peer_process import PeerProcess
from benchmarks.report.start import Started, start

_THREADS = 2
Part = Callable[[], Iterator[Entry | Started]]


def main() -> int:
    """Run the rows asked for; the exit status is 1 where a gate failed or a row of ours fell over."""
    asked = _arguments()
    lines: list[Line] = []
    with ThreadPoolExecutor(_THREADS) as pool, PeerProcess(_THREADS) as peers, PeerProcess(1) as single:
        machine = describe(peers)
        parts = _parts(pool, peers, single)
        for row in asked.rows:
            for line in _lines(row, parts[row], asked.rounds, asked.seconds):
                lines.append(line)
                print(sentence(line), flush=True)
        if asked.write:
            asked.write.parent.mkdir(parents=True, exist_ok=True)
            asked.write.write_text(render(lines, machine, [*peers.idle_s, *single.idle_s]), encoding="utf-8")
            print(f"written: {asked.write}")
    return int(any(line.verdict.startswith("FAILED") for line in lines))


def _parts(pool: ThreadPoolExecutor, peers: PeerProcess, single: PeerProcess) -> dict[int, Part]:
    return {
        1: lambda: rows_european.values(pool, peers),
        2: lambda: rows_european.implied_vols(pool, peers),
        3: rows_american.singles,
        4: rows_american.chains,
        5: rows_dividends.values,
        6: rows_american.slides,
        7: rows_dividends.slides,
        8: lambda: rows_tick.ticks(single),
        9: rows_american.implied_vols,
        10: lambda: iter([start()]),
    }


def _lines(row: int, part: Part, rounds: int, budget_s: float) -> Iterator[Line]:
    """The lines of a row as they are measured; where ours falls over, a line says so and the next row goes on."""
    begun = perf_counter()
    try:
        for entry in part():
            yield time_in_turn(entry, rounds, budget_s) if isinstance(entry, Comparison) else entry
    except Exception as fault:
        reason = f"{type(fault).__name__}: {fault}"
        yield Absent(row=row, workload="", peer="", reason=reason, verdict="FAILED")
    print(f"row {row} took {perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument(
        "--rows", type=_rows, default=list(range(1, 11)), help="such as 1,3; all of them if not given"
    )
    parser.add_argument("--rounds", type=int, default=21, help="turns of each side, at most (default 21)")
    parser.add_argument(
        "--seconds", type=float, default=12.0, help="for a line, after which five turns suffice (default 12)"
    )
    parser.add_argument("--write", type=Path, help="the page to write; none if not given")
    return parser.parse_args()


def _rows(text: str) -> list[int]:
    rows = sorted({int(part) for part in text.split(",")})
    if not rows or not set(rows) <= set(range(1, 11)):
        message = f"rows are 1 to 10, was {text!r}"
        raise argparse.ArgumentTypeError(message)
    return rows


if __name__ == "__main__":
    sys.exit(main())
