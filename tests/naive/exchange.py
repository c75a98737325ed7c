"""An exchange in plain Python: everything is an order in one list, which is sorted anew before every trade.

Reports are tuples: ("ack", id), ("reject", id), ("cancel", id), ("no cancel", id), ("trade", id, row, side, quantity, ticks, other, maker),
("trip",). Orders belong to "desk" or "crowd"; customers take what there is and leave.
"""

from dataclasses import dataclass

from tests.naive.protection import Naive


@dataclass
class Order:
    """An order at work."""

    owner: str
    row: int
    side: int
    price: int
    left: int
    time: int
    name: int = 0  # client id, or level of the crowd
    quote: bool = False
    told: int = 0  # contracts at first

    def rank(self):
        """The first of a side trades first."""
        return (-self.side * self.price, self.time)


class Exchange:
    """`depth` maps a row to the shares of the best size behind it; `guarded` rows share one protection, if there is one."""

    def __init__(self, depth, step=1, guarded=(), rule=None):
        self.depth, self.step, self.guarded = depth, step, set(guarded)
        self.guard = Naive(**rule) if rule else None
        self.orders, self.time, self.used = [], 0, set()
        self.held = {"desk": {}, "crowd": {}, "customer": {}}
        self.cash = dict.fromkeys(self.held, 0)

    def book(self, row, side):
        """Orders of a side, the first to trade first."""
        return sorted((o for o in self.orders if (o.row, o.side) == (row, side) and o.left), key=Order.rank)

    def new(self, now, name, row, side, price, quantity, quote, replaces=0, immediate=False):
        """A new order of the desk."""
        self.orders = [o for o in self.orders if o.left or o.owner == "crowd"]
        old = next((o for o in self.orders if o.owner == "desk" and o.name == replaces and o.left), None)
        used, _ = name in self.used, self.used.add(name)
        frozen = quote and row in self.guarded and self._frozen(now)
        lost = replaces and (old is None or (old.row, old.side) != (row, side))
        if used or frozen or lost:
            return [("reject", name)]
        mine = Order("desk", row, side, price, quantity, 0, name, quote, quantity)
        stays = old is not None and old.price == price and quantity <= old.left and not immediate
        first = next((o for o in self.book(row, -side) if self._meet(side, price, o)), None)
        if first is not None and first.owner == "desk" and not stays:
            return [("reject", name)]
        self.time += 1
        mine.time = old.time if stays else self.time
        if old is not None:
            old.left = 0
        out = [("ack", name)]
        self.orders.append(mine)
        while mine.left and not stays:
            first = next((o for o in self.book(row, -side) if self._meet(side, price, o)), None)
            if first is None:
                break
            if first.owner == "desk":
                mine.left = 0
                out.append(("cancel", name))
                return out
            out += self._trade(now, mine, first, first.price, maker=False)
        if mine.left and immediate:
            mine.left = 0
            out.append(("cancel", name))
        return out

    def cancel(self, name):
        """Of the desk."""
        for o in self.orders:
            if o.owner == "desk" and o.name == name and o.left:
                o.left = 0
                return [("cancel", name)]
        return [("no cancel", name)]

    def requote(self, now, quotes):
        """`quotes` maps a row to (bid, bid size, ask, ask size); None: no price."""
        self.time += 1
        for row, (bid, bid_size, ask, ask_size) in quotes.items():
            for side, price, size in ((1, bid, bid_size), (-1, ask, ask_size)):
                self._show(row, side, price, size)
        out = []
        for row in sorted(quotes):
            for side in (1, -1):
                while True:
                    theirs = [o for o in self.book(row, side) if o.owner == "crowd"]
                    ours = [o for o in self.book(row, -side) if o.owner == "desk"]
                    if not (theirs and ours and self._meet(side, theirs[0].price, ours[0])):
                        break
                    out += self._trade(now, ours[0], theirs[0], ours[0].price, maker=True)
        return out

    def customer(self, now, row, side, limit, quantity):
        """Takes up to its limit."""
        taker, out = Order("customer", row, side, limit, quantity, 0), []
        while taker.left:
            first = next((o for o in self.book(row, -side) if self._meet(side, limit, o)), None)
            if first is None:
                break
            out += self._trade(now, first, taker, first.price, maker=True)
        return out

    def package(self, now, legs, quantity, most):
        """Legs (row, side, ratio); at once and whole for at most `most` ticks a package, or not at all."""
        plan, cost = [], 0
        for row, side, ratio in legs:
            left = quantity * ratio
            for o in self.book(row, -side):
                taken = min(left, o.left)
                if taken:
                    plan.append((row, side, o, taken))
                    cost += side * taken * o.price
                left -= taken
            if left:
                return []
        if cost > quantity * most:
            return []
        out, late = [], []
        for row, side, o, taken in plan:
            taker = Order("customer", row, side, o.price, taken, 0)
            out += self._trade(now, o, taker, o.price, maker=True, late=late)
        for each in late:
            out += self._count(now, *each)
        return out

    def open_orders(self):
        """Names and what is left."""
        return sorted((o.name, o.left) for o in self.orders if o.owner == "desk" and o.left)

    def _show(self, row, side, price, size):
        shares = (1.0, *self.depth.get(row, ()))
        for level, share in enumerate(shares):
            worth = None if price is None else price - side * level * self.step
            many = round(size * share) if level else size
            old = next(
                (o for o in self.orders if (o.owner, o.row, o.side, o.name) == ("crowd", row, side, level)),
                None,
            )
            if old is None:
                old = Order("crowd", row, side, 0, 0, 0, level)
                self.orders.append(old)
            if worth is None or worth <= 0 or many <= 0:
                old.price, old.left = 0, 0
                continue
            if worth != old.price or many > old.left:
                old.time = self.time
            old.price, old.left = worth, many

    def _meet(self, side, price, other):
        return side * price >= side * other.price

    def _trade(self, now, one, other, price, *, maker, late=None):
        """Two orders trade; what the desk does is reported."""
        quantity = min(one.left, other.left)
        buyer, seller = (one, other) if one.side > 0 else (other, one)
        for owner, sign in ((buyer.owner, 1), (seller.owner, -1)):
            self.held[owner][one.row] = self.held[owner].get(one.row, 0) + sign * quantity
            self.cash[owner] -= sign * quantity * price
        one.left -= quantity
        other.left -= quantity
        if one.owner != "desk":
            return []
        out = [("trade", one.name, one.row, one.side, quantity, price, other.owner, maker)]
        if late is None:
            return out + self._count(now, one, quantity)
        late.append((one, quantity))
        return out

    def _count(self, now, order, quantity):
        if order.row not in self.guarded or self.guard is None or not order.quote:
            return []
        if not self.guard.fill(now, {"quantity": order.side * quantity}):
            return []
        out = [("trip",)]
        gone = [o for o in self.orders if o.owner == "desk" and o.quote and o.left and o.row in self.guarded]
        for o in gone:
            o.left = 0
            out.append(("cancel", o.name))
        return out

    def _frozen(self, now):
        until = self.guard.until if self.guard else None
        return until == "reset" or (until is not None and until > now)
