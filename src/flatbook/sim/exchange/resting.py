"""The desk's orders at the exchange: by client id, and by row and side in the order in which they trade."""

from bisect import insort
from dataclasses import dataclass

import numpy as np

from flatbook.model.table import Ints
from flatbook.quoting.ticks import NO_PRICE
from flatbook.sim.exchange.crowd import ASK, BID, side_index

NO_OFFER = 2**62  # ticks: where the desk offers nothing


@dataclass(slots=True, kw_only=True, eq=False)
class Order:
    """An order of the desk's."""

    client_id: int
    row: int
    side: int  # +1 buys, -1 sells
    price_ticks: int
    quantity: int  # contracts, at first
    is_quote: bool
    open: int  # contracts left
    number: int = 0  # place in time
    rests: bool = False


def _priority(order: Order) -> tuple[int, int]:
    return -order.side * order.price_ticks, order.number


class Resting:
    """All of them; `touched` gathers the rows in which something changed."""

    def __init__(self, n_rows: int) -> None:
        self.orders: dict[int, Order] = {}
        self.touched: set[int] = set()
        self.bid_ticks: Ints = np.full(
            n_rows, NO_PRICE, dtype=np.int64
        )  # best of the desk, as of `note_best`
        self.ask_ticks: Ints = np.full(n_rows, NO_OFFER, dtype=np.int64)
        self._sides: tuple[list[list[Order]], list[list[Order]]] = (
            [[] for _ in range(n_rows)],
            [[] for _ in range(n_rows)],
        )

    def on(self, row: int, side: int) -> list[Order]:
        """Of one row and side (`BID` or `ASK`), the first to trade first."""
        return self._sides[side][row]

    def enter(self, order: Order) -> None:
        """Take in an order that may trade before it rests."""
        self.orders[order.client_id] = order

    def rest(self, order: Order) -> None:
        """Give it its place."""
        insort(self._sides[side_index(order.side)][order.row], order, key=_priority)
        order.rests = True
        self.touched.add(order.row)

    def remove(self, order: Order) -> None:
        """Nothing of it is left."""
        del self.orders[order.client_id]
        if order.rests:
            self._sides[side_index(order.side)][order.row].remove(order)
            order.rests = False
        order.open = 0
        self.touched.add(order.row)

    def note_best(self, row: int) -> None:
        """Bring the columns of best prices up to date."""
        bids, asks = self._sides[BID][row], self._sides[ASK][row]
        self.bid_ticks[row] = bids[0].price_ticks if bids else NO_PRICE
        self.ask_ticks[row] = asks[0].price_ticks if asks else NO_OFFER

    def quoted(self, row: int, side: int) -> tuple[int, int]:
        """Best price of the desk's quotes, and contracts at it; 0 and 0 where there is none."""
        quotes = [order for order in self._sides[side][row] if order.is_quote]
        if not quotes:
            return 0, 0
        best = quotes[0].price_ticks
        return best, sum(order.open for order in quotes if order.price_ticks == best)
