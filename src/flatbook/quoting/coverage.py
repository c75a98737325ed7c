"""Which series a duty or a protection is about."""

from typing import Protocol

import numpy as np

from flatbook.model.table import Bools, InstrumentTable


class Covering(Protocol):
    """Terms that name underlyings and option classes."""

    @property
    def underlyings(self) -> tuple[str, ...]:
        """Whose options it is about."""

    @property
    def option_classes(self) -> tuple[str, ...]:
        """And these."""


def covered(terms: Covering, table: InstrumentTable) -> Bools:
    """bool[n]: the options of the underlyings and classes that `terms` name; all options where they name none."""
    if not (terms.underlyings or terms.option_classes):
        return table.is_option.copy()
    by_underlying = np.array([name in terms.underlyings for name in table.underlyings], dtype=np.bool_)
    by_class = np.array([name in terms.option_classes for name in table.classes] + [False], dtype=np.bool_)
    return np.asarray(table.is_option & (by_underlying[table.underlying_of] | by_class[table.class_of]))
