"""One record of DBN as what it says of a contract; prices in whole ticks, times in UTC nanoseconds.

Source: Databento, "Schemas and data formats": CMBP-1, TCBBO, CBBO-1s and CBBO-1m are consolidated; MBP-1, TBBO, BBO-1s and BBO-1m are of one
publisher, which of OPRA's is number 30 for the consolidated one. The time of an event in a BBO or CBBO is that of its last trade, not of
its quote. Prices are in units of 1e-9, the largest int64 where there is none. A definition of OPRA's carries no multiplier, no tick and
no instant of expiry: they come from the OCC symbol.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from flatbook.adapters.files.expiries import us_expiry_ns
from flatbook.adapters.files.faults import fault
from flatbook.adapters.files.terms import option_of, us_option_terms
from flatbook.adapters.symbols.osi import parse_osi, print_osi
from flatbook.model.errors import FaultsError, InvalidValueError
from flatbook.model.instruments import Instrument, Kind, TickBand

OPRA, OPRA_CONSOLIDATED = "OPRA.PILLAR", 30
_NANO = 1_000_000_000
_UNDEFINED_PRICE, _UNDEFINED_TIME, _UNDEFINED_NUMBER = 2**63 - 1, 2**64 - 1, 2**31 - 1
_LAST_INSTANT = 2**63 - 1
_MAYBE_BAD_BOOK = 1 << 2  # of the flags: a gap that the recorder could not fill
_OF_ONE_PUBLISHER = frozenset({"MBP1Msg", "BBOMsg"})
_AT_INTERVALS = frozenset({"BBOMsg", "CBBOMsg"})
QUOTES = frozenset({"MBP1Msg", "BBOMsg", "CMBP1Msg", "CBBOMsg"})
STATUS, DEFINITION, MAPPING = "StatusMsg", "InstrumentDefMsg", "SymbolMappingMsg"
_HALTS = frozenset({8, 9, 10, 15})  # halt, pause, suspend, not available for trading
_TRADING = 7
_AGAIN = "fetch the file again"
_PENNY = (TickBand(0, 1),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Best bid and offer of one contract."""

    at_ns: int  # when the recorder had it
    source_ns: int  # when it stood, 0 where the record does not say
    bid_ticks: int | None
    ask_ticks: int | None
    bid_size: int | None
    ask_size: int | None
    doubtful: bool  # the recorder missed something


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A contract was halted, or trades."""

    at_ns: int
    halted: bool


def kind_of(record: Any) -> str:
    """Which message it is: `MBP1Msg`, `CMBP1Msg`, …, whatever version of the format it was written in."""
    name = type(record).__name__
    return name[:-2] if name[-2:] in {"V1", "V2", "V3"} else name


def text_of(record: Any, name: str, where: str) -> str:
    """A field of text.

    Raises
    ------
    FaultsError
        Its bytes are none: the library reads them only now.
    """
    try:
        return str(getattr(record, name))
    except Exception as error:
        raise _wrong(where, f"{name} that is no text ({str(error)[:60]})", "a name") from error


def is_consolidated(record: Any, dataset: str) -> bool:
    """Whether a quote is everybody's best: one exchange's alone among OPRA's does not count."""
    regional = kind_of(record) in _OF_ONE_PUBLISHER and dataset == OPRA
    return not regional or int(record.publisher_id) == OPRA_CONSOLIDATED


def quote_of(record: Any, ticks_per_unit: int, where: str) -> Quote:
    """The quote in a record of one of `QUOTES`.

    Raises
    ------
    FaultsError
        No time, a price that is not in whole ticks, or no level.
    """
    if len(record.levels) != 1:
        raise _wrong(where, f"{len(record.levels)} levels of the book", "one")
    level = record.levels[0]
    bid = _ticks(level.bid_px, ticks_per_unit, f"{where} bid")
    ask = _ticks(level.ask_px, ticks_per_unit, f"{where} ask")
    at_ns = _instant(record, where)
    stood_ns = 0 if kind_of(record) in _AT_INTERVALS else int(record.ts_event)
    return Quote(
        at_ns=at_ns,
        source_ns=0 if stood_ns == _UNDEFINED_TIME else min(stood_ns, at_ns),
        bid_ticks=bid,
        ask_ticks=ask,
        bid_size=None if bid is None else int(level.bid_sz),
        ask_size=None if ask is None else int(level.ask_sz),
        doubtful=bool(int(record.flags) & _MAYBE_BAD_BOOK),
    )


def state_of(record: Any, where: str) -> State | None:
    """What a status says of trading; None where it says nothing of it, as of an auction.

    Raises
    ------
    FaultsError
        It has no time.
    """
    action = record.action
    number = int(action) if isinstance(action, int) else int(getattr(action, "value", 0))
    if number not in _HALTS and number != _TRADING:
        return None
    return State(at_ns=_instant(record, where), halted=number in _HALTS)


def multiplier_of(record: Any) -> float | None:
    """Contracts' size as a definition tells it; None where it does not."""
    told = getattr(record, "contract_multiplier", None)
    return None if told is None or not 0 < int(told) < _UNDEFINED_NUMBER else float(told)


def option_named(symbol: str) -> Instrument | None:
    """The US listed option with this OCC symbol; None of any other name, and of an adjusted contract: nobody says what it delivers."""
    try:
        parts = parse_osi(symbol)
    except InvalidValueError:
        return None
    if parts.root[-1].isdigit():
        return None
    terms = us_option_terms(parts.root)
    return option_of(
        terms,
        symbol=print_osi(parts),
        expiry_ns=us_expiry_ns(parts.expiry, terms.settlement),
        strike=parts.strike,
        right=parts.right,
    )


def with_multiplier(item: Instrument, multiplier: float | None) -> Instrument:
    """The contract as its definition says how large it is."""
    return item if multiplier is None else msgspec.structs.replace(item, multiplier=multiplier)


def share_named(symbol: str) -> Instrument:
    """The share of which options are recorded."""
    return Instrument(
        symbol=symbol,
        underlying=symbol,
        kind=Kind.SHARE,
        multiplier=1.0,
        currency="USD",
        ticks_per_unit=100,
        tick_table=_PENNY,
    )


def _ticks(price: int, ticks_per_unit: int, where: str) -> int | None:
    """None where there is no price, or one of 0."""
    if price == _UNDEFINED_PRICE:
        return None
    ticks, rest = divmod(price * ticks_per_unit, _NANO)
    if rest or ticks < 0 or ticks >= _NANO:
        raise _wrong(
            where, f"price {price / _NANO}", f"one of 0 or above in whole ticks of 1/{ticks_per_unit}"
        )
    return ticks or None


def _instant(record: Any, where: str) -> int:
    for told in (record.ts_recv, record.ts_event):
        if 0 < told <= _LAST_INSTANT and told != _UNDEFINED_TIME:
            return int(told)
    raise _wrong(where, "no time", "when it was received")


def _wrong(where: str, found: str, expected: str) -> FaultsError:
    return fault(where=where, found=found, expected=expected, action=_AGAIN)
