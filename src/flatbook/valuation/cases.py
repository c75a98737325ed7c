"""One call for any list of options: columns in, columns out, the engine chosen by what each option is.

European options have a closed form (Black 1976 on the forward). American ones go to their exercise boundary (Andersen, Lake and
Offengenden 2016), or to a lattice where exercise has two boundaries or cash dividends are escrowed; with cash dividends that fall
from spot both go to a finite-difference grid. `ENGINES` names them. With `forward` the option is on that forward, discounted at `rate`; coin-settled
prices are in coin and their Greeks those of the value in the strike's currency.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from flatbook.kernels import american_vol, andersen_lake, black, european, implied_vol
from flatbook.kernels.american_greeks import value_american_greeks
from flatbook.kernels.dividend_grid import ACCURATE, value_cash_dividends
from flatbook.kernels.european import value_european
from flatbook.kernels.european_vol import implied_vol_european
from flatbook.kernels.implied_vol import implied_vol_american
from flatbook.kernels.tree import value_american
from flatbook.model.table import Bools, Floats, Ints

GREEKS = ("price", "delta", "gamma", "vega", "theta", "rho", "vanna", "volga", "charm")
_COLUMN = (
    european.PRICE, european.DELTA, european.GAMMA, european.VEGA, european.THETA, european.RHO, european.VANNA,
    european.VOLGA, european.CHARM,
)  # fmt: skip
_BLACK_COLUMN = (
    black.PRICE, black.DELTA, black.GAMMA, black.VEGA, black.THETA, black.RHO, black.VANNA, black.VOLGA, black.CHARM,
)  # fmt: skip
LATTICE_STEPS = 401
IMPLY_STEPS = 201
OK = "ok"
_VOL_BRACKET = (1e-4, 5.0)
_VOL_TOLERANCE = 1e-9
_SEARCH_ROUNDS = 80
_BOUNDARY_ERROR = 1e-6  # of max(price, 1 % of spot), at the REFERENCE setting
IMPLY_REASONS = (
    OK,
    "below intrinsic value",
    "above its upper bound",
    "time value too small to tell a volatility",
    "expired",
    "not finite",
)


class Dividend(NamedTuple):
    """A cash dividend: years until it is paid, and how much."""

    years: float
    amount: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """n options as columns; NaN where a number is missing."""

    american: Bools
    sign: Floats  # +1 call, -1 put
    spot: Floats  # NaN where the option is on a forward
    forward: Floats  # NaN where the option is on spot
    strike: Floats
    years: Floats
    rate: Floats  # continuous, annual
    dividend_yield: Floats  # continuous, annual; not used with a forward
    vol: Floats  # annual decimal; NaN where it is to be implied
    dividends: tuple[tuple[Dividend, ...], ...]
    spot_model: Bools  # cash dividends fall from spot; otherwise they are escrowed
    coin: Bools
    engine: tuple[str, ...]  # auto, or a name of ENGINES

    def take(self, rows: Ints) -> "Cases":
        """These rows only."""
        return Cases(
            **{name: getattr(self, name)[rows] for name in _ARRAYS},
            dividends=tuple(self.dividends[row] for row in rows.tolist()),
            engine=tuple(self.engine[row] for row in rows.tolist()),
        )


_ARRAYS = (
    "american",
    "sign",
    "spot",
    "forward",
    "strike",
    "years",
    "rate",
    "dividend_yield",
    "vol",
    "spot_model",
    "coin",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseValues:
    """One row a case."""

    greeks: (
        Floats  # [len(GREEKS), n] raw units: per 1.00 of vol and rate, per year; NaN where status says why
    )
    engine: tuple[str, ...]
    status: tuple[str, ...]


def value_cases(cases: Cases) -> CaseValues:
    """Price every case and its Greeks.

    Parameters
    ----------
    cases : Cases

    Returns
    -------
    CaseValues
        Rows in the order of the cases.
    """
    n = cases.strike.size
    greeks = np.full((len(GREEKS), n), np.nan)
    engines = [_engine_of(cases, row) for row in range(n)]
    status = [_wrong_with(cases, row, engines[row], vol_needed=True) for row in range(n)]
    for name, engine in ENGINES.items():
        rows = np.array(
            [row for row in range(n) if engines[row] == name and status[row] == OK], dtype=np.int64
        )
        if rows.size:
            greeks[:, rows] = engine(cases.take(rows))
    coin = cases.coin & np.isfinite(greeks[0])
    greeks[0, coin] /= cases.forward[coin]
    for row in np.flatnonzero(~np.isfinite(greeks[0])).tolist():
        if status[row] == OK:
            status[row] = "outside the model: no finite value"
    return CaseValues(greeks=greeks, engine=tuple(engines), status=tuple(status))


def imply_cases(cases: Cases, price: Floats, noise: float = 1e-10) -> tuple[Floats, tuple[str, ...]]:
    """Implied volatility of every price; NaN and the reason where none can be told.

    Parameters
    ----------
    cases : Cases
        `vol` is not read.
    price : float64[n]
        In coin where the case is coin-settled.
    noise : float
        Smallest price step that means something; a time value under half of it tells no volatility.
    """
    n = cases.strike.size
    vol = np.full(n, np.nan)
    status = [_wrong_with(cases, row, _engine_of(cases, row), vol_needed=False) for row in range(n)]
    status = [
        "the price is missing" if one == OK and not np.isfinite(price[row]) else one
        for row, one in enumerate(status)
    ]
    usable = np.array([one == OK for one in status], dtype=np.bool_)
    plain = np.array([not paid for paid in cases.dividends], dtype=np.bool_) | ~cases.spot_model
    closed = usable & ~cases.american & plain
    rows = np.flatnonzero(closed)
    part = _standing(cases.take(rows))
    worth = price[rows] * np.where(part.coin, part.forward, 1.0)
    discount = np.exp(-part.rate * part.years)
    vol[rows], code = implied_vol_european(
        worth, part.forward, part.strike, part.years, discount, part.sign, np.full(rows.size, noise)
    )
    for row, why in zip(rows.tolist(), code.tolist(), strict=True):
        status[row] = IMPLY_REASONS[why]
    for row in np.flatnonzero(usable & ~closed).tolist():
        one = cases.take(np.array([row]))
        found, why = _IMPLY.get(_engine_of(cases, row), _imply_on_lattice)(one, price[row : row + 1], noise)
        vol[row], status[row] = found, IMPLY_REASONS[why]
    return vol, tuple(status)


def _imply_on_grid(one: Cases, price: Floats, noise: float) -> tuple[float, int]:
    """The volatility at which the grid gives the price, by the Illinois method inside a bracket; it cannot diverge.

    Source: Dowell and Jarratt, "A modified regula falsi method", BIT 11 (1971) 168-174.
    """
    low, high = _VOL_BRACKET
    below, above = (float(_grid(replace(one, vol=np.array([vol])))[0, 0] - price[0]) for vol in (low, high))
    if not (np.isfinite(below) and np.isfinite(above)):
        return float("nan"), implied_vol.NOT_FINITE
    if below >= -0.5 * noise:
        return float("nan"), implied_vol.BELOW_INTRINSIC if below > 0.5 * noise else implied_vol.NO_TIME_VALUE
    if above <= 0.0:
        return float("nan"), implied_vol.ABOVE_BOUND
    for _ in range(_SEARCH_ROUNDS):
        middle = (low * above - high * below) / (above - below)
        miss = float(_grid(replace(one, vol=np.array([middle])))[0, 0] - price[0])
        if abs(miss) <= max(1e-3 * noise, 1e-12 * price[0]) or high - low <= _VOL_TOLERANCE:
            return middle, implied_vol.OK
        if (miss > 0.0) == (above > 0.0):
            high, above, below = middle, miss, below * 0.5
        else:
            low, below, above = middle, miss, above * 0.5
    return middle, implied_vol.OK


def _imply_at_boundary(one: Cases, price: Floats, noise: float) -> tuple[float, int]:
    vol, doubt, why = np.full(1, np.nan), np.full(1, np.nan), np.zeros(1, dtype=np.int8)
    options, least = _options(_standing(one)), np.full(1, noise)
    american_vol.implied_vol_american(
        options, price, least, _BOUNDARY_ERROR, andersen_lake.REFERENCE, vol, doubt, why
    )
    return float(vol[0]), int(why[0])


def _imply_on_lattice(one: Cases, price: Floats, noise: float) -> tuple[float, int]:
    one = _standing(one)
    times, amounts = _dividends(one.dividends[0])
    vol, why = implied_vol_american(
        price,
        one.spot,
        one.strike,
        one.years,
        one.rate,
        one.dividend_yield,
        one.sign,
        np.full(1, noise),
        IMPLY_STEPS,
        times,
        amounts,
    )
    return float(vol[0]), int(why[0])


def _engine_of(cases: Cases, row: int) -> str:
    asked = cases.engine[row] or "auto"
    if asked != "auto":
        return asked
    if cases.dividends[row] and cases.spot_model[row]:
        return "grid"
    if not cases.american[row]:
        return "black"
    return (
        "lattice" if cases.dividends[row] or _has_two_boundaries(cases.take(np.array([row]))) else "boundary"
    )


def _has_two_boundaries(one: Cases) -> bool:
    return bool(andersen_lake.standing_of(_options(_standing(one))[:, 0]) == andersen_lake.TWO_BOUNDARIES)


def _wrong_with(cases: Cases, row: int, engine: str, *, vol_needed: bool) -> str:
    """Why a case cannot be valued, or OK."""
    spot, forward = cases.spot[row], cases.forward[row]
    checks = (
        (engine in ENGINES, f"no engine {engine!r}: {', '.join(ENGINES)}"),
        (np.isfinite(spot) != np.isfinite(forward), "needs either a spot or a forward"),
        (not (spot <= 0.0 or forward <= 0.0), "spot or forward must be above 0"),
        (0.0 < cases.strike[row] < np.inf, "strike must be above 0"),
        (0.0 <= cases.years[row] < np.inf, "years must be 0 or above"),
        (np.isfinite(cases.rate[row]), "the rate is missing"),
        (np.isfinite(cases.dividend_yield[row]), "the dividend yield is no number"),
        (not vol_needed or 0.0 <= cases.vol[row] < np.inf, "vol must be 0 or above"),
        (abs(cases.sign[row]) == 1.0, "right must be call or put"),
        (
            not (cases.coin[row] and (cases.american[row] or not np.isfinite(forward))),
            "coin settlement needs a European option on a forward",
        ),
        (not (cases.dividends[row] and np.isfinite(forward)), "cash dividends need a spot"),
        (not (engine == "black" and cases.american[row]), "the closed form is for European options"),
        (
            not (engine == "black" and cases.dividends[row] and cases.spot_model[row]),
            "cash dividends in the spot model have no closed form: say escrowed",
        ),
        (
            not (engine == "grid" and not cases.spot_model[row]),
            "the grid lets cash dividends fall from spot: not escrowed",
        ),
        (not (engine == "grid" and np.isfinite(forward)), "the grid needs a spot"),
        (
            not (engine in ("lattice", "boundary") and not cases.american[row]),
            f"the {engine} is for American options",
        ),
        (not (engine == "boundary" and cases.dividends[row]), "the boundary knows no cash dividends"),
        (
            not (engine == "lattice" and cases.dividends[row] and cases.spot_model[row]),
            "the lattice knows escrowed cash dividends only: say escrowed",
        ),
    )
    return next((words for holds, words in checks if not holds), OK)


def _standing(cases: Cases) -> Cases:
    """Cases on a forward get the spot that an engine stands on; cases on spot get their forward, less escrowed dividends."""
    on_forward = np.isfinite(cases.forward)
    present = np.array(
        [
            sum(one.amount * np.exp(-rate * one.years) for one in paid if one.years < years)
            for paid, rate, years in zip(cases.dividends, cases.rate, cases.years, strict=True)
        ]
    )
    present = present.reshape(cases.strike.shape)
    carried = (cases.spot - present) * np.exp((cases.rate - cases.dividend_yield) * cases.years)
    columns = {name: getattr(cases, name) for name in _ARRAYS}
    columns |= {
        "spot": np.where(on_forward, cases.forward, cases.spot),
        "forward": np.where(on_forward, cases.forward, carried),
        "dividend_yield": np.where(on_forward, cases.rate, cases.dividend_yield),
    }
    return Cases(**columns, dividends=cases.dividends, engine=cases.engine)


def _black(cases: Cases) -> Floats:
    fixed = np.isfinite(cases.forward)
    part = _standing(cases)
    held = np.where(
        fixed, part.forward, part.forward * np.exp((part.dividend_yield - part.rate) * part.years)
    )  # spot less dividends
    discount = np.exp(-part.rate * part.years)
    raw: Floats = value_european(
        held, part.forward, part.strike, part.years, part.vol, discount, part.sign, fixed
    )
    return raw[list(_COLUMN)]


def _lattice(cases: Cases) -> Floats:
    fixed = np.isfinite(cases.forward)
    part = _standing(cases)
    out = np.empty((len(GREEKS), part.strike.size))
    groups: dict[tuple[Dividend, ...], list[int]] = {}
    for row, paid in enumerate(part.dividends):
        groups.setdefault(paid, []).append(row)
    for paid, members in groups.items():
        at = np.array(members)
        one = part.take(at)
        raw = value_american(
            one.spot,
            one.strike,
            one.years,
            one.vol,
            one.rate,
            one.dividend_yield,
            one.sign,
            LATTICE_STEPS,
            *_dividends(paid),
        )
        out[:, at] = raw[:, list(_BLACK_COLUMN)].T
    rho = GREEKS.index("rho")
    out[rho] = np.where(fixed, -part.years * out[0], out[rho])
    return out


def _options(cases: Cases) -> Floats:
    """Rows as the boundary engine reads them, [7, n]."""
    columns = (cases.spot, cases.strike, cases.years, cases.vol, cases.rate, cases.dividend_yield, cases.sign)
    return np.ascontiguousarray(np.vstack(columns))


def _boundary(cases: Cases) -> Floats:
    part = _standing(cases)
    n = part.strike.size
    out, standing = np.full((black.COLUMNS, n), np.nan), np.zeros(n, dtype=np.int8)
    value_american_greeks(_options(part), andersen_lake.REFERENCE, out, standing)
    greeks = out[list(_BLACK_COLUMN)]
    rho = GREEKS.index("rho")
    greeks[rho] = np.where(np.isfinite(cases.forward), -part.years * greeks[0], greeks[rho])
    return greeks


def _grid(cases: Cases) -> Floats:
    times = np.array([paid.years for row in cases.dividends for paid in sorted(row)], dtype=np.float64)
    amounts = np.array([paid.amount for row in cases.dividends for paid in sorted(row)], dtype=np.float64)
    ends = np.cumsum([len(row) for row in cases.dividends], dtype=np.int64)
    schedule = np.column_stack((np.concatenate((np.zeros(1, dtype=np.int64), ends[:-1])), ends))
    raw: Floats = value_cash_dividends(
        cases.spot, cases.strike, cases.years, cases.vol, cases.rate, cases.dividend_yield, cases.sign,
        cases.american.astype(np.float64), times, amounts, schedule, *ACCURATE,
    )  # fmt: skip
    return raw[:, list(_BLACK_COLUMN)].T


def _dividends(paid: tuple[Dividend, ...]) -> tuple[Floats, Floats]:
    ordered = sorted(paid)
    return np.array([one.years for one in ordered], dtype=np.float64), np.array(
        [one.amount for one in ordered], dtype=np.float64
    )


ENGINES: dict[str, Callable[[Cases], Floats]] = {
    "black": _black,
    "boundary": _boundary,
    "lattice": _lattice,
    "grid": _grid,
}
_IMPLY: dict[str, Callable[[Cases, Floats, float], tuple[float, int]]] = {
    "boundary": _imply_at_boundary,
    "grid": _imply_on_grid,
}
