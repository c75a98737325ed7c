"""What an option offset asks: which whole numbers of contracts of some candidates make cost, risk and breaches least.

    cost(x) + aversion / 2 (E + G'x)' S (E + G'x) + breach_usd x weighted breaches

E are the book's factor exposures, G those of one contract of each candidate, S the covariance of the factors over the holding time. A row
is any number that a contract moves by a fixed amount and that has to stay within two levels: a limit on delta, gamma or vega, the P&L of a
slide cell, the P&L of a margin scenario (domain reference 4.12). A breach is told as a share of the row's scale, times its weight; the rows of
one limit are one breach, the largest of theirs.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.instruments import Right
from flatbook.model.table import Floats, Ints

_WIDTH = 1e-3  # of a scale at weight 1: breaches below it are smoothed where sets of legs are sought


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetSeries:
    """What a candidate is, as far as the structures are concerned that it may be part of."""

    name: str
    underlying: str
    shares: float  # of the underlying that one contract is for: the multiplier of an option, 1 of a share
    right: Right | None = None  # None: a share, future or fund
    strike: float = 0.0
    expiry_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OffsetRows:
    """m numbers that have to stay within two levels."""

    names: tuple[str, ...]
    value: Floats  # float64[m] of the book
    per_contract: Floats  # float64[n, m] that one contract of each candidate adds
    low: Floats  # float64[m]; -inf where there is none
    high: Floats  # float64[m]; inf where there is none
    scale: Floats  # float64[m] above 0: a breach is a share of it
    weight: Floats  # float64[m] above 0
    limit: Ints | None = (
        None  # int64[m] which limit a row is of, one weight for each limit; None: each is its own
    )

    @property
    def limits(self) -> Ints:
        """int64[m]: which limit each row is of."""
        return np.arange(self.value.size) if self.limit is None else self.limit


@dataclass(frozen=True, kw_only=True, eq=False)
class OffsetProblem:
    """n candidates, K factors, m rows."""

    series: tuple[OffsetSeries, ...]
    exposure: Floats  # float64[K] of the book
    per_contract: Floats  # float64[n, K] of one contract bought
    covariance: Floats  # float64[K, K] over the holding time
    aversion_per_usd: float
    buy_cost_usd: Floats  # float64[n] per contract: half-spread, fee, impact
    sell_cost_usd: Floats
    most_bought: Ints  # int64[n] contracts, 0 or above
    most_sold: Ints
    lot: Ints  # int64[n] contracts that trade together, 1 or more
    rows: OffsetRows
    legs_max: int
    breach_usd: float  # for a breach of one whole scale at weight 1; far above what any plan costs
    impact_usd: Floats | None = None  # float64[n] per contract squared, 0 or above; None: none

    def __post_init__(self) -> None:
        """Refuse what is not such a problem, with all that is wrong with it."""
        faults = [*self._shape_faults()]
        if not faults:
            faults = [*self._number_faults()]
        if faults:
            msg = f"option offset over {len(self.series)} candidates: " + "; ".join(faults)
            raise InvalidValueError(msg)

    def _shape_faults(self) -> list[str]:
        n, kinds, m = len(self.series), self.exposure.size, len(self.rows.names)
        rows = self.rows
        wanted: dict[str, tuple[Floats | Ints, tuple[int, ...]]] = {
            "exposure": (self.exposure, (kinds,)),
            "per_contract": (self.per_contract, (n, kinds)),
            "covariance": (self.covariance, (kinds, kinds)),
            "buy_cost_usd": (self.buy_cost_usd, (n,)),
            "sell_cost_usd": (self.sell_cost_usd, (n,)),
            "most_bought": (self.most_bought, (n,)),
            "most_sold": (self.most_sold, (n,)),
            "lot": (self.lot, (n,)),
            "impact_usd": (self.impact, (n,)),
            "rows.limit": (rows.limits, (m,)),
            "rows.per_contract": (rows.per_contract, (n, m)),
            **{
                f"rows.{name}": (getattr(rows, name), (m,))
                for name in ("value", "low", "high", "scale", "weight")
            },
        }
        faults = [
            f"{name} is {column.shape} and not {shape}"
            for name, (column, shape) in wanted.items()
            if column.shape != shape
        ]
        names = [one.name for one in self.series]
        if len(set(names)) < len(names):
            faults.append("two candidates have the same name")
        return faults

    def _number_faults(self) -> list[str]:
        rows, faults = self.rows, []
        columns = {
            "exposure": self.exposure,
            "per_contract": self.per_contract,
            "covariance": self.covariance,
            "buy_cost_usd": self.buy_cost_usd,
            "sell_cost_usd": self.sell_cost_usd,
            "impact_usd": self.impact,
            "rows.value": rows.value,
            "rows.per_contract": rows.per_contract,
            "rows.scale": rows.scale,
            "rows.weight": rows.weight,
        }
        for name, column in columns.items():
            unknown = int((~np.isfinite(column)).sum())
            if unknown:
                faults.append(f"{unknown} of {name} are not numbers: leave such candidates and factors out")
        below = [
            name
            for name, column in (("buy_cost_usd", self.buy_cost_usd), ("sell_cost_usd", self.sell_cost_usd),
                                 ("impact_usd", self.impact),
                                 ("most_bought", self.most_bought), ("most_sold", self.most_sold))
            if (column < 0).any()
        ]  # fmt: skip
        if below:
            faults.append(f"{', '.join(below)} must be 0 or above")
        if (self.lot < 1).any():
            faults.append("a lot is 1 contract or more")
        crossed = [name for name, ok in zip(rows.names, rows.low <= rows.high, strict=True) if not ok]
        if crossed:
            faults.append(f"low is above high, or neither is known, in {crossed[:3]}")
        if (rows.scale <= 0.0).any() or (rows.weight <= 0.0).any():
            faults.append("scale and weight of every row must be above 0")
        if not (0.0 <= self.aversion_per_usd < np.inf and 0.0 < self.breach_usd < np.inf):
            faults.append("the aversion must be 0 or above, the price of a breach above 0, both finite")
        if self.legs_max < 0:
            faults.append(f"legs_max must be 0 or above, was {self.legs_max}")
        if not faults:
            faults.extend(self._covariance_faults())
        return faults

    def _covariance_faults(self) -> list[str]:
        scale = float(np.abs(self.covariance).max(initial=0.0))
        if scale and float(np.abs(self.covariance - self.covariance.T).max()) > 1e-9 * scale:
            return ["the covariance is not symmetric"]
        if scale and float(np.linalg.eigvalsh(self.covariance)[0]) < -1e-7 * scale:
            return ["the covariance has a negative eigenvalue: hand in its nearest positive one"]
        return []

    @property
    def impact(self) -> Floats:
        """float64[n], USD per contract squared."""
        return np.zeros(len(self.series)) if self.impact_usd is None else self.impact_usd

    def cost_usd(self, contracts: Ints) -> float:
        """Of trading, int64[n] contracts, plus bought."""
        bought, sold = np.maximum(contracts, 0), np.maximum(-contracts, 0)
        impact = self.impact @ contracts.astype(np.float64) ** 2
        return float(self.buy_cost_usd @ bought + self.sell_cost_usd @ sold + impact)

    def variance(self, contracts: Ints) -> float:
        """Of the book after the trades over the holding time, USD squared."""
        left = self.exposure + contracts @ self.per_contract
        return max(float(left @ self.covariance @ left), 0.0)

    def risk_usd(self, contracts: Ints) -> float:
        """aversion / 2 times that."""
        return 0.5 * self.aversion_per_usd * self.variance(contracts)

    def row_values(self, contracts: Ints) -> Floats:
        """float64[m] after the trades."""
        return np.asarray(self.rows.value + contracts @ self.rows.per_contract)

    def breaches(self, contracts: Ints) -> Floats:
        """By how much each row is outside its levels after the trades, in its own unit, float64[m]."""
        return self.breach_of(self.row_values(contracts))

    def breach_of(self, values: Floats) -> Floats:
        """The same of row values."""
        rows = self.rows
        over = np.maximum(np.maximum(values - rows.high, rows.low - values), 0.0)
        least = 1e-9 * (np.abs(values) + rows.scale)  # the last digits of a sum are no breach
        return np.where(over > least, over, 0.0)

    def shares_of(self, over: Floats) -> Floats:
        """The largest weighted share of each limit's breaches `over`, float64[m], at every row of it, float64[m]."""
        rows = self.rows
        share = over / rows.scale * rows.weight
        if rows.limit is None:
            return np.asarray(share)
        _, of = np.unique(rows.limit, return_inverse=True)
        largest = np.zeros(share.size)
        np.maximum.at(largest, of, share)
        return np.asarray(largest[of])

    def breach(self, contracts: Ints) -> float:
        """The weighted shares by which limits are exceeded after the trades, each limit once."""
        return float(self.shares_of(self.breaches(contracts))[self._once].sum())

    @cached_property
    def _once(self) -> Ints:
        """One row of each limit."""
        return np.asarray(np.unique(self.rows.limits, return_index=True)[1])

    @property
    def row_price_usd(self) -> Floats:
        """float64[m]: USD for a unit of breach."""
        return np.asarray(self.breach_usd * self.rows.weight / self.rows.scale)

    def worth_usd(self, contracts: Ints) -> float:
        """What a plan makes least: cost, risk and the price of breaches."""
        return float(
            self.cost_usd(contracts) + self.risk_usd(contracts) + self.breach_usd * self.breach(contracts)
        )

    @cached_property
    def whole(self) -> "WholeLots":
        """The problem in lots, as the search reads it."""
        return _whole_lots(self)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WholeLots:
    """The same in lots, every row with one level: level + rows x <= 0 or a breach. What it makes least lacks the risk before."""

    quadratic: Floats  # float64[n, n]
    slope: Floats  # float64[n]
    sides: Floats  # float64[2, n] cost of a lot bought and sold
    bounds: Ints  # int64[2, n]
    rows: Floats  # float64[n, r], rows that no trade can bring near their level left out
    level: Floats  # float64[r]
    price: Floats  # float64[r] USD for a unit of breach
    limit: Ints  # int64[r] which limit each row is of
    before_usd: float  # risk of the book as it is
    width_usd: float  # of breach, within which a smoothed one begins


def _whole_lots(problem: OffsetProblem) -> WholeLots:
    lot = problem.lot.astype(np.float64)
    made = problem.per_contract * lot[:, None]
    rows, price = problem.rows, problem.row_price_usd
    bounds = np.array([-(problem.most_sold // problem.lot), problem.most_bought // problem.lot])
    per_lot = rows.per_contract * lot[:, None]
    has_high, has_low = np.isfinite(rows.high), np.isfinite(rows.low)
    slopes = np.concatenate((per_lot[:, has_high], -per_lot[:, has_low]), axis=1)
    level = np.concatenate(((rows.value - rows.high)[has_high], (rows.low - rows.value)[has_low]))
    prices = np.concatenate((price[has_high], price[has_low]))
    limit = np.concatenate((rows.limits[has_high], rows.limits[has_low]))
    most = level + np.maximum(slopes * bounds[0][:, None], slopes * bounds[1][:, None]).sum(axis=0)
    kept = most > 0.0
    quadratic = problem.aversion_per_usd * made @ problem.covariance @ made.T
    quadratic[np.diag_indices(lot.size)] += 2.0 * problem.impact * lot**2
    return WholeLots(
        quadratic=np.ascontiguousarray(quadratic),
        slope=np.ascontiguousarray(problem.aversion_per_usd * made @ (problem.covariance @ problem.exposure)),
        sides=np.array([problem.buy_cost_usd * lot, problem.sell_cost_usd * lot]),
        bounds=bounds,
        rows=np.ascontiguousarray(slopes[:, kept]),
        level=level[kept],
        price=prices[kept],
        limit=limit[kept] if rows.limit is not None else np.arange(int(kept.sum())),
        before_usd=problem.risk_usd(np.zeros_like(problem.lot)),
        width_usd=_WIDTH * problem.breach_usd,
    )
