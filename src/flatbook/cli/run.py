"""The batch desk: inputs to events, events through the journal into the engine, one cycle out."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from flatbook.adapters.calendars import sessions_of_desk
from flatbook.adapters.desk_file.read import DeskFile, check_desk_against, read_desk
from flatbook.adapters.files.fills import FillsFile, read_fills
from flatbook.adapters.files.history import HistoryFile, read_history
from flatbook.adapters.files.market import MarketFile, read_market
from flatbook.adapters.files.orders import read_orders
from flatbook.adapters.files.reported import read_reported
from flatbook.engine.cycle import Cycle
from flatbook.engine.decision import decision_of, encode_decision
from flatbook.engine.measure import WhatIf, contracts_of, what_if
from flatbook.engine.offsets import Offset, offset_of
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.journal.store import Journal
from flatbook.model.errors import Fault, FaultsError, InvalidValueError, fail_on
from flatbook.model.events import (
    CapitalReported,
    CycleDue,
    DeskSet,
    InstrumentsListed,
    LimitsSet,
    OrdersWorking,
    SessionsSeen,
)
from flatbook.model.facts import Fact
from flatbook.model.instruments import Instrument
from flatbook.model.table import EMPTY_TABLE, InstrumentTable

Progress = Callable[[str], None]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything that was read, and found good."""

    market: MarketFile
    fills: FillsFile
    desk: DeskFile
    table: InstrumentTable  # what can be in the book
    sessions: tuple[SessionsSeen, ...]  # of the calendars that the desk names
    history: HistoryFile | None  # past days; None: the desk names none
    working: OrdersWorking | None  # our orders in the market; None: nobody told
    what_if: OrdersWorking | None  # trades to think about
    reports: tuple[CapitalReported, ...]  # what a clearing firm asks for

    def facts(self) -> Iterable[Fact]:
        """The events of the day in the order in which a desk would have met them, a cycle last."""
        at_ns, who = self.market.at_ns, "desk file"
        yield from (event for event in self.market.events if isinstance(event, InstrumentsListed))
        yield DeskSet(received_ns=at_ns, desk=self.desk.desk, by=who)
        yield LimitsSet(received_ns=at_ns, limits=self.desk.limits, by=who)
        yield from (event for event in self.market.events if not isinstance(event, InstrumentsListed))
        yield from self.sessions
        if self.history is not None:
            yield from self.history.events
        yield from self.fills.events
        if self.working is not None:
            yield self.working
        yield from self.reports
        if any(event.trading_days is None for event in self.desk.desk.events):
            yield CycleDue(received_ns=at_ns, reason="what the quotes say of events")
        yield CycleDue(received_ns=at_ns, reason="plan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The cycle, and the head of the journal that tells how it came about."""

    cycle: Cycle
    journal_head: bytes
    asked: tuple[WhatIf, ...]  # what would be
    offset: (
        Offset | None
    )  # what options, underlying and proxies would do about the book; None: nothing is held
    offset_after: WhatIf | None  # the book once it is done; None: it trades nothing


def read_inputs(
    *,
    faults: list[Fault],
    book: Path | None,
    market: Path,
    config: Path,
    market_format: str | None,
    at_ns: int | None,
    underlying: str | None,
    progress: Progress,
    working: Path | None = None,
    what_if: Path | None = None,
    reported: Path | None = None,
) -> Inputs:
    """Read the three inputs; the faults of all are told at once, after those that `faults` holds already. Without a book it is flat.

    Raises
    ------
    FaultsError
        Holding every fault found.
    """
    faults = list(faults)
    progress("reading the desk file")
    desk = _gather(faults, lambda: read_desk(config))
    progress("reading the market")
    chain = _gather(
        faults,
        lambda: read_market(
            market, format=market_format, at_ns=at_ns, underlying=underlying, progress=progress
        ),
    )
    fail_on(faults)
    assert desk is not None
    assert chain is not None
    table = _table(chain, desk)
    faults += check_desk_against(desk, _names(chain), table.classes)
    faults += _hedges_that_differ(desk, table)
    sessions = _gather(faults, lambda: _sessions(desk, chain, table))
    progress("reading the fills")
    fills = _gather(faults, lambda: _fills(book, table, chain.at_ns))
    history = _gather(faults, lambda: _history(desk, config, chain))
    at_work = _orders(faults, working, table, chain.at_ns)
    thought_of = _orders(faults, what_if, table, chain.at_ns)
    reports = _gather(faults, lambda: _reports(reported, desk, table, chain.at_ns))
    fail_on(faults)
    assert fills is not None
    assert sessions is not None
    assert reports is not None
    return Inputs(
        market=chain,
        fills=fills,
        desk=desk,
        table=table,
        sessions=sessions,
        history=history,
        working=at_work,
        what_if=thought_of,
        reports=reports,
    )


def run(inputs: Inputs, journal: Journal, progress: Progress) -> Outcome:
    """Journal each fact, then take it; the last one is a cycle. What a cycle decides is journaled too."""
    progress("folding the facts")
    state, cycle = State(), None
    with journal.batch():
        for fact in inputs.facts():
            if isinstance(fact, CycleDue):
                progress("valuing the chain and the book")
            found = step(state, journal.append(fact))
            if found is not None:
                cycle = found
                journal.append_decision(encode_decision(decision_of(cycle)), cycle.sequence)
        assert cycle is not None, "a plan ends with a cycle"
    progress("asking what if")
    asked = () if inputs.what_if is None else (_what_if(inputs.what_if, cycle, state),)
    progress("looking for an option offset")
    offset, after = offset_of_book(cycle, state)
    return Outcome(cycle=cycle, journal_head=journal.head, asked=asked, offset=offset, offset_after=after)


def _what_if(orders: OrdersWorking, cycle: Cycle, state: State) -> WhatIf:
    trades = contracts_of(orders, cycle.table)
    return what_if("the trades asked about", trades, cycle.held.quantity, cycle.basis, state.limits)


def offset_of_book(cycle: Cycle, state: State) -> tuple[Offset | None, WhatIf | None]:
    """Of the book that is held, over the underlyings in it, and the book once it is done."""
    held = cycle.held.quantity
    inside = set(cycle.table.underlying_of[held != 0].tolist())
    names = tuple(name for u, name in enumerate(cycle.table.underlyings) if u in inside)
    if not names:
        return None, None
    offset = offset_of(cycle.held, cycle.standing, cycle.basis, names)
    if not offset.plan.contracts.any():
        return offset, None
    trades = np.zeros_like(held)
    trades[offset.question.rows] = offset.plan.contracts
    return offset, what_if("the option offset", trades, held, cycle.basis, state.limits)


def _gather(faults: list[Fault], read: Callable[[], _T]) -> _T | None:
    try:
        return read()
    except FaultsError as error:
        faults.extend(error.faults)
        return None


def _fills(path: Path | None, table: InstrumentTable, at_ns: int) -> FillsFile:
    return FillsFile(events=(), notes=()) if path is None else read_fills(path, table=table, at_ns=at_ns)


def _orders(
    faults: list[Fault], path: Path | None, table: InstrumentTable, at_ns: int
) -> OrdersWorking | None:
    return None if path is None else _gather(faults, lambda: read_orders(path, table=table, at_ns=at_ns))


def _reports(
    path: Path | None, desk: DeskFile, table: InstrumentTable, at_ns: int
) -> tuple[CapitalReported, ...]:
    """What others say that the desk, or an underlying of it, must be backed with, in USD."""
    rows = () if path is None else read_reported(path, at_ns)
    names = {desk.desk.name: "", **{name: name for name in table.underlyings}}
    faults = [
        Fault(
            where=f"{'' if path is None else path.name} group {one.group!r}",
            found=f"{one.group!r} in {one.currency or 'USD'}",
            expected=f"the desk, {desk.desk.name!r}, or an underlying of it, in USD",
            action="correct the name or the currency, or remove the row",
        )
        for one in rows
        if one.group not in names or one.currency not in {"", "USD"}
    ]
    fail_on(faults)
    return tuple(
        CapitalReported(
            received_ns=at_ns,
            source=one.source,
            underlying=names[one.group],
            requirement_usd=one.requirement,
            as_of_ns=one.as_of_ns,
        )
        for one in rows
    )


def _history(desk: DeskFile, config: Path, chain: MarketFile) -> HistoryFile | None:
    if not desk.history:
        return None
    return read_history(config.parent / desk.history, at_ns=chain.at_ns, underlyings=_names(chain))


def _sessions(desk: DeskFile, chain: MarketFile, table: InstrumentTable) -> tuple[SessionsSeen, ...]:
    last_ns = int(table.expiry_ns.max(initial=0))
    try:
        return sessions_of_desk(desk.desk, _names(chain), chain.at_ns, last_ns)
    except InvalidValueError as error:
        fault = Fault(
            where=f"{desk.name} [[underlying]] calendar",
            found=str(error),
            expected="an exchange that the calendar library knows, as XNYS, XEUR or 24/7",
            action="correct the name, or leave it out for calendar time",
        )
        raise FaultsError([fault]) from error


def _names(chain: MarketFile) -> tuple[str, ...]:
    listed = (event.instruments for event in chain.events if isinstance(event, InstrumentsListed))
    return tuple(dict.fromkeys(item.underlying for items in listed for item in items))


def _hedges_that_differ(desk: DeskFile, table: InstrumentTable) -> list[Fault]:
    """Hedge instruments that the market lists too, on other terms."""
    faults = []
    for terms in desk.desk.hedges:
        mine = terms.instrument
        listed = table.instruments[table.row_of(mine.symbol)]
        if _terms(mine) != _terms(listed):
            faults.append(
                Fault(
                    where=f"{desk.name} [[hedge]] {mine.symbol}",
                    found=" ".join(map(str, _terms(mine))),
                    expected="what the market lists: " + " ".join(map(str, _terms(listed))),
                    action="correct the desk file, or give the hedge another symbol",
                )
            )
    return faults


def _terms(item: Instrument) -> tuple[str, str, str, str]:
    """What must be the same, in words."""
    return item.payoff.value, item.kind.value, f"on {item.underlying}", f"multiplier {item.multiplier:g}"


def _table(chain: MarketFile, desk: DeskFile) -> InstrumentTable:
    """What can be in the book: the chain and the hedge instruments."""
    table = EMPTY_TABLE
    for event in chain.events:
        if isinstance(event, InstrumentsListed):
            table = table.listed(event.instruments)
    hedges = tuple(
        terms.instrument for terms in desk.desk.hedges if terms.instrument.symbol not in table.rows
    )
    return table.listed(hedges)
