"""How healthy the quotes are: what is wrong with each, and what share of each class is left to work with.

Source: domain reference 7.2 (stale and locked filter) and 8.3 (failures to test). `market.quotes` gives the first reason that a quote is
not used; here every fault of a quote is kept, as bits, since a quote that is wide and old is another matter than one
that is wide. A spread is wide against what its class usually shows at that price: medians by class and by doubling of
the mid, faded over snapshots, so that a class that widens all at once is told from one that is always wide. A snapshot
is a stale copy where a whole class repeats an earlier one to the last quote though its underlying has moved, or
where the exchange is shut all day: a vendor's file of a holiday is the day before, under a new date.
"""

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from flatbook.market.variance_clock import TimeKind, VarianceClock
from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Bools, Floats, Ints

Faults = NDArray[np.int16]


class QuoteFault(IntFlag):
    """Everything that is wrong with a quote."""

    NO_BID = 1
    NO_ASK = 2
    CROSSED = 4
    LOCKED = 8  # bid and offer at one price: a price, but no market
    STALE = 16
    WIDE = 32
    STALE_COPY = 64
    OUT_OF_BOUNDS = 128


REJECTS = (
    QuoteFault.NO_BID
    | QuoteFault.NO_ASK
    | QuoteFault.CROSSED
    | QuoteFault.STALE
    | QuoteFault.WIDE
    | QuoteFault.STALE_COPY
    | QuoteFault.OUT_OF_BOUNDS
)

FAULT_TEXT: dict[QuoteFault, str] = {
    QuoteFault.NO_BID: "no bid",
    QuoteFault.NO_ASK: "no offer",
    QuoteFault.CROSSED: "bid above offer",
    QuoteFault.LOCKED: "bid at offer",
    QuoteFault.STALE: "older than the freshness limit, or from the future",
    QuoteFault.WIDE: "spread far wider than its class shows at this price",
    QuoteFault.STALE_COPY: "an earlier snapshot under a new time, or quotes of a day without a session",
    QuoteFault.OUT_OF_BOUNDS: "outside the no-arbitrage bounds of its forward",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthLimits:
    """From where on a quote is at fault."""

    age_max_s: float = 900.0  # snapshots and minute bars; a live feed sets its own
    wide_multiple: float = 4.0  # of the usual spread
    copy_move_min: float = 1e-4  # relative move of the underlying that quotes must answer
    copy_count_min: int = 10  # fewer quotes than this may repeat by chance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpreadNorms:
    """The usual spread of each class by doubling of the mid.

    `log_spread` is float64[n_classes, OCTAVES]: natural logarithm of the median spread; NaN where nothing was seen.
    """

    log_spread: Floats

    def usual(self, mid: Floats, class_of: Ints) -> Floats:
        """The usual spread of each quote, from the nearest doubling that its class has shown, float64[n]; NaN without one."""
        none = np.full(OCTAVES, np.nan)  # class -1 is the last row
        rows = np.vstack([_filled(row) for row in (*self.log_spread, none)])
        known = (mid > 0.0) & (class_of >= 0)
        found = rows[class_of, _octave(np.where(known, mid, 1.0))]
        return np.where(known, np.exp(found), np.nan)


OCTAVES = 40
_LOWEST_OCTAVE = -20  # mids from 2**-20 to 2**20
_SEEN_MIN = 5  # quotes that make a median


def no_norms(n_classes: int) -> SpreadNorms:
    """The norms before the first snapshot."""
    return SpreadNorms(log_spread=np.full((n_classes, OCTAVES), np.nan))


def learn_norms(
    norms: SpreadNorms, bid: Floats, ask: Floats, class_of: Ints, *, weight: float
) -> SpreadNorms:
    """The norms once a snapshot is seen.

    Parameters
    ----------
    norms : SpreadNorms
    bid, ask : float64[n]
        Two-sided, uncrossed quotes count; the rest is not read.
    class_of : int64[n]
        Class of each; -1 for none.
    weight : float
        Of the new medians, above 0 to 1; a doubling seen for the first time takes them whole.
    """
    if not 0.0 < weight <= 1.0:
        msg = f"spread norms: weight must be above 0 and at most 1, was {weight}"
        raise InvalidValueError(msg)
    used = (ask > bid) & (bid + ask > 0.0) & (class_of >= 0)
    mid, spread = 0.5 * (bid + ask)[used], (ask - bid)[used]
    cell = class_of[used] * OCTAVES + _octave(mid)
    order = np.lexsort((spread, cell))
    cells, first, count = np.unique(cell[order], return_index=True, return_counts=True)
    middle = 0.5 * (spread[order][first + (count - 1) // 2] + spread[order][first + count // 2])
    enough = count >= _SEEN_MIN
    fresh = np.full(norms.log_spread.shape, np.nan)
    fresh.flat[cells[enough]] = np.log(middle[enough])
    faded = (1.0 - weight) * norms.log_spread + weight * fresh
    return SpreadNorms(
        log_spread=np.where(
            np.isnan(fresh), norms.log_spread, np.where(np.isnan(norms.log_spread), fresh, faded)
        )
    )


def _octave(mid: Floats) -> Ints:
    number = np.clip(np.floor(np.log2(mid)) - _LOWEST_OCTAVE, 0, OCTAVES - 1)
    return np.asarray(number, dtype=np.int64)


def _filled(row: Floats) -> Floats:
    """A class's norms with each gap filled from the nearest doubling that was seen."""
    seen = np.flatnonzero(~np.isnan(row))
    if not seen.size:
        return row
    nearest = seen[np.abs(np.arange(row.size)[:, None] - seen).argmin(axis=1)]
    return np.asarray(row[nearest])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """The quotes of all rows at one instant; what a later one is compared with."""

    bid: Floats
    ask: Floats
    spot_of_class: Floats  # float64[n_classes]: price of each class's underlying


def copied_classes(earlier: Snapshot, now: Snapshot, class_of: Ints, limits: HealthLimits) -> Bools:
    """Which classes repeat an earlier snapshot though their underlying has moved, bool[n_classes].

    Rows are those of one instrument table; rows that `earlier` does not have are new and are not compared, nor are those
    without any quote in both.
    """
    n_classes = now.spot_of_class.size
    n = earlier.bid.size
    compared = (class_of[:n] >= 0) & ~(np.isnan(now.bid[:n]) & np.isnan(now.ask[:n]))
    alike = _same(earlier.bid, now.bid[:n]) & _same(earlier.ask, now.ask[:n])
    count = np.bincount(class_of[:n][compared], minlength=n_classes)
    repeats = np.bincount(class_of[:n][compared & alike], minlength=n_classes)
    moved = np.abs(np.log(now.spot_of_class / earlier.spot_of_class)) > limits.copy_move_min
    return np.asarray(moved & (count >= max(limits.copy_count_min, 1)) & (repeats == count))


def _same(one: Floats, other: Floats) -> Bools:
    return np.asarray((one == other) | (np.isnan(one) & np.isnan(other)))


def is_shut(clock: VarianceClock, quoted_ns: Ints) -> Bools:
    """Whether each instant falls on a day without a session: a weekend or a holiday, bool[n]."""
    kind = clock.kind_at(quoted_ns)
    return np.asarray((kind == TimeKind.WEEKEND) | (kind == TimeKind.HOLIDAY))


def find_faults(
    bid: Floats,
    ask: Floats,
    age_s: Floats,
    usual_spread: Floats,
    outside_bounds: Bools,
    copied: Bools,
    limits: HealthLimits,
) -> Faults:
    """Every fault of every quote.

    Parameters
    ----------
    bid, ask : float64[n]
        NaN where a side is missing.
    age_s : float64[n]
        Seconds since the quote was received; NaN where it was never seen.
    usual_spread : float64[n]
        Of `SpreadNorms.usual`; NaN where none is known, and then no spread is wide.
    outside_bounds : bool[n]
        Of `market.quotes.outside_bounds`.
    copied : bool[n]
        The quote belongs to a stale copy: `copied_classes` of its class, or `is_shut`.
    limits : HealthLimits

    Returns
    -------
    int16[n]
        Bits of `QuoteFault`; 0 is healthy.
    """
    spread = ask - bid
    found = (
        (np.isnan(bid), QuoteFault.NO_BID),
        (np.isnan(ask), QuoteFault.NO_ASK),
        (spread < 0.0, QuoteFault.CROSSED),
        (spread == 0.0, QuoteFault.LOCKED),
        (~((age_s >= 0.0) & (age_s <= limits.age_max_s)), QuoteFault.STALE),
        (spread > limits.wide_multiple * usual_spread, QuoteFault.WIDE),
        (copied, QuoteFault.STALE_COPY),
        (outside_bounds, QuoteFault.OUT_OF_BOUNDS),
    )
    bits = np.sum([where * np.int16(bit) for where, bit in found], axis=0)
    return np.asarray(bits, dtype=np.int16)


def is_usable(faults: Faults) -> Bools:
    """Whether nothing rejects a quote; a locked one is a price."""
    return np.asarray((faults & np.int16(REJECTS)) == 0)


def text_of(faults: int) -> str:
    """The faults of one quote in words."""
    return "; ".join(text for bit, text in FAULT_TEXT.items() if faults & bit) or "healthy"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassHealth:
    """The health of each of c classes."""

    n_live: Ints  # int64[c]: series that have not expired
    usable_share: Floats  # float64[c]: of those; NaN where there are none
    by_fault: Ints  # int64[c, n_faults]: live series with each `QuoteFault`, in its order
    spread_ratio: Floats  # float64[c]: median of spread over usual spread; NaN where none is known
    oldest_s: Floats  # float64[c]: age of the oldest usable quote; NaN without one


def no_health() -> ClassHealth:
    """The health of no class at all."""
    none, numbers = np.empty(0), np.empty(0, dtype=np.int64)
    return ClassHealth(
        n_live=numbers,
        usable_share=none,
        by_fault=np.empty((0, len(QuoteFault)), dtype=np.int64),
        spread_ratio=none,
        oldest_s=none,
    )


def class_health(
    faults: Faults,
    bid: Floats,
    ask: Floats,
    age_s: Floats,
    usual_spread: Floats,
    live: Bools,
    class_of: Ints,
    n_classes: int,
) -> ClassHealth:
    """What share of each class is usable, what is wrong with the rest, and how wide it stands against its habit.

    Parameters
    ----------
    faults, bid, ask, age_s, usual_spread : [n]
        As in `find_faults`.
    live : bool[n]
        Listed and not expired.
    class_of : int64[n]
        -1 for none.
    """
    live = live & (class_of >= 0)
    of, usable = np.where(live, class_of, 0), live & is_usable(faults)
    n_live = np.bincount(of, weights=live, minlength=n_classes)
    n_usable = np.bincount(of, weights=usable, minlength=n_classes)
    by_fault = np.column_stack(
        [np.bincount(of, weights=live & ((faults & bit) != 0), minlength=n_classes) for bit in QuoteFault]
    )
    ratio = np.where(live & (ask > bid), (ask - bid) / usual_spread, np.nan)
    oldest = np.full(n_classes, -np.inf)
    np.maximum.at(oldest, class_of[usable], age_s[usable])
    return ClassHealth(
        n_live=n_live.astype(np.int64),
        usable_share=n_usable / np.where(n_live > 0, n_live, np.nan),
        by_fault=by_fault.astype(np.int64),
        spread_ratio=np.array([_median(ratio[live & (class_of == c)]) for c in range(n_classes)]),
        oldest_s=np.where(np.isfinite(oldest), oldest, np.nan),
    )


def _median(values: Floats) -> float:
    told = values[np.isfinite(values)]
    return float(np.median(told)) if told.size else float("nan")
