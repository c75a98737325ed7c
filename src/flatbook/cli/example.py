"""`flatbook example`: a synthetic chain, a day of one-sided flow and a desk, as files to try flatbook on."""

import csv
from importlib.resources import files
from pathlib import Path

from flatbook.adapters.files.flatbook_writer import write_tables
from flatbook.cli.outputs import SYNTHETIC_MARK
from flatbook.model.errors import Fault, fail_on
from flatbook.model.events import InstrumentsListed
from flatbook.sim.fill_rows import COLUMNS, fill_rows
from flatbook.sim.synthetic_day import synthetic_day


def write_example(folder: Path, seed: int) -> None:
    """Write the example of `seed` to a new folder; the same seed gives the same bytes.

    Raises
    ------
    FaultsError
        The folder holds something already.
    """
    if folder.exists() and any(folder.iterdir()):
        fail_on(
            [
                Fault(
                    where=str(folder),
                    found="a folder that is not empty",
                    expected="a new folder",
                    action="name another",
                )
            ]
        )
    folder.mkdir(parents=True, exist_ok=True)
    day = synthetic_day(seed)
    write_tables(folder, day.events, day.at_ns)
    listed = [
        item for event in day.events if isinstance(event, InstrumentsListed) for item in event.instruments
    ]
    with (folder / "fills.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *fill_rows(day.fills, listed)])
    (folder / "desk.toml").write_bytes((files("flatbook.sim") / "desk.toml").read_bytes())
    (folder / SYNTHETIC_MARK).write_text(
        f"Nothing here ever traded: made by `flatbook example` from seed {seed}.\n", encoding="utf-8"
    )
