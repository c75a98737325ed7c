"""Hedging with several related products at once: least risk plus cost, in USD of each product, and which are worth their cost.

With returns covariance S of the products over the holding time, s their covariance with the book's P&L and v its variance, the hedge h in
USD of each product is the least of

    aversion / 2 (v + 2 h's + h' (S + ridge diag S) h) + buying' h+ + selling' h-      with  -most_sold <= h <= most_bought,

(domain reference 4.11 and 4.12). Buying costs its trade and what holding it long costs, selling its trade less that, neither below 0: carry
that is earned makes a hedge cheaper, but nobody holds more than hedges, or the wrong way round, to earn it. The ridge keeps two products that are nearly one from being held against each other on the strength of a
noisy difference; it is told from the betas' errors by A. Hoerl, R. Kennard, K. Baldwin, Communications in Statistics 4 (1975) 105-123.
The solution is exact: an active set that goes from the best point of one set of signs to the next, each lower than the last
(H. Lee, A. Battle, R. Raina, A. Ng, "Efficient sparse coding algorithms", NIPS 19 (2006), algorithm 1, here with bounds).
"""

from dataclasses import dataclass
from itertools import product as every

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.table import Floats, Ints

_STEPS_MAX = 1000
_SLACK = 1e-10  # of the largest slope, below which a product has nothing to gain
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

    def __post_init__(self) -> None:
        """Refuse columns that do not fit, and a covariance whose hedge is not one."""
        n = len(self.names)
        columns = (self.with_book, self.cost, self.carry, self.most_bought, self.most_sold)
        if self.covariance.shape != (n, n) or any(column.shape != (n,) for column in columns):
            msg = f"related products {list(self.names)}: every column needs {n} numbers and the covariance {n} x {n}"
            raise InvalidValueError(msg)
        bounds = (self.cost, self.most_bought, self.most_sold)
        if not (all(bool((each >= 0.0).all()) for each in bounds) and self.ridge >= 0.0):
            msg = f"related products {list(self.names)}: costs, bounds and ridge must be 0 or above"
            raise InvalidValueError(msg)
        finite = bool(np.isfinite(self.covariance).all() and np.isfinite(self.with_book).all())
        if not (finite and n > 0 and float(np.linalg.eigvalsh(self.penalised).min()) > 0.0):
            msg = (
                f"related products {list(self.names)}: the covariance must be finite and positive definite; "
                "leave out a product that is a copy of another, or give a ridge above 0"
            )
            raise InvalidValueError(msg)

    @property
    def penalised(self) -> Floats:
        """float64[n, n]: the covariance with its ridge."""
        return np.asarray(self.covariance + self.ridge * np.diag(np.diag(self.covariance)))

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
        return np.maximum(self.cost - self.carry, 0.0)

    def worth_usd(self, aversion_per_usd: float, hedge_usd: Floats) -> float:
        """What `least_cost_hedge` makes least: risk with its ridge, and cost."""
        h = hedge_usd
        risk = self.variance_left(h) + self.ridge * float(h**2 @ np.diag(self.covariance))
        return float(
            0.5 * aversion_per_usd * risk
            + self.buying @ np.maximum(h, 0.0)
            + self.selling @ np.maximum(-h, 0.0)
        )

    def cost_usd(self, hedge_usd: Floats) -> float:
        """Of trading it and of carrying it over the holding time; below 0 where carry pays for it and more."""
        return float(self.cost @ np.abs(hedge_usd) + self.carry @ hedge_usd)


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
    """The exact minimum, float64[n] in USD of each product.

    Each round lets the product with most to gain into the set that may move, or out of its bound; the set goes to its best point, or to the
    first product that reaches zero or its bound on the way, which leaves the set.
    """
    quadratic = aversion_per_usd * products.penalised
    linear = aversion_per_usd * products.with_book
    buying, selling = products.buying, products.selling
    n = linear.size
    h, sign = np.zeros(n), np.zeros(n)  # the sign of each product that may move; 0: it stays where it is
    slack = _SLACK * (float(np.abs(linear).max()) + float(products.cost.max()) + 1e-300)
    for _ in range(_STEPS_MAX):
        charge = np.where(sign > 0.0, buying, np.where(sign < 0.0, -selling, 0.0))
        _to_the_best(h, sign, quadratic, linear + charge, products)
        gain, direction = _gains(h, quadratic @ h + linear, products)
        gain[sign != 0.0] = 0.0
        j = int(np.argmax(gain))
        if not gain[j] > slack:
            return h
        sign[j] = np.sign(h[j]) if h[j] else direction[j]
    msg = "the active set of a strictly convex programme ends"
    raise AssertionError(msg, h, products)


def _to_the_best(
    h: Floats, sign: Floats, quadratic: Floats, linear: Floats, products: RelatedProducts
) -> None:
    """Move `h` to the best point of the products with a sign, and take the sign of those that hit zero or a bound."""
    while True:
        moving = np.flatnonzero(sign)
        if moving.size == 0:
            return
        slope = (quadratic @ h + linear)[moving]
        step = np.linalg.solve(quadratic[np.ix_(moving, moving)], -slope)
        bought = sign[moving] > 0.0
        low = np.where(bought, 0.0, -products.most_sold[moving])
        high = np.where(bought, products.most_bought[moving], 0.0)
        wall = np.where(step > 0.0, high, low)
        room = np.where(step != 0.0, (wall - h[moving]) / np.where(step != 0.0, step, 1.0), np.inf)
        first = int(np.argmin(room))
        if room[first] >= 1.0:
            h[moving] += step
            return
        h[moving] += max(float(room[first]), 0.0) * step
        h[moving[first]] = wall[first]
        sign[moving[first]] = 0.0


def _gains(h: Floats, slope: Floats, products: RelatedProducts) -> tuple[Floats, Floats]:
    """What a USD of each product would gain where it can move, and in which direction."""
    up = -slope - np.where(h >= 0.0, products.buying, -products.selling)
    down = slope - np.where(h <= 0.0, products.selling, -products.buying)
    up = np.where(h < products.most_bought, up, 0.0)
    down = np.where(h > -products.most_sold, down, 0.0)
    return np.maximum(np.maximum(up, down), 0.0), np.where(up >= down, 1.0, -1.0)


def _alone(products: RelatedProducts, aversion_per_usd: float, j: int) -> float:
    slope = aversion_per_usd * float(products.with_book[j])
    bought, sold = -slope - float(products.buying[j]), slope - float(products.selling[j])
    wanted = (max(bought, 0.0) - max(sold, 0.0)) / (aversion_per_usd * float(products.penalised[j, j]))
    return float(np.clip(wanted, -products.most_sold[j], products.most_bought[j]))


def in_lots(products: RelatedProducts, aversion_per_usd: float, hedge_usd: Floats, lot_usd: Floats) -> Ints:
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
    """
    exact = hedge_usd / lot_usd
    low = np.trunc(exact).astype(np.int64)
    part = np.flatnonzero(exact != low)
    part = part[np.argsort(-np.abs(lot_usd[part]))][:_ROUNDED_TOGETHER]
    best, least = low, float("inf")
    for chosen in every((0, 1), repeat=part.size):
        lots = low.copy()
        lots[part] += np.sign(exact[part]).astype(np.int64) * np.array(chosen, dtype=np.int64)
        h = lots * lot_usd
        if (h > products.most_bought).any() or (h < -products.most_sold).any():
            continue
        worth = products.worth_usd(aversion_per_usd, h)
        if worth < least:
            best, least = lots, worth
    return np.asarray(best)


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
