"""What a later reader of a journal should know about the machine and the build that wrote it."""

import hashlib
import platform
import sys
from pathlib import Path

import numba
import numpy as np

from flatbook import __version__


def manifest(config: Path) -> dict[str, str]:
    """Versions, processor and the hash of the desk file."""
    return {
        "flatbook": __version__,
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "numba": numba.__version__,
        "processor": platform.machine(),
        "config_blake2b": hashlib.blake2b(config.read_bytes(), digest_size=32).hexdigest(),
    }
