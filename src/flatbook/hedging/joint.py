"""The joint hedge of one underlying's delta in whole lots, and each product alone beside it.

Source: domain reference 4.8 and 4.11; the programme and its exact solution are those of `hedging.related` and
`kernels.hedge_programme`. Several products at once are taken where they beat the best one alone by `_GAIN` of its cost and risk: one order
is worth more than two that do the same.
"""

import math
from dataclasses import dataclass

import numpy as np

from flatbook.hedging.bands import Direction
from flatbook.hedging.cross import basis_deviation_usd
from flatbook.hedging.products import Product, followed, stressed_effectiveness
from flatbook.hedging.working import impact_per_contract2
from flatbook.kernels.hedge_programme import hedges_in_lots
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.parameters import Desk
from flatbook.model.table import Floats, Ints

_GAIN = 0.02
_ROUNDED_TOGETHER = 10  # products whose roundings are all tried
_ANY_VARIANCE = 1e-4  # where no volatility is known: cost decides
_SHORT_OF_TARGET = 0.05  # of a lot, that charges may keep a delta that must go from its target
_NO_LOT = "no whole lot brings the delta nearer to its target"
_NOT_WORTH = "what it would remove is worth less than it costs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Where a delta is to go."""

    gap_usd: float  # from the centre of the band
    target_usd: float  # of the gap, on its side and not beyond it
    band_usd: float
    must: bool  # whatever it costs
    strained: bool  # a limit asks for more than the risk itself is worth


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way to hedge, or one leg of it, in whole lots."""

    symbol: str
    row: int
    quantity: int  # contracts; plus buys
    price: float
    cost_usd: float  # half-spread, fee and impact; a whole spread where it may only be sold passively
    carry_usd: float  # over the holding time, with borrow; below 0 it earns
    basis_deviation_usd: float  # over the holding time; NaN where the underlying has no volatility
    delta_usd: float  # that it brings
    delta_after_usd: float  # with the legs before it
    score_usd: float  # cost plus the price of the risk that is left; least wins
    effectiveness: float  # share of variance that the product removes of what it hedges
    effectiveness_stress: float  # the same in stress; NaN where nobody told
    followed: str  # what its beta and correlation are worth
    why: str = ""  # it lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is traded, and what was considered beside it."""

    legs: tuple[Candidate, ...]
    products: tuple[Product, ...]  # of the legs
    alternatives: tuple[Candidate, ...]
    deviation_before_usd: float
    deviation_after_usd: float
    note: str  # to be told beside the reason
    why_not: str  # nothing is traded


@dataclass(frozen=True, slots=True)
class _Mark:
    """What one trade does."""

    contracts: list[int]
    far: bool  # it leaves the delta outside what it was to come to
    score: float  # what it pays, and the price of the variance that is left
    paid: float  # trading it, and carry that is paid; what is earned left out
    gap: float  # from the centre of the band
    variance: float  # of delta and all bases, USD squared; NaN where it is not known

    @property
    def rank(self) -> tuple[bool, float]:
        """Where the delta comes to its target goes first, then the least score."""
        return self.far, self.score


@dataclass(frozen=True, slots=True, kw_only=True)
class _World:
    """What a trade of each product is measured by."""

    products: tuple[Product, ...]
    aim: Aim
    direction: Direction
    impact: tuple[float, ...]  # USD per contract squared
    unit: float  # variance of a USD of delta over the holding time
    years: float
    told: bool  # whether that is known

    def cost_of(self, j: int, quantity: int) -> float:
        """Of trading one product."""
        return self.products[j].trade_usd(quantity) + self.impact[j] * quantity**2

    def bound(self, product: Product) -> float:
        """Most contracts of a product that may be traded toward the target."""
        return product.most_sold if self.aim.gap_usd > 0.0 else product.most_bought

    def mark(self, contracts: list[int]) -> _Mark:
        """What a trade of these contracts does."""
        left, bases, paid, lot = 0.0, 0.0, 0.0, 0.0
        for j, product in enumerate(self.products):
            quantity, delta = contracts[j], product.delta_usd
            bases += product.basis_share * ((product.held + quantity) * delta) ** 2
            if quantity:
                left += quantity * delta
                cost = self.cost_of(j, quantity)
                paid += cost + max(product.holding_usd(quantity), -cost)
                lot = max(lot, product.lot_usd)
        variance = self.unit * ((self.direction.delta_usd + left) ** 2 + bases)
        near = abs(self.aim.target_usd) + lot if self.aim.must else self.aim.band_usd
        gap = self.aim.gap_usd + left
        return _Mark(
            contracts,
            abs(gap) > near * (1.0 + 1e-9) + 1e-6,
            paid + (0.5 * self.direction.aversion * variance if self.told else 0.0),
            paid,
            gap,
            variance,
        )


def chosen_of(products: tuple[Product, ...], aim: Aim, direction: Direction, desk: Desk) -> Choice:
    """The hedge of `aim`, in whole lots."""
    n = len(products)
    world = _world(products, aim, direction, desk)
    joint, alone = _lots(world, desk)
    nothing = world.mark([0] * n)
    singles = [world.mark(_only(j, alone[j], n)) for j in range(n)]
    best = min(singles, key=lambda mark: mark.rank)
    if n - joint.count(0) > 1:
        together = world.mark(joint)
        best = together if _better(together, best, must=aim.must) else best
    refused = _refused(world, best, nothing)
    if refused:
        return _nothing(refused)
    order = sorted(
        (j for j, q in enumerate(best.contracts) if q),
        key=lambda j: -abs(best.contracts[j]) * products[j].delta_usd,
    )
    legs, delta = [], direction.delta_usd
    for j in order:
        leg = _candidate(world, best, j, delta)
        legs.append(leg)
        delta = leg.delta_after_usd
    lost = sorted(
        (j for j, mark in enumerate(singles) if mark.contracts != best.contracts),
        key=lambda j: singles[j].rank,
    )
    return Choice(
        legs=tuple(legs),
        products=tuple(products[j] for j in order),
        alternatives=tuple(
            _candidate(world, singles[j], j, direction.delta_usd, _why(world, singles[j], best, j))
            for j in lost
        ),
        deviation_before_usd=math.sqrt(nothing.variance),
        deviation_after_usd=math.sqrt(best.variance),
        note=_note(world, best),
        why_not="",
    )


def _nothing(why: str) -> Choice:
    return Choice(
        legs=(),
        products=(),
        alternatives=(),
        deviation_before_usd=math.nan,
        deviation_after_usd=math.nan,
        note="",
        why_not=why,
    )


def _world(products: tuple[Product, ...], aim: Aim, direction: Direction, desk: Desk) -> _World:
    told = direction.unit_variance > 0.0
    impact = tuple(
        one.terms.impact_temporary
        if aim.must
        else impact_per_contract2(one.terms, one.delta_usd, direction.vol, desk.hedging, direction.aversion)
        for one in products
    )
    return _World(
        products=products,
        aim=aim,
        direction=direction,
        impact=impact,
        unit=direction.unit_variance if told else math.nan,
        years=desk.appetite.holding_days / CALENDAR_DAYS,
        told=told,
    )


def _lots(world: _World, desk: Desk) -> tuple[list[int], list[int]]:
    """Contracts of the joint hedge, and of each product alone."""
    products, aim = world.products, world.aim
    n, need = len(products), aim.gap_usd - aim.target_usd
    unit, aversion = world.unit if world.told else _ANY_VARIANCE, world.direction.aversion
    columns = np.empty((6, n))  # buying, selling, most bought, most sold, lot, impact
    share, held = np.zeros(n), np.zeros(n)
    for j, one in enumerate(products):
        d = one.delta_usd
        short = abs(need) > max(one.held, 0) * d
        sale = one.cost_usd + ((one.short_usd + one.borrow_usd) if short else 0.0)
        columns[:, j] = (
            max(one.cost_usd + one.carry_usd, 0.0) / d,
            max(sale - one.carry_usd, 0.0) / d,
            one.most_bought * d,
            one.most_sold * d,
            one.lot_usd,
            world.impact[j] / d**2,
        )
        if world.told:
            share[j], held[j] = one.basis_share, one.held * d
    charge = columns[1] if need > 0.0 else columns[0]
    weight, first = _weight(aim, charge, columns[4], columns[5], aversion * unit)
    # the delta from which the cheapest product's charge, alone, stops at the target
    short_of = need + math.copysign(first / (weight * aversion * unit), need)
    ridge = aversion * unit * desk.hedging.ridge * (weight + share) * (n > 1)
    quadratic = np.full((n, n), weight * aversion * unit)
    quadratic.reshape(-1)[:: n + 1] += aversion * unit * share + ridge + 2.0 * columns[5]
    linear = aversion * unit * (weight * short_of + share * held)
    reach = np.array((aim.gap_usd, _reach(aim, columns[4])))
    joint, alone = hedges_in_lots(
        quadratic,
        linear,
        columns[0],
        columns[1],
        columns[2],
        columns[3],
        columns[4],
        ridge,
        _ROUNDED_TOGETHER,
        reach,
    )
    return _contracts(joint, products), _contracts(alone, products)


def _weight(aim: Aim, charge: Floats, lot: Floats, impact: Floats, risk: float) -> tuple[float, float]:
    """How much more the delta weighs than the basis, and the charge of the cheapest product."""
    cheapest = float(charge.min())
    if not aim.must:
        return 1.0, cheapest
    dearest = float(charge.max()) + 2.0 * float(impact.max()) * abs(aim.gap_usd)
    return max(1.0, dearest / (risk * _SHORT_OF_TARGET * float(lot.min()))), cheapest


def _reach(aim: Aim, lot: Floats) -> float:
    """How near to zero a rounding should bring the delta: within the band, or within half a lot of its centre."""
    return (
        aim.band_usd if aim.target_usd else max(aim.band_usd if not aim.must else 0.0, 0.5 * float(lot.min()))
    )


def _contracts(lots: Ints, products: tuple[Product, ...]) -> list[int]:
    return [count * one.terms.lot for count, one in zip(lots.tolist(), products, strict=True)]


def _only(j: int, quantity: int, n: int) -> list[int]:
    out = [0] * n
    out[j] = quantity
    return out


def _better(together: _Mark, alone: _Mark, *, must: bool) -> bool:
    """Whether several products are worth more than the best one."""
    if together.far != alone.far:
        return alone.far
    if alone.far and must and abs(together.gap) < abs(alone.gap):
        return True
    return together.score < alone.score - _GAIN * abs(alone.score)


def _refused(world: _World, best: _Mark, nothing: _Mark) -> str:
    """Why the best trade is not made; empty where it is."""
    if best.contracts == nothing.contracts:
        least = min(one.lot_usd for one in world.products)
        if all(world.bound(one) < one.terms.lot for one in world.products):
            return "nothing may be traded: bounds and locates leave no lot"
        small = abs(world.aim.gap_usd - world.aim.target_usd) < least
        return _NO_LOT if small else _NOT_WORTH
    if abs(best.gap) >= abs(world.aim.gap_usd):
        return _NO_LOT
    if world.told and best.variance >= nothing.variance:
        return "what the hedge leaves of its own is more than it removes"
    if world.told and not world.aim.strained and best.score >= nothing.score:
        return _NOT_WORTH
    return ""


def _candidate(world: _World, mark: _Mark, j: int, before: float, why: str = "") -> Candidate:
    product, quantity = world.products[j], mark.contracts[j]
    traded, terms = quantity * product.delta_usd, product.terms
    return Candidate(
        symbol=terms.instrument.symbol,
        row=product.row,
        quantity=quantity,
        price=product.price,
        cost_usd=world.cost_of(j, quantity),
        carry_usd=product.holding_usd(quantity),
        basis_deviation_usd=basis_deviation_usd(
            hedged_usd=traded, correlation=terms.correlation, vol=world.direction.vol, years=world.years
        ),
        delta_usd=traded,
        delta_after_usd=before + traded,
        score_usd=mark.score,
        effectiveness=1.0 - product.basis_share,
        effectiveness_stress=stressed_effectiveness(terms),
        followed=followed(terms),
        why=why,
    )


def _why(world: _World, one: _Mark, best: _Mark, j: int) -> str:
    """Why a product alone lost."""
    product = world.products[j]
    if not one.contracts[j]:
        return "no lot of it may be traded" if world.bound(product) < product.terms.lot else _NOT_WORTH
    if one.far and not best.far:
        return f"it would leave {one.gap:,.0f} USD of delta, outside the band"
    dearer = one.paid - best.paid
    riskier = one.score - best.score - dearer
    parts = []
    if dearer > 0.0:
        parts.append(f"it costs {dearer:,.0f} USD more")
    if riskier > 0.0:
        parts.append(f"the risk it leaves is worth {riskier:,.0f} USD more")
    return " and ".join(parts) or "it does the same"


def _note(world: _World, best: _Mark) -> str:
    """What bounds kept from being hedged."""
    if not best.far:
        return ""
    tight = [
        one.terms.instrument.symbol
        for one, quantity in zip(world.products, best.contracts, strict=True)
        if abs(quantity) >= world.bound(one)
    ]
    if not tight:
        return ""
    return (
        f"; {best.gap:,.0f} USD of delta stay outside the band: no more of {', '.join(tight)} may be traded"
    )
