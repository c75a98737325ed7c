"""Days to look at: a simulated market, the desk in it, and a snapshot after each of its cycles."""

from collections import deque
from dataclasses import replace as changed
from importlib.resources import as_file, files
from itertools import islice
from math import nan
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from flatbook.adapters.scenario_file.read import read_scenario
from flatbook.live.picture import surfaces_before
from flatbook.live.snapshot import (
    Alert,
    DeskStanding,
    FillRow,
    HedgeMark,
    History,
    Mode,
    Severity,
    Snapshot,
    StoryKind,
    StoryLine,
    WorkingRow,
)
from flatbook.model.events import Fill
from flatbook.model.instruments import Kind
from flatbook.model.measures import Measure
from flatbook.model.world_price_terms import ClassTerms
from flatbook.orders.columns import Purpose
from flatbook.orders.state import OrderState
from flatbook.quoting.protections import scopes_now
from flatbook.sim.customers.orders import customer_orders
from flatbook.sim.day import Day
from flatbook.sim.policies import POLICIES
from flatbook.sim.prices.market import simulated_market
from flatbook.sim.stage import staged

_S_NS = 1_000_000_000


def stage_of(
    scenario="one-sided-calls",
    *,
    minutes=40.0,
    spacing_s=5.0,
    cycle_s=5.0,
    refit_every=6,
    orders=2500.0,
    expiry_days=(2, 9, 30),
    strikes=20,
    strike_spacing=25.0,
):
    """The stage of a short, busy day."""
    with as_file(files("flatbook.sim") / "scenarios") as folder:
        read = read_scenario(Path(folder) / f"{scenario}.toml")
    scenario = read.scenario
    index = scenario.prices.underlyings[0]
    options = ClassTerms(
        name=index.symbol, expiry_days=tuple(expiry_days), strikes=strikes, strike_spacing=strike_spacing
    )
    prices = replace(
        scenario.prices,
        spacing_seconds=spacing_s,
        session_minutes=minutes,
        underlyings=(replace(index, classes=(options,)), *scenario.prices.underlyings[1:]),
    )
    customers = tuple(replace(each, orders_per_day=orders) for each in scenario.flow.customers)
    scenario = replace(
        scenario,
        prices=prices,
        flow=replace(scenario.flow, customers=customers),
        cycle_s=cycle_s,
        refit_every=refit_every,
    )
    return staged(scenario, read.desk.desk, read.desk.limits)


class Pictures:
    """Watches a day, and makes a snapshot of every cycle."""

    def __init__(self):
        self.snapshots = []
        self.fills, self.story, self.hedges = deque(maxlen=200), deque(maxlen=200), deque(maxlen=200)
        self._rows, self._steps, self._cycle, self._lean = [], {}, None, None
        self._surfaces_before = {}

    def heard(self, day, facts):
        """Fills, as rows."""
        for fact in facts:
            if isinstance(fact, Fill):
                self._filled(day, fact)

    def happened(self, day):
        """Nothing to do."""

    def decided(self, day, cycle, commands):
        """A snapshot of the cycle."""
        self._tell(cycle)
        self._surfaces_before = surfaces_before(self._surfaces_before, self._cycle, cycle)
        self._cycle = cycle
        hedges = {each.underlying: each.band_usd for each in cycle.hedges}
        names = cycle.table.underlyings
        by = cycle.exposure.by_underlying
        self._rows.append(
            (
                cycle.now_ns,
                np.where(np.isfinite(cycle.price.delta_usd), cycle.price.delta_usd, by[:, Measure.DELTA_USD]),
                np.array([hedges.get(name, nan) for name in names]),
                by[:, Measure.VEGA_USD_PER_POINT],
                cycle.gaps.worst_by_underlying,
                np.array([each.utilisation for each in cycle.standing.limits]),
                _pnl(cycle),
            )
        )
        self.snapshots.append(self._snapshot(day, cycle))

    def _snapshot(self, day, cycle):
        at = np.array([each[0] for each in self._rows], dtype=np.int64)
        columns = [np.stack([each[place] for each in self._rows], axis=-1) for place in range(1, 6)]
        history = History(
            at_ns=at,
            underlyings=cycle.table.underlyings,
            delta_usd=columns[0],
            delta_band_usd=columns[1],
            vega_usd_per_point=columns[2],
            gap_usd=columns[3],
            limit_names=tuple(each.limit.name for each in cycle.standing.limits),
            utilisation=columns[4],
            pnl_usd=np.array([each[6] for each in self._rows]),
            hedges=tuple(self.hedges),
        )
        quoting = day.desk.process.state.quoting
        return Snapshot(
            number=len(self.snapshots) + 1,
            cycle=cycle,
            at_ns=cycle.now_ns,
            mode=Mode.SIMULATED,
            standing=DeskStanding.NORMAL,
            tick_to_decision_p50_us=280.0,
            tick_to_decision_p99_us=910.0,
            data_usable_pct=100.0 * cycle.market.usable_share,
            pnl_usd=_pnl(cycle),
            fills=tuple(self.fills),
            story=tuple(self.story),
            working=_working(day.desk.process.state, cycle),
            history=history,
            queues={"feed": 0, "executions": 0, "operator": 0},
            alerts=_alerts(cycle),
            venues={"cboe": "up"},
            journal_sequence=cycle.sequence,
            protections=scopes_now(quoting.watched, quoting.trips, cycle.now_ns),
            surfaces_before=self._surfaces_before,
        )

    def _filled(self, day, fill):
        table = day.desk.process.state.table
        row = table.row_of(fill.instrument)
        item = table.instruments[row]
        price = fill.price_ticks / item.ticks_per_unit
        theo = nan if self._cycle is None else float(self._cycle.values.price[row])
        hedge = item.kind is not Kind.OPTION
        self.fills.appendleft(
            FillRow(
                at_ns=fill.received_ns,
                symbol=fill.instrument,
                side=int(fill.side),
                quantity=fill.quantity,
                price=price,
                edge_usd=nan if hedge else int(fill.side) * (theo - price) * item.multiplier * fill.quantity,
                is_hedge=hedge,
                fill_id=fill.fill_id,
                underlying=item.underlying,
                capacity=fill.capacity.value,
                sequence=fill.sequence,
                theo=theo,
                spot=nan if self._cycle is None else float(self._cycle.market.spot[table.underlying_of[row]]),
                delta=nan
                if self._cycle is None
                else float(self._cycle.values.greeks[row, Measure.DELTA_SHARES] / item.multiplier),
                fee=fill.fee,
                venue=fill.venue,
                counterparty=fill.counterparty,
            )
        )
        if hedge:
            signed = int(fill.side) * fill.quantity
            self.hedges.append(
                HedgeMark(
                    at_ns=fill.received_ns,
                    underlying=item.underlying,
                    symbol=item.symbol,
                    quantity=signed,
                    price=price,
                    shortfall_usd=-signed * (theo - price) * item.multiplier,
                )
            )
            verb = "bought" if signed > 0 else "sold"
            self._say(
                fill.sequence,
                fill.received_ns,
                StoryKind.HEDGE,
                f"hedged: {verb} {fill.quantity} {item.symbol} at {price:.2f}",
            )

    def _tell(self, cycle):
        for each in cycle.standing.limits:
            before = self._steps.get(each.limit.name, 0)
            if each.step != before:
                up = each.step > before
                severity = Severity.INFO if not up else Severity.RED if each.step >= 4 else Severity.AMBER
                self._say(
                    cycle.sequence,
                    cycle.now_ns,
                    StoryKind.LIMIT,
                    f"{each.step.name} {each.limit.name} at {each.utilisation:.0%}",
                    severity,
                )
            self._steps[each.limit.name] = each.step
        lean = cycle.quotes.lean[cycle.table.is_option & (cycle.table.sign > 0)]
        mean = float(np.nanmean(lean)) if np.isfinite(lean).any() else nan
        if self._lean is None or abs(mean - self._lean) > 0.05:
            self._lean = mean
            self._say(
                cycle.sequence, cycle.now_ns, StoryKind.LEAN, f"leaning: IDX calls by {mean:+.2f} on average"
            )

    def _say(self, sequence, at_ns, kind, text, severity=Severity.INFO):
        self.story.appendleft(
            StoryLine(sequence=sequence, at_ns=at_ns, kind=kind, text=text, severity=severity)
        )


def pictures_of(stage, seed=1, cycles=None):
    """Snapshots of the first cycles of a day, or of all."""
    market = simulated_market(stage.scenario.prices, seed)
    orders = customer_orders(stage.scenario.flow, market, seed)
    watch = Pictures()
    day = Day(stage, POLICIES["joint"], seed, market, orders, watch=watch)
    if cycles is not None:
        day.close_ns = min(
            day.close_ns, day.open_ns + round(cycles * stage.scenario.prices.spacing_seconds * _S_NS)
        )
    day.run()
    return watch.snapshots


def renumbered(snapshot, number):
    """The same picture, published again."""
    return changed(snapshot, number=number)


def _pnl(cycle):
    worth = cycle.held.quantity * cycle.values.price * cycle.table.multiplier
    return float(np.nansum(worth) + np.nansum(cycle.book.cash) - np.nansum(cycle.book.fees))


def _alerts(cycle):
    hot = [each for each in cycle.standing.limits if each.step >= 2]
    return tuple(
        Alert(
            id=f"limit:{each.limit.name}",
            at_ns=cycle.now_ns,
            severity=Severity.RED if each.step >= 4 else Severity.AMBER,
            text=f"{each.limit.name} at {each.utilisation:.0%} of its limit",
            scope=each.limit.name,
        )
        for each in islice(sorted(hot, key=lambda each: -each.utilisation), 5)
    )


def _working(state, cycle):
    orders = state.outbox.working
    live = np.flatnonzero(orders.alive)
    table = cycle.table
    return tuple(
        WorkingRow(
            client_id=int(orders.client_id[at]),
            symbol=table.instruments[int(orders.row[at])].symbol,
            side=int(orders.side[at]),
            price=float(orders.price_ticks[at] / table.ticks_per_unit[orders.row[at]]),
            quantity=int(orders.quantity[at]),
            open=int(orders.open[at]),
            state=OrderState(int(orders.state[at])).name.lower(),
            is_quote=int(orders.purpose[at]) == Purpose.QUOTE,
            sent_ns=int(orders.sent_ns[at]),
        )
        for at in live.tolist()
    )
