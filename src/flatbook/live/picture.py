"""From a core to what a reader is shown: fills as rows, half an hour of history, the story, alerts, and one snapshot of it all."""

from collections import deque
from math import nan
from types import MappingProxyType

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.live.alerts import Alerts
from flatbook.live.history import HistoryColumns
from flatbook.live.shown import ShownCore
from flatbook.live.snapshot import (
    FILLS_SHOWN,
    STORY_SHOWN,
    DeskStanding,
    FillRow,
    HedgeMark,
    Mode,
    Snapshot,
    StoryLine,
    SurfaceBefore,
    WorkingRow,
    WorkingRows,
)
from flatbook.live.story import Story
from flatbook.market.quotes import QuoteStatus
from flatbook.model.events import Fill
from flatbook.model.facts import Fact
from flatbook.model.measures import Measure
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints
from flatbook.orders.columns import Purpose
from flatbook.orders.state import OrderState
from flatbook.quoting.protections import scopes_now
from flatbook.valuation.values import usd_per_quote

_LATENCIES = 4_096  # decisions of which the percentiles are told
_STATES = {state.value: state.name.lower() for state in OrderState}


class Latency:
    """How long the last decisions took."""

    def __init__(self) -> None:
        self._took_ns = np.full(_LATENCIES, nan)
        self._count = 0

    def see(self, took_ns: int) -> None:
        """One more."""
        self._took_ns[self._count % _LATENCIES] = took_ns
        self._count += 1

    def percentiles_us(self) -> tuple[float, float]:
        """The median and the 99th percentile; NaN before the first."""
        seen = self._took_ns[: min(self._count, _LATENCIES)]
        if not seen.size:
            return nan, nan
        half, most = np.percentile(seen, (50.0, 99.0)).tolist()
        return half / 1e3, most / 1e3


class Picture:
    """What is kept of a desk for its readers."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.latency, self.alerts, self.story = Latency(), Alerts(), Story()
        self._history = HistoryColumns()
        self._fills: deque[FillRow] = deque(maxlen=FILLS_SHOWN)
        self._lines: deque[StoryLine] = deque(maxlen=STORY_SHOWN)
        self._cycle: Cycle | None = None
        self._surfaces_before: dict[str, SurfaceBefore] = {}
        self._seen_fills: set[str] = set()
        self.fills = 0  # so far
        self._number = 0

    def see(self, facts: tuple[Fact, ...], cycle: Cycle | None, now_ns: int) -> None:
        """Take over what was folded and decided in one round."""
        before = self._cycle
        rows = [row for fact in facts if isinstance(fact, Fill) and (row := self._fill(fact)) is not None]
        self._fills.extendleft(rows)
        self._history.marks(
            HedgeMark(
                at_ns=row.at_ns,
                underlying=row.underlying,
                symbol=row.symbol,
                quantity=row.side * row.quantity,
                price=row.price,
                shortfall_usd=-row.edge_usd,
            )
            for row in rows
            if row.is_hedge
        )
        self._lines.extendleft(self.story.lines(facts, rows, before, cycle))
        if cycle is not None:
            self._surfaces_before = surfaces_before(self._surfaces_before, before, cycle)
            self._cycle = cycle
        self.alerts.see(facts, cycle, now_ns)

    def snapshot(
        self, core: ShownCore, *, queues: dict[str, int], journal_sequence: int, stopping: bool
    ) -> Snapshot:
        """The picture as it is now, which the history keeps; the core has decided at least once."""
        self.remember(core)
        return self.shown(core, queues=queues, journal_sequence=journal_sequence, stopping=stopping)

    def remember(self, core: ShownCore) -> None:
        """Keep the last decision in the history, and look at the session, the clock and what was refused."""
        cycle, now_ns = core.last_cycle, core.clock.now_ns()
        assert cycle is not None, "nothing is kept before the first cycle"
        self.alerts.venue(core, now_ns)
        self._history.add(cycle, now_ns, _pnl_usd(cycle))

    def shown(
        self, core: ShownCore, *, queues: dict[str, int], journal_sequence: int, stopping: bool
    ) -> Snapshot:
        """The picture as it is now, with the history that was kept before."""
        cycle = core.last_cycle
        assert cycle is not None, "nothing is shown before the first cycle"
        self._number += 1
        now_ns = core.clock.now_ns()
        standing, why = standing_of(core, stopping=stopping)
        half, most = self.latency.percentiles_us()
        name, watched = core.venue, core.state.quoting.watched
        return Snapshot(
            number=self._number,
            cycle=cycle,
            at_ns=now_ns,
            mode=self.mode,
            standing=standing,
            tick_to_decision_p50_us=half,
            tick_to_decision_p99_us=most,
            data_usable_pct=usable_pct(cycle),
            pnl_usd=_pnl_usd(cycle),
            fills=tuple(self._fills),
            story=tuple(self._lines),
            working=working_rows(core),
            history=self._history.columns(),
            queues=MappingProxyType(dict(queues)),
            alerts=self.alerts.standing,
            standing_reason=why,
            venues=MappingProxyType({name: venue_word(core)}),
            speed=core.clock.speed,
            journal_sequence=journal_sequence,
            protections=None if watched is None else scopes_now(watched, core.state.quoting.trips, now_ns),
            surfaces_before=MappingProxyType(self._surfaces_before),
        )

    def _fill(self, fact: Fill) -> FillRow | None:
        """A fill as a row; None of one that was seen before, or of what nobody lists."""
        if fact.fill_id in self._seen_fills or self._cycle is None:
            return None
        table = self._cycle.table
        row = table.rows.get(fact.instrument)
        if row is None:
            return None
        self._seen_fills.add(fact.fill_id)
        self.fills += 1
        price = fact.price_ticks / table.instruments[row].ticks_per_unit
        usd = float(usd_per_quote(self._cycle.values, self._cycle.market)[row])
        theo = float(self._cycle.values.price[row])
        edge = int(fact.side) * fact.quantity * (theo - price) * usd
        return FillRow(
            at_ns=fact.traded_ns,
            symbol=fact.instrument,
            side=int(fact.side),
            quantity=fact.quantity,
            price=price,
            edge_usd=edge,
            is_hedge=is_hedge(self._cycle, fact.instrument),
            fill_id=fact.fill_id,
            underlying=table.instruments[row].underlying,
            capacity=fact.capacity.value,
            sequence=fact.sequence,
            theo=theo,
            spot=float(self._cycle.market.spot[table.underlying_of[row]]),
            delta=float(self._cycle.values.greeks[row, Measure.DELTA_SHARES] / table.multiplier[row]),
            fee=fact.fee,
            venue=fact.venue,
            counterparty=fact.counterparty,
        )


def surfaces_before(
    known: dict[str, SurfaceBefore], before: Cycle | None, cycle: Cycle
) -> dict[str, SurfaceBefore]:
    """By underlying the surface that was replaced last; a new mapping where one was."""
    if before is None:
        return known
    now = dict(zip(cycle.table.underlyings, cycle.market.surfaces, strict=True))
    new = {
        name: SurfaceBefore(surface=old, until_ns=cycle.now_ns)
        for name, old in zip(before.table.underlyings, before.market.surfaces, strict=True)
        if old is not None and now.get(name) is not None and now[name] is not old
    }
    return {**known, **new} if new else known


def _pnl_usd(cycle: Cycle) -> float:
    """Since the open; NaN where no underlying has any yet."""
    by_underlying = cycle.basis.day.pnl_usd
    return float(sum(by_underlying.values())) if by_underlying else nan


def is_hedge(cycle: Cycle, symbol: str) -> bool:
    """Whether the desk hedges with it."""
    return any(terms.instrument.symbol == symbol for terms in cycle.desk.hedges)


def usable_pct(cycle: Cycle) -> float:
    """Options whose quotes can be used, of those that live; NaN where none does."""
    market = cycle.market
    living = market.table.is_option & (market.status != QuoteStatus.EXPIRED)
    count = int(np.count_nonzero(living))
    usable = int(np.count_nonzero(living & (market.status == QuoteStatus.USABLE)))
    return 100.0 * usable / count if count else nan


def working_rows(core: ShownCore) -> WorkingRows:
    """Orders that may still fill, as they are now."""
    orders, table = core.orders, core.state.table
    alive = orders.alive
    row = orders.row[alive]
    columns: tuple[Ints | Floats | Bools, ...] = (
        orders.client_id[alive],
        row,
        orders.side[alive],
        orders.price_ticks[alive] / table.ticks_per_unit[row],
        orders.quantity[alive],
        orders.open[alive],
        orders.state[alive],
        orders.purpose[alive] == Purpose.QUOTE,
        orders.sent_ns[alive],
    )
    return WorkingRows(lambda: _rows_of(columns, table))


def _rows_of(columns: tuple[Ints | Floats | Bools, ...], table: InstrumentTable) -> tuple[WorkingRow, ...]:
    return tuple(
        WorkingRow(
            client_id=client_id,
            symbol=table.instruments[row].symbol,
            side=side,
            price=price,
            quantity=quantity,
            open=left,
            state=_STATES[state],
            is_quote=is_quote,
            sent_ns=sent_ns,
        )
        for client_id, row, side, price, quantity, left, state, is_quote, sent_ns in zip(
            *(column.tolist() for column in columns), strict=True
        )
    )


def venue_word(core: ShownCore) -> str:
    """How the session with the venue stands, in a word."""
    standing = core.venue_standing
    if standing is None or not standing.up:
        return "lost"
    return "up" if standing.reconciled else "reconciling"


def standing_of(core: ShownCore, *, stopping: bool) -> tuple[DeskStanding, str]:  # noqa: PLR0911 - the first that applies
    """How the desk stands, and why it is not as it should be."""
    state = core.state
    trading, kills = state.outbox.trading, state.outbox.kills.on
    venue = core.venue_standing
    if stopping:
        return DeskStanding.STOPPED, "it is stopping"
    if core.last_cycle is None:
        return DeskStanding.STARTING, "no cycle was decided yet"
    if (desk_kill := next((kill for (_, name), kill in kills.items() if not name), None)) is not None:
        return DeskStanding.PULLED, f"killed by {desk_kill.owner}: {desk_kill.reason}"
    if venue is not None and not venue.up:
        return DeskStanding.PULLED, f"session with {core.venue}: {venue.reason or 'not there yet'}"
    if venue is not None and not venue.reconciled:
        return DeskStanding.RECONCILING, venue.text
    reasons = [f"{scope.value} {name} killed by {kill.owner}" for (scope, name), kill in kills.items()]
    reasons += [f"{name}: {since.reason}" for name, since in trading.suspect.items()]
    reasons += [f"{name or 'all'} halted: {since.reason}" for name, since in trading.halted.items()]
    if reasons:
        names = set(trading.suspect) | set(trading.halted)
        everything = "" in trading.halted or names >= set(_underlyings(state.table))
        return (DeskStanding.PULLED if everything else DeskStanding.DEGRADED), "; ".join(reasons[:3])
    return DeskStanding.NORMAL, ""


def _underlyings(table: InstrumentTable) -> tuple[str, ...]:
    return table.underlyings
