"""Margin relief of an account that is margined by the TIMS methods: the cheapest trades, and the full run after them.

The programme is exact for offsets of any depth (`tims_programme`). What is told as freed is always the full run of the method
on the book after the trades. Where the search ends at its limit, answers that were found for other amounts count too, and
contracts that a full run can spare are taken away again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from flatbook.margin.leg_values import MarkedLegs, pnl_at
from flatbook.margin.legs import LegKind, Legs, ProductClass, faults_of
from flatbook.margin.marginal import ScenarioSeries
from flatbook.margin.relief import (
    SHARES,
    Candidates,
    Outcome,
    ReliefStatus,
    Search,
    search_free,
    search_most,
    usable,
)
from flatbook.margin.tims import TimsBook, book_of, merged_series, name_of
from flatbook.margin.tims_groups import NO_GROUP, TimsResult, marginal, tims_requirement
from flatbook.margin.tims_parameters import TimsParameters
from flatbook.margin.tims_programme import tims_programme
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

    now: TimsResult
    candidates: Candidates
    notes: tuple[str, ...]
    tims: TimsBook
    pnl: Floats  # [n, m] of one contract
    quantity: Floats  # [n] held
    series_of: Ints  # [k] which series each candidate is

    def after(self, traded: Floats) -> Floats:
        """float64[n]: held after `traded` (float64[k], negative sold)."""
        added = np.bincount(self.series_of, weights=traded, minlength=self.quantity.size)
        return np.asarray(self.quantity + added)

    def run(self, traded: Floats) -> TimsResult:
        """The full run of the method after `traded` (float64[k], negative sold)."""
        tims = self.tims
        return tims_requirement(
            self.pnl, self.after(traded), tims.class_of, tims.minimum_per_contract, tims.tree
        )

    def freed(self, traded: Floats) -> float:
        """What `traded` frees, by a full run."""
        return self.now.requirement - self.run(traded).requirement


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
    proven: bool  # the search went to its end: else less cost, or more, may be possible
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
    marked, series_of = merged_series(both)
    series = marked.legs
    tims = book_of(series, parameters)
    pnl = pnl_at(marked, 1.0 + tims.moves[tims.class_of])
    now = tims_requirement(pnl, series.quantity, tims.class_of, tims.minimum_per_contract, tims.tree)
    if np.isnan(now.requirement):
        msg = f"the requirement of account {legs.group[0]} cannot be told, so none of it can be freed"
        raise InvalidValueError(msg)
    mine = series_of[len(legs) :]
    return ReliefMarket(
        now=now,
        candidates=_candidates(
            listing,
            marked,
            mine,
            ScenarioSeries(
                pnl=pnl[mine],
                class_of=tims.class_of[mine],
                quantity=series.quantity[mine],
                minimum_long=tims.minimum_per_contract[mine],
                minimum_short=tims.minimum_per_contract[mine],
            ),
        ),
        notes=(*notes, *_other_prices(legs, offered), *_odd_quotes(listing, offered, marked.price[mine])),
        tims=tims,
        pnl=pnl,
        quantity=series.quantity,
        series_of=mine,
    )


def free(market: ReliefMarket, asked: float) -> TimsRelief:
    """The cheapest whole contracts that free `asked` (above 0); where there are none, the cheapest that free the most."""
    return _confirmed(market, search_free(_search(market), asked), asked)


def most(market: ReliefMarket) -> TimsRelief:
    """The cheapest whole contracts that free as much as can be, to within 0.1 % of the requirement."""
    return _confirmed(market, search_most(_search(market)), np.inf)


def menu(market: ReliefMarket, full: TimsRelief, shares: Sequence[float] = SHARES) -> tuple[TimsRelief, ...]:
    """What it costs to free each share of `full`, the answer of `most`; nothing where nothing can be freed."""
    if not full.freed > 0.0:
        return ()
    return undominated([full if share == 1.0 else free(market, share * full.freed) for share in shares])


def undominated(answers: Sequence[TimsRelief]) -> tuple[TimsRelief, ...]:
    """The same answers, each with the trades of another one where those free enough for less.

    Enough is what was asked, or what the answer itself frees where that is less. Costs within their tolerance, and searches
    that ended at their limit, leave such cases.

    Parameters
    ----------
    answers : sequence of TimsRelief
        Of one account and one listing.
    """
    return tuple(_best(one, answers) for one in answers)


def _best(one: TimsRelief, answers: Sequence[TimsRelief]) -> TimsRelief:
    enough = min(one.asked, one.freed) - _EXACT * one.before
    others = [other for other in answers if other.trades and other.freed >= enough]
    best = min(others, key=lambda other: other.cost, default=one)
    if not (one.trades and best.cost < one.cost):
        return one
    found = {name: getattr(best, name) for name in _OF_TRADES}
    return replace(one, **found)


_OF_TRADES = ("freed", "cost", "premium", "after", "decides", "trades")


def _search(market: ReliefMarket) -> Search:
    candidates = market.candidates
    rows, limits, notes = usable(candidates, np.zeros(len(candidates.name), dtype=np.bool_))
    cost = (candidates.half_spread + candidates.fee)[rows]
    return Search(
        programme=tims_programme(market.now, candidates.series.take(rows), rows, limits, cost),
        freed=lambda contracts: market.freed(_traded(market, rows, contracts)),
        notes=notes,
    )


def _traded(market: ReliefMarket, rows: Ints, contracts: Floats) -> Floats:
    """float64[k] of all candidates."""
    out = np.zeros(len(market.candidates.name))
    out[rows] = contracts
    return out


def _confirmed(market: ReliefMarket, found: Outcome, asked: float) -> TimsRelief:
    """What the programme found, by full runs of the method."""
    answer = found.answer
    quantity = np.zeros(len(market.candidates.name))
    if answer is not None and answer.contracts is not None:
        quantity = _trimmed(market, _traded(market, answer.rows, answer.contracts), asked)
    before, after = market.now, market.run(quantity)
    lines = _lines(market, quantity)
    return TimsRelief(
        status=found.status,
        asked=asked,
        freed=before.requirement - after.requirement if lines else 0.0,
        cost=sum(line.cost for line in lines),
        premium=sum(line.premium for line in lines),
        cost_at_least=float("nan") if answer is None else answer.cost_at_least,
        before=before.requirement,
        after=after.requirement,
        decides=_worst_part(market, after, quantity),
        trades=lines,
        proven=found.proven,
        notes=(*market.notes, *found.notes),
    )


def _trimmed(market: ReliefMarket, quantity: Floats, asked: float) -> Floats:
    """Fewer contracts of each line, the dearest first, as long as the full run still frees what is asked.

    Capital freed is concave in the contracts of a line, so those that are enough are all from the least to what there is.
    """
    out = quantity.copy()
    cost = market.candidates.half_spread + market.candidates.fee
    enough_freed = asked - _EXACT * market.now.requirement
    if not market.freed(out) >= enough_freed:
        return out

    def enough(row: int, contracts: int) -> bool:
        trial = out.copy()
        trial[row] = np.sign(quantity[row]) * contracts
        return market.freed(trial) >= enough_freed

    rows = np.flatnonzero(quantity)
    for row in rows[np.argsort(-cost[rows], kind="stable")].tolist():
        low, high = 0, int(abs(out[row]))
        while low < high:
            between = (low + high) // 2
            low, high = (low, between) if enough(row, between) else (between + 1, high)
        out[row] = np.sign(quantity[row]) * high
    return out


def _lines(market: ReliefMarket, quantity: Floats) -> tuple[TimsTrade, ...]:
    """The trades one after another, each time the one that frees most for its cost."""
    candidates, tree = market.candidates, market.tims.tree
    price = np.abs(quantity) * (candidates.half_spread + candidates.fee)
    lines, done, now = [], np.zeros(quantity.size), market.now
    left = np.flatnonzero(quantity)
    while left.size:
        frees = _frees(market, now, done, left, quantity[left])
        # gains first by what a unit of cost frees, losses by how little they take
        rank = np.where(frees > 0.0, frees / np.maximum(price[left], 1e-300), frees)
        row = int(left[np.argmax(rank)])
        left = left[left != row]
        done[row] = quantity[row]
        then = market.run(done)
        without = quantity.copy()
        without[row] = 0.0
        top = int(tree.top[market.tims.class_of[market.series_of[row]]])
        lines.append(
            TimsTrade(
                row=row,
                quantity=float(quantity[row]),
                freed=now.requirement - then.requirement,
                freed_without=market.freed(without),
                cost=float(price[row]),
                premium=float(quantity[row] * candidates.premium[row]),
                decides=_decides(market, then, top, done),
            )
        )
        now = then
    return tuple(lines)


def _frees(market: ReliefMarket, now: TimsResult, done: Floats, rows: Ints, wanted: Floats) -> Floats:
    """float64[rows]: what `wanted` contracts of each free, one at a time, once `done` is."""
    mine, tims = market.series_of[rows], market.tims
    bought, sold = marginal(
        now,
        market.pnl[mine],
        market.after(done)[mine],
        tims.class_of[mine],
        tims.minimum_per_contract[mine],
        np.abs(wanted),
    )
    return -np.where(wanted > 0.0, bought, sold)


def _worst_part(market: ReliefMarket, result: TimsResult, traded: Floats) -> DecidingPoint | None:
    tops = np.flatnonzero(result.tree.parent == NO_GROUP)
    top = int(tops[np.argmax(result.charge[tops])])
    return _decides(market, result, top, traded) if result.charge[top] > 0.0 else None


def _decides(market: ReliefMarket, result: TimsResult, top: int, traded: Floats) -> DecidingPoint:
    tree, classes = result.tree, np.arange(result.tree.n_classes)
    held = market.after(traded) != 0.0
    with_legs = np.bincount(market.tims.class_of, weights=held, minlength=classes.size) > 0.0
    point = int(np.argmin(result.pnl[top]))
    members = classes[(tree.top[classes] == top) & with_legs].tolist()
    loss = max(0.0, -float(result.pnl[top, point]))
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


def _odd_quotes(listing: Listing, offered: Legs, mark_price: Floats) -> Iterator[str]:
    """Quotes that no option can have, and marks that stand outside their quotes."""
    option, call = offered.is_option, offered.kind == LegKind.CALL
    most = np.where(
        call,
        offered.underlying_price * np.exp(np.maximum(-offered.dividend_yield * offered.years, 0.0)),
        offered.strike * np.exp(np.maximum(-offered.rate * offered.years, 0.0)),
    )
    # a bid alone, or an offer alone, still says on which side of it the value is
    outside = (mark_price < listing.bid) | (mark_price > listing.ask)
    for row in np.flatnonzero((option & (listing.bid > most)) | outside).tolist():
        quote = f"{listing.bid[row]:g} bid" if np.isfinite(listing.bid[row]) else "no bid"
        quote += f", {listing.ask[row]:g} offered" if np.isfinite(listing.ask[row]) else ", none offered"
        if option[row] and listing.bid[row] > most[row]:
            word = (
                "call is worth more than its underlying" if call[row] else "put is worth more than its strike"
            )
            yield f"{offered.where[row]}: {quote}: no {word}, {most[row]:g}; its cost and premium rest on that quote"
        else:
            yield f"{offered.where[row]}: {quote}, its mark is {mark_price[row]:g}: the trade is valued at the mark"


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
