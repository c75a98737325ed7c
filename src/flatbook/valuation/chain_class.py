"""A class of options as columns: what its expiries share, what each series is, and the same class some time later.

Conventions of scenarios: a series keeps its vol, shifted; the forward moves in proportion to spot; cash dividends stay
in cash and go ex when they were announced. Time passes at unchanged spot: the forward is carried for what is left of
its life, and a dividend that has gone ex no longer pulls it down. Volatility goes by the clock of each expiry.

With constant coefficients time enters an option's price by rate * years, yield * years, vol^2 * years and the share of life at
which a dividend falls, and by nothing else (R. Merton, Bell J. Economics 4 (1973) 141-183: Black's equation with time in other
units). So engines are given variance years, with rates, yields and dividends in the same years: prices are those of the
calendar's carry and the clock's total variance, and what moves vol, as vega, vanna, volga and shifts do, is in vols of the
clock. Within its life the variance of a series falls evenly. `Rows.stretch` takes rho and theta back to calendar years.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from flatbook.kernels import andersen_lake
from flatbook.market.clock import VarianceTime
from flatbook.model.table import Bools, Floats, Ints
from flatbook.valuation.engines import Codes, Engine

_STRETCH_MAX = (
    1e9  # calendar years for one of variance; where a clock stands still, a path is certain long before
)
VOL_FLOOR = 0.001  # a shift takes a vol no lower, or than itself where it was lower: as the kernels do


class Executor(Protocol):
    """What spreads independent rows over threads, such as a ThreadPoolExecutor; its owner is the caller."""

    def map(self, fn: Callable[..., Any], /, *iterables: Iterable[Any]) -> Iterable[Any]:
        """Call `fn` on each item; the answers in order."""


@dataclass(frozen=True, kw_only=True)
class OptionClass:
    """m expiries and n series, of one underlying or of many.

    For each expiry the forward is that of `standing` carried at `rate` less `dividend_yield`, less its dividends: the
    engines assume it. Prices are in the currency of the strike; NaN where something is not known.
    """

    # by expiry, m
    spot: Floats  # what delta refers to
    standing: Floats  # what American engines and grids stand on; the forward where that is the underlying
    forward: Floats
    years: Floats
    discount: Floats
    rate: Floats  # continuous annual decimal
    dividend_yield: (
        Floats  # continuous, left after cash dividends; the rate where the forward is the underlying
    )
    forward_fixed: Bools  # the forward is the underlying: time and rates leave it in place
    dividend_rows: (
        Ints  # int64[m, 2]: the part of the dividends below that each expiry meets, ascending in time
    )
    dividend_years: Floats  # to the ex-dates; those not before expiry do not count
    dividend_amounts: Floats
    # by series, n
    expiry_index: Ints  # -1 where the row is no option: its values are NaN
    strike: Floats
    sign: Floats  # +1 call, -1 put
    american: Bools
    vol: Floats  # annual decimal by the clock of its expiry; NaN where it is to be implied
    spot_model: (
        Bools  # cash dividends fall from spot; otherwise they are escrowed, in `forward` for a European
    )
    variance_time: VarianceTime | None = None  # of the expiries; None: volatility goes by the calendar

    @cached_property
    def pays(self) -> Bools:
        """bool[m]: a cash dividend falls before expiry."""
        first, stop = self.dividend_rows[:, 0, None], self.dividend_rows[:, 1, None]
        at = np.arange(self.dividend_years.size)
        counts = (self.dividend_years > 0.0) & (self.dividend_amounts > 0.0)
        return np.asarray(
            ((at >= first) & (at < stop) & counts & (self.dividend_years < self.years[:, None])).any(axis=1)
        )

    @cached_property
    def stretch(self) -> Floats:
        """float64[m]: calendar years for one year of variance time; 1 where volatility goes by the calendar."""
        if self.variance_time is None:
            return np.ones(self.years.size)
        with np.errstate(divide="ignore", invalid="ignore"):  # no time left is told apart below
            stretch = np.minimum(self.years / self.variance_time.years, _STRETCH_MAX)
        return np.where(self.years > 0.0, stretch, 1.0)

    @cached_property
    def dividends_in_variance_time(self) -> tuple[Floats, Floats, Ints]:
        """Ex-dates at the same share of each life, amounts, and int64[m, 2]: the part that each expiry meets."""
        if (self.stretch == 1.0).all():
            return self.dividend_years, self.dividend_amounts, self.dividend_rows
        first, stop = self.dividend_rows.T
        ends = np.cumsum(np.append(0, stop - first))
        at = np.repeat(first - ends[:-1], stop - first) + np.arange(ends[-1])
        years = self.dividend_years[at] / np.repeat(self.stretch, stop - first)
        return years, self.dividend_amounts[at], np.column_stack((ends[:-1], ends[1:]))

    def of_series(self, by_expiry: Floats) -> Floats:
        """A column of expiries as a column of series, float64[n]; NaN where there is no expiry."""
        known = (self.expiry_index >= 0) & (self.expiry_index < self.years.size)
        return np.asarray(np.append(by_expiry, np.nan)[np.where(known, self.expiry_index, self.years.size)])


def aged(option_class: OptionClass, years_later: float) -> OptionClass:
    """The class some time later at the same spots and vols, by the conventions of this module.

    Parameters
    ----------
    option_class : OptionClass
    years_later : float
        Calendar years, 0 or above; an expiry passed on the way is worth its exercise.

    Returns
    -------
    OptionClass
        The same object where no time passes.
    """
    if years_later == 0.0:
        return option_class
    one = option_class
    years = np.where(one.years >= 0.0, np.maximum(one.years - years_later, 0.0), np.nan)
    later = one.dividend_years - years_later
    with np.errstate(all="ignore"):  # an input outside the model gives NaN, not a warning
        share = np.where(one.years > 0.0, years / one.years, 1.0)
        due = _future_value(one, one.dividend_years)
        grown = (one.forward + due) / one.spot
        carried = one.spot * grown**share - _future_value(replace(one, years=years), later)
        discount = one.discount**share
    carried = np.where(years == 0.0, np.where(one.years > 0.0, one.spot, one.forward), carried)
    return replace(
        one,
        years=years,
        forward=np.where(one.forward_fixed, one.forward, carried),
        discount=discount,
        dividend_years=later,
        variance_time=None if one.variance_time is None else one.variance_time.later(years_later),
    )


def _future_value(one: OptionClass, ex_years: Floats) -> Floats:
    """float64[m]: what the dividends still to come take from each forward at its expiry."""
    out = np.zeros(one.years.size)
    for k, (first, stop) in enumerate(one.dividend_rows.tolist()):
        left = one.years[k] - ex_years[first:stop]
        counts = (ex_years[first:stop] > 0.0) & (left > 0.0)
        grown = one.dividend_amounts[first:stop] * np.exp((one.rate[k] - one.dividend_yield[k]) * left)
        out[k] = grown[counts].sum()
    return out


FAULTS = (
    "",
    "no expiry",
    "no price of the underlying",
    "no forward",
    "time to expiry unknown",
    "no rate",
    "strike not above 0",
    "neither call nor put",
    "no volatility",
    "the model gives no finite value at this strike and volatility",
)


def faults(option_class: OptionClass, price: Floats) -> Codes:
    """Why a series has no price, int8[n] into FAULTS: the first input that is missing, 0 where `price` is finite."""
    one = option_class
    spot = np.where(one.american | one.spot_model, one.of_series(one.standing), one.of_series(one.spot))
    forward = np.where(one.american, 1.0, one.of_series(one.forward))
    rate = one.of_series(one.rate) + one.of_series(one.dividend_yield) * one.american
    holds = (
        (one.expiry_index >= 0) & (one.expiry_index < one.years.size),
        spot > 0.0,
        forward > 0.0,
        one.of_series(one.years) >= 0.0,
        np.isfinite(rate) & np.isfinite(one.of_series(one.discount)),
        one.strike > 0.0,
        np.abs(one.sign) == 1.0,
        one.vol >= 0.0,
    )
    out = np.full(price.size, len(FAULTS) - 1, dtype=np.int8)
    for code in range(len(holds), 0, -1):
        out[~holds[code - 1]] = code
    out[np.isfinite(price)] = 0
    return out


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Some series of a class as columns of their own, k of them, for one engine."""

    at: Ints  # which rows of the class
    expiry: Ints
    stands: Floats  # the spot that the engine stands on
    per_spot: Floats  # how much of it one unit of the reference spot moves
    forward: Floats
    strike: Floats
    years: Floats
    vol: Floats
    discount: Floats
    rate: Floats
    dividend_yield: Floats
    sign: Floats
    american: Floats
    forward_fixed: Bools
    schedule: Ints  # int64[k, 2]
    dividend_years: Floats
    dividend_amounts: Floats
    stretch: Floats  # calendar years for one year of the columns above

    @property
    def size(self) -> int:
        """How many."""
        return self.at.size

    @cached_property
    def terms(self) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats, Ints]:
        """Rate, yield, sign, style and dividends, as the dividend grids read them after the vol."""
        return (
            self.rate, self.dividend_yield, self.sign, self.american,
            self.dividend_years, self.dividend_amounts, self.schedule,
        )  # fmt: skip

    @cached_property
    def boundary_options(self) -> Floats:
        """As the exercise boundary reads them, float64[7, k]."""
        columns = (
            self.stands, self.strike, self.years, self.vol, self.rate, self.dividend_yield, self.sign,
        )  # fmt: skip
        return np.ascontiguousarray(np.vstack(columns))

    def piece(self, here: slice | Ints) -> "Rows":
        """Some of these rows."""
        return replace(self, **{name: getattr(self, name)[here] for name in _BY_ROW})


_BY_ROW = (
    "at", "expiry", "stands", "per_spot", "forward", "strike", "years", "vol", "discount", "rate", "dividend_yield",
    "sign", "american", "forward_fixed", "schedule", "stretch",
)  # fmt: skip


def rows_of(option_class: OptionClass, at: Ints, engine: Engine) -> Rows:
    """Gather the series `at`, int64[k], of a class for one engine."""
    one = option_class
    known = (one.expiry_index[at] >= 0) & (one.expiry_index[at] < one.years.size)
    expiry = np.where(known, one.expiry_index[at], one.years.size)

    def by_expiry(column: Floats) -> Floats:
        return np.append(column, np.nan)[expiry]

    spot, stretch = by_expiry(one.spot), by_expiry(one.stretch)
    years, rate = by_expiry(one.years) / stretch, by_expiry(one.rate) * stretch
    dividend_yield = by_expiry(one.dividend_yield) * stretch
    dividend_years, dividend_amounts, dividend_rows = one.dividends_in_variance_time
    on_forward = ~one.american[at] & (engine == Engine.BLACK)  # the others are carried from where they stand
    stands = np.where(on_forward, spot, by_expiry(one.standing))
    with np.errstate(all="ignore"):  # an input outside the model gives NaN or no finite price, not a warning
        carried = stands * np.exp((rate - dividend_yield) * years)
        discount = np.where(on_forward, by_expiry(one.discount), np.exp(-rate * years))
        per_spot = stands / spot
    return Rows(
        at=at,
        expiry=expiry,
        stands=stands,
        per_spot=per_spot,
        forward=np.where(on_forward, by_expiry(one.forward), carried),
        strike=one.strike[at],
        years=years,
        vol=one.vol[at],
        discount=discount,
        rate=rate,
        dividend_yield=dividend_yield,
        sign=one.sign[at],
        american=one.american[at].astype(np.float64),
        forward_fixed=np.append(one.forward_fixed, False)[expiry],
        schedule=np.vstack((dividend_rows, np.zeros((1, 2), dtype=np.int64)))[expiry],
        dividend_years=dividend_years,
        dividend_amounts=dividend_amounts,
        stretch=stretch,
    )


def shifted_vols(vol: Floats, shifts: Floats) -> Floats:
    """float64[k, n_shifts]: each vol with each shift, not below its floor; NaN where the vol is no vol."""
    floor = np.minimum(vol, VOL_FLOOR)[:, None]
    moved = np.maximum(vol[:, None] + shifts, floor)
    return np.where(vol[:, None] >= 0.0, moved, np.nan)


def scenario_options(rows: Rows, moves: Floats, shifts: Floats) -> Floats:
    """Every cell of every row as an option of its own, float64[7, k * n_moves * n_shifts], in the order of the cells."""
    shape = (rows.size, moves.size, shifts.size)
    options = np.empty((rows.boundary_options.shape[0], *shape))
    options[:] = rows.boundary_options[:, :, None, None]
    options[andersen_lake.SPOT] *= (1.0 + moves)[:, None]
    options[andersen_lake.VOL] = shifted_vols(rows.vol, shifts)[:, None, :]
    return np.ascontiguousarray(options.reshape(options.shape[0], -1))
