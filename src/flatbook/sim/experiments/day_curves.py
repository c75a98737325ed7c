"""The lines of a day that a picture shows."""

from typing import cast

import numpy as np

from flatbook.model.table import Bools, Floats, Ints
from flatbook.sim.experiments.outcome import Curves, MarkTold, Number
from flatbook.sim.experiments.record import DayRecord, TradeKind

MOST_SAMPLES = 500  # of a line: more are not told apart
_NS = 1e9


def curves_of(record: DayRecord, pnl: Floats, lines: dict[str, Floats]) -> Curves:
    """The lines of `record`; `pnl` and `lines` are float64[k]. At most `MOST_SAMPLES` samples, first and last among them."""
    at = _thinned(record.at_ns.size)
    seconds = _seconds(record.at_ns, record)
    watched, trades = record.watched, record.trades
    watching = watched.row >= 0
    seen = _thinned(watched.at_ns.size) if watching else np.empty(0, dtype=np.int64)
    hedges = (trades.kind == TradeKind.HEDGE) | (trades.kind == TradeKind.OFFSET)
    return Curves(
        open_ns=int(record.at_ns[0]),
        at_s=_plain(seconds[at]),
        spot=_column(record.spot[at, 0]),
        spot_name=record.table.underlyings[0],
        pnl_usd=_column(pnl[at]),
        inventory=_column(lines["inventory"][at]),
        delta_usd=_column(lines["delta_usd"][at]),
        gamma_usd_per_pct=_column(lines["gamma_usd_per_pct"][at]),
        vega_usd_per_point=_column(lines["vega_usd_per_point"][at]),
        capital_usd=_column(record.capital_usd[at]),
        utilisation={one.name: _column(record.utilisation[at, n]) for n, one in enumerate(record.limits)},
        hedges=_marks(record, hedges),
        watched=record.table.instruments[watched.row].symbol if watching else "",
        watched_at_s=_plain(_seconds(watched.at_ns[seen], record)),
        bid=_column(watched.bid[seen]),
        ask=_column(watched.ask[seen]),
        worth=_column(watched.fair[seen]),
        fills=_marks(record, (trades.kind == TradeKind.QUOTE) & (trades.row == watched.row)),
    )


def _marks(record: DayRecord, which: Bools) -> tuple[MarkTold, ...]:
    trades = record.trades
    seconds = _seconds(trades.at_ns, record)
    return tuple(
        MarkTold(
            at_s=float(seconds[n]),
            symbol=record.table.instruments[trades.row[n]].symbol,
            contracts=int(trades.side[n] * trades.quantity[n]),
            price=float(trades.price[n]),
            worth=float(trades.fair[n]),
            kind=TradeKind(int(trades.kind[n])).name.lower(),
            value_usd=float(
                trades.side[n] * trades.quantity[n] * trades.price[n] * record.unit_usd[trades.row[n]]
            ),
        )
        for n in np.flatnonzero(which).tolist()
    )


def _thinned(count: int) -> Ints:
    """int64[at most MOST_SAMPLES]: evenly spread places of `count`, each once."""
    return np.unique(np.linspace(0, max(count - 1, 0), min(count, MOST_SAMPLES)).astype(np.int64))


def _seconds(at_ns: Ints, record: DayRecord) -> Floats:
    return np.asarray((at_ns - record.at_ns[0]) / _NS)


def _plain(column: Floats) -> tuple[float, ...]:
    return tuple(cast("list[float]", column.tolist()))


def _column(column: Floats) -> tuple[Number, ...]:
    return tuple(value if np.isfinite(value) else None for value in column.tolist())
