"""What is held back although nobody killed it: halts, gaps of a feed, venues whose session is down or that do not agree with us.

Source: cancel-on-disconnect is not trusted, whatever the venue says of it. After a lost session or a new start every order of ours at the
venue is UNKNOWN, and nothing new leaves for it until its list of open orders and its positions, both asked since then, agree with
what we know. Differences stand until a fill that was missing is told, or a person books them (`PositionAdjusted`). Cancels leave
as soon as the session stands.

In a halt nothing leaves but cancels, hedges included. While a feed has a gap no quote stands; hedges leave as under a kill switch, which
is where they only reduce: what we hold is known, prices are not.
"""

from dataclasses import dataclass, field

import numpy as np

from flatbook.model.order_events import OpenOrdersTold
from flatbook.model.table import Bools, InstrumentTable, Ints
from flatbook.model.venue_events import FeedSuspect, PositionsTold, TradingHalted
from flatbook.orders.state import OrderState, WorkingOrders
from flatbook.quoting.conditions import HeldBack, Withheld

_ALL = ""
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Contracts of one series that we and the venue count differently; the empty symbol counts executions."""

    symbol: str
    ours: int
    theirs: int

    @property
    def text(self) -> str:
        """As shown to people."""
        return f"{self.symbol or 'executions'} ours {self.ours:,d}, theirs {self.theirs:,d}"


@dataclass(slots=True, kw_only=True)
class VenueStanding:
    """One venue since its session changed or we started anew."""

    up: bool
    since_ns: int  # what was asked before then proves nothing
    reason: str
    orders_cancelled: bool = False  # as the venue said; nobody relies on it
    orders_told: bool = False
    unexplained: tuple[int, ...] = ()  # client ids on its list of open orders that are none of ours
    positions: PositionsTold | None = None
    compare: bool = False  # our book may count otherwise than when it was compared last
    differences: tuple[Difference, ...] = ()

    @property
    def reconciled(self) -> bool:
        """Whether new orders may leave for it."""
        told = self.up and self.orders_told and self.positions is not None
        return told and not (self.compare or self.differences or self.unexplained)

    @property
    def text(self) -> str:
        """As shown to people."""
        if not self.up:
            return "SESSION DOWN"
        if self.reconciled:
            return "RECONCILED"
        wants = ["open orders not told"] * (not self.orders_told)
        wants += ["positions not told"] * (self.positions is None)
        if self.unexplained:
            ids = ", ".join(map(str, self.unexplained[:_SHOWN]))
            wants.append(f"{len(self.unexplained)} open orders there that are none of ours ({ids})")
        wants += [one.text for one in self.differences[:_SHOWN]]
        more = len(self.differences) - _SHOWN
        wants += [f"{more} more positions differ"] * (more > 0)
        return f"NOT RECONCILED: {'; '.join(wants) or 'positions not compared'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Since:
    reason: str
    ns: int


@dataclass(slots=True, kw_only=True)
class Trading:
    """Who is held back, and why. A venue of which nobody ever told is as it was before: reconciled."""

    halted: dict[str, _Since] = field(default_factory=dict)  # by underlying; the empty name is all
    suspect: dict[str, _Since] = field(default_factory=dict)  # by underlying
    venues: dict[str, VenueStanding] = field(default_factory=dict)
    restarted: _Since | None = None  # since then no venue is reconciled that has not told anything


def see_halt(trading: Trading, event: TradingHalted) -> None:
    """Halt an underlying, or let it go on; the first reason stays."""
    _turn(trading.halted, event.underlying, event.on, event.reason, event.received_ns)


def see_gap(trading: Trading, event: FeedSuspect) -> None:
    """Distrust the quotes of some underlyings, or trust them again."""
    for name in event.underlyings:
        _turn(trading.suspect, name, event.on, event.reason, event.received_ns)


def lose_venue(
    trading: Trading, orders: WorkingOrders, name: str, venue: int | None, *, standing: VenueStanding
) -> None:
    """Let a venue stand anew: all orders of ours there are UNKNOWN.

    Parameters
    ----------
    trading : Trading
    orders : WorkingOrders
    name : str
    venue : int or None
        Its number; None where we send nothing there.
    standing : VenueStanding
    """
    trading.venues[name] = standing
    if venue is not None:
        orders.state[orders.alive & (orders.venue == venue)] = OrderState.UNKNOWN


def restart(trading: Trading, orders: WorkingOrders, reason: str, now_ns: int) -> None:
    """Know nothing of any venue: every order is UNKNOWN. A session that was down stays down until it is told to stand."""
    trading.restarted = _Since(reason=reason, ns=now_ns)
    for name, before in trading.venues.items():
        trading.venues[name] = VenueStanding(up=before.up, since_ns=now_ns, reason=reason)
    orders.state[orders.alive] = OrderState.UNKNOWN


def see_open_orders(
    trading: Trading, orders: WorkingOrders, event: OpenOrdersTold, *, ours: bool, strange: Ints
) -> None:
    """Take a venue's list of open orders, once the orders have.

    Parameters
    ----------
    trading : Trading
    orders : WorkingOrders
        After the list.
    event : OpenOrdersTold
    ours : bool
        Our orders go there.
    strange : int64[m]
        Client ids of the list that are not open by our own account. One whose fills have overtaken the list is explained.
    """
    standing = venue_standing(trading, event.venue)
    if standing is None or event.asked_ns < standing.since_ns:
        return
    filled = orders.client_id[orders.filled >= orders.quantity] if ours else strange[:0]
    standing.orders_told = True
    standing.unexplained = tuple(strange[~np.isin(strange, filled)].tolist())
    trading.venues[event.venue] = standing


def see_positions(trading: Trading, event: PositionsTold) -> None:
    """Keep what a venue counts; one asked before the session stood, or before the last answer, proves nothing."""
    standing = venue_standing(trading, event.venue)
    if standing is None or event.asked_ns < standing.since_ns:
        return
    if standing.positions is None or event.asked_ns >= standing.positions.asked_ns:
        standing.positions, standing.compare = event, True
        trading.venues[event.venue] = standing


def venue_standing(trading: Trading, name: str) -> VenueStanding | None:
    """Where a venue stands; None where nothing ever happened to it."""
    known = trading.venues.get(name)
    if known is None and trading.restarted is not None:
        since = trading.restarted
        return VenueStanding(up=True, since_ns=since.ns, reason=since.reason)
    return known


def differences_of(told: PositionsTold, ours: dict[str, int], executions: int) -> tuple[Difference, ...]:
    """What we and a venue count differently, by symbol; executions first, where the venue tells them.

    Parameters
    ----------
    told : PositionsTold
    ours : dict of str to int
        Net contracts by symbol as of `told.asked_ns`, without zeros.
    executions : int
        Of ours, as of then.
    """
    theirs = dict(zip(told.symbols, told.quantities, strict=True))
    found = (
        Difference(symbol=name, ours=ours.get(name, 0), theirs=theirs.get(name, 0))
        for name in sorted({*ours, *theirs})
    )
    counted = Difference(symbol="", ours=executions, theirs=told.executions or executions)
    return tuple(one for one in (counted, *found) if one.ours != one.theirs)


def withheld_of(
    trading: Trading, table: InstrumentTable, venue: str, settled: Bools
) -> tuple[Ints, tuple[HeldBack, ...]]:
    """What holds back each row, and all that is held back.

    Parameters
    ----------
    trading : Trading
    table : InstrumentTable
        n instruments.
    venue : str
        Where our orders go; empty: nowhere.
    settled : bool[n]
        Series that are over.

    Returns
    -------
    int64[n]
        `Withheld`; the greatest that applies.
    tuple of HeldBack
        Lines for people.
    """
    n, of = len(table.instruments), table.underlying_of
    code, told = np.zeros(n, dtype=np.int64), []
    for kind, names in ((Withheld.SUSPECT, trading.suspect), (Withheld.HALTED, trading.halted)):
        for name, since in names.items():
            known = name in table.underlyings
            text = "" if known or name == _ALL else "no such underlying: nothing is held back"
            told.append(HeldBack(kind=kind, name=name, reason=since.reason, since_ns=since.ns, text=text))
            within = of == table.underlyings.index(name) if known else np.full(n, name == _ALL)
            code[within] = int(kind)
    standing = venue_standing(trading, venue) if venue else None
    if standing is not None and not standing.reconciled:
        told.append(
            HeldBack(
                kind=Withheld.UNRECONCILED,
                name=venue,
                reason=standing.reason,
                since_ns=standing.since_ns,
                text=standing.text,
            )
        )
        code[:] = int(Withheld.UNRECONCILED)
    code[settled] = int(Withheld.SETTLED)
    return code, tuple(told)


def is_down(trading: Trading, venue: str) -> bool:
    """Whether nothing at all can be sent there, cancels included."""
    standing = trading.venues.get(venue)
    return standing is not None and not standing.up


def _turn(names: dict[str, _Since], name: str, on: bool, reason: str, now_ns: int) -> None:
    if on:
        names.setdefault(name, _Since(reason=reason, ns=now_ns))
    else:
        names.pop(name, None)
