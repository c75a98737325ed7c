"""One call for any list of options: columns in, columns out, the engine chosen by what each option is.

European options have a closed form (Black 1976 on the forward). American ones go to their exercise boundary (Andersen, Lake and
Offengenden 2016), or to a lattice where exercise has two boundaries or cash dividends are escrowed; with cash dividends that fall
from spot both go to a finite-difference grid. How finely each works follows from the tolerance that is asked for.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.model.table import Bools, Floats
from flatbook.valuation.case_engines import ENGINE, GREEKS
from flatbook.valuation.cases import OK, Cases, Texts, engines_of, wrong_with

TOLERANCE = 1e-6  # relative to max(price, 1 % of the spot)
NOISE = 1e-10
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
    greeks, bound = np.full((len(GREEKS), n), np.nan), np.full(n, np.nan)
    engine = engines_of(cases)
    status = wrong_with(cases, engine, vol_needed=True)
    for name, one in ENGINE.items():
        rows = np.flatnonzero((engine == name) & (status == OK))
        if rows.size:
            setting = one.setting(tolerance)
            greeks[:, rows], bound[rows] = one.value(cases.take(rows), setting.size), setting.error
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
    vol = np.full(cases.strike.size, np.nan)
    engine = engines_of(cases)
    status = wrong_with(cases, engine, vol_needed=False)
    status[(status == OK) & ~np.isfinite(price)] = "the price is missing"
    good: Bools = status == OK
    for name, one in ENGINE.items():
        rows = np.flatnonzero((engine == name) & good)
        if rows.size:
            vol[rows], reason = one.imply(cases.take(rows), price[rows], noise, one.setting(tolerance))
            status[rows] = IMPLY_REASONS[reason]
    return CaseVols(vol=vol, engine=engine, status=status)
