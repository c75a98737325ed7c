"""What we raise when a person must act, and how a fault is told.

A message says what, which one, what was found, what was expected and what to do.
"""

from collections.abc import Iterable
from dataclasses import dataclass


class FlatbookError(Exception):
    """A person must act: bad configuration, bad input, an unknown instrument."""


class InvalidValueError(FlatbookError):
    """A value that the domain does not allow."""


class UnknownInstrumentError(FlatbookError):
    """A symbol that nobody listed."""


class JournalError(FlatbookError):
    """A journal that cannot be written, or that is not what was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong in an input, as a person needs it to mend it."""

    where: str
    found: str
    expected: str
    action: str

    def __str__(self) -> str:
        """Tell the fault on one line."""
        return f"{self.where}: found {self.found}; expected {self.expected}; {self.action}"


class FaultsError(FlatbookError):
    """Everything that is wrong with the inputs, told at once."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        assert self.faults, "a FaultsError needs at least one fault"
        super().__init__("\n".join(str(fault) for fault in self.faults))


def fail_on(faults: Iterable[Fault]) -> None:
    """Raise every fault at once, or return where there is none.

    Raises
    ------
    FaultsError
        Holding all of `faults`.
    """
    found = tuple(faults)
    if found:
        raise FaultsError(found)
