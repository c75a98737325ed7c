"""Matching: who trades with whom, at which price, and in which order.

The better price goes first, within a price the earlier order; a trade is at the price of the order that was there first. Customers never rest.
The crowd does not trade with itself.
"""

from fractions import Fraction

import numpy as np

from flatbook.model.events import Capacity
from flatbook.model.protection_terms import Tally
from flatbook.model.table import Bools, InstrumentTable, Ints
from flatbook.model.world_exchange_terms import ExchangeTerms
from flatbook.sim.exchange.crowd import ASK, BID, Crowd, side_index
from flatbook.sim.exchange.duty_clock import DutyClock
from flatbook.sim.exchange.guard import Guard, GuardedFill, exact
from flatbook.sim.exchange.ledger import CROWD, CUSTOMERS, Ledger
from flatbook.sim.exchange.reasons import Ending, Refusal
from flatbook.sim.exchange.resting import Order, Resting
from flatbook.sim.exchange.venue_greeks import delta_per_unit
from flatbook.sim.messages import Acknowledged, Cancelled, Rejected, Report, Traded, Tripped
from flatbook.sim.moment import CustomerOrder, Moment

Wanted = tuple[int, int, int]  # row, side of who takes (+1 buys), contracts
Source = tuple[Order | int, int, int]  # an order of the desk's or a slot of the crowd's, ticks, contracts


_BY_CONTRACT = frozenset((Tally.QUANTITY, Tally.NOTIONAL, Tally.DELTA, Tally.VEGA))


class Floor:
    """The books of every row; it takes whatever is handed to it, permission is `Exchange`'s."""

    def __init__(self, table: InstrumentTable, terms: ExchangeTerms) -> None:
        self.table = table
        self.crowd = Crowd(table, terms)
        self.resting = Resting(len(table.instruments))
        self.ledger = Ledger(table, terms.fees, terms.venue)
        self.guard = Guard(terms.protections, table)
        self.clock = DutyClock(terms.duty, table)
        self.shut: Bools = np.zeros(len(table.instruments), dtype=np.bool_)  # nothing trades in a row
        self.moment: Moment | None = None
        self._deltas: dict[int, Fraction] = {}  # a contract, in `moment`
        self._number = 0

    def see(self, moment: Moment) -> None:
        """Greeks are those of this moment from now on."""
        if moment is not self.moment:
            self.moment = moment
            self._deltas.clear()

    def enter(
        self, order: Order, replaced: Order | None, now_ns: int, out: list[Report], *, immediate: bool
    ) -> None:
        """Take an order of the desk's in place of another or of none: it trades, and what is left rests unless it is immediate."""
        in_place = (
            replaced is not None
            and not immediate
            and order.price_ticks == replaced.price_ticks
            and order.open <= replaced.open
        )
        if not in_place:
            first = self._first(order.row, side_index(-order.side), order.price_ticks)
            if isinstance(first, Order):
                out.append(Rejected(client_id=order.client_id, reason=Refusal.SELF_TRADE))
                return
            self._number += 1
        order.number = replaced.number if in_place and replaced is not None else self._number
        if replaced is not None:
            self.resting.remove(replaced)
        self.resting.enter(order)
        out.append(Acknowledged(client_id=order.client_id))
        if not in_place:
            self._take(order, now_ns, out)
        if order.open and immediate:
            self.cancel(order, Ending.IMMEDIATE, out)
        elif order.open:
            self.resting.rest(order)

    def requote(self, rows: Ints, price: Ints, size: Ints, now_ns: int, out: list[Report]) -> None:
        """The crowd quotes anew, and trades with the orders of the desk that it now crosses, row by row, its bids first.

        Parameters
        ----------
        rows : int64[k]
            Each once.
        price, size : int64[2, k]
            Ticks and contracts, bids and offers.
        now_ns : int
        out : list of Report
            Grows.
        """
        self._number += 1
        self.crowd.replace(rows, price, size, self._number)
        shown = (size > 0) & (price > 0)
        bids = shown[BID] & (price[BID] >= self.resting.ask_ticks[rows])
        asks = shown[ASK] & (price[ASK] <= self.resting.bid_ticks[rows])
        for row in np.sort(rows[bids | asks]).tolist():
            self._pick_off(row, BID, now_ns, out)
            self._pick_off(row, ASK, now_ns, out)

    def customer(
        self, order: CustomerOrder, row: int, side: int, limit_ticks: int, now_ns: int, out: list[Report]
    ) -> None:
        """A customer takes what there is in one row up to a limit."""
        left, rests = order.quantity * order.legs[0].ratio, side_index(-side)
        while left:
            first = self._first(row, rests, limit_ticks)
            if first is None:
                return
            if isinstance(first, Order):
                quantity = min(left, first.open)
                self._guard(first, self._trade_customer(first, quantity, order, now_ns, out), out)
            else:
                quantity = min(left, int(self.crowd.size[rests, first]))
                self._customer_and_crowd(row, side, first, quantity)
            left -= quantity

    def plan(self, wanted: list[Wanted]) -> list[list[Source]] | None:
        """Whom each leg of a package would trade with; None where there is not enough of one. Rows are different."""
        out = []
        for row, side, quantity in wanted:
            rests, sign = side_index(-side), side
            there: list[tuple[int, int, Order | int, int]] = [
                (sign * order.price_ticks, order.number, order, order.open)
                for order in self.resting.on(row, rests)
            ]
            for slot in self.crowd.slots_of(row):
                size = int(self.crowd.size[rests, slot])
                if size:
                    price, number = int(self.crowd.price[rests, slot]), int(self.crowd.number[rests, slot])
                    there.append((sign * price, number, slot, size))
            there.sort(key=lambda each: each[:2])
            left, sources = quantity, list[Source]()
            for price, _, source, size in there:
                taken = min(size, left)
                if taken:
                    sources.append((source, sign * price, taken))
                left -= taken
            if left:
                return None
            out.append(sources)
        return out

    def package(
        self,
        order: CustomerOrder,
        wanted: list[Wanted],
        plan: list[list[Source]],
        now_ns: int,
        out: list[Report],
    ) -> None:
        """Trade a package as planned; protections count it when it is whole."""
        fills = []
        for (row, side, _), sources in zip(wanted, plan, strict=True):
            for source, _, quantity in sources:
                if isinstance(source, Order):
                    fills.append((source, self._trade_customer(source, quantity, order, now_ns, out)))
                else:
                    self._customer_and_crowd(row, side, source, quantity)
        for mine, traded in fills:
            self._guard(mine, traded, out)

    def cancel(self, order: Order, ending: Ending, out: list[Report]) -> None:
        """End an order."""
        self.resting.remove(order)
        out.append(Cancelled(client_id=order.client_id, reason=ending))

    def settle_down(self, now_ns: int) -> None:
        """After a command: best prices and quoted time of the rows that it changed."""
        for row in self.resting.touched:
            self.resting.note_best(row)
            bid, bid_size = self.resting.quoted(row, BID)
            ask, ask_size = self.resting.quoted(row, ASK)
            legal = bid_size > 0 and ask_size > 0 and not self.shut[row]
            legal = legal and self.clock.legal(row, bid, ask, bid_size, ask_size, now_ns)
            self.clock.quote(row, now_ns, legal=legal)
        self.resting.touched.clear()

    def _first(self, row: int, rests: int, limit_ticks: int) -> Order | int | None:
        """Who trades first among those that rest on a side, at a limit or better: the desk's order, or a slot of the crowd's."""
        sign = 1 if rests == ASK else -1
        mine, slot = self.resting.on(row, rests), self.crowd.best(row, rests)
        best, found = (sign * limit_ticks + 1, 0), None
        if slot >= 0:
            at = sign * int(self.crowd.price[rests, slot]), int(self.crowd.number[rests, slot])
            if at < best:
                best, found = at, slot
        if mine and (sign * mine[0].price_ticks, mine[0].number) < best:
            return mine[0]
        return found

    def _take(self, order: Order, now_ns: int, out: list[Report]) -> None:
        rests = side_index(-order.side)
        while order.open:
            first = self._first(order.row, rests, order.price_ticks)
            if first is None:
                return
            if isinstance(first, Order):
                self.cancel(order, Ending.SELF_TRADE, out)
                return
            quantity = min(order.open, int(self.crowd.size[rests, first]))
            self.crowd.size[rests, first] -= quantity
            price = int(self.crowd.price[rests, first])
            traded = self._trade(order, quantity, price, now_ns, out, maker=False)
            self._guard(order, traded, out)

    def _pick_off(self, row: int, side: int, now_ns: int, out: list[Report]) -> None:
        """The crowd's orders on one side trade with those of the desk that they cross, at the desk's prices."""
        sign = 1 if side == BID else -1
        mine = self.resting.on(row, 1 - side)
        while mine and (slot := self.crowd.best(row, side)) >= 0:
            order = mine[0]
            if sign * int(self.crowd.price[side, slot]) < sign * order.price_ticks:
                return
            quantity = min(order.open, int(self.crowd.size[side, slot]))
            self.crowd.size[side, slot] -= quantity
            self._guard(order, self._trade(order, quantity, order.price_ticks, now_ns, out, maker=True), out)

    def _trade(
        self, order: Order, quantity: int, price_ticks: int, now_ns: int, out: list[Report], *, maker: bool
    ) -> Traded:
        """The desk with the crowd."""
        return self._book(
            order, quantity, price_ticks, now_ns, out, CROWD, Capacity.MARKET_MAKER, order_id=0, maker=maker
        )

    def _trade_customer(
        self, order: Order, quantity: int, taker: CustomerOrder, now_ns: int, out: list[Report]
    ) -> Traded:
        return self._book(
            order,
            quantity,
            order.price_ticks,
            now_ns,
            out,
            CUSTOMERS,
            taker.capacity,
            order_id=taker.order_id,
            maker=True,
        )

    def _book(
        self,
        order: Order,
        quantity: int,
        price_ticks: int,
        now_ns: int,
        out: list[Report],
        party: int,
        capacity: str,
        *,
        order_id: int,
        maker: bool,
    ) -> Traded:
        traded = self.ledger.desk_trade(
            client_id=order.client_id,
            row=order.row,
            side=order.side,
            quantity=quantity,
            price_ticks=price_ticks,
            at_ns=now_ns,
            party=party,
            capacity=capacity,
            order_id=order_id,
            maker=maker,
        )
        out.append(traded)
        order.open -= quantity
        self.resting.touched.add(order.row)
        if not order.open:
            self.resting.remove(order)
        return traded

    def _customer_and_crowd(self, row: int, side: int, slot: int, quantity: int) -> None:
        rests = side_index(-side)
        self.crowd.size[rests, slot] -= quantity
        buyer, seller = (CUSTOMERS, CROWD) if side > 0 else (CROWD, CUSTOMERS)
        self.ledger.between(row, buyer, seller, quantity, int(self.crowd.price[rests, slot]))

    def _guard(self, order: Order, traded: Traded, out: list[Report]) -> None:
        """Count a fill in the protections; what trips takes its quotes out, those still to come in included."""
        if not self.guard.watches(traded.row):
            return
        fill = GuardedFill(
            row=traded.row,
            at_ns=traded.at_ns,
            is_quote=order.is_quote,
            maker=traded.maker,
            amounts=self._amounts(order, traded),
        )
        for counter in self.guard.count(fill):
            out.append(Tripped(scope=counter.name, until_ns=counter.told_until_ns()))
            for each in list(self.resting.orders.values()):
                if each.is_quote and each.row in counter.rows:
                    self.cancel(each, Ending.PROTECTION, out)

    def _amounts(self, order: Order, traded: Traded) -> dict[Tally, Fraction]:
        """What a fill counts, in the tallies that some protection asks for."""
        row, signed = traded.row, traded.side * traded.quantity
        out = {Tally.EXECUTIONS: Fraction(traded.side)}
        if Tally.FILLED_PCT in self.guard.tallies:
            out[Tally.FILLED_PCT] = Fraction(100 * signed, order.quantity)
        for tally in self.guard.tallies & _BY_CONTRACT:
            out[tally] = signed * self._per_contract(tally, row, traded.price_ticks)
        return out

    def _per_contract(self, tally: Tally, row: int, price_ticks: int) -> Fraction:
        """What one contract bought counts."""
        multiplier, inverse = float(self.table.multiplier[row]), bool(self.table.inverse[row])
        moment = self.moment
        match tally:
            case Tally.QUANTITY:
                return exact(multiplier if inverse else 1.0)
            case Tally.NOTIONAL:
                return exact(price_ticks / float(self.table.ticks_per_unit[row]) * multiplier)
            case Tally.VEGA if moment is not None:
                spot = float(moment.spot[self.table.underlying_of[row]]) if inverse else 1.0
                return exact(float(moment.vega[row]) * multiplier * spot)
            case Tally.DELTA if moment is not None:
                known = self._deltas.get(row)
                if known is None:
                    delta = delta_per_unit(self.table, moment, row)
                    if inverse:
                        delta = multiplier * (delta - float(moment.fair[row]))
                    known = self._deltas[row] = exact(delta)
                return known
        return Fraction(0)
