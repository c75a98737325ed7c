"""Messages of Deribit, one after the other, as facts.

A quote is that of the book where the book is recorded and whole, else that of the ticker. Whole contracts count: an amount of 0.8 coin is
a size of 0. Source times are the venue's, at most when the message arrived: its clock may be ahead of the recorder's.
"""

from collections.abc import Mapping

from flatbook.adapters.deribit.books import Best, Books
from flatbook.adapters.deribit.parse import Book, Connected, Line, Message, PlatformState, PriceIndex, Ticker
from flatbook.adapters.files.faults import fault
from flatbook.adapters.files.fields import ticks_of
from flatbook.model.events import ForwardQuoted, QuotesSeen, UnderlyingQuoted
from flatbook.model.facts import Fact
from flatbook.model.instruments import Instrument, Kind, Payoff
from flatbook.model.venue_events import FeedSuspect, TradingHalted

_MS_NS = 1_000_000
_GAP = "a change of its book is missing"
_LOCKED = "the venue locked trading on its index"


class Reader:
    """Facts of what is said of some instruments; it remembers books and what it told last."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments
        self._books = Books()
        self._told: dict[object, float] = {}  # prices, by what they are of
        self._doubted: set[str] = set()  # underlyings
        self._coins = frozenset(item.underlying for item in instruments.values())

    def read(self, line: Line, where: str) -> tuple[Fact, ...]:
        """What a message says anew.

        Raises
        ------
        FaultsError
            A price that is not in whole ticks, or a book that cannot be.
        """
        message: Message = line.message
        match message:
            case Connected():
                self._books.forget()
                return ()
            case Ticker():
                return self._ticker(message, line.at_ns, where)
            case Book():
                return self._book(message, line.at_ns, where)
            case PriceIndex():
                coin = message.index_name.partition("_")
                return self._underlying(
                    coin[0].upper() if coin[2] == "usd" else "", message.price, line.at_ns
                )
            case PlatformState():
                return self._state(message, line.at_ns)
            case _:
                return ()

    def _ticker(self, news: Ticker, at_ns: int, where: str) -> tuple[Fact, ...]:
        item = self._instruments.get(news.instrument_name)
        if item is None:
            return ()
        out = [*self._underlying(item.underlying, news.index_price, at_ns), *self._forward(item, news, at_ns)]
        if news.state != "open":
            out.append(_quote(item, Best(bid=None, ask=None), news.timestamp, at_ns, where))
        elif news.instrument_name not in self._books and news.instrument_name not in self._books.torn:
            best = Best(
                bid=_side(news.best_bid_price, news.best_bid_amount),
                ask=_side(news.best_ask_price, news.best_ask_amount),
            )
            out.append(_quote(item, best, news.timestamp, at_ns, where))
        return tuple(out)

    def _book(self, news: Book, at_ns: int, where: str) -> tuple[Fact, ...]:
        item = self._instruments.get(news.instrument_name)
        if item is None:
            return ()
        best = self._books.take(news, where)
        doubt = self._doubt(item.underlying, at_ns)
        if best is None:
            return doubt
        return (*doubt, _quote(item, best, news.timestamp, at_ns, where))

    def _doubt(self, underlying: str, at_ns: int) -> tuple[Fact, ...]:
        """A gap of one book puts the feed of its coin in doubt, until the last of them is whole."""
        torn = any(self._instruments[name].underlying == underlying for name in self._books.torn)
        if torn == (underlying in self._doubted):
            return ()
        (self._doubted.add if torn else self._doubted.discard)(underlying)
        reason = _GAP if torn else "its books are whole again"
        return (FeedSuspect(received_ns=at_ns, underlyings=(underlying,), on=torn, reason=reason),)

    def _underlying(self, coin: str, price: float | None, at_ns: int) -> tuple[Fact, ...]:
        if coin not in self._coins or not price or self._told.get(coin) == price:
            return ()
        self._told[coin] = price
        return (UnderlyingQuoted(received_ns=at_ns, underlying=coin, price=price),)

    def _forward(self, item: Instrument, news: Ticker, at_ns: int) -> tuple[Fact, ...]:
        key = (item.option_class, item.expiry_ns)
        price = news.underlying_price
        if item.kind is not Kind.OPTION or not price or self._told.get(key) == price:
            return ()
        self._told[key] = price
        return (
            ForwardQuoted(
                received_ns=at_ns,
                option_class=item.option_class,
                expiry_ns=item.expiry_ns,
                price=price,
                symbol=news.underlying_index,
            ),
        )

    def _state(self, news: PlatformState, at_ns: int) -> tuple[Fact, ...]:
        coin, _, quoted = news.price_index.partition("_")
        coin = coin.upper()
        if news.locked is None or (news.price_index and (coin not in self._coins or quoted != "usd")):
            return ()
        reason = _LOCKED if news.locked else "the venue opened trading on its index"
        return (TradingHalted(received_ns=at_ns, underlying=coin, on=news.locked, reason=reason),)


def _quote(item: Instrument, best: Best, stamp_ms: int, at_ns: int, where: str) -> QuotesSeen:
    bid, ask = (_ticks(item, side, where) for side in (best.bid, best.ask))
    bid_size, ask_size = (_contracts(item, side) for side in (best.bid, best.ask))
    return QuotesSeen(
        received_ns=at_ns,
        symbols=(item.symbol,),
        bid_ticks=(bid,),
        ask_ticks=(ask,),
        bid_sizes=(bid_size,),
        ask_sizes=(ask_size,),
        source_ns=min(stamp_ms * _MS_NS, at_ns),
    )


def _side(price: float | None, amount: float | None) -> tuple[float, float] | None:
    """Deribit writes 0 where a side is missing."""
    return (price, amount or 0.0) if price else None


def _contracts(item: Instrument, side: tuple[float, float] | None) -> int | None:
    """Whole contracts: amounts of options are in contracts, those of coin-settled futures in dollars."""
    if side is None:
        return None
    per_contract = item.multiplier if item.kind is Kind.FUTURE and item.payoff is Payoff.INVERSE else 1.0
    return int(side[1] / per_contract + 1e-9)


def _ticks(item: Instrument, side: tuple[float, float] | None, where: str) -> int | None:
    if side is None:
        return None
    ticks = ticks_of(side[0], item.ticks_per_unit)
    if ticks is None:
        raise fault(
            where=f"{where} {item.symbol}",
            found=f"price {side[0]}",
            expected=f"whole ticks of 1/{item.ticks_per_unit}",
            action="record the list of instruments again, or remove the line",
        )
    return ticks or None
