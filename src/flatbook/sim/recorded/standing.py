"""The quotes that stood at each moment of a recorded day: the last bar that was over by then."""

from dataclasses import dataclass

import numpy as np

from flatbook.model.recorded_day import RecordedDay
from flatbook.model.table import Floats, Ints
from flatbook.quoting.ticks import NO_PRICE


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """Quotes by moment and by row of the recording; NO_PRICE and 0 where nobody quoted."""

    at_ns: Ints  # [n_moments]
    bid_ticks: Ints  # [n_moments, n_rows]; so the others
    ask_ticks: Ints
    bid_size: Ints
    ask_size: Ints
    bars: Ints  # [n_rows] quote bars in the session
    crossed: int  # bars of the session with a bid at or above the ask, whose quotes are left out

    def middles(self, ticks_per_unit: Floats) -> Floats:
        """float64[n_moments, n_rows]: price units; NaN where a side is missing."""
        two_sided = (self.bid_ticks != NO_PRICE) & (self.ask_ticks != NO_PRICE)
        return np.where(two_sided, (self.bid_ticks + self.ask_ticks) / 2.0 / ticks_per_unit, np.nan)


def standing_quotes(day: RecordedDay) -> Standing:
    """Quotes at each end of a bar, from that of the first bar of the session until its close.

    A quote stands until the next bar of its contract, or its expiry. Where bid and ask meet or cross, nobody can tell which is
    right: both are left out.
    """
    opens, closes = day.session_open_ns[0], day.session_close_ns[0]
    at_ns = np.arange(opens + day.bar_ns, closes + 1, day.bar_ns, dtype=np.int64)
    n_rows = len(day.instruments)
    seen = np.searchsorted(at_ns, day.quote_ns)  # the first moment by which each bar is over
    here = np.flatnonzero(seen < at_ns.size)
    last = np.full((at_ns.size, n_rows), -1, dtype=np.int64)
    np.maximum.at(last, (seen[here], day.quote_row[here]), here)
    np.maximum.accumulate(last, axis=0, out=last)
    expiry_ns = np.array([item.expiry_ns for item in day.instruments], dtype=np.int64)
    last[(expiry_ns > 0) & (expiry_ns <= at_ns[:, None])] = -1
    meets = (day.bid_ticks != NO_PRICE) & (day.ask_ticks != NO_PRICE) & (day.bid_ticks >= day.ask_ticks)
    in_session = (day.quote_ns > opens) & (day.quote_ns <= closes)

    def stood(column: Ints, missing: int) -> Ints:
        whole = np.append(np.where(meets, missing, column), missing)
        return whole[last]

    return Standing(
        at_ns=at_ns,
        bid_ticks=stood(day.bid_ticks, NO_PRICE),
        ask_ticks=stood(day.ask_ticks, NO_PRICE),
        bid_size=stood(day.bid_size, 0),
        ask_size=stood(day.ask_size, 0),
        bars=np.bincount(day.quote_row[in_session], minlength=n_rows),
        crossed=int((meets & in_session).sum()),
    )
