"""Settlements, exercises and adjustments, slow and obvious: keep every event, add everything up in decimals when asked."""

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from tests.book.naive_book import NaiveBook

from flatbook.model.instruments import Kind, Payoff
from flatbook.model.lifecycle_events import Exercised, PositionAdjusted, SeriesSettled

_BILLIONTH = Decimal("1e-9")


class NaiveLifecycle:
    def __init__(self, table):
        self.table, self.trades = table, NaiveBook()
        self.settlements, self.exercises, self.adjustments = {}, {}, {}

    def add(self, event):
        match event:
            case SeriesSettled():
                self.settlements.setdefault(event.settlement_id, event)
            case Exercised():
                self.exercises.setdefault(event.exercise_id, event)
            case PositionAdjusted():
                self.adjustments.setdefault(event.adjustment_id, event)
            case _:
                row = self.table.row_of(event.instrument) if hasattr(event, "instrument") else -1
                self.trades.add(row, event)

    def item(self, symbol):
        return self.table.instruments[self.table.row_of(symbol)]

    def last_settlement(self, symbol):
        mine = [each for each in self.settlements.values() if each.instrument == symbol]
        return max(mine, key=lambda each: (each.settled_ns, each.settlement_id), default=None)

    def payoff(self, item, price):
        """In the currency of the contract, a contract's multiplier left out; rounded to a billionth of a tick."""
        last, strike = Decimal(repr(price)), Decimal(repr(item.strike))
        if item.kind is not Kind.OPTION:
            return round_to_tick(last, item)
        worth = max(int(item.right) * (last - strike), Decimal(0))
        return round_to_tick(worth / last if item.payoff is Payoff.INVERSE else worth, item)

    def changes(self, symbol):
        """Contracts, price and fee of everything that moved this contract; minus paid."""
        row = self.table.row_of(symbol)
        for at, fill, terms in self.trades.live():
            if at == row:
                yield (
                    int(fill.side) * terms.quantity,
                    Decimal(terms.price_ticks) / self.item(symbol).ticks_per_unit,
                    fill.fee,
                    fill,
                )
        for each in self.exercises.values():
            item = self.item(each.instrument)
            if each.instrument == symbol:
                price = Decimal(0) if each.delivered else self.payoff(item, each.settlement_price)
                yield -each.quantity, price, each.fee, each
            if each.delivered == symbol:
                shares = int(item.right) * each.quantity * int(item.multiplier / self.item(symbol).multiplier)
                yield shares, Decimal(repr(item.strike)), 0.0, each
        for each in self.adjustments.values():
            if each.instrument == symbol:
                yield each.quantity, Decimal(each.price_ticks) / self.item(symbol).ticks_per_unit, 0.0, each

    def quantity(self, symbol):
        return 0 if self.last_settlement(symbol) else sum(each[0] for each in self.changes(symbol))

    def held(self):
        out = {}
        for item in self.table.instruments:
            if self.last_settlement(item.symbol) is None:
                for contracts, _, _, why in self.changes(item.symbol):
                    key = (self.table.row_of(item.symbol), why.account, why.strategy)
                    out[key] = out.get(key, 0) + contracts
        return {key: contracts for key, contracts in out.items() if contracts}

    def cash(self, symbol):
        """P&L before fees less what is still held; of a coin-settled future in coin."""
        item, over = self.item(symbol), self.last_settlement(symbol)
        coin = item.kind is Kind.FUTURE and item.payoff is Payoff.INVERSE
        worth = (lambda price: -1 / Fraction(price)) if coin else Fraction
        total, left = Fraction(0), 0
        for contracts, price, _, _ in self.changes(symbol):
            total -= contracts * worth(price)
            left += contracts
        if over is not None:
            last = Decimal(0) if item.delivers else self.payoff(item, over.settlement_price)
            total += left * worth(Decimal(repr(over.settlement_price)) if coin else last)
        return float(total * Fraction(item.multiplier))

    def fees(self, symbol):
        over = self.last_settlement(symbol)
        paid = sum(Fraction(repr(fee)) for _, _, fee, _ in self.changes(symbol))
        return float(paid + (Fraction(repr(over.fee)) if over else 0))


def round_to_tick(price, item):
    """To a billionth of a tick."""
    ticks = price * item.ticks_per_unit
    return ticks.quantize(_BILLIONTH, rounding=ROUND_HALF_EVEN) / item.ticks_per_unit
