"""Every change of the desk's positions by the exchange's account, with what the contract was truly worth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from flatbook.model.facts import Fact
from flatbook.model.instruments import Kind
from flatbook.model.lifecycle_events import Exercised, SeriesSettled
from flatbook.model.table import InstrumentTable
from flatbook.sim.exchange.clearing import Exercise, Expired, payoff
from flatbook.sim.experiments.record import TradeKind
from flatbook.sim.messages import Busted, Cancel, Command, Corrected, Traded
from flatbook.sim.moment import Moment

_NOT_TRADED = frozenset({TradeKind.SETTLEMENT, TradeKind.CORRECTION})


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow:
    """One change of a position."""

    at_ns: int
    row: int
    side: int
    quantity: int
    price: float
    fee_usd: float
    fair: float
    kind: TradeKind
    maker: bool = False
    informed: bool = False


class TradeLog:
    """Fills as the day goes on."""

    def __init__(self, table: InstrumentTable, informed: frozenset[int]) -> None:
        self.rows: list[TradeRow] = []
        self.late_fills = 0  # of orders that were on their way out: a cancel or a replacement had been sent
        self.late: dict[int, int] = {}  # contracts of them by row, plus bought, since somebody forgot them
        self.not_traded: dict[int, int] = {}  # the same of exercise, settlement, busts and corrections
        self._table, self._informed = table, informed
        self._kinds: dict[int, TradeKind] = {}  # by client id; a quote where nothing is told
        self._leaving: set[int] = set()
        self._standing: dict[str, TradeRow] = {}  # by execution
        self._settled: dict[int, float] = {}  # payoff by row

    def sent(self, commands: Sequence[Command]) -> None:
        """What the desk decided to send."""
        for command in commands:
            if isinstance(command, Cancel):
                self._leaving.add(command.client_id)
                continue
            if command.replaces:
                self._leaving.add(command.replaces)
            if not command.is_quote:
                option = bool(self._table.is_option[command.row])
                self._kinds[command.client_id] = TradeKind.OFFSET if option else TradeKind.HEDGE

    def see(self, report: Traded | Busted | Corrected, moment: Moment, now_ns: int) -> None:
        """A trade, or what the exchange made of one."""
        if isinstance(report, Traded):
            self._traded(report, moment)
            return
        before = self._standing[report.execution_id]
        busted = isinstance(report, Busted)
        self._add(
            replace(
                before, at_ns=now_ns, side=-before.side, fee_usd=-before.fee_usd if busted else 0.0,
                fair=self._fair(before.row, before.price, moment), kind=TradeKind.CORRECTION,
            )
        )  # fmt: skip
        if isinstance(report, Corrected):
            price = report.price_ticks / float(self._table.ticks_per_unit[before.row])
            after = replace(
                before, at_ns=now_ns, price=price, quantity=report.quantity, kind=TradeKind.CORRECTION
            )
            after = replace(after, fair=self._fair(before.row, price, moment))
            self._standing[report.execution_id] = after
            self._add(replace(after, fee_usd=0.0))

    def settle(self, expired: Expired, moment: Moment, now_ns: int) -> None:
        """A contract that ended: what was held leaves at its payoff, what was exercised brings the underlying at the strike."""
        exercise, left = expired.exercise, expired.quantity
        if exercise is not None and exercise.delivered_row < 0:  # in cash, for want of anything to deliver
            worth = payoff(self._table.instruments[expired.row], expired.settlement_price)
            self._add(self._booked(expired.row, -exercise.quantity, worth, moment, now_ns))
            left -= exercise.quantity
        if left:
            self._add(self._booked(expired.row, -left, expired.payoff, moment, now_ns))
        if not self._table.delivers[expired.row]:
            self._settled[expired.row] = expired.payoff
        if exercise is not None and exercise.delivered_row >= 0:
            self._delivered(exercise, moment, now_ns)

    def exercised(self, exercise: Exercise, moment: Moment, now_ns: int) -> None:
        """Contracts that were exercised before their expiry: they leave for nothing, and bring the underlying at the strike."""
        self._add(self._booked(exercise.row, -exercise.quantity, 0.0, moment, now_ns))
        self._delivered(exercise, moment, now_ns)

    def _delivered(self, exercise: Exercise, moment: Moment, now_ns: int) -> None:
        price = exercise.price_ticks / float(self._table.ticks_per_unit[exercise.delivered_row])
        self._add(self._booked(exercise.delivered_row, exercise.delivered_quantity, price, moment, now_ns))

    def _traded(self, report: Traded, moment: Moment) -> None:
        if report.client_id in self._leaving:
            self.late_fills += 1
            self.late[report.row] = self.late.get(report.row, 0) + report.side * report.quantity
        price = report.price_ticks / float(self._table.ticks_per_unit[report.row])
        trade = TradeRow(
            at_ns=report.at_ns, row=report.row, side=report.side, quantity=report.quantity, price=price,
            fee_usd=report.fee, fair=self._fair(report.row, price, moment),
            kind=self._kinds.get(report.client_id, TradeKind.QUOTE), maker=report.maker,
            informed=report.order_id in self._informed,
        )  # fmt: skip
        self._standing[report.execution_id] = trade
        self._add(trade)

    def _booked(self, row: int, contracts: int, price: float, moment: Moment, now_ns: int) -> TradeRow:
        return TradeRow(
            at_ns=now_ns, row=row, side=1 if contracts > 0 else -1, quantity=abs(contracts), price=price, fee_usd=0.0,
            fair=self._fair(row, price, moment), kind=TradeKind.SETTLEMENT,
        )  # fmt: skip

    def _add(self, trade: TradeRow) -> None:
        self.rows.append(trade)
        if trade.kind in _NOT_TRADED:
            self.not_traded[trade.row] = self.not_traded.get(trade.row, 0) + trade.side * trade.quantity
        worth = self._settled.get(trade.row)
        if worth is not None and trade.kind is TradeKind.CORRECTION:  # of what was settled meanwhile
            self.rows.append(
                replace(
                    trade, side=-trade.side, price=worth, fair=worth, fee_usd=0.0, kind=TradeKind.SETTLEMENT
                )
            )

    def _fair(self, row: int, price: float, moment: Moment) -> float:
        """True worth now; of what has none any more, the price itself."""
        fair = float(moment.fair[row])
        return fair if np.isfinite(fair) else price


def settlement_facts(expired: Expired, table: InstrumentTable, venue: str) -> tuple[Fact, ...]:
    """What the clearing house tells the desk of a contract that ended."""
    item = table.instruments[expired.row]
    option = item.kind is Kind.OPTION
    settled = SeriesSettled(
        received_ns=0, settlement_id=f"{venue}/settled/{item.symbol}", instrument=item.symbol,
        settlement_price=expired.settlement_price if option else expired.payoff, settled_ns=expired.at_ns,
    )  # fmt: skip
    exercise = expired.exercise
    if exercise is None:
        return (settled,)
    return (*exercise_facts(exercise, table, 0, expired.settlement_price), settled)


def exercise_facts(
    exercise: Exercise, table: InstrumentTable, received_ns: int, settlement_price: float = 0.0
) -> tuple[Fact, ...]:
    """What the clearing house tells the desk of an exercise or assignment; `settlement_price` where it is paid in cash."""
    to = exercise.delivered_row
    return (
        Exercised(
            received_ns=received_ns, exercise_id=exercise.exercise_id,
            instrument=table.instruments[exercise.row].symbol, quantity=exercise.quantity,
            exercised_ns=exercise.at_ns, delivered=table.instruments[to].symbol if to >= 0 else "",
            settlement_price=0.0 if to >= 0 else settlement_price,
        ),
    )  # fmt: skip
