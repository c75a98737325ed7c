"""Hedges of direction: per underlying the joint hedge in all that is related to it, of least risk plus cost.

Inside the no-trade band nothing is proposed. Outside, the delta goes to the band's edge; with a strained limit the band halves, and from
ALERT on or in a fast market it goes to the centre (domain reference 4.9 and 8.1); the delta of a trade that looks informed is hedged at
once, whatever the band (E. Sinclair, "Option Trading", 2010, ch. 4). With D the delta, h USD of delta in each product, b its own basis
held, u the variance of a USD of delta, s the share of it that a product does not follow, the hedge is the least of

    aversion / 2 u (w (D + sum h)^2 + sum s (b + h)^2) + charges h + impact h^2,

bases uncorrelated, D taken short of the target by what the cheapest product's charge stops short of it. The weight w is 1, and where the
delta must go as large as it takes to bring it there. What is proposed leaves less risk than before; unless it must, the risk
that it takes away is worth more than its cost.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from flatbook.exposure.aggregate import Exposure
from flatbook.exposure.factors import SPOT
from flatbook.hedging.bands import Direction, band_of
from flatbook.hedging.joint import Aim, Candidate, Choice, chosen_of
from flatbook.hedging.products import Product, products_of
from flatbook.hedging.working import Working, working_of
from flatbook.limits.check import Standing
from flatbook.limits.ladder import Step
from flatbook.market.view import MarketView
from flatbook.model.measures import Measure
from flatbook.model.parameters import Desk, LimitMeasure
from flatbook.model.table import Ints
from flatbook.riskprice.cost import hedges_of
from flatbook.riskprice.price import RiskPrice
from flatbook.valuation.values import Values

DIRECTION = frozenset({LimitMeasure.DELTA_USD, LimitMeasure.GAP_LOSS_USD, LimitMeasure.CAPITAL_USD})
_NO_URGENCY: frozenset[str] = frozenset()
_NONE: Mapping[str, float] = MappingProxyType({})
_NEVER: Mapping[str, int] = MappingProxyType({})
_ALL = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedge:
    """What to do about one underlying's delta."""

    underlying: str
    delta_before_usd: float
    band_usd: float  # half-width; a delta within it is left alone
    target_usd: float
    legs: tuple[Candidate, ...]  # that are traded, the largest first
    alternatives: tuple[Candidate, ...]  # that lost, the best first, each by itself
    schedule: tuple[Working, ...]  # of each leg
    deviation_before_usd: (
        float  # of delta and the bases held, over the holding time; NaN where no volatility is known
    )
    deviation_after_usd: float
    reason: str

    @property
    def chosen(self) -> Candidate | None:
        """The largest leg."""
        return self.legs[0] if self.legs else None

    @property
    def delta_after_usd(self) -> float:
        """Delta once the legs are done."""
        return self.legs[-1].delta_after_usd if self.legs else self.delta_before_usd

    @property
    def cost_usd(self) -> float:
        """Of trading all legs as they are scheduled."""
        return sum(one.expected_cost_usd for one in self.schedule)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Book:
    """One underlying's part of what `propose` is given."""

    name: str
    direction: Direction
    step: Step
    fast: bool
    at_once_usd: float  # of its delta
    unvalued: str


def propose(
    exposure: Exposure,
    price: RiskPrice,
    standing: Standing,
    values: Values,
    market: MarketView,
    desk: Desk,
    *,
    urgent: frozenset[str] = _NO_URGENCY,
    at_once_usd: Mapping[str, float] = _NONE,
    last_hedged_ns: Mapping[str, int] = _NEVER,
) -> tuple[Hedge, ...]:
    """One decision for each underlying that has a delta or a hedge instrument.

    Parameters
    ----------
    exposure, price, standing, values, market, desk
        Of the cycle.
    urgent : frozenset of str
        Underlyings whose market is fast, "" for all.
    at_once_usd : mapping of str to float
        By underlying: delta of new trades that look informed, in the exposure already.
    last_hedged_ns : mapping of str to int
        By underlying: when a hedge of it was last done, for policies by the clock; absent: never.

    Returns
    -------
    tuple of Hedge
        In the order of the table's underlyings.
    """
    held = exposure.quantity.nonzero()[0]
    touched = set(market.table.underlying_of[held].tolist())
    out = []
    for u, name in enumerate(market.table.underlyings):
        if u not in touched and not (hedges_of(desk, name) and exposure.by_underlying[u, Measure.DELTA_USD]):
            continue
        book = _Book(
            name=name,
            direction=direction_of(u, exposure, price, market, desk, last_hedged_ns.get(name)),
            step=standing.worst_of(name, DIRECTION),
            fast=name in urgent or _ALL in urgent,
            at_once_usd=at_once_usd.get(name, 0.0),
            unvalued=_unvalued(exposure, u),
        )
        out.append(_propose_one(book, products_of(name, exposure, values, market, desk), desk))
    return tuple(out)


def trades(hedges: tuple[Hedge, ...], n_rows: int) -> Ints:
    """The proposed trades as contracts by row, int64[n_rows]."""
    out = np.zeros(n_rows, dtype=np.int64)
    for hedge in hedges:
        for leg in hedge.legs:
            out[leg.row] += leg.quantity
    return out


def direction_of(
    u: int, exposure: Exposure, price: RiskPrice, market: MarketView, desk: Desk, last_ns: int | None = None
) -> Direction:
    """What hedge policies see of underlying `u`: its delta is that of least variance, which at a stickiness of 1 is delta."""
    of, aversion = exposure.by_underlying[u], desk.appetite.aversion_per_usd
    variance = float(price.deviation[u, SPOT]) ** 2
    at = u * price.deviation.shape[1] + SPOT
    bend = 2.0 * float(price.value.curvature[at, at])
    delta, least = float(of[Measure.DELTA_USD]), float(price.delta_usd[u])
    return Direction(
        delta_usd=least if math.isfinite(least) and math.isfinite(delta) else delta,
        gamma_usd_per_pct=float(of[Measure.GAMMA_USD_PER_PCT]),
        vanna_usd_per_point=float(of[Measure.VANNA_USD_PER_POINT]),
        spot=float(market.spot[u]),
        vol=float(price.spot_vol[u]),
        cost_rate=float(price.hedge_cost[u]),
        unit_variance=bend / aversion if bend > 0.0 else variance,
        aversion=aversion,
        at_ns=market.now_ns,
        last_ns=last_ns,
    )


def _propose_one(book: _Book, products: tuple[Product, ...], desk: Desk) -> Hedge:
    direction, name = book.direction, book.name
    delta = direction.delta_usd
    if not (math.isfinite(delta) and math.isfinite(direction.spot)):
        return _none(book, math.nan, "delta unknown: the underlying has no price")
    if not products:
        return _none(book, 0.0, f"no hedge instrument with a price is configured for {name}")
    centre = book.step >= Step.ALERT or book.fast
    half_lot = 0.5 * min(one.lot_usd for one in products)
    told = band_of(desk.hedging.policy, direction, desk.hedging, urgent=centre)
    band = max(told.half_width_usd * (0.5 if book.step is Step.NOTIFY else 1.0), half_lot)
    band = half_lot if not math.isfinite(band) and centre else band
    gap = delta - told.centre_usd
    informed = _informed(book.at_once_usd, gap)
    if abs(gap) <= (half_lot if centre else band) and abs(informed) < half_lot:
        return _none(book, band, _inside(told.half_width_usd))
    edge = 0.0 if centre else math.copysign(min(band, abs(gap)), gap)
    at_once = abs(informed) >= half_lot and abs(gap - informed) < abs(edge)
    aim = Aim(
        gap_usd=gap,
        target_usd=gap - informed if at_once else edge,
        band_usd=band,
        must=centre or at_once,
        strained=centre or at_once or book.step is Step.NOTIFY,
    )
    choice = chosen_of(products, aim, direction, desk)
    if not choice.legs:
        return _none(book, band, choice.why_not)
    return _hedge(book, band, aim, choice, desk, _reason(book, aim, informed if at_once else 0.0))


def _informed(at_once_usd: float, gap: float) -> float:
    """The part of the new trades' delta that the book still has: 0 where they brought it down."""
    if not math.isfinite(at_once_usd) or at_once_usd * gap <= 0.0:
        return 0.0
    return math.copysign(min(abs(at_once_usd), abs(gap)), gap)


def _hedge(book: _Book, band: float, aim: Aim, choice: Choice, desk: Desk, reason: str) -> Hedge:
    working = tuple(
        working_of(
            product,
            leg.quantity,
            vol=book.direction.vol,
            hedging=desk.hedging,
            aversion=desk.appetite.aversion_per_usd,
            urgent=aim.must,
        )
        for leg, product in zip(choice.legs, choice.products, strict=True)
    )
    return Hedge(
        underlying=book.name,
        delta_before_usd=book.direction.delta_usd,
        band_usd=band,
        target_usd=book.direction.delta_usd - aim.gap_usd + aim.target_usd,
        legs=tuple(
            replace(leg, cost_usd=way.expected_cost_usd)
            for leg, way in zip(choice.legs, working, strict=True)
        ),
        alternatives=choice.alternatives,
        schedule=working,
        deviation_before_usd=choice.deviation_before_usd,
        deviation_after_usd=choice.deviation_after_usd,
        reason=reason + choice.note + book.unvalued,
    )


def _none(book: _Book, band: float, reason: str) -> Hedge:
    delta = math.nan if math.isnan(band) else book.direction.delta_usd
    return Hedge(
        underlying=book.name,
        delta_before_usd=delta,
        band_usd=band,
        target_usd=delta,
        legs=(),
        alternatives=(),
        schedule=(),
        deviation_before_usd=math.nan,
        deviation_after_usd=math.nan,
        reason=reason if math.isnan(band) else reason + book.unvalued,
    )


def _inside(half_width: float) -> str:
    if math.isinf(half_width):
        return "it is not yet time: the policy hedges at fixed intervals"
    return "inside the no-trade band: the risk is worth less than the cost"


def _unvalued(exposure: Exposure, u: int) -> str:
    bound = float(exposure.bound[u, :, Measure.DELTA_USD].sum())
    return f"; beside it up to {bound:,.0f} USD of delta in series without a value" if bound else ""


def _reason(book: _Book, aim: Aim, informed: float) -> str:
    if informed:
        return f"{informed:,.0f} USD of delta of new trades that look informed are hedged at once, whatever the band"
    if book.step >= Step.ALERT:
        return f"a limit stands at {book.step.name}: hedge to the centre"
    if book.fast:
        return "the market is fast: hedge to the centre"
    if book.step is Step.NOTIFY:
        return "a limit stands at NOTIFY: hedge to the edge of half the band"
    if aim.target_usd == 0.0:
        return "outside the no-trade band: hedge to its centre"
    return "outside the no-trade band: hedge to its edge"
