"""The engines behind `value_cases` and `imply_cases`: each takes good cases and answers for all of them at once."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flatbook.kernels import american_vol, andersen_lake, black, dividend_grid, european, implied_vol
from flatbook.kernels.american_greeks import value_american_greeks
from flatbook.kernels.dividend_grid import value_cash_dividends
from flatbook.kernels.dividend_vol import implied_vol_cash_dividends
from flatbook.kernels.european import value_european
from flatbook.kernels.european_vol import implied_vol_european
from flatbook.kernels.tree import value_american
from flatbook.model.table import Floats, Ints
from flatbook.valuation.cases import Cases, Dividend, boundary_options, standing

GREEKS = ("price", "delta", "gamma", "vega", "theta", "rho", "vanna", "volga", "charm")
_COLUMN = (
    european.PRICE, european.DELTA, european.GAMMA, european.VEGA, european.THETA, european.RHO, european.VANNA,
    european.VOLGA, european.CHARM,
)  # fmt: skip
_BLACK_COLUMN = (
    black.PRICE, black.DELTA, black.GAMMA, black.VEGA, black.THETA, black.RHO, black.VANNA, black.VOLGA, black.CHARM,
)  # fmt: skip
_RHO = GREEKS.index("rho")
IMPLY_STEPS = 201

Codes = NDArray[np.int8]


class Setting(NamedTuple):
    """How finely an engine works, and how far its price can be off: relative to max(price, 1 % of the spot)."""

    error: float
    size: Any


class Engine(NamedTuple):
    """What an engine can do with good cases."""

    settings: tuple[Setting, ...]  # coarse to fine
    value: Callable[[Cases, Any], Floats]  # float64[len(GREEKS), n]
    imply: Callable[[Cases, Floats, float, Setting], tuple[Floats, Codes]]  # price, noise -> vol, reason

    def setting(self, tolerance: float) -> Setting:
        """The coarsest setting within the tolerance, or the finest there is."""
        return next((one for one in self.settings if one.error <= tolerance), self.settings[-1])


def _black(cases: Cases, _: Any) -> Floats:
    fixed = np.isfinite(cases.forward)
    part = standing(cases)
    spot_less_dividends = np.where(
        fixed, part.forward, part.forward * np.exp((part.dividend_yield - part.rate) * part.years)
    )
    discount = np.exp(-part.rate * part.years)
    raw: Floats = value_european(
        spot_less_dividends, part.forward, part.strike, part.years, part.vol, discount, part.sign, fixed
    )
    return raw[list(_COLUMN)]


def _imply_black(cases: Cases, price: Floats, noise: float, _: Setting) -> tuple[Floats, Codes]:
    part = standing(cases)
    worth = price * np.where(part.coin, part.forward, 1.0)
    steps = noise * np.where(part.coin, part.forward, 1.0)
    discount = np.exp(-part.rate * part.years)
    vol, reason = implied_vol_european(
        worth, part.forward, part.strike, part.years, discount, part.sign, steps
    )
    return vol, reason


def _boundary(cases: Cases, preset: Any) -> Floats:
    part = standing(cases)
    n = part.strike.size
    out, kind = np.full((black.COLUMNS, n), np.nan), np.zeros(n, dtype=np.int8)
    value_american_greeks(boundary_options(part), preset, out, kind)
    return _rho_of_forwards(cases, out[list(_BLACK_COLUMN)])


def _imply_boundary(cases: Cases, price: Floats, noise: float, setting: Setting) -> tuple[Floats, Codes]:
    n = price.size
    vol, doubt, reason = np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, dtype=np.int8)
    options, steps = boundary_options(standing(cases)), np.full(n, noise)
    american_vol.implied_vol_american(options, price, steps, setting.error, setting.size, vol, doubt, reason)
    return vol, reason


def _lattice(cases: Cases, steps: Any) -> Floats:
    part = standing(cases)
    out = np.empty((len(GREEKS), part.strike.size))
    for at, times, amounts in _by_dividends(cases):
        one = part.take(at)
        raw = value_american(
            one.spot, one.strike, one.years, one.vol, one.rate, one.dividend_yield, one.sign, steps, times, amounts
        )  # fmt: skip
        out[:, at] = raw[:, list(_BLACK_COLUMN)].T
    return _rho_of_forwards(cases, out)


def _imply_lattice(cases: Cases, price: Floats, noise: float, _: Setting) -> tuple[Floats, Codes]:
    part = standing(cases)
    vol, reason = np.empty(price.size), np.empty(price.size, dtype=np.int8)
    for at, times, amounts in _by_dividends(cases):
        one = part.take(at)
        vol[at], reason[at] = implied_vol.implied_vol_american(
            price[at], one.spot, one.strike, one.years, one.rate, one.dividend_yield, one.sign,
            np.full(at.size, noise), IMPLY_STEPS, times, amounts,
        )  # fmt: skip
    return vol, reason


def _by_dividends(cases: Cases) -> Iterator[tuple[Ints, Floats, Floats]]:
    """Rows that see the same cash dividends, and these."""
    groups: dict[tuple[Dividend, ...], list[int]] = {}
    for row, paid in enumerate(cases.dividends):
        groups.setdefault(tuple(sorted(paid)), []).append(row)
    for paid, rows in groups.items():
        times, amounts = np.array(paid, dtype=np.float64).reshape(-1, 2).T
        yield np.array(rows), np.ascontiguousarray(times), np.ascontiguousarray(amounts)


def _rho_of_forwards(cases: Cases, greeks: Floats) -> Floats:
    """A rate moves the discount of an option on a forward, not the forward."""
    on_forward = np.isfinite(cases.forward)
    greeks[_RHO] = np.where(on_forward, -cases.years * greeks[0], greeks[_RHO])
    return greeks


def _grid(cases: Cases, size: Any) -> Floats:
    raw: Floats = value_cash_dividends(
        cases.spot, cases.strike, cases.years, cases.vol, *_grid_columns(cases), *size
    )
    return raw[:, list(_BLACK_COLUMN)].T


def _imply_grid(cases: Cases, price: Floats, noise: float, setting: Setting) -> tuple[Floats, Codes]:
    vol, reason = implied_vol_cash_dividends(
        price, cases.spot, cases.strike, cases.years, *_grid_columns(cases),
        np.full(price.size, noise), setting.error, *setting.size,
    )  # fmt: skip
    return vol, reason


def _grid_columns(cases: Cases) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats, Ints]:
    """rate, yield, sign, style, and the dividends with the part of them that each row meets."""
    paid = [one for row in cases.dividends for one in sorted(row)]
    times, amounts = np.array(paid, dtype=np.float64).reshape(-1, 2).T
    ends = np.cumsum([len(row) for row in cases.dividends], dtype=np.int64)
    schedule = np.column_stack((np.concatenate((np.zeros(1, dtype=np.int64), ends[:-1])), ends))
    style = cases.american.astype(np.float64)
    return (
        cases.rate, cases.dividend_yield, cases.sign, style,
        np.ascontiguousarray(times), np.ascontiguousarray(amounts), schedule,
    )  # fmt: skip


ENGINE: dict[str, Engine] = {
    "black": Engine((Setting(1e-12, None),), _black, _imply_black),
    "boundary": Engine(
        (
            Setting(4e-4, andersen_lake.FAST),
            Setting(2e-5, andersen_lake.ACCURATE),
            Setting(2e-6, andersen_lake.REFERENCE),
        ),
        _boundary,
        _imply_boundary,
    ),
    "lattice": Engine((Setting(1e-3, 101), Setting(1e-4, 401)), _lattice, _imply_lattice),
    "grid": Engine(
        (Setting(2e-3, dividend_grid.FAST), Setting(1e-3, dividend_grid.ACCURATE)), _grid, _imply_grid
    ),
}
