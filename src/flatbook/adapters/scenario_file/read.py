"""Read a scenario file: the world, and the desk beside it.

Format: TOML 1.0 (toml.io/en/v1.0.0); the tables and keys are the fields of `model.world_terms.Scenario`, docs/simulate.md.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from flatbook.adapters.desk_file.read import DeskFile, read_desk
from flatbook.adapters.parameter_files import is_there, read_document, read_over
from flatbook.adapters.scenario_file.recording import digest_of, recording_of
from flatbook.model.errors import Fault, FaultsError
from flatbook.model.recorded_day import RecordedDay
from flatbook.model.world_terms import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioFile:
    """What a scenario file says, and the desk that it names."""

    scenario: Scenario
    desk: DeskFile
    path: Path
    text_hash: str  # 64 hexadecimal digits for the bytes of both, of the file that it is laid over, and what a recording holds (BLAKE2b, 32 bytes)

    def recording(self) -> RecordedDay | None:
        """What it plays again; None where its market is made up. It is read once in a process, and does not travel to others."""
        terms = self.scenario.recorded
        return None if terms is None else recording_of(terms, self.path)


def read_scenario(path: Path) -> ScenarioFile:
    """The scenario at `path`, and its desk.

    Raises
    ------
    FaultsError
        With every fault of the scenario, each with its line and key; or of the desk file, which lies where `desk` says, from the
        folder of the scenario; or of the recording that it plays.
    """
    base = _base_of(path)
    packaged = base.read_text(encoding="utf-8-sig") if base is not None else ""
    scenario = read_over(Scenario, base.name if base is not None else path.name, packaged, path)
    beside = path.parent / scenario.desk
    if not is_there(beside) or not beside.is_file():
        fault = Fault(
            where=f"{path.name}, desk",
            found=f"{scenario.desk!r}, where no file is",
            expected="a desk file, its path told from the folder of the scenario",
            action="name one, or copy it there",
        )
        raise FaultsError([fault])
    digest = hashlib.blake2b(path.read_bytes(), digest_size=32)
    digest.update(b"\0" + beside.read_bytes() + b"\0" + packaged.encode())
    desk = read_desk(beside)
    if scenario.recorded is not None:
        digest.update(b"\0" + digest_of(recording_of(scenario.recorded, path)))
    return ScenarioFile(scenario=scenario, desk=desk, path=path, text_hash=digest.hexdigest())


def _base_of(path: Path) -> Path | None:
    """The file that this one is laid over, table by table; None: it stands alone. Faults of the text itself are told by who reads it whole."""
    try:
        name = read_document(path).get("base", "")
    except FaultsError:
        return None
    if not isinstance(name, str) or not name:
        return None
    base = path.parent / name
    if not is_there(base) or not base.is_file() or "base" in read_document(base):
        fault = Fault(
            where=f"{path.name}, base",
            found=f"{name!r}, where no file is, or one with a base of its own",
            expected="a scenario file that stands alone, its path told from the folder of this one",
            action="name one, or leave it out",
        )
        raise FaultsError([fault])
    return base
