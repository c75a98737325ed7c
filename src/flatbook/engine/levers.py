"""The levers of a desk, each by itself and all together: what each costs, what risk and which limits it leaves.

The measure is cost plus the price of the risk that is left. Without quotes that is aversion / 2 times the variance of the factor model
over the holding time. With quotes it is E'AE of the value function, in which the flow that the desk expects (`[[flow]]`) takes inventory
back at leaned quotes: risk on the way and what leaning gives up are both in it. The reaction of limits is not, nor is what one-sided flow and
the desk's own view promise (B'E), which would pay for inventory and reduce none.
A is never more than aversion / 2 times the covariance, and the joint plan may trade whatever each lever may: it can only lose to one of
them by what its whole lots miss, or by the limits that it keeps and they do not. Source: domain reference 4.5, 4.8, 4.12.
"""

from dataclasses import dataclass, replace

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.engine.measure import Basis, Measurement, measure, reaching, stand
from flatbook.engine.offsets import Offset, offset_of
from flatbook.hedging import propose as hedging
from flatbook.hedging.offset_candidates import answered
from flatbook.hedging.propose import Hedge
from flatbook.limits.check import Standing
from flatbook.limits.state import LimitsState
from flatbook.margin.capital import marginal_of
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.table import Floats, Ints
from flatbook.quoting import propose as quoting
from flatbook.quoting.ticks import NO_PRICE
from flatbook.riskprice.desk_charges import charges_of
from flatbook.riskprice.desk_flow import desk_flow
from flatbook.riskprice.hedge_directions import directions_of
from flatbook.riskprice.intensity import fills_per_year
from flatbook.riskprice.price import risk_price
from flatbook.riskprice.riccati import SeriesFactors, Terms, ValueFunction, value_without_flow
from flatbook.valuation.values import usd_per_quote

_ALL = frozenset({""})  # underlyings whose market is fast: each of them


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lever:
    """One way to bring risk down, and the book once it is done."""

    name: str
    trades: Ints  # int64[n_rows] contracts traded at once, plus bought
    expected: Floats  # float64[n_rows] contracts to expect at the quotes of the moment over the holding time
    cost_usd: float  # of trading
    risk_usd: float  # price of what is left
    traded: Measurement  # the book once the trades are done
    standing: Standing  # of that book
    note: str

    @property
    def total_usd(self) -> float:
        """What a desk makes least."""
        return self.cost_usd + self.risk_usd

    @property
    def breached(self) -> int:
        """Limits at or beyond their hard level, once the trades are done."""
        return sum(not one.utilisation < 1.0 for one in self.standing.limits)

    @property
    def worst_utilisation(self) -> float:
        """Of all limits; NaN where one is not known."""
        used = [one.utilisation for one in self.standing.limits]
        return float(np.max(used)) if used else 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Levers:
    """Every lever alone, and the joint plan last."""

    levers: tuple[Lever, ...]
    offset: Offset  # behind the joint plan
    flow_expected: bool  # the desk expects customers, so that quotes can work

    def named(self, name: str) -> Lever:
        """One of them."""
        return next(one for one in self.levers if one.name == name)


NOTHING, DELTA_ONLY, PROXY, OPTIONS, QUOTES, JOINT = (
    "nothing", "delta only", "underlying or proxy", "options", "quotes", "joint plan",
)  # fmt: skip


def levers_of(cycle: Cycle, limits: LimitsState) -> Levers:
    """Compare the levers on the book of a cycle.

    Parameters
    ----------
    cycle : Cycle
    limits : LimitsState
        As the cycle read them.
    """
    desk = _Desk(cycle, limits)
    names = desk.touched()
    options = offset_of(cycle.held, cycle.standing, cycle.basis, names)
    only = _without_hedges(options, cycle)
    joint = (
        options
        if desk.still
        else offset_of(cycle.held, cycle.standing, cycle.basis, names, cycle.price.value.curvature)
    )
    plans: tuple[tuple[str, Ints, float, bool, str], ...] = (
        (NOTHING, desk.none(), 0.0, False, "the book as it is"),
        (DELTA_ONLY, *desk.delta_only(), False, "every delta to zero"),
        (PROXY, *desk.proposed(), False, "; ".join(hedge.reason for hedge in cycle.hedges)),
        (OPTIONS, *desk.of_plan(only), False, only.plan.status),
        (QUOTES, desk.none(), 0.0, True, desk.flow_note()),
        (JOINT, *desk.of_plan(joint), True, joint.plan.status),
    )
    return Levers(
        levers=tuple(desk.lever(*plan) for plan in plans),
        offset=joint,
        flow_expected=not desk.still,
    )


def _without_hedges(offset: Offset, cycle: Cycle) -> Offset:
    """The same question with options alone."""
    option = cycle.table.is_option[offset.question.rows]
    most = np.stack((offset.question.problem.most_bought, offset.question.problem.most_sold)) * option
    problem = replace(offset.question.problem, most_bought=most[0], most_sold=most[1])
    question = replace(offset.question, problem=problem)
    plan, problem = answered(question)
    return replace(offset, question=question, problem=problem, plan=plan)


def _of_hedges(hedges: tuple[Hedge, ...], n_rows: int) -> tuple[Ints, float]:
    """Contracts, and what trading and carrying them costs."""
    cost = sum(leg.cost_usd + leg.carry_usd for hedge in hedges for leg in hedge.legs)
    return hedging.trades(hedges, n_rows), cost


def _without_flow(cycle: Cycle) -> ValueFunction:
    """What the risk of a book costs that nobody trades with."""
    factors, appetite = cycle.basis.factors, cycle.desk.appetite
    years = appetite.holding_days / CALENDAR_DAYS
    return value_without_flow(
        cycle.basis.covariance.matrix / years,
        SeriesFactors(e=factors.e, block_of=factors.underlying_of),
        Terms(aversion_per_usd=appetite.aversion_per_usd, holding_years=years),
    )


class _Desk:
    """What every lever is measured by."""

    def __init__(self, cycle: Cycle, limits: LimitsState) -> None:
        self._cycle, self._limits = cycle, limits
        self._expected = desk_flow(cycle.desk, cycle.market, cycle.values)
        self.still = self._expected.flow.series.size == 0
        self._per_quote = usd_per_quote(cycle.values, cycle.market)
        self._years = cycle.desk.appetite.holding_days / CALENDAR_DAYS
        self._without_flow = _without_flow(cycle)

    def none(self) -> Ints:
        """No trade."""
        return np.zeros(len(self._cycle.table.instruments), dtype=np.int64)

    def touched(self) -> tuple[str, ...]:
        """Underlyings of what is held."""
        table, held = self._cycle.table, np.flatnonzero(self._cycle.held.quantity)
        return tuple(table.underlyings[u] for u in np.unique(table.underlying_of[held]).tolist())

    def flow_note(self) -> str:
        """Whether quotes can work at all."""
        if self.still:
            return "no flow of customers is expected ([[flow]] of the desk file): quotes wait for it"
        return "expected fills at the quotes of the moment"

    def delta_only(self) -> tuple[Ints, float]:
        """Each delta to the centre at once, as a desk hedges in a fast market."""
        cycle = self._cycle
        hedges = hedging.propose(
            cycle.exposure, cycle.price, cycle.standing, cycle.values, cycle.market, cycle.desk, urgent=_ALL
        )
        return _of_hedges(hedges, len(cycle.table.instruments))

    def proposed(self) -> tuple[Ints, float]:
        """The hedges of the cycle."""
        return _of_hedges(self._cycle.hedges, len(self._cycle.table.instruments))

    def of_plan(self, offset: Offset) -> tuple[Ints, float]:
        """The trades of an offset, and what they cost."""
        trades = self.none()
        trades[offset.question.rows] += offset.plan.contracts
        return trades, offset.plan.cost_usd

    def lever(self, name: str, trades: Ints, cost: float, quoting_too: bool, note: str) -> Lever:
        """Measure the book after a lever."""
        cycle = self._cycle
        basis = reaching(cycle.basis, np.flatnonzero(trades))
        traded = measure(cycle.held.quantity + trades, basis)
        standing = stand(traded, basis, self._limits)
        expected = np.zeros(trades.size)
        if quoting_too and not self.still:
            expected = self._expected_contracts(traded, standing, basis)
        return Lever(
            name=name,
            trades=trades,
            expected=expected,
            cost_usd=cost,
            risk_usd=self._risk(traded, quoting_too=quoting_too),
            traded=traded,
            standing=standing,
            note=note,
        )

    def _risk(self, book: Measurement, *, quoting_too: bool) -> float:
        """Price of what a book risks, of known exposures to factors with a variance."""
        value = self._cycle.price.value if quoting_too else self._without_flow
        e = book.factors.known.reshape(-1)
        return float(e @ value.curvature @ e)

    def _expected_contracts(self, book: Measurement, standing: Standing, basis: Basis) -> Floats:
        """Contracts that the quotes of a book bring over the holding time, if nothing moves."""
        cycle, desk = self._cycle, self._cycle.desk
        marginal = marginal_of(book.capital, book.quantity, basis.capital_points, basis.capital_terms)
        price = risk_price(
            book.factors, basis.factors, basis.covariance, desk, basis.spot_vol,
            directions_of(desk, cycle.table, cycle.values, basis.factors, book.quantity),
            expected=self._expected, charges=charges_of(standing, marginal, self._expected, desk),
        )  # fmt: skip
        quotes = quoting.propose(
            cycle.values, price, standing, book.quantity, cycle.market, desk.quoting, cycle.conditions
        )
        theo, unit = cycle.values.price, cycle.table.ticks_per_unit
        out = np.zeros(theo.size)
        for side, (sign, ticks, size) in enumerate(
            ((1.0, quotes.bid, quotes.bid_size), (-1.0, quotes.ask, quotes.ask_size))
        ):
            shown = (ticks != NO_PRICE) & (size > 0)
            distance = np.where(shown, sign * (theo - ticks / unit) * self._per_quote, np.inf)
            rate = fills_per_year(self._expected.quoted[side], distance)
            out += (
                sign * np.where(np.isfinite(rate), rate, 0.0) * self._expected.contracts[side] * self._years
            )
        return out
