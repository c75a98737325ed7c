"""What one more clip of every series costs in capital, for any margin that is the worst of scenarios.

The requirement is the sum over groups of max(largest loss over the scenarios, minimum charge). A group holds one class or
several; where gains of a class count only in part against the losses of the others of its group, scenario by scenario, the
group's profit is the sum of min(p, share p) over its classes. A clip moves one class of one group, so its exact change is
one maximum over that class's scenarios: no second run of the book. What is linear in the position (net option value, a
charge for each delta) is added by the caller. Losses, profits and charges are in one currency.

Source: FINRA 4210(g) and 17 CFR 240.15c3-1a for scenarios, offsets and minimum charges; CME SPAN for the charge on short
options only. Exact change over a clip, and slopes as those of a maximum of lines (Rockafellar, "Convex Analysis", 23).
"""

from dataclasses import dataclass, replace

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Bools, Floats, Ints

MINIMUM, UNKNOWN, NONE = -1, -2, -3  # in the place of a scenario: the minimum charge, a NaN, nothing
_BLOCK = 16_384  # profits at once: a table of all of them is asked of the system anew each time, which takes longer
_TIE = 1e-12  # of the largest number compared: scenarios that differ by less are equally bad


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioBook:
    """What is held, as profits by scenario. c classes in g groups, m scenarios."""

    pnl: Floats  # [c, m] profit of each class
    group_of_class: Ints  # [c]
    gain_counted: Floats  # [c] share of a class's profit that counts against losses of its group, 0 to 1
    minimum: Floats  # [g] charge that the positions need at least

    def __post_init__(self) -> None:
        """Refuse what cannot be a book."""
        classes, groups = self.pnl.shape[0], self.minimum.size
        _refuse(
            self.pnl.ndim != 2 or self.pnl.shape[1] == 0, "pnl must be [classes, scenarios] with a scenario"
        )
        _refuse(
            self.group_of_class.shape != (classes,) or self.gain_counted.shape != (classes,),
            f"group_of_class and gain_counted must have one number for each of {classes} classes",
        )
        _refuse(
            bool(((self.group_of_class < 0) | (self.group_of_class >= groups)).any()),
            f"group_of_class must be 0 to {groups - 1}",
        )
        _refuse(
            not bool(((self.gain_counted >= 0.0) & (self.gain_counted <= 1.0)).all()),
            "gain_counted must be 0 to 1",
        )
        _refuse(bool((self.minimum < 0.0).any()), "a minimum charge must be 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioSeries:
    """n series, or candidate hedges, by one contract. One row a series: its own position decides its minimum charge."""

    pnl: Floats  # [n, m] profit of one contract bought
    class_of: Ints  # [n] whose class it joins
    quantity: Floats  # [n] contracts held now; negative is short
    minimum_long: Floats  # [n] charge for a contract held long
    minimum_short: Floats  # [n] for one held short

    def __post_init__(self) -> None:
        """Refuse what cannot be series."""
        n = self.pnl.shape[0]
        columns = (self.class_of, self.quantity, self.minimum_long, self.minimum_short)
        _refuse(
            self.pnl.ndim != 2 or any(column.shape != (n,) for column in columns),
            f"series must have one number for each of {n} rows, and pnl one row",
        )
        _refuse(
            bool((self.minimum_long < 0.0).any() or (self.minimum_short < 0.0).any()),
            "a minimum charge must be 0 or more",
        )

    def take(self, rows: Ints) -> "ScenarioSeries":
        """These rows only."""
        return ScenarioSeries(
            pnl=self.pnl[rows],
            class_of=self.class_of[rows],
            quantity=self.quantity[rows],
            minimum_long=self.minimum_long[rows],
            minimum_short=self.minimum_short[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioRequirement:
    """What each group must be backed with, and what decides it."""

    by_group: Floats  # [g] NaN where a profit or charge of the group is unknown
    worst: Ints  # [g] scenario; MINIMUM where the charge is as large, UNKNOWN
    second: Ints  # [g] what would decide without it
    gap: Floats  # [g] the requirement less what `second` asks for

    @property
    def total(self) -> float:
        """Sum over groups."""
        return float(self.by_group.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Marginal:
    """Change of the requirement by one clip of each series."""

    buy: Floats  # [n]
    sell: Floats  # [n]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slopes:
    """Change of the requirement for each contract, as long as nothing else begins to decide."""

    buy: Floats  # [n] for a contract bought
    sell: Floats  # [n] for a contract sold; minus `buy` unless two scenarios are equally bad
    buy_until: Floats  # [n] contracts up to which `buy` holds; inf where it always does
    sell_until: Floats
    buy_next: Ints  # [n] what decides from there: a scenario, MINIMUM or NONE; the same scenario where a gain turns loss
    sell_next: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """A trade that releases capital."""

    legs: tuple[tuple[int, float], ...]  # row and contracts, negative sold
    released: float
    released_per_lot: float


def class_book(pnl: Floats, minimum: Floats) -> ScenarioBook:
    """The book of classes that stand alone: one group each, no offsets between them."""
    classes = pnl.shape[0]
    return ScenarioBook(
        pnl=pnl,
        group_of_class=np.arange(classes, dtype=np.int64),
        gain_counted=np.ones(classes),
        minimum=minimum,
    )


def with_trades(book: ScenarioBook, series: ScenarioSeries, quantity: Floats) -> ScenarioBook:
    """The book after `quantity` (float64[n], negative sold) of each series; what is not traded may be unknown."""
    pnl, minimum = book.pnl.copy(), book.minimum.copy()
    rows = np.flatnonzero(quantity)
    moved = series.class_of[rows]
    np.add.at(pnl, moved, quantity[rows, None] * series.pnl[rows])
    part = series.take(rows)
    np.add.at(minimum, book.group_of_class[moved], _minimum_change(part, quantity[rows]))
    # what is left of charges that add up to the minimum and were all taken away again is rounding, not a charge
    return replace(book, pnl=pnl, minimum=np.where(minimum < 0.0, 0.0, minimum))


def empty_book(n_scenarios: int, group_of_class: Ints, gain_counted: Floats, n_groups: int) -> ScenarioBook:
    """A book that holds nothing."""
    return ScenarioBook(
        pnl=np.zeros((group_of_class.size, n_scenarios)),
        group_of_class=group_of_class,
        gain_counted=gain_counted,
        minimum=np.zeros(n_groups),
    )


def held_book(
    series: ScenarioSeries, group_of_class: Ints, gain_counted: Floats, n_groups: int
) -> ScenarioBook:
    """The book of what the series say is held."""
    nothing = empty_book(series.pnl.shape[1], group_of_class, gain_counted, n_groups)
    return with_trades(nothing, replace(series, quantity=np.zeros(series.quantity.size)), series.quantity)


def requirement(book: ScenarioBook) -> ScenarioRequirement:
    """What the book must be backed with; never below 0."""
    asks = np.concatenate((-_net(book), book.minimum[:, None]), axis=1)
    groups = np.arange(book.minimum.size)
    unknown = np.isnan(asks).any(axis=1)
    # of equals the minimum charge goes first, then the earlier scenario
    order = np.argsort(-np.roll(asks, 1, axis=1), axis=1, kind="stable") - 1
    worst, second = order[:, 0], order[:, 1]
    by_group = np.where(unknown, np.nan, asks[groups, worst])
    return ScenarioRequirement(
        by_group=by_group,
        worst=np.where(unknown, UNKNOWN, worst),
        second=np.where(unknown, UNKNOWN, second),
        gap=by_group - asks[groups, second],
    )


def changes(book: ScenarioBook, series: ScenarioSeries, quantity: Floats) -> Floats:
    """The exact change of the requirement by each trade alone.

    Parameters
    ----------
    book : ScenarioBook
    series : ScenarioSeries
        Of the book, or any other list that names its classes.
    quantity : float64[n]
        Contracts, negative sold.

    Returns
    -------
    float64[n]
        NaN where the series or its group is unknown.
    """
    _matching(book, series)
    rest, before = _rest(book)
    partial, several = bool((book.gain_counted < 1.0).any()), bool(rest.any())
    least = np.empty(quantity.size)
    block = max(_BLOCK // book.pnl.shape[1], 1)
    for start in range(0, quantity.size, block):
        part = slice(start, start + block)
        own = series.class_of[part]
        moved = quantity[part, None] * series.pnl[part]
        moved += book.pnl[own]
        if partial:
            np.minimum(moved, book.gain_counted[own, None] * moved, out=moved)
        if several:
            moved += rest[own]
        moved.min(axis=1, out=least[part])
    group = book.group_of_class[series.class_of]
    minimum = np.maximum(book.minimum[group] + _minimum_change(series, quantity), 0.0)
    return np.asarray(np.maximum(-least, minimum) - before[group])


def marginal(book: ScenarioBook, series: ScenarioSeries, clip: Floats | float = 1.0) -> Marginal:
    """The exact change of the requirement by one clip of each series, bought and sold.

    Parameters
    ----------
    book : ScenarioBook
    series : ScenarioSeries
    clip : float or float64[n]
        Contracts, above 0.
    """
    size = np.broadcast_to(np.asarray(clip, dtype=np.float64), series.quantity.shape)
    _refuse(bool((size <= 0.0).any()), "a clip must be above 0 contracts")
    return Marginal(buy=changes(book, series, size), sell=changes(book, series, -size))


def slopes(book: ScenarioBook, series: ScenarioSeries) -> Slopes:
    """The slope of the requirement in each series, and where it changes.

    A requirement is the largest of lines in the contracts of one series: one for each scenario (two where gains count in
    part), and two for the minimum charge, of a position long and short.
    """
    _matching(book, series)
    rest, _ = _rest(book)
    own, q = series.class_of, series.quantity
    share, held = book.gain_counted[own, None], book.pnl[own]
    long_, short = series.minimum_long, series.minimum_short
    elsewhere = np.maximum(book.minimum[book.group_of_class[own]] - _charge(series, q), 0.0)
    level = np.column_stack(
        (
            elsewhere + long_ * q,
            elsewhere - short * q,
            -(rest[own] + held),
            -(rest[own] + share * held),
        )
    )
    slope = np.column_stack((long_, -short, -series.pnl, -share * series.pnl))
    scenarios = np.arange(book.pnl.shape[1])
    decides = np.concatenate(([MINIMUM, MINIMUM], scenarios, scenarios))
    buy, buy_until, buy_next = _along(level, slope, decides)
    sell, sell_until, sell_next = _along(level, -slope, decides)
    return Slopes(
        buy=buy,
        sell=sell,
        buy_until=buy_until,
        sell_until=sell_until,
        buy_next=buy_next,
        sell_next=sell_next,
    )


def top_legs(book: ScenarioBook, series: ScenarioSeries, clip: float, count: int) -> tuple[Offset, ...]:
    """The single trades of `clip` contracts that release most capital for each of them, best first."""
    found = marginal(book, series, clip)
    released = -np.concatenate((found.buy, found.sell))
    n = series.quantity.size
    best = np.argsort(-np.where(released > 0.0, released, -np.inf), kind="stable")[:count]
    return tuple(
        Offset(
            legs=((int(at % n), clip if at < n else -clip),),
            released=float(released[at]),
            released_per_lot=float(released[at] / clip),
        )
        for at in best
        if released[at] > 0.0
    )


def top_pairs(book: ScenarioBook, series: ScenarioSeries, clip: float, count: int) -> tuple[Offset, ...]:
    """The pairs of trades of `clip` contracts each that release most capital for each contract, best first.

    Every pair within a group is tried, so time grows with the square of the series; legs of different groups never release
    more together than alone. A pair is told only where it releases more for each contract than either of its legs alone.
    """
    _matching(book, series)
    _refuse(clip <= 0.0, "a clip must be above 0 contracts")
    alone = marginal(book, series, clip)
    by_side = {clip: alone.buy, -clip: alone.sell}
    found: list[Offset] = []
    group = book.group_of_class[series.class_of]
    for g in dict.fromkeys(group.tolist()):
        rows = np.flatnonzero(group == g)
        for place, first in enumerate(rows[:-1].tolist()):
            others = rows[place + 1 :]
            for bought in (clip, -clip):
                base = with_trades(book, series.take(np.array([first])), np.array([bought]))
                for other_bought in (clip, -clip):
                    change = by_side[bought][first] + changes(
                        base, series.take(others), np.full(others.size, other_bought)
                    )
                    better = (-change / 2.0 > -by_side[bought][first]) & (
                        -change / 2.0 > -by_side[other_bought][others]
                    )
                    found += [
                        Offset(
                            legs=((first, bought), (int(others[at]), other_bought)),
                            released=float(-change[at]),
                            released_per_lot=float(-change[at] / (2.0 * clip)),
                        )
                        for at in np.flatnonzero(better & (change < 0.0)).tolist()
                    ]
        found = sorted(found, key=lambda offset: -offset.released)[:count]
    return tuple(found)


def _along(level: Floats, slope: Floats, decides: Ints) -> tuple[Floats, Floats, Ints]:
    """Of the largest of lines at 0: its slope upwards, how far it stays the largest, and what is larger then."""
    top = level.max(axis=1, keepdims=True)
    near = level >= top - _TIE * np.abs(level).max(axis=1, keepdims=True)
    steepest = np.where(near, slope, -np.inf).max(axis=1, keepdims=True)
    steeper = slope > steepest
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(steeper, (top - level) / (slope - steepest), np.inf)
    at = reach.argmin(axis=1)
    until = reach[np.arange(at.size), at]
    unknown = np.isnan(level).any(axis=1) | np.isnan(slope).any(axis=1)
    following = np.where(np.isinf(until), NONE, decides[at])
    return (
        np.where(unknown, np.nan, steepest[:, 0]),
        np.where(unknown, np.nan, until),
        np.where(unknown, UNKNOWN, following),
    )


def _counted(book: ScenarioBook) -> Floats:
    """float64[c, m]: what of each class's profit counts in its group."""
    return np.minimum(book.pnl, book.gain_counted[:, None] * book.pnl)


def _net(book: ScenarioBook) -> Floats:
    """float64[g, m]: profit of each group."""
    net = np.zeros((book.minimum.size, book.pnl.shape[1]))
    np.add.at(net, book.group_of_class, _counted(book))
    return net


def _rest(book: ScenarioBook) -> tuple[Floats, Floats]:
    """What the other classes of its group bring to each class, float64[c, m], and the requirement now, float64[g]."""
    net = _net(book)
    before = np.maximum(-net.min(axis=1), book.minimum)
    return net[book.group_of_class] - _counted(book), before


def _charge(series: ScenarioSeries, quantity: Floats) -> Floats:
    return series.minimum_long * np.maximum(quantity, 0.0) + series.minimum_short * np.maximum(-quantity, 0.0)


def _minimum_change(series: ScenarioSeries, quantity: Floats) -> Floats:
    return _charge(series, series.quantity + quantity) - _charge(series, series.quantity)


def _matching(book: ScenarioBook, series: ScenarioSeries) -> None:
    _refuse(
        series.pnl.shape[1] != book.pnl.shape[1],
        f"series have {series.pnl.shape[1]} scenarios, the book {book.pnl.shape[1]}",
    )
    known: Bools = (series.class_of >= 0) & (series.class_of < book.pnl.shape[0])
    _refuse(not bool(known.all()), f"class_of must be 0 to {book.pnl.shape[0] - 1}")
    charged = book.minimum[book.group_of_class[series.class_of]]
    missing = _charge(series, series.quantity) > charged * (1.0 + 1e-9) + _TIE
    _refuse(
        bool(missing.any()),
        "the book's minimum charge is below that of the position in row "
        + ", ".join(str(row) for row in np.flatnonzero(missing)[:3].tolist()),
    )


def _refuse(wrong: bool, why: str) -> None:
    if wrong:
        raise InvalidValueError(why)
