"""Cross now, or work it: the cheaper of both, its risk counted, and what a hedge that is worked leaves open while it is.

Source: domain reference 4.13; `hedging.execution` has the schedule of Almgren and Chriss. A contract traded within one minute moves
its price by `impact_temporary`, so that with m minutes in a day their temporary impact of a rate of one contract a day is that over m.
The target moves while the hedge is worked: the rate is kappa times what is left to the target of the moment (N. Garleanu, L. Pedersen,
J. Finance 68 (2013) 2309-2340), and the next decision takes what is left as its delta.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

from flatbook.hedging.execution import Impact, even_path_deviation_usd, schedule
from flatbook.hedging.products import Product
from flatbook.model.hedge_terms import HedgeTerms, HedgingTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """How one leg is traded."""

    symbol: str
    minutes: float  # 0: cross now
    trades: tuple[int, ...]  # contracts at equal steps of the minutes, plus buys; one where it is crossed
    kappa_per_minute: (
        float  # share of what is left to the target that is traded each minute; infinite: now, 0: evenly
    )
    expected_cost_usd: float
    deviation_usd: float  # of its cost, for the path that is open
    reason: str

    @property
    def now(self) -> bool:
        """Whether it is crossed."""
        return self.minutes == 0.0


def impact_per_contract2(
    terms: HedgeTerms, delta_usd: float, vol: float, hedging: HedgingTerms, aversion: float
) -> float:
    """USD per contract squared of trading one leg at the better of now and evenly over the horizon, with the risk of the path."""
    now = terms.impact_temporary
    if now == 0.0:
        return 0.0
    minutes = hedging.horizon_minutes
    path = even_path_deviation_usd(traded_usd=delta_usd, vol=vol, years=_years(minutes, hedging))
    step = minutes / hedging.steps
    even = (now - 0.5 * terms.impact_permanent * step) / minutes + 0.5 * terms.impact_permanent
    worked = max(even, 0.0) + 0.5 * aversion * path**2
    return min(now, worked) if math.isfinite(worked) else now


def working_of(
    product: Product, contracts: int, *, vol: float, hedging: HedgingTerms, aversion: float, urgent: bool
) -> Working:
    """How `contracts` of a product are traded.

    Parameters
    ----------
    product : Product
    contracts : int
        Plus buys.
    vol : float
        Annual, of the underlying.
    hedging : HedgingTerms
    aversion : float
        Per USD.
    urgent : bool
        There is no time to work it, unless it may only be sold passively.
    """
    terms, symbol = product.terms, product.terms.instrument.symbol
    cross = product.trade_usd(contracts) + terms.impact_temporary * contracts**2
    if product.passive(contracts):
        return _passive(product, contracts, vol, hedging)
    if urgent or terms.impact_temporary == 0.0 or not vol > 0.0 or hedging.steps == 1:
        why = "there is no time to work it" if urgent else "no impact is told that working it would save"
        return _now(symbol, contracts, cross, why)
    minutes, day = hedging.horizon_minutes, hedging.day_minutes
    impact = Impact(
        half_spread=product.cost_usd,
        permanent=terms.impact_permanent,
        temporary=terms.impact_temporary / day,
    )
    if not impact.temporary > 0.5 * impact.permanent * minutes / hedging.steps / day:
        return _now(symbol, contracts, cross, "what it moves for good outweighs what working it would save")
    plan = schedule(
        units=float(contracts),
        days=minutes / day,
        steps=hedging.steps,
        deviation=product.delta_usd * vol / math.sqrt(hedging.days_per_year),
        impact=impact,
        aversion_per_usd=aversion,
    )
    worked = plan.expected_cost_usd + 0.5 * aversion * plan.deviation_usd**2
    if worked >= cross:
        return _now(
            symbol, contracts, cross, f"working it would cost {worked - cross:,.0f} USD more with its risk"
        )
    return Working(
        symbol=symbol,
        minutes=minutes,
        trades=_in_lots(plan.left.tolist(), terms.lot),
        kappa_per_minute=plan.kappa_per_day / day,
        expected_cost_usd=plan.expected_cost_usd,
        deviation_usd=plan.deviation_usd,
        reason=f"crossing it now would cost {cross - worked:,.0f} USD more, its risk counted",
    )


def _now(symbol: str, contracts: int, cost: float, reason: str) -> Working:
    return Working(
        symbol=symbol,
        minutes=0.0,
        trades=(contracts,),
        kappa_per_minute=math.inf,
        expected_cost_usd=cost,
        deviation_usd=0.0,
        reason=reason,
    )


def _passive(product: Product, contracts: int, vol: float, hedging: HedgingTerms) -> Working:
    minutes, steps = hedging.horizon_minutes, hedging.steps
    left = [contracts * (1.0 - step / steps) for step in range(steps + 1)]
    return Working(
        symbol=product.terms.instrument.symbol,
        minutes=minutes,
        trades=_in_lots(left, product.terms.lot),
        kappa_per_minute=0.0,
        expected_cost_usd=product.trade_usd(contracts)
        + product.terms.impact_temporary * contracts**2 / minutes,
        deviation_usd=even_path_deviation_usd(
            traded_usd=contracts * product.delta_usd, vol=vol, years=_years(minutes, hedging)
        ),
        reason="short sales are restricted: it may only be offered above the bid",
    )


def _years(minutes: float, hedging: HedgingTerms) -> float:
    return minutes / hedging.day_minutes / hedging.days_per_year


def _in_lots(left: list[float], lot: int) -> tuple[int, ...]:
    """Trades in whole lots whose remainders stay nearest to what should be left; the last leaves nothing."""
    rounded = [round(units / lot) * lot for units in left]
    rounded[0] = round(left[0])
    return tuple(before - after for before, after in pairwise(rounded))
