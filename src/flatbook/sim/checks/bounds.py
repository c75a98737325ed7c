"""Limits as anybody would read them: sums of contracts times greeks, each order by itself on top of what is held.

What is measured differs from the engine's own only where a held contract has no value: there nobody knows the sum, and only orders in
contracts without a value are refused here.
"""

from collections.abc import Sequence

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.model.facts import Fact
from flatbook.model.measures import Measure
from flatbook.model.order_events import KillScope, KillSet
from flatbook.model.parameters import Desk, Limit, LimitMeasure
from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.sim.checks.violation import Invariant, Violated
from flatbook.sim.messages import Command, NewOrder

_LAST_BITS = 1e-6  # of a limit, by which two sums of the same amounts may differ
_MEASURES = {
    LimitMeasure.DELTA_USD: Measure.DELTA_USD,
    LimitMeasure.VEGA_USD_PER_POINT: Measure.VEGA_USD_PER_POINT,
    LimitMeasure.GAMMA_USD_PER_PCT: Measure.GAMMA_USD_PER_PCT,
}


class Bounds:
    """Looks at every order that leaves."""

    def __init__(self, table: InstrumentTable, desk: Desk, limits: tuple[Limit, ...]) -> None:
        self.table, self.desk, self.limits = table, desk, limits
        self.killed: set[tuple[KillScope, str]] = set()
        self._least = min((duty.rule.size_min for duty in desk.duties), default=0)

    def heard(self, facts: tuple[Fact, ...]) -> None:
        """Kills that somebody sets or releases."""
        for fact in facts:
            if isinstance(fact, KillSet):
                (self.killed.add if fact.on else self.killed.discard)((fact.scope, fact.name))

    def decided(self, cycle: Cycle, commands: Sequence[Command], position: Ints) -> None:
        """Refuse orders that add where nothing may be added."""
        orders = [each for each in commands if isinstance(each, NewOrder)]
        greeks = cycle.values.greeks
        for limit in self.limits:
            each = self._per_contract(limit, greeks)
            if limit.measure is LimitMeasure.SERIES_CONTRACTS:
                for order in orders:
                    self._judge(limit, order, float(position[order.row]), each[order.row])
                self._latch(limit, float(np.abs(position * each).max()))
                continue
            value = float((position * each)[position != 0].sum())
            for order in orders:
                self._judge(limit, order, value, each[order.row])
            self._latch(limit, abs(value))
        self._killed(orders, position, greeks)

    def _per_contract(self, limit: Limit, greeks: Floats) -> Floats:
        """What a contract of each row adds."""
        options = self.table.is_option.astype(np.float64)
        mine = np.array([limit.underlying in ("", item.underlying) for item in self.table.instruments])
        if limit.measure is LimitMeasure.SERIES_CONTRACTS:
            return np.asarray(options * mine)
        return np.where(mine, greeks[:, _MEASURES[limit.measure]], 0.0)

    def _judge(self, limit: Limit, order: NewOrder, value: float, each: float) -> None:
        if np.isnan(value):
            return
        one = order.side * each
        adds = one * value > 0.0 or (value == 0.0 and one != 0.0)
        whole = abs(value + one * order.quantity)
        hard, most = limit.limit_hard, self.desk.orders.kill_share * limit.limit_hard
        text = f"{order} with {limit.name} at {value:,.0f} of {hard:,.0f}, {each:,.0f} a contract"
        if (
            adds
            and whole > most * (1.0 + _LAST_BITS)
            and limit.measure.value in self.desk.orders.kill_measures
        ):
            raise Violated(Invariant.KILL, f"no order past {most:,.0f}", text)
        if order.is_quote and 0 < order.quantity <= self._least:
            return  # the least that a duty asks
        if adds and abs(value) > hard * (1.0 + _LAST_BITS):
            raise Violated(Invariant.LIMITS, "nothing that adds", text)
        if abs(value) <= hard and whole > hard * (1.0 + _LAST_BITS):
            raise Violated(Invariant.LIMITS, "no order that by itself breaches the limit", text)

    def _latch(self, limit: Limit, used: float) -> None:
        terms = self.desk.orders
        beyond = used > terms.kill_share * limit.limit_hard * (1.0 + _LAST_BITS)
        if beyond and limit.measure.value in terms.kill_measures:
            name = limit.underlying
            self.killed.add((KillScope.UNDERLYING, name) if name else (KillScope.DESK, ""))

    def _killed(self, orders: Sequence[NewOrder], position: Ints, greeks: Floats) -> None:
        """Where a kill is on nothing leaves but hedges that bring delta down and not past zero, or that close."""
        delta = greeks[:, Measure.DELTA_USD]
        for order in orders:
            item = self.table.instruments[order.row]
            scopes = {
                (KillScope.DESK, ""),
                (KillScope.UNDERLYING, item.underlying),
                (KillScope.CLASS, item.option_class),
            }
            if not scopes & self.killed:
                continue
            mine = self.table.underlying_of == self.table.underlying_of[order.row]
            held = float(np.nansum((position * delta)[mine & (position != 0)]))
            moved = order.side * order.quantity * float(delta[order.row])
            reduces = moved * held < 0.0 and abs(moved) <= abs(held) * (1.0 + _LAST_BITS)
            closes = order.side * position[order.row] < 0 and order.quantity <= abs(position[order.row])
            if order.is_quote or not (reduces or closes):
                raise Violated(
                    Invariant.KILL, f"nothing while {sorted(scopes & self.killed)} are killed", order
                )
