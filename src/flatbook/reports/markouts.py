"""Markouts: what trades were worth a little later, hedged of direction, by whom they were done with and where.

Source: domain reference 4.16 and 4.20. Of a trade on our side s (+1 bought) at price p, with theoretical value V and delta D when it was
done and h seconds later V', spot S' and S, each of the moment at which its value was told:

    edge = s (V - p),    adverse(h) = s (V' - V - D (S' - S)),    realised(h) = edge + adverse(h)

each times contracts and USD of a contract. Adverse below 0 is what the other side knew; give-back is the share of the edge that it
took: -adverse / edge. A trade whose later value is not there is in no mean; it is counted. A middle that stands while the
underlying moves is a value of its own moment: it is held against spot of that moment, and it is no later value where it was told
before the trade or long before the horizon.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flatbook.exposure.marks import Mark, worth
from flatbook.model.events import Fill, QuotesSeen, UnderlyingQuoted
from flatbook.model.facts import Fact
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
    told_ns: Ints  # int64[t, k] when each value was told, at or before `at_ns`
    spot: Floats  # float64[t, k] of its underlying, when the value was told
    delta: Floats  # float64[t, k] units of the underlying per unit of the contract; 0: not hedged


@dataclass(frozen=True, slots=True, kw_only=True)
class Markouts:
    """One row a fill; USD."""

    fills: tuple[Fill, ...]
    horizons_s: tuple[float, ...]
    contracts: Ints  # int64[n]
    age_s: Floats  # [n] of the value at the trade; NaN where there is none
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
    seen: list[_Seen] = []
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
        seen.append((row[0], row[1], row[2], np.full(rows.size, each.now_ns)))
    return _track(times, rows, seen)


def track_of_quotes(
    facts: Iterable[Fact], table: InstrumentTable, rows: Ints, delta: Floats, instants: Ints | None = None
) -> Track:
    """Middles of bid and offer as they were received, each with its own time and spot of then, at the deltas of the cycle before.

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
    told_ns, spot_then = np.zeros(rows.size, dtype=np.int64), np.full(rows.size, np.nan)
    times: list[int] = []
    seen: list[_Seen] = []
    for fact in facts:
        if isinstance(fact, UnderlyingQuoted) and fact.underlying in number:
            spot[number[fact.underlying]] = fact.price
        elif isinstance(fact, QuotesSeen):
            told_ns[_see(fact, table, place, value)] = fact.received_ns
        else:
            continue
        now = told_ns == fact.received_ns  # in whichever order the facts of one instant come
        spot_then[now] = spot[of[now]]
        if kept is not None and fact.received_ns not in kept:
            continue
        if times and times[-1] == fact.received_ns:
            times.pop()
            seen.pop()
        times.append(fact.received_ns)
        seen.append((value.copy(), spot_then.copy(), delta, told_ns.copy()))
    return _track(times, rows, seen)


def instants_for(
    fills: Sequence[Fill],
    at_ns: Ints,
    told_ns: Mapping[str, Ints],
    horizons_s: tuple[float, ...] = HORIZONS_S,
) -> Ints:
    """Of all instants those that `markouts` of `fills` would read, int64[m].

    Parameters
    ----------
    fills : sequence of Fill
    at_ns : int64[t]
        Ascending: instants of quotes and of prices of underlyings.
    told_ns : mapping of str to int64[s]
        By symbol, ascending: instants of its own quotes.
    horizons_s : tuple of float
    """
    traded = np.array([fill.traded_ns for fill in fills], dtype=np.int64)
    wanted = [traded + round(each * _NS) for each in horizons_s]
    before = np.searchsorted(at_ns, traded, side="right") - 1
    found = [at_ns[before[before >= 0]], *(_from(at_ns, each) for each in wanted)]
    for symbol, own_ns in told_ns.items():
        mine = np.array([fill.instrument == symbol for fill in fills], dtype=np.bool_)
        found += [_from(own_ns, each[mine]) for each in wanted]
    return np.unique(np.concatenate(found))


def _from(at_ns: Ints, wanted: Ints) -> Ints:
    """The first instant at or after each that is wanted, where there is one."""
    place = np.searchsorted(at_ns, wanted, side="left")
    return np.asarray(at_ns[place[place < at_ns.size]])


_Seen = tuple[Floats, Floats, Floats, Ints]  # value, spot, delta, when it was told; [k] each


def _track(times: list[int], rows: Ints, seen: list[_Seen]) -> Track:
    shape = len(times), rows.size
    value, spot, delta = (np.array([each[column] for each in seen]).reshape(shape) for column in range(3))
    told_ns = np.array([each[3] for each in seen], dtype=np.int64).reshape(shape)
    return Track(
        at_ns=np.array(times, dtype=np.int64), rows=rows, value=value, told_ns=told_ns, spot=spot, delta=delta
    )


def _see(fact: QuotesSeen, table: InstrumentTable, place: dict[int, int], value: Floats) -> list[int]:
    """Write the middles; the places that were told."""
    told = []
    for symbol, bid, ask in zip(fact.symbols, fact.bid_ticks, fact.ask_ticks, strict=True):
        at = place.get(table.rows.get(symbol, -1))
        if at is not None:
            known = bid is not None and ask is not None
            per_unit = table.instruments[table.rows[symbol]].ticks_per_unit
            value[at] = 0.5 * ((bid or 0) + (ask or 0)) / per_unit if known else np.nan
            told.append(at)
    return told


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
        The value at a trade is the last at or before it. That of a horizon is the one that stands at the first instant at or after it,
        where it was told after the trade and not long before the horizon; otherwise the first told after the horizon. Long before
        and too late is half of the horizon or a second, whichever is longer.
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
        found, known = _first_after(track, at, traded, horizon_s)
        later, spot_later = worth(table, track.value[found, at], rows), track.spot[found, at]
        moved = later - value - delta * (spot_later - spot) / np.where(coin, spot, 1.0)
        adverse[:, number] = np.where(known, usd * moved, np.nan)
    return Markouts(
        fills=tuple(fills),
        horizons_s=horizons_s,
        contracts=contracts,
        age_s=np.where(np.isfinite(value), (traded - track.told_ns[np.maximum(then, 0), at]) / _NS, np.nan),
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
        age_s=np.full(len(fills), np.nan),
        edge_usd=np.full(len(fills), np.nan),
        adverse_usd=np.full((len(fills), len(horizons_s)), np.nan),
    )


def _first_after(track: Track, at: Ints, traded: Ints, horizon_s: float) -> tuple[Ints, Bools]:
    """Where the value of the horizon of each trade stands in the track, and whether there is one of that time."""
    wanted = traded + round(horizon_s * _NS)
    late = round(max(_LATE_SHARE * horizon_s, _LATE_LEAST_S) * _NS)
    last = track.at_ns.size - 1
    standing = np.minimum(np.searchsorted(track.at_ns, wanted, side="left"), last)
    told_ns = track.told_ns[standing, at]
    fresh = (told_ns > traded) & (told_ns >= wanted - late) & (track.at_ns[standing] >= wanted)
    next_told = np.empty_like(standing)
    for column in np.unique(at).tolist():
        mine = at == column
        own_ns = np.ascontiguousarray(track.told_ns[:, column])
        next_told[mine] = np.searchsorted(own_ns, wanted[mine], side="left")
    found = np.where(fresh, standing, np.minimum(next_told, last))
    there = fresh | (next_told <= last)
    return found, there & (track.at_ns[found] <= wanted + late)


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
