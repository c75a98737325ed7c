"""Compiled kernels are kept in a folder named after their sources and their place, so that changed sources never meet old machine code.

Numba checks only the file of the cached function itself, not of the helpers compiled into it; and the folder of an
installed package may be read-only. Numba finds what it compiled by the path of the source, so a copy of flatbook elsewhere compiles anew,
and must not take the marks of another one for its own. Source: numba.readthedocs.io, "Caching limitations", NUMBA_CACHE_DIR.
"""

import hashlib
import os
import sys
from importlib.metadata import version
from pathlib import Path

_VARIABLE = "NUMBA_CACHE_DIR"
_SETTING = "CACHE_DIR"
_KERNELS = Path(__file__).resolve().parent / "kernels"


def use_kernel_cache() -> None:
    """Point numba at the folder of today's kernels; a NUMBA_CACHE_DIR that somebody set is left alone.

    `import flatbook` does it, so that a notebook and the commands share what `flatbook warmup` compiled.
    """
    if _VARIABLE in os.environ:
        return
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = str(home / "flatbook" / folder_name())
    os.environ[_VARIABLE] = folder
    numba = sys.modules.get("numba")
    if numba is not None and hasattr(numba, "config") and not getattr(numba.config, _SETTING, ""):
        setattr(numba.config, _SETTING, folder)


def kernel_folder() -> Path:
    """Where this process keeps compiled kernels."""
    return Path(os.environ[_VARIABLE])


def folder_name() -> str:
    """Of the kernels of this copy of flatbook."""
    place = hashlib.blake2b(str(_KERNELS).encode(), digest_size=4).hexdigest()
    return f"kernels-{sources_hash()}-{place}"


def sources_hash() -> str:
    """Hash of every kernel's source and of the Python and numba that compile them."""
    digest = hashlib.blake2b((sys.version + version("numba")).encode(), digest_size=8)
    for path in sorted(_KERNELS.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
