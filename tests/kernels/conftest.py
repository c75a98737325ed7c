"""Kernels are compiled once and kept; numba looks only at a kernel's own file, so a changed helper would go unseen."""

from pathlib import Path

import flatbook.kernels

_ROOM = Path(flatbook.kernels.__file__).parent
_CHANGED = max(source.stat().st_mtime for source in _ROOM.glob("*.py"))

for _kept in _ROOM.glob("__pycache__/*.nb?"):
    if _kept.stat().st_mtime < _CHANGED:
        _kept.unlink(missing_ok=True)
