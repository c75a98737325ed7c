"""A day of a chain as somebody recorded it: quote bars and trade bars as columns. Rows are numbers into its instruments."""

from dataclasses import dataclass

from flatbook.model.instruments import Instrument
from flatbook.model.table import Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordedDay:
    """What a reader of recordings gives, and the simulator plays again. Times are UTC nanoseconds."""

    source: str  # in words
    underlying: str
    instruments: tuple[Instrument, ...]  # options, and what they are hedged with
    underlying_row: int  # whose quotes are the underlying's price; -1: nobody quoted it
    forward_row: Ints  # [n_instruments] the future that an option settles into; -1: none, or no option
    calendar: str
    session_open_ns: tuple[int, ...]  # of the day, and of those after it; two or more
    session_close_ns: tuple[int, ...]
    bar_ns: int  # length of a bar

    quote_ns: Ints  # [n_quotes] when the bar ended, ascending
    quote_row: Ints
    bid_ticks: Ints  # -1: nobody bid
    ask_ticks: Ints
    bid_size: Ints  # contracts; 0 where there is no price
    ask_size: Ints

    trade_ns: Ints  # [n_trades] when the bar began, ascending
    trade_row: Ints
    trade_ticks: Ints  # last price of the bar
    trade_quantity: Ints  # contracts
