"""The exchange: what it takes from the desk, the crowd and customers, what it refuses, and what it reports to the desk.

Source: domain reference 2 (rules of venues); reliability design F9 to F22 (what goes wrong between a desk and a venue). Commands are handled one
by one in the order of their arrival: a cancel that comes after the fill finds nothing, a replacement of what has traded is refused.
"""

from collections.abc import Callable, Sequence

import numpy as np

from flatbook.model.instruments import Kind
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints
from flatbook.model.world_exchange_terms import ExchangeTerms
from flatbook.sim.chance import Chance
from flatbook.sim.exchange.clearing import Clearing, Exercise, Expired
from flatbook.sim.exchange.crowd import ASK, BID
from flatbook.sim.exchange.duty_clock import QuotedTime
from flatbook.sim.exchange.floor import Floor
from flatbook.sim.exchange.ledger import DESK, Ledger
from flatbook.sim.exchange.limits_of_customers import limit_ticks, net_limit, within
from flatbook.sim.exchange.reasons import Ending, Refusal
from flatbook.sim.exchange.resting import Order
from flatbook.sim.exchange.used_ids import UsedIds
from flatbook.sim.messages import Cancel, CancelRejected, Command, NewOrder, Rejected, Report, Traded
from flatbook.sim.moment import CustomerOrder, Moment


class Exchange:
    """One exchange and its session; it is closed until it is opened. Times never go back."""

    def __init__(self, table: InstrumentTable, terms: ExchangeTerms, chance: Chance) -> None:
        self.table, self.terms = table, terms
        self._floor = Floor(table, terms)
        self._clearing = Clearing(table, terms, self._floor.ledger, chance)
        self._chance = chance
        n = len(table.instruments)
        self._open, self._connected = False, True
        self._halted: Bools = np.zeros(len(table.underlyings), dtype=np.bool_)
        self._suspended: Bools = np.zeros(n, dtype=np.bool_)
        self._expired: Bools = np.zeros(n, dtype=np.bool_)
        self._used_ids = UsedIds()
        self._bands = [tuple(reversed(item.tick_table)) for item in table.instruments]
        self._size_max = [
            terms.size_max_contracts if item.kind is Kind.OPTION else terms.hedge_size_max_contracts
            for item in table.instruments
        ]
        self._expiry_ns: list[int] = table.expiry_ns.tolist()
        self._closing = self._best()
        self._shut()

    @property
    def ledger(self) -> Ledger:
        """Who holds and has paid what."""
        return self._floor.ledger

    def open_session(self, now_ns: int) -> None:
        """Trading begins, with empty books."""
        self._open = True
        self._shut()
        self._floor.clock.open(now_ns)

    def close_session(self, now_ns: int) -> list[Report]:
        """Trading ends: every order ends, and the crowd goes home."""
        out: list[Report] = []
        self._end(lambda _: True, Ending.CLOSE, out)
        self._floor.settle_down(now_ns)
        self._floor.clock.close(now_ns)
        self._closing = self._best()
        self._open = False
        self._shut()
        return out

    def take(self, commands: Command | Sequence[Command], now_ns: int) -> list[Report]:
        """Handle commands of the desk, in their order. While the desk is disconnected they are lost."""
        out: list[Report] = []
        if not self._connected:
            return out
        for command in (commands,) if isinstance(commands, NewOrder | Cancel) else commands:
            match command:
                case NewOrder():
                    self._new(command, now_ns, out)
                case Cancel():
                    self._cancel(command, out)
        self._floor.settle_down(now_ns)
        return out

    def see(self, moment: Moment) -> None:
        """The market as protections read it: greeks are those of the moment seen last."""
        self._floor.see(moment)

    def requote(
        self, rows: Ints, bid_ticks: Ints, ask_ticks: Ints, bid_size: Ints, ask_size: Ints, now_ns: int
    ) -> list[Report]:
        """The crowd replaces its quotes in some rows; where it crosses an order of the desk it trades with it, at the desk's price.

        Parameters
        ----------
        rows : int64[k]
            Each once.
        bid_ticks, ask_ticks, bid_size, ask_size : int64[k]
            NO_PRICE or no size: none. What is halted, closed or expired gets none.
        now_ns : int
        """
        out: list[Report] = []
        ends = self.table.expiry_ns[rows]
        gone = self._floor.shut[rows] | ((ends > 0) & (ends <= now_ns))
        size = np.where(gone, 0, np.stack((bid_size, ask_size)))
        self._floor.requote(rows, np.stack((bid_ticks, ask_ticks)), size, now_ns, out)
        self._floor.settle_down(now_ns)
        return out

    def customer(self, order: CustomerOrder, moment: Moment, now_ns: int) -> list[Report]:
        """A customer trades at once with whoever is there up to the limit; a package whole or not at all.

        What the crowd trades is not reported. A package with two legs in one contract, or in one that does not trade, does nothing.
        """
        self._floor.see(moment)
        out: list[Report] = []
        rows = [leg.row for leg in order.legs]
        if any(self._why_shut(row, now_ns) for row in rows) or len(set(rows)) < len(rows):
            return out
        if len(rows) == 1:
            limit = limit_ticks(order, 0, moment, self.table)
            if limit is not None:
                self._floor.customer(order, rows[0], order.legs[0].side, limit, now_ns, out)
        else:
            self._package(order, moment, now_ns, out)
        self._floor.settle_down(now_ns)
        return out

    def halt(self, underlying: int, on: bool, now_ns: int) -> list[Report]:
        """Stop trading in an underlying and its options, or let it go on; the crowd comes back with its next quotes."""
        out: list[Report] = []
        self._halted[underlying] = on
        self._stop(self.table.underlying_of == underlying, now_ns, out, on=on)
        return out

    def suspend(self, rows: Ints, on: bool, now_ns: int) -> list[Report]:
        """Close some contracts, as of a hedge venue that is shut, or open them again."""
        out: list[Report] = []
        self._suspended[rows] = on
        self._stop(np.isin(np.arange(self._suspended.size), rows), now_ns, out, on=on)
        return out

    def disconnect(self, cancels: bool, now_ns: int) -> list[Report]:
        """The desk's session breaks, and with it its orders if the exchange `cancels` them; nobody can be told now."""
        self._connected = False
        out: list[Report] = []
        if cancels:
            self._end(lambda _: True, Ending.DISCONNECT, out)
            self._floor.settle_down(now_ns)
        return out

    def reconnect(self) -> None:
        """The desk's session is up again."""
        self._connected = True

    def best_of_desk(self) -> tuple[Ints, Ints]:
        """int64[n] twice: best bid and offer of the desk's orders; NO_PRICE and `NO_OFFER` where there is none."""
        return self._floor.resting.bid_ticks, self._floor.resting.ask_ticks

    def open_orders(self) -> list[tuple[int, int]]:
        """Client ids and open contracts of the desk's orders, in the order of their entry."""
        return [(order.client_id, order.open) for order in self._floor.resting.orders.values()]

    def executions_after(self, number: int) -> list[Traded]:
        """The desk's trades after the first so many, as they were reported first."""
        return self.ledger.executions[number:]

    def positions(self) -> Ints:
        """int64[n]: the desk's contracts by row: fills less busts, corrections, exercises; 0 of what was settled."""
        return self.ledger.positions(DESK)

    def quoted_time(self, now_ns: int) -> QuotedTime:
        """How long each series was open, and quoted as the duty asks."""
        return self._floor.clock.total(now_ns)

    def reset_protection(self, scope: str, now_ns: int) -> bool:
        """The desk arms a scope again; False where there is none of this name, or it is too soon."""
        return self._floor.guard.reset(scope, now_ns)

    def bust(self, execution_id: str, now_ns: int) -> list[Report]:
        """Undo a trade; nothing where there is none, it was undone before, or its contract was delivered."""
        report = self.ledger.bust(execution_id, now_ns)
        return [] if report is None else [report]

    def correct(self, execution_id: str, quantity: int, price_ticks: int, now_ns: int) -> list[Report]:
        """Change the terms of a trade; nothing where that cannot be."""
        report = self.ledger.correct(execution_id, quantity, price_ticks, now_ns)
        return [] if report is None else [report]

    def expire(self, row: int, settlement_price: float, now_ns: int) -> Expired | None:
        """End a contract at a price of its underlying: orders go, it settles in cash or by delivery. None where it has ended before."""
        if self._expired[row]:
            return None
        out: list[Report] = []
        held = int(self.positions()[row])
        self._end(lambda order: order.row == row, Ending.EXPIRY, out)
        self._expired[row] = True
        self._shut()
        self._floor.settle_down(now_ns)
        worth, exercise = self._clearing.settle(row, settlement_price, now_ns)
        return Expired(
            row=row,
            settlement_price=settlement_price,
            payoff=worth,
            quantity=held,
            exercise=exercise,
            at_ns=now_ns,
            reports=tuple(out),
        )

    def assign_early(self, moment: Moment, now_ns: int) -> list[Exercise]:
        """Early exercise by those who hold what the desk is short of; asked once a day, after the close."""
        return self._clearing.assign_early(moment, now_ns)

    def exercise(self, row: int, quantity: int, now_ns: int) -> Exercise | None:
        """The desk exercises contracts that it holds; None where it cannot."""
        return self._clearing.exercise(row, quantity, now_ns)

    def marks(self, moment: Moment) -> Floats:
        """float64[n]: settlement prices of the day, price units; NaN of what has expired and where nobody knows.

        The middle of the crowd's best prices, after the close those of the close, as the desk does not mark its own book; fair value where one
        is missing.
        """
        bid, ask = self._best() if self._open else self._closing
        middle = 0.5 * (bid + ask) / self.table.ticks_per_unit
        out = np.where((bid > 0) & (ask > 0), middle, moment.fair)
        return np.where(self._expired, np.nan, out)

    def _best(self) -> Ints:
        """The crowd's prices, int64[2, n]."""
        n = len(self.table.instruments)
        return np.stack((self._floor.crowd.price[BID, :n], self._floor.crowd.price[ASK, :n]))

    def _new(self, order: NewOrder, now_ns: int, out: list[Report]) -> None:
        replaced = self._floor.resting.orders.get(order.replaces) if order.replaces else None
        refusal = self._refusal(order, replaced, now_ns)
        self._used_ids.add(order.client_id)
        if refusal is not None:
            out.append(Rejected(client_id=order.client_id, reason=refusal))
            return
        mine = Order(
            client_id=order.client_id,
            row=order.row,
            side=order.side,
            price_ticks=order.price_ticks,
            quantity=order.quantity,
            is_quote=order.is_quote,
            open=order.quantity,
        )
        self._floor.enter(mine, replaced, now_ns, out, immediate=order.immediate)

    def _refusal(self, order: NewOrder, replaced: Order | None, now_ns: int) -> Refusal | None:
        """The first ground on which an order is refused; trading with an own order comes after these."""
        if order.client_id in self._used_ids:
            return Refusal.DUPLICATE
        if not 0 <= order.row < len(self._bands):
            return Refusal.UNKNOWN
        wrong = self._why_shut(order.row, now_ns) or self._wrong_terms(order)
        if wrong is not None:
            return wrong
        if order.is_quote and self._floor.guard.frozen(order.row, now_ns):
            return Refusal.PROTECTION
        if order.replaces and (wrong := self._wrong_replacement(order, replaced)):
            return wrong
        share = self.terms.reject_share
        return Refusal.SYSTEM if share > 0.0 and self._chance.share() < share else None

    def _wrong_replacement(self, order: NewOrder, replaced: Order | None) -> Refusal | None:
        if replaced is None:
            return Refusal.UNKNOWN
        same = (replaced.row, replaced.side) == (order.row, order.side)
        return None if same else Refusal.REPLACE

    def _wrong_terms(self, order: NewOrder) -> Refusal | None:
        if order.side not in (1, -1):
            return Refusal.SIDE
        if not 0 < order.quantity <= self._size_max[order.row]:
            return Refusal.SIZE
        price = order.price_ticks
        step = next((band.step_ticks for band in self._bands[order.row] if price >= band.from_ticks), 0)
        return None if price > 0 and price % step == 0 else Refusal.PRICE

    def _why_shut(self, row: int, now_ns: int) -> Refusal | None:
        ends = self._expiry_ns[row]
        if self._floor.shut[row]:
            if not self._open:
                return Refusal.CLOSED
            if self._expired[row]:
                return Refusal.EXPIRED
            return Refusal.HALTED if self._halted[self.table.underlying_of[row]] else Refusal.CLOSED
        return Refusal.EXPIRED if 0 < ends <= now_ns else None

    def _cancel(self, command: Cancel, out: list[Report]) -> None:
        order = self._floor.resting.orders.get(command.client_id)
        if order is None:
            out.append(CancelRejected(client_id=command.client_id, reason=Refusal.UNKNOWN))
        else:
            self._floor.cancel(order, Ending.ASKED, out)

    def _package(self, order: CustomerOrder, moment: Moment, now_ns: int, out: list[Report]) -> None:
        wanted = [(leg.row, leg.side, order.quantity * leg.ratio) for leg in order.legs]
        plan = self._floor.plan(wanted)
        if plan is None:
            return
        cost = 0.0
        for (row, side, _), sources in zip(wanted, plan, strict=True):
            ticks = sum(price * quantity for _, price, quantity in sources)
            per_tick = float(self.table.multiplier[row]) / float(self.table.ticks_per_unit[row])
            cost += side * per_tick * ticks
        if within(order, net_limit(order, moment, self.table), cost):
            self._floor.package(order, wanted, plan, now_ns, out)

    def _stop(self, mine: Bools, now_ns: int, out: list[Report], *, on: bool) -> None:
        """Rows stop or go on; the quotes of the crowd go, and with them orders where the exchange cancels them."""
        self._shut()
        rows = np.flatnonzero(mine).tolist()
        if on and self.terms.halt_cancels:
            self._end(lambda order: bool(mine[order.row]), Ending.HALT, out)
        self._floor.resting.touched.update(rows)
        self._floor.settle_down(now_ns)

    def _end(self, which: Callable[[Order], bool], ending: Ending, out: list[Report]) -> None:
        for order in list(self._floor.resting.orders.values()):
            if which(order):
                self._floor.cancel(order, ending, out)

    def _shut(self) -> None:
        halted = self._halted[self.table.underlying_of] if self._halted.size else self._suspended
        self._floor.shut = halted | self._suspended | self._expired | (not self._open)
        self._floor.crowd.withdraw(np.flatnonzero(self._floor.shut))
