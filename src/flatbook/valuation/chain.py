"""A whole class of options in one call: values into columns, slides over spot, vol and time, implied vols.

`prepare` chooses an engine for every series (`engines`) and builds what it can reuse; `refreshed` takes new spots and
vols and keeps what still holds. Prices and greeks are in the currency of the strike and refer to the reference spot:
coins are the caller's. A slide is a full revaluation of every cell, by the conventions of `chain_class`.
Bulk calls may be given an executor, which runs independent parts of the rows at once; the bits are the same without.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from flatbook.kernels.european_tile import (
    CHARM,
    COLUMNS,
    DELTA,
    DIVIDEND_RHO,
    GAMMA,
    RHO,
    SPEED,
    THETA,
    VANNA,
)
from flatbook.kernels.implied_vol import NOT_FINITE
from flatbook.model.table import Floats, Ints
from flatbook.valuation.chain_american import prepare_boundary, prepare_tables
from flatbook.valuation.chain_class import Executor, OptionClass, Rows, aged, faults, rows_of
from flatbook.valuation.chain_dividends import prepare_grid, prepare_lattice
from flatbook.valuation.chain_parts import (
    NO_SPAN,
    WITHOUT_BUMPS,
    Demand,
    Part,
    Reasons,
    Span,
    prepare_black,
)
from flatbook.valuation.engines import SETTINGS, Choice, Engine, Setting, choose

__all__ = [
    "NO_SPAN",
    "Executor",
    "OptionClass",
    "Prepared",
    "Span",
    "aged",
    "choose_engines",
    "faults",
    "imply_into",
    "prepare",
    "refreshed",
    "reprice_into",
    "value_into",
]

_PREPARE: dict[Engine, Callable[[Rows, Setting, Demand], Part]] = {
    Engine.BLACK: prepare_black,
    Engine.BOUNDARY: prepare_boundary,
    Engine.TABLE: prepare_tables,
    Engine.GRID: prepare_grid,
    Engine.LATTICE: prepare_lattice,
    Engine.ESCROWED: prepare_lattice,
}
_HALVED_FROM = {  # rows of a part from which two threads are worth their handing over
    Engine.BLACK: 4096,
    Engine.BOUNDARY: 64,
    Engine.TABLE: 2048,
    Engine.GRID: 64,
    Engine.LATTICE: 8,
    Engine.ESCROWED: 8,
}
_NUMBERS_OF_CHOICE = ("years", "rate", "dividend_yield", "sign")
_CODES_OF_CHOICE = ("pays", "american", "expiry_index", "spot_model")
_BLOCK_CELLS = 1 << 18
_BLOCK_ROWS = (32, 256)  # at least; and in whole multiples, where there are as many: tiles are full then


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A class with its engines chosen and made ready."""

    option_class: OptionClass
    choice: Choice
    demand: Demand
    parts: tuple[Part, ...]
    later: tuple["Prepared", ...]  # the class at each time of the span

    @property
    def error(self) -> Floats:
        """float64[n]: bound of the error of each price, relative to max(price, 1 % of spot), tables by what they found."""
        out = np.full(self.choice.error.size, np.nan)
        for part in self.parts:
            out[part.rows.at] = part.error
        return out


def choose_engines(option_class: OptionClass, *, tolerance: float, uses: float) -> Choice:
    """Choose the engine of every series of a class; parameters and result as for `engines.choose`."""
    one = option_class
    pays = np.append(one.pays, False)
    known = (one.expiry_index >= 0) & (one.expiry_index < one.years.size)
    expiry = np.where(known, one.expiry_index, one.years.size).astype(np.int64)
    return choose(
        american=one.american,
        sign=one.sign,
        years=one.of_series(one.years),
        rate=one.of_series(one.rate),
        dividend_yield=one.of_series(one.dividend_yield),
        pays=pays[expiry],
        spot_model=one.spot_model,
        group=2 * expiry + (one.sign > 0.0),
        tolerance=tolerance,
        uses=uses,
    )


def prepare(
    option_class: OptionClass,
    *,
    tolerance: float,
    uses: float,
    span: Span = NO_SPAN,
    choice: Choice | None = None,
    executor: Executor | None = None,
) -> Prepared:
    """Choose the engines of a class and build what they reuse.

    Parameters
    ----------
    option_class : OptionClass
    tolerance : float
        Largest error of a price, relative to max(price, 1 % of spot).
    uses : float
        How often each series will be valued before rates or time move: see `engines.choose`. Many uses make tables.
    span : Span
        Slides that will be asked; others can be, at their full price.
    choice : Choice, optional
        Engines that are chosen already; those of `choose_engines` otherwise.
    executor : Executor, optional
        Runs parts at once.

    Returns
    -------
    Prepared
        With the class at the times of the span prepared as well.
    """
    choice = choice or choose_engines(option_class, tolerance=tolerance, uses=uses)
    demand = Demand(tolerance=tolerance, uses=uses, span=span)
    jobs = list(_jobs(option_class, choice))

    def ready(job: tuple[Ints, Engine, Setting]) -> Part:
        at, engine, setting = job
        return _PREPARE[engine](rows_of(option_class, at, engine), setting, demand)

    parts = tuple(_spread(ready, jobs, executor))
    later = tuple(
        prepare(
            aged(option_class, float(years)),
            tolerance=tolerance,
            uses=uses,
            span=Span(moves=span.moves, shifts=span.shifts, years_later=NO_SPAN.years_later),
            executor=executor,
        )
        for years in span.years_later
    )
    return Prepared(option_class=option_class, choice=choice, demand=demand, parts=parts, later=later)


def refreshed(prepared: Prepared, option_class: OptionClass, executor: Executor | None = None) -> Prepared:
    """The same series at new spots, forwards, vols or rates; tables stay where rate, yield and time have stayed.

    Parameters
    ----------
    prepared : Prepared
    option_class : OptionClass
        The same expiries and series in the same order.
    executor : Executor, optional
    """
    old, demand = prepared.choice, prepared.demand
    choice = old
    if not _chosen_alike(option_class, prepared.option_class):
        choice = choose_engines(option_class, tolerance=old.tolerance, uses=old.uses)
    same = np.array_equal(choice.why, old.why) and np.array_equal(
        option_class.expiry_index, prepared.option_class.expiry_index
    )
    if not same:
        return prepare(
            option_class, tolerance=old.tolerance, uses=old.uses, span=demand.span, executor=executor
        )

    def renewed(part: Part) -> Part:
        return part.refreshed(rows_of(option_class, part.rows.at, part.setting.engine))

    parts = tuple(_spread(renewed, prepared.parts, executor))
    later = tuple(
        refreshed(one, aged(option_class, float(years)), executor)
        for one, years in zip(prepared.later, demand.span.years_later, strict=True)
    )
    return Prepared(option_class=option_class, choice=choice, demand=demand, parts=parts, later=later)


def _chosen_alike(one: OptionClass, other: OptionClass) -> bool:
    """Whether engines are chosen for the same: neither spots nor vols have a part in it."""
    return all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name in _NUMBERS_OF_CHOICE)
        for name in (*_NUMBERS_OF_CHOICE, *_CODES_OF_CHOICE)
    )


def value_into(prepared: Prepared, out: Floats, executor: Executor | None = None) -> None:
    """Price every series and tell its greeks.

    Parameters
    ----------
    prepared : Prepared
    out : float64[c, n]
        Written: the first c columns of `kernels.european`, from PRICE to SPEED, raw units. Up to THETA is what a tick
        needs; the later columns cost an American option several solutions more. SPEED is NaN but where the closed form
        holds. NaN in every column where a series cannot be valued.
    executor : Executor, optional
    """
    wanted = out.shape[0] if out.shape[0] <= WITHOUT_BUMPS else COLUMNS

    def run(part: Part) -> None:
        rows = part.rows
        columns = np.empty((wanted, rows.size))
        part.value(columns)
        _turn_to_reference(columns, rows, part.setting.engine)
        out[:, rows.at] = columns[: out.shape[0]]

    for _ in _spread(run, prepared.parts, executor):
        pass


def _turn_to_reference(columns: Floats, rows: Rows, engine: Engine) -> None:
    """From greeks in what the engine stands on to greeks in the reference spot, by calendar years; a fixed forward has no dividend rho."""
    if (rows.per_spot != 1.0).any():
        for column, power in ((DELTA, 1), (GAMMA, 2), (VANNA, 1), (CHARM, 1), (SPEED, 3)):
            if column < columns.shape[0]:
                with np.errstate(all="ignore"):  # no spot, no greek; and no warning
                    columns[column] *= rows.per_spot**power
    if (rows.stretch != 1.0).any():
        for column, power in ((THETA, -1), (CHARM, -1), (RHO, 1), (DIVIDEND_RHO, 1)):
            if column < columns.shape[0]:
                columns[column] *= rows.stretch**power
    if engine is not Engine.BLACK and columns.shape[0] > DIVIDEND_RHO and rows.forward_fixed.any():
        fixed = rows.forward_fixed  # its yield is its rate, so both move
        columns[RHO, fixed] += columns[DIVIDEND_RHO, fixed]
        columns[DIVIDEND_RHO, fixed] = 0.0


def reprice_into(
    prepared: Prepared,
    moves: Floats,
    shifts: Floats,
    years_later: Floats,
    out: Floats,
    executor: Executor | None = None,
) -> None:
    """Price every series at every spot * (1 + move), vol + shift and time from now: full revaluation.

    Parameters
    ----------
    prepared : Prepared
    moves : float64[n_moves]
        Relative; -0.1 is a fall of 10 %. A move of -1 or below leaves the model.
    shifts : float64[n_shifts]
        Annual decimal, parallel. A shift takes a vol no lower than 0.001, or than itself where it was lower.
    years_later : float64[n_times]
        Calendar years, 0 or above; volatility goes by the clock of each expiry. A time that is not in the span of
        `prepare` is prepared for here and now.
    out : float64[n, n_moves, n_shifts, n_times]
        Written, price units; NaN outside the model.
    executor : Executor, optional
    """
    for time, years in enumerate(years_later.tolist()):
        at_time = _at_time(prepared, years, moves.size * shifts.size, executor)
        cells = max(moves.size * shifts.size, 1)
        blocks = [(part, here) for part in at_time.parts for here in _blocks(part.rows.size, cells)]

        def run(block: tuple[Part, slice], time: int = time) -> None:
            part, here = block
            prices = np.empty((here.stop - here.start, moves.size, shifts.size))
            part.reprice(here, moves, shifts, prices)
            out[part.rows.at[here], :, :, time] = prices

        for _ in _spread(run, blocks, executor):
            pass


def imply_into(
    prepared: Prepared,
    price: Floats,
    noise: Floats,
    vol: Floats,
    reason: Reasons,
    executor: Executor | None = None,
) -> None:
    """Find the vol that each price implies, or say why there is none.

    Parameters
    ----------
    prepared : Prepared
        Vols of its class are not read.
    price : float64[n]
        In the currency of the strike.
    noise : float64[n]
        Smallest difference in price that means something, 0 or above; half of it, and the error of the engine, is the
        least time value inverted.
    vol : float64[n]
        Written: annual decimal; NaN where the reason is not OK.
    reason : int8[n]
        Written: codes of `kernels.implied_vol`.
    executor : Executor, optional
    """

    def run(part: Part) -> None:
        at = part.rows.at
        some, why = np.full(at.size, np.nan), np.full(at.size, NOT_FINITE, dtype=np.int8)
        part.imply(price[at], noise[at], some, why)
        vol[at], reason[at] = some, why

    for _ in _spread(run, prepared.parts, executor):
        pass


def _jobs(option_class: OptionClass, choice: Choice) -> Iterator[tuple[Ints, Engine, Setting]]:
    """Rows of each engine and setting, long ones in halves; a table's rows stand together, as do call and put of a strike."""
    for number in np.unique(choice.setting).tolist():
        setting = SETTINGS[number]
        at = np.flatnonzero(choice.setting == number)
        if setting.engine is Engine.TABLE:
            at = at[np.lexsort((option_class.sign[at] > 0.0, option_class.expiry_index[at]))]
        elif setting.engine is Engine.BLACK:
            at = at[
                np.lexsort((option_class.sign[at], option_class.strike[at], option_class.expiry_index[at]))
            ]
        pieces = 2 if at.size >= _HALVED_FROM[setting.engine] else 1
        for piece in np.array_split(at, pieces):
            yield piece, setting.engine, setting


def _at_time(prepared: Prepared, years_later: float, cells: int, executor: Executor | None) -> Prepared:
    if years_later == 0.0:
        return prepared
    for one, years in zip(prepared.later, prepared.demand.span.years_later.tolist(), strict=True):
        if years == years_later:
            return one
    return prepare(
        aged(prepared.option_class, years_later),
        tolerance=prepared.demand.tolerance,
        uses=float(cells),
        executor=executor,
    )


def _blocks(rows: int, cells: int) -> Iterator[slice]:
    """Runs of rows: few, for each costs a call, and short enough that the third cache holds their cells."""
    least, whole = _BLOCK_ROWS
    step = max(_BLOCK_CELLS // cells, least)
    step -= step % whole if step > whole else 0
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def _spread(work: Callable[[Any], Any], items: Iterable[Any], executor: Executor | None) -> Iterable[Any]:
    """Each item's answer, in order."""
    return map(work, items) if executor is None else executor.map(work, items)
