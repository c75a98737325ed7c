"""The recording that a scenario plays again: read once in a process, and told apart from every other by what is in it."""

import hashlib
from dataclasses import fields
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np

from flatbook.adapters.files.lean_day import read_lean_day
from flatbook.adapters.parameter_files import is_there
from flatbook.model.errors import Fault, FaultsError
from flatbook.model.recorded_day import RecordedDay
from flatbook.model.world_recorded_terms import RecordedTerms


def recording_of(terms: RecordedTerms, scenario: Path) -> RecordedDay:
    """What a scenario file plays.

    Parameters
    ----------
    terms : RecordedTerms
    scenario : Path
        The file: the recording's path is told from its folder.

    Raises
    ------
    FaultsError
        Nothing is there, or everything that is wrong with it, at once.
    """
    place = scenario.parent / terms.path
    if not is_there(place):
        fault = Fault(
            where=f"{scenario.name}, recorded.path",
            found=f"{terms.path!r}, where nothing is",
            expected="a folder of LEAN's zips, its path told from the folder of the scenario",
            action="correct the path, or fetch the recording",
        )
        raise FaultsError([fault])
    return _read(str(place.resolve()), terms.day, terms.underlying)


def digest_of(day: RecordedDay) -> bytes:
    """32 bytes that stand for everything in a recording (BLAKE2b)."""
    digest = hashlib.blake2b(digest_size=32)
    for each in fields(day):
        value = getattr(day, each.name)
        told = (
            np.ascontiguousarray(value).tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
        )
        digest.update(len(told).to_bytes(8, "big") + told)
    return digest.digest()


@lru_cache(maxsize=1)
def _read(place: str, day: date, underlying: str) -> RecordedDay:
    return read_lean_day(Path(place), day=day, underlying=underlying or None)
