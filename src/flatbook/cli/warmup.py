"""`flatbook warmup`: compile every kernel once, so that every later process starts warm."""

from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.progress import track

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

STEPS: dict[str, Callable[[], object]] = {
    "European values": lambda: black.value_european(_ONE, *_EUROPEAN, _NO),
    "European prices": lambda: black.price_european(*_EUROPEAN),
    "European values, vectorised": lambda: european.value_european(_ONE, *_EUROPEAN, _NO),
    "European implied volatility": lambda: implied_vol.implied_vol_european(*_QUOTE),
    "European implied volatility, vectorised": lambda: european_vol.implied_vol_european(*_QUOTE),
    "American prices": lambda: tree.price_american(*_AMERICAN, 11, _NONE, _NONE),
    "American values": lambda: tree.value_american(*_AMERICAN, 11, _NONE, _NONE),
    "American implied volatility": lambda: implied_vol.implied_vol_american(
        _ONE * 0.08, *_AMERICAN[:3], *_AMERICAN[4:], _ONE * 1e-9, 11, _NONE, _NONE
    ),
    "European slides": lambda: scenarios.reprice_european(*_EUROPEAN, _ONE * 0.0, _ONE * 0.0),
    "American slides": lambda: scenarios.reprice_american(
        *_AMERICAN, 11, _NONE, _NONE, _ONE * 0.0, _ONE * 0.0
    ),
    "American values at their boundary": lambda: american_greeks.value_american_greeks(
        np.vstack(_AMERICAN), andersen_lake.REFERENCE, np.empty((black.COLUMNS, 1)), _CODE.copy()
    ),
    "American implied volatility at the boundary": lambda: american_vol.implied_vol_american(
        np.vstack(_AMERICAN),
        _ONE * 0.08,
        _ONE * 1e-9,
        1e-6,
        andersen_lake.REFERENCE,
        _ONE.copy(),
        _ONE.copy(),
        _CODE.copy(),
    ),
    "cash dividends on a grid": lambda: dividend_grid.value_cash_dividends(
        *_AMERICAN, _ONE, _ONE * 0.5, _ONE * 0.01, np.array([[0, 1]]), 16, 10
    ),
    "smile fits": lambda: spline.fit_smoothing_spline(_THREE, _THREE, _THREE + 1.0, 1.0),
    "smile values": lambda: spline.evaluate_spline(*_CURVE),
    "smile slopes": lambda: spline.evaluate_slope(*_CURVE),
}


def warm_up(console: Console) -> int:
    """Compile and cache every kernel; the number of them."""
    for step in track(STEPS.values(), description="compiling kernels", console=console):
        step()
    return len(STEPS)
