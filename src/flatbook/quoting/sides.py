"""What becomes of each side: quoted, at the legal minimum, or off; by limits, fast markets, protections, halts, the kill switch and duties.

Source: domain reference 8.1. A side whose next lot would reach a hard limit counts as at the limit, but for the one that brings several
breached limits down in sum. Without any duty the desk's own width and size stand in for one until a hard limit; a wing of a
fast market is then off.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.limits.ladder import Step
from flatbook.market.view import MarketView
from flatbook.model.measures import Measure
from flatbook.model.parameters import QuotingRules
from flatbook.model.table import Bools, Floats, Ints
from flatbook.quoting.conditions import Conditions, Withheld
from flatbook.quoting.duties import response_of
from flatbook.quoting.fences import TwoSides
from flatbook.quoting.legal_quotes import Ground, Response, Responses
from flatbook.quoting.strain import Strain
from flatbook.quoting.ticks import NO_PRICE
from flatbook.riskprice.reservation import BID, OFFER
from flatbook.valuation.values import Values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sides:
    """By row."""

    bid_step: Ints  # Step, with what the next lot would reach
    ask_step: Ints
    frozen: Bools  # a protection keeps its quotes away, or it is held back
    withheld: Ints  # Withheld
    killed: Bools
    wing: Bools  # pulled in a fast market
    bid_unknown: Bools  # what a fill would cost is not known
    ask_unknown: Bools
    response: Responses

    @property
    def bid_off(self) -> Bools:
        """No bid, whatever its price."""
        return np.asarray((self.response.bid == Response.OFF) | self.frozen | self.bid_unknown)

    @property
    def ask_off(self) -> Bools:
        """No offer, whatever its price."""
        return np.asarray((self.response.ask == Response.OFF) | self.frozen | self.ask_unknown)

    def shown(self, quote: TwoSides) -> TwoSides:
        """The sides of a quote that are not off."""
        return TwoSides(
            np.where(self.bid_off, NO_PRICE, quote.bid), np.where(self.ask_off, NO_PRICE, quote.ask)
        )

    @property
    def bid_widest(self) -> Bools:
        """At the widest legal width and the least legal size."""
        return np.asarray(self.response.bid == Response.WIDEST)

    @property
    def ask_widest(self) -> Bools:
        """At the widest legal width and the least legal size."""
        return np.asarray(self.response.ask == Response.WIDEST)


def sides_of(
    distance: Floats,
    live: Bools,
    pull: Strain,
    values: Values,
    market: MarketView,
    rules: QuotingRules,
    conditions: Conditions,
) -> Sides:
    """Decide both sides of every series.

    Parameters
    ----------
    distance : float64[2, n]
        Of each side from fair value; infinite where its next lot would reach a hard limit, NaN where nobody knows what it costs.
    live : bool[n]
        Series that have a value.
    pull : Strain
    values, market, rules, conditions
    """
    n = live.size
    none = np.zeros(n, dtype=np.bool_)
    frozen, killed = (each if each.size else none for each in (conditions.frozen, conditions.killed))
    withheld = conditions.withheld if conditions.withheld.size else np.zeros(n, dtype=np.int64)
    frozen = frozen | (withheld != Withheld.NOTHING)
    bid_unknown, ask_unknown = np.isnan(distance[BID]), np.isnan(distance[OFFER])
    bid_hard = (distance[BID] == np.inf) & ~pull.bid_released
    ask_hard = (distance[OFFER] == np.inf) & ~pull.ask_released
    bid_step = np.where(bid_hard, int(Step.HARD), pull.bid_step)
    ask_step = np.where(ask_hard, int(Step.HARD), pull.ask_step)
    wing = _wings(values, market, conditions)
    if not conditions.duties:
        response = _without_duty(bid_step, ask_step, killed, wing)
    else:
        asked = np.where(wing, int(Step.ESCALATE), int(Step.NORMAL))
        response = response_of(
            conditions.duties,
            bid_step=np.maximum(bid_step, asked),
            ask_step=np.maximum(ask_step, asked),
            utilisation=np.maximum(pull.bid_utilisation, pull.ask_utilisation),
            killed=killed,
            gone=frozen | ~live | bid_unknown | ask_unknown,
            horizon_s=rules.duty_horizon_s,
        )
    return Sides(
        bid_step=bid_step,
        ask_step=ask_step,
        frozen=frozen,
        withheld=withheld,
        killed=killed,
        wing=wing,
        bid_unknown=bid_unknown,
        ask_unknown=ask_unknown,
        response=response,
    )


def _without_duty(bid_step: Ints, ask_step: Ints, killed: Bools, wing: Bools) -> Responses:
    off = killed | wing
    wants = np.maximum(bid_step, ask_step) >= Step.ESCALATE
    ground = np.where(wants | wing, int(Ground.NO_DUTY), int(Ground.NOTHING))
    return Responses(
        bid=_response(bid_step, off),
        ask=_response(ask_step, off),
        ground=np.where(killed, int(Ground.KILLED), ground),
        escalated=killed,
    )


def _response(step: Ints, off: Bools) -> Ints:
    out = np.where(step >= Step.ESCALATE, int(Response.WIDEST), int(Response.QUOTED))
    return np.where(off | (step == Step.HARD), int(Response.OFF), out)


def _wings(values: Values, market: MarketView, conditions: Conditions) -> Bools:
    """Series far in or out of the money whose market is fast enough for them to go; what has no delta is none."""
    table, fast = market.table, conditions.fast
    if fast is None or not fast.wings_pulled.any():
        return np.zeros(len(table.instruments), dtype=np.bool_)
    delta = np.abs(values.greeks[:, Measure.DELTA_SHARES]) / table.multiplier
    outside = (delta < fast.delta_below) | (delta > fast.delta_above)
    return np.asarray(table.is_option & outside & fast.wings_pulled[table.underlying_of])
