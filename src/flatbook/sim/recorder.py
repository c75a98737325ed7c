"""What a simulated day leaves behind: samples at the desk's cycles, every trade by the exchange's account, and why limits were exceeded."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.engine.residual import left_behind
from flatbook.exposure.residual_ledger import RiskKind
from flatbook.model.measures import N_MEASURES
from flatbook.model.parameters import Limit
from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.quoting.ticks import NO_PRICE
from flatbook.sim.breaches import causes
from flatbook.sim.experiments.record import Bound, Breach, DayRecord, Trades, Watched
from flatbook.sim.hedge_basis import basis_of
from flatbook.sim.moment import DayMarket, Moment
from flatbook.sim.trade_log import TradeLog, TradeRow

_KINDS = {
    "basis": (RiskKind.BASIS,),
    "volatility": (RiskKind.VOLATILITY,),
    "execution": (RiskKind.EXECUTION,),
    "event": (RiskKind.EVENT,),
    "direction": (RiskKind.DIRECTION,),
}
_WHOLE = ("option_class", "bucket", "series", "group")


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Fills as the day goes on; `record` at its end."""

    table: InstrumentTable
    market: DayMarket
    watch: int  # row of the series whose quotes are drawn
    unbound: float  # times a limit that was set, at which the desk has it
    markout_ns: int  # after a trade, when its worth is told again
    residual_every: int = 8  # cycles of which one tells what is left
    counts: dict[str, int] = field(default_factory=dict)
    _samples: list[tuple[int, Moment, Ints, Floats, Floats, float]] = field(default_factory=list)
    _watched: list[tuple[int, float, float, float]] = field(default_factory=list)
    _residuals: list[dict[str, float]] = field(default_factory=list)
    _breaches: list[Breach] = field(default_factory=list)
    _limits: tuple[Limit, ...] = ()
    _before: Cycle | None = None
    _untold: dict[int, int] = field(
        default_factory=dict
    )  # contracts by row of which the desk knew nothing then

    def count(self, what: str, number: int = 1) -> None:
        """One more of something."""
        self.counts[what] = self.counts.get(what, 0) + number

    def sample(self, now_ns: int, moment: Moment, position: Ints, cycle: Cycle, trades: TradeLog) -> None:
        """What was at a cycle, before what it decided traded; `trades` forgets what explains a breach once the desk's book is the exchange's."""
        standings = cycle.standing.limits
        self._limits = tuple(one.limit for one in standings)
        used = np.array([one.utilisation for one in standings]) * self.unbound
        self._samples.append(
            (now_ns, moment, position.copy(), cycle.exposure.by_underlying.copy(), used, cycle.capital.desk)
        )
        self._watched.append((now_ns, *self._quote_of(cycle), float(moment.fair[self.watch])))
        if self.counts.get("cycles", 0) % self.residual_every == 0:
            self._residuals.append(residual_of(cycle))
        self.count("cycles")
        if self.unbound == 1.0:
            self._account(now_ns, cycle, trades)
        self._before = cycle
        untold = position - cycle.held.quantity
        self._untold = {row: int(untold[row]) for row in np.flatnonzero(untold).tolist()}
        if not self._untold:
            trades.late.clear()
            trades.not_traded.clear()

    def record(
        self,
        scenario: str,
        policy: str,
        seed: int,
        end: Moment,
        position: Ints,
        cash_usd: float,
        duty_met: float,
        trades: Sequence[TradeRow],
    ) -> DayRecord:
        """Everything, once the day is over."""
        last = self._samples[-1] if self._samples else None
        nothing = np.full((len(self.table.underlyings), N_MEASURES), np.nan)
        samples = [
            *self._samples,
            (
                end.at_ns,
                end,
                position,
                *((last[3], last[4], last[5]) if last else (nothing, np.empty(0), np.nan)),
            ),
        ]
        told = self._trades(trades)
        basis = basis_of(self.market, self.table, samples[0][2], told)
        residual_end = (
            residual_of(self._before) if self._before is not None else dict.fromkeys(_KINDS, np.nan)
        )
        return DayRecord(
            scenario=scenario,
            policy=policy,
            seed=seed,
            table=self.table,
            at_ns=np.array([each[0] for each in samples], dtype=np.int64),
            spot=np.stack([each[1].spot for each in samples]),
            fair=np.stack([each[1].fair for each in samples]),
            position=np.stack([each[2] for each in samples]),
            measures=np.stack([each[3] for each in samples]),
            limits=tuple(_bound(limit, self.unbound) for limit in self._limits),
            utilisation=np.stack([each[4] for each in samples]),
            capital_usd=np.array([each[5] for each in samples]),
            cash_usd=cash_usd,
            unit_usd=np.array(self.table.multiplier, dtype=np.float64),
            trades=told,
            watched=self._drawn(),
            duty_met=duty_met,
            residual_end_usd=residual_end,
            residual_mean_usd={
                kind: float(np.mean([one[kind] for one in self._residuals])) if self._residuals else np.nan
                for kind in _KINDS
            },
            counts=dict(self.counts),
            breaches=tuple(self._breaches),
            basis_usd=basis.pnl_usd,
            basis_usd2=basis.variance_usd2,
        )

    def _account(self, now_ns: int, cycle: Cycle, trades: TradeLog) -> None:
        if self._before is None or self._before.table.version != cycle.table.version:
            return
        found = causes(self._before, cycle, trades.late, self._untold, trades.not_traded)
        used = {one.limit.name: one.utilisation for one in cycle.standing.limits}
        self._breaches += [
            Breach(at_ns=now_ns, limit=name, utilisation=used[name], cause=cause)
            for name, cause in found.items()
        ]

    def _quote_of(self, cycle: Cycle) -> tuple[float, float]:
        """Bid and ask decided on for the series that is watched, price units."""
        unit = float(self.table.ticks_per_unit[self.watch])
        bid, ask = int(cycle.quotes.bid[self.watch]), int(cycle.quotes.ask[self.watch])
        return (np.nan if bid == NO_PRICE else bid / unit, np.nan if ask == NO_PRICE else ask / unit)

    def _trades(self, rows: Sequence[TradeRow]) -> Trades:
        later = [self._fair_later(each) for each in rows]
        return Trades(
            at_ns=_whole([each.at_ns for each in rows]),
            row=_whole([each.row for each in rows]),
            side=_whole([each.side for each in rows]),
            quantity=_whole([each.quantity for each in rows]),
            price=np.array([each.price for each in rows], dtype=np.float64),
            fee_usd=np.array([each.fee_usd for each in rows], dtype=np.float64),
            fair=np.array([each.fair for each in rows], dtype=np.float64),
            fair_later=np.array(later, dtype=np.float64),
            kind=_whole([each.kind for each in rows]),
            maker=np.array([each.maker for each in rows], dtype=np.bool_),
            informed=np.array([each.informed for each in rows], dtype=np.bool_),
        )

    def _fair_later(self, trade: TradeRow) -> float:
        """True worth at the horizon; of what has expired by then, its worth when it was traded last."""
        at = self.market.at_ns
        index = int(np.searchsorted(at, trade.at_ns + self.markout_ns, side="right")) - 1
        later = float(self.market.moment(max(index, 0)).fair[trade.row])
        return later if np.isfinite(later) else trade.fair

    def _drawn(self) -> Watched:
        columns = np.array(self._watched, dtype=np.float64).reshape(-1, 4)
        return Watched(
            row=self.watch,
            at_ns=np.array([each[0] for each in self._watched], dtype=np.int64),
            bid=columns[:, 1],
            ask=columns[:, 2],
            fair=columns[:, 3],
        )


def residual_of(cycle: Cycle) -> dict[str, float]:
    """Standard deviation of each kind of risk that is left, USD over the desk's holding time; NaN where it cannot be told."""
    entries = left_behind(cycle).ledger.entries
    return {
        name: float(np.sqrt(sum(entry.variance_usd2 for entry in entries if entry.kind in kinds)))
        for name, kinds in _KINDS.items()
    }


def _bound(limit: Limit, unbound: float) -> Bound:
    return Bound(
        name=limit.name,
        measure=limit.measure.value,
        underlying=limit.underlying,
        whole=not any(getattr(limit, part) for part in _WHOLE),
        hard=limit.limit_hard / unbound,
    )


def watched_row(symbol: str, table: InstrumentTable, opening: Moment) -> int:
    """The series whose quotes are drawn: the one named, else the live option nearest to the money."""
    if symbol:
        return table.row_of(symbol)
    spot = opening.spot[table.underlying_of]
    off = np.where(
        table.is_option & np.isfinite(opening.fair),
        np.abs(np.log(np.where(table.strike > 0.0, table.strike, spot) / spot)),
        np.inf,
    )
    return int(np.argmin(off))


def _whole(column: list[int]) -> Ints:
    return np.array(column, dtype=np.int64)
