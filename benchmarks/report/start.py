"""Row 10: seconds from starting Python to the first prices, every kernel compiled before, and with none compiled."""

import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.report.measure import Gate
from benchmarks.report.quantlib_american import PRECISE, Americans
from benchmarks.report.quantlib_dividends import CashDividends

FLOOR_S, AIM_S = 3.0, 2.0
_SCRIPT = Path(__file__).with_name("first_prices.py")
_RUNS = 7
_FINE = (400, 800)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Wall seconds of whole processes."""

    row: int
    warm_s: tuple[float, ...]
    cold_s: float
    imports_s: float  # a process that imports numpy and numba and does nothing
    gate: Gate

    @property
    def middle_s(self) -> float:
        """Median of the warm ones."""
        return statistics.median(self.warm_s)

    @property
    def verdict(self) -> str:
        """Where the median stands."""
        if not self.gate.passed:
            return "FAILED its gate"
        if self.middle_s < AIM_S:
            return "aim reached"
        return "reached" if self.middle_s < FLOOR_S else "below floor"


def start(runs: int = _RUNS) -> Started:
    """Start and time the processes."""
    _seconds([str(_SCRIPT)], {})  # compiles what is not there yet
    warm = [_seconds([str(_SCRIPT)], {}) for _ in range(runs)]
    with tempfile.TemporaryDirectory() as folder:
        cold = _seconds([str(_SCRIPT)], {"NUMBA_CACHE_DIR": folder})
    imports = statistics.median(_seconds(["-c", "import numpy, numba"], {})[0] for _ in range(3))
    prices = np.array(warm[0][1].split(), dtype=np.float64)
    return Started(
        row=10,
        warm_s=tuple(seconds for seconds, _ in warm),
        cold_s=cold[0],
        imports_s=imports,
        gate=Gate(
            words="largest relative error of a price",
            most=1e-3,
            found=float(np.abs(prices / _expected() - 1.0).max()),
        ),
    )


def _seconds(arguments: list[str], environment: dict[str, str]) -> tuple[float, str]:
    begun = perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | environment,
        cwd=_SCRIPT.parents[2],
    )
    return perf_counter() - begun, done.stdout


def _expected() -> np.ndarray:
    """The three prices by QuantLib; half a year is 182.5 days to its dates, so the last is at 182 and 183, averaged."""
    import QuantLib as ql  # noqa: N813 - as its users call it

    spot, strike, years, rate, vol = 100.0, 105.0, 0.5, 0.04, 0.25
    forward = spot * np.exp(rate * years)
    european = ql.blackFormula(ql.Option.Put, strike, forward, vol * years**0.5, np.exp(-rate * years))
    option = np.array([[spot], [strike], [years], [vol], [rate], [0.0], [-1.0]])
    american = Americans(option, PRECISE()).prices()[0, 0, 0]
    columns = [np.array([x, x]) for x in (spot, strike)]
    columns += [np.array([182, 183]), *(np.array([x, x]) for x in (vol, rate, -1.0))]
    paid = ((73, 1.5),)
    on_grid = np.mean([row[0] for row in CashDividends(columns, paid, _FINE).greeks()])
    return np.array([european, american, on_grid])
