"""What is assumed of Deribit's portfolio margin, told where it can change the answer of the account at hand.

Source: domain reference 3.7, which lists what the venue does not publish.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from flatbook.margin.pme_cells import PairBook
from flatbook.margin.pme_parameters import PmeParameters
from flatbook.margin.pme_shocks import PairMargin, finished, roll_otherwise
from flatbook.margin.requirement import CANDIDATE_LOST
from flatbook.model.table import Floats

_NEAR_PIVOT_DAYS = 1.0  # days to expiry are counted as the venue may not: whole days, or not
_SAME = 1e-9


def notes_on(
    pairs: Sequence[tuple[PairBook, PairMargin]], index: Mapping[str, float], parameters: PmeParameters
) -> Iterator[str]:
    """Every assumption that bears on the requirement, and every row that leaves it unknown."""
    for book, margin in pairs:
        yield from _rows(book)
        yield from _market(book)
        yield from _options(book, margin, parameters.general.pivot_days)
        yield from _dampener(book, margin)
        yield from _rolls(book, margin)
        yield from _delta_shock(book, margin)
    if sum(bool(book.held.any()) for book, _ in pairs) > 1:
        yield (
            "correlation contingency is not published and taken as what the account's terms say, 0 by default; pairs "
            "are not offset against each other, which asks for no less than the venue"
        )
    for name in index:
        if name in parameters.general.usd_coins:
            yield f"a {name} counts as one USD"
        elif np.isnan(index[name]):
            yield f"no leg tells the price of {name}: the requirement in USD is unknown"
    if np.isnan(parameters.general.mm_factor):
        yield "the maintenance factor is not known: no maintenance margin"


def _rows(book: PairBook) -> Iterator[str]:
    """Rows without a value, and those whose volatility was assumed, as many as say the same in one line."""
    where, marked = book.marked.legs.where, book.marked
    empty = np.isnan(book.cells).any(axis=1) | np.isnan(book.delta)
    said: dict[str, list[str]] = {}
    for row in range(len(where)):
        if empty[row]:
            why = marked.unpriced[row] or "no finite value in every cell"
            lost = f"no requirement: {why}" if book.held[row] else f"{why}; {CANDIDATE_LOST}"
            said.setdefault(lost, []).append(where[row])
        elif marked.notes[row]:
            said.setdefault(marked.notes[row], []).append(where[row])
    for text, rows in said.items():
        more = "" if len(rows) == 1 else f" and {len(rows) - 1} rows more"
        yield f"{rows[0]}{more}: {text}"


def _market(book: PairBook) -> Iterator[str]:
    prices = book.marked.legs.underlying_price
    if prices.max() > prices.min():
        yield f"{_name(book)}: the index is that of the leg held that expires first, {book.index:g}"


def _options(book: PairBook, margin: PairMargin, pivot_days: float) -> Iterator[str]:
    mine = book.is_option & book.held
    if mine.any() and margin.worst > 0.0:
        yield (
            f"{_name(book)}: the venue's order of down, same and up within a bucket is not published; it bears on the "
            "index of the worst cell, not on the requirement"
        )
    if (mine & (np.abs(book.days - pivot_days) <= _NEAR_PIVOT_DAYS)).any():
        yield (
            f"{_name(book)}: options within a day of {pivot_days:g} days to expiry: the venue may change the power of "
            "the volatility shock there a little earlier or later"
        )
    if (mine & (book.days < 1.0)).any():
        yield (
            f"{_name(book)}: options within a day of expiry: whether the venue puts a floor under days to expiry in the "
            "volatility shock is not published; none is used"
        )


def _dampener(book: PairBook, margin: PairMargin) -> Iterator[str]:
    """The dampener is in USD; at which price it becomes coin is not published."""
    if not book.inverse:
        return
    scenarios = book.scenarios
    edge = 1.0 + np.sign(scenarios.move) * book.terms.price_range
    others = [
        _worst(finished(margin.cells, book, scenarios.dampener / at)) for at in (1.0 + scenarios.move, edge)
    ]
    if any(abs(other - margin.worst) > _SAME * margin.worst for other in others):
        low, high = min(*others, margin.worst), max(*others, margin.worst)
        yield (
            f"{_name(book)}: the dampener is turned into coin at the index; at the moved price, or at that of the edge "
            f"of the range, the worst case would be between {low:g} and {high:g} {book.currency}"
        )


def _rolls(book: PairBook, margin: PairMargin) -> Iterator[str]:
    compounded, other = roll_otherwise(book)
    if abs(compounded - margin.roll) > _SAME * margin.roll:
        yield (
            f"{_name(book)}: the roll shock grows linearly with years; compounded it would be {compounded:g} "
            f"{book.currency}"
        )
    if abs(other - margin.roll) > _SAME * max(margin.roll, other):
        yield (
            f"{_name(book)}: which delta the roll shock counts is not published; by the other convention it would be "
            f"{other:g} {book.currency}"
        )


def _delta_shock(book: PairBook, margin: PairMargin) -> Iterator[str]:
    if margin.delta_shock > 0.0:
        yield (
            f"{_name(book)}: the slope of the delta shock beyond its threshold is unverified: {margin.delta_shock:g} "
            f"{book.currency} of the requirement"
        )


def _worst(cells: Floats) -> float:
    return float(np.maximum(-cells.min(), 0.0))


def _name(book: PairBook) -> str:
    return book.pair if book.inverse else f"{book.pair}_{book.currency}"
