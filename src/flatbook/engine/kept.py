"""What a cycle may build on: the last one that fitted surfaces, and the last of all."""

from dataclasses import dataclass
from typing import Any

from flatbook.engine.cycle import Cycle
from flatbook.model.table import Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kept:
    """Two cycles, and when they are of another world."""

    fitted: Cycle  # the last that fitted
    last: Cycle  # the last of either speed
    quoted_ns: Ints  # int64[n_rows]: when each quote had been received by then
    told: tuple[Any, ...]  # what the fit was told of the world
    until_ns: int  # the first instant at which the fit is of another world
