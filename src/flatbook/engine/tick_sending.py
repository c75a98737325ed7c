"""What a tick sends: quotes at work that follow the price, by the terms of the cycle it ticks on; and making a cycle ready beside the core.

What is made ready comes from the last cycle, and from what no calm fact changes: whether it was ready before the tick or is made by it, the
same commands leave.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.engine.measure import measured_of
from flatbook.engine.orders_and_quotes import orders_beside, tell_duties
from flatbook.engine.state import State
from flatbook.engine.tick import TickDecision, TickDesk, prepare_tick
from flatbook.engine.ticking import ticked
from flatbook.limits.pretrade import prepare_pretrade
from flatbook.model.parameters import LimitMeasure
from flatbook.model.table import Bools
from flatbook.orders.gate import prepare_gate
from flatbook.orders.moves import MoveTerms, leave_moves, move_terms, moves_of
from flatbook.orders.outbox import OrdersBeside
from flatbook.orders.state import WorkingOrders
from flatbook.orders.worst_case import charged
from flatbook.quoting.state import watched_now

_COUNTS_ORDERS = (LimitMeasure.ORDERS_PER_S, LimitMeasure.ORDERS_PER_MIN)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """A cycle made ready for ticks."""

    desk: TickDesk
    moves: MoveTerms | None  # None: the desk only proposes


def preparation(state: State) -> Callable[[], Prepared] | None:
    """Makes the last cycle ready, in whatever thread calls it; None where it is, or there is none, or more than prices was told since."""
    ticking, last = state.ticking, ticked(state)
    if last is None or ticking.disturbed or last.desk is not None:
        return None
    sending = _sending(state, last.cycle)
    return lambda: Prepared(desk=prepare_tick(last.cycle, last.fitted), moves=sending())


def take_prepared(state: State, prepared: Prepared) -> None:
    """Tick on it from now on, where its cycle is still the last."""
    last = state.ticking.last
    if last is not None and last.cycle is prepared.desk.cycle and last.desk is None:
        last.desk, last.moves = prepared.desk, prepared.moves


def ready_on(state: State) -> int | None:
    """The number of the cycle that a tick can be decided on at once: the last, or the one before it; None: neither."""
    ticking = state.ticking
    for each in (ticking.last, ticking.before):
        if each is not None and each.desk is not None and each.cycle.table is state.table:
            return each.cycle.sequence
    return None


def send_tick(state: State, decided: TickDecision, on: int) -> None:
    """Decide what leaves after a tick that decided on the cycle numbered `on`, and remember it."""
    ticking, base = state.ticking, ticked(state, on)
    assert base is not None, "a tick is of a cycle"
    if base.cycle.outgoing is None:
        return
    if base.moves is None:
        base.moves = _sending(state, base.cycle)()
    assert base.moves is not None, "a cycle whose orders leave has terms of moves"
    quotes = np.stack((decided.bid, decided.ask, decided.bid_size, decided.ask_size))
    left = moves_of(
        state.outbox, base.moves, quotes, decided.theo, state.market.bid, state.market.ask, decided.now_ns
    )
    leave_moves(state.outbox, left, decided.now_ns)
    ticking.left = left
    cancels = left.commands.cancels
    if cancels.any():
        tell_duties(state, decided.now_ns, np.unique(left.commands.orders.row[cancels]))


def _sending(state: State, cycle: Cycle) -> Callable[[], MoveTerms | None]:
    beside, watched = (
        orders_beside(state, cycle.market),
        watched_now(state.quoting, len(cycle.table.instruments)),
    )
    return lambda: _terms_of(cycle, beside, watched)


def _terms_of(cycle: Cycle, beside: OrdersBeside, watched: Bools) -> MoveTerms | None:
    """What moves are held against; parameters as `orders.outbox.outgoing` takes them."""
    if cycle.outgoing is None:
        return None
    quotes, table, standing = cycle.quotes, cycle.table, cycle.standing
    pretrade = prepare_pretrade(standing, measured_of(cycle.held, cycle.basis))
    pretrade = charged(pretrade, beside.row, beside.side, beside.quantity, sent=True)
    gate = prepare_gate(
        cycle.values, cycle.market, cycle.exposure, quotes.half_spread, standing, pretrade, WorkingOrders(),
        cycle.outgoing.stopped, cycle.desk.orders, watched,
    )  # fmt: skip
    shift = cycle.price.reservation.shift_usd
    few = watched & table.is_option & (cycle.desk.orders.burst_quotes > 0)
    return move_terms(
        gate,
        lean=quotes.lean,
        half_spread_ticks=quotes.half_spread * table.ticks_per_unit,
        width_most_ticks=np.where(quotes.in_duty, quotes.width_max_ticks, np.inf),
        usefulness=-np.fmin(shift[0], shift[1]),
        full=~few,
        still=any(bound.limit.measure in _COUNTS_ORDERS for bound in standing.bounds),
    )
