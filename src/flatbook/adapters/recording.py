"""A recorded market, whatever format it was recorded in: what is listed, and moments of facts in order of time.

A moment's facts carry its instant as `received_ns`. Many moments can be told as one: of prices and quotes the newest holds, listings,
halts and doubts are all kept, in their order.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import msgspec

from flatbook.adapters.files.snapshot import Note
from flatbook.model.errors import InvalidValueError
from flatbook.model.events import ForwardQuoted, QuotesSeen, UnderlyingQuoted
from flatbook.model.facts import Fact
from flatbook.model.table import InstrumentTable

_MINUTE_NS = 60_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What became known at one instant."""

    at_ns: int  # UTC; never before that of the moment before
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """A market that can be told again and again."""

    format: str  # lean, dbn, deribit
    source: str  # in words
    table: InstrumentTable  # everything that is quoted in it
    opening: tuple[Fact, ...]  # known before the first moment: listings, sessions
    begins_ns: int  # of the first moment
    ends_ns: int  # of the last moment
    opens_ns: int  # of the exchange; of a market without a close, the recording's own
    closes_ns: int
    moments: Callable[[], Iterator[Moment]]  # from the first to the last, anew at each call
    notes: tuple[Note, ...] = ()


class Conflated:
    """Facts of several moments as if they were of one; what is bounded is the number of contracts, not of moments."""

    def __init__(self) -> None:
        self._others: list[Fact] = []
        self._prices: dict[tuple[str, int], UnderlyingQuoted | ForwardQuoted] = {}
        self._quotes: dict[str, tuple[int | None, int | None, int | None, int | None, int]] = {}

    def __bool__(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self._others or self._prices or self._quotes)

    def add(self, facts: Iterable[Fact]) -> None:
        """Take the facts of a later moment."""
        for fact in facts:
            match fact:
                case QuotesSeen():
                    self._add_quotes(fact)
                case UnderlyingQuoted():
                    self._prices[fact.underlying, 0] = fact
                case ForwardQuoted():
                    self._prices[fact.option_class, fact.expiry_ns] = fact
                case _:
                    self._others.append(fact)

    def told(self, at_ns: int) -> tuple[Fact, ...]:
        """All of them as received at `at_ns`: listings and halts first, then prices, then the newest quote of each series, by its age.

        Quotes come in one fact for each minute in which some stood, the oldest first, dated as the oldest of them.
        """
        before = (*self._others, *self._prices.values())
        return (
            *(msgspec.structs.replace(fact, received_ns=at_ns) for fact in before),
            *self._quotes_told(at_ns),
        )

    def _add_quotes(self, fact: QuotesSeen) -> None:
        unknown = (None,) * len(fact.symbols)
        stood_ns = fact.source_ns or fact.received_ns
        columns = (fact.bid_ticks, fact.ask_ticks, fact.bid_sizes or unknown, fact.ask_sizes or unknown)
        for symbol, bid, ask, bid_size, ask_size in zip(fact.symbols, *columns, strict=True):
            self._quotes[symbol] = (bid, ask, bid_size, ask_size, stood_ns)

    def _quotes_told(self, at_ns: int) -> Iterator[QuotesSeen]:
        by_minute: dict[int, list[str]] = {}
        for symbol, quote in self._quotes.items():
            by_minute.setdefault(quote[4] // _MINUTE_NS, []).append(symbol)
        for minute in sorted(by_minute):
            symbols = by_minute[minute]
            columns = tuple(zip(*(self._quotes[symbol][:4] for symbol in symbols), strict=True))
            yield QuotesSeen(
                received_ns=at_ns,
                symbols=tuple(symbols),
                bid_ticks=columns[0],
                ask_ticks=columns[1],
                bid_sizes=columns[2],
                ask_sizes=columns[3],
                source_ns=min(self._quotes[symbol][4] for symbol in symbols),
            )


def in_order(moments: Iterable[Moment]) -> Iterator[Moment]:
    """The moments with those of one instant joined; one that is dated before the last is told at the last one's instant.

    Recorders stamp by clocks that are set back now and then; what came later is never told as earlier.
    """
    waiting: list[Fact] = []
    now_ns = 0
    for moment in moments:
        if waiting and moment.at_ns > now_ns:
            yield Moment(at_ns=now_ns, facts=tuple(waiting))
            waiting = []
        late = moment.at_ns < now_ns
        now_ns = max(now_ns, moment.at_ns)
        waiting.extend(
            (msgspec.structs.replace(fact, received_ns=now_ns) for fact in moment.facts)
            if late
            else moment.facts
        )
    if waiting:
        yield Moment(at_ns=now_ns, facts=tuple(waiting))


def bounds_of(moments: Iterable[Moment]) -> tuple[int, int]:
    """The first instant and the last; 0 where there is none."""
    begins_ns = ends_ns = 0
    for moment in moments:
        begins_ns, ends_ns = begins_ns or moment.at_ns, moment.at_ns
    return begins_ns, ends_ns


def check_speed(speed: float) -> float:
    """How many times as fast as it was recorded; infinite: as fast as it is taken.

    Raises
    ------
    InvalidValueError
        It is not above 0.
    """
    if speed > 0.0:
        return speed
    msg = f"speed of a replay: found {speed}; expected a number above 0, or inf for as fast as the desk takes it"
    raise InvalidValueError(msg)
