"""What the book remembers, so that repeats, corrections and busts count once and in any order.

A notice (correction or bust) names a fill, or another notice and thereby that one's fill. A name means a fill before
it means a correction, and a correction before a bust: venues may number the three apart. The book depends only on
the set of events it saw, except where one id came with two contents: then the first holds and the conflict is kept.
A bust of a bust, or a correction of one, revives nothing: a bust is final.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import msgspec

from flatbook.book.position import (
    FLAT,
    FillTerms,
    Movement,
    Position,
    after_bust,
    after_fill,
    after_movement,
    terms_of,
)
from flatbook.model.events import Capacity, Fill, FillBusted, FillCorrected
from flatbook.model.lifecycle_events import BookChange, Exercised, PositionAdjusted, SeriesSettled

NoticeEvent = FillCorrected | FillBusted
BookEvent = Fill | NoticeEvent | BookChange
_ENCODER = msgspec.msgpack.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """One id that came with two contents: what we hold to, and what we refused."""

    held: BookEvent
    refused: BookEvent


@dataclass(slots=True, eq=False)
class Notice:
    """A correction or bust, and the fill it ends at; None while that fill is unknown."""

    event: NoticeEvent
    root: str | None = None


@dataclass(slots=True, eq=False)
class Case:
    """One fill with what became of it; `terms` are those in its position now, None once busted."""

    fill: Fill
    row: int
    latest: FillCorrected | None = None
    busted: bool = False
    terms: FillTerms | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What a contract of a series that is over was worth."""

    event: SeriesSettled
    units: int  # billionths of a tick; of a coin-settled future contracts / price_ticks, as `Position.inverse_units`


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """An exercise or adjustment, and the contracts it moved: (row, contracts), plus gained."""

    event: Exercised | PositionAdjusted
    contracts: tuple[tuple[int, int], ...]


@dataclass(slots=True, eq=False)
class Book:
    """Sums of fills, exercises and adjustments by instrument row, which series are over, and every event seen."""

    positions: dict[int, Position] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    corrections: dict[str, Notice] = field(default_factory=dict)
    busts: dict[str, Notice] = field(default_factory=dict)
    followers: dict[str, list[Notice]] = field(default_factory=dict)  # by the name they refer to
    waiting: set[tuple[str, str]] = field(default_factory=set)  # (kind, id) of notices without a fill
    conflicts: dict[bytes, Conflict] = field(default_factory=dict)  # by refused content: each tells once
    fills_with_capacity: int = 0  # live fills that say for whom the other side traded
    moved: set[int] = field(default_factory=set)  # rows whose position changed since somebody last asked
    held: dict[tuple[int, str, str], int] = field(
        default_factory=dict
    )  # net contracts by row, account and strategy, also of series that are over; no zeros
    settlements: dict[str, tuple[int, SeriesSettled]] = field(default_factory=dict)  # row and event by id
    settled: dict[int, Settlement] = field(default_factory=dict)  # by row of a series that is over
    exercises: dict[str, Moved] = field(default_factory=dict)  # by id
    adjustments: dict[str, Moved] = field(default_factory=dict)  # by id


def book_fill(book: Book, row: int, fill: Fill) -> None:
    """Count a fill once, however often the venue repeats it, under the terms that now hold."""
    known = book.cases.get(fill.fill_id)
    if known is not None:
        note_conflict(book, known.fill, fill)
        return
    hanging = tuple(_downstream(book, fill.fill_id))
    book.cases[fill.fill_id] = Case(fill, row)
    _move(book, hanging, fill.fill_id)
    _settle(book, fill.fill_id)


def correct_fill(book: Book, event: FillCorrected) -> None:
    """Let the latest correction of a fill hold; one that precedes its fill waits for it."""
    _post(book, book.corrections, event.correction_id, event)


def bust_fill(book: Book, event: FillBusted) -> None:
    """Take a fill out of its position for good; a bust that precedes its fill waits for it."""
    _post(book, book.busts, event.bust_id, event)


def positions_moved(book: Book) -> tuple[tuple[int, int], ...]:
    """Row and net contracts of every position that changed since the last call, by row."""
    rows = sorted(book.moved)
    book.moved.clear()
    return tuple((row, net_contracts(book, row)) for row in rows)


def net_contracts(book: Book, row: int) -> int:
    """Contracts held; none of a series that is over."""
    return 0 if row in book.settled else book.positions.get(row, FLAT).quantity


def move(book: Book, row: int, account: str, strategy: str, movement: Movement) -> None:
    """Add what came or went without a trade."""
    book.positions[row] = after_movement(book.positions.get(row, FLAT), movement)
    book.moved.add(row)
    _hold(book, (row, account, strategy), movement.quantity)


def notices_of(book: Book, name: str) -> Iterator[NoticeEvent]:
    """Every correction and bust that ends at the fill `name`."""
    for notice in _downstream(book, name):
        if notice.root == name:
            yield notice.event


def _post(book: Book, posted: dict[str, Notice], own: str, event: NoticeEvent) -> None:
    known = posted.get(own)
    if known is not None:
        note_conflict(book, known.event, event)
        return
    meant = own not in book.cases and (posted is book.corrections or own not in book.corrections)
    hanging = tuple(_downstream(book, own)) if meant else ()
    _move(book, hanging, None)
    notice = posted[own] = Notice(event)
    book.followers.setdefault(event.fill_id, []).append(notice)
    root = _root_of(book, event.fill_id)
    _assign(book, notice, root)
    _move(book, hanging, root)
    if root is not None:
        _heed(book, book.cases[root], event)


def _root_of(book: Book, name: str) -> str | None:
    if name in book.cases:
        return name
    notice = _named(book, name)
    return notice.root if notice else None


def _named(book: Book, name: str) -> Notice | None:
    return book.corrections.get(name) or book.busts.get(name)


def _downstream(book: Book, name: str) -> Iterator[Notice]:
    """Every notice that refers to `name`, at once or through others; empty in the common case."""
    seen, names = {name}, [name]
    while names:
        for notice in book.followers.get(names.pop(), ()):
            yield notice
            own = _own_id(notice.event)
            if own not in seen and own not in book.cases and _named(book, own) is notice:
                seen.add(own)
                names.append(own)


def _move(book: Book, notices: tuple[Notice, ...], root: str | None) -> None:
    """Let `notices` end at `root`, and judge again every fill that gained or lost one."""
    if not notices:
        return
    touched = {notice.root: None for notice in notices} | {root: None}
    for notice in notices:
        _assign(book, notice, root)
    for name in touched:
        if name is not None:
            _settle(book, name)


def _assign(book: Book, notice: Notice, root: str | None) -> None:
    notice.root = root
    key = (type(notice.event).__name__, _own_id(notice.event))
    (book.waiting.add if root is None else book.waiting.discard)(key)


def _settle(book: Book, name: str) -> None:
    """Judge one fill afresh from all its notices."""
    case = book.cases[name]
    case.latest, case.busted = None, False
    for event in notices_of(book, name):
        _weigh(case, event)
    _restate(book, case)


def _heed(book: Book, case: Case, event: NoticeEvent) -> None:
    _weigh(case, event)
    _restate(book, case)


def _weigh(case: Case, event: NoticeEvent) -> None:
    if isinstance(event, FillBusted):
        case.busted = True
    elif case.latest is None or order_of(event) > order_of(case.latest):
        case.latest = event


def order_of(event: FillCorrected) -> tuple[int, str]:
    """Of two corrections of one fill the greater holds."""
    return event.corrected_ns, event.correction_id


def _restate(book: Book, case: Case) -> None:
    """Put the terms that now hold into the position in place of those that did."""
    terms = _terms_now(case)
    if terms == case.terms:
        return
    if case.terms is not None:
        _change(book, case, case.terms, after_bust, -1)
    if terms is not None:
        _change(book, case, terms, after_fill, 1)
    case.terms = terms


def _terms_now(case: Case) -> FillTerms | None:
    if case.busted:
        return None
    terms = terms_of(case.fill)
    if case.latest is None:
        return terms
    return replace(terms, quantity=case.latest.quantity, price_ticks=case.latest.price_ticks)


def _change(
    book: Book, case: Case, terms: FillTerms, transition: Callable[[Position, FillTerms], Position], sign: int
) -> None:
    position = transition(book.positions.get(case.row, FLAT), terms)
    book.fills_with_capacity += sign * (terms.capacity is not Capacity.UNKNOWN)
    book.moved.add(case.row)
    _hold(book, (case.row, case.fill.account, case.fill.strategy), sign * terms.side * terms.quantity)
    if position.fills or position.movements:
        book.positions[case.row] = position
    else:
        assert position == FLAT, f"row {case.row}: no live fill, yet {position}"
        book.positions.pop(case.row, None)


def _hold(book: Book, holder: tuple[int, str, str], gained: int) -> None:
    held = book.held.pop(holder, 0) + gained
    if held:
        book.held[holder] = held


def _own_id(event: NoticeEvent) -> str:
    return event.correction_id if isinstance(event, FillCorrected) else event.bust_id


def note_conflict(book: Book, held: BookEvent, again: BookEvent) -> None:
    """Keep what came a second time under one id, where it says something else."""
    content = _content(again)
    if content != _content(held):
        book.conflicts.setdefault(content, Conflict(held=held, refused=again))


def _content(event: BookEvent) -> bytes:
    """What the venue said, without when and where it reached us; bytes, so that NaN equals itself."""
    return _ENCODER.encode(msgspec.structs.replace(event, received_ns=0, sequence=0))
