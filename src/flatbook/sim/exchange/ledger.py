"""Who holds and has paid what: the exchange's own count, in which whatever one party gains another loses.

Cash of trades is whole ticks. A contract that was settled in cash is worth its payoff for ever, so that a trade which is undone later takes
its settlement with it; positions in it are 0.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.model.instruments import Kind
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints
from flatbook.model.world_exchange_terms import FeeTerms
from flatbook.sim.messages import Busted, Corrected, Traded

DESK, CROWD, CUSTOMERS, CLEARING = range(4)  # parties; the last is who stands behind an exercise


@dataclass(slots=True, kw_only=True)
class _Standing:
    """A trade of the desk's as it counts now."""

    traded: Traded
    party: int  # the other side
    quantity: int
    price_ticks: int
    busted: bool = False


class Ledger:
    """Positions and cash of every party, and every trade of the desk's."""

    def __init__(self, table: InstrumentTable, fees: FeeTerms, venue: str) -> None:
        n = len(table.instruments)
        self.held: Ints = np.zeros((CLEARING + 1, n), dtype=np.int64)  # contracts
        self.cash_ticks: Ints = np.zeros((CLEARING + 1, n), dtype=np.int64)  # ticks times contracts
        self.payoff: Floats = np.full(n, np.nan)  # price units, of what was settled
        self.exercised_cash: Floats = np.zeros((CLEARING + 1, n))  # price units times contracts
        self.fees_paid = 0.0  # currency, by the desk
        self.executions: list[Traded] = []
        self._standing: dict[str, _Standing] = {}
        self._delivers: Bools = table.delivers
        self._venue = venue
        self._changes = 0  # busts and corrections
        self._fee = [_fees(item.kind, fees) for item in table.instruments]

    def between(self, row: int, buyer: int, seller: int, quantity: int, price_ticks: int) -> None:
        """Book a trade of two parties; below 0 contracts undo one."""
        cash = quantity * price_ticks
        self.held[buyer, row] += quantity
        self.held[seller, row] -= quantity
        self.cash_ticks[buyer, row] -= cash
        self.cash_ticks[seller, row] += cash

    def desk_trade(
        self,
        *,
        client_id: int,
        row: int,
        side: int,
        quantity: int,
        price_ticks: int,
        at_ns: int,
        party: int,
        capacity: str,
        order_id: int,
        maker: bool,
    ) -> Traded:
        """Book a trade of the desk's and number it."""
        fee = quantity * self._fee[row][0 if maker else 1]
        traded = Traded(
            execution_id=f"{self._venue}/{at_ns}/{len(self.executions) + 1}",
            client_id=client_id,
            row=row,
            side=side,
            quantity=quantity,
            price_ticks=price_ticks,
            at_ns=at_ns,
            fee=fee,
            capacity=capacity,
            order_id=order_id,
            maker=maker,
        )
        self.executions.append(traded)
        self._standing[traded.execution_id] = _Standing(
            traded=traded, party=party, quantity=quantity, price_ticks=price_ticks
        )
        self.fees_paid += fee
        self._book_desk(traded, party, quantity, price_ticks)
        return traded

    def bust(self, execution_id: str, now_ns: int) -> Busted | None:
        """Undo a trade as it stands, and its fee; None where it cannot be (any more)."""
        standing = self._changeable(execution_id)
        if standing is None:
            return None
        standing.busted = True
        self.fees_paid -= standing.traded.fee
        self._book_desk(standing.traded, standing.party, -standing.quantity, standing.price_ticks)
        return Busted(bust_id=self._change_id(now_ns), execution_id=execution_id, at_ns=now_ns)

    def correct(self, execution_id: str, quantity: int, price_ticks: int, now_ns: int) -> Corrected | None:
        """Put other terms in place of a trade's, its fee staying; None where that cannot be (any more)."""
        standing = self._changeable(execution_id)
        if standing is None or quantity <= 0:
            return None
        self._book_desk(standing.traded, standing.party, -standing.quantity, standing.price_ticks)
        standing.quantity, standing.price_ticks = quantity, price_ticks
        self._book_desk(standing.traded, standing.party, quantity, price_ticks)
        return Corrected(
            correction_id=self._change_id(now_ns),
            execution_id=execution_id,
            quantity=quantity,
            price_ticks=price_ticks,
            at_ns=now_ns,
        )

    def positions(self, party: int) -> Ints:
        """int64[n]: contracts of a party; 0 of what was settled."""
        return np.where(np.isnan(self.payoff), self.held[party], 0)

    def settled_cash(self, party: int) -> Floats:
        """float64[n]: price units times contracts that settlements and exercises in cash have paid a party."""
        out: Floats = np.nan_to_num(self.payoff) * self.held[party] + self.exercised_cash[party]
        return out

    def _book_desk(self, traded: Traded, party: int, quantity: int, price_ticks: int) -> None:
        buyer, seller = (DESK, party) if traded.side > 0 else (party, DESK)
        self.between(traded.row, buyer, seller, quantity, price_ticks)

    def _changeable(self, execution_id: str) -> _Standing | None:
        standing = self._standing.get(execution_id)
        if standing is None or standing.busted:
            return None
        row = standing.traded.row
        delivered = bool(self._delivers[row]) and not np.isnan(self.payoff[row])
        return None if delivered else standing

    def _change_id(self, now_ns: int) -> str:
        self._changes += 1
        return f"{self._venue}/{now_ns}/change/{self._changes}"


def execution_number(execution_id: str) -> int:
    """The place of an execution in the session's count, from 1."""
    return int(execution_id.rsplit("/", 1)[1])


def _fees(kind: Kind, fees: FeeTerms) -> tuple[float, float]:
    match kind:
        case Kind.OPTION:
            return fees.option_maker, fees.option_taker
        case Kind.FUTURE:
            return fees.future_maker, fees.future_taker
        case Kind.SHARE:
            return fees.share_maker, fees.share_taker
