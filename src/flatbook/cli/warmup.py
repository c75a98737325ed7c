"""`flatbook warmup`: compile every kernel once, so that every later process starts warm.

Two processes share the work, a family each: the kernels of a family use each other's machine code. A family that is
compiled leaves a mark in the kernel cache, so that a command that needs it knows whether there is anything to wait for.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from flatbook.hedging.offset_plan import plan_offset
from flatbook.hedging.offset_problem import OffsetProblem, OffsetRows, OffsetSeries
from flatbook.kernel_cache import kernel_folder
from flatbook.kernels import (
    american_greeks,
    american_vol,
    andersen_lake,
    black,
    dividend_grid,
    dividend_slides,
    dividend_vol,
    european,
    european_tile,
    european_vol,
    grouped_sums,
    hedge_programme,
    implied_vol,
    premium_table,
    premium_tile,
    scenarios,
    table_slides,
    table_values,
    tick,
    tree,
)
from flatbook.market.calibrate import calibrate
from flatbook.market.surface import SmilePointsTable
from flatbook.model.table import InstrumentTable

_ONE = np.ones(1)
_NONE = np.empty(0)
_NO = np.zeros(1, dtype=np.bool_)
_CODE = np.zeros(1, dtype=np.int8)
_FIRST = np.zeros(1, dtype=np.int64)
_AMERICAN = (_ONE, _ONE, _ONE, _ONE * 0.2, _ONE * 0.01, _ONE * 0.0, _ONE)
_EUROPEAN = (_ONE, _ONE, _ONE, _ONE * 0.2, _ONE, _ONE)
_STILL = (_ONE * 0.0, _ONE * 0.0)
_QUOTE = (_ONE * 0.05, _ONE, _ONE, _ONE, _ONE, _ONE, _ONE * 1e-9)
_PAYS = (_ONE, _ONE * 0.5, _ONE * 0.01)
_MEETS = np.array([[0, 1]])
_SIZE = (16, 10)
_WORKERS = 2
_GENTLY = 15  # of 19

Step = Callable[[], object]


def _value_chain() -> None:
    out, expiries = np.empty((european_tile.COLUMNS, 1)), np.ones((european.EXPIRY_ROWS, 1))
    european.value_chain_into(out, expiries, np.zeros(1, dtype=np.int32), _ONE, _ONE * 0.2, _ONE)


def _tick() -> None:
    expiry = np.array([[1.0], [0.05], [0.0], [-1.0], [0.1], [0.4]])
    tables = np.empty((1, premium_tile.WIDTH))
    table_values.write_european_tables(expiry, tables)
    chain, out, standing = table_values.new_chain(_FIRST), np.empty((5, 1)), _CODE.copy()
    table_values.settle_chain(tables, _FIRST, _ONE, _ONE * 0.2, chain, standing)
    table_values.value_chain(_ONE, _FIRST, chain, out, standing)
    tick.reprice_class(
        _ONE,
        np.zeros(3),
        _FIRST,
        chain,
        np.ones((tick.SERIES_ROWS, 1)),
        np.empty((2, tick.RISKS)),
        np.zeros((tick.QUOTE_ROWS, 1), dtype=np.int64),
        standing,
    )


def _fit_surface() -> None:
    """Smiles that neither eSSVI nor SVI can take, and a second fit on top: every kind of fit is tried."""
    k = np.linspace(-0.3, 0.3, 41)
    vol = 0.2 - 0.1 * k + 0.03 * np.exp(-(((k - 0.05) / 0.04) ** 2))
    points = SmilePointsTable(
        slice_index=np.repeat(np.arange(3), k.size),
        log_moneyness=np.tile(k, 3),
        vol_bid=np.tile(vol - 0.0005, 3),
        vol_mid=np.tile(vol, 3),
        vol_ask=np.tile(vol + 0.0005, 3),
        weight=np.ones(3 * k.size),
        years=np.array([0.1, 0.3, 0.31]),
        keys=np.array([1, 2, 3]),
    )
    calibrate(points, calibrate(points, None)).vol(points.slice_index, points.log_moneyness)


def _use_tables() -> None:
    expiry = np.array([[1.0], [0.05], [0.0], [-1.0], [0.1], [0.4]])
    tables, states = np.empty((1, premium_tile.WIDTH)), _CODE.copy()
    premium_table.build_tables(expiry, andersen_lake.ACCURATE, 1e-3, tables, states)
    series = (tables, _ONE, _FIRST, _ONE, _ONE * 0.2)
    table_values.value_with_tables(*series, np.empty((5, 1)), _CODE.copy())
    table_slides.reprice_with_tables(*series, *_STILL, np.empty((1, 1, 1)))
    american_vol.implied_vol_with_tables(
        *series[:4], _ONE * 0.06, _ONE * 1e-9, _ONE.copy(), _ONE.copy(), _CODE.copy()
    )


FAMILIES: dict[str, tuple[Step, ...]] = {
    "American options at their exercise boundary": (
        lambda: andersen_lake.value_american(
            np.vstack(_AMERICAN), andersen_lake.ACCURATE, np.empty((4, 1)), _CODE.copy()
        ),
        lambda: american_greeks.value_american_greeks(
            np.vstack(_AMERICAN), andersen_lake.ACCURATE, np.empty((black.COLUMNS, 1)), _CODE.copy()
        ),
        lambda: american_vol.implied_vol_american(
            np.vstack(_AMERICAN),
            _ONE * 0.08,
            _ONE * 1e-9,
            1e-6,
            andersen_lake.ACCURATE,
            _ONE.copy(),
            _ONE.copy(),
            _CODE.copy(),
        ),
        _use_tables,
    ),
    "cash dividends on a grid": (
        lambda: dividend_grid.price_cash_dividends(*_AMERICAN, *_PAYS, _MEETS, *_SIZE),
        lambda: dividend_grid.value_cash_dividends(*_AMERICAN, *_PAYS, _MEETS, *_SIZE),
        lambda: dividend_vol.implied_vol_cash_dividends(
            _ONE * 0.08, *_AMERICAN[:3], *_AMERICAN[4:], *_PAYS, _MEETS, _ONE * 1e-9, 1e-4, *_SIZE
        ),
        lambda: dividend_slides.reprice_cash_dividends(*_AMERICAN, *_PAYS, _MEETS, *_SIZE, *_STILL),
        lambda: dividend_slides.read_between_vols(
            np.ones((1, 3, 1)),
            dividend_slides.root_vol_nodes(_ONE * 0.1, _ONE * 0.2, 3),
            np.full((1, 1, 1), 0.15),
        ),
        lambda: dividend_slides.error_between_vols(np.ones((1, 3, 1))),
    ),
    "American options on a lattice": (
        lambda: tree.price_american(*_AMERICAN, 11, _NONE, _NONE),
        lambda: tree.value_american(*_AMERICAN, 11, _NONE, _NONE),
        lambda: implied_vol.implied_vol_american(
            _ONE * 0.08, *_AMERICAN[:3], *_AMERICAN[4:], _ONE * 1e-9, 11, _NONE, _NONE
        ),
        lambda: scenarios.reprice_american(*_AMERICAN, 11, _NONE, _NONE, *_STILL),
    ),
    "ticks": (_tick,),
    "tables of European options": (
        lambda: european.value_european(_ONE, *_EUROPEAN, _NO),
        lambda: european.price_european(*_EUROPEAN),
    ),
    "European values": (
        _value_chain,
        lambda: european.reprice_european_into(np.empty((1, 1, 1)), *_EUROPEAN, *_STILL),
    ),
    "sums of a book": (
        lambda: grouped_sums.add_by_group(
            _FIRST, _FIRST, _ONE, np.ones((1, 1)), np.ones((1, 1)), _ONE.copy()
        ),
        lambda: grouped_sums.add_lines(
            _FIRST[None, :],
            _FIRST[None, :],
            _FIRST[None, :],
            _FIRST,
            _ONE,
            np.ones((1, 1)),
            np.ones((1, 1)),
            np.ones((1, 1)),
        ),
        lambda: grouped_sums.scale_gain(np.ones((1, 1)), _ONE, _ONE),
    ),
    "hedges": (
        lambda: hedge_programme.hedges_in_lots(
            np.ones((1, 1)), _ONE, _ONE, _ONE, _ONE, _ONE, _ONE, _ONE, 1, np.ones(2)
        ),
    ),
    "option offsets": (lambda: plan_offset(_small_offset()),),
    "European implied volatilities": (lambda: european_vol.implied_vol_european(*_QUOTE),),
    "surfaces": (_fit_surface,),
}
EUROPEAN_FAMILIES = (
    "European implied volatilities",
    "European values",
    "sums of a book",
    "hedges",
    "option offsets",
    "surfaces",
)


def _small_offset() -> OffsetProblem:
    """Three legs of which one may be traded, with a row that binds: every kernel of a plan is called."""
    n = 3
    rows = OffsetRows(
        names=("row",), value=np.array([30.0]), per_contract=np.array([[-1.0], [-2.0], [1.0]]), low=np.array([-5.0]),
        high=np.array([5.0]), scale=np.array([5.0]), weight=np.ones(1),
    )  # fmt: skip
    most = np.full(n, 20, dtype=np.int64)
    return OffsetProblem(
        series=tuple(OffsetSeries(name=str(j), underlying="U", shares=1.0) for j in range(n)),
        exposure=np.array([100.0, -50.0]), per_contract=np.array([[-5.0, 0.0], [0.0, 5.0], [-3.0, 1.0]]),
        covariance=np.array([[1.0, 0.2], [0.2, 1.0]]), aversion_per_usd=1e-2, buy_cost_usd=np.ones(n), sell_cost_usd=np.ones(n),
        most_bought=most, most_sold=most, lot=np.ones(n, dtype=np.int64), rows=rows, legs_max=1, breach_usd=1e4,
    )  # fmt: skip


LIVE_FAMILIES = (
    "American options at their exercise boundary",
    "surfaces",
    "tables of European options",
    "option offsets",
    "European values",
    "European implied volatilities",
    "sums of a book",
    "hedges",
    "ticks",
)
"""What a desk calls from its first second; what is left is for cash dividends and for what has no exercise boundary."""


def families_for(table: InstrumentTable) -> tuple[str, ...]:
    """The families that a desk of these instruments will call."""
    return tuple(FAMILIES) if table.american.any() else EUROPEAN_FAMILIES


def cold_families(families: Iterable[str] = FAMILIES) -> list[str]:
    """Those of them that nobody has compiled on this machine."""
    return [name for name in families if not _mark(name).exists()]


def warm_up(console: Console, families: Iterable[str] = FAMILIES, *, gently: bool = False) -> int:
    """Compile and cache the kernels of these families that are not kept yet; the number of families compiled.

    `gently`: what else runs on the machine goes first.
    """
    cold = cold_families(families)
    if not cold:
        return 0
    kernel_folder().mkdir(parents=True, exist_ok=True)
    with (
        Progress(console=console, transient=True) as bar,
        ProcessPoolExecutor(
            min(_WORKERS, len(cold)),
            mp_context=get_context("spawn"),
            initializer=os.nice,
            initargs=(_GENTLY if gently else 0,),
        ) as pool,
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
