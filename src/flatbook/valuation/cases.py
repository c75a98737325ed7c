"""Options of any kind as columns: a row each, what is wrong with a row, and what an engine stands on.

With `forward` the option is on that forward, discounted at `rate`; coin-settled prices are in coin and their Greeks those
of the value in the strike's currency.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flatbook.model.table import Bools, Floats, Ints
from flatbook.valuation.chain_class import OptionClass

OK = "ok"
AUTO = "auto"
ENGINES = ("black", "boundary", "lattice", "grid")

Texts = NDArray[np.object_]


class Dividend(NamedTuple):
    """A cash dividend: years until it is paid, and how much."""

    years: float
    amount: float


def read_dividends(text: str | None) -> tuple[Dividend, ...] | None:
    """`years:amount;years:amount`, nothing where the text is empty; None where it cannot be read."""
    out = []
    for part in filter(None, (piece.strip() for piece in (text or "").split(";"))):
        years, _, amount = part.partition(":")
        try:
            paid = Dividend(float(years), float(amount))
        except ValueError:
            return None
        if not (0.0 <= paid.years < np.inf and 0.0 <= paid.amount < np.inf):
            return None
        out.append(paid)
    return tuple(out)


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

    @property
    def paying(self) -> Bools:
        """Where cash dividends are paid."""
        return np.array([bool(paid) for paid in self.dividends], dtype=np.bool_)

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


def standing(cases: Cases) -> Cases:
    """Cases on a forward get the spot that an engine stands on; cases on spot get their forward, less escrowed dividends."""
    on_forward = np.isfinite(cases.forward)
    present = np.zeros(cases.strike.size)
    for row in np.flatnonzero(cases.paying).tolist():
        present[row] = sum(
            one.amount * np.exp(-cases.rate[row] * one.years)
            for one in cases.dividends[row]
            if one.years < cases.years[row]
        )
    with np.errstate(over="ignore", invalid="ignore"):  # `wrong_with` and the engines tell such rows
        carried = (cases.spot - present) * np.exp((cases.rate - cases.dividend_yield) * cases.years)
    return replace(
        cases,
        spot=np.where(on_forward, cases.forward, cases.spot),
        forward=np.where(on_forward, cases.forward, carried),
        dividend_yield=np.where(on_forward, cases.rate, cases.dividend_yield),
    )


def class_of(cases: Cases) -> OptionClass:
    """The cases as a class in which every series has an expiry of its own."""
    part, on_forward = standing(cases), np.isfinite(cases.forward)
    with np.errstate(over="ignore", invalid="ignore"):  # as in `standing`
        # spot less escrowed dividends
        held = part.forward * np.exp((part.dividend_yield - part.rate) * part.years)
        discount = np.exp(-part.rate * part.years)
    paid = [one for row in cases.dividends for one in sorted(row)]
    times, amounts = np.array(paid, dtype=np.float64).reshape(-1, 2).T
    ends = np.cumsum([0, *(len(row) for row in cases.dividends)], dtype=np.int64)
    return OptionClass(
        spot=np.where(on_forward | cases.american | cases.spot_model, part.spot, held),
        standing=part.spot,
        forward=part.forward,
        years=part.years,
        discount=discount,
        rate=part.rate,
        dividend_yield=part.dividend_yield,
        forward_fixed=on_forward,
        dividend_rows=np.column_stack((ends[:-1], ends[1:])),
        dividend_years=np.ascontiguousarray(times),
        dividend_amounts=np.ascontiguousarray(amounts),
        expiry_index=np.arange(part.strike.size),
        strike=part.strike,
        sign=part.sign,
        american=part.american,
        vol=part.vol,
        spot_model=part.spot_model,
    )


def asked_engine(cases: Cases) -> Texts:
    """The engine that each row asks for by name, or AUTO; object[n]."""
    return np.array([one or AUTO for one in cases.engine], dtype=object)


def wrong_with(cases: Cases, *, vol_needed: bool) -> Texts:
    """Why each case cannot be valued, or OK; object[n] of words."""
    spot, forward, engine = cases.spot, cases.forward, asked_engine(cases)
    paying, on_forward = cases.paying, np.isfinite(forward)
    falls = paying & cases.spot_model
    black, boundary, lattice, grid, auto = (engine == name for name in (*ENGINES, AUTO))
    checks = (
        (~(black | boundary | lattice | grid | auto), None),
        (np.isfinite(spot) == on_forward, "needs either a spot or a forward"),
        ((spot <= 0.0) | (forward <= 0.0), "spot or forward must be above 0"),
        (~((cases.strike > 0.0) & (cases.strike < np.inf)), "strike must be above 0"),
        (~((cases.years >= 0.0) & (cases.years < np.inf)), "years must be 0 or above"),
        (~np.isfinite(cases.rate), "the rate is missing"),
        (~np.isfinite(cases.dividend_yield), "the dividend yield is no number"),
        (~((cases.vol >= 0.0) & (cases.vol < np.inf)) & vol_needed, "vol must be 0 or above"),
        (np.abs(cases.sign) != 1.0, "right must be call or put"),
        (
            cases.coin & (cases.american | ~on_forward),
            "coin settlement needs a European option on a forward",
        ),
        (paying & on_forward, "cash dividends need a spot"),
        (black & cases.american, "the closed form is for European options"),
        (black & falls, "cash dividends in the spot model have no closed form: say escrowed"),
        (grid & ~cases.spot_model, "the grid lets cash dividends fall from spot: not escrowed"),
        (grid & on_forward, "the grid needs a spot"),
        (lattice & ~cases.american, "the lattice is for American options"),
        (boundary & ~cases.american, "the boundary is for American options"),
        (boundary & paying, "the boundary knows no cash dividends"),
        (lattice & falls, "the lattice knows escrowed cash dividends only: say escrowed"),
    )
    out = np.full(cases.strike.size, OK, dtype=object)
    for wrong, words in reversed(checks):
        for row in np.flatnonzero(wrong).tolist():
            out[row] = words or f"no engine {engine[row]!r}: {', '.join(ENGINES)}"
    return out
