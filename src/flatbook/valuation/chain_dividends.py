"""Options with cash dividends, on finite-difference grids or escrowed on trees, and those with two exercise boundaries.

A slide on grids costs one solution for each vol, whatever the spots. Where slides come again and again, each series
keeps its worth at a few vols for every spot, and a cell is then read, not solved: see `dividend_slides`. So it is where
vols follow spot, and each cell has one of its own: series are solved at nine vols, and at more while the error that their
prices show is too large.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from flatbook.kernels import dividend_slides, european, implied_vol, tree
from flatbook.kernels.dividend_grid import price_cash_dividends, value_cash_dividends
from flatbook.kernels.dividend_vol import implied_vol_cash_dividends
from flatbook.kernels.scenarios import reprice_american
from flatbook.model.table import Bools, Floats, Ints
from flatbook.valuation.chain_class import Rows, shifted_vols
from flatbook.valuation.chain_parts import Demand, Reasons, Span, by_expiry, copy_black_columns
from flatbook.valuation.engines import Engine, Setting, setting_for

_HALF_GRID = 4.2  # deviations that a grid covers either way, besides the moves
_SMALL_DEVIATION = (
    0.025  # vol * sqrt(years) below which 1 % of spot, not the price, is what an error is held against
)
_WIDTH_MAX = 2.0  # times its own width to which moves may stretch a grid
_FINER_MAX = 8  # times the nodes, where they stretch it more; beyond it every cell is solved
_UNMOVED = np.zeros(1)
_PROFILE_FINER = 2
_SPARE_REACH = 0.05  # log spot that a profile holds beyond the moves, so that it outlives some ticks
_SPARE_VOL = 1.1  # and the ratio of vols beyond the shifts
_PROFILE_VOLS = 16
_PROFILE_RATIO_MAX = 3.6  # of the vols of a series; beyond it sixteen are too few
_PROFILE_ERROR = 6e-4  # of reading between sixteen vols at that ratio, besides the error of the grid
_READING_US = 0.2  # one cell of a profile
_FOLLOWING_VOLS = (9, 17, 33, 65)  # at which a series is solved, each time one between two
_FOLLOWING_TAIL = 2e-4  # of max(price, 1 % of spot): measured error up to which they are enough
FOLLOWING_ERROR = 6e-4  # of reading between them, besides the error of the grid; the largest found is 4.2e-4


class Profiles(NamedTuple):
    """Worth of every series at a few vols and all spots within reach."""

    values: Floats  # float64[k, _PROFILE_VOLS, PROFILE_HEAD + nodes]
    vols: Floats  # float64[k, _PROFILE_VOLS], ascending
    spot: Floats  # float64[k]: around which they reach
    reach: float


@dataclass(frozen=True, kw_only=True)
class GridPart:
    """Cash dividends fall from spot; American or European."""

    rows: Rows
    setting: Setting
    demand: Demand
    profiles: Profiles | None

    @property
    def error(self) -> float:
        """Bound of the error of a price, as `Part` has it."""
        return self.setting.error

    def value(self, out: Floats) -> None:
        """Write the columns, as `Part` has it."""
        rows = self.rows
        nodes, steps = self.setting.size
        columns = (rows.stands, rows.strike, rows.years, rows.vol, *rows.terms)
        if out.shape[0] <= european.VEGA:
            out[:] = price_cash_dividends(*columns, nodes, steps).T[: out.shape[0]]
        else:
            copy_black_columns(value_cash_dividends(*columns, nodes, steps).T, out)

    def reprice(self, here: slice, moves: Floats, shifts: Floats, out: Floats) -> None:
        """Write the prices of the scenarios, as `Part` has it."""
        rows, asked = self.rows.piece(here), np.ones(out.shape[0], dtype=np.bool_)
        if self.profiles is not None:
            out[:], asked = self._read(here, moves, shifts)
        if asked.any():
            out[asked] = _solve_slide(rows.piece(np.flatnonzero(asked)), self.setting.size, moves, shifts)

    def reprice_following(self, moves: Floats, vols: Floats) -> Floats:
        """Prices where each cell has a vol of its own.

        Parameters
        ----------
        moves : float64[m]
            Relative, of spot.
        vols : float64[k, m, v]
            Annual decimals; NaN gives NaN.

        Returns
        -------
        float64[k, m, v]
        """
        rows, size = self.rows, self.setting.size
        if moves.size * vols.shape[2] <= 2 * _FOLLOWING_VOLS[0]:
            return _solve_each(rows, size, moves, vols)
        return _solve_following(rows, size, moves, vols)

    def _read(self, here: slice, moves: Floats, shifts: Floats) -> tuple[Floats, Bools]:
        """Prices from the profiles, and which rows they do not cover."""
        assert self.profiles is not None, "no profiles are kept"
        kept, rows = self.profiles, self.rows
        spots = rows.stands[here, None] * (1.0 + moves)
        wanted = shifted_vols(rows.vol[here], shifts)
        vols = kept.vols[here]
        slack = 1e-12 * vols[:, -1]
        inside = (wanted.min(axis=1) >= vols[:, 0] - slack) & (wanted.max(axis=1) <= vols[:, -1] + slack)
        with np.errstate(divide="ignore", invalid="ignore"):
            away = np.abs(np.log(spots / kept.spot[here, None])).max(axis=1)
        inside &= away <= kept.reach * (1.0 + 1e-12)
        cells = dividend_slides.evaluate_profiles(kept.values[here], vols, spots, wanted)
        return cells, ~inside | np.isnan(cells).any(axis=(1, 2))

    def imply(self, price: Floats, noise: Floats, vol: Floats, reason: Reasons) -> None:
        """Write vols and reasons, as `Part` has it."""
        rows = self.rows
        nodes, steps = self.setting.size
        vol[:], reason[:] = implied_vol_cash_dividends(
            price, rows.stands, rows.strike, rows.years, *rows.terms, noise, self.setting.error, nodes, steps
        )

    def refreshed(self, rows: Rows) -> "GridPart":
        """Profiles stay while they cover the spots and vols of the span."""
        profiles = self.profiles
        if profiles is not None and not self._still_holds(rows):
            profiles = _keep_profiles(rows, self.demand)
        return replace(self, rows=rows, profiles=profiles)

    def _still_holds(self, rows: Rows) -> bool:
        """Whether the profiles serve the new spots and vols, the rest being as it was."""
        assert self.profiles is not None, "no profiles are kept"
        old, kept = self.rows, self.profiles
        same = all(
            np.array_equal(getattr(old, name), getattr(rows, name), equal_nan=True)
            for name in ("strike", "years", "rate", "dividend_yield", "dividend_years", "dividend_amounts")
        )
        low, high, fits = _vol_range(rows, self.demand.span)
        with np.errstate(divide="ignore", invalid="ignore"):
            away = np.abs(np.log(rows.stands / kept.spot)) + self.demand.span.reach
        covered = (low >= kept.vols[:, 0]) & (high <= kept.vols[:, -1]) & (away <= kept.reach)
        return bool(same and covered[fits].all())


def _solve_following(rows: Rows, size: tuple[int, ...], moves: Floats, vols: Floats) -> Floats:
    """Each series at a few vols of its range and all moves; between them a polynomial, while it shows no large error."""
    out = np.full(vols.shape, np.nan)
    low, high = vols.min(axis=(1, 2)), vols.max(axis=(1, 2))
    left = np.flatnonzero(np.isfinite(low))
    spots = rows.stands[:, None] * (1.0 + moves)
    prices = np.empty((left.size, 0, moves.size))
    for count in _FOLLOWING_VOLS:
        nodes = dividend_slides.root_vol_nodes(low[left], high[left], count)
        fresh = slice(1, None, 2) if prices.shape[1] else slice(None)
        merged = np.empty((left.size, count, moves.size))
        merged[:, ::2] = prices if prices.shape[1] else np.nan
        merged[:, fresh] = _solve_vols(rows.piece(left), size, moves, nodes[:, fresh]).transpose(0, 2, 1)
        scale = np.maximum(merged[:, 0], 0.01 * spots[left])
        told = ~(dividend_slides.error_between_vols(merged) > _FOLLOWING_TAIL * scale).any(axis=1)
        done = left[told]
        read = dividend_slides.read_between_vols(merged[told], nodes[told], vols[done])
        out[done] = np.maximum(read, _least(rows.piece(done), spots[done])[:, :, None])
        left, prices = left[~told], merged[~told]
    if left.size:
        out[left] = _solve_each(rows.piece(left), size, moves, vols[left])
    return out


def _least(rows: Rows, spots: Floats) -> Floats:
    """What exercise gives where it is open, and never less than nothing, float64[k, m]."""
    gain = rows.sign[:, None] * (spots - rows.strike[:, None])
    return np.where(rows.american[:, None] > 0.0, np.maximum(gain, 0.0), 0.0)


def _solve_each(rows: Rows, size: tuple[int, ...], moves: Floats, vols: Floats) -> Floats:
    """Every cell on a grid of its own."""
    nodes, steps = size
    each = rows.piece(np.repeat(np.arange(rows.size), moves.size * vols.shape[2]))
    spots = np.repeat((rows.stands[:, None] * (1.0 + moves)).reshape(-1), vols.shape[2])
    raw = price_cash_dividends(spots, each.strike, each.years, vols.reshape(-1), *each.terms, nodes, steps)
    return np.asarray(raw[:, european.PRICE].reshape(vols.shape))


def _solve_slide(rows: Rows, size: tuple[int, ...], moves: Floats, shifts: Floats) -> Floats:
    """Prices of every move and shift, float64[k, m, v]."""
    return _solve_vols(rows, size, moves, shifted_vols(rows.vol, shifts))


def _solve_vols(rows: Rows, size: tuple[int, ...], moves: Floats, vols: Floats) -> Floats:
    """One solution for each series and vol, float64[k, v], tells all its moves; with more nodes where these reach far for it."""
    k, v = vols.shape
    each = replace(rows.piece(np.repeat(np.arange(k), v)), vol=vols.reshape(-1))
    width = _width(_reach_of(moves), each)
    finer = np.exp2(np.ceil(np.log2(np.maximum(np.nan_to_num(width, nan=1.0) / _WIDTH_MAX, 1.0))))
    out = np.empty((k * v, moves.size))
    nodes, steps = size
    for factor in np.unique(finer).tolist():
        at = np.flatnonzero(finer == factor)
        some = each.piece(at)
        if factor > _FINER_MAX:
            out[at] = _solve_cells(some, size, moves)
        else:
            out[at] = dividend_slides.reprice_cash_dividends(
                some.stands, some.strike, some.years, some.vol, *some.terms, nodes * int(factor), steps, moves, _UNMOVED
            )[:, :, 0]  # fmt: skip
    return np.asarray(out.reshape(k, v, moves.size).transpose(0, 2, 1))


def _solve_cells(rows: Rows, size: tuple[int, ...], moves: Floats) -> Floats:
    nodes, steps = size
    each = rows.piece(np.repeat(np.arange(rows.size), moves.size))
    spots = (rows.stands[:, None] * (1.0 + moves)).reshape(-1)
    raw = price_cash_dividends(spots, each.strike, each.years, each.vol, *each.terms, nodes, steps)
    return np.asarray(raw[:, european.PRICE].reshape(rows.size, moves.size))


def _reach_of(moves: Floats) -> float:
    return Span(moves=moves, shifts=_UNMOVED, years_later=_UNMOVED).reach


def _width(reach: float, rows: Rows) -> Floats:
    """How many times wider the moves make the grid of each series than its error allows for; infinite without vol."""
    with np.errstate(all="ignore"):
        deviation = rows.vol * np.sqrt(rows.years)
        allowed = np.sqrt(deviation * np.maximum(deviation, _SMALL_DEVIATION))
        return np.asarray((reach / _HALF_GRID + deviation) / allowed)


def prepare_grid(rows: Rows, setting: Setting, demand: Demand) -> GridPart:
    """Keep profiles where slides will be asked often enough, and coarsely enough, to pay for them."""
    kept = _profiles_pay(setting, demand)
    return GridPart(
        rows=rows, setting=setting, demand=demand, profiles=_keep_profiles(rows, demand) if kept else None
    )


def _profile_setting(demand: Demand) -> Setting:
    return setting_for(Engine.GRID, demand.tolerance - _PROFILE_ERROR)


def _profiles_pay(setting: Setting, demand: Demand) -> bool:
    moves, shifts = demand.span.moves.size, demand.span.shifts.size
    fine = _profile_setting(demand)
    if moves == 0 or shifts == 0 or fine.error + _PROFILE_ERROR > demand.tolerance:
        return False
    saved = shifts * (setting.effort_us - _READING_US * moves)  # by each slide
    return demand.uses / (moves * shifts) * saved > _PROFILE_VOLS * _PROFILE_FINER * fine.effort_us


def _vol_range(rows: Rows, span: Span) -> tuple[Floats, Floats, Bools]:
    """Lowest and highest vol of each series in the span, and whether a profile can hold them and a little more."""
    wanted = shifted_vols(rows.vol, span.shifts)
    low, high = wanted.min(axis=1), wanted.max(axis=1)
    width = _width(span.reach + _SPARE_REACH, replace(rows, vol=low / _SPARE_VOL))
    fits = (
        (low > 0.0)
        & (high * _SPARE_VOL**2 <= _PROFILE_RATIO_MAX * low)
        & (width <= _PROFILE_FINER * _WIDTH_MAX)
    )
    return low, high, fits


def _keep_profiles(rows: Rows, demand: Demand) -> Profiles:
    """Series whose vols are too far apart get none: theirs are NaN."""
    low, high, fits = _vol_range(rows, demand.span)
    low, high = low / _SPARE_VOL, high * _SPARE_VOL
    vols = dividend_slides.vol_nodes(np.where(fits, low, 1.0), np.where(fits, high, 2.0), _PROFILE_VOLS)
    vols[~fits] = np.nan
    reach = demand.span.reach + _SPARE_REACH
    nodes, steps = _profile_setting(demand).size
    values = dividend_slides.profile_cash_dividends(
        rows.stands, rows.strike, rows.years, vols, *rows.terms, _PROFILE_FINER * nodes, steps, reach
    )
    return Profiles(values=values, vols=vols, spot=rows.stands, reach=reach)


@dataclass(frozen=True, kw_only=True)
class LatticePart:
    """A pair of trees for each option; cash dividends, where there are any, are escrowed."""

    rows: Rows
    setting: Setting

    @property
    def error(self) -> float:
        """Bound of the error of a price, as `Part` has it."""
        return self.setting.error

    def value(self, out: Floats) -> None:
        """Write the columns, as `Part` has it."""
        (steps,) = self.setting.size
        for at, one, dividends in self._by_expiry(np.arange(self.rows.size)):
            raw = tree.value_american(
                one.stands, one.strike, one.years, one.vol, one.rate, one.dividend_yield, one.sign, steps, *dividends
            )  # fmt: skip
            some = np.empty((out.shape[0], at.size))
            copy_black_columns(raw.T, some)
            out[:, at] = some

    def reprice(self, here: slice, moves: Floats, shifts: Floats, out: Floats) -> None:
        """Write the prices of the scenarios, as `Part` has it."""
        start = here.start or 0
        (steps,) = self.setting.size
        for at, one, dividends in self._by_expiry(np.arange(self.rows.size)[here]):
            out[at - start] = reprice_american(
                one.stands, one.strike, one.years, one.vol, one.rate, one.dividend_yield, one.sign,
                steps, *dividends, moves, shifts,
            )  # fmt: skip

    def imply(self, price: Floats, noise: Floats, vol: Floats, reason: Reasons) -> None:
        """Write vols and reasons, as `Part` has it."""
        (steps,) = self.setting.size
        for at, one, dividends in self._by_expiry(np.arange(self.rows.size)):
            vol[at], reason[at] = implied_vol.implied_vol_american(
                price[at], one.stands, one.strike, one.years, one.rate, one.dividend_yield, one.sign, noise[at],
                steps, *dividends,
            )  # fmt: skip

    def refreshed(self, rows: Rows) -> "LatticePart":
        """Nothing is kept."""
        return replace(self, rows=rows)

    def _by_expiry(self, among: Ints) -> Iterator[tuple[Ints, Rows, tuple[Floats, Floats]]]:
        """Positions of the rows of each expiry, these rows, and the dividends that they share."""
        for group in by_expiry(self.rows.piece(among)):
            at = among[group]
            first, stop = self.rows.schedule[at[0]].tolist()
            dividends = self.rows.dividend_years[first:stop], self.rows.dividend_amounts[first:stop]
            yield at, self.rows.piece(at), dividends


def prepare_lattice(rows: Rows, setting: Setting, demand: Demand) -> LatticePart:
    """Nothing to prepare."""
    assert demand.uses > 0.0, demand
    return LatticePart(rows=rows, setting=setting)
