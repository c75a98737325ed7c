"""Order books of Deribit kept up to date by their changes, each of which names the change before it."""

from dataclasses import dataclass, field

from flatbook.adapters.deribit.parse import Book, Level
from flatbook.adapters.files.faults import fault

_MOST_LEVELS = 10_000


@dataclass(frozen=True, slots=True)
class Best:
    """Best bid and offer; None where a side is missing. Amounts in coin, of a future in dollars."""

    bid: tuple[float, float] | None
    ask: tuple[float, float] | None


@dataclass(slots=True)
class KeptBook:
    """One instrument's book."""

    change_id: int = 0
    bids: dict[float, float] = field(default_factory=dict)
    asks: dict[float, float] = field(default_factory=dict)

    def best(self) -> Best:
        """The best of both sides."""
        bid, ask = max(self.bids, default=None), min(self.asks, default=None)
        return Best(
            bid=None if bid is None else (bid, self.bids[bid]),
            ask=None if ask is None else (ask, self.asks[ask]),
        )


class Books:
    """All books that are whole; one that misses a change is forgotten until its next snapshot."""

    def __init__(self) -> None:
        self._books: dict[str, KeptBook] = {}
        self.torn: set[str] = set()  # instruments whose book misses a change

    def __contains__(self, name: str) -> bool:
        """Whether the book of this instrument is whole."""
        return name in self._books

    def forget(self) -> None:
        """A new connection: snapshots come anew."""
        self._books.clear()

    def take(self, news: Book, where: str) -> Best | None:
        """The best prices after `news`; None where the book is not whole.

        Raises
        ------
        FaultsError
            An action that is none, a change of a price that is not there, or more levels than a book can have.
        """
        name = news.instrument_name
        if news.type == "snapshot":
            self._books[name] = KeptBook()
            self.torn.discard(name)
        book = self._books.get(name)
        if book is None or (news.type != "snapshot" and news.prev_change_id != book.change_id):
            self._books.pop(name, None)
            self.torn.add(name)
            return None
        book.change_id = news.change_id
        for side, levels in ((book.bids, news.bids), (book.asks, news.asks)):
            for level in levels:
                _change(side, level, f"{where} book of {name}")
        return book.best()


def _change(side: dict[float, float], level: Level, where: str) -> None:
    known = level.price in side
    match level.action:
        case "delete" if known:
            del side[level.price]
        case "new" | "change" if level.amount > 0.0 and len(side) < _MOST_LEVELS:
            side[level.price] = level.amount
        case _:
            raise fault(
                where=where,
                found=f"{level.action[:20]!r} of {level.amount} at {level.price}, where there {'is' if known else 'was no'} price",
                expected=f"new or change with an amount, or delete of a price that is there, in at most {_MOST_LEVELS} levels",
                action="record it again",
            )
