"""Hedging with several related products at once: least risk plus cost, in USD of each product, and which are worth their cost.

With returns covariance S of the products over the holding time, s their covariance with the book's P&L and v its variance, the hedge h in
USD of each product is the least of

    aversion / 2 (v + 2 h's + h' (S + ridge diag S) h) + buying' h+ + selling' h-      with  -most_sold <= h <= most_bought,

(domain reference 4.11 and 4.12). Buying costs its trade and what holding it long costs, selling its trade less that, neither below 0: carry
that is earned makes a hedge cheaper, but nobody holds more than hedges, or the wrong way round, to earn it. The ridge keeps two products that are nearly one from being held against each other on the strength of a
noisy difference; it is told from the betas' errors by A. Hoerl, R. Kennard, K. Baldwin, Communications in Statistics 4 (1975) 105-123.
Selling may cost more than buying (what must be borrowed), and each may move its price (impact h^2). The solution is exact:
`kernels.hedge_programme`.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.kernels.hedge_programme import best_lots, factors_of, least_cost
from flatbook.model.errors import InvalidValueError
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.table import Floats, Ints

_ROUNDED_TOGETHER = 10  # products whose roundings are all tried: 2^10
_NOT_WORTH = "what it would remove is worth less than it costs"
_CROWDED_OUT = "what it would remove, others remove at less cost"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RelatedProducts:
    """n products that could hedge one book, over one holding time."""

    names: tuple[str, ...]
    covariance: Floats  # float64[n, n] of returns
    with_book: Floats  # float64[n] covariance of the book's P&L in USD with each return
    book_variance: float  # USD squared
    cost: Floats  # float64[n] USD to trade a USD of it: half-spread, fee, impact
    carry: Floats  # float64[n] USD that a USD held long costs over the holding time; below 0 it earns
    most_bought: Floats  # float64[n] USD, 0 or above
    most_sold: Floats  # float64[n] USD, 0 or above
    ridge: float = 0.0  # share of each variance that is added to it
    selling_more: Floats | None = None  # float64[n] USD more that selling a USD costs: what must be borrowed
    impact: Floats | None = None  # float64[n] USD per USD squared that trading it moves its price by

    def __post_init__(self) -> None:
        """Refuse columns that do not fit, and a covariance whose hedge is not one."""
        n = len(self.names)
        extra = tuple(column for column in (self.selling_more, self.impact) if column is not None)
        bounds = (self.cost, self.most_bought, self.most_sold, *extra)
        if self.covariance.shape != (n, n) or any(
            column.shape != (n,) for column in (self.with_book, self.carry, *bounds)
        ):
            msg = f"related products {list(self.names)}: every column needs {n} numbers and the covariance {n} x {n}"
            raise InvalidValueError(msg)
        if not (n > 0 and all(float(each.min()) >= 0.0 for each in bounds) and self.ridge >= 0.0):
            msg = f"related products {list(self.names)}: costs, bounds and ridge must be 0 or above"
            raise InvalidValueError(msg)
        finite = bool(np.isfinite(self.with_book).all())
        if not (finite and factors_of(self.penalised)[1]):
            msg = (
                f"related products {list(self.names)}: the covariance must be finite and positive definite; "
                "leave out a product that is a copy of another, or give a ridge above 0"
            )
            raise InvalidValueError(msg)

    @property
    def penalised(self) -> Floats:
        """float64[n, n]: the covariance with its ridge."""
        out = self.covariance.copy()
        out.reshape(-1)[:: out.shape[0] + 1] *= 1.0 + self.ridge
        return out

    def programme(self, aversion_per_usd: float) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
        """What `kernels.hedge_programme.least_cost` takes: quadratic, linear, both charges, both bounds."""
        quadratic = aversion_per_usd * self.penalised
        if self.impact is not None:
            quadratic.reshape(-1)[:: quadratic.shape[0] + 1] += 2.0 * self.impact
        linear = aversion_per_usd * self.with_book
        return quadratic, linear, self.buying, self.selling, self.most_bought, self.most_sold

    def variance_left(self, hedge_usd: Floats) -> float:
        """Of the book with the hedge, USD squared, without the ridge."""
        h = hedge_usd
        return float(self.book_variance + 2.0 * h @ self.with_book + h @ self.covariance @ h)

    @property
    def buying(self) -> Floats:
        """float64[n]: USD per USD bought that the choice of a hedge reckons with."""
        return np.maximum(self.cost + self.carry, 0.0)

    @property
    def selling(self) -> Floats:
        """float64[n]: the same per USD sold."""
        more = 0.0 if self.selling_more is None else self.selling_more
        return np.maximum(self.cost + more - self.carry, 0.0)

    def worth_usd(self, aversion_per_usd: float, hedge_usd: Floats) -> float:
        """What `least_cost_hedge` makes least: risk with its ridge, and cost."""
        h = hedge_usd
        risk = self.variance_left(h) + self.ridge * float(h**2 @ np.diag(self.covariance))
        return float(
            0.5 * aversion_per_usd * risk
            + self.buying @ np.maximum(h, 0.0)
            + self.selling @ np.maximum(-h, 0.0)
            + (0.0 if self.impact is None else self.impact @ h**2)
        )

    def cost_usd(self, hedge_usd: Floats) -> float:
        """Of trading it and of carrying it over the holding time; below 0 where carry pays for it and more."""
        h = hedge_usd
        total = self.cost @ np.abs(h) + self.carry @ h
        if self.selling_more is not None:
            total += self.selling_more @ np.maximum(-h, 0.0)
        if self.impact is not None:
            total += self.impact @ h**2
        return float(total)


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuLine:
    """One product by itself, and what the joint hedge does with it."""

    name: str
    alone_usd: float  # its own best hedge
    variance_removed: float  # by that, share of the book's
    cost_usd: float  # of that
    removed_per_usd: (
        float  # USD squared of variance per USD of cost; infinite where it costs nothing; 0 for no hedge
    )
    hedge_usd: float  # in the joint hedge
    reason: str  # why not, where it has no part in it; empty otherwise


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RelatedHedge:
    """The joint hedge, and the menu from the most variance removed per cost to the least."""

    hedge_usd: Floats  # float64[n], as the products; plus is bought
    deviation_before_usd: float
    deviation_after_usd: float
    cost_usd: float
    menu: tuple[MenuLine, ...]


def best_hedge(products: RelatedProducts, aversion_per_usd: float) -> RelatedHedge:
    """The hedge of least risk plus cost with all products together, and each alone."""
    joint = least_cost_hedge(products, aversion_per_usd)
    lines = []
    for j, name in enumerate(products.names):
        alone = np.zeros(joint.size)
        alone[j] = _alone(products, aversion_per_usd, j)
        removed = products.book_variance - products.variance_left(alone)
        cost = products.cost_usd(alone)
        reason = "" if joint[j] else (_CROWDED_OUT if alone[j] else _NOT_WORTH)
        lines.append(
            MenuLine(
                name=name,
                alone_usd=float(alone[j]),
                variance_removed=removed / products.book_variance if products.book_variance > 0.0 else 0.0,
                cost_usd=cost,
                removed_per_usd=0.0 if not alone[j] else removed / cost if cost > 0.0 else float("inf"),
                hedge_usd=float(joint[j]),
                reason=reason,
            )
        )
    return RelatedHedge(
        hedge_usd=joint,
        deviation_before_usd=float(np.sqrt(products.book_variance)),
        deviation_after_usd=float(np.sqrt(max(products.variance_left(joint), 0.0))),
        cost_usd=products.cost_usd(joint),
        menu=tuple(sorted(lines, key=lambda line: -line.removed_per_usd)),
    )


def least_cost_hedge(products: RelatedProducts, aversion_per_usd: float) -> Floats:
    """The exact minimum, float64[n] in USD of each product."""
    hedge, ended = least_cost(*products.programme(aversion_per_usd))
    assert ended, f"the active set of a strictly convex programme ends: {products}"
    return np.asarray(hedge)


def _alone(products: RelatedProducts, aversion_per_usd: float, j: int) -> float:
    slope = aversion_per_usd * float(products.with_book[j])
    bought, sold = -slope - float(products.buying[j]), slope - float(products.selling[j])
    bent = aversion_per_usd * float(products.covariance[j, j]) * (1.0 + products.ridge)
    bent += 0.0 if products.impact is None else 2.0 * float(products.impact[j])
    wanted = (max(bought, 0.0) - max(sold, 0.0)) / bent
    return float(np.clip(wanted, -products.most_sold[j], products.most_bought[j]))


def in_lots(
    products: RelatedProducts,
    aversion_per_usd: float,
    hedge_usd: Floats,
    lot_usd: Floats,
    *,
    delta_usd: float = 0.0,
    band_usd: float = float("inf"),
) -> Ints:
    """Lots of each product, near the hedge, of least risk plus cost, int64[n].

    Every rounding down or up toward the hedge's own neighbours is tried where at most ten products take part; with more, the rest rounds
    toward zero. Bounds hold: a lot that passes one is not bought.

    Parameters
    ----------
    products, aversion_per_usd
        As in `best_hedge`.
    hedge_usd : float64[n]
    lot_usd : float64[n]
        USD of one lot, above 0.
    delta_usd, band_usd : float
        Roundings that leave the sum of hedge and delta within the band go before those that do not.
    """
    reach = np.array((delta_usd, band_usd))
    return np.asarray(
        best_lots(*products.programme(aversion_per_usd), hedge_usd, lot_usd, _ROUNDED_TOGETHER, reach)
    )


def ridge_of(beta: Floats, residual_deviation: float, product_deviation: Floats, observations: int) -> float:
    """The ridge share of Hoerl, Kennard and Baldwin: with m standardised betas b, k = m s^2 / (n b'b).

    Parameters
    ----------
    beta, product_deviation : float64[m]
        Of least squares, and of each product's returns.
    residual_deviation : float
        s.
    observations : int
        n.
    """
    standard = beta * product_deviation
    size = observations * float(standard @ standard)
    return float(beta.size * residual_deviation**2 / size) if size > 0.0 else float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class FutureCarry:
    """What holding one future costs against holding what it stands for."""

    delta: float  # units of the underlying's spot that one future moves with: e^{(rate - yield) T}
    implied_rate: float  # annual, continuous, at which the future finances its underlying
    richness: float  # of the future: price over fair price, less 1
    long_cost_per_day: (
        float  # USD per USD held long, above the desk's own financing; below 0 for a cheap future
    )
    roll_cost_per_day: (
        float  # USD per USD held either way: calendar spread and fees over the days between rolls
    )


def future_carry(
    *,
    price: float,
    spot: float,
    years: float,
    rate: float,
    dividend_yield: float,
    roll_cost: float,
    days_between_rolls: float,
) -> FutureCarry:
    """The carry of a future, and of rolling it.

    A long future pays ln(F / S) / T + yield - rate a year more than the desk's own financing of the same shares does; a short one earns it.

    Parameters
    ----------
    price, spot : float
        At the same instant, above 0.
    years : float
        To expiry, above 0.
    rate, dividend_yield : float
        Annual, continuous; the rate at which the desk finances.
    roll_cost : float
        Share of the value: half the spread of the calendar spread and the fees of both legs.
    days_between_rolls : float
        Calendar days, above 0.
    """
    if not (price > 0.0 and spot > 0.0 and years > 0.0 and days_between_rolls > 0.0 and roll_cost >= 0.0):
        msg = (
            f"future carry: price, spot, years and days between rolls must be above 0 and roll_cost not below, "
            f"was {price}, {spot}, {years}, {days_between_rolls} and {roll_cost}"
        )
        raise InvalidValueError(msg)
    implied = float(np.log(price / spot)) / years + dividend_yield
    fair = spot * float(np.exp((rate - dividend_yield) * years))
    return FutureCarry(
        delta=float(np.exp((rate - dividend_yield) * years)),
        implied_rate=implied,
        richness=price / fair - 1.0,
        long_cost_per_day=(implied - rate) / CALENDAR_DAYS,
        roll_cost_per_day=roll_cost / days_between_rolls,
    )


def fund_carry_per_day(*, fund_fee: float, borrow: float) -> tuple[float, float]:
    """USD a day per USD of a fund held long, and held short: its annual fee is paid long and earned short, borrowing is paid short."""
    return fund_fee / CALENDAR_DAYS, (borrow - fund_fee) / CALENDAR_DAYS
