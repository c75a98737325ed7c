"""One call for any list of options: columns in, columns out, the engine chosen by what each option is.

`engines` tells which engine that is and how finely it works for the tolerance that is asked for. Every option is on its
own here: its answer does not depend on what else is in the list.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.kernels import european_tile
from flatbook.model.table import Bools, Floats
from flatbook.valuation.cases import AUTO, ENGINES, OK, Cases, Texts, asked_engine, class_of, wrong_with
from flatbook.valuation.chain import Prepared, choose_engines, imply_into, prepare, value_into
from flatbook.valuation.engines import Engine, with_engine

GREEKS = (
    "price",
    "delta",
    "gamma",
    "vega",
    "theta",
    "rho",
    "vanna",
    "volga",
    "charm",
)  # as `european` orders them
TOLERANCE = 1e-6  # relative to max(price, 1 % of the spot)
NOISE = 1e-10
_ONCE = 1.0
_NAMES = np.array(("black", "boundary", "boundary", "grid", "lattice", "lattice"), dtype=object)  # by Engine
IMPLY_REASONS = np.array(
    (
        OK,
        "below intrinsic value",
        "above its upper bound",
        "time value too small to tell a volatility",
        "expired",
        "not finite",
    ),
    dtype=object,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseValues:
    """One row a case."""

    greeks: (
        Floats  # [len(GREEKS), n] raw units: per 1.00 of vol and rate, per year; NaN where status says why
    )
    engine: Texts
    error_bound: Floats  # of the price, relative to max(price, 1 % of the spot)
    status: Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseVols:
    """One row a case."""

    vol: Floats  # annual decimal; NaN where status says why
    engine: Texts
    status: Texts


def value_cases(cases: Cases, tolerance: float = TOLERANCE) -> CaseValues:
    """Price every case and its Greeks.

    Parameters
    ----------
    cases : Cases
    tolerance : float
        Error of a price that is welcome for speed, relative to max(price, 1 % of the spot). `error_bound` tells where
        an engine's finest setting is coarser than that.

    Returns
    -------
    CaseValues
        Rows in the order of the cases.
    """
    n = cases.strike.size
    greeks, bound, engine = np.full((len(GREEKS), n), np.nan), np.full(n, np.nan), asked_engine(cases)
    status = wrong_with(cases, vol_needed=True)
    rows = np.flatnonzero(status == OK)
    if rows.size:
        prepared = _prepared(cases.take(rows), tolerance)
        out = np.empty((european_tile.COLUMNS, rows.size))
        value_into(prepared, out)
        greeks[:, rows], bound[rows] = out[: len(GREEKS)], prepared.error
        engine[rows] = _NAMES[prepared.choice.engine]
    coin = cases.coin & np.isfinite(greeks[0])
    greeks[0, coin] /= cases.forward[coin]
    lost = ~np.isfinite(greeks[0])
    status[lost & (status == OK)] = "outside the model: no finite value"
    return CaseValues(greeks=greeks, engine=engine, error_bound=np.where(lost, np.nan, bound), status=status)


def imply_cases(cases: Cases, price: Floats, noise: float = NOISE, tolerance: float = TOLERANCE) -> CaseVols:
    """Implied volatility of every price; NaN and the reason where none can be told.

    Parameters
    ----------
    cases : Cases
        `vol` is not read.
    price : float64[n]
        In coin where the case is coin-settled.
    noise : float
        Smallest price step that means something; a time value under half of it tells no volatility.
    tolerance : float
        As for `value_cases`.
    """
    vol, engine = np.full(cases.strike.size, np.nan), asked_engine(cases)
    status = wrong_with(cases, vol_needed=False)
    status[(status == OK) & ~np.isfinite(price)] = "the price is missing"
    rows = np.flatnonzero(status == OK)
    if rows.size:
        some = cases.take(rows)
        prepared = _prepared(some, tolerance)
        coin = np.where(some.coin, some.forward, 1.0)
        found, reason = np.empty(rows.size), np.empty(rows.size, dtype=np.int8)
        imply_into(prepared, price[rows] * coin, noise * coin, found, reason)
        vol[rows], status[rows], engine[rows] = found, IMPLY_REASONS[reason], _NAMES[prepared.choice.engine]
    return CaseVols(vol=vol, engine=engine, status=status)


def _prepared(cases: Cases, tolerance: float) -> Prepared:
    """Good cases with their engines, those asked for by name where somebody did."""
    option_class, asked, pays = class_of(cases), asked_engine(cases), cases.paying
    choice = choose_engines(option_class, tolerance=tolerance, uses=_ONCE)
    for name in ENGINES:
        where: Bools = asked == name
        if name == "lattice":
            choice = with_engine(choice, where & ~pays, Engine.LATTICE)
            choice = with_engine(choice, where & pays, Engine.ESCROWED)
        else:
            choice = with_engine(choice, where, Engine[name.upper()])
    assert (set(asked.tolist()) - {AUTO}) <= set(ENGINES), asked
    return prepare(option_class, tolerance=tolerance, uses=_ONCE, choice=choice)
