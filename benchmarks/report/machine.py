"""The machine and the versions that figures were taken with."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from benchmarks.report.peer_process import PeerError, PeerProcess
from flatbook.kernel_cache import sources_hash

_OURS = ("numba", "llvmlite", "numpy", "scipy", "QuantLib")
_PEERS = ("jax", "jaxlib", "fast-vollib", "numba", "numpy")


def describe(peers: PeerProcess) -> list[tuple[str, str]]:
    """Rows of the page's first table."""
    try:
        theirs = _listed(peers.versions(list(_PEERS)))
    except PeerError as fault:
        theirs = str(fault)
    return [
        ("Processor", f"{_processor()}, {len(os.sched_getaffinity(0))} cores for this process"),
        ("Vectors", _vectors()),
        ("System", f"{platform.system()} {platform.release().split('-')[0]}, {platform.machine()}"),
        ("Python", platform.python_version()),
        ("Ours, and the peers in the same process", _listed({name: version(name) for name in _OURS})),
        ("Peers in their own environment", theirs),
        ("flatbook", f"{version('flatbook')}, kernels {sources_hash()}"),
    ]


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())


def _processor() -> str:
    return _cpu_line("model name") or platform.processor() or "unknown"


def _vectors() -> str:
    flags = _cpu_line("flags").split()
    return ", ".join(flag for flag in ("avx2", "fma", "avx512f") if flag in flags) or "unknown"


def _cpu_line(key: str) -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")
