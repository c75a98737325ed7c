"""What the quoting room remembers: duties and their clocks, protections and what they counted, fast markets, prices of the last minute.

Only the functions of this file change it. A cycle brings it up to its time (`up_to`), decides by a snapshot (`conditions_at`), and tells
what it decided (`remember`); facts come in between.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from flatbook.market.view import MarketView
from flatbook.model.events import FastMarketSet, Fill, SessionsSeen, UnderlyingQuoted
from flatbook.model.instruments import Kind
from flatbook.model.measures import Measure
from flatbook.model.parameters import Desk
from flatbook.model.quoting_events import DutySession, ProtectionReset, ProtectionTripped
from flatbook.model.quoting_terms import FastMarketTerms
from flatbook.model.table import EMPTY_TABLE, Bools, Floats, InstrumentTable, Ints
from flatbook.quoting.conditions import Conditions
from flatbook.quoting.duties import (
    Around,
    HeldDuty,
    around,
    count_quotes,
    duty_now,
    exempt_again,
    frozen_now,
    listed,
    new_held,
    run_sessions,
    run_told,
)
from flatbook.quoting.fast_market import FastMarket, Level, fast_market, signs_of, within
from flatbook.quoting.obligations import suspend
from flatbook.quoting.protection import Trip, freeze, reset
from flatbook.quoting.protections import (
    OneFill,
    PerContract,
    Watched,
    count,
    frozen_rows,
    gone_freezes,
    per_contract_of,
    watch,
    watched_rows,
)
from flatbook.riskprice.bursts import BurstTerms, Excitement
from flatbook.riskprice.calibration import Calibrated
from flatbook.valuation.values import Values

_TRIPS_KEPT = 100
_NS_PER_S = 1_000_000_000
_PRICES_KEPT = 4096  # an underlying, within the window

VenueEvent = (
    ProtectionTripped | ProtectionReset | DutySession | SessionsSeen | UnderlyingQuoted | FastMarketSet
)


@dataclass(slots=True)
class QuotingState:
    """One per desk."""

    desk: Desk | None = None  # as of the last `up_to`
    table: InstrumentTable = EMPTY_TABLE
    duties: list[HeldDuty] = field(default_factory=list)
    watched: Watched | None = None
    per_contract: PerContract | None = (
        None  # None: nothing of ours was quoted yet, so no fill is one of our quotes'
    )
    trips: tuple[Trip, ...] = ()  # the latest
    fast: Mapping[str, Level] = field(default_factory=dict)  # by underlying that is not calm
    by_hand: dict[str, str] = field(default_factory=dict)  # why somebody calls it fast; the empty name is all
    spots: dict[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)  # times and prices
    excitement: dict[str, Excitement] = field(default_factory=dict)  # by underlying: of our fills
    calendars: dict[str, tuple[Ints, Ints]] = field(default_factory=dict)  # opens, closes
    told: dict[str, tuple[DutySession, ...]] = field(
        default_factory=dict
    )  # by duty: the latest that began, and those to come
    around: Around | None = None  # what widths were told in when quotes were counted last
    frozen_elsewhere: dict[str, ProtectionTripped] = field(
        default_factory=dict
    )  # by scope: of those that are not there yet, or no more


def up_to(state: QuotingState, desk: Desk, table: InstrumentTable, now_ns: int) -> None:
    """Take a desk that was set, series that were listed, and sessions that have begun until `now_ns`."""
    before, new_table = state.desk, table.version != state.table.version
    state.desk, state.table = desk, table
    if before is None or desk.duties != before.duties:
        _take_duties(state, desk, table)
    if new_table:
        for held in state.duties:
            listed(held, table, now_ns)
    if state.watched is None or new_table or before is None or _protection(desk) != _protection(before):
        _watch(state, desk, table, now_ns)
    if new_table and state.per_contract is not None:
        state.per_contract = _grown(state.per_contract, len(table.instruments))
    if new_table or before is None or desk.duties != before.duties:
        _ease(state, now_ns)
    for held in state.duties:
        sessions = state.calendars.get(held.terms.calendar)
        if sessions is not None:
            run_sessions(held, table, *sessions, now_ns)
    _run_told(state, now_ns)


def see_fill(state: QuotingState, fill: Fill) -> tuple[Trip, ...]:
    """Count a new fill in protections and towards bursts; the scopes that trip with it.

    Fills before the first quotes of this program, and of anything but options, count nowhere. The engine hands in each fill once.
    """
    row = state.table.rows.get(fill.instrument)
    if row is None or state.watched is None or state.per_contract is None or state.desk is None:
        return ()
    item = state.table.instruments[row]
    if item.kind is not Kind.OPTION:
        return ()
    name, terms = item.underlying, burst_terms(state.desk.fast_market)
    state.excitement[name] = state.excitement.get(name, Excitement()).after(fill.traded_ns, terms)
    one = OneFill(
        row=row,
        venue=fill.venue,
        quantity=int(fill.side) * fill.quantity,
        price=fill.price_ticks / item.ticks_per_unit,
        time_ns=fill.received_ns,
    )
    trips = count(state.watched, state.table, state.per_contract, one)
    if trips:
        state.trips = (*state.trips, *trips)[-_TRIPS_KEPT:]
        _stop_frozen(state, fill.received_ns)
    return trips


def see_venue(state: QuotingState, event: VenueEvent) -> None:
    """Take what a venue, a market or somebody said.

    A freeze of a scope that the desk does not have is kept for when it has.
    """
    match event:
        case ProtectionTripped():
            _see_trip(state, event)
        case ProtectionReset():
            state.frozen_elsewhere.pop(event.scope, None)
            scope = _scope(state, event.scope)
            if scope is not None and state.watched is not None:
                reset(state.watched.protection, scope, event.received_ns)
        case DutySession():
            _see_session(state, event)
        case SessionsSeen():
            state.calendars[event.calendar] = (np.array(event.open_ns), np.array(event.close_ns))
        case UnderlyingQuoted():
            _see_spot(state, event)
        case FastMarketSet():
            _see_hand(state, event)


def see_quotes_at_work(
    state: QuotingState,
    market: MarketView,
    bid: Ints,
    ask: Ints,
    bid_size: Ints,
    ask_size: Ints,
    now_ns: int,
) -> None:
    """Tell the duties which quotes of ours are in the market, all of them, as of a cycle.

    Parameters
    ----------
    state : QuotingState
    market : MarketView
        The last one; its rows are those of the columns.
    bid, ask : int64[n]
        Ticks; NO_PRICE where there is none.
    bid_size, ask_size : int64[n]
        Contracts.
    now_ns : int
        Not before the last call.
    """
    if not state.duties or state.watched is None:
        return
    _run_told(state, now_ns)
    frozen, _ = frozen_rows(state.watched, now_ns)
    state.around = around(market, _hands(state.by_hand, market.table.underlyings))
    for held in state.duties:
        count_quotes(held, None, bid, ask, bid_size, ask_size, frozen, state.around, now_ns)


def see_quotes_between(
    state: QuotingState, rows: Ints, bid: Ints, ask: Ints, bid_size: Ints, ask_size: Ints, now_ns: int
) -> None:
    """Tell the duties which quotes of some series are in the market, between two cycles: a venue has told of them.

    What is in the money is as of the last cycle; without one nothing counts. Series listed since then are not counted yet.

    Parameters
    ----------
    state : QuotingState
    rows : int64[k]
        Each once.
    bid, ask, bid_size, ask_size : int64[k]
        As of `see_quotes_at_work`.
    now_ns : int
        Not before the last call.
    """
    if state.around is None or state.watched is None:
        return
    _run_told(state, now_ns)
    known = rows < state.around.expiry_ns.size
    rows = rows[known]
    hands = _hands(state.by_hand, state.table.underlyings)
    of_rows = replace(state.around.of(rows), fast=hands[state.table.underlying_of[rows]])
    frozen, _ = frozen_rows(state.watched, now_ns)
    columns = (bid[known], ask[known], bid_size[known], ask_size[known])
    for held in state.duties:
        count_quotes(held, rows, *columns, frozen[rows], of_rows, now_ns)


def conditions_at(
    state: QuotingState,
    market: MarketView,
    *,
    killed: Bools | None = None,
    underlying_spread: Floats | None = None,
) -> Conditions:
    """A snapshot of everything that holds for quotes now; `up_to` the market's time comes first. It changes nothing.

    Parameters
    ----------
    state : QuotingState
    market : MarketView
    killed : bool[n], optional
        Past the kill limit, or stopped by hand.
    underlying_spread : float64[n_underlyings], optional
        Bid-ask of each underlying.
    """
    now_ns, names = market.now_ns, market.table.underlyings
    n = len(market.table.instruments)
    frozen, scopes = (
        (np.zeros(n, np.bool_), ()) if state.watched is None else frozen_rows(state.watched, now_ns)
    )
    terms = state.desk.fast_market if state.desk is not None else FastMarketTerms()
    duties = tuple(duty_now(held, now_ns) for held in state.duties)
    return Conditions(
        duties=duties,
        frozen=frozen,
        frozen_scopes=scopes,
        killed=np.zeros(n, np.bool_) if killed is None else killed,
        fast=_fast(state, market, terms, frozen),
        burst_fills=_burst_fills(state, names, now_ns),
        watched=watched_now(state, n),
        burst_quotes=0 if state.desk is None else state.desk.orders.burst_quotes,
        underlying_spread=np.full(len(names), np.nan) if underlying_spread is None else underlying_spread,
    )


def watched_now(state: QuotingState, n: int) -> Bools:
    """The first `n` series: whether a protection counts their fills, bool[n]."""
    return np.zeros(n, np.bool_) if state.watched is None else watched_rows(state.watched)[:n]


def remember(
    state: QuotingState, conditions: Conditions, values: Values, market: MarketView, sizes: Ints
) -> None:
    """Keep what a cycle saw and decided.

    Parameters
    ----------
    state : QuotingState
    conditions : Conditions
        That it decided by.
    values, market
    sizes : int64[2, n]
        Contracts that it shows, bids and offers.
    """
    table = market.table
    if conditions.fast is not None:
        state.fast = conditions.fast.memory
    state.per_contract = per_contract_of(values, table, sizes)
    shares = np.abs(values.greeks[:, Measure.DELTA_SHARES])
    for held in state.duties:
        exempt_again(held, table, shares / table.multiplier, market.now_ns)


def _take_duties(state: QuotingState, desk: Desk, table: InstrumentTable) -> None:
    """The duties of the desk; one that stays as it was keeps its clock."""
    known = {held.terms: held for held in state.duties}
    state.duties = [known.get(terms) or new_held(terms, table) for terms in desk.duties]


def _watch(state: QuotingState, desk: Desk, table: InstrumentTable, now_ns: int) -> None:
    """The protections of the desk; who is frozen stays so, whatever scopes come and go."""
    before = state.watched
    state.watched = watch(desk, table, before)
    if before is not None:
        for freeze_told in gone_freezes(before, state.watched, now_ns):
            state.frozen_elsewhere[freeze_told.scope] = freeze_told
    told = tuple(state.frozen_elsewhere.values())
    state.frozen_elsewhere = {}
    for event in told:
        if not event.until_ns or event.until_ns > now_ns:
            _see_trip(state, event)


def burst_terms(terms: FastMarketTerms) -> BurstTerms:
    """How fills bring about fills, as the desk says."""
    decay = terms.burst_decay_per_s
    return BurstTerms(
        base=Calibrated(value=terms.burst_base_per_s),
        jump=Calibrated(value=terms.burst_branching * decay),
        decay=Calibrated(value=decay),
    )


def _fast(state: QuotingState, market: MarketView, terms: FastMarketTerms, frozen: Bools) -> FastMarket:
    names, now_ns = market.table.underlyings, market.now_ns
    if not (terms.watch or state.by_hand or state.fast):
        return fast_market(None, terms, names, {}, now_ns)
    of_rows = market.table.underlying_of
    bursts = burst_terms(terms)
    bursting = [
        name in state.excitement and state.excitement[name].bursting(now_ns, bursts, terms.burst_times)
        for name in names
    ]
    signs = signs_of(
        market,
        terms,
        state.spots,
        np.bincount(of_rows[frozen], minlength=len(names)) > 0,
        np.array(bursting, dtype=np.bool_),
        state.by_hand,
    )
    return fast_market(signs, terms, names, state.fast, now_ns)


def _burst_fills(state: QuotingState, names: tuple[str, ...], now_ns: int) -> Floats:
    """Fills of each underlying to expect until its quotes are gone; 0 where no fill was seen."""
    if state.desk is None:
        return np.zeros(len(names))
    terms, seconds = burst_terms(state.desk.fast_market), state.desk.quoting.hedge_latency_s
    seen = state.excitement
    return np.array(
        [seen[name].expected_fills(now_ns, seconds, terms) if name in seen else 0.0 for name in names]
    )


def _see_trip(state: QuotingState, event: ProtectionTripped) -> None:
    scope = _scope(state, event.scope)
    if state.watched is None or scope is None:
        state.frozen_elsewhere[event.scope] = event
        return
    freeze(state.watched.protection, scope, event.received_ns, event.until_ns or None)
    _stop_frozen(state, event.received_ns)


def _stop_frozen(state: QuotingState, now_ns: int) -> None:
    """Quotes that a protection has taken away count for no duty from now on."""
    if state.watched is not None and state.duties:
        frozen, _ = frozen_rows(state.watched, now_ns)
        for held in state.duties:
            frozen_now(held, frozen, now_ns)


def _see_session(state: QuotingState, event: DutySession) -> None:
    """Keep a session that somebody told of; one that was told before takes the new times."""
    _run_told(state, event.received_ns)
    sessions = {each.opens_ns: each for each in (*state.told.get(event.duty, ()), event)}
    opens = sorted(sessions)
    state.told[event.duty] = tuple(sessions[each] for each in opens)
    _run_told(state, event.received_ns)


def _run_told(state: QuotingState, now_ns: int) -> None:
    """Begin the sessions that are due, and forget those before them."""
    for held in state.duties:
        run_told(held, state.table, state.told.get(held.terms.name, ()), now_ns)
    for duty, sessions in state.told.items():
        over = sum(each.opens_ns <= now_ns for each in sessions) - 1
        if over > 0:
            state.told[duty] = sessions[over:]


def _see_spot(state: QuotingState, event: UnderlyingQuoted) -> None:
    """Keep a price while it is within the window, and the last before it; late ones are not used."""
    path = state.spots.get(event.underlying, ())
    if path and event.received_ns < path[-1][0]:
        return
    window_s = state.desk.fast_market.window_s if state.desk is not None else FastMarketTerms().window_s
    path = (*path, (event.received_ns, event.price))[-_PRICES_KEPT:]
    state.spots[event.underlying] = within(path, event.received_ns, round(window_s * _NS_PER_S))


def _see_hand(state: QuotingState, event: FastMarketSet) -> None:
    state.by_hand.pop(event.underlying, None)
    if event.on:
        state.by_hand[event.underlying] = event.reason
    _ease(state, event.received_ns)


def _ease(state: QuotingState, now_ns: int) -> None:
    """Stop the clocks of duties all of whose markets somebody calls fast, where their rules say so; let the others run."""
    hands = _hands(state.by_hand, state.table.underlyings)
    for held in state.duties:
        mine = np.unique(state.table.underlying_of[: held.assigned.size][held.assigned])
        suspend(held.duty, now_ns, suspended=bool(mine.size) and bool(hands[mine].all()))


def _hands(by_hand: Mapping[str, str], names: tuple[str, ...]) -> Bools:
    return np.array(["" in by_hand or name in by_hand for name in names], dtype=np.bool_)


def _scope(state: QuotingState, name: str) -> int | None:
    scopes = () if state.watched is None else state.watched.protection.scopes
    return next((row for row, scope in enumerate(scopes) if scope.name == name), None)


def _protection(desk: Desk) -> tuple[object, ...]:
    """What scopes are made of."""
    return desk.protections, desk.quoting.shadow_share, desk.quoting.shadow_frozen_s


def _grown(per_contract: PerContract, n: int) -> PerContract:
    """With rows for series that are new: nobody knows their greeks, which counts as the most."""
    more = n - per_contract.delta.size
    unknown = np.full(more, np.nan)
    return PerContract(
        delta=np.concatenate((per_contract.delta, unknown)),
        vega_usd=np.concatenate((per_contract.vega_usd, unknown)),
        size=np.concatenate((per_contract.size, np.zeros((2, more), np.int64)), axis=1),
    )
