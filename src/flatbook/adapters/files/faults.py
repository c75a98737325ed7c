"""The faults of one input, gathered so that a person mends the file once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from flatbook.model.errors import Fault, FaultsError

MOST_TOLD = 50  # faults written out; the rest are counted
_MOST_SHOWN = 60  # characters of a bad value


@dataclass(slots=True)
class FaultList:
    """Faults of one input: the first `MOST_TOLD` are told, the rest counted."""

    name: str
    told: list[Fault] = field(default_factory=list)
    count: int = 0

    def add(self, *, where: str, found: str, expected: str, action: str) -> None:
        """Remember one fault."""
        self.count += 1
        if self.count <= MOST_TOLD:
            self.told.append(Fault(where=where, found=found, expected=expected, action=action))

    def take(self, error: FaultsError) -> None:
        """Remember the faults that ended one step, so that the next one can be looked at too."""
        for one in error.faults:
            self.add(where=one.where, found=one.found, expected=one.expected, action=one.action)

    def raise_all(self) -> None:
        """Raise every fault gathered so far, or return where there is none.

        Raises
        ------
        FaultsError
            Holding the first `MOST_TOLD` faults and the count of the others.
        """
        if not self.count:
            return
        more = self.count - len(self.told)
        rest = Fault(
            where=self.name,
            found=f"{more} more faults",
            expected="none",
            action="mend those above first, they may have the same cause",
        )
        raise FaultsError([*self.told, *([rest] if more else [])])


def fault(*, where: str, found: str, expected: str, action: str) -> FaultsError:
    """One fault that ends the reading at once."""
    return FaultsError([Fault(where=where, found=found, expected=expected, action=action)])


def shown(text: str) -> str:
    """A value from the file as a fault shows it: quoted, and cut where it is long."""
    if text == "":
        return "nothing"
    return repr(text) if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]!r}..."


def some(names: Sequence[object], most: int = 8) -> str:
    """The first few of many names on one line."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + rest
