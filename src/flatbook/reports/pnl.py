"""The P&L identity: what was made, part by part, with nothing left over, before any Greek is asked.

    edge at trade + inventory + hedge P&L - fees + corrections = realised

Source: domain reference 4.16 and V41. Realised is cash received less paid, plus what the position is worth after less before.
With a mark at both ends of a step and a theoretical value at every trade, a trade is its edge (theoretical value less price, times
what it added to the position) and from then on inventory: the identity is arithmetic and holds for any marks. A correction or a bust
takes the old terms out, and puts the new ones in, at the theoretical value of the moment it came: what that makes is no trading
P&L and stands apart. What arises in coin counts at the index at the end of its step (decision 003), and so do fees in coin.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

import numpy as np

from flatbook.exposure.marks import Mark
from flatbook.model.events import Fill, FillBusted, FillCorrected
from flatbook.model.facts import Fact
from flatbook.model.instruments import Side
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints


class PnlPart(IntEnum):
    """Columns of the identity; they add up to what was realised."""

    EDGE = 0  # of trades in what the desk makes a market in
    INVENTORY = 1  # what was held from the start of the step
    INVENTORY_NEW = 2  # what was traded within it, from the trade on
    HEDGE_SLIPPAGE = 3  # of trades in hedge instruments: their theoretical value less the price paid
    HEDGE = 4  # hedges held from the start
    HEDGE_NEW = 5
    FEES = 6
    CORRECTIONS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One change of a position: a fill, or one side of a correction."""

    fill_id: str
    row: int
    at_ns: int
    quantity: int  # contracts; plus buys
    price: float  # quote currency
    fee: float  # currency of the contract; NaN where nobody knows
    corrects: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPnl:
    """One step between two marks, in USD."""

    start_ns: int
    end_ns: int
    opening: Ints  # [n_rows] contracts held from the start: trades done at that very instant are in it, later ones not
    closing: Ints
    rows: Ints  # [k] held or traded, and valued whenever it matters
    by_row: Floats  # [k, parts]
    by_underlying: Floats  # [n_underlyings, parts]
    realised_by_underlying: Floats  # from cash and value; by other sums than the parts
    gross: float  # cash, values and parts without their signs: what rounding is measured against
    trades: tuple[Trade, ...]
    unvalued: dict[int, str]  # rows in no sum: why

    @property
    def desk(self) -> Floats:
        """float64[parts]."""
        return np.asarray(self.by_underlying.sum(axis=0))

    @property
    def realised(self) -> float:
        """Of the desk."""
        return float(self.realised_by_underlying.sum())


def trades_of(facts: Iterable[Fact], table: InstrumentTable) -> tuple[Trade, ...]:
    """Changes of positions in the order in which they happened.

    Parameters
    ----------
    facts : iterable of Fact
        Fills, corrections and busts among others, in any order; repeats count once, of several corrections of a fill the latest
        holds from its time on, and a bust is final.
    table : InstrumentTable
        That lists what was traded.
    """
    fills: dict[str, Fill] = {}
    notices: dict[str, list[FillCorrected | FillBusted]] = {}
    seen: set[str] = set()
    for fact in facts:
        if isinstance(fact, Fill):
            fills.setdefault(fact.fill_id, fact)
        elif isinstance(fact, FillCorrected | FillBusted):
            name = fact.correction_id if isinstance(fact, FillCorrected) else fact.bust_id
            if name not in seen:
                seen.add(name)
                notices.setdefault(fact.fill_id, []).append(fact)
    found = [
        trade for fill in fills.values() for trade in _life_of(fill, _notices(fill.fill_id, notices), table)
    ]
    return tuple(sorted(found, key=lambda trade: trade.at_ns))


def _notices(
    name: str, notices: Mapping[str, list[FillCorrected | FillBusted]]
) -> list[FillCorrected | FillBusted]:
    """What refers to a fill, at once or through a correction of it, in the order in which it came to hold."""
    found, names = [], [name]
    while names:
        for notice in notices.get(names.pop(), []):
            found.append(notice)
            if isinstance(notice, FillCorrected):
                names.append(notice.correction_id)
    return sorted(found, key=_when)


def _when(notice: FillCorrected | FillBusted) -> tuple[int, str]:
    if isinstance(notice, FillCorrected):
        return notice.corrected_ns, notice.correction_id
    return notice.busted_ns or notice.received_ns, notice.bust_id


def _life_of(
    fill: Fill, notices: Sequence[FillCorrected | FillBusted], table: InstrumentTable
) -> Iterable[Trade]:
    """The fill, and for each notice its old terms taken out and the new ones put in."""
    row = table.row_of(fill.instrument)
    per_unit, side = table.instruments[row].ticks_per_unit, 1 if fill.side is Side.BUY else -1
    quantity, price = side * fill.quantity, fill.price_ticks / per_unit

    def change(at_ns: int, contracts: int, at: float, fee: float, *, corrects: bool) -> Trade:
        """One change of this fill's position."""
        return Trade(
            fill_id=fill.fill_id,
            row=row,
            at_ns=at_ns,
            quantity=contracts,
            price=at,
            fee=fee,
            corrects=corrects,
        )

    yield change(fill.traded_ns, quantity, price, fill.fee, corrects=False)
    for notice in notices:
        at_ns = max(_when(notice)[0], fill.traded_ns)
        busted = isinstance(notice, FillBusted)
        yield change(at_ns, -quantity, price, -fill.fee if busted else 0.0, corrects=True)
        if isinstance(notice, FillBusted):
            return
        quantity, price = side * notice.quantity, notice.price_ticks / per_unit
        yield change(at_ns, quantity, price, 0.0, corrects=True)


def opening_of(trades: Sequence[Trade], start_ns: int, n_rows: int) -> Ints:
    """Contracts by row, int64[n_rows], from all that happened before `start_ns`."""
    out = np.zeros(n_rows, dtype=np.int64)
    for trade in trades:
        if trade.at_ns < start_ns:
            out[trade.row] += trade.quantity
    return out


def hedge_rows(table: InstrumentTable, symbols: Iterable[str]) -> Bools:
    """bool[n_rows]: instruments that the desk hedges with."""
    out = np.zeros(len(table.instruments), dtype=np.bool_)
    out[[table.rows[symbol] for symbol in symbols if symbol in table.rows]] = True
    return out


def identity(
    marks: Sequence[Mark],
    trades: Sequence[Trade],
    hedges: Bools,
    values_at_trade: Mapping[str, float] | None = None,
) -> tuple[StepPnl, ...]:
    """What every step between two marks made.

    Parameters
    ----------
    marks : sequence of Mark
        Two or more, of one instrument table, in ascending order of time.
    trades : sequence of Trade
        Those before the first mark are the opening book; those after the last are left out.
    hedges : bool[n_rows]
        Instruments that the desk hedges with.
    values_at_trade : mapping of fill id to price, optional
        Theoretical value in quote currency when a fill was done. Of the others it is that of the last mark at or before the trade.
    """
    assert len(marks) >= 2, "a step needs a mark before and a mark after"
    times = [each.now_ns for each in marks]
    assert times == sorted(set(times)), f"marks must follow each other in time, were {times}"
    theo = {} if values_at_trade is None else values_at_trade
    held = opening_of(trades, times[0], len(marks[0].market.table.instruments))
    steps = []
    for before, after in pairwise(marks):
        first = before is marks[0]
        mine = tuple(
            trade
            for trade in trades
            if before.now_ns < trade.at_ns <= after.now_ns or (first and trade.at_ns == before.now_ns)
        )
        held = np.where(before.expired, 0, held)  # settled: cash already
        step = _step(before, after, held, mine, hedges, theo)
        steps.append(step)
        held = step.closing
    return tuple(steps)


def _step(
    before: Mark,
    after: Mark,
    held: Ints,
    trades: tuple[Trade, ...],
    hedges: Bools,
    theo: Mapping[str, float],
) -> StepPnl:
    table = before.market.table
    opening = held + opening_of(trades, before.now_ns + 1, held.size)
    unvalued = _unvalued(before, after, opening, trades, theo)
    parts, flows = np.zeros((held.size, len(PnlPart))), _Flows.none(held.size)
    rows = np.setdiff1d(np.flatnonzero(opening), list(unvalued))
    per_quote = after.usd_per_quote[rows]
    start, end = (each.worth(each.values.price[rows], rows) for each in (before, after))
    kept = np.where(hedges, PnlPart.HEDGE, PnlPart.INVENTORY)
    parts[rows, kept[rows]] = opening[rows] * (end - start) * per_quote
    flows.value_before[rows] = opening[rows] * start * per_quote
    flows.value_after[rows] = opening[rows] * end * per_quote
    closing = held.copy()
    for trade in trades:
        closing[trade.row] += trade.quantity
        if trade.row not in unvalued:
            _book(trade, before, after, bool(hedges[trade.row]), theo, parts, flows)
    touched = np.union1d(rows, [trade.row for trade in trades if trade.row not in unvalued]).astype(np.int64)
    of, n = table.underlying_of[touched], len(table.underlyings)
    by_underlying, realised = np.zeros((n, len(PnlPart))), np.zeros(n)
    np.add.at(by_underlying, of, parts[touched])
    np.add.at(realised, of, (flows.cash + (flows.value_after - flows.value_before))[touched])
    return StepPnl(
        start_ns=before.now_ns,
        end_ns=after.now_ns,
        opening=opening,
        closing=closing,
        rows=touched,
        by_row=parts[touched],
        by_underlying=by_underlying,
        realised_by_underlying=realised,
        gross=flows.gross + float(np.abs(parts[touched]).sum()),
        trades=trades,
        unvalued=unvalued,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flows:
    """By row, in USD: what realised P&L is told from without the parts."""

    cash: Floats
    value_before: Floats
    value_after: Floats

    @classmethod
    def none(cls, n: int) -> "_Flows":
        """Nothing yet, of n rows."""
        return cls(cash=np.zeros(n), value_before=np.zeros(n), value_after=np.zeros(n))

    @property
    def gross(self) -> float:
        """All of it without signs."""
        return float(sum(np.abs(each).sum() for each in (self.cash, self.value_before, self.value_after)))


def _book(
    trade: Trade,
    before: Mark,
    after: Mark,
    hedge: bool,
    theo: Mapping[str, float],
    parts: Floats,
    flows: _Flows,
) -> None:
    """Count one trade: its edge, what it made from then on, its fee; and its cash and value."""
    row, rows = trade.row, np.array([trade.row])
    from_start = trade.at_ns == before.now_ns  # then it is in the opening position
    until = before if from_start else after
    prices = np.array([trade.price, _value_at(before, after, trade, theo), float(until.values.price[row])])
    paid, at, end = after.worth(prices, np.repeat(rows, prices.size)).tolist()
    usd = trade.quantity * float(after.usd_per_quote[row])
    fee = trade.fee * (float(after.values.spot[row]) if before.market.table.inverse[row] else 1.0)
    own = PnlPart.CORRECTIONS if trade.corrects else PnlPart.HEDGE_SLIPPAGE if hedge else PnlPart.EDGE
    parts[row, own] += usd * (at - paid)
    parts[row, PnlPart.HEDGE_NEW if hedge else PnlPart.INVENTORY_NEW] += usd * (end - at)
    parts[row, PnlPart.FEES] -= fee
    flows.cash[row] -= usd * paid + fee
    if from_start:
        flows.value_before[row] -= usd * end
    else:
        flows.value_after[row] += usd * end


def _value_at(before: Mark, after: Mark, trade: Trade, theo: Mapping[str, float]) -> float:
    """Theoretical value when a trade was done, quote currency."""
    if not trade.corrects and trade.fill_id in theo:
        return theo[trade.fill_id]
    known = after if trade.at_ns == after.now_ns else before
    return float(known.values.price[trade.row])


def _unvalued(
    before: Mark, after: Mark, held: Ints, trades: Sequence[Trade], theo: Mapping[str, float]
) -> dict[int, str]:
    """Rows whose P&L cannot be told: why."""
    out: dict[int, str] = {}
    for row in np.flatnonzero(held).tolist():
        if row in before.values.reasons:
            out[row] = before.values.reasons[row]
    for row in {*np.flatnonzero(held).tolist(), *(trade.row for trade in trades)}:
        if row not in out and row in after.values.reasons:
            out[row] = f"after the step: {_why(after, row)}"
    for trade in trades:
        if trade.row not in out and not np.isfinite(_value_at(before, after, trade, theo)):
            out[trade.row] = f"at trade {trade.fill_id}: {before.values.reasons.get(trade.row, 'no value')}"
    return out


def _why(after: Mark, row: int) -> str:
    expiry_ns = int(after.market.table.expiry_ns[row])
    if 0 < expiry_ns < after.now_ns:
        return "it expired between the two marks, and no price settles it"
    return after.values.reasons[row]
