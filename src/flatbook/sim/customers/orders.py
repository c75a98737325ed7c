"""The orders of a day's customers, drawn from a seed and the market's path before the day begins.

An order comes at its time, chooses call or put, a series of that right by its weight, a side, a size, and how far beyond fair value it reaches: an
exponential, so that fills fade as exp(-decay distance) (domain reference 4.20). Orders for what cannot be traded at their time are never sent.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np

from flatbook.model.instruments import Side
from flatbook.model.table import Bools, Floats, Ints
from flatbook.model.world_flow_terms import CustomerTerms, FlowOfDay, PackageKind
from flatbook.sim.chance import Chance, stream
from flatbook.sim.customers.arrivals import arrival_minutes
from flatbook.sim.customers.board import Board
from flatbook.sim.customers.day_shape import day_shape
from flatbook.sim.customers.informed import changes_ahead
from flatbook.sim.customers.packages import Packages
from flatbook.sim.customers.sizes import sizes
from flatbook.sim.moment import CustomerOrder, DayMarket, Leg

_NS_PER_MINUTE = 60_000_000_000
_ALONE = -1  # place of an order that is no package


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Draws:
    """One row for each order, ascending in time."""

    at_ns: Ints
    moment: Ints
    call: Bools
    series: Floats  # where in the distribution of the series
    side: Ints
    informed: Bools
    right: Bools  # an informed order takes the side that pays
    kind: Ints  # of package; _ALONE: none
    quantity: Ints
    reach_points: Floats
    clientele: Ints

    def part(self, here: slice) -> "_Draws":
        """Some of the rows."""
        return _Draws(**{each.name: getattr(self, each.name)[here] for each in fields(self)})


def customer_orders(terms: FlowOfDay, market: DayMarket, seed: int) -> tuple[CustomerOrder, ...]:
    """All orders of the day by time, numbered from 1.

    Each crowd draws from a stream of its own, so that one more changes no order of another.

    Parameters
    ----------
    terms : FlowOfDay
    market : DayMarket
        Its moments are read, those ahead of an order too where the customer is informed.
    seed : int
        0 or above.

    Raises
    ------
    InvalidValueError
        An underlying that the market does not list.
    """
    return tuple(_merged(terms, market, seed, at_once=True))


def orders_as_they_come(terms: FlowOfDay, market: DayMarket, seed: int) -> Iterator[CustomerOrder]:
    """The same orders one after the other, each worked out when it is asked for: a long day of a fine market begins at once.

    Parameters and errors are those of `customer_orders`; the market is read at the moment of each order, and ahead of it where the
    customer is informed.
    """
    return _merged(terms, market, seed, at_once=False)


def _merged(terms: FlowOfDay, market: DayMarket, seed: int, *, at_once: bool) -> Iterator[CustomerOrder]:
    crowds = [
        _orders_of(each, market, stream(seed, f"customers/{each.underlying}/{each.tier}"), at_once=at_once)
        for each in terms.customers
    ]
    for number, order in enumerate(heapq.merge(*crowds, key=lambda order: order.at_ns), start=1):
        yield CustomerOrder(
            order_id=number,
            at_ns=order.at_ns,
            legs=order.legs,
            quantity=order.quantity,
            reach_points=order.reach_points,
            capacity=order.capacity,
            informed=order.informed,
        )


def _orders_of(
    terms: CustomerTerms, market: DayMarket, chance: Chance, *, at_once: bool
) -> Iterator[CustomerOrder]:
    board = Board(market.table, terms.underlying)
    draws = _drawn(terms, market, chance)
    packages = (
        Packages(market.table, board.rows.tolist(), terms.packages.width_strikes)
        if terms.packages.share > 0.0
        else None
    )
    starts = [0] if at_once else np.unique(draws.moment, return_index=True)[1].tolist()
    for first, end in pairwise([*starts, draws.at_ns.size]):
        yield from _block(terms, board, market, packages, draws.part(slice(first, end)))


def _block(
    terms: CustomerTerms, board: Board, market: DayMarket, packages: Packages | None, draws: _Draws
) -> Iterator[CustomerOrder]:
    """Orders of some moments, whole ones."""
    rows, alive_of = _chosen(terms, board, market, draws)
    side, knew = _sides(terms, market, draws, rows)
    for n in np.flatnonzero(rows >= 0).tolist():
        row, towards, kind = int(rows[n]), int(side[n]), int(draws.kind[n])
        legs: tuple[Leg, ...] = ()
        if packages is not None and kind != _ALONE:
            k = int(draws.moment[n])
            spot = float(market.moment(k).spot[board.underlying])
            legs = packages.legs(PackageKind(kind), row, alive_of[k], spot)
        reach = float(draws.reach_points[n]) * (terms.packages.reach_share if legs else 1.0)
        yield CustomerOrder(
            order_id=0,
            at_ns=int(draws.at_ns[n]),
            legs=tuple(Leg(row=leg.row, side=leg.side * towards, ratio=leg.ratio) for leg in legs)
            or (Leg(row=row, side=towards),),
            quantity=int(draws.quantity[n]),
            reach_points=reach,
            capacity=terms.clientele[int(draws.clientele[n])].capacity.value,
            informed=bool(knew[n]),
        )


def _drawn(terms: CustomerTerms, market: DayMarket, chance: Chance) -> _Draws:
    open_ns, end_ns = int(market.at_ns[0]), int(market.at_ns[-1])
    shape = day_shape(terms, (end_ns - open_ns) / _NS_PER_MINUTE)
    minutes = arrival_minutes(terms, shape, chance)
    n = minutes.size
    at_ns = open_ns + (minutes * _NS_PER_MINUTE).astype(np.int64)
    piece = shape.piece_at(minutes)
    informed = chance.shares(n) < terms.informed.share
    package = (chance.shares(n) < terms.packages.share) & ~informed
    kind = _weighted(np.array(terms.packages.weights), chance.shares(n))
    clientele = _weighted(np.array([each.weight for each in terms.clientele]), chance.shares(n))
    quantity = np.ones(n, dtype=np.int64)
    for number, each in enumerate(terms.clientele):
        drawn = sizes(each.size, n, chance)
        quantity = np.where(clientele == number, drawn, quantity)
    return _Draws(
        at_ns=at_ns,
        moment=np.searchsorted(market.at_ns, at_ns, side="right") - 1,
        call=chance.shares(n) < shape.calls_share[piece],
        series=chance.shares(n),
        side=np.where(chance.shares(n) < shape.buy_share[piece], int(Side.BUY), int(Side.SELL)),
        informed=informed,
        right=chance.shares(n) < terms.informed.probability_right,
        kind=np.where(package, kind, _ALONE),
        quantity=quantity,
        reach_points=-np.log(chance.shares(n)) / terms.decay_per_point,
        clientele=clientele,
    )


def _chosen(
    terms: CustomerTerms, board: Board, market: DayMarket, draws: _Draws
) -> tuple[Ints, dict[int, frozenset[int]]]:
    """Row of each order, -1 where nothing can be traded; and what can be, by moments at which a package comes."""
    rows = np.full(draws.at_ns.size, -1, dtype=np.int64)
    alive_of: dict[int, frozenset[int]] = {}
    if not draws.at_ns.size:
        return rows, alive_of
    calls = board.calls()
    moments, firsts = np.unique(draws.moment, return_index=True)
    ends = np.append(firsts[1:], draws.at_ns.size)
    for k, first, end in zip(moments.tolist(), firsts.tolist(), ends.tolist(), strict=True):
        moment = market.moment(k)
        alive = board.alive(moment, int(draws.at_ns[end - 1]))
        weight = board.wanted(terms.series, moment, alive)
        of_right = [np.cumsum(np.where(calls == right, weight, 0.0)) for right in (False, True)]
        here = slice(first, end)
        for right in (False, True):
            among = (
                of_right[right] if of_right[right].size and of_right[right][-1] > 0.0 else of_right[not right]
            )
            mine = np.flatnonzero(draws.call[here] == right) + first
            if mine.size and among.size and among[-1] > 0.0:
                rows[mine] = board.rows[np.searchsorted(among, draws.series[mine] * among[-1])]
        if (draws.kind[here] != _ALONE).any():
            alive_of[k] = frozenset(board.rows[alive].tolist())
    return rows, alive_of


def _sides(terms: CustomerTerms, market: DayMarket, draws: _Draws, rows: Ints) -> tuple[Ints, Bools]:
    """Side of each order, and whether it was told by knowledge: where nothing changes, nobody knows anything."""
    side = draws.side.copy()
    knew = np.zeros(rows.size, dtype=np.bool_)
    asked = np.flatnonzero(draws.informed & (rows >= 0))
    if asked.size:
        horizon_ns = round(terms.informed.horizon_minutes * _NS_PER_MINUTE)
        later = np.searchsorted(market.at_ns, draws.at_ns[asked] + horizon_ns, side="right") - 1
        ahead = changes_ahead(terms.informed.knows, market, draws.moment[asked], later, rows[asked])
        gains = np.where(np.isfinite(ahead), np.sign(ahead), 0.0).astype(np.int64)
        knew[asked] = gains != 0
        side[asked[gains != 0]] = (gains * np.where(draws.right[asked], 1, -1))[gains != 0]
    return side, knew


def _weighted(weights: Floats, shares: Floats) -> Ints:
    """int64[n]: places, each as likely as its weight."""
    upto = np.cumsum(weights)
    return np.asarray(np.searchsorted(upto, shares * upto[-1]), dtype=np.int64)
