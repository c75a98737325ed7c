"""Compiled kernels are kept in a folder named after their sources, so that changed sources never meet old machine code.

Numba checks only the file of the cached function itself, not of the helpers compiled into it; and the folder of an
installed package may be read-only. Source: numba.readthedocs.io, "Caching limitations", NUMBA_CACHE_DIR.
"""

import hashlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path


def use_kernel_cache() -> None:
    """Point numba at the folder of today's kernels; a NUMBA_CACHE_DIR that somebody set is left alone.

    Must run before numba is imported.
    """
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    assert "numba" not in sys.modules, "the kernel cache is chosen before numba is imported"
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    os.environ["NUMBA_CACHE_DIR"] = str(home / "flatbook" / f"kernels-{sources_hash()}")


def sources_hash() -> str:
    """Hash of every kernel's source and of the Python that compiles them."""
    spec = find_spec("flatbook.kernels")
    assert spec is not None
    assert spec.origin is not None
    digest = hashlib.blake2b(sys.version.encode(), digest_size=8)
    for path in sorted(Path(spec.origin).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
