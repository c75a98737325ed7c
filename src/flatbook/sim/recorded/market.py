"""A recorded day as the market of a simulation.

Fair value is the middle of bid and ask, and nothing where a side is missing: it says no more than somebody quoted, and leans on no model
that the desk it judges could share. It is as coarse as the quotes: half a spread in what is far from the money.
"""

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.events import InstrumentsListed, RatesSeen, SessionsSeen, UnderlyingQuoted
from flatbook.model.facts import Fact
from flatbook.model.instruments import Kind
from flatbook.model.recorded_day import RecordedDay
from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.sim.moment import Moment
from flatbook.sim.recorded.standing import Standing, standing_quotes
from flatbook.sim.recorded.worth import Chain, chain_of, forwards, spot_by_parity, vegas

_YEAR_NS = 365 * 86_400 * 1_000_000_000


class RecordedMarket:
    """A `DayMarket` of the busiest series of a recording and of what they are hedged with.

    Moments are the ends of its bars, from that of the first bar of the session until the close.
    """

    def __init__(self, day: RecordedDay, standing: Standing, chain: Chain, rows: Ints) -> None:
        self.day, self.standing, self.rows = day, standing, rows
        self.table = InstrumentTable(version=1, instruments=tuple(day.instruments[row] for row in rows))
        self.at_ns = standing.at_ns
        self.middle = standing.middles(chain.table.ticks_per_unit)  # of every row of the recording
        self.spot = _spots(day, chain, self.at_ns, self.middle)
        self._chain = chain
        self._moments: dict[int, Moment] = {}

    def opening(self) -> tuple[Fact, ...]:
        """Listings, a flat zero curve, the sessions, and the underlying's price as it stood."""
        at, chain = int(self.at_ns[0]), self._chain
        currency = next(item.currency for item in self.table.instruments)
        years = (1, 10)
        return (
            InstrumentsListed(received_ns=at, instruments=self.table.instruments),
            RatesSeen(
                received_ns=at,
                currency=currency,
                maturity_ns=tuple(at + each * _YEAR_NS for each in years),
                rate=(chain.rate,) * len(years),
            ),
            SessionsSeen(
                received_ns=at,
                calendar=self.day.calendar,
                underlyings=(self.day.underlying,),
                open_ns=self.day.session_open_ns,
                close_ns=self.day.session_close_ns,
            ),
            UnderlyingQuoted(received_ns=at, underlying=self.day.underlying, price=float(self.spot[0])),
        )

    def moment(self, index: int) -> Moment:
        """The market at `at_ns[index]`."""
        if index not in self._moments:
            self._moments[index] = self._moment(index)
        return self._moments[index]

    def _moment(self, index: int) -> Moment:
        at, rows, stood = int(self.at_ns[index]), self.rows, self.standing
        middle, spot = self.middle[index], float(self.spot[index])
        forward = forwards(self._chain, at, middle, spot)
        return Moment(
            at_ns=at,
            spot=self.spot[index : index + 1],
            halted=np.zeros(1, dtype=np.bool_),
            fair=middle[rows],
            vega=vegas(self._chain, at, middle, forward)[rows],
            bid_ticks=stood.bid_ticks[index, rows],
            ask_ticks=stood.ask_ticks[index, rows],
            bid_size=stood.bid_size[index, rows],
            ask_size=stood.ask_size[index, rows],
        )


def recorded_market(day: RecordedDay, *, series: int = 60, rate: float = 0.0) -> RecordedMarket:
    """Play a recorded day again.

    Parameters
    ----------
    day : RecordedDay
    series : int
        The most options that it has: those with most trades in the session, and among equals with most quotes.
    rate : float
        Continuous and annual, for discounting and, where no future tells the forward, for carry.

    Raises
    ------
    InvalidValueError
        Less than one series, or a day in which nobody quotes the underlying or a pair that tells its price.
    """
    if series < 1:
        msg = f"recorded day: needs 1 series or more, was {series}"
        raise InvalidValueError(msg)
    standing, chain = standing_quotes(day), chain_of(day, rate)
    options = busiest(day, standing, series)
    hedges = {day.underlying_row, *day.forward_row[options].tolist()} - {-1}
    rows = np.array([*options.tolist(), *sorted(hedges)], dtype=np.int64)
    return RecordedMarket(day, standing, chain, rows)


def busiest(day: RecordedDay, standing: Standing, series: int) -> Ints:
    """int64[m]: rows of the options with most trades in the session, ascending; quotes decide among equals."""
    n_rows = len(day.instruments)
    in_session = (day.trade_ns >= day.session_open_ns[0]) & (day.trade_ns < day.session_close_ns[0])
    trades = np.bincount(day.trade_row[in_session], minlength=n_rows)
    options = np.array(
        [row for row, item in enumerate(day.instruments) if item.kind is Kind.OPTION], dtype=np.int64
    )
    order = np.lexsort((options, -standing.bars[options], -trades[options]))
    return np.sort(options[order[:series]])


def _spots(day: RecordedDay, chain: Chain, at_ns: Ints, middle: Floats) -> Floats:
    """float64[n_moments]: the middle of the underlying's quotes, or what parity tells; the last one known where neither does."""
    quoted = middle[:, day.underlying_row] if day.underlying_row >= 0 else np.full(at_ns.size, np.nan)
    told = np.array(
        [
            float(price) if np.isfinite(price) else spot_by_parity(chain, int(at), row)
            for price, at, row in zip(quoted, at_ns, middle, strict=True)
        ]
    )
    known = np.flatnonzero(np.isfinite(told))
    if not known.size:
        msg = f"{day.source}: nobody quotes {day.underlying}, or a call and a put that tell its price"
        raise InvalidValueError(msg)
    last = np.maximum(np.searchsorted(known, np.arange(at_ns.size), side="right") - 1, 0)
    return np.asarray(told[known[last]])
