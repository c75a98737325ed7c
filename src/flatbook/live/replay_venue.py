"""A venue for a desk that replays a recording: orders trade against the quotes that were recorded, on paper.

An order that reaches the other side's quote trades there, up to its size, once for each time that the quote is told. A quote of ours that
rests trades at its own price once the recorded other side reaches it, up to that side's size. Nobody reacts to our orders, queues are not
modelled, there is no fee: what this says of profit is a bound from nobody's side, what it says of risk and of the desk's work is whole.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from flatbook.live.ports import PortLostError, Reports, SessionUp, VenueNews
from flatbook.live.replay_feed import ReplayFeed
from flatbook.model.table import InstrumentTable, Ints
from flatbook.quoting.ticks import NO_PRICE
from flatbook.sim.desk_side import Answer, Question
from flatbook.sim.exchange.reasons import Ending, Refusal
from flatbook.sim.messages import (
    Acknowledged,
    Cancel,
    Cancelled,
    CancelRejected,
    Command,
    NewOrder,
    Rejected,
    Report,
    Traded,
)
from flatbook.sim.wire import Envelope

MOST_WAITING = 100_000  # reports that the desk has not taken
_BID, _ASK, _BID_SIZE, _ASK_SIZE = range(4)


@dataclass(slots=True)
class _Resting:
    """An order that works."""

    order: NewOrder
    open: int


class ReplayVenue:
    """A `VenuePort` beside a `ReplayFeed`. It knows no position of an earlier run: each replay begins a journal of its own."""

    def __init__(self, feed: ReplayFeed, table: InstrumentTable, name: str) -> None:
        self.name = name
        self._feed, self._table = feed, table
        n_rows = len(table.instruments)
        self._resting: dict[int, _Resting] = {}
        self._by_row: dict[int, dict[int, None]] = {}
        self._ids: set[int] = set()
        self._left = np.zeros(
            (2, n_rows), dtype=np.int64
        )  # contracts of bid and ask that we may still trade with
        self._positions = np.zeros(n_rows, dtype=np.int64)
        self._executions: list[Traded] = []
        self._news: asyncio.Queue[VenueNews | None] = asyncio.Queue(MOST_WAITING)
        self._closed = self._lost = False
        feed.on_told = self._see

    async def news(self) -> AsyncIterator[VenueNews]:
        """The session stands from the beginning to `close`; again, once the desk has taken what was too much for it."""
        yield SessionUp(cancelled=False)
        while (news := await self._news.get()) is not None:
            yield news
            if self._lost and self._news.empty():
                self._lost = False
                yield SessionUp(cancelled=False)

    def send(self, commands: Sequence[Command]) -> None:
        """Take commands in their sequence; raises PortLostError after `close`, and where too many reports wait."""
        if self._closed or self._news.full():
            self._lost = True
            msg = "the replay is over" if self._closed else "too many reports wait for the desk"
            raise PortLostError(msg)
        reports: list[Report] = []
        for command in commands:
            reports += self._cancel(command) if isinstance(command, Cancel) else self._enter(command)
        self._report(reports)

    def ask(self, question: Question) -> None:
        """Answer at once with what works and what was traded."""
        orders = [(client_id, resting.open) for client_id, resting in self._resting.items()]
        self._put(
            Answer(
                question=question,
                orders=orders,
                positions=self._positions.copy(),
                executions=len(self._executions),
                counted_ns=self._feed.market_ns(),
            )
        )

    def resend(self, after: int) -> None:
        """Tell executions above `after` once more."""
        again = enumerate(self._executions[max(after, 0) :], start=max(after, 0) + 1)
        self._put(
            Reports(envelopes=tuple(Envelope(report=each, executions=number) for number, each in again))
        )

    async def close(self) -> None:
        """End the session."""
        self._closed = True
        self._resting.clear()
        self._by_row.clear()
        if self._news.full():
            self._news.get_nowait()
        self._news.put_nowait(None)

    def _enter(self, order: NewOrder) -> list[Report]:
        refusal = self._refusal(order)
        if refusal is not None:
            return [Rejected(client_id=order.client_id, reason=refusal)]
        self._ids.add(order.client_id)
        if order.replaces:
            self._take_out(order.replaces)
        resting = _Resting(order=order, open=order.quantity)
        reports: list[Report] = [Acknowledged(client_id=order.client_id)]
        theirs = self._theirs(order)
        if theirs is not None:
            reports += self._trade(resting, theirs, maker=False)
        if resting.open and order.immediate:
            reports.append(Cancelled(client_id=order.client_id, reason=Ending.IMMEDIATE))
        elif resting.open:
            self._resting[order.client_id] = resting
            self._by_row.setdefault(order.row, {})[order.client_id] = None
        return reports

    def _refusal(self, order: NewOrder) -> Refusal | None:
        if order.client_id in self._ids:
            return Refusal.DUPLICATE
        if not 0 <= order.row < self._positions.size or (
            order.replaces and order.replaces not in self._resting
        ):
            return Refusal.UNKNOWN
        expiry_ns = self._table.instruments[order.row].expiry_ns
        if expiry_ns and expiry_ns <= self._feed.market_ns():
            return Refusal.EXPIRED
        if order.side not in (1, -1):
            return Refusal.SIDE
        return None if order.quantity > 0 else Refusal.SIZE

    def _cancel(self, cancel: Cancel) -> list[Report]:
        if self._take_out(cancel.client_id):
            return [Cancelled(client_id=cancel.client_id, reason=Ending.ASKED)]
        return [CancelRejected(client_id=cancel.client_id, reason=Refusal.UNKNOWN)]

    def _see(self, rows: Ints) -> None:
        """These quotes were told: their sizes are there again, and orders of ours that they reach trade."""
        self._left[:, rows] = self._feed.standing[_BID_SIZE:, rows]
        reports: list[Report] = []
        for row in rows.tolist():
            for client_id in tuple(self._by_row.get(row, ())):
                resting = self._resting[client_id]
                if self._theirs(resting.order) is None:
                    continue
                reports += self._trade(resting, resting.order.price_ticks, maker=True)
                if not resting.open:
                    self._take_out(client_id)
        self._report(reports)

    def _theirs(self, order: NewOrder) -> int | None:
        """The other side's price, where the order reaches it."""
        ticks = int(self._feed.standing[_ASK if order.side > 0 else _BID, order.row])
        if ticks == NO_PRICE or (order.price_ticks - ticks) * order.side < 0:
            return None
        return ticks

    def _trade(self, resting: _Resting, price_ticks: int, *, maker: bool) -> list[Report]:
        order = resting.order
        side = 1 if order.side > 0 else 0
        quantity = min(resting.open, int(self._left[side, order.row]))
        if quantity <= 0:
            return []
        resting.open -= quantity
        self._left[side, order.row] -= quantity
        self._positions[order.row] += order.side * quantity
        traded = Traded(
            execution_id=f"{self.name}-{len(self._executions) + 1}",
            client_id=order.client_id,
            row=order.row,
            side=order.side,
            quantity=quantity,
            price_ticks=price_ticks,
            at_ns=self._feed.market_ns(),
            fee=0.0,
            capacity="unknown",
            order_id=0,
            maker=maker,
        )
        self._executions.append(traded)
        return [traded]

    def _take_out(self, client_id: int) -> bool:
        resting = self._resting.pop(client_id, None)
        if resting is not None:
            del self._by_row[resting.order.row][client_id]
        return resting is not None

    def _report(self, reports: Iterable[Report]) -> None:
        """Tell them together, each with how many executions there were by it."""
        told = list(reports)
        if not told:
            return
        number = len(self._executions) - sum(isinstance(each, Traded) for each in told)
        envelopes = []
        for each in told:
            number += isinstance(each, Traded)
            envelopes.append(Envelope(report=each, executions=number))
        self._put(Reports(envelopes=tuple(envelopes)))

    def _put(self, news: VenueNews) -> None:
        """Hand over; what finds no room is lost, and the desk asks for it again by its number."""
        if not self._closed and not self._news.full():
            self._news.put_nowait(news)
