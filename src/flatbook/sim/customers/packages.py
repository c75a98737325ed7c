"""Packages of listed series around the one that a customer looks at.

To buy one is to buy what is worth more of a vertical (the nearer strike) and of a calendar (the later expiry), both series of a straddle, the call of a
risk reversal, the wings of a butterfly. To sell it turns every leg.
"""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from flatbook.model.instruments import Instrument, Kind, Right, Side
from flatbook.model.table import InstrumentTable
from flatbook.model.world_flow_terms import PackageKind
from flatbook.sim.moment import Leg

_SAME = 1e-9  # of a strike
_Ladder = tuple[list[float], list[int]]  # strikes ascending, and their rows


class Packages:
    """What can be put together from the options of one underlying."""

    def __init__(self, table: InstrumentTable, rows: Sequence[int], width_strikes: int) -> None:
        self._items = table.instruments
        self._width = width_strikes
        ladders: dict[tuple[str, int, Right | None], list[tuple[float, int]]] = {}
        for row in rows:
            item = self._items[row]
            assert item.kind is Kind.OPTION, item.symbol
            ladders.setdefault((item.option_class, item.expiry_ns, item.right), []).append((item.strike, row))
        self._ladders: dict[tuple[str, int, Right | None], _Ladder] = {}
        expiries: dict[str, set[int]] = {}
        for key, pairs in ladders.items():
            pairs.sort()
            self._ladders[key] = ([strike for strike, _ in pairs], [row for _, row in pairs])
            expiries.setdefault(key[0], set()).add(key[1])
        self._expiries = {name: sorted(each) for name, each in expiries.items()}

    def legs(self, kind: PackageKind, row: int, alive: frozenset[int], spot: float) -> tuple[Leg, ...]:
        """Of a bought package around `row`.

        Parameters
        ----------
        kind : PackageKind
        row : int
            The series that the customer looks at.
        alive : frozenset of int
            Rows that can be traded.
        spot : float
            Price units.

        Returns
        -------
        tuple of Leg
            Empty where a leg is not listed or not alive.
        """
        item = self._items[row]
        match kind:
            case PackageKind.VERTICAL:
                legs = self._vertical(item, row)
            case PackageKind.STRADDLE:
                legs = self._straddle(item)
            case PackageKind.CALENDAR:
                legs = self._calendar(item, row)
            case PackageKind.RISK_REVERSAL:
                legs = self._risk_reversal(item, alive, spot)
            case PackageKind.BUTTERFLY:
                legs = self._butterfly(item, row)
        return legs if all(leg.row in alive for leg in legs) else ()

    def _vertical(self, item: Instrument, row: int) -> tuple[Leg, ...]:
        assert item.right is not None
        far = self._stepped(item, int(item.right) * self._width)
        return () if far < 0 else (Leg(row=row, side=Side.BUY), Leg(row=far, side=Side.SELL))

    def _straddle(self, item: Instrument) -> tuple[Leg, ...]:
        call = self._found(item.option_class, item.expiry_ns, Right.CALL, item.strike)
        put = self._found(item.option_class, item.expiry_ns, Right.PUT, item.strike)
        return () if min(call, put) < 0 else (Leg(row=call, side=Side.BUY), Leg(row=put, side=Side.BUY))

    def _calendar(self, item: Instrument, row: int) -> tuple[Leg, ...]:
        expiries = self._expiries[item.option_class]
        later = expiries[expiries.index(item.expiry_ns) + 1 :]
        far = next(
            (
                found
                for found in (self._found(item.option_class, each, item.right, item.strike) for each in later)
                if found >= 0
            ),
            -1,
        )
        return () if far < 0 else (Leg(row=far, side=Side.BUY), Leg(row=row, side=Side.SELL))

    def _risk_reversal(self, item: Instrument, alive: frozenset[int], spot: float) -> tuple[Leg, ...]:
        low, high = sorted((item.strike, 2.0 * spot - item.strike))
        call = self._nearest(item, Right.CALL, high, alive)
        put = self._nearest(item, Right.PUT, low, alive)
        if min(call, put) < 0 or not self._items[put].strike < self._items[call].strike:
            return ()
        return (Leg(row=call, side=Side.BUY), Leg(row=put, side=Side.SELL))

    def _butterfly(self, item: Instrument, row: int) -> tuple[Leg, ...]:
        low, high = self._stepped(item, -self._width), self._stepped(item, self._width)
        if min(low, high) < 0:
            return ()
        lean = self._items[low].strike + self._items[high].strike - 2.0 * item.strike
        if not abs(lean) <= _SAME * item.strike:
            return ()
        return (
            Leg(row=low, side=Side.BUY),
            Leg(row=row, side=Side.SELL, ratio=2),
            Leg(row=high, side=Side.BUY),
        )

    def _stepped(self, item: Instrument, steps: int) -> int:
        strikes, rows = self._ladders[item.option_class, item.expiry_ns, item.right]
        at = bisect_left(strikes, item.strike) + steps
        return rows[at] if 0 <= at < len(rows) else -1

    def _found(self, option_class: str, expiry_ns: int, right: Right | None, strike: float) -> int:
        strikes, rows = self._ladders.get((option_class, expiry_ns, right), ([], []))
        at = bisect_left(strikes, strike * (1.0 - _SAME))
        return rows[at] if at < len(rows) and strikes[at] <= strike * (1.0 + _SAME) else -1

    def _nearest(self, item: Instrument, right: Right, strike: float, alive: frozenset[int]) -> int:
        strikes, rows = self._ladders.get((item.option_class, item.expiry_ns, right), ([], []))
        open_ = [at for at, row in enumerate(rows) if row in alive]
        if not open_:
            return -1
        away = np.abs(np.array([strikes[at] for at in open_]) - strike)
        return rows[open_[int(np.argmin(away))]]
