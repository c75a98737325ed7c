"""One message of Deribit's JSON-RPC socket as a value, and one recorded line as its instant and message.

Source: Deribit API documentation, JSON-RPC over websocket: subscriptions `ticker`, `quote`, `book` (changes, each with the id of the one
before), `deribit_price_index` and `platform_state`; reply of `public/get_instruments`. Fields that are not read may be anything.
A recorded line is `<unix time>: <json>`; `<-` marks what the recorder sent, `<->` a new connection, `->` a reply to a web request.
"""

import re
from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from flatbook.adapters.files.faults import fault
from flatbook.model.errors import FaultsError

MAX_LINE_BYTES = 64 << 20
_LINE = re.compile(
    rb"(?:\S+ (<-|<->|->) )?(\d{9,10})(?:\.(\d{1,9})\d*)?(?:: (\{.*\}))?\s*", re.ASCII | re.DOTALL
)
_SHOWN = 60
_AGAIN = "record it again, or remove the line"
Price = Annotated[float, Meta(ge=0.0, le=1e12)]
Milliseconds = Annotated[int, Meta(ge=0, le=9_000_000_000_000)]
ChangeId = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
_T = TypeVar("_T")


class Connected(Struct, frozen=True):
    """The recorder connected, the first time or again: every book before it is void."""


class Ticker(Struct, frozen=True):
    """Best prices of one instrument, the index of its coin, and the future that its expiry settles on."""

    instrument_name: Name
    timestamp: Milliseconds
    state: str = "open"
    best_bid_price: Price | None = None
    best_bid_amount: Price | None = None
    best_ask_price: Price | None = None
    best_ask_amount: Price | None = None
    index_price: Price | None = None
    underlying_price: Price | None = None
    underlying_index: str = ""


class Level(Struct, frozen=True, array_like=True):
    """One price of a book: `new`, `change` or `delete`."""

    action: str
    price: Price
    amount: Price


class Book(Struct, frozen=True, kw_only=True):
    """A whole book (`snapshot`), or what changed of it since `prev_change_id`."""

    instrument_name: Name
    timestamp: Milliseconds
    change_id: ChangeId
    prev_change_id: ChangeId | None = None
    type: str = "change"
    bids: list[Level]
    asks: list[Level]


class PriceIndex(Struct, frozen=True):
    """The index of a coin."""

    index_name: Name  # btc_usd
    price: Price
    timestamp: Milliseconds = 0


class PlatformState(Struct, frozen=True):
    """Whether trading of one index, or of all, is locked."""

    price_index: str = ""
    locked: bool | None = None


class TickStep(Struct, frozen=True):
    """From this price on, quotes stand on multiples of `tick_size`."""

    above_price: Price
    tick_size: Annotated[float, Meta(gt=0.0, le=1e9)]


class Listed(Struct, frozen=True):
    """One instrument, as the venue lists it."""

    instrument_name: Name
    kind: str
    tick_size: Annotated[float, Meta(gt=0.0, le=1e9)]
    contract_size: Annotated[float, Meta(gt=0.0, le=1e9)]
    base_currency: Name
    quote_currency: Name
    tick_size_steps: list[TickStep] = []


class Listing(Struct, frozen=True):
    """The reply of `public/get_instruments`."""

    instruments: tuple[Listed, ...]


class Passed(Struct, frozen=True):
    """A message that says nothing of the market."""


Message = Ticker | Book | PriceIndex | PlatformState | Listing | Connected | Passed


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A recorded message."""

    at_ns: int  # when it arrived, UTC
    message: Message


class _Parameters(Struct, frozen=True):
    channel: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Envelope(Struct, frozen=True):
    method: str = ""
    params: msgspec.Raw = msgspec.Raw(b"null")
    result: msgspec.Raw = msgspec.Raw(b"null")


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_PARAMETERS = msgspec.json.Decoder(_Parameters)
_LISTED = msgspec.json.Decoder(tuple[Listed, ...])
_TICKER = msgspec.json.Decoder(Ticker)
_BOOK = msgspec.json.Decoder(Book)
_INDEX = msgspec.json.Decoder(PriceIndex)
_STATE = msgspec.json.Decoder(PlatformState)


def parse_line(raw: bytes, where: str) -> Line | None:
    """A recorded line; None of one that the recorder wrote about itself or sent.

    Raises
    ------
    FaultsError
        It is no such line, or its message is none of Deribit's.
    """
    if not raw.strip() or raw.startswith(b"configuration: "):
        return None
    match = _LINE.fullmatch(raw) if len(raw) <= MAX_LINE_BYTES else None
    if match is None:
        raise _wrong(raw, where, "a line such as '1626993723.804855: {...}'")
    mark, seconds, decimals, message = match.groups()
    at_ns = int(seconds) * 1_000_000_000 + int((decimals or b"").ljust(9, b"0"))
    if mark == b"<-":
        return None
    if mark == b"<->":
        return Line(at_ns=at_ns, message=Connected())
    if message is None:
        raise _wrong(raw, where, "a message after the time")
    return Line(at_ns=at_ns, message=parse_message(message, where))


def parse_message(raw: bytes, where: str) -> Message:
    """What one message of the socket says.

    Raises
    ------
    FaultsError
        It is no JSON-RPC, or a subscription that we read lacks a field or holds what it may not.
    """
    envelope = _decoded(_ENVELOPE, raw, where)
    if envelope.method == "subscription":
        parameters = _decoded(_PARAMETERS, bytes(envelope.params), where)
        return _subscribed(parameters.channel, bytes(parameters.data), where)
    result = bytes(envelope.result)
    if result[:2] != b"[{":
        return Passed()  # replies to us, among them names of channels
    return Listing(instruments=_decoded(_LISTED, result, where))


def _subscribed(channel: str, data: bytes, where: str) -> Message:
    kind, _, rest = channel.partition(".")
    match kind:
        case "ticker" | "quote":
            return _decoded(_TICKER, data, where)
        case "book" if rest.count(".") == 1:  # with more dots: a few levels of a grouped book
            return _decoded(_BOOK, data, where)
        case "deribit_price_index":
            return _decoded(_INDEX, data, where)
        case "platform_state":
            return _decoded(_STATE, data, where)
        case _:
            return Passed()


def _decoded(decoder: msgspec.json.Decoder[_T], raw: bytes, where: str) -> _T:
    try:
        return decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _wrong(raw, where, f"a message of Deribit's JSON-RPC ({str(error)[:120]})") from error


def _wrong(raw: bytes, where: str, expected: str) -> FaultsError:
    return fault(where=where, found=repr(raw[:_SHOWN]), expected=expected, action=_AGAIN)
