"""DBN files from disk as a recording: all files of a folder together, in order of time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from heapq import merge
from pathlib import Path
from typing import Any, TypeVar

from flatbook.adapters.calendars import new_york_sessions, sessions_around
from flatbook.adapters.dbn import parse
from flatbook.adapters.dbn.decode import decoded, is_dbn
from flatbook.adapters.dbn.facts import Names, Reader, Trouble, names_of, stamp_of
from flatbook.adapters.files.faults import fault, some
from flatbook.adapters.files.instants import NEW_YORK, local_time
from flatbook.adapters.files.snapshot import Note, Progress, counted, silent
from flatbook.adapters.recording import Moment, Recording, bounds_of, in_order
from flatbook.model.errors import FaultsError
from flatbook.model.events import InstrumentsListed
from flatbook.model.facts import Fact
from flatbook.model.instruments import Instrument
from flatbook.model.table import InstrumentTable

NAME = "dbn"
_HOUR_NS = 3_600_000_000_000
_Choice = TypeVar("_Choice", str, date)


def looks_like(path: Path) -> bool:
    """Whether `path` is a DBN file, or a folder that holds one."""
    return bool(_files(path))


def read_recording(
    path: Path, *, day: date | None = None, underlying: str | None = None, progress: Progress = silent
) -> Recording:
    """The options of one underlying and its price, from all files together.

    Every file is read once to know what is quoted, and once again at each telling; none is held in memory.

    Parameters
    ----------
    path : Path
        A file, or a folder of files: quotes of options (CMBP-1, CBBO, TCBBO, consolidated MBP-1), and where there are any, definitions,
        states, and quotes of the share (MBP-1, BBO) from a dataset of shares.
    day : date, optional
        Of New York; the only one where it is not given.
    underlying : str, optional
        Needed where the files hold options on several.

    Raises
    ------
    FaultsError
        Everything that makes them no recording.
    InvalidValueError
        The library that decodes them is not installed.
    """
    files = _files(path)
    survey = _Survey()
    for file in files:
        progress(f"reading {file.name}")
        survey.take(file)
    name = _only(path, "options on", survey.underlyings(), underlying, "underlying")
    chosen_day = _only(path, "quotes of", sorted(survey.days), day, "day")
    items = survey.instruments(name, chosen_day)

    def moments() -> Iterator[Moment]:
        trouble = Trouble()
        told = (Reader(items, trouble).read(decoded(file)) for file in files)
        merged = merge(*(in_order(each) for each in told), key=lambda moment: moment.at_ns)
        return in_order(moment for moment in merged if _day_of(moment.at_ns) == chosen_day)

    begins_ns, ends_ns = bounds_of(moments())
    if not ends_ns:
        raise _nothing(path, name)
    (opens, closes) = (column.tolist() for column in new_york_sessions(chosen_day, chosen_day))
    instruments = tuple(dict.fromkeys(items.values()))
    return Recording(
        format=NAME,
        source=f"DBN records of {name} on {chosen_day} in {path.name}",
        table=InstrumentTable(version=1, instruments=instruments),
        opening=_opening(instruments, begins_ns, chosen_day, name),
        begins_ns=begins_ns,
        ends_ns=ends_ns,
        opens_ns=opens[0] if opens else begins_ns,
        closes_ns=closes[0] if closes else ends_ns,
        moments=moments,
        notes=survey.notes(name),
    )


@dataclass(slots=True)
class _Survey:
    """What is quoted in some files, by its names there."""

    options: dict[str, Instrument] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)  # names of quoted contracts that are no options
    days: set[date] = field(default_factory=set)
    multipliers: dict[str, float] = field(default_factory=dict)
    unnamed: int = 0  # quotes of numbers that no file names
    regional: int = 0

    def take(self, file: Path) -> None:
        """Read one file through."""
        names: Names | None = None
        for where, record in decoded(file):
            if names is None:
                names = names_of(record, where)
                continue
            symbol = names.take(record, where)
            if symbol:
                told = parse.multiplier_of(record)
                if told is not None:
                    self.multipliers[symbol] = told
            elif parse.kind_of(record) in parse.QUOTES:
                self._quote(names, record)

    def _quote(self, names: Names, record: Any) -> None:
        if not parse.is_consolidated(record, names.dataset):
            self.regional += 1
            return
        at_ns = stamp_of(record)
        symbol = names.of(int(record.instrument_id), at_ns)
        if not symbol:
            self.unnamed += 1
            return
        self.days.add(_day_of(at_ns))
        if symbol in self.options or symbol in self.others:
            return
        option = parse.option_named(symbol)
        if option is None:
            self.others.add(symbol)
        else:
            self.options[symbol] = option

    def underlyings(self) -> list[str]:
        """Of the options, sorted."""
        return sorted({item.underlying for item in self.options.values()})

    def instruments(self, underlying: str, day: date) -> dict[str, Instrument]:
        """The options on `underlying` that are alive on `day`, and the share itself where it is quoted."""
        opens_ns = _first_instant(day)
        out = {
            symbol: parse.with_multiplier(item, self.multipliers.get(symbol))
            for symbol, item in sorted(self.options.items())
            if item.underlying == underlying and item.expiry_ns > opens_ns
        }
        if underlying in self.others:
            out[underlying] = parse.share_named(underlying)
        return out

    def notes(self, underlying: str) -> tuple[Note, ...]:
        """What a trader would want to hear."""
        missing = underlying not in self.others
        passed = len(self.others - {underlying})
        return (
            *counted("regional", self.regional, "quotes of one exchange alone were passed over"),
            *counted("unnamed", self.unnamed, "quotes of contracts that no file names were passed over"),
            *counted("others", passed, "contracts are neither options that we know nor what these are on"),
            *counted(
                "no_price", int(missing), f"underlying ({underlying}) has no quotes: nothing can be valued"
            ),
        )


def _opening(
    instruments: tuple[Instrument, ...], begins_ns: int, day: date, underlying: str
) -> tuple[Fact, ...]:
    return (
        InstrumentsListed(received_ns=begins_ns, instruments=instruments),
        sessions_around(day, received_ns=begins_ns, underlying=underlying),
    )


def _only(path: Path, what: str, found: list[_Choice], asked: _Choice | None, name: str) -> _Choice:
    """What was asked for, or the only one that there is."""
    if asked is not None and asked in found:
        return asked
    if asked is None and len(found) == 1:
        return found[0]
    raise fault(
        where=path.name,
        found=f"{what} {some(found, 40)}" if found else "no quotes of US options",
        expected=f"one {name}" if asked is None else f"{what} {asked}",
        action=f"say which {name} to replay" if found else "name files with quotes of options",
    )


def _nothing(path: Path, underlying: str) -> FaultsError:
    return fault(
        where=path.name,
        found=f"no quote of an option on {underlying} that is alive",
        expected="at least one",
        action="name another day, or other files",
    )


def _files(path: Path) -> list[Path]:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [file for file in files if file.is_file() and is_dbn(file)]


def _first_instant(day: date) -> int:
    opens, _ = new_york_sessions(day, day)
    return int(opens[0]) if opens.size else 0


def _day_of(at_ns: int) -> date:
    return _day_of_hour(at_ns // _HOUR_NS)


@lru_cache(maxsize=64)
def _day_of_hour(hour: int) -> date:
    """Days begin on the hour, also where clocks are set."""
    return local_time(hour * _HOUR_NS, NEW_YORK).date()
