"""A small recording for tests of what is done with one."""

from flatbook.adapters.recording import Moment, Recording, in_order
from flatbook.model.events import ForwardQuoted, InstrumentsListed, QuotesSeen, UnderlyingQuoted
from flatbook.model.instruments import Instrument, Kind, Right, TickBand
from flatbook.model.table import InstrumentTable
from flatbook.model.venue_events import TradingHalted

S = 10**9
START = 1_600_000_000 * S


def option(strike, underlying="XYZ", expiry_ns=START + 30 * 86_400 * S):
    """A call."""
    return Instrument(
        symbol=f"{underlying}-{strike}", underlying=underlying, option_class=underlying, kind=Kind.OPTION, multiplier=100.0,
        currency="USD", ticks_per_unit=100, tick_table=(TickBand(0, 1),), expiry_ns=expiry_ns, strike=float(strike),
        right=Right.CALL,
    )  # fmt: skip


ITEMS = (option(100), option(110), option(50, "ABC"))


def quote(at_ns, symbol, bid, ask, size=5):
    """One series."""
    return QuotesSeen(
        received_ns=at_ns, symbols=(symbol,), bid_ticks=(bid,), ask_ticks=(ask,), bid_sizes=(None if bid is None else size,),
        ask_sizes=(None if ask is None else size,),
    )  # fmt: skip


def price(at_ns, value, underlying="XYZ"):
    """Of an underlying."""
    return UnderlyingQuoted(received_ns=at_ns, underlying=underlying, price=value)


def halt(at_ns, on):
    """Of XYZ."""
    return TradingHalted(received_ns=at_ns, underlying="XYZ", on=on, reason="test")


def forward(at_ns, value):
    """Of the options on XYZ."""
    return ForwardQuoted(received_ns=at_ns, option_class="XYZ", expiry_ns=ITEMS[0].expiry_ns, price=value)


def recording(*timed, items=ITEMS):
    """Facts by second."""
    moments = [
        Moment(
            at_ns=START + round(second * S), facts=tuple(make(START + round(second * S)) for make in makes)
        )
        for second, *makes in timed
    ]
    table = InstrumentTable(version=1, instruments=items)
    return Recording(
        format="test", source="a test", table=table, opening=(InstrumentsListed(received_ns=START, instruments=items),),
        begins_ns=moments[0].at_ns, ends_ns=moments[-1].at_ns, opens_ns=START, closes_ns=moments[-1].at_ns,
        moments=lambda: in_order(iter(moments)),
    )  # fmt: skip
