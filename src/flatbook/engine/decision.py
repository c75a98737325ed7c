"""What a cycle decided, as the journal keeps it: standings, hedges and quotes in whole contracts and ticks.

Together with the facts before it this is the whole story: replaying the facts must give the same bytes.
"""

import msgspec

from flatbook.engine.cycle import Cycle
from flatbook.quoting.ticks import NO_PRICE


class HedgeDecision(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One hedge: contracts, plus buys."""

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


class Decision(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The decisions of one cycle; quote columns are aligned with `symbols`, NO_PRICE where a side is not quoted."""

    cause: int  # sequence of the CycleDue
    limits: tuple[LimitDecision, ...]
    hedges: tuple[HedgeDecision, ...]
    symbols: tuple[str, ...]
    bid_ticks: tuple[int, ...]
    ask_ticks: tuple[int, ...]
    bid_sizes: tuple[int, ...]
    ask_sizes: tuple[int, ...]
    exposure: tuple[tuple[float, ...], ...]  # by underlying, in the order of the table of measures


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
        hedges=tuple(
            HedgeDecision(
                underlying=one.underlying,
                symbol=one.chosen.symbol if one.chosen else "",
                quantity=one.chosen.quantity if one.chosen else 0,
                delta_before_usd=one.delta_before_usd,
                delta_after_usd=one.delta_after_usd,
            )
            for one in cycle.hedges
        ),
        symbols=tuple(cycle.table.instruments[row].symbol for row in quoted.tolist()),
        bid_ticks=tuple(quotes.bid[quoted].tolist()),
        ask_ticks=tuple(quotes.ask[quoted].tolist()),
        bid_sizes=tuple(quotes.bid_size[quoted].tolist()),
        ask_sizes=tuple(quotes.ask_size[quoted].tolist()),
        exposure=tuple(map(tuple, cycle.exposure.by_underlying.tolist())),
    )


def encode_decision(decision: Decision) -> bytes:
    """The bytes the journal keeps."""
    return _ENCODER.encode(decision)


_ENCODER = msgspec.msgpack.Encoder()
