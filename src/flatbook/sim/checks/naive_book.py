"""A book as anybody would write it first: every trade by its id, and sums of them all, from the beginning, each time that somebody asks."""

from dataclasses import dataclass, field

import numpy as np

from flatbook.model.events import Fill, FillBusted, FillCorrected
from flatbook.model.facts import Fact
from flatbook.model.instruments import Kind
from flatbook.model.lifecycle_events import Exercised, SeriesSettled
from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.sim.messages import Busted, Corrected, Traded


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """As it was told first."""

    row: int
    side: int
    quantity: int
    price_ticks: int
    fee: float
    at_ns: int


@dataclass(slots=True)
class NaiveBook:
    """Of one side: what the desk was told, or what the exchange says it did."""

    table: InstrumentTable
    trades: dict[str, Trade] = field(default_factory=dict)
    corrected: dict[str, tuple[int, str, int, int]] = field(
        default_factory=dict
    )  # by trade: time, id, contracts, ticks
    busted: set[str] = field(default_factory=set)
    exercised: dict[str, Exercised] = field(default_factory=dict)
    settled: dict[int, float] = field(default_factory=dict)  # by row: price of the underlying

    def take(self, fact: Fact) -> bool:
        """A fact of the desk's; whether it is one for a book."""
        match fact:
            case Fill():
                trade = Trade(
                    row=self.table.row_of(fact.instrument), side=int(fact.side), quantity=fact.quantity,
                    price_ticks=fact.price_ticks, fee=fact.fee, at_ns=fact.traded_ns,
                )  # fmt: skip
                self.trades.setdefault(fact.fill_id, trade)
            case FillBusted():
                self.busted.add(fact.fill_id)
            case FillCorrected():
                self._correct(
                    fact.fill_id, fact.corrected_ns, fact.correction_id, fact.quantity, fact.price_ticks
                )
            case Exercised():
                self.exercised[fact.exercise_id] = fact
            case SeriesSettled():
                self.settled[self.table.row_of(fact.instrument)] = fact.settlement_price
            case _:
                return False
        return True

    def see(self, report: Traded | Busted | Corrected) -> None:
        """A report of the exchange's."""
        match report:
            case Traded():
                trade = Trade(
                    row=report.row, side=report.side, quantity=report.quantity, price_ticks=report.price_ticks, fee=report.fee,
                    at_ns=report.at_ns,
                )  # fmt: skip
                self.trades.setdefault(report.execution_id, trade)
            case Busted():
                self.busted.add(report.execution_id)
            case Corrected():
                self._correct(
                    report.execution_id,
                    report.at_ns,
                    report.correction_id,
                    report.quantity,
                    report.price_ticks,
                )

    def positions(self) -> Ints:
        """int64[n]: contracts; 0 of what is over."""
        out = self._held()
        out[list(self.settled)] = 0
        return out

    def cash_usd(self) -> Floats:
        """float64[n]: what each contract has paid, its payoff included, fees left out."""
        table = self.table
        ticks: dict[int, int] = {}
        for name, trade in self._live():
            _, _, quantity, price = self.corrected.get(name, (0, "", trade.quantity, trade.price_ticks))
            ticks[trade.row] = ticks.get(trade.row, 0) - trade.side * quantity * price
        out = np.zeros(len(table.instruments))
        for row, count in ticks.items():
            out[row] = count / table.ticks_per_unit[row] * table.multiplier[row]
        for each in self.exercised.values():
            row = table.row_of(each.instrument)
            item = table.instruments[row]
            if each.delivered:
                to = table.row_of(each.delivered)
                out[to] -= self._delivered(each) * item.strike * table.multiplier[to]
            else:
                out[row] += each.quantity * self._payoff(row, each.settlement_price) * item.multiplier
        held = self._held()
        for row, settled_at in self.settled.items():
            if not table.delivers[row]:
                out[row] += held[row] * self._payoff(row, settled_at) * table.multiplier[row]
        return out

    def fees(self) -> float:
        """Of trades that stand."""
        return sum(trade.fee for _, trade in self._live())

    def _live(self) -> list[tuple[str, Trade]]:
        return [(name, trade) for name, trade in self.trades.items() if name not in self.busted]

    def _held(self) -> Ints:
        out = np.zeros(len(self.table.instruments), dtype=np.int64)
        for name, trade in self._live():
            quantity = self.corrected[name][2] if name in self.corrected else trade.quantity
            out[trade.row] += trade.side * quantity
        for each in self.exercised.values():
            out[self.table.row_of(each.instrument)] -= each.quantity
            if each.delivered:
                out[self.table.row_of(each.delivered)] += self._delivered(each)
        return out

    def _correct(self, name: str, at_ns: int, correction: str, quantity: int, price_ticks: int) -> None:
        told = (at_ns, correction, quantity, price_ticks)
        if name not in self.corrected or self.corrected[name][:2] < told[:2]:
            self.corrected[name] = told

    def _delivered(self, each: Exercised) -> int:
        item = self.table.instruments[self.table.row_of(each.instrument)]
        to = self.table.instruments[self.table.row_of(each.delivered)]
        return round(int(item.right or 0) * each.quantity * item.multiplier / to.multiplier)

    def _payoff(self, row: int, price: float) -> float:
        item = self.table.instruments[row]
        if item.kind is not Kind.OPTION:
            return price
        return max(int(item.right or 0) * (price - item.strike), 0.0)
