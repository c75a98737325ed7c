"""What earlier quotes say of these: the usual spread of each class, and whether a class repeats an old snapshot.

Source: `market.quote_health`. The usual spread of a class is told apart by time to expiry, since the spreads of years are
not those of days. A class is held against an earlier snapshot only where all its quotes were sent again under a
later time; quotes that stand because nobody sent new ones are no copy. Holds: a copy stays one until new quotes come.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from flatbook.market.quote_health import (
    HealthLimits,
    Snapshot,
    SpreadNorms,
    copied_classes,
    learn_norms,
    no_norms,
)
from flatbook.model.table import Bools, Floats, Ints

SPREAD_MEMORY_S = 3600.0  # after which the usual spread has forgotten all but 1/e of what it knew
TENOR_YEARS = np.array([0.25, 1.0, 2.0])  # where the usual spread of a class is told apart
LIMITS = HealthLimits()


def _no_snapshot() -> Snapshot:
    return Snapshot(bid=np.empty(0), ask=np.empty(0), spot_of_class=np.empty(0))


@dataclass(slots=True)
class QuoteMemory:
    """What is kept from cycle to cycle; rows and classes that were listed since are missing at the end."""

    norms: SpreadNorms = field(default_factory=lambda: no_norms(0))
    learned_ns: int = 0  # 0: never
    snapshot: Snapshot = field(default_factory=_no_snapshot)
    quoted_ns: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    copied: Bools = field(default_factory=lambda: np.empty(0, dtype=np.bool_))  # by class


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuotesNow:
    """The quotes of n rows in c classes at one instant."""

    snapshot: Snapshot
    quoted_ns: Ints  # int64[n]: when each was received; 0: never
    class_of: Ints  # int64[n]: -1 for none
    years: Floats  # float64[n]: to expiry
    is_shut: Bools  # bool[n]: the exchange was shut all day when it stood


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What is wrong with quotes that look well by themselves."""

    usual_spread: Floats  # float64[n]: NaN where none is known
    wide: Bools  # bool[n]
    copied: Bools  # bool[n]
    copied_class: Bools  # bool[c]: repeats an earlier snapshot


def judge(memory: QuoteMemory, now: QuotesNow) -> Judged:
    """Hold the quotes against what is remembered."""
    bid, ask = now.snapshot.bid, now.snapshot.ask
    usual = _grown_norms(memory, now).usual(0.5 * (bid + ask), _norm_of(now))
    copied = _copied(memory, now)
    return Judged(
        usual_spread=usual,
        wide=ask - bid > LIMITS.wide_multiple * usual,
        copied=now.is_shut | np.append(copied, False)[now.class_of],
        copied_class=copied,
    )


def remember(memory: QuoteMemory, now: QuotesNow, judged: Judged, told: Bools, now_ns: int) -> None:
    """Learn from the quotes that were `told` to be two-sided, current and of this day, bool[n]; nothing new, nothing learned."""
    sent = _count(now, _sent(memory, now))
    if not sent.any():
        return
    passed_s = (now_ns - memory.learned_ns) / 1e9
    weight = 1.0 if not memory.learned_ns else float(-np.expm1(-passed_s / SPREAD_MEMORY_S))
    bid, ask = (np.where(told, side, np.nan) for side in (now.snapshot.bid, now.snapshot.ask))
    if weight > 0.0:
        norms = _grown_norms(memory, now)
        memory.norms = learn_norms(norms, bid, ask, _norm_of(now), weight=weight)
        memory.learned_ns = now_ns
    kept = (sent == 0) | judged.copied_class
    spot = np.where(kept, _grown_spot(memory, now), now.snapshot.spot_of_class)
    memory.snapshot = replace(
        now.snapshot, bid=now.snapshot.bid.copy(), ask=now.snapshot.ask.copy(), spot_of_class=spot
    )
    memory.quoted_ns, memory.copied = now.quoted_ns.copy(), judged.copied_class


def _copied(memory: QuoteMemory, now: QuotesNow) -> Bools:
    """Which classes repeat the snapshot before, bool[c]; of a class without new quotes, what was found then."""
    earlier = replace(memory.snapshot, spot_of_class=_grown_spot(memory, now))
    sent = _sent(memory, now)
    quoted = ~(np.isnan(now.snapshot.bid) & np.isnan(now.snapshot.ask))
    sent_of_class = _count(now, sent)
    whole = (sent_of_class > 0) & (_count(now, quoted & ~sent) == 0)
    before = np.zeros(sent_of_class.size, dtype=np.bool_)
    before[: memory.copied.size] = memory.copied
    found = copied_classes(earlier, now.snapshot, now.class_of, LIMITS)
    return np.where(sent_of_class > 0, whole & found, before)


def _sent(memory: QuoteMemory, now: QuotesNow) -> Bools:
    """Rows whose quote is later than the one remembered, bool[n]."""
    before = np.zeros(now.quoted_ns.size, dtype=np.int64)
    before[: memory.quoted_ns.size] = memory.quoted_ns
    return np.asarray(now.quoted_ns > before)


def _count(now: QuotesNow, wanted: Bools) -> Ints:
    return np.bincount(now.class_of[wanted & (now.class_of >= 0)], minlength=now.snapshot.spot_of_class.size)


def _grown_spot(memory: QuoteMemory, now: QuotesNow) -> Floats:
    spot = np.full(now.snapshot.spot_of_class.size, np.nan)
    spot[: memory.snapshot.spot_of_class.size] = memory.snapshot.spot_of_class
    return spot


def _norm_of(now: QuotesNow) -> Ints:
    """Which norm each row is held against: its class and its time to expiry, int64[n]; -1 for none."""
    tenor = np.searchsorted(TENOR_YEARS, now.years)
    return np.where(now.class_of >= 0, now.class_of * (TENOR_YEARS.size + 1) + tenor, -1)


def _grown_norms(memory: QuoteMemory, now: QuotesNow) -> SpreadNorms:
    rows = now.snapshot.spot_of_class.size * (TENOR_YEARS.size + 1)
    missing = rows - memory.norms.log_spread.shape[0]
    return SpreadNorms(log_spread=np.vstack((memory.norms.log_spread, no_norms(missing).log_spread)))
