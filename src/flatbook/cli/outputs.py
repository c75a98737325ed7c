"""Where a command writes: places that must not be written to are told before any work, files are written whole or not at all."""

import os
from collections.abc import Mapping
from pathlib import Path

from flatbook.model.errors import Fault

SYNTHETIC_MARK = "SYNTHETIC"  # a file of this name in a market folder: nothing in it ever traded


def faults_of_outputs(
    inputs: Mapping[str, Path], outputs: Mapping[str, Path | None], *, never_over: str = ""
) -> list[Fault]:
    """Places that cannot or must not be written to.

    Parameters
    ----------
    inputs, outputs : mapping of option to path
        An output may be no input and no file inside an input that is a folder. None: not asked for.
    never_over : str
        The output that must be a new file.
    """
    sources = {path.resolve(): name for name, path in inputs.items()}
    taken: dict[Path, str] = {}
    faults = []
    for name, path in outputs.items():
        if path is None:
            continue
        whole = path.resolve()
        source = sources.get(whole) or _folder_of(whole, sources)
        if source:
            faults.append(_place(name, f"{path}, an input ({source})", "a file of its own"))
        elif whole in taken:
            faults.append(_place(name, f"{path}, which {taken[whole]} writes too", "a file of its own"))
        elif whole.is_dir():
            faults.append(_place(name, f"{path}, a folder", "a file"))
        elif not whole.parent.is_dir():
            faults.append(_place(name, f"no folder {path.parent}", "a folder that exists"))
        elif not os.access(whole.parent, os.W_OK):
            faults.append(_place(name, f"{path.parent}, which cannot be written to", "a folder of yours"))
        elif name == never_over and whole.exists():
            faults.append(
                _place(name, f"{path} exists already", "a new file: a journal is never written over")
            )
        taken.setdefault(whole, name)
    return faults


def replace_file(path: Path, content: bytes) -> None:
    """Write the whole file or leave the old one."""
    draft = path.with_name(path.name + ".part")
    draft.write_bytes(content)
    draft.replace(path)


def is_synthetic(market: Path) -> bool:
    """Whether the folder says that nothing in it ever traded."""
    return (market / SYNTHETIC_MARK).exists()


def _folder_of(whole: Path, sources: Mapping[Path, str]) -> str:
    """The input folder that a file which exists lies in."""
    found = (
        name
        for path, name in sources.items()
        if path.is_dir() and whole.is_relative_to(path) and whole.exists()
    )
    return next(found, "")


def _place(name: str, found: str, expected: str) -> Fault:
    return Fault(where=name, found=found, expected=expected, action="name another file")
