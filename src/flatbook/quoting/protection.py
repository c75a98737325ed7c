"""Market-maker protection: what each venue has counted of our fills, who is frozen, and our own that trips first.

Source: domain reference 2.2 and A.11. A state machine of two states for each scope: armed, with tallies over a window, and
frozen, until a time or a reset. Tallies are whole millionths of their unit (`kernels.protection_windows`). What a contract
counts is rounded away from zero and what is not known counts as the most: a mirror trips no later than the venue, a net
tally within a millionth a contract.
A venue's own word on a freeze goes before the mirror's.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from flatbook.kernels import protection_windows as pw
from flatbook.model.errors import InvalidValueError
from flatbook.model.protection_terms import (
    TALLIES,
    Counted,
    Netting,
    ProtectionRule,
    ScopeKind,
    Tally,
    Threshold,
    WindowKind,
)
from flatbook.model.table import Bools, Floats, Ints

UNIT = 1_000_000  # millionths: what tallies are counted in
FILLS_REMEMBERED = 4096  # distinct times in one sliding window; one more trips the scope
_MOST_PER_CONTRACT = 1e6  # units of a tally; also where it is not known
_MOST_CONTRACTS = 1_000_000
_OCCURRENCES = (Tally.EXECUTIONS, Tally.TRIPS)
_COLUMN = {tally.value: number for number, tally in enumerate(TALLIES)}
_KINDS = {
    WindowKind.FIXED: pw.FIXED,
    WindowKind.SLIDING: pw.SLIDING,
    WindowKind.TUMBLING: pw.TUMBLING,
    WindowKind.CUMULATIVE: pw.CUMULATIVE,
}
_NETTINGS = {Netting.GROSS: pw.GROSS, Netting.NET: pw.NET, Netting.SIDE: pw.SIDE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a protection counts together: `name` is the venue's key of it, as deribit/btc_usd."""

    name: str
    rule: ProtectionRule
    parent: str = ""  # the scope that counts the trips of this one, and whose freeze is also this one's


@dataclass(slots=True, kw_only=True)
class Protection:
    """Rules and state of every scope; only the functions of this file change it."""

    scopes: tuple[Scope, ...]
    windows: pw.Windows
    tallies: pw.Tallies


@dataclass(frozen=True, slots=True, kw_only=True)
class FillColumns:
    """Fills in the order of their reports; only those that the scopes count."""

    time_ns: Ints  # [n]
    scopes: Ints  # [n, k]: rows of `Protection.scopes`; -1: no more
    quantity: Ints  # [n]: contracts, above zero bought
    amount: Ints  # [n, t]: `amounts` of one contract bought


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """A scope has tripped: its quotes are gone, and new ones are refused."""

    scope: str
    tally: Tally
    at: float  # what the tally stood at
    limit: float
    time_ns: int
    until_ns: int | None  # None: until it is reset


def new_protection(scopes: Sequence[Scope]) -> Protection:
    """Every scope armed, nothing counted.

    Raises
    ------
    InvalidValueError
        Two scopes of one name, a parent that is none, or one that is its own ancestor.
    """
    rows = {scope.name: row for row, scope in enumerate(scopes)}
    if len(rows) != len(scopes):
        msg = "protection: each scope needs a name of its own"
        raise InvalidValueError(msg)
    n, tallies = len(scopes), len(TALLIES)
    slides = any(scope.rule.window is WindowKind.SLIDING for scope in scopes)
    ring = FILLS_REMEMBERED if slides else 1
    zeros, none = np.zeros((n, tallies), np.int64), np.full(n, pw.NO_TIME, np.int64)
    return Protection(
        scopes=tuple(scopes),
        windows=pw.Windows(
            kind=np.array([_KINDS[scope.rule.window] for scope in scopes], np.int64),
            interval_ns=np.array([scope.rule.interval_ms * 1_000_000 for scope in scopes], np.int64),
            frozen_ns=np.array(
                [s.rule.frozen_ms * 1_000_000 if s.rule.frozen_ms else pw.NEVER for s in scopes], np.int64
            ),
            rearm_clears=np.array([int(scope.rule.rearm_clears) for scope in scopes], np.int64),
            parent=_parents(scopes, rows),
            netting=np.array([_netting(scope.rule) for scope in scopes], np.int64).reshape(n, tallies),
            limit=np.array([_limits(scope.rule) for scope in scopes], np.int64).reshape(n, tallies),
        ),
        tallies=pw.Tallies(
            start_ns=none.copy(),
            last_ns=none.copy(),
            until_ns=none.copy(),
            tripped_ns=none.copy(),
            tripped_by=none.copy(),
            tripped_at=none.copy(),
            bought=zeros.copy(),
            sold=zeros.copy(),
            first=np.zeros(n, np.int64),
            held=np.zeros(n, np.int64),
            seen_ns=np.zeros((n, ring), np.int64),
            seen_bought=np.zeros((n, ring, tallies), np.int64),
            seen_sold=np.zeros((n, ring, tallies), np.int64),
        ),
    )


def amounts(**per_contract: Floats) -> Ints:
    """What one contract bought adds to each tally, in millionths.

    Parameters
    ----------
    **per_contract : float64[n]
        By the names of `Tally`: `quantity` (1, or the units of base currency in a contract), `filled_pct` (100 over the
        quote's first size), `notional`, `delta` and `vega` as the venue counts them. A tally that is not named counts
        nothing; NaN counts as the most there is.

    Returns
    -------
    int64[n, t]
        Rounded away from zero.
    """
    each = np.stack(np.broadcast_arrays(*per_contract.values()), axis=-1, dtype=np.float64)
    each = each.reshape(-1, len(per_contract))
    known = np.where(np.isnan(each), _MOST_PER_CONTRACT, each)
    whole = np.minimum(np.abs(known), _MOST_PER_CONTRACT) * UNIT
    near = np.round(whole)
    exact = np.abs(whole - near) <= 1e-12 * whole  # 0.15 is 150,000 millionths, whatever its last bits say
    out = np.zeros((each.shape[0], len(TALLIES)), np.int64)
    out[:, [_COLUMN[name] for name in per_contract]] = np.copysign(
        np.where(exact, near, np.ceil(whole)), known
    )
    return out


def count_fills(protection: Protection, fills: FillColumns) -> tuple[Trip, ...]:
    """Count fills, in their order; the scopes that trip with them, each with its last trip.

    A fill that comes while a scope is frozen was in flight: it is counted and trips nothing.
    """
    tripped = np.zeros(len(protection.scopes), np.int64)
    quantity = np.clip(fills.quantity, -_MOST_CONTRACTS, _MOST_CONTRACTS)
    pw.count_fills(
        protection.windows, protection.tallies, fills.time_ns, fills.scopes, quantity, fills.amount, tripped
    )
    return tuple(_trip(protection, row) for row in np.flatnonzero(tripped).tolist())


def frozen(protection: Protection, now_ns: int) -> Bools:
    """bool[s]: whether quotes of each scope are refused now, by its own freeze or one above it."""
    until = protection.tallies.until_ns
    own = (until != pw.NO_TIME) & (until > now_ns)
    out: Bools = own.copy()
    parent = protection.windows.parent
    while (parent >= 0).any():
        out |= np.where(parent >= 0, own[parent], False)
        parent = np.where(parent >= 0, protection.windows.parent[parent], -1)
    return out


def used(protection: Protection, now_ns: int) -> Floats:
    """float64[s, t]: each tally as a share of what trips it, as of now; 0 where it has no limit. It changes nothing."""
    windows = protection.windows
    bought, sold = _remembered(protection, now_ns)
    at = np.where(
        windows.netting == pw.GROSS,
        bought + sold,
        np.where(windows.netting == pw.NET, np.abs(bought - sold), np.maximum(bought, sold)),
    )
    return np.where(windows.limit == pw.NEVER, 0.0, at / windows.limit)


def _remembered(protection: Protection, now_ns: int) -> tuple[Ints, Ints]:
    """What was bought and sold, as every window still holds it at `now_ns`: as after `pw.forget`, int64[s, t]."""
    windows, tallies = protection.windows, protection.tallies
    now = np.maximum(tallies.last_ns, now_ns)
    interval = np.maximum(windows.interval_ns, 1)
    thawed = (tallies.until_ns != pw.NO_TIME) & (tallies.until_ns <= now) & (windows.rearm_clears == 1)
    fixed = (windows.kind == pw.FIXED) & (tallies.start_ns != pw.NO_TIME)
    ended = fixed & (now - tallies.start_ns >= interval)
    tumbled = (windows.kind == pw.TUMBLING) & (now // interval * interval != tallies.start_ns)
    cleared = (thawed | ended | tumbled)[:, None]
    bought, sold = np.where(cleared, 0, tallies.bought), np.where(cleared, 0, tallies.sold)
    rows = np.flatnonzero((windows.kind == pw.SLIDING) & (tallies.held > 0) & ~cleared[:, 0])
    oldest = tallies.seen_ns[rows, tallies.first[rows]]
    for row in rows[now[rows] - oldest >= interval[rows]].tolist():
        ring = (tallies.first[row] + np.arange(tallies.held[row])) % tallies.seen_ns.shape[1]
        gone = ring[now[row] - tallies.seen_ns[row, ring] >= interval[row]]
        bought[row] -= tallies.seen_bought[row, gone].sum(axis=0)
        sold[row] -= tallies.seen_sold[row, gone].sum(axis=0)
    return bought, sold


def reset(protection: Protection, scope: int, now_ns: int) -> bool:
    """Arm a scope and forget what it counted; its rule stays. False where the venue would refuse it so soon."""
    tallies = protection.tallies
    wait_ns = protection.scopes[scope].rule.reset_after_ms * 1_000_000
    if tallies.until_ns[scope] != pw.NO_TIME and now_ns < tallies.tripped_ns[scope] + wait_ns:
        return False
    tallies.until_ns[scope] = pw.NO_TIME
    pw.clear(tallies, scope)
    return True


def freeze(protection: Protection, scope: int, now_ns: int, until_ns: int | None) -> None:
    """The venue says that it has frozen a scope, until a time or (None) a reset; its word goes before ours."""
    tallies = protection.tallies
    if tallies.until_ns[scope] == pw.NO_TIME:
        tallies.tripped_ns[scope] = now_ns
        tallies.tripped_by[scope] = pw.NO_TIME
    tallies.until_ns[scope] = pw.NEVER if until_ns is None else until_ns


def shadow_rule(rules: Iterable[ProtectionRule], *, share: float, frozen_ms: int) -> ProtectionRule:
    """Our own protection over the scopes of all `rules`: it trips no later than any of them.

    For each tally `share` of the least limit, in a window that slides over the longest interval (it holds all that any
    other window of no more than that length holds), or cumulative where one of them is. Opposite fills get no credit: a
    net tally becomes the greater side, which no other venue's fills can lower. A freeze that ends forgets nothing, so a
    fill that comes while the venue still counts trips it again.

    Parameters
    ----------
    rules : iterable of ProtectionRule
    share : float
        Above 0 and at most 1.
    frozen_ms : int
        0: until it is reset.

    Raises
    ------
    InvalidValueError
        A share that is none.
    """
    rules = tuple(rules)
    if not (rules and 0.0 < share <= 1.0):
        msg = f"shadow protection: need rules and 0 < share <= 1, was {len(rules)} and {share}"
        raise InvalidValueError(msg)
    least: dict[Tally, Threshold] = {}
    for one in (each for rule in rules for each in rule.thresholds if each.tally is not Tally.TRIPS):
        gross = one.netting is Netting.GROSS or (
            one.tally in least and least[one.tally].netting is Netting.GROSS
        )
        known = least[one.tally].limit if one.tally in least else np.inf
        least[one.tally] = Threshold(
            tally=one.tally,
            netting=Netting.GROSS if gross else Netting.SIDE,
            limit=min(known, share * one.limit),
        )
    cumulative = any(rule.window is WindowKind.CUMULATIVE for rule in rules)
    return ProtectionRule(
        scope=ScopeKind.FIRM,
        counted=Counted.ALL,
        window=WindowKind.CUMULATIVE if cumulative else WindowKind.SLIDING,
        interval_ms=max(rule.interval_ms for rule in rules),
        frozen_ms=frozen_ms,
        rearm_clears=False,
        thresholds=tuple(least.values()),
    )


def _trip(protection: Protection, row: int) -> Trip:
    tallies, scope = protection.tallies, protection.scopes[row]
    column = int(tallies.tripped_by[row])
    tally, until = TALLIES[column], int(tallies.until_ns[row])
    return Trip(
        scope=scope.name,
        tally=tally,
        at=int(tallies.tripped_at[row]) / (1 if tally in _OCCURRENCES else UNIT),
        limit=next(one.limit for one in scope.rule.thresholds if one.tally is tally),
        time_ns=int(tallies.tripped_ns[row]),
        until_ns=None if until == pw.NEVER else until,
    )


def _netting(rule: ProtectionRule) -> list[int]:
    told = {one.tally: _NETTINGS[one.netting] for one in rule.thresholds}
    return [told.get(tally, pw.GROSS) for tally in TALLIES]


def _limits(rule: ProtectionRule) -> list[int]:
    told = {one.tally: one for one in rule.thresholds}
    return [_limit(told[tally]) if tally in told else pw.NEVER for tally in TALLIES]


def _limit(one: Threshold) -> int:
    """The least whole count that trips."""
    scaled = one.limit * (1 if one.tally in _OCCURRENCES else UNIT)
    near = round(scaled)
    if abs(scaled - near) <= 1e-12 * scaled:
        return max(near if one.at_limit else near + 1, 1)
    return math.ceil(scaled)


def _parents(scopes: Sequence[Scope], rows: dict[str, int]) -> Ints:
    out = np.full(len(scopes), -1, np.int64)
    for row, scope in enumerate(scopes):
        if scope.parent:
            if scope.parent not in rows:
                msg = f"protection {scope.name}: its parent {scope.parent!r} is no scope"
                raise InvalidValueError(msg)
            out[row] = rows[scope.parent]
    for row, scope in enumerate(scopes):
        seen, at = 0, row
        while at >= 0 and seen <= len(scopes):
            at, seen = int(out[at]), seen + 1
        if at >= 0:
            msg = f"protection {scope.name}: it is above itself"
            raise InvalidValueError(msg)
    return out
