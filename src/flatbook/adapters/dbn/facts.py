"""Records of DBN files, one after the other, as facts.

A file has its own numbers for contracts; its metadata, its definitions and its mappings tell their names. A share of which options are
recorded is the price of its underlying while both its sides are quoted. A halt of any series holds its whole underlying.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from flatbook.adapters.dbn import parse
from flatbook.adapters.files.faults import fault
from flatbook.adapters.recording import Moment
from flatbook.model.events import QuotesSeen, UnderlyingQuoted
from flatbook.model.facts import Fact
from flatbook.model.instruments import Instrument, Kind
from flatbook.model.venue_events import FeedSuspect, TradingHalted

_DAY_NS = 86_400_000_000_000
_EPOCH = date(1970, 1, 1).toordinal()
_NAME_FIELDS = {parse.DEFINITION: "raw_symbol", parse.MAPPING: "stype_out_symbol"}
_Placed = tuple[str, Any]


class Names:
    """What one file calls each of its numbers, as far as it was read."""

    def __init__(self, metadata: Any) -> None:
        self.dataset = str(metadata.dataset)
        self._told: dict[int, str] = {}
        self._dated: dict[int, list[tuple[int, int, str]]] = {}
        for raw_symbol, intervals in metadata.mappings.items():
            for interval in intervals:
                number = str(interval["symbol"])
                if number.isdigit():
                    days = (interval["start_date"].toordinal(), interval["end_date"].toordinal())
                    self._dated.setdefault(int(number), []).append((*days, str(raw_symbol)))

    def take(self, record: Any, where: str) -> str:
        """The name that a definition or a mapping gives; empty where it is neither.

        Raises
        ------
        FaultsError
            The name is no text.
        """
        field = _NAME_FIELDS.get(parse.kind_of(record))
        if field is None:
            return ""
        symbol = parse.text_of(record, field, where)
        self._told[int(record.instrument_id)] = symbol
        return symbol

    def of(self, number: int, at_ns: int) -> str:
        """The name on a day; empty where nobody tells it."""
        if number in self._told:
            return self._told[number]
        day = at_ns // _DAY_NS + _EPOCH
        return next(
            (
                symbol
                for first, end, symbol in self._dated.get(number, ())
                if first <= day < max(end, first + 1)
            ),
            "",
        )


class Reader:
    """Facts of what one file says of some instruments, by their names there; it remembers halts and doubts."""

    def __init__(self, instruments: Mapping[str, Instrument], trouble: "Trouble") -> None:
        self._instruments, self._trouble = instruments, trouble
        self._names: Names | None = None

    def read(self, records: Iterator[_Placed]) -> Iterator[Moment]:
        """Moments of the whole file; raises FaultsError where a record cannot be."""
        for where, record in records:
            if self._names is None:
                self._names = names_of(record, where)
                continue
            if self._names.take(record, where):
                continue
            moment = self._moment(record, self._names, where)
            if moment is not None:
                yield moment

    def _moment(self, record: Any, names: Names, where: str) -> Moment | None:
        kind = parse.kind_of(record)
        if kind not in parse.QUOTES and kind != parse.STATUS:
            return None
        item = self._instruments.get(names.of(int(record.instrument_id), stamp_of(record)))
        if item is None or (kind in parse.QUOTES and not parse.is_consolidated(record, names.dataset)):
            return None
        if kind == parse.STATUS:
            state = parse.state_of(record, f"{where} status of {item.symbol}")
            return None if state is None else self._trouble.halt(item, state)
        quote = parse.quote_of(record, item.ticks_per_unit, f"{where} {item.symbol}")
        doubts = self._trouble.doubt(item, quote)
        return Moment(at_ns=quote.at_ns, facts=(*doubts, *_quoted(item, quote)))


class Trouble:
    """Which underlyings are halted or in doubt, over all files."""

    def __init__(self) -> None:
        self._halted: dict[str, set[str]] = {}
        self._doubted: dict[str, set[str]] = {}

    def halt(self, item: Instrument, state: parse.State) -> Moment | None:
        """The fact of a halt that is the first of its underlying, or of an end of the last one."""
        turned = _turned(self._halted, item, on=state.halted)
        if turned is None:
            return None
        reason = f"{item.symbol} was halted" if turned else f"{item.symbol} trades again"
        fact = TradingHalted(received_ns=state.at_ns, underlying=item.underlying, on=turned, reason=reason)
        return Moment(at_ns=state.at_ns, facts=(fact,))

    def doubt(self, item: Instrument, quote: parse.Quote) -> tuple[Fact, ...]:
        """The fact of a doubt, as of a halt."""
        turned = _turned(self._doubted, item, on=quote.doubtful)
        if turned is None:
            return ()
        reason = f"the recorder marked {item.symbol} as bad" if turned else f"{item.symbol} is whole again"
        return (
            FeedSuspect(received_ns=quote.at_ns, underlyings=(item.underlying,), on=turned, reason=reason),
        )


def names_of(metadata: Any, where: str) -> Names:
    """What a file's metadata tells of names.

    Raises
    ------
    FaultsError
        The first record is none.
    """
    if type(metadata).__name__ != "Metadata":
        raise fault(
            where=where, found="a record", expected="the metadata of a file first", action="fetch it again"
        )
    return Names(metadata)


def stamp_of(record: Any) -> int:
    """When a record was received, 0 where it does not say."""
    stamp = int(record.ts_recv)
    return stamp if 0 < stamp < 2**63 else 0


def _turned(troubled: dict[str, set[str]], item: Instrument, *, on: bool) -> bool | None:
    """What became of the underlying's trouble; None where nothing did."""
    series = troubled.setdefault(item.underlying, set())
    before = bool(series)
    (series.add if on else series.discard)(item.symbol)
    return bool(series) if bool(series) != before else None


def _quoted(item: Instrument, quote: parse.Quote) -> Iterator[Fact]:
    if item.kind is Kind.SHARE and quote.bid_ticks is not None and quote.ask_ticks is not None:
        price = (quote.bid_ticks + quote.ask_ticks) / 2.0 / item.ticks_per_unit
        yield UnderlyingQuoted(received_ns=quote.at_ns, underlying=item.underlying, price=price)
    yield QuotesSeen(
        received_ns=quote.at_ns,
        symbols=(item.symbol,),
        bid_ticks=(quote.bid_ticks,),
        ask_ticks=(quote.ask_ticks,),
        bid_sizes=(quote.bid_size,),
        ask_sizes=(quote.ask_size,),
        source_ns=quote.source_ns,
    )
