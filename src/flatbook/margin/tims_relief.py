"""Margin relief of an account that is margined by the TIMS methods: its book as scenario rows, and the full run after the trades.

`relief` knows one level of offsets. A tree is brought to it exactly where it can be: members whose gains count whole add up,
and a chain of groups with one member each counts a gain by the product of its offsets. What stays nested is bounded: the
group's profit now is kept as it is, and beside it the profit of all trades in one class counts in full where it is a loss, by
the product of the offsets on the way to the top where it is a gain. An offset, min(y, o y), grows with y and counts a sum at
no less than its parts one by one, so at every level trades bring at least what is counted: what is bounded is never too much.
What is told as freed is always the full run of the method on the book after the trades.

Source: FINRA Rule 4210(g) and 17 CFR 240.15c3-1a for offsets and minimum charges.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from flatbook.margin.leg_values import MarkedLegs, mark, pnl_at
from flatbook.margin.legs import Legs, ProductClass, faults_of
from flatbook.margin.marginal import ScenarioBook, ScenarioSeries
from flatbook.margin.relief import SHARES, Candidates, Relief, ReliefStatus
from flatbook.margin.relief import free as free_by_rows
from flatbook.margin.relief import most as most_by_rows
from flatbook.margin.tims import TimsBook, book_of, merged_series, name_of
from flatbook.margin.tims_groups import NO_GROUP, TimsResult, tims_requirement
from flatbook.margin.tims_parameters import TimsParameters
from flatbook.model.errors import InvalidValueError, fail_on
from flatbook.model.table import Floats, Ints

_EXACT = 1e-9  # of the requirement: what rounding may take from an amount that is asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """n series that could be traded, as a market shows them; prices per unit of the underlying."""

    legs: Legs  # of quantity 0; a group of "" is every account
    bid: Floats  # NaN where nobody bids: cannot be sold
    ask: Floats  # NaN where nobody offers: cannot be bought
    bid_size: Floats  # whole contracts
    ask_size: Floats
    fee: Floats  # per contract

    def of(self, group: str) -> "Listing":
        """What the account `group` may trade."""
        rows = np.array(
            [row for row, one in enumerate(self.legs.group) if one in ("", group)], dtype=np.int64
        )
        columns = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "legs"}
        return Listing(legs=self.legs.take(rows), **{name: column[rows] for name, column in columns.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliefMarket:
    """An account and what it may trade, as the programme and the full run take them; n series, k candidates, m points."""

    book: ScenarioBook
    candidates: Candidates
    bounded: tuple[
        str, ...
    ]  # parts of the account whose nested offsets are bounded; empty: the programme is exact
    notes: tuple[str, ...]
    tims: TimsBook
    pnl: Floats  # [n, m] of one contract
    quantity: Floats  # [n] held
    series_of: Ints  # [k] which series each candidate is

    def run(self, traded: Floats) -> TimsResult:
        """The full run of the method after `traded` (float64[k], negative sold)."""
        added = np.bincount(self.series_of, weights=traded, minlength=self.quantity.size)
        return tims_requirement(
            self.pnl,
            self.quantity + added,
            self.tims.class_of,
            self.tims.minimum_per_contract,
            self.tims.tree,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidingPoint:
    """What decides the requirement of one part of an account."""

    part: str
    requirement: float
    point: int  # from 0 at the lowest
    moves: dict[str, float]  # of each underlying that is held
    loss: float
    minimum_binds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TimsTrade:
    """One line of the answer; what it frees is the difference of full runs."""

    row: int  # of the listing
    quantity: float  # whole contracts, negative sold
    freed: float  # with the lines before it done
    freed_without: float  # what the answer frees when this line alone is left out
    cost: float
    premium: float  # at mid, negative received
    decides: DecidingPoint  # of its part, after this line

    @property
    def cost_per_freed(self) -> float:
        """Cost for each unit of capital in its place; inf where it frees nothing there."""
        return self.cost / self.freed if self.freed > 0.0 else float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimsRelief:
    """What to trade, what it frees and what it costs."""

    status: ReliefStatus
    asked: float  # inf where the most was asked for
    freed: float  # by the full run
    cost: float
    premium: float
    cost_at_least: float  # no whole contracts free what was asked for less; NaN where nothing was proven
    before: float
    after: float
    decides: (
        DecidingPoint | None
    )  # of the part that needs most after the trades; None where nothing is held then
    trades: tuple[TimsTrade, ...]
    bounded: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def cost_per_freed(self) -> float:
        """Cost for each unit of capital; NaN where nothing is freed."""
        return self.cost / self.freed if self.freed > 0.0 else float("nan")


def relief_market(legs: Legs, listing: Listing, parameters: TimsParameters) -> ReliefMarket:
    """Write an account and what it may trade as the programme takes them.

    A candidate of a series that is held takes the held leg's mark and adds to its position, so that minimum charges net.

    Parameters
    ----------
    legs : Legs
        Of one account, n > 0.
    listing : Listing
        `Listing.of` that account, one row a series.
    parameters : TimsParameters

    Raises
    ------
    FaultsError
        Naming the row of everything that cannot be, or that has no range.
    InvalidValueError
        The requirement of the account cannot be told.
    """
    offered, notes = _as_held(legs, listing.legs)
    both = _joined(legs, offered)
    fail_on(faults_of(both))
    series, series_of = merged_series(both)
    tims = book_of(series, parameters)
    marked = mark(series)
    pnl = pnl_at(marked, 1.0 + tims.moves[tims.class_of])
    now = tims_requirement(pnl, series.quantity, tims.class_of, tims.minimum_per_contract, tims.tree)
    if np.isnan(now.requirement):
        msg = f"the requirement of account {legs.group[0]} cannot be told, so none of it can be freed"
        raise InvalidValueError(msg)
    mine = series_of[len(legs) :]
    book, term_of_class, bounded = scenario_book(now, tims.class_of[mine])
    return ReliefMarket(
        book=book,
        candidates=_candidates(
            listing,
            marked,
            mine,
            ScenarioSeries(
                pnl=pnl[mine],
                class_of=term_of_class[tims.class_of[mine]],
                quantity=series.quantity[mine],
                minimum_long=tims.minimum_per_contract[mine],
                minimum_short=tims.minimum_per_contract[mine],
            ),
        ),
        bounded=bounded,
        notes=(*notes, *_other_prices(legs, offered)),
        tims=tims,
        pnl=pnl,
        quantity=series.quantity,
        series_of=mine,
    )


def free(market: ReliefMarket, asked: float) -> TimsRelief:
    """The cheapest whole contracts that free `asked` (above 0); where there are none, the cheapest that free the most."""
    return _confirmed(market, free_by_rows(market.book, market.candidates, asked))


def most(market: ReliefMarket) -> TimsRelief:
    """The cheapest whole contracts that free as much as can be, to within 0.1 % of the requirement."""
    return _confirmed(market, most_by_rows(market.book, market.candidates))


def menu(market: ReliefMarket, full: TimsRelief, shares: Sequence[float] = SHARES) -> tuple[TimsRelief, ...]:
    """What it costs to free each share of `full`, the answer of `most`; nothing where nothing can be freed."""
    if not full.freed > 0.0:
        return ()
    return tuple(full if share == 1.0 else free(market, share * full.freed) for share in shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Term:
    """A part of a group's profit: min(v, share v) of the profit of some classes together."""

    classes: tuple[int, ...]  # none: it stays as it is
    profit: Floats
    share: float


def scenario_book(now: TimsResult, traded: Ints) -> tuple[ScenarioBook, Ints, tuple[str, ...]]:
    """A book of one level of offsets that never frees more than the tree of `now` does, for trades in the classes `traded`.

    Returns
    -------
    ScenarioBook
        A group for each node that no group holds; its requirement now is that of `now`.
    int64[n_classes]
        Where the trades of each class go.
    tuple of str
        The nodes that are bounded; the others are exact.
    """
    tree = now.tree
    tops = np.flatnonzero(tree.parent == NO_GROUP)
    touched = set(traded.tolist())
    term_of_class = np.zeros(tree.n_classes, dtype=np.int64)
    terms: list[_Term] = []
    group_of: list[int] = []
    bounded = []
    for group, top in enumerate(tops.tolist()):
        own, is_bounded = _terms(now, top, touched)
        for term in own:
            term_of_class[list(term.classes)] = len(terms)
            terms.append(term)
            group_of.append(group)
        if is_bounded:
            bounded.append(name_of(tree, top))
    book = ScenarioBook(
        pnl=np.array([term.profit for term in terms]).reshape(len(terms), now.pnl.shape[1]),
        group_of_class=np.array(group_of, dtype=np.int64),
        gain_counted=np.array([term.share for term in terms]),
        minimum=now.minimum[tops],
    )
    return book, term_of_class, tuple(bounded)


def _terms(now: TimsResult, node: int, touched: set[int]) -> tuple[list[_Term], bool]:
    """The terms that a node's profit is the sum of, and whether trades in them are only bounded."""
    tree = now.tree
    if node < tree.n_classes:
        if node not in touched and not now.pnl[node].any():
            return [], False
        return [_Term(classes=(node,), profit=now.pnl[node], share=1.0)], False
    out: list[_Term] = []
    bounded = False
    for member in np.flatnonzero(tree.parent == node).tolist():
        share = float(tree.offset[member])
        terms, inside = _terms(now, member, touched)
        bounded |= inside
        if share == 1.0:
            out += terms
        elif len(terms) == 1:
            out.append(replace(terms[0], share=terms[0].share * share))
        else:
            bounded |= any(one in touched for term in terms for one in term.classes)
            profit = now.pnl[member]
            out.append(_Term(classes=(), profit=np.minimum(profit, share * profit), share=1.0))
            out += [
                replace(term, profit=np.zeros(profit.size), share=term.share * share)
                for term in terms
                if term.classes
            ]
    whole = [term for term in out if term.share == 1.0]
    if len(whole) > 1:
        together = _Term(
            classes=tuple(one for term in whole for one in term.classes),
            profit=np.sum([term.profit for term in whole], axis=0),
            share=1.0,
        )
        out = [together, *(term for term in out if term.share != 1.0)]
    return out, bounded


def _confirmed(market: ReliefMarket, found: Relief) -> TimsRelief:
    """What the programme found, by full runs of the method."""
    quantity = np.zeros(len(market.candidates.name))
    for line in found.trades:
        quantity[line.row] = line.quantity
    before = market.run(np.zeros(quantity.size))
    if market.bounded:
        quantity = _trimmed(market, before.requirement, quantity, found.asked)
    order = [line.row for line in found.trades if quantity[line.row] != 0.0]
    after = market.run(quantity)
    freed = before.requirement - after.requirement if order else 0.0
    status = found.status
    if status is ReliefStatus.MOST and freed >= found.asked * (1.0 - _EXACT):
        status = ReliefStatus.FREED
    lines = _lines(market, before, quantity, order)
    return TimsRelief(
        status=status,
        asked=found.asked,
        freed=freed,
        cost=sum(line.cost for line in lines),
        premium=sum(line.premium for line in lines),
        cost_at_least=float("nan") if market.bounded else found.cost_at_least,
        before=before.requirement,
        after=after.requirement,
        decides=_worst_part(market, after, quantity),
        trades=lines,
        bounded=market.bounded,
        notes=(*market.notes, *found.notes),
    )


def _trimmed(market: ReliefMarket, before: float, quantity: Floats, asked: float) -> Floats:
    """Fewer contracts of each line, the dearest first, as long as the full run still frees what is asked.

    Capital freed is concave in the contracts of a line, so those that are enough are all from the least to what there is.
    """
    out = quantity.copy()
    cost = market.candidates.half_spread + market.candidates.fee

    def enough(row: int, contracts: int) -> bool:
        trial = out.copy()
        trial[row] = np.sign(quantity[row]) * contracts
        return bool(before - market.run(trial).requirement >= asked - _EXACT * before)

    rows = np.flatnonzero(quantity)
    if not rows.size or not enough(int(rows[0]), int(abs(quantity[rows[0]]))):
        return out
    dearest_first = rows[np.argsort(-cost[rows], kind="stable")].tolist()
    before_pass = np.zeros(quantity.size)
    while not np.array_equal(before_pass, out):
        before_pass = out.copy()
        for row in dearest_first:
            low, high = 0, int(abs(out[row]))
            while low < high:
                between = (low + high) // 2
                low, high = (low, between) if enough(row, between) else (between + 1, high)
            out[row] = np.sign(quantity[row]) * high
    return out


def _lines(
    market: ReliefMarket, before: TimsResult, quantity: Floats, order: Sequence[int]
) -> tuple[TimsTrade, ...]:
    """The trades one after another."""
    candidates, tree = market.candidates, market.tims.tree
    lines, done, now = [], np.zeros(quantity.size), before
    for row in order:
        done[row] = quantity[row]
        then = market.run(done)
        without = quantity.copy()
        without[row] = 0.0
        top = int(tree.top[market.tims.class_of[market.series_of[row]]])
        freed_without = before.requirement - market.run(without).requirement
        lines.append(
            TimsTrade(
                row=row,
                quantity=float(quantity[row]),
                freed=now.requirement - then.requirement,
                freed_without=freed_without,
                cost=float(abs(quantity[row]) * (candidates.half_spread[row] + candidates.fee[row])),
                premium=float(quantity[row] * candidates.premium[row]),
                decides=_decides(market, then, top, done),
            )
        )
        now = then
    return tuple(lines)


def _worst_part(market: ReliefMarket, result: TimsResult, traded: Floats) -> DecidingPoint | None:
    tops = np.flatnonzero(result.tree.parent == NO_GROUP)
    top = int(tops[np.argmax(result.charge[tops])])
    return _decides(market, result, top, traded) if result.charge[top] > 0.0 else None


def _decides(market: ReliefMarket, result: TimsResult, top: int, traded: Floats) -> DecidingPoint:
    tree, classes = result.tree, np.arange(result.tree.n_classes)
    held = market.quantity + np.bincount(market.series_of, weights=traded, minlength=market.quantity.size)
    with_legs = np.bincount(market.tims.class_of, weights=held != 0.0, minlength=classes.size) > 0.0
    point = int(np.argmin(result.pnl[top]))
    members = classes[(tree.top[classes] == top) & with_legs].tolist()
    loss = max(-float(result.pnl[top, point]), 0.0)
    return DecidingPoint(
        part=name_of(tree, top),
        requirement=float(result.charge[top]),
        point=point,
        moves={tree.names[one]: float(market.tims.moves[one, point]) for one in members},
        loss=loss,
        minimum_binds=bool(result.minimum[top] >= loss),
    )


def _candidates(listing: Listing, marked: MarkedLegs, mine: Ints, series: ScenarioSeries) -> Candidates:
    """What trading costs: half the spread, or the way from the mark to the only side there is, never below 0."""
    units = listing.legs.multiplier
    own = marked.price[mine]
    bid, ask = listing.bid, listing.ask
    one_sided = np.where(np.isnan(bid), np.minimum(own, ask), np.maximum(own, bid))
    mid = np.where(np.isnan(bid) | np.isnan(ask), one_sided, 0.5 * (bid + ask))
    return Candidates(
        name=listing.legs.where,
        series=series,
        buy_most=np.where(np.isnan(ask), 0.0, listing.ask_size),
        sell_most=np.where(np.isnan(bid), 0.0, listing.bid_size),
        half_spread=units * np.where(np.isnan(ask), mid - bid, ask - mid),
        fee=listing.fee,
        premium=units * mid,
    )


def _as_held(legs: Legs, offered: Legs) -> tuple[Legs, tuple[str, ...]]:
    """The candidates with the marks of the series that are held already, and which marks that changed."""
    held = {key: row for row, key in reversed(list(enumerate(same_contract(legs))))}
    rows = np.array([held.get(key, -1) for key in same_contract(offered)], dtype=np.int64)
    mine = np.flatnonzero(rows >= 0)
    marks: dict[str, Any] = {}
    other = np.zeros(len(offered), dtype=np.bool_)
    for name in ("underlying_price", "price", "vol", "rate", "dividend_yield"):
        column = getattr(offered, name).copy()
        theirs = getattr(legs, name)[rows[mine]]
        other[mine] |= np.isfinite(column[mine]) & (column[mine] != theirs)
        column[mine] = theirs
        marks[name] = column
    marks["american"] = offered.american.copy()
    marks["american"][mine] = legs.american[rows[mine]]
    notes = tuple(
        f"{offered.where[row]}: the series is held, and {legs.where[rows[row]]} marks it"
        for row in np.flatnonzero(other).tolist()
    )
    return replace(offered, **marks), notes


def _other_prices(legs: Legs, offered: Legs) -> Iterator[str]:
    """Underlyings that the candidates price otherwise than the account; each future has a price of its own."""
    held = dict(zip(legs.underlying, legs.underlying_price.tolist(), strict=True))
    told: set[str] = set()
    columns = (offered.underlying, offered.product_class, offered.underlying_price.tolist(), offered.where)
    for name, product, price, where in zip(*columns, strict=True):
        here = held.get(name, price)
        if product is not ProductClass.FUTURE and price != here and name not in told:
            told.add(name)
            yield f"{where}: {name} at {price:g}, the account has it at {here:g}: each row is moved from its own"


def same_contract(legs: Legs) -> list[tuple[object, ...]]:
    """For each row what makes it a series: equal for two rows of the same contract, whatever their marks."""
    option = legs.is_option
    strike = np.where(option, legs.strike, 0.0).tolist()
    style = np.where(option, legs.american, False).tolist()
    columns = (
        legs.underlying,
        legs.kind.tolist(),
        strike,
        legs.years.tolist(),
        style,
        legs.multiplier.tolist(),
    )
    return list(zip(*columns, strict=True))


def _joined(first: Legs, second: Legs) -> Legs:
    """The rows of both."""
    columns: dict[str, Any] = {}
    for item in fields(first):
        one, other = getattr(first, item.name), getattr(second, item.name)
        columns[item.name] = (*one, *other) if isinstance(one, tuple) else np.concatenate((one, other))
    return Legs(**columns)
