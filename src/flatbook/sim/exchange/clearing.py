"""What becomes of contracts at expiry, and who is assigned.

Sources: domain reference 1.2, views 7 and 8; an option that ends in the money by 0.01 or more is exercised without instruction ("exercise by
exception", OCC Rule 805 as told by the Options Industry Council, optionseducation.org). Exercises fall on short contracts at random, each as
likely as the next.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.model.instruments import Instrument, Kind
from flatbook.model.table import InstrumentTable
from flatbook.model.world_exchange_terms import ExchangeTerms
from flatbook.sim.chance import Chance
from flatbook.sim.exchange.ledger import CLEARING, DESK, Ledger
from flatbook.sim.messages import Report
from flatbook.sim.moment import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """Contracts of the desk's that became the underlying, or its worth in cash where nothing is listed to deliver."""

    exercise_id: str
    row: int
    quantity: int  # contracts: above 0 the desk exercised, below 0 it was assigned
    delivered_row: int  # -1: in cash
    delivered_quantity: int  # what the desk's position in it changes by
    price_ticks: int  # of the delivered contract: the strike
    settlement_price: float  # of the underlying, where it is in cash; otherwise 0
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """What became of a contract at its end."""

    row: int
    settlement_price: float  # of the underlying
    payoff: float  # price units: what each contract left is worth; 0 where it delivers
    quantity: int  # contracts that the desk held before
    exercise: Exercise | None
    at_ns: int
    reports: tuple[Report, ...]  # orders that ended


def payoff(item: Instrument, settlement_price: float) -> float:
    """Price units of a contract that settles in cash, at a price of its underlying.

    An inverse option pays coins: the difference over the settlement price. What is no option settles at the underlying's price, times its ratio.
    """
    if item.kind is not Kind.OPTION:
        return settlement_price * item.price_ratio
    worth = max(float(item.right or 0) * (settlement_price - item.strike), 0.0)
    return worth / settlement_price if item.payoff == "inverse" else worth


class Clearing:
    """The house between the desk and everybody else's contracts."""

    def __init__(self, table: InstrumentTable, terms: ExchangeTerms, ledger: Ledger, chance: Chance) -> None:
        self._table, self._terms, self._ledger, self._chance = table, terms, ledger, chance
        self._exercises = 0

    def settle(self, row: int, settlement_price: float, now_ns: int) -> tuple[float, Exercise | None]:
        """End a contract: its payoff, and what the desk exercised by exception or was assigned; what delivers pays nothing else."""
        item = self._table.instruments[row]
        worth, exercise = payoff(item, settlement_price), None
        if item.delivers:
            quantity, to = self._at_expiry(row, settlement_price), self.delivered_row(row)
            if to >= 0:
                exercise = self._deliver(row, to, quantity, now_ns)
            elif quantity:
                exercise = self._pay(row, quantity, settlement_price, worth, now_ns)
            worth = 0.0
        self._ledger.payoff[row] = worth
        return worth, exercise

    def assign_early(self, moment: Moment, now_ns: int) -> list[Exercise]:
        """Assign short American options that are worth no more than their parity; asked once a day, after the close."""
        table, held = self._table, self._ledger.positions(DESK)
        spot = moment.spot[table.underlying_of]
        parity = table.sign * (spot - table.strike)
        early = moment.fair - parity <= self._terms.early_time_value
        rows = np.flatnonzero(table.american & table.delivers & (held < 0) & (parity > 0.0) & early)
        out = []
        for row in rows.tolist():
            to = self.delivered_row(row)
            if to >= 0:
                assigned = self._assigned(-int(held[row]), self._terms.early_share)
                exercise = self._deliver(row, to, -assigned, now_ns)
                out += [] if exercise is None else [exercise]
        return out

    def exercise(self, row: int, quantity: int, now_ns: int) -> Exercise | None:
        """The desk exercises contracts that it holds; None where it cannot."""
        to = self.delivered_row(row) if self._table.delivers[row] else -1
        if to < 0 or not 0 < quantity <= int(self._ledger.positions(DESK)[row]):
            return None
        return self._deliver(row, to, quantity, now_ns)

    def delivered_row(self, row: int) -> int:
        """The contract that an exercise brings or takes: the underlying's own share, else its first future that lasts; -1: none."""
        item = self._table.instruments[row]
        best, found = (2, 0), -1
        for number, each in enumerate(self._table.instruments):
            if each.underlying != item.underlying or each.price_ratio != 1.0:
                continue
            lasts = each.kind is Kind.FUTURE and (each.expiry_ns == 0 or each.expiry_ns >= item.expiry_ns)
            rank = (0, 0) if each.kind is Kind.SHARE else (1, each.expiry_ns) if lasts else (2, 0)
            if rank < best:
                best, found = rank, number
        return found

    def _at_expiry(self, row: int, price: float) -> int:
        """Contracts that the desk exercises by exception (above 0) or is assigned (below)."""
        item, terms = self._table.instruments[row], self._terms
        held = int(self._ledger.positions(DESK)[row])
        inside = float(item.right or 0) * (price - item.strike)
        by_exception = inside >= terms.exercise_in_the_money - 1e-9
        if held > 0:
            return held if by_exception else 0
        pinned = abs(inside) <= terms.pin_share * item.strike
        share = terms.holders_exercise_share if by_exception else terms.contrary_share if pinned else 0.0
        return -self._assigned(-held, share)

    def _assigned(self, short: int, share: float) -> int:
        """How many of the desk's short contracts are drawn, where a share of all those in the series is."""
        left = short + self._terms.open_interest_contracts
        exercised = round(share * left)
        if not short or not exercised:
            return 0
        out = 0
        for draw in self._chance.shares(short).tolist():
            if draw * left < exercised - out:
                out += 1
            left -= 1
        return out

    def _deliver(self, row: int, to: int, quantity: int, now_ns: int) -> Exercise | None:
        if not quantity:
            return None
        item, delivered = self._table.instruments[row], self._table.instruments[to]
        units = item.multiplier / delivered.multiplier * quantity * float(item.right or 0)
        count, price = round(units), round(item.strike * delivered.ticks_per_unit)
        self._ledger.between(row, CLEARING, DESK, quantity, 0)
        self._ledger.between(to, DESK, CLEARING, count, price)
        return Exercise(
            exercise_id=self._exercise_id(now_ns),
            row=row,
            quantity=quantity,
            delivered_row=to,
            delivered_quantity=count,
            price_ticks=price,
            settlement_price=0.0,
            at_ns=now_ns,
        )

    def _pay(self, row: int, quantity: int, settlement_price: float, worth: float, now_ns: int) -> Exercise:
        self._ledger.between(row, CLEARING, DESK, quantity, 0)
        self._ledger.exercised_cash[DESK, row] += quantity * worth
        self._ledger.exercised_cash[CLEARING, row] -= quantity * worth
        return Exercise(
            exercise_id=self._exercise_id(now_ns),
            row=row,
            quantity=quantity,
            delivered_row=-1,
            delivered_quantity=0,
            price_ticks=0,
            settlement_price=settlement_price,
            at_ns=now_ns,
        )

    def _exercise_id(self, now_ns: int) -> str:
        self._exercises += 1
        return f"{self._terms.venue}/{now_ns}/exercise/{self._exercises}"
