"""Protections as the exchange runs them: plain counters of exact fractions, one for each scope.

Source: domain reference 2.2 and A.11; docs/quoting.md tells every choice of window, netting, freeze and name. Nothing is shared with the desk's
own copy (`quoting.protections`) but the terms. What the exchange does not know (a greek of a contract that nobody can value) counts nothing.
"""

from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction

from flatbook.model.protection_terms import Counted, Netting, ProtectionRule, ScopeKind, Tally, WindowKind
from flatbook.model.quoting_terms import ProtectionTerms
from flatbook.model.table import InstrumentTable

_NS_PER_MS = 1_000_000
_BILLION = 10**9  # parts of a unit in which a greek is read
_NOTHING = Fraction(0)
_RESET_ONLY = -1  # end of a freeze


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedFill:
    """A fill of an option of the desk's, as protections count it; amounts carry its sign."""

    row: int
    at_ns: int
    is_quote: bool
    maker: bool
    amounts: dict[Tally, Fraction]


def exact(value: float) -> Fraction:
    """A number to its ninth decimal; 0 of what is none."""
    if not abs(value) < float("inf"):
        return _NOTHING
    return Fraction(round(value * _BILLION), _BILLION)


@dataclass(slots=True, kw_only=True, eq=False)
class Counter:
    """One scope: what it has counted, and whether it is frozen."""

    name: str  # as the desk calls it
    rule: ProtectionRule
    rows: set[int]
    limits: dict[Tally, Fraction]
    parent: "Counter | None" = None
    seen: deque[tuple[int, dict[Tally, Fraction]]] = field(default_factory=deque)
    up: dict[Tally, Fraction] = field(default_factory=dict)
    down: dict[Tally, Fraction] = field(default_factory=dict)
    start_ns: int | None = None  # of the window that runs
    until_ns: int | None = None  # None: armed
    tripped_ns: int = 0

    def frozen(self, now_ns: int) -> bool:
        """By its own freeze or one above it."""
        own = self.until_ns is not None and (self.until_ns == _RESET_ONLY or self.until_ns > now_ns)
        return own or (self.parent is not None and self.parent.frozen(now_ns))

    def told_until_ns(self) -> int:
        """As reports tell it: 0 is until a reset."""
        return 0 if self.until_ns is None or self.until_ns == _RESET_ONLY else self.until_ns

    def counts(self, fill: GuardedFill) -> bool:
        """Whether its rule counts this fill."""
        match self.rule.counted:
            case Counted.QUOTES | Counted.FLAGGED:
                return fill.is_quote
            case Counted.FLAGGED_MAKER:
                return fill.is_quote and fill.maker
            case Counted.ORDERS:
                return not fill.is_quote
            case Counted.ALL:
                return True

    def add(self, now_ns: int, amounts: dict[Tally, Fraction]) -> bool:
        """Count; whether it trips."""
        self._let_pass(now_ns)
        if self.rule.window is WindowKind.FIXED and self.start_ns is None:
            self.start_ns = now_ns
        mine = {one.tally: amounts.get(one.tally, _NOTHING) for one in self.rule.thresholds}
        self._sum(mine, 1)
        if self.rule.window is WindowKind.SLIDING:
            self.seen.append((now_ns, mine))
        if self.until_ns is not None:
            return False
        for one in self.rule.thresholds:
            limit, at = self.limits[one.tally], self._standing(one.tally, one.netting)
            if at > limit or (one.at_limit and at == limit):
                frozen_ms = self.rule.frozen_ms
                self.until_ns = now_ns + frozen_ms * _NS_PER_MS if frozen_ms else _RESET_ONLY
                self.tripped_ns = now_ns
                return True
        return False

    def reset(self, now_ns: int) -> bool:
        """Arm it and forget; False where it is too soon."""
        wait_ns = self.rule.reset_after_ms * _NS_PER_MS
        if self.until_ns is not None and now_ns < self.tripped_ns + wait_ns:
            return False
        self.until_ns = None
        self._forget()
        return True

    def _standing(self, tally: Tally, netting: Netting) -> Fraction:
        up, down = self.up.get(tally, _NOTHING), self.down.get(tally, _NOTHING)
        match netting:
            case Netting.GROSS:
                return up + down
            case Netting.NET:
                return abs(up - down)
            case Netting.SIDE:
                return max(up, down)

    def _sum(self, amounts: dict[Tally, Fraction], sign: int) -> None:
        for tally, amount in amounts.items():
            side = self.up if amount > 0 else self.down
            side[tally] = side.get(tally, _NOTHING) + sign * abs(amount)

    def _forget(self) -> None:
        self.seen.clear()
        self.up.clear()
        self.down.clear()
        self.start_ns = None

    def _let_pass(self, now_ns: int) -> None:
        if self.until_ns is not None and self.until_ns != _RESET_ONLY and self.until_ns <= now_ns:
            self.until_ns = None
            if self.rule.rearm_clears:
                self._forget()
        interval_ns = self.rule.interval_ms * _NS_PER_MS
        match self.rule.window:
            case WindowKind.FIXED:
                if self.start_ns is not None and now_ns >= self.start_ns + interval_ns:
                    self._forget()
            case WindowKind.TUMBLING:
                begins_ns = now_ns - now_ns % interval_ns
                if begins_ns != self.start_ns:
                    self._forget()
                    self.start_ns = begins_ns
            case WindowKind.SLIDING:
                while self.seen and self.seen[0][0] + interval_ns <= now_ns:
                    self._sum(self.seen.popleft()[1], -1)
            case WindowKind.CUMULATIVE:
                pass


class Guard:
    """All protections of the exchange over the desk's orders."""

    def __init__(self, protections: tuple[ProtectionTerms, ...], table: InstrumentTable) -> None:
        self._counters: list[Counter] = []
        by_name: dict[str, Counter] = {}
        parents: list[tuple[Counter, str]] = []
        for terms in protections:
            limits = {one.tally: exact(one.limit) for one in terms.rule.thresholds}
            for name, rows in _scopes(terms, table):
                counter = Counter(name=name, rule=terms.rule, rows=rows, limits=limits)
                self._counters.append(counter)
                by_name[name] = counter
                if terms.parent:
                    parents.append((counter, f"{terms.venue}/{terms.parent}"))
        for counter, parent in parents:
            counter.parent = by_name[parent]
        self._of: list[list[Counter]] = [[] for _ in table.instruments]
        for counter in self._counters:
            for row in counter.rows:
                self._of[row].append(counter)
        for counter in self._counters:
            above = counter.parent
            while above is not None:
                above.rows |= counter.rows
                above = above.parent
        told = {one.tally for terms in protections for one in terms.rule.thresholds}
        self.tallies: frozenset[Tally] = frozenset(told)

    def watches(self, row: int) -> bool:
        """Whether any protection counts fills of a row."""
        return bool(self._of[row])

    def frozen(self, row: int, now_ns: int) -> bool:
        """Whether quotes in a row are refused now."""
        return any(counter.frozen(now_ns) for counter in self._of[row])

    def count(self, fill: GuardedFill) -> list[Counter]:
        """Count a fill wherever it counts; the scopes that trip, each before those above it."""
        tripped: list[Counter] = []
        for counter in self._of[fill.row]:
            if not (counter.counts(fill) and counter.add(fill.at_ns, fill.amounts)):
                continue
            tripped.append(counter)
            above = counter.parent
            while above is not None and above.add(fill.at_ns, {Tally.TRIPS: Fraction(1)}):
                tripped.append(above)
                above = above.parent
        return tripped

    def reset(self, scope: str, now_ns: int) -> bool:
        """Arm every scope of this name; False where there is none, or it is too soon."""
        done = [counter.reset(now_ns) for counter in self._counters if counter.name == scope]
        return bool(done) and all(done)


def _scopes(terms: ProtectionTerms, table: InstrumentTable) -> list[tuple[str, set[int]]]:
    """Each scope of a protection: its name and the rows that it counts; what is told by series bears the name of its class."""
    all_of_them = not (terms.underlyings or terms.option_classes)
    mine = [
        row
        for row, item in enumerate(table.instruments)
        if item.option_class
        and (all_of_them or item.underlying in terms.underlyings or item.option_class in terms.option_classes)
    ]
    match terms.rule.scope:
        case ScopeKind.SERIES:
            return [(f"{terms.key}/{table.instruments[row].option_class}", {row}) for row in mine]
        case ScopeKind.CLASS:
            keys = [table.instruments[row].option_class for row in mine]
        case ScopeKind.UNDERLYING:
            keys = [table.instruments[row].underlying for row in mine]
        case _:
            return [(terms.key, set(mine))]
    out: dict[str, set[int]] = {}
    for row, key in zip(mine, keys, strict=True):
        out.setdefault(f"{terms.key}/{key}", set()).add(row)
    return list(out.items())
