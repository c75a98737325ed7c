"""The book, slow and obvious: keep every event, recompute everything when asked."""

from collections.abc import Iterator

from flatbook.book.position import FLAT, FillTerms, Position, after_fill
from flatbook.model.events import Fill, FillBusted, FillCorrected

Story = Fill | FillCorrected | FillBusted


class NaiveBook:
    def __init__(self) -> None:
        self.fills: dict[str, tuple[int, Fill]] = {}
        self.corrections: dict[str, FillCorrected] = {}
        self.busts: dict[str, FillBusted] = {}

    def add(self, row: int, event: Story) -> None:
        match event:
            case Fill():
                self.fills.setdefault(event.fill_id, (row, event))
            case FillCorrected():
                self.corrections.setdefault(event.correction_id, event)
            case FillBusted():
                self.busts.setdefault(event.bust_id, event)

    def root(self, name: str) -> str | None:
        walked = set()
        while name not in self.fills:
            notice = self.corrections.get(name) or self.busts.get(name)
            if notice is None or name in walked:
                return None
            walked.add(name)
            name = notice.fill_id
        return name

    def positions(self) -> dict[int, Position]:
        out: dict[int, Position] = {}
        for row, _, terms in self.live():
            out[row] = after_fill(out.get(row, FLAT), terms)
        return out

    def held(self) -> dict[tuple[int, str, str], int]:
        out: dict[tuple[int, str, str], int] = {}
        for row, fill, terms in self.live():
            holder = (row, fill.account, fill.strategy)
            out[holder] = out.get(holder, 0) + terms.side * terms.quantity
        return {holder: quantity for holder, quantity in out.items() if quantity}

    def live(self) -> Iterator[tuple[int, Fill, FillTerms]]:
        busted = {self.root(bust.fill_id) for bust in self.busts.values()}
        for name, (row, fill) in self.fills.items():
            mine = [each for each in self.corrections.values() if self.root(each.fill_id) == name]
            last = max(mine, key=lambda each: (each.corrected_ns, each.correction_id), default=fill)
            terms = FillTerms(side=fill.side, quantity=last.quantity, price_ticks=last.price_ticks,
                              capacity=fill.capacity, fee=fill.fee)  # fmt: skip
            if name not in busted:
                yield row, fill, terms

    def pending(self) -> list[str]:
        named = [
            (key, each.fill_id) for posted in (self.corrections, self.busts) for key, each in posted.items()
        ]
        return sorted(key for key, refers in named if self.root(refers) is None)
