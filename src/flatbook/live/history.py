"""The last half hour, a column for each publication: a ring of rows that a reader gets as arrays."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import nan

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.engine.residual import left_behind
from flatbook.exposure.residual_ledger import Ledger
from flatbook.live.snapshot import HISTORY_NS, RESIDUAL_KINDS, HedgeMark, History
from flatbook.model.measures import Measure
from flatbook.model.table import Floats

_COLUMNS_MOST = 1_800  # one a second; publications in between are left out of the history
_S_NS = 1_000_000_000
_MARKS_MOST = 2_000
_LEDGER_NS = 5 * _S_NS  # between two ledgers of what the hedges leave: each measures the book once more


@dataclass(slots=True, kw_only=True)
class _Line:
    at_ns: int
    names: tuple[str, ...]
    by_underlying: Floats  # [4, n_underlyings]: delta, band, vega, gap
    utilisation: dict[str, float]
    pnl_usd: float


class HistoryColumns:
    """What is kept of it. The last column is that of the latest publication, whenever that was."""

    def __init__(self) -> None:
        self._lines: deque[_Line] = deque(maxlen=_COLUMNS_MOST)
        self._marks: deque[HedgeMark] = deque(maxlen=_MARKS_MOST)
        self._ledgers: deque[tuple[int, Floats]] = deque(maxlen=HISTORY_NS // _LEDGER_NS + 1)

    def add(self, cycle: Cycle, at_ns: int, pnl_usd: float) -> None:
        """Take a cycle over, in the place of the last column where that is of the same second."""
        line = _Line(
            at_ns=at_ns,
            names=cycle.table.underlyings,
            by_underlying=_of(cycle),
            utilisation={one.limit.name: one.utilisation for one in cycle.standing.limits},
            pnl_usd=pnl_usd,
        )
        if len(self._lines) > 1 and at_ns // _S_NS == self._lines[-1].at_ns // _S_NS:
            self._lines.pop()
        self._lines.append(line)
        while self._lines[0].at_ns < at_ns - HISTORY_NS:
            self._lines.popleft()
        if not self._ledgers or cycle.now_ns >= self._ledgers[-1][0] + _LEDGER_NS:
            self._ledgers.append((cycle.now_ns, residual_by_kind(left_behind(cycle).ledger)))
        while self._ledgers[0][0] < at_ns - HISTORY_NS and len(self._ledgers) > 1:
            self._ledgers.popleft()
        while self._marks and self._marks[0].at_ns < at_ns - HISTORY_NS:
            self._marks.popleft()

    def marks(self, marks: Iterable[HedgeMark]) -> None:
        """Hedges that were done."""
        self._marks.extend(marks)

    def columns(self) -> History:
        """All of it; whoever has it keeps it."""
        lines = list(self._lines)
        names = lines[-1].names if lines else ()
        limits = tuple(lines[-1].utilisation) if lines else ()
        cube = np.full((4, len(names), len(lines)), nan)
        used = np.full((len(limits), len(lines)), nan)
        for at, line in enumerate(lines):
            cube[:, : len(line.names), at] = line.by_underlying  # underlyings are only ever added
            used[:, at] = [line.utilisation.get(name, nan) for name in limits]
        return History(
            at_ns=np.array([line.at_ns for line in lines], dtype=np.int64),
            underlyings=names,
            delta_usd=cube[0],
            delta_band_usd=cube[1],
            vega_usd_per_point=cube[2],
            gap_usd=cube[3],
            limit_names=limits,
            utilisation=used,
            pnl_usd=np.array([line.pnl_usd for line in lines]),
            hedges=tuple(self._marks),
            residual_ns=np.array([at_ns for at_ns, _ in self._ledgers], dtype=np.int64),
            residual_usd=np.array([each for _, each in self._ledgers])
            .reshape(-1, len(RESIDUAL_KINDS))
            .T.copy(),
        )


def residual_by_kind(ledger: Ledger) -> Floats:
    """What each kind adds to the deviation of what hedges leave, USD: float64[kinds] as `RESIDUAL_KINDS`.

    They add up to the deviation of the ledger (Euler); 0 of a kind without an entry, NaN where the ledger cannot be told.
    """
    out = np.zeros(len(RESIDUAL_KINDS))
    if not ledger.entries:
        return out
    deviation = ledger.deviation_usd
    for entry, share in zip(ledger.entries, ledger.shares_usd2.tolist(), strict=True):
        out[RESIDUAL_KINDS.index(entry.kind)] += share / deviation if deviation != 0.0 else 0.0
    return out


def _of(cycle: Cycle) -> Floats:
    names = cycle.table.underlyings
    bands = {hedge.underlying: hedge.band_usd for hedge in cycle.hedges}
    by_underlying = cycle.exposure.by_underlying
    delta, hedged = by_underlying[:, Measure.DELTA_USD], cycle.price.delta_usd
    known = np.isfinite(hedged) & np.isfinite(delta)
    return np.stack(
        (
            np.where(known, hedged, delta),  # bands hold the delta that moves least, not Black's
            np.array([bands.get(name, nan) for name in names]),
            by_underlying[:, Measure.VEGA_USD_PER_POINT],
            cycle.gaps.worst_by_underlying,
        )
    )
