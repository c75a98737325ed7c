"""Valuation: what one contract is worth and what it risks, in desk units.

In: the market view. Out: a theoretical price and the table of measures per contract, and full revaluations.
Holds: raw Greeks become desk units here and nowhere else; a contract that cannot be valued has a reason.
From a notebook: `flatbook.valuation.value(...)` and `flatbook.valuation.imply(...)`, of `valuation.notebook`.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Load the notebook's calls when they are first named: the desk does not need them."""
    if name not in ("value", "imply"):
        message = f"flatbook.valuation has no {name!r}"
        raise AttributeError(message)
    from flatbook.valuation import notebook  # noqa: PLC0415 - see above

    return getattr(notebook, name)
