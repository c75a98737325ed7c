"""How long the desk quoted each series, as the exchange counts it: two sides, no wider and no smaller than its duty asks.

The count is by change of a quote, series by series, in whole nanoseconds; the desk's own (`quoting.duties`) is by pools. A width that depends
on the time to expiry is read when the quote changes.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.model.obligation_terms import ObligationRule
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints

_DAY_NS = 86_400_000_000_000
_ROUNDING = 1e-6  # of a width
_NEVER_NS = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuotedTime:
    """By row, since the exchange opened first."""

    open_ns: Ints  # [n] of sessions, until the series expired; halts belong to it
    quoted_ns: Ints  # [n] of that, quoted as the duty asks

    @property
    def share(self) -> Floats:
        """float64[n]: quoted of open; NaN where it was never open."""
        return np.where(self.open_ns > 0, self.quoted_ns / np.maximum(self.open_ns, 1), np.nan)


class DutyClock:
    """The time that each series was open and quoted."""

    def __init__(self, rule: ObligationRule, table: InstrumentTable) -> None:
        self._rule = rule
        self._ticks = [float(each) for each in table.ticks_per_unit]
        self._expiry_ns = table.expiry_ns
        self._ends: Ints = np.where(table.expiry_ns > 0, table.expiry_ns, _NEVER_NS)
        n = len(table.instruments)
        self._quoted: Bools = np.zeros(n, dtype=np.bool_)
        self._since_ns: Ints = np.zeros(n, dtype=np.int64)
        self._quoted_ns: Ints = np.zeros(n, dtype=np.int64)
        self._open_ns: Ints = np.zeros(n, dtype=np.int64)
        self._opened_ns = -1  # -1: closed

    def legal(
        self, row: int, bid_ticks: int, ask_ticks: int, bid_size: int, ask_size: int, now_ns: int
    ) -> bool:
        """Whether a two-sided quote meets the duty."""
        ticks = self._ticks[row]
        bid, ask = bid_ticks / ticks, ask_ticks / ticks
        small, large = sorted((bid_size, ask_size))
        if small < self._rule.size_min or small < self._rule.size_ratio_min * large or not 0.0 < bid < ask:
            return False
        days = (int(self._expiry_ns[row]) - now_ns) / _DAY_NS
        most = 0.0
        for band in self._rule.widths:
            if bid >= band.from_bid and days >= band.from_days:
                told = [] if band.width is None else [band.width]
                told += [] if band.bid_pct is None else [band.bid_pct * bid / 100.0]
                most = min(told)
        return ask - bid <= most * (1.0 + _ROUNDING)

    def quote(self, row: int, now_ns: int, *, legal: bool) -> None:
        """The desk's quote of a row begins or ceases to meet the duty."""
        if legal == bool(self._quoted[row]):
            return
        self._quoted[row] = legal
        if legal:
            self._since_ns[row] = now_ns
        elif self._opened_ns >= 0:
            self._quoted_ns[row] += max(self._until(row, now_ns) - int(self._since_ns[row]), 0)

    def open(self, now_ns: int) -> None:
        """A session begins, with nothing quoted."""
        self._opened_ns = now_ns

    def close(self, now_ns: int) -> None:
        """It ends, and with it every quote."""
        total = self.total(now_ns)
        self._open_ns, self._quoted_ns = total.open_ns, total.quoted_ns
        self._quoted[:] = False
        self._opened_ns = -1

    def total(self, now_ns: int) -> QuotedTime:
        """As of now."""
        if self._opened_ns < 0:
            return QuotedTime(open_ns=self._open_ns.copy(), quoted_ns=self._quoted_ns.copy())
        until = np.minimum(self._ends, now_ns)
        runs = np.where(self._quoted, np.maximum(until - self._since_ns, 0), 0)
        return QuotedTime(
            open_ns=self._open_ns + np.maximum(until - self._opened_ns, 0),
            quoted_ns=self._quoted_ns + runs,
        )

    def _until(self, row: int, now_ns: int) -> int:
        return min(int(self._ends[row]), now_ns)
