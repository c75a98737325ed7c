"""When the market of an underlying is fast, and what its quotes do then: a state machine of four levels, calm and 1 to 3.

Source: domain reference 8.1 (trigger, responses, stepwise return), A.14 (bursts of fills). Each sign counts one, a move of spot once
for each multiple of its threshold; as many signs, so high the level, at once. Without as many signs for `dwell_s` a level ends, and
the next one after as long again. A market that somebody calls fast is at level 1 at least.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from flatbook.exposure.reference_vol import reference_vols
from flatbook.market.clock import CALENDAR
from flatbook.market.quotes import QuoteStatus
from flatbook.market.view import MarketView
from flatbook.model.quoting_terms import LEVELS, FastMarketTerms
from flatbook.model.table import Bools, Floats, Ints

_STALE = (QuoteStatus.STALE, QuoteStatus.STALE_COPY)
_UNQUOTED = (QuoteStatus.EXPIRED, QuoteStatus.NO_QUOTE)
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What is remembered of one underlying."""

    level: int = 0
    since_ns: int = 0  # when its signs were last as many, or the level before it ended


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Signs:
    """What is seen of each underlying; NaN where there is nothing to see."""

    z_score: Floats  # [u] largest move of spot to now within the window, in implied standard deviations of the window
    stale_share: Floats  # [u] of quoted series
    confidence: Floats  # [u] median of its smiles
    price_age_s: Floats  # [u]
    tripped: Bools  # [u] a protection has frozen some of its quotes
    bursting: Bools  # [u] fills come in a burst
    by_hand: tuple[str, ...]  # [u] why somebody calls it fast; empty where nobody does


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FastMarket:
    """The level of each underlying and what it asks for."""

    underlyings: tuple[str, ...]
    level: Ints  # [u]
    reasons: tuple[tuple[str, ...], ...]  # [u] the signs now; empty at a level that only lasts
    widen_factor: Floats  # [u] on the neutral distance
    size_share: Floats  # [u]
    wings_pulled: Bools  # [u]
    urgent: Bools  # [u] its delta is hedged before anything else
    by_hand: Bools  # [u] somebody called it fast: venues' duties are eased
    delta_below: float  # of absolute delta per unit: a wing
    delta_above: float
    memory: Mapping[str, Level] = field(default_factory=dict)

    def why(self) -> dict[str, str]:
        """By underlying that is not calm: level and signs, as limits and people read them."""
        told = zip(self.underlyings, self.level.tolist(), self.reasons, strict=True)
        return {
            name: f"level {level}: {', '.join(reasons) or 'signs have gone, not for long enough'}"
            for name, level, reasons in told
            if level > 0
        }


def signs_of(
    market: MarketView,
    terms: FastMarketTerms,
    spots: Mapping[str, tuple[tuple[int, float], ...]],
    tripped: Bools,
    bursting: Bools,
    by_hand: Mapping[str, str],
) -> Signs:
    """Look at the market of every underlying.

    Parameters
    ----------
    market : MarketView
    terms : FastMarketTerms
    spots : mapping
        By underlying: times and prices in ascending order, those of the window and the one before it.
    tripped, bursting : bool[n_underlyings]
    by_hand : mapping
        Why, by underlying; the empty name is all of them.
    """
    table = market.table
    names = table.underlyings
    everyone = by_hand.get("", "")
    nothing = np.full(len(names), np.nan)
    live = market.years > 0.0
    quoted = table.is_option & live & ~np.isin(market.status, _UNQUOTED)
    stale = quoted & np.isin(market.status, _STALE)
    counts = [np.bincount(table.underlying_of[rows], minlength=len(names)) for rows in (stale, quoted)]
    confidence = nothing.copy()
    for u in range(len(names)):
        mine = market.slice_confidence[(table.underlying_of_slice == u) & (market.slice_years > 0.0)]
        confidence[u] = float(np.median(mine)) if mine.size else np.nan
    return Signs(
        z_score=_moves(market, terms, spots),
        stale_share=np.divide(counts[0], counts[1], out=nothing.copy(), where=counts[1] > 0),
        confidence=confidence,
        price_age_s=market.spot_age_s,
        tripped=tripped,
        bursting=bursting,
        by_hand=tuple(by_hand.get(name, everyone) for name in names),
    )


def fast_market(
    signs: Signs | None,
    terms: FastMarketTerms,
    names: tuple[str, ...],
    memory: Mapping[str, Level],
    now_ns: int,
) -> FastMarket:
    """The level of each underlying after its signs; without signs (None) nothing is looked at and nothing is fast."""
    levels, reasons, kept = [], [], {}
    for u, name in enumerate(names):
        told, wanted = (_told(signs, u, terms)) if signs is not None else ((), 0)
        now = after(memory.get(name, Level()), wanted, now_ns, terms.dwell_s)
        levels.append(now.level)
        reasons.append(told)
        if now.level:
            kept[name] = now
    level = np.array(levels, dtype=np.int64)
    hand = signs.by_hand if signs is not None else ("",) * len(names)
    return FastMarket(
        underlyings=names,
        level=level,
        reasons=tuple(reasons),
        widen_factor=np.array((1.0, *terms.widen_factor))[level],
        size_share=np.array((1.0, *terms.size_share))[level],
        wings_pulled=level >= terms.wings_from_level,
        urgent=level >= terms.urgent_from_level,
        by_hand=np.array([bool(each) for each in hand], dtype=np.bool_),
        delta_below=terms.wing_delta_below,
        delta_above=terms.wing_delta_above,
        memory=MappingProxyType(kept),
    )


def after(before: Level, wanted: int, now_ns: int, dwell_s: float) -> Level:
    """The level once signs ask for `wanted`: up at once, down one level after each `dwell_s` without."""
    wanted = min(wanted, LEVELS)
    if wanted >= before.level:
        return Level(level=wanted, since_ns=now_ns)
    if now_ns - before.since_ns < round(dwell_s * _NS_PER_S):
        return before
    return Level(level=before.level - 1, since_ns=now_ns)


def _told(signs: Signs, u: int, terms: FastMarketTerms) -> tuple[tuple[str, ...], int]:
    """The signs of one underlying in words, and the level that they ask for."""
    out: list[str] = []
    level = 0
    if terms.watch:
        z, stale, trust = (float(each[u]) for each in (signs.z_score, signs.stale_share, signs.confidence))
        age = float(signs.price_age_s[u])
        multiples = int(z / terms.z_score) if z >= terms.z_score else 0
        conditions = (
            (multiples > 0, f"spot moved {z:.1f} standard deviations in {terms.window_s:g} s"),
            (0.0 < terms.stale_share <= stale, f"{stale:.0%} of quotes are stale"),
            (trust < terms.confidence_min, f"median confidence of smiles is {trust:.2f}"),
            (terms.feed_gap_s > 0.0 and not age <= terms.feed_gap_s, _gap(age)),
            (bool(signs.tripped[u]), "a protection tripped"),
            (bool(signs.bursting[u]), "fills come in a burst"),
        )
        out = [text for holds, text in conditions if holds]
        level = len(out) + max(multiples - 1, 0)
    if signs.by_hand[u]:
        out.append(f"by hand: {signs.by_hand[u]}")
        level = max(level, 1)
    return tuple(out), level


def _gap(age_s: float) -> str:
    return f"no price for {age_s:.0f} s" if np.isfinite(age_s) else "no price ever"


def _moves(
    market: MarketView, terms: FastMarketTerms, spots: Mapping[str, tuple[tuple[int, float], ...]]
) -> Floats:
    """The largest move to now within the window, over the deviation of a whole window in the time of its clock."""
    names = market.table.underlyings
    out = np.full(len(names), np.nan)
    if not terms.watch:
        return out
    now, window_ns = market.now_ns, round(terms.window_s * _NS_PER_S)
    vol = reference_vols(market)
    clocks = market.clocks or (CALENDAR,) * len(names)
    for u, name in enumerate(names):
        path = [price for at, price in within(spots.get(name, ()), now, window_ns)]
        years = float(clocks[u].tau(now - window_ns, np.array([now]))[0])
        if path and vol[u] > 0.0 and years > 0.0:
            moves = np.abs(np.log(market.spot[u] / np.array(path)))
            out[u] = float(moves.max()) / (vol[u] * np.sqrt(years))
    return out


def within(path: tuple[tuple[int, float], ...], now_ns: int, window_ns: int) -> tuple[tuple[int, float], ...]:
    """What of a path stood within the window: prices that came in it, and the one before."""
    first = next((n for n, (at, _) in enumerate(path) if at > now_ns - window_ns), len(path))
    return path[max(first - 1, 0) :]
