"""The story of the desk in plain sentences: each line a decision or an event, with its reason.

Hedges, fills, kills, limits and what people and venues say are told when they happen. The lean of a class is told when the quotes of one
of its expiries and sides have moved by two ticks and by half of what was told last, as one line on the furthest of them, and not again
for a while: a steady state is silent.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from math import isfinite

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.limits.check import LimitStanding
from flatbook.limits.ladder import ACTIONS, Step
from flatbook.live.snapshot import FillRow, Severity, StoryKind, StoryLine
from flatbook.live.story_of_facts import line_of
from flatbook.live.story_of_hedges import Asked
from flatbook.model.facts import Fact
from flatbook.model.measures import Measure
from flatbook.model.table import Floats
from flatbook.orders.kill import BY_LIMIT
from flatbook.quoting.ticks import NO_PRICE

_LEAN_SHARE = 0.5  # of what was told, by which a lean has to change to be told again
_LEAN_PAUSE_NS = 5_000_000_000  # between two lines of one class
_LEAN_TICKS = 2.0  # by which it has to change at least
_WORD: dict[Step, tuple[str, Severity]] = {
    Step.NORMAL: ("green", Severity.INFO),
    Step.NOTIFY: ("noticed", Severity.NOTICE),
    Step.ALERT: ("AMBER", Severity.AMBER),
    Step.ESCALATE: ("AMBER", Severity.AMBER),
    Step.HARD: ("RED", Severity.RED),
}
_TURNED = 1.5  # of the delta it was decided for: more is told as none, the book moved meanwhile
_Group = tuple[str, int, bool]  # class, expiry, whether it is the calls
_Shift = tuple[float, float]  # bid and ask against neutral


class Story:
    """What was told so far, as far as later lines depend on it."""

    def __init__(self) -> None:
        self._leans: dict[_Group, _Shift] = {}  # as they stood when their class was told
        self._leant_ns: dict[str, int] = {}  # when a class was told last
        self._steps: dict[str, Step] = {}
        self._kills: set[tuple[str, str]] = set()
        self._asked = Asked()

    def lines(
        self, facts: Iterable[Fact], fills: Sequence[FillRow], before: Cycle | None, cycle: Cycle | None
    ) -> list[StoryLine]:
        """What one round came to, the oldest first.

        Parameters
        ----------
        facts : iterable of Fact
            Folded in it.
        fills : sequence of FillRow
            New ones among them.
        before, cycle : Cycle or None
            The last decision before it, and its own.
        """
        out = [line for fact in facts if (line := line_of(fact)) is not None]
        if before is not None:
            out += _traded([row for row in fills if not row.is_hedge], before)
            out += _hedged([row for row in fills if row.is_hedge], before)
        if cycle is not None:
            out += self._limits(cycle)
            out += self._kills_of(cycle)
            out += self._asked.lines(cycle)
            out += _offset(cycle)
            out += self._lean(cycle)
        return out

    def _limits(self, cycle: Cycle) -> list[StoryLine]:
        """Steps that changed: up at once, down once the response has let go."""
        out = []
        for one in cycle.standing.limits:
            told = self._steps.get(one.limit.name, Step.NORMAL)
            self._steps[one.limit.name] = one.step
            if max(one.step, told) >= Step.NOTIFY and one.step != told:
                out.append(_limit(one, told, cycle))
        return out

    def _kills_of(self, cycle: Cycle) -> list[StoryLine]:
        """Kill switches that no person set."""
        kills = () if cycle.outgoing is None else cycle.outgoing.kills
        now = {(one.scope.value, one.name) for one in kills}
        new = [one for one in kills if (one.scope.value, one.name) not in self._kills]
        self._kills = now
        return [
            StoryLine(
                sequence=cycle.sequence,
                at_ns=cycle.now_ns,
                kind=StoryKind.KILL,
                text=f"KILLED {one.scope.value} {one.name}".strip() + f": {one.kill.reason}",
                severity=Severity.RED,
            )
            for one in new
            if one.kill.owner == BY_LIMIT
        ]

    def _lean(self, cycle: Cycle) -> list[StoryLine]:
        """One line for each class whose lean is another than was told."""
        out = []
        for option_class, groups in groupby(_leans(cycle), key=lambda each: each[0][0]):
            since = cycle.now_ns - self._leant_ns.get(option_class, cycle.now_ns - _LEAN_PAUSE_NS)
            if 0 <= since < _LEAN_PAUSE_NS:
                continue
            leans = list(groups)
            moved = [(self._moved(*each), each[0]) for each in leans]
            furthest, group = max(moved)
            if furthest <= 0.0:
                continue
            now = {group: shift for group, shift, _ in leans}
            told = [each for many, each in moved if many > 0.0]
            self._leans.update((each, now[each]) for each in told)
            self._leant_ns[option_class] = cycle.now_ns
            out.append(_lean_line(cycle, group, now[group], len(told) - 1))
        return out

    def _moved(self, group: _Group, shift: _Shift, tick: float) -> float:
        """By how many ticks a lean is another than was told; 0 where that is not worth a line."""
        told = self._leans.get(group, (0.0, 0.0))
        moved = max(abs(now - then) for now, then in zip(shift, told, strict=True))
        enough = moved >= max(_LEAN_TICKS * tick, _LEAN_SHARE * max(map(abs, told))) * 0.999
        return moved / tick if enough else 0.0


def _line(
    cycle: Cycle, kind: StoryKind, text: str, severity: Severity = Severity.INFO, underlying: str = ""
) -> StoryLine:
    return StoryLine(
        sequence=cycle.sequence,
        at_ns=cycle.now_ns,
        kind=kind,
        text=text,
        severity=severity,
        underlying=underlying,
    )


def _limit(one: LimitStanding, told: Step, cycle: Cycle) -> StoryLine:
    word, severity = _WORD[one.step]
    used = f"{one.utilisation:.0%}" if isfinite(one.utilisation) else "unknown"
    where = f" ({one.where})" if one.where else ""
    if one.step > told:
        text = f"{word} {one.limit.name}{where} {used} → {ACTIONS[one.step]}"
    else:
        text = f"{one.limit.name} back to {used}: {ACTIONS[one.step]}"
        severity = Severity.INFO
    names = one.underlyings
    return _line(cycle, StoryKind.LIMIT, text, severity, names[0] if len(names) == 1 else "")


def _traded(fills: Sequence[FillRow], before: Cycle) -> list[StoryLine]:
    """Fills of our quotes, one line a series and side."""
    out = []
    for symbol, side in dict.fromkeys((row.symbol, row.side) for row in fills):
        mine = [row for row in fills if (row.symbol, row.side) == (symbol, side)]
        quantity = sum(row.quantity for row in mine)
        price = sum(row.quantity * row.price for row in mine) / quantity
        edge = sum(row.edge_usd for row in mine)
        earned = f", edge {edge:+,.0f} $" if isfinite(edge) else ""
        whom = f" {'to' if side < 0 else 'from'} {mine[0].capacity}" if mine[0].capacity else ""
        text = f"{'bought' if side > 0 else 'sold'} {quantity} {symbol} @ {price:g}{whom.replace('_', ' ')}{earned}"
        out.append(_line(before, StoryKind.FILL, text, underlying=mine[0].underlying))
    return out


def _hedged(fills: Sequence[FillRow], before: Cycle) -> list[StoryLine]:
    """Hedges that were done: what they removed of the delta they were decided for, and what they cost."""
    out = []
    for name, symbol, side in dict.fromkeys((row.underlying, row.symbol, row.side) for row in fills):
        mine = [row for row in fills if (row.symbol, row.side) == (symbol, side)]
        quantity = sum(row.quantity for row in mine)
        price = sum(row.quantity * row.price for row in mine) / quantity
        cost = -sum(row.edge_usd for row in mine)
        row = before.table.rows[symbol]
        brought = side * quantity * float(before.values.greeks[row, Measure.DELTA_USD])
        delta = next((hedge.delta_before_usd for hedge in before.hedges if hedge.underlying == name), np.nan)
        share = -brought / delta if delta else np.nan
        removed = f", removed {share:.0%} of Δ" if isfinite(share) and 0.0 < share < _TURNED else ""
        paid = f", cost {round(cost):,d} $" if isfinite(cost) else ""
        text = f"hedged {name}: {'bought' if side > 0 else 'sold'} {quantity} {symbol} @ {price:g}{removed}{paid}"
        out.append(_line(before, StoryKind.HEDGE, text, Severity.NOTICE, name))
    return out


def _offset(cycle: Cycle) -> list[StoryLine]:
    """An option offset that leaves."""
    if cycle.offset is None or cycle.offset_trades is None:
        return []
    items, trades = cycle.table.instruments, cycle.offset_trades
    rows = np.flatnonzero(trades).tolist()
    legs = [
        f"{'buying' if trades[row] > 0 else 'selling'} {abs(int(trades[row]))} {items[row].symbol}"
        for row in rows[:3]
    ]
    more = f" and {len(rows) - 3} more legs" if len(rows) > 3 else ""
    plan = cycle.offset.plan
    text = (
        f"offset: {', '.join(legs)}{more}; risk over the holding time {plan.deviation_before_usd:,.0f} → "
        f"{plan.deviation_after_usd:,.0f} $, cost {plan.cost_usd:,.0f} $"
    )
    underlying = items[rows[0]].underlying if rows else ""
    return [_line(cycle, StoryKind.OFFSET, text, Severity.NOTICE, underlying)]


def _leans(cycle: Cycle) -> Iterable[tuple[_Group, _Shift, float]]:
    """By class, expiry and right: how far bids and offers stand from neutral (the median), price units, and its coarsest tick; classes in turn."""
    quotes, table = cycle.quotes, cycle.table
    both = table.is_option & (quotes.bid != NO_PRICE) & (quotes.ask != NO_PRICE)
    both &= (quotes.neutral_bid != NO_PRICE) & (quotes.neutral_ask != NO_PRICE)
    rows = np.flatnonzero(both)
    if not rows.size:
        return
    slices = len(table.slices)
    key = 2 * (slices * table.class_of[rows] + table.slice_of[rows]) + (table.sign[rows] > 0.0)
    order = np.argsort(key, kind="stable")
    for part in np.split(rows[order], np.flatnonzero(np.diff(key[order])) + 1):
        item = table.instruments[part[0]]
        per_unit = table.ticks_per_unit[part]
        bid = float(np.median((quotes.bid[part] - quotes.neutral_bid[part]) / per_unit))
        ask = float(np.median((quotes.ask[part] - quotes.neutral_ask[part]) / per_unit))
        tick = max(band.step_ticks for band in item.tick_table) / item.ticks_per_unit
        yield (item.option_class, item.expiry_ns, bool(table.sign[part[0]] > 0.0)), (bid, ask), tick


def _lean_line(cycle: Cycle, group: _Group, shift: _Shift, others: int) -> StoryLine:
    option_class, expiry_ns, calls = group
    row = next(r for r, item in enumerate(cycle.table.instruments) if item.option_class == option_class)
    underlying = cycle.table.instruments[row].underlying
    day = datetime.fromtimestamp(expiry_ns / 1e9, tz=UTC).strftime("%d %b")
    bid, ask = shift
    what = f"{option_class} {day} {'calls' if calls else 'puts'}"
    if bid == ask == 0.0:
        text = f"{what}: neutral again"
    else:
        why = _factor(cycle, cycle.table.underlyings.index(underlying))
        text = f"leaning: {what} bid {_signed(bid)}, ask {_signed(ask)}{f' ({why})' if why else ''}"
    if others:
        text += f"; {others} more of the class moved"
    return _line(cycle, StoryKind.LEAN, text, underlying=underlying)


def _factor(cycle: Cycle, u: int) -> str:
    """The factor that weighs most in what one more of its usual moves costs."""
    worth: Floats = np.abs(cycle.price.price[u] * cycle.price.deviation[u])
    if not np.isfinite(worth).any():
        return ""
    name = cycle.basis.factors.kinds[int(np.nanargmax(worth))]
    plain = name.split("_usd")[0].replace("_", " ")
    return plain.replace("level", "vega")


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else '+' if value > 0 else ''}{abs(value):.2f}"
