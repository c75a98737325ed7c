"""flatbook: real-time exposure management for options market makers.

From a notebook: `import flatbook`, then `flatbook.valuation.value(...)`; `valuation` loads when it is first named.
"""

from importlib import import_module
from types import ModuleType

from flatbook.kernel_cache import use_kernel_cache

__version__ = "0.1.0"

use_kernel_cache()


def __getattr__(name: str) -> ModuleType:
    """Load the room of the notebook calls when it is first named: it brings the kernels, which take a moment."""
    if name != "valuation":
        message = f"flatbook has no {name!r}"
        raise AttributeError(message)
    return import_module("flatbook.valuation")
