"""The protections of the desk beside its series: a mirror of each venue's, and our own over all venues that trips first.

Source: domain reference 2.2, A.11. One scope for each class or underlying that a rule counts by, one in all where it counts by group,
account or firm; a rule by series is mirrored by class, which trips no later. What a venue does not count (quotes or orders, flagged
or not) is not told apart: every option fill counts, so a mirror trips no later than the venue. One trip takes the quotes of
its series away everywhere: who fills us at one venue fills us at the next.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.kernels.protection_windows import NEVER, NO_TIME
from flatbook.limits.check import Standing
from flatbook.market.view import MarketView
from flatbook.model.instruments import Payoff
from flatbook.model.measures import CALENDAR_DAYS, Measure
from flatbook.model.parameters import Desk
from flatbook.model.protection_terms import ProtectionRule, ScopeKind, Tally
from flatbook.model.quoting_events import ProtectionTripped
from flatbook.model.quoting_terms import FastMarketTerms, ProtectionTerms
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints
from flatbook.quoting.coverage import covered
from flatbook.quoting.protection import (
    FillColumns,
    Protection,
    Scope,
    Trip,
    amounts,
    count_fills,
    frozen,
    new_protection,
    shadow_rule,
    used,
)
from flatbook.quoting.protection_thresholds import UNITS_MOST, Burst, Proposal, propose_threshold
from flatbook.valuation.values import Values

SHADOW = "shadow"
_BY_CLASS = (ScopeKind.CLASS, ScopeKind.SERIES)
_FREEZE = ("until_ns", "tripped_ns", "tripped_by", "tripped_at")  # columns of the tallies
_YEAR_S = CALENDAR_DAYS * 86_400.0


@dataclass(slots=True, kw_only=True)
class Watched:
    """All scopes, and which of them count each series; only the functions here and `state` change it."""

    protection: Protection
    venue_of: tuple[str, ...]  # of each scope; empty: our own, of all venues
    scopes_of: Ints  # [n, k] -1: no more


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PerContract:
    """What one contract of each series counted as of the last cycle; a fill is counted by it."""

    delta: Floats  # [n] per unit of a linear contract; coins less premium of a coin-settled one
    vega_usd: Floats  # [n] per vol point
    size: Ints  # [2, n] contracts shown last, bids and offers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScopesNow:
    """Every protection at one instant, for people; nobody changes it."""

    scopes: tuple[Scope, ...]
    venue_of: tuple[str, ...]  # of each scope; empty: our own
    used: Floats  # [s, t] each tally as a share of what trips it; 0 where it has no limit
    until_ns: Ints  # [s] end of its own freeze; `NO_TIME`: armed; `NEVER`: until it is reset
    trips: tuple[Trip, ...]  # the latest of ours, ascending


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdProposal:
    """Where our own protection of one class should trip by contracts, and where it does."""

    option_class: str
    proposal: Proposal
    burst: Burst
    loss_usd_per_contract: float
    in_force: float  # contracts; infinite where none counts them


def watch(desk: Desk, table: InstrumentTable, before: Watched | None = None) -> Watched:
    """Scopes for every class and underlying that is listed; what `before` has counted under the same names is kept."""
    scopes, venues, members = [], [], []
    for terms in desk.protections:
        for scope, rows in _mirrors(terms, table):
            scopes.append(scope)
            venues.append(terms.venue)
            members.append(rows)
    for scope, rows in _shadows(desk, table):
        scopes.append(scope)
        venues.append("")
        members.append(rows)
    protection = new_protection(scopes)
    if before is not None:
        _carry(before.protection, protection)
    n = len(table.instruments)
    inside = np.array(members, dtype=np.bool_).reshape(len(scopes), n)
    width = int(inside.sum(axis=0).max(initial=0))
    of = np.full((n, max(width, 1)), -1, np.int64)
    for number in range(len(scopes)):
        at = np.flatnonzero(inside[number])
        of[at, (of[at] >= 0).sum(axis=1)] = number
    return Watched(protection=protection, venue_of=tuple(venues), scopes_of=of)


def count(
    watched: Watched, table: InstrumentTable, per_contract: PerContract, fills: "OneFill"
) -> tuple[Trip, ...]:
    """Count a fill in every scope of its venue and in our own; the scopes that trip."""
    row, venue = fills.row, fills.venue
    mine = [
        scope
        for scope in watched.scopes_of[row].tolist()
        if scope >= 0 and (not venue or watched.venue_of[scope] in ("", venue))
    ]
    if not mine:
        return ()
    item, side = table.instruments[row], 0 if fills.quantity > 0 else 1
    inverse = item.payoff is Payoff.INVERSE
    shown = float(per_contract.size[side, row])
    amount = amounts(
        quantity=np.array([item.multiplier if inverse else 1.0]),
        filled_pct=np.array([100.0 / shown if shown > 0.0 else 100.0]),
        notional=np.array([abs(fills.price) * item.multiplier]),
        delta=per_contract.delta[row : row + 1],
        vega=per_contract.vega_usd[row : row + 1],
    )
    return count_fills(
        watched.protection,
        FillColumns(
            time_ns=np.array([fills.time_ns]),
            scopes=np.array([mine]),
            quantity=np.array([fills.quantity]),
            amount=amount,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OneFill:
    """A fill of an option of ours."""

    row: int
    venue: str
    quantity: int  # contracts, above zero bought
    price: float
    time_ns: int


def frozen_rows(watched: Watched, now_ns: int) -> tuple[Bools, tuple[str, ...]]:
    """The series whose quotes are refused or pulled now, bool[n], and the scopes that say so."""
    if not watched.protection.scopes:
        return np.zeros(watched.scopes_of.shape[0], np.bool_), ()
    by_scope = frozen(watched.protection, now_ns)
    if not by_scope.any():
        return np.zeros(watched.scopes_of.shape[0], np.bool_), ()
    rows: Bools = np.asarray(np.append(by_scope, False)[watched.scopes_of].any(axis=1))
    names = (watched.protection.scopes[each].name for each in np.flatnonzero(by_scope).tolist())
    return rows, tuple(names)


def scopes_now(watched: Watched, trips: tuple[Trip, ...], now_ns: int) -> ScopesNow:
    """How full every protection is, and which are frozen. It changes nothing."""
    until_ns = watched.protection.tallies.until_ns
    over = (until_ns != NO_TIME) & (until_ns <= now_ns)
    return ScopesNow(
        scopes=watched.protection.scopes,
        venue_of=watched.venue_of,
        used=used(watched.protection, now_ns),
        until_ns=np.where(over, NO_TIME, until_ns),
        trips=trips,
    )


def gone_freezes(before: Watched, watched: Watched, now_ns: int) -> tuple[ProtectionTripped, ...]:
    """The freezes that last, of scopes that are in `before` and no more in `watched`."""
    names = {scope.name for scope in watched.protection.scopes}
    tallies = before.protection.tallies
    lasts = (tallies.until_ns != NO_TIME) & (tallies.until_ns > now_ns)
    return tuple(
        ProtectionTripped(
            received_ns=int(tallies.tripped_ns[row]),
            scope=before.protection.scopes[row].name,
            until_ns=0 if tallies.until_ns[row] == NEVER else int(tallies.until_ns[row]),
        )
        for row in np.flatnonzero(lasts).tolist()
        if before.protection.scopes[row].name not in names
    )


def watched_rows(watched: Watched) -> Bools:
    """The series whose fills some scope counts towards a trip of its own, bool[n]."""
    counts = np.array(
        [
            any(one.tally is not Tally.TRIPS for one in scope.rule.thresholds)
            for scope in watched.protection.scopes
        ],
        dtype=np.bool_,
    )
    return np.asarray(np.append(counts, False)[watched.scopes_of].any(axis=1))


def per_contract_of(values: Values, table: InstrumentTable, sizes: Ints) -> PerContract:
    """What a contract of each series counts, by `values`; `sizes` is int64[2, n]."""
    shares = values.greeks[:, Measure.DELTA_SHARES]
    return PerContract(
        delta=np.where(table.inverse, shares, shares / table.multiplier),
        vega_usd=values.greeks[:, Measure.VEGA_USD_PER_POINT],
        size=sizes,
    )


def proposed_thresholds(
    watched: Watched,
    desk: Desk,
    values: Values,
    market: MarketView,
    standing: Standing,
    spot_vol: Floats,
    fills_per_s: Floats,
) -> tuple[ThresholdProposal, ...]:
    """Where our own protection of each class should trip, so that a burst rarely costs more than `burst_loss_usd`.

    A contract loses what its delta loses in a move of `z_score` standard deviations of spot until it is hedged, the median of its class,
    and the fee. Headroom is the least room of any of its series and sides. Sizes of fills are taken as full. Convolutions, not for every cycle.

    Parameters
    ----------
    watched, desk, values, market, standing
    spot_vol : float64[n_underlyings]
        Annual.
    fills_per_s : float64[n_underlyings]
        In quiet times.
    """
    rules, table, out = desk.quoting, market.table, []
    if not rules.burst_loss_usd > 0.0:
        return ()
    shadows = {
        scope.name: scope.rule for scope in watched.protection.scopes if scope.name.startswith(f"{SHADOW}/")
    }
    deviation = spot_vol * np.sqrt(max(rules.hedge_latency_s, 1e-9) / _YEAR_S) * desk.fast_market.z_score
    for number, name in enumerate(table.classes):
        rule = shadows.get(f"{SHADOW}/{name}")
        u = int(table.underlying_of_class[number])
        rows = np.flatnonzero((table.class_of == number) & np.isfinite(values.price) & (market.years > 0.0))
        if rule is None or not rows.size or not deviation[u] > 0.0:
            continue
        delta = np.median(np.abs(values.greeks[rows, Measure.DELTA_USD]))
        loss = float(delta * deviation[u]) + rules.fee_per_contract
        room = float(np.minimum(standing.buy_room[rows], standing.sell_room[rows]).min())
        burst = _burst(rule, rules.hedge_latency_s, rules.size, float(fills_per_s[u]), desk.fast_market)
        out.append(
            ThresholdProposal(
                option_class=name,
                proposal=propose_threshold(
                    burst,
                    loss_usd=rules.burst_loss_usd,
                    loss_usd_per_unit=loss,
                    headroom_units=int(min(room, UNITS_MOST)),
                    probability=rules.burst_probability,
                ),
                burst=burst,
                loss_usd_per_contract=loss,
                in_force=next(
                    (one.limit for one in rule.thresholds if one.tally is Tally.QUANTITY), float("inf")
                ),
            )
        )
    return tuple(out)


def _burst(
    rule: ProtectionRule, latency_s: float, size: int, fills_per_s: float, terms: FastMarketTerms
) -> Burst:
    shares = np.zeros(size)
    shares[-1] = 1.0
    return Burst(
        fills_per_s=fills_per_s,
        burst_factor=1.0 / (1.0 - terms.burst_branching),
        duration_s=rule.interval_ms / 1e3,
        latency_s=latency_s,
        size_share=shares,
    )


def _mirrors(terms: ProtectionTerms, table: InstrumentTable) -> list[tuple[Scope, Bools]]:
    """The scopes of one venue's rule, and the series that each counts."""
    mine = covered(terms, table)
    parent = f"{terms.venue}/{terms.parent}" if terms.parent else ""
    if terms.rule.scope in _BY_CLASS:
        keys, of = table.classes, table.class_of
    elif terms.rule.scope is ScopeKind.UNDERLYING:
        keys, of = table.underlyings, table.underlying_of
    else:
        return [(Scope(name=terms.key, rule=terms.rule, parent=parent), mine)]
    parts = ((key, mine & (of == number)) for number, key in enumerate(keys))
    return [
        (Scope(name=f"{terms.key}/{key}", rule=terms.rule, parent=parent), rows)
        for key, rows in parts
        if rows.any()
    ]


def _shadows(desk: Desk, table: InstrumentTable) -> list[tuple[Scope, Bools]]:
    """Our own protection of each class over the venues that protect it."""
    share, frozen_ms = desk.quoting.shadow_share, round(desk.quoting.shadow_frozen_s * 1e3)
    counting = [
        (covered(terms, table), terms.rule)
        for terms in desk.protections
        if any(one.tally is not Tally.TRIPS for one in terms.rule.thresholds)
    ]
    out = []
    for number, name in enumerate(table.classes):
        mine = table.class_of == number
        rules = [rule for rows, rule in counting if (rows & mine).any()]
        if rules:
            rule = shadow_rule(rules, share=share, frozen_ms=frozen_ms)
            out.append((Scope(name=f"{SHADOW}/{name}", rule=rule), mine))
    return out


def _carry(old: Protection, new: Protection) -> None:
    """Copy by name of the scope who is frozen, and what was counted where the window is of the same kind."""
    rows = {scope.name: row for row, scope in enumerate(old.scopes)}
    for row, scope in enumerate(new.scopes):
        was = rows.get(scope.name)
        if was is None:
            continue
        counts = old.scopes[was].rule.window is scope.rule.window
        for name, before, now in zip(old.tallies._fields, old.tallies, new.tallies, strict=True):
            same = before.ndim == 1 or before.shape[1:] == now.shape[1:]
            if name in _FREEZE or (counts and same):
                now[row] = before[was]
