"""Markouts: what trades were worth a little later, hedged of direction, by whom they were done with and where.

Source: domain reference 4.16 and 4.20. Of a trade on our side s (+1 bought) at price p, with theoretical value V and delta D when it was
done and h seconds later V', spot S' (S when done):

    edge = s (V - p),    adverse(h) = s (V' - V - D (S' - S)),    realised(h) = edge + adverse(h)

each times contracts and USD of a contract. Adverse below 0 is what the other side knew; give-back is the share of the edge that it
took: -adverse / edge. A trade whose later value is not there is in no mean; it is counted.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from flatbook.exposure.marks import Mark, worth
from flatbook.model.events import Fact, Fill, QuotesSeen, UnderlyingQuoted
from flatbook.model.instruments import Side
from flatbook.model.measures import Measure
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints

HORIZONS_S = (1.0, 10.0, 60.0, 300.0)
_NS = 1_000_000_000
_LATE_SHARE = 0.5  # of a horizon: a value later than that is of another horizon
_LATE_LEAST_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Values of some instruments through time."""

    at_ns: Ints  # int64[t], ascending
    rows: Ints  # int64[k] of the instrument table, ascending
    value: Floats  # float64[t, k] quote currency; NaN where there is none
    spot: Floats  # float64[t, k] of its underlying
    delta: Floats  # float64[t, k] units of the underlying per unit of the contract; 0: not hedged


@dataclass(frozen=True, slots=True, kw_only=True)
class Markouts:
    """One row a fill; USD."""

    fills: tuple[Fill, ...]
    horizons_s: tuple[float, ...]
    contracts: Ints  # int64[n]
    edge_usd: Floats  # [n]; NaN where nothing tells the value at the trade
    adverse_usd: Floats  # [n, horizons]; NaN likewise, and where the value later is not there


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkoutGroup:
    """Fills of one counterparty, venue, series or capacity, at one horizon."""

    name: str
    horizon_s: float
    fills: int  # with a value then
    fills_without: int
    contracts: int
    edge_usd: float  # the sum
    adverse_usd: float  # the sum
    adverse_usd_per_contract: float  # weighted by contracts
    standard_error: float  # of it; NaN with fewer than two fills
    give_back: float  # share of the edge; NaN where there is no edge above 0

    @property
    def realised_usd(self) -> float:
        """What stayed."""
        return self.edge_usd + self.adverse_usd


KEYS: dict[str, Callable[[Fill], str]] = {
    "all": lambda _: "all",
    "counterparty": lambda fill: fill.counterparty or "unknown",
    "venue": lambda fill: fill.venue or "unknown",
    "series": lambda fill: fill.instrument,
    "capacity": lambda fill: fill.capacity.value,
}


def track_of_marks(marks: Iterable[Mark], rows: Ints) -> Track:
    """Theoretical values and deltas as they were marked; one mark is in memory at a time.

    Parameters
    ----------
    marks : iterable of Mark
        In ascending order of time, of one instrument table or of one that grew: rows not listed yet have no value.
    rows : int64[k]
        Ascending.
    """
    times: list[int] = []
    seen: list[tuple[Floats, Floats, Floats]] = []
    for each in marks:
        table, row = each.market.table, np.full((3, rows.size), np.nan)
        listed = rows[: np.searchsorted(rows, len(table.instruments))]
        row[0, : listed.size] = each.values.price[listed]
        row[1, : listed.size] = each.market.spot[table.underlying_of[listed]]
        row[2, : listed.size] = each.values.greeks[listed, Measure.DELTA_SHARES] / table.multiplier[listed]
        if times and times[-1] == each.now_ns:
            times.pop()
            seen.pop()
        times.append(each.now_ns)
        seen.append((row[0], row[1], row[2]))
    return _track(times, rows, seen)


def track_of_quotes(
    facts: Iterable[Fact], table: InstrumentTable, rows: Ints, delta: Floats, instants: Ints | None = None
) -> Track:
    """Middles of bid and offer as they were received, between two cycles, at the deltas of the earlier one.

    Parameters
    ----------
    facts : iterable of Fact
        Quotes and prices of underlyings among others, in order.
    table : InstrumentTable
    rows : int64[k]
        Ascending.
    delta : float64[k]
        Units of the underlying per unit of the contract.
    instants : int64[m], optional
        UTC nanoseconds that are kept; every instant otherwise.
    """
    of, place = table.underlying_of[rows], {row: at for at, row in enumerate(rows.tolist())}
    number = {name: u for u, name in enumerate(table.underlyings)}
    kept = None if instants is None else set(instants.tolist())
    value, spot = np.full(rows.size, np.nan), np.full(len(table.underlyings), np.nan)
    times: list[int] = []
    seen: list[tuple[Floats, Floats, Floats]] = []
    for fact in facts:
        if isinstance(fact, UnderlyingQuoted) and fact.underlying in number:
            spot[number[fact.underlying]] = fact.price
        elif isinstance(fact, QuotesSeen):
            _see(fact, table, place, value)
        else:
            continue
        if kept is not None and fact.received_ns not in kept:
            continue
        if times and times[-1] == fact.received_ns:
            times.pop()
            seen.pop()
        times.append(fact.received_ns)
        seen.append((value.copy(), spot[of], delta))
    return _track(times, rows, seen)


def instants_for(fills: Sequence[Fill], at_ns: Ints, horizons_s: tuple[float, ...] = HORIZONS_S) -> Ints:
    """Of the instants `at_ns` (int64[t], ascending) those that `markouts` of `fills` would read, int64[m]."""
    traded = np.array([fill.traded_ns for fill in fills], dtype=np.int64)
    before = np.searchsorted(at_ns, traded, side="right") - 1
    after = [np.searchsorted(at_ns, traded + round(each * _NS), side="left") for each in horizons_s]
    wanted = np.unique(np.concatenate((before, *after)))
    return np.asarray(at_ns[wanted[(wanted >= 0) & (wanted < at_ns.size)]])


def _track(times: list[int], rows: Ints, seen: list[tuple[Floats, Floats, Floats]]) -> Track:
    value, spot, delta = (
        np.array([each[column] for each in seen]).reshape(len(times), rows.size) for column in range(3)
    )
    return Track(at_ns=np.array(times, dtype=np.int64), rows=rows, value=value, spot=spot, delta=delta)


def _see(fact: QuotesSeen, table: InstrumentTable, place: dict[int, int], value: Floats) -> None:
    for symbol, bid, ask in zip(fact.symbols, fact.bid_ticks, fact.ask_ticks, strict=True):
        at = place.get(table.rows.get(symbol, -1))
        if at is not None:
            known = bid is not None and ask is not None
            per_unit = table.instruments[table.rows[symbol]].ticks_per_unit
            value[at] = 0.5 * ((bid or 0) + (ask or 0)) / per_unit if known else np.nan


def markouts(
    fills: Sequence[Fill],
    table: InstrumentTable,
    track: Track,
    horizons_s: tuple[float, ...] = HORIZONS_S,
) -> Markouts:
    """Mark each fill out.

    Parameters
    ----------
    fills : sequence of Fill
        Of instruments in the track.
    table : InstrumentTable
    track : Track
        The value at a trade is the last at or before it; that of a horizon the first at or after it, no later than half of the
        horizon or a second, whichever is longer.
    horizons_s : tuple of float
        Seconds, above 0.
    """
    rows = np.array([table.row_of(fill.instrument) for fill in fills], dtype=np.int64)
    if not track.at_ns.size:
        return _nothing(fills, horizons_s)
    at = np.searchsorted(track.rows, rows)
    assert np.array_equal(track.rows[np.minimum(at, track.rows.size - 1)], rows), "a fill is not in the track"
    traded = np.array([fill.traded_ns for fill in fills], dtype=np.int64)
    side = np.array([1.0 if fill.side is Side.BUY else -1.0 for fill in fills])
    contracts = np.array([fill.quantity for fill in fills], dtype=np.int64)
    paid = worth(table, np.array([fill.price_ticks for fill in fills]) / table.ticks_per_unit[rows], rows)
    then = np.searchsorted(track.at_ns, traded, side="right") - 1
    value, spot, delta = (
        np.where(then >= 0, column[np.maximum(then, 0), at], np.nan)
        for column in (track.value, track.spot, track.delta)
    )
    value = worth(table, value, rows)
    coin = table.inverse[rows]
    usd = side * contracts * table.multiplier[rows] * np.where(coin, spot, 1.0)
    adverse = np.full((rows.size, len(horizons_s)), np.nan)
    for number, horizon_s in enumerate(horizons_s):
        found, known = _first_after(track.at_ns, traded, horizon_s)
        later, spot_later = worth(table, track.value[found, at], rows), track.spot[found, at]
        moved = later - value - delta * (spot_later - spot) / np.where(coin, spot, 1.0)
        adverse[:, number] = np.where(known, usd * moved, np.nan)
    return Markouts(
        fills=tuple(fills),
        horizons_s=horizons_s,
        contracts=contracts,
        edge_usd=usd * (value - paid),
        adverse_usd=adverse,
    )


def valued(found: Markouts) -> int:
    """How many pairs of a trade and a horizon have a value, over all horizons."""
    return int((np.isfinite(found.edge_usd)[:, None] & np.isfinite(found.adverse_usd)).sum())


def _nothing(fills: Sequence[Fill], horizons_s: tuple[float, ...]) -> Markouts:
    return Markouts(
        fills=tuple(fills),
        horizons_s=horizons_s,
        contracts=np.array([fill.quantity for fill in fills], dtype=np.int64),
        edge_usd=np.full(len(fills), np.nan),
        adverse_usd=np.full((len(fills), len(horizons_s)), np.nan),
    )


def _first_after(at_ns: Ints, traded: Ints, horizon_s: float) -> tuple[Ints, Bools]:
    """The first value at or after the horizon, and whether there is one that is not too late."""
    wanted = traded + round(horizon_s * _NS)
    late = round(max(_LATE_SHARE * horizon_s, _LATE_LEAST_S) * _NS)
    found = np.searchsorted(at_ns, wanted, side="left")
    there = found < at_ns.size
    found = np.where(there, found, max(at_ns.size - 1, 0))
    return found, there & (at_ns[found] <= wanted + late)


def by(found: Markouts, key: str) -> tuple[MarkoutGroup, ...]:
    """Markouts by one of `KEYS`: a group for each name and horizon, names in alphabetical order."""
    names = np.array([KEYS[key](fill) for fill in found.fills])
    return tuple(
        _group(name, number, names == name, found)
        for name in sorted(set(names.tolist()))
        for number in range(len(found.horizons_s))
    )


def _group(name: str, number: int, mine: Bools, found: Markouts) -> MarkoutGroup:
    known = mine & np.isfinite(found.edge_usd) & np.isfinite(found.adverse_usd[:, number])
    contracts = found.contracts[known].astype(np.float64)
    adverse, edge = found.adverse_usd[known, number], float(found.edge_usd[known].sum())
    total, n = float(contracts.sum()), int(known.sum())
    mean = float(adverse.sum()) / total if n else float("nan")
    return MarkoutGroup(
        name=name,
        horizon_s=found.horizons_s[number],
        fills=n,
        fills_without=int(mine.sum()) - n,
        contracts=int(total),
        edge_usd=edge,
        adverse_usd=float(adverse.sum()),
        adverse_usd_per_contract=mean,
        standard_error=_standard_error(adverse / contracts, contracts, mean),
        give_back=-float(adverse.sum()) / edge if edge > 0.0 else float("nan"),
    )


def _standard_error(each: Floats, weight: Floats, mean: float) -> float:
    """Of a weighted mean of independent draws: sqrt(sum w^2 (x - mean)^2) / sum w, times sqrt(n / (n - 1)).

    W. Cochran, "Sampling Techniques" (3rd ed., 1977), section 6.4: the linearised error of a ratio.
    """
    n = each.size
    if n < 2:
        return float("nan")
    spread = float(np.sqrt((weight**2 * (each - mean) ** 2).sum())) / float(weight.sum())
    return spread * float(np.sqrt(n / (n - 1.0)))
