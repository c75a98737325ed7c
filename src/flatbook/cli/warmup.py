"""`flatbook warmup`: compile every kernel once, so that every later process starts warm.

Two processes share the work, a family each: the kernels of a family use each other's machine code. A family that is
compiled leaves a mark in the kernel cache, so that a command that needs it knows whether there is anything to wait for.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from flatbook.kernel_cache import kernel_folder
from flatbook.kernels import (
    american_greeks,
    american_vol,
    andersen_lake,
    black,
    dividend_grid,
    european,
    european_vol,
    implied_vol,
    scenarios,
    spline,
    tree,
)

_ONE = np.ones(1)
_NONE = np.empty(0)
_NO = np.zeros(1, dtype=np.bool_)
_CODE = np.zeros(1, dtype=np.int8)
_AMERICAN = (_ONE, _ONE, _ONE, _ONE * 0.2, _ONE * 0.01, _ONE * 0.0, _ONE)
_EUROPEAN = (_ONE, _ONE, _ONE, _ONE * 0.2, _ONE, _ONE)
_THREE = np.arange(3.0)
_CURVE = (_THREE, _THREE, _THREE, _ONE)
_QUOTE = (_ONE * 0.05, _ONE, _ONE, _ONE, _ONE, _ONE, _ONE * 1e-9)
_WORKERS = 2

Step = Callable[[], object]

FAMILIES: dict[str, tuple[Step, ...]] = {
    "American options at their exercise boundary": (
        lambda: american_greeks.value_american_greeks(
            np.vstack(_AMERICAN), andersen_lake.REFERENCE, np.empty((black.COLUMNS, 1)), _CODE.copy()
        ),
        lambda: american_vol.implied_vol_american(
            np.vstack(_AMERICAN),
            _ONE * 0.08,
            _ONE * 1e-9,
            1e-6,
            andersen_lake.REFERENCE,
            _ONE.copy(),
            _ONE.copy(),
            _CODE.copy(),
        ),
    ),
    "cash dividends on a grid": (
        lambda: dividend_grid.value_cash_dividends(
            *_AMERICAN, _ONE, _ONE * 0.5, _ONE * 0.01, np.array([[0, 1]]), 16, 10
        ),
    ),
    "American options on a lattice": (
        lambda: tree.price_american(*_AMERICAN, 11, _NONE, _NONE),
        lambda: tree.value_american(*_AMERICAN, 11, _NONE, _NONE),
        lambda: implied_vol.implied_vol_american(
            _ONE * 0.08, *_AMERICAN[:3], *_AMERICAN[4:], _ONE * 1e-9, 11, _NONE, _NONE
        ),
        lambda: scenarios.reprice_american(*_AMERICAN, 11, _NONE, _NONE, _ONE * 0.0, _ONE * 0.0),
    ),
    "European values": (
        lambda: european.value_european(_ONE, *_EUROPEAN, _NO),
        lambda: black.value_european(_ONE, *_EUROPEAN, _NO),
        lambda: black.price_european(*_EUROPEAN),
        lambda: scenarios.reprice_european(*_EUROPEAN, _ONE * 0.0, _ONE * 0.0),
    ),
    "European volatilities and smiles": (
        lambda: european_vol.implied_vol_european(*_QUOTE),
        lambda: implied_vol.implied_vol_european(*_QUOTE),
        lambda: spline.fit_smoothing_spline(_THREE, _THREE, _THREE + 1.0, 1.0),
        lambda: spline.evaluate_spline(*_CURVE),
        lambda: spline.evaluate_slope(*_CURVE),
    ),
}
EUROPEAN_FAMILIES = ("European values", "European volatilities and smiles")


def warm_up(console: Console, families: Iterable[str] = FAMILIES) -> int:
    """Compile and cache the kernels of these families that are not kept yet; the number of families compiled."""
    cold = [name for name in families if not _mark(name).exists()]
    if not cold:
        return 0
    kernel_folder().mkdir(parents=True, exist_ok=True)
    with (
        Progress(console=console, transient=True) as bar,
        ProcessPoolExecutor(min(_WORKERS, len(cold)), mp_context=get_context("spawn")) as pool,
    ):
        task = bar.add_task("compiling kernels, once", total=len(cold))
        work = {pool.submit(compile_family, name): name for name in cold}
        for done in as_completed(work):
            done.result()
            _mark(work[done]).touch()
            bar.advance(task)
    return len(cold)


def compile_family(name: str) -> None:
    """Call each kernel of a family once."""
    for step in FAMILIES[name]:
        step()


def _mark(name: str) -> Path:
    return kernel_folder() / f"{name.replace(' ', '-')}.compiled"
