"""What a cycle decided, as the journal keeps it: standings, hedges and quotes in whole contracts and ticks.

Together with the facts before it this is the whole story: replaying the facts must give the same bytes.
"""

from collections.abc import Iterator

import msgspec

from flatbook.engine.cycle import Cycle
from flatbook.hedging.propose import Hedge
from flatbook.model.measures import Measure
from flatbook.quoting.ticks import NO_PRICE


class HedgeDecision(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One leg of a hedge: contracts, plus buys; the delta is that before and after it."""

    underlying: str
    symbol: str
    quantity: int
    delta_before_usd: float
    delta_after_usd: float


class LimitDecision(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Where one limit stands."""

    name: str
    value: float
    utilisation: float
    step: int


class OrderDecision(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One command to a venue."""

    action: int  # orders.reconcile.Action
    symbol: str
    side: int
    price_ticks: int
    quantity: int  # contracts
    client_id: int  # that it gets; of a cancel, what it cancels
    replaces: int  # client id; 0: none


class WaitingDecision(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What becomes of a hedge that is large enough for a person to be asked."""

    underlying: str
    side: int
    delta_usd: float  # that would be traded, by amount
    since_ns: int
    state: str  # hedging.approval.Waiting
    until_ns: int


class Decision(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """The decisions of one cycle; quote columns are aligned with `symbols`, NO_PRICE where a side is not quoted."""

    cause: int  # sequence of the CycleDue
    limits: tuple[LimitDecision, ...]
    hedges: tuple[HedgeDecision, ...]
    symbols: tuple[str, ...]
    bid_ticks: tuple[int, ...]
    ask_ticks: tuple[int, ...]
    bid_sizes: tuple[int, ...]
    ask_sizes: tuple[int, ...]
    orders: tuple[OrderDecision, ...]  # what leaves, in sequence
    exposure: tuple[tuple[float, ...], ...]  # by underlying, in the order of the table of measures
    waiting: tuple[WaitingDecision, ...] = ()  # hedges that a person is asked about


def decision_of(cycle: Cycle) -> Decision:
    """What of `cycle` the journal keeps."""
    quotes = cycle.quotes
    quoted = ((quotes.bid != NO_PRICE) | (quotes.ask != NO_PRICE)).nonzero()[0]
    return Decision(
        cause=cycle.sequence,
        limits=tuple(
            LimitDecision(
                name=one.limit.name, value=one.value, utilisation=one.utilisation, step=int(one.step)
            )
            for one in cycle.standing.limits
        ),
        hedges=(*(leg for one in cycle.hedges for leg in _legs(one)), *_offset_legs(cycle)),
        symbols=tuple(cycle.table.instruments[row].symbol for row in quoted.tolist()),
        bid_ticks=tuple(quotes.bid[quoted].tolist()),
        ask_ticks=tuple(quotes.ask[quoted].tolist()),
        bid_sizes=tuple(quotes.bid_size[quoted].tolist()),
        ask_sizes=tuple(quotes.ask_size[quoted].tolist()),
        orders=_orders(cycle),
        exposure=tuple(map(tuple, cycle.exposure.by_underlying.tolist())),
        waiting=tuple(
            WaitingDecision(
                underlying=one.underlying,
                side=int(one.side),
                delta_usd=one.delta_usd,
                since_ns=one.since_ns,
                state=one.state.value,
                until_ns=one.until_ns,
            )
            for one in cycle.waiting
        ),
    )


def _legs(hedge: Hedge) -> Iterator[HedgeDecision]:
    """One for each leg in its order; one without a contract where nothing is traded."""
    before = hedge.delta_before_usd
    if not hedge.legs:
        yield HedgeDecision(
            underlying=hedge.underlying,
            symbol="",
            quantity=0,
            delta_before_usd=before,
            delta_after_usd=before,
        )
    for leg in hedge.legs:
        yield HedgeDecision(
            underlying=hedge.underlying,
            symbol=leg.symbol,
            quantity=leg.quantity,
            delta_before_usd=before,
            delta_after_usd=leg.delta_after_usd,
        )
        before = leg.delta_after_usd


def _offset_legs(cycle: Cycle) -> Iterator[HedgeDecision]:
    """One for each leg of an option offset that leaves, by row."""
    if cycle.offset_trades is None:
        return
    table, deltas = cycle.table, cycle.exposure.by_underlying[:, Measure.DELTA_USD].tolist()
    for row in cycle.offset_trades.nonzero()[0].tolist():
        u, quantity = int(table.underlying_of[row]), int(cycle.offset_trades[row])
        before = deltas[u]
        deltas[u] += quantity * float(cycle.values.greeks[row, Measure.DELTA_USD])
        yield HedgeDecision(
            underlying=table.underlyings[u],
            symbol=table.instruments[row].symbol,
            quantity=quantity,
            delta_before_usd=before,
            delta_after_usd=deltas[u],
        )


def _orders(cycle: Cycle) -> tuple[OrderDecision, ...]:
    if cycle.outgoing is None:
        return ()
    commands = cycle.outgoing.commands
    orders, instruments = commands.orders, cycle.table.instruments
    columns = (
        commands.action,
        orders.row,
        orders.side,
        orders.price_ticks,
        orders.quantity,
        commands.ids_from(cycle.outgoing.next_id),
        orders.replaces,
    )
    return tuple(
        OrderDecision(
            action=action,
            symbol=instruments[row].symbol,
            side=side,
            price_ticks=price,
            quantity=quantity,
            client_id=client_id,
            replaces=replaces,
        )
        for action, row, side, price, quantity, client_id, replaces in zip(
            *(column.tolist() for column in columns), strict=True
        )
    )


def encode_decision(decision: Decision) -> bytes:
    """The bytes the journal keeps."""
    return _ENCODER.encode(decision)


_ENCODER = msgspec.msgpack.Encoder()
