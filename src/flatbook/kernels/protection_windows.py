"""Tallies of fills over windows of time, scope by scope; a tally at its limit trips the scope.

Source: domain reference 2.2 and A.11. Everything is a whole number, so a tally is exact: what was added is taken away to the
last digit, parts of a fill add up to the fill, and a replay gives the same states. Time never trips a scope, it only
forgets. A fill that is reported late counts as of the latest fill that its scope knows: it is never forgotten sooner.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Indices = NDArray[np.int64]

FIXED, SLIDING, TUMBLING, CUMULATIVE = range(4)  # kinds of window
GROSS, NET, SIDE = range(3)  # how opposite fills count: added, against each other, or each side by itself
EXECUTIONS, TRIPS = 0, 1  # the tallies that count occurrences; the others count amounts
NO_TIME = -1
NEVER = 2**63 - 1
_MOST = 2**62  # a tally stays there


class Windows(NamedTuple):
    """The rules, one row a scope, one column a tally; int64."""

    kind: Indices  # [s]
    interval_ns: Indices  # [s]
    frozen_ns: Indices  # [s]; NEVER where only a reset ends a freeze
    rearm_clears: Indices  # [s]; 1 where a freeze's end forgets what was counted
    parent: Indices  # [s]: the scope that counts the trips of this one; -1: none
    netting: Indices  # [s, t]
    limit: Indices  # [s, t]: the least that trips; NEVER where there is no limit


class Tallies(NamedTuple):
    """What the scopes remember; int64. `seen` is a ring of the fills inside a sliding window."""

    start_ns: Indices  # [s]: of the running fixed or tumbling window
    last_ns: Indices  # [s]: of the latest fill
    until_ns: Indices  # [s]: end of the freeze; NO_TIME: armed; NEVER: until it is reset
    tripped_ns: Indices  # [s]: of the latest trip
    tripped_by: Indices  # [s]: its tally
    tripped_at: Indices  # [s]: what that tally stood at
    bought: Indices  # [s, t]: sum of what counts up
    sold: Indices  # [s, t]: sum of what counts down, above zero
    first: Indices  # [s]: of the ring
    held: Indices  # [s]: entries of the ring in use
    seen_ns: Indices  # [s, c]
    seen_bought: Indices  # [s, c, t]
    seen_sold: Indices  # [s, c, t]


@njit(cache=True, error_model="numpy")
def count_fills(
    windows: Windows,
    tallies: Tallies,
    time_ns: Indices,
    scopes: Indices,
    quantity: Indices,
    amount: Indices,
    tripped: Indices,
) -> None:
    """Count fills in their order, and mark the scopes that trip.

    Parameters
    ----------
    windows, tallies
        `tallies` are written.
    time_ns : int64[n]
    scopes : int64[n, k]
        The scopes that each fill counts in; -1: no more.
    quantity : int64[n]
        Contracts, above zero bought.
    amount : int64[n, t]
        What one contract bought adds to each tally; unread for EXECUTIONS and TRIPS.
    tripped : int64[s]
        Written: raised by the trips of each scope.
    """
    for i in range(time_ns.size):
        for k in range(scopes.shape[1]):
            scope = scopes[i, k]
            if scope < 0 or quantity[i] == 0:
                continue
            hit = _count(windows, tallies, scope, time_ns[i], quantity[i], amount[i])
            while hit:
                tripped[scope] += 1
                now = tallies.tripped_ns[scope]
                scope = windows.parent[scope]
                hit = scope >= 0 and _count(windows, tallies, scope, now, 0, amount[i])


@njit(cache=True, error_model="numpy")
def forget(windows: Windows, tallies: Tallies, now_ns: int) -> None:
    """Let time pass: freezes that are over end, and windows forget."""
    for scope in range(windows.kind.size):
        _forget(windows, tallies, scope, max(now_ns, int(tallies.last_ns[scope])))


@njit(cache=True, error_model="numpy")
def clear(tallies: Tallies, scope: int) -> None:
    """Forget all that a scope has counted."""
    tallies.start_ns[scope] = NO_TIME
    tallies.first[scope] = 0
    tallies.held[scope] = 0
    tallies.bought[scope] = 0
    tallies.sold[scope] = 0


@njit(cache=True, error_model="numpy")
def standing(windows: Windows, tallies: Tallies, scope: int, tally: int) -> np.int64:
    """What a tally stands at, opposite fills counted as its rule says."""
    bought, sold = tallies.bought[scope, tally], tallies.sold[scope, tally]
    netting = windows.netting[scope, tally]
    if netting == NET:
        return np.int64(abs(bought - sold))
    if netting == SIDE:
        return np.int64(max(bought, sold))
    return np.int64(min(bought, _MOST - sold) + sold)


@njit(cache=True, error_model="numpy")
def _count(
    windows: Windows, tallies: Tallies, scope: int, time_ns: int, quantity: int, amount: Indices
) -> bool:
    """One fill, or with no quantity one trip of a scope below; whether it trips this scope."""
    now = max(time_ns, int(tallies.last_ns[scope]))
    tallies.last_ns[scope] = now
    _forget(windows, tallies, scope, now)
    if windows.kind[scope] == FIXED and tallies.start_ns[scope] == NO_TIME:
        tallies.start_ns[scope] = now
    slot = _slot(tallies, scope, now) if windows.kind[scope] == SLIDING else 0
    full = bool(slot < 0)
    for tally in range(amount.size):
        if tally == EXECUTIONS:
            added = 1 if quantity > 0 else -1 if quantity < 0 else 0
        elif tally == TRIPS:
            added = 1 if quantity == 0 else 0
        else:
            added = quantity * int(amount[tally])
        up = min(max(added, 0), _MOST - int(tallies.bought[scope, tally]))
        down = min(max(-added, 0), _MOST - int(tallies.sold[scope, tally]))
        tallies.bought[scope, tally] += up
        tallies.sold[scope, tally] += down
        if windows.kind[scope] == SLIDING:
            latest = (tallies.first[scope] + tallies.held[scope] - 1) % tallies.seen_ns.shape[1]
            tallies.seen_bought[scope, latest, tally] += up
            tallies.seen_sold[scope, latest, tally] += down
    if tallies.until_ns[scope] != NO_TIME:
        return False
    return _trip(windows, tallies, scope, now, full)


@njit(cache=True, error_model="numpy")
def _trip(windows: Windows, tallies: Tallies, scope: int, now: int, full: bool) -> bool:
    for tally in range(windows.limit.shape[1]):
        at = standing(windows, tallies, scope, tally)
        limited = windows.limit[scope, tally] != NEVER
        if limited and (full or at >= windows.limit[scope, tally]):
            frozen = windows.frozen_ns[scope]
            tallies.until_ns[scope] = NEVER if frozen == NEVER else now + frozen
            tallies.tripped_ns[scope] = now
            tallies.tripped_by[scope] = tally
            tallies.tripped_at[scope] = at
            return True
    return False


@njit(cache=True, error_model="numpy")
def _slot(tallies: Tallies, scope: int, now: int) -> np.int64:
    """Make room in the ring; -1 where it is full: then the latest entry holds the fill too, as of now."""
    most = tallies.seen_ns.shape[1]
    latest = (tallies.first[scope] + tallies.held[scope] - 1) % most
    if tallies.held[scope] > 0 and tallies.seen_ns[scope, latest] == now:
        return np.int64(latest)
    if tallies.held[scope] == most:
        tallies.seen_ns[scope, latest] = now
        return np.int64(-1)
    slot = (tallies.first[scope] + tallies.held[scope]) % most
    tallies.held[scope] += 1
    tallies.seen_ns[scope, slot] = now
    tallies.seen_bought[scope, slot] = 0
    tallies.seen_sold[scope, slot] = 0
    return np.int64(slot)


@njit(cache=True, error_model="numpy")
def _forget(windows: Windows, tallies: Tallies, scope: int, now: int) -> None:
    until = tallies.until_ns[scope]
    if until not in (NO_TIME, NEVER) and until <= now:
        tallies.until_ns[scope] = NO_TIME
        if windows.rearm_clears[scope]:
            clear(tallies, scope)
    kind, interval = windows.kind[scope], windows.interval_ns[scope]
    if kind == FIXED:
        start = tallies.start_ns[scope]
        if start != NO_TIME and now - start >= interval:
            clear(tallies, scope)
    elif kind == TUMBLING:
        begins = now // interval * interval
        if begins != tallies.start_ns[scope]:
            clear(tallies, scope)
            tallies.start_ns[scope] = begins
    elif kind == SLIDING:
        most = tallies.seen_ns.shape[1]
        while tallies.held[scope] > 0 and now - tallies.seen_ns[scope, tallies.first[scope]] >= interval:
            oldest = tallies.first[scope]
            tallies.bought[scope] -= tallies.seen_bought[scope, oldest]
            tallies.sold[scope] -= tallies.seen_sold[scope, oldest]
            tallies.first[scope] = (oldest + 1) % most
            tallies.held[scope] -= 1
