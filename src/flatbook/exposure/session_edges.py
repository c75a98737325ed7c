"""When an exchange closes before an instant and opens after it, by the clock of an underlying.

Where no calendar is known, a New York session is assumed: 6.5 hours, Mondays to Fridays, so 17.5 hours from close to open
and two days more over a weekend; holidays are not known then.
"""

import numpy as np

from flatbook.market.clock import NS_PER_DAY
from flatbook.market.variance_clock import TimeKind, VarianceClock
from flatbook.market.view import MarketView
from flatbook.model.table import Ints

_NIGHT_NS = 17 * NS_PER_DAY // 24 + NS_PER_DAY // 48
_WEEKEND_NS = 2 * NS_PER_DAY
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0
_MONDAY, _FRIDAY = 0, 4


def last_close_ns(market: MarketView, underlying: int, before_ns: int) -> int:
    """The last close before an instant: of an expiry on the opening, of an ex-date. UTC nanoseconds."""
    closes = _edges(market, underlying, opening=False)
    at = int(np.searchsorted(closes, before_ns, side="left")) - 1
    if at >= 0 and closes[-1] >= before_ns:
        return int(closes[at])
    over_weekend = _WEEKEND_NS if _weekday(before_ns) == _MONDAY else 0
    return before_ns - _NIGHT_NS - over_weekend


def next_close_ns(market: MarketView, underlying: int, after_ns: int) -> int:
    """The first close after an instant by the calendar of an underlying; 0 where none is known. UTC nanoseconds."""
    closes = _edges(market, underlying, opening=False)
    at = int(np.searchsorted(closes, after_ns, side="right"))
    return int(closes[at]) if at < closes.size else 0


def next_open_ns(market: MarketView, underlying: int, after_ns: int) -> int:
    """The first opening after an instant, such as an expiry on the close. UTC nanoseconds."""
    opens = _edges(market, underlying, opening=True)
    at = int(np.searchsorted(opens, after_ns, side="right"))
    if at < opens.size and opens[0] <= after_ns:
        return int(opens[at])
    over_weekend = _WEEKEND_NS if _weekday(after_ns) == _FRIDAY else 0
    return after_ns + _NIGHT_NS + over_weekend


def _weekday(instant_ns: int) -> int:
    return (instant_ns // NS_PER_DAY + _EPOCH_WEEKDAY) % 7


def _edges(market: MarketView, underlying: int, *, opening: bool) -> Ints:
    """Instants of the clock at which a session begins, or ends."""
    clock = market.clocks[underlying] if market.clocks else None
    if not isinstance(clock, VarianceClock):
        return np.empty(0, dtype=np.int64)
    session = clock.kinds == TimeKind.SESSION
    here = session[1:] & ~session[:-1] if opening else session[:-1] & ~session[1:]
    return np.asarray(clock.edges_ns[here])
