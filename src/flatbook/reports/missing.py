"""From computed numbers to numbers a file may hold: what is not finite becomes null, and its reason is kept."""

from dataclasses import dataclass, field
from math import isfinite

import numpy as np

from flatbook.model.measures import MEANINGS
from flatbook.model.table import Floats
from flatbook.reports.schema import Reason
from flatbook.reports.schema_parts import Measures, Number

_NAMES = tuple(meaning.name for meaning in MEANINGS.values())


@dataclass(slots=True)
class Missing:
    """Reasons of the nulls met so far, by path."""

    found: dict[str, str] = field(default_factory=dict)

    def note(self, path: str, reason: str) -> None:
        """Keep the first reason given for `path`."""
        assert reason, f"{path} is null without a reason"
        self.found.setdefault(path, reason)

    def number(self, value: float, path: str, reason: str) -> Number:
        """`value`, or None with its reason."""
        if isfinite(value):
            return float(value) + 0.0  # -0.0 becomes 0.0
        self.note(path, reason)
        return None

    def numbers(self, values: Floats, path: str, reason: str) -> list[Number]:
        """A column: values, with None for each that is not finite."""
        known = np.isfinite(values)
        column: list[Number] = (values + 0.0).tolist()
        if not known.all():
            self.note(path, reason)
            for row in np.flatnonzero(~known).tolist():
                column[row] = None
        return column

    def measures(self, values: Floats, path: str, reason: str) -> Measures:
        """One row of the table of measures, float64[N_MEASURES]; one reason where all of it is missing."""
        if not np.isfinite(values).any():
            self.note(path, reason)
            return Measures(**dict.fromkeys(_NAMES))
        parts = {
            name: self.number(value, f"{path}.{name}", reason)
            for name, value in zip(_NAMES, values.tolist(), strict=True)
        }
        return Measures(**parts)

    def reasons(self) -> tuple[Reason, ...]:
        """All of them, in the order in which they were met."""
        return tuple(Reason(path=path, reason=reason) for path, reason in self.found.items())
